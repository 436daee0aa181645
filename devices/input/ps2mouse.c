/*
 * PS/2 mouse: three buttons, then a wheel (IntelliMouse), then five buttons (Explorer).
 *
 *   byte 1   YO XO YS XS  1  M  R  L      overflows, signs, buttons
 *   byte 2   X, byte 3  Y (up is positive)
 *   byte 4   IntelliMouse: Z              Explorer: 0 0 B5 B4 Z3..Z0
 *
 * A packet is made when the one before has been fetched and the sample period is over. Motion that
 * does not fit into nine bits waits for the next packet, and a button that was pressed and released
 * within one period shows in one packet: nothing the user did is lost. Overflow is reported when
 * the 16-bit counters behind that have run over after all.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller" and "Mouse" (commands, data report, scaling); Microsoft, "Windows and the 5-Button
 * Wheel Mouse" (the knock of three sample rates, packet formats).
 * Resolution is kept and reported; one step of the host's pointer stays one count at each setting,
 * since the host's mouse has a resolution already. The self-test after RESET takes 20 ms.
 */
#include "devices/input/ps2mouse.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/input.h"

#include <string.h>

enum {
    OUT_BYTES = 8,

    CMD_SCALING_1_1 = 0xE6,
    CMD_SCALING_2_1 = 0xE7,
    CMD_RESOLUTION = 0xE8,
    CMD_STATUS = 0xE9,
    CMD_STREAM = 0xEA,
    CMD_READ = 0xEB,
    CMD_WRAP_OFF = 0xEC,
    CMD_WRAP = 0xEE,
    CMD_REMOTE = 0xF0,
    CMD_READ_ID = 0xF2,
    CMD_RATE = 0xF3,
    CMD_ENABLE = 0xF4,
    CMD_DISABLE = 0xF5,
    CMD_DEFAULT = 0xF6,
    CMD_RESEND = 0xFE,
    CMD_RESET = 0xFF,

    ANSWER_ACK = 0xFA,
    ANSWER_ERROR = 0xFC,
    ANSWER_RESEND = 0xFE,
    ANSWER_BAT_OK = 0xAA,

    ID_PLAIN = 0,
    ID_WHEEL = 3,
    ID_EXPLORER = 4,

    PACKET_ALWAYS = 0x08,
    PACKET_X_SIGN = 0x10,
    PACKET_Y_SIGN = 0x20,
    PACKET_X_OVERFLOW = 0x40,
    PACKET_Y_OVERFLOW = 0x80,
    STATUS_SCALING = 0x10,
    STATUS_ENABLED = 0x20,
    STATUS_REMOTE = 0x40,

    PACKET_BUTTONS = MOUSE_LEFT | MOUSE_RIGHT | MOUSE_MIDDLE, /* the same bits in a packet */
    ALL_BUTTONS = PACKET_BUTTONS | MOUSE_SIDE | MOUSE_EXTRA,
    COUNTER_MAX = 0x7FFF,
    BAT_NS = 20000000,
};

struct ps2mouse {
    struct device dev;

    /* Wiring. */
    struct irq_line request;

    /* Guest state. */
    u8 out[OUT_BYTES], out_count;   /* bytes to send */
    u8 last[OUT_BYTES], last_count; /* what was said last, for RESEND */
    u8 command;                     /* waiting for its argument, 0 if none */
    bool error;                     /* the last byte was answered RESEND */
    bool remote, wrap, enabled, double_scaling;
    u8 resolution, rate, id;
    u8 knock[3];    /* the last three sample rates, newest first */
    s32 dx, dy, dz; /* not yet reported; dy grows upwards */
    bool x_overflow, y_overflow;
    u8 buttons;     /* as they are */
    u8 pressed;     /* went down since the last packet */
    u8 reported;    /* as the host knows them */
    u64 sampled_ns; /* when the last packet was made */
    struct timer sample, bat;
};

/* --- what goes out ----------------------------------------------------------------------------*/

static void mouse_say(struct ps2mouse *m, const u8 *bytes, u8 count)
{
    memcpy(m->out, bytes, count);
    m->out_count = count;
    memcpy(m->last, bytes, count);
    m->last_count = count;
    irq_set(&m->request, true);
}

static void mouse_say_byte(struct ps2mouse *m, u8 byte)
{
    mouse_say(m, &byte, 1);
}

/* --- packets ----------------------------------------------------------------------------------*/

/* Take from a counter what one packet can carry. */
static s32 take_counts(s32 *counter, s32 limit)
{
    s32 n = *counter;

    if (n > limit)
        n = limit;
    if (n < -limit)
        n = -limit;
    *counter -= n;
    return n;
}

