/*
 * The guest's picture on the screen. The graphics processor enlarges it in two steps: each pixel is
 * repeated a whole number of times, then that is smoothed to the size wanted. So pixels have
 * straight edges and yet the same width everywhere.
 *
 * Where there is none, OpenGL would be emulated with great effort (100 MB, and many times the
 * work): there we stretch the picture ourselves (window_stretch.c), only the rows that changed, and
 * SDL's software renderer copies them.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The renderer ---- */

/* Device files of graphics processors, of Linux, of NVIDIA and under Windows' Linux. */
static bool has_graphics_processor(void)
{
    return !access("/dev/dri", F_OK) || !access("/dev/nvidiactl", F_OK) ||
           !access("/dev/dxg", F_OK);
}

/* "localhost:10.0": an X server behind a network, which has our graphics processor as little. */
static bool is_far_away(void)
{
    const char *display = getenv("DISPLAY");

    return display && display[0] && display[0] != ':' && strncmp(display, "unix:", 5) &&
           display[0] != '/' && !getenv("WAYLAND_DISPLAY");
}

static bool is_emulated(void)
{
    typedef const u8 *(*get_string)(u32);
    enum { GL_RENDERER_NAME = 0x1F01 };
    static const char *const names[] = {"llvmpipe", "softpipe", "Software Rasterizer"};
    void *symbol = SDL_GL_GetCurrentContext() ? SDL_GL_GetProcAddress("glGetString") : NULL;
    get_string get;
    const char *name;
    unsigned i;

    if (!symbol)
        return false;
    memcpy(&get, &symbol, sizeof get); /* ISO C has no conversion from data to functions */
    name = (const char *)get(GL_RENDERER_NAME);
    for (i = 0; name && i < ARRAY_LEN(names); i++)
        if (strstr(name, names[i]))
            return true;
    return false;
}

static bool open_software(struct window *w)
{
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"); /* it would use OpenGL after all */
    w->renderer = SDL_CreateRenderer(w->window, -1, SDL_RENDERER_SOFTWARE);
    return w->renderer;
}

bool window_open_renderer(struct window *w)
{
    SDL_RendererInfo info;
    bool chosen = getenv("SDL_RENDER_DRIVER"); /* the user knows better */

    if (chosen || (has_graphics_processor() && !is_far_away())) {
        w->renderer = SDL_CreateRenderer(w->window, -1, 0);
        if (w->renderer && !chosen && is_emulated()) {
            SDL_DestroyRenderer(w->renderer);
            w->renderer = NULL;
        }
    }
    if (!w->renderer && !open_software(w))
        return false;
    w->software = !SDL_GetRendererInfo(w->renderer, &info) && (info.flags & SDL_RENDERER_SOFTWARE);
    return true;
}

/* ---- The picture ---- */

static void destroy(SDL_Texture **texture)
{
    if (*texture)
        SDL_DestroyTexture(*texture);
    *texture = NULL;
}

static void forget_stretched(struct window_picture *p)
{
    stretch_free(&p->stretch);
    free(p->stretched);
    p->stretched = NULL;
}

void window_picture_forget(struct window *w)
{
    struct window_picture *p = &w->picture;

    destroy(&p->texture);
    destroy(&p->sharp);
    forget_stretched(p);
    free(p->pixels);
    p->pixels = NULL;
    p->number = 0;
    p->width = p->height = 0;
}

static bool make_texture(struct window *w, s32 width, s32 height)
{
    struct window_picture *p = &w->picture;

    destroy(&p->texture);
    p->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   width, height);
    if (p->texture)
        SDL_SetTextureScaleMode(p->texture, SDL_ScaleModeNearest);
    return p->texture;
}

static void all_rows(struct window_picture *p)
{
    p->top = 0;
    p->bottom = (s32)p->height;
}

/* True if there is room for a picture of this size. */
static bool resize(struct window *w, u32 width, u32 height)
{
    struct window_picture *p = &w->picture;

    if (p->width == width && p->height == height)
        return true;
    window_picture_forget(w);
    if (w->software)
        p->pixels = calloc((size_t)width * height, sizeof *p->pixels);
    if (w->software ? !p->pixels : !make_texture(w, (s32)width, (s32)height))
        return false;
    p->width = width;
    p->height = height;
    p->rect = (struct scale_rect){0};
    w->dirty = true; /* what is around it has moved too */
    return true;
}

/* The first and the last row that differ from the last picture. */
static void compare(const struct window_picture *p, const struct display_frame *f, s32 *top,
                    s32 *bottom)
{
    size_t row = f->width;

    *top = 0;
    *bottom = (s32)f->height;
    while (*top < *bottom && !memcmp(f->pixels + row * (size_t)*top, p->pixels + row * (size_t)*top,
                                     row * sizeof *f->pixels))
        ++*top;
    while (*bottom > *top &&
           !memcmp(f->pixels + row * (size_t)(*bottom - 1), p->pixels + row * (size_t)(*bottom - 1),
                   row * sizeof *f->pixels))
        --*bottom;
}

