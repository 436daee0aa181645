/*
 * Descriptor tables, selectors, HLT and other system instructions. SDM Vol. 2, one page per
 * instruction.
 */
#include "cpu/fpu.h"
#include "cpu/op.h"
#include "cpu/segment.h"

/* Most of these are for CPL 0 only. */
static bool privileged(struct cpu *c)
{
    return c->cpl == 0 || fault_gp(c, 0);
}

bool op_HLT(struct cpu *c, const struct insn *in)
{
    if (!privileged(c))
        return false;
    c->halted = true;
    return true;
}

bool op_WAIT(struct cpu *c, const struct insn *in)
{
    return fpu_check_wait(c);
}

/* ---- GDTR and IDTR ---- */

/* 16-bit forms load 24 bits of the base. */
static bool load_table(struct cpu *c, const struct insn *in, struct table_reg *t)
{
    u64 ea = effective_address(c, in), limit, base;

    if (!privileged(c) || !mem_read(c, in->seg, ea, 2, &limit) ||
        !mem_read(c, in->seg, ea + 2, in->opsize == 8 ? 8 : 4, &base))
        return false;
    t->limit = (u32)limit;
    t->base = in->opsize == 2 ? base & 0xFFFFFF : base;
    return true;
}

/* All bits of the base are stored whatever the operand size; the 286 has ones above its 24. */
static bool store_table(struct cpu *c, const struct insn *in, const struct table_reg *t)
{
    u64 ea = effective_address(c, in);
    unsigned size = in->opsize == 8 ? 8 : 4;

    return mem_probe_write(c, in->seg, ea, 2) && mem_probe_write(c, in->seg, ea + 2, size) &&
           mem_write(c, in->seg, ea, 2, t->limit) &&
           mem_write(c, in->seg, ea + 2, size,
                     t->base | (model_has(c->model, FEAT_386) ? 0 : 0xFF000000));
}

bool op_LGDT(struct cpu *c, const struct insn *in)
{
    return load_table(c, in, &c->gdtr);
}

bool op_LIDT(struct cpu *c, const struct insn *in)
{
    return load_table(c, in, &c->idtr);
}

bool op_SGDT(struct cpu *c, const struct insn *in)
{
    return store_table(c, in, &c->gdtr);
}

bool op_SIDT(struct cpu *c, const struct insn *in)
{
    return store_table(c, in, &c->idtr);
}

/* ---- LDTR and TR ---- */

/* Selectors are stored as 16 bits to memory, with zeros above to a wider register. */
static bool store_word(struct cpu *c, const struct insn *in, u64 v)
{
    if (in->kind[0] == OPND_MEM)
        return mem_write(c, in->seg, effective_address(c, in), 2, v);
    reg_set(c, in->reg[0], in->opsize, v);
    return true;
}

static bool read_selector(struct cpu *c, const struct insn *in, unsigned n, u16 *sel)
{
    u64 v;

    if (in->kind[n] == OPND_MEM) {
        if (!mem_read(c, in->seg, effective_address(c, in), 2, &v))
            return false;
    } else {
        v = reg_get(c, in->reg[n], 2);
    }
    *sel = (u16)v;
    return true;
}

bool op_SLDT(struct cpu *c, const struct insn *in)
{
    return store_word(c, in, c->ldtr.sel);
}

bool op_STR(struct cpu *c, const struct insn *in)
{
    return store_word(c, in, c->tr.sel);
}

/* A descriptor of LDTR or TR: in the GDT, of one of two types, present. */
static bool read_system(struct cpu *c, u16 sel, unsigned type_a, unsigned type_b,
                        struct descriptor *d)
{
    unsigned type;

    if ((sel & SEL_TI) || !(sel & SEL_INDEX_TI))
        return fault_gp(c, sel & SEL_ERROR);
    if (!desc_read(c, sel, VEC_GP, d))
        return false;
    type = attr_system_type(desc_attr(d));
    if (type != type_a && type != type_b)
        return fault_gp(c, sel & SEL_ERROR);
    if (!(desc_attr(d) & DESC_P))
        return fault_raise_error(c, VEC_NP, sel & SEL_ERROR);
    return true;
}

