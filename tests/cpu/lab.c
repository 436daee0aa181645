/* A processor with chips that show the moment; see lab.h. */
#include "tests/cpu/lab.h"

#include "base/state.h"
#include "tests/support/stepper.h"

#include <string.h>

enum { NS_EACH = 5 };

static void note(struct lab *l, u64 what)
{
    u64 v = (l->notes ^ what ^ cpu_count(l->cpu) << 8) * 0x9E3779B97F4A7C15ull;

    l->notes = v ^ v >> 29;
}

static void show_rom(struct lab *l, bool shown)
{
    if (shown == l->rom_shown)
        return;
    l->rom_shown = shown;
    if (shown)
        physmap_map_frames(l->pm, LAB_SWAP, PAGE_SIZE, l->rom, false);
    else
        physmap_unmap_frames(l->pm, LAB_SWAP, PAGE_SIZE, l->rom);
}

static void port_write(void *opaque, u16 port, u32 value)
{
    struct lab *l = opaque;

    note(l, port | value << 16);
    switch (port) {
    case LAB_RAISE: cpu_set_intr(l->cpu, true); break;
    case LAB_LOWER: cpu_set_intr(l->cpu, false); break;
    case LAB_ALARM:
        l->alarm = cpu_count(l->cpu) + 1 + (value & 0xFF);
        l->cpu->attention |= ATT_TIMER;
        break;
    case LAB_NMI: cpu_raise_nmi(l->cpu); break;
    case LAB_STOP: l->cpu->attention |= ATT_TIMER; break;
    case LAB_REMAP:
        show_rom(l, value & 1);
        physmap_set_a20(l->pm, !(value & 2));
        break;
    case LAB_PULSE:
        cpu_set_intr(l->cpu, true);
        cpu_set_intr(l->cpu, false);
        break;
    }
}

static u32 port_read(void *opaque, u16 port)
{
    struct lab *l = opaque;

    note(l, port);
    return port == LAB_TIME ? (u8)cpu_count(l->cpu) : 0xFF;
}

static u64 chip_read(void *opaque, u64 offset, unsigned size)
{
    struct lab *l = opaque;

    note(l, offset);
    return (u32)cpu_count(l->cpu) + (u32)offset;
}

static void chip_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct lab *l = opaque;

    note(l, offset ^ value << 12);
    if (offset == 4)
        cpu_set_intr(l->cpu, true);
}

static u64 memory_read(void *opaque, u64 offset, unsigned size)
{
    struct lab *l = opaque;
    u64 value = 0;

    for (unsigned i = 0; i < size; i++) {
        l->latch = l->cells[(offset + i) % LAB_CELLS];
        value |= (u64)l->latch << 8 * i;
    }
    return value;
}

static void memory_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct lab *l = opaque;

    for (unsigned i = 0; i < size; i++, value >>= 8)
        l->cells[(offset + i) % LAB_CELLS] = (u8)(value ^ l->latch >> 1);
}

static const struct mmio_ops memory = {
    .width = 2, .memory = true, .read = memory_read, .write = memory_write};
static const struct port_ops ports = {.width = 1, .read = port_read, .write = port_write};
static const struct mmio_ops chip = {.width = 4, .read = chip_read, .write = chip_write};

static u8 inta(void *opaque)
{
    return LAB_VECTOR;
}

static void ferr(void *opaque, bool level)
{
}

static u64 now_ns(void *opaque)
{
    const struct lab *l = opaque;

    return l->cpu ? cpu_count(l->cpu) * NS_EACH : 0; /* it is asked while it is built */
}

