/*
 * What instruction handlers are made of. A handler is `bool op_NAME(struct cpu *, const struct
 * insn *)`; it returns false with a fault pending and then has changed nothing the guest can see.
 * rip is the instruction's own; next_rip is the next one's, and branches change it.
 */
#ifndef CPU_OP_H
#define CPU_OP_H

#include "cpu/cpu.h"
#include "cpu/fault.h"
#include "cpu/mem.h"
#include "cpu/optab.h"

static inline u64 size_mask(unsigned size)
{
    return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

static inline u64 sign_extend(u64 v, unsigned size)
{
    unsigned shift = 64 - size * 8;

    return (u64)((s64)(v << shift) >> shift);
}

/* Registers; size 1 takes the numbers 16-19 for AH CH DH BH. 32-bit writes clear the upper half. */
static inline u64 reg_get(const struct cpu *c, unsigned reg, unsigned size)
{
    if (size == 1 && reg >= 16)
        return c->gpr[reg - 16] >> 8 & 0xFF;
    return c->gpr[reg] & size_mask(size);
}

static inline void reg_set(struct cpu *c, unsigned reg, unsigned size, u64 v)
{
    u64 *r = &c->gpr[size == 1 && reg >= 16 ? reg - 16 : reg];

    switch (size) {
    case 1:
        *r = reg >= 16 ? (*r & ~0xFF00ull) | (v & 0xFF) << 8 : (*r & ~0xFFull) | (v & 0xFF);
        break;
    case 2: *r = (*r & ~0xFFFFull) | (v & 0xFFFF); break;
    case 4: *r = (u32)v; break;
    default: *r = v;
    }
}

/* Offset of a memory operand in its segment, cut to the address size. */
u64 effective_address(const struct cpu *c, const struct insn *in);

/*
 * Operand n by its kind: register, memory, immediate, segment register. Memory that is read and
 * written (INSN_RMW) is read with a check for writing, so that write_op cannot fault afterwards.
 */
bool read_op(struct cpu *c, const struct insn *in, unsigned n, u64 *v);
bool write_op(struct cpu *c, const struct insn *in, unsigned n, u64 v);

/* The arithmetic flags one by one and together. */
static inline bool flag_cf(const struct cpu *c)
{
    return c->aflags & AF_CF;
}

static inline bool flag_pf(const struct cpu *c)
{
    return c->aflags & AF_PF;
}

static inline bool flag_af(const struct cpu *c)
{
    return c->aflags & AF_AF;
}

static inline bool flag_zf(const struct cpu *c)
{
    return c->aflags & AF_ZF;
}

static inline bool flag_sf(const struct cpu *c)
{
    return c->aflags & AF_SF;
}

static inline bool flag_of(const struct cpu *c)
{
    return c->aflags & AF_OF;
}

/* Set the flags in `mask` (enum aflags) to those of `value`. */
static inline void flags_put(struct cpu *c, u16 mask, u16 value)
{
    c->aflags = (u16)((c->aflags & ~mask) | (value & mask));
}

/* SF, ZF and PF of a result, in aflags form. */
u16 flags_szp(unsigned size, u64 result);
/* All six after sum = a + b (+ carry), diff = a - b (- borrow), and after a logical operation. */
void flags_add(struct cpu *c, unsigned size, u64 a, u64 b, u64 sum);
void flags_sub(struct cpu *c, unsigned size, u64 a, u64 b, u64 diff);
void flags_logic(struct cpu *c, unsigned size, u64 result);

/* Condition code 0-15 of Jcc, SETcc, CMOVcc (SDM Vol. 1, Appendix B). */
bool condition(const struct cpu *c, unsigned cc);

/*
 * The 286 leaves behind what an instruction had changed when it faulted: pointers and counts of
 * strings, SP of POP. Later chips restart as if nothing had happened. Source: recordings of an
 * N80C286-12, SingleStepTests/80286, by Daniel Balsom.
 */
static inline bool faults_leave_traces(const struct cpu *c)
{
    return model_has(c->model, FEAT_286) && !model_has(c->model, FEAT_386);
}

/*
 * Load the EFLAGS bits in `mask` (all kinds, reserved and missing ones are left out), and look at
 * what they change: mode, traps, interrupts.
 */
void flags_load(struct cpu *c, u32 value, u32 mask);
/* What POPF and IRET may change in real mode: all but VM, VIF, VIP and RF. */
u32 flags_mask_real(const struct cpu *c, unsigned opsize);

/* A near transfer to an offset: checks the CS limit, cuts to the operand size, notes nothing. */
bool branch_near(struct cpu *c, const struct insn *in, u64 target);

/* MOV to CR0, CR2, CR3 or CR4 with the processor's checks of the value; #GP pending on false. */
bool control_load(struct cpu *c, unsigned n, u64 v);
bool control_exists(const struct cpu *c, unsigned n);
/* MOV to DR0-DR3, DR6 or DR7, without its checks of who may. */
void debug_load(struct cpu *c, unsigned n, u64 v);

/* STI, POPF, IRET and friends changed IF: look at INTR again. */
void interrupts_changed(struct cpu *c);

#endif
