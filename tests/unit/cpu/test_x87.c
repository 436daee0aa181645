/*
 * x87: what the SDM says about stack faults, unmasked exceptions, the error pin, saved images and
 * pointers. Results of arithmetic are the business of tests/cpu/testfloat and silicon.
 */
#include "cpu/fpu.h"
#include "base/bytes.h"
#include "tests/support/cpubox.h"

#include <criterion/criterion.h>

enum { DATA = 0x4000, LIMIT = 0x4FFF };

static struct cpubox box;
static struct cpu *c;

/* One instruction: its bytes; true if it completed. */
#define RUN(...) run((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
/* Memory forms with [disp32] = DATA. */
#define MEM(opcode, reg) opcode, (reg) << 3 | 5, DATA & 0xFF, DATA >> 8, 0, 0

#define FNINIT 0xDB, 0xE3
#define FLD1   0xD9, 0xE8
#define FLDZ   0xD9, 0xEE
#define FLDPI  0xD9, 0xEB
#define FDIVP  0xDE, 0xF9 /* ST(1) / ST(0) */
#define FNCLEX 0xDB, 0xE2
#define WAIT   0x9B

static bool run(const u8 *code, size_t len)
{
    return cpubox_run(&box, code, len);
}

static void setup(void)
{
    cr_assert(cpubox_open(&box, "pentium2"));
    c = box.cpu;
    cpubox_flat32(&box);
    RUN(FNINIT);
}

static void teardown(void)
{
    cpubox_close(&box);
}

static void control(u16 cw)
{
    put_le16(box.ram + DATA, cw);
    cr_assert(RUN(MEM(0xD9, 5))); /* FLDCW */
}

static u64 mantissa(unsigned i)
{
    return get_le64(fpu_st(&c->fpu, i));
}

static u16 exponent(unsigned i)
{
    return get_le16(fpu_st(&c->fpu, i) + 8);
}

TestSuite(x87, .init = setup, .fini = teardown);

Test(x87, power_on_and_fninit_leave_the_states_of_the_manual)
{
    fpu_reset(c);
    cr_assert_eq(c->fpu.cw, 0x0040);
    cr_assert_eq(fpu_status(c), 0);
    cr_assert_eq(fpu_tag_word(&c->fpu), 0x5555);
    cr_assert(RUN(FNINIT));
    cr_assert_eq(c->fpu.cw, 0x037F);
    cr_assert_eq(fpu_status(c), 0);
    cr_assert_eq(fpu_tag_word(&c->fpu), 0xFFFF);
}

Test(x87, tag_word_tells_valid_zero_special_and_empty_apart)
{
    cr_assert(RUN(FLD1) && RUN(FLDZ) && RUN(FLD1) && RUN(FLDZ) && RUN(FDIVP)); /* 1, 0, inf */
    /* Physical 7 is one, 6 zero, 5 infinity. */
    cr_assert_eq(fpu_tag_word(&c->fpu), 0x1BFF);
    cr_assert_eq(fpu_tags_of_word(0x1BFF), 0xE0);
}

Test(x87, ninth_push_is_a_stack_overflow_with_c1_set)
{
    for (int i = 0; i < 8; i++)
        cr_assert(RUN(FLDZ));
    cr_assert(RUN(FLD1));
    cr_assert_eq(fpu_status(c) & (SW_IE | SW_SF | SW_C1), SW_IE | SW_SF | SW_C1);
    cr_assert_eq(mantissa(0), 0xC000000000000000); /* the indefinite */
    cr_assert_eq(exponent(0), 0xFFFF);
}

Test(x87, reading_an_empty_register_is_a_stack_underflow_with_c1_clear)
{
    cr_assert(RUN(MEM(0xD9, 3))); /* FSTP m32 */
    cr_assert_eq(fpu_status(c) & (SW_IE | SW_SF | SW_C1), SW_IE | SW_SF);
    cr_assert_eq(get_le32(box.ram + DATA), 0xFFC00000);
}

