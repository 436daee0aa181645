/*
 * Snapshots in memory, each holding what has changed since the one before: the chips' state, and
 * versions of the frames that were written. A frame's version counts from its snapshot on until the
 * next one that has another. What the oldest knows of memory is everything the guest has touched.
 */
#ifndef DEVICES_BOARD_REWIND_STORE_H
#define DEVICES_BOARD_REWIND_STORE_H

#include "devices/board/input_log.h"
#include "devices/board/rewind_writes.h"

struct machine;
struct rewind_store;
struct version;

/* One snapshot. */
struct rewind_point {
    struct input_time at;
    u64 now_ns;
    u64 log_at;  /* of the first input behind it, see rewind.c */
    u64 disk_at; /* and of the first disk pre-image */
    u8 *state;
    size_t state_len;
    struct version **versions; /* contents of frames that are this snapshot's */
    u32 version_count;
    u32 protected_count;         /* frames whose next write the host will see, when it was taken */
    struct rewind_writes writes; /* since the one before */
    bool passing;                /* see rewind_store_insert */
    u64 number;                  /* rising; versions carry it */
};

/* Begins to keep book of written frames. NULL when out of memory. */
struct rewind_store *rewind_store_new(struct machine *m);
void rewind_store_free(struct rewind_store *s);

/* Snapshots there are, oldest first. */
unsigned rewind_store_count(const struct rewind_store *s);
const struct rewind_point *rewind_store_point(const struct rewind_store *s, unsigned index);
/* Host memory that all of it takes. */
size_t rewind_store_bytes(const struct rewind_store *s);

/* The machine as it stands, behind all others. NULL when out of memory: nothing was added. */
struct rewind_point *rewind_store_take(struct rewind_store *s);
/*
 * The machine as it stands somewhere between the oldest and the newest, in its place; `passing` is
 * set: it is only there to be found again soon. *index: that place. NULL if there is no room
 * between its neighbours, or no memory.
 */
struct rewind_point *rewind_store_insert(struct rewind_store *s, unsigned *index);
/*
 * Give the machine's memory and chips the state of a snapshot; those behind it stay. False and a
 * sentence in err: a part refused what it once saved, and the machine must not run.
 */
bool rewind_store_restore(struct rewind_store *s, unsigned index, char *err, size_t err_size);
/* Forget one; the others stay what they are. False when out of memory: it is still there. */
bool rewind_store_drop(struct rewind_store *s, unsigned index);
/* Forget all from `index` on. */
void rewind_store_cut(struct rewind_store *s, unsigned index);

#endif
