/* Is an image as long as the tables on it say? */
#ifndef DEVICES_BOARD_MEDIA_SIZE_H
#define DEVICES_BOARD_MEDIA_SIZE_H

#include "base/types.h"

struct blk;

/*
 * False if a hard disk's partition, or a CD's file system, ends behind the image's end; then a
 * sentence with part, reason and remedy is in err. True for what has no such tables.
 */
bool media_is_whole(struct blk *blk, const char *drive, bool cd, char *err, size_t err_size);

#endif
