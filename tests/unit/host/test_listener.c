/* Listening sockets; the Unix ones are tested through chr (test_chr.c). */
#include "devices/host/listener.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct listener l;
static char err[300];

TestSuite(listener, .timeout = 60);

/* A client of 127.0.0.1. */
static int client(unsigned port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static int accept_soon(void)
{
    struct pollfd p = {.fd = l.fd, .events = POLLIN};

    cr_assert_eq(poll(&p, 1, 5000), 1);
    return listener_accept(&l);
}

Test(listener, tcp_takes_a_free_port_on_the_loopback_and_carries_bytes)
{
    char data[4] = "";
    int c, s;

    cr_assert(listener_open_tcp(&l, "0", err, sizeof err), "%s", err);
    cr_assert_neq(listener_port(&l), 0);
    cr_assert_eq(listener_accept(&l), -1);
    c = client(listener_port(&l));
    s = accept_soon();
    cr_assert_geq(s, 0);
    cr_assert_eq(write(s, "hi", 2), 2);
    cr_assert_eq(read(c, data, 2), 2);
    cr_assert_str_eq(data, "hi");
    close(c);
    close(s);
    listener_close(&l);
    cr_assert_eq(l.fd, -1);
}

Test(listener, tcp_without_a_host_is_bound_to_the_loopback)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;

    cr_assert(listener_open_tcp(&l, "0", err, sizeof err));
    cr_assert_eq(getsockname(l.fd, (struct sockaddr *)&addr, &len), 0);
    cr_assert_eq(addr.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    listener_close(&l);
}

Test(listener, tcp_with_a_host_listens_there)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;

    cr_assert(listener_open_tcp(&l, "127.0.0.2:0", err, sizeof err), "%s", err);
    cr_assert_eq(getsockname(l.fd, (struct sockaddr *)&addr, &len), 0);
    cr_assert_eq(addr.sin_addr.s_addr, htonl(INADDR_LOOPBACK + 1));
    listener_close(&l);
}

Test(listener, a_port_in_use_is_refused)
{
    struct listener other;
    char port[10];

    cr_assert(listener_open_tcp(&l, "0", err, sizeof err));
    snprintf(port, sizeof port, "%u", listener_port(&l));
    cr_assert_not(listener_open_tcp(&other, port, err, sizeof err));
    cr_assert(strstr(err, "cannot be listened at"), "%s", err);
    listener_close(&l);
}

Test(listener, what_is_no_place_is_refused)
{
    static const char *const bad[] = {"",     ":", ":12",   "host:", "a:b:1", "[::1]12",
                                      "[::1", "x", "65536", "99999", "-1",    "http"};
    char is_long[400];

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        err[0] = 0;
        cr_assert_not(listener_open_tcp(&l, bad[i], err, sizeof err), "%s", bad[i]);
        cr_assert(err[0]);
    }
    memset(is_long, '1', sizeof is_long - 1);
    is_long[sizeof is_long - 1] = 0;
    cr_assert_not(listener_open_tcp(&l, is_long, err, sizeof err));
}
