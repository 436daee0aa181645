/*
 * What disks held, for the snapshots of a machine: one journal (devices/host/preimage.h) beside
 * each snapshot whose images can be written. It is FILE.disks or FILE.disks2 by turns, so that a
 * snapshot which is being replaced keeps its own until the new one is in place.
 */
#ifndef DEVICES_BOARD_SNAPJOURNAL_H
#define DEVICES_BOARD_SNAPJOURNAL_H

#include "base/types.h"

struct blk;
struct board;
struct preimage;
struct snapdisks;
struct snapjournal;

/*
 * From now on keep what is overwritten in the images of `d` that can be written, for the snapshot
 * `path`; fills in d->journal and d->id. *out is NULL if there is nothing to keep. False and one
 * sentence in err.
 */
bool snapjournal_begin(struct board *b, const char *path, struct snapdisks *d,
                       struct snapjournal **out, char *err, size_t err_size);
/* Any thread: bring journal and images to the medium, before the snapshot that relies on them. */
bool snapjournal_sync(struct snapjournal *j, const struct snapdisks *d);
/* Any thread, last of all: the snapshot is in place (true) or will not be. NULL is ignored. */
void snapjournal_end(struct snapjournal *j, bool good);
/* Any thread: the snapshot is in place; remove what an older one of that name kept. */
void snapjournal_tidy(const char *snapshot, const struct snapdisks *d);
/* Put away what is not needed any more; on the machine thread. */
void snapjournals_sweep(struct board *b);
void snapjournals_free(struct board *b);

/*
 * The journal of a snapshot that is to be loaded, from among those under way or from its file. NULL
 * in *out if there is none; else snapjournal_end when it is loaded or refused. False and one
 * sentence in err if it is damaged.
 */
bool snapjournal_find(struct board *b, const char *path, const struct snapdisks *d,
                      struct snapjournal **out, char *err, size_t err_size);
struct preimage *snapjournal_preimage(struct snapjournal *j);
/*
 * Go on keeping for a snapshot, which had this image in drive `slot`, without loading it. False and
 * the reason in err if the image is not as it was left.
 */
bool snapjournal_adopt(struct board *b, const char *path, const struct snapdisks *d, unsigned slot,
                       struct blk *blk, char *err, size_t err_size);
/* Go on keeping for it, in the images that are in the drives now. */
void snapjournal_attach(struct snapjournal *j, struct board *b, const struct snapdisks *d);

#endif
