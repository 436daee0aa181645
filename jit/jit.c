/*
 * The translator as an engine: what runs when, and what happens when code changes.
 *
 *   interpret until a run is hot -> translate it -> enter -> ... blocks jump to blocks ...
 *        ^                                                     |
 *        +---- left: unknown target, count used up, helper ----+
 *
 * All state is canonical in struct cpu whenever this file's code runs; while a block runs, guest
 * registers and flags are in the host's, and the count is W_LIMIT - W_LEFT.
 */
#include "jit/jit.h"

#include "base/sparse.h"
#include "cpu/engine.h"
#include "cpu/fault.h"
#include "cpu/fpu.h"
#include "jit/private.h"
#include "jit/x64/signal.h"

#include <stdlib.h>
#include <string.h>

enum { JUMPS_BYTES = JUMP_MODES * JUMP_SLOTS * (int)sizeof(struct jump_slot) };

/* Pages whose code was written this often are translated later and later. */
enum { KILLS_PER_DOUBLING = 16, DOUBLINGS_MAX = 12 };

enum { BLOCKS_PER_RUN = 8 };

static struct jit *jit_of(const struct cpu *c)
{
    return c->engine_data;
}

/* ---- Code that changes ---- */

/* Not to be found any more by those who look for its run's. */
static void unlist(struct block *b)
{
    struct block **at = (struct block **)&b->run->block;

    while (*at != b)
        at = &(*at)->also;
    *at = b->also;
}

static void drop_block(struct jit *j, struct block *b)
{
    unlist(b);
    x64_retire(j, b);
    b->run = NULL;
}

void jit_drop_blocks(struct jit *j, struct run *r)
{
    while (r->block)
        drop_block(j, r->block);
    for (struct user *u = r->users; u; u = u->next)
        if (u->block->run && trace_uses(u->block, r))
            drop_block(j, u->block);
    r->users = NULL;
}

static void killed(void *opaque, struct run *r)
{
    struct jit *j = opaque;

    j->changes++;
    if (!r->block && !r->users)
        return;
    j->stat.killed++;
    jit_note_killed(j, r);
    jit_drop_blocks(j, r);
}

/* Its next translation loads them, since they may change again. */
static void patched(void *opaque, struct run *r, unsigned index)
{
    const struct block *b = r->block;
    struct jit *j = opaque;

    j->stat.patched++;
    while (b && (b->patched >> index & 1))
        b = b->also;
    if (!b && !r->users)
        return;
    j->changes++;
    jit_drop_blocks(j, r);
}

static void flushed(void *opaque)
{
    struct jit *j = opaque;

    jit_note_flushed(j);
    j->stat.flushes++;
    j->changes++;
    j->flushed = true;
    j->code.hot = j->code.reserved;
    j->code.cold = j->code.hot_end;
    j->windows.sites = 0;
    arena_empty(j);
    memset(j->indirect, 0, sizeof j->indirect);
    sparse_clear(j->jumps, JUMPS_BYTES);
    sparse_clear(j->code.jumps, JUMP_TABLE_BYTES);
}

/* ---- Life ---- */

static void close_all(struct jit *j)
{
    jit_notes_end(j);
    jit_windows_close(j);
    code_cache_close(&j->code);
    sparse_free(j->jumps, JUMPS_BYTES);
    arena_close(j);
    free(j);
}

static bool open_all(struct jit *j)
{
    j->jumps = sparse_new(JUMPS_BYTES, SPARSE_ANYHOW);
    if (!j->jumps || !arena_open(j) || !code_cache_open(&j->code) || !x64_make_stubs(j) ||
        !jit_windows_open(j))
        return false;
    j->code.reserved = j->code.hot;
    return true;
}

void jit_set_heat(struct jit *j, u32 heat)
{
    struct run_watcher w = {
        .opaque = j, .killed = killed, .patched = patched, .flushed = flushed, .heat = heat};

    j->heat = heat;
    run_cache_watch(interp_runs(j->c), &w);
}

/* Rows that may change DS, ES, SS or the mode. */
static void find_segment_loads(struct jit *j)
{
    static op_handler *const loads[] = {op_POP_SEG, op_MOV_SEG, op_LDS, op_LES,
                                        op_LSS,     op_LFS,     op_LGS};

    for (unsigned i = 0; i < ROW_COUNT; i++) {
        j->loads_segment[i] = optab_rows[i].attr & ATTR_ENDS;
        for (unsigned k = 0; k < ARRAY_LEN(loads); k++)
            if (optab_rows[i].handler == loads[k])
                j->loads_segment[i] = true;
    }
}

