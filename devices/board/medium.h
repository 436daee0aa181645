/* What identifies a disk, floppy or CD in a recording. */
#ifndef DEVICES_BOARD_MEDIUM_H
#define DEVICES_BOARD_MEDIUM_H

#include "base/types.h"

struct blk;

enum {
    MEDIUM_WHOLE_MIB = 16, /* images up to this size are hashed whole */
    MEDIUM_SAMPLES = 128,  /* of larger ones so many pieces, evenly spread, the ends included */
    MEDIUM_SAMPLE_SECTORS = 32,
};

/*
 * 16 bytes over the size and what the guest would read now. Of a large image only samples: a change
 * elsewhere is found when it makes a difference, by the checks of a replay. 0 or -errno.
 */
int medium_hash(struct blk *blk, u8 out[16]);

#endif
