/* The keys of the window system. Source: Microsoft, "Keyboard Scan Code Specification". */
#include "frontend/window_keys.h"

#include <criterion/criterion.h>

#ifdef HAVE_SDL2
#include "devices/host/input.h"

#include <SDL.h>

/* All keys of a 104-key keyboard by SDL's name, with their set 1 codes (Appendix C). */
static const struct {
    const char *name;
    u16 key;
} all[] = {
    {"Escape", 0x01},
    {"1", 0x02},
    {"2", 0x03},
    {"3", 0x04},
    {"4", 0x05},
    {"5", 0x06},
    {"6", 0x07},
    {"7", 0x08},
    {"8", 0x09},
    {"9", 0x0A},
    {"0", 0x0B},
    {"-", 0x0C},
    {"=", 0x0D},
    {"Backspace", 0x0E},
    {"Tab", 0x0F},
    {"Q", 0x10},
    {"W", 0x11},
    {"E", 0x12},
    {"R", 0x13},
    {"T", 0x14},
    {"Y", 0x15},
    {"U", 0x16},
    {"I", 0x17},
    {"O", 0x18},
    {"P", 0x19},
    {"[", 0x1A},
    {"]", 0x1B},
    {"Return", 0x1C},
    {"Left Ctrl", 0x1D},
    {"A", 0x1E},
    {"S", 0x1F},
    {"D", 0x20},
    {"F", 0x21},
    {"G", 0x22},
    {"H", 0x23},
    {"J", 0x24},
    {"K", 0x25},
    {"L", 0x26},
    {";", 0x27},
    {"'", 0x28},
    {"`", 0x29},
    {"Left Shift", 0x2A},
    {"\\", 0x2B},
    {"Z", 0x2C},
    {"X", 0x2D},
    {"C", 0x2E},
    {"V", 0x2F},
    {"B", 0x30},
    {"N", 0x31},
    {"M", 0x32},
    {",", 0x33},
    {".", 0x34},
    {"/", 0x35},
    {"Right Shift", 0x36},
    {"Keypad *", 0x37},
    {"Left Alt", 0x38},
    {"Space", 0x39},
    {"CapsLock", 0x3A},
    {"F1", 0x3B},
    {"F2", 0x3C},
    {"F3", 0x3D},
    {"F4", 0x3E},
    {"F5", 0x3F},
    {"F6", 0x40},
    {"F7", 0x41},
    {"F8", 0x42},
    {"F9", 0x43},
    {"F10", 0x44},
    {"Numlock", 0x45},
    {"ScrollLock", 0x46},
    {"Keypad 7", 0x47},
    {"Keypad 8", 0x48},
    {"Keypad 9", 0x49},
    {"Keypad -", 0x4A},
    {"Keypad 4", 0x4B},
    {"Keypad 5", 0x4C},
    {"Keypad 6", 0x4D},
    {"Keypad +", 0x4E},
    {"Keypad 1", 0x4F},
    {"Keypad 2", 0x50},
    {"Keypad 3", 0x51},
    {"Keypad 0", 0x52},
    {"Keypad .", 0x53},
    {"F11", 0x57},
    {"F12", 0x58},
    {"Keypad Enter", 0x11C},
    {"Right Ctrl", 0x11D},
    {"Keypad /", 0x135},
    {"PrintScreen", 0x137},
    {"Right Alt", 0x138},
    {"Home", 0x147},
    {"Up", 0x148},
    {"PageUp", 0x149},
    {"Left", 0x14B},
    {"Right", 0x14D},
    {"End", 0x14F},
    {"Down", 0x150},
    {"PageDown", 0x151},
    {"Insert", 0x152},
    {"Delete", 0x153},
    {"Left GUI", 0x15B},
    {"Right GUI", 0x15C},
    {"Application", 0x15D},
    {"Pause", 0x200},
};

Test(window_keys, every_key_of_a_104_key_keyboard_has_its_set_1_code)
{
    unsigned i;

    cr_assert_eq(ARRAY_LEN(all), 104);
    for (i = 0; i < ARRAY_LEN(all); i++) {
        SDL_Scancode code = SDL_GetScancodeFromName(all[i].name);

        cr_assert_neq(code, SDL_SCANCODE_UNKNOWN, "SDL has no %s", all[i].name);
        cr_assert_eq(window_key((int)code), all[i].key, "%s gives %X", all[i].name,
                     window_key((int)code));
    }
}

Test(window_keys, the_102nd_key_and_the_japanese_ones_are_there)
{
    cr_assert_eq(window_key(SDL_SCANCODE_NONUSBACKSLASH), 0x56);
    cr_assert_eq(window_key(SDL_SCANCODE_INTERNATIONAL1), 0x73);
    cr_assert_eq(window_key(SDL_SCANCODE_INTERNATIONAL2), 0x70);
    cr_assert_eq(window_key(SDL_SCANCODE_INTERNATIONAL3), 0x7D);
    cr_assert_eq(window_key(SDL_SCANCODE_INTERNATIONAL4), 0x79);
    cr_assert_eq(window_key(SDL_SCANCODE_INTERNATIONAL5), 0x7B);
}

Test(window_keys, every_key_with_a_name_can_be_pressed)
{
    static const char *const names[] = {"f13", "f24"};
    unsigned key, code, i;
    bool found;

    for (i = 0; i < ARRAY_LEN(all); i++) {
        key = all[i].key;
        for (code = 0, found = false; code < SDL_NUM_SCANCODES && !found; code++)
            found = window_key((int)code) == key;
        cr_assert(found, "nothing gives %X", key);
    }
    for (i = 0; i < ARRAY_LEN(names); i++)
        cr_assert(window_key((int)SDL_GetScancodeFromName(names[i])));
}

Test(window_keys, no_number_is_out_of_bounds)
{
    int code;

    for (code = -5; code < SDL_NUM_SCANCODES + 5; code++)
        cr_assert_leq(window_key(code), KEY_PAUSE);
    cr_assert_eq(window_key(-1), 0);
    cr_assert_eq(window_key(SDL_NUM_SCANCODES), 0);
}
#endif
