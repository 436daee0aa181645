/* The head of a recording; see replay_head.h. */
#include "devices/board/replay_head.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/state.h"
#include "devices/board/config.h"
#include "devices/board/machine_private.h"
#include "devices/board/medium.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

static void put_hash(u8 out[MEDIUM_HASH_BYTES], struct hash128 h)
{
    put_le64(out, h.lo);
    put_le64(out + 8, h.hi);
}

void replay_hash_rom(struct board *b, u8 out[MEDIUM_HASH_BYTES])
{
    struct hash128 sum = {0, 0};
    struct physmap_block block;

    for (unsigned i = 0; physmap_block(b->pm, i, &block); i++)
        for (u32 n = 0; n < block.count && (block.flags & FRAME_ROM); n++)
            hash128_add(&sum,
                        hash128(block.first + n, frame_host(physmap_frame(b->pm, block.first + n)),
                                PAGE_SIZE));
    put_hash(out, sum);
}

int replay_hash_file(const char *path, u8 out[MEDIUM_HASH_BYTES])
{
    struct hash128 sum = {0, 0};
    u8 piece[PIECE];
    struct stat st;
    FILE *f;
    int e;

    put_hash(out, sum);
    if (!path)
        return 0;
    /* The name may come from somebody else's recording. */
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return -EINVAL;
    f = fopen(path, "rb");
    if (!f)
        return -errno;
    for (u64 at = 0, n; (n = fread(piece, 1, sizeof piece, f)); at += n)
        hash128_add(&sum, hash128(at, piece, n));
    e = ferror(f) ? -EIO : 0;
    fclose(f);
    put_hash(out, sum);
    return e;
}

char *replay_full_path(const char *path)
{
    char *full = realpath(path, NULL);

    if (full && !access(full, F_OK))
        return full;
    free(full); /* a file without a name, as the system shows them: its number will do */
    return strdup(path);
}

static bool make_full(const char **path)
{
    char *full;

    if (!*path)
        return true;
    full = replay_full_path(*path);
    free((char *)*path);
    *path = full;
    return full;
}

static bool full_names(struct machine_config *c)
{
    bool good = make_full(&c->kernel) && make_full(&c->initrd) && make_full(&c->bios) &&
                make_full(&c->vgabios);

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        good = good && make_full(&c->drive[i]);
    return good;
}

static bool make_medium(struct replay_medium *d, struct blk *blk, const char *config_path,
                        char *err, size_t err_size)
{
    int e;

    d->there = blk;
    d->is_config = !blk == !config_path;
    if (!blk)
        return true;
    d->path = replay_full_path(blk_name(blk));
    d->is_config = config_path && d->path && !strcmp(d->path, config_path);
    d->sectors = blk_sectors(blk);
    e = medium_hash(blk, d->hash);
    if (d->path && !e)
        return true;
    snprintf(err, err_size, "record: '%s' cannot be read: %s", blk_name(blk),
             strerror(e ? -e : ENOMEM));
    return false;
}

bool replay_head_make(struct replay_head *h, struct machine *m, char *err, size_t err_size)
{
    int e;

    *h = (struct replay_head){
        .at = machine_moment(m),
        .now_ns = machine_now_ns(m),
        .has_time = true,
        .parts = FINGERPRINT_PARTS,
    };
    h->fingerprint = host_fingerprint_parts(h->part);
    if (m->board.cpu->undefined) /* it plays a recording itself */
        h->flags = *m->board.cpu->undefined;
    h->has_flags = m->board.cpu->undefined || undefined_probe(&h->flags);
    if (!machine_config_copy(&h->config, &m->config) || !full_names(&h->config)) {
        snprintf(err, err_size, "record: the host has no memory left");
        return false;
    }
    snprintf(h->engine, sizeof h->engine, "%s", m->board.cpu->engine->name);
    replay_hash_rom(&m->board, h->rom);
    e = replay_hash_file(h->config.kernel, h->kernel);
    e = e ? e : replay_hash_file(h->config.initrd, h->initrd);
    if (e) {
        snprintf(err, err_size, "record: the kernel or its RAM disk cannot be read: %s",
                 strerror(-e));
        return false;
    }
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (!make_medium(&h->drive[i], m->board.drive[i].blk, h->config.drive[i], err, err_size))
            return false;
    return true;
}

void replay_head_free(struct replay_head *h)
{
    machine_config_free(&h->config);
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        free((char *)h->drive[i].path);
        h->drive[i].path = NULL;
    }
}

