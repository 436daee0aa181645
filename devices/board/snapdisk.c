/* Disks in a snapshot; see snapdisk.h. */
#define _GNU_SOURCE
#include "devices/board/snapdisk.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/state.h"
#include "devices/board/board.h"
#include "devices/board/snapfile.h"
#include "devices/host/blk_overlay.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, RUN_MAX = 2048 /* sectors of blk_overlay_next */, RUN_HEAD = 16 };

#define OVERLAY_SECTORS_MAX (1ull << 34)

static const char *const drive_names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};

char *snapdisk_full_path(const char *path)
{
    char *real = realpath(path, NULL);

    if (real && !access(real, F_OK))
        return real;
    free(real); /* of a file that was deleted since it was opened */
    return strdup(path);
}

/* ---- Noting ---- */

static bool take_sample(struct blk *blk, struct snapdisk *d, u64 cluster, u32 n)
{
    u8 data[SNAPDISK_CLUSTER * SECTOR];
    struct hash128 h;

    if (blk_read_file(blk, cluster * SNAPDISK_CLUSTER, SNAPDISK_CLUSTER, data))
        return false;
    h = hash128(0, data, sizeof data);
    d->sample[n] = (struct snapdisk_sample){.cluster = cluster, .lo = h.lo, .hi = h.hi};
    return true;
}

/* Evenly spread, both ends included. */
static bool take_samples(struct blk *blk, struct snapdisk *d)
{
    u64 clusters = (d->sectors + SNAPDISK_CLUSTER - 1) / SNAPDISK_CLUSTER;
    bool good = true;

    d->sample_count = (u32)min_u64(clusters, SNAPDISK_SAMPLES);
    d->sample = calloc((size_t)d->sample_count + 1, sizeof *d->sample);
    if (!d->sample)
        return false;
    for (u32 i = 0; i < d->sample_count && good; i++)
        good = take_sample(
            blk, d, d->sample_count == 1 ? 0 : i * (clusters - 1) / (d->sample_count - 1), i);
    return good;
}

static bool copy_overlay(struct blk *blk, struct snapdisk *d)
{
    d->overlaid = true;
    d->overlay = blk_overlay_clone(blk_private_writes(blk));
    return d->overlay;
}

static bool capture_drive(struct snapdisk *d, struct blk *blk)
{
    d->there = true;
    d->path = snapdisk_full_path(blk_name(blk));
    d->sectors = blk_sectors(blk);
    if (!d->path)
        return false;
    blk_file_time(blk, &d->size, &d->mtime_ns);
    d->writable = !blk_is_read_only(blk) && !blk_private_writes(blk);
    return (!blk_private_writes(blk) || copy_overlay(blk, d)) && take_samples(blk, d);
}

bool snapdisks_capture(struct snapdisks *d, struct board *b, char *err, size_t err_size)
{
    memset(d, 0, sizeof *d);
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = b->drive[i].blk;

        if (!blk || capture_drive(&d->drive[i], blk))
            continue;
        snprintf(err, err_size, "%s: '%.200s': cannot be read, or the host has no memory left",
                 drive_names[i], blk_name(blk));
        snapdisks_free(d);
        return false;
    }
    return true;
}

/* ---- Knowing an image again ---- */

static bool sample_is_same(const struct snapdisk_sample *sample, struct blk *blk)
{
    u8 data[SNAPDISK_CLUSTER * SECTOR];
    struct hash128 h;

    if (blk_read_file(blk, sample->cluster * SNAPDISK_CLUSTER, SNAPDISK_CLUSTER, data))
        return false;
    h = hash128(0, data, sizeof data);
    return h.lo == sample->lo && h.hi == sample->hi;
}

/* All of a small image is known, so its time does not matter. */
static bool is_known_whole(const struct snapdisk *d)
{
    return d->sample_count * (u64)SNAPDISK_CLUSTER >= d->sectors;
}

static bool refuse_image(const struct snapdisk *d, const char *why, char *err, size_t err_size)
{
    snprintf(err, err_size, "load: '%.200s': %s", d->path, why);
    return false;
}

