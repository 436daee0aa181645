/*
 * The decoder, the disassembler, models and CPUID. Encodings are from the SDM (Vol. 2, "Instruction
 * Format" and the opcode maps); what the 8086 and the 286 do is from the recordings of real chips
 * in SingleStepTests/8086 and /80286.
 */
#include "cpu/cpu.h"
#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include "cpu/optab.h"

#include <criterion/criterion.h>
#include <string.h>

static struct insn in;

static unsigned decode_as(const char *model, enum code_size code, bool protected, const u8 *bytes,
                          size_t avail)
{
    struct decode_mode mode = {
        .code = code, .protected = protected, .model = cpu_model_find(model)};
    struct cpu_model long_mode = *mode.model;

    if (code == CODE64) {
        long_mode.features |= 1ull << FEAT_LM;
        mode.model = &long_mode;
    }
    memset(&in, 0xA5, sizeof in);
    return insn_decode(bytes, avail, &mode, &in);
}

#define BYTES(...)     (const u8[40]){__VA_ARGS__}, 40
#define D16(...)       decode_as("pentium2", CODE16, true, BYTES(__VA_ARGS__))
#define D32(...)       decode_as("pentium2", CODE32, true, BYTES(__VA_ARGS__))
#define D64(...)       decode_as("pentium2", CODE64, true, BYTES(__VA_ARGS__))
#define ON(model, ...) decode_as(model, CODE16, false, BYTES(__VA_ARGS__))

static bool valid(void)
{
    return in.row != ROW_INVALID && in.row != ROW_TOOLONG;
}

static const char *text(enum code_size code)
{
    static char out[80];

    insn_format(&in, 0x1000, code, out, sizeof out);
    return out;
}

/* ---- Addressing ---- */

Test(decode, sixteen_bit_forms_use_the_manuals_registers_and_segments)
{
    static const struct {
        u8 base, index, seg;
    } forms[8] = {{RBX, RSI, SEG_DS},      {RBX, RDI, SEG_DS},      {RBP, RSI, SEG_SS},
                  {RBP, RDI, SEG_SS},      {RSI, REG_NONE, SEG_DS}, {RDI, REG_NONE, SEG_DS},
                  {RBP, REG_NONE, SEG_SS}, {RBX, REG_NONE, SEG_DS}};
    unsigned rm;

    for (rm = 0; rm < 8; rm++) {
        cr_assert_eq(D16(0x8B, (u8)(0x80 | rm), 0x34, 0x92), 4);
        cr_assert_eq(in.base, forms[rm].base);
        cr_assert_eq(in.index, forms[rm].index);
        cr_assert_eq(in.seg, forms[rm].seg);
        cr_assert_eq(in.disp, (s16)0x9234);
        cr_assert_eq(in.asize, 2);
    }
    cr_assert_eq(D16(0x8B, 0x06, 0x34, 0x12), 4); /* mod 0, rm 6: an address alone */
    cr_assert_eq(in.base, REG_NONE);
    cr_assert_eq(in.seg, SEG_DS);
}

Test(decode, sib_names_base_index_and_scale)
{
    cr_assert_eq(D32(0x89, 0x84, 0x8B, 0x78, 0x56, 0x34, 0x12), 7);
    cr_assert_eq(in.base, RBX);
    cr_assert_eq(in.index, RCX);
    cr_assert_eq(in.scale, 2);
    cr_assert_eq(in.disp, 0x12345678);
    cr_assert_eq(in.kind[0], OPND_MEM);
    cr_assert_eq(in.reg[1], RAX);
    D32(0x8B, 0x04, 0x24); /* [esp] */
    cr_assert_eq(in.base, RSP);
    cr_assert_eq(in.index, REG_NONE);
    cr_assert_eq(in.seg, SEG_SS);
    cr_assert_eq(D32(0x8B, 0x04, 0x8D, 1, 2, 3, 4), 7); /* no base, disp32 */
    cr_assert_eq(in.base, REG_NONE);
    cr_assert_eq(in.index, RCX);
    cr_assert_eq(in.seg, SEG_DS);
}

Test(decode, mod_0_rm_5_is_relative_to_rip_in_64_bit_mode_only)
{
    D32(0x8B, 0x05, 0x10, 0, 0, 0);
    cr_assert_eq(in.base, REG_NONE);
    cr_assert_eq(D64(0x8B, 0x05, 0x10, 0, 0, 0), 6);
    cr_assert_eq(in.base, REG_RIP);
    D64(0x8B, 0x04, 0x25, 0x10, 0, 0, 0); /* through SIB: absolute */
    cr_assert_eq(in.base, REG_NONE);
}

