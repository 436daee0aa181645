/*
 * Shifts and rotates. SDM Vol. 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD".
 * OF of counts above one and AF are undefined: on x86 hosts they are the host's, elsewhere those of
 * a chip that shifts bit by bit. The 8086 and 286 are such chips, so their models always go that
 * way; the 8086 does not cut the count to five bits ("SAL/SAR/SHL/SHR": "IA-32 Architecture
 * Compatibility"). Their AF: a left shift is an addition to itself; a right shift sets AF on the
 * 286 and clears it on the 8086 (recordings, SingleStepTests by Daniel Balsom).
 */
#include "cpu/host_flags.h"
#include "cpu/op.h"
#include "cpu/undefined.h"

enum shift { ROL, ROR, RCL, RCR, SHL, SHR, SAR };

static_assert((int)SHL == (int)UNDEFINED_SHL && (int)SAR == (int)UNDEFINED_SAR, "they are cast");

struct shifted {
    u64 v;
    u16 flags;
    u16 right_af; /* AF of a right shift done bit by bit: AF_AF or 0 */
};

/* One bit. OF is that of the shift by one, as the manual defines it. */
static struct shifted shift_once(enum shift kind, unsigned size, struct shifted s)
{
    unsigned top = size * 8 - 1;
    bool sign = s.v >> top & 1, low = s.v & 1, cf = s.flags & AF_CF, out, of;
    u64 v = s.v;

    switch (kind) {
    case ROL: v = v << 1 | sign; break;
    case RCL: v = v << 1 | cf; break;
    case SHL: v = v << 1; break;
    case ROR: v = v >> 1 | (u64)low << top; break;
    case RCR: v = v >> 1 | (u64)cf << top; break;
    case SHR: v = v >> 1; break;
    case SAR: v = v >> 1 | (u64)sign << top; break;
    }
    v &= size_mask(size);
    out = kind == ROL || kind == RCL || kind == SHL ? sign : low;
    of = sign != (v >> top & 1);
    s.flags = (s.flags & ~(AF_CF | AF_OF)) | (out ? AF_CF : 0) | (of ? AF_OF : 0);
    if (kind >= SHL)
        s.flags = (s.flags & (AF_CF | AF_OF)) | flags_szp(size, v) | s.right_af;
    if (kind == SHL)
        s.flags = (s.flags & ~AF_AF) | (s.v & 8 ? AF_AF : 0);
    s.v = v;
    return s;
}

static struct shifted shift_bit_by_bit(enum shift kind, unsigned size, struct shifted s,
                                       unsigned count)
{
    while (count--)
        s = shift_once(kind, size, s);
    return s;
}

#if HOST_IS_X86
#define HOST_SHIFT(mnemonic)                                                                       \
    asm(HOST_LOAD_FLAGS mnemonic HOST_STORE_FLAGS : "+r"(v), "+a"(flags) : "c"(count) : "cc")
#define HOST_SHIFT_SIZES(name)                                                                     \
    switch (size) {                                                                                \
    case 1: HOST_SHIFT(name "b %%cl, %b0"); break;                                                 \
    case 2: HOST_SHIFT(name "w %%cl, %w0"); break;                                                 \
    case 4: HOST_SHIFT(name "l %%cl, %k0"); break;                                                 \
    default: HOST_SHIFT(name "q %%cl, %0"); break;                                                 \
    }

static struct shifted shift_on_host(enum shift kind, unsigned size, struct shifted s,
                                    unsigned count)
{
    u64 v = s.v;
    u16 flags = s.flags;

    switch (kind) {
    case ROL: HOST_SHIFT_SIZES("rol"); break;
    case ROR: HOST_SHIFT_SIZES("ror"); break;
    case RCL: HOST_SHIFT_SIZES("rcl"); break;
    case RCR: HOST_SHIFT_SIZES("rcr"); break;
    case SHL: HOST_SHIFT_SIZES("shl"); break;
    case SHR: HOST_SHIFT_SIZES("shr"); break;
    case SAR: HOST_SHIFT_SIZES("sar"); break;
    }
    return (struct shifted){v, flags & AF_ALL, 0};
}
#else
#define shift_on_host shift_bit_by_bit
#endif

/* The flags that are open, if a table says how they are. */
static u16 flags_by_table(const struct cpu *c, enum undefined_kind kind, unsigned size,
                          unsigned count, struct shifted from, struct shifted to)
{
    const struct undefined_case x = {
        .kind = kind,
        .size = size,
        .count = count,
        .a = from.v & size_mask(size),
        .result = to.v & size_mask(size),
        .before = from.flags,
        .after = to.flags,
    };

    return undefined_flags(c->undefined, &x);
}

/* A count of zero writes the operand back and leaves the flags alone. */
static bool shift(struct cpu *c, const struct insn *in, enum shift kind)
{
    unsigned size = in->size[0];
    struct shifted s = {0, c->aflags, model_has(c->model, FEAT_286) ? AF_AF : 0}, from;
    u64 count;

    if (!read_op(c, in, 0, &s.v) || !read_op(c, in, 1, &count))
        return false;
    count &= model_has(c->model, FEAT_186) ? (size == 8 ? 63 : 31) : 0xFF;
    from = s;
    if (count && model_has(c->model, FEAT_386)) {
        s = shift_on_host(kind, size, s, (unsigned)count);
        if (unlikely(c->undefined != NULL))
            s.flags = flags_by_table(c, (enum undefined_kind)kind, size, (unsigned)count, from, s);
    } else if (count)
        s = shift_bit_by_bit(kind, size, s, (unsigned)count);
    if (!write_op(c, in, 0, s.v))
        return false;
    c->aflags = s.flags;
    return true;
}

