/* Ports for people who debug: exit with a code, POST codes, "the guest has panicked". */
#ifndef DEVICES_CHIPSET_DEBUG_PORTS_H
#define DEVICES_CHIPSET_DEBUG_PORTS_H

#include "base/types.h"

struct bus;
struct device;

enum {
    DEBUG_EXIT_PORT = 0x501,
    POST_CARD_PORT = 0x80,
    PVPANIC_PORT = 0x505,

    POST_CODES = 16, /* how many the card remembers */

    /* Events that a guest reports to pvpanic. */
    PVPANIC_PANICKED = 1,
    PVPANIC_CRASH_LOADED = 2,
};

/* A guest wrote `value`; called inside the access. */
struct debug_port_listener {
    void (*written)(void *opaque, u32 value);
    void *opaque;
};

/* isa-debug-exit: four ports; any write ends the run. The exit code is (value << 1) | 1. */
struct device *debug_exit_create(struct bus *bus, u16 port,
                                 const struct debug_port_listener *listener);

/* POST card: shows each code written to `port`, and reads back the last one. */
struct device *post_card_create(struct bus *bus, u16 port,
                                const struct debug_port_listener *listener);
/* The last codes, newest first; returns how many were put into `codes`, at most POST_CODES. */
unsigned post_card_codes(const struct device *dev, u8 codes[POST_CODES]);

/* pvpanic: reading tells the events it knows, writing reports one. */
struct device *pvpanic_create(struct bus *bus, u16 port,
                              const struct debug_port_listener *listener);

#endif
