/*
 * Sound on its way from the machine to a sound card: samples of virtual time in, samples of real
 * time out. One thread pushes, another one pulls; neither ever waits.
 */
#ifndef FRONTEND_SOUND_RING_H
#define FRONTEND_SOUND_RING_H

#include "base/types.h"

#include <stdatomic.h>

enum {
    RING_FRAMES = 32768,
    RING_TARGET = 4410, /* 100 ms: what is kept in hand */
    RING_LIMIT = 17640, /* 400 ms: more than this is skipped */
};

struct sound_ring {
    s16 data[RING_FRAMES][2];
    atomic_uint head, tail; /* frames ever pushed, pulled; wrap */

    u64 end_ns; /* pusher: virtual time after the last frame */
    bool any;

    bool playing;  /* puller, as all below */
    unsigned idle; /* pulls since something came */
    u32 seen;      /* head at the last pull */
    u32 fraction;  /* of a frame, 16 bits */
    u32 level;     /* smoothed fill, in 1/16 frames */
    s16 last[2];   /* what was played last */
};

void sound_ring_init(struct sound_ring *r);
void sound_ring_push(struct sound_ring *r, const s16 *samples, size_t frames, u64 at_ns);
/* Any thread. */
bool sound_ring_has_data(struct sound_ring *r);
/* Fill `out` with `frames` pairs. */
void sound_ring_pull(struct sound_ring *r, s16 *out, size_t frames);

#endif
