/*
 * The cache of decoded code; see run.h. Runs are taken from an arena front to back, and where dead
 * ones lie. When it is full, those that were not executed lately go; if that is too few it grows,
 * and when it has all of its memory everything is forgotten. All of that happens at run boundaries
 * only.
 */
#include "cpu/run.h"

#include "base/sparse.h"
#include "cpu/op.h"
#include "cpu/optab.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* A boot decodes 48 MiB once and never again; a compiler's working set is three times that. */
    ARENA_BYTES_FIRST = 48 << 20,
    ARENA_BYTES_MORE = 24 << 20,
    ARENA_BYTES_MAX = ARENA_BYTES_FIRST + 8 * ARENA_BYTES_MORE,
    SWEPT_ENOUGH = 4, /* if a sweep frees this part, the arena need not grow */
    VISITED = 16,     /* one bucket of so many */
    OVERWRITES = 4,   /* near each other: the page is being filled with something new */
    OVERWRITE_NEAR = 32,
    REWRITTEN = 32,  /* bytes one behind the other: the same, although constants alone changed */
    PATCH_BYTES = 8, /* in one write */
    FORMER_MAX = 16, /* runs of overwritten code that are kept of 64 bytes */
    CODE_BYTES = 8,  /* of code kept for each instruction, on the average */
    RUN_BYTES_MAX = sizeof(struct run) + (RUN_MAX + 1) * sizeof(struct insn) + RUN_MAX * CODE_BYTES,
};

/*
 * What hangs on a frame that code was decoded from: its runs by the 64 bytes that they start in. A
 * run is found through them, since those that start near each other tend to be used together, and a
 * write looks only where one could start that reaches it.
 */
struct code_page {
    struct code_page *next; /* of all */
    frame_id frame;
    u32 runs;
    u32 reach; /* bytes of the longest run that was ever here */
    u32 kills;
    u32 written_to; /* end of the last write, and how many killed that were near the one before */
    u32 in_a_row;
    u32 patched_at; /* bytes of which granule were written lately, each once, and constants changed
                     */
    u64 patched_bytes;
    struct run *at[PAGE_SIZE >> GRANULE_SHIFT];
    struct run *was[PAGE_SIZE >> GRANULE_SHIFT]; /* see kill_page */
    u64 bytes[PAGE_SIZE >> GRANULE_SHIFT];       /* that runs came from since the page held none */
};

struct run_cache {
    struct cpu *c;
    void (*finish)(void *opaque, struct run *r);
    void *opaque;
    u8 *arena;
    size_t used, limit;
    struct code_page *pages;
    u64 kills;
    struct run_watcher watcher;
    /*
     * Dead runs by the instructions that they have room for, linked by frame_next; at 0 those that
     * were across a page boundary. What points to a run is valid if the key there matches, so the
     * place of one may hold only another, and one that lies in one page only such a one.
     */
    struct run *dead[RUN_MAX + 1];
    struct run_slot front[RUN_FRONT];
};

struct run_cache *run_cache_new(struct cpu *c, void (*finish)(void *opaque, struct run *r),
                                void *opaque)
{
    struct run_cache *rc = calloc(1, sizeof *rc);

    if (!rc)
        return NULL;
    rc->c = c;
    rc->finish = finish;
    rc->opaque = opaque;
    rc->limit = ARENA_BYTES_FIRST;
    rc->arena = sparse_new(ARENA_BYTES_MAX + RUN_BYTES_MAX, SPARSE_DENSE);
    if (!rc->arena) {
        free(rc);
        return NULL;
    }
    return rc;
}

static size_t run_size(const struct run *r)
{
    return sizeof *r + (r->room + 1u) * sizeof r->insn[0] + (size_t)r->room * CODE_BYTES;
}

/* The bytes that the run was decoded from, behind its instructions. */
static u8 *code_of(struct run *r)
{
    return (u8 *)&r->insn[r->room + 1u];
}

static bool keeps_code(const struct run *r)
{
    return r->bytes <= r->room * CODE_BYTES && !r->frame2;
}

void run_cache_watch(struct run_cache *rc, const struct run_watcher *w)
{
    rc->watcher = *w;
}

