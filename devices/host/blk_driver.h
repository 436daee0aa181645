/*
 * Behind blk.h: what an image format or a test provides. blk.c does the rest: bounds, read-only,
 * writes kept in memory, the queue and its worker. A driver is called by one thread at a time,
 * with ranges that lie inside the image.
 */
#ifndef DEVICES_HOST_BLK_DRIVER_H
#define DEVICES_HOST_BLK_DRIVER_H

#include "devices/host/blk.h"

/* All return 0 or -errno. */
struct blk_driver {
    int (*read)(void *opaque, u64 sector, u32 count, void *data);
    int (*write)(void *opaque, u64 sector, u32 count, const void *data);
    int (*flush)(void *opaque);
    int (*close)(void *opaque); /* also frees opaque */
    /* See blk_file_time; may be NULL. */
    bool (*time)(void *opaque, u64 *size, s64 *mtime_ns);
    /*
     * Descriptors of its own for each there is; the rest of `out` is -1 and zero before. NULL: the
     * image cannot be shared.
     */
    int (*share)(void *opaque, struct blk_share *out);
};

/* What a format's open function found out. */
struct blk_image {
    const struct blk_driver *driver; /* NULL: reads as zeros */
    void *opaque;
    u64 sectors;
    bool read_only;        /* writes are refused */
    bool writes_in_memory; /* writes never reach the driver */
};

/* A blk over an image; NULL when out of memory, and the image is then still the caller's. */
struct blk *blk_new(const char *name, const struct blk_image *image);

/* The image of a blk, between its requests; for blk_share.c. */
const struct blk_image *blk_image_of(struct blk *b);

/* blk_raw.c: a plain file, sector after sector. Flags, log and errors as in blk_open. */
bool blk_raw_open(struct blk_image *image, const char *path, unsigned flags, struct log *log,
                  char *err, size_t err_size);

#endif
