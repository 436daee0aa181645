/* The engines of this build by name, the default first. To add one, add it to both lists. */
#ifndef DEVICES_BOARD_ENGINES_H
#define DEVICES_BOARD_ENGINES_H

#include "base/types.h"

struct cpu;
struct engine;

/* Names for options and help; ends with NULL. */
extern const char *const engine_names[];

/* How translated code reaches memory, the default first; for options and help; ends with NULL. */
extern const char *const engine_windows_names[];

/* NULL if there is none of that name. */
const struct engine *engine_by_name(const char *name);
/* Tell Linux' perf the names of translated code; if that fails, a warning in the log. */
void engine_perf_map(struct cpu *c);
/*
 * Choose how the processor's engine reaches memory; NULL: the default. An engine that knows one way
 * only goes on with that. False: there is none of that name.
 */
bool engine_windows(struct cpu *c, const char *name);

#endif
