/*
 * Floppy disk controller Intel 82077AA: the execution phase of reads, writes, scans and FORMAT.
 * Source: Intel 82077AA data sheet, "Data Transfer Commands", "Status Register Encoding", "Result
 * Phase Table". SCAN: NEC uPD765A data sheet, "Scan Commands".
 *
 * A transfer goes through fdc_find_sector (what the head will see), a timer for the sector to
 * pass, fdc_sector_passed (the data move), fdc_sector_done (the next one, or the result phase).
 */
#include "devices/storage/fdc_private.h"

#include <string.h>

enum { SECTOR_SIZE_CODE = 2 /* N of 512 bytes */ };

static struct fdc_drive *fdc_unit(struct fdc *f)
{
    return &f->drive[f->unit];
}

/* 40 tracks in an 80-track 5.25-inch drive: software steps twice for each. */
static bool drive_double_steps(const struct fdc_drive *d)
{
    return d->type == FDD_1200K && d->geometry->cylinders <= 43;
}

/* The rate at which the medium can be read in this drive; 1.2M drives turn faster than others. */
static u8 drive_rate(const struct fdc_drive *d)
{
    if (d->type == FDD_1200K && d->geometry->rate == RATE_250K)
        return RATE_300K;
    return d->geometry->rate;
}

/* The cylinder under the head as the IDs there tell it, or -1 between two tracks or past them. */
static int drive_cylinder(const struct fdc_drive *d)
{
    int track = d->track;

    if (drive_double_steps(d)) {
        if (track & 1)
            return -1;
        track /= 2;
    }
    return track < d->geometry->cylinders ? track : -1;
}

static u32 drive_sector(const struct fdc_drive *d, int cylinder, unsigned head, unsigned r)
{
    return ((u32)cylinder * d->geometry->heads + head) * d->geometry->sectors + r - 1;
}

static bool drive_is_deleted(const struct fdc_drive *d, u32 sector)
{
    return d->deleted[sector / 8] >> (sector % 8) & 1;
}

static void drive_set_deleted(struct fdc_drive *d, u32 sector, bool deleted)
{
    u8 bit = (u8)(1 << sector % 8);

    d->deleted[sector / 8] = (u8)((d->deleted[sector / 8] & ~bit) | (deleted ? bit : 0));
}

/* The seven bytes that end a data transfer; `st0` without head and drive. */
static void fdc_end_transfer(struct fdc *f, u8 st0)
{
    u8 bytes[7];

    bytes[0] = (u8)(st0 | (f->head ? ST0_HEAD : 0) | f->unit);
    bytes[1] = f->st1;
    bytes[2] = f->st2;
    bytes[3] = f->c;
    bytes[4] = f->h;
    bytes[5] = f->r;
    bytes[6] = f->n;
    dev_trace(&f->dev, "result %02X %02X %02X, C %u H %u R %u N %u", bytes[0], bytes[1], bytes[2],
              f->c, f->h, f->r, f->n);
    fdc_results(f, bytes, sizeof bytes, true);
}

static void fdc_fail(struct fdc *f, u8 st1, u8 st2)
{
    f->st1 |= st1;
    f->st2 |= st2;
    fdc_end_transfer(f, ST0_ABNORMAL);
}

/* Finding a sector. */

/* What keeps a sector from being found: bits for ST1 and ST2. */
struct miss {
    u8 st1, st2;
};

static bool id_differs(const struct fdc *f, int cylinder, unsigned r)
{
    return f->c != cylinder || f->h != f->head || f->r != r || f->n != SECTOR_SIZE_CODE;
}

