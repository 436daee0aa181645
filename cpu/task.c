/*
 * Hardware task switches. Source: SDM Vol. 3A, "Task Management": "Task Switching", with the
 * "Exception Conditions Checked During a Task Switch" in the order of its table.
 *
 *   386 TSS                                286 TSS
 *   00 link   1C CR3    20 EIP             00 link   0E IP     10 FLAGS
 *   24 EFLAGS 28 EAX .. 44 EDI             12 AX .. 20 DI
 *   48 ES CS SS DS FS GS  5C               22 ES CS SS DS  28
 *   60 LDT    64 T bit   66 I/O map        2A LDT
 */
#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/mem.h"
#include "cpu/op.h"
#include "cpu/segment.h"

enum tss_layout {
    TSS32_CR3 = 0x1C,
    TSS32_EIP = 0x20,
    TSS32_SEGS = 0x48,
    TSS32_LDT = 0x60,
    TSS32_TRAP = 0x64,
    TSS32_LIMIT = 0x67,
    TSS16_IP = 0x0E,
    TSS16_SEGS = 0x22,
    TSS16_LDT = 0x2A,
    TSS16_LIMIT = 0x2B,
};

/* What a TSS holds of a task, in the order of the TSS. */
struct task {
    u64 eip, eflags;
    u64 gpr[8];
    u64 seg[6];
    u64 ldt, cr3;
    bool trap;
};

static bool is32(u16 attr)
{
    return attr & SYS_32;
}

static unsigned seg_count(bool wide)
{
    return wide ? 6 : 4;
}

static bool get(struct cpu *c, u64 base, unsigned at, unsigned size, u64 *v)
{
    return mem_read_linear(c, (u32)(base + at), size, MMU_SUPERVISOR, v);
}

static bool put(struct cpu *c, u64 base, unsigned at, unsigned size, u64 v)
{
    return mem_write_linear(c, (u32)(base + at), size, MMU_SUPERVISOR, v);
}

static bool task_read(struct cpu *c, u64 base, bool wide, struct task *t)
{
    unsigned size = wide ? 4 : 2, at = wide ? TSS32_EIP : TSS16_IP;
    u64 trap = 0;

    *t = (struct task){0};
    if (!get(c, base, at, size, &t->eip) || !get(c, base, at + size, size, &t->eflags))
        return false;
    for (unsigned i = 0; i < 8; i++)
        if (!get(c, base, at + (2 + i) * size, size, &t->gpr[i]))
            return false;
    for (unsigned i = 0; i < seg_count(wide); i++)
        if (!get(c, base, (wide ? TSS32_SEGS : TSS16_SEGS) + i * size, 2, &t->seg[i]))
            return false;
    if (!get(c, base, wide ? TSS32_LDT : TSS16_LDT, 2, &t->ldt))
        return false;
    if (wide && (!get(c, base, TSS32_CR3, 4, &t->cr3) || !get(c, base, TSS32_TRAP, 2, &trap)))
        return false;
    t->trap = trap & 1;
    return true;
}

/* The outgoing task; the caller has probed the TSS, so nothing here fails. */
static bool task_save(struct cpu *c, u64 eip, u32 eflags)
{
    bool wide = is32(c->tr.attr);
    unsigned size = wide ? 4 : 2, at = wide ? TSS32_EIP : TSS16_IP;

    if (!put(c, c->tr.base, at, size, eip) || !put(c, c->tr.base, at + size, size, eflags))
        return false;
    for (unsigned i = 0; i < 8; i++)
        if (!put(c, c->tr.base, at + (2 + i) * size, size, c->gpr[i]))
            return false;
    for (unsigned i = 0; i < seg_count(wide); i++)
        if (!put(c, c->tr.base, (wide ? TSS32_SEGS : TSS16_SEGS) + i * size, 2, c->seg[i].sel))
            return false;
    return true;
}

/* ---- Checks before the point of no return ---- */

static bool check_new_tss(struct cpu *c, u16 sel, enum task_reason reason, struct descriptor *d)
{
    u8 vector = reason == TASK_IRET ? VEC_TS : VEC_GP;
    unsigned type;
    u16 attr;

    if (sel & SEL_TI || !(sel & SEL_INDEX_TI))
        return fault_raise_error(c, vector, sel & SEL_ERROR);
    if (!desc_read(c, sel, vector, d))
        return false;
    attr = desc_attr(d);
    type = attr_system_type(attr);
    if ((type & ~(unsigned)(SYS_32 | SYS_BUSY)) != SYS_TSS16 ||
        !!(type & SYS_BUSY) != (reason == TASK_IRET))
        return fault_raise_error(c, vector, sel & SEL_ERROR);
    if (!(attr & DESC_P))
        return fault_raise_error(c, VEC_NP, sel & SEL_ERROR);
    if (desc_limit(d) < (is32(attr) ? TSS32_LIMIT : TSS16_LIMIT))
        return fault_raise_error(c, VEC_TS, sel & SEL_ERROR);
    return true;
}

