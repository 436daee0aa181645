/*
 * String instructions and their repetition. SDM Vol. 2, "MOVS", "CMPS", "STOS", "LODS", "SCAS",
 * "INS", "OUTS", "REP/REPE/REPZ/REPNE/REPNZ".
 *
 * One call does as many rounds as fit before cpu->until, at least one, and counts them: all but the
 * last here, the last by the engine. While rounds are left, next_rip stays at the instruction, and
 * interrupts come in between; RF is then set, as the SDM has it pushed in the middle of a string.
 *
 * Elements of plain memory within a page are done on host pointers, with the result that doing them
 * one by one gives: an overlapping move repeats its pattern.
 */
#include "cpu/hooks.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

#include <string.h>

/* One round: false with a fault pending and nothing changed. */
typedef bool round_fn(struct cpu *c, const struct insn *in);
/* Up to `max` rounds at once; returns how many, 0 where only single rounds will do. */
typedef unsigned many_fn(struct cpu *c, const struct insn *in, unsigned max);

static bool backward(const struct cpu *c)
{
    return c->eflags & EF_DF;
}

/* Move rSI or rDI on by n elements, within the address size. */
static void advance(struct cpu *c, const struct insn *in, enum gpr r, unsigned n)
{
    u64 bytes = (u64)n * in->opsize;

    reg_set(c, r, in->asize, c->gpr[r] + (backward(c) ? 0 - bytes : bytes));
}

static u64 offset(const struct cpu *c, const struct insn *in, enum gpr r)
{
    return reg_get(c, r, in->asize);
}

/* ---- Repetition ---- */

/* Elements in so many bytes; they have 1, 2, 4 or 8. */
static u64 whole(const struct insn *in, u64 bytes)
{
    return bytes >> __builtin_ctz(in->opsize);
}

/* How many elements from rSI or rDI on do not wrap the offset; going down, also lie in one page. */
static unsigned in_reach(const struct cpu *c, const struct insn *in, enum seg_reg seg, enum gpr r,
                         unsigned max)
{
    u64 off = offset(c, in, r), size = in->opsize, at = (c->seg[seg].base + off) & PAGE_MASK;

    if (!backward(c))
        return (unsigned)min_u64(max, whole(in, size_mask(in->asize) - off + 1));
    if (at + size > PAGE_SIZE)
        return 0;
    return (unsigned)min_u64(max, min_u64(whole(in, at), whole(in, off)) + 1);
}

/* Host pointer to the lowest of *n elements, which may become fewer; NULL and 0 if there is none.
 */
static u8 *elements(struct cpu *c, const struct insn *in, enum seg_reg seg, enum gpr r, bool write,
                    unsigned *n)
{
    u64 off = offset(c, in, r);
    unsigned got, count = in_reach(c, in, seg, r, *n);
    u8 *host = NULL;

    if (count && backward(c))
        off -= (u64)(count - 1) * in->opsize;
    if (count)
        host = mem_host_range(c, seg, off, count * in->opsize, write, &got);
    if (host && got < count * in->opsize)
        count = backward(c) ? 0 : (unsigned)whole(in, got);
    *n = host ? count : 0;
    return *n ? host : NULL;
}

/* The same of a chip's memory, going up; false if it is none. */
static bool chip_elements(struct cpu *c, const struct insn *in, enum seg_reg seg, enum gpr r,
                          bool write, struct chip_span *span, unsigned *n)
{
    unsigned size = in->opsize, got, count = in_reach(c, in, seg, r, *n);

    if (!count || backward(c) ||
        !mem_chip_range(c, seg, offset(c, in, r), count * size, write, span, &got) ||
        size > span->ops->width || span->offset % size)
        return false;
    *n = (unsigned)whole(in, got);
    return *n;
}

static void stay_for_more(struct cpu *c)
{
    c->next_rip = c->rip;
    c->eflags |= EF_RF;
    c->special |= SPECIAL_RF;
}

/* Rounds until the engine must look up: at a count, or after each where traps may wait. */
static unsigned budget(const struct cpu *c)
{
    u64 now = cpu_count(c), left = c->until > now ? c->until - now : 1;

    return c->special & SPECIAL_TF ? 1 : (unsigned)min_u64(left, 1u << 20);
}

/*
 * Rounds until one writes to the instruction's own bytes: 0 if the next one does. What it has
 * become is fetched after that round, at whatever count the engine is to stop.
 */
