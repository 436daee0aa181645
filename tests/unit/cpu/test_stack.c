/* Push, pop, frames, and divisions that do not fit. */
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

TestSuite(stack, .init = setup, .fini = teardown);

Test(stack, push_of_esp_pushes_it_as_it_was)
{
    cr_assert_eq(cpu_rig_exec(&rig, "54"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_STACK0);
}

Test(stack, push_sp_on_the_8086_pushes_it_as_it_is_then)
{
    teardown();
    cpu_rig_setup(&rig, "8086");
    c = rig.cpu;
    cpu_rig_real(&rig);
    cr_assert_eq(cpu_rig_exec(&rig, "54"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0) & 0xFFFF, AT_STACK0 - 2);
}

Test(stack, pop_of_esp_takes_the_value)
{
    cpu_rig_put(&rig, AT_STACK0, 4, 0x1234);
    cr_assert_eq(cpu_rig_exec(&rig, "5C"), NO_FAULT);
    cr_assert_eq(c->gpr[RSP], 0x1234);
}

Test(stack, pop_to_memory_addresses_with_esp_behind_the_value)
{
    cpu_rig_put(&rig, AT_STACK0, 4, 0x55AA);
    cr_assert_eq(cpu_rig_exec(&rig, "8F 44 24 08"), NO_FAULT); /* pop dword [esp+8] */
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 + 12, 4), 0x55AA);
}

Test(stack, push_addresses_with_esp_before_it)
{
    cpu_rig_put(&rig, AT_STACK0, 4, 0x55AA);
    cr_assert_eq(cpu_rig_exec(&rig, "FF 34 24"), NO_FAULT); /* push dword [esp] */
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0x55AA);
}

Test(stack, immediate_byte_is_sign_extended)
{
    cr_assert_eq(cpu_rig_exec(&rig, "6A 80"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0xFFFFFF80);
}

Test(stack, segment_register_is_pushed_with_zeros)
{
    cpu_rig_put(&rig, AT_STACK0 - 4, 4, 0xFFFFFFFF);
    cr_assert_eq(cpu_rig_exec(&rig, "1E"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), SEL_DATA0);
}

Test(stack, small_stack_wraps_within_64k)
{
    cpu_rig_real(&rig);
    c->gpr[RSP] = 0xABCD0000;
    c->gpr[RAX] = 0x1234;
    cr_assert_eq(cpu_rig_exec(&rig, "50"), NO_FAULT);
    cr_assert_eq(c->gpr[RSP], 0xABCDFFFE);
    cr_assert_eq(cpu_rig_get(&rig, 0xFFFE, 2), 0x1234);
}

Test(stack, pusha_saves_esp_of_before_and_popa_skips_it)
{
    for (unsigned i = 0; i < 8; i++)
        if (i != RSP)
            c->gpr[i] = 0x100 + i;
    cr_assert_eq(cpu_rig_exec(&rig, "60"), NO_FAULT);
    cr_assert_eq(cpu_rig_stack(&rig, 0), 0x107);
    cr_assert_eq(cpu_rig_stack(&rig, 3), AT_STACK0);
    cr_assert_eq(cpu_rig_stack(&rig, 7), 0x100);
    cpu_rig_put(&rig, (u32)c->gpr[RSP] + 12, 4, 0x666);
    c->gpr[RBX] = 0;
    cr_assert_eq(cpu_rig_exec(&rig, "61"), NO_FAULT);
    cr_assert_eq(c->gpr[RBX], 0x103);
    cr_assert_eq(c->gpr[RSP], AT_STACK0);
}

Test(stack, pusha_without_room_changes_nothing)
{
    cpu_rig_protected(&rig, 3);
    c->seg[SEG_SS].limit = 0xFFFF;
    seg_update(&c->seg[SEG_SS]);
    c->gpr[RSP] = 8; /* the third push would be at FFFFFFFCh */
    cr_assert_eq(cpu_rig_exec(&rig, "60"), VEC_SS);
    cr_assert_eq(cpu_rig_stack(&rig, 4), 8, "ESP of before, on the handler's stack");
}

Test(stack, enter_copies_the_frames_outside_it)
{
    c->gpr[RBP] = AT_DATA + 0x100;
    cpu_rig_put(&rig, AT_DATA + 0xFC, 4, 0x11);
    cpu_rig_put(&rig, AT_DATA + 0xF8, 4, 0x22);
    cr_assert_eq(cpu_rig_exec(&rig, "C8 10 00 03"), NO_FAULT); /* enter 16, 3 */
    cr_assert_eq(c->gpr[RBP], AT_STACK0 - 4);
    cr_assert_eq(c->gpr[RSP], AT_STACK0 - 4 * 4 - 16);
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 - 4, 4), AT_DATA + 0x100);
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 - 8, 4), 0x11);
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 - 12, 4), 0x22);
    cr_assert_eq(cpu_rig_get(&rig, AT_STACK0 - 16, 4), AT_STACK0 - 4);
    cr_assert_eq(cpu_rig_exec(&rig, "C9"), NO_FAULT); /* leave */
    cr_assert_eq(c->gpr[RSP], AT_STACK0);
    cr_assert_eq(c->gpr[RBP], AT_DATA + 0x100);
}

Test(stack, enter_faults_where_its_frame_would_not_fit)
{
    cpu_rig_protected(&rig, 3);
    c->gpr[RSP] = 0x100;
    c->gpr[RBP] = 0x1234;
    cr_assert_eq(cpu_rig_exec(&rig, "C8 00 02 00"), NO_FAULT, "flat: it wraps");
    cpu_rig_protected(&rig, 3);
    c->seg[SEG_SS].limit = 0xFFFF;
    seg_update(&c->seg[SEG_SS]);
    c->gpr[RSP] = 0x100;
    c->gpr[RBP] = 0x1234;
    cr_assert_eq(cpu_rig_exec(&rig, "C8 00 02 00"), VEC_SS);
    cr_assert_eq(c->gpr[RBP], 0x1234);
}

/* ---- Division ---- */

Test(stack, quotient_that_does_not_fit_is_a_divide_error)
{
    c->gpr[RAX] = 0;
    c->gpr[RDX] = 1;
    c->gpr[RBX] = 1;
    cr_assert_eq(cpu_rig_exec(&rig, "F7 F3"), VEC_DE); /* div ebx */
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE, "a fault: the instruction can be repeated");
    cpu_rig_protected(&rig, 0);
    c->gpr[RAX] = 0x80000000;
    c->gpr[RDX] = 0xFFFFFFFF;
    c->gpr[RBX] = 0xFFFFFFFF;
    cr_assert_eq(cpu_rig_exec(&rig, "F7 FB"), VEC_DE); /* idiv ebx: 2^31 */
    cpu_rig_protected(&rig, 0);
    c->gpr[RAX] = 0x80000000;
    c->gpr[RDX] = 0xFFFFFFFF;
    c->gpr[RBX] = 1;
    cr_assert_eq(cpu_rig_exec(&rig, "F7 FB"), NO_FAULT); /* -2^31 fits */
    cr_assert_eq(c->gpr[RAX], 0x80000000);
}

Test(stack, the_8086_goes_on_behind_a_divide_error)
{
    teardown();
    cpu_rig_setup(&rig, "8086");
    c = rig.cpu;
    cpu_rig_real(&rig);
    cr_assert_eq(cpu_rig_exec(&rig, "F6 F3"), VEC_DE); /* div bl */
    cr_assert_eq(cpu_rig_stack(&rig, 0) & 0xFFFF, 2);
}
