/* The mouse by itself: commands and packets of IBM's technical reference and Microsoft's paper. */
#include "base/clock.h"
#include "devices/host/input.h"
#include "devices/input/ps2mouse.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { REQUEST = 0, MS = 1000000 };

static struct rig rig;
static struct device *mouse;

/* Everything the mouse has to say, as hexadecimal text. */
static const char *said(void)
{
    static char text[200];
    size_t n = 0;

    text[0] = 0;
    while (ps2mouse_has_byte(mouse) && n < sizeof text - 4)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%02X", n ? " " : "",
                              ps2mouse_take_byte(mouse));
    return text;
}

static const char *send(u8 byte)
{
    ps2mouse_receive(mouse, byte);
    return said();
}

static void move(s32 dx, s32 dy, s32 dz, u8 buttons)
{
    ps2mouse_move(mouse, dx, dy, dz, buttons);
}

static void next_sample(void)
{
    rig_advance_ns(&rig, 13 * MS); /* 80 a second or more */
}

static void enable(void)
{
    cr_assert_str_eq(send(0xF4), "FA");
    next_sample();
}

static void rates(u8 a, u8 b, u8 c)
{
    u8 rate[3] = {a, b, c};
    unsigned i;

    for (i = 0; i < 3; i++) {
        cr_assert_str_eq(send(0xF3), "FA");
        cr_assert_str_eq(send(rate[i]), "FA");
    }
}

static void setup(void)
{
    rig_setup(&rig);
    rig_advance_ns(&rig, 1000 * MS);
    mouse = ps2mouse_create(rig.clock, rig_line(&rig, REQUEST));
    mouse->log = rig.log;
    device_reset(mouse);
}

static void teardown(void)
{
    device_destroy(mouse);
    rig_teardown(&rig);
}

TestSuite(ps2mouse, .init = setup, .fini = teardown);

Test(ps2mouse, reset_command_answers_with_self_test_and_id)
{
    cr_assert_str_eq(send(0xFF), "FA");
    rig_advance_ns(&rig, 1000 * MS);
    cr_assert_str_eq(said(), "AA 00");
}

Test(ps2mouse, says_nothing_until_it_is_enabled)
{
    move(5, 5, 0, MOUSE_LEFT);
    rig_advance_ns(&rig, 100 * MS);
    cr_assert_str_eq(said(), "");
    enable();
    cr_assert_str_eq(said(), "", "what happened before is forgotten");
}

Test(ps2mouse, packet_has_buttons_signs_and_up_as_positive)
{
    enable();
    move(3, -2, 0, MOUSE_LEFT);
    cr_assert_str_eq(said(), "09 03 02");
    next_sample();
    move(-1, 4, 0, MOUSE_RIGHT | MOUSE_MIDDLE);
    cr_assert_str_eq(said(), "3E FF FC");
}

Test(ps2mouse, packets_come_at_the_sample_rate)
{
    send(0xF3);
    send(10);
    enable();
    rig_advance_ns(&rig, 100 * MS);
    move(1, 0, 0, 0);
    cr_assert_str_eq(said(), "08 01 00");
    move(1, 0, 0, 0);
    rig_advance_ns(&rig, 50 * MS);
    move(1, 0, 0, 0);
    rig_advance_ns(&rig, 50 * MS - 1);
    cr_assert_str_eq(said(), "");
    rig_advance_ns(&rig, 1);
    cr_assert_str_eq(said(), "08 02 00");
    rig_advance_ns(&rig, 1000 * MS);
    cr_assert_str_eq(said(), "");
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX, "a mouse at rest costs nothing");
}

Test(ps2mouse, motion_beyond_nine_bits_goes_into_the_next_packets)
{
    enable();
    move(600, 300, 0, 0);
    cr_assert_str_eq(said(), "28 FF 01");
    next_sample();
    cr_assert_str_eq(said(), "28 FF D3");
    next_sample();
    cr_assert_str_eq(said(), "08 5A 00");
}

Test(ps2mouse, overflow_is_reported_when_motion_was_lost)
{
    enable();
    move(100000, -100000, 0, 0);
    cr_assert_str_eq(said(), "C8 FF FF");
    next_sample();
    cr_assert_str_eq(said(), "08 FF FF");
}

