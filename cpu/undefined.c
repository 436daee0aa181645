/*
 * Rules for flags that the manual leaves open; see undefined.h.
 * Source for which they are: SDM Vol. 2, "Flags Affected" of each instruction.
 */
#include "cpu/undefined.h"

#include "cpu/engine.h"
#include "cpu/op.h"

#include <stdlib.h>
#include <string.h>

/* Bits that rules are made of. The order is part of recordings; simple ones come first. */
enum bit {
    BIT_ZERO,
    BIT_SAME, /* the flag as it was before */
    BIT_RESULT_TOP,
    BIT_RESULT_ZERO,
    BIT_RESULT_PARITY,
    BIT_CARRY, /* CF as the instruction leaves it */
    BIT_CARRIED /* CF before */,
    BIT_OUT, /* the last bit that a shift pushes out */
    BIT_RESULT_SECOND,
    BIT_RESULT_LOW,
    BIT_A_TOP,
    BIT_A_SECOND,
    BIT_A_LOW,
    BIT_B_TOP,
    BIT_B_LOW,
    BIT_B_ZERO,
    BIT_B_PARITY,
    BIT_HIGH_TOP, /* of the high half of the result */
    BIT_HIGH_LOW,
    BIT_HIGH_ZERO,
    BIT_HIGH_PARITY,
    BIT_A_3, /* out of which a carry would be AF */
    BIT_RESULT_4,
    BIT_A_ZERO,
    BIT_A_PARITY,
    BIT_OVERFLOW, /* OF as the instruction leaves it */
    BITS
};

enum { INVERT = 0x80, NO_RULE = 0xFF };

enum { PROBES = 448, WORDS = PROBES / 64 };

static const u16 flag_bit[UNDEFINED_FLAGS] = {AF_CF, AF_PF, AF_AF, AF_ZF, AF_SF, AF_OF};

static const struct {
    const char *name;
    op_handler *handler;
} kinds[UNDEFINED_KINDS] = {
    {"ROL", op_ROL},     {"ROR", op_ROR}, {"RCL", op_RCL},   {"RCR", op_RCR},   {"SHL", op_SHL},
    {"SHR", op_SHR},     {"SAR", op_SAR}, {"SHLD", op_SHLD}, {"SHRD", op_SHRD}, {"MUL", op_MUL},
    {"IMUL", op_IMUL_1}, {"DIV", op_DIV}, {"IDIV", op_IDIV}, {"BSF", op_BSF},   {"BSR", op_BSR},
};

const char *undefined_name(enum undefined_kind kind)
{
    return kinds[kind].name;
}

