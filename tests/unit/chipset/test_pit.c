/*
 * The 8254: counts and edges in CLK pulses, as the timing diagrams of the data sheet show them.
 * Time moves to just after a pulse, so that "after n clocks" is exact.
 */
#include "devices/chipset/pit.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum { IRQ0 = 0 };

static struct rig rig;
static struct device *pit;
static u64 ticks;

static void out(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

static u8 in(u16 port)
{
    return (u8)bus_in(rig.bus, port, 1);
}

static void clocks(u64 n)
{
    ticks += n;
    rig_advance_ns(&rig, pit_tick_ns(ticks) - rig_now(&rig));
}

static u16 read_word(unsigned channel)
{
    u8 low = in((u16)(0x40 + channel));

    return (u16)(low | in((u16)(0x40 + channel)) << 8);
}

static u16 latched(unsigned channel)
{
    out(0x43, (u8)(channel << 6));
    return read_word(channel);
}

/* Channel 2 in `mode`, two-byte counts. */
static void program2(unsigned mode, u16 count)
{
    out(0x43, (u8)(0xB0 | mode << 1));
    out(0x42, (u8)count);
    out(0x42, (u8)(count >> 8));
}

static bool out2(void)
{
    return pit_out(pit, 2);
}

static void setup(void)
{
    rig_setup(&rig);
    pit = pit_create(rig.bus, rig.clock, rig_line(&rig, IRQ0));
    device_reset(pit);
    ticks = 0;
    clocks(1000);
}

static void teardown(void)
{
    device_destroy(pit);
    rig_teardown(&rig);
}

TestSuite(pit, .init = setup, .fini = teardown);

Test(pit, mode0_out_rises_n_plus_1_clocks_after_the_count)
{
    pit_set_gate2(pit, true);
    program2(0, 4);
    cr_assert_not(out2());
    clocks(1);
    cr_assert_eq(latched(2), 4);
    clocks(3);
    cr_assert_eq(latched(2), 1);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
    clocks(1);
    cr_assert_eq(latched(2), 0xFFFF, "counting goes on from the top");
    cr_assert(out2());
}

Test(pit, mode0_gate_low_stops_counting_but_not_loading)
{
    program2(0, 3);
    clocks(10);
    cr_assert_eq(latched(2), 3);
    pit_set_gate2(pit, true);
    clocks(2);
    pit_set_gate2(pit, false);
    clocks(7);
    cr_assert_eq(latched(2), 1);
    cr_assert_not(out2());
    pit_set_gate2(pit, true);
    clocks(1);
    cr_assert(out2());
}

Test(pit, mode0_first_of_two_bytes_stops_counting_and_lowers_out)
{
    pit_set_gate2(pit, true);
    program2(0, 2);
    clocks(3);
    cr_assert(out2());
    out(0x42, 5);
    cr_assert_not(out2());
    clocks(9);
    cr_assert_eq(latched(2), 0);
    out(0x42, 0);
    clocks(1);
    cr_assert_eq(latched(2), 5);
}

Test(pit, mode1_one_shot_lasts_n_clocks_from_the_trigger)
{
    program2(1, 3);
    clocks(5);
    cr_assert(out2());
    pit_set_gate2(pit, true);
    cr_assert(out2());
    clocks(1);
    cr_assert_not(out2());
    clocks(2);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
}

Test(pit, mode1_gate_reloads_on_each_rising_edge)
{
    program2(1, 5);
    pit_set_gate2(pit, true);
    clocks(4);
    pit_set_gate2(pit, false);
    pit_set_gate2(pit, true);
    clocks(5);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
}

Test(pit, mode1_new_count_waits_for_the_next_trigger)
{
    program2(1, 2);
    pit_set_gate2(pit, true);
    clocks(2);
    out(0x42, 10);
    out(0x42, 0);
    clocks(1);
    cr_assert(out2());
    pit_set_gate2(pit, false);
    pit_set_gate2(pit, true);
    clocks(10);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
}

Test(pit, mode2_low_for_the_last_clock_of_each_period)
{
    unsigned i;

    pit_set_gate2(pit, true);
    program2(2, 3);
    clocks(1);
    for (i = 0; i < 4; i++) {
        cr_assert_eq(latched(2), 3);
        cr_assert(out2());
        clocks(1);
        cr_assert_eq(latched(2), 2);
        cr_assert(out2());
        clocks(1);
        cr_assert_eq(latched(2), 1);
        cr_assert_not(out2());
        clocks(1);
    }
}

Test(pit, mode2_new_count_waits_for_the_end_of_the_period)
{
    pit_set_gate2(pit, true);
    program2(2, 5);
    clocks(3);
    out(0x42, 9);
    out(0x42, 0);
    clocks(2);
    cr_assert_eq(latched(2), 1);
    clocks(1);
    cr_assert_eq(latched(2), 9);
}

Test(pit, mode2_gate_low_raises_out_at_once_and_its_rise_restarts)
{
    pit_set_gate2(pit, true);
    program2(2, 3);
    clocks(3);
    cr_assert_not(out2());
    pit_set_gate2(pit, false);
    cr_assert(out2());
    clocks(20);
    cr_assert_eq(latched(2), 1);
    pit_set_gate2(pit, true);
    clocks(1);
    cr_assert_eq(latched(2), 3);
}

Test(pit, mode3_even_count_halves_counting_by_two)
{
    static const u16 counts[] = {4, 2, 4, 2, 4, 2};
    unsigned i;

    pit_set_gate2(pit, true);
    program2(3, 4);
    for (i = 0; i < 6; i++) {
        clocks(1);
        cr_assert_eq(latched(2), counts[i]);
        cr_assert_eq(out2(), !(i & 2));
    }
}

Test(pit, mode3_odd_count_is_high_one_clock_longer)
{
    /* The data sheet's diagram for a count of 5: OUT is high for 3 clocks and low for 2. */
    static const u16 counts[] = {4, 2, 0, 4, 2, 4, 2, 0, 4, 2};
    static const bool levels[] = {1, 1, 1, 0, 0, 1, 1, 1, 0, 0};
    unsigned i;

    pit_set_gate2(pit, true);
    program2(3, 5);
    for (i = 0; i < 10; i++) {
        clocks(1);
        cr_assert_eq(latched(2), counts[i], "clock %u", i);
        cr_assert_eq(out2(), levels[i], "clock %u", i);
    }
}

Test(pit, mode3_new_count_is_loaded_at_the_half_cycle)
{
    pit_set_gate2(pit, true);
    program2(3, 8);
    clocks(2);
    out(0x42, 20);
    out(0x42, 0);
    clocks(2);
    cr_assert_eq(latched(2), 2);
    clocks(1);
    cr_assert_eq(latched(2), 20);
    cr_assert_not(out2());
}

Test(pit, mode4_strobes_for_one_clock_n_plus_1_clocks_after_the_count)
{
    pit_set_gate2(pit, true);
    program2(4, 3);
    clocks(3);
    cr_assert(out2());
    clocks(1);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
    clocks(0x10000);
    cr_assert(out2(), "one strobe for one count");
}

Test(pit, mode5_strobes_n_plus_1_clocks_after_the_trigger)
{
    program2(5, 3);
    clocks(10);
    pit_set_gate2(pit, true);
    clocks(3);
    cr_assert(out2());
    clocks(1);
    cr_assert_not(out2());
    clocks(1);
    cr_assert(out2());
}

Test(pit, count_zero_is_65536_or_10000_in_bcd)
{
    pit_set_gate2(pit, true);
    program2(2, 0);
    clocks(2);
    cr_assert_eq(latched(2), 0xFFFF);
    clocks(65535);
    cr_assert_eq(latched(2), 0x0000);
    out(0x43, 0xB5); /* mode 2, BCD */
    out(0x42, 0);
    out(0x42, 0);
    clocks(2);
    cr_assert_eq(latched(2), 0x9999);
    clocks(9999);
    cr_assert_eq(latched(2), 0x0000);
}

Test(pit, bcd_counts_in_decimal)
{
    pit_set_gate2(pit, true);
    out(0x43, 0xB1);
    out(0x42, 0x00);
    out(0x42, 0x12);
    clocks(2);
    cr_assert_eq(latched(2), 0x1199);
}

Test(pit, latch_holds_until_it_is_read)
{
    pit_set_gate2(pit, true);
    program2(0, 1000);
    clocks(1);
    out(0x43, 0x80);
    clocks(100);
    out(0x43, 0x80); /* ignored: the first is still unread */
    cr_assert_eq(read_word(2), 1000);
    cr_assert_eq(latched(2), 900);
}

Test(pit, a_count_shows_before_the_clock_that_loads_it)
{
    pit_set_gate2(pit, true);
    program2(0, 0xFFFF);
    cr_assert_eq(read_word(2), 0xFFFF);
    cr_assert_eq(latched(2), 0xFFFF);
    clocks(1);
    cr_assert_eq(read_word(2), 0xFFFF, "loaded by the first clock, as ever");
    clocks(1);
    cr_assert_eq(read_word(2), 0xFFFE);
    program2(3, 1001);
    cr_assert_eq(read_word(2), 1000);
}

Test(pit, one_byte_access_reads_and_writes_that_byte_only)
{
    pit_set_gate2(pit, true);
    out(0x43, 0xA0); /* MSB only, mode 0 */
    out(0x42, 0x12);
    clocks(1);
    cr_assert_eq(in(0x42), 0x12);
    cr_assert_eq(in(0x42), 0x12);
    clocks(1);
    cr_assert_eq(in(0x42), 0x11);
    out(0x43, 0x90); /* LSB only */
    out(0x42, 0x34);
    clocks(1);
    cr_assert_eq(in(0x42), 0x34);
}

Test(pit, reading_and_writing_keep_their_own_byte_order)
{
    /* "Read/Write Operations": reads and writes of one counter may be interleaved. */
    pit_set_gate2(pit, true);
    program2(2, 0x1234);
    clocks(1);
    cr_assert_eq(in(0x42), 0x34);
    out(0x42, 0x78);
    cr_assert_eq(in(0x42), 0x12);
    out(0x42, 0x56);
    clocks(0x1234);
    cr_assert_eq(latched(2), 0x5678);
}

Test(pit, read_back_gives_status_before_count)
{
    pit_set_gate2(pit, true);
    program2(3, 100);
    out(0x43, 0xC8); /* count and status of channel 2 */
    cr_assert_eq(in(0x42), 0x80 | 0x40 | 0x36, "OUT high, null count, both bytes, mode 3");
    read_word(2);
    clocks(1);
    out(0x43, 0xE8); /* status only */
    cr_assert_eq(in(0x42), 0x80 | 0x36, "loaded now");
    clocks(50);
    out(0x43, 0xC8);
    cr_assert_eq(in(0x42), 0x36);
    cr_assert_eq(read_word(2), 100);
}

Test(pit, read_back_latches_several_counters_at_once)
{
    pit_set_gate2(pit, true);
    out(0x43, 0x34);
    out(0x40, 0xE8);
    out(0x40, 0x03);
    program2(2, 1000);
    clocks(1);
    out(0x43, 0xDA); /* counts of 0 and 2 */
    clocks(77);
    cr_assert_eq(read_word(0), 1000);
    cr_assert_eq(read_word(2), 1000);
}

Test(pit, channel0_interrupts_at_each_end_of_a_period)
{
    out(0x43, 0x34);
    out(0x40, 0xA9); /* 1193: 1000.15 Hz */
    out(0x40, 0x04);
    rig_forget(&rig);
    clocks(1 + 1193 * 10);
    cr_assert_eq(rig_rises(&rig, IRQ0), 10);
    cr_assert_eq(rig.events[1].at_ns, pit_tick_ns(1000 + 1 + 1193));
    cr_assert_eq(rig.events[19].at_ns, pit_tick_ns(1000 + 1 + 1193 * 10));
}

Test(pit, channel0_square_wave_rises_every_65536_clocks_without_drift)
{
    out(0x43, 0x36);
    out(0x40, 0);
    out(0x40, 0);
    rig_forget(&rig);
    rig_advance_ns(&rig, 3600 * NS_PER_SEC);
    cr_assert_eq(rig_rises(&rig, IRQ0), (u64)PIT_HZ * 3600 / 65536);
}

Test(pit, channel0_one_shot_leaves_no_timer_behind)
{
    out(0x43, 0x30);
    out(0x40, 100);
    out(0x40, 0);
    rig_forget(&rig);
    clocks(101);
    cr_assert_eq(rig_rises(&rig, IRQ0), 1);
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
}

Test(pit, control_word_moves_out_without_a_clock)
{
    out(0x43, 0x34);
    cr_assert(rig_level(&rig, IRQ0));
    out(0x43, 0x30);
    cr_assert_not(rig_level(&rig, IRQ0));
    cr_assert_eq(in(0x43), 0xFF);
}

Test(pit, count_of_one_in_periodic_modes_stands_still)
{
    out(0x43, 0x34);
    out(0x40, 1);
    out(0x40, 0);
    clocks(5000);
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
    out(0x40, 50);
    out(0x40, 0);
    rig_forget(&rig);
    clocks(101);
    cr_assert_eq(rig_rises(&rig, IRQ0), 2);
}

static struct {
    unsigned count;
    u64 last_ns;
    bool level;
} heard;

static void hear(void *opaque, bool level, u64 at_ns)
{
    cr_assert_geq(at_ns, heard.last_ns);
    heard.count += level != heard.level;
    heard.level = level;
    heard.last_ns = at_ns;
}

Test(pit, listener_hears_every_edge_of_out2_with_its_time)
{
    pit_connect_speaker(pit, hear, NULL);
    pit_set_gate2(pit, true);
    pit_set_listening(pit, true);
    program2(3, 1193);
    heard.count = 0;
    clocks(1 + 1193 * 5);
    cr_assert_eq(heard.count, 0, "no timer runs for the speaker");
    pit_catch_up(pit);
    cr_assert_eq(heard.count, 10);
    cr_assert_eq(heard.last_ns, pit_tick_ns(ticks));
    pit_set_listening(pit, false);
    clocks(11930);
    pit_catch_up(pit);
    cr_assert_eq(heard.count, 10);
}

Test(pit, a_day_unheard_costs_no_loop_and_keeps_the_phase)
{
    pit_set_gate2(pit, true);
    program2(2, 7);
    clocks(1 + 7ull * 14000000000);
    cr_assert_eq(latched(2), 7);
    clocks(3);
    cr_assert_eq(latched(2), 4);
}

Test(pit, reset_stops_all_counters)
{
    out(0x43, 0x34);
    out(0x40, 100);
    out(0x40, 0);
    device_reset(pit);
    cr_assert_not(rig_level(&rig, IRQ0));
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
    rig_forget(&rig);
    clocks(1000);
    cr_assert_eq(rig_rises(&rig, IRQ0), 0);
}

Test(pit, state_saved_between_two_bytes_and_edges_goes_on)
{
    static struct rig rig2;
    struct device *copy;

    rig_setup(&rig2);
    copy = pit_create(rig2.bus, rig2.clock, rig_line(&rig2, IRQ0));
    device_reset(copy);
    out(0x43, 0x34);
    out(0x40, 0xE8);
    out(0x40, 0x03);
    clocks(400);
    out(0x43, 0x00);
    in(0x40);
    out(0x40, 0x10); /* half of a new count */
    rig_transfer(&rig2, copy, &rig, pit);
    cr_assert_eq(bus_in(rig2.bus, 0x40, 1), (1000 - 399) >> 8);
    bus_out(rig2.bus, 0x40, 1, 0x00);
    rig_forget(&rig2);
    rig_advance_ns(&rig2, pit_tick_ns(ticks + 601 + 16 * 3) - rig_now(&rig2));
    cr_assert_eq(rig_rises(&rig2, IRQ0), 4);
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void hear_anything(void *opaque, bool level, u64 at_ns)
{
}

static void poke(void *opaque)
{
    unsigned n;

    clocks(100);
    for (n = 0; n < 3; n++)
        latched(n);
    pit_catch_up(pit);
}

Test(pit, damaged_state_is_refused_or_harmless)
{
    pit_connect_speaker(pit, hear_anything, NULL);
    pit_set_gate2(pit, true);
    pit_set_listening(pit, true);
    program2(3, 1193);
    out(0x43, 0x34);
    out(0x40, 0xE8);
    out(0x40, 0x03);
    clocks(100);
    cr_assert_gt(rig_damage(pit, 2000, poke, NULL), 500);
}
