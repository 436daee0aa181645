/* isa-debug-exit, POST card, pvpanic. */
#include "devices/chipset/debug_ports.h"

#include "tests/support/rig.h"

#include <criterion/criterion.h>

static struct rig rig;
static unsigned calls;
static u32 last;

static void note(void *opaque, u32 value)
{
    calls++;
    last = value;
}

static const struct debug_port_listener listener = {.written = note};

static void setup(void)
{
    rig_setup(&rig);
    calls = 0;
}

static void teardown(void)
{
    rig_teardown(&rig);
}

TestSuite(debug_ports, .init = setup, .fini = teardown);

Test(debug_ports, a_write_to_the_exit_port_is_reported)
{
    struct device *dev = debug_exit_create(rig.bus, DEBUG_EXIT_PORT, &listener);

    bus_in(rig.bus, 0x501, 1);
    cr_assert_eq(calls, 0);
    bus_out(rig.bus, 0x501, 1, 0x10);
    cr_assert_eq(last, 0x10);
    bus_out(rig.bus, 0x501, 4, 0x12345678);
    cr_assert_eq(last, 0x12345678);
    cr_assert_eq(calls, 2);
    device_destroy(dev);
}

Test(debug_ports, the_post_card_remembers_the_last_codes)
{
    struct device *dev = post_card_create(rig.bus, POST_CARD_PORT, &listener);
    u8 codes[POST_CODES];
    unsigned i;

    for (i = 1; i <= 20; i++)
        bus_out(rig.bus, 0x80, 1, i);
    cr_assert_eq(calls, 20);
    device_reset(dev);
    cr_assert_eq(post_card_codes(dev, codes), 16);
    cr_assert_eq(codes[0], 20);
    cr_assert_eq(codes[15], 5);
    cr_assert_eq(bus_in(rig.bus, 0x80, 1), 20);
    cr_assert_gt(rig_damage(dev, 500, NULL, NULL), 100);
    device_destroy(dev);
}

Test(debug_ports, pvpanic_tells_its_events_and_takes_them)
{
    struct device *dev = pvpanic_create(rig.bus, PVPANIC_PORT, &listener);

    cr_assert_eq(bus_in(rig.bus, 0x505, 1), PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
    bus_out(rig.bus, 0x505, 1, PVPANIC_PANICKED);
    cr_assert_eq(last, PVPANIC_PANICKED);
    device_destroy(dev);
}
