/*
 * The encoder of host code (jit/x64/emit.h) against capstone: what it emits for every register,
 * size and kind of operand is read back.
 */
#include "base/types.h"

#include <criterion/criterion.h>

#if defined(HAVE_JIT) && defined(HAVE_CAPSTONE)

#include "jit/x64/emit.h"

#include <capstone/capstone.h>
#include <stdio.h>

enum { REGS = 16, AROUND = 4096, SIZES = 3 };

static const unsigned sizes[SIZES] = {2, 4, 8};
static const s32 displacements[] = {0, 1, -1, 127, -128, 128, -129, 0x12345678, -0x12345678};

static const x86_reg names[4][REGS] = {
    {X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL, X86_REG_SIL,
     X86_REG_DIL, X86_REG_R8B, X86_REG_R9B, X86_REG_R10B, X86_REG_R11B, X86_REG_R12B, X86_REG_R13B,
     X86_REG_R14B, X86_REG_R15B},
    {X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP, X86_REG_SI, X86_REG_DI,
     X86_REG_R8W, X86_REG_R9W, X86_REG_R10W, X86_REG_R11W, X86_REG_R12W, X86_REG_R13W, X86_REG_R14W,
     X86_REG_R15W},
    {X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP, X86_REG_EBP, X86_REG_ESI,
     X86_REG_EDI, X86_REG_R8D, X86_REG_R9D, X86_REG_R10D, X86_REG_R11D, X86_REG_R12D, X86_REG_R13D,
     X86_REG_R14D, X86_REG_R15D},
    {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP, X86_REG_RSI,
     X86_REG_RDI, X86_REG_R8, X86_REG_R9, X86_REG_R10, X86_REG_R11, X86_REG_R12, X86_REG_R13,
     X86_REG_R14, X86_REG_R15},
};

/* Registers of a byte without a REX prefix. */
static const x86_reg high_names[8] = {X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL,
                                      X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH};

static const x86_insn alu_ids[8] = {X86_INS_ADD, X86_INS_OR,  X86_INS_ADC, X86_INS_SBB,
                                    X86_INS_AND, X86_INS_SUB, X86_INS_XOR, X86_INS_CMP};

static csh handle;
static cs_insn *insn;
static u8 room[2 * AROUND], *const buffer = room + AROUND;
static struct emit emit, *const e = &emit;

static void setup(void)
{
    cr_assert_eq(cs_open(CS_ARCH_X86, CS_MODE_64, &handle), CS_ERR_OK);
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    insn = cs_malloc(handle);
    emit.p = buffer;
}

static void teardown(void)
{
    cs_free(insn, 1);
    cs_close(&handle);
}

TestSuite(emit, .init = setup, .fini = teardown);

static x86_reg name_of(unsigned size, unsigned reg)
{
    return names[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3][reg];
}

/* What was emitted is one instruction, this one; the buffer is empty afterwards. */
static const cs_x86 *read_back(x86_insn id, unsigned operands)
{
    size_t len = (size_t)(e->p - buffer), left = len;
    const u8 *at = buffer;
    u64 address = 0;

    emit.p = buffer;
    if (!cs_disasm_iter(handle, &at, &left, &address, insn) || left)
        cr_assert_fail("not one instruction: %zu of %zu bytes are left", left, len);
    if (insn->id != id || insn->detail->x86.op_count != operands)
        cr_assert_fail("read back as %s %s", insn->mnemonic, insn->op_str);
    return &insn->detail->x86;
}

static void is_reg(const cs_x86 *x, unsigned n, x86_reg reg)
{
    if (x->operands[n].type != X86_OP_REG || x->operands[n].reg != reg)
        cr_assert_fail("operand %u of %s %s is not %s", n, insn->mnemonic, insn->op_str,
                       cs_reg_name(handle, reg));
}

static void is_imm(const cs_x86 *x, unsigned n, s64 value, unsigned size)
{
    u64 mask = size == 8 ? ~0ull : (1ull << size * 8) - 1;

    if (x->operands[n].type != X86_OP_IMM || (((u64)x->operands[n].imm ^ (u64)value) & mask))
        cr_assert_fail("operand %u of %s %s is not %llx", n, insn->mnemonic, insn->op_str,
                       (unsigned long long)value);
}

