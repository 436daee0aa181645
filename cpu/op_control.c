/*
 * Moves to and from control, debug and test registers. SDM Vol. 2, "MOV - Move to/from Control
 * Registers", "MOV - Move to/from Debug Registers"; Vol. 3A, "Control Registers".
 */
#include "cpu/op.h"
#include "cpu/segment.h"

/* Bits that exist. ET cannot be changed from the 486 on, where the FPU's protocol is fixed. */
static u64 cr0_mask(const struct cpu *c)
{
    u64 mask = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_PG;

    if (!model_has(c->model, FEAT_486))
        return mask | CR0_ET;
    return mask | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD;
}

static bool write_cr0(struct cpu *c, u64 v)
{
    if (((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
        return fault_gp(c, 0);
    v = (v & cr0_mask(c)) | (model_has(c->model, FEAT_486) ? CR0_ET : 0);
    c->cr0 = v;
    cpu_update_mode(c);
    return true;
}

static bool write_cr4(struct cpu *c, u64 v)
{
    if (v & ~(u64)c->model->cr4_mask)
        return fault_gp(c, 0);
    c->cr4 = v;
    cpu_update_mode(c);
    return true;
}

static bool write_cr3(struct cpu *c, u64 v)
{
    c->cr3 = v & (model_has(c->model, FEAT_486) ? CR3_MASK : ~0xFFFull);
    c->mmu.paging.cr3 = c->cr3;
    mmu_flush_cr3(&c->mmu);
    return true;
}

bool control_load(struct cpu *c, unsigned n, u64 v)
{
    switch (n) {
    case 0: return write_cr0(c, v);
    case 2: c->cr2 = v; return true;
    case 3: return write_cr3(c, v);
    default: return write_cr4(c, v);
    }
}

bool control_exists(const struct cpu *c, unsigned n)
{
    return n == 0 || n == 2 || n == 3 || (n == 4 && c->model->cr4_mask);
}

static u64 read_cr(const struct cpu *c, unsigned n)
{
    switch (n) {
    case 0: return c->cr0;
    case 2: return c->cr2;
    case 3: return c->cr3;
    default: return c->cr4;
    }
}

bool op_MOV_CR(struct cpu *c, const struct insn *in)
{
    bool load = in->kind[0] == OPND_CREG;
    unsigned n = in->reg[load ? 0 : 1], gpr = in->reg[load ? 1 : 0];
    u64 v = reg_get(c, gpr, 4);

    if (!control_exists(c, n))
        return fault_ud(c);
    if (c->cpl != 0)
        return fault_gp(c, 0);
    if (!load) {
        reg_set(c, gpr, 4, read_cr(c, n));
        return true;
    }
    return control_load(c, n, v);
}

/* ---- Debug registers ---- */

enum {
    DR6_FIXED = 0xFFFF0FF0u,
    DR6_WRITABLE = 0x0000E00F,
    DR7_FIXED = 1 << 10,
    DR7_WRITABLE = 0xFFFF23FF,
};

void debug_load(struct cpu *c, unsigned n, u64 v)
{
    if (n == 6)
        v = (v & DR6_WRITABLE) | DR6_FIXED;
    else if (n == 7)
        v = (v & DR7_WRITABLE) | DR7_FIXED;
    c->dr[n] = v;
    /* Pages with a watchpoint must leave the fast path, and others may come back to it. */
    mmu_drop_entries(&c->mmu);
    cpu_update_level(c);
}

/* General detect: the debugger's registers are in use; BD says so. DR7.GD is cleared on entry. */
static bool general_detect(struct cpu *c)
{
    c->dr[6] |= DR6_BD;
    return fault_raise(c, VEC_DB);
}

bool op_MOV_DR(struct cpu *c, const struct insn *in)
{
    bool load = in->kind[0] == OPND_DREG;
    unsigned n = in->reg[load ? 0 : 1], gpr = in->reg[load ? 1 : 0];

    if ((n == 4 || n == 5) && (c->cr4 & CR4_DE))
        return fault_ud(c);
    if (c->cpl != 0)
        return fault_gp(c, 0);
    if (c->dr[7] & DR7_GD)
        return general_detect(c);
    if (n == 4 || n == 5)
        n += 2;
    if (load)
        debug_load(c, n, reg_get(c, gpr, 4));
    else
        reg_set(c, gpr, 4, c->dr[n]);
    return true;
}

/* ---- Test registers of the 386 and 486 ---- */

/* Stored values: the TLB and cache cells that they would show are not modelled. */
bool op_MOV_TR(struct cpu *c, const struct insn *in)
{
    bool load = in->kind[0] == OPND_TREG;
    unsigned n = in->reg[load ? 0 : 1], gpr = in->reg[load ? 1 : 0];

    if (n < (model_has(c->model, FEAT_486) ? 3 : 6))
        return fault_ud(c);
    if (c->cpl != 0)
        return fault_gp(c, 0);
    if (load)
        c->test_reg[n] = (u32)reg_get(c, gpr, 4);
    else
        reg_set(c, gpr, 4, c->test_reg[n]);
    return true;
}
