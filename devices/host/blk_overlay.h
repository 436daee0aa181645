/* Sectors kept in memory over an image that is left alone. Memory grows with what is written. */
#ifndef DEVICES_HOST_BLK_OVERLAY_H
#define DEVICES_HOST_BLK_OVERLAY_H

#include "base/types.h"

struct blk_overlay;

/* NULL when out of memory. */
struct blk_overlay *blk_overlay_new(u64 sectors);
void blk_overlay_free(struct blk_overlay *o);
/*
 * What it holds now, in an overlay of its own, which another thread may read and free. Takes as
 * long as counting its pages: what is written to either later is not seen by the other. NULL when
 * out of memory.
 */
struct blk_overlay *blk_overlay_clone(const struct blk_overlay *o);
/* 0 or -ENOMEM, with the sectors before the failing one written. The range lies in the image. */
int blk_overlay_write(struct blk_overlay *o, u64 sector, u32 count, const void *data);
/* Replace those sectors of `data` that were written. */
void blk_overlay_patch(const struct blk_overlay *o, u64 sector, u32 count, void *data);
/*
 * The next sectors at or behind *sector that were written, at most 2048 in one answer; false if
 * there are none.
 */
bool blk_overlay_next(const struct blk_overlay *o, u64 *sector, u32 *count);

#endif
