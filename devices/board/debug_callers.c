/*
 * Callers without debug information. A return address is known by the CALL in front of it; those
 * that stand above a saved (E)BP, where the chain of frames leads, are sure.
 */
#include "devices/board/debug_callers.h"

#include "cpu/cpu.h"
#include "cpu/op.h"
#include "cpu/optab.h"
#include "devices/board/debug_memory.h"

enum {
    ITEMS = 2048, /* of the stack looked at */
    FRAMES = 256,
    CALL_BYTES_MIN = 2,
    CALL_BYTES_MAX = 8,
    FLAGS_ONES = 0x00000002,  /* bits of EFLAGS that never change: this is one, */
    FLAGS_FIXED = 0xFFC0802A, /* of all those (SDM Vol. 1, "EFLAGS Register") */
};

/* The stack: its items have the size of what a near CALL pushes here. */
struct items {
    struct cpu *c;
    unsigned size;
    u64 frame[FRAMES]; /* offsets of return addresses, by the chain */
    unsigned frames;
};

static bool read_item(const struct items *s, u64 offset, u64 *value)
{
    u32 la = (u32)(s->c->seg[SEG_SS].base + (offset & s->c->stack_mask));

    *value = 0;
    return debug_read_linear(s->c, la, value, s->size) == s->size;
}

/* Is there an instruction that ends before `la` and is a CALL, or if far an INT? */
static bool follows_call(struct cpu *c, u64 la, bool far)
{
    struct decode_mode mode = {
        .code = c->mode & MODE_CODE_SIZE, .protected = c->mode & MODE_PROTECTED, .model = c->model};
    u8 bytes[CALL_BYTES_MAX];
    struct insn in;

    for (unsigned len = CALL_BYTES_MIN; len <= CALL_BYTES_MAX; len++) {
        op_handler *h;

        if (debug_read_linear(c, (u32)(la - len), bytes, len) != len ||
            insn_decode(bytes, len, &mode, &in) != len)
            continue;
        h = optab_rows[in.row].handler;
        if (far ? h == op_CALL_FAR || h == op_INT : h == op_CALL)
            return true;
    }
    return false;
}

static void follow_chain(struct items *s)
{
    u64 sp = s->c->gpr[RSP] & s->c->stack_mask, bp = s->c->gpr[RBP] & s->c->stack_mask, next;

    while (s->frames < FRAMES && bp >= sp && read_item(s, bp, &next)) {
        s->frame[s->frames++] = bp + s->size;
        if (next <= bp)
            break;
        bp = next;
    }
}

static bool in_chain(const struct items *s, u64 offset)
{
    for (unsigned i = 0; i < s->frames; i++)
        if (s->frame[i] == offset)
            return true;
    return false;
}

/* A near return address, or in real and virtual-8086 mode a far one. */
static bool is_return(const struct items *s, u64 offset, struct caller *out)
{
    const struct segment *cs = &s->c->seg[SEG_CS];
    u64 value, selector;

    if (!read_item(s, offset, &value))
        return false;
    *out = (struct caller){.cs = cs->sel, .off = value, .la = (u32)(cs->base + value)};
    if (value && value <= cs->limit && follows_call(s->c, out->la, false))
        return true;
    if ((s->c->mode & MODE_PROTECTED) || s->size != 2 || !read_item(s, offset + 2, &selector))
        return false;
    out->cs = (u16)selector;
    out->la = (u32)(selector * 16 + value);
    return follows_call(s->c, out->la, true);
}

/*
 * EIP, CS and EFLAGS, as an interrupt or exception pushes them without a change of level (SDM Vol.
 * 3A, "Exception- or Interrupt-Handler Procedures"): this CS, and flags whose fixed bits are right.
 */
static bool is_interrupt(const struct items *s, u64 offset, struct caller *out)
{
    const struct segment *cs = &s->c->seg[SEG_CS];
    u64 value, selector, flags;
    u8 byte;

    if (!(s->c->mode & MODE_PROTECTED) || s->size != 4 || !read_item(s, offset, &value) ||
        !read_item(s, offset + 4, &selector) || !read_item(s, offset + 8, &flags))
        return false;
    if (selector != cs->sel || value > cs->limit || (flags & FLAGS_FIXED) != FLAGS_ONES)
        return false;
    *out = (struct caller){
        .cs = cs->sel, .off = value, .la = (u32)(cs->base + value), .interrupted = true};
    return value && debug_read_linear(s->c, out->la, &byte, 1) == 1;
}

unsigned debug_callers(struct cpu *c, struct caller *out, unsigned max)
{
    struct items s = {.c = c, .size = (c->mode & MODE_CODE_SIZE) == CODE16 ? 2 : 4};
    u64 sp = c->gpr[RSP] & c->stack_mask, value;
    unsigned found = 0;

    follow_chain(&s);
    for (unsigned i = 0; i < ITEMS && found < max; i++, sp += s.size) {
        struct caller *to = &out[found];

        if (sp > c->stack_mask || !read_item(&s, sp, &value))
            break;
        if (!is_return(&s, sp, to) && !is_interrupt(&s, sp, to))
            continue;
        to->stack = sp;
        to->sure = in_chain(&s, sp);
        found++;
    }
    return found;
}
