/*
 * Far jumps, calls and returns, and IRET. SDM Vol. 2, "JMP", "CALL", "RET", "IRET/IRETD": the order
 * of checks is that of the pseudocode there.
 */
#include "cpu/fault.h"
#include "cpu/mem.h"
#include "cpu/op.h"
#include "cpu/segment.h"

static void go(struct cpu *c, u16 from_cs, u64 off)
{
    transfer_note(c, from_cs, c->rip, c->seg[SEG_CS].sel, off);
    c->next_rip = off;
}

/* CS in protected mode: the selector's RPL becomes `level`, which is the new CPL. */
static void set_cs(struct cpu *c, u16 sel, const struct descriptor *d, unsigned level)
{
    seg_from_desc(&c->seg[SEG_CS], (u16)((sel & SEL_ERROR) | level), d);
    c->cpl = (u8)level;
    cpu_update_level(c);
}

static bool inside(const struct descriptor *d, u64 off)
{
    return off <= desc_limit(d);
}

static bool fault_on(struct cpu *c, u8 vector, u16 sel)
{
    return fault_raise_error(c, vector, sel & SEL_ERROR);
}

static bool push_return(struct cpu *c, struct stack *s, unsigned opsize)
{
    return stack_push(c, s, opsize, c->seg[SEG_CS].sel) && stack_push(c, s, opsize, c->next_rip);
}

/* ---- Real and virtual-8086 mode ---- */

static bool far_real(struct cpu *c, u16 sel, u64 off, unsigned opsize, bool call)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    struct stack s;

    stack_current(c, &s);
    if (call && !push_return(c, &s, opsize))
        return false;
    off &= size_mask(opsize);
    if (off > c->seg[SEG_CS].limit)
        return fault_gp(c, 0);
    c->gpr[RSP] = s.sp;
    seg_load_real(c, SEG_CS, sel);
    go(c, from_cs, off);
    return true;
}

/* ---- Protected mode: straight to a code segment ---- */

/* A jump or call may enter a conforming segment that is more privileged, else its own level only.
 */
static bool check_direct(struct cpu *c, u16 sel, const struct descriptor *d)
{
    u16 attr = desc_attr(d);
    unsigned dpl = attr_dpl(attr);

    if (!attr_is_code(attr))
        return fault_on(c, VEC_GP, sel);
    if (attr & DESC_EC ? dpl > c->cpl : (sel & SEL_RPL) > c->cpl || dpl != c->cpl)
        return fault_on(c, VEC_GP, sel);
    if (!(attr & DESC_P))
        return fault_on(c, VEC_NP, sel);
    return true;
}

/* Enter code without a change of CPL, the return address pushed before if `call`. */
static bool enter_same(struct cpu *c, u16 sel, struct descriptor *d, u64 off, unsigned opsize,
                       bool call)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    struct stack s;

    stack_current(c, &s);
    if (call && !push_return(c, &s, opsize))
        return false;
    off &= size_mask(opsize);
    if (!inside(d, off))
        return fault_gp(c, 0);
    if (!desc_mark(c, sel, d, DESC_ACCESSED << 8, 0))
        return false;
    c->gpr[RSP] = s.sp;
    set_cs(c, sel, d, c->cpl);
    go(c, from_cs, off);
    return true;
}

/* ---- Protected mode: gates ---- */

struct gate {
    u16 sel; /* of the code segment */
    u64 off;
    unsigned size;  /* of what is pushed: 2 or 4 */
    unsigned count; /* of parameters */
};

static struct gate gate_of(const struct descriptor *d)
{
    bool wide = desc_attr(d) & SYS_32;

    return (struct gate){
        .sel = (u16)(d->lo >> 16),
        .off = wide ? (d->hi & 0xFFFF0000) | (d->lo & 0xFFFF) : d->lo & 0xFFFF,
        .size = wide ? 4 : 2,
        .count = d->hi & 31,
    };
}

bool tss_stack(struct cpu *c, unsigned level, u16 *ss, u64 *sp)
{
    bool wide = c->tr.attr & SYS_32;
    unsigned size = wide ? 4 : 2;
    u64 at = wide ? 4 + level * 8 : 2 + level * 4, v;

    if (at + size + 1 > c->tr.limit)
        return fault_on(c, VEC_TS, c->tr.sel);
    if (!mem_read_linear(c, (u32)(c->tr.base + at), size, MMU_SUPERVISOR, sp) ||
        !mem_read_linear(c, (u32)(c->tr.base + at + size), 2, MMU_SUPERVISOR, &v))
        return false;
    *ss = (u16)v;
    return true;
}

