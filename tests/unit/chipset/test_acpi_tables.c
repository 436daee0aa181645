#define _GNU_SOURCE
/* ACPI and SMBIOS tables as firmware finds and links them. */
#include "devices/chipset/acpi_tables.h"

#include "base/bytes.h"
#include "devices/chipset/fwcfg.h"
#include "devices/chipset/smbios.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 3, LOADED_AT = 0x07FE0000, RSDP_AT = 0x000F5A00 };

struct file {
    char name[57];
    u32 len, address;
    u8 data[16384];
};

static struct rig rig;
static struct device *fwcfg;
static struct file tables, rsdp, script;

static void setup(void)
{
    rig_setup(&rig);
    fwcfg = fwcfg_create(rig.bus);
    device_reset(fwcfg);
}

static void teardown(void)
{
    device_destroy(fwcfg);
    rig_teardown(&rig);
}

static u32 be32(const u8 *p)
{
    return __builtin_bswap32(get_le32(p));
}

static void fetch(struct file *f, const char *name)
{
    u8 count[4], entry[64];
    u32 i;

    bus_out(rig.bus, 0x510, 2, FWCFG_FILE_DIR);
    cr_assert_eq(bus_in_many(rig.bus, 0x511, count, 1, 4), 4);
    for (i = 0; i < be32(count); i++) {
        bus_in_many(rig.bus, 0x511, entry, 1, 64);
        if (strcmp((char *)entry + 8, name) == 0)
            break;
    }
    cr_assert_lt(i, be32(count), "%s is missing", name);
    strcpy(f->name, name);
    f->len = be32(entry);
    cr_assert_leq(f->len, sizeof f->data);
    bus_out(rig.bus, 0x510, 2, (u32)entry[4] << 8 | entry[5]);
    bus_in_many(rig.bus, 0x511, f->data, 1, f->len);
}

static struct file *named(const void *name)
{
    return strcmp(name, tables.name) == 0 ? &tables : &rsdp;
}

/* What the specification of the loader says that firmware does. */
static void link_tables(void)
{
    const u8 *c;

    for (c = script.data; c < script.data + script.len; c += 128) {
        struct file *f = named(c + 4);
        const u8 *arg = c + 60;
        u32 i, at = get_le32(arg);
        u8 sum = 0;

        switch (get_le32(c)) {
        case 1: f->address = f == &tables ? LOADED_AT : RSDP_AT; break;
        case 2:
            at = get_le32(arg + 56);
            cr_assert_eq(arg[60], 4);
            put_le32(f->data + at, get_le32(f->data + at) + named(arg)->address);
            break;
        case 3:
            for (i = 0; i < get_le32(arg + 8); i++)
                sum += f->data[get_le32(arg + 4) + i];
            f->data[at] = (u8)(f->data[at] - sum);
            break;
        default: cr_assert_fail("command %u", get_le32(c));
        }
    }
}

static const u8 *at_address(u32 address)
{
    cr_assert(address >= LOADED_AT && address < LOADED_AT + tables.len, "%08X", address);
    return tables.data + (address - LOADED_AT);
}

static u8 sum_of(const u8 *p, u32 len)
{
    u8 sum = 0;

    while (len--)
        sum += *p++;
    return sum;
}

static const u8 *find_table(const char *signature)
{
    const u8 *rsdt = at_address(get_le32(rsdp.data + 16));
    u32 i;

    for (i = 36; i < get_le32(rsdt + 4); i += 4) {
        const u8 *t = at_address(get_le32(rsdt + i));

        if (memcmp(t, signature, 4) == 0)
            return t;
    }
    return NULL;
}

static void build(u64 ram_bytes, u16 pm_base)
{
    struct acpi_config config = {
        .ram_bytes = ram_bytes, .cpus = 1, .serials = 5, .pm_base = pm_base, .hpet = true};

    acpi_tables_add(fwcfg, &config);
    fetch(&tables, "etc/acpi/tables");
    fetch(&rsdp, "etc/acpi/rsdp");
    fetch(&script, "etc/table-loader");
    link_tables();
}

TestSuite(acpi_tables, .init = setup, .fini = teardown);

Test(acpi_tables, all_tables_are_linked_and_their_sums_are_zero)
{
    static const char *const signatures[] = {"FACP", "APIC", "HPET"};
    const u8 *fadt;
    unsigned i;

    build(64 << 20, 0);
    cr_assert_eq(memcmp(rsdp.data, "RSD PTR ", 8), 0);
    cr_assert_eq(sum_of(rsdp.data, 20), 0);
    for (i = 0; i < ARRAY_LEN(signatures); i++) {
        const u8 *t = find_table(signatures[i]);

        cr_assert_not_null(t, "%s", signatures[i]);
        cr_assert_eq(sum_of(t, get_le32(t + 4)), 0, "%s", signatures[i]);
    }
    fadt = find_table("FACP");
    cr_assert_eq(memcmp(at_address(get_le32(fadt + 36)), "FACS", 4), 0);
    cr_assert_eq(get_le32(fadt + 36) % 64, 0);
    cr_assert_eq(memcmp(at_address(get_le32(fadt + 40)), "DSDT", 4), 0);
    cr_assert_eq(
        sum_of(at_address(get_le32(fadt + 40)), get_le32(at_address(get_le32(fadt + 40)) + 4)), 0);
}

