/*
 * Room for runs. They are taken from an arena front to back, and where dead ones lie. When it is
 * full, those that were not executed lately go; if that is too few it grows, and when it has all of
 * its memory everything is forgotten. All of that happens at run boundaries only.
 */
#include "cpu/run_private.h"

#include "base/sparse.h"

#include <string.h>

enum {
    /* A boot decodes 48 MiB once and never again; a compiler's working set is three times that. */
    ARENA_BYTES_FIRST = 48 << 20,
    ARENA_BYTES_MORE = 24 << 20,
    ARENA_BYTES_MAX = ARENA_BYTES_FIRST + 8 * ARENA_BYTES_MORE,
    RUN_BYTES_MAX = sizeof(struct run) + (RUN_MAX + 1) * sizeof(struct insn) + RUN_MAX * CODE_BYTES,
    SWEPT_ENOUGH = 4, /* if a sweep frees this part, the arena need not grow */
    VISITED = 16,     /* one bucket of so many */
};

bool run_room_open(struct run_cache *rc)
{
    rc->limit = ARENA_BYTES_FIRST;
    rc->arena = sparse_new(ARENA_BYTES_MAX + RUN_BYTES_MAX, SPARSE_DENSE);
    return rc->arena != NULL;
}

void run_room_close(struct run_cache *rc)
{
    sparse_free(rc->arena, ARENA_BYTES_MAX + RUN_BYTES_MAX);
}

void run_room_empty(struct run_cache *rc)
{
    rc->used = 0;
    memset(rc->dead, 0, sizeof rc->dead);
}

void run_bury(struct run_cache *rc, struct run *r)
{
    struct run **dead = &rc->dead[r->frame2 ? 0 : r->room];

    r->key = RUN_DEAD;
    r->frame_next = *dead;
    *dead = r;
}

/* Those of the page that have not come back. */
static size_t bury_former(struct run_cache *rc, struct code_page *page)
{
    size_t freed = 0;

    for (u32 g = 0; g < ARRAY_LEN(page->was); g++)
        for (struct run *r; (r = page->was[g]); freed += run_size(r)) {
            page->was[g] = r->frame_next;
            run_bury(rc, r);
        }
    return freed;
}

/* Not translated, and not executed since the last sweep; a new run was made for one execution. */
static bool is_idle(struct run *r)
{
    if (r->block || r->users || (u8)r->heat != r->heat_swept) {
        r->heat_swept = (u8)r->heat;
        return false;
    }
    return true;
}

/* Forget idle runs; returns the bytes of those. */
static size_t sweep(struct run_cache *rc)
{
    size_t freed = 0;

    for (struct code_page *page = rc->pages; page; page = page->next) {
        freed += bury_former(rc, page);
        for (u32 g = 0; g < ARRAY_LEN(page->at); g++)
            for (struct run *r = page->at[g], *next; r; r = next) {
                next = *next_on(r, page->frame);
                if (r->frame != page->frame || !is_idle(r))
                    continue;
                freed += run_size(r);
                run_forget(rc, r);
            }
    }
    return freed;
}

static bool is_full(const struct run_cache *rc, size_t bytes)
{
    return rc->used + bytes > rc->limit;
}

/* The place of a dead run: one as long as `r`, or a longer one where the arena is full. */
static struct run *find_dead(struct run_cache *rc, const struct run *r)
{
    u32 first = r->frame2 ? 0 : r->count,
        last = first && is_full(rc, run_size(r)) ? RUN_MAX : first;

    for (u32 n = first; n <= last; n++) {
        struct run *to = rc->dead[n];

        if (!to)
            continue;
        rc->dead[n] = to->frame_next;
        return to;
    }
    return NULL;
}

static void grow(struct run_cache *rc)
{
    if (rc->limit < ARENA_BYTES_MAX)
        rc->limit += ARENA_BYTES_MORE;
    else
        run_cache_flush(rc);
}

/* Where to keep a run like `r`. */
static struct run *find_place(struct run_cache *rc, const struct run *r)
{
    size_t bytes = run_size(r);
    struct run *to = find_dead(rc, r);

    if (to)
        return to;
    if (is_full(rc, bytes) && sweep(rc) < rc->limit / SWEPT_ENOUGH)
        grow(rc);
    while (!(to = find_dead(rc, r)) && is_full(rc, bytes))
        grow(rc);
    if (to)
        return to;
    to = (struct run *)(rc->arena + rc->used);
    rc->used += bytes;
    to->room = r->room;
    return to;
}

struct run *run_keep(struct run_cache *rc, struct run *r)
{
    struct run *to = find_place(rc, r);

    r->room = to->room;
    memmove(to, r, sizeof *r + (r->count + 1u) * sizeof r->insn[0]);
    return to;
}

void run_cache_visit_some(struct run_cache *rc, u64 seed,
                          void (*visit)(void *opaque, struct run *r), void *opaque)
{
    for (size_t at = 0; at < rc->used;) {
        struct run *r = (struct run *)(rc->arena + at);

        at += run_size(r);
        seed = seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's */
        if (r->key != RUN_DEAD && (seed >> 32) % VISITED == 0)
            visit(opaque, r);
    }
}
