/*
 * REP MOVS and REP STOS within a page. SDM Vol. 2, "REP".
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

/* The host address at `reg` in H_DIFF, good for all elements. */
static void page_pointer(struct tr *t, struct site *s, unsigned reg, unsigned scale, bool write)
{
    struct emit *e = &t->e;

    emit_mov(e, 4, H_DIFF, reg);
    emit_alu_imm(e, A_AND, 4, RM_R(H_DIFF), PAGE_MASK);
    emit_lea(e, 4, H_DIFF, H_DIFF, H_RCX, scale, 0);
    emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), PAGE_SIZE);
    tr_slow(s, emit_jcc(e, CC_NBE));
    emit_mov(e, 4, H_ADDR, reg);
    tr_table(t, s, 1, write);
    tr_plain(s);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
}

bool tr_repeat(struct tr *t, const struct insn *in)
{
    bool moves = optab_rows[in->row].handler == op_MOVS;
    unsigned n = in->opsize, scale = n == 4 ? 2 : n - 1;
    struct emit *e = &t->e;
    struct site *s;
    u8 *none;

    if (in->asize != 4 || !tr_flat(t, SEG_ES) || (moves && !tr_flat(t, in->seg)) || n > 4)
        return false;
    tr_clobber(t);
    s = tr_site(t, in);
    emit_op(e, 0xF6, 1, 0, RM_AT(offsetof(struct cpu, eflags) + 1)); /* going down? */
    e8(e, EF_DF >> 8);
    tr_slow(s, emit_jcc(e, CC_NZ));
    emit_alu_imm(e, A_CMP, 4, RM_R(H_RCX), PAGE_SIZE / n);
    tr_slow(s, emit_jcc(e, CC_NBE));
    emit_alu(e, A_CMP, 8, H_LEFT, RM_R(H_RCX)); /* every round counts */
    tr_slow(s, emit_jcc(e, CC_L));
    emit_op(e, 0x85, 4, H_RCX, RM_R(H_RCX));
    none = emit_jcc(e, CC_Z);
    page_pointer(t, s, H_RDI, scale, true);
    if (moves) {
        emit_store(e, 8, WORD(W_TEMP), H_DIFF);
        page_pointer(t, s, H_RSI, scale, false);
        emit_load(e, 8, H_ADDR, WORD(W_TEMP));
        emit_op(e, 0x87, 8, H_DIFF, RM_R(H_RSI));
    } else {
        emit_mov(e, 8, H_ADDR, H_DIFF);
    }
    emit_op(e, 0x87, 8, H_ADDR, RM_R(H_RDI));
    emit_alu(e, A_SUB, 8, H_LEFT, RM_R(H_RCX));
    emit_alu_imm(e, A_ADD, 8, RM_R(H_LEFT), 1);
    emit_lea(e, 4, H_ADDR, H_ADDR, H_RCX, scale, 0);
    if (moves)
        emit_lea(e, 4, H_DIFF, H_DIFF, H_RCX, scale, 0);
    e8(e, 0xF3);
    if (n == 2)
        e8(e, 0x66);
    e8(e, (moves ? 0xA4 : 0xAA) + (n > 1));
    emit_mov(e, 4, H_RDI, H_ADDR);
    if (moves)
        emit_mov(e, 4, H_RSI, H_DIFF);
    patch_rel32(none, e->p);
    return true;
}
