/* fw_cfg by port and by DMA. Numbers from the specification. */
#include "devices/chipset/fwcfg.h"

#include "base/bytes.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rig rig;
static struct device *dev;

static void setup(void)
{
    rig_setup(&rig);
    dev = fwcfg_create(rig.bus);
    fwcfg_add_u16(dev, FWCFG_NB_CPUS, 1);
    fwcfg_add_file(dev, "etc/one", "first file", 10);
    fwcfg_add_file(dev, "etc/two", "second", 6);
    device_reset(dev);
}

static void teardown(void)
{
    device_destroy(dev);
    rig_teardown(&rig);
}

static void take(u16 key, void *out, unsigned len)
{
    unsigned i;

    bus_out(rig.bus, 0x510, 2, key);
    for (i = 0; i < len; i++)
        ((u8 *)out)[i] = (u8)bus_in(rig.bus, 0x511, 1);
}

/* Run a transfer whose descriptor lies at 1000h; returns the control field afterwards. */
static u32 dma(u32 control, u32 len, u64 address)
{
    u8 raw[16];

    put_le32(raw, __builtin_bswap32(control));
    put_le32(raw + 4, __builtin_bswap32(len));
    put_le32(raw + 8, __builtin_bswap32((u32)(address >> 32)));
    put_le32(raw + 12, __builtin_bswap32((u32)address));
    bus_dma_write(rig.bus, 0x1000, raw, sizeof raw);
    bus_out(rig.bus, 0x518, 4, __builtin_bswap32(0x1000));
    bus_dma_read(rig.bus, 0x1000, raw, 4);
    return __builtin_bswap32(get_le32(raw));
}

TestSuite(fwcfg, .init = setup, .fini = teardown);

Test(fwcfg, signature_and_features_are_there)
{
    char text[5] = "";
    u8 id[4];

    take(0, text, 4);
    cr_assert_str_eq(text, "QEMU");
    take(1, id, 4);
    cr_assert_eq(get_le32(id), 3); /* traditional interface and DMA */
    cr_assert_eq(bus_in(rig.bus, 0x514, 4), get_le32("QEMU"));
    cr_assert_eq(bus_in(rig.bus, 0x518, 4), get_le32(" CFG"));
}

Test(fwcfg, past_its_end_an_item_is_zeros)
{
    u8 raw[4];

    take(FWCFG_NB_CPUS, raw, 4);
    cr_assert_arr_eq(raw, "\1\0\0\0", 4);
    take(0x1234, raw, 4);
    cr_assert_arr_eq(raw, "\0\0\0\0", 4);
}

Test(fwcfg, directory_lists_size_key_and_name)
{
    u8 dir[4 + 2 * 64];

    take(FWCFG_FILE_DIR, dir, sizeof dir);
    cr_assert_arr_eq(dir, "\0\0\0\2", 4);
    cr_assert_arr_eq(dir + 4, "\0\0\0\12\0\x20\0\0etc/one", 16);
    cr_assert_arr_eq(dir + 68, "\0\0\0\6\0\x21\0\0etc/two", 16);
    cr_assert_eq(dir[131], 0);
}

Test(fwcfg, a_name_given_again_replaces_the_file)
{
    u8 raw[8];

    fwcfg_add_file(dev, "etc/one", "new", 3);
    take(FWCFG_FILE_DIR, raw, 8);
    cr_assert_arr_eq(raw, "\0\0\0\2\0\0\0\3", 8);
    take(0x20, raw, 3);
    cr_assert_arr_eq(raw, "new", 3);
}

Test(fwcfg, string_reads_take_many_bytes)
{
    char text[11] = "";

    bus_out(rig.bus, 0x510, 2, 0x20);
    cr_assert_eq(bus_in_many(rig.bus, 0x511, text, 1, 10), 10);
    cr_assert_str_eq(text, "first file");
}

Test(fwcfg, dma_selects_skips_and_reads)
{
    char text[8] = "";

    cr_assert_eq(dma(0x00200008 | 4, 6, 0), 0);
    cr_assert_eq(dma(2, 4, 0x2000), 0);
    bus_dma_read(rig.bus, 0x2000, text, 4);
    cr_assert_str_eq(text, "file");
}

Test(fwcfg, dma_read_fills_with_zeros_past_the_end)
{
    u8 raw[8] = "xxxxxxxx";

    bus_dma_write(rig.bus, 0x2000, raw, 8);
    cr_assert_eq(dma(0x0021000A, 8, 0x2000), 0);
    bus_dma_read(rig.bus, 0x2000, raw, 8);
    cr_assert_arr_eq(raw, "second\0\0", 8);
}

Test(fwcfg, dma_writes_and_absurd_lengths_fail)
{
    u8 raw[4] = {1, 2, 3, 4};

    cr_assert_eq(dma(0x00210008 | 16, 4, 0x2000), 1);
    bus_dma_write(rig.bus, 0x2000, raw, 4);
    cr_assert_eq(dma(0x0021000A, 0xFFFFFFFF, 0x2000), 1);
    bus_dma_read(rig.bus, 0x2000, raw, 4);
    cr_assert_eq(raw[0], 1);
    cr_assert_eq(dma(0x00210008 | 4, 0xFFFFFFFF, 0), 0); /* skipping costs nothing */
}

Test(fwcfg, dma_address_has_a_high_half)
{
    bus_out(rig.bus, 0x514, 4, __builtin_bswap32(1)); /* a descriptor at 4 GiB + 1000h: ones */
    bus_out(rig.bus, 0x518, 4, __builtin_bswap32(0x1000));
    cr_assert_eq(dma(0x0021000A, 6, 0x2000), 0); /* the half is used up */
}

Test(fwcfg, reset_selects_the_signature)
{
    char text[5] = "";

    bus_out(rig.bus, 0x510, 2, 0x20);
    device_reset(dev);
    bus_in_many(rig.bus, 0x511, text, 1, 4);
    cr_assert_str_eq(text, "QEMU");
}

Test(fwcfg, state_keeps_the_place_in_an_item)
{
    static struct rig other;
    struct device *copy;
    char text[5] = "";

    take(0x20, text, 2);
    rig_setup(&other);
    copy = fwcfg_create(other.bus);
    fwcfg_add_file(copy, "etc/one", "first file", 10);
    rig_transfer(&other, copy, &rig, dev);
    bus_in_many(other.bus, 0x511, text, 1, 3);
    text[3] = 0;
    cr_assert_str_eq(text, "rst");
    device_destroy(copy);
    rig_teardown(&other);
}

static void poke(void *opaque)
{
    u8 raw[64];

    bus_in_many(rig.bus, 0x511, raw, 1, sizeof raw);
}

Test(fwcfg, damaged_state_is_refused_or_harmless)
{
    u8 raw[4];

    take(0x20, raw, 4);
    cr_assert_gt(rig_damage(dev, 1000, poke, NULL), 300);
}
