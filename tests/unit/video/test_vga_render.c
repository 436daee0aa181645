/* Pictures. */
#include "tests/unit/video/vga_modes.h"

TestSuite(vga_render, .init = vga_setup, .fini = vga_teardown);

/* Give character `ch` of font map 0 the rows of `bits`, sixteen of them. */
static void load_glyph(u32 base, u8 ch, u8 bits)
{
    unsigned i;

    seq_set(2, 0x04);
    seq_set(4, 0x07);
    gr_set(5, 0);
    gr_set(6, 0x04);
    for (i = 0; i < 16; i++)
        mem_write(0xA0000 + base + ch * 32 + i, bits, 1);
    seq_set(2, 0x03);
    seq_set(4, 0x03);
    gr_set(5, 0x10);
    gr_set(6, 0x0E);
}

/* Mode 3 with palette entry n gray n, the cursor off. */
static void text_mode(void)
{
    unsigned i;

    set_mode(&mode_3);
    gray_dac();
    in8(0x3DA);
    for (i = 0; i < 16; i++) {
        out8(0x3C0, (u8)i);
        out8(0x3C0, (u8)i);
    }
    out8(0x3C0, 0x20);
    attr_set(0x10, 0x04); /* no blinking */
    crtc_set(0x0A, 0x2D);
}

static void put_cell(unsigned column, unsigned row, u8 ch, u8 attr)
{
    mem_write(0xB8000 + 2 * (row * 80 + column), attr << 8 | ch, 2);
}

Test(vga_render, nothing_set_up_is_a_black_picture)
{
    cr_assert(render());
    cr_assert_eq(frame.width, 720u);
    cr_assert_eq(frame.height, 400u);
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_not(frame.text);
}

Test(vga_render, mode_3_is_720_by_400_and_text)
{
    text_mode();
    put_cell(79, 24, 'Z', 0x1E);
    render();
    cr_assert_eq(frame.width, 720u);
    cr_assert_eq(frame.height, 400u);
    cr_assert(frame.text);
    cr_assert_eq(frame.columns, 80);
    cr_assert_eq(frame.rows, 25);
    cr_assert_eq(frame.cells[2 * (24 * 80 + 79)], 'Z');
    cr_assert_eq(frame.cells[2 * (24 * 80 + 79) + 1], 0x1E);
    cr_assert_eq(frame.cursor_row, -1);
}

Test(vga_render, character_has_its_colors_and_a_blank_ninth_dot)
{
    text_mode();
    load_glyph(0, 'A', 0x81);
    put_cell(1, 1, 'A', 0x3C);
    render();
    cr_assert_eq(pixel(9, 16), gray(0x0C));
    cr_assert_eq(pixel(10, 16), gray(0x03));
    cr_assert_eq(pixel(16, 31), gray(0x0C));
    cr_assert_eq(pixel(17, 16), gray(0x03));
}

Test(vga_render, line_graphics_repeat_the_eighth_dot)
{
    text_mode();
    load_glyph(0, 0xC4, 0xFF);
    load_glyph(0, 0xE0, 0xFF);
    put_cell(0, 0, 0xC4, 0x0F);
    put_cell(1, 0, 0xE0, 0x0F);
    render();
    cr_assert_eq(pixel(8, 0), gray(0x0F));
    cr_assert_eq(pixel(17, 0), 0u); /* outside C0h-DFh */
    attr_set(0x10, 0x00);
    render();
    cr_assert_eq(pixel(8, 0), 0u);
}

Test(vga_render, eight_dot_cells_make_640_dots)
{
    text_mode();
    seq_set(1, 0x01);
    render();
    cr_assert_eq(frame.width, 640u);
}

Test(vga_render, forty_columns_are_as_wide_as_eighty)
{
    text_mode();
    load_glyph(0, 'A', 0x80);
    put_cell(1, 0, 'A', 0x0F);
    seq_set(1, 0x08);
    crtc_set(0x11, 0x0E);
    crtc_set(1, 39);
    render();
    cr_assert_eq(frame.width, 720u);
    cr_assert_eq(frame.columns, 40);
    cr_assert_eq(pixel(18, 0), gray(0x0F));
    cr_assert_eq(pixel(19, 0), gray(0x0F));
    cr_assert_eq(pixel(20, 0), 0u);
}

Test(vga_render, attribute_bit_3_selects_the_second_font)
{
    text_mode();
    load_glyph(0, 'A', 0x00);
    load_glyph(0x4000, 'A', 0xFF);
    seq_set(3, 0x04); /* map A (bit 3 set) is map 1 */
    put_cell(0, 0, 'A', 0x07);
    put_cell(1, 0, 'A', 0x0F);
    render();
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_eq(pixel(9, 0), gray(0x0F));
}

