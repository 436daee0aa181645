/*
 * The window: its life and its events.
 *
 * The machine thread leaves a frame when asked for one, up to 60 times a second, and wakes us with
 * an event. Nothing here waits for the machine but commands (frontend_command).
 */
#ifdef HAVE_SDL2
#include "frontend/window.h"

#include "frontend/sound_sdl.h"
#include "frontend/window_private.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAME_MS = 16,
    REST_FRAME_MS = 33, /* when nothing has changed for a while */
    REST_AFTER_MS = 2000,
    HIDDEN_FRAME_MS = 500,
    TITLE_MS = 500,
    FIRST_WIDTH = 720, /* of the first picture, text */
    FIRST_HEIGHT = 400,
};

/* ---- Life ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

/* SDL falls back to drivers that show nothing, which only tests ask for. */
static bool shows_something(void)
{
    const char *driver = SDL_GetCurrentVideoDriver();

    return is_set("SDL_VIDEODRIVER") ||
           (driver && strcmp(driver, "dummy") && strcmp(driver, "offscreen"));
}

/* Threads that SDL starts inherit the mask: signals are for one thread of ours. */
static bool init_video(void)
{
    sigset_t all, before;
    bool good;

    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_MOUSE_AUTO_CAPTURE, "0");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    good = SDL_WasInit(SDL_INIT_VIDEO) || !SDL_InitSubSystem(SDL_INIT_VIDEO);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!good || shows_something())
        return good;
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    SDL_SetError("no display can be reached by DISPLAY or WAYLAND_DISPLAY");
    return false;
}