/* False when the sector that the command asks for is not on the track; changes nothing. */
static bool fdc_find_sector(const struct fdc *f, u32 *sector, struct miss *miss)
{
    const struct fdc_drive *d = &f->drive[f->unit];
    int cylinder = fdc_drive_ready(d) ? drive_cylinder(d) : -1;
    unsigned r = f->transfer == XFER_READ_TRACK ? f->count + 1u : f->r;

    *sector = 0;
    *miss = (struct miss){0, 0};
    if (cylinder < 0 || f->head >= d->geometry->heads || !f->mfm || f->rate != drive_rate(d)) {
        miss->st1 = ST1_MA; /* no ID address mark in two turns */
        return false;
    }
    if (f->transfer == XFER_READ_ID)
        return true;
    if (f->transfer == XFER_FORMAT) {
        /* Another layout than the image's cannot be kept in it. */
        if (f->n != SECTOR_SIZE_CODE || f->eot != d->geometry->sectors)
            miss->st1 = ST1_ND;
        return !miss->st1;
    }
    if (id_differs(f, cylinder, r) || r < 1 || r > d->geometry->sectors)
        miss->st1 = ST1_ND;
    if (f->transfer == XFER_READ_TRACK) {
        /* Whatever comes after the index hole is read; that IDs differ is only noted. */
        if (r > d->geometry->sectors)
            return false;
    } else if (miss->st1) {
        miss->st2 = f->c != cylinder ? ST2_WC : 0;
        return false;
    }
    *sector = drive_sector(d, cylinder, f->head, r);
    return true;
}

/* The same, and what is amiss shows in the result. */
static bool fdc_look_for_sector(struct fdc *f, u32 *sector)
{
    struct miss miss;
    bool found = fdc_find_sector(f, sector, &miss);

    f->st1 |= miss.st1;
    f->st2 |= miss.st2;
    return found;
}

static bool transfer_is_write(const struct fdc *f)
{
    return f->transfer == XFER_WRITE || f->transfer == XFER_WRITE_DELETED ||
           f->transfer == XFER_FORMAT;
}

static bool transfer_is_scan(const struct fdc *f)
{
    return f->transfer >= XFER_SCAN_EQUAL;
}

/* The image's contents are needed. */
static bool transfer_is_read(const struct fdc *f)
{
    return !transfer_is_write(f) && f->transfer != XFER_READ_ID && f->transfer != XFER_NONE;
}

bool fdc_data_is_input(const struct fdc *f)
{
    return !transfer_is_write(f) && !transfer_is_scan(f);
}

int fdc_finish_request(struct fdc *f)
{
    if (!f->request_busy)
        return 0;
    f->request_busy = false;
    return blk_finish(&f->request);
}

static void fdc_start_request(struct fdc *f, u32 sector)
{
    f->request_busy = true;
    blk_start_read(fdc_unit(f)->blk, &f->request, sector, 1, f->buffer);
}

void fdc_restart_request(struct fdc *f)
{
    struct miss miss;
    u32 sector;

    if (f->wait == WAIT_SECTOR && !f->failed && transfer_is_read(f) &&
        fdc_find_sector(f, &sector, &miss))
        fdc_start_request(f, sector);
}

static void fdc_next_sector(struct fdc *f)
{
    struct fdc_drive *d = fdc_unit(f);
    u64 rotation_ns = fdc_rotation_ns(f, d);
    u32 sector;

    f->buffer_valid = false;
    f->wait = WAIT_SECTOR;
    f->failed = !fdc_look_for_sector(f, &sector);
    if (!f->failed && transfer_is_read(f))
        fdc_start_request(f, sector);
    timer_set(&f->timer, clock_now(f->clock) +
                             (f->failed ? 2 * rotation_ns : rotation_ns / d->geometry->sectors));
}

void fdc_abort_transfer(struct fdc *f)
{
    fdc_finish_request(f);
    timer_cancel(&f->timer);
    f->transfer = XFER_NONE;
    f->wait = WAIT_NOTHING;
    f->failed = false;
    f->buffer_valid = false;
    f->pos = f->len = 0;
}

void fdc_medium_changed(struct fdc *f, unsigned drive)
{
    if (f->unit != drive || f->wait != WAIT_SECTOR)
        return;
    f->st1 = f->st2 = 0;
    fdc_next_sector(f);
}

/* After a sector. */

/* Count the address on: data sheet, "Result Phase Table". False after the last sector. */
static bool fdc_advance(struct fdc *f)
{
    if (f->r != f->eot) {
        f->r++;
        return true;
    }
    f->r = 1;
    if (f->multi_track) {
        f->h ^= 1;
        f->head ^= 1;
        if (f->head)
            return true;
        f->head = 1; /* the head stays selected, only the result tells of the next cylinder */
    }
    f->c++;
    return false;
}

