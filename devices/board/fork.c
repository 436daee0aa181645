/*
 * A machine goes on in another process, too; see fork.h. Memory is not copied while the guest
 * stands still: all write entries are taken away instead, and a frame is copied before its first
 * write (physmap_make_writable) or when the copying thread comes to it, whichever is first. Frames
 * here stay where they are, so nothing that maps guest memory has to know.
 */
#include "devices/board/fork.h"

#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/board.h"
#include "devices/board/config.h"
#include "devices/board/fork_private.h"
#include "devices/board/interval.h"
#include "devices/board/machine_private.h"
#include "devices/board/snapdisk.h"
#include "devices/host/blk_overlay.h"
#include "devices/host/memfile.h"
#include "devices/host/sector_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SECTOR = 512, RUN_MAX = 2048 /* sectors of blk_overlay_next */, COPY_PAGES = 16 };

static const char *const drive_names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};

struct fork {
    struct machine *m;
    struct fork_head head;
    struct physmap_block block[FORK_BLOCKS_MAX];
    u32 block_count;
    struct state *machine;
    struct blk_overlay
        *overlay[DRIVE_COUNT]; /* what is written over images in our memory, or NULL */
    u64 stop_ns;

    struct physmap_keeper keeper;
    bool keeping;
    pthread_mutex_t lock; /* guards what follows: the copying thread and the machine's */
    u8 *kept;             /* a bit for each frame: was copied, or need not be */
    int error;            /* why no more is copied */
};

/* ---- Memory ---- */

static bool is_zero(const u8 *p)
{
    return !p[0] && !memcmp(p, p + 1, PAGE_SIZE - 1);
}

/* Whether a page is still to be copied; it counts as copied from here on. */
static bool take_frame(struct fork *f, u32 index, u32 page)
{
    frame_id id = f->block[index].first + page;
    u8 bit = (u8)(1 << id % 8);

    if (f->kept[id / 8] & bit)
        return false;
    f->kept[id / 8] |= bit;
    return !is_zero(frame_host(physmap_frame(f->m->board.pm, id)));
}

/* Pages of a block, those that stand together at once. */
static void copy_frames(struct fork *f, u32 index, u32 page, u32 count)
{
    pthread_mutex_lock(&f->lock);
    for (u32 i = 0, run = 0; i <= count && !f->error; i++) {
        if (i < count && take_frame(f, index, page + i)) {
            run++;
            continue;
        }
        if (run)
            f->error = memfile_write(
                f->head.block[index].fd, (u64)(page + i - run) * PAGE_SIZE,
                frame_host(physmap_frame(f->m->board.pm, f->block[index].first + page + i - run)),
                (size_t)run * PAGE_SIZE);
        run = 0;
    }
    pthread_mutex_unlock(&f->lock);
}

/* The machine thread is about to write a frame. */
static void keep_frame(void *opaque, frame_id id)
{
    struct fork *f = opaque;

    for (u32 i = 0; i < f->block_count; i++)
        if (id - f->block[i].first < f->block[i].count)
            copy_frames(f, i, id - f->block[i].first, 1);
}

/* The lock is given back after each few pages: the guest never waits for longer than they take. */
static void copy_block(struct fork *f, u32 index)
{
    u32 page = 0, count;

    for (; physmap_next_touched(f->m->board.pm, index, &page, &count); page += count)
        for (u32 i = page; i < page + count && i < f->block[index].count; i += COPY_PAGES)
            copy_frames(f, index, i,
                        (u32)min_u64(COPY_PAGES, min_u64(page + count, f->block[index].count) - i));
}

static bool new_block(struct fork *f, u32 index)
{
    struct fork_block *b = &f->head.block[index];
    u64 bytes = (u64)f->block[index].count * PAGE_SIZE;

    assert(strlen(f->block[index].name) < FORK_NAME_BYTES);
    strncpy(b->name, f->block[index].name, FORK_NAME_BYTES - 1);
    b->pages = f->block[index].count;
    b->fd = memfile_new(b->name, bytes);
    return b->fd >= 0;
}

