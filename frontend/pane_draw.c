/* How the debugger's panes look; see pane.h. */
#include "frontend/pane.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TITLE = 20, ROW = OSD_GLYPH_HEIGHT, PAD = 6, GLYPH = OSD_GLYPH_WIDTH, MARK = 8, MARGIN = 2 };

#define BACK        0xFF181C20u
#define EDGE        0xFF405060u
#define TITLE_BACK  0xFF2A3644u
#define TITLE_FOCUS 0xFF304860u
#define TEXT        0xFFE8E8E8u
#define FAINT       0xFF8898A8u
#define CHANGED     0xFFFFC050u
#define CURRENT     0xFF28486Cu
#define NAME        0xFF80C8A0u
#define BREAK       0xFFE04848u
#define BREAK_OFF   0xFF806060u
#define BAD         0xFFFFA080u
#define BUTTON_BACK 0xFF304860u
#define FIELD       0xFF101418u

/* A part while it is drawn: rows of text that end at its edge. */
struct pen {
    const struct osd_canvas *c;
    struct scale_rect r;
    unsigned rows, columns;
};

/* At most so many characters. */
static s32 put(const struct osd_canvas *c, s32 x, s32 y, const char *text, unsigned most, u32 color)
{
    for (; *text && most; text++, most--, x += GLYPH)
        osd_glyph(c, x, y, (u8)(*text >= ' ' && *text <= '~' ? *text : OSD_UNKNOWN), color);
    return x;
}

/* At a row and column of a part. */
static unsigned put_at(const struct pen *p, unsigned row, unsigned column, const char *text,
                       u32 color)
{
    if (row < p->rows && column < p->columns)
        put(p->c, p->r.x + PAD + (s32)column * GLYPH, p->r.y + TITLE + MARGIN + (s32)row * ROW,
            text, p->columns - column, color);
    return column + (unsigned)strlen(text);
}

/* Frame and title; `right` is at the right end of it, if it fits. */
static struct pen begin(const struct osd_canvas *c, const struct scale_rect *r, const char *title,
                        const char *right, bool focus)
{
    struct pen p = {.c = c, .r = *r, .rows = pane_rows(r), .columns = pane_columns(r)};
    s32 width = (s32)strlen(right) * GLYPH, title_end;

    osd_fill(c, r->x, r->y, r->w, r->h, BACK);
    osd_fill(c, r->x, r->y, r->w, TITLE - 2, focus ? TITLE_FOCUS : TITLE_BACK);
    osd_border(c, r->x, r->y, r->w, r->h, EDGE);
    title_end = put(c, r->x + PAD, r->y + 1, title, p.columns, TEXT);
    if (r->x + r->w - PAD - width > title_end + PAD)
        put(c, r->x + r->w - PAD - width, r->y + 1, right, p.columns, FAINT);
    return p;
}

/* A field to type into in a title: what is typed, or a hint. */
static void field(const struct pen *p, unsigned column, const struct pane_line *line,
                  const char *hint, bool focus)
{
    s32 x = p->r.x + PAD + (s32)column * GLYPH, w = p->r.x + p->r.w - PAD - x;
    unsigned at, columns = (unsigned)(w > GLYPH ? w / GLYPH - 1 : 0);
    const char *shown = pane_line_shown(line, columns, &at);

    if (!columns)
        return;
    osd_fill(p->c, x - 3, p->r.y + 1, w, TITLE - 4, FIELD);
    if (focus)
        osd_border(p->c, x - 3, p->r.y + 1, w, TITLE - 4, CHANGED);
    if (!line->len && !focus)
        put(p->c, x, p->r.y + 1, hint, columns, FAINT);
    put(p->c, x, p->r.y + 1, shown, columns, TEXT);
    if (focus)
        osd_fill(p->c, x + (s32)at * GLYPH, p->r.y + 2, 2, ROW - 2, TEXT);
}

/* ---- The parts ---- */

static unsigned draw_register(const struct pen *p, unsigned row, unsigned column,
                              const struct pane_register *r, bool changed)
{
    char text[20];

    column = put_at(p, row, column, r->name, FAINT) + 1;
    snprintf(text, sizeof text, "%0*" PRIx64, r->digits, r->value);
    return put_at(p, row, column, text, changed ? CHANGED : TEXT);
}

/* Of the group that begins at register `first`: all of them if they fit, else half. */
static unsigned registers_per_row(const struct pane_view *v, unsigned first, unsigned columns)
{
    unsigned n = 0, width = 0;

    do {
        width +=
            (unsigned)strlen(v->registers[first + n].name) + 1 + v->registers[first + n].digits;
        n++;
    } while (first + n < v->register_count && !v->registers[first + n].new_row);
    return width + 2 * (n - 1) <= columns ? n : (n + 1) / 2;
}

