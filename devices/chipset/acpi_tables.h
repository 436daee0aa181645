/* ACPI tables of the default PC, handed to the firmware through fw_cfg. */
#ifndef DEVICES_CHIPSET_ACPI_TABLES_H
#define DEVICES_CHIPSET_ACPI_TABLES_H

#include "base/types.h"

struct device;

enum { ACPI_PM_BASE_DEFAULT = 0x600 /* where SeaBIOS puts the power management block */ };

struct acpi_config {
    u64 ram_bytes;
    u8 cpus; /* local APICs 0 .. cpus - 1 */
    u8 ioapic_id;
    u8 serials;  /* a bit for each of COM1 to COM4 that is there */
    u16 pm_base; /* where the PIIX4's power management block is now; 0: the default */
    bool hpet;
};

/*
 * Put etc/acpi/tables, etc/acpi/rsdp and etc/table-loader into fw_cfg. To be called again when the
 * power management block moves (piix4pm's base_moved): the tables are the same but for its ports,
 * and the firmware reads them after it has placed the block.
 */
void acpi_tables_add(struct device *fwcfg, const struct acpi_config *config);

#endif
