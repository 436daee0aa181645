/* What the user can do to the machine and its window: by the host key and by the menu. */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

static void toggle_fullscreen(struct window *w)
{
    window_set_fullscreen(w, !w->fullscreen);
}

static void toggle_grab(struct window *w)
{
    window_set_grab(w, !w->grabbed);
}

static void quit(struct window *w)
{
    frontend_quit(w->f, 0);
}

static void next_scaling(struct window *w)
{
    w->mode = (enum scale_mode)((w->mode + 1) % SCALE_MODES);
    w->dirty = true;
}

static const struct {
    SDL_Scancode key;
    void (*run)(struct window *w);
} actions[] = {
    {SDL_SCANCODE_F, toggle_fullscreen},
    {SDL_SCANCODE_G, toggle_grab},
    {SDL_SCANCODE_Q, quit},
    {SDL_SCANCODE_A, next_scaling},
};

bool window_host_key(struct window *w, SDL_Scancode key)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(actions); i++)
        if (actions[i].key == key) {
            actions[i].run(w);
            return true;
        }
    return false;
}
#endif
