/*
 * What the files of the VGA share: vga.c (ports, timing, state), vga_mem.c (processor access to
 * video memory), vga_dispi.c (DISPI, PCI), vga_edid.c (monitor) and vga_render.c (pictures).
 *
 * How video memory is stored. The VGA has four planes of 64 KiB. The four bytes at one plane
 * address P are one little-endian u32, plane 0 in its low byte, and the u32s are stored in the
 * order in which chain-4 addressing reaches them, so that chain-4 memory is plain memory:
 *
 *     chain-4 address A      plane A & 3 at P = (A & FFFCh) | A >> 14, the addressing that the
 *                            CRTC's doubleword mode undoes (MA13 and MA12 on the low lines)
 *     stored at byte         vga_slot(P) * 4 + plane; for P of the form above that is A
 *
 * vga_slot() is a permutation of 0..FFFFh. The linear frame buffer and the DISPI banks show the
 * same bytes in stored order.
 */
#ifndef DEVICES_VIDEO_VGA_INTERNAL_H
#define DEVICES_VIDEO_VGA_INTERNAL_H

#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "devices/host/display.h"

struct bus;
struct clock;
struct vga;
struct vram;

enum {
    /* Miscellaneous output register, 3C2h/3CCh. */
    MISC_COLOR = 0x01,    /* CRTC at 3Dxh instead of 3Bxh */
    MISC_RAM = 0x02,      /* answer to processor memory accesses */
    MISC_CLOCK_SHIFT = 2, /* two bits: 0 = 25.175 MHz, 1 = 28.322 MHz */

    /* Sequencer. */
    SEQ_RESET = 0,
    SEQ_CLOCKING = 1,
    SEQ_MAP_MASK = 2,
    SEQ_CHAR_MAP = 3,
    SEQ_MEMORY = 4,
    SEQ_REGS = 5,
    CLOCKING_8DOT = 0x01,
    CLOCKING_HALF = 0x08, /* dot clock divided by two */
    CLOCKING_OFF = 0x20,
    MEMORY_EXTENDED = 0x02,
    MEMORY_SEQUENTIAL = 0x04, /* 0: odd/even */
    MEMORY_CHAIN4 = 0x08,

    /* Graphics controller. */
    GR_SET_RESET = 0,
    GR_ENABLE_SET_RESET = 1,
    GR_COLOR_COMPARE = 2,
    GR_ROTATE = 3,
    GR_READ_MAP = 4,
    GR_MODE = 5,
    GR_MISC = 6,
    GR_DONT_CARE = 7,
    GR_BIT_MASK = 8,
    GR_REGS = 9,
    MODE_READ1 = 0x08,
    MODE_ODD_EVEN = 0x10,
    MODE_CGA_SHIFT = 0x20,
    MODE_256 = 0x40,
    GMISC_GRAPHICS = 0x01,
    GMISC_CHAIN = 0x02,

    /* CRT controller. */
    CR_H_TOTAL = 0x00,
    CR_H_DISPLAY_END = 0x01,
    CR_V_TOTAL = 0x06,
    CR_OVERFLOW = 0x07,
    CR_PRESET_ROW = 0x08,
    CR_MAX_SCAN = 0x09,
    CR_CURSOR_START = 0x0A,
    CR_CURSOR_END = 0x0B,
    CR_START_HIGH = 0x0C,
    CR_START_LOW = 0x0D,
    CR_CURSOR_HIGH = 0x0E,
    CR_CURSOR_LOW = 0x0F,
    CR_V_RETRACE_START = 0x10,
    CR_V_RETRACE_END = 0x11,
    CR_V_DISPLAY_END = 0x12,
    CR_OFFSET = 0x13,
    CR_UNDERLINE = 0x14,
    CR_MODE = 0x17,
    CR_LINE_COMPARE = 0x18,
    CRTC_REGS = 25,
    CR11_CLEAR_IRQ = 0x10, /* 0 clears and holds the vertical interrupt */
    CR11_NO_IRQ = 0x20,
    CR11_PROTECT = 0x80,
    CR14_COUNT_BY_4 = 0x20,
    CR14_DWORD = 0x40,
    CR17_ROW0 = 0x01, /* 0: row scan bit 0 on output bit 13 */
    CR17_ROW1 = 0x02, /* 0: row scan bit 1 on output bit 14 */
    CR17_HALF_LINES = 0x04,
    CR17_COUNT_BY_2 = 0x08,
    CR17_WRAP_MA15 = 0x20,
    CR17_BYTE = 0x40,
    CR17_ENABLE = 0x80,

