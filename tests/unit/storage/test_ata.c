/*
 * ATA disks on an IDE channel, by PIO: registers, commands, errors and state against ATA/ATAPI-6.
 */
#include "devices/storage/ide.h"

#include "base/bytes.h"
#include "devices/host/blk.h"
#include "tests/support/faultblk.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 0x1F0, ERROR = 0x1F1, COUNT, LOW, MID, HIGH, DEVICE, STATUS, CONTROL = 0x3F6 };
enum { IRQ14 = 14, IRQ15 = 15, SECTORS = 40960, US = 1000 };

static struct rig rigs[2], *rig;
static struct device *ide, *carried;
static struct blk *disk, *extra;

static u8 pattern(u64 sector, u32 byte)
{
    return (u8)(sector * 5 + (sector >> 8) * 11 + byte * 3);
}

static struct blk *new_disk(u32 sectors)
{
    struct blk *b = blk_new_memory(sectors);
    u8 data[512];
    u32 i, j;

    for (i = 0; i < sectors; i++) {
        for (j = 0; j < 512; j++)
            data[j] = pattern(i, j);
        blk_write(b, i, 1, data);
    }
    return b;
}

static struct device *new_ide(struct rig *r)
{
    struct device *dev = ide_create(r->bus, r->clock, NULL, rig_line(r, IRQ14), rig_line(r, IRQ15));

    dev->log = r->log;
    return dev;
}

static void setup(void)
{
    rig = &rigs[0];
    rig_setup(rig);
    ide = new_ide(rig);
    disk = new_disk(SECTORS);
    extra = NULL;
    ide_attach_disk(ide, 0, disk);
    device_reset(ide);
}

static void teardown(void)
{
    device_destroy(ide);
    blk_close(disk);
    if (extra)
        blk_close(extra);
    rig_teardown(rig);
}

TestSuite(ata, .init = setup, .fini = teardown);

/* --- a driver -------------------------------------------------------------------------------- */

static u8 in(u16 port)
{
    return (u8)bus_in(rig->bus, port, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig->bus, port, 1, value);
}

/* Wait for BSY to fall without touching the interrupt; returns the status. */
static u8 wait_ready(void)
{
    unsigned i;

    for (i = 0; i < 100000 && in(CONTROL)&0x80; i++)
        rig_advance_ns(rig, US);
    return in(CONTROL);
}

static u8 wait_irq(void)
{
    unsigned i;

    for (i = 0; i < 100000 && !rig_level(rig, IRQ14); i++)
        rig_advance_ns(rig, US);
    cr_assert(rig_level(rig, IRQ14), "no interrupt; status %02X", in(CONTROL));
    return in(STATUS);
}

static void set_lba(u32 lba, u8 count)
{
    out(COUNT, count);
    out(LOW, (u8)lba);
    out(MID, (u8)(lba >> 8));
    out(HIGH, (u8)(lba >> 16));
    out(DEVICE, (u8)(0xE0 | lba >> 24));
}

static void set_lba48(u64 lba, u16 count)
{
    out(COUNT, (u8)(count >> 8));
    out(COUNT, (u8)count);
    out(LOW, (u8)(lba >> 24));
    out(MID, (u8)(lba >> 32));
    out(HIGH, (u8)(lba >> 40));
    out(LOW, (u8)lba);
    out(MID, (u8)(lba >> 8));
    out(HIGH, (u8)(lba >> 16));
    out(DEVICE, 0xE0);
}

static void read_words(u8 *data, unsigned words)
{
    unsigned i;

    for (i = 0; i < words; i++)
        put_le16(data + 2 * i, (u16)bus_in(rig->bus, DATA, 2));
}

static void write_words(const u8 *data, unsigned words)
{
    unsigned i;

    for (i = 0; i < words; i++)
        bus_out(rig->bus, DATA, 2, get_le16(data + 2 * i));
}

static void check_sector(const u8 *data, u64 sector)
{
    unsigned i;

    for (i = 0; i < 512; i++)
        cr_assert_eq(data[i], pattern(sector, i), "sector %lu byte %u", (unsigned long)sector, i);
}

static void identify(u8 *data)
{
    out(STATUS, 0xEC);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(data, 256);
    cr_assert_eq(in(STATUS), 0x50);
}

