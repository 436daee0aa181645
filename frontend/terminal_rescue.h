/*
 * Gives the user's terminal back whatever happens: after a crash, and with what was printed on
 * stderr meanwhile, which would have spoilt the screen. There is one terminal a process.
 */
#ifndef FRONTEND_TERMINAL_RESCUE_H
#define FRONTEND_TERMINAL_RESCUE_H

#include "base/types.h"

/*
 * Remember the terminal as it is; keep stderr in memory if it is that terminal. Before a machine
 * runs: translated code meets faults of the host's on purpose, which must not come here first.
 */
void terminal_rescue_begin(void);
/* The last line that was printed on stderr, without newline; false if there is none since. */
bool terminal_rescue_message(char *line, size_t size);
/* The terminal is as before: print what was kept. */
void terminal_rescue_end(void);

#endif
