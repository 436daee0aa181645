/*
 * A processor on a piece of RAM, for tests: no chips, no firmware. Code is put at CS:rip and
 * stepped.
 *
 *     struct cpubox box;
 *     cpubox_open(&box, "pentium3");
 *     cpubox_flat32(&box);
 *     cpubox_run(&box, "\xD9\xE8", 2);      FLD1
 */
#ifndef TESTS_SUPPORT_CPUBOX_H
#define TESTS_SUPPORT_CPUBOX_H

#include "cpu/cpu.h"

enum {
    CPUBOX_RAM = 1 << 20,
    CPUBOX_CODE = 0x1000, /* where rip is after cpubox_flat32 */
    CPUBOX_STACK = 0x8000,
};

struct cpubox {
    struct physmap *pm;
    struct bus *bus;
    struct cpu *cpu;
    u8 *ram;   /* CPUBOX_RAM bytes at guest-physical 0; write code through cpubox_put */
    bool ferr; /* the FERR# pin */
    unsigned ferr_rises;
    u64 now_ns;
};

/* False if the host has no memory or there is no such model. */
bool cpubox_open(struct cpubox *b, const char *model);
void cpubox_close(struct cpubox *b);

/* Protected mode, flat 32-bit segments, no paging, CPL 0, interrupts off, CR0.NE set. */
void cpubox_flat32(struct cpubox *b);

/* Bytes to guest-physical memory, known to the code caches. */
void cpubox_put(struct cpubox *b, u32 gpa, const void *bytes, size_t len);

/*
 * Put one instruction at CS:rip and execute it. True if it completed, with rip behind it; false if
 * a fault is pending (in cpu->fault, not delivered), with rip unchanged.
 */
bool cpubox_run(struct cpubox *b, const void *bytes, size_t len);

#endif
