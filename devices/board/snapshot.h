/*
 * Snapshots: a machine in a file, as docs/snapshot-format.md describes it. Which engine executes
 * the machine, and on which host, does not matter.
 */
#ifndef DEVICES_BOARD_SNAPSHOT_H
#define DEVICES_BOARD_SNAPSHOT_H

#include "base/types.h"

struct machine;
struct machine_config;
struct snapshot;
struct snapshot_job;

/* ---- Saving ---- */

/*
 * Copy the machine as it stands now, on its thread: that is how long the guest waits. A worker
 * compresses the copy and writes it to `path`, which is replaced at the end, whole or not at all.
 * NULL and one sentence in err on failure.
 */
struct snapshot_job *snapshot_start(struct machine *m, const char *path, char *err,
                                    size_t err_size);
/*
 * Any thread, once for each job and before machine_free: wait for its end. False and one sentence
 * in err if nothing was saved; a file that was there before is as it was. Frees the job.
 */
bool snapshot_wait(struct snapshot_job *job, char *err, size_t err_size);
/* Both at once. */
bool snapshot_save(struct machine *m, const char *path, char *err, size_t err_size);

/* ---- Loading ---- */

/*
 * Open and check everything but the pages of memory, which snapshot_load checks before it changes
 * anything. NULL and one sentence in err: what is wrong with which part, and the remedy.
 */
struct snapshot *snapshot_open(const char *path, char *err, size_t err_size);
void snapshot_close(struct snapshot *s);
/*
 * What to build a machine from that can load it; valid until snapshot_close. Engine, streams, sound
 * and log are for the caller to fill in, in a copy.
 */
const struct machine_config *snapshot_config(const struct snapshot *s);
/*
 * The image of a drive (enum drive_id) is found under another name now. False if none was in it, or
 * out of memory.
 */
bool snapshot_move_image(struct snapshot *s, unsigned drive, const char *path);
/*
 * Give the machine the saved state, between instructions. False and one sentence in err: the
 * machine is as it was before.
 */
bool snapshot_load(struct snapshot *s, struct machine *m, char *err, size_t err_size);

#endif