static u16 word(const u8 *data, unsigned n)
{
    return get_le16(data + 2 * n);
}

static void command(u8 code)
{
    out(STATUS, code);
    cr_assert_eq(wait_irq(), 0x50, "command %02X: error %02X", code, in(ERROR));
}

static void expect_error(u8 code, u8 error)
{
    out(STATUS, code);
    cr_assert_eq(wait_irq(), 0x51, "command %02X", code);
    cr_expect_eq(in(ERROR), error, "command %02X: error %02X", code, in(ERROR));
}

/* --- reset and selection --------------------------------------------------------------------- */

Test(ata, reset_leaves_the_signature_of_a_disk)
{
    cr_assert_eq(in(STATUS), 0x50);
    cr_assert_eq(in(ERROR), 0x01);
    cr_assert_eq(in(COUNT), 1);
    cr_assert_eq(in(LOW), 1);
    cr_assert_eq(in(MID), 0);
    cr_assert_eq(in(HIGH), 0);
    cr_assert_eq(in(DEVICE), 0);
}

Test(ata, software_reset_is_busy_then_shows_the_signature_without_interrupt)
{
    set_lba(0x123456, 9);
    out(CONTROL, 0x04);
    cr_assert_eq(in(CONTROL), 0x80);
    rig_advance_ns(rig, 100000000);
    cr_assert_eq(in(CONTROL), 0x80); /* as long as SRST is set */
    out(CONTROL, 0x00);
    cr_assert_eq(in(CONTROL), 0x80);
    cr_assert_eq(wait_ready(), 0x50);
    cr_assert_eq(in(COUNT), 1);
    cr_assert_eq(in(LOW), 1);
    cr_assert_eq(in(MID), 0);
    cr_assert_eq(in(HIGH), 0);
    cr_assert_not(rig_level(rig, IRQ14));
}

Test(ata, software_reset_ends_a_transfer)
{
    set_lba(5, 8);
    out(STATUS, 0x20);
    wait_irq();
    out(CONTROL, 0x04);
    out(CONTROL, 0x00);
    cr_assert_eq(wait_ready(), 0x50);
    set_lba(5, 1);
    command(0x40);
}

Test(ata, diagnostics_pass_and_interrupt)
{
    out(DEVICE, 0x10);
    out(STATUS, 0x90); /* both drives obey it, whichever is selected */
    cr_assert_eq(wait_irq(), 0x50);
    cr_assert_eq(in(ERROR), 0x01);
    cr_assert_eq(in(COUNT), 1);
}

Test(ata, device_0_answers_for_a_missing_device_1_with_status_zero)
{
    out(DEVICE, 0xF0);
    cr_assert_eq(in(STATUS), 0);
    cr_assert_eq(in(CONTROL), 0);
    out(COUNT, 0x55);
    out(LOW, 0xAA);
    cr_assert_eq(in(COUNT), 0x55);
    cr_assert_eq(in(LOW), 0xAA);
    out(STATUS, 0xEC);
    rig_advance_ns(rig, 10000 * US);
    cr_assert_not(rig_level(rig, IRQ14));
    out(DEVICE, 0xE0);
    cr_assert_eq(in(STATUS), 0x50);
}

Test(ata, an_empty_channel_floats_with_bsy_low)
{
    cr_assert_eq(in(0x177), 0x7F);
    cr_assert_eq(in(0x376), 0x7F);
    out(0x172, 0x55);
    cr_assert_eq(in(0x172), 0x7F);
}

Test(ata, alternate_status_does_not_clear_the_interrupt)
{
    out(STATUS, 0xE5);
    rig_advance_ns(rig, 100 * US);
    cr_assert(rig_level(rig, IRQ14));
    in(CONTROL);
    cr_assert(rig_level(rig, IRQ14));
    in(STATUS);
    cr_assert_not(rig_level(rig, IRQ14));
}

Test(ata, nien_holds_the_interrupt_back)
{
    out(CONTROL, 0x02);
    out(STATUS, 0xE5);
    rig_advance_ns(rig, 100 * US);
    cr_assert_not(rig_level(rig, IRQ14));
    out(CONTROL, 0x00);
    cr_assert(rig_level(rig, IRQ14));
}

