/* The VGA's ports, the beam's timing, and saved state. */
#include "tests/unit/video/vga_modes.h"

TestSuite(vga, .init = vga_setup, .fini = vga_teardown);

Test(vga, answers_no_crtc_port_at_the_other_base)
{
    out8(0x3C2, 0x66);
    out8(0x3B4, 0x0E);
    out8(0x3B5, 0x12);
    cr_assert_eq(in8(0x3B5), 0x12);
    cr_assert_eq(in8(0x3D5), 0xFF);
    cr_assert_eq(in8(0x3DA), 0xFF);
    out8(0x3C2, 0x67);
    cr_assert_eq(in8(0x3B4), 0xFF);
    cr_assert_eq(in8(0x3D4), 0x0E);
    cr_assert_eq(in8(0x3D5), 0x12);
}

Test(vga, misc_output_reads_back_at_3cc)
{
    out8(0x3C2, 0x67);
    cr_assert_eq(in8(0x3CC), 0x67);
}

Test(vga, word_write_sets_index_and_data)
{
    bus_out(rig.bus, 0x3CE, 2, 0x5508);
    cr_assert_eq(in8(0x3CE), 0x08);
    cr_assert_eq(in8(0x3CF), 0x55);
}

Test(vga, unused_register_bits_read_as_zero)
{
    seq_set(2, 0xFF);
    cr_assert_eq(in8(0x3C5), 0x0F);
    gr_set(5, 0xFF);
    cr_assert_eq(in8(0x3CF), 0x7B);
}

Test(vga, attribute_flip_flop_alternates_and_status_1_resets_it)
{
    out8(0x3C2, 1);
    in8(0x3DA);
    out8(0x3C0, 0x10);
    out8(0x3C0, 0x41);
    out8(0x3C0, 0x13);
    in8(0x3DA); /* what follows is an index again */
    out8(0x3C0, 0x10);
    cr_assert_eq(in8(0x3C0), 0x10);
    cr_assert_eq(in8(0x3C1), 0x41);
}

Test(vga, palette_is_locked_while_the_display_owns_it)
{
    out8(0x3C2, 1);
    in8(0x3DA);
    out8(0x3C0, 0x01);
    out8(0x3C0, 0x2A);
    out8(0x3C0, 0x21);
    out8(0x3C0, 0x15);
    cr_assert_eq(in8(0x3C0), 0x21);
    cr_assert_eq(in8(0x3C1), 0x2A);
    out8(0x3C0, 0x33); /* PAS guards the palette only */
    out8(0x3C0, 0x05);
    cr_assert_eq(in8(0x3C1), 0x05);
}

Test(vga, crtc_protect_bit_spares_line_compare_bit_8)
{
    out8(0x3C2, 1);
    crtc_set(0x11, 0x0E);
    crtc_set(0, 0x5F);
    crtc_set(7, 0x1F);
    crtc_set(0x11, 0x8E);
    crtc_set(0, 0x11);
    cr_assert_eq(in8(0x3D5), 0x5F);
    crtc_set(7, 0xE0);
    cr_assert_eq(in8(0x3D5), 0x0F);
    crtc_set(8, 0x12);
    cr_assert_eq(in8(0x3D5), 0x12);
}

Test(vga, dac_write_index_advances_after_three_components)
{
    unsigned i;

    out8(0x3C8, 10);
    for (i = 1; i <= 6; i++)
        out8(0x3C9, (u8)i);
    cr_assert_eq(in8(0x3C7), 0, "write mode");
    cr_assert_eq(in8(0x3C8), 12);
    out8(0x3C7, 10);
    cr_assert_eq(in8(0x3C7), 3, "read mode");
    for (i = 1; i <= 6; i++)
        cr_assert_eq(in8(0x3C9), i);
}

