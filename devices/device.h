/*
 * What every chip provides. A chip is created by its own NAME_create(), which takes its pins (bus,
 * clock, interrupt lines, host back ends), and joins the machine by board_add().
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include "base/log.h"
#include "base/state.h"
#include "base/types.h"

struct device;

struct device_class {
    const char *name; /* also the section name in a snapshot and the log category */
    u32 version;      /* raise when `state` changes meaning */
    /* Power-on and RESET pin: defines all guest state. Not called by create. */
    void (*reset)(struct device *dev);
    /* Save, load or hash the guest state. */
    void (*state)(struct device *dev, struct state *s);
    void (*destroy)(struct device *dev);
};

struct device {
    const struct device_class *class;
    struct log *log;      /* set by device_new's caller or board_add; may be NULL in tests */
    const char *instance; /* "" or what tells two of a kind apart ("com2"); static text */
};

/* A zeroed device of `size` bytes whose first member is the struct device. */
void *device_new(const struct device_class *class, size_t size);
/* The usual destroy: frees the memory. */
void device_free(struct device *dev);

static inline void device_reset(struct device *dev)
{
    dev->class->reset(dev);
}

/* Save, load or hash one device inside a section of its own. */
void device_state(struct device *dev, struct state *s);
void device_destroy(struct device *dev);

#define dev_guest(dev, ...) log_guest((dev)->log, (dev)->class->name, __VA_ARGS__)
#define dev_unimp(dev, ...) log_unimp((dev)->log, (dev)->class->name, __VA_ARGS__)
#define dev_trace(dev, ...) log_trace((dev)->log, (dev)->class->name, __VA_ARGS__)
#define dev_warn(dev, ...)  log_warn((dev)->log, (dev)->class->name, __VA_ARGS__)

#endif
