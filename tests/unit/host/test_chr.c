/* Character back ends: bytes get through, nothing ever waits, terminals are given back. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/chr.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char dir[64], path[128], what[160], err[256];

static void setup(void)
{
    strcpy(dir, "/tmp/test_chr.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x", dir);
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(chr, .init = setup, .fini = teardown, .timeout = 60);

static struct chr *open_kind(const char *kind)
{
    struct chr *c;

    snprintf(what, sizeof what, "%s%s", kind, strchr(kind, ':') ? path : "");
    c = chr_open(what, err, sizeof err);
    cr_assert_not_null(c, "%s", err);
    return c;
}

static void expect_refusal(const char *description, const char *part)
{
    cr_assert_null(chr_open(description, err, sizeof err));
    cr_assert(strstr(err, part), "%s", err);
}

/* Poll until something arrives, at most half a minute: the host may be busy. */
static size_t poll_some(struct chr *c, void *data, size_t size)
{
    size_t n = 0;
    unsigned tries;

    for (tries = 0; !n && tries < 30000; tries++) {
        n = chr_poll(c, data, size);
        if (!n)
            usleep(1000);
    }
    return n;
}

/* Is there nothing, or soon something, to do for a machine that sleeps? */
static bool wakes(struct chr *c)
{
    struct pollfd p = {0};

    p.fd = chr_watch(c, &p.events);
    return p.fd >= 0 && poll(&p, 1, 100) > 0;
}

/* --- no host --------------------------------------------------------------------------------- */

Test(chr, nothing_and_none_swallow)
{
    struct chr *c = open_kind("none");
    u8 b;

    chr_write(NULL, "x", 1);
    cr_assert_eq(chr_poll(NULL, &b, 1), 0);
    chr_close(NULL);
    chr_write(c, "x", 1);
    cr_assert_eq(chr_poll(c, &b, 1), 0);
    chr_close(c);
}

Test(chr, nothing_none_and_files_need_no_watch)
{
    struct chr *c = open_kind("none");
    short events;

    cr_assert_eq(chr_watch(NULL, &events), CHR_WATCH_NOTHING);
    cr_assert_eq(chr_watch(c, &events), CHR_WATCH_NOTHING);
    chr_close(c);
    c = open_kind("file:");
    cr_assert_eq(chr_watch(c, &events), CHR_WATCH_NOTHING);
    chr_close(c);
}

Test(chr, memory_keeps_the_newest)
{
    struct chr *c = chr_new_memory(10);
    size_t len;

    cr_assert_str_eq(chr_memory_text(c, &len), "");
    chr_write(c, "abc", 3);
    cr_assert_str_eq(chr_memory_text(c, &len), "abc");
    chr_write(c, "0123456789", 10);
    cr_assert_str_eq(chr_memory_text(c, &len), "0123456789");
    cr_assert_eq(len, 10);
    cr_assert_eq(c->dropped, 3);
    chr_write(c, "a longer text than fits", 23);
    cr_assert_str_eq(chr_memory_text(c, NULL), " than fits");
    chr_close(c);
}

Test(chr, memory_is_bounded_byte_by_byte)
{
    struct chr *c = chr_new_memory(100);
    size_t len;
    unsigned i;

    for (i = 0; i < 100000; i++)
        chr_write(c, &"0123456789"[i % 10], 1);
    cr_assert_str_eq(chr_memory_text(c, &len) + 90, "0123456789");
    cr_assert_eq(len, 100);
    cr_assert_eq(c->dropped, 100000 - 100);
    chr_close(c);
}

Test(chr, unknown_descriptions_are_refused)
{
    expect_refusal("tcp:1234", "'tcp:1234' is not known; use stdio, file:PATH");
    expect_refusal("", "is not known");
}

/* --- file ------------------------------------------------------------------------------------ */

Test(chr, file_is_emptied_and_written_through)
{
    char text[20] = {0};
    struct chr *c;
    FILE *f = fopen(path, "w");

    fputs("old contents", f);
    fclose(f);
    c = open_kind("file:");
    chr_write(c, "new", 3);
    f = fopen(path, "r");
    cr_assert_eq(fread(text, 1, sizeof text, f), 3, "visible before the close");
    cr_assert_str_eq(text, "new");
    fclose(f);
    chr_close(c);
}

