/* What all devices share: memory and the section of the state stream. */
#include "devices/device.h"

#include <stdio.h>
#include <stdlib.h>

void *device_new(const struct device_class *class, size_t size)
{
    struct device *dev;

    assert(size >= sizeof *dev);
    dev = calloc(1, size);
    if (!dev)
        abort(); /* a chip's size is a constant, and the machine has not started yet */
    dev->class = class;
    dev->instance = "";
    return dev;
}

void device_free(struct device *dev)
{
    free(dev);
}

void device_state(struct device *dev, struct state *s)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s%s", dev->class->name, dev->instance[0] ? "." : "",
             dev->instance);
    state_begin(s, name, dev->class->version);
    dev->class->state(dev, s);
    state_end(s);
}

void device_destroy(struct device *dev)
{
    if (dev)
        dev->class->destroy(dev);
}
