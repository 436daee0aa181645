/*
 * High precision event timer: a 64-bit counter at 100 MHz and three comparators.
 * Source: IA-PC HPET (High Precision Event Timers) Specification 1.0a, "Register Model and
 * Functional Description".
 *
 *   000h capabilities   63:32 period in femtoseconds | 15 legacy | 13 64 bits | 12:8 last timer
 *   010h configuration  1 legacy replacement | 0 enable       020h interrupt status
 *   0F0h main counter   100h + 20h * n configuration of timer n, 108h + 20h * n its comparator
 *   timer: 63:32 pins allowed | 13:9 pin | 8 32 bits | 6 set accumulator | 5 64 bits capable
 *          4 periodic capable | 3 periodic | 2 interrupt enabled | 1 level
 *
 * With legacy replacement, timer 0 takes the place of the PIT on interrupt 0, timer 1 that of the
 * RTC on 8. An edge is a fall and a rise, and the line stays high until the next: an 8259A wants to
 * see it high when it is acknowledged.
 * Not modelled: FSB delivery (not announced).
 */
#include "devices/chipset/hpet.h"

#include "base/clock.h"
#include "devices/device.h"
#include "mmu/bus.h"

enum {
    HPET_BYTES = 4096,
    TIMERS = 3,
    PERIOD_FS = HPET_TICK_NS * 1000000,

    REG_CAPABILITIES = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0F0,
    REG_TIMERS = 0x100,
    TIMER_BYTES = 0x20,
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,

    CONFIG_ENABLE = 1,
    CONFIG_LEGACY = 2,

    TN_LEVEL = 0x002,
    TN_ENABLE = 0x004,
    TN_PERIODIC = 0x008,
    TN_PERIODIC_CAP = 0x010,
    TN_SIZE_CAP = 0x020,
    TN_SET = 0x040,
    TN_32BIT = 0x100,
    TN_ROUTE = 0x3E00,
    TN_WRITABLE = TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET | TN_32BIT | TN_ROUTE,
    ROUTES = 0x00F00000, /* pins 20 to 23, which nothing else uses */
};

/* Ticks ahead beyond which no event is set: 365 years. */
#define TICKS_NEVER (1ull << 60)

struct hpet_timer {
    u32 config; /* writable bits */
    u64 comparator, period;
    bool output;
    struct timer match;
    /* Wiring. */
    struct hpet *hpet;
};

struct hpet {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct hpet_pins pins;

    /* Guest state. */
    u8 config, status;
    u64 counter; /* at from_ns; while stopped, always */
    u64 from_ns;
    bool pit, rtc; /* levels of the inputs */
    struct hpet_timer timers[TIMERS];
};

static u64 hpet_counter(const struct hpet *d)
{
    if (!(d->config & CONFIG_ENABLE))
        return d->counter;
    return d->counter + (clock_now(d->clock) - d->from_ns) / HPET_TICK_NS;
}

static unsigned timer_index(const struct hpet_timer *t)
{
    return (unsigned)(t - t->hpet->timers);
}

/* --- interrupts --- */

static bool timer_asserts(const struct hpet_timer *t)
{
    if (!(t->config & TN_ENABLE))
        return false;
    return t->config & TN_LEVEL ? t->hpet->status >> timer_index(t) & 1 : t->output;
}

static bool timer_is_legacy(const struct hpet_timer *t)
{
    return (t->hpet->config & CONFIG_LEGACY) && timer_index(t) < 2;
}

static void hpet_update(struct hpet *d)
{
    bool legacy = d->config & CONFIG_LEGACY;
    u32 pins = 0;
    unsigned n;

    irq_set(&d->pins.irq0, legacy ? timer_asserts(&d->timers[0]) : d->pit);
    irq_set(&d->pins.irq8, legacy ? timer_asserts(&d->timers[1]) : d->rtc);
    for (n = 0; n < TIMERS; n++) {
        const struct hpet_timer *t = &d->timers[n];

        if (!timer_is_legacy(t) && timer_asserts(t))
            pins |= 1u << ((t->config & TN_ROUTE) >> 9) & ROUTES;
    }
    for (n = 0; n < HPET_PINS; n++)
        if (ROUTES >> n & 1)
            irq_set(&d->pins.ioapic[n], pins >> n & 1);
}

static void hpet_set_pit(void *opaque, unsigned n, bool level)
{
    struct hpet *d = opaque;

    d->pit = level;
    hpet_update(d);
}

static void hpet_set_rtc(void *opaque, unsigned n, bool level)
{
    struct hpet *d = opaque;

    d->rtc = level;
    hpet_update(d);
}

