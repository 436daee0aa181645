/*
 * x87 state: where it is, how it moves, and the exceptions' way to the guest. The instructions
 * themselves are in op_x87.c and op_x87_control.c. See fpu.h.
 */
#include "cpu/fpu.h"

#include "base/bytes.h"
#include "cpu/fault.h"

/* What FNSAVE writes and FRSTOR reads in 32-bit format. SDM Vol. 1, Figure "Protected Mode x87 FPU
 * State Image in Memory, 32-Bit Format". */
struct host_image {
    u16 cw, cw_pad;
    u16 sw, sw_pad;
    u16 tags, tags_pad;
    u32 fip;
    u16 fcs, fop;
    u32 fdp;
    u16 fds, fds_pad;
    u8 st[8][10];
};

static_assert(sizeof(struct host_image) == 108, "the image is read and written by the host");

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned tag_of(const u8 *reg)
{
    u64 significand = get_le64(reg);
    unsigned exponent = get_le16(reg + 8) & 0x7FFF;

    if (exponent == 0 && significand == 0)
        return TAG_ZERO;
    if (exponent == 0 || exponent == 0x7FFF || !(significand >> 63))
        return TAG_SPECIAL;
    return TAG_VALID;
}

u16 fpu_tag_word(const struct fpu *f)
{
    u16 word = 0;
    unsigned n;

    for (n = 0; n < 8; n++)
        word |= (u16)((f->tags >> n & 1 ? tag_of(f->reg[n]) : TAG_EMPTY) << n * 2);
    return word;
}

u8 fpu_tags_of_word(u16 word)
{
    u8 tags = 0;
    unsigned n;

    for (n = 0; n < 8; n++)
        if ((word >> n * 2 & 3) != TAG_EMPTY)
            tags |= (u8)(1 << n);
    return tags;
}

bool fpu_sane(const struct fpu *f)
{
    bool es = f->sw & ~f->cw & SW_EXCEPTIONS;

    return f->top < 8 && !(f->sw & SW_TOP) && (f->cw & ~CW_WRITABLE) == CW_FIXED &&
           !(f->sw & SW_ES) == !es && !(f->sw & SW_B) == !es;
}

void fpu_settle(struct cpu *c)
{
    struct fpu *f = &c->fpu;
    bool was = f->sw & SW_ES;
    bool now = f->sw & ~f->cw & SW_EXCEPTIONS;

    f->sw = (u16)((f->sw & ~(SW_ES | SW_B)) | (now ? SW_ES | SW_B : 0));
    if (was == now || !c->pins.ferr)
        return;
    if (!now || !(c->cr0 & CR0_NE))
        c->pins.ferr(c->pins.opaque, now);
}

/*
 * A pending exception at a waiting instruction: #MF, or with CR0.NE clear, unless IGNNE# is active,
 * a stop before the instruction until an interrupt comes: FERR# has asked for it (SDM Vol. 1,
 * "MS-DOS Compatibility Sub-mode"). As in HLT the board waits, and here the instruction repeats.
 */
static bool pending_check(struct cpu *c)
{
    if (likely(!(c->fpu.sw & SW_ES)))
        return true;
    if (c->cr0 & CR0_NE)
        return fault_raise(c, VEC_MF);
    if (c->ignne || !c->pins.ferr)
        return true;
    c->next_rip = c->rip;
    c->halted = true;
    return false;
}

#if defined(__x86_64__)

enum { HAVE_FPU = 1 };

void fpu_hold(struct cpu *c)
{
    struct fpu *f = &c->fpu;
    struct host_image image = {0};
    unsigned i;

    if (f->host != FPU_IN_MEMORY)
        return;
    /* An exception that is pending but ignored (NE clear) must not strike the host. */
    image.cw = f->cw | (f->sw & SW_EXCEPTIONS);
    image.sw = (u16)((f->sw & ~(SW_ES | SW_B)) | f->top << SW_TOP_SHIFT);
    for (i = 0; i < 8; i++) {
        if (!(f->tags >> i & 1))
            image.tags |= (u16)(TAG_EMPTY << i * 2);
        memcpy(image.st[i], fpu_st(f, i), 10);
    }
    __asm__ volatile("frstor %0" : : "m"(image));
    f->host = (f->cw & CW_MASKS) == CW_MASKS ? FPU_ON_HOST_MASKED : FPU_ON_HOST;
}

