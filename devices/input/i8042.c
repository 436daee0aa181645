/*
 * Keyboard controller: the 8042 of an AT as the PS/2 extended it, with the translation of scan
 * codes from set 2 to set 1 and the second port for a mouse.
 *
 *   60h  read   output buffer           write  data for the keyboard, or a command's argument
 *   64h  read   status                  write  command
 *   status: 7 parity, 6 timeout, 5 byte is the mouse's, 4 not locked, 3 last write was a command,
 *           2 system flag, 1 input buffer full, 0 output buffer full
 *
 * The input buffer is taken at once and never seen full. Bytes arrive in the output buffer one at
 * a time: from a device when the last one was read and the 11 bits have come over the wire, from
 * the controller itself a little after the command. IRQ 1 and 12 follow the buffer's full flags.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller"; IBM AT Technical Reference, "Keyboard Controller" (C0, D0, D1, E0, F0..FF);
 * Microsoft, "Keyboard Scan Code Specification" (translation table).
 * Not modelled: the password (A4 says there is none, A5 swallows one), the key lock, parity and
 * timeout errors, writing the IRQ pins through the output port.
 */
#include "devices/input/i8042.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/input/ps2kbd.h"
#include "devices/input/ps2mouse.h"
#include "mmu/bus.h"

#include <string.h>

enum {
    DATA_PORT = 0x60,
    STATUS_PORT = 0x64,
    RAM_BYTES = 32,

    CMD_READ_RAM = 0x20,  /* ..3F */
    CMD_WRITE_RAM = 0x60, /* ..7F */
    CMD_TEST_PASSWORD = 0xA4,
    CMD_LOAD_PASSWORD = 0xA5,
    CMD_ENABLE_PASSWORD = 0xA6,
    CMD_DISABLE_AUX = 0xA7,
    CMD_ENABLE_AUX = 0xA8,
    CMD_TEST_AUX = 0xA9,
    CMD_SELF_TEST = 0xAA,
    CMD_TEST_KBD = 0xAB,
    CMD_DISABLE_KBD = 0xAD,
    CMD_ENABLE_KBD = 0xAE,
    CMD_READ_INPUT_PORT = 0xC0,
    CMD_POLL_LOW = 0xC1,
    CMD_POLL_HIGH = 0xC2,
    CMD_READ_OUTPUT_PORT = 0xD0,
    CMD_WRITE_OUTPUT_PORT = 0xD1,
    CMD_WRITE_KBD_BUFFER = 0xD2,
    CMD_WRITE_AUX_BUFFER = 0xD3,
    CMD_WRITE_AUX = 0xD4,
    CMD_A20_OFF = 0xDD,
    CMD_A20_ON = 0xDF,
    CMD_READ_TEST_INPUTS = 0xE0,
    CMD_PULSE = 0xF0, /* ..FF */

    STATUS_OBF = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20,

    /* The command byte, byte 0 of the RAM. */
    CB_KBD_IRQ = 0x01,
    CB_AUX_IRQ = 0x02,
    CB_SYSTEM = 0x04,
    CB_KBD_DISABLE = 0x10,
    CB_AUX_DISABLE = 0x20,
    CB_TRANSLATE = 0x40,

    OUT_RESET = 0x01, /* low resets the processor */
    OUT_A20 = 0x02,
    OUT_KBD_FULL = 0x10,
    OUT_AUX_FULL = 0x20,
    OUT_LINES = 0xCC, /* clock and data lines, idle */

    /* Input port: not locked, colour display, no manufacturing jumper, 512 KB and more. */
    INPUT_PORT = 0xB0,
    NO_PASSWORD = 0xF1,
    SELF_TEST_OK = 0x55,

    REPLY_NS = 50000,  /* the controller's program answers a command */
    WIRE_NS = 1000000, /* 11 bits at 11 kHz, either way */
};

/* Whose byte is on its way to the output buffer. */
enum source { FROM_NONE, FROM_CONTROLLER, FROM_KBD, FROM_AUX };

struct i8042 {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct irq_line irq1, irq12, a20, reset;
    struct device *kbd, *mouse; /* owned */