Test(ps2mouse, unread_packet_holds_the_next_back)
{
    enable();
    move(1, 0, 0, 0);
    rig_advance_ns(&rig, 100 * MS);
    move(2, 0, 0, 0);
    move(4, 0, 0, 0);
    cr_assert_eq(ps2mouse_take_byte(mouse), 0x08);
    cr_assert_eq(ps2mouse_take_byte(mouse), 0x01);
    cr_assert_eq(ps2mouse_take_byte(mouse), 0x00);
    cr_assert_str_eq(said(), "08 06 00");
}

Test(ps2mouse, click_within_one_sample_shows_as_two_packets)
{
    enable();
    move(1, 0, 0, 0);
    said();
    move(0, 0, 0, MOUSE_LEFT);
    move(0, 0, 0, 0);
    next_sample();
    cr_assert_str_eq(said(), "09 00 00");
    next_sample();
    cr_assert_str_eq(said(), "08 00 00");
}

Test(ps2mouse, scaling_2_1_uses_the_table_in_stream_mode_only)
{
    static const u8 scaled[] = {1, 1, 3, 6, 9, 12, 14};
    char expected[12];
    unsigned i;

    send(0xE7);
    enable();
    for (i = 0; i < sizeof scaled; i++) {
        move((s32)i + 1, 0, 0, 0);
        snprintf(expected, sizeof expected, "08 %02X 00", scaled[i]);
        cr_assert_str_eq(said(), expected);
        next_sample();
    }
    move(200, 0, 0, 0);
    cr_assert_str_eq(said(), "08 FE 00");
    next_sample();
    cr_assert_str_eq(said(), "08 92 00");
    send(0xF0);
    move(5, 0, 0, 0);
    cr_assert_str_eq(send(0xEB), "FA 08 05 00");
}

Test(ps2mouse, remote_mode_reports_when_asked)
{
    send(0xF0);
    move(1, 1, 0, 0);
    rig_advance_ns(&rig, 100 * MS);
    cr_assert_str_eq(said(), "");
    move(1, 1, 0, MOUSE_LEFT);
    cr_assert_str_eq(send(0xEB), "FA 29 02 FE");
    cr_assert_str_eq(send(0xEB), "FA 09 00 00");
    cr_assert_str_eq(send(0xEA), "FA");
    move(1, 1, 0, 0);
    cr_assert_str_eq(said(), "", "stream mode again, and not enabled");
}

Test(ps2mouse, wrap_mode_echoes_all_but_reset_and_its_end)
{
    cr_assert_str_eq(send(0xEE), "FA");
    cr_assert_str_eq(send(0xF4), "F4");
    cr_assert_str_eq(send(0x00), "00");
    cr_assert_str_eq(send(0xEC), "FA");
    cr_assert_str_eq(send(0xF2), "FA 00");
    send(0xEE);
    cr_assert_str_eq(send(0xFF), "FA");
}

Test(ps2mouse, status_shows_settings_and_buttons)
{
    cr_assert_str_eq(send(0xE9), "FA 00 02 64", "4 counts a mm, 100 a second");
    send(0xE8);
    cr_assert_str_eq(send(3), "FA");
    send(0xF3);
    send(200);
    send(0xE7);
    send(0xF4);
    move(0, 0, 0, MOUSE_LEFT);
    said();
    cr_assert_str_eq(send(0xE9), "FA 34 03 C8");
    send(0xF0);
    move(0, 0, 0, MOUSE_RIGHT | MOUSE_MIDDLE);
    cr_assert_str_eq(send(0xE9), "FA 73 03 C8");
    send(0xF6);
    cr_assert_str_eq(send(0xE9), "FA 03 02 64", "defaults");
}

Test(ps2mouse, knock_makes_it_an_intellimouse)
{
    cr_assert_str_eq(send(0xF2), "FA 00");
    rates(200, 100, 80);
    cr_assert_str_eq(send(0xF2), "FA 03");
    enable();
    move(1, 0, 1, 0);
    cr_assert_str_eq(said(), "08 01 00 01");
    next_sample();
    move(0, 0, -2, 0);
    cr_assert_str_eq(said(), "08 00 00 FE");
    send(0xFF);
    rig_advance_ns(&rig, 1000 * MS);
    said();
    cr_assert_str_eq(send(0xF2), "FA 00", "until it is reset");
}

