/* 16550A. Numbers from the PC16550D data sheet; 9600 baud 8N1: 1 041 667 ns a character. */
#include "devices/serial/uart16550.h"

#include "devices/host/chr.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

enum { IRQ = 4, BASE = 0x3F8, RBR = 0, IER = 1, IIR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6 };
enum { CHAR_NS = 86806 }; /* 115200 baud 8N1: 10 bits of 8680.56 ns */

static struct rig rig, other;
static struct chr *chr, *other_chr;
static struct device *dev;

static u8 in(unsigned reg)
{
    return (u8)bus_in(rig.bus, (u16)(BASE + reg), 1);
}

static void out(unsigned reg, u8 value)
{
    bus_out(rig.bus, (u16)(BASE + reg), 1, value);
}

static void setup(void)
{
    rig_setup(&rig);
    chr = chr_new_memory(4096);
    dev = uart16550_create(rig.bus, rig.clock, BASE, rig_line(&rig, IRQ), chr, "com1");
    uart16550_set_pace(dev, 1);
    device_reset(dev);
    out(LCR, 0x83);
    out(0, 1);
    out(1, 0);
    out(LCR, 0x03);
    out(MCR, 0x0B);
}

static void teardown(void)
{
    device_destroy(dev);
    chr_close(chr);
    rig_teardown(&rig);
}

static void type(const char *text)
{
    chr->receive(chr->opaque, (const u8 *)text, strlen(text));
}

static const char *sent(void)
{
    static char text[4097];
    size_t len;
    const char *p = chr_memory_text(chr, &len);

    memcpy(text, p, len);
    text[len] = 0;
    return text;
}

TestSuite(uart16550, .init = setup, .fini = teardown);

Test(uart16550, reset_leaves_the_registers_of_the_data_sheet)
{
    device_reset(dev);
    cr_assert_eq(in(IER), 0x00);
    cr_assert_eq(in(IIR), 0x01);
    cr_assert_eq(in(LCR), 0x00);
    cr_assert_eq(in(MCR), 0x00);
    cr_assert_eq(in(LSR), 0x60);
}

Test(uart16550, divisor_scratch_and_fifos_are_found)
{
    out(LCR, 0x83);
    out(0, 0x34);
    out(1, 0x12);
    cr_assert_eq(in(0), 0x34);
    cr_assert_eq(in(1), 0x12);
    out(LCR, 0x03);
    cr_assert_eq(in(IER), 0);
    out(7, 0x5A);
    cr_assert_eq(in(7), 0x5A);
    out(IIR, 0xC1);
    cr_assert_eq(in(IIR), 0xC1);
    out(IER, 0xFF);
    cr_assert_eq(in(IER), 0x0F);
    out(MCR, 0xFF);
    cr_assert_eq(in(MCR), 0x1F);
}

Test(uart16550, a_character_takes_its_time)
{
    out(RBR, 'A');
    cr_assert_eq(in(LSR), 0x20); /* THR is empty, the shift register is not */
    out(RBR, 'B');
    cr_assert_eq(in(LSR), 0x00);
    rig_advance_ns(&rig, CHAR_NS - 1);
    cr_assert_str_eq(sent(), "");
    rig_advance_ns(&rig, 1);
    cr_assert_str_eq(sent(), "A");
    cr_assert_eq(in(LSR), 0x20);
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert_str_eq(sent(), "AB");
    cr_assert_eq(in(LSR), 0x60);
}

Test(uart16550, frame_length_follows_word_parity_and_stop_bits)
{
    out(LCR, 0x83);
    out(0, 12);
    out(LCR, 0x04); /* 5 bits, 1.5 stop bits: 7.5 bits of 104166.67 ns */
    out(RBR, 0xFF);
    rig_advance_ns(&rig, 781249);
    cr_assert_eq(in(LSR), 0x20);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(in(LSR), 0x60);
    cr_assert_str_eq(sent(), "\x1F");
    out(LCR, 0x1F); /* 8E2: 12 bits */
    out(RBR, 'x');
    rig_advance_ns(&rig, 1249999);
    cr_assert_eq(in(LSR), 0x20);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(in(LSR), 0x60);
}

Test(uart16550, the_pace_hurries_the_transmitter_only)
{
    uart16550_set_pace(dev, 16);
    out(LCR, 0x83);
    out(0, 12); /* 9600 baud, which the transmitter does not heed */
    out(LCR, 0x03);
    type("i");
    out(RBR, 'A');
    rig_advance_ns(&rig, CHAR_NS / 16 - 1);
    cr_assert_str_eq(sent(), "");
    rig_advance_ns(&rig, 1);
    cr_assert_str_eq(sent(), "A");
    cr_assert_eq(in(LSR), 0x60); /* nothing has arrived yet */
    rig_advance_ns(&rig, 12 * CHAR_NS - CHAR_NS / 16);
    cr_assert_eq(in(LSR), 0x61);
}