Test(vga_render, underline_shows_at_its_row_for_attribute_1)
{
    text_mode();
    crtc_set(0x14, 12);
    put_cell(0, 0, ' ', 0x01);
    put_cell(1, 0, ' ', 0x07);
    render();
    cr_assert_eq(pixel(0, 12), gray(1));
    cr_assert_eq(pixel(8, 12), gray(1));
    cr_assert_eq(pixel(0, 11), 0u);
    cr_assert_eq(pixel(9, 12), 0u);
}

Test(vga_render, cursor_covers_its_rows_and_blinks)
{
    text_mode();
    crtc_set(0x0A, 0x0D);
    crtc_set(0x0F, 82); /* column 2 of row 1 */
    put_cell(2, 1, ' ', 0x0A);
    put_cell(0, 0, ' ', 0x0A);
    render();
    cr_assert_eq(pixel(18, 16 + 12), 0u);
    cr_assert_eq(pixel(18, 16 + 13), gray(0x0A));
    cr_assert_eq(pixel(26, 16 + 14), gray(0x0A));
    cr_assert_eq(pixel(18, 16 + 15), 0u);
    cr_assert_eq(frame.cursor_column, 2);
    cr_assert_eq(frame.cursor_row, 1);
    rig_advance_ns(&rig, 115000000); /* eight frames of 14.27 ms */
    cr_assert(render());
    cr_assert_eq(pixel(18, 16 + 13), 0u);
    rig_advance_ns(&rig, 115000000);
    cr_assert(render());
    cr_assert_eq(pixel(18, 16 + 13), gray(0x0A));
    crtc_set(0x0F, 0);
    cr_assert(render());
    cr_assert_eq(pixel(18, 16 + 13), 0u);
    cr_assert_eq(pixel(0, 13), gray(0x0A));
}

Test(vga_render, cursor_skew_moves_it_right)
{
    text_mode();
    put_cell(1, 0, ' ', 0x0A);
    crtc_set(0x0A, 0x0D);
    crtc_set(0x0B, 0x2E);
    render();
    cr_assert_eq(pixel(0, 13), 0u);
    cr_assert_eq(pixel(9, 13), gray(0x0A));
}

Test(vga_render, blinking_characters_come_and_go_with_half_the_cursors_rate)
{
    text_mode();
    attr_set(0x10, 0x08);
    load_glyph(0, 'A', 0xFF);
    put_cell(0, 0, 'A', 0x9C);
    render();
    cr_assert_eq(pixel(0, 0), gray(0x0C));
    cr_assert_eq(pixel(8, 0), gray(0x01)); /* bit 7 is no colour now */
    rig_advance_ns(&rig, 115000000);
    render();
    cr_assert_eq(pixel(0, 0), gray(0x0C));
    rig_advance_ns(&rig, 115000000);
    cr_assert(render());
    cr_assert_eq(pixel(0, 0), gray(0x01));
    rig_advance_ns(&rig, 229000000);
    cr_assert(render());
    cr_assert_eq(pixel(0, 0), gray(0x0C));
}

Test(vga_render, unchanged_screen_is_not_drawn_again)
{
    text_mode();
    cr_assert(render());
    cr_assert_not(render());
    put_cell(0, 0, 'A', 0x07);
    cr_assert(render());
    cr_assert_not(render());
    mem_write(0xB8000, 0x0741, 2); /* the same again: written, not changed */
    cr_assert_not(render());
}

Test(vga_render, start_address_takes_effect_at_retrace)
{
    text_mode();
    load_glyph(0, 'A', 0xFF);
    put_cell(0, 1, 'A', 0x0F);
    crtc_set(0x0D, 80);
    render();
    cr_assert_eq(pixel(0, 0), 0u);
    rig_advance_ns(&rig, 14300000);
    cr_assert(render());
    cr_assert_eq(pixel(0, 0), gray(0x0F));
    cr_assert_eq(frame.cells[0], 'A');
}

Test(vga_render, line_compare_splits_the_screen)
{
    text_mode();
    load_glyph(0, 'A', 0xFF);
    put_cell(0, 0, 'A', 0x0F);
    crtc_set(0x0C, 0x08);
    crtc_set(0x11, 0x0E);
    crtc_set(9, 0x0F);
    crtc_set(7, 0x0F);
    crtc_set(0x18, 99);
    rig_advance_ns(&rig, 20000000);
    render();
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_eq(pixel(0, 99), 0u);
    cr_assert_eq(pixel(0, 100), gray(0x0F));
    cr_assert_eq(pixel(0, 115), gray(0x0F));
    cr_assert_eq(pixel(0, 116), 0u);
}

