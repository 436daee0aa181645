/*
 * ACPI tables of the default PC and the script by which the firmware links them.
 * Sources: ACPI specification 1.0b ("ACPI Software Programming Model"), 2.0 for the MADT's names;
 * IA-PC HPET specification 1.0a, "The ACPI 2.0 HPET Description Table"; the BIOS linker/loader
 * format as QEMU's and SeaBIOS's documentation of "etc/table-loader" describe it.
 *
 *   etc/acpi/tables  FACS | DSDT | FADT | MADT | HPET | RSDT, pointers relative to their start
 *   etc/acpi/rsdp    RSDP, revision 0
 *   etc/table-loader commands of 128 bytes: allocate, add pointer, add checksum
 *
 * FADT revision 1: every system since Windows 98 reads it. SMI_CMD is 0, which says that the
 * machine is always in ACPI mode: it has no SMM whose handler could switch it.
 */
#include "devices/chipset/acpi_tables.h"

#include "base/bytes.h"
#include "devices/chipset/dsdt.h"
#include "devices/chipset/fwcfg.h"
#include "devices/chipset/hpet.h"
#include "devices/chipset/ioapic.h"
#include "devices/chipset/piix4pm.h"

#include <string.h>

enum {
    TABLES_MAX = 16384,
    LOADER_MAX = 32 * 128,
    CPUS_MAX = 64,

    HEADER_BYTES = 36, /* of every table but FACS and RSDP */
    HEADER_LENGTH = 4,
    HEADER_CHECKSUM = 9,
    RSDP_BYTES = 20,
    RSDP_CHECKSUM = 8,
    RSDP_RSDT = 16,
    FACS_BYTES = 64,
    FADT_BYTES = 116,
    FADT_FACS = 36,
    FADT_DSDT = 40,

    FADT_FLAG_WBINVD = 1 << 0,
    FADT_FLAG_PROC_C1 = 1 << 2,
    FADT_FLAG_NO_SLEEP_BUTTON = 1 << 5,
    CMOS_CENTURY = 0x32,
    LATENCY_NONE = 0xFFF, /* above 100 and 1000 us: C2 and C3 are not supported */

    MADT_LOCAL_APIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LOCAL_NMI = 4,
    MADT_PCAT_COMPAT = 1, /* PICs are there too */
    LEVEL_HIGH = 0x0D,
    LOCAL_APIC_BASE = 0xFEE00000,

    LOADER_COMMAND = 128,
    LOADER_FILE = 56,
    LOADER_ALLOCATE = 1,
    LOADER_ADD_POINTER = 2,
    LOADER_ADD_CHECKSUM = 3,
    ZONE_HIGH = 1,
    ZONE_FSEG = 2,

    PCI_HOLE_LOW = 0x80000000u,  /* where SeaBIOS places cards if RAM ends there or before */
    PCI_HOLE_HIGH = 0xC0000000u, /* and if it does not */
    PCI_HOLE_END = 0xFEC00000u,
};

static const char tables_file[] = "etc/acpi/tables";
static const char rsdp_file[] = "etc/acpi/rsdp";

struct builder {
    const struct acpi_config *config;
    u8 tables[TABLES_MAX];
    u32 len;
    u8 loader[LOADER_MAX];
    u32 loader_len;
    u8 rsdp[RSDP_BYTES];
};

/* --- the loader's script --- */

static u8 *loader_command(struct builder *b, u32 command, const char *file)
{
    u8 *c = b->loader + b->loader_len;

    assert(b->loader_len + LOADER_COMMAND <= LOADER_MAX);
    b->loader_len += LOADER_COMMAND;
    put_le32(c, command);
    memcpy(c + 4, file, strlen(file));
    return c + 4 + LOADER_FILE;
}

static void loader_allocate(struct builder *b, const char *file, u32 align, u8 zone)
{
    u8 *c = loader_command(b, LOADER_ALLOCATE, file);

    put_le32(c, align);
    c[4] = zone;
}

/* The four bytes at `offset` of `file` hold an offset into the tables: make it an address. */
static void loader_add_pointer(struct builder *b, const char *file, u32 offset)
{
    u8 *c = loader_command(b, LOADER_ADD_POINTER, file);

    memcpy(c, tables_file, sizeof tables_file);
    put_le32(c + LOADER_FILE, offset);
    c[LOADER_FILE + 4] = 4;
}

static void loader_add_checksum(struct builder *b, const char *file, u32 at, u32 start, u32 len)
{
    u8 *c = loader_command(b, LOADER_ADD_CHECKSUM, file);

    put_le32(c, at);
    put_le32(c + 4, start);
    put_le32(c + 8, len);
}

