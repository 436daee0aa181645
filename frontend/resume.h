/* --load and --suspend: a run that begins with a snapshot, or ends with one. */
#ifndef FRONTEND_RESUME_H
#define FRONTEND_RESUME_H

#include "frontend/options.h"

struct machine;
struct machine_config;
struct snapshot;

/*
 * Open --load's file and take the machine's configuration from it, with images where --hda and its
 * like say they are now; what is the host's is left as it is in `out`. NULL and one sentence in
 * err. The result must outlive machine_new.
 */
struct snapshot *resume_open(const struct options *o, bool watched, struct machine_config *out,
                             char *err, size_t err_size);
/* All that `from` says of the machine; what is the host's stays as it is in `to`. */
void resume_config(const struct machine_config *from, bool watched, struct machine_config *to);
/* --suspend: save, and say so on stderr; returns the exit code. */
int resume_suspend(const struct options *o, struct machine *m);

#endif
