/*
 * The processor as the board sees it: creation, reset, saved state, derived state. Sources: SDM
 * Vol. 3A, "Processor State After Reset"; data sheets of the 8086, 80286 and 386 DX, "RESET".
 */
#include "cpu/cpu.h"

#include "base/log.h"
#include "base/state.h"
#include "cpu/fault.h"
#include "cpu/fpu.h"
#include "cpu/hooks.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

#include <stdlib.h>
#include <string.h>

/* ---- EFLAGS ---- */

u64 cpu_flags(const struct cpu *c)
{
    u32 low = c->aflags >> 8 & (EF_CF | EF_PF | EF_AF | EF_ZF | EF_SF);

    return c->eflags | low | (c->aflags & AF_OF ? EF_OF : 0);
}

void cpu_set_flags(struct cpu *c, u64 flags)
{
    u32 low = flags & (EF_CF | EF_PF | EF_AF | EF_ZF | EF_SF);

    c->aflags = (u16)(low << 8 | (flags & EF_OF ? AF_OF : 0));
    c->eflags = ((u32)flags & ~(u32)EF_ARITH) | EF_FIXED;
}

void flags_load(struct cpu *c, u32 value, u32 mask)
{
    u32 old = (u32)cpu_flags(c), changed;

    mask &= c->model->eflags_mask;
    cpu_set_flags(c, (old & ~mask) | (value & mask) | c->model->eflags_ones);
    changed = (old ^ value) & mask;
    if (changed & (EF_TF | EF_IOPL | EF_RF | EF_VM | EF_AC | EF_VIF | EF_VIP))
        cpu_update_level(c);
    else if (changed & EF_IF)
        interrupts_changed(c);
}

/* ---- Derived state ---- */

static u32 mode_of(const struct cpu *c)
{
    u32 mode = c->seg[SEG_CS].attr & DESC_DB ? CODE32 : CODE16;

    if (cpu_is_protected(c))
        mode |= MODE_PROTECTED;
    if (cpu_is_v86(c))
        mode |= MODE_V86;
    if (c->seg[SEG_SS].attr & DESC_DB)
        mode |= MODE_STACK32;
    if (c->cpl == 3)
        mode |= MODE_USER;
    return mode;
}

/*
 * VIF and VIP set together where they are in force. VIP is recognized below IOPL 3 only (SDM Vol.
 * 3A, "System Flags and Fields in the EFLAGS Register").
 */
static bool virtual_interrupt_due(const struct cpu *c)
{
    u32 both = EF_VIF | EF_VIP;

    return (c->eflags & both) == both && c->cpl == 3 && (c->eflags & EF_IOPL) != EF_IOPL &&
           (c->cr4 & (cpu_is_v86(c) ? CR4_VME : CR4_PVI));
}

static u32 special_of(const struct cpu *c)
{
    u32 special =
        c->special & (SPECIAL_SHADOW | SPECIAL_SS_SHADOW | SPECIAL_NO_STEP | SPECIAL_DEBUGGER);

    if (c->eflags & EF_TF)
        special |= SPECIAL_TF;
    if (c->eflags & EF_RF)
        special |= SPECIAL_RF;
    if ((c->dr[7] & 0xFF) && debug_has_code_breakpoint(c))
        special |= SPECIAL_DR_CODE;
    if (c->cpl == 3 && (c->eflags & EF_AC) && (c->cr0 & CR0_AM))
        special |= SPECIAL_AC;
    if (virtual_interrupt_due(c))
        special |= SPECIAL_VIP;
    return special;
}

void cpu_update_level(struct cpu *c)
{
    c->mode = mode_of(c);
    c->stack_mask = c->mode & MODE_STACK32 ? 0xFFFFFFFF : 0xFFFF;
    c->special = special_of(c);
    interrupts_changed(c);
    mmu_set_class(&c->mmu, c->cpl == 3 ? MMU_USER : MMU_SUPERVISOR);
    if (unlikely(c->hooks != NULL))
        c->hooks->level(c->hooks->opaque);
}

