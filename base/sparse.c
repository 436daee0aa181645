#include "base/sparse.h"

#include <sys/mman.h>

void *sparse_new(size_t bytes, enum sparse_use use)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_DONTDUMP);
    if (use != SPARSE_ANYHOW)
        madvise(p, bytes, use == SPARSE_DENSE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return p;
}

void sparse_clear(void *p, size_t bytes)
{
    madvise(p, bytes, MADV_DONTNEED);
}

void sparse_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes);
}
