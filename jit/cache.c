/*
 * Memory for code: the same pages in two views, since no page is ever writable and executable at
 * once; and behind the one to execute, where code reaches it from the same base, the table of
 * jumps. It is shared anonymous memory and no memfd, because perf takes the names of
 * /tmp/perf-PID.map for anonymous memory alone (tools/perf/util/map.c, is_anon_memory).
 */
#define _GNU_SOURCE
#include "jit/private.h"

#include <sys/mman.h>

bool code_cache_open(struct code_cache *cc)
{
    void *all, *exec, *write;

    *cc = (struct code_cache){0};
    all = mmap(NULL, JIT_CODE_BYTES + JUMP_TABLE_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return false;
    exec = mmap(all, JIT_CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
                -1, 0);
    if (exec == MAP_FAILED) {
        munmap(all, JIT_CODE_BYTES + JUMP_TABLE_BYTES);
        return false;
    }
    /* An old size of 0 maps shared pages once more (mremap(2)). */
    write = mremap(exec, 0, JIT_CODE_BYTES, MREMAP_MAYMOVE);
    if (write == MAP_FAILED) {
        munmap(all, JIT_CODE_BYTES + JUMP_TABLE_BYTES);
        return false;
    }
    cc->exec = exec;
    cc->write = write;
    cc->jumps = (u32 *)((u8 *)all + JIT_CODE_BYTES);
    cc->hot_end = JIT_CODE_BYTES / 2;
    cc->cold = cc->hot_end;
    cc->cold_end = JIT_CODE_BYTES;
    if (mprotect(write, JIT_CODE_BYTES, PROT_READ | PROT_WRITE)) {
        code_cache_close(cc);
        return false;
    }
    madvise(write, JIT_CODE_BYTES, MADV_DONTDUMP);
    madvise(all, JIT_CODE_BYTES + JUMP_TABLE_BYTES, MADV_DONTDUMP);
    return true;
}

void code_cache_close(struct code_cache *cc)
{
    if (!cc->write)
        return;
    munmap(cc->write, JIT_CODE_BYTES);
    munmap((void *)(uintptr_t)cc->exec, JIT_CODE_BYTES + JUMP_TABLE_BYTES);
    *cc = (struct code_cache){0};
}
