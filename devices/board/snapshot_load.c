/*
 * Loading machines; see snapshot.h. All or nothing: everything is read and checked before anything
 * is changed, and what can only be tried is tried where it can be taken back.
 */
#include "devices/board/snapshot.h"

#include "base/log.h"
#include "base/state.h"
#include "devices/board/config.h"
#include "devices/board/machine_private.h"
#include "devices/board/snapdisk.h"
#include "devices/board/snapfile.h"
#include "devices/board/snapjournal.h"
#include "devices/board/snapmem.h"
#include "devices/board/snapregistry.h"
#include "devices/board/snapshot_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (64ull << 20) /* of a section that is not memory */

const struct snapfile_kind snapshot_kinds[] = {
    {"about", SNAPSHOT_ABOUT, 4096, 0, 1},
    {"config", SNAPSHOT_CONFIG, 1 << 20, 1, 1},
    {"disks", SNAPDISK_VERSION, 1 << 20, 1, 1},
    {"machine", SNAPSHOT_MACHINE, MAX_BYTES, 1, 1},
    {"overlay", SNAPDISK_VERSION, 2 << 20, 0, UINT32_MAX},
    {"memory", SNAPMEM_VERSION, MAX_BYTES, 1, 1},
    {"pages", SNAPMEM_VERSION, SNAPMEM_CHUNK_PAGES * 4096, 0, SNAPMEM_MOST_PAGES},
    {NULL, 0, 0, 0, 0},
};

/* ---- Opening ---- */

struct snapshot {
    char *path;
    struct snapfile *file;
    struct machine_config config;
    struct snapdisks disks;
    void *machine;
    size_t machine_len;
};

static bool read_config(struct snapshot *s, char *err, size_t err_size)
{
    size_t len;
    void *data = snapfile_read(s->file, "config", 0, &len, err, err_size);
    struct state *stream;
    bool good;

    if (!data)
        return false;
    stream = state_new_load(data, len);
    machine_config_state(&s->config, stream);
    good = !state_error(stream);
    if (!good)
        snprintf(err, err_size, "snapshot: %s", state_error(stream));
    state_free(stream);
    free(data);
    return good;
}

/* "about" is for people, but damage there is damage. */
static bool check_about(struct snapshot *s, char *err, size_t err_size)
{
    size_t len;
    void *text;
    bool good;

    if (!snapfile_count(s->file, "about"))
        return true;
    text = snapfile_read(s->file, "about", 0, &len, err, err_size);
    good = text != NULL;
    free(text);
    return good;
}

struct snapshot *snapshot_open(const char *path, char *err, size_t err_size)
{
    struct snapshot *s = calloc(1, sizeof *s);

    if (!s) {
        snprintf(err, err_size, "snapshot: out of memory");
        return NULL;
    }
    s->path = strdup(path);
    s->file = snapfile_open(path, snapshot_kinds, err, err_size);
    if (s->path && s->file && check_about(s, err, err_size) && read_config(s, err, err_size) &&
        snapdisks_read(&s->disks, s->file, err, err_size) &&
        (s->machine = snapfile_read(s->file, "machine", 0, &s->machine_len, err, err_size)))
        return s;
    snapshot_close(s);
    return NULL;
}

void snapshot_close(struct snapshot *s)
{
    if (!s)
        return;
    snapfile_close(s->file);
    machine_config_free(&s->config);
    snapdisks_free(&s->disks);
    free(s->machine);
    free(s->path);
    free(s);
}

const struct machine_config *snapshot_config(const struct snapshot *s)
{
    return &s->config;
}

bool snapshot_move_image(struct snapshot *s, unsigned drive, const char *path)
{
    struct snapdisk *d = &s->disks.drive[drive];
    char *full = d->there ? snapdisk_full_path(path) : NULL, *copy = full ? strdup(full) : NULL;

    if (!copy) {
        free(full);
        return false;
    }
    free(d->path);
    free((char *)s->config.drive[drive]);
    d->path = full;
    s->config.drive[drive] = copy;
    return true;
}

/* ---- Loading ---- */

/* Everything that loading needs to go through, or back. */
struct loading {
    struct snapshot *s;
    struct machine *m;
    struct snapmem *memory;
    struct snapjournal *journal;    /* of what disks held; NULL: none */
    struct snapjournal *present;    /* of what they hold now */
    struct state *before;           /* the machine as it is */
    struct blk *other[DRIVE_COUNT]; /* media of the snapshot, and later what was there before */
    bool swap[DRIVE_COUNT];
    char *err;
    size_t err_size;
};

