/* Disks of two processes: one writes the image, the other sees it as it was. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/blk.h"

#include "base/log.h"
#include "devices/host/blk_overlay.h"
#include "devices/host/sector_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SECTOR = 512, SECTORS = 6000 };

static char dir[64], path[128], err[256], last_log[512];
static struct log *l;
static struct blk *mine, *theirs;
static struct blk_share share;
static u8 data[SECTORS * SECTOR];

static void hear(void *opaque, enum log_level level, const char *line)
{
    snprintf(last_log, sizeof last_log, "%s", line);
}

static void setup(void)
{
    int fd;

    strcpy(dir, "/tmp/test_share.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.img", dir);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (u8)(i / SECTOR + 1);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_eq(write(fd, data, sizeof data), (ssize_t)sizeof data);
    close(fd);
    l = log_new(hear, NULL);
    mine = blk_open(path, 0, l, err, sizeof err);
    theirs = NULL;
}

static void teardown(void)
{
    blk_close(mine);
    blk_close(theirs);
    log_free(l);
    unlink(path);
    rmdir(dir);
}

TestSuite(blk_share, .init = setup, .fini = teardown);

static void share_it(void)
{
    cr_assert_eq(blk_share(mine, l, &share), 0);
    theirs = blk_open_share("theirs", &share);
    cr_assert_not_null(theirs);
}

static void fill(struct blk *b, u64 sector, u32 count, u8 value)
{
    u8 *block = malloc((size_t)count * SECTOR);

    memset(block, value, (size_t)count * SECTOR);
    cr_assert_eq(blk_write(b, sector, count, block), 0);
    free(block);
}

static u8 first_byte(struct blk *b, u64 sector)
{
    u8 block[SECTOR];

    cr_assert_eq(blk_read(b, sector, 1, block), 0);
    return block[0];
}

Test(blk_share, what_one_writes_the_other_does_not_see)
{
    share_it();
    fill(mine, 10, 3, 0xAA);
    fill(theirs, 11, 1, 0xBB);
    fill(theirs, 20, 1, 0xCC);
    cr_assert_eq(first_byte(mine, 11), 0xAA);
    cr_assert_eq(first_byte(mine, 20), 21);
    cr_assert_eq(first_byte(theirs, 10), 11);
    cr_assert_eq(first_byte(theirs, 11), 0xBB);
    cr_assert_eq(first_byte(theirs, 12), 13);
}

Test(blk_share, all_of_it_is_as_it_was_after_the_image_was_overwritten)
{
    static u8 back[sizeof data];

    share_it();
    fill(mine, 1, 1, 0x11);
    fill(mine, 0, SECTORS, 0x22);
    fill(mine, 5, 9, 0x33);
    cr_assert_eq(blk_read(theirs, 0, SECTORS, back), 0);
    cr_assert_eq(memcmp(back, data, sizeof data), 0);
}

Test(blk_share, a_share_of_a_share_sees_the_first_moment_and_not_the_second_ones_writes)
{
    struct blk_share again;
    struct blk *third;

    share_it();
    fill(theirs, 7, 1, 0xEE);
    cr_assert_eq(blk_share(theirs, l, &again), 0);
    third = blk_open_share("third", &again);
    fill(mine, 7, 2, 0xDD);
    cr_assert_eq(first_byte(third, 7), 8);
    cr_assert_eq(first_byte(third, 8), 9);
    blk_close(theirs);
    theirs = NULL;
    fill(mine, 9, 1, 0xDD);
    cr_assert_eq(first_byte(third, 9), 10);
    blk_close(third);
}

Test(blk_share, two_moments_are_kept_apart)
{
    struct blk_share later;
    struct blk *second;

    share_it();
    fill(mine, 3, 1, 0x44);
    cr_assert_eq(blk_share(mine, l, &later), 0);
    second = blk_open_share("second", &later);
    fill(mine, 3, 1, 0x55);
    cr_assert_eq(first_byte(theirs, 3), 4);
    cr_assert_eq(first_byte(second, 3), 0x44);
    cr_assert_eq(first_byte(mine, 3), 0x55);
    blk_close(second);
}

Test(blk_share, the_image_stays_locked_while_one_of_the_two_has_it)
{
    share_it();
    blk_close(mine);
    mine = blk_open(path, 0, l, err, sizeof err);
    cr_assert_null(mine);
    cr_assert(strstr(err, "in use"), "%s", err);
    cr_assert_eq(first_byte(theirs, 3), 4);
    blk_close(theirs);
    theirs = NULL;
    mine = blk_open(path, 0, l, err, sizeof err);
    cr_assert_not_null(mine);
}

Test(blk_share, nothing_is_kept_for_who_has_gone)
{
    struct blk_share copy;

    share_it();
    copy = share;
    copy.kept = dup(share.kept);
    blk_close(theirs);
    theirs = NULL;
    fill(mine, 40, 1, 0x66);
    {
        struct sector_file *f = sector_file_open(copy.kept, SECTORS);
        u64 at = 0;
        u32 count;

        cr_assert_not(sector_file_next(f, &at, &count));
        sector_file_free(f);
    }
}

Test(blk_share, without_room_the_writer_goes_on_and_the_reader_is_told)
{
    struct rlimit old, little = {.rlim_cur = 4096 + 9 * SECTOR};
    u8 block[SECTOR];

    share_it();
    fill(mine, 5, 1, 0x10);
    getrlimit(RLIMIT_FSIZE, &old);
    little.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &little);
    fill(mine, 8, 1, 0x77); /* its old contents would end at the limit, its bit is behind it */
    setrlimit(RLIMIT_FSIZE, &old);
    cr_assert_eq(first_byte(mine, 8), 0x77);
    cr_assert(strstr(last_log, "cannot be kept"), "%s", last_log);
    cr_assert_eq(first_byte(theirs, 5), 6, "what was kept before is there");
    cr_assert_eq(blk_read(theirs, 8, 1, block), -EIO);
}

