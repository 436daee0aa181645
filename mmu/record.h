/* What the TLB record holds for a linear page; for the files of mmu.c alone. */
#ifndef MMU_RECORD_H
#define MMU_RECORD_H

#include "mmu/mmu.h"

enum {
    LINEAR_PAGES = 1 << 20, /* of a 32-bit linear address space */
};

/* Low bits of a record; the rest is the guest-physical page address. */
enum record_bits {
    REC_VALID = 1 << 0,
    REC_USER = 1 << 1,
    REC_WRITABLE = 1 << 2,
    REC_DIRTY = 1 << 3,
    REC_GLOBAL = 1 << 4,
    REC_LARGE = 1 << 5, /* a 4 KiB piece of a large page */
    REC_UNUSED = 0xFC0,
    REC_BITS = 0xFFF,
};

/* A T entry: what leads from the linear page to the frame. */
static inline u64 host_diff(const struct frame *f, u32 page)
{
    return (u64)(uintptr_t)f->host - ((u64)page << PAGE_SHIFT);
}

/*
 * The frame that T has an entry for, in `class`, at linear page `page`, if a window may show it; 0
 * if not.
 */
frame_id mmu_frame_to_show(struct mmu *m, enum mmu_class class, u32 page, bool writable);
/* Does a record give this class such an access? */
bool mmu_record_allows(const struct mmu *m, u64 rec, enum mmu_access access, enum mmu_class class);

/* window_check.c: pages [from, to) of both windows against T and the record, if somebody asked. */
void mmu_check_pages(struct mmu *m, u32 from, u32 to);

static inline void mmu_check_range(struct mmu *m, u32 from, u32 to)
{
    if (unlikely(m->check.wrong != NULL))
        mmu_check_pages(m, from, to);
}

#endif
