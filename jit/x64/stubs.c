/*
 * Code that is made once: into translated code, out of it, to helpers, and through the table of
 * jumps whose target is known only at run time. Calling convention: System V AMD64 psABI.
 */
#include "jit/x64/translate.h"

enum { SAVED = 6 };

static const u8 saved[SAVED] = {H_RBX, H_RBP, H_ESP, H_TABLE, H_CPU, H_LEFT};

static void push(struct emit *e, unsigned reg)
{
    if (reg & 8)
        e8(e, 0x41);
    e8(e, 0x50 | (reg & 7));
}

static void pop(struct emit *e, unsigned reg)
{
    if (reg & 8)
        e8(e, 0x41);
    e8(e, 0x58 | (reg & 7));
}

static void store_registers(struct emit *e)
{
    for (unsigned g = 0; g < 8; g++)
        emit_store(e, 8, RM_AT(offsetof(struct cpu, gpr) + 8 * g), host_of(g));
}

static void load_registers(struct emit *e)
{
    for (unsigned g = 0; g < 8; g++)
        emit_load(e, 4, host_of(g), RM_AT(offsetof(struct cpu, gpr) + 8 * g));
}

static void move_rsp(struct emit *e, int by)
{
    emit_op(e, 0x83, 8, A_ADD, RM_R(H_RSP));
    e8(e, (u8)by);
}

/* Keep the flags; clobbers RAX, which is not kept: for ways out after the registers were stored. */
static void store_flags(struct emit *e, struct rm to)
{
    e8(e, 0x9F); /* lahf */
    emit_op(e, 0x0F90, 1, 0, RM_R(H_RAX));
    emit_store(e, 2, to, H_RAX);
}

/* Where the block is, and how far the count. */
static void load_place(struct emit *e)
{
    emit_load(e, 8, H_LEFT, WORD(W_LEFT));
    emit_load(e, 8, H_EXEC, WORD(W_EXEC));
    emit_load(e, 4, H_BASE, WORD(W_BASE));
}

/* Call a C function; its result goes where no guest register is. */
static void call_c(struct emit *e, u64 does)
{
    emit_mov_imm64(e, H_RAX, does);
    emit_op(e, 0xFF, 4, 2, RM_R(H_RAX)); /* call rax */
    emit_mov(e, 8, H_DIFF, H_RAX);
}

/* To the next block, whose code C has found; the class, and so T, may be another. */
static void jump_onward(struct emit *e)
{
    emit_load(e, 8, H_TABLE, CPU(mmu.read));
    emit_op(e, 0xFF, 4, 4, RM_R(H_DIFF)); /* jmp r9 */
}

static const u8 *here(struct jit *j, struct emit *e)
{
    return code_exec(&j->code, e->p);
}

/* void enter(struct cpu *c, const u8 *code) */
static void make_enter(struct jit *j, struct emit *e)
{
    j->enter = (void (*)(struct cpu *, const u8 *))(uintptr_t)here(j, e);
    for (unsigned i = 0; i < SAVED; i++)
        push(e, saved[i]);
    move_rsp(e, -8);
    emit_mov(e, 8, H_CPU, H_RDI);
    emit_mov(e, 8, H_DIFF, H_RSI);
    load_place(e);
    load_registers(e);
    jump_onward(e);
}

static void make_return(struct emit *e)
{
    move_rsp(e, 8);
    for (unsigned i = SAVED; i-- > 0;)
        pop(e, saved[i]);
    e8(e, 0xC3);
}

static void make_leave(struct jit *j, struct emit *e)
{
    u8 *to_common;

    j->leave_register = here(j, e);
    store_registers(e);
    store_flags(e, CPU(aflags));
    to_common = emit_jmp(e);
    j->leave_memory = here(j, e);
    store_registers(e);
    patch_rel32(to_common, e->p);
    emit_store(e, 8, WORD(W_LEFT), H_LEFT);
    emit_store(e, 8, WORD(W_BASE), H_BASE);
    emit_store(e, 8, WORD(W_RIP), H_ADDR);
    emit_store(e, 8, WORD(W_LINK), H_DIFF);
    make_return(e);
}