static bool window_usable(const struct options *o)
{
    return (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")) && init_video();
}

/* What to call the guest: the file it starts from, without folder; and which of several it is. */
static void name_guest(struct window *w)
{
    const struct machine_config *c = frontend_config(w->f);
    const char *name = c->kernel, *slash;
    char which[32] = "";

    for (unsigned i = 0; i < DRIVE_COUNT && !name; i++)
        name = c->drive[i];
    name = name ? name : "PC";
    slash = strrchr(name, '/');
    if (frontend_options(w->f)->forked)
        snprintf(which, sizeof which, " (fork %d)", (int)getpid());
    snprintf(w->guest, sizeof w->guest, "%.40s%s", slash ? slash + 1 : name, which);
}

static void press(void *opaque, u16 key, bool down)
{
    struct window *w = opaque;

    frontend_key(w->f, key, down);
}

static bool window_start(struct frontend *f, char *err, size_t err_size)
{
    struct window *w;

    if (!init_video()) {
        snprintf(err, err_size, "window: %s; --display terminal or none works without",
                 SDL_GetError());
        return false;
    }
    w = calloc(1, sizeof *w);
    if (!w) {
        snprintf(err, err_size, "window: out of memory");
        return false;
    }
    w->f = f;
    w->wake_event = SDL_RegisterEvents(1);
    typist_init(&w->typist, press, w);
    w->sound = sound_sdl_new();
    frontend_set_sound(f, w->sound);
    name_guest(w);
    frontend_set_display_data(f, w);
    return true;
}

/* What the desktop leaves for the inside of windows; empty if nobody knows. */
static SDL_Rect desktop_room(const struct window *w)
{
    int display = w->window ? SDL_GetWindowDisplayIndex(w->window) : 0;
    int top, left, bottom, right;
    SDL_Rect r = {0};

    if (SDL_GetDisplayUsableBounds(display < 0 ? 0 : display, &r))
        return (SDL_Rect){0};
    if (!w->window || SDL_GetWindowBordersSize(w->window, &top, &left, &bottom, &right))
        return r;
    return (SDL_Rect){r.x + left, r.y + top, r.w - left - right, r.h - top - bottom};
}

static struct scale_size desktop_size(const struct window *w)
{
    SDL_Rect r = desktop_room(w);

    return (struct scale_size){r.w, r.h};
}

static bool open_window(struct window *w)
{
    struct scale_size s = scale_window(FIRST_WIDTH, FIRST_HEIGHT, true, desktop_size(w));

    w->window = SDL_CreateWindow("Bygone", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, s.w, s.h,
                                 SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!w->window || !window_open_renderer(w)) {
        fprintf(stderr, "window: %s; --display terminal or none works without\n", SDL_GetError());
        return false;
    }
    w->followed_w = s.w;
    w->followed_h = s.h;
    SDL_SetWindowMinimumSize(w->window, 160, 120);
    SDL_StopTextInput(); /* keys are places here; input methods would swallow some */
    SDL_EnableScreenSaver();
    SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
    return true;
}

static void window_stop(struct frontend *f)
{
    struct window *w = frontend_display_data(f);

    window_chrome_free(w);
    window_overlay_forget(w);
    window_picture_forget(w);
    typist_free(&w->typist);
    if (w->renderer)
        SDL_DestroyRenderer(w->renderer);
    if (w->window)
        SDL_DestroyWindow(w->window);
    if (w->sound)
        sound_sdl_free(w->sound);
    free(w);
    SDL_Quit();
}

void window_notify(struct frontend *f)
{
    struct window *w = frontend_display_data(f);
    SDL_Event e = {.type = w->wake_event};

    if (!atomic_exchange(&w->woken, true))
        SDL_PushEvent(&e);
}

/* ---- State of the window ---- */

void window_set_grab(struct window *w, bool grab)
{
    if (grab == w->grabbed)
        return;
    if (!grab)
        window_input_release_all(w);
    w->grabbed = grab;
    w->chrome.old = true; /* panes show who has the keyboard */
    SDL_SetRelativeMouseMode(grab);
    SDL_SetWindowKeyboardGrab(w->window, grab); /* Alt-Tab and the like are for the guest then */
    w->title_next = 0;
}

void window_set_fullscreen(struct window *w, bool fullscreen)
{
    if (SDL_SetWindowFullscreen(w->window, fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0))
        return;
    w->fullscreen = fullscreen;
    w->dirty = true;
}

/* A window that would reach over the edge of the desktop is put into its middle. */
static void resize_window(struct window *w, s32 width, s32 height)
{
    SDL_Rect room = desktop_room(w);
    int x = 0, y = 0;

    SDL_SetWindowSize(w->window, width, height);
    SDL_GetWindowPosition(w->window, &x, &y);
    if (room.w &&
        (x < room.x || y < room.y || x + width > room.x + room.w || y + height > room.y + room.h))
        SDL_SetWindowPosition(w->window, room.x + (room.w - width) / 2,
                              room.y + (room.h - height) / 2);
}

/* With chrome whose pixels are `times` large; all of the desktop where the picture would shrink. */
static struct scale_size size_with_chrome(const struct window *w, s32 times)
{
    const struct window_picture *p = &w->picture;
    struct scale_size room = desktop_size(w), natural = scale_natural(p->width, p->height, p->text);
    struct scale_size more = window_chrome_size(w, natural, times), s;
    s32 least_h = window_canvas_least_lines(times);

    if (!more.w && !more.h)
        return scale_window(p->width, p->height, p->text, room);
    if (room.w && (natural.w + more.w > room.w || natural.h + more.h > room.h))
        return room;
    room.w -= more.w;
    room.h -= more.h;
    s = scale_window(p->width, p->height, p->text, room);
    s.w += more.w;
    s.h = s.h + more.h < least_h ? least_h : s.h + more.h;
    return s;
}

void window_follow_size(struct window *w)
{
    struct scale_size s;
    s32 times = 0;

    if (w->sized || w->fullscreen || SDL_GetWindowFlags(w->window) & SDL_WINDOW_MAXIMIZED)
        return;
    do { /* a larger window has larger glyphs, which want a larger window */
        times++;
        s = size_with_chrome(w, times);
    } while (window_canvas_times(s.h) > times);
    if (s.w == w->followed_w && s.h == w->followed_h)
        return;
    w->followed_w = s.w;
    w->followed_h = s.h;
    resize_window(w, s.w, s.h);
}

void window_set_size(struct window *w, s32 halves)
{
    const struct window_picture *p = &w->picture;
    struct scale_size s = scale_natural(p->width, p->height, p->text);

    if (w->fullscreen)
        return;
    w->sized = halves;
    w->followed_w = w->followed_h = 0;
    if (!halves) {
        SDL_RestoreWindow(w->window);
        window_follow_size(w);
        return;
    }
    resize_window(w, s.w * halves / 2, s.h * halves / 2);
}

/* Which drives were at work shortly before. */
static void watch_drives(struct window *w, const struct machine_status *before)
{
    static const char *const names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};
    u32 now = SDL_GetTicks();
    size_t at = 0;
    unsigned i;

    w->leds[0] = 0;
    for (i = 0; i < DRIVE_COUNT; i++) {
        if (w->status.disk_ops[i] != before->disk_ops[i])
            w->led_until[i] = now + TITLE_MS;
        if (w->led_until[i] && !SDL_TICKS_PASSED(now, w->led_until[i]))
            at += (size_t)snprintf(w->leds + at, sizeof w->leds - at, "%s%s", at ? " " : "",
                                   names[i]);
        else
            w->led_until[i] = 0;
    }
}

static void show_title(struct window *w)
{
    char title[sizeof w->title], ago[SLIDER_TEXT] = "";

    if (!SDL_TICKS_PASSED(SDL_GetTicks(), w->title_next))
        return;
    w->title_next = SDL_GetTicks() + TITLE_MS;
    if (w->menu.page == PAGE_MAIN)
        window_menu_refresh(w);
    if (w->moment.past)
        slider_ago_text(w->moment.newest_ns - w->moment.now_ns, ago);
    if (w->status.paused)
        snprintf(title, sizeof title, "%s - %s%spaused - Bygone", w->guest, ago,
                 ago[0] ? ", " : "");
    else
        snprintf(title, sizeof title, "%s - %s%s%.0f %%%s%s - Bygone%s", w->guest, ago,
                 ago[0] ? ", " : "", w->status.speed * 100, w->leds[0] ? " - " : "", w->leds,
                 w->grabbed ? " - right Ctrl lets the mouse go" : " - right Ctrl+M: menu");
    if (!strcmp(title, w->title))
        return;
    strcpy(w->title, title);
    SDL_SetWindowTitle(w->window, title);
}

