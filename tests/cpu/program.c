/* Random programs: the pieces; see program.h. Models from the 386 on. */
#include "tests/cpu/program.h"

#include "tests/cpu/lab.h"

#include <string.h>

enum { PAGE_ENDS_MAX = 2 };

const char *const program_mode_names[PROGRAM_MODES] = {"flat", "paged0", "paged3", "real",
                                                       "v86",  "prot16", "seg32"};

/* ---- Bytes ---- */

void gen_byte(struct program_gen *g, u8 byte)
{
    if (g->piece->len < PIECE_BYTES)
        g->piece->bytes[g->piece->len++] = byte;
}

void gen_le(struct program_gen *g, u32 v, unsigned bytes)
{
    for (; bytes; bytes--, v >>= 8)
        gen_byte(g, (u8)v);
}

static void bytes(struct program_gen *g, const char *b, unsigned n)
{
    while (n--)
        gen_byte(g, (u8)*b++);
}

/* A string literal's bytes. */
#define BYTES(g, literal) bytes(g, literal, sizeof literal - 1)

static void fix(struct program_gen *g, enum fixup_kind kind, unsigned piece, int addend)
{
    static const u8 size[] = {1, 0, 0, 4, 4};
    struct piece *p = g->piece;
    unsigned n = size[kind] ? size[kind] : g->p->code16 ? 2 : 4;

    if (p->fixups < FIXUPS_MAX && p->len + n <= PIECE_BYTES) {
        p->fixup[p->fixups].at = p->len;
        p->fixup[p->fixups].kind = (u8)kind;
        p->fixup[p->fixups].addend = (s16)addend;
        p->fixup[p->fixups++].piece = (u16)piece;
    }
    gen_le(g, 0, n);
}

static unsigned now(const struct program_gen *g)
{
    return g->p->count;
}

static u32 some(struct program_gen *g, u32 n)
{
    return rng_below(&g->r, n);
}

static bool percent(struct program_gen *g, u32 n)
{
    return rng_percent(&g->r, n);
}

/* The next piece; there is room, as make() sees to. */
static void next(struct program_gen *g)
{
    if (g->p->count < PIECES_MAX)
        g->p->count++;
    g->piece = &g->p->piece[min_u64(g->p->count, PIECES_MAX - 1)];
}

static bool segmented(const struct program_gen *g)
{
    return g->p->mode == PROGRAM_PROT16 || g->p->mode == PROGRAM_SEG32;
}

static bool real_style(const struct program_gen *g)
{
    return g->p->mode == PROGRAM_REAL || g->p->mode == PROGRAM_V86;
}

u32 gen_target(struct program_gen *g)
{
    u32 kind = some(g, g->calm ? 92 : 100), view = 0, at;

    if (kind < 82)
        at = P_DATA + some(g, P_DATA_BYTES - 128) / 4 * 4 + (percent(g, 30) ? some(g, 4) : 0);
    else if (kind < 92)
        at = P_DATA + (1 + some(g, 3)) * PAGE_SIZE - some(g, 12);
    else if (kind < 94)
        at = P_CODE + some(g, P_CODE_BYTES);
    else if (kind < 96)
        at = LAB_SWAP + some(g, PAGE_SIZE);
    else if (kind < 98)
        at = (percent(g, 50) ? LAB_CHIP : LAB_MEMORY) + some(g, 64);
    else if (kind < 99)
        at = LAB_A20 + P_DATA + some(g, P_DATA_BYTES); /* the same place while the gate is closed */
    else
        at = (u32)rng_next(&g->r);
    if (g->p->paged && !segmented(g) && !real_style(g) && percent(g, 35))
        view = percent(g, 60) ? P_VIEW : P_LARGE;
    return at + view;
}

/* ---- Memory that the generator knows: [la] whatever the mode ---- */

/* Prefixes of an access to flat memory, for code in real style to its code or data segment. */
static void flat_prefix(struct program_gen *g, bool code)
{
    if (real_style(g)) {
        if (code)
            gen_byte(g, 0x2E);
    } else if (segmented(g)) {
        gen_byte(g, 0x64);
        if (g->p->code16)
            gen_byte(g, 0x67);
    }
}

static void flat_operand(struct program_gen *g, unsigned reg, u32 la)
{
    if (real_style(g)) {
        gen_byte(g, (u8)(reg << 3 | 6));
        gen_le(g, la - P_DATA, 2);
    } else {
        if (g->p->mode == PROGRAM_FLAT && percent(g, 5))
            la |= LAB_A20; /* nothing, or the same while the gate is closed */
        gen_byte(g, (u8)(reg << 3 | 5));
        gen_le(g, la, 4);
    }
}

/* The same for a place in a piece; in paged modes sometimes through another view. */
static void code_operand(struct program_gen *g, unsigned reg, unsigned piece, int addend)
{
    bool real = real_style(g);

    gen_byte(g, (u8)(reg << 3 | (real ? 6 : 5)));
    fix(g, real ? FIX_OFF : FIX_LA, piece, addend);
    if (!real && g->p->paged && percent(g, 30) && g->piece->len >= 2)
        g->piece->bytes[g->piece->len - 2] = P_VIEW >> 16; /* the fixup adds */
}