u32 run_page_kills(struct run_cache *rc, const struct run *r)
{
    const struct code_page *page = physmap_frame(rc->c->mmu.pm, r->frame)->code;

    return page ? page->kills : 0;
}

void run_cache_flush(struct run_cache *rc)
{
    if (rc->watcher.flushed)
        rc->watcher.flushed(rc->watcher.opaque);
    for (struct code_page *page = rc->pages, *next; page; page = next) {
        next = page->next;
        physmap_frame(rc->c->mmu.pm, page->frame)->code = NULL;
        physmap_clear_code(rc->c->mmu.pm, page->frame);
        free(page);
    }
    rc->pages = NULL;
    rc->used = 0;
    rc->kills++;
    memset(rc->dead, 0, sizeof rc->dead);
    memset(rc->front, 0, sizeof rc->front);
}

void run_cache_free(struct run_cache *rc)
{
    if (!rc)
        return;
    run_cache_flush(rc);
    sparse_free(rc->arena, ARENA_BYTES_MAX + RUN_BYTES_MAX);
    free(rc);
}

struct run_slot *run_front(struct run_cache *rc)
{
    return rc->front;
}

u64 run_kills(const struct run_cache *rc)
{
    return rc->kills;
}

/* ---- Killing ---- */

static struct run **next_on(struct run *r, frame_id id)
{
    return r->frame == id ? &r->frame_next : &r->frame2_next;
}

/* Where on frame `id` the run's bytes are. */
static void extent(const struct run *r, frame_id id, u32 *from, u32 *to)
{
    u32 end = r->offset + r->bytes;

    *from = r->frame == id ? r->offset : 0;
    *to = r->frame == id ? (end < PAGE_SIZE ? end : PAGE_SIZE) : end - PAGE_SIZE;
}

static struct run **list_of(struct code_page *page, const struct run *r, frame_id id)
{
    u32 from, to;

    extent(r, id, &from, &to);
    return &page->at[from >> GRANULE_SHIFT];
}

static void unlist(struct run_cache *rc, struct run *r, frame_id id)
{
    struct code_page *page = physmap_frame(rc->c->mmu.pm, id)->code;
    struct run **p = list_of(page, r, id);

    while (*p != r)
        p = next_on(*p, id);
    *p = *next_on(r, id);
    if (--page->runs)
        return;
    physmap_clear_code(rc->c->mmu.pm, id); /* the lists stay: code tends to come again */
    memset(page->bytes, 0, sizeof page->bytes);
}

/* To the dead ones of its kind. */
static void bury(struct run_cache *rc, struct run *r)
{
    struct run **dead = &rc->dead[r->frame2 ? 0 : r->room];

    r->key = RUN_DEAD;
    r->frame_next = *dead;
    *dead = r;
}

static void forget(struct run_cache *rc, struct run *r)
{
    if (rc->watcher.killed)
        rc->watcher.killed(rc->watcher.opaque, r);
    unlist(rc, r, r->frame);
    if (r->frame2)
        unlist(rc, r, r->frame2);
    bury(rc, r);
    rc->kills++;
}

void run_kill(struct run_cache *rc, struct run *r)
{
    struct code_page *page = physmap_frame(rc->c->mmu.pm, r->frame)->code;

    page->kills++;
    forget(rc, r);
}

/* ---- Constants that change ---- */

static void place(struct insn *in, unsigned index, unsigned offset)
{
    in->index_in_run = (u8)index;
    in->offset_in_run = (u16)offset;
    if (in->base == REG_NONE)
        in->base = GPR_COUNT; /* the register that is always zero */
    if (in->index == REG_NONE)
        in->index = GPR_COUNT;
}

/* Their handlers look at constants before they write, and translations can load them. */
static bool has_handler_of(const struct insn *in, op_handler *const *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (optab_rows[in->row].handler == list[i])
            return true;
    return false;
}

static bool may_change_immediate(const struct insn *in)
{
    static op_handler *const list[] = {op_MOV, op_ADD, op_OR,  op_ADC, op_SBB,
                                       op_AND, op_SUB, op_XOR, op_CMP, op_TEST};

    return has_handler_of(in, list, ARRAY_LEN(list));
}

