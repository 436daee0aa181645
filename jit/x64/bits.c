/*
 * Shifts, rotations, and single bits. SDM Vol. 2, one page per instruction.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

static const struct {
    op_handler *handler;
    u8 number;
} shifts[] = {{op_ROL, S_ROL}, {op_ROR, S_ROR}, {op_RCL, S_RCL}, {op_RCR, S_RCR},
              {op_SHL, S_SHL}, {op_SHR, S_SHR}, {op_SAR, S_SAR}};

static bool shift(struct tr *t, const struct insn *in, unsigned number)
{
    unsigned size = in->size[0], count = (unsigned)in->imm & 31;
    bool by_cl = in->kind[1] != OPND_IMM;
    struct emit *e = &t->e;
    struct rm rm;

    if (in->kind[0] == OPND_MEM)
        rm = tr_operand(t, in, size, true, false);
    else
        rm = RM_R(host_sized(in->reg[0], size));
    if (!by_cl && !count)
        return in->kind[0] != OPND_MEM;
    tr_need(t, tr_flag_use(in).reads, NO_REG);
    if (by_cl) {
        emit_op(e, 0xD2 + (size > 1), size, number, rm);
    } else if (count == 1) {
        emit_op(e, 0xD0 + (size > 1), size, number, rm);
    } else {
        emit_op(e, 0xC0 + (size > 1), size, number, rm);
        e8(e, count);
    }
    tr_made(t);
    return true;
}

static bool double_shift(struct tr *t, const struct insn *in, unsigned opcode)
{
    unsigned size = in->size[0];
    bool by_cl = in->kind[2] != OPND_IMM;
    struct emit *e = &t->e;
    struct rm rm;

    if (size == 2 || (!by_cl && !(in->imm & 31)))
        return false; /* more than the size is undefined: the handler knows */
    if (in->kind[0] == OPND_MEM)
        rm = tr_operand(t, in, size, true, false);
    else
        rm = RM_R(host_of(in->reg[0]));
    tr_need(t, FL_ARITH, NO_REG);
    emit_op(e, opcode + by_cl, size, host_of(in->reg[1]), rm);
    if (!by_cl)
        e8(e, (unsigned)in->imm & 31);
    tr_made(t);
    return true;
}

static bool scan(struct tr *t, const struct insn *in, unsigned opcode)
{
    struct emit *e = &t->e;
    struct site *s;
    unsigned from;

    if (in->size[0] != 4)
        return false;
    tr_clobber(t);
    from = tr_source(t, in, 1);
    s = tr_site(t, in);
    emit_op(e, 0x85, 4, from, RM_R(from));
    tr_slow(s, emit_jcc(e, CC_Z));
    tr_need(t, FL_ARITH, H_DIFF);
    emit_op(e, opcode, 4, host_of(in->reg[0]), RM_R(from));
    tr_made(t);
    return true;
}

/* BT BTS BTR BTC: bit numbers in registers reach beyond a memory operand. */
static bool bit_test(struct tr *t, const struct insn *in, unsigned number)
{
    unsigned size = in->size[0];
    struct emit *e = &t->e;
    struct rm rm;

    if (in->kind[0] == OPND_MEM) {
        if (in->kind[1] != OPND_IMM)
            return false;
        rm = tr_operand(t, in, size, number != 4, false);
    } else {
        rm = RM_R(host_of(in->reg[0]));
    }
    tr_need(t, FL_ARITH, NO_REG);
    if (in->kind[1] == OPND_IMM) {
        emit_op(e, 0x0FBA, size, number, rm);
        e8(e, (unsigned)in->imm & (size * 8 - 1));
    } else {
        emit_op(e, 0x0F83 | number << 3, size, host_of(in->reg[1]), rm);
    }
    tr_made(t);
    return true;
}

bool tr_bits(struct tr *t, const struct insn *in, bool *done)
{
    op_handler *h = optab_rows[in->row].handler;

    for (unsigned i = 0; i < ARRAY_LEN(shifts); i++)
        if (h == shifts[i].handler) {
            *done = shift(t, in, shifts[i].number);
            return true;
        }
    if (h == op_SHLD || h == op_SHRD)
        *done = double_shift(t, in, h == op_SHLD ? 0x0FA4 : 0x0FAC);
    else if (h == op_BSF || h == op_BSR)
        *done = scan(t, in, h == op_BSF ? 0x0FBC : 0x0FBD);
    else if (h == op_BT || h == op_BTS)
        *done = bit_test(t, in, h == op_BT ? 4 : 5);
    else if (h == op_BTR || h == op_BTC)
        *done = bit_test(t, in, h == op_BTR ? 6 : 7);
    else
        return false;
    return true;
}
