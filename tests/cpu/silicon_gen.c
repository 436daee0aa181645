/*
 * Random code for the silicon differential: rows of the opcode table with operands that mostly
 * work: memory operands reach the arena through the registers' initial values, branches go forward,
 * numbers are the ones where carries, signs, saturation and rounding happen.
 *
 * Left out, by name: what tells the host apart (CPUID, RDTSC), what Linux emulates (SGDT and its
 * kin), system calls, and INT1, which virtual machines report in their own way. FNSTENV and FNSAVE
 * come last in their sequence, since they store pointers that the host loses.
 */
#include "tests/cpu/silicon.h"

#include "base/bytes.h"
#include "cpu/fpu.h"
#include "cpu/optab_decode.h"

#include <string.h>

enum { POOL_BYTES = 1 << 18 };

static u8 pool[POOL_BYTES];

/* Linux takes conforming code only if it is not present. */
const struct ldt_entry silicon_ldt[] = {
    {"unused", 0, 0, .not_present = true, .read_only = true},
    {"16-bit code", ARENA_CODE, 0x1FFF, .code = true},
    {"32-bit code, execute only", ARENA_CODE, 0x1FFF, .big = true, .code = true, .read_only = true},
    {"16-bit data", ARENA_DATA, 0x1FFF, .big = false},
    {"expand-down, 64 KiB", ARENA_DATA, 0x0FFF, .expand_down = true},
    {"expand-down, 4 GiB", ARENA_DATA, 0x07FF, .big = true, .expand_down = true},
    {"read-only data", ARENA_DATA, 0x1FFF, .big = true, .read_only = true},
    {"data, not present", ARENA_DATA, 0x1FFF, .not_present = true},
    {"32-bit code", ARENA_CODE, 0x1FFF, .big = true, .code = true},
    {"data at an odd base", ARENA_DATA + 0x801, 0x7FE, .big = true},
    {"data, page granular", ARENA_DATA, 1, .big = true, .pages = true},
    {"16-bit code, execute only", ARENA_CODE, 0x1FFF, .code = true, .read_only = true},
    {"16-bit stack", ARENA_STACK, 0x0FFF, .big = false},
    {"32-bit stack with a limit", ARENA_STACK, 0x0BFF, .big = true},
    {"expand-down stack", ARENA_STACK, 0x03FF, .big = true, .expand_down = true},
    {"code, not present", ARENA_CODE, 0x1FFF, .big = true, .code = true, .not_present = true},
    {"flat data by its limit in pages", 0, 0xFFFFF, .big = true, .pages = true},
};
const unsigned silicon_ldt_count = ARRAY_LEN(silicon_ldt);

static const u8 data_entries[] = {3, 4, 5, 6, 9, 10, 16}, stack_entries[] = {12, 13, 14, 16},
                code_entries[] = {1, 2, 8, 11};

