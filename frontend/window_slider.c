/*
 * The rewind slider in the window: while it is open the machine stands still and follows the user
 * through its past. Nothing is lost by looking: the present comes back with Escape. Enter makes a
 * branch where the user is, and what lay ahead is forgotten.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdio.h>
#include <string.h>

#define S 1000000000ll

static void ask(struct window *w, int tag, const char *line)
{
    if (w->asker && asker_command(w->asker, tag, line) && tag == ASK_CLOSE_SLIDER)
        w->slider.closing++;
}

static void ask_place(struct window *w, int tag)
{
    struct window_slider *s = &w->slider;
    char line[60];

    if (s->look.wanted_ns >= s->look.newest_ns)
        snprintf(line, sizeof line, "rewind present");
    else
        snprintf(line, sizeof line, "rewind to %llu.%09llu",
                 (unsigned long long)(s->look.wanted_ns / S),
                 (unsigned long long)(s->look.wanted_ns % S));
    s->asked_ns = s->look.wanted_ns;
    s->asked = true;
    ask(w, tag, line);
}

bool window_slider_is_open(const struct window *w)
{
    return w->slider.open;
}

/* The ends as they are now; who is at the newest moment stays there. */
static void follow_ends(struct window *w)
{
    const struct frontend_moment *m = &w->moment;
    struct slider *look = &w->slider.look;
    bool newest = look->wanted_ns == look->newest_ns;

    look->newest_ns = m->past ? m->newest_ns : max_u64(m->now_ns, m->oldest_ns);
    look->oldest_ns = min_u64(m->oldest_ns, look->newest_ns);
    if (newest && !m->past)
        w->slider.asked_ns = look->newest_ns;
    slider_go_to(look, newest ? look->newest_ns : look->wanted_ns);
}

/* Once: the last status may be from before somebody let the machine go on. */
static void stop_machine(struct window *w)
{
    struct window_slider *s = &w->slider;

    if (!s->was_paused || w->status.paused)
        return;
    s->was_paused = false;
    ask(w, ASK_STOP, "stop");
}

void window_slider_open(struct window *w)
{
    const struct frontend_moment *m = &w->moment;
    struct window_slider *s = &w->slider;

    if (s->open)
        return;
    if (!m->kept) {
        window_say(w, "The past is not kept; start with --rewind 256M.");
        return;
    }
    if (!window_asker(w))
        return;
    window_menu_close(w);
    window_input_release_all(w);
    window_set_grab(w, false);
    s->open = true;
    s->closing = 0;
    s->was_paused = true; /* until it is seen running */
    s->trouble[0] = 0;
    slider_open(&s->look, m->oldest_ns, m->past ? m->newest_ns : m->now_ns, m->now_ns);
    s->asked_ns = s->look.wanted_ns;
    s->asked = false;
    stop_machine(w);
    w->chrome.old = w->dirty = true;
    window_follow_size(w);
}

/* Back to how it was, or on from here; it is gone when the machine has done so. */
static void close_slider(struct window *w, bool branch)
{
    struct window_slider *s = &w->slider;
    char ago[SLIDER_TEXT], said[2 * SLIDER_TEXT + 80];

    if (!s->open || s->closing)
        return;
    branch &= s->look.wanted_ns < s->look.newest_ns;
    if (branch) {
        if (s->asked_ns != s->look.wanted_ns || s->asked)
            ask_place(w, ASK_CLOSE_SLIDER);
        ask(w, ASK_CLOSE_SLIDER, "rewind branch");
        slider_ago_text(s->look.newest_ns - s->look.wanted_ns, ago);
        snprintf(said, sizeof said, "It goes on from %s; what lay ahead is forgotten.", ago);
        window_say(w, said);
    } else {
        ask(w, ASK_CLOSE_SLIDER, "rewind present");
    }
    if (!s->was_paused)
        ask(w, ASK_CLOSE_SLIDER, "cont");
    s->look.arriving = true;
    w->chrome.old = true;
}

