/*
 * One engine against another on whole machines: hostile guests (tests/fuzz/hostile.h), compared
 * after random stretches, and the cases of the silicon differential.
 *
 *     guests [--engine NAME] [--against NAME] [--seed N] [--count M] [--size BYTES] [--cpu MODEL]
 *     guests --trace INSTRUCTIONS --seed N     list what one of these guests executes
 *     guests --find INSTRUCTIONS --seed N      list where it differs first
 *
 * --engine is on trial ("interp"), --against what it is measured with ("stepper"). M guests, and 20
 * M cases. Real guests: tests/boot/twin.c. The last line is "N passed, N failed, N skipped".
 */
#include "base/log.h"
#include "base/state.h"
#include "cpu/cpu.h"
#include "devices/board/machine.h"
#include "tests/cpu/silicon.h"
#include "tests/fuzz/hostile.h"
#include "tests/support/stepper.h"
#include "tests/support/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZE_MAX_BYTES = 65536,
    STRETCHES = 12,
    STRETCH_NS = 2000000,
    CASES_A_GUEST = 20,
    CASES_AT_ONCE = 20,
    FAILURES_SHOWN = 10,
    PIECE = 64, /* instructions */
};

static const char *cpu = "pentium2";
static const char *engine[2] = {"interp", "stepper"}; /* on trial, and against it */
static u64 seed = 1, count = 150, size = 500, traced, searched;
static unsigned passed, failed;

static void say_difference(const char *what, u64 n, struct machine *a, struct machine *b)
{
    char where[1000];
    const struct cpu *c = machine_cpu(a, 0);

    if (failed++ >= FAILURES_SHOWN)
        return;
    whole_difference(a, b, where, sizeof where);
    printf("%s %llu, at %llu and %llu instructions, %04x:%08llx: %s, %s: %s\n", what,
           (unsigned long long)n, (unsigned long long)machine_instructions(a),
           (unsigned long long)machine_instructions(b), c->seg[SEG_CS].sel,
           (unsigned long long)c->rip, engine[0], engine[1], where);
}

/* ---- Hostile guests ---- */

static void fill(struct silicon_rng *r, u8 *data)
{
    for (u64 i = 0; i < size; i++)
        data[i] = (u8)(rng_next(r) >> 32);
}

static bool same_stretches(struct silicon_rng *r, struct machine *a, struct machine *b)
{
    for (unsigned i = 0; i < STRETCHES; i++) {
        u64 to = machine_now_ns(a) + rng_below(r, STRETCH_NS);
        enum machine_stop x = machine_run(a, to), y = machine_run(b, to);

        if (x != y || whole_cpu_hash(a) != whole_cpu_hash(b))
            return false;
        if (x != MACHINE_TIME)
            break;
    }
    return machine_state_hash(a) == machine_state_hash(b);
}

static struct machine *with_engine(unsigned n)
{
    struct machine *m = hostile_machine(cpu);

    if (!test_engine_take(machine_cpu(m, 0), test_engine(engine[n])))
        abort();
    return m;
}

static void run_hostile(void)
{
    struct machine *a = with_engine(0), *b = with_engine(1);
    static u8 data[SIZE_MAX_BYTES];

    for (u64 n = seed; n < seed + count; n++) {
        struct silicon_rng r = {n};

        fill(&r, data);
        hostile_reset(a);
        hostile_reset(b);
        hostile_guest(a, data, size);
        hostile_guest(b, data, size);
        if (same_stretches(&r, a, b)) {
            passed++;
            continue;
        }
        say_difference("hostile guest", n, a, b);
        machine_free(a); /* what differs would go on differing */
        machine_free(b);
        a = with_engine(0);
        b = with_engine(1);
    }
    machine_free(a);
    machine_free(b);
}

/* ---- One guest at close range; nothing comes from its chips here ---- */

static struct machine *one_guest(unsigned n)
{
    struct machine *m = with_engine(n);
    struct silicon_rng r = {seed};
    static u8 data[SIZE_MAX_BYTES];

