/* Virtual time: arithmetic at its edges, the order of timers, saving. */
#include "base/clock.h"
#include "base/state.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static u64 count;
static unsigned rearmed;
static struct clock *c;
static char order[64];

static u64 get_count(void *opaque)
{
    return count;
}

static void on_rearm(void *opaque)
{
    rearmed++;
}

static const struct clock_ops ops = {.count = get_count, .rearm = on_rearm};

static void setup(void)
{
    count = 0;
    rearmed = 0;
    order[0] = 0;
    c = clock_new(&ops);
}

static void teardown(void)
{
    clock_free(c);
}

TestSuite(clock, .init = setup, .fini = teardown);

/* A timer that writes its letter into `order`. */
struct mark {
    struct timer t;
    char letter[2];
    u64 again_ns; /* not 0: sets itself again to this time */
    struct mark *cancels;
};

static void mark_fire(void *opaque)
{
    struct mark *m = opaque;

    strcat(order, m->letter);
    if (m->again_ns)
        timer_set(&m->t, m->again_ns);
    if (m->cancels)
        timer_cancel(&m->cancels->t);
}

static void mark_init(struct mark *m, char letter)
{
    *m = (struct mark){.letter = {letter, 0}};
    timer_init(&m->t, c, mark_fire, m);
}

Test(clock, time_is_count_times_rate_rounded_down)
{
    clock_set_rate(c, (1ull << 32) / 3); /* a little less than a third of a nanosecond */
    count = 3;
    cr_assert_eq(clock_now(c), 0);
    count = 4;
    cr_assert_eq(clock_now(c), 1);
}

Test(clock, a_century_at_a_high_rate_does_not_overflow)
{
    clock_set_rate(c, 100ull << 32);
    count = 31536000000000000ull; /* a hundred years of 100 ns */
    cr_assert_eq(clock_now(c), 3153600000000000000ull);
}

Test(clock, rate_change_keeps_the_present)
{
    count = 1000;
    clock_set_rate(c, 10ull << 32);
    cr_assert_eq(clock_now(c), 1000);
    count = 1001;
    cr_assert_eq(clock_now(c), 1010);
}

Test(clock, idle_adds_to_time)
{
    count = 5;
    clock_advance_idle(c, 100);
    cr_assert_eq(clock_now(c), 105);
    cr_assert_eq(clock_count_at(c, 110), 10);
}

Test(clock, count_at_is_the_first_count_that_reaches_the_deadline)
{
    u64 rates[] = {1,          12345,      (1ull << 32) - 1, 1ull << 32, (1ull << 32) + 1,
                   3ull << 31, 83ull << 32};
    unsigned i, j;
    u64 at, deadline;

    srand(7);
    for (i = 0; i < ARRAY_LEN(rates); i++) {
        for (j = 0; j < 1000; j++) {
            count += (u64)rand() % 1000;
            clock_set_rate(c, rates[i]);
            deadline = clock_now(c) + 1 + (u64)rand() % 100000;
            at = clock_count_at(c, deadline);
            cr_assert_gt(at, count);
            count = at - 1;
            cr_assert_lt(clock_now(c), deadline);
            count = at;
            cr_assert_geq(clock_now(c), deadline);
        }
    }
}

