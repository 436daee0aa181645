/* Colours and characters for terminals. */
#include "frontend/terminal_screen.h"

#include <criterion/criterion.h>

#ifdef HAVE_NCURSES
#include <stdio.h>

/* IBM's order is blue, green, red from the lowest bit; ANSI's is red, green, blue. */
Test(terminal_screen, colours_in_ansis_order)
{
    static const unsigned ansi[16] = {0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15};
    unsigned i;

    for (i = 0; i < 16; i++)
        cr_assert_eq(terminal_color(i), ansi[i], "colour %u", i);
}

Test(terminal_screen, ascii_stays_ascii)
{
    unsigned c;

    for (c = ' '; c < 0x7F; c++)
        cr_assert_eq(terminal_ascii((u8)c), (char)c);
}

Test(terminal_screen, everything_has_something_printable)
{
    unsigned c;

    for (c = 0; c < 256; c++)
        cr_assert(terminal_ascii((u8)c) >= ' ' && terminal_ascii((u8)c) < 0x7F, "%02X", c);
}

Test(terminal_screen, frames_and_letters_look_alike)
{
    cr_assert_eq(terminal_ascii(0xC4), '-');
    cr_assert_eq(terminal_ascii(0xB3), '|');
    cr_assert_eq(terminal_ascii(0xCD), '=');
    cr_assert_eq(terminal_ascii(0xC9), '+');
    cr_assert_eq(terminal_ascii(0xDB), '#');
    cr_assert_eq(terminal_ascii(0x81), 'u');
    cr_assert_eq(terminal_ascii(0xFF), ' ');
    cr_assert_eq(terminal_ascii(0xFE), '#');
}
#endif
