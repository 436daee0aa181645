/* Segment registers: what may be loaded, and what may then be reached through them. */
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>

static struct cpu_rig rig;
static struct cpu *c;

static void setup(void)
{
    cpu_rig_setup(&rig, "pentium2");
    c = rig.cpu;
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(segment, .init = setup, .fini = teardown);

static int load_ds(u16 sel)
{
    c->gpr[RAX] = sel;
    return cpu_rig_exec(&rig, "8E D8"); /* mov ds, ax */
}

static int load_ss(u16 sel)
{
    c->gpr[RAX] = sel;
    return cpu_rig_exec(&rig, "8E D0"); /* mov ss, ax */
}

/* A fault with its error code. */
static void assert_fault(int got, int vector, u32 error)
{
    cr_assert_eq(got, vector, "vector %d, not %d", got, vector);
    cr_assert_eq(cpu_rig_stack(&rig, 0), error, "error %X, not %X", cpu_rig_stack(&rig, 0), error);
}

Test(segment, null_selector_may_be_loaded_but_not_used)
{
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(load_ds(3), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A1 00 C0 00 00"), VEC_GP, 0); /* mov eax, [C000] */
}

Test(segment, null_selector_faults_for_the_stack)
{
    cpu_rig_protected(&rig, 0);
    assert_fault(load_ss(0), VEC_GP, 0);
}

Test(segment, selector_behind_the_table_faults_with_its_number)
{
    cpu_rig_protected(&rig, 0);
    assert_fault(load_ds(0x403), VEC_GP, 0x400);
}

Test(segment, local_selector_without_a_local_table_faults)
{
    cpu_rig_protected(&rig, 0);
    assert_fault(load_ds(SEL_DATA0 | SEL_TI), VEC_GP, SEL_DATA0 | SEL_TI);
}

Test(segment, local_table_is_used)
{
    cpu_rig_protected(&rig, 0);
    c->gpr[RAX] = SEL_LDT;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 D0"), NO_FAULT); /* lldt ax */
    cpu_rig_put(&rig, AT_LDT + 8, 4, 0x4321FFFF);
    cpu_rig_put(&rig, AT_LDT + 12, 4, 0x00009265);
    cr_assert_eq(load_ds(8 | SEL_TI), NO_FAULT);
    cr_assert_eq(c->seg[SEG_DS].base, 0x654321);
}

Test(segment, inner_data_is_refused_to_outer_code)
{
    cpu_rig_protected(&rig, 3);
    assert_fault(load_ds(SEL_DATA0), VEC_GP, SEL_DATA0);
}

Test(segment, requested_level_counts_as_much_as_the_current_one)
{
    cpu_rig_protected(&rig, 0);
    assert_fault(load_ds(SEL_DATA0 | 3), VEC_GP, SEL_DATA0);
}

Test(segment, absent_segment_is_not_present_for_data_and_a_stack_fault_for_ss)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA & ~DESC_P);
    assert_fault(load_ds(SEL_FREE), VEC_NP, SEL_FREE);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA & ~DESC_P);
    assert_fault(load_ss(SEL_FREE), VEC_SS, SEL_FREE);
}

Test(segment, wrong_kind_is_found_before_absence)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, DESC_S | DESC_CODE);
    assert_fault(load_ds(SEL_FREE), VEC_GP, SEL_FREE);
}

Test(segment, stack_must_be_writable_and_of_the_current_level)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA & ~DESC_RW);
    assert_fault(load_ss(SEL_FREE), VEC_GP, SEL_FREE);
    cpu_rig_protected(&rig, 0);
    assert_fault(load_ss(SEL_DATA3), VEC_GP, SEL_DATA3 & SEL_ERROR);
    cpu_rig_protected(&rig, 3);
    assert_fault(load_ss(SEL_DATA3 & ~3), VEC_GP, SEL_DATA3 & SEL_ERROR);
}

Test(segment, readable_conforming_code_is_data_for_everybody)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | DESC_EC);
    cr_assert_eq(load_ds(SEL_FREE | 3), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A3 00 C0 00 00"), VEC_GP, 0); /* mov [C000], eax */
}

Test(segment, load_sets_the_accessed_bit_in_memory)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    cr_assert_eq(cpu_rig_get(&rig, AT_GDT + SEL_FREE + 5, 1), ATTR_DATA | DESC_ACCESSED);
}

