/*
 * Pre-images in a file: what disks held at some moment, kept as it is overwritten, so that they can
 * be brought back. The old contents are on the medium before the new ones reach the image.
 *
 * The file also knows what each image looked like after our last write, whoever is killed when; so
 * a change by somebody else does not go unseen.
 */
#ifndef DEVICES_HOST_PREIMAGE_H
#define DEVICES_HOST_PREIMAGE_H

#include "base/types.h"

struct blk;
struct log;
struct preimage;

enum {
    PREIMAGE_SLOTS = 6,     /* images in one file */
    PREIMAGE_CLUSTER = 128, /* sectors that are kept in one piece */
    PREIMAGE_ID_BYTES = 16,
};

/*
 * A new file, replacing what is there; `id` is found again by preimage_open. NULL and one sentence
 * in err.
 */
struct preimage *preimage_create(const char *path, const u8 id[PREIMAGE_ID_BYTES], struct log *log,
                                 char *err, size_t err_size);
/*
 * One that preimage_create made, for images of so many sectors (0: none in that slot). Everything
 * in it is checked. NULL and one sentence in err; *missing tells whether it is that there is no
 * file.
 */
struct preimage *preimage_open(const char *path, const u8 id[PREIMAGE_ID_BYTES],
                               const u64 sectors[PREIMAGE_SLOTS], struct log *log, bool *missing,
                               char *err, size_t err_size);
/* Stop keeping, note how the images are now. */
void preimage_close(struct preimage *p);
const char *preimage_path(const struct preimage *p);
const u8 *preimage_id(const struct preimage *p);

/* Bring the file to the medium; any thread. False if the host cannot. */
bool preimage_sync(struct preimage *p);
/* Something could not be kept: it is of no use any more. */
bool preimage_is_void(const struct preimage *p);

/* Keep what is overwritten in `b` from now on, as long as it is open. False: out of memory. */
bool preimage_attach(struct preimage *p, unsigned slot, struct blk *b);
bool preimage_is_attached(const struct preimage *p, unsigned slot);
/* Whether a cluster has been kept, so that what the image holds there does not matter. */
bool preimage_has(struct preimage *p, unsigned slot, u64 cluster);
/*
 * Whether the image is as we left it. False and the reason in err: somebody else has written it, or
 * something could not be kept.
 */
bool preimage_check(struct preimage *p, unsigned slot, struct blk *b, char *err, size_t err_size);
/* Whether bringing the image back would change it. */
bool preimage_differs(struct preimage *p, unsigned slot, struct blk *b);
/* Bring the image back. 0 or -errno; what was done is done then, and can be done again. */
int preimage_apply(struct preimage *p, unsigned slot, struct blk *b);

#endif
