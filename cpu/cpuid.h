/*
 * CPUID leaves, computed from a model.
 */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include "base/types.h"

struct cpu_model;

/* What CPUID answers, in the order of `leaf2`. */
struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

/*
 * Leaf `leaf` of a model that has CPUID. `apic` says whether the local APIC is there and enabled:
 * its feature bit follows IA32_APIC_BASE. Leaves beyond the last basic one answer as that one does.
 * Source: SDM Vol. 2A, "CPUID - CPU Identification".
 */
struct cpuid_regs cpuid_leaf(const struct cpu_model *m, bool apic, u32 leaf);

#endif
