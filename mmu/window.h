/*
 * Shadow windows: the guest's linear space as host memory, 4 GiB behind one base, so that a guest
 * address is a host address by addition and the host's own page tables do what a look-up in T
 * would.
 *
 *   base                                                     base + 4 GiB
 *    |  . . . . | page |  . . . . . | page page page | . . .  |  guard  |
 *         not shown: faults           one mapping
 *
 * A window shows a page only while T has an entry for it, with no more rights and to the same
 * frame; so what drops T entries (flushes, watchpoints, dirty epochs, code pages) drops them here
 * too, and a window can be emptied at any time. Showing a page costs system calls, some
 * microseconds, so it must be worth it.
 */
#ifndef MMU_WINDOW_H
#define MMU_WINDOW_H

#include "base/types.h"
#include "mmu/physmap.h"

/*
 * By page: what is mapped, and how often that was taken back in the present period. A page of code
 * that keeps being written would cost two system calls each time.
 */
enum window_page {
    WINDOW_SHOWN = 1,
    WINDOW_WRITABLE = 2,
    WINDOW_STALE = 4, /* found to be another in the guest's tables by now, see mmu_check */
    WINDOW_STATE = 7,
    WINDOW_TAKEN = 1 << 3, /* once */
    WINDOW_TAKEN_MAX = 3 << 3,
    WINDOW_PERIOD = 1 << 5, /* the period's number from here on */
};

/* Why pages are taken away; kept for who checks windows. */
enum window_cause {
    TAKEN_NEVER,
    TAKEN_BY_CR3,
    TAKEN_BY_FLUSH, /* CR0, CR4, the capacity rule, a state that is loaded */
    TAKEN_BY_INVLPG,
    TAKEN_BY_FAULT,
    TAKEN_BY_WALK, /* a translation with other rights */
    TAKEN_BY_DROP, /* mmu_drop_entries and mmu_drop_some_entries */
    TAKEN_BY_FRAME,
    WINDOW_CAUSES,
};

struct window {
    u8 *base;      /* host address of linear address 0; NULL: there is no window */
    u8 *page;      /* enum window_page by linear page; NULL with it */
    u8 period;     /* 0 to 7, see window_page */
    u32 pieces;    /* mappings made since it was empty: each is a VMA or two of the host's */
    bool on;       /* to be used; off after it was cleared, until it seems worth it again */
    u64 clears;    /* how often all was dropped */
    u64 shows;     /* mappings made, ever */
    u64 hides;     /* pages taken away one by one, ever */
    u32 low, high; /* what is shown lies in these pages, high excluded */

    /* For who checks: which frame each page shows, and what took it away last. NULL: nobody. */
    frame_id *frame;
    u8 *taken_by;
    u8 cause, cleared_by; /* of what goes on now; of the last time that all was dropped */
};

/* Behind the last page; an access across the end of the linear space faults there. In bytes. */
enum { WINDOW_GUARD = 64 << 10 };

/* What a process may map is bounded (Linux: vm.max_map_count, 65 530). */
enum { WINDOW_PIECES_MAX = 12000 };

/* Reserve the address space. False, and no window, if the host has none. */
bool window_open(struct window *w);
void window_close(struct window *w);
/* Keep book for checks, from a moment on at which nothing is shown. False if the host refuses. */
bool window_keep_book(struct window *w);

/*
 * Show `count` frames from `first` on, which are one stretch of backing store, from linear page
 * `page` on. If the host refuses, or there are too many pieces, then false and all was dropped:
 * other parts of the program need mappings, too.
 */
bool window_show(struct window *w, const struct physmap *pm, u32 page, u32 count, frame_id first,
                 bool writable);
void window_clear(struct window *w);

/* Not inlined halves of the two below. */
void window_hide_shown(struct window *w, u32 page);
void window_protect_shown(struct window *w, u32 page);

static inline bool window_shows(const struct window *w, u32 page)
{
    return unlikely(w->page != NULL) && (w->page[page] & WINDOW_SHOWN);
}

/* Was it taken back so often that showing it again is not worth it in this period? */
static inline bool window_churns(const struct window *w, u32 page)
{
    return (w->page[page] & ~WINDOW_STATE) == (WINDOW_TAKEN_MAX | w->period * WINDOW_PERIOD);
}

static inline void window_hide(struct window *w, u32 page)
{
    if (window_shows(w, page))
        window_hide_shown(w, page);
}

/* No more writing to this page. */
static inline void window_protect(struct window *w, u32 page)
{
    if (window_shows(w, page) && (w->page[page] & WINDOW_WRITABLE))
        window_protect_shown(w, page);
}

#endif
