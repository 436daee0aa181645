/* Parallel port with a printer, or nothing, on it. */
#ifndef DEVICES_SERIAL_PARALLEL_H
#define DEVICES_SERIAL_PARALLEL_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct chr;
struct clock;
struct device;

/*
 * Three ports from `port` (378h, 278h). What a guest prints goes to `out`; NULL: no printer.
 * instance: static text, "lpt1".
 */
struct device *parallel_create(struct bus *bus, struct clock *clock, u16 port, struct irq_line irq,
                               struct chr *out, const char *instance);

#endif
