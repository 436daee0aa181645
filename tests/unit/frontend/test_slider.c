/* The rewind slider: places on its scale, its parts, the pictures it keeps. */
#include "frontend/slider.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000ull

static struct slider s;

static void setup(void)
{
    slider_open(&s, 10 * S, 50 * S, 50 * S);
}

TestSuite(slider, .init = setup, .timeout = 60);

/* ---- Places ---- */

Test(slider, it_opens_where_the_machine_is)
{
    cr_assert_eq(s.wanted_ns, 50 * S);
    slider_open(&s, 10 * S, 50 * S, 20 * S);
    cr_assert_eq(s.wanted_ns, 20 * S);
    slider_open(&s, 60 * S, 50 * S, 55 * S); /* no past at all */
    cr_assert_eq(s.oldest_ns, 50 * S);
    cr_assert_eq(s.wanted_ns, 50 * S);
}

Test(slider, steps_end_at_both_ends)
{
    slider_go(&s, -(s64)S);
    cr_assert_eq(s.wanted_ns, 49 * S);
    slider_go(&s, 5 * (s64)S);
    cr_assert_eq(s.wanted_ns, 50 * S);
    slider_go(&s, -39 * (s64)S);
    slider_go(&s, -100 * (s64)S);
    cr_assert_eq(s.wanted_ns, 10 * S);
}

Test(slider, the_scale_shows_the_whole_past)
{
    struct slider_layout l = slider_lay_out(720, 540);

    cr_assert_eq(slider_time_at(&s, &l, l.scale.x), 10 * S);
    cr_assert_eq(slider_time_at(&s, &l, l.scale.x + l.scale.w - 1), 50 * S);
    cr_assert_eq(slider_time_at(&s, &l, -1000), 10 * S);
    cr_assert_eq(slider_time_at(&s, &l, 100000), 50 * S);
    for (s32 x = l.scale.x; x < l.scale.x + l.scale.w; x++)
        cr_assert_eq(slider_x_of(&s, &l, slider_time_at(&s, &l, x)), x);
}

Test(slider, without_a_past_the_knob_is_at_the_present)
{
    struct slider_layout l = slider_lay_out(720, 540);

    slider_open(&s, 50 * S, 50 * S, 50 * S);
    cr_assert_eq(slider_x_of(&s, &l, 50 * S), l.scale.x + l.scale.w - 1);
    cr_assert_eq(slider_time_at(&s, &l, l.scale.x + 5), 50 * S);
}

Test(slider, distances_are_told_in_words)
{
    static const struct {
        u64 ns;
        const char *text;
    } t[] = {{0, "now"},
             {310, "0.0003 ms ago"},
             {S / 4, "0.25 s ago"},
             {99 * S, "99.00 s ago"},
             {125 * S, "2 min 5 s ago"},
             {3600 * S, "1 h 0 min ago"},
             {UINT64_MAX, "5124095 h 34 min ago"}};
    char text[SLIDER_TEXT];

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        slider_ago_text(t[i].ns, text);
        cr_assert_str_eq(text, t[i].text);
    }
}

/* ---- Parts ---- */

static bool within(const struct scale_rect *r, const struct scale_rect *outer)
{
    return r->x >= outer->x && r->y >= outer->y && r->x + r->w <= outer->x + outer->w &&
           r->y + r->h <= outer->y + outer->h;
}

Test(slider, its_parts_are_inside_and_answer_to_clicks)
{
    static const struct scale_size sizes[] = {{640, 400}, {720, 540}, {1280, 1024}, {2560, 1190}};

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct slider_layout l = slider_lay_out(sizes[i].w, sizes[i].h);

        cr_assert_eq(l.all.y + l.all.h, sizes[i].h);
        cr_assert_leq(l.all.h, sizes[i].h / 2);
        cr_assert(within(&l.scale, &l.all) && within(&l.branch, &l.all));
        cr_assert(within(&l.present, &l.all) && within(&l.pictures, &l.all));
        cr_assert_gt(l.picture_count, 4);
        cr_assert_eq(slider_part_at(&l, l.scale.x, l.scale.y), SLIDER_SCALE);
        cr_assert_eq(slider_part_at(&l, l.pictures.x, l.pictures.y), SLIDER_SCALE);
        cr_assert_eq(slider_part_at(&l, l.branch.x, l.branch.y), SLIDER_BRANCH);
        cr_assert_eq(slider_part_at(&l, l.present.x, l.present.y), SLIDER_PRESENT);
        cr_assert_eq(slider_part_at(&l, 1, 1), SLIDER_NOTHING);
    }
}

