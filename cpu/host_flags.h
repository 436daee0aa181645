/*
 * Taking results and flags, the undefined ones included, from the host's own instruction, on hosts
 * that have it. The flags travel in AX in the form of cpu->aflags: LAHF's byte above, OF below.
 */
#ifndef CPU_HOST_FLAGS_H
#define CPU_HOST_FLAGS_H

#if defined(__x86_64__)
#define HOST_IS_X86 1
/* 127 + 1 overflows, 127 + 0 does not; SAHF leaves OF alone. */
#define HOST_LOAD_FLAGS  "addb $127, %%al\n\tsahf\n\t"
#define HOST_STORE_FLAGS "\n\tlahf\n\tseto %%al"
#else
#define HOST_IS_X86 0
#endif

#endif
