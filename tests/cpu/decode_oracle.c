/*
 * Our decoder against three others: Zydis, capstone and binutils' objdump, over random bytes in 16,
 * 32 and 64-bit mode. Compared: valid or not, length, mnemonic, operands (registers, memory operand
 * with segment and size, immediates, branch targets). Each difference that we do not share is
 * listed under "Known differences" with its reason; any other is printed and makes the run fail.
 *
 *   decode_oracle [--seed N] [--count M] [--bits 16|32|64] [--oracle zydis|capstone|objdump]
 *
 * Our decoder runs with a model that has every feature, so that what it rejects are instructions we
 * do not know at all; an oracle's name for such bytes must not be in our table.
 */
#include "base/types.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include "cpu/optab_decode.h"

#include <capstone/capstone.h>
#include <Zydis/Zydis.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASE_BYTES = 32, MAX_OPS = 4, OP_CHARS = 80, SHOWN = 20, REASONS = 40, RIP = 0x1000 };

/* An instruction as text, piece by piece, in one spelling for all decoders. */
struct view {
    bool valid;
    unsigned len, count;
    char name[32];
    char op[MAX_OPS][OP_CHARS];
};

struct test_case {
    const u8 *bytes;
    enum code_size code;
    struct insn in;
    struct view ours;
};

enum oracle { ZYDIS, CAPSTONE, OBJDUMP, ORACLES };
static const char *const oracle_names[ORACLES] = {"zydis", "capstone", "objdump"};

static const struct cpu_model everything = {
    .name = "everything",
    .features = ((1ull << FEAT_COUNT) - 1) & ~(1ull << FEAT_ONLY_8086),
    .cr4_mask = ~0u,
};

#define ROW(id, map, byte, group, modrm, mod, name, ...) #name,
static const char *const row_names[] = {
#include "cpu/optab.inc"
};

static u64 cut(u64 v, unsigned size)
{
    return size >= 8 ? v : v & ((1ull << size * 8) - 1);
}

/* ---- One spelling ---- */

/* Other decoders' names for ours. */
static const char *const aliases[][2] = {
    {"jz", "je"},
    {"jnz", "jne"},
    {"jnb", "jae"},
    {"jnbe", "ja"},
    {"jnl", "jge"},
    {"jnle", "jg"},
    {"setz", "sete"},
    {"setnz", "setne"},
    {"setnb", "setae"},
    {"setnbe", "seta"},
    {"setnl", "setge"},
    {"setnle", "setg"},
    {"cmovz", "cmove"},
    {"cmovnz", "cmovne"},
    {"cmovnb", "cmovae"},
    {"cmovnbe", "cmova"},
    {"cmovnl", "cmovge"},
    {"cmovnle", "cmovg"},
    {"fwait", "wait"},
    {"lcall", "call"},
    {"ljmp", "jmp"},
    {"pushal", "pushad"},
    {"popal", "popad"},
    {"pushaw", "pusha"},
    {"popaw", "popa"},
    {"xlatb", "xlat"},
    {"sal", "shl"},
    {"movabs", "mov"},
    {"retfq", "retf"},
    {"fsetpm", "fnsetpm"},
    {"fsetpm287_nop", "fnsetpm"},
    {"icebp", "int1"},
    {"fstpnce", "fstp"},
    {"feni8087_nop", "fneni"},
    {"fdisi8087_nop", "fndisi"},
};

static void set_name(struct view *v, const char *name)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(aliases); i++)
        if (!strcmp(name, aliases[i][0]))
            name = aliases[i][1];
    snprintf(v->name, sizeof v->name, "%s", name);
}

struct memory {
    const char *seg, *base, *index;
    unsigned scale, size, asize;
    s64 disp;
};

/* [seg:base+index*scale+disp]size, without a segment that base implies. */
static void put_memory(char *out, const struct memory *m)
{
    bool stack = strstr(m->base, "sp") || strstr(m->base, "bp");
    const char *seg = !strcmp(m->seg, stack ? "ss" : "ds") ? "" : m->seg;

    snprintf(out, OP_CHARS, "[%s:%s+%s*%u+%llx]%u", seg, m->base, m->index, m->scale,
             (unsigned long long)cut((u64)m->disp, m->asize), m->size);
}

/* ---- Ours ---- */

static void reg_name(char *out, size_t size, unsigned reg, unsigned bytes)
{
    struct insn in = {.row = ROW_1_0x50, .kind = {OPND_GPR}, .reg = {(u8)reg}, .size = {(u8)bytes}};
    char text[64];

    insn_format(&in, 0, CODE32, text, sizeof text);
    snprintf(out, size, "%s", strchr(text, ' ') + 1);
}

