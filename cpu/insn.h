/*
 * One decoded instruction, and the decoder. Decoding is pure: bytes and mode in, struct insn out.
 */
#ifndef CPU_INSN_H
#define CPU_INSN_H

#include "base/types.h"

struct cpu_model;

enum { INSN_MAX_BYTES = 15, REG_NONE = 0xFF, REG_RIP = 0xFE };

enum seg_reg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, GPR_COUNT = 16 };

enum operand_kind {
    OPND_NONE,
    OPND_GPR,  /* reg: 0-15; one-byte AH CH DH BH are 16-19 */
    OPND_MEM,  /* seg, base, index, scale, disp; moffs too */
    OPND_IMM,  /* imm, sign-extended to 64 bits as the encoding says */
    OPND_IMM2, /* imm2: the second immediate of ENTER */
    OPND_REL,  /* imm: displacement from the next instruction */
    OPND_FAR,  /* imm2:imm, a pointer in the instruction */
    OPND_SREG,
    OPND_CREG,
    OPND_DREG,
    OPND_TREG,
    OPND_ST, /* reg: i of ST(i) */
    OPND_MM,
    OPND_XMM,
};

enum insn_flags {
    INSN_LOCK = 1 << 0,
    INSN_REP = 1 << 1,    /* F3 */
    INSN_REPNE = 1 << 2,  /* F2; the last of F2 and F3 wins */
    INSN_OPSIZE = 1 << 3, /* a 66h prefix was there */
    INSN_SEG = 1 << 4,    /* a segment prefix was there */
    INSN_RMW = 1 << 5,    /* operand 0 is memory that is read, then written: check for writing */
    INSN_REX = 1 << 6,
    INSN_REX_W = 1 << 7,
    INSN_ENDS = 1 << 8, /* may change rip, mode or attention: the last of a decoded run */
};

struct insn {
    const void *body; /* the interpreter's: where to jump; not set by the decoder */
    u64 imm;
    s32 disp;  /* sign-extended from the encoding; 64-bit moffs are in imm instead */
    u16 row;   /* index into optab_rows[] */
    u16 imm2;  /* selector of OPND_FAR, second immediate of ENTER */
    u16 flags; /* enum insn_flags */
    u8 len;    /* bytes, prefixes included */
    u8 opsize; /* effective operand size in bytes: 2, 4 or 8 (1 for byte forms of strings) */
    u8 asize;  /* effective address size in bytes: 2, 4 or 8 */
    u8 seg;    /* enum seg_reg of the memory operand: default or prefix; source of strings too */
    u8 base, index; /* GPR numbers, REG_NONE, or base REG_RIP */
    u8 scale;       /* shift: 0-3 */
    u8 modrm;
    u8 kind[3]; /* enum operand_kind */
    u8 reg[3];
    u8 size[3]; /* bytes; 0 where the operand's size is the handler's business */
    /* Filled by the run cache (cpu/run.h), zero from the decoder. */
    u8 index_in_run;
    u8 cut; /* 32 minus the bits of an address or branch target: 0 or 16 */
    u16 offset_in_run;
};

static_assert(sizeof(struct insn) <= 56, "decoded instructions are kept by the million");

enum code_size { CODE16, CODE32, CODE64 };

/* What the decoder must know besides the bytes. */
struct decode_mode {
    enum code_size code;
    bool protected; /* CR0.PE and not virtual-8086: forms valid only there are accepted */
    const struct cpu_model *model;
};

/*
 * Decode one instruction from at most `avail` bytes (fewer than 15 at a page or segment end).
 * Returns its length, which is also in out->len, or 0 if `avail` bytes are not enough to tell.
 * What the model does not have, and what is longer than 15 bytes, gives an instruction whose row
 * is that of an invalid opcode (handler op_INVALID raises #UD) or, for the length, op_TOOLONG
 * (raises #GP); its length then counts the bytes looked at.
 */
unsigned insn_decode(const u8 *bytes, size_t avail, const struct decode_mode *mode,
                     struct insn *out);

/* Intel syntax, lower case, numbers in hex; `rip` is the instruction's own address. */
void insn_format(const struct insn *in, u64 rip, enum code_size code, char *out, size_t out_size);

#endif
