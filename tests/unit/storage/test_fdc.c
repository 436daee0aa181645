/*
 * Floppy disk controller: result phases and registers against the 82077AA data sheet ("Command
 * Set/Descriptions", "Status Register Encoding", "Result Phase Table").
 */
#include "devices/storage/fdc.h"

#include "devices/host/blk.h"
#include "tests/support/faultblk.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SRA = 0x3F0, SRB = 0x3F1, DOR = 0x3F2, TDR = 0x3F3, MSR = 0x3F4, FIFO = 0x3F5, DIR = 0x3F7 };
enum { IRQ = 6, MS = 1000000 };

/* The channel of an 8237 as a test programs it. */
struct fake_dma {
    u8 memory[256 * 1024];
    size_t at, left; /* bytes until terminal count */
    bool masked;
};

static struct rig rigs[2], *rig; /* a second one takes over saved states */
static struct fake_dma dma;
static struct device *fdc;
static struct blk *disk, *disk_b;

static size_t fake_transfer(void *opaque, unsigned channel, u8 *data, size_t len, bool to_memory,
                            bool *tc)
{
    struct fake_dma *d = opaque;
    size_t n = d->masked ? 0 : len < d->left ? len : d->left;

    cr_assert_eq(channel, 2);
    if (to_memory)
        memcpy(d->memory + d->at, data, n);
    else
        memcpy(data, d->memory + d->at, n);
    d->at += n;
    d->left -= n;
    *tc = n && d->left == 0;
    return n;
}

static void dma_program(size_t bytes)
{
    dma.at = 0;
    dma.left = bytes;
    dma.masked = false;
}

static struct device *new_fdc(struct rig *r)
{
    struct dma_port port = {fake_transfer, &dma, 2};

    return fdc_create(r->bus, r->clock, rig_line(r, IRQ), port);
}

/* Each byte of sector n is a mix of its number and place. */
static u8 pattern(u32 sector, u32 byte)
{
    return (u8)(sector * 7 + (sector >> 8) * 13 + byte);
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

static u8 in(u16 port)
{
    return (u8)bus_in(rig->bus, port, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig->bus, port, 1, value);
}

/* Send bytes as a careful driver does. */
static void send(const u8 *bytes, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        cr_assert_eq(in(MSR)&0xC0, 0x80, "byte %u: MSR %02X", i, in(MSR));
        out(FIFO, bytes[i]);
    }
}

#define SEND(...) send((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static unsigned receive(u8 *bytes, unsigned max)
{
    unsigned n = 0;

    while ((in(MSR)&0xD0) == 0xD0 && n < max)
        bytes[n++] = in(FIFO);
    return n;
}

static void expect_result(const u8 *want, unsigned count)
{
    u8 got[16];
    unsigned n = receive(got, sizeof got), i;

    cr_assert_eq(n, count, "%u result bytes, MSR %02X", n, in(MSR));
    for (i = 0; i < count; i++)
        cr_expect_eq(got[i], want[i], "result byte %u: %02X, not %02X", i, got[i], want[i]);
    cr_expect_eq(in(MSR)&0xF0, 0x80);
}

#define EXPECT(...) expect_result((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* Let a command run, at most three seconds, until INT. */
static bool wait_irq(void)
{
    unsigned i;

    for (i = 0; i < 30000 && !rig_level(rig, IRQ); i++)
        rig_advance_ns(rig, MS / 10);
    return rig_level(rig, IRQ);
}

static void leave_reset(void)
{
    unsigned i;

    out(DOR, 0x1C); /* drive 0, motor on, DMA and INT enabled */
    cr_assert(wait_irq());
    for (i = 0; i < 4; i++) {
        SEND(0x08);
        EXPECT((u8)(0xC0 | i), 0);
    }
    SEND(0x03, 0xDF, 0x02); /* SPECIFY: 3 ms steps, DMA */
    out(DIR, 0);            /* 500 kbps */
}

static void seek(u8 drive, u8 cylinder)
{
    SEND(0x0F, drive, cylinder);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT((u8)(0x20 | drive), cylinder);
}

static void setup(void)
{
    rig = &rigs[0];
    rig_setup(rig);
    memset(&dma, 0, sizeof dma);
    fdc = new_fdc(rig);
    fdc->log = rig->log;
    disk = new_disk(2880);
    disk_b = NULL;
    fdc_set_drive_type(fdc, 0, FDD_1440K);
    fdc_insert(fdc, 0, disk);
    device_reset(fdc);
}

