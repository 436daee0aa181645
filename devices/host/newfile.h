/*
 * A file that is there whole or not at all: written beside its final place, brought to the medium,
 * then renamed. Whoever is killed on the way leaves the old file as it was.
 */
#ifndef DEVICES_HOST_NEWFILE_H
#define DEVICES_HOST_NEWFILE_H

#include "base/types.h"

struct newfile;

/* Whether there is something that is no plain file, which a rename would throw away. */
bool newfile_is_special(const char *path);

/*
 * Begin to replace `path`, through "PATH.part" in the same directory; only the user may read it.
 * NULL and one sentence in err: the directory cannot be written, somebody else is writing the same
 * file, or what is there is no plain file.
 */
struct newfile *newfile_create(const char *path, char *err, size_t err_size);
/* Append. False after an error, which newfile_commit will tell; then nothing is written any more.
 */
bool newfile_write(struct newfile *f, const void *data, size_t len);
bool newfile_failed(const struct newfile *f);
/* Bring it to the medium and to its place, or remove it and put one sentence in err. Frees. */
bool newfile_commit(struct newfile *f, char *err, size_t err_size);
/* Remove what was written. Frees. */
void newfile_abandon(struct newfile *f);

#endif