    /* Guest state. */
    u8 ram[RAM_BYTES];
    u8 command; /* waiting for its argument, 0 if none */
    u8 poll;    /* C1 or C2 shows the input port in the status, 0 if none */
    bool last_was_command;
    u8 output_port; /* OUT_A20 only; the rest is computed */
    u8 data;        /* output buffer */
    bool full, full_aux;
    bool reply_waits, reply_aux; /* the controller's own byte, not yet in the buffer */
    u8 reply;
    u8 source;                    /* enum source; the timer is set for it */
    bool aux_last;                /* the mouse had the wire last: the keyboard goes first now */
    bool break_prefix;            /* translation has swallowed F0 */
    u64 kbd_free_ns, aux_free_ns; /* when the wire is free after a byte from us */
    struct timer arrival;
};

/* Set 2 to set 1. Codes from 80h are the same in both, but for 83h and 84h. */
static const u8 translation[128] = {
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59,
    0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B,
    0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F,
    0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61,
    0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F,
    0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54,
};

/* --- the output buffer ------------------------------------------------------------------------*/

static void i8042_drive_irqs(struct i8042 *c)
{
    irq_set(&c->irq1, c->full && !c->full_aux && (c->ram[0] & CB_KBD_IRQ));
    irq_set(&c->irq12, c->full && c->full_aux && (c->ram[0] & CB_AUX_IRQ));
}

static bool kbd_wants(const struct i8042 *c)
{
    return !(c->ram[0] & CB_KBD_DISABLE) && ps2kbd_has_byte(c->kbd);
}

static bool aux_wants(const struct i8042 *c)
{
    return !(c->ram[0] & CB_AUX_DISABLE) && ps2mouse_has_byte(c->mouse);
}

/* Who may send next: a transfer that has begun goes on, else the devices take turns. */
static enum source i8042_choose(const struct i8042 *c)
{
    bool kbd = kbd_wants(c), aux = aux_wants(c);

    if (c->full)
        return FROM_NONE; /* both clocks are held low until the byte is read */
    if (c->reply_waits)
        return FROM_CONTROLLER;
    if (kbd && (!aux || c->source == FROM_KBD || (c->aux_last && c->source != FROM_AUX)))
        return FROM_KBD;
    return aux ? FROM_AUX : FROM_NONE;
}

/* After anything that may let a byte through or hold it back. */
static void i8042_schedule(struct i8042 *c)
{
    enum source source = i8042_choose(c);
    u64 start = clock_now(c->clock);

    if (source == c->source)
        return;
    c->source = source;
    switch (source) {
    case FROM_NONE: timer_cancel(&c->arrival); return;
    case FROM_CONTROLLER: timer_set(&c->arrival, start + REPLY_NS); return;
    case FROM_KBD: start = max_u64(start, c->kbd_free_ns); break;
    case FROM_AUX: start = max_u64(start, c->aux_free_ns); break;
    }
    timer_set(&c->arrival, start + WIRE_NS);
}

static void i8042_fill(struct i8042 *c, u8 byte, bool aux)
{
    c->data = byte;
    c->full = true;
    c->full_aux = aux;
    i8042_drive_irqs(c);
}

/* A byte from the keyboard, translated or not. */
static void i8042_take_kbd(struct i8042 *c)
{
    u8 byte = ps2kbd_take_byte(c->kbd);

    c->aux_last = false;
    if (c->ram[0] & CB_TRANSLATE) {
        if (byte == 0xF0) {
            c->break_prefix = true;
            return;
        }
        if (byte < 0x80)
            byte = translation[byte];
        else if (byte == 0x83 || byte == 0x84)
            byte = byte == 0x83 ? 0x41 : 0x54;
        if (c->break_prefix)
            byte |= 0x80;
        c->break_prefix = false;
    }
    i8042_fill(c, byte, false);
}

static void i8042_arrive(void *opaque)
{
    struct i8042 *c = opaque;
    enum source source = c->source;

    c->source = FROM_NONE;
    if (source == FROM_CONTROLLER) {
        c->reply_waits = false;
        i8042_fill(c, c->reply, c->reply_aux);
    } else if (source == FROM_KBD && kbd_wants(c)) {
        i8042_take_kbd(c);
    } else if (source == FROM_AUX && aux_wants(c)) {
        c->aux_last = true;
        i8042_fill(c, ps2mouse_take_byte(c->mouse), true);
    }
    i8042_schedule(c);
}

/* A device has something to say. */
static void i8042_request(void *opaque, unsigned n, bool level)
{
    i8042_schedule(opaque);
}

