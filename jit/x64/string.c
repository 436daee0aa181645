/*
 * Strings without a prefix, going up. SDM Vol. 2, "LODS", "STOS", "MOVS". What has a prefix is
 * repeat.c's.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

static void string_address(struct tr *t, struct site *s, const struct insn *in, bool write)
{
    unsigned reg = write ? RDI : RSI;
    struct emit *e = &t->e;

    if (in->asize == 2)
        emit_movzx(e, 2, H_ADDR, RM_R(reg));
    else
        emit_mov(e, 4, H_ADDR, reg);
    tr_segment(t, s, write ? SEG_ES : in->seg, write);
    tr_table(t, s, in->opsize, write);
}

static void advance(struct tr *t, const struct insn *in, unsigned reg)
{
    struct emit *e = &t->e;

    if (in->asize == 2) {
        emit_lea(e, 4, H_ADDR, reg, NO_REG, 0, in->opsize);
        emit_mov(e, 2, reg, H_ADDR);
    } else {
        emit_lea(e, 4, reg, reg, NO_REG, 0, in->opsize);
    }
}

void tr_string_end(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_LODS || h == op_MOVS)
        advance(t, in, RSI);
    if (h == op_STOS || h == op_MOVS)
        advance(t, in, RDI);
}

static struct site *string_begin(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    emit_op(e, 0xF6, 1, 0, RM_AT(offsetof(struct cpu, eflags) + 1)); /* going down? */
    e8(e, EF_DF >> 8);
    tr_slow(s, emit_jcc(e, CC_NZ));
    return s;
}

bool tr_string(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;
    unsigned n = in->opsize, load = n == 1 ? 0x8A : 0x8B;
    struct emit *e = &t->e;
    struct site *s;

    if (in->flags & (INSN_REP | INSN_REPNE))
        return (h == op_MOVS || h == op_STOS) && tr_repeat(t, in);
    if (h != op_STOS && h != op_LODS && h != op_MOVS)
        return false;
    s = string_begin(t, in);
    if (h == op_STOS) {
        string_address(t, s, in, true);
        emit_op(e, load - 2, n, H_RAX, RM_HOST);
        tr_stored(t, s, VALUE_RAX);
        tr_string_end(t, in);
        return true;
    }
    string_address(t, s, in, false);
    if (h == op_LODS) {
        emit_op(e, load, n, H_RAX, RM_HOST);
        tr_string_end(t, in);
        return true;
    }
    emit_op(e, load, n, H_ADDR, RM_HOST);
    emit_store(e, 8, WORD(W_TEMP), H_ADDR);
    s = tr_site(t, in);
    string_address(t, s, in, true);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    emit_op(e, load - 2, n, H_ADDR, RM_POINTER);
    tr_stored(t, s, VALUE_TEMP);
    tr_string_end(t, in);
    return true;
}
