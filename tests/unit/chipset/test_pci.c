/* PCI functions, configuration ports of the host bridge, interrupt steering of the ISA bridge. */
#include "devices/chipset/pci.h"

#include "base/bytes.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix3.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_IRQ0 = 0, LINE_RESET = 16, LINE_INIT = 17 };

/* A card with a memory, an I/O and a ROM BAR, which notes where they go. */
struct card {
    struct device dev;
    struct pci_function fn;
    unsigned moves, writes;
};

static void card_moved(void *opaque, unsigned bar, u64 old, u64 now)
{
    ((struct card *)opaque)->moves++;
}

static void card_written(void *opaque, unsigned offset, unsigned size)
{
    ((struct card *)opaque)->writes++;
}

static void card_reset(struct device *dev)
{
    pci_reset(&((struct card *)dev)->fn);
}

static void card_state(struct device *dev, struct state *s)
{
    pci_state(&((struct card *)dev)->fn, s);
}

static const struct device_class card_class = {
    .name = "card", .version = 1, .reset = card_reset, .state = card_state, .destroy = device_free};

struct board {
    struct rig rig;
    struct pci_bus *pci;
    struct device *host, *isa;
    struct irq_line isa5, isa5_too;
    struct card *card;
    char pam[4096];
    unsigned smram_calls;
    bool open, closed, locked, enabled;
};

static struct board board, other;

static void note_pam(void *opaque, u32 start, u32 len, bool read_ram, bool write_ram)
{
    struct board *b = opaque;
    size_t at = strlen(b->pam);

    snprintf(b->pam + at, sizeof b->pam - at, "%X+%X:%s%s ", start, len, read_ram ? "r" : "-",
             write_ram ? "w" : "-");
}

static void note_smram(void *opaque, bool open, bool closed, bool locked, bool enabled)
{
    struct board *b = opaque;

    b->smram_calls++;
    b->open = open;
    b->closed = closed;
    b->locked = locked;
    b->enabled = enabled;
}

static void board_setup(struct board *b)
{
    struct i440fx_memory memory = {b, note_pam, note_smram};
    struct piix3_pins pins = {.reset = rig_line(&b->rig, LINE_RESET),
                              .init = rig_line(&b->rig, LINE_INIT)};
    struct irq_line pirq[4];
    unsigned i;

    memset(b->pam, 0, sizeof b->pam);
    rig_setup(&b->rig);
    for (i = 0; i < 16; i++)
        pins.irq[i] = rig_line(&b->rig, LINE_IRQ0 + i);
    b->isa = piix3_create(&pins);
    for (i = 0; i < 4; i++)
        pirq[i] = piix3_pirq(b->isa, i);
    b->pci = pci_bus_new(pirq);
    b->host = i440fx_create(b->rig.bus, b->pci, &memory, 64 << 20);
    piix3_plug(b->isa, b->rig.bus, b->pci);
    b->isa5 = piix3_isa_irq(b->isa, 5);
    b->isa5_too = piix3_isa_irq(b->isa, 5);
    b->card = device_new(&card_class, sizeof *b->card);
    pci_init(&b->card->fn, "card", 3 << 3, 0x1013, 0x00B8, 0x030000, 0x22);
    b->card->fn.opaque = b->card;
    b->card->fn.bar_moved = card_moved;
    b->card->fn.config_written = card_written;
    b->card->fn.config[PCI_INTERRUPT_PIN] = 1;
    pci_bar_init(&b->card->fn, 0, PCI_BAR_MEM_PREFETCH, 1 << 20);
    pci_bar_init(&b->card->fn, 1, PCI_BAR_IO, 32);
    pci_bar_init(&b->card->fn, 6, PCI_BAR_MEM, 65536);
    pci_add(b->pci, &b->card->fn);
    device_reset(b->host);
    device_reset(b->isa);
    device_reset(&b->card->dev);
}

static void board_teardown(struct board *b)
{
    device_destroy(&b->card->dev);
    device_destroy(b->host);
    device_destroy(b->isa);
    pci_bus_free(b->pci);
    rig_teardown(&b->rig);
}

static void setup(void)
{
    board_setup(&board);
}

static void teardown(void)
{
    board_teardown(&board);
}

