/*
 * The host's side of faults in windows; see signal.h. A file of its own because <ucontext.h> and
 * the decoder both have a REG_RIP.
 */
#define _GNU_SOURCE
#include "jit/x64/signal.h"

#include <asm/prctl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    PF_WRITE = 1 << 1 /* of the page fault's error code; SDM Vol. 3A, "Page-Fault Exception" */
};

struct host_fault x64_read_fault(const void *info, const void *context)
{
    const greg_t *reg = ((const ucontext_t *)context)->uc_mcontext.gregs;

    return (struct host_fault){
        .rip = (u64)reg[REG_RIP],
        .address = (u64)(uintptr_t)((const siginfo_t *)info)->si_addr,
        .left = (u64)reg[REG_R15],
        .write = reg[REG_ERR] & PF_WRITE,
    };
}

void x64_go_on_at(void *context, const u8 *code)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)code;
}

/* Where the host has WRGSBASE for programs (Linux: HWCAP2_FSGSBASE), it takes 12 ns. */
void x64_aim_window(const u8 *base)
{
    enum { HAS_FSGSBASE = 1 << 1 };

    if (getauxval(AT_HWCAP2) & HAS_FSGSBASE)
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    else
        syscall(SYS_arch_prctl, ARCH_SET_GS, base);
}