/* Video memory is written without asking, and small: it is copied now. */
static bool begin_memory(struct fork *f, char *err, size_t err_size)
{
    struct physmap *pm = f->m->board.pm;
    frame_id end = 0;
    bool good = true;

    for (u32 n = 0; good && physmap_block(pm, n, &f->block[n]); n++) {
        assert(n < FORK_BLOCKS_MAX - 1);
        end = f->block[n].first + f->block[n].count;
        good = new_block(f, n);
        f->block_count = f->head.block_count = n + 1;
    }
    f->kept = good ? calloc(1, end / 8 + 1) : NULL;
    if (!f->kept) {
        snprintf(err, err_size, "the host is short of memory or files; close other programs");
        return false;
    }
    for (u32 i = 0; i < f->block_count; i++)
        if (f->block[i].flags & FRAME_TRACK)
            copy_block(f, i);
    f->keeper = (struct physmap_keeper){.keep = keep_frame, .opaque = f};
    physmap_keep(pm, &f->keeper);
    f->keeping = true;
    return true;
}

/* ---- Disks ---- */

static int share_drive(struct fork *f, unsigned drive, struct blk *blk)
{
    struct fork_drive *d = &f->head.drive[drive];
    int err = blk_share(blk, f->m->config.log, &d->share);

    if (err)
        return err;
    d->there = true;
    d->path = snapdisk_full_path(blk_name(blk));
    if (!d->path)
        return -ENOMEM;
    if (!blk_private_writes(blk))
        return 0;
    f->overlay[drive] = blk_overlay_clone(blk_private_writes(blk));
    return f->overlay[drive] ? 0 : -ENOMEM;
}

static bool share_drives(struct fork *f, char *err, size_t err_size)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = f->m->board.drive[i].blk;
        int e = blk ? share_drive(f, i, blk) : 0;

        if (!e)
            continue;
        snprintf(err, err_size,
                 "%s: '%.200s': the other machine cannot have it: %s; temporary files go to "
                 "$TMPDIR, or /tmp",
                 drive_names[i], blk_name(blk), strerror(-e));
        return false;
    }
    return true;
}

/* ---- Taking the moment ---- */

static bool save_machine(struct fork *f, char *err, size_t err_size)
{
    size_t len;

    f->machine = state_new_save();
    state_leave_out_memory(f->machine);
    machine_state(f->m, f->machine);
    state_data(f->machine, &len);
    f->head.machine_bytes = len;
    f->head.paused = machine_is_paused(f->m);
    f->head.config = *machine_config(f->m);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        f->head.config.drive[i] = f->head.drive[i].path;
    if (state_error(f->machine))
        snprintf(err, err_size, "%s", state_error(f->machine));
    return !state_error(f->machine);
}

/* On the machine thread, or when nobody else has it. */
static void release(struct machine *m, void *arg)
{
    struct fork *f = arg;

    if (f->keeping)
        physmap_end_keep(m->board.pm, &f->keeper);
    state_free(f->machine);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        blk_overlay_free(f->overlay[i]);
    fork_head_clear(&f->head);
    pthread_mutex_destroy(&f->lock);
    free(f->kept);
    free(f);
}

/* In the past, too: what disks held there lies over their images, as other writes in memory do. */
static bool check_moment(struct machine *m, char *err, size_t err_size)
{
    if (m->board.in_write_error)
        snprintf(err, err_size,
                 "the machine waits for the host to write a disk; free some room there first");
    return !m->board.in_write_error;
}

struct fork *fork_start(struct machine *m, char *err, size_t err_size)
{
    u64 start = host_monotonic_ns();
    struct fork *f = calloc(1, sizeof *f);
    char why[400] = "the host has no memory left";

    if (f) {
        f->m = m;
        fork_head_init(&f->head);
        pthread_mutex_init(&f->lock, NULL);
        if (check_moment(m, why, sizeof why) && share_drives(f, why, sizeof why) &&
            save_machine(f, why, sizeof why) && begin_memory(f, why, sizeof why)) {
            f->stop_ns = host_monotonic_ns() - start;
            return f;
        }
        release(m, f);
    }
    snprintf(err, err_size, "fork: %s", why);
    return NULL;
}

