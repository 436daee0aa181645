/* ATAPI CD-ROM drives: packets, replies, media, sense data against ATA/ATAPI-6 and MMC-3. */
#include "devices/storage/ide.h"

#include "base/bytes.h"
#include "devices/chipset/pci.h"
#include "devices/host/blk.h"
#include "devices/storage/cd_sector.h"
#include "tests/support/faultblk.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The drive is the master of the second channel. */
enum { DATA = 0x170, ERROR, REASON, LOW, MID, HIGH, DEVICE, STATUS, CONTROL = 0x376 };
enum { BM = 0xC000, BMIC = BM + 8, BMIS = BM + 10, BMIDTP = BM + 12, TABLE = 0x1000 };
enum { IRQ15 = 15, CD = 2, BLOCKS = 500, US = 1000 };

static struct rig rigs[2], *rig;
static struct pci_bus *pcis[2];
static struct device *ide, *carried;
static struct blk *disc, *other;
static unsigned ejected, ejected_drive;

static u8 pattern(u64 block, u32 byte)
{
    return (u8)(block * 3 + (block >> 8) * 17 + byte * 5 + (byte >> 8));
}

static struct blk *new_disc(u32 blocks)
{
    struct blk *b = blk_new_memory(blocks * 4);
    u8 data[2048];
    u32 i, j;

    for (i = 0; i < blocks; i++) {
        for (j = 0; j < 2048; j++)
            data[j] = pattern(i, j);
        blk_write(b, i * 4, 4, data);
    }
    return b;
}

static struct device *new_ide(unsigned n)
{
    struct irq_line none[4] = {{0}};
    struct device *dev;

    pcis[n] = pci_bus_new(none);
    dev = ide_create(rigs[n].bus, rigs[n].clock, pcis[n], rig_line(&rigs[n], 14),
                     rig_line(&rigs[n], IRQ15));
    dev->log = rigs[n].log;
    ide_attach_cdrom(dev, CD, disc);
    device_reset(dev);
    pci_config_write(pcis[n], 0, IDE_DEVFN, 0x20, BM, 4);
    pci_config_write(pcis[n], 0, IDE_DEVFN, 0x40, 0x80008000, 4);
    pci_config_write(pcis[n], 0, IDE_DEVFN, 0x04, 5, 2);
    return dev;
}

static void note_eject(void *opaque, unsigned n)
{
    ejected++;
    ejected_drive = n;
}

static void setup(void)
{
    rig = &rigs[0];
    rig_setup(rig);
    disc = new_disc(BLOCKS);
    other = NULL;
    ide = new_ide(0);
    ejected = 0;
    ide_on_eject(ide, note_eject, NULL);
    bus_out(rig->bus, DEVICE, 1, 0xA0);
}

static void teardown(void)
{
    device_destroy(ide);
    pci_bus_free(pcis[0]);
    blk_close(disc);
    if (other)
        blk_close(other);
    rig_teardown(rig);
}

TestSuite(atapi, .init = setup, .fini = teardown);

/* --- a driver -------------------------------------------------------------------------------- */

static u8 in(u16 port)
{
    return (u8)bus_in(rig->bus, port, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig->bus, port, 1, value);
}

static u8 wait_irq(void)
{
    unsigned i;

    for (i = 0; i < 100000 && !rig_level(rig, IRQ15); i++)
        rig_advance_ns(rig, US);
    cr_assert(rig_level(rig, IRQ15), "no interrupt; status %02X", in(CONTROL));
    return in(STATUS);
}

static void send_packet(const u8 *cdb, u8 features, u16 limit)
{
    unsigned i;

    out(ERROR, features);
    out(MID, (u8)limit);
    out(HIGH, (u8)(limit >> 8));
    out(STATUS, 0xA0);
    for (i = 0; i < 1000 && in(CONTROL)&0x80; i++)
        rig_advance_ns(rig, US);
    cr_assert_eq(in(CONTROL), 0x58);
    cr_assert_eq(in(REASON)&3, 1); /* command, from the host */
    for (i = 0; i < 6; i++)
        bus_out(rig->bus, DATA, 2, get_le16(cdb + 2 * i));
}

static u16 block_bytes(void)
{
    return (u16)(in(MID) | in(HIGH) << 8);
}

