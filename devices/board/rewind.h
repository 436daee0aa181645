/*
 * Going back: a ring of snapshots in memory and the log of inputs since the oldest. What lies
 * between two snapshots is reached from the one before, by letting the machine do the same again.
 *
 * In the past the machine plays its inputs again; nothing goes out to streams and sound, and disks
 * keep what is written in memory, over what they held then. When the old present is passed, all of
 * that ends without a seam. The first new input instead makes a branch: what lay ahead is forgotten
 * and the disks become what the machine sees.
 *
 * The past ends at the last change of a medium. Machine thread only, between instructions.
 */
#ifndef DEVICES_BOARD_REWIND_H
#define DEVICES_BOARD_REWIND_H

#include "devices/board/debug.h"

struct machine;
struct rewind;

/* Begin to keep the past, in `limit` bytes of the host's memory. NULL and a sentence in err. */
struct rewind *rewind_new(struct machine *m, size_t limit, char *err, size_t err_size);
void rewind_free(struct rewind *r);

/* All that follow: false and a sentence in err; the machine is where it was unless it says so. */

/* To virtual time `ns`, or the first instruction behind it; to a count of instructions. */
bool rewind_to_time(struct rewind *r, u64 ns, char *err, size_t err_size);
bool rewind_to_count(struct rewind *r, u64 count, char *err, size_t err_size);
bool rewind_step_back(struct rewind *r, u64 instructions, char *err, size_t err_size);
/* To the newest moment, at once. */
bool rewind_to_present(struct rewind *r, char *err, size_t err_size);
/*
 * Make what the machine sees the newest moment, as a new input does. Keys and buttons that were let
 * go only in what is forgotten are let go now. A replay has no branches.
 */
bool rewind_branch(struct rewind *r, char *err, size_t err_size);

enum rewind_found { REWIND_FOUND, REWIND_NOT_FOUND, REWIND_FAILED };

/*
 * Back to the last stop at one of the debugger's points before now; debug_last_stop tells it. If
 * there is none, to the oldest moment, with REWIND_NOT_FOUND.
 */
enum rewind_found rewind_continue_back(struct rewind *r, char *err, size_t err_size);
/*
 * The same for who wants to see things undone: an access that the last instruction made is one of
 * the stops, and the machine ends before the instruction that made the access. *out: the stop.
 */
enum rewind_found rewind_back_before(struct rewind *r, struct debug_stop *out, char *err,
                                     size_t err_size);
/*
 * The last time before now that `point` (a DEBUG_WATCH, say) would have stopped the machine, which
 * ends where it was.
 */
enum rewind_found rewind_last(struct rewind *r, const struct debug_point *point,
                              struct debug_stop *out, char *err, size_t err_size);
/* The same for a change of an expression, as debug_watch_expression takes it. */
enum rewind_found rewind_last_change(struct rewind *r, const char *expression,
                                     struct debug_stop *out, char *err, size_t err_size);

/* The machine is not at the newest moment; NULL is nowhere else. */
bool rewind_is_past(const struct rewind *r);

/* How far back it goes, and where the machine is. */
struct rewind_status {
    bool past; /* the machine is not at the newest moment */
    u64 oldest_ns, newest_ns, now_ns;
    u64 oldest_count, newest_count;
    unsigned points;
    size_t bytes;
};
void rewind_get_status(struct rewind *r, struct rewind_status *out);

#endif
