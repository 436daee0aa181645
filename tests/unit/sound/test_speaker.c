/* The speaker on a real timer and port 61h: what comes out of it, measured. */
#include "base/clock.h"
#include "devices/chipset/pit.h"
#include "devices/chipset/port61.h"
#include "devices/host/sound.h"
#include "devices/sound/speaker.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 1000000, HEARD_MAX = 2 * SOUND_HZ };

/* A machine of three chips. */
struct beeper {
    struct rig rig;
    struct device *pit, *speaker, *port61;
};

static struct beeper beeper, *b = &beeper;
static s16 heard[HEARD_MAX];
static size_t heard_count;
static u64 first_ns, end_ns;

static void hear(void *opaque, const s16 *samples, size_t frames, u64 at_ns)
{
    size_t i;

    if (!heard_count)
        first_ns = at_ns;
    end_ns = at_ns + frames * NS_PER_SEC / SOUND_HZ;
    for (i = 0; i < frames && heard_count < HEARD_MAX; i++) {
        cr_assert_eq(samples[2 * i], samples[2 * i + 1], "both sides are the same");
        heard[heard_count++] = samples[2 * i];
    }
}

static struct sound_sink sink = {.write = hear};

static void build(struct beeper *m, struct sound_sink *to)
{
    struct speaker_source source;

    rig_setup(&m->rig);
    m->pit = pit_create(m->rig.bus, m->rig.clock, rig_line(&m->rig, 0));
    source = (struct speaker_source){m->pit, pit_set_listening, pit_catch_up};
    m->speaker = speaker_create(m->rig.clock, to, source);
    pit_connect_speaker(m->pit, speaker_out2, m->speaker);
    m->port61 = port61_create(m->rig.bus, m->rig.clock, m->pit, speaker_enable(m->speaker));
    device_reset(m->pit);
    device_reset(m->speaker);
    device_reset(m->port61);
}

static void dismantle(struct beeper *m)
{
    device_destroy(m->port61);
    device_destroy(m->speaker);
    device_destroy(m->pit);
    rig_teardown(&m->rig);
}

static void out(u16 port, u8 value)
{
    bus_out(b->rig.bus, port, 1, value);
}

static void wait_ns(u64 ns)
{
    rig_advance_ns(&b->rig, ns);
}

/* As BIOSes and BASIC do it. */
static void beep(u16 count)
{
    out(0x43, 0xB6);
    out(0x42, (u8)count);
    out(0x42, (u8)(count >> 8));
    out(0x61, 0x03);
}

/* Amplitude of one frequency in the samples from `from` on. */
static double amplitude(double hz, size_t from, size_t count)
{
    double re = 0, im = 0, w;
    size_t i;

    for (i = 0; i < count; i++) {
        /* A Hann window keeps neighbours apart. */
        w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)count);
        re += w * heard[from + i] * cos(2 * M_PI * hz * (double)i / SOUND_HZ);
        im += w * heard[from + i] * sin(2 * M_PI * hz * (double)i / SOUND_HZ);
    }
    return 4 * sqrt(re * re + im * im) / (double)count;
}

static void setup(void)
{
    heard_count = 0;
    build(&beeper, &sink);
    wait_ns(100 * MS);
}

static void teardown(void)
{
    dismantle(&beeper);
}

TestSuite(speaker, .init = setup, .fini = teardown);

Test(speaker, silence_costs_nothing)
{
    wait_ns(1000 * MS);
    cr_assert_eq(heard_count, 0);
    cr_assert_eq(clock_next_deadline(b->rig.clock), UINT64_MAX);
}

Test(speaker, beep_has_the_timers_frequency_and_fourier_series)
{
    double fundamental;

    beep(1193); /* 1000.15 Hz */
    wait_ns(1000 * MS);
    cr_assert_geq(heard_count, 43000);
    fundamental = amplitude(1000.15, 4410, 32768);
    cr_assert_float_eq(fundamental, 8000 * 4 / M_PI, 100, "%f", fundamental);
    cr_assert_float_eq(amplitude(3000.46, 4410, 32768), fundamental / 3, 50);
    cr_assert_float_eq(amplitude(5000.76, 4410, 32768), fundamental / 5, 50);
    cr_assert_lt(amplitude(2000.3, 4410, 32768), fundamental / 200, "no even harmonics");
}

Test(speaker, harmonics_above_the_sample_rate_do_not_fold_back)
{
    beep(80); /* 14 915 Hz; its third harmonic is 44 744 Hz, 644 Hz when folded */
    wait_ns(500 * MS);
    cr_assert_gt(amplitude(14914.8, 4410, 16384), 8000);
    cr_assert_lt(amplitude(644.3, 4410, 16384), 10);
}

