/*
 * The last instruction of a block: jumps, calls, returns. SDM Vol. 2, one page per instruction.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

static op_handler *const conditions[16] = {op_JO,  op_JNO,  op_JB,  op_JNB, op_JZ, op_JNZ,
                                           op_JBE, op_JNBE, op_JS,  op_JNS, op_JP, op_JNP,
                                           op_JL,  op_JNL,  op_JLE, op_JNLE};

int x64_condition(const struct insn *in)
{
    for (int cc = 0; cc < 16; cc++)
        if (optab_rows[in->row].handler == conditions[cc])
            return cc;
    return -1;
}

/* What a single bit of cpu->aflags decides: its byte and mask, or 0. */
static u8 flag_mask(unsigned cc)
{
    switch (cc & ~1u) {
    case CC_O: return AF_OF;
    case CC_B: return AF_CF >> 8;
    case CC_Z: return AF_ZF >> 8;
    case CC_BE: return (AF_CF | AF_ZF) >> 8;
    case CC_S: return AF_SF >> 8;
    case CC_P: return AF_PF >> 8;
    default: return 0;
    }
}

/* A jump to be patched, taken if the guest's condition holds. */
static u8 *jump_if(struct tr *t, unsigned cc)
{
    struct emit *e = &t->e;
    u8 mask = flag_mask(cc);

    if (t->flags != FLAGS_MEMORY)
        return emit_jcc(e, cc);
    if (!mask) {
        tr_need(t, FL_ARITH, H_DIFF);
        return emit_jcc(e, cc);
    }
    emit_op(e, 0xF6, 1, 0, RM_AT(offsetof(struct cpu, aflags) + (cc < CC_B ? 0 : 1)));
    e8(e, mask);
    return emit_jcc(e, cc & 1 ? CC_Z : CC_NZ);
}

static void go_to(struct tr *t, u8 *jump, s64 to)
{
    t->out[t->outs++] = (struct out){.jump = jump, .flags = t->flags, .to = to};
}

/* The byte behind an instruction. */
static s64 after(const struct tr *t, const struct insn *in)
{
    return (s64)page_offset(t, in) + in->len;
}

/* What code after this one's end must find done. */
static void settle(struct tr *t)
{
    tr_note(t);
}

void tr_fall_through(struct tr *t)
{
    settle(t);
    go_to(t, emit_jmp(&t->e), after(t, &t->r->insn[t->r->count - 1]));
}

/* Where a relative branch goes, counted from the page's first byte. */
static s64 target_of(struct tr *t, const struct insn *in)
{
    s64 to = (s64)page_offset(t, in) + in->len + (s64)in->imm;

    if (!is_code16(t))
        return to;
    /* IP is cut to 16 bits. */
    return (s64)(u16)(t->base16 + (u32)to) - (s64)(s32)t->base16;
}

/*
 * With 32-bit operands in 16-bit code, which compilers make of C for firmware: the target is not
 * cut to 16 bits, so it must be known to lie within the 64 KiB.
 */
static bool is_wide(const struct tr *t, const struct insn *in)
{
    return is_code16(t) && in->opsize == 4;
}

/* Branches in plain code: 32-bit code with 32-bit targets, 16-bit code with 16-bit ones. */
static bool is_plain(const struct tr *t, const struct insn *in)
{
    if (!is_wide(t, in))
        return in->opsize == (is_code16(t) ? 2 : 4);
    if (in->kind[0] == OPND_REL)
        return t->base16 + page_offset(t, in) + in->len + (u32)in->imm <= 0xFFFF;
    return optab_rows[in->row].handler == op_RET || optab_rows[in->row].handler == op_CALL ||
           optab_rows[in->row].handler == op_JMP;
}

/* ---- Where CS binds branches ---- */

static bool is_bound(const struct tr *t)
{
    return !(t->mode & MODE_CS_FREE);
}

