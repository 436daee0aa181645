/*
 * Bochs' display interface (DISPI), which gives the VGA linear modes of any size, and the card's
 * PCI side.
 *
 *     port 1CEh  index (16 bits)          port 1CFh, 1D0h  data (16 bits)
 *     0 ID         B0C5h                  6 VIRT_WIDTH   pixels from line to line
 *     1 XRES       4 ENABLE               7 VIRT_HEIGHT  lines that fit the memory, read only
 *     2 YRES       5 BANK (64 KiB)        8 X_OFFSET     9 Y_OFFSET
 *     3 BPP                               10 video memory in units of 64 KiB, read only
 *
 *     BAR 0  linear frame buffer          BAR 2  0000h EDID
 *     BAR 6  expansion ROM                       0400h VGA ports 3C0h-3DFh
 *                                                0500h DISPI registers, 2 bytes each
 *                                                0600h length of this block, 0604h byte order
 *
 * While a mode with more than 4 bits per pixel is on, A0000h-AFFFFh shows one bank whatever the
 * VGA registers say. With 4 bits the memory is four planes, driven by the VGA's registers.
 * Sources: Bochs, "VBE Display API"; QEMU, docs/specs/standard-vga, "QEMU Standard VGA".
 * Not modelled: big-endian frame buffers.
 */
#include "devices/video/vga.h"

#include "devices/video/vga_internal.h"
#include "mmu/bus.h"

#include <errno.h>
#include <string.h>

enum {
    DISPI_ID0 = 0xB0C0,
    DISPI_ID5 = 0xB0C5,
    ENABLE_BITS =
        DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB_ENABLED | DISPI_NO_CLEAR,
    BANK_BYTES = 64 << 10,
    ISA_LFB = 0xE0000000, /* "Memory regions used" */
    VGA_DEVFN = 2 << 3,
    BAR_LFB = 0,
    BAR_MMIO = 2,
    BAR_ROM = 6,
    MMIO_BYTES = 4096,
    MMIO_VGA = 0x400,
    MMIO_VGA_END = 0x420,
    MMIO_DISPI = 0x500,
    MMIO_DISPI_END = MMIO_DISPI + 2 * DISPI_REGS,
    MMIO_EXTENDED = 0x600,
    EXTENDED_BYTES = 8,
    LITTLE_ENDIAN_MARK = 0x1E1E1E1E,
};

/* ---- registers ---- */

/* Pixels a line is made of: planes hold eight in a byte. */
static u32 round_up(const struct vga *v, u32 width)
{
    return v->dispi.regs[DISPI_BPP] == 4 ? (width + 7) & ~7u : width;
}

/* The greatest virtual width whose lines, as many as are shown, fit the memory. */
static u32 widest(const struct vga *v)
{
    const u16 *r = v->dispi.regs;
    u32 line_bits = v->vram_bytes / r[DISPI_YRES] * 8;
    u32 bits = r[DISPI_BPP] == 15 ? 16 : r[DISPI_BPP];

    return (u32)min_u64(line_bits / bits & ~7u, 0x7FF8);
}

u32 vga_dispi_pitch(const struct vga *v)
{
    const u16 *r = v->dispi.regs;

    if (r[DISPI_BPP] == 4)
        return r[DISPI_VIRT_WIDTH] / 8;
    return r[DISPI_VIRT_WIDTH] * ((r[DISPI_BPP] + 7u) / 8);
}

static u32 virt_height(const struct vga *v)
{
    u32 bytes = v->dispi.regs[DISPI_BPP] == 4 ? v->vram_bytes / 4 : v->vram_bytes;

    return (u32)min_u64(bytes / vga_dispi_pitch(v), 0xFFFF);
}

static bool fits(const struct vga *v)
{
    const u16 *r = v->dispi.regs;

    return r[DISPI_VIRT_WIDTH] >= r[DISPI_XRES] && r[DISPI_VIRT_WIDTH] <= widest(v) &&
           r[DISPI_VIRT_HEIGHT] == virt_height(v) && r[DISPI_VIRT_HEIGHT] >= r[DISPI_YRES] &&
           r[DISPI_X_OFFSET] <= r[DISPI_VIRT_WIDTH] - r[DISPI_XRES] &&
           r[DISPI_Y_OFFSET] <= r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES];
}

