/* Writing traces; see trace.h and docs/trace-format.md. */
#include "devices/board/trace.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/debug_expr.h"
#include "devices/board/debug_memory.h"
#include "devices/board/debug_private.h"
#include "devices/board/trace_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 16, RECORD_MAX = 64 };

struct trace {
    struct debug *d;
    struct debug_observer observer;
    struct trace_filter filter;
    struct debug_expr *condition;
    FILE *file;
    int error; /* -errno of the first write that failed */
    u64 records;

    /* What the reader knows by now. */
    u64 count; /* of the next instruction, if there is no gap */
    u64 end, base;
    u16 cs;
    u8 code_size;
    u32 gpr[8];
    bool inside; /* the present instruction is in the file: so is what it does */
    struct trace_known known[TRACE_KNOWN];

    size_t used;
    u8 buffer[BUFFER];
};

static void flush(struct trace *t)
{
    if (t->used && !t->error && fwrite(t->buffer, 1, t->used, t->file) != t->used)
        t->error = errno ? -errno : -EIO;
    t->used = 0;
}

static void put(struct trace *t, const void *bytes, size_t len)
{
    memcpy(t->buffer + t->used, bytes, len);
    t->used += len;
}

static void put_u8(struct trace *t, unsigned value)
{
    t->buffer[t->used++] = (u8)value;
}

static void put_u16(struct trace *t, unsigned value)
{
    put_u8(t, value & 0xFF);
    put_u8(t, value >> 8 & 0xFF);
}

static void put_varint(struct trace *t, u64 value)
{
    for (; value > 0x7F; value >>= 7)
        put_u8(t, (unsigned)(value & 0x7F) | 0x80);
    put_u8(t, (unsigned)value);
}

static void put_signed(struct trace *t, s64 value)
{
    put_varint(t, value < 0 ? ~((u64)value << 1) : (u64)value << 1);
}

/* Room for one more record. */
static void begin(struct trace *t)
{
    if (t->used + RECORD_MAX > BUFFER)
        flush(t);
    t->records++;
}

/* ---- Records ---- */

static void put_registers(struct trace *t, const struct cpu *c)
{
    u8 changed = 0, raw[4];

    for (unsigned i = 0; i < 8; i++)
        if (t->gpr[i] != (u32)c->gpr[i])
            changed |= (u8)(1u << i);
    if (!changed)
        return;
    begin(t);
    put_u8(t, TRACE_REGISTERS);
    put_u8(t, changed);
    for (unsigned i = 0; i < 8; i++)
        if (changed >> i & 1) {
            t->gpr[i] = (u32)c->gpr[i];
            put_le32(raw, t->gpr[i]);
            put(t, raw, sizeof raw);
        }
}

/* Length of the instruction; at least one byte, whatever it is. */
static unsigned length_of(const struct cpu *c, const u8 *bytes, size_t len)
{
    struct decode_mode mode = {
        .code = c->mode & MODE_CODE_SIZE, .protected = c->mode & MODE_PROTECTED, .model = c->model};
    struct insn in;
    unsigned n = insn_decode(bytes, len, &mode, &in);

    return n ? n : len ? (unsigned)len : 1;
}

/* The table's entry, brought up to date; true if it was so already. */
static bool recall(struct trace *t, struct cpu *c, u64 la, u8 code_size, struct trace_known **out)
{
    struct trace_known *k = &t->known[trace_slot(la)];
    u8 bytes[INSN_MAX_BYTES] = {0};
    size_t got = debug_read_linear(c, la, bytes, sizeof bytes);

    *out = k;
    if (k->len && k->la == la && k->code_size == code_size && !memcmp(k->bytes, bytes, k->len))
        return true;
    *k = (struct trace_known){.la = (u32)la, .code_size = code_size};
    k->len = (u8)length_of(c, bytes, got);
    memcpy(k->bytes, bytes, sizeof k->bytes);
    return false;
}

