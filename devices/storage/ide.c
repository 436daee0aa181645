/*
 * IDE: two channels of task file registers with two drives each, alone or as a function of the
 * PIIX3. What the drives do is in ata_disk.c and atapi.c, the bus master in ide_bm.c.
 *
 *   1F0h/170h  data, 16 or 32 bits wide      1F4h/174h  LBA mid
 *   1F1h/171h  error / features              1F5h/175h  LBA high
 *   1F2h/172h  sector count                  1F6h/176h  device
 *   1F3h/173h  LBA low                       1F7h/177h  status / command
 *   3F6h/376h  alternate status / device control
 *
 * Source: ATA/ATAPI-6 (T13/1410D), "Interface register definitions and descriptions", "Device 0
 * only configurations", "Software reset protocol"; Intel 82371FB/82371SB (PIIX/PIIX3) data sheet,
 * "IDE Controller Registers".
 * Time: see ide_private.h. The timing registers are stored and change nothing.
 * Not modelled: overlapped commands, 8-bit transfers.
 */
#include "devices/storage/ata_private.h"

#include "base/bytes.h"
#include "mmu/bus.h"

#include <errno.h>
#include <string.h>

enum { REG_DATA, REG_ERROR, REG_COUNT, REG_LOW, REG_MID, REG_HIGH, REG_DEVICE, REG_STATUS };

enum { CONTROL_NIEN = 0x02, CONTROL_SRST = 0x04, CONTROL_HOB = 0x80 };

/* PCI configuration. */
enum { PCI_VENDOR_INTEL = 0x8086, PCI_DEVICE_PIIX3_IDE = 0x7010, PCI_CLASS_IDE = 0x010180 };
enum { BM_BAR = 4, IDETIM = 0x40, SIDETIM = 0x44, IDETIM_DECODE = 0x8000 };

/* A pull-down holds bit 7 of the empty cable low, so that nobody waits for BSY: ATA/ATAPI-6. */
enum { FLOATING = 0x7F };

static const u16 command_base[2] = {0x1F0, 0x170};
static const u16 control_port[2] = {0x3F6, 0x376};

static struct ide_drive *channel_drive(struct ide_channel *ch)
{
    return &ch->drive[ch->select];
}

/* --- the interrupt line ---------------------------------------------------------------------- */

static void channel_update_line(struct ide_channel *ch)
{
    struct ide_drive *d = channel_drive(ch);
    bool level = d->kind != IDE_NONE && d->intrq && !(ch->control & CONTROL_NIEN);

    if (level && !ch->line)
        ide_bm_note_interrupt(&ch->bm);
    ch->line = level;
    irq_set(&ch->irq, level);
}

void ide_set_intrq(struct ide_drive *d, bool level)
{
    d->intrq = level;
    channel_update_line(d->channel);
}

/* --- commands under way ---------------------------------------------------------------------- */

void ide_busy(struct ide_drive *d, enum ide_step step, u64 ns)
{
    d->status = STATUS_BSY;
    d->phase = PHASE_TIMER;
    d->step = (u8)step;
    timer_set(&d->timer, clock_now(d->ide->clock) + ns);
}

void ide_end(struct ide_drive *d, u8 status, u8 error, bool interrupt)
{
    d->status = status;
    d->error = error;
    d->phase = PHASE_IDLE;
    d->step = STEP_NONE;
    d->buffer_valid = false;
    if (interrupt)
        ide_set_intrq(d, true);
}

void ide_end_later(struct ide_drive *d, u64 ns)
{
    d->end_status = STATUS_READY;
    d->end_error = 0;
    ide_busy(d, STEP_END, ns);
}

void ide_fail_later(struct ide_drive *d, u8 error)
{
    d->end_status = STATUS_READY | STATUS_ERR;
    d->end_error = error;
    ide_busy(d, STEP_END, IDE_COMMAND_NS);
}

void ide_present_later(struct ide_drive *d, u32 len, u64 ns)
{
    d->dma = false;
    d->pos = 0;
    d->end = d->len = len;
    d->buffer_valid = true;
    ide_busy(d, STEP_PRESENT, ns);
}

void ide_set_reg(struct ide_reg *r, u8 value)
{
    r->hob = r->now = value;
}

