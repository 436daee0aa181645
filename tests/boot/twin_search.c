/*
 * From a difference back to the instruction that made it. Each probe starts at the last moment at
 * which both machines were the same, or at power-on, and does again what was done up to the moment
 * in question, without a stop that was not there the first time: where an engine stops may hide
 * what is looked for. Bisected are first the things done, then the time of the one run.
 */
#include "tests/boot/twin.h"

#include "cpu/cpu.h"
#include "tests/support/stepper.h"

#include <stdlib.h>
#include <string.h>

enum { BEFORE = 12, WAY = 64, REGISTERS_BYTES = 3000 };

struct search {
    struct twin *t;
    FILE *out;
    bool from_start;
    unsigned probes;
    u32 way[WAY]; /* linear addresses of the last instructions */
    unsigned way_count;
};

/* Do again what was done before ops[to], and the run there only up to `ns` (0: not at all). */
static bool same_at(struct search *s, size_t to, u64 ns)
{
    struct twin *t = s->t;
    struct twin_op last;

    s->probes++;
    twin_redo(t, twin_back(t, s->from_start), to);
    if (ns) {
        size_t count = t->count;

        last = t->ops[to];
        last.ns = ns;
        twin_do(t, &last, NULL);
        t->count = count;
    }
    return twin_same(t);
}

/* ---- Telling ---- */

static void show_instruction(struct search *s, struct machine *m)
{
    const struct cpu *c = machine_cpu(m, 0);
    u32 la = (u32)(c->seg[SEG_CS].base + c->rip);
    struct decode_mode mode = {c->mode & MODE_CODE_SIZE, c->mode & MODE_PROTECTED, c->model};
    u8 bytes[INSN_MAX_BYTES] = {0};
    struct insn in;
    char text[100], hex[INSN_MAX_BYTES * 3 + 1] = "";
    unsigned len;

    s->way[s->way_count++ % WAY] = la;
    machine_read_linear(m, la, bytes, sizeof bytes);
    len = insn_decode(bytes, sizeof bytes, &mode, &in);
    insn_format(&in, c->rip, mode.code, text, sizeof text);
    for (unsigned i = 0; i < len && i < sizeof bytes; i++)
        sprintf(hex + i * 3, "%02X ", bytes[i]);
    fprintf(s->out, "    %llu  %04x:%08llx  %-24s %s%s\n",
            (unsigned long long)machine_instructions(m), c->seg[SEG_CS].sel,
            (unsigned long long)c->rip, hex, text, c->halted ? "  (halted)" : "");
}

/* Virtual time an instruction takes, or a little more. */
static u64 ns_each(const struct twin *t)
{
    u32 kips = t->config.speed_mips ? t->config.speed_mips * 1000
                                    : machine_cpu(t->m[0], 0)->model->nominal_kips;

    return 1 + 1000000 / (kips ? kips : 200000);
}

/* The first machine alone, from some instructions before `lo` up to `hi`, one by one. */
static void list_instructions(struct search *s, size_t op, u64 lo, u64 hi)
{
    struct twin *t = s->t;
    struct machine *m = t->m[0];
    u64 back = ns_each(t) * BEFORE, from = lo > back ? lo - back : 0, count;
    u64 start = op && t->ops[op - 1].kind == TWIN_RUN ? t->ops[op - 1].ns : 0;

    same_at(s, op, max_u64(from, start + 1));
    fprintf(s->out, "the last instructions, on %s:\n", t->engine[0]);
    for (u64 ns = from; ns <= hi; ns++) {
        struct twin_op one = {.kind = TWIN_RUN, .ns = ns};
        size_t ops = t->count;

        count = machine_instructions(m);
        if (ns == from || machine_now_ns(m) < ns) {
            twin_do(t, &one, NULL);
            t->count = ops;
        }
        if (ns == from || machine_instructions(m) != count)
            show_instruction(s, m);
    }
}

