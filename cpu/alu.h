/*
 * The arithmetic of the hot paths: alu_ADD_4(c, a, b) and friends return the result and leave the
 * flags in c->aflags. On x86-64 hosts the host's own instruction makes both, undefined flags
 * included, and LAHF and SETO deliver them; elsewhere the portable functions of cpu/op.h do.
 */
#ifndef CPU_ALU_H
#define CPU_ALU_H

#include "cpu/host_flags.h"
#include "cpu/op.h"

#if defined(__x86_64__)

#define ALU_FLAGS "\n\tlahf\n\tseto %%al"

/* ADD OR AND SUB XOR: no carry in. */
#define ALU_BINARY(NAME, insn, suffix, type, size)                                                 \
    static inline type alu_##NAME##_##size(struct cpu *c, type a, type b)                          \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__(insn suffix " %2, %0" ALU_FLAGS : "+r"(a), "=&a"(fl) : "r"(b) : "cc");             \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* ADC SBB: bit 8 of aflags is CF. */
#define ALU_CARRY(NAME, insn, suffix, type, size)                                                  \
    static inline type alu_##NAME##_##size(struct cpu *c, type a, type b)                          \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__("btw $8, %3\n\t" insn suffix " %2, %0" ALU_FLAGS                                   \
                : "+r"(a), "=&a"(fl)                                                               \
                : "r"(b), "r"(c->aflags)                                                           \
                : "cc");                                                                           \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* CMP TEST: flags only. */
#define ALU_COMPARE(NAME, insn, suffix, type, size)                                                \
    static inline type alu_##NAME##_##size(struct cpu *c, type a, type b)                          \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__(insn suffix " %2, %1" ALU_FLAGS : "=&a"(fl) : "r"(a), "r"(b) : "cc");              \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* INC DEC: CF stays. */
#define ALU_STEP(NAME, insn, suffix, type, size)                                                   \
    static inline type alu_##NAME##_##size(struct cpu *c, type a)                                  \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__("btw $8, %2\n\t" insn suffix " %0" ALU_FLAGS                                       \
                : "+r"(a), "=&a"(fl)                                                               \
                : "r"(c->aflags)                                                                   \
                : "cc");                                                                           \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

#define ALU_NEG(suffix, type, size)                                                                \
    static inline type alu_NEG_##size(struct cpu *c, type a)                                       \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__("neg" suffix " %0" ALU_FLAGS : "+r"(a), "=&a"(fl) : : "cc");                       \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* SHL SHR SAR by a count that is not zero after masking. */
#define ALU_SHIFT(NAME, insn, suffix, type, size)                                                  \
    static inline type alu_##NAME##_##size(struct cpu *c, type a, u8 count)                        \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__(insn suffix " %%cl, %0" ALU_FLAGS : "+r"(a), "=&a"(fl) : "c"(count) : "cc");       \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* ROL ROR by a count that is not zero: only CF and OF change. */
#define ALU_ROTATE(NAME, insn, suffix, type, size)                                                 \
    static inline type alu_##NAME##_##size(struct cpu *c, type a, u8 count)                        \
    {                                                                                              \
        u8 cf, of;                                                                                 \
                                                                                                   \
        __asm__(insn suffix " %%cl, %0\n\tsetc %1\n\tseto %2"                                      \
                : "+r"(a), "=&q"(cf), "=&q"(of)                                                    \
                : "c"(count)                                                                       \
                : "cc");                                                                           \
        c->aflags = (u16)((c->aflags & ~(AF_CF | AF_OF)) | cf << 8 | of);                          \
        return a;                                                                                  \
    }

