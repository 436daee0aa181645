/*
 * The interpreter's decoded runs against the stepper, which knows none of its short cuts: the same
 * guest on two machines must go through the same states.
 *
 *     lockstep [--seed N] [--count M] [--size BYTES] [--cpu MODEL]
 *     lockstep --trace INSTRUCTIONS --seed N     list what one of these guests executes
 *     lockstep --find INSTRUCTIONS --seed N      list where it differs first
 *     lockstep --boot SECONDS [--fda F] [--hda F] [--cdrom F] [--kernel F] [--initrd F]
 *              [--append TEXT] [--mem MIB] [--cpu MODEL]
 *
 * Without --boot: M hostile guests (tests/fuzz/hostile.h), compared after random stretches, and
 * 20 M cases of the generator of the silicon differential. With it: a real guest, compared every
 * 20 ms of its time. The last line is "N passed, N failed, N skipped".
 */
#include "base/log.h"
#include "base/state.h"
#include "cpu/cpu.h"
#include "devices/board/machine.h"
#include "tests/cpu/silicon.h"
#include "tests/fuzz/hostile.h"
#include "tests/support/statediff.h"
#include "tests/support/stepper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZE_MAX_BYTES = 65536,
    STRETCHES = 12,
    STRETCH_NS = 2000000,
    CASES_A_GUEST = 20,
    FAILURES_SHOWN = 10,
    BOOT_STEP_MS = 20,
    PIECE = 64, /* instructions */
};

static struct machine_config config = {
    .mem_bytes = 32 << 20,
    .cpu = "pentium2",
    .engine = "interp",
    .discard = true,
    .deterministic = true,
    .speed_max = true,
    .rtc_epoch = 820454400,
};

static u64 seed = 1, count = 150, size = 500, traced, searched;
static double boot_seconds;
static unsigned passed, failed;

static void save_both(struct machine *a, struct machine *b, char *where, size_t where_size)
{
    struct state *x = state_new_save(), *y = state_new_save();

    machine_state(a, x);
    machine_state(b, y);
    if (!state_diff(x, y, where, where_size))
        snprintf(where, where_size, "the hashes differ, what is saved does not");
    state_free(x);
    state_free(y);
}

static u64 cpu_hash(struct machine *m)
{
    struct state *s = state_new_hash();
    u64 hash;

    cpu_state(machine_cpu(m, 0), s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

static void say_difference(const char *what, u64 n, struct machine *a, struct machine *b)
{
    char where[1000];
    const struct cpu *c = machine_cpu(a, 0);

    if (failed++ >= FAILURES_SHOWN)
        return;
    save_both(a, b, where, sizeof where);
    printf("%s %llu, at %llu and %llu instructions, %04x:%08llx: run, stepped: %s\n", what,
           (unsigned long long)n, (unsigned long long)machine_instructions(a),
           (unsigned long long)machine_instructions(b), c->seg[SEG_CS].sel,
           (unsigned long long)c->rip, where);
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

        if (x != y || cpu_hash(a) != cpu_hash(b))
            return false;
        if (x != MACHINE_TIME)
            break;
    }
    return machine_state_hash(a) == machine_state_hash(b);
}

static void run_hostile(void)
{
    struct machine *a = hostile_machine(config.cpu), *b = hostile_machine(config.cpu);
    static u8 data[SIZE_MAX_BYTES];

    stepper_take(machine_cpu(b, 0));
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
        a = hostile_machine(config.cpu);
        b = hostile_machine(config.cpu);
        stepper_take(machine_cpu(b, 0));
    }
    machine_free(a);
    machine_free(b);
}

/* ---- One guest at close range; nothing comes from its chips here ---- */

static struct machine *one_guest(bool stepped)
{
    struct machine *m = hostile_machine(config.cpu);
    struct silicon_rng r = {seed};
    static u8 data[SIZE_MAX_BYTES];

    fill(&r, data);
    hostile_reset(m);
    hostile_guest(m, data, size);
    if (stepped)
        stepper_take(machine_cpu(m, 0));
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
    struct machine *a = one_guest(false), *b = one_guest(true), *before = one_guest(true);
    u64 at = machine_instructions(a), from = at, last = at + instructions;