static bool may_change_displacement(const struct insn *in)
{
    static op_handler *const list[] = {op_MOVZX, op_MOVSX, op_LEA, op_INC, op_DEC, op_NEG,
                                       op_NOT,   op_SHL,   op_SHR, op_SAR, op_IMUL};

    return may_change_immediate(in) || has_handler_of(in, list, ARRAY_LEN(list));
}

static bool has_memory(const struct insn *in)
{
    return in->kind[0] == OPND_MEM || in->kind[1] == OPND_MEM;
}

/* Everything that was decoded but the constants. */
static bool same_shape(const struct insn *a, const struct insn *b)
{
    return !memcmp(&a->row, &b->row,
                   offsetof(struct insn, index_in_run) - offsetof(struct insn, row));
}

/*
 * Decode an instruction whose bytes were written. False if it became another one; else `to` is what
 * it is now, which may be what it was.
 */
static bool decode_again(const struct run_cache *rc, const struct run *r, const struct insn *in,
                         struct insn *to)
{
    struct decode_mode mode = {.code = run_mode(r) & MODE_CODE_SIZE,
                               .protected = run_mode(r) & MODE_PROTECTED,
                               .model = rc->c->model};
    u32 offset = (u32)r->offset + in->offset_in_run;
    const u8 *code = frame_host(physmap_frame(rc->c->mmu.pm, r->frame)) + offset;

    if (!insn_decode(code, PAGE_SIZE - offset, &mode, to))
        return false;
    place(to, in->index_in_run, in->offset_in_run);
    if (!same_shape(in, to) || (optab_rows[in->row].attr & ATTR_X87))
        return false;
    if (to->imm != in->imm && !may_change_immediate(in))
        return false;
    return !has_memory(in) || to->disp == in->disp || may_change_displacement(in);
}

static const u8 *code_at(const struct run_cache *rc, const struct run *r)
{
    return frame_host(physmap_frame(rc->c->mmu.pm, r->frame)) + r->offset;
}

/* True if they were others. */
static bool set_constants(const struct run_cache *rc, struct run *r, struct insn *in,
                          const struct insn *now)
{
    if (in->imm == now->imm && (!has_memory(in) || in->disp == now->disp))
        return false;
    in->imm = now->imm;
    if (has_memory(in))
        in->disp = now->disp;
    if (keeps_code(r))
        memcpy(code_of(r) + in->offset_in_run, code_at(rc, r) + in->offset_in_run, in->len);
    return true;
}

static void take_constants(struct run_cache *rc, struct run *r, struct insn *in,
                           const struct insn *now)
{
    if (!set_constants(rc, r, in, now))
        return;
    r->patched |= 1ull << in->index_in_run;
    if (rc->watcher.patched)
        rc->watcher.patched(rc->watcher.opaque, r, in->index_in_run);
}

/* Only constants were written, to the run's bytes among [offset, offset+len): take them over. */
static bool patch(struct run_cache *rc, struct run *r, u32 offset, u32 len)
{
    struct insn now[PATCH_BYTES];
    u32 from = offset > r->offset ? offset - r->offset : 0, to = offset + len - r->offset;
    unsigned first = 0, n = 0;

    if (r->frame2 || len > PATCH_BYTES)
        return false;
    while ((u32)r->insn[first].offset_in_run + r->insn[first].len <= from)
        first++;
    for (; first + n < r->count && r->insn[first + n].offset_in_run < to; n++)
        if (!decode_again(rc, r, &r->insn[first + n], &now[n]))
            return false;
    for (unsigned i = 0; i < n; i++)
        take_constants(rc, r, &r->insn[first + i], &now[i]);
    return true;
}

/* Bytes [from, to) of a page as far as they are in granule g, a bit each. */
static u64 bytes_in(u32 g, u32 from, u32 to)
{
    u32 start = g << GRANULE_SHIFT, end = start + (1u << GRANULE_SHIFT);

    return (~0ull << (from > start ? from - start : 0)) & (~0ull >> (to < end ? end - to : 0));
}