static void is_mem(const cs_x86 *x, unsigned n, x86_reg base, x86_reg index, unsigned scale,
                   s64 disp)
{
    const cs_x86_op *op = &x->operands[n];

    if (op->type != X86_OP_MEM || op->mem.base != base ||
        (op->mem.index != index && !(index == X86_REG_INVALID && op->mem.index == X86_REG_RIZ)) ||
        (index != X86_REG_INVALID && op->mem.scale != (int)scale) || op->mem.disp != disp ||
        op->mem.segment != X86_REG_INVALID)
        cr_assert_fail("operand %u of %s %s is another address", n, insn->mnemonic, insn->op_str);
}

/* A second operand of each kind in memory. */
static const struct {
    struct rm rm;
    x86_reg base, index;
    s32 disp;
} memory[] = {
    {{.kind = RM_MEM}, X86_REG_R9, X86_REG_R8, 0},
    {{.kind = RM_MEM, .disp = 4}, X86_REG_R9, X86_REG_R8, 4},
    {{.kind = RM_MEM, .disp = 60}, X86_REG_R9, X86_REG_R8, 60},
    {{.kind = RM_DIFF}, X86_REG_R9, X86_REG_INVALID, 0},
    {{.kind = RM_CPU}, X86_REG_R14, X86_REG_INVALID, 0},
    {{.kind = RM_CPU, .disp = 8}, X86_REG_R14, X86_REG_INVALID, 8},
    {{.kind = RM_CPU, .disp = 0x1234}, X86_REG_R14, X86_REG_INVALID, 0x1234},
    {{.kind = RM_CPU, .disp = -4}, X86_REG_R14, X86_REG_INVALID, -4},
};

static void is_memory(const cs_x86 *x, unsigned n, unsigned kind, unsigned size)
{
    is_mem(x, n, memory[kind].base, memory[kind].index, 1, memory[kind].disp);
    cr_assert_eq(x->operands[n].size, size);
}

/* [base + index << scale + disp] as it is written with registers of 32 bits; either may be NO_REG.
 */
static void window_operand(unsigned base, unsigned index, unsigned scale, s32 disp)
{
    struct rm rm = {.kind = RM_WINDOW, .disp = disp};
    const cs_x86_op *op;
    const cs_x86 *x;

    rm.base = (u8)base;
    rm.index = (u8)index;
    rm.scale = (u8)scale;
    emit_load(e, 4, H_RDX, rm);
    x = read_back(X86_INS_MOV, 2);
    op = &x->operands[1];
    is_reg(x, 0, X86_REG_EDX);
    cr_assert_eq(op->type, X86_OP_MEM);
    cr_assert_eq(op->mem.segment, X86_REG_GS);
    cr_assert_eq(op->mem.disp, disp);
    if (base == NO_REG)
        cr_assert(op->mem.base == X86_REG_INVALID || op->mem.base == X86_REG_EIZ);
    else
        cr_assert_eq(op->mem.base, names[2][base]);
    if (index == NO_REG)
        cr_assert(op->mem.index == X86_REG_INVALID || op->mem.index == X86_REG_EIZ);
    else
        cr_assert(op->mem.index == names[2][index] && op->mem.scale == 1 << scale);
}

Test(emit, operands_in_a_window)
{
    static const s32 disps[] = {0, 1, -1, 127, 128, -128, -129, 0x12345678, INT32_MIN};

    for (unsigned d = 0; d < ARRAY_LEN(disps); d++) {
        window_operand(NO_REG, NO_REG, 0, disps[d]);
        for (unsigned base = 0; base < REGS; base++) {
            window_operand(base, NO_REG, 0, disps[d]);
            for (unsigned index = 0; index < REGS; index++)
                for (unsigned scale = 0; scale < 4 && index != H_RSP; scale++)
                    window_operand(base, index, scale, disps[d]);
        }
        for (unsigned index = 0; index < REGS; index++)
            for (unsigned scale = 0; scale < 4 && index != H_RSP; scale++)
                window_operand(NO_REG, index, scale, disps[d]);
    }
}

Test(emit, moves_between_all_registers_of_all_sizes)
{
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned to = 0; to < REGS; to++)
            for (unsigned from = 0; from < REGS; from++) {
                const cs_x86 *x;

                emit_mov(e, sizes[s], to, from);
                x = read_back(X86_INS_MOV, 2);
                is_reg(x, 0, name_of(sizes[s], to));
                is_reg(x, 1, name_of(sizes[s], from));
            }
}