static void teardown(void)
{
    device_destroy(fdc);
    blk_close(disk);
    if (disk_b)
        blk_close(disk_b);
    rig_teardown(rig);
}

static void setup_ready(void)
{
    setup();
    leave_reset();
}

static void use_disk(u32 sectors, enum fdd_type type)
{
    blk_close(disk);
    disk = new_disk(sectors);
    fdc_set_drive_type(fdc, 0, type);
    fdc_insert(fdc, 0, disk);
}

static void check_memory(size_t at, u32 sector, u32 count)
{
    u32 i, j;

    for (i = 0; i < count; i++)
        for (j = 0; j < 512; j++)
            cr_assert_eq(dma.memory[at + i * 512 + j], pattern(sector + i, j), "sector %u byte %u",
                         sector + i, j);
}

TestSuite(fdc_reset, .init = setup, .fini = teardown);
TestSuite(fdc, .init = setup_ready, .fini = teardown);

/* --- registers and reset --------------------------------------------------------------------- */

Test(fdc_reset, the_chip_stays_in_reset_until_dor_lets_it_go)
{
    cr_assert_eq(in(DOR), 0);
    cr_assert_eq(in(MSR), 0);
    rig_advance_ns(rig, 10 * MS);
    cr_assert_not(rig_level(rig, IRQ));
    out(DOR, 0x0C);
    cr_assert_eq(in(MSR), 0x80);
    rig_advance_ns(rig, MS);
    cr_assert(rig_level(rig, IRQ));
}

Test(fdc_reset, four_sense_interrupts_report_the_poll_and_a_fifth_is_invalid)
{
    unsigned i;

    out(DOR, 0x0C);
    rig_advance_ns(rig, MS);
    for (i = 0; i < 4; i++) {
        SEND(0x08);
        EXPECT((u8)(0xC0 | i), 0);
        cr_assert_not(rig_level(rig, IRQ));
    }
    SEND(0x08);
    EXPECT(0x80);
}

Test(fdc_reset, no_interrupt_passes_while_dmagate_is_off)
{
    out(DOR, 0x04);
    rig_advance_ns(rig, MS);
    cr_assert_not(rig_level(rig, IRQ));
    out(DOR, 0x0C);
    cr_assert(rig_level(rig, IRQ));
}

/* "Drive Polling" goes on while the chip waits for a command. */
Test(fdc_reset, the_poll_waits_for_the_end_of_a_command)
{
    out(DOR, 0x0C);
    out(FIFO, 0x03); /* SPECIFY, and its parameters are late */
    rig_advance_ns(rig, 10 * MS);
    cr_assert_not(rig_level(rig, IRQ));
    SEND(0xDF, 0x02);
    rig_advance_ns(rig, MS);
    cr_assert(rig_level(rig, IRQ));
}

/* As the drivers of MenuetOS and KolibriOS have it. */
Test(fdc_reset, any_command_takes_int_back)
{
    out(DOR, 0x1C);
    cr_assert(wait_irq());
    out(FIFO, 0x07);
    cr_assert_not(rig_level(rig, IRQ));
    out(FIFO, 0x00);
    cr_assert_not(rig_level(rig, IRQ));
    cr_assert(wait_irq());
    SEND(0x0F, 0x00, 3);
    cr_assert_not(rig_level(rig, IRQ));
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x20, 3);
    cr_assert_not(rig_level(rig, IRQ));
}

Test(fdc_reset, what_int_told_of_stays_for_sense_interrupt)
{
    unsigned i;

    out(DOR, 0x1C);
    cr_assert(wait_irq());
    SEND(0x03, 0xDF, 0x02);
    for (i = 0; i < 4; i++) {
        SEND(0x08);
        EXPECT((u8)(0xC0 | i), 0);
    }
}

Test(fdc, dsr_reset_clears_itself_and_ends_a_command)
{
    dma_program(512);
    SEND(0xE6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    out(MSR, 0x80);
    cr_assert_eq(in(MSR), 0x80);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0xC0, 0);
    cr_assert_eq(dma.left, 512);
}

Test(fdc, polling_switched_off_and_locked_makes_reset_silent)
{
    SEND(0x13, 0, 0x1F, 0);
    SEND(0x94);
    EXPECT(0x10);
    out(DOR, 0x18);
    out(DOR, 0x1C);
    rig_advance_ns(rig, 10 * MS);
    cr_assert_not(rig_level(rig, IRQ));
    SEND(0x08);
    EXPECT(0x80);
}

