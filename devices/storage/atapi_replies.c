/*
 * ATAPI CD-ROM drive: what its packet commands answer. A disc is one session with one data track
 * in mode 1.
 * Source: MMC-3 (T10/1363-D), the section of each command; SFF-8020i r2.6 for PLAY AUDIO's world;
 * SPC-2 for INQUIRY and sense data.
 */
#include "devices/storage/atapi_private.h"

#include <string.h>

enum { LEAD_OUT = 0xAA, DATA_TRACK = 0x14 /* ADR 1, control: data track */ };

static u32 medium_sectors(const struct ide_drive *d)
{
    return (u32)d->cd.medium_sectors;
}

/* An address as LBA, or as MSF with a zero in front. */
static void put_address(u8 *out, u32 lba, bool msf)
{
    if (!msf) {
        put_be32(out, lba);
        return;
    }
    out[0] = 0;
    cd_msf(lba, out + 1);
}

u32 atapi_reply_sense(struct ide_drive *d, u8 *out)
{
    struct atapi *c = &d->cd;

    memset(out, 0, 18);
    out[0] = 0x70; /* current error, fixed format */
    out[2] = c->sense_key;
    out[7] = 10;
    out[12] = c->asc;
    out[13] = c->ascq;
    c->sense_key = c->asc = c->ascq = 0;
    return 18;
}

u32 atapi_reply_inquiry(const struct ide_drive *d, u8 *out)
{
    if (d->cd.cdb[1] & 1 || d->cd.cdb[2]) /* no vital product data */
        return 0;
    memset(out, 0, 36);
    out[0] = 0x05; /* CD-ROM */
    out[1] = 0x80; /* removable medium */
    out[3] = 0x21; /* ATAPI version 2, response format 1 */
    out[4] = 31;
    memcpy(out + 8, "BYGONE  CD-ROM          1.0 ", 28);
    return 36;
}

u32 atapi_reply_capacity(const struct ide_drive *d, u8 *out)
{
    put_be32(out, medium_sectors(d) - 1);
    put_be32(out + 4, CD_SECTOR);
    return 8;
}

/* --- table of contents ----------------------------------------------------------------------- */

static void toc_entry(u8 *out, u8 track, u32 lba, bool msf)
{
    out[0] = 0;
    out[1] = DATA_TRACK;
    out[2] = track;
    out[3] = 0;
    put_address(out + 4, lba, msf);
}

static u32 toc_tracks(const struct ide_drive *d, u8 *out, bool msf)
{
    u8 first = d->cd.cdb[6];
    u32 len = 4;

    if (first > 1 && first != LEAD_OUT)
        return 0;
    if (first <= 1) {
        toc_entry(out + len, 1, 0, msf);
        len += 8;
    }
    toc_entry(out + len, LEAD_OUT, medium_sectors(d), msf);
    return len + 8;
}

static u32 toc_sessions(u8 *out, bool msf)
{
    toc_entry(out + 4, 1, 0, msf); /* the first track of the last session */
    return 12;
}

/* One line of the Q channel in the lead-in; the point's value always as MSF. */
static void toc_raw_entry(u8 *out, u8 point, const u8 value[3])
{
    memset(out, 0, 11);
    out[0] = 1; /* session */
    out[1] = DATA_TRACK;
    out[3] = point;
    memcpy(out + 8, value, 3);
}

static u32 toc_raw(const struct ide_drive *d, u8 *out)
{
    u8 msf[3];

    toc_raw_entry(out + 4, 0xA0, (const u8[]){1, 0, 0}); /* first track, type of disc */
    toc_raw_entry(out + 15, 0xA1, (const u8[]){1, 0, 0});
    cd_msf(medium_sectors(d), msf);
    toc_raw_entry(out + 26, 0xA2, msf);
    cd_msf(0, msf);
    toc_raw_entry(out + 37, 1, msf);
    return 48;
}

u32 atapi_reply_toc(const struct ide_drive *d, u8 *out)
{
    const u8 *cdb = d->cd.cdb;
    bool msf = cdb[1] & 2;
    u8 format = cdb[2] & 0x0F;
    u32 len;

    if (format == 0)
        format = cdb[9] >> 6; /* where SFF-8020i has it */
    out[2] = out[3] = 1;      /* first and last track, or session */
    switch (format) {
    case 0: len = toc_tracks(d, out, msf); break;
    case 1: len = toc_sessions(out, msf); break;
    case 2: len = toc_raw(d, out); break;
    default: return 0;
    }
    if (len)
        put_be16(out, len - 2);
    return len;
}

u32 atapi_reply_subchannel(const struct ide_drive *d, u8 *out)
{
    const u8 *cdb = d->cd.cdb;
    bool msf = cdb[1] & 2;
    u32 len = 4;

    memset(out, 0, 24);
    out[1] = 0x15; /* no audio status to return */
    if (cdb[2] & 0x40) {
        out[4] = cdb[3];
        switch (cdb[3]) {
        case 1: /* where the head is: the drive does not play, so at the start */
            out[5] = DATA_TRACK;
            out[6] = out[7] = 1;
            put_address(out + 8, 0, msf);
            put_address(out + 12, 0, false);
            len = 16;
            break;
        case 2: /* catalogue number: none on this disc */
        case 3: /* recording code of a track: likewise */ len = 24; break;
        default: return 0;
        }
    }
    put_be16(out + 2, len - 4);
    return len;
}

