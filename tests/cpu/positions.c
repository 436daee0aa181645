/*
 * What happens at which instruction, on a whole machine and on every engine: for blocks of 1 to 64
 * instructions and each position in them, the instruction there raises an interrupt or looks at a
 * clock. The interrupted address must be the one behind it, and addresses and times must be the
 * same as the stepper's, also when the run is cut at random moments.
 *
 *     positions [--engine NAME] [--seed N] [--cpu MODEL]
 *
 * Without --engine: all of this build. A block is gone through ROUNDS times. The last line is "N
 * passed, N failed, N skipped", where each position of each block counts.
 */
#include "base/bytes.h"
#include "cpu/cpu.h"
#include "cpu/segment.h"
#include "devices/board/engines.h"
#include "devices/board/machine.h"
#include "tests/cpu/silicon.h" /* its random numbers */
#include "tests/fuzz/hostile.h"
#include "tests/support/stepper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MAX = 64,
    BLOCKS = BLOCK_MAX * (BLOCK_MAX + 1) / 2,
    ROUNDS = 3,
    END_MS = 1500,
    SHOWN = 5,

    AT_GDT = 0x1000,
    AT_IDT = 0x2000,
    AT_HANDLERS = 0x3000,
    AT_STACK = 0x8000,
    AT_COUNTER = 0x9000,
    AT_DATA = 0xC000,
    AT_CODE = 0x10000,
    AT_LOG = 0x100000, /* what was seen, one dword after the other; EDI points behind it */
    LOG_BYTES = BLOCKS * ROUNDS * 4 * 4,
    VEC_IPI = 0x50,
    VEC_PIT = 0x20,
    VEC_UART = 0x24,
    PM_BASE = 0x600,
};

/* What the instruction does. */
enum kind {
    RAISE_BY_MEMORY, /* the local APIC sends its own processor an interrupt */
    RAISE_BY_PORT,   /* the serial port is told that its empty transmitter matters */
    RAISE_BY_STI,    /* an interrupt waits; STI lets it in behind the next instruction */
    SET_DEADLINE,    /* the PIT is started: it interrupts some instructions later */
    READ_TSC,
    READ_PIT,
    READ_PM_TIMER,
    READ_HPET,
    READ_APIC_TIMER,
    KINDS
};

static const struct {
    const char *name, *code;
    u8 len;
    bool address; /* what is seen is the address behind it */
    bool value;   /* or a value in EAX */
    u32 eax, edx;
    u8 mask; /* of the first interrupt controller */
} kinds[KINDS] = {
    [RAISE_BY_MEMORY] = {"interrupt by memory", "\xA3\x00\x03\xE0\xFE", 5, true, false,
                         0x00044000 | VEC_IPI, 0, 0xFF},
    [RAISE_BY_PORT] = {"interrupt by port", "\xEE", 1, true, false, 2, 0x3F9, 0xEF},
    [RAISE_BY_STI] = {"interrupt by STI", "\xFB", 1, true, false, 0x00044000 | VEC_IPI, 0, 0xFF},
    [SET_DEADLINE] = {"deadline by port", "\xE6\x40", 2, false, false, 17, 0, 0xFE},
    [READ_TSC] = {"TSC", "\x0F\x31", 2, false, true, 0, 0, 0xFF},
    [READ_PIT] = {"PIT", "\xE4\x42", 2, false, true, 0, 0, 0xFF},
    [READ_PM_TIMER] = {"PM timer", "\xED", 1, false, true, 0, PM_BASE + 8, 0xFF},
    [READ_HPET] = {"HPET", "\xA1\xF0\x00\xD0\xFE", 5, false, true, 0, 0, 0xFF},
    [READ_APIC_TIMER] = {"APIC timer", "\xA1\x90\x03\xE0\xFE", 5, false, true, 0, 0, 0xFF},
};

/* Instructions around it, which leave EAX, EDX and EDI alone; flags go from one to the next. */
static const struct {
    u8 len;
    const char *code;
} fillers[] = {
    {1, "\x43"},
    {2, "\x01\xCB"},
    {2, "\x11\xD9"},
    {2, "\x31\xF3"},
    {2, "\xD1\xE3"},
    {3, "\xC1\xCE\x07"},
    {3, "\x0F\xAF\xDE"},
    {6, "\x89\x1D\x00\xC0\x00\x00"},
    {6, "\x03\x0D\x00\xC0\x00\x00"},
    {3, "\x0F\x94\xC1"},
    {3, "\x8D\x34\x4B"},
    {1, "\xF9"},
    {2, "\x87\xF3"},
    {3, "\x0F\xA3\xCB"},
    {7, "\x83\x1D\x04\xC0\x00\x00\x05"},
    {2, "\xD0\xDB"},
    {6, "\xFF\x05\x08\xC0\x00\x00"},
    {2, "\x85\xDB"},
    {1, "\x90"},
    {3, "\x0F\x42\xF1"},
};

