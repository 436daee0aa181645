/*
 * Power management function of the 82371AB (PIIX4): ACPI fixed registers with the PM timer, the
 * APM command port, and the host side of an SMBus with nothing on it.
 * Source: Intel 82371AB (PIIX4) data sheet (290562), "Power Management PCI Configuration
 * Registers", "Power Management I/O Registers", "SMBus I/O Registers"; ACPI specification 1.0,
 * "ACPI Hardware Specification".
 *
 *   PMBA+00h PMSTS   0 timer | 4 bus master | 5 global | 8 power button | 10 RTC | 15 wake
 *       +02h PMEN    the same bits enable SCI
 *       +04h PMCNTRL 0 SCI_EN | 12:10 SUS_TYP | 13 SUS_EN
 *       +08h PMTMR   24 bits at 3.579545 MHz; PMSTS bit 0 is set whenever bit 23 changes
 *       +0Ch GPSTS, +0Eh GPEN: general purpose events, of which none happens here
 *       +28h GLBCTL  0 SMI_EN
 *
 * SCI_EN is always set, and stays: the processor has no SMM yet, so nobody could answer the SMI
 * by which an operating system turns ACPI on, and our FADT says so (SMI_CMD is 0).
 * Soft-off (SUS_TYP 0) switches the machine off. Not modelled: the other sleeping states (the
 * machine wakes at once), device activity monitors, clock control, general purpose I/O, SMBus
 * slave mode; their registers hold what is written to them.
 */
#include "devices/chipset/piix4pm.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <string.h>

enum {
    APMC_PORT = 0xB2,
    APMS_PORT = 0xB3,

    REG_PMBA = 0x40,
    REG_DEVACTB = 0x58,
    DEVACTB_APMC_EN = 0x02, /* bit 25, in the byte at 5Bh */
    REG_PMREGMISC = 0x80,
    PMREGMISC_PMIOSE = 1,
    REG_SMBBA = 0x90,
    REG_SMBHSTCFG = 0xD2,
    SMBHSTCFG_HST_EN = 1,
    SMBHSTCFG_INTRSEL = 0x0E,
    SMBHSTCFG_IRQ9 = 0x08,

    PM_PORTS = 64,
    PM_STS = 0x00,
    PM_EN = 0x02,
    PM_CNTRL = 0x04,
    PM_TMR = 0x08,
    PM_GPSTS = 0x0C,
    PM_GPEN = 0x0E,
    PM_GLBSTS = 0x18,
    PM_GLBCTL = 0x28,

    STS_TMROF = 0x0001,
    STS_PWRBTN = 0x0100,
    STS_RTC = 0x0400,
    STS_WAK = 0x8000,
    STS_SCI = 0x0521, /* those that PMEN can enable */
    CNTRL_SCI_EN = 0x0001,
    CNTRL_SUS_EN = 0x20, /* in the high byte */
    CNTRL_SUS_TYP = 0x1C,
    GLBSTS_APM = 0x20,
    GLBCTL_SMI_EN = 1,

    TMR_MASK = 0xFFFFFF,
    TMR_HALF = 0x800000, /* ticks between two changes of bit 23 */

    SMB_PORTS = 16,
    SMB_HSTSTS = 0,
    SMB_SLVSTS = 1,
    SMB_HSTCNT = 2,
    HSTSTS_EVENTS = 0x1E, /* INTR, DEV_ERR, BUS_ERR, FAILED */
    HSTSTS_DEV_ERR = 0x04,
    HSTSTS_FAILED = 0x10,
    HSTCNT_INTEREN = 0x01,
    HSTCNT_KILL = 0x02,
    HSTCNT_START = 0x40,
};

struct piix4pm {
    struct device dev;

    /* Wiring. */
    struct bus *bus;
    struct clock *clock;
    struct piix4pm_pins pins;
    u16 pm_at, smb_at; /* where the blocks are mapped, 0: nowhere; follows from fn */

    /* Guest state. */
    struct pci_function fn;
    u8 io[PM_PORTS]; /* the power management block; the timer is not kept here */
    u8 smb[SMB_PORTS];
    u8 apmc, apms;
    bool rtc;        /* level of the RTC's interrupt */
    u64 tmr_from_ns; /* when the PM timer was 0 */
    u64 tmr_next;    /* the tick at which it will set its status bit */
    struct timer overflow;
};

