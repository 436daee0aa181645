/* Which snapshots an image has; see snapregistry.h. */
#define _GNU_SOURCE
#include "devices/board/snapregistry.h"

#include "base/log.h"
#include "devices/board/board.h"
#include "devices/board/snapdisk.h"
#include "devices/board/snapfile.h"
#include "devices/board/snapjournal.h"
#include "devices/board/snapshot_private.h"
#include "devices/host/newfile.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SNAPSHOTS_MAX = 64, LIST_MAX = SNAPSHOTS_MAX * PATH_MAX };

struct list {
    char *file; /* IMAGE.snapshots */
    char *text; /* lines, cut at their ends */
    const char *line[SNAPSHOTS_MAX];
    unsigned count;
};

static void list_free(struct list *l)
{
    free(l->file);
    free(l->text);
}

/* Full names only; what else stands there is nobody's. */
static void cut_lines(struct list *l)
{
    char *rest, *line;

    for (line = strtok_r(l->text, "\n", &rest); line && l->count < SNAPSHOTS_MAX;
         line = strtok_r(NULL, "\n", &rest))
        if (*line == '/' && strlen(line) < PATH_MAX)
            l->line[l->count++] = line;
}

static bool list_read(struct list *l, const char *image)
{
    FILE *f;

    *l = (struct list){0};
    l->text = calloc(1, LIST_MAX + 1);
    if (!l->text || asprintf(&l->file, "%s.snapshots", image) < 0) {
        l->file = NULL;
        list_free(l);
        return false;
    }
    f = fopen(l->file, "re");
    if (f) {
        if (fread(l->text, 1, LIST_MAX, f))
            cut_lines(l);
        fclose(f);
    }
    return true;
}

/* A list that cannot be written is one that is not there: the snapshot is good without it. */
static void list_write(const struct list *l, const char *more)
{
    char err[PATH_MAX + 200];
    struct newfile *f = newfile_create(l->file, err, sizeof err);

    if (!f)
        return;
    for (unsigned i = 0; i < l->count; i++)
        if (!access(l->line[i], F_OK)) {
            newfile_write(f, l->line[i], strlen(l->line[i]));
            newfile_write(f, "\n", 1);
        }
    newfile_write(f, more, strlen(more));
    newfile_write(f, "\n", 1);
    newfile_commit(f, err, sizeof err);
}

void snapregistry_add(const char *snapshot, const struct snapdisks *d)
{
    char *full = snapdisk_full_path(snapshot);
    struct list l;

    for (unsigned i = 0; i < DRIVE_COUNT && full && !strchr(full, '\n'); i++) {
        bool there = false;

        if (!d->drive[i].writable || !list_read(&l, d->drive[i].path))
            continue;
        for (unsigned n = 0; n < l.count; n++)
            there |= !strcmp(l.line[n], full);
        if (!there && l.count < SNAPSHOTS_MAX)
            list_write(&l, full);
        list_free(&l);
    }
    free(full);
}

/* Go on for one snapshot, in which the image may have been in another drive. */
static void adopt_for(struct board *b, struct blk *blk, const char *image, const char *snapshot)
{
    char err[600];
    struct snapfile *f = snapfile_open(snapshot, snapshot_kinds, err, sizeof err);
    struct snapdisks d;

    if (!f || !snapdisks_read(&d, f, err, sizeof err)) {
        snapfile_close(f);
        return;
    }
    for (unsigned slot = 0; slot < DRIVE_COUNT; slot++)
        if (d.drive[slot].writable && !strcmp(d.drive[slot].path, image) &&
            !snapjournal_adopt(b, snapshot, &d, slot, blk, err, sizeof err))
            log_warn(b->log, "snapshot", "'%s' can no longer be loaded: %s", snapshot,
                     err + (strncmp(err, "load: ", 6) ? 0 : 6));
    snapdisks_free(&d);
    snapfile_close(f);
}

void snapregistry_adopt(struct board *b, unsigned drive)
{
    struct blk *blk = b->drive[drive].blk;
    char *image;
    struct list l;

    if (!blk || blk_is_read_only(blk) || blk_private_writes(blk))
        return;
    image = snapdisk_full_path(blk_name(blk));
    if (image && list_read(&l, image)) {
        for (unsigned i = 0; i < l.count; i++)
            if (!access(l.line[i], F_OK))
                adopt_for(b, blk, image, l.line[i]);
        list_free(&l);
    }
    free(image);
}