Test(uart16550, a_loop_keeps_the_true_rate_at_any_pace)
{
    uart16550_set_pace(dev, 16);
    out(MCR, 0x10);
    out(RBR, 'x');
    rig_advance_ns(&rig, CHAR_NS - 1);
    cr_assert_eq(in(LSR), 0x20);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(in(LSR), 0x61);
}

Test(uart16550, the_transmit_fifo_holds_sixteen)
{
    unsigned i;

    out(IIR, 0x01);
    for (i = 0; i < 17; i++) /* one goes straight on to the shift register */
        out(RBR, (u8)('a' + i));
    cr_assert_eq(in(LSR), 0x00);
    rig_advance_ns(&rig, 17 * CHAR_NS);
    cr_assert_str_eq(sent(), "abcdefghijklmnopq");
}

Test(uart16550, transmitter_interrupt_comes_and_goes)
{
    out(IER, 0x02); /* enabling it with THR empty raises it */
    cr_assert(rig_level(&rig, IRQ));
    cr_assert_eq(in(IIR), 0x02);
    cr_assert(!rig_level(&rig, IRQ)); /* reading IIR takes it back */
    out(RBR, 'x');
    cr_assert_eq(in(IIR), 0x02); /* it moved on to the shift register at once */
    out(RBR, 'y');
    cr_assert_eq(in(IIR), 0x01);
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert(rig_level(&rig, IRQ));
    cr_assert_eq(in(IIR), 0x02);
}

Test(uart16550, writing_the_transmitter_makes_a_new_edge)
{
    unsigned before;

    out(IER, 0x02);
    before = rig_rises(&rig, IRQ);
    out(RBR, 'x');
    cr_assert_eq(rig_rises(&rig, IRQ), before + 1);
}

Test(uart16550, input_arrives_one_character_time_apart)
{
    type("hi");
    cr_assert_eq(in(LSR), 0x60);
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert_eq(in(LSR), 0x61);
    rig_advance_ns(&rig, 10 * CHAR_NS);
    cr_assert_eq(in(LSR), 0x61); /* the second waits for room, and does not overrun */
    cr_assert_eq(in(RBR), 'h');
    cr_assert_eq(in(LSR), 0x60);
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert_eq(in(RBR), 'i');
}

Test(uart16550, receive_trigger_levels)
{
    static const struct {
        u8 fcr, level;
    } triggers[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xC1, 14}};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(triggers); i++) {
        out(IIR, triggers[i].fcr | 2);
        out(IER, 0x01);
        type("0123456789abcdef");
        rig_advance_ns(&rig, (triggers[i].level - 1) * (u64)CHAR_NS);
        cr_assert(!rig_level(&rig, IRQ), "level %u", triggers[i].level);
        rig_advance_ns(&rig, CHAR_NS);
        cr_assert(rig_level(&rig, IRQ));
        cr_assert_eq(in(IIR), 0xC4);
        rig_advance_ns(&rig, 20 * CHAR_NS);
    }
}

Test(uart16550, what_lies_in_the_fifo_is_announced_after_four_characters)
{
    out(IIR, 0xC1);
    out(IER, 0x01);
    type("ab");
    rig_advance_ns(&rig, 2 * CHAR_NS);
    cr_assert(!rig_level(&rig, IRQ));
    rig_advance_ns(&rig, 4 * CHAR_NS - 1);
    cr_assert(!rig_level(&rig, IRQ));
    rig_advance_ns(&rig, 1);
    cr_assert_eq(in(IIR), 0xCC);
    cr_assert_eq(in(RBR), 'a');
    cr_assert(!rig_level(&rig, IRQ)); /* a read restarts the clock */
    rig_advance_ns(&rig, 4 * CHAR_NS);
    cr_assert_eq(in(IIR), 0xCC);
    cr_assert_eq(in(RBR), 'b');
    cr_assert_eq(in(IIR), 0xC1);
}

