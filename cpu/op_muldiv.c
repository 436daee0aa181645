/*
 * Multiplication and division. SDM Vol. 2, "MUL", "IMUL", "DIV", "IDIV".
 * Undefined flags are the host's on x86. Elsewhere MUL and IMUL set SF, ZF and PF by the low half
 * and clear AF, as Intel's chips do, and DIV and IDIV leave all alone.
 */
#include "cpu/host_flags.h"
#include "cpu/op.h"
#include "cpu/undefined.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

/* A value twice as wide as an operand. */
struct wide {
    u64 lo, hi;
};

enum acc_op { ACC_MUL, ACC_IMUL, ACC_DIV, ACC_IDIV };

static_assert(UNDEFINED_IDIV - UNDEFINED_MUL == ACC_IDIV, "they are cast");

static s128 wide_signed(unsigned size, struct wide w)
{
    return (s128)((u128)(s64)sign_extend(w.hi, size) << size * 8 | w.lo);
}

/* The accumulator of the one-operand forms: AH:AL, DX:AX, EDX:EAX, RDX:RAX. */
static struct wide wide_get(const struct cpu *c, unsigned size)
{
    return (struct wide){reg_get(c, RAX, size), reg_get(c, size == 1 ? 16 : RDX, size)};
}

static void wide_set(struct cpu *c, unsigned size, struct wide w)
{
    reg_set(c, RAX, size, w.lo);
    reg_set(c, size == 1 ? 16 : RDX, size, w.hi);
}

#if HOST_IS_X86
#define HOST_ACC(operation)                                                                        \
    asm(HOST_LOAD_FLAGS "movq %[lo], %%rax\n\t" operation "\n\tmovq %%rax, %[lo]" HOST_STORE_FLAGS \
        : "+&a"(flags), [lo] "+&r"(lo), "+&d"(hi)                                                  \
        : [src] "r"(src)                                                                           \
        : "cc")
#define HOST_ACC_SIZES(name)                                                                       \
    switch (size) {                                                                                \
    case 1: HOST_ACC(name "b %b[src]"); break;                                                     \
    case 2: HOST_ACC(name "w %w[src]"); break;                                                     \
    case 4: HOST_ACC(name "l %k[src]"); break;                                                     \
    default: HOST_ACC(name "q %q[src]"); break;                                                    \
    }

/* The host's instruction; a quotient must have been found to fit. Byte forms live in AX alone. */
static struct wide accumulate(enum acc_op op, unsigned size, struct wide w, u64 src, u16 *aflags)
{
    u64 lo = size == 1 ? w.lo | w.hi << 8 : w.lo, hi = w.hi;
    u16 flags = *aflags;

    switch (op) {
    case ACC_MUL: HOST_ACC_SIZES("mul"); break;
    case ACC_IMUL: HOST_ACC_SIZES("imul"); break;
    case ACC_DIV: HOST_ACC_SIZES("div"); break;
    case ACC_IDIV: HOST_ACC_SIZES("idiv"); break;
    }
    *aflags = flags & AF_ALL;
    if (size == 1)
        hi = lo >> 8;
    return (struct wide){lo & size_mask(size), hi & size_mask(size)};
}
#else
static u128 wide_value(unsigned size, struct wide w)
{
    return (u128)w.hi << size * 8 | w.lo;
}

static struct wide wide_split(unsigned size, u128 v)
{
    return (struct wide){(u64)v & size_mask(size), (u64)(v >> size * 8) & size_mask(size)};
}

static u16 product_flags(unsigned size, u64 low, bool fits)
{
    return flags_szp(size, low) | (fits ? 0 : AF_CF | AF_OF);
}

static struct wide accumulate(enum acc_op op, unsigned size, struct wide w, u64 src, u16 *aflags)
{
    s128 divisor = (s64)sign_extend(src, size);
    struct wide r;
    u128 v;

