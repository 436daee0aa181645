/*
 * Recording; see record.h. On the machine thread everything but the sinks of the disks, which the
 * thread that serves a request calls; they share only the writer, which has a lock.
 */
#include "devices/board/record.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "devices/board/interval.h"
#include "devices/board/machine_private.h"
#include "devices/board/replay_file.h"
#include "devices/board/replay_head.h"
#include "devices/board/state_check.h"
#include "devices/host/blk_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHECK_MS = 100,       /* virtual, between two checks, if they cost little */
    CHECK_MOST_MS = 5000, /* else up to so many */
    COST_SHARE = 200,     /* a check may cost this part of the host's time since the last one */
    FLUSH_BYTES = 256 << 10,
    FLUSH_MS = 1000,
    FRAMES_A_CHUNK = 1000,
    SECTOR = 512,
    DISK_HEAD = 16,
    DISK_SECTORS = 128, /* in one piece of a DISK chunk */
};

/* A medium that is written to: of which sectors the recording has what they held at first. */
struct kept_medium {
    struct kept_medium *next;
    struct recording *recording;
    struct blk *blk;
    u32 number; /* a drive, or DRIVE_COUNT and up: media in the order in which they came */
    u8 *known;  /* a bit for each sector */
};

struct recording {
    struct machine *m;
    char *path;
    struct replay_writer *file;
    struct input_listener listener;
    struct input_log *fresh; /* not yet in the file */
    struct state_check *check;
    struct kept_medium *media;
    u32 next_medium;
    u64 interval_ns, flushed_ns;
    u64 host_ns;        /* when the last check ended */
    u64 inputs, checks; /* how many */
    bool broken;        /* the state was replaced, or memory ran out: `why` */
    const char *why;
};

static void fail(struct recording *r, const char *why)
{
    if (!r->broken)
        log_warn(r->m->config.log, "record", "'%s': %s; what came before can be played", r->path,
                 why);
    r->broken = true;
    r->why = why;
}

/* ---- Inputs and checks ---- */

static void flush(struct recording *r)
{
    size_t len;
    const u8 *bytes = input_log_bytes(r->fresh, &len);

    r->flushed_ns = clock_now(r->m->board.clock);
    if (!len || r->broken)
        return;
    replay_writer_put(r->file, REPLAY_INPUT, bytes, len);
    input_log_drop(r->fresh, len);
    if (replay_writer_error(r->file))
        fail(r, strerror(-replay_writer_error(r->file)));
}

static void add(struct recording *r, const struct input_record *rec)
{
    size_t len;

    if (r->broken)
        return;
    if (!input_log_add(r->fresh, rec))
        fail(r, "the host has no memory left");
    input_log_bytes(r->fresh, &len);
    if (len > FLUSH_BYTES || clock_now(r->m->board.clock) > r->flushed_ns + FLUSH_MS * 1000000ull)
        flush(r);
}

static void take_check(struct recording *r)
{
    struct input_record rec = {
        .source = INPUT_CHECK,
        .at = machine_moment(r->m),
        .check = machine_register_check(r->m),
    };

    rec.data = state_check_take(r->check, &rec.len);
    if (!rec.data || rec.len > INPUT_DATA_MAX)
        return; /* the next one will do */
    add(r, &rec);
    r->checks++;
}

/* Often enough to narrow a difference down, seldom enough to cost little. */
static const struct interval_rule interval_rule = {
    .least_ns = CHECK_MS * 1000000ull,
    .most_ns = CHECK_MOST_MS * 1000000ull,
    .share = COST_SHARE,
    .ease = 4,
};

static void on_point(void *opaque)
{
    struct recording *r = opaque;
    u64 began = host_monotonic_ns();

    take_check(r);
    interval_adapt(&interval_rule, &r->interval_ns, &r->host_ns, began);
    r->listener.point_ns = clock_now(r->m->board.clock) + r->interval_ns;
}

/* ---- Disks ---- */

static void put_sectors(struct kept_medium *k, u64 sector, u32 count, const u8 *data)
{
    u8 piece[DISK_HEAD + DISK_SECTORS * SECTOR];

    put_le32(piece, k->number);
    put_le32(piece + 4, count);
    put_le64(piece + 8, sector);
    memcpy(piece + DISK_HEAD, data, (size_t)count * SECTOR);
    replay_writer_put(k->recording->file, REPLAY_DISK, piece, DISK_HEAD + (size_t)count * SECTOR);
}

static bool is_known(const struct kept_medium *k, u64 sector)
{
    return k->known[sector / 8] >> sector % 8 & 1;
}

/* On any thread, one at a time for a medium. */
static int keep_old(void *opaque, u64 sector, u32 count, const void *old)
{
    struct kept_medium *k = opaque;
    const u8 *data = old;

    while (count) {
        u32 n = 0;

        while (n < count && n < DISK_SECTORS && !is_known(k, sector + n)) {
            k->known[(sector + n) / 8] |= (u8)(1u << (sector + n) % 8);
            n++;
        }
        if (n)
            put_sectors(k, sector, n, data);
        else
            n = 1;
        sector += n;
        data += (size_t)n * SECTOR;
        count -= n;
    }
    return 0;
}

