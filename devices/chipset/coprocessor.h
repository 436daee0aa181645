/* Error reporting of the numeric coprocessor as PCs have it: IRQ 13, port F0h, IGNNE#. */
#ifndef DEVICES_CHIPSET_COPROCESSOR_H
#define DEVICES_CHIPSET_COPROCESSOR_H

#include "mmu/irq.h"

struct bus;
struct device;

struct device *coprocessor_create(struct bus *bus, struct irq_line irq13, struct irq_line ignne);
/* The processor's FERR#; true means asserted. */
struct irq_line coprocessor_ferr(struct device *dev);

#endif