static void medium_state(struct replay_medium *d, struct state *s)
{
    u32 len = d->path ? (u32)strlen(d->path) : 0;
    char path[MACHINE_PATH_MAX] = "";

    state_bool(s, "there", &d->there);
    state_bool(s, "is_config", &d->is_config);
    state_u64(s, "sectors", &d->sectors);
    state_bytes(s, "hash", d->hash, sizeof d->hash);
    state_u32(s, "path_bytes", &len);
    state_require(s, len < sizeof path && (len || !d->there), "the name of a medium is no name");
    if (state_error(s))
        return;
    if (d->path)
        memcpy(path, d->path, len);
    state_bytes(s, "path", path, len);
    if (state_is_loading(s) && d->there)
        d->path = strdup(path);
    state_require(s, !d->there || d->path, "the host has no memory left");
}

/* What the second version tells besides. */
static void second_version_state(struct replay_head *h, struct state *s)
{
    state_u64(s, "now_ns", &h->now_ns);
    state_u32(s, "parts", &h->parts);
    state_require(s, h->parts <= FINGERPRINT_PARTS, "the fingerprint has too many parts");
    for (u32 i = 0; i < h->parts && !state_error(s); i++)
        state_u32(s, "part", &h->part[i]);
    h->has_time = true;
}

/* And the third. */
static void third_version_state(struct replay_head *h, struct state *s)
{
    state_bool(s, "has_flags", &h->has_flags);
    state_bytes(s, "flags", &h->flags, sizeof h->flags);
    state_require(s, undefined_is_valid(&h->flags), "a rule for undefined flags is none");
}

void replay_head_state(struct replay_head *h, struct state *s)
{
    state_begin(s, "recording", 3);
    state_bytes(s, "engine", h->engine, sizeof h->engine);
    state_u64(s, "fingerprint", &h->fingerprint);
    state_u64(s, "count", &h->at.count);
    state_u64(s, "idle_ns", &h->at.idle_ns);
    state_u32(s, "sequence", &h->at.sequence);
    state_bytes(s, "rom", h->rom, sizeof h->rom);
    state_bytes(s, "kernel", h->kernel, sizeof h->kernel);
    state_bytes(s, "initrd", h->initrd, sizeof h->initrd);
    state_require(s, memchr(h->engine, 0, sizeof h->engine) != NULL, "the engine has no name");
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        medium_state(&h->drive[i], s);
    if (state_version(s) >= 2)
        second_version_state(h, s);
    if (state_version(s) >= 3)
        third_version_state(h, s);
    machine_config_state(&h->config, s);
    state_end(s);
}

/* ---- Undefined results ---- */

static void add_name(char *list, size_t size, const char *name)
{
    size_t n = strlen(list);

    snprintf(list + n, size - n, "%s%s", n ? ", " : "", name);
}

/* Of the instruction with this name; UNDEFINED_KINDS if it has no rules. */
static enum undefined_kind kind_of(const char *name)
{
    unsigned kind = 0;

    while (kind < UNDEFINED_KINDS && strcmp(name, undefined_name((enum undefined_kind)kind)))
        kind++;
    return (enum undefined_kind)kind;
}

static void note(struct replay_foreign *out, const char *name, bool is_open)
{
    add_name(out->differ, sizeof out->differ, name);
    if (is_open)
        add_name(out->open, sizeof out->open, name);
}

/* Rules come first: where they are alike and a probe is not, the difference is elsewhere. */
static void compare_kinds(const struct replay_head *h, const bool probe_differs[],
                          struct replay_foreign *out)
{
    struct undefined_table here;
    bool have_ours = h->has_flags && undefined_probe(&here);

    for (unsigned i = 0; i < UNDEFINED_KINDS; i++) {
        enum undefined_kind kind = (enum undefined_kind)i;
        bool differs = have_ours && !undefined_is_same(&h->flags, &here, kind);

        if (differs || probe_differs[kind])
            note(out, undefined_name(kind), !differs || !undefined_is_known(&h->flags, kind));
    }
}

bool replay_head_is_foreign(const struct replay_head *h, struct replay_foreign *out)
{
    bool probe_differs[UNDEFINED_KINDS + 1] = {false};
    u32 here[FINGERPRINT_PARTS];
    u64 fingerprint = host_fingerprint_parts(here);

    *out = (struct replay_foreign){.differ = ""};
    for (u32 i = 0; i < h->parts; i++)
        if (h->part[i] != here[i]) {
            enum undefined_kind kind = kind_of(host_fingerprint_part_name(i));

            probe_differs[kind] = true;
            if (kind == UNDEFINED_KINDS)
                note(out, host_fingerprint_part_name(i), true);
        }
    compare_kinds(h, probe_differs, out);
    if (!out->differ[0] && h->fingerprint != fingerprint)
        note(out, "it does not say which", true);
    return out->differ[0];
}
