/*
 * Steps: into, over, out, until. A step into and out of something looks at every boundary; a step
 * over hides the page that it comes back to and runs at full speed.
 */
#include "cpu/optab.h"
#include "devices/board/debug_memory.h"
#include "devices/board/debug_private.h"

#include <string.h>

/* The instruction at CS:rip; false if there is no memory. */
static bool current(const struct debug *d, struct insn *in)
{
    struct cpu *c = d->cpu;
    struct decode_mode mode = {
        .code = c->mode & MODE_CODE_SIZE, .protected = c->mode & MODE_PROTECTED, .model = c->model};
    u8 bytes[INSN_MAX_BYTES];
    size_t len = debug_read_linear(c, debug_here(c).la, bytes, sizeof bytes);

    return len && insn_decode(bytes, len, &mode, in);
}

static bool comes_back(const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    return h == op_CALL || h == op_CALL_FAR || h == op_INT || h == op_INT3 || h == op_INTO ||
           ((in->flags & (INSN_REP | INSN_REPNE)) && (optab_rows[in->row].attr & ATTR_STRING));
}

static bool returns(const struct debug *d)
{
    struct insn in;
    op_handler *h;

    if (!current(d, &in))
        return false;
    h = optab_rows[in.row].handler;
    return h == op_RET || h == op_RET_FAR || h == op_IRET;
}

void debug_plan_begin(struct debug *d, enum debug_step_kind kind)
{
    struct plan *p = &d->plan;
    struct insn in;

    *p = (struct plan){.kind = PLAN_STEP,
                       .step = kind,
                       .left = p->left,
                       .from = p->from,
                       .end = p->end,
                       .count = d->cpu->count,
                       .to = debug_here(d->cpu)};
    if (kind == DEBUG_STEP_OUT) {
        p->kind = PLAN_RETURN;
        p->stack_base = d->cpu->seg[SEG_SS].base;
        p->cpl = d->cpu->cpl;
        p->returning = returns(d);
    } else if (kind == DEBUG_STEP_OVER && current(d, &in) && comes_back(&in)) {
        p->kind = PLAN_REACH;
        p->to.la = (u32)(p->to.la + in.len);
    }
}

bool debug_plan_steps(const struct plan *p)
{
    return p->kind == PLAN_STEP || p->kind == PLAN_RETURN || p->kind == PLAN_TRUE;
}

void debug_plan_end(struct debug *d)
{
    d->plan = (struct plan){0};
    debug_expr_free(d->until);
    d->until = NULL;
}

void debug_plan_event(struct debug *d, enum event_kind kind)
{
    struct plan *p = &d->plan;

    if (p->kind != PLAN_STEP || p->held)
        return;
    if (kind == EVENT_FAULT || kind == EVENT_TRAP) {
        p->faulted = true;
    } else if (kind == EVENT_EXTERNAL) {
        p->held = true;
        p->executed = d->cpu->count != p->count;
        p->back = debug_here(d->cpu);
    }
}

static bool step_done(struct debug *d, const struct place *here)
{
    struct plan *p = &d->plan;

    if (p->held) {
        if (here->la != p->back.la || here->stack != p->back.stack)
            return false;
        p->held = false;
        if (!p->executed)
            p->count = d->cpu->count;
    }
    return p->faulted || d->cpu->count != p->count;
}

static bool has_returned(const struct debug *d, const struct place *here)
{
    const struct plan *p = &d->plan;

    if (!p->returning || d->cpu->count == p->count)
        return false;
    return d->cpu->cpl > p->cpl ||
           (d->cpu->seg[SEG_SS].base == p->stack_base && here->stack > p->to.stack);
}

static bool reached(struct debug *d, const struct place *here)
{
    struct plan *p = &d->plan;
    u64 value;

    switch (p->kind) {
    case PLAN_STEP: return step_done(d, here);
    case PLAN_REACH:
        return d->cpu->count != p->count && here->la == p->to.la && here->stack >= p->to.stack;
    case PLAN_RETURN:
        if (has_returned(d, here))
            return true;
        p->returning = returns(d);
        return false;
    case PLAN_TRUE:
        return d->cpu->count != p->count && debug_expr_eval(d->until, d->cpu, &value, NULL, 0) &&
               value;
    default: return false;
    }
}

/* A step through a range ends at a fault's handler too. */
static bool stays_in_range(const struct debug *d, const struct place *here)
{
    const struct plan *p = &d->plan;

    return p->kind == PLAN_STEP && !p->faulted && here->la >= p->from && here->la < p->end;
}

bool debug_plan_done(struct debug *d)
{
    struct place here = debug_here(d->cpu);
    bool hid = d->plan.kind == PLAN_REACH;

    if (!reached(d, &here))
        return false;
    if (!stays_in_range(d, &here)) {
        if (!d->plan.left)
            return true;
        d->plan.left--;
    }
    debug_plan_begin(d, d->plan.step);
    if (hid || d->plan.kind == PLAN_REACH)
        debug_arm_pages(d);
    else
        debug_arm(d);
    return false;
}