void cpu_update_mode(struct cpu *c)
{
    struct paging p = {
        .cr3 = c->cr3,
        .enabled = c->cr0 & CR0_PG,
        .wp = c->cr0 & CR0_WP,
        .pse = c->cr4 & CR4_PSE,
        .pae = c->cr4 & CR4_PAE,
        .pge = c->cr4 & CR4_PGE,
        .phys_bits = 32,
    };

    cpu_update_level(c);
    mmu_set_paging(&c->mmu, &p);
}

/* ---- Reset ---- */

static void reset_segments(struct cpu *c)
{
    bool at_286 = model_has(c->model, FEAT_286);

    for (unsigned i = 0; i < SEG_COUNT; i++) {
        c->seg[i] = (struct segment){
            .attr = DESC_P | DESC_S | DESC_RW | DESC_ACCESSED,
            .limit = 0xFFFF,
        };
        seg_update(&c->seg[i]);
    }
    c->seg[SEG_CS].sel = at_286 ? 0xF000 : 0xFFFF;
    c->seg[SEG_CS].base = !at_286 ? 0xFFFF0 : model_has(c->model, FEAT_386) ? 0xFFFF0000 : 0xFF0000;
    c->rip = at_286 ? 0xFFF0 : 0;
    c->ldtr = (struct segment){.attr = DESC_P | SYS_LDT, .limit = 0xFFFF};
    c->tr = (struct segment){.attr = DESC_P | SYS_TSS32_BUSY, .limit = 0xFFFF};
    c->gdtr = c->idtr = (struct table_reg){.limit = 0xFFFF};
}

static void reset_control(struct cpu *c, bool power_on)
{
    u64 caching = CR0_CD | CR0_NW;

    if (!model_has(c->model, FEAT_486))
        c->cr0 = 0;
    else
        c->cr0 = CR0_ET | (power_on ? caching : c->cr0 & caching);
    c->cr2 = c->cr3 = c->cr4 = c->cr8 = 0;
    memset(c->dr, 0, sizeof c->dr);
    c->dr[6] = 0xFFFF0FF0;
    c->dr[7] = 0x400;
    memset(c->test_reg, 0, sizeof c->test_reg);
}

void cpu_reset(struct cpu *c, bool power_on)
{
    memset(c->gpr, 0, sizeof c->gpr);
    c->gpr[RDX] = model_has(c->model, FEAT_386) ? c->model->signature : 0;
    c->cpl = 0;
    c->halted = c->shutdown = c->nmi_blocked = c->nmi_latched = false;
    c->fault = (struct fault){0};
    c->special &= SPECIAL_DEBUGGER;
    c->attention &= ~(u32)(ATT_NMI | ATT_DEBUG | ATT_INIT | ATT_RESET | ATT_SMI);
    c->dr6_pending = c->faults_in_row = 0;
    c->crash[0] = 0;
    cpu_set_flags(c, c->model->eflags_ones);
    reset_segments(c);
    reset_control(c, power_on);
    if (power_on) {
        fpu_reset(c);
        msr_reset(c);
        c->tsc_offset = 0;
        c->tsc_offset = 0 - cpu_tsc(c);
        c->ignne = false;
    }
    cpu_update_mode(c);
    mmu_flush_all(&c->mmu);
}

/* ---- Creation ---- */

/* No T entries for pages with a data breakpoint: their accesses take the slow path, which looks. */
static u32 hidden_entries(void *opaque, u64 la, u64 gpa)
{
    const struct cpu *c = opaque;
    u32 hide = (c->dr[7] & 0xFF) && debug_watches_page(c, la >> PAGE_SHIFT) ? MMU_HIDE_DATA : 0;

    return c->hooks ? hide | c->hooks->hides(c->hooks->opaque, la, gpa) : hide;
}