Test(speaker, sound_is_where_it_was_in_time)
{
    beep(1193);
    wait_ns(50 * MS);
    out(0x61, 0x00);
    wait_ns(500 * MS);
    cr_assert_float_eq((double)first_ns, 100.0 * MS, 0.1 * MS);
    cr_assert_float_eq((double)end_ns - (double)first_ns,
                       (double)heard_count * NS_PER_SEC / SOUND_HZ, 0.1 * MS, "without gaps");
    cr_assert_lt(heard_count, SOUND_HZ * 200 / 1000);
    cr_assert_lt(abs(heard[heard_count - 1]), 20, "and it has died away");
    cr_assert_eq(clock_next_deadline(b->rig.clock), UINT64_MAX);
}

Test(speaker, gate_alone_makes_no_sound)
{
    beep(1193);
    out(0x61, 0x01);
    wait_ns(300 * MS);
    heard_count = 0;
    wait_ns(300 * MS);
    cr_assert_eq(heard_count, 0);
}

Test(speaker, bit_1_alone_plays_when_toggled)
{
    unsigned i;

    out(0x43, 0xB6); /* mode 3 without gate: OUT2 rests high */
    for (i = 0; i < 1000; i++) {
        out(0x61, i & 1 ? 0x00 : 0x02);
        wait_ns(MS / 2);
    }
    cr_assert_gt(amplitude(1000, 4410, 8192), 8000);
}

Test(speaker, pulse_widths_become_levels)
{
    double want = 4000;
    unsigned i, width;

    /* 16 572 Hz carrier of one-shots, their width a sine of 400 Hz: what games did for speech. */
    out(0x61, 0x03);
    out(0x43, 0x90); /* mode 0, LSB only: OUT2 is low for the count */
    for (i = 0; i < 8000; i++) {
        width = (unsigned)(36 + 36 * 0.5 * sin(2 * M_PI * 400 * i * 72 / PIT_HZ));
        out(0x42, (u8)width);
        wait_ns(pit_tick_ns(72));
    }
    cr_assert_float_eq(amplitude(400, 4410, 8820), want, 200, "%f", amplitude(400, 4410, 8820));
}

Test(speaker, timer_programmed_late_is_heard)
{
    out(0x61, 0x03);
    wait_ns(500 * MS);
    heard_count = 0;
    cr_assert_eq(clock_next_deadline(b->rig.clock), UINT64_MAX, "nothing moves, nothing runs");
    beep(1193);
    wait_ns(500 * MS);
    cr_assert_gt(amplitude(1000.15, 4410, 8192), 8000);
}

Test(speaker, rest_level_makes_no_click)
{
    size_t i;

    out(0x43, 0xB6);
    out(0x61, 0x02); /* the wire goes high and stays */
    wait_ns(500 * MS);
    heard_count = 0;
    out(0x43, 0xB6); /* wakes it, changes nothing */
    wait_ns(200 * MS);
    for (i = 0; i < heard_count; i++)
        cr_assert_lt(abs(heard[i]), 4);
}

Test(speaker, reset_is_silence)
{
    beep(1193);
    wait_ns(100 * MS);
    device_reset(b->speaker);
    heard_count = 0;
    wait_ns(300 * MS);
    cr_assert_eq(heard_count, 0);
}

Test(speaker, state_is_the_same_without_a_listener)
{
    static struct beeper deaf;
    struct beeper *ears = b;
    u64 speaker_hash, pit_hash;

    beep(1193);
    wait_ns(123 * MS);
    speaker_hash = rig_hash(b->speaker);
    pit_hash = rig_hash(b->pit);
    build(&deaf, NULL);
    b = &deaf;
    wait_ns(100 * MS);
    beep(1193);
    wait_ns(123 * MS);
    cr_assert_eq(rig_hash(b->speaker), speaker_hash);
    cr_assert_eq(rig_hash(b->pit), pit_hash);
    dismantle(&deaf);
    b = ears;
}

/* A snapshot in the middle of a beep: the copy goes on beeping. */
Test(speaker, state_saved_during_a_beep_goes_on)
{
    static struct beeper copy;
    struct beeper *original = b;

    build(&copy, &sink);
    beep(1193);
    wait_ns(123 * MS);
    rig_transfer(&copy.rig, copy.pit, &b->rig, b->pit);
    rig_transfer(&copy.rig, copy.speaker, &b->rig, b->speaker);
    rig_transfer(&copy.rig, copy.port61, &b->rig, b->port61);
    b = &copy;
    heard_count = 0;
    wait_ns(500 * MS);
    cr_assert_gt(amplitude(1000.15, 4410, 8192), 8000);
    dismantle(&copy);
    b = original;
}

Test(speaker, damaged_state_is_refused_or_harmless)
{
    beep(1193);
    wait_ns(5 * MS);
    cr_assert_gt(rig_damage(b->speaker, 400, NULL, NULL), 100);
    wait_ns(5 * MS);
}