Test(fdc, an_unlocked_configuration_does_not_survive_a_software_reset)
{
    SEND(0x13, 0, 0x57, 0x11);
    out(DOR, 0x18);
    out(DOR, 0x1C);
    rig_advance_ns(rig, MS);
    SEND(0x0E);
    EXPECT(0, 0, 0, 0, 0xDF, 0x02, 0, 0, 0x20, 0);
}

Test(fdc, lock_keeps_the_configuration)
{
    SEND(0x13, 0, 0x57, 0x11);
    SEND(0x94);
    EXPECT(0x10);
    out(DOR, 0x18);
    out(DOR, 0x1C);
    rig_advance_ns(rig, MS);
    SEND(0x0E);
    EXPECT(0, 0, 0, 0, 0xDF, 0x02, 0, 0x80, 0x57, 0x11);
    SEND(0x14);
    EXPECT(0x00);
}

Test(fdc, version_is_that_of_an_enhanced_controller)
{
    SEND(0x10);
    EXPECT(0x90);
}

Test(fdc, unknown_commands_answer_80h)
{
    SEND(0x18); /* PART ID of later chips */
    EXPECT(0x80);
    SEND(0x00);
    EXPECT(0x80);
    SEND(0x33);
    EXPECT(0x80);
}

Test(fdc, port_3f6_is_left_to_the_hard_disk)
{
    cr_assert_eq(in(0x3F6), 0xFF);
}

Test(fdc, sense_drive_status_shows_track_0_and_head)
{
    SEND(0x04, 0x04);
    EXPECT(0x3C); /* ready, track 0, two-sided, head 1 */
    seek(0, 5);
    SEND(0x04, 0x00);
    EXPECT(0x28);
}

Test(fdc, perpendicular_mode_shows_in_dumpreg)
{
    SEND(0x12, 0x87);
    SEND(0x0E);
    EXPECT(0, 0, 0, 0, 0xDF, 0x02, 0, 0x07, 0x20, 0);
    SEND(0x12, 0x38); /* without OW the drive bits stay */
    SEND(0x0E);
    EXPECT(0, 0, 0, 0, 0xDF, 0x02, 0, 0x04, 0x20, 0);
}

/* --- head movement --------------------------------------------------------------------------- */

Test(fdc, seek_marks_the_drive_busy_and_takes_step_time)
{
    fdc_set_pace(fdc, 1);
    SEND(0x0F, 0x00, 10);
    cr_assert_eq(in(MSR), 0x81);
    rig_advance_ns(rig, 29 * MS); /* ten steps of 3 ms */
    cr_assert_not(rig_level(rig, IRQ));
    rig_advance_ns(rig, 5 * MS);
    cr_assert(rig_level(rig, IRQ));
    cr_assert_eq(in(MSR), 0x80);
    SEND(0x08);
    EXPECT(0x20, 10);
}

Test(fdc, recalibrate_finds_track_0)
{
    seek(0, 40);
    SEND(0x07, 0x00);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x20, 0);
    SEND(0x04, 0x00);
    EXPECT(0x38);
}

Test(fdc, recalibrate_of_a_missing_drive_is_an_equipment_check)
{
    SEND(0x07, 0x01);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x71, 0);
}

Test(fdc, recalibrate_gives_up_after_79_steps)
{
    seek(0, 82);
    SEND(0x07, 0x00);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x70, 0);
    SEND(0x07, 0x00); /* the second one gets there */
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x20, 0);
}

Test(fdc, relative_seek_moves_both_ways)
{
    seek(0, 10);
    SEND(0xCF, 0x00, 5);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x20, 15);
    SEND(0x8F, 0x00, 3);
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x20, 12);
}

Test(fdc, two_drives_seek_at_once_and_report_one_by_one)
{
    disk_b = new_disk(1440);
    fdc_set_drive_type(fdc, 1, FDD_720K);
    fdc_insert(fdc, 1, disk_b);
    SEND(0x0F, 0x00, 10);
    SEND(0x0F, 0x01, 12);
    cr_assert_eq(in(MSR), 0x83);
    rig_advance_ns(rig, 500 * MS);
    SEND(0x08);
    EXPECT(0x20, 10);
    cr_assert(rig_level(rig, IRQ));
    SEND(0x08);
    EXPECT(0x21, 12);
    cr_assert_not(rig_level(rig, IRQ));
}

