/*
 * x87 instructions other than control ones: each runs as itself on the host's FPU, which holds the
 * guest's state (see fpu.h). A table of stubs has every opcode D8-DF: the register forms as they
 * are, the memory forms with RSI as the address of a copy of the operand.
 *
 * Sources: SDM Vol. 2D, Appendix A, "Escape Opcode Instructions"; Vol. 1, "x87 FPU Exception
 * Conditions". FIP, FCS and FOP are noted at each instruction, FDP and FDS at unmasked exceptions
 * only, as CPUs do that announce FDP_EXCPTN_ONLY.
 */
#include "cpu/fpu.h"
#include "cpu/fpu_inline.h"
#include "cpu/op.h"

#include "base/bytes.h"

#if defined(__x86_64__)

__asm__(".text\n"
        ".globl x87_register_stubs, x87_memory_stubs, x87_call\n"
        ".hidden x87_register_stubs, x87_memory_stubs, x87_call\n"
        ".p2align 4\n"
        "x87_register_stubs:\n"
        ".set n, 0\n"
        ".rept 512\n"
        ".byte 0xD8 + (n >> 6), 0xC0 + (n & 63), 0xC3, 0xCC\n"
        ".set n, n + 1\n"
        ".endr\n"
        ".p2align 4\n"
        "x87_memory_stubs:\n"
        ".set n, 0\n"
        ".rept 64\n"
        ".byte 0xD8 + (n >> 3), ((n & 7) << 3) | 6, 0xC3, 0xCC\n"
        ".set n, n + 1\n"
        ".endr\n"
        /* u16 x87_call(stub, operand, aflags): flags in and out as in cpu->aflags. */
        ".p2align 4\n"
        "x87_call:\n"
        "mov %edx, %eax\n"
        "sahf\n"
        "call *%rdi\n"
        "lahf\n"
        "seto %al\n"
        "ret\n");

/* The bytes that a memory form reads or writes. SDM Vol. 2D, "Escape Opcode Instructions". */
enum { R = 0, W = 0x80, BYTES = 0x7F };
static const u8 memory_form[8][8] = {
    {R | 4, R | 4, R | 4, R | 4, R | 4, R | 4, R | 4, R | 4}, /* D8: m32 */
    {R | 4, 0, W | 4, W | 4, 0, 0, 0, 0},                     /* D9: m32 */
    {R | 4, R | 4, R | 4, R | 4, R | 4, R | 4, R | 4, R | 4}, /* DA: m32 integer */
    {R | 4, 0, W | 4, W | 4, 0, R | 10, 0, W | 10},           /* DB: m32 integer, m80 */
    {R | 8, R | 8, R | 8, R | 8, R | 8, R | 8, R | 8, R | 8}, /* DC: m64 */
    {R | 8, 0, W | 8, W | 8, 0, 0, 0, 0},                     /* DD: m64 */
    {R | 2, R | 2, R | 2, R | 2, R | 2, R | 2, R | 2, R | 2}, /* DE: m16 integer */
    {R | 2, 0, W | 2, W | 2, R | 10, R | 8, W | 10, W | 8},   /* DF: m16, m64 integer, BCD */
};

/* What an instruction left behind while exceptions are unmasked. `off`: of its memory operand. */
static u16 exceptions_check(struct cpu *c, const struct insn *in, u64 off)
{
    u16 before = c->fpu.sw & SW_ES; /* only while an older one is ignored */
    u16 sw;

    if (likely(c->fpu.host == FPU_ON_HOST_MASKED))
        return 0;
    sw = fpu_status(c);
    if (likely(!(sw & SW_ES) && !before))
        return 0;
    if (sw & SW_ES && in->modrm < 0xC0) {
        c->fpu.fdp = off;
        c->fpu.fds = c->seg[in->seg].sel;
    }
    fpu_release(c);
    return sw & SW_ES ? sw & ~c->fpu.cw & SW_EXCEPTIONS : 0;
}

static bool run_register(struct cpu *c, const struct insn *in)
{
    if (!fpu_check(c, in))
        return fpu_stopped(c);
    fpu_hold(c);
    fpu_note(c, c->rip, fpu_opcode(in));
    x87_run(x87_stub(in), NULL);
    exceptions_check(c, in, 0);
    return true;
}

static bool read_bytes(struct cpu *c, const struct insn *in, u64 off, u8 *data, unsigned bytes)
{
    u64 v;

    if (bytes > 8)
        return mem_check_alignment(c, in->seg, off, bytes, MMU_READ, 8) &&
               mem_read_bytes(c, in->seg, off, data, bytes);
    if (!mem_read(c, in->seg, off, bytes, &v))
        return false;
    put_le64(data, v);
    return true;
}

/* 80-bit operands are aligned at 8 bytes (SDM Vol. 3A, "Alignment Requirements by Data Type"). */
static bool probe_bytes(struct cpu *c, const struct insn *in, u64 off, unsigned bytes)
{
    if (bytes > 8 && !mem_check_alignment(c, in->seg, off, bytes, MMU_WRITE, 8))
        return false;
    return mem_probe_write(c, in->seg, off, bytes);
}

static void write_bytes(struct cpu *c, const struct insn *in, u64 off, const u8 *data,
                        unsigned bytes)
{
    /* Probed: cannot fault. */
    if (bytes > 8)
        mem_write_bytes(c, in->seg, off, data, bytes);
    else
        mem_write(c, in->seg, off, bytes, get_le64(data));
}

