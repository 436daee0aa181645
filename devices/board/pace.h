/*
 * Virtual time against the wall clock: when to sleep, and how many nanoseconds an instruction
 * takes. Everything here concerns the host; what it decides reaches the guest only as a rate.
 */
#ifndef DEVICES_BOARD_PACE_H
#define DEVICES_BOARD_PACE_H

#include "base/types.h"

struct clock;

struct pace {
    struct clock *clock;
    bool steered;  /* the rate follows the host; else it is fixed */
    bool free_run; /* never sleep */
    int wake_fd;   /* an eventfd that ends sleeps */

    u64 host_origin_ns; /* the host time of virtual time 0, moved when we fall far behind */
    u64 last_adjust_ns; /* virtual */
    u64 window_host_ns, window_count, window_slept_ns;
    u64 slept_ns; /* in all */

    /* For the title bar: a sample about a second old. */
    u64 sample_host_ns, sample_virtual_ns, sample_count;
    double speed, mips;
};

/* kips: fixed rate in thousands of instructions a second, 0 for steered. */
void pace_init(struct pace *p, struct clock *clock, u32 kips, bool steered, bool free_run,
               int wake_fd);
/* Now is now: after a pause, a load, a start. */
void pace_restart(struct pace *p);
/* Between slices: steer the rate and hold back a machine that is ahead of the wall clock. */
void pace_slice(struct pace *p, u64 count);
/*
 * The processor sleeps until virtual `until_ns`: let the host sleep as long, unless running free.
 * Returns the virtual time reached, which is earlier if something woke us.
 */
u64 pace_idle(struct pace *p, u64 until_ns);

u64 host_now_ns(void);

#endif
