/*
 * One instruction at a time, with all checks: the reference of all engines. The order is that of
 * the SDM, Vol. 3A, "Priority Among Simultaneous Exceptions and Interrupts": code breakpoint,
 * faults of fetching and decoding, faults of execution, then traps behind the instruction.
 */
#include "cpu/engine.h"
#include "cpu/hooks.h"
#include "cpu/op.h"

enum { FOR_ONE_INSTRUCTION = SPECIAL_SHADOW | SPECIAL_SS_SHADOW | SPECIAL_RF | SPECIAL_NO_STEP };

/* What lasted for the instruction just executed ends; what it held back may come. */
static void end_shadow(struct cpu *c)
{
    if (c->nmi_latched && !c->nmi_blocked)
        c->attention |= ATT_NMI;
    interrupts_changed(c);
}

static u64 address_after(const struct cpu *c, const struct insn *in)
{
    u64 next = c->rip + in->len;

    return next & (model_has(c->model, FEAT_286) ? 0xFFFFFFFF : 0xFFFF);
}

/* Faults before the handler runs. */
static bool begin(struct cpu *c, struct insn *in)
{
    if (unlikely(c->special & SPECIAL_VIP))
        return fault_gp(c, 0);
    if (unlikely(c->special & SPECIAL_DR_CODE) && debug_code_breakpoint(c))
        return false;
    if (!mem_fetch_insn(c, in))
        return false;
    c->next_rip = address_after(c, in);
    return true;
}

bool cpu_step(struct cpu *c)
{
    u32 special = c->special, rf = c->eflags & EF_RF;
    struct insn in;
    bool ok, trap;

    c->run_index = 0;
    if (unlikely(c->hooks != NULL) && c->hooks->boundary(c->hooks->opaque)) {
        cpu_break(c);
        return true;
    }
    ok = begin(c, &in);
    c->special &= ~(u32)FOR_ONE_INSTRUCTION;
    c->eflags &= ~(u32)EF_RF;
    ok = ok && optab_rows[in.row].handler(c, &in);
    if (!ok && !c->fault.pending) {
        c->eflags |= rf; /* x87 waits: the same instruction again, after an interrupt */
    } else if (!ok) {
        ok = fault_deliver(c);
    } else {
        c->rip = c->next_rip;
        c->count++;
        trap = (special & SPECIAL_TF) && !(c->special & SPECIAL_NO_STEP);
        c->special &= ~(u32)SPECIAL_NO_STEP;
        ok = (!trap && !c->dr6_pending) || debug_traps(c, trap);
    }
    if (special & FOR_ONE_INSTRUCTION)
        end_shadow(c);
    return ok || !c->shutdown;
}
