/*
 * Registers of the floppy controller, the IDE channels and their drives: any accesses in any
 * order, time passing and media changing between them. Nothing may crash, a chip must take back
 * what it saved and save it again the same way, and it must survive states that were damaged.
 *
 * An input is a list of six-byte steps: what, where, value (4). Single accesses would rarely make
 * a whole command, so some steps write one.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "devices/chipset/dma.h"
#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "devices/host/blk.h"
#include "devices/storage/fdc.h"
#include "devices/storage/ide.h"
#include "mmu/bus.h"
#include "mmu/physmap.h"
#include "tests/fuzz/lasting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM_BYTES = 1 << 20, STEP_BYTES = 6, STEPS_MAX = 1000, TIMERS_MAX = 4096 };
enum { DISK_SECTORS = 3000, CD_SECTORS = 400, BM_PORT = 0xC000, TABLE = 0x1000, CD = 1 };

struct board {
    struct physmap *pm;
    struct bus *bus;
    struct clock *clock;
    u64 count;
    struct pci_bus *pci;
    struct device *dma, *fdc, *ide;
    struct blk *floppy, *small_floppy, *disk, *cd;
};

static u64 board_count(void *opaque)
{
    return ((struct board *)opaque)->count;
}

static void board_rearm(void *opaque)
{
}

static void build(struct board *b)
{
    struct clock_ops ops = {board_count, board_rearm, b};
    struct irq_line none[4] = {{0}};

    b->pm = physmap_new();
    b->bus = bus_new(b->pm);
    physmap_map_frames(b->pm, 0, RAM_BYTES, physmap_new_frames(b->pm, "ram", RAM_BYTES, 0), true);
    b->clock = clock_new(&ops);
    clock_set_rate(b->clock, 1ull << 32);
    b->pci = pci_bus_new(none);
    b->floppy = blk_new_memory(2880);
    b->small_floppy = blk_new_memory(720);
    b->disk = blk_new_memory(DISK_SECTORS);
    b->cd = blk_new_memory(CD_SECTORS);
    b->dma = dma_create(b->bus);
    b->fdc = fdc_create(b->bus, b->clock, none[0], dma_port(b->dma, 2));
    fdc_set_drive_type(b->fdc, 0, FDD_1440K);
    fdc_set_drive_type(b->fdc, 1, FDD_1200K);
    fdc_set_pace(b->fdc, 1000);
    b->ide = ide_create(b->bus, b->clock, b->pci, none[0], none[0]);
    ide_attach_disk(b->ide, 0, b->disk);
    ide_attach_cdrom(b->ide, CD, b->cd);
    ide_attach_cdrom(b->ide, 3, NULL);
}

static void start(struct board *b)
{
    device_reset(b->dma);
    device_reset(b->fdc);
    device_reset(b->ide);
    fdc_insert(b->fdc, 0, b->floppy);
    fdc_insert(b->fdc, 1, b->small_floppy);
    ide_force_insert(b->ide, CD, b->cd);
    pci_config_write(b->pci, 0, IDE_DEVFN, 0x20, BM_PORT, 4);
    pci_config_write(b->pci, 0, IDE_DEVFN, 0x40, 0x80008000, 4);
    pci_config_write(b->pci, 0, IDE_DEVFN, 0x04, 5, 2);
    bus_out(b->bus, 0x3F2, 1, 0x3C);
    bus_out(b->bus, 0xD6, 1, 0xC0);
    bus_out(b->bus, 0x0B, 1, 0x56);
    bus_out(b->bus, 0x0A, 1, 0x02);
}

static const u16 ports[] = {0x1F0, 0x1F4, 0x3F6, 0x170, 0x174, 0x376,   0x3F0,
                            0x3F4, 0x3F5, 0x3F7, 0x000, 0x00A, BM_PORT, BM_PORT + 8};

static void pass_time(struct board *b, u64 ns)
{
    b->count += ns;
    for (unsigned i = 0; i < TIMERS_MAX && clock_next_deadline(b->clock) <= b->count; i++)
        clock_run_due(b->clock);
}

static void sound(const struct state *s)
{
    if (!state_error(s))
        return;
    fprintf(stderr, "%s\n", state_error(s));
    abort();
}

/* Save and load; the chip must then save the same bytes. */
static void carry_over(struct device *dev)
{
    struct state *s = state_new_save(), *l, *h;
    const void *data;
    size_t len;
    u64 before;

    h = state_new_hash();
    device_state(dev, h);
    before = state_hash(h);
    state_free(h);
    device_state(dev, s);
    sound(s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    device_state(dev, l);
    sound(l);
    h = state_new_hash();
    device_state(dev, h);
    if (before != state_hash(h))
        abort();
    state_free(h);
    state_free(l);
    state_free(s);
}

/* Load with a few bytes changed; what is refused is loaded again undamaged. */
static void damage(struct device *dev, u32 where, const u8 *with)
{
    struct state *s = state_new_save(), *l, *good;
    const void *data;
    size_t len;
    u8 *copy;

    device_state(dev, s);
    data = state_data(s, &len);
    copy = malloc(len);
    memcpy(copy, data, len);
    /* Mostly the fields at the start: a drive's buffer is long and harmless. */
    where %= where & 1 ? len : 1500;
    if (where + 2 < len)
        memcpy(copy + where, with, 2);
    l = state_new_load(copy, len);
    device_state(dev, l);
    if (state_error(l)) {
        good = state_new_load(data, len);
        device_state(dev, good);
        sound(good);
        state_free(good);
    }
    state_free(l);
    state_free(s);
    free(copy);
}

/* A whole ATA command, by address and count that mostly fit. */
static void ata_command(struct board *b, u8 where, const u8 *v)
{
    u16 base = where & 1 ? 0x170 : 0x1F0;

    bus_out(b->bus, base + 6, 1, where & 0xF0);
    bus_out(b->bus, base + 1, 1, v[3]);
    bus_out(b->bus, base + 2, 1, v[1] & 0x3F);
    bus_out(b->bus, base + 3, 1, v[2]);
    bus_out(b->bus, base + 4, 1, v[3] & 7);
    bus_out(b->bus, base + 5, 1, 0);
    bus_out(b->bus, base + 7, 1, v[0]);
}

static void packet_command(struct board *b, u8 where, const u8 *v)
{
    u8 cdb[12] = {v[0], v[1] & 0x1F, 0, 0, 0, v[2], 0, 0, v[3] & 0x1F, v[1] | 0x10};

    bus_out(b->bus, 0x1F6, 1, 0xB0);
    bus_out(b->bus, 0x1F1, 1, where & 1);
    bus_out(b->bus, 0x1F4, 1, v[3]);
    bus_out(b->bus, 0x1F5, 1, where);
    bus_out(b->bus, 0x1F7, 1, 0xA0);
    bus_out_many(b->bus, 0x1F0, cdb, 2, 6);
}

static void floppy_command(struct board *b, u8 where, const u8 *v)
{
    u8 bytes[9] = {v[0], v[1] & 0x87, v[2] & 3, v[1] >> 2 & 1, v[3] & 31, 2, 18, 27, v[2]};

    for (unsigned i = 0; i < sizeof bytes; i++)
        bus_out(b->bus, 0x3F5, 1, bytes[i]);
}

static void start_bus_master(struct board *b, u8 where, const u8 *v)
{
    u16 base = BM_PORT + (where & 1 ? 8 : 0);
    u8 prd[8] = {0, 0, where & 7, 0, v[0], v[1], 0, v[2]};

    bus_dma_write(b->bus, TABLE + (v[3] & 7) * 8, prd, sizeof prd);
    bus_out(b->bus, base + 4, 4, TABLE);
    bus_out(b->bus, base, 1, where & 8);
    bus_out(b->bus, base, 1, where & 9);
}

static void change_media(struct board *b, u8 where)
{
    struct blk *const floppies[] = {NULL, b->floppy, b->small_floppy};

    switch (where & 3) {
    case 0: fdc_insert(b->fdc, 0, floppies[where / 4 % 3]); break;
    case 1: ide_insert(b->ide, CD, where & 4 ? b->cd : NULL); break;
    case 2: ide_force_insert(b->ide, CD, where & 4 ? b->cd : NULL); break;
    default: ide_insert(b->ide, 3, NULL); break;
    }
}

static void step(struct board *b, const u8 *p)
{
    unsigned size = 1u << (p[0] >> 4) % 3;
    u16 port = ports[p[1] % ARRAY_LEN(ports)] + p[1] / 16 % 4;
    u32 value = get_le32(p + 2);
    u8 text[4096];

    switch (p[0] % 16) {
    case 0: bus_in(b->bus, port, size); break;
    case 1: bus_out(b->bus, port, size, value); break;
    case 2: bus_in_many(b->bus, port, text, size, sizeof text / size); break;
    case 3:
        memset(text, p[2], sizeof text);
        bus_out_many(b->bus, port, text, size, sizeof text / size);
        break;
    case 4: pass_time(b, value & 0xFFFF); break;
    case 5: pass_time(b, value & 0x1FFFFFF); break;
    case 6:
    case 7: ata_command(b, p[1], p + 2); break;
    case 8:
    case 9: packet_command(b, p[1], p + 2); break;
    case 10:
    case 11: floppy_command(b, p[1], p + 2); break;
    case 12: start_bus_master(b, p[1], p + 2); break;
    case 13: change_media(b, p[1]); break;
    case 14: carry_over(p[1] & 1 ? b->fdc : b->ide); break;
    case 15: damage(p[1] & 1 ? b->fdc : b->ide, value, p + 4); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct board board;
    size_t steps = size / STEP_BYTES;

    if (!board.pm)
        build(&board);
    start(&board);
    for (size_t i = 0; i < steps && i < STEPS_MAX; i++)
        step(&board, data + i * STEP_BYTES);
    carry_over(board.fdc);
    carry_over(board.ide);
    return 0;
}
