/*
 * CPUID. SDM Vol. 2A, "CPUID - CPU Identification"; the feature bits come from the model's
 * features. Leaf 1's EBX is zero on all models here: brand index, CLFLUSH line and APIC ID came
 * with the Pentium III (Coppermine) and the Pentium 4.
 */
#include "cpu/cpuid.h"

#include "base/bytes.h"
#include "cpu/op.h"

#include <string.h>

enum { APIC_BASE_ENABLE = 1 << 11, LEAF_BRAND_FIRST = 2, LEAF_BRAND_LAST = 4, BRAND_BYTES = 48 };
#define LEAF_EXTENDED 0x80000000u

/* Leaf 1, EDX: SDM Vol. 2A, "More on Feature Information Returned in the EDX Register". */
static const struct {
    u8 feature; /* enum cpu_feature */
    u8 bit;
} feature_bits[] = {
    {FEAT_FPU, 0},  {FEAT_VME, 1},   {FEAT_DE, 2},   {FEAT_PSE, 3},
    {FEAT_TSC, 4},  {FEAT_MSR, 5},   {FEAT_PAE, 6},  {FEAT_CX8, 8},
    {FEAT_APIC, 9}, {FEAT_SEP, 11},  {FEAT_PGE, 13}, {FEAT_CMOV, 15},
    {FEAT_MMX, 23}, {FEAT_FXSR, 24}, {FEAT_SSE, 25}, {FEAT_SSE2, 26},
};

static struct cpuid_regs vendor_leaf(const struct cpu_model *m)
{
    return (struct cpuid_regs){
        .eax = m->max_leaf,
        .ebx = get_le32(m->vendor),
        .edx = get_le32(m->vendor + 4),
        .ecx = get_le32(m->vendor + 8),
    };
}

static struct cpuid_regs feature_leaf(const struct cpu_model *m, bool apic)
{
    struct cpuid_regs r = {.eax = m->signature};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(feature_bits); i++)
        if (model_has(m, feature_bits[i].feature) && (feature_bits[i].feature != FEAT_APIC || apic))
            r.edx |= 1u << feature_bits[i].bit;
    return r;
}

static struct cpuid_regs brand_leaf(const struct cpu_model *m, unsigned leaf)
{
    char text[BRAND_BYTES] = {0};
    struct cpuid_regs r;

    memcpy(text, m->brand, min_u64(strlen(m->brand), sizeof text - 1));
    memcpy(&r, text + (leaf - LEAF_BRAND_FIRST) * sizeof r, sizeof r);
    return r;
}

struct cpuid_regs cpuid_leaf(const struct cpu_model *m, bool apic, u32 leaf)
{
    u32 extended = leaf - LEAF_EXTENDED;

    if (m->brand && extended <= LEAF_BRAND_LAST) {
        if (extended >= LEAF_BRAND_FIRST)
            return brand_leaf(m, extended);
        return (struct cpuid_regs){.eax = extended ? 0 : LEAF_EXTENDED + LEAF_BRAND_LAST};
    }
    switch (min_u64(leaf, m->max_leaf)) {
    case 0: return vendor_leaf(m);
    case 1: return feature_leaf(m, apic);
    default: return (struct cpuid_regs){m->leaf2[0], m->leaf2[1], m->leaf2[2], m->leaf2[3]};
    }
}

/* CPUID. SDM Vol. 2A, "CPUID - CPU Identification". */
bool op_CPUID(struct cpu *c, const struct insn *in)
{
    bool apic = c->pins.apic_base_read && c->pins.apic_base_read(c->pins.opaque) & APIC_BASE_ENABLE;
    struct cpuid_regs r = cpuid_leaf(c->model, apic, (u32)c->gpr[RAX]);

    c->gpr[RAX] = r.eax;
    c->gpr[RBX] = r.ebx;
    c->gpr[RCX] = r.ecx;
    c->gpr[RDX] = r.edx;
    return true;
}