Test(fdc, a_seek_that_ends_within_a_command_interrupts_after_it)
{
    fdc_set_drive_type(fdc, 1, FDD_720K);
    dma_program(512);
    SEND(0x0F, 0x01, 2);
    SEND(0xE6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    rig_advance_ns(rig, 500 * MS);
    EXPECT(0, 0, 0, 0, 0, 2, 2);
    cr_assert_not(rig_level(rig, IRQ));
    cr_assert(wait_irq());
    SEND(0x08);
    EXPECT(0x21, 2);
}

/* --- reading --------------------------------------------------------------------------------- */

Test(fdc, read_data_moves_sectors_until_terminal_count)
{
    seek(0, 3);
    dma_program(2 * 512);
    SEND(0xE6, 0x00, 3, 0, 5, 2, 18, 0x1B, 0xFF);
    cr_assert_eq(in(MSR), 0x10);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 3, 0, 7, 2);
    cr_assert_not(rig_level(rig, IRQ));
    check_memory(0, 3 * 36 + 4, 2);
}

Test(fdc, a_real_drive_takes_a_revolution_for_a_track)
{
    u64 start;

    fdc_set_pace(fdc, 1);
    dma_program(18 * 512);
    start = rig_now(rig);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    cr_assert_geq(rig_now(rig) - start, 199 * (u64)MS); /* 300 rpm */
    cr_assert_leq(rig_now(rig) - start, 202 * (u64)MS);
}

Test(fdc, result_tells_the_next_sector_by_the_table)
{
    static const struct {
        u8 mt, head, r, count; /* what is read */
        u8 c, h, next;         /* and the address in the result, from cylinder 0 */
    } rows[] = {
        {0, 0, 1, 1, 0, 0, 2},  /* MT 0, head 0, before EOT: R + 1 */
        {0, 0, 18, 1, 1, 0, 1}, /* MT 0, head 0, at EOT: C + 1, R = 1 */
        {0, 1, 17, 1, 0, 1, 18}, {0, 1, 18, 1, 1, 1, 1}, {1, 0, 17, 1, 0, 0, 18},
        {1, 0, 18, 1, 0, 1, 1}, /* MT 1, head 0, at EOT: H changes, R = 1 */
        {1, 1, 17, 1, 0, 1, 18}, {1, 1, 18, 1, 1, 0, 1}, /* MT 1, head 1, at EOT: C + 1, H changes,
                                                            R = 1 */
    };
    u8 got[8];
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        dma_program(512 * rows[i].count);
        SEND((u8)(0x46 | rows[i].mt << 7), (u8)(rows[i].head << 2), 0, rows[i].head, rows[i].r, 2,
             18, 0x1B, 0xFF);
        cr_assert(wait_irq());
        cr_assert_eq(receive(got, 8), 7);
        cr_expect_eq(got[0] & 0xFB, 0, "row %zu", i);
        cr_expect_eq(got[3], rows[i].c, "row %zu: C %u", i, got[3]);
        cr_expect_eq(got[4], rows[i].h, "row %zu: H %u", i, got[4]);
        cr_expect_eq(got[5], rows[i].next, "row %zu: R %u", i, got[5]);
    }
}

Test(fdc, multi_track_goes_on_with_the_other_side)
{
    dma_program(21 * 512);
    SEND(0xC6, 0x00, 0, 0, 17, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x44, 0x80, 0x00, 1, 0, 1, 2); /* side 1 ended before the count did */
    check_memory(0, 16, 20);
    cr_assert_eq(dma.left, 512);
}

Test(fdc, without_terminal_count_the_track_ends_in_end_of_cylinder)
{
    dma_program(100 * 512);
    SEND(0x46, 0x00, 0, 0, 17, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x80, 0x00, 1, 0, 1, 2);
    cr_assert_eq(dma.left, 98 * 512);
}

Test(fdc, terminal_count_within_a_sector_ends_the_command)
{
    dma_program(100);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 2, 2);
    cr_assert_eq(dma.memory[99], pattern(0, 99));
    cr_assert_eq(dma.memory[100], 0);
}

Test(fdc, a_missing_sector_is_no_data)
{
    dma_program(512);
    SEND(0x46, 0x00, 0, 0, 19, 2, 21, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x04, 0x00, 0, 0, 19, 2);
}

Test(fdc, the_wrong_cylinder_is_no_data_and_wrong_cylinder)
{
    seek(0, 2);
    dma_program(512);
    SEND(0x46, 0x00, 3, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x04, 0x10, 3, 0, 1, 2);
}