u64 rng_next(struct silicon_rng *r)
{
    u64 z = r->s += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* ---- What all generators ask ---- */

bool gen_wants_memory(struct silicon_rng *r, u16 row)
{
    const struct optab_row *o = &optab_rows[row];
    bool may = false;

    if (o->attr & ATTR_REG_ONLY || o->modrm)
        return false;
    for (unsigned n = 0; n < 3; n++)
        may |= operand_info[o->operand[n]].memory;
    return o->attr & ATTR_MEM_ONLY || (may && rng_percent(r, 50));
}

unsigned gen_segment_for(int prefix, unsigned base)
{
    return prefix >= 0 ? (unsigned)prefix : base == RSP || base == RBP ? SEG_SS : SEG_DS;
}

/* ---- Numbers ---- */

static u32 some_int(struct silicon_rng *r)
{
    static const u32 edges[] = {0,      1,      2,      7,          8,          15,         16,
                                31,     32,     33,     0x7F,       0x80,       0xFF,       0x100,
                                0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10};
    u64 v = rng_next(r);

    switch (v & 7) {
    case 0:
    case 1:
    case 2: return edges[(v >> 8) % ARRAY_LEN(edges)];
    case 3: return (u32)(v >> 8) & 0xFF;
    case 4: return 0u - ((u32)(v >> 8) & 0xFF);
    case 5: return 1u << (v >> 8 & 31);
    default: return (u32)(v >> 16);
    }
}

static u64 some_significand(struct silicon_rng *r)
{
    u64 v = rng_next(r);

    switch (rng_below(r, 8)) {
    case 0: return 0;
    case 1: return 1ull << 63;
    case 2: return ~0ull;
    case 3: return 0xC000000000000000;
    case 4: return v & 0xFFFFFF0000000000; /* short ones make exact results and ties */
    case 5: return v & 0xFFFFFFFFFFFFF800;
    case 6: return 1ull << (v & 63);
    default: return v;
    }
}

/* An 80-bit real of any class, invalid ones included. */
static void some_real80(struct silicon_rng *r, u8 *p)
{
    static const u16 exponents[] = {0,      1,      0x3FFF,      0x3FFE,      0x4000,      0x7FFE,
                                    0x7FFF, 0x7FFF, 0x3FFF + 63, 0x3FFF - 63, 0x3FFF + 31, 0x401E,
                                    0x3F81, 0x407E, 0x3C01,      0x43FE,      0x3F6A,      0x3BCD};
    u16 e = rng_percent(r, 60)   ? exponents[rng_below(r, ARRAY_LEN(exponents))]
            : rng_percent(r, 80) ? (u16)(0x3FFF - 70 + rng_below(r, 140))
                                 : (u16)rng_below(r, 0x8000);
    u64 m = some_significand(r);

    if (e && rng_percent(r, 93))
        m |= 1ull << 63; /* else an unnormal */
    put_le64(p, m);
    put_le16(p + 8, e | (u16)(rng_below(r, 2) << 15));
}

static u64 some_real64(struct silicon_rng *r)
{
    static const u16 exponents[] = {0, 1, 0x3FF, 0x3FE, 0x7FE, 0x7FF, 0x3FF + 52, 0x400, 0x41E};
    u64 e =
        rng_percent(r, 60) ? exponents[rng_below(r, ARRAY_LEN(exponents))] : rng_below(r, 0x800);

    return rng_next(r) << 63 | e << 52 | some_significand(r) >> 12;
}

static u32 some_real32(struct silicon_rng *r)
{
    static const u16 exponents[] = {0, 1, 0x7F, 0x7E, 0xFE, 0xFF, 0x7F + 23, 0x80};
    u32 e =
        rng_percent(r, 60) ? exponents[rng_below(r, ARRAY_LEN(exponents))] : rng_below(r, 0x100);

    return (u32)rng_next(r) << 31 | e << 23 | (u32)(some_significand(r) >> 41);
}

static u16 some_selector(struct silicon_rng *r)
{
    switch (rng_below(r, 8)) {
    case 0: return (u16)rng_below(r, 4);
    case 1: return SEL_FLAT;
    case 2: return SEL_CODE32;
    case 3: return (u16)(rng_below(r, 0x38)); /* Linux's own, by their privilege */
    case 4: return (u16)(SEL_LDT(rng_below(r, 64)) & ~rng_below(r, 4));
    default: return SEL_LDT(rng_below(r, silicon_ldt_count));
    }
}

static u32 some_code_address(struct silicon_rng *r)
{
    return ARENA_CODE + rng_below(r, ARENA_CODE_BYTES);
}

static void fill_slot(struct silicon_rng *r, u8 *p)
{
    switch (rng_below(r, 16)) {
    case 0:
    case 1:
    case 2: put_le64(p, some_int(r) | (u64)some_int(r) << 32); break;
    case 3:
    case 4: put_le64(p, some_real64(r)); break;
    case 5:
    case 6: put_le64(p, some_real32(r) | (u64)some_real32(r) << 32); break;
    case 7: put_le64(p, rng_next(r) & 0x0909090909090909); break; /* decimal digits */
    case 8: put_le64(p, some_selector(r) | (u64)some_selector(r) << 16 | rng_next(r) << 32); break;
    case 9: put_le64(p, some_code_address(r) | (u64)SEL_CODE32 << 32); break;
    case 10: put_le64(p, (u64)some_selector(r) << 32 | rng_below(r, 0x2000)); break;
    default: put_le64(p, rng_next(r)); break;
    }
}

void silicon_fill_pool(u64 seed)
{
    struct silicon_rng r = {seed ^ 0x5EED};
    unsigned at;

    for (at = 0; at + 16 <= POOL_BYTES; at += 16) {
        if (rng_percent(&r, 30)) {
            some_real80(&r, pool + at);
            put_le16(pool + at + 10, (u16)rng_next(&r));
            put_le32(pool + at + 12, some_int(&r));
        } else {
            fill_slot(&r, pool + at);
            fill_slot(&r, pool + at + 8);
        }
    }
}

/* ---- A case in the making ---- */

struct gen {
    struct silicon_rng r;
    const struct silicon_options *o;
    struct silicon_code *code;
    struct silicon_state *s;
    u32 seg_base[SEG_COUNT];
    bool flat[SEG_COUNT];
    u8 *out; /* of the current instruction */
    /* Branches: which instruction, and which one they go to. */
    u8 branch_from[INSNS_MAX], branch_to[INSNS_MAX], branches;
    u16 rows[INSNS_MAX];
};

static const char *const left_out[] = {
    "CPUID", "RDTSC", "RDPMC", "SYSENTER", "SYSEXIT", "SGDT",    "SIDT",
    "SLDT",  "STR",   "SMSW",  "INT1",     "INVALID", "TOOLONG", "INT1",
};

static bool name_is(u16 row, const char *name)
{
    return !strcmp(optab_rows[row].name, name);
}

static bool is_pointer_store(u16 row)
{
    return name_is(row, "FNSTENV") || name_is(row, "FNSAVE");
}

static bool row_allowed(const struct gen *g, u16 row)
{
    const struct optab_row *o = &optab_rows[row];

    if (!model_has(guest_model(), o->feature) || o->feature == FEAT_ONLY_8086 ||
        o->feature == FEAT_ONLY_386 || o->feature == FEAT_LM || o->attr & ATTR_ONLY64)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (name_is(row, left_out[i]))
            return false;
    if (g->o->segments && is_pointer_store(row))
        return false;
    return !g->o->only || name_is(row, g->o->only);
}

/* Rows by kind, so that the many x87 and MMX encodings do not crowd out the rest. */
static u16 pick_row(struct gen *g)
{
    for (;;) {
        u32 kind = rng_below(&g->r, 100), tries;

        for (tries = 0; tries < 2000; tries++) {
            u16 row = (u16)rng_below(&g->r, ROW_COUNT);
            u32 attr = optab_rows[row].attr;
            u32 is = attr & ATTR_X87 ? 1 : attr & ATTR_MMX ? 2 : 0;

            if (row_allowed(g, row) && (g->o->only || is == (kind < 60 ? 0 : kind < 87 ? 1u : 2u)))
                return row;
        }
    }
}

/* A linear address for a memory operand. */
static u32 some_target(struct gen *g)
{
    u32 kind = rng_below(&g->r, 100), align = rng_percent(&g->r, 60) ? ~7u : ~0u;

    if (kind < 80)
        return ARENA_DATA + (rng_below(&g->r, ARENA_DATA_BYTES - 128) & align);
    if (kind < 84)
        return ARENA_DATA + PAGE_SIZE - rng_below(&g->r, 16);
    if (kind < 87)
        return ARENA_DATA + ARENA_DATA_BYTES - rng_below(&g->r, 16);
    if (kind < 92)
        return ARENA_STACK + (rng_below(&g->r, ARENA_STACK_BYTES) & align);
    if (kind < 95)
        return ARENA_RO + (rng_below(&g->r, ARENA_RO_BYTES) & align);
    if (kind < 96)
        return ARENA_DATA - rng_below(&g->r, 16);
    if (kind < 98)
        return some_code_address(&g->r);
    return (u32)rng_next(&g->r);
}

static void emit(struct gen *g, u8 byte)
{
    *g->out++ = byte;
}

static void emit_le(struct gen *g, u32 v, unsigned bytes)
{
    for (; bytes; bytes--, v >>= 8)
        emit(g, (u8)v);
}

static void emit_memory32(struct gen *g, unsigned reg, int seg, bool fixed, u32 target)
{
    unsigned base = rng_below(&g->r, 8), index = rng_below(&g->r, 8), scale = rng_below(&g->r, 4);
    unsigned form = fixed ? 0 : rng_below(&g->r, 8);
    u32 disp;

    if (form < 2) {
        emit(g, (u8)(reg << 3 | 5));
        emit_le(g, target - g->seg_base[gen_segment_for(seg, RAX)], 4);
        return;
    }
    if (form == 7) { /* any base with what it holds */
        emit(g, (u8)(0x40 | reg << 3 | (base == RSP ? RBX : base)));
        emit(g, (u8)rng_below(&g->r, 256));
        return;
    }
    disp = target - g->seg_base[gen_segment_for(seg, base)] - g->s->gpr[base];
    if (form < 5 && base != RSP) {
        bool small = disp == (u32)(s8)disp;

        emit(g, (u8)((small ? 0x40 : 0x80) | reg << 3 | base));
        emit_le(g, disp, small ? 1 : 4);
        return;
    }
    if (index != RSP)
        disp -= g->s->gpr[index] << scale;
    emit(g, (u8)(0x80 | reg << 3 | 4));
    emit(g, (u8)(scale << 6 | index << 3 | base));
    emit_le(g, disp, 4);
}

static void emit_memory16(struct gen *g, unsigned reg, int seg, bool fixed, u32 target)
{
    static const u8 bases[8][2] = {{RBX, RSI}, {RBX, RDI}, {RBP, RSI}, {RBP, RDI},
                                   {RSI, RSI}, {RDI, RDI}, {RBP, RBP}, {RBX, RBX}};
    unsigned rm = rng_below(&g->r, 8), first = bases[rm][0], second = bases[rm][1];
    u32 sum = g->s->gpr[first] + (first == second ? 0 : g->s->gpr[second]);

    if (fixed || rng_percent(&g->r, 25)) {
        emit(g, (u8)(reg << 3 | 6));
        emit_le(g, target - g->seg_base[gen_segment_for(seg, RAX)], 2);
        return;
    }
    emit(g, (u8)(0x80 | reg << 3 | rm));
    emit_le(g, target - g->seg_base[gen_segment_for(seg, first)] - sum, 2);
}

struct prefixes {
    bool opsize, addrsize, lock, rep, repne;
    int seg;
};

static struct prefixes pick_prefixes(struct gen *g, u16 row)
{
    const struct optab_row *o = &optab_rows[row];
    struct prefixes p = {.seg = -1};
    bool two_byte = o->opcode >> 8, branch = o->translate == TR_BRANCH;

    /* 66, F2 and F3 before an MMX instruction, F2 and F3 before others of two bytes, mean something
     * else on newer processors. */
    p.opsize = rng_percent(&g->r, branch ? 2 : 18) && !(o->attr & ATTR_MMX);
    p.addrsize = rng_percent(&g->r, g->o->segments ? 15 : 3);
    /* AMD's LOOPNZ takes F3 for a hint of its own. */
    p.rep = rng_percent(&g->r, o->attr & ATTR_STRING ? 40 : branch ? 0 : 1) && !two_byte;
    p.repne = rng_percent(&g->r, o->attr & ATTR_STRING ? 20 : branch ? 0 : 1) && !two_byte;
    /* LOCK MOV CR0 is AMD's MOV CR8. */
    p.lock = rng_percent(&g->r, o->attr & ATTR_LOCK ? 12 : 1) && !name_is(row, "MOV_CR");
    if (rng_percent(&g->r, g->o->segments ? 25 : 6))
        p.seg = (int)rng_below(&g->r, SEG_COUNT);
    return p;
}

static void emit_prefixes(struct gen *g, const struct prefixes *p)
{
    static const u8 seg[SEG_COUNT] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};

    if (p->opsize)
        emit(g, 0x66);
    if (p->addrsize)
        emit(g, 0x67);
    if (p->rep)
        emit(g, 0xF3);
    if (p->repne)
        emit(g, 0xF2);
    if (p->lock)
        emit(g, 0xF0);
    if (p->seg >= 0)
        emit(g, seg[p->seg]);
}