/* Run a packet by PIO; returns how many bytes came. The last status is in *status. */
static u32 packet(const u8 *cdb, u16 limit, u8 *data, u32 max, u8 *status)
{
    u32 got = 0;
    u8 st;

    send_packet(cdb, 0, limit);
    while ((st = wait_irq()) & 0x08) {
        u16 n = block_bytes();
        u32 i;

        cr_assert_eq(in(REASON)&3, 2); /* data, to the host */
        cr_assert_leq(n, limit);
        for (i = 0; i < n; i += 2) {
            u16 w = (u16)bus_in(rig->bus, DATA, 2);
            if (got + i < max)
                data[got + i] = (u8)w;
            if (got + i + 1 < max && i + 1 < n)
                data[got + i + 1] = (u8)(w >> 8);
        }
        got += n;
    }
    cr_assert_eq(in(REASON)&3, 3);
    *status = st;
    return got;
}

static u32 good(const u8 *cdb, u8 *data, u32 max)
{
    u8 st;
    u32 n = packet(cdb, 0xFFFE, data, max, &st);

    cr_assert_eq(st, 0x50, "packet %02X: status %02X error %02X", cdb[0], st, in(ERROR));
    return n;
}

static u32 sense(void)
{
    u8 d[18];

    cr_assert_eq(good((u8[12]){0x03, 0, 0, 0, 18}, d, sizeof d), 18);
    cr_assert_eq(d[0], 0x70);
    return (u32)d[2] << 16 | (u32)d[12] << 8 | d[13];
}

static void bad(const u8 *cdb, u32 want)
{
    u8 st, d[64];
    u32 got;

    packet(cdb, 0xFFFE, d, sizeof d, &st);
    cr_assert_eq(st & 0x01, 1, "packet %02X succeeded", cdb[0]);
    cr_expect_eq(in(ERROR) >> 4, want >> 16);
    got = sense();
    cr_expect_eq(got, want, "packet %02X: sense %06X", cdb[0], got);
}

#define CDB(...) ((const u8[12]){__VA_ARGS__})

static void check_block(const u8 *data, u32 block)
{
    u32 i;

    for (i = 0; i < 2048; i++)
        cr_assert_eq(data[i], pattern(block, i), "block %u byte %u", block, i);
}

/* --- the drive on its channel ---------------------------------------------------------------- */

Test(atapi, reset_leaves_the_signature_of_a_packet_device)
{
    cr_assert_eq(in(STATUS), 0x00);
    cr_assert_eq(in(ERROR), 0x01);
    cr_assert_eq(in(REASON), 0x01);
    cr_assert_eq(in(LOW), 0x01);
    cr_assert_eq(in(MID), 0x14);
    cr_assert_eq(in(HIGH), 0xEB);
}

Test(atapi, identify_device_is_aborted_and_shows_the_signature)
{
    out(MID, 0);
    out(HIGH, 0);
    out(STATUS, 0xEC);
    cr_assert_eq(wait_irq(), 0x51);
    cr_assert_eq(in(ERROR), 0x04);
    cr_assert_eq(in(MID), 0x14);
    cr_assert_eq(in(HIGH), 0xEB);
}

Test(atapi, device_reset_works_even_while_busy)
{
    send_packet(CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0, 0xFFFE);
    cr_assert_eq(in(CONTROL), 0x80);
    out(STATUS, 0x08);
    cr_assert_eq(in(CONTROL), 0x00);
    cr_assert_eq(in(MID), 0x14);
    rig_advance_ns(rig, 5000 * US);
    cr_assert_not(rig_level(rig, IRQ15));
}

Test(atapi, identify_packet_device_tells_what_it_is)
{
    u8 d[512], sum = 0;
    unsigned i;

    out(STATUS, 0xA1);
    cr_assert_eq(wait_irq(), 0x58);
    for (i = 0; i < 256; i++)
        put_le16(d + 2 * i, (u16)bus_in(rig->bus, DATA, 2));
    cr_assert_eq(in(STATUS), 0x50);
    cr_assert_eq(get_le16(d), 0x85C0);
    cr_assert_eq(get_le16(d + 98) & 0x0300, 0x0300);
    cr_assert_eq(memcmp(d + 54, "YBOGENC -DOR M", 14), 0);
    for (i = 0; i < 512; i++)
        sum += d[i];
    cr_assert_eq(sum, 0);
}