static void draw_registers(const struct pane_look *look, const struct osd_canvas *c,
                           const struct scale_rect *r)
{
    const struct pane_view *v = look->view;
    unsigned row = 0, column = 0, in_row = 0, per_row = 0;
    struct pen p;
    char when[80];

    snprintf(when, sizeof when, "instruction %" PRIu64 "  %.6f s", v->instructions,
             (double)v->now_ns / 1e9);
    p = begin(c, r,
              v->paused ? v->past ? "Stopped, in the past" : "Stopped"
              : v->past ? "Running, in the past"
                        : "Running",
              when, false);
    put_at(&p, row, 0, v->state, NAME);
    row++;
    for (unsigned i = 0; i < v->register_count; i++) {
        const struct pane_register *reg = &v->registers[i];

        if (reg->new_row || !i) {
            row += i ? 1 : 0;
            in_row = 0;
            per_row = registers_per_row(v, i, p.columns);
        } else if (in_row == per_row) {
            row++;
            in_row = 0;
        }
        column = in_row ? column + 2 : 0;
        column = draw_register(&p, row, column, reg, look->changed[i]);
        in_row++;
        if (strcmp(reg->name, "efl"))
            continue;
        if (column + 2 + strlen(v->flags) > p.columns)
            put_at(&p, ++row, 0, v->flags, TEXT);
        else
            put_at(&p, row, column + 2, v->flags, TEXT);
    }
    put_at(&p, row + 1, 0, v->stop, CHANGED);
}

static void draw_point(const struct pen *p, unsigned row, enum pane_point point)
{
    s32 y = p->r.y + TITLE + MARGIN + (s32)row * ROW + (ROW - MARK) / 2;

    if (point == PANE_POINT)
        osd_fill(p->c, p->r.x + PAD, y, MARK, MARK, BREAK);
    else if (point == PANE_POINT_OFF)
        osd_border(p->c, p->r.x + PAD, y, MARK, MARK, BREAK_OFF);
}

static void draw_code(const struct pane_look *look, const struct osd_canvas *c,
                      const struct scale_rect *r)
{
    enum { AT_PLACE = 2, BYTES_FROM = 50 /* columns */, BYTES = 14 };
    const struct pane_view *v = look->view;
    bool focus = look->focus == PANE_FOCUS_CODE;
    struct pen p = begin(c, r, "Code", "", focus);

    field(&p, 6, look->code, v->code_trouble[0] ? v->code_trouble : "at the next instruction",
          focus);
    for (unsigned i = 0; i < v->code_count && i < p.rows; i++) {
        const struct pane_code *line = &v->code[i];
        unsigned at = AT_PLACE;
        char bytes[BYTES + 1];

        if (line->label) {
            put_at(&p, i, at, line->text, NAME);
            continue;
        }
        if (line->current)
            osd_fill(c, r->x + 1, r->y + TITLE + MARGIN + (s32)i * ROW, r->w - 2, ROW, CURRENT);
        draw_point(&p, i, line->point);
        at = put_at(&p, i, at, line->place, line->current ? TEXT : FAINT) + 1;
        if (p.columns >= BYTES_FROM) {
            snprintf(bytes, sizeof bytes, "%-*.*s", BYTES, BYTES, line->bytes);
            if (strlen(line->bytes) > BYTES)
                bytes[BYTES - 1] = '+';
            at = put_at(&p, i, at, bytes, FAINT) + 1;
        }
        put_at(&p, i, at, line->text, TEXT);
    }
}

static void draw_stack(const struct pane_look *look, const struct osd_canvas *c,
                       const struct scale_rect *r)
{
    const struct pane_view *v = look->view;
    struct pen p = begin(c, r, "Stack", "", false);

    for (unsigned i = 0; i < v->stack_count && i < p.rows; i++) {
        unsigned at = put_at(&p, i, 0, v->stack[i].place, i ? FAINT : TEXT) + 2;

        at = put_at(&p, i, at, v->stack[i].value, TEXT) + 2;
        put_at(&p, i, at, v->stack[i].name, NAME);
    }
}

static void draw_points(const struct pane_look *look, const struct osd_canvas *c,
                        const struct scale_rect *r)
{
    const struct pane_view *v = look->view;
    struct pen p = begin(c, r, "Breakpoints", "F9, or click a line of code", false);

    for (unsigned i = 0; i < v->point_count && i < p.rows; i++)
        put_at(&p, i, 0, v->points[i], TEXT);
}

static void draw_memory_row(const struct pen *p, unsigned row, const struct pane_memory *m,
                            unsigned per_row)
{
    unsigned at = put_at(p, row, 0, m->place, FAINT) + 2, text_at = at + 3 * per_row + 1;
    char hex[4], c[2] = "";

    if (!m->count) {
        put_at(p, row, at, "no memory is mapped there", FAINT);
        return;
    }
    for (unsigned i = 0; i < per_row; i++) {
        snprintf(hex, sizeof hex, i < m->count ? "%02x" : "--", m->bytes[i]);
        put_at(p, row, at + 3 * i, hex, i < m->count ? TEXT : FAINT);
        c[0] = i >= m->count                              ? ' '
               : m->bytes[i] >= ' ' && m->bytes[i] <= '~' ? (char)m->bytes[i]
                                                          : '.';
        if (text_at + per_row <= p->columns)
            put_at(p, row, text_at + i, c, c[0] == '.' ? FAINT : TEXT);
    }
}

