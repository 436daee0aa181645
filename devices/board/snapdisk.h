/*
 * Disks in a snapshot: which images were in the drives, how to know them again, and what was
 * written to those that keep writes in memory.
 */
#ifndef DEVICES_BOARD_SNAPDISK_H
#define DEVICES_BOARD_SNAPDISK_H

#include "devices/board/machine.h"
#include "devices/host/preimage.h"

struct blk;
struct blk_overlay;
struct board;
struct snapfile;
struct snapfile_writer;
struct state;

enum {
    SNAPDISK_VERSION = 1,
    SNAPDISK_CLUSTER = PREIMAGE_CLUSTER, /* what is looked at and kept in one piece */
    SNAPDISK_SAMPLES = 256, /* clusters of a large image; one of up to 16 MiB is hashed whole */
};

struct snapdisk_sample {
    u64 cluster;
    u64 lo, hi; /* hash128 */
};

/* One drive. */
struct snapdisk {
    bool there;    /* an image is in it */
    bool writable; /* writes go to the file */
    bool overlaid; /* they are kept in memory */
    char *path;
    u64 sectors;
    u64 size; /* of the file, and when it was last changed */
    s64 mtime_ns;
    u32 sample_count;
    struct snapdisk_sample *sample;
    struct blk_overlay *overlay; /* a copy, or what was read */
};

enum { SNAPDISK_JOURNALS = 2 };

struct snapdisks {
    struct snapdisk drive[DRIVE_COUNT];
    /* Which of the files beside the snapshot keeps what disks held; 0: none does. */
    u8 journal;
    u8 id[PREIMAGE_ID_BYTES];
};

/* Note what is in the drives; writes kept in memory are copied. False and a sentence in err. */
bool snapdisks_capture(struct snapdisks *d, struct board *b, char *err, size_t err_size);
void snapdisks_free(struct snapdisks *d);
/* Sections "disks" and "overlay". */
bool snapdisks_write(struct snapdisks *d, struct snapfile_writer *w);
bool snapdisks_read(struct snapdisks *d, struct snapfile *f, char *err, size_t err_size);

/*
 * Whether the image is as it was when the snapshot was made, or can be brought back by what
 * `journal` (NULL: none) kept of drive `slot`; one sentence in err if not.
 */
bool snapdisk_check(const struct snapdisk *d, struct blk *blk, struct preimage *journal,
                    unsigned slot, char *err, size_t err_size);

/* A file's name from the root on, so that it means the same from everywhere; to be freed. */
char *snapdisk_full_path(const char *path);

#endif
