/*
 * Playing a recording. What is in the file comes from somebody else: everything is checked before
 * it is used, and a machine is only run from a start that was found whole.
 *
 *     r = replay_open(path, log, err, sizeof err);
 *     config = *replay_config(r);            then streams, sound, log and engine of one's own
 *                                            (if it names none)
 *     m = machine_new(&config, err, sizeof err);
 *     replay_start(r, m, err, sizeof err);
 *     machine_run(m, ...)                    until MACHINE_REPLAYED or MACHINE_DIVERGED
 *
 * Images are opened for reading only; writes stay in memory.
 */
#ifndef DEVICES_BOARD_REPLAY_H
#define DEVICES_BOARD_REPLAY_H

#include "base/types.h"

struct log;
struct machine;
struct machine_config;
struct replay;
struct report;

/* Read and check the file. NULL and one sentence in err. */
struct replay *replay_open(const char *path, struct log *log, char *err, size_t err_size);
/* The same of a file in memory, which stays until replay_start has ended; `name` for messages. */
struct replay *replay_parse(const char *name, const void *data, size_t len, struct log *log,
                            char *err, size_t err_size);
/* Before the machine is freed, which is the user's from here on. */
void replay_free(struct replay *r);

/*
 * Begin at another point than the start: the last one that is not behind `where`, seconds of
 * virtual time or "@INSTRUCTION", or "#POINT" itself. Before replay_start; false and one sentence
 * in err.
 */
bool replay_begin_at(struct replay *r, const char *where, char *err, size_t err_size);
/* Points there are, the start being number 0, and one in words. */
unsigned replay_point_count(const struct replay *r);
void replay_point_text(const struct replay *r, unsigned i, char *out, size_t out_size);
/* All of that, and how far it is. */
void replay_describe(struct replay *r, struct report *out);

/*
 * What to build the machine from: valid until replay_free. `engine` is NULL, which leaves it to the
 * caller, or the one that this replay should have.
 */
const struct machine_config *replay_config(const struct replay *r);
/*
 * Compare disks and firmware with those of the recording, give the machine its start and let it
 * play. False and one sentence in err; the machine is of no use then.
 */
bool replay_start(struct replay *r, struct machine *m, char *err, size_t err_size);

/* How far it is: one sentence; after a divergence where it is and what differs. */
const char *replay_report(struct replay *r);
/* Inputs that are still to come. */
bool replay_has_ended(const struct replay *r);

#endif