static void select_register(unsigned device, unsigned function, unsigned reg)
{
    bus_out(board.rig.bus, 0xCF8, 4, 0x80000000 | device << 11 | function << 8 | (reg & 0xFC));
}

static u32 cfg_read(unsigned device, unsigned reg, unsigned size)
{
    select_register(device, 0, reg);
    return bus_in(board.rig.bus, (u16)(0xCFC + reg % 4), size);
}

static void cfg_write(unsigned device, unsigned reg, unsigned size, u32 value)
{
    select_register(device, 0, reg);
    bus_out(board.rig.bus, (u16)(0xCFC + reg % 4), size, value);
}

TestSuite(pci, .init = setup, .fini = teardown);

Test(pci, firmware_finds_the_bridges_it_looks_for)
{
    cr_assert_eq(cfg_read(0, 0x00, 4), 0x12378086);
    cr_assert_eq(cfg_read(0, 0x2C, 4), 0x11001AF4);
    cr_assert_eq(cfg_read(0, 0x0A, 2), 0x0600);
    cr_assert_eq(cfg_read(1, 0x00, 4), 0x70008086);
    cr_assert_eq(cfg_read(1, 0x0A, 2), 0x0601);
    cr_assert_eq(cfg_read(1, 0x0E, 1), 0x80);
    cr_assert_eq(cfg_read(2, 0x00, 4), 0xFFFFFFFF);
}

Test(pci, configuration_data_takes_bytes_words_and_dwords)
{
    cr_assert_eq(cfg_read(3, 0x00, 1), 0x13);
    cr_assert_eq(cfg_read(3, 0x01, 1), 0x10);
    cr_assert_eq(cfg_read(3, 0x02, 2), 0x00B8);
    cr_assert_eq(cfg_read(3, 0x08, 4), 0x03000022);
    cfg_write(3, 0x3C, 1, 11);
    cr_assert_eq(cfg_read(3, 0x3C, 4), 0x0000010B);
}

Test(pci, only_a_dword_reaches_the_address_register)
{
    bus_out(board.rig.bus, 0xCF8, 4, 0x80001800);
    bus_out(board.rig.bus, 0xCF8, 1, 0x55);
    bus_out(board.rig.bus, 0xCF8, 2, 0x5555);
    cr_assert_eq(bus_in(board.rig.bus, 0xCF8, 4), 0x80001800);
    cr_assert_eq(bus_in(board.rig.bus, 0xCFA, 1), 0xFF); /* mechanism #2 is not here */
    bus_out(board.rig.bus, 0xCF8, 4, 0x00001800);
    cr_assert_eq(bus_in(board.rig.bus, 0xCFC, 4), 0xFFFFFFFF);
    bus_out(board.rig.bus, 0xCF8, 4, 0x80011800); /* bus 1 */
    cr_assert_eq(bus_in(board.rig.bus, 0xCFC, 4), 0xFFFFFFFF);
}

Test(pci, sizing_a_base_address_gives_its_size)
{
    cfg_write(3, 0x10, 4, 0xFFFFFFFF);
    cr_assert_eq(cfg_read(3, 0x10, 4), 0xFFF00008);
    cfg_write(3, 0x14, 4, 0xFFFFFFFF);
    cr_assert_eq(cfg_read(3, 0x14, 4), 0xFFFFFFE1);
    cfg_write(3, 0x18, 4, 0xFFFFFFFF);
    cr_assert_eq(cfg_read(3, 0x18, 4), 0);
    cfg_write(3, 0x30, 4, 0xFFFFFFFE);
    cr_assert_eq(cfg_read(3, 0x30, 4), 0xFFFF0000);
    cr_assert_eq(board.card->moves, 0);
}

Test(pci, a_base_address_decodes_while_its_space_is_enabled)
{
    cfg_write(3, 0x10, 4, 0xE0000000);
    cfg_write(3, 0x14, 4, 0xC000);
    cr_assert_eq(board.card->fn.bars[0].address, PCI_BAR_UNMAPPED);
    cfg_write(3, 0x04, 2, PCI_COMMAND_MEMORY);
    cr_assert_eq(board.card->fn.bars[0].address, 0xE0000000);
    cr_assert_eq(board.card->fn.bars[1].address, PCI_BAR_UNMAPPED);
    cfg_write(3, 0x04, 2, PCI_COMMAND_IO);
    cr_assert_eq(board.card->fn.bars[0].address, PCI_BAR_UNMAPPED);
    cr_assert_eq(board.card->fn.bars[1].address, 0xC000);
    cfg_write(3, 0x14, 4, 0xFFFFFFFF); /* sizing with decoding left on */
    cr_assert_eq(board.card->fn.bars[1].address, PCI_BAR_UNMAPPED);
}

