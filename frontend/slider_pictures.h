/*
 * Small pictures of what the screen showed, for the rewind slider. They are made from the frames
 * that the window gets anyway, so the machine knows nothing of them. Bounded: with more pictures
 * the old ones grow rare, as the snapshots of rewind.h do. Pure.
 */
#ifndef FRONTEND_SLIDER_PICTURES_H
#define FRONTEND_SLIDER_PICTURES_H

#include "base/types.h"

enum { SLIDER_PICTURE_WIDTH = 96, SLIDER_PICTURE_HEIGHT = 72, SLIDER_PICTURES_MAX = 400 };

struct slider_picture {
    u64 now_ns; /* virtual time from which on the screen looked so */
    u16 pixels[SLIDER_PICTURE_WIDTH * SLIDER_PICTURE_HEIGHT]; /* red 5 bits, green 6, blue 5 */
};

struct slider_pictures {
    struct slider_picture **items; /* by rising time */
    unsigned count;
    bool late; /* the screen has changed too soon after the last one: take it again */
};

void slider_pictures_free(struct slider_pictures *p);
/*
 * The screen at now_ns, the newest moment: width x height pixels, 0x00RRGGBB, `text` as in
 * display_frame. Taken only if it is another than the last one, and that some time ago or the
 * machine at rest. Those of later moments belong to a branch that was left, and go. Out of memory
 * nothing is kept.
 */
void slider_pictures_take(struct slider_pictures *p, u64 now_ns, const u32 *pixels, u32 width,
                          u32 height, bool text, bool at_rest);
/* What the screen showed at a time; NULL if nobody saw it. */
const struct slider_picture *slider_pictures_at(const struct slider_pictures *p, u64 ns);

#endif
