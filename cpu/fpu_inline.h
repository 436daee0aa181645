/*
 * x87 instructions as the interpreter's hot bodies take them: one host instruction each, on the
 * state that fpu_hold has loaded.
 *
 *     if (fpu_fast(c)) {
 *         fpu_note(c, in);
 *         x87_fadd_m64(host_address_of_operand);
 *     } else {
 *         the generic handler, op_FADD
 *     }
 *
 * Rules: a memory operand's address is known to be good before the x87 instruction runs, since that
 * one cannot be undone; fpu_fast holds until the next handler that is not from here.
 */
#ifndef CPU_FPU_INLINE_H
#define CPU_FPU_INLINE_H

#include "cpu/fpu.h"
#include "cpu/optab.h"

/*
 * FOP of an x87 instruction: the low three bits of the opcode and ModRM. SDM Vol. 1, "Last
 * Instruction Opcode".
 */
static inline u16 fpu_opcode(const struct insn *in)
{
    return (u16)((optab_rows[in->row].opcode & 7) << 8 | in->modrm);
}

/* Note the last non-control instruction; after everything that can fault. */
static inline void fpu_note(struct cpu *c, const struct insn *in)
{
    c->fpu.fip = c->rip;
    c->fpu.fcs = c->seg[SEG_CS].sel;
    c->fpu.fop = fpu_opcode(in);
}

#if defined(__x86_64__)

/* No fault, no exception to look for, and the state is on the host. */
static inline bool fpu_fast(const struct cpu *c)
{
    return likely(c->fpu.host == FPU_ON_HOST_MASKED) && likely(!(c->cr0 & (CR0_EM | CR0_TS)));
}

/* Memory forms; the operand has any alignment. */
#define X87_LOAD(name, text, bytes)                                                                \
    static inline void x87_##name(const void *p)                                                   \
    {                                                                                              \
        __asm__ volatile(text : : "m"(*(const u8(*)[bytes])p));                                    \
    }
#define X87_STORE(name, text, bytes)                                                               \
    static inline void x87_##name(void *p)                                                         \
    {                                                                                              \
        __asm__ volatile(text : "=m"(*(u8(*)[bytes])p));                                           \
    }

X87_LOAD(fld_m32, "flds %0", 4)
X87_LOAD(fld_m64, "fldl %0", 8)
X87_LOAD(fld_m80, "fldt %0", 10)
X87_LOAD(fild_m16, "filds %0", 2)
X87_LOAD(fild_m32, "fildl %0", 4)
X87_LOAD(fild_m64, "fildll %0", 8)
X87_LOAD(fadd_m32, "fadds %0", 4)
X87_LOAD(fadd_m64, "faddl %0", 8)
X87_LOAD(fmul_m32, "fmuls %0", 4)
X87_LOAD(fmul_m64, "fmull %0", 8)
X87_LOAD(fsub_m32, "fsubs %0", 4)
X87_LOAD(fsub_m64, "fsubl %0", 8)
X87_LOAD(fsubr_m32, "fsubrs %0", 4)
X87_LOAD(fsubr_m64, "fsubrl %0", 8)
X87_LOAD(fdiv_m32, "fdivs %0", 4)
X87_LOAD(fdiv_m64, "fdivl %0", 8)
X87_LOAD(fdivr_m32, "fdivrs %0", 4)
X87_LOAD(fdivr_m64, "fdivrl %0", 8)
X87_LOAD(fcom_m32, "fcoms %0", 4)
X87_LOAD(fcom_m64, "fcoml %0", 8)
X87_LOAD(fcomp_m32, "fcomps %0", 4)
X87_LOAD(fcomp_m64, "fcompl %0", 8)
X87_STORE(fst_m32, "fsts %0", 4)
X87_STORE(fst_m64, "fstl %0", 8)
X87_STORE(fstp_m32, "fstps %0", 4)
X87_STORE(fstp_m64, "fstpl %0", 8)
X87_STORE(fstp_m80, "fstpt %0", 10)
X87_STORE(fist_m16, "fists %0", 2)
X87_STORE(fist_m32, "fistl %0", 4)
X87_STORE(fistp_m16, "fistps %0", 2)
X87_STORE(fistp_m32, "fistpl %0", 4)
X87_STORE(fistp_m64, "fistpll %0", 8)

#undef X87_LOAD
#undef X87_STORE

/* One stub for each register form: the instruction and RET; in op_x87.c. */
extern const u8 x87_register_stubs[512][4] __attribute__((visibility("hidden")));

/* The register form with this FOP, except those that read or write EFLAGS. */
static inline void x87_register(u16 fop)
{
    const void *stub = x87_register_stubs[(fop >> 2 & 0x1C0) | (fop & 0x3F)];

    /* The call's return address must not land in a leaf function's red zone. */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%0\n\tlea 128(%%rsp), %%rsp"
                     :
                     : "r"(stub)
                     : "memory");
}

/* FNSTSW AX and m16. */
static inline u16 x87_fnstsw(void)
{
    u16 sw;

    __asm__ volatile("fnstsw %0" : "=a"(sw));
    return sw;
}

#else

static inline bool fpu_fast(const struct cpu *c)
{
    return false;
}

#endif
#endif
