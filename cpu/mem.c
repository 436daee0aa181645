/*
 * Guest memory as instructions see it; see mem.h. The common case is one look-up in a T table;
 * everything else goes through mmu_translate and the physical map.
 */
#include "cpu/mem.h"

#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

#include <string.h>

/* ---- Segment and alignment checks ---- */

/* In real mode the 286 has one exception for all segments, 13 ("Segment Overrun"). */
static bool seg_fault(struct cpu *c, enum seg_reg seg)
{
    bool stack = seg == SEG_SS && ((c->cr0 & CR0_PE) || model_has(c->model, FEAT_386));

    return fault_raise_error(c, stack ? VEC_SS : VEC_GP, 0);
}

/* Rights by type (SDM Vol. 3A, "Type Checking"); in real mode they are what was left behind. */
static bool rights_allow(const struct segment *s, enum mmu_access access)
{
    if (s->unusable)
        return false;
    if (access == MMU_FETCH)
        return true;
    if (s->attr & DESC_CODE)
        return access == MMU_READ && (s->attr & DESC_RW);
    return access == MMU_READ || (s->attr & DESC_RW);
}

bool seg_check(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, enum mmu_access access,
               u64 *la)
{
    const struct segment *s = &c->seg[seg];

    if (!rights_allow(s, access) || !seg_contains(s, off, size))
        return seg_fault(c, seg);
    *la = (u32)(s->base + off);
    if (unlikely(c->cpl == 3 && (c->cr0 & CR0_AM) && (c->eflags & EF_AC)) && access != MMU_FETCH &&
        size <= 8 && (*la & (size - 1)))
        return fault_raise_error(c, VEC_AC, 0);
    return true;
}

bool mem_check_alignment(struct cpu *c, enum seg_reg seg, u64 off, unsigned len,
                         enum mmu_access access, unsigned align)
{
    u64 la;

    if (likely(c->cpl != 3 || !(c->cr0 & CR0_AM) || !(c->eflags & EF_AC)))
        return true;
    if (!seg_check(c, seg, off, len, access, &la))
        return false;
    return !(la & (align - 1)) || fault_raise_error(c, VEC_AC, 0);
}

/* ---- One page ---- */

static bool translate(struct cpu *c, u64 la, enum mmu_access access, enum mmu_class class, u64 *gpa)
{
    struct walk w = {0};

    *gpa = 0;
    if (!mmu_translate(&c->mmu, la, access, class, &w))
        return fault_page(c, la, w.error);
    *gpa = w.gpa;
    return true;
}

/* Tell the debugger; of accesses that missed the tables, and watched pages always do. */
static void tell(struct cpu *c, u64 la, u64 gpa, unsigned size, bool write, u64 old, u64 value)
{
    struct cpu_access a = {
        .la = (u32)la, .gpa = gpa, .size = (u8)size, .write = write, .old = old, .value = value};

    c->hooks->memory(c->hooks->opaque, &a);
}

static void store_told(struct cpu *c, u64 la, u64 gpa, unsigned size, u64 value)
{
    u64 old = UINT64_MAX, mask = size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;

    physmap_debug_read(c->mmu.pm, gpa, &old, size);
    physmap_store(c->mmu.pm, gpa, value, size);
    tell(c, la, gpa, size, true, old & mask, value & mask);
}

static bool load_in_page(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 *value)
{
    u64 diff = c->mmu.table_read[class][(u32)la >> PAGE_SHIFT], gpa;

    if (likely(diff)) {
        u64 v = 0;

        memcpy(&v, (const void *)(uintptr_t)(diff + (u32)la), size);
        *value = v;
        return true;
    }
    if (!translate(c, la, MMU_READ, class, &gpa))
        return false;
    *value = physmap_load(c->mmu.pm, gpa, size);
    if (unlikely(c->hooks != NULL))
        tell(c, la, gpa, size, false, *value, *value);
    return true;
}

