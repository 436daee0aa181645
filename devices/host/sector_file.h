/*
 * Sectors of a disk in a temporary file without a name, which one process fills while others read:
 * what an image held before it was overwritten, or what was written over an image. Which sectors
 * are there is in the file too. All functions return 0 or -errno where nothing else is said.
 */
#ifndef DEVICES_HOST_SECTOR_FILE_H
#define DEVICES_HOST_SECTOR_FILE_H

#include "base/types.h"

struct sector_file;

/* A new one, without sectors, in $TMPDIR or /tmp. NULL and errno on failure. */
struct sector_file *sector_file_new(u64 sectors);
/* One that another process fills, or has filled; takes over `fd`, except on failure. */
struct sector_file *sector_file_open(int fd, u64 sectors);
void sector_file_free(struct sector_file *f);
/* For the other process; stays ours. */
int sector_file_fd(const struct sector_file *f);

/* For who fills it: put in those sectors that are not there yet. */
int sector_file_add(struct sector_file *f, u64 sector, u32 count, const void *data);
/* The same, over those that are there. */
int sector_file_put(struct sector_file *f, u64 sector, u32 count, const void *data);
/* Whether all of them are there. Only who fills it knows. */
bool sector_file_has(const struct sector_file *f, u64 sector, u32 count);
/* Nothing more comes in, though it should: who reads is told with -EIO where a sector is missing.
 */
void sector_file_give_up(struct sector_file *f);

/*
 * Replace those sectors of `data` that are there. Any process; a sector that was there before
 * `data` was read from elsewhere is never missed.
 */
int sector_file_patch(const struct sector_file *f, u64 sector, u32 count, void *data);
/* The next sectors at or behind *sector that are there, at most 2048 in one answer; false if none.
 */
bool sector_file_next(const struct sector_file *f, u64 *sector, u32 *count);

#endif
