/*
 * Pictures of a screen, and text screens as text.
 * Source of the character set: IBM, "Code Page 437", in which a video card also shows the codes
 * below 20h and 7Fh; their Unicode names are those of Unicode's IBMGRAPH.TXT.
 */
#include "devices/host/display.h"

#include <stdlib.h>
#include <string.h>

/* A character is at least 8 pixels wide and 1 high. */
enum { MAX_COLUMNS = DISPLAY_MAX_WIDTH / 8, MAX_ROWS = DISPLAY_MAX_HEIGHT };

void display_frame_init(struct display_frame *f)
{
    *f = (struct display_frame){.cursor_column = -1, .cursor_row = -1};
}

void display_frame_free(struct display_frame *f)
{
    free(f->pixels);
    free(f->cells);
    display_frame_init(f);
}

bool display_frame_resize(struct display_frame *f, u32 width, u32 height)
{
    size_t need = (size_t)width * height;
    u32 *pixels;

    if (!width || !height || width > DISPLAY_MAX_WIDTH || height > DISPLAY_MAX_HEIGHT)
        return false;
    if (need > f->capacity) {
        pixels = calloc(need, sizeof *pixels);
        if (!pixels)
            return false;
        free(f->pixels);
        f->pixels = pixels;
        f->capacity = need;
    }
    f->width = width;
    f->height = height;
    return true;
}

bool display_frame_set_text(struct display_frame *f, u16 columns, u16 rows)
{
    size_t need = (size_t)columns * rows * 2;
    u8 *cells;

    if (!columns || !rows || columns > MAX_COLUMNS || rows > MAX_ROWS)
        return false;
    if (need > f->cells_capacity) {
        cells = calloc(need, 1);
        if (!cells)
            return false;
        free(f->cells);
        f->cells = cells;
        f->cells_capacity = need;
    }
    f->text = true;
    f->columns = columns;
    f->rows = rows;
    return true;
}

/* --- text ------------------------------------------------------------------------------------ */

static const u16 cp437_low[32] = {
    0x0020, 0x263A, 0x263B, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25D8, 0x25CB, 0x25D9,
    0x2642, 0x2640, 0x266A, 0x266B, 0x263C, 0x25BA, 0x25C4, 0x2195, 0x203C, 0x00B6, 0x00A7,
    0x25AC, 0x21A8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221F, 0x2194, 0x25B2, 0x25BC,
};

/* clang-format off */
static const u16 cp437_high[128] = {
    0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7, /* 80 */
    0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE, 0x00EC, 0x00C4, 0x00C5,
    0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9, /* 90 */
    0x00FF, 0x00D6, 0x00DC, 0x00A2, 0x00A3, 0x00A5, 0x20A7, 0x0192,
    0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA, 0x00BA, /* A0 */
    0x00BF, 0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, /* B0 */
    0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B, 0x2510,
    0x2514, 0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F, /* C0 */
    0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256C, 0x2567,
    0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256B, /* D0 */
    0x256A, 0x2518, 0x250C, 0x2588, 0x2584, 0x258C, 0x2590, 0x2580,
    0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4, /* E0 */
    0x03A6, 0x0398, 0x03A9, 0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229,
    0x2261, 0x00B1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00F7, 0x2248, /* F0 */
    0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0,
};
/* clang-format on */

u32 display_cp437_to_unicode(u8 c)
{
    if (c < 0x20)
        return cp437_low[c];
    if (c == 0x7F)
        return 0x2302;
    return c < 0x80 ? c : cp437_high[c - 0x80];
}

/* Returns the number of bytes, 1 to 3: nothing of code page 437 lies above U+FFFF. */
static size_t put_utf8(char *out, u32 c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
}

static bool is_blank(u8 c)
{
    return c == 0x00 || c == 0x20 || c == 0xFF;
}

void display_row_text(const struct display_frame *f, unsigned row, char *out, size_t out_size)
{
    const u8 *cell;
    unsigned n = f->columns, i;
    size_t len = 0;

    if (!out_size)
        return;
    out[0] = 0;
    if (!f->text || row >= f->rows)
        return;
    cell = f->cells + (size_t)row * f->columns * 2;
    while (n && is_blank(cell[2 * (n - 1)]))
        n--;
    for (i = 0; i < n && len + 3 < out_size; i++)
        len += put_utf8(out + len, display_cp437_to_unicode(cell[2 * i]));
    out[len] = 0;
}
