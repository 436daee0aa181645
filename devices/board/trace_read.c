/* Reading traces, which are not trusted; see trace.h and docs/trace-format.md. */
#include "devices/board/trace.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "devices/board/trace_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace_reader {
    const u8 *at, *limit;
    const char *error;
    u64 count, end, base;
    u16 cs;
    u8 code_size;
    u32 gpr[8];
    struct trace_known known[TRACE_KNOWN];
};

static bool fail(struct trace_reader *r, const char *why)
{
    if (!r->error)
        r->error = why;
    return false;
}

static bool take(struct trace_reader *r, void *out, size_t len)
{
    if ((size_t)(r->limit - r->at) < len)
        return fail(r, "the trace ends in the middle of a record");
    memcpy(out, r->at, len);
    r->at += len;
    return true;
}

static bool take_u16(struct trace_reader *r, u16 *out)
{
    u8 raw[2];

    if (!take(r, raw, sizeof raw))
        return false;
    *out = get_le16(raw);
    return true;
}

static bool take_varint(struct trace_reader *r, u64 *out)
{
    u8 byte = 0x80;

    *out = 0;
    for (unsigned i = 0; byte & 0x80; i++) {
        if (i == TRACE_VARINT_MAX)
            return fail(r, "a number in the trace is too long");
        if (!take(r, &byte, 1))
            return false;
        *out |= i * 7 < 64 ? (u64)(byte & 0x7F) << i * 7 : 0;
    }
    return true;
}

static bool take_address(struct trace_reader *r)
{
    u64 v;

    if (!take_varint(r, &v))
        return false;
    r->end = (u32)(r->end + (v & 1 ? ~(v >> 1) : v >> 1));
    return true;
}

/* Its bytes, from the file or from when it was last seen. */
static bool take_bytes(struct trace_reader *r, bool given, struct trace_record *out)
{
    struct trace_known *k = &r->known[trace_slot(r->end)];

    if (given) {
        *k = (struct trace_known){.la = (u32)r->end, .code_size = r->code_size};
        if (!take(r, &k->len, 1))
            return false;
        if (!k->len || k->len > sizeof k->bytes)
            return fail(r, "an instruction in the trace has no such length");
        if (!take(r, k->bytes, k->len))
            return false;
    } else if (!k->len || k->la != (u32)r->end || k->code_size != r->code_size) {
        return fail(r, "the trace refers to an instruction that was not in it");
    }
    out->len = k->len;
    memcpy(out->bytes, k->bytes, sizeof out->bytes);
    return true;
}

static bool take_instruction(struct trace_reader *r, u8 flags, struct trace_record *out)
{
    u64 gap = 0;

    if (flags & 0x80)
        return fail(r, "the trace has a record that is not known");
    if (((flags & INSTRUCTION_GAP) && !take_varint(r, &gap)) ||
        ((flags & INSTRUCTION_SIZE) && !take(r, &r->code_size, 1)))
        return false;
    if (r->code_size > CODE64)
        return fail(r, "the trace has code of no known size");
    if ((flags & INSTRUCTION_CS) && (!take_u16(r, &r->cs) || !take_varint(r, &r->base)))
        return false;
    if (((flags & INSTRUCTION_ADDRESS) && !take_address(r)) ||
        !take_bytes(r, flags & INSTRUCTION_BYTES, out))
        return false;
    out->count = r->count + gap;
    out->la = r->end;
    out->base = r->base;
    out->cs = r->cs;
    out->code_size = r->code_size;
    r->count = out->count + 1;
    r->end = (u32)(r->end + out->len);
    return true;
}

static bool take_port(struct trace_reader *r, u8 flags, struct trace_record *out)
{
    unsigned log2 = flags >> PORT_SIZE_SHIFT & 3;
    u8 raw[4] = {0};

    if (log2 > 2 || flags >> 5)
        return fail(r, "the trace has a record that is not known");
    out->size = (u8)(1u << log2);
    out->write = flags & PORT_WRITE;
    if (!take_u16(r, &out->port) || !take(r, raw, out->size))
        return false;
    out->value = get_le32(raw);
    return true;
}

static bool take_event(struct trace_reader *r, u8 flags, struct trace_record *out)
{
    u64 error = 0;

    if (flags >> 5)
        return fail(r, "the trace has a record that is not known");
    out->event = flags >> EVENT_KIND_SHIFT & 3;
    out->has_error = flags & EVENT_ERROR;
    if (!take(r, &out->vector, 1) || (out->has_error && !take_varint(r, &error)))
        return false;
    out->value = (u32)error;
    return true;
}

