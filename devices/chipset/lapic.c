/*
 * Local APIC of one processor: takes interrupts from its pins, its timer and the APIC bus, sorts
 * them by vector, and hands them to the processor.
 * Source: SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)"; section titles are
 * named where they matter.
 *
 * A register is 32 bits wide at a multiple of 16 bytes; IRR, ISR and TMR are 256 bits in eight of
 * them. Where the PIC's INTR goes:
 *
 *   APIC off in IA32_APIC_BASE, or by software in SVR   straight to the processor, as is NMI
 *   else LINT0 in ExtINT mode, not masked               to the processor, which asks the PIC
 *
 * (With the APIC off by software the manual masks LINT0; boards then have a PIC all the same only
 * because firmware turned the APIC on first. Firmware that does not know of it shall work here.)
 *
 * The timer counts 100 MHz, the bus clock of the later Pentium II: 10 ns, exact in virtual time.
 * Not modelled: performance and thermal interrupts (the LVT entries hold values), remote read,
 * focus processors, x2APIC, TSC deadline.
 */
#include "devices/chipset/lapic.h"

#include "base/clock.h"
#include "devices/chipset/apic_bus.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <stdio.h>
#include <string.h>

enum {
    LAPIC_BASE_DEFAULT = 0xFEE00000,
    LAPIC_BYTES = 4096,
    LAPIC_VERSION = 0x00050014, /* six LVT entries */
    BASE_BSP = 1 << 8,
    BASE_ENABLE = 1 << 11,
    PHYSICAL_BITS = 36,

    REG_ID = 0x02, /* offsets divided by 16 */
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0A,
    REG_EOI = 0x0B,
    REG_RRD = 0x0C,
    REG_LDR = 0x0D,
    REG_DFR = 0x0E,
    REG_SVR = 0x0F,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT_TIMER = 0x32,
    REG_LVT_THERMAL = 0x33,
    REG_LVT_PERF = 0x34,
    REG_LVT_LINT0 = 0x35,
    REG_LVT_LINT1 = 0x36,
    REG_LVT_ERROR = 0x37,
    REG_INITIAL = 0x38,
    REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3E,

    SVR_ENABLE = 0x100,
    SVR_WRITABLE = 0x3FF,
    SVR_RESET = 0xFF,

    DFR_FIXED = 0x0FFFFFFF, /* bits that are always ones */
    DFR_FLAT = 0xF,

    LVT_VECTOR = 0xFF,
    LVT_LOW_ACTIVE = 1 << 13,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,

    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_WRITABLE = 0x000CCFFF,

    ESR_SEND_VECTOR = 0x20,
    ESR_RECEIVE_VECTOR = 0x40,
    ESR_REGISTER = 0x80,

    DIVIDE_WRITABLE = 0xB,
    FIRST_VECTOR = 16, /* lower ones are illegal */
    LVTS = REG_LVT_ERROR - REG_LVT_TIMER + 1,
    LINTS = 2,
};

struct lapic {
    struct device dev;

    /* Wiring. */
    struct bus *bus;
    struct clock *clock;
    struct apic_bus *apics;
    struct lapic_pins pins;
    u8 bsp;      /* BASE_BSP belongs to the first */
    u8 wired_id; /* ID at power-on */
    bool is_mapped;
    u64 mapped_at;

    /* Guest state. */
    u64 base; /* IA32_APIC_BASE */
    u8 id, tpr, ldr, divide;
    u8 dfr; /* its upper four bits */
    u16 svr;
    u32 isr[8], tmr[8], irr[8];
    u8 esr, esr_pending; /* as read, and gathered since the last write */
    u32 icr_low;
    u8 icr_high;
    u32 lvt[LVTS];
    bool lint[LINTS]; /* pin levels */
    bool extint;      /* an ExtINT message waits */
    u32 timer_initial;
    u32 timer_count; /* count at timer_from_ns; 0: the timer stands */
    u64 timer_from_ns;
    struct timer timer;
};

