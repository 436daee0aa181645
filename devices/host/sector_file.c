/*
 * Sectors in a temporary file; see sector_file.h. Numbers of bytes:
 *
 *   0              1: see sector_file_give_up
 *   4096 + 512n    sector n, if it is there
 *   behind them    a bit for each sector: it is there; bit n % 8 of byte n / 8
 *
 * A sector is written before its bit, and both before the caller overwrites what it keeps; who
 * reads looks at the image first and at the bits afterwards. So no lock is needed between
 * processes. All access is by read and write: a mapped file would kill us with SIGBUS where the
 * host has no room.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/sector_file.h"

#include "devices/host/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECTOR = 512,
    HEAD = 4096,
    RUN_MAX = 2048,
    MAP_PIECE = 512 /* bytes of the map looked at in one go */
};

struct sector_file {
    int fd;
    u64 sectors;
    u8 *map; /* who fills it; else NULL */
};

static u64 sector_at(u64 sector)
{
    return HEAD + sector * SECTOR;
}

static u64 map_at(const struct sector_file *f)
{
    return sector_at(f->sectors);
}

/* ---- The host ---- */

/* A file that is gone when the last process closes it; -1 and errno. */
static int open_nameless(void)
{
    const char *dir = getenv("TMPDIR");
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof path, "%s/bygone-XXXXXX", dir && *dir ? dir : "/tmp");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* ---- Life ---- */

struct sector_file *sector_file_open(int fd, u64 sectors)
{
    struct sector_file *f = calloc(1, sizeof *f);

    if (f)
        *f = (struct sector_file){.fd = fd, .sectors = sectors};
    return f;
}

/* Room for the first byte is taken at once: it must be writable when there is no room any more. */
struct sector_file *sector_file_new(u64 sectors)
{
    struct sector_file *f;
    int fd = open_nameless(), err;
    u8 no = 0;

    if (fd < 0)
        return NULL;
    f = sector_file_open(fd, sectors);
    if (!f) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    f->map = calloc(1, (size_t)((sectors + 7) / 8) + 1);
    err = f->map ? memfile_write(fd, 0, &no, 1) : -ENOMEM;
    if (!err)
        return f;
    sector_file_free(f);
    errno = -err;
    return NULL;
}

void sector_file_free(struct sector_file *f)
{
    if (!f)
        return;
    close(f->fd);
    free(f->map);
    free(f);
}

int sector_file_fd(const struct sector_file *f)
{
    return f->fd;
}

/* ---- Filling ---- */

static bool is_there(const u8 *map, u64 sector)
{
    return map[sector / 8] >> sector % 8 & 1;
}

bool sector_file_has(const struct sector_file *f, u64 sector, u32 count)
{
    while (count && is_there(f->map, sector))
        sector++, count--;
    return !count;
}

int sector_file_put(struct sector_file *f, u64 sector, u32 count, const void *data)
{
    u64 last = sector + count - 1;
    int err = memfile_write(f->fd, sector_at(sector), data, (size_t)count * SECTOR);

    if (err)
        return err;
    for (u64 n = sector; n <= last; n++)
        f->map[n / 8] |= (u8)(1 << n % 8);
    return memfile_write(f->fd, map_at(f) + sector / 8, f->map + sector / 8,
                         (size_t)(last / 8 - sector / 8 + 1));
}

int sector_file_add(struct sector_file *f, u64 sector, u32 count, const void *data)
{
    int err = 0;

    for (u32 at = 0, n; at < count && !err; at += n) {
        bool there = is_there(f->map, sector + at);

        for (n = 1; at + n < count && is_there(f->map, sector + at + n) == there; n++)
            ;
        if (!there)
            err = sector_file_put(f, sector + at, n, (const u8 *)data + (size_t)at * SECTOR);
    }
    return err;
}

void sector_file_give_up(struct sector_file *f)
{
    u8 yes = 1;

    memfile_write(f->fd, 0, &yes, 1);
}

/* ---- Reading ---- */

/* Up to MAP_PIECE * 8 - 8 sectors, with the part of the map that tells of them. */
static int patch_piece(const struct sector_file *f, u64 sector, u32 count, u8 *data)
{
    u8 map[MAP_PIECE + 1], given_up = 0;
    u64 from = sector / 8;
    int err =
        memfile_read(f->fd, map_at(f) + from, map, (size_t)((sector + count - 1) / 8 - from + 1));

    for (u32 at = 0, n; at < count && !err; at += n) {
        u64 bit = sector + at - from * 8;
        bool there = is_there(map, bit);

        for (n = 1; at + n < count && is_there(map, bit + n) == there; n++)
            ;
        if (there) {
            err = memfile_read(f->fd, sector_at(sector + at), data + (size_t)at * SECTOR,
                               (size_t)n * SECTOR);
        } else {
            err = memfile_read(f->fd, 0, &given_up, 1);
            err = err ? err : given_up ? -EIO : 0;
        }
    }
    return err;
}

int sector_file_patch(const struct sector_file *f, u64 sector, u32 count, void *data)
{
    u8 *to = data;
    int err = 0;

    for (u32 n; count && !err; sector += n, count -= n, to += (size_t)n * SECTOR) {
        n = (u32)min_u64(count, MAP_PIECE * 8 - 8);
        err = patch_piece(f, sector, n, to);
    }
    return err;
}

/* A part of the map, so that looking at each bit is no call of the host. */
struct look {
    u64 from;
    unsigned len; /* 0: nothing yet */
    u8 bytes[MAP_PIECE];
};

/* What cannot be read is empty: who reads the sectors finds out. */
static bool look_at(const struct sector_file *f, struct look *l, u64 sector)
{
    u64 n = sector / 8;

    if (f->map)
        return is_there(f->map, sector);
    if (n < l->from || n - l->from >= l->len) {
        l->from = n;
        l->len = MAP_PIECE;
        if (memfile_read(f->fd, map_at(f) + n, l->bytes, MAP_PIECE))
            memset(l->bytes, 0, MAP_PIECE);
    }
    return is_there(l->bytes, sector - l->from * 8);
}

/* Skip what the file system knows to be empty. */
static u64 skip_hole(const struct sector_file *f, u64 sector)
{
    off_t at = lseek(f->fd, (off_t)sector_at(sector), SEEK_DATA);

    return at < 0 ? sector : max_u64(sector, ((u64)at - HEAD) / SECTOR);
}

bool sector_file_next(const struct sector_file *f, u64 *sector, u32 *count)
{
    u64 at = *sector;
    struct look l = {.len = 0};

    while (at < f->sectors && !look_at(f, &l, at))
        at = at % RUN_MAX ? at + 1 : skip_hole(f, at + 1);
    *sector = at;
    for (*count = 0; at < f->sectors && *count < RUN_MAX && look_at(f, &l, at); at++)
        ++*count;
    return *count;
}
