/* 82371SB (PIIX3) function 0: PCI-to-ISA bridge, interrupt steering, reset control. */
#ifndef DEVICES_CHIPSET_PIIX3_H
#define DEVICES_CHIPSET_PIIX3_H

#include "mmu/irq.h"

struct bus;
struct device;
struct pci_bus;

struct piix3_pins {
    struct irq_line irq[16]; /* ISA interrupts, to the PICs (and the IOAPIC) */
    struct irq_line reset;   /* pulsed: reset the whole machine */
    struct irq_line init;    /* pulsed: reset the processor alone */
};

struct device *piix3_create(const struct piix3_pins *pins);
/*
 * Plug function 0 of device 1 into the bus; a call of its own, since the bus takes our PIRQs.
 * After i440fx_create: port CF9h lies inside the four that the host bridge has for dwords.
 */
void piix3_plug(struct device *dev, struct bus *bus, struct pci_bus *pci);

/* PCI interrupt inputs PIRQA#..PIRQD#, n 0 to 3; true means asserted. */
struct irq_line piix3_pirq(struct device *dev, unsigned n);
/*
 * A new driver of ISA interrupt `irq` (0 to 15). Each call adds one, 32 at most on a wire; the
 * wire is the OR of all drivers and of the PIRQs steered to it.
 */
struct irq_line piix3_isa_irq(struct device *dev, unsigned irq);

#endif
