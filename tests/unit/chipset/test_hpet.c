/* HPET at 100 MHz. Register bits from the IA-PC HPET specification 1.0a. */
#include "devices/chipset/hpet.h"

#include "mmu/physmap.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum { IRQ0 = 0, IRQ8 = 8, PIN20 = 20 };
enum { CONF = 0x10, STATUS = 0x20, COUNTER = 0xF0, T0 = 0x100, T1 = 0x120, T2 = 0x140, CMP = 8 };
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, SET = 0x40, BITS32 = 0x100, ROUTE20 = 20 << 9 };

static struct rig rig, other;
static struct device *dev;

static struct device *create(struct rig *r)
{
    struct hpet_pins pins = {.irq0 = rig_line(r, IRQ0), .irq8 = rig_line(r, IRQ8)};
    struct device *d;
    unsigned i;

    for (i = 20; i < 24; i++)
        pins.ioapic[i] = rig_line(r, i);
    d = hpet_create(r->bus, r->clock, &pins);
    device_reset(d);
    return d;
}

static u64 rd(unsigned reg)
{
    return physmap_load(rig.physmap, HPET_BASE + reg, 8);
}

static void wr(unsigned reg, u64 value)
{
    physmap_store(rig.physmap, HPET_BASE + reg, value, 8);
}

static void wr32(unsigned reg, u32 value)
{
    physmap_store(rig.physmap, HPET_BASE + reg, value, 4);
}

static void setup(void)
{
    rig_setup(&rig);
    dev = create(&rig);
}

static void teardown(void)
{
    device_destroy(dev);
    rig_teardown(&rig);
}

TestSuite(hpet, .init = setup, .fini = teardown);

Test(hpet, capabilities_name_period_and_timers)
{
    cr_assert_eq(rd(0) >> 32, 10000000); /* femtoseconds */
    cr_assert_eq(rd(0) & 0xFFFFFFFF, 0x8086A201);
    cr_assert_eq(rd(T0) & 0xFFFFFFFF, 0x30);
    cr_assert_eq(rd(T0) >> 32, 0x00F00000);
    cr_assert_eq(physmap_load(rig.physmap, HPET_BASE + 4, 4), 10000000);
}

Test(hpet, the_counter_runs_while_enabled)
{
    rig_advance_ns(&rig, 1000);
    cr_assert_eq(rd(COUNTER), 0);
    wr(CONF, 1);
    rig_advance_ns(&rig, 1000);
    cr_assert_eq(rd(COUNTER), 100);
    wr(CONF, 0);
    rig_advance_ns(&rig, 1000);
    cr_assert_eq(rd(COUNTER), 100);
    wr32(COUNTER + 4, 5);
    wr32(COUNTER, 7);
    cr_assert_eq(rd(COUNTER), 0x500000007);
}

Test(hpet, a_one_shot_edge_arrives_once)
{
    wr(T2, ENABLE | ROUTE20);
    wr(T2 + CMP, 100);
    wr(CONF, 1);
    rig_advance_ns(&rig, 999);
    cr_assert_eq(rig_rises(&rig, PIN20), 0);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(rig_rises(&rig, PIN20), 1);
    rig_advance_ns(&rig, 1000000);
    cr_assert_eq(rig_rises(&rig, PIN20), 1);
}

Test(hpet, a_level_stays_until_its_status_is_cleared)
{
    wr(T0, ENABLE | LEVEL | ROUTE20);
    wr(T0 + CMP, 100);
    wr(CONF, 1);
    rig_advance_ns(&rig, 1000);
    cr_assert(rig_level(&rig, PIN20));
    cr_assert_eq(rd(STATUS), 1);
    wr32(STATUS, 1);
    cr_assert(!rig_level(&rig, PIN20));
    cr_assert_eq(rd(STATUS), 0);
}

