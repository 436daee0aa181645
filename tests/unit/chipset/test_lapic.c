/* Local APIC, I/O APIC and the bus between them. Sections named are those of SDM Vol. 3A. */
#include "devices/chipset/lapic.h"

#include "devices/chipset/apic_bus.h"
#include "devices/chipset/ioapic.h"
#include "mmu/physmap.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <string.h>

enum { INTR = 0, NMI = 1, SMI = 2, INTR1 = 3, BASE = 0xFEE00000 };
enum { ID = 0x20, TPR = 0x80, PPR = 0xA0, EOI = 0xB0, LDR = 0xD0, DFR = 0xE0, SVR = 0xF0 };
enum { ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR_HIGH = 0x310 };
enum { LVT_TIMER = 0x320, LINT0 = 0x350, LINT1 = 0x360, LVT_ERROR = 0x370 };
enum { INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3E0 };

/* Two processors, the accesses of one of them. */
struct board {
    struct rig rig;
    struct apic_bus *apics;
    struct device *lapic[2], *ioapic;
    unsigned accessing;
    unsigned inits, startups;
    u8 startup_vector;
};

static struct board board, other;

static void note_init(void *opaque)
{
    ((struct board *)opaque)->inits++;
}

static void note_startup(void *opaque, u8 vector)
{
    ((struct board *)opaque)->startups++;
    ((struct board *)opaque)->startup_vector = vector;
}

static struct device *accessing(void *opaque)
{
    struct board *b = opaque;

    return b->lapic[b->accessing];
}

static void board_setup(struct board *b)
{
    struct lapic_pins pins = {.init = note_init, .startup = note_startup, .accessing = accessing};

    rig_setup(&b->rig);
    b->accessing = b->inits = b->startups = 0;
    b->apics = apic_bus_new();
    pins.opaque = b;
    pins.intr = rig_line(&b->rig, INTR);
    pins.nmi = rig_line(&b->rig, NMI);
    pins.smi = rig_line(&b->rig, SMI);
    b->lapic[0] = lapic_create(b->rig.bus, b->rig.clock, b->apics, 0, &pins);
    pins.intr = rig_line(&b->rig, INTR1);
    b->lapic[1] = lapic_create(b->rig.bus, b->rig.clock, b->apics, 1, &pins);
    b->ioapic = ioapic_create(b->rig.bus, b->apics, IOAPIC_BASE, 2);
    device_reset(b->lapic[0]);
    device_reset(b->lapic[1]);
    device_reset(b->ioapic);
}

static void board_teardown(struct board *b)
{
    device_destroy(b->lapic[0]);
    device_destroy(b->lapic[1]);
    device_destroy(b->ioapic);
    apic_bus_free(b->apics);
    rig_teardown(&b->rig);
}

static u32 peek(struct board *b, u64 gpa)
{
    return (u32)physmap_load(b->rig.physmap, gpa, 4);
}

static void poke32(struct board *b, u64 gpa, u32 value)
{
    physmap_store(b->rig.physmap, gpa, value, 4);
}

static u32 rd(u64 reg)
{
    return peek(&board, BASE + reg);
}

static void wr(u64 reg, u32 value)
{
    poke32(&board, BASE + reg, value);
}

static u32 io_rd(u8 reg)
{
    poke32(&board, IOAPIC_BASE, reg);
    return peek(&board, IOAPIC_BASE + 0x10);
}

static void io_wr(u8 reg, u32 value)
{
    poke32(&board, IOAPIC_BASE, reg);
    poke32(&board, IOAPIC_BASE + 0x10, value);
}

static void pin(unsigned n, bool level)
{
    struct irq_line line = ioapic_line(board.ioapic, n);

    irq_set(&line, level);
}

static void lint(unsigned n, bool level)
{
    struct irq_line line = lapic_lint(board.lapic[0], n);

    irq_set(&line, level);
}

