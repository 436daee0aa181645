/*
 * The interpreter as an engine: runs of decoded instructions, a specialised body for each common
 * form, and the generic handlers (cpu/op_*.c) for everything else.
 *
 *   enter -> look up the run at CS:rip -> body -> body -> ... -> end of run or branch -> enter
 *                                          |
 *                                          +-> generic: rip, handler, fault or attention
 *
 * A body does its work only if nothing unusual is in the way: segment limit kept, page in the T
 * table, no page crossing. Otherwise it has changed nothing yet and goes to `generic`, which
 * executes the same instruction from the start through its handler; so bodies know neither faults
 * nor chips nor the TLB. While a run executes, c->rip is that of its first instruction and
 * c->count the number of instructions before it; `generic` makes both exact.
 *
 * Bodies are labels of one function and dispatched by computed goto: each ends in its own jump,
 * which the host predicts far better than one common jump.
 */
#include "cpu/engine.h"

#include "cpu/alu.h"
#include "cpu/fpu.h"
#include "cpu/fpu_inline.h"
#include "cpu/interp.h"
#include "cpu/op.h"
#include "cpu/optab.h"
#include "cpu/segment.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(INTERP_GENERIC)
#define HOT 1
#else
#define HOT 0
#endif

struct interp {
    const struct cpu *cpu;
    struct run_cache *runs;
    struct run_slot *front;
    const void *const *bodies;
    bool has_386;
    u8 ask[ROW_COUNT]; /* see select_body */
};

enum body {
    B_GENERIC,
    B_END,
#define BODY(name) B_##name,
#if HOT
#include "cpu/interp_bodies.inc"
#endif
#undef BODY
    B_COUNT
};

static const void *const *interp_loop(struct cpu *c, u64 until, struct run **hot,
                                      enum engine_stop *why);

#if HOT
#include "cpu/interp_select.inc"
#else
static u8 what_to_ask(const struct optab_row *row)
{
    return 0;
}

static enum body select_body(struct run *r, unsigned i, u8 ask)
{
    return B_GENERIC;
}

static enum body flat_body(const struct run *r, const struct insn *in, enum body b)
{
    return b;
}
#endif

u32 interp_segment_mode(const struct cpu *c)
{
    const struct segment *s = c->seg;
    u32 ends = s[SEG_DS].write_end & s[SEG_ES].write_end & s[SEG_SS].write_end &
               s[SEG_DS].read_end & s[SEG_ES].read_end & s[SEG_SS].read_end;
    u64 bases = s[SEG_DS].base | s[SEG_ES].base | s[SEG_SS].base;
    u32 flat = !bases && ends == 0xFFFFFFFF - 6 ? MODE_FLAT : 0;

    if ((c->mode & MODE_CODE_SIZE) == CODE16)
        return flat | (s[SEG_CS].limit >= 0xFFFF ? MODE_CS_FREE : 0);
    return flat | (!s[SEG_CS].base && s[SEG_CS].limit == 0xFFFFFFFF ? MODE_CS_FREE : 0);
}

static void finish_run(void *opaque, struct run *r)
{
    struct interp *e = opaque;

    for (unsigned i = 0; i < r->count; i++) {
        struct insn *in = &r->insn[i];

        /* What older chips do otherwise (PUSH SP, long shifts) only the handlers know. */
        enum body b = e->has_386 && !(e->cpu->undefined && optab_rows[in->row].flags_undefined)
                          ? select_body(r, i, e->ask[in->row])
                          : B_GENERIC;

        if (run_mode(r) & MODE_FLAT)
            b = flat_body(r, in, b);
        in->body = e->bodies[b];
        if (in->kind[0] == OPND_REL) {
            /* A branch: its displacement from the start of the run, and how its target is cut. */
            in->disp = (s32)(in->offset_in_run + in->len + in->imm);
            in->cut = in->opsize == 2 ? 16 : 0;
        } else {
            in->cut = in->asize == 2 ? 16 : 0;
        }
    }
    r->insn[r->count].body = e->bodies[B_END];
}

bool interp_open(struct cpu *c)
{
    struct interp *e = calloc(1, sizeof *e);

    if (!e)
        return false;
    e->cpu = c;
    e->bodies = interp_loop(NULL, 0, NULL, NULL);
    e->has_386 = model_has(c->model, FEAT_386);
    for (unsigned i = 0; i < ROW_COUNT; i++)
        e->ask[i] = what_to_ask(&optab_rows[i]);
    e->runs = run_cache_new(c, finish_run, e);
    if (!e->runs) {
        free(e);
        return false;
    }
    e->front = run_front(e->runs);
    c->interp = e;
    c->mmu.code_written = run_code_written;
    c->mmu.code_opaque = e->runs;
    return true;
}

