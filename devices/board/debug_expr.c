/*
 * Expressions as programs of a stack machine; see debug_expr.h. The parser climbs by precedence;
 * its depth is bounded by DEPTH, the stack by STACK.
 */
#include "devices/board/debug_expr.h"

#include "cpu/cpu.h"
#include "cpu/segment.h"
#include "devices/board/debug_memory.h"
#include "devices/board/debug_symbols.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { OPS = 96, STACK = 32, DEPTH = 24, TEXT = 512, WORD = SYMBOL_NAME_MAX + 1 };

enum op_kind {
    PUSH,     /* value */
    REGISTER, /* arg: index into registers[] */
    MEMORY,   /* arg: bytes, 0: as wide as operands */
    NOT,
    COMPLEMENT,
    NEGATE,
    FAR,      /* selector, offset -> linear */
    FAR_BASE, /* arg: enum seg_reg; offset -> linear */
    OR_ELSE,
    AND_THEN,
    OR,
    XOR,
    AND,
    EQUAL,
    UNEQUAL,
    LESS,
    LESS_EQUAL,
    GREATER,
    GREATER_EQUAL,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    MODULO,
};

struct op {
    u8 kind, arg;
    u64 value;
};

struct debug_expr {
    unsigned count;
    struct op op[OPS];
    char text[TEXT];
};

/* ---- Registers ---- */

enum { FLAG = 0xF0 /* shift: a bit of EFLAGS is in `mask` */ };

/* A field of struct cpu, shifted and cut; one row for each name. */
struct named {
    const char *name;
    u16 at;
    u8 bytes, shift;
    u64 mask;
};

#define FIELD(f) offsetof(struct cpu, f), sizeof(((struct cpu *)NULL)->f)
#define GPR(name, n)                                                                               \
    {#name, FIELD(gpr[n]), 0, 0xFFFF}, {"e" #name, FIELD(gpr[n]), 0, UINT32_MAX},                  \
    {                                                                                              \
        "r" #name, FIELD(gpr[n]), 0, UINT64_MAX                                                    \
    }
#define BYTES(name, n)                                                                             \
    {#name "l", FIELD(gpr[n]), 0, 0xFF},                                                           \
    {                                                                                              \
#name "h", FIELD(gpr[n]), 8, 0xFF                                                          \
    }
#define WHOLE(name, f)                                                                             \
    {                                                                                              \
        name, FIELD(f), 0, UINT64_MAX                                                              \
    }
#define BIT(name, bit)                                                                             \
    {                                                                                              \
        name, 0, 0, FLAG, bit                                                                      \
    }

static const struct named registers[] = {
    GPR(ax, RAX),
    GPR(cx, RCX),
    GPR(dx, RDX),
    GPR(bx, RBX),
    GPR(sp, RSP),
    GPR(bp, RBP),
    GPR(si, RSI),
    GPR(di, RDI),
    BYTES(a, RAX),
    BYTES(c, RCX),
    BYTES(d, RDX),
    BYTES(b, RBX),
    {"ip", FIELD(rip), 0, 0xFFFF},
    {"eip", FIELD(rip), 0, UINT32_MAX},
    WHOLE("rip", rip),
    WHOLE("es", seg[SEG_ES].sel),
    WHOLE("cs", seg[SEG_CS].sel),
    WHOLE("ss", seg[SEG_SS].sel),
    WHOLE("ds", seg[SEG_DS].sel),
    WHOLE("fs", seg[SEG_FS].sel),
    WHOLE("gs", seg[SEG_GS].sel),
    WHOLE("cr0", cr0),
    WHOLE("cr2", cr2),
    WHOLE("cr3", cr3),
    WHOLE("cr4", cr4),
    WHOLE("dr0", dr[0]),
    WHOLE("dr1", dr[1]),
    WHOLE("dr2", dr[2]),
    WHOLE("dr3", dr[3]),
    WHOLE("dr6", dr[6]),
    WHOLE("dr7", dr[7]),
    WHOLE("gdtr", gdtr.base),
    WHOLE("idtr", idtr.base),
    WHOLE("ldtr", ldtr.base),
    WHOLE("tr", tr.base),
    WHOLE("cpl", cpl),
    WHOLE("instructions", count),
    BIT("eflags", UINT32_MAX),
    BIT("flags", 0xFFFF),
    BIT("cf", EF_CF),
    BIT("pf", EF_PF),
    BIT("af", EF_AF),
    BIT("zf", EF_ZF),
    BIT("sf", EF_SF),
    BIT("tf", EF_TF),
    BIT("if", EF_IF),
    BIT("df", EF_DF),
    BIT("of", EF_OF),
    BIT("nt", EF_NT),
    BIT("vm", EF_VM),
};

static u64 register_value(const struct cpu *c, const struct named *r)
{
    u64 v = 0;

    if (!c)
        return 0;
    if (r->shift == FLAG) {
        v = cpu_flags(c) & r->mask;
        return r->mask & (r->mask - 1) ? v : !!v;
    }
    memcpy(&v, (const char *)c + r->at, r->bytes);
    return v >> r->shift & r->mask;
}

static int register_by_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(registers); i++)
        if (!strcasecmp(name, registers[i].name))
            return (int)i;
    return -1;
}

