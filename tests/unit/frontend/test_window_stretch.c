/* Pictures in other sizes. */
#include "frontend/window_stretch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { W = 37, H = 23, MAX = 300 };

static u32 picture[W * H], result[MAX * MAX], again[MAX * MAX];

static void setup(void)
{
    u32 seed = 1, i;

    for (i = 0; i < W * H; i++) {
        seed = seed * 1664525 + 1013904223;
        picture[i] = seed >> 8;
    }
}

TestSuite(stretch, .init = setup, .timeout = 60);

static void make(u32 w, u32 h)
{
    struct stretch s;

    cr_assert(stretch_init(&s, W, H, w, h));
    stretch_rows(&s, picture, 0, h, result);
    stretch_free(&s);
}

Test(stretch, the_same_size_is_the_same_picture)
{
    make(W, H);
    cr_assert(!memcmp(result, picture, sizeof picture));
}

Test(stretch, whole_numbers_repeat_pixels)
{
    u32 x, y, times;

    for (times = 2; times <= 8; times++) {
        make(W * times, H * times);
        for (y = 0; y < H * times; y++)
            for (x = 0; x < W * times; x++)
                cr_assert_eq(result[y * W * times + x], picture[y / times * W + x / times]);
    }
}

/* Enlarged one and a half times, two of three pixels are one of the source. */
Test(stretch, pixels_stay_sharp)
{
    struct stretch s;
    u32 i;

    cr_assert(stretch_init(&s, 36, 1, 54, 1));
    stretch_rows(&s, picture, 0, 1, result);
    stretch_free(&s);
    for (i = 0; i < 18; i++) {
        cr_assert_eq(result[3 * i], picture[2 * i]);
        cr_assert_eq(result[3 * i + 2], picture[2 * i + 1]);
    }
}

Test(stretch, a_plain_colour_stays_plain)
{
    u32 i;

    for (i = 0; i < W * H; i++)
        picture[i] = 0xAA5500;
    make(101, 67);
    for (i = 0; i < 101 * 67; i++)
        cr_assert_eq(result[i], 0xAA5500);
    make(11, 7);
    for (i = 0; i < 11 * 7; i++)
        cr_assert_eq(result[i], 0xAA5500);
}

Test(stretch, rows_by_themselves_are_the_same)
{
    static const u32 sizes[][2] = {{55, 34}, {37, 200}, {299, 24}, {20, 11}, {1, 1}};
    struct stretch s;
    u32 i, w, h, top, bottom;

    for (i = 0; i < ARRAY_LEN(sizes); i++) {
        w = sizes[i][0];
        h = sizes[i][1];
        make(w, h);
        cr_assert(stretch_init(&s, W, H, w, h));
        for (top = 0; top < h; top += 3) {
            bottom = top + 5 < h ? top + 5 : h;
            stretch_rows(&s, picture, top, bottom, again);
            cr_assert(!memcmp(again, result + top * w, (bottom - top) * w * sizeof *again));
        }
        stretch_free(&s);
    }
}

/* Change some source rows: what changes in the result are the rows that depend on them. */
Test(stretch, the_rows_that_depend_on_others_are_known)
{
    static const u32 heights[] = {23, 34, 46, 100, 11, 1};
    struct stretch s;
    u32 i, h, n, y, top, bottom;

    for (i = 0; i < ARRAY_LEN(heights); i++)
        for (n = 0; n < H; n++) {
            h = heights[i];
            setup();
            make(W, h);
            memcpy(again, result, W * h * sizeof *again);
            memset(picture + n * W, 0, W * sizeof *picture);
            make(W, h);
            cr_assert(stretch_init(&s, W, H, W, h));
            stretch_rows_of(&s, n, n + 1, &top, &bottom);
            stretch_free(&s);
            for (y = 0; y < h; y++)
                if (memcmp(result + y * W, again + y * W, W * sizeof *again))
                    cr_assert(y >= top && y < bottom, "%u of %u for %u: %u to %u", y, h, n, top,
                              bottom);
        }
}

Test(stretch, one_pixel_fills_everything)
{
    struct stretch s;
    u32 i, one = 0x123456;

    cr_assert(stretch_init(&s, 1, 1, 50, 40));
    stretch_rows(&s, &one, 0, 40, result);
    stretch_free(&s);
    for (i = 0; i < 50 * 40; i++)
        cr_assert_eq(result[i], one);
}
