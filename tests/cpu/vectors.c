/*
 * Runs recorded vectors of single instructions against the interpreter: registers, memory and
 * exceptions must be exact, and so must the flags that the manual defines; the others are counted
 * as a second figure.
 *
 *     vectors [--engine NAME] [--verbose] DIR...
 *
 * Each DIR holds MOO files (SingleStepTests by Daniel Balsom), gzipped; its name tells the chip:
 * "8086" or "286". --engine takes an engine instead of the stepper, and each vector runs twice: up
 * to the next instruction, and on to the HLT behind it. Nonzero exit if anything failed.
 */
#include "cpu/cpu.h"
#include "cpu/mem.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"
#include "tests/support/stepper.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- The container ---- */

struct bytes {
    const u8 *data;
    size_t len;
};

enum reg { R_AX, R_BX, R_CX, R_DX, R_CS, R_SS, R_DS, R_ES, R_SP, R_BP, R_SI, R_DI, R_IP, R_FLAGS };
enum { REGS = 14 };

static const char *const reg_names[REGS] = {"ax", "bx", "cx", "dx", "cs", "ss", "ds",
                                            "es", "sp", "bp", "si", "di", "ip", "flags"};

struct snapshot {
    u16 mask; /* registers present */
    u16 reg[REGS];
    struct bytes ram; /* 5 bytes each: address, value */
    u32 ram_count;
};

struct moo_test {
    u32 index;
    char name[80];
    struct bytes code;
    struct snapshot init, final;
    bool has_exception;
    struct bytes hash;
};

