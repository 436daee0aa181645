/*
 * One processor's view of memory: its TLB, which the guest can see, and the shadow tables T, which
 * it cannot.
 *
 * The record is the guest-visible TLB: for each linear page, the translation that an architectural
 * access brought in. It dies by architectural causes only (INVLPG, CR loads, task switches) or by
 * the capacity rule: when MMU_TLB_PAGES pages are recorded, the next one flushes them all. T
 * entries (host address minus linear address, 0 for a miss) are derived from it for plain memory
 * and may be dropped at any time for our own reasons; refilling from the record never walks.
 *
 *   linear page -> record[] (gpa, rights, dirty, global)
 *               -> read[class], write[class]: host - linear   (hot paths look here)
 *               -> exec[class]: frame number
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include "base/types.h"
#include "mmu/page_book.h"
#include "mmu/physmap.h"
#include "mmu/window.h"

struct state;

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

enum mmu_class { MMU_SUPERVISOR, MMU_USER, MMU_CLASSES };

enum { MMU_TLB_PAGES = 65536 };

/*
 * The tables of a class lie in one mapping, at these distances in bytes from its read table, so
 * that translated code reaches all three from one register. Before and behind the exec table are
 * zeros as far as a branch of +-2 GiB can point.
 */
enum mmu_layout {
    MMU_WRITE_AT = 8 << 20,
    MMU_EXEC_AT = 20 << 20,
    MMU_TABLES_BYTES = 28 << 20,
};

/* Entries that a page does not get: its accesses, or fetches from it, take the slow path. */
enum mmu_hide { MMU_HIDE_DATA = 1 << 0, MMU_HIDE_CODE = 1 << 1 };

/* Page-fault error code (SDM Vol. 3A, "Page-Fault Exceptions"). */
enum pf_error { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

/* Paging registers, copied in by cpu_update_mode. */
struct paging {
    u64 cr3;
    bool enabled; /* CR0.PG */
    bool wp, pse, pae, pge, nxe, lma;
    u8 phys_bits;
};

/* Windows that are checked after whatever may take pages away; for tests, costs much. */
struct mmu_check {
    /* One line: what is shown and should not be. NULL: nothing is checked. */
    void (*wrong)(void *opaque, const char *text);
    void *opaque;
    u64 times, pages; /* how often, and pages that were looked at in all */
    u64 stale;        /* times that a page which is shown was another one in the guest's tables */
};

/* Result of a walk. */
struct walk {
    u64 gpa;       /* of the address itself */
    u64 page_size; /* 4 KiB, 2 MiB, 4 MiB or 1 GiB */
    bool writable, user, executable, global, dirty;
    u32 error; /* #PF error code of a failed walk */
};

struct mmu {
    /* T tables of the current class: indexed by linear page; see above. Hot. */
    u64 *read, *write;
    u32 *exec;

    struct physmap *pm;
    struct paging paging;
    enum mmu_class class;
    bool tracking; /* a T write entry for a frame whose dirty bits are taken exists */
    u64 *table_read[MMU_CLASSES], *table_write[MMU_CLASSES];
    u32 *table_exec[MMU_CLASSES];
    u64 *record; /* guest state: 0 or gpa page | enum record_bits */
    u32 *log;    /* linear pages with a record or a T entry, each once */
    u8 *logged;  /* bit per linear page: is in the log */
    u32 logged_count;
    u32 global_count;   /* so many of the log's first are recorded as global */
    u32 recorded_count; /* births since the last flush: what the capacity rule counts */
    u64 sweeps;         /* how often many entries went at once: what was fetched may be stale */
    u8 large[128];      /* bit per 4 MiB of linear space: pieces of a large page are recorded */
    struct physmap_listener listener;
    struct window window[MMU_CLASSES];
    bool window_writes; /* windows may show pages writable */
    struct mmu_check check;
    /*
     * Pages with a watchpoint or breakpoint: asked when entries for the page at `la`, which is at
     * `gpa`, would be made; returns enum mmu_hide. When the answer changes: mmu_drop_entries.
     */
    u32 (*hides)(void *opaque, u64 la, u64 gpa);
    void *hides_opaque;
    struct write_book *written; /* see mmu_keep_book */
    /* Where code_written goes: the engine. */
    void (*code_written)(void *opaque, frame_id id, u32 offset, u32 len);
    void *code_opaque;
};

bool mmu_init(struct mmu *m, struct physmap *pm);
void mmu_destroy(struct mmu *m);

/* Take over paging registers and class; flushes what the change invalidates (SDM "Invalidation").
 */
void mmu_set_paging(struct mmu *m, const struct paging *p);
void mmu_set_class(struct mmu *m, enum mmu_class class);
/* CR3 was loaded: drop non-global translations (all without CR4.PGE). */
void mmu_flush_cr3(struct mmu *m);
void mmu_flush_all(struct mmu *m);
void mmu_invlpg(struct mmu *m, u64 la);
/* Drop T and exec entries but keep the record (memory was remapped, watchpoints changed). */
void mmu_drop_entries(struct mmu *m);
/* For tests: the same for some pages, about one in `one_in`, that `seed` chooses. */
void mmu_drop_some_entries(struct mmu *m, u32 one_in, u64 seed);

/*
 * Translate a linear address for an access of this class: from the record if its rights suffice,
 * else by walking the guest's tables (sets A and D bits) and recording. On success fills out->gpa
 * and enters the page into the T tables where that is allowed; on failure out->error holds the #PF
 * error code. With paging off it is the identity.
 */
bool mmu_translate(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class,
                   struct walk *out);

/*
 * The same for who does not raise the fault: one that would be raised leaves no trace, so that the
 * instruction can be done from its start by somebody else.
 */
bool mmu_try(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class, struct walk *out);

/* The same from the record alone: what it does not hold is false, and nothing changes. */
bool mmu_recorded(const struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class,
                  u64 *gpa);

/*
 * Walk the guest's tables. `touch` sets A and D bits as an access does; without it the walk only
 * looks (debuggers). Returns false with out->error set.
 * Source: SDM Vol. 3A, "Paging": "Access Rights", "Page-Fault Exceptions".
 */
bool mmu_walk(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class, bool touch,
              struct walk *out);

/*
 * Show the page of `la` in the window of the current class, for writing too if T has an entry for
 * that. False if that is not to be: the access must be done another way.
 */
bool mmu_show(struct mmu *m, u32 la, bool write);
/* For tests: take pages away from windows, about one in `one_in`, that `seed` chooses. */
void mmu_hide_some_pages(struct mmu *m, u32 one_in, u64 seed);
/*
 * From now on compare what windows show with T, the record and the guest's page tables after
 * whatever may take pages away, and call `wrong` for each that is shown wrongly. Drops all that is
 * shown. NULL: no more. False if the host has no memory for it.
 */
bool mmu_check_windows(struct mmu *m, void (*wrong)(void *opaque, const char *text), void *opaque);

/*
 * From now on, each page that an instruction writes is in the book before it does; also some that
 * none does write. NULL: no more. Who empties the book calls mmu_begin_book afterwards, for those
 * that can be written without asking again.
 */
void mmu_keep_book(struct mmu *m, struct write_book *b);
void mmu_begin_book(struct mmu *m);
/* For who writes without mmu_translate: la, recorded as being at gpa, will be written. */
static inline void mmu_note_write(const struct mmu *m, u64 la, u64 gpa)
{
    if (!m->written)
        return;
    page_book_note(&m->written->linear, (u32)la);
    page_book_note(&m->written->physical, gpa);
}

/* Save, load or hash the record. */
void mmu_state(struct mmu *m, struct state *s);

#endif
