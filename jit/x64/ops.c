/*
 * Instructions that become host code. Each function first has the flags it reads where the host
 * wants them, then does the work, then says where the flags are. What is not here is left to the
 * interpreter's handler.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

/* Exchange AL and AH (or their kin) around an instruction that cannot name AH; no flags change. */
static void rotate8(struct tr *t, unsigned guest)
{
    struct emit *e = &t->e;

    /* rorx would need BMI2; xchg of the two bytes has no REX and is two cheap operations. */
    emit_op(e, 0x86, 1, guest - 12, RM_R(guest - 16));
}

/* ---- Two operands ---- */

static const struct {
    op_handler *handler;
    u8 op; /* enum alu */
} binaries[] = {
    {op_ADD, A_ADD}, {op_OR, A_OR},   {op_ADC, A_ADC}, {op_SBB, A_SBB},
    {op_AND, A_AND}, {op_SUB, A_SUB}, {op_XOR, A_XOR}, {op_CMP, A_CMP},
};

/* Opcodes of a two-operand instruction in the order rm,reg and reg,rm. */
static void alu_opcodes(enum alu op, unsigned size, unsigned *to_rm, unsigned *to_reg)
{
    *to_rm = op * 8u + (size > 1);
    *to_reg = op * 8u + 2 + (size > 1);
}

static void with_register(struct tr *t, unsigned opcode, unsigned size, unsigned guest,
                          struct rm rm)
{
    bool high = size == 1 && guest >= 16 && rm.kind != RM_REG && rm.kind != RM_WINDOW;

    if (high)
        rotate8(t, guest);
    emit_op(&t->e, opcode, size, high ? guest - 16 : host_sized(guest, size), rm);
    if (high)
        rotate8(t, guest);
}

static bool has_patched_immediate(const struct insn *in)
{
    return in->kind[1] == OPND_IMM && is_patched(in);
}

static bool alu(struct tr *t, const struct insn *in, enum alu op)
{
    unsigned size = in->size[0], to_rm, to_reg;
    struct flag_use use = tr_flag_use(in);
    struct emit *e = &t->e;
    struct rm rm;

    if (in->kind[0] == OPND_MEM && has_patched_immediate(in))
        return false;
    alu_opcodes(op, size, &to_rm, &to_reg);
    if (in->kind[0] == OPND_GPR && in->kind[1] == OPND_MEM) {
        rm = tr_operand(t, in, size, false, false);
        tr_need(t, use.reads, NO_REG);
        with_register(t, to_reg, size, in->reg[0], rm);
    } else if (in->kind[0] == OPND_MEM) {
        rm = tr_operand(t, in, size, op != A_CMP, false);
        tr_need(t, use.reads, NO_REG);
        if (in->kind[1] == OPND_IMM)
            emit_alu_imm(e, op, size, rm, (u32)in->imm);
        else
            with_register(t, to_rm, size, in->reg[1], rm);
    } else {
        tr_need(t, use.reads, H_DIFF);
        if (has_patched_immediate(in))
            tr_immediate(t, in), with_register(t, to_reg, size, in->reg[0], RM_POINTER);
        else if (in->kind[1] == OPND_IMM)
            emit_alu_imm(e, op, size, RM_R(host_sized(in->reg[0], size)), (u32)in->imm);
        else
            emit_op(e, to_reg, size, host_sized(in->reg[0], size),
                    RM_R(host_sized(in->reg[1], size)));
    }
    tr_made(t);
    return true;
}

static bool test(struct tr *t, const struct insn *in)
{
    unsigned size = in->size[0], opcode = size == 1 ? 0x84 : 0x85;
    struct emit *e = &t->e;
    struct rm rm;

    if (in->kind[1] == OPND_MEM || (in->kind[0] == OPND_MEM && has_patched_immediate(in)))
        return false;
    if (in->kind[0] == OPND_MEM)
        rm = tr_operand(t, in, size, false, false);
    else
        rm = RM_R(host_sized(in->reg[0], size));
    if (has_patched_immediate(in)) {
        tr_immediate(t, in);
        with_register(t, opcode, size, in->reg[0], RM_POINTER);
    } else if (in->kind[1] == OPND_IMM) {
        emit_op(e, size == 1 ? 0xF6 : 0xF7, size, 0, rm);
        emit_imm(e, size, (u32)in->imm);
    } else {
        with_register(t, opcode, size, in->reg[1], rm);
    }
    tr_made(t);
    return true;
}

