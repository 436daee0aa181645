/*
 * Compression by method numbers that stand in files. zlib is always there; Zstandard only where the
 * build found it, and who reads a file that needs it is told so.
 */
#ifndef DEVICES_HOST_COMPRESS_H
#define DEVICES_HOST_COMPRESS_H

#include "base/types.h"

/* Numbers in files: never reused. */
enum compress_method { COMPRESS_STORED = 0, COMPRESS_ZLIB = 1, COMPRESS_ZSTD = 2 };

/* What this build compresses with. */
enum compress_method compress_best(void);
/* "zlib"; "method 7" gets no name: NULL. */
const char *compress_name(u8 method);
/* Whether this build can undo it. */
bool compress_is_known(u8 method);

/*
 * Compress `len` bytes into at most len - 1; returns how many, or 0 if they do not become fewer (or
 * the host has no memory): store them then. `out` has room for len bytes.
 */
size_t compress_data(enum compress_method method, const void *in, size_t len, void *out);
/* Exactly out_len bytes must come out. False for damaged data; reads and writes within bounds. */
bool compress_undo(u8 method, const void *in, size_t len, void *out, size_t out_len);

/* CRC-32 as in zlib and PNG ("ISO 3309"); `crc` is 0 or that of the bytes before. */
u32 crc32_of(u32 crc, const void *data, size_t len);

#endif
