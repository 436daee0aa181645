/*
 * Bit tests, bit scans, byte swap. SDM Vol. 2, "BT", "BTS", "BTR", "BTC", "BSF", "BSR", "BSWAP".
 */
#include "cpu/host_flags.h"
#include "cpu/op.h"
#include "cpu/undefined.h"

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

/*
 * Where the bit is. A bit number in a register is signed and reaches beyond a memory operand; an
 * immediate one, or one for a register operand, is cut to the operand size.
 */
static u64 bit_address(const struct cpu *c, const struct insn *in, u64 bit)
{
    unsigned size = in->size[0];
    u64 ea = effective_address(c, in);

    if (in->kind[1] == OPND_GPR)
        ea += (u64)((s64)sign_extend(bit, size) >> (size == 2 ? 4 : size == 4 ? 5 : 6)) * size;
    return ea & size_mask(in->asize);
}

static u64 bit_change(enum bit_op op, u64 v, u64 bit)
{
    switch (op) {
    case BIT_SET: return v | bit;
    case BIT_RESET: return v & ~bit;
    case BIT_COMPLEMENT: return v ^ bit;
    default: return v;
    }
}

/* The other flags are undefined; processors leave them alone. */
static bool bit_test(struct cpu *c, const struct insn *in, enum bit_op op)
{
    unsigned size = in->size[0];
    bool memory = in->kind[0] == OPND_MEM;
    u64 bit, v, ea = 0;

    if (!read_op(c, in, 1, &bit))
        return false;
    if (memory) {
        ea = bit_address(c, in, bit);
        if (!(op == BIT_TEST ? mem_read : mem_read_for_write)(c, in->seg, ea, size, &v))
            return false;
    } else {
        v = reg_get(c, in->reg[0], size);
    }
    bit = 1ull << (bit & (size * 8 - 1));
    if (op != BIT_TEST && memory && !mem_write(c, in->seg, ea, size, bit_change(op, v, bit)))
        return false;
    if (op != BIT_TEST && !memory)
        reg_set(c, in->reg[0], size, bit_change(op, v, bit));
    flags_put(c, AF_CF, v & bit ? AF_CF : 0);
    return true;
}

bool op_BT(struct cpu *c, const struct insn *in)
{
    return bit_test(c, in, BIT_TEST);
}

bool op_BTS(struct cpu *c, const struct insn *in)
{
    return bit_test(c, in, BIT_SET);
}

bool op_BTR(struct cpu *c, const struct insn *in)
{
    return bit_test(c, in, BIT_RESET);
}

bool op_BTC(struct cpu *c, const struct insn *in)
{
    return bit_test(c, in, BIT_COMPLEMENT);
}

/* All flags but ZF are undefined: the host's, or unchanged. */
static u16 scan_flags(bool reverse, unsigned size, u64 v, u16 flags)
{
#if HOST_IS_X86
    u64 index = 0;

#define HOST_SCAN(mnemonic)                                                                        \
    asm(HOST_LOAD_FLAGS mnemonic HOST_STORE_FLAGS : "+r"(index), "+a"(flags) : "r"(v) : "cc")
    switch (size + reverse) {
    case 2: HOST_SCAN("bsfw %w2, %w0"); break;
    case 3: HOST_SCAN("bsrw %w2, %w0"); break;
    case 4: HOST_SCAN("bsfl %k2, %k0"); break;
    case 5: HOST_SCAN("bsrl %k2, %k0"); break;
    case 8: HOST_SCAN("bsfq %2, %0"); break;
    default: HOST_SCAN("bsrq %2, %0"); break;
    }
    return flags & AF_ALL;
#else
    return (flags & ~AF_ZF) | (v ? 0 : AF_ZF);
#endif
}

static u16 scan_flags_by_table(const struct cpu *c, const struct insn *in, bool reverse, u64 v,
                               u16 before)
{
    unsigned size = in->size[0];
    const struct undefined_case x = {
        .kind = reverse ? UNDEFINED_BSR : UNDEFINED_BSF,
        .size = size,
        .b = v & size_mask(size),
        .result = reg_get(c, in->reg[0], size),
        .before = before,
        .after = c->aflags,
    };

    return undefined_flags(c->undefined, &x);
}

/*
 * Source zero leaves the destination alone: undefined at Intel, promised by AMD (APM Vol. 3,
 * "BSF"), and what Intel's chips do.
 */
static bool bit_scan(struct cpu *c, const struct insn *in, bool reverse)
{
    u16 before = c->aflags;
    u64 v;

    if (!read_op(c, in, 1, &v))
        return false;
    if (v)
        reg_set(c, in->reg[0], in->size[0],
                (unsigned)(reverse ? 63 - __builtin_clzll(v) : __builtin_ctzll(v)));
    c->aflags = scan_flags(reverse, in->size[0], v, before);
    if (unlikely(c->undefined != NULL))
        c->aflags = scan_flags_by_table(c, in, reverse, v, before);
    return true;
}

bool op_BSF(struct cpu *c, const struct insn *in)
{
    return bit_scan(c, in, false);
}

bool op_BSR(struct cpu *c, const struct insn *in)
{
    return bit_scan(c, in, true);
}

/* 16 bits are undefined: the host's result, which is zero on most chips. */
static u64 byte_swap_16(u64 v)
{
#if HOST_IS_X86
    asm(".byte 0x66, 0x0F, 0xC8" : "+a"(v)); /* bswap ax, which assemblers refuse */
    return v;
#else
    return 0;
#endif
}

bool op_BSWAP(struct cpu *c, const struct insn *in)
{
    u64 v = reg_get(c, in->reg[0], in->opsize);

    if (in->opsize == 8)
        v = __builtin_bswap64(v);
    else
        v = in->opsize == 4 ? __builtin_bswap32((u32)v) : byte_swap_16(v);
    reg_set(c, in->reg[0], in->opsize, v);
    return true;
}
