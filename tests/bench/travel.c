/*
 * What snapshots, recordings and going back cost, with Linux and busybox as the guest.
 *
 *     travel [--seconds N] [--rounds N] [--parts cost,save,back,fork] KERNEL INITRD
 *
 * cost: the same work (--rounds times each, by turns) alone and recorded in one machine, and in
 *       machines without and with the rewind ring.
 * save: how long the guest waits for a snapshot at 64 MiB, and the file's size and times.
 * back: in a machine that has worked for --seconds (60) in real time, steps back and searches.
 * fork: how long the guest waits for it, at 64 and 512 MiB of written memory.
 * Prints the rows of a table of docs/performance.md: what, measured, wanted.
 */
#include "base/clock.h"
#include "base/log.h"
#include "devices/board/debug.h"
#include "devices/board/fork.h"
#include "devices/board/machine.h"
#include "devices/board/replay.h"
#include "devices/board/rewind.h"
#include "devices/board/snapshot.h"
#include "frontend/serial_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MEM_MIB = 64,
    LARGE_MIB = 512,
    RING_MIB = 256,
    FIRSTS = 9, /* steps back from the newest moment, so far apart: */
    BETWEEN_FIRSTS_NS = 370 * 1000000,
    STEPS = 20,
    SAVES = 7,
    FORKS = 3,
    CANDIDATES = 32,
    BETWEEN_CANDIDATES = 1 << 20, /* bytes */
    ROUNDS_MAX = 99,
    WAIT_S = 600, /* of the guest's, for what it says */
};

static const char *kernel, *initrd, *parts = "cost,save,back,fork";
static unsigned seconds = 60, rounds = 5;
static struct log *quiet;
static struct serial_tap *tap;
static char err[600];

/* It computes, writes files and memory, starts programs; a line a round. It says its number. */
static const char work[] =
    "i=0; while [ $i -lt 40 ]; do md5sum /bin/busybox; gzip -c /bin/busybox > /tmp/y; "
    "ls -lR /proc/1 > /tmp/x; i=$((i+1)); done; echo do''ne %u.\n";
static const char endless[] = "while :; do md5sum /bin/busybox; gzip -c /bin/busybox > /tmp/y; "
                              "date > /tmp/x; sleep 0.05; done\n";

static void check(bool good)
{
    if (good)
        return;
    fprintf(stderr, "travel: %s\n", err);
    exit(1);
}

static double now_s(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, rising);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static bool wanted(const char *part)
{
    return strstr(parts, part);
}

/* ---- The guest ---- */

static void wait_for(struct machine *m, const char *text)
{
    u64 until = machine_now_ns(m) + WAIT_S * NS_PER_SEC;

    snprintf(err, sizeof err, "the guest did not say '%s'", text);
    while (!serial_tap_seen(tap, text)) {
        check(machine_now_ns(m) < until);
        machine_run(m, machine_now_ns(m) + NS_PER_SEC / 20);
    }
}

/* At its shell. */
static struct machine *boot(unsigned mem_mib, bool real_time)
{
    struct machine_config config = {
        .mem_bytes = (u64)mem_mib << 20,
        .cpu = "pentium2",
        .engine = "jit",
        .boot = "a",
        .kernel = kernel,
        .initrd = initrd,
        .append = "console=ttyS0 quiet cryptomgr.notests",
        .deterministic = !real_time,
        .speed_max = !real_time,
        .discard = true,
        .rtc_epoch = 820454400, /* 1996-01-01 */
        .log = quiet,
    };
    struct machine *m;

    tap = serial_tap_new(NULL);
    config.serial[0] = serial_tap_chr(tap);
    m = machine_new(&config, err, sizeof err);
    check(m);
    wait_for(m, "/root #");
    return m;
}

static void type(const char *text)
{
    snprintf(err, sizeof err, "no memory left");
    check(serial_tap_type(tap, text));
}

/* ---- Cost ---- */

/* Of each round. */
struct cost {
    double wall[ROUNDS_MAX], cpu[ROUNDS_MAX];
};

/* How long the guest waited for each recording to begin. */
static double begin_s[ROUNDS_MAX];
static unsigned recordings;

static void drop_line(void *opaque, enum log_level level, const char *line)
{
}

