/* The 8237A pair as the data sheet and the AT's wiring have it. */
#include "devices/chipset/dma.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rig rig;
static struct device *dma;
static bool tc;

static void out(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

static u8 in(u16 port)
{
    return (u8)bus_in(rig.bus, port, 1);
}

static u16 in_word(u16 port)
{
    u8 low = in(port);

    return (u16)(low | in(port) << 8);
}

/* Channel 2 as a floppy driver programs it. */
static void program2(u8 mode, u32 gpa, u16 bytes)
{
    out(0x0A, 0x06);
    out(0x0C, 0);
    out(0x04, (u8)gpa);
    out(0x04, (u8)(gpa >> 8));
    out(0x81, (u8)(gpa >> 16));
    out(0x05, (u8)(bytes - 1));
    out(0x05, (u8)((bytes - 1) >> 8));
    out(0x0B, mode | 2);
    out(0x0A, 0x02);
}

static size_t move(unsigned channel, void *data, size_t len, bool to_memory)
{
    struct dma_port port = dma_port(dma, channel);

    return dma_port_transfer(&port, data, len, to_memory, &tc);
}

static void setup(void)
{
    rig_setup(&rig);
    dma = dma_create(rig.bus);
    device_reset(dma);
    out(0xD6, 0xC0); /* channel 4: cascade */
    out(0xD4, 0x00);
}

static void teardown(void)
{
    device_destroy(dma);
    rig_teardown(&rig);
}

TestSuite(dma, .init = setup, .fini = teardown);

Test(dma, write_transfer_stores_bytes_and_counts)
{
    char memory[8];

    program2(0x44, 0x21234, 8);
    cr_assert_eq(move(2, "abcde", 5, true), 5);
    cr_assert_not(tc);
    out(0x0C, 0);
    cr_assert_eq(in_word(0x04), 0x1239);
    cr_assert_eq(in_word(0x05), 2);
    cr_assert_eq(move(2, "fghij", 5, true), 3, "no more than was programmed");
    cr_assert(tc);
    bus_dma_read(rig.bus, 0x21234, memory, 8);
    cr_assert_arr_eq(memory, "abcdefgh", 8);
}

Test(dma, read_transfer_fetches_bytes)
{
    char data[4];

    bus_dma_write(rig.bus, 0x3FFFE, "wxyz", 4);
    program2(0x48, 0x3FFFC, 4);
    cr_assert_eq(move(2, data, 4, false), 4);
    cr_assert_arr_eq(data + 2, "wx", 2);
}

Test(dma, address_wraps_inside_its_64_kib_page)
{
    char low[2], next[2] = "--";

    bus_dma_write(rig.bus, 0x40000, next, 2);
    program2(0x44, 0x3FFFE, 4);
    move(2, "abcd", 4, true);
    bus_dma_read(rig.bus, 0x30000, low, 2);
    bus_dma_read(rig.bus, 0x40000, next, 2);
    cr_assert_arr_eq(low, "cd", 2);
    cr_assert_arr_eq(next, "--", 2);
}

Test(dma, decrement_mode_goes_down)
{
    char memory[4];

    program2(0x64, 0x20003, 4);
    move(2, "abcd", 4, true);
    bus_dma_read(rig.bus, 0x20000, memory, 4);
    cr_assert_arr_eq(memory, "dcba", 4);
}

Test(dma, terminal_count_masks_the_channel_and_shows_once)
{
    program2(0x44, 0x20000, 2);
    cr_assert(dma_is_ready(dma, 2));
    move(2, "ab", 2, true);
    cr_assert_not(dma_is_ready(dma, 2));
    cr_assert_eq(in(0x08), 0x04);
    cr_assert_eq(in(0x08), 0x00, "reading the status clears TC");
    cr_assert_eq(in(0x0F), 0xFF, "masked");
    out(0x0C, 0);
    in_word(0x04);
    cr_assert_eq(in_word(0x05), 0xFFFF);
}

Test(dma, autoinit_starts_over_and_stays_unmasked)
{
    char memory[2];

    program2(0x54, 0x20000, 2);
    cr_assert_eq(move(2, "abcd", 4, true), 2);
    cr_assert(tc);
    cr_assert_eq(move(2, "cd", 2, true), 2);
    bus_dma_read(rig.bus, 0x20000, memory, 2);
    cr_assert_arr_eq(memory, "cd", 2);
    cr_assert_eq(in(0x08), 0x04);
}

Test(dma, verify_transfer_counts_and_moves_nothing)
{
    char memory[2] = "--";

    bus_dma_write(rig.bus, 0x20000, memory, 2);
    program2(0x40, 0x20000, 2);
    cr_assert_eq(move(2, "ab", 2, true), 2);
    cr_assert(tc);
    bus_dma_read(rig.bus, 0x20000, memory, 2);
    cr_assert_arr_eq(memory, "--", 2);
}

Test(dma, word_channel_moves_words_in_a_128_kib_page)
{
    char memory[4];

    out(0xD8, 0); /* flip-flop */
    out(0xC4, 0xFF);
    out(0xC4, 0xFF); /* channel 5: word FFFFh of page 2: 3FFFEh */
    out(0x8B, 0x03); /* bit 0 of the page is not used */
    out(0xC6, 1);
    out(0xC6, 0);
    out(0xD6, 0x45);
    out(0xD4, 0x01);
    cr_assert_eq(move(5, "abcd", 4, true), 4);
    cr_assert(tc);
    bus_dma_read(rig.bus, 0x3FFFE, memory, 2);
    bus_dma_read(rig.bus, 0x20000, memory + 2, 2);
    cr_assert_arr_eq(memory, "abcd", 4);
}

Test(dma, masked_disabled_or_uncascaded_channel_does_not_answer)
{
    program2(0x44, 0x20000, 2);
    out(0x08, 0x04); /* controller disable */
    cr_assert_eq(move(2, "ab", 2, true), 0);
    out(0x08, 0x00);
    out(0xD4, 0x04); /* mask channel 4 */
    cr_assert_eq(move(2, "ab", 2, true), 0);
    out(0xD4, 0x00);
    out(0x0F, 0x04);
    cr_assert_eq(move(2, "ab", 2, true), 0);
    out(0x0E, 0x00); /* clear mask register */
    cr_assert_eq(move(2, "ab", 2, true), 2);
}

Test(dma, flip_flop_chooses_the_byte_and_master_clear_resets_it)
{
    out(0x0C, 0);
    out(0x00, 0x34);
    out(0x0D, 0);
    out(0x00, 0x56);
    out(0x00, 0x12);
    cr_assert_eq(in_word(0x00), 0x1256);
    cr_assert_eq(in(0x0F), 0xFF, "master clear masks all");
    cr_assert_eq(in(0x0D), 0x00);
}

Test(dma, page_registers_are_where_the_at_put_them)
{
    static const u8 port[8] = {0x87, 0x83, 0x81, 0x82, 0x8F, 0x8B, 0x89, 0x8A};
    unsigned i;

    for (i = 0; i < 16; i++)
        out((u16)(0x80 + i), (u8)(0xA0 + i));
    for (i = 0; i < 8; i++)
        cr_assert_eq(in(port[i]), 0xA0 + (port[i] & 15));
    cr_assert_eq(in(0x84), 0xA4, "the unused ones are memory");
}

Test(dma, memory_to_memory_copies_until_channel_1_ends)
{
    char memory[3];

    bus_dma_write(rig.bus, 0x20000, "xyz", 3);
    out(0x0C, 0);
    out(0x00, 0);
    out(0x00, 0);
    out(0x87, 2);
    out(0x02, 0);
    out(0x02, 1);
    out(0x83, 3);
    out(0x03, 2);
    out(0x03, 0);
    out(0x0B, 0x88);
    out(0x0B, 0x85);
    out(0x08, 0x01);
    out(0x09, 0x04);
    bus_dma_read(rig.bus, 0x30100, memory, 3);
    cr_assert_arr_eq(memory, "xyz", 3);
    cr_assert_eq(in(0x0D), 'z', "the temporary register keeps the last byte");
    cr_assert_eq(in(0x08), 0x02);
}

Test(dma, software_request_waits_outside_block_mode)
{
    program2(0x44, 0x20000, 2);
    out(0x09, 0x06);
    cr_assert_eq(in(0x08), 0x40);
    program2(0x84, 0x20000, 2); /* block mode: nobody drives the data bus */
    cr_assert_eq(in(0x08), 0x04);
}

Test(dma, reset_masks_all_channels)
{
    program2(0x44, 0x20000, 2);
    device_reset(dma);
    cr_assert_eq(in(0x0F), 0xFF);
    cr_assert_eq(in(0x81), 0x00);
    cr_assert_eq(in_word(0x04), 0);
}

Test(dma, state_saved_in_the_middle_of_a_block_goes_on)
{
    static struct rig rig2;
    struct device *copy;
    struct dma_port port;
    char memory[2];

    rig_setup(&rig2);
    copy = dma_create(rig2.bus);
    device_reset(copy);
    program2(0x44, 0x20000, 4);
    move(2, "ab", 2, true);
    out(0x0C, 0);
    in(0x05);
    rig_transfer(&rig2, copy, &rig, dma);
    port = dma_port(copy, 2);
    cr_assert_eq(bus_in(rig2.bus, 0x05, 1), 0, "the flip-flop stands at the high byte");
    cr_assert_eq(dma_port_transfer(&port, (u8 *)"cd", 2, true, &tc), 2);
    cr_assert(tc);
    bus_dma_read(rig2.bus, 0x20002, memory, 2);
    cr_assert_arr_eq(memory, "cd", 2);
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    u8 data[64] = {0};
    unsigned n;

    for (n = 0; n < 8; n++)
        if (n != 4)
            move(n, data, sizeof data, n & 1);
}

Test(dma, damaged_state_is_refused_or_harmless)
{
    out(0x0E, 0);
    program2(0x54, 0x20000, 4);
    cr_assert_gt(rig_damage(dma, 2000, poke, NULL), 500);
}
