/*
 * Random programs (program.h) on two engines in lockstep: after random stretches of 1 to 300
 * instructions registers, flags, x87, TLB record, chips and memory must be the same.
 *
 *     lockstep [--engine NAME] [--against NAME] [--seed N] [--count INSTRUCTIONS] [--cpu MODEL]
 *              [--mode MODE] [--coverage]
 *     lockstep --case N ...     one program, told about even if nothing differs
 *
 * --engine is on trial ("interp"), --against what it is measured with ("stepper"). A failing
 * program is reduced, by leaving out pieces while it still fails, and listed with the instruction
 * that makes the difference; one that an engine does not come back from within TIMEOUT seconds of
 * the host's ends the test by SIGALRM after it was named. --coverage tells which rows of the opcode
 * table the programs execute. The last line is "N passed, N failed, N skipped".
 */
#include "base/state.h"
#include "cpu/optab.h"
#include "tests/cpu/lab.h"
#include "tests/cpu/program.h"
#include "tests/support/statediff.h"
#include "tests/support/stepper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STRETCH_MAX = 300,
    FAILURES_MAX = 3,
    HOT = 16,
    LISTED = 60,
    DISTURB_PERCENT = 3,
    TIMEOUT = 30
};

static struct {
    const char *engine[2], *cpu;
    u64 seed, count, only_case;
    bool one_case, coverage;
    enum program_mode mode;
} opt = {.engine = {"stepper", "interp"},
         .cpu = "pentium2",
         .seed = 1,
         .count = 1000000,
         .mode = PROGRAM_MODES};

static struct lab lab[2];
static u8 image[LAB_RAM], taken[2][LAB_RAM];
static u32 way[LISTED]; /* linear addresses of the last instructions listed */
static unsigned way_count;
static u64 running;
static u64 executed, programs, passed, failed, ended[3], events;

/* ---- Running ---- */

static bool same(void)
{
    return lab[0].cpu->count == lab[1].cpu->count && lab_hash(&lab[0]) == lab_hash(&lab[1]) &&
           !memcmp(lab[0].ram, lab[1].ram, LAB_RAM);
}

/* Each page that is not as it was when this was last asked must be marked as written. */
static bool take_dirty(unsigned i)
{
    u64 bits[LAB_RAM / PAGE_SIZE / 64];
    bool marked = true;

    lab_take_dirty(&lab[i], bits);
    for (unsigned page = 0; page < LAB_RAM / PAGE_SIZE; page++) {
        u8 *was = taken[i] + page * PAGE_SIZE, *is = lab[i].ram + page * PAGE_SIZE;

        if (bits[page / 64] >> page % 64 & 1)
            memcpy(was, is, PAGE_SIZE);
        else if (memcmp(was, is, PAGE_SIZE))
            marked = false;
    }
    if (!marked)
        printf("%s wrote to a page that is not marked as written\n", opt.engine[i]);
    return marked;
}

static bool start(struct program *p)
{
    static const u8 thresholds[] = {1, 1, 2, 5, 0}, often[] = {0, 40, 0, 8};
    static const enum test_windows windows[] = {TEST_WINDOWS_OFF, TEST_WINDOWS_ALWAYS,
                                                TEST_WINDOWS_PARANOID, TEST_WINDOWS_ALWAYS};

    if (!program_image(p, image))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        lab_reset(&lab[i], image);
        take_dirty(i);
        program_start(p, lab[i].cpu);
        test_engine_threshold(lab[i].cpu, thresholds[p->seed % ARRAY_LEN(thresholds)]);
        test_engine_windows(lab[i].cpu,
                            windows[p->seed / ARRAY_LEN(thresholds) % ARRAY_LEN(windows)]);
        test_engine_traces(lab[i].cpu, p->seed / ARRAY_LEN(thresholds) % 3 != 0);
        /* And in handlers, on every other program. */
        test_engine_disturb_often(lab[i].cpu, often[p->seed % ARRAY_LEN(often)], p->seed);
    }
    return true;
}

/* What nobody may notice: translations, entries of T and write entries are dropped. */
static bool disturb(struct silicon_rng *r)
{
    bool good = true;

    if (rng_percent(r, DISTURB_PERCENT))
        lab[1].cpu->engine->flush(lab[1].cpu);
    if (rng_percent(r, DISTURB_PERCENT))
        test_engine_disturb(lab[1].cpu, rng_next(r));
    if (rng_percent(r, DISTURB_PERCENT))
        mmu_drop_entries(&lab[1].cpu->mmu);
    for (unsigned i = 0; i < 2; i++)
        if (rng_percent(r, DISTURB_PERCENT))
            good &= take_dirty(i);
    return good;
}

