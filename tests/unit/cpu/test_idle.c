/*
 * Idle loops: which loops let the board skip time, and which do not. Small programs run in real
 * mode; their INTs lead to an IRET, or to a handler of the test's own.
 */
#include "cpu/idle.h"

#include "base/state.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>

static struct cpu_rig rig;
static struct cpu *c;

enum { DATA = 0x3000, HANDLER = 0x500, STACK = 0x800, LONG_ENOUGH = 2000000 };

static void vector_to(u8 vector, u32 at)
{
    cpu_rig_put(&rig, vector * 4u, 2, at);
    cpu_rig_put(&rig, vector * 4u + 2, 2, 0);
}

static void setup(void)
{
    static const u8 vectors[] = {0x16, 0x1A, 0x21, 0x28, 0x2F};

    cpu_rig_setup(&rig, "pentium2");
    c = rig.cpu;
    cpu_rig_real(&rig);
    cpu_rig_code(&rig, HANDLER, "CF"); /* iret */
    for (unsigned i = 0; i < sizeof vectors; i++)
        vector_to(vectors[i], HANDLER);
    c->seg[SEG_DS].sel = DATA >> 4;
    c->seg[SEG_DS].base = DATA;
    c->seg[SEG_SS].sel = 0x1000;
    c->seg[SEG_SS].base = 0x20000;
    c->gpr[RSP] = 0x4000;
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(idle, .init = setup, .fini = teardown, .timeout = 60);

/* Run on; how many instructions passed until the loop was believed, or LONG_ENOUGH. */
static u64 run(void)
{
    u64 start = c->count, until = start + LONG_ENOUGH;

    c->attention = 0;
    while (c->count < until && !(c->attention & ATT_IDLE)) {
        c->attention = 0;
        c->engine->run(c, until);
    }
    return c->count - start;
}

static u64 program(const char *hex)
{
    cpu_rig_code(&rig, AT_CODE, hex);
    c->seg[SEG_CS].sel = AT_CODE >> 4;
    c->seg[SEG_CS].base = AT_CODE;
    c->rip = 0;
    return run();
}

/* ---- Loops that wait ---- */

Test(idle, asking_the_bios_for_a_key_is_waiting)
{
    /* 1: mov ah,1; int 16h; jz 1b */
    cr_assert_lt(program("B4 01 CD 16 EB FA"), 100);
}

Test(idle, asking_the_extended_keyboard_is_waiting)
{
    cr_assert_lt(program("B4 11 CD 16 EB FA"), 100);
}

Test(idle, asking_dos_for_a_character_is_waiting)
{
    cr_assert_lt(program("B4 0B CD 21 EB FA"), 100);
}

Test(idle, watching_the_bios_tick_is_waiting)
{
    cr_assert_lt(program("B4 00 CD 1A EB FA"), 100);
}

Test(idle, dos_says_that_it_waits)
{
    cr_assert_lt(program("CD 28 EB FC"), 100);
}

Test(idle, releasing_the_time_slice_is_waiting)
{
    /* 1: mov ax,1680h; int 2fh; jmp 1b */
    cr_assert_lt(program("B8 80 16 CD 2F EB F9"), 100);
}

Test(idle, a_loop_with_several_interrupts_is_recognised)
{
    /* 1: mov ah,1; int 16h; mov ah,0; int 1ah; mov ax,1680h; int 2fh; jmp 1b */
    cr_assert_lt(program("B4 01 CD 16 B4 00 CD 1A B8 80 16 CD 2F EB F1"), 300);
}

Test(idle, what_is_below_the_stack_does_not_count)
{
    /* mov bp,sp; 1: mov ah,1; int 16h; inc word [bp-20h]; jmp 1b */
    cr_assert_lt(program("89 E5 B4 01 CD 16 FF 46 E0 EB F7"), 100);
}

Test(idle, after_an_event_a_few_rounds_are_enough)
{
    program("B4 01 CD 16 EB FA");
    cr_assert_lt(run(), 20);
    /* A tick that changes the program's data, and takes a while. */
    cpu_rig_put(&rig, DATA + 0x10, 2, 0x1234);
    c->idle.count -= 500;
    cr_assert_lt(run(), 20);
}

Test(idle, a_program_may_wait_again_after_work)
{
    program("B4 01 CD 16 EB FA");
    /* inc word [10h] in each round: it works; then it waits again at the same place. */
    cr_assert_eq(program("B4 01 CD 16 FF 06 10 00 EB F6"), LONG_ENOUGH);
    cr_assert_lt(program("B4 01 CD 16 90 90 90 90 EB F6"), 200000);
}

/* ---- Loops that work ---- */

Test(idle, counting_in_a_register_is_work)
{
    /* 1: mov ah,1; int 16h; inc bx; jmp 1b */
    cr_assert_eq(program("B4 01 CD 16 43 EB F9"), LONG_ENOUGH);
}

Test(idle, counting_in_memory_is_work)
{
    cr_assert_eq(program("B4 0B CD 21 FF 06 10 00 EB F6"), LONG_ENOUGH);
}

Test(idle, counting_in_a_callers_variable_on_the_stack_is_work)
{
    /* mov bp,sp; 1: mov ah,1; int 16h; inc word [bp+20h]; jmp 1b */
    cr_assert_eq(program("89 E5 B4 01 CD 16 FF 46 20 EB F7"), LONG_ENOUGH);
}

Test(idle, long_rounds_are_work)
{
    /* mov cx,600; loop $: 1200 instructions a round */
    cr_assert_eq(program("B4 01 CD 16 B9 B0 04 E2 FE EB F5"), LONG_ENOUGH);
}

Test(idle, rounds_of_different_length_are_work)
{
    /* The loop's length follows the low byte of a counter at [10h], which wraps to where it was. */
    cr_assert_eq(program("B4 01 CD 16 8A 0E 10 00 80 C1 25 88 0E 10 00 B5 00 41 E2 FE 31 C9 EB E8"),
                 LONG_ENOUGH);
}

Test(idle, reading_a_key_is_not_asking_for_one)
{
    cr_assert_eq(program("B4 00 CD 16 EB FA"), LONG_ENOUGH);
}

Test(idle, other_interrupts_are_not_waiting)
{
    vector_to(0x10, HANDLER);
    cr_assert_eq(program("B4 0E CD 10 EB FA"), LONG_ENOUGH);
}

Test(idle, protected_mode_is_left_alone)
{
    cpu_rig_protected(&rig, 0);
    for (unsigned i = 0; i < 100; i++) {
        c->rip = AT_CODE;
        c->gpr[RAX] = 0x0100;
        cpu_rig_exec(&rig, "CD 16");
        cr_assert(!(c->attention & ATT_IDLE));
        c->halted = false;
    }
}

Test(idle, looks_at_a_working_program_become_rare)
{
    program("B4 01 CD 16 FF 06 10 00 EB F6");
    cr_assert_geq(c->idle.doubts, 5);
}

/* ---- State ---- */

Test(idle, half_seen_loops_are_saved)
{
    struct state *out = state_new_save(), *in;
    struct idle_watch copy = {0};
    size_t len;
    const void *data;

    program("B4 01 CD 16 FF 06 10 00 EB F6");
    idle_state(&c->idle, out);
    data = state_data(out, &len);
    in = state_new_load(data, len);
    idle_state(&copy, in);
    cr_assert_null(state_error(in));
    cr_assert_eq(copy.site, c->idle.site);
    cr_assert_eq(copy.count, c->idle.count);
    cr_assert_eq(copy.interval, c->idle.interval);
    cr_assert_eq(copy.registers, c->idle.registers);
    cr_assert_eq(copy.memory, c->idle.memory);
    cr_assert_eq(copy.rounds, c->idle.rounds);
    cr_assert_eq(copy.doubts, c->idle.doubts);
    state_free(in);
    state_free(out);
}

Test(idle, too_many_rounds_are_refused)
{
    struct idle_watch bad = {.rounds = 17};
    struct state *out = state_new_save(), *in;
    size_t len;
    const void *data;

    idle_state(&bad, out);
    data = state_data(out, &len);
    in = state_new_load(data, len);
    idle_state(&bad, in);
    cr_assert_not_null(state_error(in));
    state_free(in);
    state_free(out);
}