/* "Set Scaling 2:1": in stream mode only. */
static s32 scale_2_1(s32 n)
{
    static const u8 table[6] = {0, 1, 1, 3, 6, 9};
    s32 size = n < 0 ? -n : n;

    size = size < 6 ? table[size] : 2 * size;
    return n < 0 ? -size : size;
}

/* The wheel's share: 8 bits, or 4 bits below the two further buttons. */
static u8 mouse_wheel_byte(struct ps2mouse *m, u8 buttons)
{
    if (m->id == ID_WHEEL)
        return (u8)take_counts(&m->dz, 127);
    return (u8)((take_counts(&m->dz, 7) & 0x0F) | (buttons & (MOUSE_SIDE | MOUSE_EXTRA)) << 1);
}

/* Make a packet of what has happened; returns its length. */
static u8 mouse_packet(struct ps2mouse *m, u8 packet[4])
{
    bool scale = m->double_scaling && !m->remote;
    s32 limit = scale ? 127 : 255;
    s32 x = take_counts(&m->dx, limit), y = take_counts(&m->dy, limit);
    u8 buttons = m->buttons | m->pressed;

    if (scale) {
        x = scale_2_1(x);
        y = scale_2_1(y);
    }
    packet[0] = PACKET_ALWAYS | (buttons & PACKET_BUTTONS);
    packet[0] |= (x < 0 ? PACKET_X_SIGN : 0) | (y < 0 ? PACKET_Y_SIGN : 0);
    packet[0] |= (m->x_overflow ? PACKET_X_OVERFLOW : 0) | (m->y_overflow ? PACKET_Y_OVERFLOW : 0);
    packet[1] = (u8)x;
    packet[2] = (u8)y;
    m->x_overflow = m->y_overflow = false;
    m->reported = buttons;
    m->pressed = 0;
    if (m->id == ID_PLAIN) {
        m->dz = 0;
        return 3;
    }
    packet[3] = mouse_wheel_byte(m, buttons);
    return 4;
}

static bool mouse_has_news(const struct ps2mouse *m)
{
    u8 visible = m->id == ID_EXPLORER ? ALL_BUTTONS : PACKET_BUTTONS;

    return m->dx || m->dy || (m->dz && m->id != ID_PLAIN) ||
           (((m->buttons | m->pressed) ^ m->reported) & visible);
}

/* In stream mode: send a packet, or wait until the sample period is over. */
static void mouse_stream(struct ps2mouse *m)
{
    u64 now = clock_now(m->sample.clock), due = m->sampled_ns + NS_PER_SEC / m->rate;
    u8 packet[4], count;

    if (m->remote || m->wrap || !m->enabled || m->command || m->out_count || !mouse_has_news(m)) {
        timer_cancel(&m->sample);
        return;
    }
    if (now < due) {
        if (!timer_is_set(&m->sample))
            timer_set(&m->sample, due);
        return;
    }
    timer_cancel(&m->sample);
    m->sampled_ns = now;
    count = mouse_packet(m, packet);
    mouse_say(m, packet, count);
}

static void mouse_sample(void *opaque)
{
    mouse_stream(opaque);
}

static void mouse_forget_motion(struct ps2mouse *m)
{
    m->dx = m->dy = m->dz = 0;
    m->x_overflow = m->y_overflow = false;
    m->pressed = 0;
}

/* Add to a counter; true if it ran over. */
static bool add_counts(s32 *counter, s64 n)
{
    s64 sum = *counter + n;

    *counter = (s32)(sum > COUNTER_MAX ? COUNTER_MAX : sum < -COUNTER_MAX ? -COUNTER_MAX : sum);
    return sum != *counter;
}

void ps2mouse_move(struct device *dev, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    struct ps2mouse *m = (struct ps2mouse *)dev;

    buttons &= ALL_BUTTONS;
    /* Without reporting, in stream mode, nothing is counted. */
    if (m->remote || m->enabled) {
        m->x_overflow |= add_counts(&m->dx, dx);
        m->y_overflow |= add_counts(&m->dy, -(s64)dy);
        add_counts(&m->dz, dz);
        m->pressed |= buttons & ~m->buttons;
    }
    m->buttons = buttons;
    mouse_stream(m);
}

bool ps2mouse_has_byte(const struct device *dev)
{
    return ((const struct ps2mouse *)dev)->out_count;
}

u8 ps2mouse_take_byte(struct device *dev)
{
    struct ps2mouse *m = (struct ps2mouse *)dev;
    u8 byte = m->out[0];

    if (!m->out_count)
        return ANSWER_RESEND;
    memmove(m->out, m->out + 1, --m->out_count);
    mouse_stream(m);
    return byte;
}

/* --- commands ---------------------------------------------------------------------------------*/

static void mouse_set_default(struct ps2mouse *m)
{
    m->rate = 100;
    m->resolution = 2; /* 4 counts a millimetre */
    m->double_scaling = false;
    m->enabled = false;
    m->remote = false;
    mouse_forget_motion(m);
}

