/* Keys struck at a pace. */
#include "frontend/typist.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct typist typist;
static char heard[400]; /* "2A 1E -1E -2A " */

static void on_key(void *opaque, u16 key, bool down)
{
    size_t at = strlen(heard);

    snprintf(heard + at, sizeof heard - at, "%s%X ", down ? "" : "-", key);
}

static void setup(void)
{
    typist_init(&typist, on_key, NULL);
    heard[0] = 0;
}

static void teardown(void)
{
    typist_free(&typist);
}

TestSuite(typist, .init = setup, .fini = teardown, .timeout = 60);

Test(typist, modifiers_are_held_around_the_key)
{
    typist_add(&typist, (struct typist_stroke){0x3B, TYPIST_SHIFT | TYPIST_CTRL | TYPIST_ALT});
    cr_assert_eq(typist_tick(&typist, 0), -1);
    cr_assert_str_eq(heard, "2A 1D 38 3B -3B -38 -1D -2A ");
}

Test(typist, one_stroke_at_a_time_and_longer_after_enter)
{
    s32 wait;

    typist_add_text(&typist, "a\nb");
    wait = typist_tick(&typist, 100);
    cr_assert_gt(wait, 0);
    cr_assert_str_eq(heard, "1E -1E ");
    cr_assert_eq(typist_tick(&typist, 100), wait, "nothing is due yet");
    cr_assert_str_eq(heard, "1E -1E ");
    cr_assert_gt(typist_tick(&typist, 100 + (u32)wait), wait);
    cr_assert_str_eq(heard, "1E -1E 1C -1C ");
    cr_assert_eq(typist_tick(&typist, 10000), -1);
    cr_assert_str_eq(heard, "1E -1E 1C -1C 30 -30 ");
}

Test(typist, the_first_key_after_a_pause_is_struck_at_once)
{
    typist_add_text(&typist, "a");
    typist_tick(&typist, 5);
    typist_add_text(&typist, "b");
    typist_tick(&typist, 5000);
    cr_assert_str_eq(heard, "1E -1E 30 -30 ");
}

Test(typist, line_ends_of_windows_are_one_enter)
{
    u32 now;

    typist_add_text(&typist, "\r\n\r");
    for (now = 0; typist_tick(&typist, now) >= 0; now += 500)
        ;
    cr_assert_str_eq(heard, "1C -1C 1C -1C ");
}

Test(typist, characters_without_a_key_are_left_out)
{
    u32 now;

    typist_add_text(&typist, "\303\244x");
    for (now = 0; typist_tick(&typist, now) >= 0; now += 500)
        ;
    cr_assert_str_eq(heard, "2D -2D ");
}

Test(typist, the_clock_may_wrap)
{
    typist_add_text(&typist, "ab");
    cr_assert_gt(typist_tick(&typist, UINT32_MAX - 3), 0);
    cr_assert_gt(typist_tick(&typist, 1), 0);
    cr_assert_eq(typist_tick(&typist, 200), -1);
    cr_assert_str_eq(heard, "1E -1E 30 -30 ");
}

Test(typist, a_full_queue_drops_what_comes)
{
    unsigned i;

    for (i = 0; i < TYPIST_QUEUE + 5; i++)
        typist_add(&typist, (struct typist_stroke){0x1E, 0});
    cr_assert_eq(typist.count, TYPIST_QUEUE);
    typist_clear(&typist);
    cr_assert_eq(typist_tick(&typist, 0), -1);
    cr_assert_str_eq(heard, "");
}
