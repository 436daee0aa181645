/*
 * The bus as chips see it; see bus.h. Port claims are kept in the order they were made, and a
 * table holds the topmost one for every port.
 */
#include "mmu/bus.h"

#include "base/types.h"
#include "mmu/physmap.h"

#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536, MAX_CLAIMS = 512, MAX_VRAMS = 16 };

struct claim {
    u16 port;
    u32 count;
    const struct port_ops *ops;
    void *opaque;
};

struct vram {
    struct bus *bus;
    frame_id first;
    size_t len;
};

struct bus {
    struct physmap *pm;
    const struct claim *at[PORTS];
    struct claim *claims[MAX_CLAIMS];
    unsigned claim_count;
    struct vram *vrams[MAX_VRAMS];
    unsigned vram_count;
};

struct bus *bus_new(struct physmap *pm)
{
    struct bus *b = calloc(1, sizeof *b);

    if (b)
        b->pm = pm;
    return b;
}

void bus_free(struct bus *b)
{
    if (!b)
        return;
    for (unsigned i = 0; i < b->claim_count; i++)
        free(b->claims[i]);
    for (unsigned i = 0; i < b->vram_count; i++)
        free(b->vrams[i]);
    free(b);
}

struct physmap *bus_physmap(struct bus *b)
{
    return b->pm;
}

/* ---- Ports ---- */

static void repaint_ports(struct bus *b, u16 port, u32 count)
{
    for (u32 p = port; p < port + count && p < PORTS; p++) {
        b->at[p] = NULL;
        for (unsigned i = b->claim_count; i-- > 0 && !b->at[p];)
            if (p >= b->claims[i]->port && p - b->claims[i]->port < b->claims[i]->count)
                b->at[p] = b->claims[i];
    }
}

void bus_map_ports(struct bus *b, u16 port, u32 count, const struct port_ops *ops, void *opaque)
{
    struct claim *c = malloc(sizeof *c);

    assert(c && b->claim_count < MAX_CLAIMS);
    *c = (struct claim){port, count, ops, opaque};
    b->claims[b->claim_count++] = c;
    repaint_ports(b, port, count);
}

void bus_unmap_ports(struct bus *b, u16 port, u32 count, const struct port_ops *ops, void *opaque)
{
    for (unsigned i = b->claim_count; i-- > 0;) {
        struct claim *c = b->claims[i];

        if (c->port != port || c->count != count || c->ops != ops || c->opaque != opaque)
            continue;
        memmove(&b->claims[i], &b->claims[i + 1], (b->claim_count - i - 1) * sizeof b->claims[0]);
        b->claim_count--;
        repaint_ports(b, port, count);
        free(c);
        return;
    }
}

static u32 ones(unsigned size)
{
    return size == 4 ? 0xFFFFFFFF : (1u << size * 8) - 1;
}

static u32 claim_read(const struct claim *c, u16 port, unsigned size)
{
    u32 v = c->ops->read_sized ? c->ops->read_sized(c->opaque, port, size)
            : c->ops->read     ? c->ops->read(c->opaque, port)
                               : 0xFFFFFFFF;

    return v & ones(size);
}

static void claim_write(const struct claim *c, u16 port, unsigned size, u32 value)
{
    if (c->ops->write_sized)
        c->ops->write_sized(c->opaque, port, value & ones(size), size);
    else if (c->ops->write)
        c->ops->write(c->opaque, port, value & ones(size));
}

/* The whole access belongs to one claim that takes this width. */
static bool takes(const struct claim *c, u16 port, unsigned size)
{
    return size <= c->ops->width && (u32)(port - c->port) + size <= c->count;
}

u32 bus_in(struct bus *b, u16 port, unsigned size)
{
    const struct claim *c = b->at[port];
    u32 value;

    if (c && takes(c, port, size))
        return claim_read(c, port, size);
    if (size == 1)
        return c ? claim_read(c, port, 1) : 0xFF;
    value = bus_in(b, port, size / 2);
    return value | bus_in(b, (u16)(port + size / 2), size / 2) << size * 4;
}

