/*
 * DMA controllers: two 8237A. The first moves bytes on channels 0..3; the second moves words on
 * 5..7 and carries the first on its channel 4 (cascade). Page registers give address bits 16..23.
 *
 *   00h..0Fh    first controller     C0h..DFh   second, a register at every second port
 *   81h 82h 83h 87h 89h 8Ah 8Bh 8Fh  pages of channels 2 3 1 0 6 7 5 4; the other ports of
 *   80h..8Fh are plain storage, 80h also being where POST codes go
 *
 * A chip says when it has bytes to move and how many (dma_transfer); single, block and demand mode
 * differ only in how long the controller holds the bus, which nobody can see here.
 *
 * Sources: Intel 8237A data sheet ("DMA Operation", "Register Description", "Software Commands");
 * IBM AT Technical Reference, "System Board: Direct Memory Access" (pages, word channels).
 * Kept without effect: bus timing, priority rotation, DREQ and DACK polarity. Not modelled: status
 * bits of DREQ pins, since a chip here asks only when it can be served; software requests show.
 */
#include "devices/chipset/dma.h"

#include "devices/device.h"
#include "mmu/bus.h"

#include <stdio.h>
#include <string.h>

enum {
    DMA_PORT_1 = 0x00,
    DMA_PORT_2 = 0xC0,
    DMA_PAGE_PORT = 0x80,
    CASCADE_CHANNEL = 4,

    REG_STATUS_COMMAND = 8,
    REG_REQUEST = 9,
    REG_MASK_BIT = 10,
    REG_MODE = 11,
    REG_CLEAR_FLIP_FLOP = 12,
    REG_TEMPORARY_MASTER_CLEAR = 13,
    REG_CLEAR_MASK = 14,
    REG_MASK = 15,

    COMMAND_MEMORY_TO_MEMORY = 0x01,
    COMMAND_CHANNEL_0_HOLD = 0x02,
    COMMAND_DISABLE = 0x04,

    MODE_TRANSFER = 0x0C,
    MODE_WRITE = 0x04, /* to memory */
    MODE_READ = 0x08,
    MODE_AUTOINIT = 0x10,
    MODE_DECREMENT = 0x20,
    MODE_SELECT = 0xC0,
    MODE_BLOCK = 0x80,
    MODE_CASCADE = 0xC0,
};

/* Which page register belongs to a channel. */
static const u8 page_of_channel[8] = {0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA};

struct dma_channel {
    u16 base_address, base_count;
    u16 address, count; /* count is one less than what is still to do */
    u8 mode;            /* without the channel bits */
};

struct dma_chip {
    struct dma_channel channel[4];
    u8 command;
    u8 request; /* software requests, one bit a channel */
    u8 mask;
    u8 terminal; /* TC reached since the status was read */
    u8 temporary;
    bool high_byte; /* the first/last flip-flop */
};

struct dma {
    struct device dev;

    /* Wiring. */
    struct bus *bus;

    /* Guest state. */
    struct dma_chip chip[2];
    u8 page[16];
};

/* --- transfers --------------------------------------------------------------------------------*/

static struct dma_channel *dma_channel(struct dma *d, unsigned n)
{
    return &d->chip[n >> 2].channel[n & 3];
}

/* Bytes a transfer cycle moves. */
static unsigned dma_unit(unsigned n)
{
    return n < CASCADE_CHANNEL ? 1 : 2;
}

/* Word channels drive A1..A16 from the address register; the page's lowest bit is not used. */
static u64 dma_gpa(const struct dma *d, unsigned n, u16 address)
{
    u64 page = d->page[page_of_channel[n]];

    if (n < CASCADE_CHANNEL)
        return page << 16 | address;
    return (page & 0xFE) << 16 | (u64)address << 1;
}

static bool chip_serves(const struct dma_chip *c, unsigned n)
{
    return !(c->command & COMMAND_DISABLE) && !(c->mask & 1u << n);
}

/* The first controller reaches the bus through channel 4 of the second, set up for cascade. */
static bool dma_has_bus(const struct dma *d, unsigned n)
{
    return n > CASCADE_CHANNEL || (chip_serves(&d->chip[1], 0) &&
                                   (d->chip[1].channel[0].mode & MODE_SELECT) == MODE_CASCADE);
}

