/*
 * Disk, floppy and CD images in the machine's drives.
 */
#include "devices/board/board.h"

#include "base/log.h"
#include "devices/board/media_size.h"
#include "devices/board/snapregistry.h"
#include "devices/storage/fdc.h"
#include "devices/storage/floppy_geometry.h"
#include "devices/storage/ide.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const drive_names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};

static bool is_floppy(enum drive_id drive)
{
    return drive <= DRIVE_FDB;
}

static bool check_size(struct board *b, enum drive_id drive, bool cd, struct blk *blk, char *err,
                       size_t err_size)
{
    if (is_floppy(drive)) {
        if (floppy_geometry(blk_sectors(blk)))
            return true;
        snprintf(err, err_size, "%s: '%s': no floppy has %llu sectors; is it a hard disk (--hda)?",
                 drive_names[drive], blk_name(blk), (unsigned long long)blk_sectors(blk));
        return false;
    }
    if (media_is_whole(blk, drive_names[drive], cd, err, err_size))
        return true;
    if (b->config->discard)
        log_warn(b->log, "disk", "%s", err);
    return b->config->discard;
}

static struct blk *open_image(struct board *b, enum drive_id drive, bool cd, const char *path,
                              char *err, size_t err_size)
{
    unsigned flags = (cd ? BLK_READ_ONLY : 0) | (b->config->discard ? BLK_DISCARD : 0);
    struct blk *blk = blk_open(path, flags, b->log, err, err_size);

    if (!blk) {
        b->host_at_fault = board_is_hosts_fault(errno);
        return NULL;
    }
    if (!check_size(b, drive, cd, blk, err, err_size) ||
        (b->config->medium_opened &&
         !b->config->medium_opened(b->config->medium_opaque, drive, blk, err, err_size))) {
        blk_close(blk);
        return NULL;
    }
    blk_on_write_error(blk, b->write_error, b->write_error_opaque);
    return blk;
}

struct blk *media_open(struct board *b, enum drive_id drive, const char *path, char *err,
                       size_t err_size)
{
    return open_image(b, drive, b->drive[drive].is_cd, path, err, err_size);
}

/* One that the configuration brings, which a machine has run with already. */
static struct blk *take_image(struct board *b, unsigned drive, char *err, size_t err_size)
{
    struct blk *blk = b->config->open_medium(b->config->open_medium_opaque, drive);

    if (blk) {
        blk_on_write_error(blk, b->write_error, b->write_error_opaque);
        return blk;
    }
    b->host_at_fault = true;
    snprintf(err, err_size, "%s: '%.200s': cannot be taken over: %s", drive_names[drive],
             b->config->drive[drive], strerror(errno));
    return NULL;
}

bool media_open_all(struct board *b, char *err, size_t err_size)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct board_drive *d = &b->drive[i];
        const char *path = b->config->drive[i];

        d->is_cd = b->config->drive_is_cd[i];
        d->present = path || d->is_cd;
        if (!path)
            continue;
        d->blk = b->config->open_medium
                     ? take_image(b, i, err, err_size)
                     : open_image(b, (enum drive_id)i, d->is_cd, path, err, err_size);
        if (!d->blk)
            return false;
        snapregistry_adopt(b, i);
    }
    return true;
}

struct blk *media_swap(struct board *b, enum drive_id drive, struct blk *blk)
{
    struct blk *old = b->drive[drive].blk;

    if (is_floppy(drive))
        fdc_insert(b->fdc, drive - DRIVE_FDA, blk);
    else
        ide_force_insert(b->ide, drive - DRIVE_HDA, blk);
    b->drive[drive].blk = blk;
    b->ejected &= (u8) ~(1 << drive);
    return old;
}

/* The drive that reads this disk; an empty first drive takes 1.44M disks. */
static enum fdd_type type_for(const struct board *b, unsigned n)
{
    struct blk *blk = b->drive[DRIVE_FDA + n].blk;

    if (!blk)
        return n == 0 ? FDD_1440K : FDD_NONE;
    return floppy_geometry(blk_sectors(blk))->drive;
}

