/*
 * TLB record and shadow tables; see mmu.h for what they are. All arrays are indexed by linear page
 * and sparse: the host gives memory to what is touched.
 */
#include "mmu/mmu.h"

#include "base/sparse.h"
#include "base/state.h"
#include "mmu/record.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE_PAGES = 1024 /* 4 KiB pages in a 4 MiB page */ };

static void on_remapped(void *opaque)
{
    mmu_drop_entries(opaque);
}

/* Does this linear page have a write entry that leads to the frame? */
static bool writes_to(const struct mmu *m, u32 page, const struct frame *f)
{
    u64 diff = host_diff(f, page);

    return m->table_write[MMU_SUPERVISOR][page] == diff || m->table_write[MMU_USER][page] == diff;
}

static void drop_write(struct mmu *m, u32 page)
{
    for (int i = 0; i < MMU_CLASSES; i++) {
        m->table_write[i][page] = 0;
        window_protect(&m->window[i], page);
    }
}

/* What is taken away from now on goes for this reason. */
static void because(struct mmu *m, enum window_cause why)
{
    for (int i = 0; i < MMU_CLASSES; i++)
        m->window[i].cause = (u8)why;
}

static void check_all(struct mmu *m)
{
    mmu_check_range(m, 0, LINEAR_PAGES);
}

static void on_protect_frame(void *opaque, frame_id id)
{
    struct mmu *m = opaque;
    struct frame *f = physmap_frame(m->pm, id);

    because(m, TAKEN_BY_FRAME);
    if (f->writer == FRAME_MANY_WRITERS) {
        for (u32 i = 0; i < m->logged_count; i++)
            if (writes_to(m, m->log[i], f))
                drop_write(m, m->log[i]);
    } else if (f->writer != FRAME_NO_WRITER && writes_to(m, f->writer, f)) {
        drop_write(m, f->writer);
    }
    f->writer = FRAME_NO_WRITER;
    check_all(m);
}

static void on_code_written(void *opaque, frame_id id, u32 offset, u32 len)
{
    struct mmu *m = opaque;

    if (m->code_written)
        m->code_written(m->code_opaque, id, offset, len);
}

bool mmu_init(struct mmu *m, struct physmap *pm)
{
    bool ok = true;

    memset(m, 0, sizeof *m);
    m->pm = pm;
    for (int i = 0; i < MMU_CLASSES; i++) {
        u8 *tables = sparse_new(MMU_TABLES_BYTES, SPARSE_SCATTERED);

        ok = ok && tables;
        if (!tables)
            continue;
        m->table_read[i] = (u64 *)tables;
        m->table_write[i] = (u64 *)(tables + MMU_WRITE_AT);
        m->table_exec[i] = (u32 *)(tables + MMU_EXEC_AT);
    }
    m->record = sparse_new(LINEAR_PAGES * sizeof(u64), SPARSE_SCATTERED);
    m->log = sparse_new(LINEAR_PAGES * sizeof(u32), SPARSE_SCATTERED);
    m->logged = sparse_new(LINEAR_PAGES / 8, SPARSE_SCATTERED);
    ok = ok && m->record && m->log && m->logged;
    m->listener = (struct physmap_listener){
        .opaque = m,
        .remapped = on_remapped,
        .protect_frame = on_protect_frame,
        .code_written = on_code_written,
    };
    physmap_listen(pm, &m->listener);
    mmu_set_class(m, MMU_SUPERVISOR);
    if (!ok)
        mmu_destroy(m);
    return ok;
}

void mmu_destroy(struct mmu *m)
{
    physmap_unlisten(m->pm, &m->listener);
    for (int i = 0; i < MMU_CLASSES; i++)
        sparse_free(m->table_read[i], MMU_TABLES_BYTES);
    for (int i = 0; i < MMU_CLASSES; i++)
        window_close(&m->window[i]);
    sparse_free(m->record, LINEAR_PAGES * sizeof(u64));
    sparse_free(m->log, LINEAR_PAGES * sizeof(u32));
    sparse_free(m->logged, LINEAR_PAGES / 8);
}

