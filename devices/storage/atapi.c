/*
 * ATAPI CD-ROM drive on an IDE channel: packets, media, sense data, reading.
 * Source: ATA/ATAPI-6 (T13/1410D), "PACKET command protocol"; MMC-3 (T10/1363-D); SFF-8020i r2.6.
 *
 *   PACKET -> 12 bytes from the host -> packet_run -> answer in the buffer -> STEP_CD_DATA,
 *   block by block -> end. Reads fill the buffer in chunks: STEP_CD_READ -> STEP_CD_DATA ...
 *
 * Not modelled: audio tracks (playing answers ILLEGAL MODE FOR THIS TRACK), sub-channel data,
 * overlapped commands. The unit attention after power-on is not raised: on a real PC the BIOS has
 * fetched it before anything boots.
 */
#include "devices/storage/atapi_private.h"

#include <errno.h>
#include <string.h>

/* Interrupt reason, in the sector count register. */
enum { REASON_COMMAND = 0x01, REASON_TO_HOST = 0x02 };

enum { PACKET_DMA = 0x01, PACKET_OVERLAP = 0x02 };
enum { MID_SIGNATURE = 0x14, HIGH_SIGNATURE = 0xEB, LIMIT_MAX = 0xFFFE };
enum { CD_BLK_SECTORS = CD_SECTOR / ATA_SECTOR };

bool atapi_has_medium(const struct ide_drive *d)
{
    return !d->cd.tray_open && d->cd.medium_sectors != 0;
}

/* --- how a packet command ends --------------------------------------------------------------- */

static void packet_end(struct ide_drive *d)
{
    ide_set_reg(&d->count, REASON_COMMAND | REASON_TO_HOST);
    ide_end(d, STATUS_READY, 0, true);
}

static void set_sense(struct ide_drive *d, u8 key, u16 code)
{
    d->cd.sense_key = key;
    d->cd.asc = (u8)(code >> 8);
    d->cd.ascq = (u8)code;
}

/* CHECK CONDITION. */
static void packet_check(struct ide_drive *d, u8 key, u16 code)
{
    set_sense(d, key, code);
    dev_trace(&d->ide->dev, "drive %u: packet %02X: sense %X/%04X", d->number, d->cd.cdb[0], key,
              code);
    d->cd.left = 0;
    ide_set_reg(&d->count, REASON_COMMAND | REASON_TO_HOST);
    ide_end(d, STATUS_READY | STATUS_ERR, (u8)(key << 4 | ERROR_ABRT), true);
}

static void packet_no_medium(struct ide_drive *d)
{
    packet_check(d, KEY_NOT_READY, d->cd.tray_open ? ASC_NO_MEDIUM_OPEN : ASC_NO_MEDIUM_CLOSED);
}

