/*
 * The guest's picture on the screen. It is enlarged in two steps: each pixel is repeated a whole
 * number of times, then that is smoothed to the size wanted. So pixels have straight edges and yet
 * the same width everywhere.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

static void destroy(SDL_Texture **texture)
{
    if (*texture)
        SDL_DestroyTexture(*texture);
    *texture = NULL;
}

void window_picture_forget(struct window *w)
{
    destroy(&w->picture.texture);
    destroy(&w->picture.sharp);
    w->picture.number = 0;
    w->picture.width = w->picture.height = 0;
}

/* True if there is a texture of this size. */
static bool resize(struct window *w, u32 width, u32 height)
{
    struct window_picture *p = &w->picture;

    if (p->texture && p->width == width && p->height == height)
        return true;
    window_picture_forget(w);
    p->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   (int)width, (int)height);
    if (!p->texture)
        return false;
    SDL_SetTextureScaleMode(p->texture, SDL_ScaleModeNearest);
    p->width = width;
    p->height = height;
    return true;
}

bool window_picture_update(struct window *w)
{
    struct window_picture *p = &w->picture;
    const struct frontend_view *view = frontend_lock_view(w->f);
    const struct display_frame *f = &view->frame;
    bool changed = view->number != p->number && f->width;

    w->status = view->status;
    if (changed && resize(w, f->width, f->height)) {
        SDL_UpdateTexture(p->texture, NULL, f->pixels, (int)(f->width * sizeof *f->pixels));
        p->text = f->text;
        p->number = view->number;
        p->sharp_old = true;
    }
    frontend_unlock_view(w->f);
    return changed;
}

/* Repeat each pixel in a texture of its own; the plain one where that is of no use. */
static SDL_Texture *sharpen(struct window *w)
{
    struct window_picture *p = &w->picture;
    unsigned across = scale_sharpen(p->width, p->rect.w),
             down = scale_sharpen(p->height, p->rect.h);
    s32 sw = (s32)(p->width * across), sh = (s32)(p->height * down);

    if (sw == p->rect.w && sh == p->rect.h)
        return p->texture; /* whole numbers need no smoothing */
    if (!p->sharp || sw != p->sharp_w || sh != p->sharp_h) {
        destroy(&p->sharp);
        p->sharp = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_TARGET,
                                     sw, sh);
        if (!p->sharp)
            return p->texture; /* too large for this device, or it cannot do it */
        SDL_SetTextureScaleMode(p->sharp, SDL_ScaleModeLinear);
        p->sharp_w = sw;
        p->sharp_h = sh;
        p->sharp_old = true;
    }
    if (p->sharp_old) {
        SDL_SetRenderTarget(w->renderer, p->sharp);
        SDL_RenderCopy(w->renderer, p->texture, NULL, NULL);
        SDL_SetRenderTarget(w->renderer, NULL);
        p->sharp_old = false;
    }
    return p->sharp;
}

void window_picture_draw(struct window *w)
{
    struct window_picture *p = &w->picture;
    struct scale_size out = {0};
    SDL_Texture *texture;
    SDL_Rect to;

    SDL_GetRendererOutputSize(w->renderer, &out.w, &out.h);
    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, 255);
    if (!p->texture) {
        SDL_RenderClear(w->renderer);
        return;
    }
    p->rect = scale_place(w->mode, p->width, p->height, p->text, out);
    to = (SDL_Rect){p->rect.x, p->rect.y, p->rect.w, p->rect.h};
    texture = sharpen(w);
    SDL_RenderClear(w->renderer);
    SDL_RenderCopy(w->renderer, texture, NULL, &to);
}
#endif
