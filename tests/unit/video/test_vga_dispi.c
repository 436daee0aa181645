/* Bochs' display interface and the PCI side of the VGA. */
#include "tests/unit/video/vga_modes.h"

enum { DEVFN = 2 << 3, LFB = 0xE0000000u, MMIO = 0xFEB00000u, ROM = 0xFEA00000u };

static void dispi(u16 index, u16 value)
{
    bus_out(rig.bus, 0x1CE, 2, index);
    bus_out(rig.bus, 0x1CF, 2, value);
}

static u16 dispi_get(u16 index)
{
    bus_out(rig.bus, 0x1CE, 2, index);
    return (u16)bus_in(rig.bus, 0x1CF, 2);
}

static void dispi_mode(u16 width, u16 height, u16 bpp, u16 flags)
{
    dispi(4, 0);
    dispi(1, width);
    dispi(2, height);
    dispi(3, bpp);
    dispi(4, 1 | flags);
}

static void setup_pci(void)
{
    vga_setup();
    set_mode(&mode_3);
    gray_dac();
    pci_config_write(pci, 0, DEVFN, PCI_BAR0, LFB, 4);
    pci_config_write(pci, 0, DEVFN, PCI_BAR0 + 8, MMIO, 4);
    pci_config_write(pci, 0, DEVFN, PCI_COMMAND, 3, 2);
}

TestSuite(vga_dispi, .init = setup_pci, .fini = vga_teardown);

Test(vga_dispi, identifies_itself_and_takes_older_versions)
{
    cr_assert_eq(dispi_get(0), 0xB0C5);
    dispi(0, 0xB0C2);
    cr_assert_eq(dispi_get(0), 0xB0C2);
    dispi(0, 0x1234);
    cr_assert_eq(dispi_get(0), 0xB0C2);
    cr_assert_eq(dispi_get(10), 256, "16 MiB in units of 64 KiB");
}

Test(vga_dispi, data_answers_at_1d0_too)
{
    bus_out(rig.bus, 0x1CE, 2, 0);
    cr_assert_eq(bus_in(rig.bus, 0x1D0, 2), 0xB0C5);
}

Test(vga_dispi, capabilities_are_the_maxima)
{
    dispi(4, 2);
    cr_assert_eq(dispi_get(1), DISPLAY_MAX_WIDTH);
    cr_assert_eq(dispi_get(2), DISPLAY_MAX_HEIGHT);
    cr_assert_eq(dispi_get(3), 32);
}

Test(vga_dispi, enabling_sets_virtual_size_and_clears)
{
    mem_write(0xB8000, 0x12345678, 4);
    mem_write(LFB + 0x80000, 0x12345678, 4);
    dispi_mode(800, 600, 32, 0x40);
    cr_assert_eq(mem_read(LFB, 4), 0u);
    cr_assert_eq(mem_read(LFB + 0x80000, 4), 0u);
    cr_assert_eq(dispi_get(6), 800);
    cr_assert_eq(dispi_get(7), (16 << 20) / 3200);
    cr_assert_eq(dispi_get(4), 0x41);
}

Test(vga_dispi, no_clear_flag_keeps_memory)
{
    mem_write(LFB + 0x80000, 0x12345678, 4);
    dispi_mode(800, 600, 32, 0xC0);
    cr_assert_eq(mem_read(LFB + 0x80000, 4), 0x12345678u);
}

Test(vga_dispi, bank_window_shows_the_frame_buffer)
{
    dispi_mode(1024, 768, 8, 0x40);
    dispi(5, 3);
    mem_write(0xA0010, 0x44332211, 4);
    cr_assert_eq(mem_read(LFB + 0x30010, 4), 0x44332211u);
    mem_write(LFB + 0x30020, 0x99, 1);
    cr_assert_eq(mem_read(0xA0020, 1), 0x99);
    cr_assert_eq(dispi_get(5), 3);
}

Test(vga_dispi, frame_buffer_and_chain_4_are_the_same_bytes)
{
    set_mode(&mode_13h);
    mem_write(0xA1234, 0x55, 1);
    cr_assert_eq(mem_read(LFB + 0x1234, 1), 0x55);
}

