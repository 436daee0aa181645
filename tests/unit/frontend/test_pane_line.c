/* A line that is typed. */
#include "frontend/pane_line.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct pane_line line;

static void type_lines(void)
{
    memset(&line, 0, sizeof line);
}

TestSuite(pane_line, .init = type_lines, .timeout = 60);

Test(pane_line, characters_come_in_where_the_cursor_is)
{
    pane_line_add(&line, "x/4 eip");
    pane_line_edit(&line, PANE_LINE_HOME);
    for (unsigned i = 0; i < 3; i++)
        pane_line_edit(&line, PANE_LINE_RIGHT);
    pane_line_add(&line, "i");
    cr_assert_str_eq(line.text, "x/4i eip");
    cr_assert_eq(line.cursor, 4);
    pane_line_edit(&line, PANE_LINE_BACKSPACE);
    pane_line_edit(&line, PANE_LINE_DELETE);
    cr_assert_str_eq(line.text, "x/4eip");
    pane_line_edit(&line, PANE_LINE_END);
    pane_line_edit(&line, PANE_LINE_DELETE);
    pane_line_edit(&line, PANE_LINE_RIGHT);
    cr_assert_eq(line.cursor, 6);
}

Test(pane_line, only_printable_ascii_and_only_what_fits)
{
    pane_line_add(&line, "a\tb\n\xC3\xA4"
                         "c");
    cr_assert_str_eq(line.text, "abc");
    for (unsigned i = 0; i < 2 * PANE_LINE_MAX; i++)
        pane_line_add(&line, "x");
    cr_assert_eq(line.len, PANE_LINE_MAX - 1);
    cr_assert_eq(strlen(line.text), PANE_LINE_MAX - 1);
}

Test(pane_line, what_was_typed_before_comes_back)
{
    pane_line_add(&line, "one");
    pane_line_done(&line);
    pane_line_add(&line, "two");
    pane_line_done(&line);
    pane_line_add(&line, "two");
    pane_line_done(&line); /* again: kept once */
    pane_line_add(&line, "thr");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "two");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "one");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "one");
    pane_line_edit(&line, PANE_LINE_NEWER);
    pane_line_edit(&line, PANE_LINE_NEWER);
    cr_assert_str_eq(line.text, "thr");
    pane_line_edit(&line, PANE_LINE_NEWER);
    cr_assert_str_eq(line.text, "thr");
}

Test(pane_line, only_so_many_are_kept)
{
    char text[20];

    for (unsigned i = 0; i < 2 * PANE_LINE_HISTORY; i++) {
        snprintf(text, sizeof text, "line %u", i);
        pane_line_add(&line, text);
        pane_line_done(&line);
    }
    for (unsigned i = 0; i < 2 * PANE_LINE_HISTORY; i++)
        pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "line 32");
}

Test(pane_line, the_cursor_stays_in_sight)
{
    unsigned at;

    pane_line_add(&line, "0123456789");
    cr_assert_str_eq(pane_line_shown(&line, 5, &at), "6789");
    cr_assert_eq(at, 4);
    pane_line_edit(&line, PANE_LINE_HOME);
    cr_assert_str_eq(pane_line_shown(&line, 5, &at), "0123456789");
    cr_assert_eq(at, 0);
}
