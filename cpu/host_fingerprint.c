/*
 * Undefined results, probed; see host_fingerprint.h.
 * Source: SDM Vol. 2, "Flags Affected" of each instruction ("undefined"); Vol. 1, "Transcendental
 * Instructions" and "Approximation" of RCPPS for results that differ between processors.
 */
#include "cpu/host_fingerprint.h"

#include <string.h>

/* The order is part of recordings: new ones come behind the others. */
static const char *const names[FINGERPRINT_PARTS] = {
    "SHL", "SAR", "ROL",           "RCL",  "SHLD", "SHRD",  "BSF",   "BSR",    "IMUL",  "MUL",
    "AND", "BT",  "RCPPS/RSQRTPS", "FSIN", "FCOS", "FPTAN", "F2XM1", "FPATAN", "FYL2X",
};

const char *host_fingerprint_part_name(unsigned i)
{
    return i < FINGERPRINT_PARTS ? names[i] : "?";
}

#if defined(__x86_64__)

#include "base/hash.h"

enum { PART_SHL, PART_BSF = 6, PART_SSE = 12, PART_FSIN };

struct probes {
    u64 result[1200];
    u8 of[1200]; /* the part */
    unsigned count;
};

static const u32 values[] = {0,          1,          2,          0x7F,       0x80,       0xFF,
                             0x7FFF,     0x8000,     0xFFFF,     0x12345678, 0x7FFFFFFF, 0x80000000,
                             0x80000001, 0xAAAAAAAA, 0xDEADBEEF, 0xFFFFFFFF};
static const u8 counts[] = {0, 1, 2, 7, 8, 15, 16, 17, 31};

static void keep_one(struct probes *p, unsigned part, u64 value)
{
    p->of[p->count] = (u8)part;
    p->result[p->count++] = value;
}

static void keep(struct probes *p, unsigned part, u64 value, u64 flags)
{
    keep_one(p, part, value);
    keep_one(p, part, flags & 0x8D5); /* OF SF ZF AF PF CF */
}

/* Flags come in as `in`, so that "unchanged" shows as well. The red zone is stepped over. */
#define PROBE(op, ...)                                                                             \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq %[in]\n\tpopfq\n\t" op                       \
                     "\n\tpushfq\n\tpopq %[flags]\n\tlea 128(%%rsp), %%rsp"                        \
                     : [flags] "=&r"(flags), [a] "+&a"(a), [d] "+&d"(d)                            \
                     : [in] "r"(in), [b] "r"(b), __VA_ARGS__                                       \
                     : "cc", "memory")

/* One value, and one count or second value. */
static void probe_integer(struct probes *p, u32 value, u32 other, u8 count, u64 in)
{
    u64 a, d, flags, b = other;
    unsigned part = PART_SHL;

#define TRY(op)                                                                                    \
    a = value, d = 0x55;                                                                           \
    PROBE(op, "c"((u64)count));                                                                    \
    keep(p, part++, a ^ d << 32, flags)
    TRY("shll %%cl, %%eax");
    TRY("sarw %%cl, %%ax");
    TRY("rolb %%cl, %%al");
    TRY("rcrl %%cl, %%eax");
    TRY("shldl %%cl, %k[b], %%eax");
    TRY("shrdw %%cl, %w[b], %%ax");
#undef TRY
}

static void probe_pair(struct probes *p, u32 value, u32 other, u64 in)
{
    u64 a, d, flags, b = other;
    unsigned part = PART_BSF;

#define TRY(op)                                                                                    \
    a = value, d = 0x55;                                                                           \
    PROBE(op, "c"(0ull));                                                                          \
    keep(p, part++, a ^ d << 32, flags)
    TRY("bsfl %k[b], %%eax");
    TRY("bsrl %k[b], %%eax");
    TRY("imull %k[b], %%eax");
    TRY("mulw %w[b]");
    TRY("andl %k[b], %%eax");
    TRY("btl %k[b], %%eax");
#undef TRY
}

static void probe_sse(struct probes *p, float x)
{
    float r[4] __attribute__((aligned(16))) = {x, -x, x * 3, x / 7}, out[8];
    u64 bits[sizeof out / 8];

    __asm__ volatile("movaps %[r], %%xmm0\n\trcpps %%xmm0, %%xmm1\n\trsqrtps %%xmm0, %%xmm2\n\t"
                     "movups %%xmm1, (%[out])\n\tmovups %%xmm2, 16(%[out])"
                     :
                     : [r] "m"(r), [out] "r"(out)
                     : "xmm0", "xmm1", "xmm2", "memory");
    memcpy(bits, out, sizeof out);
    for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
        keep_one(p, PART_SSE, bits[i]);
}

static void probe_x87(struct probes *p, double x)
{
    u64 bits[2];
    u8 t[16];
    unsigned part = PART_FSIN;

#define TRY(op)                                                                                    \
    memset(t, 0, sizeof t);                                                                        \
    __asm__ volatile("fldl %[x]\n\t" op "\n\tfstpt %[t]" : [t] "=m"(t) : [x] "m"(x));              \
    memcpy(bits, t, sizeof bits);                                                                  \
    keep_one(p, part++, bits[0] ^ bits[1] << 48)
    TRY("fsin");
    TRY("fcos");
    TRY("fptan\n\tfstp %%st(0)");
    TRY("f2xm1");
    TRY("fld1\n\tfpatan");
    TRY("fld1\n\tfxch\n\tfyl2x");
#undef TRY
}

static void hash_parts(const struct probes *p, u32 part[FINGERPRINT_PARTS])
{
    u64 sum[FINGERPRINT_PARTS] = {0};

    for (unsigned i = 0; i < p->count; i++)
        sum[p->of[i]] = hash128(sum[p->of[i]], &p->result[i], sizeof p->result[i]).lo;
    for (unsigned i = 0; i < FINGERPRINT_PARTS; i++)
        part[i] = (u32)sum[i];
}

u64 host_fingerprint_parts(u32 part[FINGERPRINT_PARTS])
{
    static const u64 flags_in[] = {0x202, 0x202 | 0x8D5};
    static const double numbers[] = {0.1, 0.25, 0.7, 0.9999, 1e-9, 0.333};
    struct probes p = {.count = 0};

    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        u32 other = values[(i * 7 + 3) % ARRAY_LEN(values)];

        probe_pair(&p, other, values[i], flags_in[i & 1]);
        for (unsigned k = 0; k < 4; k++)
            probe_integer(&p, values[i], other, counts[(i + 2 * k) % ARRAY_LEN(counts)],
                          flags_in[k & 1]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        probe_sse(&p, (float)numbers[i]);
        probe_x87(&p, numbers[i]);
    }
    assert(p.count <= ARRAY_LEN(p.result));
    hash_parts(&p, part);
    return hash128(p.count, p.result, p.count * sizeof p.result[0]).lo | 1;
}

#else

u64 host_fingerprint_parts(u32 part[FINGERPRINT_PARTS])
{
    memset(part, 0, FINGERPRINT_PARTS * sizeof *part);
    return 0;
}

#endif

u64 host_fingerprint(void)
{
    u32 part[FINGERPRINT_PARTS];

    return host_fingerprint_parts(part);
}
