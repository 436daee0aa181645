/*
 * Registers of the chipset and the serial chips: any accesses in any order, time passing between
 * them. Nothing may crash, and what a chip saves it must take back and save again the same way.
 *
 * An input is a list of five-byte steps: what, where (2), value (2).
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "devices/chipset/acpi_tables.h"
#include "devices/chipset/apic_bus.h"
#include "devices/chipset/debug_ports.h"
#include "devices/chipset/fwcfg.h"
#include "devices/chipset/hpet.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/ioapic.h"
#include "devices/chipset/lapic.h"
#include "devices/chipset/pci.h"
#include "devices/chipset/pic.h"
#include "devices/chipset/piix3.h"
#include "devices/chipset/piix4pm.h"
#include "devices/chipset/smbios.h"
#include "devices/device.h"
#include "devices/host/chr.h"
#include "devices/serial/debugcon.h"
#include "devices/serial/parallel.h"
#include "devices/serial/uart16550.h"
#include "mmu/bus.h"
#include "mmu/physmap.h"
#include "tests/fuzz/lasting.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICES_MAX = 32, RAM_BYTES = 1 << 20, STEP_BYTES = 5, STEPS_MAX = 2000, TIMERS_MAX = 4096 };

struct board {
    struct physmap *pm;
    struct bus *bus;
    struct clock *clock;
    u64 count;
    struct device *devices[DEVICES_MAX];
    unsigned device_count;
    struct device *fwcfg, *lapic, *pic;
    struct chr *chr;
    struct irq_line isa[16];
};

static u64 board_count(void *opaque)
{
    return ((struct board *)opaque)->count;
}

static void board_rearm(void *opaque)
{
}

static void no_pam(void *opaque, u32 start, u32 len, bool read_ram, bool write_ram)
{
}

static void no_smram(void *opaque, bool open, bool closed, bool locked, bool enabled)
{
}

static void base_moved(void *opaque, u16 port)
{
    struct acpi_config config = {.ram_bytes = RAM_BYTES, .cpus = 1, .pm_base = port, .hpet = true};

    if (((struct board *)opaque)->fwcfg)
        acpi_tables_add(((struct board *)opaque)->fwcfg, &config);
}

static struct device *add(struct board *b, struct device *dev)
{
    b->devices[b->device_count++] = dev;
    return dev;
}

static void build_bridges(struct board *b)
{
    struct i440fx_memory memory = {b, no_pam, no_smram};
    struct piix3_pins pins = {0};
    struct piix4pm_pins pm = {.base_moved = base_moved, .opaque = b};
    struct irq_line pirq[4];
    struct device *isa;
    struct pci_bus *pci;

    for (unsigned i = 0; i < 16; i++)
        pins.irq[i] = pic_line(b->pic, i);
    isa = add(b, piix3_create(&pins));
    for (unsigned i = 0; i < 4; i++)
        pirq[i] = piix3_pirq(isa, i);
    for (unsigned i = 0; i < 16; i++)
        b->isa[i] = piix3_isa_irq(isa, i);
    pci = pci_bus_new(pirq);
    add(b, i440fx_create(b->bus, pci, &memory, RAM_BYTES));
    piix3_plug(isa, b->bus, pci);
    pm.sci = piix3_isa_irq(isa, PIIX4PM_SCI_IRQ);
    add(b, piix4pm_create(b->bus, pci, b->clock, &pm));
}

static void build(struct board *b)
{
    struct clock_ops ops = {board_count, board_rearm, b};
    struct apic_bus *apics = apic_bus_new();
    struct lapic_pins lapic = {0};
    struct hpet_pins hpet = {0};
    struct debug_port_listener silent = {0};
    struct device *ioapic;
    struct smbios_config smbios = {.ram_bytes = RAM_BYTES, .cpus = 1, .cpu_name = "x"};

    b->pm = physmap_new();
    b->bus = bus_new(b->pm);
    physmap_map_frames(b->pm, 0, RAM_BYTES, physmap_new_frames(b->pm, "ram", RAM_BYTES, 0), true);
    b->clock = clock_new(&ops);
    clock_set_rate(b->clock, 1ull << 32);
    b->lapic = add(b, lapic_create(b->bus, b->clock, apics, 0, &lapic));
    b->pic = add(b, pic_create(b->bus, lapic_lint(b->lapic, 0)));
    build_bridges(b);
    hpet.irq0 = b->isa[0];
    hpet.irq8 = b->isa[8];
    ioapic = add(b, ioapic_create(b->bus, apics, IOAPIC_BASE, 0));
    for (unsigned i = 0; i < HPET_PINS; i++)
        hpet.ioapic[i] = ioapic_line(ioapic, i);
    add(b, hpet_create(b->bus, b->clock, &hpet));
    b->chr = chr_new_memory(64);
    add(b, uart16550_create(b->bus, b->clock, 0x3F8, b->isa[4], b->chr, "com1"));
    add(b, parallel_create(b->bus, b->clock, 0x378, b->isa[7], b->chr, "lpt1"));
    add(b, debugcon_create(b->bus, b->chr));
    add(b, debug_exit_create(b->bus, DEBUG_EXIT_PORT, &silent));
    add(b, post_card_create(b->bus, POST_CARD_PORT, &silent));
    b->fwcfg = add(b, fwcfg_create(b->bus));
    smbios_add(b->fwcfg, &smbios);
    base_moved(b, 0);
}

static const u16 ports[] = {0x0CF8, 0x0CF9, 0x0CFC, 0x0510, 0x0511, 0x0514, 0x0518,
                            0x03F8, 0x03FC, 0x0378, 0x0020, 0x00A0, 0x04D0, 0x00B2,
                            0x0600, 0x0700, 0x00E9, 0x0402, 0x0080, 0x0501};
static const u32 bases[] = {0xFEE00000, IOAPIC_BASE, HPET_BASE, 0xFEE00000};

static void pass_time(struct board *b, u64 ns)
{
    b->count += ns;
    for (unsigned i = 0; i < TIMERS_MAX && clock_next_deadline(b->clock) <= b->count; i++)
        clock_run_due(b->clock);
}

/* Save and load each chip; it must then save the same bytes. */
static void carry_over(struct board *b)
{
    for (unsigned i = 0; i < b->device_count; i++) {
        struct state *s = state_new_save();
        size_t len;
        const void *data;
        struct state *l;
        u64 before, after;
        struct state *h = state_new_hash();

        device_state(b->devices[i], h);
        before = state_hash(h);
        state_free(h);
        device_state(b->devices[i], s);
        data = state_data(s, &len);
        l = state_new_load(data, len);
        device_state(b->devices[i], l);
        if (state_error(l))
            abort();
        h = state_new_hash();
        device_state(b->devices[i], h);
        after = state_hash(h);
        if (before != after)
            abort();
        state_free(h);
        state_free(l);
        state_free(s);
    }
}

