/*
 * PS/2 keyboard: scan code sets 1, 2 and 3, all commands, typematic repeat, the 16-byte buffer.
 *
 * What it sends waits in two queues: answers to commands, which go first, and key codes. A key
 * whose codes do not fit is replaced by one overrun code. The keyboard knows Shift, Ctrl, Alt and
 * the Num Lock light, because a few keys of the 101-key layout send what an 84-key keyboard with
 * these keys would have sent.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)":
 * "Buffer", "Keys", "Commands from the System", "Scan Codes".
 * The self-test after RESET takes 20 ms; real ones take 500 ms and more, which nothing needs. The
 * one after power-on has ended before anybody listens.
 */
#include "devices/input/ps2kbd.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/input.h"
#include "devices/input/scancodes.h"

#include <string.h>

enum {
    KEY_BUFFER = 16,
    ANSWERS = 4,
    KEY_NUMBERS = 0x200,

    CMD_LEDS = 0xED,
    CMD_ECHO = 0xEE,
    CMD_SCAN_SET = 0xF0,
    CMD_READ_ID = 0xF2,
    CMD_TYPEMATIC = 0xF3,
    CMD_ENABLE = 0xF4,
    CMD_DEFAULT_DISABLE = 0xF5,
    CMD_DEFAULT = 0xF6,
    CMD_ALL_TYPEMATIC = 0xF7,
    CMD_ALL_MAKE_BREAK = 0xF8,
    CMD_ALL_MAKE = 0xF9,
    CMD_ALL_TYPEMATIC_MAKE_BREAK = 0xFA,
    CMD_KEY_TYPEMATIC = 0xFB,
    CMD_KEY_MAKE_BREAK = 0xFC,
    CMD_KEY_MAKE = 0xFD,
    CMD_RESEND = 0xFE,
    CMD_RESET = 0xFF,
    CMD_FIRST = CMD_LEDS,

    ANSWER_ACK = 0xFA,
    ANSWER_RESEND = 0xFE,
    ANSWER_BAT_OK = 0xAA,

    TYPEMATIC_DEFAULT = 0x2B, /* 500 ms, 10.9 a second */
    LED_NUM_LOCK = 0x02,
    BAT_NS = 20000000,

    CODE_LEFT_CTRL = 0x1D,
    CODE_LEFT_SHIFT = 0x2A,
    CODE_SLASH = 0x35,
    CODE_RIGHT_SHIFT = 0x36,
    CODE_PRINT_SCREEN = 0x37,
    CODE_LEFT_ALT = 0x38,
    CODE_NUM_LOCK = 0x45,
    CODE_SCROLL_LOCK = 0x46,
    CODE_SYSRQ = 0x54,
    SET3_PAUSE = 0x62,
    SET3_PREFIX_BREAK = 0xF0,
};

/* What Print Screen has sent going down, so that coming up matches. */
enum print_form { PRINT_UP, PRINT_SHIFTED, PRINT_BARE, PRINT_SYSRQ };

struct ps2kbd {
    struct device dev;

    /* Wiring. */
    struct irq_line request;

    /* Guest state. */
    u8 answers[ANSWERS], answer_count;
    u8 keys[KEY_BUFFER + 1], key_count; /* one more for the overrun code */
    bool overrun;
    u8 last_sent;
    u8 command; /* waiting for its argument, 0 if none */
    bool scanning;
    u8 set, leds, typematic;
    u8 set3_type[256];        /* by set 3 code */
    u8 down[KEY_NUMBERS / 8]; /* keys whose make code was sent */
    u8 print_form;
    bool num_shift;    /* a Shift was pretended, because Num Lock is on */
    bool shift_hidden; /* the Shift keys were pretended to be up */
    u16 repeating;     /* the key that repeats, 0 if none */
    struct timer repeat, bat;
};

/* --- what goes out ----------------------------------------------------------------------------*/

static void kbd_answer(struct ps2kbd *k, u8 byte)
{
    if (k->answer_count < ANSWERS)
        k->answers[k->answer_count++] = byte;
    irq_set(&k->request, true);
}

/* A key's codes go into the buffer as a whole or not at all. "Buffer". */
static void kbd_queue(struct ps2kbd *k, const u8 *codes, unsigned count)
{
    if (k->overrun)
        return;
    if (k->key_count + count > KEY_BUFFER) {
        k->keys[k->key_count++] = k->set == 1 ? 0xFF : 0x00;
        k->overrun = true;
    } else {
        memcpy(k->keys + k->key_count, codes, count);
        k->key_count += count;
    }
    irq_set(&k->request, true);
}