static void setup(void)
{
    board_setup(&board);
    board.accessing = 1;
    wr(SVR, 0x1FF);
    board.accessing = 0;
    wr(SVR, 0x1FF);
}

static void teardown(void)
{
    board_teardown(&board);
}

/* A fixed interrupt to self. */
static void self(u8 vector)
{
    wr(ICR, 0x40000 | vector);
}

TestSuite(lapic, .init = setup, .fini = teardown);

/* "Local APIC State After Power-Up or Reset" */
Test(lapic, registers_after_reset)
{
    device_reset(board.lapic[0]);
    cr_assert_eq(rd(ID), 0);
    cr_assert_eq(rd(0x30) & 0xFF, 0x14);
    cr_assert_eq(rd(0x30) >> 16, 5);
    cr_assert_eq(rd(TPR), 0);
    cr_assert_eq(rd(LDR), 0);
    cr_assert_eq(rd(DFR), 0xFFFFFFFF);
    cr_assert_eq(rd(SVR), 0xFF);
    cr_assert_eq(rd(LVT_TIMER), 0x10000);
    cr_assert_eq(rd(LINT0), 0x10000);
    cr_assert_eq(rd(LVT_ERROR), 0x10000);
    cr_assert_eq(rd(INITIAL), 0);
    cr_assert_eq(lapic_base(board.lapic[0]), 0xFEE00900);
    cr_assert_eq(lapic_base(board.lapic[1]), 0xFEE00800);
    board.accessing = 1;
    cr_assert_eq(rd(ID), 0x01000000);
}

Test(lapic, highest_vector_is_delivered_and_nests)
{
    self(0x41);
    self(0x62);
    cr_assert(rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x62);
    cr_assert(!rig_level(&board.rig, INTR)); /* 41h is of a lower class */
    cr_assert_eq(rd(PPR), 0x60);
    cr_assert_eq(rd(ISR + 0x30), 1 << 2);
    cr_assert_eq(rd(IRR + 0x20), 1 << 1);
    self(0x71);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x71);
    wr(EOI, 0);
    wr(EOI, 0);
    cr_assert(rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x41);
    wr(EOI, 0);
    cr_assert_eq(rd(PPR), 0);
}

Test(lapic, task_priority_holds_back_its_class_and_below)
{
    wr(TPR, 0x45);
    cr_assert_eq(rd(PPR), 0x45);
    self(0x4F);
    cr_assert(!rig_level(&board.rig, INTR));
    self(0x50);
    cr_assert(rig_level(&board.rig, INTR));
    wr(TPR, 0x50);
    cr_assert(!rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0xFF); /* "Spurious Interrupt" */
    lapic_set_tpr(board.lapic[0], 0);
    cr_assert_eq(lapic_tpr(board.lapic[0]), 0);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x50);
}

Test(lapic, the_pic_passes_while_the_apic_is_off)
{
    wr(SVR, 0xFF);
    lint(0, true);
    cr_assert(rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), -1);
    lint(0, false);
    cr_assert(!rig_level(&board.rig, INTR));
    lint(1, true);
    cr_assert_eq(rig_rises(&board.rig, NMI), 1);
    cr_assert(lapic_set_base(board.lapic[0], 0xFEE00000));
    lint(0, true);
    cr_assert(rig_level(&board.rig, INTR));
}

Test(lapic, virtual_wire_mode_takes_the_pic_through_lint0)
{
    lint(0, true);
    cr_assert(!rig_level(&board.rig, INTR)); /* masked */
    wr(LINT0, 0x8700);
    cr_assert(rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), -1);
    wr(LINT0, 0x18700);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, lint1_in_nmi_mode_takes_edges)
{
    wr(LINT1, 0x400);
    lint(1, true);
    lint(1, true);
    cr_assert_eq(rig_rises(&board.rig, NMI), 1);
    wr(LINT1, 0x10400);
    lint(1, false);
    lint(1, true);
    cr_assert_eq(rig_rises(&board.rig, NMI), 1);
}

