/* Control registers, MSRs, time-stamp counter. */
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

TestSuite(control, .init = setup, .fini = teardown);

#define WRITE_CR0 "0F 22 C0"
#define WRITE_CR3 "0F 22 D8"
#define WRITE_CR4 "0F 22 E0"

static int with_eax(u32 eax, const char *hex)
{
    c->gpr[RAX] = eax;
    return cpu_rig_exec(&rig, hex);
}

static int wrmsr(u32 index, u64 value)
{
    c->gpr[RCX] = index;
    c->gpr[RDX] = value >> 32;
    return with_eax((u32)value, "0F 30");
}

static int rdmsr(u32 index, u64 *value)
{
    int got;

    c->gpr[RCX] = index;
    got = cpu_rig_exec(&rig, "0F 32");
    *value = c->gpr[RDX] << 32 | c->gpr[RAX];
    return got;
}

Test(control, cr0_refuses_paging_without_protection_and_nw_without_cd)
{
    cr_assert_eq(with_eax(CR0_PG, WRITE_CR0), VEC_GP);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(with_eax(CR0_PE | CR0_NW, WRITE_CR0), VEC_GP);
}

Test(control, cr0_keeps_et_and_drops_what_does_not_exist)
{
    cr_assert_eq(with_eax(0x7FFFFFFF, WRITE_CR0), NO_FAULT);
    cr_assert_eq(c->cr0, CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM |
                             CR0_NW | CR0_CD);
}

Test(control, cr4_takes_only_the_models_bits)
{
    cr_assert_eq(with_eax(c->model->cr4_mask, WRITE_CR4), NO_FAULT);
    cr_assert_eq(with_eax(CR4_PAE, WRITE_CR4), VEC_GP);
    cr_assert_eq(c->cr4, c->model->cr4_mask);
}

Test(control, cr4_and_cr1_do_not_exist_everywhere)
{
    cr_assert_eq(cpu_rig_exec(&rig, "0F 20 C8"), VEC_UD); /* mov eax, cr1 */
    cpu_rig_teardown(&rig);
    cpu_rig_setup(&rig, "386");
    c = rig.cpu;
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 20 E0"), VEC_UD); /* mov eax, cr4 */
}

Test(control, lmsw_sets_pe_but_does_not_clear_it)
{
    cr_assert_eq(with_eax(CR0_TS, "0F 01 F0"), NO_FAULT); /* lmsw ax */
    cr_assert_eq(c->cr0 & 0xF, CR0_PE | CR0_TS);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 06"), NO_FAULT); /* clts */
    cr_assert_eq(c->cr0 & 0xF, CR0_PE);
}

Test(control, real_mode_goes_to_protected_mode_and_back)
{
    cpu_rig_real(&rig);
    cr_assert_eq(with_eax(CR0_PE, WRITE_CR0), NO_FAULT);
    cr_assert(c->mode & MODE_PROTECTED);
    cr_assert_eq(c->cpl, 0);
    cr_assert_eq(with_eax(0, WRITE_CR0), NO_FAULT);
    cr_assert_not(c->mode & MODE_PROTECTED);
}

/* ---- Paging ---- */

static void paged(u32 cr0)
{
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, 0x101000 + i * 4, 4, i << 12 | 7);
    cpu_rig_put(&rig, 0x100000, 4, 0x101007);
    c->cr3 = 0x100000;
    c->cr0 |= CR0_PG | cr0;
    cpu_update_mode(c);
}

static void page(u32 la, u32 entry)
{
    cpu_rig_put(&rig, 0x101000 + (la >> 12) * 4, 4, entry);
}

Test(control, translation_is_kept_until_invlpg)
{
    paged(0);
    cpu_rig_put(&rig, 0x30000, 1, 0x33);
    cpu_rig_put(&rig, 0x31000, 1, 0x44);
    page(0x30000, 0x30007);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT); /* mov al, [30000] */
    page(0x30000, 0x31007);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0x33, "the old one");
    cr_assert_eq(cpu_rig_exec(&rig, "0F 01 3D 00 00 03 00"), NO_FAULT); /* invlpg [30000] */
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0x44);
}

Test(control, load_of_cr3_drops_translations_that_are_not_global)
{
    c->cr4 |= CR4_PGE;
    paged(0);
    cpu_rig_put(&rig, 0x31000, 1, 0x44);
    page(0x30000, 0x30007 | 0x100);
    page(0x32000, 0x32007);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 20 03 00"), NO_FAULT);
    page(0x30000, 0x31007);
    page(0x32000, 0x31007);
    cr_assert_eq(with_eax(0x100000, WRITE_CR3), NO_FAULT);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 20 03 00"), NO_FAULT);
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0x44);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0, "the global one stays");
}