bool op_ROL(struct cpu *c, const struct insn *in)
{
    return shift(c, in, ROL);
}

bool op_ROR(struct cpu *c, const struct insn *in)
{
    return shift(c, in, ROR);
}

bool op_RCL(struct cpu *c, const struct insn *in)
{
    return shift(c, in, RCL);
}

bool op_RCR(struct cpu *c, const struct insn *in)
{
    return shift(c, in, RCR);
}

bool op_SHL(struct cpu *c, const struct insn *in)
{
    return shift(c, in, SHL);
}

bool op_SHR(struct cpu *c, const struct insn *in)
{
    return shift(c, in, SHR);
}

bool op_SAR(struct cpu *c, const struct insn *in)
{
    return shift(c, in, SAR);
}

/* What the 8086's microcode makes of D0-D1 /6: minus one, with the flags of a logical operation. */
bool op_SETMO(struct cpu *c, const struct insn *in)
{
    if (!write_op(c, in, 0, ~0ull))
        return false;
    flags_logic(c, in->size[0], ~0ull);
    return true;
}

/* D2-D3 /6: the same if CL is not zero. */
bool op_SETMOC(struct cpu *c, const struct insn *in)
{
    return !(c->gpr[RCX] & 0xFF) || op_SETMO(c, in);
}

#if HOST_IS_X86
#define HOST_DOUBLE(mnemonic)                                                                      \
    asm(HOST_LOAD_FLAGS mnemonic HOST_STORE_FLAGS                                                  \
        : "+r"(v), "+a"(flags)                                                                     \
        : "r"(fill), "c"(count)                                                                    \
        : "cc")

/* 16-bit counts above 16 have an undefined result; it is the host's. */
static struct shifted double_shift(bool left, unsigned size, struct shifted s, u64 fill,
                                   unsigned count)
{
    u64 v = s.v;
    u16 flags = s.flags;

    switch (size + left) {
    case 2: HOST_DOUBLE("shrdw %%cl, %w2, %w0"); break;
    case 3: HOST_DOUBLE("shldw %%cl, %w2, %w0"); break;
    case 4: HOST_DOUBLE("shrdl %%cl, %k2, %k0"); break;
    case 5: HOST_DOUBLE("shldl %%cl, %k2, %k0"); break;
    case 8: HOST_DOUBLE("shrdq %%cl, %2, %0"); break;
    default: HOST_DOUBLE("shldq %%cl, %2, %0"); break;
    }
    return (struct shifted){v, flags & AF_ALL, 0};
}
#else
/* Bit by bit through both registers; a 16-bit count above 16 rotates `fill` through. */
static struct shifted double_shift(bool left, unsigned size, struct shifted s, u64 fill,
                                   unsigned count)
{
    unsigned top = size * 8 - 1;
    struct shifted bit;

    while (count--) {
        bit.v = fill;
        bit.flags = 0;
        bit = shift_once(left ? ROL : ROR, size, bit);
        fill = bit.v;
        s = shift_once(left ? SHL : SHR, size, s);
        s.v |= !(bit.flags & AF_CF) ? 0 : left ? 1 : 1ull << top;
    }
    s.flags = (s.flags & AF_CF) | flags_szp(size, s.v);
    return s;
}
#endif

static struct shifted double_by_table(const struct cpu *c, bool left, unsigned size,
                                      struct shifted from, struct shifted to, u64 fill,
                                      unsigned count)
{
    struct undefined_case x = {
        .kind = left ? UNDEFINED_SHLD : UNDEFINED_SHRD,
        .size = size,
        .count = count,
        .a = from.v & size_mask(size),
        .b = fill & size_mask(size),
        .result = to.v & size_mask(size),
        .before = from.flags,
        .after = to.flags,
    };

    if (size == 2 && count > 16)
        x.result = undefined_double_shift(c->undefined, &x, x.result);
    return (struct shifted){x.result, undefined_flags(c->undefined, &x), 0};
}

static bool double_precision(struct cpu *c, const struct insn *in, bool left)
{
    unsigned size = in->size[0];
    struct shifted s = {0, c->aflags, 0}, from;
    u64 fill, count;

    if (!read_op(c, in, 0, &s.v) || !read_op(c, in, 1, &fill) || !read_op(c, in, 2, &count))
        return false;
    count &= size == 8 ? 63 : 31;
    from = s;
    if (count)
        s = double_shift(left, size, s, fill, (unsigned)count);
    if (count && unlikely(c->undefined != NULL))
        s = double_by_table(c, left, size, from, s, fill, (unsigned)count);
    if (!write_op(c, in, 0, s.v))
        return false;
    c->aflags = s.flags;
    return true;
}

bool op_SHLD(struct cpu *c, const struct insn *in)
{
    return double_precision(c, in, true);
}

bool op_SHRD(struct cpu *c, const struct insn *in)
{
    return double_precision(c, in, false);
}
