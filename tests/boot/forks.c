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
#include "tests/support/guest_trial.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 128 /* sectors */, SECTOR = 512, DELAY_US = 100000 };

static struct guest_trial trial;

static const char *self;
static bool fill;
static unsigned passed, failed;

/* What must be the same. */
struct look {
    u64 state, disks;
};

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
    for (u64 at = 1 << 20; fill && at < trial.config.mem_bytes; at += 4096)
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
    const char *argv[] = {self,
                          "--seed",
                          text[0],
                          "--engine",
                          trial.other_engine,
                          "--windows",
                          trial.config.windows,
                          "--child",
                          text[1],
                          text[2],
                          again ? "1" : "0",
                          trial.input ? NULL : "--no-input",
                          NULL};
    int out[2];

    snprintf(text[0], sizeof text[0], "%" PRIu64, trial.seed);
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
    c->sending.delay_us = (useconds_t)(trial_random(&trial, machine_now_ns(m)) % DELAY_US);
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
    c.engine = trial.config.engine;
    c.windows = trial.config.windows;
    c.log = trial.config.log;
    m = trial_build(&c);
    if (!forked_load(f, m, err, sizeof err)) {
        printf("%s\n", err);
        return 1;
    }
    forked_free(f);
    if (again) {
        trial_run_to(&trial, m, machine_now_ns(m) + (until - machine_now_ns(m)) / 2);
        start_child(&next, m, until, false);
    }
    trial_run_to(&trial, m, until);
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

static void alone(const u64 *at, struct look *out)
{
    struct machine_config c = trial.config;
    struct machine *m;

    c.discard = true;
    m = trial_build(&c);
    for (unsigned i = 0; i < trial.points; i++) {
        trial_run_to(&trial, m, at[i]);
        fill_memory(m);
        trial_run_to(&trial, m, machine_now_ns(m) + trial.more_ns);
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
    usleep((useconds_t)(trial_random(&trial, machine_now_ns(m)) % 200000));
    kill(c.pid, SIGKILL);
    end_child(&c);
}

static void with_forks(const u64 *at, const struct look *want)
{
    struct machine *m = trial_build(&trial.config);
    u64 stop[TRIAL_POINTS_MAX];

    for (unsigned i = 0; i < trial.points; i++) {
        struct child c;
        u64 now;

        trial_run_to(&trial, m, at[i]);
        fill_memory(m);
        now = machine_now_ns(m);
        start_child(&c, m, now + trial.more_ns, true);
        trial_run_to(&trial, m, now + trial.more_ns);
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
    trial_sort(stop, trial.points);
    printf("stood still for %.2f ms at least, %.2f in the middle, %.2f at most\n",
           (double)stop[0] / 1e6, (double)stop[trial.points / 2] / 1e6,
           (double)stop[trial.points - 1] / 1e6);
}

int main(int argc, char **argv)
{
    u64 at[TRIAL_POINTS_MAX];
    struct look want[TRIAL_POINTS_MAX];

    self = "/proc/self/exe";
    signal(SIGPIPE, SIG_IGN);
    trial = trial_defaults();
    trial.config.windows = "auto";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-input")) {
            trial.input = false;
        } else if (!strcmp(argv[i], "--fill")) {
            fill = true;
        } else if (!strcmp(argv[i], "--child") && i + 3 < argc) {
            trial.input = i + 4 == argc;
            trial.other_engine = trial.config.engine;
            return be_child(atoi(argv[i + 1]), strtoull(argv[i + 2], NULL, 0), atoi(argv[i + 3]));
        } else if (i + 1 >= argc || !trial_option(&trial, argv[i], argv[i + 1])) {
            fprintf(stderr, "forks: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        } else {
            i++;
        }
    }
    trial.other_engine = trial.other_engine ? trial.other_engine : trial.config.engine;
    trial_moments(&trial, at);
    alone(at, want);
    with_forks(at, want);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
