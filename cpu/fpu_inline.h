/*
 * x87 instructions as the interpreter's hot bodies take them: the host's own instruction, on the
 * state that fpu_hold has loaded.
 *
 *     if (fpu_fast(c)) {
 *         fpu_note(c, rip, fop);
 *         x87_run(stub, host_address_of_operand);
 *     } else {
 *         the generic handler
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
static inline void fpu_note(struct cpu *c, u64 rip, u16 fop)
{
    c->fpu.fip = rip;
    c->fpu.fcs = c->seg[SEG_CS].sel;
    c->fpu.fop = fop;
}

#if defined(__x86_64__)

/* No fault, no exception to look for, and the state is on the host. */
static inline bool fpu_fast(const struct cpu *c)
{
    return likely(c->fpu.host == FPU_ON_HOST_MASKED) && likely(!(c->cr0 & (CR0_EM | CR0_TS)));
}

/*
 * Stubs, in op_x87.c: each instruction as it is and RET, four bytes. Register forms by opcode * 64
 * + (ModRM & 63), memory forms by opcode * 8 + ModRM.reg with the operand at RSI.
 */
extern const u8 x87_register_stubs[512][4] __attribute__((visibility("hidden")));
extern const u8 x87_memory_stubs[64][4] __attribute__((visibility("hidden")));

static inline const void *x87_stub(const struct insn *in)
{
    u16 fop = fpu_opcode(in);

    return in->modrm >= 0xC0 ? x87_register_stubs[(fop >> 2 & 0x1C0) | (fop & 0x3F)]
                             : x87_memory_stubs[(fop >> 5 & 0x38) | (fop >> 3 & 7)];
}

/*
 * Run a stub; `operand` is the host address of a memory form's operand, of any alignment. Not for
 * what reads or writes EFLAGS: x87_call does those.
 */
static inline void x87_run(const void *stub, void *operand)
{
    /* The call's return address must not land in a leaf function's red zone. */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%0\n\tlea 128(%%rsp), %%rsp"
                     :
                     : "r"(stub), "S"(operand)
                     : "memory");
}

/* The same with the arithmetic flags, in the form of cpu->aflags: FCMOVcc, FCOMI and their kin. */
u16 x87_call(const void *stub, void *operand, unsigned aflags)
    __attribute__((visibility("hidden")));

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
