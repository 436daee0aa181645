/*
 * PC speaker. Its wire is high while bit 1 of port 61h and timer channel 2 are; every way to play
 * on it (square waves, pulse widths by one-shots, toggling the bit) is edges of that wire, which
 * arrive here with their times.
 *
 * The timer reports edges when asked. While there are any, this chip asks every 10 ms; a while
 * after the last one it stops, and starts again when the timer is programmed or the bit changes.
 * The machine's time and state are the same whether anybody listens to the sound or not.
 *
 * Source: IBM AT Technical Reference, "System Board: Speaker".
 */
#include "devices/sound/speaker.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/sound.h"
#include "devices/sound/synth.h"

enum {
    CHUNK_NS = 10000000,
    /* Longer than the timer's longest period (55 ms), and than the filters take to settle. */
    TAIL_NS = 100000000,
};

struct speaker {
    struct device dev;

    /* Wiring, and what only the host hears. */
    struct clock *clock;
    struct speaker_source source;
    struct synth synth;

    /* Guest state. */
    bool enabled, out2;
    u64 changed_ns; /* the last sign of life */
    struct timer chunk;
};

static void speaker_run(struct speaker *s, u64 now)
{
    synth_run(&s->synth, s->enabled && s->out2, now);
}

static void speaker_wake(struct speaker *s, u64 at_ns)
{
    s->changed_ns = at_ns;
    if (!timer_is_set(&s->chunk))
        timer_set(&s->chunk, clock_now(s->clock) + CHUNK_NS);
}

void speaker_out2(void *speaker, bool level, u64 at_ns)
{
    struct speaker *s = speaker;

    speaker_run(s, at_ns);
    s->out2 = level;
    speaker_wake(s, at_ns);
}

static void speaker_set_enable(void *opaque, unsigned n, bool level)
{
    struct speaker *s = opaque;
    u64 now = clock_now(s->clock);

    if (s->enabled == level)
        return;
    if (s->enabled)
        s->source.catch_up(s->source.opaque);
    speaker_run(s, now);
    s->enabled = level;
    s->source.set_listening(s->source.opaque, level);
    speaker_wake(s, now);
}

struct irq_line speaker_enable(struct device *dev)
{
    return (struct irq_line){.set = speaker_set_enable, .opaque = dev};
}

static void speaker_chunk(void *opaque)
{
    struct speaker *s = opaque;
    u64 now = clock_now(s->clock);

    if (s->enabled)
        s->source.catch_up(s->source.opaque);
    speaker_run(s, now);
    synth_flush(&s->synth);
    if (now < s->changed_ns + TAIL_NS)
        timer_set(&s->chunk, now + CHUNK_NS);
    else
        synth_stop(&s->synth);
}

static void speaker_reset(struct device *dev)
{
    struct speaker *s = (struct speaker *)dev;

    if (s->enabled)
        s->source.set_listening(s->source.opaque, false);
    s->enabled = s->out2 = false;
    s->changed_ns = 0;
    timer_cancel(&s->chunk);
    synth_stop(&s->synth);
}

static void speaker_state(struct device *dev, struct state *st)
{
    struct speaker *s = (struct speaker *)dev;

    state_bool(st, "enabled", &s->enabled);
    state_bool(st, "out2", &s->out2);
    state_u64(st, "changed_ns", &s->changed_ns);
    timer_state(st, "chunk", &s->chunk);
    state_require(st, s->changed_ns < UINT64_MAX / 4, "speaker: heard something after all time");
    if (state_is_loading(st))
        synth_stop(&s->synth);
}

static const struct device_class speaker_class = {
    .name = "speaker",
    .version = 1,
    .reset = speaker_reset,
    .state = speaker_state,
    .destroy = device_free,
};

struct device *speaker_create(struct clock *clock, struct sound_sink *sink,
                              struct speaker_source source)
{
    struct speaker *s = device_new(&speaker_class, sizeof *s);

    s->clock = clock;
    s->source = source;
    s->synth.sink = sink;
    timer_init(&s->chunk, clock, speaker_chunk, s);
    return &s->dev;
}
