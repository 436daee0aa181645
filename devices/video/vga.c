/*
 * The IBM Video Graphics Array: ports 3B4h-3DAh, the beam's timing, saved state. Processor access
 * to its memory is in vga_mem.c, pictures in vga_render.c, Bochs' display interface and PCI in
 * vga_dispi.c.
 *
 *     3C0     attribute index and data (flip-flop)     3CE/3CF  graphics controller
 *     3C1     attribute data, read                     3B4/3B5  CRTC when MISC_COLOR is 0
 *     3C2     misc output (write), status 0 (read)     3D4/3D5  CRTC when MISC_COLOR is 1
 *     3C3     video subsystem enable                   3BA/3DA  feature control (write),
 *     3C4/5   sequencer                                         status 1 (read)
 *     3C6-9   DAC: mask, read index, write index, data
 *     3CA/3CC feature control, misc output, read
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem" (all registers; CRTC
 * "Mode Control Register" for the wiring of the memory address); INMOS IMS G171 data sheet,
 * "Microprocessor interface" (the DAC has one address register, and reading prefetches).
 * Not modelled: the light pen, interlace, display-enable skew, the shift-load bits of the clocking
 * mode register, blinking in graphics modes, the interrupt line (its status bit is there; PCI and
 * most ISA cards leave IRQ 2 unconnected), and status 1 bits 4-5 show the border's colour only.
 */
#include "devices/video/vga.h"

#include "base/clock.h"
#include "devices/video/vga_internal.h"
#include "mmu/bus.h"

#include <stdlib.h>
#include <string.h>

enum { ST01_BLANK = 0x01, ST01_V_RETRACE = 0x08, ST00_SENSE = 0x10, ST00_IRQ = 0x80 };

/* Bits that exist; the others read as zero. */
static const u8 seq_bits[SEQ_REGS] = {0x03, 0x3D, 0x0F, 0x3F, 0x0E};
static const u8 gr_bits[GR_REGS] = {0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF};
static const u8 attr_bits[ATTR_REGS] = {0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
                                        0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
                                        0x3F, 0x3F, 0xEF, 0xFF, 0x3F, 0x0F, 0x0F};

/* ---- timing ---- */

static u32 crtc_vertical(const struct vga *v, unsigned reg, unsigned bit8, unsigned bit9)
{
    u8 overflow = v->crtc[CR_OVERFLOW];

    return v->crtc[reg] | (overflow >> bit8 & 1u) << 8 | (overflow >> bit9 & 1u) << 9;
}

static void timing_compute(const struct vga *v, struct vga_timing *t)
{
    u32 dots = v->seq[SEQ_CLOCKING] & CLOCKING_8DOT ? 8 : 9;
    u32 scale = v->crtc[CR_MODE] & CR17_HALF_LINES ? 2 : 1;
    u32 start = crtc_vertical(v, CR_V_RETRACE_START, 2, 7);
    u32 length = ((v->crtc[CR_V_RETRACE_END] & 0x0F) - start) & 0x0F;

    if (v->seq[SEQ_CLOCKING] & CLOCKING_HALF)
        dots *= 2;
    t->clock_hz = (v->misc >> MISC_CLOCK_SHIFT & 3) == 1 ? 28322000 : 25175000;
    t->line_dots = (v->crtc[CR_H_TOTAL] + 5) * dots;
    t->line_shown = (v->crtc[CR_H_DISPLAY_END] + 1) * dots;
    t->lines = (crtc_vertical(v, CR_V_TOTAL, 0, 5) + 2) * scale;
    t->lines_shown = (crtc_vertical(v, CR_V_DISPLAY_END, 1, 6) + 1) * scale;
    /* The end is a comparison of four bits, so equal ones mean sixteen lines. */
    t->retrace_start = (u32)min_u64(start * scale, t->lines);
    t->retrace_end = (u32)min_u64((start + (length ? length : 16)) * scale, t->lines);
    t->frame_dots = t->line_dots * t->lines;
}