u64 fork_stop_ns(const struct fork *f)
{
    return f->stop_ns;
}

void fork_end(struct fork *f)
{
    /* The other side keeps what it was sent; ours go now, so that it is seen when it ends. */
    pthread_mutex_lock(&f->lock);
    f->error = -EBADF;
    fork_head_clear(&f->head);
    pthread_mutex_unlock(&f->lock);
    machine_post(f->m, release, f);
}

/* ---- Handing over ---- */

/* What was written over the image of a drive, into a file. 0 or -errno. */
static int save_overlay(const struct blk_overlay *from, struct fork_drive *d)
{
    struct sector_file *to = sector_file_new(d->share.sectors);
    u8 *run = to ? malloc(RUN_MAX * SECTOR) : NULL;
    int err = to ? run ? 0 : -ENOMEM : -errno;
    u64 sector = 0;
    u32 count;

    for (; !err && blk_overlay_next(from, &sector, &count); sector += count) {
        count = (u32)min_u64(count, d->share.sectors - sector);
        blk_overlay_patch(from, sector, count, run);
        err = sector_file_put(to, sector, count, run);
    }
    if (!err && (d->overlay = dup(sector_file_fd(to))) < 0)
        err = -errno;
    free(run);
    sector_file_free(to);
    return err;
}

static int save_overlays(struct fork *f)
{
    int err = 0;

    for (unsigned i = 0; i < DRIVE_COUNT && !err; i++)
        if (f->overlay[i])
            err = save_overlay(f->overlay[i], &f->head.drive[i]);
    return err;
}

/* Both parts in a descriptor: 8 bytes of length, the head, the state of the machine. */
static int write_parts(struct fork *f)
{
    struct state *s = state_new_save();
    int fd = memfile_new("fork", 0), err = fd < 0 ? fd : 0;
    const void *head, *machine;
    size_t head_len, machine_len;
    u8 length[8];

    fork_head_state(&f->head, s);
    head = state_data(s, &head_len);
    machine = state_data(f->machine, &machine_len);
    put_le64(length, head_len);
    if (!err && state_error(s))
        err = -ENOMEM;
    if (!err)
        err = memfile_write(fd, 0, length, sizeof length);
    if (!err)
        err = memfile_write(fd, sizeof length, head, head_len);
    if (!err)
        err = memfile_write(fd, sizeof length + head_len, machine, machine_len);
    state_free(s);
    if (err && fd >= 0)
        close(fd);
    return err ? err : fd;
}

static int send_fds(int socket, const int *fds, unsigned count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FORK_FDS_MAX * sizeof(int))];
    } control = {0};
    char hello[] = FORK_HELLO;
    struct iovec iov = {.iov_base = hello, .iov_len = sizeof hello};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_head(struct fork *f, int socket)
{
    int *where[FORK_FDS_MAX], fds[FORK_FDS_MAX + 1], parts = write_parts(f), err;
    unsigned count = fork_head_fds(&f->head, where);

    if (parts < 0)
        return parts;
    fds[0] = parts;
    for (unsigned i = 0; i < count; i++)
        fds[i + 1] = *where[i];
    err = send_fds(socket, fds, count + 1);
    close(parts);
    return err;
}

static int send_memory(struct fork *f, int socket)
{
    for (u32 i = 0; i < f->block_count; i++)
        copy_block(f, i);
    if (f->error)
        return f->error;
    return send(socket, FORK_WHOLE, sizeof FORK_WHOLE, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

bool fork_send(struct fork *f, int socket, char *err, size_t err_size)
{
    int error = save_overlays(f);

    if (!error)
        error = send_head(f, socket);
    if (!error)
        error = send_memory(f, socket);
    if (error)
        snprintf(err, err_size, "fork: the machine cannot be handed over: %s", strerror(-error));
    return !error;
}
