/*
 * Windows, from the translator's side: when they are used, and what happens when translated code
 * touches a page that is not shown.
 *
 *   translated code: mov eax, gs:[...]  --host's page fault-->  on_fault
 *     T has an entry for the page:  show it, and the instruction goes on as if nothing had been
 *     else:                         the "fault" stub, which stores all state, then
 *                                   jit_window_fault: the instruction's handler does the access;
 *                                   where the page cannot be shown (chip registers, pages with
 *                                   watchpoints) or faults have cost enough, that place in the code
 *                                   uses T from now on
 *
 * The instruction that faulted has changed nothing yet; its place, and where the flags are, is told
 * by the table of sites, in the order of host addresses.
 */
#include "base/log.h"
#include "base/sparse.h"
#include "cpu/fault.h"
#include "cpu/fpu_inline.h"
#include "jit/private.h"
#include "jit/x64/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/*
 * Counts of instructions since all was dropped last before a window is worth filling: what it costs
 * (8 us a page on the machine where this was chosen) must come back before the next time.
 */
enum { CALM_PAGED = 20000000, CALM_UNPAGED = 1000000 };

/* Faults that a window may cost: at once, and one more for so many instructions. */
enum { FAULTS_AT_ONCE = 4096, INSTRUCTIONS_PER_FAULT = 1000000 };

/* Pages that are taken back are counted in periods of 2^this instructions. */
enum { PERIOD_SHIFT = 28 };

#define WROTE (1ull << 63) /* in W_FAULT_ADDRESS */

/* The signal handler's way to the machine that runs on this thread. */
static __thread struct jit *running;

static struct sigaction before;

/* ---- The host's page faults ---- */

static bool in_cache(const struct jit *j, u64 rip)
{
    u64 from = (u64)(uintptr_t)j->code.exec;

    return rip >= from && rip < from + j->code.hot_end;
}

static bool is_always(const struct jit *j)
{
    return j->windows.mode == WINDOWS_ALWAYS || j->windows.mode == WINDOWS_PARANOID;
}

/* Has the window been worth it so far? Where it is always used, until a test says no. */
static bool may_cost_more(struct jit *j, enum mmu_class class, u64 count)
{
    u64 since = count - j->windows.on_at[class];

    if (is_always(j))
        return j->windows.faults[class] < FAULTS_SPENT;
    return j->windows.faults[class]++ < FAULTS_AT_ONCE + since / INSTRUCTIONS_PER_FAULT;
}

/* True if the host may go on, where it was or at the stub. */
static bool handle(struct jit *j, const void *info, void *context)
{
    struct host_fault f = x64_read_fault(info, context);
    struct cpu *c = j->c;
    const struct window *w = &c->mmu.window[c->mmu.class];
    u64 at = f.address - (u64)(uintptr_t)w->base;

    if (!w->base || !in_cache(j, f.rip) || at > UINT32_MAX + (u64)WINDOW_GUARD)
        return false;
    j->stat.window_faults++;
    j->windows.dear = !may_cost_more(j, c->mmu.class, c->engine_word[W_LIMIT] - f.left);
    if (at <= UINT32_MAX && !j->windows.dear && mmu_show(&c->mmu, (u32)at, f.write))
        return true;
    c->engine_word[W_FAULT_CODE] = f.rip - (u64)(uintptr_t)j->code.exec;
    c->engine_word[W_FAULT_ADDRESS] = at | (f.write ? WROTE : 0);
    x64_go_on_at(context, j->fault);
    return true;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;

    if (running && handle(running, info, context)) {
        errno = saved_errno;
        return;
    }
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal);
    else
        sigaction(signal, &before, NULL); /* it happens again, and ends us as it should */
    errno = saved_errno;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before);
}

/* ---- The instruction that could not have its page ---- */

/* The last site at or before the code at `offset`. */
static const struct window_site *site_at(const struct jit *j, u32 offset)
{
    u32 low = 0, high = j->windows.sites;

    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;

        if (j->windows.site[middle].code <= offset)
            low = middle;
        else
            high = middle;
    }
    return &j->windows.site[low];
}

static void note_x87(struct cpu *c, const struct run *r, u32 base, int index)
{
    const struct insn *in = &r->insn[index];

    c->fpu.fip = (u32)(base + r->offset + in->offset_in_run);
    c->fpu.fcs = c->seg[SEG_CS].sel;
    c->fpu.fop = fpu_opcode(in);
}

/* From now on the instruction reaches memory through T. */
static void leave_to_table(struct jit *j, struct block *b, unsigned index)
{
    struct run *r;

    if (!b->run)
        return;
    r = trace_origin(b, &index);
    if (!r)
        return;
    j->stat.window_refused++;
    r->tables |= 1ull << index;
    jit_drop_blocks(j, r);
}

