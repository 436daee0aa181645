/*
 * IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: what the drives say of themselves.
 * Source: ATA/ATAPI-6 (T13/1410D), "IDENTIFY DEVICE" and "IDENTIFY PACKET DEVICE"; word numbers
 * are its.
 */
#include "devices/storage/ata_private.h"

#include "base/bytes.h"

#include <string.h>

static void put_word(u8 *out, unsigned word, u16 value)
{
    put_le16(out + 2 * word, value);
}

/* Strings stand with the first character in the upper half of a word, filled with spaces. */
static void put_string(u8 *out, unsigned word, unsigned bytes, const char *text)
{
    size_t len = strlen(text), i;

    for (i = 0; i < bytes; i++)
        out[2 * word + (i ^ 1)] = (u8)(i < len ? text[i] : ' ');
}

/* Words 63 and 88: supported modes below, the selected one above. */
static void put_dma_modes(u8 *out, u8 dma_mode)
{
    u16 mwdma = 0x0007, udma = 0x003F;

    if ((dma_mode & 0xF8) == ATA_MODE_MWDMA)
        mwdma |= (u16)(0x0100 << (dma_mode & 7));
    if ((dma_mode & 0xF8) == ATA_MODE_UDMA)
        udma |= (u16)(0x0100 << (dma_mode & 7));
    put_word(out, 63, mwdma);
    put_word(out, 64, 0x0003); /* PIO modes 3 and 4 */
    put_word(out, 65, 120);    /* ns: multiword DMA, minimum and recommended; PIO, also IORDY */
    put_word(out, 66, 120);
    put_word(out, 67, 120);
    put_word(out, 68, 120);
    put_word(out, 88, udma);
}

/* Word 93: 80-conductor cable, and how the drive found its number. */
static u16 reset_result(const struct ide_drive *d)
{
    return d->number % 2 ? 0x6B00 : 0x600B;
}

/* Word 255: the bytes of all words add up to 0. */
static void put_integrity(u8 *out)
{
    u8 sum = 0;
    unsigned i;

    out[510] = 0xA5;
    for (i = 0; i < 511; i++)
        sum += out[i];
    out[511] = (u8)-sum;
}

static void put_chs(u8 *out, const struct ata_disk *k)
{
    u64 capacity = min_u64(k->max_sectors, (u64)65535 * k->heads * k->track_sectors);
    u32 cylinders = (u32)(capacity / ((u32)k->heads * k->track_sectors));

    put_word(out, 1, (u16)k->geometry.cylinders);
    put_word(out, 3, k->geometry.heads);
    put_word(out, 4, (u16)(k->geometry.sectors * ATA_SECTOR)); /* retired since ATA-2 */
    put_word(out, 5, ATA_SECTOR);                              /* likewise */
    put_word(out, 6, k->geometry.sectors);
    put_word(out, 54, (u16)cylinders);
    put_word(out, 55, k->heads);
    put_word(out, 56, k->track_sectors);
    put_le32(out + 2 * 57, cylinders * k->heads * k->track_sectors);
}

static void put_features(u8 *out, const struct ata_disk *k)
{
    /* NOP, READ BUFFER, WRITE BUFFER, host protected area, look-ahead, write cache, power
     * management, SMART. */
    put_word(out, 82, 0x7469);
    put_word(out, 83, 0x7400); /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses */
    put_word(out, 84, 0x4000);
    put_word(out, 85,
             (u16)(0x7408 | (k->look_ahead ? 0x40 : 0) | (k->write_cache ? 0x20 : 0) | k->smart));
    put_word(out, 86, 0x3400);
    put_word(out, 87, 0x4000);
}

void ata_identify(const struct ide_drive *d, u8 *out)
{
    const struct ata_disk *k = &d->disk;
    char serial[] = "BYGONE-HD0";

    serial[9] = (char)('0' + d->number);
    memset(out, 0, ATA_SECTOR);
    put_word(out, 0, 0x0040); /* not removable */
    put_chs(out, k);
    put_string(out, 10, 20, serial);
    put_word(out, 20, 3);                             /* buffer type: with look-ahead */
    put_word(out, 21, IDE_BUFFER_BYTES / ATA_SECTOR); /* its size */
    put_word(out, 22, 4);                             /* ECC bytes of READ LONG, obsolete */
    put_string(out, 23, 8, "1.0");
    put_string(out, 27, 40, "BYGONE HARD DISK");
    put_word(out, 47, 0x8000 | ATA_MULTIPLE_MAX);
    put_word(out, 48, 0x0001); /* 32-bit data port */
    put_word(out, 49, 0x0B00); /* IORDY, LBA, DMA */
    put_word(out, 50, 0x4000);
    put_word(out, 51, 0x0200); /* PIO mode 2 without IORDY */
    put_word(out, 52, 0x0200);
    put_word(out, 53, 0x0007); /* words 54-58, 64-70 and 88 are valid */
    put_word(out, 59, k->multiple ? 0x0100 | k->multiple : 0);
    put_le32(out + 2 * 60, (u32)min_u64(k->max_sectors, ATA_LBA28_MAX));
    put_dma_modes(out, k->dma_mode);
    put_word(out, 80, 0x007E); /* ATA-1 to ATA/ATAPI-6 */
    put_features(out, k);
    put_word(out, 93, reset_result(d));
    put_le64(out + 2 * 100, k->max_sectors);
    put_integrity(out);
}

void atapi_identify(const struct ide_drive *d, u8 *out)
{
    char serial[] = "BYGONE-CD0";

    serial[9] = (char)('0' + d->number);
    memset(out, 0, ATA_SECTOR);
    put_word(out, 0, 0x85C0); /* packet, CD-ROM, removable, DRQ within 50 us, 12-byte packets */
    put_string(out, 10, 20, serial);
    put_word(out, 20, 3);
    put_word(out, 21, IDE_BUFFER_BYTES / ATA_SECTOR);
    put_string(out, 23, 8, "1.0");
    put_string(out, 27, 40, "BYGONE CD-ROM");
    put_word(out, 48, 0x0001);
    put_word(out, 49, 0x0B00); /* IORDY, LBA, DMA */
    put_word(out, 50, 0x4000);
    put_word(out, 51, 0x0200);
    put_word(out, 52, 0x0200);
    put_word(out, 53, 0x0006);
    put_dma_modes(out, d->cd.dma_mode);
    put_word(out, 80, 0x0070); /* ATA/ATAPI-4 to -6 */
    put_word(out, 82, 0x4210); /* NOP, DEVICE RESET, PACKET */
    put_word(out, 83, 0x4000);
    put_word(out, 84, 0x4000);
    put_word(out, 85, 0x4210);
    put_word(out, 87, 0x4000);
    put_word(out, 93, reset_result(d));
    put_integrity(out);
}
