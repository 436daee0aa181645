/*
 * Host bridge 82441FX (PMC of the 440FX set): PCI configuration mechanism #1, the shadow RAM
 * switches (PAM), the SMRAM switch; its other registers hold what is written to them.
 * Source: Intel 440FX PCIset data sheet (290549), "PMC Register Description".
 *
 *   CF8h CONFADD  31 enable | 23:16 bus | 15:11 device | 10:8 function | 7:2 register
 *   CFCh CONFDATA four bytes of that register
 *   59h-5Fh PAM0-6, a nibble a region: bit 0 reads from DRAM, bit 1 writes to DRAM
 *
 * The subsystem IDs are not the data sheet's (it has none): 1AF4h:1100h tells SeaBIOS that it runs
 * in an emulator with fw_cfg. The row boundaries start as a BIOS would leave them, since firmware
 * that asks fw_cfg for the memory size never sizes DRAM.
 * Not modelled: DRAM timing, error reporting, turbo counter.
 */
#include "devices/chipset/i440fx.h"

#include "base/bytes.h"
#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <string.h>

enum {
    CONFADD = 0xCF8,
    CONFDATA = 0xCFC,
    CONFADD_ENABLE = 0x80000000,
    CONFADD_WRITABLE = 0x80FFFFFC,

    REG_PMCCFG = 0x50,
    REG_DETURBO = 0x52,
    REG_DBC = 0x53,
    REG_AXC = 0x54,
    REG_DRT = 0x55,
    REG_DRAMC = 0x57,
    REG_DRAMT = 0x58,
    REG_PAM0 = 0x59,
    REG_DRB0 = 0x60,
    REG_FDHC = 0x68,
    REG_MTT = 0x70,
    REG_CLT = 0x71,
    REG_SMRAM = 0x72,
    REG_ERRCMD = 0x90,
    REG_ERRSTS = 0x91,
    REG_TRC = 0x93,

    PAM_REGISTERS = 7,
    PAM_RE = 1,
    PAM_WE = 2,
    PAM_REGIONS = 13,

    SMRAM_DOPEN = 0x40,
    SMRAM_DCLS = 0x20,
    SMRAM_DLCK = 0x10,
    SMRAM_SMRAME = 0x08,
    SMRAM_BASE_SEG = 0x02, /* A0000h, the only choice */

    DRB_ROWS = 8,
    DRB_UNIT = 8 << 20,
    DRB_MAX = 128, /* 1 GiB, the most that the chip addresses */
};

struct i440fx {
    struct device dev;

    /* Wiring. */
    struct pci_bus *pci;
    struct i440fx_memory memory;

    /* Guest state. */
    struct pci_function fn;
    u32 confadd;

    /* What the board was last told; follows from fn. */
    u8 pam_told[PAM_REGISTERS];
    u8 smram_told;
};

/* Region 0 is the 64 KiB at F0000h (high nibble of PAM0), 1-12 are 16 KiB each from C0000h. */
static void i440fx_tell_region(struct i440fx *d, unsigned region)
{
    u8 reg = d->fn.config[REG_PAM0 + (region + 1) / 2];
    u8 bits = region % 2 == 0 ? reg >> 4 : reg;
    u32 start = region == 0 ? 0xF0000 : 0xC0000 + (region - 1) * 0x4000;
    u32 len = region == 0 ? 0x10000 : 0x4000;

    d->memory.pam(d->memory.opaque, start, len, bits & PAM_RE, bits & PAM_WE);
}

static void i440fx_tell_smram(struct i440fx *d)
{
    u8 reg = d->fn.config[REG_SMRAM];

    d->smram_told = reg;
    d->memory.smram(d->memory.opaque, reg & SMRAM_DOPEN, reg & SMRAM_DCLS, reg & SMRAM_DLCK,
                    reg & SMRAM_SMRAME);
}

