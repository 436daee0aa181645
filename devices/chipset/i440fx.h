/* 82441FX host bridge (440FX PMC): PCI configuration ports, memory attributes, SMRAM. */
#ifndef DEVICES_CHIPSET_I440FX_H
#define DEVICES_CHIPSET_I440FX_H

#include "base/types.h"

struct bus;
struct device;
struct pci_bus;

/*
 * What the bridge decides about memory; the board carries it out. Called when an answer changes,
 * and for everything after reset and after a load. False reads come from, or false writes go to,
 * the ROM and PCI side of [start, start+len).
 */
struct i440fx_memory {
    void *opaque;
    void (*pam)(void *opaque, u32 start, u32 len, bool read_ram, bool write_ram);
    /* SMRAM at A0000h-BFFFFh: D_OPEN, D_CLS, D_LCK and SMRAME of the SMRAM register. */
    void (*smram)(void *opaque, bool open, bool closed, bool locked, bool enabled);
};

/* Device 0 of `pci`; claims ports CF8h-CFFh. ram_bytes fills the DRAM row boundaries. */
struct device *i440fx_create(struct bus *bus, struct pci_bus *pci,
                             const struct i440fx_memory *memory, u64 ram_bytes);

#endif
