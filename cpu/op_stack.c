/*
 * Push, pop and stack frames. SDM Vol. 2, "PUSH", "POP", "PUSHA", "POPA", "ENTER", "LEAVE".
 */
#include "cpu/op.h"
#include "cpu/segment.h"

/* The 8086 pushes SP as it is after the push. */
bool op_PUSH(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (!read_op(c, in, 0, &v))
        return false;
    if (in->kind[0] == OPND_GPR && in->reg[0] == RSP && !model_has(c->model, FEAT_286))
        v -= in->opsize;
    return mem_push(c, in->opsize, v);
}

/* An address that uses rSP is computed after the pop. */
bool op_POP(struct cpu *c, const struct insn *in)
{
    u64 rsp = c->gpr[RSP], v;

    if (!mem_pop(c, in->opsize, &v))
        return false;
    if (write_op(c, in, 0, v))
        return true;
    if (!faults_leave_traces(c))
        c->gpr[RSP] = rsp;
    return false;
}

bool op_PUSH_SEG(struct cpu *c, const struct insn *in)
{
    return mem_push(c, in->opsize, c->seg[in->reg[0]].sel);
}

bool op_POP_SEG(struct cpu *c, const struct insn *in)
{
    u64 rsp = c->gpr[RSP], v;

    if (!mem_pop(c, in->opsize, &v))
        return false;
    if (!seg_load(c, in->reg[0], (u16)v)) {
        c->gpr[RSP] = rsp;
        return false;
    }
    if (in->reg[0] == SEG_SS)
        c->special |= SPECIAL_SHADOW | SPECIAL_SS_SHADOW;
    return true;
}

bool op_PUSHA(struct cpu *c, const struct insn *in)
{
    struct stack s;

    stack_current(c, &s);
    for (unsigned r = RAX; r <= RDI; r++)
        if (!stack_push(c, &s, in->opsize, c->gpr[r]))
            return false;
    c->gpr[RSP] = s.sp;
    return true;
}

/* The image of rSP is skipped. */
bool op_POPA(struct cpu *c, const struct insn *in)
{
    struct stack s;
    u64 v[8];

    stack_current(c, &s);
    for (unsigned r = 8; r-- > 0;)
        if (!stack_pop(c, &s, in->opsize, &v[r]))
            return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (r != RSP)
            reg_set(c, r, in->opsize, v[r]);
    c->gpr[RSP] = s.sp;
    return true;
}

/* The frame pointers of the enclosing procedures, copied from where rBP points. */
static bool copy_frames(struct cpu *c, const struct insn *in, unsigned level, struct stack *s)
{
    u64 bp = c->gpr[RBP], v;

    for (unsigned i = 1; i < level; i++) {
        bp -= in->opsize;
        if (!mem_read(c, SEG_SS, bp & s->mask, in->opsize, &v) || !stack_push(c, s, in->opsize, v))
            return false;
    }
    return true;
}

/* A write at the final rSP must be possible, though none is made ("ENTER", #PF and #SS). */
bool op_ENTER(struct cpu *c, const struct insn *in)
{
    unsigned level = in->imm2 & 31;
    struct stack s;
    u64 frame;

    stack_current(c, &s);
    if (!stack_push(c, &s, in->opsize, c->gpr[RBP]))
        return false;
    frame = s.sp;
    if (level && (!copy_frames(c, in, level, &s) || !stack_push(c, &s, in->opsize, frame)))
        return false;
    stack_release(&s, 0 - (in->imm & 0xFFFF));
    if (!mem_probe_write(c, SEG_SS, s.sp & s.mask, in->opsize))
        return false;
    reg_set(c, RBP, in->opsize, frame);
    c->gpr[RSP] = s.sp;
    return true;
}

bool op_LEAVE(struct cpu *c, const struct insn *in)
{
    u64 rsp = c->gpr[RSP], v;

    c->gpr[RSP] = (rsp & ~c->stack_mask) | (c->gpr[RBP] & c->stack_mask);
    if (!mem_pop(c, in->opsize, &v)) {
        c->gpr[RSP] = rsp;
        return false;
    }
    reg_set(c, RBP, in->opsize, v);
    return true;
}