/* --- vectors --- */

static void bits_set(u32 *bits, u8 vector)
{
    bits[vector / 32] |= 1u << vector % 32;
}

static void bits_clear(u32 *bits, u8 vector)
{
    bits[vector / 32] &= ~(1u << vector % 32);
}

static bool bits_test(const u32 *bits, u8 vector)
{
    return bits[vector / 32] >> vector % 32 & 1;
}

/* The highest vector set, or -1. */
static int bits_highest(const u32 *bits)
{
    int i;

    for (i = 7; i >= 0; i--)
        if (bits[i])
            return i * 32 + 31 - __builtin_clz(bits[i]);
    return -1;
}

static bool lapic_is_on(const struct lapic *l)
{
    return (l->base & BASE_ENABLE) && (l->svr & SVR_ENABLE);
}

/* "Processor Priority": the higher class of TPR and the vector in service. */
static u8 lapic_ppr(const struct lapic *l)
{
    int serving = bits_highest(l->isr);
    u8 class = serving < 0 ? 0 : serving & 0xF0;

    return (l->tpr & 0xF0) >= class ? l->tpr : class;
}

/* "Arbitration Priority", on processors that have the register. */
static u8 lapic_apr(const struct lapic *l)
{
    int waiting = bits_highest(l->irr);
    int serving = bits_highest(l->isr);
    u8 irrv = waiting < 0 ? 0 : waiting & 0xF0;
    u8 isrv = serving < 0 ? 0 : serving & 0xF0;
    u8 class = l->tpr & 0xF0;

    if (class >= irrv && class > isrv)
        return l->tpr;
    class = class > isrv ? class : isrv;
    return class > irrv ? class : irrv;
}

/* The vector to deliver next, or -1. */
static int lapic_pending(const struct lapic *l)
{
    int vector = lapic_is_on(l) ? bits_highest(l->irr) : -1;

    return vector >= 0 && (vector & 0xF0) > (lapic_ppr(l) & 0xF0) ? vector : -1;
}

static u32 *lapic_lvt(struct lapic *l, unsigned reg)
{
    return &l->lvt[reg - REG_LVT_TIMER];
}

static u32 lapic_lvt_value(const struct lapic *l, unsigned reg)
{
    return l->lvt[reg - REG_LVT_TIMER];
}

static bool lint_asserted(const struct lapic *l, unsigned n)
{
    return l->lint[n] != !!(lapic_lvt_value(l, REG_LVT_LINT0 + n) & LVT_LOW_ACTIVE);
}

static u8 lvt_mode(u32 lvt)
{
    return lvt >> 8 & 7;
}

/* Does the PIC's INTR reach the processor, and is it high? */
static bool lapic_pic_waits(const struct lapic *l)
{
    unsigned n;

    if (!lapic_is_on(l))
        return l->lint[0];
    for (n = 0; n < LINTS; n++) {
        u32 lvt = lapic_lvt_value(l, REG_LVT_LINT0 + n);

        if (!(lvt & LVT_MASKED) && lvt_mode(lvt) == APIC_EXTINT && lint_asserted(l, n))
            return true;
    }
    return l->extint;
}

static void lapic_update(struct lapic *l)
{
    irq_set(&l->pins.intr, lapic_pending(l) >= 0 || lapic_pic_waits(l));
}

static void lapic_pulse(const struct irq_line *line)
{
    irq_set(line, true);
    irq_set(line, false);
}

/* --- what arrives --- */

static void lapic_request(struct lapic *l, u8 vector, bool level);

/* "Error Handling": note it, and tell the processor if it wants to know. */
static void lapic_error(struct lapic *l, u8 error)
{
    u32 lvt = lapic_lvt_value(l, REG_LVT_ERROR);
    bool news = error & ~l->esr_pending;

    l->esr_pending |= error;
    if (news && !(lvt & LVT_MASKED) && (lvt & LVT_VECTOR) >= FIRST_VECTOR)
        lapic_request(l, lvt & LVT_VECTOR, false);
}

