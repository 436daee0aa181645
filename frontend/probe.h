/*
 * What a file is, by its first bytes and its size. Never guesses: a file that might be harmed by
 * being taken for a disk is refused, with what to do instead.
 */
#ifndef FRONTEND_PROBE_H
#define FRONTEND_PROBE_H

#include "base/types.h"

enum { PROBE_BYTES = 36 << 10 }; /* how much of a file the answer depends on */

enum probe_kind {
    PROBE_REFUSED,   /* `why` says what it is and what to do */
    PROBE_FLOPPY,    /* by size, or a boot sector on less than a disk */
    PROBE_DISK,      /* a hard disk with partition table or boot sector, or an empty one */
    PROBE_CD,        /* ISO 9660 or UDF */
    PROBE_LINUX,     /* bzImage */
    PROBE_MULTIBOOT, /* a multiboot kernel */
    PROBE_ARCHIVE,   /* cpio, or something compressed: an initial RAM disk beside a kernel */
};

struct probe {
    enum probe_kind kind;
    char why[160]; /* what it is and how that was seen, or the reason and the remedy */
};

/* `bytes` are the first `len` of a file of `size`: PROBE_BYTES of them, or all if it is shorter. */
void probe_bytes(const u8 *bytes, size_t len, u64 size, struct probe *out);
/* The same on a file; a file that cannot be read is refused with the reason. */
void probe_file(const char *path, struct probe *out);

#endif