static int segment_by_name(const char *name)
{
    static const char names[SEG_COUNT][3] = {"es", "cs", "ss", "ds", "fs", "gs"};

    for (int i = 0; i < SEG_COUNT; i++)
        if (!strcasecmp(name, names[i]))
            return i;
    return -1;
}

/* ---- Parsing ---- */

struct parser {
    const char *at;
    const struct symbols *symbols;
    struct debug_expr *e;
    unsigned stack, depth;
    char *err;
    size_t err_size;
};

static bool fail(struct parser *p, const char *reason, const char *what)
{
    snprintf(p->err, p->err_size, "%s: '%.40s'", reason, what);
    return false;
}

/* `grows`: how many values more are on the stack after it. */
static bool emit(struct parser *p, enum op_kind kind, u8 arg, u64 value, int grows)
{
    p->stack = (unsigned)((int)p->stack + grows);
    if (p->e->count == OPS || p->stack > STACK)
        return fail(p, "too long", p->e->text);
    p->e->op[p->e->count++] = (struct op){(u8)kind, arg, value};
    return true;
}

static void skip_blanks(struct parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool takes(struct parser *p, const char *token)
{
    skip_blanks(p);
    if (strncmp(p->at, token, strlen(token)))
        return false;
    p->at += strlen(token);
    return true;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_@?.$", c));
}

static bool take_word(struct parser *p, char *word)
{
    size_t len = 0;

    skip_blanks(p);
    if (*p->at == '$' || *p->at == '%')
        p->at++;
    for (; word_char(*p->at); p->at++) {
        if (len + 1 >= WORD)
            return fail(p, "too long", p->at);
        word[len++] = *p->at;
    }
    word[len] = 0;
    return len || fail(p, "a number or a register is missing before", p->at);
}

static bool number(const char *word, u64 *out)
{
    size_t len = strlen(word);
    const char *digits = word;
    unsigned base = 10;

    if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
        digits = word + 2;
        len -= 2;
        base = 16;
    } else if (len > 1 && (word[len - 1] == 'h' || word[len - 1] == 'H')) {
        len--;
        base = 16;
    }
    if (!len || len > (base == 16 ? 16u : 19u))
        return false;
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = (char)tolower((unsigned char)digits[i]);
        unsigned v = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;

        if (!isxdigit((unsigned char)c) || v >= base)
            return false;
        *out = *out * base + v;
    }
    return true;
}

/* Four hexadecimal digits beside a colon, as every DOS book writes addresses. */
static bool take_hex4(struct parser *p, bool before_colon, u64 *out)
{
    char digits[5];

    skip_blanks(p);
    if (strspn(p->at, "0123456789abcdefABCDEF") != 4 ||
        (before_colon ? p->at[4] != ':' : word_char(p->at[4])))
        return false;
    snprintf(digits, sizeof digits, "%.4s", p->at);
    *out = strtoul(digits, NULL, 16);
    p->at += 4;
    return true;
}

static bool take_level(struct parser *p, unsigned level);

static bool take_expression(struct parser *p)
{
    bool good;

    if (++p->depth > DEPTH)
        return fail(p, "nested too deeply", p->at);
    good = take_level(p, 0);
    p->depth--;
    return good;
}

static bool take_memory(struct parser *p, u8 size)
{
    if (!takes(p, "["))
        return fail(p, "a [ is missing before", p->at);
    return take_expression(p) && (takes(p, "]") || fail(p, "a ] is missing before", p->at)) &&
           emit(p, MEMORY, size, 0, 0);
}

static int size_by_name(const char *word)
{
    static const char *const names[] = {"byte", "word", "dword", "qword"};

    for (int i = 0; i < 4; i++)
        if (!strcasecmp(word, names[i]))
            return 1 << i;
    return 0;
}