Test(ata, registers_do_not_change_while_the_drive_is_busy)
{
    set_lba(7, 1);
    out(STATUS, 0x20);
    cr_assert_eq(in(CONTROL), 0x80);
    out(COUNT, 0x77);
    out(STATUS, 0xEC);
    wait_irq();
    cr_assert_neq(in(COUNT), 0x77);
}

Test(ata, hob_shows_the_bytes_written_before)
{
    out(COUNT, 0x12);
    out(COUNT, 0x34);
    cr_assert_eq(in(COUNT), 0x34);
    out(CONTROL, 0x80);
    cr_assert_eq(in(COUNT), 0x12);
    out(LOW, 1); /* any write of a command block register ends it */
    cr_assert_eq(in(COUNT), 0x34);
}

/* --- IDENTIFY -------------------------------------------------------------------------------- */

Test(ata, identify_tells_the_truth)
{
    u8 d[512], sum = 0;
    unsigned i;

    identify(d);
    cr_expect_eq(word(d, 0), 0x0040);
    cr_expect_eq(word(d, 1), SECTORS / (16 * 63));
    cr_expect_eq(word(d, 3), 16);
    cr_expect_eq(word(d, 6), 63);
    cr_expect_eq(memcmp(d + 54, "YBOGENH RA DIDKS", 16), 0); /* bytes swapped in words */
    cr_expect_eq(word(d, 47), 0x8010);
    cr_expect_eq(word(d, 49) & 0x0300, 0x0300); /* LBA, DMA */
    cr_expect_eq(word(d, 53), 7);
    cr_expect_eq(get_le32(d + 120), SECTORS);
    cr_expect_eq(get_le64(d + 200), SECTORS);
    cr_expect_eq(word(d, 63) & 7, 7);
    cr_expect_eq(word(d, 88) & 0xFF, 0x3F);
    cr_expect_eq(word(d, 83) & 0xC000, 0x4000);
    cr_expect_eq(word(d, 83) & 0x0400, 0x0400);
    cr_expect_eq(word(d, 57) | word(d, 58) << 16, SECTORS / 1008 * 1008);
    for (i = 0; i < 512; i++)
        sum += d[i];
    cr_expect_eq(word(d, 255) & 0xFF, 0xA5);
    cr_expect_eq(sum, 0);
}

Test(ata, set_features_selects_the_transfer_mode)
{
    u8 d[512];

    out(ERROR, 0x03);
    out(COUNT, 0x45);
    command(0xEF);
    identify(d);
    cr_assert_eq(word(d, 88), 0x203F);
    cr_assert_eq(word(d, 63), 0x0007);
    out(COUNT, 0x21);
    out(ERROR, 0x03);
    command(0xEF);
    identify(d);
    cr_assert_eq(word(d, 88), 0x003F);
    cr_assert_eq(word(d, 63), 0x0207);
    out(COUNT, 0x46); /* UDMA 6 is more than it has */
    expect_error(0xEF, 0x04);
}

Test(ata, write_cache_and_look_ahead_show_in_word_85)
{
    u8 d[512];

    identify(d);
    cr_assert_eq(word(d, 85) & 0x60, 0x60);
    out(ERROR, 0x82);
    command(0xEF);
    out(ERROR, 0x55);
    command(0xEF);
    identify(d);
    cr_assert_eq(word(d, 85) & 0x60, 0);
}

/* --- reading --------------------------------------------------------------------------------- */

Test(ata, read_sectors_interrupts_for_each_sector)
{
    u8 d[512];
    unsigned i;

    set_lba(100, 3);
    out(STATUS, 0x20);
    cr_assert_eq(in(CONTROL), 0x80);
    for (i = 0; i < 3; i++) {
        cr_assert_eq(wait_irq(), 0x58);
        read_words(d, 256);
        check_sector(d, 100 + i);
    }
    cr_assert_eq(in(CONTROL), 0x50);
    rig_advance_ns(rig, 1000 * US);
    cr_assert_not(rig_level(rig, IRQ14)); /* none after the last */
    cr_assert_eq(in(COUNT), 0);
    cr_assert_eq(in(LOW), 102);
}

