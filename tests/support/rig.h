/*
 * What a chip needs around it in a test: a bus over a little memory, a clock that moves only when
 * told, and wires that remember what was done to them. No processor, no machine.
 *
 *     static struct rig rig;
 *     static void setup(void) { rig_setup(&rig); pit = pit_create(rig.bus, rig.clock, ...); }
 *     static void teardown(void) { device_destroy(pit); rig_teardown(&rig); }
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "base/clock.h"
#include "base/state.h"
#include "base/types.h"
#include "devices/device.h"
#include "devices/host/chr.h"
#include "mmu/bus.h"
#include "mmu/physmap.h"

/* RAM from address 0. */
enum { RIG_RAM_BYTES = 1 << 20 };

enum { RIG_LINES = 32, RIG_EVENTS = 256 };

struct rig_wire {
    bool level;
    unsigned rises, falls; /* changes of the level only */
    unsigned sets;         /* calls, changed or not */
};

/* One change of a wire. */
struct rig_event {
    u64 at_ns;
    unsigned line;
    bool level;
};

struct rig {
    struct physmap *physmap;
    struct bus *bus;
    struct clock *clock;
    struct chr *chr;  /* in memory: what a chip wrote is rig_text */
    struct log *log;  /* all categories are shown; the last line is in last_log */
    u64 count;        /* instructions; the rate is 1 ns each, so this is also the time in ns */
    unsigned rearmed; /* how often the clock said that a deadline moved nearer */
    struct rig_wire wires[RIG_LINES];
    struct rig_event events[RIG_EVENTS]; /* the first RIG_EVENTS changes */
    unsigned event_count;
    unsigned log_lines;
    char last_log[512];
};

void rig_setup(struct rig *r);
void rig_teardown(struct rig *r);

/* What was written to rig.chr. */
const char *rig_text(struct rig *r);

/* Let virtual time pass; each timer fires exactly at its deadline. */
void rig_advance_ns(struct rig *r, u64 ns);
u64 rig_now(const struct rig *r);

/* Wire n, 0 to RIG_LINES - 1, to hand to a chip. */
struct irq_line rig_line(struct rig *r, unsigned n);
bool rig_level(const struct rig *r, unsigned n);
unsigned rig_rises(const struct rig *r, unsigned n);
unsigned rig_falls(const struct rig *r, unsigned n);
/* Forget the counts and events of all wires; levels stay. */
void rig_forget(struct rig *r);

/* What the device saves, to be freed; fails the test if it cannot. */
u8 *rig_save(struct device *dev, size_t *len);
/* Load; returns the error sentence or NULL, valid until the next rig_load. */
const char *rig_load(struct device *dev, const void *data, size_t len);
u64 rig_hash(struct device *dev);

/*
 * Carry a chip over into a second rig, as a snapshot does: clock, wire levels, then the device.
 * Fails the test unless the copy saves the same bytes as the original.
 */
void rig_transfer(struct rig *to, struct device *to_dev, struct rig *from, struct device *from_dev);

/*
 * Load `rounds` damaged copies of the device's own state into it: cut short, bytes flipped, fields
 * overwritten with extremes; after each load that the device accepts, `poke` (may be NULL) is
 * called to use it. Returns how many were refused. What is tested is that nothing crashes; at the
 * end the device is loaded with its good state again.
 */
unsigned rig_damage(struct device *dev, unsigned rounds, void (*poke)(void *opaque), void *opaque);

#endif
