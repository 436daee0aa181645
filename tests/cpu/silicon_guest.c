/*
 * Our side of the silicon differential: a paged machine with the arena at the host's linear
 * addresses, and above it what the processor needs, for the supervisor only. Each exception's
 * handler is a HLT; where it lies says which one it was, and the frame it pushed says the rest.
 */
#include "tests/cpu/silicon.h"

#include "base/bytes.h"
#include "cpu/fault.h"
#include "cpu/fpu.h"
#include "cpu/segment.h"
#include "tests/support/cpubox.h"

#include <string.h>

enum physical {
    P_DIRECTORY = 0x1000,
    P_ARENA_TABLE = 0x2000,
    P_SYSTEM_TABLE = 0x3000,
    P_SYSTEM = 0x10000, /* 32 pages */
    P_ARENA = 0x40000,  /* at its offset from ARENA_CODE */
};

/* The supervisor's pages: far from what random addresses hit. */
enum system {
    SYS = 0x5A400000,
    SYS_GDT_AT = SYS,
    SYS_IDT_AT = SYS + 0x1000,
    SYS_LDT_AT = SYS + 0x2000,
    SYS_TSS_AT = SYS + 0x3000,
    SYS_HANDLERS = SYS + 0x4000,
    SYS_STACK = SYS + 0x6000, /* grows down from here */
    SYS_END = SYS + 0x6000,
};

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_AD = 0x60 };
enum {
    GDT_KERNEL_CODE = 0x10,
    GDT_TSS = 0x40,
    GDT_LDT = 0x50,
    GDT_PERCPU = 0x78,
    GDT_LIMIT = 0x7F
};
enum { EXCEPTIONS = 32, RUN_LIMIT = 1 << 20 };

static struct {
    struct cpubox box;
    struct segment seg[2][32]; /* by TI and index: what loading the selector gives */
    bool cached[2][32];
    u64 started;
} guest;

static u8 *system_host(u32 la)
{
    return guest.box.ram + P_SYSTEM + (la - SYS);
}

static u8 *arena_host(u32 la)
{
    return guest.box.ram + P_ARENA + (la - ARENA_CODE);
}

/* ---- Descriptor tables, as Linux has them ---- */

void ldt_descriptor(const struct ldt_entry *e, u32 out[2])
{
    u32 type = 1u | (e->read_only ? 0 : 2u) | (e->expand_down ? 4u : 0) | (e->code ? 8u : 0);

    out[0] = out[1] = 0;
    if (!e->limit)
        return;
    out[0] = (e->base & 0xFFFF) << 16 | (e->limit & 0xFFFF);
    out[1] = (e->base >> 16 & 0xFF) | type << 8 | 1u << 12 | 3u << 13 |
             (e->not_present ? 0 : 1u << 15) | (e->limit & 0xF0000) | (e->big ? 1u << 22 : 0) |
             (e->pages ? 1u << 23 : 0) | (e->base & 0xFF000000);
}

static void put_descriptor(u32 table_la, u16 sel, u32 lo, u32 hi)
{
    put_le32(system_host(table_la) + (sel & ~7u), lo);
    put_le32(system_host(table_la) + (sel & ~7u) + 4, hi);
}

static void put_system_descriptor(u16 sel, u32 base, u32 limit, u32 type)
{
    put_descriptor(SYS_GDT_AT, sel, base << 16 | limit,
                   (base & 0xFF000000) | (base >> 16 & 0xFF) | type << 8);
}