static bool take_name(struct parser *p)
{
    char word[WORD];
    u64 value;
    int n;

    if (!take_word(p, word))
        return false;
    if ((n = size_by_name(word)) != 0)
        return take_memory(p, (u8)n);
    if ((n = register_by_name(word)) >= 0)
        return emit(p, REGISTER, (u8)n, 0, 1);
    if (number(word, &value) || symbols_find(p->symbols, word, &value))
        return emit(p, PUSH, 0, value, 1);
    return fail(p, "neither a number (hexadecimal after 0x) nor a register or symbol", word);
}

static bool take_primary(struct parser *p)
{
    skip_blanks(p);
    if (*p->at == '[')
        return take_memory(p, 0);
    if (p->at[0] == '\'' && p->at[1] && p->at[2] == '\'') {
        p->at += 3;
        return emit(p, PUSH, 0, (u8)p->at[-2], 1);
    }
    if (takes(p, "("))
        return take_expression(p) && (takes(p, ")") || fail(p, "a ) is missing before", p->at));
    return take_name(p);
}

static bool take_unary(struct parser *p)
{
    static const struct {
        char c;
        u8 kind;
    } ops[] = {{'!', NOT}, {'~', COMPLEMENT}, {'-', NEGATE}};
    bool good;

    skip_blanks(p);
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        if (*p->at == ops[i].c) {
            if (++p->depth > DEPTH)
                return fail(p, "nested too deeply", p->at);
            p->at++;
            good = take_unary(p) && emit(p, (enum op_kind)ops[i].kind, 0, 0, 0);
            p->depth--;
            return good;
        }
    return take_primary(p);
}

enum { LEVELS = 10, FAR_LEVEL = 7 };

/* Longer tokens before those that they begin with. */
static const struct {
    u8 level, kind;
    const char *token;
} binary[] = {
    {0, OR_ELSE, "||"},    {1, AND_THEN, "&&"},    {2, OR, "|"},
    {3, XOR, "^"},         {4, AND, "&"},          {5, EQUAL, "=="},
    {5, UNEQUAL, "!="},    {6, LESS_EQUAL, "<="},  {6, GREATER_EQUAL, ">="},
    {8, SHIFT_LEFT, "<<"}, {8, SHIFT_RIGHT, ">>"}, {6, LESS, "<"},
    {6, GREATER, ">"},     {9, ADD, "+"},          {9, SUBTRACT, "-"},
    {10, MULTIPLY, "*"},   {10, DIVIDE, "/"},      {10, MODULO, "%"},
};

/* The operator here, or -1; a longer one of another level is none of this one. */
static int operator_at(struct parser *p)
{
    skip_blanks(p);
    for (unsigned i = 0; i < ARRAY_LEN(binary); i++)
        if (!strncmp(p->at, binary[i].token, strlen(binary[i].token)))
            return (int)i;
    return -1;
}

/* What is before a colon: a segment register alone keeps its hidden base. */
static int lone_segment(const struct parser *p, unsigned first)
{
    const struct op *op = &p->e->op[first];

    if (p->e->count != first + 1 || op->kind != REGISTER)
        return -1;
    return segment_by_name(registers[op->arg].name);
}

/* sum [':' sum] */
static bool take_far(struct parser *p)
{
    unsigned first = p->e->count;
    u64 value;
    int seg;

    if (take_hex4(p, true, &value) ? !emit(p, PUSH, 0, value, 1) : !take_level(p, FAR_LEVEL + 1))
        return false;
    if (!takes(p, ":"))
        return true;
    seg = lone_segment(p, first);
    if (seg >= 0) {
        p->e->count--;
        p->stack--;
    }
    if (take_hex4(p, false, &value) ? !emit(p, PUSH, 0, value, 1) : !take_level(p, FAR_LEVEL + 1))
        return false;
    return seg >= 0 ? emit(p, FAR_BASE, (u8)seg, 0, 0) : emit(p, FAR, 0, 0, -1);
}

static bool take_level(struct parser *p, unsigned level)
{
    int op;

    if (level > LEVELS)
        return take_unary(p);
    if (level == FAR_LEVEL)
        return take_far(p);
    if (!take_level(p, level + 1))
        return false;
    while ((op = operator_at(p)) >= 0 && binary[op].level == level) {
        p->at += strlen(binary[op].token);
        if (!take_level(p, level + 1) || !emit(p, (enum op_kind)binary[op].kind, 0, 0, -1))
            return false;
    }
    return true;
}