/* Some chips set SF, ZF, AF and PF, others leave them: the guest's must be there before. */
#define ALU_IMUL(suffix, type, size)                                                               \
    static inline type alu_IMUL_##size(struct cpu *c, type a, type b)                              \
    {                                                                                              \
        u16 fl = c->aflags;                                                                        \
                                                                                                   \
        __asm__("sahf\n\timul" suffix " %2, %0" ALU_FLAGS : "+r"(a), "+&a"(fl) : "r"(b) : "cc");   \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

#define ALU_SIZE(suffix, type, size)                                                               \
    ALU_BINARY(ADD, "add", suffix, type, size)                                                     \
    ALU_BINARY(OR, "or", suffix, type, size)                                                       \
    ALU_BINARY(AND, "and", suffix, type, size)                                                     \
    ALU_BINARY(SUB, "sub", suffix, type, size)                                                     \
    ALU_BINARY(XOR, "xor", suffix, type, size)                                                     \
    ALU_CARRY(ADC, "adc", suffix, type, size)                                                      \
    ALU_CARRY(SBB, "sbb", suffix, type, size)                                                      \
    ALU_COMPARE(CMP, "cmp", suffix, type, size)                                                    \
    ALU_COMPARE(TEST, "test", suffix, type, size)                                                  \
    ALU_STEP(INC, "inc", suffix, type, size)                                                       \
    ALU_STEP(DEC, "dec", suffix, type, size)                                                       \
    ALU_NEG(suffix, type, size)                                                                    \
    ALU_SHIFT(SHL, "shl", suffix, type, size)                                                      \
    ALU_SHIFT(SHR, "shr", suffix, type, size)                                                      \
    ALU_SHIFT(SAR, "sar", suffix, type, size)                                                      \
    ALU_ROTATE(ROL, "rol", suffix, type, size)                                                     \
    ALU_ROTATE(ROR, "ror", suffix, type, size)

/* SHLD SHRD by a count that is not zero. */
#define ALU_DOUBLE_SHIFT(NAME, insn)                                                               \
    static inline u32 alu_##NAME##_4(struct cpu *c, u32 a, u32 b, u8 count)                        \
    {                                                                                              \
        u16 fl;                                                                                    \
                                                                                                   \
        __asm__(insn " %%cl, %2, %0" ALU_FLAGS : "+r"(a), "=&a"(fl) : "r"(b), "c"(count) : "cc");  \
        c->aflags = fl & AF_ALL;                                                                   \
        return a;                                                                                  \
    }

/* EDX:EAX = EAX * b, unsigned. */
static inline void alu_MUL_4(struct cpu *c, u32 b)
{
    u32 flags = c->aflags, hi, lo = (u32)c->gpr[RAX];

    __asm__("sahf\n\tmovl %2, %%eax\n\tmull %3\n\tmovl %%eax, %2" ALU_FLAGS
            : "+&a"(flags), "=&d"(hi), "+&r"(lo)
            : "r"(b)
            : "cc");
    c->gpr[RAX] = lo;
    c->gpr[RDX] = hi;
    c->aflags = (u16)flags & AF_ALL;
}

/* EDX:EAX by b, which is known to fit. The flags are what the host's chip leaves of the old ones.
 */
#define ALU_DIVIDE(NAME, insn)                                                                     \
    static inline void alu_##NAME##_4(struct cpu *c, u32 b)                                        \
    {                                                                                              \
        u32 flags = c->aflags, hi = (u32)c->gpr[RDX], lo = (u32)c->gpr[RAX];                       \
                                                                                                   \
        __asm__(HOST_LOAD_FLAGS "movl %2, %%eax\n\t" insn " %3\n\tmovl %%eax, %2" HOST_STORE_FLAGS \
                : "+&a"(flags), "+&d"(hi), "+&r"(lo)                                               \
                : "r"(b)                                                                           \
                : "cc");                                                                           \
        c->gpr[RAX] = lo;                                                                          \
        c->gpr[RDX] = hi;                                                                          \
        c->aflags = (u16)flags & AF_ALL;                                                           \
    }

/* BSF BSR of a value that is not zero. */
#define ALU_SCAN(NAME, insn)                                                                       \
    static inline u32 alu_##NAME##_4(struct cpu *c, u32 v)                                         \
    {                                                                                              \
        u32 flags = c->aflags, index;                                                              \
                                                                                                   \
        __asm__(HOST_LOAD_FLAGS insn " %2, %1" HOST_STORE_FLAGS                                    \
                : "+&a"(flags), "=&r"(index)                                                       \
                : "r"(v)                                                                           \
                : "cc");                                                                           \
        c->aflags = (u16)flags & AF_ALL;                                                           \
        return index;                                                                              \
    }

ALU_SIZE("b", u8, 1)
ALU_SIZE("w", u16, 2)
ALU_SIZE("l", u32, 4)
ALU_DOUBLE_SHIFT(SHLD, "shldl")
ALU_DOUBLE_SHIFT(SHRD, "shrdl")
ALU_DIVIDE(DIV, "divl")
ALU_DIVIDE(IDIV, "idivl")
ALU_SCAN(BSF, "bsfl")
ALU_SCAN(BSR, "bsrl")
ALU_IMUL("w", u16, 2)
ALU_IMUL("l", u32, 4)

#endif

#endif