/* Back into the block, on to another one, or out: what jit_help says. */
static void make_helper(struct jit *j, struct emit *e)
{
    u8 *stays, *leaves;

    j->helper = here(j, e);
    store_registers(e);
    emit_store(e, 8, WORD(W_LEFT), H_LEFT);
    emit_store(e, 8, WORD(W_EXEC), H_EXEC);
    emit_store(e, 8, WORD(W_BASE), H_BASE);
    move_rsp(e, -8);
    emit_mov(e, 8, H_RDI, H_CPU);
    emit_mov(e, 8, H_RSI, H_ADDR);
    emit_mov(e, 4, H_RDX, H_DIFF);
    emit_mov(e, 4, H_RCX, H_BASE);
    call_c(e, (u64)(uintptr_t)jit_help);
    load_place(e);
    load_registers(e);
    emit_alu_imm(e, A_CMP, 8, RM_R(H_DIFF), HELPED_LEAVE);
    stays = emit_jcc(e, CC_B);
    leaves = emit_jcc(e, CC_Z);
    move_rsp(e, 16); /* the return address too */
    jump_onward(e);
    patch_rel32(stays, e->p);
    move_rsp(e, 8);
    e8(e, 0xC3);
    patch_rel32(leaves, e->p);
    move_rsp(e, 16);
    make_return(e);
}

/*
 * u64 does(struct cpu *c, u32 la, u32 value, unsigned size) of lean.c, of the linear address and
 * value in H_ADDR and H_DIFF; without a value if size is 0. Only what C destroys is saved.
 */
static const u8 *make_lean(struct jit *j, struct emit *e, const void *does, unsigned size)
{
    static const u8 kept[] = {H_RAX, H_RCX, H_RDX, H_RSI, H_RDI, H_ADDR, H_EXEC, H_BASE};
    const u8 *start = here(j, e);

    for (unsigned i = 0; i < sizeof kept; i++)
        push(e, kept[i]);
    move_rsp(e, -8);
    emit_mov(e, 8, H_RDI, H_CPU);
    emit_mov(e, 4, H_RSI, H_ADDR);
    emit_mov(e, 4, H_RDX, H_DIFF);
    emit_mov_imm32(e, H_RCX, size);
    call_c(e, (u64)(uintptr_t)does);
    move_rsp(e, 8);
    for (unsigned i = sizeof kept; i-- > 0;)
        pop(e, kept[i]);
    emit_op(e, 0x85, 8, H_DIFF, RM_R(H_DIFF));
    e8(e, 0xC3);
    return start;
}

/*
 * struct lean does(struct cpu *c, const struct insn *in, u32 operand, u32 eax) of lean.c.
 */
static const u8 *make_instruction(struct jit *j, struct emit *e, const void *does)
{
    static const u8 kept[] = {H_RAX, H_RCX, H_RDX, H_RSI, H_RDI, H_EXEC, H_BASE};
    const u8 *start = here(j, e);

    for (unsigned i = 0; i < sizeof kept; i++)
        push(e, kept[i]);
    emit_store(e, 8, WORD(W_LEFT), H_LEFT);
    emit_store(e, 8, WORD(W_BASE), H_BASE);
    emit_mov(e, 8, H_RDI, H_CPU);
    emit_mov(e, 8, H_RSI, H_ADDR);
    emit_mov(e, 4, H_RDX, H_DIFF);
    emit_mov(e, 4, H_RCX, H_RAX);
    call_c(e, (u64)(uintptr_t)does);
    emit_mov(e, 8, H_ADDR, H_RDX);
    for (unsigned i = sizeof kept; i-- > 0;)
        pop(e, kept[i]);
    e8(e, 0xC3);
    return start;
}

/*
 * Where the signal handler goes on if a window did not help: all state as before the instruction,
 * the host's flags set apart, since only jit_window_fault knows whether they are the guest's.
 */
