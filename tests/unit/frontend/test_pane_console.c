/* What commands have printed, and how one scrolls through it. */
#include "frontend/pane_console.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct pane_console console;

static void no_lines(void)
{
    pane_console_free(&console);
}

TestSuite(pane_console, .fini = no_lines, .timeout = 60);

static const char *row(unsigned up, unsigned columns)
{
    static char text[PANE_CONSOLE_COLUMNS + 1];
    unsigned len = 0;
    const char *r = pane_console_row(&console, up, columns, &len);

    snprintf(text, sizeof text, "%.*s", (int)len, r ? r : "");
    return r ? text : NULL;
}

Test(pane_console, long_lines_take_several_rows)
{
    pane_console_add(&console, "abcdefgh\n\nxy\n");
    cr_assert_str_eq(row(0, 3), "xy");
    cr_assert_str_eq(row(1, 3), "");
    cr_assert_str_eq(row(2, 3), "gh");
    cr_assert_str_eq(row(3, 3), "def");
    cr_assert_str_eq(row(4, 3), "abc");
    cr_assert_null(row(5, 3));
    cr_assert_null(row(0, 0));
}

Test(pane_console, rows_end_between_words)
{
    pane_console_add(&console, "one two three\nfour  \n12345678 9");
    cr_assert_str_eq(row(0, 8), "9");
    cr_assert_str_eq(row(1, 8), "12345678");
    cr_assert_str_eq(row(2, 8), "four  ");
    cr_assert_str_eq(row(3, 8), "three");
    cr_assert_str_eq(row(4, 8), "one two");
    cr_assert_null(row(5, 8));
    cr_assert_str_eq(row(0, 1), "9");
}

Test(pane_console, scrolling_ends_at_both_ends)
{
    pane_console_add(&console, "1\n2\n3\n4\n5");
    pane_console_scroll(&console, 1, 80, 3);
    cr_assert_str_eq(row(0, 80), "4");
    pane_console_scroll(&console, 10, 80, 3);
    cr_assert_str_eq(row(2, 80), "1");
    pane_console_scroll(&console, -1, 80, 3);
    cr_assert_str_eq(row(0, 80), "4");
    pane_console_scroll(&console, -9, 80, 3);
    cr_assert_str_eq(row(0, 80), "5");
    pane_console_scroll(&console, 1, 80, 3);
    pane_console_add(&console, "6"); /* what is new is shown */
    cr_assert_str_eq(row(0, 80), "6");
    pane_console_scroll(&console, 5, 80, 50); /* all of it fits */
    cr_assert_str_eq(row(0, 80), "6");
}

Test(pane_console, only_so_many_lines_are_kept)
{
    char text[20];

    for (unsigned i = 0; i < PANE_CONSOLE_LINES + 10; i++) {
        snprintf(text, sizeof text, "%u", i);
        pane_console_add(&console, text);
    }
    cr_assert_eq(console.count, PANE_CONSOLE_LINES);
    cr_assert_str_eq(row(0, 80), "2009");
    cr_assert_str_eq(row(PANE_CONSOLE_LINES - 1, 80), "10");
    cr_assert_null(row(PANE_CONSOLE_LINES, 80));
}