Test(chr, file_that_cannot_be_made_is_refused)
{
    expect_refusal("file:/nonexistent/log", "'/nonexistent/log' cannot be written: No such file");
    cr_assert_eq(mkfifo(path, 0600), 0);
    snprintf(what, sizeof what, "file:%s", path);
    expect_refusal(what, "nobody reads this pipe");
}

Test(chr, full_disk_loses_output_but_does_not_stop_us)
{
    struct chr *c = chr_open("file:/dev/full", err, sizeof err);

    chr_write(c, "lost", 4);
    chr_write(c, "lost", 4);
    cr_assert_eq(c->dropped, 8);
    chr_close(c);
}

Test(chr, size_limit_of_the_host_raises_no_signal)
{
    struct rlimit limit = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY};
    struct chr *c = open_kind("file:");

    setrlimit(RLIMIT_FSIZE, &limit);
    chr_write(c, "0123456789", 10);
    chr_write(c, "x", 1);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_eq(c->dropped, 1);
    chr_close(c);
}

/* --- unix ------------------------------------------------------------------------------------ */

static int dial(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(addr.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

Test(chr, unix_carries_both_directions)
{
    struct chr *c = open_kind("unix:");
    char b[10] = {0};
    int fd;

    chr_write(c, "nobody", 6);
    cr_assert_eq(c->dropped, 6);
    fd = dial();
    chr_write(c, "hello", 5);
    cr_assert_eq(read(fd, b, sizeof b), 5);
    cr_assert_eq(write(fd, "xyz", 3), 3);
    cr_assert_eq(poll_some(c, b, 2), 2, "never more than asked for");
    cr_assert_eq(poll_some(c, b + 2, 5), 1);
    cr_assert_arr_eq(b, "xyz", 3);
    close(fd);
    chr_close(c);
    cr_assert_neq(access(path, F_OK), 0, "the name is gone");
}

Test(chr, unix_wakes_a_sleeper_for_clients_and_their_input)
{
    struct chr *c = open_kind("unix:");
    char b[4];
    int fd;

    cr_assert(!wakes(c));
    fd = dial();
    cr_assert(wakes(c), "somebody calls");
    chr_poll(c, b, 4);
    cr_assert(!wakes(c));
    cr_assert_eq(write(fd, "1", 1), 1);
    cr_assert(wakes(c));
    cr_assert_eq(chr_poll(c, b, 4), 1);
    cr_assert(!wakes(c));
    close(fd);
    cr_assert(wakes(c), "the client has left");
    chr_close(c);
}

Test(chr, unix_serves_one_client_after_the_other)
{
    struct chr *c = open_kind("unix:");
    int first = dial(), second = dial();
    char b[4];

    cr_assert_eq(write(second, "2", 1), 1);
    cr_assert_eq(write(first, "1", 1), 1);
    cr_assert_eq(poll_some(c, b, 4), 1);
    cr_assert_eq(b[0], '1');
    cr_assert_eq(chr_poll(c, b, 4), 0);
    close(first);
    cr_assert_eq(poll_some(c, b, 4), 1);
    cr_assert_eq(b[0], '2');
    close(second);
    chr_close(c);
}

Test(chr, unix_client_that_leaves_raises_no_signal)
{
    struct chr *c = open_kind("unix:");
    int fd = dial();

    chr_write(c, "a", 1);
    close(fd);
    chr_write(c, "b", 1);
    chr_write(c, "c", 1);
    cr_assert_eq(c->dropped, 2);
    chr_close(c);
}

Test(chr, unix_client_that_does_not_read_costs_output_not_time)
{
    static u8 block[65536];
    struct chr *c = open_kind("unix:");
    int fd = dial();
    unsigned i;
    u64 got = 0;
    ssize_t n;

    for (i = 0; i < 64; i++)
        chr_write(c, block, sizeof block);
    cr_assert_gt(c->dropped, 0);
    cr_assert_lt(c->dropped, 64 * sizeof block - (1 << 20), "a mebibyte waits");
    /* What waits arrives once the client reads. */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = read(fd, block, sizeof block)) > 0 || got + c->dropped < 64 * sizeof block) {
        got += n > 0 ? (u64)n : 0;
        chr_poll(c, NULL, 0);
    }
    cr_assert_eq(got + c->dropped, 64 * sizeof block);
    close(fd);
    chr_close(c);
}