/* Some run came from these bytes, if it was not killed. */
static bool may_hold_code(const struct code_page *page, u32 offset, u32 len)
{
    for (u32 g = offset >> GRANULE_SHIFT; g <= (offset + len - 1) >> GRANULE_SHIFT; g++)
        if (page->bytes[g] & bytes_in(g, offset, offset + len))
            return true;
    return false;
}

bool run_code_at(const struct run_cache *rc, frame_id id, u32 offset, u32 len)
{
    const struct code_page *page = physmap_frame(rc->c->mmu.pm, id)->code;
    u32 last = (offset + len - 1) >> GRANULE_SHIFT, from, to;

    if (!page || !may_hold_code(page, offset, len))
        return false;
    for (u32 g = (offset > page->reach ? offset - page->reach : 0) >> GRANULE_SHIFT; g <= last; g++)
        for (struct run *r = page->at[g]; r; r = *next_on(r, id)) {
            extent(r, id, &from, &to);
            if (offset < to && offset + len > from)
                return true;
        }
    return false;
}

enum { HIT_NOTHING, HIT_CONSTANTS, HIT_CODE };

/* Change or kill the runs of one list that the written bytes belong to; the worst that happened. */
static int hit_overlapping(struct run_cache *rc, struct run *r, frame_id id, u32 offset, u32 len)
{
    struct run *next;
    int hit = HIT_NOTHING;
    u32 from, to;

    for (; r; r = next) {
        next = *next_on(r, id);
        extent(r, id, &from, &to);
        if (offset >= to || offset + len <= from)
            continue;
        if (patch(rc, r, offset, len)) {
            hit = hit > HIT_CONSTANTS ? hit : HIT_CONSTANTS;
            continue;
        }
        run_kill(rc, r);
        hit = HIT_CODE;
    }
    return hit;
}

/* Those of the page that have not come back. */
static size_t bury_former(struct run_cache *rc, struct code_page *page)
{
    size_t freed = 0;

    for (u32 g = 0; g < ARRAY_LEN(page->was); g++)
        for (struct run *r; (r = page->was[g]); freed += run_size(r)) {
            page->was[g] = r->frame_next;
            bury(rc, r);
        }
    return freed;
}

/* All but the last few. */
static void bury_oldest(struct run_cache *rc, struct run **list)
{
    for (unsigned n = 0; *list && n < FORMER_MAX; n++)
        list = &(*list)->frame_next;
    for (struct run *r; (r = *list);) {
        *list = r->frame_next;
        bury(rc, r);
    }
}

/*
 * Its runs are no longer known, so that it is written freely. Who writes code over code often
 * writes the like of it: what a run was decoded from is compared when it is asked for again.
 */
static void kill_page(struct run_cache *rc, struct code_page *page)
{
    page->in_a_row = 0;
    page->patched_bytes = 0;
    for (u32 g = 0; g < ARRAY_LEN(page->at); g++) {
        bury_oldest(rc, &page->was[g]);
        for (struct run *r; (r = page->at[g]);) {
            if (!keeps_code(r)) {
                run_kill(rc, r);
                continue;
            }
            if (rc->watcher.killed)
                rc->watcher.killed(rc->watcher.opaque, r);
            page->kills++;
            rc->kills++;
            unlist(rc, r, r->frame);
            r->was = r->key;
            r->key = RUN_DEAD;
            r->frame_next = page->was[g];
            page->was[g] = r;
        }
    }
}

/* Compilers do not store in strict order. */
static bool is_next(const struct code_page *page, u32 offset)
{
    return offset + OVERWRITE_NEAR >= page->written_to &&
           offset <= page->written_to + OVERWRITE_NEAR;
}

/*
 * A program that writes code over old code would come here at each of its stores: after a few of
 * them all runs of the page go, so that it is written freely from there on.
 */
static void note_overwrite(struct run_cache *rc, struct code_page *page, u32 offset, u32 len)
{
    page->in_a_row = is_next(page, offset) ? page->in_a_row + 1 : 0;
    page->written_to = offset + len;
    if (page->in_a_row >= OVERWRITES)
        kill_page(rc, page);
}