bool stack_of_level(struct cpu *c, unsigned level, struct inner_stack *in)
{
    u16 sel;
    u64 sp;

    if (!tss_stack(c, level, &sel, &sp) || !seg_check_stack(c, sel, level, VEC_TS, &in->desc))
        return false;
    seg_from_desc(&in->seg, sel, &in->desc);
    stack_inner(&in->stack, &in->seg, sp, level);
    return true;
}

void stack_enter(struct cpu *c, const struct inner_stack *in)
{
    c->seg[SEG_SS] = in->seg;
    c->gpr[RSP] = in->stack.sp;
}

/* Old SS:ESP, the parameters, the return address. */
static bool push_call_frame(struct cpu *c, const struct gate *g, struct stack *s)
{
    struct stack old;
    u64 param[31];

    stack_current(c, &old);
    if (!stack_push(c, s, g->size, c->seg[SEG_SS].sel) || !stack_push(c, s, g->size, c->gpr[RSP]))
        return false;
    for (unsigned i = 0; i < g->count; i++)
        if (!stack_pop(c, &old, g->size, &param[i]))
            return false;
    for (unsigned i = g->count; i-- > 0;)
        if (!stack_push(c, s, g->size, param[i]))
            return false;
    return stack_push(c, s, g->size, c->seg[SEG_CS].sel) && stack_push(c, s, g->size, c->next_rip);
}

static bool enter_inner(struct cpu *c, const struct gate *g, struct descriptor *d)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    unsigned level = attr_dpl(desc_attr(d));
    struct inner_stack in;

    if (!stack_of_level(c, level, &in) || !push_call_frame(c, g, &in.stack))
        return false;
    if (!inside(d, g->off))
        return fault_gp(c, 0);
    if (!desc_mark(c, in.seg.sel, &in.desc, DESC_ACCESSED << 8, 0) ||
        !desc_mark(c, g->sel, d, DESC_ACCESSED << 8, 0))
        return false;
    stack_enter(c, &in);
    set_cs(c, g->sel, d, level);
    go(c, from_cs, g->off);
    return true;
}

static bool through_gate(struct cpu *c, const struct gate *g, bool call)
{
    struct descriptor d;
    unsigned dpl;
    u16 attr;

    if (!(g->sel & SEL_INDEX_TI))
        return fault_gp(c, 0);
    if (!desc_read(c, g->sel, VEC_GP, &d))
        return false;
    attr = desc_attr(&d);
    dpl = attr_dpl(attr);
    if (!attr_is_code(attr) || dpl > c->cpl || (!call && !(attr & DESC_EC) && dpl != c->cpl))
        return fault_on(c, VEC_GP, g->sel);
    if (!(attr & DESC_P))
        return fault_on(c, VEC_NP, g->sel);
    if (call && !(attr & DESC_EC) && dpl < c->cpl)
        return enter_inner(c, g, &d);
    return enter_same(c, g->sel, &d, g->off, g->size, call);
}

static bool far_protected(struct cpu *c, u16 sel, u64 off, unsigned opsize, bool call)
{
    struct descriptor d;
    struct gate g;
    unsigned type;
    u16 attr;

    if (!(sel & SEL_INDEX_TI))
        return fault_gp(c, 0);
    if (!desc_read(c, sel, VEC_GP, &d))
        return false;
    attr = desc_attr(&d);
    if (attr & DESC_S)
        return check_direct(c, sel, &d) && enter_same(c, sel, &d, off, opsize, call);
    type = attr_system_type(attr);
    if (type != SYS_CALL_GATE16 && type != SYS_CALL_GATE32 && type != SYS_TASK_GATE &&
        type != SYS_TSS16 && type != SYS_TSS32)
        return fault_on(c, VEC_GP, sel);
    if (attr_dpl(attr) < c->cpl || attr_dpl(attr) < (sel & SEL_RPL))
        return fault_on(c, VEC_GP, sel);
    if (!(attr & DESC_P))
        return fault_on(c, VEC_NP, sel);
    if (type == SYS_TSS16 || type == SYS_TSS32)
        return task_switch(c, sel, call ? TASK_CALL : TASK_JUMP, false, 0, c->next_rip);
    g = gate_of(&d);
    if (type == SYS_TASK_GATE)
        return task_switch(c, g.sel, call ? TASK_CALL : TASK_JUMP, false, 0, c->next_rip);
    return through_gate(c, &g, call);
}

bool far_jump(struct cpu *c, u16 sel, u64 off, unsigned opsize)
{
    return (cpu_is_protected(c) ? far_protected : far_real)(c, sel, off, opsize, false);
}

