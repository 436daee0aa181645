/* Pages that were written; see rewind_writes.h. */
#include "devices/board/rewind_writes.h"

#include "devices/board/board.h"
#include "devices/board/debug.h"

#include <stdlib.h>
#include <string.h>

/* Where a VGA shows its memory, whatever its registers say (data sheets: "Graphics Controller"). */
enum { VGA_FIRST = 0xA0000 >> PAGE_SHIFT, VGA_LAST = 0xBFFFF >> PAGE_SHIFT };

bool rewind_books_open(struct rewind_books *b, struct board *board)
{
    bool good;

    *b = (struct rewind_books){.board = board};
    good = page_book_open(&b->processor.linear);
    good = page_book_open(&b->processor.physical) && good;
    good = page_book_open(&b->chips) && good;
    if (!good)
        return false;
    mmu_keep_book(&board->cpu->mmu, &b->processor);
    physmap_book_chips(board->pm, &b->chips);
    return true;
}

void rewind_books_close(struct rewind_books *b)
{
    if (b->board) {
        mmu_keep_book(&b->board->cpu->mmu, NULL);
        physmap_book_chips(b->board->pm, NULL);
    }
    page_book_close(&b->processor.linear);
    page_book_close(&b->processor.physical);
    page_book_close(&b->chips);
}

void rewind_books_begin(struct rewind_books *b)
{
    page_book_empty(&b->processor.linear);
    page_book_empty(&b->processor.physical);
    page_book_empty(&b->chips);
    b->more = (struct rewind_writes){.all = false};
    mmu_begin_book(&b->board->cpu->mmu);
}

void rewind_writes_free(struct rewind_writes *w)
{
    free(w->linear);
    free(w->physical);
    *w = (struct rewind_writes){.all = true};
}

static int rising(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;

    return x < y ? -1 : x > y;
}

/* NULL when out of memory. */
static u32 *sorted(const struct page_book *b)
{
    u32 *pages = malloc((b->count + 1) * sizeof *pages);

    if (!pages)
        return NULL;
    memcpy(pages, b->list, b->count * sizeof *pages);
    qsort(pages, b->count, sizeof *pages, rising);
    return pages;
}

struct rewind_writes rewind_writes_take(struct rewind_books *b)
{
    struct rewind_writes w = b->more;

    for (u32 i = 0; i < b->chips.count; i++)
        page_book_note(&b->processor.physical, (u64)b->chips.list[i] << PAGE_SHIFT);
    w.chips |= b->chips.count != 0;
    w.linear_count = b->processor.linear.count;
    w.physical_count = b->processor.physical.count;
    w.linear = sorted(&b->processor.linear);
    w.physical = sorted(&b->processor.physical);
    if (w.all || !w.linear || !w.physical || b->processor.physical.beyond || b->chips.beyond)
        rewind_writes_free(&w);
    rewind_books_begin(b);
    return w;
}

void rewind_books_add(struct rewind_books *b, const struct rewind_writes *w)
{
    b->more.chips |= w->chips;
    b->more.video |= w->video;
    b->more.all |= w->all;
    for (u32 i = 0; i < w->linear_count; i++)
        page_book_note(&b->processor.linear, (u64)w->linear[i] << PAGE_SHIFT);
    for (u32 i = 0; i < w->physical_count; i++)
        page_book_note(&b->processor.physical, (u64)w->physical[i] << PAGE_SHIFT);
}

size_t rewind_writes_bytes(const struct rewind_writes *w)
{
    return ((size_t)w->linear_count + w->physical_count) * sizeof(u32);
}

/* Both lists as one, each page once. False when out of memory. */
static bool join(u32 **pages, u32 *count, const u32 *more, u32 more_count)
{
    u32 *both = malloc(((size_t)*count + more_count + 1) * sizeof *both), n = 0, i = 0, k = 0;

    if (!both)
        return false;
    while (i < *count || k < more_count) {
        u32 a = i < *count ? (*pages)[i] : UINT32_MAX, b = k < more_count ? more[k] : UINT32_MAX;

        both[n++] = a < b ? a : b;
        i += a <= b;
        k += b <= a;
    }
    free(*pages);
    *pages = both;
    *count = n;
    return true;
}

void rewind_writes_join(struct rewind_writes *w, const struct rewind_writes *other)
{
    if (w->all || other->all ||
        !join(&w->linear, &w->linear_count, other->linear, other->linear_count) ||
        !join(&w->physical, &w->physical_count, other->physical, other->physical_count)) {
        rewind_writes_free(w);
        return;
    }
    w->chips |= other->chips;
    w->video |= other->video;
}

/* Is one of pages [first, last] in the list? */
static bool has(const u32 *pages, u32 count, u64 first, u64 last)
{
    u32 from = 0, end = count;

    while (from < end) {
        u32 middle = from + (end - from) / 2;

        if (pages[middle] < first)
            from = middle + 1;
        else
            end = middle;
    }
    return from < count && pages[from] <= last;
}

static bool may_hit_watch(const struct rewind_writes *w, const struct debug_point *p)
{
    u64 first = p->address >> PAGE_SHIFT,
        last = (p->address + max_u64(p->length, 1) - 1) >> PAGE_SHIFT;

    if (p->access != DEBUG_WRITE || last >= PAGE_BOOK_PAGES || last < first)
        return true;
    switch (p->space) {
    case DEBUG_PHYSICAL: return has(w->physical, w->physical_count, first, last);
    case DEBUG_LINEAR: return w->chips || has(w->linear, w->linear_count, first, last);
    default: return true;
    }
}

bool rewind_writes_may_hit(const struct rewind_writes *w, const struct debug_point *p)
{
    if (p->flags & (DEBUG_DISABLED | DEBUG_LOG_ONLY))
        return false;
    if (w->all)
        return true;
    switch (p->kind) {
    case DEBUG_WATCH: return may_hit_watch(w, p);
    case DEBUG_DOT: return w->video || has(w->physical, w->physical_count, VGA_FIRST, VGA_LAST);
    default: return true;
    }
}