static bool take_registers(struct trace_reader *r, u8 flags, struct trace_record *out)
{
    u8 raw[4];

    if (flags >> 2)
        return fail(r, "the trace has a record that is not known");
    if (!take(r, &out->changed, 1))
        return false;
    for (unsigned i = 0; i < 8; i++)
        if (out->changed >> i & 1) {
            if (!take(r, raw, sizeof raw))
                return false;
            r->gpr[i] = get_le32(raw);
        }
    memcpy(out->gpr, r->gpr, sizeof out->gpr);
    return true;
}

bool trace_next(struct trace_reader *r, struct trace_record *out)
{
    u8 flags;

    if (r->error || r->at == r->limit || !take(r, &flags, 1))
        return false;
    *out = (struct trace_record){.kind = (enum trace_kind)(flags & TRACE_KIND), .count = r->count};
    switch (out->kind) {
    case TRACE_INSTRUCTION: return take_instruction(r, flags, out);
    case TRACE_PORT: return take_port(r, flags, out);
    case TRACE_EVENT: return take_event(r, flags, out);
    case TRACE_REGISTERS: return take_registers(r, flags, out);
    }
    return false;
}

const char *trace_reader_error(const struct trace_reader *r)
{
    return r->error;
}

struct trace_reader *trace_reader_new(const void *data, size_t len, char *err, size_t err_size)
{
    struct trace_reader *r = calloc(1, sizeof *r);
    u8 magic[TRACE_MAGIC_BYTES], version = 0;

    if (!r) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    r->at = data;
    r->limit = r->at + len;
    if (!take(r, magic, sizeof magic) || memcmp(magic, TRACE_MAGIC, sizeof magic))
        snprintf(err, err_size, "this is no trace");
    else if (!take(r, &version, 1) || version != TRACE_VERSION)
        snprintf(err, err_size, "the trace has version %u; this build reads %d", version,
                 TRACE_VERSION);
    else if (!take_varint(r, &r->count))
        snprintf(err, err_size, "%s", r->error);
    else
        return r;
    free(r);
    return NULL;
}

void trace_reader_free(struct trace_reader *r)
{
    free(r);
}

/* ---- Text ---- */

/* By our own tables: a trace has millions of lines, and capstone takes its time for each. */
static void instruction_text(const struct trace_record *t, char *out, size_t out_size)
{
    struct decode_mode mode = {
        .code = t->code_size, .protected = true, .model = cpu_model_find("pentium3")};
    char text[128] = "(none)", hex[2 * 15 + 1];
    u64 ip = (u32)(t->la - t->base);
    struct insn in;

    for (unsigned i = 0; i < t->len; i++)
        snprintf(hex + i * 2, sizeof hex - i * 2, "%02x", t->bytes[i]);
    if (insn_decode(t->bytes, t->len, &mode, &in))
        insn_format(&in, ip, mode.code, text, sizeof text);
    snprintf(out, out_size, "%12llu  %04x:%0*llx  %-20s  %s", (unsigned long long)t->count, t->cs,
             t->code_size == CODE16 ? 4 : 8, (unsigned long long)ip, hex, text);
}

static void register_text(const struct trace_record *t, char *out, size_t out_size)
{
    static const char names[8][4] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    size_t n = (size_t)snprintf(out, out_size, "%12s ", "");

    for (unsigned i = 0; i < 8 && n < out_size; i++)
        if (t->changed >> i & 1)
            n += (size_t)snprintf(out + n, out_size - n, " %s=%08x", names[i], t->gpr[i]);
}

void trace_text(const struct trace_record *t, char *out, size_t out_size)
{
    static const char *const events[] = {"fault", "trap", "int", "interrupt"};

    switch (t->kind) {
    case TRACE_INSTRUCTION: instruction_text(t, out, out_size); return;
    case TRACE_REGISTERS: register_text(t, out, out_size); return;
    case TRACE_PORT:
        snprintf(out, out_size, "%12s  port %04x %s %0*x", "", t->port, t->write ? "<-" : "->",
                 t->size * 2, t->value);
        return;
    case TRACE_EVENT:
        if (t->has_error)
            snprintf(out, out_size, "%12s  %s %02x, error code %x", "", events[t->event & 3],
                     t->vector, t->value);
        else
            snprintf(out, out_size, "%12s  %s %02x", "", events[t->event & 3], t->vector);
        return;
    }
}
