/*
 * A machine's configuration kept: copied with its strings, saved into snapshots and recordings,
 * and loaded from them, so that a file alone is enough to build the machine again.
 */
#ifndef DEVICES_BOARD_CONFIG_H
#define DEVICES_BOARD_CONFIG_H

#include "devices/board/machine.h"

struct state;

/*
 * A copy that owns its strings; streams, sound and log stay the caller's. False when out of memory,
 * and then nothing is to be freed.
 */
bool machine_config_copy(struct machine_config *to, const struct machine_config *from);
/* Frees what the copy, or loading, made. */
void machine_config_free(struct machine_config *c);

/*
 * Save, load or hash everything that the guest can see or that says how time passes; not the
 * engine, nor anything of the host's except the names of files. Loading starts from a zeroed
 * structure, which machine_config_free takes also after an error. Serial ports that had a stream
 * are there afterwards, without one.
 */
void machine_config_state(struct machine_config *c, struct state *s);

#endif