static u64 rounds_before_itself(const struct cpu *c, const struct insn *in)
{
    u64 size = in->opsize, from = (u32)(c->seg[SEG_CS].base + c->rip), to = from + in->len;
    u64 at = (u32)(c->seg[SEG_ES].base + offset(c, in, RDI));

    if (at < to && at + size > from)
        return 0;
    if (backward(c))
        return at >= to ? (at - to) / size + 1 : UINT64_MAX;
    return at < from ? (from - at - size) / size + 1 : UINT64_MAX;
}

/*
 * Whether the bytes at la may be the instruction's own under another address: code lies only where
 * no store goes straight to memory. There, too, each round is fetched anew.
 */
static bool may_be_code(const struct cpu *c, u32 la, unsigned size)
{
    return !c->mmu.write[la >> PAGE_SHIFT] || !c->mmu.write[(u32)(la + size - 1) >> PAGE_SHIFT];
}

/* What a repeated instruction is, besides its rounds. */
enum repeat_kind {
    REPEAT_PLAIN,
    REPEAT_STORES, /* to ES:rDI */
    REPEAT_ON_ZF,  /* CMPS and SCAS, which stop when ZF is not what the prefix wants */
};

static bool repeat(struct cpu *c, const struct insn *in, round_fn *round, many_fn *many,
                   enum repeat_kind kind)
{
    u64 left = reg_get(c, RCX, in->asize), before_itself = UINT64_MAX;
    bool wanted = in->flags & INSN_REP, anew;
    unsigned n, max;
    u32 stored;

    if (!(in->flags & (INSN_REP | INSN_REPNE)))
        return round(c, in);
    if (!left)
        return true;
    for (;;) {
        max = budget(c);
        if (kind == REPEAT_STORES)
            before_itself = rounds_before_itself(c, in);
        n = max > 1 && left > 1 && before_itself && many
                ? many(c, in, (unsigned)min_u64(min_u64(left, max), before_itself))
                : 0;
        stored = (u32)(c->seg[SEG_ES].base + offset(c, in, RDI));
        if (!n && !round(c, in))
            return false;
        anew = !n && kind == REPEAT_STORES && may_be_code(c, stored, in->opsize);
        n = n ? n : 1;
        left -= n;
        reg_set(c, RCX, in->asize, left);
        c->count += n;
        if (!left || (kind == REPEAT_ON_ZF && flag_zf(c) != wanted))
            break;
        if (n == max || c->attention || !before_itself || anew) {
            stay_for_more(c);
            break;
        }
    }
    c->count--;
    return true;
}

/*
 * A fault in a round. Where faults leave traces, the pointers of the accesses made and of the
 * failing one have moved, and rCX went down: twice if it was a store, since stores come late.
 */
static bool fail(struct cpu *c, const struct insn *in, bool si, bool di, unsigned rcx)
{
    if (!faults_leave_traces(c))
        return false;
    if (si)
        advance(c, in, RSI, 1);
    if (di)
        advance(c, in, RDI, 1);
    if (in->flags & (INSN_REP | INSN_REPNE))
        reg_set(c, RCX, in->asize, c->gpr[RCX] - rcx);
    return false;
}

/* ---- MOVS ---- */

static bool movs_round(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (!mem_read(c, in->seg, offset(c, in, RSI), in->opsize, &v))
        return fail(c, in, true, false, 1);
    if (!mem_write(c, SEG_ES, offset(c, in, RDI), in->opsize, v))
        return fail(c, in, true, true, 2);
    advance(c, in, RSI, 1);
    advance(c, in, RDI, 1);
    return true;
}

/* Element after element, in the direction of DF. */
static void copy_elements(u8 *dst, const u8 *src, unsigned size, unsigned n, bool down)
{
    u64 v = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t at = (size_t)(down ? n - 1 - i : i) * size;

        memcpy(&v, src + at, size);
        memcpy(dst + at, &v, size);
    }
}

/* dst lies above src by at least an element, within the range: what lies between is repeated. */
static void copy_pattern(u8 *dst, const u8 *src, size_t len)
{
    while (len) {
        size_t n = (size_t)(dst - src) < len ? (size_t)(dst - src) : len;

        memcpy(dst, src, n);
        dst += n;
        len -= n;
    }
}

