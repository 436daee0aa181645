/*
 * Interval timer: Intel 8254, ports 40h..42h (counters 0..2) and 43h (control word).
 *
 * Time is counted in CLK pulses of 1 193 182 Hz since power-on. A counter is brought up to date
 * when somebody looks at it: between two pulses at which something happens (a load, a change of
 * OUT) the counting element only counts down, so any stretch of time is one subtraction, and whole
 * periods of the periodic modes are skipped. channel_clock() is what one such pulse does; it reads
 * like the data sheet.
 *
 * Source: Intel 8254 data sheet, "Programming the 8254", "Read-Back Command", "Mode Definitions",
 * "Operation Common to All Modes". A count of 1 in modes 2 and 3 is illegal there; here OUT stays
 * high. Before the first control word the counters stand still with OUT low.
 */
#include "devices/chipset/pit.h"

#include "base/clock.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <stdio.h>

enum {
    PIT_PORT = 0x40,
    SELECT_READ_BACK = 3, /* SC1, SC0 of the control word */
    RW_LATCH = 0,
    RW_LSB = 1,
    RW_MSB = 2,
    RW_BOTH = 3,
    CONTROL_BCD = 0x01,
    READ_BACK_NO_STATUS = 0x10,
    READ_BACK_NO_COUNT = 0x20,
    STATUS_NULL_COUNT = 0x40,
    STATUS_OUT = 0x80,

    COUNT_MAX = 0x10000,
    /* Nobody lets this much time pass while listening; more is skipped by whole periods. */
    LISTEN_TICKS_MAX = PIT_HZ / 10,
};

#define NEVER UINT64_MAX

struct pit_channel {
    u64 at;                     /* CLK pulses taken into account */
    u8 control;                 /* RW1 RW0 M2 M1 M0 BCD, as written */
    u8 mode;                    /* 0 to 5: the mode bits without the don't-care */
    u16 cr;                     /* count register, as written */
    u8 cr_low;                  /* the first byte of two */
    bool write_high, read_high; /* which byte is next where both are used */
    bool count_written;         /* a whole count since the control word */
    bool null_count;            /* CR is newer than CE */
    bool load_pending;          /* CR goes to CE at the next CLK */
    bool loaded;                /* CE has been loaded since the control word */
    bool armed;                 /* modes 0, 1, 4, 5: terminal count is still to come */
    bool gate, out;
    u32 ce;     /* counting element, in binary */
    u32 period; /* the count that was last loaded into CE */
    bool count_latched, status_latched;
    u16 latch;
    u8 status;
};

struct pit {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct irq_line out0;
    void (*edge)(void *opaque, bool level, u64 at_ns);
    void *edge_opaque;

    /* Guest state. */
    struct pit_channel channel[PIT_CHANNELS];
    struct timer timer; /* the next rising edge of OUT0, or a falling one worth showing */
    bool listening;     /* somebody wants the edges of OUT2 */
};

u64 pit_ticks(u64 ns)
{
    return muldiv_u64(ns, PIT_HZ, NS_PER_SEC);
}

u64 pit_tick_ns(u64 ticks)
{
    return muldiv_up_u64(ticks, NS_PER_SEC, PIT_HZ);
}

/* --- counting ---------------------------------------------------------------------------------*/

static u32 channel_modulus(const struct pit_channel *c)
{
    return c->control & CONTROL_BCD ? 10000 : 0x10000;
}

static u32 from_bcd(u16 v)
{
    return (v >> 12) * 1000u + (v >> 8 & 15) * 100u + (v >> 4 & 15) * 10u + (v & 15);
}