static bool jit_attach(struct cpu *c)
{
    struct jit *j = calloc(1, sizeof *j);

    if (!j)
        return false;
    j->c = c;
    if (!interp_open(c)) {
        free(j);
        return false;
    }
    if (!open_all(j)) {
        close_all(j);
        interp_close(c);
        return false;
    }
    find_segment_loads(j);
    c->engine_data = j;
    c->engine_word[W_CODE] = (u64)(uintptr_t)j->code.exec;
    c->engine_word[W_JUMPS] = (u64)(uintptr_t)j->jumps;
    /* What older chips do otherwise only the handlers know. */
    jit_set_heat(j, model_has(c->model, FEAT_386) ? JIT_HEAT : 0);
    return true;
}

static void jit_detach(struct cpu *c)
{
    struct jit *j = jit_of(c);

    if (!j)
        return;
    run_cache_watch(interp_runs(c), &(struct run_watcher){0});
    interp_close(c);
    close_all(j);
    c->engine_data = NULL;
}

static void jit_flush(struct cpu *c)
{
    run_cache_flush(interp_runs(c));
}

void jit_set_threshold(struct cpu *c, u32 n)
{
    if (model_has(c->model, FEAT_386))
        jit_set_heat(jit_of(c), n ? n : JIT_HEAT);
    jit_flush(c);
}

void jit_traces_at_once(struct cpu *c, bool on)
{
    jit_of(c)->traces_at_once = on;
    jit_flush(c);
}

/* ---- Running ---- */

/* Code on a page that keeps changing must be the hotter to be worth it. */
static bool put_off(struct jit *j, struct run *r)
{
    u32 doublings = run_page_kills(interp_runs(j->c), r) / KILLS_PER_DOUBLING;

    if (!doublings || r->put_off || j->heat == 1)
        return false;
    r->put_off = true;
    r->heat = j->heat << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
    return true;
}

/* An empty slot looks like one of tag 0 on an unmapped page, where a jump can have that tag. */
static void make_empty(struct jump_slot *slots, u32 mode)
{
    bool by_offset = (mode & MODE_CODE_SIZE) == CODE16 || (mode & MODE_CS_FREE);

    for (unsigned i = 0; i < (by_offset ? 1 : JUMP_SLOTS); i++)
        slots[i].frame = UINT32_MAX;
}

/* Are blocks to use the window of the current class? */
static bool uses_window(const struct cpu *c)
{
    return c->mmu.window[c->mmu.class].on;
}

/* A block for a run that is hot; NULL to go on interpreting it. */
static struct block *translate(struct jit *j, struct run *r)
{
    bool window = uses_window(j->c);
    u32 mode = run_mode(r) | (window ? MODE_WINDOW : 0);
    struct block *b;

    if (put_off(j, r))
        return NULL;
    if (!j->indirect[mode]) {
        j->indirect[mode] = x64_make_indirect(j, mode);
        make_empty(&j->jumps[mode * JUMP_SLOTS], mode);
    }
    r->traced = r->traced || j->traces_at_once;
    b = x64_translate(j, r, window);
    if (!b) {
        run_cache_flush(interp_runs(j->c)); /* `r` goes too */
        return NULL;
    }
    j->stat.translated++;
    j->stat.instructions += b->count;
    j->stat.traces += b->trace != NULL;
    b->also = r->block;
    r->block = b;
    jit_note_translated(j, b);
    return b;
}

/*
 * May this block run here and now? One of 16-bit code holds for one place in a segment, and the
 * same code may be reached through several. While windows are off those blocks would only fault.
 */
static bool fits(const struct cpu *c, const struct block *b)
{
    return b->window == uses_window(c) &&
           ((c->mode & MODE_CODE_SIZE) != CODE16 || b->base16 == (u32)c->rip - b->run->offset);
}

/* The one of the run's blocks that fits, or NULL; *count is how many there are if not. */
static struct block *fitting(const struct cpu *c, const struct run *r, unsigned *count)
{
    *count = 0;
    for (struct block *b = r->block; b; b = b->also, ++*count)
        if (fits(c, b))
            return b;
    return NULL;
}

/* The block at CS:rip if there is one. */
static const struct block *known_block(struct cpu *c)
{
    struct run *r = interp_find_run(c, interp_segment_mode(c));
    unsigned count;

    return r ? fitting(c, r, &count) : NULL;
}

