/*
 * The silicon differential's driver; see silicon.h.
 *
 *     silicon [--seed N] [--count M] [--case I [--segments]] [--only MNEMONIC] [--length N]
 *             [--model NAME] [--failures N] [--engine NAME]
 *
 * Runs cases until M instructions were executed: four fifths of them flat 32-bit code, then 16-bit
 * and 32-bit code with LDT segments. A failing case is reduced to its first instruction that
 * differs and printed with the command that repeats it. The last line says how many cases passed,
 * failed and were skipped.
 */
#include "tests/cpu/silicon.h"

#include "base/bytes.h"
#include "cpu/fpu.h"
#include "cpu/optab.h"
#include "tests/support/stepper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CODE64_SELECTOR = 0x33,
    NX_FETCH = PF_P | PF_I,
    SYSTEM_PAGE = 0x5A4,
};

/* TOLERATED: the manual leaves it open, and the host does otherwise; see tolerated(). */
enum verdict { SAME, UNDEFINED_FLAGS, TOLERATED, DIFFERENT, SKIPPED };

/* A case with its outcome on both sides. */
struct trial {
    struct silicon_code code;
    struct silicon_state in;
    u8 memory_in[ARENA_CHANGING], host_memory[ARENA_CHANGING], guest_memory[ARENA_CHANGING];
    struct silicon_result host, guest;
};

struct totals {
    u64 passed, failed, skipped, undefined, tolerated;
    unsigned by_row[ROW_COUNT], undefined_by_row[ROW_COUNT], tolerated_by_row[ROW_COUNT];
};

static const u8 row_flag_bits[] = {0, 2, 4, 6, 7, 11}; /* enum flag_set in EFLAGS */

static u32 eflags_of_set(u8 set)
{
    u32 flags = 0;

    for (unsigned i = 0; i < ARRAY_LEN(row_flag_bits); i++)
        if (set >> i & 1)
            flags |= 1u << row_flag_bits[i];
    return flags;
}

/* ---- Comparison ---- */

static bool has_error(u32 vector)
{
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC;
}

/*
 * What is no property of the instructions: the way back to user mode turns null selectors of any
 * RPL into 0; we page without NX; our own system pages are present, if not for the user.
 */
static void normalise(struct silicon_result *r)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        if (!(r->state.sel[n] & ~3))
            r->state.sel[n] = 0;
    if (!has_error(r->vector))
        r->error = 0;
    if (r->vector != VEC_PF)
        r->cr2 = 0;
    else
        r->error &= ~(PF_I | (r->cr2 >> 20 == SYSTEM_PAGE ? PF_P : 0u));
}

static u8 *memory_at(u8 *memory, u32 la)
{
    if (la - ARENA_DATA < ARENA_DATA_BYTES)
        return memory + (la - ARENA_DATA);
    if (la - ARENA_STACK < ARENA_STACK_BYTES)
        return memory + ARENA_DATA_BYTES + (la - ARENA_STACK);
    return NULL;
}

/* What the host cannot know is taken from it. */
static void ignore_pointers(struct trial *t)
{
    for (unsigned i = 0; i < t->code.ignored_count; i++)
        for (u32 n = 0; n < t->code.ignored[i].len; n++) {
            u8 *to = memory_at(t->guest_memory, t->code.ignored[i].la + n);
            u8 *from = memory_at(t->host_memory, t->code.ignored[i].la + n);

            if (to)
                *to = *from;
        }
}

/*
 * The host is in long mode: 64-bit code segments are real, IRET knows no tasks. And it has NX,
 * which our pages have not.
 */
static bool beyond_comparison(const struct trial *t)
{
    const struct silicon_result *h = &t->host, *g = &t->guest;

    return h->timeout || (h->state.sel[SEG_CS] | 3) == CODE64_SELECTOR ||
           (g->state.sel[SEG_CS] | 3) == CODE64_SELECTOR ||
           (h->vector == VEC_PF && (h->error & NX_FETCH) == NX_FETCH) ||
           (g->vector == VEC_TS && g->state.eflags & EF_NT);
}

/* Flags outside `flags` only are compared; everything else always. */
static bool agree(const struct trial *t, u32 ignored_flags)
{
    struct silicon_result h = t->host, g = t->guest;

    h.state.eflags &= ~ignored_flags;
    g.state.eflags &= ~ignored_flags;
    return !memcmp(&h, &g, sizeof h) && !memcmp(t->host_memory, t->guest_memory, ARENA_CHANGING);
}