static void take_over(struct window *w, const struct display_frame *f)
{
    struct window_picture *p = &w->picture;
    size_t row = f->width;
    s32 top, bottom;

    if (!w->software) {
        SDL_UpdateTexture(p->texture, NULL, f->pixels, (int)(row * sizeof *f->pixels));
        all_rows(p);
        return;
    }
    compare(p, f, &top, &bottom);
    if (top == bottom)
        return;
    memcpy(p->pixels + row * (size_t)top, f->pixels + row * (size_t)top,
           row * (size_t)(bottom - top) * sizeof *p->pixels);
    p->top = top < p->top ? top : p->top;
    p->bottom = bottom > p->bottom ? bottom : p->bottom;
}

bool window_picture_update(struct window *w)
{
    struct window_picture *p = &w->picture;
    const struct frontend_view *view = frontend_lock_view(w->f);
    const struct display_frame *f = &view->frame;

    w->status = view->status;
    w->moment = view->moment;
    if (view->news_number != w->news_number) {
        window_say(w, view->news);
        w->news_number = view->news_number;
    }
    if (view->number != p->number && f->width && resize(w, f->width, f->height)) {
        take_over(w, f);
        p->text = f->text;
        p->number = view->number;
        w->slider.pictures.late = true;
    }
    if (w->slider.pictures.late && f->width && w->moment.kept && !w->moment.past)
        slider_pictures_take(&w->slider.pictures, w->moment.now_ns, f->pixels, f->width, f->height,
                             f->text, w->status.paused);
    frontend_unlock_view(w->f);
    return p->top < p->bottom;
}

void window_picture_shown(struct window *w)
{
    SDL_RenderSetClipRect(w->renderer, NULL);
    w->picture.top = (s32)w->picture.height;
    w->picture.bottom = 0;
}

/* ---- Drawing by the graphics processor ---- */

/* Repeat each pixel in a texture of its own; the plain one where that is of no use. */
static SDL_Texture *sharpen(struct window *w)
{
    struct window_picture *p = &w->picture;
    s32 sw = (s32)p->width * (s32)scale_sharpen(p->width, p->rect.w);
    s32 sh = (s32)p->height * (s32)scale_sharpen(p->height, p->rect.h);

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
        all_rows(p);
    }
    if (p->top < p->bottom) {
        SDL_SetRenderTarget(w->renderer, p->sharp);
        SDL_RenderCopy(w->renderer, p->texture, NULL, NULL);
        SDL_SetRenderTarget(w->renderer, NULL);
    }
    return p->sharp;
}

/* ---- Drawing by the processor ---- */

/* Everything for the size in which the picture is shown. */
static bool prepare_stretch(struct window *w)
{
    struct window_picture *p = &w->picture;
    s32 width = p->rect.w, height = p->rect.h;

    if (p->stretched && p->stretch.x.to == (u32)width && p->stretch.y.to == (u32)height)
        return true;
    forget_stretched(p);
    p->stretched = calloc((size_t)width * (size_t)height, sizeof *p->stretched);
    if (!stretch_init(&p->stretch, p->width, p->height, (u32)width, (u32)height) || !p->stretched ||
        !make_texture(w, width, height)) {
        forget_stretched(p);
        return false;
    }
    all_rows(p);
    w->dirty = true;
    return true;
}

/* Stretch the rows that changed; *clip is where they are on the screen. */
static bool stretch_changes(struct window *w, SDL_Rect *clip)
{
    struct window_picture *p = &w->picture;
    u32 top = 0, bottom = 0;
    SDL_Rect rows;

    if (!prepare_stretch(w))
        return false;
    if (p->top < p->bottom)
        stretch_rows_of(&p->stretch, (u32)p->top, (u32)p->bottom, &top, &bottom);
    *clip = (SDL_Rect){p->rect.x, p->rect.y + (s32)top, p->rect.w, (s32)(bottom - top)};
    if (top == bottom)
        return true;
    stretch_rows(&p->stretch, p->pixels, top, bottom, p->stretched);
    rows = (SDL_Rect){0, (s32)top, p->rect.w, (s32)(bottom - top)};
    SDL_UpdateTexture(p->texture, &rows, p->stretched, p->rect.w * (s32)sizeof *p->stretched);
    return true;
}

/* ---- Drawing ---- */

void window_picture_draw(struct window *w)
{
    struct window_picture *p = &w->picture;
    struct scale_size out = {0};
    struct scale_rect area;
    SDL_Texture *texture;
    SDL_Rect to, clip = {0};

    SDL_GetRendererOutputSize(w->renderer, &out.w, &out.h);
    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, 255);
    area = window_guest_area(w, out);
    p->rect =
        scale_place(w->mode, p->width, p->height, p->text, (struct scale_size){area.w, area.h});
    p->rect.x += area.x;
    p->rect.y += area.y;
    to = (SDL_Rect){p->rect.x, p->rect.y, p->rect.w, p->rect.h};
    if (!p->width || (w->software && !stretch_changes(w, &clip))) {
        SDL_RenderClear(w->renderer);
        return;
    }
    texture = w->software ? p->texture : sharpen(w);
    if (w->dirty || !w->software)
        SDL_RenderClear(w->renderer);
    else
        SDL_RenderSetClipRect(w->renderer, &clip);
    SDL_RenderCopy(w->renderer, texture, NULL, &to);
}
#endif