void ide_set_signature(struct ide_drive *d, u8 lba_mid, u8 lba_high)
{
    ide_set_reg(&d->count, 1);
    ide_set_reg(&d->lba_low, 1);
    ide_set_reg(&d->lba_mid, lba_mid);
    ide_set_reg(&d->lba_high, lba_high);
}

void ide_stop(struct ide_drive *d)
{
    ide_finish(d);
    timer_cancel(&d->timer);
    d->phase = PHASE_IDLE;
    d->step = STEP_NONE;
    d->buffer_valid = false;
    d->medium_lost = false;
    d->dma = false;
    d->pos = d->end = d->len = 0;
}

void ide_diagnose(struct ide_channel *ch)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        ide_stop(&ch->drive[i]);
        ch->drive[i].device = 0;
        if (ch->drive[i].kind != IDE_NONE)
            ide_busy(&ch->drive[i], STEP_DIAGNOSTIC, IDE_RESET_NS);
    }
    ch->select = 0;
    channel_update_line(ch);
}

/* --- host requests --------------------------------------------------------------------------- */

void ide_start_read(struct ide_drive *d, u64 sector, u32 count)
{
    assert(!d->request_busy && count * (u64)ATA_SECTOR <= sizeof d->buffer);
    d->buffer_valid = false;
    d->request_busy = true;
    blk_start_read(d->blk, &d->request, sector, count, d->buffer);
}

void ide_start_write(struct ide_drive *d, u64 sector, u32 count, u32 offset)
{
    assert(!d->request_busy && offset + count * (u64)ATA_SECTOR <= sizeof d->buffer);
    d->buffer_valid = true;
    d->request_busy = true;
    blk_start_write(d->blk, &d->request, sector, count, d->buffer + offset);
}

void ide_start_flush(struct ide_drive *d)
{
    assert(!d->request_busy);
    d->request_busy = true;
    blk_start_flush(d->blk, &d->request);
}

int ide_finish(struct ide_drive *d)
{
    if (!d->request_busy)
        return d->medium_lost ? -ENOMEDIUM : 0;
    d->request_busy = false;
    return blk_finish(&d->request);
}

void ide_tell_error(struct ide_drive *d, const char *what, int error)
{
    if (!d->told_error)
        dev_warn(&d->ide->dev, "'%s': %s failed: %s; the guest was told of a drive fault",
                 blk_name(d->blk), what, strerror(-error));
    d->told_error = true;
}

/* --- data blocks -------------------------------------------------------------------------------
 */

static void drive_dma(struct ide_drive *d)
{
    d->pos += ide_bm_move(d->channel, d->buffer + d->pos, d->end - d->pos, d->to_host);
    if (d->pos == d->end)
        d->ops->block_done(d);
}

void ide_start_block(struct ide_drive *d, bool to_host, u32 len, bool interrupt)
{
    assert(len > 0 && d->pos + len <= sizeof d->buffer);
    d->end = d->pos + len;
    d->len = (u32)max_u64(d->len, d->end);
    d->to_host = to_host;
    d->buffer_valid = true;
    d->step = STEP_NONE;
    d->status = STATUS_READY | STATUS_DRQ;
    if (d->dma) {
        d->phase = PHASE_DMA;
        drive_dma(d);
        return;
    }
    d->phase = to_host ? PHASE_PIO_IN : PHASE_PIO_OUT;
    if (interrupt)
        ide_set_intrq(d, true);
}

/* --- time ------------------------------------------------------------------------------------ */

static void drive_timer(void *opaque)
{
    struct ide_drive *d = opaque;

    if (d->phase == PHASE_DMA) {
        drive_dma(d);
        return;
    }
    switch (d->step) {
    case STEP_RESET:
        ide_stop(d);
        d->ops->soft_reset(d);
        break;
    case STEP_DIAGNOSTIC:
        ide_stop(d);
        d->ops->soft_reset(d);
        ide_set_intrq(d, d->number % 2 == 0);
        break;
    case STEP_END: ide_end(d, d->end_status, d->end_error, true); break;
    case STEP_PRESENT: ide_start_block(d, true, d->len, true); break;
    default: d->ops->step(d, d->step); break;
    }
}

