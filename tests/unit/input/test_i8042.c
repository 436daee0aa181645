/* The keyboard controller through its ports, with keyboard and mouse plugged in. */
#include "base/clock.h"
#include "devices/host/input.h"
#include "devices/input/i8042.h"
#include "devices/input/scancodes.h"
#include "mmu/bus.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { IRQ1, IRQ12, A20, RESET };
enum { OBF = 0x01, SYS = 0x04, AUX = 0x20, US = 1000, MS = 1000000 };

static struct rig rig;
static struct device *kbc;
static struct input_sink user;

static u8 status(void)
{
    return (u8)bus_in(rig.bus, 0x64, 1);
}

static u8 data(void)
{
    return (u8)bus_in(rig.bus, 0x60, 1);
}

static void out(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

/* Wait for a byte as a driver does; 100 ms at most. */
static u8 next(void)
{
    unsigned i;

    for (i = 0; i < 10000 && !(status() & OBF); i++)
        rig_advance_ns(&rig, 10 * US);
    cr_assert(status() & OBF, "no byte within 100 ms");
    return data();
}

/* All bytes until 100 ms of silence; a star marks the mouse's. */
static const char *bytes(void)
{
    static char text[200];
    size_t n = 0;
    unsigned idle = 0;
    bool aux;

    text[0] = 0;
    while (idle < 10000 && n < sizeof text - 5) {
        if (status() & OBF) {
            aux = status() & AUX;
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%02X%s", n ? " " : "", data(),
                                  aux ? "*" : "");
            idle = 0;
        }
        rig_advance_ns(&rig, 10 * US);
        idle++;
    }
    return text;
}

static u8 command(u8 cmd)
{
    out(0x64, cmd);
    return next();
}

static void command_byte(u8 value)
{
    out(0x64, 0x60);
    out(0x60, value);
}

static void mouse_send(u8 byte)
{
    out(0x64, 0xD4);
    out(0x60, byte);
}

static void setup(void)
{
    rig_setup(&rig);
    kbc = i8042_create(rig.bus, rig.clock, rig_line(&rig, IRQ1), rig_line(&rig, IRQ12),
                       rig_line(&rig, A20), rig_line(&rig, RESET));
    kbc->log = rig.log;
    user = i8042_input(kbc);
    device_reset(kbc);
    rig_forget(&rig);
}

static void teardown(void)
{
    device_destroy(kbc);
    rig_teardown(&rig);
}

TestSuite(i8042, .init = setup, .fini = teardown);

Test(i8042, self_test_answers_55_and_sets_the_system_flag)
{
    cr_assert_not(status() & SYS);
    cr_assert_eq(command(0xAA), 0x55);
    cr_assert(status() & SYS);
}

Test(i8042, interface_tests_find_no_fault)
{
    cr_assert_eq(command(0xAB), 0x00);
    cr_assert_eq(command(0xA9), 0x00);
    cr_assert_eq(command(0xA4), 0xF1, "no password");
    cr_assert_eq(command(0xC0) & 0x80, 0x80, "not locked");
}

Test(i8042, ram_is_read_and_written_by_command)
{
    unsigned i;

    for (i = 0; i < 32; i++) {
        out(0x64, (u8)(0x60 + i));
        out(0x60, (u8)(0x30 + i));
    }
    for (i = 0; i < 32; i++)
        cr_assert_eq(command((u8)(0x20 + i)), 0x30 + i);
}

Test(i8042, status_tells_commands_from_data)
{
    out(0x64, 0x60);
    cr_assert(status() & 0x08);
    out(0x60, 0x30);
    cr_assert_not(status() & 0x08);
    cr_assert(status() & 0x10, "the key lock is open");
}

