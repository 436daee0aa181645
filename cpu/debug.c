/*
 * Debug registers, single step, breakpoints. Source: SDM Vol. 3B, "Debug, Branch Profile, TSC, and
 * Intel Resource Director Technology Features": "Debug Registers", "Debug Exceptions".
 */
#include "cpu/fault.h"
#include "cpu/op.h"

enum break_type { BREAK_CODE, BREAK_WRITE, BREAK_IO, BREAK_ACCESS };

static bool enabled(const struct cpu *c, unsigned n)
{
    return c->dr[7] >> n * 2 & 3;
}

static enum break_type type_of(const struct cpu *c, unsigned n)
{
    return c->dr[7] >> (16 + n * 4) & 3;
}

/* Length field: 0 is one byte, 1 two, 3 four; 2 is eight on later chips and undefined here. */
static unsigned length_of(const struct cpu *c, unsigned n)
{
    return (unsigned)(c->dr[7] >> (18 + n * 4) & 3) + 1;
}

/* Breakpoints on [at, at+size) of one of two types: bits B0-B3, enabled or not. */
static u8 matches(const struct cpu *c, u64 at, unsigned size, enum break_type a, enum break_type b)
{
    u8 hit = 0;

    for (unsigned n = 0; n < 4; n++) {
        unsigned len = length_of(c, n);
        u64 first = c->dr[n] & ~(u64)(len - 1);

        if ((type_of(c, n) == a || type_of(c, n) == b) && at < first + len && first < at + size)
            hit |= (u8)(1 << n);
    }
    return hit;
}

static u8 enabled_mask(const struct cpu *c)
{
    u8 mask = 0;

    for (unsigned n = 0; n < 4; n++)
        if (enabled(c, n))
            mask |= (u8)(1 << n);
    return mask;
}

bool debug_has_code_breakpoint(const struct cpu *c)
{
    for (unsigned n = 0; n < 4; n++)
        if (enabled(c, n) && type_of(c, n) == BREAK_CODE)
            return true;
    return false;
}

bool debug_watches_page(const struct cpu *c, u64 linear_page)
{
    for (unsigned n = 0; n < 4; n++)
        if (enabled(c, n) && type_of(c, n) != BREAK_CODE && type_of(c, n) != BREAK_IO &&
            c->dr[n] >> PAGE_SHIFT == linear_page)
            return true;
    return false;
}

/* B0-B3 of disabled breakpoints are set too when their condition is met, but raise nothing. */
bool debug_code_breakpoint(struct cpu *c)
{
    u64 la = (u32)(c->seg[SEG_CS].base + c->rip);
    u8 hit;

    if (c->eflags & EF_RF)
        return false;
    hit = matches(c, la, 1, BREAK_CODE, BREAK_CODE);
    if (!(hit & enabled_mask(c)))
        return false;
    c->dr[6] = (c->dr[6] & ~(u64)DR6_BD) | hit;
    fault_raise(c, VEC_DB);
    return true;
}

static void note(struct cpu *c, u8 hit)
{
    if (!(hit & enabled_mask(c)))
        return;
    c->dr6_pending |= hit;
    c->attention |= ATT_DEBUG;
}

void debug_data_access(struct cpu *c, u64 la, unsigned size, bool write)
{
    note(c, matches(c, la, size, BREAK_ACCESS, write ? BREAK_WRITE : BREAK_ACCESS));
}

void debug_io_access(struct cpu *c, u16 port, unsigned size)
{
    if ((c->dr[7] & 0xFF) && (c->cr4 & CR4_DE))
        note(c, matches(c, port, size, BREAK_IO, BREAK_IO));
}

void debug_task_trap(struct cpu *c)
{
    c->dr6_pending |= DEBUG_TASK;
    c->attention |= ATT_DEBUG;
}

bool debug_traps(struct cpu *c, bool was_tf)
{
    u64 bits = c->dr6_pending & 15;

    if (c->special & SPECIAL_SS_SHADOW)
        return true;
    if (c->dr6_pending & DEBUG_TASK)
        bits |= DR6_BT;
    if (was_tf)
        bits |= DR6_BS;
    c->dr6_pending = 0;
    c->attention &= ~(u32)ATT_DEBUG;
    if (!bits)
        return true;
    c->dr[6] |= bits;
    return event_enter(c, VEC_DB, EVENT_TRAP);
}
