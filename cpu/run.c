/*
 * The cache of decoded code; see run.h. This file decodes runs, and finds and forgets them by their
 * frames.
 */
#include "cpu/run.h"

#include "cpu/optab.h"
#include "cpu/run_private.h"

#include <stdlib.h>
#include <string.h>

struct run_cache *run_cache_new(struct cpu *c, void (*finish)(void *opaque, struct run *r),
                                void *opaque)
{
    struct run_cache *rc = calloc(1, sizeof *rc);

    if (!rc)
        return NULL;
    rc->c = c;
    rc->finish = finish;
    rc->opaque = opaque;
    if (!run_room_open(rc)) {
        free(rc);
        return NULL;
    }
    return rc;
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
    rc->kills++;
    run_room_empty(rc);
    memset(rc->front, 0, sizeof rc->front);
}

void run_cache_free(struct run_cache *rc)
{
    if (!rc)
        return;
    run_cache_flush(rc);
    run_room_close(rc);
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

/* ---- What a frame knows ---- */

static struct run **list_of(struct code_page *page, const struct run *r, frame_id id)
{
    u32 from, to;

    extent(r, id, &from, &to);
    return &page->at[from >> GRANULE_SHIFT];
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

/* A run that is complete, at its place. */
void run_enlist(struct run_cache *rc, struct run *r, u64 key)
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

void run_unlist(struct run_cache *rc, struct run *r, frame_id id)
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

void run_forget(struct run_cache *rc, struct run *r)
{
    if (rc->watcher.killed)
        rc->watcher.killed(rc->watcher.opaque, r);
    run_unlist(rc, r, r->frame);
    if (r->frame2)
        run_unlist(rc, r, r->frame2);
    run_bury(rc, r);
    rc->kills++;
}

void run_kill(struct run_cache *rc, struct run *r)
{
    struct code_page *page = physmap_frame(rc->c->mmu.pm, r->frame)->code;

    page->kills++;
    run_forget(rc, r);
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
        run_place(in, r->count, r->bytes);
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
    run_place(&r->insn[0], 0, 0);
    r->count = 1;
    r->bytes = (u16)n;
    r->frame2 = second;
    return true;
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
    r = run_keep(rc, r);
    if (!can_list(rc, r)) {
        run_bury(rc, r);
        return NULL;
    }
    if (keeps_code(r))
        memcpy(run_code(r), code, r->bytes);
    run_enlist(rc, r, key);
    rc->finish(rc->opaque, r);
    return r;
}

/* ---- Finding ---- */

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
        r = run_find_former(rc, key);
    return r ? r : build(rc, key, la);
}
