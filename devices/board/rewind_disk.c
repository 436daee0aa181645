/* Disks on the way back; see rewind_disk.h. */
#include "devices/board/rewind_disk.h"

#include "base/locked.h"
#include "devices/board/board.h"
#include "devices/host/blk_overlay.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

/* What some sectors held before they were overwritten. */
struct undo {
    struct undo *next, *older; /* in order of time, and back */
    u8 drive;
    u64 sector;
    u32 count;
    u8 data[];
};

struct undo_list {
    struct undo *oldest, *newest;
    u64 first, end; /* positions */
    size_t bytes;
};

struct watched {
    struct rewind_disks *disks;
    struct blk *blk; /* NULL: nothing to watch */
    u8 drive;
    struct blk_overlay *present; /* in the past: the newest state's private writes, or NULL */
};

struct rewind_disks {
    struct board *board;
    struct watched drive[DRIVE_COUNT];
    pthread_mutex_t lock;   /* guards the lists: those who serve requests add to them */
    struct undo_list list;  /* up to the newest state */
    struct undo_list again; /* in the past: since that was gone to */
    u64 gone_to;            /* and where that was */
    bool past, writing_back;
};

static void add(struct undo_list *l, struct undo *u)
{
    u->next = NULL;
    u->older = l->newest;
    if (l->newest)
        l->newest->next = u;
    else
        l->oldest = u;
    l->newest = u;
    l->end++;
    l->bytes += sizeof *u + (size_t)u->count * SECTOR;
}

static void free_newest(struct undo_list *l)
{
    struct undo *u = l->newest;

    l->newest = u->older;
    if (l->newest)
        l->newest->next = NULL;
    else
        l->oldest = NULL;
    l->end--;
    l->bytes -= sizeof *u + (size_t)u->count * SECTOR;
    free(u);
}

static void free_oldest(struct undo_list *l)
{
    struct undo *u = l->oldest;

    l->oldest = u->next;
    if (l->oldest)
        l->oldest->older = NULL;
    else
        l->newest = NULL;
    l->first++;
    l->bytes -= sizeof *u + (size_t)u->count * SECTOR;
    free(u);
}

/* On any thread, one at a time for a medium. */
static int keep_old(void *opaque, u64 sector, u32 count, const void *old)
{
    struct watched *w = opaque;
    struct rewind_disks *d = w->disks;
    struct undo *u = malloc(sizeof *u + (size_t)count * SECTOR);

    if (!u)
        return -ENOMEM; /* not written rather than lost */
    *u = (struct undo){.drive = w->drive, .sector = sector, .count = count};
    memcpy(u->data, old, (size_t)count * SECTOR);
    pthread_mutex_lock(&d->lock);
    if (d->writing_back)
        free(u);
    else
        add(d->past ? &d->again : &d->list, u);
    pthread_mutex_unlock(&d->lock);
    return 0;
}

static bool in_drive(const struct rewind_disks *d, const struct watched *w)
{
    return w->blk && d->board->drive[w->drive].blk == w->blk;
}

/* A medium that was taken out is gone, and its sink with it. */
static void unwatch(struct rewind_disks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        if (in_drive(d, &d->drive[i]))
            blk_remove_preimage_sink(d->drive[i].blk, keep_old, &d->drive[i]);
        d->drive[i].blk = NULL;
    }
}

static bool watch(struct rewind_disks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct watched *w = &d->drive[i];
        struct blk *blk = d->board->drive[i].blk;

        *w = (struct watched){.disks = d, .drive = (u8)i};
        if (!blk || blk_is_read_only(blk))
            continue;
        if (blk_add_preimage_sink(blk, keep_old, w))
            return false;
        w->blk = blk;
    }
    return true;
}

struct rewind_disks *rewind_disks_new(struct board *b)
{
    struct rewind_disks *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->board = b;
    pthread_mutex_init(&d->lock, NULL);
    if (watch(d))
        return d;
    rewind_disks_free(d);
    return NULL;
}

