/*
 * Three small devices for people who debug: isa-debug-exit, a POST diagnostics card, pvpanic.
 * Sources: QEMU documentation, "isa-debug-exit" (invocation) and "PVPANIC DEVICE" (specification);
 * IBM PC AT Technical Reference, "POST" checkpoints at port 80h. On a PC that port is also the
 * spare DMA page register, which remembers what was written: the card, which hides it, does too.
 */
#include "devices/chipset/debug_ports.h"

#include "devices/device.h"
#include "mmu/bus.h"

#include <string.h>

struct debug_port {
    struct device dev;

    /* Wiring. */
    struct debug_port_listener listener;

    /* Guest state; used by the POST card alone. */
    u8 count;             /* codes remembered */
    u8 codes[POST_CODES]; /* newest first */
};

static void debug_port_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct debug_port *d = opaque;

    if (d->listener.written)
        d->listener.written(d->listener.opaque, value);
}

static u32 debug_exit_read(void *opaque, u16 port, unsigned size)
{
    return 0;
}

static u32 post_card_read(void *opaque, u16 port, unsigned size)
{
    const struct debug_port *d = opaque;

    return d->codes[0];
}

static void post_card_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct debug_port *d = opaque;

    memmove(d->codes + 1, d->codes, POST_CODES - 1);
    d->codes[0] = (u8)value;
    if (d->count < POST_CODES)
        d->count++;
    dev_trace(&d->dev, "code %02X", value);
    debug_port_write(d, port, value, size);
}

static u32 pvpanic_read(void *opaque, u16 port, unsigned size)
{
    return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

/* What the card showed last outlives a reset: that is what it is for. */
static void debug_port_reset(struct device *dev)
{
}

static void debug_port_no_state(struct device *dev, struct state *s)
{
}

static void post_card_state(struct device *dev, struct state *s)
{
    struct debug_port *d = (struct debug_port *)dev;

    state_u8(s, "count", &d->count);
    state_bytes(s, "codes", d->codes, sizeof d->codes);
    state_require(s, d->count <= POST_CODES, "post-card: more codes than it remembers");
}

static const struct device_class debug_exit_class = {
    .name = "debug-exit",
    .version = 1,
    .reset = debug_port_reset,
    .state = debug_port_no_state,
    .destroy = device_free,
};

static const struct device_class post_card_class = {
    .name = "post-card",
    .version = 1,
    .reset = debug_port_reset,
    .state = post_card_state,
    .destroy = device_free,
};

static const struct device_class pvpanic_class = {
    .name = "pvpanic",
    .version = 1,
    .reset = debug_port_reset,
    .state = debug_port_no_state,
    .destroy = device_free,
};

static const struct port_ops debug_exit_ports = {
    .width = 4,
    .read_sized = debug_exit_read,
    .write_sized = debug_port_write,
};

static const struct port_ops post_card_ports = {
    .width = 1,
    .read_sized = post_card_read,
    .write_sized = post_card_write,
};

static const struct port_ops pvpanic_ports = {
    .width = 1,
    .read_sized = pvpanic_read,
    .write_sized = debug_port_write,
};

static struct device *debug_port_new(const struct device_class *class, struct bus *bus, u16 port,
                                     u32 ports, const struct port_ops *ops,
                                     const struct debug_port_listener *listener)
{
    struct debug_port *d = device_new(class, sizeof *d);

    if (listener)
        d->listener = *listener;
    bus_map_ports(bus, port, ports, ops, d);
    return &d->dev;
}

struct device *debug_exit_create(struct bus *bus, u16 port,
                                 const struct debug_port_listener *listener)
{
    return debug_port_new(&debug_exit_class, bus, port, 4, &debug_exit_ports, listener);
}

struct device *post_card_create(struct bus *bus, u16 port,
                                const struct debug_port_listener *listener)
{
    return debug_port_new(&post_card_class, bus, port, 1, &post_card_ports, listener);
}

unsigned post_card_codes(const struct device *dev, u8 codes[POST_CODES])
{
    const struct debug_port *d = (const struct debug_port *)dev;

    memcpy(codes, d->codes, d->count);
    return d->count;
}

struct device *pvpanic_create(struct bus *bus, u16 port, const struct debug_port_listener *listener)
{
    return debug_port_new(&pvpanic_class, bus, port, 1, &pvpanic_ports, listener);
}
