/* What disks held, for the snapshots of a machine; see snapjournal.h. */
#define _GNU_SOURCE
#include "devices/board/snapjournal.h"

#include "base/log.h"
#include "devices/board/board.h"
#include "devices/board/snapdisk.h"
#include "devices/board/snapfile.h"
#include "devices/board/snapshot_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum journal_state { SAVING, LOADING, SAVED, FAILED };

struct snapjournal {
    struct snapjournal *next; /* an older one */
    struct preimage *preimage;
    char *snapshot; /* full path */
    atomic_int state;
};

static const char *const suffixes[] = {"", ".disks", ".disks2"};

/* The path from the root on, also of a file that is not there yet; to be freed, or NULL. */
static char *full_path(const char *path)
{
    char *real = realpath(path, NULL), *folder, *result = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (real)
        return real;
    folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    real = folder ? realpath(folder, NULL) : NULL;
    if (asprintf(&result, "%s/%s", real ? real : ".", name) < 0)
        result = NULL;
    free(folder);
    free(real);
    return result;
}

static char *journal_path(const char *snapshot, unsigned which)
{
    char *path;

    return asprintf(&path, "%s%s", snapshot, suffixes[which]) < 0 ? NULL : path;
}

/* Which journal the snapshot that is there now uses. */
static unsigned used_now(const char *snapshot)
{
    char err[400];
    struct snapfile *f = snapfile_open(snapshot, snapshot_kinds, err, sizeof err);
    struct snapdisks d;
    unsigned which = 0;

    if (f && snapdisks_read(&d, f, err, sizeof err)) {
        which = d.journal;
        snapdisks_free(&d);
    }
    snapfile_close(f);
    return which;
}

static void journal_free(struct snapjournal *j)
{
    if (j->preimage)
        preimage_close(j->preimage);
    free(j->snapshot);
    free(j);
}

static bool is_older_of_saved(const struct snapjournal *list, const struct snapjournal *j)
{
    for (; list != j; list = list->next)
        if (list->state == SAVED && !strcmp(list->snapshot, j->snapshot))
            return true;
    return false;
}

/* It keeps for a snapshot that is still there, in an image that is still in its drive. */
static bool is_needed(const struct board *b, const struct snapjournal *j)
{
    bool attached = false;

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        attached |= preimage_is_attached(j->preimage, i);
    return j->state == SAVING || j->state == LOADING ||
           (j->state == SAVED && attached && !is_older_of_saved(b->journals, j));
}

void snapjournals_sweep(struct board *b)
{
    struct snapjournal **at = &b->journals, *j;

    while ((j = *at)) {
        if (is_needed(b, j)) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        if (j->state == FAILED)
            unlink(preimage_path(j->preimage));
        journal_free(j);
    }
}

void snapjournal_tidy(const char *snapshot, const struct snapdisks *d)
{
    char *full = full_path(snapshot);

    for (unsigned i = 1; full && i < ARRAY_LEN(suffixes); i++) {
        char *path = i == d->journal ? NULL : journal_path(full, i);

        if (path)
            unlink(path);
        free(path);
    }
    free(full);
}

void snapjournals_free(struct board *b)
{
    struct snapjournal *j;

    snapjournals_sweep(b);
    while ((j = b->journals)) {
        b->journals = j->next;
        journal_free(j);
    }
}

/* ---- Saving ---- */

static bool has_writable(const struct snapdisks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (d->drive[i].writable)
            return true;
    return false;
}

static struct snapjournal *new_journal(struct board *b, const char *path, enum journal_state state)
{
    struct snapjournal *j = calloc(1, sizeof *j);

    if (!j || !(j->snapshot = full_path(path))) {
        free(j);
        return NULL;
    }
    atomic_init(&j->state, state);
    return j;
}

