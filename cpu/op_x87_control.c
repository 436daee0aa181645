/*
 * x87 control instructions: they move the state itself. None of them notes FIP and FOP; only
 * FLDCW, FLDENV and FRSTOR wait for a pending exception.
 * Sources: SDM Vol. 2A under each name; Vol. 1, "x87 FPU Control Instructions" and the figures
 * "Protected Mode x87 FPU State Image in Memory" and "Real Mode x87 FPU State Image in Memory".
 */
#include "cpu/fpu.h"
#include "cpu/op.h"

#include "base/bytes.h"

enum { ENV_MAX = 28, REGS_BYTES = 80, FOP_MASK = 0x7FF };

bool op_FNCLEX(struct cpu *c, const struct insn *in)
{
    if (!fpu_check_no_wait(c))
        return false;
    if (c->fpu.host != FPU_IN_MEMORY) {
#if defined(__x86_64__)
        __asm__ volatile("fnclex");
#endif
        return true;
    }
    c->fpu.sw &= ~(SW_EXCEPTIONS | SW_SF);
    fpu_settle(c);
    return true;
}

bool op_FNINIT(struct cpu *c, const struct insn *in)
{
    if (!fpu_check_no_wait(c))
        return false;
    fpu_init(c);
    return true;
}

bool op_FLDCW(struct cpu *c, const struct insn *in)
{
    u64 cw;

    if (!fpu_check(c, in))
        return fpu_stopped(c);
    if (!read_op(c, in, 0, &cw))
        return false;
    fpu_set_control(c, (u16)cw);
    return true;
}

bool op_FNSTCW(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c) && write_op(c, in, 0, c->fpu.cw);
}

bool op_FNSTSW(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c) && write_op(c, in, 0, fpu_status(c));
}

/* Interrupt control of the 8087, and the 80287's way to protected mode: nothing since the 387. */
bool op_FNENI(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c);
}

bool op_FNDISI(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c);
}

bool op_FNSETPM(struct cpu *c, const struct insn *in)
{
    return fpu_check_no_wait(c);
}

/* Images are aligned at their fields: 2 or 4 bytes. */
static bool read_image(struct cpu *c, const struct insn *in, u8 *image, unsigned bytes)
{
    unsigned align = in->opsize == 2 ? 2 : 4;
    u64 off = effective_address(c, in);

    return mem_check_alignment(c, in->seg, off, bytes, MMU_READ, align) &&
           mem_read_bytes(c, in->seg, off, image, bytes);
}

static bool write_image(struct cpu *c, const struct insn *in, const u8 *image, unsigned bytes)
{
    unsigned align = in->opsize == 2 ? 2 : 4;
    u64 off = effective_address(c, in);

    return mem_check_alignment(c, in->seg, off, bytes, MMU_WRITE, align) &&
           mem_write_bytes(c, in->seg, off, image, bytes);
}

/*
 * The environment in its four layouts. The 32-bit ones hold the fields in dwords whose upper
 * halves, where reserved, are written as ones (as the chips do). In real and virtual-8086 mode the
 * pointers are linear addresses in two pieces, and FOP stands beside the upper piece of FIP.
 */
static unsigned env_bytes(const struct insn *in)
{
    return in->opsize == 2 ? 14 : 28;
}

static void env_word(u8 *env, unsigned bytes, unsigned n, u16 v)
{
    if (bytes == 14)
        put_le16(env + n * 2, v);
    else
        put_le32(env + n * 4, v | 0xFFFF0000);
}

static u16 env_get(const u8 *env, unsigned bytes, unsigned n)
{
    return get_le16(env + (bytes == 14 ? n * 2 : n * 4));
}

static void env_put_protected(const struct fpu *f, u8 *env, unsigned bytes)
{
    if (bytes == 14) {
        put_le16(env + 6, (u16)f->fip);
        put_le16(env + 8, f->fcs);
        put_le16(env + 10, (u16)f->fdp);
        put_le16(env + 12, f->fds);
        return;
    }
    put_le32(env + 12, (u32)f->fip);
    put_le32(env + 16, f->fcs | (u32)f->fop << 16);
    put_le32(env + 20, (u32)f->fdp);
    put_le32(env + 24, f->fds | 0xFFFF0000);
}

static void env_put_real(const struct fpu *f, u8 *env, unsigned bytes)
{
    u32 fip = (u32)(f->fip + f->fcs * 16), fdp = (u32)(f->fdp + f->fds * 16);

    if (bytes == 14) {
        put_le16(env + 6, (u16)fip);
        put_le16(env + 8, (u16)((fip >> 4 & 0xF000) | f->fop));
        put_le16(env + 10, (u16)fdp);
        put_le16(env + 12, fdp >> 4 & 0xF000);
        return;
    }
    put_le32(env + 12, (fip & 0xFFFF) | 0xFFFF0000);
    put_le32(env + 16, (fip >> 4 & 0x0FFFF000) | f->fop);
    put_le32(env + 20, (fdp & 0xFFFF) | 0xFFFF0000);
    put_le32(env + 24, fdp >> 4 & 0x0FFFF000);
}