u32 atapi_reply_header(const struct ide_drive *d, u8 *out)
{
    u32 lba = get_be32(d->cd.cdb + 2);

    memset(out, 0, 8);
    out[0] = 1; /* mode 1 */
    put_address(out + 4, lba, d->cd.cdb[1] & 2);
    return 8;
}

/* --- the drive and its disc ------------------------------------------------------------------ */

struct feature {
    u16 code;
    u8 flags; /* version, persistent, current if a disc is in */
    u8 len;
    u8 data[8];
};

enum { FEATURE_CURRENT = 1, FEATURE_PERSISTENT = 2, FEATURE_NEEDS_DISC = 0x80 };

static const struct feature features[] = {
    {0x0000, FEATURE_PERSISTENT | FEATURE_CURRENT, 4, {0x00, 0x08, 0x00, 0}}, /* profiles */
    {0x0001, FEATURE_PERSISTENT | FEATURE_CURRENT, 4, {0, 0, 0, 2}},          /* core: ATAPI */
    {0x0003, FEATURE_PERSISTENT | FEATURE_CURRENT, 4, {0x29, 0, 0, 0}}, /* tray, eject, lock */
    {0x0010, FEATURE_NEEDS_DISC, 8, {0, 0, 0x08, 0, 0, 1, 0, 0}},       /* random readable */
    {0x001E, FEATURE_NEEDS_DISC, 0, {0}},                               /* reads CDs */
    {0x0100, FEATURE_PERSISTENT | FEATURE_CURRENT, 0, {0}},             /* power management */
};

static u8 feature_flags(const struct ide_drive *d, const struct feature *f)
{
    u8 flags = f->flags & (u8)~FEATURE_NEEDS_DISC;

    if (f->flags & FEATURE_NEEDS_DISC && atapi_has_medium(d))
        flags |= FEATURE_CURRENT;
    return flags;
}

/* RT: all features from the one given, only the current ones of them, or that one alone. */
static bool feature_wanted(const struct ide_drive *d, const struct feature *f)
{
    u16 start = get_be16(d->cd.cdb + 2);

    switch (d->cd.cdb[1] & 3) {
    case 0: return f->code >= start;
    case 1: return f->code >= start && feature_flags(d, f) & FEATURE_CURRENT;
    default: return f->code == start;
    }
}

u32 atapi_reply_configuration(const struct ide_drive *d, u8 *out)
{
    u32 len = 8;
    size_t i;

    if ((d->cd.cdb[1] & 3) == 3)
        return 0;
    memset(out, 0, 8);
    put_be16(out + 6, atapi_has_medium(d) ? 0x0008 : 0); /* current profile: CD-ROM */
    for (i = 0; i < ARRAY_LEN(features); i++) {
        const struct feature *f = &features[i];

        if (!feature_wanted(d, f))
            continue;
        put_be16(out + len, f->code);
        out[len + 2] = feature_flags(d, f);
        out[len + 3] = f->len;
        memcpy(out + len + 4, f->data, f->len);
        if (f->code == 0)
            out[len + 6] = atapi_has_medium(d) ? 1 : 0;
        len += 4u + f->len;
    }
    put_be32(out, len - 4);
    return len;
}

/* The oldest news of the tray, which is then forgotten. */
static u8 next_event(struct cd_event *e)
{
    if (e->eject_request) {
        e->eject_request = false;
        return 1;
    }
    if (e->removed) {
        e->removed = false;
        return 3;
    }
    if (e->new_medium) {
        e->new_medium = false;
        return 2;
    }
    return 0;
}

u32 atapi_reply_event(struct ide_drive *d, u8 *out)
{
    enum { CLASS_MEDIA = 4, NO_EVENT_AVAILABLE = 0x80 };
    const u8 *cdb = d->cd.cdb;

    if (!(cdb[1] & 1)) /* only polling */
        return 0;
    memset(out, 0, 8);
    out[3] = 1 << CLASS_MEDIA; /* supported classes */
    if (!(cdb[4] & 1 << CLASS_MEDIA)) {
        put_be16(out, 2);
        out[2] = NO_EVENT_AVAILABLE;
        return 4;
    }
    put_be16(out, 6);
    out[2] = CLASS_MEDIA;
    /* What does not fit the allocation is not lost: it is asked for again. */
    if (get_be16(cdb + 7) > 4)
        out[4] = next_event(&d->cd.event);
    out[5] = (u8)((d->cd.tray_open ? 1 : 0) | (atapi_has_medium(d) ? 2 : 0));
    return 8;
}