Test(blk_share, a_read_only_image_is_shared_as_such)
{
    blk_close(mine);
    mine = blk_open(path, BLK_READ_ONLY, l, err, sizeof err);
    share_it();
    cr_assert(blk_is_read_only(theirs));
    cr_assert_eq(share.kept, -1);
    cr_assert_eq(first_byte(theirs, 2), 3);
}

Test(blk_share, writes_kept_in_memory_are_not_in_the_share)
{
    blk_close(mine);
    mine = blk_open(path, BLK_DISCARD, l, err, sizeof err);
    fill(mine, 2, 1, 0x99);
    share_it();
    cr_assert_eq(share.kept, -1);
    cr_assert_eq(first_byte(theirs, 2), 3);
}

Test(blk_share, a_disk_in_memory_cannot_be_shared)
{
    struct blk *b = blk_new_memory(10);

    cr_assert_eq(blk_share(b, l, &share), -ENOTSUP);
    cr_assert_eq(share.image, -1);
    blk_close(b);
}

Test(blk_share, without_a_place_for_temporary_files_nothing_is_shared)
{
    setenv("TMPDIR", "/nonexistent", 1);
    cr_assert_eq(blk_share(mine, l, &share), -ENOENT);
    cr_assert_eq(share.image, -1);
    unsetenv("TMPDIR");
    fill(mine, 2, 1, 0x12);
    cr_assert_eq(first_byte(mine, 2), 0x12);
}

Test(blk_share, a_sector_file_lists_its_runs_to_other_processes)
{
    struct sector_file *f = sector_file_new(SECTORS), *other;
    u64 at = 0;
    u32 count;

    cr_assert_eq(sector_file_put(f, 3, 2, data), 0);
    cr_assert_eq(sector_file_put(f, 5000, 1, data), 0);
    other = sector_file_open(dup(sector_file_fd(f)), SECTORS);
    cr_assert(sector_file_next(other, &at, &count));
    cr_assert(at == 3 && count == 2);
    at += count;
    cr_assert(sector_file_next(other, &at, &count));
    cr_assert(at == 5000 && count == 1);
    at += count;
    cr_assert_not(sector_file_next(other, &at, &count));
    sector_file_free(other);
    sector_file_free(f);
}
