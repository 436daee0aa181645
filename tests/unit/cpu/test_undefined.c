/* Rules for open flags: they say what the host does, and what they say is done. */
#include "cpu/undefined.h"

#include "cpu/model.h"
#include "cpu/op.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct undefined_table table;
static struct cpu *host, *ruled;

static struct cpu *new_cpu(void)
{
    struct cpu *c = calloc(1, sizeof *c); /* only registers and flags are used */

    c->model = cpu_model_find(NULL);
    return c;
}

static void setup(void)
{
    cr_assert(undefined_probe(&table));
    host = new_cpu();
    ruled = new_cpu();
    ruled->undefined = &table;
}

static void teardown(void)
{
    free(host);
    free(ruled);
}

TestSuite(undefined, .init = setup, .fini = teardown, .timeout = 60);

static op_handler *const handlers[UNDEFINED_KINDS] = {
    op_ROL,  op_ROR, op_RCL,    op_RCR, op_SHL,  op_SHR, op_SAR, op_SHLD,
    op_SHRD, op_MUL, op_IMUL_1, op_DIV, op_IDIV, op_BSF, op_BSR,
};

static u32 below(unsigned n)
{
    return (u32)rand() % n;
}

static u64 any(void)
{
    u64 v = (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();

    return below(4) ? v : below(2) ? v % 5 : 1ull << v % 64;
}

/* Shifts: RAX by an immediate; MUL and DIV: RAX with RBX; the others: RBX to RAX. */
static struct insn make_insn(enum undefined_kind kind, unsigned size)
{
    struct insn in = {.opsize = (u8)size, .imm = below(32)};

    for (unsigned i = 0; i < 3; i++) {
        in.kind[i] = OPND_GPR;
        in.size[i] = (u8)size;
        in.reg[i] = i ? RBX : RAX;
    }
    if (kind <= UNDEFINED_SHRD)
        in.kind[kind >= UNDEFINED_SHLD ? 2 : 1] = OPND_IMM;
    else if (kind < UNDEFINED_BSF)
        in.reg[0] = RBX;
    return in;
}

/* The same operands for both; of divisions those whose quotient fits. */
static void load_both(enum undefined_kind kind, unsigned size)
{
    u64 a = any(), b = any(), d = any();

    if (kind == UNDEFINED_DIV || kind == UNDEFINED_IDIV) {
        a &= size_mask(size) >> 1;
        a = size == 1 ? a & 0x7F : a;
        d = 0;
        b |= !(b & size_mask(size));
    }
    host->gpr[RAX] = a;
    host->gpr[RBX] = b;
    host->gpr[RDX] = d;
    host->aflags = (u16)rand() & AF_ALL;
    memcpy(ruled->gpr, host->gpr, sizeof host->gpr);
    ruled->aflags = host->aflags;
}

static bool has_size(enum undefined_kind kind, unsigned size)
{
    return size > 1 || kind < UNDEFINED_SHLD || (kind > UNDEFINED_SHRD && kind < UNDEFINED_BSF);
}

Test(undefined, rules_that_were_found_do_what_the_host_does)
{
    for (unsigned k = 0; k < UNDEFINED_KINDS; k++)
        for (unsigned size = 1; size <= 8; size *= 2)
            for (unsigned i = 0; i < 3000 && has_size((enum undefined_kind)k, size); i++) {
                struct insn in = make_insn((enum undefined_kind)k, size);

                load_both((enum undefined_kind)k, size);
                handlers[k](host, &in);
                handlers[k](ruled, &in);
                cr_assert_arr_eq(host->gpr, ruled->gpr, sizeof host->gpr);
                cr_assert_eq(host->aflags, ruled->aflags, "%s %u by %u: %04x, by rules %04x",
                             undefined_name((enum undefined_kind)k), size, (unsigned)in.imm,
                             host->aflags, ruled->aflags);
            }
}

Test(undefined, a_rule_is_obeyed_where_the_flag_is_open_and_nowhere_else)
{
    struct insn in = make_insn(UNDEFINED_SHL, 4);
    struct undefined_rule *af = &table.rule[UNDEFINED_SHL][1][2][2];

    in.imm = 3;
    for (unsigned i = 0; i < 4; i++) { /* clear, set, as before, not as before */
        *af = (struct undefined_rule){(u8)(i & 1 ? 0x80 : 0), (u8)(i >> 1)};
        ruled->gpr[RAX] = 0x20000001;
        ruled->aflags = AF_AF;
        op_SHL(ruled, &in);
        cr_assert_eq(ruled->gpr[RAX], 8);
        cr_assert_eq(ruled->aflags & AF_AF, i == 1 || i == 2 ? AF_AF : 0, "rule %u", i);
        cr_assert(ruled->aflags & AF_CF);
        cr_assert_not(ruled->aflags & AF_ZF);
    }
}

Test(undefined, what_two_processors_do_alike_is_known)
{
    struct undefined_table other = table;

    for (unsigned k = 0; k < UNDEFINED_KINDS; k++)
        cr_assert(undefined_is_same(&table, &other, (enum undefined_kind)k));
    other.rule[UNDEFINED_IMUL][0][2][4].a ^= 0x80;
    cr_assert_not(undefined_is_same(&table, &other, UNDEFINED_IMUL));
    cr_assert(undefined_is_same(&table, &other, UNDEFINED_MUL));
    other.rule[UNDEFINED_MUL][0][2][4] = (struct undefined_rule){0xFF, 0xFF};
    cr_assert_not(undefined_is_known(&other, UNDEFINED_MUL));
    other.shld = DOUBLE_UNKNOWN;
    cr_assert_not(undefined_is_known(&other, UNDEFINED_SHLD));
    cr_assert_not(undefined_is_same(&table, &other, UNDEFINED_SHLD));
}

Test(undefined, a_table_from_a_file_is_checked)
{
    struct undefined_table other = table;

    cr_assert(undefined_is_valid(&table));
    other.rule[UNDEFINED_BSR][1][3][5].b = 0x7F;
    cr_assert_not(undefined_is_valid(&other));
    other = table;
    other.rule[0][0][0][0].a = 0xFF;
    cr_assert_not(undefined_is_valid(&other), "half a rule");
    other = table;
    other.shrd = DOUBLE_UNKNOWN + 1;
    cr_assert_not(undefined_is_valid(&other));
}

/* A 16-bit shift by more takes in what was shifted out, or the other operand again. */
Test(undefined, long_shifts_of_words_take_in_what_the_table_says)
{
    struct insn in = make_insn(UNDEFINED_SHLD, 2);

    in.imm = 20;
    ruled->gpr[RBX] = 0x5678;
    for (unsigned i = DOUBLE_SOURCE; i < DOUBLE_UNKNOWN; i++) {
        table.shld = table.shrd = (u8)i;
        ruled->gpr[RAX] = 0x1234;
        op_SHLD(ruled, &in);
        cr_assert_eq(ruled->gpr[RAX], i == DOUBLE_SOURCE ? 0x6785 : 0x6781);
        ruled->gpr[RAX] = 0x1234;
        op_SHRD(ruled, &in);
        cr_assert_eq(ruled->gpr[RAX], i == DOUBLE_SOURCE ? 0x8567 : 0x4567);
    }
}
