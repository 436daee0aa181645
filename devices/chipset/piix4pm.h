/* 82371AB (PIIX4) function 3: ACPI power management, SMI command port, SMBus host. */
#ifndef DEVICES_CHIPSET_PIIX4PM_H
#define DEVICES_CHIPSET_PIIX4PM_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct clock;
struct device;
struct pci_bus;

enum { PIIX4PM_TIMER_HZ = 3579545, PIIX4PM_SCI_IRQ = 9 };

struct piix4pm_pins {
    struct irq_line sci; /* a level, to ISA interrupt 9 */
    struct irq_line smi; /* pulsed */
    /*
     * Does the processor have a system management mode? If not, firmware finds the APM command
     * port enabled already, and takes that for a sign that its SMI handler is in place.
     */
    bool has_smm;
    void (*power_off)(void *opaque);
    /* The power management block is at this port now, 0: nowhere. Optional. */
    void (*base_moved)(void *opaque, u16 port);
    void *opaque;
};

/* Function 3 of device 1 on `pci`; claims ports B2h and B3h. */
struct device *piix4pm_create(struct bus *bus, struct pci_bus *pci, struct clock *clock,
                              const struct piix4pm_pins *pins);

/* Press the power button. True if the guest has asked to be told. */
bool piix4pm_power_button(struct device *dev);
/* The RTC's interrupt, which can wake the machine. */
struct irq_line piix4pm_rtc(struct device *dev);

#endif
