/*
 * Berkeley TestFloat's vectors on the x87 instructions' handlers: results and flags, bit for bit.
 *
 *     testfloat [--engine NAME] [FOLDER]       default ../shared/vectors/testfloat
 *
 * A file is named after its operation, then rounding (-rmin down, -rmax up, -rminMag to zero) and
 * precision control (-pc32, -pc64). Its lines: operands, result, flags, in hexadecimal. The flags:
 * bit 0 inexact, 1 underflow, 2 overflow, 3 division by zero, 4 invalid; denormal operand is not
 * covered. With --engine they run as a program. The last line says how many lines passed, failed
 * and were skipped.
 */
#include "cpu/fpu.h"
#include "cpu/op.h"
#include "tests/support/cpubox.h"
#include "tests/support/stepper.h"

#include "base/bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { ADDR_A = 0x2000, ADDR_B = 0x2010, ADDR_RESULT = 0x2020, ADDR_CW = 0x2030, NO_ADDR = 0 };
enum { MAX_STEPS = 4, LINE_BYTES = 160, SHOWN_FAILURES = 10 };

enum value { F80, F64, F32, I64, I32, EQUAL, LESS, LESS_EQUAL };

/* An instruction: memory form (opcode, ModRM.reg, address) or register form (both bytes). */
struct step {
    u8 opcode, modrm;
    u16 addr;
};

struct operation {
    const char *name;
    enum value operand, result;
    u8 operands;
    bool until_reduced; /* repeat the last step but one while C2 is set: FPREM1 */
    struct step steps[MAX_STEPS];
};

#define FLD80(a)                                                                                   \
    {                                                                                              \
        0xDB, 5, ADDR_##a                                                                          \
    }
#define FLD64(a)                                                                                   \
    {                                                                                              \
        0xDD, 0, ADDR_##a                                                                          \
    }
#define FLD32(a)                                                                                   \
    {                                                                                              \
        0xD9, 0, ADDR_##a                                                                          \
    }
#define FILD64(a)                                                                                  \
    {                                                                                              \
        0xDF, 5, ADDR_##a                                                                          \
    }
#define FILD32(a)                                                                                  \
    {                                                                                              \
        0xDB, 0, ADDR_##a                                                                          \
    }
#define FSTP80                                                                                     \
    {                                                                                              \
        0xDB, 7, ADDR_RESULT                                                                       \
    }
#define FSTP64                                                                                     \
    {                                                                                              \
        0xDD, 3, ADDR_RESULT                                                                       \
    }
#define FSTP32                                                                                     \
    {                                                                                              \
        0xD9, 3, ADDR_RESULT                                                                       \
    }
#define FISTP64                                                                                    \
    {                                                                                              \
        0xDF, 7, ADDR_RESULT                                                                       \
    }
#define FISTP32                                                                                    \
    {                                                                                              \
        0xDB, 3, ADDR_RESULT                                                                       \
    }
#define REG(a, b)                                                                                  \
    {                                                                                              \
        a, b, NO_ADDR                                                                              \
    }
#define FCOMPP  REG(0xDE, 0xD9)
#define FUCOMPP REG(0xDA, 0xE9)