Test(slider, it_draws_on_a_canvas_of_any_size)
{
    static const struct scale_size sizes[] = {{1, 1},     {7, 3},     {160, 120},
                                              {300, 500}, {720, 400}, {1000, 90}};
    struct slider_pictures none = {0};

    s.trouble = "rewind: it did not work";
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct osd_canvas c = {.width = sizes[i].w, .height = sizes[i].h};

        c.pixels = calloc((size_t)c.width * (size_t)c.height, sizeof *c.pixels);
        slider_draw(&s, &none, &c);
        free(c.pixels);
    }
}

/* ---- Pictures ---- */

enum { WIDTH = 640, HEIGHT = 480 };

static u32 screen[WIDTH * HEIGHT];

static void show(struct slider_pictures *p, u64 ms, u32 color)
{
    for (unsigned i = 0; i < ARRAY_LEN(screen); i++)
        screen[i] = color;
    slider_pictures_take(p, ms * 1000000, screen, WIDTH, HEIGHT, false, false);
}

Test(slider, a_picture_is_what_the_screen_showed_then)
{
    struct slider_pictures p = {0};

    show(&p, 1000, 0xFF0000);
    show(&p, 2000, 0x00FF00);
    cr_assert_null(slider_pictures_at(&p, S / 2));
    cr_assert_eq(slider_pictures_at(&p, S)->pixels[5000], 0xF800);
    cr_assert_eq(slider_pictures_at(&p, 2 * S - 1)->pixels[0], 0xF800);
    cr_assert_eq(slider_pictures_at(&p, 9 * S)->pixels[0], 0x07E0);
    slider_pictures_free(&p);
    cr_assert_null(slider_pictures_at(&p, S));
}

Test(slider, pictures_are_taken_seldom_and_only_if_they_differ)
{
    struct slider_pictures p = {0};

    show(&p, 1000, 0xFF0000);
    cr_assert_not(p.late);
    show(&p, 1050, 0x00FF00);
    cr_assert(p.late, "who shows it again later is heard");
    show(&p, 1200, 0xFF0000);
    cr_assert_eq(p.count, 1);
    show(&p, 1250, 0x00FF00);
    cr_assert_eq(p.count, 2);
    cr_assert_not(p.late);
    slider_pictures_free(&p);
}

Test(slider, the_picture_of_a_machine_at_rest_is_the_last_one)
{
    struct slider_pictures p = {0};

    show(&p, 1000, 0xFF0000);
    memset(screen, 0xFF, sizeof screen);
    slider_pictures_take(&p, S, screen, WIDTH, HEIGHT, false, true);
    cr_assert_eq(p.count, 1);
    cr_assert_eq(slider_pictures_at(&p, S)->pixels[0], 0xFFFF);
    slider_pictures_free(&p);
}

Test(slider, a_branch_forgets_the_pictures_of_what_lay_ahead)
{
    struct slider_pictures p = {0};

    show(&p, 1000, 0xFF0000);
    show(&p, 2000, 0x00FF00);
    show(&p, 3000, 0x0000FF);
    show(&p, 1500, 0xFFFFFF);
    cr_assert_eq(p.count, 2);
    cr_assert_eq(slider_pictures_at(&p, 9 * S)->pixels[0], 0xFFFF);
    slider_pictures_free(&p);
}

Test(slider, old_pictures_grow_rare)
{
    struct slider_pictures p = {0};
    unsigned i, late;

    for (i = 0; i < 3 * SLIDER_PICTURES_MAX; i++)
        show(&p, 1000 + i * 1000, i & 1 ? 0xFF0000 : 0);
    cr_assert_eq(p.count, SLIDER_PICTURES_MAX);
    cr_assert_eq(p.items[0]->now_ns, S); /* the oldest stays */
    for (i = 1; i < p.count; i++)
        cr_assert_lt(p.items[i - 1]->now_ns, p.items[i]->now_ns);
    late = SLIDER_PICTURES_MAX / 2;
    cr_assert_gt(p.items[late]->now_ns, 3 * SLIDER_PICTURES_MAX / 2 * S, "recent ones are dense");
    slider_pictures_free(&p);
}

Test(slider, a_wide_picture_keeps_its_shape)
{
    struct slider_pictures p = {0};

    memset(screen, 0xFF, sizeof screen);
    slider_pictures_take(&p, S, screen, 1000, 250, false, false); /* 4:1: 96x24 of 96x72 */
    cr_assert_eq(p.items[0]->pixels[23 * SLIDER_PICTURE_WIDTH + 48], 0);
    cr_assert_eq(p.items[0]->pixels[24 * SLIDER_PICTURE_WIDTH + 48], 0xFFFF);
    cr_assert_eq(p.items[0]->pixels[47 * SLIDER_PICTURE_WIDTH + 48], 0xFFFF);
    cr_assert_eq(p.items[0]->pixels[48 * SLIDER_PICTURE_WIDTH + 48], 0);
    slider_pictures_free(&p);
}
