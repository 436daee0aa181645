/* Scripts: what the parser takes, and that each error names its line. */
#include "frontend/script.h"

#include "devices/host/input.h"
#include "frontend/script_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct script *script;
static char err[512];

static void teardown(void)
{
    script_free(script);
    script = NULL;
}

TestSuite(script, .fini = teardown, .timeout = 60);

static const struct script_step *parse(const char *text)
{
    teardown();
    script = script_parse("dir/t.script", text, strlen(text), err, sizeof err);
    cr_assert_not_null(script, "%s", err);
    return script->steps;
}

Test(script, every_action_is_taken)
{
    parse("wait-text \"A:\\\\>\" 60\n"
          "wait-still 2 60\n"
          "wait-picture a.png 5 0.5\n"
          "wait-serial \"login:\" 60\n"
          "wait-poweroff 10\n"
          "run 5\n"
          "type \"dir\\n\"\n"
          "type-serial \"ls\\n\"\n"
          "key ctrl-alt-del\n"
          "key-down shift\n"
          "key-up shift\n"
          "mouse-move -10 20\n"
          "mouse-down left\n"
          "mouse-up left\n"
          "mouse-click middle\n"
          "insert fda b.img\n"
          "eject cdrom\n"
          "expect-text \"x\"\n"
          "expect-picture b.png\n"
          "screenshot c.png\n"
          "state-hash\n"
          "record a.rec\n"
          "record-stop\n"
          "save m.snap\n"
          "load m.snap\n"
          "command info registers\n"
          "expect-output \"eax\"\n"
          "echo \"done\"\n"
          "powerdown\n"
          "reset\n"
          "quit\n");
    cr_assert_eq(script_length(script), script_action_count);
    cr_assert(script_uses_serial(script));
}

Test(script, texts_have_escapes)
{
    const struct script_step *s = parse("type \"a\\n\\t\\e\\\\\\\" # b\"  # comment");

    cr_assert_str_eq(s->text, "a\n\t\x1B\\\" # b");
    cr_assert_not(script_uses_serial(script));
    cr_assert_str_eq(s->source, "type \"a\\n\\t\\e\\\\\\\" # b\"  # comment");
}

Test(script, numbers_and_keys)
{
    const struct script_step *s = parse("wait-still 0.25 60\nmouse-move -3 400\nkey ctrl-alt-f1\n"
                                        "expect-picture x.png 1.5\nmouse-click right\n");

    cr_assert_eq(s[0].ns[0], 250000000);
    cr_assert_eq(s[0].ns[1], 60000000000);
    cr_assert_eq(s[1].number[0], -3);
    cr_assert_eq(s[1].number[1], 400);
    cr_assert_eq(s[2].key_count, 3);
    cr_assert_eq(s[2].keys[0], 0x1D);
    cr_assert_eq(s[2].keys[1], 0x38);
    cr_assert_eq(s[2].keys[2], 0x3B);
    cr_assert_float_eq(s[3].percent, 1.5, 1e-9);
    cr_assert_eq(s[4].button, MOUSE_RIGHT);
}

Test(script, a_command_is_the_rest_of_the_line)
{
    const struct script_step *s = parse("command print  word [ss:sp] # top\n"
                                        "command log 1 \"# {ax}\"\r\ncommand delete\n");

    cr_assert_str_eq(s[0].text, "print  word [ss:sp]");
    cr_assert_str_eq(s[1].text, "log 1 \"# {ax}\"");
    cr_assert_str_eq(s[2].text, "delete");
}

Test(script, files_are_beside_the_script)
{
    const struct script_step *s =
        parse("insert fda x.img\ninsert fdb /abs/x\nscreenshot \"a b.png\"");

    cr_assert_str_eq(s[0].file, "dir/x.img");
    cr_assert_str_eq(s[1].file, "/abs/x");
    cr_assert_str_eq(s[2].file, "dir/a b.png");
    teardown();
    script = script_parse("-", "screenshot s.png", 16, err, sizeof err);
    cr_assert_str_eq(script->steps[0].file, "s.png");
}

