/*
 * Floppy disk controller Intel 82077AA: command and result phase, and the commands.
 * Source: Intel 82077AA data sheet, "Command Set/Descriptions", "Control Commands".
 */
#include "devices/storage/fdc_private.h"

#include <string.h>

enum { VERSION_82077AA = 0x90, RECALIBRATE_STEPS = 79 /* at most */ };
enum { SENSE_INTERRUPT_RESULTS = 2 /* no other command has so many */ };

/* Result phase. */

void fdc_results(struct fdc *f, const u8 *bytes, unsigned count, bool interrupt)
{
    assert(count >= 1 && count <= sizeof f->fifo);
    memcpy(f->fifo, bytes, count);
    f->fifo_len = (u8)count;
    f->fifo_pos = 0;
    f->phase = FDC_RESULT;
    f->transfer = XFER_NONE;
    f->wait = WAIT_NOTHING;
    f->buffer_valid = false;
    if (interrupt)
        fdc_set_interrupt(f, true);
}

static void fdc_result(struct fdc *f, u8 byte)
{
    fdc_results(f, &byte, 1, false);
}

static void fdc_enter_command_phase(struct fdc *f)
{
    f->phase = FDC_COMMAND;
    f->fifo_len = f->fifo_pos = 0;
}

static bool fdc_has_seek_end(const struct fdc *f)
{
    unsigned i;

    for (i = 0; i < FDC_SLOTS; i++)
        if (f->drive[i].seek_end)
            return true;
    return false;
}

u8 fdc_get_result(struct fdc *f)
{
    u8 v = f->fifo[f->fifo_pos++];
    bool sense = f->fifo_len == SENSE_INTERRUPT_RESULTS;

    if (f->fifo_pos == 1)
        fdc_set_interrupt(f, false);
    if (f->fifo_pos < f->fifo_len)
        return v;
    fdc_enter_command_phase(f);
    /* It tells of one drive; INT rises again for the next. */
    if (sense && fdc_has_seek_end(f))
        fdc_set_interrupt(f, true);
    return v;
}

/* Data transfer commands. */

/* The parameters C, H, R, N, EOT, GPL, DTL that reads, writes, scans and verifies share. */
static void fdc_begin_chrn(struct fdc *f, enum fdc_transfer transfer)
{
    f->c = f->fifo[2];
    f->h = f->fifo[3];
    f->r = f->fifo[4];
    f->n = f->fifo[5];
    f->eot = f->fifo[6];
    f->step = f->fifo[8] ? f->fifo[8] : 1;
    f->count = transfer == XFER_READ_TRACK ? 0 : f->fifo[8];
    f->enable_count = transfer == XFER_VERIFY && f->fifo[1] & 0x80;
    fdc_begin(f, transfer);
}

static void cmd_READ_DATA(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_READ);
}

static void cmd_READ_DELETED_DATA(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_READ_DELETED);
}

static void cmd_WRITE_DATA(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_WRITE);
}

static void cmd_WRITE_DELETED_DATA(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_WRITE_DELETED);
}

static void cmd_READ_TRACK(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_READ_TRACK);
}

static void cmd_VERIFY(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_VERIFY);
}

static void cmd_SCAN_EQUAL(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_SCAN_EQUAL);
}

static void cmd_SCAN_LOW_OR_EQUAL(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_SCAN_LOW);
}

static void cmd_SCAN_HIGH_OR_EQUAL(struct fdc *f)
{
    fdc_begin_chrn(f, XFER_SCAN_HIGH);
}

static void cmd_READ_ID(struct fdc *f)
{
    fdc_begin(f, XFER_READ_ID);
}

static void cmd_FORMAT_TRACK(struct fdc *f)
{
    struct fdc_drive *d = &f->drive[f->fifo[1] & 3];

    f->n = f->fifo[2];
    f->eot = f->count = f->fifo[3];
    f->filler = f->fifo[5];
    fdc_begin(f, XFER_FORMAT);
    if (f->wait == WAIT_SECTOR && f->st1 & ST1_ND && !d->told_format) {
        dev_warn(&f->dev,
                 "'%s' keeps %u sectors of 512 bytes a track; formatting it with %u of %u bytes "
                 "was refused",
                 blk_name(d->blk), d->geometry->sectors, f->count, 128u << (f->n & 7));
        d->told_format = true;
    }
}

