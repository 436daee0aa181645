/*
 * The event clock: virtual time and one queue of timers in it.
 *
 * Time is (instructions, idle_ns): now = base_ns + (((count - base_count) * rate) >> 32) + idle,
 * rounded down, where rate is nanoseconds per instruction in 32.32 fixed point. Timers with equal
 * deadlines fire in the order in which they were set (their saved sequence numbers).
 * Nothing here reads the host's clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/types.h"

struct state;
struct clock;

#define NS_PER_SEC 1000000000ull

struct timer {
    /* Wiring. */
    struct clock *clock;
    void (*fire)(void *opaque); /* called on the machine thread at the deadline, timer unset */
    void *opaque;
    u32 heap_index; /* place in the queue, 0 when not set */
    /* Guest state. */
    u64 deadline_ns;
    u64 sequence;
};

/* What the clock needs from its owner (the board): filled in before use. */
struct clock_ops {
    /* Instructions executed so far, exact also inside a device access. */
    u64 (*count)(void *opaque);
    /* The next deadline moved nearer: the engine must be stopped in time. */
    void (*rearm)(void *opaque);
    void *opaque;
};

struct clock *clock_new(const struct clock_ops *ops);
void clock_free(struct clock *c);

/* Virtual nanoseconds since power-on. */
u64 clock_now(struct clock *c);

/* Change the rate (32.32 ns an instruction) from now on. */
void clock_set_rate(struct clock *c, u64 rate);
u64 clock_rate(const struct clock *c);

/* Skip time while the CPU sleeps. */
void clock_advance_idle(struct clock *c, u64 ns);
u64 clock_idle_ns(const struct clock *c);

/* Earliest deadline, or UINT64_MAX. */
u64 clock_next_deadline(const struct clock *c);
/* The instruction count at which time reaches `deadline_ns`, rounded up; saturates at UINT64_MAX.
 */
u64 clock_count_at(const struct clock *c, u64 deadline_ns);
/*
 * Fire every timer whose deadline is not after now, in order. Timers that a callback sets wait for
 * the next call, even if they are due at once: so one call ends, whatever the callbacks do.
 */
void clock_run_due(struct clock *c);

/* Bind a timer to its clock; once, by the owner's create. The owner's destroy cancels it. */
void timer_init(struct timer *t, struct clock *c, void (*fire)(void *opaque), void *opaque);
/* Set or move. A deadline in the past fires at the next delivery point. */
void timer_set(struct timer *t, u64 deadline_ns);
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
/* Save or load one timer (set or not, deadline, sequence). */
void timer_state(struct state *s, const char *name, struct timer *t);
/* Save or load the clock itself: bases, rate, idle, next sequence. Timers save themselves. */
void clock_state(struct clock *c, struct state *s);
/*
 * After the clock and what counts instructions for it were loaded: time is within what arithmetic
 * on it allows (146 years), and the count is not before the clock's base.
 */
bool clock_is_sane(struct clock *c);

/* a * b / c without overflow in between, rounded down (c != 0; the result must fit). */
static inline u64 muldiv_u64(u64 a, u64 b, u64 c)
{
    return (u64)((unsigned __int128)a * b / c);
}

/* The same, rounded up. */
static inline u64 muldiv_up_u64(u64 a, u64 b, u64 c)
{
    return (u64)(((unsigned __int128)a * b + c - 1) / c);
}

#endif
