/*
 * The disks of a machine that goes back: what was overwritten, in order, and images shown as they
 * were. A file always holds the newest state: the past lies over it in memory.
 */
#ifndef DEVICES_BOARD_REWIND_DISK_H
#define DEVICES_BOARD_REWIND_DISK_H

#include "base/types.h"

struct board;
struct rewind_disks;

/* Watches what is in the drives now. NULL when out of memory. */
struct rewind_disks *rewind_disks_new(struct board *b);
void rewind_disks_free(struct rewind_disks *d);
/* Media have changed: forget everything, watch what is there now. False when out of memory. */
bool rewind_disks_reset(struct rewind_disks *d);

/* The position in what was overwritten so far. */
u64 rewind_disks_at(struct rewind_disks *d);
/* Memory that it takes; forget what is before a position. */
size_t rewind_disks_bytes(struct rewind_disks *d);
void rewind_disks_drop(struct rewind_disks *d, u64 before);

/* Show the disks as they were at a position. False when out of memory: nothing has changed. */
bool rewind_disks_go(struct rewind_disks *d, u64 at);
/* In the past: the position that the disks are at now. False if it is not known for sure. */
bool rewind_disks_here(struct rewind_disks *d, u64 *at);
/* The newest state again: what is overwritten goes to the files. */
void rewind_disks_return(struct rewind_disks *d);
/* What the machine sees becomes the newest state. 0, or the first error of writing as -errno. */
int rewind_disks_branch(struct rewind_disks *d);

#endif
