/*
 * What an instruction leaves to others: the calls of its handler and of lean.c's functions, and the
 * code behind. That stands apart from the block's own, a piece for each site, where jumps lead that
 * are seldom taken: an access not in T or across pages, a selector to be loaded, a state that is
 * not as it mostly is. A piece ends with a jump back into the block.
 */
#include "jit/x64/translate.h"

#include "cpu/fpu_inline.h"

#include <assert.h>

/* ---- Sites ---- */

struct site *tr_site(struct tr *t, const struct insn *in)
{
    struct site *s = &t->site[t->sites++];

    memset(s, 0, sizeof *s);
    s->in = in;
    s->counted = t->counted;
    s->noted = t->noted;
    return s;
}

void tr_slow(struct site *s, u8 *jump)
{
    assert(s->jumps < SITE_JUMPS);
    s->jump[s->jumps++] = jump;
}

void tr_plain(struct site *s)
{
    tr_slow(s, s->miss);
    s->miss = NULL;
}

void tr_stored(struct tr *t, struct site *s, enum site_value value)
{
    if (s->miss_size > 4)
        return;
    s->value = value;
    s->stored = t->e.p;
}

/* ---- Calls ---- */

static void call(struct tr *t, const u8 *stub)
{
    e8(&t->e, 0xE8);
    e32(&t->e, 0);
    patch_rel32(t->e.p - 4, t->j->code.write + (stub - t->j->code.exec));
}

static void call_helper(struct tr *t, const struct insn *in, bool counted, u32 bits)
{
    struct emit *e = &t->e;
    int rest = counted ? t->r->count - in->index_in_run : -(int)in->index_in_run;

    emit_mov_imm32(e, H_DIFF, (u16)rest | bits);
    emit_mov_imm64(e, H_ADDR, (u64)(uintptr_t)in);
    call(t, t->j->helper);
}

/* Note an x87 instruction as the last one: FIP, FCS, FOP. */
static void emit_note(struct tr *t, unsigned index)
{
    const struct insn *in = &t->r->insn[index];
    struct emit *e = &t->e;

    emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)page_offset(t, in));
    emit_store(e, 8, CPU(fpu.fip), H_ADDR);
    emit_movzx(e, 2, H_ADDR, CPU(seg[SEG_CS].sel));
    emit_store(e, 2, CPU(fpu.fcs), H_ADDR);
    emit_op(e, 0xC7, 2, 0, CPU(fpu.fop));
    e16(e, fpu_opcode(in));
}

void tr_note(struct tr *t)
{
    if (t->noted >= 0)
        emit_note(t, (unsigned)t->noted);
    t->noted = -1;
}

/* The result is LEAN_STAY unless the jump is taken. */
static u8 *call_lean(struct tr *t, const struct insn *in, const u8 *stub)
{
    struct emit *e = &t->e;

    emit_mov_imm64(e, H_ADDR, (u64)(uintptr_t)in);
    call(t, stub);
    emit_alu_imm(e, A_CMP, 8, RM_R(H_DIFF), LEAN_STAY);
    return emit_jcc(e, CC_NZ);
}

static void take_over(struct tr *t, const struct insn *in, enum lean_kind kind)
{
    unsigned size = in->size[0];

    if (kind == LEAN_IN)
        emit_op(&t->e, size == 1 ? 0x8A : 0x8B, size, H_RAX, RM_R(H_ADDR));
    else if (kind == LEAN_POP)
        tr_pop_end(t, in->opsize);
    else if (kind == LEAN_POINTER)
        emit_load(&t->e, in->opsize, host_of(in->reg[0]), WORD(W_TEMP));
    else if (kind == LEAN_TSC) {
        emit_mov(&t->e, 4, H_RAX, H_ADDR);
        emit_shift_imm(&t->e, S_SHR, 8, H_ADDR, 32);
        emit_mov(&t->e, 4, H_RDX, H_ADDR);
    }
}

struct site *tr_lean(struct tr *t, const struct insn *in, const u8 *stub, enum lean_kind kind)
{
    struct site *s = tr_site(t, in);

    assert(t->counted);
    s->lean = call_lean(t, in, stub);
    s->lean_kind = (u8)kind;
    take_over(t, in, kind);
    return s;
}

void tr_help(struct tr *t, const struct insn *in)
{
    tr_clobber(t);
    tr_note(t);
    call_helper(t, in, t->counted, 0);
    t->x87_ready = t->mmx_ready = false;
}

/* ---- The code behind ---- */

/* The instruction is done: take it off the count. H_ADDR is used. */
static void count_off(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;
    int rest = s->counted ? t->r->count - in->index_in_run : -(int)in->index_in_run;

    emit_lea(&t->e, 8, H_LEFT, H_LEFT, NO_REG, 0, rest - 1);
    if (s->noted >= 0)
        emit_note(t, (unsigned)s->noted);
}

