/*
 * PCI-to-ISA bridge 82371SB (PIIX3), function 0: steers PCI interrupts to ISA ones, joins the
 * drivers of each ISA interrupt, holds the reset control register at CF9h. Its other registers
 * hold what is written to them. The PICs, PIT, DMA and RTC decoder are chips of their own here.
 * Source: Intel 82371FB/82371SB data sheet (290550), "Register Description", "PCI to ISA Bridge".
 *
 *   60h-63h PIRQRCA-D   7 routing off | 3:0 ISA interrupt (0, 1, 2, 8 and 13 are reserved)
 *   CF9h    RC          2 reset on 0->1 | 1 hard (1) or processor only (0)
 *
 * Not modelled: ISA timing, chip selects, deterministic latency, and its own power management,
 * whose registers hold their values (the board has the PIIX4's).
 */
#include "devices/chipset/piix3.h"

#include "base/bytes.h"
#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "mmu/bus.h"

enum {
    ISA_IRQS = 16,
    PIRQS = 4,
    DRIVERS = 32, /* of one ISA interrupt */

    REG_PIRQRC = 0x60,
    PIRQRC_OFF = 0x80,
    PIRQRC_IRQ = 0x0F,
    RESERVED_IRQS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 1 << 13,

    RC_PORT = 0xCF9,
    RC_SRST = 2,
    RC_RCPU = 4,
};

struct piix3 {
    struct device dev;

    /* Wiring. */
    struct piix3_pins pins;
    u8 drivers[ISA_IRQS]; /* how many were handed out */

    /* Guest state. */
    struct pci_function fn;
    u32 isa[ISA_IRQS]; /* levels, a bit for each driver */
    u8 pirq;           /* levels, a bit for each PIRQ */
    u8 rc;

    /* What the PICs were last told; follows from the levels and fn. */
    u16 out;
};

/* The ISA interrupt that PIRQ n is steered to, or -1. */
static int piix3_route(const struct piix3 *d, unsigned n)
{
    u8 reg = d->fn.config[REG_PIRQRC + n];
    unsigned irq = reg & PIRQRC_IRQ;

    if ((reg & PIRQRC_OFF) || (RESERVED_IRQS >> irq & 1))
        return -1;
    return (int)irq;
}

static u16 piix3_levels(const struct piix3 *d)
{
    u16 levels = 0;
    unsigned n;

    for (n = 0; n < ISA_IRQS; n++)
        levels |= (u16)(d->isa[n] != 0) << n;
    for (n = 0; n < PIRQS; n++)
        if ((d->pirq >> n & 1) && piix3_route(d, n) >= 0)
            levels |= 1 << piix3_route(d, n);
    return levels;
}

static void piix3_update(struct piix3 *d)
{
    u16 levels = piix3_levels(d);
    u16 changed = levels ^ d->out;
    unsigned n;

    d->out = levels;
    for (n = 0; changed; n++, changed >>= 1)
        if (changed & 1)
            irq_set(&d->pins.irq[n], levels >> n & 1);
}

static void piix3_set_pirq(void *opaque, unsigned n, bool level)
{
    struct piix3 *d = opaque;

    d->pirq = (d->pirq & ~(1 << n)) | level << n;
    piix3_update(d);
}

static void piix3_set_isa(void *opaque, unsigned n, bool level)
{
    struct piix3 *d = opaque;
    unsigned irq = n / DRIVERS;
    u32 bit = 1u << n % DRIVERS;
    u32 before = d->isa[irq];

    d->isa[irq] = level ? before | bit : before & ~bit;
    if ((before == 0) != (d->isa[irq] == 0))
        piix3_update(d);
}

static void piix3_config_written(void *opaque, unsigned offset, unsigned size)
{
    piix3_update(opaque);
}

static u32 piix3_rc_read(void *opaque, u16 port)
{
    struct piix3 *d = opaque;

    return d->rc;
}

static void piix3_rc_write(void *opaque, u16 port, u32 value)
{
    struct piix3 *d = opaque;
    bool fires = (value & RC_RCPU) && !(d->rc & RC_RCPU);
    const struct irq_line *line = value & RC_SRST ? &d->pins.reset : &d->pins.init;

    d->rc = value & (RC_SRST | RC_RCPU);
    if (!fires)
        return;
    irq_set(line, true);
    irq_set(line, false);
}

static void piix3_reset(struct device *dev)
{
    struct piix3 *d = (struct piix3 *)dev;

    /* The levels stay: they belong to the chips that drive them, which release them themselves. */
    pci_reset(&d->fn);
    d->rc = 0;
    piix3_update(d);
}

