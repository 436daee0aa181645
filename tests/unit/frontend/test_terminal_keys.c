/* What terminals send, as keys. Sequences: the sources that terminal_keys.c names. */
#include "frontend/terminal_keys.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct terminal_keys keys;
static char heard[400]; /* "1E 11C+ctrl host " */

static void on_stroke(void *opaque, struct typist_stroke s)
{
    size_t at = strlen(heard);

    snprintf(heard + at, sizeof heard - at, "%X%s%s%s ", s.key,
             s.modifiers & TYPIST_SHIFT ? "+shift" : "", s.modifiers & TYPIST_CTRL ? "+ctrl" : "",
             s.modifiers & TYPIST_ALT ? "+alt" : "");
}

static void on_host(void *opaque)
{
    strcat(heard, "host ");
}

static void setup(void)
{
    terminal_keys_init(&keys, on_stroke, on_host, NULL);
    heard[0] = 0;
}

TestSuite(terminal_keys, .init = setup, .timeout = 60);

static void send(const char *bytes)
{
    while (*bytes)
        terminal_keys_feed(&keys, (u8)*bytes++);
}

static void expect(const char *bytes, const char *what)
{
    setup();
    send(bytes);
    if (terminal_keys_pending(&keys))
        terminal_keys_timeout(&keys);
    cr_assert_str_eq(heard, what);
    cr_assert(!terminal_keys_pending(&keys));
}

Test(terminal_keys, letters_digits_and_signs_are_keys_of_a_us_keyboard)
{
    expect("aZ1!", "1E 2C+shift 2 2+shift ");
    expect("\r", "1C ");
    expect("\t", "F ");
    expect(" ", "39 ");
}

Test(terminal_keys, backspace_comes_in_two_ways)
{
    expect("\177", "E ");
    expect("\b", "E ");
}

Test(terminal_keys, control_characters_are_letters_with_ctrl)
{
    expect("\003", "2E+ctrl ");
    expect("\032", "2C+ctrl ");
    expect("\034", "2B+ctrl ");
    terminal_keys_feed(&keys, 0);
    cr_assert_str_eq(heard, "2B+ctrl 39+ctrl ");
}

Test(terminal_keys, ctrl_right_bracket_is_ours)
{
    expect("\035a", "host 1E ");
}

Test(terminal_keys, cursor_keys_in_both_modes)
{
    expect("\033[A\033[B\033[C\033[D", "148 150 14D 14B ");
    expect("\033OA\033OB\033OC\033OD", "148 150 14D 14B ");
    expect("\033[H\033[F\033OH\033OF", "147 14F 147 14F ");
}

Test(terminal_keys, keys_with_numbers)
{
    expect("\033[1~\033[2~\033[3~\033[4~\033[5~\033[6~", "147 152 153 14F 149 151 ");
}

Test(terminal_keys, function_keys_of_vt220_and_xterm)
{
    expect("\033OP\033OQ\033OR\033OS", "3B 3C 3D 3E ");
    expect("\033[11~\033[12~\033[13~\033[14~\033[15~", "3B 3C 3D 3E 3F ");
    expect("\033[17~\033[18~\033[19~\033[20~\033[21~", "40 41 42 43 44 ");
    expect("\033[23~\033[24~", "57 58 ");
    expect("\033[25~", "3B+shift ");
}

Test(terminal_keys, function_keys_of_the_linux_console)
{
    expect("\033[[A\033[[B\033[[C\033[[D\033[[E", "3B 3C 3D 3E 3F ");
    expect("\033[[Z", "");
}

Test(terminal_keys, modifiers_are_the_second_number)
{
    expect("\033[1;2A", "148+shift ");
    expect("\033[1;3A", "148+alt ");
    expect("\033[1;5A", "148+ctrl ");
    expect("\033[1;8A", "148+shift+ctrl+alt ");
    expect("\033[3;5~", "153+ctrl ");
    expect("\033[1;5P", "3B+ctrl ");
    expect("\033[Z", "F+shift ");
}

Test(terminal_keys, keys_that_xterm_reports_by_their_character)
{
    expect("\033[27;5;13~", "1C+ctrl ");
    expect("\033[9;5u", "F+ctrl ");
}

Test(terminal_keys, the_keypad_in_application_mode)
{
    expect("\033OM\033Oj\033Ok\033Om\033Oo\033Op\033Oy", "11C 37 4E 4A 135 52 49 ");
}

Test(terminal_keys, esc_before_a_key_is_alt)
{
    expect("\033x", "2D+alt ");
    expect("\033X", "2D+shift+alt ");
    expect("\033\003", "2E+ctrl+alt ");
    expect("\033\033[A", "148+alt ");
}

Test(terminal_keys, a_lone_esc_is_told_by_the_pause)
{
    send("\033");
    cr_assert(terminal_keys_pending(&keys));
    cr_assert_str_eq(heard, "");
    terminal_keys_timeout(&keys);
    cr_assert_str_eq(heard, "1 ");
    expect("\033\033", "1 1 ");
    expect("\033[", "1A+alt ");
    expect("\033O", "18+shift+alt ");
}

Test(terminal_keys, sequences_in_pieces_are_one)
{
    send("\033");
    send("[");
    send("1");
    send(";5");
    cr_assert_str_eq(heard, "");
    send("D");
    cr_assert_str_eq(heard, "14B+ctrl ");
}

Test(terminal_keys, what_is_no_key_is_passed_over)
{
    expect("\033[?1;2cq", "10 ");         /* device attributes */
    expect("\033[200~a\033[201~", "1E "); /* bracketed paste */
    expect("\033[99~a", "1E ");
    expect("\033[1;2;3;4;5;6;7Aa", "1E ");
    expect("\033[99999999999999999999~a", "1E ");
    expect("\303\244a", "1E "); /* U+00E4 */
    expect("\360\237\230\200a", "1E ");
    expect("\303a", "1E ");
}

Test(terminal_keys, a_control_character_breaks_a_sequence_off)
{
    expect("\033[1;\nA", "1E+shift ");
}

Test(terminal_keys, every_byte_after_every_state_ends_in_something_sane)
{
    static const char *const begun[] = {"", "\033", "\033[", "\033[1;", "\033O", "\033[[", "\303"};
    unsigned i, c;

    for (i = 0; i < ARRAY_LEN(begun); i++)
        for (c = 0; c < 256; c++) {
            setup();
            send(begun[i]);
            terminal_keys_feed(&keys, (u8)c);
            terminal_keys_timeout(&keys);
            cr_assert(!terminal_keys_pending(&keys));
            heard[0] = 0;
            send("q");
            cr_assert_str_eq(heard, "10 ");
        }
}
