/*
 * ATA hard disk: the commands of a drive on an IDE channel.
 * Source: ATA/ATAPI-6 (T13/1410D), "Command descriptions", "Protocols"; ATA-3 for CHS addressing.
 * What is announced in IDENTIFY DEVICE (ata_identify.c) is here, and what is not is aborted.
 *
 * A transfer goes through the buffer in chunks of at most 256 sectors:
 *   read   start_chunk -> STEP_READ -> block by block to the host -> start_chunk ... end
 *   write  block from the host -> STEP_WRITE -> next block ... end
 * Not modelled: security, device configuration overlay, power-up in standby, the standby timer;
 * the non-volatile form of SET MAX ADDRESS lasts until the machine is switched off.
 */
#include "devices/storage/ata_private.h"

#include <string.h>

enum { CHUNK_SECTORS = IDE_BUFFER_BYTES / ATA_SECTOR };

enum {
    FEATURE_WRITE_CACHE_ON = 0x02,
    FEATURE_TRANSFER_MODE = 0x03,
    FEATURE_LOOK_AHEAD_OFF = 0x55,
    FEATURE_KEEP_SETTINGS = 0x66,
    FEATURE_WRITE_CACHE_OFF = 0x82,
    FEATURE_LOOK_AHEAD_ON = 0xAA,
    FEATURE_REVERT_SETTINGS = 0xCC,
};

enum {
    SMART_READ_DATA = 0xD0,
    SMART_READ_THRESHOLDS = 0xD1,
    SMART_AUTOSAVE = 0xD2,
    SMART_ENABLE = 0xD8,
    SMART_DISABLE = 0xD9,
    SMART_RETURN_STATUS = 0xDA,
    SMART_MID = 0x4F,
    SMART_HIGH = 0xC2,
};

enum { POWER_STANDBY = 0x00, POWER_IDLE = 0x80, POWER_ACTIVE = 0xFF, POWER_SLEEP = 0x01 };

/* --- addresses ------------------------------------------------------------------------------- */

static bool disk_uses_lba(const struct ide_drive *d)
{
    return d->disk.ext || d->device & DEVICE_LBA;
}

/* The address in the task file. False for a CHS address that the current translation lacks. */
static bool disk_get_address(const struct ide_drive *d, u64 *lba)
{
    u32 low = d->lba_low.now | (u32)d->lba_mid.now << 8 | (u32)d->lba_high.now << 16;
    u32 cylinder = d->lba_mid.now | (u32)d->lba_high.now << 8;
    u32 head = d->device & DEVICE_HEAD, sector = d->lba_low.now;

    if (d->disk.ext) {
        *lba = low | (u64)d->lba_low.hob << 24 | (u64)d->lba_mid.hob << 32 |
               (u64)d->lba_high.hob << 40;
        return true;
    }
    if (d->device & DEVICE_LBA) {
        *lba = low | (u64)head << 24;
        return true;
    }
    *lba = ((u64)cylinder * d->disk.heads + head) * d->disk.track_sectors + sector - 1;
    return sector >= 1 && sector <= d->disk.track_sectors && head < d->disk.heads;
}

static void disk_set_ext_address(struct ide_drive *d, u64 lba)
{
    d->lba_low = (struct ide_reg){(u8)lba, (u8)(lba >> 24)};
    d->lba_mid = (struct ide_reg){(u8)(lba >> 8), (u8)(lba >> 32)};
    d->lba_high = (struct ide_reg){(u8)(lba >> 16), (u8)(lba >> 40)};
}

/* Put an address back in the form in which the command came. */
static void disk_set_address(struct ide_drive *d, u64 lba)
{
    u32 per_cylinder = (u32)d->disk.heads * d->disk.track_sectors;
    u64 cylinder = lba / per_cylinder;
    u32 rest = (u32)(lba % per_cylinder);
    u8 head = (u8)(lba >> 24);

    if (d->disk.ext) {
        disk_set_ext_address(d, lba);
        return;
    }
    if (disk_uses_lba(d)) {
        ide_set_reg(&d->lba_low, (u8)lba);
        ide_set_reg(&d->lba_mid, (u8)(lba >> 8));
        ide_set_reg(&d->lba_high, (u8)(lba >> 16));
    } else {
        ide_set_reg(&d->lba_low, (u8)(rest % d->disk.track_sectors + 1));
        ide_set_reg(&d->lba_mid, (u8)cylinder);
        ide_set_reg(&d->lba_high, (u8)(cylinder >> 8));
        head = (u8)(rest / d->disk.track_sectors);
    }
    d->device = (u8)((d->device & ~DEVICE_HEAD) | (head & DEVICE_HEAD));
}

