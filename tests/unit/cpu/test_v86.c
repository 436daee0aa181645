/* Virtual-8086 mode: IOPL, the virtual interrupt flag (VME, PVI), redirected interrupts, ports. */
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

TestSuite(v86, .init = setup, .fini = teardown);

enum { IO_MAP = 0x88, REDIRECTION = IO_MAP - 32 };

static void assert_gp(int got)
{
    cr_assert_eq(got, VEC_GP, "vector %d", got);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0);
}

/* A TSS with redirection bit map and I/O map: all interrupts to the 8086, all ports refused. */
static void enter(unsigned iopl, u32 cr4)
{
    cpu_rig_v86(&rig, iopl);
    c->cr4 = cr4;
    c->tr.limit = IO_MAP + 0x2000;
    cpu_rig_put(&rig, AT_TSS + TSS_IO_MAP, 2, IO_MAP);
    for (unsigned i = 0; i < 32; i++)
        cpu_rig_put(&rig, AT_TSS + REDIRECTION + i, 1, 0);
    for (unsigned i = 0; i < 0x100; i++)
        cpu_rig_put(&rig, AT_TSS + IO_MAP + i, 1, 0xFF);
    cpu_update_mode(c);
}

static bool is_real_handler(void)
{
    return cpu_is_v86(c) && c->seg[SEG_CS].sel == 0;
}

/* ---- Without VME ---- */

Test(v86, sensitive_instructions_need_iopl_3)
{
    static const char *const sensitive[] = {"FA", "FB", "9C", "9D", "CD 21", "CF"};

    for (unsigned i = 0; i < ARRAY_LEN(sensitive); i++) {
        enter(2, 0);
        assert_gp(cpu_rig_exec(&rig, sensitive[i]));
    }
}

Test(v86, int3_and_into_do_not_heed_iopl)
{
    enter(0, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "CC"), VEC_BP);
    cr_assert_not(cpu_is_v86(c));
    enter(0, 0);
    cpu_rig_flags(&rig, EF_VM | EF_OF);
    cr_assert_eq(cpu_rig_exec(&rig, "CE"), VEC_OF);
}

Test(v86, iopl_3_lets_them_work_on_the_true_flags)
{
    enter(3, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT);
    cr_assert(c->eflags & EF_IF);
    cr_assert_eq(cpu_rig_exec(&rig, "9C"), NO_FAULT); /* pushf */
    cr_assert_eq(cpu_rig_stack(&rig, 0) & 0xFFFF, EF_IF | EF_IOPL | EF_FIXED);
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 2, EF_CF);
    cr_assert_eq(cpu_rig_exec(&rig, "9D"), NO_FAULT); /* popf */
    cr_assert_eq(cpu_flags(c), EF_VM | EF_IOPL | EF_CF | EF_FIXED, "IOPL stays");
}

Test(v86, iret_stays_in_the_mode_and_keeps_iopl)
{
    enter(3, 0);
    c->gpr[RSP] -= 6;
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, 0x14000010 & 0xFFFF0010);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 4, 2, EF_IF | EF_ZF);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(c->seg[SEG_CS].sel, 0x1400);
    cr_assert_eq(c->rip, 0x10);
    cr_assert_eq(cpu_flags(c), EF_VM | EF_IOPL | EF_IF | EF_ZF | EF_FIXED);
}

Test(v86, privileged_and_protected_instructions_are_refused)
{
    enter(3, 0);
    assert_gp(cpu_rig_exec(&rig, "F4"));
    enter(3, 0);
    assert_gp(cpu_rig_exec(&rig, "0F 20 C0"));
    enter(3, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 00 C0"), VEC_UD); /* sldt */
    enter(3, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "63 C0"), VEC_UD); /* arpl */
}

/* ---- Ports ---- */

Test(v86, ports_go_by_the_map_even_at_iopl_3)
{
    enter(3, 0);
    c->gpr[RDX] = 0x3F8;
    assert_gp(cpu_rig_exec(&rig, "EC"));
    enter(3, 0);
    c->gpr[RDX] = 0x3F8;
    cpu_rig_put(&rig, AT_TSS + IO_MAP + 0x3F8 / 8, 1, 0xFE);
    cr_assert_eq(cpu_rig_exec(&rig, "EC"), NO_FAULT);
    assert_gp(cpu_rig_exec(&rig, "ED")); /* in ax, dx: the second byte's bit is set */
}

Test(v86, strings_are_checked_even_for_no_rounds)
{
    static const char *const strings[] = {"F3 6C", "F3 6F"};

    for (unsigned i = 0; i < ARRAY_LEN(strings); i++) {
        enter(3, 0);
        c->gpr[RDX] = 0x3F8;
        c->gpr[RCX] = 0;
        assert_gp(cpu_rig_exec(&rig, strings[i]));
        enter(3, 0);
        c->gpr[RDX] = 0x3F8;
        c->gpr[RCX] = 0;
        cpu_rig_put(&rig, AT_TSS + IO_MAP + 0x3F8 / 8, 1, 0);
        cr_assert_eq(cpu_rig_exec(&rig, strings[i]), NO_FAULT);
        cr_assert_eq(c->gpr[RCX], 0);
    }
}

Test(v86, map_must_lie_inside_the_tss_with_a_byte_behind)
{
    enter(3, 0);
    c->tr.limit = IO_MAP + 1;
    c->gpr[RDX] = 0x8;
    cpu_rig_put(&rig, AT_TSS + IO_MAP, 2, 0);
    assert_gp(cpu_rig_exec(&rig, "EC"));
    enter(3, 0);
    c->tr.limit = IO_MAP + 2;
    c->gpr[RDX] = 0x8;
    cpu_rig_put(&rig, AT_TSS + IO_MAP, 4, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "EC"), NO_FAULT);
}

