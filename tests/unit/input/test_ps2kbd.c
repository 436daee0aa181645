/* The keyboard by itself: codes and commands as IBM's PS/2 technical reference lists them. */
#include "base/clock.h"
#include "devices/host/input.h"
#include "devices/input/ps2kbd.h"
#include "devices/input/scancodes.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum {
    REQUEST = 0,
    KEY_A = 0x1E,
    KEY_B = 0x30,
    KEY_CTRL = 0x1D,
    KEY_LEFT_SHIFT = 0x2A,
    KEY_RIGHT_SHIFT = 0x36,
    KEY_ALT = 0x38,
    KEY_LEFT = 0x14B,
    KEY_SLASH = 0x135,
    MS = 1000000,
};

static struct rig rig;
static struct device *kbd;

/* Everything the keyboard has to say, as hexadecimal text. */
static const char *said(void)
{
    static char text[200];
    size_t n = 0;

    text[0] = 0;
    while (ps2kbd_has_byte(kbd) && n < sizeof text - 4)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%02X", n ? " " : "",
                              ps2kbd_take_byte(kbd));
    return text;
}

static const char *send(u8 byte)
{
    ps2kbd_receive(kbd, byte);
    return said();
}

static void set(u8 command, u8 argument)
{
    send(command);
    send(argument);
}

static const char *press(u16 number)
{
    ps2kbd_key(kbd, number, true);
    return said();
}

static const char *release(u16 number)
{
    ps2kbd_key(kbd, number, false);
    return said();
}

static void setup(void)
{
    rig_setup(&rig);
    kbd = ps2kbd_create(rig.clock, rig_line(&rig, REQUEST));
    kbd->log = rig.log;
    device_reset(kbd);
}

static void teardown(void)
{
    device_destroy(kbd);
    rig_teardown(&rig);
}

TestSuite(ps2kbd, .init = setup, .fini = teardown);

Test(ps2kbd, set_2_is_the_default)
{
    cr_assert_str_eq(press(KEY_A), "1C");
    cr_assert_str_eq(release(KEY_A), "F0 1C");
    cr_assert_str_eq(press(0x41), "83"); /* F7 */
    cr_assert_str_eq(press(KEY_LEFT), "E0 6B");
    cr_assert_str_eq(release(KEY_LEFT), "E0 F0 6B");
}

Test(ps2kbd, set_1_sends_the_keys_own_numbers)
{
    set(0xF0, 1);
    cr_assert_str_eq(press(KEY_A), "1E");
    cr_assert_str_eq(release(KEY_A), "9E");
    cr_assert_str_eq(press(KEY_LEFT), "E0 4B");
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB");
}

Test(ps2kbd, set_3_has_one_code_a_key_and_breaks_for_modifiers_only)
{
    set(0xF0, 3);
    cr_assert_str_eq(press(KEY_A), "1C");
    cr_assert_str_eq(release(KEY_A), "");
    cr_assert_str_eq(press(KEY_CTRL), "11");
    cr_assert_str_eq(release(KEY_CTRL), "F0 11");
    cr_assert_str_eq(press(KEY_LEFT), "61");
    cr_assert_str_eq(press(KEY_PAUSE), "62");
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "57");
    cr_assert_str_eq(press(0x11C), "79", "keypad Enter");
}

Test(ps2kbd, pause_sends_make_and_break_at_once)
{
    cr_assert_str_eq(press(KEY_PAUSE), "E1 14 77 E1 F0 14 F0 77");
    cr_assert_str_eq(release(KEY_PAUSE), "");
    set(0xF0, 1);
    cr_assert_str_eq(press(KEY_PAUSE), "E1 1D 45 E1 9D C5");
    press(KEY_CTRL);
    cr_assert_str_eq(press(KEY_PAUSE), "E0 46 E0 C6", "Break");
}

Test(ps2kbd, print_screen_depends_on_shift_ctrl_and_alt)
{
    set(0xF0, 1);
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "E0 2A E0 37");
    cr_assert_str_eq(release(KEY_PRINT_SCREEN), "E0 B7 E0 AA");
    press(KEY_CTRL);
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "E0 37");
    cr_assert_str_eq(release(KEY_PRINT_SCREEN), "E0 B7");
    release(KEY_CTRL);
    press(KEY_ALT);
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "54");
    release(KEY_ALT);
    cr_assert_str_eq(release(KEY_PRINT_SCREEN), "D4", "as it went down");
    set(0xF0, 2);
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "E0 12 E0 7C");
    cr_assert_str_eq(release(KEY_PRINT_SCREEN), "E0 F0 7C E0 F0 12");
    press(KEY_ALT);
    cr_assert_str_eq(press(KEY_PRINT_SCREEN), "84");
    cr_assert_str_eq(release(KEY_PRINT_SCREEN), "F0 84");
}

