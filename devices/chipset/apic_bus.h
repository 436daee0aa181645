/*
 * The wires between local APICs and IOAPICs: interrupt messages one way, end-of-interrupt messages
 * the other. Source: SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)".
 */
#ifndef DEVICES_CHIPSET_APIC_BUS_H
#define DEVICES_CHIPSET_APIC_BUS_H

#include "base/types.h"

/* Delivery modes, as ICR, LVT and redirection entries encode them. */
enum apic_mode {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
};

enum { APIC_MAX_LOCAL = 16, APIC_MAX_IO = 4, APIC_BROADCAST = 0xFF };

struct apic_message {
    u8 destination;
    bool logical; /* destination is matched with LDR and DFR, not with the ID */
    u8 mode;      /* enum apic_mode */
    u8 vector;
    bool level; /* level-triggered: its EOI is broadcast */
};

/* A local APIC on the bus. */
struct apic_local {
    void *opaque;
    bool (*matches)(void *opaque, u8 destination, bool logical);
    /* Arbitration priority: the lowest takes a lowest-priority message; above 255: not now. */
    unsigned (*priority)(void *opaque);
    /* True if it accepted the message. */
    bool (*deliver)(void *opaque, const struct apic_message *m);
};

/* An IOAPIC on the bus. */
struct apic_io {
    void *opaque;
    void (*eoi)(void *opaque, u8 vector);
};

struct apic_bus;

struct apic_bus *apic_bus_new(void);
void apic_bus_free(struct apic_bus *bus);
void apic_bus_add_local(struct apic_bus *bus, const struct apic_local *local);
void apic_bus_add_io(struct apic_bus *bus, const struct apic_io *io);

/* Deliver to everyone addressed (or to one, in lowest-priority mode); true if anyone accepted. */
bool apic_bus_send(struct apic_bus *bus, const struct apic_message *m);
/* The same to all local APICs whatever their address, but not to the one whose opaque is `but`. */
bool apic_bus_send_all(struct apic_bus *bus, const struct apic_message *m, const void *but);
/* A processor has finished a level-triggered interrupt. */
void apic_bus_eoi(struct apic_bus *bus, u8 vector);

#endif
