/* System control port B: PIIX3 data sheet, "NMI Status and Control Register". */
#include "devices/chipset/pit.h"
#include "devices/chipset/port61.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { SPEAKER = 1 };

static struct rig rig;
static struct device *pit, *port61;

static u8 in61(void)
{
    return (u8)bus_in(rig.bus, 0x61, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

static void setup(void)
{
    rig_setup(&rig);
    pit = pit_create(rig.bus, rig.clock, rig_line(&rig, 0));
    port61 = port61_create(rig.bus, rig.clock, pit, rig_line(&rig, SPEAKER));
    device_reset(pit);
    device_reset(port61);
}

static void teardown(void)
{
    device_destroy(port61);
    device_destroy(pit);
    rig_teardown(&rig);
}

TestSuite(port61, .init = setup, .fini = teardown);

Test(port61, low_four_bits_read_back_and_errors_never_show)
{
    out(0x61, 0xFF);
    cr_assert_eq(in61() & 0xCF, 0x0F);
    out(0x61, 0x00);
    cr_assert_eq(in61() & 0xCF, 0x00);
}

Test(port61, refresh_bit_toggles_every_18_timer_clocks)
{
    unsigned toggles = 0, i;
    u8 last = in61(), now;

    for (i = 0; i < 10000; i++) {
        rig_advance_ns(&rig, 1000);
        now = in61();
        toggles += (now ^ last) >> 4 & 1;
        last = now;
    }
    cr_assert_eq(toggles, PIT_HZ / 100 / 18, "10 ms are 662 refresh cycles");
}

Test(port61, gate_starts_channel_2_and_out2_is_seen)
{
    /* How every BIOS measures a delay: one-shot count in mode 0, gate, wait for OUT2. */
    out(0x43, 0xB0);
    out(0x42, 100);
    out(0x42, 0);
    rig_advance_ns(&rig, 1000000);
    cr_assert_not(in61() & 0x20);
    out(0x61, 0x01);
    rig_advance_ns(&rig, pit_tick_ns(99));
    cr_assert_not(in61() & 0x20);
    rig_advance_ns(&rig, pit_tick_ns(2));
    cr_assert(in61() & 0x20);
}

Test(port61, speaker_bit_drives_the_speaker)
{
    out(0x61, 0x02);
    cr_assert(rig_level(&rig, SPEAKER));
    device_reset(port61);
    cr_assert_not(rig_level(&rig, SPEAKER));
    cr_assert_eq(in61() & 0x0F, 0);
}

Test(port61, state_keeps_the_bits_and_refuses_others)
{
    static const u8 bits = 0x0B;
    size_t len;
    u8 *data;

    out(0x61, bits);
    data = rig_save(port61, &len);
    out(0x61, 0x00);
    cr_assert_null(rig_load(port61, data, len));
    cr_assert_eq(in61() & 0x0F, bits);
    free(data);
    cr_assert_gt(rig_damage(port61, 400, NULL, NULL), 100);
}