static void i8042_reply(struct i8042 *c, u8 byte, bool aux)
{
    c->reply = byte;
    c->reply_aux = aux;
    c->reply_waits = true;
    i8042_schedule(c);
}

static u8 i8042_read_data(struct i8042 *c)
{
    if (c->full) {
        c->full = false;
        c->full_aux = false;
        i8042_drive_irqs(c);
        i8042_schedule(c);
    }
    return c->data;
}

/* --- commands ---------------------------------------------------------------------------------*/

static void i8042_write_command_byte(struct i8042 *c, u8 value)
{
    if ((c->ram[0] ^ value) & CB_TRANSLATE)
        c->break_prefix = false;
    c->ram[0] = value;
    i8042_drive_irqs(c);
    i8042_schedule(c);
}

static void i8042_set_a20(struct i8042 *c, bool on)
{
    c->output_port = on ? OUT_A20 : 0;
    irq_set(&c->a20, on);
}

static void i8042_pulse_reset(struct i8042 *c)
{
    irq_set(&c->reset, true);
    irq_set(&c->reset, false);
}

static u8 i8042_output_port(const struct i8042 *c)
{
    u8 value = OUT_LINES | OUT_RESET | c->output_port;

    if (c->full)
        value |= c->full_aux ? OUT_AUX_FULL : OUT_KBD_FULL;
    return value;
}

static void i8042_write_output_port(struct i8042 *c, u8 value)
{
    i8042_set_a20(c, value & OUT_A20);
    if (!(value & OUT_RESET))
        i8042_pulse_reset(c);
}

/* T0 and T1: the clock lines, which a disabled interface holds low. */
static u8 i8042_test_inputs(const struct i8042 *c)
{
    return (c->ram[0] & CB_KBD_DISABLE ? 0 : 1) | (c->ram[0] & CB_AUX_DISABLE ? 0 : 2);
}

static void i8042_interrupt_transfer(struct i8042 *c, enum source source)
{
    if (c->source != source)
        return;
    c->source = FROM_NONE;
    timer_cancel(&c->arrival);
}

/*
 * Send to a device. This enables its interface, and gives up what it was sending; it will answer
 * when the byte has got there.
 */
static void i8042_send_kbd(struct i8042 *c, u8 byte)
{
    c->kbd_free_ns = clock_now(c->clock) + WIRE_NS;
    i8042_interrupt_transfer(c, FROM_KBD);
    c->break_prefix = false;
    ps2kbd_receive(c->kbd, byte);
    i8042_write_command_byte(c, c->ram[0] & (u8)~CB_KBD_DISABLE);
}

static void i8042_send_aux(struct i8042 *c, u8 byte)
{
    c->aux_free_ns = clock_now(c->clock) + WIRE_NS;
    i8042_interrupt_transfer(c, FROM_AUX);
    ps2mouse_receive(c->mouse, byte);
    i8042_write_command_byte(c, c->ram[0] & (u8)~CB_AUX_DISABLE);
}

static void i8042_argument(struct i8042 *c, u8 value)
{
    u8 command = c->command;

    if (command == CMD_LOAD_PASSWORD && value)
        return; /* ends with a zero */
    c->command = 0;
    switch (command) {
    case CMD_LOAD_PASSWORD: break;
    case CMD_WRITE_OUTPUT_PORT: i8042_write_output_port(c, value); break;
    case CMD_WRITE_KBD_BUFFER: i8042_reply(c, value, false); break;
    case CMD_WRITE_AUX_BUFFER: i8042_reply(c, value, true); break;
    case CMD_WRITE_AUX: i8042_send_aux(c, value); break;
    case CMD_WRITE_RAM: i8042_write_command_byte(c, value); break;
    default: c->ram[command - CMD_WRITE_RAM] = value; break;
    }
}

static void i8042_set_bits(struct i8042 *c, u8 set, u8 clear)
{
    i8042_write_command_byte(c, (c->ram[0] | set) & (u8)~clear);
}

