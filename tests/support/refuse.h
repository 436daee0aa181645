/* A host that refuses system calls, for tests of what happens then. */
#ifndef TESTS_SUPPORT_REFUSE_H
#define TESTS_SUPPORT_REFUSE_H

#include "base/types.h"

/*
 * From now on this process's calls of SYS_mmap or SYS_mprotect for just `prot` fail with `error`.
 * Skips the test where the host has no such filters.
 */
void refuse_mapping(u32 call, u32 prot, u16 error);

#endif