Test(i8042, answer_takes_its_time_and_raises_irq_1)
{
    command_byte(0x31);
    out(0x64, 0x20);
    cr_assert_not(status() & OBF);
    rig_advance_ns(&rig, 100 * US);
    cr_assert(status() & OBF);
    cr_assert(rig_level(&rig, IRQ1));
    cr_assert_eq(data(), 0x31);
    cr_assert_not(rig_level(&rig, IRQ1));
    cr_assert_eq(data(), 0x31, "an empty buffer shows the last byte");
}

Test(i8042, keys_are_translated_to_set_1)
{
    command_byte(0x41);
    user.key(user.opaque, 0x1E, true);
    user.key(user.opaque, 0x1E, false);
    user.key(user.opaque, 0x41, true); /* F7: 83h in set 2 */
    user.key(user.opaque, 0x14B, true);
    user.key(user.opaque, 0x14B, false);
    cr_assert_str_eq(bytes(), "1E 9E 41 E0 4B E0 CB");
}

Test(i8042, translation_gives_every_key_its_number)
{
    unsigned i;
    char expected[12];

    command_byte(0x41);
    for (i = 1; i < 128; i++) {
        if (!scancodes[i].set2)
            continue;
        user.key(user.opaque, (u16)i, true);
        user.key(user.opaque, (u16)i, false);
        snprintf(expected, sizeof expected, "%02X %02X", i, i | 0x80);
        cr_assert_str_eq(bytes(), expected);
    }
}

Test(i8042, untranslated_keys_come_in_set_2)
{
    command_byte(0x01);
    user.key(user.opaque, 0x1E, true);
    user.key(user.opaque, 0x1E, false);
    cr_assert_str_eq(bytes(), "1C F0 1C");
}

Test(i8042, translation_changes_the_second_byte_of_the_keyboard_id)
{
    command_byte(0x41);
    out(0x60, 0xF2);
    cr_assert_str_eq(bytes(), "FA AB 41");
}

Test(i8042, each_byte_makes_its_own_edge)
{
    command_byte(0x41);
    user.key(user.opaque, 0x14B, true);
    rig_forget(&rig);
    cr_assert_str_eq(bytes(), "E0 4B");
    cr_assert_eq(rig_rises(&rig, IRQ1), 2);
    cr_assert_geq(rig.events[2].at_ns - rig.events[1].at_ns, 800 * US, "11 bits on the wire");
}

Test(i8042, byte_waits_in_the_device_until_the_buffer_is_read)
{
    command_byte(0x41);
    user.key(user.opaque, 0x1E, true);
    user.key(user.opaque, 0x1E, false);
    rig_advance_ns(&rig, 50 * MS);
    cr_assert_eq(rig_rises(&rig, IRQ1), 1);
    cr_assert_eq(data(), 0x1E);
    cr_assert_eq(next(), 0x9E);
}

Test(i8042, interrupts_come_only_if_enabled)
{
    command_byte(0x40);
    user.key(user.opaque, 0x1E, true);
    rig_advance_ns(&rig, 5 * MS);
    cr_assert(status() & OBF);
    cr_assert_not(rig_level(&rig, IRQ1));
    command_byte(0x41);
    cr_assert(rig_level(&rig, IRQ1), "the byte is still there");
}

Test(i8042, disabled_keyboard_keeps_its_bytes)
{
    command_byte(0x41);
    out(0x64, 0xAD);
    user.key(user.opaque, 0x1E, true);
    cr_assert_str_eq(bytes(), "");
    cr_assert_eq(command(0x20), 0x51);
    out(0x64, 0xAE);
    cr_assert_str_eq(bytes(), "1E");
}

Test(i8042, disabling_stops_a_byte_on_the_wire)
{
    command_byte(0x41);
    user.key(user.opaque, 0x1E, true);
    rig_advance_ns(&rig, 500 * US);
    out(0x64, 0xAD);
    cr_assert_str_eq(bytes(), "");
    out(0x64, 0xAE);
    cr_assert_str_eq(bytes(), "1E");
}