bool dma_is_ready(const struct device *dma, unsigned n)
{
    const struct dma *d = (const struct dma *)dma;
    const struct dma_chip *c = &d->chip[n >> 2];

    assert(n < 8 && n != CASCADE_CHANNEL);
    /* In cascade mode the channel only passes the bus on to another master. */
    return chip_serves(c, n & 3) && (c->channel[n & 3].mode & MODE_SELECT) != MODE_CASCADE &&
           dma_has_bus(d, n);
}

/* Memory cycles for `units` transfers from the channel's current address; it wraps at its page. */
static void dma_move(struct dma *d, unsigned n, u8 *data, u32 units, bool to_memory)
{
    struct dma_channel *c = dma_channel(d, n);
    u16 address = c->address;
    unsigned unit = dma_unit(n);
    u32 run;

    while (units) {
        run = c->mode & MODE_DECREMENT ? 1 : 0x10000u - address;
        if (run > units)
            run = units;
        if (to_memory)
            bus_dma_write(d->bus, dma_gpa(d, n, address), data, run * unit);
        else
            bus_dma_read(d->bus, dma_gpa(d, n, address), data, run * unit);
        data += run * unit;
        units -= run;
        address = (u16)(c->mode & MODE_DECREMENT ? address - 1u : address + run);
    }
}

static void channel_reload(struct dma_channel *c)
{
    c->address = c->base_address;
    c->count = c->base_count;
}

/* The end of a block: what TC does inside the controller. */
static void dma_terminal_count(struct dma *d, unsigned n)
{
    struct dma_chip *c = &d->chip[n >> 2];
    u8 bit = (u8)(1u << (n & 3));

    c->terminal |= bit;
    c->request &= (u8)~bit;
    if (c->channel[n & 3].mode & MODE_AUTOINIT)
        channel_reload(&c->channel[n & 3]);
    else
        c->mask |= bit;
}

/* Account for `units` cycles (at most count + 1); true if the last one was the terminal count. */
static bool dma_count(struct dma *d, unsigned n, u32 units)
{
    struct dma_channel *c = dma_channel(d, n);
    bool done = units == c->count + 1u;

    c->address = (u16)(c->mode & MODE_DECREMENT ? c->address - units : c->address + units);
    c->count = (u16)(c->count - units);
    if (done)
        dma_terminal_count(d, n);
    return done;
}

size_t dma_transfer(struct device *dma, unsigned n, u8 *data, size_t len, bool to_memory,
                    bool *terminal_count)
{
    struct dma *d = (struct dma *)dma;
    struct dma_channel *c = dma_channel(d, n);
    u32 units;

    *terminal_count = false;
    if (!dma_is_ready(dma, n) || len < dma_unit(n))
        return 0;
    units = (u32)min_u64(len / dma_unit(n), c->count + 1u);
    if ((c->mode & MODE_TRANSFER) == (to_memory ? MODE_WRITE : MODE_READ))
        dma_move(d, n, data, units, to_memory);
    *terminal_count = dma_count(d, n, units);
    return units * dma_unit(n);
}

static size_t port_transfer(void *opaque, unsigned channel, u8 *data, size_t len, bool to_memory,
                            bool *terminal_count)
{
    return dma_transfer(opaque, channel, data, len, to_memory, terminal_count);
}

struct dma_port dma_port(struct device *dma, unsigned channel)
{
    assert(channel < 8 && channel != CASCADE_CHANNEL);
    return (struct dma_port){.transfer = port_transfer, .opaque = dma, .channel = channel};
}

/* --- software requests ------------------------------------------------------------------------*/

/* "Memory-to-Memory": channel 0 reads, channel 1 writes until its own terminal count. */
static void dma_memory_to_memory(struct dma *d)
{
    struct dma_chip *c = &d->chip[0];
    struct dma_channel *from = &c->channel[0];
    u16 address;
    bool done;

    do {
        bus_dma_read(d->bus, dma_gpa(d, 0, from->address), &c->temporary, 1);
        dma_move(d, 1, &c->temporary, 1, true);
        /* Channel 0 running out sets no TC; it starts over if it was told to. */
        address = from->address;
        from->address = (u16)(from->mode & MODE_DECREMENT ? address - 1u : address + 1u);
        if (from->count-- == 0 && (from->mode & MODE_AUTOINIT))
            channel_reload(from);
        if (c->command & COMMAND_CHANNEL_0_HOLD)
            from->address = address;
        done = dma_count(d, 1, 1);
    } while (!done);
    c->request &= (u8)~1u;
}