static void i440fx_tell_changes(struct i440fx *d)
{
    unsigned region;
    u8 told[PAM_REGISTERS];

    memcpy(told, d->pam_told, sizeof told);
    memcpy(d->pam_told, d->fn.config + REG_PAM0, sizeof d->pam_told);
    for (region = 0; region < PAM_REGIONS; region++) {
        unsigned i = (region + 1) / 2;
        u8 nibble = region % 2 == 0 ? 0xF0 : 0x0F;

        if ((told[i] ^ d->pam_told[i]) & nibble)
            i440fx_tell_region(d, region);
    }
    if (d->smram_told != d->fn.config[REG_SMRAM])
        i440fx_tell_smram(d);
}

static void i440fx_tell_all(struct i440fx *d)
{
    unsigned region;

    memcpy(d->pam_told, d->fn.config + REG_PAM0, sizeof d->pam_told);
    for (region = 0; region < PAM_REGIONS; region++)
        i440fx_tell_region(d, region);
    i440fx_tell_smram(d);
}

/* Once locked, D_LCK and D_OPEN stay as the lock left them until reset. */
static void i440fx_protect_smram(struct i440fx *d)
{
    u8 *reg = &d->fn.config[REG_SMRAM];

    if (*reg & SMRAM_DLCK) {
        *reg &= ~SMRAM_DOPEN;
        d->fn.writable[REG_SMRAM] &= ~(SMRAM_DLCK | SMRAM_DOPEN);
    } else {
        d->fn.writable[REG_SMRAM] = SMRAM_DOPEN | SMRAM_DCLS | SMRAM_DLCK | SMRAM_SMRAME;
    }
}

static void i440fx_config_written(void *opaque, unsigned offset, unsigned size)
{
    struct i440fx *d = opaque;

    i440fx_protect_smram(d);
    i440fx_tell_changes(d);
}

/* One byte at a time reaches the same registers as a word would; only CONFADD needs a dword. */
static bool i440fx_selects(const struct i440fx *d, u16 port, unsigned size)
{
    if (port < CONFDATA || port + size > CONFDATA + 4) {
        dev_guest(&d->dev, "access of %u bytes to port %03Xh", size, port);
        return false;
    }
    return d->confadd & CONFADD_ENABLE;
}

static u32 i440fx_port_read(void *opaque, u16 port, unsigned size)
{
    struct i440fx *d = opaque;

    if (port == CONFADD && size == 4)
        return d->confadd;
    if (!i440fx_selects(d, port, size))
        return 0xFFFFFFFFu >> (32 - 8 * size);
    return pci_config_read(d->pci, (u8)(d->confadd >> 16), (u8)(d->confadd >> 8),
                           (d->confadd & 0xFC) + (port - CONFDATA), size);
}

static void i440fx_port_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct i440fx *d = opaque;

    /* Narrower writes pass CONFADD by: port CF9h belongs to the ISA bridge. */
    if (port == CONFADD && size == 4)
        d->confadd = value & CONFADD_WRITABLE;
    else if (i440fx_selects(d, port, size))
        pci_config_write(d->pci, (u8)(d->confadd >> 16), (u8)(d->confadd >> 8),
                         (d->confadd & 0xFC) + (port - CONFDATA), value, size);
}

static void i440fx_reset(struct device *dev)
{
    struct i440fx *d = (struct i440fx *)dev;

    pci_reset(&d->fn);
    d->confadd = 0;
    i440fx_protect_smram(d);
    i440fx_tell_all(d);
}

static void i440fx_state(struct device *dev, struct state *s)
{
    struct i440fx *d = (struct i440fx *)dev;

    pci_state(&d->fn, s);
    state_u32(s, "confadd", &d->confadd);
    state_require(s, (d->confadd & ~(u32)CONFADD_WRITABLE) == 0,
                  "i440fx: CONFADD has reserved bits set");
    state_require(s, (d->fn.config[REG_SMRAM] & 7) == SMRAM_BASE_SEG,
                  "i440fx: SMRAM base segment is not A0000h");
    if (!state_is_loading(s) || state_error(s))
        return;
    i440fx_protect_smram(d);
    i440fx_tell_all(d);
}

static const struct device_class i440fx_class = {
    .name = "i440fx",
    .version = 1,
    .reset = i440fx_reset,
    .state = i440fx_state,
    .destroy = device_free,
};

static const struct port_ops i440fx_ports = {
    .width = 4,
    .read_sized = i440fx_port_read,
    .write_sized = i440fx_port_write,
};

