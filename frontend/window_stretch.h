/*
 * A picture in another size, by the processor: pixels keep sharp edges and yet the same width
 * everywhere. Rows can be done by themselves, with the same result. Pure.
 */
#ifndef FRONTEND_WINDOW_STRETCH_H
#define FRONTEND_WINDOW_STRETCH_H

#include "base/types.h"

/* How one direction is stretched: pixel i of the result lies between two of the source. */
struct stretch_axis {
    u32 from, to;
    u32 *first;  /* the former of the two, ... */
    u16 *weight; /* ... and how much of the latter, in 256ths */
};

struct stretch {
    struct stretch_axis x, y;
    u32 *row[2]; /* source rows that have been stretched in x, and which */
    u32 row_number[2];
};

/* False if the host refused memory; to be freed in either case. */
bool stretch_init(struct stretch *s, u32 from_w, u32 from_h, u32 to_w, u32 to_h);
void stretch_free(struct stretch *s);
/* The rows [*to_top, *to_bottom) of the result that depend on the rows [top, bottom). */
void stretch_rows_of(const struct stretch *s, u32 top, u32 bottom, u32 *to_top, u32 *to_bottom);
/* Make the rows [top, bottom) of the result. `out` is where row `top` goes; rows are not padded. */
void stretch_rows(struct stretch *s, const u32 *pixels, u32 top, u32 bottom, u32 *out);

#endif