static bool store_in_page(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 value)
{
    u64 diff = c->mmu.table_write[class][(u32)la >> PAGE_SHIFT], gpa;

    if (likely(diff)) {
        memcpy((void *)(uintptr_t)(diff + (u32)la), &value, size);
        return true;
    }
    if (!translate(c, la, MMU_WRITE, class, &gpa))
        return false;
    if (unlikely(c->hooks != NULL))
        store_told(c, la, gpa, size, value);
    else
        physmap_store(c->mmu.pm, gpa, value, size);
    return true;
}

/* Translate without access: what a later store needs to succeed. */
static bool probe_page(struct cpu *c, u64 la, enum mmu_access access, enum mmu_class class)
{
    const u64 *table = access == MMU_WRITE ? c->mmu.table_write[class] : c->mmu.table_read[class];
    u64 gpa;

    return table[(u32)la >> PAGE_SHIFT] || translate(c, la, access, class, &gpa);
}

/* ---- Linear accesses of any alignment ---- */

static unsigned rest_of_page(u64 la)
{
    return PAGE_SIZE - (la & PAGE_MASK);
}

bool mem_probe_linear(struct cpu *c, u64 la, unsigned len, enum mmu_access access,
                      enum mmu_class class)
{
    for (unsigned n; len; la = (u32)(la + n), len -= n) {
        n = len < rest_of_page(la) ? len : rest_of_page(la);
        if (!probe_page(c, la, access, class))
            return false;
    }
    return true;
}

bool mem_read_linear(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 *value)
{
    unsigned first = rest_of_page(la);
    u64 lo, hi;

    if (likely(first >= size))
        return load_in_page(c, la, size, class, value);
    /* Both pages must be there before a chip register in one of them is read. */
    if (!mem_probe_linear(c, la, size, MMU_READ, class) ||
        !load_in_page(c, la, first, class, &lo) ||
        !load_in_page(c, (u32)(la + first), size - first, class, &hi))
        return false;
    *value = lo | hi << first * 8;
    return true;
}

bool mem_write_linear(struct cpu *c, u64 la, unsigned size, enum mmu_class class, u64 value)
{
    unsigned first = rest_of_page(la);

    if (likely(first >= size))
        return store_in_page(c, la, size, class, value);
    return mem_probe_linear(c, la, size, MMU_WRITE, class) &&
           store_in_page(c, la, first, class, value) &&
           store_in_page(c, (u32)(la + first), size - first, class, value >> first * 8);
}

/* ---- Accesses through segments ---- */

static void watch(struct cpu *c, u64 la, unsigned size, bool write)
{
    if (unlikely(c->dr[7] & 0xFF))
        debug_data_access(c, la, size, write);
}

/* The 8086 has no limits: an access across FFFFh goes on at 0. */
static bool wraps_at_64k(const struct cpu *c, u64 off, unsigned size)
{
    return unlikely(off + size > 0x10000 && !model_has(c->model, FEAT_286));
}

static bool read_wrapping(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 *value)
{
    u64 v = 0, byte, la;

    for (unsigned i = 0; i < size; i++) {
        if (!seg_check(c, seg, (off + i) & 0xFFFF, 1, MMU_READ, &la) ||
            !mem_read_linear(c, la, 1, c->mmu.class, &byte))
            return false;
        v |= byte << i * 8;
    }
    *value = v;
    return true;
}

static bool write_wrapping(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 value)
{
    u64 la;

    for (unsigned i = 0; i < size; i++)
        if (!seg_check(c, seg, (off + i) & 0xFFFF, 1, MMU_WRITE, &la) ||
            !mem_write_linear(c, la, 1, c->mmu.class, value >> i * 8))
            return false;
    return true;
}

bool mem_read(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 *value)
{
    u64 la;

    if (wraps_at_64k(c, off, size))
        return read_wrapping(c, seg, off, size, value);
    if (!seg_check(c, seg, off, size, MMU_READ, &la) ||
        !mem_read_linear(c, la, size, c->mmu.class, value))
        return false;
    watch(c, la, size, false);
    return true;
}

