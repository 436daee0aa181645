/*
 * A Unix socket that listens. One client at a time: the next one waits in the kernel's queue until
 * the first has gone. What is written while there is no client is dropped.
 */
#include "devices/host/chr_kinds.h"

#include "devices/host/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sock {
    struct chr chr;
    struct listener listener;
    int client; /* -1: none */
    struct chr_queue queue;
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
        s->client = listener_accept(&s->listener);
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
    return s->client >= 0 ? s->client : s->listener.fd;
}

static void sock_close(struct chr *c)
{
    struct sock *s = (struct sock *)c;

    if (s->client >= 0) {
        chr_queue_close(&s->queue, s->client);
        close(s->client);
    }
    free(s->queue.buf);
    listener_close(&s->listener);
    free(s);
}

static const struct chr_ops sock_ops = {
    .write = sock_write,
    .poll = sock_poll,
    .watch = sock_watch,
    .close = sock_close,
};

struct chr *chr_unix_open(const char *path, char *err, size_t err_size)
{
    struct sock *s = calloc(1, sizeof *s);
    char why[300];

    if (!s) {
        snprintf(err, err_size, "chr: the host has no memory left; close programs");
        return NULL;
    }
    s->chr.ops = &sock_ops;
    s->client = -1;
    if (listener_open_unix(&s->listener, path, why, sizeof why))
        return &s->chr;
    snprintf(err, err_size, "chr: %s", why);
    free(s);
    return NULL;
}