Test(emit, bytes_without_rex_are_the_old_eight)
{
    for (unsigned to = 0; to < 8; to++)
        for (unsigned from = 0; from < 8; from++) {
            const cs_x86 *x;

            emit_load(e, 1, to, RM_R(from));
            x = read_back(X86_INS_MOV, 2);
            is_reg(x, 0, high_names[to]);
            is_reg(x, 1, high_names[from]);
        }
}

Test(emit, loads_and_stores_of_all_registers_and_kinds_of_memory)
{
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned reg = 0; reg < REGS; reg++)
            for (unsigned kind = 0; kind < ARRAY_LEN(memory); kind++) {
                const cs_x86 *x;

                emit_load(e, sizes[s], reg, memory[kind].rm);
                x = read_back(X86_INS_MOV, 2);
                is_reg(x, 0, name_of(sizes[s], reg));
                is_memory(x, 1, kind, sizes[s]);
                emit_store(e, sizes[s], memory[kind].rm, reg);
                x = read_back(X86_INS_MOV, 2);
                is_memory(x, 0, kind, sizes[s]);
                is_reg(x, 1, name_of(sizes[s], reg));
            }
}

/* Memory operands need a REX prefix, with which 4 to 7 are SPL to DIL. */
Test(emit, bytes_in_memory)
{
    for (unsigned reg = 0; reg < REGS; reg++)
        for (unsigned kind = 0; kind < ARRAY_LEN(memory); kind++) {
            const cs_x86 *x;

            emit_store(e, 1, memory[kind].rm, reg);
            x = read_back(X86_INS_MOV, 2);
            is_memory(x, 0, kind, 1);
            is_reg(x, 1, name_of(1, reg));
        }
}

Test(emit, arithmetic_of_all_registers)
{
    for (unsigned op = A_ADD; op <= A_CMP; op++)
        for (unsigned s = 0; s < SIZES; s++)
            for (unsigned to = 0; to < REGS; to++)
                for (unsigned from = 0; from < REGS; from++) {
                    const cs_x86 *x;

                    emit_alu(e, op, sizes[s], to, RM_R(from));
                    x = read_back(alu_ids[op], 2);
                    is_reg(x, 0, name_of(sizes[s], to));
                    is_reg(x, 1, name_of(sizes[s], from));
                }
}

Test(emit, arithmetic_with_memory)
{
    for (unsigned op = A_ADD; op <= A_CMP; op++)
        for (unsigned s = 0; s < SIZES; s++)
            for (unsigned kind = 0; kind < ARRAY_LEN(memory); kind++) {
                const cs_x86 *x;

                emit_alu(e, op, sizes[s], H_ESP, memory[kind].rm);
                x = read_back(alu_ids[op], 2);
                is_reg(x, 0, name_of(sizes[s], H_ESP));
                is_memory(x, 1, kind, sizes[s]);
            }
}

Test(emit, arithmetic_with_immediates_of_each_length)
{
    static const u32 values[] = {0,          1,          127,        128,       0xFF,
                                 0x7FFF,     0x8000,     0xFF80,     0xFFFF,    0x7FFFFFFF,
                                 0x80000000, 0xFFFFFF7F, 0xFFFFFF80, 0xFFFFFFFF};
    static const unsigned all[] = {1, 2, 4, 8};

    for (unsigned op = A_ADD; op <= A_CMP; op++)
        for (unsigned s = 0; s < ARRAY_LEN(all); s++)
            for (unsigned v = 0; v < ARRAY_LEN(values); v++)
                for (unsigned reg = 0; reg < REGS; reg++) {
                    const cs_x86 *x;

                    emit_alu_imm(e, op, all[s], RM_R(reg), values[v]);
                    x = read_back(alu_ids[op], 2);
                    is_reg(x, 0, all[s] == 1 && reg < 8 ? high_names[reg] : name_of(all[s], reg));
                    is_imm(x, 1, (s32)values[v], all[s]);
                    emit_alu_imm(e, op, all[s], RM_HOST, values[v]);
                    x = read_back(alu_ids[op], 2);
                    is_memory(x, 0, 0, all[s]);
                    is_imm(x, 1, (s32)values[v], all[s]);
                }
}

