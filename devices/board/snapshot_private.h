/*
 * What saving and loading share: versions of sections. The sections of a snapshot:
 *
 *   about     a line for people
 *   config    what to build (config.h)
 *   machine   the state stream of the machine, without memory
 *   disks     what was in the drives (snapdisk.h)
 *   overlay   runs of sectors that were kept in memory
 *   memory    which page of memory is where (snapmem.h)
 *   pages     the pages
 */
#ifndef DEVICES_BOARD_SNAPSHOT_PRIVATE_H
#define DEVICES_BOARD_SNAPSHOT_PRIVATE_H

#include "devices/board/snapfile.h"

enum { SNAPSHOT_CONFIG = 1, SNAPSHOT_MACHINE = 1, SNAPSHOT_ABOUT = 1 };

struct machine;

/*
 * Whether this is a moment to save or load at: not in the middle of a write that waits for the
 * host, nor in the past, where the disks are not what their images hold. False and the reason in
 * err.
 */
bool snapshot_check_moment(struct machine *m, char *err, size_t err_size);

/* All of them; ends with a row without a name. */
extern const struct snapfile_kind snapshot_kinds[];

#endif
