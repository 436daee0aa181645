/* Shared by the files that make up the window. Everything here happens on the main thread. */
#ifndef FRONTEND_WINDOW_PRIVATE_H
#define FRONTEND_WINDOW_PRIVATE_H

#include "base/types.h"
#include "frontend/frontend.h"
#include "frontend/osd.h"
#include "frontend/osd_menu.h"
#include "frontend/pane.h"
#include "frontend/path_input.h"
#include "frontend/slider.h"
#include "frontend/slider_pictures.h"
#include "frontend/typist.h"
#include "frontend/window_ask.h"
#include "frontend/window_scale.h"
#include "frontend/window_stretch.h"

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
    bool text;
    u64 number;             /* of the frame shown */
    s32 top, bottom;        /* rows that differ from what is on the screen */
    struct scale_rect rect; /* where it is, in output pixels */

    /* Only where the processor draws; `texture` has the size of `rect` then. */
    u32 *pixels; /* the last picture */
    struct stretch stretch;
    u32 *stretched;
};

/* window_input.c: what is held down. */
struct window_input {
    bool held[WINDOW_KEYS];
    bool host_down, host_used;         /* the host key, and whether it was part of a combination */
    bool swallowed[SDL_NUM_SCANCODES]; /* pressed for us: the guest must not see the release */
    u8 buttons;                        /* MOUSE_ bits that the guest sees pressed */
    s32 dx, dy, dz;                    /* moved, not yet told to the guest */
};

/* window_layer.c: a canvas of the window's size, which exists while it shows something. */
struct window_layer {
    SDL_Texture *texture;
    struct osd_canvas canvas;
    s32 times; /* size of its pixels on the screen */
    bool old;  /* the canvas must be drawn anew */
};

/* window_overlay.c: what we draw over the picture. */
struct window_overlay {
    struct window_layer layer;
    char message[400];
    u32 message_until; /* SDL ticks */
};

/* window_menu.c: the menu. */
enum window_page { PAGE_NONE, PAGE_MAIN, PAGE_KEYS, PAGE_MEDIA, PAGE_SCALING, PAGE_FILE };

struct window_menu {
    enum window_page page;
    struct osd_menu look;
    const char *drive;      /* into which a file goes, NULL: the one that takes it */
    struct path_input file; /* its name, while it is typed */
    bool regrab;            /* the mouse was ours before */
};

/* Whose an answer of the machine is; see window_ask.h. */
enum window_ask { ASK_STOP, ASK_PLACE, ASK_CLOSE_SLIDER, ASK_PANES, ASK_STEP, ASK_LINE };

/* window_slider.c: going back in time. */
struct window_slider {
    bool open;
    struct slider look;
    struct slider_pictures pictures;
    bool was_paused;  /* before it was opened; else we have stopped the machine */
    bool asked;       /* the machine is on its way to asked_ns */
    u64 asked_ns;     /* where it was sent last */
    unsigned closing; /* requests before it is gone; 0: it is not closing */
    char trouble[120];
};

/* window_panes.c: the debugger. */
struct window_panes {
    bool open;
    struct pane_view view;
    bool has_view, old; /* old: ask again, whatever the machine does */
    bool toggle;        /* a breakpoint where it stands, once that is known */
    bool changed[PANE_REGISTERS];
    u64 before[PANE_REGISTERS]; /* registers at the last standstill */
    bool has_before;
    struct pane_gather *gather; /* on its way while `asked`; NULL until first needed */
    bool asked;
    u32 next_ms, asked_ms; /* SDL ticks: ask a running machine again; it was asked */
    struct pane_console console;
    struct pane_line line, memory, code; /* what is typed */
    enum pane_focus focus;
    char memory_what[PANE_WHAT], code_what[PANE_WHAT]; /* what was entered */
    s64 memory_offset;
    u64 code_start;
    bool code_fixed;
    int code_scroll;
    struct asker *asker; /* for lines that are typed, which may wait long */
};

struct window {
    struct frontend *f;
    SDL_Window *window;
    SDL_Renderer *renderer;
    u32 wake_event;
    atomic_bool woken; /* a wake event is in the queue */

    struct window_picture picture;
    struct window_input input;
    struct window_overlay overlay;
    struct window_menu menu;
    struct window_layer chrome;
    struct window_slider slider;
    struct window_panes panes;
    struct asker *asker; /* NULL until needed */
    struct typist typist;
    struct sound_sink *sound;
    enum scale_mode mode;
    bool dirty; /* something besides the picture changed */
    bool sized; /* the user has chosen the size: do not follow the guest's */
    bool hidden, grabbed, fullscreen;
    bool software;              /* SDL draws with the processor, and keeps what it has drawn */
    s32 followed_w, followed_h; /* the size that we have given the window */
    struct machine_status status;
    struct frontend_moment moment;
    u64 news_number;            /* of what was said last */
    u32 led_until[DRIVE_COUNT]; /* SDL ticks: a drive was at work shortly before */
    u32 title_next, active_ms;  /* SDL ticks: when something last happened */
    char guest[64], title[200], leds[40];
};

void window_set_grab(struct window *w, bool grab);
void window_set_fullscreen(struct window *w, bool fullscreen);
/* Give it the size of picture and chrome, unless the user has chosen one. */
void window_follow_size(struct window *w);
/* As large as the picture times halves / 2; follow the guest again if that is 0. */
void window_set_size(struct window *w, s32 halves);

/* Wakes the window up; any thread. */
void window_notify(struct frontend *f);

/* ---- window_draw.c ---- */

/* Take over the last frame; true if it is another. */
bool window_picture_update(struct window *w);
/*
 * Draw what has changed; all of it, and what is around it, if the window is dirty or if the render
 * device keeps nothing. What is drawn next is clipped alike, until window_picture_shown.
 */