    while (at < last && cpu_hash(a) == cpu_hash(b)) {
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
    c->fpu.fip = c->fpu.fdp = c->fpu.fop = c->fpu.fcs = c->fpu.fds = 0;
    memcpy(out->memory, memory, sizeof out->memory);
    guest_run(code, in, out->memory, &out->result);
    out->count = guest_count() - before;
    out->fip = c->fpu.fip;
    out->fdp = c->fpu.fdp;
    out->fop = c->fpu.fop;
}

static void run_cases(bool segments)
{
    struct silicon_options o = {.segments = segments, .max_insns = INSNS_MAX};
    static struct silicon_code code;
    static struct silicon_state in;
    static u8 memory[ARENA_CHANGING];
    static struct outcome a, b;

    for (u64 n = 0; n < count * CASES_A_GUEST; n++) {
        silicon_generate(seed, n, &o, &code, &in, memory);
        stepper_give_back(guest_cpu());
        run_case(&code, &in, memory, &a);
        stepper_take(guest_cpu());
        run_case(&code, &in, memory, &b);
        if (!memcmp(&a, &b, sizeof a)) {
            passed++;
        } else if (failed++ < FAILURES_SHOWN) {
            printf("case %llu, segments %u: run ends at %08x with vector %u after %llu, stepped at "
                   "%08x with %u after %llu\n",
                   (unsigned long long)n, segments, a.result.state.eip, a.result.vector,
                   (unsigned long long)a.count, b.result.state.eip, b.result.vector,
                   (unsigned long long)b.count);
        }
    }
    stepper_give_back(guest_cpu());
}

static void run_silicon(void)
{
    const char *err = guest_open(config.cpu, 0xF);

    if (err) {
        fprintf(stderr, "lockstep: %s\n", err);
        exit(70);
    }
    silicon_fill_pool(seed);
    run_cases(false);
    run_cases(true);
    guest_close();
}

/* ---- Boots ---- */

static struct machine *build(void)
{
    char err[512];
    struct machine *m = machine_new(&config, err, sizeof err);

    if (!m) {
        fprintf(stderr, "%s\n", err);
        exit(71);
    }
    return m;
}

/*
 * Both machines to `from`, then step by step up to `to`: true if they stay alike, else *from is the
 * last moment at which they were. At the end of the search what was stepped there is listed.
 */
static bool compare_boot(u64 *from, u64 to, u64 step, bool list)
{
    struct machine *a = build(), *b = build();
    u64 at = *from;
    bool same = true;

    stepper_take(machine_cpu(b, 0));
    machine_run(a, at);
    machine_run(b, at);
    while (at < to && same) {
        enum machine_stop x = machine_run(a, at + step), y;
        u64 count_before = machine_instructions(b);

        if (list)
            trace(b, machine_instructions(a) - count_before);
        y = machine_run(b, at + step);
        same = x == y && cpu_hash(a) == cpu_hash(b) &&
               (at % 1000000000 || machine_state_hash(a) == machine_state_hash(b));
        if (same)
            at += step;
        if (x != MACHINE_TIME)
            break;
    }
    same = same && machine_state_hash(a) == machine_state_hash(b);
    if (!same && list)
        say_difference("boot, us", at / 1000, a, b);
    *from = at;
    machine_free(a);
    machine_free(b);
    return same;
}

static void run_boot(void)
{
    u64 from = 0, step = BOOT_STEP_MS * 1000000ull;

    config.log = log_new(NULL, NULL);
    if (compare_boot(&from, (u64)(boot_seconds * 1e9), step, false)) {
        passed++;
    } else {
        /* Closer and closer; each look starts at the last moment at which they were alike. */
        for (unsigned i = 0; i < 2; i++, step /= 100)
            compare_boot(&from, from + step, step / 100, false);
        compare_boot(&from, from + step, step, true);
        failed += !failed;
    }
    log_free(config.log);
}

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
    else if (!strcmp(name, "--boot"))
        boot_seconds = atof(value);
    else if (!strcmp(name, "--mem"))
        config.mem_bytes = strtoull(value, NULL, 0) << 20;
    else if (!strcmp(name, "--cpu"))
        config.cpu = value;
    else if (!strcmp(name, "--fda"))
        config.drive[DRIVE_FDA] = value;
    else if (!strcmp(name, "--hda"))
        config.drive[DRIVE_HDA] = value;
    else if (!strcmp(name, "--cdrom"))
        config.drive[DRIVE_HDC] = value;
    else if (!strcmp(name, "--kernel"))
        config.kernel = value;
    else if (!strcmp(name, "--initrd"))
        config.initrd = value;
    else if (!strcmp(name, "--append"))
        config.append = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2)
        if (i + 1 >= argc || !option(argv[i], argv[i + 1])) {
            fprintf(stderr, "lockstep: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        }
    config.drive_is_cd[DRIVE_HDC] = config.drive[DRIVE_HDC];
    if (!cpu_model_find(config.cpu)) {
        fprintf(stderr, "lockstep: there is no model '%s'\n", config.cpu);
        return 64;
    }
    if (traced) {
        struct machine *m = one_guest(true);

        trace(m, traced);
        machine_free(m);
        return 0;
    }
    if (searched) {
        find(searched);
        return 0;
    }
    if (boot_seconds > 0) {
        run_boot();
    } else {
        run_hostile();
        if (model_has(cpu_model_find(config.cpu), FEAT_386))
            run_silicon(); /* its cases are paged */
    }
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
