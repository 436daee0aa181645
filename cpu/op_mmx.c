/*
 * MMX. An MM register is the low 64 bits of the x87 register of the same physical number: writing
 * one sets the upper 16 bits, and every instruction but EMMS makes all x87 registers valid with
 * TOP zero. Executed in C, on the state in memory.
 * Sources: SDM Vol. 2 under each name; Vol. 1, "Effect of MMX Instructions on the x87 FPU Tag
 * Word"; Vol. 3A, "Emulation of the MMX Instruction Set" and "Effect of MMX Instructions on
 * x87 FPU Registers".
 */
#include "cpu/fpu.h"
#include "cpu/op.h"

#include "base/bytes.h"

/* A register as lanes, lowest first. */
union mm {
    u64 q;
    u8 ub[8];
    s8 sb[8];
    u16 uw[4];
    s16 sw[4];
    u32 ud[2];
    s32 sd[2];
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lane 0 must be the lowest");

/* ---- Registers ---- */

static u64 mm_get(const struct cpu *c, unsigned n)
{
    return get_le64(c->fpu.reg[n & 7]);
}

static void mm_set(struct cpu *c, unsigned n, u64 v)
{
    put_le64(c->fpu.reg[n & 7], v);
    put_le16(c->fpu.reg[n & 7] + 8, 0xFFFF);
}

/* The x87 side of every MMX instruction; after the last step that can fault. */
static void mm_touch(struct cpu *c)
{
    c->fpu.top = 0;
    c->fpu.tags = 0xFF;
}

static bool mm_begin(struct cpu *c)
{
    if (!fpu_check_mmx(c))
        return false;
    fpu_leave(c);
    return true;
}

/* An operand of any kind: MM register, memory, immediate, general register. */
static bool mm_read(struct cpu *c, const struct insn *in, unsigned n, u64 *v)
{
    if (in->kind[n] != OPND_MM)
        return read_op(c, in, n, v);
    *v = mm_get(c, in->reg[n]);
    return true;
}

/* op0 = f(op0, op1), op0 being a register. */
static inline bool binary(struct cpu *c, const struct insn *in, u64 (*f)(u64 a, u64 b))
{
    u64 b;

    if (!mm_begin(c))
        return fpu_stopped(c);
    if (!mm_read(c, in, 1, &b))
        return false;
    mm_touch(c);
    mm_set(c, in->reg[0], f(mm_get(c, in->reg[0]), b));
    return true;
}

/* ---- Moves ---- */

static bool move(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (!mm_begin(c))
        return fpu_stopped(c);
    if (!mm_read(c, in, 1, &v))
        return false;
    if (in->kind[0] == OPND_MM) {
        mm_touch(c);
        mm_set(c, in->reg[0], v & size_mask(in->size[1]));
        return true;
    }
    if (!write_op(c, in, 0, v & size_mask(in->size[0])))
        return false;
    mm_touch(c);
    return true;
}

bool op_MOVD(struct cpu *c, const struct insn *in)
{
    return move(c, in);
}

bool op_MOVQ(struct cpu *c, const struct insn *in)
{
    return move(c, in);
}

bool op_EMMS(struct cpu *c, const struct insn *in)
{
    if (!mm_begin(c))
        return fpu_stopped(c);
    c->fpu.tags = 0;
    c->fpu.top = 0;
    return true;
}

/* ---- Saturation ---- */

static s8 sat_s8(int v)
{
    return (s8)(v < -128 ? -128 : v > 127 ? 127 : v);
}

static u8 sat_u8(int v)
{
    return (u8)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static s16 sat_s16(int v)
{
    return (s16)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
}

static u16 sat_u16(int v)
{
    return (u16)(v < 0 ? 0 : v > 65535 ? 65535 : v);
}

/* ---- Lane by lane: EXPR of the lanes a and b ---- */

#define LANES(NAME, LANE, EXPR)                                                                    \
    static u64 lanes_##NAME(u64 va, u64 vb)                                                        \
    {                                                                                              \
        union mm x = {va}, y = {vb};                                                               \
        unsigned i;                                                                                \
                                                                                                   \
        for (i = 0; i < ARRAY_LEN(x.LANE); i++) {                                                  \
            int a = (int)x.LANE[i], b = (int)y.LANE[i];                                            \
                                                                                                   \
            x.LANE[i] = (__typeof__(x.LANE[0]))(EXPR);                                             \
        }                                                                                          \
        return x.q;                                                                                \
    }                                                                                              \
    bool op_##NAME(struct cpu *c, const struct insn *in)                                           \
    {                                                                                              \
        return binary(c, in, lanes_##NAME);                                                        \
    }

LANES(PADDB, ub, a + b)
LANES(PADDW, uw, a + b)
LANES(PADDD, ud, (u32)a + (u32)b)
LANES(PADDSB, sb, sat_s8(a + b))
LANES(PADDSW, sw, sat_s16(a + b))
LANES(PADDUSB, ub, sat_u8(a + b))
LANES(PADDUSW, uw, sat_u16(a + b))
LANES(PSUBB, ub, a - b)
LANES(PSUBW, uw, a - b)
LANES(PSUBD, ud, (u32)a - (u32)b)
LANES(PSUBSB, sb, sat_s8(a - b))
LANES(PSUBSW, sw, sat_s16(a - b))
LANES(PSUBUSB, ub, sat_u8(a - b))
LANES(PSUBUSW, uw, sat_u16(a - b))
LANES(PMULLW, sw, (a * b))
LANES(PMULHW, sw, (a * b) >> 16)
LANES(PCMPEQB, ub, a == b ? -1 : 0)
LANES(PCMPEQW, uw, a == b ? -1 : 0)
LANES(PCMPEQD, ud, a == b ? -1 : 0)
LANES(PCMPGTB, sb, a > b ? -1 : 0)
LANES(PCMPGTW, sw, a > b ? -1 : 0)
LANES(PCMPGTD, sd, a > b ? -1 : 0)

#undef LANES

/* ---- Whole registers ---- */

#define WHOLE(NAME, EXPR)                                                                          \
    static u64 whole_##NAME(u64 a, u64 b)                                                          \
    {                                                                                              \
        return EXPR;                                                                               \
    }                                                                                              \
    bool op_##NAME(struct cpu *c, const struct insn *in)                                           \
    {                                                                                              \
        return binary(c, in, whole_##NAME);                                                        \
    }

static u64 multiply_add(union mm x, union mm y)
{
    union mm r;
    unsigned i;

    /* Four times -8000h * -8000h wraps to 80000000h ("PMADDWD", the one case). */
    for (i = 0; i < 2; i++)
        r.ud[i] = (u32)(x.sw[i * 2] * y.sw[i * 2]) + (u32)(x.sw[i * 2 + 1] * y.sw[i * 2 + 1]);
    return r.q;
}

/* Words of both, destination below, to saturated bytes. */
static u64 pack_words(union mm x, union mm y, bool is_signed)
{
    union mm r;
    unsigned i;

    for (i = 0; i < 4; i++) {
        r.ub[i] = is_signed ? (u8)sat_s8(x.sw[i]) : sat_u8(x.sw[i]);
        r.ub[i + 4] = is_signed ? (u8)sat_s8(y.sw[i]) : sat_u8(y.sw[i]);
    }
    return r.q;
}

static u64 pack_dwords(union mm x, union mm y)
{
    union mm r;
    unsigned i;

    for (i = 0; i < 2; i++) {
        r.sw[i] = sat_s16(x.sd[i]);
        r.sw[i + 2] = sat_s16(y.sd[i]);
    }
    return r.q;
}

/* Interleave lanes from `first` on, destination's first. */
static u64 unpack_bytes(union mm x, union mm y, unsigned first)
{
    union mm r;
    unsigned i;

    for (i = 0; i < 4; i++) {
        r.ub[i * 2] = x.ub[first + i];
        r.ub[i * 2 + 1] = y.ub[first + i];
    }
    return r.q;
}

static u64 unpack_words(union mm x, union mm y, unsigned first)
{
    union mm r;
    unsigned i;

    for (i = 0; i < 2; i++) {
        r.uw[i * 2] = x.uw[first + i];
        r.uw[i * 2 + 1] = y.uw[first + i];
    }
    return r.q;
}

WHOLE(PAND, (a & b))
WHOLE(PANDN, (~a & b))
WHOLE(POR, a | b)
WHOLE(PXOR, a ^ b)
WHOLE(PMADDWD, multiply_add((union mm){a}, (union mm){b}))
WHOLE(PACKSSWB, pack_words((union mm){a}, (union mm){b}, true))
WHOLE(PACKUSWB, pack_words((union mm){a}, (union mm){b}, false))
WHOLE(PACKSSDW, pack_dwords((union mm){a}, (union mm){b}))
WHOLE(PUNPCKLBW, unpack_bytes((union mm){a}, (union mm){b}, 0))
WHOLE(PUNPCKHBW, unpack_bytes((union mm){a}, (union mm){b}, 4))
WHOLE(PUNPCKLWD, unpack_words((union mm){a}, (union mm){b}, 0))
WHOLE(PUNPCKHWD, unpack_words((union mm){a}, (union mm){b}, 2))
WHOLE(PUNPCKLDQ, (u32)a | b << 32)
WHOLE(PUNPCKHDQ, a >> 32 | (b >> 32 << 32))
WHOLE(PSLLQ, b > 63 ? 0 : a << b)
WHOLE(PSRLQ, b > 63 ? 0 : a >> b)

/* ---- Shifts: the count is the whole second operand, and larger ones empty the lane ---- */

#define SHIFT(NAME, LANE, EXPR)                                                                    \
    static u64 shift_##NAME(u64 va, u64 count)                                                     \
    {                                                                                              \
        union mm x = {va};                                                                         \
        const unsigned bits = sizeof x.LANE[0] * 8;                                                \
        unsigned i, n = count < bits ? (unsigned)count : bits;                                     \
                                                                                                   \
        for (i = 0; i < ARRAY_LEN(x.LANE); i++) {                                                  \
            s64 a = x.LANE[i];                                                                     \
                                                                                                   \
            x.LANE[i] = (__typeof__(x.LANE[0]))(EXPR);                                             \
        }                                                                                          \
        return x.q;                                                                                \
    }                                                                                              \
    bool op_##NAME(struct cpu *c, const struct insn *in)                                           \
    {                                                                                              \
        return binary(c, in, shift_##NAME);                                                        \
    }

SHIFT(PSLLW, uw, (u64)a << n)
SHIFT(PSLLD, ud, (u64)a << n)
SHIFT(PSRLW, uw, a >> n)
SHIFT(PSRLD, ud, a >> n)
SHIFT(PSRAW, sw, a >> n)
SHIFT(PSRAD, sd, a >> n)

#undef SHIFT
#undef WHOLE