    switch (op) {
    case ACC_MUL:
        r = wide_split(size, (u128)w.lo * src);
        *aflags = product_flags(size, r.lo, r.hi == 0);
        return r;
    case ACC_IMUL:
        v = (u128)((s128)(s64)sign_extend(w.lo, size) * divisor);
        r = wide_split(size, v);
        *aflags = product_flags(size, r.lo, v == (u128)(s128)(s64)sign_extend(r.lo, size));
        return r;
    case ACC_DIV: v = wide_value(size, w); return (struct wide){(u64)(v / src), (u64)(v % src)};
    default:
        return (struct wide){(u64)(wide_signed(size, w) / divisor) & size_mask(size),
                             (u64)(wide_signed(size, w) % divisor) & size_mask(size)};
    }
}
#endif

static u16 flags_by_table(const struct cpu *c, enum acc_op op, unsigned size, struct wide from,
                          u64 src, struct wide to, u16 before)
{
    const struct undefined_case x = {
        .kind = (enum undefined_kind)(UNDEFINED_MUL + op),
        .size = size,
        .a = from.lo,
        .b = src & size_mask(size),
        .hi = from.hi,
        .result = to.lo,
        .result_hi = to.hi,
        .before = before,
        .after = c->aflags,
    };

    return undefined_flags(c->undefined, &x);
}

/* With the open flags by a table, if there is one. */
static struct wide accumulate_for(struct cpu *c, enum acc_op op, unsigned size, struct wide w,
                                  u64 src)
{
    struct wide from = w;
    u16 before = c->aflags;

    w = accumulate(op, size, w, src, &c->aflags);
    if (unlikely(c->undefined != NULL))
        c->aflags = flags_by_table(c, op, size, from, src, w, before);
    return w;
}

static bool multiply(struct cpu *c, const struct insn *in, enum acc_op op)
{
    unsigned size = in->size[0];
    u64 src;

    if (!read_op(c, in, 0, &src))
        return false;
    wide_set(c, size, accumulate_for(c, op, size, wide_get(c, size), src));
    return true;
}

bool op_MUL(struct cpu *c, const struct insn *in)
{
    return multiply(c, in, ACC_MUL);
}

bool op_IMUL_1(struct cpu *c, const struct insn *in)
{
    return multiply(c, in, ACC_IMUL);
}

/* Two operands: register times source. Three: source times immediate. */
bool op_IMUL(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[0];
    bool three = in->kind[2] != OPND_NONE;
    struct wide w = {0, 0};
    u64 b;

    if (!read_op(c, in, 1, &b) || !read_op(c, in, three ? 2 : 0, &w.lo))
        return false;
    w.lo &= size_mask(size);
    w = accumulate_for(c, ACC_IMUL, size, w, b);
    reg_set(c, in->reg[0], size, w.lo);
    return true;
}

bool op_DIV(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[0];
    struct wide w = wide_get(c, size);
    u64 src;

    if (!read_op(c, in, 0, &src))
        return false;
    if (w.hi >= src)
        return fault_raise(c, VEC_DE);
    wide_set(c, size, accumulate_for(c, ACC_DIV, size, w, src));
    return true;
}

/* The 8086 also refuses the most negative quotient (SDM Vol. 3B, "Architecture Compatibility"). */
static bool quotient_fits(const struct cpu *c, unsigned size, struct wide w, u64 src)
{
    s128 num = wide_signed(size, w), den = (s64)sign_extend(src, size), quotient;
    s128 max = (s128)(size_mask(size) >> 1);

    if (!den || (den == -1 && w.lo == 0 && num < -max - 1))
        return false;
    quotient = num / den;
    return quotient <= max && quotient >= -max - model_has(c->model, FEAT_286);
}

/*
 * The microcode of the 8086 keeps the sign of the quotient where it also notes a REP prefix, so REP
 * IDIV negates it. Source: recordings of a P80C86A-2, SingleStepTests/8086, by Daniel Balsom.
 */
static bool negates_quotient(const struct cpu *c, const struct insn *in)
{
    return (in->flags & (INSN_REP | INSN_REPNE)) && model_has(c->model, FEAT_ONLY_8086);
}

bool op_IDIV(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[0];
    struct wide w = wide_get(c, size);
    u64 src;

    if (!read_op(c, in, 0, &src))
        return false;
    if (!quotient_fits(c, size, w, src))
        return fault_raise(c, VEC_DE);
    w = accumulate_for(c, ACC_IDIV, size, w, src);
    if (negates_quotient(c, in))
        w.lo = 0 - w.lo;
    wide_set(c, size, w);
    return true;
}
