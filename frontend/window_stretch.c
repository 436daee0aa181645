/*
 * A picture in another size. Between the centres of two source pixels the result goes from one to
 * the other, but only close to the border between them: there within one pixel of the result, so
 * that a border which lies between two of them is smoothed and nothing else is.
 */
#include "frontend/window_stretch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE = 256 };
static const u32 NO_ROW = UINT32_MAX;

static bool plan(struct stretch_axis *a, u32 from, u32 to)
{
    double steep = to > from ? (double)to / from : 1, at, part;
    u32 i;

    a->from = from;
    a->to = to;
    a->first = calloc(to, sizeof *a->first);
    a->weight = calloc(to, sizeof *a->weight);
    if (!a->first || !a->weight)
        return false;
    for (i = 0; i < to; i++) {
        at = (i + 0.5) * from / to - 0.5;
        at = at < 0 ? 0 : at > from - 1 ? from - 1 : at;
        part = (at - floor(at) - 0.5) * steep + 0.5;
        part = part < 0 ? 0 : part > 1 ? 1 : part;
        a->first[i] = (u32)at;
        a->weight[i] = (u16)lrint(part * WHOLE);
        if (a->weight[i] == WHOLE || a->first[i] + 1 == from) {
            a->first[i] += a->weight[i] == WHOLE && a->first[i] + 1 < from;
            a->weight[i] = 0;
        }
    }
    return true;
}

bool stretch_init(struct stretch *s, u32 from_w, u32 from_h, u32 to_w, u32 to_h)
{
    bool good;

    memset(s, 0, sizeof *s);
    good = plan(&s->x, from_w, to_w) && plan(&s->y, from_h, to_h);
    s->row[0] = calloc(to_w, sizeof *s->row[0]);
    s->row[1] = calloc(to_w, sizeof *s->row[1]);
    return good && s->row[0] && s->row[1];
}

void stretch_free(struct stretch *s)
{
    free(s->x.first);
    free(s->x.weight);
    free(s->y.first);
    free(s->y.weight);
    free(s->row[0]);
    free(s->row[1]);
    memset(s, 0, sizeof *s);
}

void stretch_rows_of(const struct stretch *s, u32 top, u32 bottom, u32 *to_top, u32 *to_bottom)
{
    u32 first = 0, end = s->y.to;

    while (first < end && s->y.first[first] + (s->y.weight[first] != 0) < top)
        first++;
    while (end > first && s->y.first[end - 1] >= bottom)
        end--;
    *to_top = first;
    *to_bottom = end;
}

static u32 blend(u32 a, u32 b, u32 weight)
{
    u32 rb = (a & 0xFF00FF) * (WHOLE - weight) + (b & 0xFF00FF) * weight;
    u32 g = (a & 0x00FF00) * (WHOLE - weight) + (b & 0x00FF00) * weight;

    return (rb >> 8 & 0xFF00FF) | (g >> 8 & 0x00FF00);
}

static void stretch_x(const struct stretch_axis *x, const u32 *in, u32 *out)
{
    u32 i;

    for (i = 0; i < x->to; i++) {
        const u32 *at = in + x->first[i];

        out[i] = x->weight[i] ? blend(at[0], at[1], x->weight[i]) : at[0] & 0xFFFFFF;
    }
}

/* Source row `n` stretched in x, from what was kept or anew; not into the place of `other`. */
static const u32 *source_row(struct stretch *s, const u32 *pixels, u32 n, u32 other)
{
    unsigned place = s->row_number[0] == n ? 0 : s->row_number[1] == n ? 1 : 2;

    if (place == 2) {
        place = s->row_number[0] == other;
        stretch_x(&s->x, pixels + (size_t)n * s->x.from, s->row[place]);
        s->row_number[place] = n;
    }
    return s->row[place];
}

void stretch_rows(struct stretch *s, const u32 *pixels, u32 top, u32 bottom, u32 *out)
{
    const u32 *a, *b;
    u32 y, i, n, weight;

    s->row_number[0] = s->row_number[1] = NO_ROW;
    for (y = top; y < bottom; y++, out += s->x.to) {
        n = s->y.first[y];
        weight = s->y.weight[y];
        a = source_row(s, pixels, n, weight ? n + 1 : NO_ROW);
        if (!weight) {
            memcpy(out, a, s->x.to * sizeof *out);
            continue;
        }
        b = source_row(s, pixels, n + 1, n);
        for (i = 0; i < s->x.to; i++)
            out[i] = a[i] == b[i] ? a[i] : blend(a[i], b[i], weight);
    }
}
