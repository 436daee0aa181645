/*
 * Terminal input to PC keys.
 *
 * Sources: ECMA-48, "Control Sequences" (CSI, parameters, final byte); DEC VT220 Programmer
 * Reference, "Keyboard Codes" (ESC O x, CSI n ~); "XTerm Control Sequences", "PC-Style Function
 * Keys" (modifiers as second parameter, less one: 1 Shift, 2 Alt, 4 Ctrl) and "modifyOtherKeys";
 * console_codes(4) of Linux for CSI [ A. A letter after Esc is that letter with Alt.
 */
#include "frontend/terminal_keys.h"

#include "devices/host/input.h"

#include <string.h>

enum {
    ESC = 0x1B,
    DEL = 0x7F,
    PARAM_MAX = 0xFFFFFF,

    KEY_ESC = 0x01,
    KEY_TAB = 0x0F,
    KEY_F1 = 0x3B,
    KEY_F2 = 0x3C,
    KEY_F3 = 0x3D,
    KEY_F4 = 0x3E,
    KEY_F5 = 0x3F,
    KEY_KP5 = 0x4C,
    KEY_HOME = KEY_E0 | 0x47,
    KEY_UP = KEY_E0 | 0x48,
    KEY_PAGE_UP = KEY_E0 | 0x49,
    KEY_LEFT = KEY_E0 | 0x4B,
    KEY_RIGHT = KEY_E0 | 0x4D,
    KEY_END = KEY_E0 | 0x4F,
    KEY_DOWN = KEY_E0 | 0x50,
    KEY_PAGE_DOWN = KEY_E0 | 0x51,
    KEY_INSERT = KEY_E0 | 0x52,
    KEY_DELETE = KEY_E0 | 0x53,
};

/* A key by the final byte of CSI or SS3, or by the number before "~". */
struct named {
    u8 code;
    u16 key;
    u8 modifiers;
};

static const struct named by_letter[] = {
    {'A', KEY_UP, 0},
    {'B', KEY_DOWN, 0},
    {'C', KEY_RIGHT, 0},
    {'D', KEY_LEFT, 0},
    {'E', KEY_KP5, 0},
    {'F', KEY_END, 0},
    {'G', KEY_KP5, 0},
    {'H', KEY_HOME, 0},
    {'P', KEY_F1, 0},
    {'Q', KEY_F2, 0},
    {'R', KEY_F3, 0},
    {'S', KEY_F4, 0},
    {'Z', KEY_TAB, TYPIST_SHIFT},
};

/* The keypad in application mode, after SS3. */
static const struct named by_keypad[] = {
    {'M', KEY_E0 | 0x1C, 0}, {'j', 0x37, 0},          {'k', 0x4E, 0}, {'m', 0x4A, 0},
    {'n', 0x53, 0},          {'o', KEY_E0 | 0x35, 0}, {'p', 0x52, 0}, {'q', 0x4F, 0},
    {'r', 0x50, 0},          {'s', 0x51, 0},          {'t', 0x4B, 0}, {'u', 0x4C, 0},
    {'v', 0x4D, 0},          {'w', 0x47, 0},          {'x', 0x48, 0}, {'y', 0x49, 0},
};

/* F13 to F20 are Shift with F1 to F8 on keyboards that have twelve. */
static const struct named by_number[] = {
    {1, KEY_HOME, 0},
    {2, KEY_INSERT, 0},
    {3, KEY_DELETE, 0},
    {4, KEY_END, 0},
    {5, KEY_PAGE_UP, 0},
    {6, KEY_PAGE_DOWN, 0},
    {7, KEY_HOME, 0},
    {8, KEY_END, 0},
    {11, 0x3B, 0},
    {12, 0x3C, 0},
    {13, 0x3D, 0},
    {14, 0x3E, 0},
    {15, 0x3F, 0},
    {17, 0x40, 0},
    {18, 0x41, 0},
    {19, 0x42, 0},
    {20, 0x43, 0},
    {21, 0x44, 0},
    {23, 0x57, 0},
    {24, 0x58, 0},
    {25, 0x3B, TYPIST_SHIFT},
    {26, 0x3C, TYPIST_SHIFT},
    {28, 0x3D, TYPIST_SHIFT},
    {29, 0x3E, TYPIST_SHIFT},
    {31, 0x3F, TYPIST_SHIFT},
    {32, 0x40, TYPIST_SHIFT},
    {33, 0x41, TYPIST_SHIFT},
    {34, 0x42, TYPIST_SHIFT},
};