void window_picture_draw(struct window *w);
void window_picture_shown(struct window *w);
/* Make the renderer; false and SDL's error if there is none. */
bool window_open_renderer(struct window *w);
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
/* The same where the keyboard has gone to another window: keys will be released unseen. */
void window_input_lost(struct window *w);

/* ---- window_actions.c ---- */

enum window_action_id {
    ACTION_MENU,
    ACTION_KEYS,
    ACTION_MEDIA,
    ACTION_INSERT,
    ACTION_CTRL_ALT_DEL,
    ACTION_PAUSE,
    ACTION_RESET,
    ACTION_POWER,
    ACTION_SCREENSHOT,
    ACTION_COPY,
    ACTION_PASTE,
    ACTION_SLIDER,
    ACTION_PANES,
    ACTION_FORK,
    ACTION_GRAB,
    ACTION_FULLSCREEN,
    ACTION_SCALING,
    ACTION_NEXT_SCALING,
    ACTION_LARGER,
    ACTION_SMALLER,
    ACTION_OWN_SIZE,
    ACTION_QUIT,
    ACTIONS
};

struct window_action {
    const char *label; /* in menus */
    SDL_Scancode key;  /* with the host key */
    const char *key_name;
    void (*run)(struct window *w);
};

extern const struct window_action window_actions[ACTIONS];

/* The host key was pressed with another one. */
void window_host_key(struct window *w, SDL_Scancode key);
/* Run a command of the common set and show its answer, or `done` if it has none. */
void window_command(struct window *w, const char *line, const char *done);
/* Put a file into the drive that takes it, or into `drive`. */
void window_insert(struct window *w, const char *drive, const char *path);

/* ---- window_overlay.c ---- */

void window_say(struct window *w, const char *message);
/* Time passes: true if something must be drawn. */
bool window_overlay_tick(struct window *w);
void window_overlay_draw(struct window *w);
void window_overlay_forget(struct window *w);

/* ---- window_layer.c ---- */

/* Make texture and canvas for the window as it is now; false if there is no room. */
bool window_layer_prepare(struct window *w, struct window_layer *l);
void window_layer_forget(struct window_layer *l);
/* The canvas was drawn. */
void window_layer_upload(struct window_layer *l);
/* Show a part of the canvas where it belongs. */
void window_layer_show(struct window *w, const struct window_layer *l, const struct scale_rect *r);
/* How large a canvas' pixels are in a window of so many lines, and from how many on they are. */
s32 window_canvas_times(s32 lines);
s32 window_canvas_least_lines(s32 times);
/* The size of a canvas for the window, and how large its pixels are. */
struct scale_size window_canvas_size(const struct window *w, s32 *times);
/* A place in the window as one on the canvas. */
void window_canvas_point(const struct window *w, s32 *x, s32 *y);

/* ---- window_chrome.c ---- */

/* Where in a window of this size, both in output pixels, there is room for the guest's picture. */
struct scale_rect window_guest_area(const struct window *w, struct scale_size out);
/*
 * By how much a window for a picture alone, of this size, must grow for what is beside it, with
 * pixels `times` large.
 */
struct scale_size window_chrome_size(const struct window *w, struct scale_size picture, s32 times);
/* Take what the machine has answered; true if something must be drawn. */
bool window_chrome_tick(struct window *w);
void window_chrome_draw(struct window *w);
void window_chrome_free(struct window *w);
/* Made when first needed; NULL, which is said, if the host has no thread. */
struct asker *window_asker(struct window *w);
/* The panes' canvas size: what the slider leaves. */
struct scale_size window_panes_size(const struct window *w);

/* ---- window_slider.c ---- */

enum window_mouse { MOUSE_MOVE, MOUSE_DOWN, MOUSE_UP };

void window_slider_open(struct window *w);
void window_slider_toggle(struct window *w);
bool window_slider_is_open(const struct window *w);
bool window_slider_tick(struct window *w);
void window_slider_answer(struct window *w, const struct asker_answer *a);
void window_slider_key(struct window *w, SDL_Scancode key);
void window_slider_mouse(struct window *w, s32 x, s32 y, enum window_mouse what);
void window_slider_wheel(struct window *w, s32 y);

/* ---- window_menu.c ---- */

void window_menu_open(struct window *w, enum window_page page);
void window_menu_close(struct window *w);
bool window_menu_is_open(const struct window *w);
/* Speed and the like have changed. */
void window_menu_refresh(struct window *w);
void window_menu_key(struct window *w, SDL_Scancode key);
void window_menu_text(struct window *w, const char *text);
/* The mouse is at this place of the window; `click`: and was pressed. */
void window_menu_mouse(struct window *w, s32 x, s32 y, bool click);

/* ---- window_panes.c ---- */

void window_panes_toggle(struct window *w);
bool window_panes_is_open(const struct window *w);
/* The keyboard is theirs: the guest has neither it nor the mouse. */
bool window_panes_has_keys(const struct window *w);
void window_panes_tick(struct window *w);
void window_panes_answer(struct window *w, const struct asker_answer *a);
/* False if the key is none of theirs. */
bool window_panes_key(struct window *w, SDL_Scancode key);
/* The same for F5 to F11 alone, which work with the host key as well. */
bool window_panes_step_key(struct window *w, SDL_Scancode key);
void window_panes_text(struct window *w, const char *text);
/* The mouse was pressed there; false if it is not in a pane. */
bool window_panes_click(struct window *w, s32 x, s32 y);
bool window_panes_wheel(struct window *w, s32 y);
void window_panes_draw(struct window *w, const struct osd_canvas *c);
void window_panes_free(struct window *w);

#endif
