/* Disk images: what is kept, what is refused, what a bad host disk does. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/blk.h"

#include "base/log.h"
#include "devices/host/blk_overlay.h"
#include "tests/support/faultblk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = 512 };

static char dir[64], path[128], err[256], last_log[512];
static struct log *l;

static void keep(void *opaque, enum log_level level, const char *line)
{
    snprintf(last_log, sizeof last_log, "%s", line);
}

static void setup(void)
{
    strcpy(dir, "/tmp/test_blk.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.img", dir);
    err[0] = last_log[0] = 0;
    l = log_new(keep, NULL);
}

static void teardown(void)
{
    log_free(l);
    unlink(path);
    rmdir(dir);
}

TestSuite(blk, .init = setup, .fini = teardown);

/* A file of `size` bytes whose byte i is the low byte of i / 512 plus 1. */
static void make_file(size_t size)
{
    FILE *f = fopen(path, "wb");
    size_t i;

    for (i = 0; i < size; i++)
        fputc((int)(i / SECTOR + 1) & 0xFF, f);
    fclose(f);
}

static struct blk *open_image(unsigned flags)
{
    struct blk *b = blk_open(path, flags, l, err, sizeof err);

    cr_assert_not_null(b, "%s", err);
    return b;
}

static void expect_refusal(const char *name, unsigned flags, const char *part)
{
    cr_assert_null(blk_open(name, flags, l, err, sizeof err));
    cr_assert(strstr(err, part), "%s", err);
    cr_assert(strstr(err, name), "%s", err);
}

static u8 file_byte(size_t at)
{
    FILE *f = fopen(path, "rb");
    int c;

    fseek(f, (long)at, SEEK_SET);
    c = fgetc(f);
    fclose(f);
    return (u8)c;
}

static long file_size(void)
{
    struct stat st;

    stat(path, &st);
    return (long)st.st_size;
}

/* --- reading and writing --------------------------------------------------------------------- */

Test(blk, what_is_written_is_in_the_file)
{
    u8 data[2 * SECTOR];
    struct blk *b;

    make_file(8 * SECTOR);
    b = open_image(0);
    cr_assert_eq(blk_sectors(b), 8);
    cr_assert_str_eq(blk_name(b), path);
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(blk_write(b, 3, 2, data), 0);
    cr_assert_eq(blk_read(b, 2, 2, data), 0);
    cr_assert_eq(data[0], 3);
    cr_assert_eq(data[SECTOR], 0xAA);
    cr_assert_eq(blk_close(b), 0);
    cr_assert_eq(file_byte(3 * SECTOR), 0xAA);
    cr_assert_eq(file_byte(5 * SECTOR - 1), 0xAA);
    cr_assert_eq(file_byte(5 * SECTOR), 6);
    cr_assert_eq(file_size(), 8 * SECTOR);
}

Test(blk, reading_past_the_end_gives_zeros)
{
    u8 data[2 * SECTOR];
    struct blk *b;

    make_file(2 * SECTOR);
    b = open_image(0);
    memset(data, 0x55, sizeof data);
    cr_assert_eq(blk_read(b, 1, 2, data), 0);
    cr_assert_eq(data[0], 2);
    cr_assert_eq(data[SECTOR], 0);
    memset(data, 0x55, sizeof data);
    cr_assert_eq(blk_read(b, UINT64_MAX, 1, data), 0);
    cr_assert_eq(data[0], 0);
    blk_close(b);
}

Test(blk, write_that_does_not_fit_changes_nothing)
{
    u8 data[2 * SECTOR] = {0};
    struct blk *b;

    make_file(2 * SECTOR);
    b = open_image(0);
    cr_assert_eq(blk_write(b, 1, 2, data), -ENOSPC);
    cr_assert_eq(blk_write(b, UINT64_MAX, 2, data), -ENOSPC);
    blk_close(b);
    cr_assert_eq(file_byte(SECTOR), 2);
    cr_assert_eq(file_size(), 2 * SECTOR);
}