/* Elements of plain memory, or of a chip's: then *host is NULL. False if neither. */
static bool either_elements(struct cpu *c, const struct insn *in, enum seg_reg seg, enum gpr r,
                            bool write, u8 **host, struct chip_span *span, unsigned *n)
{
    unsigned max = *n;

    *host = elements(c, in, seg, r, write, n);
    if (*host)
        return true;
    *n = max;
    return chip_elements(c, in, seg, r, write, span, n);
}

/* One side, or both, are a chip's memory. */
static unsigned movs_chip(struct cpu *c, const struct insn *in, unsigned max)
{
    unsigned size = in->opsize, n = max;
    struct chip_span from, to;
    u8 *src, *dst;
    u64 v = 0;

    if (backward(c) || !either_elements(c, in, in->seg, RSI, false, &src, &from, &n) ||
        !either_elements(c, in, SEG_ES, RDI, true, &dst, &to, &n))
        return 0;
    for (unsigned i = 0; i < n; i++) {
        if (src)
            memcpy(&v, src + i * size, size);
        else
            v = from.ops->read(from.opaque, from.offset + i * size, size);
        if (dst)
            memcpy(dst + i * size, &v, size);
        else
            to.ops->write(to.opaque, to.offset + i * size, v, size);
    }
    advance(c, in, RSI, n);
    advance(c, in, RDI, n);
    return n;
}

/* Bytes from which on the host's own instruction is faster than the C library. */
enum { LONG_MOVE = 1024 };

#if defined(__x86_64__)
static void copy_long(u8 *dst, const u8 *src, size_t len)
{
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
}
#else
static void copy_long(u8 *dst, const u8 *src, size_t len)
{
    memcpy(dst, src, len);
}
#endif

static unsigned movs_many(struct cpu *c, const struct insn *in, unsigned max)
{
    unsigned n = max, size = in->opsize, m;
    const u8 *src = elements(c, in, in->seg, RSI, false, &n);
    u8 *dst;
    size_t len;

    m = n;
    dst = n ? elements(c, in, SEG_ES, RDI, true, &m) : NULL;
    if (!dst)
        return movs_chip(c, in, max);
    if (backward(c))
        src += (size_t)(n - m) * size;
    n = m;
    len = (size_t)n * size;
    if (len >= LONG_MOVE && (dst + len <= src || src + len <= dst))
        copy_long(dst, src, len);
    else if (dst + len <= src || src + len <= dst || (dst <= src) == !backward(c) || dst == src)
        memmove(dst, src, len);
    else if (!backward(c) && (size_t)(dst - src) >= size)
        copy_pattern(dst, src, len);
    else
        copy_elements(dst, src, size, n, backward(c));
    advance(c, in, RSI, n);
    advance(c, in, RDI, n);
    return n;
}

bool op_MOVS(struct cpu *c, const struct insn *in)
{
    return repeat(c, in, movs_round, movs_many, REPEAT_STORES);
}

/* ---- STOS ---- */

static bool stos_round(struct cpu *c, const struct insn *in)
{
    if (!mem_write(c, SEG_ES, offset(c, in, RDI), in->opsize, reg_get(c, RAX, in->opsize)))
        return fail(c, in, false, true, 2);
    advance(c, in, RDI, 1);
    return true;
}

#if defined(__x86_64__)
/* The host's own instruction, which fills whole lines of its cache at once. */
static void fill_elements(u8 *dst, u64 v, unsigned size, size_t n)
{
    switch (size) {
    case 1: memset(dst, (int)(v & 0xFF), n); break;
    case 2: __asm__ volatile("rep stosw" : "+D"(dst), "+c"(n) : "a"(v) : "memory"); break;
    case 4: __asm__ volatile("rep stosl" : "+D"(dst), "+c"(n) : "a"(v) : "memory"); break;
    default: __asm__ volatile("rep stosq" : "+D"(dst), "+c"(n) : "a"(v) : "memory"); break;
    }
}
#else
static void fill_elements(u8 *dst, u64 v, unsigned size, size_t n)
{
    memcpy(dst, &v, size);
    copy_pattern(dst + size, dst, (n - 1) * size);
}
#endif

static unsigned stos_chip(struct cpu *c, const struct insn *in, unsigned max)
{
    u64 v = reg_get(c, RAX, in->opsize);
    unsigned n = max;
    struct chip_span to;

    if (!chip_elements(c, in, SEG_ES, RDI, true, &to, &n))
        return 0;
    for (unsigned i = 0; i < n; i++)
        to.ops->write(to.opaque, to.offset + i * in->opsize, v, in->opsize);
    advance(c, in, RDI, n);
    return n;
}

