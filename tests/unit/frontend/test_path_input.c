/* File names while they are typed. */
#include "frontend/path_input.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/bygone-path-XXXXXX";
static struct path_input path;

static void make(const char *name)
{
    char file[200];
    FILE *f;

    snprintf(file, sizeof file, "%s/%s", folder, name);
    if (name[strlen(name) - 1] == '/') {
        cr_assert(!mkdir(file, 0777));
        return;
    }
    f = fopen(file, "w");
    cr_assert(f);
    fclose(f);
}

static void setup(void)
{
    cr_assert(mkdtemp(folder));
    path_input_clear(&path);
}

static void teardown(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert(!system(command));
}

TestSuite(path_input, .init = setup, .fini = teardown, .timeout = 60);

static unsigned complete(const char *begun)
{
    path_input_clear(&path);
    path_input_add(&path, folder);
    path_input_add(&path, "/");
    path_input_add(&path, begun);
    return path_input_complete(&path);
}

static const char *rest(void)
{
    return path.text + strlen(folder) + 1;
}

Test(path_input, typing_and_erasing)
{
    path_input_add(&path, "a\303\244\n\033b");
    cr_assert_str_eq(path.text, "a\303\244b", "control characters are left out");
    path_input_erase(&path);
    path_input_erase(&path);
    cr_assert_str_eq(path.text, "a", "an umlaut is one character");
    path_input_erase(&path);
    path_input_erase(&path);
    cr_assert_str_eq(path.text, "");
}

Test(path_input, too_much_is_cut)
{
    unsigned i;

    for (i = 0; i < PATH_INPUT_MAX; i++)
        path_input_add(&path, "ab");
    cr_assert_eq(strlen(path.text), PATH_INPUT_MAX - 1);
}

Test(path_input, one_name_is_completed)
{
    make("dos.img");
    make("linux.iso");
    cr_assert_eq(complete("d"), 1);
    cr_assert_str_eq(rest(), "dos.img");
}

Test(path_input, several_names_as_far_as_they_agree)
{
    make("disk1.img");
    make("disk2.img");
    cr_assert_eq(complete("d"), 2);
    cr_assert_str_eq(rest(), "disk");
}

Test(path_input, a_folder_gets_its_slash)
{
    make("images/");
    cr_assert_eq(complete("im"), 1);
    cr_assert_str_eq(rest(), "images/");
}

Test(path_input, hidden_files_only_if_asked_for)
{
    make(".hidden");
    cr_assert_eq(complete(""), 0);
    cr_assert_eq(complete(".h"), 1);
    cr_assert_str_eq(rest(), ".hidden");
}

Test(path_input, names_that_agree_in_half_a_character)
{
    make("x\303\244");
    make("x\303\266");
    cr_assert_eq(complete("x"), 2);
    cr_assert_str_eq(rest(), "x");
}

Test(path_input, nothing_fits)
{
    cr_assert_eq(complete("none"), 0);
    cr_assert_str_eq(rest(), "none");
    path_input_clear(&path);
    path_input_add(&path, "/no/such/folder/x");
    cr_assert_eq(path_input_complete(&path), 0);
}

Test(path_input, tilde_is_home)
{
    make("my.img");
    setenv("HOME", folder, 1);
    path_input_add(&path, "~/m");
    cr_assert_eq(path_input_complete(&path), 1);
    cr_assert_str_eq(rest(), "my.img");
}