/* --- tables --- */

static u8 *builder_grow(struct builder *b, u32 len)
{
    u8 *p = b->tables + b->len;

    assert(b->len + len <= TABLES_MAX);
    b->len += len;
    return p;
}

/* Start a table of `len` bytes so far; table_end gives it its length and checksum. */
static u32 table_begin(struct builder *b, const char *signature, u8 revision, u32 len)
{
    u32 at = b->len;
    u8 *p = builder_grow(b, len);

    memcpy(p, signature, 4);
    p[8] = revision;
    memcpy(p + 10, "BYGONEBYGONEPC", 14); /* OEM ID and table ID */
    put_le32(p + 24, 1);
    memcpy(p + 28, "BYGN", 4);
    put_le32(p + 32, 1);
    return at;
}

static void table_end(struct builder *b, u32 at)
{
    put_le32(b->tables + at + HEADER_LENGTH, b->len - at);
    loader_add_checksum(b, tables_file, at + HEADER_CHECKSUM, at, b->len - at);
}

static u32 build_facs(struct builder *b)
{
    u32 at = b->len; /* the first: 64-byte alignment is that of the file */
    u8 *p = builder_grow(b, FACS_BYTES);

    memcpy(p, "FACS", 4);
    put_le32(p + HEADER_LENGTH, FACS_BYTES);
    return at;
}

/* Where `what` occurs in the DSDT, which is ours and has it. */
static u8 *find_in_dsdt(u8 *dsdt, const void *what, u32 len)
{
    u32 i;

    for (i = 0; memcmp(dsdt + i, what, len) != 0; i++)
        assert(i + len < sizeof dsdt_aml);
    return dsdt + i;
}

/* The window for cards in the host bridge's _CRS: minimum, maximum, translation, length. */
static void patch_pci_hole(u8 *dsdt, u64 ram_bytes)
{
    u32 start = ram_bytes <= PCI_HOLE_LOW ? PCI_HOLE_LOW : PCI_HOLE_HIGH;
    u8 window[16] = {0};
    u8 *found;

    put_le32(window, PCI_HOLE_LOW);
    put_le32(window + 4, PCI_HOLE_END - 1);
    put_le32(window + 12, PCI_HOLE_END - PCI_HOLE_LOW);
    found = find_in_dsdt(dsdt, window, sizeof window);
    put_le32(found, start);
    put_le32(found + 12, PCI_HOLE_END - start);
}

/* Name (COMS, 0x0F): NameOp, name, BytePrefix, value. */
static void patch_serials(u8 *dsdt, u8 serials)
{
    static const u8 name[] = {0x08, 'C', 'O', 'M', 'S', 0x0A, 0x0F};

    find_in_dsdt(dsdt, name, sizeof name)[sizeof name - 1] = serials;
}

static u32 build_dsdt(struct builder *b)
{
    u32 at = b->len;
    u8 *p = builder_grow(b, sizeof dsdt_aml);

    memcpy(p, dsdt_aml, sizeof dsdt_aml);
    memcpy(p + 28, "BYGN", 4);
    put_le32(p + 32, 1);
    patch_pci_hole(p, b->config->ram_bytes);
    patch_serials(p, b->config->serials);
    table_end(b, at);
    return at;
}

static u32 build_fadt(struct builder *b, u32 facs, u32 dsdt)
{
    u32 at = table_begin(b, "FACP", 1, FADT_BYTES);
    u16 pm = b->config->pm_base ? b->config->pm_base : ACPI_PM_BASE_DEFAULT;
    u8 *p = b->tables + at;

    put_le32(p + FADT_FACS, facs);
    put_le32(p + FADT_DSDT, dsdt);
    loader_add_pointer(b, tables_file, at + FADT_FACS);
    loader_add_pointer(b, tables_file, at + FADT_DSDT);
    p[44] = 1; /* INT_MODEL: PICs and APICs */
    put_le16(p + 46, PIIX4PM_SCI_IRQ);
    put_le32(p + 56, pm);         /* PM1a event block: status, enable */
    put_le32(p + 64, pm + 4u);    /* PM1a control block */
    put_le32(p + 76, pm + 8u);    /* PM timer */
    put_le32(p + 80, pm + 0x0Cu); /* GPE0: status, enable */
    p[88] = 4;                    /* their lengths */
    p[89] = 2;
    p[91] = 4;
    p[92] = 4;
    put_le16(p + 96, LATENCY_NONE);
    put_le16(p + 98, LATENCY_NONE);
    p[108] = CMOS_CENTURY;
    put_le32(p + 112, FADT_FLAG_WBINVD | FADT_FLAG_PROC_C1 | FADT_FLAG_NO_SLEEP_BUTTON);
    table_end(b, at);
    return at;
}

