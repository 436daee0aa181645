#include "devices/board/interval.h"

#include "base/clock.h"

#include <time.h>

static u64 clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

u64 host_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

u64 host_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void interval_adapt(const struct interval_rule *rule, u64 *interval_ns, u64 *host_ns, u64 began,
                    u64 later_ns)
{
    u64 ended = host_monotonic_ns(), cost = ended - began + later_ns,
        allowed = (ended - *host_ns) / rule->share;

    if (cost > allowed)
        *interval_ns = min_u64(*interval_ns * 2, rule->most_ns);
    else if (cost < allowed / rule->ease)
        *interval_ns = max_u64(*interval_ns / 2, rule->least_ns);
    *host_ns = ended;
}
