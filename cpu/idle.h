/*
 * Guests that wait without HLT: old systems ask the BIOS again and again whether a key was pressed.
 * Such a loop is recognised at the software interrupts it executes, which all engines see alike;
 * then the board may skip to the next event as if the guest had halted.
 */
#ifndef CPU_IDLE_H
#define CPU_IDLE_H

#include "base/types.h"

struct cpu;
struct state;

/* Guest state: what was seen of a loop so far. */
struct idle_watch {
    u64 site;      /* linear address of the INT that the loop is measured at */
    u64 count;     /* instructions at its last execution */
    u64 interval;  /* and between the last two */
    u64 registers; /* a hash of the registers there */
    u64 memory;    /* and of the program's data, at the first of the last rounds */
    bool explicit; /* the INT there says that the program waits */
    bool event;    /* time was skipped here: what has happened may have taken a while */
    u16 rounds;    /* how many alike */
    u8 doubts;     /* how often the program's data had changed after all */
};

/* Interrupts that a waiting program executes: INT `vector` where AX under `mask` is `ax`. */
struct idle_call {
    u8 vector;
    bool explicit; /* it says that it waits; else it only asks for something */
    u16 mask, ax;
};
enum { IDLE_CALLS = 6 };
extern const struct idle_call idle_calls[IDLE_CALLS];

/* INT `vector` is about to be executed in real or virtual-8086 mode; may set ATT_IDLE. */
void idle_note(struct cpu *c, u8 vector);
void idle_state(struct idle_watch *w, struct state *s);

#endif