Test(decode, rex_extends_registers_and_r12_is_an_index)
{
    D64(0x4F, 0x8B, 0x04, 0xA5, 0, 0, 0, 0); /* mov r8, [r12*4+0]: base 5 is no R13 here */
    cr_assert_eq(in.reg[0], 8);
    cr_assert_eq(in.index, 12);
    cr_assert_eq(in.base, REG_NONE);
    cr_assert_eq(in.opsize, 8);
    D64(0x43, 0x8B, 0x45, 0x00);
    cr_assert_eq(in.base, 13);
    cr_assert_eq(in.seg, SEG_DS); /* only rBP and rSP mean the stack */
}

Test(decode, moffs_has_the_size_of_an_address)
{
    cr_assert_eq(D16(0xA1, 0x34, 0x12), 3);
    cr_assert_eq((u16)in.disp, 0x1234);
    cr_assert_eq(D16(0x67, 0xA1, 0x78, 0x56, 0x34, 0x12), 6);
    cr_assert_eq(D32(0xA0, 0x78, 0x56, 0x34, 0x12), 5);
    cr_assert_eq(in.kind[1], OPND_MEM);
    cr_assert_eq(in.size[1], 1);
    cr_assert_eq(D64(0xA3, 1, 2, 3, 4, 5, 6, 7, 8), 9);
    cr_assert_eq(in.imm, 0x0807060504030201);
}

/* ---- Prefixes ---- */

Test(decode, the_last_segment_prefix_wins)
{
    D32(0x64, 0x26, 0x8B, 0x00);
    cr_assert_eq(in.seg, SEG_ES);
    D64(0x64, 0x26, 0x8B, 0x00); /* 64-bit mode ignores ES */
    cr_assert_eq(in.seg, SEG_FS);
    D32(0x2E, 0x8B, 0x45, 0x00); /* also against a default of SS */
    cr_assert_eq(in.seg, SEG_CS);
}

Test(decode, the_last_of_f2_and_f3_wins)
{
    D32(0xF3, 0xF2, 0xA6);
    cr_assert_eq(in.flags & (INSN_REP | INSN_REPNE), INSN_REPNE);
    D32(0xF2, 0xF3, 0xA6);
    cr_assert_eq(in.flags & (INSN_REP | INSN_REPNE), INSN_REP);
}

Test(decode, rex_counts_only_right_before_the_opcode)
{
    D64(0x48, 0x66, 0x89, 0xC0);
    cr_assert_eq(in.opsize, 2);
    cr_assert_not(in.flags & INSN_REX);
    D64(0x66, 0x48, 0x89, 0xC0);
    cr_assert_eq(in.opsize, 8);
    D64(0x48, 0x44, 0x89, 0xC0); /* the second of two */
    cr_assert_eq(in.opsize, 4);
    cr_assert_eq(in.reg[1], 8);
}

Test(decode, byte_registers_4_to_7_are_high_bytes_without_rex)
{
    D32(0x88, 0xE7); /* mov bh, ah */
    cr_assert_eq(in.reg[0], 16 + RBX);
    cr_assert_eq(in.reg[1], 16 + RAX);
    D32(0xB5, 1);
    cr_assert_eq(in.reg[0], 16 + RCX);
    D64(0x40, 0x88, 0xE7); /* mov dil, spl */
    cr_assert_eq(in.reg[0], RDI);
    cr_assert_eq(in.reg[1], RSP);
}

Test(decode, lock_needs_memory_and_a_read_modify_write)
{
    D32(0xF0, 0x01, 0x00);
    cr_assert(valid() && in.flags & INSN_LOCK);
    D32(0xF0, 0x01, 0xC0); /* a register */
    cr_assert_not(valid());
    D32(0xF0, 0x39, 0x00); /* CMP writes nothing */
    cr_assert_not(valid());
    D32(0xF0, 0x03, 0x00); /* memory is the source */
    cr_assert_not(valid());
    D32(0xF0, 0x90);
    cr_assert_not(valid());
    D32(0xF0, 0x0F, 0xC7, 0x08);
    cr_assert(valid());
    ON("286", 0xF0, 0x50); /* recorded from a 286: LOCK PUSH AX runs */
    cr_assert(valid());
}