bool far_call(struct cpu *c, u16 sel, u64 off, unsigned opsize)
{
    return (cpu_is_protected(c) ? far_protected : far_real)(c, sel, off, opsize, true);
}

/* ---- Returns ---- */

/* What a return takes from the stack. */
struct frame_image {
    u64 eip, cs, flags;
    struct stack stack; /* behind it */
};

static bool pop_frame(struct cpu *c, unsigned opsize, bool with_flags, struct frame_image *f)
{
    stack_current(c, &f->stack);
    f->flags = 0;
    return stack_pop(c, &f->stack, opsize, &f->eip) && stack_pop(c, &f->stack, opsize, &f->cs) &&
           (!with_flags || stack_pop(c, &f->stack, opsize, &f->flags));
}

/* EFLAGS bits that IRET takes from the stack in protected mode, at the old CPL. */
static u32 iret_mask(const struct cpu *c, unsigned opsize)
{
    u32 mask = EF_ARITH | EF_TF | EF_DF | EF_NT;

    if (opsize > 2)
        mask |= EF_RF | EF_AC | EF_ID;
    if (c->cpl <= (c->eflags >> 12 & 3))
        mask |= EF_IF;
    if (c->cpl == 0)
        mask |= EF_IOPL | (opsize > 2 ? EF_VIF | EF_VIP : 0);
    return mask;
}

static bool check_return_code(struct cpu *c, u16 sel, struct descriptor *d)
{
    unsigned rpl = sel & SEL_RPL, dpl;
    u16 attr;

    if (!(sel & SEL_INDEX_TI))
        return fault_gp(c, 0);
    if (!desc_read(c, sel, VEC_GP, d))
        return false;
    attr = desc_attr(d);
    dpl = attr_dpl(attr);
    if (!attr_is_code(attr) || rpl < c->cpl || (attr & DESC_EC ? dpl > rpl : dpl != rpl))
        return fault_on(c, VEC_GP, sel);
    if (!(attr & DESC_P))
        return fault_on(c, VEC_NP, sel);
    return true;
}

/* Data segments that the outer level may not see become null. */
static void drop_inner_segments(struct cpu *c)
{
    static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < ARRAY_LEN(data); i++) {
        struct segment *s = &c->seg[data[i]];
        bool conforming = attr_is_code(s->attr) && (s->attr & DESC_EC);

        if (!s->unusable && !conforming && attr_dpl(s->attr) < c->cpl)
            seg_set_null(s, 0);
    }
}

static bool return_outer(struct cpu *c, unsigned opsize, u16 release, struct frame_image *f,
                         struct descriptor *d)
{
    unsigned level = f->cs & SEL_RPL;
    struct descriptor ssd;
    struct segment ss;
    u64 sp, sel;
    struct stack outer;

    stack_release(&f->stack, release);
    if (!stack_pop(c, &f->stack, opsize, &sp) || !stack_pop(c, &f->stack, opsize, &sel) ||
        !seg_check_stack(c, (u16)sel, level, VEC_GP, &ssd))
        return false;
    if (!inside(d, f->eip))
        return fault_gp(c, 0);
    if (!desc_mark(c, (u16)sel, &ssd, DESC_ACCESSED << 8, 0) ||
        !desc_mark(c, (u16)f->cs, d, DESC_ACCESSED << 8, 0))
        return false;
    seg_from_desc(&ss, (u16)sel, &ssd);
    stack_inner(&outer, &ss, sp, level);
    /* A 16-bit stack takes SP only; the upper half of ESP stays that of the inner level. */
    if (outer.mask == 0xFFFF)
        outer.sp = (c->gpr[RSP] & ~0xFFFFull) | (sp & 0xFFFF);
    stack_release(&outer, release);
    c->seg[SEG_SS] = ss;
    c->gpr[RSP] = outer.sp;
    set_cs(c, (u16)f->cs, d, level);
    drop_inner_segments(c);
    return true;
}

/* RETF and IRET in protected mode, NT and virtual-8086 returns aside. */
static bool return_protected(struct cpu *c, unsigned opsize, u16 release, struct frame_image *f,
                             u32 flags_mask)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    struct descriptor d;

    if (!check_return_code(c, (u16)f->cs, &d))
        return false;
    if ((f->cs & SEL_RPL) > c->cpl) {
        if (!return_outer(c, opsize, release, f, &d))
            return false;
    } else {
        if (!inside(&d, f->eip))
            return fault_gp(c, 0);
        if (!desc_mark(c, (u16)f->cs, &d, DESC_ACCESSED << 8, 0))
            return false;
        stack_release(&f->stack, release);
        c->gpr[RSP] = f->stack.sp;
        set_cs(c, (u16)f->cs, &d, c->cpl);
    }
    if (flags_mask)
        flags_load(c, (u32)f->flags, flags_mask);
    go(c, from_cs, f->eip);
    return true;
}

