/*
 * PCI configuration space of one function, and the bus that finds functions by number.
 * A chip embeds a struct pci_function, fills config[] and writable[] at create, and says where its
 * BARs go through `bar_moved`. Source: PCI Local Bus Specification 2.1, chapter 6.
 */
#ifndef DEVICES_CHIPSET_PCI_H
#define DEVICES_CHIPSET_PCI_H

#include "base/types.h"
#include "mmu/irq.h"

struct pci_bus;
struct state;

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS_DEVICE = 0x0A, /* 16 bits: sub-class, base class */
    PCI_HEADER_TYPE = 0x0E,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2C,
    PCI_SUBSYSTEM_ID = 0x2E,
    PCI_ROM_BAR = 0x30,
    PCI_CAPABILITY = 0x34,
    PCI_INTERRUPT_LINE = 0x3C,
    PCI_INTERRUPT_PIN = 0x3D,

    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_COMMAND_MASTER = 4,
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM, PCI_BAR_MEM_PREFETCH };

struct pci_bar {
    enum pci_bar_kind kind;
    u32 size;    /* a power of two; memory at least 4096, I/O at least 4 */
    u64 address; /* where it is mapped now, or PCI_BAR_UNMAPPED */
};

#define PCI_BAR_UNMAPPED UINT64_MAX

enum { PCI_BARS = 7 /* 0..5 and the expansion ROM */, PCI_CONFIG_BYTES = 256 };

struct pci_function {
    /* Wiring. */
    const char *name;
    u8 devfn; /* device << 3 | function */
    struct pci_bus *bus;
    void *opaque;
    /* A BAR is no longer at `old`, now at `now` (PCI_BAR_UNMAPPED: nowhere): unmap and map. */
    void (*bar_moved)(void *opaque, unsigned bar, u64 old, u64 now);
    /* After the guest wrote [offset, offset+size); optional. */
    void (*config_written)(void *opaque, unsigned offset, unsigned size);
    u8 writable[PCI_CONFIG_BYTES];     /* bits that software can change */
    u8 write_clears[PCI_CONFIG_BYTES]; /* bits that writing a one clears */
    u8 reset_config[PCI_CONFIG_BYTES]; /* copied from config[] by pci_add */

    /* Guest state. */
    u8 config[PCI_CONFIG_BYTES];
    struct pci_bar bars[PCI_BARS];
    bool intx; /* level this function drives on its INTA# */
};

/* Set IDs, class and the standard writable bits of an otherwise zero function. */
void pci_init(struct pci_function *f, const char *name, u8 devfn, u16 vendor, u16 device,
              u32 class_code, u8 revision);
/* Declare a BAR; before pci_add. */
void pci_bar_init(struct pci_function *f, unsigned bar, enum pci_bar_kind kind, u32 size);
/* Plug it in. The function must outlive the bus. */
void pci_add(struct pci_bus *bus, struct pci_function *f);
/* Back to the power-on configuration, BARs unmapped, INTA# released; called by the chip's reset. */
void pci_reset(struct pci_function *f);
/* Save or load configuration and BARs (remaps them); called inside the chip's state function. */
void pci_state(struct pci_function *f, struct state *s);
/* Drive INTA# (the pin in PCI_INTERRUPT_PIN; routed by the bus). */
void pci_set_intx(struct pci_function *f, bool level);

/* Configuration access as the host bridge makes it: size 1, 2 or 4, within one dword. */
u32 pci_config_read(struct pci_bus *bus, u8 busno, u8 devfn, unsigned offset, unsigned size);
void pci_config_write(struct pci_bus *bus, u8 busno, u8 devfn, unsigned offset, u32 value,
                      unsigned size);
/* The function at devfn, or NULL; for "info pci". */
struct pci_function *pci_find(struct pci_bus *bus, u8 devfn);

/*
 * A bus whose four wires INTA..INTD (after swizzling by device number) go to `pirq`: wire
 * (device + pin - 1) & 3 with INTA# as pin 0, as on boards with the PIIX3. Each is the OR of all
 * functions on it.
 */
struct pci_bus *pci_bus_new(const struct irq_line pirq[4]);
void pci_bus_free(struct pci_bus *bus);

#endif