/* Writing the start costs once, not by the second: it is over when the work begins. */
static void record(struct machine *m, const char *file)
{
    double start = now_s(CLOCK_MONOTONIC);
    struct log *silent = log_new(drop_line, NULL);
    struct replay *r;

    check(machine_record_start(m, file, err, sizeof err));
    begin_s[recordings++] = now_s(CLOCK_MONOTONIC) - start;
    while (!(r = replay_open(file, silent, err, sizeof err)))
        usleep(20000);
    replay_free(r);
    log_free(silent);
}

static void measure_work(struct machine *m, struct cost *c, unsigned i)
{
    static unsigned number;
    char text[sizeof work + 20];

    snprintf(text, sizeof text, work, ++number);
    c->wall[i] = now_s(CLOCK_MONOTONIC);
    c->cpu[i] = now_s(CLOCK_PROCESS_CPUTIME_ID);
    type(text);
    snprintf(text, sizeof text, "\ndone %u.", number);
    wait_for(m, text);
    c->wall[i] = now_s(CLOCK_MONOTONIC) - c->wall[i];
    c->cpu[i] = now_s(CLOCK_PROCESS_CPUTIME_ID) - c->cpu[i];
}

static double median_ratio(const double *a, const double *b)
{
    double ratio[ROUNDS_MAX];

    for (unsigned i = 0; i < rounds; i++)
        ratio[i] = (a[i] / b[i] - 1) * 100;
    return median(ratio, rounds);
}

static void print_cost(const char *name, const struct cost cost[2], const char *wanted_cost)
{
    printf("| %s, longer by | %.1f %% | %s |\n", name, median_ratio(cost[1].wall, cost[0].wall),
           wanted_cost);
    printf("| %s, more processor time of all threads | %.1f %% | |\n", name,
           median_ratio(cost[1].cpu, cost[0].cpu));
}

/* In one machine: where the host put its code and memory makes more of a difference. */
static void measure_recorded(void)
{
    struct machine *m = boot(MEM_MIB, false);
    char file[] = "/tmp/travel.XXXXXX";
    static struct cost cost[2];

    close(mkstemp(file));
    for (unsigned i = 0; i < rounds * 2; i++) {
        bool recorded = (i + i / 2) % 2; /* not always behind the other */

        if (recorded)
            record(m, file);
        measure_work(m, &cost[recorded], i / 2);
        if (recorded)
            machine_record_stop(m, err, sizeof err);
    }
    unlink(file);
    machine_free(m);
    printf("| recording begins at %u MiB: the guest waits | %.1f ms | |\n", MEM_MIB,
           median(begin_s, recordings) * 1e3);
    print_cost("recording", cost, "<= 3 %");
}

static void measure_ring(void)
{
    static struct cost cost[2];

    for (unsigned i = 0; i < rounds * 2; i++) {
        bool ring = (i + i / 2) % 2;
        struct machine *m = boot(MEM_MIB, false);

        if (ring)
            check(machine_rewind_start(m, (size_t)RING_MIB << 20, err, sizeof err));
        measure_work(m, &cost[ring], i / 2);
        machine_free(m);
    }
    print_cost("keeping the past (rewind ring)", cost, "<= 5 %");
}

/* ---- Snapshots ---- */

static void measure_save(void)
{
    struct machine *m = boot(MEM_MIB, false), *other;
    double stop[SAVES], whole[SAVES], load;
    char file[] = "/tmp/travel.XXXXXX";
    struct machine_config config;
    struct snapshot *s;
    struct stat st;

    close(mkstemp(file));
    type(endless);
    for (unsigned i = 0; i < SAVES; i++) {
        double began;
        struct snapshot_job *job;

        machine_run(m, machine_now_ns(m) + NS_PER_SEC);
        began = now_s(CLOCK_MONOTONIC);
        job = snapshot_start(m, file, err, sizeof err);
        check(job);
        stop[i] = now_s(CLOCK_MONOTONIC) - began;
        check(snapshot_wait(job, err, sizeof err));
        whole[i] = now_s(CLOCK_MONOTONIC) - began;
    }
    stat(file, &st);
    s = snapshot_open(file, err, sizeof err);
    check(s);
    config = *snapshot_config(s);
    config.engine = "jit";
    config.log = quiet;
    load = now_s(CLOCK_MONOTONIC);
    other = machine_new(&config, err, sizeof err);
    check(other && snapshot_load(s, other, err, sizeof err));
    load = now_s(CLOCK_MONOTONIC) - load;
    snapshot_close(s);
    unlink(file);
    printf("| live snapshot at %u MiB: the guest waits | %.1f ms | <= 50 ms |\n", MEM_MIB,
           median(stop, SAVES) * 1e3);
    printf("| the longest of %u | %.1f ms | |\n", SAVES, stop[SAVES - 1] * 1e3);
    printf("| the file is on the medium after | %.0f ms | |\n", median(whole, SAVES) * 1e3);
    printf("| its size | %.1f MiB | |\n", (double)st.st_size / (1 << 20));
    printf("| a new machine from it | %.0f ms | |\n", load * 1e3);
    machine_free(other);
    machine_free(m);
}

