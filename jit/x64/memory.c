/*
 * Guest memory from translated code: segment, page, host address. The table form of
 * docs/translator.md: what is not in the table, or not within one page, goes to the instruction's
 * handler.
 */
#include "jit/x64/translate.h"

bool tr_flat(const struct tr *t, unsigned seg)
{
    return (t->mode & MODE_FLAT) && (seg == SEG_DS || seg == SEG_ES || seg == SEG_SS);
}

void tr_immediate(struct tr *t, const struct insn *in)
{
    emit_mov_imm64(&t->e, H_DIFF, (u64)(uintptr_t)&in->imm);
}

/* The offset of an operand whose displacement was written, which no flag may notice. */
static void load_address(struct tr *t, const struct insn *in, unsigned base, unsigned index)
{
    struct emit *e = &t->e;

    emit_mov_imm64(e, H_ADDR, (u64)(uintptr_t)&in->disp);
    e8(e, 0x45), e8(e, 0x8B), e8(e, (H_ADDR & 7) << 3 | (H_ADDR & 7)); /* mov r8d, [r8] */
    if (index != NO_REG)
        emit_lea(e, 4, H_ADDR, H_ADDR, index, in->scale, 0);
    if (base != NO_REG)
        emit_lea(e, 4, H_ADDR, H_ADDR, base, 0, 0);
    if (in->asize == 2)
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
}

/* The operand's offset in its segment. */
void tr_address(struct tr *t, const struct insn *in)
{
    unsigned base = in->base == GPR_COUNT ? NO_REG : host_of(in->base);
    unsigned index = in->index == GPR_COUNT ? NO_REG : host_of(in->index);
    struct emit *e = &t->e;

    if (is_patched(in)) {
        load_address(t, in, base, index);
        return;
    }
    if (base == NO_REG && index == NO_REG) {
        emit_mov_imm32(e, H_ADDR, in->asize == 2 ? (u16)in->disp : (u32)in->disp);
        return;
    }
    if (index == NO_REG && !in->disp && in->asize == 4) {
        emit_mov(e, 4, H_ADDR, base);
        return;
    }
    if (index == NO_REG && !in->disp) {
        emit_movzx(e, 2, H_ADDR, RM_R(base));
        return;
    }
    if (base == NO_REG && !in->scale) {
        base = index;
        index = NO_REG;
    }
    emit_lea(e, 4, H_ADDR, base, index, in->scale, in->disp);
    if (in->asize == 2)
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
}

/* From an offset in H_ADDR to a linear address. */
void tr_segment(struct tr *t, struct site *s, unsigned seg, bool write)
{
    struct emit *e = &t->e;
    size_t at = offsetof(struct cpu, seg) + seg * sizeof(struct segment);

    if (tr_flat(t, seg))
        return;
    emit_alu(e, A_CMP, 4, H_ADDR,
             RM_AT(at + (write ? offsetof(struct segment, write_end)
                               : offsetof(struct segment, read_end))));
    tr_slow(s, emit_jcc(e, CC_NB));
    emit_alu(e, A_ADD, 4, H_ADDR, RM_AT(at + offsetof(struct segment, base)));
}

/* From a linear address in H_ADDR to [H_DIFF + H_ADDR]. */
void tr_table(struct tr *t, struct site *s, unsigned size, bool write)
{
    struct emit *e = &t->e;

    /* Reals lie at any multiple of four: not worth a second look behind. */
    if (size >= 8) {
        emit_lea(e, 4, H_DIFF, H_ADDR, NO_REG, 0, (s32)size - 1);
        emit_alu(e, A_XOR, 4, H_DIFF, RM_R(H_ADDR));
        emit_shift_imm(e, S_SHR, 4, H_DIFF, PAGE_SHIFT);
        tr_slow(s, emit_jcc(e, CC_NZ));
    }
    emit_mov(e, 4, H_DIFF, H_ADDR);
    emit_shift_imm(e, S_SHR, 4, H_DIFF, PAGE_SHIFT);
    if (size > 1 && size < 8) {
        emit_op(e, 0xF6, 1, 0, RM_R(H_ADDR)); /* test r8b, size - 1 */
        e8(e, size - 1);
        s->misaligned = emit_jcc(e, CC_NZ);
        s->aligned = e->p;
        s->size = (u8)size;
    }
    /* mov r9, [r13 + r9 * 8 + table] */
    e8(e, 0x4F), e8(e, 0x8B);
    if (write) {
        e8(e, 0x8C), e8(e, 3 << 6 | (H_DIFF & 7) << 3 | (H_TABLE & 7)), e32(e, MMU_WRITE_AT);
    } else {
        e8(e, 0x4C), e8(e, 3 << 6 | (H_DIFF & 7) << 3 | (H_TABLE & 7)), e8(e, 0);
    }
    emit_op(e, 0x85, 8, H_DIFF, RM_R(H_DIFF));
    s->miss = emit_jcc(e, CC_Z);
    s->miss_size = (u8)size;
    s->miss_write = write;
    s->reached = e->p;
}

