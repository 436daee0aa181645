/*
 * Disks of a recording; see record_disk.h. Sinks of disks are called by the thread that serves a
 * request; while none is under way, the machine thread has their bits for itself.
 */
#include "devices/board/record_disk.h"

#include "base/bytes.h"
#include "devices/board/board.h"
#include "devices/board/replay_file.h"
#include "devices/host/blk_overlay.h"

#include <stdlib.h>
#include <string.h>

enum {
    SECTOR = 512,
    PIECE_SECTORS = 128, /* in one chunk */
};

/* A medium that is written to. */
struct kept_medium {
    struct kept_medium *next;
    struct replay_writer *file;
    struct blk *blk;
    u32 number;
    u8 *known; /* a bit for each sector: the recording has what it held at first */
    u8 *fresh; /* written since the last point */
};

struct record_disks {
    struct board *board;
    struct replay_writer *file;
    struct kept_medium *media;
    u32 number[DRIVE_COUNT]; /* of what was put there last */
    u32 next_number;
};

static bool test_bit(const u8 *bits, u64 i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static void set_bits(u8 *bits, u64 first, u32 count)
{
    for (u64 i = first; i < first + count; i++)
        bits[i / 8] |= (u8)(1u << i % 8);
}

/* ---- What was overwritten ---- */

static void put_head(u8 *piece, const struct kept_medium *k, u64 sector, u32 count)
{
    put_le32(piece, k->number);
    put_le32(piece + 4, count);
    put_le64(piece + 8, sector);
}

static void put_sectors(struct kept_medium *k, u64 sector, u32 count, const u8 *data)
{
    u8 piece[REPLAY_DISK_HEAD + PIECE_SECTORS * SECTOR];

    put_head(piece, k, sector, count);
    memcpy(piece + REPLAY_DISK_HEAD, data, (size_t)count * SECTOR);
    replay_writer_put(k->file, REPLAY_DISK, piece, REPLAY_DISK_HEAD + (size_t)count * SECTOR);
}

/* On any thread, one at a time for a medium. */
static int keep_old(void *opaque, u64 sector, u32 count, const void *old)
{
    struct kept_medium *k = opaque;
    const u8 *data = old;

    set_bits(k->fresh, sector, count);
    while (count) {
        u32 n = 0;

        while (n < count && n < PIECE_SECTORS && !test_bit(k->known, sector + n))
            n++;
        set_bits(k->known, sector, n);
        if (n)
            put_sectors(k, sector, n, data);
        else
            n = 1;
        sector += n;
        data += (size_t)n * SECTOR;
        count -= n;
    }
    return 0;
}

/* What a medium in a drive keeps in memory, which no file will have: as if overwritten now. */
static void put_private_writes(struct kept_medium *k)
{
    const struct blk_overlay *o = blk_private_writes(k->blk);
    u8 data[SECTOR];
    u64 sector = 0;
    u32 count;

    for (; o && blk_overlay_next(o, &sector, &count); sector += count)
        for (u32 i = 0; i < count; i++) {
            blk_overlay_patch(o, sector + i, 1, data);
            keep_old(k, sector + i, 1, data);
        }
    memset(k->fresh, 0, (size_t)(blk_sectors(k->blk) / 8 + 1));
}

/* ---- What is in the drives ---- */

static void free_medium(struct kept_medium *k)
{
    if (!k)
        return;
    free(k->known);
    free(k->fresh);
    free(k);
}

static bool watch(struct record_disks *d, struct blk *blk, u32 number)
{
    struct kept_medium *k;

    if (!blk || blk_is_read_only(blk))
        return true;
    k = calloc(1, sizeof *k);
    if (k) {
        k->known = calloc(1, (size_t)(blk_sectors(blk) / 8 + 1));
        k->fresh = calloc(1, (size_t)(blk_sectors(blk) / 8 + 1));
    }
    if (!k || !k->known || !k->fresh || blk_add_preimage_sink(blk, keep_old, k)) {
        free_medium(k);
        return false;
    }
    *k = (struct kept_medium){d->media, d->file, blk, number, k->known, k->fresh};
    d->media = k;
    put_private_writes(k);
    return true;
}

struct record_disks *record_disks_new(struct board *b, struct replay_writer *file)
{
    struct record_disks *d = calloc(1, sizeof *d);
    bool good = d;

    if (!d)
        return NULL;
    d->board = b;
    d->file = file;
    d->next_number = DRIVE_COUNT;
    for (unsigned i = 0; i < DRIVE_COUNT && good; i++) {
        d->number[i] = i;
        good = watch(d, b->drive[i].blk, i);
    }
    if (good)
        return d;
    record_disks_free(d);
    return NULL;
}

static bool in_a_drive(const struct board *b, const struct blk *blk)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (b->drive[i].blk == blk)
            return true;
    return false;
}

