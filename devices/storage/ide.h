/* IDE: two channels with two drives each, alone or as the IDE function of a PIIX3; see ide.c. */
#ifndef DEVICES_STORAGE_IDE_H
#define DEVICES_STORAGE_IDE_H

#include "base/types.h"
#include "mmu/irq.h"

struct blk;
struct bus;
struct clock;
struct device;
struct pci_bus;

enum { IDE_DRIVES = 4, IDE_DEVFN = 1 << 3 | 1 /* 00:01.1 */ };

/*
 * Channels at 1F0h/3F6h and 170h/376h. With a PCI bus: function 00:01.1, whose ports answer when
 * firmware has enabled them, and which can be bus master. Without: an ISA board's adapter, always
 * there, PIO only.
 */
struct device *ide_create(struct bus *bus, struct clock *clock, struct pci_bus *pci,
                          struct irq_line irq14, struct irq_line irq15);

/*
 * Connect a drive, before the first reset. Drives 0 and 1 are master and slave of the first
 * channel, 2 and 3 of the second. Images stay the caller's and outlive the device, except CDs that
 * were taken out. A hard disk must have at least one sector.
 */
void ide_attach_disk(struct device *dev, unsigned n, struct blk *blk);
void ide_attach_cdrom(struct device *dev, unsigned n, struct blk *blk_or_null);

/* A line for each drive in words, for people. */
void ide_describe(const struct device *dev, char *out, size_t out_size);

/*
 * Put a disc into a CD-ROM drive and close its tray, or take it out (NULL). A guest that has
 * locked the tray keeps the disc: -EBUSY, and the guest is told that the user pressed the button,
 * so that it may unlock. -ENODEV if drive n is no CD-ROM.
 */
int ide_insert(struct device *dev, unsigned n, struct blk *blk_or_null);
/* The same without asking the guest: pulls the disc out of a locked drive. */
int ide_force_insert(struct device *dev, unsigned n, struct blk *blk_or_null);
bool ide_is_locked(const struct device *dev, unsigned n);
bool ide_is_cdrom(const struct device *dev, unsigned n);

/*
 * Called when a guest opens the tray of a CD-ROM drive. The disc stays in the drive's tray (and
 * the guest can close it again) until ide_insert or ide_take_disc takes it.
 */
void ide_on_eject(struct device *dev, void (*ejected)(void *opaque, unsigned n), void *opaque);
/* Take the disc out of an open tray, which stays open; false if there is none. */
bool ide_take_disc(struct device *dev, unsigned n);

#endif
