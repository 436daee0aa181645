/*
 * Disks of a machine that is recorded. What they held goes into the recording before it is
 * overwritten, so that a replay sees each disk as it was; and what was written between two points
 * of the recording, so that a replay can begin there.
 *
 * Media have numbers: those in the drives at the start 0 to 5, then in the order in which they
 * come.
 */
#ifndef DEVICES_BOARD_RECORD_DISK_H
#define DEVICES_BOARD_RECORD_DISK_H

#include "base/types.h"

struct board;
struct record_disks;
struct replay_writer;

/* Bytes of one chunk, in a list. */
struct record_piece {
    struct record_piece *next;
    size_t len;
    u8 bytes[];
};

/* Begins with what is in the drives now. NULL when out of memory. */
struct record_disks *record_disks_new(struct board *b, struct replay_writer *file);
/* Nothing goes into the file any more. */
void record_disks_free(struct record_disks *d);

/* Another medium is in a drive; it takes the next number. False when out of memory. */
bool record_disks_insert(struct record_disks *d, unsigned drive);
/* Media may have been taken out. */
void record_disks_removed(struct record_disks *d);

/* The number of the medium in a drive, REPLAY_NO_MEDIUM if it is empty. */
u32 record_disks_number(const struct record_disks *d, unsigned drive);
/*
 * What was written since the last time, as WRIT chunks hold it, to be freed; waits for requests
 * that were started. False when out of memory: nothing is forgotten.
 */
bool record_disks_written(struct record_disks *d, struct record_piece **out);
void record_pieces_free(struct record_piece *p);

#endif
