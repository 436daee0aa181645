/*
 * Entering handlers: interrupts, traps and faults through the IVT or the IDT. SDM Vol. 2, "INT
 * n/INTO/INT3/INT1": the order of checks is that of the pseudocode; Vol. 3A, "Interrupt and
 * Exception Handling"; Vol. 3B, "8086 Emulation".
 */
#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/mem.h"
#include "cpu/op.h"
#include "cpu/segment.h"

struct event {
    u8 vector;
    enum event_kind kind;
    bool has_error;
    u32 error;
    u64 return_rip;
    u32 flags; /* the image to push */
};

/* Error code that names an IDT entry. */
static u32 idt_error(const struct event *e)
{
    return e->vector * 8u + 2;
}

static void enter(struct cpu *c, u64 off, u16 from_cs, u64 from)
{
    transfer_note(c, from_cs, from, c->seg[SEG_CS].sel, off);
    c->rip = c->next_rip = off;
    c->halted = false;
}

/*
 * RF is pushed as one for faults, so that the instruction does not meet its breakpoint again; only
 * the fault of that breakpoint leaves it ("Instruction-Breakpoint Exception Condition").
 */
static u32 flags_image(struct cpu *c, enum event_kind kind, u8 vector)
{
    u32 flags = (u32)cpu_flags(c);

    if (kind == EVENT_FAULT && !(vector == VEC_DB && !(c->dr[6] & DR6_BD)))
        flags |= EF_RF;
    return flags;
}

/* ---- Through the IVT ---- */

static bool push_real_frame(struct cpu *c, struct stack *s, u32 flags, u64 return_rip)
{
    stack_current(c, s);
    return stack_push(c, s, 2, flags) && stack_push(c, s, 2, c->seg[SEG_CS].sel) &&
           stack_push(c, s, 2, return_rip);
}

/* The vector at `table`; the handler runs in the current mode. */
static bool enter_real(struct cpu *c, u64 table, const struct event *e, u32 clear)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    u64 pointer, from = c->rip;
    struct stack s;

    if (!mem_read_linear(c, (u32)(table + e->vector * 4), 4, MMU_SUPERVISOR, &pointer) ||
        !push_real_frame(c, &s, e->flags, e->return_rip))
        return false;
    if ((pointer & 0xFFFF) > c->seg[SEG_CS].limit)
        return fault_gp(c, 0);
    c->gpr[RSP] = s.sp;
    seg_load_real(c, SEG_CS, (u16)(pointer >> 16));
    flags_load(c, 0, clear);
    enter(c, pointer & 0xFFFF, from_cs, from);
    return true;
}

static bool deliver_real(struct cpu *c, const struct event *e)
{
    /* The 8086 has its table at 0 and no limit. */
    bool has_idtr = model_has(c->model, FEAT_286);

    if (has_idtr && e->vector * 4u + 3 > c->idtr.limit)
        return fault_gp(c, idt_error(e));
    return enter_real(c, has_idtr ? c->idtr.base : 0, e, EF_IF | EF_TF | EF_AC | EF_RF);
}

/*
 * INT n in virtual-8086 mode under VME, where the TSS's bit map says so ("Class 3: Software
 * Interrupt Handling in Virtual-8086 Mode", methods 5 and 6).
 */
static bool redirected(struct cpu *c, u8 vector, bool *yes)
{
    u64 map, byte;

    *yes = false;
    if (!(c->cr4 & CR4_VME) || !(c->tr.attr & SYS_32))
        return true;
    if (c->tr.limit < TSS_IO_MAP + 1)
        return fault_gp(c, 0);
    if (!mem_read_linear(c, (u32)(c->tr.base + TSS_IO_MAP), 2, MMU_SUPERVISOR, &map))
        return false;
    if (map < 32 || map - 32 + vector / 8 > c->tr.limit)
        return fault_gp(c, 0);
    if (!mem_read_linear(c, (u32)(c->tr.base + map - 32 + vector / 8), 1, MMU_SUPERVISOR, &byte))
        return false;
    *yes = !(byte >> (vector & 7) & 1);
    return true;
}

