/*
 * How the processor reaches the VGA's memory at A0000h-BFFFFh.
 *
 * Where the hardware between processor and planes does nothing to the data, memory is mapped as
 * plain memory and no code here runs:
 *   - chain-4 (mode 13h) and DISPI banks: vram itself, whose order is chosen for this.
 *   - text and CGA graphics (odd/even, planes 0 and 1, write mode 0 with nothing set): text_vram,
 *     32 KiB that hold planes 0 and 1 of the even plane addresses as the processor sees them,
 *     alternating. While it is mapped it is the truth, and is copied from and to the planes when
 *     the mapping begins and ends (what the linear frame buffer writes there meanwhile is lost).
 *     Both are guest state; which is mapped follows from registers.
 * Otherwise one mapping calls the pair of handlers for the present write mode, read mode and
 * addressing. Changing the pair costs a pointer, where changing the mapping would cost every
 * processor its cached translations, and drawing programs change the write mode all the time.
 *
 * All four planes at one address are one u32, so each step of the graphics controller is one
 * operation on four planes.
 * Not modelled: reads of plain memory do not load the latches, so a latch copy must begin with a
 * read after the registers for it were set. The page bit of the miscellaneous output register,
 * which BIOSes leave set and clones ignore.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": "Graphics
 * Controller Registers", "Sequencer Registers" (Map Mask, Memory Mode), "Video Memory
 * Organization".
 */
#include "devices/video/vga_internal.h"

#include "mmu/bus.h"

