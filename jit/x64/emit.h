/*
 * x86-64 code, byte by byte: what the translator needs of the encoding and no more.
 * Source: SDM Vol. 2A, "Instruction Format".
 */
#ifndef JIT_X64_EMIT_H
#define JIT_X64_EMIT_H

#include "base/types.h"
#include "cpu/cpu.h"

#include <string.h>

/* Host registers, and what they hold in translated code. Guest registers keep their numbers. */
enum host_reg {
    H_RAX,
    H_RCX,
    H_RDX,
    H_RBX,
    H_RSP,
    H_RBP,
    H_RSI,
    H_RDI,
    H_ADDR,  /* r8: linear address, or scratch */
    H_DIFF,  /* r9: host difference, or scratch */
    H_EXEC,  /* r10: this page's entry in the exec table */
    H_BASE,  /* r11: offset in CS of this page's first byte */
    H_ESP,   /* r12: guest ESP */
    H_TABLE, /* r13: T read table */
    H_CPU,   /* r14: struct cpu */
    H_LEFT,  /* r15: instructions left */
};

/* Second operands: where ModRM.rm points. */
enum rm_kind {
    RM_REG,
    RM_MEM /* [r9 + r8 + disp8] */,
    RM_DIFF /* [r9 + disp8] */,
    RM_CPU /* [r14 + disp] */,
    RM_WINDOW /* gs:[base + index << scale + disp], of 32 bits */
};

struct rm {
    u8 kind;
    u8 reg;
    s32 disp;
    u8 base, index, scale;
};

#define RM_R(r)            ((struct rm){.kind = RM_REG, .reg = (u8)(r)})
#define RM_HOST            ((struct rm){.kind = RM_MEM})
#define RM_POINTER         ((struct rm){.kind = RM_DIFF})
#define RM_POINTER_AT(off) ((struct rm){.kind = RM_DIFF, .disp = (s32)(off)})
#define RM_AT(off)         ((struct rm){.kind = RM_CPU, .disp = (s32)(off)})
#define CPU(field)         RM_AT(offsetof(struct cpu, field))
#define WORD(w)            RM_AT(offsetof(struct cpu, engine_word) + 8 * (w))

struct emit {
    u8 *p; /* in the writable view */
};

static inline void e8(struct emit *e, unsigned v)
{
    *e->p++ = (u8)v;
}

static inline void e16(struct emit *e, unsigned v)
{
    memcpy(e->p, &(u16){(u16)v}, 2);
    e->p += 2;
}

static inline void e32(struct emit *e, u32 v)
{
    memcpy(e->p, &v, 4);
    e->p += 4;
}

static inline void e64(struct emit *e, u64 v)
{
    memcpy(e->p, &v, 8);
    e->p += 8;
}

enum { NO_REG = 0xFF };

/* ModRM and what follows it for [base + index << scale + disp]; either may be NO_REG. */
static inline void emit_sib(struct emit *e, unsigned reg, unsigned base, unsigned index,
                            unsigned scale, s32 disp)
{
    unsigned b = base == NO_REG ? 0 : base, x = index == NO_REG ? 0 : index;
    bool short_disp = disp == (s8)disp, no_disp = !disp && (b & 7) != H_RBP;
    unsigned mod = base == NO_REG ? 0 : no_disp ? 0 : short_disp ? 0x40 : 0x80;

    if (base != NO_REG && index == NO_REG && (b & 7) != H_RSP) {
        e8(e, mod | (reg & 7) << 3 | (b & 7));
    } else {
        e8(e, mod | (reg & 7) << 3 | 4);
        e8(e, scale << 6 | (index == NO_REG ? 4 : x & 7) << 3 | (base == NO_REG ? 5 : b & 7));
    }
    if (base == NO_REG || mod == 0x80)
        e32(e, (u32)disp);
    else if (mod == 0x40)
        e8(e, (u32)disp);
}

/* REX.X and REX.B of such an operand. */
static inline unsigned rex_sib(unsigned base, unsigned index)
{
    return (index == NO_REG ? 0 : (index & 8) >> 2) | (base == NO_REG ? 0 : base >> 3);
}

/* An opcode of one byte, or 0Fxxh, with ModRM. `size` 1, 2, 4 or 8 chooses 66h and REX.W. */
static inline void emit_op(struct emit *e, unsigned opcode, unsigned size, unsigned reg,
                           struct rm rm)
{
    unsigned rex = (size == 8 ? 8 : 0) | (reg & 8) >> 1;

