/*
 * Integers in memory in little-endian order, at any alignment. Formats and guests are little
 * endian; on such hosts each of these is one instruction.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/types.h"

#include <string.h>

static inline u16 get_le16(const void *p)
{
    const u8 *b = p;

    return (u16)(b[0] | b[1] << 8);
}

static inline u32 get_le32(const void *p)
{
    const u8 *b = p;

    return (u32)b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

static inline u64 get_le64(const void *p)
{
    return get_le32(p) | (u64)get_le32((const u8 *)p + 4) << 32;
}

static inline void put_le16(void *p, u16 v)
{
    u8 *b = p;

    b[0] = (u8)v;
    b[1] = (u8)(v >> 8);
}

static inline void put_le32(void *p, u32 v)
{
    u8 *b = p;

    b[0] = (u8)v;
    b[1] = (u8)(v >> 8);
    b[2] = (u8)(v >> 16);
    b[3] = (u8)(v >> 24);
}

static inline void put_le64(void *p, u64 v)
{
    put_le32(p, (u32)v);
    put_le32((u8 *)p + 4, (u32)(v >> 32));
}

#endif
