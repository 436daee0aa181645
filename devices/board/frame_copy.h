/*
 * What certain frames hold at a moment, for a thread that writes them to a file while the guest
 * goes on. A few are copied at once. Of many each is copied when that thread comes to it, or before
 * the guest writes it (physmap_keep), whichever is first: the guest does not wait for the others.
 */
#ifndef DEVICES_BOARD_FRAME_COPY_H
#define DEVICES_BOARD_FRAME_COPY_H

#include "mmu/physmap.h"

enum { FRAME_COPY_BYTES = 4 + 4096 /* number:u32, contents; little endian */ };

struct frame_copy;

/* NULL when out of memory. */
struct frame_copy *frame_copy_new(struct physmap *pm);
/* One of them; not ROM. Before frame_copy_begin. */
void frame_copy_add(struct frame_copy *c, frame_id id);
/*
 * The moment is now. Up to `at_once` frames are copied here, and all of video memory, which its
 * chip writes without asking. False when out of memory: free it.
 */
bool frame_copy_begin(struct frame_copy *c, u32 at_once);
/* How many will be copied later, each of which may cost the guest a fault. */
u32 frame_copy_later(const struct frame_copy *c);

/* One other thread: up to `most` frames of FRAME_COPY_BYTES, in no order; 0 at the end. */
u32 frame_copy_next(struct frame_copy *c, u8 *out, u32 most);
/* Behind the end: false if memory ran out, so that frames are missing. */
bool frame_copy_is_whole(const struct frame_copy *c);

/* On the machine thread, when the other thread is done with it. NULL is allowed. */
void frame_copy_free(struct frame_copy *c);

#endif