/* Bits of the power management block that can be written, and those that ones clear. */
static const u8 pm_writable[PM_PORTS] = {
    [PM_EN] = 0x21,     [PM_EN + 1] = 0x05,     [PM_CNTRL] = 0x02, [PM_CNTRL + 1] = CNTRL_SUS_TYP,
    [PM_GPEN] = 0x81,   [PM_GPEN + 1] = 0x0F,   [0x10] = 0xFF,     [0x11] = 0xFF, /* PCNTRL */
    [0x12] = 0x03,      [0x20] = 0xFF,          [0x21] = 0x0F,                    /* GLBEN */
    [PM_GLBCTL] = 0x05, [PM_GLBCTL + 1] = 0xFF, [0x2A] = 0xFF,     [0x2B] = 0xFF,
    [0x2C] = 0xFF,      [0x2D] = 0xFF,                                            /* DEVCTL */
    [0x2E] = 0xFF,      [0x2F] = 0xFF,          [0x34] = 0xFF,     [0x35] = 0xFF, /* GPOREG */
    [0x36] = 0xFF,      [0x37] = 0xFF,
};

static const u8 pm_write_clears[PM_PORTS] = {
    [PM_STS] = 0x31,    [PM_STS + 1] = 0x85,    [PM_GPSTS] = 0x81, [PM_GPSTS + 1] = 0x0F,
    [PM_GLBSTS] = 0xFF, [PM_GLBSTS + 1] = 0x0F, [0x1C] = 0xFF,     [0x1D] = 0xFF,
    [0x1E] = 0xFF,      [0x1F] = 0x3F, /* DEVSTS */
};

/* --- SCI and the PM timer --- */

static void pm_set_status(struct piix4pm *d, u16 bits)
{
    put_le16(d->io + PM_STS, get_le16(d->io + PM_STS) | bits);
}

static bool smb_interrupts(const struct piix4pm *d)
{
    return (d->smb[SMB_HSTCNT] & HSTCNT_INTEREN) && (d->smb[SMB_HSTSTS] & HSTSTS_EVENTS) &&
           (d->fn.config[REG_SMBHSTCFG] & SMBHSTCFG_INTRSEL) == SMBHSTCFG_IRQ9;
}

static void pm_update_sci(struct piix4pm *d)
{
    u16 active = get_le16(d->io + PM_STS) & get_le16(d->io + PM_EN) & STS_SCI;
    u16 general = get_le16(d->io + PM_GPSTS) & get_le16(d->io + PM_GPEN);

    irq_set(&d->pins.sci, active || general || smb_interrupts(d));
}

static u64 pm_ticks(const struct piix4pm *d)
{
    return muldiv_u64(clock_now(d->clock) - d->tmr_from_ns, PIIX4PM_TIMER_HZ, NS_PER_SEC);
}

/* Bring the overflow status up to now, and wake up for the next one only if it interrupts. */
static void pm_update_timer(struct piix4pm *d)
{
    u64 ticks = pm_ticks(d);

    if (ticks >= d->tmr_next) {
        pm_set_status(d, STS_TMROF);
        d->tmr_next = (ticks / TMR_HALF + 1) * TMR_HALF;
    }
    if ((d->io[PM_EN] & STS_TMROF) && !(d->io[PM_STS] & STS_TMROF))
        timer_set(&d->overflow,
                  d->tmr_from_ns + muldiv_up_u64(d->tmr_next, NS_PER_SEC, PIIX4PM_TIMER_HZ));
    else
        timer_cancel(&d->overflow);
}

static void pm_overflow(void *opaque)
{
    pm_update_timer(opaque);
    pm_update_sci(opaque);
}

/* --- the power management block --- */

static u8 pm_read_byte(const struct piix4pm *d, unsigned at)
{
    if (at >= PM_TMR && at < PM_TMR + 4)
        return (u8)((pm_ticks(d) & TMR_MASK) >> 8 * (at - PM_TMR));
    return d->io[at];
}

static u32 pm_read(void *opaque, u16 port, unsigned size)
{
    struct piix4pm *d = opaque;
    u32 value = 0;
    unsigned i;

    pm_update_timer(d);
    for (i = 0; i < size; i++)
        value |= (u32)pm_read_byte(d, (port - d->pm_at + i) % PM_PORTS) << 8 * i;
    return value;
}

static void pm_sleep(struct piix4pm *d, unsigned type)
{
    if (type == 0) {
        if (d->pins.power_off)
            d->pins.power_off(d->pins.opaque);
        return;
    }
    dev_unimp(&d->dev, "sleeping state of type %u, woken at once", type);
    pm_set_status(d, STS_WAK);
}

