/* PIIX4 power management. Numbers from the 82371AB data sheet and the ACPI specification. */
#include "devices/chipset/piix4pm.h"

#include "devices/chipset/pci.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>

enum { SCI = 9, SMI = 10, DEVFN = 1 << 3 | 3, PM = 0x600, SMB = 0x700 };

struct board {
    struct rig rig;
    struct pci_bus *pci;
    struct device *dev;
    unsigned power_offs;
    u16 base;
};

static struct board board, other;

static void note_power_off(void *opaque)
{
    ((struct board *)opaque)->power_offs++;
}

static void note_base(void *opaque, u16 port)
{
    ((struct board *)opaque)->base = port;
}

static void board_setup(struct board *b, bool has_smm)
{
    struct piix4pm_pins pins = {
        .has_smm = has_smm, .power_off = note_power_off, .base_moved = note_base, .opaque = b};
    struct irq_line none[4] = {0};

    rig_setup(&b->rig);
    b->power_offs = 0;
    b->base = 0;
    b->pci = pci_bus_new(none);
    pins.sci = rig_line(&b->rig, SCI);
    pins.smi = rig_line(&b->rig, SMI);
    b->dev = piix4pm_create(b->rig.bus, b->pci, b->rig.clock, &pins);
    device_reset(b->dev);
}

static void board_teardown(struct board *b)
{
    device_destroy(b->dev);
    pci_bus_free(b->pci);
    rig_teardown(&b->rig);
}

static void cfg(unsigned reg, unsigned size, u32 value)
{
    pci_config_write(board.pci, 0, DEVFN, reg, value, size);
}

static u32 in(unsigned port, unsigned size)
{
    return bus_in(board.rig.bus, (u16)port, size);
}

static void out(unsigned port, unsigned size, u32 value)
{
    bus_out(board.rig.bus, (u16)port, size, value);
}

/* As firmware sets it up. */
static void enable(void)
{
    cfg(0x40, 4, PM | 1);
    cfg(0x80, 1, 1);
    cfg(0x90, 4, SMB | 1);
    cfg(0xD2, 1, 0x09);
    cfg(0x04, 2, 1);
}

static void setup(void)
{
    board_setup(&board, false);
    enable();
}

static void teardown(void)
{
    board_teardown(&board);
}

TestSuite(piix4pm, .init = setup, .fini = teardown);

Test(piix4pm, configuration_space)
{
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0, 4), 0x71138086);
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0x0A, 2), 0x0680);
    cfg(0x40, 4, 0xFFFFFFFF);
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0x40, 4), 0x0000FFC1);
    cfg(0x90, 4, 0xFFFFFFFF);
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0x90, 4), 0x0000FFF1);
}

Test(piix4pm, blocks_appear_where_they_are_enabled)
{
    cr_assert_eq(board.base, PM);
    cr_assert_eq(in(PM + 4, 2), 1); /* SCI_EN */
    cfg(0x80, 1, 0);
    cr_assert_eq(in(PM + 4, 2), 0xFFFF);
    cr_assert_eq(board.base, 0);
    cfg(0x40, 4, 0xB001);
    cfg(0x80, 1, 1);
    cr_assert_eq(in(0xB004, 2), 1);
    cfg(0xD2, 1, 0);
    cr_assert_eq(in(SMB, 1), 0xFF);
}

/* 3 579 545 ticks a second. */
Test(piix4pm, the_timer_counts_exactly)
{
    u32 start = in(PM + 8, 4);

    rig_advance_ns(&board.rig, 1000000000);
    cr_assert_eq(in(PM + 8, 4) - start, 3579545);
    rig_advance_ns(&board.rig, 4000000000);
    cr_assert_eq(in(PM + 8, 4), 5 * 3579545 & 0xFFFFFF); /* 24 bits */
}

/* Bit 23 changes after 2^23 ticks: 2 343 484 437.5 ns. */
Test(piix4pm, the_timer_status_follows_bit_23)
{
    rig_advance_ns(&board.rig, 2343484437);
    cr_assert_eq(in(PM, 2) & 1, 0);
    rig_advance_ns(&board.rig, 1);
    cr_assert_eq(in(PM, 2) & 1, 1);
    out(PM, 2, 1);
    cr_assert_eq(in(PM, 2) & 1, 0);
    cr_assert_eq(rig_rises(&board.rig, SCI), 0);
    out(PM + 2, 2, 1);
    rig_advance_ns(&board.rig, 2343484438);
    cr_assert(rig_level(&board.rig, SCI));
    out(PM, 2, 1);
    cr_assert(!rig_level(&board.rig, SCI));
}

