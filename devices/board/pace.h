/*
 * Virtual time against the wall clock: when to sleep, and how many nanoseconds an instruction
 * takes. Everything here concerns the host; what it decides reaches the guest only as a rate, or
 * as the moment at which a sleep was cut short.
 *
 * Fixed: the rate never changes. A machine that is ahead of the wall clock by more than 20 ms is
 * held back, also in the middle of its work; one that is behind is not held back until it has
 * caught up.
 *
 * Steered: the rate follows what an instruction costs the host, and leans a little to one side
 * until both clocks show the same. Only a guest that waits lets the host sleep; if it does little
 * else, up to 20 ms of its short waits are joined, as each waking costs the host its warm caches.
 *
 * Both give up what they are behind when it is more than a second: the host was stopped, or is too
 * slow. Small differences are never given up, so the clocks do not drift apart.
 */
#ifndef DEVICES_BOARD_PACE_H
#define DEVICES_BOARD_PACE_H

#include "base/types.h"

struct clock;

/* The host, as its owner shows it. */
struct pace_host {
    u64 (*now_ns)(void *opaque); /* a clock that nobody sets */
    /* Sleep, or less long when something comes from outside. */
    void (*sleep)(void *opaque, u64 ns);
    /* Give the clock a new rate from now on: an input of the machine like a key. NULL: we do. */
    void (*set_rate)(void *opaque, u64 rate);
    void *opaque;
};

struct pace_config {
    u32 kips;      /* the rate, or with steered the first one: 1000 instructions a second */
    bool steered;  /* the rate follows the host */
    bool free_run; /* never sleep, whatever the wall clock says */
};

struct pace {
    struct clock *clock;
    struct pace_host host;
    struct pace_config config;

    u64 host_origin_ns;                /* the host's time at virtual time 0; may wrap */
    u64 slept_ns;                      /* in all */
    bool holding;                      /* too far ahead */
    bool quiet;                        /* the guest does little but wait */
    u64 quiet_host_ns, quiet_slept_ns; /* when that was last looked at */

    /* Since the cost of an instruction was last looked at. */
    u64 window_host_ns, window_virtual_ns, window_count, window_slept_ns;
    u64 cost;      /* of an instruction, smoothed: 32.32 ns */
    u64 credit_ns; /* virtual time not yet paid for with a change of rate */

    /* For the title bar: over half a second or more. */
    u64 sample_host_ns, sample_virtual_ns, sample_count;
    double speed, mips;
};

/* Sets the clock's rate. */
void pace_init(struct pace *p, struct clock *clock, const struct pace_config *config,
               const struct pace_host *host);
/* Now is now: after a pause, a load, a start. `count`: instructions executed so far. */
void pace_restart(struct pace *p, u64 count);
/* After each slice of work, at `count` instructions: steer. */
void pace_slice(struct pace *p, u64 count);
/*
 * Before each slice: if the machine is too far ahead of the wall clock to go on, sleep until that
 * has come nearer, or something comes from outside, and return true: look around, and ask again.
 */
bool pace_hold(struct pace *p);
/*
 * The processor sleeps until virtual `until_ns`: let the host sleep as long. Returns the virtual
 * time reached, which is earlier if something came from outside.
 */
u64 pace_idle(struct pace *p, u64 until_ns);

#endif