static void pm_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct piix4pm *d = opaque;
    unsigned i;

    pm_update_timer(d);
    for (i = 0; i < size; i++) {
        unsigned at = (port - d->pm_at + i) % PM_PORTS;
        u8 byte = (u8)(value >> 8 * i);

        d->io[at] = (d->io[at] & ~pm_writable[at]) | (byte & pm_writable[at]);
        d->io[at] &= ~(byte & pm_write_clears[at]);
        if (at == PM_CNTRL + 1 && (byte & CNTRL_SUS_EN))
            pm_sleep(d, (byte & CNTRL_SUS_TYP) >> 2);
    }
    pm_update_timer(d);
    pm_update_sci(d);
}

static const struct port_ops pm_ports = {
    .width = 4,
    .read_sized = pm_read,
    .write_sized = pm_write,
};

/* --- APM command port --- */

static u32 apm_read(void *opaque, u16 port)
{
    const struct piix4pm *d = opaque;

    return port == APMC_PORT ? d->apmc : d->apms;
}

static void apm_write(void *opaque, u16 port, u32 value)
{
    struct piix4pm *d = opaque;

    if (port == APMS_PORT) {
        d->apms = (u8)value;
        return;
    }
    d->apmc = (u8)value;
    if (!(d->fn.config[REG_DEVACTB + 3] & DEVACTB_APMC_EN))
        return;
    d->io[PM_GLBSTS] |= GLBSTS_APM;
    if (!d->pins.has_smm || !(d->io[PM_GLBCTL] & GLBCTL_SMI_EN))
        return;
    irq_set(&d->pins.smi, true);
    irq_set(&d->pins.smi, false);
}

static const struct port_ops apm_ports = {
    .width = 1,
    .read = apm_read,
    .write = apm_write,
};

/* --- SMBus: every address stays silent --- */

static u32 smb_read(void *opaque, u16 port)
{
    const struct piix4pm *d = opaque;

    return d->smb[(port - d->smb_at) % SMB_PORTS];
}

static void smb_write(void *opaque, u16 port, u32 value)
{
    struct piix4pm *d = opaque;
    unsigned at = (port - d->smb_at) % SMB_PORTS;

    switch (at) {
    case SMB_HSTSTS: d->smb[at] &= ~(value & HSTSTS_EVENTS); break;
    case SMB_SLVSTS: d->smb[at] &= ~value; break;
    case SMB_HSTCNT:
        d->smb[at] = value & ~(HSTCNT_START | HSTCNT_KILL); /* both read as zero */
        if (value & HSTCNT_KILL)
            d->smb[SMB_HSTSTS] |= HSTSTS_FAILED;
        else if (value & HSTCNT_START)
            d->smb[SMB_HSTSTS] |= HSTSTS_DEV_ERR;
        break;
    default: d->smb[at] = (u8)value;
    }
    pm_update_sci(d);
}

static const struct port_ops smb_ports = {
    .width = 1,
    .read = smb_read,
    .write = smb_write,
};

/* --- configuration space --- */

static void pm_remap_block(struct piix4pm *d, u16 *at, u16 now, u32 count,
                           const struct port_ops *ops)
{
    if (*at == now)
        return;
    if (*at)
        bus_unmap_ports(d->bus, *at, count, ops, d);
    *at = now;
    if (now)
        bus_map_ports(d->bus, now, count, ops, d);
}

static void pm_remap(struct piix4pm *d)
{
    const u8 *config = d->fn.config;
    bool pm_on = config[REG_PMREGMISC] & PMREGMISC_PMIOSE;
    bool smb_on =
        (config[REG_SMBHSTCFG] & SMBHSTCFG_HST_EN) && (config[PCI_COMMAND] & PCI_COMMAND_IO);
    u16 pm = pm_on ? get_le16(config + REG_PMBA) & ~(PM_PORTS - 1) : 0;
    u16 smb = smb_on ? get_le16(config + REG_SMBBA) & ~(SMB_PORTS - 1) : 0;
    bool moved = pm != d->pm_at;

    pm_remap_block(d, &d->pm_at, pm, PM_PORTS, &pm_ports);
    pm_remap_block(d, &d->smb_at, smb, SMB_PORTS, &smb_ports);
    if (moved && d->pins.base_moved)
        d->pins.base_moved(d->pins.opaque, pm);
}

static void pm_config_written(void *opaque, unsigned offset, unsigned size)
{
    pm_remap(opaque);
    pm_update_sci(opaque);
}

/* --- pins --- */

bool piix4pm_power_button(struct device *dev)
{
    struct piix4pm *d = (struct piix4pm *)dev;

    pm_set_status(d, STS_PWRBTN);
    pm_update_sci(d);
    return get_le16(d->io + PM_EN) & STS_PWRBTN;
}