Test(hpet, a_period_is_added_at_each_match)
{
    unsigned i;

    wr(T0, ENABLE | PERIODIC | SET | ROUTE20);
    wr(T0 + CMP, 50);  /* the accumulator ... */
    wr(T0 + CMP, 100); /* ... and the period */
    wr(CONF, 1);
    rig_advance_ns(&rig, 500);
    cr_assert_eq(rig_rises(&rig, PIN20), 1);
    cr_assert_eq(rd(T0 + CMP), 150);
    for (i = 2; i < 6; i++) {
        rig_advance_ns(&rig, 1000);
        cr_assert_eq(rig_rises(&rig, PIN20), i);
    }
}

Test(hpet, a_32_bit_timer_matches_at_each_round)
{
    wr(T1, ENABLE | BITS32 | ROUTE20);
    wr(T1 + CMP, 0xFFFFFFFF00000010);
    cr_assert_eq(rd(T1 + CMP), 0x10);
    wr(COUNTER, 0x1FFFFFFF0);
    wr(CONF, 1);
    rig_advance_ns(&rig, 32 * 10);
    cr_assert_eq(rig_rises(&rig, PIN20), 1);
    rig_advance_ns(&rig, 10ull << 32);
    cr_assert_eq(rig_rises(&rig, PIN20), 2);
}

Test(hpet, a_comparator_behind_the_counter_waits)
{
    wr(COUNTER, 1000);
    wr(T2, ENABLE | ROUTE20);
    wr(T2 + CMP, 500);
    wr(CONF, 1);
    rig_advance_ns(&rig, 1000000);
    cr_assert_eq(rig_rises(&rig, PIN20), 0);
}

Test(hpet, legacy_replacement_takes_over_from_pit_and_rtc)
{
    struct irq_line pit = hpet_pit(dev), rtc = hpet_rtc(dev);

    irq_set(&pit, true);
    irq_set(&rtc, true);
    cr_assert(rig_level(&rig, IRQ0) && rig_level(&rig, IRQ8));
    wr(T0, ENABLE);
    wr(T0 + CMP, 100);
    wr(T1, ENABLE | LEVEL);
    wr(T1 + CMP, 200);
    wr(CONF, 3);
    cr_assert(!rig_level(&rig, IRQ0) && !rig_level(&rig, IRQ8));
    irq_set(&pit, false);
    irq_set(&pit, true);
    cr_assert(!rig_level(&rig, IRQ0));
    rig_advance_ns(&rig, 1000);
    cr_assert(rig_level(&rig, IRQ0));
    rig_advance_ns(&rig, 1000);
    cr_assert(rig_level(&rig, IRQ8));
    wr(CONF, 1);
    irq_set(&pit, false);
    cr_assert(!rig_level(&rig, IRQ0) && rig_level(&rig, IRQ8));
}

Test(hpet, state_carries_a_running_timer)
{
    struct device *copy;

    wr(T0, ENABLE | PERIODIC | SET | ROUTE20);
    wr(T0 + CMP, 100);
    wr(CONF, 1);
    rig_advance_ns(&rig, 1500);
    rig_setup(&other);
    copy = create(&other);
    rig_transfer(&other, copy, &rig, dev);
    cr_assert_eq(physmap_load(other.physmap, HPET_BASE + COUNTER, 8), 150);
    rig_advance_ns(&other, 500);
    cr_assert_eq(rig_rises(&other, PIN20), 1);
    device_destroy(copy);
    rig_teardown(&other);
}

static void poke(void *opaque)
{
    rd(COUNTER);
    wr(CONF, 3);
    wr(T1 + CMP, rd(COUNTER) + 5);
    rig_advance_ns(&rig, 1000);
}

Test(hpet, damaged_state_is_refused_or_harmless)
{
    wr(T0, ENABLE | PERIODIC | SET | ROUTE20);
    wr(T0 + CMP, 100);
    wr(CONF, 1);
    cr_assert_gt(rig_damage(dev, 1500, poke, NULL), 300);
}
