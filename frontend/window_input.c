/*
 * Keyboard and mouse of the window.
 *
 * The right Ctrl key is the host key: with another key it commands us, alone it lets go of the
 * mouse. The guest never sees it (the menu can send it). What the guest sees pressed is written
 * down, so that nothing stays pressed when the window loses the keyboard.
 */
#ifdef HAVE_SDL2
#include "devices/host/input.h"

#include "frontend/window_keys.h"
#include "frontend/window_private.h"

#include <string.h>

static void send_key(struct window *w, u16 key, bool down)
{
    frontend_key(w->f, key, down);
    w->input.held[key] = down && key != KEY_PAUSE; /* that one has no break code */
}

static void host_key(struct window *w, bool down)
{
    struct window_input *in = &w->input;

    if (down && !in->host_down)
        in->host_used = false;
    if (!down && in->host_down && !in->host_used) {
        if (window_menu_is_open(w))
            w->menu.regrab = false;
        window_set_grab(w, false);
    }
    in->host_down = down;
}

/* Something of ours is open that takes keyboard and mouse. */
static bool is_ours(const struct window *w)
{
    return window_menu_is_open(w) || window_slider_is_open(w) || window_panes_has_keys(w);
}

static void our_key(struct window *w, SDL_Scancode code)
{
    if (window_menu_is_open(w))
        window_menu_key(w, code);
    else if (window_slider_is_open(w))
        window_slider_key(w, code);
    else
        window_panes_key(w, code);
}

/* Open over all of the window; in panes only clicks count, and only there. */
static bool takes_mouse(const struct window *w)
{
    return window_menu_is_open(w) || window_slider_is_open(w);
}

static void our_mouse(struct window *w, s32 x, s32 y, enum window_mouse what)
{
    if (window_menu_is_open(w)) {
        if (what != MOUSE_UP)
            window_menu_mouse(w, x, y, what == MOUSE_DOWN);
    } else if (window_slider_is_open(w)) {
        window_slider_mouse(w, x, y, what);
    }
}

void window_input_key(struct window *w, const SDL_KeyboardEvent *e)
{
    SDL_Scancode code = e->keysym.scancode;
    struct window_input *in = &w->input;
    bool down = e->type == SDL_KEYDOWN;
    u16 key = window_key((int)code);

    if (code == WINDOW_HOST_KEY) {
        host_key(w, down);
        return;
    }
    if ((u32)code >= SDL_NUM_SCANCODES)
        return;
    if (e->repeat) { /* the guest's keyboard repeats by itself */
        if (in->swallowed[code] && !in->host_down)
            our_key(w, code);
        return;
    }
    if (in->host_down && down) {
        in->host_used = true;
        in->swallowed[code] = true;
        window_host_key(w, code);
        return;
    }
    if (in->swallowed[code] && !down) {
        in->swallowed[code] = false;
        return;
    }
    if (is_ours(w)) {
        in->swallowed[code] |= down;
        if (down)
            our_key(w, code);
        return;
    }
    if (key && (down || in->held[key]))
        send_key(w, key, down);
}

/* ---- Mouse ---- */

static u8 button_bit(u8 button)
{
    switch (button) {
    case SDL_BUTTON_LEFT: return MOUSE_LEFT;
    case SDL_BUTTON_RIGHT: return MOUSE_RIGHT;
    case SDL_BUTTON_MIDDLE: return MOUSE_MIDDLE;
    case SDL_BUTTON_X1: return MOUSE_SIDE;
    case SDL_BUTTON_X2: return MOUSE_EXTRA;
    default: return 0;
    }
}

void window_input_flush(struct window *w)
{
    struct window_input *in = &w->input;

    if (in->dx || in->dy || in->dz)
        frontend_mouse(w->f, in->dx, in->dy, in->dz, in->buttons);
    in->dx = in->dy = in->dz = 0;
}

void window_input_motion(struct window *w, const SDL_MouseMotionEvent *e)
{
    if (takes_mouse(w)) {
        our_mouse(w, e->x, e->y, MOUSE_MOVE);
        return;
    }
    if (!w->grabbed)
        return;
    w->input.dx += e->xrel;
    w->input.dy += e->yrel;
}

void window_input_button(struct window *w, const SDL_MouseButtonEvent *e)
{
    struct window_input *in = &w->input;
    bool down = e->type == SDL_MOUSEBUTTONDOWN;
    u8 bit = button_bit(e->button), buttons;

    if (takes_mouse(w)) {
        our_mouse(w, e->x, e->y, down ? MOUSE_DOWN : MOUSE_UP);
        return;
    }
    if (!w->grabbed) {
        if (window_panes_is_open(w) && down && e->button == SDL_BUTTON_LEFT &&
            window_panes_click(w, e->x, e->y))
            return;
        /* Clicks are for us: the left one takes the mouse, the right one opens the menu. */
        if (down && e->button == SDL_BUTTON_LEFT)
            window_set_grab(w, true);
        else if (down && e->button == SDL_BUTTON_RIGHT)
            window_menu_open(w, PAGE_MAIN);
        return;
    }
    window_input_flush(w);
    buttons = down ? in->buttons | bit : in->buttons & (u8)~bit;
    if (buttons == in->buttons)
        return;
    in->buttons = buttons;
    frontend_mouse(w->f, 0, 0, 0, buttons);
}

void window_input_wheel(struct window *w, const SDL_MouseWheelEvent *e)
{
    if (window_slider_is_open(w))
        window_slider_wheel(w, e->y);
    else if (window_panes_has_keys(w))
        window_panes_wheel(w, e->y);
    else if (w->grabbed) /* SDL counts away from the user, mice towards him */
        w->input.dz -= e->direction == SDL_MOUSEWHEEL_FLIPPED ? -e->y : e->y;
}

void window_input_release_all(struct window *w)
{
    struct window_input *in = &w->input;
    unsigned key;

    for (key = 0; key < WINDOW_KEYS; key++)
        if (in->held[key])
            send_key(w, (u16)key, false);
    window_input_flush(w);
    if (in->buttons)
        frontend_mouse(w->f, 0, 0, 0, 0);
    in->buttons = 0;
}

void window_input_lost(struct window *w)
{
    window_input_release_all(w);
    w->input.host_down = false;
    memset(w->input.swallowed, 0, sizeof w->input.swallowed);
}
#endif