static const struct operation operations[] = {
    {"extF80_add", F80, F80, 2, false, {FLD80(A), FLD80(B), REG(0xDE, 0xC1), FSTP80}},
    {"extF80_sub", F80, F80, 2, false, {FLD80(A), FLD80(B), REG(0xDE, 0xE9), FSTP80}},
    {"extF80_mul", F80, F80, 2, false, {FLD80(A), FLD80(B), REG(0xDE, 0xC9), FSTP80}},
    {"extF80_div", F80, F80, 2, false, {FLD80(A), FLD80(B), REG(0xDE, 0xF9), FSTP80}},
    {"extF80_sqrt", F80, F80, 1, false, {FLD80(A), REG(0xD9, 0xFA), FSTP80}},
    {"extF80_rem", F80, F80, 2, true, {FLD80(B), FLD80(A), REG(0xD9, 0xF5), FSTP80}},
    {"extF80_roundToInt", F80, F80, 1, false, {FLD80(A), REG(0xD9, 0xFC), FSTP80}},
    {"extF80_eq", F80, EQUAL, 2, false, {FLD80(B), FLD80(A), FUCOMPP}},
    {"extF80_le", F80, LESS_EQUAL, 2, false, {FLD80(B), FLD80(A), FCOMPP}},
    {"extF80_lt", F80, LESS, 2, false, {FLD80(B), FLD80(A), FCOMPP}},
    {"extF80_le_quiet", F80, LESS_EQUAL, 2, false, {FLD80(B), FLD80(A), FUCOMPP}},
    {"extF80_lt_quiet", F80, LESS, 2, false, {FLD80(B), FLD80(A), FUCOMPP}},
    {"extF80_to_f32", F80, F32, 1, false, {FLD80(A), FSTP32}},
    {"extF80_to_f64", F80, F64, 1, false, {FLD80(A), FSTP64}},
    {"extF80_to_i32", F80, I32, 1, false, {FLD80(A), FISTP32}},
    {"extF80_to_i64", F80, I64, 1, false, {FLD80(A), FISTP64}},
    {"f32_add", F32, F32, 2, false, {FLD32(A), {0xD8, 0, ADDR_B}, FSTP32}},
    {"f32_sub", F32, F32, 2, false, {FLD32(A), {0xD8, 4, ADDR_B}, FSTP32}},
    {"f32_mul", F32, F32, 2, false, {FLD32(A), {0xD8, 1, ADDR_B}, FSTP32}},
    {"f32_div", F32, F32, 2, false, {FLD32(A), {0xD8, 6, ADDR_B}, FSTP32}},
    {"f32_sqrt", F32, F32, 1, false, {FLD32(A), REG(0xD9, 0xFA), FSTP32}},
    {"f32_lt", F32, LESS, 2, false, {FLD32(A), {0xD8, 3, ADDR_B}}},
    {"f32_le_quiet", F32, LESS_EQUAL, 2, false, {FLD32(B), FLD32(A), FUCOMPP}},
    {"f32_to_extF80", F32, F80, 1, false, {FLD32(A), FSTP80}},
    {"f32_to_f64", F32, F64, 1, false, {FLD32(A), FSTP64}},
    {"f32_to_i32", F32, I32, 1, false, {FLD32(A), FISTP32}},
    {"f64_add", F64, F64, 2, false, {FLD64(A), {0xDC, 0, ADDR_B}, FSTP64}},
    {"f64_sub", F64, F64, 2, false, {FLD64(A), {0xDC, 4, ADDR_B}, FSTP64}},
    {"f64_mul", F64, F64, 2, false, {FLD64(A), {0xDC, 1, ADDR_B}, FSTP64}},
    {"f64_div", F64, F64, 2, false, {FLD64(A), {0xDC, 6, ADDR_B}, FSTP64}},
    {"f64_sqrt", F64, F64, 1, false, {FLD64(A), REG(0xD9, 0xFA), FSTP64}},
    {"f64_lt", F64, LESS, 2, false, {FLD64(A), {0xDC, 3, ADDR_B}}},
    {"f64_le_quiet", F64, LESS_EQUAL, 2, false, {FLD64(B), FLD64(A), FUCOMPP}},
    {"f64_to_extF80", F64, F80, 1, false, {FLD64(A), FSTP80}},
    {"f64_to_f32", F64, F32, 1, false, {FLD64(A), FSTP32}},
    {"f64_to_i32", F64, I32, 1, false, {FLD64(A), FISTP32}},
    {"i32_to_extF80", I32, F80, 1, false, {FILD32(A), FSTP80}},
    {"i32_to_f64", I32, F64, 1, false, {FILD32(A), FSTP64}},
    {"i32_to_f32", I32, F32, 1, false, {FILD32(A), FSTP32}},
    {"i64_to_extF80", I64, F80, 1, false, {FILD64(A), FSTP80}},
};

struct run {
    struct cpubox box;
    const struct engine *engine; /* NULL: the handlers are called one by one */
    u64 passed, failed, skipped;
    /* Of the current file. */
    const struct operation *op;
    struct insn insn[MAX_STEPS];
    u8 bytes[MAX_STEPS][6];
    unsigned steps;
    u16 cw;
    unsigned shown;
};

/* A number as the files write it: 80-bit ones as sign and exponent, then significand. */
struct number {
    u64 low;
    u16 high;
};

static struct number parse_number(const char *hex, enum value kind)
{
    struct number n = {0, 0};
    char high[5] = {0};

    if (kind == F80) {
        memcpy(high, hex, 4);
        n.high = (u16)strtoul(high, NULL, 16);
        hex += 4;
    }
    n.low = strtoull(hex, NULL, 16);
    return n;
}

static void put_number(u8 *p, struct number n)
{
    put_le64(p, n.low);
    put_le16(p + 8, n.high);
}

static unsigned value_bytes(enum value kind)
{
    return kind == F80 ? 10 : kind == F64 || kind == I64 ? 8 : 4;
}