/*
 * The same where what is written differs from the old code in constants alone. One that patches its
 * code writes some bytes of it again and again, and leaves out opcodes.
 */
static void note_patch(struct run_cache *rc, struct code_page *page, u32 offset, u32 len, int hit)
{
    u64 bytes = ((1ull << len) - 1) << (offset & ((1 << GRANULE_SHIFT) - 1)), row;

    if (page->patched_at != offset >> GRANULE_SHIFT || (page->patched_bytes & bytes)) {
        page->patched_at = offset >> GRANULE_SHIFT;
        page->patched_bytes = 0;
    }
    page->patched_bytes |= bytes;
    row = page->patched_bytes >> __builtin_ctzll(page->patched_bytes);
    if (hit == HIT_CONSTANTS && !(row & (row + 1)) && row >> (REWRITTEN - 1))
        kill_page(rc, page);
}

void run_code_written(void *opaque, frame_id id, u32 offset, u32 len)
{
    struct run_cache *rc = opaque;
    struct code_page *page = physmap_frame(rc->c->mmu.pm, id)->code;
    u32 first, last = (offset + len - 1) >> GRANULE_SHIFT;
    int hit = HIT_NOTHING;

    if (!page)
        return;
    first = (offset > page->reach ? offset - page->reach : 0) >> GRANULE_SHIFT;
    for (u32 g = first; g <= last && may_hold_code(page, offset, len); g++) {
        int one = hit_overlapping(rc, page->at[g], id, offset, len);

        hit = one > hit ? one : hit;
    }
    if (hit == HIT_CODE)
        note_overwrite(rc, page, offset, len);
    else if (len <= PATCH_BYTES)
        note_patch(rc, page, offset, len, hit);
    if (hit == HIT_NOTHING && is_next(page, offset))
        page->written_to = offset + len; /* between two runs */
}

void run_cache_visit_some(struct run_cache *rc, u64 seed,
                          void (*visit)(void *opaque, struct run *r), void *opaque)
{
    for (size_t at = 0; at < rc->used;) {
        struct run *r = (struct run *)(rc->arena + at);

        at += run_size(r);
        seed = seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's */
        if (r->key != RUN_DEAD && (seed >> 32) % VISITED == 0)
            visit(opaque, r);
    }
}

/* ---- Building ---- */

static struct decode_mode mode_of(const struct cpu *c)
{
    return (struct decode_mode){
        .code = c->mode & MODE_CODE_SIZE,
        .protected = c->mode & MODE_PROTECTED,
        .model = c->model,
    };
}

/* The 8086 takes MOV CS for a jump. */
static bool writes_cs(const struct insn *in)
{
    return in->kind[0] == OPND_SREG && in->reg[0] == SEG_CS &&
           (optab_rows[in->row].attr & ATTR_WRITES_OP0);
}

static bool ends_run(const struct insn *in, const struct decode_mode *mode)
{
    if (model_has(mode->model, FEAT_ONLY_8086) && writes_cs(in))
        return true;
    return (in->flags & INSN_ENDS) ||
           ((in->flags & (INSN_REP | INSN_REPNE)) && (optab_rows[in->row].attr & ATTR_STRING));
}

/* As many instructions as fit; 0 if already the first one crosses the page's end. */
static void decode_in_page(const struct cpu *c, const u8 *code, unsigned avail, struct run *r)
{
    struct decode_mode mode = mode_of(c);

    r->count = 0;
    r->bytes = 0;
    while (r->count < RUN_MAX) {
        struct insn *in = &r->insn[r->count];
        unsigned n = insn_decode(code + r->bytes, avail - r->bytes, &mode, in);

        if (!n)
            return;
        place(in, r->count, r->bytes);
        r->count++;
        r->bytes = (u16)(r->bytes + n);
        if (ends_run(in, &mode))
            return;
    }
}

