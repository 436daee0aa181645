/* Hardware task switches. */
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

TestSuite(task, .init = setup, .fini = teardown);

enum {
    NEW_EIP = 0x14000,
    NEW_ESP = 0x9800,
    BUSY = DESC_P | SYS_TSS32_BUSY,
    FREE = DESC_P | SYS_TSS32
};

#define JMP_TASK  "EA 00 00 00 00 30 00"
#define CALL_TASK "9A 00 00 00 00 30 00"

static void assert_fault(int got, int vector, u32 error)
{
    cr_assert_eq(got, vector, "vector %d, not %d", got, vector);
    cr_assert_eq(cpu_rig_stack(&rig, 0), error, "error %X, not %X", cpu_rig_stack(&rig, 0), error);
}

static u32 type_of(u16 sel)
{
    return cpu_rig_get(&rig, AT_GDT + sel + 5, 1);
}

static void tss(u32 at, unsigned size, u32 value)
{
    cpu_rig_put(&rig, AT_TSS2 + at, size, value);
}

/* The second task: level 0, flat. */
static void new_task(unsigned cpl)
{
    cpu_rig_protected(&rig, cpl);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, TSS_BYTES - 1, FREE | ATTR_DPL3);
    tss(0x20, 4, NEW_EIP);
    tss(0x24, 4, EF_FIXED | EF_CF);
    for (unsigned i = 0; i < 8; i++)
        tss(0x28 + i * 4, 4, 0x1000 + i);
    tss(0x38, 4, NEW_ESP);
    for (unsigned i = 0; i < 6; i++)
        tss(0x48 + i * 4, 4, SEL_DATA0);
    tss(0x4C, 4, SEL_CODE0);
}

Test(task, jump_saves_the_old_task_and_loads_the_new_one)
{
    new_task(0);
    c->gpr[RBX] = 0x55AA55AA;
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), NO_FAULT);
    cr_assert_eq(c->rip, NEW_EIP);
    cr_assert_eq(c->gpr[RSP], NEW_ESP);
    cr_assert_eq(c->gpr[RDI], 0x1007);
    cr_assert_eq(cpu_flags(c), EF_FIXED | EF_CF);
    cr_assert_eq(c->tr.sel, SEL_TSS2);
    cr_assert(c->cr0 & CR0_TS);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS + 0x20, 4), AT_CODE + 7);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS + 0x34, 4), 0x55AA55AA);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS + 0x38, 4), AT_STACK0);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS + 0x4C, 2), SEL_CODE0);
    cr_assert_eq(type_of(SEL_TSS), FREE);
    cr_assert_eq(type_of(SEL_TSS2), BUSY | ATTR_DPL3);
}

Test(task, call_nests_and_iret_returns)
{
    new_task(0);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_TASK), NO_FAULT);
    cr_assert(c->eflags & EF_NT);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS2, 2), SEL_TSS);
    cr_assert_eq(type_of(SEL_TSS), BUSY);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(c->rip, AT_CODE + 7);
    cr_assert_eq(c->tr.sel, SEL_TSS);
    cr_assert_not(c->eflags & EF_NT);
    cr_assert_eq(type_of(SEL_TSS2), FREE | ATTR_DPL3);
    cr_assert_eq(type_of(SEL_TSS), BUSY);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS2 + 0x24, 4), EF_FIXED | EF_CF, "saved without NT");
}

Test(task, busy_absent_and_short_tss_are_refused)
{
    new_task(0);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, TSS_BYTES - 1, BUSY);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_GP, SEL_TSS2);
    new_task(0);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, TSS_BYTES - 1, SYS_TSS32);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_NP, SEL_TSS2);
    new_task(0);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, 0x66, FREE);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_TS, SEL_TSS2);
    new_task(3);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, TSS_BYTES - 1, FREE | ATTR_DPL2);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_GP, SEL_TSS2);
}

Test(task, gate_in_the_idt_switches_and_pushes_the_error_code_there)
{
    new_task(0);
    cpu_rig_idt_gate(&rig, VEC_GP, SYS_TASK_GATE, SEL_TSS2, 0, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "8E D0"), NO_FAULT); /* mov ss, null */
    cr_assert_eq(c->rip, NEW_EIP);
    cr_assert_eq(c->gpr[RSP], NEW_ESP - 4);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS + 0x20, 4), AT_CODE, "the fault's own address");
    cr_assert(cpu_rig_get(&rig, AT_TSS + 0x24, 4) & EF_RF);
    cr_assert(c->eflags & EF_NT);
}

/* A task of level 3, whose faults find a stack of level 0 in its own TSS. */
static void new_user_task(void)
{
    new_task(0);
    for (unsigned i = 0; i < 6; i++)
        tss(0x48 + i * 4, 4, SEL_DATA3);
    tss(0x4C, 4, SEL_CODE3);
    tss(4, 4, AT_STACK0);
    tss(8, 4, SEL_DATA0);
}

Test(task, bad_segments_fault_in_the_new_task)
{
    new_user_task();
    tss(0x50, 4, SEL_DATA0);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_TS, SEL_DATA0);
    cr_assert_eq(cpu_rig_stack(&rig, 1), NEW_EIP, "before the first instruction of the new task");
    cr_assert_eq(c->tr.sel, SEL_TSS2);
    new_user_task();
    tss(0x54, 4, 0x400);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_TS, 0x400);
    new_user_task();
    tss(0x60, 4, SEL_DATA0);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_TS, SEL_DATA0);
    new_user_task();
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFFF, (ATTR_DATA | ATTR_DPL3) & ~DESC_P);
    tss(0x5C, 4, SEL_FREE | 3);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_NP, SEL_FREE);
}