struct cpu *cpu_new(const struct cpu_model *model, const struct engine *engine, struct bus *bus,
                    const struct cpu_pins *pins, struct log *log, unsigned index)
{
    struct cpu *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->model = model;
    c->bus = bus;
    c->pins = *pins;
    c->log = log;
    c->index = index;
    c->until = UINT64_MAX;
    if (!mmu_init(&c->mmu, bus_physmap(bus))) {
        free(c);
        return NULL;
    }
    c->mmu.hides = hidden_entries;
    c->mmu.hides_opaque = c;
    if (!engine->attach(c)) {
        mmu_destroy(&c->mmu);
        free(c);
        return NULL;
    }
    c->engine = engine;
    cpu_reset(c, true);
    return c;
}

void cpu_free(struct cpu *c)
{
    if (!c)
        return;
    c->engine->detach(c);
    mmu_destroy(&c->mmu);
    free(c);
}

/* ---- State ---- */

static void segment_state(struct state *s, struct segment *seg)
{
    state_u16(s, "sel", &seg->sel);
    state_u16(s, "attr", &seg->attr);
    state_bool(s, "unusable", &seg->unusable);
    state_u32(s, "limit", &seg->limit);
    state_u64(s, "base", &seg->base);
    state_require(s, !(seg->attr & 0xF00), "cpu: a segment has attributes that do not exist");
    state_require(s, seg->base <= 0xFFFFFFFF, "cpu: a segment's base is out of range");
    if (state_is_loading(s))
        seg_update(seg);
}

static void table_state(struct state *s, struct table_reg *t)
{
    state_u64(s, "base", &t->base);
    state_u32(s, "limit", &t->limit);
    state_require(s, t->limit <= 0xFFFF && t->base <= 0xFFFFFFFF,
                  "cpu: a descriptor table is out of range");
}

static void register_state(struct cpu *c, struct state *s)
{
    u64 flags = cpu_flags(c), allowed = c->model->eflags_mask | c->model->eflags_ones;

    for (unsigned i = 0; i < GPR_COUNT; i++)
        state_u64(s, "gpr", &c->gpr[i]);
    state_u64(s, "rip", &c->rip);
    state_u64(s, "flags", &flags);
    state_require(s, !(flags & ~allowed) && (flags & EF_FIXED), "cpu: flags that do not exist");
    if (state_is_loading(s))
        cpu_set_flags(c, flags);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        segment_state(s, &c->seg[i]);
    segment_state(s, &c->ldtr);
    segment_state(s, &c->tr);
    table_state(s, &c->gdtr);
    table_state(s, &c->idtr);
    state_u8(s, "cpl", &c->cpl);
}

static void control_state(struct cpu *c, struct state *s)
{
    state_u64(s, "cr0", &c->cr0);
    state_u64(s, "cr2", &c->cr2);
    state_u64(s, "cr3", &c->cr3);
    state_u64(s, "cr4", &c->cr4);
    state_u64(s, "cr8", &c->cr8);
    for (unsigned i = 0; i < ARRAY_LEN(c->dr); i++)
        state_u64(s, "dr", &c->dr[i]);
    for (unsigned i = 0; i < ARRAY_LEN(c->test_reg); i++)
        state_u32(s, "tr", &c->test_reg[i]);
    state_require(s, !(c->cr0 & CR0_PG) || (c->cr0 & CR0_PE), "cpu: paging without protection");
    state_require(s, !(c->cr4 & ~(u64)c->model->cr4_mask), "cpu: CR4 has bits of another model");
    state_require(s, c->cr3 <= 0xFFFFFFFF, "cpu: CR3 is out of range");
    state_require(s,
                  c->cpl <= 3 && (c->cpl == 0 || (c->cr0 & CR0_PE)) &&
                      (!cpu_is_v86(c) || (c->cpl == 3 && (c->cr0 & CR0_PE))),
                  "cpu: the privilege level does not fit the mode");
}

