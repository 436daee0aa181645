/* Interrupts, traps and faults: frames, error codes, double and triple faults, shadows. */
#include "cpu/fault.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>
#include <string.h>

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

TestSuite(event, .init = setup, .fini = teardown);

static void assert_fault(int got, int vector, u32 error)
{
    cr_assert_eq(got, vector, "vector %d, not %d", got, vector);
    cr_assert_eq(cpu_rig_stack(&rig, 0), error, "error %X, not %X", cpu_rig_stack(&rig, 0), error);
}

static void assert_shut_down(int got, const char *cause)
{
    cr_assert_eq(got, SHUT_DOWN);
    cr_assert(strstr(c->crash, cause), "%s", c->crash);
}

/* ---- Frames ---- */

Test(event, same_level_interrupt_pushes_flags_cs_and_eip)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF | EF_CF | EF_NT);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80); /* int 80h */
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 12);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 2);
    cr_assert_eq(cpu_rig_stack(&rig, 1), SEL_CODE0);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_IF | EF_CF | EF_NT | EF_FIXED);
    cr_assert_eq(cpu_flags(c), EF_CF | EF_FIXED, "IF, NT and TF are cleared");
}

Test(event, trap_gate_leaves_if)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_idt_gate(&rig, 0x80, SYS_TRAP_GATE32, SEL_CODE0, AT_HANDLERS + 0x800, 3);
    cpu_rig_flags(&rig, EF_IF);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80);
    cr_assert(c->eflags & EF_IF);
}

Test(event, inner_level_takes_its_stack_from_the_tss)
{
    cpu_rig_protected(&rig, 3);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80);
    cr_assert_eq(c->cpl, 0);
    cr_assert_eq(c->seg[SEG_SS].sel, SEL_DATA0);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 20);
    cr_assert_eq(cpu_rig_stack(&rig, 1), SEL_CODE3);
    cr_assert_eq(cpu_rig_stack(&rig, 3), AT_STACK3);
    cr_assert_eq(cpu_rig_stack(&rig, 4), SEL_DATA3);
}

Test(event, gate_of_16_bits_pushes_words)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE16, SEL_CODE0, AT_HANDLERS + 0x800, 3);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 6);
    cr_assert_eq(cpu_rig_stack(&rig, 0), SEL_CODE0 << 16 | ((AT_CODE + 2) & 0xFFFF));
}

Test(event, virtual_8086_frame_holds_all_segments)
{
    static const u16 sel[] = {0x111, 0x222, 0x333, 0x444};

    cpu_rig_v86(&rig, 3);
    seg_load_real(c, SEG_ES, sel[0]);
    seg_load_real(c, SEG_DS, sel[1]);
    seg_load_real(c, SEG_FS, sel[2]);
    seg_load_real(c, SEG_GS, sel[3]);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 80"), 0x80);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 36);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 2);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE >> 4);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_VM | EF_IOPL | EF_FIXED);
    cr_assert_eq(cpu_rig_stack(&rig, 3), AT_STACK3);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(cpu_rig_stack(&rig, 5 + i), sel[i]);
    cr_assert_not(cpu_is_v86(c));
    cr_assert(c->seg[SEG_DS].unusable && c->seg[SEG_GS].unusable);
}

Test(event, virtual_8086_code_can_only_be_left_to_level_zero)
{
    cpu_rig_v86(&rig, 3);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE32, SEL_CODE1, AT_HANDLERS, 3);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, SEL_CODE1 & SEL_ERROR);
}

Test(event, real_mode_pushes_words_and_goes_through_the_table_at_idtr)
{
    cpu_rig_real(&rig);
    c->idtr = (struct table_reg){0x2000, 0x3FF};
    cpu_rig_put(&rig, 0x2000 + 0x21 * 4, 4, AT_HANDLERS + 0x210);
    cpu_rig_flags(&rig, EF_IF | EF_TF | EF_CF);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 21"), 0x21);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 6);
    cr_assert_eq(cpu_rig_stack(&rig, 0), (AT_CODE >> 4) << 16 | 2);
    cr_assert_eq(cpu_flags(c), EF_CF | EF_FIXED);
}

Test(event, real_mode_table_has_a_limit)
{
    cpu_rig_real(&rig);
    c->idtr.limit = 13 * 4 + 3;
    cr_assert_eq(cpu_rig_exec(&rig, "CD 0E"), VEC_GP);
}

/* ---- Checks of gates ---- */