/* The sector count register, where 0 stands for the largest. */
static u32 disk_get_count(const struct ide_drive *d)
{
    u32 ext = d->count.now | (u32)d->count.hob << 8;

    if (d->disk.ext)
        return ext ? ext : 65536;
    return d->count.now ? d->count.now : 256;
}

/* False, with the command ended, if the sectors are not all there. */
static bool disk_get_range(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;
    u32 count = disk_get_count(d);
    u64 lba;

    if (!disk_get_address(d, &lba)) {
        ide_fail_later(d, ERROR_IDNF);
        return false;
    }
    if (lba >= k->max_sectors || count > k->max_sectors - lba) {
        disk_set_address(d, lba >= k->max_sectors ? lba : k->max_sectors);
        ide_fail_later(d, ERROR_IDNF);
        return false;
    }
    k->lba = lba;
    k->left = count;
    return true;
}

/* --- transfers ------------------------------------------------------------------------------- */

static u64 sectors_ns(u32 sectors)
{
    return (u64)sectors * ATA_SECTOR * IDE_BYTE_NS;
}

static u32 disk_chunk(const struct ide_drive *d)
{
    return (u32)min_u64(d->disk.left, CHUNK_SECTORS);
}

static u32 disk_block(const struct ide_drive *d, u32 sectors)
{
    return d->dma ? sectors : (u32)min_u64(d->disk.block_sectors, sectors);
}

/* The whole transfer is over: the address of the last sector, nothing left. */
static void disk_transfer_end(struct ide_drive *d, bool interrupt)
{
    disk_set_address(d, d->disk.lba - 1);
    ide_set_reg(&d->count, 0);
    ide_end(d, STATUS_READY, 0, interrupt);
}

static void disk_read_failed(struct ide_drive *d, int error)
{
    ide_tell_error(d, "reading", error);
    disk_set_address(d, d->disk.lba);
    ide_end(d, STATUS_READY | STATUS_ERR, ERROR_UNC, true);
}

static void disk_write_failed(struct ide_drive *d, const char *what, int error)
{
    ide_tell_error(d, what, error);
    if (d->step == STEP_WRITE)
        disk_set_address(d, d->disk.lba);
    ide_end(d, STATUS_READY | STATUS_DF | STATUS_ERR, ERROR_ABRT, true);
}

static void disk_start_read(struct ide_drive *d, enum ide_step step, u64 extra_ns)
{
    struct ata_disk *k = &d->disk;

    k->chunk = disk_chunk(d);
    d->pos = d->end = 0;
    d->len = k->chunk * ATA_SECTOR;
    ide_start_read(d, k->lba, k->chunk);
    ide_busy(d, step, extra_ns + sectors_ns(disk_block(d, k->chunk)));
}

/*
 * Wait for the chunk. When the host failed to read it, the sectors before the bad one are still
 * delivered. False: the first is bad, and the command has ended.
 */
static bool disk_finish_read(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;
    int error = ide_finish(d);
    u32 good = 0;

    if (!error)
        return true;
    while (good < k->chunk &&
           !blk_read(d->blk, k->lba + good, 1, d->buffer + (size_t)good * ATA_SECTOR))
        good++;
    if (good == 0) {
        disk_read_failed(d, error);
        return false;
    }
    k->chunk = good;
    d->len = good * ATA_SECTOR;
    return true;
}

static void disk_step_read(struct ide_drive *d)
{
    if (!d->buffer_valid && !disk_finish_read(d))
        return;
    ide_start_block(d, true, disk_block(d, d->disk.chunk) * ATA_SECTOR, true);
}

