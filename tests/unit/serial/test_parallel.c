/* Parallel port. Bits from the IBM technical references. */
#include "devices/serial/parallel.h"

#include "devices/host/chr.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum { IRQ = 7, BASE = 0x378 };

static struct rig rig, other;
static struct chr *chr;
static struct device *dev;

static u8 in(unsigned reg)
{
    return (u8)bus_in(rig.bus, (u16)(BASE + reg), 1);
}

static void out(unsigned reg, u8 value)
{
    bus_out(rig.bus, (u16)(BASE + reg), 1, value);
}

static void print(char c)
{
    out(0, (u8)c);
    out(2, 0x1D);
    out(2, 0x1C);
}

static void setup(void)
{
    rig_setup(&rig);
    chr = chr_new_memory(64);
    dev = parallel_create(rig.bus, rig.clock, BASE, rig_line(&rig, IRQ), chr, "lpt1");
    device_reset(dev);
}

static void teardown(void)
{
    device_destroy(dev);
    chr_close(chr);
    rig_teardown(&rig);
}

TestSuite(parallel, .init = setup, .fini = teardown);

Test(parallel, a_strobe_prints_and_makes_the_printer_busy)
{
    size_t len;

    cr_assert_eq(in(1) & 0xF8, 0xD8); /* ready, no ACK, paper, selected, no error */
    print('A');
    cr_assert_eq(in(1) & 0xC0, 0x40);
    rig_advance_ns(&rig, 10000);
    cr_assert_eq(in(1) & 0xC0, 0x00); /* ACK */
    rig_advance_ns(&rig, 5000);
    cr_assert_eq(in(1) & 0xC0, 0xC0);
    cr_assert_arr_eq(chr_memory_text(chr, &len), "A", 1);
    cr_assert_eq(len, 1);
}

Test(parallel, the_end_of_ack_interrupts_once_each)
{
    print('A');
    rig_advance_ns(&rig, 14999);
    cr_assert(!rig_level(&rig, IRQ));
    rig_advance_ns(&rig, 1);
    cr_assert(rig_level(&rig, IRQ));
    print('B');
    cr_assert(!rig_level(&rig, IRQ));
    rig_advance_ns(&rig, 15000);
    cr_assert_eq(rig_rises(&rig, IRQ), 2);
    cr_assert_eq(in(1) & 0x04, 0); /* PS/2: not IRQ */
    cr_assert_eq(in(1) & 0x04, 4);
    cr_assert(!rig_level(&rig, IRQ));
}

Test(parallel, without_its_enable_bit_there_is_no_interrupt)
{
    out(0, 'A');
    out(2, 0x0D);
    rig_advance_ns(&rig, 15000);
    cr_assert_eq(rig_rises(&rig, IRQ), 0);
}

Test(parallel, data_and_control_read_back)
{
    out(0, 0x5A);
    cr_assert_eq(in(0), 0x5A);
    out(2, 0x0C);
    cr_assert_eq(in(2), 0xCC);
    out(2, 0x2C); /* input: nobody drives the pins */
    cr_assert_eq(in(0), 0xFF);
}

Test(parallel, with_nothing_plugged_in_the_printer_is_never_ready)
{
    device_destroy(dev);
    dev = parallel_create(rig.bus, rig.clock, BASE, rig_line(&rig, IRQ), NULL, "lpt1");
    device_reset(dev);
    cr_assert_eq(in(1), 0x7F);
    print('A');
    rig_advance_ns(&rig, 20000);
    cr_assert_eq(in(1), 0x7F);
}

Test(parallel, state_carries_a_byte_under_way)
{
    struct device *copy;

    print('A');
    rig_advance_ns(&rig, 11000);
    rig_setup(&other);
    copy = parallel_create(other.bus, other.clock, BASE, rig_line(&other, IRQ), chr, "lpt1");
    rig_transfer(&other, copy, &rig, dev);
    rig_advance_ns(&other, 4000);
    cr_assert(rig_level(&other, IRQ));
    device_destroy(copy);
    rig_teardown(&other);
}

Test(parallel, damaged_state_is_refused_or_harmless)
{
    print('A');
    cr_assert_gt(rig_damage(dev, 1000, NULL, NULL), 300);
}
