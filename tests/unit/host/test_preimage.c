/* Pre-images in a file: what was overwritten comes back, what was touched by others is refused. */
#define _GNU_SOURCE
#include "devices/host/preimage.h"

#include "base/bytes.h"
#include "devices/host/blk.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = 512, SECTORS = 1000, HEADER = 4096, RECORD = 32 + 64 * 1024 };

static const u8 id[PREIMAGE_ID_BYTES] = "the id of a test";
static char dir[64], image[100], journal[100], err[400];
static const u64 sizes[PREIMAGE_SLOTS] = {SECTORS};

static void setup(void)
{
    FILE *f;

    strcpy(dir, "/tmp/test_preimage.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(image, sizeof image, "%s/x.img", dir);
    snprintf(journal, sizeof journal, "%s/x.disks", dir);
    f = fopen(image, "wb");
    for (unsigned i = 0; i < SECTORS * SECTOR; i++)
        fputc((int)(i / SECTOR) & 0xFF, f);
    fclose(f);
}

static void teardown(void)
{
    unlink(image);
    unlink(journal);
    rmdir(dir);
}

TestSuite(preimage, .init = setup, .fini = teardown, .timeout = 120);

static struct blk *open_image(void)
{
    struct blk *b = blk_open(image, 0, NULL, err, sizeof err);

    cr_assert(b, "%s", err);
    return b;
}

static struct preimage *create(struct blk *b)
{
    struct preimage *p = preimage_create(journal, id, NULL, err, sizeof err);

    cr_assert(p, "%s", err);
    cr_assert(preimage_attach(p, 0, b));
    return p;
}

static struct preimage *reopen(void)
{
    bool missing;

    return preimage_open(journal, id, sizes, NULL, &missing, err, sizeof err);
}

static void scribble(struct blk *b, u64 sector, u32 count, u8 value)
{
    u8 data[16 * SECTOR];

    memset(data, value, sizeof data);
    cr_assert_eq(blk_write(b, sector, count, data), 0);
}

static void expect_original(struct blk *b)
{
    u8 data[SECTOR];

    for (u64 s = 0; s < SECTORS; s++) {
        cr_assert_eq(blk_read(b, s, 1, data), 0);
        cr_assert_eq(data[0], s & 0xFF, "sector %u", (unsigned)s);
        cr_assert_eq(data[SECTOR - 1], s & 0xFF);
    }
}

Test(preimage, what_was_overwritten_comes_back)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);

    cr_assert_not(preimage_differs(p, 0, b));
    scribble(b, 3, 2, 0xEE);
    scribble(b, 125, 8, 0xEE); /* over the edge of two clusters */
    scribble(b, SECTORS - 1, 1, 0xEE);
    scribble(b, 3, 2, 0xDD);
    cr_assert(preimage_has(p, 0, 0) && preimage_has(p, 0, 1) && preimage_has(p, 0, 7));
    cr_assert_not(preimage_has(p, 0, 2));
    cr_assert(preimage_differs(p, 0, b));
    cr_assert_eq(preimage_apply(p, 0, b), 0);
    cr_assert_not(preimage_differs(p, 0, b));
    expect_original(b);
    preimage_close(p);
    blk_close(b);
}

Test(preimage, another_process_brings_it_back)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);

    scribble(b, 3, 2, 0xEE);
    preimage_close(p);
    p = reopen();
    cr_assert(p, "%s", err);
    cr_assert(preimage_check(p, 0, b, err, sizeof err), "%s", err);
    cr_assert(preimage_attach(p, 0, b));
    scribble(b, 500, 2, 0xEE);
    blk_close(b);
    preimage_close(p);
    b = open_image();
    p = reopen();
    cr_assert(p, "%s", err);
    cr_assert(preimage_check(p, 0, b, err, sizeof err), "%s", err);
    cr_assert_eq(preimage_apply(p, 0, b), 0);
    expect_original(b);
    preimage_close(p);
    blk_close(b);
}

Test(preimage, image_written_by_somebody_else_is_noticed)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);
    FILE *f;

    scribble(b, 3, 2, 0xEE);
    blk_close(b);
    preimage_close(p);
    usleep(20000);
    f = fopen(image, "r+b");
    fputc(0x77, f);
    fclose(f);
    b = open_image();
    p = reopen();
    cr_assert(p, "%s", err);
    cr_assert_not(preimage_check(p, 0, b, err, sizeof err));
    cr_assert(strstr(err, "something else"), "%s", err);
    preimage_close(p);
    blk_close(b);
}