/* ---- Going back ---- */

/* Where there is none (video memory) it reads as zeros. */
static u8 *memory_now(struct machine *m)
{
    size_t len = (size_t)MEM_MIB << 20;
    u8 *p = calloc(1, len);

    snprintf(err, sizeof err, "no memory left");
    check(p);
    for (size_t at = 0; at < len; at += 4096)
        machine_read_physical(m, at, p + at, 4096);
    return p;
}

/*
 * From *page on, a byte of a page that was written between two moments and has not changed since; 0
 * if there is none. It may have been written again with what it held.
 */
static u64 find_old_write(const u8 *a, const u8 *b, const u8 *now, u64 *page)
{
    for (; *page < (u64)MEM_MIB << 20; *page += 4096)
        for (u64 i = *page; i < *page + 4096 && !memcmp(b + *page, now + *page, 4096); i++)
            if (a[i] != b[i]) {
                *page += BETWEEN_CANDIDATES;
                return i;
            }
    return 0;
}

static double measure_step(struct rewind *r)
{
    double began = now_s(CLOCK_MONOTONIC);

    check(rewind_step_back(r, 1, err, sizeof err));
    return now_s(CLOCK_MONOTONIC) - began;
}

/* From the newest moment, at several of them; then more from where that led. */
static void measure_steps(struct machine *m, struct rewind *r)
{
    double first[FIRSTS], more[STEPS];

    for (unsigned i = 0; i < FIRSTS; i++) {
        check(rewind_to_present(r, err, sizeof err));
        machine_run(m, machine_now_ns(m) + BETWEEN_FIRSTS_NS);
        first[i] = measure_step(r);
    }
    for (unsigned i = 0; i < STEPS; i++)
        more[i] = measure_step(r);
    printf("| a step back in a run of %u s | %.0f ms | < 1000 ms |\n", seconds,
           median(first, FIRSTS) * 1e3);
    printf("| the longest of %u | %.0f ms | |\n", FIRSTS, first[FIRSTS - 1] * 1e3);
    printf("| each of %u more | %.1f ms | |\n", STEPS, median(more, STEPS) * 1e3);
    printf("| the longest of these | %.1f ms | |\n", more[STEPS - 1] * 1e3);
}

/* Back to the last time that a point was hit, and to the present again. */
static void measure_continue_back(struct machine *m, struct rewind *r, const char *what,
                                  const struct debug_point *p)
{
    struct debug *d = machine_debug(m);
    u64 before = machine_now_ns(m);
    double began;
    int id;

    snprintf(err, sizeof err, "no memory left");
    check(d);
    id = debug_point_add(d, p);
    check(id > 0);
    began = now_s(CLOCK_MONOTONIC);
    check(rewind_continue_back(r, err, sizeof err) == REWIND_FOUND);
    printf("| continue back to %s, %.1f s before | %.0f ms | |\n", what,
           (double)(before - machine_now_ns(m)) / 1e9, (now_s(CLOCK_MONOTONIC) - began) * 1e3);
    debug_point_remove(d, id);
    printf("| a step back from there | %.1f ms | |\n", measure_step(r) * 1e3);
    check(rewind_to_present(r, err, sizeof err));
}

/* Who wrote the byte last; how long ago that was, in instructions. */
static u64 measure_who(struct machine *m, struct rewind *r, const struct debug_point *p,
                       double *took)
{
    struct debug_stop stop;

    *took = now_s(CLOCK_MONOTONIC);
    check(rewind_last(r, p, &stop, err, sizeof err) == REWIND_FOUND);
    *took = now_s(CLOCK_MONOTONIC) - *took;
    return machine_instructions(m) - stop.count;
}