Test(chr, unix_takes_over_a_dead_socket_but_not_a_live_one_or_a_file)
{
    struct chr *c;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct stat st;

    strcpy(addr.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    close(fd); /* the name stays behind, as after a crash */
    c = open_kind("unix:");
    stat(path, &st);
    cr_assert_eq(st.st_mode & 0777, 0600);
    snprintf(what, sizeof what, "unix:%s", path);
    expect_refusal(what, "exists and is in use");
    chr_close(c);
    fclose(fopen(path, "w"));
    expect_refusal(what, "exists and is in use");
    cr_assert_eq(access(path, F_OK), 0, "a file of the user's is never deleted");
}

Test(chr, unix_name_that_is_too_long_is_refused)
{
    char long_name[200];

    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, "unix:", 5);
    long_name[199] = 0;
    expect_refusal(long_name, "does not fit a socket's name");
    expect_refusal("unix:", "does not fit a socket's name");
}

/* --- pty ------------------------------------------------------------------------------------- */

/* The slave's name is printed on stderr: catch it. */
static struct chr *open_pty(char *name, size_t size)
{
    int saved = dup(STDERR_FILENO), ends[2];
    struct chr *c;
    ssize_t n;

    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    c = chr_open("pty", err, sizeof err);
    dup2(saved, STDERR_FILENO);
    n = read(ends[0], name, size - 1);
    cr_assert_gt(n, 1);
    name[n - 1] = 0;
    close(ends[0]);
    close(ends[1]);
    close(saved);
    return c;
}

Test(chr, pty_passes_bytes_unchanged)
{
    char line[200], *name, b[10] = {0};
    struct chr *c = open_pty(line, sizeof line);
    int fd;

    name = strstr(line, "/dev/");
    cr_assert_not_null(name, "%s", line);
    chr_write(c, "nobody", 6);
    cr_assert_eq(c->dropped, 6);
    cr_assert(!wakes(c), "nobody has it open");
    fd = open(name, O_RDWR | O_NOCTTY);
    cr_assert(!wakes(c));
    chr_write(c, "a\nb\r\x03", 5);
    cr_assert_eq(read(fd, b, sizeof b), 5);
    cr_assert_arr_eq(b, "a\nb\r\x03", 5);
    cr_assert_eq(write(fd, "\r\n\x03", 3), 3);
    cr_assert(wakes(c));
    cr_assert_eq(poll_some(c, b, sizeof b), 3);
    cr_assert_arr_eq(b, "\r\n\x03", 3);
    close(fd);
    cr_assert_eq(chr_poll(c, b, sizeof b), 0);
    fd = open(name, O_RDWR | O_NOCTTY);
    cr_assert_eq(write(fd, "2", 1), 1);
    cr_assert_eq(poll_some(c, b, sizeof b), 1, "another client may come");
    close(fd);
    chr_close(c);
}

/* --- stdio ----------------------------------------------------------------------------------- */

/* A terminal of our own: the test is the shell, a child with it as controlling tty runs `body`. */
static int with_terminal(int (*body)(void), int *master)
{
    int slave, status;
    pid_t child;
    char name[100];

    *master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(!grantpt(*master) && !unlockpt(*master) && !ptsname_r(*master, name, sizeof name));
    slave = open(name, O_RDWR | O_NOCTTY); /* held, so that its modes outlive the child */
    child = fork();
    if (!child) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        dup2(slave, 0);
        dup2(slave, 1);
        _exit(body());
    }
    waitpid(child, &status, 0);
    close(slave);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int raw_and_back(void)
{
    struct termios before, during, after;
    struct chr *c;

    tcgetattr(0, &before);
    c = chr_open("stdio", err, sizeof err);
    tcgetattr(0, &during);
    chr_write(c, "out", 3);
    chr_close(c);
    tcgetattr(0, &after);
    if (during.c_lflag & (ICANON | ECHO) || !(during.c_lflag & ISIG) || during.c_iflag & ICRNL)
        return 1;
    if (fcntl(0, F_GETFL) & O_NONBLOCK || fcntl(1, F_GETFL) & O_NONBLOCK)
        return 2;
    return memcmp(&before, &after, sizeof before) ? 3 : 0;
}