void rewind_disks_free(struct rewind_disks *d)
{
    if (!d)
        return;
    unwatch(d);
    while (d->list.newest)
        free_newest(&d->list);
    while (d->again.newest)
        free_newest(&d->again);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

bool rewind_disks_reset(struct rewind_disks *d)
{
    unwatch(d);
    while (d->list.oldest)
        free_oldest(&d->list);
    return watch(d);
}

u64 rewind_disks_at(struct rewind_disks *d)
{
    return locked_u64(&d->lock, &d->list.end);
}

size_t rewind_disks_bytes(struct rewind_disks *d)
{
    return locked_u64(&d->lock, &d->list.bytes);
}

void rewind_disks_drop(struct rewind_disks *d, u64 before)
{
    pthread_mutex_lock(&d->lock);
    while (d->list.oldest && d->list.first < before)
        free_oldest(&d->list);
    pthread_mutex_unlock(&d->lock);
}

/* ---- The past ---- */

/* Add everything of `from`; false when out of memory. */
static bool copy_overlay(struct blk_overlay *to, const struct blk_overlay *from)
{
    u8 sector_data[SECTOR];
    u64 sector = 0;
    u32 count;

    if (!from)
        return true;
    for (; blk_overlay_next(from, &sector, &count); sector += count)
        for (u32 i = 0; i < count; i++) {
            blk_overlay_patch(from, sector + i, 1, sector_data);
            if (blk_overlay_write(to, sector + i, 1, sector_data))
                return false;
        }
    return true;
}

/* What lies over drive i's file when the disks are as at `at`; NULL when out of memory. */
static struct blk_overlay *overlay_at(struct rewind_disks *d, unsigned i, u64 at,
                                      const struct blk_overlay *present)
{
    struct blk_overlay *o = blk_overlay_new(blk_sectors(d->drive[i].blk));
    struct undo *u = d->list.newest;
    bool good = o && copy_overlay(o, present);

    for (u64 n = d->list.end; u && n > at && good; n--, u = u->older)
        if (u->drive == i)
            good = !blk_overlay_write(o, u->sector, u->count, u->data);
    if (good)
        return o;
    blk_overlay_free(o);
    return NULL;
}

bool rewind_disks_go(struct rewind_disks *d, u64 at)
{
    struct blk_overlay *made[DRIVE_COUNT] = {NULL};
    bool good = true;

    for (unsigned i = 0; i < DRIVE_COUNT && good; i++) {
        struct watched *w = &d->drive[i];

        if (!w->blk)
            continue;
        /* Whatever is still under way belongs to what was. */
        made[i] = overlay_at(d, i, at, d->past ? w->present : blk_private_writes(w->blk));
        good = made[i];
    }
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk_overlay *old;

        if (!good) {
            blk_overlay_free(made[i]);
            continue;
        }
        if (!d->drive[i].blk)
            continue;
        old = blk_swap_private_writes(d->drive[i].blk, made[i]);
        if (d->past)
            blk_overlay_free(old);
        else
            d->drive[i].present = old;
    }
    if (!good)
        return false;
    while (d->again.newest)
        free_newest(&d->again);
    d->past = true;
    d->gone_to = at;
    return true;
}

static bool same_undo(const struct undo *a, const struct undo *b)
{
    return a->drive == b->drive && a->sector == b->sector && a->count == b->count &&
           !memcmp(a->data, b->data, (size_t)a->count * SECTOR);
}

/* All that was overwritten again since gone_to was overwritten so, in this order, the first time.
 */
static bool find_here(const struct rewind_disks *d, u64 *at)
{
    const struct undo *first = d->list.newest, *again = d->again.oldest;

    *at = d->gone_to;
    if (!again)
        return true;
    for (u64 n = d->list.end; first && n > d->gone_to + 1; n--)
        first = first->older;
    for (; again; again = again->next, first = first->next, ++*at)
        if (!first || *at >= d->list.end || !same_undo(first, again))
            return false;
    return true;
}

bool rewind_disks_here(struct rewind_disks *d, u64 *at)
{
    bool known;

    pthread_mutex_lock(&d->lock);
    known = find_here(d, at);
    pthread_mutex_unlock(&d->lock);
    return known;
}

void rewind_disks_return(struct rewind_disks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT && d->past; i++) {
        struct watched *w = &d->drive[i];

        if (!w->blk)
            continue;
        blk_overlay_free(blk_swap_private_writes(w->blk, w->present));
        w->present = NULL;
    }
    while (d->again.newest)
        free_newest(&d->again);
    d->past = false;
}

static int write_back(struct blk *blk, const struct blk_overlay *o)
{
    u8 data[SECTOR];
    u64 sector = 0;
    u32 count;
    int e = 0;

    for (; blk_overlay_next(o, &sector, &count) && !e; sector += count)
        for (u32 i = 0; i < count && !e; i++) {
            blk_overlay_patch(o, sector + i, 1, data);
            e = blk_restore_sectors(blk, sector + i, 1, data);
        }
    return e;
}

int rewind_disks_branch(struct rewind_disks *d)
{
    int first = 0;

    d->writing_back = true;
    for (unsigned i = 0; i < DRIVE_COUNT && d->past; i++) {
        struct watched *w = &d->drive[i];
        struct blk_overlay *past;
        int e;

        if (!w->blk)
            continue;
        if (w->present) { /* its writes stay in memory anyway: what lies there now is it */
            blk_overlay_free(w->present);
            w->present = NULL;
            continue;
        }
        past = blk_swap_private_writes(w->blk, NULL);
        e = write_back(w->blk, past);
        first = first ? first : e;
        blk_overlay_free(past);
    }
    d->writing_back = false;
    while (d->list.newest && d->list.end > d->gone_to)
        free_newest(&d->list);
    while (d->again.oldest) {
        struct undo *u = d->again.oldest;

        d->again.oldest = u->next;
        add(&d->list, u);
    }
    d->again = (struct undo_list){0};
    d->past = false;
    return first;
}
