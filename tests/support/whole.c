#include "tests/support/whole.h"

#include "cpu/cpu.h"
#include "devices/board/board.h"
#include "devices/board/machine.h"
#include "devices/host/blk_overlay.h"
#include "tests/support/statediff.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECTOR = 512 };

static void end(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

struct state *whole_save(struct machine *m)
{
    struct state *s = state_new_save();

    machine_state(m, s);
    if (state_error(s))
        end("saving", state_error(s));
    return s;
}

void whole_load(struct machine *m, const struct state *from)
{
    size_t len;
    const void *data = state_data(from, &len);
    struct state *s = state_new_load(data, len);

    machine_state(m, s);
    if (state_error(s))
        end("loading", state_error(s));
    state_free(s);
}

u64 whole_cpu_hash(struct machine *m)
{
    struct state *s = state_new_hash();
    u64 hash;

    cpu_state(machine_cpu(m, 0), s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

void whole_difference(struct machine *a, struct machine *b, char *where, size_t size)
{
    struct state *x = whole_save(a), *y = whole_save(b);

    if (!state_diff(x, y, where, size))
        snprintf(where, size, "the hashes differ, what is saved does not");
    state_free(x);
    state_free(y);
}

static struct blk_overlay *copy(const struct blk_overlay *from, u64 sectors)
{
    struct blk_overlay *o = blk_overlay_new(sectors);
    u8 data[SECTOR];
    u64 sector = 0;
    u32 count;

    if (!o)
        end("disks", "no memory left");
    for (; blk_overlay_next(from, &sector, &count); sector += count)
        for (u32 i = 0; i < count; i++) {
            blk_overlay_patch(from, sector + i, 1, data);
            if (blk_overlay_write(o, sector + i, 1, data))
                end("disks", "no memory left");
        }
    return o;
}

struct blk_overlay *whole_disk(struct machine *m, unsigned drive)
{
    struct blk *blk = machine_board(m)->drive[drive].blk;
    const struct blk_overlay *o = blk ? blk_private_writes(blk) : NULL;

    return o ? copy(o, blk_sectors(blk)) : NULL;
}

void whole_put_disk(struct machine *m, unsigned drive, const struct blk_overlay *from)
{
    struct blk *blk = machine_board(m)->drive[drive].blk;

    if (blk && from)
        blk_overlay_free(blk_swap_private_writes(blk, copy(from, blk_sectors(blk))));
}