static void i8042_command(struct i8042 *c, u8 command)
{
    c->command = 0;
    c->poll = 0;
    switch (command) {
    case CMD_READ_RAM ... CMD_READ_RAM + RAM_BYTES - 1:
        i8042_reply(c, c->ram[command - CMD_READ_RAM], false);
        break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + RAM_BYTES - 1:
    case CMD_LOAD_PASSWORD:
    case CMD_WRITE_OUTPUT_PORT:
    case CMD_WRITE_KBD_BUFFER:
    case CMD_WRITE_AUX_BUFFER:
    case CMD_WRITE_AUX: c->command = command; break;
    case CMD_TEST_PASSWORD: i8042_reply(c, NO_PASSWORD, false); break;
    case CMD_ENABLE_PASSWORD: break; /* without one, nothing happens */
    case CMD_DISABLE_AUX: i8042_set_bits(c, CB_AUX_DISABLE, 0); break;
    case CMD_ENABLE_AUX: i8042_set_bits(c, 0, CB_AUX_DISABLE); break;
    case CMD_DISABLE_KBD: i8042_set_bits(c, CB_KBD_DISABLE, 0); break;
    case CMD_ENABLE_KBD: i8042_set_bits(c, 0, CB_KBD_DISABLE); break;
    case CMD_TEST_AUX:
    case CMD_TEST_KBD: i8042_reply(c, 0x00, false); break; /* no line is stuck */
    case CMD_SELF_TEST:
        i8042_set_bits(c, CB_SYSTEM, 0);
        i8042_reply(c, SELF_TEST_OK, false);
        break;
    case CMD_READ_INPUT_PORT: i8042_reply(c, INPUT_PORT, false); break;
    case CMD_POLL_LOW:
    case CMD_POLL_HIGH: c->poll = command; break;
    case CMD_READ_OUTPUT_PORT: i8042_reply(c, i8042_output_port(c), false); break;
    case CMD_A20_OFF: i8042_set_a20(c, false); break;
    case CMD_A20_ON: i8042_set_a20(c, true); break;
    case CMD_READ_TEST_INPUTS: i8042_reply(c, i8042_test_inputs(c), false); break;
    case CMD_PULSE ... 0xFF:
        /* The bits that are zero go low for 6 us; only the reset pin cares. */
        if (!(command & OUT_RESET))
            i8042_pulse_reset(c);
        break;
    default: dev_guest(&c->dev, "controller command 0x%02X is not defined, ignored", command);
    }
}

/* --- ports ------------------------------------------------------------------------------------*/

static u8 i8042_status(const struct i8042 *c)
{
    u8 status = STATUS_UNLOCKED;

    if (c->full)
        status |= STATUS_OBF | (c->full_aux ? STATUS_AUX : 0);
    if (c->ram[0] & CB_SYSTEM)
        status |= STATUS_SYSTEM;
    if (c->last_was_command)
        status |= STATUS_COMMAND;
    if (c->poll == CMD_POLL_LOW)
        status = (status & 0x0F) | (u8)(INPUT_PORT << 4);
    else if (c->poll == CMD_POLL_HIGH)
        status = (status & 0x0F) | (INPUT_PORT & 0xF0);
    return status;
}

static u32 i8042_read(void *opaque, u16 port)
{
    return port == DATA_PORT ? i8042_read_data(opaque) : i8042_status(opaque);
}

static void i8042_write(void *opaque, u16 port, u32 value)
{
    struct i8042 *c = opaque;

    c->last_was_command = port == STATUS_PORT;
    if (port == STATUS_PORT)
        i8042_command(c, (u8)value);
    else if (c->command)
        i8042_argument(c, (u8)value);
    else
        i8042_send_kbd(c, (u8)value);
}

/* --- the user ---------------------------------------------------------------------------------*/

static void i8042_key(void *opaque, u16 key, bool down)
{
    ps2kbd_key(((struct i8042 *)opaque)->kbd, key, down);
}

static void i8042_mouse(void *opaque, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    ps2mouse_move(((struct i8042 *)opaque)->mouse, dx, dy, dz, buttons);
}

struct input_sink i8042_input(struct device *dev)
{
    return (struct input_sink){.opaque = dev, .key = i8042_key, .mouse = i8042_mouse};
}

u8 i8042_leds(const struct device *dev)
{
    return ps2kbd_leds(((const struct i8042 *)dev)->kbd);
}

/* --- device -----------------------------------------------------------------------------------*/

