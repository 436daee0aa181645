/* The debugger's commands: what they say, and what they refuse. */
#include "devices/board/debug.h"
#include "frontend/commands.h"
#include "frontend/commands_debug.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct pc_rig rig;
static struct command_context context;
static struct text out;
static char told[200];

static void tell(void *opaque, const char *line)
{
    snprintf(told, sizeof told, "%s", line);
}

/* call f; jmp $; f: push ax; mov [1000h], al; pop ax; ret */
static void setup(void)
{
    pc_rig_setup(&rig, "interp", "E8 02 00 EB FE 50 A2 00 10 58 C3");
    context = (struct command_context){.machine = rig.machine, .tell = tell};
}

static void teardown(void)
{
    text_free(&out);
    pc_rig_teardown(&rig);
}

TestSuite(commands_debug, .init = setup, .fini = teardown);

/* What a command says. */
static const char *says(const char *line)
{
    text_free(&out);
    command_run(&context, line, &out);
    return out.data ? out.data : "";
}

static void report(void)
{
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    text_free(&out);
    command_report_stop(rig.machine, &out);
}

Test(commands_debug, points_are_listed_as_they_are)
{
    says("break 7c05h if ax == 0 && cx == 0");
    says("tbreak 0000:7C03");
    says("break phys 0x7c09");
    says("watch word 1000h");
    says("awatch ds:1000h, 16");
    says("rwatch port 60h-64h");
    says("watch msr 1b0h");
    says("watch reg ebx");
    says("catch int 10h");
    says("catch exception any");
    says("catch dos 4ch");
    says("catch mode");
    says("log 1 hello {ax}");
    says("ignore 4 3");
    says("disable 9");
    cr_assert_str_eq(says("list"),
                     "1: break at 00007c05 if ax == 0 && cx == 0, logs \"hello {ax}\"\n"
                     "2: break at 0000:7c03, once\n"
                     "3: break at physical 00007c09\n"
                     "4: writes of 2 bytes at 00001000, ignored 3 times more\n"
                     "5: accesses of 16 bytes at 00001000\n"
                     "6: reads of port 0060-0064\n"
                     "7: writes of MSR 1b0\n"
                     "8: changes of ebx\n"
                     "9: interrupt 10, off\n"
                     "10: any exception\n"
                     "11: DOS function 4c\n"
                     "12: mode switches\n");
    says("delete 1 2 3");
    says("delete");
    cr_assert_str_eq(says("list"), "no breakpoints, watchpoints or catches\n");
}

Test(commands_debug, what_cannot_be_is_refused_with_a_reason)
{
    static const struct {
        const char *line, *answer;
    } t[] = {
        {"break nowhere", "neither a number (hexadecimal after 0x) nor a register or symbol: "
                          "'nowhere'\n"},
        {"break 1 if", "a condition is missing behind 'if'\n"},
        {"break 1 if ax ==", "a number or a register is missing before: ''\n"},
        {"break 12345h:0", "a selector has 16 bits: '12345h'\n"},
        {"watch 0, 0", "one watchpoint covers 1 to 1048576 bytes\n"},
        {"watch port 99999", "ports are 0 to 0xFFFF, the lower one first\n"},
        {"catch fish", "catch int N, exception N, dos AH (each also 'any'), mode, task, triple, "
                       "magic\n"},
        {"delete 7", "there is no point '7'; 'list' shows them\n"},
        {"condition x", "there is no point 'x'; 'list' shows them\n"},
        {"wait forever", "'forever' is no number of seconds\n"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        cr_assert_str_eq(says(t[i].line), t[i].answer, "%s: %s", t[i].line, out.data);
    cr_assert_str_eq(says("list"), "no breakpoints, watchpoints or catches\n");
}

Test(commands_debug, a_stop_is_reported_with_registers_and_instruction)
{
    says("break 7c05h");
    report();
    cr_assert(strstr(out.data, "point 1: breakpoint at 0000:00007c05\n"));
    cr_assert(strstr(out.data, "esp=00007bfe\n"));
    cr_assert(strstr(out.data, "0000:7c05  push ax    (real mode)\n"), "%s", out.data);
}

Test(commands_debug, steps_set_the_machine_going_and_wait)
{
    says("until 7c05h");
    cr_assert_gt(context.wait_ms, 0);
    report();
    says("finish");
    report();
    cr_assert(strstr(out.data, "0000:7c03  jmp 0x7c03"), "%s", out.data);
}

Test(commands_debug, a_log_point_tells)
{
    says("watch 1000h");
    says("log 1 al is {al}, {byte [1000h]}");
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert_str_eq(told, "al is 0, 0");
}

Test(commands_debug, symbols_name_addresses)
{
    char path[] = "/tmp/test_symbols.XXXXXX", line[80];
    int fd = mkstemp(path);

    cr_assert(write(fd, "7c00 T start\n7c05 T f\n", 22) == 22);
    close(fd);
    snprintf(line, sizeof line, "symbols load %s", path);
    cr_assert_str_eq(says(line), "2 symbols\n");
    unlink(path);
    cr_assert_str_eq(says("print f + 1"), "0x7c06  31750  f+1\n");
    cr_assert_str_eq(says("print 41h"), "0x41  65  'A'\n");
    says("x/2i start");
    cr_assert(strstr(out.data, "start:\n00007c00:  e80200 "));
    cr_assert(strstr(out.data, " <f>\n00007c03:  ebfe "));
    says("break f");
    report();
    cr_assert(strstr(out.data, "\nf:\n0000:7c05"));
}