/* --- comparators --- */

/* Ticks until the counter equals the comparator; a full round if it does now. */
static u64 timer_distance(const struct hpet_timer *t)
{
    u64 distance = t->comparator - hpet_counter(t->hpet);

    if (!(t->config & TN_32BIT))
        return distance ? distance : UINT64_MAX;
    return (u32)distance ? (u32)distance : 1ull << 32;
}

static void timer_arm(struct hpet_timer *t)
{
    struct hpet *d = t->hpet;
    u64 distance = timer_distance(t);

    if (!(d->config & CONFIG_ENABLE) || distance > TICKS_NEVER)
        timer_cancel(&t->match);
    else
        timer_set(&t->match, d->from_ns + (hpet_counter(d) - d->counter + distance) * HPET_TICK_NS);
}

/* The next comparator value of a periodic timer; matches that passed unseen are one. */
static void timer_accumulate(struct hpet_timer *t)
{
    u64 late = hpet_counter(t->hpet) - t->comparator;

    if (t->config & TN_32BIT)
        late = (u32)late;
    t->comparator += (late / t->period + 1) * t->period;
    if (t->config & TN_32BIT)
        t->comparator = (u32)t->comparator;
}

static void timer_matched(void *opaque)
{
    struct hpet_timer *t = opaque;

    if ((t->config & TN_PERIODIC) && t->period)
        timer_accumulate(t);
    timer_arm(t);
    if (t->config & TN_LEVEL) {
        t->hpet->status |= 1 << timer_index(t);
    } else {
        t->output = false;
        hpet_update(t->hpet);
        t->output = true;
    }
    hpet_update(t->hpet);
}

static void timer_write_config(struct hpet_timer *t, u64 value)
{
    t->config = (u32)value & TN_WRITABLE;
    if (t->config & TN_32BIT) {
        t->comparator = (u32)t->comparator;
        t->period = (u32)t->period;
    }
    if (!(t->config & TN_ENABLE))
        t->output = false;
    timer_arm(t);
}

/*
 * A periodic timer takes the period; with TN_SET, for one write, the accumulator too. ("Timer n
 * Configuration and Capabilities Register", Tn_VAL_SET_CNF.)
 */
static void timer_write_comparator(struct hpet_timer *t, u64 value)
{
    if (t->config & TN_32BIT)
        value = (u32)value;
    if (!(t->config & TN_PERIODIC) || (t->config & TN_SET))
        t->comparator = value;
    if (t->config & TN_PERIODIC)
        t->period = value;
    t->config &= ~TN_SET;
    timer_arm(t);
}

/* --- registers --- */

static void hpet_arm_all(struct hpet *d)
{
    unsigned n;

    for (n = 0; n < TIMERS; n++)
        timer_arm(&d->timers[n]);
}

static void hpet_set_counter(struct hpet *d, u64 value)
{
    d->counter = value;
    d->from_ns = clock_now(d->clock);
}

static void hpet_write_config(struct hpet *d, u64 value)
{
    u64 counter = hpet_counter(d);

    d->config = (u8)value & (CONFIG_ENABLE | CONFIG_LEGACY);
    hpet_set_counter(d, counter);
    hpet_arm_all(d);
}

static u64 hpet_read_timer(const struct hpet_timer *t, unsigned reg)
{
    switch (reg) {
    case TIMER_CONFIG: return (u64)ROUTES << 32 | TN_PERIODIC_CAP | TN_SIZE_CAP | t->config;
    case TIMER_COMPARATOR: return t->comparator;
    }
    return 0;
}

static u64 hpet_read_register(const struct hpet *d, unsigned reg)
{
    switch (reg) {
    case REG_CAPABILITIES: return (u64)PERIOD_FS << 32 | HPET_BLOCK_ID;
    case REG_CONFIG: return d->config;
    case REG_STATUS: return d->status;
    case REG_COUNTER: return hpet_counter(d);
    }
    if (reg >= REG_TIMERS && reg < REG_TIMERS + TIMERS * TIMER_BYTES)
        return hpet_read_timer(&d->timers[(reg - REG_TIMERS) / TIMER_BYTES], reg % TIMER_BYTES);
    return 0;
}

