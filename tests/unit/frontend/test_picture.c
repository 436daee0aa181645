/* Pictures: what is saved is what is loaded, and how they are compared. */
#include "frontend/picture.h"

#include "devices/host/display.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct display_frame frame;
static char dir[64], file[128], err[400];

static void setup(void)
{
    display_frame_init(&frame);
    strcpy(dir, "/tmp/test_picture.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/x.png", dir);
}

static void teardown(void)
{
    unlink(file);
    rmdir(dir);
    display_frame_free(&frame);
}

TestSuite(picture, .init = setup, .fini = teardown, .timeout = 60);

/* `colours` different ones in diagonal stripes. */
static void draw(u32 width, u32 height, u32 colours)
{
    u32 i;

    cr_assert(display_frame_resize(&frame, width, height));
    for (i = 0; i < width * height; i++)
        frame.pixels[i] = (i % width + i / width) % colours * 0x010305 & 0xFFFFFF;
}

#ifdef HAVE_PNG

static void round_trip(void)
{
    struct picture p;

    cr_assert(picture_save(&frame, file, err, sizeof err), "%s", err);
    cr_assert(picture_load(&p, file, err, sizeof err), "%s", err);
    cr_assert_eq(p.width, frame.width);
    cr_assert_eq(p.height, frame.height);
    for (u32 i = 0; i < p.width * p.height; i++)
        cr_assert_eq(p.pixels[i], 0xFF000000 | frame.pixels[i], "pixel %u", i);
    cr_assert_eq(picture_difference(&p, &frame), 0);
    picture_free(&p);
}

Test(picture, round_trip_with_any_number_of_colours)
{
    static const u32 colours[] = {1, 2, 3, 16, 17, 256, 257, 5000};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(colours); i++) {
        draw(123, 77, colours[i]);
        round_trip();
    }
}

Test(picture, sixteen_colours_make_a_small_file)
{
    struct stat st;

    draw(640, 480, 16);
    cr_assert(picture_save(&frame, file, err, sizeof err), "%s", err);
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_lt(st.st_size, 10000);
}

Test(picture, difference_counts_pixels_that_are_visibly_apart)
{
    struct picture p;

    draw(100, 10, 16);
    cr_assert(picture_save(&frame, file, err, sizeof err), "%s", err);
    cr_assert(picture_load(&p, file, err, sizeof err), "%s", err);
    frame.pixels[0] ^= 0x030303; /* a 6-bit DAC's rounding */
    cr_assert_eq(picture_difference(&p, &frame), 0);
    frame.pixels[0] ^= 0x800000;
    frame.pixels[999] ^= 0x000080;
    cr_assert_float_eq(picture_difference(&p, &frame), 0.2, 1e-9);
    p.pixels[999] = 0; /* transparent: not compared */
    cr_assert_float_eq(picture_difference(&p, &frame), 100.0 / 999, 1e-9);
    draw(100, 11, 16);
    cr_assert_eq(picture_difference(&p, &frame), 100);
    picture_free(&p);
}

Test(picture, damaged_and_missing_files_are_refused)
{
    struct picture p;
    FILE *f;

    cr_assert_not(picture_load(&p, "/nonexistent.png", err, sizeof err));
    cr_assert(strstr(err, "/nonexistent.png"), "%s", err);
    draw(50, 50, 16);
    cr_assert(picture_save(&frame, file, err, sizeof err));
    cr_assert_eq(truncate(file, 100), 0);
    cr_assert_not(picture_load(&p, file, err, sizeof err));
    f = fopen(file, "w");
    fputs("no picture at all", f);
    fclose(f);
    cr_assert_not(picture_load(&p, file, err, sizeof err));
    picture_free(&p);
}

#endif

Test(picture, what_is_no_plain_file_is_left_alone)
{
    char fifo[sizeof file + 8];
    struct stat st;

    snprintf(fifo, sizeof fifo, "%s.fifo", file);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    draw(10, 10, 2);
    cr_assert_not(picture_save(&frame, fifo, err, sizeof err));
    cr_assert(strstr(err, "is not a plain file"), "%s", err);
    cr_assert(!stat(fifo, &st) && S_ISFIFO(st.st_mode));
    unlink(fifo);
}

Test(picture, a_folder_that_is_not_there_is_an_error)
{
    draw(10, 10, 2);
    cr_assert_not(picture_save(&frame, "/nonexistent/x.png", err, sizeof err));
    cr_assert(strstr(err, "No such file"), "%s", err);
}