Test(pci, the_rom_has_an_enable_bit_of_its_own)
{
    cfg_write(3, 0x04, 2, PCI_COMMAND_MEMORY);
    cfg_write(3, 0x30, 4, 0xE0100000);
    cr_assert_eq(board.card->fn.bars[6].address, PCI_BAR_UNMAPPED);
    cfg_write(3, 0x30, 4, 0xE0100001);
    cr_assert_eq(board.card->fn.bars[6].address, 0xE0100000);
}

Test(pci, status_errors_are_cleared_by_ones)
{
    board.card->fn.config[PCI_STATUS + 1] = 0x32;
    cfg_write(3, 0x06, 2, 0x1000);
    cr_assert_eq(cfg_read(3, 0x06, 2), 0x2200);
}

Test(pci, read_only_bits_stay)
{
    cfg_write(3, 0x00, 4, 0);
    cfg_write(3, 0x08, 4, 0);
    cr_assert_eq(cfg_read(3, 0x00, 4), 0x00B81013);
    cr_assert_eq(cfg_read(3, 0x08, 4), 0x03000022);
    cr_assert_eq(board.card->writes, 2);
}

/* Device 3, INTA#: wire (3 + 0 - 1) & 3 = 2, PIRQC. */
Test(pci, an_interrupt_goes_through_the_steering_register)
{
    pci_set_intx(&board.card->fn, true);
    cr_assert_eq(rig_rises(&board.rig, 11), 0); /* 80h: routing is off after reset */
    cfg_write(1, 0x62, 1, 11);
    cr_assert(rig_level(&board.rig, 11));
    cfg_write(1, 0x62, 1, 10);
    cr_assert(!rig_level(&board.rig, 11));
    cr_assert(rig_level(&board.rig, 10));
    cfg_write(1, 0x62, 1, 13); /* reserved */
    cr_assert(!rig_level(&board.rig, 10));
    cr_assert(!rig_level(&board.rig, 13));
}

Test(pci, drivers_of_one_interrupt_are_joined)
{
    cfg_write(1, 0x62, 1, 5);
    irq_set(&board.isa5, true);
    irq_set(&board.isa5_too, true);
    pci_set_intx(&board.card->fn, true);
    irq_set(&board.isa5, false);
    irq_set(&board.isa5_too, false);
    cr_assert(rig_level(&board.rig, 5));
    pci_set_intx(&board.card->fn, false);
    cr_assert(!rig_level(&board.rig, 5));
    cr_assert_eq(rig_rises(&board.rig, 5), 1);
}

Test(pci, the_reset_register_resets_on_the_rise_of_its_bit)
{
    bus_out(board.rig.bus, 0xCF9, 1, 0x02);
    cr_assert_eq(rig_rises(&board.rig, LINE_RESET), 0);
    cr_assert_eq(bus_in(board.rig.bus, 0xCF9, 1), 0x02);
    bus_out(board.rig.bus, 0xCF9, 1, 0x06);
    cr_assert_eq(rig_rises(&board.rig, LINE_RESET), 1);
    bus_out(board.rig.bus, 0xCF9, 1, 0x06);
    cr_assert_eq(rig_rises(&board.rig, LINE_RESET), 1);
    bus_out(board.rig.bus, 0xCF9, 1, 0x00);
    bus_out(board.rig.bus, 0xCF9, 1, 0x04);
    cr_assert_eq(rig_rises(&board.rig, LINE_INIT), 1);
    cr_assert(!rig_level(&board.rig, LINE_INIT));
}

