/*
 * What a monitor on the VGA shows. One pixel of the picture is one dot of the undivided dot clock
 * and one line is one scan line, so 320x200 comes out as 640x400 and text as 720x400, as a VGA
 * monitor's size has it.
 *
 * A picture is drawn line by line with the registers as they are when it is asked for; effects
 * that a program makes by changing registers while the beam moves are not seen. What is redrawn:
 * everything after a register changed that shapes the picture, otherwise the text rows whose cells
 * differ from what was drawn, and the lines that lie on written pages of video memory.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": "CRT Controller
 * Registers" (addresses, cursor, line compare), "Attribute Controller Registers", "Sequencer
 * Registers" (character map select). A 6-bit DAC value becomes 8 bits by repeating its lowest bit,
 * as QEMU does it, so that screenshots can be compared.
 */
#include "devices/video/vga_internal.h"

#include "base/bytes.h"
#include "mmu/bus.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_COLUMNS = 256,
    LINE_DOTS = (MAX_COLUMNS + 2) * 18,
    CURSOR_FRAMES = 8, /* half a period of the cursor; characters blink half as fast */
    IDLE_WIDTH = 720,  /* the black picture of a card that nobody has set up */
    IDLE_HEIGHT = 400,
};

enum kind { BLANK, TEXT, PLANAR, CGA, PACKED, DISPI };

/* What the registers say about one picture. */
struct picture {
    enum kind kind;
    u32 width, height;
    u32 columns, dots;   /* character clocks in a line; dots in one of them */
    unsigned twice;      /* 1: each dot is two wide */
    unsigned divide;     /* character clocks per address: log2 */
    unsigned repeat;     /* scan lines per CRTC line: log2 */
    u16 start;           /* CRTC address of the first character */
    u16 offset;          /* from row to row */
    u8 rows_max;         /* last scan line of a row */
    bool scan_twice;     /* each row scan line is shown twice */
    u32 compare;         /* scan line after which the split screen begins */
    unsigned panning;    /* dots */
    bool split_unpanned; /* the split screen starts at column 0 */
    bool blink_text, blink_hidden, cursor_shown;
    u16 cursor;
    u64 cursor_look; /* all that decides where and how the cursor appears */
};

/* Where the beam is, in CRTC terms. */
struct scan {
    u32 y;
    u16 ma;
    u8 row;
    bool again; /* second showing of this row scan line */
    unsigned panning;
    u32 text_row;
    bool row_starts;
    bool split;
};

/* ---- colours ---- */

static u32 dac_color(const struct vga *v, unsigned index)
{
    const u8 *rgb = v->dac.rgb[index & v->dac.mask];
    u32 color = 0;
    unsigned i;

    for (i = 0; i < 3; i++) {
        u8 c = rgb[i];

        if (!vga_dac_8bit(v))
            c = (u8)((c & 0xFC) | (c >> 2 & 1) * 3);
        color = color << 8 | c;
    }
    return color;
}

static void load_colors(struct vga *v)
{
    unsigned select = v->attr[AR_COLOR_SELECT];
    unsigned i;

    for (i = 0; i < 256; i++)
        v->view.colors[i] = dac_color(v, i);
    for (i = 0; i < 16; i++) {
        unsigned entry = v->attr[i & v->attr[AR_PLANE_ENABLE]];

        if (v->attr[AR_MODE] & AR10_PALETTE_54)
            entry = (entry & 0x0F) | (select & 3) << 4;
        entry |= (select & 0x0C) << 4;
        v->view.palette[i] = v->view.colors[entry];
    }
}

/* ---- video memory as the display reads it ---- */