static void view_our_memory(const struct test_case *t, unsigned n, char *out)
{
    static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    const struct insn *in = &t->in;
    char base[8] = "", index[8] = "";
    struct memory m = {.seg = segs[in->seg],
                       .base = base,
                       .index = index,
                       .size = in->size[n],
                       .asize = in->asize,
                       .disp = in->disp};
    u8 imm = forms[in->row].imm;

    if (in->row == ROW_1_0x8D) /* LEA has no segment */
        m.seg = in->base == RSP || in->base == RBP ? "ss" : "ds";
    if (in->base == REG_RIP)
        snprintf(base, sizeof base, in->asize == 8 ? "rip" : "eip");
    else if (in->base != REG_NONE)
        reg_name(base, sizeof base, in->base, in->asize);
    if (in->index != REG_NONE) {
        reg_name(index, sizeof index, in->index, in->asize);
        m.scale = 1u << in->scale;
    }
    if (imm == OC_Ob || imm == OC_Ov)
        m.disp = (s64)in->imm;
    put_memory(out, &m);
}

static void view_our_operand(const struct test_case *t, unsigned n, char *out)
{
    const struct insn *in = &t->in;

    switch (in->kind[n]) {
    case OPND_GPR: reg_name(out, OP_CHARS, in->reg[n], in->size[n]); break;
    case OPND_MEM: view_our_memory(t, n, out); break;
    case OPND_IMM:
        snprintf(out, OP_CHARS, "%llx", (unsigned long long)cut(in->imm, in->size[n]));
        break;
    case OPND_IMM2: snprintf(out, OP_CHARS, "%x", in->imm2); break;
    case OPND_REL:
        snprintf(out, OP_CHARS, "%llx",
                 (unsigned long long)cut(RIP + in->len + in->imm, in->opsize));
        break;
    case OPND_FAR: snprintf(out, OP_CHARS, "%x:%llx", in->imm2, (unsigned long long)in->imm); break;
    case OPND_SREG: snprintf(out, OP_CHARS, "%cs", "ecsdfg"[in->reg[n]]); break;
    default:
        snprintf(out, OP_CHARS, "%s%u",
                 (const char *[]){[OPND_CREG] = "cr",
                                  [OPND_DREG] = "dr",
                                  [OPND_TREG] = "tr",
                                  [OPND_ST] = "st",
                                  [OPND_MM] = "mm"}[in->kind[n]],
                 in->reg[n]);
    }
}

/* The mnemonic out of our disassembler's text: the first word that is no prefix. */
static void our_name(const struct test_case *t, struct view *v)
{
    static const char *const prefixes[] = {"a16", "a32", "a64", "lock", "rep", "repe", "repne",
                                           "es",  "cs",  "ss",  "ds",   "fs",  "gs"};
    char text[160], *word, *rest = text;
    unsigned i;

    insn_format(&t->in, RIP, t->code, text, sizeof text);
    do {
        word = strsep(&rest, " ");
        for (i = 0; i < ARRAY_LEN(prefixes) && strcmp(word, prefixes[i]); i++)
            ;
    } while (i < ARRAY_LEN(prefixes) && rest);
    set_name(v, word);
}

static void view_ours(struct test_case *t)
{
    struct decode_mode mode = {.code = t->code, .protected = true, .model = &everything};
    struct view *v = &t->ours;
    unsigned n;

    memset(v, 0, sizeof *v);
    v->len = insn_decode(t->bytes, CASE_BYTES, &mode, &t->in);
    v->valid = t->in.row != ROW_INVALID && t->in.row != ROW_TOOLONG;
    if (!v->valid)
        return;
    our_name(t, v);
    if (forms[t->in.row].attr & ATTR_STRING)
        return;
    for (n = 0; n < 3; n++)
        if (t->in.kind[n] != OPND_NONE)
            view_our_operand(t, n, v->op[v->count++]);
}

/* ---- Zydis ---- */

static void view_zydis_operand(const ZydisDecodedInstruction *zi, const ZydisDecodedOperand *o,
                               char *out)
{
    struct memory m;
    const char *name;

    switch (o->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        name = ZydisRegisterGetString(o->reg.value);
        snprintf(out, OP_CHARS, "%s", name);
        break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        m = (struct memory){.seg = ZydisRegisterGetString(o->mem.segment),
                            .base = "",
                            .index = "",
                            .size = o->size / 8u,
                            .asize = zi->address_width / 8u,
                            .disp = o->mem.disp.value};
        if (o->mem.base != ZYDIS_REGISTER_NONE)
            m.base = ZydisRegisterGetString(o->mem.base);
        if (o->mem.index != ZYDIS_REGISTER_NONE) {
            m.index = ZydisRegisterGetString(o->mem.index);
            m.scale = o->mem.scale ? o->mem.scale : 1;
        }
        put_memory(out, &m);
        break;
    case ZYDIS_OPERAND_TYPE_POINTER:
        snprintf(out, OP_CHARS, "%x:%x", o->ptr.segment, o->ptr.offset);
        break;
    default:
        if (o->imm.is_relative)
            snprintf(
                out, OP_CHARS, "%llx",
                (unsigned long long)cut(RIP + zi->length + o->imm.value.u, zi->operand_width / 8));
        else
            snprintf(out, OP_CHARS, "%llx",
                     (unsigned long long)cut(o->imm.value.u,
                                             (o->imm.is_signed ? zi->operand_width : o->size) / 8));
    }
}