void interp_close(struct cpu *c)
{
    struct interp *e = c->interp;

    if (!e)
        return;
    c->mmu.code_written = NULL;
    run_cache_free(e->runs);
    free(e);
    c->interp = NULL;
}

static void interp_flush(struct cpu *c)
{
    run_cache_flush(c->interp->runs);
}

struct run_cache *interp_runs(const struct cpu *c)
{
    return c->interp->runs;
}

/* The run at CS:rip, or NULL if the instruction there must be stepped. Never faults. */
static struct run *find_run(struct cpu *c, struct interp *e, u32 flat)
{
    u32 la = (u32)(c->seg[SEG_CS].base + c->rip);
    frame_id frame = c->mmu.exec[la >> PAGE_SHIFT];
    u64 key = run_key(frame, c->mode | flat, la & PAGE_MASK);
    struct run_slot *front = &e->front[(key ^ key >> 17) & (RUN_FRONT - 1)];
    struct run *r = front->run;

    if (unlikely(!frame))
        return NULL;
    if (unlikely(front->key != key || r->key != key)) {
        r = run_find(e->runs, key, la);
        if (!r)
            return NULL;
        *front = (struct run_slot){key, r};
    }
    if (unlikely(r->frame2) && c->mmu.exec[((la >> PAGE_SHIFT) + 1) & 0xFFFFF] != r->frame2)
        return NULL;
    if (unlikely(c->rip + r->bytes - 1 > c->seg[SEG_CS].limit))
        return NULL;
    return r;
}

/*
 * The page of the instruction that comes next into the exec table, as fetching it would; true if it
 * came. Who is interested in each instruction, and what else may happen at its fetch, is left to
 * cpu_step.
 */
static bool bring_in(struct cpu *c)
{
    u32 la = (u32)(c->seg[SEG_CS].base + c->rip);
    const frame_id *exec = &c->mmu.exec[la >> PAGE_SHIFT];
    struct walk w;

    if (*exec || c->special || c->hooks || c->rip > c->seg[SEG_CS].limit)
        return false;
    return mmu_translate(&c->mmu, la, MMU_FETCH, c->mmu.class, &w) && *exec;
}

/* A run that ended with the 64 KiB of code ends at 10000h, which the 8086 takes for 0. */
static inline void wrap_rip(struct cpu *c)
{
    if (unlikely(!model_has(c->model, FEAT_286)))
        c->rip &= 0xFFFF;
}

struct run *interp_find_run(struct cpu *c, u32 segment_mode)
{
    struct run *r = find_run(c, c->interp, segment_mode);

    return r || !bring_in(c) ? r : find_run(c, c->interp, segment_mode);
}

enum engine_stop interp_until(struct cpu *c, u64 until, struct run **hot)
{
    enum engine_stop why = ENGINE_ERROR;

    interp_loop(c, until, hot, &why);
    wrap_rip(c);
    return why;
}

static enum engine_stop interp_run(struct cpu *c, u64 until)
{
    enum engine_stop why;

    if (c->shutdown) /* the delivery of an interrupt was a triple fault */
        return ENGINE_SHUTDOWN;
    c->until = until;
    why = interp_until(c, until, NULL);
    fpu_leave(c);
    return why;
}

#if HOT
static const u8 byte_of_reg[20] = {0,  8,  16, 24,  32,  40,  48, 56, 64, 72,
                                   80, 88, 96, 104, 112, 120, 1,  9,  17, 25};

/* For crash reports; the CS of a near call is the same at both ends. */
static inline void note_call(struct cpu *c, u32 from, u32 to)
{
    u32 slot = c->transfer_next++ % TRANSFER_LOG;

    c->transfers[slot].from_cs = c->transfers[slot].to_cs = c->seg[SEG_CS].sel;
    c->transfers[slot].from = from;
    c->transfers[slot].to = to;
}

static inline u16 hot_load_2(const u8 *host)
{
    u16 v;

    memcpy(&v, host, 2);
    return v;
}

static inline u32 hot_load_4(const u8 *host)
{
    u32 v;

    memcpy(&v, host, 4);
    return v;
}

