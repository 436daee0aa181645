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

/* ---- Where a dot comes from ---- */

static u32 located(u32 x, u32 y, struct display_dot *dot)
{
    cr_assert(source.locate(source.opaque, x, y, rig_now(&rig), dot));
    return source.bits_value(source.opaque, &dot->item[0].bits);
}

static void fill(u32 gpa, u32 len)
{
    for (u32 i = 0; i < len; i++)
        mem_write(gpa + i, i * 7 + (i >> 8), 1);
}

Test(vga_render, a_located_dot_of_planes_is_what_the_picture_shows)
{
    struct display_dot dot;

    set_mode(&mode_12h);
    gray_dac();
    for (u8 plane = 0; plane < 4; plane++) {
        seq_set(2, (u8)(1 << plane));
        fill(0xA0000 + plane, 0x9600);
    }
    attr_set(0x13, 3);  /* panned by three dots */
    crtc_set(0x0D, 50); /* and starting behind the first half line */
    rig_advance_ns(&rig, 20000000);
    render();
    for (u32 y = 0; y < 480; y += 7)
        for (u32 x = 0; x < 640; x += 3)
            cr_assert_eq(pixel(x, y), gray(mode_12h.attr[located(x, y, &dot)]), "%u, %u", x, y);
    cr_assert_eq(dot.item[0].bits.count, 4);
}

Test(vga_render, a_located_dot_of_cga_is_what_the_picture_shows)
{
    struct display_dot dot;

    set_mode(&mode_4);
    gray_dac();
    fill(0xB8000, 0x4000);
    render();
    for (u32 y = 0; y < 400; y += 3)
        for (u32 x = 0; x < 640; x += 3)
            cr_assert_eq(pixel(x, y), gray(mode_4.attr[located(x, y, &dot)]), "%u, %u", x, y);
    cr_assert_str_eq((located(2 * 21, 2 * 33, &dot), dot.text),
                     "pixel 21, 33: 4 colours, at B800:2505");
}

Test(vga_render, a_located_dot_of_256_colours_is_what_the_picture_shows)
{
    struct display_dot dot;

    set_mode(&mode_13h);
    out8(0x3C8, 0);
    for (unsigned i = 0; i < 3 * 256; i++)
        out8(0x3C9, (u8)(i / 3 & 0x3F));
    fill(0xA0000, 64000);
    crtc_set(0x11, 0x0E);
    crtc_set(7, 0x0F);
    crtc_set(9, 0x01);
    crtc_set(0x18, 99); /* the lower half shows the top once more */
    attr_set(0x13, 4);  /* two pixels to the left */
    render();
    for (u32 y = 0; y < 400; y += 3)
        for (u32 x = 0; x < 640; x += 3)
            cr_assert_eq(pixel(x, y), gray(located(x, y, &dot) & 0x3F), "%u, %u", x, y);
}

Test(vga_render, a_text_dot_comes_from_a_character_and_its_attribute)
{
    struct display_dot dot;

    text_mode();
    put_cell(10, 5, 'A', 0x1E);
    render();
    cr_assert_eq(located(9 * 10, 16 * 5, &dot), 'A');
    cr_assert_eq(dot.count, 2);
    cr_assert_eq(source.bits_value(source.opaque, &dot.item[1].bits), 0x1E);
    cr_assert(source.bits_near(source.opaque, &dot.item[0].bits, 0xB8000));
    cr_assert_not(source.bits_near(source.opaque, &dot.item[0].bits, 0xB9000));
    cr_assert_not(source.bits_near(source.opaque, &dot.item[0].bits, 0xA8000));
}

Test(vga_render, beside_the_picture_and_with_the_screen_off_there_is_nothing_to_locate)
{
    struct display_dot dot;

    set_mode(&mode_12h);
    render();
    cr_assert_not(source.locate(source.opaque, 640, 0, 0, &dot));
    cr_assert_not(source.locate(source.opaque, 0, 480, 0, &dot));
    seq_set(1, 0x21);
    cr_assert_not(source.locate(source.opaque, 0, 0, 0, &dot));
}

/* Which of the accesses to the eight pixels of a byte are writes of the fifth. */
Test(vga_render, a_pixel_is_written_through_masks_planes_and_modes)
{
    struct display_dot dot;
    const struct display_bits *b = &dot.item[0].bits;

    set_mode(&mode_12h);
    located(4, 0, &dot);
#define WRITES(gpa, value) source.bits_written(source.opaque, b, gpa, 1, value)
    cr_assert(WRITES(0xA0000, 0));
    cr_assert_not(WRITES(0xA0001, 0));
    cr_assert(source.bits_written(source.opaque, b, 0x9FFFF, 2, 0), "the second byte of a word");
    gr_set(8, 0x10);
    cr_assert_not(WRITES(0xA0000, 0xFF), "the bit mask leaves it alone");
    gr_set(8, 0x08);
    cr_assert(WRITES(0xA0000, 0));
    seq_set(2, 0);
    cr_assert_not(WRITES(0xA0000, 0), "no plane is written");
    seq_set(2, 4);
    cr_assert(WRITES(0xA0000, 0));
    gr_set(5, 3);
    cr_assert_not(WRITES(0xA0000, 0xF7), "in write mode 3 the byte is a mask");
    cr_assert(WRITES(0xA0000, 0x08));
    gr_set(5, 1);
    gr_set(8, 0);
    cr_assert(WRITES(0xA0000, 0), "latches are copied whole");
#undef WRITES
}
