/* 82093AA I/O APIC, 24 pins. */
#ifndef DEVICES_CHIPSET_IOAPIC_H
#define DEVICES_CHIPSET_IOAPIC_H

#include "base/types.h"
#include "mmu/irq.h"

struct apic_bus;
struct bus;
struct device;

enum { IOAPIC_BASE = 0xFEC00000, IOAPIC_PINS = 24 };

/* Registers at `base`; messages go to, and end-of-interrupts come from, `apics`. */
struct device *ioapic_create(struct bus *bus, struct apic_bus *apics, u64 base, u8 id);

/* Input pin 0..23. True means asserted, whatever polarity the pin is programmed for. */
struct irq_line ioapic_line(struct device *dev, unsigned pin);

/* A bit for each pin that is not masked. */
u32 ioapic_open(const struct device *dev);

/* Redirection table as text, for the monitor. */
void ioapic_describe(struct device *dev, char *out, size_t out_size);

#endif
