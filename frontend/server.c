/* A socket's thread: waits for clients, their bytes, and whoever wakes it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/server.h"

#include "base/bell.h"
#include "devices/host/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEND_PATIENCE_MS = 5000, CHUNK_BYTES = 4096 };

struct server {
    const struct server_handler *handler;
    void *opaque;
    struct listener listener;
    int bell, client; /* client -1: none */
    bool drop;
    bool started;
    atomic_bool woken, stop, stopped;
    pthread_t thread;
};

static void close_client(struct server *s)
{
    close(s->client);
    s->client = -1;
    s->drop = false;
    s->handler->closed(s->opaque);
}

static void wait_writable(struct server *s)
{
    struct pollfd fds[2] = {{.fd = s->client, .events = POLLOUT}};

    if (poll(fds, 1, SEND_PATIENCE_MS) <= 0)
        s->drop = true;
}

void server_send(struct server *s, const void *data, size_t len)
{
    const u8 *at = data;
    ssize_t n;

    while (len && s->client >= 0 && !s->drop) {
        n = send(s->client, at, len, MSG_NOSIGNAL);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            wait_writable(s);
        } else if (errno != EINTR) {
            s->drop = true;
        }
    }
}

void server_drop_client(struct server *s)
{
    s->drop = true;
}

/* POLLHUP and POLLERR are always among `events`. */
static bool has_event(int socket, short events)
{
    struct pollfd fd = {.fd = socket, .events = events};

    return socket >= 0 && poll(&fd, 1, 0) > 0;
}

/* The client has left, even if what it sent before is not yet read. */
static bool is_leaving(const struct server *s)
{
    return has_event(s->client, POLLRDHUP);
}

bool server_peer_has_left(int socket)
{
    return has_event(socket, 0);
}

bool server_client_has_left(const struct server *s)
{
    return server_peer_has_left(s->client);
}

static void accept_client(struct server *s)
{
    int fd;

    if (is_leaving(s))
        return; /* the next one waits until it is gone */
    fd = listener_accept(&s->listener);
    if (fd < 0)
        return;
    if (s->client < 0) {
        s->client = fd;
        s->handler->opened(s->opaque);
        return;
    }
    close(fd);
}

static void read_client(struct server *s)
{
    u8 data[CHUNK_BYTES];
    ssize_t n = recv(s->client, data, sizeof data, 0);

    if (n > 0)
        s->handler->received(s->opaque, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        s->drop = true;
}

static void take_wake(struct server *s)
{
    if (!bell_heard(s->bell))
        return;
    if (atomic_exchange(&s->woken, false) && s->client >= 0)
        s->handler->woken(s->opaque);
}

static void *serve(void *opaque)
{
    struct server *s = opaque;
    struct pollfd fds[3] = {{.events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};

    while (!s->stop) {
        fds[0].fd = s->bell;
        fds[1].fd = s->client < 0 || s->handler->refuse_second ? s->listener.fd : -1;
        fds[2].fd = s->client;
        fds[1].revents = fds[2].revents = 0;
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[0].revents)
            take_wake(s);
        if (fds[2].revents && s->client >= 0 && !s->drop)
            read_client(s);
        if (s->client >= 0 && s->drop)
            close_client(s);
        if (fds[1].revents && !s->stop)
            accept_client(s);
    }
    if (s->client >= 0) {
        take_wake(s); /* last words */
        close_client(s);
    }
    s->stopped = true;
    return NULL;
}

static bool open_listener(struct server *s, const char *where, char *err, size_t err_size)
{
    char why[400];
    bool good;

    if (!strncmp(where, "unix:", 5)) {
        good = listener_open_unix(&s->listener, where + 5, why, sizeof why);
    } else if (!strncmp(where, "tcp:", 4)) {
        good = listener_open_tcp(&s->listener, where + 4, why, sizeof why);
        if (good && !strcmp(strrchr(where, ':'), ":0"))
            fprintf(stderr, "%s: port %u\n", s->handler->name, listener_port(&s->listener));
    } else {
        snprintf(why, sizeof why, "'%.100s' is neither unix:PATH nor tcp:PORT", where);
        good = false;
    }
    if (!good)
        snprintf(err, err_size, "%s: %s", s->handler->name, why);
    return good;
}

struct server *server_new(const char *where, const struct server_handler *handler, void *opaque,
                          char *err, size_t err_size)
{
    struct server *s = calloc(1, sizeof *s);

    if (!s) {
        snprintf(err, err_size, "%s: out of memory", handler->name);
        return NULL;
    }
    s->handler = handler;
    s->opaque = opaque;
    s->client = -1;
    s->bell = bell_open();
    if (s->bell < 0)
        snprintf(err, err_size, "%s: no eventfd: %s", handler->name, strerror(-s->bell));
    else if (open_listener(s, where, err, err_size))
        return s;
    bell_close(s->bell);
    free(s);
    return NULL;
}

bool server_start(struct server *s)
{
    s->started = !pthread_create(&s->thread, NULL, serve, s);
    return s->started;
}

void server_wake(struct server *s)
{
    s->woken = true;
    bell_ring(s->bell);
}

void server_ask_to_stop(struct server *s)
{
    s->stop = true;
    bell_ring(s->bell);
}

bool server_has_stopped(struct server *s)
{
    return s->stopped || !s->started;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    server_ask_to_stop(s);
    if (s->started)
        pthread_join(s->thread, NULL);
    listener_close(&s->listener);
    bell_close(s->bell);
    free(s);
}