Test(ata, count_zero_is_256_sectors)
{
    u8 d[512];
    unsigned i;

    set_lba(1000, 0);
    out(STATUS, 0x20);
    for (i = 0; i < 256; i++) {
        cr_assert_eq(wait_irq(), 0x58);
        read_words(d, 256);
        check_sector(d, 1000 + i);
    }
    cr_assert_eq(in(STATUS), 0x50);
}

Test(ata, transfers_longer_than_the_buffer_go_on)
{
    u8 d[512];
    unsigned i;

    set_lba48(200, 700);
    out(STATUS, 0x24);
    for (i = 0; i < 700; i++) {
        cr_assert_eq(wait_irq(), 0x58);
        read_words(d, 256);
        check_sector(d, 200 + i);
    }
    cr_assert_eq(in(STATUS), 0x50);
}

Test(ata, read_multiple_moves_blocks)
{
    u8 d[16 * 512];
    unsigned i;

    out(COUNT, 8);
    command(0xC6);
    set_lba(50, 10);
    out(STATUS, 0xC4);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 8 * 256);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d + 8 * 512, 2 * 256); /* what is left over */
    cr_assert_eq(in(CONTROL), 0x50);
    for (i = 0; i < 10; i++)
        check_sector(d + 512 * i, 50 + i);
}

Test(ata, set_multiple_refuses_what_is_no_power_of_two_or_too_large)
{
    u8 d[512];

    out(COUNT, 3);
    expect_error(0xC6, 0x04);
    out(COUNT, 32);
    expect_error(0xC6, 0x04);
    set_lba(0, 1);
    expect_error(0xC4, 0x04); /* and READ MULTIPLE is switched off */
    identify(d);
    cr_assert_eq(word(d, 59), 0);
}

/* The last element starts the next sector, so it is an access of its own, at its own time. */
Test(ata, string_input_takes_a_sector_but_for_its_end_at_once)
{
    u8 d[2048];
    unsigned n;

    set_lba(9, 2);
    out(STATUS, 0x20);
    wait_irq();
    n = bus_in_many(rig->bus, DATA, d, 2, 1024);
    cr_assert_eq(n, 255);
    cr_assert_eq(in(STATUS), 0x58);
    cr_assert_eq(bus_in_many(rig->bus, DATA, d + 510, 2, 1024), 1);
    check_sector(d, 9);
    wait_irq();
    n = bus_in_many(rig->bus, DATA, d, 4, 1024);
    cr_assert_eq(n, 127);
    cr_assert_eq(bus_in_many(rig->bus, DATA, d + 508, 4, 1024), 1);
    check_sector(d, 10);
}

Test(ata, the_data_port_is_32_bits_wide)
{
    u8 d[512];
    unsigned i;

    set_lba(77, 1);
    out(STATUS, 0x20);
    wait_irq();
    for (i = 0; i < 128; i++)
        put_le32(d + 4 * i, bus_in(rig->bus, DATA, 4));
    check_sector(d, 77);
    cr_assert_eq(in(STATUS), 0x50);
}

Test(ata, chs_addresses_follow_the_default_translation)
{
    u8 d[512];

    out(COUNT, 1);
    out(LOW, 5); /* sector 5, from 1 */
    out(MID, 2); /* cylinder 2 */
    out(HIGH, 0);
    out(DEVICE, 0xA3); /* head 3 */
    out(STATUS, 0x20);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    check_sector(d, (2 * 16 + 3) * 63 + 4);
}

Test(ata, initialize_device_parameters_changes_the_translation)
{
    u8 d[512];

    out(COUNT, 17);
    out(DEVICE, 0xA3); /* four heads */
    command(0x91);
    identify(d);
    cr_assert_eq(word(d, 54), SECTORS / 68);
    cr_assert_eq(word(d, 55), 4);
    cr_assert_eq(word(d, 56), 17);
    cr_assert_eq(word(d, 3), 16); /* the default stays */
    out(COUNT, 1);
    out(LOW, 17);
    out(MID, 1);
    out(HIGH, 0);
    out(DEVICE, 0xA2);
    out(STATUS, 0x20);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    check_sector(d, (1 * 4 + 2) * 17 + 16);
}

