/*
 * Pacing against a host of our own, whose clock moves only as the work and the sleeps of the test
 * say. Work is given as what an instruction costs this host, in picoseconds.
 */
#include "devices/board/pace.h"

#include "base/clock.h"

#include <criterion/criterion.h>

#define MS     1000000ull
#define SECOND (1000 * MS)

enum { SLICE = 65536 };

static u64 host_ns, slept_ns, wake_after_ns, count, changes, last_rate;
static unsigned sleeps;
static struct clock *clk;
static struct pace pace;

static u64 now_ns(void *opaque)
{
    return host_ns;
}

static void go_to_sleep(void *opaque, u64 ns)
{
    ns = min_u64(ns, wake_after_ns);
    host_ns += ns;
    slept_ns += ns;
    sleeps++;
}

static void set_rate(void *opaque, u64 rate)
{
    clock_set_rate(clk, rate);
    changes++;
    last_rate = rate;
}

static u64 get_count(void *opaque)
{
    return count;
}

static void start(u32 kips, bool steered, bool free_run)
{
    struct clock_ops ops = {.count = get_count};
    struct pace_config config = {.kips = kips, .steered = steered, .free_run = free_run};
    struct pace_host host = {.now_ns = now_ns, .sleep = go_to_sleep, .set_rate = set_rate};

    host_ns = 12345 * SECOND;
    slept_ns = count = changes = 0;
    sleeps = 0;
    wake_after_ns = UINT64_MAX;
    clk = clock_new(&ops);
    pace_init(&pace, clk, &config, &host);
}

static void stop(void)
{
    clock_free(clk);
}

TestSuite(pace, .fini = stop);

/* Virtual minus host time since `start`. */
static s64 lead(void)
{
    return (s64)(clock_now(clk) - (host_ns - 12345 * SECOND));
}

/* Work for `ns` of host time; sleeps to hold back come on top. Returns the largest lag seen. */
static s64 work(u64 ns, u64 cost_ps)
{
    u64 until = host_ns + ns;
    s64 worst = 0;

    while (host_ns < until) {
        if (pace_hold(&pace))
            continue;
        count += SLICE;
        host_ns += SLICE * cost_ps / 1000;
        pace_slice(&pace, count);
        worst = -lead() > worst ? -lead() : worst;
    }
    return worst;
}

/* Wait for `ns` of virtual time in steps of a tick, with a little work at each. */
static void wait(u64 ns, u64 tick_ns)
{
    u64 until = clock_now(clk) + ns, next, reached;

    while (clock_now(clk) < until) {
        next = clock_now(clk) + tick_ns;
        while ((reached = clock_now(clk)) < next)
            clock_advance_idle(clk, pace_idle(&pace, next) - reached);
        count += 2000;
        host_ns += 60000;
        pace_slice(&pace, count);
    }
}

static void expect_between(s64 value, s64 low, s64 high)
{
    cr_assert(value >= low && value <= high, "%lld ns", (long long)value);
}

Test(pace, a_fixed_rate_never_changes_and_is_held_back)
{
    start(25000, false, false);
    cr_assert_eq(clock_rate(clk), 40ull << 32);
    work(10 * SECOND, 5000);
    cr_assert_eq(clock_rate(clk), 40ull << 32);
    cr_assert_eq(changes, 0);
    expect_between(lead(), 0, 21 * (s64)MS);
    expect_between((s64)count, 249000000, 251000000); /* 25 million a second, for ten */
}

Test(pace, a_fixed_rate_is_held_back_however_often_it_is_woken)
{
    start(25000, false, false);
    wake_after_ns = MS / 10; /* a mouse that moves */
    work(SECOND, 5000);
    expect_between(lead(), 0, 23 * (s64)MS);
}

Test(pace, a_fixed_rate_that_the_host_cannot_keep_makes_up_a_second_at_most)
{
    start(200000, false, false);
    work(10 * SECOND, 10000); /* half as fast as asked for */
    cr_assert_eq(slept_ns, 0);
    expect_between(lead(), -5 * (s64)SECOND - 50 * (s64)MS, -5 * (s64)SECOND + 50 * (s64)MS);
    work(SECOND, 1000);
    /* At most a second is made up; the rest is gone. */
    expect_between(lead(), -5 * (s64)SECOND, -4 * (s64)SECOND + 50 * (s64)MS);
}

Test(pace, free_running_never_sleeps)
{
    start(200000, false, true);
    work(100 * MS, 10);
    cr_assert_eq(pace_idle(&pace, clock_now(clk) + SECOND), clock_now(clk) + SECOND);
    cr_assert_eq(sleeps, 0);
    cr_assert_eq(changes, 0);
}

