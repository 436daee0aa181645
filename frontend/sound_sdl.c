/* Sound through SDL, which calls us on a thread of its own. */
#ifdef HAVE_SDL2
#include "frontend/sound_sdl.h"

#include "devices/host/sound.h"
#include "frontend/sound_ring.h"

#include <SDL.h>
#include <stdlib.h>

enum { CALLBACK_FRAMES = 1024, REST_MS = 3000 };

struct sound_sdl {
    struct sound_sink sink;
    SDL_AudioDeviceID device; /* 0: none */
    bool resting;
    u32 heard_ms; /* SDL ticks: when there was something to play */
    struct sound_ring ring;
};

static void write_samples(void *opaque, const s16 *samples, size_t frames, u64 at_ns)
{
    struct sound_sdl *s = opaque;

    sound_ring_push(&s->ring, samples, frames, at_ns);
}

static void SDLCALL pull(void *opaque, u8 *out, int bytes)
{
    struct sound_sdl *s = opaque;

    sound_ring_pull(&s->ring, (s16 *)(void *)out, (size_t)bytes / (2 * sizeof(s16)));
}

struct sound_sink *sound_sdl_new(void)
{
    struct sound_sdl *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->sink = (struct sound_sink){.opaque = s, .write = write_samples};
    sound_ring_init(&s->ring);
    return &s->sink;
}

void sound_sdl_open(struct sound_sink *sink)
{
    struct sound_sdl *s = sink->opaque;
    SDL_AudioSpec want = {
        .freq = SOUND_HZ,
        .format = AUDIO_S16SYS,
        .channels = 2,
        .samples = CALLBACK_FRAMES,
        .callback = pull,
        .userdata = s,
    };

    if (SDL_InitSubSystem(SDL_INIT_AUDIO))
        return;
    if (!SDL_GetNumAudioDevices(0)) {
        SDL_QuitSubSystem(SDL_INIT_AUDIO); /* opening one would make ALSA complain on stderr */
        return;
    }
    s->device = SDL_OpenAudioDevice(NULL, 0, &want, NULL, 0);
    s->resting = true;
}

void sound_sdl_tick(struct sound_sink *sink)
{
    struct sound_sdl *s = sink->opaque;
    u32 now = SDL_GetTicks();

    if (!s->device)
        return;
    if (sound_ring_has_data(&s->ring)) {
        s->heard_ms = now;
        if (s->resting)
            SDL_PauseAudioDevice(s->device, 0);
        s->resting = false;
    } else if (!s->resting && now - s->heard_ms > REST_MS) {
        SDL_PauseAudioDevice(s->device, 1);
        s->resting = true;
    }
}

void sound_sdl_free(struct sound_sink *sink)
{
    struct sound_sdl *s = sink->opaque;

    if (s->device)
        SDL_CloseAudioDevice(s->device);
    free(s);
}
#endif