Test(piix4pm, the_power_button_interrupts_if_wanted)
{
    cr_assert(!piix4pm_power_button(board.dev));
    cr_assert_eq(in(PM, 2), 0x0100);
    cr_assert(!rig_level(&board.rig, SCI));
    out(PM, 2, 0x0100);
    out(PM + 2, 2, 0x0100);
    cr_assert(piix4pm_power_button(board.dev));
    cr_assert(rig_level(&board.rig, SCI));
    out(PM, 2, 0x0100);
    cr_assert(!rig_level(&board.rig, SCI));
}

Test(piix4pm, the_rtc_sets_its_status)
{
    struct irq_line rtc = piix4pm_rtc(board.dev);

    irq_set(&rtc, true);
    cr_assert_eq(in(PM, 2), 0x0400);
    out(PM, 2, 0x0400);
    irq_set(&rtc, true);
    cr_assert_eq(in(PM, 2), 0);
}

Test(piix4pm, soft_off_switches_off)
{
    out(PM + 4, 2, 0x0001);
    cr_assert_eq(board.power_offs, 0);
    out(PM + 4, 2, 0x2000);
    cr_assert_eq(board.power_offs, 1);
    cr_assert_eq(in(PM + 4, 2), 0x0001); /* SUS_EN reads 0, SCI_EN stays */
}

Test(piix4pm, other_sleeping_states_wake_at_once)
{
    out(PM + 4, 2, 0x2401);
    cr_assert_eq(board.power_offs, 0);
    cr_assert_eq(in(PM, 2), 0x8000);
}

Test(piix4pm, without_smm_firmware_finds_smi_handling_set_up)
{
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0x58, 4), 1u << 25);
    out(0xB3, 1, 0x12);
    out(PM + 0x28, 4, 1);
    out(0xB2, 1, 0x34);
    cr_assert_eq(in(0xB2, 1), 0x34);
    cr_assert_eq(in(0xB3, 1), 0x12);
    cr_assert_eq(rig_rises(&board.rig, SMI), 0);
}

Test(piix4pm, with_smm_the_command_port_raises_smi)
{
    board_teardown(&board);
    board_setup(&board, true);
    enable();
    cr_assert_eq(pci_config_read(board.pci, 0, DEVFN, 0x58, 4), 0);
    out(PM + 0x28, 4, 1);
    out(0xB2, 1, 0xF1);
    cr_assert_eq(rig_rises(&board.rig, SMI), 0);
    cfg(0x58, 4, 1u << 25);
    out(0xB2, 1, 0xF1);
    cr_assert_eq(rig_rises(&board.rig, SMI), 1);
}

Test(piix4pm, nobody_answers_on_the_smbus)
{
    out(SMB + 4, 1, 0xA1);
    out(SMB + 2, 1, 0x48);
    cr_assert_eq(in(SMB, 1), 0x04); /* DEV_ERR */
    cr_assert_eq(in(SMB + 2, 1), 0x08);
    out(SMB, 1, 0x04);
    cr_assert_eq(in(SMB, 1), 0);
    out(SMB + 2, 1, 0x49);
    cr_assert(rig_level(&board.rig, SCI));
    out(SMB, 1, 0x1E);
    cr_assert(!rig_level(&board.rig, SCI));
}

Test(piix4pm, state_carries_timer_and_blocks)
{
    out(PM + 2, 2, 1);
    rig_advance_ns(&board.rig, 1000000000);
    board_setup(&other, false);
    rig_transfer(&other.rig, other.dev, &board.rig, board.dev);
    cr_assert_eq(other.base, PM);
    cr_assert_eq(bus_in(other.rig.bus, PM + 8, 4), 3579545);
    rig_advance_ns(&other.rig, 1343484438);
    cr_assert(rig_level(&other.rig, SCI));
    board_teardown(&other);
}

static void poke(void *opaque)
{
    unsigned i;

    for (i = 0; i < 64; i++)
        out(PM + i, 1, (u8)~in(PM + i, 1));
    for (i = 0; i < 16; i++)
        out(SMB + i, 1, (u8)~in(SMB + i, 1));
    rig_advance_ns(&board.rig, 1000);
}

Test(piix4pm, damaged_state_is_refused_or_harmless)
{
    out(PM + 2, 2, 1);
    cr_assert_gt(rig_damage(board.dev, 1500, poke, NULL), 300);
}
