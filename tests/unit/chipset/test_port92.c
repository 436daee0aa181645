/* System control port A: PIIX3 data sheet, "Port 92 Register". */
#include "devices/chipset/port92.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { A20, RESET };

static struct rig rig;
static struct device *port92;

static void out(u8 value)
{
    bus_out(rig.bus, 0x92, 1, value);
}

static void setup(void)
{
    rig_setup(&rig);
    port92 = port92_create(rig.bus, rig_line(&rig, A20), rig_line(&rig, RESET));
    device_reset(port92);
}

static void teardown(void)
{
    device_destroy(port92);
    rig_teardown(&rig);
}

TestSuite(port92, .init = setup, .fini = teardown);

Test(port92, bit_1_is_a20)
{
    cr_assert_eq(bus_in(rig.bus, 0x92, 1), 0x00);
    out(0x02);
    cr_assert(rig_level(&rig, A20));
    cr_assert_eq(bus_in(rig.bus, 0x92, 1), 0x02);
    out(0x00);
    cr_assert_not(rig_level(&rig, A20));
}

Test(port92, reset_pulses_once_for_each_rise_of_bit_0)
{
    out(0x01);
    cr_assert_eq(rig_rises(&rig, RESET), 1);
    cr_assert_not(rig_level(&rig, RESET));
    out(0x03);
    cr_assert_eq(rig_rises(&rig, RESET), 1);
    out(0x02);
    out(0x03);
    cr_assert_eq(rig_rises(&rig, RESET), 2);
}

Test(port92, a20_is_switched_before_the_processor_restarts)
{
    out(0x02);
    rig_forget(&rig);
    out(0x01);
    cr_assert_eq(rig.events[0].line, A20);
    cr_assert_eq(rig.events[1].line, RESET);
}

Test(port92, reset_closes_a20)
{
    out(0x02);
    device_reset(port92);
    cr_assert_not(rig_level(&rig, A20));
    cr_assert_eq(bus_in(rig.bus, 0x92, 1), 0x00);
}

Test(port92, state_keeps_the_bits_and_refuses_others)
{
    size_t len;
    u8 *data;

    out(0x02);
    data = rig_save(port92, &len);
    out(0x00);
    cr_assert_null(rig_load(port92, data, len));
    cr_assert_eq(bus_in(rig.bus, 0x92, 1), 0x02);
    free(data);
    cr_assert_gt(rig_damage(port92, 400, NULL, NULL), 100);
}