static void disk_step_verify(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    if (!disk_finish_read(d))
        return;
    k->lba += k->chunk;
    k->left -= k->chunk;
    if (k->left)
        disk_start_read(d, STEP_VERIFY, 0);
    else
        disk_transfer_end(d, true);
}

/* A block went to the host. */
static void disk_block_read(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;
    u32 n = disk_block(d, k->chunk);

    if (k->left == 0) { /* an answer that is not from the medium */
        ide_end(d, STATUS_READY, 0, false);
        return;
    }
    k->chunk -= n;
    k->lba += n;
    k->left -= n;
    if (k->left == 0)
        disk_transfer_end(d, d->dma);
    else if (k->chunk)
        ide_busy(d, STEP_READ, sectors_ns(disk_block(d, k->chunk)));
    else
        disk_start_read(d, STEP_READ, 0);
}

/* Ask the host for the next block to write. */
static void disk_fetch(struct ide_drive *d, bool interrupt)
{
    struct ata_disk *k = &d->disk;

    k->chunk = disk_block(d, disk_chunk(d));
    d->pos = d->end = 0;
    d->len = k->chunk * ATA_SECTOR;
    ide_start_block(d, false, d->len, interrupt);
}

/* A block came from the host. */
static void disk_block_written(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    if (k->left == 0) { /* WRITE BUFFER */
        memcpy(k->sector_buffer, d->buffer, ATA_SECTOR);
        ide_end_later(d, IDE_COMMAND_NS);
        return;
    }
    ide_start_write(d, k->lba, k->chunk, 0);
    ide_busy(d, STEP_WRITE, sectors_ns(k->chunk) + (k->left == k->chunk ? IDE_ACCESS_NS : 0));
}

static void disk_step_write(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;
    int error = ide_finish(d);

    if (error) {
        disk_write_failed(d, "writing", error);
        return;
    }
    k->lba += k->chunk;
    k->left -= k->chunk;
    if (k->left == 0)
        disk_transfer_end(d, true);
    else
        disk_fetch(d, true);
}

static void disk_step_flush(struct ide_drive *d)
{
    int error = ide_finish(d);

    if (error)
        disk_write_failed(d, "flushing", error);
    else
        ide_end(d, STATUS_READY, 0, true);
}

static void disk_block_done(struct ide_drive *d)
{
    if (d->to_host)
        disk_block_read(d);
    else
        disk_block_written(d);
}

static void disk_step(struct ide_drive *d, enum ide_step step)
{
    switch (step) {
    case STEP_READ: disk_step_read(d); break;
    case STEP_VERIFY: disk_step_verify(d); break;
    case STEP_FETCH: disk_fetch(d, true); break;
    case STEP_WRITE: disk_step_write(d); break;
    case STEP_FLUSH: disk_step_flush(d); break;
    default: break;
    }
}

/* --- read and write commands ----------------------------------------------------------------- */

static void disk_read(struct ide_drive *d, bool dma, u32 block_sectors)
{
    if (!disk_get_range(d))
        return;
    d->dma = dma;
    d->disk.block_sectors = block_sectors;
    disk_start_read(d, STEP_READ, IDE_ACCESS_NS);
}

static void disk_write(struct ide_drive *d, bool dma, u32 block_sectors)
{
    if (!disk_get_range(d))
        return;
    d->dma = dma;
    d->disk.block_sectors = block_sectors;
    if (dma)
        ide_busy(d, STEP_FETCH, IDE_COMMAND_NS);
    else
        disk_fetch(d, false); /* the first block comes without an interrupt */
}

static void disk_verify(struct ide_drive *d)
{
    if (!disk_get_range(d))
        return;
    d->dma = false;
    d->disk.block_sectors = 1;
    disk_start_read(d, STEP_VERIFY, IDE_ACCESS_NS);
}

/* READ and WRITE MULTIPLE before SET MULTIPLE MODE are aborted. */
static void disk_multiple(struct ide_drive *d, bool write)
{
    if (d->disk.multiple == 0)
        ide_fail_later(d, ERROR_ABRT);
    else if (write)
        disk_write(d, false, d->disk.multiple);
    else
        disk_read(d, false, d->disk.multiple);
}