static void view_zydis(const ZydisDecoder *decoder, const struct test_case *t, struct view *v)
{
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    unsigned n;

    memset(v, 0, sizeof *v);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, t->bytes, 15, &zi, ops)))
        return;
    v->valid = true;
    v->len = zi.length;
    set_name(v, zi.mnemonic == ZYDIS_MNEMONIC_RET && zi.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR
                    ? "retf"
                    : ZydisMnemonicGetString(zi.mnemonic));
    if (t->ours.valid && forms[t->in.row].attr & ATTR_STRING)
        return;
    for (n = 0; n < zi.operand_count_visible && v->count < MAX_OPS; n++)
        view_zydis_operand(&zi, &ops[n], v->op[v->count++]);
}

/* ---- Capstone ---- */

static unsigned our_immediate_size(const struct test_case *t, unsigned otherwise)
{
    unsigned n;

    for (n = 0; n < 3; n++)
        if (t->in.kind[n] == OPND_IMM)
            return t->in.size[n];
    return otherwise;
}

static void view_capstone_operand(csh cs, const struct test_case *t, const cs_insn *ci,
                                  const cs_x86_op *o, char *out)
{
    const cs_x86 *x = &ci->detail->x86;
    struct memory m;
    const char *name;

    switch (o->type) {
    case X86_OP_REG:
        name = cs_reg_name(cs, o->reg);
        if (!strncmp(name, "st(", 3))
            snprintf(out, OP_CHARS, "st%c", name[3]);
        else
            snprintf(out, OP_CHARS, "%s", name);
        break;
    case X86_OP_MEM:
        /* Its sizes of memory are often those of something else; Zydis has them right. */
        m = (struct memory){
            .seg = "", .base = "", .index = "", .asize = x->addr_size, .disp = o->mem.disp};
        /* It shows overrides that 64-bit mode ignores. */
        if (o->mem.segment == X86_REG_FS || o->mem.segment == X86_REG_GS || t->code != CODE64)
            m.seg = o->mem.segment == X86_REG_INVALID ? "" : cs_reg_name(cs, o->mem.segment);
        if (o->mem.base != X86_REG_INVALID)
            m.base = cs_reg_name(cs, o->mem.base);
        if (o->mem.index != X86_REG_INVALID && o->mem.index != X86_REG_EIZ &&
            o->mem.index != X86_REG_RIZ) {
            m.index = cs_reg_name(cs, o->mem.index);
            m.scale = (unsigned)o->mem.scale;
        }
        put_memory(out, &m);
        break;
    default:
        if (t->in.kind[0] == OPND_REL)
            snprintf(out, OP_CHARS, "%llx", (unsigned long long)cut((u64)o->imm, t->in.opsize));
        else
            snprintf(out, OP_CHARS, "%llx",
                     (unsigned long long)cut((u64)o->imm, our_immediate_size(t, o->size)));
    }
}

static void view_capstone(csh cs, cs_insn *ci, const struct test_case *t, struct view *v)
{
    const u8 *p = t->bytes;
    size_t size = 15;
    u64 address = RIP;
    char name[64], *space;
    unsigned n;

    memset(v, 0, sizeof *v);
    if (!cs_disasm_iter(cs, &p, &size, &address, ci))
        return;
    v->valid = true;
    v->len = ci->size;
    snprintf(name, sizeof name, "%s", ci->mnemonic);
    /* Prefixes are part of the mnemonic. */
    space = strrchr(name, ' ');
    set_name(v, space ? space + 1 : name);
    if (t->ours.valid && forms[t->in.row].attr & ATTR_STRING)
        return;
    for (n = 0; n < ci->detail->x86.op_count && v->count < MAX_OPS; n++)
        view_capstone_operand(cs, t, ci, &ci->detail->x86.operands[n], v->op[v->count++]);
    if (t->in.kind[0] == OPND_FAR && v->count == 2) {
        strcat(strcat(v->op[0], ":"), v->op[1]); /* selector and offset are operands of their own */
        v->count = 1;
    }
}

/* ---- objdump: a file of cases in slots of 32 bytes, and the text that comes back ---- */

enum { BATCH = 20000 };

static bool is_objdump_prefix(const char *word)
{
    static const char *const prefixes[] = {
        "lock", "rep", "repz", "repnz", "addr16", "addr32",  "data16", "data32",   "es",
        "cs",   "ss",  "ds",   "fs",    "gs",     "notrack", "bnd",    "xacquire", "xrelease",
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(prefixes); i++)
        if (!strcmp(word, prefixes[i]))
            return true;
    return !strncmp(word, "rex", 3);
}

/* "[ebx+ecx*4-0x10]" or "0x1234", after size and segment. */
static void parse_address(char *text, struct memory *m)
{
    static const char *const none[] = {"eiz", "riz", ""};
    char *p = text + strspn(text, "["), *end;
    bool negative = false;

    text[strcspn(text, "]")] = 0;
    while (*p) {
        end = p + strcspn(p, "+-*");
        if (isdigit(*p)) {
            m->disp = (s64)strtoull(p, NULL, 16);
            if (negative)
                m->disp = -m->disp;
        } else if (*end != '*' && !*m->base) {
            m->base = p;
        } else {
            m->index = p;
            m->scale = 1;
            if (*end == '*') {
                *end = 0;
                m->scale = (unsigned)strtoul(end + 1, &end, 10);
            }
        }
        negative = *end == '-';
        p = end + (*end != 0);
        *end = 0;
    }
    if (!strcmp(m->index, none[0]) || !strcmp(m->index, none[1])) {
        m->index = "";
        m->scale = 0;
    }
}