/* All memory that the switch writes must be there: the old TSS, the new link, both descriptors. */
static bool probe(struct cpu *c, u16 sel, u64 new_base, enum task_reason reason)
{
    bool wide = is32(c->tr.attr);
    unsigned from = wide ? TSS32_EIP : TSS16_IP, to = wide ? TSS32_LDT : TSS16_LDT;
    bool nests = reason == TASK_CALL || reason == TASK_GATE;
    u64 la;

    if (!mem_probe_linear(c, (u32)(c->tr.base + from), to - from, MMU_WRITE, MMU_SUPERVISOR))
        return false;
    if (nests && !mem_probe_linear(c, (u32)new_base, 2, MMU_WRITE, MMU_SUPERVISOR))
        return false;
    if (!nests && desc_address(c, c->tr.sel, &la) &&
        !mem_probe_linear(c, la + 5, 1, MMU_WRITE, MMU_SUPERVISOR))
        return false;
    return reason == TASK_IRET || !desc_address(c, sel, &la) ||
           mem_probe_linear(c, la + 5, 1, MMU_WRITE, MMU_SUPERVISOR);
}

/* ---- The switch itself ---- */

static bool set_busy(struct cpu *c, u16 sel, bool busy)
{
    struct descriptor d;

    if (!desc_read(c, sel, VEC_TS, &d))
        return false;
    return desc_mark(c, sel, &d, busy ? SYS_BUSY << 8 : 0, busy ? 0 : SYS_BUSY << 8);
}

/* Save the old task, mark both, point TR at the new one. */
static bool leave(struct cpu *c, u16 sel, const struct descriptor *d, enum task_reason reason,
                  u64 return_rip)
{
    u32 eflags = (u32)cpu_flags(c) & (reason == TASK_IRET ? ~(u32)EF_NT : ~0u);
    bool nests = reason == TASK_CALL || reason == TASK_GATE;

    if (!task_save(c, return_rip, eflags))
        return false;
    if (!nests && !set_busy(c, c->tr.sel, false))
        return false;
    if (reason != TASK_IRET && !set_busy(c, sel, true))
        return false;
    if (nests && !put(c, desc_base(d), 0, 2, c->tr.sel))
        return false;
    seg_from_desc(&c->tr, sel, d);
    c->tr.attr |= SYS_BUSY;
    return true;
}

/* Registers without checks. Segments are marked unusable until they have been checked. */
static void load_registers(struct cpu *c, const struct task *t, bool wide, bool nests)
{
    if (wide && (c->cr0 & CR0_PG)) {
        c->cr3 = t->cr3 & CR3_MASK;
        c->mmu.paging.cr3 = c->cr3;
        mmu_flush_cr3(&c->mmu);
    }
    c->cr0 |= CR0_TS;
    c->dr[7] &= ~0x155ull; /* the local enables L0-L3 and LE */
    for (unsigned i = 0; i < 8; i++)
        c->gpr[i] = t->gpr[i];
    for (unsigned i = 0; i < 6; i++)
        seg_set_null(&c->seg[i], (u16)t->seg[i]);
    seg_set_null(&c->ldtr, (u16)t->ldt);
    c->rip = c->next_rip = t->eip;
    c->cpl = t->eflags & EF_VM ? 3 : t->seg[SEG_CS] & SEL_RPL;
    flags_load(c, (u32)t->eflags | (nests ? EF_NT : 0), ~0u);
    if (t->trap)
        debug_task_trap(c);
}

/* ---- Checks in the new task, in the order of the SDM's table, which is the P6 family's ---- */

static bool refuse(struct cpu *c, u8 vector, u16 sel)
{
    return fault_raise_error(c, vector, sel & SEL_ERROR);
}

/* Valid: not null, in its table. */
static bool read_valid(struct cpu *c, u16 sel, struct descriptor *d)
{
    if (!(sel & SEL_INDEX_TI))
        return refuse(c, VEC_TS, 0);
    return desc_read(c, sel, VEC_TS, d);
}

static bool check_ldt(struct cpu *c)
{
    u16 sel = c->ldtr.sel;
    struct descriptor d;

    if (!(sel & SEL_INDEX_TI))
        return true;
    if (sel & SEL_TI)
        return refuse(c, VEC_TS, sel);
    if (!desc_read(c, sel, VEC_TS, &d))
        return false;
    if (attr_system_type(desc_attr(&d)) != SYS_LDT)
        return refuse(c, VEC_TS, sel);
    seg_from_desc(&c->ldtr, sel, &d);
    return true;
}

static bool check_ldt_present(struct cpu *c)
{
    if (c->ldtr.unusable || (c->ldtr.attr & DESC_P))
        return true;
    seg_set_null(&c->ldtr, c->ldtr.sel);
    return refuse(c, VEC_TS, c->ldtr.sel);
}

