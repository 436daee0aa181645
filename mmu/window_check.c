/*
 * Windows that are never believed: after everything that may take pages away, what is shown is
 * compared with T, the record and the guest's page tables. A window that shows what T has not is
 * our mistake. A record that is not what the tables say is the guest's right, until it flushes;
 * such pages are counted.
 */
#include "mmu/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 8, SAMPLE_STEP = PAGE_SIZE / SAMPLES };

static const char *const causes[WINDOW_CAUSES] = {
    [TAKEN_NEVER] = "nothing",
    [TAKEN_BY_CR3] = "a load of CR3",
    [TAKEN_BY_FLUSH] = "a flush of all",
    [TAKEN_BY_INVLPG] = "INVLPG",
    [TAKEN_BY_FAULT] = "a page fault",
    [TAKEN_BY_WALK] = "a walk",
    [TAKEN_BY_DROP] = "entries that were dropped",
    [TAKEN_BY_FRAME] = "a frame whose writes must be seen",
};

static const char *cause(u8 c)
{
    return c < WINDOW_CAUSES ? causes[c] : "?";
}

static u8 *shown_at(const struct window *w, u32 page)
{
    return w->base + ((u64)page << PAGE_SHIFT);
}

/* Do both views hold the same where we look? */
static bool same_bytes(const u8 *a, const u8 *b)
{
    for (unsigned at = 0; at < PAGE_SIZE; at += SAMPLE_STEP)
        if (memcmp(a + at, b + at, sizeof(u64)) != 0)
            return false;
    return memcmp(a + PAGE_SIZE - sizeof(u64), b + PAGE_SIZE - sizeof(u64), sizeof(u64)) == 0;
}

static const char *wrong_writing(struct mmu *m, enum mmu_class class, u32 page,
                                 const struct frame *f)
{
    if (m->table_write[class][page] != host_diff(f, page))
        return "is writable, and T has no such entry for writing";
    if (m->paging.enabled && !mmu_record_allows(m, m->record[page], MMU_WRITE, class))
        return "is writable, and the record does not allow that";
    if (f->code_mask)
        return "is writable, and code was decoded there";
    if (f->flags & FRAME_KEPT)
        return "is writable, and somebody wants what it holds";
    if ((f->flags & FRAME_TRACK) && (f->flags & FRAME_DIRTY_ALL) != FRAME_DIRTY_ALL)
        return "is writable, and somebody waits for a write";
    return NULL;
}

/* What is wrong with a page that is shown; NULL: nothing. */
static const char *wrong_with(struct mmu *m, enum mmu_class class, u32 page)
{
    const struct window *w = &m->window[class];
    frame_id id = mmu_frame_to_show(m, class, page, false);
    const struct frame *f = physmap_frame(m->pm, id);
    u64 la = (u64)page << PAGE_SHIFT, rec = m->record[page];
    u64 gpa = m->paging.enabled ? rec & ~(u64)REC_BITS : la;

    if (!id)
        return "is shown, and T has no entry that may be";
    if (w->frame[page] != id)
        return "is shown as another frame than T has";
    if (m->paging.enabled && !mmu_record_allows(m, rec, MMU_READ, class))
        return "is shown, and the record does not allow that";
    if (m->hides && (m->hides(m->hides_opaque, la, gpa) & MMU_HIDE_DATA))
        return "is shown, and somebody watches it";
    if (!same_bytes(shown_at(w, page), f->host))
        return "does not show what its frame holds";
    return w->page[page] & WINDOW_WRITABLE ? wrong_writing(m, class, page, f) : NULL;
}

/* ---- The guest's own tables ---- */

static bool is_memory(struct mmu *m, u64 gpa)
{
    return physmap_page(m->pm, gpa)->kind != PHYS_MMIO;
}

/* A look at tables in a chip's registers would not be one without a trace. */
static bool tables_are_memory(struct mmu *m, u64 la)
{
    u64 pde_at = (m->paging.cr3 & ~(u64)PAGE_MASK) + (la >> 22) * 4;

    return is_memory(m, pde_at) && is_memory(m, physmap_load(m->pm, pde_at, 4));
}

/* Does the record say what the tables would not say now? */
static bool is_stale(struct mmu *m, enum mmu_class class, u32 page)
{
    u64 la = (u64)page << PAGE_SHIFT, rec = m->record[page];
    bool writable = m->window[class].page[page] & WINDOW_WRITABLE;
    struct walk walk;

    if (!m->paging.enabled || !tables_are_memory(m, la))
        return false;
    return !mmu_walk(m, la, writable ? MMU_WRITE : MMU_READ, class, false, &walk) ||
           walk.gpa != (rec & ~(u64)REC_BITS);
}

/* ---- Going through what is shown ---- */

static void report(struct mmu *m, enum mmu_class class, u32 page, const char *what)
{
    const struct window *w = &m->window[class];
    char text[400];

    snprintf(text, sizeof text,
             "window: %s page %05x %s, after %s; shown%s as frame %x; T reads %llx writes %llx, "
             "record %llx; taken last by %s, the whole window by %s",
             class == MMU_USER ? "user" : "supervisor", page, what, cause(w->cause),
             w->page[page] & WINDOW_WRITABLE ? " writable" : "", w->frame[page],
             (unsigned long long)m->table_read[class][page],
             (unsigned long long)m->table_write[class][page], (unsigned long long)m->record[page],
             cause(w->taken_by[page]), cause(w->cleared_by));
    m->check.wrong(m->check.opaque, text);
}

static void check_page(struct mmu *m, enum mmu_class class, u32 page)
{
    struct window *w = &m->window[class];
    const char *what = wrong_with(m, class, page);

    m->check.pages++;
    if (what)
        report(m, class, page, what);
    else if (!(w->page[page] & WINDOW_STALE) && is_stale(m, class, page)) {
        w->page[page] |= WINDOW_STALE;
        m->check.stale++;
    }
}

static void check_window(struct mmu *m, enum mmu_class class, u32 from, u32 to)
{
    const struct window *w = &m->window[class];
    u64 eight;

    from = from > w->low ? from : w->low;
    to = to < w->high ? to : w->high;
    for (u32 page = from; page < to; page++) {
        if (page % sizeof eight == 0 && page + sizeof eight <= to) {
            memcpy(&eight, w->page + page, sizeof eight);
            if (!eight) {
                page += (u32)sizeof eight - 1;
                continue;
            }
        }
        if (window_shows(w, page))
            check_page(m, class, page);
    }
}

void mmu_check_pages(struct mmu *m, u32 from, u32 to)
{
    m->check.times++;
    for (int i = 0; i < MMU_CLASSES; i++)
        if (m->window[i].frame)
            check_window(m, (enum mmu_class)i, from, to);
}