/* Both reports; of the second the lines that differ. */
static void show_registers(struct search *s)
{
    char text[TWINS][REGISTERS_BYTES], *rest[TWINS], *line[TWINS];

    for (unsigned i = 0; i < TWINS; i++) {
        machine_info(s->t->m[i], "registers", text[i], sizeof text[i]);
        line[i] = strtok_r(text[i], "\n", &rest[i]);
    }
    while (line[0] && line[1]) {
        bool same = !strcmp(line[0], line[1]);

        fprintf(s->out, "  %c %s\n", same ? ' ' : '<', line[0]);
        if (!same)
            fprintf(s->out, "  > %s\n", line[1]);
        for (unsigned i = 0; i < TWINS; i++)
            line[i] = strtok_r(NULL, "\n", &rest[i]);
    }
}

/* Of the instruction, or of the nearest in front of it with which a translation begins. */
static void show_translation(struct search *s)
{
    u32 la[WAY];
    unsigned n = s->way_count < WAY ? s->way_count : WAY;

    for (unsigned i = 0; i < n; i++)
        la[i] = s->way[(s->way_count - 1 - i) % WAY];
    /* The last one listed comes behind the difference. */
    if (n > 1)
        test_engine_show_code(machine_cpu(s->t->m[1], 0), la + 1, n - 1, s->out);
}

static void tell(struct search *s, size_t op, u64 lo, u64 hi)
{
    struct twin *t = s->t;
    u64 before;

    list_instructions(s, op, lo, hi);
    same_at(s, op, lo);
    before = machine_instructions(t->m[0]);
    fprintf(s->out, "before, at %llu ns, %llu instructions, both:\n", (unsigned long long)lo,
            (unsigned long long)before);
    show_registers(s);
    same_at(s, op, hi);
    fprintf(s->out, "behind, at %llu ns, after %llu and %llu instructions (<%s, >%s):\n",
            (unsigned long long)hi, (unsigned long long)(machine_instructions(t->m[0]) - before),
            (unsigned long long)(machine_instructions(t->m[1]) - before), t->engine[0],
            t->engine[1]);
    show_registers(s);
    fprintf(s->out, "what differs (%s, %s):\n", t->engine[0], t->engine[1]);
    twin_tell_difference(t, s->out);
    show_translation(s);
}

/* ---- Bisecting ---- */

/* The first op behind which they differ; they are the same before `lo`. */
static size_t find_op(struct search *s, size_t lo, size_t hi)
{
    while (hi - lo > 1) {
        size_t middle = lo + (hi - lo) / 2;

        if (same_at(s, middle, 0))
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

static void find_instruction(struct search *s, size_t op)
{
    struct twin *t = s->t;
    u64 lo, hi = t->ops[op].ns;

    same_at(s, op, 0);
    lo = machine_now_ns(t->m[0]);
    while (hi - lo > 1) {
        u64 middle = lo + (hi - lo) / 2;

        if (same_at(s, op, middle))
            lo = middle;
        else
            hi = middle;
    }
    /* The clock stands at the first instruction behind the time asked for. */
    tell(s, op, lo, hi);
}

void twin_search(struct twin *t, FILE *out)
{
    struct search s = {.t = t, .out = out};
    size_t last = t->count, op;

    fprintf(out, "what differs (%s, %s):\n", t->engine[0], t->engine[1]);
    twin_tell_difference(t, out);
    fflush(out);
    if (same_at(&s, last, 0)) {
        fprintf(out, "from the last equal state it does not happen again; from power-on then\n");
        s.from_start = true;
        if (same_at(&s, last, 0)) {
            fprintf(out, "nor does it from power-on: it depends on the host\n");
            return;
        }
    }
    op = find_op(&s, s.from_start ? 0 : t->equal_at, last);
    if (t->ops[op].kind == TWIN_RUN)
        find_instruction(&s, op);
    else
        fprintf(out, "it is not an instruction: thing %zu done, of kind %d, makes the difference\n",
                op, t->ops[op].kind);
    fprintf(out, "found with %u runs\n", s.probes);
}