/* The reference stands in front of a string instruction with this many rounds to do. */
static bool string_ahead(u32 *rounds)
{
    const struct cpu *c = lab[0].cpu;
    u32 at = (u32)(c->seg[SEG_CS].base + c->rip);

    *rounds = (u32)c->gpr[RCX] & (c->mode & MODE_CODE_SIZE ? 0xFFFFFFFF : 0xFFFF);
    return at < LAB_RAM - 1 && (lab[0].ram[at] == 0xF2 || lab[0].ram[at] == 0xF3) && *rounds < 4000;
}

/*
 * True if both go the same way up to the program's end, or to `limit`. The stretches follow from
 * the program's number, so that running it again is the same. *from and *to: the last stretch.
 */
static bool run_both(struct program *p, u64 limit, u64 *from, u64 *to)
{
    struct silicon_rng r = {p->seed ^ 0x57E7C4};
    enum lab_end why[2];
    u32 rounds;
    bool alike = true;

    *from = *to = 0;
    if (!start(p))
        return true;
    do {
        *from = lab[0].cpu->count;
        *to = *from + 1 + rng_below(&r, rng_percent(&r, 30) ? 20 : STRETCH_MAX);
        /* Some end where a string has its last round: what is behind it must wait. */
        if (rng_percent(&r, 30) && string_ahead(&rounds))
            *to = *from + rounds + rng_below(&r, 3);
        *to = min_u64(*to, limit);
        alike = disturb(&r);
        for (unsigned i = 0; i < 2; i++)
            why[i] = lab_run(&lab[i], *to);
        alike = alike && why[0] == why[1] && same();
    } while (alike && why[0] == LAB_COUNT && *to < limit);
    ended[why[0]]++;
    return alike;
}

/* ---- A failure ---- */

static bool still_fails(struct program *p)
{
    u64 from, to;

    return !run_both(p, p->budget, &from, &to);
}

/* Leave out pieces, many at once first, as long as it fails. */
static void reduce(struct program *p)
{
    bool any = true;

    for (unsigned n = p->count / 2; n; n = any && n == 1 ? 1 : n / 2) {
        any = false;
        for (unsigned at = 0; at < p->count; at += n) {
            struct piece saved[PIECES_MAX];
            bool changed = false;

            memcpy(saved, p->piece, sizeof saved);
            for (unsigned i = at; i < at + n && i < p->count; i++) {
                changed |= !p->piece[i].dropped;
                p->piece[i].dropped = true;
            }
            if (changed && still_fails(p))
                any = true;
            else
                memcpy(p->piece, saved, sizeof saved);
        }
    }
}

/* The first count at which they differ: only the last stretch is cut shorter. */
static u64 first_difference(struct program *p, u64 *from, u64 *before)
{
    u64 to, limit;

    if (run_both(p, p->budget, from, &to))
        return 0;
    for (limit = *from + 1; limit < to; limit++) {
        u64 a, b;

        if (!run_both(p, limit, &a, &b))
            break;
    }
    *before = limit - 1;
    return limit;
}

static void show_instruction(const struct lab *l, const char *mark)
{
    const struct cpu *c = l->cpu;
    struct decode_mode mode = {c->mode & MODE_CODE_SIZE, c->mode & MODE_PROTECTED, c->model};
    u32 at = (u32)(c->seg[SEG_CS].base + c->rip);
    u8 bytes[INSN_MAX_BYTES] = {0};
    char text[100], hex[INSN_MAX_BYTES * 2 + 1] = "";
    struct insn in;
    unsigned len;

    for (unsigned i = 0; i < sizeof bytes; i++) {
        struct walk w = {.gpa = at + i};
        struct mmu *m = &l->cpu->mmu;

        if (!m->paging.enabled || mmu_walk(m, at + i, MMU_READ, MMU_SUPERVISOR, false, &w))
            physmap_debug_read(l->pm, w.gpa, bytes + i, 1);
    }
    len = insn_decode(bytes, sizeof bytes, &mode, &in);
    insn_format(&in, c->rip, mode.code, text, sizeof text);
    for (unsigned i = 0; i < len && i < sizeof bytes; i++)
        sprintf(hex + i * 2, "%02X", bytes[i]);
    printf("  %s %6llu %04x:%08llx %08llx %-20s %s\n", mark, (unsigned long long)c->count,
           c->seg[SEG_CS].sel, (unsigned long long)c->rip, (unsigned long long)cpu_flags(c), hex,
           text);
}