Test(control, supervisor_writes_read_only_pages_unless_wp_is_set)
{
    paged(0);
    page(0x30000, 0x30005);
    cr_assert_eq(cpu_rig_exec(&rig, "A2 00 00 03 00"), NO_FAULT);
    cpu_rig_protected(&rig, 0);
    paged(CR0_WP);
    page(0x30000, 0x30005);
    cr_assert_eq(cpu_rig_exec(&rig, "A2 00 00 03 00"), VEC_PF);
    cr_assert_eq(cpu_rig_stack(&rig, 0), PF_P | PF_W);
}

Test(control, accessed_and_dirty_bits_follow_the_access)
{
    paged(0);
    page(0x30000, 0x30007);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(cpu_rig_get(&rig, 0x101000 + 0x30 * 4, 4), 0x30027);
    cr_assert_eq(cpu_rig_exec(&rig, "A2 00 00 03 00"), NO_FAULT);
    cr_assert_eq(cpu_rig_get(&rig, 0x101000 + 0x30 * 4, 4), 0x30067);
}

Test(control, fault_on_the_second_page_changes_nothing_on_the_first)
{
    paged(0);
    page(0x31000, 0);
    cpu_rig_put(&rig, 0x30FFE, 2, 0x1234);
    c->gpr[RAX] = 0xFFFFFFFF;
    cr_assert_eq(cpu_rig_exec(&rig, "A3 FE 0F 03 00"), VEC_PF);
    cr_assert_eq(c->cr2, 0x31000);
    cr_assert_eq(cpu_rig_get(&rig, 0x30FFE, 2), 0x1234);
}

/* ---- MSRs ---- */

Test(control, unknown_msr_faults)
{
    u64 v;

    cr_assert_eq(rdmsr(0x12345, &v), VEC_GP);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(wrmsr(0xC0000080, 0), VEC_GP);
}

Test(control, msrs_hold_what_was_written)
{
    static const u32 plain[] = {0x174, 0x175, 0x176, 0xC1, 0xC2, 0x186, 0x187, 0x17B};
    u64 v;

    for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
        cr_assert_eq(wrmsr(plain[i], 0x1234567800000000 + plain[i]), NO_FAULT);
        cr_assert_eq(rdmsr(plain[i], &v), NO_FAULT);
        cr_assert_eq(v, 0x1234567800000000 + plain[i]);
    }
}

Test(control, mtrr_and_pat_refuse_types_that_do_not_exist)
{
    u64 v;

    cr_assert_eq(rdmsr(0xFE, &v), NO_FAULT);
    cr_assert_eq(v & 0xFF, 8, "eight variable ranges");
    cr_assert_eq(wrmsr(0x268, 0x0606060605040100), NO_FAULT);
    cr_assert_eq(wrmsr(0x268, 2), VEC_GP);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(wrmsr(0x277, 0x0007040600070406), NO_FAULT);
    cr_assert_eq(wrmsr(0x277, 3), VEC_GP);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(wrmsr(0x200, 0xFF000006), NO_FAULT);
    cr_assert_eq(wrmsr(0x200, 0x1000000000 | 6), VEC_GP);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(wrmsr(0xFE, 0), VEC_GP);
}

Test(control, time_stamp_counts_the_models_clock)
{
    u64 v;

    rig.now_ns += 1000000;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 31"), NO_FAULT);
    cr_assert_eq(c->gpr[RDX] << 32 | c->gpr[RAX], 350000);
    cr_assert_eq(wrmsr(0x10, 0x500000005), NO_FAULT);
    cr_assert_eq(rdmsr(0x10, &v), NO_FAULT);
    cr_assert_eq(v, 5, "the P6 family loads the low half only");
}

Test(control, time_stamp_can_be_kept_from_programs)
{
    cpu_rig_protected(&rig, 3);
    cr_assert_eq(cpu_rig_exec(&rig, "0F 31"), NO_FAULT);
    c->cr4 |= CR4_TSD;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 31"), VEC_GP);
}

Test(control, rdpmc_needs_pce_and_a_counter_that_exists)
{
    c->gpr[RCX] = 1;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 33"), NO_FAULT);
    c->gpr[RCX] = 2;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 33"), VEC_GP);
    cpu_rig_protected(&rig, 3);
    c->gpr[RCX] = 0;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 33"), VEC_GP);
    cpu_rig_protected(&rig, 3);
    c->gpr[RCX] = 0;
    c->cr4 |= CR4_PCE;
    cr_assert_eq(cpu_rig_exec(&rig, "0F 33"), NO_FAULT);
}

Test(control, rsm_outside_management_mode_is_undefined)
{
    cr_assert_eq(cpu_rig_exec(&rig, "0F AA"), VEC_UD);
}