static u64 seed = 1;
static const char *cpu = "pentium2";
static unsigned passed, failed;

/* ---- The guest ---- */

struct code {
    u8 bytes[1 << 19];
    u32 len;
    u32 behind[BLOCKS]; /* where an interrupt of this block must come */
};

static void put(struct code *c, const char *bytes, unsigned len)
{
    memcpy(c->bytes + c->len, bytes, len);
    c->len += len;
}

#define PUT(c, literal) put(c, literal, sizeof literal - 1)

static void put32(struct code *c, u32 v)
{
    put_le32(c->bytes + c->len, v);
    c->len += 4;
}

static void out(struct code *c, u8 port, u8 value)
{
    const char bytes[] = {(char)0xB0, (char)value, (char)0xE6, (char)port};

    put(c, bytes, sizeof bytes);
}

static void store(struct code *c, u32 at, u32 value)
{
    PUT(c, "\xC7\x05");
    put32(c, at);
    put32(c, value);
}

static void load(struct code *c, u8 opcode, u32 value)
{
    put(c, (const char *)&opcode, 1);
    put32(c, value);
}

/* A dword of PCI configuration space. */
static void configure(struct code *c, u32 address, u32 value)
{
    load(c, 0xB8, address);
    PUT(c, "\x66\xBA\xF8\x0C\xEF"); /* mov dx, 0CF8h; out dx, eax */
    load(c, 0xB8, value);
    PUT(c, "\x66\xBA\xFC\x0C\xEF");
}

static void set_up_chips(struct code *c, enum kind kind)
{
    static const u8 pic[][2] = {{0x20, 0x11}, {0x21, VEC_PIT}, {0x21, 4}, {0x21, 1},
                                {0xA0, 0x11}, {0xA1, 0x28},    {0xA1, 2}, {0xA1, 1}};

    for (unsigned i = 0; i < ARRAY_LEN(pic); i++)
        out(c, pic[i][0], pic[i][1]);
    out(c, 0x43, 0x94); /* counter 2: low byte only, mode 2 */
    out(c, 0x42, 0);
    out(c, 0x61, 1);
    out(c, 0x43, 0x10);                     /* counter 0: low byte only, mode 0 */
    PUT(c, "\x66\xBA\xFC\x03\xB0\x0B\xEE"); /* the serial port's OUT2 */
    configure(c, 0x80000B40, PM_BASE | 1);
    configure(c, 0x80000B80, 1);
    store(c, 0xFEE000F0, 0x1FF);
    store(c, 0xFEE00350, 0x700); /* LINT0: ExtINT */
    store(c, 0xFEE00320, 0x10000);
    store(c, 0xFEE003E0, 0x0B);
    store(c, 0xFEE00380, 0xFFFFFFFF);
    store(c, 0xFED00010, 1);
    out(c, 0x21, kinds[kind].mask);
    out(c, 0xA1, 0xFF);
    load(c, 0xBF, AT_LOG);
}

/* Block `index`: `n` instructions, the one at `at` is that of `kind`. */
static void put_block(struct code *c, struct silicon_rng *r, enum kind kind, unsigned index,
                      unsigned n, unsigned at)
{
    u32 again, start;

    store(c, AT_COUNTER, ROUNDS);
    again = c->len;
    load(c, 0xB8, kinds[kind].eax);
    load(c, 0xBA, kinds[kind].edx);
    if (kind == RAISE_BY_STI)
        PUT(c, "\xFA\xA3\x00\x03\xE0\xFE"); /* cli; it waits from here */
    else
        PUT(c, "\xFB");
    PUT(c, "\xEB\x00"); /* what follows is a block */
    for (unsigned i = 0; i < n; i++) {
        unsigned f = rng_below(r, ARRAY_LEN(fillers));

        if (i == at)
            put(c, kinds[kind].code, kinds[kind].len);
        else
            put(c, fillers[f].code, fillers[f].len);
        if (i == at + (kind == RAISE_BY_STI))
            c->behind[index] = AT_CODE + c->len;
    }
    start = c->len;
    if (kinds[kind].value)
        PUT(c, "\x89\x07\x83\xC7\x04"); /* mov [edi], eax; add edi, 4 */
    else
        PUT(c, "\x8B\xC0"); /* as long as no instruction but this is interrupted there */
    if (kind == RAISE_BY_STI && at == n - 1)
        c->behind[index] = AT_CODE + start + 2;
    PUT(c, "\xFF\x0D"); /* dec dword [counter]; jnz again */
    put32(c, AT_COUNTER);
    PUT(c, "\x0F\x85");
    put32(c, again - c->len - 4);
}