static void mouse_power_on(struct ps2mouse *m)
{
    mouse_set_default(m);
    m->out_count = 0;
    m->command = 0;
    m->error = false;
    m->wrap = false;
    m->id = ID_PLAIN;
    m->reported = 0;
    memset(m->knock, 0, sizeof m->knock);
    timer_cancel(&m->sample);
    timer_cancel(&m->bat);
}

static void mouse_bat_done(void *opaque)
{
    static const u8 answer[] = {ANSWER_BAT_OK, ID_PLAIN};

    mouse_say(opaque, answer, sizeof answer);
}

/* "Resend": twice in a row is an error, which also gives up a command that waits for its argument.
 */
static void mouse_refuse(struct ps2mouse *m, u8 byte)
{
    dev_guest(&m->dev, "mouse command or argument 0x%02X is not defined", byte);
    mouse_say_byte(m, m->error ? ANSWER_ERROR : ANSWER_RESEND);
    if (m->error)
        m->command = 0;
    m->error = !m->error;
}

static bool rate_is_valid(u8 rate)
{
    static const u8 rates[] = {10, 20, 40, 60, 80, 100, 200};

    return memchr(rates, rate, sizeof rates) != NULL;
}

/* Three sample rates in a row are the question "can you do more?". */
static void mouse_knock(struct ps2mouse *m, u8 rate)
{
    m->knock[2] = m->knock[1];
    m->knock[1] = m->knock[0];
    m->knock[0] = rate;
    if (m->knock[2] != 200 || m->knock[0] != 80)
        return;
    if (m->knock[1] == 100 && m->id == ID_PLAIN)
        m->id = ID_WHEEL;
    else if (m->knock[1] == 200 && m->id == ID_WHEEL)
        m->id = ID_EXPLORER;
}

static void mouse_argument(struct ps2mouse *m, u8 arg)
{
    if (m->command == CMD_RATE ? !rate_is_valid(arg) : arg > 3) {
        mouse_refuse(m, arg);
        return;
    }
    if (m->command == CMD_RATE) {
        m->rate = arg;
        mouse_knock(m, arg);
    } else {
        m->resolution = arg;
    }
    m->command = 0;
    m->error = false;
    mouse_forget_motion(m);
    mouse_say_byte(m, ANSWER_ACK);
}

static void mouse_say_status(struct ps2mouse *m)
{
    u8 b = m->buttons;
    u8 answer[4] = {ANSWER_ACK, 0, m->resolution, m->rate};

    answer[1] = (b & MOUSE_RIGHT ? 1 : 0) | (b & MOUSE_MIDDLE ? 2 : 0) | (b & MOUSE_LEFT ? 4 : 0);
    answer[1] |= (m->double_scaling ? STATUS_SCALING : 0) | (m->enabled ? STATUS_ENABLED : 0) |
                 (m->remote ? STATUS_REMOTE : 0);
    mouse_say(m, answer, sizeof answer);
}

static void mouse_say_packet(struct ps2mouse *m)
{
    u8 answer[5] = {ANSWER_ACK};
    u8 count = mouse_packet(m, answer + 1);

    mouse_say(m, answer, count + 1);
}

static void mouse_say_id(struct ps2mouse *m)
{
    u8 answer[2] = {ANSWER_ACK, m->id};

    mouse_say(m, answer, sizeof answer);
}

/* The commands that only change something; false if there is none of that number. */
static bool mouse_set(struct ps2mouse *m, u8 command)
{
    switch (command) {
    case CMD_SCALING_1_1: m->double_scaling = false; break;
    case CMD_SCALING_2_1: m->double_scaling = true; break;
    case CMD_RESOLUTION:
    case CMD_RATE: m->command = command; break;
    case CMD_STREAM:
        m->remote = false;
        mouse_forget_motion(m);
        break;
    case CMD_REMOTE:
        m->remote = true;
        mouse_forget_motion(m);
        break;
    case CMD_WRAP: m->wrap = true; break;
    case CMD_WRAP_OFF: m->wrap = false; break;
    case CMD_ENABLE:
        m->enabled = true;
        mouse_forget_motion(m);
        m->reported = m->buttons;
        break;
    case CMD_DISABLE:
        m->enabled = false;
        mouse_forget_motion(m);
        break;
    case CMD_DEFAULT: mouse_set_default(m); break;
    case CMD_RESET:
        mouse_power_on(m);
        timer_set(&m->bat, clock_now(m->bat.clock) + BAT_NS);
        break;
    default: return false;
    }
    return true;
}

