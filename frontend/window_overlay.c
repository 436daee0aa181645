/* What we draw over the guest's picture: the menu, and messages for a few seconds. */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdio.h>

enum { MESSAGE_MS = 4000 };

void window_overlay_forget(struct window *w)
{
    window_layer_forget(&w->overlay.layer);
}

void window_say(struct window *w, const char *message)
{
    snprintf(w->overlay.message, sizeof w->overlay.message, "%s", message);
    w->overlay.message_until = SDL_GetTicks() + MESSAGE_MS;
    w->overlay.layer.old = true;
}

static bool is_shown(const struct window *w)
{
    return window_menu_is_open(w) || w->overlay.message[0];
}

bool window_overlay_tick(struct window *w)
{
    struct window_overlay *o = &w->overlay;

    if (o->message[0] && SDL_TICKS_PASSED(SDL_GetTicks(), o->message_until)) {
        o->message[0] = 0;
        o->layer.old = true;
    }
    return o->layer.old;
}

void window_overlay_draw(struct window *w)
{
    struct window_layer *l = &w->overlay.layer;
    struct osd_canvas *c = &l->canvas;

    if (!is_shown(w)) {
        window_layer_forget(l); /* shown seldom, and large */
        l->old = false;
        return;
    }
    if (!window_layer_prepare(w, l))
        return;
    if (l->old) {
        SDL_SetTextureBlendMode(l->texture, SDL_BLENDMODE_BLEND);
        osd_clear(c);
        if (w->overlay.message[0])
            osd_message(c, w->overlay.message);
        if (window_menu_is_open(w))
            osd_menu_draw(&w->menu.look, c);
        window_layer_upload(l);
    }
    window_layer_show(w, l, &(struct scale_rect){0, 0, c->width, c->height});
}
#endif