/* CSI [ A and on, by the console of Linux. */
static const u16 linux_f[] = {KEY_F1, KEY_F2, KEY_F3, KEY_F4, KEY_F5};

void terminal_keys_init(struct terminal_keys *k, void (*stroke)(void *, struct typist_stroke),
                        void (*host)(void *), void *opaque)
{
    *k = (struct terminal_keys){.stroke = stroke, .host = host, .opaque = opaque};
}

static const struct named *find(const struct named *rows, size_t count, u32 code)
{
    for (; count--; rows++)
        if (rows->code == code)
            return rows;
    return NULL;
}

static void ground(struct terminal_keys *k)
{
    k->state = KEYS_GROUND;
    k->alt = k->private_param = false;
}

/* Strike, with the Alt that came before, and be ready for the next key. */
static void strike(struct terminal_keys *k, u16 key, unsigned modifiers)
{
    modifiers |= k->alt ? TYPIST_ALT : 0;
    ground(k);
    k->stroke(k->opaque, (struct typist_stroke){key, (u8)modifiers});
}

/* A character below 80h, control characters by the key that is held with Ctrl. */
static void character(struct terminal_keys *k, u8 c, unsigned modifiers)
{
    bool shift;
    u16 key;

    if (c == TERMINAL_HOST_KEY && !k->alt && !modifiers) {
        ground(k);
        k->host(k->opaque);
        return;
    }
    if (c < ' ' && c != ESC && c != '\t' && c != '\r' && c != '\n' && c != '\b') {
        c = c ? c | 0x40 : ' '; /* Ctrl-Space, as terminals send Ctrl-@ */
        c = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        modifiers |= TYPIST_CTRL;
    }
    if (key_for_char((char)c, &key, &shift))
        strike(k, key, modifiers | (shift ? TYPIST_SHIFT : 0));
    else
        ground(k);
}

/* Number `index` of a sequence, or what it is if left out. */
static u32 param(const struct terminal_keys *k, unsigned index, u32 otherwise)
{
    return index < k->params && k->param[index] ? k->param[index] : otherwise;
}

static unsigned modifiers_of(u32 number)
{
    u32 bits = number - 1;

    return (bits & 1 ? TYPIST_SHIFT : 0) | (bits & 2 || bits & 8 ? TYPIST_ALT : 0) |
           (bits & 4 ? TYPIST_CTRL : 0);
}

static void other_key(struct terminal_keys *k, u32 code, u32 number)
{
    if (code < 0x80)
        character(k, (u8)code, modifiers_of(number));
    else
        ground(k);
}

static void end_csi(struct terminal_keys *k, u8 final)
{
    const struct named *row;
    unsigned modifiers = modifiers_of(param(k, 1, 1));

    if (k->private_param) {
        ground(k);
        return;
    }
    if (final == 'u') {
        other_key(k, param(k, 0, 0x80), param(k, 1, 1));
        return;
    }
    if (final == '~' && param(k, 0, 0) == 27) {
        other_key(k, param(k, 2, 0x80), param(k, 1, 1));
        return;
    }
    row = final == '~' ? find(by_number, ARRAY_LEN(by_number), param(k, 0, 0))
                       : find(by_letter, ARRAY_LEN(by_letter), final);
    if (row)
        strike(k, row->key, row->modifiers | modifiers);
    else
        ground(k);
}