Test(vga_render, panning_moves_the_picture_left_but_can_spare_the_split)
{
    text_mode();
    load_glyph(0, 'A', 0x80);
    put_cell(0, 0, 'A', 0x0F);
    put_cell(1, 0, 'A', 0x0F);
    crtc_set(0x11, 0x0E);
    crtc_set(9, 0x0F);
    crtc_set(7, 0x0F);
    crtc_set(0x18, 99);
    attr_set(0x13, 2); /* with nine dots, 2 is three */
    render();
    cr_assert_eq(pixel(6, 0), gray(0x0F));
    cr_assert_eq(pixel(6, 100), gray(0x0F));
    attr_set(0x10, 0x24);
    render();
    cr_assert_eq(pixel(6, 0), gray(0x0F));
    cr_assert_eq(pixel(6, 100), 0u);
    cr_assert_eq(pixel(9, 100), gray(0x0F));
}

Test(vga_render, preset_row_scan_scrolls_smoothly)
{
    text_mode();
    load_glyph(0, 'A', 0xFF);
    put_cell(0, 0, 'A', 0x0F);
    crtc_set(8, 5);
    render();
    cr_assert_eq(pixel(0, 10), gray(0x0F));
    cr_assert_eq(pixel(0, 11), 0u);
}

Test(vga_render, screen_off_and_palette_access_blank_the_picture)
{
    text_mode();
    load_glyph(0, 'A', 0xFF);
    put_cell(0, 0, 'A', 0x0F);
    render();
    seq_set(1, 0x20);
    cr_assert(render());
    cr_assert_eq(pixel(0, 0), 0u);
    seq_set(1, 0x00);
    cr_assert(render());
    cr_assert_eq(pixel(0, 0), gray(0x0F));
    in8(0x3DA);
    out8(0x3C0, 0x00);
    render();
    cr_assert_eq(pixel(0, 0), 0u);
}

/* ---- graphics ---- */

Test(vga_render, mode_12h_shows_four_planes)
{
    set_mode(&mode_12h);
    gray_dac();
    seq_set(2, 0x01);
    mem_write(0xA0000, 0x80, 1);
    seq_set(2, 0x08);
    mem_write(0xA0000, 0xC0, 1);
    mem_write(0xA0000 + 479 * 80 + 79, 0x01, 1);
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(frame.height, 480u);
    cr_assert_not(frame.text);
    cr_assert_eq(pixel(0, 0), gray(0x39));
    cr_assert_eq(pixel(1, 0), gray(0x38));
    cr_assert_eq(pixel(2, 0), 0u);
    cr_assert_eq(pixel(639, 479), gray(0x38));
}

Test(vga_render, written_planes_are_drawn_and_others_left_alone)
{
    set_mode(&mode_12h);
    gray_dac();
    render();
    cr_assert_not(render());
    mem_write(0xA0000 + 300 * 80, 0xFF, 1);
    cr_assert(render());
    cr_assert_eq(pixel(0, 300), gray(0x3F));
}

Test(vga_render, color_plane_enable_masks_planes)
{
    set_mode(&mode_12h);
    gray_dac();
    mem_write(0xA0000, 0xFF, 1);
    attr_set(0x12, 0x03);
    render();
    cr_assert_eq(pixel(0, 0), gray(3));
}

Test(vga_render, color_select_supplies_the_upper_bits)
{
    set_mode(&mode_12h);
    gray_dac();
    attr_set(0x10, 0x81);
    attr_set(0x14, 0x01);
    mem_write(0xA0000, 0xFF, 1);
    render();
    cr_assert_eq(pixel(0, 0), gray(0x1F)); /* palette 3Fh, its bits 5-4 replaced by 1 */
}

Test(vga_render, mode_13h_doubles_dots_and_lines)
{
    set_mode(&mode_13h);
    gray_dac();
    mem_write(0xA0000, 0x11, 1);
    mem_write(0xA0000 + 199 * 320 + 319, 0x22, 1);
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(frame.height, 400u);
    cr_assert_eq(pixel(0, 0), gray(0x11));
    cr_assert_eq(pixel(1, 1), gray(0x11));
    cr_assert_eq(pixel(2, 0), 0u);
    cr_assert_eq(pixel(638, 398), gray(0x22));
    cr_assert_eq(pixel(639, 399), gray(0x22));
}

