/*
 * What we draw over the guest's picture: menus and messages. Plain memory in, plain memory out; the
 * window puts it on the screen.
 */
#ifndef FRONTEND_OSD_H
#define FRONTEND_OSD_H

#include "base/types.h"

enum {
    OSD_GLYPH_WIDTH = 8,
    OSD_GLYPH_HEIGHT = 16,
    /* Beyond ASCII: a box for what there is no glyph of, and pictures for menus. */
    OSD_UNKNOWN = 0x7F,
    OSD_SUBMENU,
    OSD_CHECK,
    OSD_UP,
    OSD_DOWN,
    OSD_LAST_GLYPH = OSD_DOWN,
};

/* 0xAARRGGBB. */
struct osd_canvas {
    u32 *pixels;
    s32 width, height;
};

/* osd_font.c: the dots of one row of a character, the leftmost in bit 7. */
u8 osd_glyph_row(u8 c, unsigned row);

void osd_clear(const struct osd_canvas *c);
/* All of these clip. */
void osd_fill(const struct osd_canvas *c, s32 x, s32 y, s32 w, s32 h, u32 color);
void osd_border(const struct osd_canvas *c, s32 x, s32 y, s32 w, s32 h, u32 color);
/* UTF-8; what is not in ASCII is shown as a box. Returns the x after the text. */
s32 osd_text(const struct osd_canvas *c, s32 x, s32 y, const char *text, u32 color);
void osd_glyph(const struct osd_canvas *c, s32 x, s32 y, u8 glyph, u32 color);
s32 osd_text_width(const char *text);
/* The part of a text, from its end, that is at most `width` wide. */
const char *osd_text_tail(const char *text, s32 width);

/* A message at the bottom; long ones are wrapped. */
void osd_message(const struct osd_canvas *c, const char *text);

#endif
