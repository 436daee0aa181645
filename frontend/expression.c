/*
 * Addresses as users write them.
 *
 *     address := sum [':' sum]        sum := term (('+' | '-') term)*        term := number |
 * register
 */
#include "frontend/expression.h"

#include "cpu/cpu.h"
#include "frontend/values.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct eval {
    const char *at;
    const struct cpu *cpu;
    int segment; /* enum seg_reg if the last sum was a segment register alone, else -1 */
    char *err;
    size_t err_size;
};

static const char *const segment_names[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
static const char *const gpr_names[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

static bool fail(struct eval *e, const char *reason, const char *what)
{
    snprintf(e->err, e->err_size, "%s: '%.40s'", reason, what);
    return false;
}

/* "ax" names 16 bits, "eax" 32, "rax" 64. */
static bool general_register(const struct cpu *c, const char *name, u64 *out)
{
    char width = name[0];
    unsigned i;
    u64 mask = width == 'e' ? UINT32_MAX : width == 'r' ? UINT64_MAX : 0xFFFF;

    name += width == 'e' || width == 'r';
    for (i = 0; i < 8; i++)
        if (!strcmp(name, gpr_names[i])) {
            *out = c ? c->gpr[i] & mask : 0;
            return true;
        }
    if (strcmp(name, "ip"))
        return false;
    *out = c ? c->rip & mask : 0;
    return true;
}

static bool other_register(const struct cpu *c, const char *name, u64 *out)
{
    const struct {
        const char *name;
        u64 value;
    } regs[] = {
        {"eflags", c ? cpu_flags(c) : 0}, {"cr0", c ? c->cr0 : 0},
        {"cr2", c ? c->cr2 : 0},          {"cr3", c ? c->cr3 : 0},
        {"cr4", c ? c->cr4 : 0},          {"gdtr", c ? c->gdtr.base : 0},
        {"idtr", c ? c->idtr.base : 0},   {"ldtr", c ? c->ldtr.base : 0},
        {"tr", c ? c->tr.base : 0},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(regs); i++)
        if (!strcmp(name, regs[i].name)) {
            *out = regs[i].value;
            return true;
        }
    return false;
}

/* A word of letters and digits, lower case. */
static bool take_word(struct eval *e, char *word, size_t size)
{
    size_t len = 0;

    if (*e->at == '$' || *e->at == '%')
        e->at++;
    for (; isalnum((unsigned char)*e->at); e->at++) {
        if (len + 1 >= size)
            return fail(e, "too long", e->at);
        word[len++] = (char)tolower((unsigned char)*e->at);
    }
    word[len] = 0;
    return len || fail(e, "a number or a register is missing before", e->at);
}

/* Four hexadecimal digits beside a colon, as every DOS book writes addresses. */
static bool take_hex4(struct eval *e, bool before_colon, u64 *out)
{
    char digits[5], *end;

    if (strspn(e->at, "0123456789abcdefABCDEF") != 4 ||
        (before_colon ? e->at[4] != ':' : e->at[4] != 0))
        return false;
    snprintf(digits, sizeof digits, "%.4s", e->at);
    *out = strtoul(digits, &end, 16);
    e->at += 4;
    return true;
}

static bool take_term(struct eval *e, u64 *out)
{
    char word[24];
    int i;

    if (!take_word(e, word, sizeof word))
        return false;
    for (i = 0; i < SEG_COUNT; i++)
        if (!strcmp(word, segment_names[i])) {
            e->segment = i;
            *out = e->cpu ? e->cpu->seg[i].sel : 0;
            return true;
        }
    if (general_register(e->cpu, word, out) || other_register(e->cpu, word, out) ||
        value_u64(word, out))
        return true;
    return fail(e, "neither a number (hexadecimal after 0x) nor a register", word);
}

static bool take_sum(struct eval *e, u64 *out)
{
    u64 term;
    char sign;

    if (!take_term(e, out))
        return false;
    while (*e->at == '+' || *e->at == '-') {
        sign = *e->at++;
        if (!take_term(e, &term))
            return false;
        *out = sign == '+' ? *out + term : *out - term;
        e->segment = -1;
    }
    return true;
}

bool expression_eval(const char *text, const struct cpu *cpu, u64 *out, char *err, size_t err_size)
{
    struct eval e = {.at = text, .cpu = cpu, .segment = -1, .err = err, .err_size = err_size};
    u64 segment;

    if (!take_hex4(&e, true, out) && !take_sum(&e, out))
        return false;
    if (*e.at == ':') {
        segment = e.segment < 0 ? *out << 4 : cpu ? cpu->seg[e.segment].base : 0;
        e.at++;
        if (!take_hex4(&e, false, out) && !take_sum(&e, out))
            return false;
        *out += segment;
    }
    return !*e.at || fail(&e, "cannot make sense of", e.at);
}