static void parse_operand(const struct test_case *t, u64 slot, char *text, char *out)
{
    static const struct {
        const char *name;
        unsigned size;
    } sizes[] = {{"BYTE PTR ", 1},  {"WORD PTR ", 2},  {"DWORD PTR ", 4},
                 {"FWORD PTR ", 6}, {"QWORD PTR ", 8}, {"TBYTE PTR ", 10}};
    struct memory m = {.seg = "", .base = "", .index = "", .asize = t->in.asize};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(sizes); i++)
        if (!strncmp(text, sizes[i].name, strlen(sizes[i].name))) {
            m.size = sizes[i].size;
            text += strlen(sizes[i].name);
        }
    if (strchr("cdefgs", text[0]) && text[1] == 's' && text[2] == ':') {
        text[2] = 0;
        m.seg = text;
        text += 3;
    }
    if (*m.seg || *text == '[') {
        parse_address(text, &m);
        put_memory(out, &m);
    } else if (!strncmp(text, "st", 2)) {
        snprintf(out, OP_CHARS, "st%c", text[2] ? text[3] : '0');
    } else if (strchr(text, ':')) {
        unsigned long long offset = strtoull(strchr(text, ':') + 1, NULL, 16);

        snprintf(out, OP_CHARS, "%lx:%llx", strtoul(text, NULL, 16), offset);
    } else if (isdigit(*text)) {
        u64 v = strtoull(text, NULL, 16);

        if (t->in.kind[0] == OPND_REL)
            v = cut(v - slot + RIP, t->in.opsize);
        snprintf(out, OP_CHARS, "%llx", (unsigned long long)cut(v, our_immediate_size(t, 8)));
    } else {
        snprintf(out, OP_CHARS, "%s", text);
    }
}

/* True if one name is the other and a letter for the size. */
static bool differ_in_suffix(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), n = min_u64(la, lb);

    return !strncmp(a, b, n) && la + lb == 2 * n + 1 && strchr("wdql", la > lb ? a[n] : b[n]);
}

/* The text part of a line. False if it is a prefix alone, and the next line belongs to it. */
static bool parse_text(const struct test_case *t, u64 slot, char *text, struct view *v)
{
    char *word, *rest, *operand;
    size_t n;

    text[strcspn(text, "#\n")] = 0;
    for (;;) {
        text += strspn(text, " ");
        word = text;
        text += strcspn(text, " ");
        if (*text)
            *text++ = 0;
        if (!is_objdump_prefix(word))
            break;
        if (!*text)
            return false;
    }
    v->valid = strncmp(word, "(bad)", 5) && !strstr(text, "(bad)") && !strchr(text, '?');
    if (strchr(word, '(')) {
        word[strcspn(word, "(")] = 0; /* fneni(8087 only) */
        *text = 0;
    }
    set_name(v, word);
    if (t->ours.valid && (forms[t->in.row].attr & ATTR_STRING || t->in.row == ROW_1_0xD7)) {
        /* Implied operands, which say the size. */
        if (t->in.row != ROW_1_0xD7 && strstr(text, " PTR"))
            v->name[strlen(v->name)] = strstr(text, "BYTE")    ? 'b'
                                       : strstr(text, "QWORD") ? 'q'
                                       : strstr(text, "DWORD") ? 'd'
                                                               : 'w';
        return true;
    }
    if (t->ours.valid && differ_in_suffix(v->name, t->ours.name))
        set_name(v, t->ours.name); /* lgdtd, iret for iretd: Zydis has checked sizes */
    rest = text + strspn(text, " ");
    while (*rest && v->count < MAX_OPS) {
        operand = strsep(&rest, ",");
        for (n = strlen(operand); n && operand[n - 1] == ' '; n--)
            operand[n - 1] = 0;
        parse_operand(t, slot, operand, v->op[v->count++]);
        if (!rest)
            break;
    }
    return true;
}

/* ---- Known differences ---- */

static bool has_prefix(const struct test_case *t, u8 prefix)
{
    unsigned i;

    for (i = 0; i < 15 && t->bytes[i] != prefix; i++)
        if (!strchr("\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3", t->bytes[i]) &&
            !(t->code == CODE64 && (t->bytes[i] & 0xF0) == 0x40))
            return false;
    return i < 15;
}

/* True if a row of ours bears this name. */
static bool in_our_table(const char *name)
{
    unsigned i, n;

    for (i = 0; i < ROW_COUNT; i++) {
        for (n = 0; name[n] && tolower(row_names[i][n]) == name[n]; n++)
            ;
        if (!name[n] && (!row_names[i][n] || row_names[i][n] == '_'))
            return true;
    }
    return false;
}

