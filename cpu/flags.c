/*
 * The arithmetic flags of additions, subtractions and logical operations, and conditions, in plain
 * C. Source: SDM Vol. 1, "Status Flags"; Appendix B, "EFLAGS Condition Codes".
 */
#include "cpu/op.h"

static bool top_bit(unsigned size, u64 v)
{
    return v >> (size * 8 - 1) & 1;
}

u16 flags_szp(unsigned size, u64 result)
{
    u16 f = 0;

    if (top_bit(size, result))
        f |= AF_SF;
    if (!(result & size_mask(size)))
        f |= AF_ZF;
    if (!__builtin_parity((unsigned)(result & 0xFF)))
        f |= AF_PF;
    return f;
}

/* `carries` has bit n set if there was a carry or borrow out of bit n. */
static u16 flags_carries(unsigned size, u64 carries, u64 overflow)
{
    u16 f = 0;

    if (top_bit(size, carries))
        f |= AF_CF;
    if (carries & 8)
        f |= AF_AF;
    if (top_bit(size, overflow))
        f |= AF_OF;
    return f;
}

void flags_add(struct cpu *c, unsigned size, u64 a, u64 b, u64 sum)
{
    c->aflags = flags_szp(size, sum) |
                flags_carries(size, (a & b) | ((a | b) & ~sum), (a ^ sum) & (b ^ sum));
}

void flags_sub(struct cpu *c, unsigned size, u64 a, u64 b, u64 diff)
{
    c->aflags = flags_szp(size, diff) |
                flags_carries(size, (~a & b) | ((~a | b) & diff), (a ^ b) & (a ^ diff));
}

/* AF is undefined; processors clear it. */
void flags_logic(struct cpu *c, unsigned size, u64 result)
{
    c->aflags = flags_szp(size, result);
}

bool condition(const struct cpu *c, unsigned cc)
{
    bool yes;

    switch (cc >> 1 & 7) {
    case 0: yes = flag_of(c); break;
    case 1: yes = flag_cf(c); break;
    case 2: yes = flag_zf(c); break;
    case 3: yes = flag_cf(c) || flag_zf(c); break;
    case 4: yes = flag_sf(c); break;
    case 5: yes = flag_pf(c); break;
    case 6: yes = flag_sf(c) != flag_of(c); break;
    default: yes = flag_zf(c) || flag_sf(c) != flag_of(c); break;
    }
    return yes != (cc & 1);
}
