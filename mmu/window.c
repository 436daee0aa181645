/*
 * Shadow windows; see window.h.
 */
#define _GNU_SOURCE
#include "mmu/window.h"

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
    void *page = mmap(NULL, WINDOW_PAGES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED || page == MAP_FAILED) {
        if (base != MAP_FAILED)
            munmap(base, WINDOW_BYTES + WINDOW_GUARD);
        if (page != MAP_FAILED)
            munmap(page, WINDOW_PAGES);
        return false;
    }
    madvise(base, WINDOW_BYTES + WINDOW_GUARD, MADV_DONTDUMP);
    w->base = base;
    w->page = page;
    return true;
}

void window_close(struct window *w)
{
    if (!w->base)
        return;
    munmap(w->base, WINDOW_BYTES + WINDOW_GUARD);
    munmap(w->page, WINDOW_PAGES);
    memset(w, 0, sizeof *w);
}

bool window_show(struct window *w, const struct physmap *pm, u32 page, u32 count, frame_id first,
                 bool writable)
{
    u8 *at = w->base + ((u64)page << PAGE_SHIFT);

    if (w->pieces >= WINDOW_PIECES_MAX || !physmap_map_at(pm, first, count, at, writable))
        return false;
    memset(w->page + page, WINDOW_SHOWN | (writable ? WINDOW_WRITABLE : 0), count);
    w->pieces++;
    w->shows++;
    return true;
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
    if (!w->pieces)
        return;
    if (!reserve(w->base, WINDOW_BYTES, MAP_FIXED))
        start_again(w);
    madvise(w->base, WINDOW_BYTES, MADV_DONTDUMP);
    madvise(w->page, WINDOW_PAGES, MADV_DONTNEED);
    w->pieces = 0;
}

void window_hide_shown(struct window *w, u32 page)
{
    w->page[page] = 0;
    w->pieces++; /* it may have been in the middle of one */
    w->hides++;
    if (w->pieces >= WINDOW_PIECES_MAX ||
        !reserve(w->base + ((u64)page << PAGE_SHIFT), PAGE_SIZE, MAP_FIXED))
        window_clear(w);
}

void window_protect_shown(struct window *w, u32 page)
{
    w->page[page] = WINDOW_SHOWN;
    w->pieces++;
    w->hides++;
    if (w->pieces >= WINDOW_PIECES_MAX ||
        mprotect(w->base + ((u64)page << PAGE_SHIFT), PAGE_SIZE, PROT_READ))
        window_clear(w);
}
