/*
 * The decoder: bytes to struct insn, driven by the tables of optab_*.inc. Pure: no processor, no
 * memory but the bytes it is given, no allocation.
 * Source: SDM Vol. 2A, "Instruction Format"; Vol. 2D, Appendix A, "Opcode Map".
 * How the 286 and the 8086 differ agrees with all 259400 instructions of the recordings of real
 * chips in SingleStepTests/80286 and /8086: length, #UD, and #GP for more than ten bytes.
 * Not modelled: an 8086 takes any number of prefixes, this decoder 14.
 */
#include "cpu/insn.h"

#include "base/bytes.h"
#include "cpu/model.h"
#include "cpu/optab_decode.h"

/* Room for an over-long instruction: prefixes, two opcode bytes, ModRM, SIB, two constants. */
enum { LOOK_AHEAD = 32 };

struct decoder {
    const u8 *p;
    const u8 *start;
    const struct decode_mode *mode;
    u8 rex;        /* of a REX prefix, else 0 */
    u8 override;   /* enum seg_reg, or REG_NONE */
    bool opsize66; /* 66h */
    bool addr67;   /* 67h */
};

static inline unsigned get_u8(struct decoder *d)
{
    return *d->p++;
}

static inline u16 get_u16(struct decoder *d)
{
    d->p += 2;
    return get_le16(d->p - 2);
}

static inline u32 get_u32(struct decoder *d)
{
    d->p += 4;
    return get_le32(d->p - 4);
}

static inline u64 get_u64(struct decoder *d)
{
    d->p += 8;
    return get_le64(d->p - 8);
}

/* The map entry of a first byte: what the mode or the model puts in front of the common map. */
static inline u16 map_entry(const struct decoder *d, unsigned byte)
{
    u16 entry = 0;

    if (d->mode->code == CODE64)
        entry = map_64[byte];
    else if (unlikely(model_has(d->mode->model, FEAT_ONLY_8086)))
        entry = map_8086[byte];
    return entry ? entry : map_one_byte[byte];
}

/* False: the model does not know this prefix. */
static bool take_prefix(struct decoder *d, struct insn *out, unsigned prefix, unsigned byte)
{
    d->rex = 0; /* a REX that is not the last prefix does not count */
    if (prefix >= SEG_FS && prefix <= PRE_ADDRSIZE && !model_has(d->mode->model, FEAT_386))
        return false;
    switch (prefix) {
    case PRE_OPSIZE:
        d->opsize66 = true;
        out->flags |= INSN_OPSIZE;
        break;
    case PRE_ADDRSIZE: d->addr67 = true; break;
    case PRE_LOCK: out->flags |= INSN_LOCK; break;
    case PRE_REPNE: out->flags = (out->flags & ~INSN_REP) | INSN_REPNE; break;
    case PRE_REP: out->flags = (out->flags & ~INSN_REPNE) | INSN_REP; break;
    case PRE_REX: d->rex = (u8)byte; break;
    default:
        if (d->mode->code == CODE64 && prefix < SEG_FS)
            break; /* SDM Vol. 1, "Segment Registers": ES, CS, SS, DS overrides are ignored */
        d->override = (u8)(prefix - PRE_SEG);
        out->flags |= INSN_SEG;
    }
    return true;
}

/* 16-bit forms. SDM Vol. 2A, "16-Bit Addressing Forms with the ModR/M Byte". */
static void memory16(struct decoder *d, struct insn *out, unsigned mod, unsigned rm)
{
    static const u8 bases[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const u8 indexes[8] = {RSI, RDI, RSI, RDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE};

    out->base = bases[rm];
    out->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        out->base = REG_NONE;
        out->disp = (s16)get_u16(d);
    } else if (mod == 1) {
        out->disp = (s8)get_u8(d);
    } else if (mod == 2) {
        out->disp = (s16)get_u16(d);
    }
    out->seg = out->base == RBP ? SEG_SS : SEG_DS;
}

/* 32- and 64-bit forms. SDM Vol. 2A, "32-Bit Addressing Forms with the ModR/M Byte" and "... SIB".
 */
