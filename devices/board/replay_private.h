/* What the files of replay share: replay.c plays, replay_read.c, _disk.c and _start.c prepare it.
 */
#ifndef DEVICES_BOARD_REPLAY_PRIVATE_H
#define DEVICES_BOARD_REPLAY_PRIVATE_H

#include "devices/board/machine_private.h"
#include "devices/board/replay.h"
#include "devices/board/replay_head.h"
#include "devices/board/replay_point.h"

struct blk;
struct state_check;

enum { REPLAY_SECTOR = 512 };

/* A chunk that is kept as it is, in the order of the file. */
struct kept_chunk {
    struct kept_chunk *next;
    u32 len;
    u8 *data;
};

struct chunk_list {
    struct kept_chunk *first, **last;
};

enum replay_status { REPLAY_NOT_STARTED, REPLAY_PLAYING, REPLAY_ENDED, REPLAY_DIVERGED };

struct replay {
    char *name;
    struct log *log;
    struct replay_head head;
    bool is_foreign; /* another processor's */
    struct replay_foreign foreign;
    bool has_head, has_state, whole;
    bool has_point_state;         /* while reading: behind the last point */
    struct machine_config config; /* the head's, and our hook */
    struct chunk_list disks;
    struct input_log *inputs;
    struct replay_points points;
    unsigned begin; /* the point to begin at */
    const u8 *data; /* the file, until it plays */
    size_t len;
    void *map; /* NULL, or where it is ours */

    /* While it plays. */
    struct machine *m;
    struct input_player player;
    struct state_check *check;
    enum replay_status status;
    size_t at;     /* of the next record */
    bool has_next; /* `next` is it */
    struct input_record next;
    size_t behind_next;
    struct input_time sound; /* the last moment at which all was as recorded */
    u64 played, checks;
    u32 next_medium; /* number of the next one that comes in */
    u32 opening;     /* number of the one that is being opened, or REPLAY_NO_MEDIUM */
    char report[600];
};

/* "replay: 'NAME': WHAT" in err; false. */
bool replay_say(char *err, size_t err_size, const struct replay *r, const char *what);
/* Once it plays. */
void replay_forget_file(struct replay *r);

/* For media.c: give an image the contents it had before the guest sees it. */
bool replay_medium_opened(void *opaque, unsigned drive, struct blk *blk, char *err,
                          size_t err_size);
/* Media that were changed before the point at which it begins. */
bool replay_swap_media(struct replay *r, const struct replay_point *p, char *err, size_t err_size);

/* BIOS, kernel and RAM disk are those of the recording. */
bool replay_same_firmware(struct replay *r, char *err, size_t err_size);
/* Memory, disks and chips as they were at point r->begin. */
bool replay_load_machine(struct replay *r, char *err, size_t err_size);

#endif
