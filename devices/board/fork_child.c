/* The process in which a forked machine goes on; see fork.h. */
#include "devices/board/fork.h"

#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/board.h"
#include "devices/board/config.h"
#include "devices/board/fork_private.h"
#include "devices/board/machine_private.h"
#include "devices/host/blk_overlay.h"
#include "devices/host/memfile.h"
#include "devices/host/sector_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, RUN_MAX = 2048, HEAD_MAX = 1 << 20 };

struct forked {
    struct fork_head head;
    int socket; /* the caller's */
    u8 *parts;  /* what came in the first descriptor */
    const u8 *machine;
    struct machine_config config; /* the head's, with the drives' images */
};

static bool refuse(char *err, size_t err_size, const char *why)
{
    snprintf(err, err_size, "fork: %s", why);
    return false;
}

/* ---- Receiving ---- */

/* The descriptors of the first message; their number, or -1. */
static int receive_fds(int socket, int fds[FORK_FDS_MAX + 1])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE((FORK_FDS_MAX + 1) * sizeof(int))];
    } control;
    char hello[sizeof FORK_HELLO] = "";
    struct iovec iov = {.iov_base = hello, .iov_len = sizeof hello};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *c;
    ssize_t n;
    size_t count;

    do
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    if (n == sizeof hello && !memcmp(hello, FORK_HELLO, sizeof hello) &&
        !(msg.msg_flags & MSG_CTRUNC))
        return (int)count;
    while (count)
        close(fds[--count]);
    return -1;
}

/* The first descriptor, whole, and its length. */
static u8 *read_parts(int fd, size_t *len)
{
    struct stat st;
    u8 *data = NULL;

    if (!fstat(fd, &st) && st.st_size > 8 && st.st_size <= HEAD_MAX + FORK_MACHINE_MAX)
        data = malloc((size_t)st.st_size);
    *len = data ? (size_t)st.st_size : 0;
    if (!data || !memfile_read(fd, 0, data, *len))
        return data;
    free(data);
    return NULL;
}

/* Take the parts apart. */
static bool read_head(struct forked *f, size_t len, char *err, size_t err_size)
{
    u64 head_len = get_le64(f->parts);
    struct state *s;
    bool good;

    if (head_len > len - 8)
        return refuse(err, err_size, "what came from the other process is damaged");
    s = state_new_load(f->parts + 8, (size_t)head_len);
    fork_head_state(&f->head, s);
    good = !state_error(s);
    if (!good)
        refuse(err, err_size, state_error(s));
    state_free(s);
    f->machine = f->parts + 8 + head_len;
    if (good && f->head.machine_bytes != len - 8 - head_len)
        return refuse(err, err_size, "what came from the other process is damaged");
    return good;
}

/* Descriptors to their places; those that the head does not know are closed. */
static bool place_fds(struct forked *f, const int *fds, unsigned count, char *err, size_t err_size)
{
    int *where[FORK_FDS_MAX];
    unsigned want = fork_head_fds(&f->head, where);

    for (unsigned i = 0; i < want; i++)
        *where[i] = i < count ? fds[i] : -1;
    for (unsigned i = want; i < count; i++)
        close(fds[i]);
    return want == count || refuse(err, err_size, "descriptors are missing");
}

static struct blk *open_medium(void *opaque, unsigned drive);

static bool take_parts(struct forked *f, const int *fds, unsigned count, char *err, size_t err_size)
{
    size_t len = 0;
    bool good;

    f->parts = read_parts(fds[0], &len);
    close(fds[0]);
    good = f->parts ? read_head(f, len, err, err_size)
                    : refuse(err, err_size, "the host has no memory left");
    if (!good)
        f->head.block_count = 0; /* none of the descriptors is in its place */
    for (unsigned i = 1; i < count && !good; i++)
        close(fds[i]);
    if (!good) {
        for (unsigned i = 0; i < DRIVE_COUNT; i++)
            free(f->head.drive[i].path);
        machine_config_free(&f->head.config);
        fork_head_init(&f->head);
        return false;
    }
    return place_fds(f, fds + 1, count - 1, err, err_size);
}

struct forked *forked_receive(int socket, char *err, size_t err_size)
{
    struct forked *f = calloc(1, sizeof *f);
    int fds[FORK_FDS_MAX + 1], count;