static unsigned some_register(struct gen *g)
{
    /* Leave most pointers alone, so that later operands still reach the arena. */
    return rng_percent(&g->r, 70) ? rng_below(&g->r, 3) : rng_below(&g->r, 8);
}

static void emit_modrm(struct gen *g, u16 row, const struct prefixes *p, u32 target)
{
    const struct optab_row *o = &optab_rows[row];
    unsigned reg = o->group >= 0 ? (unsigned)o->group : some_register(g);
    bool addr16 = g->code->code16 != p->addrsize;

    if (o->modrm)
        emit(g, o->modrm);
    else if (!gen_wants_memory(&g->r, row))
        emit(g, (u8)(0xC0 | reg << 3 | some_register(g)));
    else if (addr16)
        emit_memory16(g, reg, p->seg, is_pointer_store(row), target);
    else
        emit_memory32(g, reg, p->seg, is_pointer_store(row), target);
}

static void emit_rest(struct gen *g, u16 row, u32 target)
{
    u32 v = some_int(&g->r);

    if (name_is(row, "INT"))
        v = v == 0x80 ? 0x81 : v;
    if (forms[row].imm == OC_Ob || forms[row].imm == OC_Ov)
        v = target - g->seg_base[SEG_DS];
    if (forms[row].imm == OC_Ap) {
        bool wide = !g->code->code16;

        emit_le(g, some_code_address(&g->r), wide ? 4 : 2);
        emit_le(g, some_selector(&g->r), 2);
        return;
    }
    emit_le(g, v, 4);
    emit_le(g, some_int(&g->r), 4);
}

