/* What one side of a fork tells the other; see fork_private.h. */
#include "devices/board/fork_private.h"

#include "base/state.h"
#include "devices/board/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

void fork_head_init(struct fork_head *h)
{
    memset(h, 0, sizeof *h);
    for (unsigned i = 0; i < FORK_BLOCKS_MAX; i++)
        h->block[i].fd = -1;
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        h->drive[i].share = (struct blk_share){.image = -1, .kept = -1, .alive = -1};
        h->drive[i].overlay = -1;
    }
}

void fork_head_clear(struct fork_head *h)
{
    for (unsigned i = 0; i < FORK_BLOCKS_MAX; i++)
        if (h->block[i].fd >= 0)
            close(h->block[i].fd);
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        blk_share_close(&h->drive[i].share);
        if (h->drive[i].overlay >= 0)
            close(h->drive[i].overlay);
        free(h->drive[i].path);
    }
    fork_head_init(h);
}

unsigned fork_head_fds(struct fork_head *h, int *fds[FORK_FDS_MAX])
{
    unsigned n = 0;

    for (u32 i = 0; i < h->block_count; i++)
        fds[n++] = &h->block[i].fd;
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct fork_drive *d = &h->drive[i];
        int *all[] = {&d->share.image, &d->share.kept, &d->share.alive, &d->overlay};

        for (unsigned k = 0; k < ARRAY_LEN(all); k++)
            if (*all[k] >= 0)
                fds[n++] = all[k];
    }
    return n;
}

/* Whether there is a descriptor: 0 stands for it until it is received. */
static void fd_state(struct state *s, const char *name, int *fd)
{
    bool there = *fd >= 0;

    state_bool(s, name, &there);
    if (state_is_loading(s))
        *fd = there ? 0 : -1;
}

static void drive_state(struct fork_drive *d, struct state *s)
{
    state_bool(s, "there", &d->there);
    if (!d->there)
        return;
    state_u64(s, "sectors", &d->share.sectors);
    state_u64(s, "size", &d->share.size);
    state_s64(s, "mtime_ns", &d->share.mtime_ns);
    state_bool(s, "read_only", &d->share.read_only);
    fd_state(s, "image", &d->share.image);
    fd_state(s, "kept", &d->share.kept);
    fd_state(s, "alive", &d->share.alive);
    fd_state(s, "overlay", &d->overlay);
    state_require(s, d->share.sectors && d->share.sectors <= (u64)INT64_MAX / SECTOR,
                  "fork: the size of an image is none");
    state_require(s, d->share.image >= 0, "fork: an image is missing");
}

static void block_state(struct fork_block *b, struct state *s)
{
    state_bytes(s, "name", b->name, sizeof b->name);
    state_u32(s, "pages", &b->pages);
    if (state_is_loading(s))
        b->fd = 0;
}

void fork_head_state(struct fork_head *h, struct state *s)
{
    state_begin(s, "fork", FORK_VERSION);
    state_bool(s, "paused", &h->paused);
    state_u64(s, "machine_bytes", &h->machine_bytes);
    state_require(s, h->machine_bytes && h->machine_bytes <= FORK_MACHINE_MAX,
                  "fork: the machine's state has no size");
    state_u32(s, "blocks", &h->block_count);
    state_require(s, h->block_count <= FORK_BLOCKS_MAX, "fork: too many memories");
    for (u32 i = 0; i < h->block_count && !state_error(s); i++)
        block_state(&h->block[i], s);
    for (unsigned i = 0; i < DRIVE_COUNT && !state_error(s); i++)
        drive_state(&h->drive[i], s);
    machine_config_state(&h->config, s);
    state_end(s);
}
