/* Shared by the files that make up the window. Everything here happens on the main thread. */
#ifndef FRONTEND_WINDOW_PRIVATE_H
#define FRONTEND_WINDOW_PRIVATE_H

#include "base/types.h"
#include "frontend/frontend.h"
#include "frontend/typist.h"
#include "frontend/window_scale.h"

#include <SDL.h>
#include <stdatomic.h>

enum { WINDOW_KEYS = 0x300 }; /* key numbers are below */
#define WINDOW_HOST_KEY SDL_SCANCODE_RCTRL

/* window_draw.c: the guest's picture on the screen. */
struct window_picture {
    SDL_Texture *texture; /* the picture, one texel a pixel */
    SDL_Texture *sharp;   /* the same with every pixel repeated, or NULL */
    u32 width, height;    /* of the picture; 0 before the first */
    s32 sharp_w, sharp_h;
    bool text, sharp_old;
    u64 number;             /* of the frame shown */
    struct scale_rect rect; /* where it is, in output pixels */
};

/* window_input.c: what is held down. */
struct window_input {
    bool held[WINDOW_KEYS];
    bool host_down, host_used;         /* the host key, and whether it was part of a combination */
    bool swallowed[SDL_NUM_SCANCODES]; /* pressed for us: the guest must not see the release */
    u8 buttons;                        /* MOUSE_ bits that the guest sees pressed */
    s32 dx, dy, dz;                    /* moved, not yet told to the guest */
};

struct window {
    struct frontend *f;
    SDL_Window *window;
    SDL_Renderer *renderer;
    u32 wake_event;
    atomic_bool woken; /* a wake event is in the queue */

    struct window_picture picture;
    struct window_input input;
    struct typist typist;
    struct sound_sink *sound;
    enum scale_mode mode;
    bool dirty; /* something besides the picture changed */
    bool sized; /* the user has chosen the size: do not follow the guest's */
    bool hidden, focused, grabbed, fullscreen, quitting;
    s32 followed_w, followed_h; /* the size that we have given the window */
    struct machine_status status;
    u32 title_next; /* SDL ticks */
    char guest[64], title[200];
};

void window_set_grab(struct window *w, bool grab);
void window_set_fullscreen(struct window *w, bool fullscreen);

/* ---- window_draw.c ---- */

/* Take over the last frame; true if it is another. */
bool window_picture_update(struct window *w);
void window_picture_draw(struct window *w);
/* The render device lost its memory: make everything anew. */
void window_picture_forget(struct window *w);

/* ---- window_input.c ---- */

void window_input_key(struct window *w, const SDL_KeyboardEvent *e);
void window_input_motion(struct window *w, const SDL_MouseMotionEvent *e);
void window_input_button(struct window *w, const SDL_MouseButtonEvent *e);
void window_input_wheel(struct window *w, const SDL_MouseWheelEvent *e);
/* Tell the guest what the mouse did since the last call. */
void window_input_flush(struct window *w);
/* Let go of everything that the guest sees pressed. */
void window_input_release_all(struct window *w);

/* ---- window_actions.c ---- */

/* The host key was pressed with another one; true if that means something. */
bool window_host_key(struct window *w, SDL_Scancode key);

#endif