/* No prefixes for size, no FS: programs in real mode, with 16 bits where others have 32. */
static bool before_386(const struct program_gen *g)
{
    return !model_has(g->p->model, FEAT_386);
}

/* 66h where an operand of 32 bits is meant. */
static void wide(struct program_gen *g)
{
    if (g->p->code16 && !before_386(g))
        gen_byte(g, 0x66);
}

/* A constant of such an operand. */
static void wide_value(struct program_gen *g, u32 value)
{
    gen_le(g, value, before_386(g) ? 2 : 4);
}

static enum fixup_kind wide_offset(const struct program_gen *g)
{
    return before_386(g) ? FIX_OFF : FIX_OFF4;
}

/* mov r32, imm32; of 16-bit code r16, imm16 */
static void load(struct program_gen *g, unsigned reg, u32 value)
{
    gen_byte(g, (u8)(0xB8 | reg));
    gen_le(g, value, g->p->code16 ? 2 : 4);
}

/* ---- Pieces ---- */

static void rows(struct program_gen *g, unsigned n)
{
    while (n--) {
        gen_row(g);
        next(g);
    }
}

static void pointers(struct program_gen *g, bool all)
{
    static const u8 reg[] = {RBX, RSI, RDI, RBP};
    unsigned which = all ? 15 : some(g, 16);

    for (unsigned i = 0; i < 4; i++)
        if (which >> i & 1)
            load(g, reg[i], gen_target(g) - g->p->base[reg[i] == RBP ? SEG_SS : SEG_DS]);
    next(g);
}

/* Segment registers as at the start, and the stack. */
static void restore_segments(struct program_gen *g)
{
    static const u8 modrm[SEG_COUNT] = {0xC0, 0, 0xD0, 0xD8, 0xE0, 0xE8}; /* mov sreg, ax */

    for (unsigned n = 0; n < SEG_COUNT; n++) {
        if (n == SEG_CS || (n == SEG_SS && percent(g, 60)) || (n > SEG_DS && before_386(g)))
            continue;
        gen_byte(g, 0xB8);
        gen_le(g, g->p->sel[n], g->p->code16 ? 2 : 4);
        gen_byte(g, 0x8E);
        gen_byte(g, modrm[n]);
    }
    wide(g);
    gen_byte(g, 0xB8 | RSP);
    wide_value(g, g->p->gpr[RSP]);
    next(g);
}

/* Where faults go on: at the next paragraph, which begins with the piece after `here`. */
static void set_resume(struct program_gen *g, unsigned to)
{
    if (before_386(g)) { /* push ds; push ax; xor ax, ax; mov ds, ax; mov [resume], ... */
        BYTES(g, "\x1E\x50\x31\xC0\x8E\xD8\xC7\x06");
        gen_le(g, VAR_RESUME, 2);
        fix(g, FIX_OFF, to, 0);
        BYTES(g, "\x58\x1F"); /* pop ax; pop ds */
    } else if (real_style(g)) {
        /* The handlers' variables are in no segment of ours: through FS, which is zero. */
        BYTES(g, "\x66\x64\xC7\x06");
        gen_le(g, VAR_RESUME, 2);
        fix(g, FIX_OFF4, to, 0);
    } else {
        flat_prefix(g, false);
        wide(g);
        gen_byte(g, 0xC7);
        flat_operand(g, 0, VAR_RESUME);
        fix(g, FIX_OFF4, to, 0);
    }
    next(g);
}

static void loop(struct program_gen *g)
{
    unsigned counter = P_COUNTERS + some(g, 16) * 4, body, n = 1 + some(g, 5);

    flat_prefix(g, false);
    wide(g);
    gen_byte(g, 0xC7);
    flat_operand(g, 0, counter);
    wide_value(g, 2 + some(g, 40));
    next(g);
    body = now(g);
    rows(g, n);
    flat_prefix(g, false);
    wide(g);
    gen_byte(g, 0xFF); /* dec dword [counter] */
    flat_operand(g, 1, counter);
    if (before_386(g))
        BYTES(g, "\x74\x03\xE9"); /* jz on; jmp body */
    else
        BYTES(g, "\x0F\x85"); /* jnz body */
    fix(g, FIX_REL, body, 0);
    next(g);
}

static void branch(struct program_gen *g)
{
    unsigned to = now(g) + 2 + some(g, 4);
    int middle = percent(g, 6) ? 1 + (int)some(g, 2) : 0;

    if (percent(g, 10)) { /* jcxz, loop, loopz, loopnz */
        gen_byte(g, (u8)(0xE0 + some(g, 4)));
        fix(g, FIX_REL8, to, middle);
    } else if (percent(g, 15)) {
        gen_byte(g, percent(g, 50) ? 0xEB : 0xE9);
        fix(g, g->piece->bytes[g->piece->len - 1] == 0xEB ? FIX_REL8 : FIX_REL, to, middle);
    } else if (percent(g, 50) || before_386(g)) {
        gen_byte(g, (u8)(0x70 + some(g, 16)));
        fix(g, FIX_REL8, to, middle);
    } else {
        gen_byte(g, 0x0F);
        gen_byte(g, (u8)(0x80 + some(g, 16)));
        fix(g, FIX_REL, to, middle);
    }
    next(g);
    rows(g, 1 + some(g, 3));
}