static bool is_fault(u32 vector)
{
    return vector >= VEC_TS && vector <= VEC_AC && vector != VEC_MF;
}

static bool one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/*
 * Freedoms of an implementation, for a single instruction whose case differs otherwise in nothing:
 * which of several faults of a far transfer, a push or a long x87 operand comes first; how far POPA
 * got before a fault; whether INS and OUTS look at their privilege when ECX is zero; RF in a
 * single-step trap between two rounds of a REP instruction.
 */
static bool tolerated(const struct trial *t)
{
    static const char *const ordered[] = {"CALL",   "RET",    "CALL_FAR", "JMP_FAR", "RET_FAR",
                                          "IRET",   "ENTER",  "POPA",     "FLDENV",  "FNSTENV",
                                          "FRSTOR", "FNSAVE", "FBSTP",    "FLD",     "FSTP"};
    static const char *const port[] = {"INS", "OUTS"};
    const char *name = optab_rows[t->code.insn[0].row].name;
    static struct trial u;

    if (t->code.count != 1)
        return false;
    u = *t;
    if (u.host.vector == VEC_DB)
        u.host.state.eflags |= u.guest.state.eflags & EF_RF;
    if (one_of(name, port, ARRAY_LEN(port)) && !(u16)u.in.gpr[RCX] && u.guest.vector == VEC_GP)
        return true;
    if (one_of(name, ordered, ARRAY_LEN(ordered)) && is_fault(u.host.vector) &&
        is_fault(u.guest.vector)) {
        u.host.vector = u.guest.vector;
        u.host.error = u.guest.error;
        u.host.cr2 = u.guest.cr2;
        if (!strcmp(name, "POPA"))
            memcpy(u.host.state.gpr, u.guest.state.gpr, sizeof u.host.state.gpr);
    }
    return agree(&u, 0);
}

static enum verdict run_trial(struct trial *t, u32 undefined)
{
    memcpy(t->host_memory, t->memory_in, ARENA_CHANGING);
    memcpy(t->guest_memory, t->memory_in, ARENA_CHANGING);
    host_run(&t->code, &t->in, t->host_memory, &t->host);
    guest_run(&t->code, &t->in, t->guest_memory, &t->guest);
    if (beyond_comparison(t))
        return SKIPPED;
    normalise(&t->host);
    normalise(&t->guest);
    ignore_pointers(t);
    if (agree(t, 0))
        return SAME;
    if (agree(t, undefined))
        return UNDEFINED_FLAGS;
    return tolerated(t) ? TOLERATED : DIFFERENT;
}

/* ---- Reduction ---- */

/* The first n instructions of t, to run on their own. */
static void cut(struct trial *part, const struct trial *t, unsigned n)
{
    *part = *t;
    part->code.count = n;
    if (n < t->code.count) {
        part->code.len = t->code.insn[n].offset;
        part->code.ignored_count = 0; /* they belong to the last instruction */
    }
}

/* Instruction n of t alone, from the state that the ones before it left on the host. */
static bool isolate(struct trial *one, const struct trial *t, const struct trial *before,
                    unsigned n)
{
    u32 at = t->code.la + t->code.insn[n].offset, cs_base = t->code.la - t->in.eip;

    if (before->host.vector != VEC_BP || before->host.state.eip + cs_base != at + 1)
        return false;
    *one = *t;
    one->in = before->host.state;
    one->in.eip = at - cs_base;
    one->in.eflags &= ~(EF_RF | EF_NT | EF_ID); /* no signal brings NT and ID back */
    memcpy(one->memory_in, before->host_memory, ARENA_CHANGING);
    one->code.la = at;
    one->code.len = t->code.insn[n].len;
    one->code.count = 1;
    one->code.insn[0] = t->code.insn[n];
    one->code.insn[0].offset = 0;
    memcpy(one->code.bytes, t->code.bytes + t->code.insn[n].offset, one->code.len);
    if (n + 1 < t->code.count)
        one->code.ignored_count = 0;
    return true;
}

/*
 * Find the first instruction after which the sides differ and put it alone into `out`; the whole
 * case if it does not fail alone. Returns what is wrong with it.
 */
static enum verdict reduce(const struct trial *t, struct trial *out)
{
    static struct trial part, before;
    enum verdict v;
    unsigned n;