/* The wiring of the memory address counter to the planes ("Mode Control Register"). */
static u32 plane_address(const struct vga *v, u32 ma, u8 row)
{
    u8 mode = v->crtc[CR_MODE];
    u32 p = ma & 0xFFFF;

    if (v->crtc[CR_UNDERLINE] & CR14_DWORD)
        p = (ma << 2 & 0xFFFC) | (ma >> 12 & 3);
    else if (!(mode & CR17_BYTE))
        p = (ma << 1 & 0xFFFE) | (ma >> (mode & CR17_WRAP_MA15 ? 15 : 13) & 1);
    /* The row counter comes in behind the multiplexer. */
    if (!(mode & CR17_ROW0))
        p = (p & ~0x2000u) | (row & 1u) << 13;
    if (!(mode & CR17_ROW1))
        p = (p & ~0x4000u) | (row >> 1 & 1u) << 14;
    return p;
}

/* All four planes at a plane address. */
static u32 fetch(const struct vga *v, u32 p)
{
    u32 data = v->planes[vga_slot(p)];

    if (v->window.kind == WINDOW_TEXT && !(p & 0x8001))
        data = (data & 0xFFFF0000) | v->text[p >> 1];
    return data;
}

static bool is_dirty(const struct vga *v, u32 p)
{
    u32 page = vga_slot(p) >> 10;

    if (v->window.kind == WINDOW_TEXT && !(p & 0x8001) && v->view.text_dirty >> (p >> 12) & 1)
        return true;
    return v->view.dirty[0] >> page & 1;
}

/* ---- text ---- */

static const u32 *font_row(const struct vga *v, u8 attr, u8 ch, u8 row)
{
    u8 map = v->seq[SEQ_CHAR_MAP];
    unsigned select = attr & 8 ? (map >> 2 & 3) | (map >> 3 & 4) : (map & 3) | (map >> 2 & 4);

    /* Maps 0-3 start every 16 KiB of plane 2, maps 4-7 half-way between. */
    if (!(v->seq[SEQ_MEMORY] & MEMORY_EXTENDED))
        select = 0;
    return &v->planes[vga_slot((select & 3) << 14 | select >> 2 << 13 | ch << 5 | row)];
}

/* The bits of one scan line of a character, leftmost in bit 8, nine of them. */
static u32 glyph_bits(const struct vga *v, u16 cell, u8 row)
{
    u8 ch = (u8)cell, attr = (u8)(cell >> 8);
    u32 bits;

    if (row == (v->crtc[CR_UNDERLINE] & 0x1F) && (attr & 0x77) == 0x01)
        return 0x1FF;
    bits = (*font_row(v, attr, ch, row) >> 16 & 0xFF) << 1;
    if (v->attr[AR_MODE] & AR10_LINE_GRAPHICS && ch >= 0xC0 && ch <= 0xDF)
        bits |= bits >> 1 & 1;
    return bits;
}

static void text_cell(const struct vga *v, const struct picture *p, u32 *out, u16 cell, u8 row,
                      bool cursor)
{
    u8 attr = (u8)(cell >> 8);
    u32 bits = cursor ? 0x1FF : glyph_bits(v, cell, row);
    u32 front = v->view.palette[attr & 0x0F];
    u32 back = v->view.palette[attr >> 4 & (p->blink_text ? 0x07 : 0x0F)];
    u32 i;

    if (p->blink_text && attr & 0x80 && p->blink_hidden && !cursor)
        bits = 0;
    for (i = 0; i < p->dots; i++) {
        u32 color = bits & 0x100u >> i ? front : back;

        if (p->twice) {
            out[2 * i] = out[2 * i + 1] = color;
        } else {
            out[i] = color;
        }
    }
}

static bool cursor_row(const struct vga *v, u8 row)
{
    return row >= (v->crtc[CR_CURSOR_START] & 0x1F) && row <= (v->crtc[CR_CURSOR_END] & 0x1F);
}

static void text_line(struct vga *v, const struct picture *p, const struct scan *s, u32 *out)
{
    unsigned skew = v->crtc[CR_CURSOR_END] >> 5 & 3;
    bool cursor = p->cursor_shown && cursor_row(v, s->row);
    u32 step = p->dots << p->twice;
    u32 c;

    for (c = 0; c <= p->columns; c++) {
        u16 ma = (u16)(s->ma + (c >> p->divide));
        u16 cell = (u16)fetch(v, plane_address(v, ma, s->row));

        text_cell(v, p, out + c * step, cell, s->row,
                  cursor && (u16)(ma - skew) == p->cursor && c >= skew);
    }
}