static void piix3_state(struct device *dev, struct state *s)
{
    struct piix3 *d = (struct piix3 *)dev;
    unsigned n;

    pci_state(&d->fn, s);
    for (n = 0; n < ISA_IRQS; n++) {
        state_u32(s, "isa", &d->isa[n]);
        state_require(s, d->drivers[n] == DRIVERS || d->isa[n] >> d->drivers[n] == 0,
                      "piix3: an ISA interrupt has a driver too many");
    }
    state_u8(s, "pirq", &d->pirq);
    state_u8(s, "rc", &d->rc);
    state_require(s, d->pirq < 1 << PIRQS, "piix3: more than four PIRQs");
    state_require(s, (d->rc & ~(RC_SRST | RC_RCPU)) == 0, "piix3: reset control out of range");
    /* The PICs load their input levels themselves; telling them again could make an edge. */
    d->out = piix3_levels(d);
}

static const struct device_class piix3_class = {
    .name = "piix3",
    .version = 1,
    .reset = piix3_reset,
    .state = piix3_state,
    .destroy = device_free,
};

static const struct port_ops piix3_rc_ports = {
    .width = 1,
    .read = piix3_rc_read,
    .write = piix3_rc_write,
};

/* Power-on values and writable bits, "PCI to ISA Bridge", in the order of their offsets. */
static const struct {
    u8 offset, value, writable;
} piix3_registers[] = {
    {PCI_COMMAND, 0x07, 0x08},     /* special cycles can be switched off, the rest not */
    {PCI_COMMAND + 1, 0x00, 0x01}, /* SERR# */
    {PCI_STATUS + 1, 0x02, 0x00},  /* medium DEVSEL# timing */
    {PCI_HEADER_TYPE, 0x80, 0x00}, /* several functions */
    {0x4C, 0x4D, 0xFF},            /* IORT: ISA I/O recovery */
    {0x4E, 0x03, 0xFF},            /* XBCS: RTC and keyboard decode */
    {0x4F, 0x00, 0x01},            /* XBCS: APIC chip select */
    {0x60, 0x80, 0x8F},            /* PIRQRCA-D */
    {0x61, 0x80, 0x8F},
    {0x62, 0x80, 0x8F},
    {0x63, 0x80, 0x8F},
    {0x69, 0x02, 0xFE}, /* TOM: top of memory for ISA masters */
    {0x6A, 0x00, 0x94},
    {0x6B, 0x00, 0x00}, /* MSTAT */
    {0x70, 0x80, 0xEF}, /* MBIRQ0 */
    {0x76, 0x0C, 0x8F},
    {0x77, 0x0C, 0x8F}, /* MBDMA0-1 */
    {0x78, 0x02, 0xFF},
    {0x79, 0x00, 0xFF}, /* PCSC */
    {0x80, 0x00, 0x7F}, /* APICBASE */
    {0x82, 0x00, 0x0F}, /* DLC */
    {0xA0, 0x08, 0x1F}, /* SMICNTL */
    {0xA2, 0x00, 0xFF},
    {0xA3, 0x00, 0x01}, /* SMIEN */
    {0xA4, 0x00, 0xFF},
    {0xA5, 0x00, 0xFF},
    {0xA6, 0x00, 0x00},
    {0xA7, 0x00, 0xE0},
    {0xA8, 0x0F, 0xFF}, /* FTMR */
    {0xAC, 0x00, 0xFF}, /* CTLTMR */
    {0xAE, 0x00, 0xFF}, /* CTHTMR */
};

struct device *piix3_create(const struct piix3_pins *pins)
{
    struct piix3 *d = device_new(&piix3_class, sizeof *d);
    unsigned i;

    d->pins = *pins;
    pci_init(&d->fn, "piix3", 1 << 3 | 0, 0x8086, 0x7000, 0x060100, 0);
    d->fn.writable[PCI_INTERRUPT_LINE] = 0; /* no interrupt of its own, no such register */
    for (i = 0; i < ARRAY_LEN(piix3_registers); i++) {
        d->fn.config[piix3_registers[i].offset] = piix3_registers[i].value;
        d->fn.writable[piix3_registers[i].offset] = piix3_registers[i].writable;
    }
    d->fn.opaque = d;
    d->fn.config_written = piix3_config_written;
    return &d->dev;
}

void piix3_plug(struct device *dev, struct bus *bus, struct pci_bus *pci)
{
    struct piix3 *d = (struct piix3 *)dev;

    assert(pci_find(pci, 0)); /* the host bridge comes first, see piix3_plug's header */
    pci_add(pci, &d->fn);
    bus_map_ports(bus, RC_PORT, 1, &piix3_rc_ports, d);
}

struct irq_line piix3_pirq(struct device *dev, unsigned n)
{
    assert(n < PIRQS);
    return (struct irq_line){piix3_set_pirq, dev, n};
}

struct irq_line piix3_isa_irq(struct device *dev, unsigned irq)
{
    struct piix3 *d = (struct piix3 *)dev;

    assert(irq < ISA_IRQS && d->drivers[irq] < DRIVERS);
    return (struct irq_line){piix3_set_isa, d, irq * DRIVERS + d->drivers[irq]++};
}