static void draw_memory(const struct pane_look *look, const struct osd_canvas *c,
                        const struct scale_rect *r)
{
    const struct pane_view *v = look->view;
    bool focus = look->focus == PANE_FOCUS_MEMORY;
    struct pen p = begin(c, r, "Memory", "", focus);
    char hint[PANE_WHAT + PANE_TEXT + 2];

    snprintf(hint, sizeof hint, "%s%s%s", v->memory_what, v->memory_trouble[0] ? ": " : "",
             v->memory_trouble);
    field(&p, 8, look->memory, hint, focus);
    if (v->memory_trouble[0] && look->memory->len)
        put_at(&p, 0, 0, v->memory_trouble, BAD);
    /* Place, and what is left for four characters a byte; half of a row where that is little. */
    for (unsigned i = 0; i < v->memory_count && i < p.rows; i++)
        draw_memory_row(&p, i, &v->memory[i],
                        p.columns >= strlen(v->memory[i].place) + 3 + 4 * PANE_ROW_BYTES
                            ? PANE_ROW_BYTES
                            : PANE_ROW_BYTES / 2);
}

static void draw_console(const struct pane_look *look, const struct osd_canvas *c,
                         const struct scale_rect *r)
{
    bool focus = look->focus == PANE_FOCUS_LINE;
    struct pen p = begin(
        c, r, "Monitor",
        look->busy ? "waiting for the machine" : "help lists commands; Tab: memory, code", focus);
    unsigned at, len, last = p.rows ? p.rows - 1 : 0;
    const char *text;
    char row[PANE_LINE_MAX];
    s32 y = r->y + TITLE + MARGIN + (s32)last * ROW;

    if (!p.rows || p.columns < 4)
        return;
    for (unsigned up = 0; up < last; up++) {
        text = pane_console_row(look->console, up, p.columns, &len);
        if (!text)
            break;
        snprintf(row, sizeof row, "%.*s", (int)len, text);
        put_at(&p, last - 1 - up, 0, row, text[0] == '>' ? NAME : TEXT);
    }
    osd_fill(c, r->x + 1, y, r->w - 2, ROW, FIELD);
    put_at(&p, last, 0, ">", focus ? CHANGED : FAINT);
    text = pane_line_shown(look->line, p.columns - 3, &at);
    put(c, r->x + PAD + 2 * GLYPH, y, text, p.columns - 3, TEXT);
    if (focus)
        osd_fill(c, r->x + PAD + (s32)(at + 2) * GLYPH, y + 1, 2, ROW - 2, TEXT);
}

const char *pane_button_label(enum pane_button b, bool paused)
{
    switch (b) {
    case PANE_GO: return paused ? "F5 Go on" : "F5 Pause";
    case PANE_STEP: return "F11 Step";
    case PANE_OVER: return "F10 Step over";
    case PANE_OUT: return "F8 Step out";
    case PANE_STEP_BACK: return "F7 Step back";
    case PANE_GO_BACK: return "F6 Go back";
    case PANE_BREAK: return "F9 Breakpoint";
    default: return "";
    }
}

static void draw_buttons(const struct pane_look *look, const struct pane_layout *l,
                         const struct osd_canvas *c)
{
    const struct scale_rect *all = &l->part[PANE_BUTTONS_PART];
    bool paused = look->view && look->view->paused;

    osd_fill(c, all->x, all->y, all->w, all->h, BACK);
    for (unsigned i = 0; i < PANE_BUTTONS; i++) {
        const struct scale_rect *r = &l->button[i];
        const char *label = pane_button_label((enum pane_button)i, paused);

        if (!r->w)
            continue;
        osd_fill(c, r->x, r->y, r->w, r->h, BUTTON_BACK);
        osd_border(c, r->x, r->y, r->w, r->h, EDGE);
        osd_text(c, r->x + (r->w - osd_text_width(label)) / 2, r->y + (r->h - ROW) / 2, label,
                 TEXT);
    }
}

void pane_draw(const struct pane_look *look, const struct pane_layout *l,
               const struct osd_canvas *c)
{
    static void (*const draw[PANE_BUTTONS_PART])(
        const struct pane_look *look, const struct osd_canvas *c, const struct scale_rect *r) = {
        [PANE_REGISTERS_PART] = draw_registers, [PANE_CODE_PART] = draw_code,
        [PANE_STACK_PART] = draw_stack,         [PANE_POINTS_PART] = draw_points,
        [PANE_MEMORY_PART] = draw_memory,       [PANE_CONSOLE_PART] = draw_console,
    };

    for (unsigned i = 0; i < PANE_BUTTONS_PART; i++) {
        if (!l->part[i].h)
            continue;
        if (look->view || i == PANE_CONSOLE_PART)
            draw[i](look, c, &l->part[i]);
        else
            osd_fill(c, l->part[i].x, l->part[i].y, l->part[i].w, l->part[i].h, BACK);
    }
    if (l->part[PANE_BUTTONS_PART].h)
        draw_buttons(look, l, c);
}
