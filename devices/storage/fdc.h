/* The floppy disk controller (82077AA) and its two drives; see fdc.c. */
#ifndef DEVICES_STORAGE_FDC_H
#define DEVICES_STORAGE_FDC_H

#include "devices/storage/floppy_geometry.h"
#include "mmu/dma.h"
#include "mmu/irq.h"

struct blk;
struct bus;
struct clock;
struct device;

enum { FDC_DRIVES = 2, FDC_PACE_DEFAULT = 8 };

/*
 * At ports 3F0h-3F5h and 3F7h. Drives are of type FDD_NONE until fdc_set_drive_type says what is
 * connected.
 */
struct device *fdc_create(struct bus *bus, struct clock *clock, struct irq_line irq6,
                          struct dma_port dma2);

/* What drive is connected; before the first reset, and not changed while a guest runs. */
void fdc_set_drive_type(struct device *dev, unsigned drive, enum fdd_type type);
enum fdd_type fdc_drive_type(const struct device *dev, unsigned drive);

/*
 * Put a disk into the drive, or take it out (NULL). The image stays the caller's, and must live
 * until it is taken out. A guest notices through the disk change line.
 */
void fdc_insert(struct device *dev, unsigned drive, struct blk *blk);

/*
 * How many times faster than a real one the mechanics are: rotation and head steps. 1 is a real
 * drive (a 1.44M disk takes 32 s to read), FDC_PACE_DEFAULT the value after create. 1 to 1000.
 */
void fdc_set_pace(struct device *dev, unsigned times);

/* The drive's motor is on, for a light on the screen. */
bool fdc_is_active(const struct device *dev, unsigned drive);

#endif
