/* Guest memory as debuggers see it: no faults, no chips, no accessed bits. */
#ifndef DEVICES_BOARD_DEBUG_MEMORY_H
#define DEVICES_BOARD_DEBUG_MEMORY_H

#include "base/types.h"

struct cpu;

/* By linear address, with the page tables as they are now. Returns bytes read. */
size_t debug_read_linear(struct cpu *c, u64 la, void *data, size_t len);
/* False if the page is not mapped. */
bool debug_to_physical(struct cpu *c, u64 la, u64 *gpa);

#endif
