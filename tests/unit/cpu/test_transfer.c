/* Far jumps, calls, returns and IRET: code segments, call gates, levels. */
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

TestSuite(transfer, .init = setup, .fini = teardown);

static void assert_fault(int got, int vector, u32 error)
{
    cr_assert_eq(got, vector, "vector %d, not %d", got, vector);
    cr_assert_eq(cpu_rig_stack(&rig, 0), error, "error %X, not %X", cpu_rig_stack(&rig, 0), error);
}

static void assert_at(u16 cs, u64 rip)
{
    cr_assert_eq(c->seg[SEG_CS].sel, cs, "CS is %X", c->seg[SEG_CS].sel);
    cr_assert_eq(c->rip, rip, "rIP is %llX", (unsigned long long)c->rip);
}

/* Far pointers 1234:SEL_FREE, in instructions and in memory. */
#define JMP_FREE  "EA 34 12 00 00 50 00"
#define CALL_FREE "9A 34 12 00 00 50 00"

Test(transfer, jump_to_code_of_the_same_level)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0x30000, 0xFFFF, ATTR_CODE | DESC_DB);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_FREE), NO_FAULT);
    assert_at(SEL_FREE, 0x1234);
    cr_assert_eq(c->seg[SEG_CS].base, 0x30000);
    cr_assert_eq(cpu_rig_get(&rig, AT_GDT + SEL_FREE + 5, 1), ATTR_CODE | DESC_ACCESSED);
}

Test(transfer, jump_beyond_the_limit_faults)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0x1233, ATTR_CODE | DESC_DB);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, 0);
}

Test(transfer, jump_to_null_data_absent_or_other_levels_faults)
{
    cpu_rig_protected(&rig, 0);
    assert_fault(cpu_rig_exec(&rig, "EA 00 00 00 00 00 00"), VEC_GP, 0);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, SEL_FREE);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE & ~DESC_P);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_NP, SEL_FREE);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | ATTR_DPL3);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, SEL_FREE);
    cpu_rig_protected(&rig, 3);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, SEL_FREE);
}

Test(transfer, conforming_code_runs_at_the_level_of_its_caller)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | DESC_EC | DESC_DB);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_FREE), NO_FAULT);
    assert_at(SEL_FREE | 3, 0x1234);
    cr_assert_eq(c->cpl, 3);
}

Test(transfer, conforming_code_of_an_outer_level_is_refused)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | DESC_EC | ATTR_DPL3);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, SEL_FREE);
}

Test(transfer, call_pushes_selector_and_offset_by_operand_size)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | DESC_DB);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 7);
    cr_assert_eq(cpu_rig_stack(&rig, 1), SEL_CODE0);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 8);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_CODE | DESC_DB);
    cr_assert_eq(cpu_rig_exec(&rig, "66 9A 34 12 50 00"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), SEL_CODE0 << 16 | ((AT_CODE + 6) & 0xFFFF));
}

/* ---- Call gates ---- */

static void gate_to_level0(unsigned params)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE0, 0x14000, 3, params);
    cpu_rig_put(&rig, AT_STACK3 - 8, 4, 0x11111111);
    cpu_rig_put(&rig, AT_STACK3 - 4, 4, 0x22222222);
    c->gpr[RSP] = AT_STACK3 - 8;
}

Test(transfer, gate_switches_stacks_and_copies_parameters)
{
    gate_to_level0(2);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), NO_FAULT);
    assert_at(SEL_CODE0, 0x14000);
    cr_assert_eq(c->cpl, 0);
    cr_assert_eq(c->seg[SEG_SS].sel, SEL_DATA0);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 24);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 7);
    cr_assert_eq(cpu_rig_stack(&rig, 1), SEL_CODE3);
    cr_assert_eq(cpu_rig_stack(&rig, 2), 0x11111111);
    cr_assert_eq(cpu_rig_stack(&rig, 3), 0x22222222);
    cr_assert_eq(cpu_rig_stack(&rig, 4), AT_STACK3 - 8);
    cr_assert_eq(cpu_rig_stack(&rig, 5), SEL_DATA3);
}