Test(acpi_tables, the_fadt_follows_the_power_management_block)
{
    const u8 *fadt;

    build(64 << 20, 0xB000);
    fadt = find_table("FACP");
    cr_assert_eq(get_le32(fadt + 4), 116);
    cr_assert_eq(get_le16(fadt + 46), 9); /* SCI */
    cr_assert_eq(get_le32(fadt + 48), 0); /* SMI_CMD: ACPI mode always */
    cr_assert_eq(get_le32(fadt + 56), 0xB000);
    cr_assert_eq(get_le32(fadt + 64), 0xB004);
    cr_assert_eq(get_le32(fadt + 76), 0xB008);
    cr_assert_eq(get_le32(fadt + 80), 0xB00C);
    build(64 << 20, 0);
    cr_assert_eq(get_le32(find_table("FACP") + 56), 0x600);
}

Test(acpi_tables, the_madt_lists_processor_ioapic_and_overrides)
{
    const u8 *madt, *p;
    unsigned seen[8] = {0};

    build(64 << 20, 0);
    madt = find_table("APIC");
    cr_assert_eq(get_le32(madt + 36), 0xFEE00000);
    for (p = madt + 44; p < madt + get_le32(madt + 4); p += p[1]) {
        cr_assert_gt(p[1], 0);
        seen[p[0] % 8]++;
        if (p[0] == 1)
            cr_assert_eq(get_le32(p + 4), 0xFEC00000);
        if (p[0] == 2 && p[3] == 0)
            cr_assert_eq(get_le32(p + 4), 2);
        if (p[0] == 2 && p[3] == 9)
            cr_assert_eq(get_le16(p + 8), 0x0D);
    }
    cr_assert_eq(p, madt + get_le32(madt + 4));
    cr_assert_eq(seen[0], 1);
    cr_assert_eq(seen[1], 1);
    cr_assert_eq(seen[2], 5);
}

Test(acpi_tables, cards_lie_above_ram)
{
    static const u8 low[] = {0, 0, 0, 0x80, 0xFF, 0xFF, 0xBF, 0xFE};
    static const u8 high[] = {0, 0, 0, 0xC0, 0xFF, 0xFF, 0xBF, 0xFE};

    build(2048ull << 20, 0);
    cr_assert_not_null(memmem(tables.data, tables.len, low, sizeof low));
    build(3072ull << 20, 0);
    cr_assert_null(memmem(tables.data, tables.len, low, sizeof low));
    cr_assert_not_null(memmem(tables.data, tables.len, high, sizeof high));
}

Test(acpi_tables, only_the_serial_ports_there_are_are_listed)
{
    static const u8 name[] = {0x08, 'C', 'O', 'M', 'S', 0x0A, 5};

    build(64 << 20, 0);
    cr_assert_not_null(memmem(tables.data, tables.len, name, sizeof name));
}

/* iasl is needed to change the DSDT, not to build; where it is there, the two must be in step. */
Test(acpi_tables, the_dsdt_is_what_its_source_compiles_to)
{
    if (system("command -v iasl >/dev/null 2>&1") != 0)
        cr_skip_test("iasl is not installed");
    cr_assert_eq(system("devices/chipset/mkdsdt.sh devices/chipset/dsdt.asl |"
                        " cmp - devices/chipset/dsdt.h"),
                 0, "dsdt.h is older than dsdt.asl: make dsdt");
}

Test(acpi_tables, smbios_structures_end_where_the_anchor_says)
{
    struct smbios_config config = {.ram_bytes = 64 << 20, .cpus = 1, .cpu_name = "Pentium II"};
    const u8 *p;
    unsigned count = 0, longest = 0;
    bool done = false;

    smbios_add(fwcfg, &config);
    fetch(&rsdp, "etc/smbios/smbios-anchor");
    fetch(&tables, "etc/smbios/smbios-tables");
    cr_assert_eq(rsdp.len, 31);
    cr_assert_eq(sum_of(rsdp.data, 31), 0);
    cr_assert_eq(sum_of(rsdp.data + 16, 15), 0);
    cr_assert_eq(get_le16(rsdp.data + 22), tables.len);
    for (p = tables.data; !done; count++) {
        const u8 *start = p;

        done = p[0] == 127;
        for (p += p[1]; p[0] || p[1]; p++)
            cr_assert_lt(p - tables.data, tables.len);
        p += 2;
        if (p - start > longest)
            longest = (unsigned)(p - start);
    }
    cr_assert_eq(p - tables.data, tables.len);
    cr_assert_eq(get_le16(rsdp.data + 28), count);
    cr_assert_eq(get_le16(rsdp.data + 8), longest);
}