void media_attach(struct board *b)
{
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        fdc_set_drive_type(b->fdc, n, type_for(b, n));
        fdc_insert(b->fdc, n, b->drive[DRIVE_FDA + n].blk);
    }
    for (unsigned n = 0; n < IDE_DRIVES; n++) {
        struct board_drive *d = &b->drive[DRIVE_HDA + n];

        if (d->is_cd)
            ide_attach_cdrom(b->ide, n, d->blk);
        else if (d->blk)
            ide_attach_disk(b->ide, n, d->blk);
    }
}

static int fail(int code, char *err, size_t err_size, const char *drive, const char *why)
{
    snprintf(err, err_size, "%s: %s", drive, why);
    return code;
}

/* Put `blk` (or nothing) where a removable disk was, and close that. */
static int replace(struct board *b, enum drive_id drive, struct blk *blk, char *err,
                   size_t err_size)
{
    struct board_drive *d = &b->drive[drive];
    int e = 0;

    if (is_floppy(drive)) {
        fdc_insert(b->fdc, drive - DRIVE_FDA, blk);
    } else {
        e = ide_insert(b->ide, drive - DRIVE_HDA, blk);
        if (e)
            return fail(e, err, err_size, drive_names[drive],
                        "the guest has locked the tray; unmount the CD there first");
    }
    if (d->blk)
        e = blk_close(d->blk);
    d->blk = blk;
    b->ejected &= (u8) ~(1 << drive);
    snapregistry_adopt(b, drive);
    return e ? fail(e, err, err_size, drive_names[drive], strerror(-e)) : 0;
}

static int check_removable(struct board *b, enum drive_id drive, char *err, size_t err_size)
{
    if (drive >= DRIVE_COUNT)
        return fail(-ENODEV, err, err_size, "drive", "no such drive: fda, fdb, hda to hdd, cdrom");
    if (is_floppy(drive) ? fdc_drive_type(b->fdc, drive - DRIVE_FDA) == FDD_NONE
                         : !b->drive[drive].is_cd)
        return fail(-ENODEV, err, err_size, drive_names[drive],
                    "this machine has no such drive with removable media");
    if (b->in_write_error)
        return fail(-EBUSY, err, err_size, drive_names[drive],
                    "the machine waits for the host to write a disk; free some room there first");
    return 0;
}

int board_insert(struct board *b, enum drive_id drive, const char *path, char *err, size_t err_size)
{
    int e = check_removable(b, drive, err, err_size);
    struct blk *blk;

    if (e)
        return e;
    blk = open_image(b, drive, b->drive[drive].is_cd, path, err, err_size);
    if (!blk)
        return -EINVAL;
    e = replace(b, drive, blk, err, err_size);
    if (e == -EBUSY)
        blk_close(blk);
    return e;
}

int board_eject(struct board *b, enum drive_id drive, char *err, size_t err_size)
{
    int e = check_removable(b, drive, err, err_size);

    return e ? e : replace(b, drive, NULL, err, err_size);
}

bool media_close_ejected(struct board *b)
{
    bool any = b->ejected;

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct board_drive *d = &b->drive[i];

        if (!(b->ejected & 1 << i))
            continue;
        log_warn(b->log, "cdrom", "the guest has put '%s' out of %s", blk_name(d->blk),
                 drive_names[i]);
        blk_close(d->blk);
        d->blk = NULL;
    }
    b->ejected = 0;
    return any;
}

enum drive_id board_drive_by_name(const struct board *b, const char *name)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (!strcmp(name, drive_names[i]))
            return (enum drive_id)i;
    if (!strcmp(name, "cdrom"))
        for (unsigned i = DRIVE_HDA; i < DRIVE_COUNT; i++)
            if (b->drive[i].is_cd)
                return (enum drive_id)i;
    return DRIVE_COUNT;
}

void board_get_drive(const struct board *b, enum drive_id drive, struct machine_drive *out)
{
    const struct board_drive *d = &b->drive[drive];

    *out = (struct machine_drive){
        .name = d->is_cd ? "cdrom" : drive_names[drive],
        .path = d->blk ? blk_name(d->blk) : NULL,
        .present = d->present || drive == DRIVE_FDA,
        .removable = d->is_cd || is_floppy(drive),
        .read_only = d->blk ? blk_is_read_only(d->blk) : d->is_cd,
        .sectors = d->blk ? blk_sectors(d->blk) : 0,
    };
}