bool mem_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 value)
{
    u64 la;

    if (wraps_at_64k(c, off, size))
        return write_wrapping(c, seg, off, size, value);
    if (!seg_check(c, seg, off, size, MMU_WRITE, &la) ||
        !mem_write_linear(c, la, size, c->mmu.class, value))
        return false;
    watch(c, la, size, true);
    return true;
}

bool mem_probe_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size)
{
    u64 la;

    return wraps_at_64k(c, off, size) || (seg_check(c, seg, off, size, MMU_WRITE, &la) &&
                                          mem_probe_linear(c, la, size, MMU_WRITE, c->mmu.class));
}

bool mem_probe_read(struct cpu *c, enum seg_reg seg, u64 off, unsigned size)
{
    u64 la;

    return wraps_at_64k(c, off, size) || (seg_check(c, seg, off, size, MMU_READ, &la) &&
                                          mem_probe_linear(c, la, size, MMU_READ, c->mmu.class));
}

bool mem_read_for_write(struct cpu *c, enum seg_reg seg, u64 off, unsigned size, u64 *value)
{
    return mem_probe_write(c, seg, off, size) && mem_read(c, seg, off, size, value);
}

/* Pieces of at most 8 bytes, none of which crosses a page. */
static unsigned piece_at(u64 la, unsigned len)
{
    unsigned n = len < 8 ? len : 8;

    return n < rest_of_page(la) ? n : rest_of_page(la);
}

bool mem_read_bytes(struct cpu *c, enum seg_reg seg, u64 off, void *data, unsigned len)
{
    u8 *out = data;
    u64 la, v;

    if (!seg_check(c, seg, off, len, MMU_READ, &la) ||
        !mem_probe_linear(c, la, len, MMU_READ, c->mmu.class))
        return false;
    watch(c, la, len, false);
    for (unsigned n; len; la = (u32)(la + n), out += n, len -= n) {
        n = piece_at(la, len);
        if (!load_in_page(c, la, n, c->mmu.class, &v))
            return false;
        memcpy(out, &v, n);
    }
    return true;
}

bool mem_write_bytes(struct cpu *c, enum seg_reg seg, u64 off, const void *data, unsigned len)
{
    const u8 *in = data;
    u64 la, v = 0;

    if (!seg_check(c, seg, off, len, MMU_WRITE, &la) ||
        !mem_probe_linear(c, la, len, MMU_WRITE, c->mmu.class))
        return false;
    watch(c, la, len, true);
    for (unsigned n; len; la = (u32)(la + n), in += n, len -= n) {
        n = piece_at(la, len);
        memcpy(&v, in, n);
        if (!store_in_page(c, la, n, c->mmu.class, v))
            return false;
    }
    return true;
}

/*
 * How many of `want` bytes from seg:off on lie within the segment, from *la on; 0 where each access
 * must be looked at. read_end is 7 bytes short of the limit: the last elements take the plain way.
 */
static unsigned plain_range(const struct cpu *c, enum seg_reg seg, u64 off, unsigned want,
                            bool write, u64 *la)
{
    const struct segment *s = &c->seg[seg];
    u64 end = write ? s->write_end : s->read_end;

    if (off >= end || (c->dr[7] & 0xFF) ||
        (c->cpl == 3 && (c->cr0 & CR0_AM) && (c->eflags & EF_AC)))
        return 0;
    *la = (u32)(s->base + off);
    return (unsigned)min_u64(want, end - off);
}

u8 *mem_host_range(struct cpu *c, enum seg_reg seg, u64 off, unsigned want, bool write,
                   unsigned *got)
{
    const u64 *table = write ? c->mmu.write : c->mmu.read;
    u64 la = 0, diff, n;

    want = plain_range(c, seg, off, want, write, &la);
    diff = want ? table[la >> PAGE_SHIFT] : 0;
    if (!diff)
        return NULL;
    /* On through pages whose memory follows on the host, too. */
    for (n = rest_of_page(la); n < want && la + n <= 0xFFFFFFFF; n += PAGE_SIZE)
        if (table[(la + n) >> PAGE_SHIFT] != diff)
            break;
    *got = (unsigned)min_u64(n, want);
    return (u8 *)(uintptr_t)(diff + la);
}