Test(ps2kbd, arrows_pretend_a_shift_while_num_lock_is_lit)
{
    set(0xF0, 1);
    set(0xED, 2);
    cr_assert_str_eq(press(KEY_LEFT), "E0 2A E0 4B");
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB E0 AA");
    press(KEY_LEFT_SHIFT);
    cr_assert_str_eq(press(KEY_LEFT), "E0 4B", "Shift undoes Num Lock");
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB");
}

Test(ps2kbd, arrows_hide_a_shift_while_num_lock_is_dark)
{
    set(0xF0, 1);
    press(KEY_LEFT_SHIFT);
    press(KEY_RIGHT_SHIFT);
    cr_assert_str_eq(press(KEY_LEFT), "E0 AA E0 B6 E0 4B");
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB E0 2A E0 36");
    press(KEY_LEFT);
    release(KEY_LEFT_SHIFT);
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB E0 36", "only what is still held comes back");
}

Test(ps2kbd, keypad_slash_hides_a_shift)
{
    set(0xF0, 1);
    set(0xED, 2);
    cr_assert_str_eq(press(KEY_SLASH), "E0 35");
    release(KEY_SLASH);
    press(KEY_LEFT_SHIFT);
    cr_assert_str_eq(press(KEY_SLASH), "E0 AA E0 35");
    cr_assert_str_eq(release(KEY_SLASH), "E0 B5 E0 2A");
}

Test(ps2kbd, key_repeats_after_500_ms_10_9_times_a_second)
{
    press(KEY_A);
    rig_advance_ns(&rig, 500 * MS - 1);
    cr_assert_str_eq(said(), "");
    rig_advance_ns(&rig, 1);
    cr_assert_str_eq(said(), "1C");
    rig_advance_ns(&rig, 1101ull * MS);
    cr_assert_str_eq(said(), "1C 1C 1C 1C 1C 1C 1C 1C 1C 1C 1C 1C");
    release(KEY_A);
    rig_advance_ns(&rig, 2000ull * MS);
    cr_assert_str_eq(said(), "");
}

Test(ps2kbd, typematic_rate_and_delay_are_set)
{
    set(0xF3, 0x00); /* 250 ms, 30 a second */
    press(KEY_A);
    rig_advance_ns(&rig, 250 * MS);
    cr_assert_str_eq(said(), "1C");
    rig_advance_ns(&rig, 100 * MS);
    cr_assert_str_eq(said(), "1C 1C 1C");
    set(0xF3, 0x7F); /* 1 s, 2 a second */
    press(KEY_B);
    rig_advance_ns(&rig, 1000 * MS);
    cr_assert_str_eq(said(), "32");
    rig_advance_ns(&rig, 1000 * MS);
    cr_assert_str_eq(said(), "32 32");
}

Test(ps2kbd, last_key_repeats_until_it_or_another_moves)
{
    press(KEY_A);
    press(KEY_B);
    rig_advance_ns(&rig, 500 * MS);
    cr_assert_str_eq(said(), "32");
    release(KEY_A);
    rig_advance_ns(&rig, 92 * MS);
    cr_assert_str_eq(said(), "32");
    release(KEY_B);
    rig_advance_ns(&rig, 500 * MS);
    cr_assert_str_eq(said(), "");
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
}

Test(ps2kbd, repeats_of_the_host_are_ignored)
{
    press(KEY_A);
    cr_assert_str_eq(press(KEY_A), "");
    release(KEY_A);
    cr_assert_str_eq(release(KEY_A), "");
}

Test(ps2kbd, buffer_of_16_ends_in_one_overrun_code)
{
    u16 k;

    for (k = 0x02; k <= 0x13; k++)
        ps2kbd_key(kbd, k, true);
    cr_assert_str_eq(said(), "16 1E 26 25 2E 36 3D 3E 46 45 4E 55 66 0D 15 1D 00");
    cr_assert_str_eq(press(KEY_A), "1C", "and works again when it is empty");
}

Test(ps2kbd, sequence_goes_into_the_buffer_whole_or_not_at_all)
{
    u16 k;

    set(0xF0, 1);
    for (k = 0x02; k <= 0x0C; k++)
        ps2kbd_key(kbd, k, true);
    ps2kbd_key(kbd, KEY_PAUSE, true);
    ps2kbd_key(kbd, KEY_A, true);
    cr_assert_str_eq(said(), "02 03 04 05 06 07 08 09 0A 0B 0C FF");
}

Test(ps2kbd, commands_are_acknowledged)
{
    static const u8 commands[] = {0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA};
    unsigned i;

    for (i = 0; i < sizeof commands; i++)
        cr_assert_str_eq(send(commands[i]), "FA");
    cr_assert_str_eq(send(0xEE), "EE", "echo is its own answer");
    cr_assert_str_eq(send(0xF2), "FA AB 83");
    cr_assert_str_eq(send(0xFE), "83", "resend");
}

Test(ps2kbd, undefined_commands_are_answered_resend)
{
    cr_assert_str_eq(send(0xEF), "FE");
    cr_assert_str_eq(send(0xF1), "FE");
    cr_assert_str_eq(send(0x12), "FE");
}