static struct decode_mode mode_of(const struct silicon_code *code)
{
    return (struct decode_mode){code->code16 ? CODE16 : CODE32, true, guest_model()};
}

static bool has_system_call(const u8 *p, unsigned len)
{
    for (unsigned i = 0; i + 1 < len; i++)
        if ((p[i] == 0xCD && p[i + 1] == 0x80) ||
            (p[i] == 0x0F && (p[i + 1] == 0x05 || p[i + 1] == 0x34)))
            return true;
    return false;
}

static void note_ignored(struct gen *g, u16 row, const struct insn *in, u32 target)
{
    struct silicon_code *code = g->code;

    if (!is_pointer_store(row))
        return;
    code->ignored[code->ignored_count].la = target + (in->opsize == 2 ? 6 : 12);
    code->ignored[code->ignored_count++].len = in->opsize == 2 ? 8 : 16;
}

/* One instruction at the end of the code; false if it did not come out as meant. */
static bool add_instruction(struct gen *g, u16 row)
{
    const struct optab_row *o = &optab_rows[row];
    struct silicon_code *code = g->code;
    struct prefixes p = pick_prefixes(g, row);
    struct decode_mode mode = mode_of(code);
    u32 target = some_target(g);
    u8 opcode = (u8)o->opcode;
    u8 bytes[40];
    struct insn in;
    unsigned n = code->count;

    g->out = bytes;
    if (is_pointer_store(row))
        p.seg = -1, p.addrsize = false;
    emit_prefixes(g, &p);
    if (o->opcode >> 8)
        emit(g, 0x0F);
    if (operand_info[o->operand[0]].from == FROM_OPCODE ||
        operand_info[o->operand[1]].from == FROM_OPCODE)
        opcode |= (u8)some_register(g);
    emit(g, opcode);
    if (forms[row].attr & FORM_HAS_MODRM || o->group >= 0)
        emit_modrm(g, row, &p, target);
    emit_rest(g, row, target);
    if (!insn_decode(bytes, (size_t)(g->out - bytes), &mode, &in) ||
        code->len + in.len > CODE_MAX || has_system_call(bytes, in.len))
        return false;
    if (in.row != row && !p.lock)
        return false;
    memcpy(code->bytes + code->len, bytes, in.len);
    code->insn[n].row = row;
    code->insn[n].offset = (u8)code->len;
    code->insn[n].len = in.len;
    if (in.kind[0] == OPND_REL) {
        g->branch_from[g->branches] = (u8)n;
        g->branch_to[g->branches++] = (u8)(n + 1 + rng_below(&g->r, 3));
    }
    note_ignored(g, row, &in, target);
    code->len += in.len;
    code->count++;
    return true;
}