static void tell(struct cpu *c, const struct event *e)
{
    if (unlikely(c->hooks != NULL))
        c->hooks->event(c->hooks->opaque, e->vector, e->kind, e->has_error, e->error);
}

static bool deliver_redirected(struct cpu *c, struct event *e)
{
    u32 clear = EF_TF | EF_RF | EF_IF;

    tell(c, e);
    if ((c->eflags & EF_IOPL) != EF_IOPL) {
        e->flags = (e->flags & ~(u32)EF_IF) | EF_IOPL | (c->eflags & EF_VIF ? EF_IF : 0);
        clear = EF_TF | EF_RF | EF_VIF;
    }
    return enter_real(c, 0, e, clear);
}

bool software_interrupt(struct cpu *c, u8 vector)
{
    struct event e = {vector, EVENT_SOFTWARE, false, 0, c->next_rip, (u32)cpu_flags(c)};
    bool yes;

    if (cpu_is_v86(c)) {
        if (!redirected(c, vector, &yes))
            return false;
        if (yes)
            return deliver_redirected(c, &e);
        if ((c->eflags & EF_IOPL) != EF_IOPL)
            return fault_gp(c, 0);
    }
    return event_deliver(c, vector, EVENT_SOFTWARE, false, 0, c->next_rip);
}

/* ---- Through the IDT ---- */

/* What follows the checks of a gate: where it leads and how wide its frame is. */
struct entry {
    u16 sel;
    u64 off;
    unsigned size;
    bool clears_if;
    struct descriptor code;
    unsigned level; /* CPL of the handler */
};

static bool push_return(struct cpu *c, struct stack *s, const struct entry *n,
                        const struct event *e)
{
    return stack_push(c, s, n->size, e->flags) && stack_push(c, s, n->size, c->seg[SEG_CS].sel) &&
           stack_push(c, s, n->size, e->return_rip) &&
           (!e->has_error || stack_push(c, s, n->size, e->error));
}

static bool finish_checks(struct cpu *c, struct entry *n)
{
    if (n->off > desc_limit(&n->code))
        return fault_gp(c, 0);
    return desc_mark(c, n->sel, &n->code, DESC_ACCESSED << 8, 0);
}

static void finish_entry(struct cpu *c, const struct entry *n)
{
    u16 from_cs = c->seg[SEG_CS].sel;
    u64 from = c->rip;

    seg_from_desc(&c->seg[SEG_CS], (u16)((n->sel & SEL_ERROR) | n->level), &n->code);
    c->cpl = (u8)n->level;
    flags_load(c, 0, EF_TF | EF_NT | EF_VM | EF_RF | (n->clears_if ? EF_IF : 0));
    cpu_update_level(c);
    enter(c, n->off, from_cs, from);
}

static bool enter_same_level(struct cpu *c, struct entry *n, const struct event *e)
{
    struct stack s;

    stack_current(c, &s);
    if (!push_return(c, &s, n, e) || !finish_checks(c, n))
        return false;
    c->gpr[RSP] = s.sp;
    finish_entry(c, n);
    return true;
}

