/*
 * Floppy disk controller Intel 82077AA with two drives: registers, reset, head movement and time.
 * The commands are in fdc_commands.c, their data in fdc_transfer.c. It answers in the register
 * layout of the PS/2 mode for SRA and SRB and of the PC-AT mode elsewhere, as chips on later boards
 * do.
 *
 *   port  read  write        port  read  write
 *   3F0   SRA   -            3F4   MSR   DSR
 *   3F1   SRB   -            3F5   FIFO  FIFO
 *   3F2   DOR   DOR          3F6   (IDE's)
 *   3F3   TDR   TDR          3F7   DIR   CCR
 *
 * Source: Intel 82077AA CHMOS Single-Chip Floppy Disk Controller data sheet, "Register Set",
 * "Reset", "Command Set/Descriptions".
 * Time: rotation and head steps take what a real drive takes, divided by the pace; the angle of
 * the disk is not followed, a sector is always the next to come. A processor that is slow in
 * non-DMA mode never causes an overrun.
 * An empty drive looks like one with an unformatted disk in it: no address mark within two turns.
 * On a real one no index pulse comes either, and the chip waits until a driver's timeout, which
 * costs a BIOS that tries several formats half a minute.
 * Not modelled: motor spin-up (a disk turns while its drive is selected), FM recording, sector
 * sizes other than 512 bytes, tape drives, power-down.
 */
#include "devices/storage/fdc.h"

#include "devices/storage/fdc_private.h"
#include "mmu/bus.h"

#include <string.h>

enum { FDC_BASE = 0x3F0, SRA = 0, SRB = 1, DOR = 2, TDR = 3, MSR_DSR = 4, FIFO = 5, DIR_CCR = 7 };

enum { SRA_DIR = 0x01, SRA_WP_N = 0x02, SRA_INDX_N = 0x04, SRA_HDSEL = 0x08, SRA_TRK0_N = 0x10 };
enum { SRA_DRV2_N = 0x40, SRA_INT = 0x80 };

enum { DSR_RATE = 0x03, DSR_PRECOMP = 0x1C, DSR_POWER_DOWN = 0x40, DSR_RESET = 0x80 };
enum { DIR_DSKCHG = 0x80 };

/* "Reset": a round of polling the drives, and after a reset the first finds all four changed. */
enum { POLL_NS = 250000 };

enum { CONFIG_DEFAULT = CONFIG_EFIFO_N, RATE_DEFAULT = RATE_250K };

static struct fdc_drive *fdc_selected(struct fdc *f)
{
    return &f->drive[f->dor & DOR_SELECT];
}

static bool fdc_in_reset(const struct fdc *f)
{
    return !(f->dor & DOR_RESET_N);
}

void fdc_update_irq(struct fdc *f)
{
    irq_set(&f->irq, f->interrupt && (f->dor & DOR_DMAGATE_N) && !fdc_in_reset(f));
}

void fdc_set_interrupt(struct fdc *f, bool level)
{
    f->interrupt = level;
    fdc_update_irq(f);
}

/* Time. */

/* "SPECIFY": the step rate is 16 - SRT ms at 500 kbps, and scales with the data rate. */
u64 fdc_step_ns(const struct fdc *f)
{
    static const u32 unit_ns[4] = {1000000, 1666667, 2000000, 500000};
    unsigned srt = f->specify[0] >> 4;

    return max_u64((u64)(16 - srt) * unit_ns[f->rate] / f->pace, 1);
}

u64 fdc_rotation_ns(const struct fdc *f, const struct fdc_drive *d)
{
    u64 rpm = d->type == FDD_1200K ? 360 : 300;

    return max_u64(60 * NS_PER_SEC / rpm / f->pace, 1);
}

/*
 * Between two commands the chip polls its drives ("Drive Polling"), and only then it notices that a
 * seek has ended or that a drive has become ready.
 */
static bool fdc_waits_for_command(const struct fdc *f)
{
    return f->phase == FDC_COMMAND && f->fifo_len == 0;
}

/* Head movement. */

void fdc_move_head(struct fdc_drive *d, int steps)
{
    int last = d->type == FDD_360K ? 42 : FDC_TRACKS_MAX - 1;
    int track = d->track + steps;

    if (d->type == FDD_NONE || steps == 0)
        return;
    d->track = (u8)(track < 0 ? 0 : track > last ? last : track);
    /* A step pulse with a disk in the drive resets the disk change latch. */
    if (d->geometry)
        d->changed = false;
}