u64 jit_window_fault(struct cpu *c)
{
    struct jit *j = c->engine_data;
    const struct window_site *s = site_at(j, (u32)c->engine_word[W_FAULT_CODE]);
    struct block *b = (struct block *)(j->blocks + s->block);
    struct run *r = b->code_of;
    const struct insn *in = &r->insn[s->index];
    enum mmu_class class = c->mmu.class;
    u64 at = c->engine_word[W_FAULT_ADDRESS] & ~WROTE;
    bool write = c->engine_word[W_FAULT_ADDRESS] & WROTE;
    u32 base = (u32)c->engine_word[W_BASE];
    s32 rest = s->counted ? r->count - s->index : -(s32)s->index;

    if ((c->mode & MODE_CODE_SIZE) == CODE16)
        base = b->base16;
    if (s->flags_in_host)
        c->aflags = (u16)c->engine_word[W_FAULT_FLAGS];
    if (s->noted >= 0)
        note_x87(c, r, base, s->noted);
    jit_take_over(c, r, in, rest, base);
    if (unlikely(!optab_rows[in->row].handler(c, in)))
        return fault_deliver(c) ? jit_onward(c) : jit_leave(j, ENGINE_SHUTDOWN);
    c->count += c->run_index + 1;
    c->run_index = 0;
    c->rip = c->next_rip;
    if (class == c->mmu.class && c->mmu.window[class].on &&
        (j->windows.dear || at > UINT32_MAX || !mmu_show(&c->mmu, (u32)at, write)))
        leave_to_table(j, b, s->index);
    if (unlikely(j->often.one_in))
        jit_disturb_perhaps(j);
    return jit_onward(c);
}

/* ---- Using windows ---- */

static void shown_wrongly(void *opaque, const char *text)
{
    struct jit *j = opaque;

    log_error(j->c->log, "jit", "%s, at instruction %llu", text, (unsigned long long)j->c->count);
    abort();
}

void jit_windows_mode(struct cpu *c, enum jit_windows mode)
{
    struct jit *j = c->engine_data;

    j->windows.mode = mode;
    c->mmu.window_writes = true;
    for (int i = 0; i < MMU_CLASSES; i++)
        window_clear(&c->mmu.window[i]);
    if (!mmu_check_windows(&c->mmu, mode == WINDOWS_PARANOID ? shown_wrongly : NULL, j))
        log_warn(c->log, "jit", "the host refuses the memory for checks of windows");
}

/* True if the window can be used. */
static bool open_window(struct jit *j, struct window *w)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (!w->base && !window_open(w)) {
        if (j->windows.mode == WINDOWS_AUTO)
            log_trace(j->c->log, "jit", "the host refuses the memory for windows; none are used");
        else
            log_warn(j->c->log, "jit", "the host refuses the memory for windows; none are used");
        j->windows.mode = WINDOWS_OFF; /* T is always there */
        return false;
    }
    pthread_once(&once, install);
    return true;
}

static void consider(struct jit *j, enum mmu_class class)
{
    struct cpu *c = j->c;
    struct window *w = &c->mmu.window[class];
    u64 calm = c->mmu.paging.enabled ? CALM_PAGED : CALM_UNPAGED;

    if (w->clears != j->windows.clears[class]) {
        j->windows.clears[class] = w->clears;
        j->windows.calm_from[class] = c->count;
    }
    if (!is_always(j) && c->count - j->windows.calm_from[class] < calm)
        return;
    if (j->windows.mode == WINDOWS_OFF) /* the host has just refused the other one */
        return;
    if (!open_window(j, w))
        return;
    w->on = true;
    j->windows.on_at[class] = c->count;
    j->windows.faults[class] = 0;
}

void jit_windows_begin(struct jit *j)
{
    struct mmu *m = &j->c->mmu;

    running = j;
    j->windows.base = NULL;
    if (j->windows.mode == WINDOWS_OFF)
        return;
    for (int i = 0; i < MMU_CLASSES; i++) {
        m->window[i].period = j->c->count >> PERIOD_SHIFT & 7;
        if (!m->window[i].on)
            consider(j, (enum mmu_class)i);
    }
}

void jit_windows_end(void)
{
    running = NULL;
}

bool jit_windows_open(struct jit *j)
{
    j->windows.site = sparse_new(WINDOW_SITES_MAX * sizeof *j->windows.site, SPARSE_ANYHOW);
    if (!j->windows.site)
        return false;
    j->c->mmu.window_writes = true;
    return true;
}

void jit_windows_close(struct jit *j)
{
    sparse_free(j->windows.site, WINDOW_SITES_MAX * sizeof *j->windows.site);
}
