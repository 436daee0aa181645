/*
 * A pseudo terminal of our own, for terminal programs that want a serial port. While nobody has it
 * open (POLLHUP at the master, pty(7)), output is dropped.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ptsname_r, cfmakeraw */
#endif
#include "devices/host/chr_kinds.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct pty {
    struct chr chr;
    int fd;
    struct chr_queue queue;
};

static bool is_open(struct pty *p)
{
    struct pollfd pfd = {.fd = p->fd};

    return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP);
}

static void pty_write(struct chr *c, const void *data, size_t len)
{
    struct pty *p = (struct pty *)c;

    if (is_open(p))
        chr_queue_write(&p->queue, p->fd, data, len, &c->dropped);
    else
        c->dropped += len;
}

static size_t pty_poll(struct chr *c, void *data, size_t size)
{
    struct pty *p = (struct pty *)c;
    ssize_t n;

    if (!is_open(p)) {
        c->dropped += p->queue.len;
        p->queue.len = p->queue.start = 0;
        return 0;
    }
    chr_queue_pump(&p->queue, p->fd, &c->dropped);
    n = chr_read_waiting(p->fd, data, size);
    return n > 0 ? (size_t)n : 0;
}

/* POLLHUP, which cannot be masked, would end each sleep at once. */
static int pty_watch(struct chr *c, short *events)
{
    struct pty *p = (struct pty *)c;

    *events = chr_queue_events(&p->queue);
    return is_open(p) ? p->fd : CHR_WATCH_OFTEN;
}

static void pty_close(struct chr *c)
{
    struct pty *p = (struct pty *)c;

    if (!is_open(p))
        p->queue.len = 0;
    chr_queue_close(&p->queue, p->fd);
    close(p->fd);
    free(p);
}

static const struct chr_ops pty_ops = {
    .write = pty_write,
    .poll = pty_poll,
    .watch = pty_watch,
    .close = pty_close,
};

/* Bytes pass unchanged. Also the first open and close, after which POLLHUP tells the truth. */
static bool make_raw(const char *name)
{
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;
    bool ok;

    if (fd < 0)
        return false;
    ok = !tcgetattr(fd, &t);
    cfmakeraw(&t);
    ok = ok && !tcsetattr(fd, TCSANOW, &t);
    close(fd);
    return ok;
}

struct chr *chr_pty_open(char *err, size_t err_size)
{
    struct pty *p = calloc(1, sizeof *p);
    char name[128];

    if (p)
        p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (!p || p->fd < 0 || grantpt(p->fd) || unlockpt(p->fd) ||
        ptsname_r(p->fd, name, sizeof name) || !make_raw(name)) {
        snprintf(err, err_size, "chr: the host gives no pseudo terminal: %s; use unix:PATH instead",
                 strerror(errno));
        if (p && p->fd >= 0)
            close(p->fd);
        free(p);
        return NULL;
    }
    p->chr.ops = &pty_ops;
    log_warn(NULL, "chr", "pseudo terminal %s", name);
    return &p->chr;
}
