/*
 * PUSHA and POPA, with one look at the segment and one at the page. SDM Vol. 2, "PUSHA/PUSHAD",
 * "POPA/POPAD".
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

enum { REGISTERS = 8 };

/*
 * The `bytes` from an offset in H_ADDR on, which must not wrap, must lie in the segment and in one
 * page: the lowest of them in H_ADDR, translated. The last eight are the ones to look at for the
 * limit.
 */
static void translate_all(struct tr *t, struct site *s, unsigned bytes, bool write)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_CMP, 4, RM_R(H_ADDR), t->mode & MODE_STACK32 ? 0u - bytes : 0x10000u - bytes);
    tr_slow(s, emit_jcc(e, CC_NBE));
    emit_lea(e, 4, H_ADDR, H_ADDR, NO_REG, 0, (s32)bytes - 8);
    tr_segment(t, s, SEG_SS, write);
    emit_lea(e, 4, H_ADDR, H_ADDR, NO_REG, 0, 8 - (s32)bytes);
    tr_one_page(t, s, bytes, write);
}

/* Where in the frame a register is: EDI lowest. */
static struct rm place_of(unsigned reg, unsigned size)
{
    return (struct rm){.kind = RM_MEM, .disp = (s32)((RDI - reg) * size)};
}

static void pushes(struct tr *t, struct site *s, unsigned n)
{
    struct emit *e = &t->e;

    emit_lea(e, 4, H_ADDR, H_ESP, NO_REG, 0, -(s32)(n * REGISTERS));
    if (!(t->mode & MODE_STACK32))
        emit_movzx(e, 2, H_ADDR, RM_R(H_ADDR));
    translate_all(t, s, n * REGISTERS, true);
    for (unsigned reg = RAX; reg <= RDI; reg++)
        emit_store(e, n, place_of(reg, n), host_of(reg));
    tr_push_end(t, n * REGISTERS);
}

static void pops(struct tr *t, struct site *s, unsigned n)
{
    struct emit *e = &t->e;

    tr_stack_pointer(t);
    translate_all(t, s, n * REGISTERS, false);
    for (unsigned reg = RAX; reg <= RDI; reg++)
        if (reg != RSP)
            emit_load(e, n, host_of(reg), place_of(reg, n));
    tr_pop_end(t, n * REGISTERS);
}

bool tr_push_all(struct tr *t, const struct insn *in)
{
    bool down = optab_rows[in->row].handler == op_PUSHA;

    if (in->opsize != 2 && in->opsize != 4)
        return false;
    tr_clobber(t);
    (down ? pushes : pops)(t, tr_site(t, in), in->opsize);
    return true;
}
