/*
 * System control port A, I/O port 92h: the fast ways to switch A20 and to reset the processor.
 *
 *   bit 0  a change from 0 to 1 pulses the processor's reset; must go back to 0 before the next
 *   bit 1  A20 is let through (or the keyboard controller lets it)
 *   bit 3  lock of the CMOS password: kept, locks nothing
 *   bits 6, 7  disk light of a PS/2: kept, no light
 *
 * Sources: Intel 82371SB (PIIX3) data sheet, "Port 92 Register"; IBM PS/2 Hardware Interface
 * Technical Reference, "System Control Port A".
 */
#include "devices/chipset/port92.h"

#include "devices/device.h"
#include "mmu/bus.h"

enum {
    PORT92 = 0x92,
    PORT92_FAST_INIT = 0x01,
    PORT92_FAST_A20 = 0x02,
    PORT92_WRITABLE = 0xCB,
};

struct port92 {
    struct device dev;

    /* Wiring. */
    struct irq_line a20, reset;

    /* Guest state. */
    u8 value;
};

static u32 port92_read(void *opaque, u16 port)
{
    return ((struct port92 *)opaque)->value;
}

static void port92_write(void *opaque, u16 port, u32 value)
{
    struct port92 *p = opaque;
    bool reset = (value & PORT92_FAST_INIT) && !(p->value & PORT92_FAST_INIT);

    p->value = value & PORT92_WRITABLE;
    irq_set(&p->a20, p->value & PORT92_FAST_A20);
    if (reset) {
        irq_set(&p->reset, true);
        irq_set(&p->reset, false);
    }
}

static void port92_reset(struct device *dev)
{
    struct port92 *p = (struct port92 *)dev;

    p->value = 0;
    irq_set(&p->a20, false);
    irq_set(&p->reset, false);
}

static void port92_state(struct device *dev, struct state *s)
{
    struct port92 *p = (struct port92 *)dev;

    state_u8(s, "value", &p->value);
    state_require(s, !(p->value & ~PORT92_WRITABLE), "port92: a bit is set that cannot be");
}

static const struct device_class port92_class = {
    .name = "port92",
    .version = 1,
    .reset = port92_reset,
    .state = port92_state,
    .destroy = device_free,
};

static const struct port_ops port92_ports = {
    .width = 1,
    .read = port92_read,
    .write = port92_write,
};

struct device *port92_create(struct bus *bus, struct irq_line a20, struct irq_line reset)
{
    struct port92 *p = device_new(&port92_class, sizeof *p);

    p->a20 = a20;
    p->reset = reset;
    bus_map_ports(bus, PORT92, 1, &port92_ports, p);
    return &p->dev;
}