/* From virtual-8086 mode the data segments are saved too, and then hold null selectors. */
static bool enter_inner_level(struct cpu *c, struct entry *n, const struct event *e)
{
    static const u8 data[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
    bool v86 = cpu_is_v86(c);
    struct inner_stack in;
    struct stack *s = &in.stack;

    if (!stack_of_level(c, n->level, &in))
        return false;
    for (unsigned i = 0; v86 && i < ARRAY_LEN(data); i++)
        if (!stack_push(c, s, n->size, c->seg[data[i]].sel))
            return false;
    if (!stack_push(c, s, n->size, c->seg[SEG_SS].sel) || !stack_push(c, s, n->size, c->gpr[RSP]) ||
        !push_return(c, s, n, e) || !finish_checks(c, n) ||
        !desc_mark(c, in.seg.sel, &in.desc, DESC_ACCESSED << 8, 0))
        return false;
    for (unsigned i = 0; v86 && i < ARRAY_LEN(data); i++)
        seg_set_null(&c->seg[data[i]], 0);
    stack_enter(c, &in);
    finish_entry(c, n);
    return true;
}

static bool through_idt_gate(struct cpu *c, struct entry *n, const struct event *e)
{
    unsigned dpl;
    u16 attr;

    if (!(n->sel & SEL_INDEX_TI))
        return fault_gp(c, 0);
    if (!desc_read(c, n->sel, VEC_GP, &n->code))
        return false;
    attr = desc_attr(&n->code);
    dpl = attr_dpl(attr);
    if (!attr_is_code(attr) || dpl > c->cpl)
        return fault_raise_error(c, VEC_GP, n->sel & SEL_ERROR);
    if (!(attr & DESC_P))
        return fault_raise_error(c, VEC_NP, n->sel & SEL_ERROR);
    n->level = attr & DESC_EC ? c->cpl : dpl;
    if (cpu_is_v86(c) && n->level != 0)
        return fault_raise_error(c, VEC_GP, n->sel & SEL_ERROR);
    return n->level < c->cpl ? enter_inner_level(c, n, e) : enter_same_level(c, n, e);
}

static bool through_task_gate(struct cpu *c, u16 sel, const struct event *e)
{
    u32 rf = c->eflags & EF_RF;

    /* The image in the old TSS has RF as a pushed one would. */
    c->eflags |= e->flags & EF_RF;
    if (task_switch(c, sel, TASK_GATE, e->has_error, e->error, e->return_rip)) {
        c->halted = false;
        return true;
    }
    if (c->tr.sel != sel)
        c->eflags = (c->eflags & ~(u32)EF_RF) | rf;
    return false;
}

static bool deliver_protected(struct cpu *c, const struct event *e)
{
    struct descriptor gate;
    struct entry n;
    unsigned type;
    u16 attr;
    u64 v;

    if (e->vector * 8u + 7 > c->idtr.limit)
        return fault_gp(c, idt_error(e));
    if (!mem_read_linear(c, (u32)(c->idtr.base + e->vector * 8u), 8, MMU_SUPERVISOR, &v))
        return false;
    gate.lo = (u32)v;
    gate.hi = (u32)(v >> 32);
    attr = desc_attr(&gate);
    type = attr_system_type(attr);
    if (type != SYS_TASK_GATE && (type & ~9u) != SYS_INT_GATE16)
        return fault_gp(c, idt_error(e));
    if (e->kind == EVENT_SOFTWARE && attr_dpl(attr) < c->cpl)
        return fault_gp(c, idt_error(e));
    if (!(attr & DESC_P))
        return fault_raise_error(c, VEC_NP, idt_error(e));
    n.sel = (u16)(gate.lo >> 16);
    if (type == SYS_TASK_GATE)
        return through_task_gate(c, n.sel, e);
    n.size = type & SYS_32 ? 4 : 2;
    n.off = type & SYS_32 ? (gate.hi & 0xFFFF0000) | (gate.lo & 0xFFFF) : gate.lo & 0xFFFF;
    n.clears_if = !(type & 1);
    return through_idt_gate(c, &n, e);
}

/* The EXT bit: set unless an INT instruction is to blame (SDM Vol. 3A, "Error Code"). */
static void mark_external(struct cpu *c, enum event_kind kind)
{
    u8 v = c->fault.vector;

    if (kind != EVENT_SOFTWARE && (v == VEC_TS || v == VEC_NP || v == VEC_SS || v == VEC_GP))
        c->fault.error |= 1;
}

bool event_deliver(struct cpu *c, u8 vector, enum event_kind kind, bool has_error, u32 error,
                   u64 return_rip)
{
    struct event e = {vector, kind, has_error, error, return_rip, flags_image(c, kind, vector)};

    tell(c, &e);
    /* No single-step trap behind INT n: its handler starts with TF clear ("Single-Step"). */
    if (kind == EVENT_SOFTWARE && (c->eflags & EF_TF))
        c->special |= SPECIAL_NO_STEP;
    if (c->cr0 & CR0_PE ? deliver_protected(c, &e) : deliver_real(c, &e)) {
        if (vector == VEC_DB)
            c->dr[7] &= ~(u64)DR7_GD; /* the handler may use the registers */
        return true;
    }
    mark_external(c, kind);
    return false;
}
