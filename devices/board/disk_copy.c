/* Disks written into new images; see disk_copy.h. */
#include "devices/board/disk_copy.h"

#include "devices/board/board.h"
#include "devices/host/blk.h"
#include "devices/host/blk_overlay.h"
#include "devices/host/newfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, PIECE = 1024 /* sectors */ };

struct disk_copy {
    struct blk *view; /* as it was, whatever the guest writes meanwhile */
};

/* The disk as it is, for another thread; 0 or -errno. */
static int take_view(struct machine *m, struct blk *blk, struct blk **out)
{
    const struct blk_overlay *writes = blk_private_writes(blk);
    struct blk_overlay *copy = writes ? blk_overlay_clone(writes) : NULL;
    struct blk_share share;
    int err = writes && !copy ? -ENOMEM : blk_share(blk, machine_config(m)->log, &share);

    if (!err) {
        *out = blk_open_share(blk_name(blk), &share);
        if (!*out) {
            blk_share_close(&share);
            err = -ENOMEM;
        }
    }
    if (!err && copy)
        copy = blk_swap_private_writes(*out, copy);
    blk_overlay_free(copy);
    return err;
}

struct disk_copy *disk_copy_start(struct machine *m, enum drive_id drive, char *err,
                                  size_t err_size)
{
    struct blk *blk = drive < DRIVE_COUNT ? machine_board(m)->drive[drive].blk : NULL;
    struct disk_copy *c = blk ? calloc(1, sizeof *c) : NULL;
    int e = c ? take_view(m, blk, &c->view) : -ENOMEM;

    if (!blk)
        snprintf(err, err_size, "export: there is no such drive, or nothing in it");
    else if (e)
        snprintf(err, err_size, "export: '%.200s' cannot be copied: %s", blk_name(blk),
                 strerror(-e));
    if (!e)
        return c;
    free(c);
    return NULL;
}

static bool write_sectors(struct disk_copy *c, struct newfile *f, char *err, size_t err_size)
{
    u64 end = blk_sectors(c->view);
    u8 *data = malloc(PIECE * SECTOR);
    int e = data ? 0 : -ENOMEM;
    bool good = true;

    for (u64 at = 0; at < end && !e && good; at += PIECE) {
        u32 n = (u32)min_u64(PIECE, end - at);

        e = blk_read(c->view, at, n, data);
        good = e || newfile_write(f, data, (size_t)n * SECTOR); /* newfile_commit says why not */
    }
    free(data);
    if (e)
        snprintf(err, err_size, "export: '%.200s' cannot be read: %s", blk_name(c->view),
                 strerror(-e));
    return !e;
}

bool disk_copy_finish(struct disk_copy *c, const char *path, char *err, size_t err_size)
{
    struct newfile *f = NULL;
    bool good = false;

    if (!access(path, F_OK))
        snprintf(err, err_size, "export: '%.200s' is there already; choose another name", path);
    else
        f = newfile_create(path, err, err_size);
    if (f && !write_sectors(c, f, err, err_size))
        newfile_abandon(f);
    else if (f)
        good = newfile_commit(f, err, err_size);
    blk_close(c->view);
    free(c);
    return good;
}