Test(blk, short_last_sector_reads_with_zeros_and_grows_when_written)
{
    u8 data[SECTOR];
    struct blk *b;

    make_file(SECTOR + 100);
    b = open_image(0);
    cr_assert_eq(blk_sectors(b), 2);
    memset(data, 0x55, sizeof data);
    cr_assert_eq(blk_read(b, 1, 1, data), 0);
    cr_assert_eq(data[99], 2);
    cr_assert_eq(data[100], 0);
    cr_assert_eq(data[SECTOR - 1], 0);
    data[SECTOR - 1] = 0x77;
    cr_assert_eq(blk_write(b, 1, 1, data), 0);
    cr_assert_eq(blk_read(b, 1, 1, data), 0);
    cr_assert_eq(data[SECTOR - 1], 0x77);
    blk_close(b);
    cr_assert_eq(file_size(), 2 * SECTOR);
}

Test(blk, file_cut_by_somebody_else_is_an_error_not_zeros)
{
    u8 data[SECTOR];
    struct blk *b;

    make_file(4 * SECTOR);
    b = open_image(0);
    cr_assert_eq(truncate(path, SECTOR), 0);
    cr_assert_eq(blk_read(b, 2, 1, data), -EIO);
    blk_close(b);
}

Test(blk, memory_image_starts_with_zeros_and_keeps_what_is_written)
{
    static u8 data[20 * SECTOR];
    struct blk *b = blk_new_memory(2880);
    unsigned i;

    for (i = 0; i < sizeof data; i++)
        data[i] = (u8)(i / SECTOR + 1);
    cr_assert_eq(blk_write(b, 2860, 20, data), 0);
    cr_assert_eq(blk_read(b, 2859, 2, data), 0);
    cr_assert_eq(data[0], 0);
    cr_assert_eq(data[SECTOR], 1);
    cr_assert_eq(blk_read(b, 2879, 1, data), 0);
    cr_assert_eq(data[0], 20);
    cr_assert_eq(blk_close(b), 0);
}

/* --- discard, read-only ---------------------------------------------------------------------- */

Test(blk, discard_leaves_the_file_alone)
{
    static u8 data[9 * SECTOR];
    struct blk *b;
    unsigned i;

    make_file(20 * SECTOR);
    b = open_image(BLK_DISCARD);
    cr_assert_not(blk_is_read_only(b));
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(blk_write(b, 6, 9, data), 0);
    cr_assert_eq(blk_read(b, 5, 9, data), 0);
    cr_assert_eq(data[0], 6);
    cr_assert_eq(data[SECTOR], 0xAA);
    cr_assert_eq(blk_read(b, 14, 2, data), 0);
    cr_assert_eq(data[0], 0xAA);
    cr_assert_eq(data[SECTOR], 16);
    cr_assert_eq(blk_flush(b), 0);
    cr_assert_eq(blk_close(b), 0);
    for (i = 0; i < 20; i++)
        cr_assert_eq(file_byte(i * SECTOR), i + 1);
}

Test(blk, read_only_image_refuses_writes)
{
    u8 data[SECTOR] = {0};
    struct blk *b;

    make_file(SECTOR);
    b = open_image(BLK_READ_ONLY);
    cr_assert(blk_is_read_only(b));
    cr_assert_eq(blk_write(b, 0, 1, data), -EROFS);
    cr_assert_eq(blk_flush(b), 0);
    cr_assert_eq(blk_close(b), 0);
}

/* In a child, since root may write everything. */
static int try_without_permission(void)
{
    u8 data[SECTOR] = {0xAA};
    struct blk *b;

    if (geteuid() == 0 && setuid(65534))
        return 1;
    b = blk_open(path, 0, l, err, sizeof err);
    if (!b || blk_is_read_only(b))
        return 2;
    if (blk_write(b, 0, 1, data) || blk_read(b, 0, 1, data) || data[0] != 0xAA || blk_close(b))
        return 3;
    return strstr(last_log, "cannot be written (Permission denied)") ? 0 : 4;
}