Test(preimage, writes_after_the_end_of_keeping_are_noticed)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);

    preimage_close(p);
    usleep(20000);
    scribble(b, 3, 2, 0xEE);
    p = reopen();
    cr_assert(p, "%s", err);
    cr_assert_not(preimage_check(p, 0, b, err, sizeof err));
    preimage_close(p);
    blk_close(b);
}

Test(preimage, file_of_another_snapshot_is_refused)
{
    static const u8 other[PREIMAGE_ID_BYTES] = "of another test";
    struct blk *b = open_image();
    bool missing;

    preimage_close(create(b));
    blk_close(b);
    cr_assert_null(preimage_open(journal, other, sizes, NULL, &missing, err, sizeof err));
    cr_assert(strstr(err, "another snapshot"), "%s", err);
    cr_assert_not(missing);
    unlink(journal);
    cr_assert_null(preimage_open(journal, id, sizes, NULL, &missing, err, sizeof err));
    cr_assert(missing);
}

Test(preimage, file_in_use_is_refused)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);

    cr_assert_null(reopen());
    cr_assert(strstr(err, "in use"), "%s", err);
    cr_assert_null(preimage_create(journal, id, NULL, err, sizeof err));
    preimage_close(p);
    blk_close(b);
}

static void flip(off_t at, u8 bits)
{
    int fd = open(journal, O_RDWR);
    u8 byte;

    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= bits;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(preimage, flipped_bits_are_refused_or_bring_back_the_same)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);
    u64 x = 99;
    struct stat st;

    scribble(b, 3, 2, 0xEE);
    scribble(b, 400, 2, 0xEE);
    blk_close(b);
    preimage_close(p);
    cr_assert_eq(stat(journal, &st), 0);
    cr_assert_eq(st.st_size, HEADER + 2 * RECORD);
    for (unsigned i = 0; i < 2000; i++) {
        off_t at;
        u8 bit;

        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        at = (off_t)(i & 1 ? x % (u64)st.st_size : x % 200);
        bit = (u8)(1 << (x >> 60 & 7));
        flip(at, bit);
        err[0] = 0;
        p = reopen();
        if (p) {
            cr_assert(preimage_has(p, 0, 0) && preimage_has(p, 0, 3), "byte %ld", (long)at);
            preimage_close(p);
        } else {
            cr_assert_gt(strlen(err), 20);
        }
        flip(at, bit);
        /* Closing marks the file as closed in order; so it was. */
    }
    b = open_image();
    p = reopen();
    cr_assert(p, "%s", err);
    cr_assert_eq(preimage_apply(p, 0, b), 0);
    expect_original(b);
    preimage_close(p);
    blk_close(b);
}

Test(preimage, record_cut_short_at_the_end_belongs_to_no_write)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);
    u8 length[8];
    int fd;

    scribble(b, 3, 2, 0xEE);
    blk_close(b);
    preimage_close(p);
    /* As a host that lost power while the second record was written. */
    fd = open(journal, O_RDWR);
    cr_assert_eq(ftruncate(fd, HEADER + RECORD + 1000), 0);
    p = reopen();
    cr_assert(p, "%s", err);
    preimage_close(p);
    put_le64(length, HEADER + 2 * RECORD);
    cr_assert_eq(pwrite(fd, length, 8, 64), 8);
    cr_assert_null(reopen(), "the header says that it was whole");
    cr_assert(strstr(err, "damaged"), "%s", err);
    close(fd);
}

/* Overwrites everything, over and over. */
static void write_until_killed(void)
{
    struct blk *b = open_image();
    struct preimage *p = create(b);

    for (u64 n = 0;; n++)
        scribble(b, n * 7 % (SECTORS - 8), 8, (u8)(n * 31 | 1));
    preimage_close(p);
}

Test(preimage, writer_killed_at_100_random_moments_loses_nothing)
{
    u64 x = 5;

    for (unsigned i = 0; i < 100; i++) {
        struct preimage *p;
        struct blk *b;
        pid_t pid = fork();
        int status;

        if (!pid)
            write_until_killed();
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        usleep((useconds_t)(3000 + x % 20000));
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status));
        b = open_image();
        p = reopen();
        if (p) { /* else it was killed before the file was whole, and nothing was written */
            cr_assert(!preimage_differs(p, 0, b) || preimage_check(p, 0, b, err, sizeof err), "%s",
                      err);
            cr_assert_eq(preimage_apply(p, 0, b), 0);
            preimage_close(p);
        }
        expect_original(b);
        blk_close(b);
    }
}
