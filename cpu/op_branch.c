/*
 * Jumps, calls, returns, loops, software interrupts. SDM Vol. 2, one page per instruction.
 */
#include "cpu/op.h"
#include "cpu/segment.h"

static bool branch_relative(struct cpu *c, const struct insn *in)
{
    return branch_near(c, in, c->next_rip + in->imm);
}

/* ---- Jcc ---- */

#define JUMP_IF(name, cc)                                                                          \
    bool op_J##name(struct cpu *c, const struct insn *in)                                          \
    {                                                                                              \
        return !condition(c, cc) || branch_relative(c, in);                                        \
    }

JUMP_IF(O, 0)
JUMP_IF(NO, 1)
JUMP_IF(B, 2)
JUMP_IF(NB, 3)
JUMP_IF(Z, 4)
JUMP_IF(NZ, 5)
JUMP_IF(BE, 6)
JUMP_IF(NBE, 7)
JUMP_IF(S, 8)
JUMP_IF(NS, 9)
JUMP_IF(P, 10)
JUMP_IF(NP, 11)
JUMP_IF(L, 12)
JUMP_IF(NL, 13)
JUMP_IF(LE, 14)
JUMP_IF(NLE, 15)

/* ---- Loops: the counter is CX, ECX or RCX by address size ---- */

bool op_JCXZ(struct cpu *c, const struct insn *in)
{
    return reg_get(c, RCX, in->asize) || branch_relative(c, in);
}

/* The counter is written even where the branch is not taken, but not if the branch faults. */
static bool loop_while(struct cpu *c, const struct insn *in, bool wanted)
{
    u64 count = (reg_get(c, RCX, in->asize) - 1) & size_mask(in->asize);

    if (count && wanted && !branch_relative(c, in))
        return false;
    reg_set(c, RCX, in->asize, count);
    return true;
}

bool op_LOOP(struct cpu *c, const struct insn *in)
{
    return loop_while(c, in, true);
}

bool op_LOOPZ(struct cpu *c, const struct insn *in)
{
    return loop_while(c, in, flag_zf(c));
}

bool op_LOOPNZ(struct cpu *c, const struct insn *in)
{
    return loop_while(c, in, !flag_zf(c));
}

/* ---- Near ---- */

static bool near_target(struct cpu *c, const struct insn *in, u64 *target)
{
    if (in->kind[0] != OPND_REL)
        return read_op(c, in, 0, target);
    *target = c->next_rip + in->imm;
    return true;
}

bool op_JMP(struct cpu *c, const struct insn *in)
{
    u64 target;

    return near_target(c, in, &target) && branch_near(c, in, target);
}

bool op_CALL(struct cpu *c, const struct insn *in)
{
    u64 target, from = c->next_rip;

    if (!near_target(c, in, &target) || !branch_near(c, in, target))
        return false;
    return mem_push(c, in->opsize, from);
}

bool op_RET(struct cpu *c, const struct insn *in)
{
    struct stack s;
    u64 target;

    stack_current(c, &s);
    if (!stack_pop(c, &s, in->opsize, &target) || !branch_near(c, in, target))
        return false;
    if (in->kind[0] == OPND_IMM)
        stack_release(&s, in->imm & 0xFFFF);
    c->gpr[RSP] = s.sp;
    return true;
}

/* ---- Far ---- */

static bool far_pointer(struct cpu *c, const struct insn *in, u64 *sel, u64 *off)
{
    u64 ea;

    if (in->kind[0] == OPND_FAR) {
        *sel = in->imm2;
        *off = in->imm;
        return true;
    }
    ea = effective_address(c, in);
    return mem_read(c, in->seg, ea, in->opsize, off) &&
           mem_read(c, in->seg, ea + in->opsize, 2, sel);
}

bool op_CALL_FAR(struct cpu *c, const struct insn *in)
{
    u64 sel, off;

    return far_pointer(c, in, &sel, &off) && far_call(c, (u16)sel, off, in->opsize);
}

bool op_JMP_FAR(struct cpu *c, const struct insn *in)
{
    u64 sel, off;

    return far_pointer(c, in, &sel, &off) && far_jump(c, (u16)sel, off, in->opsize);
}

bool op_RET_FAR(struct cpu *c, const struct insn *in)
{
    return far_return(c, in->opsize, in->kind[0] == OPND_IMM ? (u16)in->imm : 0);
}

/*
 * NMIs are taken again after IRET, even one that faults (SDM Vol. 3A, "Handling Multiple NMIs").
 */
bool op_IRET(struct cpu *c, const struct insn *in)
{
    c->nmi_blocked = false;
    if (c->nmi_latched)
        c->attention |= ATT_NMI;
    return interrupt_return(c, in->opsize);
}

/* ---- Software interrupts ---- */

bool op_INT(struct cpu *c, const struct insn *in)
{
    if (!cpu_is_protected(c))
        idle_note(c, (u8)in->imm);
    return software_interrupt(c, (u8)in->imm);
}

/* INT3 and INTO heed neither IOPL nor redirection in virtual-8086 mode. */
bool op_INT3(struct cpu *c, const struct insn *in)
{
    return event_deliver(c, VEC_BP, EVENT_SOFTWARE, false, 0, c->next_rip);
}

bool op_INTO(struct cpu *c, const struct insn *in)
{
    return !flag_of(c) || event_deliver(c, VEC_OF, EVENT_SOFTWARE, false, 0, c->next_rip);
}

/* A debug trap by software: no look at the gate's DPL, nothing in DR6. */
bool op_INT1(struct cpu *c, const struct insn *in)
{
    return event_deliver(c, VEC_DB, EVENT_TRAP, false, 0, c->next_rip);
}

bool op_BOUND(struct cpu *c, const struct insn *in)
{
    u64 ea = effective_address(c, in), low, high;
    s64 index = (s64)sign_extend(reg_get(c, in->reg[0], in->opsize), in->opsize);

    if (!mem_read(c, in->seg, ea, in->opsize, &low) ||
        !mem_read(c, in->seg, ea + in->opsize, in->opsize, &high))
        return false;
    if (index < (s64)sign_extend(low, in->opsize) || index > (s64)sign_extend(high, in->opsize))
        return fault_raise(c, VEC_BR);
    return true;
}

/* ---- Invalid opcodes ---- */

bool op_UD0(struct cpu *c, const struct insn *in)
{
    return fault_ud(c);
}

bool op_UD1(struct cpu *c, const struct insn *in)
{
    return fault_ud(c);
}

bool op_UD2(struct cpu *c, const struct insn *in)
{
    return fault_ud(c);
}

bool op_INVALID(struct cpu *c, const struct insn *in)
{
    return fault_ud(c);
}

/* More than 15 bytes. */
bool op_TOOLONG(struct cpu *c, const struct insn *in)
{
    return fault_gp(c, 0);
}
