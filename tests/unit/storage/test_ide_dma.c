/* The IDE function of the PIIX3: configuration, bus master and its descriptor lists (SFF-8038i). */
#include "devices/storage/ide.h"

#include "base/bytes.h"
#include "devices/chipset/pci.h"
#include "devices/host/blk.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 0x1F0, COUNT = 0x1F2, LOW, MID, HIGH, DEVICE, STATUS, CONTROL = 0x3F6 };
enum { BM = 0xC000, BMIC = BM, BMIS = BM + 2, BMIDTP = BM + 4 };
enum { IRQ14 = 14, SECTORS = 4096, US = 1000, TABLE = 0x1000, TARGET = 0x10000 };

static struct rig rigs[2], *rig;
static struct pci_bus *pcis[2], *pci;
static struct device *ide, *carried;
static struct blk *disk;

static u8 pattern(u64 sector, u32 byte)
{
    return (u8)(sector * 5 + (sector >> 8) * 11 + byte * 3);
}

static struct device *new_ide(unsigned n)
{
    struct irq_line none[4] = {{0}};
    struct device *dev;

    pcis[n] = pci_bus_new(none);
    dev = ide_create(rigs[n].bus, rigs[n].clock, pcis[n], rig_line(&rigs[n], IRQ14),
                     rig_line(&rigs[n], 15));
    dev->log = rigs[n].log;
    ide_attach_disk(dev, 0, disk);
    device_reset(dev);
    return dev;
}

/* What firmware does. */
static void enable(void)
{
    pci_config_write(pci, 0, IDE_DEVFN, 0x20, BM, 4);
    pci_config_write(pci, 0, IDE_DEVFN, 0x40, 0x80008000, 4);
    pci_config_write(pci, 0, IDE_DEVFN, 0x04, 5, 2);
}

static void setup_disabled(void)
{
    u8 data[512];
    u32 i, j;

    rig = &rigs[0];
    rig_setup(rig);
    disk = blk_new_memory(SECTORS);
    for (i = 0; i < SECTORS; i++) {
        for (j = 0; j < 512; j++)
            data[j] = pattern(i, j);
        blk_write(disk, i, 1, data);
    }
    ide = new_ide(0);
    pci = pcis[0];
}

static void setup(void)
{
    setup_disabled();
    enable();
}

static void teardown(void)
{
    device_destroy(ide);
    pci_bus_free(pcis[0]);
    blk_close(disk);
    rig_teardown(rig);
}

TestSuite(piix3_ide, .init = setup_disabled, .fini = teardown);
TestSuite(ide_dma, .init = setup, .fini = teardown);

/* --- a driver -------------------------------------------------------------------------------- */

static u8 in(u16 port)
{
    return (u8)bus_in(rig->bus, port, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig->bus, port, 1, value);
}

static void prd(unsigned n, u32 address, u32 bytes, bool last)
{
    u8 d[8];

    put_le32(d, address);
    put_le32(d + 4, bytes | (last ? 0x80000000u : 0));
    bus_dma_write(rig->bus, TABLE + 8 * n, d, 8);
}

static void start_command(u8 command, u32 lba, u8 count)
{
    out(COUNT, count);
    out(LOW, (u8)lba);
    out(MID, (u8)(lba >> 8));
    out(HIGH, (u8)(lba >> 16));
    out(DEVICE, 0xE0);
    out(STATUS, command);
}

static void start_bm(bool to_memory)
{
    bus_out(rig->bus, BMIDTP, 4, TABLE);
    out(BMIS, 0x66); /* clear interrupt and error */
    out(BMIC, to_memory ? 0x08 : 0x00);
    out(BMIC, to_memory ? 0x09 : 0x01);
}

static bool irq_comes(void)
{
    unsigned i;

    for (i = 0; i < 100000 && !rig_level(rig, IRQ14); i++)
        rig_advance_ns(rig, US);
    return rig_level(rig, IRQ14);
}

static void check_target(u32 at, u32 sector, u32 count)
{
    u8 d[512];
    u32 i, j;

    for (i = 0; i < count; i++) {
        bus_dma_read(rig->bus, at + 512 * i, d, 512);
        for (j = 0; j < 512; j++)
            cr_assert_eq(d[j], pattern(sector + i, j), "sector %u byte %u", sector + i, j);
    }
}

/* --- configuration --------------------------------------------------------------------------- */

Test(piix3_ide, configuration_is_the_chips)
{
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0, 4), 0x70108086);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x09, 1), 0x80);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x0A, 2), 0x0101);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x20, 4), 1);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x40, 4), 0);
    pci_config_write(pci, 0, IDE_DEVFN, 0x20, 0xFFFFFFFF, 4);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x20, 4) & 0xFFFF, 0xFFF1); /* 16 ports */
    pci_config_write(pci, 0, IDE_DEVFN, 0x04, 0xFFFF, 2);
    cr_assert_eq(pci_config_read(pci, 0, IDE_DEVFN, 0x04, 2), 5);
}

