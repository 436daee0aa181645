/* Guest memory for debuggers; see debug_memory.h. */
#include "devices/board/debug_memory.h"

#include "cpu/cpu.h"

bool debug_to_physical(struct cpu *c, u64 la, u64 *gpa)
{
    struct walk w = {.gpa = la};

    if (c->mmu.paging.enabled && !mmu_walk(&c->mmu, la, MMU_READ, MMU_SUPERVISOR, false, &w))
        return false;
    *gpa = w.gpa;
    return true;
}

size_t debug_read_linear(struct cpu *c, u64 la, void *data, size_t len)
{
    u8 *out = data;
    size_t got = 0;
    u64 gpa;

    while (len) {
        size_t rest = PAGE_SIZE - (la & PAGE_MASK), n = len < rest ? len : rest;

        if (!debug_to_physical(c, la, &gpa))
            break;
        got += physmap_debug_read(c->mmu.pm, gpa, out, n);
        la = (u32)(la + n);
        out += n;
        len -= n;
    }
    return got;
}
