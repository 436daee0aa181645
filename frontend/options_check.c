/* Options that only make sense together or apart. */
#include "frontend/options.h"

#include "base/clock.h"
#include "devices/board/engines.h"
#include "devices/board/replay_point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REWIND_DEFAULT_MIB = 256, RECORD_POINTS_DEFAULT_S = 10 };

static bool is(const char *text, const char *word)
{
    return text && !strcmp(text, word);
}

/* Standard input has one reader. */
static unsigned stdio_users(const struct options *o)
{
    unsigned i, n = is(o->monitor, "stdio") + is(o->display, "terminal");

    for (i = 0; i < o->serial_count; i++)
        n += is(o->serial[i], "stdio");
    return n;
}

bool options_rewind(const struct options *o, bool watched, u64 *bytes)
{
    char *end;
    u64 n;

    *bytes = watched && !o->deterministic && !o->script ? (u64)REWIND_DEFAULT_MIB << 20 : 0;
    if (!o->rewind)
        return true;
    *bytes = 0;
    if (is(o->rewind, "off"))
        return true;
    n = strtoull(o->rewind, &end, 10);
    if (end == o->rewind || *o->rewind == '-' || !n || n > 1 << 20 || strlen(end) != 1)
        return false;
    *bytes = n << (*end == 'G' ? 30 : 20);
    return *end == 'M' || (*end == 'G' && n <= 1024);
}

bool options_record_points(const struct options *o, u64 *ns)
{
    const char *text = o->record_points;
    double s;
    char *end;

    *ns = (u64)RECORD_POINTS_DEFAULT_S * NS_PER_SEC;
    if (!text)
        return true;
    *ns = 0;
    if (is(text, "off"))
        return true;
    s = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end || !(s >= 0.1 && s <= 1e6))
        return false;
    *ns = (u64)(s * NS_PER_SEC);
    return true;
}

static bool has_medium(const struct options *o)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (o->drive[i])
            return true;
    return o->cdrom;
}

/* The first option that says what the machine is, which a snapshot or a fork says already. */
static const char *given_about_machine(const struct options *o)
{
    struct options d;

    options_init(&d);
    return o->mem_bytes != d.mem_bytes               ? "mem"
           : o->cpu != d.cpu                         ? "cpu"
           : o->boot                                 ? "boot"
           : o->kernel                               ? "kernel"
           : o->bios && !o->replay                   ? "bios" /* may lie elsewhere now */
           : o->vgabios && !o->replay                ? "vgabios"
           : o->discard                              ? "discard"
           : o->deterministic                        ? "deterministic"
           : o->seed                                 ? "seed"
           : o->speed.kind != SPEED_DEFAULT          ? "speed"
           : o->rtc_epoch != d.rtc_epoch             ? "rtc"
           : o->reset_on_triple_fault                ? "reset-on-triple-fault"
           : o->post_card_port != d.post_card_port   ? "post-card"
           : o->debug_exit_port != d.debug_exit_port ? "debug-exit"
                                                     : NULL;
}

/* A process that was forked off has the machine already, and no terminal. */
static const char *given_to_fork(const struct options *o)
{
    return has_medium(o) || o->file_count ? "a disk"
           : o->initrd || o->append       ? "--initrd or --append"
           : o->keep_writes               ? "--keep-writes"
           : o->load                      ? "--load"
           : o->replay                    ? "--replay"
           : stdio_users(o) || is(o->parallel, "stdio") || is(o->debugcon, "stdio")
               ? "stdio or the terminal"
               : NULL;
}

int options_check(const struct options *o, char *err, size_t err_size)
{
    const char *problem = NULL, *given = NULL;
    u64 bytes;

    if (o->load || o->replay || o->forked)
        given = given_about_machine(o);
    if (given) {
        snprintf(err, err_size, "--%s cannot be combined with %s says what machine it is", given,
                 o->forked ? "fork: the machine that runs"
                 : o->load ? "--load: the snapshot"
                           : "--replay: the recording");
        return EXIT_USAGE;
    }
    if (o->forked && given_to_fork(o)) {
        snprintf(err, err_size,
                 "%s cannot be given to a fork: it has the machine's disks, and no terminal",
                 given_to_fork(o));
        return EXIT_USAGE;
    }
    if (o->keep_writes && !o->deterministic)
        problem = "--keep-writes goes with --deterministic; without it images are written anyway";
    else if (o->keep_writes && o->discard)
        problem = "--keep-writes and --discard contradict each other";
    else if ((o->initrd || o->append) && !o->kernel)
        problem = "--initrd and --append are for a kernel; give one with --kernel";
    else if (o->gdb_wait && !o->gdb)
        problem = "--gdb-wait goes with --gdb";
    else if (o->stopped && !o->gdb && !o->monitor && !o->forked)
        problem = "--stopped goes with --monitor or --gdb: who would let it go?";
    else if (o->perf_map && !strcmp(o->engine, "interp"))
        problem = "--perf-map names translated code; the interpreter makes none";
    else if (!strcmp(o->engine, "interp") && strcmp(o->windows, engine_windows_names[0]) != 0)
        problem = "--windows is how translated code reaches memory; the interpreter has none";
    else if (stdio_users(o) > 1)
        problem = "only one of --serial stdio, --monitor stdio and --display terminal can have "
                  "the terminal; lead the others elsewhere";
    else if (o->cdrom && o->drive[DRIVE_HDA] && o->drive[DRIVE_HDB] && o->drive[DRIVE_HDC] &&
             o->drive[DRIVE_HDD])
        problem = "--cdrom: no place is left beside four hard disks";
    else if (o->replay && o->load)
        problem = "--replay and --load: each brings a machine of its own; leave one out";
    else if (o->replay && (has_medium(o) || o->kernel))
        problem = "--replay builds the machine that was recorded; leave out its disks and kernel";
    else if (!options_rewind(o, false, &bytes))
        problem = "--rewind takes a size from 1M to 1024G, as 256M or 1G, or off";
    else if (!options_record_points(o, &bytes))
        problem = "--record-points takes seconds from 0.1 to 1000000, or off";
    else if (o->replay_from && !o->replay)
        problem = "--replay-from goes with --replay";
    else if (o->replay_from && !replay_where_is_valid(o->replay_from))
        problem = "--replay-from takes SECONDS, @INSTRUCTION or #POINT";
    if (!problem)
        return 0;
    snprintf(err, err_size, "%s", problem);
    return EXIT_USAGE;
}