static inline void hot_store_2(u8 *host, u16 v)
{
    memcpy(host, &v, 2);
}

static inline void hot_store_4(u8 *host, u32 v)
{
    memcpy(host, &v, 4);
}
#endif

/*
 * The loop. Called with NULL it returns the table of labels instead, indexed by enum body.
 */
static const void *const *interp_loop(struct cpu *c, u64 until, struct run **hot,
                                      enum engine_stop *why)
{
    static const void *const labels[B_COUNT] = {
        [B_GENERIC] = &&generic,
        [B_END] = &&end_of_run,
#define BODY(name) [B_##name] = &&body_##name,
#if HOT
#include "cpu/interp_bodies.inc"
#endif
#undef BODY
    };
    struct interp *e;
    struct run *run, **slot;
    const struct insn *in;
    const u64 *table_read, *table_write;
    u64 kills, changes, start, key;
    u32 flat;

    if (!c)
        return labels;
    e = c->interp;
    flat = interp_segment_mode(c);

enter:
    if (unlikely(c->attention)) {
        *why = c->halted ? ENGINE_HALT : ENGINE_ATTENTION;
        return NULL;
    }
    if (unlikely(c->special))
        goto step;
    run = find_run(c, e, flat);
    if (unlikely(!run))
        goto step;
    if (unlikely(c->count + run->count > until))
        goto step;
    table_read = c->mmu.read;
    table_write = c->mmu.write;
    if (unlikely(!--run->heat))
        goto heated;
    in = run->insn;
    goto * in->body;

heated:
    run->heat = 1;
    if (hot) {
        *hot = run;
        return NULL;
    }
    in = run->insn;
    goto * in->body;

end_of_run:
    c->rip += run->bytes;
    c->count += run->count;
    if (unlikely(run->offset + run->bytes >= PAGE_SIZE))
        goto enter;
    slot = &run->next;
    key = run->key + run->bytes;

follow:
    /*
     * On to code in the same page, which is mapped as it was when this run was entered: only a
     * handler could have changed mode, mapping or attention, and it would have gone to `enter`.
     */
    run = *slot;
    if (unlikely(!run || run->key != key)) {
        kills = run_kills(e->runs);
        run = find_run(c, e, flat);
        if (unlikely(!run))
            goto step;
        if (likely(run->key == key && !run->frame2 && kills == run_kills(e->runs)))
            *slot = run;
    }
    if (unlikely(c->rip + run->bytes - 1 > c->seg[SEG_CS].limit || c->count + run->count > until))
        goto step;
    if (unlikely(!--run->heat))
        goto heated;
    in = run->insn;
    goto * in->body;

step:
    /* One instruction with all checks: special modes, the last few before `until`, odd fetches. */
    if (c->count >= until) {
        *why = ENGINE_COUNT;
        return NULL;
    }
    wrap_rip(c);
    if (bring_in(c))
        goto enter;
    if (unlikely(!cpu_step(c))) {
        *why = ENGINE_SHUTDOWN;
        return NULL;
    }
    goto halted_or_enter;

generic:
    start = c->rip;
    changes = run_kills(e->runs) + c->mmu.sweeps;
    c->rip = (u32)(start + in->offset_in_run);
    c->next_rip = (u32)(c->rip + in->len);
    c->run_index = in->index_in_run;
    if (unlikely(!optab_rows[in->row].handler(c, in))) {
        c->count += c->run_index;
        c->run_index = 0;
        if (!fault_deliver(c)) {
            *why = ENGINE_SHUTDOWN;
            return NULL;
        }
        goto halted_or_enter;
    }
    if (likely(!(in->flags & INSN_ENDS) && !c->attention && !c->special &&
               c->next_rip == (u32)(c->rip + in->len) && flat == interp_segment_mode(c) &&
               changes == run_kills(e->runs) + c->mmu.sweeps)) {
        c->rip = start;
        c->run_index = 0;
        in++;
        goto * in->body;
    }
    c->count += c->run_index + 1;
    c->run_index = 0;
    c->rip = c->next_rip;
halted_or_enter:
    flat = interp_segment_mode(c);
    if (unlikely(c->halted)) {
        *why = ENGINE_HALT;
        return NULL;
    }
    goto enter;

#if HOT
#include "cpu/interp_hot.inc"
#endif
}

const struct engine engine_interp = {
    .name = "interp",
    .attach = interp_open,
    .detach = interp_close,
    .run = interp_run,
    .flush = interp_flush,
};