static void disk_seek(struct ide_drive *d)
{
    u64 lba;

    if (!disk_get_address(d, &lba) || lba >= d->disk.max_sectors)
        ide_fail_later(d, ERROR_IDNF);
    else
        ide_end_later(d, IDE_ACCESS_NS);
}

static void disk_flush(struct ide_drive *d)
{
    ide_start_flush(d);
    ide_busy(d, STEP_FLUSH, IDE_ACCESS_NS);
}

/* --- settings -------------------------------------------------------------------------------- */

static void disk_default_settings(struct ata_disk *k)
{
    k->heads = k->geometry.heads;
    k->track_sectors = k->geometry.sectors;
    k->multiple = ATA_MULTIPLE_MAX;
    k->write_cache = true;
    k->look_ahead = true;
}

static void disk_init_parameters(struct ide_drive *d)
{
    if (d->count.now == 0) {
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    d->disk.heads = (d->device & DEVICE_HEAD) + 1;
    d->disk.track_sectors = d->count.now;
    ide_end_later(d, IDE_COMMAND_NS);
}

static void disk_set_multiple(struct ide_drive *d)
{
    u8 n = d->count.now;

    if (n > ATA_MULTIPLE_MAX || (n & (n - 1))) {
        d->disk.multiple = 0; /* "the device shall disable READ MULTIPLE" */
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    d->disk.multiple = n;
    ide_end_later(d, IDE_COMMAND_NS);
}

bool ata_transfer_mode(u8 mode, u8 *dma_mode)
{
    switch (mode >> 3) {
    case 0: return mode <= 1;       /* PIO default, with or without IORDY */
    case 1: return (mode & 7) <= 4; /* PIO flow control */
    case ATA_MODE_MWDMA >> 3:
        if ((mode & 7) > 2)
            return false;
        break;
    case ATA_MODE_UDMA >> 3:
        if ((mode & 7) > 5)
            return false;
        break;
    default: return false;
    }
    *dma_mode = mode;
    return true;
}

static void disk_set_features(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    switch (d->feature.now) {
    case FEATURE_WRITE_CACHE_ON: k->write_cache = true; break;
    case FEATURE_WRITE_CACHE_OFF: {
        k->write_cache = false;
        disk_flush(d); /* "the device shall initiate a flush" */
        return;
    }
    case FEATURE_LOOK_AHEAD_ON: k->look_ahead = true; break;
    case FEATURE_LOOK_AHEAD_OFF: k->look_ahead = false; break;
    case FEATURE_KEEP_SETTINGS: k->keep_settings = true; break;
    case FEATURE_REVERT_SETTINGS: k->keep_settings = false; break;
    case FEATURE_TRANSFER_MODE:
        if (ata_transfer_mode(d->count.now, &k->dma_mode))
            break;
        ide_fail_later(d, ERROR_ABRT);
        return;
    default:
        dev_unimp(&d->ide->dev, "drive %u: SET FEATURES %02X, aborted", d->number, d->feature.now);
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    ide_end_later(d, IDE_COMMAND_NS);
}

static void disk_set_power(struct ide_drive *d, u8 power)
{
    d->disk.power = power;
    if (power == POWER_IDLE)
        ide_end_later(d, IDE_COMMAND_NS);
    else
        disk_flush(d); /* heads are parked with nothing left to write */
}

static void disk_check_power(struct ide_drive *d)
{
    ide_set_reg(&d->count, d->disk.power);
    ide_end_later(d, IDE_COMMAND_NS);
}

/* --- size ------------------------------------------------------------------------------------ */

static void disk_read_native_max(struct ide_drive *d)
{
    u64 last = d->disk.sectors - 1;

    if (!d->disk.ext)
        last = min_u64(last, ATA_LBA28_MAX - 1);
    disk_set_address(d, last);
    ide_end_later(d, IDE_COMMAND_NS);
}

static void disk_set_max(struct ide_drive *d)
{
    u64 last;

    if (!d->disk.ext && d->feature.now != 0) { /* passwords: not announced */
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    if (!disk_get_address(d, &last) || last >= d->disk.sectors) {
        ide_fail_later(d, ERROR_IDNF);
        return;
    }
    d->disk.max_sectors = last + 1;
    ide_end_later(d, IDE_COMMAND_NS);
}

/* --- SMART ----------------------------------------------------------------------------------- */

/* A drive without attributes or self-tests, whose data structure adds up. */
static void disk_smart_data(struct ide_drive *d, bool thresholds)
{
    u8 sum = 0;
    unsigned i;

    memset(d->buffer, 0, ATA_SECTOR);
    d->buffer[0] = 0x10; /* revision of the structure */
    if (!thresholds)
        d->buffer[368] = 0x02; /* SMART capability: attribute autosave */
    for (i = 0; i < ATA_SECTOR - 1; i++)
        sum += d->buffer[i];
    d->buffer[ATA_SECTOR - 1] = (u8)-sum;
    ide_present_later(d, ATA_SECTOR, IDE_ACCESS_NS);
}

static void disk_smart(struct ide_drive *d)
{
    u8 function = d->feature.now;
    bool keyed = d->lba_mid.now == SMART_MID && d->lba_high.now == SMART_HIGH;

    if (!keyed || (!d->disk.smart && function != SMART_ENABLE)) {
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    switch (function) {
    case SMART_READ_DATA:
    case SMART_READ_THRESHOLDS: disk_smart_data(d, function != SMART_READ_DATA); return;
    case SMART_ENABLE: d->disk.smart = true; break;
    case SMART_DISABLE: d->disk.smart = false; break;
    case SMART_AUTOSAVE:
    case SMART_RETURN_STATUS: break; /* the key left as it is means "threshold not exceeded" */
    default: ide_fail_later(d, ERROR_ABRT); return;
    }
    ide_end_later(d, IDE_COMMAND_NS);
}

/* --- the command register -------------------------------------------------------------------- */

static void disk_identify(struct ide_drive *d)
{
    ata_identify(d, d->buffer);
    ide_present_later(d, ATA_SECTOR, IDE_COMMAND_NS);
}

static void disk_read_buffer(struct ide_drive *d)
{
    memcpy(d->buffer, d->disk.sector_buffer, ATA_SECTOR);
    ide_present_later(d, ATA_SECTOR, IDE_COMMAND_NS);
}

static void disk_write_buffer(struct ide_drive *d)
{
    d->pos = d->end = d->len = 0;
    d->dma = false;
    ide_start_block(d, false, ATA_SECTOR, false);
}

static void disk_abort(struct ide_drive *d, u8 command)
{
    /* NOP and the packet commands are aborted by definition, they tell ATA drives from others. */
    if (command != ATA_NOP && command != ATA_PACKET && command != ATA_IDENTIFY_PACKET &&
        command != ATA_DEVICE_RESET)
        dev_unimp(&d->ide->dev, "drive %u: command %02X, aborted", d->number, command);
    ide_fail_later(d, ERROR_ABRT);
}

static bool command_is_ext(u8 command)
{
    switch (command) {
    case ATA_READ_SECTORS_EXT:
    case ATA_READ_DMA_EXT:
    case ATA_READ_NATIVE_MAX_EXT:
    case ATA_READ_MULTIPLE_EXT:
    case ATA_WRITE_SECTORS_EXT:
    case ATA_WRITE_DMA_EXT:
    case ATA_SET_MAX_EXT:
    case ATA_WRITE_MULTIPLE_EXT:
    case ATA_READ_VERIFY_EXT: return true;
    default: return false;
    }
}

static void disk_data_command(struct ide_drive *d, u8 command)
{
    switch (command) {
    case ATA_READ_SECTORS:
    case ATA_READ_SECTORS + 1:
    case ATA_READ_SECTORS_EXT: disk_read(d, false, 1); break;
    case ATA_READ_MULTIPLE:
    case ATA_READ_MULTIPLE_EXT: disk_multiple(d, false); break;
    case ATA_READ_DMA:
    case ATA_READ_DMA + 1:
    case ATA_READ_DMA_EXT: disk_read(d, true, 1); break;
    case ATA_WRITE_SECTORS:
    case ATA_WRITE_SECTORS + 1:
    case ATA_WRITE_SECTORS_EXT:
    case ATA_WRITE_VERIFY: disk_write(d, false, 1); break;
    case ATA_WRITE_MULTIPLE:
    case ATA_WRITE_MULTIPLE_EXT: disk_multiple(d, true); break;
    case ATA_WRITE_DMA:
    case ATA_WRITE_DMA + 1:
    case ATA_WRITE_DMA_EXT: disk_write(d, true, 1); break;
    case ATA_READ_VERIFY:
    case ATA_READ_VERIFY + 1:
    case ATA_READ_VERIFY_EXT: disk_verify(d); break;
    default: disk_abort(d, command); break;
    }
}

static void disk_dispatch(struct ide_drive *d, u8 command)
{
    switch (command) {
    case ATA_IDENTIFY: disk_identify(d); break;
    case ATA_INIT_PARAMETERS: disk_init_parameters(d); break;
    case ATA_SET_FEATURES: disk_set_features(d); break;
    case ATA_SET_MULTIPLE: disk_set_multiple(d); break;
    case ATA_FLUSH:
    case ATA_FLUSH_EXT: disk_flush(d); break;
    case ATA_READ_BUFFER: disk_read_buffer(d); break;
    case ATA_WRITE_BUFFER: disk_write_buffer(d); break;
    case ATA_READ_NATIVE_MAX:
    case ATA_READ_NATIVE_MAX_EXT: disk_read_native_max(d); break;
    case ATA_SET_MAX:
    case ATA_SET_MAX_EXT: disk_set_max(d); break;
    case ATA_SMART: disk_smart(d); break;
    case ATA_STANDBY_NOW:
    case ATA_STANDBY:
    case ATA_STANDBY_NOW_OLD:
    case ATA_STANDBY_OLD: disk_set_power(d, POWER_STANDBY); break;
    case ATA_IDLE_NOW:
    case ATA_IDLE:
    case ATA_IDLE_NOW_OLD:
    case ATA_IDLE_OLD: disk_set_power(d, POWER_IDLE); break;
    case ATA_CHECK_POWER:
    case ATA_CHECK_POWER_OLD: disk_check_power(d); break;
    case ATA_SLEEP:
    case ATA_SLEEP_OLD: disk_set_power(d, POWER_SLEEP); break;
    default:
        if (command >> 4 == 1) /* RECALIBRATE, all sixteen of them */
            ide_end_later(d, IDE_ACCESS_NS);
        else if (command >> 4 == 7)
            disk_seek(d);
        else
            disk_data_command(d, command);
        break;
    }
}

static bool command_leaves_power(u8 command)
{
    return command == ATA_CHECK_POWER || command == ATA_CHECK_POWER_OLD ||
           command == ATA_IDENTIFY || command == ATA_SET_FEATURES;
}

static void disk_command(struct ide_drive *d, u8 command)
{
    struct ata_disk *k = &d->disk;

    if (k->power == POWER_SLEEP) {
        dev_guest(&d->ide->dev, "drive %u: command %02X while it sleeps", d->number, command);
        return;
    }
    if (!command_leaves_power(command))
        k->power = POWER_ACTIVE;
    k->command = command;
    k->ext = command_is_ext(command);
    k->left = k->chunk = 0;
    d->dma = false;
    d->error = 0;
    disk_dispatch(d, command);
}

/* --- reset and state ------------------------------------------------------------------------- */

static void disk_soft_reset(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    ide_set_signature(d, 0, 0);
    d->device = 0;
    k->power = POWER_ACTIVE;
    k->left = k->chunk = 0;
    if (!k->keep_settings)
        disk_default_settings(k);
    ide_end(d, STATUS_READY, ERROR_DIAG_PASSED, false);
}

static void disk_reset(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    k->keep_settings = false;
    k->max_sectors = k->sectors;
    k->dma_mode = ATA_MODE_MWDMA | 2;
    k->smart = true;
    k->command = 0;
    k->ext = false;
    k->lba = 0;
    k->block_sectors = 1;
    memset(k->sector_buffer, 0, sizeof k->sector_buffer);
    disk_soft_reset(d);
}

/* Everything that later arithmetic relies on. */
static bool disk_transfer_is_sound(const struct ide_drive *d)
{
    const struct ata_disk *k = &d->disk;
    bool moves = d->phase == PHASE_PIO_IN || d->phase == PHASE_PIO_OUT || d->phase == PHASE_DMA;
    bool works = d->step >= STEP_READ && d->step != STEP_FLUSH;
    u32 rest;

    if (k->lba > k->sectors || k->left > 65536 || k->chunk > CHUNK_SECTORS ||
        k->block_sectors < 1 || k->block_sectors > ATA_MULTIPLE_MAX)
        return false;
    if (!moves && !works)
        return true;
    if (k->left == 0) /* one sector through the registers, not from the medium */
        return moves && d->pos <= d->end && d->len == ATA_SECTOR;
    if (k->left > k->sectors - k->lba || k->chunk > k->left)
        return false;
    if (d->step == STEP_FETCH)
        return true;
    rest = moves && d->to_host ? k->chunk - disk_block(d, k->chunk) : 0;
    if (k->chunk == 0 || d->end + rest * ATA_SECTOR > d->len)
        return false;
    return d->step != STEP_READ || d->end + k->chunk * ATA_SECTOR <= d->len;
}

/* Chosen by the partition table as it was at the start. */
static void geometry_state(struct ata_geometry *g, struct state *s)
{
    state_u32(s, "cylinders", &g->cylinders);
    state_u8(s, "default_heads", &g->heads);
    state_u8(s, "default_sectors", &g->sectors);
    state_u16(s, "bios_cylinders", &g->bios_cylinders);
    state_u16(s, "bios_heads", &g->bios_heads);
    state_u8(s, "bios_sectors", &g->bios_sectors);
    state_bool(s, "from_partitions", &g->from_partitions);
    state_require(s, g->heads >= 1 && g->heads <= 16 && g->sectors >= 1,
                  "ide: the disk's geometry is not one");
}

static void disk_state(struct ide_drive *d, struct state *s)
{
    struct ata_disk *k = &d->disk;
    u64 sectors = k->sectors;

    state_u64(s, "sectors", &sectors);
    state_require(s, sectors == k->sectors, "ide: the disk is not the one that was saved");
    geometry_state(&k->geometry, s);
    state_u8(s, "heads", &k->heads);
    state_u8(s, "track_sectors", &k->track_sectors);
    state_u8(s, "multiple", &k->multiple);
    state_u64(s, "max_sectors", &k->max_sectors);
    state_u8(s, "dma_mode", &k->dma_mode);
    state_bool(s, "write_cache", &k->write_cache);
    state_bool(s, "look_ahead", &k->look_ahead);
    state_bool(s, "smart", &k->smart);
    state_bool(s, "keep_settings", &k->keep_settings);
    state_u8(s, "power", &k->power);
    state_u8(s, "command", &k->command);
    state_bool(s, "ext", &k->ext);
    state_u64(s, "lba", &k->lba);
    state_u32(s, "left", &k->left);
    state_u32(s, "chunk", &k->chunk);
    state_u32(s, "block_sectors", &k->block_sectors);
    state_bytes(s, "sector_buffer", k->sector_buffer, sizeof k->sector_buffer);
    state_require(s, k->heads >= 1 && k->heads <= 16 && k->track_sectors >= 1,
                  "ide: a translation without heads or sectors");
    state_require(s, k->multiple <= ATA_MULTIPLE_MAX, "ide: the block is too large");
    state_require(s, k->max_sectors >= 1 && k->max_sectors <= k->sectors,
                  "ide: the disk is larger than its image");
    state_require(s, disk_transfer_is_sound(d), "ide: the disk's transfer is not one");
}

static void disk_restart(struct ide_drive *d)
{
    struct ata_disk *k = &d->disk;

    if ((d->step == STEP_READ && !d->buffer_valid) || d->step == STEP_VERIFY)
        ide_start_read(d, k->lba, k->chunk);
    else if (d->step == STEP_WRITE)
        ide_start_write(d, k->lba, k->chunk, 0);
    else if (d->step == STEP_FLUSH)
        ide_start_flush(d);
}

const struct ide_ops ata_disk_ops = {
    .reset = disk_reset,
    .soft_reset = disk_soft_reset,
    .command = disk_command,
    .block_done = disk_block_done,
    .step = disk_step,
    .state = disk_state,
    .restart = disk_restart,
};