/* Power-on: both interfaces wait until the BIOS enables them; A20 is open. */
static void i8042_reset(struct device *dev)
{
    struct i8042 *c = (struct i8042 *)dev;

    c->kbd->log = c->mouse->log = dev->log;
    memset(c->ram, 0, sizeof c->ram);
    c->ram[0] = CB_KBD_DISABLE | CB_AUX_DISABLE;
    c->command = c->poll = c->data = c->reply = 0;
    c->last_was_command = c->full = c->full_aux = c->reply_waits = c->reply_aux = false;
    c->aux_last = c->break_prefix = false;
    c->kbd_free_ns = c->aux_free_ns = 0;
    device_reset(c->kbd);
    device_reset(c->mouse);
    c->source = FROM_NONE;
    timer_cancel(&c->arrival);
    i8042_drive_irqs(c);
    i8042_set_a20(c, true);
    irq_set(&c->reset, false);
}

static bool command_takes_argument(u8 command)
{
    return (command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + RAM_BYTES) ||
           command == CMD_LOAD_PASSWORD ||
           (command >= CMD_WRITE_OUTPUT_PORT && command <= CMD_WRITE_AUX);
}

static void i8042_state(struct device *dev, struct state *s)
{
    struct i8042 *c = (struct i8042 *)dev;

    state_bytes(s, "ram", c->ram, sizeof c->ram);
    state_u8(s, "command", &c->command);
    state_u8(s, "poll", &c->poll);
    state_bool(s, "last_was_command", &c->last_was_command);
    state_u8(s, "output_port", &c->output_port);
    state_u8(s, "data", &c->data);
    state_bool(s, "full", &c->full);
    state_bool(s, "full_aux", &c->full_aux);
    state_bool(s, "reply_waits", &c->reply_waits);
    state_bool(s, "reply_aux", &c->reply_aux);
    state_u8(s, "reply", &c->reply);
    state_u8(s, "source", &c->source);
    state_bool(s, "aux_last", &c->aux_last);
    state_bool(s, "break_prefix", &c->break_prefix);
    state_u64(s, "kbd_free_ns", &c->kbd_free_ns);
    state_u64(s, "aux_free_ns", &c->aux_free_ns);
    timer_state(s, "arrival", &c->arrival);
    device_state(c->kbd, s);
    device_state(c->mouse, s);
    state_require(s, !c->command || command_takes_argument(c->command),
                  "i8042: a command waits that takes no argument");
    state_require(s, !c->poll || c->poll == CMD_POLL_LOW || c->poll == CMD_POLL_HIGH,
                  "i8042: polls no half of the input port");
    state_require(s, !(c->output_port & ~OUT_A20), "i8042: the output port is not A20 alone");
    state_require(s, c->full || !c->full_aux, "i8042: an empty buffer holds the mouse's byte");
    state_require(s, c->source <= FROM_AUX && timer_is_set(&c->arrival) == (c->source != FROM_NONE),
                  "i8042: a byte is on its way without an end");
    state_require(s, c->kbd_free_ns < UINT64_MAX / 4 && c->aux_free_ns < UINT64_MAX / 4,
                  "i8042: a wire is busy past all time");
}

static void i8042_destroy(struct device *dev)
{
    struct i8042 *c = (struct i8042 *)dev;

    device_destroy(c->kbd);
    device_destroy(c->mouse);
    device_free(dev);
}

static const struct device_class i8042_class = {
    .name = "i8042",
    .version = 1,
    .reset = i8042_reset,
    .state = i8042_state,
    .destroy = i8042_destroy,
};

static const struct port_ops i8042_ports = {.width = 1, .read = i8042_read, .write = i8042_write};

struct device *i8042_create(struct bus *bus, struct clock *clock, struct irq_line irq1,
                            struct irq_line irq12, struct irq_line a20, struct irq_line reset)
{
    struct i8042 *c = device_new(&i8042_class, sizeof *c);
    struct irq_line request = {.set = i8042_request, .opaque = c};

    c->clock = clock;
    c->irq1 = irq1;
    c->irq12 = irq12;
    c->a20 = a20;
    c->reset = reset;
    c->kbd = ps2kbd_create(clock, request);
    c->mouse = ps2mouse_create(clock, request);
    timer_init(&c->arrival, clock, i8042_arrive, c);
    bus_map_ports(bus, DATA_PORT, 1, &i8042_ports, c);
    bus_map_ports(bus, STATUS_PORT, 1, &i8042_ports, c);
    return &c->dev;
}
