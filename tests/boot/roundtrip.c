/*
 * Whole machines saved and loaded in the middle of what they do: one machine boots a guest while
 * keys and the mouse are used; at random moments its state is loaded into a fresh machine of equal
 * configuration, both go on for a while, and their states must be equal. A third machine runs the
 * whole way in pieces of other lengths: where a run is cut must not show either. And a new process
 * goes on from a snapshot of each moment, on another engine if one is named.
 *
 *     roundtrip [--seed N] [--points N] [--until SECONDS] [--more SECONDS] [--cpu MODEL]
 *               [--mem MIB] [--fda F] [--hda F] [--cdrom F] [--kernel F] [--initrd F]
 *               [--append TEXT] [--no-input] [--engine NAME] [--other-engine NAME]
 *
 * A difference is named by section and field. The last line is "N passed, N failed, N skipped".
 */
#include "base/log.h"
#include "base/state.h"
#include "devices/board/machine.h"
#include "devices/board/snapshot.h"
#include "devices/host/input.h"
#include "tests/support/guest_options.h"
#include "tests/support/statediff.h"
#include "tests/support/whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 40, POINTS_MAX = 100 };

#define MS 1000000ull

static struct machine_config config = {
    .mem_bytes = 32 << 20,
    .cpu = "pentium2",
    .engine = "interp",
    .boot = "acd",
    .discard = true,
    .deterministic = true,
    .speed_max = true,
    .rtc_epoch = 820454400, /* 1996-01-01 */
};

static const char *other_engine = "interp", *self;
static u64 seed = 1, until_ms = 4000, more_ms = 500;
static unsigned points = 5;
static bool input = true;
static unsigned passed, failed;

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
    u16 key = key_by_name(keys[r % ARRAY_LEN(keys)]);

    if (!input)
        return;
    if (r >> 8 & 1)
        machine_key(m, key, !(tick & 1));
    else
        machine_mouse(m, (s32)(r >> 16 & 31) - 15, (s32)(r >> 24 & 31) - 15, 0, (u8)(r >> 32 & 1));
}

/* To a moment, using it on the way, in pieces of at most `piece` ns. */
static bool run_to(struct machine *m, u64 ns, u64 piece)
{
    u64 now = machine_now_ns(m), next;

    while (now < ns) {
        next = (now / (TICK_MS * MS) + 1) * TICK_MS * MS;
        next = min_u64(min_u64(next, ns), now + piece);
        if (machine_run(m, next) != MACHINE_TIME)
            return false;
        /* The clock stands at the first instruction behind `next`. */
        if (next % (TICK_MS * MS) == 0)
            use(m, next / (TICK_MS * MS));
        now = next;
    }
    return true;
}

static struct machine *build(void)
{
    char err[512];
    struct machine *m = machine_new(&config, err, sizeof err);

    if (!m) {
        fprintf(stderr, "%s\n", err);
        exit(71);
    }
    return m;
}

static struct machine *load(const struct state *from)
{
    struct machine *m = build();

    whole_load(m, from);
    return m;
}

static void compare(const char *when, u64 at_ns, struct machine *a, struct machine *b)
{
    char where[400];
    struct state *x, *y;

    if (machine_state_hash(a) == machine_state_hash(b)) {
        passed++;
        return;
    }
    failed++;
    x = whole_save(a);
    y = whole_save(b);
    if (!state_diff(x, y, where, sizeof where))
        snprintf(where, sizeof where, "the hashes differ, what is saved does not");
    printf("at %.6f s, %s: %s\n", (double)at_ns / 1e9, when, where);
    state_free(x);
    state_free(y);
}

/* Moments at which no input comes, so that all machines get it in the same order. */
static u64 between_ticks(u64 ns)
{
    u64 in_tick = ns % (TICK_MS * MS);

    return ns - in_tick + min_u64(max_u64(in_tick, MS), (TICK_MS - 1) * MS);
}

static int by_time(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? -1 : x > y;
}

/* ---- A new process that goes on from a snapshot ---- */