/* Some bytes, and of them the one that was written longest ago. */
static void measure_old_write(struct machine *m, struct rewind *r, const u8 *a, const u8 *b,
                              const u8 *now)
{
    struct debug_point p = {.kind = DEBUG_WATCH,
                            .owner = DEBUG_REPLAY,
                            .space = DEBUG_PHYSICAL,
                            .length = 1,
                            .access = DEBUG_WRITE};
    u64 page = 1 << 20, oldest = 0, best = 0, ago;
    double took[CANDIDATES], oldest_took = 0;
    unsigned n = 0;

    snprintf(err, sizeof err, "nothing was written long ago");
    while (n < CANDIDATES && (p.address = find_old_write(a, b, now, &page))) {
        ago = measure_who(m, r, &p, &took[n]);
        if (ago > oldest) {
            oldest = ago;
            best = p.address;
            oldest_took = took[n];
        }
        n++;
    }
    check(best);
    printf("| who wrote a byte last, %.2f G instructions before | %.0f ms | |\n",
           (double)oldest / 1e9, oldest_took * 1e3);
    printf("| the same for %u bytes that were written now and then: median | %.0f ms | |\n", n,
           median(took, n) * 1e3);
    printf("| the longest of these | %.0f ms | |\n", took[n - 1] * 1e3);
    p.address = best;
    p.owner = DEBUG_USER;
    measure_continue_back(m, r, "that write", &p);
}

static void measure_back(void)
{
    struct machine *m = boot(MEM_MIB, true);
    struct debug_point line = {.kind = DEBUG_PORT,
                               .owner = DEBUG_USER,
                               .address = 0x3F8,
                               .length = 1,
                               .access = DEBUG_WRITE};
    u64 start, second = NS_PER_SEC;
    struct rewind_status status;
    u8 *early, *later, *now;
    struct rewind *r;

    check(machine_rewind_start(m, (size_t)RING_MIB << 20, err, sizeof err));
    r = machine_rewind(m);
    type(endless);
    start = machine_now_ns(m);
    machine_run(m, start + seconds * second / 12);
    early = memory_now(m);
    machine_run(m, start + seconds * second / 6);
    later = memory_now(m);
    machine_run(m, start + seconds * second);
    measure_steps(m, r);
    check(rewind_to_present(r, err, sizeof err));
    now = memory_now(m);
    measure_continue_back(m, r, "the last character sent", &line);
    measure_old_write(m, r, early, later, now);
    free(early);
    free(later);
    free(now);
    rewind_get_status(r, &status);
    printf("| the ring then: %u snapshots | %.1f MiB | |\n", status.points,
           (double)status.bytes / (1 << 20));
    machine_free(m);
}

/* ---- Fork ---- */

/* All of memory has something in it; the guest will not run any more. */
static void fill_memory(struct machine *m, unsigned mem_mib)
{
    u8 byte;

    for (u64 at = 1 << 20; at < (u64)mem_mib << 20; at += 4096) {
        machine_read_physical(m, at, &byte, 1);
        byte++;
        machine_write_physical(m, at, &byte, 1);
    }
}

static void measure_fork(unsigned mem_mib, unsigned wanted_ms)
{
    double stop[FORKS];

    for (unsigned i = 0; i < FORKS; i++) {
        struct machine *m = boot(mem_mib, false);
        struct fork *f;

        fill_memory(m, mem_mib);
        f = fork_start(m, err, sizeof err);
        check(f);
        stop[i] = (double)fork_stop_ns(f) / 1e9;
        fork_end(f);
        machine_free(m);
    }
    printf("| fork at %u MiB, all of it written: the guest waits | %.1f ms | < %u ms |\n", mem_mib,
           median(stop, FORKS) * 1e3, wanted_ms);
    printf("| the longest of %u | %.1f ms | |\n", FORKS, stop[FORKS - 1] * 1e3);
}

/* ---- Options ---- */

static int usage(void)
{
    fprintf(stderr, "travel: see the top of tests/bench/travel.c\n");
    return 64;
}

int main(int argc, char **argv)
{
    int i = 1;

    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (!strcmp(argv[i], "--seconds"))
            seconds = (unsigned)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--rounds"))
            rounds = (unsigned)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--parts"))
            parts = argv[i + 1];
        else
            return usage();
    }
    if (argc != i + 2 || !seconds || !rounds || rounds > ROUNDS_MAX)
        return usage();
    kernel = argv[i];
    initrd = argv[i + 1];
    quiet = log_new(NULL, NULL);
    if (wanted("cost")) {
        measure_recorded();
        measure_ring();
    }
    if (wanted("save"))
        measure_save();
    if (wanted("back"))
        measure_back();
    if (wanted("fork")) {
        measure_fork(MEM_MIB, 50);
        measure_fork(LARGE_MIB, 100);
    }
    log_free(quiet);
    return 0;
}
