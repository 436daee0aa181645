/*
 * From a run to a block: the frame around the instructions. Flags, the count, ways out, and the
 * code behind for what is rare.
 */
#include "jit/x64/translate.h"

#include "cpu/fpu_inline.h"
#include "cpu/op.h"

#include <assert.h>

/* ---- Flags ---- */

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

/* Where a block wants the flags when it begins. */
static enum flags_at wanted_flags(const struct tr *t)
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
        if (registers_only(in) && tr_flag_use(in).reads && !(in->flags & INSN_ENDS))
            return FLAGS_REGISTER;
        return FLAGS_MEMORY;
    }
    return FLAGS_MEMORY;
}

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

/* `temp` NO_REG: H_ADDR and H_DIFF are both in use. */
static void restore(struct tr *t, unsigned temp, bool overflow)
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
    restore(t, temp, flags & FL_OF);
    t->flags = flags & FL_OF ? FLAGS_BOTH : FLAGS_MEMORY;
}

/* The host's flags are the guest's new ones. */
void tr_made(struct tr *t)
{
    t->flags = FLAGS_REGISTER;
}

/* ---- The count ---- */

static void look_at_count(struct tr *t, const struct insn *in, bool copies)
{
    struct emit *e = &t->e;

    emit_alu_imm(e, A_SUB, 8, RM_R(H_LEFT), t->r->count);
    t->stop = emit_jcc(e, CC_S);
    t->stop_at = in;
    t->stop_copies = copies;
    t->counted = true;
}

/* ---- Leaving instructions to handlers ---- */

struct site *tr_site(struct tr *t, const struct insn *in)
{
    struct site *s = &t->site[t->sites++];

    memset(s, 0, sizeof *s);
    s->in = in;
    s->counted = t->counted;
    s->noted = t->noted;
    return s;
}

void tr_slow(struct site *s, u8 *jump)
{
    assert(s->jumps < SITE_JUMPS);
    s->jump[s->jumps++] = jump;
}

void tr_plain(struct site *s)
{
    tr_slow(s, s->miss);
    s->miss = NULL;
}

void tr_stored(struct tr *t, struct site *s, enum site_value value)
{
    if (s->miss_size > 4)
        return;
    s->value = value;
    s->stored = t->e.p;
}

static void call(struct tr *t, const u8 *stub)
{
    e8(&t->e, 0xE8);
    e32(&t->e, 0);
    patch_rel32(t->e.p - 4, t->j->code.write + (stub - t->j->code.exec));
}

static void call_helper(struct tr *t, const struct insn *in, bool counted, u32 bits)
{
    struct emit *e = &t->e;
    int rest = counted ? t->r->count - in->index_in_run : -(int)in->index_in_run;

    emit_mov_imm32(e, H_DIFF, (u16)rest | bits);
    emit_mov_imm64(e, H_ADDR, (u64)(uintptr_t)in);
    call(t, t->j->helper);
}

/* Note an x87 instruction as the last one: FIP, FCS, FOP. */
static void emit_note(struct tr *t, unsigned index)
{
    const struct insn *in = &t->r->insn[index];
    struct emit *e = &t->e;

    emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)page_offset(t, in));
    emit_store(e, 8, CPU(fpu.fip), H_ADDR);
    emit_movzx(e, 2, H_ADDR, CPU(seg[SEG_CS].sel));
    emit_store(e, 2, CPU(fpu.fcs), H_ADDR);
    emit_op(e, 0xC7, 2, 0, CPU(fpu.fop));
    e16(e, fpu_opcode(in));
}

void tr_note(struct tr *t)
{
    if (t->noted >= 0)
        emit_note(t, (unsigned)t->noted);
    t->noted = -1;
}

/* The result is LEAN_STAY unless the jump is taken. */
static u8 *call_lean(struct tr *t, const struct insn *in, const u8 *stub)
{
    struct emit *e = &t->e;

    emit_mov_imm64(e, H_ADDR, (u64)(uintptr_t)in);
    call(t, stub);
    emit_alu_imm(e, A_CMP, 8, RM_R(H_DIFF), LEAN_STAY);
    return emit_jcc(e, CC_NZ);
}