void fdc_start_seek(struct fdc *f, struct fdc_drive *d, int steps, u8 pcn, u8 st0)
{
    u64 pulses = (u64)(steps < 0 ? -steps : steps);

    d->steps = steps;
    d->pcn = pcn;
    d->seek_st0 = st0;
    d->seek_end = false;
    d->seeking = true;
    timer_set(&d->seek, clock_now(f->clock) + (pulses + 1) * fdc_step_ns(f));
}

static void fdc_seek_timer(void *opaque)
{
    struct fdc_drive *d = opaque;

    if (!fdc_waits_for_command(d->fdc)) {
        timer_set(&d->seek, clock_now(d->fdc->clock) + POLL_NS);
        return;
    }
    fdc_move_head(d, d->steps);
    d->seeking = false;
    d->seek_end = true;
    fdc_set_interrupt(d->fdc, true);
}

/* Reset. */

static void fdc_poll_timer(void *opaque)
{
    struct fdc *f = opaque;

    if (!fdc_waits_for_command(f)) {
        timer_set(&f->poll, clock_now(f->clock) + POLL_NS);
        return;
    }
    /* "Reset", "Polling": all four drives report a change of their ready lines. */
    f->reset_senses = 4;
    fdc_set_interrupt(f, true);
}

/* Enter the idle command phase and forget what was under way; INT falls. */
static void fdc_clear(struct fdc *f)
{
    unsigned i;

    fdc_abort_transfer(f);
    timer_cancel(&f->poll);
    for (i = 0; i < FDC_SLOTS; i++) {
        timer_cancel(&f->drive[i].seek);
        f->drive[i].seeking = false;
        f->drive[i].seek_end = false;
        f->drive[i].steps = 0;
        f->drive[i].pcn = 0;
    }
    f->phase = FDC_COMMAND;
    f->fifo_len = f->fifo_pos = 0;
    f->reset_senses = 0;
    f->gap_wgate[0] = f->gap_wgate[1] = false;
    f->interrupt = false;
    if (!f->lock) {
        f->config = CONFIG_DEFAULT;
        f->precomp_track = 0;
    }
}

/* The chip comes out of reset, by pin, DOR or DSR. */
static void fdc_leave_reset(struct fdc *f)
{
    if (!(f->config & CONFIG_POLL_N))
        timer_set(&f->poll, clock_now(f->clock) + POLL_NS);
}

static void fdc_reset(struct device *dev)
{
    struct fdc *f = (struct fdc *)dev;
    unsigned i;

    f->lock = false;
    fdc_clear(f);
    f->dor = 0; /* the RESET pin leaves the chip in software reset, motors off */
    f->tdr = 0;
    f->dsr = RATE_DEFAULT;
    f->rate = RATE_DEFAULT;
    f->specify[0] = f->specify[1] = 0;
    f->unit = f->head = f->c = f->h = f->r = f->n = 0;
    f->eot = f->step = f->count = f->st1 = f->st2 = f->filler = 0;
    f->multi_track = f->skip = f->mfm = f->enable_count = f->tc = false;
    memset(f->fifo, 0, sizeof f->fifo);
    memset(f->buffer, 0, sizeof f->buffer);
    /* The drives have no reset pin: head and disk change latch stay as they are. */
    for (i = 0; i < FDC_SLOTS; i++) {
        f->drive[i].seek_st0 = 0;
        f->drive[i].perpendicular = false;
    }
    fdc_update_irq(f);
}

/* Registers. */

static u8 fdc_read_sra(struct fdc *f)
{
    struct fdc_drive *d = fdc_selected(f);
    u8 v = SRA_INDX_N;

    v |= f->interrupt ? SRA_INT : 0;
    v |= f->drive[1].type == FDD_NONE ? SRA_DRV2_N : 0;
    v |= d->type != FDD_NONE && d->track == 0 ? 0 : SRA_TRK0_N;
    v |= f->head ? SRA_HDSEL : 0;
    v |= d->blk && blk_is_read_only(d->blk) ? 0 : SRA_WP_N;
    v |= d->steps > 0 ? SRA_DIR : 0;
    return v;
}

