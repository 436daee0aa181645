/*
 * Machines forked in the middle of what they do. One machine runs a guest the whole way by itself;
 * another does the same, writes to its disks' images, and is forked at random moments while keys
 * and the mouse are used. Each fork goes on in a process of its own, on another engine if one is
 * named, and is forked again half-way; one more is killed. All must have the undisturbed machine's
 * state and disks at the same later moment.
 *
 *     forks [--seed N] [--points N] [--until SECONDS] [--more SECONDS] [--cpu MODEL] [--mem MIB]
 *           [--fda F] [--hda F] [--cdrom F] [--kernel F] [--initrd F] [--append TEXT]
 *           [--no-input] [--engine NAME] [--other-engine NAME] [--windows WHEN] [--fill]
 *
 * --fill gives every page of memory contents before each fork, for figures: guests break of it. How
 * long the guest stood still is printed; the last line is "N passed, N failed, N skipped".
 */
#include "base/hash.h"
#include "base/log.h"
#include "devices/board/board.h"
#include "devices/board/fork.h"
#include "devices/host/blk.h"
#include "devices/host/input.h"
#include "tests/support/guest_options.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 40, POINTS_MAX = 100, PIECE = 128 /* sectors */, SECTOR = 512, DELAY_US = 100000 };

#define MS 1000000ull

static struct machine_config config = {
    .mem_bytes = 32 << 20,
    .cpu = "pentium2",
    .engine = "interp",
    .windows = "auto",
    .boot = "acd",
    .deterministic = true,
    .speed_max = true,
    .rtc_epoch = 820454400, /* 1996-01-01 */
};

static const char *other_engine, *self;
static u64 seed = 1, until_ms = 4000, more_ms = 500;
static unsigned points = 5;
static bool input = true, fill;
static unsigned passed, failed;

/* What must be the same. */
struct look {
    u64 state, disks;
};

static u64 random_at(u64 n)
{
    u64 v = (n + 1) * 0x9E3779B97F4A7C15ull ^ seed * 0xBB67AE8584CAA73Bull;

    v = (v ^ v >> 31) * 0xADF85458A2BB4A9Bull;
    return v ^ v >> 29;
}

/* What the user does at a tick depends on the tick alone. */
static void use(struct machine *m, u64 tick)
{
    static const char *const keys[] = {"enter", "space", "down", "up", "a", "esc", "d", "i", "r"};
    u64 r = random_at(tick / 2);

    if (!input)
        return;
    if (r >> 8 & 1)
        machine_key(m, key_by_name(keys[r % ARRAY_LEN(keys)]), !(tick & 1));
    else
        machine_mouse(m, (s32)(r >> 16 & 31) - 15, (s32)(r >> 24 & 31) - 15, 0, (u8)(r >> 32 & 1));
}

static void run_to(struct machine *m, u64 ns)
{
    u64 now = machine_now_ns(m), next;

    for (; now < ns; now = next) {
        next = min_u64((now / (TICK_MS * MS) + 1) * TICK_MS * MS, ns);
        if (machine_run(m, next) != MACHINE_TIME)
            return;
        if (next % (TICK_MS * MS) == 0)
            use(m, next / (TICK_MS * MS));
    }
}

static struct machine *build(const struct machine_config *c)
{
    char err[512];
    struct machine *m = machine_new(c, err, sizeof err);

    if (m)
        return m;
    printf("%s\n", err);
    exit(71);
}

static struct look look_at(struct machine *m)
{
    struct look l = {.state = machine_state_hash(m)};
    struct hash128 sum = {0};
    static u8 data[PIECE * SECTOR];

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = machine_board(m)->drive[i].blk;

        for (u64 at = 0; blk && at < blk_sectors(blk); at += PIECE) {
            if (blk_read(blk, at, PIECE, data))
                printf("drive %u cannot be read\n", i);
            sum = hash128(sum.lo + sum.hi, data, sizeof data);
        }
    }
    l.disks = sum.lo;
    return l;
}

static bool same(struct look a, struct look b)
{
    return a.state == b.state && a.disks == b.disks;
}

/* Every page, where a guest that has long run would have something. */
static void fill_memory(struct machine *m)
{
    u8 some[16];

    memset(some, 0x5A, sizeof some);
    for (u64 at = 1 << 20; fill && at < config.mem_bytes; at += 4096)
        machine_write_physical(m, at + 2048, some, sizeof some);
}

