/* Files without an option find their places. */
#include "frontend/files.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct options o;
static struct text report;
static char err[512], dir[64];

static void setup(void)
{
    options_init(&o);
    memset(&report, 0, sizeof report);
    strcpy(dir, "/tmp/test_files.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
    text_free(&report);
    options_free(&o);
}

TestSuite(files, .init = setup, .fini = teardown, .timeout = 60);

/* A file of `size` with `mark` at `at`, put on the command line. */
static void give(const char *name, u64 size, const char *mark, size_t len, long at)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fseek(f, at, SEEK_SET), 0);
    cr_assert_eq(fwrite(mark, 1, len, f), len);
    cr_assert_eq(fflush(f), 0);
    cr_assert_eq(ftruncate(fileno(f), (off_t)size), 0);
    fclose(f);
    o.files[o.file_count++] = options_keep(&o, path);
}

static int assign(void)
{
    return files_assign(&o, &report, err, sizeof err);
}

static bool ends(const char *s, const char *tail)
{
    return s && strlen(s) >= strlen(tail) && !strcmp(s + strlen(s) - strlen(tail), tail);
}

Test(files, each_goes_where_it_belongs_and_one_line_says_so)
{
    give("a.img", 1440 << 10, "\x55\xAA", 2, 510);
    give("b.img", 720 << 10, "\x55\xAA", 2, 510);
    give("c.img", 20 << 20, "\x55\xAA", 2, 510);
    give("d.iso", 1 << 20, "CD001", 5, 32769);
    cr_assert_eq(assign(), 0, "%s", err);
    cr_assert(ends(o.drive[DRIVE_FDA], "/a.img"));
    cr_assert(ends(o.drive[DRIVE_FDB], "/b.img"));
    cr_assert(ends(o.drive[DRIVE_HDA], "/c.img"));
    cr_assert(ends(o.cdrom, "/d.iso"));
    cr_assert(strstr(report.data, "a.img': a floppy (its size is 1440K, with a boot sector): "
                                  "drive A:\n"),
              "%s", report.data);
    cr_assert(strstr(report.data, "d.iso': a CD (ISO 9660): the CD drive\n"), "%s", report.data);
}

Test(files, options_keep_their_places)
{
    o.drive[DRIVE_FDA] = "given";
    give("a.img", 1440 << 10, "\x55\xAA", 2, 510);
    cr_assert_eq(assign(), 0, "%s", err);
    cr_assert_str_eq(o.drive[DRIVE_FDA], "given");
    cr_assert(ends(o.drive[DRIVE_FDB], "/a.img"));
}

Test(files, an_archive_behind_a_kernel_is_its_initrd)
{
    give("kernel", 100000,
         "\x7F"
         "ELF\1\1",
         6, 0);
    cr_assert_eq(assign(), EXIT_BAD_INPUT);
    o.file_count = 0;
    give("initrd", 1000, "\x1F\x8B\x08", 3, 0);
    cr_assert_eq(assign(), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "unpack it first"), "%s", err);
    o.kernel = "given";
    cr_assert_eq(assign(), 0, "%s", err);
    cr_assert(ends(o.initrd, "/initrd"));
}

Test(files, a_third_floppy_has_no_place)
{
    give("a.img", 1440 << 10, "", 0, 0);
    give("b.img", 1440 << 10, "", 0, 0);
    give("c.img", 1440 << 10, "", 0, 0);
    cr_assert_eq(assign(), EXIT_USAGE);
    cr_assert(strstr(err, "every place for one is taken"), "%s", err);
}

Test(files, missing_and_empty_files_are_bad_input)
{
    cr_assert_eq(files_check(&o, err, sizeof err), 0);
    o.drive[DRIVE_HDB] = "/nonexistent.img";
    cr_assert_eq(files_check(&o, err, sizeof err), EXIT_BAD_INPUT);
    cr_assert_str_eq(err, "hdb: '/nonexistent.img': there is no such file; check the name");
    o.drive[DRIVE_HDB] = dir;
    cr_assert_eq(files_check(&o, err, sizeof err), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "folder"), "%s", err);
    give("empty", 0, "", 0, 0);
    o.drive[DRIVE_HDB] = o.files[0];
    cr_assert_eq(files_check(&o, err, sizeof err), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "empty"), "%s", err);
}