Test(vga, dac_keeps_six_bits)
{
    out8(0x3C8, 0);
    out8(0x3C9, 0xFF);
    out8(0x3C9, 0x40);
    out8(0x3C9, 0x3F);
    out8(0x3C7, 0);
    cr_assert_eq(in8(0x3C9), 0x3F);
    cr_assert_eq(in8(0x3C9), 0x00);
    cr_assert_eq(in8(0x3C9), 0x3F);
}

Test(vga, dac_commits_a_color_only_when_complete)
{
    out8(0x3C8, 5);
    out8(0x3C9, 1);
    out8(0x3C9, 2);
    out8(0x3C7, 5);
    cr_assert_eq(in8(0x3C9), 0);
    cr_assert_eq(in8(0x3C9), 0);
}

Test(vga, dac_read_prefetches_so_its_index_is_one_ahead)
{
    out8(0x3C7, 7);
    cr_assert_eq(in8(0x3C8), 8); /* IMS G171: one address register, incremented by the prefetch */
}

Test(vga, dac_mask_reads_back)
{
    cr_assert_eq(in8(0x3C6), 0xFF);
    out8(0x3C6, 0x0F);
    cr_assert_eq(in8(0x3C6), 0x0F);
}

Test(vga, subsystem_disable_hides_ports_and_memory)
{
    set_mode(&mode_3);
    mem_write(0xB8000, 0x41, 1);
    out8(0x3C3, 0);
    cr_assert_eq(in8(0x3CC), 0xFF);
    cr_assert_eq(mem_read(0xB8000, 1), 0xFF);
    out8(0x3C3, 1);
    cr_assert_eq(in8(0x3CC), 0x67);
    cr_assert_eq(mem_read(0xB8000, 1), 0x41);
}

/* ---- timing ---- */

/* Nanoseconds from now until status 1 bit `mask` has the value `want`, in steps of `step`. */
static u64 wait_status(u8 mask, bool want, u64 step)
{
    u64 start = rig_now(&rig);

    while (!!(in8(0x3DA) & mask) != want) {
        rig_advance_ns(&rig, step);
        cr_assert_lt(rig_now(&rig) - start, 100000000ull, "status never changes");
    }
    return rig_now(&rig) - start;
}

/* Refresh rate in millihertz, from 20 vertical retraces as a program would count them. */
static u64 measured_rate(void)
{
    unsigned i;
    u64 start;

    wait_status(8, true, 500);
    start = rig_now(&rig);
    for (i = 0; i < 20; i++) {
        wait_status(8, false, 500);
        wait_status(8, true, 500);
    }
    return 20ull * 1000 * 1000000000ull / (rig_now(&rig) - start);
}

Test(vga, mode_3_has_70_09_frames_a_second)
{
    set_mode(&mode_3);
    cr_assert_leq(llabs((long long)measured_rate() - 70087), 10); /* 28.322 MHz / 900 / 449 */
}

Test(vga, mode_12h_has_59_94_frames_a_second)
{
    set_mode(&mode_12h);
    cr_assert_leq(llabs((long long)measured_rate() - 59940), 10); /* 25.175 MHz / 800 / 525 */
}

Test(vga, mode_13h_has_70_09_frames_a_second)
{
    set_mode(&mode_13h);
    cr_assert_leq(llabs((long long)measured_rate() - 70086), 10); /* 25.175 MHz / 800 / 449 */
}

Test(vga, vertical_retrace_lasts_two_lines)
{
    u64 ns;

    set_mode(&mode_12h); /* from 490 to 492, VRS EAh + 100h and VRE Ch */
    wait_status(8, true, 100);
    ns = wait_status(8, false, 100);
    cr_assert_leq(llabs((long long)ns - 2 * 31778), 200);
}

Test(vga, display_enable_marks_the_horizontal_blank)
{
    set_mode(&mode_12h);
    wait_status(8, true, 100);
    wait_status(8, false, 100);
    wait_status(1, false, 100); /* first line of the next frame: 640 of 800 dots */
    cr_assert_leq(llabs((long long)wait_status(1, true, 10) - 25422), 120);
    cr_assert_leq(llabs((long long)wait_status(1, false, 10) - 6356), 120);
}

