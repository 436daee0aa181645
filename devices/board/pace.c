/*
 * Pacing; see pace.h.
 *
 * Steering looks at the work of a millisecond, virtual or the host's, whichever passes first: a
 * guest that turns from string instructions to page faults needs a thousand times longer for an
 * instruction from one moment to the next. The costs of two windows in a row are joined by their
 * geometric mean, so that both directions are followed equally fast and one window in which the
 * host did something else counts little.
 *
 * Each change of rate is an input that a recording must keep: one a virtual millisecond at most,
 * on average. Up to CREDIT of them may come early, for turns like the one above: at 0.02 ns an
 * instruction a virtual millisecond is half a second of the slow work that follows.
 */
#include "devices/board/pace.h"

#include "base/clock.h"

#include <math.h>

#define MS 1000000ull

enum {
    LEAD_MS = 20,      /* how far we may be ahead before we sleep */
    HOLD_LEAD_MS = 10, /* and how far a fixed rate is afterwards */
    IDLE_LEAD_MS = 3,  /* shorter waits are not slept through one by one */
    QUIET_LOOK_MS = 200,
    QUIET_SHARE = 10, /* awake less than this part of the time */
    BEHIND_MS = 1000, /* further behind than this is given up, not caught up */
    WINDOW_MS = 1,
    WINDOW_INSTRUCTIONS = 1000,
    CREDIT = 16,
    PULL_MS = 25,         /* so far behind, virtual time passes twice as fast as the work */
    PULL_MOST = 8,        /* and never more than so many times */
    CHANGE_SMALLEST = 64, /* changes of less than 1/64 are not worth a record */
    SAMPLE_MS = 500,
};

/* Nanoseconds an instruction in 32.32 fixed point: 0.02 to 100 ns. */
#define RATE_MIN ((u64)(0.02 * 4294967296.0))
#define RATE_MAX (100ull << 32)

static u64 host_now(const struct pace *p)
{
    return p->host.now_ns(p->host.opaque);
}

static void open_window(struct pace *p, u64 host, u64 count)
{
    p->window_host_ns = host;
    p->window_virtual_ns = clock_now(p->clock);
    p->window_count = count;
    p->window_slept_ns = p->slept_ns;
}

void pace_init(struct pace *p, struct clock *clock, const struct pace_config *config,
               const struct pace_host *host)
{
    /* 1e6 / kips nanoseconds an instruction. */
    u64 rate = (1000000ull << 32) / config->kips;

    *p = (struct pace){
        .clock = clock,
        .config = *config,
        .host = *host,
        .cost = rate,
        .credit_ns = CREDIT * MS,
    };
    clock_set_rate(clock, rate);
    pace_restart(p, 0);
}

void pace_restart(struct pace *p, u64 count)
{
    u64 host = host_now(p);

    p->host_origin_ns = host - clock_now(p->clock);
    p->sample_host_ns = 0;
    open_window(p, host, count);
}

/* Virtual minus wall time: positive when we are ahead. */
static s64 lead_ns(const struct pace *p, u64 host)
{
    return (s64)(clock_now(p->clock) - (host - p->host_origin_ns));
}

static void nap(struct pace *p, u64 ns)
{
    u64 before = host_now(p);

    p->host.sleep(p->host.opaque, ns);
    p->slept_ns += host_now(p) - before;
}

static u64 clamp_rate(double rate)
{
    return rate < (double)RATE_MIN ? RATE_MIN : rate > (double)RATE_MAX ? RATE_MAX : (u64)rate;
}

/*
 * What an instruction costs the host, and off it as much as the clocks differ. On a host that gives
 * us a third of a processor the cost is that of the moments we have; the lag settles where it
 * makes up for the rest, at twice PULL_MS.
 */
static u64 wanted_rate(const struct pace *p, u64 host)
{
    double lead = (double)lead_ns(p, host) / (double)(PULL_MS * MS), cost = (double)p->cost;
    double pull = 1.0 + fabs(lead);

    pull = pull > PULL_MOST ? PULL_MOST : pull;
    return clamp_rate(lead > 0 ? cost / pull : cost * pull);
}