Test(decode, operand_and_address_size_prefixes_toggle)
{
    D16(0x89, 0xC0);
    cr_assert_eq(in.opsize, 2);
    D16(0x66, 0x66, 0x89, 0xC0); /* twice is once */
    cr_assert_eq(in.opsize, 4);
    D32(0x66, 0x67, 0x8B, 0x00); /* mov ax, [bx+si] */
    cr_assert_eq(in.opsize, 2);
    cr_assert_eq(in.base, RBX);
    D64(0x67, 0x8B, 0x00);
    cr_assert_eq(in.asize, 4);
}

/* ---- Length ---- */

Test(decode, fifteen_bytes_are_an_instruction_and_sixteen_are_too_long)
{
    u8 bytes[40];

    memset(bytes, 0x26, sizeof bytes);
    bytes[14] = 0x90;
    cr_assert_eq(decode_as("pentium2", CODE32, true, bytes, 40), 15);
    cr_assert(valid());
    bytes[14] = 0x26;
    bytes[15] = 0x90;
    cr_assert_eq(decode_as("pentium2", CODE32, true, bytes, 40), 15);
    cr_assert_eq(in.row, ROW_TOOLONG);
    bytes[13] = 0x81; /* ADD with ModRM and an immediate that end past byte 15 */
    cr_assert_eq(decode_as("pentium2", CODE32, true, bytes, 40), 15);
    cr_assert_eq(in.row, ROW_TOOLONG);
    cr_assert_eq(decode_as("pentium2", CODE32, true, bytes, 15), 15);
    cr_assert_eq(in.row, ROW_TOOLONG);
    cr_assert_eq(decode_as("pentium2", CODE32, true, bytes, 14), 0);
}

Test(decode, the_286_takes_ten_bytes)
{
    ON("286", 0x26, 0x26, 0x26, 0x26, 0x81, 0x06, 1, 2, 3, 4);
    cr_assert(valid());
    cr_assert_eq(ON("286", 0x26, 0x26, 0x26, 0x26, 0x26, 0x81, 0x06, 1, 2, 3, 4), 10);
    cr_assert_eq(in.row, ROW_TOOLONG);
}

Test(decode, every_cut_instruction_asks_for_more)
{
    static const u8 samples[][12] = {
        {0x66, 0x81, 0x84, 0x8B, 1, 2, 3, 4, 5, 6},
        {0x0F, 0xBA, 0x24, 0x24, 7},
        {0x9A, 1, 2, 3, 4, 5, 6},
        {0xC8, 1, 2, 3},
        {0xF3, 0xA4},
        {0xD9, 0x7D, 0xFE},
        {0xF0, 0x0F, 0xC7, 0x0D, 1, 2, 3, 4},
        {0x0F, 0x80, 1, 2, 3, 4},
    };
    unsigned i, cut, len;

    for (i = 0; i < ARRAY_LEN(samples); i++) {
        len = decode_as("pentium2", CODE32, true, samples[i], sizeof samples[i]);
        cr_assert(valid());
        for (cut = 0; cut < len; cut++)
            cr_assert_eq(decode_as("pentium2", CODE32, true, samples[i], cut), 0);
        cr_assert_eq(decode_as("pentium2", CODE32, true, samples[i], len), len);
    }
}

/* ---- Operands ---- */

Test(decode, immediates_are_extended_as_the_encoding_says)
{
    D32(0x83, 0xC0, 0xFF); /* sign-extended byte */
    cr_assert_eq(in.imm, ~0ull);
    D32(0x80, 0xC0, 0xFF); /* plain byte */
    cr_assert_eq(in.imm, 0xFF);
    D32(0xCD, 0x80);
    cr_assert_eq(in.imm, 0x80);
    D16(0x05, 0x00, 0x80);
    cr_assert_eq(in.imm, (u64)-0x8000);
    D64(0x48, 0x05, 0, 0, 0, 0x80);
    cr_assert_eq(in.imm, (u64)-0x80000000ll);
    cr_assert_eq(D64(0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8), 10);
    cr_assert_eq(in.imm, 0x0807060504030201);
    D16(0xC2, 0xFE, 0xFF);
    cr_assert_eq(in.imm, 0xFFFE);
    D32(0xEB, 0xFE);
    cr_assert_eq(in.kind[0], OPND_REL);
    cr_assert_eq(in.imm, (u64)-2);
    D32(0xD1, 0xE0); /* shift by one */
    cr_assert_eq(in.kind[1], OPND_IMM);
    cr_assert_eq(in.imm, 1);
}