Test(lapic, a_level_triggered_lint_comes_again_after_eoi)
{
    wr(LINT0, 0x8044);
    lint(0, true);
    cr_assert_eq(rd(LINT0), 0xC044); /* remote IRR */
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x44);
    wr(EOI, 0);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x44);
    lint(0, false);
    wr(EOI, 0);
    cr_assert_eq(rd(LINT0), 0x8044);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, software_disable_masks_the_local_vector_table)
{
    wr(LVT_TIMER, 0x20030);
    wr(SVR, 0xFF);
    cr_assert_eq(rd(LVT_TIMER), 0x30030);
    wr(LVT_TIMER, 0x20030);
    cr_assert_eq(rd(LVT_TIMER), 0x30030);
    self(0x55);
    cr_assert_eq(rd(IRR + 0x20), 0);
}

/* 100 MHz: a tick is 10 ns; divide code Bh is by one. */
Test(lapic, one_shot_timer)
{
    wr(LVT_TIMER, 0x30);
    wr(DIVIDE, 0xB);
    wr(INITIAL, 1000);
    rig_advance_ns(&board.rig, 4000);
    cr_assert_eq(rd(CURRENT), 600);
    rig_advance_ns(&board.rig, 5999);
    cr_assert(!rig_level(&board.rig, INTR));
    rig_advance_ns(&board.rig, 1);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x30);
    cr_assert_eq(rd(CURRENT), 0);
    wr(EOI, 0);
    rig_advance_ns(&board.rig, 100000);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, divide_codes)
{
    static const struct {
        u8 code, divisor;
    } codes[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(codes); i++) {
        wr(DIVIDE, codes[i].code);
        wr(INITIAL, 100000);
        rig_advance_ns(&board.rig, 1280 * 10);
        cr_assert_eq(rd(CURRENT), 100000 - 1280 / codes[i].divisor);
    }
}

Test(lapic, periodic_timer_keeps_its_rhythm)
{
    unsigned i;

    wr(LVT_TIMER, 0x20030);
    wr(DIVIDE, 0xB);
    wr(INITIAL, 100);
    for (i = 0; i < 5; i++) {
        rig_advance_ns(&board.rig, 1000);
        cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x30);
        wr(EOI, 0);
        cr_assert_eq(rd(CURRENT), 100);
    }
    rig_advance_ns(&board.rig, 300);
    cr_assert_eq(rd(CURRENT), 70);
    wr(INITIAL, 0);
    rig_advance_ns(&board.rig, 10000);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, a_masked_timer_counts_silently)
{
    wr(LVT_TIMER, 0x10030);
    wr(DIVIDE, 0xB);
    wr(INITIAL, 100);
    rig_advance_ns(&board.rig, 1000);
    wr(LVT_TIMER, 0x30);
    rig_advance_ns(&board.rig, 5000);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, messages_find_their_processor)
{
    wr(ICR_HIGH, 1u << 24);
    wr(ICR, 0x45); /* physical */
    cr_assert_eq(lapic_acknowledge(board.lapic[1]), 0x45);
    board.accessing = 1;
    wr(EOI, 0);
    wr(LDR, 0x80000000);
    board.accessing = 0;
    wr(LDR, 0x01000000);
    wr(ICR_HIGH, 0x80000000);
    wr(ICR, 0x846); /* logical, flat */
    cr_assert_eq(lapic_acknowledge(board.lapic[1]), 0x46);
    cr_assert(!rig_level(&board.rig, INTR));
    wr(ICR, 0x80047); /* all */
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x47);
    board.accessing = 1;
    wr(EOI, 0);
    cr_assert_eq(lapic_acknowledge(board.lapic[1]), 0x47);
    board.accessing = 0;
    wr(ICR, 0xC0058); /* all but self */
    cr_assert(!rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[1]), 0x58);
}