static void change_rate(struct pace *p, u64 rate)
{
    u64 old = clock_rate(p->clock), difference = rate > old ? rate - old : old - rate;

    if (p->credit_ns < MS || difference < old / CHANGE_SMALLEST)
        return;
    p->credit_ns -= MS;
    if (p->host.set_rate)
        p->host.set_rate(p->host.opaque, rate);
    else
        clock_set_rate(p->clock, rate);
}

static void steer(struct pace *p, u64 host, u64 count)
{
    u64 instructions = count - p->window_count;
    u64 busy = host - p->window_host_ns - (p->slept_ns - p->window_slept_ns);
    u64 worked = muldiv_u64(instructions, clock_rate(p->clock), 1ull << 32);
    u64 passed = clock_now(p->clock) - p->window_virtual_ns;
    double cost;

    if (instructions < WINDOW_INSTRUCTIONS || (busy < WINDOW_MS * MS && worked < WINDOW_MS * MS))
        return;
    cost = (double)busy / (double)instructions * 4294967296.0;
    p->cost = clamp_rate(sqrt((double)p->cost * (double)clamp_rate(cost)));
    p->credit_ns = min_u64(p->credit_ns + passed, CREDIT * MS);
    change_rate(p, wanted_rate(p, host));
    open_window(p, host, count);
}

static void sample(struct pace *p, u64 host, u64 count)
{
    u64 now = clock_now(p->clock), passed = host - p->sample_host_ns;

    if (p->sample_host_ns && passed < SAMPLE_MS * MS)
        return;
    if (p->sample_host_ns) {
        p->speed = (double)(now - p->sample_virtual_ns) / (double)passed;
        p->mips = (double)(count - p->sample_count) * 1000.0 / (double)passed;
    }
    p->sample_host_ns = host;
    p->sample_virtual_ns = now;
    p->sample_count = count;
}

/* The host was away, or is too slow: do not race. */
static void give_up(struct pace *p, u64 host)
{
    if (lead_ns(p, host) < -(s64)(BEHIND_MS * MS))
        p->host_origin_ns = host - clock_now(p->clock);
}

void pace_slice(struct pace *p, u64 count)
{
    u64 host = host_now(p);

    sample(p, host, count);
    give_up(p, host);
    if (p->config.steered)
        steer(p, host, count);
}

bool pace_hold(struct pace *p)
{
    s64 lead, allowed;

    if (p->config.steered || p->config.free_run)
        return false;
    lead = lead_ns(p, host_now(p));
    allowed = (s64)((p->holding ? HOLD_LEAD_MS : LEAD_MS) * MS);
    p->holding = lead > allowed;
    if (p->holding)
        nap(p, (u64)lead - HOLD_LEAD_MS * MS);
    return p->holding;
}

static void look_for_quiet(struct pace *p, u64 host)
{
    u64 passed = host - p->quiet_host_ns, awake = passed - (p->slept_ns - p->quiet_slept_ns);

    if (passed < QUIET_LOOK_MS * MS)
        return;
    p->quiet = awake < passed / QUIET_SHARE;
    p->quiet_host_ns = host;
    p->quiet_slept_ns = p->slept_ns;
}

u64 pace_idle(struct pace *p, u64 until_ns)
{
    u64 now = clock_now(p->clock), host = host_now(p), reached;
    s64 lead;

    if (p->config.free_run || until_ns <= now)
        return until_ns;
    give_up(p, host);
    look_for_quiet(p, host);
    /* How much later than the wall clock the moment is. */
    lead = lead_ns(p, host) + (s64)(until_ns - now);
    if (lead <= (s64)((p->quiet ? LEAD_MS : IDLE_LEAD_MS) * MS))
        return until_ns;
    nap(p, (u64)lead);
    reached = host_now(p) - p->host_origin_ns;
    /* Before the start of this wait the wall clock may be, when we were ahead. */
    if ((s64)(reached - now) <= 0)
        return now;
    return min_u64(reached, until_ns);
}
