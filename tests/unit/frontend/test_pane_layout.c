/* Where the debugger's panes are. */
#include "frontend/pane.h"

#include <criterion/criterion.h>

static bool apart(const struct scale_rect *a, const struct scale_rect *b)
{
    return !a->h || !b->h || a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y ||
           b->y + b->h <= a->y;
}

static void check_layout(s32 w, s32 h)
{
    struct pane_layout l = pane_lay_out(w, h);

    cr_assert(l.guest.w > 0 && l.guest.h > 0, "%dx%d", w, h);
    for (unsigned i = 0; i < PANE_PARTS; i++) {
        const struct scale_rect *r = &l.part[i];

        cr_assert(r->h >= 0 && r->x >= 0 && r->y >= 0, "%dx%d part %u", w, h, i);
        cr_assert(!r->h || (r->x + r->w <= w && r->y + r->h <= h), "%dx%d part %u", w, h, i);
        cr_assert(apart(r, &l.guest), "%dx%d part %u over the guest", w, h, i);
        for (unsigned j = 0; j < i; j++)
            cr_assert(apart(r, &l.part[j]), "%dx%d parts %u and %u", w, h, i, j);
    }
}

TestSuite(pane_layout, .timeout = 120);

Test(pane_layout, parts_never_overlap_and_the_guest_keeps_a_place)
{
    for (s32 w = 1; w < 2000; w += 37)
        for (s32 h = 1; h < 1500; h += 23)
            check_layout(w, h);
}

Test(pane_layout, a_window_of_640_by_400_has_the_main_parts)
{
    struct pane_layout l = pane_lay_out(640, 400);

    cr_assert_geq(pane_columns(&l.part[PANE_CODE_PART]), 34);
    cr_assert_geq(pane_rows(&l.part[PANE_REGISTERS_PART]), 10);
    cr_assert_geq(pane_rows(&l.part[PANE_CODE_PART]), 4);
    cr_assert_geq(pane_rows(&l.part[PANE_CONSOLE_PART]), 3);
    cr_assert_gt(l.guest.w, 300);
    cr_assert_gt(l.guest.h, 200);
}

Test(pane_layout, a_large_window_shows_all_and_the_whole_picture)
{
    struct scale_size wish = pane_wish();
    struct pane_layout l = pane_lay_out(720 + wish.w, 540 + wish.h);

    for (unsigned i = 0; i < PANE_PARTS; i++)
        cr_assert_gt(l.part[i].h, 0, "part %u", i);
    for (unsigned i = 0; i < PANE_BUTTONS; i++)
        cr_assert_gt(l.button[i].w, 0, "button %u", i);
    cr_assert_geq(l.guest.w, 720);
    cr_assert_geq(l.guest.h, 540);
    cr_assert_geq(pane_columns(&l.part[PANE_MEMORY_PART]), 76);
}

Test(pane_layout, a_click_finds_part_row_and_button)
{
    struct pane_layout l = pane_lay_out(1160, 840);
    const struct scale_rect *code = &l.part[PANE_CODE_PART], *b = &l.button[PANE_STEP];
    int at;

    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 3, &at), PANE_CODE_PART);
    cr_assert_eq(at, -1);
    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 22, &at), PANE_CODE_PART);
    cr_assert_eq(at, 0);
    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 22 + 5 * 16, &at), PANE_CODE_PART);
    cr_assert_eq(at, 5);
    cr_assert_eq(pane_part_at(&l, 10, 10, &at), PANE_PARTS);
    cr_assert_eq(pane_button_at(&l, b->x + 2, b->y + 2), PANE_STEP);
    cr_assert_eq(pane_button_at(&l, 1, 1), PANE_BUTTONS);
}