void mmu_set_class(struct mmu *m, enum mmu_class class)
{
    m->class = class;
    m->read = m->table_read[class];
    m->write = m->table_write[class];
    m->exec = m->table_exec[class];
}

void mmu_set_paging(struct mmu *m, const struct paging *p)
{
    struct paging old = m->paging;

    m->paging = *p;
    /* SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches": CR0.PG from 1 to
     * 0, CR4.PGE and PAE. WP and PSE changes alter rights that the tables have taken in already. */
    if (old.enabled != p->enabled || old.wp != p->wp || old.pse != p->pse || old.pae != p->pae ||
        old.pge != p->pge || old.nxe != p->nxe || old.lma != p->lma)
        mmu_flush_all(m);
    else if (old.cr3 == p->cr3)
        check_all(m); /* otherwise mmu_flush_cr3 follows */
}

/* ---- Flushing ---- */

static void drop_tables(struct mmu *m, u32 page)
{
    for (int i = 0; i < MMU_CLASSES; i++) {
        m->table_read[i][page] = 0;
        m->table_write[i][page] = 0;
        m->table_exec[i][page] = 0;
        window_hide(&m->window[i], page);
    }
}

/* What the supervisor's shows is global where there are global pages. */
static void clear_windows(struct mmu *m, bool keep_global)
{
    window_clear(&m->window[MMU_USER]);
    if (!keep_global)
        window_clear(&m->window[MMU_SUPERVISOR]);
}

/*
 * Go through the log: drop T entries of all pages, and the records without any of `keep_bits`. A
 * CR3 load need not look at what was global at the one before.
 */
static void sweep(struct mmu *m, u64 keep_bits)
{
    u32 first = keep_bits == REC_GLOBAL ? m->global_count : 0, kept = first;

    m->sweeps++;
    clear_windows(m, keep_bits == REC_GLOBAL);
    for (u32 i = first; i < m->logged_count; i++) {
        u32 page = m->log[i];

        if (keep_bits && (m->record[page] & keep_bits)) {
            if (keep_bits != REC_GLOBAL)
                drop_tables(m, page);
            m->log[kept++] = page;
            continue;
        }
        drop_tables(m, page);
        m->record[page] = 0;
        m->logged[page / 8] &= (u8) ~(1u << page % 8);
    }
    m->logged_count = kept;
    m->global_count = keep_bits == REC_GLOBAL ? kept : 0;
}

static void count_records(struct mmu *m)
{
    m->recorded_count = m->logged_count;
}

void mmu_flush_all(struct mmu *m)
{
    because(m, TAKEN_BY_FLUSH);
    sweep(m, 0);
    memset(m->large, 0, sizeof m->large);
    count_records(m);
    check_all(m);
}

void mmu_flush_cr3(struct mmu *m)
{
    because(m, TAKEN_BY_CR3);
    sweep(m, m->paging.pge ? REC_GLOBAL : 0);
    count_records(m);
    check_all(m);
}

/* Not a birth and not a flush: recorded_count, which the guest can see, stays. */
void mmu_drop_entries(struct mmu *m)
{
    because(m, TAKEN_BY_DROP);
    sweep(m, REC_VALID);
    check_all(m);
}

/* For tests: true once in `one_in` times. */
static bool one_of(u64 *seed, u32 one_in)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's */
    return (u32)(*seed >> 32) % one_in == 0;
}

void mmu_drop_some_entries(struct mmu *m, u32 one_in, u64 seed)
{
    because(m, TAKEN_BY_DROP);
    for (u32 i = 0; i < m->logged_count; i++)
        if (one_of(&seed, one_in))
            drop_tables(m, m->log[i]);
    check_all(m);
}

/* The page stays in the log, where it costs nothing but a slot. */
static void forget(struct mmu *m, u32 page)
{
    if (m->record[page] & REC_GLOBAL)
        m->global_count = 0;
    drop_tables(m, page);
    m->record[page] = 0;
}

