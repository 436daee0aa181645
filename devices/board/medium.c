/* Hashes of images; see medium.h. */
#include "devices/board/medium.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "devices/host/blk.h"

enum { SECTOR = 512, PIECE_SECTORS = 128 };

/* Take sectors [sector, sector+count) into the sum. */
static int add_piece(struct blk *blk, u64 sector, u32 count, struct hash128 *sum)
{
    u8 data[PIECE_SECTORS * SECTOR];
    int e = blk_read(blk, sector, count, data);

    if (!e)
        hash128_add(sum, hash128(sector, data, (size_t)count * SECTOR));
    return e;
}

int medium_hash(struct blk *blk, u8 out[16])
{
    u64 sectors = blk_sectors(blk), step = PIECE_SECTORS, count = PIECE_SECTORS;
    struct hash128 sum = hash128(sectors, "", 0);
    int e = 0;

    if (sectors > (u64)MEDIUM_WHOLE_MIB * 2048) {
        count = MEDIUM_SAMPLE_SECTORS;
        step = (sectors - count) / (MEDIUM_SAMPLES - 1);
    }
    for (u64 at = 0; at < sectors && !e; at += step)
        e = add_piece(blk, at, (u32)min_u64(count, sectors - at), &sum);
    put_le64(out, sum.lo);
    put_le64(out + 8, sum.hi);
    return e;
}
