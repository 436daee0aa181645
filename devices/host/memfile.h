/*
 * Files that are only memory, to be sent to another process, and writing to files whose size the
 * host may limit: where that would raise a signal, there is an error.
 */
#ifndef DEVICES_HOST_MEMFILE_H
#define DEVICES_HOST_MEMFILE_H

#include "base/types.h"

/* Of so many bytes, zeros; the host gives memory as it is written. -errno on failure. */
int memfile_new(const char *name, u64 bytes);
/* All of it, into any file. 0 or -errno. */
int memfile_write(int fd, u64 at, const void *data, size_t len);
/* What the file is shorter by reads as zeros. 0 or -errno. */
int memfile_read(int fd, u64 at, void *data, size_t len);

#endif
