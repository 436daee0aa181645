/*
 * System instructions. SDM Vol. 2, one page per instruction.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

/* IN and OUT: the port in H_DIFF. */
static bool port(struct tr *t, const struct insn *in, unsigned n)
{
    struct emit *e = &t->e;

    tr_clobber(t);
    if (in->kind[n] == OPND_IMM)
        emit_mov_imm32(e, H_DIFF, (u8)in->imm);
    else
        emit_movzx(e, 2, H_DIFF, RM_R(H_RDX));
    tr_lean(t, in, n ? t->j->in : t->j->out, n ? LEAN_IN : LEAN_PLAIN);
    return true;
}

/* MOV and POP to a segment register but CS, in any mode. */
static bool load_segment(struct tr *t, const struct insn *in)
{
    bool pops = optab_rows[in->row].handler == op_POP_SEG;
    struct emit *e = &t->e;

    if (in->kind[0] != OPND_SREG || in->reg[0] == SEG_CS || (pops && in->reg[0] == SEG_SS))
        return false;
    tr_clobber(t);
    if (pops)
        tr_pop_begin(t, in, in->opsize);
    else if (in->kind[1] == OPND_MEM)
        tr_memory(t, in, 2, false);
    if (pops || in->kind[1] == OPND_MEM)
        emit_movzx(e, 2, H_DIFF, RM_HOST);
    else
        emit_movzx(e, 2, H_DIFF, RM_R(host_of(in->reg[1])));
    tr_lean(t, in, t->j->load_segment, pops ? LEAN_POP : LEAN_PLAIN);
    return true;
}

/* MOV from a segment register. */
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

/* MOV from a control register. */
static bool read_control(struct tr *t, const struct insn *in)
{
    static const size_t at[] = {offsetof(struct cpu, cr0), 0, offsetof(struct cpu, cr2),
                                offsetof(struct cpu, cr3)};
    unsigned n = in->reg[1];
    struct emit *e = &t->e;

    if (in->kind[0] != OPND_GPR || in->kind[1] != OPND_CREG || n >= ARRAY_LEN(at) || n == 1 ||
        (t->mode & (MODE_V86 | MODE_USER)))
        return false;
    tr_clobber(t);
    if (t->mode & MODE_PROTECTED)
        tr_slow_unless_zero(t, tr_site(t, in), offsetof(struct cpu, cpl));
    emit_load(e, 4, host_of(in->reg[0]), RM_AT(at[n]));
    return true;
}

/* MOV to a control register: it ends the block. */
static bool load_control(struct tr *t, const struct insn *in)
{
    unsigned n = in->reg[0];

    if (in->kind[0] != OPND_CREG || (n != 0 && n != 2 && n != 3))
        return false;
    tr_clobber(t);
    tr_note(t);
    emit_mov(&t->e, 4, H_DIFF, host_of(in->reg[1]));
    tr_lean(t, in, t->j->load_control, LEAN_PLAIN);
    t->x87_ready = t->mmx_ready = false;
    return true;
}

/* GDTR or IDTR at [H_DIFF + H_ADDR], where eight bytes lie in one page. */
static bool table_register(struct tr *t, const struct insn *in, size_t at, bool load)
{
    struct rm base = RM_AT(at + offsetof(struct table_reg, base));
    struct rm limit = RM_AT(at + offsetof(struct table_reg, limit));
    struct emit *e = &t->e;

    if (in->kind[0] != OPND_MEM || in->opsize > 4 || (load && (t->mode & (MODE_V86 | MODE_USER))))
        return false;
    tr_clobber(t);
    if (load && (t->mode & MODE_PROTECTED))
        tr_slow_unless_zero(t, tr_site(t, in), offsetof(struct cpu, cpl));
    tr_memory(t, in, 8, !load);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    if (!load) {
        emit_load(e, 4, H_ADDR, limit);
        emit_store(e, 2, RM_POINTER, H_ADDR);
        emit_load(e, 4, H_ADDR, base);
        emit_store(e, 4, RM_POINTER_AT(2), H_ADDR);
        return true;
    }
    emit_movzx(e, 2, H_ADDR, RM_POINTER);
    emit_store(e, 4, limit, H_ADDR);
    emit_load(e, 4, H_ADDR, RM_POINTER_AT(2));
    if (in->opsize == 2)
        emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), 0xFFFFFF);
    emit_store(e, 8, base, H_ADDR);
    return true;
}

static bool table_registers(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;
    bool gdt = h == op_LGDT || h == op_SGDT, idt = h == op_LIDT || h == op_SIDT;

    if (!gdt && !idt)
        return false;
    return table_register(t, in, gdt ? offsetof(struct cpu, gdtr) : offsetof(struct cpu, idtr),
                          h == op_LGDT || h == op_LIDT);
}

static bool rdtsc(struct tr *t, const struct insn *in)
{
    tr_clobber(t);
    tr_lean(t, in, t->j->rdtsc, LEAN_TSC);
    return true;
}

bool tr_system(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_IN || h == op_OUT)
        return port(t, in, h == op_IN);
    if (h == op_MOV_SEG && in->kind[0] != OPND_SREG)
        return store_segment(t, in);
    if (h == op_MOV_SEG || h == op_POP_SEG)
        return tr_real_segment(t, in) || load_segment(t, in);
    if (h == op_MOV_CR)
        return read_control(t, in) || load_control(t, in);
    if (h == op_RDTSC)
        return rdtsc(t, in);
    return tr_pointer(t, in) || table_registers(t, in) || tr_flags(t, in);
}
