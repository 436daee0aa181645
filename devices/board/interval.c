#include "devices/board/interval.h"

#include "base/clock.h"

#include <time.h>

u64 host_monotonic_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
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