Test(x87, unmasked_zero_divide_leaves_the_operands_and_waits_for_the_next_instruction)
{
    control(0x037F & ~SW_ZE);
    cr_assert(RUN(FLD1) && RUN(FLDZ));
    cr_assert(RUN(FDIVP), "the exception is reported by the next waiting instruction");
    cr_assert_eq(fpu_status(c) & (SW_ZE | SW_ES | SW_B | SW_TOP), SW_ZE | SW_ES | SW_B | 6 << 11);
    cr_assert_eq(mantissa(1), 1ull << 63);
    cr_assert(!RUN(FLD1));
    cr_assert_eq(c->fault.vector, VEC_MF);
    cr_assert(!RUN(WAIT));
    cr_assert_eq(c->fault.vector, VEC_MF);
    cr_assert(RUN(0xDF, 0xE0), "FNSTSW AX does not wait");
    cr_assert(RUN(FNCLEX));
    cr_assert(RUN(FLD1));
}

Test(x87, unmasked_overflow_keeps_the_result_from_memory)
{
    put_le64(box.ram + DATA, 0x7FE0000000000000); /* 2^1023 */
    cr_assert(RUN(MEM(0xDD, 0)));
    control(0x037F & ~SW_OE);
    put_le32(box.ram + DATA, 0x12345678);
    cr_assert(RUN(MEM(0xD9, 3))); /* FSTP m32 */
    cr_assert_eq(get_le32(box.ram + DATA), 0x12345678);
    cr_assert_eq(fpu_status(c) & (SW_OE | SW_ES | SW_TOP), SW_OE | SW_ES | 7 << 11);
}

Test(x87, unmasked_overflow_in_a_register_wraps_the_exponent_by_24576)
{
    put_le64(box.ram + DATA, 1ull << 63);
    put_le16(box.ram + DATA + 8, 0x7FFE);
    cr_assert(RUN(MEM(0xDB, 5))); /* FLD m80: the largest power of two */
    control(0x037F & ~SW_OE);
    cr_assert(RUN(0xD8, 0xC8)); /* FMUL ST, ST: 2^32766 */
    cr_assert_eq(fpu_status(c) & (SW_OE | SW_ES), SW_OE | SW_ES);
    cr_assert_eq(exponent(0), 0x3FFF + 2 * 16383 - 24576);
}

Test(x87, unmasked_precision_stores_and_reports_afterwards)
{
    cr_assert(RUN(FLDPI));
    control(0x037F & ~SW_PE);
    cr_assert(RUN(MEM(0xD9, 3)));
    cr_assert_eq(get_le32(box.ram + DATA), 0x40490FDB);
    cr_assert_eq(fpu_status(c) & (SW_PE | SW_ES), SW_PE | SW_ES);
}

Test(x87, fldcw_that_unmasks_an_old_exception_makes_it_pending)
{
    cr_assert(RUN(FLD1) && RUN(FLDZ) && RUN(FDIVP));
    cr_assert_eq(fpu_status(c) & (SW_ZE | SW_ES), SW_ZE);
    control(0x037F & ~SW_ZE);
    cr_assert_eq(fpu_status(c) & (SW_ZE | SW_ES), SW_ZE | SW_ES);
    cr_assert(!RUN(FLD1));
}

Test(x87, precision_and_rounding_control_are_obeyed)
{
    put_le64(box.ram + DATA, 0x3FF0000010000000); /* one bit beyond single precision: a tie */
    cr_assert(RUN(MEM(0xDD, 0)));
    control(0x0C7F); /* single precision, towards zero */
    cr_assert(RUN(0xD9, 0xFC));
    cr_assert(RUN(FLD1) && RUN(0xDE, 0xC1)); /* FADDP */
    cr_assert_eq(mantissa(0), 1ull << 63);
    cr_assert_eq(exponent(0), 0x4000);
}