/* A block without a device: nobody drives the data bus, so that memory is filled with ones. */
static void dma_float(struct dma *d, unsigned n)
{
    struct dma_channel *c = dma_channel(d, n);
    u8 ones[2] = {0xFF, 0xFF};
    bool done;

    do {
        if ((c->mode & MODE_TRANSFER) == MODE_WRITE)
            dma_move(d, n, ones, 1, true);
        done = dma_count(d, n, 1);
    } while (!done);
}

/* "Request Register": not maskable, and served in block mode only. */
static void dma_serve_requests(struct dma *d, unsigned chip)
{
    struct dma_chip *c = &d->chip[chip];
    unsigned i, n;

    if (c->command & COMMAND_DISABLE)
        return;
    for (i = 0; i < 4; i++) {
        n = chip * 4 + i;
        if (!(c->request & 1u << i) || n == CASCADE_CHANNEL || !dma_has_bus(d, n))
            continue;
        if (n == 0 && (c->command & COMMAND_MEMORY_TO_MEMORY))
            dma_memory_to_memory(d);
        else if ((c->channel[i].mode & MODE_SELECT) == MODE_BLOCK)
            dma_float(d, n);
    }
}

/* --- registers --------------------------------------------------------------------------------*/

static void set_byte(u16 *reg, bool high, u8 value)
{
    *reg = (u16)(high ? (*reg & 0x00FF) | value << 8 : (*reg & 0xFF00) | value);
}

/* Address and count are written to the base and the current register at once. */
static void chip_write_channel(struct dma_chip *c, unsigned reg, u8 value)
{
    struct dma_channel *ch = &c->channel[reg >> 1];

    set_byte(reg & 1 ? &ch->base_count : &ch->base_address, c->high_byte, value);
    set_byte(reg & 1 ? &ch->count : &ch->address, c->high_byte, value);
    c->high_byte = !c->high_byte;
}

static u8 chip_read_channel(struct dma_chip *c, unsigned reg)
{
    const struct dma_channel *ch = &c->channel[reg >> 1];
    u16 value = reg & 1 ? ch->count : ch->address;

    c->high_byte = !c->high_byte;
    return (u8)(c->high_byte ? value : value >> 8);
}

static void set_bit(u8 *bits, u8 value)
{
    u8 bit = (u8)(1u << (value & 3));

    *bits = value & 4 ? *bits | bit : *bits & (u8)~bit;
}

/* "Master Clear": as the reset pin. */
static void chip_clear(struct dma_chip *c)
{
    c->command = c->request = c->terminal = c->temporary = 0;
    c->high_byte = false;
    c->mask = 0x0F;
}

static void dma_write_reg(struct dma *d, unsigned chip, unsigned reg, u8 value)
{
    struct dma_chip *c = &d->chip[chip];

    switch (reg) {
    case REG_STATUS_COMMAND: c->command = value; break;
    case REG_REQUEST: set_bit(&c->request, value); break;
    case REG_MASK_BIT: set_bit(&c->mask, value); break;
    case REG_MODE: c->channel[value & 3].mode = value & 0xFC; break;
    case REG_CLEAR_FLIP_FLOP: c->high_byte = false; break;
    case REG_TEMPORARY_MASTER_CLEAR: chip_clear(c); break;
    case REG_CLEAR_MASK: c->mask = 0; break;
    case REG_MASK: c->mask = value & 0x0F; break;
    default: chip_write_channel(c, reg, value); return;
    }
    dma_serve_requests(d, chip);
}

static u8 dma_read_reg(struct dma *d, unsigned chip, unsigned reg)
{
    struct dma_chip *c = &d->chip[chip];
    u8 status;

    switch (reg) {
    case REG_STATUS_COMMAND:
        status = (u8)(c->request << 4 | c->terminal);
        c->terminal = 0;
        return status;
    case REG_TEMPORARY_MASTER_CLEAR: return c->temporary;
    /* Illegal on the 8237A; its successors show the mask, unused bits high (82374EB data sheet,
     * "DMA Mask Register"). */
    case REG_MASK: return 0xF0 | c->mask;
    case REG_REQUEST:
    case REG_MASK_BIT:
    case REG_MODE:
    case REG_CLEAR_FLIP_FLOP:
    case REG_CLEAR_MASK: return 0xFF;
    default: return chip_read_channel(c, reg);
    }
}

static u32 dma_read(void *opaque, u16 port)
{
    if (port < DMA_PORT_2)
        return dma_read_reg(opaque, 0, port);
    return dma_read_reg(opaque, 1, (port - DMA_PORT_2) >> 1);
}

