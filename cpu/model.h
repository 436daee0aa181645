/*
 * Processor models: which instructions exist, what CPUID says, family quirks as data. CPUID's
 * feature bits are derived from the features here, never from a second list.
 */
#ifndef CPU_MODEL_H
#define CPU_MODEL_H

#include "base/types.h"

enum cpu_feature {
    FEAT_8086, /* always there */
    FEAT_186,
    FEAT_286,
    FEAT_386,
    FEAT_486,
    FEAT_586,
    FEAT_686,
    FEAT_FPU,
    FEAT_FPU_287, /* FSETPM, FSTSW AX */
    FEAT_FPU_387, /* FSIN, FUCOM, FPREM1 ... */
    FEAT_CPUID,
    FEAT_VME,
    FEAT_DE,
    FEAT_PSE,
    FEAT_TSC,
    FEAT_MSR,
    FEAT_PAE,
    FEAT_CX8,
    FEAT_APIC,
    FEAT_SEP,
    FEAT_PGE,
    FEAT_CMOV,
    FEAT_MMX,
    FEAT_PMC, /* RDPMC: Pentium MMX and the P6 family */
    FEAT_FXSR,
    FEAT_SSE,
    FEAT_SSE2,
    FEAT_LM,
    FEAT_NOPL,      /* 0F 1F and the hint NOPs 0F 18-1E */
    FEAT_ONLY_8086, /* forms of the 8086 alone: POP CS, 60-6F as 70-7F, C0/C1 as C2/C3 ... */
    FEAT_ONLY_386,  /* what left with the 486: IBTS/XBTS, test registers to the 486 */
    FEAT_COUNT
};

struct cpu_model {
    const char *name;
    const char *description;
    u64 features; /* bit n: enum cpu_feature n */
    const char *vendor;
    u32 signature; /* CPUID.1:EAX, and DX at reset */
    u32 max_leaf;
    u32 leaf2[4];      /* cache descriptors */
    const char *brand; /* CPUID 80000002h-80000004h, or NULL */
    u32 eflags_mask;   /* bits of EFLAGS that can be changed at all */
    u32 eflags_ones;   /* bits that always read as one */
    u32 cr4_mask;
    u32 tsc_mhz;      /* what RDTSC counts */
    u32 nominal_kips; /* fixed default rate, thousands of instructions a second; 0: steered */
};

static inline bool model_has(const struct cpu_model *m, enum cpu_feature f)
{
    return m->features >> f & 1;
}

/* By name (NULL: the default model), or NULL. */
const struct cpu_model *cpu_model_find(const char *name);
/* All of them; the list ends with a NULL name. */
extern const struct cpu_model cpu_models[];

#endif