static void take_over(struct tr *t, const struct insn *in, enum lean_kind kind)
{
    unsigned size = in->size[0];

    if (kind == LEAN_IN)
        emit_op(&t->e, size == 1 ? 0x8A : 0x8B, size, H_RAX, RM_R(H_ADDR));
    else if (kind == LEAN_POP)
        tr_pop_end(t, in->opsize);
    else if (kind == LEAN_POINTER)
        emit_load(&t->e, in->opsize, host_of(in->reg[0]), WORD(W_TEMP));
    else if (kind == LEAN_TSC) {
        emit_mov(&t->e, 4, H_RAX, H_ADDR);
        emit_shift_imm(&t->e, S_SHR, 8, H_ADDR, 32);
        emit_mov(&t->e, 4, H_RDX, H_ADDR);
    }
}

struct site *tr_lean(struct tr *t, const struct insn *in, const u8 *stub, enum lean_kind kind)
{
    struct site *s = tr_site(t, in);

    assert(t->counted);
    s->lean = call_lean(t, in, stub);
    s->lean_kind = (u8)kind;
    take_over(t, in, kind);
    return s;
}

void tr_help(struct tr *t, const struct insn *in)
{
    tr_clobber(t);
    tr_note(t);
    call_helper(t, in, t->counted, 0);
    t->x87_ready = t->mmx_ready = false;
}

/* ---- The code behind ---- */

/* The offset in CS of a byte of the page in H_ADDR. */
static void load_offset(struct tr *t, u32 offset)
{
    if (is_code16(t))
        emit_mov_imm32(&t->e, H_ADDR, t->base16 + offset);
    else
        emit_lea(&t->e, 4, H_ADDR, H_BASE, NO_REG, 0, (s32)offset);
}

static void emit_leave(struct tr *t, u32 offset, u32 link, bool flags_in_memory)
{
    struct emit *e = &t->e;
    const u8 *to = flags_in_memory ? t->j->leave_memory : t->j->leave_register;

    load_offset(t, offset);
    emit_mov_imm32(e, H_DIFF, link);
    patch_rel32(emit_jmp(e), t->j->code.write + (to - t->j->code.exec));
}

/* The instruction is done: take it off the count. H_ADDR is used. */
static void count_off(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;
    int rest = s->counted ? t->r->count - in->index_in_run : -(int)in->index_in_run;

    emit_lea(&t->e, 8, H_LEFT, H_LEFT, NO_REG, 0, rest - 1);
    if (s->noted >= 0)
        emit_note(t, (unsigned)s->noted);
}

/* Out of the block behind an instruction; r8 and r9 are free, the flags in memory. */
static void emit_leave_behind(struct tr *t, const struct site *s)
{
    count_off(t, s);
    emit_leave(t, page_offset(t, s->in) + s->in->len, 0, true);
}

/* What a site stores, into H_DIFF. */
static void load_value(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;
    struct emit *e = &t->e;

    if (s->value == VALUE_TEMP) {
        emit_load(e, 4, H_DIFF, WORD(W_TEMP));
    } else if (s->value == VALUE_RAX) {
        emit_mov(e, 4, H_DIFF, H_RAX);
    } else if (in->kind[1] == OPND_IMM) {
        emit_mov_imm32(e, H_DIFF, (u32)in->imm);
    } else if (is_high_byte(in, 1)) {
        emit_mov(e, 4, H_DIFF, in->reg[1] - 16);
        emit_shift_imm(e, S_SHR, 4, H_DIFF, 8);
    } else {
        emit_mov(e, 4, H_DIFF, host_of(in->reg[1]));
    }
}