static void dma_write(void *opaque, u16 port, u32 value)
{
    if (port < DMA_PORT_2)
        dma_write_reg(opaque, 0, port, (u8)value);
    else
        dma_write_reg(opaque, 1, (port - DMA_PORT_2) >> 1, (u8)value);
}

static u32 dma_page_read(void *opaque, u16 port)
{
    return ((struct dma *)opaque)->page[port - DMA_PAGE_PORT];
}

static void dma_page_write(void *opaque, u16 port, u32 value)
{
    ((struct dma *)opaque)->page[port - DMA_PAGE_PORT] = (u8)value;
}

/* --- device -----------------------------------------------------------------------------------*/

void dma_describe(const struct device *dev, char *out, size_t out_size)
{
    static const char *const ways[] = {"verifies", "to memory", "from memory", "undefined"};
    static const char *const kinds[] = {"demand", "single", "block", "cascade"};
    const struct dma *d = (const struct dma *)dev;
    size_t n = 0;

    for (unsigned i = 0; i < 8 && n < out_size; i++) {
        const struct dma_chip *chip = &d->chip[i >> 2];
        const struct dma_channel *c = &chip->channel[i & 3];
        bool masked = chip->mask >> (i & 3) & 1;

        n += (size_t)snprintf(out + n, out_size - n,
                              "channel %u: %s, %s, %s, at %06llx, %u %s left%s%s%s\n", i,
                              masked ? "masked" : "open", kinds[c->mode >> 6],
                              ways[c->mode >> 2 & 3], (unsigned long long)dma_gpa(d, i, c->address),
                              c->count + 1u, dma_unit(i) == 1 ? "bytes" : "words",
                              c->mode & MODE_AUTOINIT ? ", again and again" : "",
                              c->mode & MODE_DECREMENT ? ", downwards" : "",
                              chip->terminal >> (i & 3) & 1 ? ", has ended" : "");
    }
    if (n < out_size)
        snprintf(out + n, out_size - n, "controllers: %s, %s\n",
                 d->chip[0].command & COMMAND_DISABLE ? "off" : "on",
                 d->chip[1].command & COMMAND_DISABLE ? "off" : "on");
}

static void dma_reset(struct device *dev)
{
    struct dma *d = (struct dma *)dev;
    unsigned i;

    memset(d->chip, 0, sizeof d->chip);
    memset(d->page, 0, sizeof d->page);
    for (i = 0; i < 2; i++)
        chip_clear(&d->chip[i]);
}

static void chip_state(struct dma_chip *c, struct state *s)
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        state_u16(s, "base_address", &c->channel[i].base_address);
        state_u16(s, "base_count", &c->channel[i].base_count);
        state_u16(s, "address", &c->channel[i].address);
        state_u16(s, "count", &c->channel[i].count);
        state_u8(s, "mode", &c->channel[i].mode);
        state_require(s, !(c->channel[i].mode & 3), "dma: a mode holds a channel number");
    }
    state_u8(s, "command", &c->command);
    state_u8(s, "request", &c->request);
    state_u8(s, "mask", &c->mask);
    state_u8(s, "terminal", &c->terminal);
    state_u8(s, "temporary", &c->temporary);
    state_bool(s, "high_byte", &c->high_byte);
    state_require(s, c->request <= 15 && c->mask <= 15 && c->terminal <= 15,
                  "dma: a register names a fifth channel");
}

static void dma_state(struct device *dev, struct state *s)
{
    struct dma *d = (struct dma *)dev;
    unsigned i;

    for (i = 0; i < 2; i++)
        chip_state(&d->chip[i], s);
    state_bytes(s, "page", d->page, sizeof d->page);
}

static const struct device_class dma_class = {
    .name = "dma",
    .version = 1,
    .reset = dma_reset,
    .state = dma_state,
    .destroy = device_free,
};

static const struct port_ops dma_ports = {.width = 1, .read = dma_read, .write = dma_write};

static const struct port_ops dma_page_ports = {
    .width = 1,
    .read = dma_page_read,
    .write = dma_page_write,
};

struct device *dma_create(struct bus *bus)
{
    struct dma *d = device_new(&dma_class, sizeof *d);

    d->bus = bus;
    bus_map_ports(bus, DMA_PORT_1, 16, &dma_ports, d);
    bus_map_ports(bus, DMA_PORT_2, 32, &dma_ports, d);
    bus_map_ports(bus, DMA_PAGE_PORT, 16, &dma_page_ports, d);
    return &d->dev;
}