Test(piix3_ide, ports_answer_when_idetim_and_command_allow_it)
{
    cr_assert_eq(in(STATUS), 0xFF);
    pci_config_write(pci, 0, IDE_DEVFN, 0x40, 0x8000, 2);
    cr_assert_eq(in(STATUS), 0xFF);
    pci_config_write(pci, 0, IDE_DEVFN, 0x04, 1, 2);
    cr_assert_eq(in(STATUS), 0x50);
    cr_assert_eq(in(0x177), 0xFF); /* the second channel has its own bit */
    pci_config_write(pci, 0, IDE_DEVFN, 0x42, 0x8000, 2);
    cr_assert_eq(in(0x177), 0x7F);
    pci_config_write(pci, 0, IDE_DEVFN, 0x40, 0x0000, 2);
    cr_assert_eq(in(STATUS), 0xFF);
}

Test(piix3_ide, without_pci_the_ports_are_always_there)
{
    struct device *isa;

    isa = ide_create(rig->bus, rig->clock, NULL, rig_line(rig, 1), rig_line(rig, 2));
    device_reset(isa);
    cr_assert_eq(in(STATUS), 0x7F);
    device_destroy(isa);
}

Test(ide_dma, bus_master_registers_read_back)
{
    bus_out(rig->bus, BMIDTP, 4, 0x12345677);
    cr_assert_eq(bus_in(rig->bus, BMIDTP, 4), 0x12345674);
    out(BMIS, 0x60);
    cr_assert_eq(in(BMIS), 0x60);
    out(BMIS, 0x00);
    cr_assert_eq(in(BMIS), 0x00); /* simplex is 0 */
    cr_assert_eq(in(BM + 8), 0);
    cr_assert_eq(bus_in(rig->bus, BM + 12, 4), 0);
}

/* --- transfers ------------------------------------------------------------------------------- */

Test(ide_dma, reads_scatter_over_the_list)
{
    prd(0, TARGET, 512, false);
    prd(1, TARGET + 0x8000, 1024, false);
    prd(2, TARGET + 0x4000, 512, true);
    start_command(0xC8, 10, 4);
    start_bm(true);
    cr_assert_eq(in(BMIS)&0x07, 0x01);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x04); /* done, list used up */
    cr_assert_eq(in(STATUS), 0x50);
    check_target(TARGET, 10, 1);
    check_target(TARGET + 0x8000, 11, 2);
    check_target(TARGET + 0x4000, 13, 1);
    out(BMIC, 0);
    out(BMIS, 0x04);
    cr_assert_eq(in(BMIS)&0x07, 0);
}

Test(ide_dma, the_engine_may_be_started_before_or_long_after_the_command)
{
    prd(0, TARGET, 512, true);
    start_bm(true);
    start_command(0xC8, 20, 1);
    cr_assert(irq_comes());
    in(STATUS);
    check_target(TARGET, 20, 1);
    out(BMIC, 0);
    start_command(0xC8, 21, 1);
    rig_advance_ns(rig, 50000 * US);
    cr_assert_not(rig_level(rig, IRQ14));
    cr_assert_eq(in(CONTROL)&0x88, 0x08); /* DRQ: it waits */
    start_bm(true);
    cr_assert(irq_comes());
    check_target(TARGET, 21, 1);
}

Test(ide_dma, writes_gather_from_the_list)
{
    u8 d[1024], back[1024];
    unsigned i;

    for (i = 0; i < sizeof d; i++)
        d[i] = (u8)(i * 3 + 1);
    bus_dma_write(rig->bus, TARGET + 0x2000, d, 200);
    bus_dma_write(rig->bus, TARGET, d + 200, 824);
    prd(0, TARGET + 0x2000, 200, false);
    prd(1, TARGET, 824, true);
    start_command(0xCA, 30, 2);
    start_bm(false);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x04);
    cr_assert_eq(in(STATUS), 0x50);
    blk_read(disk, 30, 2, back);
    cr_assert_eq(memcmp(d, back, sizeof d), 0);
}

Test(ide_dma, a_count_of_zero_is_64_kib)
{
    prd(0, 0x20000, 0, false);
    prd(1, 0x40000, 0, true);
    start_command(0xC8, 100, 0); /* 256 sectors, 128 KiB */
    start_bm(true);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x04);
    check_target(0x20000, 100, 128);
    check_target(0x40000, 228, 128);
}

Test(ide_dma, a_list_longer_than_the_transfer_stays_active)
{
    prd(0, TARGET, 0x2000, true);
    start_command(0xC8, 5, 2);
    start_bm(true);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x05);
    check_target(TARGET, 5, 2);
    out(BMIC, 0);
    cr_assert_eq(in(BMIS)&0x07, 0x04);
}