Test(ata, addresses_that_are_not_there_are_id_not_found)
{
    out(COUNT, 1);
    out(LOW, 0); /* there is no sector 0 */
    out(MID, 0);
    out(HIGH, 0);
    out(DEVICE, 0xA0);
    expect_error(0x20, 0x10);
    out(LOW, 64);
    expect_error(0x20, 0x10);
    set_lba(SECTORS, 1);
    expect_error(0x20, 0x10);
    set_lba(SECTORS - 1, 2);
    expect_error(0x30, 0x10);
    set_lba48((u64)SECTORS << 20, 1);
    expect_error(0x24, 0x10);
}

Test(ata, lba48_addresses_come_back_through_hob)
{
    set_lba48(0xFFFFFFFFFFFFull, 1);
    expect_error(0x24, 0x10);
    cr_assert_eq(in(LOW), 0xFF);
    out(CONTROL, 0x80);
    cr_assert_eq(in(HIGH), 0xFF);
}

Test(ata, a_transfer_takes_its_time)
{
    u64 start = rig_now(rig);

    set_lba(0, 1);
    out(STATUS, 0x20);
    wait_irq();
    cr_assert_geq(rig_now(rig) - start, 100 * US);
    cr_assert_leq(rig_now(rig) - start, 120 * US);
}

/* --- writing --------------------------------------------------------------------------------- */

static void fill(u8 *data, u32 bytes, u8 seed)
{
    u32 i;

    for (i = 0; i < bytes; i++)
        data[i] = (u8)(i * 7 + seed + (i >> 9));
}

Test(ata, write_sectors_asks_for_the_first_without_an_interrupt)
{
    u8 d[1024], back[1024];

    fill(d, sizeof d, 3);
    set_lba(300, 2);
    out(STATUS, 0x30);
    cr_assert_eq(wait_ready(), 0x58);
    cr_assert_not(rig_level(rig, IRQ14));
    write_words(d, 256);
    cr_assert_eq(in(CONTROL), 0x80);
    cr_assert_eq(wait_irq(), 0x58);
    write_words(d + 512, 256);
    cr_assert_eq(wait_irq(), 0x50);
    blk_read(disk, 300, 2, back);
    cr_assert_eq(memcmp(d, back, sizeof d), 0);
}

Test(ata, write_multiple_and_string_output)
{
    u8 d[6 * 512], back[6 * 512];

    fill(d, sizeof d, 9);
    out(COUNT, 4);
    command(0xC6);
    set_lba48(400, 6);
    out(STATUS, 0x39);
    cr_assert_eq(wait_ready(), 0x58);
    cr_assert_eq(bus_out_many(rig->bus, DATA, d, 4, 4 * 128), 4 * 128 - 1);
    cr_assert_eq(bus_out_many(rig->bus, DATA, d + 2044, 4, 1), 1);
    cr_assert_eq(wait_irq(), 0x58);
    cr_assert_eq(bus_out_many(rig->bus, DATA, d + 2048, 2, 1000), 511);
    cr_assert_eq(bus_out_many(rig->bus, DATA, d + 3070, 2, 1000), 1);
    cr_assert_eq(wait_irq(), 0x50);
    blk_read(disk, 400, 6, back);
    cr_assert_eq(memcmp(d, back, sizeof d), 0);
}

Test(ata, host_write_errors_are_a_device_fault_and_told_once)
{
    struct fault_plan plan = {.write_error = ENOSPC};
    u8 d[512] = {0};
    unsigned lines, i;

    extra = fault_blk_new(1000, &plan);
    ide_attach_disk(ide, 1, extra);
    device_reset(ide);
    log_choose(rig->log, "");
    lines = rig->log_lines;
    for (i = 0; i < 3; i++) {
        set_lba(5, 1);
        out(DEVICE, 0xF0);
        out(STATUS, 0x30);
        wait_ready();
        write_words(d, 256);
        cr_assert_eq(wait_irq(), 0x71); /* DF and ERR */
        cr_assert_eq(in(ERROR), 0x04);
        cr_assert_eq(in(LOW), 5);
    }
    cr_assert_eq(rig->log_lines, lines + 1);
    cr_assert_not_null(strstr(rig->last_log, "writing failed"));
}