Test(pci, memory_attributes_reach_the_board_when_they_change)
{
    board.pam[0] = 0;
    cfg_write(0, 0x59, 1, 0x30);
    cr_assert_str_eq(board.pam, "F0000+10000:rw ");
    board.pam[0] = 0;
    cfg_write(0, 0x5A, 4, 0x00003221);
    cr_assert_str_eq(board.pam, "C0000+4000:r- C4000+4000:-w C8000+4000:-w CC000+4000:rw ");
    board.pam[0] = 0;
    cfg_write(0, 0x5A, 4, 0x00003221);
    cr_assert_str_eq(board.pam, "");
    cfg_write(0, 0x5F, 1, 0x33);
    cr_assert_str_eq(board.pam, "E8000+4000:rw EC000+4000:rw ");
}

Test(pci, reset_tells_the_board_everything)
{
    cfg_write(0, 0x59, 1, 0x30);
    board.pam[0] = 0;
    device_reset(board.host);
    cr_assert_str_eq(board.pam,
                     "F0000+10000:-- C0000+4000:-- C4000+4000:-- C8000+4000:-- CC000+4000:-- "
                     "D0000+4000:-- D4000+4000:-- D8000+4000:-- DC000+4000:-- E0000+4000:-- "
                     "E4000+4000:-- E8000+4000:-- EC000+4000:-- ");
}

Test(pci, locked_smram_can_not_be_opened)
{
    cr_assert_eq(cfg_read(0, 0x72, 1), 0x02);
    cfg_write(0, 0x72, 1, 0x4A);
    cr_assert(board.open && board.enabled && !board.locked);
    cfg_write(0, 0x72, 1, 0x5A); /* lock: closes it as well */
    cr_assert(!board.open && board.locked);
    cfg_write(0, 0x72, 1, 0x4A);
    cr_assert_eq(cfg_read(0, 0x72, 1), 0x1A);
    cr_assert(!board.open && board.locked);
    device_reset(board.host);
    cr_assert_eq(cfg_read(0, 0x72, 1), 0x02);
    cfg_write(0, 0x72, 1, 0x4A);
    cr_assert(board.open);
}

Test(pci, dram_row_boundaries_give_the_memory_size)
{
    cr_assert_eq(cfg_read(0, 0x60, 1), 8); /* 64 MiB in units of 8 */
    cr_assert_eq(cfg_read(0, 0x67, 1), 8);
}

Test(pci, state_moves_with_its_mappings)
{
    cfg_write(3, 0x10, 4, 0xE0000000);
    cfg_write(3, 0x04, 2, PCI_COMMAND_MEMORY);
    cfg_write(0, 0x59, 1, 0x10);
    cfg_write(0, 0x72, 1, 0x1A);
    cfg_write(1, 0x62, 1, 11);
    pci_set_intx(&board.card->fn, true);
    board_setup(&other);
    rig_transfer(&other.rig, &other.card->dev, &board.rig, &board.card->dev);
    rig_transfer(&other.rig, other.isa, &board.rig, board.isa);
    other.pam[0] = 0;
    rig_transfer(&other.rig, other.host, &board.rig, board.host);
    cr_assert_eq(other.card->fn.bars[0].address, 0xE0000000);
    cr_assert(strstr(other.pam, "F0000+10000:r- "));
    cr_assert(other.locked);
    pci_set_intx(&other.card->fn, false); /* only what changes after a load moves the wire */
    cr_assert(!rig_level(&other.rig, 11));
    board_teardown(&other);
}

static void poke(void *opaque)
{
    unsigned reg;

    for (reg = 0; reg < 256; reg += 4) {
        cfg_write(0, reg, 4, cfg_read(0, reg, 4) ^ 0x11);
        cfg_write(1, reg, 4, cfg_read(1, reg, 4));
        cfg_write(3, reg, 4, cfg_read(3, reg, 4));
    }
}

Test(pci, damaged_state_is_refused_or_harmless)
{
    cr_assert_gt(rig_damage(board.host, 1000, poke, NULL), 300);
    cr_assert_gt(rig_damage(board.isa, 1000, poke, NULL), 300);
    cr_assert_gt(rig_damage(&board.card->dev, 1000, poke, NULL), 300);
}

Test(pci, a_locked_bridge_refuses_the_state_of_another_device)
{
    size_t len;
    u8 *data = rig_save(&board.card->dev, &len);

    cr_assert_not_null(rig_load(board.host, data, len));
    free(data);
}