void fpu_release(struct cpu *c)
{
    struct fpu *f = &c->fpu;
    struct host_image image;
    unsigned i;

    if (f->host == FPU_IN_MEMORY)
        return;
    __asm__ volatile("fnsave %0" : "=m"(image));
    f->host = FPU_IN_MEMORY;
    f->top = image.sw >> SW_TOP_SHIFT & 7;
    f->tags = fpu_tags_of_word(image.tags);
    for (i = 0; i < 8; i++)
        memcpy(fpu_st(f, i), image.st[i], 10);
    /* ES of before, so that fpu_settle sees the change. */
    f->sw = (u16)((image.sw & ~(SW_TOP | SW_ES | SW_B)) | (f->sw & (SW_ES | SW_B)));
    fpu_settle(c);
}

u16 fpu_status(struct cpu *c)
{
    u16 sw;

    if (c->fpu.host == FPU_IN_MEMORY)
        return (u16)(c->fpu.sw | c->fpu.top << SW_TOP_SHIFT);
    __asm__ volatile("fnstsw %0" : "=a"(sw));
    return sw;
}

void fpu_set_control(struct cpu *c, u16 cw)
{
    struct fpu *f = &c->fpu;

    f->cw = (cw & CW_WRITABLE) | CW_FIXED;
    if (f->host != FPU_IN_MEMORY && ~f->cw & SW_EXCEPTIONS &&
        fpu_status(c) & ~f->cw & SW_EXCEPTIONS)
        fpu_release(c); /* an old exception was unmasked: it is pending from now on */
    if (f->host == FPU_IN_MEMORY) {
        fpu_settle(c);
        return;
    }
    __asm__ volatile("fldcw %0" : : "m"(f->cw));
    f->host = (f->cw & CW_MASKS) == CW_MASKS ? FPU_ON_HOST_MASKED : FPU_ON_HOST;
}

#else

enum { HAVE_FPU = 0 };

void fpu_hold(struct cpu *c)
{
}

void fpu_release(struct cpu *c)
{
}

u16 fpu_status(struct cpu *c)
{
    return (u16)(c->fpu.sw | c->fpu.top << SW_TOP_SHIFT);
}

void fpu_set_control(struct cpu *c, u16 cw)
{
    c->fpu.cw = (cw & CW_WRITABLE) | CW_FIXED;
    fpu_settle(c);
}

#endif

bool fpu_check_no_wait(struct cpu *c)
{
    return (likely(!(c->cr0 & (CR0_EM | CR0_TS))) && HAVE_FPU) || fault_raise(c, VEC_NM);
}

bool fpu_check(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c) && pending_check(c);
}

bool fpu_check_wait(struct cpu *c)
{
    if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        return fault_raise(c, VEC_NM);
    return pending_check(c) || fpu_stopped(c);
}

bool fpu_check_mmx(struct cpu *c)
{
    if (unlikely(c->cr0 & CR0_EM))
        return fault_ud(c);
    if (unlikely(c->cr0 & CR0_TS) || !HAVE_FPU)
        return fault_raise(c, VEC_NM);
    return pending_check(c);
}

void fpu_reset(struct cpu *c)
{
    bool es = c->fpu.sw & SW_ES;

    fpu_release(c);
    memset(&c->fpu, 0, sizeof c->fpu);
    c->fpu.cw = CW_FIXED;
    /* "Tag word 5555H": eight zeros, none empty. All exceptions are unmasked and none is set. */
    c->fpu.tags = 0xFF;
    if (es && c->pins.ferr)
        c->pins.ferr(c->pins.opaque, false);
}

void fpu_init(struct cpu *c)
{
    struct fpu *f = &c->fpu;

    fpu_release(c);
    f->cw = CW_INIT;
    f->sw &= SW_ES; /* for fpu_settle to see the change */
    f->top = 0;
    f->tags = 0;
    f->fop = f->fcs = f->fds = 0;
    f->fip = f->fdp = 0;
    fpu_settle(c);
}
