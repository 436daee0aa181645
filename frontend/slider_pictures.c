/* Small pictures of the past; see slider_pictures.h. */
#include "frontend/slider_pictures.h"

#include "frontend/window_scale.h"

#include <stdlib.h>
#include <string.h>

enum {
    GAP_MS = 100, /* virtual, at least between two */
    SAMPLES = 4,  /* each way, that make up a pixel */
};

void slider_pictures_free(struct slider_pictures *p)
{
    while (p->count)
        free(p->items[--p->count]);
    free(p->items);
    *p = (struct slider_pictures){0};
}

/* ---- Shrinking ---- */

/* The mean of the samples of one pixel: of [x, x + w) x [y, y + h), in 1/256 pixels. */
static u16 mean(const u32 *pixels, u32 width, u64 x, u64 y, u64 w, u64 h)
{
    u32 r = 0, g = 0, b = 0, i, j;

    for (j = 0; j < SAMPLES; j++)
        for (i = 0; i < SAMPLES; i++) {
            u64 sx = (x + w * (2 * i + 1) / (2 * SAMPLES)) >> 8;
            u64 sy = (y + h * (2 * j + 1) / (2 * SAMPLES)) >> 8;
            u32 c = pixels[sy * width + sx];

            r += c >> 16 & 0xFF;
            g += c >> 8 & 0xFF;
            b += c & 0xFF;
        }
    i = SAMPLES * SAMPLES;
    return (u16)((r / i) >> 3 << 11 | (g / i) >> 2 << 5 | (b / i) >> 3);
}

static void shrink(struct slider_picture *to, const u32 *pixels, u32 width, u32 height, bool text)
{
    struct scale_size size = {SLIDER_PICTURE_WIDTH, SLIDER_PICTURE_HEIGHT};
    struct scale_rect r = scale_place(SCALE_ASPECT, width, height, text, size);
    u64 w = ((u64)width << 8) / (u64)r.w, h = ((u64)height << 8) / (u64)r.h;

    memset(to->pixels, 0, sizeof to->pixels);
    for (s32 y = 0; y < r.h; y++)
        for (s32 x = 0; x < r.w; x++)
            to->pixels[(r.y + y) * SLIDER_PICTURE_WIDTH + r.x + x] =
                mean(pixels, width, (u64)x * w, (u64)y * h, w, h);
}

/* ---- Keeping ---- */

static void drop(struct slider_pictures *p, unsigned i)
{
    free(p->items[i]);
    memmove(p->items + i, p->items + i + 1, (p->count - i - 1) * sizeof *p->items);
    p->count--;
}

/* The one whose gap would be small beside its age; the oldest and the newest stay. */
static unsigned least_missed(const struct slider_pictures *p)
{
    u64 now = p->items[p->count - 1]->now_ns;
    unsigned best = 1;
    double least = 0;

    for (unsigned i = 1; i + 1 < p->count; i++) {
        double gap = (double)(p->items[i + 1]->now_ns - p->items[i - 1]->now_ns);
        double age = (double)(now - p->items[i]->now_ns) + GAP_MS * 1e6;

        if (i == 1 || gap / age < least) {
            least = gap / age;
            best = i;
        }
    }
    return best;
}

void slider_pictures_take(struct slider_pictures *p, u64 now_ns, const u32 *pixels, u32 width,
                          u32 height, bool text, bool at_rest)
{
    const struct slider_picture *last;
    struct slider_picture *made;

    while (p->count && p->items[p->count - 1]->now_ns > now_ns)
        drop(p, p->count - 1);
    last = p->count ? p->items[p->count - 1] : NULL;
    p->late = last && !at_rest && now_ns - last->now_ns < GAP_MS * 1000000ull;
    if (!width || !height || p->late)
        return;
    if (!p->items)
        p->items = calloc(SLIDER_PICTURES_MAX + 1, sizeof(struct slider_picture *));
    made = p->items ? malloc(sizeof *made) : NULL;
    if (!made)
        return;
    made->now_ns = now_ns;
    shrink(made, pixels, width, height, text);
    if (last && !memcmp(last->pixels, made->pixels, sizeof made->pixels)) {
        free(made);
        return;
    }
    if (last && last->now_ns == now_ns)
        drop(p, p->count - 1);
    p->items[p->count++] = made;
    if (p->count > SLIDER_PICTURES_MAX)
        drop(p, least_missed(p));
}

const struct slider_picture *slider_pictures_at(const struct slider_pictures *p, u64 ns)
{
    unsigned low = 0, high = p->count; /* the first one behind ns is in [low, high] */

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (p->items[middle]->now_ns <= ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? p->items[low - 1] : NULL;
}
