/* The 8254 interval timer of a PC, ports 40h to 43h. */
#ifndef DEVICES_CHIPSET_PIT_H
#define DEVICES_CHIPSET_PIT_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct clock;
struct device;

enum { PIT_HZ = 1193182, PIT_CHANNELS = 3 };

/* out0: channel 0's output, IRQ 0. The gates of channels 0 and 1 are tied high. */
struct device *pit_create(struct bus *bus, struct clock *clock, struct irq_line out0);

/* A line for each channel in words, for people. Changes nothing. */
void pit_describe(const struct device *dev, char *out, size_t out_size);

/* The level of a channel's OUT pin now. */
bool pit_out(struct device *dev, unsigned channel);
/* Drive channel 2's GATE pin (bit 0 of port 61h). */
void pit_set_gate2(struct device *dev, bool level);

/*
 * Who hears channel 2. While listening is on, `edge` gets the level of OUT2 after each change in
 * the order of time, with the time of the change; edges that are due by themselves come late, at
 * the next pit_catch_up or guest access. It is also called, with the present level, when listening
 * is turned on and when the channel was programmed or gated anew: from then on catching up makes
 * sense again.
 * Listening is part of the saved state; the wiring is not.
 */
void pit_connect_speaker(struct device *dev, void (*edge)(void *opaque, bool level, u64 at_ns),
                         void *opaque);
/* `pit` is the struct device *, untyped because the speaker knows no PIT. */
void pit_set_listening(void *pit, bool on);
void pit_catch_up(void *pit);

/* CLK pulses since power-on at a virtual time, and the time of a pulse. */
u64 pit_ticks(u64 ns);
u64 pit_tick_ns(u64 ticks);

#endif
