/* The MC146818A as its data sheet describes it, with the 32.768 kHz crystal of a PC. */
#include "devices/chipset/rtc.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum {
    IRQ8 = 0,
    SEC = 1000000000, /* ns */
    MS = 1000000,
    US = 1000,
};

static struct rig rig;
static struct device *rtc;

static u8 get(u8 index)
{
    bus_out(rig.bus, 0x70, 1, index);
    return (u8)bus_in(rig.bus, 0x71, 1);
}

static void set(u8 index, u8 value)
{
    bus_out(rig.bus, 0x70, 1, index);
    bus_out(rig.bus, 0x71, 1, value);
}

static void set_time(u8 hours, u8 minutes, u8 seconds)
{
    set(0x04, hours);
    set(0x02, minutes);
    set(0x00, seconds);
}

static void set_date(u8 century, u8 year, u8 month, u8 date, u8 weekday)
{
    set(0x32, century);
    set(0x09, year);
    set(0x08, month);
    set(0x07, date);
    set(0x06, weekday);
}

static void assert_time(u8 hours, u8 minutes, u8 seconds)
{
    cr_assert_eq(get(0x04), hours, "hours %02x", get(0x04));
    cr_assert_eq(get(0x02), minutes, "minutes %02x", get(0x02));
    cr_assert_eq(get(0x00), seconds, "seconds %02x", get(0x00));
}

static void setup(void)
{
    rig_setup(&rig);
    /* 1996-02-28 23:59:58, a Wednesday */
    rtc = rtc_create(rig.bus, rig.clock, rig_line(&rig, IRQ8), 825551998);
    device_reset(rtc);
}

static void teardown(void)
{
    device_destroy(rtc);
    rig_teardown(&rig);
}

TestSuite(rtc, .init = setup, .fini = teardown);

Test(rtc, epoch_is_shown_in_bcd_and_24_hours)
{
    assert_time(0x23, 0x59, 0x58);
    cr_assert_eq(get(0x07), 0x28);
    cr_assert_eq(get(0x08), 0x02);
    cr_assert_eq(get(0x09), 0x96);
    cr_assert_eq(get(0x32), 0x19);
    cr_assert_eq(get(0x06), 4);
    cr_assert_eq(get(0x0A) & 0x7F, 0x26);
    cr_assert_eq(get(0x0B), 0x02);
    cr_assert_eq(get(0x0D), 0x80, "the battery is good");
}

Test(rtc, leap_day_follows_february_28_in_1996)
{
    rig_advance_ns(&rig, 2ull * SEC);
    assert_time(0x00, 0x00, 0x00);
    cr_assert_eq(get(0x07), 0x29);
    cr_assert_eq(get(0x06), 5);
    rig_advance_ns(&rig, 86400ull * SEC);
    cr_assert_eq(get(0x07), 0x01);
    cr_assert_eq(get(0x08), 0x03);
}

Test(rtc, century_turns_with_the_year)
{
    set_date(0x19, 0x99, 0x12, 0x31, 6);
    rig_advance_ns(&rig, 2ull * SEC);
    cr_assert_eq(get(0x32), 0x20);
    cr_assert_eq(get(0x09), 0x00);
    cr_assert_eq(get(0x08), 0x01);
    cr_assert_eq(get(0x07), 0x01);
    cr_assert_eq(get(0x06), 7);
}

Test(rtc, years_pass_in_one_look)
{
    rig_advance_ns(&rig, 2ull * SEC + 366ull * 86400 * SEC);
    cr_assert_eq(get(0x09), 0x97);
    cr_assert_eq(get(0x08), 0x03);
    cr_assert_eq(get(0x07), 0x01);
    cr_assert_eq(get(0x06), 7);
}

Test(rtc, binary_12_hour_mode_marks_the_afternoon)
{
    set(0x0B, 0x04);
    set_time(11, 59, 59);
    rig_advance_ns(&rig, 1ull * SEC);
    assert_time(0x80 | 12, 0, 0);
    rig_advance_ns(&rig, 3600ull * SEC);
    assert_time(0x80 | 1, 0, 0);
    set_time(0x80 | 11, 59, 59);
    rig_advance_ns(&rig, 1ull * SEC);
    assert_time(12, 0, 0);
}

Test(rtc, uip_is_set_2228_us_before_the_registers_change)
{
    rig_advance_ns(&rig, SEC - 2300 * US);
    cr_assert_not(get(0x0A) & 0x80);
    rig_advance_ns(&rig, 100 * US);
    cr_assert(get(0x0A) & 0x80);
    rig_advance_ns(&rig, 2199 * US);
    cr_assert(get(0x0A) & 0x80);
    cr_assert_eq(get(0x00), 0x58);
    rig_advance_ns(&rig, 1 * US);
    cr_assert_not(get(0x0A) & 0x80);
    cr_assert_eq(get(0x00), 0x59);
}

