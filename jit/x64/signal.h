/*
 * A host's page fault in translated code, as its signal handler finds it.
 */
#ifndef JIT_X64_SIGNAL_H
#define JIT_X64_SIGNAL_H

#include "base/types.h"

struct host_fault {
    u64 rip, address;
    u64 left; /* what H_LEFT holds */
    bool write;
};

/* `info` and `context` as a handler gets them from SA_SIGINFO. */
struct host_fault x64_read_fault(const void *info, const void *context);
/* When the handler returns, the host goes on at `code`; flags and registers stay. */
void x64_go_on_at(void *context, const u8 *code);
/* Aim GS at a window. */
void x64_aim_window(const u8 *base);

#endif
