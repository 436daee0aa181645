/*
 * fw_cfg: an emulator's mailbox for its firmware. A key selects an item; the data port gives its
 * bytes one after the other, zeros past its end; the DMA port moves many at once.
 * Source: QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device".
 *
 *   510h  selector, 16 bits, write only        511h  data, 8 bits
 *   514h  DMA address, high half, big endian   518h  low half; writing it starts the transfer
 *
 *   A transfer is described in memory, big endian: control (31:16 key | 4 write | 3 select |
 *   2 skip | 1 read | 0 error), length, 64-bit address. Done: control is 0 or just the error bit.
 *
 * Not modelled: items that the guest can write; a DMA write reports an error, and the data port
 * ignores writes, as the specification has it since version 2.4.
 */
#include "devices/chipset/fwcfg.h"

#include "base/bytes.h"
#include "devices/device.h"
#include "mmu/bus.h"

#include <stdlib.h>
#include <string.h>

enum {
    PORT_SELECTOR = 0x510,
    PORT_DATA = 0x511,
    PORT_DMA = 0x514,
    DMA_BYTES = 8,

    ID_TRADITIONAL = 1,
    ID_DMA = 2,

    DMA_ERROR = 1,
    DMA_READ = 2,
    DMA_SKIP = 4,
    DMA_SELECT = 8,
    DMA_WRITE = 16,

    DIR_ENTRY = 64, /* size, key, reserved, name */
    CHUNK = 4096,
    /* Zeros that one transfer may store past an item's end: a guest must not buy 4 GiB for 8 bytes.
     */
    PADDING_MAX = 1 << 20,
};

struct fwcfg_item {
    u16 key;
    u32 len;
    u8 *data;
};

struct fwcfg {
    struct device dev;

    /* Wiring. */
    struct bus *bus;
    struct fwcfg_item *items;
    unsigned count;

    /* Guest state. */
    u16 key;           /* selected */
    u32 offset;        /* of the next byte; at most the item's length */
    u8 dma[DMA_BYTES]; /* address register as last written, big endian */
};

static struct fwcfg_item *fwcfg_find(struct fwcfg *d, u16 key)
{
    unsigned i;

    for (i = 0; i < d->count; i++)
        if (d->items[i].key == key)
            return &d->items[i];
    return NULL;
}

static u32 fwcfg_rest(struct fwcfg *d)
{
    const struct fwcfg_item *item = fwcfg_find(d, d->key);

    return item ? item->len - d->offset : 0;
}

/* The next len bytes of the selected item, zeros past its end. */
static void fwcfg_take(struct fwcfg *d, u8 *out, u32 len)
{
    const struct fwcfg_item *item = fwcfg_find(d, d->key);
    u32 have = (u32)min_u64(len, fwcfg_rest(d));

    if (have)
        memcpy(out, item->data + d->offset, have);
    memset(out + have, 0, len - have);
    d->offset += have;
}

static void fwcfg_select(struct fwcfg *d, u16 key)
{
    d->key = key;
    d->offset = 0;
}

static u32 fwcfg_read(void *opaque, u16 port, unsigned size)
{
    u8 byte = 0;

    if (port == PORT_DATA)
        fwcfg_take(opaque, &byte, 1);
    return byte;
}

static unsigned fwcfg_read_many(void *opaque, u16 port, void *data, unsigned size, unsigned count)
{
    if (port != PORT_DATA || size != 1)
        return 0;
    fwcfg_take(opaque, data, count);
    return count;
}

static void fwcfg_write(void *opaque, u16 port, u32 value, unsigned size)
{
    if (port == PORT_SELECTOR && size == 2)
        fwcfg_select(opaque, (u16)value);
}

static u32 get_be32(const u8 *p)
{
    return __builtin_bswap32(get_le32(p));
}

static void put_be32(u8 *p, u32 v)
{
    put_le32(p, __builtin_bswap32(v));
}

