/*
 * System control port B, I/O port 61h.
 *
 *   bit 0  r/w  gate of timer channel 2
 *   bit 1  r/w  speaker data: the speaker follows OUT2 while set, else it rests
 *   bit 2  r/w  parity (SERR#) check off; kept, there are no such errors
 *   bit 3  r/w  I/O channel check off; kept, no card raises it
 *   bit 4  ro   toggles with every refresh cycle
 *   bit 5  ro   OUT2
 *   bits 6, 7 ro  the two errors: never
 *
 * Source: Intel 82371SB (PIIX3) data sheet, "NMI Status and Control Register"; IBM AT Technical
 * Reference, "System Board": refresh every 15 us by timer channel 1, which every BIOS programs to
 * count 18. We take that count for granted: guests measure time with bit 4, none reprograms it.
 */
#include "devices/chipset/port61.h"

#include "base/clock.h"
#include "devices/chipset/pit.h"
#include "devices/device.h"
#include "mmu/bus.h"

enum {
    PORT61 = 0x61,
    PORT61_GATE2 = 0x01,
    PORT61_SPEAKER = 0x02,
    PORT61_WRITABLE = 0x0F,
    PORT61_REFRESH = 0x10,
    PORT61_OUT2 = 0x20,
    REFRESH_TICKS = 18,
};

struct port61 {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct device *pit;
    struct irq_line speaker;

    /* Guest state. */
    u8 value;
};

static u32 port61_read(void *opaque, u16 port)
{
    struct port61 *p = opaque;
    u32 value = p->value;

    if (pit_ticks(clock_now(p->clock)) / REFRESH_TICKS & 1)
        value |= PORT61_REFRESH;
    if (pit_out(p->pit, 2))
        value |= PORT61_OUT2;
    return value;
}

static void port61_drive(struct port61 *p)
{
    pit_set_gate2(p->pit, p->value & PORT61_GATE2);
    irq_set(&p->speaker, p->value & PORT61_SPEAKER);
}

static void port61_write(void *opaque, u16 port, u32 value)
{
    struct port61 *p = opaque;

    p->value = value & PORT61_WRITABLE;
    port61_drive(p);
}

static void port61_reset(struct device *dev)
{
    struct port61 *p = (struct port61 *)dev;

    p->value = 0;
    port61_drive(p);
}

static void port61_state(struct device *dev, struct state *s)
{
    struct port61 *p = (struct port61 *)dev;

    state_u8(s, "value", &p->value);
    state_require(s, p->value <= PORT61_WRITABLE, "port61: a bit is set that cannot be");
}

static const struct device_class port61_class = {
    .name = "port61",
    .version = 1,
    .reset = port61_reset,
    .state = port61_state,
    .destroy = device_free,
};

static const struct port_ops port61_ports = {
    .width = 1,
    .read = port61_read,
    .write = port61_write,
};

struct device *port61_create(struct bus *bus, struct clock *clock, struct device *pit,
                             struct irq_line speaker)
{
    struct port61 *p = device_new(&port61_class, sizeof *p);

    p->clock = clock;
    p->pit = pit;
    p->speaker = speaker;
    bus_map_ports(bus, PORT61, 1, &port61_ports, p);
    return &p->dev;
}
