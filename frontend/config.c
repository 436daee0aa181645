/* From options to what the board takes: drives, boot order, speed, date. */
#include "frontend/config.h"

#include "devices/host/chr.h"

#include <string.h>

enum { DETERMINISTIC_EPOCH = 820454400 /* 1996-01-01T00:00:00 */ };

/* The CD drive sits at the first free place from the secondary master on, empty or not. */
static void place_cd(const struct options *o, struct machine_config *c)
{
    static const enum drive_id places[] = {DRIVE_HDC, DRIVE_HDD, DRIVE_HDB, DRIVE_HDA};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(places); i++)
        if (!c->drive[places[i]]) {
            c->drive[places[i]] = o->cdrom;
            c->drive_is_cd[places[i]] = true;
            return;
        }
}

static bool has_hard_disk(const struct options *o)
{
    return o->drive[DRIVE_HDA] || o->drive[DRIVE_HDB] || o->drive[DRIVE_HDC] || o->drive[DRIVE_HDD];
}

/* What has a medium, in the order a, c, d; all if nothing has one, as one may be put in. */
static void default_boot(const struct options *o, char boot[4])
{
    char *to = boot;

    if (o->drive[DRIVE_FDA])
        *to++ = 'a';
    if (has_hard_disk(o))
        *to++ = 'c';
    if (o->cdrom)
        *to++ = 'd';
    *to = 0;
    if (to == boot)
        strcpy(boot, "acd");
}

static void set_speed(const struct options *o, bool watched, struct machine_config *c)
{
    c->speed_max = o->speed.kind == SPEED_MAX;
    c->speed_mips = o->speed.kind == SPEED_FIXED ? o->speed.mips : 0;
    /* Nobody waits for a clock on the wall: the same virtual time, as soon as can be. */
    if (o->deterministic && !watched)
        c->speed_max = true;
}

void config_from_options(const struct options *o, bool watched, char boot[4],
                         struct machine_config *out)
{
    *out = (struct machine_config){
        .mem_bytes = o->mem_bytes,
        .cpu = o->cpu,
        .engine = o->engine,
        .perf_map = o->perf_map,
        .windows = o->windows,
        .kernel = o->kernel,
        .initrd = o->initrd,
        .append = o->append,
        .bios = o->bios,
        .vgabios = o->vgabios,
        .discard = o->discard || (o->deterministic && !o->keep_writes),
        .deterministic = o->deterministic,
        .rtc_epoch = o->rtc_epoch,
        .seed = o->seed,
        .post_card = o->post_card_port >= 0,
        .post_card_port = (u16)o->post_card_port,
        .debug_exit = o->debug_exit_port >= 0,
        .debug_exit_port = (u16)o->debug_exit_port,
        .reset_on_triple_fault = o->reset_on_triple_fault,
    };
    memcpy(out->drive, o->drive, sizeof out->drive);
    place_cd(o, out);
    default_boot(o, boot);
    out->boot = o->boot ? o->boot : boot;
    set_speed(o, watched, out);
    if (o->deterministic && o->rtc_epoch == INT64_MIN)
        out->rtc_epoch = DETERMINISTIC_EPOCH;
}

bool config_open_streams(const struct options *o, struct machine_config *c, char *err,
                         size_t err_size)
{
    unsigned i;
    bool good = true;

    for (i = 0; i < o->serial_count && good; i++)
        good =
            !strcmp(o->serial[i], "none") || (c->serial[i] = chr_open(o->serial[i], err, err_size));
    if (good && o->parallel)
        good = (c->parallel = chr_open(o->parallel, err, err_size));
    if (good && o->debugcon)
        good = (c->debugcon = chr_open(o->debugcon, err, err_size));
    if (!good)
        config_close_streams(c);
    return good;
}

void config_close_streams(struct machine_config *c)
{
    unsigned i;

    for (i = 0; i < MACHINE_SERIALS; i++)
        if (c->serial[i])
            chr_close(c->serial[i]);
    if (c->parallel)
        chr_close(c->parallel);
    if (c->debugcon)
        chr_close(c->debugcon);
    memset(c->serial, 0, sizeof c->serial);
    c->parallel = c->debugcon = NULL;
}
