/*
 * The opcode table as the decoder wants it; see optab_decode.h.
 */
#include "cpu/optab_decode.h"

#include "cpu/insn.h"
#include "cpu/model.h"

#include "cpu/optab_words.inc"

#define IS_SPECIAL_REG(oc) ((oc) >= OC_Cy && (oc) <= OC_Sw)
#define IMM_OF(oc)         (OPERAND_HAS_IMM(oc) ? (oc) : OC_no)
#define MAX(a, b)          ((a) > (b) ? (a) : (b))

#define ROW(id, map, byte, group, modrm, mod, name, a, b, c, reads, writes, undef, tr, feat,       \
            attrs)                                                                                 \
    {                                                                                              \
        .operand = {OC_##a, OC_##b, OC_##c},                                                       \
        .imm = MAX(MAX(IMM_OF(OC_##a), IMM_OF(OC_##b)), IMM_OF(OC_##c)),                           \
        .feature = FEAT_##feat,                                                                    \
        .attr = (attrs) | (MOD_##mod == MOD_MEM ? MEM : 0) |                                       \
                (OPERAND_HAS_MODRM(OC_##a) || OPERAND_HAS_MODRM(OC_##b) ? FORM_HAS_MODRM : 0) |    \
                (IS_SPECIAL_REG(OC_##a) || IS_SPECIAL_REG(OC_##b) ? FORM_SPECIAL_REG : 0),         \
    },

const struct form forms[ROW_COUNT] = {
#include "cpu/optab.inc"
};

static_assert((int)ROW_COUNT <= (int)E_ROW, "a map entry holds a row number");

#define ENTRY(id, a, b, c)                                                                         \
    (ROW_##id | (OPERAND_HAS_MODRM(OC_##a) || OPERAND_HAS_MODRM(OC_##b) ? E_MODRM : 0))

/* Each row of a group names its opcode byte once more; the entries are all the same. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

const u16 map_one_byte[256] = {
    [0x26] = E_PREFIX | (PRE_SEG + SEG_ES),
    [0x2E] = E_PREFIX | (PRE_SEG + SEG_CS),
    [0x36] = E_PREFIX | (PRE_SEG + SEG_SS),
    [0x3E] = E_PREFIX | (PRE_SEG + SEG_DS),
    [0x64] = E_PREFIX | (PRE_SEG + SEG_FS),
    [0x65] = E_PREFIX | (PRE_SEG + SEG_GS),
    [0x66] = E_PREFIX | PRE_OPSIZE,
    [0x67] = E_PREFIX | PRE_ADDRSIZE,
    [0xF0] = E_PREFIX | PRE_LOCK,
    [0xF2] = E_PREFIX | PRE_REPNE,
    [0xF3] = E_PREFIX | PRE_REP,
    [0x0F] = E_ESCAPE,
    [0xD8 ... 0xDF] = E_MODRM | E_GROUP | E_ESCAPE,
#define OP(byte, name, a, b, c, ...)  [byte] = ENTRY(1_##byte, a, b, c),
#define OP8(byte, name, a, b, c, ...) [byte... byte + 7] = ENTRY(1_##byte, a, b, c),
#include "cpu/optab_onebyte.inc"
#undef OP
#undef OP8
#define GRP(byte, ...) [byte] = E_MODRM | E_GROUP,
#define GRF(byte, ...)
#include "cpu/optab_groups.inc"
#undef GRP
#undef GRF
};

const u16 map_two_byte[256] = {
#define OF(byte, name, a, b, c, ...)  [byte] = ENTRY(F_##byte, a, b, c),
#define OF8(byte, name, a, b, c, ...) [byte... byte + 7] = ENTRY(F_##byte, a, b, c),
#include "cpu/optab_0f.inc"
#undef OF
#undef OF8
#define GRP(byte, ...)
#define GRF(byte, ...) [byte] = E_MODRM | E_GROUP,
#include "cpu/optab_groups.inc"
#undef GRP
#undef GRF
};

const u16 map_8086[256] = {
    [0xF1] = E_PREFIX | PRE_LOCK, /* the chip does not decode bit 0 */
#define O86(byte, name, a, b, c, ...)  [byte] = ENTRY(8086_##byte, a, b, c),
#define O868(byte, name, a, b, c, ...) [byte... byte + 7] = ENTRY(8086_##byte, a, b, c),
#define G86(...)
#include "cpu/optab_8086.inc"
#undef O86
#undef O868
#undef G86
};

const u16 map_64[256] = {
    [0x40 ... 0x4F] = E_PREFIX | PRE_REX,
#define O64(byte, name, a, b, c, ...) [byte] = ENTRY(64_##byte, a, b, c),
#include "cpu/optab_64.inc"
#undef O64
};

#define PLACE_ANY(byte, reg, row) [byte][(reg)*2] = row, [byte][(reg)*2 + 1] = row,
#define PLACE_MEM(byte, reg, row) [byte][(reg)*2] = row,
#define PLACE_REG(byte, reg, row) [byte][(reg)*2 + 1] = row,

const group_map groups_one_byte = {
#define GRP(byte, reg, mod, ...) PLACE_##mod(byte, reg, ROW_1_##byte##_##reg##_##mod)
#define GRF(...)
#include "cpu/optab_groups.inc"
#undef GRP
#undef GRF
};

const group_map groups_two_byte = {
#define GRP(...)
#define GRF(byte, reg, mod, ...) PLACE_##mod(byte, reg, ROW_F_##byte##_##reg##_##mod)
#include "cpu/optab_groups.inc"
#undef GRP
#undef GRF
};

const group_map groups_8086 = {
#define O86(...)
#define O868(...)
#define G86(byte, reg, mod, ...) PLACE_##mod(byte, reg, ROW_8086_##byte##_##reg)
#include "cpu/optab_8086.inc"
#undef O86
#undef O868
#undef G86
};

#define X87_MEM_MEM(byte, sel, row) [(byte)&7][sel] = row,
#define X87_MEM_REG(byte, sel, row)
#define X87_MEM_ONE(byte, sel, row)
#define X87_REG_MEM(byte, sel, row)
#define X87_REG_REG(byte, sel, row) [(byte)&7][(sel)*8 ...(sel) * 8 + 7] = row,
#define X87_REG_ONE(byte, sel, row) [(byte)&7][(sel)&63] = row,

const u16 map_x87_memory[8][8] = {
#define ESC(byte, sel, mod, ...) X87_MEM_##mod(byte, sel, ROW_X_##byte##_##sel##_##mod)
#include "cpu/optab_x87.inc"
#undef ESC
};

const u16 map_x87_register[8][64] = {
#define ESC(byte, sel, mod, ...) X87_REG_##mod(byte, sel, ROW_X_##byte##_##sel##_##mod)
#include "cpu/optab_x87.inc"
#undef ESC
};

#pragma GCC diagnostic pop

/* In bytes, by operand size 2, 4 and 8. */
const u8 operand_bytes[SIZE_COUNT][3] = {
    [SIZE_1] = {1, 1, 1},     [SIZE_2] = {2, 2, 2},  [SIZE_4] = {4, 4, 4},  [SIZE_8] = {8, 8, 8},
    [SIZE_10] = {10, 10, 10}, [SIZE_V] = {2, 4, 8},  [SIZE_Y] = {4, 4, 8},  [SIZE_Z] = {2, 4, 4},
    [SIZE_P] = {4, 6, 10},    [SIZE_A] = {4, 8, 16}, [SIZE_S] = {6, 6, 10},
};

#define RM(kind, size)          kind, size, FROM_RM, 0, size, true
#define MEMORY(size)            OPND_MEM, size, FROM_RM, 0, size, true
#define FIELD(kind, from, size) kind, size, from, 0, size, false
#define FIXED(kind, reg, size)  kind, size, FROM_FIXED, reg, size, false
#define BYTES(kind, size)       kind, size, FROM_FIXED, 0, size, false

const struct operand_info operand_info[OC_COUNT] = {
    [OC_Eb] = {RM(OPND_GPR, SIZE_1)},
    [OC_Ew] = {RM(OPND_GPR, SIZE_2)},
    [OC_Ed] = {RM(OPND_GPR, SIZE_4)},
    [OC_Ey] = {RM(OPND_GPR, SIZE_Y)},
    [OC_Ez] = {RM(OPND_GPR, SIZE_Z)},
    [OC_Ev] = {RM(OPND_GPR, SIZE_V)},
    [OC_RvMw] = {OPND_GPR, SIZE_V, FROM_RM, 0, SIZE_2, true},
    [OC_M] = {MEMORY(SIZE_0)},
    [OC_Mb] = {MEMORY(SIZE_1)},
    [OC_Mw] = {MEMORY(SIZE_2)},
    [OC_Md] = {MEMORY(SIZE_4)},
    [OC_Mq] = {MEMORY(SIZE_8)},
    [OC_Mt] = {MEMORY(SIZE_10)},
    [OC_Mp] = {MEMORY(SIZE_P)},
    [OC_Ma] = {MEMORY(SIZE_A)},
    [OC_Ms] = {MEMORY(SIZE_S)},
    [OC_Gb] = {FIELD(OPND_GPR, FROM_REG, SIZE_1)},
    [OC_Gw] = {FIELD(OPND_GPR, FROM_REG, SIZE_2)},
    [OC_Gd] = {FIELD(OPND_GPR, FROM_REG, SIZE_4)},
    [OC_Gv] = {FIELD(OPND_GPR, FROM_REG, SIZE_V)},
    [OC_Ry] = {FIELD(OPND_GPR, FROM_RM, SIZE_Y)},
    [OC_Cy] = {FIELD(OPND_CREG, FROM_REG, SIZE_Y)},
    [OC_Dy] = {FIELD(OPND_DREG, FROM_REG, SIZE_Y)},
    [OC_Ty] = {FIELD(OPND_TREG, FROM_REG, SIZE_Y)},
    [OC_Sw] = {FIELD(OPND_SREG, FROM_REG, SIZE_2)},
    [OC_ST0] = {FIXED(OPND_ST, 0, SIZE_10)},
    [OC_STi] = {FIELD(OPND_ST, FROM_RM, SIZE_10)},
    [OC_Pq] = {FIELD(OPND_MM, FROM_REG, SIZE_8)},
    [OC_Nq] = {FIELD(OPND_MM, FROM_RM, SIZE_8)},
    [OC_Qd] = {OPND_MM, SIZE_8, FROM_RM, 0, SIZE_4, true},
    [OC_Qq] = {RM(OPND_MM, SIZE_8)},
    [OC_1] = {BYTES(OPND_IMM, SIZE_1)},
    [OC_Ib] = {BYTES(OPND_IMM, SIZE_1)},
    [OC_Iw] = {BYTES(OPND_IMM, SIZE_2)},
    [OC_Iz] = {BYTES(OPND_IMM, SIZE_V)},
    [OC_Iv] = {BYTES(OPND_IMM, SIZE_V)},
    [OC_Ibs] = {BYTES(OPND_IMM, SIZE_V)},
    [OC_Jb] = {BYTES(OPND_REL, SIZE_V)},
    [OC_Jz] = {BYTES(OPND_REL, SIZE_V)},
    [OC_Ap] = {BYTES(OPND_FAR, SIZE_P)},
    [OC_Ob] = {BYTES(OPND_MEM, SIZE_1)},
    [OC_Ov] = {BYTES(OPND_MEM, SIZE_V)},
    [OC_I2b] = {BYTES(OPND_IMM2, SIZE_1)},
    [OC_Zb] = {FIELD(OPND_GPR, FROM_OPCODE, SIZE_1)},
    [OC_Zv] = {FIELD(OPND_GPR, FROM_OPCODE, SIZE_V)},
    [OC_ES] = {FIXED(OPND_SREG, SEG_ES, SIZE_2)},
    [OC_CS] = {FIXED(OPND_SREG, SEG_CS, SIZE_2)},
    [OC_SS] = {FIXED(OPND_SREG, SEG_SS, SIZE_2)},
    [OC_DS] = {FIXED(OPND_SREG, SEG_DS, SIZE_2)},
    [OC_FS] = {FIXED(OPND_SREG, SEG_FS, SIZE_2)},
    [OC_GS] = {FIXED(OPND_SREG, SEG_GS, SIZE_2)},
    [OC_AL] = {FIXED(OPND_GPR, RAX, SIZE_1)},
    [OC_AX] = {FIXED(OPND_GPR, RAX, SIZE_2)},
    [OC_eAX] = {FIXED(OPND_GPR, RAX, SIZE_Z)},
    [OC_rAX] = {FIXED(OPND_GPR, RAX, SIZE_V)},
    [OC_CL] = {FIXED(OPND_GPR, RCX, SIZE_1)},
    [OC_DX] = {FIXED(OPND_GPR, RDX, SIZE_2)},
    [OC_Xb] = {FIXED(OPND_NONE, 0, SIZE_1)},
    [OC_Xv] = {FIXED(OPND_NONE, 0, SIZE_V)},
    [OC_Xz] = {FIXED(OPND_NONE, 0, SIZE_Z)},
    [OC_Yb] = {FIXED(OPND_NONE, 0, SIZE_1)},
    [OC_Yv] = {FIXED(OPND_NONE, 0, SIZE_V)},
    [OC_Yz] = {FIXED(OPND_NONE, 0, SIZE_Z)},
};
