/*
 * What is on a disk at a moment, written into a new image while the guest goes on: the way to keep
 * what --discard, or a fork, has in memory only.
 */
#ifndef DEVICES_BOARD_DISK_COPY_H
#define DEVICES_BOARD_DISK_COPY_H

#include "devices/board/machine.h"

struct disk_copy;

/* Take the moment, on the machine thread. NULL and one sentence in err. */
struct disk_copy *disk_copy_start(struct machine *m, enum drive_id drive, char *err,
                                  size_t err_size);
/*
 * Any thread, once for each copy: write it to a file that is not there yet. False and one sentence
 * in err; there is no such file then.
 */
bool disk_copy_finish(struct disk_copy *c, const char *path, char *err, size_t err_size);

#endif