/* Control commands. */

static void cmd_VERSION(struct fdc *f)
{
    fdc_result(f, VERSION_82077AA);
}

static void cmd_SPECIFY(struct fdc *f)
{
    f->specify[0] = f->fifo[1];
    f->specify[1] = f->fifo[2];
    fdc_enter_command_phase(f);
}

static void cmd_SENSE_DRIVE_STATUS(struct fdc *f)
{
    struct fdc_drive *d = &f->drive[f->fifo[1] & 3];
    u8 st3 = (f->fifo[1] & 7) | ST3_TWO_SIDED | ST3_READY;

    f->head = f->fifo[1] >> 2 & 1;
    if (d->type != FDD_NONE && d->track == 0)
        st3 |= ST3_T0;
    if (fdc_drive_ready(d) && blk_is_read_only(d->blk))
        st3 |= ST3_WP;
    fdc_result(f, st3);
}

static void cmd_RECALIBRATE(struct fdc *f)
{
    unsigned unit = f->fifo[1] & 3;
    struct fdc_drive *d = &f->drive[unit];
    bool reached = d->type != FDD_NONE && d->track <= RECALIBRATE_STEPS;
    u8 st0 = (u8)(ST0_SE | unit | (reached ? 0 : ST0_ABNORMAL | ST0_EC));

    f->reset_senses = 0;
    fdc_start_seek(f, d, reached ? -d->track : -RECALIBRATE_STEPS, 0, st0);
    fdc_enter_command_phase(f);
}

static void cmd_SEEK(struct fdc *f)
{
    unsigned unit = f->fifo[1] & 3;
    struct fdc_drive *d = &f->drive[unit];

    f->reset_senses = 0;
    fdc_start_seek(f, d, f->fifo[2] - d->pcn, f->fifo[2], (u8)(ST0_SE | unit));
    fdc_enter_command_phase(f);
}

static void cmd_RELATIVE_SEEK(struct fdc *f)
{
    unsigned unit = f->fifo[1] & 3;
    struct fdc_drive *d = &f->drive[unit];
    int steps = f->fifo[0] & 0x40 ? f->fifo[2] : -f->fifo[2]; /* DIR: 1 is towards the hub */

    f->reset_senses = 0;
    fdc_start_seek(f, d, steps, (u8)(d->pcn + steps), (u8)(ST0_SE | unit));
    fdc_enter_command_phase(f);
}

static void cmd_SENSE_INTERRUPT(struct fdc *f)
{
    u8 bytes[SENSE_INTERRUPT_RESULTS];
    unsigned i;

    if (f->reset_senses) {
        i = 4u - f->reset_senses--;
        bytes[0] = (u8)(ST0_POLLING | i);
        bytes[1] = f->drive[i].pcn;
        fdc_results(f, bytes, sizeof bytes, false);
        return;
    }
    for (i = 0; i < FDC_SLOTS; i++) {
        if (!f->drive[i].seek_end)
            continue;
        f->drive[i].seek_end = false;
        bytes[0] = f->drive[i].seek_st0;
        bytes[1] = f->drive[i].pcn;
        fdc_results(f, bytes, sizeof bytes, false);
        return;
    }
    fdc_result(f, ST0_INVALID); /* nothing to report */
}

static void cmd_DUMPREG(struct fdc *f)
{
    u8 bytes[10];
    unsigned i;

    for (i = 0; i < FDC_SLOTS; i++)
        bytes[i] = f->drive[i].pcn;
    bytes[4] = f->specify[0];
    bytes[5] = f->specify[1];
    bytes[6] = f->eot;
    bytes[7] = (u8)(f->lock << 7 | f->gap_wgate[0] << 1 | f->gap_wgate[1]);
    for (i = 0; i < FDC_SLOTS; i++)
        bytes[7] |= (u8)(f->drive[i].perpendicular << (2 + i));
    bytes[8] = f->config;
    bytes[9] = f->precomp_track;
    fdc_results(f, bytes, sizeof bytes, false);
}

