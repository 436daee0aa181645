/* Snapshots in memory; see rewind_store.h. */
#include "devices/board/rewind_store.h"

#include "base/state.h"
#include "devices/board/machine_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POINTS_FIRST = 64,
    HEAT_CHANGED = 2, /* what a frame gains with each snapshot that finds it changed; else -1 */
    HEAT_HOT = 3,
    HEAT_MOST = 8,
};

/* Contents of a frame from snapshot `number` on. */
struct version {
    struct version *older;
    u32 number;
    bool zero;
    u8 page[]; /* of PAGE_SIZE unless zero */
};

struct rewind_store {
    struct machine *m;
    struct version **newest; /* of each frame; NULL: zero from the beginning */
    u32 frame_end;
    u64 *dirty;   /* room for a bit for each frame of the longest block */
    u8 *heat;     /* of each frame, see clean */
    u32 *written; /* room for all frames */
    struct rewind_point *points;
    unsigned count, capacity;
    u32 next_number;
    unsigned base; /* what memory was when the dirty bits were last taken: this snapshot */
    size_t bytes;
};

static u32 end_of_frames(const struct physmap *pm, u32 *longest)
{
    struct physmap_block block;
    u32 end = 1;

    *longest = 0;
    for (unsigned i = 0; physmap_block(pm, i, &block); i++) {
        end = block.first + block.count;
        *longest = block.count > *longest ? block.count : *longest;
    }
    return end;
}

struct rewind_store *rewind_store_new(struct machine *m)
{
    struct rewind_store *s = calloc(1, sizeof *s);
    u32 longest;

    if (!s)
        return NULL;
    s->m = m;
    s->frame_end = end_of_frames(m->board.pm, &longest);
    s->newest = calloc(s->frame_end, sizeof *s->newest);
    s->dirty = calloc(longest / 64 + 1, sizeof *s->dirty);
    s->written = calloc(s->frame_end, sizeof *s->written);
    s->heat = calloc(s->frame_end, sizeof *s->heat);
    s->points = calloc(POINTS_FIRST, sizeof *s->points);
    s->capacity = POINTS_FIRST;
    s->next_number = 1;
    if (!s->newest || !s->dirty || !s->written || !s->heat || !s->points) {
        s->m = NULL;
        rewind_store_free(s);
        return NULL;
    }
    physmap_track(m->board.pm, DIRTY_REWIND, true);
    return s;
}

void rewind_store_free(struct rewind_store *s)
{
    if (!s)
        return;
    if (s->m) {
        rewind_store_cut(s, 0);
        physmap_track(s->m->board.pm, DIRTY_REWIND, false);
    }
    free(s->newest);
    free(s->dirty);
    free(s->written);
    free(s->heat);
    free(s->points);
    free(s);
}

unsigned rewind_store_count(const struct rewind_store *s)
{
    return s->count;
}

const struct rewind_point *rewind_store_point(const struct rewind_store *s, unsigned index)
{
    return &s->points[index];
}

size_t rewind_store_bytes(const struct rewind_store *s)
{
    return s->bytes;
}

/* ---- Versions ---- */

static size_t version_bytes(const struct version *v)
{
    return sizeof *v + (v->zero ? 0 : PAGE_SIZE);
}

static void free_version(struct rewind_store *s, struct version *v)
{
    s->bytes -= version_bytes(v);
    free(v);
}

static bool same_page(const struct version *v, const u8 *page, bool zero)
{
    if (!v || v->zero)
        return zero;
    return !zero && !memcmp(v->page, page, PAGE_SIZE);
}

/* Keep the frame as it is now, if it is not as it was. *added tells; false when out of memory. */
static bool add_version(struct rewind_store *s, frame_id id, u32 number, bool *added)
{
    static const u8 zeros[PAGE_SIZE];
    const u8 *page = frame_host(physmap_frame(s->m->board.pm, id));
    bool zero = !memcmp(page, zeros, PAGE_SIZE);
    struct version *v;

    *added = !same_page(s->newest[id], page, zero);
    if (!*added)
        return true;
    v = malloc(sizeof *v + (zero ? 0 : PAGE_SIZE));
    if (!v)
        return false;
    *v = (struct version){.older = s->newest[id], .number = number, .zero = zero};
    if (!zero)
        memcpy(v->page, page, PAGE_SIZE);
    s->newest[id] = v;
    s->bytes += version_bytes(v);
    return true;
}