Test(fdc, a_wrong_head_or_size_in_the_id_is_no_data)
{
    dma_program(512);
    SEND(0x46, 0x00, 0, 1, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x04, 0x00, 0, 1, 1, 2);
    SEND(0x46, 0x00, 0, 0, 1, 3, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x04, 0x00, 0, 0, 1, 3);
}

Test(fdc, the_wrong_data_rate_finds_no_address_mark)
{
    out(DIR, 2); /* 250 kbps */
    dma_program(512);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x01, 0x00, 0, 0, 1, 2);
    SEND(0x4A, 0x00);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x01, 0x00, 0, 0, 1, 2);
}

Test(fdc, single_density_finds_no_address_mark)
{
    dma_program(512);
    SEND(0x06, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x01, 0x00, 0, 0, 1, 2);
}

Test(fdc, the_second_side_of_a_single_sided_disk_is_empty)
{
    use_disk(360, FDD_360K);
    out(DIR, 2);
    dma_program(512);
    SEND(0x46, 0x04, 0, 1, 1, 2, 9, 0x2A, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x44, 0x01, 0x00, 0, 1, 1, 2);
}

Test(fdc, a_masked_dma_channel_is_an_overrun)
{
    dma_program(512);
    dma.masked = true;
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x10, 0x00, 0, 0, 1, 2);
}

Test(fdc, a_host_that_cannot_read_is_a_data_error)
{
    struct fault_plan plan = {.first_bad = 4, .read_error = EIO};

    disk_b = fault_blk_new(2880, &plan);
    fdc_insert(fdc, 0, disk_b);
    dma_program(3 * 512);
    SEND(0x46, 0x00, 0, 0, 4, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x20, 0x20, 0, 0, 5, 2);
    cr_assert_eq(dma.left, 2 * 512);
    fdc_insert(fdc, 0, disk);
}

Test(fdc, an_empty_drive_has_no_address_marks)
{
    fdc_insert(fdc, 0, NULL);
    dma_program(512);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x01, 0x00, 0, 0, 1, 2);
    SEND(0x45, 0x01, 0, 0, 1, 2, 18, 0x1B, 0xFF); /* nor has one that is not there */
    cr_assert(wait_irq());
    EXPECT(0x41, 0x01, 0x00, 0, 0, 1, 2);
    cr_assert_eq(dma.left, 512);
}

Test(fdc, a_disk_put_in_under_a_command_is_searched)
{
    fdc_insert(fdc, 0, NULL);
    dma_program(512);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    fdc_insert(fdc, 0, disk);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 2, 2);
    check_memory(0, 0, 1);
}

Test(fdc, read_id_gives_an_id_of_the_track)
{
    u8 got[8];

    seek(0, 7);
    SEND(0x4A, 0x04);
    cr_assert(wait_irq());
    cr_assert_eq(receive(got, 8), 7);
    cr_assert_eq(got[0], 0x04);
    cr_assert_eq(got[1], 0);
    cr_assert_eq(got[2], 0);
    cr_assert_eq(got[3], 7);
    cr_assert_eq(got[4], 1);
    cr_assert(got[5] >= 1 && got[5] <= 18);
    cr_assert_eq(got[6], 2);
}

Test(fdc, read_track_starts_at_the_index_and_counts_sectors)
{
    dma_program(3 * 512);
    SEND(0x42, 0x00, 0, 0, 1, 2, 3, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 4, 2);
    check_memory(0, 0, 3);
    dma_program(2 * 512);
    SEND(0x42, 0x00, 0, 0, 5, 2, 2, 0x1B, 0xFF); /* the IDs differ: noted, not obeyed */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x04, 0x00, 0, 0, 7, 2);
    check_memory(0, 0, 2);
}

Test(fdc, verify_moves_no_data)
{
    dma_program(512);
    SEND(0x56, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF); /* EC 0: up to EOT */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 1, 0, 1, 2);
    SEND(0x56, 0x80, 0, 0, 1, 2, 18, 0x1B, 4); /* EC 1: four sectors */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 5, 2);
    SEND(0x56, 0x00, 0, 0, 1, 2, 19, 0x1B, 0xFF); /* more than are there */
    cr_assert(wait_irq());
    EXPECT(0x40, 0x04, 0x00, 0, 0, 19, 2);
    cr_assert_eq(dma.left, 512);
}

Test(fdc, implied_seek_moves_the_head_first)
{
    SEND(0x13, 0, 0x60, 0);
    dma_program(512);
    SEND(0x46, 0x00, 30, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 30, 0, 2, 2);
    check_memory(0, 30 * 36, 1);
}