/* A call of some kind to a place that returns, over which the rest jumps. */
static void call(struct program_gen *g)
{
    static const u8 returns[] = {0xC3, 0xC3, 0xC3, 0xC2, 0xCB, 0xCF};
    unsigned caller = now(g), kind = some(g, 6), body = caller + 2;

    switch (kind) {
    case 0:
    case 3:
        gen_byte(g, 0xE8);
        fix(g, FIX_REL, body, 0);
        break;
    case 1: /* mov eax, body; call eax */
        gen_byte(g, 0xB8);
        fix(g, FIX_OFF, body, 0);
        BYTES(g, "\xFF\xD0");
        break;
    case 2: /* mov [counter], body; call [counter] */
        flat_prefix(g, false);
        gen_byte(g, 0xC7);
        flat_operand(g, 0, P_COUNTERS + 0x80);
        fix(g, FIX_OFF, body, 0);
        flat_prefix(g, false);
        gen_byte(g, 0xFF);
        flat_operand(g, 2, P_COUNTERS + 0x80);
        break;
    case 4: /* push cs; call: a far return comes back */
        gen_byte(g, 0x0E);
        gen_byte(g, 0xE8);
        fix(g, FIX_REL, body, 0);
        break;
    case 5: /* pushf; push cs; call: IRET comes back */
        BYTES(g, "\x9C\x0E\xE8");
        fix(g, FIX_REL, body, 0);
        break;
    }
    next(g);
    gen_byte(g, 0xE9); /* the way on leads over the body */
    fix(g, FIX_REL, body + 3, 0);
    next(g);
    rows(g, 2);
    gen_byte(g, returns[kind]);
    if (returns[kind] == 0xC2)
        gen_le(g, some(g, 3) * 4, 2);
    next(g);
}

/* Far: to our own segment and back, by a pointer in the code or in memory. */
static void far_call(struct program_gen *g)
{
    bool call = percent(g, 60), memory = percent(g, 40);
    unsigned body = now(g) + 2;

    if (memory) {
        flat_prefix(g, false);
        gen_byte(g, 0xC7); /* mov [counters], offset, by operand size */
        flat_operand(g, 0, P_COUNTERS + 0xB0);
        fix(g, FIX_OFF, body, 0);
        flat_prefix(g, false);
        if (!g->p->code16)
            gen_byte(g, 0x66);
        gen_byte(g, 0xC7); /* mov word behind it, selector */
        flat_operand(g, 0, P_COUNTERS + 0xB0 + (g->p->code16 ? 2 : 4));
        gen_le(g, g->p->sel[SEG_CS], 2);
        flat_prefix(g, false);
        gen_byte(g, 0xFF);
        flat_operand(g, call ? 3 : 5, P_COUNTERS + 0xB0);
    } else {
        gen_byte(g, call ? 0x9A : 0xEA);
        fix(g, FIX_OFF, body, 0);
        gen_le(g, g->p->sel[SEG_CS], 2);
    }
    next(g);
    gen_byte(g, 0xE9);
    fix(g, FIX_REL, body + 2, 0);
    next(g);
    rows(g, 1);
    gen_byte(g, call ? 0xCB : 0x90);
    next(g);
}

/* The end of the page that RAM and ROM take turns at. */
static void call_swapped(struct program_gen *g)
{
    if (!real_style(g) && !segmented(g)) {
        u32 view = g->p->paged && percent(g, 30) ? P_VIEW : 0;

        load(g, RAX, LAB_SWAP + PAGE_SIZE - 1 - some(g, 40) + view);
        BYTES(g, "\xFF\xD0"); /* call eax */
        next(g);
    }
    if (percent(g, 50)) {
        gen_byte(g, 0xB0);
        gen_byte(g, (u8)some(g, 2));
        gen_byte(g, 0xE6);
        gen_byte(g, LAB_REMAP);
        next(g);
    }
}

/* A table of two places and an indirect jump to one of them. */
static void table_jump(struct program_gen *g)
{
    unsigned here = now(g);

    for (unsigned i = 0; i < 2; i++) {
        flat_prefix(g, false);
        wide(g);
        gen_byte(g, 0xC7);
        flat_operand(g, 0, P_COUNTERS + 0x90 + i * 4);
        fix(g, wide_offset(g), here + 2 + i, 0);
    }
    next(g);
    flat_prefix(g, false);
    gen_byte(g, 0xFF);
    flat_operand(g, 4, P_COUNTERS + 0x90 + some(g, 2) * 4);
    next(g);
    rows(g, 2);
}