/* Dots since the epoch. */
static u64 vga_dots(const struct vga *v, u64 now_ns)
{
    u64 ns = now_ns > v->epoch_ns ? now_ns - v->epoch_ns : 0;

    return muldiv_u64(ns, v->timing.clock_hz, NS_PER_SEC);
}

u64 vga_frames(const struct vga *v, u64 now_ns)
{
    return vga_dots(v, now_ns) / v->timing.frame_dots;
}

u64 vga_retraces(const struct vga *v, u64 now_ns)
{
    const struct vga_timing *t = &v->timing;
    u64 before = (u64)(t->lines - t->retrace_start) * t->line_dots;

    return (vga_dots(v, now_ns) + before) / t->frame_dots;
}

u16 vga_start_address(const struct vga *v, u64 now_ns)
{
    if (vga_retraces(v, now_ns) == v->start_retrace)
        return v->start_shown;
    return (u16)(v->crtc[CR_START_HIGH] << 8 | v->crtc[CR_START_LOW]);
}

/* The beam starts a frame when its timing changes. */
static void vga_update_timing(struct vga *v)
{
    struct vga_timing t;

    timing_compute(v, &t);
    if (memcmp(&t, &v->timing, sizeof t) == 0)
        return;
    v->start_shown = vga_start_address(v, clock_now(v->clock));
    v->timing = t;
    v->epoch_ns = clock_now(v->clock);
    v->start_retrace = vga_retraces(v, v->epoch_ns);
    v->irq_retrace = v->start_retrace;
    v->view.redraw = true;
}

static u8 status1_read(struct vga *v)
{
    const struct vga_timing *t = &v->timing;
    u32 dot = (u32)(vga_dots(v, clock_now(v->clock)) % t->frame_dots);
    u32 line = dot / t->line_dots;
    u8 status = 0;
    /* "Video Status Mux": which two of the colour's bits appear in bits 5 and 4. */
    static const u8 mux[4][2] = {{0, 2}, {4, 5}, {1, 3}, {6, 7}};
    unsigned select = v->attr[AR_PLANE_ENABLE] >> 4 & 3;

    v->attr_data = false;
    if (line < t->lines_shown && dot - line * t->line_dots < t->line_shown)
        return 0;
    status |= ST01_BLANK;
    if (line >= t->retrace_start && line < t->retrace_end)
        status |= ST01_V_RETRACE;
    status |= (v->attr[AR_OVERSCAN] >> mux[select][0] & 1) << 4;
    status |= (v->attr[AR_OVERSCAN] >> mux[select][1] & 1) << 5;
    return status;
}

static u8 status0_read(struct vga *v)
{
    u8 end = v->crtc[CR_V_RETRACE_END];
    u8 status = ST00_SENSE; /* a colour monitor is connected */

    if ((end & CR11_CLEAR_IRQ) && !(end & CR11_NO_IRQ) &&
        vga_retraces(v, clock_now(v->clock)) > v->irq_retrace)
        status |= ST00_IRQ;
    return status;
}

/* ---- DAC ---- */

static void dac_prefetch(struct vga_dac *d)
{
    memcpy(d->data, d->rgb[d->index++], sizeof d->data);
    d->phase = 0;
}

static u8 dac_read(struct vga *v)
{
    struct vga_dac *d = &v->dac;
    u8 value = d->data[d->phase];

    if (++d->phase == 3) {
        d->phase = 0;
        if (d->reading)
            dac_prefetch(d);
    }
    return vga_dac_8bit(v) ? value : value >> 2;
}

static void dac_write(struct vga *v, u8 value)
{
    struct vga_dac *d = &v->dac;

    d->data[d->phase++] = vga_dac_8bit(v) ? value : (u8)(value << 2);
    if (d->phase < 3)
        return;
    memcpy(d->rgb[d->index++], d->data, sizeof d->data);
    d->phase = 0;
    v->view.redraw = true;
}

static void dac_set_index(struct vga *v, u8 index, bool reading)
{
    struct vga_dac *d = &v->dac;

    d->index = index;
    d->phase = 0;
    d->reading = reading;
    if (reading)
        dac_prefetch(d);
}

