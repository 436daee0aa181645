/* Samples of a wire that is either low or high, as a loudspeaker on it would sound. */
#ifndef DEVICES_SOUND_SYNTH_H
#define DEVICES_SOUND_SYNTH_H

#include "base/types.h"

struct sound_sink;

enum { SYNTH_TAPS = 64, SYNTH_FRAMES = 512 };

/* Nothing of this is guest state: it only turns what happened into sound. */
struct synth {
    struct sound_sink *sink;
    bool running;
    u64 done_ns;   /* everything before this is accounted for */
    u64 next_ns;   /* end of the present subsample ... */
    u32 next_rest; /* ... and the fraction that was rounded off */
    u32 high_ns;   /* how long the wire was high in it, and how long it is */
    u32 length_ns;
    unsigned phase; /* subsamples since the last sample */
    unsigned place; /* where the next one goes in history */
    s16 history[SYNTH_TAPS];
    s32 last_in, dc_out; /* of the high-pass filter, the latter in 1/256 */
    u64 first_ns;        /* time of the first buffered sample */
    unsigned frames;
    s16 buffer[SYNTH_FRAMES * 2];
};

/* Silence, in every sense. */
void synth_stop(struct synth *s);
/* The wire has been at `level` until now_ns. The first call after synth_stop starts there. */
void synth_run(struct synth *s, bool level, u64 now_ns);
/* Hand what there is to the sink. */
void synth_flush(struct synth *s);

#endif
