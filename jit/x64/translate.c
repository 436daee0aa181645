/*
 * From a run to a block: entries, guards, the look at the count, one instruction after the other;
 * then what stands apart from them.
 */
#include "jit/x64/translate.h"

/* ---- The count ---- */

static void look_at_count(struct tr *t, const struct insn *in, bool copies)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_SUB, 8, RM_R(H_LEFT), t->r->count);
    t->stop = emit_jcc(e, CC_S);
    t->stop_at = in;
    t->stop_copies = copies;
    t->counted = true;
}

/*
 * The look at the count comes as soon as it costs nothing: where the flags are in memory, or right
 * before an instruction that makes them anew. At the latest before anything that may fault or end.
 */
static void count_before(struct tr *t, const struct insn *in, bool last)
{
    if (t->counted)
        return;
    if (t->flags & FLAGS_MEMORY) {
        t->flags = FLAGS_MEMORY;
        look_at_count(t, in, false);
    } else if (tr_is_maker(in)) {
        look_at_count(t, in, true);
    } else if (!tr_keeps_flags(t, in) || last) {
        tr_clobber(t);
        look_at_count(t, in, false);
    }
}

/* Where the look finds too little left: out, before the instruction that it stands before. */
static void emit_stop(struct tr *t)
{
    const struct insn *in = t->stop_at;
    struct emit *e = &t->e;
    bool memory = !t->stop_copies;

    if (!t->stop)
        return;
    patch_rel32(t->stop, e->p);
    if (t->stop_copies) {
        enum flags_at flags = t->flags;

        t->flags = FLAGS_REGISTER;
        tr_insn(t, in);
        t->flags = flags;
        in++;
    }
    emit_lea(e, 8, H_LEFT, H_LEFT, NO_REG, 0, t->r->count - (in - t->r->insn));
    tr_leave(t, page_offset(t, in), (u32)((u8 *)t->b - t->j->blocks) | LINK_STOPPED, memory);
}

/* ---- The block ---- */

/* Entries: where the flags are in the host's, and where they are in memory. */
static void emit_entries(struct tr *t)
{
    struct block *b = t->b;
    struct emit *e = &t->e;
    const u8 *at = code_exec(&t->j->code, e->p);

    t->flags = t->r->frame2 || !(t->mode & MODE_CS_FREE) ? FLAGS_MEMORY : tr_wanted_flags(t);
    b->entry[ENTER_REGISTER] = b->entry[ENTER_MEMORY] = b->entry[ENTER_ANY] = at;
    if (t->flags == FLAGS_MEMORY) {
        tr_save(t, H_DIFF);
        b->entry[ENTER_MEMORY] = b->entry[ENTER_ANY] = code_exec(&t->j->code, e->p);
    } else if (t->flags == FLAGS_REGISTER) {
        tr_restore(t, H_DIFF, true);
        b->entry[ENTER_REGISTER] = b->entry[ENTER_ANY] = code_exec(&t->j->code, e->p);
    }
}

/*
 * An instruction across a page boundary is good as long as the second page is the same frame; and
 * where CS has a limit, code is good up to there. Otherwise the dispatcher looks into it.
 */
static void emit_guards(struct tr *t)
{
    const struct run *r = t->r;
    struct emit *e = &t->e;

    if (r->frame2) {
        e8(e, 0x41), e8(e, 0x81), e8(e, 0x40 | 7 << 3 | (H_EXEC & 7)), e8(e, 4), e32(e, r->frame2);
        t->guard[t->guards++] = emit_jcc(e, CC_NZ);
    }
    if (!(t->mode & MODE_CS_FREE)) {
        emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, r->offset + r->bytes - 1);
        emit_alu(e, A_CMP, 4, H_ADDR, CPU(seg[SEG_CS].limit));
        t->guard[t->guards++] = emit_jcc(e, CC_NBE);
    }
}

/* Where the block was killed, those who come through the table of jumps arrive here too. */
static void emit_dead(struct tr *t)
{
    for (unsigned i = 0; i < t->guards; i++)
        patch_rel32(t->guard[i], t->e.p);
    t->b->dead = code_exec(&t->j->code, t->e.p);
    tr_leave(t, t->b->run->offset, 0, true);
}

/* Sites of this instruction come back here, with the flags where the hot code has them. */
static void close_sites(struct tr *t, unsigned first)
{
    for (unsigned i = first; i < t->sites; i++) {
        t->site[i].back = t->e.p;
        t->site[i].restore = t->flags & FLAGS_REGISTER;
    }
}

/* Instruction `i` begins here. */
static void note_place(struct tr *t, unsigned i)
{
    t->b->hot[i] = (u16)(code_exec(&t->j->code, t->e.p) - t->b->code);
}

static void emit_body(struct tr *t)
{
    const struct run *r = t->r;

    for (unsigned i = 0; i < r->count; i++) {
        const struct insn *in = &r->insn[i];
        bool last = i + 1u == r->count;
        unsigned sites = t->sites, group;

        note_place(t, i);
        count_before(t, in, last || x64_condition(in) >= 0);
        group = tr_stack_group(t, in, r->count - i);
        if (group) {
            close_sites(t, sites);
            while (--group)
                note_place(t, ++i);
            continue;
        }
        if (!last && (in->flags & INSN_ENDS)) {
            tr_pass(t, in);
            close_sites(t, sites);
            continue;
        }
        if (last && (in->flags & INSN_ENDS) && tr_branch(t, in)) {
            close_sites(t, sites);
            return;
        }
        if (!tr_insn(t, in))
            tr_help(t, in);
        close_sites(t, sites);
    }
    tr_fall_through(t);
}

static bool has_room(const struct jit *j)
{
    const struct code_cache *cc = &j->code;

    return cc->hot + JIT_BLOCK_BYTES_MAX < cc->hot_end &&
           cc->cold + JIT_BLOCK_BYTES_MAX < cc->cold_end &&
           j->windows.sites + SITES_MAX < WINDOW_SITES_MAX;
}

struct block *x64_translate(struct jit *j, struct run *r, bool window)
{
    struct code_cache *cc = &j->code;
    struct trace_room room;
    struct tr tr, *t = &tr;

    memset(t, 0, offsetof(struct tr, site));
    t->j = j;
    t->mode = run_mode(r);
    t->noted = -1;
    t->base16 = (u32)j->c->rip - r->offset;
    if (!has_room(j) ||
        !(t->b = arena_new_block(j, r, r->traced ? trace_make(j, r, t->base16, &room) : NULL)))
        return NULL;
    t->r = r = t->b->code_of;
    t->window = t->b->window = window;
    t->e.p = cc->write + cc->hot;
    t->b->base16 = t->base16;
    t->b->patched = r->patched;
    t->b->code = code_exec(cc, t->e.p);
    emit_entries(t);
    emit_guards(t);
    emit_body(t);
    note_place(t, r->count);
    t->b->end = code_exec(cc, t->e.p);
    cc->hot = (size_t)(t->e.p - cc->write + 15) & ~(size_t)15;

    t->e.p = cc->write + cc->cold;
    t->b->cold = code_exec(cc, t->e.p);
    for (unsigned i = 0; i < t->sites; i++)
        tr_behind(t, &t->site[i]);
    emit_stop(t);
    emit_dead(t);
    for (unsigned i = 0; i < t->outs; i++)
        tr_out(t, i);
    t->b->cold_end = code_exec(cc, t->e.p);
    cc->cold = (size_t)(t->e.p - cc->write + 15) & ~(size_t)15;
    return t->b;
}
