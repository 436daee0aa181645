/* Sound between two clocks. */
#include "frontend/sound_ring.h"

#include "devices/host/sound.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 441 /* 10 ms */, PULL = 441 };
#define CHUNK_NS 10000000ull

static struct sound_ring ring;
static u64 now_ns;
static double phase;

static void setup(void)
{
    sound_ring_init(&ring);
    now_ns = 0;
    phase = 0;
}

TestSuite(sound_ring, .init = setup, .timeout = 60);

/* 10 ms of 441 Hz: the next piece of one long tone. */
static void push_tone(void)
{
    s16 samples[CHUNK][2];
    unsigned i;

    for (i = 0; i < CHUNK; i++) {
        samples[i][0] = samples[i][1] = (s16)(10000 * sin(phase));
        phase += 2 * M_PI * 441 / SOUND_HZ;
    }
    sound_ring_push(&ring, &samples[0][0], CHUNK, now_ns);
    now_ns += CHUNK_NS;
}

/* Pull 10 ms; returns the loudest sample and the largest step from one to the next. */
static s16 previous;

static s16 pull(s32 *step)
{
    s16 out[PULL][2], loudest = 0;
    unsigned i;

    sound_ring_pull(&ring, &out[0][0], PULL);
    *step = 0;
    for (i = 0; i < PULL; i++) {
        cr_assert_eq(out[i][0], out[i][1]);
        if (abs(out[i][0] - previous) > *step)
            *step = abs(out[i][0] - previous);
        if (abs(out[i][0]) > loudest)
            loudest = (s16)abs(out[i][0]);
        previous = out[i][0];
    }
    return loudest;
}

Test(sound_ring, silent_without_data)
{
    s32 step;

    cr_assert_eq(pull(&step), 0);
    cr_assert_not(sound_ring_has_data(&ring));
}

Test(sound_ring, gathers_before_it_starts)
{
    s32 step;
    unsigned i;

    for (i = 0; i < 9; i++) {
        push_tone();
        cr_assert_eq(pull(&step), 0, "100 ms are gathered first");
    }
    push_tone();
    push_tone();
    cr_assert_gt(pull(&step), 9000);
}

Test(sound_ring, a_short_beep_is_heard)
{
    s32 step;
    s16 loudest = 0, l;
    unsigned i;

    push_tone();
    push_tone();
    for (i = 0; i < 5; i++) {
        l = pull(&step);
        loudest = l > loudest ? l : loudest;
    }
    cr_assert_gt(loudest, 9000);
    cr_assert_eq(pull(&step), 0);
    cr_assert_not(sound_ring_has_data(&ring));
}

/* At the same speed the tone goes through unchanged: no step is larger than a sine's. */
Test(sound_ring, a_tone_at_full_speed_has_no_clicks)
{
    s32 step, largest = 0;
    unsigned i;

    for (i = 0; i < 500; i++) {
        push_tone();
        pull(&step);
        largest = step > largest ? step : largest;
    }
    cr_assert_leq(largest, (s32)(10000 * 2 * M_PI * 441 / SOUND_HZ) + 2);
}

Test(sound_ring, a_slow_machine_is_stretched_without_gaps)
{
    s32 step, largest = 0;
    unsigned i, silent = 0;

    for (i = 0; i < 1000; i++) {
        if (i % 10 < 7) /* 70 % */
            push_tone();
        if (i > 13) {
            silent += pull(&step) < 5000;
            largest = step > largest ? step : largest;
        }
    }
    cr_assert_eq(silent, 0);
    cr_assert_leq(largest, (s32)(10000 * 2 * M_PI * 441 / SOUND_HZ) + 2, "slower, never faster");
}

Test(sound_ring, a_machine_that_runs_free_does_not_lag_behind)
{
    s32 step;
    unsigned i;

    for (i = 0; i < 500; i++) {
        push_tone();
        push_tone();
        push_tone();
        pull(&step);
        cr_assert_lt(atomic_load(&ring.head) - atomic_load(&ring.tail), RING_LIMIT + 3 * CHUNK);
    }
}

Test(sound_ring, what_runs_dry_fades_out)
{
    s32 step;
    unsigned i;

    for (i = 0; i < 20; i++) {
        push_tone();
        pull(&step);
    }
    for (i = 0; i < 30; i++) {
        pull(&step);
        cr_assert_lt(step, 1500, "a click");
    }
    cr_assert_eq(pull(&step), 0);
}

Test(sound_ring, a_pause_between_two_beeps_is_heard)
{
    s32 step;
    s16 l;
    unsigned i, quiet = 0, loud = 0;

    for (i = 0; i < 50; i++) {
        if (i < 20 || (i >= 25 && i < 40))
            push_tone();
        else
            now_ns += CHUNK_NS;
        l = pull(&step);
        quiet += loud && loud < 30 && l < 100;
        loud += l > 9000;
    }
    cr_assert_geq(loud, 33);
    cr_assert_geq(quiet, 4);
}

Test(sound_ring, nobody_pulls_and_the_ring_holds)
{
    s32 step;
    unsigned i;

    for (i = 0; i < 1000; i++)
        push_tone();
    cr_assert_leq(atomic_load(&ring.head) - atomic_load(&ring.tail), RING_FRAMES);
    cr_assert_gt(pull(&step), 9000);
}

Test(sound_ring, counters_may_wrap)
{
    s32 step;
    unsigned i;

    atomic_store(&ring.head, UINT32_MAX - 1000);
    atomic_store(&ring.tail, UINT32_MAX - 1000);
    for (i = 0; i < 100; i++) {
        push_tone();
        pull(&step);
    }
    cr_assert_gt(pull(&step), 9000);
}