static unsigned stos_many(struct cpu *c, const struct insn *in, unsigned max)
{
    unsigned n = max;
    u8 *dst = elements(c, in, SEG_ES, RDI, true, &n);

    if (!dst)
        return stos_chip(c, in, max);
    fill_elements(dst, c->gpr[RAX], in->opsize, n);
    advance(c, in, RDI, n);
    return n;
}

bool op_STOS(struct cpu *c, const struct insn *in)
{
    return repeat(c, in, stos_round, stos_many, REPEAT_STORES);
}

/* ---- LODS ---- */

static bool lods_round(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (!mem_read(c, in->seg, offset(c, in, RSI), in->opsize, &v))
        return fail(c, in, true, false, 1);
    reg_set(c, RAX, in->opsize, v);
    advance(c, in, RSI, 1);
    return true;
}

bool op_LODS(struct cpu *c, const struct insn *in)
{
    return repeat(c, in, lods_round, NULL, REPEAT_PLAIN);
}

/* ---- CMPS and SCAS ---- */

static u64 element(const u8 *host, unsigned size, unsigned n, unsigned i, bool down)
{
    u64 v = 0;

    memcpy(&v, host + (size_t)(down ? n - 1 - i : i) * size, size);
    return v;
}

/* Index of the first byte that differs, or n. */
static unsigned first_difference(const u8 *x, const u8 *y, unsigned n)
{
    unsigned i = 0;
    u64 a, b;

    for (; i + 8 <= n; i += 8) {
        memcpy(&a, x + i, 8);
        memcpy(&b, y + i, 8);
        if (a != b)
            break;
    }
    while (i < n && x[i] == y[i])
        i++;
    return i;
}

/* Rounds of REPE CMPS upwards over m elements: up to and with the first that differs. */
static unsigned equal_rounds(const u8 *x, const u8 *y, unsigned m, unsigned size)
{
    unsigned same = first_difference(x, y, m * size) / size;

    return same < m ? same + 1 : m;
}

/* Rounds of REPNE SCASB upwards over n bytes: up to and with the first that is `a`. */
static unsigned search_rounds(const u8 *y, unsigned n, u8 a)
{
    const u8 *hit = memchr(y, a, n);

    return hit ? (unsigned)(hit - y) + 1 : n;
}

/* The 286 reads ES:DI first, which shows in what a fault leaves behind. */
static bool cmps_round(struct cpu *c, const struct insn *in)
{
    bool di_first = faults_leave_traces(c);
    u64 a, b;

    if (di_first && !mem_read(c, SEG_ES, offset(c, in, RDI), in->opsize, &b))
        return fail(c, in, false, true, 0);
    if (!mem_read(c, in->seg, offset(c, in, RSI), in->opsize, &a))
        return fail(c, in, true, true, 1);
    if (!di_first && !mem_read(c, SEG_ES, offset(c, in, RDI), in->opsize, &b))
        return false;
    flags_sub(c, in->opsize, a, b, a - b);
    advance(c, in, RSI, 1);
    advance(c, in, RDI, 1);
    return true;
}

static unsigned cmps_many(struct cpu *c, const struct insn *in, unsigned max)
{
    bool down = backward(c), go_on = in->flags & INSN_REP;
    unsigned n = max, m, i = 0, size = in->opsize;
    const u8 *x = elements(c, in, in->seg, RSI, false, &n), *y;
    u64 a, b;

    m = n;
    y = n ? elements(c, in, SEG_ES, RDI, false, &m) : NULL;
    if (!y)
        return 0;
    if (down)
        x += (size_t)(n - m) * size;
    if (go_on && !down)
        i = equal_rounds(x, y, m, size) - 1;
    do {
        a = element(x, size, m, i, down);
        b = element(y, size, m, i, down);
        i++;
    } while (i < m && (a == b) == go_on);
    flags_sub(c, size, a, b, a - b);
    advance(c, in, RSI, i);
    advance(c, in, RDI, i);
    return i;
}

bool op_CMPS(struct cpu *c, const struct insn *in)
{
    return repeat(c, in, cmps_round, cmps_many, REPEAT_ON_ZF);
}

