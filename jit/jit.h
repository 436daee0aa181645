/*
 * The translator as an engine: hot decoded runs become host code in which guest registers are host
 * registers and guest instructions mostly themselves. docs/translator.md tells how it works.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "base/types.h"

struct cpu;
struct engine;

/*
 * On x86-64 hosts. attach fails where the host refuses executable memory; a processor older than
 * the 386 is interpreted by it.
 */
extern const struct engine engine_jit;

/* For tests: translate a run at its n-th execution (1: at once; 0: the default). */
void jit_set_threshold(struct cpu *c, u32 n);
/* For tests: translate runs together with those that follow them before they are known to be hot.
 */
void jit_traces_at_once(struct cpu *c, bool on);

/*
 * For tests: what the translator may do, or have done to it, at any moment without the guest seeing
 * it. A seed chooses what a disturbance is about.
 */
enum jit_disturbance {
    DISTURB_FLUSH,         /* forget all blocks and decoded runs */
    DISTURB_BLOCKS,        /* some blocks; their runs are interpreted and become hot again */
    DISTURB_RUNS,          /* some runs with their blocks, as if their bytes had been written */
    DISTURB_TABLES,        /* drop some pages from T and keep what the guest's TLB has of them */
    DISTURB_HEAT,          /* runs decoded from now on are translated sooner or later */
    DISTURB_WINDOWS,       /* clear those of some classes, until windows are chosen again */
    DISTURB_WINDOW_PAGES,  /* take some pages away from them */
    DISTURB_WINDOW_USE,    /* from now on there are none, or some again */
    DISTURB_WINDOW_SITES,  /* some instructions give up theirs; the blocks go */
    DISTURB_WINDOW_FAULTS, /* faults have cost as much as they may */
    DISTURB_WINDOW_PIECES, /* the host's limit of mappings is near */
    DISTURBANCES,
};

/* Between two runs of the engine or in a handler: whenever the state is that of struct cpu. */
void jit_disturb(struct cpu *c, enum jit_disturbance what, u64 seed);
/*
 * From now on any of them, at random moments: about each `one_in`-th time that a handler was called
 * or a block left. 0: no more.
 */
void jit_disturb_often(struct cpu *c, u32 one_in, u64 seed);

/*
 * When translated code reaches memory through windows instead of tables: never; when it seems worth
 * their cost, which is the default; always, for tests; always, and what they show is checked after
 * whatever may take pages away: if it is wrong, the program ends with a message.
 */
enum jit_windows { WINDOWS_AUTO, WINDOWS_OFF, WINDOWS_ALWAYS, WINDOWS_PARANOID };
void jit_windows_mode(struct cpu *c, enum jit_windows mode);

/*
 * Write the names of blocks into /tmp/perf-PID.map, where Linux' perf looks for them:
 * guest_ADDRESS, with _rare behind for code that is kept apart. False, and errno, if that file
 * cannot be.
 */
bool jit_perf_map(struct cpu *c);

/* "info jit": blocks, hits, invalidations, what was left to handlers. Bytes written. */
size_t jit_describe(const struct cpu *c, char *out, size_t out_size);
/*
 * The translations of the code at linear address `la`, guest instructions each with its host code.
 * Bytes written; 0 if it is not translated.
 */
size_t jit_dump(struct cpu *c, u64 la, char *out, size_t out_size);

#endif
