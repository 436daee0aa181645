/*
 * The standard VGA with Bochs' display interface (DISPI) for high resolutions, as a PCI function
 * (1234:1111, slot 2) or an ISA card.
 */
#ifndef DEVICES_VIDEO_VGA_H
#define DEVICES_VIDEO_VGA_H

#include "devices/host/display.h"

struct bus;
struct clock;
struct device;
struct pci_bus;

enum { VGA_DEFAULT_VRAM = 16 << 20, VGA_ROM_BYTES = 64 << 10 };

/*
 * Create the card; NULL if the host refuses its memory.
 *
 *   pci         where it plugs in; NULL makes an ISA card, its frame buffer at E0000000h
 *   vram_bytes  a power of two from 256 KiB to 256 MiB; 0 means VGA_DEFAULT_VRAM
 */
struct device *vga_create(struct bus *bus, struct clock *clock, struct pci_bus *pci,
                          size_t vram_bytes);

/*
 * Give a PCI card its expansion ROM (copied; at most VGA_ROM_BYTES), which the guest then finds at
 * the ROM base address register. Once, before the first reset. Returns 0, -EINVAL or -ENOMEM.
 */
int vga_set_rom(struct device *dev, const void *data, size_t len);

/* The picture, valid as long as the device. */
struct display_source vga_display(struct device *dev);

#endif
