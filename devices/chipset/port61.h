/* System control port B, I/O port 61h: speaker, refresh and parity. */
#ifndef DEVICES_CHIPSET_PORT61_H
#define DEVICES_CHIPSET_PORT61_H

#include "mmu/irq.h"

struct bus;
struct clock;
struct device;

/*
 * pit: its channel 2 is gated and read here.
 * speaker: high while the speaker follows OUT2 (bit 1).
 */
struct device *port61_create(struct bus *bus, struct clock *clock, struct device *pit,
                             struct irq_line speaker);

#endif
