/*
 * Segment registers and descriptors. Sources: SDM Vol. 3A, "Protection": "Limit Checking", "Type
 * Checking", "Privilege Levels"; Vol. 2, "MOV", "LDS/LES/LFS/LGS/LSS".
 */
#include "cpu/segment.h"

#include "cpu/fault.h"
#include "cpu/mem.h"

bool seg_contains(const struct segment *s, u64 off, unsigned size)
{
    u64 last = off + size - 1;

    if (!(s->attr & DESC_CODE) && (s->attr & DESC_EC))
        return off > s->limit && last <= (s->attr & DESC_DB ? 0xFFFFFFFF : 0xFFFF);
    /* So an access across 4 GiB faults: implementation-specific (SDM Vol. 3A, "Limit Checking"),
     * seen on AMD's Zen 5. */
    return last <= s->limit;
}

void seg_update(struct segment *s)
{
    bool up = (s->attr & DESC_CODE) || !(s->attr & DESC_EC);
    u32 end = !s->unusable && up && s->limit >= 7 ? s->limit - 6 : 0;
    bool code = s->attr & DESC_CODE, rw = s->attr & DESC_RW;

    s->read_end = !code || rw ? end : 0;
    s->write_end = !code && rw ? end : 0;
}

/*
 * Real mode changes the base only; limit, granularity and size stay as protected mode left them,
 * and the segment becomes writable data. Virtual-8086 mode sets everything (SDM Vol. 3B, "8086
 * Emulation").
 */
void seg_load_real(struct cpu *c, enum seg_reg n, u16 sel)
{
    struct segment *s = &c->seg[n];
    u16 writable_data = DESC_P | DESC_S | DESC_RW | DESC_ACCESSED;

    s->sel = sel;
    s->base = (u64)sel << 4;
    s->unusable = false;
    if (cpu_is_v86(c)) {
        s->limit = 0xFFFF;
        s->attr = writable_data | 3 << DESC_DPL_SHIFT;
    } else {
        s->attr = (s->attr & (DESC_G | DESC_DB)) | writable_data;
    }
    seg_update(s);
    if (n == SEG_CS || n == SEG_SS)
        cpu_update_level(c);
}

bool desc_address(const struct cpu *c, u16 sel, u64 *la)
{
    u32 offset = sel & 0xFFF8;

    if (sel & SEL_TI) {
        if (c->ldtr.unusable || offset + 7 > c->ldtr.limit)
            return false;
        *la = c->ldtr.base + offset;
    } else {
        if (offset + 7 > c->gdtr.limit)
            return false;
        *la = c->gdtr.base + offset;
    }
    return true;
}

bool desc_read(struct cpu *c, u16 sel, u8 vector, struct descriptor *out)
{
    u64 la, v;

    if (!desc_address(c, sel, &la))
        return fault_raise_error(c, vector, sel & SEL_ERROR);
    if (!mem_read_linear(c, la, 8, MMU_SUPERVISOR, &v))
        return false;
    out->lo = (u32)v;
    out->hi = (u32)(v >> 32);
    return true;
}

bool desc_mark(struct cpu *c, u16 sel, struct descriptor *d, u32 set, u32 clear)
{
    u32 hi = (d->hi | set) & ~clear;
    u64 la;

    if (hi == d->hi)
        return true;
    if (!desc_address(c, sel, &la) ||
        !mem_write_linear(c, la + 5, 1, MMU_SUPERVISOR, hi >> 8 & 0xFF))
        return false;
    d->hi = hi;
    return true;
}

void seg_from_desc(struct segment *s, u16 sel, const struct descriptor *d)
{
    s->sel = sel;
    s->base = desc_base(d);
    s->limit = desc_limit(d);
    s->attr = desc_attr(d);
    s->unusable = false;
    seg_update(s);
}

void seg_set_null(struct segment *s, u16 sel)
{
    s->sel = sel;
    s->unusable = true;
    seg_update(s);
}

