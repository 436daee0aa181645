/* A PS/2 keyboard with 102 keys and more, at the end of its cable. */
#ifndef DEVICES_INPUT_PS2KBD_H
#define DEVICES_INPUT_PS2KBD_H

#include "base/types.h"
#include "mmu/irq.h"

struct clock;
struct device;

/* request: told with level true whenever the keyboard may have a byte to send that it had not. */
struct device *ps2kbd_create(struct clock *clock, struct irq_line request);

/* A key by its number in devices/host/input.h; repeats of the host's own are ignored. */
void ps2kbd_key(struct device *dev, u16 key, bool down);

/* The next byte for the host, if there is one. */
bool ps2kbd_has_byte(const struct device *dev);
u8 ps2kbd_take_byte(struct device *dev);
/* A byte from the host: command or argument. */
void ps2kbd_receive(struct device *dev, u8 byte);

/* The lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
u8 ps2kbd_leds(const struct device *dev);

#endif
