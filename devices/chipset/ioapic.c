/*
 * I/O APIC 82093AA: turns 24 interrupt pins into messages to local APICs.
 * Source: Intel 82093AA I/O APIC data sheet (290566), "Register Description".
 *
 *   +00h IOREGSEL  index        +10h IOWIN  the register it selects, 32 bits
 *   index 0 ID, 1 version, 2 arbitration ID, 10h-3Fh redirection table, two registers a pin:
 *   63:56 destination | 16 mask | 15 level | 14 remote IRR | 13 low active | 12 sending
 *   11 logical | 10:8 delivery mode | 7:0 vector
 *
 * Polarity is stored and not applied: a line here says "asserted", not a voltage, and tables of
 * firmware for this board call its PCI interrupts low active (MP) as well as high active (ACPI).
 * Not modelled: the serial bus's arbitration; a message is never under way (bit 12 reads 0).
 */
#include "devices/chipset/ioapic.h"

#include "devices/chipset/apic_bus.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <stdio.h>

enum {
    IOAPIC_BYTES = 4096,
    OFFSET_SELECT = 0x00,
    OFFSET_WINDOW = 0x10,

    REG_ID = 0,
    REG_VERSION = 1,
    REG_ARBITRATION = 2,
    REG_TABLE = 0x10,
    VERSION = 0x11 | (IOAPIC_PINS - 1) << 16,
    ID_MASK = 0x0F,

    RED_LOGICAL = 1 << 11,
    RED_REMOTE_IRR = 1 << 14,
    RED_LEVEL = 1 << 15,
    RED_MASKED = 1 << 16,
    RED_LOW_WRITABLE = 0x1AFFF,
};

struct ioapic {
    struct device dev;

    /* Wiring. */
    struct apic_bus *apics;
    u8 wired_id;

    /* Guest state. */
    u8 id, select;
    u32 low[IOAPIC_PINS];        /* redirection table, lower halves */
    u8 destination[IOAPIC_PINS]; /* and all that the upper ones hold */
    u32 levels;                  /* a bit for each pin */
};

static void ioapic_send(struct ioapic *d, unsigned pin)
{
    u32 red = d->low[pin];
    struct apic_message m = {
        .destination = d->destination[pin],
        .logical = red & RED_LOGICAL,
        .mode = red >> 8 & 7,
        .vector = (u8)red,
        .level = red & RED_LEVEL,
    };

    if (apic_bus_send(d->apics, &m) && m.level && m.mode <= APIC_LOWEST)
        d->low[pin] |= RED_REMOTE_IRR; /* accepted: the next one follows its EOI */
}

/* A level-triggered pin that is asserted and not yet being served. */
static void ioapic_serve_level(struct ioapic *d, unsigned pin)
{
    u32 red = d->low[pin];

    if ((d->levels >> pin & 1) && (red & RED_LEVEL) && !(red & (RED_MASKED | RED_REMOTE_IRR)))
        ioapic_send(d, pin);
}

static void ioapic_set_pin(void *opaque, unsigned pin, bool level)
{
    struct ioapic *d = opaque;
    u32 bit = 1u << pin;
    bool rises = level && !(d->levels & bit);

    d->levels = level ? d->levels | bit : d->levels & ~bit;
    if (!rises)
        return;
    if (d->low[pin] & RED_LEVEL)
        ioapic_serve_level(d, pin);
    else if (!(d->low[pin] & RED_MASKED)) /* an edge on a masked pin is lost: "Interrupt Mask" */
        ioapic_send(d, pin);
}

static void ioapic_eoi(void *opaque, u8 vector)
{
    struct ioapic *d = opaque;
    unsigned pin;

    for (pin = 0; pin < IOAPIC_PINS; pin++) {
        if (!(d->low[pin] & RED_REMOTE_IRR) || (u8)d->low[pin] != vector)
            continue;
        d->low[pin] &= ~RED_REMOTE_IRR;
        ioapic_serve_level(d, pin);
    }
}

static u32 ioapic_read_register(struct ioapic *d)
{
    unsigned at = d->select - REG_TABLE;

    switch (d->select) {
    case REG_ID:
    case REG_ARBITRATION: return (u32)d->id << 24;
    case REG_VERSION: return VERSION;
    }
    if (at < 2 * IOAPIC_PINS)
        return at % 2 ? (u32)d->destination[at / 2] << 24 : d->low[at / 2];
    dev_guest(&d->dev, "read of register %02Xh", d->select);
    return 0;
}

static void ioapic_write_low(struct ioapic *d, unsigned pin, u32 value)
{
    u32 kept = d->low[pin] & RED_REMOTE_IRR;

    /* Remote IRR has a meaning for level-triggered pins only, and starts anew when one becomes so;
     * drivers use that to clear it. */
    if (!(value & RED_LEVEL))
        kept = 0;
    d->low[pin] = (value & RED_LOW_WRITABLE) | kept;
    ioapic_serve_level(d, pin);
}

