/* What atapi.c (the drive) and atapi_replies.c (what it answers) share. */
#ifndef DEVICES_STORAGE_ATAPI_PRIVATE_H
#define DEVICES_STORAGE_ATAPI_PRIVATE_H

#include "devices/storage/ata_private.h"

/* Packet commands. */
enum {
    CMD_TEST_UNIT_READY = 0x00,
    CMD_REQUEST_SENSE = 0x03,
    CMD_INQUIRY = 0x12,
    CMD_START_STOP = 0x1B,
    CMD_PREVENT_ALLOW = 0x1E,
    CMD_READ_CAPACITY = 0x25,
    CMD_READ_10 = 0x28,
    CMD_SEEK_10 = 0x2B,
    CMD_VERIFY_10 = 0x2F,
    CMD_READ_SUBCHANNEL = 0x42,
    CMD_READ_TOC = 0x43,
    CMD_READ_HEADER = 0x44,
    CMD_PLAY_AUDIO_10 = 0x45,
    CMD_GET_CONFIGURATION = 0x46,
    CMD_PLAY_AUDIO_MSF = 0x47,
    CMD_GET_EVENT_STATUS = 0x4A,
    CMD_PAUSE_RESUME = 0x4B,
    CMD_STOP_PLAY = 0x4E,
    CMD_READ_DISC_INFORMATION = 0x51,
    CMD_READ_TRACK_INFORMATION = 0x52,
    CMD_MODE_SELECT_10 = 0x55,
    CMD_MODE_SENSE_10 = 0x5A,
    CMD_PLAY_AUDIO_12 = 0xA5,
    CMD_READ_12 = 0xA8,
    CMD_READ_CD_MSF = 0xB9,
    CMD_SCAN = 0xBA,
    CMD_SET_CD_SPEED = 0xBB,
    CMD_MECHANISM_STATUS = 0xBD,
    CMD_READ_CD = 0xBE,
};

/* Sense keys, and additional codes as ASC << 8 | ASCQ. */
enum { KEY_NONE, KEY_NOT_READY = 2, KEY_MEDIUM_ERROR, KEY_HARDWARE_ERROR, KEY_ILLEGAL_REQUEST };
enum { KEY_UNIT_ATTENTION = 6 };
enum {
    ASC_UNRECOVERED_READ = 0x1100,
    ASC_INVALID_COMMAND = 0x2000,
    ASC_OUT_OF_RANGE = 0x2100,
    ASC_INVALID_FIELD = 0x2400,
    ASC_INVALID_PARAMETER = 0x2600,
    ASC_MEDIUM_CHANGED = 0x2800,
    ASC_SEQUENCE = 0x2C00,
    ASC_NO_SAVED_PAGES = 0x3900,
    ASC_NO_MEDIUM_CLOSED = 0x3A01,
    ASC_NO_MEDIUM_OPEN = 0x3A02,
    ASC_REMOVAL_PREVENTED = 0x5302,
    ASC_WRONG_TRACK = 0x6400,
};

enum { MODE_HEADER_BYTES = 8, MODE_SELECT_MAX = 256, AUDIO_PAGE_BYTES = 14 };

static inline u16 get_be16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

static inline u32 get_be24(const u8 *p)
{
    return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

static inline u32 get_be32(const u8 *p)
{
    return (u32)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void put_be16(u8 *p, u32 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

static inline void put_be32(u8 *p, u32 v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

bool atapi_has_medium(const struct ide_drive *d);

/*
 * Each builds the answer to d->cd.cdb in `out` (room for a sector) and returns its whole length,
 * which the allocation length then cuts; 0 means that a field of the command is invalid.
 */
u32 atapi_reply_sense(struct ide_drive *d, u8 *out);
u32 atapi_reply_inquiry(const struct ide_drive *d, u8 *out);
u32 atapi_reply_capacity(const struct ide_drive *d, u8 *out);
u32 atapi_reply_toc(const struct ide_drive *d, u8 *out);
u32 atapi_reply_subchannel(const struct ide_drive *d, u8 *out);
u32 atapi_reply_header(const struct ide_drive *d, u8 *out);
u32 atapi_reply_configuration(const struct ide_drive *d, u8 *out);
u32 atapi_reply_event(struct ide_drive *d, u8 *out);
u32 atapi_reply_disc(const struct ide_drive *d, u8 *out);
u32 atapi_reply_track(const struct ide_drive *d, u8 *out);
u32 atapi_reply_mechanism(const struct ide_drive *d, u8 *out);
u32 atapi_reply_mode(const struct ide_drive *d, u8 *out);

/* Take the parameter list of MODE SELECT; false if a field of it is invalid. */
bool atapi_select_mode(struct ide_drive *d, const u8 *list, u32 len);

#endif