/* --- task file ------------------------------------------------------------------------------- */

static u8 reg_value(const struct ide_channel *ch, const struct ide_reg *r)
{
    return ch->control & CONTROL_HOB ? r->hob : r->now;
}

/* The drive whose registers are read; NULL if nothing drives the cable. */
static struct ide_drive *answering_drive(struct ide_channel *ch)
{
    struct ide_drive *d = channel_drive(ch);

    if (d->kind != IDE_NONE)
        return d;
    /* Device 0 answers for a device 1 that is not there. */
    return ch->select && ch->drive[0].kind != IDE_NONE ? &ch->drive[0] : NULL;
}

static u8 channel_status(struct ide_channel *ch)
{
    struct ide_drive *d = answering_drive(ch);

    if (!d)
        return FLOATING;
    return d == channel_drive(ch) ? d->status : 0;
}

static u8 channel_read(struct ide_channel *ch, unsigned reg)
{
    struct ide_drive *d = answering_drive(ch);
    u8 v;

    if (!d)
        return FLOATING;
    switch (reg) {
    case REG_ERROR: return d->error;
    case REG_COUNT: return reg_value(ch, &d->count);
    case REG_LOW: return reg_value(ch, &d->lba_low);
    case REG_MID: return reg_value(ch, &d->lba_mid);
    case REG_HIGH: return reg_value(ch, &d->lba_high);
    case REG_DEVICE: return d->device;
    default:
        v = channel_status(ch);
        if (d == channel_drive(ch))
            ide_set_intrq(d, false);
        return v;
    }
}

static void reg_push(struct ide_reg *r, u8 value)
{
    r->hob = r->now;
    r->now = value;
}

static void drive_write(struct ide_drive *d, unsigned reg, u8 value)
{
    if (d->status & STATUS_BSY) {
        dev_guest(&d->ide->dev, "drive %u: register %u written while it is busy", d->number, reg);
        return;
    }
    switch (reg) {
    case REG_ERROR: reg_push(&d->feature, value); break;
    case REG_COUNT: reg_push(&d->count, value); break;
    case REG_LOW: reg_push(&d->lba_low, value); break;
    case REG_MID: reg_push(&d->lba_mid, value); break;
    case REG_HIGH: reg_push(&d->lba_high, value); break;
    default: d->device = value; break;
    }
}

static void channel_command(struct ide_channel *ch, u8 command)
{
    struct ide_drive *d = channel_drive(ch);
    bool busy = d->status & STATUS_BSY;

    if (d->kind == IDE_NONE && !(command == ATA_DIAGNOSTIC && ch->drive[0].kind != IDE_NONE))
        return;
    if (busy && !(command == ATA_DEVICE_RESET && d->kind == IDE_CDROM)) {
        dev_guest(&ch->ide->dev, "drive %u: command %02X while it is busy", d->number, command);
        return;
    }
    dev_trace(&ch->ide->dev, "drive %u: command %02X", d->number, command);
    if (command == ATA_DIAGNOSTIC) {
        ide_diagnose(ch);
        return;
    }
    ide_set_intrq(d, false);
    if (d->phase != PHASE_IDLE)
        ide_stop(d);
    d->ops->command(d, command);
}

static void channel_write(struct ide_channel *ch, unsigned reg, u8 value)
{
    unsigned i;

    ch->control &= (u8)~CONTROL_HOB;
    if (reg == REG_STATUS) {
        channel_command(ch, value);
        return;
    }
    for (i = 0; i < 2; i++)
        drive_write(&ch->drive[i], reg, value);
    if (reg == REG_DEVICE) {
        ch->select = value & DEVICE_DEV ? 1 : 0;
        channel_update_line(ch);
    }
}

static void drive_hold_reset(struct ide_drive *d)
{
    if (d->kind == IDE_NONE)
        return;
    ide_stop(d);
    d->phase = PHASE_RESET;
    d->status = STATUS_BSY;
    d->device = 0;
    d->intrq = false;
}

