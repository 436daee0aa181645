/* The two cascaded 8259A interrupt controllers of a PC/AT, ports 20h, A0h and 4D0h. */
#ifndef DEVICES_CHIPSET_PIC_H
#define DEVICES_CHIPSET_PIC_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct device;

/* intr: the master's INT output, to the processor's INTR pin (or LINT0 of its local APIC). */
struct device *pic_create(struct bus *bus, struct irq_line intr);

/* The input of IRQ 0..15. IRQ 2 is the cascade and ignores whoever drives it from outside. */
struct irq_line pic_line(struct device *dev, unsigned irq);

/*
 * The processor's interrupt acknowledge cycles: returns the vector and moves the request into
 * service. When the request has gone away meanwhile this is a spurious IRQ 7 (or 15).
 */
u8 pic_acknowledge(struct device *dev);

/* The level of INT now. */
bool pic_intr(const struct device *dev);

/* Bit n: IRQ n is masked. */
u16 pic_masked(const struct device *dev);

/* All registers of both chips as text, for the monitor. */
void pic_describe(struct device *dev, char *out, size_t out_size);

#endif