static void fdc_scan_done(struct fdc *f)
{
    /* Satisfied: neither SN, nor a scan that still goes on. */
    if (!(f->st2 & ST2_SN) || f->tc) {
        fdc_end_transfer(f, 0);
        return;
    }
    if (f->eot - f->r < f->step) {
        fdc_end_transfer(f, 0);
        return;
    }
    f->r = (u8)(f->r + f->step);
    fdc_next_sector(f);
}

static void fdc_read_track_done(struct fdc *f)
{
    f->count++;
    f->r++;
    if (f->tc)
        fdc_end_transfer(f, 0);
    else if (f->count == f->eot)
        fdc_fail(f, ST1_EN, 0);
    else
        fdc_next_sector(f);
}

static void fdc_sector_done(struct fdc *f)
{
    bool wrong_mark = f->st2 & ST2_CM;
    bool more;

    if (transfer_is_scan(f)) {
        fdc_scan_done(f);
        return;
    }
    if (f->transfer == XFER_READ_TRACK) {
        fdc_read_track_done(f);
        return;
    }
    more = fdc_advance(f);
    if (f->transfer == XFER_VERIFY && f->enable_count && --f->count == 0)
        fdc_end_transfer(f, 0);
    else if (f->tc || (wrong_mark && !f->skip))
        fdc_end_transfer(f, 0);
    else if (more)
        fdc_next_sector(f);
    else if (f->transfer == XFER_VERIFY && !f->enable_count)
        fdc_end_transfer(f, 0);
    else
        fdc_fail(f, ST1_EN, 0); /* the last sector, and TC did not come */
}

/* Moving data. */

static bool fdc_uses_dma(const struct fdc *f)
{
    return !(f->specify[1] & 1);
}

/* In non-DMA mode: INT follows RQM, once every FIFO threshold. */
static void fdc_data_moved(struct fdc *f)
{
    unsigned burst = f->config & CONFIG_EFIFO_N ? 1 : (f->config & CONFIG_FIFOTHR) + 1u;

    if (f->pos % burst == 0 || f->pos == f->len)
        fdc_set_interrupt(f, false);
    if (f->pos < f->len)
        fdc_set_interrupt(f, true);
}

static void fdc_wait_host(struct fdc *f, u16 len)
{
    f->wait = WAIT_HOST;
    f->buffer_valid = true;
    f->pos = 0;
    f->len = len;
    fdc_set_interrupt(f, true);
}

/* DMA to or from the buffer. False: the channel did not answer in time, the command has ended. */
static bool fdc_dma(struct fdc *f, u16 len)
{
    size_t moved = 0;

    if (f->dor & DOR_DMAGATE_N)
        moved = dma_port_transfer(&f->dma, f->buffer, len, fdc_data_is_input(f), &f->tc);
    if (moved == len || f->tc)
        return true;
    fdc_fail(f, ST1_OR, 0);
    return false;
}

static void fdc_write_failed(struct fdc *f, int error)
{
    struct fdc_drive *d = fdc_unit(f);

    if (!d->told_write_error)
        dev_warn(&f->dev, "'%s' cannot be written: %s; the guest was told of a drive fault",
                 blk_name(d->blk), strerror(-error));
    d->told_write_error = true;
    fdc_end_transfer(f, ST0_ABNORMAL | ST0_EC);
}

/* Bytes of the sector under the head, which were asked for when the search began; 0 or -errno. */
static int fdc_load(struct fdc *f, u32 sector)
{
    if (f->request_busy && f->request.sector == sector)
        return fdc_finish_request(f);
    /* Not asked for, or another one: registers have changed since. */
    fdc_finish_request(f);
    return blk_read(fdc_unit(f)->blk, sector, 1, f->buffer);
}