static void channel_write_control(struct ide_channel *ch, u8 value)
{
    u8 changed = ch->control ^ value;
    unsigned i;

    ch->control = value & (CONTROL_NIEN | CONTROL_SRST | CONTROL_HOB);
    for (i = 0; i < 2 && changed & CONTROL_SRST; i++) {
        if (value & CONTROL_SRST)
            drive_hold_reset(&ch->drive[i]);
        else if (ch->drive[i].phase == PHASE_RESET)
            ide_busy(&ch->drive[i], STEP_RESET, IDE_RESET_NS);
    }
    if (changed & value & CONTROL_SRST)
        ch->select = 0;
    channel_update_line(ch);
}

/* --- the data port --------------------------------------------------------------------------- */

/* An 8-bit access moves a word, too, of which the upper half is lost. */
static u32 data_read(struct ide_channel *ch, unsigned size)
{
    struct ide_drive *d = channel_drive(ch);
    u32 v = 0, n;

    if (d->phase != PHASE_PIO_IN)
        return answering_drive(ch) ? 0 : 0xFFFFFF00u | FLOATING;
    n = (u32)min_u64(size == 1 ? 2 : size, d->end - d->pos);
    memcpy(&v, d->buffer + d->pos, n);
    d->pos += n;
    if (d->pos == d->end)
        d->ops->block_done(d);
    return v;
}

static void data_write(struct ide_channel *ch, u32 value, unsigned size)
{
    struct ide_drive *d = channel_drive(ch);
    u32 n;

    if (d->phase != PHASE_PIO_OUT)
        return;
    n = (u32)min_u64(size == 1 ? 2 : size, d->end - d->pos);
    memcpy(d->buffer + d->pos, &value, n);
    d->pos += n;
    if (d->pos == d->end)
        d->ops->block_done(d);
}

/*
 * How many whole elements of a string instruction fit the block that is being moved, without the
 * last one: with that the drive goes on, and it must see the moment of that very access.
 */
static unsigned data_elements(const struct ide_drive *d, u8 phase, unsigned size, unsigned count)
{
    if (d->phase != phase || size == 1)
        return 0;
    return (unsigned)min_u64(count, (d->end - d->pos - 1) / size);
}

static struct ide_channel *channel_at(struct ide *ide, u16 port)
{
    return &ide->channel[port & 0x80 ? 0 : 1]; /* 1Fxh or 17xh, 3F6h or 376h */
}

static unsigned command_read_many(void *opaque, u16 port, void *data, unsigned size, unsigned count)
{
    struct ide_drive *d = channel_drive(channel_at(opaque, port));
    unsigned n = port & 7 ? 0 : data_elements(d, PHASE_PIO_IN, size, count);

    if (n == 0)
        return 0;
    memcpy(data, d->buffer + d->pos, (size_t)n * size);
    d->pos += n * size;
    return n;
}

static unsigned command_write_many(void *opaque, u16 port, const void *data, unsigned size,
                                   unsigned count)
{
    struct ide_drive *d = channel_drive(channel_at(opaque, port));
    unsigned n = port & 7 ? 0 : data_elements(d, PHASE_PIO_OUT, size, count);

    if (n == 0)
        return 0;
    memcpy(d->buffer + d->pos, data, (size_t)n * size);
    d->pos += n * size;
    return n;
}

/* --- ports ----------------------------------------------------------------------------------- */

static u32 command_read(void *opaque, u16 port, unsigned size)
{
    struct ide_channel *ch = channel_at(opaque, port);
    unsigned reg = port & 7, i;
    u32 v = 0;

    if (reg == REG_DATA)
        return data_read(ch, size);
    for (i = 0; i < size; i++)
        v |= (u32)(reg + i <= REG_STATUS ? channel_read(ch, reg + i) : 0xFF) << 8 * i;
    return v;
}

static void command_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct ide_channel *ch = channel_at(opaque, port);
    unsigned reg = port & 7, i;

    if (reg == REG_DATA) {
        data_write(ch, value, size);
        return;
    }
    for (i = 0; i < size && reg + i <= REG_STATUS; i++)
        channel_write(ch, reg + i, (u8)(value >> 8 * i));
}

static u32 control_read(void *opaque, u16 port)
{
    return channel_status(channel_at(opaque, port));
}