/* --- replies --------------------------------------------------------------------------------- */

Test(atapi, inquiry_names_a_removable_cd_rom)
{
    u8 d[36];

    cr_assert_eq(good(CDB(0x12, 0, 0, 0, 36), d, 36), 36);
    cr_assert_eq(d[0], 0x05);
    cr_assert_eq(d[1], 0x80);
    cr_assert_eq(d[3], 0x21);
    cr_assert_eq(d[4], 31);
    cr_assert_eq(memcmp(d + 8, "BYGONE  CD-ROM          1.0 ", 28), 0);
}

Test(atapi, the_allocation_length_cuts_a_reply_even_to_an_odd_length)
{
    u8 d[36];

    cr_assert_eq(good(CDB(0x12, 0, 0, 0, 5), d, 36), 5);
    cr_assert_eq(d[4], 31);
    cr_assert_eq(good(CDB(0x12, 0, 0, 0, 0), d, 36), 0);
}

Test(atapi, read_capacity_gives_the_last_block)
{
    u8 d[8];

    cr_assert_eq(good(CDB(0x25), d, 8), 8);
    cr_assert_eq(memcmp(d, (u8[]){0, 0, (BLOCKS - 1) >> 8, (BLOCKS - 1) & 255, 0, 0, 8, 0}, 8), 0);
}

Test(atapi, toc_lists_the_track_and_the_lead_out)
{
    u8 d[64];

    cr_assert_eq(good(CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 64), d, 64), 20);
    cr_assert_eq(memcmp(d, (u8[]){0, 18, 1, 1,    0,    0x14, 1, 0, 0,           0,
                                  0, 0,  0, 0x14, 0xAA, 0,    0, 0, BLOCKS >> 8, BLOCKS & 255},
                        20),
                 0);
    cr_assert_eq(good(CDB(0x43, 2, 0, 0, 0, 0, 0xAA, 0, 64), d, 64), 12);
    cr_assert_eq(memcmp(d + 8, (u8[]){0, 0, 8, 50}, 4), 0); /* 650 frames */
    bad(CDB(0x43, 0, 0, 0, 0, 0, 2, 0, 64), 0x052400);
}

Test(atapi, toc_formats_1_and_2_tell_of_one_session)
{
    u8 d[64];

    cr_assert_eq(good(CDB(0x43, 0, 1, 0, 0, 0, 0, 0, 64), d, 64), 12);
    cr_assert_eq(memcmp(d, (u8[]){0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0}, 12), 0);
    cr_assert_eq(good(CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40), d, 64), 12); /* SFF-8020i */
    cr_assert_eq(good(CDB(0x43, 2, 2, 0, 0, 0, 0, 0, 64), d, 64), 48);
    cr_assert_eq(d[7], 0xA0);
    cr_assert_eq(d[18], 0xA1);
    cr_assert_eq(d[29], 0xA2);
    cr_assert_eq(memcmp(d + 34, (u8[]){0, 8, 50}, 3), 0);
    cr_assert_eq(memcmp(d + 45, (u8[]){0, 2, 0}, 3), 0);
    bad(CDB(0x43, 0, 5, 0, 0, 0, 0, 0, 64), 0x052400);
}

Test(atapi, mode_sense_has_the_pages)
{
    u8 d[128];

    cr_assert_eq(good(CDB(0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128), d, 128), 28);
    cr_assert_eq(d[1], 26);
    cr_assert_eq(d[2], 0x01);
    cr_assert_eq(d[8], 0x2A);
    cr_assert_eq(d[9], 18);
    cr_assert_eq(good(CDB(0x5A, 0, 0x01, 0, 0, 0, 0, 0, 128), d, 128), 16);
    cr_assert_eq(good(CDB(0x5A, 0, 0x0E, 0, 0, 0, 0, 0, 128), d, 128), 24);
    cr_assert_eq(good(CDB(0x5A, 0, 0x1A, 0, 0, 0, 0, 0, 128), d, 128), 20);
    cr_assert_eq(good(CDB(0x5A, 0, 0x3F, 0, 0, 0, 0, 0, 128), d, 128), 8 + 8 + 16 + 12 + 20);
    bad(CDB(0x5A, 0, 0x05, 0, 0, 0, 0, 0, 128), 0x052400);
    bad(CDB(0x5A, 0, 0xC1, 0, 0, 0, 0, 0, 128), 0x053900);
}

