/*
 * States of the machine in a recording: the start, and points on the way, at which a replay can
 * begin too. A point holds what has changed since the one before. A worker compresses and writes
 * it, and copies memory if there is much of it (frame_copy.h).
 */
#ifndef DEVICES_BOARD_RECORD_POINT_H
#define DEVICES_BOARD_RECORD_POINT_H

#include "base/types.h"

struct board;
struct machine;
struct record_disks;
struct record_points;
struct replay_writer;
struct state;
struct state_check;

/*
 * For the start; and points at least `least_ns` of virtual time apart; 0: none. They are fewer
 * where they would take more than a hundredth of the host's time, half of it the worker's, or more
 * than 1 MiB of the file for each second of virtual time. NULL when out of memory.
 */
struct record_points *record_points_new(struct machine *m, struct replay_writer *file,
                                        struct record_disks *disks, struct state_check *check,
                                        u64 least_ns);
/* Waits for the worker. */
void record_points_free(struct record_points *p);

/*
 * Begin to write the start: all that the first state check, of this moment, found. False and a
 * sentence in err. Inputs must not come into the file before it is written.
 */
bool record_points_start(struct record_points *p, char *err, size_t err_size);
/* The start, and what was begun last, are in the file. */
bool record_points_are_written(struct record_points *p);
void record_points_wait(struct record_points *p);
/* No: memory ran out on the way. There will be no more. */
bool record_points_failed(const struct record_points *p);

/* It is time for the next one, and the last one is in the file. */
bool record_points_due(struct record_points *p);
/*
 * One of the moment at which the state check was last taken, which is now. A replay that begins
 * here goes on with the record at byte `log_at` of the input log; the records before it are in the
 * file.
 */
void record_points_take(struct record_points *p, u64 log_at);
/* How many there are; those that were not written for want of memory do not count. */
u64 record_points_count(const struct record_points *p);

/* The chips' state without memory; NULL and a sentence in err. To be freed. */
struct state *record_chips(struct board *b, char *err, size_t err_size);

#endif