Test(decode, enter_and_far_pointers_have_two_constants)
{
    D32(0xC8, 0x34, 0x12, 0x05);
    cr_assert_eq(in.imm, 0x1234);
    cr_assert_eq(in.kind[1], OPND_IMM2);
    cr_assert_eq(in.imm2, 5);
    D32(0x9A, 1, 2, 3, 4, 0x34, 0x12);
    cr_assert_eq(in.kind[0], OPND_FAR);
    cr_assert_eq(in.imm, 0x04030201);
    cr_assert_eq(in.imm2, 0x1234);
    D32(0x66, 0xEA, 1, 2, 0x34, 0x12);
    cr_assert_eq(in.imm, 0x0201);
    D32(0xFF, 0x28); /* jmp far [eax]: offset and selector */
    cr_assert_eq(in.size[0], 6);
}

Test(decode, string_instructions_carry_the_size_of_an_element)
{
    D32(0xA4);
    cr_assert_eq(in.opsize, 1);
    D32(0x66, 0xA5);
    cr_assert_eq(in.opsize, 2);
    D32(0x6E);
    cr_assert_eq(in.opsize, 1);
    D32(0x6F);
    cr_assert_eq(in.opsize, 4);
    D64(0x48, 0xAB);
    cr_assert_eq(in.opsize, 8);
    D64(0x48, 0x6D); /* I/O ends at four bytes */
    cr_assert_eq(in.opsize, 4);
    D32(0x65, 0xAC);
    cr_assert_eq(in.seg, SEG_GS);
}

Test(decode, operand_size_in_64_bit_mode_follows_the_stack_and_branches)
{
    D64(0x50);
    cr_assert_eq(in.opsize, 8);
    D64(0x66, 0x50);
    cr_assert_eq(in.opsize, 2);
    cr_assert_eq(D64(0x66, 0xE8, 1, 2, 3, 4), 6); /* 66 does not shorten a near branch */
    cr_assert_eq(in.opsize, 8);
    D64(0x0F, 0x20, 0xC0);
    cr_assert_eq(in.size[0], 8);
    D32(0x66, 0x0F, 0x20, 0xC0); /* moves to special registers have one size */
    cr_assert_eq(in.size[0], 4);
}

Test(decode, read_modify_write_is_flagged_for_memory)
{
    D32(0x01, 0x00);
    cr_assert(in.flags & INSN_RMW);
    D32(0x01, 0xC0);
    cr_assert_not(in.flags & INSN_RMW);
    D32(0x39, 0x00); /* CMP */
    cr_assert_not(in.flags & INSN_RMW);
    D32(0x89, 0x00); /* MOV */
    cr_assert_not(in.flags & INSN_RMW);
}

Test(decode, runs_end_where_control_mode_or_interrupts_may_change)
{
    static const u8 ends[][4] = {{0xEB},
                                 {0x74},
                                 {0xE8},
                                 {0xC3},
                                 {0xCD, 0x21},
                                 {0xF4},
                                 {0xFB},
                                 {0x9D},
                                 {0x17},
                                 {0x8E, 0xD0},
                                 {0x0F, 0x22, 0xC0},
                                 {0xEC},
                                 {0x6C},
                                 {0x0F, 0xB2, 0x00},
                                 {0x0F, 0x30},
                                 {0xFF, 0xE0},
                                 {0x0F, 0x0B},
                                 {0x0F, 0xFF}};
    static const u8 goes_on[][4] = {{0x90}, {0x01, 0xC0}, {0x8E, 0xD8}, {0x50},
                                    {0xA4}, {0x1F},       {0xD9, 0xE8}, {0x0F, 0xA2}};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(ends); i++) {
        decode_as("pentium2", CODE32, true, BYTES(ends[i][0], ends[i][1], ends[i][2]));
        cr_assert(in.flags & INSN_ENDS, "%02X", ends[i][0]);
    }
    for (i = 0; i < ARRAY_LEN(goes_on); i++) {
        decode_as("pentium2", CODE32, true, BYTES(goes_on[i][0], goes_on[i][1]));
        cr_assert_not(in.flags & INSN_ENDS, "%02X", goes_on[i][0]);
    }
}

