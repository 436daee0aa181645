/* Whole machines saved and loaded by tests, which end where that fails. */
#ifndef TESTS_SUPPORT_WHOLE_H
#define TESTS_SUPPORT_WHOLE_H

#include "base/state.h"

struct blk_overlay;
struct machine;

/* All guest state, memory included; to be freed. */
struct state *whole_save(struct machine *m);
void whole_load(struct machine *m, const struct state *from);

/* The processor's alone. */
u64 whole_cpu_hash(struct machine *m);
/* Where two machines whose hashes differ do. */
void whole_difference(struct machine *a, struct machine *b, char *where, size_t size);

/* A copy of what was written to a drive's image and is kept in memory; NULL if nothing is. */
struct blk_overlay *whole_disk(struct machine *m, unsigned drive);
/* Put a copy of it there again. */
void whole_put_disk(struct machine *m, unsigned drive, const struct blk_overlay *from);

#endif