/* Size and time, where there is no journal that knows better. */
static bool check_file(const struct snapdisk *d, struct blk *blk, char *err, size_t err_size)
{
    u64 size = d->size;
    s64 mtime_ns = d->mtime_ns;

    blk_file_time(blk, &size, &mtime_ns);
    if (size != d->size)
        return refuse_image(d, "has another size than when the snapshot was made", err, err_size);
    if (mtime_ns != d->mtime_ns && !is_known_whole(d))
        return refuse_image(d, "was written since the snapshot was made", err, err_size);
    return true;
}

static bool check_journal(const struct snapdisk *d, struct blk *blk, struct preimage *journal,
                          unsigned slot, char *err, size_t err_size)
{
    char why[200];

    if (preimage_is_void(journal))
        return refuse_image(d, "what was overwritten in it could not be kept", err, err_size);
    return is_known_whole(d) || preimage_check(journal, slot, blk, why, sizeof why) ||
           refuse_image(d, why, err, err_size);
}

bool snapdisk_check(const struct snapdisk *d, struct blk *blk, struct preimage *journal,
                    unsigned slot, char *err, size_t err_size)
{
    if (d->overlaid != (blk_private_writes(blk) != NULL))
        return refuse_image(d,
                            d->overlaid ? "can be written now, but writes were kept in memory; "
                                          "make it read-only"
                                        : "cannot be written now; change its permissions",
                            err, err_size);
    if (blk_sectors(blk) != d->sectors)
        return refuse_image(d, "has another size than when the snapshot was made", err, err_size);
    if (!d->writable)
        journal = NULL;
    if (journal ? !check_journal(d, blk, journal, slot, err, err_size)
                : !check_file(d, blk, err, err_size))
        return false;
    for (u32 i = 0; i < d->sample_count; i++)
        if (!(journal && preimage_has(journal, slot, d->sample[i].cluster)) &&
            !sample_is_same(&d->sample[i], blk))
            return refuse_image(d, "holds other data than when the snapshot was made", err,
                                err_size);
    return true;
}

void snapdisks_free(struct snapdisks *d)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        free(d->drive[i].path);
        free(d->drive[i].sample);
        blk_overlay_free(d->drive[i].overlay);
    }
    memset(d, 0, sizeof *d);
}

/* ---- The section "disks" ---- */

static void path_state(struct snapdisk *d, struct state *s)
{
    u32 len = d->path ? (u32)strlen(d->path) : 0;

    state_u32(s, "path_len", &len);
    state_require(s, len && len < PATH_MAX, "disks: the name of an image is too long or missing");
    if (state_error(s))
        return;
    if (state_is_loading(s))
        d->path = calloc(1, (size_t)len + 1);
    if (!d->path)
        state_fail(s, "disks: the host has no memory left");
    else
        state_bytes(s, "path", d->path, len);
    if (state_is_loading(s) && d->path)
        state_require(s, strlen(d->path) == len, "disks: the name of an image has a zero in it");
}

static void sample_state(struct snapdisk *d, struct state *s)
{
    state_u32(s, "samples", &d->sample_count);
    state_require(s, d->sample_count <= SNAPDISK_SAMPLES, "disks: too many samples");
    if (state_error(s))
        return;
    if (state_is_loading(s))
        d->sample = calloc((size_t)d->sample_count + 1, sizeof *d->sample);
    if (!d->sample) {
        state_fail(s, "disks: the host has no memory left");
        return;
    }
    for (u32 i = 0; i < d->sample_count && !state_error(s); i++) {
        struct snapdisk_sample *sample = &d->sample[i];

        state_u64(s, "cluster", &sample->cluster);
        state_u64(s, "lo", &sample->lo);
        state_u64(s, "hi", &sample->hi);
        state_require(s, sample->cluster <= d->sectors / SNAPDISK_CLUSTER,
                      "disks: a sample is past the end of its image");
    }
}

static void drive_state(struct snapdisk *d, struct state *s)
{
    state_bool(s, "there", &d->there);
    if (!d->there)
        return;
    state_bool(s, "writable", &d->writable);
    state_bool(s, "overlaid", &d->overlaid);
    state_require(s, !(d->writable && d->overlaid), "disks: writes go to two places");
    path_state(d, s);
    state_u64(s, "sectors", &d->sectors);
    state_u64(s, "size", &d->size);
    state_s64(s, "mtime_ns", &d->mtime_ns);
    state_require(s, d->sectors && d->sectors <= (u64)INT64_MAX / SECTOR,
                  "disks: the size of an image is none");
    sample_state(d, s);
}

