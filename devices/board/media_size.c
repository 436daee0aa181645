/*
 * Images that were cut short, by a download or a full disk: the tables on them tell of more than
 * there is. A guest that writes to such a disk ruins what is left of it.
 *
 * Sources: IBM PC AT Technical Reference, "Fixed Disk" (partition table at 1BEh, signature at
 * 1FEh); UEFI Specification, "Legacy Master Boot Record" (type EEh); ECMA-119, "Primary Volume
 * Descriptor" (sector 16, volume space size at byte 80, logical block size at byte 128).
 */
#include "devices/board/media_size.h"

#include "base/bytes.h"
#include "devices/host/blk.h"

#include <stdio.h>
#include <string.h>

enum {
    SECTOR = 512,
    SECTORS_PER_MB = 2048,
    PARTITIONS = 0x1BE,
    PARTITION_BYTES = 16,
    SIGNATURE = 0x1FE,
    TYPE_GPT = 0xEE, /* its size is often just "all", or what fits */
    TYPE_FREE = 0,
    /* Tables may round up to a whole cylinder of 255 heads and 63 sectors. */
    CYLINDER = 255 * 63,
    CD_BLOCK = 2048,
    CD_SECTORS = CD_BLOCK / SECTOR,
    CD_DESCRIPTOR = 16,
    /* Gaps at the end of a track, which copies often lack: two seconds. */
    CD_GAP = 150,
};

static bool cut_short(char *err, size_t err_size, const char *drive, struct blk *blk,
                      const char *what, u64 sectors)
{
    snprintf(err, err_size,
             "%s: '%.160s': %s ends at %.1f MB, but the file at %.1f: it was cut short; copy it "
             "again from its source (--discard uses it as it is)",
             drive, blk_name(blk), what, (double)sectors / SECTORS_PER_MB,
             (double)blk_sectors(blk) / SECTORS_PER_MB);
    return false;
}

/* A boot sector without partitions has code where the table would be. */
static bool is_partition_table(const u8 *sector)
{
    if (get_le16(sector + SIGNATURE) != 0xAA55)
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (sector[PARTITIONS + i * PARTITION_BYTES] & 0x7F)
            return false;
    return true;
}

static bool disk_is_whole(struct blk *blk, const char *drive, char *err, size_t err_size)
{
    u8 sector[SECTOR];

    if (blk_read(blk, 0, 1, sector) || !is_partition_table(sector))
        return true;
    for (unsigned i = 0; i < 4; i++) {
        const u8 *p = sector + PARTITIONS + i * PARTITION_BYTES;
        u64 start = get_le32(p + 8), end = start + get_le32(p + 12);
        char name[32];

        if (p[4] == TYPE_FREE || p[4] == TYPE_GPT || !start)
            continue;
        snprintf(name, sizeof name, "partition %u", i + 1);
        if (end > blk_sectors(blk) + CYLINDER)
            return cut_short(err, err_size, drive, blk, name, end);
    }
    return true;
}

static bool cd_is_whole(struct blk *blk, const char *drive, char *err, size_t err_size)
{
    u8 block[CD_BLOCK];
    u64 sectors;

    if (blk_read(blk, CD_DESCRIPTOR * CD_SECTORS, CD_SECTORS, block) ||
        memcmp(block, "\1CD001\1", 7) || get_le16(block + 128) != CD_BLOCK)
        return true;
    sectors = (u64)get_le32(block + 80) * CD_SECTORS;
    return sectors <= blk_sectors(blk) + CD_GAP * CD_SECTORS ||
           cut_short(err, err_size, drive, blk, "its file system", sectors);
}

bool media_is_whole(struct blk *blk, const char *drive, bool cd, char *err, size_t err_size)
{
    return cd ? cd_is_whole(blk, drive, err, err_size) : disk_is_whole(blk, drive, err, err_size);
}