static void control_write(void *opaque, u16 port, u32 value)
{
    channel_write_control(channel_at(opaque, port), (u8)value);
}

static const struct port_ops command_ports = {
    .width = 4,
    .read_sized = command_read,
    .write_sized = command_write,
    .read_many = command_read_many,
    .write_many = command_write_many,
};

static const struct port_ops control_ports = {
    .width = 1,
    .read = control_read,
    .write = control_write,
};

static void channel_map(struct ide_channel *ch, bool on)
{
    struct ide *ide = ch->ide;

    if (ch->mapped == on)
        return;
    ch->mapped = on;
    if (on) {
        bus_map_ports(ide->bus, command_base[ch->index], 8, &command_ports, ide);
        bus_map_ports(ide->bus, control_port[ch->index], 1, &control_ports, ide);
    } else {
        bus_unmap_ports(ide->bus, command_base[ch->index], 8, &command_ports, ide);
        bus_unmap_ports(ide->bus, control_port[ch->index], 1, &control_ports, ide);
    }
}

/* "IDETIM", IDE Decode Enable, together with I/O Space Enable of the command register. */
static void ide_update_ports(struct ide *ide)
{
    bool io = get_le16(ide->pci.config + PCI_COMMAND) & PCI_COMMAND_IO;
    unsigned i;

    for (i = 0; i < 2; i++)
        channel_map(&ide->channel[i],
                    !ide->has_pci ||
                        (io && get_le16(ide->pci.config + IDETIM + 2 * i) & IDETIM_DECODE));
}

static void ide_bar_moved(void *opaque, unsigned bar, u64 old, u64 now)
{
    ide_bm_map(opaque, old, now);
}

static void ide_config_written(void *opaque, unsigned offset, unsigned size)
{
    ide_update_ports(opaque);
}

/* --- reset and state ------------------------------------------------------------------------- */

static void drive_reset(struct ide_drive *d)
{
    ide_stop(d);
    d->status = d->error = d->device = 0;
    d->intrq = false;
    d->to_host = false;
    d->end_status = d->end_error = 0;
    ide_set_reg(&d->feature, 0);
    ide_set_signature(d, 0, 0);
    if (d->kind != IDE_NONE)
        d->ops->reset(d);
}

static void ide_reset(struct device *dev)
{
    struct ide *ide = (struct ide *)dev;
    struct ide_channel *ch;
    unsigned i;

    for (i = 0; i < 2; i++) {
        ch = &ide->channel[i];
        memset(&ch->bm, 0, sizeof ch->bm);
        drive_reset(&ch->drive[0]);
        drive_reset(&ch->drive[1]);
        ch->select = 0;
        ch->control = 0;
        channel_update_line(ch);
        ch->bm.status = 0;
    }
    if (ide->has_pci)
        pci_reset(&ide->pci);
    ide_update_ports(ide);
}

static void reg_state(struct state *s, const char *name, struct ide_reg *r)
{
    u16 both = (u16)(r->hob << 8 | r->now);

    state_u16(s, name, &both);
    r->hob = (u8)(both >> 8);
    r->now = (u8)both;
}

static void task_file_state(struct ide_drive *d, struct state *s)
{
    state_u8(s, "status", &d->status);
    state_u8(s, "error", &d->error);
    state_u8(s, "device", &d->device);
    reg_state(s, "feature", &d->feature);
    reg_state(s, "count", &d->count);
    reg_state(s, "lba_low", &d->lba_low);
    reg_state(s, "lba_mid", &d->lba_mid);
    reg_state(s, "lba_high", &d->lba_high);
    state_bool(s, "intrq", &d->intrq);
}

static bool step_fits(const struct ide_drive *d)
{
    if (d->phase != PHASE_TIMER)
        return d->step == STEP_NONE;
    if (d->step >= STEP_CD_READ)
        return d->kind == IDE_CDROM;
    if (d->step >= STEP_READ)
        return d->kind == IDE_DISK;
    return d->step != STEP_NONE;
}

static bool drive_moves_data(const struct ide_drive *d)
{
    return d->phase == PHASE_PIO_IN || d->phase == PHASE_PIO_OUT || d->phase == PHASE_DMA;
}