Test(vga, vertical_interrupt_stays_pending_until_cleared)
{
    set_mode(&mode_3);
    crtc_set(0x11, 0x0E); /* clear */
    crtc_set(0x11, 0x1E); /* and let it happen */
    cr_assert_eq(in8(0x3C2) & 0x80, 0);
    rig_advance_ns(&rig, 15000000);
    cr_assert_eq(in8(0x3C2) & 0x80, 0x80);
    crtc_set(0x11, 0x0E);
    cr_assert_eq(in8(0x3C2) & 0x80, 0);
}

/* ---- reset and state ---- */

Test(vga, reset_defines_everything)
{
    u64 fresh = rig_hash(vga);

    set_mode(&mode_12h);
    gray_dac();
    bus_out(rig.bus, 0x1CE, 2, 4);
    bus_out(rig.bus, 0x1CF, 2, 0x41);
    mem_read(0xA0000, 1);
    device_reset(vga);
    cr_assert_eq(rig_hash(vga), fresh);
}

Test(vga, reset_takes_memory_off_the_bus)
{
    set_mode(&mode_3);
    device_reset(vga);
    mem_write(0xB8000, 0x41, 1);
    cr_assert_eq(mem_read(0xB8000, 1), 0xFF);
}

Test(vga, state_saved_half_way_through_everything_goes_on)
{
    u8 *saved;
    size_t len;

    set_mode(&mode_12h);
    mem_write(0xA0000, 0x5A, 1);
    mem_read(0xA0000, 1); /* latches */
    out8(0x3C8, 3);
    out8(0x3C9, 0x11); /* a third of a colour */
    in8(0x3DA);
    out8(0x3C0, 0x33); /* the index, and not yet the data */
    saved = rig_save(vga, &len);

    device_reset(vga);
    cr_assert_null(rig_load(vga, saved, len));
    free(saved);
    out8(0x3C0, 0x07);
    cr_assert_eq(in8(0x3C1), 0x07);
    out8(0x3C9, 0x22);
    out8(0x3C9, 0x33);
    out8(0x3C7, 3);
    cr_assert_eq(in8(0x3C9), 0x11);
    gr_set(5, 1); /* write mode 1: the latches */
    mem_write(0xA0001, 0, 1);
    gr_set(5, 0);
    cr_assert_eq(mem_read(0xA0001, 1), 0x5A);
}

Test(vga, text_memory_survives_saving_and_loading)
{
    u8 *saved;
    size_t len;

    set_mode(&mode_3);
    mem_write(0xB8000, 0x0741, 2);
    saved = rig_save(vga, &len);
    cr_assert_null(rig_load(vga, saved, len));
    free(saved);
    cr_assert_eq(mem_read(0xB8000, 2), 0x0741);
    set_mode(&mode_12h);
    cr_assert_eq(mem_read(0xA0000, 1), 0x41);
}

static void poke(void *opaque)
{
    render();
    mem_write(0xA0000, 0x12345678, 4);
    mem_read(0xAFFFC, 4);
    mem_write(0xB8000, 0x12345678, 4);
    in8(0x3DA);
    in8(0x3C9);
    out8(0x3C9, 1);
    rig_advance_ns(&rig, 20000000);
    render();
}

Test(vga, damaged_state_is_refused_or_harmless)
{
    bus_out(rig.bus, 0x1CE, 2, 4);
    bus_out(rig.bus, 0x1CF, 2, 0x41);
    set_mode(&mode_3);
    cr_assert_gt(rig_damage(vga, 3000, poke, NULL), 0u);
}

Test(vga, state_of_another_memory_size_is_refused)
{
    struct device *small;
    u8 *saved;
    size_t len;

    saved = rig_save(vga, &len);
    small = vga_create(rig.bus, rig.clock, NULL, 1 << 20);
    device_reset(small);
    cr_assert_not_null(rig_load(small, saved, len));
    free(saved);
    device_destroy(small);
}