static void in_csi(struct terminal_keys *k, u8 c)
{
    u32 *last = &k->param[k->params ? k->params - 1 : 0];

    if (c >= '0' && c <= '9') {
        if (!k->params)
            k->params = 1;
        if (k->params <= TERMINAL_PARAMS)
            *last = (u32)min_u64(*last * 10 + c - '0', PARAM_MAX);
    } else if (c == ';' || c == ':') {
        k->params = k->params ? k->params : 1;
        if (k->params < TERMINAL_PARAMS)
            k->param[k->params++] = 0;
        else
            k->private_param = true; /* longer than any key's */
    } else if (c == '[' && !k->params) {
        k->state = KEYS_LINUX_F;
    } else if (c >= 0x40 && c <= 0x7E) {
        end_csi(k, c);
    } else if (c >= 0x20 && c <= 0x3F) {
        k->private_param = true;
    } else {
        ground(k); /* a control character breaks a sequence off */
    }
}

static void in_ss3(struct terminal_keys *k, u8 c)
{
    const struct named *row = find(by_letter, ARRAY_LEN(by_letter), c);

    if (c >= '0' && c <= '9') { /* modifiers, as old terminals put them */
        k->param[1] = c - '0';
        k->params = 2;
        return;
    }
    if (!row)
        row = find(by_keypad, ARRAY_LEN(by_keypad), c);
    if (row)
        strike(k, row->key, row->modifiers | modifiers_of(param(k, 1, 1)));
    else
        ground(k);
}

static void begin(struct terminal_keys *k, enum terminal_keys_state state)
{
    k->state = state;
    k->params = 0;
    memset(k->param, 0, sizeof k->param);
}

static void after_esc(struct terminal_keys *k, u8 c)
{
    switch (c) {
    case '[': begin(k, KEYS_CSI); break;
    case 'O': begin(k, KEYS_SS3); break;
    case ESC:
        /* Esc Esc [ A is Alt with Up; two Escs with nothing behind are told by the pause. */
        k->alt = true;
        break;
    default:
        k->alt = true;
        k->state = KEYS_GROUND;
        character(k, c, 0);
        break;
    }
}

static void in_ground(struct terminal_keys *k, u8 c)
{
    if (c == ESC) {
        k->state = KEYS_ESC;
    } else if (c < 0x80) {
        character(k, c, 0);
    } else if (c >= 0xC0) {
        /* No key of a US keyboard types it: its bytes are passed over. */
        k->utf8_left = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        k->state = KEYS_UTF8;
    }
}

void terminal_keys_feed(struct terminal_keys *k, u8 byte)
{
    switch (k->state) {
    case KEYS_GROUND: in_ground(k, byte); break;
    case KEYS_ESC: after_esc(k, byte); break;
    case KEYS_CSI: in_csi(k, byte); break;
    case KEYS_SS3: in_ss3(k, byte); break;
    case KEYS_LINUX_F:
        if (byte >= 'A' && byte < 'A' + ARRAY_LEN(linux_f))
            strike(k, linux_f[byte - 'A'], 0);
        else
            ground(k);
        break;
    case KEYS_UTF8:
        if ((byte & 0xC0) != 0x80) {
            ground(k);
            in_ground(k, byte);
        } else if (!--k->utf8_left) {
            ground(k);
        }
        break;
    }
}

bool terminal_keys_pending(const struct terminal_keys *k)
{
    return k->state != KEYS_GROUND;
}

void terminal_keys_timeout(struct terminal_keys *k)
{
    enum terminal_keys_state state = k->state;
    bool twice = k->alt && state == KEYS_ESC;

    if (state == KEYS_ESC)
        k->alt = false;
    switch (state) {
    case KEYS_ESC:
        strike(k, KEY_ESC, 0);
        if (twice)
            strike(k, KEY_ESC, 0);
        break;
    case KEYS_CSI: /* Alt-[ and Alt-O begin like sequences */
        k->alt = true;
        character(k, '[', 0);
        break;
    case KEYS_SS3:
        k->alt = true;
        character(k, 'O', 0);
        break;
    default: ground(k); break;
    }
}
