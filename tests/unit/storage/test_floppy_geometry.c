/* Formats of floppy disks by image size. */
#include "devices/storage/floppy_geometry.h"

#include <criterion/criterion.h>

static void expect(u32 kib, unsigned cylinders, unsigned heads, unsigned sectors, unsigned rate,
                   enum fdd_type drive)
{
    const struct floppy_geometry *g = floppy_geometry(kib * 2);

    cr_assert_not_null(g, "%u KiB", kib);
    cr_expect_eq(g->cylinders, cylinders, "%u KiB", kib);
    cr_expect_eq(g->heads, heads, "%u KiB", kib);
    cr_expect_eq(g->sectors, sectors, "%u KiB", kib);
    cr_expect_eq(g->rate, rate, "%u KiB", kib);
    cr_expect_eq(g->drive, drive, "%u KiB", kib);
}

Test(floppy_geometry, the_formats_of_dos_are_known)
{
    expect(160, 40, 1, 8, RATE_250K, FDD_360K);
    expect(180, 40, 1, 9, RATE_250K, FDD_360K);
    expect(320, 40, 2, 8, RATE_250K, FDD_360K);
    expect(360, 40, 2, 9, RATE_250K, FDD_360K);
    expect(720, 80, 2, 9, RATE_250K, FDD_720K);
    expect(1200, 80, 2, 15, RATE_500K, FDD_1200K);
    expect(1440, 80, 2, 18, RATE_500K, FDD_1440K);
    expect(2880, 80, 2, 36, RATE_1M, FDD_2880K);
}

Test(floppy_geometry, extended_formats_are_known)
{
    expect(800, 80, 2, 10, RATE_250K, FDD_720K);
    expect(1680, 80, 2, 21, RATE_500K, FDD_1440K);
    expect(1722, 82, 2, 21, RATE_500K, FDD_1440K);
}

Test(floppy_geometry, every_size_is_the_product_of_its_geometry)
{
    unsigned sectors, found = 0;

    for (sectors = 1; sectors <= FLOPPY_MAX_SECTORS; sectors++) {
        const struct floppy_geometry *g = floppy_geometry_exact(sectors);

        if (!g)
            continue;
        found++;
        cr_expect_eq(g->cylinders * g->heads * g->sectors, sectors);
        cr_expect_eq(g->total, sectors);
        cr_expect_leq(g->cylinders, 84);
    }
    cr_assert_geq(found, 12);
}

Test(floppy_geometry, an_image_cut_short_is_the_next_larger_disk)
{
    cr_assert_eq(floppy_geometry(1)->total, 2880);
    cr_assert_eq(floppy_geometry(1000)->total, 2880);
    cr_assert_eq(floppy_geometry(5000)->total, 5760);
}

Test(floppy_geometry, nothing_and_too_much_are_no_floppies)
{
    cr_assert_null(floppy_geometry(0));
    cr_assert_null(floppy_geometry(FLOPPY_MAX_SECTORS + 1));
    cr_assert_null(floppy_geometry_exact(2879));
}
