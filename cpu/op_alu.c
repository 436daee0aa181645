/*
 * Addition, subtraction, logic, comparison, and the exchanges built on them. SDM Vol. 2, one page
 * per instruction.
 */
#include "cpu/op.h"

/* Both operands, cut to the size of the first: short immediates come sign-extended to 64 bits. */
static bool read_pair(struct cpu *c, const struct insn *in, u64 *a, u64 *b)
{
    if (!read_op(c, in, 0, a) || !read_op(c, in, 1, b))
        return false;
    *b &= size_mask(in->size[0]);
    return true;
}

static bool finish_add(struct cpu *c, const struct insn *in, u64 a, u64 b, u64 sum)
{
    if (!write_op(c, in, 0, sum))
        return false;
    flags_add(c, in->size[0], a, b, sum);
    return true;
}

static bool finish_sub(struct cpu *c, const struct insn *in, u64 a, u64 b, u64 diff)
{
    if (!write_op(c, in, 0, diff))
        return false;
    flags_sub(c, in->size[0], a, b, diff);
    return true;
}

static bool finish_logic(struct cpu *c, const struct insn *in, u64 result)
{
    if (!write_op(c, in, 0, result))
        return false;
    flags_logic(c, in->size[0], result);
    return true;
}

bool op_ADD(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_add(c, in, a, b, a + b);
}

bool op_ADC(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_add(c, in, a, b, a + b + flag_cf(c));
}

bool op_SUB(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_sub(c, in, a, b, a - b);
}

bool op_SBB(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_sub(c, in, a, b, a - b - flag_cf(c));
}

bool op_AND(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_logic(c, in, a & b);
}

bool op_OR(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_logic(c, in, a | b);
}

bool op_XOR(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    return read_pair(c, in, &a, &b) && finish_logic(c, in, a ^ b);
}

bool op_CMP(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    if (!read_pair(c, in, &a, &b))
        return false;
    flags_sub(c, in->size[0], a, b, a - b);
    return true;
}

bool op_TEST(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    if (!read_pair(c, in, &a, &b))
        return false;
    flags_logic(c, in->size[0], a & b);
    return true;
}

bool op_NOT(struct cpu *c, const struct insn *in)
{
    u64 a;

    return read_op(c, in, 0, &a) && write_op(c, in, 0, ~a);
}

bool op_NEG(struct cpu *c, const struct insn *in)
{
    u64 a;

    return read_op(c, in, 0, &a) && finish_sub(c, in, 0, a, 0 - a);
}

/* INC and DEC leave CF alone. */
bool op_INC(struct cpu *c, const struct insn *in)
{
    u16 cf = c->aflags & AF_CF;
    u64 a;

    if (!read_op(c, in, 0, &a) || !finish_add(c, in, a, 1, a + 1))
        return false;
    flags_put(c, AF_CF, cf);
    return true;
}

bool op_DEC(struct cpu *c, const struct insn *in)
{
    u16 cf = c->aflags & AF_CF;
    u64 a;

    if (!read_op(c, in, 0, &a) || !finish_sub(c, in, a, 1, a - 1))
        return false;
    flags_put(c, AF_CF, cf);
    return true;
}

/* The register gets the old destination; the destination is written last (XADD AX, AX adds). */
bool op_XADD(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    if (!read_pair(c, in, &a, &b))
        return false;
    if (in->kind[0] != OPND_MEM)
        reg_set(c, in->reg[1], in->size[1], a);
    if (!finish_add(c, in, a, b, a + b))
        return false;
    if (in->kind[0] == OPND_MEM)
        reg_set(c, in->reg[1], in->size[1], a);
    return true;
}

/* The destination is written in both cases, so memory must be writable either way. */
bool op_CMPXCHG(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[0];
    u64 dest, source, acc = reg_get(c, RAX, size);

    if (!read_pair(c, in, &dest, &source))
        return false;
    if (acc == dest) {
        if (!write_op(c, in, 0, source))
            return false;
    } else {
        /* A register destination stays whole: no 32-bit write clears its upper half. */
        if (in->kind[0] == OPND_MEM && !write_op(c, in, 0, dest))
            return false;
        reg_set(c, RAX, size, dest);
    }
    flags_sub(c, size, acc, dest, acc - dest);
    return true;
}

bool op_CMPXCHG8B(struct cpu *c, const struct insn *in)
{
    u64 ea = effective_address(c, in), expected, dest;
    bool equal;

    expected = (c->gpr[RDX] << 32) | (u32)c->gpr[RAX];
    if (!mem_read_for_write(c, in->seg, ea, 8, &dest))
        return false;
    equal = dest == expected;
    if (!mem_write(c, in->seg, ea, 8, equal ? c->gpr[RCX] << 32 | (u32)c->gpr[RBX] : dest))
        return false;
    if (!equal) {
        c->gpr[RAX] = (u32)dest;
        c->gpr[RDX] = dest >> 32;
    }
    flags_put(c, AF_ZF, equal ? AF_ZF : 0);
    return true;
}
