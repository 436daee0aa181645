/* JSON objects out of a stream. */
#include "frontend/qmp_input.h"

#include <criterion/criterion.h>
#include <string.h>

static struct qmp_input in;
static char events[100];

TestSuite(qmp_input, .timeout = 60);

/* What came of these bytes: M a message, G garbage, L too long. */
static const char *feed(const char *bytes)
{
    size_t n = 0;
    enum qmp_event e;

    for (; *bytes; bytes++) {
        e = qmp_input_byte(&in, (u8)*bytes);
        if (e != QMP_NOTHING && n + 1 < sizeof events)
            events[n++] = " MGL"[e];
    }
    events[n] = 0;
    return events;
}

Test(qmp_input, objects_come_one_behind_the_other)
{
    cr_assert_str_eq(feed("{\"execute\":\"stop\"}\n"), "M");
    cr_assert_str_eq(in.data, "{\"execute\":\"stop\"}");
    cr_assert_str_eq(feed("{}{}\r\n\t {\n \"a\" :\n{}}"), "MMM");
    cr_assert_str_eq(in.data, "{\n \"a\" :\n{}}");
}

Test(qmp_input, half_objects_wait_for_the_rest)
{
    cr_assert_str_eq(feed("{\"execute\":"), "");
    cr_assert_str_eq(feed("\"stop\"}"), "M");
}

Test(qmp_input, brackets_in_strings_do_not_count)
{
    cr_assert_str_eq(feed("{\"a\":\"}{\\\"}\\\\\"}"), "M");
    cr_assert_str_eq(in.data, "{\"a\":\"}{\\\"}\\\\\"}");
}

Test(qmp_input, garbage_is_told_once_a_line)
{
    cr_assert_str_eq(feed("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "GG");
    cr_assert_str_eq(feed("]]]\n{}"), "GM");
    cr_assert_str_eq(feed("{\"half\n{}"), "GM");
}

Test(qmp_input, byte_ff_forgets_what_was_begun)
{
    cr_assert_str_eq(feed("{\"a\":{\"\xFF{}"), "M");
    cr_assert_str_eq(in.data, "{}");
    cr_assert_str_eq(feed("x\xFF{}"), "GM");
}

Test(qmp_input, a_huge_object_is_refused_and_the_rest_of_its_line_skipped)
{
    size_t i;

    feed("{\"");
    for (i = 0; i < QMP_MESSAGE_MAX - 2; i++)
        cr_assert_eq(qmp_input_byte(&in, 'x'), QMP_NOTHING);
    cr_assert_eq(qmp_input_byte(&in, 'x'), QMP_TOO_LONG);
    cr_assert_str_eq(feed("xxx\"}\n{}"), "M");
}

Test(qmp_input, a_deep_object_is_refused)
{
    unsigned i;

    feed("{\"a\":");
    for (i = 1; i < QMP_DEPTH_MAX; i++)
        cr_assert_eq(qmp_input_byte(&in, '['), QMP_NOTHING);
    cr_assert_eq(qmp_input_byte(&in, '['), QMP_TOO_LONG);
    cr_assert_str_eq(feed("\n{}"), "M");
}