Test(event, software_interrupt_needs_the_gates_level_and_hardware_does_not)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE32, SEL_CODE0, AT_HANDLERS + 0x800, 0);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, 0x80 * 8 + 2);
    cpu_rig_protected(&rig, 3);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE32, SEL_CODE0, AT_HANDLERS + 0x800, 0);
    rig.inta_vector = 0x80;
    cpu_rig_flags(&rig, EF_IF);
    cpu_set_intr(c, true);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + 0x800);
}

Test(event, error_code_says_external_unless_a_program_asked)
{
    cpu_rig_protected(&rig, 0);
    c->idtr.limit = 32 * 8 - 1;
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, 0x80 * 8 + 2);
    cpu_rig_protected(&rig, 0);
    c->idtr.limit = 32 * 8 - 1;
    rig.inta_vector = 0x80;
    cpu_rig_flags(&rig, EF_IF);
    cpu_set_intr(c, true);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + VEC_GP * 16);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0x80 * 8 + 3);
}

Test(event, absent_gate_is_not_present_with_its_number)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_put(&rig, AT_IDT + 0x80 * 8 + 5, 1, SYS_INT_GATE32 | ATTR_DPL3);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_NP, 0x80 * 8 + 2);
}

Test(event, wrong_gate_type_and_outer_handlers_are_refused)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_idt_gate(&rig, 0x80, SYS_CALL_GATE32, SEL_CODE0, AT_HANDLERS, 3);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, 0x80 * 8 + 2);
    cpu_rig_protected(&rig, 0);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE32, SEL_CODE3, AT_HANDLERS, 3);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, SEL_CODE3 & SEL_ERROR);
    cpu_rig_protected(&rig, 0);
    cpu_rig_idt_gate(&rig, 0x80, SYS_INT_GATE32, 0, AT_HANDLERS, 3);
    assert_fault(cpu_rig_exec(&rig, "CD 80"), VEC_GP, 0);
}

/* ---- Faults ---- */

Test(event, fault_returns_to_its_instruction_with_rf_set)
{
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 0B"), VEC_UD); /* ud2 */
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_RF | EF_FIXED);
    cr_assert_eq(c->count, 0, "a faulting instruction does not count");
}

Test(event, breakpoint_and_overflow_return_behind_and_have_no_rf)
{
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "CC"), VEC_BP);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 1);
    cr_assert_eq(cpu_rig_stack(&rig, 2), EF_FIXED);
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_OF);
    cr_assert_eq(cpu_rig_exec(&rig, "CE"), VEC_OF);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 1);
}

Test(event, into_without_overflow_goes_on)
{
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "CE"), NO_FAULT);
    cr_assert_eq(c->rip, AT_CODE + 1);
}

Test(event, bound_faults_outside_its_signed_range)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_put(&rig, AT_DATA, 4, (u32)-5);
    cpu_rig_put(&rig, AT_DATA + 4, 4, 5);
    c->gpr[RAX] = (u32)-5;
    cr_assert_eq(cpu_rig_exec(&rig, "62 05 00 C0 00 00"), NO_FAULT); /* bound eax, [C000] */
    c->gpr[RAX] = 6;
    cr_assert_eq(cpu_rig_exec(&rig, "62 05 00 C0 00 00"), VEC_BR);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 6);
}

Test(event, page_fault_sets_cr2_and_pushes_its_error)
{
    cpu_rig_protected(&rig, 3);
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, 0x101000 + i * 4, 4, i << 12 | 7);
    cpu_rig_put(&rig, 0x100000, 4, 0x101007);
    cpu_rig_put(&rig, 0x101000 + (AT_DATA >> 12) * 4, 4, AT_DATA | 5);
    c->cr3 = 0x100000;
    c->cr0 |= CR0_PG;
    cpu_update_mode(c);
    assert_fault(cpu_rig_exec(&rig, "A3 10 C0 00 00"), VEC_PF, PF_P | PF_W | PF_U);
    cr_assert_eq(c->cr2, AT_DATA + 0x10);
}

/* ---- Double and triple faults ---- */

Test(event, second_contributory_fault_makes_a_double_fault)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_put(&rig, AT_IDT + VEC_GP * 8 + 5, 1, SYS_INT_GATE32); /* absent */
    assert_fault(cpu_rig_exec(&rig, "8E D0"), VEC_DF, 0);          /* mov ss, null */
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE);
}

