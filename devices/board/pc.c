/*
 * The PC: i440FX, PIIX3 and PIIX4 power management, wired as on the boards that had them.
 *
 *   processor <- LAPIC <- LINT0 - 8259 pair <- ISA IRQ 0..15 <- PIIX3 <- PIRQ A-D <- PCI INTx
 *                  ^                              |
 *                  +---- IOAPIC <-----------------+  (IRQ 0 on pin 2)
 *
 * This file has no logic: what a wire does is in the chip at its end.
 */
#include "devices/board/board.h"

#include "devices/board/engines.h"
#include "devices/board/snapjournal.h"
#include "devices/chipset/apic_bus.h"
#include "devices/chipset/coprocessor.h"
#include "devices/chipset/dma.h"
#include "devices/chipset/fwcfg.h"
#include "devices/chipset/hpet.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/ioapic.h"
#include "devices/chipset/lapic.h"
#include "devices/chipset/pci.h"
#include "devices/chipset/pic.h"
#include "devices/chipset/piix3.h"
#include "devices/chipset/piix4pm.h"
#include "devices/chipset/pit.h"
#include "devices/chipset/port61.h"
#include "devices/chipset/port92.h"
#include "devices/chipset/rtc.h"
#include "devices/host/chr.h"
#include "devices/input/i8042.h"
#include "devices/serial/debugcon.h"
#include "devices/serial/parallel.h"
#include "devices/serial/uart16550.h"
#include "devices/sound/speaker.h"
#include "devices/storage/fdc.h"
#include "devices/storage/ide.h"
#include "devices/video/vga.h"
#include "mmu/dma.h"

#include <stdio.h>
#include <string.h>

void board_add(struct board *b, struct device *dev)
{
    assert(b->device_count < BOARD_DEVICES);
    dev->log = b->log;
    b->devices[b->device_count++] = dev;
}

/* ---- Clock and processor pins ---- */

static u64 count_now(void *opaque)
{
    const struct board *b = opaque;

    return b->cpu ? cpu_count(b->cpu) : 0;
}

static void deadline_moved(void *opaque)
{
    struct board *b = opaque;

    if (b->cpu)
        b->cpu->attention |= ATT_TIMER;
}

static u64 now_ns(void *opaque)
{
    const struct board *b = opaque;

    return clock_now(b->clock);
}

static u8 acknowledge(void *opaque)
{
    struct board *b = opaque;
    int vector = b->lapic ? lapic_acknowledge(b->lapic) : -1;

    return vector < 0 ? pic_acknowledge(b->pic) : (u8)vector;
}

static void ferr(void *opaque, bool level)
{
    struct board *b = opaque;
    struct irq_line line = coprocessor_ferr(b->coprocessor);

    irq_set(&line, level);
}

static void set_ignne(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    b->cpu->ignne = level;
}

static bool apic_base_write(void *opaque, u64 value)
{
    struct board *b = opaque;

    return lapic_set_base(b->lapic, value);
}

static u64 apic_base_read(void *opaque)
{
    const struct board *b = opaque;

    return lapic_base(b->lapic);
}

static void set_intr(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    cpu_set_intr(b->cpu, level);
}

static void pulse_nmi(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    if (level)
        cpu_raise_nmi(b->cpu);
}

/* ---- Wires of the board ---- */

static void isa_irq(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;
    struct irq_line pic = pic_line(b->pic, n);

    irq_set(&pic, level);
    if (b->ioapic) {
        struct irq_line pin = ioapic_line(b->ioapic, n == 0 ? 2 : n);

        irq_set(&pin, level);
    }
}

static void stop_soon(struct board *b)
{
    b->cpu->attention |= ATT_STOP;
}

enum { RESET_MACHINE, RESET_CPU };

static void reset_line(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    if (!level)
        return;
    *(n == RESET_MACHINE ? &b->reset_machine : &b->reset_cpu) = true;
    snprintf(b->reset_note, sizeof b->reset_note,
             "the guest asked a chip for a reset of the %s, at %04x:%08llx",
             n == RESET_MACHINE ? "machine" : "processor", b->cpu->seg[SEG_CS].sel,
             (unsigned long long)b->cpu->rip);
    b->reset_ns = clock_now(b->clock);
    stop_soon(b);
}

/* An INIT message of the APIC bus: as the pin. */
static void init_cpu(void *opaque)
{
    reset_line(opaque, RESET_CPU, true);
}

