/* Messages: what is shown, in what form, and how often. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct log *l;
static char last[600];
static unsigned lines;

static void sink(void *opaque, enum log_level level, const char *line)
{
    snprintf(last, sizeof last, "%s", line);
    lines++;
}

static void setup(void)
{
    l = log_new(sink, NULL);
    last[0] = 0;
    lines = 0;
}

static void teardown(void)
{
    log_free(l);
}

TestSuite(log, .init = setup, .fini = teardown);

Test(log, line_names_the_part)
{
    log_warn(l, "disk", "'%s': version %d", "old.qcow", 1);
    cr_assert_str_eq(last, "disk: 'old.qcow': version 1");
}

Test(log, guest_errors_are_silent_until_their_category_is_chosen)
{
    log_guest(l, "kbd", "command 0x%02X", 0xF1);
    cr_assert_eq(lines, 0);
    log_choose(l, "ide,kbd");
    log_guest(l, "kbd", "command 0x%02X", 0xF1);
    cr_assert_str_eq(last, "kbd: guest: command 0xF1");
    log_guest(l, "kb", "another part whose name is a prefix");
    cr_assert_eq(lines, 1);
}

Test(log, all_chooses_every_category)
{
    log_choose(l, "all");
    cr_assert(log_wants(l, "pit"));
    log_trace(l, "pit", "reload");
    cr_assert_str_eq(last, "pit: reload");
}

Test(log, missing_hardware_is_told_once_per_site)
{
    int i;

    for (i = 0; i < 3; i++)
        log_unimp(l, "ide", "command 0x%02X", 0xB0 + i);
    cr_assert_eq(lines, 1);
    cr_assert_str_eq(last, "ide: unimplemented: command 0xB0");
}

Test(log, a_site_stops_at_its_limit_and_says_so)
{
    int i;

    for (i = 0; i < 200; i++)
        log_warn(l, "net", "packet %d", i);
    cr_assert_eq(lines, LOG_SITE_LIMIT);
    cr_assert_str_eq(last, "net: packet 49 (no more of this kind are shown)");
    log_warn(l, "net", "another site");
    cr_assert_eq(lines, LOG_SITE_LIMIT + 1);
}

Test(log, control_characters_of_a_guest_do_not_reach_the_terminal)
{
    log_warn(l, "ide", "model '%s'", "\x1b[2Jx\n");
    cr_assert_str_eq(last, "ide: model '.[2Jx.'");
}

Test(log, long_text_is_cut)
{
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_warn(l, "a", "%s", text);
    cr_assert_eq(strlen(last), 511);
}

Test(log, null_log_wants_nothing)
{
    cr_assert_not(log_wants(NULL, "ide"));
    log_guest(NULL, "ide", "nothing to see");
}