bool ps2kbd_has_byte(const struct device *dev)
{
    const struct ps2kbd *k = (const struct ps2kbd *)dev;

    /* Between a command and its argument the keyboard says nothing else. */
    return k->answer_count || (k->key_count && !k->command);
}

u8 ps2kbd_take_byte(struct device *dev)
{
    struct ps2kbd *k = (struct ps2kbd *)dev;

    if (k->answer_count) {
        k->last_sent = k->answers[0];
        memmove(k->answers, k->answers + 1, --k->answer_count);
    } else if (k->key_count) {
        k->last_sent = k->keys[0];
        memmove(k->keys, k->keys + 1, --k->key_count);
        if (!k->key_count)
            k->overrun = false;
    }
    return k->last_sent;
}

/* --- scan codes -------------------------------------------------------------------------------*/

/* The codes that one key event sends. */
struct sequence {
    u8 codes[KEY_BUFFER];
    unsigned count;
};

static void put(struct sequence *q, u8 code)
{
    assert(q->count < sizeof q->codes);
    q->codes[q->count++] = code;
}

/* One make or break code in set 1 or 2. */
static void put_code(const struct ps2kbd *k, struct sequence *q, bool e0, u8 code, bool make)
{
    if (e0)
        put(q, 0xE0);
    if (k->set == 1) {
        put(q, make ? code : code | 0x80);
        return;
    }
    if (!make)
        put(q, 0xF0);
    put(q, scancodes[code].set2);
}

static bool is_down(const struct ps2kbd *k, u16 key)
{
    return k->down[key >> 3] >> (key & 7) & 1;
}

static bool either_is_down(const struct ps2kbd *k, u8 code)
{
    return is_down(k, code) || is_down(k, KEY_E0 | code);
}

static bool shift_is_down(const struct ps2kbd *k)
{
    return is_down(k, CODE_LEFT_SHIFT) || is_down(k, CODE_RIGHT_SHIFT);
}

/* Home, End, Page Up and Down, Insert, Delete and the arrows, beside the keypad. */
static bool is_navigation(u16 key)
{
    u8 code = (u8)key;

    return (key & KEY_E0) && code >= 0x47 && code <= 0x53 && code != 0x4A && code != 0x4C &&
           code != 0x4E;
}

static bool navigation_is_down(const struct ps2kbd *k)
{
    u16 key;

    for (key = KEY_E0 | 0x47; key <= (KEY_E0 | 0x53); key++)
        if (is_navigation(key) && is_down(k, key))
            return true;
    return is_down(k, KEY_E0 | CODE_SLASH);
}

static void put_shifts(const struct ps2kbd *k, struct sequence *q, bool make)
{
    if (is_down(k, CODE_LEFT_SHIFT))
        put_code(k, q, true, CODE_LEFT_SHIFT, make);
    if (is_down(k, CODE_RIGHT_SHIFT))
        put_code(k, q, true, CODE_RIGHT_SHIFT, make);
}

/*
 * The cursor block and the keypad's slash mean the same whatever Shift and Num Lock say: around
 * their codes the keyboard pretends that Shift is the other way. "Scan Codes", tables of keys 75
 * to 89 and 95.
 */
static void put_navigation(struct ps2kbd *k, struct sequence *q, u16 key, bool make)
{
    bool num_lock = (k->leds & LED_NUM_LOCK) && is_navigation(key);

    if (make && num_lock && !shift_is_down(k) && !k->num_shift) {
        put_code(k, q, true, CODE_LEFT_SHIFT, true);
        k->num_shift = true;
    } else if (make && !num_lock && shift_is_down(k) && !k->shift_hidden) {
        put_shifts(k, q, false);
        k->shift_hidden = true;
    }
    put_code(k, q, true, (u8)key, make);
    if (make || navigation_is_down(k))
        return;
    if (k->num_shift)
        put_code(k, q, true, CODE_LEFT_SHIFT, false);
    if (k->shift_hidden)
        put_shifts(k, q, true);
    k->num_shift = k->shift_hidden = false;
}

/* "Scan Codes", key 124. */
static void put_print_screen(struct ps2kbd *k, struct sequence *q, bool make)
{
    if (make) {
        k->print_form = PRINT_SHIFTED;
        if (shift_is_down(k) || either_is_down(k, CODE_LEFT_CTRL))
            k->print_form = PRINT_BARE;
        if (either_is_down(k, CODE_LEFT_ALT))
            k->print_form = PRINT_SYSRQ;
    }
    if (k->print_form == PRINT_SYSRQ) {
        put_code(k, q, false, CODE_SYSRQ, make);
        return;
    }
    if (k->print_form == PRINT_SHIFTED && make)
        put_code(k, q, true, CODE_LEFT_SHIFT, true);
    put_code(k, q, true, CODE_PRINT_SCREEN, make);
    if (k->print_form == PRINT_SHIFTED && !make)
        put_code(k, q, true, CODE_LEFT_SHIFT, false);
}