/* Branches go to the start of a later instruction, or to the end. */
static void fix_branches(struct gen *g)
{
    struct silicon_code *code = g->code;

    for (unsigned i = 0; i < g->branches; i++) {
        unsigned from = g->branch_from[i], to = g->branch_to[i];
        unsigned end = code->insn[from].offset + code->insn[from].len;
        u32 rel = (to < code->count ? code->insn[to].offset : code->len) - end;
        struct decode_mode mode = mode_of(code);
        struct insn in;
        unsigned bytes;

        insn_decode(code->bytes + code->insn[from].offset, code->insn[from].len, &mode, &in);
        bytes = forms[in.row].imm == OC_Jb ? 1 : in.opsize == 2 ? 2 : 4;
        for (unsigned b = 0; b < bytes; b++)
            code->bytes[end - bytes + b] = (u8)(rel >> b * 8);
    }
}

/* ---- Registers ---- */

static void some_fpu(struct gen *g)
{
    struct silicon_fpu *f = &g->s->fpu;
    u16 masks = rng_percent(&g->r, 80) ? CW_MASKS : (u16)rng_below(&g->r, 64);
    u16 flags = rng_percent(&g->r, 50) ? (u16)rng_below(&g->r, 128) : 0;

    f->cw = (u16)(CW_FIXED | masks | rng_below(&g->r, 16) << 8);
    if (rng_percent(&g->r, 60))
        f->cw = (u16)((f->cw & ~0x300) | 0x300);
    f->sw = (u16)(rng_next(&g->r) & (SW_C0 | SW_C1 | SW_C2 | SW_C3 | SW_TOP));
    f->sw |= flags & (masks | SW_SF);
    if (rng_percent(&g->r, 2) && masks != CW_MASKS)
        f->sw |= (u16)(flags | (~masks & SW_EXCEPTIONS) | SW_ES | SW_B); /* one is pending */
    f->tags = rng_percent(&g->r, 40) ? 0xFF : rng_percent(&g->r, 10) ? 0 : (u8)rng_next(&g->r);
    for (unsigned i = 0; i < 8; i++)
        some_real80(&g->r, f->st[i]);
}