Test(fdc, non_dma_mode_passes_bytes_through_the_fifo)
{
    unsigned i;

    SEND(0x03, 0xDF, 0x03);
    SEND(0x46, 0x00, 0, 0, 2, 2, 2, 0x1B, 0xFF);
    cr_assert_eq(in(MSR), 0x30);
    cr_assert(wait_irq());
    for (i = 0; i < 512; i++) {
        cr_assert_eq(in(MSR), 0xF0);
        cr_assert_eq(in(FIFO), pattern(1, i));
    }
    cr_assert(wait_irq());
    EXPECT(0x40, 0x80, 0x00, 1, 0, 1, 2); /* nobody pulses TC */
}

/* --- every format ---------------------------------------------------------------------------- */

Test(fdc, the_last_sector_of_every_format_can_be_read)
{
    static const u16 sizes[] = {320,  360,  640,  720,  1440, 1600, 2400,
                                2880, 3360, 3444, 3520, 3840, 5760, 6400};
    size_t i;

    for (i = 0; i < ARRAY_LEN(sizes); i++) {
        const struct floppy_geometry *g = floppy_geometry(sizes[i]);
        u8 cylinder = (u8)(g->cylinders - 1), head = (u8)(g->heads - 1);

        use_disk(sizes[i], g->drive);
        out(DIR, g->rate);
        seek(0, 0);
        seek(0, cylinder);
        dma_program(512);
        SEND(0x46, (u8)(head << 2), cylinder, head, g->sectors, 2, g->sectors, 0x1B, 0xFF);
        cr_assert(wait_irq());
        EXPECT((u8)(head << 2), 0, 0, (u8)(cylinder + 1), head, 1, 2);
        check_memory(0, sizes[i] - 1u, 1);
    }
}

Test(fdc, a_360k_disk_in_a_12m_drive_needs_two_steps_and_300_kbps)
{
    use_disk(720, FDD_1200K);
    out(DIR, 1);
    seek(0, 20);
    dma_program(512);
    SEND(0x46, 0x00, 10, 0, 1, 2, 9, 0x2A, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 10, 0, 2, 2);
    check_memory(0, 10 * 18, 1);
    seek(0, 21); /* between two tracks */
    SEND(0x4A, 0x00);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x01, 0x00, 10, 0, 2, 2);
}

/* --- writing --------------------------------------------------------------------------------- */

Test(fdc, written_sectors_are_in_the_image)
{
    u8 data[1024];

    memset(dma.memory, 0xA5, 1024);
    dma_program(1024);
    SEND(0xC5, 0x04, 0, 1, 3, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x04, 0x00, 0x00, 0, 1, 5, 2);
    blk_read(disk, 18 + 2, 2, data);
    cr_assert_eq(memcmp(data, dma.memory, 1024), 0);
    blk_read(disk, 18 + 4, 1, data);
    cr_assert_eq(data[0], pattern(22, 0));
}

Test(fdc, terminal_count_pads_a_written_sector_with_zeros)
{
    u8 data[512];

    memset(dma.memory, 0xA5, 512);
    dma_program(100);
    SEND(0x45, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 2, 2);
    blk_read(disk, 0, 1, data);
    cr_assert_eq(data[99], 0xA5);
    cr_assert_eq(data[100], 0);
}

Test(fdc, non_dma_writes_go_through_the_fifo)
{
    u8 data[512];
    unsigned i;

    SEND(0x03, 0xDF, 0x03);
    SEND(0x45, 0x00, 0, 0, 1, 2, 1, 0x1B, 0xFF);
    cr_assert(wait_irq());
    for (i = 0; i < 512; i++) {
        cr_assert_eq(in(MSR), 0xB0);
        out(FIFO, (u8)(i ^ 0x5A));
    }
    cr_assert(wait_irq());
    EXPECT(0x40, 0x80, 0x00, 1, 0, 1, 2);
    blk_read(disk, 0, 1, data);
    for (i = 0; i < 512; i++)
        cr_assert_eq(data[i], (u8)(i ^ 0x5A));
}