static void make_fault(struct jit *j, struct emit *e)
{
    u8 *leaves;

    j->fault = here(j, e);
    store_registers(e);
    store_flags(e, WORD(W_FAULT_FLAGS));
    emit_store(e, 8, WORD(W_LEFT), H_LEFT);
    emit_store(e, 8, WORD(W_BASE), H_BASE);
    emit_mov(e, 8, H_RDI, H_CPU);
    call_c(e, (u64)(uintptr_t)jit_window_fault);
    load_place(e);
    load_registers(e);
    emit_alu_imm(e, A_CMP, 8, RM_R(H_DIFF), HELPED_LEAVE);
    leaves = emit_jcc(e, CC_Z);
    jump_onward(e);
    patch_rel32(leaves, e->p);
    make_return(e);
}

/* cmp [r9 + at], reg */
static void compare_slot(struct emit *e, unsigned reg, u32 at)
{
    e8(e, 0x41 | (reg & 8) >> 1), e8(e, 0x39), e8(e, 0x80 | (reg & 7) << 3 | (H_DIFF & 7)),
        e32(e, at);
}

/*
 * The quick way to the offset in H_ADDR, see private.h; `form` 0: the flags are in the host's, and
 * no instruction here touches them.
 */
void x64_quick_jump(struct emit *e, u32 mode, unsigned form)
{
    u32 at = JIT_CODE_BYTES + jump_table_at(mode, form) * (u32)sizeof(u32);

    emit_movzx(e, 2, H_DIFF, RM_R(H_ADDR));
    emit_load(e, 8, H_EXEC, WORD(W_CODE));
    /* mov r9d, [r10 + r9 * 4 + at] */
    e8(e, 0x47), e8(e, 0x8B), e8(e, 0x80 | (H_DIFF & 7) << 3 | 4);
    e8(e, 2 << 6 | (H_DIFF & 7) << 3 | (H_EXEC & 7)), e32(e, at);
    emit_lea(e, 8, H_DIFF, H_EXEC, H_DIFF, 0, (s32)(form * NOWHERE_BYTES));
    emit_op(e, 0xFF, 4, 4, RM_R(H_DIFF)); /* jmp r9 */
}

/* What empty slots lead to, at the very start of the cache; by form, NOWHERE_BYTES each. */
static void make_nowhere(struct jit *j, struct emit *e)
{
    for (unsigned form = 0; form < JUMP_FORMS; form++) {
        j->nowhere[form] = here(j, e);
        e8(e, 0xE9), e32(e, 0);
        e->p += NOWHERE_BYTES - 5;
    }
}

static void aim_nowhere(struct jit *j, struct emit *e)
{
    const u8 *to[JUMP_FORMS] = {j->leave_register, j->leave_memory};

    for (unsigned form = 0; form < JUMP_FORMS; form++) {
        u8 *at = j->code.write + (j->nowhere[form] - j->code.exec);

        patch_rel32(at + 1, e->p);
        emit_mov_imm32(e, H_DIFF, 0);
        patch_rel32(emit_jmp(e), j->code.write + (to[form] - j->code.exec));
    }
}

/* To the offset in H_ADDR of code of `mode`; the flags are in memory. */
static const u8 *make_quick_stub(struct jit *j, u32 mode)
{
    struct emit emit = {j->code.write + j->code.hot}, *e = &emit;
    const u8 *start = here(j, e);

    x64_quick_jump(e, mode, 1);
    j->code.hot = (size_t)(e->p - j->code.write + 15) & ~(size_t)15;
    return start;
}

/*
 * To the offset in H_ADDR of code of `mode`: find it in the table, check that its page is still the
 * frame it was, go. The flags are in memory. What a slot is named by: see jump_tag.
 */