/* Where T has nothing: perhaps lean.c can do it. Falls through to the handler's call. */
static void emit_miss(struct tr *t, struct site *s)
{
    struct emit *e = &t->e;
    u8 *leaves;

    patch_rel32(s->miss, e->p);
    if (s->value) {
        load_value(t, s);
        call(t, t->j->store[s->miss_size >> 1]);
        emit_alu_imm(e, A_CMP, 4, RM_R(H_DIFF), STORED);
        patch_rel32(emit_jcc(e, CC_Z), s->stored);
        leaves = emit_jcc(e, CC_B);
        if (s->value != VALUE_OPERAND)
            tr_string_end(t, s->in);
        emit_leave_behind(t, s);
        patch_rel32(leaves, e->p);
        return;
    }
    emit_mov_imm32(e, H_DIFF, s->miss_size);
    call(t, s->miss_write ? t->j->reach_write : t->j->reach_read);
    patch_rel32(emit_jcc(e, CC_NZ), s->reached);
}

/* lean.c has done it, and the block is not to go on; falls through if it has not. */
static void emit_lean(struct tr *t, const struct site *s)
{
    struct emit *e = &t->e;
    u8 *not_done;

    patch_rel32(s->lean, e->p);
    not_done = emit_jcc(e, CC_B);
    take_over(t, s->in, s->lean_kind);
    emit_store(e, 8, WORD(W_TEMP), H_DIFF);
    count_off(t, s);
    if (s->lean_kind != LEAN_JUMP)
        load_offset(t, page_offset(t, s->in) + s->in->len);
    emit_mov_imm32(e, H_DIFF, 0);
    emit_op(e, 0xFF, 4, 4, WORD(W_TEMP)); /* jmp */
    patch_rel32(not_done, e->p);
}

/* A selector into H_DIFF, from its register or from [H_DIFF + H_ADDR]. */
static void load_selector(struct tr *t, const struct site *s)
{
    const struct insn *in = s->in;

    if (s->lean_kind == LEAN_POINTER)
        tr_split_pointer(t, in);
    else
        emit_movzx(&t->e, 2, H_DIFF, in->kind[1] == OPND_GPR ? RM_R(host_of(in->reg[1])) : RM_HOST);
}

static void emit_site(struct tr *t, struct site *s)
{
    struct emit *e = &t->e;
    u8 *over = NULL;

    if (s->misaligned) {
        patch_rel32(s->misaligned, e->p);
        /* Its last byte is among the first `size` of a page where it crosses into that one. */
        emit_lea(e, 4, H_DIFF, H_ADDR, NO_REG, 0, s->size - 1);
        emit_op(e, 0xF7, 4, 0, RM_R(H_DIFF)); /* test */
        e32(e, PAGE_MASK & ~(u32)(s->size - 1));
        over = emit_jcc(e, CC_Z);
        emit_shift_imm(e, S_SHR, 4, H_DIFF, PAGE_SHIFT);
        patch_rel32(emit_jmp(e), s->aligned);
    }
    if (s->miss)
        emit_miss(t, s);
    if (over)
        patch_rel32(over, e->p);
    for (unsigned i = 0; i < s->jumps; i++)
        patch_rel32(s->jump[i], e->p);
    if (s->held) {
        emit_mov_imm32(e, H_DIFF, s->masked);
        call(t, t->j->hold);
        patch_rel32(emit_jcc(e, CC_NZ), s->held);
    }
    if (s->lean_late) {
        load_selector(t, s);
        s->lean = call_lean(t, s->in, s->lean_late);
        take_over(t, s->in, s->lean_kind);
        patch_rel32(emit_jmp(e), s->back);
    }
    if (s->lean)
        emit_lean(t, s);
    if (s->noted >= 0)
        emit_note(t, (unsigned)s->noted);
    for (unsigned i = 0; i <= s->group; i++)
        call_helper(t, s->in + i, s->counted, HELPER_SLOW | (s->leave ? HELPER_LEAVE : 0));
    if (s->restore)
        restore(t, H_ADDR, true);
    patch_rel32(emit_jmp(e), s->back ? s->back : e->p);
}

static void emit_stop(struct tr *t)
{
    const struct insn *in = t->stop_at;
    struct emit *e = &t->e;
    bool memory = !t->stop_copies;

    if (!t->stop)
        return;
    patch_rel32(t->stop, e->p);
    if (t->stop_copies) {
        enum flags_at flags = t->flags;

        t->flags = FLAGS_REGISTER;
        tr_insn(t, in);
        t->flags = flags;
        in++;
    }
    emit_lea(e, 8, H_LEFT, H_LEFT, NO_REG, 0, t->r->count - (in - t->r->insn));
    emit_leave(t, page_offset(t, in), (u32)((u8 *)t->b - t->j->blocks) | LINK_STOPPED, memory);
}

