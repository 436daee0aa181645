/*
 * What the translator tells while it works: the log, and the map of names for perf, whose format is
 * "START SIZE NAME" with numbers in hex, a line each (Linux,
 * tools/perf/Documentation/jit-interface.txt).
 */
#include "jit/jit.h"

#include "base/log.h"
#include "jit/private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- perf ---- */

static void map(struct jit *j, const u8 *from, const u8 *to, const char *name)
{
    if (from < to)
        fprintf(j->perf_map, "%llx %zx %s\n", (unsigned long long)(uintptr_t)from,
                (size_t)(to - from), name);
}

static void map_block(struct jit *j, const struct block *b, u32 la)
{
    char name[32];

    snprintf(name, sizeof name, "guest_%08x", la);
    map(j, b->code, b->end, name);
    snprintf(name, sizeof name, "guest_%08x_rare", la);
    map(j, b->cold, b->cold_end, name);
}

bool jit_perf_map(struct cpu *c)
{
    struct jit *j = c->engine_data;
    char path[64];
    int fd;

    if (j->perf_map)
        return true;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    /* Appended to, since a process may have more than one machine; and never through a link. */
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    j->perf_map = fdopen(fd, "a");
    if (!j->perf_map) {
        close(fd);
        return false;
    }
    setvbuf(j->perf_map, NULL, _IOLBF, BUFSIZ); /* whole lines also if we are killed */
    map(j, j->code.exec, j->code.exec + j->code.reserved, "bygone_stubs");
    run_cache_flush(interp_runs(c)); /* what there is already comes again, with names */
    return true;
}

void jit_notes_end(struct jit *j)
{
    if (j->perf_map)
        fclose(j->perf_map);
    j->perf_map = NULL;
}

/* ---- The log ---- */

void jit_note_translated(struct jit *j, const struct block *b)
{
    struct cpu *c = j->c;
    u32 la = (u32)(c->seg[SEG_CS].base + c->rip);

    if (j->perf_map)
        map_block(j, b, la);
    if (log_wants(c->log, "jit"))
        log_trace(c->log, "jit", "translated %08x: %u instructions, %u bytes and %u behind", la,
                  b->count, (unsigned)(b->end - b->code), (unsigned)(b->cold_end - b->cold));
}

void jit_note_killed(struct jit *j, const struct run *r)
{
    if (log_wants(j->c->log, "jit"))
        log_trace(j->c->log, "jit", "killed block %x:%03x: its code was written", r->frame,
                  r->offset);
}

void jit_note_flushed(struct jit *j)
{
    if (j->blocks_used > sizeof(struct block) && log_wants(j->c->log, "jit"))
        log_trace(j->c->log, "jit", "flushed: %zu bytes of code and %zu behind are forgotten",
                  j->code.hot - j->code.reserved, j->code.cold - j->code.hot_end);
}