/* Power-on values and writable bits, "PMC Register Description", in the order of their offsets. */
static const struct {
    u8 offset, value, writable, write_clears;
} i440fx_registers[] = {
    {PCI_COMMAND, 0x06, 0x40, 0},  {PCI_COMMAND + 1, 0x00, 0x01, 0},
    {PCI_STATUS, 0x80, 0, 0},      {PCI_STATUS + 1, 0x02, 0, 0xF9},
    {REG_PMCCFG, 0x00, 0x70, 0},   {REG_PMCCFG + 1, 0x01, 0xFB, 0},
    {REG_DETURBO, 0x00, 0xFF, 0},  {REG_DBC, 0x80, 0xFF, 0},
    {REG_AXC, 0x00, 0xFF, 0},      {REG_DRT, 0x00, 0xFF, 0},
    {REG_DRT + 1, 0x00, 0xFF, 0},  {REG_DRAMC, 0x01, 0xFF, 0},
    {REG_DRAMT, 0x10, 0xFF, 0},    {REG_PAM0, 0x00, 0x30, 0},
    {REG_PAM0 + 1, 0x00, 0x33, 0}, {REG_PAM0 + 2, 0x00, 0x33, 0},
    {REG_PAM0 + 3, 0x00, 0x33, 0}, {REG_PAM0 + 4, 0x00, 0x33, 0},
    {REG_PAM0 + 5, 0x00, 0x33, 0}, {REG_PAM0 + 6, 0x00, 0x33, 0},
    {REG_DRB0, 0x00, 0xFF, 0},     {REG_DRB0 + 1, 0x00, 0xFF, 0},
    {REG_DRB0 + 2, 0x00, 0xFF, 0}, {REG_DRB0 + 3, 0x00, 0xFF, 0},
    {REG_DRB0 + 4, 0x00, 0xFF, 0}, {REG_DRB0 + 5, 0x00, 0xFF, 0},
    {REG_DRB0 + 6, 0x00, 0xFF, 0}, {REG_DRB0 + 7, 0x00, 0xFF, 0},
    {REG_FDHC, 0x00, 0xC0, 0},     {REG_MTT, 0x00, 0xF8, 0},
    {REG_CLT, 0x10, 0x1F, 0},      {REG_SMRAM, SMRAM_BASE_SEG, 0x78, 0},
    {REG_ERRCMD, 0x00, 0xFF, 0},   {REG_ERRSTS, 0x00, 0, 0x11},
    {REG_TRC, 0x00, 0x07, 0},
};

static void i440fx_init_config(struct i440fx *d, u64 ram_bytes)
{
    struct pci_function *f = &d->fn;
    unsigned i;

    pci_init(f, "i440fx", 0, 0x8086, 0x1237, 0x060000, 2);
    memset(f->writable, 0, sizeof f->writable);
    f->writable[0x0D] = 0xF8; /* MLT: the low three bits are zero */
    for (i = 0; i < ARRAY_LEN(i440fx_registers); i++) {
        u8 at = i440fx_registers[i].offset;

        f->config[at] = i440fx_registers[i].value;
        f->writable[at] = i440fx_registers[i].writable;
        f->write_clears[at] = i440fx_registers[i].write_clears;
    }
    put_le16(f->config + PCI_SUBSYSTEM_VENDOR, 0x1AF4);
    put_le16(f->config + PCI_SUBSYSTEM_ID, 0x1100);
    for (i = 0; i < DRB_ROWS; i++) /* all of it in row 0: later rows end where it ends */
        f->config[REG_DRB0 + i] = (u8)min_u64(ram_bytes / DRB_UNIT, DRB_MAX);
}

struct device *i440fx_create(struct bus *bus, struct pci_bus *pci,
                             const struct i440fx_memory *memory, u64 ram_bytes)
{
    struct i440fx *d = device_new(&i440fx_class, sizeof *d);

    d->pci = pci;
    d->memory = *memory;
    i440fx_init_config(d, ram_bytes);
    d->fn.opaque = d;
    d->fn.config_written = i440fx_config_written;
    pci_add(pci, &d->fn);
    bus_map_ports(bus, CONFADD, 8, &i440fx_ports, d);
    return &d->dev;
}
