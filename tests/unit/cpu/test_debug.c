/* Debug registers, single step, RF. */
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>

static struct cpu_rig rig;
static struct cpu *c;

static void setup(void)
{
    cpu_rig_setup(&rig, "pentium2");
    c = rig.cpu;
    cpu_rig_protected(&rig, 0);
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(debug, .init = setup, .fini = teardown);

enum { RW_CODE = 0, RW_WRITE = 1, RW_IO = 2, RW_ACCESS = 3, LEN_1 = 0, LEN_2 = 1, LEN_4 = 3 };

/* Breakpoint n, enabled globally. */
static void watch(unsigned n, u32 at, unsigned type, unsigned len)
{
    c->dr[n] = at;
    c->dr[7] |= 2u << n * 2 | type << (16 + n * 4) | len << (18 + n * 4);
    mmu_drop_entries(&c->mmu);
    cpu_update_mode(c);
}

/* #DB with these bits of DR6, returning to `eip`. */
static void assert_trap(int got, u32 dr6, u32 eip)
{
    cr_assert_eq(got, VEC_DB, "vector %d", got);
    cr_assert_eq(c->dr[6], 0xFFFF0FF0 | dr6, "DR6 is %llX", (unsigned long long)c->dr[6]);
    cr_assert_eq(cpu_rig_stack(&rig, 0), eip);
}

/* ---- Single step ---- */

Test(debug, tf_traps_behind_each_instruction)
{
    cpu_rig_flags(&rig, EF_TF);
    assert_trap(cpu_rig_exec(&rig, "90"), DR6_BS, AT_CODE + 1);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_TF | EF_FIXED);
    cr_assert_not(c->eflags & EF_TF);
    cr_assert_eq(c->count, 1, "the instruction counts, the trap does not");
}

Test(debug, popf_that_sets_tf_traps_one_instruction_later)
{
    c->gpr[RSP] -= 4;
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, EF_TF);
    cr_assert_eq(cpu_rig_exec(&rig, "9D"), NO_FAULT);
    assert_trap(cpu_rig_exec(&rig, "90"), DR6_BS, AT_CODE + 2);
}

Test(debug, popf_that_clears_tf_still_traps)
{
    cpu_rig_flags(&rig, EF_TF);
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, 0);
    assert_trap(cpu_rig_exec(&rig, "9D"), DR6_BS, AT_CODE + 1);
}

Test(debug, software_interrupt_hides_its_handler_from_the_stepper)
{
    cpu_rig_flags(&rig, EF_TF);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80);
    cr_assert_eq(c->dr[6], 0xFFFF0FF0);
}

Test(debug, load_of_ss_is_not_stepped)
{
    cpu_rig_flags(&rig, EF_TF);
    c->gpr[RAX] = SEL_DATA0;
    cr_assert_eq(cpu_rig_exec(&rig, "8E D0"), NO_FAULT);
    assert_trap(cpu_rig_exec(&rig, "90"), DR6_BS, AT_CODE + 3);
}

Test(debug, repeated_string_traps_after_each_round)
{
    cpu_rig_flags(&rig, EF_TF);
    c->gpr[RCX] = 3;
    c->gpr[RDI] = AT_DATA;
    assert_trap(cpu_rig_exec(&rig, "F3 AA"), DR6_BS, AT_CODE); /* rep stosb */
    cr_assert_eq(c->gpr[RCX], 2);
}

Test(debug, fault_is_not_followed_by_a_step)
{
    cpu_rig_flags(&rig, EF_TF);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 0B"), VEC_UD);
    cr_assert_eq(c->dr[6], 0xFFFF0FF0);
}

Test(debug, int1_traps_without_a_trace_in_dr6)
{
    cr_assert_eq(cpu_rig_exec(&rig, "F1"), VEC_DB);
    cr_assert_eq(c->dr[6], 0xFFFF0FF0);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 1);
}

/* ---- Code breakpoints ---- */

Test(debug, code_breakpoint_faults_before_the_instruction)
{
    watch(1, AT_CODE, RW_CODE, LEN_1);
    assert_trap(cpu_rig_exec(&rig, "90"), 2, AT_CODE);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_FIXED, "RF is pushed as it was");
    cr_assert_eq(c->count, 0);
}

Test(debug, rf_lets_the_instruction_pass_once)
{
    watch(0, AT_CODE, RW_CODE, LEN_1);
    cpu_rig_flags(&rig, EF_RF);
    cr_assert_eq(cpu_rig_exec(&rig, "90"), NO_FAULT);
    cr_assert_not(c->eflags & EF_RF);
    c->rip = AT_CODE;
    assert_trap(cpu_rig_step(&rig), 1, AT_CODE);
}

Test(debug, iret_restores_rf)
{
    watch(0, AT_CODE + 0x100, RW_CODE, LEN_1);
    c->gpr[RSP] -= 12;
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, AT_CODE + 0x100);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 4, 4, SEL_CODE0);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 8, 4, EF_RF);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "90"), NO_FAULT);
}