Test(fdc, a_write_protected_disk_is_not_writable)
{
    char err[256], path[] = "/tmp/bygone-fdc-XXXXXX";
    int fd = mkstemp(path);
    struct blk *b;

    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, 1474560), 0);
    b = blk_open(path, BLK_READ_ONLY, NULL, err, sizeof err);
    cr_assert_not_null(b, "%s", err);
    fdc_insert(fdc, 0, b);
    dma_program(512);
    SEND(0x45, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x02, 0x00, 0, 0, 1, 2);
    SEND(0x4D, 0x00, 2, 18, 0x54, 0xF6);
    cr_assert(wait_irq());
    EXPECT(0x40, 0x02, 0x00, 0, 0, 1, 2);
    SEND(0x04, 0x00);
    EXPECT(0x78);
    fdc_insert(fdc, 0, disk);
    blk_close(b);
    close(fd);
    unlink(path);
}

Test(fdc, a_host_that_cannot_write_is_a_drive_fault_and_told_once)
{
    struct fault_plan plan = {.write_error = ENOSPC};
    unsigned lines;

    disk_b = fault_blk_new(2880, &plan);
    fdc_insert(fdc, 0, disk_b);
    dma_program(512);
    SEND(0x45, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x50, 0x00, 0x00, 0, 0, 1, 2);
    log_choose(rig->log, "");
    lines = rig->log_lines;
    dma_program(512);
    SEND(0x45, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x50, 0x00, 0x00, 0, 0, 1, 2);
    cr_assert_eq(rig->log_lines, lines);
    fdc_insert(fdc, 0, disk);
}

Test(fdc, deleted_data_marks_are_written_and_noticed)
{
    memset(dma.memory, 0x11, 512);
    dma_program(512);
    SEND(0x49, 0x00, 0, 0, 2, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 3, 2);
    dma_program(3 * 512);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF); /* SK 0: ends behind the marked sector */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x40, 0, 0, 3, 2);
    cr_assert_eq(dma.left, 512);
    dma_program(2 * 512);
    SEND(0x66, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF); /* SK 1: leaves it out */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x40, 0, 0, 4, 2);
    check_memory(512, 2, 1);
    dma_program(512);
    SEND(0x4C, 0x00, 0, 0, 2, 2, 18, 0x1B, 0xFF); /* READ DELETED DATA wants it */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 3, 2);
    cr_assert_eq(dma.memory[0], 0x11);
}

Test(fdc, format_fills_the_track_and_it_reads_back)
{
    unsigned i;

    seek(0, 12);
    for (i = 0; i < 18; i++) {
        static const u8 order[] = {1, 10, 2, 11, 3, 12, 4, 13, 5, 14, 6, 15, 7, 16, 8, 17, 9, 18};
        u8 id[] = {12, 1, order[i], 2};
        memcpy(dma.memory + 4 * i, id, 4);
    }
    dma_program(18 * 4);
    SEND(0x4D, 0x04, 2, 18, 0x54, 0xF6);
    cr_assert(wait_irq());
    cr_assert_eq(in(FIFO), 0x04);
    cr_assert_eq(in(FIFO), 0x00);
    cr_assert_eq(in(FIFO), 0x00);
    for (i = 0; i < 4; i++)
        in(FIFO);
    dma_program(18 * 512);
    SEND(0x46, 0x04, 12, 1, 1, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x04, 0x00, 0x00, 13, 1, 1, 2);
    for (i = 0; i < 18 * 512; i++)
        cr_assert_eq(dma.memory[i], 0xF6);
    dma_program(512);
    SEND(0x46, 0x00, 12, 0, 18, 2, 18, 0x1B, 0xFF);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 13, 0, 1, 2);
    check_memory(0, 12 * 36 + 17, 1);
}

Test(fdc, formatting_another_layout_than_the_image_has_is_refused)
{
    u8 data[512];

    dma_program(9 * 4);
    SEND(0x4D, 0x00, 2, 9, 0x50, 0xF6);
    cr_assert(wait_irq());
    cr_assert_eq(in(FIFO), 0x40);
    cr_assert_eq(in(FIFO), 0x04);
    blk_read(disk, 0, 1, data);
    cr_assert_eq(data[1], pattern(0, 1));
}

/* --- scanning -------------------------------------------------------------------------------- */

Test(fdc, scan_equal_finds_the_sector)
{
    unsigned i;

    for (i = 0; i < 5 * 512; i++) /* five copies of sector 3 */
        dma.memory[i] = pattern(2, i % 512);
    dma_program(5 * 512);
    SEND(0x51, 0x00, 0, 0, 1, 2, 18, 0x1B, 1);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x08, 0, 0, 3, 2); /* SH, at R 3 */
}

