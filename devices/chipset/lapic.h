/* Local APIC of one processor. */
#ifndef DEVICES_CHIPSET_LAPIC_H
#define DEVICES_CHIPSET_LAPIC_H

#include "base/types.h"
#include "mmu/irq.h"

struct apic_bus;
struct bus;
struct clock;
struct device;

enum { LAPIC_TICK_NS = 10 /* its timer counts a bus clock of 100 MHz */ };

/* Its pins towards its own processor. */
struct lapic_pins {
    struct irq_line intr; /* a level: an interrupt waits; lapic_acknowledge tells which */
    struct irq_line nmi;  /* pulsed */
    struct irq_line smi;  /* pulsed */
    /* INIT and STARTUP messages (vector: the page where it starts); may be NULL. */
    void (*init)(void *opaque);
    void (*startup)(void *opaque, u8 vector);
    /* The local APIC of the processor that makes the present access; NULL: there is only one. */
    struct device *(*accessing)(void *opaque);
    void *opaque;
};

/* id: 0 is the bootstrap processor. Its registers follow the base that lapic_set_base gives. */
struct device *lapic_create(struct bus *bus, struct clock *clock, struct apic_bus *apics, u8 id,
                            const struct lapic_pins *pins);

/* Input pins: LINT0 (n = 0) takes the PIC's INTR, LINT1 (n = 1) the NMI sources. */
struct irq_line lapic_lint(struct device *dev, unsigned n);

/*
 * The processor acknowledges an interrupt: returns the vector, which is now in service, or -1:
 * the PIC is to be asked. With nothing left to deliver, the spurious vector.
 */
int lapic_acknowledge(struct device *dev);

/* IA32_APIC_BASE. Setting returns false, with nothing changed, if reserved bits are set: #GP. */
bool lapic_set_base(struct device *dev, u64 msr);
u64 lapic_base(const struct device *dev);

/* Task priority, which CR8 shows and sets in 64-bit mode (there as tpr >> 4). */
u8 lapic_tpr(const struct device *dev);
void lapic_set_tpr(struct device *dev, u8 tpr);

/* Whether its timer runs towards an interrupt. */
bool lapic_timer_waits(struct device *dev);

/* Registers as text, for the monitor. */
void lapic_describe(struct device *dev, char *out, size_t out_size);

#endif
