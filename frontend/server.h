/*
 * A socket that serves one client at a time, on a thread of its own. The protocol is the handler's
 * business; all its functions are called on that thread.
 */
#ifndef FRONTEND_SERVER_H
#define FRONTEND_SERVER_H

#include "base/types.h"

struct server;

struct server_handler {
    const char *name;   /* for messages: "gdb" */
    bool refuse_second; /* a client beside the first is sent away; else it waits */
    void (*opened)(void *opaque);
    void (*received)(void *opaque, const u8 *data, size_t len);
    void (*woken)(void *opaque); /* while there is a client: server_wake was called */
    void (*closed)(void *opaque);
};

/*
 * Listen at "unix:PATH", "tcp:PORT" or "tcp:HOST:PORT" (port 0: a free one, which stderr is told).
 * The handler is the caller's and stays. NULL and a sentence in err on failure.
 */
struct server *server_new(const char *where, const struct server_handler *handler, void *opaque,
                          char *err, size_t err_size);
/* Begin to serve; false if the host has no thread left. */
bool server_start(struct server *s);
/* Any thread: have `woken` called soon. */
void server_wake(struct server *s);
/* On the server's thread: send all; a client that takes nothing for seconds is dropped. */
void server_send(struct server *s, const void *data, size_t len);
/* On the server's thread: the client is closed when the handler returns. */
void server_drop_client(struct server *s);
/* Whoever is at the other end of this socket has closed it for both ways; false of -1. */
bool server_peer_has_left(int socket);
/* On the server's thread: the client has closed its end for both ways, so that nobody reads what
 * is sent. TCP shows this only once something was sent. */
bool server_client_has_left(const struct server *s);

/* Ask the thread to end, as soon as its handler returns. */
void server_ask_to_stop(struct server *s);
/* True once the thread is past its last call. */
bool server_has_stopped(struct server *s);
/* Wait for the thread, close, free. */
void server_free(struct server *s);

#endif
