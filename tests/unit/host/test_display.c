/* Frames and their bounds; text screens as text. */
#include "devices/host/display.h"

#include <criterion/criterion.h>
#include <string.h>

static struct display_frame f;

static void setup(void)
{
    display_frame_init(&f);
}

static void teardown(void)
{
    display_frame_free(&f);
}

TestSuite(display, .init = setup, .fini = teardown);

static void put_text(unsigned row, const char *text)
{
    unsigned i;

    for (i = 0; text[i]; i++)
        f.cells[(row * f.columns + i) * 2] = (u8)text[i];
}

Test(display, new_frame_is_empty_with_a_hidden_cursor)
{
    cr_assert_null(f.pixels);
    cr_assert_eq(f.cursor_column, -1);
    cr_assert_eq(f.cursor_row, -1);
}

Test(display, size_is_bounded_and_a_refusal_changes_nothing)
{
    cr_assert(display_frame_resize(&f, 640, 480));
    cr_assert_not(display_frame_resize(&f, DISPLAY_MAX_WIDTH + 1, 1));
    cr_assert_not(display_frame_resize(&f, 1, DISPLAY_MAX_HEIGHT + 1));
    cr_assert_not(display_frame_resize(&f, 0, 480));
    cr_assert_not(display_frame_resize(&f, UINT32_MAX, UINT32_MAX));
    cr_assert_eq(f.width, 640);
    cr_assert_eq(f.height, 480);
    cr_assert(display_frame_resize(&f, DISPLAY_MAX_WIDTH, DISPLAY_MAX_HEIGHT));
    f.pixels[(size_t)DISPLAY_MAX_WIDTH * DISPLAY_MAX_HEIGHT - 1] = 1;
}

Test(display, shrinking_keeps_the_memory)
{
    u32 *pixels;

    cr_assert(display_frame_resize(&f, 800, 600));
    pixels = f.pixels;
    cr_assert(display_frame_resize(&f, 320, 200));
    cr_assert_eq(f.pixels, pixels);
    cr_assert_eq(f.capacity, 800 * 600);
}

Test(display, text_size_is_bounded)
{
    cr_assert(display_frame_set_text(&f, 80, 25));
    cr_assert(f.text);
    cr_assert_not(display_frame_set_text(&f, 0, 25));
    cr_assert_not(display_frame_set_text(&f, 321, 25));
    cr_assert_not(display_frame_set_text(&f, 80, 1601));
    cr_assert_eq(f.columns, 80);
}

Test(display, row_is_utf8_without_trailing_blanks)
{
    char out[80 * 3 + 1];

    cr_assert(display_frame_set_text(&f, 80, 25));
    put_text(3, "A\xC9\xCD\x81  ");
    display_row_text(&f, 3, out, sizeof out);
    cr_assert_str_eq(out, "A\u2554\u2550\u00FC");
    display_row_text(&f, 4, out, sizeof out);
    cr_assert_str_eq(out, "");
    display_row_text(&f, 25, out, sizeof out);
    cr_assert_str_eq(out, "");
}

Test(display, row_fits_the_buffer_it_is_given)
{
    char out[80 * 3 + 1], small[10];
    unsigned i;

    cr_assert(display_frame_set_text(&f, 80, 25));
    for (i = 0; i < 80; i++)
        f.cells[(24 * 80 + i) * 2] = 0xDB;
    display_row_text(&f, 24, out, sizeof out);
    cr_assert_eq(strlen(out), 240);
    display_row_text(&f, 24, small, sizeof small);
    cr_assert_leq(strlen(small), 9);
    cr_assert_eq(strlen(small) % 3, 0, "no character is cut in two");
}

Test(display, code_page_437)
{
    cr_assert_eq(display_cp437_to_unicode(0x00), 0x20);
    cr_assert_eq(display_cp437_to_unicode(0x01), 0x263A);
    cr_assert_eq(display_cp437_to_unicode(0x1F), 0x25BC);
    cr_assert_eq(display_cp437_to_unicode('~'), '~');
    cr_assert_eq(display_cp437_to_unicode(0x7F), 0x2302);
    cr_assert_eq(display_cp437_to_unicode(0x80), 0x00C7);
    cr_assert_eq(display_cp437_to_unicode(0xB0), 0x2591);
    cr_assert_eq(display_cp437_to_unicode(0xDB), 0x2588);
    cr_assert_eq(display_cp437_to_unicode(0xE1), 0x00DF);
    cr_assert_eq(display_cp437_to_unicode(0xFE), 0x25A0);
}