static void closed(struct window *w)
{
    w->slider.open = false;
    w->chrome.old = w->dirty = true;
    window_follow_size(w);
}

void window_slider_answer(struct window *w, const struct asker_answer *a)
{
    struct window_slider *s = &w->slider;
    const char *text = a->text.len ? a->text.data : "it did not work";

    if (!a->good)
        snprintf(s->trouble, sizeof s->trouble, "%.*s", (int)strcspn(text, "\n"), text);
    else if (a->tag == ASK_PLACE)
        s->trouble[0] = 0;
    if (a->tag == ASK_PLACE)
        s->asked = false;
    if (a->tag == ASK_CLOSE_SLIDER && !--s->closing)
        closed(w);
    if (a->tag == ASK_CLOSE_SLIDER && !a->good)
        window_say(w, s->trouble);
    w->chrome.old = true;
}

bool window_slider_tick(struct window *w)
{
    struct window_slider *s = &w->slider;
    struct slider before = s->look;

    if (!s->open)
        return false;
    if (!s->closing) {
        stop_machine(w);
        follow_ends(w);
        if (!s->asked && s->asked_ns != s->look.wanted_ns)
            ask_place(w, ASK_PLACE);
        s->look.arriving = s->asked;
    }
    s->look.trouble = s->trouble[0] ? s->trouble : NULL;
    w->chrome.old |= memcmp(&before, &s->look, sizeof before) != 0;
    return w->chrome.old;
}

/* ---- Keys and mouse ---- */

void window_slider_key(struct window *w, SDL_Scancode key)
{
    bool fine = SDL_GetModState() & KMOD_SHIFT;
    struct slider *look = &w->slider.look;
    s64 step = fine ? S / 10 : S;

    if (w->slider.closing)
        return;
    switch (key) {
    case SDL_SCANCODE_LEFT: slider_go(look, -step); break;
    case SDL_SCANCODE_RIGHT: slider_go(look, step); break;
    case SDL_SCANCODE_PAGEUP: slider_go(look, -10 * S); break;
    case SDL_SCANCODE_PAGEDOWN: slider_go(look, 10 * S); break;
    case SDL_SCANCODE_HOME: slider_go_to(look, look->oldest_ns); break;
    case SDL_SCANCODE_END: slider_go_to(look, look->newest_ns); break;
    case SDL_SCANCODE_RETURN:
    case SDL_SCANCODE_KP_ENTER: close_slider(w, true); break;
    case SDL_SCANCODE_ESCAPE: close_slider(w, false); break;
    default: break;
    }
    w->chrome.old = true;
}

void window_slider_toggle(struct window *w)
{
    if (w->slider.open)
        close_slider(w, false);
    else
        window_slider_open(w);
}

static struct slider_layout layout(const struct window *w)
{
    s32 times;
    struct scale_size size = window_canvas_size(w, &times);

    return slider_lay_out(size.w, size.h);
}

void window_slider_mouse(struct window *w, s32 x, s32 y, enum window_mouse what)
{
    struct slider_layout l = layout(w);
    struct slider *look = &w->slider.look;
    enum slider_part part;

    if (w->slider.closing)
        return;
    window_canvas_point(w, &x, &y);
    part = slider_part_at(&l, x, y);
    if (what == MOUSE_UP)
        look->dragging = false;
    if (what == MOUSE_DOWN && part == SLIDER_BRANCH)
        close_slider(w, true);
    else if (what == MOUSE_DOWN && part == SLIDER_PRESENT)
        close_slider(w, false);
    else if (what == MOUSE_DOWN)
        look->dragging = part == SLIDER_SCALE;
    if (look->dragging)
        slider_go_to(look, slider_time_at(look, &l, x));
    w->chrome.old = true;
}

void window_slider_wheel(struct window *w, s32 y)
{
    if (!w->slider.closing)
        slider_go(&w->slider.look, y * S);
    w->chrome.old = true;
}
#endif
