/* The real-time clock and CMOS memory of a PC, ports 70h to 73h. */
#ifndef DEVICES_CHIPSET_RTC_H
#define DEVICES_CHIPSET_RTC_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct clock;
struct device;

/*
 * irq: the chip's interrupt output, IRQ 8.
 * epoch: what the clock shows at virtual time 0, in seconds since 1970-01-01 of whatever time zone
 * the guest shall believe to be in; 24-hour BCD until the guest chooses otherwise.
 */
struct device *rtc_create(struct bus *bus, struct clock *clock, struct irq_line irq, s64 epoch);

/* Battery-backed bytes: 0 to 127 behind port 71h, 128 to 255 behind port 73h. */
void rtc_set_cmos(struct device *dev, unsigned index, u8 value);
u8 rtc_get_cmos(const struct device *dev, unsigned index);

/* Bit 7 of port 70h: the board keeps NMI from the processor. */
bool rtc_nmi_masked(const struct device *dev);

#endif
