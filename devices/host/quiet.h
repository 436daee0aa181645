/*
 * Writing to what may break: a pipe without a reader raises SIGPIPE, a file past the host's size
 * limit SIGXFSZ, and either would kill the process. Between quiet_begin and quiet_end this thread
 * gets EPIPE or EFBIG instead; signals of others' making stay pending. errno is kept.
 */
#ifndef DEVICES_HOST_QUIET_H
#define DEVICES_HOST_QUIET_H

#include "base/types.h"

#include <signal.h>

struct quiet {
    sigset_t old_mask;
    sigset_t ours; /* those of the two that were not pending before */
};

void quiet_begin(struct quiet *q);
void quiet_end(struct quiet *q);

#endif