static void make_code(struct code *c, enum kind kind)
{
    struct silicon_rng r = {seed * KINDS + kind};
    unsigned index = 0;

    memset(c, 0, sizeof *c);
    set_up_chips(c, kind);
    for (unsigned n = 1; n <= BLOCK_MAX; n++)
        for (unsigned at = 0; at < n; at++)
            put_block(c, &r, kind, index++, n, at);
    PUT(c, "\xFA\xF4\xEB\xFD");
}

/* push eax; push edx; note the return address; thank the chips; back */
static void make_handler(struct code *c, unsigned vector)
{
    PUT(c, "\x50\x52\x8B\x44\x24\x08\x89\x07\x8D\x7F\x04");
    if (vector == VEC_UART)
        PUT(c, "\x66\xBA\xF9\x03\xB0\x00\xEE\x66\xBA\xFA\x03\xEC"); /* IER 0; read IIR */
    if (vector == VEC_IPI)
        store(c, 0xFEE000B0, 0);
    else
        out(c, 0x20, 0x20);
    PUT(c, "\x5A\x58\xCF");
}

static void put_memory(struct machine *m, u32 at, unsigned size, u32 v)
{
    u8 b[4];

    put_le32(b, v);
    machine_write_physical(m, at, b, size);
}

static void put_handlers(struct machine *m)
{
    static const u8 vectors[] = {VEC_IPI, VEC_PIT, VEC_UART};
    static struct code c;

    put_memory(m, AT_HANDLERS, 2, 0xF4FA); /* all others: cli; hlt */
    for (unsigned v = 0; v < 256; v++) {
        put_memory(m, AT_IDT + v * 8, 4, 0x00080000 | AT_HANDLERS);
        put_memory(m, AT_IDT + v * 8 + 4, 4, 0x8E00);
    }
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        u32 at = AT_HANDLERS + 0x100 * (i + 1);

        c.len = 0;
        make_handler(&c, vectors[i]);
        machine_write_physical(m, at, c.bytes, c.len);
        put_memory(m, AT_IDT + vectors[i] * 8u, 2, at);
    }
}

static void put_guest(struct machine *m, const struct code *code)
{
    struct cpu *c = machine_cpu(m, 0);

    put_memory(m, AT_GDT + 8, 4, 0x0000FFFF);
    put_memory(m, AT_GDT + 12, 4, 0x00CF9B00);
    put_memory(m, AT_GDT + 16, 4, 0x0000FFFF);
    put_memory(m, AT_GDT + 20, 4, 0x00CF9300);
    put_handlers(m);
    machine_write_physical(m, AT_CODE, code->bytes, code->len);
    c->gdtr = (struct table_reg){AT_GDT, 23};
    c->idtr = (struct table_reg){AT_IDT, 0x7FF};
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        c->seg[n] = (struct segment){.sel = n == SEG_CS ? 8 : 16,
                                     .attr = n == SEG_CS ? 0xC09B : 0xC093,
                                     .limit = 0xFFFFFFFF};
        seg_update(&c->seg[n]);
    }
    c->cr0 |= CR0_PE;
    c->gpr[RSP] = AT_STACK;
    c->rip = AT_CODE;
    cpu_update_mode(c);
}

/* ---- Running and judging ---- */

struct outcome {
    u8 log[LOG_BYTES];
    u64 hash;
};

static void run(struct machine *m, const struct code *code, bool cut, struct outcome *o)
{
    struct silicon_rng r = {seed};
    u64 end = END_MS * 1000000ull;

    hostile_reset(m);
    put_guest(m, code);
    end += machine_now_ns(m);
    while (cut && machine_now_ns(m) < end && !machine_cpu(m, 0)->halted)
        machine_run(m, machine_now_ns(m) + rng_below(&r, 40000));
    machine_run(m, end);
    machine_read_physical(m, AT_LOG, o->log, sizeof o->log);
    o->hash = machine_state_hash(m);
}