Test(v86, protected_mode_asks_the_map_only_beyond_iopl)
{
    cpu_rig_protected(&rig, 3);
    c->gpr[RDX] = 0x3F8;
    assert_gp(cpu_rig_exec(&rig, "EC"));
    cpu_rig_protected(&rig, 3);
    cpu_rig_flags(&rig, EF_IOPL);
    cr_assert_eq(cpu_rig_exec(&rig, "EC"), NO_FAULT);
}

/* ---- VME ---- */

Test(v86, vme_gives_cli_and_sti_the_virtual_flag)
{
    enter(0, CR4_VME);
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT);
    cr_assert((c->eflags & (EF_VIF | EF_IF)) == EF_VIF);
    cr_assert_not(c->special & SPECIAL_SHADOW);
    cr_assert_eq(cpu_rig_exec(&rig, "FA"), NO_FAULT);
    cr_assert_not(c->eflags & EF_VIF);
}

Test(v86, sti_with_an_interrupt_pending_goes_to_the_monitor)
{
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_VIP);
    assert_gp(cpu_rig_exec(&rig, "FB"));
}

Test(v86, vme_pushes_and_pops_vif_as_if)
{
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_VIF);
    cr_assert_eq(cpu_rig_exec(&rig, "9C"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0) & 0xFFFF, EF_IF | EF_IOPL | EF_FIXED);
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 2, EF_CF);
    cr_assert_eq(cpu_rig_exec(&rig, "9D"), NO_FAULT);
    cr_assert_eq(cpu_flags(c), EF_VM | EF_CF | EF_FIXED);
    assert_gp(cpu_rig_exec(&rig, "66 9C")); /* pushfd: 16 bits only */
}

Test(v86, popf_of_tf_or_of_if_with_vip_goes_to_the_monitor)
{
    enter(0, CR4_VME);
    cpu_rig_put(&rig, AT_STACK3, 2, EF_TF);
    assert_gp(cpu_rig_exec(&rig, "9D"));
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_VIP);
    cpu_rig_put(&rig, AT_STACK3, 2, EF_IF);
    assert_gp(cpu_rig_exec(&rig, "9D"));
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 - 24, 4), AT_STACK3, "SP is back");
}

Test(v86, clear_redirection_bit_keeps_an_interrupt_in_the_8086_program)
{
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_VIF | EF_CF);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 21"), 0x21);
    cr_assert(is_real_handler());
    cr_assert_eq(c->gpr[RSP], AT_STACK3 - 6);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE >> 4 << 16 | 2);
    cr_assert_eq(cpu_rig_stack(&rig, 1) & 0xFFFF, EF_IF | EF_IOPL | EF_CF | EF_FIXED);
    cr_assert_eq(cpu_flags(c), EF_VM | EF_CF | EF_FIXED);
}

Test(v86, redirection_at_iopl_3_uses_the_true_if)
{
    enter(3, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_IOPL | EF_IF | EF_VIF);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 21"), 0x21);
    cr_assert(is_real_handler());
    cr_assert_eq(cpu_flags(c), EF_VM | EF_IOPL | EF_VIF | EF_FIXED);
}

Test(v86, set_redirection_bit_asks_the_protected_handler_or_the_monitor)
{
    enter(3, CR4_VME);
    cpu_rig_put(&rig, AT_TSS + REDIRECTION + 4, 1, 2);
    cr_assert_eq(cpu_rig_exec(&rig, "CD 21"), 0x21);
    cr_assert_not(cpu_is_v86(c));
    enter(0, CR4_VME);
    cpu_rig_put(&rig, AT_TSS + REDIRECTION + 4, 1, 2);
    assert_gp(cpu_rig_exec(&rig, "CD 21"));
}

Test(v86, hardware_interrupts_are_never_redirected)
{
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_IF);
    rig.inta_vector = 0x21;
    cpu_set_intr(c, true);
    cr_assert(cpu_service(c));
    cr_assert_not(cpu_is_v86(c));
}

Test(v86, iret_under_vme_loads_vif)
{
    enter(0, CR4_VME);
    c->gpr[RSP] -= 6;
    cpu_rig_put(&rig, (u32)c->gpr[RSP], 4, AT_CODE >> 4 << 16 | 0x10);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 4, 2, EF_IF | EF_IOPL);
    cr_assert_eq(cpu_rig_exec(&rig, "CF"), NO_FAULT);
    cr_assert_eq(cpu_flags(c), EF_VM | EF_VIF | EF_FIXED);
}

Test(v86, vif_and_vip_together_fault_before_the_next_instruction)
{
    enter(0, CR4_VME);
    cpu_rig_flags(&rig, EF_VM | EF_VIF | EF_VIP);
    assert_gp(cpu_rig_exec(&rig, "90"));
    cr_assert_eq(cpu_rig_stack(&rig, 1), 0);
}

/* ---- PVI ---- */

Test(v86, pvi_gives_level_three_a_virtual_flag_for_cli_and_sti_alone)
{
    cpu_rig_protected(&rig, 3);
    c->cr4 = CR4_PVI;
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT);
    cr_assert((c->eflags & (EF_VIF | EF_IF)) == EF_VIF);
    cr_assert_eq(cpu_rig_exec(&rig, "9C"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), EF_VIF | EF_FIXED);
    cr_assert_eq(cpu_rig_exec(&rig, "FA"), NO_FAULT);
    cr_assert_not(c->eflags & EF_VIF);
}