static bool refuse(struct loading *l, const char *why)
{
    snprintf(l->err, l->err_size, "load: %s", why);
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* What the guest would notice, and loading would not refuse by itself. */
static bool check_config(struct loading *l)
{
    const struct machine_config *a = &l->s->config, *b = machine_config(l->m);
    char why[200];

    if (a->mem_bytes != b->mem_bytes)
        snprintf(why, sizeof why, "it is of a machine with %llu MiB of memory, this one has %llu",
                 (unsigned long long)(a->mem_bytes >> 20),
                 (unsigned long long)(b->mem_bytes >> 20));
    else if (!same_text(a->cpu, b->cpu))
        snprintf(why, sizeof why, "it is of a machine with a %.40s, this one has a %.40s", a->cpu,
                 b->cpu);
    else if (a->discard != b->discard)
        snprintf(why, sizeof why, "it is of a machine %s --discard, this one is not",
                 a->discard ? "with" : "without");
    else if (a->deterministic != b->deterministic)
        snprintf(why, sizeof why, "it is of a machine %s --deterministic, this one is not",
                 a->deterministic ? "with" : "without");
    else
        return true;
    snprintf(l->err, l->err_size, "load: %s; start Bygone with --load", why);
    return false;
}

static bool check_moment(struct loading *l)
{
    char why[300];

    if (!snapshot_check_moment(l->m, why, sizeof why))
        return refuse(l, why);
    if (l->m->player)
        return refuse(l, "a recording plays; end it first");
    return true;
}

static bool is_removable(const struct machine *m, unsigned drive)
{
    return m->board.drive[drive].is_cd || drive <= DRIVE_FDB;
}

/* Whether the drive has the file in it that it had. */
static bool has_medium(struct loading *l, unsigned i)
{
    const struct snapdisk *d = &l->s->disks.drive[i];
    struct blk *blk = l->m->board.drive[i].blk;
    char *path;
    bool same;

    if (!d->there || !blk)
        return !d->there && !blk;
    path = snapdisk_full_path(blk_name(blk));
    same = path && !strcmp(path, d->path);
    free(path);
    return same;
}

static bool open_media(struct loading *l)
{
    static const char *const names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};
    char why[400];

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        const struct snapdisk *d = &l->s->disks.drive[i];

        if (has_medium(l, i))
            continue;
        if (!is_removable(l->m, i)) {
            snprintf(l->err, l->err_size,
                     "load: %s: the machine has another disk there than was saved; start Bygone "
                     "with --load",
                     names[i]);
            return false;
        }
        l->swap[i] = true;
        if (d->there &&
            !(l->other[i] = media_open(&l->m->board, (enum drive_id)i, d->path, why, sizeof why)))
            return refuse(l, why);
    }
    return true;
}

static void swap_media(struct loading *l)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (l->swap[i])
            l->other[i] = media_swap(&l->m->board, (enum drive_id)i, l->other[i]);
}

static void close_other_media(struct loading *l)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        blk_close(l->other[i]);
}

/* The image that the snapshot's drive will have. */
static struct blk *image_of(struct loading *l, unsigned i)
{
    return l->swap[i] ? l->other[i] : l->m->board.drive[i].blk;
}

static struct preimage *journal(const struct loading *l)
{
    return l->journal ? snapjournal_preimage(l->journal) : NULL;
}

static bool check_media(struct loading *l)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = image_of(l, i);

        if (blk && !snapdisk_check(&l->s->disks.drive[i], blk, journal(l), i, l->err, l->err_size))
            return false;
    }
    return true;
}

/* ---- Disks: back to what they held ---- */

static bool is_to_be_changed(struct loading *l, unsigned i)
{
    return l->journal && l->s->disks.drive[i].writable &&
           preimage_differs(journal(l), i, image_of(l, i));
}

/* "x" is kept in "x.before", and that in "x.after", so that one can go to and fro. */
static bool name_of_present(struct loading *l, char *out, size_t size)
{
    static const char before[] = ".before", after[] = ".after";
    size_t len = strlen(l->s->path);
    const char *end = after;

    if (len > strlen(after) && !strcmp(l->s->path + len - strlen(after), after))
        len -= strlen(after), end = before;
    else if (len > strlen(before) && !strcmp(l->s->path + len - strlen(before), before))
        len -= strlen(before);
    else
        end = before;
    return (size_t)snprintf(out, size, "%.*s%s", (int)len, l->s->path, end) < size;
}

/* Before disks go back, the present becomes a snapshot of its own, so that nothing is lost. */
static bool keep_present(struct loading *l)
{
    char path[MACHINE_PATH_MAX], why[500];
    bool any = false;

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        if (!is_to_be_changed(l, i))
            continue;
        any = true;
        if (l->swap[i]) {
            snprintf(l->err, l->err_size,
                     "load: '%.200s' was written since it was in its drive; put it in first",
                     l->s->disks.drive[i].path);
            return false;
        }
    }
    if (!any)
        return true;
    if (!name_of_present(l, path, sizeof path))
        return refuse(l, "the name of the file is too long");
    if (!snapshot_save(l->m, path, why, sizeof why)) {
        snprintf(l->err, l->err_size, "load: the present cannot be kept: %.300s", why);
        return false;
    }
    l->present = l->m->board.journals;
    log_warn(l->m->config.log, "snapshot", "disks go back; what they hold now is kept in '%s'",
             path);
    return true;
}