/* ---- indexed registers ---- */

static void seq_write(struct vga *v, u8 value)
{
    u8 index = v->seq_index;

    if (index >= SEQ_REGS)
        return;
    value &= seq_bits[index];
    if (v->seq[index] == value)
        return;
    v->seq[index] = value;
    vga_mem_update(v);
    if (index == SEQ_MAP_MASK)
        return;
    v->view.redraw = true;
    vga_update_timing(v);
}

static void gr_write(struct vga *v, u8 value)
{
    u8 index = v->gr_index;

    if (index >= GR_REGS)
        return;
    value &= gr_bits[index];
    if (v->gr[index] == value)
        return;
    if (index == GR_MISC ||
        (index == GR_MODE && (v->gr[index] ^ value) & (MODE_256 | MODE_CGA_SHIFT)))
        v->view.redraw = true;
    v->gr[index] = value;
    vga_mem_update(v);
}

static void crtc_write(struct vga *v, u8 value)
{
    u8 index = v->crtc_index;

    if (index >= CRTC_REGS)
        return;
    if (index <= CR_OVERFLOW && v->crtc[CR_V_RETRACE_END] & CR11_PROTECT) {
        if (index != CR_OVERFLOW)
            return;
        value = (v->crtc[index] & ~0x10) | (value & 0x10); /* line compare is not protected */
    }
    if (index == CR_V_RETRACE_END && !(value & CR11_CLEAR_IRQ))
        v->irq_retrace = vga_retraces(v, clock_now(v->clock));
    if (v->crtc[index] == value)
        return;
    if (index == CR_START_HIGH || index == CR_START_LOW) {
        /* The CRTC takes the start address at the beginning of vertical retrace. */
        v->start_shown = vga_start_address(v, clock_now(v->clock));
        v->start_retrace = vga_retraces(v, clock_now(v->clock));
        v->crtc[index] = value;
        return;
    }
    v->crtc[index] = value;
    if (index != CR_CURSOR_HIGH && index != CR_CURSOR_LOW && index != CR_CURSOR_START &&
        index != CR_CURSOR_END)
        v->view.redraw = true;
    vga_update_timing(v);
}

static void attr_write(struct vga *v, u8 value)
{
    u8 index = v->attr_index & 0x1F;

    v->attr_data = !v->attr_data;
    if (v->attr_data) {
        if ((v->attr_index ^ value) & ATTR_PAS)
            v->view.redraw = true;
        v->attr_index = value & 0x3F;
        return;
    }
    /* The palette's address lines belong to the display while PAS is set. */
    if (index >= ATTR_REGS || (index < AR_MODE && v->attr_index & ATTR_PAS))
        return;
    value &= attr_bits[index];
    if (v->attr[index] == value)
        return;
    v->attr[index] = value;
    v->view.redraw = true;
}

static void misc_write(struct vga *v, u8 value)
{
    value &= 0xEF;
    if (v->misc == value)
        return;
    v->misc = value;
    vga_mem_update(v);
    vga_update_timing(v);
}

/* ---- ports ---- */

/* CRTC and status ports answer at 3Dxh or 3Bxh, as MISC_COLOR says; map both to 3Dxh. */
static bool port_decode(const struct vga *v, u16 *port)
{
    if (!v->enabled)
        return *port == 0x3C3;
    if (*port >= 0x3C0 && *port < 0x3D0)
        return true;
    if ((*port >= 0x3D0) != !!(v->misc & MISC_COLOR))
        return false;
    *port = 0x3D0 | (*port & 0x0F);
    return true;
}