Test(i8042, data_for_the_keyboard_enables_its_interface)
{
    command_byte(0x51);
    out(0x60, 0xEE);
    cr_assert_str_eq(bytes(), "EE");
    cr_assert_eq(command(0x20), 0x41);
}

Test(i8042, mouse_bytes_are_marked_and_raise_irq_12)
{
    command_byte(0x43);
    mouse_send(0xF2);
    rig_advance_ns(&rig, 5 * MS);
    cr_assert_eq(status() & (OBF | AUX), OBF | AUX);
    cr_assert(rig_level(&rig, IRQ12));
    cr_assert_not(rig_level(&rig, IRQ1));
    cr_assert_str_eq(bytes(), "FA* 00*");
    cr_assert_not(status() & AUX);
}

Test(i8042, mouse_interface_is_disabled_and_enabled)
{
    command_byte(0x43);
    mouse_send(0xF4);
    cr_assert_str_eq(bytes(), "FA*");
    out(0x64, 0xA7);
    user.mouse(user.opaque, 1, 0, 0, 0);
    cr_assert_str_eq(bytes(), "");
    cr_assert_eq(command(0x20), 0x63);
    out(0x64, 0xA8);
    cr_assert_str_eq(bytes(), "08* 01* 00*");
    cr_assert_eq(command(0x20), 0x43);
}

Test(i8042, keyboard_and_mouse_take_turns)
{
    command_byte(0x43);
    mouse_send(0xF4);
    bytes();
    user.mouse(user.opaque, 1, 0, 0, 0);
    user.key(user.opaque, 0x14B, true);
    cr_assert_str_eq(bytes(), "08* E0 01* 4B 00*");
}

Test(i8042, loop_back_commands_put_a_byte_into_the_buffer)
{
    command_byte(0x43);
    out(0x64, 0xD3);
    out(0x60, 0xA5);
    cr_assert_str_eq(bytes(), "A5*");
    cr_assert_eq(rig_rises(&rig, IRQ12), 1);
    out(0x64, 0xD2);
    out(0x60, 0x1E);
    cr_assert_str_eq(bytes(), "1E", "not translated again");
    cr_assert_eq(rig_rises(&rig, IRQ1), 1);
}

Test(i8042, a20_follows_the_output_port)
{
    cr_assert(rig_level(&rig, A20), "open after reset");
    out(0x64, 0xDD);
    cr_assert_not(rig_level(&rig, A20));
    cr_assert_eq(command(0xD0) & 0x03, 0x01);
    out(0x64, 0xDF);
    cr_assert(rig_level(&rig, A20));
    out(0x64, 0xD1);
    out(0x60, 0xDD);
    cr_assert_not(rig_level(&rig, A20));
    out(0x64, 0xD1);
    out(0x60, 0xDF);
    cr_assert(rig_level(&rig, A20));
    cr_assert_eq(command(0xD0) & 0x03, 0x03);
}

Test(i8042, reset_is_pulsed_by_fe_and_by_the_output_port)
{
    out(0x64, 0xFF);
    cr_assert_eq(rig_rises(&rig, RESET), 0, "pulses nothing");
    out(0x64, 0xFE);
    cr_assert_eq(rig_rises(&rig, RESET), 1);
    out(0x64, 0xD1);
    out(0x60, 0x02);
    cr_assert_eq(rig_rises(&rig, RESET), 2);
    cr_assert_not(rig_level(&rig, RESET));
}

Test(i8042, output_port_shows_the_buffer_state)
{
    command_byte(0x41);
    user.key(user.opaque, 0x1E, true);
    rig_advance_ns(&rig, 5 * MS);
    out(0x64, 0xD0);
    cr_assert_eq(next(), 0x1E);
    cr_assert_eq(next() & 0x30, 0x10);
}

Test(i8042, test_inputs_are_the_clock_lines)
{
    command_byte(0x00);
    cr_assert_eq(command(0xE0), 0x03);
    command_byte(0x10);
    cr_assert_eq(command(0xE0), 0x02);
    command_byte(0x20);
    cr_assert_eq(command(0xE0), 0x01);
}