/* Make the numbers agree with each other and with the memory, so that the picture lies inside. */
static void settle(struct vga *v)
{
    u16 *r = v->dispi.regs;
    u32 most;

    r[DISPI_YRES] = (u16)min_u64(r[DISPI_YRES], v->vram_bytes / (8 * 4));
    most = widest(v);
    r[DISPI_XRES] = (u16)min_u64(r[DISPI_XRES], most);
    r[DISPI_VIRT_WIDTH] =
        (u16)min_u64(round_up(v, max_u64(r[DISPI_VIRT_WIDTH], r[DISPI_XRES])), most);
    r[DISPI_VIRT_HEIGHT] = (u16)virt_height(v);
    r[DISPI_X_OFFSET] = (u16)min_u64(r[DISPI_X_OFFSET], r[DISPI_VIRT_WIDTH] - r[DISPI_XRES]);
    r[DISPI_Y_OFFSET] = (u16)min_u64(r[DISPI_Y_OFFSET], r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES]);
}

/* All four planes; their bytes do not lie one after the other. */
static void clear_planes(struct vga *v, u32 len)
{
    u32 p;

    for (p = 0; p < len; p++)
        v->planes[vga_block_slot(p)] = 0;
    vram_mark(v->vram, 0, min_u64(((len + 0xFFFFull) & ~0xFFFFull) * 4, v->vram_bytes));
}

static void clear_screen(struct vga *v)
{
    u64 bytes = (u64)vga_dispi_pitch(v) * v->dispi.regs[DISPI_YRES];

    if (v->dispi.regs[DISPI_BPP] == 4) {
        clear_planes(v, (u32)min_u64(bytes, v->vram_bytes / 4));
        return;
    }
    bytes = min_u64(bytes, v->vram_bytes);
    memset(v->planes, 0, bytes);
    vram_mark(v->vram, 0, bytes);
}

static void enable_write(struct vga *v, u16 value)
{
    u16 *r = v->dispi.regs;
    bool was_on = vga_dispi_on(v);

    r[DISPI_ENABLE] = value & ENABLE_BITS;
    if (!was_on && vga_dispi_on(v)) {
        r[DISPI_VIRT_WIDTH] = r[DISPI_X_OFFSET] = r[DISPI_Y_OFFSET] = r[DISPI_BANK] = 0;
        settle(v);
        vga_mem_update(v); /* text memory is written back first */
        if (!(value & DISPI_NO_CLEAR))
            clear_screen(v);
    }
}

static bool depth_exists(u16 bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

static void dispi_write(struct vga *v, unsigned index, u16 value)
{
    u16 *r = v->dispi.regs;

    switch (index) {
    case DISPI_ID:
        if (value >= DISPI_ID0 && value <= DISPI_ID5)
            r[DISPI_ID] = value;
        return;
    case DISPI_XRES:
        if (value == 0 || value > DISPLAY_MAX_WIDTH)
            return;
        break;
    case DISPI_YRES:
        if (value == 0 || value > DISPLAY_MAX_HEIGHT)
            return;
        break;
    case DISPI_BPP:
        value = value ? value : 8; /* API B0C0h had no other depth and wrote 0 */
        if (!depth_exists(value)) {
            dev_guest(&v->dev, "DISPI has no mode with %u bits per pixel", value);
            return;
        }
        break;
    case DISPI_ENABLE: enable_write(v, value); break;
    case DISPI_BANK: value %= v->vram_bytes / BANK_BYTES; break;
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET: break;
    default: return;
    }
    if (index != DISPI_ENABLE)
        r[index] = value;
    if (vga_dispi_on(v))
        settle(v);
    vga_mem_update(v);
    v->view.redraw |= index != DISPI_BANK;
}

static u16 dispi_read(struct vga *v, unsigned index)
{
    if (index >= DISPI_REGS)
        return 0;
    if (v->dispi.regs[DISPI_ENABLE] & DISPI_GETCAPS) {
        switch (index) {
        case DISPI_XRES: return DISPLAY_MAX_WIDTH;
        case DISPI_YRES: return DISPLAY_MAX_HEIGHT;
        case DISPI_BPP: return 32;
        default: break;
        }
    }
    return v->dispi.regs[index];
}

/* 1CEh is the index; the data register answers at 1CFh, and at 1D0h for those who need alignment.
 */
static u32 dispi_port_read(void *opaque, u16 port, unsigned size)
{
    struct vga *v = opaque;

    return port == 0x1CE ? v->dispi.index : dispi_read(v, v->dispi.index);
}

static void dispi_port_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct vga *v = opaque;

    if (port == 0x1CE)
        v->dispi.index = (u16)value;
    else
        dispi_write(v, v->dispi.index, (u16)value);
}

