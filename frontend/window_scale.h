/* Where the guest's picture goes in a window. Pure arithmetic. */
#ifndef FRONTEND_WINDOW_SCALE_H
#define FRONTEND_WINDOW_SCALE_H

#include "base/types.h"

enum scale_mode {
    SCALE_ASPECT,  /* as large as fits, in the shape a monitor gave it */
    SCALE_INTEGER, /* whole numbers of window pixels a pixel, square */
    SCALE_STRETCH, /* all of the window */
    SCALE_MODES
};

/* The larger sharpening steps only cost time: beyond, pixels are large enough to look crisp. */
enum { SCALE_SHARPEN_MAX = 4 };

struct scale_size {
    s32 w, h;
};

struct scale_rect {
    s32 x, y, w, h;
};

/* Size of a picture of w by h on a monitor with square pixels; never 0. */
struct scale_size scale_natural(u32 w, u32 h, bool text);
/* Where in a window a picture of w by h is shown. */
struct scale_rect scale_place(enum scale_mode mode, u32 w, u32 h, bool text,
                              struct scale_size window);
/*
 * The size of a new window: the natural size, enlarged in steps of a half as long as it takes at
 * most three quarters of the desktop, made smaller where it would not fit at all.
 */
struct scale_size scale_window(u32 w, u32 h, bool text, struct scale_size desktop);
/* How often to repeat each pixel before smoothing, so that edges stay sharp: 1 to the maximum. */
unsigned scale_sharpen(u32 from, s32 to);

#endif
