/* Processor access to the VGA's planes. */
#include "tests/unit/video/vga_modes.h"

static void setup_planar(void)
{
    vga_setup();
    set_mode(&mode_12h);
}

TestSuite(vga_mem, .init = setup_planar, .fini = vga_teardown);

/* The byte of each plane at an address, plane 0 in the low byte. */
static u32 planes_at(u32 gpa)
{
    u32 value = 0, p;

    gr_set(5, 0);
    for (p = 0; p < 4; p++) {
        gr_set(4, (u8)p);
        value |= (u32)mem_read(gpa, 1) << 8 * p;
    }
    return value;
}

static void load_planes(u32 gpa, u32 value)
{
    unsigned p;

    gr_set(0, 0);
    gr_set(1, 0);
    gr_set(3, 0);
    gr_set(5, 0);
    gr_set(8, 0xFF);
    for (p = 0; p < 4; p++) {
        seq_set(2, (u8)(1 << p));
        mem_write(gpa, value >> 8 * p & 0xFF, 1);
    }
    seq_set(2, 0x0F);
}

Test(vga_mem, map_mask_chooses_the_planes_written)
{
    seq_set(2, 0x05);
    mem_write(0xA0000, 0xA5, 1);
    cr_assert_eq(planes_at(0xA0000), 0x00A500A5);
}

Test(vga_mem, write_mode_0_rotates_right)
{
    gr_set(3, 3);
    mem_write(0xA0000, 0x81, 1);
    cr_assert_eq(planes_at(0xA0000), 0x30303030);
}

Test(vga_mem, write_mode_0_set_reset_replaces_data_in_enabled_planes)
{
    gr_set(0, 0x05);
    gr_set(1, 0x0C);
    mem_write(0xA0000, 0x3C, 1);
    cr_assert_eq(planes_at(0xA0000), 0x00FF3C3C);
}

Test(vga_mem, write_mode_0_bit_mask_keeps_latched_bits)
{
    load_planes(0xA0010, 0x12345678);
    mem_read(0xA0010, 1);
    gr_set(8, 0xF0);
    mem_write(0xA0011, 0xA5, 1);
    cr_assert_eq(planes_at(0xA0011), 0xA2A4A6A8);
}

Test(vga_mem, logic_functions_combine_with_the_latches)
{
    static const u32 expected[4] = {0x0F0F0F0F, 0x0F0A0C00, 0xFFAFCF0F, 0xF0A5C30F};
    unsigned f;

    for (f = 0; f < 4; f++) {
        load_planes(0xA0000, 0xFFAACC00);
        mem_read(0xA0000, 1);
        gr_set(3, (u8)(f << 3));
        mem_write(0xA0020 + f, 0x0F, 1);
        cr_assert_eq(planes_at(0xA0020 + f), expected[f], "function %u", f);
    }
}

Test(vga_mem, logic_function_works_on_set_reset_too)
{
    load_planes(0xA0000, 0xFFAACC00);
    mem_read(0xA0000, 1);
    gr_set(0, 0x0F);
    gr_set(1, 0x0F);
    gr_set(3, 3 << 3);
    mem_write(0xA0001, 0, 1);
    cr_assert_eq(planes_at(0xA0001), 0x005533FF);
}

Test(vga_mem, write_mode_1_copies_the_latches)
{
    load_planes(0xA0100, 0xDEADBEEF);
    mem_read(0xA0100, 1);
    gr_set(5, 1);
    gr_set(8, 0x0F); /* has no effect in this mode */
    mem_write(0xA0200, 0x00, 1);
    cr_assert_eq(planes_at(0xA0200), 0xDEADBEEF);
}

Test(vga_mem, write_mode_1_word_copy_moves_two_addresses_like_two_bytes)
{
    load_planes(0xA0100, 0x11223344);
    load_planes(0xA0101, 0x55667788);
    gr_set(5, 1);
    mem_write(0xA0200, mem_read(0xA0100, 2), 2);
    cr_assert_eq(planes_at(0xA0200), 0x55667788); /* both get what was latched last */
    cr_assert_eq(planes_at(0xA0201), 0x55667788);
}

Test(vga_mem, write_mode_2_spreads_the_color)
{
    load_planes(0xA0000, 0);
    mem_read(0xA0000, 1);
    gr_set(5, 2);
    gr_set(8, 0x18);
    mem_write(0xA0000, 0x0A, 1);
    cr_assert_eq(planes_at(0xA0000), 0x18001800);
}

Test(vga_mem, write_mode_3_ands_the_bit_mask_and_ignores_enable)
{
    load_planes(0xA0000, 0xFF00FF00);
    mem_read(0xA0000, 1);
    gr_set(0, 0x03);
    gr_set(1, 0);
    gr_set(3, 4); /* data is rotated first */
    gr_set(5, 3);
    gr_set(8, 0x3F);
    mem_write(0xA0000, 0xF3, 1); /* rotated 3Fh */
    cr_assert_eq(planes_at(0xA0000), 0xC000FF3F);
}

Test(vga_mem, read_mode_0_reads_the_selected_plane)
{
    load_planes(0xA0000, 0x44332211);
    gr_set(4, 2);
    cr_assert_eq(mem_read(0xA0000, 1), 0x33);
}