static void invalidate(struct mmu *m, u32 page)
{
    u32 region = page / LARGE_PAGES;

    forget(m, page);
    /* A large page is recorded in 4 KiB pieces; all of them go together. */
    if (m->large[region / 8] >> region % 8 & 1)
        for (u32 p = region * LARGE_PAGES; p < (region + 1) * LARGE_PAGES; p++)
            if (m->record[p] & REC_LARGE)
                forget(m, p);
    check_all(m);
}

void mmu_invlpg(struct mmu *m, u64 la)
{
    because(m, TAKEN_BY_INVLPG);
    invalidate(m, (u32)la >> PAGE_SHIFT);
}

/* ---- Filling ---- */

static void log_page(struct mmu *m, u32 page)
{
    if (m->logged[page / 8] >> page % 8 & 1)
        return;
    m->logged[page / 8] |= (u8)(1u << page % 8);
    m->log[m->logged_count++] = page;
}

static void note_writer(struct mmu *m, u32 page, struct frame *f)
{
    if (f->writer == FRAME_NO_WRITER || f->writer == page)
        f->writer = page;
    else if (f->writer == FRAME_MANY_WRITERS || writes_to(m, f->writer, f))
        f->writer = FRAME_MANY_WRITERS;
    else
        f->writer = page; /* the entry it remembers is gone */
}

static void fill_write(struct mmu *m, u32 page, enum mmu_class class, enum mmu_access access,
                       u64 gpa, frame_id id)
{
    struct frame *f = physmap_frame(m->pm, id);

    if (f->code_mask)
        return;
    if (f->flags & FRAME_KEPT) {
        if (access != MMU_WRITE)
            return;
        physmap_make_writable(m->pm, id);
    }
    if (f->flags & FRAME_TRACK) {
        /* A write entry is only for frames that nobody waits to see written. */
        if (access == MMU_WRITE)
            f->flags |= FRAME_DIRTY_ALL;
        else if ((f->flags & FRAME_DIRTY_ALL) != FRAME_DIRTY_ALL)
            return;
    }
    if (access != MMU_WRITE)
        mmu_note_write(m, (u64)page << PAGE_SHIFT, gpa);
    note_writer(m, page, f);
    m->table_write[class][page] = host_diff(f, page);
}

/* Enter a page into the tables of a class as far as its kind allows. */
static void fill(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class, u64 gpa,
                 bool writable)
{
    u32 page = (u32)la >> PAGE_SHIFT;
    const struct phys_page *p = physmap_page(m->pm, gpa);

    u32 hide;

    if (p->kind != PHYS_RAM)
        return;
    log_page(m, page);
    hide = m->hides ? m->hides(m->hides_opaque, la & ~(u64)PAGE_MASK, gpa & ~(u64)PAGE_MASK) : 0;
    if (p->frame && !(hide & MMU_HIDE_CODE))
        m->table_exec[class][page] = p->frame;
    if (hide & MMU_HIDE_DATA)
        return;
    if (p->frame)
        m->table_read[class][page] = host_diff(physmap_frame(m->pm, p->frame), page);
    if (p->write_frame && writable)
        fill_write(m, page, class, access, gpa, p->write_frame);
}

bool mmu_record_allows(const struct mmu *m, u64 rec, enum mmu_access access, enum mmu_class class)
{
    if (!(rec & REC_VALID) || (class == MMU_USER && !(rec & REC_USER)))
        return false;
    if (access != MMU_WRITE)
        return true;
    return (rec & REC_DIRTY) &&
           ((rec & REC_WRITABLE) || (class == MMU_SUPERVISOR && !m->paging.wp));
}

static void add_record(struct mmu *m, u32 page, u64 rec)
{
    if (!(m->record[page] & REC_VALID)) {
        if (m->recorded_count >= MMU_TLB_PAGES)
            mmu_flush_all(m); /* the capacity rule */
        m->recorded_count++;
    }
    if (m->record[page] & ~rec & REC_GLOBAL)
        m->global_count = 0;
    m->record[page] = rec;
    if (rec & REC_LARGE)
        m->large[page / LARGE_PAGES / 8] |= (u8)(1u << page / LARGE_PAGES % 8);
    log_page(m, page);
}