Test(event, fault_after_a_benign_one_is_delivered_by_itself)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_put(&rig, AT_IDT + VEC_UD * 8 + 5, 1, SYS_INT_GATE32);
    assert_fault(cpu_rig_exec(&rig, "0F 0B"), VEC_NP, VEC_UD * 8 + 3);
}

Test(event, third_fault_shuts_down_and_names_the_first)
{
    cpu_rig_protected(&rig, 0);
    c->idtr.limit = 0;
    assert_shut_down(cpu_rig_exec(&rig, "0F 0B"), "first #UD (this processor has no such");
    cr_assert(strstr(c->crash, "0008:00010000"), "%s", c->crash);
}

Test(event, stack_that_is_gone_shuts_down)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFF, ATTR_DATA | DESC_DB);
    cpu_rig_load(&rig, SEG_SS, SEL_FREE);
    assert_shut_down(cpu_rig_exec(&rig, "50"), "first #SS(0000)"); /* push eax */
}

Test(event, nmi_ends_a_shutdown)
{
    cpu_rig_protected(&rig, 0);
    c->idtr.limit = 0;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 0B"), SHUT_DOWN);
    c->idtr.limit = 0x7FF;
    cpu_raise_nmi(c);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + VEC_NMI * 16);
    cr_assert_not(c->shutdown);
}

/* ---- Pending interrupts ---- */

Test(event, interrupts_wait_for_if)
{
    cpu_rig_protected(&rig, 0);
    rig.inta_vector = 0x30;
    cpu_set_intr(c, true);
    cr_assert_not(c->attention & ATT_INTR);
    cr_assert_not(cpu_service(c));
    cpu_rig_flags(&rig, EF_IF);
    cr_assert(c->attention & ATT_INTR);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + 0x300);
    cr_assert_not(c->attention & ATT_INTR, "the gate has cleared IF");
}

Test(event, sti_holds_interrupts_back_for_one_instruction)
{
    cpu_rig_protected(&rig, 0);
    cpu_set_intr(c, true);
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT); /* sti */
    cr_assert(cpu_waits_for_shadow(c));
    cr_assert_not(cpu_service(c));
    cr_assert_eq(cpu_rig_exec(&rig, "90"), NO_FAULT);
    cr_assert_not(cpu_waits_for_shadow(c));
    cr_assert(c->attention & ATT_INTR);
    cr_assert(cpu_service(c));
}

Test(event, sti_with_interrupts_on_already_has_no_shadow)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF);
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT);
    cpu_set_intr(c, true);
    cr_assert(c->attention & ATT_INTR);
}

Test(event, load_of_ss_holds_back_interrupts_and_nmi)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF);
    c->gpr[RAX] = SEL_DATA0;
    cr_assert_eq(cpu_rig_exec(&rig, "8E D0"), NO_FAULT); /* mov ss, ax */
    cpu_set_intr(c, true);
    cpu_raise_nmi(c);
    cr_assert_not(cpu_service(c));
    cr_assert_eq(cpu_rig_exec(&rig, "90"), NO_FAULT);
    cr_assert(c->attention & ATT_NMI);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + VEC_NMI * 16, "NMI comes first");
}

Test(event, nmi_is_blocked_until_iret)
{
    cpu_rig_protected(&rig, 0);
    cpu_raise_nmi(c);
    cr_assert(cpu_service(c));
    cpu_raise_nmi(c);
    cr_assert_not(cpu_service(c));
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT); /* iret */
    cr_assert_eq(c->rip, AT_CODE);
    cr_assert(c->attention & ATT_NMI);
    cr_assert(cpu_service(c));
}

Test(event, interrupt_ends_hlt_behind_it)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF);
    cr_assert_eq(cpu_rig_exec(&rig, "F4"), NO_FAULT);
    cr_assert(c->halted);
    rig.inta_vector = 0x30;
    cpu_set_intr(c, true);
    cr_assert(cpu_service(c));
    cr_assert_not(c->halted);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 1);
}

Test(event, misaligned_user_stack_with_its_own_handler_ends_in_shutdown)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_idt_gate(&rig, VEC_AC, SYS_INT_GATE32, SEL_CODE3, AT_HANDLERS + VEC_AC * 16, 3);
    c->cr0 |= CR0_AM;
    cpu_rig_flags(&rig, EF_AC);
    c->gpr[RSP] -= 2;
    assert_shut_down(cpu_rig_exec(&rig, "50"), "first #AC(0000)");
}