Test(fdc, scan_that_finds_nothing_sets_sn)
{
    memset(dma.memory, 0, 20 * 512);
    dma_program(20 * 512);
    SEND(0x51, 0x00, 0, 0, 1, 2, 4, 0x1B, 1);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x04, 0, 0, 4, 2);
}

Test(fdc, scan_low_and_high_take_ff_for_anything)
{
    memset(dma.memory, 0xFF, 512);
    dma_program(512);
    SEND(0x59, 0x00, 0, 0, 1, 2, 4, 0x1B, 1);
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x08, 0, 0, 1, 2);
    memset(dma.memory, 0x00, 512);
    dma_program(512);
    SEND(0x5D, 0x00, 0, 0, 1, 2, 4, 0x1B, 1); /* the disk has nothing below zero */
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 1, 2);
}

/* --- disk change ----------------------------------------------------------------------------- */

Test(fdc, the_change_line_stays_until_a_step_with_a_disk)
{
    cr_assert(in(DIR)&0x80); /* power-on */
    seek(0, 1);
    cr_assert_not(in(DIR)&0x80);
    fdc_insert(fdc, 0, NULL);
    seek(0, 2);
    cr_assert(in(DIR)&0x80);
    fdc_insert(fdc, 0, disk);
    cr_assert(in(DIR)&0x80);
    seek(0, 2); /* no step */
    cr_assert(in(DIR)&0x80);
    seek(0, 1);
    cr_assert_not(in(DIR)&0x80);
}

/* --- state ----------------------------------------------------------------------------------- */

static struct device *carried;

/* Go on with a copy in another machine; `come_back` returns to the first. */
static void carry_over(void)
{
    rig_setup(&rigs[1]);
    carried = new_fdc(&rigs[1]);
    fdc_set_drive_type(carried, 0, FDD_1440K);
    fdc_insert(carried, 0, disk);
    device_reset(carried);
    rig_transfer(&rigs[1], carried, &rigs[0], fdc);
    rig = &rigs[1];
}

static void come_back(void)
{
    device_destroy(carried);
    rig_teardown(&rigs[1]);
    rig = &rigs[0];
}

Test(fdc, a_state_saved_in_the_middle_of_a_read_goes_on)
{
    dma_program(3 * 512);
    SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    rig_advance_ns(rig, 2 * MS);
    cr_assert_eq(dma.left, 2 * 512);
    carry_over();
    cr_assert(wait_irq());
    EXPECT(0x00, 0x00, 0x00, 0, 0, 4, 2);
    check_memory(0, 0, 3);
    come_back();
}

Test(fdc, a_state_saved_within_a_sector_of_non_dma_keeps_the_rest)
{
    unsigned i;

    SEND(0x03, 0xDF, 0x03);
    SEND(0x46, 0x00, 0, 0, 2, 2, 2, 0x1B, 0xFF);
    cr_assert(wait_irq());
    for (i = 0; i < 200; i++)
        in(FIFO);
    carry_over();
    for (; i < 512; i++)
        cr_assert_eq(in(FIFO), pattern(1, i));
    come_back();
}

static void poke(void *opaque)
{
    unsigned i;

    for (i = 0; i < 600; i++) {
        in(MSR);
        in(FIFO);
        in(SRA);
        rig_advance_ns(rig, MS);
    }
    out(DOR, 0);
    out(DOR, 0x1C);
    rig_advance_ns(rig, MS);
}

Test(fdc, damaged_states_are_refused_or_harmless)
{
    dma_program(30 * 512);
    SEND(0xC5, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    rig_advance_ns(rig, 3 * MS);
    log_choose(rig->log, "");
    cr_assert_gt(rig_damage(fdc, 400, poke, NULL), 100);
}

Test(fdc, a_state_with_another_disk_is_refused)
{
    size_t len;
    u8 *data = rig_save(fdc, &len);

    fdc_insert(fdc, 0, NULL);
    cr_assert_not_null(rig_load(fdc, data, len));
    free(data);
}

Test(fdc, reset_defines_the_state)
{
    u64 fresh;

    device_reset(fdc);
    fresh = rig_hash(fdc);
    out(DOR, 0x1C);
    rig_advance_ns(rig, MS);
    SEND(0x08);
    receive((u8[4]){0}, 4);
    SEND(0x13, 0, 0x57, 0x11);
    SEND(0x12, 0xBF);
    SEND(0x03, 0x11, 0x22);
    SEND(0x46, 0x00, 0, 0, 1);
    device_reset(fdc);
    cr_assert_eq(rig_hash(fdc), fresh);
}