static bool names_later_register(const struct view *v)
{
    static const char *const later[] = {"xmm", "ymm", "zmm", "bnd", "k0", "k1",
                                        "k2",  "k3",  "k4",  "k5",  "k6", "k7"};
    unsigned n, i;

    for (n = 0; n < v->count; n++)
        for (i = 0; i < ARRAY_LEN(later); i++)
            if (!strncmp(v->op[n], later[i], strlen(later[i])))
                return true;
    return false;
}

static bool is_row(const struct test_case *t, const char *name)
{
    return !strcmp(row_names[t->in.row], name);
}

static bool starts(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

/* 64-bit SIB without base: mod 0, base field 5, and REX.B, which does not count there. */
static bool sib_base5(const struct test_case *t)
{
    return t->code == CODE64 && t->in.modrm < 0x40 && (t->in.modrm & 7) == 4 &&
           t->in.base == REG_NONE;
}

/* Why a decoder takes bytes that we reject. */
static const char *known_extra(enum oracle who, const struct test_case *t,
                               const struct view *theirs)
{
    if (!in_our_table(theirs->name) || names_later_register(theirs))
        return "an instruction of later processors";
    return NULL;
}

/* True if only the operand size or a suffix of it tells the names apart: cwd and cdq, movsw ... */
static bool names_differ_in_size(const struct test_case *t, const struct view *theirs)
{
    static const char *const sized[] = {"CBW", "CWD", "PUSHA", "POPA", "PUSHF", "POPF", "IRET"};
    unsigned i;

    if (forms[t->in.row].attr & ATTR_STRING)
        return starts(theirs->name, "movs") || !strncmp(t->ours.name, theirs->name, 3);
    for (i = 0; i < ARRAY_LEN(sized); i++)
        if (is_row(t, sized[i]))
            return theirs->name[0] == t->ours.name[0];
    return false;
}

static bool names_special_register(const struct view *v)
{
    unsigned n;

    for (n = 0; n < v->count; n++)
        if (starts(v->op[n], "cr") || starts(v->op[n], "dr") || starts(v->op[n], "tr") ||
            !strcmp(v->op[n], "cs"))
            return true;
    return false;
}

/* What capstone 4.0.2 gets wrong; Zydis agrees with us on all of these. */
static const char *known_capstone(const struct test_case *t, const struct view *theirs)
{
    bool rep = has_prefix(t, 0xF2) || has_prefix(t, 0xF3), size66 = has_prefix(t, 0x66);
    bool same_length = t->ours.len == theirs->len;

    if (!t->ours.valid) {
        if (has_prefix(t, 0xF0))
            return "capstone: does not check that LOCK is allowed";
        if (!strcmp(theirs->name, "mov") && names_special_register(theirs))
            return "capstone: takes special registers that do not exist, and MOV to CS";
        return NULL;
    }
    if (t->code == CODE64 && has_prefix(t, 0x67) && t->in.flags & INSN_REX)
        return "capstone: 67 and REX together turn the operand size around";
    if (same_length && (is_row(t, "AAM") || is_row(t, "AAD")) && t->in.imm == 10)
        return "capstone: AAM and AAD by ten have no operand";
    if (same_length && t->code == CODE64 && (is_row(t, "XCHG") || is_row(t, "NOP")))
        return "capstone: 90-97 with prefixes in 64-bit mode";
    if (same_length && is_row(t, "LEA") && t->in.flags & INSN_SEG)
        return "capstone: LEA with a segment";
    if (rep && (is_row(t, "BSF") || is_row(t, "BSR")))
        return "TZCNT and LZCNT came later";
    if (size66 && rep)
        return "capstone: 66 is lost beside F2 or F3";
    if (same_length && names_differ_in_size(t, theirs))
        return "capstone: sizes in names go wrong with more than one prefix";
    if (is_row(t, "JCXZ") && same_length)
        return "capstone: jcxz or jecxz go wrong with more than one prefix";
    if (t->in.kind[0] == OPND_REL && t->code == CODE64 && size66)
        return "capstone: 66 with near branches in 64-bit mode as AMD has it; we follow Intel";
    if (t->in.kind[0] == OPND_REL && same_length)
        return "capstone: cuts branch targets to the wrong size with 66 or 67";
    if (is_row(t, "ENTER") && same_length)
        return "capstone: extends the sign of ENTER's second immediate";
    if (is_row(t, "MOV_SEG"))
        return "capstone: MOV of segment registers: size, REX.R";
    if (t->in.row == ROW_64_0x63)
        return "capstone: MOVSXD without REX.W";
    if (forms[t->in.row].attr & ATTR_MMX && t->in.flags & INSN_REX)
        return "capstone: lets REX reach MMX registers";
    if (same_length && t->code == CODE64 && t->in.flags & INSN_SEG)
        return "capstone: an ignored segment prefix hides FS or GS before it";
    if (t->in.flags & INSN_REX_W && size66)
        return "capstone: 66 beside REX.W";
    return NULL;
}

static bool names_far_pointer(const struct test_case *t)
{
    const u8 *codes = forms[t->in.row].operand;

    return codes[0] == OC_Mp || codes[1] == OC_Mp;
}

static bool rex_before_prefix(const struct test_case *t)
{
    unsigned i;

    for (i = 0; i + 1u < t->ours.len; i++)
        if ((t->bytes[i] & 0xF0) == 0x40)
            return (t->bytes[i + 1] & 0xF0) == 0x40 ||
                   strchr("\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3", t->bytes[i + 1]);
        else if (!strchr("\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3", t->bytes[i]))
            return false;
    return false;
}

/* What objdump 2.40 gets wrong; Zydis agrees with us on all of these. */
static const char *known_objdump(const struct test_case *t, const struct view *theirs)
{
    if (t->code == CODE64 && rex_before_prefix(t))
        return "objdump: starts over after a REX that is not the last prefix";
    if (!t->ours.valid) {
        if (has_prefix(t, 0xF0))
            return "objdump: does not check that LOCK is allowed";
        if (!strcmp(theirs->name, "mov") && names_special_register(theirs))
            return "objdump: takes special registers that do not exist, and MOV to CS";
        return NULL;
    }
    if (is_row(t, "SALC"))
        return "objdump: does not know SALC";
    if (t->ours.name[0] == 'f' && !theirs->valid)
        return "objdump: does not know the aliases of x87 instructions";
    if (is_row(t, "NOP") && has_prefix(t, 0x66))
        return "objdump: 66 90 is an XCHG that does nothing";
    if (has_prefix(t, 0xF2) || has_prefix(t, 0xF3) || has_prefix(t, 0x66))
        if (is_row(t, "BSF") || is_row(t, "BSR") || is_row(t, "WBINVD"))
            return "TZCNT, LZCNT and WBNOINVD came later";
    if (is_row(t, "LEA") && t->in.flags & INSN_SEG)
        return "objdump: LEA with a segment";
    if ((is_row(t, "CALL") || is_row(t, "JMP")) && has_prefix(t, 0x3E))
        return "objdump: 3E is NOTRACK, a later meaning";
    if (t->in.row == ROW_64_0x63)
        return "objdump: MOVSXD with 66 and REX.W";
    if (is_row(t, "MOV_SEG"))
        return "objdump: MOV to a segment register with 32 bits";
    if (t->in.flags & INSN_REX_W && names_far_pointer(t))
        return "objdump: size of far pointers with REX.W";
    return NULL;
}

/* The reason, or NULL if this difference is none that we know. */
static const char *known_difference(enum oracle who, const struct test_case *t,
                                    const struct view *theirs)
{
    bool prefixed = has_prefix(t, 0x66) || has_prefix(t, 0xF2) || has_prefix(t, 0xF3);
    u32 attr = forms[t->in.row].attr;
    const char *reason = NULL;

    if (!t->ours.valid && known_extra(who, t, theirs))
        return known_extra(who, t, theirs);
    if (who == CAPSTONE)
        reason = known_capstone(t, theirs);
    if (who == OBJDUMP)
        reason = known_objdump(t, theirs);
    if (reason || !t->ours.valid)
        return reason;
    if (attr & ATTR_MMX && prefixed)
        return "66, F2 and F3 make SSE of MMX opcodes on later processors";
    if (who == ZYDIS && t->ours.len == theirs->len && sib_base5(t))
        return "Zydis 4.0: SIB base 5, mod 0, REX.B gives R13 for disp32 (SDM Vol. 2A, Table 2-5)";
    if (who == ZYDIS && t->in.row == ROW_64_0x63 && t->in.opsize == 2)
        return "Zydis reads a dword from memory for MOVSXD r16, r/m16";
    if (starts(row_names[t->in.row], "UD"))
        return "UD0 and UD1: nobody agrees on operands, and they fault anyway";
    if (is_row(t, "NOP") && t->ours.count)
        return "hint NOPs: later processors gave some of them meanings";
    if (is_row(t, "NOP") && !strcmp(theirs->name, "pause"))
        return "PAUSE is a NOP on every processor before the Pentium 4";
    if ((is_row(t, "LAR") || is_row(t, "LSL")) && t->in.kind[1] == OPND_GPR)
        return "LAR and LSL: we say that they read a word of the source register";
    if (is_row(t, "MOV_TR"))
        return "test registers: gone since the Pentium, not in the oracle";
    return NULL;
}

/* ---- Comparison ---- */

/* Where one leaves the size of memory open, the other's does not matter. */
static bool same_operand(const char *ours, const char *theirs)
{
    size_t n = strcspn(ours, "]") + 1;

    if (ours[0] == '[' && (!strcmp(ours + n, "0") || !strcmp(theirs + strcspn(theirs, "]"), "]0")))
        return !strncmp(ours, theirs, n);
    return !strcmp(ours, theirs);
}

static bool same(const struct view *a, const struct view *b)
{
    unsigned n;

    if (!strcmp(a->name, "xchg") && a->len == b->len && !strcmp(b->name, "xchg") &&
        same_operand(a->op[0], b->op[1]) && same_operand(a->op[1], b->op[0]))
        return true; /* either order */
    if (a->valid != b->valid || a->len != b->len || strcmp(a->name, b->name) ||
        a->count != b->count)
        return false;
    for (n = 0; n < a->count; n++)
        if (!same_operand(a->op[n], b->op[n]))
            return false;
    return true;
}

static void show(const char *who, const struct view *v)
{
    unsigned n;

    printf("    %-9s", who);
    if (!v->valid)
        printf("invalid");
    else
        printf("%2u %s", v->len, v->name);
    for (n = 0; n < v->count; n++)
        printf(" | %s", v->op[n]);
    printf("\n");
}

struct totals {
    u64 cases, valid, known, unknown;
    unsigned kinds, reasons;
    char kind[SHOWN][80];
    struct {
        const char *text;
        u64 count;
    } reason[REASONS];
};

static void count_reason(struct totals *totals, const char *text)
{
    unsigned i;

    totals->known++;
    for (i = 0; i < totals->reasons && strcmp(totals->reason[i].text, text); i++)
        ;
    assert(i < REASONS);
    totals->reason[i].text = text;
    totals->reason[i].count++;
    if (i == totals->reasons)
        totals->reasons++;
}

/* Whether a difference between these two names is to be shown: one example of each, not too many.
 */
static bool first_of_kind(struct totals *totals, const char *ours, const struct view *theirs)
{
    char kind[80];
    unsigned i;

    snprintf(kind, sizeof kind, "%s/%s", ours, theirs->valid ? theirs->name : "");
    for (i = 0; i < totals->kinds; i++)
        if (!strcmp(totals->kind[i], kind))
            return false;
    if (totals->kinds == SHOWN)
        return false;
    strcpy(totals->kind[totals->kinds++], kind);
    return true;
}

/* The manual names ST(0) in some x87 instructions and not in others; so do decoders. */
static void drop_implied_st0(struct view *theirs, const struct view *ours)
{
    unsigned n = 0, i;

    while (n < theirs->count && theirs->count > ours->count) {
        if (strcmp(theirs->op[n], "st0")) {
            n++;
            continue;
        }
        for (i = n; i + 1 < theirs->count; i++)
            memcpy(theirs->op[i], theirs->op[i + 1], OP_CHARS);
        theirs->count--;
    }
}

static void compare(enum oracle who, struct test_case *t, struct view *theirs,
                    struct totals *totals)
{
    const char *reason;
    unsigned i;

    if (t->ours.valid && t->ours.name[0] == 'f') {
        drop_implied_st0(theirs, &t->ours);
        drop_implied_st0(&t->ours, theirs);
    }
    totals->cases++;
    totals->valid += t->ours.valid;
    if (!t->ours.valid && !theirs->valid)
        return;
    if (same(&t->ours, theirs))
        return;
    reason = known_difference(who, t, theirs);
    if (reason) {
        count_reason(totals, reason);
        return;
    }
    totals->unknown++;
    if (!first_of_kind(totals, t->ours.valid ? t->ours.name : "", theirs))
        return;
    printf("%u-bit:", 16u << t->code);
    for (i = 0; i < 15; i++)
        printf(" %02X", t->bytes[i]);
    printf("\n");
    show("ours", &t->ours);
    show(oracle_names[who], theirs);
}

/* ---- Cases ---- */

static u64 rng_next(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Dull;
}

/* Random bytes, with more prefixes, two-byte opcodes and special ModRM bytes than chance gives. */
static void make_case(u64 *rng, enum code_size code, u8 *bytes)
{
    static const u8 prefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x66,
                                  0x67, 0x67, 0xF0, 0xF0, 0xF2, 0xF3, 0x66, 0x67};
    u64 r = rng_next(rng);
    unsigned i, n = 0;

    for (i = 0; i < CASE_BYTES; i += 8) {
        u64 word = rng_next(rng);

        memcpy(bytes + i, &word, 8);
    }
    while ((r & 3) == 0 && n < 14) {
        bytes[n++] = prefixes[r >> 2 & 15];
        r = rng_next(rng);
    }
    r >>= 8;
    if (code == CODE64 && (r & 3) == 0)
        bytes[n++] = (u8)(0x40 | (r >> 2 & 15));
    r >>= 8;
    if ((r & 3) == 0)
        bytes[n++] = 0x0F;
    r >>= 2;
    n++; /* the opcode stays random */
    if ((r & 7) == 0 && n < 15)
        bytes[n] = (u8)((bytes[n] & 0x38) | (r >> 3 & 1 ? 5 : 4));
}