/* The block's way out number i: to another block once that is known. */
static void emit_out(struct tr *t, unsigned i)
{
    struct out *o = &t->out[i];
    struct link *l = &t->b->link[i];
    struct emit *e = &t->e;
    s64 pages = o->to >> PAGE_SHIFT;
    bool memory = o->flags != FLAGS_REGISTER;
    u8 *miss = NULL;

    *l = (struct link){.from = t->b, .jump = o->jump};
    l->entry = o->flags == FLAGS_REGISTER ? ENTER_REGISTER
               : o->flags == FLAGS_MEMORY ? ENTER_MEMORY
                                          : ENTER_ANY;
    patch_rel32(o->jump, e->p);
    if (o->rest)
        emit_lea(e, 8, H_LEFT, H_LEFT, NO_REG, 0, o->rest);
    if (o->rest && !pages) {
        l->jump = emit_jmp(e);
        patch_rel32(l->jump, e->p);
    }
    if (pages) {
        if (!memory)
            tr_save(t, H_DIFF);
        memory = true;
        l->entry = ENTER_MEMORY;
        /* cmp dword [r10 + pages * 4], frame */
        e8(e, 0x41), e8(e, 0x81), e8(e, 0x80 | 7 << 3 | (H_EXEC & 7)), e32(e, (u32)(pages * 4));
        l->guard = e->p;
        e32(e, 0xFFFFFFFF);
        miss = emit_jcc(e, CC_NZ);
        emit_lea(e, 8, H_EXEC, H_EXEC, NO_REG, 0, (s32)(pages * 4));
        if (is_code16(t))
            emit_mov_imm32(e, H_BASE, t->base16 + (u32)(pages * (s32)PAGE_SIZE));
        else
            emit_lea(e, 4, H_BASE, H_BASE, NO_REG, 0, (s32)(pages * (s32)PAGE_SIZE));
        l->jump = emit_jmp(e);
        patch_rel32(miss, e->p);
        patch_rel32(l->jump, e->p);
    }
    l->exit = code_exec(&t->j->code, e->p);
    emit_leave(t, (u32)o->to, (u32)((u8 *)l - t->j->blocks), memory);
}

/* ---- The block ---- */

/* Entries: where the flags are in the host's, and where they are in memory. */
static void emit_entries(struct tr *t)
{
    struct block *b = t->b;
    struct emit *e = &t->e;
    const u8 *at = code_exec(&t->j->code, e->p);

    t->flags = t->r->frame2 || !(t->mode & MODE_CS_FREE) ? FLAGS_MEMORY : wanted_flags(t);
    b->entry[ENTER_REGISTER] = b->entry[ENTER_MEMORY] = b->entry[ENTER_ANY] = at;
    if (t->flags == FLAGS_MEMORY) {
        tr_save(t, H_DIFF);
        b->entry[ENTER_MEMORY] = b->entry[ENTER_ANY] = code_exec(&t->j->code, e->p);
    } else if (t->flags == FLAGS_REGISTER) {
        restore(t, H_DIFF, true);
        b->entry[ENTER_REGISTER] = b->entry[ENTER_ANY] = code_exec(&t->j->code, e->p);
    }
}

/*
 * An instruction across a page boundary is good as long as the second page is the same frame; and
 * where CS has a limit, code is good up to there. Otherwise the dispatcher looks into it.
 */
static void emit_guards(struct tr *t)
{
    const struct run *r = t->r;
    struct emit *e = &t->e;

    if (r->frame2) {
        e8(e, 0x41), e8(e, 0x81), e8(e, 0x40 | 7 << 3 | (H_EXEC & 7)), e8(e, 4), e32(e, r->frame2);
        t->guard[t->guards++] = emit_jcc(e, CC_NZ);
    }
    if (!(t->mode & MODE_CS_FREE)) {
        emit_lea(e, 4, H_ADDR, H_BASE, NO_REG, 0, r->offset + r->bytes - 1);
        emit_alu(e, A_CMP, 4, H_ADDR, CPU(seg[SEG_CS].limit));
        t->guard[t->guards++] = emit_jcc(e, CC_NBE);
    }
}

