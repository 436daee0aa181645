/*
 * A running machine goes on in two processes: this one, which keeps the images of its disks, and
 * another, which starts at the same moment with the same state and sees the disks as they were
 * then.
 *
 *   this process                              the other
 *   fork_start   the guest stands still       (is started)
 *   fork_send    state, disks, descriptors    forked_receive, machine_new
 *                memory, while guests run on  forked_load: waits for it
 *
 * Nothing is shared for longer than that but images of disks, which only this process writes.
 */
#ifndef DEVICES_BOARD_FORK_H
#define DEVICES_BOARD_FORK_H

#include "base/types.h"

struct machine;
struct machine_config;

/* ---- This process ---- */

struct fork;

/*
 * Take the moment at which the machine stands, on its thread: that is how long the guest waits.
 * NULL and one sentence in err on failure; the machine goes on as if nothing had been asked for.
 */
struct fork *fork_start(struct machine *m, char *err, size_t err_size);
/*
 * Any thread, once: hand everything over through a connected SOCK_SEQPACKET socket, and copy memory
 * while the guest goes on. False and one sentence in err; the machine goes on all the same.
 */
bool fork_send(struct fork *f, int socket, char *err, size_t err_size);
/* For how long the guest stood still. */
u64 fork_stop_ns(const struct fork *f);
/* Any thread, once for each fork and before machine_free. */
void fork_end(struct fork *f);

/* ---- The other process ---- */

struct forked;

/* Everything but memory. NULL and one sentence in err. */
struct forked *forked_receive(int socket, char *err, size_t err_size);
/*
 * What to build the machine from, once; valid until forked_free. Engine, streams, sound and log are
 * for the caller to fill in, in a copy.
 */
const struct machine_config *forked_config(const struct forked *f);
/*
 * Wait for memory, and give the machine, which has not run yet, the state. Then it stands still if
 * the first one did. False and one sentence in err: the machine is unfit to run.
 */
bool forked_load(struct forked *f, struct machine *m, char *err, size_t err_size);
void forked_free(struct forked *f);

#endif