static void ioapic_write_register(struct ioapic *d, u32 value)
{
    unsigned at = d->select - REG_TABLE;

    if (d->select == REG_ID)
        d->id = value >> 24 & ID_MASK;
    else if (at >= 2 * IOAPIC_PINS)
        dev_guest(&d->dev, "write of %08Xh to register %02Xh", value, d->select);
    else if (at % 2)
        d->destination[at / 2] = value >> 24;
    else
        ioapic_write_low(d, at / 2, value);
}

static u64 ioapic_mmio_read(void *opaque, u64 offset, unsigned size)
{
    struct ioapic *d = opaque;
    u32 value = 0;

    if (offset / 16 == OFFSET_SELECT / 16)
        value = d->select;
    else if (offset / 16 == OFFSET_WINDOW / 16)
        value = ioapic_read_register(d);
    value = offset % 16 < 4 ? value >> 8 * (offset % 16) : 0;
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static void ioapic_mmio_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct ioapic *d = opaque;

    if (offset == OFFSET_SELECT)
        d->select = (u8)value;
    else if (offset == OFFSET_WINDOW && size == 4)
        ioapic_write_register(d, (u32)value);
    else
        dev_guest(&d->dev, "write of %u bytes at %03Xh ignored", size, (unsigned)offset);
}

static void ioapic_reset(struct device *dev)
{
    struct ioapic *d = (struct ioapic *)dev;
    unsigned pin;

    /* The pins' levels belong to the chips that drive them. */
    d->id = d->wired_id;
    d->select = 0;
    for (pin = 0; pin < IOAPIC_PINS; pin++) {
        d->low[pin] = RED_MASKED;
        d->destination[pin] = 0;
    }
}

static void ioapic_state(struct device *dev, struct state *s)
{
    struct ioapic *d = (struct ioapic *)dev;
    unsigned pin;

    state_u8(s, "id", &d->id);
    state_u8(s, "select", &d->select);
    state_u32(s, "levels", &d->levels);
    state_require(s, d->id <= ID_MASK && d->levels >> IOAPIC_PINS == 0,
                  "ioapic: ID or levels out of range");
    for (pin = 0; pin < IOAPIC_PINS; pin++) {
        state_u32(s, "low", &d->low[pin]);
        state_u8(s, "destination", &d->destination[pin]);
        state_require(s, (d->low[pin] & ~(RED_LOW_WRITABLE | RED_REMOTE_IRR)) == 0,
                      "ioapic: a redirection entry has reserved bits set");
    }
}

static const struct device_class ioapic_class = {
    .name = "ioapic",
    .version = 1,
    .reset = ioapic_reset,
    .state = ioapic_state,
    .destroy = device_free,
};

static const struct mmio_ops ioapic_mmio = {
    .width = 4,
    .read = ioapic_mmio_read,
    .write = ioapic_mmio_write,
};

struct device *ioapic_create(struct bus *bus, struct apic_bus *apics, u64 base, u8 id)
{
    struct ioapic *d = device_new(&ioapic_class, sizeof *d);
    struct apic_io io = {d, ioapic_eoi};

    d->apics = apics;
    d->wired_id = id;
    apic_bus_add_io(apics, &io);
    bus_map_mmio(bus, base, IOAPIC_BYTES, &ioapic_mmio, d);
    return &d->dev;
}

struct irq_line ioapic_line(struct device *dev, unsigned pin)
{
    assert(pin < IOAPIC_PINS);
    return (struct irq_line){ioapic_set_pin, dev, pin};
}

u32 ioapic_open(const struct device *dev)
{
    const struct ioapic *d = (const struct ioapic *)dev;
    u32 open = 0;

    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        open |= (u32) !(d->low[pin] & RED_MASKED) << pin;
    return open;
}

void ioapic_describe(struct device *dev, char *out, size_t out_size)
{
    static const char *const modes[8] = {"fixed", "lowest priority", "SMI",   "reserved", "NMI",
                                         "INIT",  "reserved",        "ExtINT"};
    struct ioapic *d = (struct ioapic *)dev;
    unsigned pin, masked = 0;
    size_t at = 0;

    for (pin = 0; pin < IOAPIC_PINS && at < out_size; pin++) {
        u32 red = d->low[pin];

        if (red & RED_MASKED) {
            masked++;
            continue;
        }
        at += (size_t)snprintf(
            out + at, out_size - at, "pin %2u: vector %02X, %s, to %s%02X, %s%s%s\n", pin,
            red & 0xFF, modes[red >> 8 & 7], red & RED_LOGICAL ? "set " : "APIC ",
            d->destination[pin], red & RED_LEVEL ? "level" : "edge",
            red & RED_REMOTE_IRR ? ", in service" : "", d->levels >> pin & 1 ? ", asserted" : "");
    }
    if (masked && at < out_size)
        snprintf(out + at, out_size - at, "%u pins are masked\n", masked);
}
