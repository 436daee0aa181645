/*
 * Far transfers and segment loads of real and virtual-8086 mode, interrupts included. SDM Vol. 2,
 * "MOV", "LDS/LES", "CALL", "JMP", "RET", "INT n", "IRET"; Vol. 3B, "8086 Emulation".
 */
#include "jit/x64/translate.h"

#include "cpu/idle.h"
#include "cpu/op.h"

static size_t segment_at(unsigned seg)
{
    return offsetof(struct cpu, seg) + seg * sizeof(struct segment);
}

/*
 * A load there changes selector and base only, if the segment is what such loads make of it: 64 KiB
 * of writable data.
 */
static void check_segment(struct tr *t, struct site *s, unsigned seg)
{
    u16 attr = DESC_P | DESC_S | DESC_RW | DESC_ACCESSED;
    struct emit *e = &t->e;

    if (t->mode & MODE_V86)
        attr |= 3 << DESC_DPL_SHIFT;
    emit_op(e, 0x81, 2, A_CMP, RM_AT(segment_at(seg) + offsetof(struct segment, attr)));
    e16(e, attr);
    tr_slow(s, emit_jcc(e, CC_NZ));
    emit_op(e, 0x81, 4, A_CMP, RM_AT(segment_at(seg) + offsetof(struct segment, write_end)));
    e32(e, 0xFFFF - 6);
    tr_slow(s, emit_jcc(e, CC_NZ));
}

/* The selector in H_ADDR. */
static void set_segment(struct tr *t, unsigned seg)
{
    struct emit *e = &t->e;

    emit_store(e, 2, RM_AT(segment_at(seg) + offsetof(struct segment, sel)), H_ADDR);
    emit_shift_imm(e, S_SHL, 4, H_ADDR, 4);
    emit_store(e, 8, RM_AT(segment_at(seg) + offsetof(struct segment, base)), H_ADDR);
}

/* Else lean.c loads it, whatever it is; the selector must still be where it came from. */
static void check_data_segment(struct tr *t, const struct insn *in, unsigned seg,
                               enum lean_kind kind)
{
    struct site *s = tr_site(t, in);

    s->lean_late = t->j->load_segment;
    s->lean_kind = (u8)kind;
    check_segment(t, s, seg);
}

static bool is_real(const struct tr *t)
{
    return !(t->mode & (MODE_PROTECTED | MODE_FLAT));
}

/* MOV to DS, ES, FS, GS. */
static bool mov_to_segment(struct tr *t, const struct insn *in)
{
    unsigned seg = in->reg[0];
    struct emit *e = &t->e;

    if (in->kind[0] != OPND_SREG || seg == SEG_SS || seg == SEG_CS || !is_real(t))
        return false;
    tr_clobber(t);
    if (in->kind[1] == OPND_MEM)
        tr_memory(t, in, 2, false);
    check_data_segment(t, in, seg, LEAN_PLAIN);
    emit_movzx(e, 2, H_ADDR, in->kind[1] == OPND_MEM ? RM_HOST : RM_R(host_of(in->reg[1])));
    set_segment(t, seg);
    return true;
}

static bool pop_segment(struct tr *t, const struct insn *in)
{
    unsigned seg = in->reg[0];
    struct emit *e = &t->e;

    if (in->opsize != 2 || seg == SEG_SS || seg == SEG_CS || !is_real(t))
        return false;
    tr_pop_begin(t, in, 2);
    check_data_segment(t, in, seg, LEAN_POP);
    emit_movzx(e, 2, H_DIFF, RM_HOST);
    tr_pop_end(t, 2);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    set_segment(t, seg);
    return true;
}

void tr_split_pointer(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;

    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_load(e, 4, H_ADDR, RM_POINTER);
    emit_store(e, 8, WORD(W_TEMP), H_ADDR);
    emit_movzx(e, 2, H_DIFF, RM_POINTER_AT(in->opsize));
}

/* LDS and LES with a 16-bit offset. */
static bool load_pointer(struct tr *t, const struct insn *in, unsigned seg)
{
    struct emit *e = &t->e;

    if (in->opsize != 2 || !is_real(t) || in->kind[1] != OPND_MEM)
        return false;
    tr_memory(t, in, 4, false);
    check_data_segment(t, in, seg, LEAN_POINTER);
    emit_load(e, 4, H_DIFF, RM_HOST);
    emit_mov(e, 2, host_of(in->reg[0]), H_DIFF);
    emit_shift_imm(e, S_SHR, 4, H_DIFF, 16);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    set_segment(t, seg);
    return true;
}

