/*
 * The ways out of a block: to the dispatcher; and from there on straight to another block, once it
 * is known where the way leads, until that block is gone.
 */
#include "jit/x64/translate.h"

/* ---- Emitted with the block ---- */

void tr_load_offset(struct tr *t, u32 offset)
{
    if (is_code16(t))
        emit_mov_imm32(&t->e, H_ADDR, t->base16 + offset);
    else
        emit_lea(&t->e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)offset);
}

void tr_leave(struct tr *t, u32 offset, u32 link, bool flags_in_memory)
{
    struct emit *e = &t->e;
    const u8 *to = flags_in_memory ? t->j->leave_memory : t->j->leave_register;

    tr_load_offset(t, offset);
    emit_mov_imm32(e, H_DIFF, link);
    patch_rel32(emit_jmp(e), t->j->code.write + (to - t->j->code.exec));
}

void tr_out(struct tr *t, unsigned i)
{
    struct out *o = &t->out[i];
    struct link *l = &t->b->link[i];
    struct emit *e = &t->e;
    s64 pages = o->to >> PAGE_SHIFT;
    bool memory = o->flags != FLAGS_REGISTER;
    u8 *miss = NULL;

    *l = (struct link){.from = t->b, .jump = o->jump};
    l->entry = o->flags == FLAGS_REGISTER ? ENTER_REGISTER
               : o->flags == FLAGS_MEMORY ? ENTER_MEMORY
                                          : ENTER_ANY;
    patch_rel32(o->jump, e->p);
    if (o->rest)
        emit_lea(e, 8, H_LEFT, H_LEFT, NO_REG, 0, o->rest);
    if (o->rest && !pages) {
        l->jump = emit_jmp(e);
        patch_rel32(l->jump, e->p);
    }
    if (pages) {
        if (!memory)
            tr_save(t, H_DIFF);
        memory = true;
        l->entry = ENTER_MEMORY;
        /* cmp dword [r10 + pages * 4], frame */
        e8(e, 0x41), e8(e, 0x81), e8(e, 0x80 | 7 << 3 | (H_EXEC & 7)), e32(e, (u32)(pages * 4));
        l->guard = e->p;
        e32(e, 0xFFFFFFFF);
        miss = emit_jcc(e, CC_NZ);
        emit_lea(e, 8, H_EXEC, H_EXEC, NO_REG, 0, (s32)(pages * 4));
        if (is_code16(t))
            emit_mov_imm32(e, H_BASE, t->base16 + (u32)(pages * (s32)PAGE_SIZE));
        else
            emit_lea(e, 4, H_BASE, H_BASE, NO_REG, 0, (s32)(pages * (s32)PAGE_SIZE));
        l->jump = emit_jmp(e);
        patch_rel32(miss, e->p);
        patch_rel32(l->jump, e->p);
    }
    l->exit = code_exec(&t->j->code, e->p);
    tr_leave(t, (u32)o->to, (u32)((u8 *)l - t->j->blocks), memory);
}

/* ---- Aimed afterwards ---- */

static u8 *writable(struct jit *j, const u8 *exec)
{
    return j->code.write + (exec - j->code.exec);
}

/* A displacement at `at` of the writable view, to `target` of the executable one. */
static void aim(struct jit *j, u8 *at, const u8 *target)
{
    patch_rel32(at, writable(j, target));
}

void x64_link(struct jit *j, struct link *l, struct block *to, frame_id frame)
{
    l->to = to;
    l->next = to->incoming;
    to->incoming = l;
    if (l->guard)
        memcpy(l->guard, &frame, sizeof frame);
    aim(j, l->jump, to->entry[l->entry]);
}

static void unlink_one(struct jit *j, struct link *l)
{
    u32 none = 0xFFFFFFFF;

    l->to = NULL;
    if (l->guard)
        memcpy(l->guard, &none, sizeof none);
    aim(j, l->jump, l->exit);
}

void x64_retire(struct jit *j, struct block *b)
{
    struct link *next;
    u8 *at;

    for (struct link *l = b->incoming; l; l = next) {
        next = l->next;
        unlink_one(j, l);
    }
    b->incoming = NULL;
    x64_shut_doors(j, b);
    at = writable(j, b->entry[ENTER_MEMORY]);
    *at = 0xE9;
    aim(j, at + 1, b->dead);
}