static void mouse_command(struct ps2mouse *m, u8 command)
{
    m->command = 0;
    switch (command) {
    case CMD_STATUS: mouse_say_status(m); break;
    case CMD_READ: mouse_say_packet(m); break;
    case CMD_READ_ID: mouse_say_id(m); break;
    case CMD_RESEND:
        memcpy(m->out, m->last, m->last_count);
        m->out_count = m->last_count;
        irq_set(&m->request, true);
        break;
    default:
        if (!mouse_set(m, command)) {
            mouse_refuse(m, command);
            return;
        }
        mouse_say_byte(m, ANSWER_ACK);
        break;
    }
    m->error = false;
}

void ps2mouse_receive(struct device *dev, u8 byte)
{
    struct ps2mouse *m = (struct ps2mouse *)dev;

    m->out_count = 0; /* a packet that was under way is given up */
    if (m->wrap && byte != CMD_RESET && byte != CMD_WRAP_OFF)
        mouse_say_byte(m, byte);
    else if (m->command && byte < CMD_SCALING_1_1) /* no argument looks like a command */
        mouse_argument(m, byte);
    else
        mouse_command(m, byte);
}

/* --- device -----------------------------------------------------------------------------------*/

static void ps2mouse_reset(struct device *dev)
{
    struct ps2mouse *m = (struct ps2mouse *)dev;

    mouse_power_on(m);
    m->buttons = 0;
    m->sampled_ns = 0;
    memset(m->out, 0, sizeof m->out);
    memset(m->last, 0, sizeof m->last);
    m->last_count = 0;
}

static void mouse_state_settings(struct ps2mouse *m, struct state *s)
{
    state_u8(s, "command", &m->command);
    state_bool(s, "error", &m->error);
    state_bool(s, "remote", &m->remote);
    state_bool(s, "wrap", &m->wrap);
    state_bool(s, "enabled", &m->enabled);
    state_bool(s, "double_scaling", &m->double_scaling);
    state_u8(s, "resolution", &m->resolution);
    state_u8(s, "rate", &m->rate);
    state_u8(s, "id", &m->id);
    state_bytes(s, "knock", m->knock, sizeof m->knock);
    state_require(s, !m->command || m->command == CMD_RATE || m->command == CMD_RESOLUTION,
                  "ps2mouse: no such command waits");
    state_require(s, m->resolution <= 3, "ps2mouse: no such resolution");
    state_require(s, rate_is_valid(m->rate), "ps2mouse: no such sample rate");
    state_require(s, m->id == ID_PLAIN || m->id == ID_WHEEL || m->id == ID_EXPLORER,
                  "ps2mouse: no such kind of mouse");
}

static bool counter_is_valid(s32 n)
{
    return n >= -COUNTER_MAX && n <= COUNTER_MAX;
}

static void ps2mouse_state(struct device *dev, struct state *s)
{
    struct ps2mouse *m = (struct ps2mouse *)dev;

    state_bytes(s, "out", m->out, sizeof m->out);
    state_u8(s, "out_count", &m->out_count);
    state_bytes(s, "last", m->last, sizeof m->last);
    state_u8(s, "last_count", &m->last_count);
    state_require(s, m->out_count <= OUT_BYTES && m->last_count <= OUT_BYTES,
                  "ps2mouse: more bytes than fit");
    mouse_state_settings(m, s);
    state_s32(s, "dx", &m->dx);
    state_s32(s, "dy", &m->dy);
    state_s32(s, "dz", &m->dz);
    state_bool(s, "x_overflow", &m->x_overflow);
    state_bool(s, "y_overflow", &m->y_overflow);
    state_u8(s, "buttons", &m->buttons);
    state_u8(s, "pressed", &m->pressed);
    state_u8(s, "reported", &m->reported);
    state_u64(s, "sampled_ns", &m->sampled_ns);
    timer_state(s, "sample", &m->sample);
    timer_state(s, "bat", &m->bat);
    state_require(s, counter_is_valid(m->dx) && counter_is_valid(m->dy) && counter_is_valid(m->dz),
                  "ps2mouse: a counter is out of range");
    state_require(s, !((m->buttons | m->pressed | m->reported) & ~ALL_BUTTONS),
                  "ps2mouse: no such button");
    state_require(s, m->sampled_ns < UINT64_MAX / 4, "ps2mouse: sampled after all time");
}

static const struct device_class ps2mouse_class = {
    .name = "ps2mouse",
    .version = 1,
    .reset = ps2mouse_reset,
    .state = ps2mouse_state,
    .destroy = device_free,
};

struct device *ps2mouse_create(struct clock *clock, struct irq_line request)
{
    struct ps2mouse *m = device_new(&ps2mouse_class, sizeof *m);

    m->request = request;
    timer_init(&m->sample, clock, mouse_sample, m);
    timer_init(&m->bat, clock, mouse_bat_done, m);
    return &m->dev;
}
