/*
 * Disks shared with another process: one goes on writing the image and keeps, in a temporary file,
 * what it is about to overwrite; the other reads the image through that file, and so sees it as it
 * was. It never writes the image: its writes stay in memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/blk_driver.h"

#include "base/log.h"
#include "devices/host/sector_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

static int close_fd(int fd)
{
    return fd >= 0 ? close(fd) : 0;
}

/* A duplicate, or -1 of -1; *err is set to -errno. */
static int duplicate(int fd, int *err)
{
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0 && copy < 0)
        *err = -errno;
    return copy;
}

/* ---- The side that goes on writing ---- */

struct keeper {
    struct blk_watch watch;
    struct sector_file *kept;
    int alive; /* our end of the pipe */
    struct blk *blk;
    struct log *log;
};

static bool is_wanted(const struct keeper *k)
{
    struct pollfd fd = {.fd = k->alive};

    return poll(&fd, 1, 0) == 0;
}

/* The write goes on in any case: the guest's disk comes before the other machine's. */
static int keep(void *opaque, u64 sector, u32 count, const void *old)
{
    struct keeper *k = opaque;
    int err;

    if (k->watch.finished || sector_file_has(k->kept, sector, count))
        return 0;
    k->watch.finished = !is_wanted(k);
    err = k->watch.finished ? 0 : sector_file_add(k->kept, sector, count, old);
    if (!err)
        return 0;
    sector_file_give_up(k->kept);
    k->watch.finished = true;
    log_warn(k->log, "disk",
             "'%s': what it held cannot be kept for the forked machine: %s; that one can no longer "
             "read it",
             blk_name(k->blk), strerror(-err));
    return 0;
}

static void end_keeping(void *opaque)
{
    struct keeper *k = opaque;

    sector_file_free(k->kept);
    close(k->alive);
    free(k);
}

static int begin_keeping(struct blk *b, struct log *log, struct blk_share *out)
{
    struct keeper *k = calloc(1, sizeof *k);
    int ends[2], err = 0;

    if (!k)
        return -ENOMEM;
    k->kept = sector_file_new(blk_sectors(b));
    if (!k->kept || pipe2(ends, O_CLOEXEC)) {
        err = -errno;
        sector_file_free(k->kept);
        free(k);
        return err;
    }
    k->blk = b;
    k->log = log;
    k->alive = ends[0];
    k->watch = (struct blk_watch){.before = keep, .closing = end_keeping, .opaque = k};
    out->alive = ends[1];
    out->kept = duplicate(sector_file_fd(k->kept), &err);
    if (err)
        end_keeping(k);
    else
        blk_watch(b, &k->watch);
    return err;
}

int blk_share(struct blk *b, struct log *log, struct blk_share *out)
{
    const struct blk_image *image = blk_image_of(b);
    int err;

    *out = (struct blk_share){.image = -1, .kept = -1, .alive = -1};
    if (!image->driver || !image->driver->share)
        return -ENOTSUP;
    blk_file_time(b, &out->size, &out->mtime_ns);
    out->sectors = image->sectors;
    out->read_only = image->read_only;
    err = image->driver->share(image->opaque, out);
    if (!err && !image->read_only && !image->writes_in_memory)
        err = begin_keeping(b, log, out);
    if (err)
        blk_share_close(out);
    return err;
}

void blk_share_close(struct blk_share *s)
{
    close_fd(s->image);
    close_fd(s->kept);
    close_fd(s->alive);
    s->image = s->kept = s->alive = -1;
}

/* ---- The side that sees it as it was ---- */

struct shared {
    struct blk_share s;       /* `kept` belongs to the file below */
    struct sector_file *kept; /* NULL: nobody writes the image */
};

/* The image first, then what was kept: see sector_file.c. */
static int shared_read(void *opaque, u64 sector, u32 count, void *data)
{
    struct shared *d = opaque;
    u64 at = sector * SECTOR;
    size_t want = (size_t)min_u64((u64)count * SECTOR, d->s.size - at), got = 0;

    while (got < want) {
        ssize_t n = pread(d->s.image, (u8 *)data + got, want - got, (off_t)(at + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO; /* somebody has cut the file */
        got += (size_t)n;
    }
    memset((u8 *)data + want, 0, (size_t)count * SECTOR - want);
    return d->kept ? sector_file_patch(d->kept, sector, count, data) : 0;
}

static int shared_close(void *opaque)
{
    struct shared *d = opaque;

    close_fd(d->s.image);
    close_fd(d->s.alive);
    sector_file_free(d->kept);
    free(d);
    return 0;
}

/* As it was: what is saved of this disk must not fit an image that was written since. */
static bool shared_time(void *opaque, u64 *size, s64 *mtime_ns)
{
    struct shared *d = opaque;

    *size = d->s.size;
    *mtime_ns = d->s.mtime_ns;
    return true;
}

/* Whoever keeps for us keeps for those who go on from here, too. */
static int shared_share(void *opaque, struct blk_share *out)
{
    struct shared *d = opaque;
    int err = 0;

    out->image = duplicate(d->s.image, &err);
    out->kept = duplicate(d->kept ? sector_file_fd(d->kept) : -1, &err);
    out->alive = duplicate(d->s.alive, &err);
    return err;
}

static const struct blk_driver shared_driver = {
    .read = shared_read,
    .close = shared_close,
    .time = shared_time,
    .share = shared_share,
};

struct blk *blk_open_share(const char *name, const struct blk_share *s)
{
    struct shared *d = calloc(1, sizeof *d);
    struct blk_image image = {
        .driver = &shared_driver,
        .opaque = d,
        .sectors = s->sectors,
        .read_only = s->read_only,
        .writes_in_memory = !s->read_only,
    };
    struct blk *b = NULL;

    if (!d)
        return NULL;
    d->s = *s;
    d->kept = s->kept >= 0 ? sector_file_open(s->kept, s->sectors) : NULL;
    if (s->kept < 0 || d->kept)
        b = blk_new(name, &image);
    if (!b) {
        free(d->kept); /* not closed: its descriptor is still the caller's */
        free(d);
    }
    return b;
}
