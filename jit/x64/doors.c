/*
 * Doors: where jumps whose target is known only at run time come into a block by the quick way; see
 * struct door. Several targets share a slot: each door leads one that is not its own on to the door
 * behind it, and the last to the dispatcher. Without that, programs of some megabytes of code go to
 * the dispatcher at every twentieth return.
 */
#include "jit/x64/translate.h"

/* A slot's doors lie SLOT_DOORS deep at most; more cost more than the dispatcher now and then. */
enum { DOORS_PER_BLOCK = 4, SLOT_DOORS = 4 };

/* ---- Code ---- */

/*
 * The guest's flags are in the host's: LEA and JRCXZ are all there is. Two differences of 32 bits
 * are both zero if their sum of 64 is. Returns the jump of other targets, to be aimed.
 */
static u8 *check_quietly(struct emit *e, const struct block *b, u32 rip)
{
    u8 *good, *other;

    emit_mov(e, 8, H_DIFF, H_RCX);
    e8(e, 0x41), e8(e, 0x8B), e8(e, H_RCX << 3 | (H_EXEC & 7)); /* mov ecx, [r10] */
    emit_lea(e, 4, H_RCX, H_RCX, NO_REG, 0, -(s32)b->run->frame);
    emit_lea(e, 4, H_BASE, H_ADDR, NO_REG, 0, -(s32)rip);
    emit_lea(e, 8, H_RCX, H_RCX, H_BASE, 0, 0);
    e8(e, 0xE3), e8(e, 0); /* jrcxz */
    good = e->p;
    emit_mov(e, 8, H_RCX, H_DIFF);
    other = emit_jmp(e);
    good[-1] = (u8)(e->p - good);
    emit_mov(e, 8, H_RCX, H_DIFF);
    return other;
}

static u8 *check(struct emit *e, const struct block *b, u32 rip)
{
    u8 *good, *frame, *other;

    e8(e, 0x41), e8(e, 0x81), e8(e, 7 << 3 | (H_EXEC & 7)), e32(e, b->run->frame);
    frame = emit_jcc(e, CC_NZ);
    emit_op(e, 0x81, 4, A_CMP, RM_R(H_ADDR));
    e32(e, rip);
    good = emit_jcc(e, CC_Z);
    patch_rel32(frame, e->p);
    other = emit_jmp(e);
    patch_rel32(good, e->p);
    return other;
}

/* The door itself lies before its code, so that a slot leads to both. */
static void make_code(struct jit *j, struct door *d, const struct block *b, unsigned form)
{
    const u8 *entry = b->entry[form ? ENTER_MEMORY : ENTER_REGISTER];
    struct emit emit = {j->code.write + j->code.cold}, *e = &emit;

    e64(e, (u64)(uintptr_t)d);
    d->code[form] = e->p;
    emit_lea(e, 8, H_EXEC, H_TABLE, NO_REG, 0, MMU_EXEC_AT + (s32)(d->rip >> PAGE_SHIFT) * 4);
    d->other[form] = form ? check(e, b, d->rip) : check_quietly(e, b, d->rip);
    emit_mov_imm32(e, H_BASE, d->rip - b->run->offset);
    patch_rel32(emit_jmp(e), j->code.write + (entry - j->code.exec));
    j->code.cold = (size_t)(e->p - j->code.write + 15) & ~(size_t)15;
}

/* ---- The doors of a slot ---- */

static u32 *slot_of(struct jit *j, const struct door *d, unsigned form)
{
    return &j->code.jumps[jump_table_at(d->mode, form) + (u16)d->rip];
}

static struct door *first_of_slot(struct jit *j, const struct door *d)
{
    u32 at = *slot_of(j, d, 0);
    struct door *first = NULL;

    if (at)
        memcpy(&first, j->code.write + at - sizeof first, sizeof first);
    return first;
}

static void put_first(struct jit *j, const struct door *slot, const struct door *d)
{
    for (unsigned form = 0; form < JUMP_FORMS; form++)
        *slot_of(j, slot, form) =
            d ? (u32)(d->code[form] - j->code.write) - form * NOWHERE_BYTES : 0;
}

/* Where `d` leads what is not for it; NULL: nowhere. */
static void put_behind(struct jit *j, struct door *d, struct door *behind)
{
    d->behind = behind;
    for (unsigned form = 0; form < JUMP_FORMS; form++)
        patch_rel32(d->other[form], behind ? behind->code[form]
                                           : j->code.write + (j->nowhere[form] - j->code.exec));
}

static void take_out(struct jit *j, const struct door *d)
{
    struct door *before = first_of_slot(j, d);

    if (before == d) {
        put_first(j, d, d->behind);
        return;
    }
    while (before && before->behind != d)
        before = before->behind;
    if (before)
        put_behind(j, before, d->behind);
}

static void put_in(struct jit *j, struct door *d)
{
    struct door *last = d;

    put_behind(j, d, first_of_slot(j, d));
    put_first(j, d, d);
    for (unsigned i = 1; i < SLOT_DOORS && last; i++)
        last = last->behind;
    if (last && last->behind)
        put_behind(j, last, NULL);
}

/* ---- The doors of a block ---- */

void x64_shut_doors(struct jit *j, struct block *b)
{
    for (const struct door *d = b->doors; d; d = d->next)
        take_out(j, d);
    b->doors = NULL;
}

/* An unused one, or of too many the one that was used first; NULL if there is no room. */
static struct door *unused_door(struct jit *j, struct block *b)
{
    struct door **at = &b->doors, *d;
    unsigned count = 0;

    for (; *at && (*at)->next; at = &(*at)->next)
        count++;
    if (count + 1 >= DOORS_PER_BLOCK) {
        d = *at;
        *at = NULL;
        take_out(j, d);
        return d;
    }
    return arena_new_door(j);
}

static struct door *new_door(struct jit *j, struct block *b, u32 rip)
{
    struct door *d;

    if (j->code.cold + JIT_BLOCK_BYTES_MAX > j->code.cold_end)
        return NULL; /* the next translation will make room */
    d = unused_door(j, b);
    if (!d)
        return NULL;
    *d = (struct door){
        .next = b->doors, .rip = rip, .mode = run_mode(b->run) | (b->window ? MODE_WINDOW : 0)};
    b->doors = d;
    for (unsigned form = 0; form < JUMP_FORMS; form++)
        make_code(j, d, b, form);
    return d;
}

void x64_open_doors(struct jit *j, struct block *b, u32 rip)
{
    struct door *d = b->doors;

    while (d && d->rip != rip)
        d = d->next;
    if (d)
        take_out(j, d);
    else
        d = new_door(j, b, rip);
    if (d)
        put_in(j, d);
}
