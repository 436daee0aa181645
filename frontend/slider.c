/* The rewind slider; see slider.h. */
#include "frontend/slider.h"

#include <stdio.h>
#include <string.h>

enum {
    PADDING = 10,
    GAP = 6,
    ROW = 20,
    SCALE = 22,
    KNOB_WIDTH = 9,
    BAR = 6,
    BUTTON_PADDING = 10,
    PICTURES_FROM = 400, /* lines of canvas from which on there is room for pictures */
    SHARE = 2,           /* of the canvas may be ours: half */
};

#define NS_PER_S 1000000000ull

#define BACK        0xFF202830u
#define EDGE        0xFF6080A0u
#define TITLE_BACK  0xFF304860u
#define TEXT        0xFFF0F0F0u
#define FAINT       0xFF90A0B0u
#define PAST        0xFF4878A8u
#define AHEAD       0xFF485058u
#define KNOB        0xFFF0C040u
#define BUTTON_BACK 0xFF304860u
#define BAD         0xFFFFA080u

static const char branch_label[] = "Go on from here: Enter", present_label[] = "Back to now: Esc";

/* ---- Layout ---- */

static s32 min_s32(s32 a, s32 b)
{
    return a < b ? a : b;
}

static bool has_pictures(s32 height)
{
    return height >= PICTURES_FROM;
}

s32 slider_height(s32 width, s32 height)
{
    s32 h = ROW + GAP + SCALE + ROW + GAP + ROW + 4 + GAP +
            (has_pictures(height) ? SLIDER_PICTURE_HEIGHT + GAP : 0);

    return min_s32(h, height / SHARE);
}

static struct scale_rect button(s32 *x, s32 y, const char *label)
{
    struct scale_rect r = {*x, y, osd_text_width(label) + 2 * BUTTON_PADDING, ROW + 2};

    *x += r.w + GAP;
    return r;
}

struct slider_layout slider_lay_out(s32 width, s32 height)
{
    s32 h = slider_height(width, height), y = height - h, x = PADDING;
    struct slider_layout l = {.all = {0, y, width, h}};
    s32 inner = width - 2 * PADDING;

    l.title_y = y + 3;
    y += ROW + GAP;
    if (has_pictures(height)) {
        l.picture_count = (inner + GAP) / (SLIDER_PICTURE_WIDTH + GAP);
        l.pictures = (struct scale_rect){PADDING, y, inner, SLIDER_PICTURE_HEIGHT};
        y += SLIDER_PICTURE_HEIGHT + GAP;
    }
    l.scale = (struct scale_rect){PADDING, y, inner < 1 ? 1 : inner, SCALE};
    l.labels_y = y + SCALE;
    l.hints_y = l.labels_y + ROW + GAP - 2;
    l.branch = button(&x, l.hints_y, branch_label);
    l.present = button(&x, l.hints_y, present_label);
    return l;
}

static bool inside(const struct scale_rect *r, s32 x, s32 y)
{
    return x >= r->x && x < r->x + r->w && y >= r->y && y < r->y + r->h;
}

enum slider_part slider_part_at(const struct slider_layout *l, s32 x, s32 y)
{
    if (inside(&l->scale, x, y) || inside(&l->pictures, x, y))
        return SLIDER_SCALE;
    if (inside(&l->branch, x, y))
        return SLIDER_BRANCH;
    return inside(&l->present, x, y) ? SLIDER_PRESENT : SLIDER_NOTHING;
}

/* ---- Places ---- */

void slider_go_to(struct slider *s, u64 ns)
{
    s->wanted_ns = ns < s->oldest_ns ? s->oldest_ns : min_u64(ns, s->newest_ns);
}

void slider_go(struct slider *s, s64 by_ns)
{
    u64 back = by_ns < 0 ? (u64)-by_ns : 0;

    slider_go_to(s, back > s->wanted_ns ? 0 : s->wanted_ns - back + (by_ns > 0 ? (u64)by_ns : 0));
}