/* Padding without influence on what follows: MOV eAX, imm, and NOP where that does not fit. */
static void pad_slot(u8 *slot, unsigned used, enum code_size code)
{
    unsigned step = code == CODE16 ? 3 : 5;

    memset(slot + used, 0x90, CASE_BYTES - used);
    for (; used + step <= CASE_BYTES; used += step) {
        memset(slot + used, 0, step);
        slot[used] = 0xB8;
    }
}

/* Whatever objdump says about a batch; `bytes` holds `count` cases of CASE_BYTES. */
static void run_objdump(enum code_size code, const u8 *bytes, unsigned count, struct totals *totals)
{
    char path[] = "/tmp/decode_oracle.XXXXXX", command[256], line[512];
    struct test_case t = {.code = code};
    struct view theirs;
    unsigned i;
    bool open = false;
    FILE *f;

    f = fdopen(mkstemp(path), "wb");
    for (i = 0; i < count; i++) {
        u8 slot[CASE_BYTES];

        t.bytes = bytes + i * CASE_BYTES;
        view_ours(&t);
        memcpy(slot, t.bytes, CASE_BYTES);
        if (t.ours.valid)
            pad_slot(slot, t.ours.len, code);
        else
            memset(slot + INSN_MAX_BYTES, 0x90, CASE_BYTES - INSN_MAX_BYTES);
        fwrite(slot, 1, sizeof slot, f);
    }
    fclose(f);
    snprintf(command, sizeof command,
             "objdump -D -z -b binary -m %s -M intel,intel64%s --insn-width=16 %s",
             code == CODE64 ? "i386:x86-64" : "i386", code == CODE16 ? ",i8086" : "", path);
    f = popen(command, "r");
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':'), *tab = colon ? strrchr(line, '\t') : NULL;
        u64 address = strtoull(line, NULL, 16);
        unsigned n = 0;

        if (!tab || !isxdigit(colon[-1]) || tab == colon + 1 || address / CASE_BYTES >= count)
            continue;
        if (address % CASE_BYTES == 0) {
            t.bytes = bytes + address;
            view_ours(&t);
            memset(&theirs, 0, sizeof theirs);
            open = true;
        }
        if (!open)
            continue;
        for (colon += 2; colon < tab; colon++)
            n += isxdigit(colon[0]) && isxdigit(colon[1]);
        theirs.len += n;
        open = !parse_text(&t, address - address % CASE_BYTES, tab + 1, &theirs);
        if (!open)
            compare(OBJDUMP, &t, &theirs, totals);
    }
    pclose(f);
    unlink(path);
}