/* "Scan Codes", key 126: all at once, make and break. */
static void put_pause(const struct ps2kbd *k, struct sequence *q)
{
    bool make;

    if (either_is_down(k, CODE_LEFT_CTRL)) {
        put_code(k, q, true, CODE_SCROLL_LOCK, true);
        put_code(k, q, true, CODE_SCROLL_LOCK, false);
        return;
    }
    for (make = true;; make = false) {
        put(q, 0xE1);
        put_code(k, q, false, CODE_LEFT_CTRL, make);
        put_code(k, q, false, CODE_NUM_LOCK, make);
        if (!make)
            return;
    }
}

/* A key's code in set 3, 0 if it has none. */
static u8 set3_code(u16 key)
{
    const struct scancode *c = &scancodes[key & 0x7F];

    if (key == KEY_PAUSE)
        return SET3_PAUSE;
    return key & KEY_E0 ? c->set3_e0 : c->set3;
}

static void put_set3(const struct ps2kbd *k, struct sequence *q, u16 key, bool make)
{
    u8 code = set3_code(key);

    if (!code || (!make && !(k->set3_type[code] & SET3_BREAK)))
        return;
    if (!make)
        put(q, SET3_PREFIX_BREAK);
    put(q, code);
}

static void put_key(struct ps2kbd *k, struct sequence *q, u16 key, bool make)
{
    if (k->set == 3)
        put_set3(k, q, key, make);
    else if (key == KEY_PAUSE) {
        if (make)
            put_pause(k, q);
    } else if (key == KEY_PRINT_SCREEN)
        put_print_screen(k, q, make);
    else if (is_navigation(key) || key == (KEY_E0 | CODE_SLASH))
        put_navigation(k, q, key, make);
    else
        put_code(k, q, key & KEY_E0, (u8)key, make);
}

/* --- typematic --------------------------------------------------------------------------------*/

static void kbd_stop_repeat(struct ps2kbd *k)
{
    k->repeating = 0;
    timer_cancel(&k->repeat);
}

/* "Set Typematic Rate/Delay": bits 6, 5 the delay in 250 ms; the period is (8 + A) * 2^B / 240 s.
 */
static u64 typematic_delay_ns(const struct ps2kbd *k)
{
    return ((k->typematic >> 5 & 3) + 1u) * (NS_PER_SEC / 4);
}

static u64 typematic_period_ns(const struct ps2kbd *k)
{
    return ((8ull + (k->typematic & 7)) << (k->typematic >> 3 & 3)) * (NS_PER_SEC / 240);
}

static void kbd_start_repeat(struct ps2kbd *k, u16 key)
{
    kbd_stop_repeat(k);
    if (key == KEY_PAUSE)
        return;
    if (k->set == 3 && !(k->set3_type[set3_code(key)] & SET3_TYPEMATIC))
        return;
    k->repeating = key;
    timer_set(&k->repeat, clock_now(k->repeat.clock) + typematic_delay_ns(k));
}

/* The bare make code again, if there is room: repeats do not overrun the buffer. */
static void kbd_repeat(void *opaque)
{
    struct ps2kbd *k = opaque;
    struct sequence q = {.count = 0};
    u16 key = k->repeating;

    if (k->set == 3)
        put_set3(k, &q, key, true);
    else if (key == KEY_PRINT_SCREEN && k->print_form == PRINT_SYSRQ)
        put_code(k, &q, false, CODE_SYSRQ, true);
    else
        put_code(k, &q, key & KEY_E0, (u8)key, true);
    if (k->key_count + q.count <= KEY_BUFFER)
        kbd_queue(k, q.codes, q.count);
    timer_set(&k->repeat, clock_now(k->repeat.clock) + typematic_period_ns(k));
}

/* --- keys -------------------------------------------------------------------------------------*/

static bool key_exists(u16 key)
{
    return key == KEY_PAUSE || (key < KEY_NUMBERS && !(key & 0x80) && scancodes[key & 0x7F].set2);
}