Test(transfer, return_to_the_outer_level_releases_parameters_on_both_stacks)
{
    gate_to_level0(2);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), NO_FAULT);
    cpu_rig_load(&rig, SEG_ES, SEL_DATA0);
    cr_assert_eq(cpu_rig_exec(&rig, "CA 08 00"), NO_FAULT); /* retf 8 */
    assert_at(SEL_CODE3, AT_CODE + 7);
    cr_assert_eq(c->cpl, 3);
    cr_assert_eq(c->gpr[RSP], AT_STACK3);
    cr_assert_eq(c->seg[SEG_SS].sel, SEL_DATA3);
    cr_assert(c->seg[SEG_ES].unusable, "level 0 data is out of reach");
    cr_assert_eq(c->seg[SEG_ES].sel, 0);
    cr_assert_not(c->seg[SEG_DS].unusable);
}

Test(transfer, gate_of_16_bits_pushes_words)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE16, SEL_CODE0, 0x4000, 3, 1);
    c->gpr[RSP] = AT_STACK3 - 2;
    cpu_rig_put(&rig, AT_STACK3 - 2, 2, 0x3333);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), NO_FAULT);
    assert_at(SEL_CODE0, 0x4000);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 10);
    cr_assert_eq(cpu_rig_stack(&rig, 0), SEL_CODE3 << 16 | ((AT_CODE + 7) & 0xFFFF));
    cr_assert_eq(cpu_rig_stack(&rig, 1), (u32)(AT_STACK3 - 2) << 16 | 0x3333);
}

Test(transfer, gate_to_conforming_code_keeps_level_and_stack)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_desc(&rig, SEL_FREE + 8, 0, 0xFFFFF, ATTR_CODE | DESC_EC | ATTR_FLAT);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_FREE + 8, 0x14000, 3, 2);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), NO_FAULT);
    assert_at((SEL_FREE + 8) | 3, 0x14000);
    cr_assert_eq(c->gpr[RSP], AT_STACK3 - 8, "and no parameters are copied");
}

Test(transfer, gate_checks_its_own_level_and_presence_first)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE0, 0, 2, 0);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_GP, SEL_FREE);
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_DATA0, 0, 3, 0);
    cpu_rig_put(&rig, AT_GDT + SEL_FREE + 5, 1, SYS_CALL_GATE32 | ATTR_DPL3);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_NP, SEL_FREE);
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, 0, 0, 3, 0);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_GP, 0);
    cpu_rig_protected(&rig, 3);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_DATA0, 0, 3, 0);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_GP, SEL_DATA0);
}

Test(transfer, jump_through_a_gate_cannot_change_the_level)
{
    gate_to_level0(0);
    assert_fault(cpu_rig_exec(&rig, JMP_FREE), VEC_GP, SEL_CODE0);
}

Test(transfer, bad_inner_stack_is_a_tss_fault)
{
    gate_to_level0(0);
    cpu_rig_desc(&rig, SEL_TSS, AT_TSS, 7, DESC_P | SYS_TSS32_BUSY);
    c->tr.limit = 7; /* not even the first stack is inside; no #GP handler can be entered */
    cr_assert_eq(cpu_rig_exec(&rig, CALL_FREE), SHUT_DOWN);
    cr_assert(strstr(c->crash, "first #TS(0028)"), "%s", c->crash);
    gate_to_level0(0);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE1, 0x14000, 3, 0);
    cpu_rig_put(&rig, AT_TSS + 16, 4, SEL_DATA0);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_TS, SEL_DATA0);
    gate_to_level0(0);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE1, 0x14000, 3, 0);
    cpu_rig_desc(&rig, SEL_DATA1, 0, 0xFFFFF, (ATTR_DATA | ATTR_FLAT | ATTR_DPL1) & ~DESC_P);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_SS, SEL_DATA1 & SEL_ERROR);
}

Test(transfer, inner_stack_without_room_names_its_selector)
{
    gate_to_level0(0);
    cpu_rig_gdt_gate(&rig, SEL_FREE, SYS_CALL_GATE32, SEL_CODE1, 0x14000, 3, 0);
    cpu_rig_desc(&rig, SEL_DATA1, 0, 0xFFF, ATTR_DATA | DESC_DB | ATTR_DPL1);
    assert_fault(cpu_rig_exec(&rig, CALL_FREE), VEC_SS, SEL_DATA1 & SEL_ERROR);
}