static void env_put(struct cpu *c, u8 *env, unsigned bytes)
{
    const struct fpu *f = &c->fpu;

    env_word(env, bytes, 0, f->cw);
    env_word(env, bytes, 1, fpu_status(c));
    env_word(env, bytes, 2, fpu_tag_word(f));
    if (cpu_is_protected(c))
        env_put_protected(f, env, bytes);
    else
        env_put_real(f, env, bytes);
}

static void env_take_protected(struct fpu *f, const u8 *env, unsigned bytes)
{
    if (bytes == 14) {
        f->fip = get_le16(env + 6);
        f->fcs = get_le16(env + 8);
        f->fdp = get_le16(env + 10);
        f->fds = get_le16(env + 12);
        return;
    }
    f->fip = get_le32(env + 12);
    f->fcs = get_le16(env + 16);
    f->fop = get_le16(env + 18) & FOP_MASK;
    f->fdp = get_le32(env + 20);
    f->fds = get_le16(env + 24);
}

/* The linear address goes into the offset, with selector zero: it comes out again the same. */
static void env_take_real(struct fpu *f, const u8 *env, unsigned bytes)
{
    f->fcs = f->fds = 0;
    if (bytes == 14) {
        f->fip = get_le16(env + 6) | (get_le16(env + 8) & 0xF000u) << 4;
        f->fop = get_le16(env + 8) & FOP_MASK;
        f->fdp = get_le16(env + 10) | (get_le16(env + 12) & 0xF000u) << 4;
        return;
    }
    f->fip = get_le16(env + 12) | (get_le32(env + 16) & 0x0FFFF000) << 4;
    f->fop = get_le16(env + 16) & FOP_MASK;
    f->fdp = get_le16(env + 20) | (get_le32(env + 24) & 0x0FFFF000) << 4;
}

static void env_take(struct cpu *c, const u8 *env, unsigned bytes)
{
    struct fpu *f = &c->fpu;
    u16 sw = env_get(env, bytes, 1);

    f->cw = (env_get(env, bytes, 0) & CW_WRITABLE) | CW_FIXED;
    f->top = sw >> SW_TOP_SHIFT & 7;
    f->sw = (u16)((sw & ~(SW_TOP | SW_ES | SW_B)) | (f->sw & SW_ES));
    f->tags = fpu_tags_of_word(env_get(env, bytes, 2));
    if (cpu_is_protected(c))
        env_take_protected(f, env, bytes);
    else
        env_take_real(f, env, bytes);
    fpu_settle(c);
}

bool op_FNSTENV(struct cpu *c, const struct insn *in)
{
    unsigned bytes = env_bytes(in);
    u8 env[ENV_MAX];

    if (!fpu_check_no_wait(c))
        return false;
    fpu_leave(c);
    env_put(c, env, bytes);
    if (!write_image(c, in, env, bytes))
        return false;
    fpu_set_control(c, c->fpu.cw | CW_MASKS);
    return true;
}

bool op_FLDENV(struct cpu *c, const struct insn *in)
{
    unsigned bytes = env_bytes(in);
    u8 env[ENV_MAX];

    if (!fpu_check(c, in))
        return fpu_stopped(c);
    if (!read_image(c, in, env, bytes))
        return false;
    fpu_leave(c);
    env_take(c, env, bytes);
    return true;
}

bool op_FNSAVE(struct cpu *c, const struct insn *in)
{
    unsigned bytes = env_bytes(in), i;
    u8 image[ENV_MAX + REGS_BYTES];

    if (!fpu_check_no_wait(c))
        return false;
    fpu_leave(c);
    env_put(c, image, bytes);
    for (i = 0; i < 8; i++)
        memcpy(image + bytes + i * 10, fpu_st(&c->fpu, i), 10);
    if (!write_image(c, in, image, bytes + REGS_BYTES))
        return false;
    fpu_init(c);
    return true;
}

bool op_FRSTOR(struct cpu *c, const struct insn *in)
{
    unsigned bytes = env_bytes(in), i;
    u8 image[ENV_MAX + REGS_BYTES];

    if (!fpu_check(c, in))
        return fpu_stopped(c);
    if (!read_image(c, in, image, bytes + REGS_BYTES))
        return false;
    fpu_leave(c);
    env_take(c, image, bytes);
    for (i = 0; i < 8; i++)
        memcpy(fpu_st(&c->fpu, i), image + bytes + i * 10, 10);
    return true;
}