Test(vga_dispi, all_depths_show_their_pixels)
{
    dispi_mode(640, 480, 8, 0x40);
    mem_write(LFB + 641, 0x21, 1);
    render();
    cr_assert_eq(frame.width, 640u);
    cr_assert_eq(frame.height, 480u);
    cr_assert_eq(pixel(1, 1), gray(0x21));

    dispi_mode(640, 480, 15, 0x40);
    mem_write(LFB + 2, 0x7C1F, 2);
    render();
    cr_assert_eq(pixel(1, 0), 0xFF00FFu);

    dispi_mode(640, 480, 16, 0x40);
    mem_write(LFB + 2, 0xF800, 2);
    mem_write(LFB + 4, 0x0400, 2);
    render();
    cr_assert_eq(pixel(1, 0), 0xFF0000u);
    cr_assert_eq(pixel(2, 0), 0x008200u);

    dispi_mode(640, 480, 24, 0x40);
    mem_write(LFB + 3, 0x123456, 4);
    render();
    cr_assert_eq(pixel(1, 0), 0x123456u);

    dispi_mode(640, 480, 32, 0x40);
    mem_write(LFB + 640 * 4, 0xFF654321, 4);
    render();
    cr_assert_eq(pixel(0, 1), 0x654321u);
}

Test(vga_dispi, four_bits_are_planes_driven_by_the_vga)
{
    set_mode(&mode_12h);
    dispi_mode(800, 600, 4, 0);
    seq_set(2, 0x0A);
    mem_write(0xA0000 + 599 * 100 + 99, 0x01, 1);
    render();
    cr_assert_eq(frame.width, 800u);
    cr_assert_eq(pixel(799, 599), gray(0x3A)); /* EGA palette entry 10 */
    cr_assert_eq(pixel(798, 599), 0u);
}

/* Modes of 4 bits per pixel: the BIOS sets the VGA's planar mode first. */
static void planar_mode(u16 width, u16 height)
{
    set_mode(&mode_12h);
    dispi_mode(width, height, 4, 0);
}

static u32 planar_color(unsigned index)
{
    return gray(mode_12h.attr[index]);
}

/* Bits of all planes together, in write mode 2, by the CPU's address within the present bank. */
static void planar_pixel(u32 offset, unsigned bit, u8 index)
{
    gr_set(5, 2);
    gr_set(8, (u8)(1 << bit));
    mem_read(0xA0000 + offset, 1);
    mem_write(0xA0000 + offset, index, 1);
}

Test(vga_dispi, four_bits_show_sixteen_colours_leftmost_pixel_in_bit_7)
{
    u8 i;

    planar_mode(800, 600);
    for (i = 0; i < 16; i++)
        planar_pixel(3 * 100 + i / 8, 7 - i % 8, i);
    render();
    for (i = 0; i < 16; i++)
        cr_assert_eq(pixel(i, 3), planar_color(i), "colour %u", i);
    cr_assert_eq(pixel(16, 3), planar_color(0));
    attr_set(0x12, 0x05); /* planes 0 and 2 only */
    render();
    for (i = 0; i < 16; i++)
        cr_assert_eq(pixel(i, 3), planar_color(i & 5), "colour %u", i);
}

/* 1024 x 768 has 96 KiB in each plane, of which A0000h shows 64. */
Test(vga_dispi, four_bits_reach_the_lower_lines_through_the_bank)
{
    planar_mode(1024, 768);
    planar_pixel(0, 7, 9);
    dispi(5, 1);
    planar_pixel(0, 7, 3);
    planar_pixel(255 * 128 + 127, 0, 6);
    render();
    cr_assert_eq(pixel(0, 0), planar_color(9));
    cr_assert_eq(pixel(0, 512), planar_color(3));
    cr_assert_eq(pixel(1023, 767), planar_color(6));
    cr_assert_eq(pixel(1022, 767), planar_color(0));
}

Test(vga_dispi, four_bits_pan_by_single_pixels)
{
    planar_mode(640, 480);
    dispi(6, 1003);
    cr_assert_eq(dispi_get(6), 1008, "whole bytes");
    cr_assert_eq(dispi_get(7), 4 * 1024 * 1024 / 126, "lines of 126 bytes in planes of 4 MiB");
    planar_pixel(7 * 126 + 5 / 8, 7 - 5 % 8, 12);
    planar_pixel(7 * 126 + (5 + 639) / 8, 7 - (5 + 639) % 8, 10);
    dispi(8, 5);
    dispi(9, 7);
    render();
    cr_assert_eq(pixel(0, 0), planar_color(12));
    cr_assert_eq(pixel(639, 0), planar_color(10));
    cr_assert_eq(pixel(638, 0), planar_color(0));
}

Test(vga_dispi, four_bits_are_cleared_in_all_planes_as_far_as_they_show)
{
    planar_mode(1024, 768);
    dispi(5, 1);
    planar_pixel(256 * 128 - 1, 0, 15);
    dispi_mode(1024, 768, 4, 0x80);
    render();
    cr_assert_eq(pixel(1023, 767), planar_color(15), "kept");
    dispi_mode(1024, 768, 4, 0);
    render();
    cr_assert_eq(pixel(1023, 767), planar_color(0));
}