static u16 to_bcd(u32 v)
{
    return (u16)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

/* The count in CR; zero stands for the largest. */
static u32 channel_initial_count(const struct pit_channel *c)
{
    u32 count = c->control & CONTROL_BCD ? from_bcd(c->cr) : c->cr;

    return count ? count : channel_modulus(c);
}

static bool channel_is_periodic(const struct pit_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool channel_is_counting(const struct pit_channel *c)
{
    if (!c->loaded)
        return false;
    if (c->mode == 1 || c->mode == 5)
        return true;
    /* Mode 0: the first byte of a two-byte count stops counting until the second. */
    return c->gate && !(c->mode == 0 && c->write_high);
}

/* CR to CE. Mode 3 counts by two from an even number. */
static void channel_reload(struct pit_channel *c)
{
    c->period = channel_initial_count(c);
    c->ce = c->mode == 3 ? c->period & ~1u : c->period;
    c->null_count = false;
}

static void channel_load(struct pit_channel *c)
{
    channel_reload(c);
    c->load_pending = false;
    c->loaded = true;
    c->armed = true;
    if (c->mode == 1)
        c->out = false;
    if (channel_is_periodic(c))
        c->out = true;
}

/* Mode 3, odd counts: the high half is one CLK longer and passes through zero. */
static bool channel_has_extra_clock(const struct pit_channel *c)
{
    return (c->period & 1) && c->out;
}

static void channel_count_mode2(struct pit_channel *c)
{
    if (c->ce <= 1) {
        channel_reload(c);
        c->out = true;
    } else {
        c->ce--;
        if (c->ce == 1)
            c->out = false;
    }
}

static void channel_count_mode3(struct pit_channel *c)
{
    if (c->ce > 2 || (c->ce == 2 && channel_has_extra_clock(c))) {
        c->ce -= 2;
    } else {
        c->out = !c->out || c->period == 1;
        channel_reload(c);
    }
}

/* One CLK pulse. */
static void channel_clock(struct pit_channel *c)
{
    if (c->mode >= 4)
        c->out = true; /* the strobe lasts one CLK */
    if (c->load_pending) {
        channel_load(c);
        return;
    }
    if (!channel_is_counting(c))
        return;
    if (c->mode == 2) {
        channel_count_mode2(c);
        return;
    }
    if (c->mode == 3) {
        channel_count_mode3(c);
        return;
    }
    c->ce = c->ce ? c->ce - 1 : channel_modulus(c) - 1;
    if (c->armed && c->ce == 0) {
        c->out = c->mode < 4; /* end of the one-shot, or the strobe */
        c->armed = false;
    }
}

/* How many CLK pulses do nothing but count down; the one after them is for channel_clock. */
static u64 channel_plain_clocks(const struct pit_channel *c)
{
    u32 clocks;

    if (c->load_pending || (c->mode >= 4 && !c->out))
        return 0;
    if (!channel_is_counting(c))
        return NEVER;
    if (channel_is_periodic(c) && c->period == 1)
        return c->null_count ? 0 : NEVER;
    switch (c->mode) {
    case 2: return c->ce > 2 ? c->ce - 2 : 0;
    case 3: clocks = c->ce / 2 + channel_has_extra_clock(c); return clocks ? clocks - 1 : 0;
    default:
        if (!c->armed)
            return NEVER;
        return c->ce ? c->ce - 1 : 0;
    }
}

static void channel_count_down(struct pit_channel *c, u64 clocks)
{
    u32 modulus = channel_modulus(c);

    if (!channel_is_counting(c) || (channel_is_periodic(c) && c->period == 1))
        return;
    if (c->mode == 3)
        c->ce -= (u32)clocks * 2;
    else if (c->mode == 2)
        c->ce -= (u32)clocks;
    else
        c->ce = (u32)((c->ce % modulus + modulus - clocks % modulus) % modulus);
}

/* Whole periods change nothing, as long as CR has nothing new. */
static void channel_skip_periods(struct pit_channel *c, u64 to, u64 keep)
{
    u64 left = to - c->at;

    if (left <= keep || !channel_is_periodic(c) || !channel_is_counting(c) || c->null_count ||
        c->load_pending)
        return;
    c->at += (left - keep) / c->period * c->period;
}

/* Tell who listens to a channel that its OUT has changed at tick `at`. */
static void pit_out_changed(struct pit *p, unsigned n, u64 at)
{
    if (n == 0)
        irq_set(&p->out0, p->channel[0].out);
    else if (n == 2 && p->listening)
        p->edge(p->edge_opaque, p->channel[2].out, pit_tick_ns(at));
}

static void pit_advance(struct pit *p, unsigned n, u64 to)
{
    struct pit_channel *c = &p->channel[n];
    bool watched = n == 0 || (n == 2 && p->listening), out;
    u64 step;

    while (c->at < to) {
        channel_skip_periods(c, to, watched ? LISTEN_TICKS_MAX : 0);
        step = min_u64(channel_plain_clocks(c), to - c->at);
        channel_count_down(c, step);
        c->at += step;
        if (c->at == to)
            return;
        out = c->out;
        channel_clock(c);
        c->at++;
        if (c->out != out)
            pit_out_changed(p, n, c->at);
    }
}

static void pit_sync(struct pit *p, unsigned n)
{
    pit_advance(p, n, pit_ticks(clock_now(p->clock)));
}

/*
 * Channel 0 needs a timer. Where OUT falls for one CLK only (mode 2) the rise is soon enough: a
 * fall and a rise at the same moment are the same edge to the interrupt controller.
 */
static void pit_arm(struct pit *p)
{
    struct pit_channel *c = &p->channel[0];
    u64 clocks = channel_plain_clocks(c);

    if (clocks == NEVER) {
        timer_cancel(&p->timer);
        return;
    }
    if (c->mode == 2 && c->out && !c->load_pending)
        clocks++;
    timer_set(&p->timer, pit_tick_ns(c->at + clocks + 1));
}

static void pit_fire(void *opaque)
{
    struct pit *p = opaque;

    pit_sync(p, 0);
    pit_arm(p);
}

/* After the guest has changed a channel: OUT may have moved at once, and the future has. */
static void pit_touched(struct pit *p, unsigned n, bool old_out)
{
    struct pit_channel *c = &p->channel[n];

    /* The speaker hears of it in any case, which wakes it. */
    if (c->out != old_out || n == 2)
        pit_out_changed(p, n, c->at);
    if (n == 0)
        pit_arm(p);
}

/* --- registers --------------------------------------------------------------------------------*/

/*
 * CE as a guest sees it. An access takes longer than a CLK on the ISA bus and nearly nothing here,
 * so a load that waits for the next CLK shows at once: Linux's quick_pit_calibrate reads the count
 * once to let that CLK pass, and gives up if the next read does not show what it has written.
 */
static u16 channel_count(const struct pit_channel *c)
{
    u32 ce = c->load_pending ? channel_initial_count(c) & (c->mode == 3 ? ~1u : ~0u) : c->ce;

    return c->control & CONTROL_BCD ? to_bcd(ce % 10000) : (u16)ce;
}

static unsigned channel_rw(const struct pit_channel *c)
{
    return c->control >> 4 & 3;
}

static void channel_latch_count(struct pit_channel *c)
{
    if (c->count_latched)
        return; /* a second latch command waits until the first was read */
    c->latch = channel_count(c);
    c->count_latched = true;
}

static void channel_latch_status(struct pit_channel *c)
{
    if (c->status_latched)
        return;
    c->status = c->control | (c->null_count ? STATUS_NULL_COUNT : 0) | (c->out ? STATUS_OUT : 0);
    c->status_latched = true;
}

static void channel_write_control(struct pit_channel *c, u8 value)
{
    c->control = value & 0x3F;
    c->mode = value >> 1 & 7;
    if (c->mode > 5)
        c->mode -= 4; /* x10 and x11 */
    c->write_high = c->read_high = false;
    c->count_latched = c->status_latched = false;
    c->count_written = c->load_pending = c->loaded = c->armed = false;
    c->null_count = true;
    c->out = c->mode != 0;
}

static void channel_take_count(struct pit_channel *c, u16 count)
{
    c->cr = count;
    c->count_written = true;
    c->null_count = true;
    if (c->mode == 0 || c->mode == 4 || (channel_is_periodic(c) && !c->loaded))
        c->load_pending = true;
}

static void channel_write_count(struct pit_channel *c, u8 value)
{
    if (c->mode == 0)
        c->out = false;
    switch (channel_rw(c)) {
    case RW_LSB: channel_take_count(c, value); break;
    case RW_MSB: channel_take_count(c, (u16)(value << 8)); break;
    default:
        if (c->write_high)
            channel_take_count(c, (u16)(value << 8 | c->cr_low));
        else
            c->cr_low = value;
        c->write_high = !c->write_high;
        break;
    }
}

static u8 channel_read(struct pit_channel *c)
{
    u16 count = c->count_latched ? c->latch : channel_count(c);
    unsigned rw = channel_rw(c);
    bool high = rw == RW_MSB || (rw == RW_BOTH && c->read_high);

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (rw == RW_BOTH)
        c->read_high = !c->read_high;
    if (rw != RW_BOTH || high)
        c->count_latched = false;
    return (u8)(high ? count >> 8 : count);
}

static void pit_read_back(struct pit *p, u8 value)
{
    unsigned n;

    for (n = 0; n < PIT_CHANNELS; n++) {
        if (!(value & 2u << n))
            continue;
        pit_sync(p, n);
        if (!(value & READ_BACK_NO_COUNT))
            channel_latch_count(&p->channel[n]);
        if (!(value & READ_BACK_NO_STATUS))
            channel_latch_status(&p->channel[n]);
    }
}

static void pit_write_control(struct pit *p, u8 value)
{
    unsigned n = value >> 6;
    struct pit_channel *c;
    bool out;

    if (n == SELECT_READ_BACK) {
        pit_read_back(p, value);
        return;
    }
    c = &p->channel[n];
    pit_sync(p, n);
    if ((value >> 4 & 3) == RW_LATCH) {
        channel_latch_count(c);
        return;
    }
    out = c->out;
    channel_write_control(c, value);
    pit_touched(p, n, out);
}

static void pit_write(void *opaque, u16 port, u32 value)
{
    struct pit *p = opaque;
    unsigned n = port & 3;
    bool out;

    if (n == 3) {
        pit_write_control(p, (u8)value);
        return;
    }
    pit_sync(p, n);
    out = p->channel[n].out;
    channel_write_count(&p->channel[n], (u8)value);
    pit_touched(p, n, out);
}

static u32 pit_read(void *opaque, u16 port)
{
    struct pit *p = opaque;
    unsigned n = port & 3;

    if (n == 3)
        return 0xFF; /* the control word cannot be read: the data bus floats */
    pit_sync(p, n);
    return channel_read(&p->channel[n]);
}

/* --- pins -------------------------------------------------------------------------------------*/

bool pit_out(struct device *dev, unsigned channel)
{
    struct pit *p = (struct pit *)dev;

    assert(channel < PIT_CHANNELS);
    pit_sync(p, channel);
    return p->channel[channel].out;
}

/* "Gate": the summary table of the data sheet. */
static void channel_set_gate(struct pit_channel *c, bool level)
{
    if (c->gate == level)
        return;
    c->gate = level;
    if (level && c->count_written && c->mode != 0 && c->mode != 4)
        c->load_pending = true;
    if (!level && channel_is_periodic(c))
        c->out = true;
}

void pit_set_gate2(struct device *dev, bool level)
{
    struct pit *p = (struct pit *)dev;
    bool out;

    if (p->channel[2].gate == level)
        return;
    pit_sync(p, 2);
    out = p->channel[2].out;
    channel_set_gate(&p->channel[2], level);
    pit_touched(p, 2, out);
}

void pit_connect_speaker(struct device *dev, void (*edge)(void *opaque, bool level, u64 at_ns),
                         void *opaque)
{
    struct pit *p = (struct pit *)dev;

    p->edge = edge;
    p->edge_opaque = opaque;
}

void pit_set_listening(void *pit, bool on)
{
    struct pit *p = pit;

    pit_sync(p, 2);
    p->listening = on && p->edge;
    pit_out_changed(p, 2, p->channel[2].at);
}

void pit_catch_up(void *pit)
{
    pit_sync(pit, 2);
}

/* --- device -----------------------------------------------------------------------------------*/

void pit_describe(const struct device *dev, char *out, size_t out_size)
{
    static const char *const modes[] = {"one interrupt at the end",
                                        "one-shot, started by its gate",
                                        "rate generator",
                                        "square wave",
                                        "strobe, started by the count",
                                        "strobe, started by its gate"};
    const struct pit *p = (const struct pit *)dev;
    size_t n = 0;

    for (unsigned i = 0; i < PIT_CHANNELS && n < out_size; i++) {
        const struct pit_channel *c = &p->channel[i];
        u32 count = c->period ? c->period : COUNT_MAX;

        n += (size_t)snprintf(out + n, out_size - n, "channel %u: mode %u (%s), ", i, c->mode,
                              modes[c->mode % ARRAY_LEN(modes)]);
        if (n < out_size && c->loaded)
            n += (size_t)snprintf(out + n, out_size - n, "counts from %u (%.3f Hz)", count,
                                  (double)PIT_HZ / count);
        else if (n < out_size)
            n += (size_t)snprintf(out + n, out_size - n, "not loaded");
        if (n < out_size)
            n += (size_t)snprintf(out + n, out_size - n, "%s, gate %s, out %s\n",
                                  c->control & CONTROL_BCD ? ", BCD" : "", c->gate ? "high" : "low",
                                  c->out ? "high" : "low");
    }
}

static void pit_reset(struct device *dev)
{
    struct pit *p = (struct pit *)dev;
    u64 now = pit_ticks(clock_now(p->clock));
    unsigned n;

    for (n = 0; n < PIT_CHANNELS; n++)
        p->channel[n] = (struct pit_channel){
            .at = now,
            .control = RW_BOTH << 4,
            .null_count = true,
            .gate = n != 2,
            .ce = COUNT_MAX,
            .period = COUNT_MAX,
        };
    p->listening = false;
    timer_cancel(&p->timer);
    irq_set(&p->out0, false);
}

static void channel_state(struct pit_channel *c, struct state *s)
{
    state_u64(s, "at", &c->at);
    state_u8(s, "control", &c->control);
    state_u8(s, "mode", &c->mode);
    state_u16(s, "cr", &c->cr);
    state_u8(s, "cr_low", &c->cr_low);
    state_bool(s, "write_high", &c->write_high);
    state_bool(s, "read_high", &c->read_high);
    state_bool(s, "count_written", &c->count_written);
    state_bool(s, "null_count", &c->null_count);
    state_bool(s, "load_pending", &c->load_pending);
    state_bool(s, "loaded", &c->loaded);
    state_bool(s, "armed", &c->armed);
    state_bool(s, "gate", &c->gate);
    state_bool(s, "out", &c->out);
    state_u32(s, "ce", &c->ce);
    state_u32(s, "period", &c->period);
    state_bool(s, "count_latched", &c->count_latched);
    state_bool(s, "status_latched", &c->status_latched);
    state_u16(s, "latch", &c->latch);
    state_u8(s, "status", &c->status);
    state_require(s, c->at < 1ull << 53, "pit: a counter is ahead of all time");
    state_require(s, c->control <= 0x3F && c->control >> 4, "pit: no such control word");
    state_require(s, c->mode <= 5, "pit: no such mode");
    state_require(s, c->period >= 1 && c->period <= COUNT_MAX, "pit: the period is out of range");
    state_require(s, c->ce <= c->period || !channel_is_periodic(c) || !c->loaded,
                  "pit: the count exceeds its period");
    state_require(s, c->ce <= COUNT_MAX, "pit: the count is out of range");
}

static void pit_state(struct device *dev, struct state *s)
{
    struct pit *p = (struct pit *)dev;
    unsigned n;

    for (n = 0; n < PIT_CHANNELS; n++)
        channel_state(&p->channel[n], s);
    timer_state(s, "timer", &p->timer);
    state_bool(s, "listening", &p->listening);
    if (!p->edge)
        p->listening = false;
}

static const struct device_class pit_class = {
    .name = "pit",
    .version = 1,
    .reset = pit_reset,
    .state = pit_state,
    .destroy = device_free,
};

static const struct port_ops pit_ports = {.width = 1, .read = pit_read, .write = pit_write};

struct device *pit_create(struct bus *bus, struct clock *clock, struct irq_line out0)
{
    struct pit *p = device_new(&pit_class, sizeof *p);

    p->clock = clock;
    p->out0 = out0;
    timer_init(&p->timer, clock, pit_fire, p);
    bus_map_ports(bus, PIT_PORT, 4, &pit_ports, p);
    return &p->dev;
}
