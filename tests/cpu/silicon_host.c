/*
 * The host's side of the silicon differential.
 *
 * A case is entered and left through signals: INT3 in host_run brings us into the handler, which
 * replaces the interrupted context by the guest's registers, and returning from the signal starts
 * the guest's code. Whatever ends it raises a signal again; the handler takes the registers out of
 * that context and puts the old one back. So every register, x87 state included, goes through the
 * kernel's signal frame, exactly.
 *
 * FS is the trap: the guest may load it, and with it goes our thread-local storage. The handler
 * restores its base before anything else.
 */
#define _GNU_SOURCE
#define REG_RIP INSN_REG_RIP /* libc has another */
#include "tests/cpu/silicon.h"
#undef REG_RIP

#include "base/bytes.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* The address sanitizer's shadow lies in the low 4 GiB: no place for an arena with holes. */
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

enum { PHASE_OURS, PHASE_GUEST };
enum { TICK_US = 100000, TICKS_MAX = 3, FX_BYTES = 512, FX_ST = 32 };

/* One for the process, like the signal handlers that use it. */
static struct {
    volatile int phase;
    const struct silicon_state *in;
    struct silicon_result *out;
    unsigned ticks;
    u64 fs_base;
    bool has_ldt;
    u32 percpu_limit;
    /* Our own context while the guest runs. */
    gregset_t gregs;
    u8 fx[FX_BYTES];
    u64 xstate_bv;
    u8 *code_alias, *ro_alias;
    u8 *cleared_from;
    size_t cleared_len;
} host;

static void load_context(ucontext_t *uc, const struct silicon_state *s)
{
    greg_t *g = uc->uc_mcontext.gregs;
    u8 *fx = (u8 *)uc->uc_mcontext.fpregs;
    u64 bv;

    memcpy(host.gregs, g, sizeof host.gregs);
    memcpy(host.fx, fx, FX_BYTES);
    memcpy(&host.xstate_bv, fx + FX_BYTES, 8);
    g[REG_RAX] = s->gpr[RAX];
    g[REG_RCX] = s->gpr[RCX];
    g[REG_RDX] = s->gpr[RDX];
    g[REG_RBX] = s->gpr[RBX];
    g[REG_RSP] = s->gpr[RSP];
    g[REG_RBP] = s->gpr[RBP];
    g[REG_RSI] = s->gpr[RSI];
    g[REG_RDI] = s->gpr[RDI];
    g[REG_RIP] = s->eip;
    g[REG_EFL] = s->eflags;
    g[REG_CSGSFS] = s->sel[SEG_CS] | (greg_t)s->sel[SEG_SS] << 48;
    put_le16(fx, s->fpu.cw);
    put_le16(fx + 2, s->fpu.sw);
    fx[4] = s->fpu.tags;
    for (unsigned i = 0; i < 8; i++)
        memcpy(fx + FX_ST + i * 16, s->fpu.st[i], 10);
    bv = host.xstate_bv | 1; /* x87 is in use: take it from the image */
    memcpy(fx + FX_BYTES, &bv, 8);
}

static void save_context(const ucontext_t *uc, struct silicon_result *r)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    const u8 *fx = (const u8 *)uc->uc_mcontext.fpregs;
    struct silicon_state *s = &r->state;

    s->gpr[RAX] = (u32)g[REG_RAX];
    s->gpr[RCX] = (u32)g[REG_RCX];
    s->gpr[RDX] = (u32)g[REG_RDX];
    s->gpr[RBX] = (u32)g[REG_RBX];
    s->gpr[RSP] = (u32)g[REG_RSP];
    s->gpr[RBP] = (u32)g[REG_RBP];
    s->gpr[RSI] = (u32)g[REG_RSI];
    s->gpr[RDI] = (u32)g[REG_RDI];
    s->eip = (u32)g[REG_RIP];
    s->eflags = (u32)g[REG_EFL];
    s->sel[SEG_CS] = (u16)g[REG_CSGSFS];
    s->sel[SEG_SS] = (u16)((u64)g[REG_CSGSFS] >> 48);
    s->fpu.cw = get_le16(fx);
    s->fpu.sw = get_le16(fx + 2);
    s->fpu.tags = fx[4];
    for (unsigned i = 0; i < 8; i++)
        memcpy(s->fpu.st[i], fx + FX_ST + i * 16, 10);
    r->vector = (u32)g[REG_TRAPNO];
    r->error = (u32)g[REG_ERR];
    r->cr2 = (u32)g[REG_CR2];
}

