/* Drawing over the guest's picture. */
#include "frontend/osd.h"

#include <string.h>

enum { MARGIN = 12, PADDING = 8, MESSAGE_LINES = 4 };

#define MESSAGE_BACK  0xE0202830u
#define MESSAGE_FRONT 0xFFF0F0F0u
#define MESSAGE_EDGE  0xFF6080A0u

void osd_clear(const struct osd_canvas *c)
{
    memset(c->pixels, 0, (size_t)c->width * (size_t)c->height * sizeof *c->pixels);
}

static s32 clip(s32 v, s32 max)
{
    return v < 0 ? 0 : v > max ? max : v;
}

void osd_fill(const struct osd_canvas *c, s32 x, s32 y, s32 w, s32 h, u32 color)
{
    s32 left = clip(x, c->width), right = clip(x + w, c->width);
    s32 top = clip(y, c->height), bottom = clip(y + h, c->height);

    for (y = top; y < bottom; y++)
        for (x = left; x < right; x++)
            c->pixels[(size_t)y * (size_t)c->width + (size_t)x] = color;
}

void osd_border(const struct osd_canvas *c, s32 x, s32 y, s32 w, s32 h, u32 color)
{
    osd_fill(c, x, y, w, 1, color);
    osd_fill(c, x, y + h - 1, w, 1, color);
    osd_fill(c, x, y, 1, h, color);
    osd_fill(c, x + w - 1, y, 1, h, color);
}

void osd_glyph(const struct osd_canvas *c, s32 x, s32 y, u8 glyph, u32 color)
{
    s32 row, dot;

    for (row = 0; row < OSD_GLYPH_HEIGHT; row++)
        for (dot = 0; dot < OSD_GLYPH_WIDTH; dot++)
            if (osd_glyph_row(glyph, (unsigned)row) & 0x80 >> dot)
                osd_fill(c, x + dot, y + row, 1, 1, color);
}

/* The glyph of the character at *text, which is moved past it; 0 at the end. */
static u8 next_glyph(const char **text)
{
    u8 c = (u8) * *text;

    if (!c)
        return 0;
    ++*text;
    if (c < 0x80)
        return c;
    while (((u8) * *text & 0xC0) == 0x80)
        ++*text;
    return OSD_UNKNOWN;
}

s32 osd_text(const struct osd_canvas *c, s32 x, s32 y, const char *text, u32 color)
{
    u8 glyph;

    for (; (glyph = next_glyph(&text)); x += OSD_GLYPH_WIDTH)
        osd_glyph(c, x, y, glyph, color);
    return x;
}

s32 osd_text_width(const char *text)
{
    s32 width = 0;

    while (next_glyph(&text))
        width += OSD_GLYPH_WIDTH;
    return width;
}

const char *osd_text_tail(const char *text, s32 width)
{
    while (*text && osd_text_width(text) > width)
        next_glyph(&text);
    return text;
}

/* Where a line of at most `columns` characters ends: after a blank if there is one. */
static const char *line_end(const char *text, s32 columns)
{
    const char *end = text, *blank = NULL;
    s32 n;

    for (n = 0; n < columns && *end && *end != '\n'; n++)
        if (next_glyph(&end) == ' ')
            blank = end;
    if (!*end || *end == '\n' || !blank)
        return end;
    return blank;
}

/* Cut a text into lines; returns how many. `start` gets one more, the end. */
static unsigned wrap(const char *text, s32 columns, const char *start[MESSAGE_LINES + 1])
{
    unsigned n = 0;

    start[0] = text;
    while (*text && n < MESSAGE_LINES) {
        text = line_end(text, columns);
        text += *text == '\n';
        start[++n] = text;
    }
    return n;
}

void osd_message(const struct osd_canvas *c, const char *text)
{
    const char *start[MESSAGE_LINES + 1];
    s32 columns = (c->width - 2 * (MARGIN + PADDING)) / OSD_GLYPH_WIDTH, width = 0;
    unsigned lines = wrap(text, columns < 1 ? 1 : columns, start), i;
    char line[512];
    s32 h = (s32)lines * OSD_GLYPH_HEIGHT + 2 * PADDING, y = c->height - MARGIN - h;

    for (i = 0; i < lines; i++) {
        size_t len = (size_t)(start[i + 1] - start[i]);

        len = len < sizeof line ? len : sizeof line - 1;
        memcpy(line, start[i], len);
        line[len] = 0;
        width = osd_text_width(line) > width ? osd_text_width(line) : width;
    }
    osd_fill(c, MARGIN, y, width + 2 * PADDING, h, MESSAGE_BACK);
    osd_border(c, MARGIN, y, width + 2 * PADDING, h, MESSAGE_EDGE);
    for (i = 0; i < lines; i++) {
        size_t len = (size_t)(start[i + 1] - start[i]);

        len = len < sizeof line ? len : sizeof line - 1;
        memcpy(line, start[i], len);
        line[len && line[len - 1] == '\n' ? len - 1 : len] = 0;
        osd_text(c, MARGIN + PADDING, y + PADDING + (s32)i * OSD_GLYPH_HEIGHT, line, MESSAGE_FRONT);
    }
}