/* Forget versions of a snapshot that is the newest, or being taken. */
static void drop_newest(struct rewind_store *s, const u32 *frames, u32 count, u32 number)
{
    for (u32 i = 0; i < count; i++) {
        struct version *v = s->newest[frames[i]];

        if (!v || v->number != number)
            continue;
        s->newest[frames[i]] = v->older;
        free_version(s, v);
    }
}

/* ---- Taking ---- */

/*
 * Frames that may have been written since s->base, to s->written; how many. All others are as they
 * were then.
 */
static u32 see_written(struct rewind_store *s)
{
    struct physmap *pm = s->m->board.pm;
    struct physmap_block b;
    u32 n = 0;

    for (unsigned i = 0; physmap_block(pm, i, &b); i++) {
        u32 words = b.count / 64 + 1;

        if (b.flags & FRAME_ROM)
            continue;
        memset(s->dirty, 0, words * sizeof *s->dirty);
        physmap_see_dirty(pm, DIRTY_REWIND, b.first, b.count, s->dirty);
        for (u32 w = 0; w < words; w++)
            for (u64 bits = s->dirty[w]; bits; bits &= bits - 1)
                s->written[n++] = b.first + w * 64 + (u32)__builtin_ctzll(bits);
    }
    return n;
}

/*
 * The first `count` of s->written are as s->base has them: from now on the first write to each is
 * to be seen, but for hot ones. Those will be written again soon, and to compare a page costs a
 * tenth of what the fault costs that brings its first write to us.
 */
static u32 clean(struct rewind_store *s, u32 count)
{
    u32 protected = 0;

    for (u32 i = 0; i < count; i++) {
        if (s->heat[s->written[i]] >= HEAT_HOT)
            continue;
        physmap_clean(s->m->board.pm, DIRTY_REWIND, s->written[i]);
        protected++;
    }
    return protected;
}

static void warm(u8 *heat, bool changed)
{
    if (changed)
        *heat = (u8)min_u64(*heat + HEAT_CHANGED, HEAT_MOST);
    else if (*heat)
        --*heat;
}

/* For the first one: all frames that the host has given memory to. */
static u32 see_touched(struct rewind_store *s)
{
    struct physmap *pm = s->m->board.pm;
    struct physmap_block b;
    u32 n = 0;

    clean(s, see_written(s));
    for (unsigned i = 0; physmap_block(pm, i, &b); i++)
        for (u32 page = 0, count;
             !(b.flags & FRAME_ROM) && physmap_next_touched(pm, i, &page, &count);)
            for (; count; count--, page++)
                s->written[n++] = b.first + page;
    return n;
}

static bool take_memory(struct rewind_store *s, struct rewind_point *p)
{
    u32 count = s->count ? see_written(s) : see_touched(s), kept = 0;
    bool good = true;

    p->frames = malloc((count ? count : 1) * sizeof *p->frames);
    good = p->frames;
    for (u32 i = 0; i < count && good; i++) {
        bool added;

        good = add_version(s, s->written[i], p->number, &added);
        if (good && added)
            p->frames[kept++] = s->written[i];
        if (s->count)
            warm(&s->heat[s->written[i]], added);
    }
    if (!good) {
        drop_newest(s, p->frames, kept, p->number);
        free(p->frames);
        return false;
    }
    p->frame_count = kept;
    p->protected_count = clean(s, count);
    return true;
}

static bool take_chips(struct rewind_store *s, struct rewind_point *p)
{
    struct state *stream = state_new_save();
    const void *data;

    state_leave_out_memory(stream);
    board_state(&s->m->board, stream);
    data = state_data(stream, &p->state_len);
    p->state = state_error(stream) ? NULL : malloc(p->state_len);
    if (p->state)
        memcpy(p->state, data, p->state_len);
    state_free(stream);
    return p->state;
}

static bool make_room(struct rewind_store *s)
{
    struct rewind_point *points;

    if (s->count < s->capacity)
        return true;
    points = realloc(s->points, 2 * s->capacity * sizeof *points);
    if (!points)
        return false;
    s->points = points;
    s->capacity *= 2;
    return true;
}