static void lapic_request(struct lapic *l, u8 vector, bool level)
{
    if (vector < FIRST_VECTOR) {
        lapic_error(l, ESR_RECEIVE_VECTOR);
        return;
    }
    bits_set(l->irr, vector);
    if (level)
        bits_set(l->tmr, vector);
    else
        bits_clear(l->tmr, vector);
    lapic_update(l);
}

static void lapic_reset_registers(struct lapic *l);

static bool lapic_deliver(void *opaque, const struct apic_message *m)
{
    struct lapic *l = opaque;

    if (!(l->base & BASE_ENABLE))
        return false;
    switch (m->mode) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (!lapic_is_on(l))
            return false;
        lapic_request(l, m->vector, m->level);
        return true;
    case APIC_SMI: lapic_pulse(&l->pins.smi); return true;
    case APIC_NMI: lapic_pulse(&l->pins.nmi); return true;
    case APIC_INIT:
        lapic_reset_registers(l);
        if (l->pins.init)
            l->pins.init(l->pins.opaque);
        return true;
    case APIC_STARTUP:
        if (l->pins.startup)
            l->pins.startup(l->pins.opaque, m->vector);
        return true;
    case APIC_EXTINT:
        l->extint = true;
        lapic_update(l);
        return true;
    }
    return false;
}

/* "Logical Destination Mode": flat, or clusters of four with the cluster in the high nibble. */
static bool lapic_matches(void *opaque, u8 destination, bool logical)
{
    const struct lapic *l = opaque;

    if (destination == APIC_BROADCAST)
        return true;
    if (!logical)
        return destination == l->id;
    if (l->dfr == DFR_FLAT)
        return destination & l->ldr;
    return (destination >> 4 == 0xF || destination >> 4 == l->ldr >> 4) &&
           (destination & l->ldr & 0xF);
}

static unsigned lapic_priority(void *opaque)
{
    const struct lapic *l = opaque;

    return lapic_is_on(l) ? lapic_apr(l) : 256;
}

/* A local interrupt of LINT n: on a rising edge, or while a level-triggered one is asserted. */
static void lint_deliver(struct lapic *l, unsigned n, bool rising)
{
    u32 *lvt = lapic_lvt(l, REG_LVT_LINT0 + n);

    if (*lvt & LVT_MASKED)
        return;
    if (lvt_mode(*lvt) == APIC_FIXED && (*lvt & LVT_LEVEL)) {
        if (!lint_asserted(l, n) || (*lvt & LVT_REMOTE_IRR))
            return;
        *lvt |= LVT_REMOTE_IRR;
        lapic_request(l, *lvt & LVT_VECTOR, true);
    } else if (rising && lvt_mode(*lvt) != APIC_EXTINT) {
        struct apic_message m = {.mode = lvt_mode(*lvt), .vector = *lvt & LVT_VECTOR};

        lapic_deliver(l, &m);
    }
}

static void lapic_set_lint(void *opaque, unsigned n, bool level)
{
    struct lapic *l = opaque;
    bool before = lint_asserted(l, n);

    if (l->lint[n] == level)
        return;
    l->lint[n] = level;
    if (lapic_is_on(l))
        lint_deliver(l, n, !before);
    else if (n == 1 && level)
        lapic_pulse(&l->pins.nmi);
    lapic_update(l);
}

/* --- the timer --- */

static u64 timer_tick_ns(const struct lapic *l)
{
    unsigned code = (l->divide & 3) | (l->divide >> 1 & 4); /* bits 3, 1 and 0 */

    return (u64)LAPIC_TICK_NS << (code + 1) % 8; /* 0: by 2, 1: by 4 ... 7: by 1 */
}

static bool timer_is_periodic(const struct lapic *l)
{
    return lapic_lvt_value(l, REG_LVT_TIMER) & LVT_PERIODIC;
}

