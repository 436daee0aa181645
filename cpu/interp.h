/*
 * The interpreter as other engines use it: decoded runs, and the loop over them.
 */
#ifndef CPU_INTERP_H
#define CPU_INTERP_H

#include "cpu/run.h"

/*
 * MODE_FLAT if DS, ES and SS all have base 0 and 4 GiB for reading and writing; MODE_CS_FREE if CS
 * binds no branch: 32-bit code with base 0 and 4 GiB, 16-bit code with 64 KiB or more. They are
 * part of the key of a run, and only handlers change segments: they are followed by another look.
 */
enum { MODE_CS_FREE = 1 << 6, MODE_FLAT = 1 << 7 };

/* For attach and detach: decoded runs of this processor. False if the host has no memory. */
bool interp_open(struct cpu *c);
void interp_close(struct cpu *c);

/*
 * Interpret until c->count == until or a reason to stop. If `hot` is not NULL, also until a run
 * whose heat is used up is about to execute: then *hot is that run, whose heat is 1 again, c->rip
 * its start, and the result means nothing. The state of the x87 may be left on the host.
 */
enum engine_stop interp_until(struct cpu *c, u64 until, struct run **hot);

/* MODE_FLAT and MODE_CS_FREE as the segments are now. */
u32 interp_segment_mode(const struct cpu *c);
/*
 * The run at CS:rip, which is about to be executed, or NULL if the instruction there must be
 * stepped. Never faults, but its page may come into the TLB, as by the fetch that follows.
 */
struct run *interp_find_run(struct cpu *c, u32 segment_mode);
struct run_cache *interp_runs(const struct cpu *c);

#endif