/* From processor address to plane address and the planes it can reach. */
enum addressing { LINEAR, ODD_EVEN, CHAIN4 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE u32 plane_address(const struct vga *v, enum addressing how, u32 offset)
{
    if (how == CHAIN4)
        return (offset & 0xFFFC) | (offset >> 14 & 3);
    if (how == ODD_EVEN && v->gr[GR_MISC] & GMISC_CHAIN) {
        /* Something takes the place of address bit 0: A16 where the window has one. */
        u32 page = v->gr[GR_MISC] & 0x0C ? 0 : offset >> 16 & 1;

        return (offset & 0xFFFE) | page;
    }
    return offset & 0xFFFF;
}

ALWAYS_INLINE u32 slot_of(const struct vga *v, enum addressing how, u32 offset)
{
    if (how == CHAIN4) /* vga_slot undoes what plane_address does */
        return v->bank + (offset >> 2 & 0x3FFF);
    return v->bank + vga_slot(plane_address(v, how, offset));
}

/* Planes that a write at this offset may change, one byte of ones each. */
ALWAYS_INLINE u32 write_mask(const struct vga *v, enum addressing how, u32 offset)
{
    if (how == CHAIN4)
        return v->map_mask & 0xFFu << 8 * (offset & 3);
    if (how == ODD_EVEN && !(v->seq[SEQ_MEMORY] & MEMORY_SEQUENTIAL))
        return v->map_mask & (offset & 1 ? 0xFF00FF00 : 0x00FF00FF);
    return v->map_mask;
}

ALWAYS_INLINE u32 logic(const struct vga *v, u32 data)
{
    switch (v->function) {
    case 1: data &= v->latch; break;
    case 2: data |= v->latch; break;
    case 3: data ^= v->latch; break;
    default: break;
    }
    return data;
}

ALWAYS_INLINE u32 select_bits(u32 mask, u32 data, u32 latch)
{
    return latch ^ ((latch ^ data) & mask);
}

/* What the graphics controller makes of a processor byte, for all four planes. */
ALWAYS_INLINE u32 graphics_data(const struct vga *v, unsigned mode, u8 byte)
{
    u8 rotated = (u8)(byte >> v->rotate | byte << (8 - v->rotate));

    switch (mode) {
    case 0:
        return select_bits(
            v->bit_mask,
            logic(v, select_bits(v->enable_set_reset, v->set_reset, rotated * 0x01010101u)),
            v->latch);
    case 1: return v->latch;
    case 2: return select_bits(v->bit_mask, logic(v, vga_spread(byte)), v->latch);
    default: /* 3: the rotated byte joins the bit mask; data are the set/reset bits */
        return select_bits(v->bit_mask & rotated * 0x01010101u, logic(v, v->set_reset), v->latch);
    }
}

ALWAYS_INLINE void write_bytes(struct vga *v, unsigned mode, enum addressing how, u32 offset,
                               u32 value, unsigned size)
{
    unsigned i;

    for (i = 0; i < size; i++, value >>= 8) {
        u32 slot = slot_of(v, how, offset + i);
        u32 mask = write_mask(v, how, offset + i);

        v->planes[slot] = select_bits(mask, graphics_data(v, mode, (u8)value), v->planes[slot]);
        vram_mark(v->vram, slot * 4, 4);
    }
}

/* The plane that read mode 0 looks at. */
ALWAYS_INLINE unsigned read_plane(const struct vga *v, enum addressing how, u32 offset)
{
    if (how == CHAIN4)
        return offset & 3;
    if (how == ODD_EVEN && v->gr[GR_MODE] & MODE_ODD_EVEN)
        return (v->gr[GR_READ_MAP] & 2) | (offset & 1);
    return v->gr[GR_READ_MAP];
}

ALWAYS_INLINE u8 read_byte(struct vga *v, unsigned mode, enum addressing how, u32 offset)
{
    u32 differs;

    v->latch = v->planes[slot_of(v, how, offset)];
    if (mode == 0)
        return (u8)(v->latch >> 8 * read_plane(v, how, offset));
    /* Read mode 1: ones where all planes that we care about have the compared colour. */
    differs = (v->latch ^ v->compare) & v->care;
    differs |= differs >> 16;
    return (u8) ~(differs | differs >> 8);
}

ALWAYS_INLINE u64 read_bytes(struct vga *v, unsigned mode, enum addressing how, u32 offset,
                             unsigned size)
{
    u32 value = 0;
    unsigned i;

    for (i = 0; i < size; i++)
        value |= (u32)read_byte(v, mode, how, offset + i) << 8 * i;
    return value;
}

#define HANDLERS(how, HOW)                                                                         \
    static void write0_##how(struct vga *v, u32 offset, u32 value, unsigned size)                  \
    {                                                                                              \
        write_bytes(v, 0, HOW, offset, value, size);                                               \
    }                                                                                              \
    static void write1_##how(struct vga *v, u32 offset, u32 value, unsigned size)                  \
    {                                                                                              \
        write_bytes(v, 1, HOW, offset, value, size);                                               \
    }                                                                                              \
    static void write2_##how(struct vga *v, u32 offset, u32 value, unsigned size)                  \
    {                                                                                              \
        write_bytes(v, 2, HOW, offset, value, size);                                               \
    }                                                                                              \
    static void write3_##how(struct vga *v, u32 offset, u32 value, unsigned size)                  \
    {                                                                                              \
        write_bytes(v, 3, HOW, offset, value, size);                                               \
    }                                                                                              \
    static u64 read0_##how(struct vga *v, u32 offset, unsigned size)                               \
    {                                                                                              \
        return read_bytes(v, 0, HOW, offset, size);                                                \
    }                                                                                              \
    static u64 read1_##how(struct vga *v, u32 offset, unsigned size)                               \
    {                                                                                              \
        return read_bytes(v, 1, HOW, offset, size);                                                \
    }

HANDLERS(linear, LINEAR)
HANDLERS(odd_even, ODD_EVEN)
HANDLERS(chain4, CHAIN4)

static vga_mem_write *const write_handlers[3][4] = {
    [LINEAR] = {write0_linear, write1_linear, write2_linear, write3_linear},
    [ODD_EVEN] = {write0_odd_even, write1_odd_even, write2_odd_even, write3_odd_even},
    [CHAIN4] = {write0_chain4, write1_chain4, write2_chain4, write3_chain4},
};

static vga_mem_read *const read_handlers[3][2] = {
    [LINEAR] = {read0_linear, read1_linear},
    [ODD_EVEN] = {read0_odd_even, read1_odd_even},
    [CHAIN4] = {read0_chain4, read1_chain4},
};

static u64 window_read(void *opaque, u64 offset, unsigned size)
{
    struct vga *v = opaque;

    return v->mem_read(v, (u32)offset, size);
}

static void window_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    struct vga *v = opaque;

    v->mem_write(v, (u32)offset, (u32)value, size);
}

static const struct mmio_ops window_ops = {
    .width = 4,
    .memory = true,
    .read = window_read,
    .write = window_write,
};

/* ---- which window ---- */

static enum addressing addressing_now(const struct vga *v)
{
    if (v->seq[SEQ_MEMORY] & MEMORY_CHAIN4)
        return CHAIN4;
    if (!(v->seq[SEQ_MEMORY] & MEMORY_SEQUENTIAL) || v->gr[GR_MODE] & MODE_ODD_EVEN ||
        v->gr[GR_MISC] & GMISC_CHAIN)
        return ODD_EVEN;
    return LINEAR;
}

/* True if the graphics controller passes bytes through as they are, both ways. */
static bool data_untouched(const struct vga *v)
{
    return (v->gr[GR_MODE] & (3 | MODE_READ1)) == 0 && v->gr[GR_ENABLE_SET_RESET] == 0 &&
           v->gr[GR_ROTATE] == 0 && v->gr[GR_BIT_MASK] == 0xFF;
}