void ps2kbd_key(struct device *dev, u16 key, bool down)
{
    struct ps2kbd *k = (struct ps2kbd *)dev;
    struct sequence q = {.count = 0};
    bool held = key < KEY_NUMBERS && is_down(k, key);

    /* Pause has no state: it sends make and break going down. */
    if (!key_exists(key) || (key != KEY_PAUSE && held == down) || timer_is_set(&k->bat))
        return;
    if (key == k->repeating && !down)
        kbd_stop_repeat(k);
    if (!k->scanning)
        return;
    if (key < KEY_NUMBERS)
        k->down[key >> 3] ^= (u8)(1u << (key & 7));
    put_key(k, &q, key, down);
    if (q.count)
        kbd_queue(k, q.codes, q.count);
    if (down)
        kbd_start_repeat(k, key);
}

/* --- commands ---------------------------------------------------------------------------------*/

static void kbd_clear_keys(struct ps2kbd *k)
{
    k->key_count = 0;
    k->overrun = false;
    kbd_stop_repeat(k);
}

static void kbd_default_types(struct ps2kbd *k)
{
    unsigned i;

    memset(k->set3_type, SET3_MAKE, sizeof k->set3_type);
    for (i = 0; i < ARRAY_LEN(scancodes); i++) {
        k->set3_type[scancodes[i].set3] = scancodes[i].set3_type;
        k->set3_type[scancodes[i].set3_e0] = scancodes[i].set3_e0_type;
    }
    k->set3_type[0] = SET3_MAKE; /* stands for keys without a code */
}

/* "Set Default": everything but the lights. */
static void kbd_set_default(struct ps2kbd *k)
{
    k->set = 2;
    k->typematic = TYPEMATIC_DEFAULT;
    kbd_default_types(k);
    kbd_clear_keys(k);
}

static void kbd_power_on(struct ps2kbd *k)
{
    kbd_set_default(k);
    k->answer_count = 0;
    k->command = 0;
    k->leds = 0;
    k->scanning = true;
    k->print_form = PRINT_UP;
    k->num_shift = k->shift_hidden = false;
    memset(k->down, 0, sizeof k->down);
    timer_cancel(&k->bat);
}

static void kbd_bat_done(void *opaque)
{
    kbd_answer(opaque, ANSWER_BAT_OK);
}

/* The type that F7..FA set for all keys, and FB..FD for those that follow. */
static u8 type_of_command(u8 command)
{
    switch (command) {
    case CMD_ALL_TYPEMATIC:
    case CMD_KEY_TYPEMATIC: return SET3_TYPEMATIC;
    case CMD_ALL_MAKE_BREAK:
    case CMD_KEY_MAKE_BREAK: return SET3_BREAK;
    case CMD_ALL_TYPEMATIC_MAKE_BREAK: return SET3_TYPEMATIC | SET3_BREAK;
    default: return SET3_MAKE;
    }
}

static void kbd_argument_scan_set(struct ps2kbd *k, u8 arg)
{
    if (arg > 3) {
        kbd_answer(k, ANSWER_RESEND);
        return;
    }
    k->command = 0;
    kbd_answer(k, ANSWER_ACK);
    if (arg == 0) {
        kbd_answer(k, k->set);
    } else {
        k->set = arg;
        kbd_clear_keys(k);
    }
}

/* A byte below ED while a command waits. */
static void kbd_argument(struct ps2kbd *k, u8 arg)
{
    switch (k->command) {
    case CMD_LEDS: k->leds = arg & 7; break;
    case CMD_SCAN_SET: kbd_argument_scan_set(k, arg); return;
    case CMD_TYPEMATIC:
        if (arg & 0x80) {
            kbd_answer(k, ANSWER_RESEND);
            return;
        }
        k->typematic = arg;
        break;
    default: /* FB..FD take keys until the next command */
        k->set3_type[arg] = type_of_command(k->command);
        kbd_answer(k, ANSWER_ACK);
        return;
    }
    k->command = 0;
    kbd_answer(k, ANSWER_ACK);
    /* Keys may have waited for the argument. */
    irq_set(&k->request, true);
}