/* Forget media that were taken out and closed; with `all` also those that are still there. */
static void drop(struct record_disks *d, bool all)
{
    struct kept_medium **at = &d->media, *k;

    while ((k = *at)) {
        bool there = in_a_drive(d->board, k->blk);

        if (there && !all) {
            at = &k->next;
            continue;
        }
        if (there)
            blk_remove_preimage_sink(k->blk, keep_old, k);
        *at = k->next;
        free_medium(k);
    }
}

void record_disks_free(struct record_disks *d)
{
    if (!d)
        return;
    drop(d, true);
    free(d);
}

void record_disks_removed(struct record_disks *d)
{
    drop(d, false);
}

bool record_disks_insert(struct record_disks *d, unsigned drive)
{
    drop(d, false);
    d->number[drive] = d->next_number++;
    return watch(d, d->board->drive[drive].blk, d->number[drive]);
}

u32 record_disks_number(const struct record_disks *d, unsigned drive)
{
    return d->board->drive[drive].blk ? d->number[drive] : REPLAY_NO_MEDIUM;
}

/* ---- What was written ---- */

static bool read_now(const struct kept_medium *k, const struct blk_overlay *o, u64 sector,
                     u32 count, u8 *data)
{
    if (!o)
        return !blk_read_file(k->blk, sector, count, data);
    blk_overlay_patch(o, sector, count, data);
    return true;
}

/* Sectors [sector, sector + count) as they are now, in front of *list. */
static bool add_piece(const struct kept_medium *k, const struct blk_overlay *o, u64 sector,
                      u32 count, struct record_piece **list)
{
    size_t len = REPLAY_DISK_HEAD + (size_t)count * SECTOR;
    struct record_piece *p = malloc(sizeof *p + len);

    if (!p)
        return false;
    p->next = *list;
    p->len = len;
    *list = p;
    put_head(p->bytes, k, sector, count);
    return read_now(k, o, sector, count, p->bytes + REPLAY_DISK_HEAD);
}

static bool written_to(const struct kept_medium *k, struct record_piece **list)
{
    const struct blk_overlay *o = blk_private_writes(k->blk);
    u64 end = blk_sectors(k->blk);
    bool good = true;

    for (u64 s = 0; s < end && good;) {
        u32 n = 0;

        if (s % 8 == 0 && !k->fresh[s / 8]) {
            s += 8;
            continue;
        }
        while (n < PIECE_SECTORS && s + n < end && test_bit(k->fresh, s + n))
            n++;
        if (n)
            good = add_piece(k, o, s, n, list);
        s += n ? n : 1;
    }
    return good;
}

bool record_disks_written(struct record_disks *d, struct record_piece **out)
{
    bool good = true;

    *out = NULL;
    drop(d, false);
    for (const struct kept_medium *k = d->media; k && good; k = k->next)
        good = written_to(k, out);
    for (struct kept_medium *k = d->media; k && good; k = k->next)
        memset(k->fresh, 0, (size_t)(blk_sectors(k->blk) / 8 + 1));
    if (good)
        return true;
    record_pieces_free(*out);
    *out = NULL;
    return false;
}

void record_pieces_free(struct record_piece *p)
{
    for (struct record_piece *next; p; p = next) {
        next = p->next;
        free(p);
    }
}
