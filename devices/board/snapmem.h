/*
 * Guest memory in a snapshot: copied at a moment, written as unique pages, read back and put in
 * place. A copy is independent of the machine: workers compress it while the guest goes on.
 */
#ifndef DEVICES_BOARD_SNAPMEM_H
#define DEVICES_BOARD_SNAPMEM_H

#include "base/types.h"

struct physmap;
struct snapfile;
struct snapfile_writer;
struct snapmem;

enum {
    SNAPMEM_VERSION = 1,
    SNAPMEM_CHUNK_PAGES = 256, /* in one section */
    SNAPMEM_MOST_PAGES = 1 << 21,
};

/* Copy all frames, ROM too, so that a snapshot does not depend on files. NULL: no memory. */
struct snapmem *snapmem_capture(struct physmap *pm);
void snapmem_free(struct snapmem *m);
/* Sections "memory" and "pages". False: no memory, or see snapfile_finish. */
bool snapmem_write(struct snapmem *m, struct snapfile_writer *w);
/*
 * Read and check everything against the frames of `pm`, which is not changed. NULL and one sentence
 * in err.
 */
struct snapmem *snapmem_read(struct snapfile *f, const struct physmap *pm, char *err,
                             size_t err_size);
/* Give the frames their contents; cannot fail. `pm` is the one it was read for. */
void snapmem_restore(const struct snapmem *m, struct physmap *pm);

#endif