static void stack(struct program_gen *g)
{
    bool own = g->p->cpl == 3 || g->p->mode == PROGRAM_REAL; /* no handler needs it in order */

    switch (some(g, own && !g->calm ? 10 : 7)) {
    case 0: BYTES(g, "\x60\x61"); break; /* pusha, popa */
    case 1: BYTES(g, "\x9C\x9D"); break; /* pushf, popf */
    case 2:                              /* enter, leave */
        gen_byte(g, 0xC8);
        gen_le(g, some(g, 64), 2);
        gen_byte(g, percent(g, 80) ? 0 : (u8)some(g, 5));
        gen_byte(g, 0xC9);
        break;
    case 3: /* push imm; pop reg */
        gen_byte(g, 0x6A);
        gen_byte(g, (u8)some(g, 256));
        gen_byte(g, (u8)(0x58 | some(g, 3)));
        break;
    case 4: /* push reg; popf, with what can trap */
        load(g, RAX,
             (u32)rng_next(&g->r) & (EF_ARITH | EF_DF | EF_IF | EF_AC | EF_NT | EF_TF) &
                 (percent(g, 60) ? ~(u32)(EF_TF | EF_NT | EF_AC) : ~0u));
        BYTES(g, "\x50\x9D");
        break;
    case 5: /* push [esp]; pop [data] */
        BYTES(g, "\x54\x58\x50");
        flat_prefix(g, false);
        gen_byte(g, 0x8F);
        flat_operand(g, 0, P_COUNTERS + 0xC0);
        break;
    case 6: /* push eax, twice; pop [esp], push [esp + 4], mov ecx, [esp]; pop, pop */
        if (g->p->code16)
            BYTES(g, "\x50\x50\x67\x8F\x04\x24\x67\xFF\x74\x24\x04\x67\x8B\x0C\x24\x58\x58");
        else
            BYTES(g, "\x50\x50\x8F\x04\x24\xFF\x74\x24\x04\x8B\x0C\x24\x58\x58");
        break;
    case 7: /* the stack pointer near an end, or odd */
        wide(g);
        gen_byte(g, 0xB8 | RSP);
        gen_le(g, percent(g, 50) ? some(g, 12) : g->p->gpr[RSP] - PAGE_SIZE + some(g, 8), 4);
        BYTES(g, "\x50\x53\x59\x60\x61");
        break;
    case 8: BYTES(g, "\x94\x50\x94"); break; /* xchg eax, esp; push eax; xchg eax, esp */
    case 9: BYTES(g, "\x89\xE5\x83\xEC\x20\x57\xC9"); break; /* mov ebp, esp ... leave */
    }
    next(g);
}

static void string(struct program_gen *g)
{
    static const u8 opcode[] = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF};

    load(g, RCX, percent(g, 70) ? some(g, 40) : some(g, percent(g, 70) ? 400 : 3000));
    load(g, RSI, gen_target(g) - g->p->base[SEG_DS]);
    load(g, RDI, gen_target(g) - g->p->base[SEG_ES]);
    gen_byte(g, percent(g, 75) ? 0xFC : 0xFD);
    if (percent(g, 15))
        gen_byte(g, 0x66);
    if (percent(g, 85))
        gen_byte(g, percent(g, 70) ? 0xF3 : 0xF2);
    gen_byte(g, opcode[some(g, ARRAY_LEN(opcode))]);
    gen_byte(g, 0xFC);
    next(g);
}

/* A store into code that comes soon, or came: other immediates, other instructions. */
static void patch(struct program_gen *g)
{
    unsigned between = some(g, 4), here = now(g), victim = here + 1 + between;
    bool opcode = percent(g, 50);

    if (percent(g, 25) && here > 4) {
        victim = here - 1 - some(g, 4);
        opcode = false;
    }
    flat_prefix(g, true);
    switch (some(g, 5)) {
    case 0:
    case 1: /* mov byte [victim], inc or dec of a register, or the immediate's byte */
        gen_byte(g, 0xC6);
        code_operand(g, 0, victim, opcode ? 0 : 1);
        gen_byte(g, (u8)(opcode ? 0x40 + some(g, 16) : some(g, 256)));
        break;
    case 2: /* xor byte [victim + 1], bit */
        gen_byte(g, 0x80);
        code_operand(g, 6, victim, 1);
        gen_byte(g, (u8)(1 << some(g, 8)));
        break;
    case 3: /* inc byte [victim + 1] */
        gen_byte(g, 0xFE);
        code_operand(g, 0, victim, 1);
        break;
    case 4: /* mov dword [victim - 1]: over the end of what is in front */
        gen_byte(g, 0xC7);
        code_operand(g, 0, victim, 1);
        gen_le(g, (u32)rng_next(&g->r) & 0x000000FF, g->p->code16 ? 2 : 4);
        break;
    }
    next(g);
    rows(g, between);
    if (victim >= now(g)) {
        static const u8 forms[] = {0xB0, 0xB1, 0xB2, 0x04, 0x2C, 0x34, 0x3C};

        gen_byte(g, forms[some(g, ARRAY_LEN(forms))]);
        gen_byte(g, (u8)some(g, 256));
        gen_byte(g, 0x90);
        next(g);
    }
}