Test(rtc, set_bit_freezes_the_registers_and_uip)
{
    set(0x0B, 0x82);
    rig_advance_ns(&rig, 5ull * SEC - 1 * MS);
    cr_assert_not(get(0x0A) & 0x80);
    cr_assert_eq(get(0x00), 0x58);
    cr_assert_not(get(0x0C) & 0x10, "no update, no UF");
    set(0x0B, 0x02);
    rig_advance_ns(&rig, 1 * MS);
    cr_assert_eq(get(0x00), 0x59);
}

Test(rtc, set_bit_clears_the_update_interrupt_enable)
{
    set(0x0B, 0x12);
    set(0x0B, 0x92);
    cr_assert_eq(get(0x0B), 0x82);
    set(0x0B, 0x92);
    cr_assert_eq(get(0x0B), 0x92, "only the rise of SET clears it");
}

Test(rtc, first_update_comes_half_a_second_after_divider_reset)
{
    rig_advance_ns(&rig, 300 * MS);
    set(0x0A, 0x76);
    rig_advance_ns(&rig, 10ull * SEC);
    cr_assert_eq(get(0x00), 0x58);
    set(0x0A, 0x26);
    rig_advance_ns(&rig, 500 * MS - 1);
    cr_assert_eq(get(0x00), 0x58);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(get(0x00), 0x59);
}

Test(rtc, update_interrupt_stays_until_register_c_is_read)
{
    set(0x0B, 0x12);
    rig_advance_ns(&rig, SEC - 1);
    cr_assert_not(rig_level(&rig, IRQ8));
    rig_advance_ns(&rig, 1);
    cr_assert(rig_level(&rig, IRQ8));
    rig_advance_ns(&rig, 3ull * SEC);
    cr_assert_eq(rig_rises(&rig, IRQ8), 1);
    cr_assert_eq(get(0x0C) & 0x90, 0x90);
    cr_assert_not(rig_level(&rig, IRQ8));
    cr_assert_eq(get(0x0C), 0x00);
    rig_advance_ns(&rig, 1ull * SEC);
    cr_assert_eq(rig_rises(&rig, IRQ8), 2);
}

/* Table "Periodic Interrupt Rate and Square Wave Output Frequency", column 32.768 kHz. */
Test(rtc, periodic_rates_are_those_of_the_table)
{
    static const unsigned hz[16] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
                                    256, 128, 64,  32,   16,   8,    4,    2};
    unsigned rs, i;

    for (rs = 0; rs < 16; rs++) {
        set(0x0A, (u8)(0x20 | rs));
        set(0x0B, 0x42);
        get(0x0C);
        rig_forget(&rig);
        for (i = 0; i < 2 * 8192; i++) {
            rig_advance_ns(&rig, SEC / 8192);
            if (rig_level(&rig, IRQ8))
                get(0x0C);
        }
        cr_assert_leq(rig_rises(&rig, IRQ8), hz[rs] * 2);
        cr_assert_geq(rig_rises(&rig, IRQ8) + 1, hz[rs] * 2, "rate %u", rs);
    }
}

Test(rtc, periodic_flag_is_set_without_an_interrupt)
{
    get(0x0C);
    rig_advance_ns(&rig, 1 * MS);
    cr_assert_eq(get(0x0C), 0x40, "PF but not IRQF");
    rig_advance_ns(&rig, 1 * MS);
    set(0x0B, 0x42);
    cr_assert(rig_level(&rig, IRQ8), "the enable finds the flag already set");
}

Test(rtc, alarm_matches_once_a_day)
{
    set(0x05, 0x00);
    set(0x03, 0x00);
    set(0x01, 0x03);
    set(0x0B, 0x22);
    rig_advance_ns(&rig, 5ull * SEC - 1);
    cr_assert_not(rig_level(&rig, IRQ8));
    rig_advance_ns(&rig, 1);
    cr_assert(rig_level(&rig, IRQ8));
    cr_assert_eq(get(0x0C) & 0xA0, 0xA0);
    rig_advance_ns(&rig, 86399ull * SEC);
    cr_assert_not(rig_level(&rig, IRQ8));
    rig_advance_ns(&rig, 1ull * SEC);
    cr_assert(rig_level(&rig, IRQ8));
}

Test(rtc, alarm_bytes_from_c0_match_anything)
{
    set(0x05, 0xFF);
    set(0x03, 0xC0);
    set(0x01, 0x30);
    set(0x0B, 0x22);
    rig_advance_ns(&rig, 32ull * SEC);
    cr_assert(rig_level(&rig, IRQ8));
    get(0x0C);
    rig_advance_ns(&rig, 60ull * SEC);
    cr_assert_eq(rig_rises(&rig, IRQ8), 2);
}