/* The disc went away under a command: an attention now, if there is another. */
static void packet_medium_lost(struct ide_drive *d)
{
    if (!atapi_has_medium(d)) {
        packet_no_medium(d);
        return;
    }
    d->cd.medium_changed = false;
    packet_check(d, KEY_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
}

static void packet_invalid_field(struct ide_drive *d)
{
    packet_check(d, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
}

/* --- data to the host ------------------------------------------------------------------------ */

/* The next block of the answer, not longer than the host asked. */
static void packet_present(struct ide_drive *d)
{
    u32 rest = d->len - d->end;
    u32 n = rest;

    if (!d->cd.packet_dma && n > d->cd.limit)
        n = d->cd.limit & ~1u; /* only the last block may be odd */
    d->pos = d->end;
    d->dma = d->cd.packet_dma;
    ide_set_reg(&d->count, REASON_TO_HOST);
    ide_set_reg(&d->lba_mid, (u8)n);
    ide_set_reg(&d->lba_high, (u8)(n >> 8));
    ide_start_block(d, true, n, true);
}

/* `len` bytes are in the buffer; the host takes at most `allocation`. */
static void packet_reply(struct ide_drive *d, u32 len, u32 allocation)
{
    d->len = (u32)min_u64(len, allocation);
    d->pos = d->end = 0;
    d->buffer_valid = true;
    if (d->len == 0)
        packet_end(d);
    else
        ide_busy(d, STEP_CD_DATA, IDE_COMMAND_NS);
}

/* --- reading --------------------------------------------------------------------------------- */

static u32 read_chunk(const struct ide_drive *d)
{
    u32 block = (u32)max_u64(cd_field_bytes(d->cd.fields), CD_SECTOR);

    return (u32)min_u64(d->cd.left, IDE_BUFFER_BYTES / block);
}

static void read_start(struct ide_drive *d, u64 extra_ns)
{
    struct atapi *c = &d->cd;

    c->chunk = read_chunk(d);
    d->pos = d->end = 0;
    d->len = c->chunk * cd_field_bytes(c->fields);
    ide_start_read(d, (u64)c->lba * CD_BLK_SECTORS, c->chunk * CD_BLK_SECTORS);
    ide_busy(d, STEP_CD_READ, extra_ns + (u64)d->len * IDE_BYTE_NS);
}

/* Raw sectors are longer than those of the image: from the last one to the first, in place. */
static void read_expand(struct ide_drive *d)
{
    u32 bytes = cd_field_bytes(d->cd.fields), i;
    u8 user[CD_SECTOR];

    if (d->cd.fields == CD_USER)
        return;
    for (i = d->cd.chunk; i-- > 0;) {
        memcpy(user, d->buffer + (size_t)i * CD_SECTOR, sizeof user);
        cd_fields(d->cd.lba + i, d->cd.fields, user, d->buffer + (size_t)i * bytes);
    }
}

/* Parts shorter than a sector shrink, from the first one to the last. */
static void read_shrink(struct ide_drive *d)
{
    u32 bytes = cd_field_bytes(d->cd.fields), i;
    u8 user[CD_SECTOR];

    for (i = 0; i < d->cd.chunk; i++) {
        memcpy(user, d->buffer + (size_t)i * CD_SECTOR, sizeof user);
        cd_fields(d->cd.lba + i, d->cd.fields, user, d->buffer + (size_t)i * bytes);
    }
}

static void read_done(struct ide_drive *d)
{
    struct atapi *c = &d->cd;
    int error = ide_finish(d);

    if (d->medium_lost) {
        packet_medium_lost(d);
        return;
    }
    if (error) {
        ide_tell_error(d, "reading", error);
        packet_check(d, KEY_MEDIUM_ERROR, ASC_UNRECOVERED_READ);
        return;
    }
    if (cd_field_bytes(c->fields) < CD_SECTOR)
        read_shrink(d);
    else
        read_expand(d);
    c->lba += c->chunk;
    c->left -= c->chunk;
    d->buffer_valid = true;
    packet_present(d);
}

static void read_blocks(struct ide_drive *d, u32 lba, u32 count, u8 fields)
{
    struct atapi *c = &d->cd;

    if (lba >= c->medium_sectors || count > c->medium_sectors - lba) {
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_OUT_OF_RANGE);
        return;
    }
    if (count == 0 || cd_field_bytes(fields) == 0) {
        packet_end(d);
        return;
    }
    c->lba = lba;
    c->left = count;
    c->fields = fields;
    read_start(d, IDE_ACCESS_NS);
}

/* READ CD and READ CD MSF, of `count` sectors. */
static void read_cd(struct ide_drive *d, u32 lba, u32 count)
{
    const u8 *cdb = d->cd.cdb;
    u8 type = cdb[1] >> 2 & 7;
    u8 fields = cdb[9] & (CD_SYNC | CD_HEADER | CD_USER | CD_EDC_ECC);

    if (cdb[9] & 0x06 || cdb[10] & 0x07) /* C2 pointers, sub-channels */
        packet_invalid_field(d);
    else if (type != 0 && type != 2) /* any, mode 1 */
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_WRONG_TRACK);
    else
        read_blocks(d, lba, count, fields);
}

static void read_cd_msf(struct ide_drive *d)
{
    u32 first, end;

    if (!cd_lba(d->cd.cdb + 3, &first) || !cd_lba(d->cd.cdb + 6, &end) || end < first)
        packet_invalid_field(d);
    else
        read_cd(d, first, end - first);
}

/* --- tray and disc --------------------------------------------------------------------------- */

void atapi_change_medium(struct ide_drive *d, struct blk *blk)
{
    struct atapi *c = &d->cd;

    ide_finish(d);
    d->medium_lost = d->phase != PHASE_IDLE;
    c->event.removed |= c->medium_sectors != 0 && !c->tray_open;
    c->event.new_medium = blk != NULL;
    c->event.eject_request = false;
    c->medium_changed = blk != NULL;
    c->tray_open = false;
    d->blk = blk;
    d->told_error = false;
    c->medium_sectors = blk ? (blk_sectors(blk) + CD_BLK_SECTORS - 1) / CD_BLK_SECTORS : 0;
}

