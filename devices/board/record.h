/*
 * Recording a machine into a file, from any moment on: configuration, hashes of the disks, the
 * state it starts from, everything that comes in, and checks of the state on the way. Of images
 * that are written to, the old contents go into the recording first, so that a replay sees each
 * disk as it was. docs/replay-format.md describes the file.
 */
#ifndef DEVICES_BOARD_RECORD_H
#define DEVICES_BOARD_RECORD_H

#include "base/types.h"

struct machine;
struct recording;

/* Begin between two instructions. NULL and one sentence in err. */
struct recording *record_start(struct machine *m, const char *path, char *err, size_t err_size);
/*
 * End it and free. False and one sentence in `told` if the file is not whole; true with a summary
 * there.
 */
bool record_stop(struct recording *r, char *told, size_t told_size);

#endif