static void drive_command_state(struct ide_drive *d, struct state *s)
{
    state_u8(s, "phase", &d->phase);
    state_u8(s, "step", &d->step);
    timer_state(s, "timer", &d->timer);
    state_u8(s, "end_status", &d->end_status);
    state_u8(s, "end_error", &d->end_error);
    state_bool(s, "dma", &d->dma);
    state_bool(s, "to_host", &d->to_host);
    state_bool(s, "buffer_valid", &d->buffer_valid);
    state_bool(s, "medium_lost", &d->medium_lost);
    state_u32(s, "pos", &d->pos);
    state_u32(s, "end", &d->end);
    state_u32(s, "len", &d->len);
    state_require(s, d->phase < IDE_PHASES && d->step < IDE_STEPS && step_fits(d),
                  "ide: the drive's step is not one");
    state_require(s, d->pos <= d->end && d->end <= d->len && d->len <= sizeof d->buffer,
                  "ide: a transfer is past the end of the buffer");
    state_require(s, timer_is_set(&d->timer) == (d->phase == PHASE_TIMER) || d->phase == PHASE_DMA,
                  "ide: a step without its timer");
    state_require(s, !drive_moves_data(d) || (d->pos < d->end && d->buffer_valid),
                  "ide: a transfer without data");
    state_require(s, d->step != STEP_PRESENT || (d->pos == 0 && d->len > 0 && d->buffer_valid),
                  "ide: an answer without data");
    if (d->buffer_valid && !state_error(s))
        state_bytes(s, "buffer", d->buffer, d->len);
}

static void drive_state(struct ide_drive *d, struct state *s)
{
    u8 kind = (u8)d->kind;

    if (state_is_loading(s))
        ide_stop(d);
    state_u8(s, "kind", &kind);
    state_require(s, kind == d->kind, "ide: other drives are connected than were saved");
    task_file_state(d, s);
    drive_command_state(d, s);
    if (d->kind == IDE_NONE) {
        state_require(s, d->phase == PHASE_IDLE, "ide: a drive that is not there is at work");
        return;
    }
    d->ops->state(d, s);
}

static void channel_state(struct ide_channel *ch, struct state *s)
{
    state_u8(s, "select", &ch->select);
    state_u8(s, "control", &ch->control);
    state_bool(s, "line", &ch->line);
    ide_bm_state(&ch->bm, s);
    state_require(s, ch->select <= 1, "ide: a third drive is selected");
    drive_state(&ch->drive[0], s);
    drive_state(&ch->drive[1], s);
}

static void ide_restart_requests(struct ide *ide)
{
    unsigned i;

    for (i = 0; i < IDE_DRIVES; i++) {
        struct ide_drive *d = &ide->channel[i / 2].drive[i % 2];

        if (d->kind != IDE_NONE && d->phase == PHASE_TIMER)
            d->ops->restart(d);
    }
}

static void ide_state(struct device *dev, struct state *s)
{
    struct ide *ide = (struct ide *)dev;

    if (ide->has_pci)
        pci_state(&ide->pci, s);
    channel_state(&ide->channel[0], s);
    channel_state(&ide->channel[1], s);
    if (!state_is_loading(s) || state_error(s))
        return;
    ide_update_ports(ide);
    ide_restart_requests(ide);
}

static void ide_destroy(struct device *dev)
{
    struct ide *ide = (struct ide *)dev;
    unsigned i;

    for (i = 0; i < IDE_DRIVES; i++)
        ide_finish(&ide->channel[i / 2].drive[i % 2]);
    device_free(dev);
}

static const struct device_class ide_class = {
    .name = "ide",
    .version = 1,
    .reset = ide_reset,
    .state = ide_state,
    .destroy = ide_destroy,
};

/* --- creation -------------------------------------------------------------------------------- */