Test(ata, host_read_errors_are_uncorrectable_data_at_the_right_sector)
{
    struct fault_plan plan = {.first_bad = 7, .read_error = EIO};
    u8 d[512];

    extra = fault_blk_new(1000, &plan);
    ide_attach_disk(ide, 1, extra);
    device_reset(ide);
    set_lba(5, 4);
    out(DEVICE, 0xF0);
    out(STATUS, 0x20);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    cr_assert_eq(wait_irq(), 0x51);
    cr_assert_eq(in(ERROR), 0x40);
    cr_assert_eq(in(LOW), 7);
}

Test(ata, flush_reaches_the_host_and_its_error_the_guest)
{
    struct fault_plan plan = {0};

    extra = fault_blk_new(1000, &plan);
    ide_attach_disk(ide, 1, extra);
    device_reset(ide);
    out(DEVICE, 0xF0);
    command(0xE7);
    command(0xEA);
    cr_assert_eq(plan.flushes, 2);
    plan.flush_error = EIO;
    out(STATUS, 0xE7);
    cr_assert_eq(wait_irq(), 0x71);
}

/* --- other commands -------------------------------------------------------------------------- */

Test(ata, commands_without_data_complete)
{
    static const u8 codes[] = {0x10, 0x1F, 0xE0, 0xE1, 0xE2, 0xE3, 0x94, 0x95, 0xE7, 0xEA};
    size_t i;

    for (i = 0; i < sizeof codes; i++)
        command(codes[i]);
    set_lba(100, 5);
    command(0x40);
    command(0x41);
    command(0x70);
    set_lba48(100, 600);
    command(0x42);
}

Test(ata, unknown_and_packet_commands_are_aborted)
{
    static const u8 codes[] = {0x00, 0x08, 0xA0, 0xA1, 0xB1, 0xF1, 0xFF, 0x92, 0x2F};
    size_t i;

    for (i = 0; i < sizeof codes; i++)
        expect_error(codes[i], 0x04);
}

Test(ata, check_power_mode_follows_standby)
{
    command(0xE5);
    cr_assert_eq(in(COUNT), 0xFF);
    command(0xE0);
    command(0xE5);
    cr_assert_eq(in(COUNT), 0x00);
    set_lba(0, 1);
    command(0x40); /* the medium wakes it */
    command(0xE5);
    cr_assert_eq(in(COUNT), 0xFF);
}

Test(ata, a_sleeping_drive_wakes_by_reset_only)
{
    command(0xE6);
    out(STATUS, 0xEC);
    rig_advance_ns(rig, 10000 * US);
    cr_assert_not(rig_level(rig, IRQ14));
    out(CONTROL, 4);
    out(CONTROL, 0);
    wait_ready();
    command(0xE5);
}

Test(ata, set_max_hides_the_end_of_the_disk)
{
    u8 d[512];

    out(DEVICE, 0xE0);
    command(0xF8);
    cr_assert_eq(in(LOW) | in(MID) << 8 | in(HIGH) << 16 | (in(DEVICE)&15) << 24, SECTORS - 1);
    set_lba(9999, 0);
    out(ERROR, 0);
    command(0xF9);
    identify(d);
    cr_assert_eq(get_le32(d + 120), 10000);
    set_lba(10000, 1);
    expect_error(0x20, 0x10);
    out(DEVICE, 0xE0);
    command(0x27);
    cr_assert_eq(in(LOW) | in(MID) << 8, (SECTORS - 1) & 0xFFFF);
    set_lba48(SECTORS - 1, 0);
    command(0x37);
    identify(d);
    cr_assert_eq(get_le64(d + 200), SECTORS);
}

Test(ata, the_sector_buffer_keeps_what_was_written)
{
    u8 d[512], back[512];

    fill(d, 512, 77);
    out(STATUS, 0xE8);
    cr_assert_eq(wait_ready(), 0x58);
    write_words(d, 256);
    cr_assert_eq(wait_irq(), 0x50);
    out(STATUS, 0xE4);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(back, 256);
    cr_assert_eq(memcmp(d, back, 512), 0);
}

