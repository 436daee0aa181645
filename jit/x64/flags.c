/*
 * EFLAGS: interrupts off and on, flags saved and restored, which kernels and DOS programs do all
 * the time. Anything but the common case goes to the handler. SDM Vol. 2, "CLI", "STI", "PUSHF",
 * "POPF".
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

void tr_slow_unless_zero(struct tr *t, struct site *s, size_t byte)
{
    emit_op(&t->e, 0x80, 1, A_CMP, RM_AT(byte));
    e8(&t->e, 0);
    tr_slow(s, emit_jcc(&t->e, CC_NZ));
}

/*
 * No pin waits for IF: then STI and POPF change nothing but the flag. The shadow behind STI cannot
 * be seen either: nothing can be pending at its end that was not before, and the count does not run
 * out in it, since blocks stop early.
 */
void tr_slow_if_pending(struct tr *t, struct site *s)
{
    tr_slow_unless_zero(t, s, offsetof(struct cpu, intr));
    tr_slow_unless_zero(t, s, offsetof(struct cpu, nmi_latched));
}

/* CPL and IOPL must allow what changes IF, and shows it. */
void tr_slow_unless_iopl(struct tr *t, struct site *s)
{
    struct emit *e = &t->e;

    if (!(t->mode & (MODE_V86 | MODE_PROTECTED)))
        return;
    if (!(t->mode & (MODE_V86 | MODE_USER))) {
        tr_slow_unless_zero(t, s, offsetof(struct cpu, cpl));
        return;
    }
    emit_load(e, 4, H_DIFF, CPU(eflags));
    emit_op(e, 0xF7, 4, 2, RM_R(H_DIFF)); /* not */
    emit_op(e, 0xF7, 4, 0, RM_R(H_DIFF)); /* test */
    e32(e, EF_IOPL);
    tr_slow(s, emit_jcc(e, CC_NZ));
}

static bool cli_sti(struct tr *t, const struct insn *in, bool set)
{
    struct emit *e = &t->e;
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    tr_slow_unless_iopl(t, s);
    if (set) {
        tr_slow_if_pending(t, s);
        emit_alu_imm(e, A_OR, 4, CPU(eflags), EF_IF);
    } else {
        emit_alu_imm(e, A_AND, 4, CPU(eflags), ~(u32)EF_IF);
    }
    return true;
}

void tr_load_eflags(struct tr *t)
{
    struct emit *e = &t->e;

    emit_movzx(e, 1, H_ADDR, CPU(aflags));
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), AF_OF);
    emit_shift_imm(e, S_SHL, 4, H_ADDR, 11);
    emit_alu(e, A_OR, 4, H_ADDR, CPU(eflags));
}

static bool push_flags(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize;
    struct emit *e = &t->e;

    if (n != 2 && n != 4)
        return false;
    tr_clobber(t);
    if (t->mode & MODE_V86)
        tr_slow_unless_iopl(t, tr_site(t, in));
    tr_push_begin(t, in, n);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    tr_load_eflags(t);
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), ~(u32)(EF_VM | EF_RF));
    emit_store(e, n, RM_POINTER, H_ADDR);
    emit_movzx(e, 1, H_ADDR, RM_AT(offsetof(struct cpu, aflags) + 1));
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), AF_ALL >> 8);
    emit_op(e, 0x08, 1, H_ADDR, RM_POINTER); /* or [r9], r8b */
    tr_push_end(t, n);
    return true;
}

void tr_set_flags(struct tr *t)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), EF_IF | EF_DF);
    emit_op(e, 0x31, 4, H_ADDR, CPU(eflags)); /* xor */
    emit_mov(e, 4, H_ADDR, H_DIFF);
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), AF_ALL >> 8);
    emit_shift_imm(e, S_SHL, 4, H_ADDR, 8);
    emit_shift_imm(e, S_SHR, 4, H_DIFF, 11);
    emit_alu_imm(e, A_AND, 4, RM_R(H_DIFF), AF_OF);
    emit_alu(e, A_OR, 4, H_ADDR, RM_R(H_DIFF));
    emit_store(e, 2, CPU(aflags), H_ADDR);
}

static bool pop_flags(struct tr *t, const struct insn *in)
{
    unsigned n = in->opsize;
    struct emit *e = &t->e;
    struct site *s;

    if (n != 2 && n != 4)
        return false;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    tr_slow_unless_iopl(t, s);
    tr_slow_if_pending(t, s);
    s = tr_pop_begin(t, in, n);
    s->leave = true;
    if (n == 2) {
        emit_movzx(e, 2, H_DIFF, RM_HOST);
        emit_load(e, 4, H_ADDR, CPU(eflags));
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    } else {
        emit_load(e, 4, H_DIFF, RM_HOST);
        emit_load(e, 4, H_ADDR, CPU(eflags));
    }
    emit_alu(e, A_XOR, 4, H_ADDR, RM_R(H_DIFF));
    emit_op(e, 0xF7, 4, 0, RM_R(H_ADDR)); /* test */
    e32(e, FLAGS_HARD);
    tr_slow(s, emit_jcc(e, CC_NZ));
    tr_set_flags(t);
    tr_pop_end(t, n);
    return true;
}

bool tr_flags(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_CLI || h == op_STI)
        return cli_sti(t, in, h == op_STI);
    if (h == op_PUSHF)
        return push_flags(t, in);
    return h == op_POPF && pop_flags(t, in);
}