static u32 le32(const u8 *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/* Take one chunk off the front; false at the end or at a damaged one. */
static bool next_chunk(struct bytes *b, char tag[5], struct bytes *body)
{
    u32 len;

    if (b->len < 8)
        return false;
    memcpy(tag, b->data, 4);
    tag[4] = 0;
    len = le32(b->data + 4);
    if (len > b->len - 8)
        return false;
    *body = (struct bytes){b->data + 8, len};
    b->data += 8 + len;
    b->len -= 8 + len;
    return true;
}

static void read_registers(struct bytes b, struct snapshot *s)
{
    if (b.len < 2)
        return;
    s->mask = (u16)(b.data[0] | b.data[1] << 8);
    b.data += 2;
    b.len -= 2;
    for (unsigned i = 0; i < REGS; i++) {
        if (!(s->mask >> i & 1) || b.len < 2)
            continue;
        s->reg[i] = (u16)(b.data[0] | b.data[1] << 8);
        b.data += 2;
        b.len -= 2;
    }
}

static void read_snapshot(struct bytes b, struct snapshot *s)
{
    struct bytes body;
    char tag[5];

    while (next_chunk(&b, tag, &body)) {
        if (!strcmp(tag, "REGS"))
            read_registers(body, s);
        if (!strcmp(tag, "RAM ") && body.len >= 4) {
            s->ram = (struct bytes){body.data + 4, body.len - 4};
            s->ram_count = (u32)min_u64(le32(body.data), s->ram.len / 5);
        }
    }
}

static void read_vector(struct bytes b, struct moo_test *v)
{
    struct bytes body;
    char tag[5];

    memset(v, 0, sizeof *v);
    if (b.len < 4)
        return;
    v->index = le32(b.data);
    b.data += 4;
    b.len -= 4;
    while (next_chunk(&b, tag, &body)) {
        if (!strcmp(tag, "NAME") && body.len >= 4)
            snprintf(v->name, sizeof v->name, "%.*s", (int)body.len - 4, body.data + 4);
        else if (!strcmp(tag, "BYTS") && body.len >= 4)
            v->code = (struct bytes){body.data + 4, body.len - 4};
        else if (!strcmp(tag, "INIT"))
            read_snapshot(body, &v->init);
        else if (!strcmp(tag, "FINA"))
            read_snapshot(body, &v->final);
        else if (!strcmp(tag, "HASH"))
            v->hash = body;
        else if (!strcmp(tag, "EXCP"))
            v->has_exception = true; /* what it holds is in the final state as well */
    }
}

/* ---- The machine: RAM full of HLT, no chips ---- */

enum { HLT = 0xF4, NOP = 0x90 };

struct machine {
    struct physmap *pm;
    struct bus *bus;
    struct cpu *cpu;
    size_t ram_bytes;
    bool chip_8086;
    const struct engine *engine; /* NULL: stepped */
    bool to_halt;                /* the engine goes on to the HLT behind the instruction */
};

static bool machine_new(struct machine *m, bool chip_8086, const struct engine *engine)
{
    const struct cpu_model *model = cpu_model_find(chip_8086 ? "8086" : "286");
    struct cpu_pins pins = {0};
    frame_id first;
    u8 *page;

    m->chip_8086 = chip_8086;
    m->engine = engine;
    m->to_halt = false;
    m->ram_bytes = chip_8086 ? 1 << 20 : 16 << 20;
    m->pm = physmap_new();
    first = physmap_new_frames(m->pm, "ram", m->ram_bytes, 0);
    if (!model || !first)
        return false;
    physmap_map_frames(m->pm, 0, m->ram_bytes, first, true);
    physmap_set_a20(m->pm, !chip_8086); /* an 8086 has 20 address lines */
    page = malloc(PAGE_SIZE);
    memset(page, HLT, PAGE_SIZE);
    for (size_t at = 0; at < m->ram_bytes; at += PAGE_SIZE)
        physmap_write(m->pm, at, page, PAGE_SIZE);
    free(page);
    m->bus = bus_new(m->pm);
    m->cpu = cpu_new(model, &engine_interp, m->bus, &pins, NULL, 0);
    return m->cpu && (!engine || test_engine_take(m->cpu, engine));
}

static void machine_free(struct machine *m)
{
    cpu_free(m->cpu);
    bus_free(m->bus);
    physmap_free(m->pm);
}

static void poke(struct machine *m, u32 at, u8 value)
{
    physmap_write(m->pm, at, &value, 1);
}

static u8 peek(struct machine *m, u32 at)
{
    u8 v;

    physmap_read(m->pm, at, &v, 1);
    return v;
}

/* ---- State in and out ---- */

static const u8 gpr_of[] = {
    [R_AX] = RAX, [R_BX] = RBX, [R_CX] = RCX, [R_DX] = RDX,
    [R_SP] = RSP, [R_BP] = RBP, [R_SI] = RSI, [R_DI] = RDI,
};

static u16 get_register(struct cpu *c, unsigned r)
{
    switch (r) {
    case R_CS: return c->seg[SEG_CS].sel;
    case R_SS: return c->seg[SEG_SS].sel;
    case R_DS: return c->seg[SEG_DS].sel;
    case R_ES: return c->seg[SEG_ES].sel;
    case R_IP: return (u16)c->rip;
    case R_FLAGS: return (u16)cpu_flags(c);
    default: return (u16)c->gpr[gpr_of[r]];
    }
}

/* Bits 12-15 were set at random for the 286, which ignores them in real mode. */
static u16 flags_that_exist(const struct machine *m)
{
    return (u16)(m->cpu->model->eflags_ones | (m->chip_8086 ? 0xFFF : 0xFD5));
}

static void load(struct machine *m, const struct moo_test *v)
{
    const u16 *r = v->init.reg;
    struct cpu *c = m->cpu;

    cpu_reset(c, true);
    for (unsigned i = 0; i < REGS; i++)
        if (i < R_CS || (i >= R_SP && i <= R_DI))
            c->gpr[gpr_of[i]] = r[i];
    seg_load_real(c, SEG_CS, r[R_CS]);
    seg_load_real(c, SEG_SS, r[R_SS]);
    seg_load_real(c, SEG_DS, r[R_DS]);
    seg_load_real(c, SEG_ES, r[R_ES]);
    c->rip = r[R_IP];
    cpu_set_flags(c, (r[R_FLAGS] & flags_that_exist(m)) | c->model->eflags_ones);
    cpu_update_mode(c);
    c->count = 0;
    for (u32 i = 0; i < v->init.ram_count; i++)
        poke(m, le32(v->init.ram.data + i * 5), v->init.ram.data[i * 5 + 4]);
}

/* Back to HLT everywhere, so that a stray write of one vector does not help another. */
static void clean_up(struct machine *m, const struct moo_test *v)
{
    for (u32 i = 0; i < v->init.ram_count; i++)
        poke(m, le32(v->init.ram.data + i * 5), HLT);
    for (u32 i = 0; i < v->final.ram_count; i++)
        poke(m, le32(v->final.ram.data + i * 5), HLT);
}

/* ---- Running ---- */

enum { STEPS = 200000 /* the longest REP has 65535 rounds */ };

/* 286 vectors end with a HLT behind the instruction, or at the target of a jump or exception. */
static const char *run_to_halt(struct machine *m)
{
    struct cpu *c = m->cpu;

    if (m->engine && m->to_halt) {
        m->engine->run(c, STEPS);
    } else if (m->engine) {
        while (!c->halted && !c->shutdown && c->count < STEPS)
            m->engine->run(c, c->count + 1);
    } else {
        c->until = UINT64_MAX;
        for (unsigned i = 0; i < 100 && !c->halted && !c->shutdown; i++)
            cpu_step(c);
    }
    if (c->shutdown)
        return c->crash;
    return c->halted ? NULL : "did not come to its HLT";
}

/*
 * Where an 8086 vector ends the queue had fetched NOPs, and behind them memory is HLT: how many
 * NOPs lie there, or -1 if it is not so (a jump back, a target among the data).
 */
static int nops_behind(struct machine *m, const struct moo_test *v)
{
    const struct snapshot *s = &v->final;
    u16 cs = s->mask >> R_CS & 1 ? s->reg[R_CS] : v->init.reg[R_CS];
    u16 ip = s->mask >> R_IP & 1 ? s->reg[R_IP] : v->init.reg[R_IP];
    int n = 0;

    while (n < 8 && peek(m, (cs * 16u + (u16)(ip + n)) & 0xFFFFF) == NOP)
        n++;
    return peek(m, (cs * 16u + (u16)(ip + n)) & 0xFFFFF) == HLT ? n : -1;
}

/*
 * 8086 vectors are one instruction and no HLT. The engine goes on where an exception did not count
 * as an instruction: to the HLT that memory is full of, which is taken back, with the NOPs in front
 * of it where `nops` says so. (HLT itself is not in the set.)
 */
static const char *run_one(struct machine *m, int nops)
{
    struct cpu *c = m->cpu;

    if (m->engine) {
        if (m->to_halt)
            m->engine->run(c, STEPS);
        else
            do
                m->engine->run(c, c->count + 1);
            while ((c->eflags & EF_RF) && c->count < STEPS);
        if (c->halted)
            c->rip = (u16)(c->rip - 1 - (m->to_halt ? nops : 0));
    } else {
        c->until = UINT64_MAX;
        cpu_step(c);
    }
    return c->shutdown ? c->crash : NULL;
}

/* ---- Judging ---- */

struct figures {
    unsigned passed, failed, skipped, undefined_wrong, undefined_tests;
};

static u16 flags_of_set(unsigned set)
{
    return (u16)((set & FL_CF ? EF_CF : 0) | (set & FL_PF ? EF_PF : 0) | (set & FL_AF ? EF_AF : 0) |
                 (set & FL_ZF ? EF_ZF : 0) | (set & FL_SF ? EF_SF : 0) | (set & FL_OF ? EF_OF : 0));
}

/* The flags that the manual leaves open after this instruction. */
static u16 undefined_flags(struct machine *m, const struct moo_test *v)
{
    struct decode_mode mode = {.code = CODE16, .model = m->cpu->model};
    u8 code[INSN_MAX_BYTES] = {0};
    struct insn in;

    memcpy(code, v->code.data, min_u64(v->code.len, sizeof code));
    insn_decode(code, sizeof code, &mode, &in);
    return flags_of_set(optab_rows[in.row].flags_undefined);
}

static u16 expected(const struct moo_test *v, unsigned r)
{
    return v->final.mask >> r & 1 ? v->final.reg[r] : v->init.reg[r];
}

struct verdict {
    bool wrong, undefined_wrong;
    char text[160];
};

static void complain(struct verdict *d, const char *what, unsigned got, unsigned want)
{
    if (!d->wrong)
        snprintf(d->text, sizeof d->text, "%s is %04X, not %04X", what, got, want);
    d->wrong = true;
}

static void judge_registers(struct machine *m, const struct moo_test *v, u16 undefined,
                            struct verdict *d)
{
    for (unsigned r = 0; r < REGS; r++) {
        u16 got = get_register(m->cpu, r), want = expected(v, r);

        if (r == R_FLAGS) {
            want = (u16)((want & flags_that_exist(m)) | m->cpu->model->eflags_ones);
            if ((got ^ want) & undefined)
                d->undefined_wrong = true;
            got &= (u16)~undefined;
            want &= (u16)~undefined;
        }
        if (got != want)
            complain(d, reg_names[r], got, want);
    }
}

/* The 8086 set does not say so, but CS changes in no instruction that leaves flags undefined. */
static bool has_exception(const struct moo_test *v)
{
    return v->has_exception || expected(v, R_CS) != v->init.reg[R_CS];
}

/* The bits of a byte that hold undefined flags: of the FLAGS word that an exception has pushed. */
static u8 undefined_bits(const struct machine *m, const struct moo_test *v, u32 at, u16 undefined)
{
    u32 base = expected(v, R_SS) * 16u, limit = m->chip_8086 ? 0xFFFFF : 0xFFFFFF;
    u16 flags_at = (u16)(expected(v, R_SP) + 4);

    if (has_exception(v) && at == ((base + flags_at) & limit))
        return (u8)undefined;
    if (has_exception(v) && at == ((base + (u16)(flags_at + 1)) & limit))
        return (u8)(undefined >> 8);
    return 0;
}

static void judge_byte(struct machine *m, const struct moo_test *v, u32 at, u8 want, u16 undefined,
                       struct verdict *d)
{
    u8 got = peek(m, at), open = undefined_bits(m, v, at, undefined);
    char what[32];

    if ((got ^ want) & open)
        d->undefined_wrong = true;
    if (((got ^ want) & ~open) == 0)
        return;
    snprintf(what, sizeof what, "[%05X]", at);
    complain(d, what, got, want);
}

/* Bytes that the final state does not name must be as they were. */
static bool is_named(const struct snapshot *s, u32 at)
{
    for (u32 i = 0; i < s->ram_count; i++)
        if (le32(s->ram.data + i * 5) == at)
            return true;
    return false;
}

static void judge_memory(struct machine *m, const struct moo_test *v, u16 undefined,
                         struct verdict *d)
{
    const struct snapshot *a = &v->init, *b = &v->final;

    for (u32 i = 0; i < b->ram_count; i++)
        judge_byte(m, v, le32(b->ram.data + i * 5), b->ram.data[i * 5 + 4], undefined, d);
    for (u32 i = 0; i < a->ram_count; i++)
        if (!is_named(b, le32(a->ram.data + i * 5)))
            judge_byte(m, v, le32(a->ram.data + i * 5), a->ram.data[i * 5 + 4], undefined, d);
}

static void run_once(struct machine *m, const struct moo_test *v, struct verdict *d)
{
    u16 undefined = undefined_flags(m, v);
    const char *error;
    int nops;

    load(m, v);
    nops = m->chip_8086 ? nops_behind(m, v) : 0;
    if (m->to_halt && nops < 0) {
        clean_up(m, v);
        return;
    }
    error = m->chip_8086 ? run_one(m, nops) : run_to_halt(m);
    if (error) {
        d->wrong = true;
        snprintf(d->text, sizeof d->text, "%.150s", error);
    }
    judge_registers(m, v, undefined, d);
    judge_memory(m, v, undefined, d);
    clean_up(m, v);
}

static void run_vector(struct machine *m, const struct moo_test *v, struct verdict *d)
{
    memset(d, 0, sizeof *d);
    m->to_halt = false;
    run_once(m, v, d);
    m->to_halt = true;
    if (m->engine)
        run_once(m, v, d);
}

/* ---- Files ---- */

static u8 *read_gzip(const char *path, size_t *len)
{
    gzFile f = gzopen(path, "rb");
    size_t room = 1 << 20;
    u8 *data = malloc(room);
    int n;

    *len = 0;
    while (f && (n = gzread(f, data + *len, (unsigned)(room - *len))) > 0) {
        *len += (size_t)n;
        if (*len == room)
            data = realloc(data, room *= 2);
    }
    if (f)
        gzclose(f);
    return data;
}

/* Memory must be all HLT between files: anything else is a stray write. */
static unsigned count_strays(struct machine *m)
{
    unsigned strays = 0;
    u8 bytes[PAGE_SIZE];

    for (size_t page = 0; page < m->ram_bytes; page += PAGE_SIZE) {
        physmap_read(m->pm, page, bytes, PAGE_SIZE);
        for (unsigned i = 0; i < PAGE_SIZE; i++) {
            strays += bytes[i] != HLT;
            bytes[i] = HLT;
        }
        physmap_write(m->pm, page, bytes, PAGE_SIZE);
    }
    return strays;
}

static void print_vector(const struct moo_test *v, const struct verdict *d)
{
    printf("    %u '%s'", v->index, v->name);
    for (size_t i = 0; i < v->code.len; i++)
        printf(" %02X", v->code.data[i]);
    printf(": %s\n", d->text);
}

static void run_file(struct machine *m, const char *path, const char *name, unsigned verbose,
                     struct figures *total)
{
    struct figures f = {0};
    struct bytes file, body;
    struct verdict d;
    struct moo_test v;
    char tag[5];
    unsigned strays;
    u8 *data;

    data = read_gzip(path, &file.len);
    file.data = data;
    while (next_chunk(&file, tag, &body)) {
        if (strcmp(tag, "TEST"))
            continue;
        read_vector(body, &v);
        run_vector(m, &v, &d);
        f.passed += !d.wrong;
        f.failed += d.wrong;
        f.undefined_wrong += d.undefined_wrong && !d.wrong;
        if (d.wrong && f.failed <= verbose)
            print_vector(&v, &d);
    }
    free(data);
    strays = count_strays(m);
    if (strays && !f.failed) {
        printf("    %u bytes were written that should not\n", strays);
        f.failed++;
    }
    if (f.failed || f.undefined_wrong)
        printf("%-14s %5u passed, %u failed; undefined flags differ in %u\n", name, f.passed,
               f.failed, f.undefined_wrong);
    total->passed += f.passed;
    total->failed += f.failed;
    total->undefined_wrong += f.undefined_wrong;
}

static int is_vector_file(const struct dirent *e)
{
    size_t len = strlen(e->d_name);

    return len > 7 && !strcmp(e->d_name + len - 7, ".MOO.gz");
}

static bool run_folder(const char *dir, const struct engine *engine, unsigned verbose,
                       struct figures *total)
{
    const char *base = strrchr(dir, '/') ? strrchr(dir, '/') : dir;
    struct machine m;
    struct dirent **names;
    char path[4096];
    int n = scandir(dir, &names, is_vector_file, alphasort);

    if (n < 0) {
        printf("skipped: vectors (no folder %s)\n", dir);
        total->skipped++;
        return true;
    }
    if (!machine_new(&m, strstr(base, "8086") != NULL, engine)) {
        fprintf(stderr, "vectors: the host refuses memory\n");
        return false;
    }
    printf("%s: %d files, model %s, %s\n", dir, n, m.cpu->model->name,
           engine ? engine->name : "stepped");
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        run_file(&m, path, names[i]->d_name, verbose, total);
        free(names[i]);
    }
    free(names);
    machine_free(&m);
    return true;
}

int main(int argc, char **argv)
{
    struct figures total = {0};
    const struct engine *engine = NULL;
    unsigned verbose = 1;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--engine") && i + 1 < argc) {
            engine = test_engine(argv[++i]);
            if (!engine)
                return test_engine_missing(argv[i]);
        } else if (!strcmp(argv[i], "--verbose")) {
            verbose = 10;
        } else if (!run_folder(argv[i], engine, verbose, &total)) {
            return 2;
        }
    }
    printf("undefined flags differ in %u vectors that pass\n", total.undefined_wrong);
    printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed, total.skipped);
    return total.failed != 0;
}