static void build_tables(u32 percpu_limit)
{
    unsigned n;
    u32 d[2];

    put_descriptor(SYS_GDT_AT, 0x08, 0x0000FFFF, 0x00CF9B00); /* kernel, 32-bit code */
    put_descriptor(SYS_GDT_AT, 0x10, 0x0000FFFF, 0x00CF9B00); /* kernel code (64-bit at Linux) */
    put_descriptor(SYS_GDT_AT, 0x18, 0x0000FFFF, 0x00CF9300); /* kernel data */
    put_descriptor(SYS_GDT_AT, 0x20, 0x0000FFFF, 0x00CFFB00); /* user, 32-bit code */
    put_descriptor(SYS_GDT_AT, 0x28, 0x0000FFFF, 0x00CFF300); /* user data */
    put_descriptor(SYS_GDT_AT, 0x30, 0x0000FFFF, 0x00AFFB00); /* user, 64-bit code */
    put_descriptor(SYS_GDT_AT, GDT_PERCPU, percpu_limit, 0x0040F500);
    put_system_descriptor(GDT_TSS, SYS_TSS_AT, 0x67, 0x8B);
    put_system_descriptor(GDT_LDT, SYS_LDT_AT, silicon_ldt_count * 8 - 1, 0x82);
    for (n = 0; n < silicon_ldt_count; n++) {
        ldt_descriptor(&silicon_ldt[n], d);
        put_descriptor(SYS_LDT_AT, (u16)(n << 3), d[0], d[1]);
    }
    for (n = 0; n < 256; n++) {
        u32 at = SYS_HANDLERS + n, dpl = n == VEC_BP || n == VEC_OF ? 3 : 0;

        put_descriptor(SYS_IDT_AT, (u16)(n << 3), GDT_KERNEL_CODE << 16 | (at & 0xFFFF),
                       (at & 0xFFFF0000) | 0x8E00 | dpl << 13);
    }
    memset(system_host(SYS_HANDLERS), 0xF4 /* HLT */, 0x1000);
    put_le32(system_host(SYS_TSS_AT) + 4, SYS_STACK);
    put_le32(system_host(SYS_TSS_AT) + 8, 0x18);
    put_le16(system_host(SYS_TSS_AT) + 0x66, 0x67); /* no I/O bitmap */
}

/* ---- Paging ---- */

static void map_pages(u32 table, u32 la, u32 gpa, u32 bytes, u32 rights)
{
    u8 *ram = guest.box.ram;

    put_le32(ram + P_DIRECTORY + (la >> 22) * 4, table | PTE_P | PTE_W | PTE_U | PTE_AD);
    for (; bytes; bytes -= PAGE_SIZE, la += PAGE_SIZE, gpa += PAGE_SIZE)
        put_le32(ram + table + (la >> 12 & 0x3FF) * 4, gpa | PTE_P | PTE_AD | rights);
}

static void map_arena(u32 la, u32 bytes, u32 rights)
{
    map_pages(P_ARENA_TABLE, la, P_ARENA + (la - ARENA_CODE), bytes, rights | PTE_U);
}

static void build_pages(void)
{
    map_arena(ARENA_CODE, ARENA_CODE_BYTES, 0);
    map_arena(ARENA_DATA, ARENA_DATA_BYTES, PTE_W);
    map_arena(ARENA_RO, ARENA_RO_BYTES, 0);
    map_arena(ARENA_STACK, ARENA_STACK_BYTES, PTE_W);
    map_pages(P_SYSTEM_TABLE, SYS, P_SYSTEM, SYS_END - SYS, PTE_W);
}

/* ---- Registers ---- */

/* A segment register with its hidden part, from the tables. */
static struct segment *segment_of(u16 sel)
{
    unsigned ti = sel >> 2 & 1, index = sel >> 3;
    struct segment *s = &guest.seg[ti][index];
    const u8 *d = system_host(ti ? SYS_LDT_AT : SYS_GDT_AT) + index * 8;

    if (!guest.cached[ti][index]) {
        struct descriptor desc = {get_le32(d), get_le32(d + 4)};

        s->attr = desc_attr(&desc);
        s->base = desc_base(&desc);
        s->limit = desc_limit(&desc);
        s->unusable = !(sel & ~3);
        seg_update(s);
        guest.cached[ti][index] = true;
    }
    s->sel = sel;
    return s;
}

static void load_fpu(struct fpu *f, const struct silicon_fpu *in)
{
    f->cw = in->cw;
    f->sw = in->sw & ~SW_TOP;
    f->top = in->sw >> SW_TOP_SHIFT & 7;
    f->tags = in->tags;
    for (unsigned i = 0; i < 8; i++)
        memcpy(fpu_st(f, i), in->st[i], 10);
}

static void save_fpu(struct fpu *f, struct silicon_fpu *out)
{
    out->cw = f->cw;
    out->sw = (u16)(f->sw | f->top << SW_TOP_SHIFT);
    out->tags = f->tags;
    for (unsigned i = 0; i < 8; i++)
        memcpy(out->st[i], fpu_st(f, i), 10);
}