    switch (rm.kind) {
    case RM_REG: rex |= rm.reg >> 3; break;
    case RM_MEM: rex |= 3; break;
    case RM_DIFF:
    case RM_CPU: rex |= 1; break;
    case RM_WINDOW:
        e8(e, 0x65), e8(e, 0x67);
        rex |= rex_sib(rm.base, rm.index);
        break;
    }
    if (size == 2)
        e8(e, 0x66);
    if (rex)
        e8(e, 0x40 | rex);
    if (opcode > 0xFF)
        e8(e, opcode >> 8);
    e8(e, opcode);
    reg &= 7;
    switch (rm.kind) {
    case RM_REG: e8(e, 0xC0 | reg << 3 | (rm.reg & 7)); break;
    case RM_MEM:
        e8(e, reg << 3 | 4 | (rm.disp ? 0x40 : 0));
        e8(e, (H_ADDR & 7) << 3 | (H_DIFF & 7));
        if (rm.disp)
            e8(e, (u32)rm.disp);
        break;
    case RM_DIFF:
        e8(e, reg << 3 | (H_DIFF & 7) | (rm.disp ? 0x40 : 0));
        if (rm.disp)
            e8(e, (u32)rm.disp);
        break;
    case RM_CPU:
        e8(e, 0x80 | reg << 3 | (H_CPU & 7));
        e32(e, (u32)rm.disp);
        break;
    case RM_WINDOW: emit_sib(e, reg, rm.base, rm.index, rm.scale, rm.disp); break;
    }
}

/* The arithmetic group: ADD OR ADC SBB AND SUB XOR CMP. */
enum alu { A_ADD, A_OR, A_ADC, A_SBB, A_AND, A_SUB, A_XOR, A_CMP };

static inline void emit_imm(struct emit *e, unsigned size, u32 v)
{
    if (size == 1)
        e8(e, v);
    else if (size == 2)
        e16(e, v);
    else
        e32(e, v);
}

static inline void emit_alu_imm(struct emit *e, enum alu op, unsigned size, struct rm rm, u32 v)
{
    s32 sv = size == 2 ? (s16)v : (s32)v;

    if (size > 1 && sv == (s8)sv) {
        emit_op(e, 0x83, size, op, rm);
        e8(e, v);
    } else {
        emit_op(e, size == 1 ? 0x80 : 0x81, size, op, rm);
        emit_imm(e, size, v);
    }
}

/* reg = reg op rm */
static inline void emit_alu(struct emit *e, enum alu op, unsigned size, unsigned reg, struct rm rm)
{
    emit_op(e, op * 8 + (size == 1 ? 2 : 3), size, reg, rm);
}

static inline void emit_load(struct emit *e, unsigned size, unsigned reg, struct rm rm)
{
    emit_op(e, size == 1 ? 0x8A : 0x8B, size, reg, rm);
}

static inline void emit_store(struct emit *e, unsigned size, struct rm rm, unsigned reg)
{
    emit_op(e, size == 1 ? 0x88 : 0x89, size, reg, rm);
}

static inline void emit_mov(struct emit *e, unsigned size, unsigned to, unsigned from)
{
    emit_op(e, 0x8B, size, to, RM_R(from));
}

static inline void emit_mov_imm32(struct emit *e, unsigned reg, u32 v)
{
    if (reg & 8)
        e8(e, 0x41);
    e8(e, 0xB8 | (reg & 7));
    e32(e, v);
}

static inline void emit_mov_imm64(struct emit *e, unsigned reg, u64 v)
{
    if (v == (u32)v) {
        emit_mov_imm32(e, reg, (u32)v);
        return;
    }
    e8(e, 0x48 | reg >> 3);
    e8(e, 0xB8 | (reg & 7));
    e64(e, v);
}

/* lea reg, [base + index << scale + disp], result of 4 or 8 bytes; base or index may be NO_REG. */
static inline void emit_lea(struct emit *e, unsigned size, unsigned reg, unsigned base,
                            unsigned index, unsigned scale, s32 disp)
{
    unsigned rex = (size == 8 ? 8 : 0) | (reg & 8) >> 1 | rex_sib(base, index);

    if (rex)
        e8(e, 0x40 | rex);
    e8(e, 0x8D);
    emit_sib(e, reg, base, index, scale, disp);
}

static inline void emit_shift_imm(struct emit *e, unsigned op, unsigned size, unsigned reg,
                                  unsigned n)
{
    emit_op(e, 0xC1, size, op, RM_R(reg));
    e8(e, n);
}
enum { S_ROL, S_ROR, S_RCL, S_RCR, S_SHL, S_SHR, S_SAL, S_SAR };

static inline void emit_movzx(struct emit *e, unsigned from_size, unsigned reg, struct rm rm)
{
    emit_op(e, from_size == 1 ? 0x0FB6 : 0x0FB7, 4, reg, rm);
}

/* Jumps. Those to be patched return where their displacement is. */
enum cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_NB,
    CC_Z,
    CC_NZ,
    CC_BE,
    CC_NBE,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_NL,
    CC_LE,
    CC_NLE
};

static inline u8 *emit_jcc(struct emit *e, unsigned cc)
{
    e8(e, 0x0F);
    e8(e, 0x80 | cc);
    e32(e, 0);
    return e->p - 4;
}

static inline u8 *emit_jmp(struct emit *e)
{
    e8(e, 0xE9);
    e32(e, 0);
    return e->p - 4;
}

/* `target` and `at` in the same view. */
static inline void patch_rel32(u8 *at, const u8 *target)
{
    s32 d = (s32)(target - (at + 4));

    memcpy(at, &d, 4);
}

#endif