static char file[] = "/tmp/roundtrip.XXXXXX";

/* In that process: print the hash at `until`. */
static int resume(const char *path, u64 until)
{
    char err[600];
    struct snapshot *s = snapshot_open(path, err, sizeof err);
    struct machine_config c;
    struct machine *m;

    if (!s) {
        printf("%s\n", err);
        return 1;
    }
    c = *snapshot_config(s);
    c.engine = other_engine;
    c.log = config.log;
    m = machine_new(&c, err, sizeof err);
    if (!m || !snapshot_load(s, m, err, sizeof err)) {
        printf("%s\n", err);
        return 1;
    }
    snapshot_close(s);
    run_to(m, until, UINT64_MAX / 2);
    printf("%016" PRIx64 "\n", machine_state_hash(m));
    machine_free(m);
    return 0;
}

static FILE *start_resumed(struct machine *m, u64 until)
{
    char command[600], err[600];

    if (!snapshot_save(m, file, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        exit(71);
    }
    snprintf(command, sizeof command,
             "exec '%s' --seed %" PRIu64 " --other-engine %s%s --resume %s %" PRIu64, self, seed,
             other_engine, input ? "" : " --no-input", file, until);
    return popen(command, "r");
}

static void compare_resumed(FILE *from, u64 at_ns, struct machine *m)
{
    char said[600] = "", want[20];

    if (!fgets(said, sizeof said, from))
        snprintf(said, sizeof said, "nothing was said");
    pclose(from);
    said[strcspn(said, "\n")] = 0;
    snprintf(want, sizeof want, "%016" PRIx64, machine_state_hash(m));
    if (!strcmp(said, want)) {
        passed++;
        return;
    }
    failed++;
    printf("at %.6f s, resumed by another process on %s: %s, not %s\n", (double)at_ns / 1e9,
           other_engine, said, want);
}

static void check_point(struct machine *m, u64 at_ns)
{
    FILE *resumed = start_resumed(m, at_ns + more_ms * MS);
    struct state *s = whole_save(m);
    struct machine *b = load(s), *a = load(s);

    compare("right after loading", at_ns, m, b);
    run_to(b, at_ns + more_ms * MS, UINT64_MAX / 2);
    /* The copy in pieces, so that the first machine can go on from here for the next point. */
    run_to(a, at_ns + more_ms * MS, 3777777);
    compare("cut in pieces", at_ns, a, b);
    machine_free(a);
    run_to(m, at_ns + more_ms * MS, UINT64_MAX / 2);
    compare("later", at_ns, m, b);
    compare_resumed(resumed, at_ns, m);
    machine_free(b);
    state_free(s);
}

static bool option(const char *name, const char *value)
{
    if (!strcmp(name, "--seed"))
        seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--points"))
        points = (unsigned)min_u64(strtoull(value, NULL, 0), POINTS_MAX);
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
    struct machine *m, *other;

    self = argv[0];
    config.log = log_new(NULL, NULL);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-input")) {
            input = false;
        } else if (!strcmp(argv[i], "--resume") && i + 2 < argc) {
            return resume(argv[i + 1], strtoull(argv[i + 2], NULL, 0));
        } else if (i + 1 >= argc || !option(argv[i], argv[i + 1])) {
            fprintf(stderr, "roundtrip: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        } else {
            i++;
        }
    }
    config.drive_is_cd[DRIVE_HDC] = true;
    close(mkstemp(file));
    for (unsigned i = 0; i < points; i++)
        at[i] = between_ticks(random_at(1000000 + i) % (until_ms * MS));
    qsort(at, points, sizeof at[0], by_time);
    m = build();
    for (unsigned i = 0; i < points; i++) {
        run_to(m, at[i], UINT64_MAX / 2);
        check_point(m, machine_now_ns(m));
    }
    other = build();
    run_to(other, machine_now_ns(m), 2345678);
    compare("the whole way in pieces", machine_now_ns(m), m, other);
    machine_free(m);
    machine_free(other);
    unlink(file);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