static bool mov(struct tr *t, const struct insn *in)
{
    unsigned size = in->size[0];
    struct emit *e = &t->e;
    struct rm rm;

    if (in->kind[0] == OPND_MEM && has_patched_immediate(in))
        return false;
    if (in->kind[0] == OPND_GPR && in->kind[1] == OPND_MEM) {
        rm = tr_operand(t, in, size, false, false);
        with_register(t, size == 1 ? 0x8A : 0x8B, size, in->reg[0], rm);
    } else if (in->kind[0] == OPND_MEM) {
        rm = tr_operand(t, in, size, true, false);
        if (in->kind[1] == OPND_IMM) {
            emit_op(e, size == 1 ? 0xC6 : 0xC7, size, 0, rm);
            emit_imm(e, size, (u32)in->imm);
        } else {
            with_register(t, size == 1 ? 0x88 : 0x89, size, in->reg[1], rm);
        }
        if (rm.kind == RM_MEM)
            tr_stored(t, &t->site[t->sites - 1], VALUE_OPERAND);
    } else if (has_patched_immediate(in)) {
        tr_immediate(t, in);
        with_register(t, size == 1 ? 0x8A : 0x8B, size, in->reg[0], RM_POINTER);
    } else if (in->kind[1] == OPND_IMM) {
        if (size == 4) {
            emit_mov_imm32(e, host_of(in->reg[0]), (u32)in->imm);
        } else {
            emit_op(e, size == 1 ? 0xC6 : 0xC7, size, 0, RM_R(host_sized(in->reg[0], size)));
            emit_imm(e, size, (u32)in->imm);
        }
    } else {
        emit_op(e, size == 1 ? 0x8A : 0x8B, size, host_sized(in->reg[0], size),
                RM_R(host_sized(in->reg[1], size)));
    }
    return true;
}

/* MOVZX and MOVSX. */
static bool extend(struct tr *t, const struct insn *in, unsigned opcode)
{
    unsigned to = in->size[0], from = in->size[1], reg = host_of(in->reg[0]);
    struct emit *e = &t->e;

    opcode += from == 1 ? 0 : 1;
    if (in->kind[1] == OPND_MEM) {
        emit_op(e, opcode, to, reg, tr_operand(t, in, from, false, false));
    } else if (is_high_byte(in, 1) && reg >= 8) {
        return false; /* AH to ESP */
    } else {
        emit_op(e, opcode, to, reg, RM_R(host_sized(in->reg[1], from)));
    }
    return true;
}

static bool lea(struct tr *t, const struct insn *in)
{
    unsigned reg = host_of(in->reg[0]);
    unsigned base = in->base == GPR_COUNT ? NO_REG : host_of(in->base);
    unsigned index = in->index == GPR_COUNT ? NO_REG : host_of(in->index);
    struct emit *e = &t->e;

    if (in->kind[1] != OPND_MEM)
        return false;
    if (in->opsize == 4 && in->asize == 4 && (base != NO_REG || index != NO_REG) &&
        !is_patched(in)) {
        emit_lea(e, 4, reg, base, index, in->scale, in->disp);
        return true;
    }
    tr_address(t, in);
    emit_mov(e, in->opsize, reg, H_ADDR);
    return true;
}

static bool xchg(struct tr *t, const struct insn *in)
{
    unsigned size = in->size[0], mem = in->kind[0] == OPND_MEM ? 0 : 1, reg = in->reg[1 - mem];
    unsigned load = size == 1 ? 0x8A : 0x8B;
    struct emit *e = &t->e;

    if (in->kind[mem] != OPND_MEM) {
        emit_op(e, size == 1 ? 0x86 : 0x87, size, host_sized(in->reg[0], size),
                RM_R(host_sized(in->reg[1], size)));
        return true;
    }
    if (size == 1 && reg >= 16)
        return false;
    /* Not the host's XCHG, which locks the bus: there is one processor. */
    tr_memory(t, in, size, true);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_op(e, load, size, H_ADDR, RM_POINTER);
    emit_op(e, load - 2, size, host_sized(reg, size), RM_POINTER);
    emit_op(e, load, size, host_sized(reg, size), RM_R(H_ADDR));
    return true;
}

/* CMPXCHG and XADD, without the bus lock. */
static bool exchange(struct tr *t, const struct insn *in, unsigned opcode)
{
    unsigned size = in->size[0];

    opcode |= size > 1;
    if (in->kind[0] == OPND_MEM) {
        with_register(t, opcode, size, in->reg[1], tr_operand(t, in, size, true, false));
    } else {
        emit_op(&t->e, opcode, size, host_sized(in->reg[1], size),
                RM_R(host_sized(in->reg[0], size)));
    }
    tr_made(t);
    return true;
}

