/* Starting the process in which a forked machine goes on, and hearing how that went. */
#ifndef FRONTEND_FORK_PROCESS_H
#define FRONTEND_FORK_PROCESS_H

#include "frontend/text.h"

struct fork_process {
    int socket; /* to it: fork_send */
    int errors; /* what it prints until it runs */
};

/* Start this program again with options; `argv` ends with NULL. False and one sentence in err. */
bool fork_process_start(struct fork_process *p, char *const *options, char *err, size_t err_size);
/*
 * Wait until it says that it runs, or why not, which is added to `out`. Then it is on its own; if
 * it has not said so in time, it ends.
 */
bool fork_process_wait(struct fork_process *p, struct text *out);
/* Instead: it ends. */
void fork_process_abandon(struct fork_process *p);

#endif