bool op_LLDT(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    u16 sel;

    if (!privileged(c) || !read_selector(c, in, 0, &sel))
        return false;
    if (!(sel & SEL_INDEX_TI)) {
        seg_set_null(&c->ldtr, sel);
        return true;
    }
    if (!read_system(c, sel, SYS_LDT, SYS_LDT, &d))
        return false;
    seg_from_desc(&c->ldtr, sel, &d);
    return true;
}

bool op_LTR(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    u16 sel;

    if (!privileged(c) || !read_selector(c, in, 0, &sel) ||
        !read_system(c, sel, SYS_TSS16, SYS_TSS32, &d) || !desc_mark(c, sel, &d, SYS_BUSY << 8, 0))
        return false;
    seg_from_desc(&c->tr, sel, &d);
    return true;
}

/* ---- Machine status word ---- */

/* A 32-bit register gets all of CR0, as the P6 family does. */
bool op_SMSW(struct cpu *c, const struct insn *in)
{
    return store_word(c, in, c->cr0);
}

/* PE can be set, not cleared. */
bool op_LMSW(struct cpu *c, const struct insn *in)
{
    u32 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    u16 v;

    if (!privileged(c) || !read_selector(c, in, 0, &v))
        return false;
    c->cr0 = (c->cr0 & ~(u64)low) | (v & low) | (c->cr0 & CR0_PE);
    cpu_update_mode(c);
    return true;
}

bool op_CLTS(struct cpu *c, const struct insn *in)
{
    if (!privileged(c))
        return false;
    c->cr0 &= ~(u64)CR0_TS;
    cpu_update_mode(c);
    return true;
}

/* ---- Looking at selectors ---- */

/*
 * The descriptor of a selector that the current level may see, for instructions that say so in ZF.
 * Returns false if a fault is pending; *seen tells the rest.
 */
static bool look(struct cpu *c, u16 sel, struct descriptor *d, bool *seen)
{
    bool conforming;
    unsigned dpl;
    u64 la, v;
    u16 attr;

    *seen = false;
    if (!(sel & SEL_INDEX_TI) || !desc_address(c, sel, &la))
        return true;
    if (!mem_read_linear(c, la, 8, MMU_SUPERVISOR, &v))
        return false;
    d->lo = (u32)v;
    d->hi = (u32)(v >> 32);
    attr = desc_attr(d);
    dpl = attr_dpl(attr);
    conforming = attr_is_code(attr) && (attr & DESC_EC);
    *seen = conforming || (dpl >= c->cpl && dpl >= (sel & SEL_RPL));
    return true;
}

/* The system types that LAR, and LSL, accept; the manual's tables of valid types. */
enum {
    LAR_TYPES = 1 << SYS_TSS16 | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_CALL_GATE16 |
                1 << SYS_TASK_GATE | 1 << SYS_TSS32 | 1 << SYS_TSS32_BUSY | 1 << SYS_CALL_GATE32,
    LSL_TYPES =
        1 << SYS_TSS16 | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_TSS32 | 1 << SYS_TSS32_BUSY,
};

static bool set_zf(struct cpu *c, bool zf)
{
    flags_put(c, AF_ZF, zf ? AF_ZF : 0);
    return true;
}

static bool look_typed(struct cpu *c, const struct insn *in, unsigned types, struct descriptor *d,
                       bool *seen)
{
    u16 sel;

    if (!read_selector(c, in, 1, &sel) || !look(c, sel, d, seen))
        return false;
    if (*seen && !(desc_attr(d) & DESC_S))
        *seen = types >> attr_system_type(desc_attr(d)) & 1;
    return true;
}

/* Bits 16-19 are undefined; chips leave them as they are in the descriptor. */
bool op_LAR(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    bool seen;

    if (!look_typed(c, in, LAR_TYPES, &d, &seen))
        return false;
    if (seen)
        reg_set(c, in->reg[0], in->opsize, d.hi & (in->opsize == 2 ? 0xFF00 : 0xFFFF00));
    return set_zf(c, seen);
}

bool op_LSL(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    bool seen;

    if (!look_typed(c, in, LSL_TYPES, &d, &seen))
        return false;
    if (seen)
        reg_set(c, in->reg[0], in->opsize, desc_limit(&d));
    return set_zf(c, seen);
}