void tr_one_page(struct tr *t, struct site *s, unsigned bytes, bool write)
{
    struct emit *e = &t->e;

    emit_mov(e, 4, H_DIFF, H_ADDR);
    emit_alu_imm(e, A_AND, 4, RM_R(H_DIFF), PAGE_MASK);
    emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), PAGE_SIZE - bytes);
    tr_slow(s, emit_jcc(e, CC_NBE));
    tr_table(t, s, 1, write);
    s->miss_size = (u8)bytes;
}

struct site *tr_memory(struct tr *t, const struct insn *in, unsigned size, bool write)
{
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    tr_address(t, in);
    tr_segment(t, s, in->seg, write);
    tr_table(t, s, size, write);
    return s;
}

/* ---- Windows ---- */

/* From here to the next site, a fault in a window is this instruction's. */
void tr_window_site(struct tr *t, const struct insn *in)
{
    struct jit *j = t->j;
    struct window_site *s = &j->windows.site[j->windows.sites++];

    s->code = (u32)(t->e.p - j->code.write);
    s->block = (u32)((u8 *)t->b - j->blocks);
    s->index = (u8)in->index_in_run;
    s->flags_in_host = t->flags == FLAGS_REGISTER;
    s->counted = t->counted;
    s->noted = t->noted;
}

/* AH to BH cannot be named beside a register that takes a REX prefix. */
static bool names_high_byte(const struct insn *in)
{
    return is_high_byte(in, 0) || is_high_byte(in, 1);
}

static bool wants_window(const struct tr *t, const struct insn *in, bool write)
{
    return t->window && !(t->r->tables >> in->index_in_run & 1) &&
           (!write || t->j->c->mmu.window_writes);
}

bool tr_plain_window(const struct tr *t, const struct insn *in, bool write)
{
    return wants_window(t, in, write) && in->asize == 4 && tr_flat(t, in->seg) && !is_patched(in) &&
           !(names_high_byte(in) && in->base == RSP);
}

bool tr_stack_window(const struct tr *t, const struct insn *in, bool write)
{
    return wants_window(t, in, write) && (t->mode & MODE_STACK32) && tr_flat(t, SEG_SS);
}

struct rm tr_operand(struct tr *t, const struct insn *in, unsigned size, bool write, bool leave)
{
    struct rm rm = {.kind = RM_WINDOW, .base = H_ADDR, .index = NO_REG};
    struct site *s;

    if (tr_plain_window(t, in, write)) {
        rm.base = in->base == GPR_COUNT ? NO_REG : (u8)host_of(in->base);
        rm.index = in->index == GPR_COUNT ? NO_REG : (u8)host_of(in->index);
        rm.scale = in->scale;
        rm.disp = (s32)in->disp;
        tr_window_site(t, in);
        return rm;
    }
    if (!wants_window(t, in, write) || names_high_byte(in)) {
        tr_memory(t, in, size, write)->leave = leave;
        return RM_HOST;
    }
    if (tr_flat(t, in->seg)) {
        tr_address(t, in);
    } else {
        tr_clobber(t);
        s = tr_site(t, in);
        s->leave = leave;
        tr_address(t, in);
        tr_segment(t, s, in->seg, write);
    }
    tr_window_site(t, in);
    return rm;
}

unsigned tr_source(struct tr *t, const struct insn *in, unsigned n)
{
    if (in->kind[n] != OPND_MEM)
        return host_sized(in->reg[n], in->size[n]);
    emit_op(&t->e, in->size[n] == 1 ? 0x8A : 0x8B, in->size[n], H_ADDR,
            tr_operand(t, in, in->size[n], false, false));
    return H_ADDR;
}

/* ---- The stack ---- */

struct rm tr_stack_rm(s32 from_esp)
{
    return (struct rm){.kind = RM_WINDOW, .base = H_ESP, .index = NO_REG, .disp = from_esp};
}

struct site *tr_push_begin(struct tr *t, const struct insn *in, unsigned n)
{
    struct emit *e = &t->e;
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, -(s32)n);
    if (!(t->mode & MODE_STACK32))
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    tr_segment(t, s, SEG_SS, true);
    tr_table(t, s, n, true);
    return s;
}

static void move_esp(struct tr *t, s32 by)
{
    struct emit *e = &t->e;

    if (t->mode & MODE_STACK32) {
        emit_lea(e, 4, H_ESP, H_ESP, NO_REG, 0, by);
    } else {
        emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, by);
        emit_mov(e, 2, H_ESP, H_ADDR);
    }
}

/* After the store: H_ADDR is free. */
void tr_push_end(struct tr *t, unsigned n)
{
    move_esp(t, -(s32)n);
}

void tr_stack_pointer(struct tr *t)
{
    struct emit *e = &t->e;

    if (t->mode & MODE_STACK32)
        emit_mov(e, 4, H_ADDR, H_ESP);
    else
        emit_movzx(e, 2, H_ADDR, RM_R(H_ESP));
}

struct site *tr_pop_begin(struct tr *t, const struct insn *in, unsigned n)
{
    struct site *s;

    tr_clobber(t);
    s = tr_site(t, in);
    tr_stack_pointer(t);
    tr_segment(t, s, SEG_SS, false);
    tr_table(t, s, n, false);
    return s;
}

void tr_pop_end(struct tr *t, unsigned n)
{
    move_esp(t, (s32)n);
}