static void power_off(void *opaque)
{
    struct board *b = opaque;

    b->powered_off = true;
    stop_soon(b);
}

static void pm_base_moved(void *opaque, u16 port)
{
    firmware_acpi(opaque, port);
}

static void debug_exit(void *opaque, u32 value)
{
    struct board *b = opaque;

    b->debug_exited = true;
    b->exit_code = (int)(value << 1 | 1);
    stop_soon(b);
}

static void cd_ejected(void *opaque, unsigned n)
{
    struct board *b = opaque;

    if (!ide_take_disc(b->ide, n))
        return;
    b->ejected |= (u8)(1 << (DRIVE_HDA + n));
    stop_soon(b);
}

/* "--post-card" chooses this category. */
static void post_code(void *opaque, u32 value)
{
    struct board *b = opaque;

    log_trace(b->log, "post", "%02X", value & 0xFF);
}

static void panicked(void *opaque, u32 events)
{
    struct board *b = opaque;

    b->panicked = true;
    stop_soon(b);
    if (events & PVPANIC_PANICKED)
        log_warn(b->log, "pvpanic", "the guest's kernel says that it has panicked");
    if (events & PVPANIC_CRASH_LOADED)
        log_warn(b->log, "pvpanic", "the guest's kernel has panicked and starts its crash kernel");
}

static struct irq_line wire(struct board *b, void (*set)(void *, unsigned, bool), unsigned n)
{
    return (struct irq_line){.set = set, .opaque = b, .n = n};
}

static struct irq_line irq(struct board *b, unsigned n)
{
    return piix3_isa_irq(b->isa_bridge, n);
}

/* The RTC's output goes to the power management chip as well, which no HPET comes before. */
static void rtc_irq(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;
    struct irq_line pm = piix4pm_rtc(b->pm_chip);

    irq_set(&b->irq8, level);
    irq_set(&pm, level);
}

/* ---- Building ---- */

static bool build_core(struct board *b, char *err, size_t err_size)
{
    const struct cpu_model *model = cpu_model_find(b->config->cpu);
    const struct engine *engine = engine_by_name(b->config->engine);
    struct clock_ops clock_ops = {.count = count_now, .rearm = deadline_moved, .opaque = b};
    struct cpu_pins pins = {
        .opaque = b,
        .interrupt_acknowledge = acknowledge,
        .ferr = ferr,
        .now_ns = now_ns,
    };

    if (!model) {
        snprintf(err, err_size, "cpu: there is no model '%s'; --cpu help lists them",
                 b->config->cpu);
        return false;
    }
    if (!engine) {
        snprintf(err, err_size, "cpu: there is no engine '%s' in this build; '%s' always works",
                 b->config->engine, engine_interp.name);
        return false;
    }
    if (model_has(model, FEAT_APIC)) {
        pins.apic_base_write = apic_base_write;
        pins.apic_base_read = apic_base_read;
    }
    b->pm = physmap_new();
    b->bus = b->pm ? bus_new(b->pm) : NULL;
    b->clock = clock_new(&clock_ops);
    if (b->bus && b->clock)
        b->cpu = cpu_new(model, engine, b->bus, &pins, b->log, 0);
    if (!b->cpu && b->clock && engine != &engine_interp) {
        log_warn(b->log, "cpu",
                 "engine '%s': the host refuses memory for code; the interpreter runs instead",
                 engine->name);
        b->cpu = cpu_new(model, &engine_interp, b->bus, &pins, b->log, 0);
    }
    if (!b->cpu) {
        snprintf(err, err_size, "cpu: the host refuses the memory for its tables");
        b->host_at_fault = true;
        return false;
    }
    if (b->config->perf_map)
        engine_perf_map(b->cpu);
    if (!engine_windows(b->cpu, b->config->windows)) {
        snprintf(err, err_size, "cpu: windows are auto, off, always or paranoid, not '%s'",
                 b->config->windows);
        return false;
    }
    return memory_build(b, err, err_size);
}

