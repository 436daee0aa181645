/* Sound through SDL. */
#ifndef FRONTEND_SOUND_SDL_H
#define FRONTEND_SOUND_SDL_H

struct sound_sink;

/* A sink that is silent until sound_sdl_open; NULL if out of memory. */
struct sound_sink *sound_sdl_new(void);
/* Look for a sound card, which may take a while; without one the sink stays silent. */
void sound_sdl_open(struct sound_sink *s);
/* Now and then, on the thread that opened: lets the sound card rest while all is quiet. */
void sound_sdl_tick(struct sound_sink *s);
/* After the machine, which pushes. */
void sound_sdl_free(struct sound_sink *s);

#endif
