/*
 * Who called: return addresses on the guest's stack, found when somebody asks. Engines note no
 * calls for it.
 */
#ifndef DEVICES_BOARD_DEBUG_CALLERS_H
#define DEVICES_BOARD_DEBUG_CALLERS_H

#include "base/types.h"

struct cpu;

struct caller {
    u16 cs;
    u64 off, la;      /* where it returns to */
    u64 stack;        /* offset in SS of the return address */
    bool sure;        /* a frame of the (E)BP chain; else the value may be left over, or chance */
    bool interrupted; /* no call: an interrupt or exception came there */
};

/*
 * The stack from SS:ESP up, innermost caller first: each item that is the address behind a CALL,
 * or in protected mode begins what an interrupt has pushed.
 * Returns how many were found, at most `max`. Touches nothing; stops where there is no memory.
 */
unsigned debug_callers(struct cpu *c, struct caller *out, unsigned max);

#endif
