/* Coprocessor errors: PIIX3 data sheet, "Coprocessor Error Register". */
#include "devices/chipset/coprocessor.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum { IRQ13, IGNNE };

static struct rig rig;
static struct device *dev;
static struct irq_line ferr;

static struct device *create(struct rig *r)
{
    return coprocessor_create(r->bus, rig_line(r, IRQ13), rig_line(r, IGNNE));
}

static void setup(void)
{
    rig_setup(&rig);
    dev = create(&rig);
    ferr = coprocessor_ferr(dev);
    device_reset(dev);
}

static void teardown(void)
{
    device_destroy(dev);
    rig_teardown(&rig);
}

TestSuite(coprocessor, .init = setup, .fini = teardown);

Test(coprocessor, error_latches_irq_13_until_port_f0_is_written)
{
    irq_set(&ferr, true);
    cr_assert(rig_level(&rig, IRQ13));
    cr_assert_not(rig_level(&rig, IGNNE));
    irq_set(&ferr, false);
    cr_assert(rig_level(&rig, IRQ13));
    bus_out(rig.bus, 0xF0, 1, 0);
    cr_assert_not(rig_level(&rig, IRQ13));
    cr_assert_not(rig_level(&rig, IGNNE), "there is no error any more");
}

Test(coprocessor, ignne_is_active_from_the_write_until_the_error_is_gone)
{
    irq_set(&ferr, true);
    bus_out(rig.bus, 0xF0, 1, 0);
    cr_assert(rig_level(&rig, IGNNE));
    cr_assert_not(rig_level(&rig, IRQ13));
    irq_set(&ferr, false);
    cr_assert_not(rig_level(&rig, IGNNE));
}

Test(coprocessor, next_error_interrupts_again)
{
    irq_set(&ferr, true);
    bus_out(rig.bus, 0xF0, 1, 0);
    irq_set(&ferr, false);
    irq_set(&ferr, true);
    cr_assert_eq(rig_rises(&rig, IRQ13), 2);
}

Test(coprocessor, port_f1_does_nothing)
{
    irq_set(&ferr, true);
    bus_out(rig.bus, 0xF1, 1, 0);
    cr_assert(rig_level(&rig, IRQ13));
    cr_assert_eq(bus_in(rig.bus, 0xF0, 1), 0xFF);
}

Test(coprocessor, reset_drops_both_wires)
{
    irq_set(&ferr, true);
    bus_out(rig.bus, 0xF0, 1, 0);
    device_reset(dev);
    cr_assert_not(rig_level(&rig, IRQ13));
    cr_assert_not(rig_level(&rig, IGNNE));
}

Test(coprocessor, state_between_error_and_answer_is_carried_over)
{
    struct rig to;
    struct device *copy;

    irq_set(&ferr, true);
    rig_setup(&to);
    copy = create(&to);
    rig_transfer(&to, copy, &rig, dev);
    bus_out(to.bus, 0xF0, 1, 0);
    cr_assert(rig_level(&to, IGNNE));
    device_destroy(copy);
    rig_teardown(&to);
}

Test(coprocessor, damaged_state_is_refused_or_harmless)
{
    irq_set(&ferr, true);
    bus_out(rig.bus, 0xF0, 1, 0);
    cr_assert_gt(rig_damage(dev, 200, NULL, NULL), 0);
}