/* A return in real or virtual-8086 mode. */
static bool return_real(struct cpu *c, u16 release, struct frame_image *f)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    if (f->eip > c->seg[SEG_CS].limit)
        return fault_gp(c, 0);
    stack_release(&f->stack, release);
    c->gpr[RSP] = f->stack.sp;
    seg_load_real(c, SEG_CS, (u16)f->cs);
    go(c, from_cs, f->eip);
    return true;
}

bool far_return(struct cpu *c, unsigned opsize, u16 release)
{
    struct frame_image f;

    if (!pop_frame(c, opsize, false, &f))
        return false;
    if (!cpu_is_protected(c))
        return return_real(c, release, &f);
    return return_protected(c, opsize, release, &f, 0);
}

/* ---- IRET ---- */

static bool return_task(struct cpu *c)
{
    struct descriptor d;
    u64 sel;
    u16 attr;

    if (!mem_read_linear(c, c->tr.base, 2, MMU_SUPERVISOR, &sel))
        return false;
    if (sel & SEL_TI)
        return fault_on(c, VEC_TS, (u16)sel);
    if (!desc_read(c, (u16)sel, VEC_TS, &d))
        return false;
    attr = desc_attr(&d);
    if (attr_system_type(attr) != SYS_TSS16_BUSY && attr_system_type(attr) != SYS_TSS32_BUSY)
        return fault_on(c, VEC_TS, (u16)sel);
    if (!(attr & DESC_P))
        return fault_on(c, VEC_NP, (u16)sel);
    return task_switch(c, (u16)sel, TASK_IRET, false, 0, c->next_rip);
}

/* From level 0 with VM set in the image: ESP, SS, ES, DS, FS and GS follow. */
static bool return_to_v86(struct cpu *c, struct frame_image *f)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    static const u8 order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    u64 esp, sel[ARRAY_LEN(order)];

    if (!stack_pop(c, &f->stack, 4, &esp))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        if (!stack_pop(c, &f->stack, 4, &sel[i]))
            return false;
    if (f->eip > 0xFFFF)
        return fault_gp(c, 0);
    flags_load(c, (u32)f->flags, ~0u);
    c->cpl = 3;
    c->gpr[RSP] = esp;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        seg_load_real(c, order[i], (u16)sel[i]);
    seg_load_real(c, SEG_CS, (u16)f->cs);
    go(c, from_cs, f->eip);
    return true;
}

/*
 * In virtual-8086 mode: with IOPL 3 as in real mode, but IOPL stays; below it only 16-bit forms
 * under VME, where VIF plays IF.
 */
static bool return_in_v86(struct cpu *c, unsigned opsize)
{
    u32 mask = EF_ARITH | EF_TF | EF_DF | EF_NT, flags;
    bool direct = (c->eflags & EF_IOPL) == EF_IOPL;
    struct frame_image f;

    if (!direct && !(opsize == 2 && (c->cr4 & CR4_VME)))
        return fault_gp(c, 0);
    if (!pop_frame(c, opsize, true, &f))
        return false;
    flags = (u32)f.flags;
    if (direct) {
        mask |= EF_IF | (opsize > 2 ? EF_RF | EF_AC | EF_ID : 0);
    } else {
        if ((flags & EF_TF) || ((flags & EF_IF) && (c->eflags & EF_VIP)))
            return fault_gp(c, 0);
        flags |= flags & EF_IF ? EF_VIF : 0;
        mask |= EF_VIF;
    }
    if (!return_real(c, 0, &f))
        return false;
    flags_load(c, flags, mask);
    return true;
}

bool interrupt_return(struct cpu *c, unsigned opsize)
{
    struct frame_image f;

    if (cpu_is_v86(c))
        return return_in_v86(c, opsize);
    if (cpu_is_protected(c) && (c->eflags & EF_NT))
        return return_task(c);
    if (!pop_frame(c, opsize, true, &f))
        return false;
    if (!cpu_is_protected(c)) {
        if (!return_real(c, 0, &f))
            return false;
        flags_load(c, (u32)f.flags, flags_mask_real(c, opsize) | (opsize > 2 ? EF_RF : 0));
        return true;
    }
    if (opsize > 2 && (f.flags & EF_VM) && c->cpl == 0)
        return return_to_v86(c, &f);
    return return_protected(c, opsize, 0, &f, iret_mask(c, opsize));
}
