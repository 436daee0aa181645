/*
 * Where the guest's arithmetic flags are from instruction to instruction of a block: in the host's
 * flags, which the host's own ADD or CMP has just made, or in cpu->aflags, as LAHF and SETO see
 * them. See enum flags_at.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

/* ---- What instructions do to flags ---- */

struct flag_use tr_flag_use(const struct insn *in)
{
    const struct optab_row *row = &optab_rows[in->row];
    op_handler *h = row->handler;
    struct flag_use u = {row->flags_read & FL_ARITH, row->flags_written & FL_ARITH};

    /* What the host's chip makes of flags that the manual leaves open may depend on the old ones.
     */
    if (h == op_SHL || h == op_SHR || h == op_SAR) {
        if (in->kind[1] != OPND_IMM)
            u.reads = FL_ARITH;
        else
            u.reads = 0;
    } else if (row->flags_undefined && h != op_AND && h != op_OR && h != op_XOR && h != op_TEST) {
        u.reads = FL_ARITH;
    } else if (u.writes && u.writes != FL_ARITH) {
        u.reads |= FL_ARITH & ~u.writes;
    }
    if (h == op_ROL || h == op_ROR || h == op_RCL || h == op_RCR)
        u.reads = FL_ARITH;
    return u;
}

static bool registers_only(const struct insn *in)
{
    for (unsigned i = 0; i < 3; i++)
        if (in->kind[i] != OPND_NONE && in->kind[i] != OPND_GPR && in->kind[i] != OPND_IMM)
            return false;
    return true;
}

bool tr_is_maker(const struct insn *in)
{
    static op_handler *const makers[] = {op_ADD, op_OR,  op_AND,  op_SUB,
                                         op_XOR, op_CMP, op_TEST, op_NEG};
    op_handler *h = optab_rows[in->row].handler;

    if (!registers_only(in) || (in->flags & INSN_LOCK))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(makers); i++)
        if (h == makers[i])
            return true;
    return (h == op_SHL || h == op_SHR || h == op_SAR) && in->kind[1] == OPND_IMM && (in->imm & 31);
}

/* A move to or from memory that is reached through the window: whose faults lose no flags. */
static bool moves_by_window(const struct tr *t, const struct insn *in)
{
    op_handler *h = optab_rows[in->row].handler;
    bool reg = in->kind[0] == OPND_GPR;

    if (h == op_MOV && (in->kind[0] == OPND_MEM || in->kind[1] == OPND_MEM))
        return tr_plain_window(t, in, !reg);
    if (h == op_MOVZX || h == op_MOVSX)
        return in->kind[1] == OPND_MEM && tr_plain_window(t, in, false);
    if (h == op_PUSH)
        return in->opsize == 4 && in->kind[0] != OPND_MEM && tr_stack_window(t, in, true);
    return h == op_POP && in->opsize == 4 && reg && tr_stack_window(t, in, false);
}

/* Neither touches flags nor loses them by a fault. */
static bool is_neutral(const struct tr *t, const struct insn *in)
{
    static op_handler *const neutral[] = {op_MOV,   op_MOVZX, op_MOVSX, op_NOT,
                                          op_BSWAP, op_CBW,   op_CWD,   op_NOP};
    op_handler *h = optab_rows[in->row].handler;

    if (h == op_LEA)
        return in->kind[1] == OPND_MEM;
    if (moves_by_window(t, in))
        return true;
    if (!registers_only(in))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(neutral); i++)
        if (h == neutral[i])
            return true;
    return h == op_XCHG;
}

static bool reads_flags(const struct insn *in)
{
    return registers_only(in) && tr_flag_use(in).reads && !(in->flags & INSN_ENDS);
}

bool tr_keeps_flags(const struct tr *t, const struct insn *in)
{
    return is_neutral(t, in) || reads_flags(in);
}

enum flags_at tr_wanted_flags(const struct tr *t)
{
    const struct run *r = t->r;
    bool may_fault = false;

    for (unsigned i = 0; i < r->count; i++) {
        const struct insn *in = &r->insn[i];

        if (is_neutral(t, in)) {
            may_fault = may_fault || moves_by_window(t, in);
            continue;
        }
        if (tr_is_maker(in))
            return may_fault ? FLAGS_REGISTER : FLAGS_UNKNOWN;
        if (reads_flags(in))
            return FLAGS_REGISTER;
        return FLAGS_MEMORY;
    }
    return FLAGS_MEMORY;
}

/* ---- From the host's flags to memory and back ---- */

void tr_save(struct tr *t, unsigned temp)
{
    struct emit *e = &t->e;

    emit_mov(e, 8, temp, H_RAX);
    e8(e, 0x9F);                           /* lahf */
    emit_op(e, 0x0F90, 1, 0, RM_R(H_RAX)); /* seto al */
    emit_store(e, 2, CPU(aflags), H_RAX);
    emit_mov(e, 8, H_RAX, temp);
}

/* Before anything of ours that destroys the host's flags. */
void tr_clobber(struct tr *t)
{
    if (t->flags == FLAGS_REGISTER)
        tr_save(t, H_DIFF);
    t->flags = FLAGS_MEMORY;
}

void tr_restore(struct tr *t, unsigned temp, bool overflow)
{
    struct emit *e = &t->e;

    if (temp == NO_REG)
        emit_store(e, 8, WORD(W_TEMP), H_RAX);
    else
        emit_mov(e, 8, temp, H_RAX);
    emit_movzx(e, 2, H_RAX, CPU(aflags));
    if (overflow) {
        e8(e, 0x04), e8(e, 127); /* add al, 127 */
    }
    e8(e, 0x9E); /* sahf */
    if (temp == NO_REG)
        emit_load(e, 8, H_RAX, WORD(W_TEMP));
    else
        emit_mov(e, 8, H_RAX, temp);
}

/* The flags of an instruction's `reads` into the host's, if they are not there. */
void tr_need(struct tr *t, u8 flags, unsigned temp)
{
    struct emit *e = &t->e;

    if (!flags || t->flags != FLAGS_MEMORY)
        return;
    if (flags == FL_CF) {
        /* bt word [aflags], 8; what else it changes, its reader overwrites. */
        emit_op(e, 0x0FBA, 2, 4, CPU(aflags));
        e8(e, 8);
        return; /* the host's other flags are not the guest's */
    }
    tr_restore(t, temp, flags & FL_OF);
    t->flags = flags & FL_OF ? FLAGS_BOTH : FLAGS_MEMORY;
}

/* The host's flags are the guest's new ones. */
void tr_made(struct tr *t)
{
    t->flags = FLAGS_REGISTER;
}
