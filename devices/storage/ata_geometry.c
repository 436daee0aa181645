/*
 * Cylinders, heads and sectors of a hard disk image.
 * Source: ATA/ATAPI-5, "CHS Addressing"; Phoenix, "Enhanced Disk Drive Specification" 3.0,
 * "Geometry Translation": LBA-assisted translation for what the BIOS offers.
 */
#include "devices/storage/ata_geometry.h"

#include "base/bytes.h"

enum { MBR_TABLE = 446, MBR_ENTRIES = 4, MBR_ENTRY_BYTES = 16, MBR_MAGIC = 510 };
enum { DRIVE_CYLINDERS_MAX = 16383, BIOS_CYLINDERS_MAX = 1024 };

struct chs {
    u32 c, h, s;
};

static struct chs get_chs(const u8 *p)
{
    return (struct chs){p[2] | (u32)(p[1] & 0xC0) << 2, p[0], p[1] & 0x3F};
}

static bool chs_is_lba(struct chs a, u32 lba, u32 heads, u32 sectors)
{
    return a.s != 0 && (a.c * heads + a.h) * sectors + a.s - 1 == lba;
}

/*
 * Partitions end at the end of a cylinder, so their last CHS address holds the largest head and
 * sector; it is believed if both addresses then agree with the linear ones.
 */
static bool entry_geometry(const u8 *e, u32 *heads, u32 *sectors)
{
    struct chs first = get_chs(e + 1), last = get_chs(e + 5);
    u32 start = get_le32(e + 8), count = get_le32(e + 12);

    if (e[4] == 0 || count == 0 || last.s == 0 || (e[0] & 0x7F))
        return false;
    *heads = last.h + 1;
    *sectors = last.s;
    if (*heads > 255 || !chs_is_lba(first, start, *heads, *sectors))
        return false;
    /* Past cylinder 1023 the last address is a filler with the right head and sector. */
    return last.c >= 1022 || chs_is_lba(last, start + count - 1, *heads, *sectors);
}

/* All partitions must agree; heads and sectors are set only then. */
static bool mbr_geometry(const u8 *mbr, u32 *heads, u32 *sectors)
{
    u32 first_h = 0, first_s = 0, h, s;
    unsigned i;

    if (!mbr || get_le16(mbr + MBR_MAGIC) != 0xAA55)
        return false;
    for (i = 0; i < MBR_ENTRIES; i++) {
        const u8 *e = mbr + MBR_TABLE + i * MBR_ENTRY_BYTES;

        if (e[4] == 0)
            continue;
        if (!entry_geometry(e, &h, &s) || (first_h && (h != first_h || s != first_s)))
            return false;
        first_h = h;
        first_s = s;
    }
    if (first_h) {
        *heads = first_h;
        *sectors = first_s;
    }
    return first_h != 0;
}

/* Heads of LBA-assisted translation: enough for the disk in 1024 cylinders. */
static u32 assisted_heads(u64 sectors)
{
    static const u16 heads[] = {16, 32, 64, 128};
    size_t i;

    for (i = 0; i < ARRAY_LEN(heads); i++)
        if (sectors <= (u64)BIOS_CYLINDERS_MAX * heads[i] * 63)
            return heads[i];
    return 255;
}

static u32 cylinders(u64 total, u32 heads, u32 sectors, u32 max)
{
    u64 n = total / (heads * sectors);

    return (u32)(n < 1 ? 1 : n > max ? max : n);
}

void ata_geometry(u64 total, const u8 *mbr, struct ata_geometry *out)
{
    u32 heads = assisted_heads(total), sectors = 63;

    out->from_partitions = mbr_geometry(mbr, &heads, &sectors);
    out->bios_heads = (u16)heads;
    out->bios_sectors = (u8)sectors;
    out->bios_cylinders = (u16)cylinders(total, heads, sectors, BIOS_CYLINDERS_MAX);
    /* A drive counts to 16 heads; a table made through a translating BIOS says nothing of it. */
    if (heads > 16) {
        heads = 16;
        sectors = 63;
    }
    out->heads = (u8)heads;
    out->sectors = (u8)sectors;
    out->cylinders = cylinders(total, heads, sectors, DRIVE_CYLINDERS_MAX);
}