Test(lapic, clusters_match_cluster_and_member)
{
    board.accessing = 1;
    wr(DFR, 0x0FFFFFFF);
    wr(LDR, 0x24000000);
    board.accessing = 0;
    wr(DFR, 0x0FFFFFFF);
    wr(LDR, 0x12000000);
    wr(ICR_HIGH, 0x24000000);
    wr(ICR, 0x845);
    cr_assert(rig_level(&board.rig, INTR1) && !rig_level(&board.rig, INTR));
    wr(ICR_HIGH, 0xF2000000); /* member 1 of every cluster */
    wr(ICR, 0x845);
    cr_assert(rig_level(&board.rig, INTR));
}

Test(lapic, lowest_priority_goes_to_the_less_busy)
{
    wr(TPR, 0x20);
    wr(ICR_HIGH, 0xFF000000);
    wr(ICR, 0x145);
    cr_assert(!rig_level(&board.rig, INTR));
    cr_assert(rig_level(&board.rig, INTR1));
}

Test(lapic, init_and_startup_reach_the_processor)
{
    wr(ICR_HIGH, 1u << 24);
    wr(ICR, 0x4500);
    cr_assert_eq(board.inits, 1);
    wr(ICR, 0x8500); /* level de-assert: nothing */
    cr_assert_eq(board.inits, 1);
    wr(ICR, 0x4690);
    cr_assert_eq(board.startups, 1);
    cr_assert_eq(board.startup_vector, 0x90);
    board.accessing = 1;
    cr_assert_eq(rd(SVR), 0xFF); /* as after reset, but for the ID */
    cr_assert_eq(rd(ID), 0x01000000);
    wr(ICR_HIGH, 0);
    wr(ICR, 0x4400);
    wr(ICR, 0x4200);
    cr_assert_eq(rig_rises(&board.rig, NMI), 1);
    cr_assert_eq(rig_rises(&board.rig, SMI), 1);
}

Test(lapic, errors_are_gathered_until_written)
{
    wr(LVT_ERROR, 0xFE);
    wr(ICR, 0x4000F); /* an illegal vector */
    cr_assert_eq(rd(ESR), 0);
    wr(ESR, 0);
    cr_assert_eq(rd(ESR), 0x20);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0xFE);
    rd(0x3F0); /* no such register */
    wr(ESR, 0);
    cr_assert_eq(rd(ESR), 0x80);
    wr(ESR, 0);
    cr_assert_eq(rd(ESR), 0);
}

Test(lapic, the_base_moves_and_switches_off)
{
    board.accessing = 0;
    cr_assert(lapic_set_base(board.lapic[1], 0xFEE00000));
    cr_assert(lapic_set_base(board.lapic[0], 0xFED80800));
    cr_assert_eq(peek(&board, 0xFED800F0), 0x1FF);
    cr_assert_eq(peek(&board, 0xFEE000F0), 0xFFFFFFFF);
    cr_assert(lapic_set_base(board.lapic[0], 0xFEE00000));
    cr_assert_eq(peek(&board, 0xFED800F0), 0xFFFFFFFF);
    cr_assert_eq(lapic_base(board.lapic[0]), 0xFEE00100); /* BSP can not be written */
    cr_assert(lapic_set_base(board.lapic[0], 0xFEE00800));
    cr_assert_eq(rd(SVR), 0xFF); /* as after power-up */
    cr_assert(!lapic_set_base(board.lapic[0], 0xFEE00801));
    cr_assert(!lapic_set_base(board.lapic[0], 0xF000FEE00800));
}

Test(lapic, ioapic_registers)
{
    cr_assert_eq(io_rd(0), 0x02000000);
    cr_assert_eq(io_rd(1), 0x00170011);
    cr_assert_eq(io_rd(0x10), 0x10000);
    io_wr(0, 0xFF000000);
    cr_assert_eq(io_rd(0), 0x0F000000);
    io_wr(0x3F, 0xFFFFFFFF);
    cr_assert_eq(io_rd(0x3F), 0xFF000000);
    io_wr(0x3E, 0xFFFFFFFF);
    cr_assert_eq(io_rd(0x3E), 0x0001AFFF);
}

