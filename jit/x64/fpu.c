/*
 * x87 and MMX: the host's own instructions on the host's registers; see cpu/fpu.h.
 */
#include "jit/x64/translate.h"

#include "cpu/fpu.h"
#include "cpu/op.h"

/*
 * Before the first of a block the state must be on the host, for x87 instructions with all
 * exceptions masked; MMX raises none. lean.c brings it there, or the instruction is its handler's.
 * Handlers may take it back into memory, so the block ends behind one.
 */
static void ready(struct tr *t, const struct insn *in, bool masked)
{
    struct emit *e = &t->e;
    struct site *s;

    if (t->x87_ready || (t->mmx_ready && !masked))
        return;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    emit_op(e, 0x80, 1, A_CMP, CPU(fpu.host));
    e8(e, masked ? FPU_ON_HOST_MASKED : FPU_IN_MEMORY);
    tr_slow(s, emit_jcc(e, masked ? CC_NZ : CC_Z));
    emit_op(e, 0xF6, 1, 0, CPU(cr0));
    e8(e, CR0_EM | CR0_TS);
    tr_slow(s, emit_jcc(e, CC_NZ));
    s->held = t->e.p;
    s->masked = masked;
    t->x87_ready = masked;
    t->mmx_ready = true;
}

static bool fnstsw_ax(struct tr *t, const struct insn *in)
{
    ready(t, in, true);
    e8(&t->e, 0xDF), e8(&t->e, 0xE0);
    return true;
}

/* On the host all exceptions are masked; one that FLDCW unmasks may be due at once. */
static bool fldcw(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    struct site *s;

    ready(t, in, true);
    emit_movzx(e, 2, H_ADDR, tr_operand(t, in, 2, false, true));
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    emit_mov(e, 4, H_DIFF, H_ADDR);
    emit_alu_imm(e, A_AND, 4, RM_R(H_DIFF), CW_MASKS);
    emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), CW_MASKS);
    tr_slow(s, emit_jcc(e, CC_NZ));
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), CW_WRITABLE);
    emit_alu_imm(e, A_OR, 4, RM_R(H_ADDR), CW_FIXED);
    emit_store(e, 2, CPU(fpu.cw), H_ADDR);
    emit_op(e, 0xD9, 4, 5, CPU(fpu.cw));
    return true;
}

static bool fnstcw(struct tr *t, const struct insn *in)
{
    ready(t, in, true);
    emit_op(&t->e, 0xD9, 4, 7, tr_operand(t, in, 2, true, true));
    return true;
}

static bool x87(struct tr *t, const struct insn *in)
{
    const struct optab_row *row = &optab_rows[in->row];
    struct emit *e = &t->e;
    unsigned opcode = row->opcode & 0xFF;
    struct rm rm;

    if (row->handler == op_FNSTSW && in->kind[0] != OPND_MEM)
        return fnstsw_ax(t, in);
    if (row->handler == op_FLDCW)
        return fldcw(t, in);
    if (row->handler == op_FNSTCW)
        return fnstcw(t, in);
    if (row->translate != TR_COPY)
        return false;
    if (in->modrm < 0xC0) {
        if (in->size[0] > 8 && !tr_flat(t, in->seg))
            return false;
        ready(t, in, true);
        rm = tr_operand(t, in, in->size[0], row->attr & ATTR_WRITES_OP0, true);
        emit_op(e, opcode, 4, in->modrm >> 3 & 7, rm);
    } else {
        ready(t, in, true);
        tr_need(t, row->flags_read & FL_ARITH ? FL_ARITH : 0, H_DIFF);
        e8(e, opcode), e8(e, in->modrm);
        if (row->flags_written & FL_ARITH)
            tr_made(t);
    }
    t->noted = (s8)in->index_in_run;
    return true;
}

static bool mmx(struct tr *t, const struct insn *in)
{
    const struct optab_row *row = &optab_rows[in->row];
    unsigned mem = in->kind[0] == OPND_MEM ? 0 : 1, opcode = row->opcode & 0xFF;
    bool shift = opcode >= 0x71 && opcode <= 0x73;
    struct emit *e = &t->e;
    struct rm rm;

    if (row->translate != TR_COPY || (row->opcode >> 8) != 1)
        return false;
    ready(t, in, false);
    if (in->modrm < 0xC0 && opcode != 0x77) {
        rm = tr_operand(t, in, in->size[mem], mem == 0, true);
        emit_op(e, 0x0F00 | opcode, 4, in->modrm >> 3 & 7, rm);
        return true;
    }
    if (opcode == 0x77) {
        e8(e, 0x0F), e8(e, 0x77);
        return true;
    }
    if ((opcode == 0x6E || opcode == 0x7E) && (in->modrm & 7) == RSP) {
        emit_op(e, 0x0F00 | opcode, 4, in->modrm >> 3 & 7, RM_R(H_ESP));
        return true;
    }
    e8(e, 0x0F), e8(e, opcode), e8(e, in->modrm);
    if (shift)
        e8(e, (unsigned)in->imm);
    return true;
}

bool tr_fpu(struct tr *t, const struct insn *in)
{
    u32 attr = optab_rows[in->row].attr;

    if (attr & ATTR_X87)
        return x87(t, in);
    return (attr & ATTR_MMX) && mmx(t, in);
}