static void disks_state(struct snapdisks *d, struct state *s)
{
    state_begin(s, "disks", SNAPDISK_VERSION);
    state_u8(s, "journal", &d->journal);
    state_bytes(s, "id", d->id, sizeof d->id);
    state_require(s, d->journal <= SNAPDISK_JOURNALS, "disks: there is no such file");
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        state_begin(s, drive_names[i], SNAPDISK_VERSION);
        drive_state(&d->drive[i], s);
        state_end(s);
    }
    state_end(s);
}

/* ---- Sections "overlay": drive, sector, count and the contents of one run each ---- */

static bool write_overlay(struct snapdisk *d, u64 index, struct snapfile_writer *w, u8 *run)
{
    u64 sector = 0;
    u32 count;
    bool good = true;

    for (; good && blk_overlay_next(d->overlay, &sector, &count); sector += count) {
        put_le32(run, (u32)index);
        put_le32(run + 4, count);
        put_le64(run + 8, sector);
        blk_overlay_patch(d->overlay, sector, count, run + RUN_HEAD);
        good = snapfile_put(w, "overlay", SNAPDISK_VERSION, run, RUN_HEAD + (size_t)count * SECTOR);
    }
    return good;
}

bool snapdisks_write(struct snapdisks *d, struct snapfile_writer *w)
{
    u8 *run = malloc(RUN_HEAD + RUN_MAX * SECTOR);
    struct state *s = state_new_save();
    const void *data;
    size_t len;
    bool good;

    disks_state(d, s);
    data = state_data(s, &len);
    good = run && !state_error(s) && snapfile_put(w, "disks", SNAPDISK_VERSION, data, len);
    for (unsigned i = 0; i < DRIVE_COUNT && good; i++)
        if (d->drive[i].overlay)
            good = write_overlay(&d->drive[i], i, w, run);
    state_free(s);
    free(run);
    return good;
}

static bool take_run(struct snapdisks *d, const u8 *run, size_t len)
{
    u32 drive = len < RUN_HEAD ? DRIVE_COUNT : get_le32(run), count;
    u64 sector;

    if (drive >= DRIVE_COUNT || !d->drive[drive].overlay)
        return false;
    count = get_le32(run + 4);
    sector = get_le64(run + 8);
    return count && count <= RUN_MAX && len == RUN_HEAD + (size_t)count * SECTOR &&
           sector < d->drive[drive].sectors && count <= d->drive[drive].sectors - sector &&
           !blk_overlay_write(d->drive[drive].overlay, sector, count, run + RUN_HEAD);
}

static bool read_overlays(struct snapdisks *d, struct snapfile *f, char *err, size_t err_size)
{
    bool good = true;

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct snapdisk *k = &d->drive[i];

        if (!k->overlaid)
            continue;
        /* The table grows with the size of the disk, which nobody has vouched for yet. */
        if (k->sectors <= OVERLAY_SECTORS_MAX)
            k->overlay = blk_overlay_new(k->sectors);
        if (!k->overlay) {
            snprintf(err, err_size, "snapshot: the host has no memory left to read it");
            return false;
        }
    }
    for (u32 i = 0; i < snapfile_count(f, "overlay") && good; i++) {
        size_t len;
        u8 *run = snapfile_read(f, "overlay", i, &len, err, err_size);

        if (!run)
            return false;
        good = take_run(d, run, len);
        free(run);
        if (!good)
            snprintf(err, err_size, "snapshot: section 'overlay' does not fit its disk");
    }
    return good;
}

bool snapdisks_read(struct snapdisks *d, struct snapfile *f, char *err, size_t err_size)
{
    size_t len;
    void *data = snapfile_read(f, "disks", 0, &len, err, err_size);
    struct state *s;
    bool good;

    memset(d, 0, sizeof *d);
    if (!data)
        return false;
    s = state_new_load(data, len);
    disks_state(d, s);
    good = !state_error(s);
    if (!good)
        snprintf(err, err_size, "snapshot: %s", state_error(s));
    state_free(s);
    free(data);
    good = good && read_overlays(d, f, err, err_size);
    if (!good)
        snapdisks_free(d);
    return good;
}