static size_t point_bytes(const struct rewind_point *p)
{
    return sizeof *p + p->state_len + p->frame_count * sizeof *p->frames;
}

struct rewind_point *rewind_store_take(struct rewind_store *s)
{
    struct rewind_point p = {
        .at = machine_moment(s->m),
        .now_ns = clock_now(s->m->board.clock),
        .number = s->next_number,
    };

    if (!make_room(s) || !take_chips(s, &p))
        return NULL;
    if (!take_memory(s, &p)) {
        free(p.state);
        return NULL;
    }
    s->next_number++;
    s->bytes += point_bytes(&p);
    s->base = s->count;
    s->points[s->count++] = p;
    return &s->points[s->base];
}

/* ---- Going back ---- */

static const struct version *version_at(const struct rewind_store *s, frame_id id, u32 number)
{
    const struct version *v = s->newest[id];

    while (v && v->number > number)
        v = v->older;
    return v;
}

static void load_frame(struct rewind_store *s, frame_id id, u32 number)
{
    const struct version *v = version_at(s, id, number);

    physmap_load_frame(s->m->board.pm, id, v && !v->zero ? v->page : NULL);
}

static void load_memory(struct rewind_store *s, unsigned index)
{
    u32 number = s->points[index].number, count = see_written(s);
    unsigned from = index < s->base ? index : s->base, to = index < s->base ? s->base : index;

    for (u32 i = 0; i < count; i++)
        load_frame(s, s->written[i], number);
    for (unsigned k = from + 1; k <= to; k++)
        for (u32 i = 0; i < s->points[k].frame_count; i++)
            load_frame(s, s->points[k].frames[i], number);
    clean(s, see_written(s));
    s->base = index;
}

bool rewind_store_restore(struct rewind_store *s, unsigned index, char *err, size_t err_size)
{
    const struct rewind_point *p = &s->points[index];
    struct state *stream = state_new_load(p->state, p->state_len);
    bool good;

    load_memory(s, index);
    state_leave_out_memory(stream);
    machine_state(s->m, stream);
    good = !state_error(stream);
    if (!good)
        snprintf(err, err_size, "rewind: %s", state_error(stream));
    state_free(stream);
    return good;
}

/* ---- Forgetting ---- */

static void free_point(struct rewind_store *s, struct rewind_point *p)
{
    s->bytes -= point_bytes(p);
    free(p->frames);
    free(p->state);
}

void rewind_store_cut(struct rewind_store *s, unsigned index)
{
    while (s->count > index) {
        struct rewind_point *p = &s->points[--s->count];

        drop_newest(s, p->frames, p->frame_count, p->number);
        free_point(s, p);
    }
}

/* The versions of one snapshot are the next one's from now on, where that has none of its own. */
static u32 hand_on(struct rewind_store *s, const struct rewind_point *p,
                   const struct rewind_point *next, u32 *frames)
{
    u32 n = 0;

    for (u32 i = 0; i < p->frame_count; i++) {
        struct version **at = &s->newest[p->frames[i]], *newer = NULL, *v;

        while ((v = *at) && v->number > p->number) {
            newer = v;
            at = &v->older;
        }
        if (newer && newer->number == next->number) {
            *at = v->older;
            free_version(s, v);
        } else {
            v->number = next->number;
            frames[n++] = p->frames[i];
        }
    }
    return n;
}

bool rewind_store_drop(struct rewind_store *s, unsigned index)
{
    struct rewind_point *p = &s->points[index], *next = p + 1;
    u32 *frames;

    if (index + 1 >= s->count)
        return false;
    frames = malloc((p->frame_count + next->frame_count + 1) * sizeof *frames);
    if (!frames)
        return false;
    s->bytes -= point_bytes(next);
    memcpy(frames, next->frames, next->frame_count * sizeof *frames);
    next->frame_count += hand_on(s, p, next, frames + next->frame_count);
    free(next->frames);
    next->frames = frames;
    s->bytes += point_bytes(next);
    free_point(s, p);
    memmove(p, p + 1, (s->count - index - 1) * sizeof *p);
    s->count--;
    if (s->base > index)
        s->base--;
    return true;
}