static struct number get_result(const struct run *r, u16 sw)
{
    const u8 *p = r->box.ram + ADDR_RESULT;
    struct number n = {0, 0};
    bool less = (sw & (SW_C0 | SW_C2)) == SW_C0, equal = (sw & (SW_C3 | SW_C2)) == SW_C3;

    switch (r->op->result) {
    case EQUAL: n.low = equal; return n;
    case LESS: n.low = less; return n;
    case LESS_EQUAL: n.low = less || equal; return n;
    default: break;
    }
    memcpy(&n.low, p, value_bytes(r->op->result) < 8 ? 4 : 8);
    if (r->op->result == F80)
        n.high = get_le16(p + 8);
    return n;
}

/* The status word's exceptions in TestFloat's order. */
static unsigned flags_of(u16 sw)
{
    static const u16 order[] = {SW_PE, SW_UE, SW_OE, SW_ZE, SW_IE};
    unsigned flags = 0;

    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        if (sw & order[i])
            flags |= 1u << i;
    return flags;
}

static bool execute(struct run *r, unsigned n)
{
    const struct insn *in = &r->insn[n];
    bool ok;

    do
        ok = optab_rows[in->row].handler(r->box.cpu, in);
    while (ok && r->op->until_reduced && n == r->steps - 2 && fpu_status(r->box.cpu) & SW_C2);
    return ok;
}

/* The steps as a program up to HLT, for engines. */
static void put_program(struct run *r)
{
    static const u8 again[] = {0xDF, 0xE0, 0xF6, 0xC4, 0x04, 0x75}; /* fnstsw ax; test ah, 4; jnz */
    u8 code[64] = {0xDB, 0xE3, 0xD9, 0x2D, ADDR_CW & 0xFF, ADDR_CW >> 8}; /* fninit; fldcw */
    size_t len = 8;

    for (unsigned n = 0; n < r->steps; n++) {
        memcpy(code + len, r->bytes[n], r->insn[n].len);
        len += r->insn[n].len;
        if (r->op->until_reduced && n == r->steps - 2) {
            memcpy(code + len, again, sizeof again);
            len += sizeof again + 1;
            code[len - 1] = (u8)(0 - sizeof again - 1 - r->insn[n].len);
        }
    }
    code[len++] = 0xF4;
    cpubox_put(&r->box, CPUBOX_CODE, code, len);
    put_le16(r->box.ram + ADDR_CW, r->cw);
}

static u16 run_program(struct run *r)
{
    struct cpu *c = r->box.cpu;

    c->rip = CPUBOX_CODE;
    c->halted = false;
    if (r->engine->run(c, c->count + 100000) != ENGINE_HALT)
        fprintf(stderr, "testfloat: %s: no end\n", r->op->name), abort();
    return fpu_status(c);
}

static u16 run_steps(struct run *r)
{
    struct cpu *c = r->box.cpu;
    unsigned n;
    u16 sw;

    fpu_init(c);
    fpu_set_control(c, r->cw);
    for (n = 0; n < r->steps; n++)
        if (!execute(r, n))
            fprintf(stderr, "testfloat: %s: step %u faulted\n", r->op->name, n), abort();
    sw = fpu_status(c);
    fpu_leave(c);
    return sw;
}

/*
 * The x87 has no exponent range of double precision: a result that underflows is rounded to the
 * register's 53 bits first, then to fewer in memory.
 */
static bool is_rounded_twice(const struct operation *op, unsigned flags)
{
    return op->operand == F64 && op->result == F64 && flags & 2;
}

static bool is_nan(struct number n, enum value kind)
{
    return kind == F64 ? n.low << 1 > 0xFFEull << 52 : (u32)n.low << 1 > 0xFFu << 24;
}

/* Of two NaNs the x87 takes the one with the larger significand; these files have SSE's rule. */
static bool is_choice_of_nans(const struct operation *op, struct number a, struct number b)
{
    return op->operands == 2 && op->operand == op->result && op->operand != F80 &&
           is_nan(a, op->operand) && is_nan(b, op->operand);
}

