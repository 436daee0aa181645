/*
 * Four lanes of 64 bits take 64 bytes a step; a step is one wide multiplication a lane, its halves
 * joined, plus what went in, so that a factor of zero loses nothing.
 */
#include "base/hash.h"

#include "base/bytes.h"

#include <string.h>

enum { LANES = 4, STEP = 64 };

/* Odd constants with about half their bits set: binary digits of the golden ratio, sqrt(3), e, pi.
 */
static const u64 constant[LANES] = {0x9E3779B97F4A7C15ull, 0xBB67AE8584CAA73Bull,
                                    0xADF85458A2BB4A9Bull, 0x243F6A8885A308D3ull};

static u64 fold(u64 a, u64 b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (u64)product ^ (u64)(product >> 64);
}

static u64 rotate(u64 v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static void step(u64 lane[LANES], const u8 *p)
{
    for (unsigned i = 0; i < LANES; i++) {
        u64 a = get_le64(p + 16 * i), b = get_le64(p + 16 * i + 8);

        lane[i] = fold(a ^ constant[i], b ^ lane[i]) + rotate(lane[i] ^ a, 31) + b;
    }
}

struct hash128 hash128(u64 seed, const void *data, size_t len)
{
    u64 lane[LANES], lo = len, hi = ~(u64)len;
    u8 rest[STEP] = {0};
    const u8 *p = data;

    for (unsigned i = 0; i < LANES; i++)
        lane[i] = fold(seed + constant[i], constant[(i + 1) % LANES]);
    for (; len >= STEP; p += STEP, len -= STEP)
        step(lane, p);
    if (len) {
        memcpy(rest, p, len);
        step(lane, rest);
    }
    for (unsigned i = 0; i < LANES; i++) {
        lo = fold(lo ^ lane[i] ^ constant[0], constant[i] + rotate(lane[i], 17)) + lo;
        hi = fold(hi + lane[LANES - 1 - i], constant[2] ^ lo) + rotate(hi, 23);
    }
    return (struct hash128){lo, hi};
}
