/*
 * Single instructions for random programs: rows of the opcode table with prefixes and operands that
 * mostly work. What leaves the program's hands is left out; program.c has pieces for it.
 */
#include "cpu/optab_decode.h"
#include "tests/cpu/program.h"

#include <string.h>

enum { ROW_BYTES = 40, TRIES = 3000 };

static const char *const left_out[] = {
    "INVALID", "TOOLONG", "HLT",    "LGDT",    "LIDT",     "LLDT",    "LTR", "LMSW",
    "MOV_CR",  "MOV_DR",  "MOV_TR", "WRMSR",   "SYSEXIT",  "INT1",    "RSM", "INT",
    "IRET",    "RDMSR",   "RDPMC",  "JMP_FAR", "CALL_FAR", "RET_FAR", "LSS", "SYSENTER",
};

/* Left out of calm programs: what faults more often than not. */
static const char *const wild[] = {
    "DIV",     "IDIV",    "BOUND",  "INTO",    "LDS",    "LES",   "LFS",    "LGS",
    "MOV_SEG", "POP_SEG", "POPF",   "INS",     "OUTS",   "IN",    "OUT",    "CLI",
    "STI",     "AAM",     "ENTER",  "LEAVE",   "INVLPG", "CLTS",  "INVD",   "UD0",
    "UD1",     "UD2",     "WBINVD", "SYSEXIT", "INT3",   "FLDCW", "FLDENV", "FRSTOR",
};

static bool name_is(u16 row, const char *name)
{
    return !strcmp(optab_rows[row].name, name);
}

static bool row_allowed(const struct program_gen *g, u16 row)
{
    const struct optab_row *o = &optab_rows[row];

    if (!model_has(g->p->model, o->feature) || o->attr & ATTR_ONLY64 || o->translate == TR_BRANCH)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (name_is(row, left_out[i]))
            return false;
    for (size_t i = 0; g->calm && i < ARRAY_LEN(wild); i++)
        if (name_is(row, wild[i]))
            return false;
    return true;
}

/* 0 integer, 1 x87, 2 MMX; half of the integer ones are those that compilers use. */
static u16 pick_row(struct program_gen *g)
{
    u32 kind = rng_below(&g->r, 100);
    u32 want = kind < 72 ? 0 : kind < 90 ? 1 : 2;
    bool plain = kind < 40;

    for (unsigned tries = 0; tries < TRIES; tries++) {
        u16 row = (u16)rng_below(&g->r, ROW_COUNT);
        const struct optab_row *o = &optab_rows[row];
        u32 is = o->attr & ATTR_X87 ? 1 : o->attr & ATTR_MMX ? 2 : 0;

        if (is == want && row_allowed(g, row) &&
            (!plain || o->translate == TR_COPY || o->translate == TR_EMIT))
            return row;
    }
    return ROW_INVALID;
}

static unsigned some_register(struct program_gen *g)
{
    return rng_percent(&g->r, g->calm ? 95 : 75) ? rng_below(&g->r, 3) : rng_below(&g->r, 8);
}

/* Most bases hold a pointer, see pointers() in program.c. */
static void memory32(struct program_gen *g, unsigned reg, int seg)
{
    static const u8 pointers[] = {RBX, RSI, RDI, RBP};
    unsigned base =
        g->calm || rng_percent(&g->r, 90) ? pointers[rng_below(&g->r, 4)] : rng_below(&g->r, 8);
    u32 disp = rng_below(&g->r, 64) - 16, form = rng_below(&g->r, g->calm ? 9 : 10);

    if (form < 4) {
        gen_byte(g, (u8)(reg << 3 | 5));
        gen_le(g, gen_target(g) - g->p->base[gen_segment_for(seg, RAX)], 4);
    } else if (form < 7 && base != RSP) {
        gen_byte(g, (u8)(0x40 | reg << 3 | base));
        gen_byte(g, (u8)disp);
    } else if (form < 8 && base != RSP && base != RBP) {
        gen_byte(g, (u8)(reg << 3 | base));
    } else if (form < 9) { /* the index that means none, so that the base decides */
        gen_byte(g, (u8)(0x80 | reg << 3 | 4));
        gen_byte(g, (u8)(rng_below(&g->r, 4) << 6 | RSP << 3 | base));
        gen_le(g, disp, 4);
    } else {
        gen_byte(g, (u8)(0x40 | reg << 3 | 4));
        gen_byte(g, (u8)rng_next(&g->r));
        gen_byte(g, (u8)disp);
    }
}

static void memory16(struct program_gen *g, unsigned reg, int seg)
{
    unsigned rm = rng_below(&g->r, 8), form = rng_below(&g->r, 10);

    if (form < 5) {
        gen_byte(g, (u8)(reg << 3 | 6));
        gen_le(g, gen_target(g) - g->p->base[gen_segment_for(seg, RAX)], 2);
    } else if (form < 8) {
        gen_byte(g, (u8)(0x40 | reg << 3 | rm));
        gen_byte(g, (u8)rng_below(&g->r, 64));
    } else {
        gen_byte(g, (u8)(0x80 | reg << 3 | rm));
        gen_le(g, rng_below(&g->r, P_DATA_BYTES), 2);
    }
}

