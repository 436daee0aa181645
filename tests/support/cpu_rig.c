/* A processor for tests of instructions; see cpu_rig.h. */
#include "tests/support/cpu_rig.h"

#include "cpu/engine.h"
#include "cpu/op.h"
#include "mmu/bus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { HLT = 0xF4, VECTORS = 256 };

static u8 inta(void *opaque)
{
    struct cpu_rig *r = opaque;

    return r->inta_vector;
}

static void ferr(void *opaque, bool level)
{
    struct cpu_rig *r = opaque;

    r->ferr = level;
}

static u64 now_ns(void *opaque)
{
    struct cpu_rig *r = opaque;

    return r->now_ns;
}

void cpu_rig_setup(struct cpu_rig *r, const char *model)
{
    cpu_rig_setup_engine(r, model, &engine_interp);
}

void cpu_rig_setup_engine(struct cpu_rig *r, const char *model, const struct engine *engine)
{
    struct cpu_pins pins = {
        .opaque = r, .interrupt_acknowledge = inta, .ferr = ferr, .now_ns = now_ns};
    frame_id first;

    memset(r, 0, sizeof *r);
    r->pm = physmap_new();
    first = physmap_new_frames(r->pm, "ram", CPU_RIG_RAM, 0);
    cr_assert(first);
    physmap_map_frames(r->pm, 0, CPU_RIG_RAM, first, true);
    r->bus = bus_new(r->pm);
    r->cpu = cpu_new(cpu_model_find(model), engine, r->bus, &pins, NULL, 0);
    cr_assert(r->cpu, "no such model, or no memory");
}

void cpu_rig_teardown(struct cpu_rig *r)
{
    cpu_free(r->cpu);
    bus_free(r->bus);
    physmap_free(r->pm);
}

/* ---- Memory ---- */

void cpu_rig_put(struct cpu_rig *r, u32 at, unsigned size, u32 value)
{
    physmap_write(r->pm, at, &value, size);
}

u32 cpu_rig_get(struct cpu_rig *r, u32 at, unsigned size)
{
    u32 v = 0;

    physmap_read(r->pm, at, &v, size);
    return v;
}

void cpu_rig_code(struct cpu_rig *r, u32 at, const char *hex)
{
    unsigned byte;
    int used;

    for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
        cpu_rig_put(r, at++, 1, byte);
}

void cpu_rig_desc(struct cpu_rig *r, u16 sel, u32 base, u32 limit, u16 attr)
{
    u32 at = AT_GDT + (sel & 0xFFF8u);

    cpu_rig_put(r, at, 4, (limit & 0xFFFF) | base << 16);
    cpu_rig_put(r, at + 4, 4,
                (base >> 16 & 0xFF) | (u32)attr << 8 | (limit & 0xF0000) | (base & 0xFF000000));
}

static void gate(struct cpu_rig *r, u32 at, unsigned type, u16 target, u32 off, unsigned dpl,
                 unsigned params)
{
    cpu_rig_put(r, at, 4, (off & 0xFFFF) | (u32)target << 16);
    cpu_rig_put(r, at + 4, 4, (off & 0xFFFF0000) | 0x8000 | dpl << 13 | type << 8 | (params & 31));
}

void cpu_rig_gdt_gate(struct cpu_rig *r, u16 sel, unsigned type, u16 target, u32 off, unsigned dpl,
                      unsigned params)
{
    gate(r, AT_GDT + (sel & 0xFFF8u), type, target, off, dpl, params);
}

void cpu_rig_idt_gate(struct cpu_rig *r, u8 vector, unsigned type, u16 target, u32 off,
                      unsigned dpl)
{
    gate(r, AT_IDT + vector * 8u, type, target, off, dpl, 0);
}

void cpu_rig_load(struct cpu_rig *r, enum seg_reg n, u16 sel)
{
    u32 at = AT_GDT + (sel & 0xFFF8u);
    struct descriptor d = {cpu_rig_get(r, at, 4), cpu_rig_get(r, at + 4, 4)};

    seg_from_desc(&r->cpu->seg[n], sel, &d);
    cpu_update_mode(r->cpu);
}

/* ---- Modes ---- */

static void fresh(struct cpu_rig *r)
{
    static const u8 zeros[AT_CODE];

    physmap_write(r->pm, 0, zeros, sizeof zeros);
    cpu_reset(r->cpu, true);
    for (unsigned v = 0; v < VECTORS; v++)
        cpu_rig_put(r, AT_HANDLERS + v * 16, 1, HLT);
}

void cpu_rig_real(struct cpu_rig *r)
{
    struct cpu *c = r->cpu;

    fresh(r);
    for (unsigned v = 0; v < VECTORS; v++)
        cpu_rig_put(r, AT_IVT + v * 4, 4, AT_HANDLERS + v * 16);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_load_real(c, i, 0);
    seg_load_real(c, SEG_CS, AT_CODE >> 4);
    c->rip = 0;
    c->gpr[RSP] = AT_STACK0;
}