/* Compare a text row with what was drawn; remember it. True if it must be drawn. */
static bool text_row_changed(struct vga *v, const struct picture *p, const struct scan *s)
{
    u32 at = s->text_row * (p->columns + 1);
    bool changed = false;
    u32 c;

    for (c = 0; c <= p->columns; c++) {
        u16 ma = (u16)(s->ma + (c >> p->divide));
        u16 cell = (u16)fetch(v, plane_address(v, ma, s->row));

        if (cell & 0x8000 && p->blink_text)
            v->view.blinks = true;
        if (at + c >= TEXT_CACHE_CELLS) {
            changed = true;
        } else if (v->view.cells[at + c] != cell) {
            v->view.cells[at + c] = cell;
            changed = true;
        }
    }
    return changed;
}

/* True if the cursor goes from or comes to a row that starts at `ma`. */
static bool cursor_moves(const struct vga *v, const struct picture *p, u16 ma)
{
    u16 was = (u16)(v->view.cursor_look >> 16);

    return p->cursor_look != v->view.cursor_look &&
           ((u16)(p->cursor - ma) <= p->columns || (u16)(was - ma) <= p->columns);
}

/* ---- graphics ---- */

/* Bit n of a byte to byte 7-n of a u64, so that the leftmost pixel comes first in memory. */
static u64 spread_bits(u8 bits)
{
    return bits * 0x8040201008040201ull >> 7 & 0x0101010101010101ull;
}

static void put_dots(u32 *out, unsigned wide, const u32 *colors, u32 count)
{
    u32 i, k;

    for (i = 0; i < count; i++)
        for (k = 0; k < wide; k++)
            out[i * wide + k] = colors[i];
}

/* The eight pixels of one address as palette indices, leftmost in the low byte. */
static u64 planar_pixels(u32 data)
{
    return spread_bits((u8)data) | spread_bits((u8)(data >> 8)) << 1 |
           spread_bits((u8)(data >> 16)) << 2 | spread_bits((u8)(data >> 24)) << 3;
}

/* CGA's order: two bits of plane 0 (then 1) make a pixel, with two of plane 2 (then 3) above. */
static u64 cga_pixels(u32 data)
{
    u64 pixels = 0;
    unsigned i;

    for (i = 0; i < 8; i++) {
        unsigned low = data >> (i & 4 ? 8 : 0), shift = 6 - 2 * (i & 3);
        u64 pixel = (low >> shift & 3) | (low >> 16 >> shift & 3) << 2;

        pixels |= pixel << 8 * i;
    }
    return pixels;
}

static void graphics_line(struct vga *v, const struct picture *p, const struct scan *s, u32 *out)
{
    u32 step = p->dots << p->twice;
    u32 c, i;

    for (c = 0; c <= p->columns; c++, out += step) {
        u32 data = fetch(v, plane_address(v, (u16)(s->ma + (c >> p->divide)), s->row));
        u32 colors[9];
        u64 pixels;

        if (p->kind == PACKED) {
            for (i = 0; i < 4; i++)
                colors[i] = v->view.colors[data >> 8 * i & 0xFF];
            put_dots(out, 2u << p->twice, colors, 4);
            memset(out + (8u << p->twice), 0, (p->dots - 8) * sizeof *out << p->twice);
            continue;
        }
        pixels = p->kind == CGA ? cga_pixels(data) : planar_pixels(data);
        for (i = 0; i < 8; i++)
            colors[i] = v->view.palette[pixels >> 8 * i & 0x0F];
        colors[8] = v->view.palette[0];
        put_dots(out, 1u << p->twice, colors, p->dots);
    }
}