Test(segment, faulting_load_leaves_the_register_and_the_stack_pointer)
{
    cpu_rig_protected(&rig, 0);
    c->gpr[RSP] = AT_DATA;
    cpu_rig_put(&rig, AT_DATA, 4, 0x400);
    assert_fault(cpu_rig_exec(&rig, "1F"), VEC_GP, 0x400); /* pop ds */
    cr_assert_eq(c->seg[SEG_DS].sel, SEL_DATA0);
    cr_assert_eq(c->gpr[RSP], AT_DATA - 16); /* the frame alone */
}

Test(segment, limit_is_the_last_valid_byte)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, AT_DATA, 0xFF, ATTR_DATA);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A1 FC 00 00 00"), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A1 FD 00 00 00"), VEC_GP, 0);
}

Test(segment, granular_limit_has_4095_in_its_low_bits)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 15, ATTR_DATA | DESC_G);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    cr_assert_eq(c->seg[SEG_DS].limit, 0xFFFF);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 FF FF 00 00"), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A0 00 00 01 00"), VEC_GP, 0);
}

Test(segment, expand_down_segment_is_valid_above_its_limit)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFF, ATTR_DATA | DESC_EC);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 10 00 00"), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 FF FF 00 00"), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A0 FF 0F 00 00"), VEC_GP, 0);
}

Test(segment, small_expand_down_segment_ends_at_64k_and_a_big_one_does_not)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFF, ATTR_DATA | DESC_EC);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A0 00 00 01 00"), VEC_GP, 0);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFF, ATTR_DATA | DESC_EC | DESC_DB);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 01 00"), NO_FAULT);
}

Test(segment, read_only_and_execute_only_are_enforced)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA & ~DESC_RW);
    cr_assert_eq(load_ds(SEL_FREE), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A2 00 C0 00 00"), VEC_GP, 0);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFFF, (ATTR_CODE | ATTR_FLAT) & ~DESC_RW);
    cpu_rig_load(&rig, SEG_CS, SEL_FREE);
    assert_fault(cpu_rig_exec(&rig, "2E A0 00 C0 00 00"), VEC_GP, 0); /* mov al, cs:[C000] */
}

Test(segment, violation_through_ss_is_a_stack_fault)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA | DESC_DB);
    cr_assert_eq(load_ss(SEL_FREE), NO_FAULT);
    c->gpr[RBP] = 0x10000;
    assert_fault(cpu_rig_exec(&rig, "8A 45 00"), VEC_SS, 0); /* mov al, [ebp] */
}

Test(segment, real_mode_keeps_the_limit_that_protected_mode_left)
{
    cpu_rig_real(&rig);
    c->seg[SEG_DS].limit = 0xFFFFFFFF;
    cr_assert_eq(load_ds(0x10), NO_FAULT);
    cr_assert_eq(c->seg[SEG_DS].base, 0x100);
    cpu_rig_put(&rig, 0x120100, 1, 0x5A);
    cr_assert_eq(cpu_rig_exec(&rig, "67 A0 00 00 12 00"), NO_FAULT); /* mov al, [00120000h] */
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0x5A);
}

Test(segment, real_mode_faults_at_64k_without_an_error_code)
{
    cpu_rig_real(&rig);
    c->gpr[RSP] = AT_STACK0;
    cr_assert_eq(cpu_rig_exec(&rig, "A1 FF FF"), VEC_GP); /* mov ax, [FFFF] */
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 6);
}

Test(segment, far_pointer_loads_commit_nothing_when_the_selector_faults)
{
    cpu_rig_protected(&rig, 0);
    c->gpr[RBX] = 0x12345678;
    cpu_rig_put(&rig, AT_DATA, 4, 0xAAAAAAAA);
    cpu_rig_put(&rig, AT_DATA + 4, 2, 0x400);
    assert_fault(cpu_rig_exec(&rig, "C4 1D 00 C0 00 00"), VEC_GP, 0x400); /* les ebx, [C000] */
    cr_assert_eq(c->gpr[RBX], 0x12345678);
}

