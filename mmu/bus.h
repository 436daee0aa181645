/*
 * What chips see of the machine: I/O ports, memory they answer for, memory they master (DMA).
 *
 * Ports: a chip claims a range and gives the widest access it takes; the bus splits wider ones,
 * low byte first, and gives narrower ones as they are (a chip of width 4 sees 1, 2 and 4 byte
 * accesses through `size`). Unclaimed ports read all ones and ignore writes.
 */
#ifndef MMU_BUS_H
#define MMU_BUS_H

#include "base/types.h"
#include "mmu/irq.h"

struct bus;
struct physmap;

struct port_ops {
    u8 width; /* widest access in bytes: 1, 2 or 4 */
    /* Either the plain pair, for chips of width 1 ... */
    u32 (*read)(void *opaque, u16 port);
    void (*write)(void *opaque, u16 port, u32 value);
    /* ... or the sized pair (size 1, 2 or 4; never above width). */
    u32 (*read_sized)(void *opaque, u16 port, unsigned size);
    void (*write_sized)(void *opaque, u16 port, u32 value, unsigned size);
    /*
     * String I/O, optional: move `count` elements of `size` bytes between the port and `data`;
     * return how many were moved (the bus does the rest one by one). All of them happen at the
     * moment of the first, so the chip takes only accesses whose time does not matter: an access
     * that starts something, like the last one of a block, is left to be done by itself.
     */
    unsigned (*read_many)(void *opaque, u16 port, void *data, unsigned size, unsigned count);
    unsigned (*write_many)(void *opaque, u16 port, const void *data, unsigned size, unsigned count);
};

/*
 * Claim `count` ports from `port`. The chip that claims last wins, and unmapping uncovers what was
 * there before; that is how PCI BARs move. ops must be static.
 */
void bus_map_ports(struct bus *bus, u16 port, u32 count, const struct port_ops *ops, void *opaque);
void bus_unmap_ports(struct bus *bus, u16 port, u32 count, const struct port_ops *ops,
                     void *opaque);

/* As the processor does: size 1, 2 or 4. */
u32 bus_in(struct bus *bus, u16 port, unsigned size);
void bus_out(struct bus *bus, u16 port, unsigned size, u32 value);
/* String I/O of `count` elements of `size` bytes; returns the number moved, at least 1. */
unsigned bus_in_many(struct bus *bus, u16 port, void *data, unsigned size, unsigned count);
unsigned bus_out_many(struct bus *bus, u16 port, const void *data, unsigned size, unsigned count);

/*
 * Memory that a chip answers for. `offset` counts from the start of the mapping; size is 1, 2, 4
 * or 8, never crosses `width` alignment (the bus splits), value in the low bits.
 */
struct mmio_ops {
    u8 width; /* widest access in bytes: 1, 2, 4 or 8 */
    /*
     * A kind of memory: an access raises no interrupt, moves no deadline, asks for no time and maps
     * nothing, and a read twice in a row is as good as one. Engines take a shorter way then.
     */
    bool memory;
    u64 (*read)(void *opaque, u64 offset, unsigned size);
    void (*write)(void *opaque, u64 offset, u64 value, unsigned size);
};

/* Map chip registers at [gpa, gpa+len), whole pages; the last mapping wins, unmapping uncovers. */
void bus_map_mmio(struct bus *bus, u64 gpa, u64 len, const struct mmio_ops *ops, void *opaque);
void bus_unmap_mmio(struct bus *bus, u64 gpa, u64 len, const struct mmio_ops *ops, void *opaque);

/* DMA: move bytes between guest-physical memory and `data`; holes read as ones, swallow writes. */
void bus_dma_read(struct bus *bus, u64 gpa, void *data, size_t len);
void bus_dma_write(struct bus *bus, u64 gpa, const void *data, size_t len);

/*
 * Video memory and other RAM on a card: `len` bytes (whole pages) of backing store that stays put
 * in host memory, is part of the machine's saved state, and can be mapped at any address, several
 * times or not at all. Freed with the bus.
 */
struct vram;
struct vram *bus_new_vram(struct bus *bus, const char *name, size_t len);
u8 *vram_host(struct vram *v);
/* Show [offset, offset+len) of it as plain memory at gpa (whole pages). */
void bus_map_vram(struct bus *bus, u64 gpa, struct vram *v, size_t offset, size_t len);
void bus_unmap_vram(struct bus *bus, u64 gpa, struct vram *v, size_t offset, size_t len);
/* Show it as read-only memory: expansion ROMs. Unmapped by bus_unmap_vram. */
void bus_map_rom(struct bus *bus, u64 gpa, struct vram *v, size_t offset, size_t len);
/*
 * Dirty pages since the last call: sets bit n%64 of word n/64 of `bits` for each page n written by
 * the guest, and forgets them. `bits` holds (len/4096 + 63) / 64 words. A chip that writes through
 * vram_host itself calls vram_mark.
 */
void vram_take_dirty(struct vram *v, u64 *bits);
void vram_mark(struct vram *v, size_t offset, size_t len);

struct bus *bus_new(struct physmap *pm);
void bus_free(struct bus *bus);
struct physmap *bus_physmap(struct bus *bus);

#endif