Test(ata, smart_needs_its_key_and_reports_a_sound_drive)
{
    u8 d[512], sum = 0;
    unsigned i;

    out(ERROR, 0xDA);
    expect_error(0xB0, 0x04);
    out(ERROR, 0xDA);
    out(MID, 0x4F);
    out(HIGH, 0xC2);
    command(0xB0);
    cr_assert_eq(in(MID), 0x4F);
    cr_assert_eq(in(HIGH), 0xC2);
    out(ERROR, 0xD0);
    out(STATUS, 0xB0);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    for (i = 0; i < 512; i++)
        sum += d[i];
    cr_assert_eq(sum, 0);
    out(ERROR, 0xD9);
    command(0xB0);
    out(ERROR, 0xD0);
    expect_error(0xB0, 0x04);
}

/* --- state ----------------------------------------------------------------------------------- */

static void carry_over(void)
{
    rig_setup(&rigs[1]);
    carried = new_ide(&rigs[1]);
    ide_attach_disk(carried, 0, disk);
    device_reset(carried);
    rig_transfer(&rigs[1], carried, &rigs[0], ide);
    rig = &rigs[1];
}

static void come_back(void)
{
    device_destroy(carried);
    rig_teardown(&rigs[1]);
    rig = &rigs[0];
}

Test(ata, a_read_goes_on_where_it_was_saved)
{
    u8 d[512];
    unsigned i;

    set_lba(20, 3);
    out(STATUS, 0x20); /* the host has not answered yet */
    carry_over();
    for (i = 0; i < 3; i++) {
        cr_assert_eq(wait_irq(), 0x58);
        read_words(d, 256);
        check_sector(d, 20 + i);
    }
    cr_assert_eq(in(STATUS), 0x50);
    come_back();
}

Test(ata, a_read_saved_within_a_sector_keeps_its_data)
{
    u8 d[512];

    set_lba(20, 2);
    out(STATUS, 0x20);
    wait_irq();
    read_words(d, 100);
    carry_over();
    read_words(d + 200, 156);
    check_sector(d, 20);
    cr_assert_eq(wait_irq(), 0x58);
    read_words(d, 256);
    check_sector(d, 21);
    come_back();
}

Test(ata, a_write_saved_within_a_sector_and_while_busy_is_whole)
{
    u8 d[512], back[512];

    fill(d, 512, 1);
    set_lba(33, 1);
    out(STATUS, 0x30);
    wait_ready();
    write_words(d, 100);
    carry_over();
    write_words(d + 200, 156);
    cr_assert_eq(wait_irq(), 0x50);
    come_back();
    write_words(d + 200, 156); /* the first one, too */
    carry_over();
    cr_assert_eq(wait_irq(), 0x50);
    blk_read(disk, 33, 1, back);
    cr_assert_eq(memcmp(d, back, 512), 0);
    come_back();
}

static void poke(void *opaque)
{
    u8 d[4096];
    unsigned i;

    for (i = 0; i < 20; i++) {
        in(STATUS);
        bus_in_many(rig->bus, DATA, d, 4, 1000);
        bus_out_many(rig->bus, DATA, d, 2, 1000);
        rig_advance_ns(rig, 2000 * US);
    }
    set_lba(3, 2);
    out(STATUS, 0xC4);
    rig_advance_ns(rig, 200 * US);
}

Test(ata, damaged_states_are_refused_or_harmless)
{
    u8 d[512];
    unsigned refused = 0;

    log_choose(rig->log, "");
    set_lba(20, 40);
    out(STATUS, 0xC4);
    refused += rig_damage(ide, 150, poke, NULL);
    wait_irq();
    read_words(d, 100);
    refused += rig_damage(ide, 150, poke, NULL);
    cr_assert_gt(refused, 60);
}

Test(ata, a_state_of_another_disk_is_refused)
{
    size_t len;
    u8 *data = rig_save(ide, &len);
    struct device *other;

    extra = new_disk(1000);
    other = new_ide(rig);
    ide_attach_disk(other, 0, extra);
    device_reset(other);
    cr_assert_not_null(rig_load(other, data, len));
    device_destroy(other);
    free(data);
}

Test(ata, reset_defines_the_state)
{
    u64 fresh = rig_hash(ide);

    out(COUNT, 17);
    out(DEVICE, 0xA3);
    command(0x91);
    set_lba(9999, 0);
    out(ERROR, 0);
    command(0xF9);
    set_lba(9, 2);
    out(STATUS, 0x20);
    wait_irq();
    device_reset(ide);
    cr_assert_eq(rig_hash(ide), fresh);
}
