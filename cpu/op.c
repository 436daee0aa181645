/*
 * What all handlers share: operands, near branches, the look at INTR after IF changed.
 */
#include "cpu/op.h"

u64 effective_address(const struct cpu *c, const struct insn *in)
{
    u64 ea = (u64)(s64)in->disp;

    if (in->base == REG_RIP)
        ea += c->next_rip;
    else if (in->base != REG_NONE)
        ea += c->gpr[in->base];
    if (in->index != REG_NONE)
        ea += c->gpr[in->index] << in->scale;
    return ea & size_mask(in->asize);
}

bool read_op(struct cpu *c, const struct insn *in, unsigned n, u64 *v)
{
    switch (in->kind[n]) {
    case OPND_GPR: *v = reg_get(c, in->reg[n], in->size[n]); return true;
    case OPND_MEM:
        if (n == 0 && (in->flags & INSN_RMW))
            return mem_read_for_write(c, in->seg, effective_address(c, in), in->size[n], v);
        return mem_read(c, in->seg, effective_address(c, in), in->size[n], v);
    case OPND_IMM2: *v = in->imm2; return true;
    case OPND_SREG: *v = c->seg[in->reg[n]].sel; return true;
    default: *v = in->imm; return true;
    }
}

bool write_op(struct cpu *c, const struct insn *in, unsigned n, u64 v)
{
    if (in->kind[n] == OPND_MEM)
        return mem_write(c, in->seg, effective_address(c, in), in->size[n], v);
    reg_set(c, in->reg[n], in->size[n], v);
    return true;
}

bool branch_near(struct cpu *c, const struct insn *in, u64 target)
{
    target &= size_mask(in->opsize);
    if (target > c->seg[SEG_CS].limit)
        return fault_gp(c, 0);
    c->next_rip = target;
    return true;
}

void interrupts_changed(struct cpu *c)
{
    if (c->intr && (c->eflags & EF_IF) && !(c->special & SPECIAL_SHADOW))
        c->attention |= ATT_INTR;
    else
        c->attention &= ~(u32)ATT_INTR;
}
