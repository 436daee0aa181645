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

enum window_page { WINDOW_SHOWN = 1, WINDOW_WRITABLE = 2 };

struct window {
    u8 *base;   /* host address of linear address 0; NULL: there is no window */
    u8 *page;   /* enum window_page by linear page; NULL with it */
    u32 pieces; /* mappings made since it was empty: each is a VMA or two of the host's */
    bool on;    /* to be used; off after it was cleared, until it seems worth it again */
    u64 clears; /* how often all was dropped */
    u64 shows;  /* mappings made, ever */
    u64 hides;  /* pages taken away one by one, ever */
};

/* Behind the last page; an access across the end of the linear space faults there. In bytes. */
enum { WINDOW_GUARD = 64 << 10 };

/* What a process may map is bounded (Linux: vm.max_map_count, 65 530). */
enum { WINDOW_PIECES_MAX = 12000 };

/* Reserve the address space. False, and no window, if the host has none. */
bool window_open(struct window *w);
void window_close(struct window *w);

/*
 * Show `count` frames from `first` on, which are one stretch of backing store, from linear page
 * `page` on. False if the host refuses or there are too many pieces.
 */
bool window_show(struct window *w, const struct physmap *pm, u32 page, u32 count, frame_id first,
                 bool writable);
void window_clear(struct window *w);

/* Not inlined halves of the two below. */
void window_hide_shown(struct window *w, u32 page);
void window_protect_shown(struct window *w, u32 page);

static inline bool window_shows(const struct window *w, u32 page)
{
    return unlikely(w->page != NULL) && w->page[page];
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
