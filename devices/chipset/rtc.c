/*
 * Real-time clock and CMOS memory: Motorola MC146818A with a 32.768 kHz crystal, ports 70h
 * (index, and the NMI mask in bit 7) and 71h (data), with a second bank of 128 bytes at 72h, 73h.
 *
 * Nothing ticks. The divider chain is a function of virtual time; when somebody looks, the seconds
 * that have passed are added to the registers and the flags they would have set are set. A timer
 * exists only while a flag that is not yet set would interrupt.
 *
 * An update cycle ends when the chain passes a multiple of 32768 (a whole second): there the
 * registers change and UF is set. UIP reads 1 for 244 us + 1984 us before that.
 *
 * Sources: Motorola MC146818A data sheet ("Divider Stages", "Update Cycle", "Interrupts",
 * "Register A" to "Register D"); Intel 82371SB (PIIX3) data sheet, "Real-Time Clock Registers"
 * for the second bank and the NMI mask. The century at 32h is a convention of BIOSes; it follows
 * when the year passes 99. Not modelled: the SQW pin, which no PC connects, daylight saving (DSE
 * is kept) and other crystals: with any divider setting but 010 the chain is held in reset.
 */
#include "devices/chipset/rtc.h"

#include "base/clock.h"
#include "devices/device.h"
#include "mmu/bus.h"

enum {
    RTC_PORT = 0x70,
    RTC_BANK = 128,

    RTC_SECONDS = 0x00,
    RTC_SECONDS_ALARM = 0x01,
    RTC_MINUTES = 0x02,
    RTC_MINUTES_ALARM = 0x03,
    RTC_HOURS = 0x04,
    RTC_HOURS_ALARM = 0x05,
    RTC_WEEKDAY = 0x06, /* 1 is Sunday */
    RTC_DATE = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_A = 0x0A,
    RTC_B = 0x0B,
    RTC_C = 0x0C,
    RTC_D = 0x0D,
    RTC_CENTURY = 0x32,

    A_UIP = 0x80,
    A_DV = 0x70,
    A_DV_32KHZ = 0x20,
    A_RS = 0x0F,
    B_SET = 0x80,
    B_PIE = 0x40,
    B_AIE = 0x20,
    B_UIE = 0x10,
    B_SQWE = 0x08,
    B_DM = 0x04, /* binary */
    B_24 = 0x02,
    C_IRQF = 0x80,
    C_PF = 0x40, /* these three are where B has their enables */
    C_AF = 0x20,
    C_UF = 0x10,
    C_FLAGS = C_PF | C_AF | C_UF,
    D_VRT = 0x80,
    HOURS_PM = 0x80,
    ALARM_ANY = 0xC0,

    CHAIN_HZ = 32768,
    UIP_TICKS = 8 + 65, /* tBUC 244 us and tUC 1984 us, "Update Cycle" */
    SECONDS_A_DAY = 86400,
    DAYS_IN_4_YEARS = 1461,
};

struct rtc {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct irq_line irq;

    /* Battery-backed: set by create, survives reset. */
    u8 cmos[2 * RTC_BANK];
    u64 chain_ns;    /* when the divider chain last started ... */
    u64 chain_start; /* ... and its value then */
    u64 chain_seen;  /* its value up to which everything is accounted for */

    /* Guest state. */
    u8 index[2];
    bool nmi_masked;
    struct timer timer;
};

/* --- numbers in registers ---------------------------------------------------------------------*/

static unsigned rtc_decode(const struct rtc *r, u8 raw)
{
    return r->cmos[RTC_B] & B_DM ? raw : (raw >> 4) * 10u + (raw & 15);
}

static u8 rtc_encode(const struct rtc *r, unsigned v)
{
    return (u8)(r->cmos[RTC_B] & B_DM ? v : (v / 10 % 10) << 4 | v % 10);
}

static unsigned rtc_decode_hour(const struct rtc *r, u8 raw)
{
    if (r->cmos[RTC_B] & B_24)
        return rtc_decode(r, raw);
    return rtc_decode(r, raw & 0x7F) % 12 + (raw & HOURS_PM ? 12 : 0);
}

static u8 rtc_encode_hour(const struct rtc *r, unsigned hour)
{
    if (r->cmos[RTC_B] & B_24)
        return rtc_encode(r, hour);
    return (u8)(rtc_encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOURS_PM : 0));
}

/* --- the calendar -----------------------------------------------------------------------------*/

/* The chip knows leap years by the last two bits of the year only. */
static unsigned days_in_month(unsigned month, unsigned year)
{
    static const u8 days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && year % 4 == 0 ? 29 : days[month - 1];
}

