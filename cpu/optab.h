/*
 * The opcode table: one row per encoding, in the manual's notation (SDM Vol. 2D, Appendix A).
 * The rows are in optab_*.inc; decoder, interpreter, liveness, translator, disassembler and the
 * test generator read them. A row whose handler is missing is a link error.
 */
#ifndef CPU_OPTAB_H
#define CPU_OPTAB_H

#include "base/types.h"

struct cpu;
struct insn;

typedef bool op_handler(struct cpu *c, const struct insn *in);

/*
 * Operand codes: SDM Vol. 2D, Appendix A, "Codes for Addressing Method" and "Codes for Operand
 * Type"; those marked + are ours. The order matters: OPERAND_HAS_MODRM and OPERAND_HAS_IMM.
 */
enum operand_code {
    OC_no,
    /* From ModRM. */
    OC_Eb, /* ModRM.rm: register or memory */
    OC_Ew,
    OC_Ed,
    OC_Ey,   /* 4 bytes, 8 with REX.W */
    OC_Ez,   /* operand size, at most 4 bytes */
    OC_Ev,   /* effective operand size */
    OC_RvMw, /* + a register of the operand size, or a word in memory */
    OC_M,    /* memory; its size is the handler's business */
    OC_Mb,
    OC_Mw,
    OC_Md,
    OC_Mq,
    OC_Mt, /* 10 bytes */
    OC_Mp, /* far pointer: operand size + 2 */
    OC_Ma, /* BOUND: two of the operand size */
    OC_Ms, /* GDTR or IDTR image */
    OC_Gb, /* ModRM.reg */
    OC_Gw,
    OC_Gd,
    OC_Gv,
    OC_Ry, /* ModRM.rm, always a register: 4 bytes, 8 in 64-bit mode */
    OC_Cy, /* ModRM.reg: control, debug, test register */
    OC_Dy,
    OC_Ty,
    OC_Sw,  /* ModRM.reg: segment register */
    OC_ST0, /* + */
    OC_STi, /* + ModRM.rm */
    OC_Pq,  /* ModRM.reg: MM register */
    OC_Nq,  /* ModRM.rm: MM register only */
    OC_Qd,  /* ModRM.rm: MM register or memory */
    OC_Qq,
    OC_LAST_MODRM = OC_Qq,
    /* Bytes after ModRM. */
    OC_1,  /* + the constant one; no byte at all */
    OC_Ib, /* zero-extended */
    OC_Iw,
    OC_Iz,  /* 2 or 4 bytes, sign-extended to the operand size */
    OC_Iv,  /* 2, 4 or 8 */
    OC_Ibs, /* + a byte sign-extended to the operand size */
    OC_Jb,
    OC_Jz,
    OC_Ap, /* selector:offset in the instruction */
    OC_Ob, /* memory at an offset in the instruction */
    OC_Ov,
    OC_I2b, /* + the second immediate of ENTER, after Iw */
    OC_LAST_IMM = OC_I2b,
    /* From the opcode alone. */
    OC_Zb, /* + register in the low three bits of the opcode */
    OC_Zv,
    OC_ES,
    OC_CS,
    OC_SS,
    OC_DS,
    OC_FS,
    OC_GS,
    OC_AL,
    OC_AX,
    OC_eAX, /* at most 4 bytes */
    OC_rAX, /* by operand size */
    OC_CL,
    OC_DX,
    OC_Xb, /* DS:rSI; this and those that follow set insn.opsize, not insn.kind */
    OC_Xv,
    OC_Xz, /* at most 4 bytes */
    OC_Yb, /* ES:rDI */
    OC_Yv,
    OC_Yz,
    OC_COUNT
};

#define OPERAND_HAS_MODRM(oc) ((oc) > OC_no && (oc) <= OC_LAST_MODRM)
#define OPERAND_HAS_IMM(oc)   ((oc) > OC_LAST_MODRM && (oc) <= OC_LAST_IMM)

