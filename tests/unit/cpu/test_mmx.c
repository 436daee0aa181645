/* MMX: saturation and wrap-around from the SDM's descriptions, and what happens to the x87. */
#include "base/bytes.h"
#include "cpu/fpu.h"
#include "tests/support/cpubox.h"

#include <criterion/criterion.h>

enum { DATA = 0x4000 };

static struct cpubox box;
static struct cpu *c;

#define RUN(...) cpubox_run(&box, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define MM0_MM1  0xC1
#define EMMS     0x0F, 0x77

static void setup(void)
{
    cr_assert(cpubox_open(&box, "pentium2"));
    c = box.cpu;
    cpubox_flat32(&box);
    RUN(0xDB, 0xE3);
}

static void teardown(void)
{
    cpubox_close(&box);
}

static u64 mm(unsigned n)
{
    return get_le64(c->fpu.reg[n]);
}

TestSuite(mmx, .init = setup, .fini = teardown);

Test(mmx, each_operation_matches_the_manual)
{
    static const struct {
        const char *name;
        u8 opcode;
        u64 a, b, want;
    } t[] = {
        {"PADDB", 0xFC, 0x00FF7F80017FFE02, 0x0001018001010201, 0x0000800002800003},
        {"PADDW", 0xFD, 0xFFFF7FFF00010000, 0x0001000100020000, 0x0000800000030000},
        {"PADDD", 0xFE, 0xFFFFFFFF7FFFFFFF, 0x0000000100000001, 0x0000000080000000},
        {"PADDSB", 0xEC, 0x7F807F0102038081, 0x0180FFFF02038001, 0x7F807E0004068082},
        {"PADDSW", 0xED, 0x7FFF800000010000, 0x0001FFFF00020000, 0x7FFF800000030000},
        {"PADDUSB", 0xDC, 0xFF80010000000000, 0x0180010000000000, 0xFFFF020000000000},
        {"PADDUSW", 0xDD, 0xFFFF800000010000, 0x0001800000010000, 0xFFFFFFFF00020000},
        {"PSUBB", 0xF8, 0x0001800000000000, 0x0102010000000000, 0xFFFF7F0000000000},
        {"PSUBW", 0xF9, 0x0000800000010000, 0x0001000100020000, 0xFFFF7FFFFFFF0000},
        {"PSUBD", 0xFA, 0x0000000080000000, 0x0000000100000001, 0xFFFFFFFF7FFFFFFF},
        {"PSUBSB", 0xE8, 0x807F000000000000, 0x01FF010000000000, 0x807FFF0000000000},
        {"PSUBSW", 0xE9, 0x80007FFF00000000, 0x0001FFFF00010000, 0x80007FFFFFFF0000},
        {"PSUBUSB", 0xD8, 0x0010FF0000000000, 0x0120010000000000, 0x0000FE0000000000},
        {"PSUBUSW", 0xD9, 0x00011000FFFF0000, 0x0002200000010000, 0x00000000FFFE0000},
        {"PMULLW", 0xD5, 0x7FFF80000003FFFF, 0x000280000004FFFF, 0xFFFE0000000C0001},
        {"PMULHW", 0xE5, 0x7FFF80000003FFFF, 0x0002800000040001, 0x000040000000FFFF},
        {"PMADDWD", 0xF5, 0x8000800000020003, 0x8000800000040005, 0x8000000000000017},
        {"PCMPEQB", 0x74, 0x0102030405060708, 0x0100030005000700, 0xFF00FF00FF00FF00},
        {"PCMPEQW", 0x75, 0x0001000200030004, 0x0001000000030000, 0xFFFF0000FFFF0000},
        {"PCMPEQD", 0x76, 0x0000000100000002, 0x0000000100000003, 0xFFFFFFFF00000000},
        {"PCMPGTB", 0x64, 0x01807F0000000000, 0x007F800000000000, 0xFF00FF0000000000},
        {"PCMPGTW", 0x65, 0x000180007FFF0000, 0x00007FFF80000000, 0xFFFF0000FFFF0000},
        {"PCMPGTD", 0x66, 0x0000000180000000, 0x000000007FFFFFFF, 0xFFFFFFFF00000000},
        {"PAND", 0xDB, 0xFF00FF00FF00FF00, 0x123456789ABCDEF0, 0x120056009A00DE00},
        {"PANDN", 0xDF, 0xFF00FF00FF00FF00, 0x123456789ABCDEF0, 0x0034007800BC00F0},
        {"POR", 0xEB, 0xFF00FF0000000000, 0x1234567800000000, 0xFF34FF7800000000},
        {"PXOR", 0xEF, 0xFF00FF0000000000, 0x1234567800000000, 0xED34A97800000000},
        {"PACKSSWB", 0x63, 0x7FFF8000007FFF80, 0x0080FF7F00010000, 0x7F8001007F807F80},
        {"PACKUSWB", 0x67, 0x7FFF800000FFFFFF, 0x0100007F00010000, 0xFF7F0100FF00FF00},
        {"PACKSSDW", 0x6B, 0x7FFFFFFF80000000, 0x0000000100008000, 0x00017FFF7FFF8000},
        {"PUNPCKLBW", 0x60, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0xDD55EE66FF770088},
        {"PUNPCKHBW", 0x68, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0x9911AA22BB33CC44},
        {"PUNPCKLWD", 0x61, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0xDDEE5566FF007788},
        {"PUNPCKHWD", 0x69, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0x99AA1122BBCC3344},
        {"PUNPCKLDQ", 0x62, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0xDDEEFF0055667788},
        {"PUNPCKHDQ", 0x6A, 0x1122334455667788, 0x99AABBCCDDEEFF00, 0x99AABBCC11223344},
        {"PSLLW", 0xF1, 0x8001000100020004, 15, 0x8000800000000000},
        {"PSLLD", 0xF2, 0x8000000100000002, 31, 0x8000000000000000},
        {"PSLLQ", 0xF3, 0x0000000000000003, 63, 0x8000000000000000},
        {"PSRLW", 0xD1, 0x8001000100020004, 15, 0x0001000000000000},
        {"PSRLD", 0xD2, 0x8000000100000002, 31, 0x0000000100000000},
        {"PSRLQ", 0xD3, 0x8000000000000000, 63, 0x0000000000000001},
        {"PSRAW", 0xE1, 0x8001000100020004, 16, 0xFFFF000000000000},
        {"PSRAD", 0xE2, 0x8000000100000002, 1ull << 32, 0xFFFFFFFF00000000},
        {"PSLLW by 16", 0xF1, 0xFFFFFFFFFFFFFFFF, 16, 0},
        {"PSRLD by 2^32", 0xD2, 0xFFFFFFFFFFFFFFFF, 1ull << 32, 0},
        {"PSRLQ by 64", 0xD3, 0xFFFFFFFFFFFFFFFF, 64, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        put_le64(c->fpu.reg[0], t[i].a);
        put_le64(c->fpu.reg[1], t[i].b);
        cr_assert(RUN(0x0F, t[i].opcode, MM0_MM1));
        cr_assert_eq(mm(0), t[i].want, "%s: %016llX", t[i].name, (unsigned long long)mm(0));
    }
}

Test(mmx, shift_by_immediate_takes_the_whole_byte)
{
    put_le64(c->fpu.reg[2], 0xFFFFFFFFFFFFFFFF);
    cr_assert(RUN(0x0F, 0x73, 0xD2, 60)); /* PSRLQ MM2, 60 */
    cr_assert_eq(mm(2), 0xF);
    cr_assert(RUN(0x0F, 0x73, 0xD2, 0xFF));
    cr_assert_eq(mm(2), 0);
}

Test(mmx, moves_between_registers_and_memory)
{
    put_le64(box.ram + DATA, 0x1122334455667788);
    cr_assert(RUN(0x0F, 0x6F, 0x1D, 0, 0x40, 0, 0)); /* MOVQ MM3, [DATA] */
    cr_assert_eq(mm(3), 0x1122334455667788);
    cr_assert(RUN(0x0F, 0x7E, 0xD8)); /* MOVD EAX, MM3 */
    cr_assert_eq(c->gpr[RAX], 0x55667788);
    cr_assert(RUN(0x0F, 0x6E, 0xE0)); /* MOVD MM4, EAX */
    cr_assert_eq(mm(4), 0x55667788);
    cr_assert(RUN(0x0F, 0x7F, 0x25, 8, 0x40, 0, 0)); /* MOVQ [DATA + 8], MM4 */
    cr_assert_eq(get_le64(box.ram + DATA + 8), 0x55667788);
}

Test(mmx, instruction_makes_all_registers_valid_and_top_zero)
{
    cr_assert(RUN(0xD9, 0xE8));       /* FLD1: TOP is 7 */
    cr_assert(RUN(0x0F, 0x6E, 0xC8)); /* MOVD MM1, EAX */
    cr_assert_eq(c->fpu.tags, 0xFF);
    cr_assert_eq(c->fpu.top, 0);
    cr_assert_eq(get_le16(c->fpu.reg[1] + 8), 0xFFFF, "exponent and sign of what was written");
    cr_assert_eq(get_le16(c->fpu.reg[7] + 8), 0x3FFF, "and of nothing else");
    cr_assert(RUN(EMMS));
    cr_assert_eq(fpu_tag_word(&c->fpu), 0xFFFF);
}

Test(mmx, faulting_load_leaves_the_x87_alone)
{
    cr_assert(RUN(0xD9, 0xE8));
    c->seg[SEG_DS].limit = 0x4000;
    cr_assert(!RUN(0x0F, 0x6F, 0x1D, 0, 0x40, 0, 0));
    cr_assert_eq(c->fault.vector, VEC_GP);
    cr_assert_eq(c->fpu.top, 7);
    cr_assert_eq(c->fpu.tags, 0x80);
}

Test(mmx, emulation_is_an_invalid_opcode_and_task_switched_no_device)
{
    c->cr0 |= CR0_EM | CR0_TS;
    cr_assert(!RUN(EMMS));
    cr_assert_eq(c->fault.vector, VEC_UD);
    c->cr0 &= ~(u64)CR0_EM;
    cr_assert(!RUN(EMMS));
    cr_assert_eq(c->fault.vector, VEC_NM);
}

Test(mmx, pending_x87_exception_comes_first)
{
    c->fpu.cw &= ~SW_ZE;
    c->fpu.sw |= SW_ZE;
    fpu_settle(c);
    cr_assert(!RUN(0x0F, 0x6E, 0xC8));
    cr_assert_eq(c->fault.vector, VEC_MF);
}
