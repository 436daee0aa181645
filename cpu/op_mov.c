/*
 * Moves, exchanges, conversions, addresses. SDM Vol. 2, one page per instruction.
 */
#include "cpu/hooks.h"
#include "cpu/op.h"
#include "cpu/segment.h"

bool op_MOV(struct cpu *c, const struct insn *in)
{
    u64 v;

    return read_op(c, in, 1, &v) && write_op(c, in, 0, v);
}

bool op_MOVZX(struct cpu *c, const struct insn *in)
{
    return op_MOV(c, in);
}

bool op_MOVSX(struct cpu *c, const struct insn *in)
{
    u64 v;

    return read_op(c, in, 1, &v) && write_op(c, in, 0, sign_extend(v, in->size[1]));
}

/*
 * Memory always takes 16 bits. A 32-bit register gets zeros above them, as the P6 family does
 * ("MOV": "When executing MOV Reg, Sreg"); a load of SS holds interrupts back for one instruction.
 */
bool op_MOV_SEG(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (in->kind[1] == OPND_SREG) {
        v = c->seg[in->reg[1]].sel;
        if (in->kind[0] == OPND_MEM)
            return mem_write(c, in->seg, effective_address(c, in), 2, v);
        reg_set(c, in->reg[0], in->opsize, v);
        return true;
    }
    if (in->reg[0] == SEG_CS && model_has(c->model, FEAT_286))
        return fault_ud(c);
    if (in->kind[1] == OPND_MEM) {
        if (!mem_read(c, in->seg, effective_address(c, in), 2, &v))
            return false;
    } else {
        v = reg_get(c, in->reg[1], 2);
    }
    if (!seg_load(c, in->reg[0], (u16)v))
        return false;
    if (in->reg[0] == SEG_SS)
        c->special |= SPECIAL_SHADOW | SPECIAL_SS_SHADOW;
    return true;
}

bool op_XCHG(struct cpu *c, const struct insn *in)
{
    u64 a, b;

    if (!read_op(c, in, 0, &a) || !read_op(c, in, 1, &b) || !write_op(c, in, 0, b))
        return false;
    return write_op(c, in, 1, a);
}

/* BX with itself: the breakpoint that guests put into their own code. */
bool op_XCHG_MAGIC(struct cpu *c, const struct insn *in)
{
    if (unlikely(c->hooks != NULL))
        c->hooks->magic(c->hooks->opaque);
    return op_XCHG(c, in);
}

bool op_LEA(struct cpu *c, const struct insn *in)
{
    reg_set(c, in->reg[0], in->opsize, effective_address(c, in));
    return true;
}

/* A far pointer: the offset first, the selector behind it. */
static bool load_pointer(struct cpu *c, const struct insn *in, enum seg_reg seg)
{
    u64 ea = effective_address(c, in), off, sel;

    if (!mem_read(c, in->seg, ea, in->opsize, &off) ||
        !mem_read(c, in->seg, ea + in->opsize, 2, &sel) || !seg_load(c, seg, (u16)sel))
        return false;
    reg_set(c, in->reg[0], in->opsize, off);
    return true;
}

bool op_LDS(struct cpu *c, const struct insn *in)
{
    return load_pointer(c, in, SEG_DS);
}

bool op_LES(struct cpu *c, const struct insn *in)
{
    return load_pointer(c, in, SEG_ES);
}

bool op_LFS(struct cpu *c, const struct insn *in)
{
    return load_pointer(c, in, SEG_FS);
}

bool op_LGS(struct cpu *c, const struct insn *in)
{
    return load_pointer(c, in, SEG_GS);
}

/* Stack pointer and segment change together: no shadow is needed. */
bool op_LSS(struct cpu *c, const struct insn *in)
{
    return load_pointer(c, in, SEG_SS);
}

/* CBW, CWDE, CDQE. */
bool op_CBW(struct cpu *c, const struct insn *in)
{
    reg_set(c, RAX, in->opsize, sign_extend(c->gpr[RAX], in->opsize / 2));
    return true;
}

/* CWD, CDQ, CQO. */
bool op_CWD(struct cpu *c, const struct insn *in)
{
    bool sign = c->gpr[RAX] >> (in->opsize * 8 - 1) & 1;

    reg_set(c, RDX, in->opsize, sign ? ~0ull : 0);
    return true;
}

bool op_LAHF(struct cpu *c, const struct insn *in)
{
    reg_set(c, 16 + RAX, 1, c->aflags >> 8 | EF_FIXED);
    return true;
}

bool op_SAHF(struct cpu *c, const struct insn *in)
{
    u16 high = (u16)(c->gpr[RAX] & 0xFF00);

    flags_put(c, AF_ALL & ~AF_OF, high);
    return true;
}

/* AL takes CF in all its bits; undocumented, on every chip. */
bool op_SALC(struct cpu *c, const struct insn *in)
{
    reg_set(c, RAX, 1, flag_cf(c) ? 0xFF : 0);
    return true;
}

bool op_XLAT(struct cpu *c, const struct insn *in)
{
    u64 ea = (c->gpr[RBX] + (c->gpr[RAX] & 0xFF)) & size_mask(in->asize), v;

    if (!mem_read(c, in->seg, ea, 1, &v))
        return false;
    reg_set(c, RAX, 1, v);
    return true;
}

bool op_NOP(struct cpu *c, const struct insn *in)
{
    return true;
}

/* ---- CMOVcc and SETcc ---- */

/* Memory is read, and may fault, whatever the condition; a 32-bit form clears the upper half. */
static bool move_if(struct cpu *c, const struct insn *in, unsigned cc)
{
    u64 v;

    if (!read_op(c, in, 1, &v))
        return false;
    if (!condition(c, cc))
        v = reg_get(c, in->reg[0], in->size[0]);
    return write_op(c, in, 0, v);
}

#define CONDITIONAL(name, cc)                                                                      \
    bool op_CMOV##name(struct cpu *c, const struct insn *in)                                       \
    {                                                                                              \
        return move_if(c, in, cc);                                                                 \
    }                                                                                              \
    bool op_SET##name(struct cpu *c, const struct insn *in)                                        \
    {                                                                                              \
        return write_op(c, in, 0, condition(c, cc));                                               \
    }

CONDITIONAL(O, 0)
CONDITIONAL(NO, 1)
CONDITIONAL(B, 2)
CONDITIONAL(NB, 3)
CONDITIONAL(Z, 4)
CONDITIONAL(NZ, 5)
CONDITIONAL(BE, 6)
CONDITIONAL(NBE, 7)
CONDITIONAL(S, 8)
CONDITIONAL(NS, 9)
CONDITIONAL(P, 10)
CONDITIONAL(NP, 11)
CONDITIONAL(L, 12)
CONDITIONAL(NL, 13)
CONDITIONAL(LE, 14)
CONDITIONAL(NLE, 15)
