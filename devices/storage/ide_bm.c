/*
 * Bus master of the IDE function: moves the drives' data through a list of memory regions.
 *
 *   BAR4 + 0/8  BMIC    start, direction       A descriptor is 8 bytes:
 *   BAR4 + 2/A  BMIS    active, error, irq       0  address (bit 0 is 0)
 *   BAR4 + 4/C  BMIDTP  descriptor table         4  byte count (bit 0 is 0, 0 means 64K)
 *                                                7  bit 7: the last one
 *
 * Source: SFF-8038i r1.0, "Programming Interface for Bus Master IDE Controller"; Intel 82371SB
 * (PIIX3) data sheet, "Bus Master IDE Registers".
 * A list is walked no further than the drive has data, so its length costs nothing.
 * Not modelled: target and master aborts; a region that is no memory reads as ones.
 */
#include "devices/storage/ide_private.h"

#include "base/bytes.h"
#include "mmu/bus.h"

enum { BMIC_START = 0x01, BMIC_TO_MEMORY = 0x08 };
enum { BMIS_ACTIVE = 0x01, BMIS_ERROR = 0x02, BMIS_INTERRUPT = 0x04, BMIS_DMA_CAPABLE = 0x60 };
enum { PRD_BYTES = 8, PRD_LAST = 0x80 };

static bool bm_can_run(const struct ide *ide, const struct ide_bm *bm)
{
    return bm->active && get_le16(ide->pci.config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

static void bm_fetch(struct ide *ide, struct ide_bm *bm)
{
    u8 prd[PRD_BYTES];
    u32 count;

    bus_dma_read(ide->bus, bm->current, prd, sizeof prd);
    bm->current += PRD_BYTES;
    bm->address = get_le32(prd) & ~1u;
    count = get_le16(prd + 4) & ~1u;
    bm->left = count ? count : 0x10000;
    bm->last = prd[7] & PRD_LAST;
}

u32 ide_bm_move(struct ide_channel *ch, u8 *data, u32 len, bool to_memory)
{
    struct ide *ide = ch->ide;
    struct ide_bm *bm = &ch->bm;
    u32 done = 0, n;

    if (!bm_can_run(ide, bm) || !(bm->command & BMIC_TO_MEMORY) == to_memory)
        return 0;
    while (done < len && bm->active) {
        if (bm->left == 0)
            bm_fetch(ide, bm);
        n = (u32)min_u64(bm->left, len - done);
        if (to_memory)
            bus_dma_write(ide->bus, bm->address, data + done, n);
        else
            bus_dma_read(ide->bus, bm->address, data + done, n);
        done += n;
        bm->address += n;
        bm->left -= n;
        /* "Bus Master IDE Active" falls with the last byte of the last region. */
        if (bm->left == 0 && bm->last)
            bm->active = false;
    }
    return done;
}

static void bm_write_command(struct ide_channel *ch, u8 value)
{
    struct ide_bm *bm = &ch->bm;
    bool start = !(bm->command & BMIC_START) && value & BMIC_START;
    unsigned i;

    bm->command = value & (BMIC_START | BMIC_TO_MEMORY);
    if (!(value & BMIC_START))
        bm->active = false;
    if (!start)
        return;
    bm->active = true;
    bm->current = bm->table;
    bm->left = 0;
    bm->last = false;
    for (i = 0; i < 2; i++)
        if (ch->drive[i].phase == PHASE_DMA)
            timer_set(&ch->drive[i].timer, clock_now(ch->ide->clock) + IDE_COMMAND_NS);
}

static u8 bm_read_byte(const struct ide_bm *bm, unsigned reg)
{
    switch (reg) {
    case 0: return bm->command;
    case 2: return bm->status | (bm->active ? BMIS_ACTIVE : 0);
    case 4:
    case 5:
    case 6:
    case 7: return (u8)(bm->table >> 8 * (reg - 4));
    default: return 0;
    }
}

static void bm_write_byte(struct ide_channel *ch, unsigned reg, u8 value)
{
    struct ide_bm *bm = &ch->bm;
    unsigned shift;

    switch (reg) {
    case 0: bm_write_command(ch, value); break;
    case 2:
        bm->status &= (u8)~BMIS_DMA_CAPABLE;
        bm->status |= value & BMIS_DMA_CAPABLE;
        bm->status &= (u8) ~(value & (BMIS_INTERRUPT | BMIS_ERROR));
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        shift = 8 * (reg - 4);
        bm->table = (bm->table & ~(0xFFu << shift)) | (u32)value << shift;
        bm->table &= ~3u;
        break;
    default: break;
    }
}

static u32 bm_read(void *opaque, u16 port)
{
    struct ide *ide = opaque;

    return bm_read_byte(&ide->channel[port >> 3 & 1].bm, port & 7);
}

static void bm_write(void *opaque, u16 port, u32 value)
{
    struct ide *ide = opaque;

    bm_write_byte(&ide->channel[port >> 3 & 1], port & 7, (u8)value);
}

static const struct port_ops bm_ports = {
    .width = 1,
    .read = bm_read,
    .write = bm_write,
};

void ide_bm_map(struct ide *ide, u64 old, u64 now)
{
    if (old != PCI_BAR_UNMAPPED)
        bus_unmap_ports(ide->bus, (u16)old, IDE_BM_PORTS, &bm_ports, ide);
    if (now != PCI_BAR_UNMAPPED)
        bus_map_ports(ide->bus, (u16)now, IDE_BM_PORTS, &bm_ports, ide);
}

void ide_bm_note_interrupt(struct ide_bm *bm)
{
    bm->status |= BMIS_INTERRUPT;
}

void ide_bm_state(struct ide_bm *bm, struct state *s)
{
    state_u8(s, "bm_command", &bm->command);
    state_u8(s, "bm_status", &bm->status);
    state_bool(s, "bm_active", &bm->active);
    state_u32(s, "bm_table", &bm->table);
    state_u32(s, "bm_current", &bm->current);
    state_u32(s, "bm_address", &bm->address);
    state_u32(s, "bm_left", &bm->left);
    state_bool(s, "bm_last", &bm->last);
    state_require(s, bm->left <= 0x10000, "ide: a memory region is too long");
}