static u64 record_of(const struct walk *w)
{
    return (w->gpa & ~(u64)PAGE_MASK) | REC_VALID | (w->user ? REC_USER : 0) |
           (w->writable ? REC_WRITABLE : 0) | (w->dirty ? REC_DIRTY : 0) |
           (w->global ? REC_GLOBAL : 0) | (w->page_size > PAGE_SIZE ? REC_LARGE : 0);
}

bool mmu_recorded(const struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class,
                  u64 *gpa)
{
    u64 rec = m->record[(u32)la >> PAGE_SHIFT];

    *gpa = la;
    if (!m->paging.enabled)
        return true;
    *gpa = (rec & ~(u64)REC_BITS) | (la & PAGE_MASK);
    return mmu_record_allows(m, rec, access, class);
}

bool mmu_try(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class, struct walk *out)
{
    u32 page = (u32)la >> PAGE_SHIFT;
    u64 rec;

    if (!m->paging.enabled) {
        out->gpa = la;
        if (access == MMU_WRITE)
            mmu_note_write(m, la, la);
        fill(m, la, access, class, la, true);
        return true;
    }
    rec = m->record[page];
    if (!mmu_record_allows(m, rec, access, class)) {
        if (!mmu_walk(m, la, access, class, true, out))
            return false;
        rec = record_of(out);
        because(m, TAKEN_BY_WALK);
        /* Being dirty by now takes nothing away. */
        if ((m->record[page] ^ rec) & ~(u64)REC_DIRTY)
            drop_tables(m, page);
        add_record(m, page, rec);
        mmu_check_range(m, page, page + 1);
    }
    out->gpa = (rec & ~(u64)REC_BITS) | (la & PAGE_MASK);
    if (access == MMU_WRITE)
        mmu_note_write(m, la, out->gpa);
    fill(m, la, access, class, out->gpa, mmu_record_allows(m, rec, MMU_WRITE, class));
    return true;
}

bool mmu_translate(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class,
                   struct walk *out)
{
    if (likely(mmu_try(m, la, access, class, out)))
        return true;
    /* SDM, same place: a page fault drops the entry it was about. */
    because(m, TAKEN_BY_FAULT);
    invalidate(m, (u32)la >> PAGE_SHIFT);
    return false;
}

/* ---- The book of what is written ---- */

void mmu_begin_book(struct mmu *m)
{
    for (u32 i = 0; i < m->logged_count; i++) {
        u32 page = m->log[i];
        u64 la = (u64)page << PAGE_SHIFT;

        if (m->table_write[MMU_SUPERVISOR][page] || m->table_write[MMU_USER][page])
            mmu_note_write(m, la, m->paging.enabled ? m->record[page] & ~(u64)REC_BITS : la);
    }
}

void mmu_keep_book(struct mmu *m, struct write_book *b)
{
    m->written = b;
    if (b)
        mmu_begin_book(m);
}

/* ---- Windows ---- */

/* How many pages are shown at once, if they are one stretch of memory: less faults to come. */
enum { SHOW_MAX = 32 };

frame_id mmu_frame_to_show(struct mmu *m, enum mmu_class class, u32 page, bool writable)
{
    u64 diff = m->table_read[class][page], gpa = (u64)page << PAGE_SHIFT, rec = m->record[page];
    const struct phys_page *p;

    if (!diff || (writable && m->table_write[class][page] != diff))
        return 0;
    if (m->paging.enabled) {
        if (class == MMU_SUPERVISOR && m->paging.pge && !(rec & REC_GLOBAL))
            return 0;
        gpa = rec & ~(u64)REC_BITS;
    }
    p = physmap_page(m->pm, gpa);
    return p->kind == PHYS_RAM && host_diff(physmap_frame(m->pm, p->frame), page) == diff ? p->frame
                                                                                          : 0;
}

/* Without paging nobody sees when an entry is made. */
static void fill_ahead(struct mmu *m, u32 page)
{
    for (u32 i = 1; i < SHOW_MAX && page + i < LINEAR_PAGES; i++) {
        u64 la = (u64)(page + i) << PAGE_SHIFT;

        fill(m, la, MMU_READ, m->class, la, true);
    }
}