/* ---- The log ---- */

Test(transfer, log_has_where_it_came_from_and_where_it_went)
{
    u16 from;
    u32 last;

    cpu_rig_real(&rig);
    from = c->seg[SEG_CS].sel;
    cpu_rig_put(&rig, c->seg[SEG_SS].base + c->gpr[RSP], 2, 0x0120);
    cpu_rig_put(&rig, c->seg[SEG_SS].base + c->gpr[RSP] + 2, 2, 0x0765);
    cpu_rig_exec(&rig, "CB"); /* far return to 0765:0120 */
    last = (c->transfer_next - 1) % TRANSFER_LOG;
    cr_assert_eq(c->transfers[last].to_cs, 0x0765);
    cr_assert_eq(c->transfers[last].to, 0x0120);
    cr_assert_eq(c->transfers[last].from_cs, from);
}

/* ---- Returns ---- */

static void push_frame(u32 eip, u32 cs, u32 third, u32 fourth, u32 fifth)
{
    u32 sp = (u32)c->gpr[RSP] - 20;

    cpu_rig_put(&rig, sp, 4, eip);
    cpu_rig_put(&rig, sp + 4, 4, cs);
    cpu_rig_put(&rig, sp + 8, 4, third);
    cpu_rig_put(&rig, sp + 12, 4, fourth);
    cpu_rig_put(&rig, sp + 16, 4, fifth);
    c->gpr[RSP] = sp;
}

Test(transfer, return_cannot_go_inwards)
{
    cpu_rig_protected(&rig, 3);
    push_frame(0x14000, SEL_CODE0, 0, 0, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_GP, SEL_CODE0);
}

Test(transfer, return_checks_the_code_segment_and_the_outer_stack)
{
    cpu_rig_protected(&rig, 0);
    push_frame(0x14000, 0, 0, 0, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_GP, 0);
    cpu_rig_protected(&rig, 0);
    push_frame(0x14000, SEL_DATA3, 0, 0, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_GP, SEL_DATA3 & SEL_ERROR);
    cpu_rig_protected(&rig, 0);
    push_frame(0x14000, SEL_CODE3, AT_STACK3, SEL_DATA0, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_GP, SEL_DATA0);
    cpu_rig_protected(&rig, 0);
    push_frame(0x14000, SEL_CODE3, AT_STACK3, 0, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_GP, 0);
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_DATA3, 0, 0xFFFFF, (ATTR_DATA | ATTR_FLAT | ATTR_DPL3) & ~DESC_P);
    push_frame(0x14000, SEL_CODE3, AT_STACK3, SEL_DATA3, 0);
    assert_fault(cpu_rig_exec(&rig, "CB"), VEC_SS, SEL_DATA3 & SEL_ERROR);
}

Test(transfer, iret_to_the_outer_level_takes_flags_by_the_inner_one)
{
    cpu_rig_protected(&rig, 0);
    push_frame(0x14000, SEL_CODE3, EF_IF | EF_IOPL | EF_CF | EF_ID, AT_STACK3, SEL_DATA3);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    assert_at(SEL_CODE3, 0x14000);
    cr_assert_eq(cpu_flags(c), EF_IF | EF_IOPL | EF_CF | EF_ID | EF_FIXED);
    cr_assert_eq(c->gpr[RSP], AT_STACK3);
}

Test(transfer, iret_at_level_three_changes_neither_iopl_nor_if)
{
    cpu_rig_protected(&rig, 3);
    cpu_rig_flags(&rig, EF_IF);
    push_frame(0x14000, SEL_CODE3, EF_IOPL | EF_ZF | EF_VM, 0, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(cpu_flags(c), EF_IF | EF_ZF | EF_FIXED);
}

Test(transfer, iret_of_16_bits_leaves_the_upper_flags)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_AC | EF_ID);
    c->gpr[RSP] -= 6;
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, SEL_CODE0 << 16 | 0x4000);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 4, 2, EF_CF);
    cr_assert_eq(cpu_rig_exec(&rig, "66 CF"), NO_FAULT);
    assert_at(SEL_CODE0, 0x4000);
    cr_assert_eq(cpu_flags(c), EF_AC | EF_ID | EF_CF | EF_FIXED);
}