bool op_VERR(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    bool seen;
    u16 sel;

    if (!read_selector(c, in, 0, &sel) || !look(c, sel, &d, &seen))
        return false;
    return set_zf(c, seen && (attr_is_data(desc_attr(&d)) ||
                              (attr_is_code(desc_attr(&d)) && (desc_attr(&d) & DESC_RW))));
}

bool op_VERW(struct cpu *c, const struct insn *in)
{
    struct descriptor d;
    bool seen;
    u16 sel;

    if (!read_selector(c, in, 0, &sel) || !look(c, sel, &d, &seen))
        return false;
    return set_zf(c, seen && attr_is_data(desc_attr(&d)) && (desc_attr(&d) & DESC_RW));
}

bool op_ARPL(struct cpu *c, const struct insn *in)
{
    u64 dest, src;

    /* Memory is written only if the RPL changes: a read-only page is no fault otherwise. */
    if (in->kind[0] == OPND_MEM
            ? !mem_read(c, in->seg, effective_address(c, in), in->size[0], &dest)
            : !read_op(c, in, 0, &dest))
        return false;
    if (!read_op(c, in, 1, &src))
        return false;
    if ((dest & SEL_RPL) >= (src & SEL_RPL))
        return set_zf(c, false);
    return write_op(c, in, 0, (dest & SEL_ERROR) | (src & SEL_RPL)) && set_zf(c, true);
}

/* ---- Caches and TLB ---- */

/* There is no cache to lose. */
bool op_INVD(struct cpu *c, const struct insn *in)
{
    return privileged(c);
}

bool op_WBINVD(struct cpu *c, const struct insn *in)
{
    return privileged(c);
}

/* The address is not checked against the segment. */
bool op_INVLPG(struct cpu *c, const struct insn *in)
{
    if (!privileged(c))
        return false;
    mmu_invlpg(&c->mmu, (u32)(c->seg[in->seg].base + effective_address(c, in)));
    return true;
}

/* ---- Fast system calls ---- */

/* A flat segment of the kind that SYSENTER and SYSEXIT make without reading descriptors. */
static void flat(struct segment *s, u16 sel, bool code, unsigned dpl)
{
    s->sel = sel;
    s->base = 0;
    s->limit = 0xFFFFFFFF;
    s->attr = (u16)(DESC_P | DESC_S | DESC_ACCESSED | DESC_RW | DESC_DB | DESC_G |
                    (code ? DESC_CODE : 0) | dpl << DESC_DPL_SHIFT);
    s->unusable = false;
    seg_update(s);
}

static void fast_transfer(struct cpu *c, u16 cs, u16 ss, unsigned level, u64 rip, u64 rsp)
{
    transfer_note(c, c->seg[SEG_CS].sel, c->rip, cs, rip);
    flat(&c->seg[SEG_CS], cs, true, level);
    flat(&c->seg[SEG_SS], ss, false, level);
    c->cpl = (u8)level;
    c->gpr[RSP] = rsp;
    c->next_rip = rip;
}

bool op_SYSENTER(struct cpu *c, const struct insn *in)
{
    u16 cs = (u16)(c->msr_sysenter_cs & SEL_ERROR);

    if (!(c->cr0 & CR0_PE) || !cs)
        return fault_gp(c, 0);
    fast_transfer(c, cs, (u16)(cs + 8), 0, (u32)c->msr_sysenter_eip, (u32)c->msr_sysenter_esp);
    flags_load(c, 0, EF_VM | EF_IF | EF_RF);
    cpu_update_level(c);
    return true;
}

bool op_SYSEXIT(struct cpu *c, const struct insn *in)
{
    u16 cs = (u16)(c->msr_sysenter_cs & SEL_ERROR);

    if (!cs || c->cpl != 0 || !(c->cr0 & CR0_PE))
        return fault_gp(c, 0);
    fast_transfer(c, (u16)((cs + 16) | 3), (u16)((cs + 24) | 3), 3, (u32)c->gpr[RDX],
                  (u32)c->gpr[RCX]);
    cpu_update_level(c);
    return true;
}

/* Outside system management mode there is nothing to resume. */
bool op_RSM(struct cpu *c, const struct insn *in)
{
    return fault_ud(c);
}