static bool run_memory(struct cpu *c, const struct insn *in)
{
    u16 fop = fpu_opcode(in), raised;
    u8 form = memory_form[fop >> 8][fop >> 3 & 7];
    unsigned bytes = form & BYTES;
    u64 off = effective_address(c, in);
    u8 operand[16] = {0};

    if (!fpu_check(c, in))
        return fpu_stopped(c);
    if (form & W ? !probe_bytes(c, in, off, bytes) : !read_bytes(c, in, off, operand, bytes))
        return false;
    fpu_hold(c);
    fpu_note(c, c->rip, fop);
    x87_run(x87_stub(in), operand);
    raised = exceptions_check(c, in, off);
    /* All unmasked exceptions but Precision keep the result from memory (SDM "Numeric Overflow
     * Exception", "Numeric Underflow Exception"). */
    if (form & W && !(raised & ~SW_PE))
        write_bytes(c, in, off, operand, bytes);
    return true;
}

/* FCMOVcc, FCOMI and their kin read or write EFLAGS. */
static bool run_with_flags(struct cpu *c, const struct insn *in, u16 *flags)
{
    if (!fpu_check(c, in))
        return fpu_stopped(c);
    fpu_hold(c);
    fpu_note(c, c->rip, fpu_opcode(in));
    *flags = x87_call(x87_stub(in), NULL, c->aflags);
    exceptions_check(c, in, 0);
    return true;
}

#else

static bool run_register(struct cpu *c, const struct insn *in)
{
    return fpu_check(c, in); /* #NM */
}

static bool run_memory(struct cpu *c, const struct insn *in)
{
    return fpu_check(c, in);
}

static bool run_with_flags(struct cpu *c, const struct insn *in, u16 *flags)
{
    return fpu_check(c, in);
}

#endif

static bool run(struct cpu *c, const struct insn *in)
{
    return in->modrm < 0xC0 ? run_memory(c, in) : run_register(c, in);
}

static bool conditional_move(struct cpu *c, const struct insn *in)
{
    u16 unused;

    return run_with_flags(c, in, &unused);
}

/* "FCOMI": an unmasked invalid operand leaves ZF, PF and CF alone; the host has done so. */
static bool compare_to_flags(struct cpu *c, const struct insn *in)
{
    u16 flags;

    if (!run_with_flags(c, in, &flags))
        return false;
    flags_put(c, AF_ALL, flags);
    return true;
}

/* Every mnemonic with the shape of its forms. */
#define X87(handler, shape)                                                                        \
    bool handler(struct cpu *c, const struct insn *in)                                             \
    {                                                                                              \
        return shape(c, in);                                                                       \
    }

X87(op_FADD, run)
X87(op_FADDP, run_register)
X87(op_FIADD, run_memory)
X87(op_FMUL, run)
X87(op_FMULP, run_register)
X87(op_FIMUL, run_memory)
X87(op_FSUB, run)
X87(op_FSUBP, run_register)
X87(op_FISUB, run_memory)
X87(op_FSUBR, run)
X87(op_FSUBRP, run_register)
X87(op_FISUBR, run_memory)
X87(op_FDIV, run)
X87(op_FDIVP, run_register)
X87(op_FIDIV, run_memory)
X87(op_FDIVR, run)
X87(op_FDIVRP, run_register)
X87(op_FIDIVR, run_memory)

X87(op_FCOM, run)
X87(op_FCOMP, run)
X87(op_FCOMPP, run_register)
X87(op_FICOM, run_memory)
X87(op_FICOMP, run_memory)
X87(op_FUCOM, run_register)
X87(op_FUCOMP, run_register)
X87(op_FUCOMPP, run_register)
X87(op_FTST, run_register)
X87(op_FXAM, run_register)
X87(op_FCOMI, compare_to_flags)
X87(op_FCOMIP, compare_to_flags)
X87(op_FUCOMI, compare_to_flags)
X87(op_FUCOMIP, compare_to_flags)

X87(op_FLD, run)
X87(op_FST, run)
X87(op_FSTP, run)
X87(op_FILD, run_memory)
X87(op_FIST, run_memory)
X87(op_FISTP, run_memory)
X87(op_FBLD, run_memory)
X87(op_FBSTP, run_memory)
X87(op_FXCH, run_register)
X87(op_FCMOVB, conditional_move)
X87(op_FCMOVE, conditional_move)
X87(op_FCMOVBE, conditional_move)
X87(op_FCMOVU, conditional_move)
X87(op_FCMOVNB, conditional_move)
X87(op_FCMOVNE, conditional_move)
X87(op_FCMOVNBE, conditional_move)
X87(op_FCMOVNU, conditional_move)

X87(op_FLD1, run_register)
X87(op_FLDL2T, run_register)
X87(op_FLDL2E, run_register)
X87(op_FLDPI, run_register)
X87(op_FLDLG2, run_register)
X87(op_FLDLN2, run_register)
X87(op_FLDZ, run_register)

X87(op_FCHS, run_register)
X87(op_FABS, run_register)
X87(op_FSQRT, run_register)
X87(op_FRNDINT, run_register)
X87(op_FSCALE, run_register)
X87(op_FXTRACT, run_register)
X87(op_FPREM, run_register)
X87(op_FPREM1, run_register)
X87(op_F2XM1, run_register)
X87(op_FYL2X, run_register)
X87(op_FYL2XP1, run_register)
X87(op_FPTAN, run_register)
X87(op_FPATAN, run_register)
X87(op_FSIN, run_register)
X87(op_FCOS, run_register)
X87(op_FSINCOS, run_register)

X87(op_FNOP, run_register)
X87(op_FDECSTP, run_register)
X87(op_FINCSTP, run_register)
X87(op_FFREE, run_register)
X87(op_FFREEP, run_register)