    fill(&r, data);
    hostile_reset(m);
    hostile_guest(m, data, size);
    return m;
}

static void run_alone(struct cpu *c, u64 until)
{
    do
        c->attention &= ~(u32)(ATT_TIMER | ATT_STOP | ATT_IDLE);
    while (c->count < until && !c->halted && c->engine->run(c, until) == ENGINE_ATTENTION);
}

static void trace(struct machine *m, u64 instructions)
{
    struct cpu *c = machine_cpu(m, 0);

    for (u64 i = 0; i < instructions && !c->shutdown && !c->halted; i++) {
        struct decode_mode mode = {c->mode & MODE_CODE_SIZE, c->mode & MODE_PROTECTED, c->model};
        u8 bytes[INSN_MAX_BYTES] = {0};
        struct insn in;
        char text[100];

        machine_read_linear(m, (u32)(c->seg[SEG_CS].base + c->rip), bytes, sizeof bytes);
        insn_decode(bytes, sizeof bytes, &mode, &in);
        insn_format(&in, c->rip, mode.code, text, sizeof text);
        printf("%04x:%08llx %08llx %s\n", c->seg[SEG_CS].sel, (unsigned long long)c->rip,
               (unsigned long long)cpu_flags(c), text);
        run_alone(c, c->count + 1);
    }
}

/* List the piece in which run and stepped differ first. */
static void find(u64 instructions)
{
    struct machine *a = one_guest(0), *b = one_guest(1), *before = one_guest(1);
    u64 at = machine_instructions(a), from = at, last = at + instructions;

    while (at < last && whole_cpu_hash(a) == whole_cpu_hash(b)) {
        from = at;
        at += PIECE;
        run_alone(machine_cpu(a, 0), at);
        run_alone(machine_cpu(b, 0), at);
    }
    if (at < last) {
        run_alone(machine_cpu(before, 0), from);
        trace(before, PIECE);
        say_difference("guest", seed, a, b);
    }
    machine_free(before);
    machine_free(b);
    machine_free(a);
}

/* ---- Cases of the silicon differential ---- */

struct outcome {
    struct silicon_result result;
    u64 count, fip, fdp;
    u16 fop;
    u8 memory[ARENA_CHANGING];
};

static void run_case(const struct silicon_code *code, const struct silicon_state *in,
                     const u8 *memory, struct outcome *out)
{
    struct cpu *c = guest_cpu();
    u64 before = guest_count();

    memset(out, 0, sizeof *out);
    c->cr2 = 0;
    c->fpu.fip = c->fpu.fdp = c->fpu.fop = c->fpu.fcs = c->fpu.fds = 0;
    memcpy(out->memory, memory, sizeof out->memory);
    guest_run(code, in, out->memory, &out->result);
    out->count = guest_count() - before;
    out->fip = c->fpu.fip;
    out->fdp = c->fpu.fdp;
    out->fop = c->fpu.fop;
}

/* What differs first: a name, and where in it. */
static const char *first_field(const struct outcome *a, const struct outcome *b, unsigned *at)
{
    static const struct {
        const char *name;
        size_t from, size;
    } fields[] = {
#define FIELD(f) {#f, offsetof(struct outcome, f), sizeof((struct outcome *)0)->f}
        FIELD(result.state.gpr),
        FIELD(result.state.eip),
        FIELD(result.state.eflags),
        FIELD(result.state.sel),
        FIELD(result.state.fpu.cw),
        FIELD(result.state.fpu.sw),
        FIELD(result.state.fpu.tags),
        FIELD(result.state.fpu.st),
        FIELD(result.vector),
        FIELD(result.error),
        FIELD(result.cr2),
        FIELD(count),
        FIELD(fip),
        FIELD(fdp),
        FIELD(fop),
        FIELD(memory),
#undef FIELD
    };
    const u8 *x = (const u8 *)a, *y = (const u8 *)b;

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        for (*at = 0; *at < fields[i].size; (*at)++)
            if (x[fields[i].from + *at] != y[fields[i].from + *at])
                return fields[i].name;
    return "nothing";
}