Test(atapi, mode_select_changes_a_page)
{
    u8 list[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0x01, 6, 0x20, 5}, d[16];
    unsigned i;

    send_packet(CDB(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 0, 0xFFFE);
    cr_assert_eq(wait_irq(), 0x58);
    cr_assert_eq(in(REASON)&3, 0); /* data, from the host */
    cr_assert_eq(block_bytes(), 16);
    for (i = 0; i < 8; i++)
        bus_out(rig->bus, DATA, 2, get_le16(list + 2 * i));
    cr_assert_eq(wait_irq(), 0x50);
    good(CDB(0x5A, 0, 0x01, 0, 0, 0, 0, 0, 16), d, 16);
    cr_assert_eq(d[10], 0x20);
}

Test(atapi, mode_select_of_an_unknown_page_is_refused)
{
    unsigned i;

    send_packet(CDB(0x55, 0x10, 0, 0, 0, 0, 0, 0, 10), 0, 0xFFFE);
    wait_irq();
    for (i = 0; i < 5; i++)
        bus_out(rig->bus, DATA, 2, 0);
    cr_assert_eq(wait_irq(), 0x51);
    cr_assert_eq(sense(), 0x052600);
}

Test(atapi, configuration_events_and_mechanism)
{
    u8 d[128];

    cr_assert_eq(good(CDB(0x46, 0, 0, 0, 0, 0, 0, 0, 128), d, 128), 8 + 8 + 8 + 8 + 12 + 4 + 4);
    cr_assert_eq(d[7], 0x08); /* CD-ROM */
    cr_assert_eq(good(CDB(0x46, 2, 0, 0x10, 0, 0, 0, 0, 128), d, 128), 20);
    cr_assert_eq(good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8), 8);
    cr_assert_eq(memcmp(d, (u8[]){0, 6, 4, 0x10, 0, 2, 0, 0}, 8), 0);
    cr_assert_eq(good(CDB(0x4A, 1, 0, 0, 0x02, 0, 0, 0, 8), d, 8), 4);
    cr_assert_eq(d[2], 0x80);
    bad(CDB(0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8), 0x052400);
    cr_assert_eq(good(CDB(0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8), d, 8), 8);
    cr_assert_eq(good(CDB(0x51, 0, 0, 0, 0, 0, 0, 0, 34), d, 34), 34);
    cr_assert_eq(d[2], 0x0E);
}

Test(atapi, subchannel_knows_no_audio)
{
    u8 d[24];

    cr_assert_eq(good(CDB(0x42, 0, 0, 1, 0, 0, 0, 0, 24), d, 24), 4);
    cr_assert_eq(d[1], 0x15);
    cr_assert_eq(good(CDB(0x42, 2, 0x40, 1, 0, 0, 0, 0, 24), d, 24), 16);
    cr_assert_eq(d[6], 1);
    cr_assert_eq(good(CDB(0x42, 0, 0x40, 2, 0, 0, 0, 0, 24), d, 24), 24);
    bad(CDB(0x45, 0, 0, 0, 0, 0, 0, 0, 5), 0x056400);
    bad(CDB(0x47, 0, 0, 0, 2, 0, 0, 3, 0), 0x056400);
    bad(CDB(0x4B), 0x052C00);
}

Test(atapi, unknown_packets_are_invalid_commands)
{
    bad(CDB(0xFF), 0x052000);
    bad(CDB(0x2A, 0, 0, 0, 0, 0, 0, 0, 1), 0x052000); /* WRITE(10) */
    cr_assert_eq(sense(), 0);                         /* told once */
}

/* --- reading --------------------------------------------------------------------------------- */

