/*
 * A fast 128-bit hash for contents: finds accidental differences, does not resist somebody who
 * makes two things alike on purpose. The same on every host.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

struct hash128 {
    u64 lo, hi;
};

/* Of `len` bytes; equal contents under different seeds have unrelated hashes. */
struct hash128 hash128(u64 seed, const void *data, size_t len);

/* A sum of hashes does not depend on their order, and one can be taken out again. */
static inline void hash128_add(struct hash128 *sum, struct hash128 h)
{
    unsigned __int128 total =
        ((unsigned __int128)sum->hi << 64 | sum->lo) + ((unsigned __int128)h.hi << 64 | h.lo);

    *sum = (struct hash128){(u64)total, (u64)(total >> 64)};
}

static inline void hash128_subtract(struct hash128 *sum, struct hash128 h)
{
    unsigned __int128 total =
        ((unsigned __int128)sum->hi << 64 | sum->lo) - ((unsigned __int128)h.hi << 64 | h.lo);

    *sum = (struct hash128){(u64)total, (u64)(total >> 64)};
}

static inline bool hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

#endif