static bool is_plain_text(const struct vga *v)
{
    /* DISPI with 4 bits per pixel shows the planes themselves. */
    return !vga_dispi_on(v) && data_untouched(v) && v->seq[SEQ_MAP_MASK] == 3 &&
           !(v->seq[SEQ_MEMORY] & (MEMORY_CHAIN4 | MEMORY_SEQUENTIAL)) &&
           v->gr[GR_MODE] & MODE_ODD_EVEN && !(v->gr[GR_READ_MAP] & 2) &&
           (v->gr[GR_MISC] & (0x08 | GMISC_CHAIN)) == (0x08 | GMISC_CHAIN);
}

static struct vga_window window_now(const struct vga *v)
{
    static const struct vga_window by_map[4] = {
        {WINDOW_HANDLERS, 0xA0000, 0x20000, 0},
        {WINDOW_HANDLERS, 0xA0000, 0x10000, 0},
        {WINDOW_HANDLERS, 0xB0000, 0x8000, 0},
        {WINDOW_HANDLERS, 0xB8000, 0x8000, 0},
    };
    struct vga_window w = by_map[v->gr[GR_MISC] >> 2 & 3];

    if (!v->enabled)
        return (struct vga_window){WINDOW_NONE, 0, 0, 0};
    if (vga_dispi_on(v) && v->dispi.regs[DISPI_BPP] > 4)
        return (struct vga_window){WINDOW_PLAIN, 0xA0000, 0x10000,
                                   (u32)v->dispi.regs[DISPI_BANK] << 16};
    if (!(v->misc & MISC_RAM))
        return (struct vga_window){WINDOW_NONE, 0, 0, 0};
    if (is_plain_text(v))
        w.kind = WINDOW_TEXT;
    else if (v->seq[SEQ_MEMORY] & MEMORY_CHAIN4 && v->seq[SEQ_MAP_MASK] == 0x0F &&
             data_untouched(v) && w.len <= 0x10000) {
        w.kind = WINDOW_PLAIN;
        w.offset = v->bank * 4;
    }
    return w;
}

static void window_map(struct vga *v)
{
    const struct vga_window *w = &v->window;

    switch (w->kind) {
    case WINDOW_NONE: break;
    case WINDOW_PLAIN: bus_map_vram(v->bus, w->gpa, v->vram, w->offset, w->len); break;
    case WINDOW_TEXT: bus_map_vram(v->bus, w->gpa, v->text_vram, 0, w->len); break;
    case WINDOW_HANDLERS: bus_map_mmio(v->bus, w->gpa, w->len, &window_ops, v); break;
    }
}

static void window_unmap(struct vga *v)
{
    const struct vga_window *w = &v->window;

    switch (w->kind) {
    case WINDOW_NONE: break;
    case WINDOW_PLAIN: bus_unmap_vram(v->bus, w->gpa, v->vram, w->offset, w->len); break;
    case WINDOW_TEXT: bus_unmap_vram(v->bus, w->gpa, v->text_vram, 0, w->len); break;
    case WINDOW_HANDLERS: bus_unmap_mmio(v->bus, w->gpa, w->len, &window_ops, v); break;
    }
}

/* text_vram becomes the truth about planes 0 and 1. */
static void text_begin(struct vga *v)
{
    u32 i;

    for (i = 0; i < TEXT_BYTES / 2; i++)
        v->text[i] = (u16)v->planes[vga_slot(2 * i)];
    vram_mark(v->text_vram, 0, TEXT_BYTES);
}

static void text_end(struct vga *v)
{
    u32 i;

    for (i = 0; i < TEXT_BYTES / 2; i++) {
        u32 slot = vga_slot(2 * i);

        if ((u16)v->planes[slot] == v->text[i])
            continue;
        v->planes[slot] = (v->planes[slot] & 0xFFFF0000) | v->text[i];
        vram_mark(v->vram, slot * 4, 4);
    }
}

static void compute_masks(struct vga *v)
{
    enum addressing how = addressing_now(v);
    u8 mode = v->gr[GR_MODE];

    v->map_mask = vga_spread(v->seq[SEQ_MAP_MASK]);
    v->bit_mask = v->gr[GR_BIT_MASK] * 0x01010101u;
    v->set_reset = vga_spread(v->gr[GR_SET_RESET]);
    v->enable_set_reset = vga_spread(v->gr[GR_ENABLE_SET_RESET]);
    v->compare = vga_spread(v->gr[GR_COLOR_COMPARE]);
    v->care = vga_spread(v->gr[GR_DONT_CARE]);
    v->rotate = v->gr[GR_ROTATE] & 7;
    v->function = v->gr[GR_ROTATE] >> 3 & 3;
    /* With 4 bits per pixel a DISPI bank is 64 KiB of each plane. */
    v->bank = vga_dispi_on(v) && v->dispi.regs[DISPI_BPP] == 4
                  ? v->dispi.regs[DISPI_BANK] * (u32)PLANE_BYTES % (v->vram_bytes / 4)
                  : 0;
    v->mem_read = read_handlers[how][mode & MODE_READ1 ? 1 : 0];
    v->mem_write = write_handlers[how][mode & 3];
}

