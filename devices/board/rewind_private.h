/*
 * What the files of going back share: rewind.c keeps the ring and goes to a moment,
 * rewind_search.c finds one.
 */
#ifndef DEVICES_BOARD_REWIND_PRIVATE_H
#define DEVICES_BOARD_REWIND_PRIVATE_H

#include "devices/board/machine_private.h"
#include "devices/board/rewind.h"
#include "devices/board/rewind_disk.h"
#include "devices/board/rewind_store.h"

struct rewind {
    struct machine *m;
    struct rewind_store *store;
    struct rewind_disks *disks;
    struct input_log *log;
    u64 log_first; /* position of its first byte */
    size_t limit;
    struct input_listener listener;
    u64 interval_ns, host_ns;
    bool off;   /* the limit is too small for this guest */
    bool fresh; /* a medium has changed or the state was replaced: the past begins anew */

    bool past, restoring;
    struct input_player player; /* in the past */
    struct input_player *outer; /* whom it stands in for: a replay, or NULL */
    u64 played;                 /* position of the next input */
};

static inline unsigned points(const struct rewind *r)
{
    return rewind_store_count(r->store);
}

static inline const struct rewind_point *point(const struct rewind *r, unsigned i)
{
    return rewind_store_point(r->store, i);
}

/* A place in the past: so many instructions, and no earlier than this time if it sleeps there. */
struct rewind_place {
    bool past; /* or the newest moment, wherever that is */
    struct input_time at;
    u64 now_ns;
};

struct rewind_place rewind_here(const struct rewind *r);
/* Those that follow: false and a sentence in err. */
bool rewind_go_back_to(struct rewind *r, const struct rewind_place *p, char *err, size_t err_size);
/* To a snapshot; the newest moment must be one already if this is the first step back. */
bool rewind_restore(struct rewind *r, unsigned i, char *err, size_t err_size);
/* Make sure that the present can be found again. */
bool rewind_mark_present(struct rewind *r, char *err, size_t err_size);

/*
 * Run until a count of instructions, and if the machine sleeps then until `ns`, or until time
 * `until_ns`, with nothing from outside. Why it stopped.
 */
enum machine_stop rewind_run_alone(struct rewind *r, u64 count, u64 ns, u64 until_ns);
/* The same, and note on the way what makes it soon to be there again. */
enum machine_stop rewind_run_to(struct rewind *r, u64 count, u64 ns, u64 until_ns);
/* Note where the machine is, as snapshot *index; false if that cannot be. Others may be gone. */
bool rewind_pass_point(struct rewind *r, unsigned *index);

#endif
