/* Keys by name and by character. Codes: Keyboard Scan Code Specification, Appendix C. */
#include "devices/host/input.h"

#include <criterion/criterion.h>

Test(input, keys_have_the_names_people_use)
{
    static const struct {
        const char *name;
        u16 key;
    } t[] = {
        {"esc", 0x01},        {"1", 0x02},         {"0", 0x0B},          {"-", 0x0C},
        {"minus", 0x0C},      {"backspace", 0x0E}, {"a", 0x1E},          {"A", 0x1E},
        {"ENTER", 0x1C},      {"ret", 0x1C},       {"ctrl", 0x1D},       {"Ctrl_R", 0x11D},
        {"shift", 0x2A},      {"shift_r", 0x36},   {"alt", 0x38},        {"altgr", 0x138},
        {"space", 0x39},      {"spc", 0x39},       {"caps_lock", 0x3A},  {"f1", 0x3B},
        {"F10", 0x44},        {"f11", 0x57},       {"f12", 0x58},        {"kp5", 0x4C},
        {"kp_enter", 0x11C},  {"up", 0x148},       {"Page-Down", 0x151}, {"delete", 0x153},
        {"kp_divide", 0x135}, {"win", 0x15B},      {"menu", 0x15D},      {"[", 0x1A},
        {"print", 0x137},     {"pause", 0x200},    {"less", 0x56},       {"kp-", 0},
        {"\\", 0x2B},         {"kp+", 0x4E},       {"kp.", 0x53},        {"num lock", 0x45},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++)
        cr_assert_eq(key_by_name(t[i].name), t[i].key, "%s: 0x%X", t[i].name,
                     key_by_name(t[i].name));
}

Test(input, unknown_names_are_no_key)
{
    static const char *names[] = {"", " ", "!", "f13", "ctr", "ctrlx", "enterr", "\x80"};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(names); i++)
        cr_assert_eq(key_by_name(names[i]), 0, "'%s'", names[i]);
}

/* Every make code of a 104-key keyboard has a name. */
Test(input, all_104_keys_can_be_named)
{
    static const char *names[] = {
        "esc",        "f1",        "f2",       "f3",      "f4",       "f5",         "f6",
        "f7",         "f8",        "f9",       "f10",     "f11",      "f12",        "printscreen",
        "scrolllock", "pause",     "`",        "1",       "2",        "3",          "4",
        "5",          "6",         "7",        "8",       "9",        "0",          "-",
        "=",          "backspace", "tab",      "q",       "w",        "e",          "r",
        "t",          "y",         "u",        "i",       "o",        "p",          "[",
        "]",          "\\",        "capslock", "a",       "s",        "d",          "f",
        "g",          "h",         "j",        "k",       "l",        ";",          "'",
        "enter",      "shift",     "z",        "x",       "c",        "v",          "b",
        "n",          "m",         ",",        ".",       "/",        "rshift",     "ctrl",
        "lwin",       "alt",       "space",    "ralt",    "rwin",     "menu",       "rctrl",
        "insert",     "home",      "pageup",   "delete",  "end",      "pagedown",   "up",
        "left",       "down",      "right",    "numlock", "kpdivide", "kpmultiply", "kpminus",
        "kp7",        "kp8",       "kp9",      "kpplus",  "kp4",      "kp5",        "kp6",
        "kp1",        "kp2",       "kp3",      "kpenter", "kp0",      "kpdot",
    };
    static bool seen[0x201];
    unsigned i;
    u16 key;

    cr_assert_eq(ARRAY_LEN(names), 104);
    for (i = 0; i < ARRAY_LEN(names); i++) {
        key = key_by_name(names[i]);
        cr_assert(key && key <= 0x200, "%s", names[i]);
        cr_assert_not(seen[key], "%s is a second name of 0x%X", names[i], key);
        seen[key] = true;
    }
}

Test(input, every_printable_character_can_be_typed)
{
    bool shift, seen[0x100][2] = {0};
    u16 key;
    int c;

    for (c = ' '; c <= '~'; c++) {
        cr_assert(key_for_char((char)c, &key, &shift), "'%c'", c);
        cr_assert_not(seen[key][shift], "'%c'", c);
        seen[key][shift] = true;
    }
}

Test(input, characters_are_on_the_keys_of_a_us_keyboard)
{
    static const struct {
        char c;
        u16 key;
        bool shift;
    } t[] = {
        {'a', 0x1E, false},  {'A', 0x1E, true},   {'1', 0x02, false}, {'!', 0x02, true},
        {'@', 0x03, true},   {'_', 0x0C, true},   {'+', 0x0D, true},  {'{', 0x1A, true},
        {':', 0x27, true},   {'"', 0x28, true},   {'~', 0x29, true},  {'|', 0x2B, true},
        {'?', 0x35, true},   {'m', 0x32, false},  {'p', 0x19, false}, {'\n', 0x1C, false},
        {'\t', 0x0F, false}, {'\b', 0x0E, false}, {' ', 0x39, false}, {0x1B, 0x01, false},
    };
    unsigned i;
    bool shift;
    u16 key;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        cr_assert(key_for_char(t[i].c, &key, &shift));
        cr_assert_eq(key, t[i].key, "0x%02X", t[i].c);
        cr_assert_eq(shift, t[i].shift, "0x%02X", t[i].c);
    }
    cr_assert_not(key_for_char(0, &key, &shift));
    cr_assert_not(key_for_char((char)0xE4, &key, &shift));
    cr_assert_not(key_for_char(0x03, &key, &shift));
}