static void restore_context(ucontext_t *uc)
{
    u8 *fx = (u8 *)uc->uc_mcontext.fpregs;

    memcpy(uc->uc_mcontext.gregs, host.gregs, sizeof host.gregs);
    memcpy(fx, host.fx, FX_ST + 8 * 16);
    memcpy(fx + FX_BYTES, &host.xstate_bv, 8);
}

/* ARCH_SET_FS without libc, which needs FS. */
static inline void set_fs_base(u64 base)
{
    long r = SYS_arch_prctl;

    __asm__ volatile("syscall"
                     : "+a"(r)
                     : "D"((long)ARCH_SET_FS), "S"(base)
                     : "rcx", "r11", "memory");
}

__attribute__((no_stack_protector)) static void on_signal(int sig, siginfo_t *info, void *opaque)
{
    ucontext_t *uc = opaque;
    u16 ds, es, fs, gs;

    /* A signal leaves the guest's AC and NT on. */
    __asm__ volatile("pushf\n\tandl $0xFFFBBFFF, (%%rsp)\n\tpopf" : : : "memory", "cc");
    if (host.phase == PHASE_OURS) {
        if (sig == SIGALRM)
            return;
        if (sig != SIGTRAP) { /* our own mistake: die of it */
            signal(sig, SIG_DFL);
            return;
        }
        load_context(uc, host.in);
        host.phase = PHASE_GUEST;
        host.ticks = 0;
        __asm__ volatile("mov %0, %%ds\n\tmov %1, %%es\n\tmov %2, %%gs\n\tmov %3, %%fs"
                         :
                         : "r"((u32)host.in->sel[SEG_DS]), "r"((u32)host.in->sel[SEG_ES]),
                           "r"((u32)host.in->sel[SEG_GS]), "r"((u32)host.in->sel[SEG_FS]));
        return;
    }
    __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3"
                     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    if (sig == SIGALRM && ++host.ticks < TICKS_MAX)
        return;
    set_fs_base(host.fs_base);
    save_context(uc, host.out);
    host.out->timeout = sig == SIGALRM;
    host.out->state.sel[SEG_DS] = ds;
    host.out->state.sel[SEG_ES] = es;
    host.out->state.sel[SEG_FS] = fs;
    host.out->state.sel[SEG_GS] = gs;
    restore_context(uc);
    host.phase = PHASE_OURS;
}

static bool set_ldt(unsigned n)
{
    const struct ldt_entry *e = &silicon_ldt[n];
    struct user_desc d = {
        .entry_number = n,
        .base_addr = e->base,
        .limit = e->limit,
        .seg_32bit = e->big,
        .contents = (e->code ? 2u : 0u) | (e->expand_down ? 1u : 0u),
        .read_exec_only = e->read_only,
        .limit_in_pages = e->pages,
        .seg_not_present = e->not_present,
    };

    return !syscall(SYS_modify_ldt, 0x11, &d, sizeof d);
}

static bool map_at(u32 la, size_t bytes, int prot, int fd, off_t offset)
{
    void *want = (void *)(uintptr_t)la;

    return mmap(want, bytes, prot, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, offset) ==
           want;
}