static void kbd_command(struct ps2kbd *k, u8 command)
{
    k->command = 0;
    switch (command) {
    case CMD_ECHO: kbd_answer(k, CMD_ECHO); return;
    case CMD_RESEND: kbd_answer(k, k->last_sent); return;
    case CMD_LEDS:
    case CMD_SCAN_SET:
    case CMD_TYPEMATIC: k->command = command; break;
    case CMD_KEY_TYPEMATIC:
    case CMD_KEY_MAKE_BREAK:
    case CMD_KEY_MAKE:
        k->command = command;
        kbd_clear_keys(k);
        break;
    case CMD_ENABLE:
        kbd_clear_keys(k);
        k->scanning = true;
        break;
    case CMD_DEFAULT_DISABLE:
        kbd_set_default(k);
        k->scanning = false;
        break;
    case CMD_DEFAULT: kbd_set_default(k); break;
    case CMD_ALL_TYPEMATIC:
    case CMD_ALL_MAKE_BREAK:
    case CMD_ALL_MAKE:
    case CMD_ALL_TYPEMATIC_MAKE_BREAK:
        kbd_clear_keys(k);
        memset(k->set3_type, type_of_command(command), sizeof k->set3_type);
        break;
    case CMD_READ_ID:
        kbd_answer(k, ANSWER_ACK);
        kbd_answer(k, 0xAB);
        kbd_answer(k, 0x83);
        return;
    case CMD_RESET:
        kbd_power_on(k);
        timer_set(&k->bat, clock_now(k->bat.clock) + BAT_NS);
        break;
    default:
        dev_guest(&k->dev, "keyboard command 0x%02X is not defined, answered RESEND", command);
        kbd_answer(k, ANSWER_RESEND);
        return;
    }
    kbd_answer(k, ANSWER_ACK);
}

void ps2kbd_receive(struct device *dev, u8 byte)
{
    struct ps2kbd *k = (struct ps2kbd *)dev;

    k->answer_count = 0; /* what it was about to say is no longer asked for */
    if (k->command && byte < CMD_FIRST)
        kbd_argument(k, byte);
    else
        kbd_command(k, byte);
}

u8 ps2kbd_leds(const struct device *dev)
{
    return ((const struct ps2kbd *)dev)->leds;
}

/* --- device -----------------------------------------------------------------------------------*/

static void ps2kbd_reset(struct device *dev)
{
    struct ps2kbd *k = (struct ps2kbd *)dev;

    kbd_power_on(k);
    k->last_sent = ANSWER_BAT_OK;
    memset(k->answers, 0, sizeof k->answers);
    memset(k->keys, 0, sizeof k->keys);
}

static void ps2kbd_state(struct device *dev, struct state *s)
{
    struct ps2kbd *k = (struct ps2kbd *)dev;

    state_bytes(s, "answers", k->answers, sizeof k->answers);
    state_u8(s, "answer_count", &k->answer_count);
    state_bytes(s, "keys", k->keys, sizeof k->keys);
    state_u8(s, "key_count", &k->key_count);
    state_bool(s, "overrun", &k->overrun);
    state_u8(s, "last_sent", &k->last_sent);
    state_u8(s, "command", &k->command);
    state_bool(s, "scanning", &k->scanning);
    state_u8(s, "set", &k->set);
    state_u8(s, "leds", &k->leds);
    state_u8(s, "typematic", &k->typematic);
    state_bytes(s, "set3_type", k->set3_type, sizeof k->set3_type);
    state_bytes(s, "down", k->down, sizeof k->down);
    state_u8(s, "print_form", &k->print_form);
    state_bool(s, "num_shift", &k->num_shift);
    state_bool(s, "shift_hidden", &k->shift_hidden);
    state_u16(s, "repeating", &k->repeating);
    timer_state(s, "repeat", &k->repeat);
    timer_state(s, "bat", &k->bat);
    state_require(s, k->answer_count <= ANSWERS, "ps2kbd: more answers than fit");
    state_require(s, k->key_count <= KEY_BUFFER + k->overrun, "ps2kbd: more codes than fit");
    state_require(s, k->set >= 1 && k->set <= 3, "ps2kbd: no such scan code set");
    state_require(s, k->typematic <= 0x7F && k->leds <= 7, "ps2kbd: a setting is out of range");
    state_require(s, k->print_form <= PRINT_SYSRQ, "ps2kbd: no such form of Print Screen");
    state_require(s, !k->command || (k->command >= CMD_FIRST && k->command < CMD_RESEND),
                  "ps2kbd: no such command waits");
    state_require(s, timer_is_set(&k->repeat) == (k->repeating != 0),
                  "ps2kbd: repeats without a key, or a key without repeats");
    state_require(s, !k->repeating || (key_exists(k->repeating) && k->repeating != KEY_PAUSE),
                  "ps2kbd: a key repeats that does not exist");
}

static const struct device_class ps2kbd_class = {
    .name = "ps2kbd",
    .version = 1,
    .reset = ps2kbd_reset,
    .state = ps2kbd_state,
    .destroy = device_free,
};

struct device *ps2kbd_create(struct clock *clock, struct irq_line request)
{
    struct ps2kbd *k = device_new(&ps2kbd_class, sizeof *k);

    k->request = request;
    timer_init(&k->repeat, clock, kbd_repeat, k);
    timer_init(&k->bat, clock, kbd_bat_done, k);
    return &k->dev;
}
