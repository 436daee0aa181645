/* Drawing over the picture: characters, clipping, messages, menus. */
#include "frontend/osd.h"
#include "frontend/osd_menu.h"

#include <criterion/criterion.h>
#include <string.h>

enum { W = 320, H = 200, GUARD = 64 };

static u32 memory[GUARD + W * H + GUARD];
static struct osd_canvas canvas = {memory + GUARD, W, H};

static void setup(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(memory); i++)
        memory[i] = 0xDEADBEEF;
    osd_clear(&canvas);
}

static void check_guards(void)
{
    unsigned i;

    for (i = 0; i < GUARD; i++) {
        cr_assert_eq(memory[i], 0xDEADBEEF);
        cr_assert_eq(memory[GUARD + W * H + i], 0xDEADBEEF);
    }
}

static u32 at(s32 x, s32 y)
{
    return canvas.pixels[y * W + x];
}

static unsigned count(u32 color)
{
    unsigned i, n = 0;

    for (i = 0; i < W * H; i++)
        n += canvas.pixels[i] == color;
    return n;
}

TestSuite(osd, .init = setup, .fini = check_guards, .timeout = 60);

Test(osd, every_character_has_a_glyph_of_its_own)
{
    u8 glyph[OSD_LAST_GLYPH + 1][OSD_GLYPH_HEIGHT];
    unsigned c, d, row, dots;

    for (c = '!'; c <= OSD_LAST_GLYPH; c++) {
        for (row = 0, dots = 0; row < OSD_GLYPH_HEIGHT; row++) {
            glyph[c][row] = osd_glyph_row((u8)c, row);
            dots += glyph[c][row] != 0;
        }
        cr_assert(dots, "character %u is empty", c);
        for (d = '!'; d < c; d++)
            cr_assert(memcmp(glyph[c], glyph[d], OSD_GLYPH_HEIGHT), "%u looks like %u", c, d);
    }
}

Test(osd, characters_are_eight_wide_with_room_between)
{
    unsigned c, row;

    for (c = ' '; c < 0x7F; c++)
        for (row = 0; row < OSD_GLYPH_HEIGHT; row++)
            cr_assert(c == '_' || !(osd_glyph_row((u8)c, row) & 0x80), "%c touches its neighbour",
                      c);
}

Test(osd, blank_and_unknown)
{
    unsigned row;

    for (row = 0; row < OSD_GLYPH_HEIGHT + 3; row++) {
        cr_assert_eq(osd_glyph_row(' ', row), 0);
        cr_assert_eq(osd_glyph_row(3, row), osd_glyph_row(OSD_UNKNOWN, row));
        cr_assert_eq(osd_glyph_row(255, row), osd_glyph_row(OSD_UNKNOWN, row));
    }
}

Test(osd, fill_and_border_stay_inside)
{
    osd_fill(&canvas, 10, 20, 3, 2, 1);
    cr_assert_eq(count(1), 6);
    cr_assert_eq(at(10, 20), 1);
    cr_assert_eq(at(12, 21), 1);
    osd_border(&canvas, 50, 50, 10, 5, 2);
    cr_assert_eq(count(2), 10 * 2 + 3 * 2);
    osd_fill(&canvas, -5, -5, 6, 6, 3);
    cr_assert_eq(count(3), 1);
    osd_fill(&canvas, W - 1, H - 1, 1000, 1000, 4);
    cr_assert_eq(count(4), 1);
    osd_fill(&canvas, -50, 0, 20, 20, 5);
    osd_fill(&canvas, W + 5, H + 5, 20, 20, 5);
    osd_fill(&canvas, 5, 5, -3, -3, 5);
    cr_assert_eq(count(5), 0);
}

Test(osd, text_is_drawn_dot_for_dot)
{
    s32 x, y;

    cr_assert_eq(osd_text(&canvas, 16, 32, "A", 7), 24);
    for (y = 0; y < OSD_GLYPH_HEIGHT; y++)
        for (x = 0; x < OSD_GLYPH_WIDTH; x++)
            cr_assert_eq(at(16 + x, 32 + y) == 7, osd_glyph_row('A', (unsigned)y) >> (7 - x) & 1);
}

Test(osd, text_clips_at_all_sides)
{
    osd_text(&canvas, -100, -8, "a long text that begins far out to the left and goes on and on",
             7);
    osd_text(&canvas, W - 4, H - 4, "over", 7);
    osd_text(&canvas, -4, H - 4, "over", 7);
}

Test(osd, utf8_is_one_box_a_character)
{
    cr_assert_eq(osd_text_width("\303\244\342\202\254x"), 24);
    cr_assert_eq(osd_text_width("\360\237\230\200"), 8);
    cr_assert_eq(osd_text_width("\377"), 8);
    cr_assert_eq(osd_text_width(""), 0);
}