Test(lapic, an_edge_on_a_pin_is_delivered_once)
{
    io_wr(0x14, 0x31);
    pin(2, true);
    pin(2, true);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x31);
    cr_assert_eq(rd(TMR + 0x10), 0);
    wr(EOI, 0);
    cr_assert(!rig_level(&board.rig, INTR));
    pin(2, false);
    io_wr(0x14, 0x10031);
    pin(2, true); /* lost: "Edge-sensitive interrupts signaled on a masked pin are ignored" */
    io_wr(0x14, 0x31);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, a_level_on_a_pin_waits_for_eoi)
{
    io_wr(0x10 + 2 * 11, 0x18051);
    pin(11, true);
    cr_assert(!rig_level(&board.rig, INTR));
    io_wr(0x10 + 2 * 11, 0x8051);
    cr_assert_eq(io_rd(0x10 + 2 * 11), 0xC051); /* remote IRR */
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x51);
    cr_assert_eq(rd(TMR + 0x20), 1 << 17);
    pin(11, false);
    pin(11, true);
    cr_assert(!rig_level(&board.rig, INTR));
    wr(EOI, 0);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x51);
    pin(11, false);
    wr(EOI, 0);
    cr_assert_eq(io_rd(0x10 + 2 * 11), 0x8051);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, making_a_pin_edge_triggered_clears_its_remote_irr)
{
    io_wr(0x10 + 2 * 11, 0x8051);
    pin(11, true);
    io_wr(0x10 + 2 * 11, 0x10051);
    cr_assert_eq(io_rd(0x10 + 2 * 11), 0x10051);
}

Test(lapic, an_extint_message_asks_the_pic)
{
    io_wr(0x10, 0x700);
    pin(0, true);
    cr_assert(rig_level(&board.rig, INTR));
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), -1);
    cr_assert(!rig_level(&board.rig, INTR));
}

Test(lapic, state_carries_vectors_and_a_running_timer)
{
    wr(LVT_TIMER, 0x20030);
    wr(DIVIDE, 0xB);
    wr(INITIAL, 100);
    self(0x41);
    cr_assert_eq(lapic_acknowledge(board.lapic[0]), 0x41);
    io_wr(0x10 + 2 * 11, 0x8021);
    pin(11, true);
    rig_advance_ns(&board.rig, 500);
    board_setup(&other);
    rig_transfer(&other.rig, other.lapic[0], &board.rig, board.lapic[0]);
    rig_transfer(&other.rig, other.ioapic, &board.rig, board.ioapic);
    poke32(&other, BASE + EOI, 0);
    cr_assert_eq(lapic_acknowledge(other.lapic[0]), 0x21);
    poke32(&other, BASE + EOI, 0);
    cr_assert_eq(lapic_acknowledge(other.lapic[0]), 0x21); /* the pin is still asserted */
    rig_advance_ns(&other.rig, 500);
    cr_assert_eq(lapic_acknowledge(other.lapic[0]), 0x30);
    board_teardown(&other);
}

static void poke(void *opaque)
{
    unsigned reg;

    for (reg = 0; reg < 0x400; reg += 16)
        if (reg != INITIAL)
            wr(reg, rd(reg) ^ 0x101);
    lint(0, true);
    lint(0, false);
    lapic_acknowledge(board.lapic[0]);
    wr(EOI, 0);
    pin(3, true);
    pin(3, false);
    rig_advance_ns(&board.rig, 2000);
}

Test(lapic, damaged_state_is_refused_or_harmless)
{
    wr(LVT_TIMER, 0x20030);
    wr(INITIAL, 1000);
    self(0x41);
    cr_assert_gt(rig_damage(board.lapic[0], 1500, poke, NULL), 300);
    cr_assert_gt(rig_damage(board.ioapic, 1500, poke, NULL), 300);
}