Test(decode, x87_rows_are_chosen_by_the_whole_modrm_byte)
{
    D32(0xD9, 0xE8);
    cr_assert_str_eq(text(CODE32), "fld1");
    D32(0xDE, 0xD9);
    cr_assert_str_eq(text(CODE32), "fcompp");
    D32(0xDE, 0xD8); /* its neighbours do not exist */
    cr_assert_not(valid());
    D32(0xD9, 0xEF);
    cr_assert_not(valid());
    D32(0xDC, 0xE1); /* the D8 and DC forms swap SUB and SUBR */
    cr_assert_str_eq(text(CODE32), "fsubr st(1), st");
    D32(0xD8, 0xE1);
    cr_assert_str_eq(text(CODE32), "fsub st, st(1)");
    D32(0xDB, 0x28);
    cr_assert_eq(in.size[0], 10);
    D32(0xDF, 0x28);
    cr_assert_eq(in.size[0], 8);
    D32(0xDE, 0x00);
    cr_assert_eq(in.size[0], 2);
    D32(0xDF, 0xE0);
    cr_assert_str_eq(text(CODE32), "fnstsw ax");
}

/* ---- What does not exist ---- */

Test(decode, holes_in_the_maps_are_invalid)
{
    static const u8 holes[][3] = {{0xFF, 0xF8},       {0xFE, 0xD0},       {0x8F, 0xC8},
                                  {0xC6, 0xC8},       {0xC4, 0xC0},       {0x8D, 0xC0},
                                  {0x62, 0xC0},       {0xFF, 0xD8},       {0x0F, 0x04},
                                  {0x0F, 0xA6},       {0x0F, 0x00, 0xF0}, {0x0F, 0x01, 0xE8},
                                  {0x0F, 0x71, 0xC0}, {0x0F, 0x71, 0x10}, {0x0F, 0xBA, 0xC0},
                                  {0x0F, 0xC7, 0xC8}, {0x0F, 0x10, 0xC0}};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(holes); i++) {
        cr_assert_gt(
            decode_as("pentium3", CODE32, true, BYTES(holes[i][0], holes[i][1], holes[i][2])), 0);
        cr_assert_eq(in.row, ROW_INVALID, "%02X %02X %02X", holes[i][0], holes[i][1], holes[i][2]);
        cr_assert(in.flags & INSN_ENDS);
    }
}

Test(decode, special_registers_must_exist)
{
    D32(0x8E, 0xC8); /* MOV CS */
    cr_assert_not(valid());
    D32(0x8C, 0xC8); /* reading it is fine */
    cr_assert(valid());
    D32(0x0E); /* and so is PUSH CS */
    cr_assert(valid());
    D32(0x8C, 0xF0);
    cr_assert_not(valid());
    ON("286", 0x8C, 0xE0); /* FS */
    cr_assert_not(valid());
    D32(0x0F, 0x20, 0xC8); /* CR1 */
    cr_assert_not(valid());
    D32(0x0F, 0x20, 0xE0); /* CR4 */
    cr_assert(valid());
    ON("386", 0x0F, 0x20, 0xE0);
    cr_assert_not(valid());
    ON("386", 0x0F, 0x26, 0xF0); /* TR6 */
    cr_assert(valid());
    ON("386", 0x0F, 0x26, 0xD8); /* TR3 came with the 486 */
    cr_assert_not(valid());
    ON("pentium", 0x0F, 0x26, 0xF0);
    cr_assert_not(valid());
}

Test(decode, some_forms_need_protected_mode)
{
    ON("386", 0x63, 0xC0); /* ARPL */
    cr_assert_not(valid());
    D32(0x63, 0xC0);
    cr_assert(valid());
    ON("386", 0x0F, 0x00, 0xC0); /* SLDT */
    cr_assert_not(valid());
    ON("386", 0x0F, 0x01, 0xE0); /* SMSW is allowed anywhere */
    cr_assert(valid());
}