static u32 some_stack(struct gen *g)
{
    u32 off = 0x400 + (rng_below(&g->r, 0x800) & ~3u);

    if (rng_percent(&g->r, 8))
        off = rng_percent(&g->r, 50) ? rng_below(&g->r, 48) : 0x1000 - rng_below(&g->r, 48);
    if (rng_percent(&g->r, 6))
        off |= rng_below(&g->r, 4);
    return ARENA_STACK + off - g->seg_base[SEG_SS];
}

static bool has_row(const struct gen *g, unsigned count, u32 attr, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if ((attr && optab_rows[g->rows[i]].attr & attr) || (name && name_is(g->rows[i], name)))
            return true;
    return false;
}

static void some_registers(struct gen *g, unsigned rows)
{
    static const u8 pointers[] = {RBX, RSI, RDI, RBP};
    struct silicon_state *s = g->s;

    for (unsigned n = 0; n < 3; n++)
        s->gpr[n] = rng_percent(&g->r, g->o->segments ? 30 : 6) ? some_selector(&g->r)
                    : rng_percent(&g->r, 6)                     ? some_code_address(&g->r)
                                                                : some_int(&g->r);
    for (unsigned n = 0; n < ARRAY_LEN(pointers); n++)
        s->gpr[pointers[n]] =
            rng_percent(&g->r, 85)
                ? some_target(g) - g->seg_base[pointers[n] == RBP ? SEG_SS : SEG_DS]
                : some_int(&g->r);
    s->gpr[RSP] = some_stack(g);
    if (g->code->code16)
        s->gpr[RSP] |= rng_percent(&g->r, 50) ? rng_next(&g->r) & 0xFFFF0000 : 0;
    if (has_row(g, rows, ATTR_STRING, NULL) && rng_percent(&g->r, 85)) {
        s->gpr[RCX] = rng_below(&g->r, 40);
        s->gpr[RDI] = some_target(g) - g->seg_base[SEG_ES];
    }
    if ((has_row(g, rows, 0, "DIV") || has_row(g, rows, 0, "IDIV")) && rng_percent(&g->r, 60))
        s->gpr[RDX] = rng_below(&g->r, 4) - 2;
    s->eflags = EF_FIXED | EF_IF | (some_int(&g->r) & EF_ARITH);
    if (rng_percent(&g->r, 50))
        s->eflags = EF_FIXED | EF_IF | ((u32)rng_next(&g->r) & EF_ARITH);
    if (rng_percent(&g->r, 25))
        s->eflags |= EF_DF;
    if (rng_percent(&g->r, 2))
        s->eflags |= EF_TF;
    if (rng_percent(&g->r, 4))
        s->eflags |= EF_AC;
}

