/* Cylinders, heads and sectors of a hard disk image. */
#ifndef DEVICES_STORAGE_ATA_GEOMETRY_H
#define DEVICES_STORAGE_ATA_GEOMETRY_H

#include "base/types.h"

struct ata_geometry {
    /* What the drive tells in IDENTIFY DEVICE: at most 16383 x 16 x 63. */
    u32 cylinders;
    u8 heads, sectors;
    /* What a BIOS offers through INT 13h: at most 1024 x 255 x 63. */
    u16 bios_cylinders, bios_heads;
    u8 bios_sectors;
    bool from_partitions; /* the partition table says so, and a BIOS must not guess otherwise */
};

/*
 * Choose for a disk of `sectors` 512-byte sectors. `mbr` is its first sector, or NULL if it cannot
 * be read. A partition table that was made with another geometry decides it.
 */
void ata_geometry(u64 sectors, const u8 *mbr, struct ata_geometry *out);

#endif
