/*
 * Faults, traps and interrupts: raising them in handlers, and delivering them.
 */
#ifndef CPU_FAULT_H
#define CPU_FAULT_H

#include "cpu/cpu.h"

/* Make a fault pending and return false, so that handlers can `return fault_gp(c, 0);`. */
bool fault_raise(struct cpu *c, u8 vector);
bool fault_raise_error(struct cpu *c, u8 vector, u32 error);
bool fault_page(struct cpu *c, u64 la, u32 error); /* sets CR2 when delivered */

static inline bool fault_ud(struct cpu *c)
{
    return fault_raise(c, VEC_UD);
}

static inline bool fault_gp(struct cpu *c, u32 error)
{
    return fault_raise_error(c, VEC_GP, error);
}

/*
 * Deliver the pending fault: double faults, then shutdown with a report in c->crash, follow the
 * SDM's table (Vol. 3A, "Interrupt 8"). rip must be that of the faulting instruction. Returns
 * false after a triple fault. Counts no instruction, except once in many faults in a row.
 */
bool fault_deliver(struct cpu *c);

enum event_kind { EVENT_FAULT, EVENT_TRAP, EVENT_SOFTWARE /* INT n, INT3, INTO */, EVENT_EXTERNAL };

/*
 * Enter a handler through the IVT or IDT: gates, stack switches, task gates, virtual-8086 exits.
 * `return_rip` is what is pushed. On false a fault is pending (already with the EXT bit).
 */
bool event_deliver(struct cpu *c, u8 vector, enum event_kind kind, bool has_error, u32 error,
                   u64 return_rip);

/* As event_deliver at an instruction boundary, faults on the way included; false: triple fault. */
bool event_enter(struct cpu *c, u8 vector, enum event_kind kind);

/* INT n, with what virtual-8086 mode makes of it: IOPL, redirection under VME. For handlers. */
bool software_interrupt(struct cpu *c, u8 vector);

/*
 * The end of an instruction that was executed by itself: single step and data breakpoint traps,
 * after `rip` is that of the next instruction. Returns false after a triple fault.
 */
bool debug_traps(struct cpu *c, bool was_tf);
/* DR7 enables at least one instruction breakpoint. */
bool debug_has_code_breakpoint(const struct cpu *c);
/* An enabled data breakpoint touches this linear page. */
bool debug_watches_page(const struct cpu *c, u64 linear_page);
/* A task switch to a TSS with its T bit set: a trap before the first instruction. */
void debug_task_trap(struct cpu *c);
/* True if an instruction breakpoint (DR7) matches rip and RF is clear; the fault is then pending.
 */
bool debug_code_breakpoint(struct cpu *c);
/* Note data accesses for DR7; called by the slow memory path on watched pages. */
void debug_data_access(struct cpu *c, u64 la, unsigned size, bool write);
/* I/O breakpoints (CR4.DE). */
void debug_io_access(struct cpu *c, u16 port, unsigned size);

#endif
