/*
 * The opcode table in the form that decoding wants: opcode maps, and what each row and operand code
 * asks of the decoder. Built by the compiler from the same rows as optab_rows. Only decode.c looks.
 */
#ifndef CPU_OPTAB_DECODE_H
#define CPU_OPTAB_DECODE_H

#include "cpu/optab.h"

/* ---- Maps: byte -> row, or what to look at next ---- */

enum map_entry {
    E_ROW = 0x0FFF,     /* enum row_id; 0, ROW_INVALID, where there is nothing */
    E_MODRM = 1 << 12,  /* a ModRM byte follows */
    E_GROUP = 1 << 13,  /* ModRM chooses the row; E_ROW is empty */
    E_PREFIX = 1 << 14, /* E_ROW is an enum prefix */
    E_ESCAPE = 1 << 15, /* 0F; with E_GROUP: x87 */
};

/* Segment prefixes are PRE_SEG + enum seg_reg. */
enum prefix { PRE_SEG, PRE_OPSIZE = 8, PRE_ADDRSIZE, PRE_LOCK, PRE_REPNE, PRE_REP, PRE_REX };

/* [byte][ModRM.reg * 2 + (mod == 3)] */
typedef u16 group_map[256][16];

extern const u16 map_one_byte[256], map_two_byte[256];
/* In front of map_one_byte where not zero. */
extern const u16 map_8086[256], map_64[256];
extern const group_map groups_one_byte, groups_two_byte, groups_8086;
/* D8-DF: [byte & 7][ModRM.reg], and [byte & 7][ModRM & 63] where mod is 3. */
extern const u16 map_x87_memory[8][8], map_x87_register[8][64];

/* ---- Rows ---- */

struct form {
    u8 operand[3]; /* enum operand_code */
    u8 imm;        /* the operand code that says which bytes follow ModRM, or OC_no */
    u8 feature;    /* enum cpu_feature */
    u32 attr;      /* enum row_attr and enum form_attr */
};

enum form_attr {
    FORM_HAS_MODRM = 1 << 28,
    FORM_SPECIAL_REG = 1 << 29, /* control, debug, test and segment registers in ModRM.reg */
    FORM_RARE = ATTR_PROTECTED | ATTR_NOT64 | ATTR_ONLY64 | ATTR_NOREXW | FORM_SPECIAL_REG,
};

extern const struct form forms[ROW_COUNT];

/* ---- Operand codes ---- */

enum operand_from { FROM_FIXED, FROM_RM, FROM_REG, FROM_OPCODE };

enum operand_size {
    SIZE_0,
    SIZE_1,
    SIZE_2,
    SIZE_4,
    SIZE_8,
    SIZE_10,
    SIZE_V, /* operand size */
    SIZE_Y, /* 8 where the operand size is 8, else 4 */
    SIZE_Z, /* at most 4 */
    SIZE_P, /* operand size and a selector */
    SIZE_A, /* two of the operand size */
    SIZE_S, /* a base of SIZE_Y and a limit */
    SIZE_COUNT
};

/* In bytes, by operand size 2, 4 and 8. */
extern const u8 operand_bytes[SIZE_COUNT][3];

struct operand_info {
    u8 kind;     /* enum operand_kind, of the register where ModRM may name memory too */
    u8 size;     /* enum operand_size */
    u8 from;     /* enum operand_from: where the register number comes from */
    u8 fixed;    /* the number, for FROM_FIXED */
    u8 mem_size; /* enum operand_size if mod is not 3 */
    bool memory; /* memory if mod is not 3 */
};

extern const struct operand_info operand_info[OC_COUNT];

#endif
