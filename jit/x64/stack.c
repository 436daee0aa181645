/*
 * The stack: what pushes and pops, and LEAVE. SDM Vol. 2, one page per instruction.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

enum { REGISTERS = 8, GROUP_MAX = 16 };

/* ---- One at a time ---- */

static bool push(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize;
    struct emit *e = &t->e;

    if (n != 2 && n != 4)
        return false;
    if (in->kind[0] == OPND_MEM)
        emit_load(e, n, H_ADDR, tr_operand(t, in, n, false, false));
    if (tr_stack_window(t, in, true)) {
        struct rm top = tr_stack_rm(-(s32)n);

        tr_window_site(t, in);
        if (in->kind[0] == OPND_IMM) {
            emit_op(e, 0xC7, n, 0, top);
            emit_imm(e, n, (u32)in->imm);
        } else {
            emit_store(e, n, top, in->kind[0] == OPND_MEM ? H_ADDR : host_of(in->reg[0]));
        }
        tr_push_end(t, n);
        return true;
    }
    if (in->kind[0] == OPND_MEM)
        emit_store(e, 8, WORD(W_TEMP), H_ADDR);
    tr_push_begin(t, in, n);
    if (in->kind[0] == OPND_IMM) {
        emit_op(e, 0xC7, n, 0, RM_HOST);
        emit_imm(e, n, (u32)in->imm);
    } else if (in->kind[0] == OPND_GPR) {
        emit_store(e, n, RM_HOST, host_of(in->reg[0]));
    } else {
        emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
        emit_load(e, 4, H_ADDR, WORD(W_TEMP));
        emit_store(e, n, RM_POINTER, H_ADDR);
    }
    tr_push_end(t, n);
    return true;
}

/* The address may name ESP, which then is as it will be afterwards: that is its handler's. */
static bool pop_to_memory(struct tr *t, const struct insn *in, unsigned n)
{
    struct emit *e = &t->e;

    if (in->base == RSP)
        return false;
    tr_pop_begin(t, in, n);
    emit_load(e, n, H_DIFF, RM_HOST);
    emit_store(e, 8, WORD(W_TEMP), H_DIFF);
    tr_memory(t, in, n, true);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    emit_store(e, n, RM_POINTER, H_ADDR);
    tr_pop_end(t, n);
    return true;
}

static bool pop(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize, reg = host_of(in->reg[0]);
    struct emit *e = &t->e;

    if (n != 2 && n != 4)
        return false;
    if (in->kind[0] == OPND_MEM)
        return pop_to_memory(t, in, n);
    if (in->kind[0] != OPND_GPR)
        return false;
    if (tr_stack_window(t, in, false)) {
        tr_window_site(t, in);
        emit_load(e, n, reg == H_ESP ? H_DIFF : reg, tr_stack_rm(0));
        tr_pop_end(t, n);
        if (reg == H_ESP)
            emit_mov(e, n, reg, H_DIFF);
        return true;
    }
    tr_pop_begin(t, in, n);
    emit_load(e, n, H_DIFF, RM_HOST);
    tr_pop_end(t, n);
    emit_mov(e, n, reg, H_DIFF);
    return true;
}

static bool push_segment(struct tr *t, const struct insn *in)
{
    struct rm sel = RM_AT(offsetof(struct cpu, seg) + in->reg[0] * sizeof(struct segment) +
                          offsetof(struct segment, sel));
    unsigned n = in->opsize;
    struct emit *e = &t->e;

    if (n != 2 && n != 4)
        return false;
    if (tr_stack_window(t, in, true)) {
        emit_movzx(e, 2, H_ADDR, sel);
        tr_window_site(t, in);
        emit_store(e, n, tr_stack_rm(-(s32)n), H_ADDR);
        tr_push_end(t, n);
        return true;
    }
    tr_push_begin(t, in, n);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_movzx(e, 2, H_ADDR, sel);
    emit_store(e, n, RM_POINTER, H_ADDR);
    tr_push_end(t, n);
    return true;
}

static bool leave(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize;
    bool stack32 = t->mode & MODE_STACK32;
    struct emit *e = &t->e;
    struct site *s;

    if (n != (stack32 ? 4 : 2))
        return false;
    if (tr_stack_window(t, in, false)) {
        tr_window_site(t, in);
        emit_load(e, 4, H_DIFF, (struct rm){.kind = RM_WINDOW, .base = H_RBP, .index = NO_REG});
        emit_lea(e, 4, H_ESP, H_RBP, NO_REG, 0, 4);
        emit_mov(e, 4, H_RBP, H_DIFF);
        return true;
    }
    tr_clobber(t);
    s = tr_site(t, in);
    if (stack32)
        emit_mov(e, 4, H_ADDR, H_RBP);
    else
        emit_movzx(e, 2, H_ADDR, RM_R(H_RBP));
    tr_segment(t, s, SEG_SS, false);
    tr_table(t, s, n, false);
    emit_load(e, n, H_DIFF, RM_HOST);
    if (stack32) {
        emit_lea(e, 4, H_ESP, H_RBP, NO_REG, 0, (s32)n);
    } else {
        emit_lea(e, 4, H_ADDR, H_RBP, NO_REG, 0, (s32)n);
        emit_mov(e, 2, H_ESP, H_ADDR);
    }
    emit_mov(e, n, H_RBP, H_DIFF);
    return true;
}