Test(clock, count_at_saturates)
{
    clock_set_rate(c, 1);
    cr_assert_eq(clock_count_at(c, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(clock_next_deadline(c), UINT64_MAX);
}

Test(clock, timers_fire_by_deadline_then_by_order_of_setting)
{
    struct mark m[5];
    unsigned i;

    for (i = 0; i < 5; i++)
        mark_init(&m[i], (char)('a' + i));
    timer_set(&m[2].t, 20);
    timer_set(&m[4].t, 10);
    timer_set(&m[1].t, 20);
    timer_set(&m[0].t, 30);
    timer_set(&m[3].t, 31);
    cr_assert_eq(clock_next_deadline(c), 10);
    count = 30;
    clock_run_due(c);
    cr_assert_str_eq(order, "ecba");
    cr_assert(timer_is_set(&m[3].t));
    cr_assert_not(timer_is_set(&m[0].t));
}

Test(clock, moving_a_timer_gives_it_a_new_place_in_line)
{
    struct mark a, b;

    mark_init(&a, 'a');
    mark_init(&b, 'b');
    timer_set(&a.t, 10);
    timer_set(&b.t, 10);
    timer_set(&a.t, 10);
    count = 10;
    clock_run_due(c);
    cr_assert_str_eq(order, "ba");
}

Test(clock, timer_set_into_the_past_by_its_callback_waits_for_the_next_call)
{
    struct mark a, b, z;

    mark_init(&a, 'a');
    mark_init(&b, 'b');
    mark_init(&z, 'z');
    a.again_ns = 1;
    timer_set(&a.t, 5);
    timer_set(&b.t, 6);
    timer_set(&z.t, 7);
    count = 6;
    clock_run_due(c);
    cr_assert_str_eq(order, "ab");
    clock_run_due(c);
    cr_assert_str_eq(order, "aba");
}

Test(clock, callback_may_cancel_another_due_timer)
{
    struct mark a, b;

    mark_init(&a, 'a');
    mark_init(&b, 'b');
    a.cancels = &b;
    timer_set(&a.t, 5);
    timer_set(&b.t, 5);
    count = 9;
    clock_run_due(c);
    cr_assert_str_eq(order, "a");
    cr_assert_eq(clock_next_deadline(c), UINT64_MAX);
}

Test(clock, owner_hears_when_the_next_deadline_moves_nearer)
{
    struct mark a, b;

    mark_init(&a, 'a');
    mark_init(&b, 'b');
    timer_set(&a.t, 100);
    cr_assert_eq(rearmed, 1);
    timer_set(&b.t, 200);
    cr_assert_eq(rearmed, 1);
    timer_set(&b.t, 50);
    cr_assert_eq(rearmed, 2);
}

Test(clock, many_timers_come_out_sorted)
{
    static struct mark m[300];
    u64 last = 0;
    unsigned i, fired = 0;

    srand(3);
    for (i = 0; i < ARRAY_LEN(m); i++) {
        mark_init(&m[i], 0);
        timer_set(&m[i].t, (u64)rand() % 500);
    }
    for (i = 0; i < 1000; i++) {
        unsigned k = (unsigned)rand() % ARRAY_LEN(m);

        if (rand() & 1)
            timer_cancel(&m[k].t);
        else
            timer_set(&m[k].t, (u64)rand() % 500);
    }
    while (clock_next_deadline(c) != UINT64_MAX) {
        cr_assert_geq(clock_next_deadline(c), last);
        last = count = clock_next_deadline(c);
        clock_run_due(c);
        fired++;
    }
    cr_assert_gt(fired, 100);
}

Test(clock, saved_timers_keep_their_order_and_time)
{
    struct mark a, b, z;
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;

    mark_init(&a, 'a');
    mark_init(&b, 'b');
    mark_init(&z, 'z');
    clock_set_rate(c, 2ull << 32);
    count = 100;
    clock_advance_idle(c, 7);
    timer_set(&b.t, 500);
    timer_set(&a.t, 500);
    clock_state(c, s);
    timer_state(s, "a", &a.t);
    timer_state(s, "b", &b.t);
    timer_state(s, "z", &z.t);
    data = state_data(s, &len);

    teardown();
    c = clock_new(&ops);
    mark_init(&a, 'a');
    mark_init(&b, 'b');
    mark_init(&z, 'z');
    timer_set(&z.t, 3); /* not set in what was saved */
    l = state_new_load(data, len);
    clock_state(c, l);
    timer_state(l, "a", &a.t);
    timer_state(l, "b", &b.t);
    timer_state(l, "z", &z.t);
    cr_assert_null(state_error(l));
    cr_assert_eq(clock_now(c), 207);
    count = 1000;
    clock_run_due(c);
    cr_assert_str_eq(order, "ba");
    state_free(l);
    state_free(s);
}

Test(clock, damaged_rate_is_refused)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;

    clock_set_rate(c, UINT64_MAX);
    clock_state(c, s);
    cr_assert_not_null(state_error(s));
    state_free(s);
    clock_set_rate(c, 1);
    s = state_new_save();
    clock_state(c, s);
    data = state_data(s, &len);
    l = state_new_load(data, len - 1);
    clock_state(c, l);
    cr_assert_not_null(state_error(l));
    state_free(l);
    state_free(s);
}