static void load_state(struct cpu *c, const struct silicon_state *s)
{
    for (unsigned n = 0; n < 8; n++)
        c->gpr[n] = s->gpr[n];
    c->cpl = 3;
    for (unsigned n = 0; n < SEG_COUNT; n++)
        c->seg[n] = *segment_of(s->sel[n]);
    c->rip = s->eip;
    cpu_set_flags(c, s->eflags | EF_FIXED);
    load_fpu(&c->fpu, &s->fpu);
    c->halted = false;
    c->fault = (struct fault){0};
    cpu_update_mode(c);
}

static bool has_error(unsigned vector)
{
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC;
}

/* What the handler found: its own address says the vector, the frame the rest. */
static void save_state(struct cpu *c, struct silicon_result *r)
{
    struct silicon_state *s = &r->state;
    const u8 *frame = system_host((u32)c->gpr[RSP]);

    r->vector = (u32)c->rip - SYS_HANDLERS - 1;
    if (has_error(r->vector)) {
        r->error = get_le32(frame);
        frame += 4;
    }
    r->cr2 = (u32)c->cr2;
    for (unsigned n = 0; n < 8; n++)
        s->gpr[n] = (u32)c->gpr[n];
    for (unsigned n = 0; n < SEG_COUNT; n++)
        s->sel[n] = c->seg[n].sel;
    s->eip = get_le32(frame);
    s->sel[SEG_CS] = get_le16(frame + 4);
    s->eflags = get_le32(frame + 8);
    s->gpr[RSP] = get_le32(frame + 12);
    s->sel[SEG_SS] = get_le16(frame + 16);
    save_fpu(&c->fpu, &s->fpu);
}

/* ---- Running ---- */

const char *guest_open(const char *model, u32 percpu_limit)
{
    struct cpu *c;

    if (!cpubox_open(&guest.box, model))
        return "no such model, or no memory";
    c = guest.box.cpu;
    cpubox_flat32(&guest.box);
    build_pages();
    build_tables(percpu_limit);
    memset(arena_host(ARENA_CODE), FILLER, ARENA_CODE_BYTES);
    c->gdtr = (struct table_reg){SYS_GDT_AT, GDT_LIMIT};
    c->idtr = (struct table_reg){SYS_IDT_AT, 256 * 8 - 1};
    c->ldtr = (struct segment){
        .sel = GDT_LDT, .attr = DESC_P | 2, .base = SYS_LDT_AT, .limit = silicon_ldt_count * 8 - 1};
    c->tr =
        (struct segment){.sel = GDT_TSS, .attr = DESC_P | 11, .base = SYS_TSS_AT, .limit = 0x67};
    c->cr3 = P_DIRECTORY;
    c->cr0 |= CR0_PG | CR0_WP | CR0_AM;
    cpu_update_mode(c);
    guest.started = cpu_count(c);
    return NULL;
}

void guest_close(void)
{
    cpubox_close(&guest.box);
}

struct cpu *guest_cpu(void)
{
    return guest.box.cpu;
}

u64 guest_count(void)
{
    return cpu_count(guest.box.cpu) - guest.started;
}

const struct cpu_model *guest_model(void)
{
    return guest.box.cpu->model;
}

static void swap_memory(u8 *memory, bool in)
{
    static const struct {
        u32 la, bytes;
    } piece[] = {{ARENA_DATA, ARENA_DATA_BYTES},
                 {ARENA_STACK, ARENA_STACK_BYTES},
                 {ARENA_RO, ARENA_RO_BYTES}};

    for (size_t i = 0; i < ARRAY_LEN(piece); memory += piece[i++].bytes) {
        u8 *p = arena_host(piece[i].la);

        memcpy(in ? p : memory, in ? memory : p, piece[i].bytes);
    }
}

void guest_run(const struct silicon_code *code, const struct silicon_state *in, u8 *memory,
               struct silicon_result *out)
{
    struct cpu *c = guest.box.cpu;
    u32 at = P_ARENA + (code->la - ARENA_CODE);
    u8 filler[CODE_MAX];

    memset(out, 0, sizeof *out);
    swap_memory(memory, true);
    cpubox_put(&guest.box, at, code->bytes, code->len);
    load_state(c, in);
    out->timeout = c->engine->run(c, c->count + RUN_LIMIT) != ENGINE_HALT;
    if (!out->timeout)
        save_state(c, out);
    memset(filler, FILLER, sizeof filler);
    cpubox_put(&guest.box, at, filler, code->len);
    swap_memory(memory, false);
}