static const struct port_ops dispi_ports = {
    .width = 2,
    .read_sized = dispi_port_read,
    .write_sized = dispi_port_write,
};

/* ---- PCI ---- */

static u8 mmio_read_byte(struct vga *v, u32 offset)
{
    u32 extended[2] = {EXTENDED_BYTES, LITTLE_ENDIAN_MARK};

    if (offset < MMIO_VGA)
        return vga_edid_read(offset);
    if (offset < MMIO_VGA_END)
        return (u8)vga_port_read(v, (u16)(0x3C0 + offset - MMIO_VGA));
    if (offset >= MMIO_DISPI && offset < MMIO_DISPI_END)
        return (u8)(dispi_read(v, (offset - MMIO_DISPI) / 2) >> 8 * (offset & 1));
    if (offset >= MMIO_EXTENDED && offset < MMIO_EXTENDED + EXTENDED_BYTES)
        return (u8)(extended[(offset - MMIO_EXTENDED) / 4] >> 8 * (offset & 3));
    return 0;
}

static u64 mmio_read(void *opaque, u64 offset, unsigned size)
{
    u64 value = 0;
    unsigned i;

    for (i = 0; i < size; i++)
        value |= (u64)mmio_read_byte(opaque, (u32)offset + i) << 8 * i;
    return value;
}

static void mmio_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct vga *v = opaque;
    unsigned i;

    if (offset >= MMIO_VGA && offset < MMIO_VGA_END) {
        for (i = 0; i < size; i++)
            vga_port_write(v, (u16)(0x3C0 + offset - MMIO_VGA + i), (u8)(value >> 8 * i));
    } else if (offset >= MMIO_DISPI && offset < MMIO_DISPI_END && !(offset & 1)) {
        dispi_write(v, (unsigned)(offset - MMIO_DISPI) / 2, (u16)value);
    }
}

static const struct mmio_ops mmio_ops = {
    .width = 2,
    .read = mmio_read,
    .write = mmio_write,
};

static void bar_map(struct vga *v, unsigned bar, u64 at)
{
    switch (bar) {
    case BAR_LFB: bus_map_vram(v->bus, at, v->vram, 0, v->vram_bytes); break;
    case BAR_MMIO: bus_map_mmio(v->bus, at, MMIO_BYTES, &mmio_ops, v); break;
    case BAR_ROM: bus_map_rom(v->bus, at, v->rom, 0, VGA_ROM_BYTES); break;
    default: break;
    }
}

static void bar_unmap(struct vga *v, unsigned bar, u64 at)
{
    switch (bar) {
    case BAR_LFB: bus_unmap_vram(v->bus, at, v->vram, 0, v->vram_bytes); break;
    case BAR_MMIO: bus_unmap_mmio(v->bus, at, MMIO_BYTES, &mmio_ops, v); break;
    case BAR_ROM: bus_unmap_vram(v->bus, at, v->rom, 0, VGA_ROM_BYTES); break;
    default: break;
    }
}

