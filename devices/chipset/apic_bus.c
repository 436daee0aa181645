/*
 * The APIC bus: who is addressed by a message, and who takes one of lowest priority.
 * Source: SDM Vol. 3A, "Determining IPI Destination", "Lowest Priority Delivery Mode".
 * Not modelled: arbitration (one message at a time, so nobody competes), retries, checksums.
 */
#include "devices/chipset/apic_bus.h"

#include <stdlib.h>

struct apic_bus {
    struct apic_local locals[APIC_MAX_LOCAL];
    struct apic_io ios[APIC_MAX_IO];
    unsigned local_count, io_count;
};

struct apic_bus *apic_bus_new(void)
{
    struct apic_bus *bus = calloc(1, sizeof *bus);

    if (!bus)
        abort();
    return bus;
}

void apic_bus_free(struct apic_bus *bus)
{
    free(bus);
}

void apic_bus_add_local(struct apic_bus *bus, const struct apic_local *local)
{
    assert(bus->local_count < APIC_MAX_LOCAL);
    bus->locals[bus->local_count++] = *local;
}

void apic_bus_add_io(struct apic_bus *bus, const struct apic_io *io)
{
    assert(bus->io_count < APIC_MAX_IO);
    bus->ios[bus->io_count++] = *io;
}

/* The addressed local APIC of lowest priority, the first of several equal ones; NULL: none. */
static const struct apic_local *apic_bus_lowest(struct apic_bus *bus, const struct apic_message *m)
{
    const struct apic_local *best = NULL;
    unsigned best_priority = 256;
    unsigned i;

    for (i = 0; i < bus->local_count; i++) {
        const struct apic_local *local = &bus->locals[i];
        unsigned priority;

        if (!local->matches(local->opaque, m->destination, m->logical))
            continue;
        priority = local->priority(local->opaque);
        if (priority < best_priority) {
            best = local;
            best_priority = priority;
        }
    }
    return best;
}

bool apic_bus_send(struct apic_bus *bus, const struct apic_message *m)
{
    bool accepted = false;
    unsigned i;

    if (m->mode == APIC_LOWEST) {
        const struct apic_local *local = apic_bus_lowest(bus, m);

        return local && local->deliver(local->opaque, m);
    }
    for (i = 0; i < bus->local_count; i++) {
        const struct apic_local *local = &bus->locals[i];

        if (local->matches(local->opaque, m->destination, m->logical))
            accepted |= local->deliver(local->opaque, m);
    }
    return accepted;
}

bool apic_bus_send_all(struct apic_bus *bus, const struct apic_message *m, const void *but)
{
    bool accepted = false;
    unsigned i;

    for (i = 0; i < bus->local_count; i++)
        if (bus->locals[i].opaque != but)
            accepted |= bus->locals[i].deliver(bus->locals[i].opaque, m);
    return accepted;
}

void apic_bus_eoi(struct apic_bus *bus, u8 vector)
{
    unsigned i;

    for (i = 0; i < bus->io_count; i++)
        bus->ios[i].eoi(bus->ios[i].opaque, vector);
}