static bool decode_across(struct cpu *c, const u8 *code, unsigned avail, u64 la, struct run *r)
{
    struct decode_mode mode = mode_of(c);
    frame_id second = c->mmu.exec[(u32)(la + PAGE_SIZE) >> PAGE_SHIFT];
    u8 bytes[INSN_MAX_BYTES];
    unsigned n;

    if (!second || second == r->frame)
        return false;
    memcpy(bytes, code, avail);
    memcpy(bytes + avail, frame_host(physmap_frame(c->mmu.pm, second)), sizeof bytes - avail);
    n = insn_decode(bytes, sizeof bytes, &mode, &r->insn[0]);
    if (n <= avail)
        return false;
    place(&r->insn[0], 0, 0);
    r->count = 1;
    r->bytes = (u16)n;
    r->frame2 = second;
    return true;
}

static struct code_page *code_page(struct run_cache *rc, frame_id id)
{
    struct frame *f = physmap_frame(rc->c->mmu.pm, id);
    struct code_page *page = f->code;

    if (page)
        return page;
    page = calloc(1, sizeof *page);
    if (!page)
        return NULL;
    page->frame = id;
    page->next = rc->pages;
    rc->pages = page;
    f->code = page;
    return page;
}

static void list_on(struct run_cache *rc, struct run *r, frame_id id)
{
    struct code_page *page = code_page(rc, id);
    struct run **list = list_of(page, r, id);
    u32 from, to;

    extent(r, id, &from, &to);
    *next_on(r, id) = *list;
    *list = r;
    page->runs++;
    if (page->reach < to - from)
        page->reach = to - from;
    for (u32 g = from >> GRANULE_SHIFT; g <= (to - 1) >> GRANULE_SHIFT; g++)
        page->bytes[g] |= bytes_in(g, from, to);
    physmap_mark_code(rc->c->mmu.pm, id, from, to - from);
}

/* Room to list the run on its frames; false if the host has none. */
static bool can_list(struct run_cache *rc, const struct run *r)
{
    return code_page(rc, r->frame) && (!r->frame2 || code_page(rc, r->frame2));
}

/* ---- Room ---- */

/* Not translated, and not executed since the last sweep; a new run was made for one execution. */
static bool is_idle(struct run *r)
{
    if (r->block || r->users || (u8)r->heat != r->heat_swept) {
        r->heat_swept = (u8)r->heat;
        return false;
    }
    return true;
}

/* Forget idle runs; returns the bytes of those. */
static size_t sweep(struct run_cache *rc)
{
    size_t freed = 0;

    for (struct code_page *page = rc->pages; page; page = page->next) {
        freed += bury_former(rc, page);
        for (u32 g = 0; g < ARRAY_LEN(page->at); g++)
            for (struct run *r = page->at[g], *next; r; r = next) {
                next = *next_on(r, page->frame);
                if (r->frame != page->frame || !is_idle(r))
                    continue;
                freed += run_size(r);
                forget(rc, r);
            }
    }
    return freed;
}

static bool is_full(const struct run_cache *rc, size_t bytes)
{
    return rc->used + bytes > rc->limit;
}

/* The place of a dead run: one as long as `r`, or a longer one where the arena is full. */
static struct run *find_dead(struct run_cache *rc, const struct run *r)
{
    u32 first = r->frame2 ? 0 : r->count,
        last = first && is_full(rc, run_size(r)) ? RUN_MAX : first;

    for (u32 n = first; n <= last; n++) {
        struct run *to = rc->dead[n];

        if (!to)
            continue;
        rc->dead[n] = to->frame_next;
        return to;
    }
    return NULL;
}

static void grow(struct run_cache *rc)
{
    if (rc->limit < ARENA_BYTES_MAX)
        rc->limit += ARENA_BYTES_MORE;
    else
        run_cache_flush(rc);
}

/* Where to keep a run like `r`. */
static struct run *find_place(struct run_cache *rc, const struct run *r)
{
    size_t bytes = run_size(r);
    struct run *to = find_dead(rc, r);

    if (to)
        return to;
    if (is_full(rc, bytes) && sweep(rc) < rc->limit / SWEPT_ENOUGH)
        grow(rc);
    while (!(to = find_dead(rc, r)) && is_full(rc, bytes))
        grow(rc);
    if (to)
        return to;
    to = (struct run *)(rc->arena + rc->used);
    rc->used += bytes;
    to->room = r->room;
    return to;
}