    cut(&before, t, 0);
    run_trial(&before, 0);
    for (n = 0; n < t->code.count; n++) {
        cut(&part, t, n + 1);
        v = run_trial(&part, eflags_of_set(optab_rows[t->code.insn[n].row].flags_undefined));
        if (v != SAME && v != SKIPPED)
            break;
        before = part;
    }
    if (n < t->code.count && isolate(out, t, &before, n)) {
        v = run_trial(out, eflags_of_set(optab_rows[t->code.insn[n].row].flags_undefined));
        if (v != SAME && v != SKIPPED)
            return v;
    }
    *out = *t;
    run_trial(out, 0);
    return DIFFERENT;
}

/* ---- Report ---- */

static void print_fpu(const struct silicon_fpu *f)
{
    printf("  cw %04X sw %04X tags %02X", f->cw, f->sw, f->tags);
    for (unsigned i = 0; i < 8; i++)
        printf("%s%u:%04X.%016llX", i % 4 ? " " : "\n    ", i, get_le16(f->st[i] + 8),
               (unsigned long long)get_le64(f->st[i]));
    printf("\n");
}

static void print_state(const char *title, const struct silicon_state *s)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

    printf("  %s:", title);
    for (unsigned n = 0; n < 8; n++)
        printf(" %s=%08X", names[n], s->gpr[n]);
    printf("\n    eip=%08X eflags=%08X es=%04X cs=%04X ss=%04X ds=%04X fs=%04X gs=%04X\n", s->eip,
           s->eflags, s->sel[SEG_ES], s->sel[SEG_CS], s->sel[SEG_SS], s->sel[SEG_DS],
           s->sel[SEG_FS], s->sel[SEG_GS]);
}

static void print_result(const char *title, const struct silicon_result *r)
{
    print_state(title, &r->state);
    printf("    vector %u error %X cr2 %08X%s\n", r->vector, r->error, r->cr2,
           r->timeout ? " (did not end)" : "");
}

static void print_memory(const struct trial *t)
{
    unsigned shown = 0;

    for (unsigned i = 0; i < ARENA_CHANGING && shown < 16; i++)
        if (t->host_memory[i] != t->guest_memory[i]) {
            u32 la = i < ARENA_DATA_BYTES ? ARENA_DATA + i : ARENA_STACK + i - ARENA_DATA_BYTES;

            printf("    [%08X] was %02X, host %02X, ours %02X\n", la, t->memory_in[i],
                   t->host_memory[i], t->guest_memory[i]);
            shown++;
        }
}

static void print_code(const struct silicon_code *code)
{
    struct decode_mode mode = {code->code16 ? CODE16 : CODE32, true, guest_model()};
    char text[128];
    struct insn in;

    for (unsigned i = 0; i < code->count; i++) {
        const u8 *p = code->bytes + code->insn[i].offset;
        u32 la = code->la + code->insn[i].offset;

        insn_decode(p, code->insn[i].len, &mode, &in);
        insn_format(&in, la, mode.code, text, sizeof text);
        printf("  %08X ", la);
        for (unsigned b = 0; b < code->insn[i].len; b++)
            printf(" %02X", p[b]);
        printf("   %s\n", text);
    }
}

static void print_failure(const struct trial *t)
{
    print_code(&t->code);
    print_state("before", &t->in);
    print_result("host", &t->host);
    print_result("ours", &t->guest);
    if (memcmp(&t->host.state.fpu, &t->guest.state.fpu, sizeof t->host.state.fpu)) {
        printf("  x87 before, host, ours:\n");
        print_fpu(&t->in.fpu);
        print_fpu(&t->host.state.fpu);
        print_fpu(&t->guest.state.fpu);
    }
    print_memory(t);
}

/* ---- Runs ---- */

struct settings {
    u64 seed, count, only_case;
    bool one_case;
    unsigned failures_shown;
    const char *model, *engine;
    struct silicon_options options;
};

static void run_case(const struct settings *s, const struct silicon_options *o, u64 index,
                     struct totals *sum)
{
    static struct trial t, failing;
    enum verdict v;
    u16 row;

