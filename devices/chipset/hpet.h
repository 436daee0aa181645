/* High precision event timer, three comparators. */
#ifndef DEVICES_CHIPSET_HPET_H
#define DEVICES_CHIPSET_HPET_H

#include "mmu/irq.h"

struct bus;
struct clock;
struct device;

enum {
    HPET_BASE = 0xFED00000,
    HPET_TICK_NS = 10,
    HPET_PINS = 24,
    HPET_BLOCK_ID = 0x8086A201, /* the low half of its capabilities, which ACPI repeats */
};

struct hpet_pins {
    /*
     * Interrupts 0 and 8, towards PIC and IOAPIC. The PIT and the RTC reach them through hpet_pit
     * and hpet_rtc, which legacy replacement switches off.
     */
    struct irq_line irq0, irq8;
    struct irq_line ioapic[HPET_PINS]; /* pins 20 to 23 are used */
};

struct device *hpet_create(struct bus *bus, struct clock *clock, const struct hpet_pins *pins);

/* Inputs: the PIT's channel 0 and the RTC's interrupt. */
struct irq_line hpet_pit(struct device *dev);
struct irq_line hpet_rtc(struct device *dev);

#endif
