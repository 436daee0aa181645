/*
 * The opcode table as data; see optab.h.
 */
#include "cpu/optab.h"

#include "cpu/model.h"

#include "cpu/optab_words.inc"

enum {
    MOD_ATTR_ANY = 0,
    MOD_ATTR_MEM = ATTR_MEM_ONLY,
    MOD_ATTR_REG = ATTR_REG_ONLY,
    MOD_ATTR_ONE = ATTR_REG_ONLY,
};

#define ROW(id, map, byte, group_, modrm_, mod, name_, a, b, c, reads, writes, undef, tr, feat,    \
            attrs)                                                                                 \
    {                                                                                              \
        .name = #name_,                                                                            \
        .handler = op_##name_,                                                                     \
        .operand = {OC_##a, OC_##b, OC_##c},                                                       \
        .flags_read = FL_##reads,                                                                  \
        .flags_written = FL_##writes,                                                              \
        .flags_undefined = FL_##undef,                                                             \
        .translate = TR_##tr,                                                                      \
        .feature = FEAT_##feat,                                                                    \
        .attr = (attrs) | MOD_ATTR_##mod |                                                         \
                ((map) == 0 && ((byte)&0xF8) == 0xD8 && (group_) >= 0 ? ATTR_X87 : 0),             \
        .opcode = (map) << 8 | (byte),                                                             \
        .group = group_,                                                                           \
        .modrm = modrm_,                                                                           \
    },

const struct optab_row optab_rows[] = {
#include "cpu/optab.inc"
};

static_assert(ARRAY_LEN(optab_rows) == ROW_COUNT, "enum row_id counts the rows");
