/* The state at which a replay begins; see replay_private.h. */
#include "devices/board/replay_private.h"

#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/medium.h"
#include "devices/board/replay_file.h"

#include <stdlib.h>
#include <string.h>

static void clear_memory(struct physmap *pm)
{
    struct physmap_block block;

    for (unsigned i = 0; physmap_block(pm, i, &block); i++)
        for (u32 page = 0, count;
             !(block.flags & FRAME_ROM) && physmap_next_touched(pm, i, &page, &count);)
            for (; count; count--, page++)
                physmap_load_frame(pm, block.first + page, NULL);
}

/* False if a frame is none of this machine's, or ROM. */
static bool put_frames(struct physmap *pm, const struct replay_chunk *c)
{
    struct physmap_block block;

    for (u32 at = 0; at < c->len; at += REPLAY_FRAME_BYTES) {
        u32 id = get_le32(c->data + at);
        bool found = false;

        for (unsigned i = 0; !found && physmap_block(pm, i, &block); i++)
            found =
                id >= block.first && id - block.first < block.count && !(block.flags & FRAME_ROM);
        if (!found)
            return false;
        physmap_load_frame(pm, id, c->data + at + 4);
    }
    return true;
}

/* Sectors that were written, if the medium is in a drive where it begins. */
static bool put_written(struct replay *r, const struct replay_point *p,
                        const struct replay_chunk *c)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = r->m->board.drive[i].blk;

        if (blk && p->medium[i] == get_le32(c->data))
            return !blk_restore_sectors(blk, get_le64(c->data + 8), get_le32(c->data + 4),
                                        c->data + REPLAY_DISK_HEAD);
    }
    return true;
}

/*
 * Read again what the file has up to point r->begin: memory and disks change as they did, and the
 * last state of the chips is the one. The start ends with the first inputs.
 */
static bool read_up_to_point(struct replay *r, struct replay_chunk *chips, char *err,
                             size_t err_size)
{
    const struct replay_point *p = &r->points.point[r->begin];
    struct replay_reader reader;
    struct replay_chunk c;
    char why[200];
    unsigned passed = 0;
    bool good = replay_reader_begin(&reader, r->data, r->len, why, sizeof why);

    clear_memory(r->m->board.pm);
    while (good && replay_reader_next(&reader, &c, why, sizeof why) == REPLAY_CHUNK) {
        bool ended = !strcmp(c.tag, REPLAY_POINT) ? ++passed == r->begin
                                                  : !r->begin && !strcmp(c.tag, REPLAY_INPUT);

        if (ended) {
            free(c.data);
            return true;
        }
        if (!strcmp(c.tag, REPLAY_STATE)) {
            free(chips->data);
            *chips = c;
            continue;
        }
        if (!strcmp(c.tag, REPLAY_FRAMES) && !put_frames(r->m->board.pm, &c))
            good = replay_say(err, err_size, r, "its memory is of another machine");
        if (!strcmp(c.tag, REPLAY_WRITTEN) && !put_written(r, p, &c))
            good = replay_say(err, err_size, r, "what was written to a disk does not fit");
        free(c.data);
    }
    /* A recording without inputs has only its start. */
    return good && (!r->begin || replay_say(err, err_size, r, "the file has changed"));
}

bool replay_load_machine(struct replay *r, char *err, size_t err_size)
{
    struct replay_chunk chips = {.data = NULL};
    struct state *s;
    bool good = read_up_to_point(r, &chips, err, err_size);

    if (!good) {
        free(chips.data);
        return false;
    }
    s = state_new_load(chips.data, chips.len);
    state_leave_out_memory(s);
    machine_state(r->m, s);
    good = !state_error(s);
    if (!good)
        replay_say(err, err_size, r, state_error(s));
    state_free(s);
    free(chips.data);
    return good;
}

bool replay_same_firmware(struct replay *r, char *err, size_t err_size)
{
    u8 hash[MEDIUM_HASH_BYTES];

    replay_hash_rom(&r->m->board, hash);
    if (memcmp(hash, r->head.rom, sizeof hash))
        return replay_say(err, err_size, r,
                          "the BIOS or VGA BIOS is another one than then; name the right "
                          "ones with --bios and --vgabios");
    if (replay_hash_file(r->config.kernel, hash) || memcmp(hash, r->head.kernel, sizeof hash) ||
        replay_hash_file(r->config.initrd, hash) || memcmp(hash, r->head.initrd, sizeof hash))
        return replay_say(err, err_size, r, "the kernel or its RAM disk is another one than then");
    return true;
}