bool atapi_take_disc(struct ide_drive *d)
{
    if (!d->cd.tray_open || !d->cd.medium_sectors)
        return false;
    d->blk = NULL; /* nothing reads from an open tray */
    d->cd.medium_sectors = 0;
    return true;
}

static void tray_open(struct ide_drive *d)
{
    struct atapi *c = &d->cd;
    struct ide *ide = d->ide;

    c->event.removed |= atapi_has_medium(d);
    c->event.new_medium = false;
    c->tray_open = true;
    c->medium_changed = false;
    packet_end(d);
    if (ide->ejected)
        ide->ejected(ide->ejected_opaque, d->number);
}

static void tray_close(struct ide_drive *d)
{
    struct atapi *c = &d->cd;

    if (c->tray_open && c->medium_sectors) {
        c->medium_changed = true;
        c->event.new_medium = true;
    }
    c->tray_open = false;
    packet_end(d);
}

static void start_stop(struct ide_drive *d)
{
    enum { START = 1, LOAD_EJECT = 2, POWER_CONDITIONS = 0xF0 };
    u8 v = d->cd.cdb[4];

    if (v & POWER_CONDITIONS || !(v & LOAD_EJECT))
        packet_end(d); /* spinning up and down takes no time here */
    else if (v & START)
        tray_close(d);
    else if (d->cd.locked)
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED);
    else
        tray_open(d);
}

/* --- MODE SELECT ----------------------------------------------------------------------------- */

static void mode_select(struct ide_drive *d)
{
    u32 len = get_be16(d->cd.cdb + 7);

    if (len == 0) {
        packet_end(d);
        return;
    }
    if (len > MODE_SELECT_MAX || len > d->cd.limit) {
        packet_invalid_field(d);
        return;
    }
    d->pos = d->end = d->len = 0;
    d->dma = d->cd.packet_dma;
    ide_set_reg(&d->count, 0);
    ide_set_reg(&d->lba_mid, (u8)len);
    ide_set_reg(&d->lba_high, (u8)(len >> 8));
    ide_start_block(d, false, len, true);
}

static void mode_list_came(struct ide_drive *d)
{
    if (atapi_select_mode(d, d->buffer, d->len))
        packet_end(d);
    else
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAMETER);
}

/* --- packet commands ------------------------------------------------------------------------- */

static void run_test_unit_ready(struct ide_drive *d)
{
    packet_end(d);
}

static void run_prevent_allow(struct ide_drive *d)
{
    d->cd.locked = d->cd.cdb[4] & 1;
    packet_end(d);
}

static void run_read_10(struct ide_drive *d)
{
    read_blocks(d, get_be32(d->cd.cdb + 2), get_be16(d->cd.cdb + 7), CD_USER);
}

static void run_read_12(struct ide_drive *d)
{
    read_blocks(d, get_be32(d->cd.cdb + 2), get_be32(d->cd.cdb + 6), CD_USER);
}

static void run_read_cd(struct ide_drive *d)
{
    read_cd(d, get_be32(d->cd.cdb + 2), get_be24(d->cd.cdb + 6));
}

static void run_seek(struct ide_drive *d)
{
    if (get_be32(d->cd.cdb + 2) >= d->cd.medium_sectors)
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_OUT_OF_RANGE);
    else
        packet_end(d);
}

static void run_play_audio(struct ide_drive *d)
{
    packet_check(d, KEY_ILLEGAL_REQUEST, ASC_WRONG_TRACK);
}

static void run_pause(struct ide_drive *d)
{
    packet_check(d, KEY_ILLEGAL_REQUEST, ASC_SEQUENCE); /* nothing plays */
}

static void packet_answer(struct ide_drive *d, u32 len, u32 allocation)
{
    if (len == 0)
        packet_invalid_field(d);
    else
        packet_reply(d, len, allocation);
}

static void run_request_sense(struct ide_drive *d)
{
    /* With nothing else to say, an attention that waits is told here. */
    if (d->cd.sense_key == KEY_NONE && d->cd.medium_changed) {
        d->cd.medium_changed = false;
        set_sense(d, KEY_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
    }
    packet_answer(d, atapi_reply_sense(d, d->buffer), d->cd.cdb[4]);
}

static void run_inquiry(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_inquiry(d, d->buffer), d->cd.cdb[4]);
}