Test(x87, faulting_store_changes_nothing)
{
    cr_assert(RUN(FLDPI));
    c->seg[SEG_DS].limit = LIMIT;
    cr_assert(!RUN(0xD9, 0x1D, 0xFE, 0x4F, 0, 0)); /* FSTP dword [4FFEh] */
    cr_assert_eq(c->fault.vector, VEC_GP);
    cr_assert_eq(fpu_status(c), 7 << 11, "neither popped nor inexact");
    cr_assert_neq(c->fpu.fip, c->rip);
}

Test(x87, emulation_and_task_switched_raise_device_not_available)
{
    c->cr0 |= CR0_TS;
    cr_assert(!RUN(FLD1));
    cr_assert_eq(c->fault.vector, VEC_NM);
    cr_assert(!RUN(0xDF, 0xE0), "FNSTSW too");
    cr_assert(!RUN(WAIT), "MP is set");
    c->cr0 &= ~(u64)CR0_MP;
    cr_assert(RUN(WAIT));
    c->cr0 = (c->cr0 & ~(u64)CR0_TS) | CR0_EM;
    cr_assert(!RUN(FLD1));
    cr_assert(RUN(WAIT));
}

Test(x87, error_goes_out_through_ferr_while_ne_is_clear)
{
    c->cr0 &= ~(u64)CR0_NE;
    control(0x037F & ~SW_ZE);
    cr_assert(RUN(FLD1) && RUN(FLDZ));
    cr_assert(!box.ferr);
    cr_assert(RUN(FDIVP));
    cr_assert(box.ferr);
    cr_assert(RUN(FNCLEX));
    cr_assert(!box.ferr);
    cr_assert_eq(box.ferr_rises, 1);
}

Test(x87, waiting_instruction_stops_before_itself_until_the_interrupt)
{
    u64 rip;

    c->cr0 &= ~(u64)CR0_NE;
    control(0x037F & ~SW_ZE);
    cr_assert(RUN(FLD1) && RUN(FLDZ) && RUN(FDIVP));
    rip = c->rip;
    cr_assert(RUN(FLD1));
    cr_assert(c->halted);
    cr_assert_eq(c->rip, rip);
    c->halted = false;
    c->ignne = true;
    cr_assert(RUN(FLD1), "IGNNE# lets it go on");
    cr_assert(!c->halted);
    cr_assert_eq(fpu_status(c) & (SW_ES | SW_TOP), SW_ES | 5 << 11, "the old one stays pending");
}

Test(x87, environment_in_protected_mode_has_two_layouts)
{
    static const u16 want16[7] = {0x037F, 7 << 11, 0x3FFF, CPUBOX_CODE + 2, 0x08, 0, 0};
    u8 *p = box.ram + DATA;

    cr_assert(RUN(FLD1));
    cr_assert(RUN(MEM(0xD9, 6)));
    cr_assert_eq(get_le32(p), 0xFFFF037F);
    cr_assert_eq(get_le32(p + 4), 0xFFFF3800);
    cr_assert_eq(get_le32(p + 8), 0xFFFF3FFF);
    cr_assert_eq(get_le32(p + 12), CPUBOX_CODE + 2);
    cr_assert_eq(get_le32(p + 16), 0x01E80008, "FOP above CS");
    cr_assert_eq(get_le32(p + 24), 0xFFFF0000);
    control(0x037F);
    cr_assert(RUN(0x66, MEM(0xD9, 6)));
    for (int i = 0; i < 7; i++)
        cr_assert_eq(get_le16(p + i * 2), want16[i], "word %d", i);
}

Test(x87, environment_in_real_mode_has_linear_addresses)
{
    u8 *p = box.ram + DATA;

    c->fpu.fip = 0x2345;
    c->fpu.fcs = 0xF000;
    c->fpu.fdp = 0x10;
    c->fpu.fds = 0x8765;
    c->fpu.fop = 0x7FF;
    c->cr0 &= ~(u64)CR0_PE;
    cr_assert(RUN(0x66, MEM(0xD9, 6)));
    cr_assert_eq(get_le16(p + 6), 0x2345);
    cr_assert_eq(get_le16(p + 8), 0xF7FF);
    cr_assert_eq(get_le16(p + 10), 0x7660);
    cr_assert_eq(get_le16(p + 12), 0x8000);
    cr_assert(RUN(MEM(0xD9, 6)));
    cr_assert_eq(get_le32(p + 12), 0xFFFF2345);
    cr_assert_eq(get_le32(p + 16), 0x0000F7FF);
    cr_assert(RUN(MEM(0xD9, 4)), "FLDENV");
    cr_assert_eq(c->fpu.fip, 0xF2345);
    cr_assert_eq(c->fpu.fdp, 0x87660);
    cr_assert_eq(c->fpu.fop, 0x7FF);
}