Test(decode, sixty_four_bit_mode_drops_old_forms)
{
    static const u8 gone[] = {0x06, 0x0E, 0x27, 0x37, 0x60, 0x62, 0x82,
                              0x9A, 0xC4, 0xCE, 0xD4, 0xD6, 0xEA};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(gone); i++) {
        D64(gone[i]);
        cr_assert_eq(in.row, ROW_INVALID, "%02X", gone[i]);
    }
    D64(0x48, 0x63, 0xC1);
    cr_assert_str_eq(text(CODE64), "movsxd rax, ecx");
    D64(0x41, 0x90);
    cr_assert_str_eq(text(CODE64), "xchg r8d, eax");
    D64(0x90);
    cr_assert_str_eq(text(CODE64), "nop");
}

/* ---- Models ---- */

Test(models, have_what_their_chips_have)
{
    static const struct {
        const char *without, *with;
        u8 bytes[3];
    } news[] = {
        {"8086", "286", {0x0F, 0x01, 0x10}},
        {"286", "386", {0x0F, 0xB6, 0xC0}},
        {"386", "486", {0x0F, 0xC8}},
        {"386", "486", {0x0F, 0xA2}},
        {"486", "pentium", {0x0F, 0x31}},
        {"486", "pentium", {0x0F, 0xC7, 0x08}},
        {"pentium", "pentium-mmx", {0x0F, 0x77}},
        {"pentium", "pentium-mmx", {0x0F, 0x33}},
        {"pentium-mmx", "pentium2", {0x0F, 0x44, 0xC0}},
        {"pentium-mmx", "pentium2", {0x0F, 0x34}},
        {"pentium-mmx", "pentium2", {0xDB, 0xF1}},
        {"pentium-mmx", "pentium2", {0x0F, 0x1F, 0x00}},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(news); i++) {
        const u8 *b = news[i].bytes;

        decode_as(news[i].with, CODE16, false, BYTES(b[0], b[1], b[2]));
        cr_assert(valid(), "%s %02X %02X", news[i].with, b[0], b[1]);
        decode_as(news[i].without, CODE16, false, BYTES(b[0], b[1], b[2]));
        cr_assert(!valid() || !strcmp(news[i].without, "8086"), "%s", news[i].without);
    }
}

Test(models, the_286_has_no_size_prefixes)
{
    cr_assert_eq(ON("286", 0x66, 0x89, 0xC0), 1);
    cr_assert_not(valid());
    ON("286", 0x64, 0x89, 0xC0);
    cr_assert_not(valid());
    ON("286", 0xF1);
    cr_assert_not(valid());
}

Test(models, the_8086_decodes_fewer_bits)
{
    ON("8086", 0x0F);
    cr_assert_str_eq(text(CODE16), "pop cs");
    ON("8086", 0x65, 0x10);
    cr_assert_str_eq(text(CODE16), "jne 0x1012");
    ON("8086", 0xC0, 0x34, 0x12);
    cr_assert_str_eq(text(CODE16), "ret 0x1234");
    ON("8086", 0xC9);
    cr_assert_str_eq(text(CODE16), "retf");
    ON("8086", 0xD3, 0xF0);
    cr_assert_str_eq(text(CODE16), "setmoc ax, cl");
    ON("8086", 0xF1, 0x40); /* F1 is LOCK */
    cr_assert(valid() && in.flags & INSN_LOCK);
    ON("8086", 0x8E, 0xE8); /* two bits of segment register: CS */
    cr_assert_eq(in.reg[0], SEG_CS);
    cr_assert(valid());
    ON("286", 0xD3, 0xF0);
    cr_assert_str_eq(text(CODE16), "shl ax, cl");
}

Test(models, are_found_by_name_and_pentium2_is_the_default)
{
    cr_assert_null(cpu_model_find("z80"));
    cr_assert_str_eq(cpu_model_find(NULL)->name, "pentium2");
    cr_assert_str_eq(cpu_model_find("486")->name, "486");
}

Test(models, control_registers_follow_the_features)
{
    cr_assert_eq(cpu_model_find("386")->cr4_mask, 0);
    cr_assert_eq(cpu_model_find("pentium")->cr4_mask,
                 CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE);
    cr_assert_eq(cpu_model_find("pentium2")->cr4_mask,
                 CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE);
    /* The customary tests for a 286, a 386 and a 486: which flags can be toggled. */
    cr_assert_not(cpu_model_find("8086")->eflags_mask & (EF_NT | EF_IOPL));
    cr_assert_eq(cpu_model_find("8086")->eflags_ones & 0xF000, 0xF000);
    cr_assert_not(cpu_model_find("386")->eflags_mask & EF_AC);
    cr_assert(cpu_model_find("486")->eflags_mask & EF_ID);
    cr_assert_not(cpu_model_find("486")->eflags_mask & EF_VIF);
}

