/*
 * The translator made visible: what it has done so far, and a block as guest and host code.
 */
#include "jit/jit.h"

#include "jit/private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_ROWS = 20, DUMPS_MAX = 4, BYTES_SHOWN = 8 };

void jit_say(struct jit_text *t, const char *fmt, ...)
{
    va_list args;
    size_t used;
    int n;

    va_start(args, fmt);
    n = vsnprintf(t->at, t->room, fmt, args);
    va_end(args);
    if (n <= 0 || !t->room)
        return;
    used = (size_t)n < t->room ? (size_t)n : t->room - 1;
    t->at += used;
    t->room -= used;
}

static double percent(u64 part, u64 whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- What it has done ---- */

struct left {
    const char *name;
    u64 count;
};

static int more_first(const void *a, const void *b)
{
    u64 x = ((const struct left *)a)->count, y = ((const struct left *)b)->count;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Executions of each row by mnemonic, most first; returns how many mnemonics. */
static unsigned by_mnemonic(const u64 count[static ROW_COUNT], struct left left[static ROW_COUNT])
{
    unsigned n = 0, i;

    for (unsigned row = 0; row < ROW_COUNT; row++) {
        if (!count[row])
            continue;
        for (i = 0; i < n && strcmp(left[i].name, optab_rows[row].name) != 0; i++)
            ;
        if (i == n)
            left[n++] = (struct left){.name = optab_rows[row].name};
        left[i].count += count[row];
    }
    qsort(left, n, sizeof *left, more_first);
    return n;
}

static void say_left(const struct jit *j, const char *what, const u64 count[static ROW_COUNT],
                     struct jit_text *t)
{
    struct left *left = calloc(ROW_COUNT, sizeof *left);
    unsigned n = left ? by_mnemonic(count, left) : 0;

    if (n)
        jit_say(t, "%s, by mnemonic, with its share of all that was executed:\n", what);
    for (unsigned i = 0; i < n && i < TOP_ROWS; i++)
        jit_say(t, "  %-12s %12llu  %7.3f %%\n", left[i].name, (unsigned long long)left[i].count,
                percent(left[i].count, j->stat.executed));
    free(left);
}

/* Where the count ran out tells where the time goes. */
static void say_tiers(const struct jit *j, struct jit_text *t)
{
    const u64(*n)[2] = j->stat.sampled;
    u64 all = n[0][0] + n[0][1] + n[1][0] + n[1][1];

    jit_say(t, "traces        %llu made of more than one run\n",
            (unsigned long long)j->stat.traces);
    jit_say(t,
            "time          of %llu samples %.1f %% in blocks, %.1f %% in blocks by windows,\n"
            "              %.1f %% in traces, %.1f %% in traces by windows\n",
            (unsigned long long)all, percent(n[0][0], all), percent(n[0][1], all),
            percent(n[1][0], all), percent(n[1][1], all));
}

static void say_windows(const struct jit *j, struct jit_text *t)
{
    static const char *const name[MMU_CLASSES] = {"supervisor", "user"};
    const struct mmu_check *check = &j->c->mmu.check;

    jit_say(t, "window faults %llu, %llu places in the code gave up theirs\n",
            (unsigned long long)j->stat.window_faults, (unsigned long long)j->stat.window_refused);
    for (unsigned i = 0; i < MMU_CLASSES; i++) {
        const struct window *w = &j->c->mmu.window[i];

        jit_say(
            t, "  %-10s  %s, %u pieces; cleared %llu times, %llu mappings, %llu pages taken back\n",
            name[i], w->on ? "on" : "off", w->pieces, (unsigned long long)w->clears,
            (unsigned long long)w->shows, (unsigned long long)w->hides);
    }
    if (check->wrong)
        jit_say(t,
                "  checked     %llu times, %llu pages; %llu were others by then in the guest's "
                "tables, which it had not flushed\n",
                (unsigned long long)check->times, (unsigned long long)check->pages,
                (unsigned long long)check->stale);
}

size_t jit_describe(const struct cpu *c, char *out, size_t out_size)
{
    const struct jit *j = c->engine_data;
    struct jit_text t = {out, out_size};

    jit_say(&t, "blocks        %llu translated, %llu instructions, %llu killed, %llu flushes\n",
            (unsigned long long)j->stat.translated, (unsigned long long)j->stat.instructions,
            (unsigned long long)j->stat.killed, (unsigned long long)j->stat.flushes);
    jit_say(&t, "code          %zu KiB, and %zu KiB behind for what is rare; of %u KiB each\n",
            j->code.hot >> 10, (j->code.cold - j->code.hot_end) >> 10, JIT_CODE_BYTES / 2 >> 10);
    say_tiers(j, &t);
    jit_say(&t, "entered       %llu times, %llu links made, %llu misses in the table of jumps\n",
            (unsigned long long)j->stat.entered, (unsigned long long)j->stat.links,
            (unsigned long long)j->stat.jump_misses);
    jit_say(&t, "executed      %llu instructions, %.3f %% of them in blocks\n",
            (unsigned long long)j->stat.executed, percent(j->stat.in_blocks, j->stat.executed));
    jit_say(&t, "handlers      %llu calls, %.3f %% of all instructions\n",
            (unsigned long long)j->stat.helper_calls,
            percent(j->stat.helper_calls, j->stat.executed));
    jit_say(&t, "slow accesses %llu, %.3f %% of all instructions\n",
            (unsigned long long)j->stat.slow_calls, percent(j->stat.slow_calls, j->stat.executed));
    say_windows(j, &t);
    say_left(j, "left to handlers", j->helped, &t);
    say_left(j, "slow accesses", j->slowed, &t);
    return (size_t)(t.at - out);
}

/* ---- A block as guest and host code ---- */

/* The frame that holds the code at a linear address, looked up without leaving a trace. */
static frame_id frame_at(struct cpu *c, u64 la)
{
    enum mmu_class class = c->cpl == 3 ? MMU_USER : MMU_SUPERVISOR;
    struct walk w = {.gpa = la};

    if (c->mmu.paging.enabled && !mmu_walk(&c->mmu, la, MMU_FETCH, class, false, &w))
        return 0;
    return physmap_page(c->mmu.pm, w.gpa)->frame;
}

static bool covers(const struct block *b, frame_id frame, u32 offset)
{
    const struct run *r = b->code_of;

    if (!b->run || r->frame != frame)
        return false;
    for (unsigned i = 0; i < r->count; i++) {
        u32 at = (u32)r->offset + r->insn[i].offset_in_run;

        if (offset >= at && offset < at + r->insn[i].len)
            return true;
    }
    return false;
}

static void say_guest(const struct insn *cached, u64 la, enum code_size size, const u8 *bytes,
                      struct jit_text *t)
{
    struct insn in = *cached;
    char text[128];

    /* The run cache named the register that is always zero. */
    if (in.base == GPR_COUNT)
        in.base = REG_NONE;
    if (in.index == GPR_COUNT)
        in.index = REG_NONE;
    insn_format(&in, la, size, text, sizeof text);
    jit_say(t, "%08llx  ", (unsigned long long)la);
    for (unsigned i = 0; i < BYTES_SHOWN; i++)
        jit_say(t, i < in.len && bytes ? "%02x" : "  ", bytes ? bytes[i] : 0);
    jit_say(t, "%s%s\n", in.len > BYTES_SHOWN && bytes ? ".. " : "   ", text);
}

static void say_mode(u32 mode, struct jit_text *t)
{
    jit_say(t, "%s code%s%s%s%s", (mode & MODE_CODE_SIZE) == CODE16 ? "16-bit" : "32-bit",
            mode & MODE_V86         ? ", virtual-8086"
            : mode & MODE_PROTECTED ? ""
                                    : ", real mode",
            mode & MODE_USER ? ", CPL 3" : "", mode & MODE_FLAT ? ", flat segments" : "",
            mode & MODE_CS_FREE ? "" : ", CS binds branches");
}

/* Bytes of an instruction as far as they are shown; NULL where they go on in another page. */
static const u8 *bytes_of(struct cpu *c, const struct run *r, const struct insn *in)
{
    u32 at = (u32)r->offset + in->offset_in_run;

    if (r->frame2 || at + BYTES_SHOWN > PAGE_SIZE)
        return NULL;
    return frame_host(physmap_frame(c->mmu.pm, r->frame)) + at;
}

static void dump_block(struct cpu *c, const struct block *b, u64 page, struct jit_text *t)
{
    const struct jit *j = c->engine_data;
    const struct run *r = b->code_of;
    enum code_size size = run_mode(r) & MODE_CODE_SIZE;

    jit_say(t, "block %x:%03x, %u instructions, ", r->frame, r->offset, r->count);
    say_mode(run_mode(r), t);
    jit_say(t, "%s; %u bytes of host code and %u behind\n", b->window ? ", window" : "",
            (unsigned)(b->end - b->code), (unsigned)(b->cold_end - b->cold));
    if (b->hot[0])
        jit_say(t, "entries\n");
    x64_list(j, b, b->code, b->code + b->hot[0], t);
    for (unsigned i = 0; i < b->count; i++) {
        const struct insn *in = &r->insn[i];

        say_guest(in, (u32)(page + r->offset + in->offset_in_run), size, bytes_of(c, r, in), t);
        x64_list(j, b, b->code + b->hot[i], b->code + b->hot[i + 1], t);
    }
    if (b->code + b->hot[b->count] != b->end)
        x64_list(j, b, b->code + b->hot[b->count], b->end, t);
    jit_say(t, "behind\n");
    x64_list(j, b, b->cold, b->cold_end, t);
}

size_t jit_dump(struct cpu *c, u64 la, char *out, size_t out_size)
{
    const struct jit *j = c->engine_data;
    u32 offset = la & PAGE_MASK, shown = 0;
    frame_id frame = frame_at(c, (u32)la);
    struct jit_text t = {out, out_size};
    const struct block *b = NULL;

    if (!frame)
        return 0;
    while (shown < DUMPS_MAX && (b = arena_next(j, b))) {
        if (!covers(b, frame, offset))
            continue;
        dump_block(c, b, (u32)la & ~(u64)PAGE_MASK, &t);
        shown++;
    }
    return (size_t)(t.at - out);
}
