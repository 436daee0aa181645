/*
 * From edges to samples: the level of the wire is averaged over subsamples at four times the
 * sample rate, which is exact for pulses of any width; a low-pass filter of 64 taps takes one
 * sample out of four; a high-pass filter takes the direct current away, as the speaker's coupling
 * does. Integers only, so that a WAV file is the same on every host.
 */
#include "devices/sound/synth.h"

#include "base/clock.h"
#include "devices/host/sound.h"

#include <string.h>

enum {
    OVERSAMPLE = 4,
    SUB_HZ = SOUND_HZ * OVERSAMPLE,
    SUB_NS = NS_PER_SEC / SUB_HZ,
    SUB_REST = NS_PER_SEC % SUB_HZ,
    LEVEL = 16000,       /* of a wire that is high; half of it each way after the high-pass */
    HIGH_PASS_SHIFT = 8, /* 44100 / (2 pi 256): 27 Hz */
    FRACTION_BITS = 8,
};

/*
 * Half of a symmetric low-pass filter, sum 16384: windowed sinc, cut-off 18.5 kHz at 176.4 kHz,
 * Kaiser window with beta 6. -0.4 dB at 15 kHz, below -60 dB from 24 kHz.
 */
static const s16 low_pass[SYNTH_TAPS / 2] = {
    5,    8,   7,   -1,  -17, -34, -41, -25,  16,    71,    114,  112, 47,   -74,  -206, -281,
    -236, -51, 231, 495, 599, 432, -20, -632, -1157, -1297, -809, 384, 2136, 4089, 5772, 6747,
};

void synth_stop(struct synth *s)
{
    synth_flush(s);
    *s = (struct synth){.sink = s->sink};
}

void synth_flush(struct synth *s)
{
    if (s->frames && s->sink)
        s->sink->write(s->sink->opaque, s->buffer, s->frames, s->first_ns);
    s->frames = 0;
}

static void synth_next_subsample(struct synth *s)
{
    s->length_ns = SUB_NS;
    s->next_rest += SUB_REST;
    if (s->next_rest >= SUB_HZ) {
        s->next_rest -= SUB_HZ;
        s->length_ns++;
    }
    s->next_ns += s->length_ns;
    s->high_ns = 0;
}

static s32 synth_low_pass(const struct synth *s)
{
    unsigned i, oldest = s->place, newest = s->place + SYNTH_TAPS - 1;
    s32 sum = 0;

    for (i = 0; i < SYNTH_TAPS / 2; i++)
        sum += low_pass[i] *
               (s->history[(oldest + i) % SYNTH_TAPS] + s->history[(newest - i) % SYNTH_TAPS]);
    return sum / 32768;
}

static void synth_sample(struct synth *s)
{
    s32 in = synth_low_pass(s), out;

    s->dc_out += (in - s->last_in) * (1 << FRACTION_BITS);
    s->dc_out -= s->dc_out / (1 << HIGH_PASS_SHIFT);
    s->last_in = in;
    out = s->dc_out / (1 << FRACTION_BITS);
    if (!s->frames)
        s->first_ns = s->done_ns;
    s->buffer[s->frames * 2] = s->buffer[s->frames * 2 + 1] = (s16)out;
    if (++s->frames == SYNTH_FRAMES)
        synth_flush(s);
}

static void synth_end_subsample(struct synth *s)
{
    s->history[s->place] = (s16)(s->high_ns * LEVEL / s->length_ns);
    s->place = (s->place + 1) % SYNTH_TAPS;
    if (++s->phase == OVERSAMPLE) {
        s->phase = 0;
        synth_sample(s);
    }
    synth_next_subsample(s);
}

/* As if the wire had been at this level for ever: no click. */
static void synth_start(struct synth *s, bool level, u64 now_ns)
{
    unsigned i;

    synth_stop(s);
    for (i = 0; i < SYNTH_TAPS; i++)
        s->history[i] = level ? LEVEL : 0;
    s->last_in = synth_low_pass(s);
    s->running = true;
    s->done_ns = s->next_ns = now_ns;
    synth_next_subsample(s);
}

void synth_run(struct synth *s, bool level, u64 now_ns)
{
    u64 end;

    if (!s->sink)
        return;
    /* A second in one go is no sound that anybody plays: a snapshot was loaded. */
    if (!s->running || now_ns > s->done_ns + NS_PER_SEC) {
        synth_start(s, level, now_ns);
        return;
    }
    while (s->done_ns < now_ns) {
        end = min_u64(s->next_ns, now_ns);
        if (level)
            s->high_ns += (u32)(end - s->done_ns);
        s->done_ns = end;
        if (end == s->next_ns)
            synth_end_subsample(s);
    }
}