Test(debug, breakpoint_in_the_middle_of_an_instruction_is_no_match)
{
    watch(0, AT_CODE + 1, RW_CODE, LEN_1);
    cr_assert_eq(cpu_rig_exec(&rig, "B8 00 00 00 00"), NO_FAULT);
}

/* ---- Data breakpoints ---- */

Test(debug, write_breakpoint_traps_behind_the_write_and_ignores_reads)
{
    watch(2, AT_DATA, RW_WRITE, LEN_4);
    cr_assert_eq(cpu_rig_exec(&rig, "A1 00 C0 00 00"), NO_FAULT);
    assert_trap(cpu_rig_exec(&rig, "A3 00 C0 00 00"), 4, AT_CODE + 10);
}

Test(debug, access_breakpoint_traps_on_any_byte_it_covers)
{
    watch(0, AT_DATA + 2, RW_ACCESS, LEN_2);
    assert_trap(cpu_rig_exec(&rig, "A1 00 C0 00 00"), 1, AT_CODE + 5);
    c->rip = AT_CODE;
    c->dr[6] = 0xFFFF0FF0;
    cr_assert_eq(cpu_rig_exec(&rig, "66 A1 00 C0 00 00"), NO_FAULT);
}

Test(debug, length_aligns_the_address)
{
    watch(0, AT_DATA + 3, RW_WRITE, LEN_4);
    assert_trap(cpu_rig_exec(&rig, "A2 00 C0 00 00"), 1, AT_CODE + 5);
}

Test(debug, met_but_disabled_breakpoints_show_beside_an_enabled_one)
{
    c->dr[3] = AT_DATA;
    c->dr[7] |= RW_WRITE << 28;
    watch(0, AT_DATA, RW_WRITE, LEN_1);
    assert_trap(cpu_rig_exec(&rig, "A2 00 C0 00 00"), 9, AT_CODE + 5);
}

Test(debug, repeated_string_stops_at_the_round_that_hit)
{
    int vector;

    watch(0, AT_DATA + 2, RW_WRITE, LEN_1);
    c->gpr[RCX] = 8;
    c->gpr[RDI] = AT_DATA;
    do
        vector = cpu_rig_exec(&rig, "F3 AA");
    while (vector == NO_FAULT && c->rip == AT_CODE); /* as the engine does while rounds are left */
    assert_trap(vector, 1, AT_CODE);
    cr_assert_eq(c->gpr[RCX], 5);
    cr_assert(cpu_rig_stack(&rig, 2) & EF_RF);
}

Test(debug, breakpoint_hit_under_a_load_of_ss_waits_for_the_next_instruction)
{
    watch(0, AT_DATA, RW_ACCESS, LEN_2);
    cpu_rig_put(&rig, AT_DATA, 2, SEL_DATA0);
    cr_assert_eq(cpu_rig_exec(&rig, "8E 15 00 C0 00 00"), NO_FAULT); /* mov ss, [C000] */
    assert_trap(cpu_rig_exec(&rig, "90"), 1, AT_CODE + 7);
}

Test(debug, io_breakpoint_needs_cr4_de)
{
    watch(0, 0x80, RW_IO, LEN_1);
    cr_assert_eq(cpu_rig_exec(&rig, "E6 80"), NO_FAULT); /* out 80h, al */
    c->cr4 |= CR4_DE;
    cpu_update_mode(c);
    assert_trap(cpu_rig_exec(&rig, "E6 80"), 1, AT_CODE + 4);
}

/* ---- The registers themselves ---- */

Test(debug, fixed_bits_read_as_they_must)
{
    c->gpr[RAX] = 0xFFFFFFFF;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 23 F0"), NO_FAULT); /* mov dr6, eax */
    cr_assert_eq(cpu_rig_exec(&rig, "0F 21 F3"), NO_FAULT); /* mov ebx, dr6 */
    cr_assert_eq(c->gpr[RBX], 0xFFFFEFFF);
    c->gpr[RAX] = 0;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 23 F8"), NO_FAULT); /* mov dr7, eax */
    cr_assert_eq(cpu_rig_exec(&rig, "0F 21 FB"), NO_FAULT);
    cr_assert_eq(c->gpr[RBX], 0x400);
}

Test(debug, dr4_and_dr5_are_aliases_unless_de_is_set)
{
    cr_assert_eq(cpu_rig_exec(&rig, "0F 21 E3"), NO_FAULT); /* mov ebx, dr4 */
    cr_assert_eq(c->gpr[RBX], 0xFFFF0FF0);
    c->cr4 |= CR4_DE;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 21 E3"), VEC_UD);
}

Test(debug, general_detect_faults_and_clears_itself)
{
    c->dr[7] |= DR7_GD;
    assert_trap(cpu_rig_exec(&rig, "0F 21 C3"), DR6_BD, AT_CODE);
    cr_assert_not(c->dr[7] & DR7_GD);
}