static bool scas_round(struct cpu *c, const struct insn *in)
{
    u64 a = reg_get(c, RAX, in->opsize), b;

    if (!mem_read(c, SEG_ES, offset(c, in, RDI), in->opsize, &b))
        return fail(c, in, false, true, 1);
    flags_sub(c, in->opsize, a, b, a - b);
    advance(c, in, RDI, 1);
    return true;
}

static unsigned scas_many(struct cpu *c, const struct insn *in, unsigned max)
{
    bool down = backward(c), go_on = in->flags & INSN_REP;
    unsigned n = max, i = 0, size = in->opsize;
    const u8 *y = elements(c, in, SEG_ES, RDI, false, &n);
    u64 a = reg_get(c, RAX, size), b;

    if (!y)
        return 0;
    if (size == 1 && !go_on && !down)
        i = search_rounds(y, n, (u8)a) - 1;
    do {
        b = element(y, size, n, i, down);
        i++;
    } while (i < n && (a == b) == go_on);
    flags_sub(c, size, a, b, a - b);
    advance(c, in, RDI, i);
    return i;
}

bool op_SCAS(struct cpu *c, const struct insn *in)
{
    return repeat(c, in, scas_round, scas_many, REPEAT_ON_ZF);
}

/* ---- INS and OUTS ---- */

static u16 port(const struct cpu *c)
{
    return (u16)c->gpr[RDX];
}

/*
 * The port is checked before the count: INS and OUTS fault where it is not allowed even if rCX is 0
 * and no round follows. The SDM leaves that open; AMD's EPYC does so (tests/cpu/silicon).
 */
static bool check_without_rounds(struct cpu *c, const struct insn *in)
{
    bool repeats = in->flags & (INSN_REP | INSN_REPNE);

    return !repeats || reg_get(c, RCX, in->asize) || io_allowed(c, port(c), in->opsize);
}

/* By DR7 or by the debugger, who want to hear of each access. */
static bool port_is_watched(const struct cpu *c)
{
    return (c->dr[7] & 0xFF) || (c->hooks && c->hooks->ports);
}

/* The port is read only when the store cannot fail: a chip's register may change by it. */
static bool ins_round(struct cpu *c, const struct insn *in)
{
    u64 off = offset(c, in, RDI);

    if (!io_allowed(c, port(c), in->opsize) || !mem_probe_write(c, SEG_ES, off, in->opsize))
        return fail(c, in, false, true, 2);
    if (!mem_write(c, SEG_ES, off, in->opsize, io_read(c, port(c), in->opsize)))
        return false;
    advance(c, in, RDI, 1);
    return true;
}

/* Where the port is not allowed, the single round that follows raises the fault. */
static unsigned ins_many(struct cpu *c, const struct insn *in, unsigned max)
{
    unsigned n = max;
    u8 *dst;

    if (backward(c) || port_is_watched(c) || !io_allowed(c, port(c), in->opsize))
        return 0;
    dst = elements(c, in, SEG_ES, RDI, true, &n);
    if (!dst)
        return 0;
    n = bus_in_many(c->bus, port(c), dst, in->opsize, n);
    advance(c, in, RDI, n);
    return n;
}

bool op_INS(struct cpu *c, const struct insn *in)
{
    return check_without_rounds(c, in) && repeat(c, in, ins_round, ins_many, REPEAT_STORES);
}

static bool outs_round(struct cpu *c, const struct insn *in)
{
    u64 v;

    if (!io_allowed(c, port(c), in->opsize) ||
        !mem_read(c, in->seg, offset(c, in, RSI), in->opsize, &v))
        return fail(c, in, true, false, 1);
    io_write(c, port(c), in->opsize, (u32)v);
    advance(c, in, RSI, 1);
    return true;
}

static unsigned outs_many(struct cpu *c, const struct insn *in, unsigned max)
{
    unsigned n = max;
    const u8 *src;

    if (backward(c) || port_is_watched(c) || !io_allowed(c, port(c), in->opsize))
        return 0;
    src = elements(c, in, in->seg, RSI, false, &n);
    if (!src)
        return 0;
    n = bus_out_many(c->bus, port(c), src, in->opsize, n);
    advance(c, in, RSI, n);
    return n;
}

bool op_OUTS(struct cpu *c, const struct insn *in)
{
    return check_without_rounds(c, in) && repeat(c, in, outs_round, outs_many, REPEAT_PLAIN);
}
