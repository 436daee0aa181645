/*
 * Traces: runs that tend to follow each other, translated as one. Their instructions are copied one
 * behind the other into a run of the translator's own, whose branches in the middle are ways out:
 *
 *     run: cmp; jbe  ->  run: mov; jmp  ->  run: add; dec; jnz
 *     trace: cmp, [out if above], mov, add, dec, jnz
 *
 * The count is looked at once for all, flags stay where they are from run to run, and a loop of one
 * short run is unrolled. All runs of a trace lie in one page. When one of them dies, so does the
 * trace.
 *
 * Which code is worth it tells the count: where it runs out is a sample of what is executed, taken
 * once in some ten thousand instructions and at no cost.
 */
#include "jit/private.h"

#include "cpu/op.h"

#include <string.h>

enum { TRACE_INSNS = RUN_MAX, UNROLL_INSNS = 32, UNROLL_TIMES = 4 };

static const struct insn *last_of(const struct run *r)
{
    return &r->insn[r->count - 1];
}

/* Branches that a trace goes on behind: conditional ones and jumps, of the mode's operand size. */
static bool is_passed(const struct run *r, const struct insn *in, bool *jump)
{
    bool code16 = (run_mode(r) & MODE_CODE_SIZE) == CODE16;

    *jump = optab_rows[in->row].handler == op_JMP;
    return in->kind[0] == OPND_REL && in->opsize == (code16 ? 2 : 4) &&
           (*jump || x64_condition(in) >= 0);
}

/* The run at an offset of the page, if it was executed or may be decoded now; else NULL. */
static struct run *run_at(struct jit *j, const struct run *from, s64 offset)
{
    struct run *r;

    if (offset < 0 || offset >= PAGE_SIZE)
        return NULL;
    r = run_known(interp_runs(j->c), (from->key & ~(u64)PAGE_MASK) | (u64)offset);
    return r && !r->frame2 && !r->put_off && !r->patched && r->heat <= j->heat / 2 + 1 ? r : NULL;
}

static u32 samples_of(const struct run *r)
{
    u32 n = 0;

    for (const struct block *b = r->block; b; b = b->also)
        n += b->samples;
    return n;
}

/* Where the trace that began with `head` goes on behind `r`; NULL: it ends here. */
static struct run *follow(struct jit *j, struct run *head, struct run *r, u32 base16)
{
    const struct insn *in = last_of(r);
    s64 after = r->offset + r->bytes, to = after + (s64)in->imm;
    struct run *falls, *goes;
    bool jump;

    if (!is_passed(r, in, &jump))
        return NULL;
    if ((run_mode(r) & MODE_CODE_SIZE) == CODE16)
        to = (s64)(u16)(base16 + (u32)to) - (s64)(s32)base16;
    goes = run_at(j, r, to);
    if (jump || goes == head)
        return goes;
    falls = run_at(j, r, after);
    if (goes && to <= r->offset)
        return NULL; /* the end of another loop */
    if (!falls || !goes)
        return falls ? falls : goes;
    return samples_of(goes) > samples_of(falls) ? goes : falls;
}

static void append(struct trace *t, struct run *r)
{
    struct run *all = t->run;

    t->part[t->parts] = r;
    t->key[t->parts] = r->key;
    t->first[t->parts++] = (u8)all->count;
    for (unsigned i = 0; i < r->count; i++) {
        struct insn *in = &all->insn[all->count];

        *in = r->insn[i];
        in->index_in_run = (u8)all->count;
        in->offset_in_run = (u16)(r->offset + in->offset_in_run);
        if (r->tables >> i & 1)
            all->tables |= 1ull << all->count;
        all->count++;
    }
}

struct trace *trace_make(struct jit *j, struct run *head, u32 base16, struct trace_room *room)
{
    struct trace *t = &room->trace;
    struct run *r = head, *next;

    if (!(run_mode(head) & MODE_CS_FREE) || head->frame2 || head->patched ||
        head->offset + head->bytes > PAGE_SIZE)
        return NULL;
    memset(t, 0, sizeof *t);
    t->run = &room->run;
    room->run = *head;
    room->run.count = 0;
    room->run.offset = 0; /* since a part may lie in front of the first one */
    room->run.tables = 0;
    append(t, head);
    while (t->parts < TRACE_PARTS) {
        bool again;

        next = follow(j, head, r, base16);
        again = next == head;
        if (!next || t->run->count + next->count > TRACE_INSNS ||
            (again &&
             (r != head || t->parts >= UNROLL_TIMES || t->run->count + next->count > UNROLL_INSNS)))
            break;
        append(t, next);
        r = next;
    }
    return t->parts > 1 ? t : NULL;
}

bool trace_uses(const struct block *b, const struct run *r)
{
    for (unsigned i = 0; b->trace && i < b->trace->parts; i++)
        if (b->trace->part[i] == r)
            return true;
    return false;
}

/* The run that instruction `index` of a block came from, and its index there. */
struct run *trace_origin(const struct block *b, unsigned *index)
{
    const struct trace *t = b->trace;
    unsigned i;

    if (!t)
        return b->run;
    for (i = t->parts - 1; t->first[i] > *index; i--)
        ;
    *index -= t->first[i];
    return t->part[i]->key == t->key[i] ? t->part[i] : NULL;
}
