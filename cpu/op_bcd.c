/*
 * Decimal arithmetic. SDM Vol. 2, "DAA", "DAS", "AAA", "AAS", "AAM", "AAD"; the flags that it
 * leaves undefined are those that the P6 family was seen to produce: OF is cleared by all of them,
 * and AAA and AAS set SF, ZF and PF by AL.
 */
#include "cpu/op.h"

static u8 al(const struct cpu *c)
{
    return (u8)c->gpr[RAX];
}

static u8 ah(const struct cpu *c)
{
    return (u8)(c->gpr[RAX] >> 8);
}

static void set_al(struct cpu *c, unsigned v)
{
    reg_set(c, RAX, 1, v);
}

static void set_ah(struct cpu *c, unsigned v)
{
    reg_set(c, 16 + RAX, 1, v);
}

/* The 8086 does not correct the high digit of 9Ah-9Fh if AF is set. */
static bool high_digit_wrong(const struct cpu *c)
{
    unsigned most = flag_af(c) && !model_has(c->model, FEAT_286) ? 0x9F : 0x99;

    return al(c) > most || flag_cf(c);
}

static bool decimal_adjust(struct cpu *c, int sign)
{
    bool low = (al(c) & 15) > 9 || flag_af(c), high = high_digit_wrong(c);
    int v = al(c) + sign * ((low ? 6 : 0) + (high ? 0x60 : 0));
    /* A borrow of the low digit is carried even where the high digit is right; not by the 8086. */
    bool borrow = sign < 0 && low && al(c) < 6 && model_has(c->model, FEAT_286);

    set_al(c, (u8)v);
    c->aflags = flags_szp(1, (u8)v) | (low ? AF_AF : 0) | (high || borrow ? AF_CF : 0);
    return true;
}

bool op_DAA(struct cpu *c, const struct insn *in)
{
    return decimal_adjust(c, 1);
}

bool op_DAS(struct cpu *c, const struct insn *in)
{
    return decimal_adjust(c, -1);
}

/* The 8086 adds to AL and AH apart; later chips carry from AL into AH. */
static bool ascii_adjust(struct cpu *c, int sign)
{
    bool wrong = (al(c) & 15) > 9 || flag_af(c);

    if (wrong && model_has(c->model, FEAT_286)) {
        reg_set(c, RAX, 2, c->gpr[RAX] + (u64)(s64)(sign * 6));
        set_ah(c, (unsigned)(ah(c) + sign));
    } else if (wrong) {
        set_al(c, (unsigned)(al(c) + sign * 6));
        set_ah(c, (unsigned)(ah(c) + sign));
    }
    set_al(c, al(c) & 15);
    c->aflags = flags_szp(1, al(c)) | (wrong ? AF_AF | AF_CF : 0);
    return true;
}

bool op_AAA(struct cpu *c, const struct insn *in)
{
    return ascii_adjust(c, 1);
}

bool op_AAS(struct cpu *c, const struct insn *in)
{
    return ascii_adjust(c, -1);
}

bool op_AAM(struct cpu *c, const struct insn *in)
{
    u8 base = (u8)in->imm, v = al(c);

    if (!base)
        return fault_raise(c, VEC_DE);
    set_ah(c, v / base);
    set_al(c, v % base);
    flags_logic(c, 1, al(c));
    return true;
}

bool op_AAD(struct cpu *c, const struct insn *in)
{
    u8 v = (u8)(al(c) + ah(c) * (u8)in->imm);

    reg_set(c, RAX, 2, v);
    flags_logic(c, 1, v);
    return true;
}