/* Out of the block behind an instruction; r8 and r9 are free, the flags in memory. */
static void emit_leave_behind(struct tr *t, const struct site *s)
{
    count_off(t, s);
    tr_leave(t, page_offset(t, s->in) + s->in->len, 0, true);
}

/* What a site stores, into H_DIFF. */
static void load_value(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;
    struct emit *e = &t->e;

    if (s->value == VALUE_TEMP) {
        emit_load(e, 4, H_DIFF, WORD(W_TEMP));
    } else if (s->value == VALUE_RAX) {
        emit_mov(e, 4, H_DIFF, H_RAX);
    } else if (in->kind[1] == OPND_IMM) {
        emit_mov_imm32(e, H_DIFF, (u32)in->imm);
    } else if (is_high_byte(in, 1)) {
        emit_mov(e, 4, H_DIFF, in->reg[1] - 16);
        emit_shift_imm(e, S_SHR, 4, H_DIFF, 8);
    } else {
        emit_mov(e, 4, H_DIFF, host_of(in->reg[1]));
    }
}

/* Where T has nothing: perhaps lean.c can do it. Falls through to the handler's call. */
static void emit_miss(struct tr *t, struct site *s)
{
    struct emit *e = &t->e;
    u8 *leaves;

    patch_rel32(s->miss, e->p);
    if (s->value) {
        load_value(t, s);
        call(t, t->j->store[s->miss_size >> 1]);
        emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), STORED);
        patch_rel32(emit_jcc(e, CC_Z), s->stored);
        leaves = emit_jcc(e, CC_B);
        if (s->value != VALUE_OPERAND)
            tr_string_end(t, s->in);
        emit_leave_behind(t, s);
        patch_rel32(leaves, e->p);
        return;
    }
    emit_mov_imm32(e, H_DIFF, s->miss_size);
    call(t, s->miss_write ? t->j->reach_write : t->j->reach_read);
    patch_rel32(emit_jcc(e, CC_NZ), s->reached);
}

/* lean.c has done it, and the block is not to go on; falls through if it has not. */
static void emit_lean(struct tr *t, const struct site *s)
{
    struct emit *e = &t->e;
    u8 *not_done;

    patch_rel32(s->lean, e->p);
    not_done = emit_jcc(e, CC_B);
    take_over(t, s->in, s->lean_kind);
    emit_store(e, 8, WORD(W_TEMP), H_DIFF);
    count_off(t, s);
    if (s->lean_kind != LEAN_JUMP)
        tr_load_offset(t, page_offset(t, s->in) + s->in->len);
    emit_mov_imm32(e, H_DIFF, 0);
    emit_op(e, 0xFF, 4, 4, WORD(W_TEMP)); /* jmp */
    patch_rel32(not_done, e->p);
}

/* A selector into H_DIFF, from its register or from [H_DIFF + H_ADDR]. */
static void load_selector(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;

    if (s->lean_kind == LEAN_POINTER)
        tr_split_pointer(t, in);
    else
        emit_movzx(&t->e, 2, H_DIFF, in->kind[1] == OPND_GPR ? RM_R(host_of(in->reg[1])) : RM_HOST);
}

void tr_behind(struct tr *t, struct site *s)
{
    struct emit *e = &t->e;
    u8 *over = NULL;

    if (s->misaligned) {
        patch_rel32(s->misaligned, e->p);
        /* Its last byte is among the first `size` of a page where it crosses into that one. */
        emit_lea(e, 4, H_DIFF, H_ADDR, NO_REG, 0, s->size - 1);
        emit_op(e, 0xF7, 4, 0, RM_R(H_DIFF)); /* test */
        e32(e, PAGE_MASK & ~(u32)(s->size - 1));
        over = emit_jcc(e, CC_Z);
        emit_shift_imm(e, S_SHR, 4, H_DIFF, PAGE_SHIFT);
        patch_rel32(emit_jmp(e), s->aligned);
    }
    if (s->miss)
        emit_miss(t, s);
    if (over)
        patch_rel32(over, e->p);
    for (unsigned i = 0; i < s->jumps; i++)
        patch_rel32(s->jump[i], e->p);
    if (s->held) {
        emit_mov_imm32(e, H_DIFF, s->masked);
        call(t, t->j->hold);
        patch_rel32(emit_jcc(e, CC_NZ), s->held);
    }
    if (s->lean_late) {
        load_selector(t, s);
        s->lean = call_lean(t, s->in, s->lean_late);
        take_over(t, s->in, s->lean_kind);
        patch_rel32(emit_jmp(e), s->back);
    }
    if (s->lean)
        emit_lean(t, s);
    if (s->noted >= 0)
        emit_note(t, (unsigned)s->noted);
    for (unsigned i = 0; i <= s->group; i++)
        call_helper(t, s->in + i, s->counted, HELPER_SLOW | (s->leave ? HELPER_LEAVE : 0));
    if (s->restore)
        tr_restore(t, H_ADDR, true);
    patch_rel32(emit_jmp(e), s->back ? s->back : e->p);
}
