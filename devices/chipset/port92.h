/* System control port A of the PS/2 and its successors, I/O port 92h. */
#ifndef DEVICES_CHIPSET_PORT92_H
#define DEVICES_CHIPSET_PORT92_H

#include "mmu/irq.h"

struct bus;
struct device;

/*
 * a20: high lets address line 20 through; the board joins it with the keyboard controller's.
 * reset: pulsed to reset the processor.
 */
struct device *port92_create(struct bus *bus, struct irq_line a20, struct irq_line reset);

#endif