static void hpet_write_register(struct hpet *d, unsigned reg, u64 value)
{
    struct hpet_timer *t = NULL;

    if (reg >= REG_TIMERS && reg < REG_TIMERS + TIMERS * TIMER_BYTES)
        t = &d->timers[(reg - REG_TIMERS) / TIMER_BYTES];
    if (reg == REG_CONFIG)
        hpet_write_config(d, value);
    else if (reg == REG_STATUS)
        d->status &= ~value;
    else if (reg == REG_COUNTER) {
        hpet_set_counter(d, value);
        hpet_arm_all(d);
    } else if (t && reg % TIMER_BYTES == TIMER_CONFIG)
        timer_write_config(t, value);
    else if (t && reg % TIMER_BYTES == TIMER_COMPARATOR)
        timer_write_comparator(t, value);
    else
        dev_guest(&d->dev, "write to register %03Xh", reg);
    hpet_update(d);
}

static u64 hpet_mmio_read(void *opaque, u64 offset, unsigned size)
{
    u64 value = hpet_read_register(opaque, (unsigned)offset & ~7u) >> 8 * (offset % 8);

    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void hpet_mmio_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct hpet *d = opaque;
    unsigned reg = (unsigned)offset & ~7u;
    unsigned shift = 8 * (offset % 8);
    u64 old;

    if (size < 4) {
        dev_guest(&d->dev, "write of %u bytes at %03Xh ignored", size, (unsigned)offset);
        return;
    }
    if (size == 4) { /* the other half keeps its value, and clears no status */
        old = reg == REG_STATUS ? 0 : hpet_read_register(d, reg);
        value = (old & ~(0xFFFFFFFFull << shift)) | (value & 0xFFFFFFFF) << shift;
    }
    hpet_write_register(d, reg, value);
}

static void hpet_reset(struct device *dev)
{
    struct hpet *d = (struct hpet *)dev;
    unsigned n;

    /* d->pit and d->rtc stay: they are other chips' wires. */
    d->config = d->status = 0;
    hpet_set_counter(d, 0);
    for (n = 0; n < TIMERS; n++) {
        struct hpet_timer *t = &d->timers[n];

        t->config = 0;
        t->comparator = UINT64_MAX;
        t->period = 0;
        t->output = false;
        timer_cancel(&t->match);
    }
    hpet_update(d);
}

static void hpet_state_timer(struct hpet_timer *t, struct state *s)
{
    state_u32(s, "timer_config", &t->config);
    state_u64(s, "comparator", &t->comparator);
    state_u64(s, "period", &t->period);
    state_bool(s, "output", &t->output);
    timer_state(s, "match", &t->match);
    state_require(s, (t->config & ~TN_WRITABLE) == 0, "hpet: a timer has reserved bits set");
    state_require(s, !(t->config & TN_32BIT) || (t->comparator | t->period) <= UINT32_MAX,
                  "hpet: a 32-bit timer has a longer comparator");
}

static void hpet_state(struct device *dev, struct state *s)
{
    struct hpet *d = (struct hpet *)dev;
    unsigned n;

    state_u8(s, "config", &d->config);
    state_u8(s, "status", &d->status);
    state_u64(s, "counter", &d->counter);
    state_u64(s, "from_ns", &d->from_ns);
    state_bool(s, "pit", &d->pit);
    state_bool(s, "rtc", &d->rtc);
    state_require(s, (d->config & ~(CONFIG_ENABLE | CONFIG_LEGACY)) == 0 && d->status < 1 << TIMERS,
                  "hpet: a register has reserved bits set");
    state_require(s, d->from_ns <= clock_now(d->clock), "hpet: the counter starts later");
    for (n = 0; n < TIMERS; n++)
        hpet_state_timer(&d->timers[n], s);
}

static const struct device_class hpet_class = {
    .name = "hpet",
    .version = 1,
    .reset = hpet_reset,
    .state = hpet_state,
    .destroy = device_free,
};

static const struct mmio_ops hpet_mmio = {
    .width = 8,
    .read = hpet_mmio_read,
    .write = hpet_mmio_write,
};

struct device *hpet_create(struct bus *bus, struct clock *clock, const struct hpet_pins *pins)
{
    struct hpet *d = device_new(&hpet_class, sizeof *d);
    unsigned n;

    d->clock = clock;
    d->pins = *pins;
    for (n = 0; n < TIMERS; n++) {
        d->timers[n].hpet = d;
        timer_init(&d->timers[n].match, clock, timer_matched, &d->timers[n]);
    }
    bus_map_mmio(bus, HPET_BASE, HPET_BYTES, &hpet_mmio, d);
    return &d->dev;
}

struct irq_line hpet_pit(struct device *dev)
{
    return (struct irq_line){hpet_set_pit, dev, 0};
}

struct irq_line hpet_rtc(struct device *dev)
{
    return (struct irq_line){hpet_set_rtc, dev, 0};
}