/* A stack segment for privilege level `level`, which its selector must have as well. */
bool seg_check_stack(struct cpu *c, u16 sel, unsigned level, u8 vector, struct descriptor *d)
{
    u16 attr;

    if (!(sel & SEL_INDEX_TI))
        return fault_raise_error(c, vector, 0);
    if (!desc_read(c, sel, vector, d))
        return false;
    attr = desc_attr(d);
    if ((sel & SEL_RPL) != level || !attr_is_data(attr) || !(attr & DESC_RW) ||
        attr_dpl(attr) != level)
        return fault_raise_error(c, vector, sel & SEL_ERROR);
    if (!(attr & DESC_P))
        return fault_raise_error(c, VEC_SS, sel & SEL_ERROR);
    return true;
}

/* A segment for DS, ES, FS or GS: data or readable code that CPL and RPL may see. */
bool seg_check_data(struct cpu *c, u16 sel, u8 vector, struct descriptor *d)
{
    bool conforming, readable;
    unsigned dpl;
    u16 attr;

    if (!desc_read(c, sel, vector, d))
        return false;
    attr = desc_attr(d);
    dpl = attr_dpl(attr);
    readable = attr_is_data(attr) || (attr_is_code(attr) && (attr & DESC_RW));
    conforming = attr_is_code(attr) && (attr & DESC_EC);
    if (!readable || (!conforming && ((sel & SEL_RPL) > dpl || c->cpl > dpl)))
        return fault_raise_error(c, vector, sel & SEL_ERROR);
    if (!(attr & DESC_P))
        return fault_raise_error(c, VEC_NP, sel & SEL_ERROR);
    return true;
}

bool seg_load(struct cpu *c, enum seg_reg n, u16 sel)
{
    struct descriptor d;

    if (!cpu_is_protected(c)) {
        seg_load_real(c, n, sel);
        return true;
    }
    if (n == SEG_SS) {
        if (!seg_check_stack(c, sel, c->cpl, VEC_GP, &d))
            return false;
    } else if (!(sel & SEL_INDEX_TI)) {
        seg_set_null(&c->seg[n], sel);
        return true;
    } else if (!seg_check_data(c, sel, VEC_GP, &d)) {
        return false;
    }
    if (!desc_mark(c, sel, &d, DESC_ACCESSED << 8, 0))
        return false;
    seg_from_desc(&c->seg[n], sel, &d);
    if (n == SEG_SS)
        cpu_update_level(c);
    return true;
}

/* ---- Stacks ---- */

void stack_current(const struct cpu *c, struct stack *s)
{
    s->seg = &c->seg[SEG_SS];
    s->sp = c->gpr[RSP];
    s->mask = c->stack_mask;
    s->class = c->mmu.class;
}

void stack_inner(struct stack *s, const struct segment *seg, u64 sp, unsigned level)
{
    s->seg = seg;
    s->sp = sp;
    s->mask = seg->attr & DESC_DB ? 0xFFFFFFFF : 0xFFFF;
    s->class = level == 3 ? MMU_USER : MMU_SUPERVISOR;
}

bool stack_push(struct cpu *c, struct stack *s, unsigned size, u64 value)
{
    u64 sp = (s->sp - size) & s->mask;

    if (s->seg == &c->seg[SEG_SS]) {
        if (!mem_write(c, SEG_SS, sp, size, value))
            return false;
    } else {
        if (!seg_contains(s->seg, sp, size))
            return fault_raise_error(c, VEC_SS, s->seg->sel & SEL_ERROR);
        if (!mem_write_linear(c, (u32)(s->seg->base + sp), size, s->class, value))
            return false;
    }
    s->sp = (s->sp & ~s->mask) | sp;
    return true;
}

bool stack_pop(struct cpu *c, struct stack *s, unsigned size, u64 *value)
{
    u64 sp = s->sp & s->mask;

    if (!mem_read(c, SEG_SS, sp, size, value))
        return false;
    stack_release(s, size);
    return true;
}

void stack_release(struct stack *s, u64 bytes)
{
    s->sp = (s->sp & ~s->mask) | ((s->sp + bytes) & s->mask);
}

void transfer_note(struct cpu *c, u16 from_cs, u64 from, u16 to_cs, u64 to)
{
    u32 i = c->transfer_next++ % TRANSFER_LOG;

    c->transfers[i].from_cs = from_cs;
    c->transfers[i].from = from;
    c->transfers[i].to_cs = to_cs;
    c->transfers[i].to = to;
}