static void memory32(struct decoder *d, struct insn *out, unsigned mod, unsigned rm)
{
    unsigned base = rm;

    if (rm == 4) {
        unsigned sib = get_u8(d);
        unsigned index = (sib >> 3 & 7) | (d->rex & 2) << 2;

        base = sib & 7;
        out->scale = (u8)(sib >> 6);
        out->index = index == RSP ? REG_NONE : (u8)index;
    }
    if (mod == 0 && base == 5) {
        /* Without a SIB byte 64-bit mode makes this relative to the next instruction. */
        out->base = rm == 5 && d->mode->code == CODE64 ? REG_RIP : REG_NONE;
        out->disp = (s32)get_u32(d);
        return;
    }
    out->base = (u8)(base | (d->rex & 1) << 3);
    if (mod == 1)
        out->disp = (s8)get_u8(d);
    else if (mod == 2)
        out->disp = (s32)get_u32(d);
    if (out->base == RSP || out->base == RBP)
        out->seg = SEG_SS;
}

static inline void set_sizes(const struct decoder *d, struct insn *out, u32 attr)
{
    bool size66 = d->opsize66;

    if (d->mode->code == CODE64) {
        out->asize = d->addr67 ? 4 : 8;
        if (d->rex & 8 || attr & ATTR_FORCE64)
            out->opsize = 8;
        else
            out->opsize = size66 ? 2 : attr & ATTR_DEF64 ? 8 : 4;
        return;
    }
    out->opsize = (d->mode->code == CODE32) != size66 ? 4 : 2;
    out->asize = (d->mode->code == CODE32) != d->addr67 ? 4 : 2;
}

/* moffs: an offset of the address size; also in imm, where 64 bits find room. */
static void take_offset(struct decoder *d, struct insn *out)
{
    out->imm = out->asize == 8 ? get_u64(d) : out->asize == 4 ? get_u32(d) : get_u16(d);
    out->disp = out->asize == 8 ? 0 : (s32)out->imm;
}

static inline u64 get_z(struct decoder *d, const struct insn *out)
{
    return out->opsize == 2 ? (u64)(s16)get_u16(d) : (u64)(s32)get_u32(d);
}

static inline void take_immediate(struct decoder *d, struct insn *out, unsigned code)
{
    switch (code) {
    case OC_no: break;
    case OC_1: out->imm = 1; break;
    case OC_Ib: out->imm = get_u8(d); break;
    case OC_Ibs:
    case OC_Jb: out->imm = (u64)(s8)get_u8(d); break;
    case OC_Iw: out->imm = get_u16(d); break;
    case OC_I2b:
        out->imm = get_u16(d);
        out->imm2 = (u16)get_u8(d);
        break;
    case OC_Iz:
    case OC_Jz: out->imm = get_z(d, out); break;
    case OC_Iv: out->imm = out->opsize == 8 ? get_u64(d) : get_z(d, out); break;
    case OC_Ap:
        out->imm = out->opsize == 2 ? get_u16(d) : get_u32(d);
        out->imm2 = get_u16(d);
        break;
    default: take_offset(d, out);
    }
}

static inline void set_operand(const struct decoder *d, struct insn *out, unsigned n, unsigned code,
                               const u8 *numbers)
{
    const struct operand_info *info = &operand_info[code];
    const u8(*sizes)[3] = operand_bytes;
    unsigned index = out->opsize >> 2; /* 2, 4, 8 -> 0, 1, 2 */
    unsigned reg;

    if (info->memory && out->modrm < 0xC0) {
        out->kind[n] = OPND_MEM;
        out->size[n] = sizes[info->mem_size][index];
        return;
    }
    reg = info->from == FROM_FIXED ? info->fixed : numbers[info->from];
    out->kind[n] = info->kind;
    out->size[n] = sizes[info->size][index];
    /* Without REX the byte registers 4-7 are AH, CH, DH and BH. */
    if (info->size == SIZE_1 && info->kind == OPND_GPR && !d->rex && (reg & ~3u) == 4)
        reg += 12;
    out->reg[n] = (u8)reg;
}

