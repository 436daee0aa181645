/*
 * A page of a menu.
 *
 *   +------------------------+
 *   | title                  |
 *   | label             hint |
 *   | [chosen]             > |
 *   | ---------------------- |
 *   | footer                 |
 *   +------------------------+
 */
#include "frontend/osd_menu.h"

#include <stdio.h>
#include <string.h>

enum {
    PADDING = 10,
    ROW = 20, /* of a label */
    LINE = 9, /* of a line between */
    CHECK_WIDTH = 16,
    ARROW_WIDTH = 2 * OSD_GLYPH_WIDTH,
    HINT_GAP = 24,
    INPUT_WIDTH = 480,
};

#define BACK        0xF0202830u
#define EDGE        0xFF6080A0u
#define TITLE_BACK  0xFF304860u
#define TEXT        0xFFF0F0F0u
#define FAINT       0xFF90A0B0u
#define CHOSEN_BACK 0xFF4878A8u
#define FIELD_BACK  0xFF101418u

struct layout {
    s32 x, y, w, h, rows_y;
};

void osd_menu_begin(struct osd_menu *m, const char *title)
{
    memset(m, 0, sizeof *m);
    m->title = title;
}

struct osd_row *osd_menu_add(struct osd_menu *m, int id, const char *label, const char *hint)
{
    struct osd_row *row = &m->row[m->count < OSD_ROWS_MAX ? m->count++ : OSD_ROWS_MAX - 1];

    *row = (struct osd_row){.id = id, .hint = hint};
    snprintf(row->label, sizeof row->label, "%s", label);
    return row;
}

void osd_menu_add_line(struct osd_menu *m)
{
    osd_menu_add(m, -1, "", NULL);
}

void osd_menu_move(struct osd_menu *m, int step)
{
    unsigned tries;

    for (tries = 0; tries < m->count; tries++) {
        m->chosen = (m->chosen + m->count + (unsigned)step) % m->count;
        if (m->row[m->chosen].label[0])
            return;
    }
}

static s32 row_height(const struct osd_row *row)
{
    return row->label[0] ? ROW : LINE;
}

static s32 max_s32(s32 a, s32 b)
{
    return a > b ? a : b;
}

static s32 row_width(const struct osd_row *row)
{
    return CHECK_WIDTH + osd_text_width(row->label) + HINT_GAP +
           (row->hint ? osd_text_width(row->hint) : 0) + (row->opens ? ARROW_WIDTH : 0);
}

static struct layout lay_out(const struct osd_menu *m, const struct osd_canvas *c)
{
    struct layout l = {.w = max_s32(osd_text_width(m->title), osd_text_width(m->footer))};
    unsigned i;

    l.h = ROW + PADDING;
    for (i = 0; i < m->count; i++) {
        l.w = max_s32(l.w, row_width(&m->row[i]));
        l.h += row_height(&m->row[i]);
    }
    if (m->input) {
        l.w = max_s32(l.w, INPUT_WIDTH);
        l.h += 2 * ROW + PADDING;
    }
    l.h += PADDING + (m->footer[0] ? ROW : 0);
    l.w += 2 * PADDING;
    l.w = l.w > c->width ? c->width : l.w;
    l.x = (c->width - l.w) / 2;
    l.y = max_s32((c->height - l.h) / 2, 0);
    l.rows_y = l.y + ROW + PADDING / 2 + 3;
    return l;
}

int osd_menu_row_at(const struct osd_menu *m, const struct osd_canvas *c, s32 x, s32 y)
{
    struct layout l = lay_out(m, c);
    s32 top = l.rows_y;
    unsigned i;

    if (x < l.x || x >= l.x + l.w)
        return -1;
    for (i = 0; i < m->count; top += row_height(&m->row[i++]))
        if (y >= top && y < top + row_height(&m->row[i]))
            return m->row[i].label[0] ? (int)i : -1;
    return -1;
}

static void draw_row(const struct osd_canvas *c, const struct layout *l, const struct osd_row *row,
                     s32 y, bool chosen)
{
    s32 x = l->x + PADDING, right = l->x + l->w - PADDING,
        text_y = y + (ROW - OSD_GLYPH_HEIGHT) / 2;

    if (!row->label[0]) {
        osd_fill(c, x, y + LINE / 2, l->w - 2 * PADDING, 1, EDGE);
        return;
    }
    if (chosen)
        osd_fill(c, l->x + 3, y, l->w - 6, ROW, CHOSEN_BACK);
    if (row->checked)
        osd_glyph(c, x, text_y, OSD_CHECK, TEXT);
    osd_text(c, x + CHECK_WIDTH, text_y, row->label, TEXT);
    if (row->opens) {
        osd_glyph(c, right - OSD_GLYPH_WIDTH, text_y, OSD_SUBMENU, TEXT);
        right -= ARROW_WIDTH;
    }
    if (row->hint)
        osd_text(c, right - osd_text_width(row->hint), text_y, row->hint, chosen ? TEXT : FAINT);
}

static void draw_input(const struct osd_menu *m, const struct osd_canvas *c, const struct layout *l,
                       s32 y)
{
    s32 x = l->x + PADDING, w = l->w - 2 * PADDING, end;

    osd_fill(c, x, y, w, ROW + 4, FIELD_BACK);
    osd_border(c, x, y, w, ROW + 4, EDGE);
    end = osd_text(c, x + 6, y + 4, osd_text_tail(m->input, w - 12 - OSD_GLYPH_WIDTH), TEXT);
    osd_fill(c, end, y + 4, 2, OSD_GLYPH_HEIGHT, TEXT);
    if (m->input_hint)
        osd_text(c, x, y + ROW + 10, m->input_hint, FAINT);
}

void osd_menu_draw(const struct osd_menu *m, const struct osd_canvas *c)
{
    struct layout l = lay_out(m, c);
    s32 y = l.rows_y;
    unsigned i;

    osd_fill(c, l.x, l.y, l.w, l.h, BACK);
    osd_fill(c, l.x, l.y, l.w, ROW + 2, TITLE_BACK);
    osd_border(c, l.x, l.y, l.w, l.h, EDGE);
    osd_text(c, l.x + PADDING, l.y + 3, m->title, TEXT);
    for (i = 0; i < m->count; y += row_height(&m->row[i++]))
        draw_row(c, &l, &m->row[i], y, i == m->chosen && !m->input);
    if (m->input)
        draw_input(m, c, &l, y + 4);
    osd_text(c, l.x + PADDING, l.y + l.h - ROW - 2, m->footer, FAINT);
}
