/* Disks of a replay: images as they were when their media came in; see replay_private.h. */
#include "devices/board/replay_private.h"

#include "base/bytes.h"
#include "devices/board/medium.h"
#include "devices/board/replay_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a medium was when it came in. */
struct medium_name {
    u32 number;
    const u8 *path;
    u32 len;
    const u8 *hash;
    u64 sectors;
};

/* The medium of a number: a drive's at the start, or one that comes in later. */
static bool find_medium(const struct replay *r, u32 number, struct medium_name *out,
                        struct input_record *room)
{
    u32 n = DRIVE_COUNT;

    if (number < DRIVE_COUNT) {
        const struct replay_medium *d = &r->head.drive[number];

        *out = (struct medium_name){number, (const u8 *)d->path, d->path ? (u32)strlen(d->path) : 0,
                                    d->hash, d->sectors};
        return d->there;
    }
    for (size_t at = 0; input_log_read(r->inputs, &at, room);)
        if (room->source == INPUT_INSERT && !room->medium.refused && n++ == number) {
            *out = (struct medium_name){number, room->data, room->len, room->medium.hash,
                                        room->medium.sectors};
            return true;
        }
    return false;
}

static bool same_file(const struct medium_name *a, const struct medium_name *b)
{
    return a->len == b->len && (!a->len || !memcmp(a->path, b->path, a->len));
}

/* What the chunks from the last back to the first one say of medium `number`. */
static bool put_back(const struct replay *r, u32 number, struct blk *blk)
{
    u32 count = 0, i = 0;
    const struct kept_chunk **order;
    bool good = true;

    for (const struct kept_chunk *k = r->disks.first; k; k = k->next)
        count += get_le32(k->data) == number;
    if (!count)
        return true;
    order = malloc(count * sizeof *order);
    if (!order)
        return false;
    for (const struct kept_chunk *k = r->disks.first; k; k = k->next)
        if (get_le32(k->data) == number)
            order[i++] = k;
    while (i-- && good)
        good = !blk_restore_sectors(blk, get_le64(order[i]->data + 8), get_le32(order[i]->data + 4),
                                    order[i]->data + REPLAY_DISK_HEAD);
    free(order);
    return good;
}

/*
 * Give an image the contents it had when medium `number` came in. The file holds what it held at
 * the very end: of all the times it was in a drive since, the last is undone first.
 */
static bool rewind_medium(struct replay *r, u32 number, struct blk *blk)
{
    struct input_record room, other_room;
    struct medium_name self, other;
    u32 last = number;

    if (!find_medium(r, number, &self, &room))
        return true;
    for (u32 n = number < DRIVE_COUNT ? DRIVE_COUNT : number + 1;
         find_medium(r, n, &other, &other_room); n++)
        last = n;
    for (u32 n = last; n > number; n--)
        if (n >= DRIVE_COUNT && find_medium(r, n, &other, &other_room) &&
            same_file(&self, &other) && !put_back(r, n, blk))
            return false;
    return put_back(r, number, blk);
}

bool replay_medium_opened(void *opaque, unsigned drive, struct blk *blk, char *err, size_t err_size)
{
    struct replay *r = opaque;
    bool building = r->status == REPLAY_NOT_STARTED && r->opening == REPLAY_NO_MEDIUM;
    u32 number = building ? drive : r->opening;
    u8 hash[MEDIUM_HASH_BYTES];
    struct input_record room;
    struct medium_name name;

    r->opening = REPLAY_NO_MEDIUM;
    if (building ? !r->head.drive[drive].is_config : number == REPLAY_NO_MEDIUM)
        return true; /* it has left the drive before the recording begins; it is the user's */
    if (!find_medium(r, number, &name, &room))
        return true;
    if (blk_sectors(blk) == name.sectors && rewind_medium(r, number, blk) &&
        !medium_hash(blk, hash) && !memcmp(hash, name.hash, sizeof hash))
        return true;
    snprintf(err, err_size,
             "replay: '%s': the image '%s' is not what it was: it was changed after the recording; "
             "put the right one there",
             r->name, blk_name(blk));
    return false;
}

/* Medium `number` for a drive, as it was when it came in; *out stays NULL for none. */
static bool open_medium(struct replay *r, unsigned drive, u32 number, struct blk **out, char *err,
                        size_t err_size)
{
    char path[MACHINE_PATH_MAX];
    struct input_record room;
    struct medium_name name;

    if (number == REPLAY_NO_MEDIUM)
        return true;
    if (!find_medium(r, number, &name, &room))
        return replay_say(err, err_size, r, "a medium is not named");
    snprintf(path, sizeof path, "%.*s", (int)name.len, (const char *)name.path);
    r->opening = number;
    *out = media_open(&r->m->board, (enum drive_id)drive, path, err, err_size);
    r->opening = REPLAY_NO_MEDIUM;
    return *out;
}

bool replay_swap_media(struct replay *r, const struct replay_point *p, char *err, size_t err_size)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = NULL;

        if (p->medium[i] == i ? r->head.drive[i].is_config
                              : p->medium[i] == REPLAY_NO_MEDIUM && !r->m->board.drive[i].blk)
            continue;
        if (!open_medium(r, i, p->medium[i], &blk, err, err_size))
            return false;
        blk_close(media_swap(&r->m->board, (enum drive_id)i, blk));
    }
    return true;
}