static inline void set_operands(const struct decoder *d, struct insn *out, const struct form *f,
                                unsigned opcode)
{
    unsigned b = (unsigned)(d->rex & 1) << 3, r = (unsigned)(d->rex & 4) << 1;
    u8 numbers[4] = {
        [FROM_RM] = (u8)((out->modrm & 7) | b),
        [FROM_REG] = (u8)((out->modrm >> 3 & 7) | r),
        [FROM_OPCODE] = (u8)((opcode & 7) | b),
    };

    if (f->operand[0] == OC_no)
        return;
    set_operand(d, out, 0, f->operand[0], numbers);
    if (f->operand[1] == OC_no)
        return;
    set_operand(d, out, 1, f->operand[1], numbers);
    if (f->operand[2] != OC_no)
        set_operand(d, out, 2, f->operand[2], numbers);
}

/* REX.R and REX.B do not reach x87, MMX and segment registers, of which there are eight at most. */
static void narrow_registers(struct insn *out)
{
    unsigned n;

    for (n = 0; n < 3; n++)
        if (out->kind[n] == OPND_MM || out->kind[n] == OPND_ST || out->kind[n] == OPND_SREG)
            out->reg[n] &= 7;
}

/* True if the special register of operand n exists on this model and may be named here. */
static bool special_exists(const struct decode_mode *mode, struct insn *out, unsigned n, bool loads)
{
    const struct cpu_model *m = mode->model;
    unsigned reg = out->reg[n];

    switch (out->kind[n]) {
    case OPND_SREG:
        if (model_has(m, FEAT_ONLY_8086))
            out->reg[n] = reg &= 3; /* the chip looks at two bits; CS can be loaded */
        else if (loads && reg == SEG_CS)
            return false;
        if (loads && reg == SEG_SS)
            out->flags |= INSN_ENDS;
        return reg < (model_has(m, FEAT_386) ? SEG_COUNT : SEG_FS);
    case OPND_CREG:
        return reg == 0 || reg == 2 || reg == 3 || (reg == 4 && m->cr4_mask) ||
               (reg == 8 && mode->code == CODE64);
    case OPND_DREG: return reg < 8;
    case OPND_TREG:
        /* TR6 and TR7 test the TLB; the 486 added TR3-TR5 for its cache. */
        return reg >= 6 || (reg >= 3 && model_has(m, FEAT_486));
    default: return true;
    }
}

/* Rules that few rows have. */
static bool rare_valid(const struct decoder *d, struct insn *out, u32 attr)
{
    bool code64 = d->mode->code == CODE64;

    if (attr & ATTR_PROTECTED && !d->mode->protected)
        return false;
    if (attr & (code64 ? ATTR_NOT64 : ATTR_ONLY64) || (attr & ATTR_NOREXW && d->rex & 8))
        return false;
    return special_exists(d->mode, out, 0, attr & ATTR_WRITES_OP0) &&
           special_exists(d->mode, out, 1, false);
}

/* LOCK needs a locked form and memory; before the 386 it goes with anything (SDM Vol. 2A, "LOCK").
 */
static bool lock_valid(const struct decoder *d, const struct insn *out, u32 attr)
{
    return (attr & ATTR_LOCK && out->kind[0] == OPND_MEM) || !model_has(d->mode->model, FEAT_386);
}

static u16 x87_row(unsigned byte, unsigned modrm)
{
    return modrm < 0xC0 ? map_x87_memory[byte & 7][modrm >> 3 & 7]
                        : map_x87_register[byte & 7][modrm & 63];
}

static u16 group_row(const struct decoder *d, const group_map *map, unsigned byte, unsigned modrm)
{
    unsigned i = (modrm >> 3 & 7) * 2 + (modrm >= 0xC0);

    if (unlikely(model_has(d->mode->model, FEAT_ONLY_8086)) && groups_8086[byte][i])
        return groups_8086[byte][i];
    return (*map)[byte][i];
}