Test(emit, constants)
{
    static const u64 values[] = {
        0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x100000000, 0x123456789ABCDEF0, UINT64_MAX};

    for (unsigned reg = 0; reg < REGS; reg++)
        for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
            bool wide = values[v] != (u32)values[v];
            const cs_x86 *x;

            emit_mov_imm64(e, reg, values[v]);
            x = read_back(wide ? X86_INS_MOVABS : X86_INS_MOV, 2);
            is_reg(x, 0, name_of(wide ? 8 : 4, reg)); /* a write of 32 bits clears the others */
            is_imm(x, 1, (s64)values[v], wide ? 8 : 4);
        }
}

Test(emit, addresses_from_every_base_and_index)
{
    for (unsigned size = 4; size <= 8; size += 4)
        for (unsigned base = 0; base <= REGS; base++)
            for (unsigned index = 0; index <= REGS; index++)
                for (unsigned scale = 0; scale < 4; scale++)
                    for (unsigned d = 0; d < ARRAY_LEN(displacements); d++) {
                        bool no_base = base == REGS, no_index = index == REGS;
                        unsigned to = (base * 5 + index * 3 + scale + d) % REGS;
                        const cs_x86 *x;

                        if (index == H_RSP || (no_index && scale))
                            continue; /* there is no such address */
                        emit_lea(e, size, to, no_base ? (unsigned)NO_REG : base,
                                 no_index ? (unsigned)NO_REG : index, scale, displacements[d]);
                        x = read_back(X86_INS_LEA, 2);
                        is_reg(x, 0, name_of(size, to));
                        is_mem(x, 1, no_base ? X86_REG_INVALID : name_of(8, base),
                               no_index ? X86_REG_INVALID : name_of(8, index), 1u << scale,
                               displacements[d]);
                    }
}

Test(emit, shifts_by_constants)
{
    static const x86_insn ids[] = {X86_INS_ROL, X86_INS_ROR, X86_INS_RCL, X86_INS_RCR,
                                   X86_INS_SHL, X86_INS_SHR, X86_INS_SAL, X86_INS_SAR};

    for (unsigned op = S_ROL; op <= S_SAR; op++)
        for (unsigned s = 0; s < SIZES; s++)
            for (unsigned reg = 0; reg < REGS; reg++) {
                const cs_x86 *x;

                emit_shift_imm(e, op, sizes[s], reg, 12);
                x = read_back(ids[op], 2);
                is_reg(x, 0, name_of(sizes[s], reg));
                is_imm(x, 1, 12, 1);
            }
}

Test(emit, zero_extension_from_words_and_memory)
{
    for (unsigned to = 0; to < REGS; to++) {
        const cs_x86 *x;

        for (unsigned from = 0; from < REGS; from++) {
            emit_movzx(e, 2, to, RM_R(from));
            x = read_back(X86_INS_MOVZX, 2);
            is_reg(x, 0, name_of(4, to));
            is_reg(x, 1, name_of(2, from));
        }
        for (unsigned kind = 0; kind < ARRAY_LEN(memory); kind++)
            for (unsigned size = 1; size <= 2; size++) {
                emit_movzx(e, size, to, memory[kind].rm);
                x = read_back(X86_INS_MOVZX, 2);
                is_reg(x, 0, name_of(4, to));
                is_memory(x, 1, kind, size);
            }
    }
}

Test(emit, jumps_go_where_they_were_patched_to)
{
    static const x86_insn ids[16] = {X86_INS_JO, X86_INS_JNO, X86_INS_JB,  X86_INS_JAE,
                                     X86_INS_JE, X86_INS_JNE, X86_INS_JBE, X86_INS_JA,
                                     X86_INS_JS, X86_INS_JNS, X86_INS_JP,  X86_INS_JNP,
                                     X86_INS_JL, X86_INS_JGE, X86_INS_JLE, X86_INS_JG};

    for (unsigned cc = CC_O; cc <= CC_NLE; cc++)
        for (int to = -100; to <= 100; to += 100) {
            patch_rel32(emit_jcc(e, cc), buffer + to);
            is_imm(read_back(ids[cc], 1), 0, to, 8);
        }
    patch_rel32(emit_jmp(e), buffer + 0x800);
    is_imm(read_back(X86_INS_JMP, 1), 0, 0x800, 8);
}

#else

Test(emit, needs_a_translator_and_capstone)
{
    cr_skip_test("one of them is not built in");
}

#endif
