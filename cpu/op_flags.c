/*
 * Instructions on EFLAGS. SDM Vol. 2, "PUSHF", "POPF", "CLI", "STI" and the one-flag ones; Vol. 3B,
 * "8086 Emulation" for VIF and VIP.
 */
#include "cpu/op.h"

static unsigned iopl(const struct cpu *c)
{
    return c->eflags >> 12 & 3;
}

u32 flags_mask_real(const struct cpu *c, unsigned opsize)
{
    u32 mask = EF_ARITH | EF_TF | EF_IF | EF_DF;

    /* IOPL and NT cannot be set in real mode on a 286. */
    if (model_has(c->model, FEAT_386) || (c->cr0 & CR0_PE))
        mask |= EF_IOPL | EF_NT;
    return opsize > 2 ? mask | EF_AC | EF_ID : mask;
}

/* In virtual-8086 mode below IOPL 3, VIF stands for IF, and only under VME and in 16 bits. */
static bool v86_virtual(const struct cpu *c)
{
    return cpu_is_v86(c) && iopl(c) < 3;
}

bool op_PUSHF(struct cpu *c, const struct insn *in)
{
    u32 flags = (u32)cpu_flags(c) & ~(u32)(EF_VM | EF_RF);

    if (v86_virtual(c)) {
        if (!(c->cr4 & CR4_VME) || in->opsize != 2)
            return fault_gp(c, 0);
        flags = (flags & ~(u32)EF_IF) | EF_IOPL | (c->eflags & EF_VIF ? EF_IF : 0);
    }
    return mem_push(c, in->opsize, flags);
}

static bool popf_virtual(struct cpu *c, const struct insn *in)
{
    u64 rsp = c->gpr[RSP], v;

    if (!(c->cr4 & CR4_VME) || in->opsize != 2)
        return fault_gp(c, 0);
    if (!mem_pop(c, 2, &v))
        return false;
    if ((v & EF_TF) || ((v & EF_IF) && (c->eflags & EF_VIP))) {
        c->gpr[RSP] = rsp;
        return fault_gp(c, 0);
    }
    v |= v & EF_IF ? EF_VIF : 0;
    flags_load(c, (u32)v, EF_ARITH | EF_TF | EF_DF | EF_NT | EF_VIF);
    return true;
}

bool op_POPF(struct cpu *c, const struct insn *in)
{
    u32 mask = flags_mask_real(c, in->opsize);
    u64 v;

    if (v86_virtual(c))
        return popf_virtual(c, in);
    if (!mem_pop(c, in->opsize, &v))
        return false;
    if (c->cpl > 0)
        mask &= ~(u32)EF_IOPL;
    if (c->cpl > iopl(c))
        mask &= ~(u32)EF_IF;
    flags_load(c, (u32)v, mask);
    return true;
}

/* Which flag CLI and STI change here: IF, VIF, or none because they fault. */
static u32 interrupt_flag(const struct cpu *c)
{
    if (c->cpl <= iopl(c))
        return EF_IF;
    if (c->cpl == 3 && (c->cr4 & (cpu_is_v86(c) ? CR4_VME : CR4_PVI)))
        return EF_VIF;
    return 0;
}

bool op_CLI(struct cpu *c, const struct insn *in)
{
    u32 flag = interrupt_flag(c);

    if (!flag)
        return fault_gp(c, 0);
    c->eflags &= ~flag;
    interrupts_changed(c);
    return true;
}

/* Interrupts that were off stay off for one more instruction. */
bool op_STI(struct cpu *c, const struct insn *in)
{
    u32 flag = interrupt_flag(c);

    if (!flag || (flag == EF_VIF && (c->eflags & EF_VIP)))
        return fault_gp(c, 0);
    if (flag == EF_IF && !(c->eflags & EF_IF))
        c->special |= SPECIAL_SHADOW;
    c->eflags |= flag;
    interrupts_changed(c);
    return true;
}

bool op_CLC(struct cpu *c, const struct insn *in)
{
    flags_put(c, AF_CF, 0);
    return true;
}

bool op_STC(struct cpu *c, const struct insn *in)
{
    flags_put(c, AF_CF, AF_CF);
    return true;
}

bool op_CMC(struct cpu *c, const struct insn *in)
{
    c->aflags ^= AF_CF;
    return true;
}

bool op_CLD(struct cpu *c, const struct insn *in)
{
    c->eflags &= ~(u32)EF_DF;
    return true;
}

bool op_STD(struct cpu *c, const struct insn *in)
{
    c->eflags |= EF_DF;
    return true;
}
