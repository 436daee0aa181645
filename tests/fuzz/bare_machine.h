/*
 * A whole PC without firmware, for fuzz targets: from reset it runs what lies at BARE_CODE, in
 * real mode, interrupts return at once. Nothing waits on the host.
 */
#ifndef TESTS_FUZZ_BARE_MACHINE_H
#define TESTS_FUZZ_BARE_MACHINE_H

#include "base/types.h"

struct machine;
struct machine_config;

enum { BARE_CODE = 0x1000, BARE_RAM = 1 << 20 };

/* What it is built from, to be changed before machine_new. */
void bare_machine_config(struct machine_config *out);
/* `kernel` may be NULL. NULL and a sentence in err on failure. */
struct machine *bare_machine_new(const char *kernel, char *err, size_t err_size);
/* With another processor than the Pentium III. */
struct machine *bare_machine_new_cpu(const char *cpu, const char *kernel, char *err,
                                     size_t err_size);
/* Write the vectors and what the program at BARE_CODE may begin with; returns where it goes on. */
u32 bare_machine_prepare(struct machine *m);
/* The same with a program that counts through memory: every state differs from the one before. */
void bare_machine_count(struct machine *m);

#endif
