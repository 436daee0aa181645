/* Where pictures go in windows. Shapes: a VGA monitor's tube is 4 to 3. */
#include "frontend/window_scale.h"

#include <criterion/criterion.h>

static void expect_rect(struct scale_rect r, s32 x, s32 y, s32 w, s32 h)
{
    cr_assert(r.x == x && r.y == y && r.w == w && r.h == h, "%d,%d %dx%d", r.x, r.y, r.w, r.h);
}

static void expect_size(struct scale_size s, s32 w, s32 h)
{
    cr_assert(s.w == w && s.h == h, "%dx%d", s.w, s.h);
}

Test(window_scale, old_modes_share_the_tube)
{
    expect_size(scale_natural(720, 400, true), 720, 540);
    expect_size(scale_natural(640, 400, false), 720, 540);
    expect_size(scale_natural(640, 350, false), 720, 540);
    expect_size(scale_natural(640, 480, false), 720, 540);
    expect_size(scale_natural(320, 200, false), 720, 540);
}

Test(window_scale, wide_text_keeps_the_shape_of_the_tube)
{
    expect_size(scale_natural(1056, 400, true), 1056, 792);
}

Test(window_scale, modes_from_800x600_on_have_square_pixels)
{
    expect_size(scale_natural(800, 600, false), 800, 600);
    expect_size(scale_natural(1280, 1024, false), 1280, 1024);
}

Test(window_scale, aspect_fills_one_direction_and_centres)
{
    struct scale_size wide = {1920, 1080}, tall = {600, 1000};

    expect_rect(scale_place(SCALE_ASPECT, 640, 480, false, wide), 240, 0, 1440, 1080);
    expect_rect(scale_place(SCALE_ASPECT, 720, 400, true, tall), 0, 275, 600, 450);
}

Test(window_scale, whole_pixels_are_square_and_centred)
{
    struct scale_size window = {1500, 1000};

    expect_rect(scale_place(SCALE_INTEGER, 720, 400, true, window), 30, 100, 1440, 800);
    expect_rect(scale_place(SCALE_INTEGER, 800, 600, false, window), 350, 200, 800, 600);
}

Test(window_scale, a_window_too_small_for_whole_pixels_shows_the_picture_smaller)
{
    struct scale_size window = {360, 360};

    expect_rect(scale_place(SCALE_INTEGER, 720, 400, true, window), 0, 80, 360, 200);
}

Test(window_scale, stretched_takes_all)
{
    struct scale_size window = {333, 777};

    expect_rect(scale_place(SCALE_STRETCH, 640, 480, false, window), 0, 0, 333, 777);
}

Test(window_scale, windows_and_pictures_of_no_size_do_no_harm)
{
    struct scale_size none = {0, 0}, thin = {1, 4000};
    struct scale_rect r;
    unsigned mode;

    for (mode = 0; mode < SCALE_MODES; mode++) {
        r = scale_place((enum scale_mode)mode, 720, 400, true, none);
        cr_assert(r.w > 0 && r.h > 0);
        r = scale_place((enum scale_mode)mode, 2560, 1600, false, thin);
        cr_assert(r.w > 0 && r.h > 0 && r.w <= thin.w && r.h <= thin.h);
        r = scale_place((enum scale_mode)mode, 0, 0, false, thin);
        cr_assert(r.w > 0 && r.h > 0);
    }
}

Test(window_scale, everything_placed_lies_in_the_window)
{
    struct scale_size window;
    struct scale_rect r;
    u32 w, h;

    for (window.w = 7; window.w < 3000; window.w += 311)
        for (window.h = 5; window.h < 2000; window.h += 173)
            for (w = 160; w <= 1600; w += 160)
                for (h = 100; h <= 1200; h += 110) {
                    r = scale_place(SCALE_ASPECT, w, h, false, window);
                    cr_assert(r.x >= 0 && r.y >= 0 && r.x + r.w <= window.w &&
                              r.y + r.h <= window.h);
                    r = scale_place(SCALE_INTEGER, w, h, false, window);
                    cr_assert(r.x >= 0 && r.y >= 0 && r.x + r.w <= window.w &&
                              r.y + r.h <= window.h);
                }
}

Test(window_scale, a_new_window_takes_up_to_three_quarters_of_the_desktop)
{
    expect_size(scale_window(720, 400, true, (struct scale_size){1920, 1080}), 1080, 810);
    expect_size(scale_window(720, 400, true, (struct scale_size){1366, 768}), 720, 540);
    expect_size(scale_window(720, 400, true, (struct scale_size){3840, 2160}), 2160, 1620);
}

Test(window_scale, a_new_window_fits_on_the_desktop)
{
    expect_size(scale_window(1600, 1200, false, (struct scale_size){1366, 768}), 1024, 768);
    /* Nothing is known of the desktop. */
    expect_size(scale_window(1600, 1200, false, (struct scale_size){0, 0}), 1600, 1200);
}

Test(window_scale, sharpening_repeats_pixels_up_to_the_size_shown)
{
    cr_assert_eq(scale_sharpen(720, 720), 1);
    cr_assert_eq(scale_sharpen(720, 721), 2);
    cr_assert_eq(scale_sharpen(400, 1080), 3);
    cr_assert_eq(scale_sharpen(100, 5000), SCALE_SHARPEN_MAX);
    cr_assert_eq(scale_sharpen(720, 300), 1);
    cr_assert_eq(scale_sharpen(0, 300), 1);
}