/* A store over the constant of an instruction that comes soon: nothing but that changes. */
static void patch_constant(struct program_gen *g)
{
    static const struct {
        u8 opcode, modrm;
    } victims[] = {{0x81, 0xC1}, {0x81, 0xD3}, {0x81, 0xFA}, {0x81, 0xF0}, {0xC7, 0xC2},
                   {0xF7, 0xC1}, {0x8D, 0x87}, {0x8D, 0x9F}, {0x69, 0xC9}, {0x80, 0xC1},
                   {0x80, 0xEC}, {0xC6, 0xC4}, {0xC1, 0xC0}};
    unsigned between = some(g, 4), victim = now(g) + 1 + between, n = some(g, ARRAY_LEN(victims));
    u8 opcode = victims[n].opcode;
    bool narrow = opcode == 0x80 || opcode == 0xC1 || opcode == 0xC6;

    flat_prefix(g, true);
    switch (narrow ? 1 : some(g, 3)) {
    case 0: /* mov [victim + 2], all of it */
        gen_byte(g, 0xC7);
        code_operand(g, 0, victim, 2);
        gen_le(g, (u32)rng_next(&g->r), g->p->code16 ? 2 : 4);
        break;
    case 1: /* inc byte [victim + 2] */
        gen_byte(g, 0xFE);
        code_operand(g, 0, victim, 2);
        break;
    case 2: /* mov [victim + 2], ax or eax */
        gen_byte(g, 0x89);
        code_operand(g, 0, victim, 2);
        break;
    }
    next(g);
    rows(g, between);
    gen_byte(g, opcode);
    gen_byte(g, victims[n].modrm);
    gen_le(g, (u32)rng_next(&g->r), narrow ? 1 : g->p->code16 ? 2 : 4);
    next(g);
}

/* STOSB of INC EAX to INC EBX, or some by REP, over the pieces that follow. */
static void patch_string(struct program_gen *g)
{
    unsigned n = 1 + some(g, 6);

    if (real_style(g)) {
        BYTES(g, "\x0E\x07\xBF"); /* push cs; pop es; mov di, */
        fix(g, FIX_OFF, now(g) + 1, 0);
    } else if (segmented(g)) {
        return; /* no segment of theirs is writable there, but through FS */
    } else {
        gen_byte(g, 0xBF);
        fix(g, FIX_LA, now(g) + 1, 0);
    }
    load(g, RCX, n);
    BYTES(g, "\x88\xD0\x24\x03\x0C\x40\xFC"); /* mov al, dl; and al, 3; or al, 40h; cld */
    if (percent(g, 60))
        gen_byte(g, 0xF3);
    gen_byte(g, 0xAA);
    next(g);
    for (unsigned i = 0; i < n + 2; i++)
        gen_byte(g, 0x90);
    next(g);
}

static void lab_access(struct program_gen *g)
{
    static const u8 ports[] = {LAB_RAISE, LAB_RAISE, LAB_TIME,  LAB_ALARM,
                               LAB_ALARM, LAB_STOP,  LAB_PULSE, LAB_REMAP};
    u8 port = ports[some(g, ARRAY_LEN(ports))];

    if (percent(g, 8))
        port = LAB_NMI;
    gen_byte(g, 0xB0); /* mov al, */
    gen_byte(g, (u8)some(g, 256));
    gen_byte(g, percent(g, port == LAB_TIME ? 90 : 10) ? 0xE4 : 0xE6);
    gen_byte(g, port);
    next(g);
}

/* Repeated stores and moves into the chip's memory, from it, and within it. */
static void chip_repeat(struct program_gen *g)
{
    static const u8 strings[] = {0xAA, 0xAB, 0xA4, 0xA5, 0xAC};
    bool real = real_style(g), from = percent(g, 40), to = !from || percent(g, 50);
    u32 memory = (real ? 0 : LAB_MEMORY) + some(g, 16) + (percent(g, 10) ? PAGE_SIZE - 20 : 0);
    u32 data = (real ? 0 : P_DATA) + some(g, 64);

    if (real) {
        load(g, RAX, LAB_MEMORY >> 4);
        BYTES(g, "\x8E\xC0"); /* mov es, ax */
    }
    load(g, RSI, from ? memory : data);
    load(g, RDI, to ? memory + (from ? some(g, 8) : 0) : data);
    load(g, RCX, some(g, 50));
    if (percent(g, 80))
        gen_byte(g, 0xFC); /* cld */
    gen_byte(g, 0xF3);
    if (real && from)
        gen_byte(g, 0x26); /* es: */
    gen_byte(g, strings[some(g, ARRAY_LEN(strings))]);
    next(g);
}

