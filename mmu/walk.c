/*
 * The page walker. Source: SDM Vol. 3A, "Paging": "32-Bit Paging", "Access Rights", "Accessed and
 * Dirty Flags", "Page-Fault Exceptions".
 *
 *   32-bit paging        CR3 -> page directory [la 31:22] -> page table [la 21:12] -> 4 KiB page
 *   with CR4.PSE         CR3 -> page directory [la 31:22], PS set -> 4 MiB page
 *
 * A and D bits are written only when the access is allowed.
 */
#include "mmu/mmu.h"

enum pte_bits {
    PTE_P = 1 << 0,
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};

enum { PDE4M_RESERVED = 0x3FE000 /* bits 21:13: physical address bits above 31, without PSE-36 */ };

static bool refuse(struct walk *out, u32 error)
{
    out->error = error;
    return false;
}

static void set_bits(struct mmu *m, u64 gpa, u32 entry, u32 bits)
{
    if ((entry & bits) != bits)
        physmap_store(m->pm, gpa, entry | bits, 4);
}

bool mmu_walk(struct mmu *m, u64 la, enum mmu_access access, enum mmu_class class, bool touch,
              struct walk *out)
{
    u32 why = (access == MMU_WRITE ? PF_W : 0) | (class == MMU_USER ? PF_U : 0);
    u64 pde_at = (m->paging.cr3 & ~0xFFFull) + (la >> 22 & 0x3FF) * 4;
    u32 pde = (u32)physmap_load(m->pm, pde_at, 4);
    u64 pte_at = 0;
    u32 leaf = pde, rights = pde;
    bool large = m->paging.pse && (pde & PTE_PS);

    if (!(pde & PTE_P))
        return refuse(out, why);
    if (large) {
        if (pde & PDE4M_RESERVED)
            return refuse(out, why | PF_P | PF_RSVD);
        out->gpa = (pde & 0xFFC00000) | (la & 0x3FFFFF);
        out->page_size = 4 << 20;
    } else {
        pte_at = (pde & ~0xFFFu) + (la >> 12 & 0x3FF) * 4;
        leaf = (u32)physmap_load(m->pm, pte_at, 4);
        if (!(leaf & PTE_P))
            return refuse(out, why);
        rights &= leaf;
        out->gpa = (leaf & ~0xFFFu) | (la & 0xFFF);
        out->page_size = PAGE_SIZE;
    }
    out->user = rights & PTE_U;
    out->writable = rights & PTE_W;
    out->executable = true;
    out->global = m->paging.pge && (leaf & PTE_G);
    if (class == MMU_USER && !out->user)
        return refuse(out, why | PF_P);
    if (access == MMU_WRITE && !out->writable && (class == MMU_USER || m->paging.wp))
        return refuse(out, why | PF_P);
    out->dirty = (leaf & PTE_D) || access == MMU_WRITE;
    out->error = 0;
    if (touch && large) {
        set_bits(m, pde_at, pde, PTE_A | (access == MMU_WRITE ? PTE_D : 0));
    } else if (touch) {
        set_bits(m, pde_at, pde, PTE_A);
        set_bits(m, pte_at, leaf, PTE_A | (access == MMU_WRITE ? PTE_D : 0));
    }
    return true;
}
