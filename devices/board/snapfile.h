/*
 * The file of a snapshot: a header and named, versioned sections, each with its length and
 * checksum. What is in the sections is the business of others. docs/snapshot-format.md draws it.
 */
#ifndef DEVICES_BOARD_SNAPFILE_H
#define DEVICES_BOARD_SNAPFILE_H

#include "base/types.h"

enum { SNAPFILE_FORMAT = 1, SNAPFILE_NAME_MAX = 23 };

/* ---- Writing ---- */

struct snapfile_writer;

/* Begin; see newfile_create. */
struct snapfile_writer *snapfile_create(const char *path, char *err, size_t err_size);
/*
 * Append a section, compressed if that makes it smaller. Those of one name are counted from 0 in
 * the order of writing. Errors are told by snapfile_finish; true as long as there is none.
 */
bool snapfile_put(struct snapfile_writer *w, const char *name, u32 version, const void *data,
                  size_t len);
/* What was to be written is not all there, for want of memory: snapfile_finish shall fail. */
void snapfile_spoil(struct snapfile_writer *w);
/* Bring it to the medium and its place, or remove it, with one sentence in err. Frees. */
bool snapfile_finish(struct snapfile_writer *w, char *err, size_t err_size);
void snapfile_abandon(struct snapfile_writer *w);

/* ---- Reading ---- */

struct snapfile;

/* A kind of section that the reader knows. */
struct snapfile_kind {
    const char *name;
    u32 version;     /* the newest known */
    u64 max_bytes;   /* longer ones are refused, before any memory is asked for */
    u32 least, most; /* how many there must and may be */
};

/*
 * Open, and check the headers of all sections against `kinds` (ends with a row without a name).
 * NULL and one sentence in err: what is not as it should be, and what to do. Contents are checked
 * when they are read.
 */
struct snapfile *snapfile_open(const char *path, const struct snapfile_kind *kinds, char *err,
                               size_t err_size);
void snapfile_close(struct snapfile *f);
/* How many sections of that name there are. */
u32 snapfile_count(const struct snapfile *f, const char *name);
/*
 * The contents of section `index` of that name, to be freed, with *len bytes and a zero byte
 * behind. NULL and one sentence in err if there is none or it is damaged.
 */
void *snapfile_read(struct snapfile *f, const char *name, u32 index, size_t *len, char *err,
                    size_t err_size);

#endif
