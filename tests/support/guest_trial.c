/*
 * A guest in use; see guest_trial.h.
 */
#include "tests/support/guest_trial.h"

#include "base/log.h"
#include "devices/host/input.h"
#include "tests/support/guest_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

enum { TICK_MS = 40 };

struct guest_trial trial_defaults(void)
{
    struct guest_trial t = {
        .config = {.mem_bytes = 32 << 20,
                   .cpu = "pentium2",
                   .engine = "interp",
                   .boot = "acd",
                   .deterministic = true,
                   .speed_max = true,
                   .rtc_epoch = 820454400 /* 1996-01-01 */},
        .seed = 1,
        .until_ns = 4000 * MS,
        .more_ns = 500 * MS,
        .points = 5,
        .input = true,
    };

    t.config.drive_is_cd[DRIVE_HDC] = true;
    t.config.log = log_new(NULL, NULL);
    return t;
}

bool trial_option(struct guest_trial *t, const char *name, const char *value)
{
    if (!strcmp(name, "--seed"))
        t->seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--points"))
        t->points = (unsigned)max_u64(min_u64(strtoull(value, NULL, 0), TRIAL_POINTS_MAX), 1);
    else if (!strcmp(name, "--until"))
        t->until_ns = (u64)(atof(value) * 1000) * MS;
    else if (!strcmp(name, "--more"))
        t->more_ns = (u64)(atof(value) * 1000) * MS;
    else if (!strcmp(name, "--other-engine"))
        t->other_engine = value;
    else
        return guest_option(&t->config, name, value);
    return true;
}

u64 trial_random(const struct guest_trial *t, u64 n)
{
    u64 v = (n + 1) * 0x9E3779B97F4A7C15ull ^ t->seed * 0xBB67AE8584CAA73Bull;

    v = (v ^ v >> 31) * 0xADF85458A2BB4A9Bull;
    return v ^ v >> 29;
}

static int by_size(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? -1 : x > y;
}

void trial_sort(u64 *numbers, unsigned count)
{
    qsort(numbers, count, sizeof *numbers, by_size);
}

/* Moments at which no input comes, so that all machines get it in the same order. */
static u64 between_ticks(u64 ns)
{
    u64 in_tick = ns % (TICK_MS * MS);

    return ns - in_tick + min_u64(max_u64(in_tick, MS), (TICK_MS - 1) * MS);
}

void trial_moments(const struct guest_trial *t, u64 at[TRIAL_POINTS_MAX])
{
    for (unsigned i = 0; i < t->points; i++)
        at[i] = between_ticks(trial_random(t, 1000000 + i) % t->until_ns);
    trial_sort(at, t->points);
}

struct machine *trial_build(const struct machine_config *config)
{
    char err[512];
    struct machine *m = machine_new(config, err, sizeof err);

    if (m)
        return m;
    printf("%s\n", err);
    exit(71);
}

/* What the user does at a tick depends on the tick alone. */
static void use(const struct guest_trial *t, struct machine *m, u64 tick)
{
    static const char *const keys[] = {"enter", "space", "down", "up", "a", "esc", "d", "i", "r"};
    u64 r = trial_random(t, tick / 2);

    if (!t->input)
        return;
    if (r >> 8 & 1)
        machine_key(m, key_by_name(keys[r % ARRAY_LEN(keys)]), !(tick & 1));
    else
        machine_mouse(m, (s32)(r >> 16 & 31) - 15, (s32)(r >> 24 & 31) - 15, 0, (u8)(r >> 32 & 1));
}

void trial_run_in_pieces(const struct guest_trial *t, struct machine *m, u64 ns, u64 piece)
{
    u64 now = machine_now_ns(m), next;

    for (; now < ns; now = next) {
        next = (now / (TICK_MS * MS) + 1) * TICK_MS * MS;
        next = min_u64(min_u64(next, ns), now + piece);
        if (machine_run(m, next) != MACHINE_TIME)
            return;
        /* The clock stands at the first instruction behind `next`. */
        if (next % (TICK_MS * MS) == 0)
            use(t, m, next / (TICK_MS * MS));
    }
}

void trial_run_to(const struct guest_trial *t, struct machine *m, u64 ns)
{
    trial_run_in_pieces(t, m, ns, UINT64_MAX / 2);
}