Test(vga_render, dac_mask_selects_colors)
{
    set_mode(&mode_13h);
    gray_dac();
    mem_write(0xA0000, 0x31, 1);
    out8(0x3C6, 0x0F);
    render();
    cr_assert_eq(pixel(0, 0), gray(1));
}

/* 320x240, unchained: M. Abrash, Graphics Programming Black Book, "Mode X". */
Test(vga_render, mode_x_shows_one_plane_for_every_fourth_pixel)
{
    static const u8 crtc[][2] = {{0x06, 0x0D}, {0x07, 0x3E}, {0x09, 0x41}, {0x10, 0xEA},
                                 {0x11, 0xAC}, {0x12, 0xDF}, {0x14, 0x00}, {0x15, 0xE7},
                                 {0x16, 0x06}, {0x17, 0xE3}};
    unsigned i;

    set_mode(&mode_13h);
    gray_dac();
    seq_set(4, 0x06);
    out8(0x3C2, 0xE3);
    crtc_set(0x11, 0x2C);
    for (i = 0; i < ARRAY_LEN(crtc); i++)
        crtc_set(crtc[i][0], crtc[i][1]);
    seq_set(2, 0x02);
    mem_write(0xA0000 + 239 * 80 + 79, 0x15, 1);
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(frame.height, 480u);
    cr_assert_eq(pixel(2 * 317, 478), gray(0x15));
    cr_assert_eq(pixel(2 * 317 + 1, 479), gray(0x15));
    cr_assert_eq(pixel(2 * 318, 479), 0u);
}

Test(vga_render, mode_4_has_two_bits_a_pixel_in_two_banks_of_lines)
{
    set_mode(&mode_4);
    gray_dac();
    mem_write(0xB8000, 0x1B, 1); /* pixels 0 1 2 3 */
    mem_write(0xB8001, 0xC0, 1);
    mem_write(0xBA000, 0x40, 1); /* the second line */
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(frame.height, 400u);
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_eq(pixel(2, 0), gray(0x13));
    cr_assert_eq(pixel(4, 1), gray(0x15));
    cr_assert_eq(pixel(7, 0), gray(0x17));
    cr_assert_eq(pixel(8, 0), gray(0x17));
    cr_assert_eq(pixel(0, 2), gray(0x13));
    cr_assert_eq(pixel(0, 4), 0u);
    mem_write(0xB8000 + 80, 0x80, 1); /* third line: written after the first picture */
    cr_assert(render());
    cr_assert_eq(pixel(0, 4), gray(0x15));
}

Test(vga_render, mode_6_has_one_bit_a_pixel)
{
    set_mode(&mode_6);
    gray_dac();
    mem_write(0xB8000, 0x40, 1);
    mem_write(0xBA000 + 79, 0x01, 1);
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_eq(pixel(1, 1), gray(0x17));
    cr_assert_eq(pixel(639, 2), gray(0x17));
}

Test(vga_render, graphics_split_screen_starts_at_address_0)
{
    set_mode(&mode_12h);
    gray_dac();
    mem_write(0xA0000, 0xFF, 1);
    crtc_set(0x0C, 0x40);
    crtc_set(0x11, 0x0C);
    crtc_set(9, 0x00);
    crtc_set(7, 0x2E);
    crtc_set(0x18, 199);
    rig_advance_ns(&rig, 20000000);
    render();
    cr_assert_eq(pixel(0, 0), 0u);
    cr_assert_eq(pixel(0, 199), 0u);
    cr_assert_eq(pixel(0, 200), gray(0x3F));
    cr_assert_eq(pixel(0, 201), 0u);
}

Test(vga_render, two_frames_are_both_kept_up_to_date)
{
    struct display_frame other;

    display_frame_init(&other);
    set_mode(&mode_13h);
    gray_dac();
    render();
    source.render(source.opaque, &other, rig_now(&rig), false);
    mem_write(0xA0000, 0x11, 1);
    cr_assert(render());
    cr_assert(source.render(source.opaque, &other, rig_now(&rig), false));
    cr_assert_eq(pixel(0, 0), gray(0x11));
    cr_assert_eq(other.pixels[0], gray(0x11));
    display_frame_free(&other);
}

Test(vga_render, impossible_sizes_stay_black)
{
    set_mode(&mode_3);
    crtc_set(0x11, 0x0E);
    crtc_set(1, 0xFF);
    seq_set(1, 0x08);
    render();
    render();
    cr_assert_leq(frame.width, (u32)DISPLAY_MAX_WIDTH);
}