/* The buffer goes to the sector; false when that failed and the command has ended. */
static bool fdc_store(struct fdc *f, u32 sector, bool deleted)
{
    struct fdc_drive *d = fdc_unit(f);
    int error = blk_write(d->blk, sector, 1, f->buffer);

    if (error) {
        fdc_write_failed(f, error);
        return false;
    }
    drive_set_deleted(d, sector, deleted);
    return true;
}

static void fdc_write_sector(struct fdc *f)
{
    u32 sector;

    /* The disk may have been changed since the search. */
    if (!fdc_look_for_sector(f, &sector))
        fdc_next_sector(f);
    else if (fdc_store(f, sector, f->transfer == XFER_WRITE_DELETED))
        fdc_sector_done(f);
}

/* Bytes FFh, on either side, match anything. */
static void fdc_scan_sector(struct fdc *f, const u8 *disk, const u8 *memory)
{
    bool equal = true, holds = true;
    unsigned i;

    for (i = 0; i < FLOPPY_SECTOR_BYTES; i++) {
        if (disk[i] == memory[i] || disk[i] == 0xFF || memory[i] == 0xFF)
            continue;
        equal = false;
        if (f->transfer == XFER_SCAN_EQUAL ||
            (f->transfer == XFER_SCAN_LOW && disk[i] > memory[i]) ||
            (f->transfer == XFER_SCAN_HIGH && disk[i] < memory[i]))
            holds = false;
    }
    f->st2 &= (u8) ~(ST2_SH | ST2_SN);
    f->st2 |= holds ? (equal ? ST2_SH : 0) : ST2_SN;
    fdc_sector_done(f);
}

static void fdc_scan_buffer(struct fdc *f)
{
    u8 disk[FLOPPY_SECTOR_BYTES];
    u32 sector;

    if (!fdc_look_for_sector(f, &sector)) {
        fdc_next_sector(f);
        return;
    }
    if (blk_read(fdc_unit(f)->blk, sector, 1, disk)) {
        fdc_fail(f, ST1_DE, ST2_DD);
        return;
    }
    fdc_scan_sector(f, disk, f->buffer);
}

/* One sector of FORMAT TRACK: the buffer starts with C, H, R, N of its ID. */
static void fdc_format_sector(struct fdc *f)
{
    struct fdc_drive *d = fdc_unit(f);
    int cylinder = fdc_drive_ready(d) ? drive_cylinder(d) : -1;
    u8 r = f->buffer[2];

    if (cylinder < 0) {
        fdc_next_sector(f);
        return;
    }
    if (f->buffer[0] == cylinder && f->buffer[1] == f->head && r >= 1 &&
        r <= d->geometry->sectors && f->buffer[3] == SECTOR_SIZE_CODE) {
        memset(f->buffer, f->filler, sizeof f->buffer);
        if (!fdc_store(f, drive_sector(d, cylinder, f->head, r), false))
            return;
    } else {
        dev_guest(&f->dev, "sector C %u H %u R %u N %u cannot be kept in an image", f->buffer[0],
                  f->buffer[1], r, f->buffer[3]);
    }
    if (--f->count == 0 || f->tc)
        fdc_end_transfer(f, 0);
    else
        fdc_next_sector(f);
}

/* The whole buffer came from the processor or by DMA. */
static void fdc_buffer_filled(struct fdc *f)
{
    if (transfer_is_scan(f))
        fdc_scan_buffer(f);
    else if (f->transfer == XFER_FORMAT)
        fdc_format_sector(f);
    else
        fdc_write_sector(f);
}

u8 fdc_get_data(struct fdc *f)
{
    u8 v = f->buffer[f->pos++];

    fdc_data_moved(f);
    if (f->pos == f->len)
        fdc_sector_done(f);
    return v;
}

void fdc_put_data(struct fdc *f, u8 value)
{
    f->buffer[f->pos++] = value;
    fdc_data_moved(f);
    if (f->pos == f->len)
        fdc_buffer_filled(f);
}

static void fdc_fetch_buffer(struct fdc *f)
{
    u16 len = f->transfer == XFER_FORMAT ? 4 : sizeof f->buffer;

    memset(f->buffer, 0, sizeof f->buffer); /* after TC the rest of a sector is zeros */
    if (!fdc_uses_dma(f))
        fdc_wait_host(f, len);
    else if (fdc_dma(f, len))
        fdc_buffer_filled(f);
}