static void pm_set_rtc(void *opaque, unsigned n, bool level)
{
    struct piix4pm *d = opaque;

    if (level && !d->rtc)
        pm_set_status(d, STS_RTC);
    d->rtc = level;
    pm_update_sci(d);
}

struct irq_line piix4pm_rtc(struct device *dev)
{
    return (struct irq_line){pm_set_rtc, dev, 0};
}

/* --- reset and state --- */

static void piix4pm_reset(struct device *dev)
{
    struct piix4pm *d = (struct piix4pm *)dev;

    /* d->rtc stays: it is the RTC's wire. */
    pci_reset(&d->fn);
    memset(d->io, 0, sizeof d->io);
    d->io[PM_CNTRL] = CNTRL_SCI_EN;
    memset(d->smb, 0, sizeof d->smb);
    d->apmc = d->apms = 0;
    d->tmr_from_ns = clock_now(d->clock);
    d->tmr_next = TMR_HALF;
    timer_cancel(&d->overflow);
    pm_remap(d);
    pm_update_sci(d);
}

static void piix4pm_state(struct device *dev, struct state *s)
{
    struct piix4pm *d = (struct piix4pm *)dev;

    pci_state(&d->fn, s);
    state_bytes(s, "io", d->io, sizeof d->io);
    state_bytes(s, "smb", d->smb, sizeof d->smb);
    state_u8(s, "apmc", &d->apmc);
    state_u8(s, "apms", &d->apms);
    state_bool(s, "rtc", &d->rtc);
    state_u64(s, "tmr_from_ns", &d->tmr_from_ns);
    state_u64(s, "tmr_next", &d->tmr_next);
    timer_state(s, "overflow", &d->overflow);
    state_require(s, d->io[PM_CNTRL] & CNTRL_SCI_EN, "piix4pm: SCI_EN is not set");
    state_require(s, d->tmr_from_ns <= clock_now(d->clock), "piix4pm: the timer starts later");
    state_require(
        s, d->tmr_next && d->tmr_next % TMR_HALF == 0 && d->tmr_next <= pm_ticks(d) + TMR_HALF,
        "piix4pm: the timer does not overflow where it should");
    if (state_is_loading(s) && !state_error(s))
        pm_remap(d);
}

static const struct device_class piix4pm_class = {
    .name = "piix4pm",
    .version = 1,
    .reset = piix4pm_reset,
    .state = piix4pm_state,
    .destroy = device_free,
};

static void pm_init_config(struct piix4pm *d)
{
    struct pci_function *f = &d->fn;
    unsigned i;

    pci_init(f, "piix4pm", 1 << 3 | 3, 0x8086, 0x7113, 0x068000, 3);
    put_le16(f->writable + PCI_COMMAND, PCI_COMMAND_IO);
    put_le16(f->config + PCI_STATUS, 0x0280);
    f->config[PCI_INTERRUPT_PIN] = 1;
    for (i = REG_PMBA + 4; i < REG_PMREGMISC; i++) /* CNTA to DEVRESJ */
        f->writable[i] = 0xFF;
    put_le32(f->config + REG_PMBA, 1);
    put_le32(f->writable + REG_PMBA, 0xFFC0);
    f->writable[REG_PMREGMISC] = PMREGMISC_PMIOSE;
    put_le32(f->config + REG_SMBBA, 1);
    put_le32(f->writable + REG_SMBBA, 0xFFF0);
    f->writable[REG_SMBHSTCFG] = SMBHSTCFG_HST_EN | SMBHSTCFG_INTRSEL;
    for (i = REG_SMBHSTCFG + 1; i < REG_SMBHSTCFG + 4; i++) /* SMBSLVC, SMBSHDW1 and 2 */
        f->writable[i] = 0xFF;
    if (!d->pins.has_smm)
        f->config[REG_DEVACTB + 3] = DEVACTB_APMC_EN;
}

struct device *piix4pm_create(struct bus *bus, struct pci_bus *pci, struct clock *clock,
                              const struct piix4pm_pins *pins)
{
    struct piix4pm *d = device_new(&piix4pm_class, sizeof *d);

    d->bus = bus;
    d->clock = clock;
    d->pins = *pins;
    pm_init_config(d);
    d->fn.opaque = d;
    d->fn.config_written = pm_config_written;
    timer_init(&d->overflow, clock, pm_overflow, d);
    pci_add(pci, &d->fn);
    bus_map_ports(bus, APMC_PORT, 2, &apm_ports, d);
    return &d->dev;
}