static bool graphics_line_dirty(const struct vga *v, const struct picture *p, const struct scan *s)
{
    u32 c;

    for (c = 0; c <= p->columns; c++)
        if (is_dirty(v, plane_address(v, (u16)(s->ma + (c >> p->divide)), s->row)))
            return true;
    return false;
}

/* ---- the frame ---- */

/* The next scan line, as the CRTC counts. */
static void scan_next(const struct picture *p, struct scan *s)
{
    s->row_starts = false;
    if (s->y++ == p->compare) {
        s->ma = 0;
        s->row = 0;
        s->again = false;
        if (p->split_unpanned)
            s->panning = 0;
        s->text_row++;
        s->row_starts = true;
        return;
    }
    if (p->scan_twice && !s->again) {
        s->again = true;
        return;
    }
    s->again = false;
    if (s->row == p->rows_max) {
        s->row = 0;
        s->ma = (u16)(s->ma + p->offset);
        s->text_row++;
        s->row_starts = true;
    } else {
        s->row = (s->row + 1) & 0x1F;
    }
}

static void draw_line(struct vga *v, const struct picture *p, const struct scan *s, u32 *out)
{
    u32 line[LINE_DOTS];

    if (p->kind == TEXT)
        text_line(v, p, s, line);
    else
        graphics_line(v, p, s, line);
    memcpy(out, line + s->panning, p->width * sizeof *out);
}

static bool same_line(const struct scan *a, const struct scan *b)
{
    return a->ma == b->ma && a->row == b->row && a->panning == b->panning;
}

static bool draw_vga(struct vga *v, const struct picture *p, struct display_frame *f, bool all)
{
    struct scan s = {.ma = p->start, .row = v->crtc[CR_PRESET_ROW] & 0x1F, .panning = p->panning};
    struct scan drawn = s;
    bool have = false, row_changed = false, any = false;
    u32 i;

    s.row_starts = true;
    for (i = 0; i < p->height; i++) {
        u32 *out = f->pixels + (size_t)i * p->width;

        if (p->kind == TEXT && s.row_starts)
            row_changed = text_row_changed(v, p, &s) || cursor_moves(v, p, s.ma);
        if (all || (p->kind == TEXT ? row_changed : graphics_line_dirty(v, p, &s))) {
            if (have && same_line(&s, &drawn))
                memcpy(out, out - p->width, p->width * sizeof *out);
            else
                draw_line(v, p, &s, out);
            drawn = s;
            have = any = true;
        } else {
            have = false;
        }
        if ((i + 1) & ((1u << p->repeat) - 1))
            s.row_starts = false;
        else
            scan_next(p, &s);
    }
    return any;
}

/* ---- DISPI ---- */

