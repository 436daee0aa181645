/* Disks written into new images: as they were, and nothing in their place on failure. */
#include "devices/board/disk_copy.h"

#include "devices/board/board.h"
#include "devices/host/blk.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, SECTORS = 2880 };

static char dir[64], image[128], copy[128], err[600];
static struct machine_config config;
static struct machine *m;

static void setup(void)
{
    FILE *f;

    strcpy(dir, "/tmp/test_copy.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(image, sizeof image, "%s/floppy.img", dir);
    snprintf(copy, sizeof copy, "%s/copy.img", dir);
    f = fopen(image, "wb");
    for (unsigned i = 0; i < SECTORS * SECTOR; i++)
        fputc((int)(i / SECTOR) & 0xFF, f);
    fclose(f);
    bare_machine_config(&config);
    config.drive[DRIVE_FDA] = image;
    m = NULL;
}

static void teardown(void)
{
    char command[128];

    machine_free(m);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(disk_copy, .init = setup, .fini = teardown);

static void build(bool discard)
{
    config.discard = discard;
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
}

static void fill_sector(u64 sector, u8 value)
{
    u8 data[SECTOR];

    memset(data, value, sizeof data);
    cr_assert_eq(blk_write(machine_board(m)->drive[DRIVE_FDA].blk, sector, 1, data), 0);
}

static int byte_of(const char *path, long sector)
{
    FILE *f = fopen(path, "rb");
    int byte;

    cr_assert_not_null(f);
    fseek(f, sector * SECTOR, SEEK_SET);
    byte = fgetc(f);
    fclose(f);
    return byte;
}

static void copy_while_written(bool discard)
{
    struct disk_copy *c;

    build(discard);
    fill_sector(5, 0xA5);
    c = disk_copy_start(m, DRIVE_FDA, err, sizeof err);
    cr_assert(c, "%s", err);
    fill_sector(5, 0xFF);
    fill_sector(6, 0xFF);
    cr_assert(disk_copy_finish(c, copy, err, sizeof err), "%s", err);
    cr_assert_eq(byte_of(copy, 4), 4);
    cr_assert_eq(byte_of(copy, 5), 0xA5);
    cr_assert_eq(byte_of(copy, 6), 6);
    cr_assert_eq(byte_of(copy, SECTORS - 1), (SECTORS - 1) & 0xFF);
    cr_assert_eq(byte_of(copy, SECTORS), EOF);
    cr_assert_eq(byte_of(image, 5), discard ? 5 : 0xFF);
}

Test(disk_copy, of_an_image_is_as_it_was_at_the_start)
{
    copy_while_written(false);
}

Test(disk_copy, holds_what_discard_keeps_in_memory)
{
    copy_while_written(true);
}

Test(disk_copy, replaces_no_file)
{
    struct disk_copy *c;

    build(false);
    c = disk_copy_start(m, DRIVE_FDA, err, sizeof err);
    cr_assert_not(disk_copy_finish(c, image, err, sizeof err));
    cr_assert(strstr(err, "there already"), "%s", err);
    cr_assert_eq(byte_of(image, 5), 5);
}

Test(disk_copy, of_an_empty_or_missing_drive_is_refused)
{
    build(false);
    cr_assert_null(disk_copy_start(m, DRIVE_HDC, err, sizeof err));
    cr_assert_null(disk_copy_start(m, DRIVE_COUNT, err, sizeof err));
    cr_assert(strstr(err, "no such drive"), "%s", err);
}

Test(disk_copy, where_nothing_can_be_written_leaves_nothing)
{
    struct disk_copy *c;

    build(false);
    c = disk_copy_start(m, DRIVE_FDA, err, sizeof err);
    cr_assert_not(disk_copy_finish(c, "/nonexistent/x.img", err, sizeof err));
    fill_sector(7, 1);
    cr_assert_eq(byte_of(image, 7), 1);
}
