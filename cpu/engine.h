/*
 * What an engine is: something that runs a processor until an instruction count.
 */
#ifndef CPU_ENGINE_H
#define CPU_ENGINE_H

#include "base/types.h"

struct cpu;

enum engine_stop {
    ENGINE_COUNT,     /* cpu->count reached `until` */
    ENGINE_HALT,      /* HLT was executed */
    ENGINE_ATTENTION, /* cpu->attention is set: interrupts, deadlines, requests to stop */
    ENGINE_SHUTDOWN,  /* triple fault */
    ENGINE_ERROR,
};

struct engine {
    const char *name;
    /* Per-processor state of the engine in cpu->engine_data; false if the host refuses. */
    bool (*attach)(struct cpu *c);
    void (*detach)(struct cpu *c);
    /*
     * Run until cpu->count == until or one of the reasons above. On return all state is canonical
     * in struct cpu, run_index is 0 and rip is that of the next instruction. A processor that is
     * shut down runs nothing.
     */
    enum engine_stop (*run)(struct cpu *c, u64 until);
    /* Drop everything derived from guest code (tests, loading a snapshot). */
    void (*flush)(struct cpu *c);
};

/*
 * Execute one instruction with all checks: breakpoints, shadow, RF, single step. Faults are
 * delivered and count nothing. False after a triple fault. A breakpoint of the debugger sets
 * ATT_BREAK and executes nothing: see hooks.h.
 */
bool cpu_step(struct cpu *c);

extern const struct engine engine_interp;

#endif