static void list_case(u64 n, const struct silicon_options *o)
{
    static struct silicon_code code;
    static struct silicon_state in;
    static u8 memory[ARENA_CHANGING];

    silicon_generate(seed, n, o, &code, &in, memory);
    for (unsigned i = 0; i < code.count; i++) {
        struct decode_mode mode = {code.code16 ? CODE16 : CODE32, true, guest_model()};
        const u8 *bytes = code.bytes + code.insn[i].offset;
        struct insn insn;
        char text[100];

        insn_decode(bytes, code.insn[i].len, &mode, &insn);
        insn_format(&insn, in.eip + code.insn[i].offset, mode.code, text, sizeof text);
        printf("    %08x  %s\n", in.eip + code.insn[i].offset, text);
    }
}

static void judge_case(u64 n, const struct silicon_options *o, const struct outcome *a,
                       const struct outcome *b)
{
    unsigned at = 0;
    const char *field = first_field(a, b, &at);

    if (!memcmp(a, b, sizeof *a)) {
        passed++;
    } else if (failed++ < FAILURES_SHOWN) {
        printf("case %llu, segments %u: %s ends at %08x with vector %u after %llu, %s at %08x with "
               "%u after %llu; byte %u of %s differs\n",
               (unsigned long long)n, o->segments, engine[0], a->result.state.eip, a->result.vector,
               (unsigned long long)a->count, engine[1], b->result.state.eip, b->result.vector,
               (unsigned long long)b->count, at, field);
        list_case(n, o);
    }
}

static void run_cases(bool segments)
{
    struct silicon_options o = {.segments = segments, .max_insns = INSNS_MAX};
    static struct silicon_code code;
    static struct silicon_state in;
    static u8 memory[ARENA_CHANGING];
    static struct outcome outcome[2][CASES_AT_ONCE];

    /* Each engine goes through some of them in one go: taking another drops what is translated. */
    for (u64 n = 0; n < count * CASES_A_GUEST; n += CASES_AT_ONCE) {
        for (unsigned e = 0; e < 2; e++) {
            if (!test_engine_take(guest_cpu(), test_engine(engine[e])))
                abort();
            for (unsigned i = 0; i < CASES_AT_ONCE; i++) {
                silicon_generate(seed, n + i, &o, &code, &in, memory);
                run_case(&code, &in, memory, &outcome[e][i]);
            }
        }
        for (unsigned i = 0; i < CASES_AT_ONCE; i++)
            judge_case(n + i, &o, &outcome[0][i], &outcome[1][i]);
    }
}

static void run_silicon(void)
{
    const char *err = guest_open(cpu, 0xF);

    if (err) {
        fprintf(stderr, "guests: %s\n", err);
        exit(70);
    }
    silicon_fill_pool(seed);
    run_cases(false);
    run_cases(true);
    guest_close();
}

/* ---- Options ---- */

static bool option(const char *name, const char *value)
{
    if (!strcmp(name, "--seed"))
        seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--count"))
        count = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--size"))
        size = min_u64(strtoull(value, NULL, 0), SIZE_MAX_BYTES);
    else if (!strcmp(name, "--trace"))
        traced = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--find"))
        searched = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--cpu"))
        cpu = value;
    else if (!strcmp(name, "--engine"))
        engine[0] = value;
    else if (!strcmp(name, "--against"))
        engine[1] = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2)
        if (i + 1 >= argc || !option(argv[i], argv[i + 1])) {
            fprintf(stderr, "guests: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        }
    if (!cpu_model_find(cpu)) {
        fprintf(stderr, "guests: there is no model '%s'\n", cpu);
        return 64;
    }
    for (unsigned i = 0; i < 2; i++)
        if (!test_engine(engine[i]))
            return test_engine_missing(engine[i]);
    if (traced) {
        struct machine *m = one_guest(1);

        trace(m, traced);
        machine_free(m);
        return 0;
    }
    if (searched) {
        find(searched);
        return 0;
    }
    run_hostile();
    if (model_has(cpu_model_find(cpu), FEAT_386))
        run_silicon(); /* its cases are paged */
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