Test(ide_dma, a_list_shorter_than_the_transfer_ends_without_interrupt)
{
    prd(0, TARGET, 512, true);
    start_command(0xC8, 5, 2);
    start_bm(true);
    cr_assert_not(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x00);
    cr_assert_eq(in(CONTROL)&0x88, 0x08); /* the drive still wants to send */
    check_target(TARGET, 5, 1);
    out(CONTROL, 4); /* as a driver gets rid of it */
    out(CONTROL, 0);
    rig_advance_ns(rig, 5000 * US);
    cr_assert_eq(in(STATUS), 0x50);
}

Test(ide_dma, a_list_without_an_end_is_walked_no_further_than_the_data)
{
    unsigned i;

    for (i = 0; i < 512; i++)
        prd(i, TARGET, 2, false); /* 1024 bytes, all to one place, no EOT ever */
    start_command(0xC8, 5, 2);
    start_bm(true);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x05);
}

Test(ide_dma, the_wrong_direction_moves_nothing)
{
    prd(0, TARGET, 512, true);
    start_command(0xC8, 5, 1);
    start_bm(false);
    cr_assert_not(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x01);
}

Test(ide_dma, without_bus_master_enable_nothing_moves)
{
    pci_config_write(pci, 0, IDE_DEVFN, 0x04, 1, 2);
    prd(0, TARGET, 512, true);
    start_command(0xC8, 5, 1);
    start_bm(true);
    cr_assert_not(irq_comes());
}

Test(ide_dma, lba48_dma_moves_more_than_the_buffer)
{
    unsigned i;

    for (i = 0; i < 10; i++)
        prd(i, 0x20000 + i * 0x10000, 0x10000, i == 9);
    out(COUNT, 5);
    out(COUNT, 0); /* 1280 sectors */
    out(LOW, 0);
    out(MID, 0);
    out(HIGH, 0);
    out(LOW, 200);
    out(MID, 0);
    out(HIGH, 0);
    out(DEVICE, 0x40);
    out(STATUS, 0x25);
    start_bm(true);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x07, 0x04);
    check_target(0x20000, 200, 1280);
}

Test(ide_dma, pio_interrupts_show_in_bmis)
{
    start_command(0x40, 0, 1);
    cr_assert(irq_comes());
    cr_assert_eq(in(BMIS)&0x04, 0x04);
}

Test(ide_dma, a_hundred_megabytes_a_second)
{
    u64 start = rig_now(rig);

    prd(0, 0x20000, 0, false);
    prd(1, 0x30000, 0, true);
    start_command(0xC8, 0, 0);
    start_bm(true);
    cr_assert(irq_comes());
    cr_assert_geq(rig_now(rig) - start, 100 * US + 1310 * US);
    cr_assert_leq(rig_now(rig) - start, 110 * US + 1320 * US);
}

/* --- state ----------------------------------------------------------------------------------- */

Test(ide_dma, a_transfer_goes_on_in_another_machine)
{
    unsigned i;

    for (i = 0; i < 10; i++)
        prd(i, 0x20000 + i * 0x10000, 0x10000, i == 9);
    start_command(0xC8, 0, 0);
    start_bm(true);
    rig_advance_ns(rig, 300 * US);
    rig_setup(&rigs[1]);
    carried = new_ide(1);
    for (i = 0; i < RIG_RAM_BYTES; i += 4096) {
        u8 page[4096];
        bus_dma_read(rigs[0].bus, i, page, sizeof page);
        bus_dma_write(rigs[1].bus, i, page, sizeof page);
    }
    rig_transfer(&rigs[1], carried, &rigs[0], ide);
    rig = &rigs[1];
    cr_assert(irq_comes()); /* the copy's ports are where they were */
    cr_assert_eq(in(STATUS), 0x50);
    check_target(0x20000, 0, 256);
    device_destroy(carried);
    pci_bus_free(pcis[1]);
    rig_teardown(&rigs[1]);
    rig = &rigs[0];
}

static void poke(void *opaque)
{
    rig_advance_ns(rig, 3000 * US);
    start_bm(true);
    rig_advance_ns(rig, 3000 * US);
    in(STATUS);
    out(BMIC, 0);
}

Test(ide_dma, damaged_states_are_refused_or_harmless)
{
    unsigned refused;

    prd(0, TARGET, 512, true);
    log_choose(rig->log, "");
    start_command(0xC8, 5, 8);
    start_bm(true);
    rig_advance_ns(rig, 500 * US); /* waits for more memory */
    refused = rig_damage(ide, 300, poke, NULL);
    cr_assert_gt(refused, 60);
}

Test(ide_dma, reset_unmaps_everything)
{
    device_reset(ide);
    cr_assert_eq(in(STATUS), 0xFF);
    cr_assert_eq(in(BMIS), 0xFF);
}
