/* The 8259A pair: every case is a sentence of Intel's data sheet or of the PIIX3's. */
#include "devices/chipset/pic.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

enum { INTR = 0 };

static struct rig rig;
static struct device *pic;

static void out(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

static u8 in(u16 port)
{
    return (u8)bus_in(rig.bus, port, 1);
}

static void irq(unsigned n, bool level)
{
    struct irq_line line = pic_line(pic, n);

    irq_set(&line, level);
}

static void pulse(unsigned n)
{
    irq(n, false);
    irq(n, true);
}

/* As a BIOS does it: vectors 08h and 70h. */
static void program(u8 master_icw4, u8 slave_icw4)
{
    out(0x20, 0x11);
    out(0x21, 0x08);
    out(0x21, 0x04);
    out(0x21, master_icw4);
    out(0xA0, 0x11);
    out(0xA1, 0x70);
    out(0xA1, 0x02);
    out(0xA1, slave_icw4);
}

static void setup(void)
{
    rig_setup(&rig);
    pic = pic_create(rig.bus, rig_line(&rig, INTR));
    device_reset(pic);
    program(0x01, 0x01);
}

static void teardown(void)
{
    device_destroy(pic);
    rig_teardown(&rig);
}

TestSuite(pic, .init = setup, .fini = teardown);

Test(pic, rising_line_raises_intr_and_acknowledge_gives_the_vector)
{
    pulse(1);
    cr_assert(rig_level(&rig, INTR));
    cr_assert_eq(in(0x20), 0x02, "IRR");
    cr_assert_eq(pic_acknowledge(pic), 0x09);
    cr_assert_not(rig_level(&rig, INTR));
    out(0x20, 0x0B); /* read ISR */
    cr_assert_eq(in(0x20), 0x02);
    out(0x20, 0x0A); /* read IRR: an edge asks once */
    cr_assert_eq(in(0x20), 0x00);
}

Test(pic, edge_line_must_fall_before_it_asks_again)
{
    pulse(1);
    pic_acknowledge(pic);
    out(0x20, 0x20);
    cr_assert_not(rig_level(&rig, INTR));
    irq(1, true);
    cr_assert_not(rig_level(&rig, INTR));
    pulse(1);
    cr_assert(rig_level(&rig, INTR));
}

Test(pic, request_withdrawn_before_acknowledge_is_a_spurious_irq_7)
{
    pulse(3);
    irq(3, false);
    cr_assert_not(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x0F);
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x00, "no in-service bit marks it as spurious");
}

Test(pic, slave_request_passes_through_irq_2)
{
    pulse(12);
    cr_assert(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x74);
    out(0x20, 0x0B);
    out(0xA0, 0x0B);
    cr_assert_eq(in(0x20), 0x04);
    cr_assert_eq(in(0xA0), 0x10);
}

Test(pic, request_taken_back_by_the_slave_is_a_spurious_irq_7)
{
    pulse(12);
    out(0xA1, 0xFF); /* masking takes the slave's INT down, and with it the master's request */
    cr_assert_not(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x0F);
    out(0xA1, 0x00);
    cr_assert_eq(pic_acknowledge(pic), 0x74);
}

Test(pic, higher_priority_interrupts_lower_but_not_the_other_way)
{
    pulse(4);
    cr_assert_eq(pic_acknowledge(pic), 0x0C);
    pulse(5);
    cr_assert_not(rig_level(&rig, INTR));
    pulse(0);
    cr_assert_eq(pic_acknowledge(pic), 0x08);
    out(0x20, 0x20); /* ends IRQ 0, the highest in service */
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x10);
    out(0x20, 0x20);
    cr_assert_eq(pic_acknowledge(pic), 0x0D);
}

Test(pic, mask_holds_a_request_back_and_keeps_it)
{
    out(0x21, 0x02);
    pulse(1);
    cr_assert_not(rig_level(&rig, INTR));
    cr_assert_eq(in(0x21), 0x02);
    cr_assert_eq(in(0x20), 0x02);
    out(0x21, 0x00);
    cr_assert(rig_level(&rig, INTR));
}

