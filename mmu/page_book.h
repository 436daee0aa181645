/*
 * A book of pages: which ones something happened to since it was last emptied. Of the lowest 4 GiB
 * of an address space; of what lies beyond it only knows that there was something.
 */
#ifndef MMU_PAGE_BOOK_H
#define MMU_PAGE_BOOK_H

#include "base/types.h"

enum { PAGE_BOOK_PAGES = 1 << 20 };

struct page_book {
    u64 *bits; /* one for each page */
    u32 *list; /* those in it, each once */
    u32 count;
    bool beyond;
};

/* False if the host has no addresses left; page_book_close is allowed all the same. */
bool page_book_open(struct page_book *b);
void page_book_close(struct page_book *b);
void page_book_empty(struct page_book *b);
/* The page of an address. */
void page_book_note(struct page_book *b, u64 address);

/* What was written through a processor's translations, by linear and by guest-physical page. */
struct write_book {
    struct page_book linear, physical;
};

#endif