Test(atapi, read_10_and_12_move_blocks)
{
    u8 *d = malloc(3 * 2048);

    cr_assert_eq(good(CDB(0x28, 0, 0, 0, 0, 100, 0, 0, 3), d, 3 * 2048), 3 * 2048);
    check_block(d, 100);
    check_block(d + 4096, 102);
    cr_assert_eq(good(CDB(0xA8, 0, 0, 0, 1, 44, 0, 0, 0, 2), d, 3 * 2048), 2 * 2048);
    check_block(d, 300);
    cr_assert_eq(good(CDB(0x28), d, 0), 0); /* no blocks: no error */
    free(d);
}

Test(atapi, the_byte_count_limit_cuts_blocks)
{
    u8 d[4096], st;

    cr_assert_eq(packet(CDB(0x28, 0, 0, 0, 0, 7, 0, 0, 2), 600, d, sizeof d, &st), 4096);
    cr_assert_eq(st, 0x50);
    check_block(d, 7);
    check_block(d + 2048, 8);
    cr_assert_eq(packet(CDB(0x28, 0, 0, 0, 0, 7, 0, 0, 1), 601, d, sizeof d, &st), 2048);
    check_block(d, 7);
}

Test(atapi, reads_longer_than_the_buffer_go_on)
{
    u32 bytes = 300 * 2048, i;
    u8 *d = malloc(bytes);

    cr_assert_eq(good(CDB(0x28, 0, 0, 0, 0, 50, 0, 1, 44), d, bytes), bytes);
    for (i = 0; i < 300; i++)
        check_block(d + i * 2048, 50 + i);
    free(d);
}

Test(atapi, reads_past_the_end_are_out_of_range)
{
    bad(CDB(0x28, 0, 0, 0, BLOCKS >> 8, BLOCKS & 255, 0, 0, 1), 0x052100);
    bad(CDB(0x28, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF), 0x052100);
    bad(CDB(0xA8, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), 0x052100);
    bad(CDB(0x2B, 0, 0, 1, 0, 0), 0x052100);
}

Test(atapi, read_cd_gives_user_data_and_raw_sectors)
{
    u8 *d = malloc(60 * 2352), user[2048], raw[2352];
    u32 i;

    cr_assert_eq(good(CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 2, 0x10), d, 4096), 4096);
    check_block(d, 9);
    cr_assert_eq(good(CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 60, 0xF8), d, 60 * 2352), 60 * 2352);
    for (i = 0; i < 60; i++) {
        blk_read(disc, (9 + i) * 4, 4, user);
        cd_raw_sector(9 + i, user, raw);
        cr_assert_eq(memcmp(d + i * 2352, raw, 2352), 0, "sector %u", i);
    }
    cr_assert_eq(good(CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 3, 0x20), d, 12), 12); /* headers only */
    cr_assert_eq(d[8 + 2], 0x11);
    cr_assert_eq(good(CDB(0xB9, 0, 0, 0, 2, 9, 0, 2, 10, 0x10), d, 2048), 2048);
    check_block(d, 9);
    bad(CDB(0xBE, 4, 0, 0, 0, 9, 0, 0, 2, 0x10), 0x056400); /* CD-DA */
    bad(CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 2, 0x10, 1), 0x052400);
    free(d);
}

Test(atapi, dma_moves_the_data)
{
    u8 prd[8], d[2048];

    put_le32(prd, 0x20000);
    put_le32(prd + 4, 0x80000000u | 8192);
    bus_dma_write(rig->bus, TABLE, prd, 8);
    bus_out(rig->bus, BMIDTP, 4, TABLE);
    out(BMIC, 0x08);
    send_packet(CDB(0x28, 0, 0, 0, 0, 40, 0, 0, 4), 1, 0);
    out(BMIC, 0x09);
    cr_assert_eq(wait_irq(), 0x50);
    cr_assert_eq(in(REASON)&3, 3);
    cr_assert_eq(in(BMIS)&7, 4);
    bus_dma_read(rig->bus, 0x20000 + 6144, d, 2048);
    check_block(d, 43);
}

Test(atapi, a_host_that_cannot_read_is_a_medium_error)
{
    struct fault_plan plan = {.first_bad = 40, .read_error = EIO};

    other = fault_blk_new(400, &plan);
    log_choose(rig->log, ""); /* warnings only */
    ide_insert(ide, CD, other);
    bad(CDB(0x00), 0x062800);
    bad(CDB(0x28, 0, 0, 0, 0, 9, 0, 0, 2), 0x031100);
    cr_assert_not_null(strstr(rig->last_log, "reading failed"));
    ide_insert(ide, CD, NULL);
}