/* CMPXCHG with an AH operand rotates EAX away from under its own accumulator. */
static bool cmpxchg(struct tr *t, const struct insn *in)
{
    if (in->kind[0] == OPND_MEM && is_high_byte(in, 1))
        return false;
    return exchange(t, in, 0x0FB0);
}

/* ---- One operand ---- */

/* INC DEC NOT NEG: opcode group and number. */
static bool unary(struct tr *t, const struct insn *in, unsigned opcode, unsigned number)
{
    unsigned size = in->size[0];
    struct flag_use use = tr_flag_use(in);
    struct rm rm;

    if (use.writes && use.reads)
        use.reads = FL_CF; /* INC and DEC keep it */
    if (in->kind[0] == OPND_MEM)
        rm = tr_operand(t, in, size, true, false);
    else
        rm = RM_R(host_sized(in->reg[0], size));
    tr_need(t, use.reads, NO_REG);
    emit_op(&t->e, opcode + (size > 1), size, number, rm);
    if (use.writes)
        tr_made(t);
    return true;
}

/* ---- Multiplication and division ---- */

static bool multiply(struct tr *t, const struct insn *in, unsigned number)
{
    unsigned size = in->size[0], by = tr_source(t, in, 0);

    tr_need(t, FL_ARITH, H_DIFF);
    emit_op(&t->e, size == 1 ? 0xF6 : 0xF7, size, number, RM_R(by));
    tr_made(t);
    return true;
}

static bool imul(struct tr *t, const struct insn *in)
{
    unsigned size = in->size[0], by = tr_source(t, in, 1);
    struct emit *e = &t->e;

    tr_need(t, FL_ARITH, H_DIFF);
    if (in->kind[2] == OPND_IMM) {
        emit_op(e, 0x69, size, host_of(in->reg[0]), RM_R(by));
        emit_imm(e, size, (u32)in->imm);
    } else {
        emit_op(e, 0x0FAF, size, host_of(in->reg[0]), RM_R(by));
    }
    tr_made(t);
    return true;
}

/* Quotients that do not fit, and signed dividends of twice the size, are left to the handler. */
static bool divide(struct tr *t, const struct insn *in, bool is_signed)
{
    unsigned size = in->size[0], by;
    struct emit *e = &t->e;
    struct site *s;

    if (size == 1 && (is_signed || is_high_byte(in, 0)))
        return false;
    tr_clobber(t);
    by = tr_source(t, in, 0);
    s = tr_site(t, in);
    if (is_signed) {
        emit_mov(e, 4, H_DIFF, H_RAX);
        emit_shift_imm(e, S_SAR, size, H_DIFF, size * 8 - 1);
        emit_alu(e, A_CMP, size, H_DIFF, RM_R(H_RDX));
        tr_slow(s, emit_jcc(e, CC_NZ));
        emit_lea(e, 4, H_DIFF, by, NO_REG, 0, 1);
        emit_alu_imm(e, A_CMP, size, RM_R(H_DIFF), 1);
        tr_slow(s, emit_jcc(e, CC_BE));
    } else if (size == 1) {
        emit_mov(e, 4, H_DIFF, H_RAX);
        emit_shift_imm(e, S_SHR, 4, H_DIFF, 8);
        emit_alu(e, A_CMP, 1, H_DIFF, RM_R(by));
        tr_slow(s, emit_jcc(e, CC_NB));
    } else {
        emit_alu(e, A_CMP, size, H_RDX, RM_R(by));
        tr_slow(s, emit_jcc(e, CC_NB));
    }
    tr_need(t, FL_ARITH, H_DIFF);
    emit_op(e, size == 1 ? 0xF6 : 0xF7, size, is_signed ? 7 : 6, RM_R(by));
    tr_made(t);
    return true;
}

/* ---- Conditions ---- */

static const struct {
    op_handler *set, *cmov;
} conditionals[16] = {
    {op_SETO, op_CMOVO}, {op_SETNO, op_CMOVNO}, {op_SETB, op_CMOVB},   {op_SETNB, op_CMOVNB},
    {op_SETZ, op_CMOVZ}, {op_SETNZ, op_CMOVNZ}, {op_SETBE, op_CMOVBE}, {op_SETNBE, op_CMOVNBE},
    {op_SETS, op_CMOVS}, {op_SETNS, op_CMOVNS}, {op_SETP, op_CMOVP},   {op_SETNP, op_CMOVNP},
    {op_SETL, op_CMOVL}, {op_SETNL, op_CMOVNL}, {op_SETLE, op_CMOVLE}, {op_SETNLE, op_CMOVNLE},
};