u32 vga_port_read(struct vga *v, u16 port)
{
    u8 index = v->attr_index & 0x1F;

    if (!port_decode(v, &port))
        return 0xFF;
    switch (port) {
    case 0x3C0: return v->attr_index;
    case 0x3C1: return index < ATTR_REGS ? v->attr[index] : 0;
    case 0x3C2: return status0_read(v);
    case 0x3C3: return v->enabled;
    case 0x3C4: return v->seq_index;
    case 0x3C5: return v->seq_index < SEQ_REGS ? v->seq[v->seq_index] : 0;
    case 0x3C6: return v->dac.mask;
    case 0x3C7: return v->dac.reading ? 3 : 0;
    case 0x3C8: return v->dac.index;
    case 0x3C9: return dac_read(v);
    case 0x3CA: return v->feature;
    case 0x3CC: return v->misc;
    case 0x3CE: return v->gr_index;
    case 0x3CF: return v->gr_index < GR_REGS ? v->gr[v->gr_index] : 0;
    case 0x3D4: return v->crtc_index;
    case 0x3D5: return v->crtc_index < CRTC_REGS ? v->crtc[v->crtc_index] : 0;
    case 0x3DA: return status1_read(v);
    default: return 0xFF;
    }
}

void vga_port_write(struct vga *v, u16 port, u8 value)
{
    if (!port_decode(v, &port))
        return;
    switch (port) {
    case 0x3C0: attr_write(v, value); break;
    case 0x3C2: misc_write(v, value); break;
    case 0x3C3:
        v->enabled = value & 1;
        v->view.redraw = true;
        vga_mem_update(v);
        break;
    case 0x3C4: v->seq_index = value & 7; break;
    case 0x3C5: seq_write(v, value); break;
    case 0x3C6:
        v->view.redraw |= v->dac.mask != value;
        v->dac.mask = value;
        break;
    case 0x3C7: dac_set_index(v, value, true); break;
    case 0x3C8: dac_set_index(v, value, false); break;
    case 0x3C9: dac_write(v, value); break;
    case 0x3CE: v->gr_index = value & 0x0F; break;
    case 0x3CF: gr_write(v, value); break;
    case 0x3D4: v->crtc_index = value & 0x3F; break;
    case 0x3D5: crtc_write(v, value); break;
    case 0x3DA: v->feature = value & 3; break;
    default: break;
    }
}

/* A word access is two byte accesses, low byte first: index and data at one stroke. */
static u32 vga_read_sized(void *opaque, u16 port, unsigned size)
{
    u32 value = vga_port_read(opaque, port);

    return size == 1 ? value : value | vga_port_read(opaque, port + 1) << 8;
}

static void vga_write_sized(void *opaque, u16 port, u32 value, unsigned size)
{
    vga_port_write(opaque, port, (u8)value);
    if (size == 2)
        vga_port_write(opaque, port + 1, (u8)(value >> 8));
}

static const struct port_ops vga_ports = {
    .width = 2,
    .read_sized = vga_read_sized,
    .write_sized = vga_write_sized,
};

/* ---- life ---- */

static void vga_reset(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    v->enabled = true; /* the sleep bit of a card is set by its own ROM; ours starts awake */
    v->misc = v->feature = 0;
    v->seq_index = v->gr_index = v->crtc_index = v->attr_index = 0;
    v->attr_data = false;
    memset(v->seq, 0, sizeof v->seq);
    memset(v->gr, 0, sizeof v->gr);
    memset(v->crtc, 0, sizeof v->crtc);
    memset(v->attr, 0, sizeof v->attr);
    memset(&v->dac, 0, sizeof v->dac);
    v->dac.mask = 0xFF;
    v->latch = 0;
    v->start_shown = 0;
    vga_dispi_reset(v);
    vga_mem_update(v);
    timing_compute(v, &v->timing);
    v->epoch_ns = clock_now(v->clock);
    v->start_retrace = v->irq_retrace = vga_retraces(v, v->epoch_ns);
    v->view.redraw = true;
}

static void check_bits(struct state *s, const u8 *regs, const u8 *bits, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        state_require(s, (regs[i] & ~bits[i]) == 0, "vga: a register has bits that do not exist");
}