    if (!f) {
        refuse(err, err_size, "the host has no memory left");
        return NULL;
    }
    fork_head_init(&f->head);
    f->socket = socket;
    count = receive_fds(socket, fds);
    if (count < 1)
        refuse(err, err_size, "the other process has said nothing");
    if (count < 1 || !take_parts(f, fds, (unsigned)count, err, err_size)) {
        forked_free(f);
        return NULL;
    }
    f->config = f->head.config;
    f->config.open_medium = open_medium;
    f->config.open_medium_opaque = f;
    return f;
}

const struct machine_config *forked_config(const struct forked *f)
{
    return &f->config;
}

void forked_free(struct forked *f)
{
    if (!f)
        return;
    machine_config_free(&f->head.config);
    fork_head_clear(&f->head);
    free(f->parts);
    free(f);
}

/* ---- Disks ---- */

/* Give the disk what had been written over its image. 0 or -errno. */
static int load_overlay(struct blk *blk, int fd)
{
    struct sector_file *from = sector_file_open(fd, blk_sectors(blk));
    struct blk_overlay *to = blk_overlay_new(blk_sectors(blk));
    u8 *run = malloc(RUN_MAX * SECTOR);
    int err = from && to && run ? 0 : -ENOMEM;
    u64 sector = 0;
    u32 count;

    for (; !err && sector_file_next(from, &sector, &count); sector += count) {
        err = sector_file_patch(from, sector, count, run);
        if (!err)
            err = blk_overlay_write(to, sector, count, run);
    }
    if (!err)
        to = blk_swap_private_writes(blk, to);
    blk_overlay_free(to);
    free(run);
    if (from)
        sector_file_free(from);
    else
        close(fd);
    return err;
}

static struct blk *open_medium(void *opaque, unsigned drive)
{
    struct forked *f = opaque;
    struct fork_drive *d = &f->head.drive[drive];
    struct blk *blk;
    int overlay = d->overlay, err = 0;

    if (!d->there)
        return NULL;
    blk = blk_open_share(f->config.drive[drive], &d->share);
    if (!blk)
        return NULL;
    d->share = (struct blk_share){.image = -1, .kept = -1, .alive = -1};
    d->overlay = -1;
    d->there = false;
    if (overlay >= 0)
        err = load_overlay(blk, overlay);
    if (!err)
        return blk;
    blk_close(blk);
    errno = -err;
    return NULL;
}

/* ---- The state ---- */

static bool load_machine(struct forked *f, struct machine *m, char *err, size_t err_size)
{
    struct state *s = state_new_load(f->machine, (size_t)f->head.machine_bytes);
    bool good;

    state_leave_out_memory(s);
    machine_state(m, s);
    good = !state_error(s);
    if (!good)
        refuse(err, err_size, state_error(s));
    state_free(s);
    return good;
}

static bool wait_for_memory(struct forked *f)
{
    char said[sizeof FORK_WHOLE];
    ssize_t n;

    do
        n = recv(f->socket, said, sizeof said, 0);
    while (n < 0 && errno == EINTR);
    return n == sizeof said && !memcmp(said, FORK_WHOLE, sizeof said);
}

static bool take_block(struct forked *f, struct physmap *pm, u32 index)
{
    struct fork_block *from = &f->head.block[index];
    struct physmap_block to;
    struct stat st;

    if (!physmap_block(pm, index, &to) || strncmp(to.name, from->name, FORK_NAME_BYTES) ||
        to.count != from->pages || fstat(from->fd, &st) ||
        (u64)st.st_size != (u64)to.count * PAGE_SIZE || !physmap_adopt(pm, index, from->fd))
        return false;
    from->fd = -1;
    return true;
}

bool forked_load(struct forked *f, struct machine *m, char *err, size_t err_size)
{
    struct physmap *pm = m->board.pm;
    struct cpu *cpu = m->board.cpu;
    struct physmap_block more;

    if (!load_machine(f, m, err, err_size))
        return false;
    if (!wait_for_memory(f))
        return refuse(err, err_size, "the other process could not hand over memory");
    for (u32 i = 0; i < f->head.block_count; i++)
        if (!take_block(f, pm, i))
            return refuse(err, err_size,
                          "the machine's memory is another one, or cannot be mapped");
    if (physmap_block(pm, f->head.block_count, &more))
        return refuse(err, err_size, "the machine has other memories");
    if (cpu->engine->flush)
        cpu->engine->flush(cpu);
    machine_set_paused(m, f->head.paused);
    machine_tell(m, MACHINE_EVENT_LOADED);
    return true;
}