/* Where the block was killed, those who come through the table of jumps arrive here too. */
static void emit_dead(struct tr *t)
{
    for (unsigned i = 0; i < t->guards; i++)
        patch_rel32(t->guard[i], t->e.p);
    t->b->dead = code_exec(&t->j->code, t->e.p);
    emit_leave(t, t->b->run->offset, 0, true);
}

/*
 * The look at the count comes as soon as it costs nothing: where the flags are in memory, or right
 * before an instruction that makes them anew. At the latest before anything that may fault or end.
 */
static void count_before(struct tr *t, const struct insn *in, bool last)
{
    bool waits = is_neutral(t, in) ||
                 (registers_only(in) && tr_flag_use(in).reads && !(in->flags & INSN_ENDS));

    if (t->counted)
        return;
    if (t->flags & FLAGS_MEMORY) {
        t->flags = FLAGS_MEMORY;
        look_at_count(t, in, false);
    } else if (tr_is_maker(in)) {
        look_at_count(t, in, true);
    } else if (!waits || last) {
        tr_clobber(t);
        look_at_count(t, in, false);
    }
}

/* Sites of this instruction come back here, with the flags where the hot code has them. */
static void close_sites(struct tr *t, unsigned first)
{
    for (unsigned i = first; i < t->sites; i++) {
        t->site[i].back = t->e.p;
        t->site[i].restore = t->flags & FLAGS_REGISTER;
    }
}

/* Instruction `i` begins here. */
static void note_place(struct tr *t, unsigned i)
{
    t->b->hot[i] = (u16)(code_exec(&t->j->code, t->e.p) - t->b->code);
}

static void emit_body(struct tr *t)
{
    const struct run *r = t->r;

    for (unsigned i = 0; i < r->count; i++) {
        const struct insn *in = &r->insn[i];
        bool last = i + 1u == r->count;
        unsigned sites = t->sites, group;

        note_place(t, i);
        count_before(t, in, last || x64_condition(in) >= 0);
        group = tr_stack_group(t, in, r->count - i);
        if (group) {
            close_sites(t, sites);
            while (--group)
                note_place(t, ++i);
            continue;
        }
        if (!last && (in->flags & INSN_ENDS)) {
            tr_pass(t, in);
            close_sites(t, sites);
            continue;
        }
        if (last && (in->flags & INSN_ENDS) && tr_branch(t, in)) {
            close_sites(t, sites);
            return;
        }
        if (!tr_insn(t, in))
            tr_help(t, in);
        close_sites(t, sites);
    }
    tr_fall_through(t);
}

static void *carve(struct jit *j, size_t bytes)
{
    u8 *at = j->blocks + j->blocks_used;

    bytes = (bytes + 7) & ~(size_t)7;
    if (j->blocks_used + bytes > j->blocks_end)
        return NULL;
    memset(at, 0, bytes);
    j->blocks_used += bytes;
    return at;
}

/* The parts know whom they take with them. */
static bool note_users(struct jit *j, struct block *b)
{
    for (unsigned i = 1; i < b->trace->parts; i++) {
        struct user *u = carve(j, sizeof *u);

        if (!u)
            return false;
        *u = (struct user){b->trace->part[i]->users, b};
        b->trace->part[i]->users = u;
    }
    return true;
}

static bool keep_trace(struct jit *j, struct block *b, const struct trace *trace)
{
    size_t bytes = sizeof *trace->run + trace->run->count * sizeof trace->run->insn[0];

    b->trace = carve(j, sizeof *trace);
    b->code_of = carve(j, bytes);
    if (!b->trace || !b->code_of)
        return false;
    *b->trace = *trace;
    memcpy(b->code_of, trace->run, bytes);
    b->trace->run = b->code_of;
    return note_users(j, b);
}