static u32 timer_current(const struct lapic *l)
{
    u64 ticks = (clock_now(l->clock) - l->timer_from_ns) / timer_tick_ns(l);

    if (ticks < l->timer_count)
        return (u32)(l->timer_count - ticks);
    if (!timer_is_periodic(l) || l->timer_count == 0 || l->timer_initial == 0)
        return 0;
    return (u32)(l->timer_initial - (ticks - l->timer_count) % l->timer_initial);
}

/* When the running count reaches zero. */
static u64 timer_zero_ns(const struct lapic *l)
{
    return l->timer_from_ns + l->timer_count * timer_tick_ns(l);
}

static void timer_rearm(struct lapic *l)
{
    if (l->timer_count == 0)
        timer_cancel(&l->timer);
    else
        timer_set(&l->timer, timer_zero_ns(l));
}

/* Count from here: `count` now, at the present tick's start. */
static void timer_start(struct lapic *l, u32 count)
{
    l->timer_count = count;
    l->timer_from_ns = clock_now(l->clock);
    timer_rearm(l);
}

static void timer_fired(void *opaque)
{
    struct lapic *l = opaque;
    u32 lvt = lapic_lvt_value(l, REG_LVT_TIMER);
    u64 zero_ns = timer_zero_ns(l);
    u64 period_ns = l->timer_initial * timer_tick_ns(l);

    l->timer_count = timer_is_periodic(l) ? l->timer_initial : 0;
    l->timer_from_ns = zero_ns;
    if (l->timer_count) /* periods that passed unseen collapse into this one, as in IRR */
        l->timer_from_ns += (clock_now(l->clock) - zero_ns) / period_ns * period_ns;
    timer_rearm(l);
    if (!(lvt & LVT_MASKED))
        lapic_request(l, lvt & LVT_VECTOR, false);
}

/* --- what the processor does --- */

int lapic_acknowledge(struct device *dev)
{
    struct lapic *l = (struct lapic *)dev;
    int vector = lapic_pending(l);

    if (vector < 0) {
        if (lapic_pic_waits(l) || !lapic_is_on(l)) {
            l->extint = false;
            lapic_update(l);
            return -1;
        }
        return l->svr & LVT_VECTOR;
    }
    bits_clear(l->irr, (u8)vector);
    bits_set(l->isr, (u8)vector);
    lapic_update(l);
    return vector;
}

static void lapic_eoi(struct lapic *l)
{
    int vector = bits_highest(l->isr);
    unsigned n;

    if (vector < 0)
        return;
    bits_clear(l->isr, (u8)vector);
    if (bits_test(l->tmr, (u8)vector)) {
        apic_bus_eoi(l->apics, (u8)vector);
        for (n = 0; n < LINTS; n++) {
            u32 *lvt = lapic_lvt(l, REG_LVT_LINT0 + n);

            if ((*lvt & LVT_REMOTE_IRR) && (*lvt & LVT_VECTOR) == (u32)vector) {
                *lvt &= ~LVT_REMOTE_IRR;
                lint_deliver(l, n, false);
            }
        }
    }
    lapic_update(l);
}

