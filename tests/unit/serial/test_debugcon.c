/* Debug console, and the other ports for people who debug. */
#include "devices/serial/debugcon.h"

#include "devices/host/chr.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rig rig, other;
static struct chr *chr, *other_chr;
static struct device *dev;

static void setup(void)
{
    rig_setup(&rig);
    chr = chr_new_memory(4096);
    dev = debugcon_create(rig.bus, chr);
    device_reset(dev);
}

static void teardown(void)
{
    device_destroy(dev);
    chr_close(chr);
    rig_teardown(&rig);
}

static void say(struct rig *r, u16 port, const char *text)
{
    for (; *text; text++)
        bus_out(r->bus, port, 1, (u8)*text);
}

static void expect(struct chr *c, const char *text)
{
    size_t len;
    const char *got = chr_memory_text(c, &len);

    cr_assert_eq(len, strlen(text));
    cr_assert_eq(memcmp(got, text, len), 0);
}

TestSuite(debugcon, .init = setup, .fini = teardown);

Test(debugcon, both_ports_answer_a_probe)
{
    cr_assert_eq(bus_in(rig.bus, 0xE9, 1), 0xE9);
    cr_assert_eq(bus_in(rig.bus, 0x402, 1), 0xE9);
}

Test(debugcon, lines_are_shown_whole)
{
    say(&rig, 0xE9, "hello");
    expect(chr, "");
    say(&rig, 0x402, " world\n");
    expect(chr, "hello world\n");
}

Test(debugcon, word_write_shows_the_low_byte_only)
{
    bus_out(rig.bus, 0xE9, 2, 0x0A58); /* the newline goes to port EAh, which nobody claims */
    expect(chr, "");
    say(&rig, 0xE9, "\n");
    expect(chr, "X\n");
}

Test(debugcon, a_long_line_is_cut)
{
    char text[121];

    memset(text, 'x', 120);
    text[120] = 0;
    say(&rig, 0xE9, text);
    expect(chr, text);
}

Test(debugcon, reset_shows_the_last_words)
{
    say(&rig, 0xE9, "panic");
    device_reset(dev);
    expect(chr, "panic");
}

Test(debugcon, state_carries_half_a_line)
{
    struct device *copy;

    say(&rig, 0xE9, "half");
    rig_setup(&other);
    other_chr = chr_new_memory(64);
    copy = debugcon_create(other.bus, other_chr);
    rig_transfer(&other, copy, &rig, dev);
    say(&other, 0xE9, " done\n");
    expect(other_chr, "half done\n");
    device_destroy(copy);
    chr_close(other_chr);
    rig_teardown(&other);
}

static void poke(void *opaque)
{
    say(&rig, 0xE9, "x\n");
}

Test(debugcon, damaged_state_is_refused_or_harmless)
{
    say(&rig, 0xE9, "half");
    cr_assert_gt(rig_damage(dev, 1000, poke, NULL), 300);
}
