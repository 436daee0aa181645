/* Commands: lines, formats and addresses, without a machine. */
#include "frontend/commands.h"

#include "frontend/expression.h"

#include <criterion/criterion.h>
#include <string.h>

static struct text out;
static struct command_line line;

static void teardown(void)
{
    text_free(&out);
}

TestSuite(commands, .fini = teardown, .timeout = 60);

Test(commands, lines_are_words_and_quoted_words)
{
    cr_assert(command_parse("  change\tfda \"my disk.img\"\r\n", &line, &out));
    cr_assert_eq(line.count, 3);
    cr_assert_str_eq(line.word[0], "change");
    cr_assert_str_eq(line.word[1], "fda");
    cr_assert_str_eq(line.word[2], "my disk.img");
    cr_assert(command_parse("   ", &line, &out));
    cr_assert_eq(line.count, 0);
}

static void expect_failure(const char *text, const char *message)
{
    bool parsed;

    text_free(&out);
    parsed = command_parse(text, &line, &out);
    cr_assert(!parsed || !command_find(&line, &out));
    cr_assert_str_eq(out.data, message);
}

Test(commands, mistakes_are_told)
{
    char many[2 * COMMAND_WORDS_MAX + 4] = "";

    for (unsigned i = 0; i <= COMMAND_WORDS_MAX; i++)
        strcat(many, "a ");
    expect_failure("change fda \"x", "the closing quote is missing\n");
    expect_failure(many, "too many words\n");
    expect_failure("change fda", "usage: change DRIVE FILE\n");
    expect_failure("quit now", "usage: quit\n");
    expect_failure("x/4x 1 2", "usage: x/NF ADDRESS\n");
    expect_failure("xp 1 2", "usage: xp/NF ADDRESS\n");
    expect_failure("xp /4x 1 2", "usage: xp/NF ADDRESS\n");
    expect_failure("screndump x", "unknown command 'screndump'; did you mean 'screendump'? (help "
                                  "lists them)\n");
    expect_failure("info/3 x",
                   "unknown command 'info/3'; did you mean 'info'? (help lists them)\n");
}

Test(commands, a_long_line_is_refused)
{
    char text[3000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    expect_failure(text, "the line is too long\n");
}

Test(commands, help_lists_every_command)
{
    struct command_context c = {0};
    unsigned i;

    cr_assert(command_run(&c, "help", &out));
    for (i = 0; i < command_count; i++)
        cr_assert(strstr(out.data, commands[i].name), "%s", commands[i].name);
    text_free(&out);
    cr_assert(command_run(&c, "help xp", &out));
    cr_assert(strstr(out.data, "physical"));
    text_free(&out);
    cr_assert_not(command_run(&c, "help me", &out));
}

Test(commands, dump_formats)
{
    struct dump_format f;

    cr_assert(dump_format_parse("10i", &f) && f.count == 10 && f.format == 'i' && !f.size);
    cr_assert(dump_format_parse("4xb", &f) && f.count == 4 && f.format == 'x' && f.size == 'b');
    cr_assert(dump_format_parse("gd", &f) && f.count == 0 && f.format == 'd' && f.size == 'g');
    cr_assert(dump_format_parse("", &f) && !f.count);
    cr_assert_not(dump_format_parse("99999999999999", &f));
    cr_assert_not(dump_format_parse("xx", &f));
    cr_assert_not(dump_format_parse("4z", &f));
    cr_assert_not(dump_format_parse("x4", &f));
}

Test(commands, addresses)
{
    static const struct {
        const char *text;
        u64 value;
    } t[] = {
        {"0", 0},
        {"1234", 1234},
        {"0xB8000", 0xB8000},
        {"0x10+16-1", 31},
        {"0040:0017", 0x417},
        {"F000:FFF0", 0xFFFF0},
        {"0x40:0x17", 0x417},
        {"$eip+4", 4},
        {"cs:eip", 0},
        {"%esp", 0},
        {"ss:sp+2", 2},
    };
    char err[200];
    u64 value;
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        cr_assert(expression_eval(t[i].text, NULL, &value, err, sizeof err), "%s: %s", t[i].text,
                  err);
        cr_assert_eq(value, t[i].value, "%s", t[i].text);
    }
}

Test(commands, what_is_no_address_says_why)
{
    static const char *const t[] = {"", "+", "1+", "eix", "0x", "1 2", "B800:", "1:2:3", "(1"};
    char err[200];
    u64 value;
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        err[0] = 0;
        cr_assert_not(expression_eval(t[i], NULL, &value, err, sizeof err), "%s", t[i]);
        cr_assert(err[0]);
    }
}