/* Store the next len bytes at gpa; false if that is far more than there is. */
static bool fwcfg_dma_read(struct fwcfg *d, u64 gpa, u32 len)
{
    u8 chunk[CHUNK];

    if (len > (u64)fwcfg_rest(d) + PADDING_MAX) {
        dev_guest(&d->dev, "DMA of %u bytes from item %04Xh refused: it has %u", len, d->key,
                  fwcfg_rest(d));
        return false;
    }
    while (len) {
        u32 n = (u32)min_u64(len, sizeof chunk);

        fwcfg_take(d, chunk, n);
        bus_dma_write(d->bus, gpa, chunk, n);
        gpa += n;
        len -= n;
    }
    return true;
}

static void fwcfg_transfer(struct fwcfg *d, u64 descriptor)
{
    u8 raw[16];
    u8 status[4];
    u32 control, len;
    bool ok = true;

    bus_dma_read(d->bus, descriptor, raw, sizeof raw);
    control = get_be32(raw);
    len = get_be32(raw + 4);
    if (control & DMA_SELECT)
        fwcfg_select(d, (u16)(control >> 16));
    if (control & DMA_READ)
        ok = fwcfg_dma_read(d, (u64)get_be32(raw + 8) << 32 | get_be32(raw + 12), len);
    else if (control & DMA_WRITE)
        ok = false;
    else if (control & DMA_SKIP)
        d->offset += (u32)min_u64(len, fwcfg_rest(d));
    put_be32(status, ok ? 0 : DMA_ERROR);
    bus_dma_write(d->bus, descriptor, status, sizeof status);
}

/* The register reads as its own signature, which is how firmware finds it. */
static u32 fwcfg_dma_port_read(void *opaque, u16 port, unsigned size)
{
    static const u8 signature[DMA_BYTES] = "QEMU CFG";
    u32 value = 0;
    unsigned i;

    for (i = 0; i < size && port - PORT_DMA + i < DMA_BYTES; i++)
        value |= (u32)signature[port - PORT_DMA + i] << 8 * i;
    return value;
}

static void fwcfg_dma_port_write(void *opaque, u16 port, u32 value, unsigned size)
{
    struct fwcfg *d = opaque;
    u64 address;
    unsigned i;

    for (i = 0; i < size && port - PORT_DMA + i < DMA_BYTES; i++)
        d->dma[port - PORT_DMA + i] = (u8)(value >> 8 * i);
    if (port - PORT_DMA + size != DMA_BYTES)
        return;
    address = (u64)get_be32(d->dma) << 32 | get_be32(d->dma + 4);
    memset(d->dma, 0, sizeof d->dma); /* firmware below 4 GiB writes the low half alone */
    fwcfg_transfer(d, address);
}

static void fwcfg_reset(struct device *dev)
{
    struct fwcfg *d = (struct fwcfg *)dev;

    fwcfg_select(d, FWCFG_SIGNATURE);
    memset(d->dma, 0, sizeof d->dma);
}

static void fwcfg_state(struct device *dev, struct state *s)
{
    struct fwcfg *d = (struct fwcfg *)dev;
    const struct fwcfg_item *item;

    state_u16(s, "key", &d->key);
    state_u32(s, "offset", &d->offset);
    state_bytes(s, "dma", d->dma, sizeof d->dma);
    item = fwcfg_find(d, d->key);
    state_require(s, d->offset <= (item ? item->len : 0), "fwcfg: offset is past the item's end");
}

static void fwcfg_destroy(struct device *dev)
{
    struct fwcfg *d = (struct fwcfg *)dev;
    unsigned i;

    for (i = 0; i < d->count; i++)
        free(d->items[i].data);
    free(d->items);
    device_free(dev);
}

static const struct device_class fwcfg_class = {
    .name = "fwcfg",
    .version = 1,
    .reset = fwcfg_reset,
    .state = fwcfg_state,
    .destroy = fwcfg_destroy,
};

