/* Listening sockets: unix(7), tcp(7), getaddrinfo(3). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include "devices/host/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAITING_CLIENTS = 4 };

/* ---- Unix ---- */

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
    if (!bind(fd, (const struct sockaddr *)addr, sizeof *addr) && !listen(fd, WAITING_CLIENTS))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

bool listener_open_unix(struct listener *l, const char *path, char *err, size_t err_size)
{
    *l = (struct listener){.fd = -1, .addr.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof l->addr.sun_path) {
        snprintf(err, err_size,
                 "'%s' does not fit a socket's name, 1 to %zu bytes; choose another path", path,
                 sizeof l->addr.sun_path - 1);
        return false;
    }
    strcpy(l->addr.sun_path, path);
    l->fd = listen_at(&l->addr);
    if (l->fd < 0 && errno == EADDRINUSE)
        snprintf(err, err_size, "'%s' exists and is in use; choose another path", path);
    else if (l->fd < 0)
        snprintf(err, err_size, "'%s' cannot be made: %s", path, strerror(errno));
    return l->fd >= 0;
}

/* ---- TCP ---- */

/* Take "HOST:PORT" apart; *host is NULL for the port alone. */
static bool split(char *where, const char **host, const char **port)
{
    char *colon = strrchr(where, ':'), *end;

    *host = NULL;
    *port = where;
    if (!colon)
        return *where;
    *colon = 0;
    *port = colon + 1;
    *host = where;
    if (*where != '[')
        return *where && !strchr(where, ':') && **port;
    end = strchr(where, ']');
    if (!end || end[1])
        return false;
    *end = 0;
    *host = where + 1;
    return **port;
}

static int listen_on(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved, one = 1;

    if (fd < 0)
        return -1;
    /* A port whose last connection is still being forgotten can be used again at once. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, WAITING_CLIENTS))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

bool listener_open_tcp(struct listener *l, const char *where, char *err, size_t err_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *all, *a;
    const char *host, *port;
    char copy[256];
    int e;

    *l = (struct listener){.fd = -1};
    snprintf(copy, sizeof copy, "%s", where);
    if (strlen(where) >= sizeof copy || !split(copy, &host, &port)) {
        snprintf(err, err_size, "'%.200s' is no PORT, HOST:PORT or [ADDRESS]:PORT", where);
        return false;
    }
    /* getaddrinfo takes 99999 for a port, modulo 65536. */
    if (strspn(port, "0123456789") != strlen(port) || strlen(port) > 5 || atoi(port) > 0xFFFF) {
        snprintf(err, err_size, "'%.200s': a port is a number from 0 to 65535", where);
        return false;
    }
    e = getaddrinfo(host ? host : "127.0.0.1", port, &hints, &all);
    if (e) {
        snprintf(err, err_size, "'%.200s': %s", where, gai_strerror(e));
        return false;
    }
    for (a = all; a && l->fd < 0; a = a->ai_next)
        l->fd = listen_on(a);
    if (l->fd < 0)
        snprintf(err, err_size, "'%.200s' cannot be listened at: %s", where, strerror(errno));
    freeaddrinfo(all);
    return l->fd >= 0;
}

unsigned listener_port(const struct listener *l)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;

    if (getsockname(l->fd, (struct sockaddr *)&addr, &len))
        return 0;
    if (addr.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&addr)->sin_port);
    return addr.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&addr)->sin6_port) : 0;
}

/* ---- Both ---- */

int listener_accept(const struct listener *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;

    /* Answers are short, and waited for. */
    if (fd >= 0 && !l->addr.sun_path[0])
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void listener_close(struct listener *l)
{
    if (l->fd < 0)
        return;
    close(l->fd);
    if (l->addr.sun_path[0])
        unlink(l->addr.sun_path);
    l->fd = -1;
}