Test(osd, the_tail_of_a_text_fits)
{
    cr_assert_str_eq(osd_text_tail("abcdef", 24), "def");
    cr_assert_str_eq(osd_text_tail("abcdef", 48), "abcdef");
    cr_assert_str_eq(osd_text_tail("abcdef", 0), "");
    cr_assert_str_eq(osd_text_tail("a\303\244b", 16), "\303\244b");
}

Test(osd, a_message_stands_at_the_bottom)
{
    unsigned y, x, top = H;

    osd_message(&canvas, "short");
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            if (at((s32)x, (s32)y) && y < top)
                top = y;
    cr_assert_gt(top, H / 2);
    cr_assert_eq(at(0, H - 1), 0);
}

Test(osd, long_messages_are_wrapped_and_cut)
{
    char text[4000];

    memset(text, 'w', sizeof text - 1);
    text[sizeof text - 1] = 0;
    osd_message(&canvas, text);
    osd_message(&canvas, "two\nlines");
    osd_message(&canvas, "");
    canvas.width = 20; /* narrower than its own margins */
    osd_message(&canvas, "words and words");
    canvas.width = W;
}

/* ---- Menus ---- */

static struct osd_menu menu;

static void make_menu(void)
{
    osd_menu_begin(&menu, "Title");
    osd_menu_add(&menu, 10, "first", "F");
    osd_menu_add_line(&menu);
    osd_menu_add(&menu, 20, "second", NULL)->checked = true;
    osd_menu_add(&menu, 30, "third", NULL)->opens = true;
}

Test(osd, moving_skips_lines_and_goes_around)
{
    make_menu();
    osd_menu_move(&menu, 1);
    cr_assert_eq(menu.row[menu.chosen].id, 20);
    osd_menu_move(&menu, 1);
    osd_menu_move(&menu, 1);
    cr_assert_eq(menu.row[menu.chosen].id, 10);
    osd_menu_move(&menu, -1);
    cr_assert_eq(menu.row[menu.chosen].id, 30);
}

Test(osd, an_empty_menu_can_be_moved_in_and_drawn)
{
    osd_menu_begin(&menu, "nothing");
    osd_menu_move(&menu, 1);
    osd_menu_move(&menu, -1);
    osd_menu_draw(&menu, &canvas);
    cr_assert_eq(osd_menu_row_at(&menu, &canvas, W / 2, H / 2), -1);
}

Test(osd, rows_are_found_where_they_are_drawn)
{
    s32 y, last = -1;
    bool seen[4] = {false};
    int row;

    make_menu();
    osd_menu_draw(&menu, &canvas);
    for (y = 0; y < H; y++) {
        row = osd_menu_row_at(&menu, &canvas, W / 2, y);
        if (row < 0)
            continue;
        cr_assert_geq(row, last, "rows go down");
        seen[row] = true;
        last = row;
    }
    cr_assert(seen[0] && !seen[1] && seen[2] && seen[3]);
    cr_assert_eq(osd_menu_row_at(&menu, &canvas, 0, H / 2), -1);
}

Test(osd, the_chosen_row_is_lit)
{
    u32 plain[2], lit;
    s32 y, found = -1;

    make_menu();
    for (y = 0; y < H && found < 0; y++)
        if (osd_menu_row_at(&menu, &canvas, W / 2, y) == 2)
            found = y + 2;
    osd_menu_draw(&menu, &canvas);
    plain[0] = at(W / 2 + 30, found);
    menu.chosen = 2;
    osd_menu_draw(&menu, &canvas);
    lit = at(W / 2 + 30, found);
    menu.chosen = 0;
    osd_clear(&canvas);
    osd_menu_draw(&menu, &canvas);
    plain[1] = at(W / 2 + 30, found);
    cr_assert_eq(plain[0], plain[1]);
    cr_assert_neq(lit, plain[0]);
}

Test(osd, a_menu_larger_than_the_canvas_is_clipped)
{
    unsigned i;

    osd_menu_begin(&menu, "many");
    for (i = 0; i < OSD_ROWS_MAX + 5; i++)
        osd_menu_add(&menu, (int)i, "a label that is far too long to fit into any menu of ours",
                     "and a hint of the same kind, so that it cannot fit at all");
    cr_assert_eq(menu.count, OSD_ROWS_MAX);
    osd_menu_draw(&menu, &canvas);
    menu.input = "/a/file/name/that/is/much/too/long/to/be/shown/in/one/line/of/this/small/canvas";
    menu.input_hint = "hint";
    osd_menu_draw(&menu, &canvas);
}