static bool setcc(struct tr *t, const struct insn *in, unsigned cc)
{
    struct rm rm;

    if (in->kind[0] == OPND_MEM)
        rm = tr_operand(t, in, 1, true, false);
    else
        rm = RM_R(host_sized(in->reg[0], 1));
    tr_need(t, FL_ARITH, in->kind[0] == OPND_MEM ? NO_REG : H_DIFF);
    emit_op(&t->e, 0x0F90 | cc, 1, 0, rm);
    return true;
}

static bool cmov(struct tr *t, const struct insn *in, unsigned cc)
{
    unsigned size = in->size[0], from = tr_source(t, in, 1);

    tr_need(t, FL_ARITH, H_DIFF);
    emit_op(&t->e, 0x0F40 | cc, size, host_of(in->reg[0]), RM_R(from));
    return true;
}

static bool conditional(struct tr *t, const struct insn *in, op_handler *h, bool *done)
{
    for (unsigned cc = 0; cc < 16; cc++) {
        if (h == conditionals[cc].set)
            *done = setcc(t, in, cc);
        else if (h == conditionals[cc].cmov)
            *done = cmov(t, in, cc);
        else
            continue;
        return true;
    }
    return false;
}

/* ---- The rest ---- */

static bool plain(struct tr *t, const struct insn *in, op_handler *h)
{
    struct emit *e = &t->e;

    if (h == op_NOP)
        return true;
    if (h == op_CBW || h == op_CWD) {
        if (in->opsize == 2)
            e8(e, 0x66);
        e8(e, h == op_CBW ? 0x98 : 0x99);
        return true;
    }
    if (h == op_BSWAP && in->opsize == 4) {
        unsigned reg = host_of(in->reg[0]);

        if (reg >= 8)
            e8(e, 0x41);
        e8(e, 0x0F), e8(e, 0xC8 | (reg & 7));
        return true;
    }
    if (h == op_CLC || h == op_STC || h == op_CMC) {
        tr_need(t, FL_ARITH, H_DIFF);
        e8(e, h == op_CLC ? 0xF8 : h == op_STC ? 0xF9 : 0xF5);
        tr_made(t);
        return true;
    }
    if (h == op_LAHF || h == op_SAHF) {
        tr_need(t, FL_ARITH, H_DIFF);
        e8(e, h == op_LAHF ? 0x9F : 0x9E);
        if (h == op_SAHF)
            tr_made(t);
        return true;
    }
    if (h == op_CLD) {
        tr_clobber(t);
        emit_alu_imm(e, A_AND, 4, CPU(eflags), ~(u32)EF_DF);
        return true;
    }
    return false;
}

static bool arithmetic(struct tr *t, const struct insn *in, op_handler *h, bool *done)
{
    for (unsigned i = 0; i < ARRAY_LEN(binaries); i++)
        if (h == binaries[i].handler) {
            *done = alu(t, in, binaries[i].op);
            return true;
        }
    return false;
}

bool tr_insn(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;
    bool done;

    if ((in->flags & INSN_LOCK) && in->kind[0] != OPND_MEM)
        return false;
    if (h == op_MOV)
        return mov(t, in);
    if (arithmetic(t, in, h, &done) || conditional(t, in, h, &done) || tr_stack(t, in, &done) ||
        tr_bits(t, in, &done))
        return done;
    if (h == op_TEST)
        return test(t, in);
    if (h == op_LEA)
        return lea(t, in);
    if (h == op_INC || h == op_DEC)
        return unary(t, in, 0xFE, h == op_DEC);
    if (h == op_NOT || h == op_NEG)
        return unary(t, in, 0xF6, h == op_NOT ? 2 : 3);
    if (h == op_MOVZX || h == op_MOVSX)
        return extend(t, in, h == op_MOVZX ? 0x0FB6 : 0x0FBE);
    if (h == op_XCHG)
        return xchg(t, in);
    if (h == op_IMUL)
        return imul(t, in);
    if (h == op_MUL || h == op_IMUL_1)
        return multiply(t, in, h == op_MUL ? 4 : 5);
    if (h == op_DIV || h == op_IDIV)
        return divide(t, in, h == op_IDIV);
    if (h == op_CMPXCHG)
        return cmpxchg(t, in);
    if (h == op_XADD)
        return !is_high_byte(in, 1) && exchange(t, in, 0x0FC0);
    if (optab_rows[in->row].attr & ATTR_STRING)
        return tr_string(t, in);
    if (optab_rows[in->row].attr & (ATTR_X87 | ATTR_MMX))
        return tr_fpu(t, in);
    return plain(t, in, h) || tr_system(t, in);
}
