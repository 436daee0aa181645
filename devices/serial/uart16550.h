/* 16550A serial port. */
#ifndef DEVICES_SERIAL_UART16550_H
#define DEVICES_SERIAL_UART16550_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct chr;
struct clock;
struct device;

enum { UART16550_PACE_DEFAULT = 16 };

/*
 * Eight ports from `port` (3F8h, 2F8h, 3E8h, 2E8h for COM1-4).
 *
 *   chr       the other end of the cable, which is always ready; NULL: nothing is plugged in
 *   instance  static text, "com1"
 */
struct device *uart16550_create(struct bus *bus, struct clock *clock, u16 port, struct irq_line irq,
                                struct chr *chr, const char *instance);

/*
 * How many bytes chr->receive takes now. What is beyond that is better left with the host: input
 * arrives at the speed of the line and waits while the receiver is full.
 */
size_t uart16550_room(const struct device *dev);

/*
 * How many times faster than at its highest rate, 115200 baud, the transmitter sends, whatever rate
 * is programmed, so that a kernel that waits for each character of its messages is not held up (at
 * 9600 baud, the rate of consoles that were not told one, the messages of a start take seconds).
 * 1 is a real port at its own rate, UART16550_PACE_DEFAULT the value after create; 1 to 1000. The
 * receiver, and the loop-back that drivers measure, keep the true rate.
 */
void uart16550_set_pace(struct device *dev, unsigned times);

#endif