static const struct port_ops fwcfg_ports = {
    .width = 2,
    .read_sized = fwcfg_read,
    .write_sized = fwcfg_write,
    .read_many = fwcfg_read_many,
};

static const struct port_ops fwcfg_dma_ports = {
    .width = 4,
    .read_sized = fwcfg_dma_port_read,
    .write_sized = fwcfg_dma_port_write,
};

static void *fwcfg_grow(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (!p)
        abort();
    return p;
}

static struct fwcfg_item *fwcfg_item_at(struct fwcfg *d, u16 key)
{
    struct fwcfg_item *item = fwcfg_find(d, key);

    if (item)
        return item;
    d->items = fwcfg_grow(d->items, (d->count + 1) * sizeof *d->items);
    item = &d->items[d->count++];
    *item = (struct fwcfg_item){.key = key};
    return item;
}

void fwcfg_add_bytes(struct device *dev, u16 key, const void *data, u32 len)
{
    struct fwcfg_item *item = fwcfg_item_at((struct fwcfg *)dev, key);

    item->data = fwcfg_grow(item->data, len ? len : 1);
    item->len = len;
    if (len)
        memcpy(item->data, data, len);
}

void fwcfg_add_u16(struct device *dev, u16 key, u16 value)
{
    u8 raw[2];

    put_le16(raw, value);
    fwcfg_add_bytes(dev, key, raw, sizeof raw);
}

void fwcfg_add_u32(struct device *dev, u16 key, u32 value)
{
    u8 raw[4];

    put_le32(raw, value);
    fwcfg_add_bytes(dev, key, raw, sizeof raw);
}

void fwcfg_add_u64(struct device *dev, u16 key, u64 value)
{
    u8 raw[8];

    put_le64(raw, value);
    fwcfg_add_bytes(dev, key, raw, sizeof raw);
}

/* The directory is an item like any other: a count, then an entry for each file. */
static u8 *directory_entry(struct fwcfg *d, const char *name)
{
    struct fwcfg_item *dir = fwcfg_find(d, FWCFG_FILE_DIR);
    u32 files = get_be32(dir->data);
    u8 *entry;
    u32 i;

    for (i = 0; i < files; i++) {
        entry = dir->data + 4 + i * DIR_ENTRY;
        if (strcmp((const char *)entry + 8, name) == 0)
            return entry;
    }
    dir->data = fwcfg_grow(dir->data, dir->len + DIR_ENTRY);
    entry = dir->data + dir->len;
    dir->len += DIR_ENTRY;
    put_be32(dir->data, files + 1);
    memset(entry, 0, DIR_ENTRY);
    entry[4] = (u8)((FWCFG_FILE_FIRST + files) >> 8);
    entry[5] = (u8)(FWCFG_FILE_FIRST + files);
    memcpy(entry + 8, name, strlen(name));
    return entry;
}

void fwcfg_add_file(struct device *dev, const char *name, const void *data, u32 len)
{
    struct fwcfg *d = (struct fwcfg *)dev;
    u8 *entry;

    assert(strlen(name) < FWCFG_FILE_NAME);
    entry = directory_entry(d, name);
    put_be32(entry, len);
    fwcfg_add_bytes(dev, (u16)(entry[4] << 8 | entry[5]), data, len);
}

struct device *fwcfg_create(struct bus *bus)
{
    struct fwcfg *d = device_new(&fwcfg_class, sizeof *d);

    d->bus = bus;
    fwcfg_add_bytes(&d->dev, FWCFG_SIGNATURE, "QEMU", 4);
    fwcfg_add_u32(&d->dev, FWCFG_ID, ID_TRADITIONAL | ID_DMA);
    fwcfg_add_u32(&d->dev, FWCFG_FILE_DIR, 0); /* no files yet */
    bus_map_ports(bus, PORT_SELECTOR, 2, &fwcfg_ports, d);
    bus_map_ports(bus, PORT_DMA, DMA_BYTES, &fwcfg_dma_ports, d);
    return &d->dev;
}