static void run_read_capacity(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_capacity(d, d->buffer), 8);
}

static void run_read_toc(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_toc(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_read_subchannel(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_subchannel(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_read_header(struct ide_drive *d)
{
    if (get_be32(d->cd.cdb + 2) >= d->cd.medium_sectors)
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_OUT_OF_RANGE);
    else
        packet_answer(d, atapi_reply_header(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_get_configuration(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_configuration(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_get_event(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_event(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_read_disc(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_disc(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_read_track(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_track(d, d->buffer), get_be16(d->cd.cdb + 7));
}

static void run_mechanism(struct ide_drive *d)
{
    packet_answer(d, atapi_reply_mechanism(d, d->buffer), get_be16(d->cd.cdb + 8));
}

static void run_mode_sense(struct ide_drive *d)
{
    if (d->cd.cdb[2] >> 6 == 3)
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_NO_SAVED_PAGES);
    else
        packet_answer(d, atapi_reply_mode(d, d->buffer), get_be16(d->cd.cdb + 7));
}

enum packet_needs {
    NEEDS_NOTHING = 0,
    IGNORES_ATTENTION = 1, /* runs in spite of a unit attention */
    NEEDS_MEDIUM = 2,
};

static const struct packet {
    u8 code, needs;
    void (*run)(struct ide_drive *d);
} packets[] = {
    {CMD_TEST_UNIT_READY, NEEDS_MEDIUM, run_test_unit_ready},
    {CMD_REQUEST_SENSE, IGNORES_ATTENTION, run_request_sense},
    {CMD_INQUIRY, IGNORES_ATTENTION, run_inquiry},
    {CMD_START_STOP, NEEDS_NOTHING, start_stop},
    {CMD_PREVENT_ALLOW, NEEDS_NOTHING, run_prevent_allow},
    {CMD_READ_CAPACITY, NEEDS_MEDIUM, run_read_capacity},
    {CMD_READ_10, NEEDS_MEDIUM, run_read_10},
    {CMD_SEEK_10, NEEDS_MEDIUM, run_seek},
    {CMD_VERIFY_10, NEEDS_MEDIUM, run_seek},
    {CMD_READ_SUBCHANNEL, NEEDS_MEDIUM, run_read_subchannel},
    {CMD_READ_TOC, NEEDS_MEDIUM, run_read_toc},
    {CMD_READ_HEADER, NEEDS_MEDIUM, run_read_header},
    {CMD_PLAY_AUDIO_10, NEEDS_MEDIUM, run_play_audio},
    {CMD_GET_CONFIGURATION, IGNORES_ATTENTION, run_get_configuration},
    {CMD_PLAY_AUDIO_MSF, NEEDS_MEDIUM, run_play_audio},
    {CMD_GET_EVENT_STATUS, IGNORES_ATTENTION, run_get_event},
    {CMD_PAUSE_RESUME, NEEDS_MEDIUM, run_pause},
    {CMD_STOP_PLAY, NEEDS_MEDIUM, run_test_unit_ready},
    {CMD_READ_DISC_INFORMATION, NEEDS_MEDIUM, run_read_disc},
    {CMD_READ_TRACK_INFORMATION, NEEDS_MEDIUM, run_read_track},
    {CMD_MODE_SELECT_10, NEEDS_NOTHING, mode_select},
    {CMD_MODE_SENSE_10, NEEDS_NOTHING, run_mode_sense},
    {CMD_PLAY_AUDIO_12, NEEDS_MEDIUM, run_play_audio},
    {CMD_READ_12, NEEDS_MEDIUM, run_read_12},
    {CMD_READ_CD_MSF, NEEDS_MEDIUM, read_cd_msf},
    {CMD_SCAN, NEEDS_MEDIUM, run_play_audio},
    {CMD_SET_CD_SPEED, NEEDS_NOTHING, run_test_unit_ready},
    {CMD_MECHANISM_STATUS, IGNORES_ATTENTION, run_mechanism},
    {CMD_READ_CD, NEEDS_MEDIUM, run_read_cd},
};

static void packet_run(struct ide_drive *d)
{
    struct atapi *c = &d->cd;
    const struct packet *p = packets;

    dev_trace(&d->ide->dev, "drive %u: packet %02X", d->number, c->cdb[0]);
    d->medium_lost = false; /* a disc that left before the command came is no loss to it */
    while (p < packets + ARRAY_LEN(packets) && p->code != c->cdb[0])
        p++;
    if (c->cdb[0] != CMD_REQUEST_SENSE)
        set_sense(d, KEY_NONE, 0);
    if (p == packets + ARRAY_LEN(packets)) {
        dev_unimp(&d->ide->dev, "drive %u: packet command %02X, refused", d->number, c->cdb[0]);
        packet_check(d, KEY_ILLEGAL_REQUEST, ASC_INVALID_COMMAND);
    } else if (c->medium_changed && !(p->needs & IGNORES_ATTENTION)) {
        c->medium_changed = false;
        packet_check(d, KEY_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
    } else if (p->needs & NEEDS_MEDIUM && !atapi_has_medium(d)) {
        packet_no_medium(d);
    } else {
        p->run(d);
    }
}

/* --- the drive's side of the channel --------------------------------------------------------- */

static void cd_block_done(struct ide_drive *d)
{
    struct atapi *c = &d->cd;

    if (!d->to_host && c->wants_packet) {
        c->wants_packet = false;
        memcpy(c->cdb, d->buffer, CDB_BYTES);
        packet_run(d);
    } else if (!d->to_host) {
        mode_list_came(d);
    } else if (d->end < d->len) {
        ide_busy(d, STEP_CD_DATA, IDE_COMMAND_NS);
    } else if (c->left == 0) {
        packet_end(d);
    } else if (d->medium_lost) {
        packet_medium_lost(d);
    } else {
        read_start(d, 0);
    }
}

static void cd_step(struct ide_drive *d, enum ide_step step)
{
    if (step == STEP_CD_READ)
        read_done(d);
    else
        packet_present(d);
}

static void cd_signature(struct ide_drive *d)
{
    ide_set_signature(d, MID_SIGNATURE, HIGH_SIGNATURE);
    d->device = 0;
}

static void cd_packet(struct ide_drive *d)
{
    struct atapi *c = &d->cd;
    u32 limit = d->lba_mid.now | (u32)d->lba_high.now << 8;

    if (d->feature.now & PACKET_OVERLAP) {
        ide_fail_later(d, ERROR_ABRT);
        return;
    }
    /* Zero is not allowed; drives of the time took it for the largest. */
    c->limit = limit == 0 || limit > LIMIT_MAX ? LIMIT_MAX : limit == 1 ? 2 : (u16)limit;
    c->packet_dma = d->feature.now & PACKET_DMA;
    c->wants_packet = true;
    d->pos = d->end = d->len = 0;
    ide_set_reg(&d->count, REASON_COMMAND);
    ide_start_block(d, false, CDB_BYTES, false);
}

static void cd_set_features(struct ide_drive *d)
{
    if (d->feature.now == 0x03 && ata_transfer_mode(d->count.now, &d->cd.dma_mode))
        ide_end_later(d, IDE_COMMAND_NS);
    else
        ide_fail_later(d, ERROR_ABRT);
}

static void cd_soft_reset(struct ide_drive *d)
{
    struct atapi *c = &d->cd;

    cd_signature(d);
    c->wants_packet = false;
    c->left = c->chunk = 0;
    /* A packet device is not DRDY until its first command. */
    ide_end(d, 0, ERROR_DIAG_PASSED, false);
}

static void cd_command(struct ide_drive *d, u8 command)
{
    d->dma = false;
    d->error = 0;
    d->medium_lost = false;
    d->cd.wants_packet = false;
    d->cd.left = d->cd.chunk = 0;
    switch (command) {
    case ATA_PACKET: cd_packet(d); break;
    case ATA_IDENTIFY_PACKET:
        atapi_identify(d, d->buffer);
        ide_present_later(d, ATA_SECTOR, IDE_COMMAND_NS);
        break;
    case ATA_DEVICE_RESET:
        ide_stop(d);
        cd_soft_reset(d);
        break;
    case ATA_SET_FEATURES: cd_set_features(d); break;
    case ATA_CHECK_POWER:
        ide_set_reg(&d->count, 0xFF); /* active */
        ide_end_later(d, IDE_COMMAND_NS);
        break;
    case ATA_IDLE_NOW:
    case ATA_STANDBY_NOW:
    case ATA_SLEEP: ide_end_later(d, IDE_COMMAND_NS); break;
    case ATA_IDENTIFY:
    case ATA_READ_SECTORS:
    case ATA_READ_SECTORS + 1:
        /* How a host that expects a disk finds that this is none. */
        cd_signature(d);
        ide_fail_later(d, ERROR_ABRT);
        break;
    default:
        if (command != ATA_NOP)
            dev_unimp(&d->ide->dev, "drive %u: command %02X, aborted", d->number, command);
        ide_fail_later(d, ERROR_ABRT);
        break;
    }
}

static void cd_reset(struct ide_drive *d)
{
    struct atapi *c = &d->cd;

    /* Tray and disc stay as they are: the drive's power does not move them. */
    c->locked = false;
    c->medium_changed = false;
    memset(&c->event, 0, sizeof c->event);
    set_sense(d, KEY_NONE, 0);
    c->dma_mode = ATA_MODE_MWDMA | 2;
    memset(c->cdb, 0, sizeof c->cdb);
    c->packet_dma = false;
    c->limit = LIMIT_MAX;
    c->lba = 0;
    c->fields = CD_USER;
    c->error_recovery = 0;
    memcpy(c->audio_volume, (const u8[8]){1, 0xFF, 2, 0xFF}, 8);
    cd_soft_reset(d);
}

/* Everything that later arithmetic relies on. */
static bool cd_transfer_is_sound(const struct ide_drive *d)
{
    const struct atapi *c = &d->cd;

    bool moves = d->phase == PHASE_PIO_IN || d->phase == PHASE_PIO_OUT || d->phase == PHASE_DMA;

    if (c->limit < 2 || c->fields & (u8) ~(CD_SYNC | CD_HEADER | CD_USER | CD_EDC_ECC))
        return false;
    if (!moves && d->step != STEP_CD_READ && d->step != STEP_CD_DATA)
        return true;
    if (moves && !d->to_host)
        return d->end == d->len && (!c->wants_packet || d->len == CDB_BYTES);
    if (d->step == STEP_CD_DATA && (d->end >= d->len || !d->buffer_valid))
        return false;
    if (c->left && !d->medium_lost &&
        (c->lba > c->medium_sectors || c->left > c->medium_sectors - c->lba))
        return false;
    if (c->left && cd_field_bytes(c->fields) == 0)
        return false;
    if (d->step != STEP_CD_READ)
        return true;
    return c->left > 0 && c->chunk == read_chunk(d) && d->end == 0 &&
           d->len == c->chunk * cd_field_bytes(c->fields);
}

static void cd_state(struct ide_drive *d, struct state *s)
{
    struct atapi *c = &d->cd;
    u64 sectors = c->medium_sectors;

    state_u64(s, "medium_sectors", &sectors);
    state_require(s, sectors == c->medium_sectors, "ide: the CD is not the one that was saved");
    state_bool(s, "tray_open", &c->tray_open);
    state_bool(s, "locked", &c->locked);
    state_bool(s, "medium_changed", &c->medium_changed);
    state_bool(s, "event_new", &c->event.new_medium);
    state_bool(s, "event_removed", &c->event.removed);
    state_bool(s, "event_request", &c->event.eject_request);
    state_u8(s, "sense_key", &c->sense_key);
    state_u8(s, "asc", &c->asc);
    state_u8(s, "ascq", &c->ascq);
    state_u8(s, "dma_mode", &c->dma_mode);
    state_bytes(s, "cdb", c->cdb, sizeof c->cdb);
    state_bool(s, "wants_packet", &c->wants_packet);
    state_bool(s, "packet_dma", &c->packet_dma);
    state_u16(s, "limit", &c->limit);
    state_u32(s, "lba", &c->lba);
    state_u32(s, "left", &c->left);
    state_u32(s, "chunk", &c->chunk);
    state_u8(s, "fields", &c->fields);
    state_u8(s, "error_recovery", &c->error_recovery);
    state_bytes(s, "audio_volume", c->audio_volume, sizeof c->audio_volume);
    state_require(s, cd_transfer_is_sound(d), "ide: the CD-ROM drive's transfer is not one");
}

static void cd_restart(struct ide_drive *d)
{
    struct atapi *c = &d->cd;

    if (d->step == STEP_CD_READ && !d->medium_lost)
        ide_start_read(d, (u64)c->lba * CD_BLK_SECTORS, c->chunk * CD_BLK_SECTORS);
}

const struct ide_ops atapi_ops = {
    .reset = cd_reset,
    .soft_reset = cd_soft_reset,
    .command = cd_command,
    .block_done = cd_block_done,
    .step = cd_step,
    .state = cd_state,
    .restart = cd_restart,
};