static bool check_cs_level(struct cpu *c, struct descriptor *d)
{
    u16 sel = c->seg[SEG_CS].sel;
    unsigned dpl;

    if (!read_valid(c, sel, d))
        return false;
    dpl = attr_dpl(desc_attr(d));
    if (attr_is_code(desc_attr(d)) && (desc_attr(d) & DESC_EC) ? dpl > c->cpl : dpl != c->cpl)
        return refuse(c, VEC_TS, sel);
    return true;
}

static bool check_ss(struct cpu *c, struct descriptor *d)
{
    u16 sel = c->seg[SEG_SS].sel;

    if (!read_valid(c, sel, d))
        return false;
    if (!attr_is_data(desc_attr(d)) || !(desc_attr(d) & DESC_RW))
        return refuse(c, VEC_TS, sel);
    if (!(desc_attr(d) & DESC_P))
        return refuse(c, VEC_SS, sel);
    return attr_dpl(desc_attr(d)) == c->cpl || refuse(c, VEC_TS, sel);
}

static bool check_cs(struct cpu *c, const struct descriptor *d)
{
    u16 sel = c->seg[SEG_CS].sel;

    if (!attr_is_code(desc_attr(d)))
        return refuse(c, VEC_TS, sel);
    return (desc_attr(d) & DESC_P) || refuse(c, VEC_NP, sel);
}

static bool check_data(struct cpu *c, u16 sel, struct descriptor *d)
{
    unsigned dpl;
    u16 attr;

    if (!desc_read(c, sel, VEC_TS, d))
        return false;
    attr = desc_attr(d);
    dpl = attr_dpl(attr);
    if (!attr_is_data(attr) && !(attr_is_code(attr) && (attr & DESC_RW)))
        return refuse(c, VEC_TS, sel);
    if (!(attr & DESC_P))
        return refuse(c, VEC_NP, sel);
    if (attr_is_code(attr) && (attr & DESC_EC))
        return true;
    return (dpl >= c->cpl && dpl >= (sel & SEL_RPL)) || refuse(c, VEC_TS, sel);
}

static bool load(struct cpu *c, enum seg_reg n, struct descriptor *d)
{
    u16 sel = c->seg[n].sel;

    if (!desc_mark(c, sel, d, DESC_ACCESSED << 8, 0))
        return false;
    seg_from_desc(&c->seg[n], sel, d);
    return true;
}

static bool load_data(struct cpu *c)
{
    static const u8 data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    struct descriptor d;

    for (unsigned i = 0; i < ARRAY_LEN(data); i++)
        if ((c->seg[data[i]].sel & SEL_INDEX_TI) &&
            (!check_data(c, c->seg[data[i]].sel, &d) || !load(c, data[i], &d)))
            return false;
    return true;
}

static bool load_segments(struct cpu *c)
{
    struct descriptor cs, ss;
    u16 sel = c->seg[SEG_SS].sel;

    if (!check_ldt(c))
        return false;
    if (cpu_is_v86(c)) {
        for (unsigned i = 0; i < SEG_COUNT; i++)
            seg_load_real(c, i, c->seg[i].sel);
        return check_ldt_present(c);
    }
    if (!check_cs_level(c, &cs) || !check_ss(c, &ss) || !check_ldt_present(c) ||
        !check_cs(c, &cs) || !load(c, SEG_CS, &cs))
        return false;
    if ((sel & SEL_RPL) != c->cpl)
        return refuse(c, VEC_TS, sel);
    return load(c, SEG_SS, &ss) && load_data(c);
}

static bool push_error_code(struct cpu *c, bool wide, u32 error)
{
    return mem_push(c, wide ? 4 : 2, error);
}

bool task_switch(struct cpu *c, u16 sel, enum task_reason reason, bool push_error, u32 error,
                 u64 return_rip)
{
    bool nests = reason == TASK_CALL || reason == TASK_GATE, wide, ok;
    u16 from_cs = c->seg[SEG_CS].sel, from_task = c->tr.sel;
    u64 from = c->rip;
    struct descriptor d;
    struct task t;

    if (!check_new_tss(c, sel, reason, &d))
        return false;
    wide = is32(desc_attr(&d));
    if (!task_read(c, desc_base(&d), wide, &t) || !probe(c, sel, desc_base(&d), reason) ||
        !leave(c, sel, &d, reason, return_rip))
        return false;
    load_registers(c, &t, wide, nests);
    /* From here on faults belong to the new task: rip is its first instruction already. */
    ok = load_segments(c);
    cpu_update_mode(c);
    if (!ok)
        return false;
    transfer_note(c, from_cs, from, c->seg[SEG_CS].sel, t.eip);
    if (unlikely(c->hooks != NULL))
        c->hooks->task(c->hooks->opaque, from_task, sel);
    if (t.eip > c->seg[SEG_CS].limit)
        return fault_gp(c, 0);
    return !push_error || push_error_code(c, wide, error);
}