static void window_set(struct vga *v, bool copy_text)
{
    struct vga_window w;

    compute_masks(v);
    w = window_now(v);
    if (w.kind == v->window.kind && w.gpa == v->window.gpa && w.len == v->window.len &&
        w.offset == v->window.offset)
        return;
    window_unmap(v);
    if (copy_text && v->window.kind == WINDOW_TEXT && w.kind != WINDOW_TEXT)
        text_end(v);
    if (copy_text && w.kind == WINDOW_TEXT && v->window.kind != WINDOW_TEXT)
        text_begin(v);
    v->window = w;
    window_map(v);
    v->view.redraw = true;
}

void vga_mem_update(struct vga *v)
{
    window_set(v, true);
}

void vga_mem_restore(struct vga *v)
{
    window_set(v, false);
}

/* ---- for debuggers ---- */

/* Where text_vram holds a byte of vram; false if it does not. */
static bool text_offset(u32 byte, u32 *offset)
{
    u32 p = vga_unslot(byte / 4 & 0xFFFF);

    *offset = p + (byte & 3);
    return byte < 4 * PLANE_BYTES && !(p & 0x8001) && (byte & 3) < 2;
}

/* The bits of each byte in the planes that a write takes from what was written. */
static u8 bits_taken(const struct vga *v, u8 byte)
{
    u8 mask = v->gr[GR_BIT_MASK];

    switch (v->gr[GR_MODE] & 3) {
    case 1: return 0xFF;
    case 3: return mask & (u8)(byte >> v->rotate | byte << (8 - v->rotate));
    default: return mask;
    }
}

/* UINT64_MAX: not in the linear frame buffer. */
static u64 lfb_offset(const struct vga *v, u64 gpa)
{
    u64 lfb = vga_dispi_lfb(v);

    return lfb == PCI_BAR_UNMAPPED || gpa < lfb ? UINT64_MAX : gpa - lfb;
}

static bool byte_sets(const struct vga *v, u64 gpa, u8 value, u32 byte, u8 bits)
{
    const struct vga_window *w = &v->window;
    enum addressing how = addressing_now(v);
    u32 offset = (u32)(gpa - w->gpa), at;

    if (lfb_offset(v, gpa) == byte)
        return true;
    if (w->kind == WINDOW_NONE || gpa < w->gpa || gpa >= w->gpa + w->len)
        return false;
    switch (w->kind) {
    case WINDOW_PLAIN: return w->offset + offset == byte;
    case WINDOW_TEXT: return text_offset(byte, &at) && at == offset;
    default:
        return slot_of(v, how, offset) == byte / 4 &&
               write_mask(v, how, offset) >> 8 * (byte & 3) & 0xFF && bits_taken(v, value) & bits;
    }
}

bool vga_bits_written(void *opaque, const struct display_bits *b, u64 gpa, unsigned size, u64 value)
{
    unsigned i, k;

    for (i = 0; i < b->count; i++)
        for (k = 0; k < size; k++)
            if (byte_sets(opaque, gpa + k, (u8)(value >> 8 * k), b->part[i].byte, b->part[i].bits))
                return true;
    return false;
}

bool vga_bits_near(void *opaque, const struct display_bits *b, u64 gpa)
{
    const struct vga *v = opaque;
    const struct vga_window *w = &v->window;
    u64 page = gpa & ~(u64)0xFFF;
    bool inside = w->kind != WINDOW_NONE && page >= w->gpa && page < w->gpa + w->len;
    unsigned i;
    u32 at;

    for (i = 0; i < b->count; i++) {
        u32 byte = b->part[i].byte;

        if (lfb_offset(v, page) == (byte & ~0xFFFu))
            return true;
        if (inside &&
            (w->kind == WINDOW_HANDLERS ||
             (w->kind == WINDOW_PLAIN && w->offset + page - w->gpa == (byte & ~0xFFFu)) ||
             (w->kind == WINDOW_TEXT && text_offset(byte, &at) && page - w->gpa == (at & ~0xFFFu))))
            return true;
    }
    return false;
}