bool tr_pointer(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h != op_LDS && h != op_LES && h != op_LFS && h != op_LGS && h != op_LSS)
        return false;
    if (in->kind[1] != OPND_MEM || in->opsize > 4)
        return false;
    if ((h == op_LDS || h == op_LES) && load_pointer(t, in, h == op_LDS ? SEG_DS : SEG_ES))
        return true;
    tr_memory(t, in, in->opsize == 2 ? 4 : 8, false);
    tr_split_pointer(t, in);
    tr_lean(t, in, t->j->load_segment, LEAN_POINTER);
    return true;
}

/* CS from H_ADDR; the offset there, which is behind it in the jump table, in H_DIFF. */
static void far_jump(struct tr *t)
{
    struct emit *e = &t->e;

    set_segment(t, SEG_CS);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    tr_indirect(t);
}

static bool far_immediate(struct tr *t, const struct insn *in, bool call)
{
    struct emit *e = &t->e;
    struct site *s;

    if (in->kind[0] != OPND_FAR)
        return false;
    if (call) {
        s = tr_push_begin(t, in, 4);
        check_segment(t, s, SEG_CS);
        emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
        emit_movzx(e, 2, H_ADDR, RM_AT(segment_at(SEG_CS) + offsetof(struct segment, sel)));
        emit_shift_imm(e, S_SHL, 4, H_ADDR, 16);
        emit_alu_imm(e, A_OR, 4, RM_R(H_ADDR), (u16)(t->base16 + page_offset(t, in) + in->len));
        emit_store(e, 4, RM_POINTER, H_ADDR);
        tr_push_end(t, 4);
    } else {
        tr_clobber(t);
        s = tr_site(t, in);
        check_segment(t, s, SEG_CS);
    }
    s->leave = true;
    emit_mov_imm32(e, H_ADDR, in->imm2);
    emit_mov_imm32(e, H_DIFF, (u16)in->imm);
    far_jump(t);
    return true;
}

static bool far_return(struct tr *t, const struct insn *in)
{
    unsigned more = in->kind[0] == OPND_IMM ? in->imm & 0xFFFF : 0;
    struct emit *e = &t->e;
    struct site *s = tr_pop_begin(t, in, 4);

    s->leave = true;
    check_segment(t, s, SEG_CS);
    emit_load(e, 4, H_DIFF, RM_HOST);
    tr_pop_end(t, 4 + more);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    emit_shift_imm(e, S_SHR, 4, H_ADDR, 16);
    emit_movzx(e, 2, H_DIFF, RM_R(H_DIFF));
    far_jump(t);
    return true;
}

/* IRET of 16-bit code: IP and CS in one load. */
static bool interrupt_return(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    tr_slow_if_pending(t, s);
    tr_slow_unless_zero(t, s, offsetof(struct cpu, nmi_blocked));
    tr_slow_unless_iopl(t, s);
    check_segment(t, s, SEG_CS);
    tr_stack_pointer(t);
    tr_segment(t, s, SEG_SS, false);
    tr_table(t, s, 8, false);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    emit_load(e, 4, H_ADDR, RM_POINTER);
    emit_store(e, 8, WORD(W_TEMP), H_ADDR);
    emit_movzx(e, 2, H_DIFF, RM_POINTER_AT(4));
    emit_load(e, 4, H_ADDR, CPU(eflags));
    emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    emit_alu(e, A_XOR, 4, H_ADDR, RM_R(H_DIFF));
    emit_op(e, 0xF7, 4, 0, RM_R(H_ADDR)); /* test */
    e32(e, FLAGS_HARD);
    tr_slow(s, emit_jcc(e, CC_NZ));
    tr_set_flags(t);
    tr_pop_end(t, 6);
    emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    emit_movzx(e, 2, H_DIFF, RM_R(H_ADDR));
    emit_shift_imm(e, S_SHR, 4, H_ADDR, 16);
    far_jump(t);
    return true;
}

