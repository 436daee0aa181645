/*
 * A Unix socket that listens. One client at a time: the next one waits in the kernel's queue until
 * the first has gone. What is written while there is no client is dropped.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include "devices/host/chr_kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct sock {
    struct chr chr;
    int listener;
    int client; /* -1: none */
    struct chr_queue queue;
    struct sockaddr_un addr;
};

static void drop_client(struct sock *s)
{
    s->chr.dropped += s->queue.len;
    s->queue.len = s->queue.start = 0;
    close(s->client);
    s->client = -1;
}

static bool have_client(struct sock *s)
{
    if (s->client < 0)
        s->client = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return s->client >= 0;
}

static void sock_write(struct chr *c, const void *data, size_t len)
{
    struct sock *s = (struct sock *)c;

    if (!have_client(s))
        c->dropped += len;
    else if (!chr_queue_write(&s->queue, s->client, data, len, &c->dropped))
        drop_client(s);
}

static size_t sock_poll(struct chr *c, void *data, size_t size)
{
    struct sock *s = (struct sock *)c;
    ssize_t n;

    if (!have_client(s))
        return 0;
    n = chr_read_waiting(s->client, data, size);
    if (n < 0 || !chr_queue_pump(&s->queue, s->client, &c->dropped))
        drop_client(s);
    return n > 0 ? (size_t)n : 0;
}

static int sock_watch(struct chr *c, short *events)
{
    struct sock *s = (struct sock *)c;

    *events = chr_queue_events(&s->queue);
    return s->client >= 0 ? s->client : s->listener;
}

static void sock_close(struct chr *c)
{
    struct sock *s = (struct sock *)c;

    if (s->client >= 0) {
        chr_queue_close(&s->queue, s->client);
        close(s->client);
    }
    free(s->queue.buf);
    close(s->listener);
    unlink(s->addr.sun_path);
    free(s);
}

static const struct chr_ops sock_ops = {
    .write = sock_write,
    .poll = sock_poll,
    .watch = sock_watch,
    .close = sock_close,
};

/* True if a socket file stands at the address and nobody listens there any more. */
static bool is_stale(const struct sockaddr_un *addr)
{
    struct stat st;
    int fd;
    bool stale;

    if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    stale = connect(fd, (const struct sockaddr *)addr, sizeof *addr) && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int listen_at(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0)
        return -1;
    /* The mode of the socket's own inode becomes that of the name: unix(7), "Pathname socket". */
    fchmod(fd, 0600);
    if (is_stale(addr))
        unlink(addr->sun_path);
    if (!bind(fd, (const struct sockaddr *)addr, sizeof *addr) && !listen(fd, 4))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

struct chr *chr_unix_open(const char *path, char *err, size_t err_size)
{
    struct sock *s = calloc(1, sizeof *s);

    if (!s) {
        snprintf(err, err_size, "chr: the host has no memory left; close programs");
        return NULL;
    }
    s->chr.ops = &sock_ops;
    s->client = -1;
    s->addr.sun_family = AF_UNIX;
    if (!*path || strlen(path) >= sizeof s->addr.sun_path) {
        snprintf(err, err_size,
                 "chr: '%s' does not fit a socket's name, 1 to %zu bytes; choose "
                 "another path",
                 path, sizeof s->addr.sun_path - 1);
        free(s);
        return NULL;
    }
    strcpy(s->addr.sun_path, path);
    s->listener = listen_at(&s->addr);
    if (s->listener >= 0)
        return &s->chr;
    if (errno == EADDRINUSE)
        snprintf(err, err_size, "chr: '%s' exists and is in use; choose another path", path);
    else
        snprintf(err, err_size, "chr: '%s' cannot be made: %s", path, strerror(errno));
    free(s);
    return NULL;
}