/* The target in `reg` must lie within CS; the flags are in memory. */
static void check_target(struct tr *t, struct site *s, unsigned reg)
{
    if (!is_bound(t))
        return;
    emit_alu(&t->e, A_CMP, 4, reg, CPU(seg[SEG_CS].limit));
    tr_slow(s, emit_jcc(&t->e, CC_NBE));
}

/* The same for a relative branch, which is left to its handler otherwise. */
static void check_relative(struct tr *t, const struct insn *in)
{
    struct site *s;

    if (!is_bound(t))
        return;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    if (is_code16(t))
        emit_mov_imm32(&t->e, H_ADDR, (u32)(t->base16 + target_of(t, in)));
    else
        emit_lea(&t->e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)target_of(t, in));
    check_target(t, s, H_ADDR);
}

/* Only a branch that is taken can leave CS. */
static bool bound_condition(struct tr *t, const struct insn *in, unsigned cc)
{
    u8 *passes;

    tr_clobber(t);
    passes = jump_if(t, cc ^ 1);
    go_to(t, passes, after(t, in));
    t->flags = FLAGS_MEMORY;
    check_relative(t, in);
    go_to(t, emit_jmp(&t->e), target_of(t, in));
    return true;
}

void tr_indirect(struct tr *t)
{
    struct jit *j = t->j;

    unsigned mode = t->mode | (t->window ? MODE_WINDOW : 0);

    if (jumps_quickly(t->mode)) {
        if (t->flags == FLAGS_REGISTER && !j->bmi2)
            tr_clobber(t);
        x64_quick_jump(&t->e, mode, t->flags != FLAGS_REGISTER);
        return;
    }
    tr_clobber(t);
    patch_rel32(emit_jmp(&t->e), j->code.write + (j->indirect[mode] - j->code.exec));
}

/* ---- Loops ---- */

static bool loop(struct tr *t, const struct insn *in, bool counts)
{
    struct emit *e = &t->e;
    u8 *jump;

    tr_clobber(t);
    settle(t);
    if (counts && in->asize == 4) {
        emit_lea(e, 4, H_RCX, H_RCX, NO_REG, 0, -1);
    } else if (counts) {
        emit_lea(e, 4, H_ADDR, H_RCX, NO_REG, 0, -1);
        emit_mov(e, 2, H_RCX, H_ADDR);
    }
    emit_op(e, 0x85, in->asize, H_RCX, RM_R(H_RCX)); /* test cx, cx */
    jump = emit_jcc(e, counts ? CC_NZ : CC_Z);
    go_to(t, jump, target_of(t, in));
    go_to(t, emit_jmp(e), after(t, in));
    return true;
}

/* ---- Calls ---- */

/* The return address at [H_DIFF + H_ADDR]; both are used up. */
static void store_return(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    u32 offset = page_offset(t, in) + in->len;

    if (in->opsize == 2) {
        emit_op(e, 0xC7, 2, 0, RM_HOST);
        e16(e, t->base16 + offset);
        return;
    }
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)offset);
    emit_store(e, 4, RM_POINTER, H_ADDR);
}

static void push_return(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;

    if (in->opsize == 4 && tr_stack_window(t, in, true)) {
        emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)(page_offset(t, in) + in->len));
        tr_window_site(t, in);
        emit_store(e, 4, tr_stack_rm(-4), H_ADDR);
    } else {
        tr_push_begin(t, in, in->opsize)->leave = true;
        store_return(t, in);
    }
    tr_push_end(t, in->opsize);
}

static bool call_relative(struct tr *t, const struct insn *in)
{
    push_return(t, in);
    settle(t);
    go_to(t, emit_jmp(&t->e), target_of(t, in));
    return true;
}

/* The target of JMP or CALL r/m in H_ADDR. */
static void load_target(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    struct site *s;

    if (in->kind[0] == OPND_MEM) {
        struct rm rm = tr_operand(t, in, in->opsize, false, true);

        if (in->opsize == 2)
            emit_movzx(e, 2, H_ADDR, rm);
        else
            emit_load(e, 4, H_ADDR, rm);
    } else if (in->opsize == 2) {
        emit_movzx(e, 2, H_ADDR, RM_R(host_of(in->reg[0])));
    } else {
        emit_mov(e, 4, H_ADDR, host_of(in->reg[0]));
    }
    if (!is_wide(t, in) && !is_bound(t))
        return;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    check_target(t, s, H_ADDR);
    if (!is_wide(t, in))
        return;
    emit_alu_imm(e, A_CMP, 4, RM_R(H_ADDR), 0xFFFF);
    tr_slow(s, emit_jcc(e, CC_NBE));
}