static void put_instruction(struct trace *t, struct cpu *c, u64 la)
{
    const struct segment *cs = &c->seg[SEG_CS];
    u8 code_size = c->mode & MODE_CODE_SIZE;
    struct trace_known *k;
    bool known = recall(t, c, la, code_size, &k);
    bool gap = c->count != t->count, far = cs->sel != t->cs || cs->base != t->base;

    begin(t);
    put_u8(t, (known ? 0 : INSTRUCTION_BYTES) | (la != t->end ? INSTRUCTION_ADDRESS : 0) |
                  (far ? INSTRUCTION_CS : 0) | (code_size != t->code_size ? INSTRUCTION_SIZE : 0) |
                  (gap ? INSTRUCTION_GAP : 0));
    if (gap)
        put_varint(t, c->count - t->count);
    if (code_size != t->code_size)
        put_u8(t, code_size);
    if (far) {
        put_u16(t, cs->sel);
        put_varint(t, cs->base);
    }
    if (la != t->end)
        put_signed(t, (s64)(la - t->end));
    if (!known) {
        put_u8(t, k->len);
        put(t, k->bytes, k->len);
    }
    t->code_size = code_size;
    t->cs = cs->sel;
    t->base = cs->base;
    t->end = (u32)(la + k->len);
    t->count = c->count + 1;
}

static bool wanted(struct trace *t, struct cpu *c, u64 la)
{
    u64 value;

    if (la < t->filter.first || la > t->filter.last)
        return false;
    return !t->condition || (debug_expr_eval(t->condition, c, &value, NULL, 0) && value);
}

static bool on_instruction(void *opaque, struct cpu *c, u64 la)
{
    struct trace *t = opaque;

    t->inside = wanted(t, c, la);
    if (!t->inside)
        return false;
    if (t->filter.registers)
        put_registers(t, c);
    if (t->filter.instructions)
        put_instruction(t, c, la);
    return false;
}

static void on_port(void *opaque, u16 port, unsigned size, bool write, u32 value)
{
    struct trace *t = opaque;
    unsigned log2 = size == 4 ? 2 : size == 2 ? 1 : 0;

    if (!t->inside || !t->filter.ports)
        return;
    begin(t);
    put_u8(t, TRACE_PORT | (write ? PORT_WRITE : 0) | log2 << PORT_SIZE_SHIFT);
    put_u16(t, port);
    for (unsigned i = 0; i < 1u << log2; i++)
        put_u8(t, value >> i * 8 & 0xFF);
}

static void on_event(void *opaque, u8 vector, unsigned kind, bool has_error, u32 error)
{
    struct trace *t = opaque;

    if (!t->inside || !t->filter.events)
        return;
    begin(t);
    put_u8(t, TRACE_EVENT | kind << EVENT_KIND_SHIFT | (has_error ? EVENT_ERROR : 0));
    put_u8(t, vector);
    if (has_error)
        put_varint(t, error);
}

/* ---- Life ---- */

static bool open_file(struct trace *t, const char *path, char *err, size_t err_size)
{
    t->file = fopen(path, "wb");
    if (!t->file) {
        snprintf(err, err_size, "trace: '%.200s': %s", path, strerror(errno));
        return false;
    }
    setvbuf(t->file, NULL, _IONBF, 0); /* we have a buffer of our own */
    put(t, TRACE_MAGIC, TRACE_MAGIC_BYTES);
    put_u8(t, TRACE_VERSION);
    put_varint(t, t->count);
    return true;
}

struct trace *trace_start(struct debug *d, const char *path, const struct trace_filter *filter,
                          char *err, size_t err_size)
{
    struct trace *t = calloc(1, sizeof *t);
    bool good;

    if (!t) {
        snprintf(err, err_size, "trace: out of memory");
        return NULL;
    }
    t->d = d;
    t->filter = *filter;
    t->count = d->cpu->count;
    t->observer = (struct debug_observer){
        .opaque = t, .instruction = on_instruction, .port = on_port, .event = on_event};
    good = !filter->condition ||
           (t->condition = debug_expr_parse(filter->condition, debug_symbols(d), err, err_size));
    t->filter.condition = NULL; /* the caller's */
    if (good && open_file(t, path, err, err_size)) {
        debug_observe(d, &t->observer);
        return t;
    }
    debug_expr_free(t->condition);
    free(t);
    return NULL;
}

u64 trace_count(const struct trace *t)
{
    return t->records;
}

int trace_stop(struct trace *t)
{
    int error;

    debug_unobserve(t->d, &t->observer);
    flush(t);
    if (fclose(t->file) && !t->error)
        t->error = errno ? -errno : -EIO;
    error = t->error;
    debug_expr_free(t->condition);
    free(t);
    return error;
}