/* Flags as the liveness columns name them. */
enum flag_set {
    FL_NONE = 0,
    FL_CF = 1 << 0,
    FL_PF = 1 << 1,
    FL_AF = 1 << 2,
    FL_ZF = 1 << 3,
    FL_SF = 1 << 4,
    FL_OF = 1 << 5,
    FL_DF = 1 << 6,
    FL_SYSTEM = 1 << 7, /* any of TF IF IOPL NT RF VM AC VIF VIP ID */
    FL_CF_ZF = FL_CF | FL_ZF,
    FL_CF_AF = FL_CF | FL_AF,
    FL_CF_OF = FL_CF | FL_OF,
    FL_CF_AF_OF = FL_CF | FL_AF | FL_OF,
    FL_OF_AF = FL_OF | FL_AF,
    FL_SF_OF = FL_SF | FL_OF,
    FL_SF_ZF_OF = FL_SF | FL_ZF | FL_OF,
    FL_OSZP = FL_OF | FL_SF | FL_ZF | FL_PF,
    FL_OSAP = FL_OF | FL_SF | FL_AF | FL_PF,
    FL_SZAP = FL_SF | FL_ZF | FL_AF | FL_PF,
    FL_SZAPC = FL_SZAP | FL_CF,
    FL_NOT_CF = FL_SZAP | FL_OF,
    FL_NOT_ZF = FL_OSAP | FL_CF,
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
    FL_ARITH_DF = FL_ARITH | FL_DF,
    FL_ALL = FL_ARITH | FL_DF | FL_SYSTEM,
};

/* How the translator treats a row. */
enum translate_class { TR_COPY, TR_EMIT, TR_BRANCH, TR_HELPER, TR_HELPER_FULL };

enum row_attr {
    ATTR_LOCK = 1 << 0,      /* LOCK is allowed when operand 0 is memory */
    ATTR_ENDS = 1 << 1,      /* ends a decoded run */
    ATTR_PROTECTED = 1 << 2, /* #UD in real and virtual-8086 mode */
    ATTR_NOT64 = 1 << 3,     /* #UD in 64-bit mode */
    ATTR_ONLY64 = 1 << 4,
    ATTR_STRING = 1 << 5, /* takes REP, REPE, REPNE */
    ATTR_X87 = 1 << 6,
    ATTR_MMX = 1 << 7,
    ATTR_DEF64 = 1 << 8,     /* operand size in 64-bit mode is 8, or 2 with 66h: the stack */
    ATTR_READS_OP0 = 1 << 9, /* with the next: a read-modify-write */
    ATTR_WRITES_OP0 = 1 << 10,
    ATTR_MEM_ONLY = 1 << 11, /* ModRM must name memory, else #UD */
    ATTR_REG_ONLY = 1 << 12, /* ModRM must name a register, else #UD */
    ATTR_PREFIXED = 1 << 13, /* 66, F2 or F3 are part of the opcode */
    ATTR_FORCE64 = 1 << 14,  /* operand size in 64-bit mode is 8 whatever the prefixes */
    ATTR_MOD3 = 1 << 15,     /* ModRM.mod is ignored: rm is a register */
    ATTR_NOREXW = 1 << 16,   /* with REX.W it is another instruction, which no model has */
};

struct optab_row {
    const char *name; /* mnemonic in capitals; what follows '_' is not part of it */
    op_handler *handler;
    u8 operand[3]; /* enum operand_code */
    u8 flags_read; /* enum flag_set */
    u8 flags_written;
    u8 flags_undefined; /* the part of flags_written that the manual leaves open */
    u8 translate;       /* enum translate_class */
    u8 feature;         /* enum cpu_feature that the model must have */
    u32 attr;           /* enum row_attr */
    u16 opcode;         /* map << 8 | byte: map 0 one-byte, 1 is 0F, 2 is 0F38, 3 is 0F3A */
    s8 group;           /* ModRM.reg that selects this row, or -1 */
    u8 modrm;           /* the whole ModRM byte that selects this row (x87), or 0 */
};

/* The "mod" column: any, memory, register, one whole ModRM byte. */
enum row_mod { MOD_ANY, MOD_MEM, MOD_REG, MOD_ONE };
enum { MOD_SHIFT_ANY = 0, MOD_SHIFT_MEM = 0, MOD_SHIFT_REG = 0, MOD_SHIFT_ONE = 3 };

/* An index into optab_rows for each row, named after its map (1, F, X for x87, 8086) and byte. */
enum row_id {
#define ROW(id, ...) ROW_##id,
#include "cpu/optab.inc"
    ROW_COUNT
};

extern const struct optab_row optab_rows[]; /* ROW_COUNT of them */

/* The handlers: op_NAME for every name in the table. */
#define ROW(id, map, byte, group, modrm, mod, name, ...) op_handler op_##name;
#include "cpu/optab.inc"

#endif
