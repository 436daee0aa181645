/*
 * Something done again and again, as often as its cost on the host allows: checks of a recording,
 * points of the rewind ring. Only when it is done depends on the host, never what the guest sees.
 */
#ifndef DEVICES_BOARD_INTERVAL_H
#define DEVICES_BOARD_INTERVAL_H

#include "base/types.h"

/* The host's monotonic clock in nanoseconds. */
u64 host_monotonic_ns(void);
/* What the calling thread has had of the host's processors, in nanoseconds. */
u64 host_thread_ns(void);

struct interval_rule {
    u64 least_ns, most_ns; /* virtual, between two times */
    u32 share;             /* one may cost this part of the host's time since the last */
    u32 ease;              /* below this part of that, more often */
};

/*
 * What the guest's next write to a page may cost the host when its dirty bit was taken: a fault in
 * a window (docs/translator.md), which is the dearest way.
 */
enum { FIRST_WRITE_NS = 8000 };

/*
 * It was done from `began` until now on the host, will cost `later_ns` more, and the last time
 * ended at *host_ns: double or halve *interval_ns, and note the time.
 */
void interval_adapt(const struct interval_rule *rule, u64 *interval_ns, u64 *host_ns, u64 began,
                    u64 later_ns);

#endif