/* "Interrupt Command Register (ICR)": send to one, to a set, to self, to all. */
static void lapic_send(struct lapic *l)
{
    u32 icr = l->icr_low;
    struct apic_message m = {
        .destination = l->icr_high,
        .logical = icr & ICR_LOGICAL,
        .mode = icr >> 8 & 7,
        .vector = (u8)icr,
    };

    /* INIT level de-assert only synchronised the arbitration IDs of the earliest APICs. */
    if (m.mode == APIC_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
        return;
    if (m.mode <= APIC_LOWEST && m.vector < FIRST_VECTOR) {
        lapic_error(l, ESR_SEND_VECTOR);
        return;
    }
    switch (icr >> 18 & 3) {
    case 0: apic_bus_send(l->apics, &m); break;
    case 1: lapic_deliver(l, &m); break;
    case 2: apic_bus_send_all(l->apics, &m, NULL); break;
    case 3: apic_bus_send_all(l->apics, &m, l); break;
    }
}

/* Bits of each LVT entry that can be written: "Local Vector Table". */
static u32 lvt_writable(unsigned reg)
{
    switch (reg) {
    case REG_LVT_TIMER: return 0x300FF;
    case REG_LVT_LINT0:
    case REG_LVT_LINT1: return 0x1A7FF;
    case REG_LVT_ERROR: return 0x100FF;
    default: return 0x107FF;
    }
}

static void lapic_write_lvt(struct lapic *l, unsigned reg, u32 value)
{
    u32 *lvt = lapic_lvt(l, reg);
    u32 count = timer_current(l);

    value &= lvt_writable(reg);
    if (!(l->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    if (value & LVT_LEVEL)
        value |= *lvt & LVT_REMOTE_IRR;
    *lvt = value;
    if (reg == REG_LVT_TIMER)
        timer_start(l, count); /* a change of mode keeps the count */
    else if (reg == REG_LVT_LINT0 || reg == REG_LVT_LINT1)
        lint_deliver(l, reg - REG_LVT_LINT0, false);
    lapic_update(l);
}

static void lapic_write_svr(struct lapic *l, u32 value)
{
    unsigned i;

    l->svr = value & SVR_WRITABLE;
    for (i = 0; i < LVTS && !(l->svr & SVR_ENABLE); i++)
        l->lvt[i] |= LVT_MASKED;
    lapic_update(l);
}

static void lapic_write_divide(struct lapic *l, u32 value)
{
    u32 count = timer_current(l);

    l->divide = value & DIVIDE_WRITABLE;
    timer_start(l, count);
}

static void lapic_write_register(struct lapic *l, unsigned reg, u32 value)
{
    switch (reg) {
    case REG_ID: l->id = value >> 24; break;
    case REG_TPR: lapic_set_tpr(&l->dev, (u8)value); break;
    case REG_EOI: lapic_eoi(l); break;
    case REG_LDR: l->ldr = value >> 24; break;
    case REG_DFR: l->dfr = value >> 28; break;
    case REG_SVR: lapic_write_svr(l, value); break;
    case REG_ESR:
        l->esr = l->esr_pending;
        l->esr_pending = 0;
        break;
    case REG_ICR_LOW:
        l->icr_low = value & ICR_WRITABLE;
        lapic_send(l);
        break;
    case REG_ICR_HIGH: l->icr_high = value >> 24; break;
    case REG_LVT_TIMER:
    case REG_LVT_THERMAL:
    case REG_LVT_PERF:
    case REG_LVT_LINT0:
    case REG_LVT_LINT1:
    case REG_LVT_ERROR: lapic_write_lvt(l, reg, value); break;
    case REG_INITIAL:
        l->timer_initial = value;
        timer_start(l, value);
        break;
    case REG_DIVIDE: lapic_write_divide(l, value); break;
    default:
        dev_guest(&l->dev, "write of %08Xh to register %03Xh", value, reg * 16);
        if (reg < REG_ID || reg > REG_DIVIDE)
            lapic_error(l, ESR_REGISTER);
    }
}

static u32 lapic_read_register(struct lapic *l, unsigned reg)
{
    switch (reg) {
    case REG_ID: return (u32)l->id << 24;
    case REG_VERSION: return LAPIC_VERSION;
    case REG_TPR: return l->tpr;
    case REG_APR: return lapic_apr(l);
    case REG_PPR: return lapic_ppr(l);
    case REG_EOI:
    case REG_RRD: return 0;
    case REG_LDR: return (u32)l->ldr << 24;
    case REG_DFR: return (u32)l->dfr << 28 | DFR_FIXED;
    case REG_SVR: return l->svr;
    case REG_ESR: return l->esr;
    case REG_ICR_LOW: return l->icr_low;
    case REG_ICR_HIGH: return (u32)l->icr_high << 24;
    case REG_INITIAL: return l->timer_initial;
    case REG_CURRENT: return timer_current(l);
    case REG_DIVIDE: return l->divide;
    }
    if (reg >= REG_ISR && reg < REG_TMR)
        return l->isr[reg - REG_ISR];
    if (reg >= REG_TMR && reg < REG_IRR)
        return l->tmr[reg - REG_TMR];
    if (reg >= REG_IRR && reg < REG_ESR)
        return l->irr[reg - REG_IRR];
    if (reg >= REG_LVT_TIMER && reg <= REG_LVT_ERROR)
        return lapic_lvt_value(l, reg);
    dev_guest(&l->dev, "read of register %03Xh", reg * 16);
    lapic_error(l, ESR_REGISTER);
    return 0;
}

static struct lapic *lapic_accessed(struct lapic *l)
{
    return l->pins.accessing ? (struct lapic *)l->pins.accessing(l->pins.opaque) : l;
}

static u64 lapic_mmio_read(void *opaque, u64 offset, unsigned size)
{
    struct lapic *l = lapic_accessed(opaque);
    u32 value;

    if (offset % 16 >= 4)
        return 0; /* "APIC Registers": undefined between the registers */
    value = lapic_read_register(l, (unsigned)(offset / 16)) >> 8 * (offset % 16);
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static void lapic_mmio_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct lapic *l = lapic_accessed(opaque);

    if (offset % 16 || size != 4)
        dev_guest(&l->dev, "write of %u bytes at %03Xh ignored", size, (unsigned)offset);
    else
        lapic_write_register(l, (unsigned)(offset / 16), (u32)value);
}

static const struct mmio_ops lapic_mmio = {
    .width = 4,
    .read = lapic_mmio_read,
    .write = lapic_mmio_write,
};

u8 lapic_tpr(const struct device *dev)
{
    return ((const struct lapic *)dev)->tpr;
}

void lapic_set_tpr(struct device *dev, u8 tpr)
{
    struct lapic *l = (struct lapic *)dev;

    l->tpr = tpr;
    lapic_update(l);
}

/* --- base, reset, state --- */

/* Let the registers appear where the base says. */
static void lapic_remap(struct lapic *l)
{
    u64 at = l->base & ~(u64)(LAPIC_BYTES - 1);
    bool wanted = l->base & BASE_ENABLE;

    if (l->is_mapped == wanted && (!wanted || l->mapped_at == at))
        return;
    if (l->is_mapped)
        bus_unmap_mmio(l->bus, l->mapped_at, LAPIC_BYTES, &lapic_mmio, l);
    if (wanted)
        bus_map_mmio(l->bus, at, LAPIC_BYTES, &lapic_mmio, l);
    l->is_mapped = wanted;
    l->mapped_at = at;
}

static bool base_is_valid(const struct lapic *l, u64 msr)
{
    u64 allowed = BASE_BSP | BASE_ENABLE | (((1ull << PHYSICAL_BITS) - 1) & ~0xFFFull);

    return (msr & ~allowed) == 0;
}

bool lapic_set_base(struct device *dev, u64 msr)
{
    struct lapic *l = (struct lapic *)dev;
    bool turned_on = (msr & ~l->base) & BASE_ENABLE;

    if (!base_is_valid(l, msr))
        return false;
    l->base = (msr & ~(u64)BASE_BSP) | l->bsp << 8;
    if (turned_on) /* "Enabling or Disabling the Local APIC": as after power-up */
        lapic_reset_registers(l);
    lapic_remap(l);
    lapic_update(l);
    return true;
}

u64 lapic_base(const struct device *dev)
{
    return ((const struct lapic *)dev)->base;
}

/* "Local APIC State After Power-Up or Reset", and after INIT, which keeps ID and base. */
static void lapic_reset_registers(struct lapic *l)
{
    unsigned i;

    l->tpr = l->ldr = l->divide = 0;
    l->dfr = DFR_FLAT;
    l->svr = SVR_RESET;
    memset(l->isr, 0, sizeof l->isr);
    memset(l->tmr, 0, sizeof l->tmr);
    memset(l->irr, 0, sizeof l->irr);
    l->esr = l->esr_pending = 0;
    l->icr_low = 0;
    l->icr_high = 0;
    for (i = 0; i < LVTS; i++)
        l->lvt[i] = LVT_MASKED;
    l->extint = false;
    l->timer_initial = l->timer_count = 0;
    l->timer_from_ns = clock_now(l->clock);
    timer_cancel(&l->timer);
    lapic_update(l);
}

static void lapic_reset(struct device *dev)
{
    struct lapic *l = (struct lapic *)dev;

    l->base = LAPIC_BASE_DEFAULT | BASE_ENABLE | l->bsp << 8;
    l->id = l->wired_id;
    lapic_remap(l);
    lapic_reset_registers(l);
}

static void lapic_state_vectors(struct lapic *l, struct state *s)
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        state_u32(s, "isr", &l->isr[i]);
        state_u32(s, "tmr", &l->tmr[i]);
        state_u32(s, "irr", &l->irr[i]);
    }
    state_require(s, ((l->isr[0] | l->tmr[0] | l->irr[0]) & ((1u << FIRST_VECTOR) - 1)) == 0,
                  "lapic: a vector below 16 is marked");
    for (i = 0; i < LVTS; i++) {
        u32 kept = lvt_writable(REG_LVT_TIMER + i);

        state_u32(s, "lvt", &l->lvt[i]);
        if (kept & LVT_LEVEL)
            kept |= LVT_REMOTE_IRR;
        state_require(s, (l->lvt[i] & ~kept) == 0, "lapic: an LVT entry has reserved bits set");
    }
}

static void lapic_state_timer(struct lapic *l, struct state *s)
{
    state_u8(s, "divide", &l->divide);
    state_u32(s, "timer_initial", &l->timer_initial);
    state_u32(s, "timer_count", &l->timer_count);
    state_u64(s, "timer_from_ns", &l->timer_from_ns);
    timer_state(s, "timer", &l->timer);
    state_require(s, (l->divide & ~DIVIDE_WRITABLE) == 0, "lapic: divide is out of range");
    state_require(s, timer_is_set(&l->timer) == (l->timer_count != 0),
                  "lapic: a timer without a count, or a count without a timer");
    state_require(s, l->timer_from_ns <= clock_now(l->clock), "lapic: the timer starts later");
    if (l->timer_count)
        state_require(s, l->timer_initial && l->timer.deadline_ns == timer_zero_ns(l),
                      "lapic: the timer ends at another time than its count");
}

static void lapic_state(struct device *dev, struct state *s)
{
    struct lapic *l = (struct lapic *)dev;

    state_u64(s, "base", &l->base);
    state_u8(s, "id", &l->id);
    state_u8(s, "tpr", &l->tpr);
    state_u8(s, "ldr", &l->ldr);
    state_u8(s, "dfr", &l->dfr);
    state_u16(s, "svr", &l->svr);
    state_u8(s, "esr", &l->esr);
    state_u8(s, "esr_pending", &l->esr_pending);
    state_u32(s, "icr_low", &l->icr_low);
    state_u8(s, "icr_high", &l->icr_high);
    state_bool(s, "lint0", &l->lint[0]);
    state_bool(s, "lint1", &l->lint[1]);
    state_bool(s, "extint", &l->extint);
    state_require(s, base_is_valid(l, l->base) && (l->base & BASE_BSP) == (u64)l->bsp << 8,
                  "lapic: the base address is out of range");
    state_require(s, l->dfr <= 15 && l->svr <= SVR_WRITABLE && (l->icr_low & ~ICR_WRITABLE) == 0,
                  "lapic: a register has reserved bits set");
    lapic_state_vectors(l, s);
    lapic_state_timer(l, s);
    if (state_is_loading(s) && !state_error(s))
        lapic_remap(l);
}

static const struct device_class lapic_class = {
    .name = "lapic",
    .version = 1,
    .reset = lapic_reset,
    .state = lapic_state,
    .destroy = device_free,
};

struct device *lapic_create(struct bus *bus, struct clock *clock, struct apic_bus *apics, u8 id,
                            const struct lapic_pins *pins)
{
    static const char *const names[APIC_MAX_LOCAL] = {
        "cpu0", "cpu1", "cpu2",  "cpu3",  "cpu4",  "cpu5",  "cpu6",  "cpu7",
        "cpu8", "cpu9", "cpu10", "cpu11", "cpu12", "cpu13", "cpu14", "cpu15",
    };
    struct lapic *l = device_new(&lapic_class, sizeof *l);
    struct apic_local local = {l, lapic_matches, lapic_priority, lapic_deliver};

    assert(id < APIC_MAX_LOCAL);
    l->dev.instance = names[id];
    l->bus = bus;
    l->clock = clock;
    l->apics = apics;
    l->pins = *pins;
    l->wired_id = id;
    l->bsp = id == 0;
    timer_init(&l->timer, clock, timer_fired, l);
    apic_bus_add_local(apics, &local);
    return &l->dev;
}

struct irq_line lapic_lint(struct device *dev, unsigned n)
{
    assert(n < LINTS);
    return (struct irq_line){lapic_set_lint, dev, n};
}

/* "none" or the vector in hexadecimal. */
static const char *vector_text(int vector, char text[8])
{
    snprintf(text, 8, vector < 0 ? "none" : "%02X", (unsigned)vector & 0xFF);
    return text;
}

/* An entry of the local vector table: what happens and when. */
static const char *lvt_text(u32 lvt, char text[64])
{
    static const char *const modes[8] = {"",    "reserved", "SMI",      "reserved",
                                         "NMI", "INIT",     "reserved", "ExtINT"};
    unsigned mode = lvt >> 8 & 7;
    char vector[20];

    snprintf(vector, sizeof vector, "vector %02X", lvt & 0xFF);
    snprintf(text, 64, "%s%s%s", mode ? modes[mode] : vector, lvt & LVT_LEVEL ? ", level" : "",
             lvt & LVT_MASKED ? ", masked" : "");
    return text;
}

bool lapic_timer_waits(struct device *dev)
{
    struct lapic *l = (struct lapic *)dev;

    return lapic_is_on(l) && !(lapic_lvt_value(l, REG_LVT_TIMER) & LVT_MASKED) && timer_current(l);
}

void lapic_describe(struct device *dev, char *out, size_t out_size)
{
    struct lapic *l = (struct lapic *)dev;
    u32 timer = lapic_lvt_value(l, REG_LVT_TIMER);
    char waiting[8], serving[8], t[64], lint[2][64], error[64];

    snprintf(out, out_size,
             "%s: local APIC %02X at %08llX, %s, spurious vector %02X\n"
             "  task priority %02X, processor priority %02X; logical %02X, %s; errors %02X\n"
             "  timer: %s, %s, %08X of %08X left, divided by %llu\n"
             "  LINT0: %s; LINT1: %s; error: %s\n"
             "  highest waiting %s, in service %s\n",
             l->dev.instance, l->id, (unsigned long long)l->base & ~0xFFFull,
             l->svr & SVR_ENABLE ? "on" : "off", l->svr & 0xFF, l->tpr, lapic_ppr(l), l->ldr,
             l->dfr == DFR_FLAT ? "flat" : "in clusters", l->esr, lvt_text(timer, t),
             timer & LVT_PERIODIC ? "periodic" : "once", timer_current(l), l->timer_initial,
             (unsigned long long)timer_tick_ns(l) / LAPIC_TICK_NS,
             lvt_text(lapic_lvt_value(l, REG_LVT_LINT0), lint[0]),
             lvt_text(lapic_lvt_value(l, REG_LVT_LINT1), lint[1]),
             lvt_text(lapic_lvt_value(l, REG_LVT_ERROR), error),
             vector_text(bits_highest(l->irr), waiting),
             vector_text(bits_highest(l->isr), serving));
}
