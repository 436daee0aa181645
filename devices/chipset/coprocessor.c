/*
 * Coprocessor errors, the AT's way. FERR# of the processor latches IRQ 13. The handler writes to
 * port F0h: the interrupt goes away, and while FERR# is still active IGNNE# lets the processor
 * execute x87 instructions in spite of the pending exception, until the handler has cleared it.
 *
 *   F0h  write  clear IRQ 13; IGNNE# active if FERR# is
 *   F1h  write  reset of the 80287; nothing since the 387
 *
 * Source: Intel 82371FB/82371SB data sheet (290550), "Coprocessor Error Register", "Coprocessor
 * Error Support"; IBM AT Technical Reference, "Math Coprocessor Control".
 * Not modelled: the enable bit in XBCS (PCI function 0, register 4Eh): firmware for emulators
 * leaves it off and expects the interrupt.
 */
#include "devices/chipset/coprocessor.h"

#include "devices/device.h"
#include "mmu/bus.h"

enum { PORT_CLEAR = 0xF0 };

struct coprocessor {
    struct device dev;

    /* Wiring. */
    struct irq_line irq13, ignne;

    /* Guest state. */
    bool ferr;    /* the pin */
    bool latched; /* IRQ 13 */
    bool ignored; /* IGNNE# */
};

static void drive(struct coprocessor *p)
{
    irq_set(&p->irq13, p->latched);
    irq_set(&p->ignne, p->ignored);
}

static void ferr_set(void *opaque, unsigned n, bool level)
{
    struct coprocessor *p = opaque;

    if (level && !p->ferr)
        p->latched = true;
    if (!level)
        p->ignored = false;
    p->ferr = level;
    drive(p);
}

static void port_write(void *opaque, u16 port, u32 value)
{
    struct coprocessor *p = opaque;

    if (port != PORT_CLEAR)
        return;
    p->latched = false;
    p->ignored = p->ferr;
    drive(p);
}

static u32 port_read(void *opaque, u16 port)
{
    return 0xFF; /* write-only */
}

static void coprocessor_reset(struct device *dev)
{
    struct coprocessor *p = (struct coprocessor *)dev;

    p->ferr = p->latched = p->ignored = false;
    drive(p);
}

static void coprocessor_state(struct device *dev, struct state *s)
{
    struct coprocessor *p = (struct coprocessor *)dev;

    state_bool(s, "ferr", &p->ferr);
    state_bool(s, "latched", &p->latched);
    state_bool(s, "ignored", &p->ignored);
    state_require(s, p->ferr || !p->ignored, "coprocessor: IGNNE# without FERR#");
}

static const struct device_class coprocessor_class = {
    .name = "coprocessor",
    .version = 1,
    .reset = coprocessor_reset,
    .state = coprocessor_state,
    .destroy = device_free,
};

static const struct port_ops coprocessor_ports = {
    .width = 1,
    .read = port_read,
    .write = port_write,
};

struct irq_line coprocessor_ferr(struct device *dev)
{
    return (struct irq_line){.set = ferr_set, .opaque = dev};
}

struct device *coprocessor_create(struct bus *bus, struct irq_line irq13, struct irq_line ignne)
{
    struct coprocessor *p = device_new(&coprocessor_class, sizeof *p);

    p->irq13 = irq13;
    p->ignne = ignne;
    bus_map_ports(bus, PORT_CLEAR, 2, &coprocessor_ports, p);
    return &p->dev;
}