Test(pic, icw1_clears_mask_edges_and_service)
{
    pulse(1);
    pic_acknowledge(pic);
    pulse(3);
    out(0x21, 0xF0);
    out(0x20, 0x11);
    cr_assert_not(rig_level(&rig, INTR), "not ready before the sequence is complete");
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, 0x01);
    cr_assert_eq(in(0x21), 0x00);
    cr_assert_eq(in(0x20), 0x00, "IRQ 3 needs another edge");
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x00);
}

Test(pic, icw1_without_icw4_or_cascade_takes_one_more_byte_only)
{
    out(0x20, 0x12); /* SNGL, no ICW4 */
    out(0x21, 0x40);
    out(0x21, 0x55); /* OCW1 already */
    cr_assert_eq(in(0x21), 0x55);
}

Test(pic, mcs80_mode_gives_the_low_half_of_a_call_address)
{
    out(0x20, 0xF6); /* A7..A5 = 7, interval 4, single, no ICW4 */
    out(0x21, 0x00);
    pulse(5);
    cr_assert_eq(pic_acknowledge(pic), 0xF4);
    out(0x20, 0xF2); /* interval 8: A7, A6 only */
    out(0x21, 0x00);
    pulse(5);
    cr_assert_eq(pic_acknowledge(pic), 0xE8);
}

Test(pic, specific_eoi_ends_the_named_level)
{
    pulse(5);
    pic_acknowledge(pic);
    pulse(1);
    pic_acknowledge(pic);
    out(0x20, 0x65);
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x02);
}

Test(pic, automatic_eoi_leaves_nothing_in_service)
{
    program(0x03, 0x01);
    pulse(1);
    cr_assert_eq(pic_acknowledge(pic), 0x09);
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x00);
}

Test(pic, automatic_eoi_on_both_delivers_two_slave_requests)
{
    program(0x03, 0x03);
    pulse(8);
    pulse(12);
    cr_assert_eq(pic_acknowledge(pic), 0x70);
    cr_assert(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x74);
    cr_assert_not(rig_level(&rig, INTR));
}

Test(pic, rotation_on_eoi_makes_the_served_level_the_lowest)
{
    pulse(3);
    pic_acknowledge(pic);
    out(0x20, 0xA0); /* rotate on non-specific EOI: IRQ 4 is now the highest */
    pulse(0);
    pulse(4);
    cr_assert_eq(pic_acknowledge(pic), 0x0C);
}

Test(pic, set_priority_command_names_the_lowest)
{
    out(0x20, 0xC5);
    pulse(0);
    pulse(6);
    cr_assert_eq(pic_acknowledge(pic), 0x0E);
}

Test(pic, rotate_on_specific_eoi_ends_and_rotates)
{
    pulse(3);
    pic_acknowledge(pic);
    out(0x20, 0xE3);
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x00);
    pulse(0);
    pulse(4);
    cr_assert_eq(pic_acknowledge(pic), 0x0C);
}

Test(pic, rotate_in_automatic_eoi_mode)
{
    program(0x03, 0x01);
    out(0x20, 0x80);
    pulse(3);
    pic_acknowledge(pic);
    pulse(3);
    pulse(7);
    cr_assert_eq(pic_acknowledge(pic), 0x0F);
    out(0x20, 0x00);
    pulse(0);
    cr_assert_eq(pic_acknowledge(pic), 0x08);
    cr_assert_eq(pic_acknowledge(pic), 0x0B, "the order stayed as it was");
}

Test(pic, special_mask_mode_lets_lower_levels_in)
{
    pulse(1);
    pic_acknowledge(pic);
    out(0x21, 0x02);
    pulse(6);
    cr_assert_not(rig_level(&rig, INTR));
    out(0x20, 0x68); /* ESMM, SMM */
    cr_assert(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x0E);
    out(0x20, 0x20); /* passes over the masked IRQ 1 */
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x02);
    out(0x20, 0x48); /* ESMM: special mask off */
    pulse(6);
    cr_assert_not(rig_level(&rig, INTR));
}

