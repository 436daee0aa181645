/*
 * What translated code calls where a page is not in T, before it gives the instruction to its
 * handler: memory that is plain after all, data beside code, chips' memory. Here an access is a few
 * look-ups and the instruction goes on in its block; no registers are stored, nothing is decoded
 * again.
 *
 * All of these return 0, with nothing changed that the guest can see, where only the handler will
 * do: faults, debuggers, code that is hit, chips whose accesses have consequences.
 */
#include "jit/private.h"

#include "mmu/bus.h"

#include <string.h>

/* Somebody wants to see each access, or the walk might drop what others rely on. */
static bool must_be_seen(const struct cpu *c)
{
    return c->hooks || (c->dr[7] & 0xFF) ||
           (c->mmu.paging.enabled && c->mmu.recorded_count >= MMU_TLB_PAGES);
}

/* What is at a linear address, whose page goes into T if it may; NULL to leave it to the handler.
 */
static const struct phys_page *reach(struct cpu *c, u32 la, enum mmu_access access, u64 *gpa)
{
    struct walk w = {0};

    if (must_be_seen(c) || !mmu_translate(&c->mmu, la, access, c->mmu.class, &w))
        return NULL;
    *gpa = w.gpa;
    return physmap_page(c->mmu.pm, w.gpa);
}

/* A page where code was decoded: from these bytes? If not, what else a write does is done. */
static bool may_write(struct cpu *c, const struct phys_page *p, u32 offset, unsigned size)
{
    if (run_code_at(interp_runs(c), p->write_frame, offset, size))
        return false;
    physmap_make_writable(c->mmu.pm, p->write_frame);
    physmap_frame_written(c->mmu.pm, p->write_frame, offset, size);
    return true;
}

u64 jit_reach_read(struct cpu *c, u32 la, unsigned size)
{
    u64 gpa, *value = &c->engine_word[W_VALUE];
    const struct phys_page *p = reach(c, la, MMU_READ, &gpa);

    if (!p)
        return 0;
    if (p->kind == PHYS_RAM)
        return c->mmu.read[la >> PAGE_SHIFT];
    if (p->kind != PHYS_MMIO || !p->mmio->ops->memory || size > sizeof *value)
        return 0;
    *value = physmap_load(c->mmu.pm, gpa, size);
    return (u64)(uintptr_t)value - la;
}

u64 jit_reach_write(struct cpu *c, u32 la, unsigned size)
{
    u64 gpa;
    const struct phys_page *p = reach(c, la, MMU_WRITE, &gpa);

    if (!p || p->kind != PHYS_RAM)
        return 0;
    if (c->mmu.write[la >> PAGE_SHIFT])
        return c->mmu.write[la >> PAGE_SHIFT];
    if (!p->write_frame || p->write_frame != p->frame || !may_write(c, p, la & PAGE_MASK, size))
        return 0;
    return (u64)(uintptr_t)(frame_host(physmap_frame(c->mmu.pm, p->write_frame)) -
                            (la & ~(u32)PAGE_MASK));
}

u64 jit_store(struct cpu *c, u32 la, u32 value, unsigned size)
{
    const struct jit *j = c->engine_data;
    u64 gpa, changes = j->changes;
    const struct phys_page *p = reach(c, la, MMU_WRITE, &gpa);

    if (!p)
        return STORED_NOT;
    if (p->kind == PHYS_MMIO) {
        if (!p->mmio->ops->memory)
            return STORED_NOT;
        physmap_store(c->mmu.pm, gpa, value, size);
        return changes == j->changes ? STORED : STORED_LEAVE;
    }
    if (p->kind != PHYS_RAM || !p->write_frame)
        return STORED_NOT;
    if (!c->mmu.write[la >> PAGE_SHIFT] && !may_write(c, p, la & PAGE_MASK, size))
        return STORED_NOT;
    memcpy(frame_host(physmap_frame(c->mmu.pm, p->write_frame)) + (la & PAGE_MASK), &value, size);
    return STORED;
}