/* ISA interrupt `irq` arrives as global interrupt `gsi`, flags: MPS INTI flags. */
static void madt_override(struct builder *b, u8 irq, u8 gsi, u8 flags)
{
    u8 *p = builder_grow(b, 10);

    p[0] = MADT_OVERRIDE;
    p[1] = 10;
    p[3] = irq;
    p[4] = gsi;
    p[8] = flags;
}

static u32 build_madt(struct builder *b)
{
    static const u8 level_irqs[] = {5, PIIX4PM_SCI_IRQ, 10, 11}; /* SCI and the PCI links */
    u32 at = table_begin(b, "APIC", 1, HEADER_BYTES + 8);
    unsigned i;
    u8 *p;

    put_le32(b->tables + at + HEADER_BYTES, LOCAL_APIC_BASE);
    put_le32(b->tables + at + HEADER_BYTES + 4, MADT_PCAT_COMPAT);
    assert(b->config->cpus <= CPUS_MAX);
    for (i = 0; i < b->config->cpus; i++) {
        p = builder_grow(b, 8);
        memcpy(p, (u8[]){MADT_LOCAL_APIC, 8, (u8)i, (u8)i, 1, 0, 0, 0}, 8);
    }
    p = builder_grow(b, 12);
    p[0] = MADT_IOAPIC;
    p[1] = 12;
    p[2] = b->config->ioapic_id;
    put_le32(p + 4, IOAPIC_BASE);
    madt_override(b, 0, 2, 0);
    for (i = 0; i < ARRAY_LEN(level_irqs); i++)
        madt_override(b, level_irqs[i], level_irqs[i], LEVEL_HIGH);
    p = builder_grow(b, 6);
    memcpy(p, (u8[]){MADT_LOCAL_NMI, 6, 0xFF, 0, 0, 1}, 6); /* all processors, LINT1 */
    table_end(b, at);
    return at;
}

static u32 build_hpet(struct builder *b)
{
    u32 at = table_begin(b, "HPET", 1, HEADER_BYTES + 20);
    u8 *p = b->tables + at + HEADER_BYTES;

    put_le32(p, HPET_BLOCK_ID);
    put_le64(p + 8, HPET_BASE); /* after a generic address's space 0: memory */
    table_end(b, at);
    return at;
}

static u32 build_rsdt(struct builder *b, const u32 *tables, unsigned count)
{
    u32 at = table_begin(b, "RSDT", 1, HEADER_BYTES + 4 * count);
    unsigned i;

    for (i = 0; i < count; i++) {
        u32 entry = at + HEADER_BYTES + 4 * i;

        put_le32(b->tables + entry, tables[i]);
        loader_add_pointer(b, tables_file, entry);
    }
    table_end(b, at);
    return at;
}

static void build_rsdp(struct builder *b, u32 rsdt)
{
    memcpy(b->rsdp, "RSD PTR ", 8);
    memcpy(b->rsdp + 9, "BYGONE", 6);
    put_le32(b->rsdp + RSDP_RSDT, rsdt);
    loader_add_pointer(b, rsdp_file, RSDP_RSDT);
    loader_add_checksum(b, rsdp_file, RSDP_CHECKSUM, 0, RSDP_BYTES);
}

void acpi_tables_add(struct device *fwcfg, const struct acpi_config *config)
{
    struct builder b = {.config = config};
    u32 facs, dsdt, tables[3];
    unsigned count = 0;

    loader_allocate(&b, tables_file, 64, ZONE_HIGH);
    loader_allocate(&b, rsdp_file, 16, ZONE_FSEG);
    facs = build_facs(&b);
    dsdt = build_dsdt(&b);
    tables[count++] = build_fadt(&b, facs, dsdt);
    tables[count++] = build_madt(&b);
    if (config->hpet)
        tables[count++] = build_hpet(&b);
    build_rsdp(&b, build_rsdt(&b, tables, count));
    fwcfg_add_file(fwcfg, tables_file, b.tables, b.len);
    fwcfg_add_file(fwcfg, rsdp_file, b.rsdp, sizeof b.rsdp);
    fwcfg_add_file(fwcfg, "etc/table-loader", b.loader, b.loader_len);
}