static unsigned size_index(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

/* ---- What is open ---- */

static bool is_double(enum undefined_kind kind)
{
    return kind == UNDEFINED_SHLD || kind == UNDEFINED_SHRD;
}

static unsigned class_of(const struct undefined_case *x)
{
    unsigned bits = x->size * 8;

    if (x->kind >= UNDEFINED_BSF)
        return !(x->b & size_mask(x->size));
    if (x->kind >= UNDEFINED_MUL || x->count == 1)
        return 0;
    if (is_double(x->kind) && x->count == bits)
        return 3;
    return x->count >= bits ? 2 : 1;
}

static u16 open_flags(enum undefined_kind kind, unsigned class)
{
    u16 open = class ? AF_OF : 0;

    switch (kind) {
    case UNDEFINED_ROL:
    case UNDEFINED_ROR:
    case UNDEFINED_RCL:
    case UNDEFINED_RCR: return open;
    case UNDEFINED_SHL:
    case UNDEFINED_SHR: return (u16)(open | AF_AF | (class == 2 ? AF_CF : 0));
    case UNDEFINED_SAR: return open | AF_AF;
    case UNDEFINED_SHLD:
    case UNDEFINED_SHRD: return class == 2 ? AF_ALL : open | AF_AF;
    case UNDEFINED_MUL:
    case UNDEFINED_IMUL: return AF_SF | AF_ZF | AF_AF | AF_PF;
    case UNDEFINED_BSF:
    case UNDEFINED_BSR: return AF_CF | AF_OF | AF_SF | AF_AF | AF_PF;
    default: return AF_ALL; /* DIV, IDIV */
    }
}

/* ---- Long shifts of 16 bits ---- */

/* Three words in a row, the first of which is shifted out of, or the last. */
static u64 double_words(enum undefined_kind kind, enum undefined_double in, u64 a, u64 b)
{
    u64 outer = in == DOUBLE_SOURCE ? b : a;

    return kind == UNDEFINED_SHLD ? a << 32 | b << 16 | outer : outer << 32 | b << 16 | a;
}

static u64 double_result(const struct undefined_case *x, enum undefined_double in)
{
    u64 words = double_words(x->kind, in, x->a & 0xFFFF, x->b & 0xFFFF);

    return (x->kind == UNDEFINED_SHLD ? words << x->count >> 32 : words >> x->count) & 0xFFFF;
}

static enum undefined_double double_of(const struct undefined_table *t, enum undefined_kind kind)
{
    return (enum undefined_double)(kind == UNDEFINED_SHLD ? t->shld : t->shrd);
}

u64 undefined_double_shift(const struct undefined_table *t, const struct undefined_case *x,
                           u64 otherwise)
{
    enum undefined_double in = double_of(t, x->kind);

    return in == DOUBLE_UNKNOWN ? otherwise : double_result(x, in);
}

/* ---- Bits ---- */

static bool top(u64 v, unsigned size)
{
    return v >> (size * 8 - 1) & 1;
}

static bool parity(u64 v)
{
    return !__builtin_parity((unsigned)(v & 0xFF));
}

/* The last bit that is shifted out; the words between the operands of a long one are `in`. */
static bool out_bit(const struct undefined_case *x, enum undefined_double in)
{
    unsigned bits = x->size * 8;
    u64 words = double_words(x->kind, in, x->a & 0xFFFF, x->b & 0xFFFF);

    switch (x->kind) {
    case UNDEFINED_SHL: return x->count <= bits && x->a >> (bits - x->count) & 1;
    case UNDEFINED_SHR: return x->count <= bits && x->a >> (x->count - 1) & 1;
    case UNDEFINED_SHLD: return x->size == 2 && words >> (48 - x->count) & 1;
    case UNDEFINED_SHRD: return x->size == 2 && words >> (x->count - 1) & 1;
    default: return false;
    }
}

static bool bit_of(enum bit bit, const struct undefined_case *x, u16 flag, enum undefined_double in)
{
    unsigned size = x->size;

    switch (bit) {
    case BIT_SAME: return x->before & flag;
    case BIT_RESULT_TOP: return top(x->result, size);
    case BIT_RESULT_ZERO: return !x->result;
    case BIT_RESULT_PARITY: return parity(x->result);
    case BIT_CARRY: return x->after & AF_CF;
    case BIT_CARRIED: return x->before & AF_CF;
    case BIT_OUT: return out_bit(x, in);
    case BIT_RESULT_SECOND: return x->result >> (size * 8 - 2) & 1;
    case BIT_RESULT_LOW: return x->result & 1;
    case BIT_A_TOP: return top(x->a, size);
    case BIT_A_SECOND: return x->a >> (size * 8 - 2) & 1;
    case BIT_A_LOW: return x->a & 1;
    case BIT_B_TOP: return top(x->b, size);
    case BIT_B_LOW: return x->b & 1;
    case BIT_B_ZERO: return !x->b;
    case BIT_B_PARITY: return parity(x->b);
    case BIT_HIGH_TOP: return top(x->result_hi, size);
    case BIT_HIGH_LOW: return x->result_hi & 1;
    case BIT_HIGH_ZERO: return !x->result_hi;
    case BIT_HIGH_PARITY: return parity(x->result_hi);
    case BIT_A_3: return x->a >> 3 & 1;
    case BIT_RESULT_4: return x->result >> 4 & 1;
    case BIT_A_ZERO: return !x->a;
    case BIT_A_PARITY: return parity(x->a);
    case BIT_OVERFLOW: return x->after & AF_OF;
    default: return false;
    }
}

/* A flag that is open itself tells nothing. */
static bool is_usable(enum bit bit, u16 open)
{
    return !(bit == BIT_CARRY && (open & AF_CF)) && !(bit == BIT_OVERFLOW && (open & AF_OF));
}

u16 undefined_flags(const struct undefined_table *t, const struct undefined_case *x)
{
    unsigned class = class_of(x);
    u16 open = open_flags(x->kind, class), flags = x->after;
    const struct undefined_rule *rule = t->rule[x->kind][class][size_index(x->size)];

    for (unsigned i = 0; i < UNDEFINED_FLAGS; i++, rule++) {
        u16 flag = flag_bit[i];
        enum undefined_double in = double_of(t, x->kind);
        bool set;

        if (!(open & flag) || rule->a == NO_RULE)
            continue;
        set = bit_of((enum bit)(rule->a & ~INVERT), x, flag, in) ^
              bit_of((enum bit)rule->b, x, flag, in) ^ !!(rule->a & INVERT);
        flags = (u16)(set ? flags | flag : flags & ~flag);
    }
    return flags;
}

void undefined_use(struct cpu *c, const struct undefined_table *t)
{
    c->undefined = t;
    c->engine->flush(c); /* what was decoded may go another way */
}

/* ---- Finding rules ---- */

struct probe {
    struct cpu cpu; /* of which only registers and flags are used */
    u64 seed;
    struct undefined_case done[PROBES];
    u64 bits[BITS][WORDS]; /* of all of them */
};

static u64 next_random(u64 *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's */
    return *seed >> 32 ^ *seed << 21;
}

/* Often with something odd about it. */
static u64 operand(u64 *seed, unsigned size)
{
    u64 v = next_random(seed), how = next_random(seed) % 8;
    unsigned bits = size * 8;

    switch (how) {
    case 0: v = 1ull << v % bits; break;
    case 1: v = ~(1ull << v % bits); break;
    case 2: v = v % 4; break;
    case 3: v = 0 - v % 4; break;
    case 4: v = v % bits; break;
    }
    return v & size_mask(size);
}

static unsigned count_for(u64 *seed, enum undefined_kind kind, unsigned class, unsigned size)
{
    unsigned bits = size * 8, most = size == 8 ? 63 : 31, first = bits + is_double(kind);

    switch (class) {
    case 0: return 1;
    case 1: return 2 + (unsigned)(next_random(seed) % (bits - 2));
    case 2: return first + (unsigned)(next_random(seed) % (most - first + 1));
    default: return bits;
    }
}

/* Of 32 and 64 bits no count is as long as the operand; most have one class only. */
static bool has_class(enum undefined_kind kind, unsigned class, unsigned size)
{
    if (size == 1 && (is_double(kind) || kind >= UNDEFINED_BSF))
        return false;
    if (kind >= UNDEFINED_BSF)
        return class < 2;
    if (kind >= UNDEFINED_MUL)
        return class == 0;
    return class < 2 || (size <= 2 && class < 3u + is_double(kind));
}

/* A dividend whose quotient fits. */
static void make_dividend(struct undefined_case *x, u64 *seed)
{
    u64 mask = size_mask(x->size);

    x->b |= !x->b;
    if (x->kind == UNDEFINED_DIV) {
        x->hi %= x->b;
        return;
    }
    x->b = x->b == mask ? 3 : x->b; /* minus one overflows */
    x->hi = top(x->a, x->size) ? mask : 0;
}

static void make_case(struct undefined_case *x, enum undefined_kind kind, unsigned class,
                      unsigned size, u64 *seed)
{
    *x = (struct undefined_case){.kind = kind, .size = size};
    x->a = operand(seed, size);
    x->b = operand(seed, size);
    x->hi = operand(seed, size);
    x->before = (u16)next_random(seed) & AF_ALL;
    if (kind <= UNDEFINED_SHRD)
        x->count = count_for(seed, kind, class, size);
    if (kind == UNDEFINED_DIV || kind == UNDEFINED_IDIV)
        make_dividend(x, seed);
    if (kind >= UNDEFINED_BSF)
        x->b = class ? 0 : x->b | (u64)!x->b << next_random(seed) % (size * 8);
}

/* The registers of the accumulator are RAX and RDX, or AL and AH. */
static void execute(struct probe *p, struct undefined_case *x)
{
    struct cpu *c = &p->cpu;
    unsigned high = x->size == 1 ? 16 : RDX;
    struct insn in = {.opsize = (u8)x->size};

    for (unsigned i = 0; i < 3; i++) {
        in.kind[i] = OPND_GPR;
        in.size[i] = (u8)x->size;
        in.reg[i] = i ? RBX : RAX;
    }
    if (x->kind <= UNDEFINED_SHRD) {
        unsigned n = x->kind >= UNDEFINED_SHLD ? 2 : 1;

        in.kind[n] = OPND_IMM;
        in.imm = x->count;
    } else if (x->kind < UNDEFINED_BSF) {
        in.reg[0] = RBX;
    }
    reg_set(c, RAX, x->size, x->a);
    reg_set(c, RBX, x->size, x->b);
    if (x->kind >= UNDEFINED_MUL)
        reg_set(c, high, x->size, x->hi);
    c->aflags = x->before;
    kinds[x->kind].handler(c, &in);
    x->after = c->aflags;
    x->result = reg_get(c, RAX, x->size);
    x->result_hi = reg_get(c, high, x->size);
}

static void gather_bit(struct probe *p, enum bit bit, u16 flag, enum undefined_double in)
{
    memset(p->bits[bit], 0, sizeof p->bits[bit]);
    for (unsigned i = 0; i < PROBES; i++)
        p->bits[bit][i / 64] |= (u64)bit_of(bit, &p->done[i], flag, in) << i % 64;
}

/* 0: not the xor of these two; 1: it is; 2: it is the inverse. */
static unsigned agrees(const u64 *wanted, const u64 *a, const u64 *b)
{
    bool same = true, inverse = true;

    for (unsigned i = 0; i < WORDS && (same || inverse); i++) {
        u64 differs = wanted[i] ^ a[i] ^ b[i];

        same = same && !differs;
        inverse = inverse && !~differs;
    }
    return same ? 1 : inverse ? 2 : 0;
}

static struct undefined_rule find_rule(struct probe *p, u16 flag, u16 open)
{
    u64 wanted[WORDS] = {0};

    gather_bit(p, BIT_SAME, flag, DOUBLE_UNKNOWN);
    for (unsigned i = 0; i < PROBES; i++)
        wanted[i / 64] |= (u64) !!(p->done[i].after & flag) << i % 64;
    for (unsigned a = 0; a < BITS; a++)
        for (unsigned b = 0; b < BITS && is_usable((enum bit)a, open); b++) {
            unsigned how =
                is_usable((enum bit)b, open) ? agrees(wanted, p->bits[a], p->bits[b]) : 0;

            if (how)
                return (struct undefined_rule){(u8)(a | (how == 2 ? INVERT : 0)), (u8)b};
        }
    return (struct undefined_rule){NO_RULE, NO_RULE};
}

static enum undefined_double find_double(const struct probe *p)
{
    bool good[DOUBLE_UNKNOWN] = {true, true};

    for (unsigned i = 0; i < PROBES; i++)
        for (unsigned in = 0; in < DOUBLE_UNKNOWN; in++)
            good[in] &= p->done[i].result == double_result(&p->done[i], (enum undefined_double)in);
    return good[DOUBLE_SOURCE]        ? DOUBLE_SOURCE
           : good[DOUBLE_DESTINATION] ? DOUBLE_DESTINATION
                                      : DOUBLE_UNKNOWN;
}

static void probe_class(struct probe *p, struct undefined_table *t, enum undefined_kind kind,
                        unsigned class, unsigned size)
{
    u16 open = open_flags(kind, class);

    for (unsigned i = 0; i < PROBES; i++) {
        make_case(&p->done[i], kind, class, size, &p->seed);
        execute(p, &p->done[i]);
    }
    if (class == 2 && kind == UNDEFINED_SHLD)
        t->shld = (u8)find_double(p);
    if (class == 2 && kind == UNDEFINED_SHRD)
        t->shrd = (u8)find_double(p);
    for (unsigned bit = 0; bit < BITS; bit++)
        gather_bit(p, (enum bit)bit, 0, double_of(t, kind));
    for (unsigned i = 0; i < UNDEFINED_FLAGS; i++)
        if (open & flag_bit[i])
            t->rule[kind][class][size_index(size)][i] = find_rule(p, flag_bit[i], open);
}

bool undefined_probe(struct undefined_table *t)
{
    struct probe *p = calloc(1, sizeof *p);

    memset(t, 0, sizeof *t);
    if (!p)
        return false;
    p->cpu.model = cpu_model_find(NULL);
    p->seed = 1;
    for (unsigned kind = 0; kind < UNDEFINED_KINDS; kind++)
        for (unsigned class = 0; class < UNDEFINED_CLASSES; class ++)
            for (unsigned size = 1; size <= 8; size *= 2)
                if (has_class((enum undefined_kind)kind, class, size))
                    probe_class(p, t, (enum undefined_kind)kind, class, size);
    free(p);
    return true;
}

/* ---- Tables ---- */

static bool is_rule(struct undefined_rule r)
{
    return (r.a == NO_RULE && r.b == NO_RULE) || ((r.a & ~INVERT) < BITS && r.b < BITS);
}

bool undefined_is_valid(const struct undefined_table *t)
{
    const struct undefined_rule *r = &t->rule[0][0][0][0];

    for (size_t i = 0; i < sizeof t->rule / sizeof *r; i++)
        if (!is_rule(r[i]))
            return false;
    return t->shld <= DOUBLE_UNKNOWN && t->shrd <= DOUBLE_UNKNOWN;
}

bool undefined_is_known(const struct undefined_table *t, enum undefined_kind kind)
{
    const struct undefined_rule *r = &t->rule[kind][0][0][0];

    for (size_t i = 0; i < sizeof t->rule[kind] / sizeof *r; i++)
        if (r[i].a == NO_RULE)
            return false;
    return !is_double(kind) || double_of(t, kind) != DOUBLE_UNKNOWN;
}

bool undefined_is_same(const struct undefined_table *x, const struct undefined_table *y,
                       enum undefined_kind kind)
{
    return !memcmp(x->rule[kind], y->rule[kind], sizeof x->rule[kind]) &&
           (!is_double(kind) || double_of(x, kind) == double_of(y, kind));
}
