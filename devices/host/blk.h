/*
 * A disk, floppy or CD image as a row of 512-byte sectors. Errors are negative errno values.
 *
 * Requests complete at a virtual time that the chip chooses; the data must be there by then. The
 * chip starts a transfer with blk_start_*, sets its timer, and calls blk_finish when it fires,
 * which waits for the host if the host is late. Workers touch only the request's own buffer, and
 * requests take effect in the order in which they were started.
 */
#ifndef DEVICES_HOST_BLK_H
#define DEVICES_HOST_BLK_H

#include "base/types.h"

struct blk;
struct log;

enum blk_open_flags {
    BLK_READ_ONLY = 1, /* never write (CD images) */
    BLK_DISCARD = 2,   /* keep writes in memory, leave the file alone */
};

/*
 * Open and lock an image. On failure returns NULL and puts one sentence that names the file, the
 * reason and the remedy into err; so also when another program holds the image, unless BLK_DISCARD
 * is given. A file that can be read but not written, or on a file system without locks, opens with
 * its writes kept in memory, and says so through `log`. On failure errno is that of the host, or
 * EINVAL where the file itself is at fault.
 */
struct blk *blk_open(const char *path, unsigned flags, struct log *log, char *err, size_t err_size);
/* An image of `sectors` in memory, zero-filled; for tests and blank floppies. */
struct blk *blk_new_memory(u64 sectors);
/*
 * Waits for what was started, flushes, unlocks and frees. Returns 0 or, as -errno, the first write
 * error that no blk_finish, blk_write or blk_flush has reported.
 */
int blk_close(struct blk *b);

/*
 * What to do when the host cannot write: `fn` gets the error as -errno on the thread that waits for
 * the request. True: try again; false, or without this: the request ends with the error.
 */
void blk_on_write_error(struct blk *b, bool (*fn)(void *opaque, struct blk *b, int error),
                        void *opaque);

u64 blk_sectors(const struct blk *b); /* 512-byte sectors, rounded up */
bool blk_is_read_only(const struct blk *b);
const char *blk_name(const struct blk *b); /* the path as opened */

/*
 * Synchronous access; count in sectors. Comes after everything started before it. Reading past the
 * end gives zeros; a write that does not fit fails whole with -ENOSPC, one to a read-only image
 * with -EROFS.
 */
int blk_read(struct blk *b, u64 sector, u32 count, void *data);
int blk_write(struct blk *b, u64 sector, u32 count, const void *data);
int blk_flush(struct blk *b);

/* One transfer under way. Zeroed before first use; reusable after blk_finish. */
struct blk_request {
    struct blk *blk;
    u64 sector;
    u32 count;
    bool is_write;
    bool is_flush;
    void *data; /* caller's buffer of count * 512 bytes, untouched until blk_finish */
    int result;
    u32 status; /* the worker's business */
    struct blk_request *next;
};

void blk_start_read(struct blk *b, struct blk_request *r, u64 sector, u32 count, void *data);
void blk_start_write(struct blk *b, struct blk_request *r, u64 sector, u32 count, void *data);
/* What was written before it is on the medium when this finishes: a guest's FLUSH CACHE. */
void blk_start_flush(struct blk *b, struct blk_request *r);
/* Wait for the host if need be; returns 0 or -errno. */
int blk_finish(struct blk_request *r);
/* True if blk_finish would not wait. */
bool blk_is_done(struct blk_request *r);

/*
 * Pre-images: who wants to go back to what an image held at some moment keeps what is overwritten.
 * Before each write `fn` gets the old contents of the range, sectors in the order in which they are
 * written, on whichever thread serves the request; never twice at once for one image. A long write
 * may come as several pieces, all of them before any of it is written. Sectors may be overwritten
 * with what they hold. An error (-errno) fails the write, which has changed nothing then: so
 * nothing is overwritten that was not kept.
 */
typedef int (*blk_preimage_fn)(void *opaque, u64 sector, u32 count, const void *old);

/* From now on, after what was started before. 0 or -ENOMEM. */
int blk_add_preimage_sink(struct blk *b, blk_preimage_fn fn, void *opaque);
/* No more calls after this returns. */
void blk_remove_preimage_sink(struct blk *b, blk_preimage_fn fn, void *opaque);
/*
 * A sink that also hears the end of each write, good or bad, and that the image is being closed:
 * the last call it gets. The watch is the caller's; taken out with blk_unwatch.
 */
struct blk_watch {
    struct blk_watch *next;
    blk_preimage_fn before;
    void (*written)(void *opaque); /* these two may be NULL */
    void (*closing)(void *opaque);
    void *opaque;
    /* Set inside one of the functions: has heard enough, is taken out and told `closing`. */
    bool finished;
    bool owned; /* by blk.c */
};
void blk_watch(struct blk *b, struct blk_watch *w);
void blk_unwatch(struct blk *b, struct blk_watch *w);
/* For a sink, inside its functions only: more of what the image holds, and blk_file_time. */
int blk_preimage_peek(struct blk *b, u64 sector, u32 count, void *data);
bool blk_preimage_time(struct blk *b, u64 *size, s64 *mtime_ns);
/*
 * Give sectors their old contents back. A write like any other, which all sinks see, except that it
 * is not the guest's: it is in no statistics, and errors are only returned. Comes after everything
 * started before it.
 */
int blk_restore_sectors(struct blk *b, u64 sector, u32 count, const void *data);

/* ---- For snapshots ---- */

struct blk_overlay;

/*
 * The writes that are kept in memory (blk_overlay.h), NULL if they go to the file. Ours, and
 * changing with every write. Waits for what was started.
 */
const struct blk_overlay *blk_private_writes(struct blk *b);
/* Others in their place, made for as many sectors; returns the old ones, the caller's now. */
struct blk_overlay *blk_swap_private_writes(struct blk *b, struct blk_overlay *o);
/* What the file holds, without what is kept in memory over it. As blk_read, but not counted. */
int blk_read_file(struct blk *b, u64 sector, u32 count, void *data);
/* Size and time of the last change of the file; false if there is none. */
bool blk_file_time(struct blk *b, u64 *size, s64 *mtime_ns);
/* While frozen, requests end at once and well, but nothing is read or written. */
void blk_freeze(struct blk *b, bool frozen);

/* ---- For another process that goes on from the same moment ---- */

/*
 * A disk as it is now, in descriptors that can be sent away: the image, and what it held before it
 * was overwritten (sector_file.h). `alive` is a pipe that breaks when nobody needs that any more.
 * Each is -1 if there is none. As long as one process has `image` open, it stays locked.
 */
struct blk_share {
    int image, kept, alive;
    u64 sectors, size;
    s64 mtime_ns;
    bool read_only;
};

/*
 * Share the image, without what is kept in memory over it. If we may write to it some time, what it
 * holds is kept first, from now on; of sectors over which something lies in memory, perhaps that.
 * Waits for what was started. 0, or -errno and nothing is shared.
 */
int blk_share(struct blk *b, struct log *log, struct blk_share *out);
void blk_share_close(struct blk_share *s);
/*
 * The disk of a share, which is taken over; its writes are kept in memory. NULL if the host has no
 * memory: the share is the caller's still.
 */
struct blk *blk_open_share(const char *name, const struct blk_share *s);

/* Statistics for LEDs and "info block". */
struct blk_stats {
    u64 reads, writes, sectors_read, sectors_written;
};
void blk_get_stats(const struct blk *b, struct blk_stats *out);

#endif