Test(x87, fnstenv_masks_all_exceptions)
{
    control(0x0360);
    cr_assert(RUN(MEM(0xD9, 6)));
    cr_assert_eq(get_le16(box.ram + DATA), 0x0360);
    cr_assert_eq(c->fpu.cw, 0x037F);
}

Test(x87, operand_pointer_is_noted_at_unmasked_exceptions_only)
{
    put_le32(box.ram + DATA, 0x7F800001); /* a signaling NaN */
    cr_assert(RUN(MEM(0xD9, 0)));
    cr_assert_eq(c->fpu.fdp, 0);
    control(0x037F & ~SW_IE);
    cr_assert(RUN(FNCLEX), "the masked one would become pending");
    control(0x037F & ~SW_IE);
    put_le32(box.ram + DATA, 0x7F800001);
    cr_assert(RUN(MEM(0xD9, 0)));
    cr_assert_eq(c->fpu.fdp, DATA);
    cr_assert_eq(c->fpu.fds, 0x10);
}

Test(x87, control_instructions_leave_the_pointers_alone)
{
    u64 fip;

    cr_assert(RUN(FLD1));
    fip = c->fpu.fip;
    control(0x037F);
    cr_assert(RUN(FNCLEX) && RUN(WAIT) && RUN(0xDF, 0xE0));
    cr_assert_eq(c->fpu.fip, fip);
    cr_assert_eq(c->fpu.fop, 0x1E8);
}

Test(x87, fnsave_and_frstor_bring_everything_back)
{
    struct fpu before;

    cr_assert(RUN(FLDPI) && RUN(FLD1) && RUN(FLDZ) && RUN(FDIVP) && RUN(FLDPI));
    control(0x0F7F);
    before = c->fpu;
    cr_assert(RUN(MEM(0xDD, 6)));
    cr_assert_eq(c->fpu.cw, 0x037F);
    cr_assert_eq(c->fpu.tags, 0);
    cr_assert(RUN(MEM(0xDD, 4)));
    cr_assert_arr_eq(&c->fpu, &before, sizeof before);
}

Test(x87, fcomi_sets_the_three_flags_and_clears_the_others)
{
    c->aflags = AF_ALL;
    cr_assert(RUN(FLD1) && RUN(FLDZ));
    cr_assert(RUN(0xDB, 0xF1)); /* FCOMI: 0 < 1 */
    cr_assert_eq(c->aflags, AF_CF);
    cr_assert(RUN(0xDB, 0xF0));
    cr_assert_eq(c->aflags, AF_ZF);
}

Test(x87, fcmov_moves_on_its_condition_only)
{
    cr_assert(RUN(FLD1) && RUN(FLDZ));
    c->aflags = 0;
    cr_assert(RUN(0xDA, 0xC1)); /* FCMOVB */
    cr_assert_eq(exponent(0), 0);
    c->aflags = AF_CF;
    cr_assert(RUN(0xDA, 0xC1));
    cr_assert_eq(exponent(0), 0x3FFF);
}

Test(x87, impossible_states_are_not_sane)
{
    struct fpu f = c->fpu;

    cr_assert(fpu_sane(&f));
    f.top = 8;
    cr_assert(!fpu_sane(&f));
    f = c->fpu;
    f.sw = SW_ES | SW_B; /* without an unmasked exception */
    cr_assert(!fpu_sane(&f));
    f = c->fpu;
    f.cw = 0xE37F;
    cr_assert(!fpu_sane(&f));
}