static void show_totals(enum code_size code, enum oracle who, const struct totals *totals)
{
    unsigned i;

    printf("%u-bit, %s: %llu cases, %llu valid, %llu with known differences, %llu unexplained\n",
           16u << code, oracle_names[who], (unsigned long long)totals->cases,
           (unsigned long long)totals->valid, (unsigned long long)totals->known,
           (unsigned long long)totals->unknown);
    for (i = 0; i < totals->reasons; i++)
        printf("  %8llu  %s\n", (unsigned long long)totals->reason[i].count,
               totals->reason[i].text);
}

/* Adds to the number of comparisons, and of those that differ without a reason. */
static void run(enum code_size code, u64 seed, u64 count, int only, u64 *cases, u64 *unknown)
{
    struct totals totals[ORACLES] = {0};
    ZydisDecoder zydis;
    csh cs;
    cs_insn *ci;
    u64 i, rng = seed;
    u8 *batch = malloc(BATCH * CASE_BYTES), *bytes;
    struct view theirs;

    ZydisDecoderInit(&zydis,
                     code == CODE16   ? ZYDIS_MACHINE_MODE_LEGACY_16
                     : code == CODE32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                      : ZYDIS_MACHINE_MODE_LONG_64,
                     code == CODE16   ? ZYDIS_STACK_WIDTH_16
                     : code == CODE32 ? ZYDIS_STACK_WIDTH_32
                                      : ZYDIS_STACK_WIDTH_64);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_LZCNT, ZYAN_FALSE);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_TZCNT, ZYAN_FALSE);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
    ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    cs_open(CS_ARCH_X86,
            code == CODE16   ? CS_MODE_16
            : code == CODE32 ? CS_MODE_32
                             : CS_MODE_64,
            &cs);
    cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
    ci = cs_malloc(cs);
    for (i = 0; i < count; i++) {
        struct test_case t = {.code = code};

        t.bytes = bytes = batch + i % BATCH * CASE_BYTES;
        make_case(&rng, code, bytes);
        view_ours(&t);
        if (only < 0 || only == ZYDIS) {
            view_zydis(&zydis, &t, &theirs);
            compare(ZYDIS, &t, &theirs, &totals[ZYDIS]);
        }
        if (only < 0 || only == CAPSTONE) {
            view_capstone(cs, ci, &t, &theirs);
            compare(CAPSTONE, &t, &theirs, &totals[CAPSTONE]);
        }
        if ((only < 0 || only == OBJDUMP) && ((i + 1) % BATCH == 0 || i + 1 == count))
            run_objdump(code, batch, (unsigned)(i % BATCH + 1), &totals[OBJDUMP]);
    }
    cs_free(ci, 1);
    cs_close(&cs);
    free(batch);
    for (i = 0; i < ORACLES; i++)
        if (only < 0 || only == (int)i) {
            show_totals(code, (enum oracle)i, &totals[i]);
            *cases += totals[i].cases;
            *unknown += totals[i].unknown;
        }
}

int main(int argc, char **argv)
{
    u64 seed = 1, count = 100000, cases = 0, unknown = 0;
    int i, bits = 0, only = -1, mode;

    for (i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--count"))
            count = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--bits"))
            bits = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--oracle"))
            for (only = 0; only < ORACLES && strcmp(argv[i + 1], oracle_names[only]); only++)
                ;
    }
    for (mode = CODE16; mode <= CODE64; mode++)
        if (!bits || bits == 16 << mode)
            run((enum code_size)mode, seed, count, only, &cases, &unknown);
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)(cases - unknown),
           (unsigned long long)unknown);
    return unknown != 0;
}