bool mem_chip_range(struct cpu *c, enum seg_reg seg, u64 off, unsigned want, bool write,
                    struct chip_span *span, unsigned *got)
{
    const struct phys_page *p;
    u64 la = 0, gpa;

    want = c->hooks ? 0 : plain_range(c, seg, off, want, write, &la);
    *got = want < rest_of_page(la) ? want : rest_of_page(la);
    if (!want || !mmu_recorded(&c->mmu, la, write ? MMU_WRITE : MMU_READ, c->mmu.class, &gpa))
        return false;
    p = physmap_page(c->mmu.pm, gpa);
    if (p->kind != PHYS_MMIO || !p->mmio->ops->memory)
        return false;
    if (write)
        mmu_note_write(&c->mmu, la, gpa);
    if (!physmap_a20(c->mmu.pm))
        gpa &= ~(1ull << 20);
    *span = (struct chip_span){p->mmio->ops, p->mmio->opaque, gpa - p->mmio->gpa};
    return true;
}

/* ---- Stack ---- */

static void set_sp(struct cpu *c, u64 sp)
{
    c->gpr[RSP] = (c->gpr[RSP] & ~c->stack_mask) | (sp & c->stack_mask);
}

bool mem_push(struct cpu *c, unsigned size, u64 value)
{
    u64 sp = (c->gpr[RSP] - size) & c->stack_mask;

    if (!mem_write(c, SEG_SS, sp, size, value))
        return false;
    set_sp(c, sp);
    return true;
}

bool mem_pop(struct cpu *c, unsigned size, u64 *value)
{
    u64 sp = c->gpr[RSP] & c->stack_mask;

    if (!mem_read(c, SEG_SS, sp, size, value))
        return false;
    set_sp(c, sp + size);
    return true;
}

/* ---- Code ---- */

static struct decode_mode decode_mode(const struct cpu *c)
{
    return (struct decode_mode){
        .code = c->mode & MODE_CODE_SIZE,
        .protected = c->mode & MODE_PROTECTED,
        .model = c->model,
    };
}

/* Bytes of code at CS:off that lie in one page and within the limit; 0 with a fault pending. */
static unsigned fetch_page(struct cpu *c, u64 off, u8 *bytes, unsigned want)
{
    const struct segment *cs = &c->seg[SEG_CS];
    u64 la = (u32)(cs->base + off), gpa;
    u64 room = off > cs->limit ? 0 : (u64)cs->limit - off + 1;
    unsigned n = want < rest_of_page(la) ? want : rest_of_page(la);

    if (!model_has(c->model, FEAT_286))
        room = 0x10000 - (off &= 0xFFFF);
    n = n < room ? n : (unsigned)room;
    if (!n) {
        fault_gp(c, 0);
        return 0;
    }
    if (!translate(c, la, MMU_FETCH, c->mmu.class, &gpa))
        return 0;
    for (unsigned i = 0; i < n; i++)
        bytes[i] = (u8)physmap_load(c->mmu.pm, gpa + i, 1);
    return n;
}

bool mem_fetch_insn(struct cpu *c, struct insn *in)
{
    struct decode_mode mode = decode_mode(c);
    u8 bytes[INSN_MAX_BYTES];
    unsigned have = 0, n;
    u64 off = c->rip;

    /* The second page is touched only if the instruction reaches into it. */
    do {
        n = fetch_page(c, off, bytes + have, INSN_MAX_BYTES - have);
        if (!n)
            return false;
        have += n;
        off = (u32)(off + n);
        if (!model_has(c->model, FEAT_286))
            off &= 0xFFFF;
    } while (!insn_decode(bytes, have, &mode, in) && have < INSN_MAX_BYTES);
    return true;
}
