/* SMBIOS tables, handed to the firmware through fw_cfg. */
#ifndef DEVICES_CHIPSET_SMBIOS_H
#define DEVICES_CHIPSET_SMBIOS_H

#include "base/types.h"

struct device;

struct smbios_config {
    u64 ram_bytes;
    u8 cpus;
    u32 cpu_signature; /* EAX of CPUID leaf 1 */
    u32 cpu_features;  /* EDX of CPUID leaf 1 */
    u16 cpu_mhz;
    const char *cpu_name;
    u8 uuid[16];
};

/*
 * Put etc/smbios/smbios-anchor and etc/smbios/smbios-tables into fw_cfg. The firmware adds its own
 * type 0 (BIOS) structure, places the tables and completes the anchor.
 */
void smbios_add(struct device *fwcfg, const struct smbios_config *config);

#endif