/* What a medium in a drive keeps in memory, which no file will have: as if overwritten now. */
static void put_private_writes(struct kept_medium *k)
{
    const struct blk_overlay *o = blk_private_writes(k->blk);
    u8 data[SECTOR];
    u64 sector = 0;
    u32 count;

    for (; o && blk_overlay_next(o, &sector, &count); sector += count)
        for (u32 i = 0; i < count; i++) {
            blk_overlay_patch(o, sector + i, 1, data);
            keep_old(k, sector + i, 1, data);
        }
}

/* A medium is in a drive from now on; its number is taken in any case. */
static bool watch_medium(struct recording *r, struct blk *blk, u32 number)
{
    struct kept_medium *k;

    if (!blk || blk_is_read_only(blk))
        return true;
    k = calloc(1, sizeof *k);
    if (k)
        k->known = calloc(1, (size_t)(blk_sectors(blk) / 8 + 1));
    if (!k || !k->known || blk_add_preimage_sink(blk, keep_old, k)) {
        if (k)
            free(k->known);
        free(k);
        return false;
    }
    k->recording = r;
    k->blk = blk;
    k->number = number;
    k->next = r->media;
    r->media = k;
    put_private_writes(k);
    return true;
}

static bool in_a_drive(const struct board *b, const struct blk *blk)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (b->drive[i].blk == blk)
            return true;
    return false;
}

/* Forget media that were taken out and closed; with `all` also those that are still there. */
static void drop_media(struct recording *r, bool all)
{
    struct kept_medium **at = &r->media, *k;

    while ((k = *at)) {
        bool there = in_a_drive(&r->m->board, k->blk);

        if (there && !all) {
            at = &k->next;
            continue;
        }
        if (there)
            blk_remove_preimage_sink(k->blk, keep_old, k);
        *at = k->next;
        free(k->known);
        free(k);
    }
}

static void on_input(void *opaque, const struct input_record *rec)
{
    struct recording *r = opaque;
    struct input_record full = *rec;
    char *path = NULL;

    if (rec->source == INPUT_INSERT && !rec->medium.refused) {
        char name[MACHINE_PATH_MAX];

        drop_media(r, false);
        if (!watch_medium(r, r->m->board.drive[rec->medium.drive].blk, r->next_medium++))
            fail(r, "the host has no memory left");
        snprintf(name, sizeof name, "%.*s", (int)rec->len, (const char *)rec->data);
        path = replay_full_path(name);
        full.data = (const u8 *)(path ? path : name);
        full.len = (u32)strlen((const char *)full.data);
        add(r, &full);
        free(path);
    } else {
        if (rec->source == INPUT_EJECT)
            drop_media(r, false);
        add(r, rec);
    }
    r->inputs++;
}

static void on_jump(void *opaque)
{
    fail(opaque, "the machine's state was replaced");
}

/* ---- The start ---- */

static void put_state(struct replay_writer *w, const char *tag, struct state *s)
{
    size_t len;
    const void *data = state_data(s, &len);

    if (len <= REPLAY_CHUNK_MAX)
        replay_writer_put(w, tag, data, len);
}

static bool put_head(struct recording *r, char *err, size_t err_size)
{
    struct state *s = state_new_save();
    struct replay_head head;
    bool good = replay_head_make(&head, r->m, err, err_size);

    if (good) {
        replay_head_state(&head, s);
        put_state(r->file, REPLAY_HEAD, s);
        good = !state_error(s);
        if (!good)
            snprintf(err, err_size, "record: %s", state_error(s));
    }
    replay_head_free(&head);
    state_free(s);
    return good;
}

static bool put_machine(struct recording *r, char *err, size_t err_size)
{
    struct state *s = state_new_save();
    size_t len;
    bool good;

    state_leave_out_memory(s);
    board_state(&r->m->board, s);
    state_data(s, &len);
    good = !state_error(s) && len <= REPLAY_CHUNK_MAX;
    if (good)
        put_state(r->file, REPLAY_STATE, s);
    else
        snprintf(err, err_size, "record: %s",
                 state_error(s) ? state_error(s) : "the machine's state is too long");
    state_free(s);
    return good;
}

struct frame_buffer {
    struct replay_writer *file;
    u8 *bytes;
    u32 count;
};

enum { FRAME_BYTES = 4 + PAGE_SIZE };

static void put_frame(struct frame_buffer *f, frame_id id, const u8 *page)
{
    u8 *p = f->bytes + (size_t)f->count * FRAME_BYTES;

    put_le32(p, id);
    memcpy(p + 4, page, PAGE_SIZE);
    if (++f->count < FRAMES_A_CHUNK)
        return;
    replay_writer_put(f->file, REPLAY_FRAMES, f->bytes, (size_t)f->count * FRAME_BYTES);
    f->count = 0;
}

