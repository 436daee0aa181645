/*
 * Where sound goes. Chips produce samples in virtual time on the machine thread; a sink copies
 * them and never blocks. 44 100 Hz, 16-bit signed, stereo.
 */
#ifndef DEVICES_HOST_SOUND_H
#define DEVICES_HOST_SOUND_H

#include "base/types.h"

enum { SOUND_HZ = 44100 };

struct sound_sink {
    void *opaque;
    /* `frames` pairs of left, right; `at_ns` is the virtual time of the first. */
    void (*write)(void *opaque, const s16 *samples, size_t frames, u64 at_ns);
};

/* A sink that writes a WAV file (header fixed up by close). NULL and a sentence in err on failure.
 */
struct sound_sink *sound_wav_open(const char *path, char *err, size_t err_size);
int sound_wav_close(struct sound_sink *s);

#endif