u32 atapi_reply_disc(const struct ide_drive *d, u8 *out)
{
    memset(out, 0, 34);
    put_be16(out, 32);
    out[2] = 0x0E; /* last session complete, disc complete */
    out[3] = 1;    /* first track */
    out[4] = 1;    /* sessions */
    out[5] = 1;    /* first and last track of the last session */
    out[6] = 1;
    out[7] = 0x20;             /* unrestricted use */
    memset(out + 16, 0xFF, 8); /* no further session can start */
    return 34;
}

u32 atapi_reply_track(const struct ide_drive *d, u8 *out)
{
    u8 kind = d->cd.cdb[1] & 3;
    u32 address = get_be32(d->cd.cdb + 2);

    if (kind == 3 || (kind == 0 ? address >= medium_sectors(d) : address != 1))
        return 0;
    memset(out, 0, 36);
    put_be16(out, 34);
    out[2] = out[3] = 1; /* track and session */
    out[5] = 0x04;       /* data track */
    out[6] = 0x01;       /* mode 1 */
    put_be32(out + 24, medium_sectors(d));
    return 36;
}

u32 atapi_reply_mechanism(const struct ide_drive *d, u8 *out)
{
    memset(out, 0, 8);
    out[1] = d->cd.tray_open ? 0x10 : 0;
    return 8;
}

/* --- mode pages ------------------------------------------------------------------------------ */

static u8 medium_type(const struct ide_drive *d)
{
    if (d->cd.tray_open)
        return 0x71;
    return atapi_has_medium(d) ? 0x01 : 0x70;
}

/* Read error recovery; the changeable value is its one parameter. */
static u32 page_error_recovery(const struct ide_drive *d, u8 *out, u8 control)
{
    memset(out, 0, 8);
    out[0] = 0x01;
    out[1] = 6;
    out[2] = control == 1 ? 0xFF : control == 2 ? 0 : d->cd.error_recovery;
    out[3] = control == 1 ? 0 : 5; /* retries */
    return 8;
}

static const u8 default_volume[8] = {1, 0xFF, 2, 0xFF, 0, 0, 0, 0};

static u32 page_audio(const struct ide_drive *d, u8 *out, u8 control)
{
    memset(out, 0, 2 + AUDIO_PAGE_BYTES);
    out[0] = 0x0E;
    out[1] = AUDIO_PAGE_BYTES;
    out[2] = control == 1 ? 0 : 0x04; /* immediate */
    if (control == 1)
        memset(out + 8, 0xFF, 8);
    else
        memcpy(out + 8, control == 2 ? default_volume : d->cd.audio_volume, 8);
    return 2 + AUDIO_PAGE_BYTES;
}

static u32 page_power(u8 *out)
{
    memset(out, 0, 12);
    out[0] = 0x1A;
    out[1] = 10;
    return 12;
}

static u32 page_capabilities(const struct ide_drive *d, u8 *out, u8 control)
{
    memset(out, 0, 20);
    out[0] = 0x2A;
    out[1] = 18;
    if (control == 1)
        return 20;
    out[4] = 0x70;                          /* mode 2 forms, multi-session; no audio play */
    out[6] = 0x29 | (d->cd.locked ? 2 : 0); /* tray, eject, lock */
    put_be16(out + 8, 0xFFFF);              /* kB/s: more than the field can say */
    put_be16(out + 12, IDE_BUFFER_BYTES / 1024);
    put_be16(out + 14, 0xFFFF);
    return 20;
}

u32 atapi_reply_mode(const struct ide_drive *d, u8 *out)
{
    u8 page = d->cd.cdb[2] & 0x3F, control = d->cd.cdb[2] >> 6;
    u32 len = MODE_HEADER_BYTES;

    memset(out, 0, MODE_HEADER_BYTES);
    out[2] = medium_type(d);
    if (page == 0x01 || page == 0x3F)
        len += page_error_recovery(d, out + len, control);
    if (page == 0x0E || page == 0x3F)
        len += page_audio(d, out + len, control);
    if (page == 0x1A || page == 0x3F)
        len += page_power(out + len);
    if (page == 0x2A || page == 0x3F)
        len += page_capabilities(d, out + len, control);
    put_be16(out, len - 2);
    return len == MODE_HEADER_BYTES ? 0 : len;
}

bool atapi_select_mode(struct ide_drive *d, const u8 *list, u32 len)
{
    u32 at = MODE_HEADER_BYTES + (len >= MODE_HEADER_BYTES ? get_be16(list + 6) : 0);

    while (at + 2 <= len) {
        const u8 *page = list + at;
        u32 bytes = 2u + page[1];

        if (at + bytes > len)
            return false;
        switch (page[0] & 0x3F) {
        case 0x01:
            if (page[1] != 6)
                return false;
            d->cd.error_recovery = page[2];
            break;
        case 0x0E:
            if (page[1] != AUDIO_PAGE_BYTES)
                return false;
            memcpy(d->cd.audio_volume, page + 8, 8);
            break;
        case 0x1A: break; /* nothing in it can be changed */
        default: return false;
        }
        at += bytes;
    }
    return true;
}