/* By the handler where a program may be waiting: it looks for loops of that. */
static void slow_if_idle(struct tr *t, struct site *s, u8 vector)
{
    struct emit *e = &t->e;

    for (unsigned i = 0; i < IDLE_CALLS; i++) {
        const struct idle_call *call = &idle_calls[i];

        if (call->vector != vector)
            continue;
        emit_mov(e, 4, H_ADDR, H_RAX);
        emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), call->mask);
        emit_alu_imm(e, A_CMP, 4, RM_R(H_ADDR), call->ax);
        tr_slow(s, emit_jcc(e, CC_Z));
    }
}

/* The vector, as it is in the table of real mode, in W_TEMP. */
static void load_vector(struct tr *t, struct site *s, u8 vector)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_CMP, 4, CPU(idtr.limit), vector * 4u + 3);
    tr_slow(s, emit_jcc(e, CC_B));
    emit_load(e, 4, H_ADDR, CPU(idtr.base));
    emit_alu_imm(e, A_ADD, 4, RM_R(H_ADDR), vector * 4u);
    tr_table(t, s, 4, false);
    emit_load(e, 4, H_ADDR, RM_HOST);
    emit_store(e, 8, WORD(W_TEMP), H_ADDR);
}

/* FLAGS, CS and IP to where H_DIFF points. */
static void store_frame(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;

    tr_load_eflags(t);
    emit_store(e, 2, RM_POINTER_AT(4), H_ADDR);
    emit_movzx(e, 1, H_ADDR, RM_AT(offsetof(struct cpu, aflags) + 1));
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), AF_ALL >> 8);
    emit_op(e, 0x08, 1, H_ADDR, RM_POINTER_AT(4)); /* or [r9 + 4], r8b */
    emit_movzx(e, 2, H_ADDR, RM_AT(segment_at(SEG_CS) + offsetof(struct segment, sel)));
    emit_shift_imm(e, S_SHL, 4, H_ADDR, 16);
    emit_alu_imm(e, A_OR, 4, RM_R(H_ADDR), (u16)(t->base16 + page_offset(t, in) + in->len));
    emit_store(e, 4, RM_POINTER, H_ADDR);
}

/* INT n of real mode; a debugger hears of it from the handler. */
static bool interrupt(struct tr *t, const struct insn *in)
{
    u8 vector = (u8)in->imm;
    struct emit *e = &t->e;
    struct site *s;

    if ((t->mode & MODE_V86) || in->kind[0] != OPND_IMM)
        return false;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    emit_alu_imm(e, A_CMP, 8, CPU(hooks), 0);
    tr_slow(s, emit_jcc(e, CC_NZ));
    slow_if_idle(t, s, vector);
    check_segment(t, s, SEG_CS);
    load_vector(t, s, vector);
    s = tr_site(t, in);
    s->leave = true;
    emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, -6);
    if (!(t->mode & MODE_STACK32))
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    tr_segment(t, s, SEG_SS, true);
    tr_table(t, s, 8, true);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    store_frame(t, in);
    tr_push_end(t, 6);
    emit_alu_imm(e, A_AND, 4, CPU(eflags), ~(u32)(EF_IF | EF_TF | EF_AC | EF_RF));
    emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    emit_movzx(e, 2, H_DIFF, RM_R(H_ADDR));
    emit_shift_imm(e, S_SHR, 4, H_ADDR, 16);
    far_jump(t);
    return true;
}

/* A jump that names its target, in any mode. */
bool tr_far_jump(struct tr *t, const struct insn *in)
{
    if (optab_rows[in->row].handler != op_JMP_FAR || in->kind[0] != OPND_FAR)
        return false;
    tr_clobber(t);
    tr_lean(t, in, t->j->far_jump, LEAN_JUMP);
    return true;
}

/* Far calls, jumps and returns of 16-bit code. */
bool tr_far(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (!is_real(t) || !is_code16(t) || in->opsize != 2)
        return false;
    if (h == op_CALL_FAR || h == op_JMP_FAR)
        return far_immediate(t, in, h == op_CALL_FAR);
    if (h == op_IRET)
        return interrupt_return(t, in);
    if (h == op_INT)
        return interrupt(t, in);
    return h == op_RET_FAR && far_return(t, in);
}

bool tr_real_segment(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_MOV_SEG)
        return mov_to_segment(t, in);
    return h == op_POP_SEG && pop_segment(t, in);
}