static void modrm(struct program_gen *g, u16 row, bool addr16, int seg)
{
    const struct optab_row *o = &optab_rows[row];
    unsigned reg = o->group >= 0 ? (unsigned)o->group : some_register(g);

    if (o->modrm)
        gen_byte(g, o->modrm);
    else if (!gen_wants_memory(&g->r, row))
        gen_byte(g, (u8)(0xC0 | reg << 3 | some_register(g)));
    else if (addr16)
        memory16(g, reg, seg);
    else
        memory32(g, reg, seg);
}

/* Prefixes; true if addresses have 16 bits behind them. */
static bool prefixes(struct program_gen *g, u16 row, int *seg)
{
    static const u8 seg_prefix[SEG_COUNT] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
    const struct optab_row *o = &optab_rows[row];
    bool string = o->attr & ATTR_STRING, odd = g->p->mode >= PROGRAM_REAL, addrsize = false;

    bool sizes = model_has(g->p->model, FEAT_386);

    if (sizes && rng_percent(&g->r, odd ? 30 : 15) && !(o->attr & ATTR_MMX))
        gen_byte(g, 0x66);
    if (sizes && rng_percent(&g->r, odd ? 12 : 3)) {
        gen_byte(g, 0x67);
        addrsize = true;
    }
    if (rng_percent(&g->r, string ? 45 : 1) && !(o->opcode >> 8))
        gen_byte(g, rng_percent(&g->r, 60) ? 0xF3 : 0xF2);
    if (rng_percent(&g->r, o->attr & ATTR_LOCK && !g->calm ? 8 : 0))
        gen_byte(g, 0xF0);
    if (rng_percent(&g->r, odd ? 20 : 5)) {
        *seg = (int)rng_below(&g->r, SEG_COUNT);
        gen_byte(g, seg_prefix[*seg]);
    }
    return g->p->code16 != addrsize;
}

static u32 some_immediate(struct program_gen *g)
{
    u64 v = rng_next(&g->r);

    switch (v & 3) {
    case 0: return (u32)(v >> 8 & 31);
    case 1: return 0 - (u32)(v >> 8 & 31);
    case 2: return 1u << (v >> 8 & 31);
    default: return (u32)(v >> 16);
    }
}

/* Whoever shares the stack with the handlers keeps it in order. */
static bool spoils_stack(const struct program_gen *g, const struct insn *in)
{
    if (g->p->cpl == 3 || g->p->mode == PROGRAM_REAL)
        return name_is(in->row, "MOV_SEG") && in->kind[0] == OPND_SREG && in->reg[0] == SEG_SS;
    if (name_is(in->row, "LEAVE") || name_is(in->row, "ENTER"))
        return true;
    for (unsigned n = 0; n < 3; n++) {
        if (in->kind[n] == OPND_GPR && in->reg[n] == RSP && in->size[n] > 1)
            return true;
        if (in->kind[n] == OPND_SREG && in->reg[n] == SEG_SS)
            return true;
    }
    return false;
}

static bool try_row(struct program_gen *g, u16 row)
{
    const struct optab_row *o = &optab_rows[row];
    struct decode_mode mode = {g->p->code16 ? CODE16 : CODE32,
                               g->p->mode != PROGRAM_REAL && g->p->mode != PROGRAM_V86,
                               g->p->model};
    struct piece *piece = g->piece, scratch = {.len = 0};
    u8 opcode = (u8)o->opcode;
    struct insn in;
    bool addr16;
    int seg = -1;

    g->piece = &scratch;
    addr16 = prefixes(g, row, &seg);
    if (o->opcode >> 8)
        gen_byte(g, 0x0F);
    if (operand_info[o->operand[0]].from == FROM_OPCODE ||
        operand_info[o->operand[1]].from == FROM_OPCODE)
        opcode |= (u8)some_register(g);
    gen_byte(g, opcode);
    if (forms[row].attr & FORM_HAS_MODRM || o->group >= 0)
        modrm(g, row, addr16, seg);
    if (forms[row].imm == OC_Ob || forms[row].imm == OC_Ov)
        gen_le(g, gen_target(g) - g->p->base[gen_segment_for(seg, RAX)], addr16 ? 2 : 4);
    gen_le(g, some_immediate(g), 4);
    gen_le(g, some_immediate(g), 4);
    g->piece = piece;
    if (!insn_decode(scratch.bytes, scratch.len, &mode, &in) || in.row != row ||
        piece->len + in.len > PIECE_BYTES || spoils_stack(g, &in))
        return false;
    memcpy(piece->bytes + piece->len, scratch.bytes, in.len);
    piece->len += in.len;
    return true;
}

void gen_row(struct program_gen *g)
{
    for (unsigned tries = 0; tries < 8; tries++)
        if (try_row(g, pick_row(g)))
            return;
    gen_byte(g, 0x90);
}