static void show_registers(const struct lab *l, const char *name)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

    printf("  %-8s", name);
    for (unsigned n = 0; n < 8; n++)
        printf(" %s %08llx", names[n], (unsigned long long)l->cpu->gpr[n]);
    printf(" eip %08llx flags %08llx\n", (unsigned long long)l->cpu->rip,
           (unsigned long long)cpu_flags(l->cpu));
}

static void show_difference(void)
{
    struct state *s[2];
    char where[1200];

    for (unsigned i = 0; i < 2; i++) {
        show_registers(&lab[i], opt.engine[i]);
        s[i] = state_new_save();
        cpu_state(lab[i].cpu, s[i]);
        state_u64(s[i], "notes", &lab[i].notes);
        state_u64(s[i], "alarm", &lab[i].alarm);
        state_u64(s[i], "events", &lab[i].events);
    }
    if (state_diff(s[0], s[1], where, sizeof where))
        printf("  differs: %s\n", where);
    for (u32 at = 0, shown = 0; at < LAB_RAM && shown < 8; at++)
        if (lab[0].ram[at] != lab[1].ram[at] && ++shown)
            printf("  [%05x] is %02x, %02x\n", at, lab[0].ram[at], lab[1].ram[at]);
    state_free(s[0]);
    state_free(s[1]);
}

/* The reference's way there by single instructions. */
static void list_way(struct program *p, u64 from, u64 to)
{
    u64 a, b;

    way_count = 0;

    run_both(p, from, &a, &b);
    while (lab[0].cpu->count < to) {
        u64 before = lab[0].cpu->count;

        way[way_count++ % LISTED] = (u32)(lab[0].cpu->seg[SEG_CS].base + lab[0].cpu->rip);
        show_instruction(&lab[0], " ");
        if (lab_run(&lab[0], before + 1) != LAB_COUNT)
            break;
    }
}

static void show_translation(void)
{
    unsigned n = way_count < LISTED ? way_count : LISTED;
    u32 la[LISTED];

    for (unsigned i = 0; i < n; i++)
        la[i] = way[(way_count - 1 - i) % LISTED];
    test_engine_show_code(lab[1].cpu, la, n, stdout);
}

static void tell_failure(struct program *p)
{
    u64 before = 0, from = 0, at;

    printf("\nFAILED: lockstep --case %llu --mode %s --cpu %s --engine %s --against %s\n",
           (unsigned long long)p->seed, program_mode_names[p->mode], opt.cpu, opt.engine[1],
           opt.engine[0]);
    fflush(stdout);
    alarm(0); /* it takes what it takes */
    reduce(p);
    at = first_difference(p, &from, &before);
    printf("mode %s%s, CPL %u, IOPL %u, cr0 %08x, cr4 %08x; differs at %llu if run from %llu, the "
           "way there:\n",
           program_mode_names[p->mode], p->paged ? ", paged" : "", p->cpl, p->flags >> 12 & 3,
           p->cr0, p->cr4, (unsigned long long)at, (unsigned long long)from);
    if (!at) {
        printf("  (the reduced program does not fail again)\n");
        return;
    }
    list_way(p, at > LISTED ? at - LISTED : 0, at);
    run_both(p, before, &(u64){0}, &(u64){0});
    show_instruction(&lab[0], ">");
    show_registers(&lab[0], "before");
    run_both(p, at, &(u64){0}, &(u64){0});
    show_difference();
    show_translation();
    fflush(stdout);
}

/* ---- Coverage ---- */

static struct {
    u64 by_row[ROW_COUNT], instructions, hot, in_code, places;
    u32 visits[LAB_RAM];
} cover;

static void cover_program(struct program *p)
{
    struct cpu *c = lab[0].cpu;
    enum lab_end why = LAB_COUNT;

    if (!start(p))
        return;
    memset(cover.visits, 0, sizeof cover.visits);
    while (why == LAB_COUNT && c->count < p->budget) {
        struct decode_mode mode = {c->mode & MODE_CODE_SIZE, c->mode & MODE_PROTECTED, c->model};
        u32 at = (u32)(c->seg[SEG_CS].base + c->rip) % LAB_RAM;
        struct insn in;

        if (at < LAB_RAM - INSN_MAX_BYTES) {
            insn_decode(lab[0].ram + at, INSN_MAX_BYTES, &mode, &in);
            cover.by_row[in.row]++;
            cover.hot += ++cover.visits[at] > HOT;
            cover.in_code += at - P_CODE < P_CODE_BYTES;
            cover.places += at - P_CODE < P_CODE_BYTES && cover.visits[at] == 1;
        }
        cover.instructions++;
        why = lab_run(&lab[0], c->count + 1);
    }
}