/* ---- The other processes ---- */

struct sending {
    struct fork *fork;
    int socket;
    useconds_t delay_us; /* the guest goes on meanwhile, and changes what is to be sent */
    bool good;
    char err[500];
};

static void *send_fork(void *opaque)
{
    struct sending *s = opaque;

    usleep(s->delay_us);
    s->good = fork_send(s->fork, s->socket, s->err, sizeof s->err);
    return NULL;
}

/* One process, being started while the guest goes on here. */
struct child {
    pid_t pid;
    FILE *from;
    struct sending sending;
    pthread_t thread;
};

/* This program again, with one end of the sockets; what it prints comes back. */
static void run_child(struct child *c, int ends[2], u64 until, bool again)
{
    char text[3][32];
    const char *argv[] = {self,         "--seed",    text[0],           "--engine",
                          other_engine, "--windows", config.windows,    "--child",
                          text[1],      text[2],     again ? "1" : "0", input ? NULL : "--no-input",
                          NULL};
    int out[2];

    snprintf(text[0], sizeof text[0], "%" PRIu64, seed);
    snprintf(text[1], sizeof text[1], "%d", ends[1]);
    snprintf(text[2], sizeof text[2], "%" PRIu64, until);
    if (pipe(out))
        exit(71);
    fflush(stdout);
    c->pid = fork();
    if (c->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        close(ends[0]);
        execv(self, (char *const *)argv);
        _exit(71);
    }
    close(out[1]);
    c->from = fdopen(out[0], "r");
}

/* It goes on to `until`, and if `again` forks half-way to there. */
static void start_child(struct child *c, struct machine *m, u64 until, bool again)
{
    int ends[2];

    c->sending = (struct sending){.fork = fork_start(m, c->sending.err, sizeof c->sending.err)};
    if (!c->sending.fork || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends)) {
        printf("%s\n", c->sending.err);
        exit(1);
    }
    c->sending.delay_us = (useconds_t)(random_at(machine_now_ns(m)) % DELAY_US);
    run_child(c, ends, until, again);
    close(ends[1]);
    c->sending.socket = ends[0];
    pthread_create(&c->thread, NULL, send_fork, &c->sending);
}

static void end_child(struct child *c)
{
    fclose(c->from);
    waitpid(c->pid, NULL, 0);
}

static u64 join_child(struct child *c)
{
    u64 ns = fork_stop_ns(c->sending.fork);

    pthread_join(c->thread, NULL);
    if (!c->sending.good)
        printf("%s\n", c->sending.err);
    close(c->sending.socket);
    fork_end(c->sending.fork);
    return ns;
}

/* What it, and those that it has forked off, have seen. */
static void compare_child(struct child *c, const char *who, u64 at_ns, struct look want)
{
    char line[600] = "";
    unsigned lines = 0;

    for (; fgets(line, sizeof line, c->from); lines++) {
        struct look l;

        if (sscanf(line, "%" SCNx64 " %" SCNx64, &l.state, &l.disks) == 2 && same(l, want)) {
            passed++;
            continue;
        }
        failed++;
        printf("%s of %.6f s: %s", who, (double)at_ns / 1e9, line);
    }
    end_child(c);
    if (lines == 2)
        return;
    failed++;
    printf("%s of %.6f s: %u answers, not 2\n", who, (double)at_ns / 1e9, lines);
}

/* In such a process. */
static int be_child(int socket, u64 until, bool again)
{
    char err[500];
    struct forked *f = forked_receive(socket, err, sizeof err);
    struct machine_config c;
    struct machine *m;
    struct child next;
    struct look l;

    if (!f) {
        printf("%s\n", err);
        return 1;
    }
    c = *forked_config(f);
    c.engine = config.engine;
    c.windows = config.windows;
    c.log = config.log;
    m = build(&c);
    if (!forked_load(f, m, err, sizeof err)) {
        printf("%s\n", err);
        return 1;
    }
    forked_free(f);
    if (again) {
        run_to(m, machine_now_ns(m) + (until - machine_now_ns(m)) / 2);
        start_child(&next, m, until, false);
    }
    run_to(m, until);
    l = look_at(m);
    printf("%016" PRIx64 " %016" PRIx64 "\n", l.state, l.disks);
    if (again) {
        char line[600];

        join_child(&next);
        while (fgets(line, sizeof line, next.from))
            fputs(line, stdout);
        end_child(&next);
    }
    machine_free(m);
    return 0;
}

