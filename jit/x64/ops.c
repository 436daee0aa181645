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

/* ---- Multiplication, division, bits ---- */

/* Operand n in a register: a memory operand is loaded into H_ADDR. */
static unsigned source(struct tr *t, const struct insn *in, unsigned n)
{
    if (in->kind[n] != OPND_MEM)
        return host_sized(in->reg[n], in->size[n]);
    emit_op(&t->e, in->size[n] == 1 ? 0x8A : 0x8B, in->size[n], H_ADDR,
            tr_operand(t, in, in->size[n], false, false));
    return H_ADDR;
}

static bool multiply(struct tr *t, const struct insn *in, unsigned number)
{
    unsigned size = in->size[0], by = source(t, in, 0);

    tr_need(t, FL_ARITH, H_DIFF);
    emit_op(&t->e, size == 1 ? 0xF6 : 0xF7, size, number, RM_R(by));
    tr_made(t);
    return true;
}

static bool imul(struct tr *t, const struct insn *in)
{
    unsigned size = in->size[0], by = source(t, in, 1);
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
    by = source(t, in, 0);
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

static bool scan(struct tr *t, const struct insn *in, unsigned opcode)
{
    struct emit *e = &t->e;
    struct site *s;
    unsigned from;

    if (in->size[0] != 4)
        return false;
    tr_clobber(t);
    from = source(t, in, 1);
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
    unsigned size = in->size[0], from = source(t, in, 1);

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

/* ---- Stack ---- */

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

static bool store_segment(struct tr *t, const struct insn *in)
{
    struct rm sel = RM_AT(offsetof(struct cpu, seg) + in->reg[1] * sizeof(struct segment) +
                          offsetof(struct segment, sel));
    struct emit *e = &t->e;

    if (in->kind[1] != OPND_SREG)
        return false;
    if (in->kind[0] == OPND_MEM) {
        tr_memory(t, in, 2, true);
        emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
        emit_movzx(e, 2, H_ADDR, sel);
        emit_store(e, 2, RM_POINTER, H_ADDR);
        return true;
    }
    if (in->opsize == 2)
        emit_load(e, 2, host_of(in->reg[0]), sel);
    else
        emit_movzx(e, 2, host_of(in->reg[0]), sel);
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

/* ---- Strings without a prefix, going up ---- */

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

static bool string(struct tr *t, const struct insn *in, op_handler *h)
{
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
    for (unsigned i = 0; i < ARRAY_LEN(shifts); i++)
        if (h == shifts[i].handler) {
            *done = shift(t, in, shifts[i].number);
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
    if (arithmetic(t, in, h, &done) || conditional(t, in, h, &done))
        return done;
    if (h == op_TEST)
        return test(t, in);
    if (h == op_LEA)
        return lea(t, in);
    if (h == op_PUSH)
        return push(t, in);
    if (h == op_POP)
        return pop(t, in);
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
    if (h == op_BSF || h == op_BSR)
        return scan(t, in, h == op_BSF ? 0x0FBC : 0x0FBD);
    if (h == op_BT || h == op_BTS)
        return bit_test(t, in, h == op_BT ? 4 : 5);
    if (h == op_BTR || h == op_BTC)
        return bit_test(t, in, h == op_BTR ? 6 : 7);
    if (h == op_SHLD || h == op_SHRD)
        return double_shift(t, in, h == op_SHLD ? 0x0FA4 : 0x0FAC);
    if (h == op_CMPXCHG)
        return cmpxchg(t, in);
    if (h == op_XADD)
        return !is_high_byte(in, 1) && exchange(t, in, 0x0FC0);
    if (h == op_LEAVE)
        return leave(t, in);
    if (h == op_PUSH_SEG)
        return push_segment(t, in);
    if (h == op_MOV_SEG && in->kind[0] != OPND_SREG)
        return store_segment(t, in);
    if (optab_rows[in->row].attr & ATTR_STRING)
        return string(t, in, h);
    if (optab_rows[in->row].attr & (ATTR_X87 | ATTR_MMX))
        return tr_fpu(t, in);
    return plain(t, in, h) || tr_system(t, in);
}