static void chip_access(struct program_gen *g)
{
    u32 page = percent(g, 50) ? LAB_CHIP : LAB_MEMORY;
    u32 at = page + some(g, 4) * (page == LAB_CHIP ? 4 : 1);

    if (page == LAB_MEMORY && !segmented(g) && percent(g, 50)) {
        chip_repeat(g);
        return;
    }

    if (real_style(g)) { /* through ES */
        load(g, RAX, page >> 4);
        BYTES(g, "\x8E\xC0\x26");
        gen_byte(g, (u8)(0x88 + some(g, 4)));
        gen_byte(g, 6);
        gen_le(g, at - page, 2);
    } else {
        flat_prefix(g, false);
        gen_byte(g, (u8)(percent(g, 80) ? 0x88 + some(g, 4) : some(g, 7) * 8 + some(g, 4)));
        flat_operand(g, some(g, 4), at);
    }
    next(g);
}

static void flags_and_traps(struct program_gen *g)
{
    switch (some(g, 9)) {
    case 0: gen_byte(g, 0xFA); break;
    case 1:
    case 2: gen_byte(g, 0xFB); break;
    case 3: gen_byte(g, 0xCC); break;
    case 4: gen_byte(g, 0xCE); break;
    case 5: BYTES(g, "\x0F\x0B"); break; /* ud2 */
    case 6:
        gen_byte(g, 0xCD);
        gen_byte(g, (u8)(percent(g, 80) ? CALL_CR3 + some(g, CALL_LAST - CALL_CR3 + 1) : 3));
        break;
    case 7: BYTES(g, "\x30\xD2\xF6\xF2"); break; /* xor dl, dl; div dl */
    case 8:
        if (percent(g, 30))
            BYTES(g, "\xFB\xF4"); /* sti; hlt */
        break;
    }
    next(g);
}

/* Entries of page tables: rights, A and D, another frame; sometimes told to the processor. */
static void change_page(struct program_gen *g)
{
    static const u8 victims[] = {0x21, 0x22, 0x23, 0x12, 0x13, 0x3F, 0x0D};
    u32 page = victims[some(g, ARRAY_LEN(victims))];
    u32 pte = (percent(g, 60) ? P_TABLE : P_TABLE2) + page * 4;

    if (g->p->paged && !segmented(g) && !real_style(g)) {
        switch (some(g, 5)) {
        case 0: /* mov dword [pte], another frame, with some rights */
            gen_byte(g, 0xC7);
            flat_operand(g, 0, pte);
            gen_le(g, (page ^ (percent(g, 50) ? 1 : 0)) << 12 | some(g, 8) | some(g, 4) << 5, 4);
            break;
        case 1: /* and byte [pte], ~A or ~D or both, or ~W */
            gen_byte(g, 0x80);
            flat_operand(g, 4, pte);
            gen_byte(g, (u8) ~(percent(g, 70) ? (1 + some(g, 3)) << 5 : 2u));
            break;
        case 2: /* xor byte [pte], P */
            gen_byte(g, 0x80);
            flat_operand(g, 6, pte);
            gen_byte(g, 1);
            break;
        case 3: /* back to what it was */
            gen_byte(g, 0xC7);
            flat_operand(g, 0, pte);
            gen_le(g, page << 12 | 7, 4);
            break;
        case 4: /* xor byte [pte + 1], the next frame */
            gen_byte(g, 0x80);
            flat_operand(g, 6, pte + 1);
            gen_byte(g, 0x10);
            break;
        }
        next(g);
        load(g, RBX, (page << 12) + (pte >= P_TABLE2 ? P_VIEW : 0));
    }
    if (g->p->cpl == 0 && g->p->paged && percent(g, 50)) {
        if (percent(g, 60))
            BYTES(g, "\x0F\x01\x3B"); /* invlpg [ebx] */
        else
            BYTES(g, "\x0F\x20\xD8\x0F\x22\xD8"); /* mov eax, cr3; mov cr3, eax */
    } else if (percent(g, 70)) {
        gen_byte(g, 0xCD);
        gen_byte(g, (u8)(CALL_CR3 + some(g, CALL_LAST - CALL_CR3 + 1)));
    }
    next(g);
    /* A read that comes into the TLB before the write to the same page faults. */
    if (g->p->paged && !segmented(g) && !real_style(g) && percent(g, 40)) {
        u32 la = (page << 12) + (pte >= P_TABLE2 ? P_VIEW : 0);

        load(g, RSI, la + some(g, 2048));
        load(g, RDI, la + some(g, 2048));
        gen_byte(g, 0xA4); /* movsb */
        next(g);
    }
}

static void pages(struct program_gen *g)
{
    if (!g->p->paged) {
        pointers(g, false);
        return;
    }
    change_page(g);
}

/* A descriptor's base, or the map of ports that CPL 3 may use. */
static void change_table(struct program_gen *g)
{
    u32 at = percent(g, 60) ? P_GDT + 0x48 + some(g, 9) * 8 + 2 : P_TSS + 0x68 + 0x1C + some(g, 2);

    flat_prefix(g, false);
    gen_byte(g, 0x80); /* xor byte [at], bit */
    flat_operand(g, 6, at);
    gen_byte(g, (u8)(1 << some(g, 5)));
    next(g);
}