/* ---- The whole way ---- */

static int by_number(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? -1 : x > y;
}

/* Moments at which no input comes, so that all machines get it in the same order. */
static u64 between_ticks(u64 ns)
{
    u64 in_tick = ns % (TICK_MS * MS);

    return ns - in_tick + min_u64(max_u64(in_tick, MS), (TICK_MS - 1) * MS);
}

static void alone(const u64 *at, struct look *out)
{
    struct machine_config c = config;
    struct machine *m;

    c.discard = true;
    m = build(&c);
    for (unsigned i = 0; i < points; i++) {
        run_to(m, at[i]);
        fill_memory(m);
        run_to(m, machine_now_ns(m) + more_ms * MS);
        out[i] = look_at(m);
    }
    machine_free(m);
}

/* A process that is killed in the middle must leave no trace. */
static void start_victim(struct machine *m)
{
    struct child c;

    start_child(&c, m, UINT64_MAX / 2, false);
    join_child(&c);
    usleep((useconds_t)(random_at(machine_now_ns(m)) % 200000));
    kill(c.pid, SIGKILL);
    end_child(&c);
}

static void with_forks(const u64 *at, const struct look *want)
{
    struct machine *m = build(&config);
    u64 stop[POINTS_MAX];

    for (unsigned i = 0; i < points; i++) {
        struct child c;
        u64 now;

        run_to(m, at[i]);
        fill_memory(m);
        now = machine_now_ns(m);
        start_child(&c, m, now + more_ms * MS, true);
        run_to(m, now + more_ms * MS);
        if (same(look_at(m), want[i])) {
            passed++;
        } else {
            failed++;
            printf("the first process after %.6f s is another\n", (double)now / 1e9);
        }
        stop[i] = join_child(&c);
        compare_child(&c, "a fork", now, want[i]);
        if (i % 2)
            start_victim(m);
    }
    machine_free(m);
    qsort(stop, points, sizeof *stop, by_number);
    printf("stood still for %.2f ms at least, %.2f in the middle, %.2f at most\n",
           (double)stop[0] / 1e6, (double)stop[points / 2] / 1e6, (double)stop[points - 1] / 1e6);
}

static bool option(const char *name, const char *value)
{
    if (!strcmp(name, "--seed"))
        seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--points"))
        points = (unsigned)max_u64(min_u64(strtoull(value, NULL, 0), POINTS_MAX), 1);
    else if (!strcmp(name, "--until"))
        until_ms = (u64)(atof(value) * 1000);
    else if (!strcmp(name, "--more"))
        more_ms = (u64)(atof(value) * 1000);
    else if (!strcmp(name, "--other-engine"))
        other_engine = value;
    else
        return guest_option(&config, name, value);
    return true;
}

int main(int argc, char **argv)
{
    u64 at[POINTS_MAX];
    struct look want[POINTS_MAX];

    self = "/proc/self/exe";
    signal(SIGPIPE, SIG_IGN);
    config.log = log_new(NULL, NULL);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-input")) {
            input = false;
        } else if (!strcmp(argv[i], "--fill")) {
            fill = true;
        } else if (!strcmp(argv[i], "--child") && i + 3 < argc) {
            input = i + 4 == argc;
            other_engine = config.engine;
            return be_child(atoi(argv[i + 1]), strtoull(argv[i + 2], NULL, 0), atoi(argv[i + 3]));
        } else if (i + 1 >= argc || !option(argv[i], argv[i + 1])) {
            fprintf(stderr, "forks: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        } else {
            i++;
        }
    }
    other_engine = other_engine ? other_engine : config.engine;
    config.drive_is_cd[DRIVE_HDC] = true;
    for (unsigned i = 0; i < points; i++)
        at[i] = between_ticks(random_at(1000000 + i) % (until_ms * MS));
    qsort(at, points, sizeof at[0], by_number);
    alone(at, want);
    with_forks(at, want);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
