/*
 * The processor models. Sources: Intel application note AP-485, "Intel Processor Identification and
 * the CPUID Instruction" (signatures, cache descriptors); SDM Vol. 1, "EFLAGS Register", and Vol.
 * 3A, "Control Registers" (who has which bit); data sheets of the parts named.
 *
 * A model announces what is implemented, no more: real Pentium II and III parts also have FXSR,
 * PAE, PSE-36, PAT, MTRRs, machine check and (III) SSE and a serial number. The Pentium III's CPUID
 * then ends at leaf 2, as it does where the serial number is switched off.
 *
 * nominal_kips is what period benchmarks count as native instructions on typical code (about 15
 * clocks an instruction on an 8086, 6 on a 286, 5 on a 386, 2.6 on a 486, 1 on a Pentium), for the
 * part whose clock the description names. Later models are steered to the host's speed.
 */
#include "cpu/model.h"

#include "cpu/cpu.h"

#include <string.h>

#define F(feature) (1ull << FEAT_##feature)

#define SET_8086 F(8086)
#define SET_286  (SET_8086 | F(186) | F(286) | F(FPU) | F(FPU_287))
#define SET_386  (SET_286 | F(386) | F(FPU_387))
#define SET_486  (SET_386 | F(486) | F(CPUID))
#define SET_PENTIUM                                                                                \
    (SET_486 | F(586) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(CX8) | F(APIC))
#define SET_MMX      (SET_PENTIUM | F(MMX) | F(PMC))
#define SET_PENTIUM2 (SET_MMX | F(686) | F(SEP) | F(PGE) | F(CMOV) | F(NOPL))

#define IF_HAS(set, feature, bits) ((set)&F(feature) ? (u32)(bits) : 0u)

#define CR4_OF(set)                                                                                \
    (IF_HAS(set, VME, CR4_VME | CR4_PVI) | IF_HAS(set, TSC, CR4_TSD) | IF_HAS(set, DE, CR4_DE) |   \
     IF_HAS(set, PSE, CR4_PSE) | IF_HAS(set, PGE, CR4_PGE) | IF_HAS(set, PMC, CR4_PCE))

#define EFLAGS_OF(set)                                                                             \
    (EF_ARITH | EF_TF | EF_IF | EF_DF | IF_HAS(set, 286, EF_IOPL | EF_NT) |                        \
     IF_HAS(set, 386, EF_RF | EF_VM) | IF_HAS(set, 486, EF_AC) | IF_HAS(set, CPUID, EF_ID) |       \
     IF_HAS(set, VME, EF_VIF | EF_VIP))

#define FEATURES(set) .features = set, .cr4_mask = CR4_OF(set), .eflags_mask = EFLAGS_OF(set)

static const char intel[] = "GenuineIntel";

const struct cpu_model cpu_models[] = {
    {
        .name = "8086",
        .description = "Intel 8086 at 5 MHz, without coprocessor",
        FEATURES(SET_8086 | F(ONLY_8086)),
        .eflags_ones = 0xF000 | EF_FIXED,
        .nominal_kips = 330,
    },
    {
        .name = "286",
        .description = "Intel 80286 at 12 MHz with an 80287",
        FEATURES(SET_286),
        .eflags_ones = EF_FIXED,
        .nominal_kips = 2000,
    },
    {
        .name = "386",
        .description = "Intel 386 DX at 33 MHz with a 387",
        FEATURES(SET_386 | F(ONLY_386)),
        .eflags_ones = EF_FIXED,
        .signature = 0x308, /* DX after reset: component 3, stepping D0; no CPUID */
        .nominal_kips = 6000,
    },
    {
        .name = "486",
        .description = "Intel 486 DX2 at 66 MHz, SL enhanced",
        FEATURES(SET_486 | F(ONLY_386)),
        .eflags_ones = EF_FIXED,
        .vendor = intel,
        .signature = 0x435,
        .max_leaf = 1,
        .nominal_kips = 25000,
    },
    {
        .name = "pentium",
        .description = "Intel Pentium at 100 MHz (P54C)",
        FEATURES(SET_PENTIUM),
        .eflags_ones = EF_FIXED,
        .vendor = intel,
        .signature = 0x525,
        .max_leaf = 1,
        .tsc_mhz = 100,
        .nominal_kips = 100000,
    },
    {
        .name = "pentium-mmx",
        .description = "Intel Pentium MMX at 200 MHz (P55C)",
        FEATURES(SET_MMX),
        .eflags_ones = EF_FIXED,
        .vendor = intel,
        .signature = 0x543,
        .max_leaf = 1,
        .tsc_mhz = 200,
    },
    {
        .name = "pentium2",
        .description = "Intel Pentium II at 350 MHz (Deschutes)",
        FEATURES(SET_PENTIUM2),
        .eflags_ones = EF_FIXED,
        .vendor = intel,
        .signature = 0x652,
        .max_leaf = 2,
        .leaf2 = {0x03020101, 0, 0, 0x0C040843},
        .tsc_mhz = 350,
    },
    {
        .name = "pentium3",
        .description = "Intel Pentium III at 500 MHz (Katmai), without SSE",
        FEATURES(SET_PENTIUM2),
        .eflags_ones = EF_FIXED,
        .vendor = intel,
        .signature = 0x673,
        .max_leaf = 2,
        .leaf2 = {0x03020101, 0, 0, 0x0C040843},
        .tsc_mhz = 500,
    },
    {.name = NULL},
};

const struct cpu_model *cpu_model_find(const char *name)
{
    const struct cpu_model *m;

    if (!name)
        name = "pentium2";
    for (m = cpu_models; m->name; m++)
        if (!strcmp(m->name, name))
            return m;
    return NULL;
}
