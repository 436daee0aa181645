/*
 * Model-specific registers, the time-stamp counter, performance counters. Sources: SDM Vol. 4,
 * "MSRs in the P6 Family Processors", "MSRs in Pentium Processors"; Vol. 2, "RDMSR", "WRMSR",
 * "RDTSC", "RDPMC".
 * Not modelled: what performance counters count, branch records, memory types (MTRRs and the PAT
 * are stored, and refuse what the hardware refuses), machine-check banks (MCG_CAP has none).
 */
#include "base/clock.h"
#include "cpu/hooks.h"
#include "cpu/op.h"

enum msr_kind {
    MSR_STORED, /* a field of struct cpu */
    MSR_ZERO,   /* reads zero, ignores writes */
    MSR_READ,   /* a field that cannot be written: #GP */
    MSR_TSC,
    MSR_APIC,
    MSR_MTRR_TYPES, /* eight memory types, one in each byte */
    MSR_MTRR_BASE,
    MSR_PAT,
};

struct msr {
    u32 index;
    u8 kind;
    u8 feature;
    u16 field;    /* offset in struct cpu */
    u64 writable; /* bits; others raise #GP */
};

#define FIELD(name)    offsetof(struct cpu, name)
#define PHYSICAL_PAGES 0xFFFFFF000ull /* 36 address bits of the P6 family */
#define FIXED(index, n)                                                                            \
    {                                                                                              \
        index, MSR_MTRR_TYPES, FEAT_686, FIELD(msr_mtrr[n]), ~0ull                                 \
    }
#define VARIABLE(n)                                                                                \
    {0x200 + 2 * (n), MSR_MTRR_BASE, FEAT_686, FIELD(msr_mtrr[12 + 2 * (n)]),                      \
     PHYSICAL_PAGES | 0xFF},                                                                       \
    {                                                                                              \
        0x201 + 2 * (n), MSR_STORED, FEAT_686, FIELD(msr_mtrr[13 + 2 * (n)]),                      \
            PHYSICAL_PAGES | 0x800                                                                 \
    }

static const struct msr msrs[] = {
    {0x000, MSR_ZERO, FEAT_586, 0, ~0ull}, /* P5_MC_ADDR */
    {0x001, MSR_ZERO, FEAT_586, 0, ~0ull}, /* P5_MC_TYPE */
    {0x010, MSR_TSC, FEAT_TSC, 0, ~0ull},
    {0x011, MSR_ZERO, FEAT_586, 0, ~0ull}, /* Pentium: CESR and two counters */
    {0x012, MSR_ZERO, FEAT_586, 0, ~0ull},
    {0x013, MSR_ZERO, FEAT_586, 0, ~0ull},
    {0x017, MSR_ZERO, FEAT_686, 0, 0}, /* PLATFORM_ID */
    {0x01B, MSR_APIC, FEAT_APIC, 0, ~0ull},
    {0x02A, MSR_ZERO, FEAT_686, 0, ~0ull}, /* EBL_CR_POWERON */
    {0x079, MSR_ZERO, FEAT_686, 0, ~0ull}, /* BIOS_UPDT_TRIG */
    {0x08B, MSR_ZERO, FEAT_686, 0, ~0ull}, /* BIOS_SIGN: no microcode update */
    {0x0C1, MSR_STORED, FEAT_686, FIELD(msr_perf[0]), ~0ull},
    {0x0C2, MSR_STORED, FEAT_686, FIELD(msr_perf[1]), ~0ull},
    {0x0FE, MSR_READ, FEAT_686, FIELD(msr_mtrr[0]), 0}, /* MTRRcap */
    {0x119, MSR_ZERO, FEAT_686, 0, ~0ull},              /* BBL_CR_CTL: the level 2 cache */
    {0x11E, MSR_ZERO, FEAT_686, 0, ~0ull},
    {0x174, MSR_STORED, FEAT_SEP, FIELD(msr_sysenter_cs), ~0ull},
    {0x175, MSR_STORED, FEAT_SEP, FIELD(msr_sysenter_esp), ~0ull},
    {0x176, MSR_STORED, FEAT_SEP, FIELD(msr_sysenter_eip), ~0ull},
    {0x179, MSR_READ, FEAT_686, FIELD(msr_mcg_cap), 0},
    {0x17A, MSR_STORED, FEAT_686, FIELD(msr_mcg_status), 7},
    {0x17B, MSR_STORED, FEAT_686, FIELD(msr_mcg_ctl), ~0ull},
    {0x186, MSR_STORED, FEAT_686, FIELD(msr_perf[2]), ~0ull},
    {0x187, MSR_STORED, FEAT_686, FIELD(msr_perf[3]), ~0ull},
    {0x1D9, MSR_STORED, FEAT_686, FIELD(msr_debugctl), 0x7F},
    {0x1DB, MSR_ZERO, FEAT_686, 0, 0}, /* last branch and last exception records */
    {0x1DC, MSR_ZERO, FEAT_686, 0, 0},
    {0x1DD, MSR_ZERO, FEAT_686, 0, 0},
    {0x1DE, MSR_ZERO, FEAT_686, 0, 0},
    VARIABLE(0),
    VARIABLE(1),
    VARIABLE(2),
    VARIABLE(3),
    VARIABLE(4),
    VARIABLE(5),
    VARIABLE(6),
    VARIABLE(7),
    FIXED(0x250, 1),
    FIXED(0x258, 2),
    FIXED(0x259, 3),
    FIXED(0x268, 4),
    FIXED(0x269, 5),
    FIXED(0x26A, 6),
    FIXED(0x26B, 7),
    FIXED(0x26C, 8),
    FIXED(0x26D, 9),
    FIXED(0x26E, 10),
    FIXED(0x26F, 11),
    {0x277, MSR_PAT, FEAT_686, FIELD(msr_pat), ~0ull},
    {0x2FF, MSR_MTRR_BASE, FEAT_686, FIELD(msr_mtrr[28]), 0xCFF},
};