Test(rtc, alarm_flag_is_found_late_without_an_interrupt)
{
    set(0x05, 0x12);
    set(0x03, 0x34);
    set(0x01, 0x56);
    get(0x0C);
    rig_advance_ns(&rig, 3600ull * SEC);
    cr_assert_not(get(0x0C) & 0x20);
    rig_advance_ns(&rig, 50000ull * SEC);
    cr_assert(get(0x0C) & 0x20);
}

Test(rtc, no_timer_runs_while_nobody_waits)
{
    rig_advance_ns(&rig, 1ull * SEC);
    get(0x0C);
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
    set(0x0B, 0x42);
    rig_advance_ns(&rig, 10 * MS);
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX, "PF is set and not read");
}

Test(rtc, nmi_mask_is_kept_and_index_is_write_only)
{
    bus_out(rig.bus, 0x70, 1, 0x80 | 0x10);
    cr_assert(rtc_nmi_masked(rtc));
    cr_assert_eq(bus_in(rig.bus, 0x70, 1), 0xFF);
    bus_out(rig.bus, 0x71, 1, 0x40);
    cr_assert_eq(get(0x10), 0x40);
    cr_assert_not(rtc_nmi_masked(rtc));
}

Test(rtc, second_bank_is_its_own_memory)
{
    set(0x20, 0x11);
    bus_out(rig.bus, 0x72, 1, 0x20);
    bus_out(rig.bus, 0x73, 1, 0x22);
    cr_assert_eq(get(0x20), 0x11);
    cr_assert_eq(bus_in(rig.bus, 0x73, 1), 0x22);
    cr_assert_eq(rtc_get_cmos(rtc, 0x80 + 0x20), 0x22);
}

Test(rtc, board_fills_in_configuration_bytes)
{
    rtc_set_cmos(rtc, 0x15, 0x80);
    rtc_set_cmos(rtc, 0x16, 0x02);
    device_reset(rtc);
    cr_assert_eq(get(0x15), 0x80);
    cr_assert_eq(get(0x16), 0x02);
}

Test(rtc, registers_c_and_d_cannot_be_written)
{
    set(0x0D, 0x00);
    set(0x0C, 0xFF);
    cr_assert_eq(get(0x0D), 0x80);
    cr_assert_eq(get(0x0C), 0x00);
}

Test(rtc, reset_drops_interrupts_and_keeps_the_time)
{
    set(0x0B, 0x7E);
    set(0x04, 21);
    rig_advance_ns(&rig, 1ull * SEC);
    device_reset(rtc);
    cr_assert_eq(get(0x0B), 0x06);
    cr_assert_eq(get(0x0C), 0x00);
    cr_assert_eq(get(0x04), 21);
    cr_assert_not(rig_level(&rig, IRQ8));
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
}

Test(rtc, nonsense_in_the_registers_heals_within_a_day)
{
    set_time(0xFF, 0xFF, 0xFF);
    set_date(0xFF, 0xFF, 0xFF, 0xFF, 0xFF);
    rig_advance_ns(&rig, 86400ull * SEC);
    cr_assert_leq(get(0x00), 0x59);
    cr_assert_leq(get(0x04), 0x23);
    cr_assert_leq(get(0x08), 0x12);
    cr_assert_leq(get(0x06), 7);
}

Test(rtc, state_saved_between_two_interrupts_goes_on)
{
    static struct rig rig2;
    struct device *copy;

    rig_setup(&rig2);
    copy = rtc_create(rig2.bus, rig2.clock, rig_line(&rig2, IRQ8), 0);
    device_reset(copy);
    set(0x05, 0x12);
    set(0x0A, 0x2F); /* 2 Hz */
    set(0x0B, 0x52);
    rig_advance_ns(&rig, 1700 * MS);
    get(0x0C);
    rig_transfer(&rig2, copy, &rig, rtc);
    rig_advance_ns(&rig2, 300 * MS - 1);
    cr_assert_not(rig_level(&rig2, IRQ8));
    rig_advance_ns(&rig2, 1);
    cr_assert(rig_level(&rig2, IRQ8));
    bus_out(rig2.bus, 0x70, 1, 0x0C);
    cr_assert_eq(bus_in(rig2.bus, 0x71, 1), 0xD0, "PF and UF coincide at the full second");
    bus_out(rig2.bus, 0x70, 1, 0x07);
    cr_assert_eq(bus_in(rig2.bus, 0x71, 1), 0x29);
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    u8 i;

    rig_advance_ns(&rig, 1 * MS);
    for (i = 0; i < 14; i++)
        get(i);
}

Test(rtc, damaged_state_is_refused_or_harmless)
{
    set(0x0B, 0x72);
    rig_advance_ns(&rig, 1700 * MS);
    cr_assert_gt(rig_damage(rtc, 1000, poke, NULL), 250);
}