    /* Attribute controller. */
    AR_MODE = 0x10,
    AR_OVERSCAN = 0x11,
    AR_PLANE_ENABLE = 0x12,
    AR_PANNING = 0x13,
    AR_COLOR_SELECT = 0x14,
    ATTR_REGS = 21,
    ATTR_PAS = 0x20, /* in the index: palette address source, the display owns the palette */
    AR10_LINE_GRAPHICS = 0x04,
    AR10_BLINK = 0x08,
    AR10_PANNING_COMPAT = 0x20,
    AR10_PALETTE_54 = 0x80,

    /* DISPI. */
    DISPI_ID = 0,
    DISPI_XRES = 1,
    DISPI_YRES = 2,
    DISPI_BPP = 3,
    DISPI_ENABLE = 4,
    DISPI_BANK = 5,
    DISPI_VIRT_WIDTH = 6,
    DISPI_VIRT_HEIGHT = 7,
    DISPI_X_OFFSET = 8,
    DISPI_Y_OFFSET = 9,
    DISPI_MEMORY_64K = 10,
    DISPI_REGS = 11,
    DISPI_ENABLED = 0x01,
    DISPI_GETCAPS = 0x02,
    DISPI_8BIT_DAC = 0x20,
    DISPI_LFB_ENABLED = 0x40,
    DISPI_NO_CLEAR = 0x80,

    PLANE_BYTES = 64 << 10,
    TEXT_BYTES = 32 << 10,
    TEXT_CACHE_CELLS = 32 << 10,
};

/* Where the processor sees video memory, and how. */
enum vga_window_kind {
    WINDOW_NONE,
    WINDOW_PLAIN,    /* chain-4 or a DISPI bank: vram itself */
    WINDOW_TEXT,     /* ordinary text and CGA graphics: text_vram, see vga_mem.c */
    WINDOW_HANDLERS, /* everything else */
};

struct vga_window {
    enum vga_window_kind kind;
    u32 gpa, len;
    u32 offset; /* WINDOW_PLAIN: into vram */
};

typedef u64 vga_mem_read(struct vga *v, u32 offset, unsigned size);
typedef void vga_mem_write(struct vga *v, u32 offset, u32 value, unsigned size);

/* The beam's path, from the CRTC and the dot clock. */
struct vga_timing {
    u32 clock_hz;
    u32 line_dots, line_shown; /* per scan line: all, visible */
    u32 frame_dots;
    u32 lines, lines_shown;
    u32 retrace_start, retrace_end; /* lines; start == end: none */
};

struct vga_dac {
    u8 rgb[256][3]; /* as 8-bit values; a 6-bit DAC's are in bits 7-2 */
    u8 mask;
    u8 index;   /* the one address register, for reading and writing */
    u8 phase;   /* component next: 0 red, 1 green, 2 blue */
    u8 data[3]; /* on the way in or out */
    bool reading;
};

struct vga_dispi {
    u16 index;
    u16 regs[DISPI_REGS];
};

struct vga {
    struct device dev;

    /* Wiring. */
    struct bus *bus;
    struct clock *clock;
    struct vram *vram, *text_vram;
    u32 *planes; /* vram, as described above */
    u16 *text;   /* text_vram: plane 0 and plane 1 of even plane addresses */
    u32 vram_bytes;
    bool on_pci;
    struct pci_function pci;
    struct vram *rom; /* VGA_ROM_BYTES, or NULL */

    /* Guest state. */
    bool enabled; /* 3C3h bit 0 */
    u8 misc, feature;
    u8 seq_index, seq[SEQ_REGS];
    u8 gr_index, gr[GR_REGS];
    u8 crtc_index, crtc[CRTC_REGS];
    u8 attr_index, attr[ATTR_REGS];
    bool attr_data; /* the flip-flop: the next write to 3C0h is data */
    struct vga_dac dac;
    u32 latch;
    struct vga_dispi dispi;
    u64 epoch_ns;      /* when the beam began its first frame with the present timing */
    u16 start_shown;   /* start address until the retrace after start_retrace */
    u64 start_retrace; /* retraces before the start address last changed */
    u64 irq_retrace;   /* retraces before the vertical interrupt was last cleared */