/* Bring images back, which are in their drives; 0 or the first error. */
static int apply(struct loading *l, struct preimage *p)
{
    int error = 0;

    for (unsigned i = 0; i < DRIVE_COUNT && !error; i++)
        if (p && l->s->disks.drive[i].writable && !l->swap[i])
            error = preimage_apply(p, i, l->m->board.drive[i].blk);
    return error;
}

static void go_back(struct loading *l);

static bool bring_disks_back(struct loading *l)
{
    int error = l->present ? apply(l, journal(l)) : 0;

    if (!error)
        return true;
    apply(l, snapjournal_preimage(l->present));
    go_back(l);
    snprintf(l->err, l->err_size, "load: disks cannot be brought back: %s", strerror(-error));
    return false;
}

/* ---- The state ---- */

static void freeze_media(struct loading *l, bool frozen)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (l->m->board.drive[i].blk)
            blk_freeze(l->m->board.drive[i].blk, frozen);
}

static bool load_state(struct loading *l, const void *data, size_t len)
{
    struct state *s = state_new_load(data, len);
    bool good;

    state_leave_out_memory(s);
    machine_state(l->m, s);
    good = !state_error(s);
    if (!good)
        refuse(l, state_error(s));
    state_free(s);
    return good;
}

/* Back to what the machine was. */
static void go_back(struct loading *l)
{
    char err[400];
    char *keep = l->err;
    size_t len, keep_size = l->err_size;
    const void *data = state_data(l->before, &len);

    l->err = err;
    l->err_size = sizeof err;
    swap_media(l);
    if (!load_state(l, data, len))
        log_warn(l->m->config.log, "snapshot", "the machine could not be brought back: %s", err);
    l->err = keep;
    l->err_size = keep_size;
}

/*
 * Chips start what was under way when they were saved, and would write to the disks of the present:
 * so the first try, which shows whether the state is a good one, runs with the disks frozen.
 */
static bool try_state(struct loading *l)
{
    bool good;

    swap_media(l);
    freeze_media(l, true);
    good = load_state(l, l->s->machine, l->s->machine_len);
    freeze_media(l, false);
    if (!good)
        go_back(l);
    return good;
}

static void swap_overlays(struct loading *l)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct snapdisk *d = &l->s->disks.drive[i];
        struct blk *blk = l->m->board.drive[i].blk;

        if (blk && d->overlaid)
            d->overlay = blk_swap_private_writes(blk, d->overlay);
    }
}

/* From here on nothing fails: the same bytes were loaded before. */
static bool commit(struct loading *l)
{
    struct cpu *cpu = l->m->board.cpu;

    swap_overlays(l);
    if (!load_state(l, l->s->machine, l->s->machine_len)) {
        swap_overlays(l);
        go_back(l);
        return false;
    }
    snapmem_restore(l->memory, l->m->board.pm);
    if (cpu->engine->flush)
        cpu->engine->flush(cpu);
    machine_tell(l->m, MACHINE_EVENT_LOADED);
    return true;
}

static bool prepare(struct loading *l)
{
    if (!check_moment(l) || !check_config(l) || !open_media(l) ||
        !snapjournal_find(&l->m->board, l->s->path, &l->s->disks, &l->journal, l->err,
                          l->err_size) ||
        !check_media(l))
        return false;
    l->memory = snapmem_read(l->s->file, l->m->board.pm, l->err, l->err_size);
    if (!l->memory)
        return false;
    l->before = state_new_save();
    state_leave_out_memory(l->before);
    machine_state(l->m, l->before);
    if (state_error(l->before))
        return refuse(l, state_error(l->before));
    return keep_present(l);
}

bool snapshot_load(struct snapshot *s, struct machine *m, char *err, size_t err_size)
{
    struct loading l = {.s = s, .m = m, .err = err, .err_size = err_size};
    bool good = prepare(&l) && try_state(&l) && bring_disks_back(&l) && commit(&l);

    if (good && l.journal)
        snapjournal_attach(l.journal, &m->board, &s->disks);
    for (unsigned i = 0; i < DRIVE_COUNT && good; i++)
        if (l.swap[i])
            snapregistry_adopt(&m->board, i);
    snapjournal_end(l.journal, true);
    snapjournals_sweep(&m->board);
    close_other_media(&l);
    snapmem_free(l.memory);
    state_free(l.before);
    return good;
}
