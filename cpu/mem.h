/*
 * Guest memory as instructions see it: segment check, translation, page crossing, alignment check.
 * All return false with a fault pending and nothing changed.
 */
#ifndef CPU_MEM_H
#define CPU_MEM_H

#include "cpu/cpu.h"

/* Through a segment register, with limit, rights and (CPL 3, AM, AC) alignment. Sizes 1, 2, 4, 8.
 */
bool mem_read(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 *value);
bool mem_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 value);
/* As mem_read, but checks for writing: the mem_write that follows cannot fault. */
bool mem_read_for_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 *value);
/* Check that a write of `size` bytes (up to 512) would succeed; sets A and D bits. */
bool mem_probe_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size);
bool mem_probe_read(struct cpu *c, enum seg_reg seg, u64 off, unsigned size);
/*
 * Any length up to 512 bytes: FNSAVE images, 80-bit reals. The write probes everything first. For
 * their alignment mem_check_alignment is asked before; it checks the segment too.
 */
bool mem_check_alignment(struct cpu *c, enum seg_reg seg, u64 off, unsigned len,
                         enum mmu_access access, unsigned align);
bool mem_read_bytes(struct cpu *c, enum seg_reg seg, u64 off, void *data, unsigned len);
bool mem_write_bytes(struct cpu *c, enum seg_reg seg, u64 off, const void *data, unsigned len);

/*
 * By linear address and class, without segmentation: descriptor tables and TSSs are read as
 * supervisor whatever the CPL (SDM Vol. 3A, "Access Rights": implicit supervisor accesses).
 */
bool mem_read_linear(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 *value);
bool mem_write_linear(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 value);
/* Check a linear range for reading or writing, page by page. */
bool mem_probe_linear(struct cpu *c, u64 la, unsigned len, enum mmu_access access,
                      enum mmu_class class);

/*
 * For REP strings: a host pointer to up to `want` bytes at seg:off going up, within the segment and
 * in pages that lie one behind the other on the host, readable (or writable); *got says how many (0
 * < *got <= want). NULL means: use the plain accesses above for the next element (chip registers,
 * code pages, watched pages, faults to come); it is never a fault by itself.
 */
u8 *mem_host_range(struct cpu *c, enum seg_reg seg, u64 off, unsigned want, bool write,
                   unsigned *got);

/*
 * The same of a chip's memory (mmio_ops.memory): its functions are called for each element, aligned
 * and of no more than ops->width bytes, from `offset` on. False: use the plain accesses.
 */
struct mmio_ops;
struct chip_span {
    const struct mmio_ops *ops;
    void *opaque;
    u64 offset;
};
bool mem_chip_range(struct cpu *c, enum seg_reg seg, u64 off, unsigned want, bool write,
                    struct chip_span *span, unsigned *got);

/* Push and pop `size` bytes on the current stack (SS, stack_mask). RSP changes on success only. */
bool mem_push(struct cpu *c, unsigned size, u64 value);
bool mem_pop(struct cpu *c, unsigned size, u64 *value);

/* The exact segment check: #GP(0) or #SS(0) pending on false. `la` gets the linear address. */
bool seg_check(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, enum mmu_access access,
               u64 *la);

/*
 * Fetch and decode the instruction at CS:rip: checks the limit and touches a second page only if
 * the instruction reaches into it. False with #GP or #PF pending.
 */
bool mem_fetch_insn(struct cpu *c, struct insn *in);

#endif