/* ---- Events ---- */

static void window_event(struct window *w, const SDL_WindowEvent *e)
{
    switch (e->event) {
    case SDL_WINDOWEVENT_FOCUS_LOST:
        window_input_lost(w);
        w->menu.regrab = false;
        window_set_grab(w, false);
        break;
    case SDL_WINDOWEVENT_RESIZED:
        /* By the user or the window manager; what we ask for comes as SIZE_CHANGED alone. */
        if (!w->fullscreen && (e->data1 != w->followed_w || e->data2 != w->followed_h))
            w->sized = true;
        break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: w->hidden = true; break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_EXPOSED: w->hidden = false; break;
    default: break;
    }
    w->dirty = true;
}

static void handle(struct window *w, const SDL_Event *e)
{
    switch (e->type) {
    case SDL_QUIT: frontend_quit(w->f, 0); break;
    case SDL_WINDOWEVENT: window_event(w, &e->window); break;
    case SDL_KEYDOWN:
    case SDL_KEYUP: window_input_key(w, &e->key); break;
    case SDL_MOUSEMOTION: window_input_motion(w, &e->motion); break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: window_input_button(w, &e->button); break;
    case SDL_MOUSEWHEEL: window_input_wheel(w, &e->wheel); break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
        window_picture_forget(w);
        window_overlay_forget(w);
        window_layer_forget(&w->chrome);
        w->dirty = true;
        break;
    case SDL_DROPFILE:
        window_insert(w, NULL, e->drop.file);
        SDL_free(e->drop.file);
        break;
    case SDL_TEXTINPUT:
        if (window_menu_is_open(w))
            window_menu_text(w, e->text.text);
        else if (window_panes_has_keys(w))
            window_panes_text(w, e->text.text);
        break;
    default:
        if (e->type == w->wake_event)
            w->woken = false;
        break;
    }
}

/* Handle events for one frame's time. */
static void wait_events(struct window *w)
{
    u32 now = SDL_GetTicks(), until = now + FRAME_MS;
    SDL_Event e;

    if (now - w->active_ms > REST_AFTER_MS)
        until = now + REST_FRAME_MS;
    if (w->hidden)
        until = now + HIDDEN_FRAME_MS;

    for (;;) {
        now = SDL_GetTicks();
        if (SDL_TICKS_PASSED(now, until) || !SDL_WaitEventTimeout(&e, (int)(until - now)))
            break;
        if (e.type != w->wake_event)
            w->active_ms = now;
        handle(w, &e);
        while (SDL_PollEvent(&e))
            handle(w, &e);
        window_input_flush(w);
        if (frontend_is_finished(w->f))
            break;
    }
}

/* Characters are asked for only where they are typed: input methods would swallow keys. */
static void set_text_input(const struct window *w)
{
    bool wanted = window_menu_is_open(w) ? w->menu.page == PAGE_FILE : window_panes_has_keys(w);

    if (wanted == (SDL_IsTextInputActive() == SDL_TRUE))
        return;
    if (wanted)
        SDL_StartTextInput();
    else
        SDL_StopTextInput();
}

static void show(struct window *w)
{
    u32 width = w->picture.width, height = w->picture.height;
    struct machine_status before = w->status;
    bool changed = window_picture_update(w);

    watch_drives(w, &before);
    if (width != w->picture.width || height != w->picture.height)
        window_follow_size(w);
    show_title(w);
    set_text_input(w);
    w->dirty |= window_overlay_tick(w);
    w->dirty |= window_chrome_tick(w);
    if (changed || w->typist.count)
        w->active_ms = SDL_GetTicks();
    if (w->hidden || !(changed || w->dirty))
        return;
    window_picture_draw(w);
    window_chrome_draw(w);
    window_overlay_draw(w);
    SDL_RenderPresent(w->renderer);
    window_picture_shown(w);
    w->dirty = false;
}

static void window_run(struct frontend *f)
{
    struct window *w = frontend_display_data(f);

    if (!open_window(w)) {
        frontend_quit(f, EXIT_HOST_FAILED);
        return;
    }
    if (w->sound)
        sound_sdl_open(w->sound);
    while (!frontend_is_finished(f)) {
        frontend_request_frame(f);
        wait_events(w);
        typist_tick(&w->typist, SDL_GetTicks());
        if (w->sound)
            sound_sdl_tick(w->sound);
        show(w);
    }
    window_chrome_free(w); /* the machine waits for nobody who asks */
}

const struct frontend_display window_display = {
    .name = "window",
    .usable = window_usable,
    .start = window_start,
    .run = window_run,
    .notify = window_notify,
    .stop = window_stop,
};
#endif