/* --- media ----------------------------------------------------------------------------------- */

Test(atapi, an_empty_drive_is_not_ready)
{
    u8 d[32];

    ide_insert(ide, CD, NULL);
    bad(CDB(0x00), 0x023A01);
    bad(CDB(0x25), 0x023A01);
    bad(CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0x023A01);
    good(CDB(0x12, 0, 0, 0, 36), d, 32);
    good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[4], 3); /* media removal */
    cr_assert_eq(d[5], 0);
}

Test(atapi, a_new_disc_is_a_unit_attention_once)
{
    u8 d[8];

    other = new_disc(33);
    ide_insert(ide, CD, other);
    good(CDB(0x12, 0, 0, 0, 5), d, 8); /* does not clear it */
    bad(CDB(0x00), 0x062800);
    good(CDB(0x00), d, 8);
    good(CDB(0x25), d, 8);
    cr_assert_eq(d[3], 32);
    good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[4], 3);
    good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[4], 2); /* new media */
    good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[4], 0);
    ide_insert(ide, CD, NULL);
}

Test(atapi, request_sense_can_fetch_the_attention)
{
    u8 d[8];

    other = new_disc(33);
    ide_insert(ide, CD, other);
    cr_assert_eq(sense(), 0x062800);
    good(CDB(0x00), d, 8);
    ide_insert(ide, CD, NULL);
}