Test(cpuid, a_pentium_ii_says_who_it_is)
{
    const struct cpu_model *m = cpu_model_find("pentium2");
    struct cpuid_regs r = cpuid_leaf(m, true, 0);

    cr_assert_eq(r.eax, 2);
    cr_assert_eq(r.ebx, 0x756E6547); /* "Genu" */
    cr_assert_eq(r.edx, 0x49656E69); /* "ineI" */
    cr_assert_eq(r.ecx, 0x6C65746E); /* "ntel" */
    r = cpuid_leaf(m, true, 1);
    cr_assert_eq(r.eax, 0x652);
    /* FPU VME DE PSE TSC MSR CX8 APIC SEP PGE CMOV MMX, and nothing that is not implemented. */
    cr_assert_eq(r.edx, 0x0080AB3F);
    cr_assert_eq(cpuid_leaf(m, false, 1).edx, 0x0080A93F);
    r = cpuid_leaf(m, true, 2);
    cr_assert_eq(r.eax, 0x03020101);
    cr_assert_eq(r.edx, 0x0C040843);
    cr_assert_eq(cpuid_leaf(m, true, 0x80000000u).eax, 0x03020101); /* as the last basic leaf */
}

Test(cpuid, the_brand_is_there_where_a_model_has_one)
{
    struct cpu_model m = *cpu_model_find("pentium3");
    struct cpuid_regs r;

    m.brand = "Bygone";
    cr_assert_eq(cpuid_leaf(&m, true, 0x80000000u).eax, 0x80000004u);
    r = cpuid_leaf(&m, true, 0x80000002u);
    cr_assert_eq(r.eax, 0x6F677942); /* "Bygo" */
    cr_assert_eq(r.ebx, 0x0000656E);
    cr_assert_eq(cpuid_leaf(&m, true, 0x80000004u).edx, 0);
}

/* ---- Text ---- */

Test(disasm, writes_intel_syntax)
{
    D32(0x81, 0x64, 0x8D, 0xF0, 0x78, 0x56, 0x34, 0x12);
    cr_assert_str_eq(text(CODE32), "and dword [ebp+ecx*4-0x10], 0x12345678");
    D32(0x83, 0xC4, 0xF0);
    cr_assert_str_eq(text(CODE32), "add esp, -0x10");
    D32(0x65, 0xA1, 0x18, 0, 0, 0);
    cr_assert_str_eq(text(CODE32), "mov eax, gs:[0x18]");
    D32(0xF3, 0xA5);
    cr_assert_str_eq(text(CODE32), "rep movsd");
    D32(0x67, 0xF2, 0x64, 0xA6);
    cr_assert_str_eq(text(CODE32), "a16 repne fs cmpsb");
    D32(0xF0, 0x0F, 0xB1, 0x0B);
    cr_assert_str_eq(text(CODE32), "lock cmpxchg [ebx], ecx");
    D32(0x0F, 0x8F, 0xFA, 0xFF, 0xFF, 0xFF);
    cr_assert_str_eq(text(CODE32), "jg 0x1000");
    D32(0xD3, 0x20);
    cr_assert_str_eq(text(CODE32), "shl dword [eax], cl");
    D16(0xEA, 0xF0, 0xFF, 0x00, 0xF0);
    cr_assert_str_eq(text(CODE16), "jmp far 0xf000:0xfff0");
    D16(0x0F, 0x22, 0xC0);
    cr_assert_str_eq(text(CODE16), "mov cr0, eax");
    D16(0x98);
    cr_assert_str_eq(text(CODE16), "cbw");
    D64(0x8B, 0x05, 0x10, 0, 0, 0);
    cr_assert_str_eq(text(CODE64), "mov eax, [rip+0x10]");
}

Test(disasm, never_writes_past_its_buffer)
{
    char out[12];

    memset(out, '#', sizeof out);
    D32(0x81, 0x64, 0x8D, 0xF0, 0x78, 0x56, 0x34, 0x12);
    insn_format(&in, 0, CODE32, out, 8);
    cr_assert_str_eq(out, "and dwo");
    cr_assert_eq(out[8], '#');
    insn_format(&in, 0, CODE32, out, 0);
}
