/*
 * PCI configuration space and the bus that finds functions by number. One bus, no bridges: what
 * the host bridge asks of bus 1 and above ends in a master abort and reads as ones.
 * Source: PCI Local Bus Specification 2.1, chapter 6, "Configuration Space"; PIIX3 data sheet
 * (82371SB), "PIRQRC" and the swizzle that motherboards of its time use.
 * Not modelled: bridges, message-signalled interrupts, built-in self test, parity errors.
 */
#include "devices/chipset/pci.h"

#include "base/bytes.h"
#include "base/state.h"

#include <stdlib.h>
#include <string.h>

enum {
    PCI_CACHE_LINE = 0x0C,
    PCI_LATENCY = 0x0D,
    COMMAND_PARITY = 0x40, /* PERR# enable */
    COMMAND_SERR = 0x100,
    STATUS_ERRORS = 0xF9, /* high byte: the bits that software clears by writing ones */
    BAR_SPACE_IO = 1,
    BAR_PREFETCH = 8,
    ROM_ENABLE = 1,
    PCI_WIRES = 4,
    PCI_DEVFNS = 256,
};

struct pci_bus {
    struct irq_line pirq[PCI_WIRES];
    struct pci_function *functions[PCI_DEVFNS];
};

void pci_init(struct pci_function *f, const char *name, u8 devfn, u16 vendor, u16 device,
              u32 class_code, u8 revision)
{
    unsigned i;

    f->name = name;
    f->devfn = devfn;
    put_le16(f->config + PCI_VENDOR_ID, vendor);
    put_le16(f->config + PCI_DEVICE_ID, device);
    put_le32(f->config + PCI_REVISION, class_code << 8 | revision);
    put_le16(f->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                            COMMAND_PARITY | COMMAND_SERR);
    f->write_clears[PCI_STATUS + 1] = STATUS_ERRORS;
    f->writable[PCI_CACHE_LINE] = 0xFF;
    f->writable[PCI_LATENCY] = 0xFF;
    f->writable[PCI_INTERRUPT_LINE] = 0xFF;
    for (i = 0; i < PCI_BARS; i++)
        f->bars[i].address = PCI_BAR_UNMAPPED;
}

static unsigned bar_offset(unsigned bar)
{
    return bar == PCI_BARS - 1 ? PCI_ROM_BAR : PCI_BAR0 + 4 * bar;
}

void pci_bar_init(struct pci_function *f, unsigned bar, enum pci_bar_kind kind, u32 size)
{
    unsigned offset = bar_offset(bar);
    u32 writable = ~(size - 1);
    u32 fixed = 0;

    assert(bar < PCI_BARS && (size & (size - 1)) == 0);
    assert(size >= (kind == PCI_BAR_IO ? 4u : 4096u));
    if (kind == PCI_BAR_IO)
        fixed = BAR_SPACE_IO;
    else if (kind == PCI_BAR_MEM_PREFETCH)
        fixed = BAR_PREFETCH;
    if (offset == PCI_ROM_BAR) {
        writable |= ROM_ENABLE;
        fixed = 0;
    }
    f->bars[bar].kind = kind;
    f->bars[bar].size = size;
    put_le32(f->config + offset, fixed);
    put_le32(f->writable + offset, writable);
}

void pci_add(struct pci_bus *bus, struct pci_function *f)
{
    assert(!bus->functions[f->devfn]);
    memcpy(f->reset_config, f->config, sizeof f->config);
    f->bus = bus;
    bus->functions[f->devfn] = f;
}

/*
 * Where a BAR decodes with the present registers. Nowhere: its space is disabled in the command
 * register; address 0, which RAM and the DMA controller answer for first on this board; the value
 * that sizing leaves behind (all ones), which would lie over the BIOS ROM or past the ports.
 */