    silicon_generate(s->seed, index, o, &t.code, &t.in, t.memory_in);
    v = run_trial(&t, 0);
    if (v == DIFFERENT || v == TOLERATED)
        v = reduce(&t, &failing);
    row = failing.code.insn[0].row;
    switch (v) {
    case SAME: sum->passed++; return;
    case SKIPPED: sum->skipped++; return;
    case UNDEFINED_FLAGS:
        sum->passed++;
        sum->undefined++;
        sum->undefined_by_row[row]++;
        return;
    case TOLERATED:
        sum->passed++;
        sum->tolerated++;
        sum->tolerated_by_row[row]++;
        return;
    case DIFFERENT: break;
    }
    sum->failed++;
    if (failing.code.count == 1)
        sum->by_row[row]++;
    if (sum->failed > s->failures_shown)
        return;
    printf("\nFAILED: silicon --seed %llu --case %llu%s --length %u%s%s\n",
           (unsigned long long)s->seed, (unsigned long long)index, o->segments ? " --segments" : "",
           o->max_insns, o->only ? " --only " : "", o->only ? o->only : "");
    print_failure(&failing);
}

static void print_rows(const char *title, const unsigned *by_row)
{
    bool any = false;

    for (unsigned i = 0; i < ROW_COUNT; i++)
        if (by_row[i]) {
            printf("%s%s(%02X)=%u", any ? " " : title, optab_rows[i].name, optab_rows[i].opcode,
                   by_row[i]);
            any = true;
        }
    if (any)
        printf("\n");
}

static void run_many(const struct settings *s, struct silicon_options o, u64 until,
                     struct totals *sum)
{
    u64 index = 0;

    while (guest_count() < until)
        run_case(s, &o, index++, sum);
}

static u64 number(const char *text)
{
    return text ? strtoull(text, NULL, 0) : 0;
}

static bool parse(struct settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

        if (!strcmp(a, "--segments")) {
            s->options.segments = true;
            continue;
        }
        if (!v)
            return false;
        i++;
        if (!strcmp(a, "--seed"))
            s->seed = number(v);
        else if (!strcmp(a, "--count"))
            s->count = number(v);
        else if (!strcmp(a, "--case"))
            s->only_case = number(v), s->one_case = true;
        else if (!strcmp(a, "--only"))
            s->options.only = v;
        else if (!strcmp(a, "--length"))
            s->options.max_insns = (unsigned)number(v);
        else if (!strcmp(a, "--model"))
            s->model = v;
        else if (!strcmp(a, "--engine"))
            s->engine = v;
        else if (!strcmp(a, "--failures"))
            s->failures_shown = (unsigned)number(v);
        else
            return false;
    }
    return s->options.max_insns >= 1 && s->options.max_insns <= INSNS_MAX;
}

static void run_all(const struct settings *s, struct totals *sum)
{
    struct silicon_options o = s->options;

    if (s->one_case) {
        run_case(s, &o, s->only_case, sum);
        return;
    }
    if (!o.segments)
        run_many(s, o, s->count / 5 * 4, sum);
    o.segments = true;
    if (host_has_ldt()) {
        run_many(s, o, s->count, sum);
    } else {
        printf("skipped: 16-bit code and LDT segments (the host refuses modify_ldt)\n");
        sum->skipped++;
    }
}

int main(int argc, char **argv)
{
    static struct totals sum;
    struct settings s = {
        .seed = 1, .count = 1000000, .failures_shown = 10, .model = "pentium2", .engine = "interp"};
    const char *error;

    s.options.max_insns = 6;
    if (!parse(&s, argc, argv)) {
        fprintf(stderr, "silicon: see the top of tests/cpu/silicon.c for its options\n");
        return 64;
    }
    if (!test_engine(s.engine))
        return test_engine_missing(s.engine);
    error = host_open();
    if (error) {
        printf("skipped: the host's processor (%s)\n0 passed, 0 failed, 1 skipped\n", error);
        return 0;
    }
    error = guest_open(s.model, host_percpu_limit());
    if (!error && !test_engine_take(guest_cpu(), test_engine(s.engine)))
        error = "the host refuses the engine";
    /* The host's code runs without FS, so without the thread's data that faults in windows need. */
    test_engine_windows(guest_cpu(), false);
    if (error) {
        fprintf(stderr, "silicon: %s\n", error);
        return 70;
    }
    silicon_fill_pool(s.seed);
    run_all(&s, &sum);
    print_rows("\nfailed by instruction: ", sum.by_row);
    print_rows("undefined flags that differ: ", sum.undefined_by_row);
    print_rows("where the manual leaves freedom: ", sum.tolerated_by_row);
    printf("%llu instructions; undefined flags differ in %llu cases, freedoms in %llu\n",
           (unsigned long long)guest_count(), (unsigned long long)sum.undefined,
           (unsigned long long)sum.tolerated);
    printf("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)sum.passed,
           (unsigned long long)sum.failed, (unsigned long long)sum.skipped);
    guest_close();
    return sum.failed != 0;
}