static void step(struct board *b, const u8 *p)
{
    u16 where = get_le16(p + 1), value = get_le16(p + 3);
    unsigned size = 1u << p[0] / 16 % 3;
    u16 port = (u16)(ports[where % ARRAY_LEN(ports)] + (where >> 8) % 64);
    u64 gpa = bases[where % ARRAY_LEN(bases)] + (where >> 2 & 0xFFC);
    u32 wide = (u32)value << (p[0] >> 6) * 8 | value;
    u8 text[32];

    switch (p[0] % 16) {
    case 0: bus_in(b->bus, port, size); break;
    case 1:
    case 2: bus_out(b->bus, port, size, wide); break;
    case 3: /* a configuration register of one of the bridges */
        bus_out(b->bus, 0xCF8, 4, 0x80000000 | (where & 0xFC) | (where >> 8 & 0xB) << 8);
        bus_out(b->bus, 0xCFC, 4, wide);
        break;
    case 4: physmap_load(b->pm, gpa, 4); break;
    case 5:
    case 6: physmap_store(b->pm, gpa, wide, 4); break;
    case 7: physmap_store(b->pm, gpa, (u64)wide << 32 | wide, 8); break;
    case 8: pass_time(b, value); break;
    case 9: pass_time(b, (u64)value << 12); break;
    case 10: irq_set(&b->isa[where % 16], value & 1); break;
    case 11:
        if (lapic_acknowledge(b->lapic) < 0)
            pic_acknowledge(b->pic);
        break;
    case 12: b->chr->receive(b->chr->opaque, p, STEP_BYTES); break;
    case 13: lapic_set_base(b->lapic, 0xFEE00000 | (where & 0x900)); break;
    case 14: bus_in_many(b->bus, port, text, size, sizeof text / size); break;
    case 15: bus_dma_write(b->bus, where, p, STEP_BYTES); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct board board;
    size_t steps = size / STEP_BYTES;

    if (!board.pm)
        build(&board);
    for (unsigned i = 0; i < board.device_count; i++)
        device_reset(board.devices[i]);
    for (size_t i = 0; i < steps && i < STEPS_MAX; i++)
        step(&board, data + i * STEP_BYTES);
    carry_over(&board);
    return 0;
}