static u64 bar_address(const struct pci_function *f, unsigned bar)
{
    const struct pci_bar *b = &f->bars[bar];
    u16 command = get_le16(f->config + PCI_COMMAND);
    u32 value = get_le32(f->config + bar_offset(bar));
    u32 address = value & ~(b->size - 1);
    bool io = b->kind == PCI_BAR_IO;

    if (b->kind == PCI_BAR_NONE || !(command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
        return PCI_BAR_UNMAPPED;
    if (bar == PCI_BARS - 1 && !(value & ROM_ENABLE))
        return PCI_BAR_UNMAPPED;
    if (address == 0 || (u64)address + b->size > (io ? 0x10000ull : 0xFFFFFFFFull))
        return PCI_BAR_UNMAPPED;
    return address;
}

static void pci_update_bars(struct pci_function *f)
{
    unsigned i;

    for (i = 0; i < PCI_BARS; i++) {
        u64 old = f->bars[i].address;
        u64 now = bar_address(f, i);

        if (now == old)
            continue;
        f->bars[i].address = now;
        if (f->bar_moved)
            f->bar_moved(f->opaque, i, old, now);
    }
}

static unsigned pci_wire(const struct pci_function *f)
{
    unsigned device = f->devfn >> 3;
    unsigned pin = f->config[PCI_INTERRUPT_PIN] - 1; /* the register counts INTA# as 1 */

    return (device + pin - 1) & (PCI_WIRES - 1);
}

static bool wire_level(const struct pci_bus *bus, unsigned wire)
{
    unsigned i;

    for (i = 0; i < PCI_DEVFNS; i++) {
        const struct pci_function *f = bus->functions[i];

        if (f && f->intx && pci_wire(f) == wire)
            return true;
    }
    return false;
}

void pci_set_intx(struct pci_function *f, bool level)
{
    unsigned wire = pci_wire(f);

    if (f->intx == level)
        return;
    f->intx = level;
    irq_set(&f->bus->pirq[wire], level || wire_level(f->bus, wire));
}

void pci_reset(struct pci_function *f)
{
    pci_set_intx(f, false);
    memcpy(f->config, f->reset_config, sizeof f->config);
    pci_update_bars(f);
}

void pci_state(struct pci_function *f, struct state *s)
{
    u8 config[PCI_CONFIG_BYTES];
    unsigned i;

    memcpy(config, f->config, sizeof config);
    state_bytes(s, "config", config, sizeof config);
    state_bool(s, "intx", &f->intx);
    if (!state_is_loading(s) || state_error(s))
        return;
    state_require(s, memcmp(config, f->config, PCI_COMMAND) == 0, "pci: another device's state");
    for (i = 0; i < PCI_BARS; i++) {
        unsigned offset = bar_offset(i);
        u32 changed = get_le32(config + offset) ^ get_le32(f->config + offset);

        state_require(s, (changed & ~get_le32(f->writable + offset)) == 0,
                      "pci: a base address has fixed bits changed");
    }
    if (state_error(s))
        return;
    memcpy(f->config, config, sizeof config);
    pci_update_bars(f);
}

u32 pci_config_read(struct pci_bus *bus, u8 busno, u8 devfn, unsigned offset, unsigned size)
{
    const struct pci_function *f = busno == 0 ? bus->functions[devfn] : NULL;
    u32 value = 0;
    unsigned i;

    for (i = 0; i < size; i++)
        value |= (u32)(f ? f->config[(offset + i) % PCI_CONFIG_BYTES] : 0xFF) << 8 * i;
    return value;
}

void pci_config_write(struct pci_bus *bus, u8 busno, u8 devfn, unsigned offset, u32 value,
                      unsigned size)
{
    struct pci_function *f = busno == 0 ? bus->functions[devfn] : NULL;
    unsigned i;

    if (!f)
        return;
    for (i = 0; i < size; i++) {
        unsigned at = (offset + i) % PCI_CONFIG_BYTES;
        u8 byte = (u8)(value >> 8 * i);

        f->config[at] = (f->config[at] & ~f->writable[at]) | (byte & f->writable[at]);
        f->config[at] &= ~(byte & f->write_clears[at]);
    }
    pci_update_bars(f);
    if (f->config_written)
        f->config_written(f->opaque, offset, size);
}

struct pci_function *pci_find(struct pci_bus *bus, u8 devfn)
{
    return bus->functions[devfn];
}

struct pci_bus *pci_bus_new(const struct irq_line pirq[4])
{
    struct pci_bus *bus = calloc(1, sizeof *bus);

    if (!bus)
        abort();
    memcpy(bus->pirq, pirq, sizeof bus->pirq);
    return bus;
}

void pci_bus_free(struct pci_bus *bus)
{
    free(bus);
}
