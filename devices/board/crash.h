/* The report of a crash: what happened, the code there, who called, the last control transfers. */
#ifndef DEVICES_BOARD_CRASH_H
#define DEVICES_BOARD_CRASH_H

#include "base/types.h"

struct machine;
struct report;

/* Of a processor that has shut down, before it is reset; several lines. */
void crash_describe(struct machine *m, char *out, size_t out_size);
/* Who called what the processor executes now; nothing if nobody is found. */
void crash_add_callers(struct machine *m, struct report *r);

#endif
