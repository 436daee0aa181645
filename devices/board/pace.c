/*
 * Pacing; see pace.h.
 */
#define _GNU_SOURCE
#include "devices/board/pace.h"

#include "base/clock.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ull

enum {
    LEAD_MS = 20,    /* how far virtual time may be ahead before we sleep */
    BEHIND_MS = 250, /* further behind than this is given up, not caught up */
    NAP_MS = 10,     /* the longest sleep at once: host input is polled in between */
    SAMPLE_MS = 500,
};

/* Nanoseconds an instruction in 32.32 fixed point: 0.02 to 100 ns. */
#define RATE_MIN ((u64)(0.02 * 4294967296.0))
#define RATE_MAX (100ull << 32)

u64 host_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

void pace_init(struct pace *p, struct clock *clock, u32 kips, bool steered, bool free_run,
               int wake_fd)
{
    *p = (struct pace){
        .clock = clock,
        .steered = steered,
        .free_run = free_run,
        .wake_fd = wake_fd,
    };
    /* 1e6 / kips nanoseconds an instruction. */
    clock_set_rate(clock, (1000000ull << 32) / kips);
    pace_restart(p);
}

void pace_restart(struct pace *p)
{
    u64 host = host_now_ns(), now = clock_now(p->clock);

    p->host_origin_ns = host - now; /* wraps where virtual time is older than the host: harmless */
    p->last_adjust_ns = now;
    p->window_host_ns = host;
    p->sample_host_ns = 0;
}

/* Virtual minus wall time: positive when we are ahead. */
static s64 lead_ns(const struct pace *p, u64 host)
{
    return (s64)(clock_now(p->clock) - (host - p->host_origin_ns));
}

static void nap(struct pace *p, u64 ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)};
    struct pollfd fd = {.fd = p->wake_fd, .events = POLLIN};
    u64 before = host_now_ns(), drain;

    if (ppoll(&fd, 1, &t, NULL) > 0 && read(p->wake_fd, &drain, sizeof drain) < 0)
        return;
    p->slept_ns += host_now_ns() - before;
}

/*
 * Set the rate to what the host does per instruction, and a little off it to close the gap between
 * the two clocks within some 100 ms.
 */
static void steer(struct pace *p, u64 host, u64 count)
{
    u64 instructions = count - p->window_count;
    u64 busy = host - p->window_host_ns - (p->slept_ns - p->window_slept_ns);
    s64 lead = lead_ns(p, host);
    double rate, now = (double)clock_rate(p->clock), pull;

    if (instructions < 1000)
        return;
    rate = (double)busy / (double)instructions * 4294967296.0;
    pull = (double)lead / (100.0 * MS);
    pull = pull > 0.5 ? 0.5 : pull < -0.5 ? -0.5 : pull;
    rate = (now * 3 + rate) / 4 * (1.0 - pull);
    rate = rate < (double)RATE_MIN ? (double)RATE_MIN : rate;
    rate = rate > (double)RATE_MAX ? (double)RATE_MAX : rate;
    clock_set_rate(p->clock, (u64)rate);
    p->window_host_ns = host;
    p->window_count = count;
    p->window_slept_ns = p->slept_ns;
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

void pace_slice(struct pace *p, u64 count)
{
    u64 host = host_now_ns(), now = clock_now(p->clock);
    s64 lead;

    sample(p, host, count);
    if (p->steered && now - p->last_adjust_ns >= MS) {
        p->last_adjust_ns = now;
        steer(p, host, count);
    }
    lead = lead_ns(p, host);
    if (lead < -(s64)(BEHIND_MS * MS))
        p->host_origin_ns = host - now; /* the host was away, or is too slow: do not race */
    else if (!p->free_run && lead > (s64)(LEAD_MS * MS))
        nap(p, min_u64((u64)lead - LEAD_MS * MS / 2, NAP_MS * MS));
}

u64 pace_idle(struct pace *p, u64 until_ns)
{
    u64 now = clock_now(p->clock), host;
    s64 lead;

    if (p->free_run || until_ns <= now)
        return until_ns;
    host = host_now_ns();
    lead = lead_ns(p, host);
    /* How much later than the host's clock the moment is. */
    lead += (s64)(until_ns - now);
    if (lead <= 0)
        return until_ns;
    nap(p, min_u64((u64)lead, NAP_MS * MS));
    lead = lead_ns(p, host_now_ns());
    return lead >= 0 ? now : min_u64(until_ns, now + (u64)-lead);
}