bool mmu_show(struct mmu *m, u32 la, bool write)
{
    struct window *w = &m->window[m->class];
    u32 page = la >> PAGE_SHIFT, from = page, n = 1;
    bool writable = m->window_writes && mmu_frame_to_show(m, m->class, page, true);
    frame_id first = mmu_frame_to_show(m, m->class, page, writable);

    if (!w->on || !first || (write && !writable) || window_churns(w, page))
        return false;
    if (!m->paging.enabled && !(w->page[page] & WINDOW_SHOWN))
        fill_ahead(m, page);
    while (n < SHOW_MAX && page + n < LINEAR_PAGES && !window_shows(w, page + n) &&
           mmu_frame_to_show(m, m->class, page + n, writable) == first + n)
        n++;
    while (n < SHOW_MAX && from > 0 && !window_shows(w, from - 1) &&
           mmu_frame_to_show(m, m->class, from - 1, writable) == first - 1)
        from--, first--, n++;
    if (!window_show(w, m->pm, from, n, first, writable))
        return false;
    mmu_check_range(m, from, from + n);
    return true;
}

void mmu_hide_some_pages(struct mmu *m, u32 one_in, u64 seed)
{
    because(m, TAKEN_BY_DROP);
    for (int i = 0; i < MMU_CLASSES; i++) {
        struct window *w = &m->window[i];

        for (u32 page = w->low; page < w->high; page++)
            if (window_shows(w, page) && one_of(&seed, one_in))
                window_hide(w, page);
    }
    check_all(m);
}

bool mmu_check_windows(struct mmu *m, void (*wrong)(void *opaque, const char *text), void *opaque)
{
    m->check = (struct mmu_check){.wrong = NULL};
    because(m, TAKEN_BY_DROP);
    clear_windows(m, false);
    for (int i = 0; i < MMU_CLASSES && wrong; i++)
        if (!window_keep_book(&m->window[i]))
            return false;
    m->check.wrong = wrong;
    m->check.opaque = opaque;
    return true;
}

/* ---- State ---- */

static int by_page(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;

    return x < y ? -1 : x > y;
}

static u32 sorted_records(struct mmu *m, u32 *pages)
{
    u32 n = 0;

    for (u32 i = 0; i < m->logged_count; i++)
        if (m->record[m->log[i]] & REC_VALID)
            pages[n++] = m->log[i];
    qsort(pages, n, sizeof *pages, by_page);
    return n;
}

void mmu_state(struct mmu *m, struct state *s)
{
    static const char fail[] = "tlb: the record of a page is not one";
    u32 *pages = calloc(MMU_TLB_PAGES + 1, sizeof *pages);
    u32 count;

    if (!pages) {
        state_fail(s, "tlb: the host has no memory left");
        return;
    }
    count = state_is_loading(s) ? 0 : sorted_records(m, pages);
    state_begin(s, "tlb", 1);
    state_u32(s, "recorded", &m->recorded_count);
    state_u32(s, "count", &count);
    state_require(s, count <= m->recorded_count && m->recorded_count <= MMU_TLB_PAGES,
                  "tlb: more pages than it holds");
    if (state_is_loading(s)) {
        u32 recorded = m->recorded_count;

        mmu_flush_all(m);
        m->recorded_count = recorded;
    }
    for (u32 i = 0; i < count && !state_error(s); i++) {
        u64 rec = m->record[pages[i]];

        state_u32(s, "page", &pages[i]);
        state_u64(s, "record", &rec);
        state_require(s, pages[i] < LINEAR_PAGES && (i == 0 || pages[i] > pages[i - 1]), fail);
        state_require(s, (rec & REC_VALID) && !(rec & REC_UNUSED) && rec < PHYS_LIMIT, fail);
        if (state_is_loading(s) && !state_error(s)) {
            m->recorded_count--; /* add_record counts it again */
            add_record(m, pages[i], rec);
        }
    }
    state_end(s);
    free(pages);
}