static void cmd_PERPENDICULAR_MODE(struct fdc *f)
{
    u8 v = f->fifo[1];
    unsigned i;

    f->gap_wgate[0] = v & 2;
    f->gap_wgate[1] = v & 1;
    for (i = 0; i < FDC_SLOTS && v & 0x80; i++) /* OW */
        f->drive[i].perpendicular = v >> (2 + i) & 1;
    fdc_enter_command_phase(f);
}

static void cmd_CONFIGURE(struct fdc *f)
{
    f->config = f->fifo[2] & 0x7F;
    f->precomp_track = f->fifo[3];
    fdc_enter_command_phase(f);
}

static void cmd_LOCK(struct fdc *f)
{
    f->lock = f->fifo[0] & 0x80;
    fdc_result(f, (u8)(f->lock << 4));
}

static void cmd_INVALID(struct fdc *f)
{
    dev_guest(&f->dev, "command %02X is not defined, answered 80h", f->fifo[0]);
    fdc_result(f, ST0_INVALID);
}

/* "Command Set Summary": bits that tell the command, its length with parameters. */
static const struct fdc_command {
    u8 mask, code, length;
    void (*run)(struct fdc *f);
} commands[] = {
    {0x1F, 0x06, 9, cmd_READ_DATA},
    {0x1F, 0x0C, 9, cmd_READ_DELETED_DATA},
    {0x3F, 0x05, 9, cmd_WRITE_DATA},
    {0x3F, 0x09, 9, cmd_WRITE_DELETED_DATA},
    {0x9F, 0x02, 9, cmd_READ_TRACK},
    {0x1F, 0x16, 9, cmd_VERIFY},
    {0x1F, 0x11, 9, cmd_SCAN_EQUAL},
    {0x1F, 0x19, 9, cmd_SCAN_LOW_OR_EQUAL},
    {0x1F, 0x1D, 9, cmd_SCAN_HIGH_OR_EQUAL},
    {0xBF, 0x0D, 6, cmd_FORMAT_TRACK},
    {0xBF, 0x0A, 2, cmd_READ_ID},
    {0xFF, 0x10, 1, cmd_VERSION},
    {0xFF, 0x03, 3, cmd_SPECIFY},
    {0xFF, 0x04, 2, cmd_SENSE_DRIVE_STATUS},
    {0xFF, 0x07, 2, cmd_RECALIBRATE},
    {0xFF, 0x08, 1, cmd_SENSE_INTERRUPT},
    {0xFF, 0x0F, 3, cmd_SEEK},
    {0xBF, 0x8F, 3, cmd_RELATIVE_SEEK},
    {0xFF, 0x0E, 1, cmd_DUMPREG},
    {0xFF, 0x12, 2, cmd_PERPENDICULAR_MODE},
    {0xFF, 0x13, 4, cmd_CONFIGURE},
    {0x7F, 0x14, 1, cmd_LOCK},
};

static const struct fdc_command command_invalid = {0, 0, 1, cmd_INVALID};

static const struct fdc_command *fdc_command(u8 first)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++)
        if ((first & commands[i].mask) == commands[i].code)
            return &commands[i];
    return &command_invalid;
}

unsigned fdc_command_length(u8 first)
{
    return fdc_command(first)->length;
}

void fdc_put_command(struct fdc *f, u8 value)
{
    const struct fdc_command *c;

    /*
     * INT, of a reset or a seek, falls with any command; the data sheet tells it of SENSE INTERRUPT
     * only. The floppy drivers of MenuetOS and KolibriOS, in use on real controllers for many
     * years, leave that one out after a reset and RECALIBRATE, and await another edge of IRQ 6
     * next.
     */
    fdc_set_interrupt(f, false);
    f->fifo[f->fifo_len++] = value;
    c = fdc_command(f->fifo[0]);
    if (f->fifo_len < c->length)
        return;
    dev_trace(&f->dev, "command %02X %02X %02X %02X %02X", f->fifo[0], f->fifo[1], f->fifo[2],
              f->fifo[3], f->fifo[4]);
    c->run(f);
}
