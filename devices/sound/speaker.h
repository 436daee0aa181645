/* The PC speaker: timer channel 2 and a bit of port 61h on a cone of paper. */
#ifndef DEVICES_SOUND_SPEAKER_H
#define DEVICES_SOUND_SPEAKER_H

#include "base/types.h"
#include "mmu/irq.h"

struct clock;
struct device;
struct sound_sink;

/* How the speaker hears the timer; filled in by the board with functions of the PIT. */
struct speaker_source {
    void *opaque;
    /* Whether changes of OUT2 are wanted. Turned on, it reports the present level at once. */
    void (*set_listening)(void *opaque, bool on);
    /* Report the changes that are due by now, through speaker_out2. */
    void (*catch_up)(void *opaque);
};

/* sink: the caller's, or NULL; the guest cannot tell the difference. */
struct device *speaker_create(struct clock *clock, struct sound_sink *sink,
                              struct speaker_source source);

/* Bit 1 of port 61h: the speaker follows OUT2 while it is high. */
struct irq_line speaker_enable(struct device *dev);
/* OUT2 was at `level` from `at_ns` on; `speaker` is the struct device *, as an opaque pointer. */
void speaker_out2(void *speaker, bool level, u64 at_ns);

#endif