Test(vga_dispi, four_bits_and_text_registers_show_what_text_memory_holds)
{
    dispi_mode(640, 480, 4, 0);
    mem_write(0xB8000, 0x80, 1); /* plane 0 of plane address 0 */
    mem_write(0xB8001, 0x80, 1); /* and of plane 1 */
    render();
    cr_assert_eq(pixel(0, 0), planar_color(3));
}

Test(vga_dispi, a_located_dot_of_four_bits_is_what_the_picture_shows)
{
    struct display_dot dot;
    u32 i, x, y;
    u8 plane;

    planar_mode(1024, 768);
    for (plane = 0; plane < 4; plane++) {
        seq_set(2, (u8)(1 << plane));
        for (dispi(5, 0), i = 0; i < 0x10000; i++)
            mem_write(0xA0000 + i, (i + plane) * 7 + (i >> 8), 1);
        for (dispi(5, 1), i = 0; i < 0x8000; i++)
            mem_write(0xA0000 + i, (i + plane) * 5 + (i >> 8), 1);
    }
    dispi(6, 1032);
    dispi(8, 3);
    render();
    for (y = 0; y < 700; y += 7)
        for (x = 0; x < 1024; x += 5) {
            cr_assert(source.locate(source.opaque, x, y, rig_now(&rig), &dot));
            cr_assert_eq(pixel(x, y),
                         planar_color(source.bits_value(source.opaque, &dot.item[0].bits)),
                         "%u, %u", x, y);
        }
    cr_assert(source.locate(source.opaque, 100, 600, rig_now(&rig), &dot));
    cr_assert_str_eq(dot.text, "pixel 100, 600: planes f, bit 0 of plane address 12e64");
    cr_assert(source.bits_written(source.opaque, &dot.item[0].bits, 0xA2E64, 1, 1));
    cr_assert(source.bits_near(source.opaque, &dot.item[0].bits, 0xA2E64));
    dispi(5, 0);
    cr_assert_not(source.bits_written(source.opaque, &dot.item[0].bits, 0xA2E64, 1, 1));
}

Test(vga_dispi, offsets_pan_in_the_virtual_screen)
{
    dispi_mode(640, 480, 8, 0x40);
    dispi(6, 1024);
    cr_assert_eq(dispi_get(6), 1024);
    mem_write(LFB + 7 * 1024 + 5, 0x15, 1);
    dispi(8, 5);
    dispi(9, 7);
    render();
    cr_assert_eq(pixel(0, 0), gray(0x15));
}

Test(vga_dispi, picture_never_leaves_the_memory)
{
    dispi_mode(2560, 1600, 32, 0x40);
    dispi(6, 0xFFFF);
    dispi(8, 0xFFFF);
    dispi(9, 0xFFFF);
    cr_assert(render());
    cr_assert_leq((u64)dispi_get(6) * 4 * (dispi_get(9) + 1600), 16ull << 20);
}

Test(vga_dispi, unknown_depth_is_ignored)
{
    dispi(3, 16);
    dispi(3, 12);
    cr_assert_eq(dispi_get(3), 16);
}

Test(vga_dispi, only_written_lines_are_drawn)
{
    dispi_mode(1024, 768, 32, 0x40);
    render();
    cr_assert_not(render());
    mem_write(LFB + 4096 * 100, 0x123456, 4);
    frame.pixels[0] = 0xAAAAAA; /* a mark on a line that nobody wrote */
    cr_assert(render());
    cr_assert_eq(pixel(0, 100), 0x123456u);
    cr_assert_eq(pixel(0, 0), 0xAAAAAAu);
}

Test(vga_dispi, eight_bit_dac_keeps_all_bits)
{
    dispi_mode(640, 480, 8, 0x60);
    out8(0x3C8, 1);
    out8(0x3C9, 0xAB);
    out8(0x3C9, 0xCD);
    out8(0x3C9, 0xEF);
    out8(0x3C7, 1);
    cr_assert_eq(in8(0x3C9), 0xAB);
    mem_write(LFB, 1, 1);
    render();
    cr_assert_eq(pixel(0, 0), 0xABCDEFu);
}

Test(vga_dispi, disabling_brings_the_vga_mode_back)
{
    dispi_mode(640, 480, 8, 0x40);
    render();
    dispi(4, 0);
    render();
    cr_assert_eq(frame.width, 720u);
    mem_write(0xB8000, 0x0741, 2);
    render();
    cr_assert_eq(frame.cells[0], 'A');
}