Test(ps2kbd, scan_set_is_reported)
{
    cr_assert_str_eq(send(0xF0), "FA");
    cr_assert_str_eq(send(0x00), "FA 02");
    set(0xF0, 3);
    send(0xF0);
    cr_assert_str_eq(send(0x00), "FA 03");
}

Test(ps2kbd, lights_follow_the_argument)
{
    cr_assert_str_eq(send(0xED), "FA");
    cr_assert_str_eq(send(0x05), "FA");
    cr_assert_eq(ps2kbd_leds(kbd), 5);
}

Test(ps2kbd, command_instead_of_an_argument_is_obeyed)
{
    send(0xED);
    cr_assert_str_eq(send(0xF4), "FA");
    cr_assert_str_eq(press(KEY_A), "1C");
    cr_assert_eq(ps2kbd_leds(kbd), 0);
}

Test(ps2kbd, keys_wait_while_an_argument_is_due)
{
    send(0xED);
    cr_assert_str_eq(press(KEY_A), "");
    cr_assert_str_eq(send(0x00), "FA 1C");
}

Test(ps2kbd, disabled_keyboard_sends_nothing)
{
    send(0xF5);
    cr_assert_str_eq(press(KEY_A), "");
    release(KEY_A);
    send(0xF4);
    cr_assert_str_eq(press(KEY_A), "1C");
}

Test(ps2kbd, key_types_of_set_3_are_set_one_by_one_or_together)
{
    set(0xF0, 3);
    cr_assert_str_eq(send(0xFC), "FA"); /* make/break, for the keys that follow */
    cr_assert_str_eq(send(0x1C), "FA");
    send(0xF4);
    press(KEY_A);
    cr_assert_str_eq(release(KEY_A), "F0 1C");
    press(KEY_B);
    cr_assert_str_eq(release(KEY_B), "");
    send(0xFA);
    press(KEY_B);
    cr_assert_str_eq(release(KEY_B), "F0 32");
}

Test(ps2kbd, reset_command_answers_then_tests_itself)
{
    set(0xF0, 1);
    set(0xED, 7);
    cr_assert_str_eq(send(0xFF), "FA");
    cr_assert_eq(ps2kbd_leds(kbd), 0);
    rig_advance_ns(&rig, 1000 * MS);
    cr_assert_str_eq(said(), "AA");
    cr_assert_str_eq(press(KEY_A), "1C");
}

Test(ps2kbd, power_on_defines_everything)
{
    set(0xF0, 1);
    set(0xED, 2);
    press(KEY_LEFT_SHIFT);
    send(0xF3);
    device_reset(kbd);
    cr_assert_str_eq(said(), "");
    cr_assert_str_eq(press(KEY_LEFT), "E0 6B");
    cr_assert_eq(ps2kbd_leds(kbd), 0);
}

Test(ps2kbd, codes_of_one_set_are_all_different)
{
    unsigned set2[256] = {0}, set3[256] = {0}, i;

    for (i = 0; i < ARRAY_LEN(scancodes); i++) {
        cr_assert_leq(++set2[scancodes[i].set2], scancodes[i].set2 ? 1 : 128);
        cr_assert_leq(++set3[scancodes[i].set3], scancodes[i].set3 ? 1 : 256);
        cr_assert_leq(++set3[scancodes[i].set3_e0], scancodes[i].set3_e0 ? 1 : 256);
    }
}

Test(ps2kbd, state_saved_during_repeat_and_argument_goes_on)
{
    static struct rig rig2;
    struct device *copy, *original = kbd;

    rig_setup(&rig2);
    copy = ps2kbd_create(rig2.clock, rig_line(&rig2, REQUEST));
    device_reset(copy);
    set(0xF0, 1);
    press(KEY_LEFT_SHIFT);
    ps2kbd_key(kbd, KEY_LEFT, true);
    ps2kbd_receive(kbd, 0xED);
    cr_assert_eq(ps2kbd_take_byte(kbd), 0xFA);
    rig_advance_ns(&rig, 400 * MS);
    rig_transfer(&rig2, copy, &rig, kbd);
    kbd = copy;
    cr_assert_str_eq(send(0x02), "FA E0 AA E0 4B");
    rig_advance_ns(&rig2, 100 * MS);
    cr_assert_str_eq(said(), "E0 4B");
    cr_assert_str_eq(release(KEY_LEFT), "E0 CB E0 2A");
    kbd = original;
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    rig_advance_ns(&rig, 1000 * MS);
    press(KEY_LEFT);
    press(KEY_PAUSE);
    press(KEY_PRINT_SCREEN);
    send(0xF2);
}

Test(ps2kbd, damaged_state_is_refused_or_harmless)
{
    ps2kbd_key(kbd, KEY_LEFT, true);
    ps2kbd_receive(kbd, 0xED);
    cr_assert_gt(rig_damage(kbd, 2000, poke, NULL), 500);
}
