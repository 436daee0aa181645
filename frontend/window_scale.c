/*
 * Where the guest's picture goes in a window.
 *
 * Monitors of the time had tubes of 4 to 3, which every mode filled: the pixels of 320x200, 640x350
 * or 720x400 are not square. From 800x600 on modes were made for square ones.
 */
#include "frontend/window_scale.h"

enum {
    OLD_WIDTH = 720, /* no mode of the VGA is larger */
    OLD_HEIGHT = 480,
    TUBE_WIDTH = 720,
    TUBE_HEIGHT = 540,
};

static bool is_old(u32 w, u32 h, bool text)
{
    return text || (w <= OLD_WIDTH && h <= OLD_HEIGHT);
}

/* Old modes share one size, so that a window keeps its size while a guest starts up. */
struct scale_size scale_natural(u32 w, u32 h, bool text)
{
    s32 width = (s32)max_u64(w, TUBE_WIDTH);

    if (is_old(w, h, text))
        return (struct scale_size){width, width * TUBE_HEIGHT / TUBE_WIDTH};
    return (struct scale_size){(s32)w, (s32)h};
}

static struct scale_rect centred(struct scale_size size, struct scale_size window)
{
    return (struct scale_rect){(window.w - size.w) / 2, (window.h - size.h) / 2, size.w, size.h};
}

/* The largest size of the shape that fits; at least one pixel each way. */
static struct scale_size fit(struct scale_size shape, struct scale_size window)
{
    struct scale_size s = window;

    if ((s64)window.w * shape.h > (s64)window.h * shape.w)
        s.w = (s32)(((s64)window.h * shape.w + shape.h / 2) / shape.h);
    else
        s.h = (s32)(((s64)window.w * shape.h + shape.w / 2) / shape.w);
    s.w = s.w < 1 ? 1 : s.w;
    s.h = s.h < 1 ? 1 : s.h;
    return s;
}

struct scale_rect scale_place(enum scale_mode mode, u32 w, u32 h, bool text,
                              struct scale_size window)
{
    struct scale_size shape = {(s32)w, (s32)h};
    s32 times;

    if (window.w < 1 || window.h < 1 || !w || !h)
        return (struct scale_rect){0, 0, 1, 1};
    if (mode == SCALE_STRETCH)
        return (struct scale_rect){0, 0, window.w, window.h};
    if (mode == SCALE_ASPECT)
        return centred(fit(scale_natural(w, h, text), window), window);
    times = (s32)min_u64((u64)(window.w / shape.w), (u64)(window.h / shape.h));
    if (times < 1)
        return centred(fit(shape, window), window); /* too small for whole pixels */
    return centred((struct scale_size){shape.w * times, shape.h * times}, window);
}

struct scale_size scale_window(u32 w, u32 h, bool text, struct scale_size desktop)
{
    struct scale_size natural = scale_natural(w, h, text), s = natural;
    s32 halves;

    for (halves = 3; halves <= 8; halves++) {
        if (natural.w * halves / 2 > desktop.w * 3 / 4 ||
            natural.h * halves / 2 > desktop.h * 3 / 4)
            break;
        s = (struct scale_size){natural.w * halves / 2, natural.h * halves / 2};
    }
    if (desktop.w > 0 && desktop.h > 0 && (s.w > desktop.w || s.h > desktop.h))
        s = fit(natural, desktop);
    return s;
}

unsigned scale_sharpen(u32 from, s32 to)
{
    u32 times = from && to > 0 ? ((u32)to + from - 1) / from : 1;

    return times < 1 ? 1 : times > SCALE_SHARPEN_MAX ? SCALE_SHARPEN_MAX : times;
}