/* The row of the opcode at d->p; ModRM is taken with it. ROW_INVALID if there is none. */
static unsigned find_row(struct decoder *d, struct insn *out, unsigned *opcode)
{
    const group_map *groups = &groups_one_byte;
    unsigned byte = get_u8(d);
    u16 entry = map_entry(d, byte);

    while (unlikely(entry & E_PREFIX)) {
        if (!take_prefix(d, out, entry & E_ROW, byte))
            return ROW_INVALID;
        byte = get_u8(d);
        if (d->p - d->start > INSN_MAX_BYTES)
            return ROW_INVALID; /* for its length: see insn_decode */
        entry = map_entry(d, byte);
    }
    if (entry == E_ESCAPE) {
        groups = &groups_two_byte;
        byte = get_u8(d);
        entry = map_two_byte[byte];
    } else if (unlikely(d->rex & 1) && entry == ROW_1_0x90 && !(out->flags & INSN_REP)) {
        entry = ROW_1_0x91; /* XCHG R8, rAX; F3 90 is PAUSE with REX.B as well */
    }
    *opcode = byte;
    if (entry & E_MODRM)
        out->modrm = (u8)get_u8(d);
    if (!(entry & E_GROUP)) {
        if (unlikely(out->modrm == 0xDB) && entry == (E_MODRM | ROW_1_0x87) && !d->rex)
            return ROW_MAGIC;
        return entry & E_ROW;
    }
    if (entry & E_ESCAPE)
        return x87_row(byte, out->modrm);
    return group_row(d, groups, byte, out->modrm);
}

/* Everything after the opcode; false if the row does not exist in this form, mode or model. */
static bool take_operands(struct decoder *d, struct insn *out, const struct form *f,
                          unsigned opcode)
{
    const u32 read_write = ATTR_READS_OP0 | ATTR_WRITES_OP0;
    u32 attr = f->attr;
    bool valid = model_has(d->mode->model, f->feature);

    set_sizes(d, out, attr);
    if (attr & FORM_HAS_MODRM) {
        if (attr & ATTR_MOD3)
            out->modrm |= 0xC0;
        if (out->modrm >= 0xC0)
            valid &= !(attr & ATTR_MEM_ONLY);
        else if (out->asize == 2)
            memory16(d, out, out->modrm >> 6, out->modrm & 7);
        else
            memory32(d, out, out->modrm >> 6, out->modrm & 7);
    }
    take_immediate(d, out, f->imm);
    set_operands(d, out, f, opcode);
    if (unlikely(d->rex)) {
        narrow_registers(out);
        out->flags |= INSN_REX | (d->rex & 8 ? INSN_REX_W : 0);
    }
    if (d->override != REG_NONE)
        out->seg = d->override;
    if (attr & ATTR_STRING)
        out->opsize = out->size[f->operand[0] == OC_DX]; /* of the element */
    if (attr & ATTR_ENDS)
        out->flags |= INSN_ENDS;
    if ((attr & read_write) == read_write && out->kind[0] == OPND_MEM)
        out->flags |= INSN_RMW;
    if (unlikely(attr & FORM_RARE))
        valid &= rare_valid(d, out, attr);
    if (unlikely(out->flags & INSN_LOCK))
        valid &= lock_valid(d, out, attr);
    return valid;
}

static unsigned finish_as(struct insn *out, unsigned row, unsigned len)
{
    *out = (struct insn){
        .row = (u16)row,
        .flags = INSN_ENDS,
        .len = (u8)len,
        .opsize = out->opsize,
        .asize = out->asize,
        .seg = SEG_DS,
        .base = REG_NONE,
        .index = REG_NONE,
    };
    return len;
}

unsigned insn_decode(const u8 *bytes, size_t avail, const struct decode_mode *mode,
                     struct insn *out)
{
    u8 copy[LOOK_AHEAD];
    struct decoder d = {.p = bytes, .mode = mode, .override = REG_NONE};
    unsigned opcode = 0, len, limit = INSN_MAX_BYTES;
    bool valid;

    if (unlikely(avail < LOOK_AHEAD)) {
        memset(copy, 0, sizeof copy);
        memcpy(copy, bytes, avail);
        d.p = copy;
    }
    d.start = d.p;
    *out = (struct insn){.seg = SEG_DS, .base = REG_NONE, .index = REG_NONE};
    out->row = (u16)find_row(&d, out, &opcode);
    valid = out->row != ROW_INVALID && take_operands(&d, out, &forms[out->row], opcode);
    len = (unsigned)(d.p - d.start);
    if (unlikely(!model_has(mode->model, FEAT_386)) && model_has(mode->model, FEAT_286))
        limit = 10; /* 80286 Programmer's Reference, "Interrupt 13" */
    if (unlikely(len > limit && avail >= limit))
        return finish_as(out, ROW_TOOLONG, limit);
    if (unlikely(len > avail))
        return 0;
    if (unlikely(!valid))
        return finish_as(out, ROW_INVALID, len);
    out->len = (u8)len;
    return len;
}