static bool create(struct snapjournal *j, struct board *b, struct snapdisks *d, char *err,
                   size_t err_size)
{
    unsigned which = used_now(j->snapshot) == 1 ? 2 : 1;
    char *path = journal_path(j->snapshot, which);

    d->journal = (u8)which;
    if (getrandom(d->id, sizeof d->id, 0) != sizeof d->id || !path)
        snprintf(err, err_size, "the host has no memory or random numbers left");
    else
        j->preimage = preimage_create(path, d->id, b->log, err, err_size);
    free(path);
    return j->preimage;
}

bool snapjournal_begin(struct board *b, const char *path, struct snapdisks *d,
                       struct snapjournal **out, char *err, size_t err_size)
{
    struct snapjournal *j;

    *out = NULL;
    snapjournals_sweep(b);
    if (!has_writable(d))
        return true;
    j = new_journal(b, path, SAVING);
    if (!j || !create(j, b, d, err, err_size)) {
        if (j)
            journal_free(j);
        return false;
    }
    j->next = b->journals;
    b->journals = *out = j;
    snapjournal_attach(j, b, d);
    return true;
}

void snapjournal_attach(struct snapjournal *j, struct board *b, const struct snapdisks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (d->drive[i].writable && b->drive[i].blk && !preimage_is_attached(j->preimage, i) &&
            !preimage_attach(j->preimage, i, b->drive[i].blk))
            log_warn(b->log, "snapshot", "the host has no memory left to keep what disks held");
}

bool snapjournal_sync(struct snapjournal *j, const struct snapdisks *d)
{
    bool good = preimage_sync(j->preimage);

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        int fd = d->drive[i].writable ? open(d->drive[i].path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
            continue;
        good &= !fdatasync(fd);
        close(fd);
    }
    return good;
}

void snapjournal_end(struct snapjournal *j, bool good)
{
    if (j)
        j->state = good ? SAVED : FAILED;
}

/* ---- Loading ---- */

static struct snapjournal *find_open(struct board *b, const struct snapdisks *d)
{
    struct snapjournal *j = b->journals;

    while (j && memcmp(preimage_id(j->preimage), d->id, sizeof d->id))
        j = j->next;
    return j;
}

static bool open_journal(struct snapjournal *j, struct board *b, const struct snapdisks *d,
                         bool *missing, char *err, size_t err_size)
{
    char *path = journal_path(j->snapshot, d->journal);
    u64 sectors[PREIMAGE_SLOTS];

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        sectors[i] = d->drive[i].writable ? d->drive[i].sectors : 0;
    snprintf(err, err_size, "the host has no memory left");
    if (path)
        j->preimage = preimage_open(path, d->id, sectors, b->log, missing, err, err_size);
    free(path);
    return j->preimage;
}

bool snapjournal_find(struct board *b, const char *path, const struct snapdisks *d,
                      struct snapjournal **out, char *err, size_t err_size)
{
    struct snapjournal *j;
    bool missing = false;

    *out = NULL;
    snapjournals_sweep(b);
    if (!d->journal)
        return true;
    j = *out = find_open(b, d);
    if (j) {
        j->state = LOADING;
        return true;
    }
    j = new_journal(b, path, LOADING);
    if (j && open_journal(j, b, d, &missing, err, err_size)) {
        j->next = b->journals;
        b->journals = *out = j;
        return true;
    }
    if (j)
        journal_free(j);
    return missing;
}

struct preimage *snapjournal_preimage(struct snapjournal *j)
{
    return j->preimage;
}

bool snapjournal_adopt(struct board *b, const char *path, const struct snapdisks *d, unsigned slot,
                       struct blk *blk, char *err, size_t err_size)
{
    struct snapjournal *j;
    bool good;

    if (!snapjournal_find(b, path, d, &j, err, err_size))
        return false;
    if (!j) {
        snprintf(err, err_size, "what its disks held is not beside it");
        return false;
    }
    if (preimage_is_attached(j->preimage, slot)) {
        snapjournal_end(j, true);
        return true;
    }
    good = preimage_check(j->preimage, slot, blk, err, err_size) ||
           snapdisk_check(&d->drive[slot], blk, j->preimage, slot, err, err_size);
    good = good && preimage_attach(j->preimage, slot, blk);
    snapjournal_end(j, true);
    return good;
}
