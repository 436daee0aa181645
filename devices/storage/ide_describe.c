/* What the drives of an IDE adapter are doing, in words. Register bits: ATA-4, "Status register".
 */
#include "devices/storage/ide_private.h"

#include <stdarg.h>
#include <stdio.h>

struct words {
    char *out;
    size_t size, used;
};

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *w, const char *fmt, ...)
{
    va_list args;
    int n;

    if (w->used >= w->size)
        return;
    va_start(args, fmt);
    n = vsnprintf(w->out + w->used, w->size - w->used, fmt, args);
    va_end(args);
    w->used += n > 0 ? (size_t)n : 0;
}

static void add_bits(struct words *w, u8 value, const char *const names[8])
{
    for (unsigned i = 8; i-- > 0;)
        if (value >> i & 1)
            add(w, " %s", names[i]);
}

static void describe_drive(const struct ide_drive *d, struct words *w)
{
    static const char *const status[8] = {"ERR", "IDX", "CORR", "DRQ", "DSC", "DF", "DRDY", "BSY"};
    static const char *const error[8] = {"AMNF", "NM", "ABRT", "MCR", "IDNF", "MC", "UNC", "ICRC"};
    static const char *const phases[IDE_PHASES] = {
        [PHASE_IDLE] = "idle",
        [PHASE_RESET] = "held in reset",
        [PHASE_TIMER] = "busy",
        [PHASE_PIO_IN] = "gives data to the processor",
        [PHASE_PIO_OUT] = "takes data from the processor",
        [PHASE_DMA] = "waits for the bus master",
    };

    add(w, "  %s: %s", d->kind == IDE_CDROM ? "CD-ROM" : "disk", phases[d->phase % IDE_PHASES]);
    if (d->kind == IDE_DISK && d->disk.command)
        add(w, ", command %02X", d->disk.command);
    if (d->kind == IDE_CDROM)
        add(w, ", packet %02X, sense %x/%02x/%02x%s%s", d->cd.cdb[0], d->cd.sense_key, d->cd.asc,
            d->cd.ascq, d->cd.tray_open ? ", tray open" : "", d->cd.locked ? ", locked" : "");
    if (d->end > d->pos)
        add(w, ", %u bytes of a block left", d->end - d->pos);
    add(w, ", status %02X", d->status);
    add_bits(w, d->status, status);
    add(w, ", error %02X", d->error);
    if (d->status & STATUS_ERR)
        add_bits(w, d->error, error);
    add(w, "%s\n", d->intrq ? ", asks for an interrupt" : "");
}

void ide_describe(const struct device *dev, char *out, size_t out_size)
{
    const struct ide *ide = (const struct ide *)dev;
    struct words w = {.out = out, .size = out_size};

    for (unsigned i = 0; i < 2; i++) {
        const struct ide_channel *c = &ide->channel[i];

        add(&w, "channel %u: drive %u is selected, interrupts %s, line %s", i, c->select,
            c->control & 2 ? "off" : "on", c->line ? "high" : "low");
        if (ide->has_pci)
            add(&w, ", bus master %s, status %02X, table %08x", c->bm.active ? "runs" : "stands",
                c->bm.status, c->bm.table);
        add(&w, "\n");
        for (unsigned k = 0; k < 2; k++)
            if (c->drive[k].kind != IDE_NONE)
                describe_drive(&c->drive[k], &w);
    }
}
