/* Traces: what was executed comes back, and damaged files are refused. */
#include "devices/board/trace.h"

#include "devices/board/debug.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1 << 20 };

static struct pc_rig rig;
static struct debug *d;
static char path[] = "/tmp/test_trace.XXXXXX", err[300];
static u8 file[FILE_MAX_BYTES];
static size_t len;

static void teardown(void)
{
    unlink(path);
    if (rig.machine)
        pc_rig_teardown(&rig);
}

TestSuite(trace, .fini = teardown);

/* Run code up to a HLT with interrupts off, traced. */
static void record(const char *hex, const struct trace_filter *filter)
{
    FILE *f;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    pc_rig_setup(&rig, "interp", hex);
    d = machine_debug(rig.machine);
    debug_until(d, PC_RIG_CODE);
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    cr_assert(debug_trace(d, path, filter, err, sizeof err), "%s", err);
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert(debug_trace(d, NULL, NULL, err, sizeof err));
    f = fopen(path, "rb");
    len = fread(file, 1, sizeof file, f);
    fclose(f);
}

/* All of it as text, without the count, the blanks before and the disassembly. */
static const char *text(void)
{
    static char all[4000];
    struct trace_reader *r = trace_reader_new(file, len, err, sizeof err);
    struct trace_record t;

    cr_assert(r, "%s", err);
    all[0] = 0;
    while (trace_next(r, &t)) {
        char line[400];

        trace_text(&t, line, sizeof line);
        line[14 + (t.kind == TRACE_INSTRUCTION ? 21 : 300)] = 0;
        for (char *end = line + strlen(line); end > line && end[-1] == ' ';)
            *--end = 0;
        strcat(strcat(all, line + 14), "\n");
    }
    cr_assert_null(trace_reader_error(r));
    trace_reader_free(r);
    return all;
}

/* mov cx, 2; a: loop a; in al, 61h; out 80h, al; int 40h; cli; hlt */
#define PROGRAM "B9 02 00 E2 FE E4 61 E6 80 CD 40 FA F4"

Test(trace, instructions_ports_and_interrupts_come_back)
{
    struct trace_filter all = {
        .instructions = true, .ports = true, .events = true, .last = UINT64_MAX};

    record(PROGRAM, &all);
    cr_assert_str_eq(text(), "0000:7c00  b90200\n"
                             "0000:7c03  e2fe\n"
                             "0000:7c03  e2fe\n"
                             "0000:7c05  e461\n"
                             "port 0061 -> 00\n"
                             "0000:7c07  e680\n"
                             "port 0080 <- 00\n"
                             "0000:7c09  cd40\n"
                             "int 40\n"
                             "0000:0500  cf\n"
                             "0000:7c0b  fa\n"
                             "0000:7c0c  f4\n");
}

Test(trace, registers_are_told_where_they_change)
{
    struct trace_filter regs = {
        .registers = true, .instructions = true, .first = 0x7C03, .last = 0x7C04};

    record(PROGRAM, &regs);
    cr_assert(strstr(text(), "ecx=00000002"));
    cr_assert(strstr(text(), "0000:7c03  e2fe\necx=00000001\n0000:7c03  e2fe\n"), "%s", text());
}

Test(trace, a_condition_chooses_instructions)
{
    struct trace_filter some = {.instructions = true, .last = UINT64_MAX, .condition = "cx == 1"};

    record(PROGRAM, &some);
    cr_assert_str_eq(text(), "0000:7c03  e2fe\n");
}

Test(trace, known_instructions_take_a_byte_or_two)
{
    struct trace_filter insn = {.instructions = true, .last = UINT64_MAX};

    record("B9 00 10 E2 FE FA F4", &insn); /* mov cx, 1000h; a: loop a; cli; hlt */
    cr_assert_lt(len, 2 * 0x1000 + 100);
}

Test(trace, a_trace_that_is_cut_off_says_so)
{
    struct trace_filter all = {
        .instructions = true, .ports = true, .events = true, .last = UINT64_MAX};
    struct trace_record t;

    record(PROGRAM, &all);
    for (size_t n = 0; n < len; n++) {
        struct trace_reader *r = trace_reader_new(file, n, err, sizeof err);
        unsigned records = 0;

        while (r && trace_next(r, &t))
            records++;
        cr_assert_lt(records, 12);
        trace_reader_free(r);
    }
}

Test(trace, what_is_no_trace_is_refused)
{
    static u8 known[] = "BYGTRACE\1\0\0"; /* an instruction that refers to an earlier one */
    struct trace_reader *r;
    struct trace_record t;

    cr_assert_null(trace_reader_new("BYGTRACE\2", 10, err, sizeof err));
    cr_assert_str_eq(err, "the trace has version 2; this build reads 1");
    cr_assert_null(trace_reader_new("hello", 5, err, sizeof err));
    r = trace_reader_new(known, sizeof known - 1, err, sizeof err);
    cr_assert(r);
    cr_assert_not(trace_next(r, &t));
    cr_assert_str_eq(trace_reader_error(r),
                     "the trace refers to an instruction that was not in it");
    trace_reader_free(r);
}
