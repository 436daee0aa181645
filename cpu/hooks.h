/*
 * Where a debugger hangs on to a processor. struct cpu points to these functions while something is
 * armed and to nothing otherwise, and every place that asks is a slow path already: an instruction
 * executed by itself, an access that missed the T tables, a port, an MSR, a delivered event. So a
 * debugger that wants nothing costs nothing. Pages with a breakpoint have no exec entry and watched
 * pages no read or write entries (mmu.h), which brings every engine to these places.
 *
 * A function that wants the machine to stop calls cpu_break: the engine then leaves at the next
 * instruction boundary. Nothing here may change guest state. All functions must be there.
 */
#ifndef CPU_HOOKS_H
#define CPU_HOOKS_H

#include "cpu/cpu.h"
#include "cpu/fault.h"

/* One access by the guest, within a page. Reads by the page walker are none. */
struct cpu_access {
    u64 la, gpa;
    u8 size; /* bytes, at most 8 */
    bool write;
    u64 old, value; /* equal for reads; ones where there was no memory */
};

struct cpu_hooks {
    void *opaque;
    bool ports; /* `port` wants each access of INS and OUTS, which else go in blocks */
    /*
     * Before the instruction at CS:rip, where the page is hidden or SPECIAL_DEBUGGER is set; true
     * to stop in front of it.
     */
    bool (*boundary)(void *opaque);
    /* enum mmu_hide: how the page at `la`, which is at `gpa`, is to be kept out of the tables. */
    u32 (*hides)(void *opaque, u64 la, u64 gpa);
    void (*memory)(void *opaque, const struct cpu_access *a);
    void (*port)(void *opaque, u16 port, unsigned size, bool write, u32 value);
    void (*msr)(void *opaque, u32 index, bool write, u64 value);
    /* Before delivery; rip is that of the instruction to blame, or of the interrupted one. */
    void (*event)(void *opaque, u8 vector, enum event_kind kind, bool has_error, u32 error);
    /* Mode, CR0, CR4, privilege level or a segment that they follow from may have changed. */
    void (*level)(void *opaque);
    void (*task)(void *opaque, u16 from, u16 to);
    /* A triple fault; c->crash says why. */
    void (*shutdown)(void *opaque);
    /* XCHG BX, BX. */
    void (*magic)(void *opaque);
};

static inline void cpu_break(struct cpu *c)
{
    c->attention |= ATT_BREAK;
}

#endif
