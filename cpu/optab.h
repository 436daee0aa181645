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
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
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
    ATTR_DEF64 = 1 << 8,     /* operand size is 64 bits in 64-bit mode: near branches, stack */
    ATTR_READS_OP0 = 1 << 9, /* with the next: a read-modify-write */
    ATTR_WRITES_OP0 = 1 << 10,
    ATTR_MEM_ONLY = 1 << 11, /* ModRM must name memory, else #UD */
    ATTR_REG_ONLY = 1 << 12, /* ModRM must name a register, else #UD */
    ATTR_PREFIXED = 1 << 13, /* 66, F2 or F3 are part of the opcode */
};

struct optab_row {
    const char *name; /* mnemonic in capitals; what follows '_' is not part of it */
    op_handler *handler;
    u8 operand[3]; /* operand codes of the manual; an enum of the decoder */
    u8 flags_read; /* enum flag_set */
    u8 flags_written;
    u8 flags_undefined; /* the part of flags_written that the manual leaves open */
    u8 translate;       /* enum translate_class */
    u8 feature;         /* enum cpu_feature that the model must have */
    u16 attr;           /* enum row_attr */
    u16 opcode;         /* map << 8 | byte: map 0 one-byte, 1 is 0F, 2 is 0F38, 3 is 0F3A */
    s8 group;           /* ModRM.reg that selects this row, or -1 */
};

extern const struct optab_row optab_rows[];
extern const unsigned optab_row_count;

#endif
