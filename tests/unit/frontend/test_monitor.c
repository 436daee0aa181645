/* The monitor's ears: lines from a socket, whatever comes. */
#include "frontend/monitor.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64], where[128], err[256], got[65536];
static struct monitor *monitor;
static int client;
static atomic_uint lines;

/* "wait" does so until its client has gone. */
static bool echo_line(void *opaque, const char *line, struct text *out)
{
    while (!strcmp(line, "wait") && !monitor_client_has_left(monitor))
        usleep(1000);
    lines++;
    text_addf(out, "<%s>\n", line);
    return true;
}

static void connect_client(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    client = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/m", dir);
    cr_assert_eq(connect(client, (struct sockaddr *)&addr, sizeof addr), 0);
}

static void setup(void)
{
    strcpy(dir, "/tmp/test_monitor.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(where, sizeof where, "unix:%s/m", dir);
    monitor = monitor_start(where, echo_line, NULL, err, sizeof err);
    cr_assert_not_null(monitor, "%s", err);
    connect_client();
}

static void teardown(void)
{
    monitor_free(monitor);
    close(client);
    rmdir(dir);
}

TestSuite(monitor, .init = setup, .fini = teardown, .timeout = 60);

static void say(const char *text)
{
    cr_assert_eq(write(client, text, strlen(text)), (ssize_t)strlen(text));
}

/* What comes until `end` is seen, at most five seconds. */
static const char *hear(const char *end)
{
    struct pollfd fd = {.fd = client, .events = POLLIN};
    size_t len = 0;
    ssize_t n;

    got[0] = 0;
    while (!strstr(got, end) && poll(&fd, 1, 5000) > 0) {
        n = read(client, got + len, sizeof got - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        got[len] = 0;
    }
    return got;
}

Test(monitor, each_line_is_answered_before_the_prompt)
{
    say("info registers\n");
    cr_assert_str_eq(hear("(bygone) "), "<info registers>\n(bygone) ");
    say("a\nb");
    cr_assert_str_eq(hear("(bygone) "), "<a>\n(bygone) ");
    say("c\n");
    cr_assert_str_eq(hear("(bygone) "), "<bc>\n(bygone) ");
}

Test(monitor, a_line_without_end_is_dropped_and_told)
{
    char text[10001];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    say(text);
    say("\nnext\n");
    hear("<next>");
    cr_assert(strstr(got, "the line is too long\n"), "%.200s", got);
    cr_assert_eq(lines, 1);
}

Test(monitor, who_leaves_while_a_command_waits_makes_room)
{
    say("wait\n");
    usleep(50000); /* the line is being run */
    close(client);
    connect_client();
    say("next\n");
    cr_assert(strstr(hear("<next>"), "<next>"), "%s", got);
}

Test(monitor, stopping_does_not_wait_for_more_input)
{
    say("half a li");
    monitor_ask_to_stop(monitor);
    while (!monitor_has_stopped(monitor))
        usleep(1000);
    cr_assert_eq(lines, 0);
}

Test(monitor, a_socket_that_cannot_be_is_an_error)
{
    cr_assert_null(monitor_start("unix:/nonexistent/m", echo_line, NULL, err, sizeof err));
    cr_assert(strstr(err, "/nonexistent/m"), "%s", err);
}

Test(monitor, what_others_tell_comes_between_answers)
{
    say("one\n");
    cr_assert(strstr(hear("(bygone) "), "<one>\n(bygone) "));
    monitor_tell(monitor, "point 1: breakpoint");
    cr_assert(strstr(hear("(bygone) "), "point 1: breakpoint\n(bygone) "), "%s", got);
    say("two\n");
    cr_assert(strstr(hear("(bygone) "), "<two>\n"));
}
