/*
 * The disassembler: a decoded instruction as text in Intel's syntax, lower case, numbers in hex.
 * Sizes of memory are written where no register says them. Prefixes without a place in the syntax
 * stand in front: `a16 rep fs movsb`.
 */
#include "cpu/insn.h"

#include "cpu/optab_decode.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROW(id, map, byte, group, modrm, mod, name, ...) #name,
static const char *const names[ROW_COUNT] = {
#include "cpu/optab.inc"
};

struct text {
    char *out;
    size_t size, len; /* len < size, and out[len] is the closing zero */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->out + t->len, t->size - t->len, format, args);
    va_end(args);
    if (n > 0)
        t->len += min_u64((size_t)n, t->size - t->len - 1);
}

static u64 cut(u64 v, unsigned size)
{
    return size >= 8 ? v : v & ((1ull << size * 8) - 1);
}

/* ---- Mnemonics ---- */

/* Names that go with the operand size 2, 4, 8. */
static const struct {
    const char *name;
    const char *by_size[3];
} sized_names[] = {
    {"CBW", {"cbw", "cwde", "cdqe"}},         {"CWD", {"cwd", "cdq", "cqo"}},
    {"PUSHA", {"pusha", "pushad", ""}},       {"POPA", {"popa", "popad", ""}},
    {"PUSHF", {"pushf", "pushfd", "pushfq"}}, {"POPF", {"popf", "popfd", "popfq"}},
    {"IRET", {"iret", "iretd", "iretq"}},
};

/* The customary ones of each condition's names; the table has the manual's first. */
static const struct {
    const char *table, *usual;
} conditions[] = {
    {"NB", "ae"}, {"Z", "e"}, {"NZ", "ne"}, {"NBE", "a"}, {"NL", "ge"}, {"NLE", "g"},
};

static const char *usual_condition(const char *cc)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(conditions); i++)
        if (!strcmp(cc, conditions[i].table))
            return conditions[i].usual;
    return NULL;
}

/* JNBE, SETNBE, CMOVNBE, LOOPNZ: by their usual names. */
static bool put_conditional(struct text *t, const char *name)
{
    static const char *const stems[] = {"J", "SET", "CMOV", "LOOP"};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(stems); i++) {
        size_t n = strlen(stems[i]);
        const char *usual = strncmp(name, stems[i], n) ? NULL : usual_condition(name + n);

        if (usual) {
            for (; n; n--, name++)
                put(t, "%c", tolower(*name));
            put(t, "%s", usual);
            return true;
        }
    }
    return false;
}

static void put_mnemonic(struct text *t, const struct insn *in)
{
    const char *name = names[in->row];
    unsigned i;

    for (i = 0; i < ARRAY_LEN(sized_names); i++)
        if (!strcmp(name, sized_names[i].name)) {
            put(t, "%s", sized_names[i].by_size[in->opsize >> 2]);
            return;
        }
    if (put_conditional(t, name))
        return;
    if (!strcmp(name, "MOVD") && in->opsize == 8)
        name = "MOVQ";
    if (!strcmp(name, "JCXZ"))
        put(t, "%s", in->asize == 2 ? "jcxz" : in->asize == 4 ? "jecxz" : "jrcxz");
    else if (!strcmp(name, "RET_FAR"))
        put(t, "retf");
    else
        for (; *name && *name != '_'; name++)
            put(t, "%c", tolower(*name));
    if (in->row == ROW_64_0x63)
        put(t, "d");
    if (forms[in->row].attr & ATTR_STRING)
        put(t, "%c", in->opsize == 1 ? 'b' : in->opsize == 2 ? 'w' : in->opsize == 4 ? 'd' : 'q');
    if (strstr(names[in->row], "L_FAR") || strstr(names[in->row], "P_FAR"))
        put(t, " far");
}

/* ---- Operands ---- */

static const char *const seg_names[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};

