/*
 * Shadow windows; see window.h.
 */
#define _GNU_SOURCE
#include "mmu/window.h"

#include "base/sparse.h"

#include <string.h>
#include <sys/mman.h>

#define WINDOW_BYTES (1ull << 32)

enum { WINDOW_PAGES = 1 << 20 };

static bool reserve(void *at, size_t bytes, int fixed)
{
    return mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0) !=
           MAP_FAILED;
}

bool window_open(struct window *w)
{
    void *base = mmap(NULL, WINDOW_BYTES + WINDOW_GUARD, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *page = sparse_new(WINDOW_PAGES, SPARSE_ANYHOW);

    if (base == MAP_FAILED || !page) {
        if (base != MAP_FAILED)
            munmap(base, WINDOW_BYTES + WINDOW_GUARD);
        sparse_free(page, WINDOW_PAGES);
        return false;
    }
    madvise(base, WINDOW_BYTES + WINDOW_GUARD, MADV_DONTDUMP);
    w->base = base;
    w->page = page;
    w->low = WINDOW_PAGES;
    w->high = 0;
    return true;
}

bool window_keep_book(struct window *w)
{
    if (!w->frame)
        w->frame = sparse_new(WINDOW_PAGES * sizeof *w->frame, SPARSE_ANYHOW);
    if (!w->taken_by)
        w->taken_by = sparse_new(WINDOW_PAGES, SPARSE_ANYHOW);
    return w->frame && w->taken_by;
}

void window_close(struct window *w)
{
    if (w->base)
        munmap(w->base, WINDOW_BYTES + WINDOW_GUARD);
    sparse_free(w->page, WINDOW_PAGES);
    sparse_free(w->frame, WINDOW_PAGES * sizeof *w->frame);
    sparse_free(w->taken_by, WINDOW_PAGES);
    memset(w, 0, sizeof *w);
}

/* Unmapping cannot fail for want of VMAs when it takes them all. */
static void start_again(struct window *w)
{
    munmap(w->base, WINDOW_BYTES);
    reserve(w->base, WINDOW_BYTES, MAP_FIXED_NOREPLACE);
}

void window_clear(struct window *w)
{
    w->on = false;
    w->clears++;
    w->cleared_by = w->cause;
    if (!w->pieces)
        return;
    if (!reserve(w->base, WINDOW_BYTES, MAP_FIXED))
        start_again(w);
    madvise(w->base, WINDOW_BYTES, MADV_DONTDUMP);
    sparse_clear(w->page, WINDOW_PAGES);
    w->pieces = 0;
    w->low = WINDOW_PAGES;
    w->high = 0;
}

bool window_show(struct window *w, const struct physmap *pm, u32 page, u32 count, frame_id first,
                 bool writable)
{
    u8 *at = w->base + ((u64)page << PAGE_SHIFT);

    if (w->pieces >= WINDOW_PIECES_MAX || !physmap_map_at(pm, first, count, at, writable)) {
        w->pieces++; /* of which something may be left */
        window_clear(w);
        return false;
    }
    for (u32 i = page; i < page + count; i++)
        w->page[i] =
            (u8)((w->page[i] & ~WINDOW_STATE) | WINDOW_SHOWN | (writable ? WINDOW_WRITABLE : 0));
    for (u32 i = 0; w->frame && i < count; i++)
        w->frame[page + i] = first + i;
    w->low = page < w->low ? page : w->low;
    w->high = page + count > w->high ? page + count : w->high;
    w->pieces++;
    w->shows++;
    return true;
}

static void note_taken(struct window *w, u32 page)
{
    if (w->taken_by)
        w->taken_by[page] = w->cause;
}

/* Something of the page is taken back; `left` of it stays. */
static void take(struct window *w, u32 page, unsigned left)
{
    unsigned was = w->page[page], taken = was & WINDOW_TAKEN_MAX;

    if (was / WINDOW_PERIOD != w->period)
        taken = 0;
    if (taken < WINDOW_TAKEN_MAX)
        taken += WINDOW_TAKEN;
    w->page[page] = (u8)(w->period * WINDOW_PERIOD | taken | left);
    w->hides++;
}

void window_hide_shown(struct window *w, u32 page)
{
    take(w, page, 0);
    note_taken(w, page);
    w->pieces++; /* it may have been in the middle of one */
    if (w->pieces >= WINDOW_PIECES_MAX ||
        !reserve(w->base + ((u64)page << PAGE_SHIFT), PAGE_SIZE, MAP_FIXED))
        window_clear(w);
}

void window_protect_shown(struct window *w, u32 page)
{
    take(w, page, WINDOW_SHOWN);
    note_taken(w, page);
    w->pieces++;
    if (w->pieces >= WINDOW_PIECES_MAX ||
        mprotect(w->base + ((u64)page << PAGE_SHIFT), PAGE_SIZE, PROT_READ))
        window_clear(w);
}
