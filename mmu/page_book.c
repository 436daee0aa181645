#include "mmu/page_book.h"

#include "base/sparse.h"
#include "mmu/physmap.h"

enum { BITS_BYTES = PAGE_BOOK_PAGES / 8, LIST_BYTES = PAGE_BOOK_PAGES * sizeof(u32) };

bool page_book_open(struct page_book *b)
{
    *b = (struct page_book){
        .bits = sparse_new(BITS_BYTES, SPARSE_SCATTERED),
        .list = sparse_new(LIST_BYTES, SPARSE_SCATTERED),
    };
    return b->bits && b->list;
}

void page_book_close(struct page_book *b)
{
    sparse_free(b->bits, BITS_BYTES);
    sparse_free(b->list, LIST_BYTES);
    *b = (struct page_book){.bits = NULL};
}

void page_book_empty(struct page_book *b)
{
    for (u32 i = 0; i < b->count; i++)
        b->bits[b->list[i] / 64] = 0;
    b->count = 0;
    b->beyond = false;
}

void page_book_note(struct page_book *b, u64 address)
{
    u64 page = address >> PAGE_SHIFT;

    if (page >= PAGE_BOOK_PAGES) {
        b->beyond = true;
    } else if (!(b->bits[page / 64] >> page % 64 & 1)) {
        b->bits[page / 64] |= 1ull << page % 64;
        b->list[b->count++] = (u32)page;
    }
}