static void rtc_next_day(struct rtc *r)
{
    unsigned date = rtc_decode(r, r->cmos[RTC_DATE]), month = rtc_decode(r, r->cmos[RTC_MONTH]);
    unsigned year = rtc_decode(r, r->cmos[RTC_YEAR]) % 100;

    if (month < 1 || month > 12)
        month = 1;
    if (++date > days_in_month(month, year)) {
        date = 1;
        month++;
    }
    if (month > 12) {
        month = 1;
        year++;
    }
    if (year == 100) {
        year = 0;
        /* A convention of software, kept in BCD by all of it unless the clock is binary. */
        r->cmos[RTC_CENTURY] = rtc_encode(r, (rtc_decode(r, r->cmos[RTC_CENTURY]) + 1) % 100);
    }
    r->cmos[RTC_DATE] = rtc_encode(r, date);
    r->cmos[RTC_MONTH] = rtc_encode(r, month);
    r->cmos[RTC_YEAR] = rtc_encode(r, year);
    r->cmos[RTC_WEEKDAY] = rtc_encode(r, rtc_decode(r, r->cmos[RTC_WEEKDAY]) % 7 + 1);
}

/* A virtual century has 36525 days: more than that is a damaged snapshot, not time. */
static void rtc_add_days(struct rtc *r, u64 days)
{
    for (days %= 100 / 4 * DAYS_IN_4_YEARS; days; days--)
        rtc_next_day(r);
}

static unsigned rtc_second_of_day(const struct rtc *r)
{
    return rtc_decode_hour(r, r->cmos[RTC_HOURS]) % 24 * 3600 +
           rtc_decode(r, r->cmos[RTC_MINUTES]) % 60 * 60 + rtc_decode(r, r->cmos[RTC_SECONDS]) % 60;
}

static void rtc_set_second_of_day(struct rtc *r, unsigned second)
{
    r->cmos[RTC_SECONDS] = rtc_encode(r, second % 60);
    r->cmos[RTC_MINUTES] = rtc_encode(r, second / 60 % 60);
    r->cmos[RTC_HOURS] = rtc_encode_hour(r, second / 3600);
}

/* --- alarm ------------------------------------------------------------------------------------*/

