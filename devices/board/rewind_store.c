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

/* Numbers of snapshots that were taken are so far apart: others come between them. */
#define NUMBER_STEP (1ull << 32)

/* Contents of a frame from snapshot `number` on. */
struct version {
    struct version *older, *newer;
    u64 number;
    frame_id id;
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
    struct rewind_books books;
    u64 next_number;
    unsigned base; /* what memory was when the dirty bits were last taken: this snapshot */
    bool video;    /* see_written saw a frame of video memory */
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
    s->next_number = NUMBER_STEP;
    if (!s->newest || !s->dirty || !s->written || !s->heat || !s->points ||
        !rewind_books_open(&s->books, &m->board)) {
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
    rewind_books_close(&s->books);
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

/* Out of its frame's line, and gone. */
static void free_version(struct rewind_store *s, struct version *v)
{
    if (v->newer)
        v->newer->older = v->older;
    else
        s->newest[v->id] = v->older;
    if (v->older)
        v->older->newer = v->newer;
    s->bytes -= version_bytes(v);
    free(v);
}

static void free_versions(struct rewind_store *s, struct version **versions, u32 count)
{
    for (u32 i = 0; i < count; i++)
        free_version(s, versions[i]);
}

static bool is_zero(const u8 *page)
{
    static const u8 zeros[PAGE_SIZE];

    return !memcmp(page, zeros, PAGE_SIZE);
}

static bool same_page(const struct version *v, const u8 *page)
{
    return !v || v->zero ? is_zero(page) : !memcmp(v->page, page, PAGE_SIZE);
}

/* `page` is NULL for zeros; `newer` the next one of the frame or NULL. NULL when out of memory. */
static struct version *new_version(struct rewind_store *s, frame_id id, struct version *newer,
                                   const u8 *page, u64 number)
{
    struct version *v = malloc(sizeof *v + (page ? PAGE_SIZE : 0));

    if (!v)
        return NULL;
    *v = (struct version){
        .older = newer ? newer->older : s->newest[id],
        .newer = newer,
        .number = number,
        .id = id,
        .zero = !page,
    };
    if (page)
        memcpy(v->page, page, PAGE_SIZE);
    if (v->older)
        v->older->newer = v;
    if (newer)
        newer->older = v;
    else
        s->newest[id] = v;
    s->bytes += version_bytes(v);
    return v;
}

/* What a frame is at a snapshot, NULL: zeros; *newer is the version behind it, or NULL. */
static struct version *version_at(const struct rewind_store *s, frame_id id, u64 number,
                                  struct version **newer)
{
    struct version *v = s->newest[id];

    *newer = NULL;
    while (v && v->number > number) {
        *newer = v;
        v = v->older;
    }
    return v;
}

static const u8 *version_page(const struct version *v)
{
    return v && !v->zero ? v->page : NULL;
}

static size_t point_bytes(const struct rewind_point *p)
{
    return sizeof *p + p->state_len + p->version_count * sizeof *p->versions +
           rewind_writes_bytes(&p->writes);
}

/* Room for more versions. False when out of memory. */
static bool make_room_for(struct rewind_point *p, u32 more)
{
    struct version **all =
        realloc(p->versions, ((size_t)p->version_count + more + 1) * sizeof *all);

    if (all)
        p->versions = all;
    return all;
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

    s->video = false;
    for (unsigned i = 0; physmap_block(pm, i, &b); i++) {
        u32 words = b.count / 64 + 1, before = n;

        if (b.flags & FRAME_ROM)
            continue;
        memset(s->dirty, 0, words * sizeof *s->dirty);
        physmap_see_dirty(pm, DIRTY_REWIND, b.first, b.count, s->dirty);
        for (u32 w = 0; w < words; w++)
            for (u64 bits = s->dirty[w]; bits; bits &= bits - 1)
                s->written[n++] = b.first + w * 64 + (u32)__builtin_ctzll(bits);
        s->video |= (b.flags & FRAME_TRACK) && n != before;
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

/*
 * What frame `id` holds and did not at the snapshot before, to p->versions, where there is room.
 * `next`, if there is one, is as it was then: what it must have of its own for that goes to *saved.
 * False when out of memory.
 */
static bool take_frame(struct rewind_store *s, struct rewind_point *p,
                       const struct rewind_point *next, frame_id id, struct version **saved)
{
    const u8 *page = frame_host(physmap_frame(s->m->board.pm, id));
    struct version *newer, *v = version_at(s, id, p->number, &newer);
    bool changed = !same_page(v, page);

    if (!next && s->count)
        warm(&s->heat[id], changed);
    if (!changed)
        return true;
    if (next && (!newer || newer->number != next->number)) {
        *saved = newer = new_version(s, id, newer, version_page(v), next->number);
        if (!newer)
            return false;
    }
    v = new_version(s, id, newer, is_zero(page) ? NULL : page, p->number);
    if (v)
        p->versions[p->version_count++] = v;
    return v;
}

/* The frames written since s->base. `next` is NULL if `p` is going to be the newest. */
static bool take_memory(struct rewind_store *s, struct rewind_point *p, struct rewind_point *next)
{
    u32 count = s->count ? see_written(s) : see_touched(s), saved_count = 0;
    struct version **saved = malloc(((size_t)count + 1) * sizeof *saved);
    bool good = saved && make_room_for(p, count) && (!next || make_room_for(next, count)),
         video = s->video;

    for (u32 i = 0; i < count && good; i++) {
        saved[saved_count] = NULL;
        good = take_frame(s, p, next, s->written[i], &saved[saved_count]);
        saved_count += saved[saved_count] != NULL;
    }
    if (!good) {
        free_versions(s, p->versions, p->version_count);
        free_versions(s, saved, saved_count);
        free(p->versions);
        free(saved);
        return false;
    }
    for (u32 i = 0; i < saved_count; i++)
        next->versions[next->version_count++] = saved[i];
    s->bytes += saved_count * sizeof *saved;
    free(saved);
    p->protected_count = clean(s, count);
    p->writes = rewind_writes_take(&s->books);
    p->writes.video |= video;
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

/* Everything but where it belongs. */
static bool take_point(struct rewind_store *s, struct rewind_point *p, struct rewind_point *next)
{
    if (!take_chips(s, p))
        return false;
    if (!take_memory(s, p, next)) {
        free(p->state);
        return false;
    }
    s->bytes += point_bytes(p);
    return true;
}

struct rewind_point *rewind_store_take(struct rewind_store *s)
{
    struct rewind_point p = {
        .at = machine_moment(s->m),
        .now_ns = clock_now(s->m->board.clock),
        .number = s->next_number,
    };

    if (!make_room(s) || !take_point(s, &p, NULL))
        return NULL;
    s->next_number += NUMBER_STEP;
    s->base = s->count;
    s->points[s->count++] = p;
    return &s->points[s->base];
}

/* As far between theirs as the time is; 0 if there is nothing left between them. */
static u64 number_between(const struct rewind_point *a, const struct rewind_point *b, u64 now_ns)
{
    double part = (double)(now_ns - a->now_ns) / (double)(b->now_ns - a->now_ns);
    u64 number;

    if (now_ns <= a->now_ns || now_ns >= b->now_ns)
        return 0;
    number = a->number + (u64)((double)(b->number - a->number) * part);
    return number > a->number && number < b->number ? number : 0;
}

struct rewind_point *rewind_store_insert(struct rewind_store *s, unsigned *index)
{
    struct rewind_point p = {
        .at = machine_moment(s->m),
        .now_ns = clock_now(s->m->board.clock),
        .passing = true,
    };
    unsigned i = 0;

    while (i < s->count && input_time_compare(&s->points[i].at, &p.at) <= 0)
        i++;
    if (!i || i == s->count)
        return NULL;
    p.number = number_between(&s->points[i - 1], &s->points[i], p.now_ns);
    if (!p.number || !make_room(s) || !take_point(s, &p, &s->points[i]))
        return NULL;
    memmove(&s->points[i + 1], &s->points[i], (s->count - i) * sizeof p);
    s->points[i] = p;
    s->count++;
    s->base = *index = i;
    return &s->points[i];
}

/* ---- Going back ---- */

static void load_frame(struct rewind_store *s, frame_id id, u64 number)
{
    struct version *newer;

    physmap_load_frame(s->m->board.pm, id, version_page(version_at(s, id, number, &newer)));
}

static void load_memory(struct rewind_store *s, unsigned index)
{
    unsigned from = index < s->base ? index : s->base, to = index < s->base ? s->base : index;
    u64 number = s->points[index].number;
    u32 count = see_written(s);

    for (u32 i = 0; i < count; i++)
        load_frame(s, s->written[i], number);
    for (unsigned k = from + 1; k <= to; k++)
        for (u32 i = 0; i < s->points[k].version_count; i++)
            load_frame(s, s->points[k].versions[i]->id, number);
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
    rewind_books_begin(&s->books);
    return good;
}

/* ---- Forgetting ---- */

static void free_point(struct rewind_store *s, struct rewind_point *p)
{
    s->bytes -= point_bytes(p);
    rewind_writes_free(&p->writes);
    free(p->versions);
    free(p->state);
}

void rewind_store_cut(struct rewind_store *s, unsigned index)
{
    while (s->count > index) {
        struct rewind_point *p = &s->points[--s->count];

        free_versions(s, p->versions, p->version_count);
        free_point(s, p);
    }
}

/* The versions of one snapshot are the next one's from now on, where that has none of its own. */
static void hand_on(struct rewind_store *s, struct rewind_point *p, struct rewind_point *next)
{
    s->bytes -= point_bytes(next);
    for (u32 i = 0; i < p->version_count; i++) {
        struct version *v = p->versions[i];

        if (v->newer && v->newer->number == next->number) {
            free_version(s, v);
        } else {
            v->number = next->number;
            next->versions[next->version_count++] = v;
        }
    }
    if (p == s->points) /* nobody asks what was written before the oldest */
        rewind_writes_free(&next->writes);
    else
        rewind_writes_join(&next->writes, &p->writes);
    s->bytes += point_bytes(next);
}

/* Memory was compared with `p`, which goes; with `next`, from which it differs, it is from now on.
 */
static void change_base(struct rewind_store *s, const struct rewind_point *p,
                        const struct rewind_point *next)
{
    for (u32 i = 0; i < next->version_count; i++)
        physmap_frame(s->m->board.pm, next->versions[i]->id)->flags |= DIRTY_REWIND;
    rewind_books_add(&s->books, &p->writes);
}

bool rewind_store_drop(struct rewind_store *s, unsigned index)
{
    struct rewind_point *p = &s->points[index], *next = p + 1;

    if (index + 1 >= s->count || !make_room_for(next, p->version_count))
        return false;
    hand_on(s, p, next);
    if (s->base == index)
        change_base(s, p, next);
    free_point(s, p);
    memmove(p, p + 1, (s->count - index - 1) * sizeof *p);
    s->count--;
    if (s->base > index)
        s->base--;
    return true;
}
