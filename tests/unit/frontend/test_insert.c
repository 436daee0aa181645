/* Files to drives, by what is in them. The machine behind it is played by this file. */
#include "frontend/insert.h"

#include "frontend/frontend.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char asked[2000], file[] = "/tmp/bygone-insert-XXXXXX";
static const char *refusal; /* what the machine answers, NULL if it does it */
static struct text out;

bool frontend_command(struct frontend *f, const char *line, struct text *answer)
{
    snprintf(asked, sizeof asked, "%s", line);
    if (refusal)
        text_add(answer, refusal);
    return !refusal;
}

static void make_file(size_t size, size_t at, const char *mark)
{
    int fd = mkstemp(file);

    cr_assert_geq(fd, 0);
    cr_assert(!ftruncate(fd, (off_t)size));
    cr_assert_eq(pwrite(fd, mark, strlen(mark), (off_t)at), (ssize_t)strlen(mark));
    close(fd);
}

static void teardown(void)
{
    unlink(file);
    text_free(&out);
}

TestSuite(insert, .fini = teardown, .timeout = 60);

static void expect_drive(const char *drive)
{
    char expected[100];

    cr_assert(insert_file(NULL, file, &out));
    snprintf(expected, sizeof expected, "change %s \"%s\"", drive, file);
    cr_assert_str_eq(asked, expected);
    snprintf(expected, sizeof expected, "%s is in %s", file + 5, drive);
    cr_assert_str_eq(out.data, expected);
}

Test(insert, floppies_of_all_sizes_go_into_the_first_drive)
{
    make_file(368640, 510, "\x55\xAA");
    expect_drive("fda");
}

Test(insert, isos_go_into_the_cd_drive)
{
    make_file(1 << 20, 16 * 2048 + 1, "CD001");
    expect_drive("cdrom");
}

Test(insert, hard_disks_cannot_be_put_in_while_running)
{
    make_file(40 << 20, 510, "\x55\xAA");
    cr_assert(!insert_file(NULL, file, &out));
    cr_assert(strstr(out.data, "cannot be put in while running"));
    cr_assert_str_eq(asked, "");
}

Test(insert, what_is_no_medium_is_refused_with_the_reason)
{
    make_file(100, 0, "PK\3\4");
    cr_assert(!insert_file(NULL, file, &out));
    cr_assert(strstr(out.data, "ZIP"));
    cr_assert_str_eq(asked, "");
}

Test(insert, missing_files_are_refused)
{
    cr_assert(!insert_file(NULL, "/no/such/file", &out));
    cr_assert(strstr(out.data, "file"));
    cr_assert_str_eq(asked, "");
}

Test(insert, what_the_machine_answers_is_told)
{
    make_file(1474560, 510, "\x55\xAA");
    refusal = "fda: busy\n";
    cr_assert(!insert_file(NULL, file, &out));
    cr_assert_str_eq(out.data, "fda: busy");
}

Test(insert, names_that_a_command_cannot_hold)
{
    char line[64];

    cr_assert(insert_command("fda", "a b.img", line, sizeof line, &out));
    cr_assert_str_eq(line, "change fda \"a b.img\"");
    cr_assert(!insert_command("fda", "a\"b.img", line, sizeof line, &out));
    cr_assert(strstr(out.data, "renamed"));
    text_free(&out);
    cr_assert(!insert_command("fda", "/a/very/long/name/of/a/file/in/many/folders/below/each/other",
                              line, sizeof line, &out));
    cr_assert(strstr(out.data, "too long"));
}
