/*
 * A VGA on a rig, and the register values of standard modes, from the IBM PS/2 and PC BIOS
 * Interface Technical Reference, "Video Parameter Table".
 */
#ifndef TESTS_UNIT_VIDEO_VGA_MODES_H
#define TESTS_UNIT_VIDEO_VGA_MODES_H

#include "devices/chipset/pci.h"
#include "devices/video/vga.h"
#include "mmu/physmap.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct vga_regs {
    u8 misc, seq[4]; /* seq: 1 to 4 */
    u8 crtc[25], attr[21], gr[9];
};

#define EGA_PALETTE 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F

static const struct vga_regs mode_3 = {
    0x67,
    {0x00, 0x03, 0x00, 0x02},
    {0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0,
     0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF},
    {EGA_PALETTE, 0x0C, 0x00, 0x0F, 0x08, 0x00},
    {0, 0, 0, 0, 0, 0x10, 0x0E, 0x00, 0xFF},
};

__attribute__((unused)) static const struct vga_regs mode_12h = {
    0xE3,
    {0x01, 0x0F, 0x00, 0x06},
    {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0x00, 0x40, 0x00, 0x00, 0,
     0,    0,    0,    0xEA, 0x8C, 0xDF, 0x28, 0x00, 0xE7, 0x04, 0xE3, 0xFF},
    {EGA_PALETTE, 0x01, 0x00, 0x0F, 0x00, 0x00},
    {0, 0, 0, 0, 0, 0x00, 0x05, 0x0F, 0xFF},
};

__attribute__((unused)) static const struct vga_regs mode_13h = {
    0x63,
    {0x01, 0x0F, 0x00, 0x0E},
    {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0,
     0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0x00, 0x0F, 0x00, 0x00},
    {0, 0, 0, 0, 0, 0x40, 0x05, 0x0F, 0xFF},
};

__attribute__((unused)) static const struct vga_regs mode_4 = {
    0x63,
    {0x09, 0x03, 0x00, 0x02},
    {0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0,
     0,    0,    0,    0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xA2, 0xFF},
    {0,    0x13, 0x15, 0x17, 2,    4,    6,    7,    0x10, 0x11, 0x12,
     0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00},
    {0, 0, 0, 0, 0, 0x30, 0x0F, 0x0F, 0xFF},
};

__attribute__((unused)) static const struct vga_regs mode_6 = {
    0x63,
    {0x01, 0x01, 0x00, 0x06},
    {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0,
     0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x00, 0x96, 0xB9, 0xC2, 0xFF},
    {0,    0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
     0x17, 0x17, 0x17, 0x17, 0x17, 0x01, 0x00, 0x01, 0x00, 0x00},
    {0, 0, 0, 0, 0, 0x00, 0x0D, 0x0F, 0xFF},
};

static struct rig rig;
static struct pci_bus *pci;
static struct device *vga;
static struct display_source source;
static struct display_frame frame;

static inline void out8(u16 port, u8 value)
{
    bus_out(rig.bus, port, 1, value);
}

static inline u8 in8(u16 port)
{
    return (u8)bus_in(rig.bus, port, 1);
}

static inline void seq_set(u8 index, u8 value)
{
    bus_out(rig.bus, 0x3C4, 2, value << 8 | index);
}

static inline void gr_set(u8 index, u8 value)
{
    bus_out(rig.bus, 0x3CE, 2, value << 8 | index);
}

static inline void crtc_set(u8 index, u8 value)
{
    bus_out(rig.bus, 0x3D4, 2, value << 8 | index);
}

/* With the display on (PAS set) unless `index` is of the palette. */
static inline void attr_set(u8 index, u8 value)
{
    in8(0x3DA);
    out8(0x3C0, index);
    out8(0x3C0, value);
    out8(0x3C0, 0x20);
}

static inline void set_mode(const struct vga_regs *r)
{
    u8 i;

    out8(0x3C2, r->misc);
    seq_set(0, 1);
    for (i = 0; i < 4; i++)
        seq_set(i + 1, r->seq[i]);
    seq_set(0, 3);
    crtc_set(0x11, 0);
    for (i = 0; i < 25; i++)
        crtc_set(i, r->crtc[i]);
    in8(0x3DA);
    for (i = 0; i < 21; i++) {
        out8(0x3C0, i);
        out8(0x3C0, r->attr[i]);
    }
    for (i = 0; i < 9; i++)
        gr_set(i, r->gr[i]);
    out8(0x3C0, 0x20);
}

/* Each DAC entry n becomes the gray n / 4, so that pixels tell their index. */
static inline void gray_dac(void)
{
    unsigned i;

    out8(0x3C8, 0);
    for (i = 0; i < 3 * 64; i++)
        out8(0x3C9, (u8)(i / 3));
}

/* What gray_dac makes of an entry below 64. */
static inline u32 gray(u8 entry)
{
    return (entry << 2 | (entry & 1) * 3) * 0x010101u;
}

static inline void mem_write(u32 gpa, u64 value, unsigned size)
{
    physmap_store(rig.physmap, gpa, value, size);
}

static inline u64 mem_read(u32 gpa, unsigned size)
{
    return physmap_load(rig.physmap, gpa, size);
}

static inline bool render(void)
{
    return source.render(source.opaque, &frame, rig_now(&rig), false);
}

static inline u32 pixel(u32 x, u32 y)
{
    return frame.pixels[y * frame.width + x];
}

static inline void vga_setup(void)
{
    static const struct irq_line no_wires[4];

    rig_setup(&rig);
    physmap_map_nothing(rig.physmap, 0xA0000, 0x20000); /* the rig has RAM there */
    pci = pci_bus_new(no_wires);
    vga = vga_create(rig.bus, rig.clock, pci, 0);
    vga->log = rig.log;
    source = vga_display(vga);
    device_reset(vga);
    display_frame_init(&frame);
}

static inline void vga_teardown(void)
{
    display_frame_free(&frame);
    device_destroy(vga);
    pci_bus_free(pci);
    rig_teardown(&rig);
}

#endif