static void set_segment(struct gen *g, enum seg_reg n, u16 sel)
{
    g->s->sel[n] = sel;
    g->seg_base[n] = sel & 4 ? silicon_ldt[sel >> 3].base : 0;
}

static u16 pick_entry(struct gen *g, const u8 *entries, u32 count)
{
    return SEL_LDT(entries[rng_below(&g->r, count)]);
}

static void some_segments(struct gen *g)
{
    static const u8 loadable[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    u16 cs = SEL_CODE32, ss = SEL_FLAT;
    bool ldt = g->o->segments;

    if (ldt && rng_percent(&g->r, 70))
        cs = pick_entry(g, code_entries, ARRAY_LEN(code_entries));
    if (ldt && rng_percent(&g->r, 60))
        ss = pick_entry(g, stack_entries, ARRAY_LEN(stack_entries));
    set_segment(g, SEG_CS, cs);
    set_segment(g, SEG_SS, ss);
    for (unsigned n = 0; n < ARRAY_LEN(loadable); n++) {
        u16 sel = loadable[n] >= SEG_FS ? SEL_NULL : SEL_FLAT;

        if (loadable[n] >= SEG_FS && rng_percent(&g->r, 15))
            sel = SEL_FLAT;
        if (ldt && rng_percent(&g->r, 70))
            sel = pick_entry(g, data_entries, ARRAY_LEN(data_entries));
        if (ldt && rng_percent(&g->r, 8))
            sel = rng_percent(&g->r, 50) ? SEL_NULL : SEL_LDT(1);
        set_segment(g, loadable[n], sel);
    }
    g->code->code16 = cs & 4 && !silicon_ldt[cs >> 3].big;
}

/* Something to return to on top of the stack. */
static void some_frame(struct gen *g, u8 *memory)
{
    u32 sp = g->s->gpr[RSP], off;
    unsigned n = g->code->code16 ? 2 : 4;
    u8 *p;

    if (g->s->sel[SEG_SS] & 4 && !silicon_ldt[g->s->sel[SEG_SS] >> 3].big)
        sp &= 0xFFFF;
    off = sp + g->seg_base[SEG_SS] - ARENA_STACK;
    if (off > ARENA_STACK_BYTES - 32)
        return;
    p = memory + ARENA_DATA_BYTES + off;
    put_le32(p, some_code_address(&g->r) - g->seg_base[SEG_CS]);
    put_le32(p + n, rng_percent(&g->r, 60) ? g->s->sel[SEG_CS] : some_selector(&g->r));
    put_le32(p + n * 2, (u32)rng_next(&g->r) & (EF_ARITH | EF_DF | EF_AC | EF_ID | EF_FIXED));
}

void silicon_generate(u64 seed, u64 index, const struct silicon_options *o,
                      struct silicon_code *code, struct silicon_state *state, u8 *memory)
{
    struct gen g = {.r = {seed * 0x2545F4914F6CDD1D + index}, .o = o, .code = code, .s = state};
    unsigned want, i;
    u32 at;

    rng_next(&g.r);
    memset(code, 0, sizeof *code);
    memset(state, 0, sizeof *state);
    at = rng_below(&g.r, POOL_BYTES - ARENA_CHANGING) & ~7u;
    memcpy(memory, pool + at, ARENA_CHANGING);
    some_segments(&g);
    want = 1 + rng_below(&g.r, o->max_insns);
    for (i = 0; i < want; i++) {
        g.rows[i] = pick_row(&g);
        if (is_pointer_store(g.rows[i]))
            want = i + 1;
    }
    some_registers(&g, want);
    if (rng_percent(&g.r, 40))
        some_frame(&g, memory);
    some_fpu(&g);
    for (i = 0; i < want; i++)
        for (unsigned tries = 0; tries < 8 && !add_instruction(&g, g.rows[i]); tries++)
            ;
    fix_branches(&g);
    if (has_system_call(code->bytes, code->len))
        code->len = code->count = 0;
    code->la = ARENA_CODE + rng_below(&g.r, ARENA_CODE_BYTES - CODE_MAX);
    if (rng_percent(&g.r, 4)) /* across the page boundary */
        code->la = ARENA_CODE + PAGE_SIZE - rng_below(&g.r, code->len + 1);
    state->eip = code->la - g.seg_base[SEG_CS];
}