Test(pic, special_fully_nested_mode_lets_the_same_slave_in_again)
{
    pulse(12);
    pic_acknowledge(pic);
    pulse(8);
    cr_assert_not(rig_level(&rig, INTR), "fully nested: the slave's level is in service");

    program(0x11, 0x01);
    pulse(12);
    cr_assert_eq(pic_acknowledge(pic), 0x74);
    pulse(8);
    cr_assert(rig_level(&rig, INTR));
    cr_assert_eq(pic_acknowledge(pic), 0x70);
}

Test(pic, poll_acknowledges_and_names_the_level)
{
    pulse(6);
    out(0x20, 0x0C);
    cr_assert_eq(in(0x20), 0x86);
    cr_assert_not(rig_level(&rig, INTR));
    out(0x20, 0x0B);
    cr_assert_eq(in(0x20), 0x40, "in service");
    out(0x20, 0x0C);
    cr_assert_eq(in(0x20) & 0x80, 0, "nothing to poll");
}

Test(pic, level_triggered_line_asks_as_long_as_it_is_high)
{
    out(0x4D1, 0x0E); /* IRQ 9, 10, 11 */
    irq(11, true);
    cr_assert_eq(pic_acknowledge(pic), 0x73);
    out(0xA0, 0x20);
    out(0x20, 0x20);
    cr_assert(rig_level(&rig, INTR));
    irq(11, false);
    cr_assert_not(rig_level(&rig, INTR));
}

Test(pic, elcr_keeps_system_interrupts_edge_triggered)
{
    out(0x4D0, 0xFF);
    out(0x4D1, 0xFF);
    cr_assert_eq(in(0x4D0), 0xF8);
    cr_assert_eq(in(0x4D1), 0xDE);
}

Test(pic, unprogrammed_chip_never_asks)
{
    device_reset(pic);
    pulse(1);
    cr_assert_not(rig_level(&rig, INTR));
    program(0x01, 0x01);
    pulse(1);
    cr_assert(rig_level(&rig, INTR));
    device_reset(pic);
    cr_assert_not(rig_level(&rig, INTR));
}

Test(pic, line_that_is_high_across_reset_needs_a_new_edge)
{
    irq(4, true);
    device_reset(pic);
    program(0x01, 0x01);
    cr_assert_not(rig_level(&rig, INTR));
    pulse(4);
    cr_assert(rig_level(&rig, INTR));
}

Test(pic, slave_with_a_wrong_number_leaves_the_bus_floating)
{
    out(0xA0, 0x11);
    out(0xA1, 0x70);
    out(0xA1, 0x05);
    out(0xA1, 0x01);
    pulse(8);
    cr_assert_eq(pic_acknowledge(pic), 0xFF);
}

Test(pic, report_names_lines_by_their_numbers)
{
    char text[400], small[10];

    pulse(1);
    pic_describe(pic, text, sizeof text);
    cr_assert(strstr(text, "; requested 1; "), "%s", text);
    cr_assert(strstr(text, "slave, vectors 70-77; requested none; "), "%s", text);
    pic_describe(pic, small, sizeof small);
    cr_assert_eq(strlen(small), sizeof small - 1);
}

Test(pic, state_saved_in_the_middle_of_initialisation_goes_on)
{
    static struct rig rig2;
    struct device *copy;

    rig_setup(&rig2);
    copy = pic_create(rig2.bus, rig_line(&rig2, INTR));
    device_reset(copy);
    pulse(3);
    out(0x20, 0x11);
    out(0x21, 0x30);
    pulse(5);
    rig_transfer(&rig2, copy, &rig, pic);
    bus_out(rig2.bus, 0x21, 1, 0x04);
    bus_out(rig2.bus, 0x21, 1, 0x01);
    cr_assert(rig_level(&rig2, INTR));
    cr_assert_eq(pic_acknowledge(copy), 0x35);
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    pulse(12);
    pic_acknowledge(pic);
    out(0xA0, 0x0C);
    in(0xA0);
    out(0x20, 0x20);
}

Test(pic, damaged_state_is_refused_or_harmless)
{
    pulse(12);
    cr_assert_gt(rig_damage(pic, 2000, poke, NULL), 500);
}