Test(blk, file_without_write_permission_opens_with_writes_in_memory)
{
    int status;
    pid_t child;

    make_file(SECTOR);
    chmod(path, 0444);
    chmod(dir, 0755);
    child = fork();
    if (!child)
        _exit(try_without_permission());
    waitpid(child, &status, 0);
    cr_assert_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
    cr_assert_eq(file_byte(0), 1);
}

/* --- what is refused ------------------------------------------------------------------------- */

Test(blk, second_open_is_refused_until_the_first_is_closed)
{
    struct blk *b;

    make_file(SECTOR);
    b = open_image(0);
    expect_refusal(path, 0, "in use by another program; close it or add --discard");
    expect_refusal(path, BLK_READ_ONLY, "in use by another program");
    blk_close(b);
    blk_close(open_image(0));
}

Test(blk, discard_opens_what_another_holds_and_says_so)
{
    struct blk *b, *d;

    make_file(SECTOR);
    b = open_image(0);
    d = open_image(BLK_DISCARD);
    cr_assert(strstr(last_log, "in use by another program"), "%s", last_log);
    blk_close(d);
    blk_close(b);
}

Test(blk, readers_share_an_image_and_keep_writers_out)
{
    struct blk *a, *b;

    make_file(SECTOR);
    a = open_image(BLK_READ_ONLY);
    b = open_image(BLK_DISCARD);
    cr_assert_str_eq(last_log, "");
    expect_refusal(path, 0, "in use by another program");
    blk_close(a);
    blk_close(b);
}

Test(blk, wrong_kinds_of_file_are_refused_with_the_reason)
{
    expect_refusal("/nonexistent/x.img", 0, "there is no such file");
    expect_refusal(dir, 0, "is a directory");
    expect_refusal(dir, BLK_READ_ONLY, "is a directory");
    expect_refusal("/dev/null", 0, "is a device");
    expect_refusal("/dev/full", BLK_READ_ONLY, "is a device");
    make_file(0);
    expect_refusal(path, 0, "is empty");
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_refusal(path, 0, "is a device");
    expect_refusal(path, BLK_READ_ONLY, "is a device");
}

