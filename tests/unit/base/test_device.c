/* What every device shares. */
#include "devices/device.h"

#include <criterion/criterion.h>

struct thing {
    struct device dev;
    u8 value;
};

static void thing_reset(struct device *dev)
{
    ((struct thing *)dev)->value = 1;
}

static void thing_state(struct device *dev, struct state *s)
{
    state_u8(s, "value", &((struct thing *)dev)->value);
}

static const struct device_class thing_class = {
    .name = "thing",
    .version = 1,
    .reset = thing_reset,
    .state = thing_state,
    .destroy = device_free,
};

Test(device, two_of_a_kind_have_sections_of_their_own)
{
    struct thing *a = device_new(&thing_class, sizeof *a), *b = device_new(&thing_class, sizeof *b);
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;

    b->dev.instance = "two";
    device_reset(&b->dev);
    device_state(&b->dev, s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    device_state(&a->dev, l);
    cr_assert_str_eq(state_error(l),
                     "section 'thing.two' stands where section 'thing' was expected");
    state_free(l);
    l = state_new_load(data, len);
    b->value = 0;
    device_state(&b->dev, l);
    cr_assert_null(state_error(l));
    cr_assert_eq(b->value, 1);
    state_free(l);
    state_free(s);
    device_destroy(&a->dev);
    device_destroy(&b->dev);
    device_destroy(NULL);
}
