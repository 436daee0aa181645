/*
 * Formats of PC floppy disks, found by the size of their image. All have 512-byte sectors, in the
 * order cylinder, head, sector.
 */
#ifndef DEVICES_STORAGE_FLOPPY_GEOMETRY_H
#define DEVICES_STORAGE_FLOPPY_GEOMETRY_H

#include "base/types.h"

/* Drive types as CMOS RAM byte 10h counts them (one nibble a drive). */
enum fdd_type {
    FDD_NONE = 0,
    FDD_360K = 1,
    FDD_1200K = 2,
    FDD_720K = 3,
    FDD_1440K = 4,
    FDD_2880K = 5,
};

/* Data rates as the DSR and CCR registers number them. */
enum floppy_rate { RATE_500K = 0, RATE_300K = 1, RATE_250K = 2, RATE_1M = 3 };

enum { FLOPPY_MAX_SECTORS = 7680, FLOPPY_SECTOR_BYTES = 512 };

struct floppy_geometry {
    u16 total; /* sectors on the disk: cylinders * heads * sectors */
    u8 cylinders, heads, sectors;
    u8 rate;             /* enum floppy_rate, in a drive that turns at 300 rpm (1.2M: 360 rpm) */
    enum fdd_type drive; /* the drive that this format was made for */
};

/*
 * The format of an image of `sectors` 512-byte sectors. Sizes that no format has are taken for
 * the beginning of a 1.44M disk, or of the next larger one; NULL for 0 and for more than any
 * floppy holds.
 */
const struct floppy_geometry *floppy_geometry(u64 sectors);

/* The exact format of that size, or NULL: for telling floppy images from others. */
const struct floppy_geometry *floppy_geometry_exact(u64 sectors);

#endif