struct debug_expr *debug_expr_parse(const char *text, const struct symbols *symbols, char *err,
                                    size_t err_size)
{
    struct debug_expr *e = calloc(1, sizeof *e);
    struct parser p = {.symbols = symbols, .e = e, .err = err, .err_size = err_size};
    bool good;

    if (!e) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    good = strlen(text) < sizeof e->text || fail(&p, "too long", text);
    if (good) {
        snprintf(e->text, sizeof e->text, "%s", text);
        p.at = e->text;
        good = take_expression(&p);
        skip_blanks(&p);
        good = good && (!*p.at || fail(&p, "cannot make sense of", p.at));
    }
    if (good)
        return e;
    free(e);
    return NULL;
}

void debug_expr_free(struct debug_expr *e)
{
    free(e);
}

const char *debug_expr_text(const struct debug_expr *e)
{
    return e->text;
}

/* ---- Evaluating ---- */

u64 debug_segment_base(struct cpu *c, u16 selector)
{
    struct descriptor desc;
    u64 table, raw;
    u32 limit;

    if (!c || !cpu_is_protected(c))
        return (u64)selector << 4;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        if (c->seg[i].sel == selector && !c->seg[i].unusable)
            return c->seg[i].base;
    table = selector & SEL_TI ? c->ldtr.base : c->gdtr.base;
    limit = selector & SEL_TI ? c->ldtr.limit : c->gdtr.limit;
    if ((selector | 7u) > limit ||
        debug_read_linear(c, (u32)(table + (selector & ~7u)), &raw, sizeof raw) != sizeof raw)
        return 0;
    desc.lo = (u32)raw;
    desc.hi = (u32)(raw >> 32);
    return desc_base(&desc);
}

static bool cannot(char *err, size_t err_size, const char *fmt, u64 what)
{
    if (err)
        snprintf(err, err_size, fmt, (unsigned long long)what);
    return false;
}

static bool load(struct cpu *c, u64 la, unsigned size, u64 *v)
{
    if (!size)
        size = c && (c->mode & MODE_CODE_SIZE) == CODE16 ? 2 : 4;
    *v = 0; /* hosts are little-endian, as guests are */
    return c && debug_read_linear(c, (u32)la, v, size) == size;
}

static bool compute(enum op_kind kind, u64 a, u64 b, u64 *out)
{
    switch (kind) {
    case OR_ELSE: *out = a || b; return true;
    case AND_THEN: *out = a && b; return true;
    case OR: *out = a | b; return true;
    case XOR: *out = a ^ b; return true;
    case AND: *out = a & b; return true;
    case EQUAL: *out = a == b; return true;
    case UNEQUAL: *out = a != b; return true;
    case LESS: *out = a < b; return true;
    case LESS_EQUAL: *out = a <= b; return true;
    case GREATER: *out = a > b; return true;
    case GREATER_EQUAL: *out = a >= b; return true;
    case SHIFT_LEFT: *out = b < 64 ? a << b : 0; return true;
    case SHIFT_RIGHT: *out = b < 64 ? a >> b : 0; return true;
    case ADD: *out = a + b; return true;
    case SUBTRACT: *out = a - b; return true;
    case MULTIPLY: *out = a * b; return true;
    case DIVIDE: *out = b ? a / b : 0; return b;
    case MODULO: *out = b ? a % b : 0; return b;
    default: return false;
    }
}

bool debug_expr_eval(const struct debug_expr *e, struct cpu *c, u64 *out, char *err,
                     size_t err_size)
{
    u64 stack[STACK + 1], *top = stack; /* stack[0] is below the first value */

    stack[0] = 0;
    for (const struct op *op = e->op; op < e->op + e->count; op++) {
        switch (op->kind) {
        case PUSH: *++top = op->value; break;
        case REGISTER: *++top = register_value(c, &registers[op->arg]); break;
        case NOT: *top = !*top; break;
        case COMPLEMENT: *top = ~*top; break;
        case NEGATE: *top = 0 - *top; break;
        case FAR_BASE: *top += c ? c->seg[op->arg].base : 0; break;
        case FAR:
            top--;
            *top = debug_segment_base(c, (u16)*top) + top[1];
            break;
        case MEMORY: {
            u64 la = *top;

            if (!load(c, la, op->arg, top))
                return cannot(err, err_size, "no memory at %08llx", la);
            break;
        }
        default:
            top--;
            if (!compute((enum op_kind)op->kind, *top, top[1], top))
                return cannot(err, err_size, "a division by zero", 0);
        }
    }
    *out = *top;
    return true;
}

bool debug_eval(const char *text, const struct symbols *symbols, struct cpu *c, u64 *out, char *err,
                size_t err_size)
{
    struct debug_expr *e = debug_expr_parse(text, symbols, err, err_size);
    bool good = e && debug_expr_eval(e, c, out, err, err_size);

    debug_expr_free(e);
    return good;
}
