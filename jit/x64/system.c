/*
 * What kernels do all the time: interrupts off and on, flags saved and restored; and repeated moves
 * and stores within a page. Anything but the common case goes to the handler. SDM Vol. 2, "CLI",
 * "STI", "PUSHF", "POPF", "REP".
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

/*
 * What POPF and IRET do here must not change these: all but the arithmetic flags, DF, IF, and the
 * three bits that are always zero.
 */
#define FLAGS_HARD (~(u32)(EF_ARITH | EF_DF | EF_IF | 1 << 3 | 1 << 5 | 1 << 15))

static void slow_unless_zero(struct tr *t, struct site *s, size_t byte)
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
static void slow_if_pending(struct tr *t, struct site *s)
{
    slow_unless_zero(t, s, offsetof(struct cpu, intr));
    slow_unless_zero(t, s, offsetof(struct cpu, nmi_latched));
}

static bool cli_sti(struct tr *t, const struct insn *in, bool set)
{
    struct emit *e = &t->e;
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    slow_unless_zero(t, s, offsetof(struct cpu, cpl));
    if (set) {
        slow_if_pending(t, s);
        emit_alu_imm(e, A_OR, 4, CPU(eflags), EF_IF);
    } else {
        emit_alu_imm(e, A_AND, 4, CPU(eflags), ~(u32)EF_IF);
    }
    return true;
}

/* EFLAGS as pushed, in H_ADDR; the flags are in memory. */
static void load_eflags(struct tr *t)
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

    if ((t->mode & MODE_V86) || (n != 2 && n != 4))
        return false;
    tr_push_begin(t, in, n);
    emit_alu(e, A_ADD, 8, H_DIFF, RM_R(H_ADDR));
    load_eflags(t);
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), ~(u32)(EF_VM | EF_RF));
    emit_store(e, n, RM_POINTER, H_ADDR);
    emit_movzx(e, 1, H_ADDR, RM_AT(offsetof(struct cpu, aflags) + 1));
    emit_alu_imm(e, A_AND, 4, RM_R(H_ADDR), AF_ALL >> 8);
    emit_op(e, 0x08, 1, H_ADDR, RM_POINTER); /* or [r9], r8b */
    tr_push_end(t, n);
    return true;
}

/*
 * FLAGS of which H_DIFF has the new value and H_ADDR what differs from the old one: bits that are
 * easy, and no others.
 */
static void set_flags(struct tr *t)
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

    if ((t->mode & MODE_V86) || (n != 2 && n != 4))
        return false;
    s = tr_pop_begin(t, in, n);
    s->leave = true;
    slow_unless_zero(t, s, offsetof(struct cpu, cpl));
    slow_if_pending(t, s);
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
    set_flags(t);
    tr_pop_end(t, n);
    return true;
}

/* ---- Segments in real and virtual-8086 mode ---- */

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

static bool is_real(const struct tr *t)
{
    return !(t->mode & (MODE_PROTECTED | MODE_FLAT));
}

/* MOV to DS, ES, FS, GS. */
static bool mov_to_segment(struct tr *t, const struct insn *in)
{
    unsigned seg = in->reg[0];
    struct emit *e = &t->e;
    struct site *s;

    if (in->kind[0] != OPND_SREG || seg == SEG_SS || seg == SEG_CS || !is_real(t))
        return false;
    tr_clobber(t);
    if (in->kind[1] == OPND_MEM) {
        s = tr_memory(t, in, 2, false);
        check_segment(t, s, seg);
        emit_movzx(e, 2, H_ADDR, RM_HOST);
    } else {
        s = tr_site(t, in);
        check_segment(t, s, seg);
        emit_movzx(e, 2, H_ADDR, RM_R(host_of(in->reg[1])));
    }
    set_segment(t, seg);
    return true;
}

static bool pop_segment(struct tr *t, const struct insn *in)
{
    unsigned seg = in->reg[0];
    struct emit *e = &t->e;
    struct site *s;

    if (in->opsize != 2 || seg == SEG_SS || seg == SEG_CS || !is_real(t))
        return false;
    s = tr_pop_begin(t, in, 2);
    check_segment(t, s, seg);
    emit_movzx(e, 2, H_DIFF, RM_HOST);
    tr_pop_end(t, 2);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    set_segment(t, seg);
    return true;
}

/* LDS and LES with a 16-bit offset. */
static bool load_pointer(struct tr *t, const struct insn *in, unsigned seg)
{
    struct emit *e = &t->e;
    struct site *s;

    if (in->opsize != 2 || !is_real(t) || in->kind[1] != OPND_MEM)
        return false;
    s = tr_memory(t, in, 4, false);
    check_segment(t, s, seg);
    emit_load(e, 4, H_DIFF, RM_HOST);
    emit_mov(e, 2, host_of(in->reg[0]), H_DIFF);
    emit_shift_imm(e, S_SHR, 4, H_DIFF, 16);
    emit_mov(e, 4, H_ADDR, H_DIFF);
    set_segment(t, seg);
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

/* IRET of real mode: IP, CS and FLAGS in one load. */
static bool interrupt_return(struct tr *t, const struct insn *in)
{
    struct emit *e = &t->e;
    struct site *s;

    if (t->mode & MODE_V86)
        return false;
    tr_clobber(t);
    s = tr_site(t, in);
    s->leave = true;
    slow_if_pending(t, s);
    slow_unless_zero(t, s, offsetof(struct cpu, nmi_blocked));
    check_segment(t, s, SEG_CS);
    if (t->mode & MODE_STACK32)
        emit_mov(e, 4, H_ADDR, H_ESP);
    else
        emit_movzx(e, 2, H_ADDR, RM_R(H_ESP));
    tr_segment(t, s, SEG_SS, false);
    tr_table(t, s, 8, false);
    emit_load(e, 8, H_DIFF, RM_HOST);
    emit_store(e, 8, WORD(W_TEMP), H_DIFF);
    emit_shift_imm(e, S_SHR, 8, H_DIFF, 32);
    emit_movzx(e, 2, H_DIFF, RM_R(H_DIFF));
    emit_load(e, 4, H_ADDR, CPU(eflags));
    emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    emit_alu(e, A_XOR, 4, H_ADDR, RM_R(H_DIFF));
    emit_op(e, 0xF7, 4, 0, RM_R(H_ADDR)); /* test */
    e32(e, FLAGS_HARD);
    tr_slow(s, emit_jcc(e, CC_NZ));
    set_flags(t);
    tr_pop_end(t, 6);
    emit_load(e, 4, H_ADDR, WORD(W_TEMP));
    emit_movzx(e, 2, H_DIFF, RM_R(H_ADDR));
    emit_shift_imm(e, S_SHR, 4, H_ADDR, 16);
    far_jump(t);
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
    return h == op_RET_FAR && far_return(t, in);
}

bool tr_system(struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_CLI || h == op_STI)
        return cli_sti(t, in, h == op_STI);
    if (h == op_PUSHF)
        return push_flags(t, in);
    if (h == op_POPF)
        return pop_flags(t, in);
    if (h == op_MOV_SEG)
        return mov_to_segment(t, in);
    if (h == op_POP_SEG)
        return pop_segment(t, in);
    if (h == op_LDS || h == op_LES)
        return load_pointer(t, in, h == op_LDS ? SEG_DS : SEG_ES);
    return false;
}

/* ---- REP MOVS and REP STOS within a page ---- */

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