void slider_open(struct slider *s, u64 oldest_ns, u64 newest_ns, u64 now_ns)
{
    *s = (struct slider){.oldest_ns = min_u64(oldest_ns, newest_ns), .newest_ns = newest_ns};
    slider_go_to(s, now_ns);
}

u64 slider_time_at(const struct slider *s, const struct slider_layout *l, s32 x)
{
    s32 at = x - l->scale.x, width = l->scale.w - 1;
    double part = width > 0 ? (double)at / width : 1;

    if (part <= 0)
        return s->oldest_ns;
    if (part >= 1)
        return s->newest_ns;
    return s->oldest_ns + (u64)((double)(s->newest_ns - s->oldest_ns) * part);
}

s32 slider_x_of(const struct slider *s, const struct slider_layout *l, u64 ns)
{
    u64 span = s->newest_ns - s->oldest_ns;

    if (!span || ns >= s->newest_ns)
        return l->scale.x + l->scale.w - 1;
    if (ns <= s->oldest_ns)
        return l->scale.x;
    return l->scale.x + (s32)((double)(ns - s->oldest_ns) / (double)span * (l->scale.w - 1) + 0.5);
}

void slider_ago_text(u64 ns, char out[SLIDER_TEXT])
{
    u64 s = ns / NS_PER_S;

    if (!ns)
        snprintf(out, SLIDER_TEXT, "now");
    else if (ns < 10000000)
        snprintf(out, SLIDER_TEXT, "%.4f ms ago", (double)ns / 1e6);
    else if (s < 100)
        snprintf(out, SLIDER_TEXT, "%.2f s ago", (double)ns / 1e9);
    else if (s < 3600)
        snprintf(out, SLIDER_TEXT, "%u min %u s ago", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        snprintf(out, SLIDER_TEXT, "%u h %u min ago", (unsigned)(s / 3600),
                 (unsigned)(s / 60 % 60));
}

/* ---- Drawing ---- */

static u32 color_of(u16 c)
{
    u32 r = c >> 11, g = c >> 5 & 0x3F, b = c & 0x1F;

    return 0xFF000000u | (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static void draw_picture(const struct slider_picture *p, const struct osd_canvas *c, s32 x, s32 y)
{
    for (s32 j = 0; j < SLIDER_PICTURE_HEIGHT; j++)
        for (s32 i = 0; i < SLIDER_PICTURE_WIDTH; i++)
            if (x + i >= 0 && x + i < c->width && y + j >= 0 && y + j < c->height)
                c->pixels[(size_t)(y + j) * (size_t)c->width + (size_t)(x + i)] =
                    color_of(p->pixels[j * SLIDER_PICTURE_WIDTH + i]);
}

/* As many as fit, evenly in time; the frame is around the one where the user is. */
static void draw_pictures(const struct slider *s, const struct slider_layout *l,
                          const struct slider_pictures *pictures, const struct osd_canvas *c)
{
    const struct slider_picture *p;
    s32 n = l->picture_count, chosen = -1, at = slider_x_of(s, l, s->wanted_ns) - l->scale.x;

    if (n < 1)
        return;
    chosen = min_s32(at * n / l->scale.w, n - 1);
    for (s32 i = 0; i < n; i++) {
        s32 middle = l->scale.w * (2 * i + 1) / (2 * n);
        s32 x = l->pictures.x + middle - SLIDER_PICTURE_WIDTH / 2, y = l->pictures.y;
        u64 ns = i == chosen ? s->wanted_ns : slider_time_at(s, l, l->scale.x + middle);

        osd_fill(c, x, y, SLIDER_PICTURE_WIDTH, SLIDER_PICTURE_HEIGHT, 0xFF000000u);
        p = slider_pictures_at(pictures, ns);
        if (p)
            draw_picture(p, c, x, y);
        osd_border(c, x - 1, y - 1, SLIDER_PICTURE_WIDTH + 2, SLIDER_PICTURE_HEIGHT + 2, EDGE);
        if (i != chosen)
            continue;
        osd_border(c, x - 1, y - 1, SLIDER_PICTURE_WIDTH + 2, SLIDER_PICTURE_HEIGHT + 2, KNOB);
        osd_border(c, x - 2, y - 2, SLIDER_PICTURE_WIDTH + 4, SLIDER_PICTURE_HEIGHT + 4, KNOB);
    }
}

static void draw_scale(const struct slider *s, const struct slider_layout *l,
                       const struct osd_canvas *c)
{
    s32 x = slider_x_of(s, l, s->wanted_ns), y = l->scale.y + (SCALE - BAR) / 2;

    osd_fill(c, l->scale.x, y, l->scale.w, BAR, AHEAD);
    osd_fill(c, l->scale.x, y, x - l->scale.x, BAR, PAST);
    osd_fill(c, x - KNOB_WIDTH / 2, l->scale.y, KNOB_WIDTH, SCALE, KNOB);
    osd_border(c, x - KNOB_WIDTH / 2, l->scale.y, KNOB_WIDTH, SCALE, BACK);
}

static void draw_button(const struct osd_canvas *c, const struct scale_rect *r, const char *label,
                        bool active)
{
    osd_fill(c, r->x, r->y, r->w, r->h, BUTTON_BACK);
    osd_border(c, r->x, r->y, r->w, r->h, EDGE);
    osd_text(c, r->x + BUTTON_PADDING, r->y + (r->h - OSD_GLYPH_HEIGHT) / 2, label,
             active ? TEXT : FAINT);
}

/* The longest of some hints that fits behind the buttons, to the right. */
static void draw_hint(const struct slider_layout *l, const struct osd_canvas *c)
{
    static const char *const hints[] = {
        "arrows: 1 s, with Shift 0.1 s; Page: 10 s; Home, End",
        "arrows: 1 s, with Shift 0.1 s",
        "arrows: 1 s",
    };
    s32 left = l->present.x + l->present.w + GAP, right = l->all.w - PADDING;

    for (unsigned i = 0; i < ARRAY_LEN(hints); i++)
        if (right - left >= osd_text_width(hints[i])) {
            osd_text(c, right - osd_text_width(hints[i]), l->hints_y + 3, hints[i], FAINT);
            return;
        }
}

void slider_draw(const struct slider *s, const struct slider_pictures *pictures,
                 const struct osd_canvas *c)
{
    struct slider_layout l = slider_lay_out(c->width, c->height);
    char ago[SLIDER_TEXT], text[2 * SLIDER_TEXT];

    osd_fill(c, 0, l.all.y, l.all.w, l.all.h, BACK);
    osd_fill(c, 0, l.all.y, l.all.w, ROW + 2, TITLE_BACK);
    osd_text(c, PADDING, l.title_y, "Back in time", TEXT);
    slider_ago_text(s->newest_ns - s->wanted_ns, ago);
    snprintf(text, sizeof text, "%s%s", ago, s->arriving ? " ..." : "");
    osd_text(c, (l.all.w - osd_text_width(ago)) / 2, l.title_y, text, KNOB);
    snprintf(text, sizeof text, "%.2f s after power-on", (double)s->wanted_ns / 1e9);
    osd_text(c, l.all.w - PADDING - osd_text_width(text), l.title_y, text, FAINT);
    draw_pictures(s, &l, pictures, c);
    draw_scale(s, &l, c);
    slider_ago_text(s->newest_ns - s->oldest_ns, ago);
    osd_text(c, PADDING, l.labels_y, ago, FAINT);
    if (s->trouble)
        osd_text(c, PADDING + osd_text_width(ago) + 2 * PADDING, l.labels_y, s->trouble, BAD);
    osd_text(c, l.all.w - PADDING - osd_text_width("now"), l.labels_y, "now", FAINT);
    draw_button(c, &l.branch, branch_label, true);
    draw_button(c, &l.present, present_label, true);
    draw_hint(&l, c);
}