Test(blk, errno_tells_a_bad_file_from_a_poor_host)
{
    struct rlimit limit, none;

    cr_assert_null(blk_open("/tmp/no/such/file", 0, l, err, sizeof err));
    cr_assert_eq(errno, ENOENT);
    make_file(0);
    cr_assert_null(blk_open(path, 0, l, err, sizeof err));
    cr_assert_eq(errno, EINVAL);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    cr_assert_null(blk_open(path, 0, l, err, sizeof err));
    cr_assert_eq(errno, EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
}

Test(blk, image_formats_with_a_header_are_refused_by_name)
{
    FILE *f = fopen(path, "wb");

    fwrite("QFI\xFB\0\0\0\3", 8, 1, f);
    fclose(f);
    expect_refusal(path, 0, "is a qcow2 image");
    expect_refusal(path, 0, "qemu-img convert");
}

/* --- the queue ------------------------------------------------------------------------------- */

Test(blk, requests_take_effect_in_the_order_they_were_started)
{
    static u8 data[64][SECTOR], back[SECTOR];
    static struct blk_request r[64];
    struct blk *b;
    unsigned i;

    make_file(SECTOR);
    b = open_image(0);
    for (i = 0; i < 64; i++) {
        memset(data[i], (int)i + 100, SECTOR);
        blk_start_write(b, &r[i], 0, 1, data[i]);
    }
    cr_assert_eq(blk_read(b, 0, 1, back), 0, "a synchronous call waits for what was started");
    cr_assert_eq(back[0], 163);
    for (i = 0; i < 64; i++)
        cr_assert_eq(blk_finish(&r[i]), 0);
    blk_close(b);
    cr_assert_eq(file_byte(0), 163);
}

Test(blk, a_finished_request_may_be_used_again)
{
    struct fault_plan plan = {.delay_us = 200};
    struct blk *b = fault_blk_new(100, &plan);
    struct blk_request r = {0};
    u8 out[SECTOR], in[SECTOR];
    unsigned i;

    for (i = 0; i < 100; i++) {
        memset(out, (int)i, SECTOR);
        blk_start_write(b, &r, i, 1, out);
        if (i % 3 == 0)
            usleep(100 * (i % 5)); /* sometimes the worker is first, sometimes the caller */
        cr_assert_eq(blk_finish(&r), 0);
        blk_start_read(b, &r, i, 1, in);
        cr_assert_eq(blk_finish(&r), 0);
        cr_assert_arr_eq(in, out, SECTOR);
    }
    cr_assert_eq(plan.writes, 100);
    cr_assert_eq(blk_close(b), 0);
}

Test(blk, requests_complete_without_anybody_waiting)
{
    struct blk *b = blk_new_memory(10);
    struct blk_request r = {0};
    u8 data[SECTOR];
    unsigned tries;

    blk_start_read(b, &r, 0, 1, data);
    for (tries = 0; !blk_is_done(&r) && tries < 30000; tries++)
        usleep(1000);
    cr_assert(blk_is_done(&r));
    cr_assert_eq(blk_finish(&r), 0);
    blk_close(b);
}

Test(blk, close_waits_for_what_was_started)
{
    static u8 data[8][SECTOR];
    static struct blk_request r[8];
    struct fault_plan plan = {.delay_us = 2000};
    struct blk *b = fault_blk_new(8, &plan);
    unsigned i;

    for (i = 0; i < 8; i++)
        blk_start_write(b, &r[i], i, 1, data[i]);
    cr_assert_eq(blk_close(b), 0);
    cr_assert_eq(plan.writes, 8);
    cr_assert_eq(plan.flushes, 1);
}

Test(blk, statistics_count_operations_and_sectors)
{
    struct blk *b = blk_new_memory(10);
    struct blk_request r = {0};
    struct blk_stats s;
    u8 data[3 * SECTOR] = {0};

    blk_read(b, 0, 3, data);
    blk_start_write(b, &r, 0, 2, data);
    blk_finish(&r);
    blk_get_stats(b, &s);
    cr_assert_eq(s.reads, 1);
    cr_assert_eq(s.sectors_read, 3);
    cr_assert_eq(s.writes, 1);
    cr_assert_eq(s.sectors_written, 2);
    blk_close(b);
}

/* --- a bad host disk ------------------------------------------------------------------------- */

Test(blk, errors_come_back_from_finish)
{
    struct fault_plan plan = {.first_bad = 5, .write_error = ENOSPC, .read_error = EIO};
    struct blk *b = fault_blk_new(10, &plan);
    struct blk_request r = {0};
    u8 data[2 * SECTOR] = {0};

    blk_start_write(b, &r, 3, 2, data);
    cr_assert_eq(blk_finish(&r), 0);
    blk_start_write(b, &r, 4, 2, data);
    cr_assert_eq(blk_finish(&r), -ENOSPC);
    blk_start_read(b, &r, 9, 1, data);
    cr_assert_eq(blk_finish(&r), -EIO);
    plan.flush_error = EIO;
    blk_start_flush(b, &r);
    cr_assert_eq(blk_finish(&r), -EIO);
    plan.flush_error = 0;
    cr_assert_eq(blk_close(b), 0, "what was reported is not reported again");
}

struct patience {
    struct fault_plan *plan;
    unsigned asked, give_up_after;
    int error;
};

/* Whoever is asked makes room after a while. */
static bool make_room(void *opaque, struct blk *b, int error)
{
    struct patience *p = opaque;

    p->error = error;
    if (++p->asked == 3)
        p->plan->write_error = p->plan->flush_error = 0;
    return p->asked < p->give_up_after;
}

Test(blk, failed_write_is_tried_again_for_as_long_as_asked)
{
    struct fault_plan plan = {.write_error = ENOSPC};
    struct blk *b = fault_blk_new(10, &plan);
    struct patience p = {.plan = &plan, .give_up_after = 10};
    struct blk_request r = {0};
    u8 data[SECTOR] = "kept", back[SECTOR];

    blk_on_write_error(b, make_room, &p);
    blk_start_write(b, &r, 4, 1, data);
    cr_assert_eq(blk_finish(&r), 0);
    cr_assert_eq(p.asked, 3);
    cr_assert_eq(p.error, -ENOSPC);
    cr_assert_eq(blk_read(b, 4, 1, back), 0);
    cr_assert_str_eq((char *)back, "kept");

    p.asked = 0;
    plan.flush_error = EDQUOT;
    cr_assert_eq(blk_flush(b), 0);
    cr_assert_eq(p.error, -EDQUOT);
    cr_assert_eq(blk_close(b), 0);
}

Test(blk, failed_write_ends_with_the_error_when_nobody_wants_to_wait)
{
    struct fault_plan plan = {.write_error = ENOSPC};
    struct blk *b = fault_blk_new(10, &plan);
    struct patience p = {.plan = &plan, .give_up_after = 2};
    u8 data[SECTOR] = {0};

    blk_on_write_error(b, make_room, &p);
    cr_assert_eq(blk_write(b, 4, 1, data), -ENOSPC);
    cr_assert_eq(p.asked, 2);
    cr_assert_eq(blk_write(b, 10, 1, data), -ENOSPC, "behind the end");
    cr_assert_eq(p.asked, 2, "is no fault of the host");
    blk_close(b);
}

Test(blk, close_reports_an_error_nobody_has_seen)
{
    struct fault_plan plan = {.first_bad = 5, .write_error = ENOSPC};
    struct blk *b = fault_blk_new(10, &plan);
    struct blk_request r = {0};
    u8 data[SECTOR] = {0};

    blk_start_write(b, &r, 7, 1, data);
    cr_assert_eq(blk_close(b), -ENOSPC);
    plan = (struct fault_plan){.flush_error = EDQUOT};
    b = fault_blk_new(10, &plan);
    cr_assert_eq(blk_close(b), -EDQUOT);
}

/* The host refuses to let the file grow: the short last sector cannot be completed. */
Test(blk, host_limit_is_an_error_and_no_signal)
{
    struct rlimit limit = {.rlim_cur = SECTOR + 100, .rlim_max = RLIM_INFINITY};
    struct blk_request r = {0};
    u8 data[SECTOR];
    struct blk *b;

    make_file(SECTOR + 100);
    b = open_image(0);
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_lt(blk_write(b, 1, 1, data), 0);
    blk_start_write(b, &r, 1, 1, data);
    cr_assert_eq(blk_finish(&r), -EFBIG);
    cr_assert_eq(blk_write(b, 0, 1, data), 0);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    blk_close(b);
    cr_assert_eq(file_byte(0), 0xAA);
}

enum { NO_RIGHTS = 77 };

/* In a child with a file system of its own, of 64 KiB, that holds a sparse image of 1 MiB. */
static int fill_the_host_disk(void)
{
    static u8 data[SECTOR];
    struct blk_request r = {0};
    struct blk *b;
    u64 n = 0;
    int result, fd;

    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", dir, "tmpfs", 0, "size=64k"))
        return NO_RIGHTS;
    fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 1 << 20) || close(fd))
        return NO_RIGHTS;
    b = blk_open(path, 0, l, err, sizeof err);
    memset(data, 0xAA, sizeof data);
    do {
        blk_start_write(b, &r, n++, 1, data);
        result = blk_finish(&r);
    } while (!result && n < 2048);
    if (result != -ENOSPC || n > 129)
        return 1;
    /* What was written before is there, and reading what was not gives zeros. */
    if (blk_read(b, 0, 1, data) || data[0] != 0xAA || blk_read(b, n - 1, 1, data) || data[0])
        return 2;
    return blk_close(b) ? 3 : 0;
}

