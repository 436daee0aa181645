/*
 * What becomes of runs when their code is written. Constants alone are taken over into the decoded
 * instructions; else the run is killed. A page that is written from end to end loses all its runs
 * at once, and they come back if what was written turns out to be the like of them.
 */
#include "cpu/run_private.h"

#include "cpu/op.h"
#include "cpu/optab.h"

#include <string.h>

enum {
    OVERWRITES = 4, /* near each other: the page is being filled with something new */
    OVERWRITE_NEAR = 32,
    REWRITTEN = 32,  /* bytes one behind the other: the same, although constants alone changed */
    PATCH_BYTES = 8, /* in one write */
    FORMER_MAX = 16, /* runs of overwritten code that are kept of 64 bytes */
};

/* ---- Constants that change ---- */

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
    run_place(to, in->index_in_run, in->offset_in_run);
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
        memcpy(run_code(r) + in->offset_in_run, code_at(rc, r) + in->offset_in_run, in->len);
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

/* ---- Is it code? ---- */

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

/* ---- Written ---- */

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

/* All but the last few. */
static void bury_oldest(struct run_cache *rc, struct run **list)
{
    for (unsigned n = 0; *list && n < FORMER_MAX; n++)
        list = &(*list)->frame_next;
    for (struct run *r; (r = *list);) {
        *list = r->frame_next;
        run_bury(rc, r);
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
            run_unlist(rc, r, r->frame);
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

/* ---- Coming back ---- */

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
    const u8 *now = code_at(rc, r), *then = run_code(r);

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

struct run *run_find_former(struct run_cache *rc, u64 key)
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
        run_enlist(rc, r, key);
        return r;
    }
    run_bury(rc, r);
    return NULL;
}
