/*
 * The event clock: a binary heap of timers ordered by (deadline, sequence). Place 0 of the heap
 * stays empty, so that a timer's heap_index 0 means "not set". Room for every timer is made by
 * timer_init, which no guest calls: setting a timer never allocates.
 */
#include "base/clock.h"

#include "base/state.h"

#include <stdlib.h>

struct clock {
    struct clock_ops ops;
    struct timer **heap; /* 1 .. used */
    u32 used, known, capacity;
    /* Guest state. */
    u64 base_ns, base_count;
    u64 rate; /* nanoseconds an instruction, 32.32 */
    u64 idle_ns;
    u64 next_sequence;
};

struct clock *clock_new(const struct clock_ops *ops)
{
    struct clock *c = calloc(1, sizeof *c);

    if (!c)
        abort(); /* at start-up, before there is anything to lose */
    c->ops = *ops;
    c->rate = 1ull << 32;
    c->next_sequence = 1;
    return c;
}

void clock_free(struct clock *c)
{
    if (!c)
        return;
    free(c->heap);
    free(c);
}

/* --- time ------------------------------------------------------------------------------------ */

/* Time at an instruction count, without idle. */
static u64 ns_at(const struct clock *c, u64 count)
{
    u64 delta = count > c->base_count ? count - c->base_count : 0;

    return c->base_ns + (u64)((unsigned __int128)delta * c->rate >> 32);
}

u64 clock_now(struct clock *c)
{
    return ns_at(c, c->ops.count(c->ops.opaque)) + c->idle_ns;
}

static void rearm(struct clock *c)
{
    if (c->ops.rearm)
        c->ops.rearm(c->ops.opaque);
}

void clock_set_rate(struct clock *c, u64 rate)
{
    u64 count = c->ops.count(c->ops.opaque);

    c->base_ns = ns_at(c, count);
    c->base_count = count;
    c->rate = rate;
    if (c->used)
        rearm(c); /* the count at which the next deadline falls has moved */
}

u64 clock_rate(const struct clock *c)
{
    return c->rate;
}

void clock_advance_idle(struct clock *c, u64 ns)
{
    c->idle_ns += ns;
}

u64 clock_idle_ns(const struct clock *c)
{
    return c->idle_ns;
}

u64 clock_next_deadline(const struct clock *c)
{
    return c->used ? c->heap[1]->deadline_ns : UINT64_MAX;
}

u64 clock_count_at(const struct clock *c, u64 deadline_ns)
{
    u64 start = c->base_ns + c->idle_ns;
    unsigned __int128 scaled, counts;

    if (deadline_ns <= start)
        return c->base_count;
    if (!c->rate)
        return UINT64_MAX;
    /* The smallest x with x * rate >> 32 >= rel is rel * 2^32 / rate, rounded up. */
    scaled = (unsigned __int128)(deadline_ns - start) << 32;
    counts = (scaled + c->rate - 1) / c->rate;
    if (counts > UINT64_MAX - c->base_count)
        return UINT64_MAX;
    return c->base_count + (u64)counts;
}

/* --- heap ------------------------------------------------------------------------------------ */

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->sequence < b->sequence;
}

static void place(struct clock *c, struct timer *t, u32 i)
{
    c->heap[i] = t;
    t->heap_index = i;
}

static void sift_up(struct clock *c, struct timer *t, u32 i)
{
    while (i > 1 && before(t, c->heap[i / 2])) {
        place(c, c->heap[i / 2], i);
        i /= 2;
    }
    place(c, t, i);
}

static void sift_down(struct clock *c, struct timer *t, u32 i)
{
    u32 child;

    while ((child = i * 2) <= c->used) {
        if (child < c->used && before(c->heap[child + 1], c->heap[child]))
            child++;
        if (!before(c->heap[child], t))
            break;
        place(c, c->heap[child], i);
        i = child;
    }
    place(c, t, i);
}

static void heap_remove(struct clock *c, struct timer *t)
{
    u32 i = t->heap_index;
    struct timer *last = c->heap[c->used--];

    t->heap_index = 0;
    if (last == t)
        return;
    if (i > 1 && before(last, c->heap[i / 2]))
        sift_up(c, last, i);
    else
        sift_down(c, last, i);
}

static void heap_insert(struct clock *c, struct timer *t)
{
    sift_up(c, t, ++c->used);
}