Test(blk, full_host_disk_is_reported_at_the_write_that_did_not_fit)
{
    int status;
    pid_t child = fork();

    if (!child)
        _exit(fill_the_host_disk());
    waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == NO_RIGHTS)
        cr_skip("needs the right to mount a tmpfs");
    cr_assert_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
}

/* --- pre-images ------------------------------------------------------------------------------ */

/* What a sink was shown. */
struct shown {
    unsigned calls;
    u64 sector[8];
    u32 count[8];
    u8 first[8];
    int answer;
};

static int note(void *opaque, u64 sector, u32 count, const void *old)
{
    struct shown *s = opaque;

    s->sector[s->calls % 8] = sector;
    s->count[s->calls % 8] = count;
    s->first[s->calls++ % 8] = *(const u8 *)old;
    return s->answer;
}

Test(blk, sink_is_shown_what_a_write_is_about_to_replace)
{
    struct blk_request r = {0};
    u8 data[2 * SECTOR];
    struct shown shown = {0};
    struct blk *b;

    make_file(8 * SECTOR);
    b = open_image(0);
    cr_assert_eq(blk_add_preimage_sink(b, note, &shown), 0);
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(blk_write(b, 3, 2, data), 0);
    blk_start_write(b, &r, 4, 1, data);
    cr_assert_eq(blk_finish(&r), 0);
    cr_assert_eq(shown.calls, 2);
    cr_assert_eq(shown.sector[0], 3);
    cr_assert_eq(shown.count[0], 2);
    cr_assert_eq(shown.first[0], 4, "the file's byte, not the new one");
    cr_assert_eq(shown.sector[1], 4);
    cr_assert_eq(shown.first[1], 0xAA);
    blk_remove_preimage_sink(b, note, &shown);
    cr_assert_eq(blk_write(b, 0, 1, data), 0);
    cr_assert_eq(shown.calls, 2);
    blk_close(b);
}