/* GDTR or IDTR to memory and back, at any alignment; or CR0 to itself, with TS changed or not. */
static void table_register(struct program_gen *g)
{
    u32 at = P_DATA + some(g, 4) * PAGE_SIZE + (percent(g, 30) ? PAGE_SIZE - 8 : 0) + some(g, 8);
    unsigned idt = some(g, 2);

    if (percent(g, 30)) {
        BYTES(g, "\x0F\x20\xC0"); /* mov eax, cr0 */
        if (percent(g, 20))
            BYTES(g, "\x34\x08"); /* xor al, 8 */
        BYTES(g, "\x0F\x22\xC0");
        next(g);
        return;
    }
    for (unsigned load = 0; load < 2; load++) {
        flat_prefix(g, false);
        if (percent(g, 30))
            gen_byte(g, 0x66);
        BYTES(g, "\x0F\x01");
        flat_operand(g, idt + 2 * load, at);
    }
    next(g);
}

static void segment_load(struct program_gen *g)
{
    static const u16 protected_sel[] = {0x23, 0x4B, 0x53, 0x5B, 0x63, 0x6B, 0x8B, 0x0F,
                                        0x17, 0x1F, 0x10, 0x73, 0x00, 0x3B, 0x43, 0xFFFF};
    static const u16 real_sel[] = {0x2000, 0x2001, 0x2040, 0x21FF, 0x3000,
                                   0x1000, 0x9000, 0xFFF0, 0xFFFF};
    static const u8 modrm[] = {0xC0, 0xD8, 0xE8, 0xE0}; /* ES, DS, GS, FS */
    u16 sel = real_style(g) ? real_sel[some(g, ARRAY_LEN(real_sel))]
                            : protected_sel[some(g, ARRAY_LEN(protected_sel))];

    if (g->p->mode != PROGRAM_REAL && g->p->mode != PROGRAM_V86 && percent(g, 25))
        change_table(g);
    if (percent(g, 20))
        table_register(g);
    load(g, RAX, sel);
    gen_byte(g, 0x8E);
    gen_byte(g, modrm[some(g, segmented(g) || real_style(g) ? 3 : 4)]);
    next(g);
    rows(g, 1 + some(g, 3));
}

/* mov dword [at], value; of real style a word */
static void put_known(struct program_gen *g, u32 at, u32 value)
{
    flat_prefix(g, false);
    gen_byte(g, 0xC7);
    flat_operand(g, 0, at);
    gen_le(g, value, g->p->code16 ? 2 : 4);
    next(g);
}

/* LSS ESP to where the stack is or another; LDS to LGS of a register that is not needed. */
static void pointer_load(struct program_gen *g)
{
    static const u16 protected_sel[] = {0x23, 0x4B, 0x53, 0x5B, 0x63, 0x0F, 0x73, 0x00};
    static const u16 real_sel[] = {0x2000, 0x2001, 0x2040, 0x21FF};
    static const u8 opcodes[] = {0xB2, 0xC5, 0xC4, 0xB4, 0xB5}; /* SS, DS, ES, FS, GS */
    unsigned n = some(g, segmented(g) || real_style(g) ? 3 : 5), size = g->p->code16 ? 2 : 4;
    u32 at = P_COUNTERS + 0xD0 + (percent(g, 20) ? some(g, 4) : 0), offset = g->p->gpr[RSP];
    u16 sel = n == 0           ? g->p->sel[SEG_SS]
              : percent(g, 30) ? g->p->sel[SEG_DS]
              : real_style(g)  ? real_sel[some(g, ARRAY_LEN(real_sel))]
                               : protected_sel[some(g, ARRAY_LEN(protected_sel))];

    if (n == 0 && percent(g, 10))
        sel = real_style(g) ? sel + some(g, 2) : protected_sel[some(g, ARRAY_LEN(protected_sel))];
    put_known(g, at, offset - some(g, 16) * 4);
    put_known(g, at + size, sel);
    flat_prefix(g, false);
    if (opcodes[n] < 0xC0)
        gen_byte(g, 0x0F);
    gen_byte(g, opcodes[n]);
    flat_operand(g, n ? RSI + some(g, 2) : RSP, at);
    next(g);
    rows(g, some(g, 3));
}

static void fpu(struct program_gen *g)
{
    switch (some(g, 4)) {
    case 0: BYTES(g, "\xDB\xE3"); break; /* fninit */
    case 1: BYTES(g, "\x0F\x77"); break; /* emms */
    case 2:                              /* fldcw, mostly all masked */
        flat_prefix(g, false);
        wide(g);
        gen_byte(g, 0xC7);
        flat_operand(g, 0, P_COUNTERS + 0xA0);
        gen_le(g, (percent(g, 75) ? 0x7F : 0x40 | some(g, 64)) | some(g, 16) << 8, 4);
        flat_prefix(g, false);
        gen_byte(g, 0xD9);
        flat_operand(g, 5, P_COUNTERS + 0xA0);
        break;
    case 3: BYTES(g, "\x9B\xDF\xE0\x9E"); break; /* wait; fnstsw ax; sahf */
    }
    next(g);
}

/* An instruction across the end of a page: the next piece starts a few bytes in front of it. */
static void page_end(struct program_gen *g)
{
    if (g->page_ends++ < PAGE_ENDS_MAX)
        g->piece->before_page_end = (u8)(1 + some(g, 12));
    next(g);
    rows(g, 2 + some(g, 3));
}

