/* Expressions of the debugger: the language of devices/board/debug_expr.h. */
#include "devices/board/debug_expr.h"

#include "devices/board/debug_symbols.h"
#include "tests/support/cpubox.h"

#include <criterion/criterion.h>
#include <string.h>

static struct cpubox box;
static struct symbols *symbols;

static void setup(void)
{
    char err[200];

    cr_assert(cpubox_open(&box, "pentium3"));
    symbols = symbols_new();
    cr_assert_eq(symbols_load(symbols, (const u8 *)"1000 T _main\n", 13, 0, err, sizeof err), 1);
    box.cpu->gpr[RAX] = 0x12345678;
    box.cpu->gpr[RBX] = 0x10;
    box.cpu->seg[SEG_DS].sel = 0x100;
    box.cpu->seg[SEG_DS].base = 0x1000;
    cpu_set_flags(box.cpu, EF_CF | EF_IF);
    cpubox_put(&box, 0x1010, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
}

static void teardown(void)
{
    symbols_free(symbols);
    cpubox_close(&box);
}

TestSuite(debug_expr, .init = setup, .fini = teardown);

static u64 value(const char *text)
{
    char err[200] = "";
    u64 v;

    cr_assert(debug_eval(text, symbols, box.cpu, &v, err, sizeof err), "%s: %s", text, err);
    return v;
}

Test(debug_expr, numbers_are_decimal_or_marked_as_hexadecimal)
{
    cr_assert_eq(value("1234"), 1234);
    cr_assert_eq(value("0x1f"), 0x1F);
    cr_assert_eq(value("0B800h"), 0xB800);
    cr_assert_eq(value("B800h"), 0xB800);
    cr_assert_eq(value("'A'"), 'A');
}

Test(debug_expr, registers_have_their_width)
{
    cr_assert_eq(value("eax"), 0x12345678);
    cr_assert_eq(value("AX"), 0x5678);
    cr_assert_eq(value("ah"), 0x56);
    cr_assert_eq(value("$al"), 0x78);
    cr_assert_eq(value("%ds"), 0x100);
}

Test(debug_expr, flags_are_one_or_zero)
{
    cr_assert_eq(value("cf"), 1);
    cr_assert_eq(value("zf"), 0);
    cr_assert_eq(value("if"), 1);
    cr_assert_eq(value("eflags & 200h"), 0x200);
}

Test(debug_expr, precedence_is_that_of_c)
{
    cr_assert_eq(value("1 + 2 * 3"), 7);
    cr_assert_eq(value("(1 + 2) * 3"), 9);
    cr_assert_eq(value("1 << 4 + 1"), 32);
    cr_assert_eq(value("7 & 3 == 3"), 1);
    cr_assert_eq(value("1 | 2 ^ 3 & 1"), 3);
    cr_assert_eq(value("0 || 2 && 0"), 0);
    cr_assert_eq(value("10 - 2 - 3"), 5);
    cr_assert_eq(value("17 % 5 / 2"), 1);
    cr_assert_eq(value("!0 + ~0 + 1"), 1);
    cr_assert_eq(value("2 >= 2 && 1 < 2 && 2 > 1 && 1 <= 1 && 1 != 2"), 1);
    cr_assert_eq(value("-1 >> 60"), 15);
}

Test(debug_expr, brackets_read_memory)
{
    cr_assert_eq(value("byte [1010h]"), 0x11);
    cr_assert_eq(value("word [ds:bx]"), 0x2211);
    cr_assert_eq(value("dword [ds:bx+4]"), 0x88776655);
    cr_assert_eq(value("qword [0x1010]"), 0x8877665544332211);
    cr_assert_eq(value("[ds:bx] == 2211h"), 1); /* 16-bit code */
    cr_assert_eq(value("byte [1000h + byte [1010h] - 1]"), 0x11);
}

Test(debug_expr, a_colon_joins_segment_and_offset)
{
    cr_assert_eq(value("0040:0017"), 0x417);
    cr_assert_eq(value("40h:17h"), 0x417);
    cr_assert_eq(value("ds:bx+2"), 0x1012);
    cr_assert_eq(value("0040:bx == 410h"), 1);
}

Test(debug_expr, symbols_are_addresses)
{
    cr_assert_eq(value("_main + 4"), 0x1004);
}

Test(debug_expr, what_cannot_be_computed_says_why)
{
    char err[200] = "";
    u64 v;

    cr_assert_not(debug_eval("1 / (ax - ax)", NULL, box.cpu, &v, err, sizeof err));
    cr_assert_str_eq(err, "a division by zero");
    cr_assert_not(debug_eval("byte [0xF0000000]", NULL, box.cpu, &v, err, sizeof err));
    cr_assert_str_eq(err, "no memory at f0000000");
}

Test(debug_expr, what_is_no_expression_is_refused)
{
    static const char *const bad[] = {"",
                                      "1 +",
                                      "eix",
                                      "(1",
                                      "byte 5",
                                      "[1",
                                      "1 2",
                                      "ax ==",
                                      "0x",
                                      "1:2:3",
                                      "99999999999999999999"};
    char err[200], deep[400];

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        err[0] = 0;
        cr_assert_null(debug_expr_parse(bad[i], NULL, err, sizeof err), "%s", bad[i]);
        cr_assert(err[0]);
    }
    memset(deep, '(', sizeof deep);
    deep[sizeof deep - 1] = 0;
    cr_assert_null(debug_expr_parse(deep, NULL, err, sizeof err));
    memset(deep, '-', sizeof deep - 1);
    cr_assert_null(debug_expr_parse(deep, NULL, err, sizeof err));
}