Test(vga_mem, read_mode_1_compares_colors)
{
    /* Pixels, left to right: plane 0 has the right four set, plane 1 every second. */
    load_planes(0xA0000, 0x0000550F);
    gr_set(5, 8);
    gr_set(2, 0x03);
    gr_set(7, 0x0F);
    cr_assert_eq(mem_read(0xA0000, 1), 0x05);
    gr_set(7, 0x01); /* only plane 0 counts */
    cr_assert_eq(mem_read(0xA0000, 1), 0x0F);
    gr_set(7, 0x00);
    cr_assert_eq(mem_read(0xA0000, 1), 0xFF);
}

Test(vga_mem, wide_accesses_equal_byte_accesses)
{
    mem_write(0xA0000, 0x44332211, 4);
    cr_assert_eq(planes_at(0xA0002), 0x33333333);
    gr_set(4, 1);
    cr_assert_eq(mem_read(0xA0000, 4), 0x44332211);
    cr_assert_eq(mem_read(0xA0001, 2), 0x3322);
}

Test(vga_mem, chain_4_puts_address_bits_0_and_1_on_the_plane)
{
    set_mode(&mode_13h);
    mem_write(0xA0004, 0x44332211, 4);
    mem_write(0xA0000 + 0x4008, 0x88776655, 4);
    seq_set(4, 0x06); /* unchained */
    cr_assert_eq(planes_at(0xA0004), 0x44332211);
    /* Address bits 14 and 15 take the place of bits 0 and 1. */
    cr_assert_eq(planes_at(0xA4009), 0x88776655);
}

Test(vga_mem, planar_writes_appear_in_chain_4)
{
    set_mode(&mode_13h);
    seq_set(4, 0x06);
    load_planes(0xA0008, 0xCAFEBABE);
    seq_set(4, 0x0E);
    cr_assert_eq(mem_read(0xA0008, 4), 0xCAFEBABE);
}

Test(vga_mem, chain_4_through_the_handlers_equals_plain_chain_4)
{
    set_mode(&mode_13h);
    mem_write(0xA1234, 0x44332211, 4);
    seq_set(2, 0x07); /* no longer plain memory */
    mem_write(0xA1234, 0x88776655, 4);
    cr_assert_eq(mem_read(0xA1234, 4), 0x44776655);
    seq_set(2, 0x0F);
    cr_assert_eq(mem_read(0xA1234, 4), 0x44776655);
}

Test(vga_mem, text_is_odd_even)
{
    set_mode(&mode_3);
    mem_write(0xB8000, 0x1F41, 2);
    mem_write(0xB8002, 0x2E42, 2);
    cr_assert_eq(mem_read(0xB8000, 4), 0x2E421F41);
    set_mode(&mode_12h);
    cr_assert_eq(planes_at(0xA0000) & 0xFFFF, 0x1F41);
    cr_assert_eq(planes_at(0xA0002) & 0xFFFF, 0x2E42);
}

Test(vga_mem, text_through_the_handlers_equals_plain_text)
{
    set_mode(&mode_3);
    mem_write(0xB8F00, 0x44332211, 4);
    gr_set(8, 0x0F); /* no longer plain memory */
    cr_assert_eq(mem_read(0xB8F00, 4), 0x44332211);
    gr_set(8, 0xFF);
    seq_set(2, 0x01); /* characters only */
    mem_write(0xB8F00, 0x88776655, 4);
    seq_set(2, 0x03);
    cr_assert_eq(mem_read(0xB8F00, 4), 0x44772255);
}

Test(vga_mem, font_loading_leaves_the_text_alone)
{
    set_mode(&mode_3);
    mem_write(0xB8000, 0x1F41, 2);
    seq_set(2, 0x04);
    seq_set(4, 0x07);
    gr_set(4, 2);
    gr_set(5, 0);
    gr_set(6, 0x04);
    mem_write(0xA0000, 0x99, 1);
    cr_assert_eq(mem_read(0xA0000, 1), 0x99);
    seq_set(2, 0x03);
    seq_set(4, 0x03);
    gr_set(4, 0);
    gr_set(5, 0x10);
    gr_set(6, 0x0E);
    cr_assert_eq(mem_read(0xB8000, 2), 0x1F41);
}

Test(vga_mem, memory_map_select_moves_the_window)
{
    static const struct {
        u8 select;
        u32 first, last;
    } maps[4] = {{0, 0xA0000, 0xBFFFF},
                 {4, 0xA0000, 0xAFFFF},
                 {8, 0xB0000, 0xB7FFF},
                 {12, 0xB8000, 0xBFFFF}};
    unsigned i;

    for (i = 0; i < 4; i++) {
        gr_set(6, maps[i].select | 1);
        mem_write(maps[i].first, 0, 1);
        mem_write(maps[i].last, 0, 1);
        cr_assert_eq(mem_read(maps[i].first, 1), 0, "map %u", i);
        cr_assert_eq(mem_read(maps[i].last, 1), 0, "map %u", i);
        cr_assert_eq(maps[i].first == 0xA0000 ? 0xFF : mem_read(maps[i].first - 1, 1), 0xFF);
    }
    gr_set(6, 5);
    cr_assert_eq(mem_read(0xB8000, 1), 0xFF);
}

Test(vga_mem, ram_enable_off_takes_memory_off_the_bus)
{
    out8(0x3C2, 0xE1);
    cr_assert_eq(mem_read(0xA0000, 1), 0xFF);
}