const u8 *x64_make_indirect(struct jit *j, u32 mode)
{
    bool code16 = (mode & MODE_CODE_SIZE) == CODE16, base = !(mode & MODE_CS_FREE) || code16;
    struct emit emit = {j->code.write + j->code.hot}, *e = &emit;
    u32 at = mode * JUMP_SLOTS * (u32)sizeof(struct jump_slot);
    const u8 *start = here(j, e);
    u8 *miss[2];

    if (jumps_quickly(mode))
        return make_quick_stub(j, mode);
    emit_store(e, 8, WORD(W_RIP), H_ADDR);
    emit_mov(e, 4, H_DIFF, H_ADDR);
    emit_alu_imm(e, A_AND, 4, RM_R(H_DIFF), JUMP_SLOTS - 1);
    emit_shift_imm(e, S_SHL, 4, H_DIFF, 4);
    emit_alu(e, A_ADD, 8, H_DIFF, WORD(W_JUMPS));
    emit_mov(e, 4, H_EXEC, H_ADDR);
    if (base)
        emit_alu(e, A_ADD, 4, H_EXEC, CPU(seg[SEG_CS].base));
    emit_mov(e, 4, H_BASE, H_EXEC);
    emit_alu_imm(e, A_AND, 4, RM_R(H_BASE), PAGE_MASK);
    if (code16) {
        emit_mov(e, 4, H_ADDR, H_BASE);
        emit_shift_imm(e, S_SHL, 4, H_ADDR, 16);
        emit_alu(e, A_OR, 4, H_ADDR, WORD(W_RIP));
    }
    compare_slot(e, code16 ? H_ADDR : base ? H_EXEC : H_ADDR, at);
    miss[0] = emit_jcc(e, CC_NZ);
    emit_shift_imm(e, S_SHR, 4, H_EXEC, PAGE_SHIFT);
    emit_lea(e, 8, H_EXEC, H_TABLE, H_EXEC, 2, MMU_EXEC_AT);
    emit_op(e, 0xF7, 4, 3, RM_R(H_BASE)); /* neg */
    emit_alu(e, A_ADD, 4, H_BASE, WORD(W_RIP));
    /* mov r8d, [r9 + at + 4]; cmp [r10], r8d */
    e8(e, 0x45), e8(e, 0x8B), e8(e, 0x80 | (H_ADDR & 7) << 3 | (H_DIFF & 7)), e32(e, at + 4);
    e8(e, 0x45), e8(e, 0x39), e8(e, (H_ADDR & 7) << 3 | (H_EXEC & 7));
    miss[1] = emit_jcc(e, CC_NZ);
    e8(e, 0x41), e8(e, 0xFF), e8(e, 0x80 | 4 << 3 | (H_DIFF & 7)),
        e32(e, at + 8); /* jmp [r9+at+8] */
    patch_rel32(miss[0], e->p);
    patch_rel32(miss[1], e->p);
    emit_load(e, 4, H_ADDR, WORD(W_RIP));
    emit_mov_imm32(e, H_DIFF, 0);
    patch_rel32(emit_jmp(e), j->code.write + (j->leave_memory - j->code.exec));
    j->code.hot = (size_t)(e->p - j->code.write + 15) & ~(size_t)15;
    return start;
}

bool x64_make_stubs(struct jit *j)
{
    struct emit e = {j->code.write + j->code.hot};

    j->bmi2 = __builtin_cpu_supports("bmi2");
    make_nowhere(j, &e);
    make_enter(j, &e);
    make_leave(j, &e);
    make_helper(j, &e);
    aim_nowhere(j, &e);
    make_fault(j, &e);
    j->reach_read = make_lean(j, &e, (const void *)(uintptr_t)jit_reach_read, 0);
    j->reach_write = make_lean(j, &e, (const void *)(uintptr_t)jit_reach_write, 0);
    j->hold = make_lean(j, &e, (const void *)(uintptr_t)jit_hold, 0);
    for (unsigned i = 0; i < 3; i++)
        j->store[i] = make_lean(j, &e, (const void *)(uintptr_t)jit_store, 1u << i);
    j->in = make_instruction(j, &e, (const void *)(uintptr_t)jit_in);
    j->out = make_instruction(j, &e, (const void *)(uintptr_t)jit_out);
    j->load_segment = make_instruction(j, &e, (const void *)(uintptr_t)jit_load_segment);
    j->load_control = make_instruction(j, &e, (const void *)(uintptr_t)jit_load_control);
    j->far_jump = make_instruction(j, &e, (const void *)(uintptr_t)jit_far_jump);
    j->rdtsc = make_instruction(j, &e, (const void *)(uintptr_t)jit_rdtsc);
    j->code.hot = (size_t)(e.p - j->code.write + 63) & ~(size_t)63;
    return true;
}
