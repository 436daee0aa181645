/*
 * What the state of a machine is, in a few bytes, at little cost: so that a replay can tell where
 * it left the recorded path and what differs.
 *
 * Memory counts as the 128-bit sum of hash128(frame, contents) over all frames that are not zero,
 * brought up to date for frames written since the last time; everything else by the sections of its
 * state stream. The frames written since the last check are listed with 16 bits of their hash, to
 * name one.
 */
#ifndef DEVICES_BOARD_STATE_CHECK_H
#define DEVICES_BOARD_STATE_CHECK_H

#include "mmu/physmap.h"

struct board;
struct state_check;

/* Begins to keep book of written frames. NULL when out of memory. */
struct state_check *state_check_new(struct board *b);
void state_check_free(struct state_check *c);

/* The state now, as bytes (docs/replay-format.md); valid until the next call. NULL: no memory. */
const u8 *state_check_take(struct state_check *c, u32 *len);
/*
 * Compare the state now with bytes that were taken elsewhere at the same moment, both after the
 * same checks before. True if alike, else one sentence in `what`. The bytes are not trusted.
 */
bool state_check_compare(struct state_check *c, const u8 *then, u32 len, char *what,
                         size_t what_size);
/* How many frames the last one found written whose next write it will have to see. */
u32 state_check_guarded(const struct state_check *c);

/*
 * Frames whose contents are others, as far as checks have seen, than when they were forgotten. With
 * `id`: false if there is none from *id on, else *id is the next one. With NULL: how many.
 */
u32 state_check_changed(const struct state_check *c, frame_id *id);
void state_check_forget_changed(struct state_check *c);

#endif