Test(transfer, iret_enters_virtual_8086_mode_from_level_zero)
{
    static const u32 more[] = {0x100, 0x200, 0x300, 0x400};

    cpu_rig_protected(&rig, 0);
    c->gpr[RSP] = AT_STACK0 - 16;
    for (unsigned i = 0; i < 4; i++)
        cpu_rig_put(&rig, AT_STACK0 - 16 + i * 4, 4, more[i]);
    push_frame(0x123, 0x1400, EF_VM | EF_IOPL | EF_IF, 0xFFFE, 0x500);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert(cpu_is_v86(c));
    cr_assert_eq(c->cpl, 3);
    assert_at(0x1400, 0x123);
    cr_assert_eq(c->gpr[RSP], 0xFFFE);
    cr_assert_eq(c->seg[SEG_SS].base, 0x5000);
    cr_assert_eq(c->seg[SEG_ES].sel, 0x100);
    cr_assert_eq(c->seg[SEG_DS].sel, 0x200);
    cr_assert_eq(c->seg[SEG_FS].sel, 0x300);
    cr_assert_eq(c->seg[SEG_GS].base, 0x4000);
    cr_assert_eq(c->seg[SEG_GS].limit, 0xFFFF);
}

Test(transfer, return_to_a_16_bit_stack_keeps_the_upper_half_of_esp)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, ATTR_DATA | ATTR_DPL3);
    cpu_rig_load(&rig, SEG_SS, SEL_DATA0);
    c->gpr[RSP] = 0x128000;
    push_frame(0x14000, SEL_CODE3, EF_FIXED, 0x1234, SEL_FREE | 3);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(c->gpr[RSP], 0x121234);
}

/* ---- Near ---- */

Test(transfer, near_branch_is_cut_to_the_operand_size_and_checked)
{
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "66 EB 10"), NO_FAULT); /* jmp short, 16 bits */
    cr_assert_eq(c->rip, (AT_CODE + 0x13) & 0xFFFF);
    cpu_rig_protected(&rig, 0);
    c->seg[SEG_CS].limit = 0x100FF;
    assert_fault(cpu_rig_exec(&rig, "E9 00 01 00 00"), VEC_GP, 0);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE, "the fault is at the jump");
}

Test(transfer, fetch_behind_the_limit_faults_at_that_address)
{
    cpu_rig_protected(&rig, 0);
    c->seg[SEG_CS].limit = AT_CODE + 1;
    cr_assert_eq(cpu_rig_exec(&rig, "90 B8"), NO_FAULT);
    assert_fault(cpu_rig_step(&rig), VEC_GP, 0);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE + 1);
}

/* ---- SYSENTER and SYSEXIT ---- */

Test(transfer, sysenter_and_sysexit_load_flat_segments)
{
    cpu_rig_protected(&rig, 3);
    c->msr_sysenter_cs = 0x68;
    c->msr_sysenter_eip = 0x14000;
    c->msr_sysenter_esp = AT_STACK0;
    cpu_rig_flags(&rig, EF_IF);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 34"), NO_FAULT);
    assert_at(0x68, 0x14000);
    cr_assert_eq(c->cpl, 0);
    cr_assert_eq(c->seg[SEG_SS].sel, 0x70);
    cr_assert_not(c->eflags & EF_IF);
    c->gpr[RDX] = 0x15000;
    c->gpr[RCX] = AT_STACK3;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 35"), NO_FAULT);
    assert_at(0x7B, 0x15000);
    cr_assert_eq(c->cpl, 3);
    cr_assert_eq(c->seg[SEG_SS].sel, 0x83);
    cr_assert_eq(c->gpr[RSP], AT_STACK3);
}

Test(transfer, sysenter_without_a_segment_and_sysexit_outside_level_zero_fault)
{
    cpu_rig_protected(&rig, 3);
    c->msr_sysenter_cs = 3;
    assert_fault(cpu_rig_exec(&rig, "0F 34"), VEC_GP, 0);
    cpu_rig_protected(&rig, 3);
    c->msr_sysenter_cs = 0x68;
    assert_fault(cpu_rig_exec(&rig, "0F 35"), VEC_GP, 0);
    cpu_rig_real(&rig);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 34"), VEC_GP);
    cpu_rig_real(&rig);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 35"), VEC_GP);
}