/* The interrupts of a block came where they must. */
static bool addresses_right(const struct code *code, const struct outcome *o, unsigned block)
{
    for (unsigned round = 0; round < ROUNDS; round++)
        if (get_le32(o->log + (block * ROUNDS + round) * 4) != code->behind[block])
            return false;
    return true;
}

/* Interrupts came, times were read: most places of the log are not zero. In a short
 * block the PIT is started again before it interrupts.
 */
static void judge_health(enum kind kind, const struct outcome *o)
{
    unsigned seen = 0;

    for (u32 at = 0; at < BLOCKS * ROUNDS; at++)
        seen += get_le32(o->log + at * 4) != 0;
    if (seen >= BLOCKS * ROUNDS * 3 / 4)
        return;
    printf("%s: only %u of %u were seen\n", kinds[kind].name, seen, BLOCKS * ROUNDS);
    failed++;
}

static void judge(const char *engine, bool cut, enum kind kind, const struct code *code,
                  const struct outcome *want, const struct outcome *got)
{
    unsigned block = 0, shown = 0;

    for (unsigned n = 1; n <= BLOCK_MAX; n++)
        for (unsigned at = 0; at < n; at++, block++) {
            u32 from = block * ROUNDS * 4;
            bool good = kinds[kind].address
                            ? addresses_right(code, got, block)
                            : !memcmp(want->log + from, got->log + from, ROUNDS * 4);

            passed += good;
            failed += !good;
            if (!good && shown++ < SHOWN)
                printf("%s%s: %s, block of %u, position %u: %08x %08x %08x, stepper %08x\n", engine,
                       cut ? ", cut" : "", kinds[kind].name, n, at, get_le32(got->log + from),
                       get_le32(got->log + from + 4), get_le32(got->log + from + 8),
                       get_le32(want->log + from));
        }
    if (want->hash != got->hash && !shown) {
        printf("%s%s: %s: the machine's state differs in the end\n", engine, cut ? ", cut" : "",
               kinds[kind].name);
        failed++;
    }
}

static struct machine *with_engine(const struct engine *e)
{
    struct machine *m = hostile_machine(cpu);

    if (!test_engine_take(machine_cpu(m, 0), e)) {
        fprintf(stderr, "positions: the host refuses engine '%s'\n", e->name);
        exit(71);
    }
    return m;
}

static void try_kind(enum kind kind, struct machine *reference, struct machine **m, unsigned n)
{
    static struct outcome want, got;
    static struct code code;

    make_code(&code, kind);
    for (unsigned cut = 0; cut < 2; cut++) { /* the second run starts where the first one ended */
        run(reference, &code, false, &want);
        judge_health(kind, &want);
        judge("stepper", false, kind, &code, &want, &want);
        for (unsigned i = 0; i < n; i++) {
            run(m[i], &code, cut, &got);
            judge(machine_cpu(m[i], 0)->engine->name, cut, kind, &code, &want, &got);
        }
    }
}

static bool option(const char *name, const char *value, const char **engine)
{
    if (!strcmp(name, "--engine"))
        *engine = value;
    else if (!strcmp(name, "--seed"))
        seed = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--cpu"))
        cpu = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct machine *m[8], *reference;
    const char *only = NULL;
    unsigned n = 0;

    for (int i = 1; i < argc; i += 2)
        if (i + 1 >= argc || !option(argv[i], argv[i + 1], &only)) {
            fprintf(stderr, "positions: see the top of tests/cpu/positions.c for its options\n");
            return 64;
        }
    if (!cpu_model_find(cpu) || !model_has(cpu_model_find(cpu), FEAT_APIC)) {
        fprintf(stderr, "positions: a model with a local APIC is needed\n");
        return 64;
    }
    if (only && !test_engine(only))
        return test_engine_missing(only);
    for (const char *const *name = engine_names; *name && n < ARRAY_LEN(m); name++)
        if (!only || !strcmp(*name, only))
            m[n++] = with_engine(engine_by_name(*name));
    reference = with_engine(&engine_stepper);
    for (enum kind kind = 0; kind < KINDS; kind++)
        try_kind(kind, reference, m, n);
    while (n)
        machine_free(m[--n]);
    machine_free(reference);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