static const struct msr *find(const struct cpu *c, u32 index)
{
    for (unsigned i = 0; i < ARRAY_LEN(msrs); i++)
        if (msrs[i].index == index && model_has(c->model, msrs[i].feature))
            return &msrs[i];
    return NULL;
}

static u64 *field_of(struct cpu *c, const struct msr *m)
{
    return (u64 *)((char *)c + m->field);
}

/* Uncacheable, write combining, write through, write protected, write back; UC- in the PAT only. */
static bool memory_types(u64 v, unsigned bytes, bool pat)
{
    for (unsigned i = 0; i < bytes; i++, v >>= 8)
        if (!(0x73 >> (v & 0xFF & 7) & 1 || (pat && (v & 0xFF) == 7)) || (v & 0xFF) > 7)
            return false;
    return true;
}

void msr_reset(struct cpu *c)
{
    c->msr_efer = 0;
    c->msr_sysenter_cs = c->msr_sysenter_esp = c->msr_sysenter_eip = 0;
    c->msr_pat = 0x0007040600070406;
    c->msr_mcg_cap = c->msr_mcg_status = c->msr_mcg_ctl = 0;
    c->msr_debugctl = 0;
    for (unsigned i = 0; i < ARRAY_LEN(c->msr_perf); i++)
        c->msr_perf[i] = 0;
    for (unsigned i = 0; i < ARRAY_LEN(c->msr_mtrr); i++)
        c->msr_mtrr[i] = 0;
    c->msr_mtrr[0] = 0x508; /* eight variable ranges, fixed ranges, write combining */
}

u64 cpu_tsc(const struct cpu *c)
{
    u64 now = c->pins.now_ns ? c->pins.now_ns(c->pins.opaque) : cpu_count(c);

    return muldiv_u64(now, c->model->tsc_mhz, 1000) + c->tsc_offset;
}

static void result(struct cpu *c, u64 v)
{
    c->gpr[RAX] = (u32)v;
    c->gpr[RDX] = v >> 32;
}

static void tell(struct cpu *c, bool write, u64 value)
{
    if (unlikely(c->hooks != NULL))
        c->hooks->msr(c->hooks->opaque, (u32)c->gpr[RCX], write, value);
}

bool op_RDMSR(struct cpu *c, const struct insn *in)
{
    const struct msr *m = find(c, (u32)c->gpr[RCX]);

    if (c->cpl != 0 || !m || (m->kind == MSR_APIC && !c->pins.apic_base_read))
        return fault_gp(c, 0);
    switch (m->kind) {
    case MSR_ZERO: result(c, 0); break;
    case MSR_TSC: result(c, cpu_tsc(c)); break;
    case MSR_APIC: result(c, c->pins.apic_base_read(c->pins.opaque)); break;
    default: result(c, *field_of(c, m));
    }
    tell(c, false, c->gpr[RDX] << 32 | (u32)c->gpr[RAX]);
    return true;
}

/* The P6 family loads the low half of the counter and clears the high one. */
static void write_tsc(struct cpu *c, u64 v)
{
    c->tsc_offset = 0;
    c->tsc_offset = (u32)v - cpu_tsc(c);
}

static bool acceptable(const struct msr *m, u64 v)
{
    if (m->kind == MSR_READ || (v & ~m->writable))
        return false;
    switch (m->kind) {
    case MSR_MTRR_TYPES: return memory_types(v, 8, false);
    case MSR_MTRR_BASE: return memory_types(v, 1, false);
    case MSR_PAT: return memory_types(v, 8, true);
    default: return true;
    }
}

bool op_WRMSR(struct cpu *c, const struct insn *in)
{
    const struct msr *m = find(c, (u32)c->gpr[RCX]);
    u64 v = c->gpr[RDX] << 32 | (u32)c->gpr[RAX];

    if (c->cpl != 0 || !m || !acceptable(m, v))
        return fault_gp(c, 0);
    switch (m->kind) {
    case MSR_ZERO: break;
    case MSR_TSC: write_tsc(c, v); break;
    case MSR_APIC:
        if (!c->pins.apic_base_write || !c->pins.apic_base_write(c->pins.opaque, v))
            return fault_gp(c, 0);
        break;
    default: *field_of(c, m) = v;
    }
    tell(c, true, v);
    return true;
}

bool op_RDTSC(struct cpu *c, const struct insn *in)
{
    if ((c->cr4 & CR4_TSD) && c->cpl != 0)
        return fault_gp(c, 0);
    result(c, cpu_tsc(c));
    return true;
}

/* Two counters of 40 bits. */
bool op_RDPMC(struct cpu *c, const struct insn *in)
{
    u32 n = (u32)c->gpr[RCX];

    if (((c->cr0 & CR0_PE) && c->cpl != 0 && !(c->cr4 & CR4_PCE)) || n > 1)
        return fault_gp(c, 0);
    result(c, c->msr_perf[n] & 0xFFFFFFFFFFull);
    return true;
}