static void build_interrupts(struct board *b)
{
    struct piix3_pins pins = {
        .reset = wire(b, reset_line, RESET_MACHINE),
        .init = wire(b, reset_line, RESET_CPU),
    };
    struct irq_line intr = wire(b, set_intr, 0), pirq[4];
    struct lapic_pins lapic_pins = {
        .intr = intr, .nmi = wire(b, pulse_nmi, 0), .init = init_cpu, .opaque = b};

    if (model_has(b->cpu->model, FEAT_APIC)) {
        b->apics = apic_bus_new();
        b->lapic = lapic_create(b->bus, b->clock, b->apics, 0, &lapic_pins);
        b->ioapic = ioapic_create(b->bus, b->apics, IOAPIC_BASE, 0);
        board_add(b, b->lapic);
        board_add(b, b->ioapic);
        intr = lapic_lint(b->lapic, 0);
    }
    board_add(b, b->pic = pic_create(b->bus, intr));
    for (unsigned n = 0; n < ISA_IRQS; n++)
        pins.irq[n] = wire(b, isa_irq, n);
    board_add(b, b->isa_bridge = piix3_create(&pins));
    for (unsigned n = 0; n < 4; n++)
        pirq[n] = piix3_pirq(b->isa_bridge, n);
    b->pci = pci_bus_new(pirq);
    b->coprocessor = coprocessor_create(b->bus, irq(b, 13), wire(b, set_ignne, 0));
    board_add(b, b->coprocessor);
}

static void build_bridges(struct board *b)
{
    struct i440fx_memory memory = {.opaque = b, .pam = memory_pam, .smram = memory_smram};
    struct piix4pm_pins pins = {
        .sci = irq(b, PIIX4PM_SCI_IRQ),
        .power_off = power_off,
        .base_moved = pm_base_moved,
        .opaque = b,
    };

    board_add(b, b->host_bridge = i440fx_create(b->bus, b->pci, &memory, b->config->mem_bytes));
    piix3_plug(b->isa_bridge, b->bus, b->pci);
    board_add(b, b->pm_chip = piix4pm_create(b->bus, b->pci, b->clock, &pins));
}

static struct irq_line build_hpet(struct board *b)
{
    struct hpet_pins pins = {.irq0 = irq(b, 0), .irq8 = irq(b, 8)};

    for (unsigned pin = 20; pin < HPET_PINS; pin++)
        pins.ioapic[pin] = ioapic_line(b->ioapic, pin);
    board_add(b, b->hpet = hpet_create(b->bus, b->clock, &pins));
    return hpet_pit(b->hpet);
}

static struct irq_line build_speaker(struct board *b)
{
    struct speaker_source timer = {b->pit, pit_set_listening, pit_catch_up};
    struct device *speaker = speaker_create(b->clock, b->config->sound, timer);

    pit_connect_speaker(b->pit, speaker_out2, speaker);
    board_add(b, speaker);
    return speaker_enable(speaker);
}

static void build_timers(struct board *b)
{
    bool hpet = b->ioapic != NULL;
    struct irq_line irq0 = hpet ? build_hpet(b) : irq(b, 0);

    b->irq8 = hpet ? hpet_rtc(b->hpet) : irq(b, 8);
    board_add(b, b->pit = pit_create(b->bus, b->clock, irq0));
    board_add(b, b->rtc = rtc_create(b->bus, b->clock, wire(b, rtc_irq, 0), b->config->rtc_epoch));
    board_add(b, port61_create(b->bus, b->clock, b->pit, build_speaker(b)));
}

static void build_isa(struct board *b)
{
    board_add(b, b->dma = dma_create(b->bus));
    board_add(b, b->kbd = i8042_create(b->bus, b->clock, irq(b, 1), irq(b, 12), memory_a20_kbd(b),
                                       wire(b, reset_line, RESET_CPU)));
    board_add(b, port92_create(b->bus, memory_a20_fast(b), wire(b, reset_line, RESET_CPU)));
    board_add(b, b->fdc = fdc_create(b->bus, b->clock, irq(b, 6), dma_port(b->dma, 2)));
    board_add(b, b->ide = ide_create(b->bus, b->clock, b->pci, irq(b, 14), irq(b, 15)));
    ide_on_eject(b->ide, cd_ejected, b);
    board_add(b, b->fwcfg = fwcfg_create(b->bus));
}

static void keep_chr(struct board *b, struct chr *chr)
{
    if (chr)
        b->chrs[b->chr_count++] = chr;
}

/* First of all, so that terminals are given back whatever fails later. */
static void keep_chrs(struct board *b)
{
    for (unsigned i = 0; i < MACHINE_SERIALS; i++)
        keep_chr(b, b->config->serial[i]);
    keep_chr(b, b->config->parallel);
    keep_chr(b, b->config->debugcon);
}

