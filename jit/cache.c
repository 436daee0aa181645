/*
 * Memory for code: one memfd in two views, since no page is ever writable and executable at once.
 */
#define _GNU_SOURCE
#include "jit/private.h"

#include <sys/mman.h>
#include <unistd.h>

bool code_cache_open(struct code_cache *cc)
{
    *cc = (struct code_cache){.fd = memfd_create("bygone-code", MFD_CLOEXEC)};
    if (cc->fd < 0 || ftruncate(cc->fd, JIT_CODE_BYTES) < 0)
        goto refused;
    cc->write = mmap(NULL, JIT_CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cc->fd, 0);
    if (cc->write == MAP_FAILED)
        goto refused;
    cc->exec = mmap(NULL, JIT_CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, cc->fd, 0);
    if (cc->exec == MAP_FAILED) {
        munmap(cc->write, JIT_CODE_BYTES);
        goto refused;
    }
    madvise(cc->write, JIT_CODE_BYTES, MADV_DONTDUMP);
    cc->hot_end = JIT_CODE_BYTES / 2;
    cc->cold = cc->hot_end;
    cc->cold_end = JIT_CODE_BYTES;
    return true;

refused:
    if (cc->fd >= 0)
        close(cc->fd);
    *cc = (struct code_cache){.fd = -1};
    return false;
}

void code_cache_close(struct code_cache *cc)
{
    if (!cc->write)
        return;
    munmap(cc->write, JIT_CODE_BYTES);
    munmap((void *)(uintptr_t)cc->exec, JIT_CODE_BYTES);
    close(cc->fd);
}