/* --- timers ---------------------------------------------------------------------------------- */

void timer_init(struct timer *t, struct clock *c, void (*fire)(void *opaque), void *opaque)
{
    *t = (struct timer){.clock = c, .fire = fire, .opaque = opaque};
    c->known++;
    if (c->known < c->capacity)
        return;
    c->capacity = c->capacity ? c->capacity * 2 : 32;
    c->heap = realloc(c->heap, c->capacity * sizeof *c->heap);
    if (!c->heap)
        abort(); /* at start-up, before there is anything to lose */
}

static void timer_insert(struct timer *t, u64 deadline_ns, u64 sequence)
{
    struct clock *c = t->clock;
    u64 earliest;

    if (t->heap_index)
        heap_remove(c, t);
    earliest = clock_next_deadline(c);
    t->deadline_ns = deadline_ns;
    t->sequence = sequence;
    heap_insert(c, t);
    if (deadline_ns < earliest)
        rearm(c);
}

void timer_set(struct timer *t, u64 deadline_ns)
{
    timer_insert(t, deadline_ns, t->clock->next_sequence++);
}

void timer_cancel(struct timer *t)
{
    if (t->heap_index)
        heap_remove(t->clock, t);
}

bool timer_is_set(const struct timer *t)
{
    return t->heap_index != 0;
}

/*
 * The first timer that is due at `now` and was set before sequence `limit`. The root of the heap,
 * unless a callback of this run has set a timer into the past; then the search is linear.
 */
static struct timer *first_due(struct clock *c, u64 now, u64 limit)
{
    struct timer *best = NULL, *t;
    u32 i;

    if (!c->used || c->heap[1]->deadline_ns > now)
        return NULL;
    if (c->heap[1]->sequence < limit)
        return c->heap[1];
    for (i = 2; i <= c->used; i++) {
        t = c->heap[i];
        if (t->deadline_ns <= now && t->sequence < limit && (!best || before(t, best)))
            best = t;
    }
    return best;
}

void clock_run_due(struct clock *c)
{
    u64 now = clock_now(c), limit = c->next_sequence;
    struct timer *t;

    while ((t = first_due(c, now, limit))) {
        heap_remove(c, t);
        t->fire(t->opaque);
    }
}

/* --- saving ---------------------------------------------------------------------------------- */

void timer_state(struct state *s, const char *name, struct timer *t)
{
    bool set = t->heap_index != 0;
    /* A timer at rest saves zeros: what it once was set to is no state. */
    u64 deadline_ns = set ? t->deadline_ns : 0;
    u64 sequence = set ? t->sequence : 0;

    state_begin(s, name, 1);
    state_bool(s, "set", &set);
    state_u64(s, "deadline_ns", &deadline_ns);
    state_u64(s, "sequence", &sequence);
    state_require(s, sequence < UINT64_MAX / 2, "a timer's sequence number is out of range");
    state_end(s);
    if (!state_is_loading(s) || state_error(s))
        return;
    timer_cancel(t);
    if (!set)
        return;
    timer_insert(t, deadline_ns, sequence);
    /* So that clock and timers may load in any order. */
    t->clock->next_sequence = max_u64(t->clock->next_sequence, sequence + 1);
}

bool clock_is_sane(struct clock *c)
{
    u64 count = c->ops.count(c->ops.opaque), limit = UINT64_MAX / 4;

    return count >= c->base_count && count < limit &&
           (unsigned __int128)(count - c->base_count) * c->rate >> 32 < limit &&
           clock_now(c) < limit;
}

void clock_state(struct clock *c, struct state *s)
{
    state_begin(s, "clock", 1);
    state_u64(s, "base_ns", &c->base_ns);
    state_u64(s, "base_count", &c->base_count);
    state_u64(s, "rate", &c->rate);
    state_u64(s, "idle_ns", &c->idle_ns);
    state_u64(s, "next_sequence", &c->next_sequence);
    state_require(s, c->next_sequence && c->next_sequence < UINT64_MAX / 2,
                  "the next sequence number is out of range");
    state_require(s, c->rate > 0 && c->rate <= NS_PER_SEC << 32, "the rate is out of range");
    state_require(s, c->base_ns < UINT64_MAX / 4 && c->idle_ns < UINT64_MAX / 4,
                  "the time is out of range");
    state_end(s);
}