Test(task, bad_stack_of_level_zero_shuts_down)
{
    new_task(0);
    tss(0x50, 4, SEL_DATA3);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), SHUT_DOWN);
}

Test(task, instruction_pointer_is_checked_last)
{
    new_task(0);
    cpu_rig_desc(&rig, SEL_FREE, 0, 0xFFF, ATTR_CODE | DESC_DB);
    tss(0x4C, 4, SEL_FREE);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_GP, 0);
}

Test(task, level_three_task_runs_at_its_level)
{
    new_user_task();
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), NO_FAULT);
    cr_assert_eq(c->cpl, 3);
    cr_assert(c->mode & MODE_USER);
}

Test(task, virtual_8086_task_loads_real_mode_segments)
{
    new_task(0);
    tss(0x24, 4, EF_VM | EF_FIXED);
    tss(0x4C, 4, 0x1400);
    tss(0x20, 4, 0x10);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), NO_FAULT);
    cr_assert(cpu_is_v86(c));
    cr_assert_eq(c->cpl, 3);
    cr_assert_eq(c->seg[SEG_CS].base, 0x14000);
}

Test(task, local_table_and_page_directory_are_loaded)
{
    new_task(0);
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, 0x101000 + i * 4, 4, i << 12 | 7);
    cpu_rig_put(&rig, 0x100000, 4, 0x101007);
    cpu_rig_put(&rig, 0x102000, 4, 0x101007);
    c->cr3 = 0x100000;
    c->cr0 |= CR0_PG;
    cpu_update_mode(c);
    tss(0x1C, 4, 0x102000);
    tss(0x60, 4, SEL_LDT);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), NO_FAULT);
    cr_assert_eq(c->cr3, 0x102000);
    cr_assert_eq(c->ldtr.base, AT_LDT);
}

Test(task, trap_bit_breaks_before_the_first_instruction)
{
    new_task(0);
    tss(0x64, 2, 1);
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), VEC_DB);
    cr_assert(c->dr[6] & DR6_BT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), NEW_EIP);
}

Test(task, local_breakpoints_are_switched_off)
{
    new_task(0);
    c->dr[7] = 0x7FF;
    cpu_update_mode(c);
    c->dr[0] = c->dr[1] = c->dr[2] = c->dr[3] = 0x3FF000;
    cr_assert_eq(cpu_rig_exec(&rig, JMP_TASK), NO_FAULT);
    cr_assert_eq(c->dr[7], 0x6AA);
}

Test(task, tss_of_the_286_holds_words)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_TSS2, AT_TSS2, 0x2B, DESC_P | SYS_TSS16);
    tss(0x0E, 2, 0x4000);
    tss(0x10, 2, EF_FIXED | EF_ZF);
    for (unsigned i = 0; i < 8; i++)
        tss(0x12 + i * 2, 2, 0x1000 + i);
    tss(0x22, 2, SEL_DATA0);
    tss(0x24, 2, SEL_CODE0);
    tss(0x26, 2, SEL_DATA0);
    tss(0x28, 2, SEL_DATA0);
    cr_assert_eq(cpu_rig_exec(&rig, CALL_TASK), NO_FAULT);
    cr_assert_eq(c->rip, 0x4000);
    cr_assert_eq(c->gpr[RDI] & 0xFFFF, 0x1007);
    cr_assert_eq(cpu_rig_get(&rig, AT_TSS2, 2), SEL_TSS);
    cr_assert_eq(type_of(SEL_TSS2), DESC_P | SYS_TSS16_BUSY);
    cr_assert(c->seg[SEG_FS].unusable, "it knows no FS and GS");
}

Test(task, iret_checks_the_back_link)
{
    new_task(0);
    cpu_rig_flags(&rig, EF_NT);
    cpu_rig_put(&rig, AT_TSS, 2, SEL_TSS2);
    assert_fault(cpu_rig_exec(&rig, "CF"), VEC_TS, SEL_TSS2); /* not busy */
    new_task(0);
    cpu_rig_flags(&rig, EF_NT);
    cpu_rig_put(&rig, AT_TSS, 2, SEL_TI | 8);
    assert_fault(cpu_rig_exec(&rig, "CF"), VEC_TS, SEL_TI | 8);
}

Test(task, fault_before_the_switch_leaves_everything)
{
    new_task(0);
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, 0x101000 + i * 4, 4, i << 12 | 7);
    cpu_rig_put(&rig, 0x100000, 4, 0x101007);
    cpu_rig_put(&rig, 0x101000 + 0x30 * 4, 4, 0x30000); /* absent */
    cpu_rig_desc(&rig, SEL_TSS2, 0x30000 - 0x20, TSS_BYTES - 1, FREE);
    c->cr3 = 0x100000;
    c->cr0 |= CR0_PG;
    cpu_update_mode(c);
    assert_fault(cpu_rig_exec(&rig, JMP_TASK), VEC_PF, 0);
    cr_assert_eq(c->tr.sel, SEL_TSS);
    cr_assert_eq(type_of(SEL_TSS), BUSY);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE);
    cr_assert_not(c->cr0 & CR0_TS);
}