Test(atapi, a_locked_drive_keeps_its_disc_and_tells_the_guest)
{
    u8 d[8];

    good(CDB(0x1E, 0, 0, 0, 1), d, 8);
    cr_assert(ide_is_locked(ide, CD));
    cr_assert_eq(ide_insert(ide, CD, NULL), -EBUSY);
    good(CDB(0x00), d, 8);
    good(CDB(0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[4], 1); /* eject request */
    bad(CDB(0x1B, 0, 0, 0, 2), 0x055302);
    good(CDB(0x1E, 0, 0, 0, 0), d, 8);
    cr_assert_eq(ide_insert(ide, CD, NULL), 0);
    cr_assert_not(ide_is_locked(ide, CD));
}

Test(atapi, force_takes_the_disc_out_of_a_locked_drive)
{
    u8 d[8];

    good(CDB(0x1E, 0, 0, 0, 1), d, 8);
    cr_assert_eq(ide_force_insert(ide, CD, NULL), 0);
    bad(CDB(0x00), 0x023A01);
    cr_assert_eq(ide_insert(ide, CD, disc), 0);
    cr_assert_eq(ide_insert(ide, 0, disc), -ENODEV);
}

Test(atapi, eject_opens_the_tray_and_load_closes_it)
{
    u8 d[8];

    good(CDB(0x1B, 0, 0, 0, 2), d, 8);
    cr_assert_eq(ejected, 1);
    cr_assert_eq(ejected_drive, CD);
    bad(CDB(0x00), 0x023A02);
    good(CDB(0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8), d, 8);
    cr_assert_eq(d[1], 0x10);
    good(CDB(0x1B, 0, 0, 0, 3), d, 8);
    bad(CDB(0x00), 0x062800);
    good(CDB(0x00), d, 8);
}

Test(atapi, a_disc_is_taken_only_from_an_open_tray_which_stays_open)
{
    u8 d[8];

    cr_assert(!ide_take_disc(ide, CD));
    cr_assert(!ide_take_disc(ide, 0));
    good(CDB(0x1B, 0, 0, 0, 2), d, 8);
    cr_assert(ide_take_disc(ide, CD));
    cr_assert(!ide_take_disc(ide, CD));
    bad(CDB(0x00), 0x023A02);
    good(CDB(0x1B, 0, 0, 0, 3), d, 8);
    bad(CDB(0x00), 0x023A01);
    cr_assert_eq(ide_insert(ide, CD, disc), 0);
    bad(CDB(0x00), 0x062800);
}

Test(atapi, a_disc_taken_out_under_a_read_ends_it)
{
    send_packet(CDB(0x28, 0, 0, 0, 0, 40, 0, 0, 4), 0, 0xFFFE);
    rig_advance_ns(rig, 20 * US);
    ide_insert(ide, CD, NULL);
    cr_assert_eq(wait_irq(), 0x51);
    cr_assert_eq(sense(), 0x023A01);
}

Test(atapi, a_disc_changed_between_two_chunks_ends_the_read)
{
    u32 i;

    other = new_disc(20);
    send_packet(CDB(0x28, 0, 0, 0, 0, 40, 0, 0, 100), 0, 0xFFFE);
    cr_assert_eq(wait_irq(), 0x58);
    ide_insert(ide, CD, other);
    while (block_bytes() && in(CONTROL)&0x08) {
        u16 n = block_bytes();
        for (i = 0; i < n; i += 2)
            bus_in(rig->bus, DATA, 2);
        if (wait_irq() != 0x58)
            break;
    }
    cr_assert_eq(in(CONTROL), 0x51);
    cr_assert_eq(sense(), 0x062800);
    ide_insert(ide, CD, NULL);
}

/* --- state ----------------------------------------------------------------------------------- */

static void carry_over(void)
{
    rig_setup(&rigs[1]);
    carried = new_ide(1);
    rig_transfer(&rigs[1], carried, &rigs[0], ide);
    rig = &rigs[1];
}

static void come_back(void)
{
    device_destroy(carried);
    pci_bus_free(pcis[1]);
    rig_teardown(&rigs[1]);
    rig = &rigs[0];
}

Test(atapi, a_read_goes_on_where_it_was_saved)
{
    u8 d[2048];
    u32 i;

    send_packet(CDB(0x28, 0, 0, 0, 0, 40, 0, 0, 2), 0, 1024);
    rig_advance_ns(rig, 20 * US);
    carry_over(); /* while the host reads */
    cr_assert_eq(wait_irq(), 0x58);
    for (i = 0; i < 100; i += 2)
        put_le16(d + i, (u16)bus_in(rig->bus, DATA, 2));
    for (; i < 1024; i += 2)
        put_le16(d + i, (u16)bus_in(rig->bus, DATA, 2));
    cr_assert_eq(wait_irq(), 0x58);
    for (; i < 2048; i += 2)
        put_le16(d + i, (u16)bus_in(rig->bus, DATA, 2));
    check_block(d, 40);
    come_back();
}

static void poke(void *opaque)
{
    u8 d[4096];
    unsigned i;

    for (i = 0; i < 30; i++) {
        in(STATUS);
        bus_in_many(rig->bus, DATA, d, 2, 2000);
        bus_out_many(rig->bus, DATA, d, 2, 6);
        rig_advance_ns(rig, 2000 * US);
    }
    out(STATUS, 0xA0);
    bus_out_many(rig->bus, DATA, CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 60, 0xF8), 2, 6);
    rig_advance_ns(rig, 2000 * US);
}

Test(atapi, damaged_states_are_refused_or_harmless)
{
    unsigned refused = 0;

    log_choose(rig->log, "");
    send_packet(CDB(0xBE, 0, 0, 0, 0, 9, 0, 0, 60, 0xF8), 0, 2000);
    refused += rig_damage(ide, 200, poke, NULL);
    wait_irq();
    refused += rig_damage(ide, 200, poke, NULL);
    cr_assert_gt(refused, 60);
}

Test(atapi, a_state_with_another_disc_is_refused)
{
    size_t len;
    u8 *data = rig_save(ide, &len);

    ide_insert(ide, CD, NULL);
    cr_assert_not_null(rig_load(ide, data, len));
    free(data);
}

Test(atapi, reset_defines_the_state)
{
    u64 fresh;
    u8 d[64];

    device_reset(ide);
    fresh = rig_hash(ide);
    carried = ide;
    pci_config_write(pcis[0], 0, IDE_DEVFN, 0x40, 0x80008000, 4);
    pci_config_write(pcis[0], 0, IDE_DEVFN, 0x04, 5, 2);
    good(CDB(0x1E, 0, 0, 0, 1), d, 8);
    bad(CDB(0xFF), 0x052000);
    send_packet(CDB(0x28, 0, 0, 0, 0, 40, 0, 0, 4), 0, 0xFFFE);
    device_reset(ide);
    cr_assert_eq(rig_hash(ide), fresh);
}