static u8 fdc_read_srb(struct fdc *f)
{
    u8 motors = (u8)(f->dor >> 4 & 3);
    u8 select = (u8)(f->dor & 1);

    return (u8)(0xC0 | select << 5 | motors);
}

static u8 fdc_read_msr(struct fdc *f)
{
    u8 v = 0;
    unsigned i;

    if (fdc_in_reset(f))
        return 0;
    for (i = 0; i < FDC_SLOTS; i++)
        v |= f->drive[i].seeking ? (u8)(1 << i) : 0;
    switch (f->phase) {
    case FDC_COMMAND: return (u8)(v | MSR_RQM | (f->fifo_len ? MSR_CB : 0));
    case FDC_RESULT: return v | MSR_RQM | MSR_DIO | MSR_CB;
    default:
        v |= MSR_CB;
        /* Bit 5 is set in the execution phase of non-DMA mode only. */
        if (f->specify[1] & 1)
            v |= MSR_NONDMA;
        if (f->wait == WAIT_HOST)
            v |= MSR_RQM | (fdc_data_is_input(f) ? MSR_DIO : 0);
        return v;
    }
}

static u8 fdc_read_fifo(struct fdc *f)
{
    if (fdc_in_reset(f))
        return 0xFF;
    if (f->phase == FDC_RESULT)
        return fdc_get_result(f);
    if (f->phase == FDC_EXECUTION && f->wait == WAIT_HOST && fdc_data_is_input(f))
        return fdc_get_data(f);
    dev_guest(&f->dev, "FIFO read while the chip has nothing to say");
    return 0xFF;
}

static void fdc_write_fifo(struct fdc *f, u8 value)
{
    if (fdc_in_reset(f))
        return;
    if (f->phase == FDC_COMMAND)
        fdc_put_command(f, value);
    else if (f->phase == FDC_EXECUTION && f->wait == WAIT_HOST && !fdc_data_is_input(f))
        fdc_put_data(f, value);
    else
        dev_guest(&f->dev, "FIFO written with %02X while the chip does not listen", value);
}

static void fdc_write_dor(struct fdc *f, u8 value)
{
    bool was_reset = fdc_in_reset(f);

    f->dor = value;
    if (!was_reset && fdc_in_reset(f))
        fdc_clear(f);
    else if (was_reset && !fdc_in_reset(f))
        fdc_leave_reset(f);
    fdc_update_irq(f);
}

static void fdc_write_dsr(struct fdc *f, u8 value)
{
    f->dsr = value & (u8)~DSR_RESET; /* the reset bit clears itself */
    f->rate = value & DSR_RATE;
    if (!(value & DSR_RESET) || fdc_in_reset(f))
        return;
    fdc_clear(f);
    fdc_leave_reset(f);
    fdc_update_irq(f);
}

static u32 fdc_read(void *opaque, u16 port)
{
    struct fdc *f = opaque;

    switch (port - FDC_BASE) {
    case SRA: return fdc_read_sra(f);
    case SRB: return fdc_read_srb(f);
    case DOR: return f->dor;
    case TDR: return f->tdr | 0xFC; /* bits 7 to 2 are not driven */
    case MSR_DSR: return fdc_read_msr(f);
    case FIFO: return fdc_read_fifo(f);
    case DIR_CCR: return fdc_selected(f)->changed ? DIR_DSKCHG | 0x7F : 0x7F;
    default: return 0xFF;
    }
}

static void fdc_write(void *opaque, u16 port, u32 value)
{
    struct fdc *f = opaque;

    switch (port - FDC_BASE) {
    case DOR: fdc_write_dor(f, (u8)value); break;
    case TDR: f->tdr = value & 3; break;
    case MSR_DSR: fdc_write_dsr(f, (u8)value); break;
    case FIFO: fdc_write_fifo(f, (u8)value); break;
    case DIR_CCR: f->rate = value & DSR_RATE; break;
    default: dev_guest(&f->dev, "port %03Xh is read-only", port); break;
    }
}

/* State. */