static void vga_bar_moved(void *opaque, unsigned bar, u64 old, u64 now)
{
    if (old != PCI_BAR_UNMAPPED)
        bar_unmap(opaque, bar, old);
    if (now != PCI_BAR_UNMAPPED)
        bar_map(opaque, bar, now);
}

void vga_dispi_attach(struct vga *v, struct pci_bus *pci)
{
    bus_map_ports(v->bus, 0x1CE, 4, &dispi_ports, v);
    if (!pci) {
        bus_map_vram(v->bus, ISA_LFB, v->vram, 0, v->vram_bytes);
        return;
    }
    v->on_pci = true;
    pci_init(&v->pci, "vga", VGA_DEVFN, 0x1234, 0x1111, 0x030000, 2);
    pci_bar_init(&v->pci, BAR_LFB, PCI_BAR_MEM_PREFETCH, v->vram_bytes);
    pci_bar_init(&v->pci, BAR_MMIO, PCI_BAR_MEM, MMIO_BYTES);
    v->pci.opaque = v;
    v->pci.bar_moved = vga_bar_moved;
    pci_add(pci, &v->pci);
}

u64 vga_dispi_lfb(const struct vga *v)
{
    return v->on_pci ? v->pci.bars[BAR_LFB].address : ISA_LFB;
}

int vga_set_rom(struct device *dev, const void *data, size_t len)
{
    struct vga *v = (struct vga *)dev;

    if (!v->on_pci || v->rom || len > VGA_ROM_BYTES)
        return -EINVAL;
    v->rom = bus_new_vram(v->bus, "vga-rom", VGA_ROM_BYTES);
    if (!v->rom)
        return -ENOMEM;
    memset(vram_host(v->rom), 0xFF, VGA_ROM_BYTES);
    memcpy(vram_host(v->rom), data, len);
    pci_bar_init(&v->pci, BAR_ROM, PCI_BAR_MEM, VGA_ROM_BYTES);
    return 0;
}

/* ---- reset, state ---- */

void vga_dispi_reset(struct vga *v)
{
    u16 *r = v->dispi.regs;

    memset(&v->dispi, 0, sizeof v->dispi);
    r[DISPI_ID] = DISPI_ID5;
    r[DISPI_XRES] = 640;
    r[DISPI_YRES] = 480;
    r[DISPI_BPP] = 8;
    r[DISPI_MEMORY_64K] = (u16)(v->vram_bytes / BANK_BYTES);
    if (v->on_pci)
        pci_reset(&v->pci);
}

void vga_dispi_state(struct vga *v, struct state *s)
{
    static const char *const names[DISPI_REGS] = {
        "dispi_id",       "dispi_xres",     "dispi_yres",       "dispi_bpp",
        "dispi_enable",   "dispi_bank",     "dispi_virt_width", "dispi_virt_height",
        "dispi_x_offset", "dispi_y_offset", "dispi_memory"};
    u16 *r = v->dispi.regs;
    unsigned i;

    state_u16(s, "dispi_index", &v->dispi.index);
    for (i = 0; i < DISPI_REGS; i++)
        state_u16(s, names[i], &r[i]);
    state_require(s, r[DISPI_MEMORY_64K] == v->vram_bytes / BANK_BYTES,
                  "vga: saved with another amount of video memory");
    state_require(s,
                  r[DISPI_XRES] >= 1 && r[DISPI_XRES] <= DISPLAY_MAX_WIDTH && r[DISPI_YRES] >= 1 &&
                      r[DISPI_YRES] <= DISPLAY_MAX_HEIGHT && depth_exists(r[DISPI_BPP]) &&
                      !(r[DISPI_ENABLE] & ~ENABLE_BITS) && r[DISPI_BANK] < r[DISPI_MEMORY_64K],
                  "vga: a DISPI register is out of its range");
    if (!state_error(s))
        state_require(s, !vga_dispi_on(v) || fits(v),
                      "vga: the DISPI picture lies past the memory");
    if (v->on_pci)
        pci_state(&v->pci, s);
}
