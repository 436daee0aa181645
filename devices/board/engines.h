/* The engines of this build by name, the default first. To add one, add it to both lists. */
#ifndef DEVICES_BOARD_ENGINES_H
#define DEVICES_BOARD_ENGINES_H

struct cpu;
struct engine;

/* Names for options and help; ends with NULL. */
extern const char *const engine_names[];

/* NULL if there is none of that name. */
const struct engine *engine_by_name(const char *name);
/* Tell Linux' perf the names of translated code; if that fails, a warning in the log. */
void engine_perf_map(struct cpu *c);

#endif
