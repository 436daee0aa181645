/*
 * Which pages may have been written between two snapshots, so that who looks for a write need not
 * look where none can have been. Pages as watchpoints count them: what a debugger would be told
 * while the machine does the same again is noted here, whatever was mapped there then. There may be
 * more in it than was written, never less.
 */
#ifndef DEVICES_BOARD_REWIND_WRITES_H
#define DEVICES_BOARD_REWIND_WRITES_H

#include "base/types.h"
#include "mmu/page_book.h"

struct board;
struct debug_point;

struct rewind_writes {
    u32 *linear, *physical; /* pages, rising; of processor, and of processor and chips */
    u32 linear_count, physical_count;
    bool chips; /* these have written something, at whatever linear address */
    bool video; /* video memory may have changed, by whatever way */
    bool all;   /* nothing is known */
};

/* The books that are being written. */
struct rewind_books {
    struct board *board;
    struct write_book processor;
    struct page_book chips;
    struct rewind_writes more; /* its flags: what was written before they were begun */
};

/* False when out of memory; rewind_books_close is allowed all the same. */
bool rewind_books_open(struct rewind_books *b, struct board *board);
void rewind_books_close(struct rewind_books *b);
/* Forget what is in them. */
void rewind_books_begin(struct rewind_books *b);
/* What is in the books, and begin them anew. */
struct rewind_writes rewind_writes_take(struct rewind_books *b);
/* They shall reach back further: these were written before they were begun. */
void rewind_books_add(struct rewind_books *b, const struct rewind_writes *w);
/* Frees the lists: nothing is known any more. */
void rewind_writes_free(struct rewind_writes *w);
size_t rewind_writes_bytes(const struct rewind_writes *w);
/* Add what another one has. */
void rewind_writes_join(struct rewind_writes *w, const struct rewind_writes *other);
/* Can one of those have stopped the machine at this point? */
bool rewind_writes_may_hit(const struct rewind_writes *w, const struct debug_point *p);

#endif
