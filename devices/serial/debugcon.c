/*
 * Debug console, I/O ports E9h and 402h. A guest writes a byte and the host shows it. Reading
 * returns E9h, which is how firmware finds that somebody listens. No interrupt, no status, no
 * speed. Sources: Bochs user manual, option "port_e9_hack"; SeaBIOS documentation, "Debugging", for
 * port 402h; no real PC has this device. Not modelled: the input direction that some emulators add.
 */
#include "devices/serial/debugcon.h"

#include "devices/device.h"
#include "devices/host/chr.h"
#include "mmu/bus.h"

enum { DEBUGCON_PORT = 0xE9, DEBUGCON_FIRMWARE_PORT = 0x402, LINE_BYTES = 120 };

struct debugcon {
    struct device dev; /* first member: a struct device * is also a struct debugcon * */

    /* Wiring: set by create, kept across reset, never saved. */
    struct chr *out;

    /* Guest state: defined by reset, saved in snapshots. len < LINE_BYTES between accesses. */
    u8 len;
    u8 line[LINE_BYTES];
};

static void debugcon_flush(struct debugcon *d)
{
    if (d->len)
        chr_write(d->out, d->line, d->len);
    d->len = 0;
}

static u32 debugcon_read(void *opaque, u16 port)
{
    return DEBUGCON_PORT; /* both ports answer a probe with the older one's number */
}

static void debugcon_write(void *opaque, u16 port, u32 value)
{
    struct debugcon *d = opaque;

    d->line[d->len++] = (u8)value;
    /* Whole lines, so that the output of two processors does not interleave. */
    if (value == '\n' || d->len == LINE_BYTES)
        debugcon_flush(d);
}

static void debugcon_reset(struct device *dev)
{
    /* A triple fault must not swallow the guest's last words. */
    debugcon_flush((struct debugcon *)dev);
}

static void debugcon_state(struct device *dev, struct state *s)
{
    struct debugcon *d = (struct debugcon *)dev;

    state_u8(s, "len", &d->len);
    state_bytes(s, "line", d->line, sizeof d->line);
    state_require(s, d->len < LINE_BYTES, "debugcon: len is past the end of line");
}

static void debugcon_destroy(struct device *dev)
{
    debugcon_flush((struct debugcon *)dev);
    device_free(dev);
}

static const struct device_class debugcon_class = {
    .name = "debugcon",
    .version = 1,
    .reset = debugcon_reset,
    .state = debugcon_state,
    .destroy = debugcon_destroy,
};

static const struct port_ops debugcon_ports = {
    .width = 1,
    .read = debugcon_read,
    .write = debugcon_write,
};

struct device *debugcon_create(struct bus *bus, struct chr *out)
{
    struct debugcon *d = device_new(&debugcon_class, sizeof *d);

    d->out = out;
    bus_map_ports(bus, DEBUGCON_PORT, 1, &debugcon_ports, d);
    bus_map_ports(bus, DEBUGCON_FIRMWARE_PORT, 1, &debugcon_ports, d);
    return &d->dev;
}