Test(blk, sinks_see_writes_kept_in_memory_and_sectors_given_back)
{
    u8 data[SECTOR], old[SECTOR];
    struct shown a = {0}, c = {0};
    struct blk_stats before, after;
    struct blk *b = blk_new_memory(8);

    cr_assert_eq(blk_add_preimage_sink(b, note, &a), 0);
    cr_assert_eq(blk_add_preimage_sink(b, note, &c), 0);
    memset(data, 0xAA, sizeof data);
    memset(old, 0, sizeof old);
    cr_assert_eq(blk_write(b, 7, 1, data), 0);
    blk_get_stats(b, &before);
    cr_assert_eq(blk_restore_sectors(b, 7, 1, old), 0);
    blk_get_stats(b, &after);
    cr_assert_eq(a.calls, 2);
    cr_assert_eq(c.calls, 2);
    cr_assert_eq(a.first[1], 0xAA);
    cr_assert_eq(after.writes, before.writes);
    cr_assert_eq(blk_read(b, 7, 1, data), 0);
    cr_assert_eq(data[0], 0);
    cr_assert_eq(blk_restore_sectors(b, 8, 1, old), -ENOSPC);
    blk_close(b);
}

Test(blk, write_whose_old_contents_cannot_be_kept_fails_and_changes_nothing)
{
    u8 data[SECTOR];
    struct shown shown = {.answer = -ENOSPC};
    struct blk *b;

    make_file(2 * SECTOR);
    b = open_image(0);
    cr_assert_eq(blk_add_preimage_sink(b, note, &shown), 0);
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(blk_write(b, 1, 1, data), -ENOSPC);
    blk_close(b);
    cr_assert_eq(file_byte(SECTOR), 2);
}

Test(blk, long_write_is_shown_whole_before_it_begins)
{
    enum { LONG = 300 };
    static u8 data[LONG * SECTOR];
    struct shown shown = {0};
    struct blk *b = blk_new_memory(LONG);
    u64 next = 0;

    cr_assert_eq(blk_add_preimage_sink(b, note, &shown), 0);
    memset(data, 0xAA, sizeof data);
    cr_assert_eq(blk_write(b, 0, LONG, data), 0);
    for (unsigned i = 0; i < shown.calls; i++) {
        cr_assert_eq(shown.sector[i], next);
        cr_assert_eq(shown.first[i], 0);
        next += shown.count[i];
    }
    cr_assert_eq(next, LONG);
    blk_close(b);
}

/* --- for snapshots --------------------------------------------------------------------------- */