static void tell_coverage(void)
{
    unsigned seen = 0, possible = 0;

    for (unsigned i = 1; i < ROW_COUNT; i++) {
        bool can = model_has(lab[0].cpu->model, optab_rows[i].feature) &&
                   !(optab_rows[i].attr & ATTR_ONLY64);

        possible += can;
        seen += can && cover.by_row[i];
    }
    printf("%u of %u rows were executed; not:", seen, possible);
    for (unsigned i = 1; i < ROW_COUNT; i++)
        if (model_has(lab[0].cpu->model, optab_rows[i].feature) &&
            !(optab_rows[i].attr & ATTR_ONLY64) && !cover.by_row[i])
            printf(" %s(%02X)", optab_rows[i].name, optab_rows[i].opcode);
    printf("\n%.1f %% of the instructions had been executed %u times before, %.1f %% were in "
           "handlers; %llu different ones a program\n",
           100.0 * (double)cover.hot / (double)max_u64(cover.instructions, 1), HOT,
           100.0 - 100.0 * (double)cover.in_code / (double)max_u64(cover.instructions, 1),
           (unsigned long long)(cover.places / max_u64(programs, 1)));
}

/* ---- All ---- */

static void late(int signal)
{
    char text[160];
    int n = snprintf(text, sizeof text,
                     "program %llu takes longer than %u s: --case %llu; at %llu and %llu\n",
                     (unsigned long long)running, TIMEOUT, (unsigned long long)running,
                     (unsigned long long)lab[0].cpu->count, (unsigned long long)lab[1].cpu->count);

    if (write(STDOUT_FILENO, text, (size_t)n) > 0)
        abort();
}

static void run_program(u64 seed)
{
    static struct program p;
    u64 from, to;

    running = seed;
    alarm(TIMEOUT);
    program_make(&p, seed, cpu_model_find(opt.cpu), opt.mode);
    programs++;
    if (run_both(&p, p.budget, &from, &to)) {
        passed++;
        executed += lab[0].cpu->count;
        events += lab[0].events;
    } else {
        failed++;
        tell_failure(&p);
    }
    if (opt.coverage)
        cover_program(&p);
    if (opt.one_case)
        list_way(&p, 0, min_u64(p.budget, LISTED * 10));
}

static bool option(const char *name, const char *value)
{
    if (!strcmp(name, "--engine"))
        opt.engine[1] = value;
    else if (!strcmp(name, "--against"))
        opt.engine[0] = value;
    else if (!strcmp(name, "--seed"))
        opt.seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--count"))
        opt.count = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--case"))
        opt.only_case = strtoull(value, NULL, 0), opt.one_case = true;
    else if (!strcmp(name, "--cpu"))
        opt.cpu = value;
    else if (!strcmp(name, "--mode"))
        for (opt.mode = 0; opt.mode < PROGRAM_MODES; opt.mode++) {
            if (!strcmp(value, program_mode_names[opt.mode]))
                break;
        }
    else
        return false;
    return true;
}

static bool parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--coverage"))
            opt.coverage = true;
        else if (i + 1 >= argc || !option(argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    return cpu_model_find(opt.cpu);
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        fprintf(stderr, "lockstep: see the top of tests/cpu/lockstep.c for its options\n");
        return 64;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (!test_engine(opt.engine[i]))
            return test_engine_missing(opt.engine[i]);
        if (!lab_open(&lab[i], opt.cpu, test_engine(opt.engine[i]))) {
            fprintf(stderr, "lockstep: no processor\n");
            return 70;
        }
    }
    signal(SIGALRM, late);
    if (opt.one_case)
        run_program(opt.only_case);
    else
        for (u64 n = opt.seed; executed < opt.count && failed < FAILURES_MAX; n++)
            run_program(n);
    if (opt.coverage)
        tell_coverage();
    printf("%llu programs, %llu instructions, %llu interrupts; ended by budget %llu, HLT %llu, "
           "shutdown %llu\n",
           (unsigned long long)programs, (unsigned long long)executed, (unsigned long long)events,
           (unsigned long long)ended[0], (unsigned long long)ended[1],
           (unsigned long long)ended[2]);
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)passed,
           (unsigned long long)failed);
    lab_close(&lab[0]);
    lab_close(&lab[1]);
    return failed != 0;
}