/* With all that belongs to it behind, so that the arena can be gone through from block to block. */
static struct block *new_block(struct jit *j, struct run *head, const struct trace *trace)
{
    const struct run *r = trace ? trace->run : head;
    size_t start = j->blocks_used;
    struct block *b = carve(j, sizeof *b + (r->count + 1u) * sizeof b->hot[0]);

    if (!b)
        return NULL;
    b->run = b->code_of = head;
    b->links = (u8)(trace ? trace->parts + 1 : 2);
    b->link = carve(j, b->links * sizeof *b->link);
    if (!b->link || (trace && !keep_trace(j, b, trace)))
        return NULL;
    b->count = (u8)r->count;
    b->bytes = (u32)(j->blocks_used - start);
    return b;
}

static bool has_room(const struct jit *j)
{
    const struct code_cache *cc = &j->code;

    return cc->hot + JIT_BLOCK_BYTES_MAX < cc->hot_end &&
           cc->cold + JIT_BLOCK_BYTES_MAX < cc->cold_end &&
           j->windows.sites + SITES_MAX < WINDOW_SITES_MAX;
}

struct block *x64_translate(struct jit *j, struct run *r, bool window)
{
    struct code_cache *cc = &j->code;
    struct trace_room room;
    struct tr tr, *t = &tr;

    memset(t, 0, offsetof(struct tr, site));
    t->j = j;
    t->mode = run_mode(r);
    t->noted = -1;
    t->base16 = (u32)j->c->rip - r->offset;
    if (!has_room(j) ||
        !(t->b = new_block(j, r, r->traced ? trace_make(j, r, t->base16, &room) : NULL)))
        return NULL;
    t->r = r = t->b->code_of;
    t->window = t->b->window = window;
    t->e.p = cc->write + cc->hot;
    t->b->base16 = t->base16;
    t->b->patched = r->patched;
    t->b->code = code_exec(cc, t->e.p);
    emit_entries(t);
    emit_guards(t);
    emit_body(t);
    note_place(t, r->count);
    t->b->end = code_exec(cc, t->e.p);
    cc->hot = (size_t)(t->e.p - cc->write + 15) & ~(size_t)15;

    t->e.p = cc->write + cc->cold;
    t->b->cold = code_exec(cc, t->e.p);
    for (unsigned i = 0; i < t->sites; i++)
        emit_site(t, &t->site[i]);
    emit_stop(t);
    emit_dead(t);
    for (unsigned i = 0; i < t->outs; i++)
        emit_out(t, i);
    t->b->cold_end = code_exec(cc, t->e.p);
    cc->cold = (size_t)(t->e.p - cc->write + 15) & ~(size_t)15;
    return t->b;
}

/* ---- Links ---- */

static u8 *writable(struct jit *j, const u8 *exec)
{
    return j->code.write + (exec - j->code.exec);
}

/* A displacement at `at` of the writable view, to `target` of the executable one. */
static void aim(struct jit *j, u8 *at, const u8 *target)
{
    patch_rel32(at, writable(j, target));
}

void x64_link(struct jit *j, struct link *l, struct block *to, frame_id frame)
{
    l->to = to;
    l->next = to->incoming;
    to->incoming = l;
    if (l->guard)
        memcpy(l->guard, &frame, sizeof frame);
    aim(j, l->jump, to->entry[l->entry]);
}

static void unlink_one(struct jit *j, struct link *l)
{
    u32 none = 0xFFFFFFFF;

    l->to = NULL;
    if (l->guard)
        memcpy(l->guard, &none, sizeof none);
    aim(j, l->jump, l->exit);
}

void x64_retire(struct jit *j, struct block *b)
{
    struct link *next;
    u8 *at;

    for (struct link *l = b->incoming; l; l = next) {
        next = l->next;
        unlink_one(j, l);
    }
    b->incoming = NULL;
    x64_shut_doors(j, b);
    at = writable(j, b->entry[ENTER_MEMORY]);
    *at = 0xE9;
    aim(j, at + 1, b->dead);
}
