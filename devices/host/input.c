/*
 * Keys by name and by character. Key numbers are set 1 make codes: Microsoft, "Keyboard Scan Code
 * Specification", Appendix C, which also names the keys.
 */
#include "devices/host/input.h"

#include <ctype.h>
#include <string.h>

/* Each key's names, the first one ours. Compared without case, '_', '-' and ' '. */
static const struct {
    u16 key;
    const char *names[6];
} key_names[] = {
    {0x01, {"esc", "escape"}},
    {0x0C, {"minus"}},
    {0x0D, {"equal", "equals"}},
    {0x0E, {"backspace", "bksp", "bs"}},
    {0x0F, {"tab"}},
    {0x1A, {"bracketleft", "leftbracket", "lbracket"}},
    {0x1B, {"bracketright", "rightbracket", "rbracket"}},
    {0x1C, {"enter", "return", "ret"}},
    {0x1D, {"ctrl", "control", "lctrl", "ctrll", "leftctrl", "controll"}},
    {0x27, {"semicolon"}},
    {0x28, {"apostrophe", "quote"}},
    {0x29, {"grave", "backtick", "graveaccent", "tilde"}},
    {0x2A, {"shift", "lshift", "shiftl", "leftshift"}},
    {0x2B, {"backslash"}},
    {0x33, {"comma"}},
    {0x34, {"dot", "period"}},
    {0x35, {"slash"}},
    {0x36, {"rshift", "shiftr", "rightshift"}},
    {0x37, {"kpmultiply", "kpasterisk", "kpstar", "kp*", "asterisk"}},
    {0x38, {"alt", "lalt", "altl", "leftalt"}},
    {0x39, {"space", "spc", "spacebar"}},
    {0x3A, {"capslock", "caps"}},
    {0x3B, {"f1"}},
    {0x3C, {"f2"}},
    {0x3D, {"f3"}},
    {0x3E, {"f4"}},
    {0x3F, {"f5"}},
    {0x40, {"f6"}},
    {0x41, {"f7"}},
    {0x42, {"f8"}},
    {0x43, {"f9"}},
    {0x44, {"f10"}},
    {0x45, {"numlock", "num"}},
    {0x46, {"scrolllock", "scroll"}},
    {0x47, {"kp7", "kphome"}},
    {0x48, {"kp8", "kpup"}},
    {0x49, {"kp9", "kppgup", "kppageup"}},
    {0x4A, {"kpminus", "kpsubtract"}},
    {0x4B, {"kp4", "kpleft"}},
    {0x4C, {"kp5", "kpcenter", "kpbegin"}},
    {0x4D, {"kp6", "kpright"}},
    {0x4E, {"kpplus", "kpadd", "kp+"}},
    {0x4F, {"kp1", "kpend"}},
    {0x50, {"kp2", "kpdown"}},
    {0x51, {"kp3", "kppgdn", "kppagedown"}},
    {0x52, {"kp0", "kpinsert", "kpins"}},
    {0x53, {"kpdot", "kpperiod", "kpdecimal", "kpdelete", "kpdel", "kp."}},
    {0x56, {"less", "102nd", "oem102", "iso"}},
    {0x57, {"f11"}},
    {0x58, {"f12"}},
    {0x70, {"katakana", "hiragana", "katakanahiragana"}},
    {0x73, {"ro"}},
    {0x79, {"henkan", "convert"}},
    {0x7B, {"muhenkan", "nonconvert"}},
    {0x7D, {"yen"}},
    {KEY_E0 | 0x1C, {"kpenter"}},
    {KEY_E0 | 0x1D, {"rctrl", "ctrlr", "rightctrl", "controlr"}},
    {KEY_E0 | 0x35, {"kpdivide", "kpslash", "kp/"}},
    {KEY_PRINT_SCREEN, {"printscreen", "print", "prtsc", "prtscr", "sysrq"}},
    {KEY_E0 | 0x38, {"ralt", "altr", "altgr", "rightalt"}},
    {KEY_E0 | 0x47, {"home"}},
    {KEY_E0 | 0x48, {"up", "cursorup"}},
    {KEY_E0 | 0x49, {"pageup", "pgup", "prior"}},
    {KEY_E0 | 0x4B, {"left", "cursorleft"}},
    {KEY_E0 | 0x4D, {"right", "cursorright"}},
    {KEY_E0 | 0x4F, {"end"}},
    {KEY_E0 | 0x50, {"down", "cursordown"}},
    {KEY_E0 | 0x51, {"pagedown", "pgdn", "pgdown", "next"}},
    {KEY_E0 | 0x52, {"insert", "ins"}},
    {KEY_E0 | 0x53, {"delete", "del"}},
    {KEY_E0 | 0x5B, {"lwin", "win", "super", "meta", "metal", "leftwin"}},
    {KEY_E0 | 0x5C, {"rwin", "rsuper", "rmeta", "metar", "rightwin"}},
    {KEY_E0 | 0x5D, {"menu", "apps", "compose"}},
    {KEY_E0 | 0x5E, {"power"}},
    {KEY_E0 | 0x5F, {"sleep"}},
    {KEY_E0 | 0x63, {"wake"}},
    {KEY_PAUSE, {"pause", "break", "pausebreak"}},
};

/* The characters on the US keyboard, without and with Shift, in the order of the key numbers. */
static const struct {
    u8 first; /* key of the first character */
    const char *plain, *shifted;
} key_rows[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1E, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
};

static bool is_filler(char c)
{
    return c == '_' || c == '-' || c == ' ';
}

static bool same_name(const char *given, const char *name)
{
    for (;; given++, name++) {
        while (is_filler(*given))
            given++;
        if (tolower((u8)*given) != *name)
            return false;
        if (!*name)
            return true;
    }
}

u16 key_by_name(const char *name)
{
    unsigned i, j;
    bool shift;
    u16 key;

    /* A key that is named after what it types: "a", "A", "7", "[", but not "!". */
    if (name[0] > ' ' && !name[1])
        return key_for_char((char)tolower((u8)name[0]), &key, &shift) && !shift ? key : 0;
    for (i = 0; i < ARRAY_LEN(key_names); i++)
        for (j = 0; j < ARRAY_LEN(key_names[i].names) && key_names[i].names[j]; j++)
            if (same_name(name, key_names[i].names[j]))
                return key_names[i].key;
    return 0;
}

static u16 control_key(char c)
{
    switch (c) {
    case '\n':
    case '\r': return 0x1C;
    case '\t': return 0x0F;
    case '\b':
    case 0x7F: /* what a terminal sends for Backspace */ return 0x0E;
    case 0x1B: return 0x01;
    case ' ': return 0x39;
    default: return 0;
    }
}

bool key_for_char(char c, u16 *key, bool *shift)
{
    const char *at;
    unsigned i;

    *shift = false;
    *key = control_key(c);
    if (*key)
        return true;
    for (i = 0; c && i < ARRAY_LEN(key_rows); i++) {
        at = strchr(key_rows[i].plain, c);
        if (at) {
            *key = (u16)(key_rows[i].first + (at - key_rows[i].plain));
            return true;
        }
        at = strchr(key_rows[i].shifted, c);
        if (at) {
            *key = (u16)(key_rows[i].first + (at - key_rows[i].shifted));
            *shift = true;
            return true;
        }
    }
    return false;
}