static bool put_memory(struct recording *r)
{
    static const u8 zeros[PAGE_SIZE];
    struct frame_buffer f = {.file = r->file, .bytes = malloc(FRAMES_A_CHUNK * FRAME_BYTES)};
    struct physmap *pm = r->m->board.pm;
    struct physmap_block block;

    if (!f.bytes)
        return false;
    for (unsigned i = 0; physmap_block(pm, i, &block); i++)
        for (u32 page = 0, count;
             !(block.flags & FRAME_ROM) && physmap_next_touched(pm, i, &page, &count);)
            for (; count; count--, page++) {
                const u8 *host = frame_host(physmap_frame(pm, block.first + page));

                if (memcmp(host, zeros, PAGE_SIZE))
                    put_frame(&f, block.first + page, host);
            }
    if (f.count)
        replay_writer_put(f.file, REPLAY_FRAMES, f.bytes, (size_t)f.count * FRAME_BYTES);
    free(f.bytes);
    return true;
}

static bool begin(struct recording *r, const char *path, char *err, size_t err_size)
{
    struct board *b = &r->m->board;
    bool good = true;

    r->file = replay_writer_new(path, err, err_size);
    if (!r->file || !put_head(r, err, err_size) || !put_machine(r, err, err_size))
        return false;
    r->path = strdup(path);
    r->fresh = input_log_new();
    r->check = state_check_new(b);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        good &= watch_medium(r, b->drive[i].blk, i);
    if (!r->path || !r->fresh || !r->check || !good || !put_memory(r)) {
        snprintf(err, err_size, "record: the host has no memory left");
        return false;
    }
    if (!replay_writer_error(r->file))
        return true;
    snprintf(err, err_size, "record: '%s' cannot be written: %s", path,
             strerror(-replay_writer_error(r->file)));
    return false;
}

static void destroy(struct recording *r)
{
    drop_media(r, true);
    state_check_free(r->check);
    input_log_free(r->fresh);
    free(r->path);
    free(r);
}

struct recording *record_start(struct machine *m, const char *path, char *err, size_t err_size)
{
    struct recording *r = calloc(1, sizeof *r);

    if (!r) {
        snprintf(err, err_size, "record: the host has no memory left");
        return NULL;
    }
    r->m = m;
    r->next_medium = DRIVE_COUNT;
    r->interval_ns = CHECK_MS * 1000000ull;
    r->host_ns = host_monotonic_ns();
    machine_settle(m); /* a replay begins its first round there */
    if (!begin(r, path, err, err_size)) {
        if (r->file)
            replay_writer_close(r->file);
        destroy(r);
        return NULL;
    }
    r->listener = (struct input_listener){
        .opaque = r, .applied = on_input, .point = on_point, .jumped = on_jump};
    take_check(r); /* the start, as everybody must find it */
    machine_listen_inputs(m, &r->listener);
    return r;
}

bool record_stop(struct recording *r, char *told, size_t told_size)
{
    u64 size;
    int e;

    machine_unlisten_inputs(r->m, &r->listener);
    if (!r->broken) {
        machine_settle(r->m);
        take_check(r);
        flush(r);
        drop_media(r, true); /* nothing of them may come behind the end */
        replay_writer_put(r->file, REPLAY_END, NULL, 0);
    }
    size = replay_writer_size(r->file);
    e = replay_writer_close(r->file);
    if (e || r->broken)
        snprintf(told, told_size, "record: '%s' ends early: %s", r->path,
                 r->why ? r->why : strerror(-e));
    else
        snprintf(told, told_size,
                 "record: '%s': %llu inputs and changes of rate, %llu checks, "
                 "%llu KiB",
                 r->path, (unsigned long long)r->inputs, (unsigned long long)r->checks,
                 (unsigned long long)(size >> 10));
    e = e || r->broken;
    destroy(r);
    return !e;
}

/* ---- For front ends ---- */

bool machine_record_start(struct machine *m, const char *path, char *told, size_t told_size)
{
    if (m->player && !m->player->outside) {
        snprintf(told, told_size,
                 "record: what the machine does now was done before; wait until that ends");
        return false;
    }
    if (m->recording) {
        snprintf(told, told_size, "record: it is recording already; 'record stop' ends that");
        return false;
    }
    m->recording = record_start(m, path, told, told_size);
    return m->recording;
}

bool machine_record_stop(struct machine *m, char *told, size_t told_size)
{
    struct recording *r = m->recording;

    if (!r) {
        snprintf(told, told_size, "record: nothing is being recorded");
        return false;
    }
    m->recording = NULL;
    return record_stop(r, told, told_size);
}

bool machine_is_recording(const struct machine *m)
{
    return m->recording;
}
