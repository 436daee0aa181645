/*
 * The rewind slider: a scale of time with small pictures, the place on it that the user wants, and
 * what can be done there. Pure: numbers and pixels in and out; window_slider.c lets the machine
 * follow.
 *
 *   +-----------------------------------------------------------+
 *   | Back in time    3.2 s ago                 at 41.8 s        |
 *   | [picture][picture][picture][picture][picture][picture]     |
 *   | ==========================O------------------------------  |
 *   | 45 s ago                                             now   |
 *   | [Go on from here] [Back to now]                            |
 *   +-----------------------------------------------------------+
 */
#ifndef FRONTEND_SLIDER_H
#define FRONTEND_SLIDER_H

#include "base/types.h"
#include "frontend/osd.h"
#include "frontend/slider_pictures.h"
#include "frontend/window_scale.h"

enum { SLIDER_TEXT = 80 };

struct slider {
    u64 oldest_ns, newest_ns; /* virtual times, oldest_ns <= newest_ns */
    u64 wanted_ns;            /* where the user is; between the two */
    bool arriving;            /* the machine is not there yet */
    bool dragging;
    const char *trouble; /* why it does not work, or NULL */
};

enum slider_part { SLIDER_NOTHING, SLIDER_SCALE, SLIDER_BRANCH, SLIDER_PRESENT };

struct slider_layout {
    struct scale_rect all, scale, pictures, branch, present;
    s32 title_y, labels_y, hints_y;
    s32 picture_count; /* 0: there is no room */
};

/* How high it is on a canvas of this size: at most a part of it. */
s32 slider_height(s32 width, s32 height);
/* Where its parts are, in the lowest slider_height lines. */
struct slider_layout slider_lay_out(s32 width, s32 height);

void slider_open(struct slider *s, u64 oldest_ns, u64 newest_ns, u64 now_ns);
/* Another place, held between the ends. */
void slider_go(struct slider *s, s64 by_ns);
void slider_go_to(struct slider *s, u64 ns);

u64 slider_time_at(const struct slider *s, const struct slider_layout *l, s32 x);
s32 slider_x_of(const struct slider *s, const struct slider_layout *l, u64 ns);
enum slider_part slider_part_at(const struct slider_layout *l, s32 x, s32 y);

/* "3.20 s ago", "2 min 5 s ago", "0.0031 ms ago", "now". */
void slider_ago_text(u64 ns, char out[SLIDER_TEXT]);

void slider_draw(const struct slider *s, const struct slider_pictures *pictures,
                 const struct osd_canvas *c);

#endif
