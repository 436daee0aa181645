/*
 * Decimal arithmetic. SDM Vol. 2, "DAA", "DAS", "AAA", "AAS", "AAM", "AAD". The flags that it
 * leaves undefined are those of the addition or subtraction that the chip does: of AL and the whole
 * correction in DAA and DAS, of AL and the product in AAD, of AL and 6 in AAA and AAS on the 8086
 * and 286, of AX and 106h later. Sources: recordings of a P80C86A-2 and an N80C286-12
 * (SingleStepTests by Daniel Balsom); measured on an AMD EPYC, which agrees where both have it.
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

/* AL plus or minus v, with the flags of that. */
static void adjust_al(struct cpu *c, int sign, u64 v)
{
    u64 a = al(c), result = sign > 0 ? a + v : a - v;

    if (sign > 0)
        flags_add(c, 1, a, v, result);
    else
        flags_sub(c, 1, a, v, result);
    set_al(c, (u8)result);
}

static bool decimal_adjust(struct cpu *c, int sign)
{
    bool low = (al(c) & 15) > 9 || flag_af(c), high = high_digit_wrong(c);
    /* A borrow of the low digit is carried even where the high digit is right; not by the 8086. */
    bool borrow = sign < 0 && low && al(c) < 6 && model_has(c->model, FEAT_286);

    adjust_al(c, sign, (low ? 6u : 0) + (high ? 0x60u : 0));
    flags_put(c, AF_AF | AF_CF, (low ? AF_AF : 0) | (high || borrow ? AF_CF : 0));
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

/* AX plus or minus 106h, with the flags of that. */
static void adjust_ax(struct cpu *c, int sign, u64 v)
{
    u64 a = reg_get(c, RAX, 2), result = sign > 0 ? a + v : a - v;

    if (sign > 0)
        flags_add(c, 2, a, v, result);
    else
        flags_sub(c, 2, a, v, result);
    reg_set(c, RAX, 2, result);
}

/*
 * The 8086 adds to AL and AH apart; later chips carry from AL into AH. AAS takes 6 from AX and one
 * from AH, which is 106h from AX in all.
 */
static bool ascii_adjust(struct cpu *c, int sign)
{
    bool wrong = (al(c) & 15) > 9 || flag_af(c);
    u64 ax = reg_get(c, RAX, 2) + (wrong ? (u64)(s64)(sign * 0x106) : 0);

    if (model_has(c->model, FEAT_386)) {
        adjust_ax(c, sign, wrong ? 0x106 : 0);
    } else {
        adjust_al(c, sign, wrong ? 6 : 0);
        if (model_has(c->model, FEAT_286))
            reg_set(c, RAX, 2, ax);
        else
            set_ah(c, (unsigned)(ah(c) + (wrong ? sign : 0)));
    }
    set_al(c, al(c) & 15);
    flags_put(c, AF_AF | AF_CF, wrong ? AF_AF | AF_CF : 0);
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
    adjust_al(c, 1, (u8)(ah(c) * (u8)in->imm));
    set_ah(c, 0);
    return true;
}