Test(segment, lar_and_lsl_tell_by_zf_what_the_level_may_see)
{
    cpu_rig_protected(&rig, 3);
    c->gpr[RCX] = SEL_DATA3;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 02 C1"), NO_FAULT); /* lar eax, ecx */
    cr_assert(c->aflags & AF_ZF);
    cr_assert_eq(c->gpr[RAX], 0xCFF200);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 03 C1"), NO_FAULT); /* lsl eax, ecx */
    cr_assert_eq(c->gpr[RAX], 0xFFFFFFFF);
    c->gpr[RCX] = SEL_DATA0;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 02 C1"), NO_FAULT);
    cr_assert_not(c->aflags & AF_ZF);
    cr_assert_eq(c->gpr[RAX], 0xFFFFFFFF, "the register stays");
}

Test(segment, lsl_refuses_gates_and_lar_takes_call_gates)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE0, 0, 0, 0);
    c->gpr[RCX] = SEL_FREE;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 03 C1"), NO_FAULT);
    cr_assert_not(c->aflags & AF_ZF);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 02 C1"), NO_FAULT);
    cr_assert(c->aflags & AF_ZF);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_INT_GATE32, SEL_CODE0, 0, 0, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 02 C1"), NO_FAULT);
    cr_assert_not(c->aflags & AF_ZF);
}

Test(segment, verr_and_verw_look_at_rights_and_level)
{
    cpu_rig_protected(&rig, 3);
    c->gpr[RCX] = SEL_CODE3;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 E1"), NO_FAULT); /* verr cx */
    cr_assert(c->aflags & AF_ZF);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 E9"), NO_FAULT); /* verw cx */
    cr_assert_not(c->aflags & AF_ZF);
    c->gpr[RCX] = SEL_DATA0;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 E1"), NO_FAULT);
    cr_assert_not(c->aflags & AF_ZF);
}

Test(segment, arpl_raises_the_requested_level)
{
    cpu_rig_protected(&rig, 0);
    c->gpr[RAX] = 0x50;
    c->gpr[RBX] = 0x1B;
    cr_assert_eq(cpu_rig_exec(&rig, "63 D8"), NO_FAULT); /* arpl ax, bx */
    cr_assert_eq(c->gpr[RAX], 0x53);
    cr_assert(c->aflags & AF_ZF);
    cr_assert_eq(cpu_rig_exec(&rig, "63 D8"), NO_FAULT);
    cr_assert_not(c->aflags & AF_ZF);
}

Test(segment, ltr_marks_the_tss_busy_and_refuses_a_busy_one)
{
    cpu_rig_protected(&rig, 0);
    c->gpr[RAX] = SEL_TSS2;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 D8"), NO_FAULT); /* ltr ax */
    cr_assert_eq(cpu_rig_get(&rig, AT_GDT + SEL_TSS2 + 5, 1), DESC_P | SYS_TSS32_BUSY);
    assert_fault(cpu_rig_exec(&rig, "0F 00 D8"), VEC_GP, SEL_TSS2);
}

Test(segment, system_loads_are_for_level_zero)
{
    static const char *const privileged[] = {"0F 00 D0",
                                             "0F 00 D8",             /* lldt, ltr */
                                             "0F 01 15 00 C0 00 00", /* lgdt [C000] */
                                             "0F 01 1D 00 C0 00 00", /* lidt [C000] */
                                             "0F 01 F0",             /* lmsw ax */
                                             "0F 06",
                                             "F4",
                                             "0F 08",
                                             "0F 09",
                                             "0F 20 C0",
                                             "0F 22 C0",
                                             "0F 21 C0",
                                             "0F 23 C0",
                                             "0F 30",
                                             "0F 32",
                                             "0F 01 3D 00 C0 00 00" /* invlpg [C000] */};

    for (unsigned i = 0; i < ARRAY_LEN(privileged); i++) {
        cpu_rig_protected(&rig, 3);
        assert_fault(cpu_rig_exec(&rig, privileged[i]), VEC_GP, 0);
    }
}

Test(segment, alignment_is_checked_at_level_three_only_where_both_switches_are_on)
{
    cpu_rig_protected(&rig, 3);
    c->cr0 |= CR0_AM;
    cpu_rig_flags(&rig, EF_AC);
    cr_assert_eq(cpu_rig_exec(&rig, "A1 00 C0 00 00"), NO_FAULT);
    assert_fault(cpu_rig_exec(&rig, "A1 02 C0 00 00"), VEC_AC, 0);
    cpu_rig_protected(&rig, 0);
    c->cr0 |= CR0_AM;
    cpu_rig_flags(&rig, EF_AC);
    cr_assert_eq(cpu_rig_exec(&rig, "A1 02 C0 00 00"), NO_FAULT);
}