    /* Computed from guest state by vga_update_timing and vga_mem_update. */
    struct vga_timing timing;
    struct vga_window window;
    vga_mem_read *mem_read;
    vga_mem_write *mem_write;
    u32 map_mask, bit_mask, set_reset, enable_set_reset, compare, care; /* one byte per plane */
    u32 bank;                                                           /* u32s */
    u8 rotate, function;

    /* The renderer's memory of what it drew last: no guest state. */
    struct {
        const struct display_frame *frame;
        bool redraw; /* a register that shapes the picture has changed */
        bool blinks; /* some blinking character is on the screen */
        bool blink_hidden;
        u16 start;
        u64 cursor_look;
        u64 text_dirty;
        u64 *dirty; /* one bit per page of vram */
        u32 palette[16], colors[256];
        u16 cells[TEXT_CACHE_CELLS]; /* text rows as drawn, columns + 1 each */
    } view;
};

static inline u32 vga_slot(u32 p)
{
    return (p >> 2 & 0x3FFF) | ((p ^ p >> 14) & 3) << 14;
}

/* The same past the VGA's 64 KiB, for DISPI with 4 bits per pixel: block by block. */
static inline u32 vga_block_slot(u32 p)
{
    return (p & ~0xFFFFu) | vga_slot(p & 0xFFFF);
}

/* The plane address whose slot it is. */
static inline u32 vga_unslot(u32 slot)
{
    return (slot & 0x3FFF) << 2 | ((slot >> 14 ^ slot >> 12) & 3);
}

static inline u32 vga_spread(u8 bits)
{
    return (bits & 1 ? 0xFFu : 0) | (bits & 2 ? 0xFF00u : 0) | (bits & 4 ? 0xFF0000u : 0) |
           (bits & 8 ? 0xFF000000u : 0);
}

/* vga.c */
u32 vga_port_read(struct vga *v, u16 port);
void vga_port_write(struct vga *v, u16 port, u8 value);
/* Vertical retraces that have begun since epoch_ns. */
u64 vga_retraces(const struct vga *v, u64 now_ns);
u64 vga_frames(const struct vga *v, u64 now_ns);
u16 vga_start_address(const struct vga *v, u64 now_ns);

/* vga_mem.c: bring window, handlers and masks in line with the registers. */
void vga_mem_update(struct vga *v);
/* The same after loading: text_vram already holds what belongs there. */
void vga_mem_restore(struct vga *v);

/* Who writes what: see struct display_source. `byte` counts in vram. */
bool vga_bits_near(void *opaque, const struct display_bits *b, u64 gpa);
bool vga_bits_written(void *opaque, const struct display_bits *b, u64 gpa, unsigned size,
                      u64 value);

/* vga_dispi.c */
void vga_dispi_attach(struct vga *v, struct pci_bus *pci);
void vga_dispi_reset(struct vga *v);
void vga_dispi_state(struct vga *v, struct state *s);
static inline bool vga_dispi_on(const struct vga *v)
{
    return v->dispi.regs[DISPI_ENABLE] & DISPI_ENABLED;
}
static inline bool vga_dac_8bit(const struct vga *v)
{
    return v->dispi.regs[DISPI_ENABLE] & DISPI_8BIT_DAC;
}
/* Bytes from one line to the next; with 4 bits per pixel, of one plane. */
u32 vga_dispi_pitch(const struct vga *v);
/* Where the linear frame buffer is mapped, PCI_BAR_UNMAPPED if nowhere. */
u64 vga_dispi_lfb(const struct vga *v);

/* vga_edid.c: a byte of the monitor's description; zero past its end */
u8 vga_edid_read(u32 offset);

/* vga_render.c */
bool vga_render(void *opaque, struct display_frame *f, u64 now_ns, bool force);
bool vga_locate(void *opaque, u32 x, u32 y, u64 now_ns, struct display_dot *out);
u32 vga_bits_value(void *opaque, const struct display_bits *b);

#endif
