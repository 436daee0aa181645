/* What we draw over the guest's picture: the menu, and messages for a few seconds. */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MESSAGE_MS = 4000,
    LINES_FOR_DOUBLE = 1200, /* from so many lines on, glyphs are twice as large, and so on */
};

void window_overlay_forget(struct window *w)
{
    struct window_overlay *o = &w->overlay;

    if (o->texture)
        SDL_DestroyTexture(o->texture);
    free(o->canvas.pixels);
    o->texture = NULL;
    o->canvas = (struct osd_canvas){0};
}

void window_say(struct window *w, const char *message)
{
    snprintf(w->overlay.message, sizeof w->overlay.message, "%s", message);
    w->overlay.message_until = SDL_GetTicks() + MESSAGE_MS;
    w->overlay.old = true;
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
        o->old = true;
    }
    return o->old;
}

/* Texture and canvas for the window as it is now. */
static bool prepare(struct window *w)
{
    struct window_overlay *o = &w->overlay;
    s32 out_w = 0, out_h = 0, times, width, height;

    SDL_GetRendererOutputSize(w->renderer, &out_w, &out_h);
    times = 1 + out_h / LINES_FOR_DOUBLE;
    width = out_w / times;
    height = out_h / times;
    if (o->texture && width == o->canvas.width && height == o->canvas.height)
        return true;
    window_overlay_forget(w);
    if (width < 1 || height < 1)
        return false;
    o->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_ARGB8888,
                                   SDL_TEXTUREACCESS_STREAMING, width, height);
    o->canvas.pixels = calloc((size_t)width * (size_t)height, sizeof *o->canvas.pixels);
    if (!o->texture || !o->canvas.pixels) {
        window_overlay_forget(w);
        return false;
    }
    o->canvas.width = width;
    o->canvas.height = height;
    o->times = times;
    o->old = true;
    SDL_SetTextureBlendMode(o->texture, SDL_BLENDMODE_BLEND);
    SDL_SetTextureScaleMode(o->texture, SDL_ScaleModeNearest);
    return true;
}

void window_overlay_draw(struct window *w)
{
    struct window_overlay *o = &w->overlay;
    SDL_Rect to;

    if (!is_shown(w)) {
        window_overlay_forget(w); /* shown seldom, and large */
        o->old = false;
        return;
    }
    if (!prepare(w))
        return;
    if (o->old) {
        osd_clear(&o->canvas);
        if (o->message[0])
            osd_message(&o->canvas, o->message);
        if (window_menu_is_open(w))
            osd_menu_draw(&w->menu.look, &o->canvas);
        SDL_UpdateTexture(o->texture, NULL, o->canvas.pixels,
                          o->canvas.width * (int)sizeof *o->canvas.pixels);
        o->old = false;
    }
    to = (SDL_Rect){0, 0, o->canvas.width * o->times, o->canvas.height * o->times};
    SDL_RenderCopy(w->renderer, o->texture, NULL, &to);
}

void window_overlay_point(const struct window *w, s32 *x, s32 *y)
{
    s32 window_w = 1, window_h = 1, out_w = 1, out_h = 1, times = w->overlay.times;

    /* Where pixels are small, windows are counted in larger units. */
    SDL_GetWindowSize(w->window, &window_w, &window_h);
    SDL_GetRendererOutputSize(w->renderer, &out_w, &out_h);
    times = times < 1 ? 1 : times;
    *x = (s32)((s64)*x * out_w / (window_w < 1 ? 1 : window_w) / times);
    *y = (s32)((s64)*y * out_h / (window_h < 1 ? 1 : window_h) / times);
}
#endif
