/* Where the debugger's panes are; see pane.h. */
#include "frontend/pane.h"

enum {
    TITLE = 20,
    ROW = OSD_GLYPH_HEIGHT,
    PAD = 6,
    COLUMN_BEST = 54 * OSD_GLYPH_WIDTH + 2 * PAD, /* right column: place, bytes and instruction */
    COLUMN_MOST = 72 * OSD_GLYPH_WIDTH + 2 * PAD, /* where the picture needs no more */
    PICTURE = 720,
    COLUMN_LEAST = 36 * OSD_GLYPH_WIDTH + 2 * PAD,
    COLUMN_PERCENT = 46, /* of a narrow canvas */
    REGISTER_ROWS = 8,
    REGISTER_ROWS_NARROW = 11, /* two to a row instead of four */
    POINT_ROWS = 4,
    MEMORY_ROWS = 6,
    CONSOLE_ROWS = 10,      /* with the line to type into */
    CONSOLE_ROWS_LEAST = 3, /* so many go before memory */
    BOTTOM_PERCENT = 40,    /* of the canvas, at most, below the guest */
    BUTTONS = 26,
    BUTTON_PAD = 8,
    GUEST_LEAST = 64,
};

static s32 min_s32(s32 a, s32 b)
{
    return a < b ? a : b;
}

static s32 max_s32(s32 a, s32 b)
{
    return a > b ? a : b;
}

unsigned pane_rows(const struct scale_rect *r)
{
    s32 rows = (r->h - TITLE - PAD) / ROW;

    return (unsigned)(rows < 0 ? 0 : min_s32(rows, PANE_ROWS));
}

unsigned pane_columns(const struct scale_rect *r)
{
    return r->w > 2 * PAD ? (unsigned)(r->w - 2 * PAD) / OSD_GLYPH_WIDTH : 0;
}

static s32 height_of(s32 rows)
{
    return TITLE + rows * ROW + PAD;
}

/* A part of so many rows at the top of what is left of a column; none if not even two fit. */
static struct scale_rect cut(struct scale_rect *rest, s32 rows)
{
    struct scale_rect r = {rest->x, rest->y, rest->w, min_s32(height_of(rows), rest->h)};

    if (r.h < height_of(2))
        r.h = 0;
    rest->y += r.h;
    rest->h -= r.h;
    return r;
}

/* Registers first; code gets two thirds of what is left by them, stack and points the rest. */
static void lay_out_column(struct pane_layout *l, struct scale_rect rest)
{
    bool narrow = rest.w < COLUMN_BEST;
    s32 rows;

    l->part[PANE_REGISTERS_PART] = cut(&rest, narrow ? REGISTER_ROWS_NARROW : REGISTER_ROWS);
    rows = (rest.h - 3 * (TITLE + PAD)) / ROW;
    if (rows < 10) { /* one pane is better than three slits */
        l->part[PANE_CODE_PART] = cut(&rest, PANE_ROWS);
        l->part[PANE_CODE_PART].h += l->part[PANE_CODE_PART].h ? rest.h : 0;
        return;
    }
    l->part[PANE_CODE_PART] = cut(&rest, (rows - POINT_ROWS) * 2 / 3);
    l->part[PANE_POINTS_PART] = (struct scale_rect){rest.x, rest.y + rest.h - height_of(POINT_ROWS),
                                                    rest.w, height_of(POINT_ROWS)};
    rest.h -= height_of(POINT_ROWS);
    l->part[PANE_STACK_PART] = rest;
}

static void lay_out_bottom(struct pane_layout *l, struct scale_rect rest)
{
    s32 memory = min_s32(MEMORY_ROWS, (rest.h - height_of(CONSOLE_ROWS_LEAST) - TITLE - PAD) / ROW);

    if (memory >= 2)
        l->part[PANE_MEMORY_PART] = cut(&rest, memory);
    l->part[PANE_CONSOLE_PART] = rest;
}

static void lay_out_buttons(struct pane_layout *l, struct scale_rect r)
{
    s32 x = r.x + PAD, w;

    l->part[PANE_BUTTONS_PART] = r;
    for (unsigned i = 0; i < PANE_BUTTONS; i++) {
        w = max_s32(osd_text_width(pane_button_label((enum pane_button)i, true)),
                    osd_text_width(pane_button_label((enum pane_button)i, false))) +
            2 * BUTTON_PAD;
        if (x + w > r.x + r.w)
            return;
        l->button[i] = (struct scale_rect){x, r.y + 2, w, BUTTONS - 4};
        x += w + PAD;
    }
}

struct pane_layout pane_lay_out(s32 width, s32 height)
{
    struct pane_layout l = {0};
    s32 column = min_s32(COLUMN_BEST, max_s32(COLUMN_LEAST, width * COLUMN_PERCENT / 100));
    s32 bottom =
        min_s32(height_of(MEMORY_ROWS) + height_of(CONSOLE_ROWS), height * BOTTOM_PERCENT / 100);
    s32 left, top;

    column = max_s32(column, min_s32(COLUMN_MOST, width - PICTURE));
    if (width - column < GUEST_LEAST || height < height_of(2) + BUTTONS + GUEST_LEAST) {
        l.guest = (struct scale_rect){0, 0, width, height};
        return l;
    }
    bottom = max_s32(bottom, height_of(2));
    left = width - column;
    top = height - BUTTONS - bottom;
    l.guest = (struct scale_rect){0, 0, left, top};
    lay_out_column(&l, (struct scale_rect){left, 0, column, height - BUTTONS});
    lay_out_bottom(&l, (struct scale_rect){0, top, left, bottom});
    lay_out_buttons(&l, (struct scale_rect){0, height - BUTTONS, width, BUTTONS});
    return l;
}

struct scale_size pane_wish(void)
{
    return (struct scale_size){COLUMN_BEST,
                               height_of(MEMORY_ROWS) + height_of(CONSOLE_ROWS) + BUTTONS};
}

static bool inside(const struct scale_rect *r, s32 x, s32 y)
{
    return x >= r->x && x < r->x + r->w && y >= r->y && y < r->y + r->h;
}

enum pane_part pane_part_at(const struct pane_layout *l, s32 x, s32 y, int *row)
{
    for (unsigned i = 0; i < PANE_PARTS; i++)
        if (inside(&l->part[i], x, y)) {
            *row = y < l->part[i].y + TITLE ? -1 : (y - l->part[i].y - TITLE) / ROW;
            return (enum pane_part)i;
        }
    *row = -1;
    return PANE_PARTS;
}

enum pane_button pane_button_at(const struct pane_layout *l, s32 x, s32 y)
{
    unsigned i = 0;

    while (i < PANE_BUTTONS && !inside(&l->button[i], x, y))
        i++;
    return (enum pane_button)i;
}
