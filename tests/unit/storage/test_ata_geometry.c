/* Cylinders, heads and sectors of hard disk images. */
#include "devices/storage/ata_geometry.h"

#include "base/bytes.h"

#include <criterion/criterion.h>

/* One partition from (c, h, s) to (c2, h2, s2). */
static void partition(u8 *mbr, unsigned n, const unsigned chs[6], u32 start, u32 count)
{
    u8 *e = mbr + 446 + 16 * n;
    unsigned i;

    for (i = 0; i < 2; i++) {
        const unsigned *a = chs + 3 * i;
        u8 *p = e + 1 + 4 * i;

        p[0] = (u8)a[1];
        p[1] = (u8)(a[2] | (a[0] >> 2 & 0xC0));
        p[2] = (u8)a[0];
    }
    e[0] = 0x80;
    e[4] = 6;
    put_le32(e + 8, start);
    put_le32(e + 12, count);
    put_le16(mbr + 510, 0xAA55);
}

Test(ata_geometry, a_small_disk_has_16_heads_and_63_sectors)
{
    struct ata_geometry g;

    ata_geometry(1008 * 500, NULL, &g);
    cr_assert_eq(g.cylinders, 500);
    cr_assert_eq(g.heads, 16);
    cr_assert_eq(g.sectors, 63);
    cr_assert_eq(g.bios_cylinders, 500);
    cr_assert_eq(g.bios_heads, 16);
    cr_assert_not(g.from_partitions);
}

Test(ata_geometry, beyond_504_mib_the_bios_sees_more_heads)
{
    struct ata_geometry g;

    ata_geometry(1024 * 16 * 63, NULL, &g);
    cr_assert_eq(g.bios_heads, 16);
    ata_geometry(1024 * 16 * 63 + 1, NULL, &g);
    cr_assert_eq(g.bios_heads, 32);
    cr_assert_eq(g.heads, 16);
    cr_assert_eq(g.cylinders, 1024);
    ata_geometry(1024ull * 128 * 63, NULL, &g);
    cr_assert_eq(g.bios_heads, 128);
    ata_geometry(1ull << 32, NULL, &g);
    cr_assert_eq(g.bios_heads, 255);
    cr_assert_eq(g.bios_cylinders, 1024);
    cr_assert_eq(g.cylinders, 16383);
}

Test(ata_geometry, a_partition_made_with_other_heads_decides)
{
    struct ata_geometry g;
    u8 mbr[512] = {0};

    partition(mbr, 0, (const unsigned[]){0, 1, 1, 614, 3, 17}, 17, 615 * 68 - 17);
    ata_geometry(615 * 4 * 17, mbr, &g);
    cr_assert(g.from_partitions);
    cr_assert_eq(g.cylinders, 615);
    cr_assert_eq(g.heads, 4);
    cr_assert_eq(g.sectors, 17);
    cr_assert_eq(g.bios_cylinders, 615);
}

Test(ata_geometry, a_translated_partition_decides_for_the_bios_only)
{
    struct ata_geometry g;
    u8 mbr[512] = {0};

    partition(mbr, 0, (const unsigned[]){0, 1, 1, 99, 254, 63}, 63, 100 * 255 * 63 - 63);
    ata_geometry(100 * 255 * 63 + 20, mbr, &g);
    cr_assert(g.from_partitions);
    cr_assert_eq(g.bios_heads, 255);
    cr_assert_eq(g.bios_cylinders, 100);
    cr_assert_eq(g.heads, 16);
    cr_assert_eq(g.sectors, 63);
}

Test(ata_geometry, a_table_that_contradicts_itself_is_ignored)
{
    struct ata_geometry g;
    u8 mbr[512] = {0};

    partition(mbr, 0, (const unsigned[]){0, 1, 1, 614, 3, 17}, 18, 615 * 68 - 17);
    ata_geometry(615 * 4 * 17, mbr, &g);
    cr_assert_not(g.from_partitions);
    partition(mbr, 0, (const unsigned[]){0, 1, 1, 614, 3, 17}, 17, 615 * 68 - 17);
    partition(mbr, 1, (const unsigned[]){0, 1, 1, 99, 15, 63}, 63, 100 * 1008 - 63);
    ata_geometry(615 * 4 * 17, mbr, &g);
    cr_assert_not(g.from_partitions);
    cr_assert_eq(g.heads, 16);
}

Test(ata_geometry, a_disk_of_one_sector_has_a_cylinder)
{
    struct ata_geometry g;

    ata_geometry(1, NULL, &g);
    cr_assert_eq(g.cylinders, 1);
    cr_assert_eq(g.bios_cylinders, 1);
}