static void dispi_line(const struct vga *v, u32 *out, const u8 *in, u32 width)
{
    u32 x;

    switch (v->dispi.regs[DISPI_BPP]) {
    case 8:
        for (x = 0; x < width; x++)
            out[x] = v->view.colors[in[x]];
        break;
    case 15:
        for (x = 0; x < width; x++) {
            u32 c = get_le16(in + 2 * x), r = c >> 10 & 31, g = c >> 5 & 31, b = c & 31;

            out[x] = (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
        }
        break;
    case 16:
        for (x = 0; x < width; x++) {
            u32 c = get_le16(in + 2 * x), r = c >> 11, g = c >> 5 & 63, b = c & 31;

            out[x] = (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
        }
        break;
    case 24:
        for (x = 0; x < width; x++)
            out[x] = in[3 * x] | in[3 * x + 1] << 8 | (u32)in[3 * x + 2] << 16;
        break;
    default:
        for (x = 0; x < width; x++)
            out[x] = get_le32(in + 4 * x) & 0xFFFFFF;
        break;
    }
}

/* Sixteen colours: the planes hold 64 KiB chunks of the line address in the VGA's order. */
static void dispi_planar_line(const struct vga *v, u32 *out, u32 address, u32 first, u32 width)
{
    u32 x;

    for (x = 0; x < width; x++) {
        u32 p = address + (first + x) / 8;
        u32 data = v->planes[vga_block_slot(p)];
        u32 index = data >> (7 - (first + x) % 8) & 0x01010101;

        out[x] = v->view.palette[(index | index >> 7 | index >> 14 | index >> 21) & 0x0F];
    }
}

static bool pages_dirty(const struct vga *v, u32 start, u32 len)
{
    u32 page;

    for (page = start >> 12; page <= (start + len - 1) >> 12; page++)
        if (v->view.dirty[page / 64] >> (page % 64) & 1)
            return true;
    return false;
}

static bool draw_dispi(struct vga *v, const struct picture *p, struct display_frame *f, bool all)
{
    const u16 *r = v->dispi.regs;
    u32 pitch = vga_dispi_pitch(v), bytes = (r[DISPI_BPP] + 7u) / 8;
    bool any = false;
    u32 y;

    for (y = 0; y < p->height; y++) {
        u32 *out = f->pixels + (size_t)y * p->width;
        u32 line = (r[DISPI_Y_OFFSET] + y) * pitch;
        u32 start = line + r[DISPI_X_OFFSET] * bytes;

        if (r[DISPI_BPP] == 4) {
            if (!all && !pages_dirty(v, 0, v->vram_bytes))
                continue;
            dispi_planar_line(v, out, line, r[DISPI_X_OFFSET], p->width);
        } else {
            if (!all && !pages_dirty(v, start, p->width * bytes))
                continue;
            dispi_line(v, out, (const u8 *)v->planes + start, p->width);
        }
        any = true;
    }
    return any;
}

/* ---- putting it together ---- */

static bool is_blank(const struct vga *v)
{
    if (!v->enabled || !(v->attr_index & ATTR_PAS))
        return true;
    if (vga_dispi_on(v))
        return false;
    return v->seq[SEQ_CLOCKING] & CLOCKING_OFF || v->seq[SEQ_RESET] != 3 ||
           !(v->crtc[CR_MODE] & CR17_ENABLE);
}

static void picture_dispi(const struct vga *v, struct picture *p)
{
    p->kind = DISPI;
    p->width = v->dispi.regs[DISPI_XRES];
    p->height = v->dispi.regs[DISPI_YRES];
}

static enum kind graphics_kind(const struct vga *v)
{
    if (!(v->gr[GR_MISC] & GMISC_GRAPHICS))
        return TEXT;
    if (v->gr[GR_MODE] & MODE_256)
        return PACKED;
    return v->gr[GR_MODE] & MODE_CGA_SHIFT ? CGA : PLANAR;
}

/* Horizontal panning in dots of the picture; the register counts differently in each kind. */
static unsigned panning_dots(const struct vga *v, const struct picture *p)
{
    unsigned pan = v->attr[AR_PANNING];

    if (p->kind == PACKED)
        pan &= 6;
    else if (p->dots == 9)
        pan = pan >= 8 ? 0 : pan + 1; /* 8 is none, 0 to 7 are one to eight dots */
    else
        pan &= 7;
    return pan << p->twice;
}

static void picture_vga(const struct vga *v, struct picture *p, u64 now_ns)
{
    const u8 *cr = v->crtc;
    u64 blinks = vga_frames(v, now_ns) / CURSOR_FRAMES;

    p->kind = graphics_kind(v);
    p->columns = cr[CR_H_DISPLAY_END] + 1u;
    p->dots = v->seq[SEQ_CLOCKING] & CLOCKING_8DOT ? 8 : 9;
    p->twice = v->seq[SEQ_CLOCKING] & CLOCKING_HALF ? 1 : 0;
    p->width = v->timing.line_shown;
    p->height = v->timing.lines_shown;
    p->repeat = cr[CR_MODE] & CR17_HALF_LINES ? 1 : 0;
    if (cr[CR_UNDERLINE] & CR14_COUNT_BY_4)
        p->divide = 2;
    else if (cr[CR_MODE] & CR17_COUNT_BY_2)
        p->divide = 1;
    p->start = (u16)(vga_start_address(v, now_ns) + (cr[CR_PRESET_ROW] >> 5 & 3));
    p->offset = cr[CR_OFFSET] * 2;
    p->rows_max = cr[CR_MAX_SCAN] & 0x1F;
    p->scan_twice = cr[CR_MAX_SCAN] & 0x80;
    p->compare =
        cr[CR_LINE_COMPARE] | (cr[CR_OVERFLOW] >> 4 & 1u) << 8 | (cr[CR_MAX_SCAN] >> 6 & 1u) << 9;
    p->panning = panning_dots(v, p);
    p->split_unpanned = v->attr[AR_MODE] & AR10_PANNING_COMPAT;
    if (p->kind != TEXT)
        return;
    p->blink_text = v->attr[AR_MODE] & AR10_BLINK;
    p->blink_hidden = blinks >> 1 & 1;
    p->cursor = (u16)(cr[CR_CURSOR_HIGH] << 8 | cr[CR_CURSOR_LOW]);
    p->cursor_shown = !(cr[CR_CURSOR_START] & 0x20) && !(blinks & 1);
    p->cursor_look = p->cursor_shown ? 1ull << 32 | (u64)p->cursor << 16 |
                                           cr[CR_CURSOR_START] << 8 | cr[CR_CURSOR_END]
                                     : 0;
}

static struct picture picture_now(const struct vga *v, u64 now_ns)
{
    struct picture p = {.kind = BLANK, .width = IDLE_WIDTH, .height = IDLE_HEIGHT};

    if (vga_dispi_on(v))
        picture_dispi(v, &p);
    else if (v->crtc[CR_MODE] & CR17_ENABLE)
        picture_vga(v, &p, now_ns);
    if (is_blank(v))
        p.kind = BLANK;
    return p;
}

/* The screen as text: the cells, and where the cursor is. */
static void export_text(struct vga *v, const struct picture *p, struct display_frame *f)
{
    u32 rows = p->height / (((p->rows_max + 1u) << p->scan_twice) << p->repeat);
    u16 at = (u16)(p->cursor - p->start);
    u32 c, r;

    if (!rows || !display_frame_set_text(f, (u16)p->columns, (u16)rows)) {
        f->text = false;
        return;
    }
    f->text = true;
    for (r = 0; r < rows; r++) {
        for (c = 0; c < p->columns; c++) {
            u16 ma = (u16)(p->start + r * p->offset + (c >> p->divide));

            put_le16(f->cells + 2 * (r * p->columns + c), (u16)fetch(v, plane_address(v, ma, 0)));
        }
    }
    f->cursor_column = f->cursor_row = -1;
    if (v->crtc[CR_CURSOR_START] & 0x20 || !p->offset || at / p->offset >= rows ||
        at % p->offset >= p->columns)
        return;
    f->cursor_column = at % p->offset;
    f->cursor_row = at / p->offset;
}

/* Collect what was written since the last picture; false if nothing was. */
static bool take_dirty(struct vga *v)
{
    u32 words = (v->vram_bytes / 4096 + 63) / 64;
    u64 any;
    u32 i;

    memset(v->view.dirty, 0, words * sizeof *v->view.dirty);
    v->view.text_dirty = 0;
    vram_take_dirty(v->vram, v->view.dirty);
    vram_take_dirty(v->text_vram, &v->view.text_dirty);
    any = v->view.text_dirty;
    for (i = 0; i < words; i++)
        any |= v->view.dirty[i];
    return any;
}

/* Whether the old picture in `f` is no help: everything must be drawn. */
static bool must_redraw(const struct vga *v, const struct picture *p, const struct display_frame *f)
{
    if (v->view.redraw || v->view.frame != f || v->view.start != p->start)
        return true;
    if (p->kind != TEXT)
        return false;
    /* Without plain text memory, or with a new font, pages do not tell which cells changed. */
    return v->view.dirty[0] || (v->view.blinks && v->view.blink_hidden != p->blink_hidden);
}

static bool draw(struct vga *v, const struct picture *p, struct display_frame *f, bool all)
{
    if (all) {
        load_colors(v);
        v->view.blinks = false;
    }
    switch (p->kind) {
    case BLANK: memset(f->pixels, 0, (size_t)p->width * p->height * sizeof *f->pixels); return all;
    case DISPI: return draw_dispi(v, p, f, all);
    default: return draw_vga(v, p, f, all);
    }
}

bool vga_render(void *opaque, struct display_frame *f, u64 now_ns, bool force)
{
    struct vga *v = opaque;
    struct picture p = picture_now(v, now_ns);
    bool dirty = take_dirty(v), all, changed;

    if (f->width != p.width || f->height != p.height) {
        force = true;
        if (!display_frame_resize(f, p.width, p.height)) {
            /* No monitor shows this. */
            p = (struct picture){.kind = BLANK, .width = IDLE_WIDTH, .height = IDLE_HEIGHT};
            if (!display_frame_resize(f, p.width, p.height))
                return false;
        }
    }
    all = force || must_redraw(v, &p, f);
    if (!all && (p.kind == BLANK || (!dirty && p.cursor_look == v->view.cursor_look)))
        return false;
    changed = draw(v, &p, f, all);
    if (p.kind == TEXT)
        export_text(v, &p, f);
    else
        f->text = false;
    v->view.frame = f;
    v->view.redraw = false;
    v->view.start = p.start;
    v->view.blink_hidden = p.blink_hidden;
    v->view.cursor_look = p.cursor_look;
    return changed;
}

/* ---- where a dot comes from ---- */

static void add_part(struct display_bits *b, u32 byte, unsigned bits)
{
    b->part[b->count].byte = byte;
    b->part[b->count++].bits = (u8)bits;
}

/* The scan line y, and which of the guest's own lines that is. */
static struct scan scan_to(const struct vga *v, const struct picture *p, u32 y, u32 *line)
{
    struct scan s = {.ma = p->start, .row = v->crtc[CR_PRESET_ROW] & 0x1F, .panning = p->panning};
    u32 i;

    *line = 0;
    for (i = 0; i < y; i++) {
        struct scan before = s;

        if (!((i + 1) & ((1u << p->repeat) - 1)))
            scan_next(p, &s);
        *line += plane_address(v, s.ma, s.row) != plane_address(v, before.ma, before.row);
    }
    return s;
}

static void locate_text(const struct vga *v, u32 column, u32 row, u32 at, struct display_dot *out)
{
    u16 cell = (u16)fetch(v, at);

    out->count = 2;
    out->item[0].name = "character";
    add_part(&out->item[0].bits, vga_slot(at) * 4, 0xFF);
    out->item[1].name = "attribute";
    add_part(&out->item[1].bits, vga_slot(at) * 4 + 1, 0xFF);
    snprintf(out->text, sizeof out->text, "text, column %u, row %u: character %02x, attribute %02x",
             column, row, cell & 0xFF, cell >> 8);
}

/* Eight pixels to a character clock; `n` of the eight, of which 256 colours have four. */
static bool locate_pixel(const struct vga *v, const struct picture *p, u32 at, unsigned n,
                         struct display_bits *b, char *text, size_t size)
{
    u32 byte = vga_slot(at) * 4;
    unsigned planes = v->attr[AR_PLANE_ENABLE] & 0x0F, plane;

    if (n >= 8)
        return false; /* the ninth dot */
    if (p->kind == PACKED) {
        add_part(b, byte + n / 2, 0xFF);
        if (v->seq[SEQ_MEMORY] & MEMORY_CHAIN4)
            snprintf(text, size, "256 colours, at A000:%04x", (byte + n / 2) & 0xFFFF);
        else
            snprintf(text, size, "256 colours, not chained: plane %u at A000:%04x", n / 2, at);
        return true;
    }
    for (plane = 0; plane < 4; plane++) {
        if (!(planes >> plane & 1) && p->kind == PLANAR)
            continue;
        if (p->kind == PLANAR)
            add_part(b, byte + plane, 0x80u >> n);
        else if ((plane & 1) == n / 4 && planes >> (plane & 2) & 3)
            add_part(b, byte + plane, 0xC0u >> 2 * (n & 3));
    }
    if (p->kind == PLANAR)
        snprintf(text, size, "planes %x, bit %u of plane address %04x", planes, 7 - n, at);
    else
        snprintf(text, size, "4 colours, at B800:%04x", at + n / 4);
    return b->count;
}

static bool locate_vga(const struct vga *v, const struct picture *p, u32 x, u32 y,
                       struct display_dot *out)
{
    u32 line, dot, column, at, shown;
    struct scan s = scan_to(v, p, y, &line);
    char where[80];

    dot = (x + s.panning) >> p->twice;
    column = dot / p->dots;
    at = plane_address(v, (u16)(s.ma + (column >> p->divide)), s.row);
    if (p->kind == TEXT) {
        locate_text(v, column, s.text_row, at, out);
        return true;
    }
    shown = x >> (p->twice + (p->kind == PACKED));
    out->count = 1;
    out->item[0].name = "pixel";
    if (!locate_pixel(v, p, at, dot % p->dots, &out->item[0].bits, where, sizeof where))
        return false;
    snprintf(out->text, sizeof out->text, "pixel %u, %u: %s", shown, line, where);
    return true;
}

static void locate_dispi(const struct vga *v, u32 x, u32 y, struct display_dot *out)
{
    const u16 *r = v->dispi.regs;
    u32 line = (r[DISPI_Y_OFFSET] + y) * vga_dispi_pitch(v), first = r[DISPI_X_OFFSET] + x, at, i;
    struct display_bits *b = &out->item[0].bits;

    out->count = 1;
    out->item[0].name = "pixel";
    if (r[DISPI_BPP] == 4) {
        at = line + first / 8;
        for (i = 0; i < 4; i++)
            add_part(b, vga_block_slot(at) * 4 + i, 0x80u >> first % 8);
        snprintf(out->text, sizeof out->text, "pixel %u, %u: planes f, bit %u of plane address %x",
                 x, y, 7 - first % 8, at);
        return;
    }
    at = line + first * ((r[DISPI_BPP] + 7u) / 8);
    for (i = 0; i < min_u64((r[DISPI_BPP] + 7u) / 8, 3); i++) /* of 32 bits, 24 are shown */
        add_part(b, at + i, 0xFF);
    snprintf(out->text, sizeof out->text, "pixel %u, %u: %u bits a pixel, video memory %06x", x, y,
             r[DISPI_BPP], at);
}

bool vga_locate(void *opaque, u32 x, u32 y, u64 now_ns, struct display_dot *out)
{
    const struct vga *v = opaque;
    struct picture p = picture_now(v, now_ns);

    memset(out, 0, sizeof *out);
    if (p.kind == BLANK || x >= p.width || y >= p.height || p.width > DISPLAY_MAX_WIDTH ||
        p.height > DISPLAY_MAX_HEIGHT)
        return false;
    if (p.kind != DISPI)
        return locate_vga(v, &p, x, y, out);
    locate_dispi(v, x, y, out);
    return true;
}

u32 vga_bits_value(void *opaque, const struct display_bits *b)
{
    const struct vga *v = opaque;
    unsigned shift = 0, i;
    u32 value = 0;

    for (i = 0; i < b->count; i++) {
        u32 slot = b->part[i].byte / 4, plane = b->part[i].byte & 3;
        u32 all = slot < PLANE_BYTES ? fetch(v, vga_unslot(slot)) : v->planes[slot];
        u8 bits = b->part[i].bits;

        value |= ((all >> 8 * plane & bits) >> __builtin_ctz(bits)) << shift;
        shift += (unsigned)__builtin_popcount(bits);
    }
    return value;
}
