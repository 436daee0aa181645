/* The translator's reports: what it did, and blocks as guest and host code. */
#include "jit/jit.h"

#include "base/log.h"
#include "cpu/engine.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_JIT

/* mov ecx, 100; again: add eax, [ebx+8]; dec ecx; jnz again; hlt */
#define SUM     "B9 64 00 00 00 03 43 08 49 75 FA F4"
#define SUM_ADD (AT_CODE + 5)

static struct cpu_rig rig;
static char text[64 << 10];

static void run_sum(void)
{
    struct cpu *c = rig.cpu;

    c->rip = AT_CODE;
    c->halted = false;
    c->gpr[RAX] = 0;
    cr_assert_eq(c->engine->run(c, c->count + 100000), ENGINE_HALT);
    cr_assert_eq(c->gpr[RAX], 300);
}

static void setup(void)
{
    cpu_rig_setup_engine(&rig, "pentium2", &engine_jit);
    cpu_rig_protected(&rig, 0);
    jit_set_threshold(rig.cpu, 1);
    cpu_rig_code(&rig, AT_CODE, SUM);
    cpu_rig_put(&rig, AT_DATA + 8, 4, 3);
    rig.cpu->gpr[RBX] = AT_DATA;
    run_sum();
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(describe, .init = setup, .fini = teardown);

Test(describe, tells_what_was_left_to_handlers_and_its_share)
{
    cr_assert_gt(jit_describe(rig.cpu, text, sizeof text), 0);
    /* 1 + 100 * 3 + 1 instructions; the last one is a handler's. */
    cr_assert(strstr(text, "executed      302 instructions, 100.000 % of them in blocks"), "%s",
              text);
    cr_assert(strstr(text, "handlers      1 calls, 0.331 % of all"), "%s", text);
    cr_assert(strstr(text, "  HLT                     1    0.331 %"), "%s", text);
}

Test(describe, dump_shows_each_guest_instruction_with_its_bytes)
{
    cr_assert_gt(jit_dump(rig.cpu, SUM_ADD, text, sizeof text), 0);
    cr_assert(strstr(text, "00010005  034308             add eax, [ebx+0x8]"), "%s", text);
    cr_assert(strstr(text, "00010008  49                 dec ecx"), "%s", text);
    cr_assert(strstr(text, "\nbehind\n"), "%s", text);
}

Test(describe, dump_shows_host_code_as_instructions)
{
#ifdef HAVE_CAPSTONE
    const char *add;

    jit_dump(rig.cpu, SUM_ADD, text, sizeof text);
    add = strstr(text, "add eax, [ebx+0x8]");
    cr_assert(add && strstr(add, "add eax, dword ptr [r9 + r8]"), "%s", text);
    cr_assert(strstr(add, "; ADD, instruction "), "%s", text);
    cr_assert(strstr(add, "; helper"), "%s", text);
#else
    cr_skip_test("capstone is not built in");
#endif
}

Test(describe, dump_shows_all_blocks_that_cover_an_address)
{
    const char *first;

    run_sum(); /* comes to the loop's body from above too, now that its page is known */
    jit_dump(rig.cpu, SUM_ADD, text, sizeof text);
    first = strstr(text, "add eax, [ebx+0x8]");
    cr_assert(first && strstr(first + 1, "add eax, [ebx+0x8]"), "%s", text);
}

Test(describe, dump_of_what_is_not_translated_is_empty)
{
    cr_assert_eq(jit_dump(rig.cpu, AT_FREE, text, sizeof text), 0);
    cr_assert_eq(jit_dump(rig.cpu, 0xFFFFF000, text, sizeof text), 0);
    cpu_rig_put(&rig, SUM_ADD, 1, 0x90); /* kills it */
    cr_assert_eq(jit_dump(rig.cpu, SUM_ADD, text, sizeof text), 0);
}

/* ---- While it works ---- */

static void keep_line(void *opaque, enum log_level level, const char *line)
{
    size_t used = strlen(text);

    snprintf(text + used, sizeof text - used, "%s\n", line);
}

Test(describe, log_tells_of_blocks_as_they_come_and_go)
{
    struct log *log = log_new(keep_line, NULL);

    rig.cpu->log = log;
    jit_set_threshold(rig.cpu, 1);
    run_sum();
    cr_assert_str_empty(text, "nobody asked: %s", text);
    log_choose(log, "jit");
    jit_set_threshold(rig.cpu, 1);
    run_sum();
    cpu_rig_put(&rig, SUM_ADD, 1, 0x90);
    cr_assert(strstr(text, "jit: flushed: "), "%s", text);
    cr_assert(strstr(text, "jit: translated 00010000: 4 instructions, "), "%s", text);
    cr_assert(strstr(text, "jit: killed block "), "%s", text);
    rig.cpu->log = NULL;
    log_free(log);
}

Test(describe, perf_finds_the_names_of_blocks)
{
    unsigned long long at;
    unsigned size;
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    unlink(path);
    cr_assert(jit_perf_map(rig.cpu));
    run_sum();
    f = fopen(path, "r");
    cr_assert(f);
    cr_assert_eq(fscanf(f, "%llx %x bygone_stubs\n", &at, &size), 2);
    cr_assert_eq(fscanf(f, "%llx %x %s\n", &at, &size, text), 3);
    cr_assert_str_eq(text, "guest_00010000");
    cr_assert_gt(size, 12);
    fclose(f);
    unlink(path);
}

Test(describe, perf_map_is_not_written_through_a_link)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    unlink(path);
    cr_assert_eq(symlink("/dev/null", path), 0);
    cr_assert_not(jit_perf_map(rig.cpu));
    unlink(path);
}

Test(describe, reports_fit_the_space_they_get)
{
    memset(text, 'x', sizeof text);
    cr_assert_eq(jit_describe(rig.cpu, text, 40), 39);
    cr_assert_eq(strlen(text), 39);
    cr_assert_eq(text[40], 'x');
    cr_assert_eq(jit_dump(rig.cpu, SUM_ADD, text, 40), 39);
    cr_assert_eq(text[40], 'x');
    cr_assert_eq(jit_dump(rig.cpu, SUM_ADD, NULL, 0), 0);
}

#else

Test(describe, needs_a_translator)
{
    cr_skip_test("there is none for this kind of host");
}

#endif