/* The block at CS:rip, translated if its time has come. NULL: interpret. */
static struct block *next_block(struct cpu *c, struct jit *j)
{
    struct run *r = interp_find_run(c, interp_segment_mode(c));
    unsigned count;
    struct block *b;

    if (!r || !r->heat)
        return NULL;
    b = fitting(c, r, &count);
    if (b || r->heat > 1)
        return b;
    if (count >= BLOCKS_PER_RUN)
        jit_drop_blocks(j, r);
    return translate(j, r);
}

static u32 jump_tag(const struct cpu *c, u32 mode)
{
    u32 rip = (u32)c->rip, la = (u32)c->seg[SEG_CS].base + rip;

    if ((mode & MODE_CODE_SIZE) == CODE16)
        return (la & PAGE_MASK) << 16 | rip;
    return mode & MODE_CS_FREE ? rip : la;
}

static void remember_jump(struct cpu *c, struct jit *j, struct block *b)
{
    u32 mode = run_mode(b->run) | (b->window ? MODE_WINDOW : 0);
    struct jump_slot *s = &j->jumps[mode * JUMP_SLOTS + (c->rip & (JUMP_SLOTS - 1))];

    j->stat.jump_misses++;
    if (jumps_quickly(mode)) {
        x64_open_doors(j, b, (u32)c->rip);
        return;
    }
    if ((mode & MODE_CODE_SIZE) == CODE16 && c->rip > 0xFFFF)
        return; /* a faulting one, or none of ours */
    *s = (struct jump_slot){jump_tag(c, mode), b->run->frame, b->entry[ENTER_MEMORY]};
}

/* Tell translated code where it is. */
static void place(struct cpu *c, const struct block *b)
{
    const u8 *window = c->mmu.window[c->mmu.class].base;
    struct jit *j = jit_of(c);
    u64 *w = c->engine_word;
    u32 la = (u32)(c->seg[SEG_CS].base + c->rip);

    w[W_LEFT] = w[W_LIMIT] - c->count;
    w[W_BASE] = (u32)c->rip - b->run->offset;
    w[W_EXEC] = (u64)(uintptr_t)&c->mmu.exec[la >> PAGE_SHIFT];
    if (b->window && j->windows.base != window) {
        x64_aim_window(window);
        j->windows.base = window;
    }
}

/* Run translated code from a block on. Afterwards c->rip and c->count are exact. */
static void enter(struct cpu *c, struct jit *j, const struct block *b)
{
    const u64 *w = c->engine_word;
    u64 start = c->count;

    place(c, b);
    j->stopped = false;
    j->stat.entered++;
    j->enter(c, b->entry[ENTER_MEMORY]);
    c->aflags &= AF_ALL;
    if (!j->stopped) {
        c->count = w[W_LIMIT] - w[W_LEFT];
        c->rip = (u32)w[W_RIP];
    }
    j->stat.in_blocks += c->count - start;
}

/* Too near the end for a whole block. */
static bool is_near(const struct cpu *c)
{
    return (s64)(c->engine_word[W_LIMIT] - c->count) < RUN_MAX;
}

/* May translated code run now? */
static bool may_enter(const struct cpu *c)
{
    return !c->attention && !c->special && !c->halted && !is_near(c);
}

/* ---- Helpers ---- */

u64 jit_leave(struct jit *j, enum engine_stop why)
{
    j->stopped = true;
    j->stop = why;
    return HELPED_LEAVE;
}

static void count_from(struct cpu *c, s32 rest)
{
    c->count = c->engine_word[W_LIMIT] - c->engine_word[W_LEFT] - (u64)(s64)rest;
    c->run_index = 0;
}

u64 jit_onward(struct cpu *c)
{
    struct jit *j = jit_of(c);
    const struct block *b = may_enter(c) ? known_block(c) : NULL;

    if (!b)
        return jit_leave(j, ENGINE_COUNT);
    place(c, b);
    return (u64)(uintptr_t)b->entry[ENTER_MEMORY];
}

void jit_take_over(struct cpu *c, const struct run *r, const struct insn *in, s32 rest, u32 base)
{
    c->aflags &= AF_ALL;
    count_from(c, rest);
    c->rip = (u32)(base + r->offset + in->offset_in_run);
    c->next_rip = (u32)(c->rip + in->len);
}

