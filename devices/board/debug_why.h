/* Why the machine does nothing, hangs or was reset, in a sentence or two. */
#ifndef DEVICES_BOARD_DEBUG_WHY_H
#define DEVICES_BOARD_DEBUG_WHY_H

#include "base/types.h"

struct machine;

/*
 * Says what the machine is doing. A machine that is not halted runs for up to 4096 instructions, so
 * that there is something to look at; one that stands still stands still again behind them. On the
 * machine thread. May let other posted commands run.
 */
void debug_why(struct machine *m, char *out, size_t out_size);

#endif