Test(script, comments_blank_lines_and_dos_line_ends)
{
    const struct script_step *s = parse("# nothing\r\n\r\n  run 1  # so long\r\n\tquit");

    cr_assert_eq(script_length(script), 2);
    cr_assert_eq(s[0].line, 3);
    cr_assert_eq(s[1].line, 4);
    parse("");
    cr_assert_eq(script_length(script), 0);
}

Test(script, a_backslash_before_other_characters_is_itself)
{
    const struct script_step *s = parse("wait-text \"A:\\>\" 5\nwait-text \"A:\\\\>\" 5");

    cr_assert_str_eq(s[0].text, "A:\\>");
    cr_assert_str_eq(s[1].text, "A:\\>");
}

Test(script, errors_name_the_line_and_the_reason)
{
    static const struct {
        const char *text, *message;
    } t[] = {
        {"run 1\nwaittext \"x\" 5", "line 2: unknown action 'waittext'; did you mean 'wait-text'?"},
        {"frobnicate", "line 1: unknown action 'frobnicate'"},
        {"\n\nwait-text \"x\"", "line 3: too few arguments; usage: wait-text \"TEXT\" SECONDS"},
        {"wait-text x 5", "line 1: the text must stand in double quotes"},
        {"wait-text \"x 5", "line 1: the closing quote is missing"},
        {"wait-text \"x\\", "line 1: the closing quote is missing"},
        {"wait-text \"A:\\\" 5", "line 1: the closing quote is missing"},
        {"wait-text \"x\"5", "line 1: a blank is missing behind the closing quote"},
        {"wait-text \"\" 5", "line 1: the text is empty"},
        {"run", "line 1: too few arguments; usage: run SECONDS"},
        {"run five", "line 1: 'five' is not a number of seconds"},
        {"run -1", "line 1: '-1' is not a number of seconds"},
        {"run 1 2", "line 1: '2' is too much; usage: run SECONDS"},
        {"run \"1\"", "line 1: \"1\": no text belongs here; usage: run SECONDS"},
        {"key ctrl-foo", "line 1: no key is named 'foo'"},
        {"key-down a-b", "line 1: at most 1 key"},
        {"key a-b-c-d-e-f-g-h-i", "line 1: at most 8 keys at once"},
        {"type \"\xC3\xA4\"", "line 1: no key of a US keyboard makes the character 0xC3"},
        {"mouse-move 1", "line 1: too few arguments; usage: mouse-move DX DY"},
        {"mouse-move 1 99999", "line 1: '99999' is not a whole number up to 10000"},
        {"mouse-click up", "line 1: 'up' is none of left, right, middle"},
        {"insert fdc x", "line 1: 'fdc' is none of fda, fdb, cdrom; did you mean 'fda'?"},
        {"expect-picture x.png 101", "line 1: '101' is not a percentage from 0 to 100"},
        {"command", "line 1: too few arguments; usage: command COMMAND OF THE MONITOR"},
        {"command # where", "line 1: too few arguments; usage: command COMMAND OF THE MONITOR"},
        {"command brake 0",
         "line 1: unknown command 'brake'; did you mean 'break'? (help lists them)"},
        {"command eject", "line 1: usage: eject DRIVE"},
        {"\"x\"", "line 1: an action is missing before the text"},
    };
    char expected[600];
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        cr_assert_null(script_parse("t.script", t[i].text, strlen(t[i].text), err, sizeof err),
                       "%s", t[i].text);
        snprintf(expected, sizeof expected, "script: 't.script' %s", t[i].message);
        cr_assert_str_eq(err, expected);
    }
    cr_assert_null(script_parse("t.script", "run 1\0", 6, err, sizeof err));
    cr_assert(strstr(err, "not text"), "%s", err);
}