Test(chr, stdio_gives_the_terminal_back_as_it_was)
{
    char b[10];
    int master;

    cr_assert_eq(with_terminal(raw_and_back, &master), 0);
    cr_assert_eq(read(master, b, sizeof b), 3);
    cr_assert_arr_eq(b, "out", 3);
    close(master);
}

static int write_to_a_stopped_terminal(void)
{
    static u8 block[65536];
    struct chr *c = chr_open("stdio", err, sizeof err);
    unsigned i;

    for (i = 0; i < 40; i++)
        chr_write(c, block, sizeof block);
    return c->dropped ? 0 : 1; /* not closed: that would wait its two seconds */
}

Test(chr, stdio_never_waits_for_a_terminal_that_nobody_reads)
{
    int master;

    cr_assert_eq(with_terminal(write_to_a_stopped_terminal, &master), 0);
    close(master);
}

/* stdin and stdout as given; returns the child's exit code. */
static int with_stdio(int in, int out, int (*body)(void))
{
    int status;
    pid_t child = fork();

    if (!child) {
        dup2(in, 0);
        dup2(out, 1);
        _exit(body());
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int echo_three(void)
{
    struct chr *c = chr_open("stdio", err, sizeof err);
    char b[10];
    size_t n = poll_some(c, b, sizeof b);

    if (n != 3 || chr_poll(c, b, sizeof b) != 0)
        return 1;
    chr_write(c, b, n);
    n = c->dropped;
    chr_close(c);
    return n != 0;
}

Test(chr, stdio_works_with_pipes_and_survives_the_end_of_input)
{
    int in[2], out[2];
    char b[10];

    cr_assert(!pipe(in) && !pipe(out));
    cr_assert_eq(write(in[1], "abc", 3), 3);
    close(in[1]);
    cr_assert_eq(with_stdio(in[0], out[1], echo_three), 0);
    cr_assert_eq(read(out[0], b, sizeof b), 3);
}

static int write_a_lot(void)
{
    struct chr *c = chr_open("stdio", err, sizeof err);
    static u8 block[300000];
    u64 dropped;

    chr_write(c, block, sizeof block);
    dropped = c->dropped;
    chr_close(c);
    return dropped != 0;
}

Test(chr, stdio_delivers_all_to_a_slow_pipe)
{
    int out[2], status;
    u64 got = 0;
    static u8 block[4096];
    ssize_t n;
    pid_t child;

    cr_assert_eq(pipe(out), 0);
    child = fork();
    if (!child) {
        close(out[0]);
        _exit(with_stdio(open("/dev/null", O_RDONLY), out[1], write_a_lot));
    }
    close(out[1]);
    while ((n = read(out[0], block, sizeof block)) > 0)
        got += (u64)n;
    waitpid(child, &status, 0);
    cr_assert_eq(WEXITSTATUS(status), 0);
    cr_assert_eq(got, 300000);
}

static int write_twice(void)
{
    struct chr *c = chr_open("stdio", err, sizeof err);

    chr_write(c, "a", 1);
    chr_write(c, "b", 1);
    chr_close(c);
    return 0;
}

Test(chr, stdio_survives_a_reader_that_left)
{
    int out[2], pair[2];

    cr_assert_eq(pipe(out), 0);
    close(out[0]);
    cr_assert_eq(with_stdio(0, out[1], write_twice), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[0]);
    cr_assert_eq(with_stdio(0, pair[1], write_twice), 0);
}

static int write_to_a_full_socket(void)
{
    struct chr *c = chr_open("stdio", err, sizeof err);
    static u8 block[65536];
    unsigned i;

    for (i = 0; i < 40; i++)
        chr_write(c, block, sizeof block);
    return c->dropped ? 0 : 1;
}

Test(chr, stdio_never_waits_for_a_socket_that_nobody_reads)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(with_stdio(pair[0], pair[1], write_to_a_full_socket), 0);
    cr_assert_not(fcntl(pair[1], F_GETFL) & O_NONBLOCK);
}