/* ---- PUSHA and POPA: one look at the segment and one at the page ---- */

/*
 * The `bytes` from an offset in H_ADDR on, which must not wrap, must lie in the segment and in one
 * page: the lowest of them in H_ADDR, translated. The last eight are the ones to look at for the
 * limit.
 */
static void translate_all(struct tr *t, struct site *s, unsigned bytes, bool write)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_CMP, 4, RM_R(H_ADDR), t->mode & MODE_STACK32 ? 0u - bytes : 0x10000u - bytes);
    tr_slow(s, emit_jcc(e, CC_NBE));
    emit_lea(e, 4, H_ADDR, H_ADDR, NO_REG, 0, (s32)bytes - 8);
    tr_segment(t, s, SEG_SS, write);
    emit_lea(e, 4, H_ADDR, H_ADDR, NO_REG, 0, 8 - (s32)bytes);
    tr_one_page(t, s, bytes, write);
}

/* Where in the frame a register is: EDI lowest. */
static struct rm place_of(unsigned reg, unsigned size)
{
    return (struct rm){.kind = RM_MEM, .disp = (s32)((RDI - reg) * size)};
}

static void push_registers(struct tr *t, struct site *s, unsigned n)
{
    struct emit *e = &t->e;

    emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, -(s32)(n * REGISTERS));
    if (!(t->mode & MODE_STACK32))
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    translate_all(t, s, n * REGISTERS, true);
    for (unsigned reg = RAX; reg <= RDI; reg++)
        emit_store(e, n, place_of(reg, n), host_of(reg));
    tr_push_end(t, n * REGISTERS);
}

static void pop_registers(struct tr *t, struct site *s, unsigned n)
{
    struct emit *e = &t->e;

    tr_stack_pointer(t);
    translate_all(t, s, n * REGISTERS, false);
    for (unsigned reg = RAX; reg <= RDI; reg++)
        if (reg != RSP)
            emit_load(e, n, host_of(reg), place_of(reg, n));
    tr_pop_end(t, n * REGISTERS);
}

static bool push_all(struct tr *t, const struct insn *in)
{
    bool down = optab_rows[in->row].handler == op_PUSHA;

    if (in->opsize != 2 && in->opsize != 4)
        return false;
    tr_clobber(t);
    (down ? push_registers : pop_registers)(t, tr_site(t, in), in->opsize);
    return true;
}

bool tr_stack(struct tr *t, const struct insn *in, bool *done)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_PUSH)
        *done = push(t, in);
    else if (h == op_POP)
        *done = pop(t, in);
    else if (h == op_PUSH_SEG)
        *done = push_segment(t, in);
    else if (h == op_PUSHA || h == op_POPA)
        *done = push_all(t, in);
    else if (h == op_LEAVE)
        *done = leave(t, in);
    else
        return false;
    return true;
}

/* ---- Several instructions at once ---- */

static bool pushes(const struct insn *in)
{
    return optab_rows[in->row].handler == op_PUSH && in->opsize == 4 &&
           (in->kind[0] == OPND_IMM || (in->kind[0] == OPND_GPR && in->reg[0] != RSP));
}

static bool pops(const struct insn *in)
{
    return optab_rows[in->row].handler == op_POP && in->opsize == 4 && in->kind[0] == OPND_GPR &&
           in->reg[0] != RSP;
}

/* The lowest of the bytes in H_ADDR, and the host difference of the page that they all lie in. */
static void group_address(struct tr *t, struct site *s, s32 from_esp, unsigned bytes, bool write)
{
    struct emit *e = &t->e;

    emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, from_esp);
    tr_one_page(t, s, bytes, write);
}

unsigned tr_stack_group(struct tr *t, const struct insn *in, unsigned most)
{
    bool down = pushes(in), window;
    struct emit *e = &t->e;
    struct site *s;
    unsigned n = 0;

    if (!(t->mode & MODE_STACK32) || !tr_flat(t, SEG_SS))
        return 0;
    while (n < most && n < GROUP_MAX && (down ? pushes(in + n) : pops(in + n)))
        n++;
    if (n < 2)
        return 0;
    window = tr_stack_window(t, in, down);
    if (window) {
        /* Done again from the first one after a fault, which does no harm. */
        tr_window_site(t, in);
    } else {
        tr_clobber(t);
        s = tr_site(t, in);
        s->group = (u8)(n - 1);
        group_address(t, s, down ? -4 * (s32)n : 0, 4 * n, down);
    }
    for (unsigned i = 0; i < n; i++) {
        struct rm at = window
                           ? tr_stack_rm(down ? -4 * (s32)(i + 1) : 4 * (s32)i)
                           : (struct rm){.kind = RM_MEM, .disp = (s32)(4 * (down ? n - 1 - i : i))};

        if (in[i].kind[0] == OPND_IMM) {
            emit_op(e, 0xC7, 4, 0, at);
            e32(e, (u32)in[i].imm);
        } else {
            emit_op(e, down ? 0x89 : 0x8B, 4, in[i].reg[0], at);
        }
    }
    emit_lea(e, 4, H_ESP, H_ESP, NO_REG, 0, down ? -4 * (s32)n : 4 * (s32)n);
    return n;
}
