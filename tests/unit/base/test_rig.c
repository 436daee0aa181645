/* The rig itself: time, wires, transfer, damage. */
#include "tests/support/rig.h"

#include <criterion/criterion.h>

/* A chip that raises its wire every 100 ns and takes it back 30 ns later. */
struct ticker {
    struct device dev;
    struct irq_line irq;
    struct timer timer;
    bool high;
    u8 ticks;
};

static void ticker_fire(void *opaque)
{
    struct ticker *t = opaque;

    t->high = !t->high;
    t->ticks += t->high;
    irq_set(&t->irq, t->high);
    timer_set(&t->timer, t->timer.deadline_ns + (t->high ? 30 : 70));
}

static void ticker_reset(struct device *dev)
{
    struct ticker *t = (struct ticker *)dev;

    t->high = false;
    t->ticks = 0;
    timer_set(&t->timer, clock_now(t->timer.clock) + 100);
}

static void ticker_state(struct device *dev, struct state *s)
{
    struct ticker *t = (struct ticker *)dev;

    state_bool(s, "high", &t->high);
    state_u8(s, "ticks", &t->ticks);
    state_require(s, t->ticks < 200, "ticker: ticks is out of range");
    timer_state(s, "timer", &t->timer);
}

static const struct device_class ticker_class = {
    .name = "ticker",
    .version = 1,
    .reset = ticker_reset,
    .state = ticker_state,
    .destroy = device_free,
};

static struct device *ticker_create(struct rig *r)
{
    struct ticker *t = device_new(&ticker_class, sizeof *t);

    t->irq = rig_line(r, 5);
    timer_init(&t->timer, r->clock, ticker_fire, t);
    device_reset(&t->dev);
    return &t->dev;
}

static struct rig rig;
static struct device *dev;

static void setup(void)
{
    rig_setup(&rig);
    dev = ticker_create(&rig);
}

static void teardown(void)
{
    device_destroy(dev);
    rig_teardown(&rig);
}

TestSuite(rig, .init = setup, .fini = teardown);

Test(rig, timers_fire_at_their_exact_time)
{
    rig_advance_ns(&rig, 99);
    cr_assert_eq(rig_rises(&rig, 5), 0);
    rig_advance_ns(&rig, 1);
    cr_assert_eq(rig_rises(&rig, 5), 1);
    cr_assert(rig_level(&rig, 5));
    rig_advance_ns(&rig, 400);
    cr_assert_eq(rig_now(&rig), 500);
    cr_assert_eq(rig_rises(&rig, 5), 5);
    cr_assert_eq(rig_falls(&rig, 5), 4);
    cr_assert_eq(rig.events[3].at_ns, 230);
}

Test(rig, transfer_goes_on_where_the_first_stopped)
{
    static struct rig other;
    struct device *copy;

    rig_advance_ns(&rig, 110);
    rig_setup(&other);
    copy = ticker_create(&other);
    rig_transfer(&other, copy, &rig, dev);
    rig_advance_ns(&other, 20);
    cr_assert_eq(rig_falls(&other, 5), 1);
    cr_assert_eq(other.events[0].at_ns, 130);
    device_destroy(copy);
    rig_teardown(&other);
}

Test(rig, damage_is_refused_and_harmless)
{
    u64 before = rig_hash(dev);

    cr_assert_gt(rig_damage(dev, 4000, NULL, NULL), 1000);
    cr_assert_eq(rig_hash(dev), before);
}

Test(rig, bus_has_memory_and_empty_ports)
{
    u32 v = 0x12345678, back = 0;

    bus_dma_write(rig.bus, 0x1000, &v, 4);
    bus_dma_read(rig.bus, 0x1000, &back, 4);
    cr_assert_eq(back, v);
    cr_assert_eq(bus_in(rig.bus, 0x1234, 1), 0xFF);
}

Test(rig, text_is_what_a_chip_wrote)
{
    chr_write(rig.chr, "boot\n", 5);
    cr_assert_str_eq(rig_text(&rig), "boot\n");
}