Test(pace, steering_finds_the_cost_of_an_instruction)
{
    start(200000, true, false);
    work(SECOND, 3000);
    expect_between((s64)(clock_rate(clk) >> 22), 2900 * 1024 / 1000, 3100 * 1024 / 1000);
    cr_assert_eq(last_rate, clock_rate(clk));
    expect_between(lead(), -2 * (s64)MS, 2 * (s64)MS);
    cr_assert_eq(slept_ns, 0);
}

Test(pace, even_work_needs_few_changes)
{
    start(200000, true, false);
    work(SECOND, 3000);
    changes = 0;
    work(10 * SECOND, 3000);
    cr_assert_lt(changes, 300); /* of 10000 */
    expect_between(lead(), -1 * (s64)MS, 1 * (s64)MS);
}

Test(pace, the_rate_stays_between_a_fiftieth_and_a_hundred_nanoseconds)
{
    start(200000, true, false);
    work(SECOND, 1000000);
    cr_assert_eq(clock_rate(clk), 100ull << 32);
    work(SECOND, 2);
    /* 0.02 * 2^32, and changes of less than 1/64 are not made. */
    expect_between((s64)clock_rate(clk), 85899345, 85899345 + 85899345 / 32);
}

Test(pace, string_instructions_and_page_faults_by_turns_do_not_drift)
{
    s64 worst = 0, lag;
    unsigned turn;

    start(200000, true, false);
    for (turn = 0; turn < 600; turn++) { /* a minute */
        lag = work(30 * MS, 100);
        worst = lag > worst ? lag : worst;
        lag = work(30 * MS, 50000);
        worst = lag > worst ? lag : worst;
        wait(40 * MS, MS);
    }
    expect_between(lead(), -20 * (s64)MS, 20 * (s64)MS);
    expect_between(worst, 0, 50 * (s64)MS);
    cr_assert_leq(changes, 60000 + 16, "at most one a virtual millisecond on average");
}

Test(pace, a_host_that_is_busy_elsewhere_is_made_up_for)
{
    unsigned i;

    start(200000, true, false);
    work(SECOND, 5000);
    for (i = 0; i < 50; i++) {
        host_ns += 30 * MS; /* another process had our processor */
        work(70 * MS, 5000);
    }
    work(SECOND, 5000);
    expect_between(lead(), -5 * (s64)MS, 5 * (s64)MS);
}

Test(pace, a_third_of_a_processor_still_keeps_the_time)
{
    unsigned i;

    start(200000, true, false);
    for (i = 0; i < 1000; i++) {
        host_ns += 20 * MS;
        work(10 * MS, 5000);
    }
    expect_between(lead(), -100 * (s64)MS, 0);
}

Test(pace, a_host_that_stood_still_is_not_raced_after)
{
    start(200000, true, false);
    work(SECOND, 5000);
    host_ns += 3600 * SECOND;
    work(SECOND, 5000);
    expect_between(lead() + 3600 * (s64)SECOND, -5 * (s64)MS, 5 * (s64)MS);
    cr_assert_lt(clock_rate(clk), 8ull << 32);
}

Test(pace, a_restart_forgets_the_time_of_a_pause)
{
    start(200000, true, false);
    work(SECOND, 5000);
    host_ns += 500 * MS;
    pace_restart(&pace, count);
    work(SECOND, 5000);
    expect_between(lead(), -505 * (s64)MS, -495 * (s64)MS);
}

Test(pace, waiting_sleeps_until_the_moment)
{
    start(200000, true, false);
    cr_assert_eq(pace_idle(&pace, 55 * MS), 55 * MS);
    cr_assert_eq(slept_ns, 55 * MS);
}

Test(pace, a_sleep_cut_short_returns_the_time_that_passed)
{
    start(200000, true, false);
    wake_after_ns = 7 * MS;
    cr_assert_eq(pace_idle(&pace, 55 * MS), 7 * MS);
    clock_advance_idle(clk, 7 * MS);
    wake_after_ns = UINT64_MAX;
    cr_assert_eq(pace_idle(&pace, 55 * MS), 55 * MS);
    cr_assert_eq(slept_ns, 55 * MS);
}

Test(pace, short_waits_are_slept_through_together)
{
    start(200000, true, false);
    wait(SECOND, MS / 2);
    cr_assert_lt(sleeps, 500); /* of 2000 */
    expect_between(lead(), -1 * (s64)MS, 4 * (s64)MS);
}

Test(pace, a_quiet_guest_wakes_the_host_seldom)
{
    start(200000, true, false);
    wait(SECOND, 4 * MS); /* a tick of 250 Hz, 1.5 % of work */
    sleeps = 0;
    wait(10 * SECOND, 4 * MS);
    expect_between(sleeps, 400, 600);
    expect_between(lead(), -1 * (s64)MS, 21 * (s64)MS);
}

Test(pace, speed_and_mips_are_told)
{
    start(25000, false, false);
    work(3 * SECOND, 5000);
    cr_assert_float_eq(pace.speed, 1.0, 0.05);
    cr_assert_float_eq(pace.mips, 25.0, 1.0);
}