Test(vga_dispi, pci_identity_and_bars)
{
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, 0, 4), 0x11111234u);
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, PCI_CLASS_DEVICE, 2), 0x0300u);
    pci_config_write(pci, 0, DEVFN, PCI_BAR0, 0xFFFFFFFF, 4);
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, PCI_BAR0, 4), 0xFF000008u);
    pci_config_write(pci, 0, DEVFN, PCI_BAR0 + 8, 0xFFFFFFFF, 4);
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, PCI_BAR0 + 8, 4), 0xFFFFF000u);
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, PCI_ROM_BAR, 4), 0u);
}

Test(vga_dispi, frame_buffer_moves_with_its_bar)
{
    mem_write(LFB, 0x77, 1);
    pci_config_write(pci, 0, DEVFN, PCI_BAR0, 0xD0000000, 4);
    cr_assert_eq(mem_read(LFB, 1), 0xFF);
    cr_assert_eq(mem_read(0xD0000000, 1), 0x77);
}

Test(vga_dispi, memory_mapped_registers_are_the_ports)
{
    mem_write(MMIO + 0x500 + 2 * 3, 24, 2);
    cr_assert_eq(dispi_get(3), 24);
    cr_assert_eq(mem_read(MMIO + 0x500, 2), 0xB0C5);
    mem_write(MMIO + 0x400 + 0x0E, 0x5508, 2); /* 3CEh */
    cr_assert_eq(in8(0x3CF), 0x55);
    cr_assert_eq(mem_read(MMIO + 0x40C, 1), 0x67);
    cr_assert_eq(mem_read(MMIO + 0x600, 4), 8u);
    cr_assert_eq(mem_read(MMIO + 0x604, 4), 0x1E1E1E1Eu);
}

Test(vga_dispi, monitor_describes_itself)
{
    u8 sum = 0;
    unsigned i;

    cr_assert_eq(mem_read(MMIO, 8), 0x00FFFFFFFFFFFF00ull);
    for (i = 0; i < 128; i++)
        sum += (u8)mem_read(MMIO + i, 1);
    cr_assert_eq(sum, 0);
    cr_assert_eq(mem_read(MMIO + 128, 1), 0);
}

Test(vga_dispi, rom_is_read_only_behind_its_bar)
{
    static const u8 rom[512] = {0x55, 0xAA, 0x01};

    cr_assert_eq(vga_set_rom(vga, rom, sizeof rom), 0);
    pci_config_write(pci, 0, DEVFN, PCI_ROM_BAR, 0xFFFFF800, 4);
    cr_assert_eq(pci_config_read(pci, 0, DEVFN, PCI_ROM_BAR, 4), 0xFFFF0000u);
    pci_config_write(pci, 0, DEVFN, PCI_ROM_BAR, ROM | 1, 4);
    mem_write(ROM, 0, 1);
    cr_assert_eq(mem_read(ROM, 4), 0x0001AA55u);
    cr_assert_eq(mem_read(ROM + 0xFFFF, 1), 0xFF);
    cr_assert_lt(vga_set_rom(vga, rom, sizeof rom), 0);
}

Test(vga_dispi, state_brings_back_mode_bank_and_bars)
{
    u8 *saved;
    size_t len;

    dispi_mode(1024, 768, 16, 0x40);
    dispi(5, 2);
    mem_write(0xA0000, 0x1234, 2);
    saved = rig_save(vga, &len);
    device_reset(vga);
    cr_assert_eq(mem_read(LFB + 0x20000, 2), 0xFFFF);
    cr_assert_null(rig_load(vga, saved, len));
    free(saved);
    cr_assert_eq(mem_read(LFB + 0x20000, 2), 0x1234);
    cr_assert_eq(mem_read(0xA0000, 2), 0x1234);
    render();
    cr_assert_eq(frame.width, 1024u);
}

static void poke(void *opaque)
{
    render();
    mem_write(0xA0000, 0x12345678, 4);
    mem_write(0xAFFFC, 0x12345678, 4);
    dispi(8, 100);
    dispi(9, 100);
    render();
}

Test(vga_dispi, damaged_state_is_refused_or_harmless)
{
    dispi_mode(800, 600, 16, 0x40);
    cr_assert_gt(rig_damage(vga, 2000, poke, NULL), 0u);
}

Test(vga_isa, frame_buffer_is_at_e0000000)
{
    struct device *isa;

    rig_setup(&rig);
    isa = vga_create(rig.bus, rig.clock, NULL, 1 << 20);
    device_reset(isa);
    mem_write(LFB + 0xFFFFF, 0x42, 1);
    cr_assert_eq(mem_read(LFB + 0xFFFFF, 1), 0x42);
    cr_assert_lt(vga_set_rom(isa, "", 0), 0);
    device_destroy(isa);
    rig_teardown(&rig);
}
