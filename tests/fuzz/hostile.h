/*
 * Guests that do everything no driver would: machine code and accesses to chips made from arbitrary
 * bytes, on a whole machine. Shared by the fuzz targets and the seeded soak.
 */
#ifndef TESTS_FUZZ_HOSTILE_H
#define TESTS_FUZZ_HOSTILE_H

#include "base/types.h"

struct machine;

enum { HOSTILE_MEM = 2 << 20 };

/*
 * A machine with disks in all drives, 2 MiB of RAM, and a firmware that halts. `kips` thousands of
 * instructions a virtual second. The images are made at the first call, in a temporary folder that
 * is removed at exit. Messages are counted, not shown. Aborts if it cannot be built.
 */
struct machine *hostile_machine(const char *cpu);

/* Make a guest of these bytes: memory, tables, registers, code; then the machine may run. */
void hostile_guest(struct machine *m, const u8 *data, size_t size);

/* Run for at most this much virtual time or this many instructions; aborts if it printed too much.
 */
void hostile_run(struct machine *m, u64 ns, u64 instructions);

/* Back to power-on with all memory zero. */
void hostile_reset(struct machine *m);

#endif
