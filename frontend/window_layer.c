/* A canvas as large as the window, and the texture that shows it. */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdlib.h>

enum { LINES_FOR_DOUBLE = 1200 /* from so many lines on, glyphs are twice as large, and so on */ };

void window_layer_forget(struct window_layer *l)
{
    if (l->texture)
        SDL_DestroyTexture(l->texture);
    free(l->canvas.pixels);
    l->texture = NULL;
    l->canvas = (struct osd_canvas){0};
}

s32 window_canvas_times(s32 lines)
{
    return 1 + lines / LINES_FOR_DOUBLE;
}

s32 window_canvas_least_lines(s32 times)
{
    return (times - 1) * LINES_FOR_DOUBLE;
}

struct scale_size window_canvas_size(const struct window *w, s32 *times)
{
    s32 out_w = 0, out_h = 0;

    SDL_GetRendererOutputSize(w->renderer, &out_w, &out_h);
    *times = window_canvas_times(out_h);
    return (struct scale_size){out_w / *times, out_h / *times};
}

bool window_layer_prepare(struct window *w, struct window_layer *l)
{
    struct scale_size size = window_canvas_size(w, &l->times);

    if (l->texture && size.w == l->canvas.width && size.h == l->canvas.height)
        return true;
    window_layer_forget(l);
    if (size.w < 1 || size.h < 1)
        return false;
    l->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_ARGB8888,
                                   SDL_TEXTUREACCESS_STREAMING, size.w, size.h);
    l->canvas.pixels = calloc((size_t)size.w * (size_t)size.h, sizeof *l->canvas.pixels);
    if (!l->texture || !l->canvas.pixels) {
        window_layer_forget(l);
        return false;
    }
    l->canvas.width = size.w;
    l->canvas.height = size.h;
    l->old = true;
    SDL_SetTextureScaleMode(l->texture, SDL_ScaleModeNearest);
    return true;
}

void window_layer_upload(struct window_layer *l)
{
    SDL_UpdateTexture(l->texture, NULL, l->canvas.pixels,
                      l->canvas.width * (int)sizeof *l->canvas.pixels);
    l->old = false;
}

void window_layer_show(struct window *w, const struct window_layer *l, const struct scale_rect *r)
{
    SDL_Rect from = {r->x, r->y, r->w, r->h}, to;

    to = (SDL_Rect){r->x * l->times, r->y * l->times, r->w * l->times, r->h * l->times};
    if (r->w > 0 && r->h > 0)
        SDL_RenderCopy(w->renderer, l->texture, &from, &to);
}

void window_canvas_point(const struct window *w, s32 *x, s32 *y)
{
    s32 window_w = 1, window_h = 1, out_w = 1, out_h = 1, times;

    /* Where pixels are small, windows are counted in larger units. */
    SDL_GetWindowSize(w->window, &window_w, &window_h);
    SDL_GetRendererOutputSize(w->renderer, &out_w, &out_h);
    window_canvas_size(w, &times);
    *x = (s32)((s64)*x * out_w / (window_w < 1 ? 1 : window_w) / times);
    *y = (s32)((s64)*y * out_h / (window_h < 1 ? 1 : window_h) / times);
}
#endif