static void fdc_deliver_buffer(struct fdc *f)
{
    if (f->transfer == XFER_VERIFY)
        fdc_sector_done(f);
    else if (!fdc_uses_dma(f))
        fdc_wait_host(f, sizeof f->buffer);
    else if (fdc_dma(f, sizeof f->buffer))
        fdc_sector_done(f);
}

static void fdc_sector_read(struct fdc *f, u32 sector)
{
    bool deleted = drive_is_deleted(fdc_unit(f), sector);

    if (fdc_load(f, sector)) {
        fdc_fail(f, ST1_DE, ST2_DD);
        return;
    }
    if (deleted != (f->transfer == XFER_READ_DELETED)) {
        f->st2 |= ST2_CM;
        if (f->skip && f->transfer != XFER_READ_TRACK) {
            fdc_sector_done(f);
            return;
        }
    }
    if (transfer_is_scan(f))
        fdc_fetch_buffer(f);
    else
        fdc_deliver_buffer(f);
}

/* READ ID: the first ID to come under the head, by the angle of the disk. */
static void fdc_id_read(struct fdc *f)
{
    struct fdc_drive *d = fdc_unit(f);
    u64 rotation_ns = fdc_rotation_ns(f, d);
    u64 angle_ns = clock_now(f->clock) % rotation_ns;

    f->c = (u8)drive_cylinder(d);
    f->h = f->head;
    f->r = (u8)(angle_ns * d->geometry->sectors / rotation_ns + 1);
    f->n = SECTOR_SIZE_CODE;
    fdc_end_transfer(f, 0);
}

static void fdc_sector_passed(struct fdc *f)
{
    u32 sector;

    if (f->failed) {
        fdc_fail(f, 0, 0);
        return;
    }
    /* Asked again, because the rate may have been changed meanwhile. */
    if (!fdc_look_for_sector(f, &sector)) {
        fdc_finish_request(f);
        fdc_fail(f, 0, 0);
    } else if (f->transfer == XFER_READ_ID) {
        fdc_id_read(f);
    } else if (transfer_is_write(f)) {
        fdc_fetch_buffer(f);
    } else {
        fdc_sector_read(f, sector);
    }
}

void fdc_transfer_timer(void *opaque)
{
    struct fdc *f = opaque;
    struct fdc_drive *d = fdc_unit(f);

    if (f->wait == WAIT_SEEK) {
        fdc_move_head(d, f->c - d->pcn);
        d->pcn = f->c;
        fdc_next_sector(f);
        return;
    }
    fdc_sector_passed(f);
}

/* Starting a transfer. */

static bool fdc_needs_implied_seek(const struct fdc *f)
{
    return f->config & CONFIG_EIS && f->transfer != XFER_READ_ID && f->transfer != XFER_FORMAT &&
           f->drive[f->unit].pcn != f->c;
}

void fdc_begin(struct fdc *f, enum fdc_transfer transfer)
{
    struct fdc_drive *d;
    int steps;

    f->transfer = (u8)transfer;
    f->phase = FDC_EXECUTION;
    f->unit = f->fifo[1] & 3;
    f->head = f->fifo[1] >> 2 & 1;
    f->mfm = f->fifo[0] & CMD_MFM;
    f->multi_track = f->fifo[0] & CMD_MT;
    f->skip = f->fifo[0] & CMD_SK;
    f->st1 = f->st2 = 0;
    f->tc = false;
    f->fifo_len = f->fifo_pos = 0;
    d = fdc_unit(f);
    if (transfer_is_write(f) && fdc_drive_ready(d) && blk_is_read_only(d->blk)) {
        fdc_fail(f, ST1_NW, 0);
        return;
    }
    if (!fdc_needs_implied_seek(f)) {
        fdc_next_sector(f);
        return;
    }
    steps = f->c - d->pcn;
    f->wait = WAIT_SEEK;
    timer_set(&f->timer, clock_now(f->clock) + (u64)(steps < 0 ? -steps : steps) * fdc_step_ns(f));
}
