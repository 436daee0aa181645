/*
 * The x87 on the host's x87.
 *
 * While an engine runs, the guest's x87 state may be in the host's FPU: registers, tags, TOP and
 * status word, with the guest's control word. Each guest instruction then is that same instruction
 * of the host, so results, flags, stack faults and undefined bits are the chip's own. The first
 * x87 instruction of a run loads the state (fpu_hold), engines put it back into struct fpu before
 * they return (fpu_leave). In between nothing on this thread may use the x87: `long double`, MMX
 * and the C library's long double functions are forbidden in everything an engine can call.
 *
 *   what                     host == FPU_IN_MEMORY   else
 *   registers, tags, TOP     struct fpu              host
 *   status word              struct fpu              host
 *   control word             struct fpu              both
 *   FIP FCS FDP FDS FOP      struct fpu              struct fpu (the host's are lost at random)
 *
 * A pending unmasked exception (SW_ES) is always FPU_IN_MEMORY: on the host it would strike at the
 * next x87 instruction.
 *
 * Hosts that are not x86-64 have no FPU to lend: there the guest sees a machine without one, every
 * x87 and MMX instruction raises #NM.
 *
 * Sources: SDM Vol. 1, "Programming with the x87 FPU"; Vol. 3A, "MMX State", "x87 FPU Exceptions".
 */
#ifndef CPU_FPU_H
#define CPU_FPU_H

#include "cpu/cpu.h"

enum fpu_host {
    FPU_IN_MEMORY,
    FPU_ON_HOST,        /* some exception is unmasked: look at the status word after each step */
    FPU_ON_HOST_MASKED, /* all exceptions are masked: nothing to look at */
};

/* SDM Vol. 1, "x87 FPU Status Register". */
enum fpu_sw {
    SW_IE = 1 << 0,
    SW_DE = 1 << 1,
    SW_ZE = 1 << 2,
    SW_OE = 1 << 3,
    SW_UE = 1 << 4,
    SW_PE = 1 << 5,
    SW_SF = 1 << 6,
    SW_ES = 1 << 7,
    SW_C0 = 1 << 8,
    SW_C1 = 1 << 9,
    SW_C2 = 1 << 10,
    SW_TOP = 7 << 11,
    SW_C3 = 1 << 14,
    SW_B = 1 << 15, /* the same as ES since the 387 */
    SW_EXCEPTIONS = SW_IE | SW_DE | SW_ZE | SW_OE | SW_UE | SW_PE,
    SW_TOP_SHIFT = 11,
};

/* "x87 FPU Control Word": the masks are the exceptions' bits; bit 6 always reads as one. */
enum fpu_cw {
    CW_MASKS = SW_EXCEPTIONS,
    CW_FIXED = 1 << 6,
    CW_WRITABLE = 0x1F3F,
    CW_INIT = 0x037F,
};

/*
 * The checks before a waiting x87 instruction: #NM by CR0.EM and TS; if an exception is pending
 * #MF, or with CR0.NE clear a stop until an interrupt comes. The stop is no fault: the handler ends
 * with `return fpu_stopped(c)`, true, and the engine finds the processor halted and rip unchanged.
 */
bool fpu_check(struct cpu *c, const struct insn *in);
static inline bool fpu_stopped(const struct cpu *c)
{
    return !c->fault.pending;
}
/* For those that do not wait (FNSTSW ...): #NM alone. */
bool fpu_check_no_wait(struct cpu *c);
/* All of WAIT, where #NM takes both CR0.MP and TS: what its handler returns. */
bool fpu_check_wait(struct cpu *c);
/* The checks before an MMX instruction: #UD by EM, #NM by TS, then as fpu_check. */
bool fpu_check_mmx(struct cpu *c);

/* State after power-on; INIT# leaves the FPU alone. SDM Vol. 3A, "Processor State After Reset". */
void fpu_reset(struct cpu *c);
/* As FNINIT leaves it. */
void fpu_init(struct cpu *c);
/* True if such a state can exist: for what comes from a file. */
bool fpu_sane(const struct fpu *f);

/* The state moves into the host's FPU, if it is not there yet. SW_ES must be clear. */
void fpu_hold(struct cpu *c);
/* The state moves back into struct fpu, if it is not there. Cheap if it is. */
void fpu_release(struct cpu *c);
/* For engines, before they return. */
static inline void fpu_leave(struct cpu *c)
{
    if (c->fpu.host != FPU_IN_MEMORY)
        fpu_release(c);
}

/* The status word with TOP, wherever it is. */
u16 fpu_status(struct cpu *c);
/* A new control word; ES follows. */
void fpu_set_control(struct cpu *c, u16 cw);
/* After a change of sw or cw in memory: ES, B and the FERR# pin follow. */
void fpu_settle(struct cpu *c);

/* The tag word of FNSTENV, from the registers' contents; state must be in memory. */
u16 fpu_tag_word(const struct fpu *f);
/* Of a tag word only the empties count: the chip looks at the contents itself. */
u8 fpu_tags_of_word(u16 word);

/* ST(i), in memory. */
static inline u8 *fpu_st(struct fpu *f, unsigned i)
{
    return f->reg[(f->top + i) & 7];
}

#endif