static void wild(struct program_gen *g)
{
    unsigned n = 1 + some(g, 4);

    while (n--)
        gen_byte(g, (u8)rng_next(&g->r));
    next(g);
}

/* ---- Programs ---- */

static void piece(struct program_gen *g)
{
    u32 kind = g->patches && percent(g, 40) ? 66 + some(g, 7) : some(g, g->calm ? 66 : 100);

    if (kind < 30)
        rows(g, 1 + some(g, 6));
    else if (kind < 38)
        loop(g);
    else if (kind < 48)
        branch(g);
    else if (kind < 52)
        call(g);
    else if (kind < 53)
        far_call(g);
    else if (kind < 55)
        table_jump(g);
    else if (kind < 56)
        call_swapped(g);
    else if (kind < 61)
        stack(g);
    else if (kind < 66)
        string(g);
    else if (kind < 69)
        patch(g);
    else if (kind < 71)
        patch_constant(g);
    else if (kind < 73)
        patch_string(g);
    else if (kind < 77)
        lab_access(g);
    else if (kind < 80)
        chip_access(g);
    else if (kind < 84)
        flags_and_traps(g);
    else if (kind < 89)
        pages(g);
    else if (kind < 90)
        segment_load(g);
    else if (kind < 92)
        pointer_load(g);
    else if (kind < 95)
        fpu(g);
    else if (kind < 97)
        page_end(g);
    else if (kind < 98)
        wild(g);
    else
        pointers(g, false);
}

/* A paragraph: what faults in it goes on behind it. */
static void paragraph(struct program_gen *g)
{
    unsigned n = 1 + some(g, g->calm ? 8 : 5), resume = now(g) + (percent(g, 50) ? 1 : 0);

    if (resume != now(g))
        restore_segments(g);
    set_resume(g, 0);
    pointers(g, true);
    while (n-- && now(g) + 30 < PIECES_MAX)
        piece(g);
    /* Only now is it known where the next one starts. */
    g->p->piece[resume].fixup[0].piece = (u16)now(g);
}

static void choose_mode(struct program_gen *g, enum program_mode mode)
{
    struct program *p = g->p;

    p->mode = mode < PROGRAM_MODES ? mode : (enum program_mode)some(g, PROGRAM_MODES);
    if (before_386(g))
        p->mode = PROGRAM_REAL;
    p->code16 = real_style(g) || p->mode == PROGRAM_PROT16;
    p->cpl =
        p->mode == PROGRAM_FLAT || p->mode == PROGRAM_PAGED0 || p->mode == PROGRAM_REAL ? 0 : 3;
    p->paged = p->mode == PROGRAM_PAGED0 || p->mode == PROGRAM_PAGED3 ||
               (p->mode >= PROGRAM_V86 && percent(g, 50));
    p->flags = EF_FIXED | (percent(g, 75) ? EF_IF : 0) |
               (percent(g, 70) && !before_386(g) ? EF_IOPL : 0) |
               (p->mode == PROGRAM_V86 ? EF_VM : 0);
    p->cr0 = CR0_ET | (percent(g, 80) ? CR0_NE : 0) | (percent(g, 30) ? CR0_AM : 0) |
             (percent(g, 50) ? CR0_WP : 0) | (percent(g, 50) ? CR0_MP : 0);
    p->cr0 |= p->mode == PROGRAM_REAL ? 0 : CR0_PE;
    p->cr0 |= p->paged ? CR0_PG : 0;
    p->cr4 = (CR4_PSE | (percent(g, 50) ? CR4_PGE : 0) | (percent(g, 15) ? CR4_VME : 0)) &
             p->model->cr4_mask;
    for (unsigned v = 0; v < 256; v++) /* interrupt or trap gates */
        p->gate_type[v] = v >= 0x40 || percent(g, 70) ? 0x8E : 0x8F;
}

void program_make(struct program *p, u64 seed, const struct cpu_model *model,
                  enum program_mode mode)
{
    struct program_gen g = {.p = p, .r = {seed * 0x2545F4914F6CDD1D + 1}};
    unsigned paragraphs;

    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->model = model;
    g.piece = &p->piece[0];
    choose_mode(&g, mode);
    g.calm = percent(&g, 40);
    g.patches = percent(&g, 20);
    p->start = percent(&g, 70) ? some(&g, 0x400) : PAGE_SIZE - 1 - some(&g, 200);
    p->budget = 500 + some(&g, percent(&g, 80) ? 6000 : 40000);
    for (unsigned n = 0; n < 8; n++)
        p->gpr[n] = percent(&g, 50) ? some(&g, 256) : (u32)rng_next(&g.r);
    program_segments(p);
    paragraphs = 2 + some(&g, 16);
    while (paragraphs-- && p->count + 50 < PIECES_MAX)
        paragraph(&g);
    gen_byte(&g, 0xE9); /* all over again */
    fix(&g, FIX_REL, 0, 0);
    next(&g);
}
