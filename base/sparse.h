/*
 * Arrays as long as they may ever have to be, of which the host has memory for what was touched:
 * no growing, no moving, no check for room. They are left out of core dumps.
 */
#ifndef BASE_SPARSE_H
#define BASE_SPARSE_H

#include "base/types.h"

enum sparse_use {
    SPARSE_ANYHOW,    /* the host may choose its page size */
    SPARSE_SCATTERED, /* a huge page would be mostly empty, or slow to come */
    SPARSE_DENSE      /* filled from the front: huge pages are welcome */
};

/* So many bytes of zeros, at a page boundary. NULL if the host has no addresses left. */
void *sparse_new(size_t bytes, enum sparse_use use);
/* Zeros again, and the memory is the host's again. `p` and `bytes` in whole pages. */
void sparse_clear(void *p, size_t bytes);
/* `p` as sparse_new returned it for as many bytes; it may be NULL. */
void sparse_free(void *p, size_t bytes);

#endif