static void put_gpr(struct text *t, unsigned reg, unsigned size)
{
    static const char *const low[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const bytes[8] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const high[4] = {"ah", "ch", "dh", "bh"};

    if (reg >= 16)
        put(t, "%s", high[reg & 3]);
    else if (reg >= 8)
        put(t, "r%u%s", reg, size == 8 ? "" : size == 4 ? "d" : size == 2 ? "w" : "b");
    else if (size == 1)
        put(t, "%s", bytes[reg]);
    else
        put(t, "%s%s", size == 8 ? "r" : size == 4 ? "e" : "", low[reg]);
}

static void put_displacement(struct text *t, const struct insn *in, bool alone)
{
    u64 disp = (u64)(s64)in->disp;

    if (alone)
        put(t, "0x%llx", (unsigned long long)cut(in->asize == 8 ? in->imm : disp, in->asize));
    else if (in->disp < 0)
        put(t, "-0x%llx", -(unsigned long long)disp);
    else if (in->disp)
        put(t, "+0x%llx", (unsigned long long)disp);
}

static bool has_register_of_size(const struct insn *in, unsigned size)
{
    unsigned n;

    for (n = 0; n < 3; n++)
        if ((in->kind[n] == OPND_GPR || in->kind[n] == OPND_MM) && in->size[n] == size &&
            forms[in->row].operand[n] != OC_CL)
            return true;
    return false;
}

static void put_memory(struct text *t, const struct insn *in, unsigned size)
{
    static const char *const sizes[17] = {
        [1] = "byte ",  [2] = "word ",   [4] = "dword ",    [6] = "fword ",
        [8] = "qword ", [10] = "tbyte ", [16] = "xmmword ",
    };
    bool absolute = in->base == REG_NONE && in->index == REG_NONE;
    bool moffs = forms[in->row].imm == OC_Ob || forms[in->row].imm == OC_Ov;

    if (size < ARRAY_LEN(sizes) && sizes[size] && !has_register_of_size(in, size))
        put(t, "%s", sizes[size]);
    if (in->flags & INSN_SEG)
        put(t, "%s:", seg_names[in->seg]);
    put(t, "[");
    if (in->base == REG_RIP)
        put(t, in->asize == 8 ? "rip" : "eip");
    else if (in->base != REG_NONE)
        put_gpr(t, in->base, in->asize);
    if (in->index != REG_NONE) {
        put(t, in->base == REG_NONE ? "" : "+");
        put_gpr(t, in->index, in->asize);
        if (in->asize != 2)
            put(t, "*%u", 1u << in->scale);
    }
    if (absolute && !moffs)
        put(t, "0x%llx", (unsigned long long)cut((u64)(s64)in->disp, in->asize));
    else
        put_displacement(t, in, absolute);
    put(t, "]");
}

/* Small negative numbers as such: -0x10, not 0xfffffff0. */
static void put_immediate(struct text *t, u64 v, unsigned size)
{
    s64 value = (s64)v;

    if (size > 1 && value < 0 && value >= -0x80)
        put(t, "-0x%llx", -(unsigned long long)value);
    else
        put(t, "0x%llx", (unsigned long long)cut(v, size));
}

static void put_target(struct text *t, const struct insn *in, u64 rip, enum code_size code)
{
    u64 target = rip + in->len + in->imm;

    put(t, "0x%llx", (unsigned long long)cut(target, code == CODE64 ? 8 : in->opsize));
}

static void put_operand(struct text *t, const struct insn *in, unsigned n, u64 rip,
                        enum code_size code)
{
    switch (in->kind[n]) {
    case OPND_GPR: put_gpr(t, in->reg[n], in->size[n]); break;
    case OPND_MEM: put_memory(t, in, in->size[n]); break;
    case OPND_IMM: put_immediate(t, in->imm, in->size[n]); break;
    case OPND_IMM2: put(t, "0x%x", in->imm2); break;
    case OPND_REL: put_target(t, in, rip, code); break;
    case OPND_FAR: put(t, "0x%x:0x%llx", in->imm2, (unsigned long long)in->imm); break;
    case OPND_SREG: put(t, "%s", seg_names[in->reg[n]]); break;
    case OPND_CREG: put(t, "cr%u", in->reg[n]); break;
    case OPND_DREG: put(t, "dr%u", in->reg[n]); break;
    case OPND_TREG: put(t, "tr%u", in->reg[n]); break;
    case OPND_ST:
        if (forms[in->row].operand[n] == OC_ST0)
            put(t, "st");
        else
            put(t, "st(%u)", in->reg[n]);
        break;
    case OPND_MM: put(t, "mm%u", in->reg[n]); break;
    case OPND_XMM: put(t, "xmm%u", in->reg[n]); break;
    default: break;
    }
}

static bool uses_memory_operand(const struct insn *in)
{
    return in->kind[0] == OPND_MEM || in->kind[1] == OPND_MEM;
}

/* Whether rCX, rSI or rDI is what the address size is about. */
static bool hidden_address(const struct insn *in)
{
    const char *name = names[in->row];

    return forms[in->row].attr & ATTR_STRING || !strcmp(name, "XLAT") || !strncmp(name, "LOOP", 4);
}

static void put_prefixes(struct text *t, const struct insn *in, enum code_size code)
{
    bool compares = !strcmp(names[in->row], "CMPS") || !strcmp(names[in->row], "SCAS");

    if (hidden_address(in) && in->asize != 2 << code)
        put(t, "a%u ", in->asize * 8u);
    if (in->flags & INSN_LOCK)
        put(t, "lock ");
    if (forms[in->row].attr & ATTR_STRING) {
        if (in->flags & INSN_REPNE)
            put(t, "repne ");
        if (in->flags & INSN_REP)
            put(t, compares ? "repe " : "rep ");
    }
    if (in->flags & INSN_SEG && !uses_memory_operand(in) && hidden_address(in))
        put(t, "%s ", seg_names[in->seg]);
}

void insn_format(const struct insn *in, u64 rip, enum code_size code, char *out, size_t out_size)
{
    struct text t = {.out = out, .size = out_size};
    const char *separator = " ";
    unsigned n;

    if (!out_size)
        return;
    out[0] = 0;
    put_prefixes(&t, in, code);
    put_mnemonic(&t, in);
    if (forms[in->row].attr & ATTR_STRING)
        return;
    for (n = 0; n < 3; n++) {
        if (in->kind[n] == OPND_NONE)
            continue;
        put(&t, "%s", separator);
        put_operand(&t, in, n, rip, code);
        separator = ", ";
    }
}
