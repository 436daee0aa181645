/* The keyboard controller of a PC with a PS/2 keyboard and mouse plugged in, ports 60h and 64h. */
#ifndef DEVICES_INPUT_I8042_H
#define DEVICES_INPUT_I8042_H

#include "base/types.h"
#include "devices/host/input.h"
#include "mmu/irq.h"

struct bus;
struct clock;
struct device;

/*
 * irq1, irq12: a byte from the keyboard, from the mouse.
 * a20: bit 1 of the output port, high after reset; the board joins it with port 92h's.
 * reset: pulsed to reset the processor.
 */
struct device *i8042_create(struct bus *bus, struct clock *clock, struct irq_line irq1,
                            struct irq_line irq12, struct irq_line a20, struct irq_line reset);

/* Where the user's keys and mouse go. */
struct input_sink i8042_input(struct device *dev);

/* The keyboard's lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
u8 i8042_leds(const struct device *dev);

#endif