bool lab_open(struct lab *l, const char *model, const struct engine *engine)
{
    struct cpu_pins pins = {
        .opaque = l, .interrupt_acknowledge = inta, .ferr = ferr, .now_ns = now_ns};

    memset(l, 0, sizeof *l);
    l->pm = physmap_new();
    l->first = physmap_new_frames(l->pm, "ram", LAB_RAM, 0);
    l->rom = physmap_new_frames(l->pm, "rom", PAGE_SIZE, FRAME_ROM);
    l->bus = bus_new(l->pm);
    if (!l->first || !l->rom || !l->bus || !cpu_model_find(model))
        return false;
    physmap_map_frames(l->pm, 0, LAB_RAM, l->first, true);
    physmap_track(l->pm, DIRTY_CHECK, true);
    l->ram = frame_host(physmap_frame(l->pm, l->first));
    memset(frame_host(physmap_frame(l->pm, l->rom)), 0x40, PAGE_SIZE - 1); /* INC EAX ... */
    frame_host(physmap_frame(l->pm, l->rom))[PAGE_SIZE - 1] = 0xC3;        /* RET */
    bus_map_ports(l->bus, LAB_RAISE, 8, &ports, l);
    bus_map_mmio(l->bus, LAB_CHIP, PAGE_SIZE, &chip, l);
    bus_map_mmio(l->bus, LAB_MEMORY, PAGE_SIZE, &memory, l);
    l->cpu = cpu_new(cpu_model_find(model), engine, l->bus, &pins, NULL, 0);
    if (l->cpu)
        test_engine_threshold(l->cpu, 1);
    return l->cpu;
}

void lab_close(struct lab *l)
{
    cpu_free(l->cpu);
    bus_free(l->bus);
    physmap_free(l->pm);
}

void lab_reset(struct lab *l, const u8 *image)
{
    show_rom(l, false);
    physmap_set_a20(l->pm, true);
    physmap_write(l->pm, 0, image, LAB_RAM);
    l->alarm = l->notes = l->events = 0;
    memset(l->cells, 0, sizeof l->cells);
    l->latch = 0;
    l->cpu->count = 0;
    cpu_set_intr(l->cpu, false);
    cpu_reset(l->cpu, true);
    l->cpu->attention = 0;
    if (l->cpu->engine->flush)
        l->cpu->engine->flush(l->cpu);
}

enum lab_end lab_run(struct lab *l, u64 until)
{
    struct cpu *c = l->cpu;

    while (!c->shutdown) {
        c->attention &= ~(u32)(ATT_TIMER | ATT_STOP | ATT_IDLE);
        if (l->alarm && c->count >= l->alarm) {
            l->alarm = 0;
            cpu_set_intr(c, true);
        }
        if (c->halted && !(c->attention & (ATT_NMI | ATT_DEBUG))) {
            if (!(c->eflags & EF_IF))
                return LAB_HALTED;
            cpu_set_intr(c, true);
        }
        l->events += cpu_service(c);
        if (c->count >= until)
            return LAB_COUNT;
        if (!c->halted && !c->shutdown)
            c->engine->run(c, cpu_waits_for_shadow(c)
                                  ? c->count + 1
                                  : min_u64(until, l->alarm ? l->alarm : UINT64_MAX));
    }
    return LAB_SHUTDOWN;
}

void lab_take_dirty(struct lab *l, u64 bits[LAB_RAM / PAGE_SIZE / 64])
{
    memset(bits, 0, LAB_RAM / PAGE_SIZE / 8);
    physmap_take_dirty(l->pm, DIRTY_CHECK, l->first, LAB_RAM / PAGE_SIZE, bits);
}

u64 lab_hash(struct lab *l)
{
    struct state *s = state_new_hash();
    bool a20 = physmap_a20(l->pm);
    u64 hash;

    cpu_state(l->cpu, s);
    state_bool(s, "a20", &a20);
    state_u64(s, "notes", &l->notes);
    state_bytes(s, "cells", l->cells, sizeof l->cells);
    state_u8(s, "latch", &l->latch);
    state_u64(s, "alarm", &l->alarm);
    state_u64(s, "events", &l->events);
    hash = state_hash(s);
    state_free(s);
    return hash;
}