void bus_out(struct bus *b, u16 port, unsigned size, u32 value)
{
    const struct claim *c = b->at[port];

    if (c && takes(c, port, size)) {
        claim_write(c, port, size, value);
    } else if (size == 1) {
        if (c)
            claim_write(c, port, 1, value);
    } else {
        bus_out(b, port, size / 2, value & ones(size / 2));
        bus_out(b, (u16)(port + size / 2), size / 2, value >> size * 4);
    }
}

unsigned bus_in_many(struct bus *b, u16 port, void *data, unsigned size, unsigned count)
{
    const struct claim *c = b->at[port];
    unsigned done = 0;
    u32 v;

    if (c && c->ops->read_many && takes(c, port, size))
        done = c->ops->read_many(c->opaque, port, data, size, count);
    if (done)
        return done;
    v = bus_in(b, port, size);
    memcpy(data, &v, size);
    return 1;
}

unsigned bus_out_many(struct bus *b, u16 port, const void *data, unsigned size, unsigned count)
{
    const struct claim *c = b->at[port];
    unsigned done = 0;
    u32 v = 0;

    if (c && c->ops->write_many && takes(c, port, size))
        done = c->ops->write_many(c->opaque, port, data, size, count);
    if (done)
        return done;
    memcpy(&v, data, size);
    bus_out(b, port, size, v);
    return 1;
}

/* ---- Memory ---- */

void bus_map_mmio(struct bus *b, u64 gpa, u64 len, const struct mmio_ops *ops, void *opaque)
{
    physmap_map_mmio(b->pm, gpa, len, ops, opaque);
}

void bus_unmap_mmio(struct bus *b, u64 gpa, u64 len, const struct mmio_ops *ops, void *opaque)
{
    physmap_unmap_mmio(b->pm, gpa, len, ops, opaque);
}

void bus_dma_read(struct bus *b, u64 gpa, void *data, size_t len)
{
    physmap_read(b->pm, gpa, data, len);
}

void bus_dma_write(struct bus *b, u64 gpa, const void *data, size_t len)
{
    physmap_write(b->pm, gpa, data, len);
}

struct vram *bus_new_vram(struct bus *b, const char *name, size_t len)
{
    struct vram *v = calloc(1, sizeof *v);

    if (!v || b->vram_count == MAX_VRAMS) {
        free(v);
        return NULL;
    }
    v->bus = b;
    v->len = len;
    v->first = physmap_new_frames(b->pm, name, len, FRAME_TRACK);
    if (!v->first) {
        free(v);
        return NULL;
    }
    b->vrams[b->vram_count++] = v;
    return v;
}

u8 *vram_host(struct vram *v)
{
    return frame_host(physmap_frame(v->bus->pm, v->first));
}

void bus_map_vram(struct bus *b, u64 gpa, struct vram *v, size_t offset, size_t len)
{
    physmap_map_frames(b->pm, gpa, len, v->first + (frame_id)(offset >> PAGE_SHIFT), true);
}

void bus_unmap_vram(struct bus *b, u64 gpa, struct vram *v, size_t offset, size_t len)
{
    physmap_unmap_frames(b->pm, gpa, len, v->first + (frame_id)(offset >> PAGE_SHIFT));
}

void bus_map_rom(struct bus *b, u64 gpa, struct vram *v, size_t offset, size_t len)
{
    physmap_map_frames(b->pm, gpa, len, v->first + (frame_id)(offset >> PAGE_SHIFT), false);
}

void vram_take_dirty(struct vram *v, u64 *bits)
{
    physmap_take_dirty(v->bus->pm, DIRTY_DISPLAY, v->first, (u32)(v->len >> PAGE_SHIFT), bits);
}

void vram_mark(struct vram *v, size_t offset, size_t len)
{
    while (len) {
        size_t n = PAGE_SIZE - (offset & PAGE_MASK);

        n = len < n ? len : n;
        physmap_frame_written(v->bus->pm, v->first + (frame_id)(offset >> PAGE_SHIFT),
                              offset & PAGE_MASK, (u32)n);
        offset += n;
        len -= n;
    }
}