Test(uart16550, a_long_paste_loses_nothing)
{
    char text[3000], got[3000];
    unsigned i, n = 0;

    for (i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    out(IIR, 0x81);
    cr_assert_eq(uart16550_room(dev), 4096);
    chr->receive(chr->opaque, (const u8 *)text, sizeof text);
    cr_assert_eq(uart16550_room(dev), 1096);
    while (n < sizeof text) {
        rig_advance_ns(&rig, 100 * CHAR_NS); /* a slow reader: the FIFO is full each time */
        while (in(LSR)&1)
            got[n++] = (char)in(RBR);
    }
    cr_assert_arr_eq(got, text, sizeof text);
    cr_assert_eq(uart16550_room(dev), 4096);
}

Test(uart16550, out2_gates_the_interrupt)
{
    out(IER, 0x02);
    cr_assert(rig_level(&rig, IRQ));
    out(MCR, 0x03);
    cr_assert(!rig_level(&rig, IRQ));
}

Test(uart16550, modem_lines_show_a_ready_peer)
{
    cr_assert_eq(in(MSR), 0xB0); /* DCD, DSR, CTS */
    device_destroy(dev);
    dev = uart16550_create(rig.bus, rig.clock, BASE, rig_line(&rig, IRQ), NULL, "com1");
    device_reset(dev);
    cr_assert_eq(in(MSR), 0x00);
}

Test(uart16550, loop_back_connects_outputs_to_inputs)
{
    out(MCR, 0x10);
    in(MSR);
    out(MCR, 0x1A); /* RTS and OUT2: CTS and DCD */
    cr_assert_eq(in(MSR), 0x99);
    cr_assert_eq(in(MSR), 0x90);
    out(MCR, 0x14); /* OUT1: a ring begins, which TERI does not report */
    cr_assert_eq(in(MSR), 0x49);
    out(MCR, 0x10);
    cr_assert_eq(in(MSR), 0x04); /* it ends */
}

Test(uart16550, loop_back_returns_characters_and_overruns)
{
    out(MCR, 0x10);
    out(RBR, 'x');
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert_str_eq(sent(), "");
    cr_assert_eq(in(LSR), 0x61);
    out(RBR, 'y');
    rig_advance_ns(&rig, CHAR_NS);
    cr_assert_eq(in(LSR), 0x63); /* OE */
    cr_assert_eq(in(LSR), 0x61);
    cr_assert_eq(in(RBR), 'y');
}

Test(uart16550, an_overrun_leaves_the_fifo_as_it_is)
{
    unsigned i;

    out(MCR, 0x10);
    out(IIR, 0x01);
    for (i = 0; i < 17; i++)
        out(RBR, (u8)('a' + i));
    rig_advance_ns(&rig, 20 * CHAR_NS);
    cr_assert_eq(in(LSR)&2, 2);
    for (i = 0; i < 16; i++)
        cr_assert_eq(in(RBR), 'a' + i);
    cr_assert_eq(in(LSR)&1, 0);
}

Test(uart16550, a_break_in_the_loop_has_the_highest_interrupt)
{
    out(IIR, 0x01);
    out(MCR, 0x18);
    out(IER, 0x0F);
    out(LCR, 0x43);
    cr_assert_eq(in(IIR), 0xC6);
    cr_assert_eq(in(LSR), 0xF9); /* an error in the FIFO, THR and shift register empty, BI, FE */
    cr_assert_eq(in(IIR), 0xC4);
    cr_assert_eq(in(RBR), 0);
    cr_assert_eq(in(IIR), 0xC2);
    cr_assert_eq(in(IIR), 0xC0); /* the lines changed when the loop was closed */
    in(MSR);
    cr_assert_eq(in(IIR), 0xC1);
}

Test(uart16550, turning_the_fifos_off_empties_them)
{
    out(IIR, 0x01);
    type("abc");
    rig_advance_ns(&rig, 3 * CHAR_NS);
    out(IIR, 0x00);
    cr_assert_eq(in(LSR), 0x60);
    cr_assert_eq(in(IIR), 0x01);
}

Test(uart16550, state_carries_characters_under_way)
{
    struct device *copy;
    size_t len;

    out(IIR, 0x01);
    out(IER, 0x03);
    type("in");
    out(RBR, 'A');
    out(RBR, 'B');
    rig_advance_ns(&rig, CHAR_NS / 2);
    rig_setup(&other);
    other_chr = chr_new_memory(64);
    copy = uart16550_create(other.bus, other.clock, BASE, rig_line(&other, IRQ), other_chr, "com1");
    rig_transfer(&other, copy, &rig, dev);
    rig_advance_ns(&other, 2 * CHAR_NS);
    cr_assert_arr_eq(chr_memory_text(other_chr, &len), "AB", 2);
    cr_assert_eq(len, 2);
    cr_assert_eq(bus_in(other.bus, BASE, 1), 'i');
    cr_assert_eq(bus_in(other.bus, BASE, 1), 'n');
    device_destroy(copy);
    chr_close(other_chr);
    rig_teardown(&other);
}

static void poke(void *opaque)
{
    unsigned i;

    type("xyz");
    for (i = 0; i < 8; i++) {
        out(i, (u8)(i * 37));
        in(i);
    }
    rig_advance_ns(&rig, CHAR_NS);
}

Test(uart16550, damaged_state_is_refused_or_harmless)
{
    out(IIR, 0x01);
    type("in");
    out(RBR, 'A');
    cr_assert_gt(rig_damage(dev, 2000, poke, NULL), 300);
}