static void msr_state(struct cpu *c, struct state *s)
{
    state_u64(s, "tsc_offset", &c->tsc_offset);
    state_u64(s, "sysenter_cs", &c->msr_sysenter_cs);
    state_u64(s, "sysenter_esp", &c->msr_sysenter_esp);
    state_u64(s, "sysenter_eip", &c->msr_sysenter_eip);
    state_u64(s, "efer", &c->msr_efer);
    state_u64(s, "pat", &c->msr_pat);
    state_u64(s, "mcg_cap", &c->msr_mcg_cap);
    state_u64(s, "mcg_status", &c->msr_mcg_status);
    state_u64(s, "mcg_ctl", &c->msr_mcg_ctl);
    state_u64(s, "debugctl", &c->msr_debugctl);
    for (unsigned i = 0; i < ARRAY_LEN(c->msr_perf); i++)
        state_u64(s, "perf", &c->msr_perf[i]);
    for (unsigned i = 0; i < ARRAY_LEN(c->msr_mtrr); i++)
        state_u64(s, "mtrr", &c->msr_mtrr[i]);
    state_require(s, !c->msr_efer, "cpu: EFER of another model");
}

static void fpu_state(struct fpu *f, struct state *s)
{
    for (unsigned i = 0; i < 8; i++)
        state_bytes(s, "st", f->reg[i], 10);
    state_u16(s, "cw", &f->cw);
    state_u16(s, "sw", &f->sw);
    state_u8(s, "top", &f->top);
    state_u8(s, "tags", &f->tags);
    state_u16(s, "fop", &f->fop);
    state_u16(s, "fcs", &f->fcs);
    state_u16(s, "fds", &f->fds);
    state_u64(s, "fip", &f->fip);
    state_u64(s, "fdp", &f->fdp);
    state_require(s, fpu_sane(f), "cpu: such an x87 state cannot be");
}

static void pin_state(struct cpu *c, struct state *s)
{
    u32 shadow = c->special & (SPECIAL_SHADOW | SPECIAL_SS_SHADOW);

    state_bool(s, "halted", &c->halted);
    state_bool(s, "shutdown", &c->shutdown);
    state_bool(s, "nmi_blocked", &c->nmi_blocked);
    state_bool(s, "nmi_latched", &c->nmi_latched);
    state_bool(s, "intr", &c->intr);
    state_bool(s, "ignne", &c->ignne);
    state_u8(s, "dr6_pending", &c->dr6_pending);
    idle_state(&c->idle, s);
    state_u32(s, "shadow", &shadow);
    state_require(s, !(c->dr6_pending & ~(15 | DEBUG_TASK)), "cpu: breakpoints that do not exist");
    state_require(s, !(shadow & ~(u32)(SPECIAL_SHADOW | SPECIAL_SS_SHADOW)),
                  "cpu: an interrupt shadow that does not exist");
    state_u64(s, "count", &c->count);
    state_u64(s, "fault_count", &c->fault_count);
    state_u8(s, "faults_in_row", &c->faults_in_row);
    if (state_is_loading(s))
        c->special = (c->special & SPECIAL_DEBUGGER) | shadow;
}

/* Caches of decoded code, T tables and the like follow from what was loaded. */
static void derive(struct cpu *c)
{
    c->fpu.host = FPU_IN_MEMORY;
    c->fault = (struct fault){0};
    c->run_index = 0;
    c->attention &= ATT_TIMER | ATT_STOP;
    if (c->nmi_latched)
        c->attention |= ATT_NMI;
    if (c->dr6_pending)
        c->attention |= ATT_DEBUG;
    cpu_update_mode(c);
    if (c->engine->flush)
        c->engine->flush(c);
}

void cpu_state(struct cpu *c, struct state *s)
{
    state_begin(s, "cpu", 1);
    register_state(c, s);
    control_state(c, s);
    msr_state(c, s);
    fpu_state(&c->fpu, s);
    pin_state(c, s);
    if (state_is_loading(s) && !state_error(s))
        derive(c);
    state_end(s);
    mmu_state(&c->mmu, s);
}
