/* A PS/2 mouse that becomes an IntelliMouse or an Explorer when asked, at the end of its cable. */
#ifndef DEVICES_INPUT_PS2MOUSE_H
#define DEVICES_INPUT_PS2MOUSE_H

#include "base/types.h"
#include "mmu/irq.h"

struct clock;
struct device;

/* request: told with level true whenever the mouse may have a byte to send that it had not. */
struct device *ps2mouse_create(struct clock *clock, struct irq_line request);

/* Motion and buttons as in devices/host/input.h: dy grows downwards, dz towards the user. */
void ps2mouse_move(struct device *dev, s32 dx, s32 dy, s32 dz, u8 buttons);

/* The next byte for the host, if there is one. */
bool ps2mouse_has_byte(const struct device *dev);
u8 ps2mouse_take_byte(struct device *dev);
/* A byte from the host: command or argument. */
void ps2mouse_receive(struct device *dev, u8 byte);

#endif