Test(blk, private_writes_are_found_and_exchanged)
{
    u8 data[SECTOR], file[SECTOR];
    struct blk_overlay *other = blk_overlay_new(10000);
    struct blk *b;
    u64 sector = 0;
    u32 count;

    make_file(10000 * SECTOR);
    b = open_image(BLK_DISCARD);
    memset(data, 0xAA, sizeof data);
    cr_assert_not(blk_overlay_next(blk_private_writes(b), &sector, &count));
    blk_write(b, 9000, 1, data);
    blk_write(b, 4095, 1, data);
    blk_write(b, 4096, 1, data);
    sector = 0;
    cr_assert(blk_overlay_next(blk_private_writes(b), &sector, &count));
    cr_assert_eq(sector, 4095);
    cr_assert_eq(count, 2);
    sector += count;
    cr_assert(blk_overlay_next(blk_private_writes(b), &sector, &count));
    cr_assert_eq(sector, 9000);
    cr_assert_eq(count, 1);
    sector += count;
    cr_assert_not(blk_overlay_next(blk_private_writes(b), &sector, &count));
    cr_assert_eq(blk_read_file(b, 9000, 1, file), 0);
    cr_assert_eq(file[0], (9001 & 0xFF));
    other = blk_swap_private_writes(b, other);
    blk_read(b, 9000, 1, data);
    cr_assert_eq(data[0], (9001 & 0xFF), "the other ones are empty");
    blk_overlay_free(blk_swap_private_writes(b, other));
    blk_read(b, 9000, 1, data);
    cr_assert_eq(data[0], 0xAA);
    blk_close(b);
}

Test(blk, frozen_image_is_left_alone)
{
    struct blk_request r = {0};
    u8 data[SECTOR];
    struct blk *b;

    make_file(4 * SECTOR);
    b = open_image(0);
    blk_freeze(b, true);
    memset(data, 0xAA, sizeof data);
    blk_start_write(b, &r, 1, 1, data);
    cr_assert_eq(blk_finish(&r), 0);
    blk_freeze(b, false);
    blk_read(b, 1, 1, data);
    cr_assert_eq(data[0], 2);
    blk_close(b);
}

Test(blk, time_of_the_file_moves_with_writes)
{
    u8 data[SECTOR] = {0};
    struct blk *b, *memory = blk_new_memory(4);
    u64 size;
    s64 before, after;

    make_file(4 * SECTOR);
    b = open_image(0);
    cr_assert(blk_file_time(b, &size, &before));
    cr_assert_eq(size, 4 * SECTOR);
    usleep(20000);
    blk_write(b, 0, 1, data);
    cr_assert(blk_file_time(b, &size, &after));
    cr_assert_gt(after, before);
    cr_assert_not(blk_file_time(memory, &size, &after));
    blk_close(b);
    blk_close(memory);
}

Test(blk, a_clone_of_an_overlay_and_the_overlay_go_their_own_ways)
{
    struct blk_overlay *a = blk_overlay_new(10000), *b;
    u8 one[SECTOR], two[SECTOR], seen[2 * SECTOR] = {0};
    u64 sector = 0;
    u32 count;

    memset(one, 1, sizeof one);
    memset(two, 2, sizeof two);
    cr_assert_eq(blk_overlay_write(a, 9, 1, one), 0);
    b = blk_overlay_clone(a);
    cr_assert_eq(blk_overlay_write(a, 9, 1, two), 0);
    cr_assert_eq(blk_overlay_write(b, 10, 1, two), 0);
    blk_overlay_patch(b, 9, 2, seen);
    cr_assert(seen[0] == 1 && seen[SECTOR] == 2);
    memset(seen, 0, sizeof seen);
    blk_overlay_patch(a, 9, 2, seen);
    cr_assert(seen[0] == 2 && seen[SECTOR] == 0);
    cr_assert(blk_overlay_next(b, &sector, &count) && sector == 9 && count == 2);
    blk_overlay_free(a);
    blk_overlay_patch(b, 9, 2, seen);
    cr_assert_eq(seen[0], 1);
    blk_overlay_free(b);
}