static void run_line(struct run *r, const char *line)
{
    char word[4][32] = {{0}};
    const struct operation *op = r->op;
    int words = sscanf(line, "%31s %31s %31s %31s", word[0], word[1], word[2], word[3]);
    struct number a, b, want, got;
    unsigned flags;
    u16 sw;

    if (words != op->operands + 2) {
        r->failed++;
        fprintf(stderr, "testfloat: %s: cannot read '%s'\n", op->name, line);
        return;
    }
    want = parse_number(word[op->operands], op->result);
    flags = (unsigned)strtoul(word[op->operands + 1], NULL, 16);
    a = parse_number(word[0], op->operand);
    b = parse_number(word[op->operands - 1], op->operand);
    if (is_rounded_twice(op, flags) || is_choice_of_nans(op, a, b)) {
        r->skipped++;
        return;
    }
    put_number(r->box.ram + ADDR_A, a);
    put_number(r->box.ram + ADDR_B, b);
    sw = r->engine ? run_program(r) : run_steps(r);
    got = get_result(r, sw);
    if (got.low == want.low && got.high == want.high && flags_of(sw) == flags) {
        r->passed++;
        return;
    }
    r->failed++;
    if (r->shown++ < SHOWN_FAILURES)
        printf("%s: %.*s: got %04X%016llX %02X\n", op->name, (int)strcspn(line, "\n"), line,
               got.high, (unsigned long long)got.low, flags_of(sw));
}

static void decode_steps(struct run *r)
{
    static const struct step none;
    struct decode_mode mode = {CODE32, true, r->box.cpu->model};

    for (r->steps = 0; r->steps < MAX_STEPS; r->steps++) {
        const struct step *s = &r->op->steps[r->steps];
        u8 *bytes = r->bytes[r->steps];

        if (!memcmp(s, &none, sizeof none))
            break;
        bytes[0] = s->opcode;
        bytes[1] = s->modrm;
        if (s->addr != NO_ADDR) {
            bytes[1] = (u8)(s->modrm << 3 | 5); /* [disp32] */
            put_le32(bytes + 2, s->addr);
        }
        insn_decode(bytes, sizeof r->bytes[0], &mode, &r->insn[r->steps]);
    }
}

/* Rounding and precision from what follows the operation's name. */
static u16 control_word(const struct operation *op, const char *suffix)
{
    u16 precision = strstr(suffix, "-pc32") ? 0 : strstr(suffix, "-pc64") ? 2 : 3, rounding = 0;

    if (op->operand == F64 && op->result == F64)
        precision = 2;
    if (strstr(suffix, "-rminMag"))
        rounding = 3;
    else if (strstr(suffix, "-rmin"))
        rounding = 1;
    else if (strstr(suffix, "-rmax"))
        rounding = 2;
    return CW_MASKS | CW_FIXED | (u16)(precision << 8 | rounding << 10);
}

static const struct operation *find_operation(const char *file, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (strlen(operations[i].name) == len && !strncmp(operations[i].name, file, len))
            return &operations[i];
    return NULL;
}

static void run_file(struct run *r, const char *folder, const char *file)
{
    char path[4096], line[LINE_BYTES];
    size_t len = strcspn(file, "-.");
    gzFile f;

    r->op = find_operation(file, len);
    if (!r->op) {
        printf("%s: skipped, the x87 has no such operation\n", file);
        r->skipped++;
        return;
    }
    snprintf(path, sizeof path, "%s/%s", folder, file);
    f = gzopen(path, "r");
    if (!f) {
        printf("%s: cannot be opened\n", path);
        r->failed++;
        return;
    }
    r->shown = 0;
    r->cw = control_word(r->op, file + len);
    decode_steps(r);
    put_program(r);
    while (gzgets(f, line, sizeof line))
        run_line(r, line);
    gzclose(f);
}

static int is_vector_file(const struct dirent *d)
{
    const char *dot = strstr(d->d_name, ".txt");

    return dot && (!strcmp(dot, ".txt") || !strcmp(dot, ".txt.gz"));
}

int main(int argc, char **argv)
{
    const char *folder, *engine = NULL;
    struct dirent **files;
    struct run r = {0};
    int n, i;

    if (argc > 2 && !strcmp(argv[1], "--engine")) {
        engine = argv[2];
        argc -= 2;
        argv += 2;
        r.engine = test_engine(engine);
        if (!r.engine)
            return test_engine_missing(engine);
    }
    folder = argc > 1 ? argv[1] : "../shared/vectors/testfloat";
    n = scandir(folder, &files, is_vector_file, alphasort);

    if (n <= 0) {
        printf("skipped: TestFloat (no vectors in %s)\n0 passed, 0 failed, 1 skipped\n", folder);
        return 0;
    }
    if (!cpubox_open(&r.box, "pentium2") || (r.engine && !test_engine_take(r.box.cpu, r.engine))) {
        fprintf(stderr, "testfloat: no processor\n");
        return 71;
    }
    cpubox_flat32(&r.box);
    for (i = 0; i < n; i++) {
        run_file(&r, folder, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    printf("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)r.passed,
           (unsigned long long)r.failed, (unsigned long long)r.skipped);
    cpubox_close(&r.box);
    return r.failed != 0;
}
