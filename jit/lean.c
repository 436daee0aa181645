/*
 * What translated code calls before it gives an instruction to its handler: the common cases of
 * what is too much to be done in place. Here an access to memory is a few look-ups, and ports and
 * segments are what they are; no registers are stored, nothing is decoded again.
 *
 * All of these return 0, with nothing changed that the guest can see, where only the handler will
 * do: faults, debuggers, code that is hit, chips' registers.
 */
#include "jit/private.h"

#include "cpu/fault.h"
#include "cpu/fpu.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

#include <string.h>

/* ---- Memory that T does not have ---- */

/* Somebody wants to see each access, or the walk might drop what others rely on. */
static bool must_be_seen(const struct cpu *c)
{
    return c->hooks || (c->dr[7] & 0xFF) ||
           (c->mmu.paging.enabled && c->mmu.recorded_count >= MMU_TLB_PAGES);
}

/*
 * What is at a linear address, whose page goes into T if it may; NULL to leave it to the handler.
 * A walk that marks an entry of the page tables may write over code, even that which runs.
 */
static const struct phys_page *reach(struct cpu *c, u32 la, enum mmu_access access, u64 *gpa)
{
    struct jit *j = c->engine_data;
    u64 changes = j->changes;
    struct walk w = {0};
    bool found;

    if (must_be_seen(c))
        return NULL;
    found = mmu_try(&c->mmu, la, access, c->mmu.class, &w);
    j->stale |= changes != j->changes;
    if (!found || j->stale)
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
    if (p->kind == PHYS_MMIO ? !p->mmio->ops->memory : p->kind != PHYS_RAM || !p->write_frame)
        return STORED_NOT;
    physmap_store(c->mmu.pm, gpa, value, size);
    return changes == j->changes ? STORED : STORED_LEAVE;
}

u64 jit_hold(struct cpu *c, u32 la, u32 masked)
{
    if ((c->cr0 & (CR0_EM | CR0_TS)) || (c->fpu.host == FPU_IN_MEMORY && (c->fpu.sw & SW_ES)))
        return 0;
    fpu_hold(c);
    return !masked || c->fpu.host == FPU_ON_HOST_MASKED;
}

/* ---- Instructions ---- */

/* What must be as it was for the block to go on. */
struct before {
    u64 changes;
    u32 mode;
};

static struct before begin(struct cpu *c, const struct insn *in)
{
    struct jit *j = c->engine_data;
    const struct run *r = run_of(in);

    jit_take_over(c, r, in, r->count - in->index_in_run, (u32)c->engine_word[W_BASE]);
    return (struct before){jit_changes(c, j), run_mode(r)};
}

/* Not in this block: to the next of `mode` through the table of jumps, if it may run now. */
static u64 onward(const struct cpu *c, const struct jit *j, u32 mode)
{
    const struct window *w = &c->mmu.window[c->mmu.class];
    const u8 *to = j->indirect[mode | (w->on ? MODE_WINDOW : 0)];

    if (c->attention || c->special || c->halted || !to || (w->on && j->windows.base != w->base))
        to = j->leave_memory;
    return (u64)(uintptr_t)to;
}

static u64 next(struct cpu *c, struct before b, u32 mode)
{
    struct jit *j = c->engine_data;

    if (unlikely(j->often.one_in))
        jit_disturb_perhaps(j);
    if (likely(!c->attention && !c->special && !c->halted && mode == b.mode &&
               b.changes == j->changes + c->mmu.sweeps))
        return LEAN_STAY;
    return onward(c, j, mode);
}

/*
 * Not done: jit_help raises the fault that is pending, or else calls the handler. Done again an
 * instruction that faulted could enter pages into the TLB that the fault has dropped.
 */
static const struct lean not_here = {LEAN_NOT, 0};

/* Ports that nobody watches and that are allowed. */
static bool may_use_port(struct cpu *c, u32 port, unsigned size)
{
    return !c->hooks && !(c->dr[7] & 0xFF) && io_allowed(c, (u16)port, size);
}

struct lean jit_in(struct cpu *c, const struct insn *in, u32 port)
{
    struct before b = begin(c, in);
    unsigned size = in->size[0];
    u32 value;

    if (!may_use_port(c, port, size))
        return not_here;
    value = bus_in(c->bus, (u16)port, size);
    return (struct lean){next(c, b, b.mode), value};
}

struct lean jit_out(struct cpu *c, const struct insn *in, u32 port, u32 value)
{
    struct before b = begin(c, in);
    unsigned size = in->size[1];

    if (!may_use_port(c, port, size))
        return not_here;
    bus_out(c->bus, (u16)port, size, size == 4 ? value : value & ((1u << size * 8) - 1));
    return (struct lean){next(c, b, b.mode), 0};
}

/* The register that MOV, POP, LDS and their kin load. */
static enum seg_reg loaded(const struct insn *in)
{
    static const struct {
        op_handler *handler;
        enum seg_reg seg;
    } pointers[] = {
        {op_LDS, SEG_DS}, {op_LES, SEG_ES}, {op_LSS, SEG_SS}, {op_LFS, SEG_FS}, {op_LGS, SEG_GS}};

    for (unsigned i = 0; i < ARRAY_LEN(pointers) && in->kind[0] == OPND_GPR; i++)
        if (optab_rows[in->row].handler == pointers[i].handler)
            return pointers[i].seg;
    return in->reg[0];
}

/*
 * MOV and POP. A load of SS holds interrupts back for one more instruction, which shows only if one
 * waits: see tr_slow_if_pending.
 */
struct lean jit_load_segment(struct cpu *c, const struct insn *in, u32 sel)
{
    enum seg_reg seg = loaded(in);
    struct before b = begin(c, in);

    if (seg == SEG_SS && (c->intr || c->nmi_latched))
        return not_here;
    if (!seg_load(c, seg, (u16)sel))
        return not_here;
    return (struct lean){next(c, b, c->mode | interp_segment_mode(c)), 0};
}

struct lean jit_load_control(struct cpu *c, const struct insn *in, u32 value)
{
    struct before b = begin(c, in);

    if (c->cpl != 0)
        return not_here;
    if (!control_load(c, in->reg[0], value))
        return not_here;
    return (struct lean){next(c, b, c->mode | interp_segment_mode(c)), 0};
}

/* JMP to a far address that the instruction names: to code, not through a gate or to a task. */
struct lean jit_far_jump(struct cpu *c, const struct insn *in, u32 none)
{
    struct descriptor d;
    u16 sel = (u16)in->imm2;

    begin(c, in);
    if (cpu_is_protected(c) &&
        (!(sel & SEL_INDEX_TI) || !desc_read(c, sel, VEC_GP, &d) || !attr_is_code(desc_attr(&d))))
        return not_here;
    if (!far_jump(c, sel, in->imm, in->opsize))
        return not_here;
    return (struct lean){onward(c, c->engine_data, c->mode | interp_segment_mode(c)),
                         (u32)c->next_rip};
}

struct lean jit_rdtsc(struct cpu *c, const struct insn *in, u32 none)
{
    struct before b = begin(c, in);

    if ((c->cr4 & CR4_TSD) && c->cpl != 0)
        return not_here;
    return (struct lean){next(c, b, b.mode), cpu_tsc(c)};
}