static void tables(struct cpu_rig *r)
{
    struct cpu *c = r->cpu;
    struct descriptor d;

    cpu_rig_desc(r, SEL_CODE0, 0, 0xFFFFF, ATTR_CODE | ATTR_FLAT);
    cpu_rig_desc(r, SEL_DATA0, 0, 0xFFFFF, ATTR_DATA | ATTR_FLAT);
    cpu_rig_desc(r, SEL_CODE3, 0, 0xFFFFF, ATTR_CODE | ATTR_FLAT | ATTR_DPL3);
    cpu_rig_desc(r, SEL_DATA3, 0, 0xFFFFF, ATTR_DATA | ATTR_FLAT | ATTR_DPL3);
    cpu_rig_desc(r, SEL_CODE1, 0, 0xFFFFF, ATTR_CODE | ATTR_FLAT | ATTR_DPL1);
    cpu_rig_desc(r, SEL_DATA1, 0, 0xFFFFF, ATTR_DATA | ATTR_FLAT | ATTR_DPL1);
    cpu_rig_desc(r, SEL_TSS, AT_TSS, TSS_BYTES - 1, DESC_P | SYS_TSS32_BUSY);
    cpu_rig_desc(r, SEL_TSS2, AT_TSS2, TSS_BYTES - 1, DESC_P | SYS_TSS32);
    cpu_rig_desc(r, SEL_LDT, AT_LDT, 0x7F, DESC_P | SYS_LDT);
    cpu_rig_put(r, AT_TSS + 4, 4, AT_STACK0);
    cpu_rig_put(r, AT_TSS + 8, 4, SEL_DATA0);
    cpu_rig_put(r, AT_TSS + 12, 4, AT_STACK1);
    cpu_rig_put(r, AT_TSS + 16, 4, SEL_DATA1);
    cpu_rig_put(r, AT_TSS + TSS_IO_MAP, 2, TSS_BYTES);
    for (unsigned v = 0; v < VECTORS; v++)
        cpu_rig_idt_gate(r, (u8)v, SYS_INT_GATE32, SEL_CODE0, AT_HANDLERS + v * 16, 3);
    c->gdtr = (struct table_reg){AT_GDT, 0x3FF};
    c->idtr = (struct table_reg){AT_IDT, VECTORS * 8 - 1};
    d = (struct descriptor){cpu_rig_get(r, AT_GDT + SEL_TSS, 4),
                            cpu_rig_get(r, AT_GDT + SEL_TSS + 4, 4)};
    seg_from_desc(&c->tr, SEL_TSS, &d);
    seg_set_null(&c->ldtr, 0);
}

void cpu_rig_protected(struct cpu_rig *r, unsigned cpl)
{
    static const u16 code[] = {SEL_CODE0, SEL_CODE1, 0, SEL_CODE3};
    static const u16 data[] = {SEL_DATA0, SEL_DATA1, 0, SEL_DATA3};
    static const u32 stack[] = {AT_STACK0, AT_STACK1, 0, AT_STACK3};
    struct cpu *c = r->cpu;

    fresh(r);
    tables(r);
    c->cr0 |= CR0_PE;
    c->cpl = (u8)cpl;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        cpu_rig_load(r, i, data[cpl]);
    cpu_rig_load(r, SEG_CS, code[cpl]);
    c->rip = AT_CODE;
    c->gpr[RSP] = stack[cpl];
}

void cpu_rig_v86(struct cpu_rig *r, unsigned iopl)
{
    struct cpu *c = r->cpu;

    fresh(r);
    tables(r);
    for (unsigned v = 0; v < VECTORS; v++)
        cpu_rig_put(r, AT_IVT + v * 4, 4, AT_HANDLERS + v * 16);
    c->cr0 |= CR0_PE;
    c->cpl = 3;
    cpu_rig_flags(r, EF_VM | iopl << 12);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_load_real(c, i, 0);
    seg_load_real(c, SEG_CS, AT_CODE >> 4);
    c->rip = 0;
    c->gpr[RSP] = AT_STACK3;
}

void cpu_rig_flags(struct cpu_rig *r, u32 flags)
{
    cpu_set_flags(r->cpu, flags | EF_FIXED);
    cpu_update_mode(r->cpu);
}

/* ---- Execution ---- */

static int entered(const struct cpu *c)
{
    u64 at = c->seg[SEG_CS].base + c->rip;

    if (c->shutdown)
        return SHUT_DOWN;
    if (at < AT_HANDLERS || at >= AT_HANDLERS + VECTORS * 16 || at % 16)
        return NO_FAULT;
    return (int)(at - AT_HANDLERS) / 16;
}

int cpu_rig_step(struct cpu_rig *r)
{
    r->cpu->until = UINT64_MAX;
    cpu_step(r->cpu);
    return entered(r->cpu);
}

int cpu_rig_exec(struct cpu_rig *r, const char *hex)
{
    cpu_rig_code(r, (u32)(r->cpu->seg[SEG_CS].base + r->cpu->rip), hex);
    return cpu_rig_step(r);
}

u32 cpu_rig_stack(struct cpu_rig *r, unsigned n)
{
    struct cpu *c = r->cpu;

    return cpu_rig_get(r, (u32)(c->seg[SEG_SS].base + (c->gpr[RSP] & c->stack_mask) + n * 4), 4);
}
