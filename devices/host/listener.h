/*
 * A listening socket: a Unix one that only the same user may connect to, or TCP, which is on the
 * loopback unless a host is named.
 */
#ifndef DEVICES_HOST_LISTENER_H
#define DEVICES_HOST_LISTENER_H

#include "base/types.h"

#include <sys/un.h>

struct listener {
    int fd;                  /* does not block */
    struct sockaddr_un addr; /* of a Unix socket; empty path: TCP */
};

/* Without "unix:". A socket file that nobody listens at any more is taken over. */
bool listener_open_unix(struct listener *l, const char *path, char *err, size_t err_size);
/* Without "tcp:": PORT, HOST:PORT or [ADDRESS]:PORT; port 0 takes a free one. */
bool listener_open_tcp(struct listener *l, const char *where, char *err, size_t err_size);
/* The port of a TCP socket. */
unsigned listener_port(const struct listener *l);
/* A waiting client's descriptor, which does not block, or -1. */
int listener_accept(const struct listener *l);
/* A Unix socket's name goes too. */
void listener_close(struct listener *l);

#endif