/* Move the run that was decoded at the arena's end to where it stays. */
static struct run *keep(struct run_cache *rc, struct run *r)
{
    struct run *to = find_place(rc, r);

    r->room = to->room;
    memmove(to, r, sizeof *r + (r->count + 1u) * sizeof r->insn[0]);
    return to;
}

/* A run that is complete, at its place. */
static void enlist(struct run_cache *rc, struct run *r, u64 key)
{
    r->key = key;
    r->heat = rc->watcher.heat;
    r->heat_swept = (u8)(r->heat - 1);
    r->put_off = false;
    r->patched = 0;
    list_on(rc, r, r->frame);
    if (r->frame2)
        list_on(rc, r, r->frame2);
}

/* Of bytes of which eight may be read. */
static bool same_bytes(const u8 *a, const u8 *b, unsigned n)
{
    u64 x, y;

    if (n > sizeof x)
        return !memcmp(a, b, n);
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return !((x ^ y) << (64 - 8 * n));
}

/* The run is what would be decoded now, or becomes it by other constants. */
static bool fits_again(struct run_cache *rc, struct run *r, u64 key)
{
    const u8 *now = code_at(rc, r), *then = code_of(r);

    r->key = key; /* its mode */
    if ((u32)r->offset + r->bytes + sizeof(u64) > PAGE_SIZE)
        return !memcmp(now, then, r->bytes);
    for (unsigned i = 0; i < r->count; i++) {
        struct insn *in = &r->insn[i], to;
        unsigned at = in->offset_in_run;

        if (same_bytes(now + at, then + at, in->len))
            continue;
        if (!decode_again(rc, r, in, &to))
            return false;
        set_constants(rc, r, in, &to);
    }
    return true;
}

/* A run of a page that was overwritten since, if what was written is the like of it. */
static struct run *find_former(struct run_cache *rc, u64 key)
{
    struct code_page *page = physmap_frame(rc->c->mmu.pm, (frame_id)(key >> 20))->code;
    struct run **at = page ? &page->was[(key & PAGE_MASK) >> GRANULE_SHIFT] : NULL, *r;

    while (at && *at && (*at)->was != key)
        at = &(*at)->frame_next;
    if (!at || !*at)
        return NULL;
    r = *at;
    *at = r->frame_next;
    if (fits_again(rc, r, key)) {
        enlist(rc, r, key);
        return r;
    }
    bury(rc, r);
    return NULL;
}

static struct run *build(struct run_cache *rc, u64 key, u64 la)
{
    struct cpu *c = rc->c;
    unsigned offset = la & PAGE_MASK, avail = PAGE_SIZE - offset;
    const u8 *code;
    struct run *r;

    r = (struct run *)(rc->arena + rc->used);
    memset(r, 0, sizeof *r);
    r->frame = (frame_id)(key >> 20);
    r->offset = (u16)offset;
    code = frame_host(physmap_frame(c->mmu.pm, r->frame)) + offset;
    decode_in_page(c, code, avail, r);
    if (!r->count && !decode_across(c, code, avail, la, r))
        return NULL;
    memset(&r->insn[r->count], 0, sizeof r->insn[0]);
    r->insn[r->count].offset_in_run = r->bytes;
    r->insn[r->count].index_in_run = (u8)r->count;
    r->room = r->count;
    r = keep(rc, r);
    if (!can_list(rc, r)) {
        bury(rc, r);
        return NULL;
    }
    if (keeps_code(r))
        memcpy(code_of(r), code, r->bytes);
    enlist(rc, r, key);
    rc->finish(rc->opaque, r);
    return r;
}

struct run *run_known(const struct run_cache *rc, u64 key)
{
    frame_id id = (frame_id)(key >> 20);
    const struct code_page *page = physmap_frame(rc->c->mmu.pm, id)->code;
    struct run *r = page ? page->at[(key & PAGE_MASK) >> GRANULE_SHIFT] : NULL;

    while (r && r->key != key)
        r = *next_on(r, id);
    return r;
}

struct run *run_find(struct run_cache *rc, u64 key, u64 la)
{
    struct run *r = run_known(rc, key);

    if (!r)
        r = find_former(rc, key);
    return r ? r : build(rc, key, la);
}