static bool jump_indirect(struct tr *t, const struct insn *in)
{
    settle(t);
    load_target(t, in);
    tr_indirect(t);
    return true;
}

static bool call_indirect(struct tr *t, const struct insn *in)
{
    bool window = in->opsize == 4 && tr_stack_window(t, in, true);
    struct emit *e = &t->e;

    settle(t);
    load_target(t, in);
    if (window)
        emit_mov(e, 4, H_DIFF, H_ADDR);
    else
        emit_store(e, 8, WORD(W_TEMP), H_ADDR);
    push_return(t, in);
    if (window)
        emit_mov(e, 4, H_ADDR, H_DIFF);
    else
        emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    tr_indirect(t);
    return true;
}

static bool call_or_jump(struct tr *t, const struct insn *in, bool call)
{
    if (in->kind[0] != OPND_REL)
        return call ? call_indirect(t, in) : jump_indirect(t, in);
    check_relative(t, in);
    if (call)
        return call_relative(t, in);
    settle(t);
    go_to(t, emit_jmp(&t->e), target_of(t, in));
    return true;
}

static bool ret(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize, more = in->kind[0] == OPND_IMM ? in->imm & 0xFFFF : 0;
    struct emit *e = &t->e;
    struct site *s;

    settle(t);
    if (n == 4 && !is_wide(t, in) && !is_bound(t) && tr_stack_window(t, in, false)) {
        tr_window_site(t, in);
        emit_load(e, 4, H_ADDR, tr_stack_rm(0));
        emit_lea(e, 4, H_ESP, H_ESP, NO_REG, 0, (s32)(n + more));
        tr_indirect(t);
        return true;
    }
    s = tr_pop_begin(t, in, n);
    s->leave = true;
    if (n == 2)
        emit_movzx(e, 2, H_DIFF, RM_HOST);
    else
        emit_load(e, 4, H_DIFF, RM_HOST);
    if (is_wide(t, in)) {
        emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), 0xFFFF);
        tr_slow(s, emit_jcc(e, CC_NBE));
    }
    check_target(t, s, H_DIFF);
    tr_pop_end(t, n + more);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    tr_indirect(t);
    return true;
}

void tr_pass(struct tr *t, const struct insn *in)
{
    s64 to = target_of(t, in), next = page_offset(t, in + 1);
    int cc = x64_condition(in);

    settle(t);
    if (cc < 0)
        return; /* JMP */
    if (next == to)
        go_to(t, jump_if(t, (unsigned)cc ^ 1), after(t, in));
    else
        go_to(t, jump_if(t, (unsigned)cc), to);
    t->out[t->outs - 1].rest = (s8)(t->r->count - in->index_in_run - 1);
}

bool tr_branch(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;
    int cc = x64_condition(in);
    u8 *jump;

    if (!is_plain(t, in)) {
        settle(t);
        return tr_far_jump(t, in);
    }
    if (cc >= 0) {
        settle(t);
        if (is_bound(t))
            return bound_condition(t, in, (unsigned)cc);
        jump = jump_if(t, (unsigned)cc);
        go_to(t, jump, target_of(t, in));
        go_to(t, emit_jmp(&t->e), after(t, in));
        return true;
    }
    if (h == op_LOOP || h == op_JCXZ)
        return !is_bound(t) && loop(t, in, h == op_LOOP);
    if (h == op_CALL || h == op_JMP)
        return call_or_jump(t, in, h == op_CALL);
    if (h == op_RET)
        return ret(t, in);
    settle(t);
    return tr_far(t, in) || tr_far_jump(t, in);
}