/* Code and read-only pages have a second, writable mapping for us. */
static const char *map_arena(void)
{
    int fd = memfd_create("silicon", 0);
    u8 *alias;

    if (fd < 0 || ftruncate(fd, ARENA_END - ARENA_CODE))
        return "no memory for the arena";
    alias = mmap(NULL, ARENA_END - ARENA_CODE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (alias == MAP_FAILED)
        return "no memory for the arena";
    host.code_alias = alias;
    host.ro_alias = alias + (ARENA_RO - ARENA_CODE);
    memset(alias, FILLER, ARENA_CODE_BYTES);
    if (!map_at(ARENA_CODE, ARENA_CODE_BYTES, PROT_READ | PROT_EXEC, fd, 0) ||
        !map_at(ARENA_DATA, ARENA_DATA_BYTES, PROT_READ | PROT_WRITE, fd,
                ARENA_DATA - ARENA_CODE) ||
        !map_at(ARENA_RO, ARENA_RO_BYTES, PROT_READ, fd, ARENA_RO - ARENA_CODE) ||
        !map_at(ARENA_STACK, ARENA_STACK_BYTES, PROT_READ | PROT_WRITE, fd,
                ARENA_STACK - ARENA_CODE))
        return "the host keeps the arena's addresses for itself";
    close(fd);
    return NULL;
}

static const char *install_handlers(void)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGALRM};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    stack_t stack = {.ss_size = 1 << 16};

    stack.ss_sp =
        mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL))
        return "no signal stack";
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (sigaction(signals[i], &sa, NULL))
            return "no signal handler";
    setitimer(ITIMER_REAL, &tick, NULL);
    return NULL;
}

/* Stay on one processor: its number is in a segment that the guest can see. */
static void stay_here(void)
{
    unsigned cpu = 0, node = 0;
    cpu_set_t set;

    getcpu(&cpu, &node);
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (!sched_setaffinity(0, sizeof set, &set))
        host.percpu_limit = cpu | node << 12;
}

u32 host_percpu_limit(void)
{
    return host.percpu_limit;
}

const char *host_open(void)
{
    const char *error = map_arena();
    unsigned n;

    stay_here();
    if (error)
        return error;
    if (syscall(SYS_arch_prctl, ARCH_GET_FS, &host.fs_base))
        return "arch_prctl fails";
    host.has_ldt = true;
    for (n = 0; n < silicon_ldt_count; n++)
        host.has_ldt = host.has_ldt && set_ldt(n);
    return install_handlers();
}

bool host_has_ldt(void)
{
    return host.has_ldt;
}

static void swap_memory(u8 *memory, bool in)
{
    static const struct {
        u32 la, bytes;
    } piece[] = {{ARENA_DATA, ARENA_DATA_BYTES}, {ARENA_STACK, ARENA_STACK_BYTES}};

    for (size_t i = 0; i < ARRAY_LEN(piece); memory += piece[i++].bytes) {
        void *p = (void *)(uintptr_t)piece[i].la;

        memcpy(in ? p : memory, in ? memory : p, piece[i].bytes);
    }
    if (in)
        memcpy(host.ro_alias, memory, ARENA_RO_BYTES);
}

void host_run(const struct silicon_code *code, const struct silicon_state *in, u8 *memory,
              struct silicon_result *out)
{
    u8 *alias = host.code_alias + (code->la - ARENA_CODE);

    memset(out, 0, sizeof *out);
    swap_memory(memory, true);
    memcpy(alias, code->bytes, code->len);
    host.in = in;
    host.out = out;
    /* NT and ID are the guest's to leave behind, and a signal's return does not clear them. */
    __asm__ volatile("pushf\n\tandl $0xFFDFBFFF, (%%rsp)\n\tpopf\n\tint3" : : : "memory", "cc");
    memset(alias, FILLER, code->len);
    swap_memory(memory, false);
}

#else

const char *host_open(void)
{
    return "not x86-64 Linux, or built with the address sanitizer";
}

bool host_has_ldt(void)
{
    return false;
}

u32 host_percpu_limit(void)
{
    return 0;
}

void host_run(const struct silicon_code *code, const struct silicon_state *in, u8 *memory,
              struct silicon_result *out)
{
    memset(out, 0, sizeof *out);
}

#endif
