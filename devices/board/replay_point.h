/*
 * The points of a recording at which a replay can begin: point 0 is its start, the others are
 * states that were kept on the way.
 */
#ifndef DEVICES_BOARD_REPLAY_POINT_H
#define DEVICES_BOARD_REPLAY_POINT_H

#include "devices/board/input_log.h"
#include "devices/board/machine.h"

struct replay_point {
    struct input_time at;
    u64 now_ns;              /* virtual time; of the start only if has_time */
    bool has_time;           /* the first version of the format did not tell it */
    u64 log_at;              /* byte of the input log with the next record */
    u32 medium[DRIVE_COUNT]; /* numbers of what is in the drives, REPLAY_NO_MEDIUM */
    u32 next_medium;         /* number of the next one that comes in */
};

struct replay_points {
    struct replay_point *point;
    unsigned count, room;
};

/* Add the one that a PNT chunk of `len` bytes tells. NULL, or why not. */
const char *replay_points_add(struct replay_points *p, const u8 *bytes, u32 len,
                              const struct input_log *inputs);
bool replay_points_push(struct replay_points *p, const struct replay_point *one);
void replay_points_free(struct replay_points *p);

/*
 * The last point that is not behind what `where` says: seconds of virtual time, "@N" instructions,
 * or
 * "#N" for point N itself. False and a sentence in err.
 */
bool replay_points_find(const struct replay_points *p, const char *where, unsigned *out, char *err,
                        size_t err_size);
/* It has one of these forms. */
bool replay_where_is_valid(const char *where);

#endif