static void ide_add_function(struct ide *ide, struct pci_bus *pci)
{
    struct pci_function *f = &ide->pci;

    pci_init(f, "ide", IDE_DEVFN, PCI_VENDOR_INTEL, PCI_DEVICE_PIIX3_IDE, PCI_CLASS_IDE, 0);
    f->opaque = ide;
    f->bar_moved = ide_bar_moved;
    f->config_written = ide_config_written;
    put_le16(f->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    put_le16(f->config + PCI_STATUS, 0x0280); /* medium DEVSEL# timing, fast back-to-back */
    put_le32(f->writable + IDETIM, 0xF3FFF3FF);
    f->writable[SIDETIM] = 0xFF;
    f->writable[PCI_INTERRUPT_LINE] = 0; /* the interrupts are 14 and 15, not PCI's */
    pci_bar_init(f, BM_BAR, PCI_BAR_IO, IDE_BM_PORTS);
    pci_add(pci, f);
}

struct device *ide_create(struct bus *bus, struct clock *clock, struct pci_bus *pci,
                          struct irq_line irq14, struct irq_line irq15)
{
    struct ide *ide = device_new(&ide_class, sizeof *ide);
    unsigned i, j;

    ide->bus = bus;
    ide->clock = clock;
    ide->has_pci = pci != NULL;
    for (i = 0; i < 2; i++) {
        struct ide_channel *ch = &ide->channel[i];

        ch->ide = ide;
        ch->index = (u8)i;
        ch->irq = i ? irq15 : irq14;
        for (j = 0; j < 2; j++) {
            ch->drive[j].ide = ide;
            ch->drive[j].channel = ch;
            ch->drive[j].number = (u8)(2 * i + j);
            timer_init(&ch->drive[j].timer, clock, drive_timer, &ch->drive[j]);
        }
    }
    if (pci)
        ide_add_function(ide, pci);
    ide_update_ports(ide);
    return &ide->dev;
}

static struct ide_drive *ide_drive(const struct device *dev, unsigned n)
{
    struct ide *ide = (struct ide *)dev;

    assert(n < IDE_DRIVES);
    return &ide->channel[n / 2].drive[n % 2];
}

void ide_attach_disk(struct device *dev, unsigned n, struct blk *blk)
{
    struct ide_drive *d = ide_drive(dev, n);
    u8 mbr[ATA_SECTOR];

    assert(d->kind == IDE_NONE && blk_sectors(blk) > 0);
    d->kind = IDE_DISK;
    d->ops = &ata_disk_ops;
    d->blk = blk;
    d->disk.sectors = blk_sectors(blk);
    ata_geometry(d->disk.sectors, blk_read(blk, 0, 1, mbr) ? NULL : mbr, &d->disk.geometry);
}

void ide_attach_cdrom(struct device *dev, unsigned n, struct blk *blk)
{
    struct ide_drive *d = ide_drive(dev, n);

    assert(d->kind == IDE_NONE);
    d->kind = IDE_CDROM;
    d->ops = &atapi_ops;
    d->blk = blk;
    d->cd.medium_sectors = blk ? (blk_sectors(blk) + 3) / 4 : 0;
}

bool ide_is_cdrom(const struct device *dev, unsigned n)
{
    return ide_drive(dev, n)->kind == IDE_CDROM;
}

bool ide_is_locked(const struct device *dev, unsigned n)
{
    return ide_is_cdrom(dev, n) && ide_drive(dev, n)->cd.locked;
}

int ide_force_insert(struct device *dev, unsigned n, struct blk *blk)
{
    struct ide_drive *d = ide_drive(dev, n);

    if (d->kind != IDE_CDROM)
        return -ENODEV;
    atapi_change_medium(d, blk);
    return 0;
}

int ide_insert(struct device *dev, unsigned n, struct blk *blk)
{
    struct ide_drive *d = ide_drive(dev, n);

    if (d->kind != IDE_CDROM)
        return -ENODEV;
    if (d->cd.locked && d->cd.medium_sectors) {
        d->cd.event.eject_request = true;
        return -EBUSY;
    }
    atapi_change_medium(d, blk);
    return 0;
}

bool ide_take_disc(struct device *dev, unsigned n)
{
    struct ide_drive *d = ide_drive(dev, n);

    return d->kind == IDE_CDROM && atapi_take_disc(d);
}

void ide_on_eject(struct device *dev, void (*ejected)(void *opaque, unsigned n), void *opaque)
{
    struct ide *ide = (struct ide *)dev;

    ide->ejected = ejected;
    ide->ejected_opaque = opaque;
}