static void build_serial(struct board *b)
{
    static const u16 port[MACHINE_SERIALS] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};
    static const u8 line[MACHINE_SERIALS] = {4, 3, 4, 3};
    static const char *const name[MACHINE_SERIALS] = {"com1", "com2", "com3", "com4"};

    for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
        struct chr *chr = b->config->serial[i];

        if (i < 1 || chr || b->config->serial_port[i])
            board_add(b, b->uart[i] = uart16550_create(b->bus, b->clock, port[i], irq(b, line[i]),
                                                       chr, name[i]));
    }
    board_add(b, parallel_create(b->bus, b->clock, 0x378, irq(b, 7), b->config->parallel, "lpt1"));
    board_add(b, debugcon_create(b->bus, b->config->debugcon));
}

static void build_debug_ports(struct board *b)
{
    struct debug_port_listener exit_listener = {.written = debug_exit, .opaque = b};
    struct debug_port_listener post_listener = {.written = post_code, .opaque = b};
    struct debug_port_listener panic_listener = {.written = panicked, .opaque = b};

    board_add(b, pvpanic_create(b->bus, PVPANIC_PORT, &panic_listener));
    if (b->config->debug_exit)
        board_add(b, debug_exit_create(b->bus, b->config->debug_exit_port, &exit_listener));
    if (b->config->post_card)
        board_add(b, b->post_card =
                         post_card_create(b->bus, b->config->post_card_port, &post_listener));
}

static bool build_video(struct board *b, char *err, size_t err_size)
{
    b->vga = vga_create(b->bus, b->clock, b->pci, 0);
    if (!b->vga) {
        snprintf(err, err_size, "vga: the host refuses the memory for the screen");
        b->host_at_fault = true;
        return false;
    }
    board_add(b, b->vga);
    return firmware_load_vgabios(b, err, err_size);
}

bool board_build(struct board *b, char *err, size_t err_size)
{
    memset(b->pam, 0xFF, sizeof b->pam);
    keep_chrs(b);
    if (!build_core(b, err, err_size) || !firmware_load_bios(b, err, err_size) ||
        !media_open_all(b, err, err_size))
        return false;
    build_interrupts(b);
    build_bridges(b);
    build_timers(b);
    build_isa(b);
    build_serial(b);
    build_debug_ports(b);
    if (!build_video(b, err, err_size))
        return false;
    media_attach(b);
    if (!firmware_set_fwcfg(b, err, err_size))
        return false;
    board_reset(b);
    firmware_set_cmos(b);
    return true;
}

void board_reset(struct board *b)
{
    b->a20_kbd = b->a20_fast = false;
    for (unsigned i = 0; i < b->device_count; i++)
        device_reset(b->devices[i]);
    firmware_set_pci(b);
    cpu_reset(b->cpu, true);
    b->reset_machine = b->reset_cpu = b->waiting = false;
}

/* What chips asked for at the very boundary at which the machine was saved counts as well. */
static void request_state(struct board *b, struct state *s)
{
    s32 exit_code = b->exit_code;

    state_bool(s, "reset_machine", &b->reset_machine);
    state_bool(s, "reset_cpu", &b->reset_cpu);
    state_bool(s, "powered_off", &b->powered_off);
    state_bool(s, "debug_exited", &b->debug_exited);
    state_s32(s, "exit_code", &exit_code);
    state_bool(s, "waiting", &b->waiting);
    b->exit_code = exit_code;
}

void board_state(struct board *b, struct state *s)
{
    state_begin(s, "board", 1);
    state_bool(s, "a20_kbd", &b->a20_kbd);
    state_bool(s, "a20_fast", &b->a20_fast);
    request_state(b, s);
    state_end(s);
    clock_state(b->clock, s);
    physmap_state(b->pm, s);
    cpu_state(b->cpu, s);
    state_require(s, clock_is_sane(b->clock), "clock: count and time do not fit each other");
    for (unsigned i = 0; i < b->device_count; i++)
        device_state(b->devices[i], s);
}

int board_destroy(struct board *b)
{
    int first = 0;

    for (unsigned i = b->device_count; i-- > 0;)
        device_destroy(b->devices[i]);
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        int e = b->drive[i].blk ? blk_close(b->drive[i].blk) : 0;

        first = first ? first : e;
    }
    snapjournals_free(b);
    for (unsigned i = 0; i < b->chr_count; i++)
        chr_close(b->chrs[i]);
    cpu_free(b->cpu);
    if (b->pci)
        pci_bus_free(b->pci);
    if (b->apics)
        apic_bus_free(b->apics);
    clock_free(b->clock);
    bus_free(b->bus);
    physmap_free(b->pm);
    return first;
}