static bool alarm_field_matches(u8 alarm, u8 now)
{
    return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

/* Whether one of the `count` seconds after `second` is the alarm's. A day has all there are. */
static bool rtc_alarm_within(const struct rtc *r, unsigned second, u64 count)
{
    unsigned i, s, n = (unsigned)min_u64(count, SECONDS_A_DAY);

    for (i = 1; i <= n; i++) {
        s = (second + i) % SECONDS_A_DAY;
        if (alarm_field_matches(r->cmos[RTC_SECONDS_ALARM], rtc_encode(r, s % 60)) &&
            alarm_field_matches(r->cmos[RTC_MINUTES_ALARM], rtc_encode(r, s / 60 % 60)) &&
            alarm_field_matches(r->cmos[RTC_HOURS_ALARM], rtc_encode_hour(r, s / 3600)))
            return true;
    }
    return false;
}

/* --- time passes ------------------------------------------------------------------------------*/

static bool rtc_runs(const struct rtc *r)
{
    return (r->cmos[RTC_A] & A_DV) == A_DV_32KHZ;
}

/* The divider chain at a virtual time. */
static u64 rtc_chain(const struct rtc *r, u64 ns)
{
    if (!rtc_runs(r) || ns <= r->chain_ns)
        return r->chain_start;
    return r->chain_start + muldiv_u64(ns - r->chain_ns, CHAIN_HZ, NS_PER_SEC);
}

/* Chain ticks of the periodic interrupt, 0 for none. "Periodic Interrupt Rates", 32.768 kHz. */
static u32 rtc_period(const struct rtc *r)
{
    unsigned rs = r->cmos[RTC_A] & A_RS;

    if (rs == 0)
        return 0;
    return rs <= 2 ? 64u << rs : 1u << (rs - 1);
}

static void rtc_update(struct rtc *r, u64 seconds)
{
    unsigned second = rtc_second_of_day(r);
    u64 end = second + seconds;

    if (!(r->cmos[RTC_C] & C_AF) && rtc_alarm_within(r, second, seconds))
        r->cmos[RTC_C] |= C_AF;
    r->cmos[RTC_C] |= C_UF;
    rtc_set_second_of_day(r, (unsigned)(end % SECONDS_A_DAY));
    rtc_add_days(r, end / SECONDS_A_DAY);
}

/* Account for the time since the last look. */
static void rtc_sync(struct rtc *r)
{
    u64 now = rtc_chain(r, clock_now(r->clock)), seen = r->chain_seen;
    u32 period = rtc_period(r);

    if (now <= seen)
        return;
    r->chain_seen = now;
    if (period && now / period != seen / period)
        r->cmos[RTC_C] |= C_PF;
    if (now / CHAIN_HZ != seen / CHAIN_HZ && !(r->cmos[RTC_B] & B_SET))
        rtc_update(r, now / CHAIN_HZ - seen / CHAIN_HZ);
}

static u64 rtc_next_multiple(const struct rtc *r, u32 ticks)
{
    u64 next = (r->chain_seen / ticks + 1) * ticks;

    return r->chain_ns + muldiv_up_u64(next - r->chain_start, NS_PER_SEC, CHAIN_HZ);
}

/* The interrupt pin, and the timer for the next flag that would raise it. */
static void rtc_drive(struct rtc *r)
{
    u8 b = r->cmos[RTC_B], missing = b & C_FLAGS & ~r->cmos[RTC_C];
    u64 deadline = UINT64_MAX;

    irq_set(&r->irq, r->cmos[RTC_C] & b & C_FLAGS);
    if (rtc_runs(r)) {
        if ((missing & C_PF) && rtc_period(r))
            deadline = rtc_next_multiple(r, rtc_period(r));
        if ((missing & (C_UF | C_AF)) && !(b & B_SET))
            deadline = min_u64(deadline, rtc_next_multiple(r, CHAIN_HZ));
    }
    if (deadline == UINT64_MAX)
        timer_cancel(&r->timer);
    else if (!timer_is_set(&r->timer) || r->timer.deadline_ns != deadline)
        timer_set(&r->timer, deadline);
}

static void rtc_fire(void *opaque)
{
    struct rtc *r = opaque;

    rtc_sync(r);
    rtc_drive(r);
}

/* --- registers --------------------------------------------------------------------------------*/

static u8 rtc_read_a(const struct rtc *r)
{
    bool near = r->chain_seen % CHAIN_HZ >= CHAIN_HZ - UIP_TICKS;

    /* "Register A", UIP: cleared while SET inhibits updates. */
    return r->cmos[RTC_A] | (near && rtc_runs(r) && !(r->cmos[RTC_B] & B_SET) ? A_UIP : 0);
}

static u8 rtc_read_c(struct rtc *r)
{
    u8 value = r->cmos[RTC_C];

    if (value & r->cmos[RTC_B] & C_FLAGS)
        value |= C_IRQF;
    r->cmos[RTC_C] = 0;
    rtc_drive(r);
    return value;
}

static u8 rtc_read_data(struct rtc *r)
{
    unsigned index = r->index[0];

    rtc_sync(r);
    switch (index) {
    case RTC_A: return rtc_read_a(r);
    case RTC_C: return rtc_read_c(r);
    default: return r->cmos[index];
    }
}

static void rtc_write_a(struct rtc *r, u8 value)
{
    bool ran = rtc_runs(r);

    r->cmos[RTC_A] = value & ~A_UIP;
    if (ran == rtc_runs(r))
        return;
    /* "Divider Stages": the first update comes half a second after the reset is released. */
    r->chain_ns = clock_now(r->clock);
    r->chain_start = r->chain_seen = CHAIN_HZ / 2;
}

static void rtc_write_data(struct rtc *r, u8 value)
{
    unsigned index = r->index[0];

    rtc_sync(r);
    switch (index) {
    case RTC_A: rtc_write_a(r, value); break;
    case RTC_B:
        /* "Register B", UIE: cleared when SET goes high. */
        if (value & B_SET & ~r->cmos[RTC_B])
            value &= (u8)~B_UIE;
        r->cmos[RTC_B] = value;
        break;
    case RTC_C:
    case RTC_D: dev_guest(&r->dev, "register %c is read-only", 'A' + (index - RTC_A)); return;
    default: r->cmos[index] = value; return;
    }
    rtc_drive(r);
}

static u32 rtc_read(void *opaque, u16 port)
{
    struct rtc *r = opaque;

    switch (port - RTC_PORT) {
    case 1: return rtc_read_data(r);
    case 3: return r->cmos[RTC_BANK + r->index[1]];
    default: return 0xFF; /* the index registers are write-only */
    }
}

static void rtc_write(void *opaque, u16 port, u32 value)
{
    struct rtc *r = opaque;

    switch (port - RTC_PORT) {
    case 0:
        r->index[0] = value & 0x7F;
        r->nmi_masked = value & 0x80;
        break;
    case 1: rtc_write_data(r, (u8)value); break;
    case 2: r->index[1] = value & 0x7F; break;
    case 3: r->cmos[RTC_BANK + r->index[1]] = (u8)value; break;
    }
}

void rtc_set_cmos(struct device *dev, unsigned index, u8 value)
{
    assert(index < 2 * RTC_BANK);
    ((struct rtc *)dev)->cmos[index] = value;
}

u8 rtc_get_cmos(const struct device *dev, unsigned index)
{
    assert(index < 2 * RTC_BANK);
    return ((const struct rtc *)dev)->cmos[index];
}

bool rtc_nmi_masked(const struct device *dev)
{
    return ((const struct rtc *)dev)->nmi_masked;
}

/* --- device -----------------------------------------------------------------------------------*/

/* "RESET": what the pin clears. Time and memory live on their battery. */
static void rtc_reset(struct device *dev)
{
    struct rtc *r = (struct rtc *)dev;

    rtc_sync(r);
    r->cmos[RTC_B] &= (u8) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->cmos[RTC_C] = 0;
    r->index[0] = r->index[1] = 0;
    r->nmi_masked = false;
    rtc_drive(r);
}

static void rtc_state(struct device *dev, struct state *s)
{
    struct rtc *r = (struct rtc *)dev;

    state_bytes(s, "cmos", r->cmos, sizeof r->cmos);
    state_u64(s, "chain_ns", &r->chain_ns);
    state_u64(s, "chain_start", &r->chain_start);
    state_u64(s, "chain_seen", &r->chain_seen);
    state_u8(s, "index", &r->index[0]);
    state_u8(s, "index_2", &r->index[1]);
    state_bool(s, "nmi_masked", &r->nmi_masked);
    timer_state(s, "timer", &r->timer);
    state_require(s, r->index[0] < RTC_BANK && r->index[1] < RTC_BANK,
                  "rtc: an index is outside its bank");
    state_require(s, !(r->cmos[RTC_A] & A_UIP) && !(r->cmos[RTC_C] & ~C_FLAGS),
                  "rtc: a register has a bit that is never stored");
    state_require(s, r->chain_start <= CHAIN_HZ / 2 && r->chain_seen >= r->chain_start,
                  "rtc: the divider chain starts after it was read");
    state_require(s, r->chain_seen < 1ull << 48 && r->chain_ns < UINT64_MAX / 4,
                  "rtc: the divider chain is ahead of all time");
}

/* Days from 1970-01-01 to a civil date, and back, go by 400-year cycles that begin in March. */
static void rtc_set_date(struct rtc *r, s64 days)
{
    s64 z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    u64 year = (u64)(yoe + era * 400 + (month <= 2)) % 10000;

    r->cmos[RTC_DATE] = rtc_encode(r, doy - (153 * mp + 2) / 5 + 1);
    r->cmos[RTC_MONTH] = rtc_encode(r, month);
    r->cmos[RTC_YEAR] = rtc_encode(r, (unsigned)(year % 100));
    r->cmos[RTC_CENTURY] = rtc_encode(r, (unsigned)(year / 100));
    r->cmos[RTC_WEEKDAY] = rtc_encode(r, (unsigned)(((days + 4) % 7 + 7) % 7 + 1));
}

static const struct device_class rtc_class = {
    .name = "rtc",
    .version = 1,
    .reset = rtc_reset,
    .state = rtc_state,
    .destroy = device_free,
};

static const struct port_ops rtc_ports = {.width = 1, .read = rtc_read, .write = rtc_write};

struct device *rtc_create(struct bus *bus, struct clock *clock, struct irq_line irq, s64 epoch)
{
    struct rtc *r = device_new(&rtc_class, sizeof *r);
    s64 second = (epoch % SECONDS_A_DAY + SECONDS_A_DAY) % SECONDS_A_DAY;

    r->clock = clock;
    r->irq = irq;
    timer_init(&r->timer, clock, rtc_fire, r);
    r->cmos[RTC_A] = A_DV_32KHZ | 6; /* 1024 Hz, as every BIOS programs it */
    r->cmos[RTC_B] = B_24;
    r->cmos[RTC_D] = D_VRT;
    rtc_set_second_of_day(r, (unsigned)second);
    rtc_set_date(r, (epoch - second) / SECONDS_A_DAY);
    bus_map_ports(bus, RTC_PORT, 4, &rtc_ports, r);
    return &r->dev;
}
