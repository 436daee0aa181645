/*
 * The process that the command fork starts: away from the terminal of the first, with a socket to
 * be controlled by, and a machine that has run already.
 */
#ifndef FRONTEND_FORKED_H
#define FRONTEND_FORKED_H

#include "frontend/options.h"

struct forked;
struct machine_config;

/* The first argument of such a process, in front of its options. No option: no user can give it. */
#define FORKED_WORD "--forked--"

/*
 * What it is started with: a socket to the first process (fork.h), on which it says in the end that
 * it runs; its standard error, which is the first process's until then; what that is to be later.
 */
enum { FORKED_SOCKET = 3, FORKED_STDERR = 4, FORKED_FDS = 5 };

/*
 * Before any thread: leave the first process, and choose what was not: no display, a socket for
 * programs. False if the host is short of something.
 */
bool forked_begin(struct options *o);
/* What the first process hands over; the configuration as resume_open. */
struct forked *forked_open(bool watched, struct machine_config *out, char *err, size_t err_size);
/* Tell the first process that the machine runs, and where it can be reached. False: it is gone. */
bool forked_tell(const struct options *o);

#endif
