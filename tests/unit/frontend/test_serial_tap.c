/* The script's ears and hands on a serial port. */
#include "frontend/serial_tap.h"

#include "devices/host/chr.h"

#include <criterion/criterion.h>
#include <string.h>

static struct serial_tap *tap;
static struct chr *chr;

static void setup(void)
{
    tap = serial_tap_new(NULL);
    chr = serial_tap_chr(tap);
}

static void teardown(void)
{
    chr_close(chr);
}

TestSuite(serial_tap, .init = setup, .fini = teardown, .timeout = 60);

Test(serial_tap, text_is_seen_once_and_across_writes)
{
    cr_assert_not(serial_tap_seen(tap, "login:"));
    chr_write(chr, "debian log", 10);
    cr_assert_not(serial_tap_seen(tap, "login:"));
    chr_write(chr, "in: ", 4);
    cr_assert(serial_tap_seen(tap, "login:"));
    cr_assert_not(serial_tap_seen(tap, "login:"));
    chr_write(chr, "login:", 6);
    cr_assert(serial_tap_seen(tap, "login:"));
}

Test(serial_tap, zero_bytes_do_not_hide_text)
{
    chr_write(chr, "a\0b\0c", 5);
    cr_assert(serial_tap_seen(tap, "abc"));
}

Test(serial_tap, typed_text_comes_out_in_pieces_with_cr)
{
    char data[8];

    cr_assert(serial_tap_type(tap, "ab\n"));
    cr_assert(serial_tap_type(tap, "c"));
    cr_assert_eq(chr_poll(chr, data, 2), 2);
    cr_assert_eq(memcmp(data, "ab", 2), 0);
    cr_assert(serial_tap_type(tap, "d"));
    cr_assert_eq(chr_poll(chr, data, 8), 3);
    cr_assert_eq(memcmp(data, "\rcd", 3), 0);
    cr_assert_eq(chr_poll(chr, data, 8), 0);
}

Test(serial_tap, what_is_still_to_come_can_go_to_another_port)
{
    struct serial_tap *other = serial_tap_new(NULL);
    char data[8];

    cr_assert(serial_tap_type(tap, "abc"));
    cr_assert_eq(chr_poll(chr, data, 1), 1);
    serial_tap_take_over(other, tap);
    cr_assert_eq(chr_poll(chr, data, 8), 0);
    cr_assert_eq(chr_poll(serial_tap_chr(other), data, 8), 2);
    cr_assert_eq(memcmp(data, "bc", 2), 0);
    chr_close(serial_tap_chr(other));
}

/* A guest that talks for hours costs no more memory. */
Test(serial_tap, memory_is_bounded_and_the_end_stays)
{
    char block[5000];
    unsigned i;

    memset(block, 'x', sizeof block);
    for (i = 0; i < 1000; i++)
        chr_write(chr, block, sizeof block);
    chr_write(chr, "end\nlast line", 13);
    cr_assert(serial_tap_seen(tap, "end"));
    cr_assert_str_eq(serial_tap_tail(tap), "last line");
}