static void fdc_drive_state(struct fdc_drive *d, struct state *s)
{
    u32 sectors = d->geometry ? d->geometry->total : 0;
    u8 type = (u8)d->type;

    /* Chosen by the disk that was in it at the start, which may be another one by now. */
    state_u8(s, "type", &type);
    state_require(s, type <= FDD_2880K, "fdc: no such drive");
    d->type = state_error(s) ? d->type : (enum fdd_type)type;
    state_u32(s, "medium_sectors", &sectors);
    state_require(s, sectors == (d->geometry ? d->geometry->total : 0),
                  "fdc: the floppy disk is not the one that was saved");
    state_u8(s, "pcn", &d->pcn);
    state_u8(s, "track", &d->track);
    state_bool(s, "seeking", &d->seeking);
    state_s32(s, "steps", &d->steps);
    state_u8(s, "seek_st0", &d->seek_st0);
    state_bool(s, "seek_end", &d->seek_end);
    state_bool(s, "changed", &d->changed);
    state_bool(s, "perpendicular", &d->perpendicular);
    timer_state(s, "seek", &d->seek);
    state_bytes(s, "deleted", d->deleted, sizeof d->deleted);
    state_require(s, d->track < FDC_TRACKS_MAX, "fdc: the head is beyond the last track");
    state_require(s, d->steps >= -255 && d->steps <= 255, "fdc: too many steps in a seek");
    state_require(s, d->seeking == timer_is_set(&d->seek), "fdc: a seek without its timer");
}

static void fdc_transfer_state(struct fdc *f, struct state *s)
{
    state_u8(s, "transfer", &f->transfer);
    state_u8(s, "wait", &f->wait);
    timer_state(s, "timer", &f->timer);
    state_u8(s, "unit", &f->unit);
    state_u8(s, "head", &f->head);
    state_u8(s, "c", &f->c);
    state_u8(s, "h", &f->h);
    state_u8(s, "r", &f->r);
    state_u8(s, "n", &f->n);
    state_u8(s, "eot", &f->eot);
    state_u8(s, "step", &f->step);
    state_u8(s, "count", &f->count);
    state_bool(s, "multi_track", &f->multi_track);
    state_bool(s, "skip", &f->skip);
    state_bool(s, "mfm", &f->mfm);
    state_bool(s, "enable_count", &f->enable_count);
    state_bool(s, "tc", &f->tc);
    state_u8(s, "st1", &f->st1);
    state_u8(s, "st2", &f->st2);
    state_bool(s, "failed", &f->failed);
    state_u8(s, "filler", &f->filler);
    state_u16(s, "pos", &f->pos);
    state_u16(s, "len", &f->len);
    state_bool(s, "buffer_valid", &f->buffer_valid);
    /* A worker may be filling it otherwise, and what was in it is of no use. */
    if (f->buffer_valid)
        state_bytes(s, "buffer", f->buffer, sizeof f->buffer);
    state_require(s, f->transfer < XFER_KINDS && f->wait < FDC_WAITS && f->unit < FDC_SLOTS,
                  "fdc: the transfer is not one");
    state_require(s, f->head <= 1 && f->pos <= f->len && f->len <= sizeof f->buffer,
                  "fdc: the transfer is past its buffer");
    state_require(s, (f->phase == FDC_EXECUTION) == (f->transfer != XFER_NONE),
                  "fdc: phase and transfer do not agree");
    state_require(s, timer_is_set(&f->timer) == (f->wait == WAIT_SEEK || f->wait == WAIT_SECTOR),
                  "fdc: a transfer without its timer");
    state_require(s, f->wait != WAIT_HOST || f->pos < f->len, "fdc: nothing left to move");
}