Test(i8042, input_port_is_polled_into_the_status)
{
    out(0x64, 0xC2);
    cr_assert_eq(status() & 0xF0, 0xB0);
    out(0x64, 0xC1);
    cr_assert_eq(status() & 0xF0, 0x00);
    out(0x64, 0xAE);
    cr_assert_eq(status() & 0xF0, 0x10);
}

Test(i8042, password_is_swallowed_up_to_its_zero)
{
    command_byte(0x41);
    out(0x64, 0xA5);
    out(0x60, 0x1E);
    out(0x60, 0xEE);
    out(0x60, 0x00);
    cr_assert_str_eq(bytes(), "");
    out(0x60, 0xEE);
    cr_assert_str_eq(bytes(), "EE");
}

Test(i8042, undefined_command_is_reported_and_ignored)
{
    out(0x64, 0xB5);
    cr_assert_str_eq(bytes(), "");
    cr_assert_str_eq(rig.last_log, "i8042: guest: controller command 0xB5 is not defined, ignored");
}

Test(i8042, idle_controller_costs_nothing)
{
    command_byte(0x43);
    user.key(user.opaque, 0x1E, true);
    user.key(user.opaque, 0x1E, false);
    bytes();
    cr_assert_eq(clock_next_deadline(rig.clock), UINT64_MAX);
}

Test(i8042, reset_empties_the_buffer_and_disables_both)
{
    command_byte(0x41);
    out(0x64, 0xDD);
    user.key(user.opaque, 0x1E, true);
    rig_advance_ns(&rig, 5 * MS);
    device_reset(kbc);
    cr_assert_eq(status(), 0x10);
    cr_assert_not(rig_level(&rig, IRQ1));
    cr_assert(rig_level(&rig, A20));
    cr_assert_eq(command(0x20), 0x30);
}

Test(i8042, state_saved_while_bytes_are_on_the_wire_goes_on)
{
    static struct rig rig2;
    struct device *copy, *original = kbc;

    rig_setup(&rig2);
    copy = i8042_create(rig2.bus, rig2.clock, rig_line(&rig2, IRQ1), rig_line(&rig2, IRQ12),
                        rig_line(&rig2, A20), rig_line(&rig2, RESET));
    device_reset(copy);
    command_byte(0x43);
    mouse_send(0xF4);
    bytes();
    user.mouse(user.opaque, 1, 0, 0, 0);
    user.key(user.opaque, 0x14B, true);
    user.key(user.opaque, 0x14B, false);
    next();
    rig_advance_ns(&rig, 300 * US);
    rig_transfer(&rig2, copy, &rig, kbc);
    rig_advance_ns(&rig2, 700 * US);
    cr_assert_eq(bus_in(rig2.bus, 0x60, 1), 0xE0);
    rig_advance_ns(&rig2, 1000 * US);
    cr_assert_eq(bus_in(rig2.bus, 0x64, 1) & AUX, AUX);
    cr_assert_eq(bus_in(rig2.bus, 0x60, 1), 0x01);
    kbc = original;
    device_destroy(copy);
    rig_teardown(&rig2);
}

static void poke(void *opaque)
{
    user.key(user.opaque, 0x1E, true);
    user.mouse(user.opaque, 5, 5, 0, 0);
    rig_advance_ns(&rig, 100 * MS);
    data();
    status();
    out(0x60, 0xF2);
    rig_advance_ns(&rig, 100 * MS);
    data();
}

Test(i8042, damaged_state_is_refused_or_harmless)
{
    command_byte(0x43);
    mouse_send(0xF4);
    bytes();
    user.mouse(user.opaque, 1, 0, 0, 0);
    user.key(user.opaque, 0x14B, true);
    cr_assert_gt(rig_damage(kbc, 1500, poke, NULL), 400);
}