u64 jit_help(struct cpu *c, const struct insn *in, u32 how, u32 base)
{
    struct jit *j = jit_of(c);
    struct run *r = run_of(in);
    s32 rest = (s16)how;
    u32 mode = c->mode, segments = run_mode(r) & (MODE_FLAT | MODE_CS_FREE);
    u64 changes = jit_changes(c, j);

    jit_take_over(c, r, in, rest, base);
    if (how & HELPER_SLOW)
        j->stat.slow_calls++, j->slowed[in->row]++;
    else
        j->stat.helper_calls++, j->helped[in->row]++;
    /* A fault is pending already if lean.c has raised it. */
    if (unlikely(c->fault.pending || !optab_rows[in->row].handler(c, in)))
        return fault_deliver(c) ? jit_onward(c) : jit_leave(j, ENGINE_SHUTDOWN);
    c->count += c->run_index + 1;
    c->run_index = 0;
    if (unlikely(j->often.one_in))
        jit_disturb_perhaps(j);
    if (likely(!(how & HELPER_LEAVE) && !c->attention && !c->special && !c->halted &&
               c->next_rip == (u32)(c->rip + in->len) && c->mode == mode &&
               changes == j->changes + c->mmu.sweeps &&
               (!j->loads_segment[in->row] || interp_segment_mode(c) == segments) &&
               (!(in->flags & (INSN_ENDS | INSN_REP | INSN_REPNE)) ||
                c->count < c->engine_word[W_LIMIT]))) {
        c->engine_word[W_LEFT] = c->engine_word[W_LIMIT] - c->count - (u64)(s64)(rest - 1);
        return HELPED_STAY;
    }
    c->rip = c->next_rip;
    return jit_onward(c);
}

/* A block was left by a jump; the next time it goes straight to where it led. */
static void connect(struct cpu *c, struct jit *j, struct block *to)
{
    u64 at = c->engine_word[W_LINK];
    struct link *l = (struct link *)(j->blocks + at);

    if (!at || (at & LINK_STOPPED)) {
        remember_jump(c, j, to);
    } else if (!j->flushed && !l->to && l->from->run && l->from->window == to->window) {
        x64_link(j, l, to, to->run->frame);
        j->stat.links++;
    }
}

/*
 * The count ran out in a block: it is one of those that are executed most. When that is certain it
 * is translated again together with what follows it.
 */
static void sample(struct cpu *c, struct jit *j)
{
    struct block *b = (struct block *)(j->blocks + (c->engine_word[W_LINK] & ~(u64)LINK_STOPPED));
    struct run *r = b->run; /* of an emptied arena: not looked at */

    if (j->flushed || j->stopped || !(c->engine_word[W_LINK] & LINK_STOPPED) || !r)
        return;
    j->stat.sampled[b->trace != NULL][b->window]++;
    if (r->traced)
        return;
    if (++b->samples < TRACE_SAMPLES)
        return;
    r->traced = true;
    jit_drop_blocks(j, r);
}

/* From block to block, as long as the next one is translated. True: stop, with the reason. */
static bool run_blocks(struct cpu *c, struct jit *j, enum engine_stop *why)
{
    struct block *b = may_enter(c) ? next_block(c, j) : NULL;

    while (b) {
        enter(c, j, b);
        if (j->stopped && (j->stop == ENGINE_SHUTDOWN || c->halted)) {
            *why = j->stop == ENGINE_SHUTDOWN ? ENGINE_SHUTDOWN : ENGINE_HALT;
            return true;
        }
        sample(c, j);
        j->flushed = false;
        if (unlikely(j->often.one_in))
            jit_disturb_perhaps(j);
        b = may_enter(c) ? next_block(c, j) : NULL;
        if (b && !j->stopped)
            connect(c, j, b);
    }
    return false;
}

static enum engine_stop jit_run(struct cpu *c, u64 until)
{
    struct jit *j = jit_of(c);
    enum engine_stop why = ENGINE_ERROR;
    struct run *hot;
    u64 start = c->count;

    if (c->shutdown)
        return ENGINE_SHUTDOWN;
    c->until = until;
    c->engine_word[W_LIMIT] = until - JIT_MARGIN;
    jit_windows_begin(j);
    for (;;) {
        hot = NULL;
        why = interp_until(c, until, is_near(c) ? NULL : &hot);
        if (!hot || run_blocks(c, j, &why))
            break;
    }
    jit_windows_end();
    fpu_leave(c);
    j->stat.executed += c->count - start;
    return why;
}

const struct engine engine_jit = {
    .name = "jit",
    .attach = jit_attach,
    .detach = jit_detach,
    .run = jit_run,
    .flush = jit_flush,
};