static void fdc_state(struct device *dev, struct state *s)
{
    struct fdc *f = (struct fdc *)dev;
    unsigned i;

    if (state_is_loading(s))
        fdc_abort_transfer(f);
    for (i = 0; i < FDC_SLOTS; i++)
        fdc_drive_state(&f->drive[i], s);
    state_u8(s, "dor", &f->dor);
    state_u8(s, "tdr", &f->tdr);
    state_u8(s, "dsr", &f->dsr);
    state_u8(s, "rate", &f->rate);
    state_bool(s, "interrupt", &f->interrupt);
    state_u8(s, "reset_senses", &f->reset_senses);
    timer_state(s, "poll", &f->poll);
    state_bytes(s, "specify", f->specify, sizeof f->specify);
    state_u8(s, "config", &f->config);
    state_u8(s, "precomp_track", &f->precomp_track);
    state_bool(s, "lock", &f->lock);
    state_bool(s, "gap", &f->gap_wgate[0]);
    state_bool(s, "wgate", &f->gap_wgate[1]);
    state_u8(s, "phase", &f->phase);
    state_bytes(s, "fifo", f->fifo, sizeof f->fifo);
    state_u8(s, "fifo_len", &f->fifo_len);
    state_u8(s, "fifo_pos", &f->fifo_pos);
    state_require(s, f->rate <= DSR_RATE && f->reset_senses <= 4, "fdc: a register is too big");
    state_require(s, f->phase < FDC_PHASES, "fdc: no such phase");
    state_require(s, f->fifo_len <= sizeof f->fifo && f->fifo_pos <= f->fifo_len,
                  "fdc: the FIFO holds more than it can");
    state_require(s, f->phase != FDC_COMMAND || f->fifo_len < fdc_command_length(f->fifo[0]),
                  "fdc: a whole command that was not executed");
    state_require(s, f->phase != FDC_RESULT || f->fifo_pos < f->fifo_len,
                  "fdc: a result phase without results");
    fdc_transfer_state(f, s);
    if (state_is_loading(s) && !state_error(s))
        fdc_restart_request(f);
}

static void fdc_destroy(struct device *dev)
{
    fdc_abort_transfer((struct fdc *)dev);
    device_free(dev);
}

static const struct device_class fdc_class = {
    .name = "fdc",
    .version = 1,
    .reset = fdc_reset,
    .state = fdc_state,
    .destroy = fdc_destroy,
};

static const struct port_ops fdc_ports = {
    .width = 1,
    .read = fdc_read,
    .write = fdc_write,
};

struct device *fdc_create(struct bus *bus, struct clock *clock, struct irq_line irq6,
                          struct dma_port dma2)
{
    struct fdc *f = device_new(&fdc_class, sizeof *f);
    unsigned i;

    f->clock = clock;
    f->irq = irq6;
    f->dma = dma2;
    f->pace = FDC_PACE_DEFAULT;
    timer_init(&f->poll, clock, fdc_poll_timer, f);
    timer_init(&f->timer, clock, fdc_transfer_timer, f);
    for (i = 0; i < FDC_SLOTS; i++) {
        f->drive[i].fdc = f;
        f->drive[i].index = (u8)i;
        f->drive[i].changed = true; /* the latch of a drive at power-on */
        timer_init(&f->drive[i].seek, clock, fdc_seek_timer, &f->drive[i]);
    }
    bus_map_ports(bus, FDC_BASE, 6, &fdc_ports, f);
    bus_map_ports(bus, FDC_BASE + DIR_CCR, 1, &fdc_ports, f);
    return &f->dev;
}

void fdc_set_drive_type(struct device *dev, unsigned drive, enum fdd_type type)
{
    struct fdc *f = (struct fdc *)dev;

    assert(drive < FDC_DRIVES && type <= FDD_2880K);
    f->drive[drive].type = type;
    f->drive[drive].changed = type != FDD_NONE;
}

enum fdd_type fdc_drive_type(const struct device *dev, unsigned drive)
{
    assert(drive < FDC_DRIVES);
    return ((const struct fdc *)dev)->drive[drive].type;
}

void fdc_insert(struct device *dev, unsigned drive, struct blk *blk)
{
    struct fdc *f = (struct fdc *)dev;
    struct fdc_drive *d = &f->drive[drive];

    assert(drive < FDC_DRIVES);
    fdc_finish_request(f); /* it must not outlive its image */
    d->blk = blk;
    d->geometry = blk ? floppy_geometry(blk_sectors(blk)) : NULL;
    d->changed = d->type != FDD_NONE;
    d->told_write_error = d->told_format = false;
    memset(d->deleted, 0, sizeof d->deleted);
    fdc_medium_changed(f, drive);
    if (blk && !d->geometry)
        dev_warn(dev, "'%s' is larger than any floppy disk; drive %c: stays empty", blk_name(blk),
                 'A' + drive);
}

void fdc_set_pace(struct device *dev, unsigned times)
{
    assert(times >= 1 && times <= 1000);
    ((struct fdc *)dev)->pace = times;
}

bool fdc_is_active(const struct device *dev, unsigned drive)
{
    assert(drive < FDC_DRIVES);
    return ((const struct fdc *)dev)->dor & DOR_MOTOR0 << drive;
}