Test(ps2mouse, second_knock_makes_it_an_explorer_with_five_buttons)
{
    rates(200, 200, 80);
    cr_assert_str_eq(send(0xF2), "FA 00", "not without the first");
    rates(200, 100, 80);
    rates(200, 200, 80);
    cr_assert_str_eq(send(0xF2), "FA 04");
    enable();
    move(0, 0, -1, MOUSE_SIDE);
    cr_assert_str_eq(said(), "08 00 00 1F");
    next_sample();
    move(0, 0, 9, MOUSE_EXTRA);
    cr_assert_str_eq(said(), "08 00 00 27");
    next_sample();
    cr_assert_str_eq(said(), "08 00 00 22");
}

Test(ps2mouse, wheel_and_side_buttons_do_not_disturb_a_plain_mouse)
{
    enable();
    move(0, 0, 3, MOUSE_SIDE);
    cr_assert_str_eq(said(), "");
}

Test(ps2mouse, second_mistake_in_a_row_is_an_error)
{
    cr_assert_str_eq(send(0xE1), "FE");
    cr_assert_str_eq(send(0xE1), "FC");
    cr_assert_str_eq(send(0xF3), "FA");
    cr_assert_str_eq(send(33), "FE", "no such rate");
    cr_assert_str_eq(send(40), "FA");
}

Test(ps2mouse, command_in_place_of_an_argument_is_obeyed)
{
    cr_assert_str_eq(send(0xF3), "FA");
    cr_assert_str_eq(send(0xF4), "FA", "enable");
    cr_assert_str_eq(send(0xE9), "FA 20 02 64");
}

/* What Linux sends to find a Sentelic pad: real ones answer FE and FC, then obey again. */
Test(ps2mouse, error_ends_the_wait_for_an_argument)
{
    cr_assert_str_eq(send(0xF3), "FA");
    cr_assert_str_eq(send(0x66), "FE");
    cr_assert_str_eq(send(0x88), "FC");
    cr_assert_str_eq(send(0x0A), "FE", "no argument any more");
    cr_assert_str_eq(send(0xF4), "FA");
}

Test(ps2mouse, resend_repeats_the_last_answer_whole)
{
    send(0xE9);
    cr_assert_str_eq(send(0xFE), "FA 00 02 64");
}

Test(ps2mouse, power_on_defines_everything)
{
    rates(200, 100, 80);
    send(0xEE);
    move(1, 1, 1, MOUSE_LEFT);
    device_reset(mouse);
    cr_assert_str_eq(said(), "");
    cr_assert_str_eq(send(0xF2), "FA 00");
    cr_assert_str_eq(send(0xE9), "FA 00 02 64");
}

Test(ps2mouse, state_saved_between_two_bytes_and_samples_goes_on)
{
    static struct rig rig2;
    struct device *copy, *original = mouse;

    rig_setup(&rig2);
    copy = ps2mouse_create(rig2.clock, rig_line(&rig2, REQUEST));
    device_reset(copy);
    enable();
    move(1, 0, 0, MOUSE_LEFT);
    ps2mouse_take_byte(mouse);
    move(400, 0, 0, MOUSE_LEFT);
    rig_transfer(&rig2, copy, &rig, mouse);
    mouse = copy;
    cr_assert_str_eq(said(), "01 00");
    rig_advance_ns(&rig2, 10 * MS);
    cr_assert_str_eq(said(), "09 FF 00");
    rig_advance_ns(&rig2, 10 * MS);
    cr_assert_str_eq(said(), "09 91 00");
    mouse = original;
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    rig_advance_ns(&rig, 100 * MS);
    move(300, -300, 2, MOUSE_LEFT);
    said();
    send(0xE9);
    send(0xEB);
    send(0xFE);
}

Test(ps2mouse, damaged_state_is_refused_or_harmless)
{
    rates(200, 100, 80);
    enable();
    move(3000, 0, 0, MOUSE_LEFT);
    ps2mouse_take_byte(mouse);
    cr_assert_gt(rig_damage(mouse, 2000, poke, NULL), 500);
}