static void vga_state(struct device *dev, struct state *s)
{
    struct vga *v = (struct vga *)dev;

    state_bool(s, "enabled", &v->enabled);
    state_u8(s, "misc", &v->misc);
    state_u8(s, "feature", &v->feature);
    state_u8(s, "seq_index", &v->seq_index);
    state_bytes(s, "seq", v->seq, sizeof v->seq);
    state_u8(s, "gr_index", &v->gr_index);
    state_bytes(s, "gr", v->gr, sizeof v->gr);
    state_u8(s, "crtc_index", &v->crtc_index);
    state_bytes(s, "crtc", v->crtc, sizeof v->crtc);
    state_u8(s, "attr_index", &v->attr_index);
    state_bytes(s, "attr", v->attr, sizeof v->attr);
    state_bool(s, "attr_data", &v->attr_data);
    state_bytes(s, "dac_rgb", v->dac.rgb, sizeof v->dac.rgb);
    state_u8(s, "dac_mask", &v->dac.mask);
    state_u8(s, "dac_index", &v->dac.index);
    state_u8(s, "dac_phase", &v->dac.phase);
    state_bytes(s, "dac_data", v->dac.data, sizeof v->dac.data);
    state_bool(s, "dac_reading", &v->dac.reading);
    state_u32(s, "latch", &v->latch);
    state_u64(s, "epoch_ns", &v->epoch_ns);
    state_u16(s, "start_shown", &v->start_shown);
    state_u64(s, "start_retrace", &v->start_retrace);
    state_u64(s, "irq_retrace", &v->irq_retrace);
    check_bits(s, v->seq, seq_bits, SEQ_REGS);
    check_bits(s, v->gr, gr_bits, GR_REGS);
    check_bits(s, v->attr, attr_bits, ATTR_REGS);
    state_require(s, v->dac.phase < 3, "vga: the DAC has three components");
    state_require(
        s, v->attr_index < 0x40 && v->seq_index < 8 && v->gr_index < 0x10 && v->crtc_index < 0x40,
        "vga: an index register has bits that do not exist");
    vga_dispi_state(v, s);
    if (!state_is_loading(s) || state_error(s))
        return;
    timing_compute(v, &v->timing);
    vga_mem_restore(v);
    v->view.redraw = true;
}

static void vga_destroy(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    free(v->view.dirty);
    device_free(dev);
}

static const struct device_class vga_class = {
    .name = "vga",
    .version = 1,
    .reset = vga_reset,
    .state = vga_state,
    .destroy = vga_destroy,
};

struct device *vga_create(struct bus *bus, struct clock *clock, struct pci_bus *pci,
                          size_t vram_bytes)
{
    struct vga *v = device_new(&vga_class, sizeof *v);

    if (!vram_bytes)
        vram_bytes = VGA_DEFAULT_VRAM;
    assert((vram_bytes & (vram_bytes - 1)) == 0);
    assert(vram_bytes >= 4 * PLANE_BYTES && vram_bytes <= 256 << 20);
    v->bus = bus;
    v->clock = clock;
    v->vram_bytes = (u32)vram_bytes;
    v->vram = bus_new_vram(bus, "vga", vram_bytes);
    v->text_vram = bus_new_vram(bus, "vga-text", TEXT_BYTES);
    v->view.dirty = calloc((vram_bytes / 4096 + 63) / 64, sizeof(u64));
    if (!v->vram || !v->text_vram || !v->view.dirty) {
        vga_destroy(&v->dev);
        return NULL;
    }
    v->planes = (u32 *)vram_host(v->vram);
    v->text = (u16 *)vram_host(v->text_vram);
    timing_compute(v, &v->timing);
    bus_map_ports(bus, 0x3B4, 2, &vga_ports, v);
    bus_map_ports(bus, 0x3BA, 1, &vga_ports, v);
    bus_map_ports(bus, 0x3C0, 16, &vga_ports, v);
    bus_map_ports(bus, 0x3D4, 2, &vga_ports, v);
    bus_map_ports(bus, 0x3DA, 1, &vga_ports, v);
    vga_dispi_attach(v, pci);
    return &v->dev;
}

struct display_source vga_display(struct device *dev)
{
    return (struct display_source){.opaque = dev,
                                   .render = vga_render,
                                   .locate = vga_locate,
                                   .bits_near = vga_bits_near,
                                   .bits_written = vga_bits_written,
                                   .bits_value = vga_bits_value};
}
