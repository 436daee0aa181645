/*
 * The state stream. What is stored, all numbers little endian:
 *
 *     section  'S' name-length:u8 name version:u32 length:u64 then `length` bytes: fields, sections
 *     field    'F' name-length:u8 name length:u32 value
 *
 * The hash is over the same bytes, without the lengths of sections.
 */
#include "base/state.h"

#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 63, DEPTH_MAX = 8, ERROR_BYTES = 320 };

enum mode { MODE_SAVE, MODE_LOAD, MODE_HASH };

struct section {
    char name[NAME_MAX_BYTES + 1];
    u32 version;
    size_t start; /* saving: where the length field stands */
    size_t end;   /* loading: first byte past the section */
};

/* Four lanes of 64 bits, mixed 32 bytes at a step. */
struct hash {
    u64 lane[4];
    u64 total;
};

struct state {
    enum mode mode;
    bool no_memory;
    u8 *buf; /* saving */
    size_t len, capacity;
    const u8 *data; /* loading */
    size_t size, at;
    struct hash hash;
    struct section stack[DEPTH_MAX];
    unsigned depth;
    bool failed;
    char error[ERROR_BYTES];
};

/* --- hash ------------------------------------------------------------------------------------ */

/* Odd constants with about half their bits set: binary digits of the golden ratio, sqrt(3), e. */
static const u64 mix_a = 0x9E3779B97F4A7C15ull;
static const u64 mix_b = 0xBB67AE8584CAA73Bull;
static const u64 mix_c = 0xADF85458A2BB4A9Bull;

static u64 rotate(u64 v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static u64 mix(u64 lane, u64 word)
{
    return rotate(lane ^ word * mix_a, 29) * mix_b + mix_c;
}

static u64 avalanche(u64 v)
{
    v = (v ^ v >> 32) * mix_a;
    v = (v ^ v >> 29) * mix_b;
    return v ^ v >> 32;
}

static void hash_bytes(struct hash *h, const u8 *p, size_t len)
{
    u64 tail = len + 1;
    size_t i;

    h->total += len;
    for (; len >= 32; p += 32, len -= 32)
        for (i = 0; i < 4; i++)
            h->lane[i] = mix(h->lane[i], get_le64(p + 8 * i));
    for (; len >= 8; p += 8, len -= 8)
        h->lane[0] = rotate(mix(h->lane[0], get_le64(p)) ^ h->lane[1], 17);
    for (i = 0; i < len; i++)
        tail = tail << 8 | p[i];
    h->lane[0] = rotate(mix(h->lane[0], tail) ^ h->lane[2], 23);
}

static u64 hash_result(const struct hash *h)
{
    u64 v = h->total;
    unsigned i;

    for (i = 0; i < 4; i++)
        v = avalanche(v ^ h->lane[i]) + mix_c;
    return avalanche(v);
}

/* --- life ------------------------------------------------------------------------------------ */

static struct state *state_new(enum mode mode)
{
    struct state *s = calloc(1, sizeof *s);
    unsigned i;

    if (!s)
        abort(); /* some kilobytes at a moment nobody can go on without them */
    s->mode = mode;
    for (i = 0; i < 4; i++)
        s->hash.lane[i] = avalanche(mix_a * (i + 1));
    return s;
}

struct state *state_new_save(void)
{
    return state_new(MODE_SAVE);
}

struct state *state_new_load(const void *data, size_t len)
{
    struct state *s = state_new(MODE_LOAD);

    s->data = len ? data : (const void *)""; /* no bytes may have no place */
    s->size = len;
    return s;
}

struct state *state_new_hash(void)
{
    return state_new(MODE_HASH);
}

void state_free(struct state *s)
{
    if (!s)
        return;
    free(s->buf);
    free(s);
}

void state_leave_out_memory(struct state *s)
{
    s->no_memory = true;
}

bool state_has_memory(const struct state *s)
{
    return !s->no_memory;
}

bool state_is_loading(const struct state *s)
{
    return s->mode == MODE_LOAD;
}

const void *state_data(const struct state *s, size_t *len)
{
    *len = s->len;
    return s->buf;
}

u64 state_hash(const struct state *s)
{
    return hash_result(&s->hash);
}

const char *state_error(const struct state *s)
{
    return s->failed ? s->error : NULL;
}

/* --- errors ---------------------------------------------------------------------------------- */

void state_fail(struct state *s, const char *fmt, ...)
{
    va_list args;
    size_t n = 0;

    if (s->failed)
        return;
    s->failed = true;
    if (s->depth)
        n = (size_t)snprintf(s->error, sizeof s->error,
                             "section '%s': ", s->stack[s->depth - 1].name);
    va_start(args, fmt);
    vsnprintf(s->error + n, sizeof s->error - n, fmt, args);
    va_end(args);
}

void state_require(struct state *s, bool ok, const char *message)
{
    if (ok || s->failed)
        return;
    if (s->mode == MODE_LOAD)
        state_fail(s, "%s", message);
    else
        state_fail(s, "%s (found while saving: a bug in this program)", message);
}

/* --- bytes out ------------------------------------------------------------------------------- */

static bool reserve(struct state *s, size_t more)
{
    size_t capacity = s->capacity ? s->capacity : 4096;
    u8 *buf;

    if (more <= s->capacity - s->len)
        return true;
    while (capacity - s->len < more) {
        if (capacity > SIZE_MAX / 2)
            break;
        capacity *= 2;
    }
    buf = capacity - s->len < more ? NULL : realloc(s->buf, capacity);
    if (!buf) {
        state_fail(s, "the host has no memory left for the saved state");
        return false;
    }
    s->buf = buf;
    s->capacity = capacity;
    return true;
}

/* Append to the buffer, or to the hash. */
static void put(struct state *s, const void *p, size_t len)
{
    if (s->failed || !len)
        return;
    if (s->mode == MODE_HASH) {
        hash_bytes(&s->hash, p, len);
    } else if (reserve(s, len)) {
        memcpy(s->buf + s->len, p, len);
        s->len += len;
    }
}

/* Tag, name and a number of 4 bytes (a section's version, a field's length) in one piece. */
static void put_head(struct state *s, char tag, const char *name, u32 number)
{
    u8 head[2 + NAME_MAX_BYTES + 4];
    size_t n = strlen(name);

    assert(n >= 1 && n <= NAME_MAX_BYTES);
    head[0] = (u8)tag;
    head[1] = (u8)n;
    memcpy(head + 2, name, n);
    put_le32(head + 2 + n, number);
    put(s, head, 2 + n + 4);
}

/* --- bytes in -------------------------------------------------------------------------------- */

/* Where the innermost section ends, or the stream. */
static size_t load_end(const struct state *s)
{
    return s->depth ? s->stack[s->depth - 1].end : s->size;
}

static const u8 *take(struct state *s, size_t len)
{
    const u8 *p = s->data + s->at;

    if (s->failed || len > load_end(s) - s->at)
        return NULL;
    s->at += len;
    return p;
}

static const char *kind_name(char tag)
{
    return tag == 'S' ? "section" : "field";
}

/* Names in a file are bytes of somebody else: make them fit to print. */
static void printable_name(char *out, const u8 *name, size_t len)
{
    size_t i;

    for (i = 0; i < len && i < NAME_MAX_BYTES; i++)
        out[i] = name[i] >= 0x20 && name[i] < 0x7F ? (char)name[i] : '?';
    out[i] = 0;
}

/* Read a head written by put_head; false (and failed) unless it has this tag and this name. */
static bool take_head(struct state *s, char tag, const char *name, u32 *number)
{
    const u8 *head = take(s, 2), *stored = head ? take(s, head[1]) : NULL;
    const u8 *num = stored ? take(s, 4) : NULL;
    char found[NAME_MAX_BYTES + 1];

    if (s->failed)
        return false;
    if (!num) {
        state_fail(s, "the data ends before %s '%s'", kind_name(tag), name);
        return false;
    }
    if (head[0] != (u8)tag || head[1] != strlen(name) || memcmp(stored, name, head[1])) {
        printable_name(found, stored, head[1]);
        state_fail(s, "%s '%s' stands where %s '%s' was expected",
                   head[0] == 'S' || head[0] == 'F' ? kind_name((char)head[0]) : "damaged entry",
                   found, kind_name(tag), name);
        return false;
    }
    *number = get_le32(num);
    return true;
}

/* --- sections -------------------------------------------------------------------------------- */

static struct section *push(struct state *s, const char *name, u32 version)
{
    struct section *sec = &s->stack[s->depth++];

    snprintf(sec->name, sizeof sec->name, "%s", name);
    sec->version = version;
    return sec;
}

static void begin_load(struct state *s, const char *name, u32 version)
{
    u32 stored;
    const u8 *p;
    u64 len;

    if (!take_head(s, 'S', name, &stored))
        return;
    p = take(s, 8);
    len = p ? get_le64(p) : 0;
    if (!p || len > load_end(s) - s->at) {
        state_fail(s, "the data ends inside section '%s'", name);
    } else if (stored > version) {
        state_fail(s, "section '%s' has version %u, newer than version %u which this program knows",
                   name, stored, version);
    } else {
        push(s, name, stored)->end = s->at + (size_t)len;
    }
}

void state_begin(struct state *s, const char *name, u32 version)
{
    static const u8 no_length[8];

    if (s->failed)
        return;
    assert(s->depth < DEPTH_MAX);
    if (s->mode == MODE_LOAD) {
        begin_load(s, name, version);
        return;
    }
    put_head(s, 'S', name, version);
    push(s, name, version)->start = s->len;
    if (s->mode == MODE_SAVE)
        put(s, no_length, 8);
}

void state_end(struct state *s)
{
    struct section *sec;

    if (s->failed)
        return;
    assert(s->depth > 0);
    sec = &s->stack[s->depth - 1];
    if (s->mode == MODE_SAVE)
        put_le64(s->buf + sec->start, s->len - sec->start - 8);
    if (s->mode == MODE_LOAD && s->at != sec->end)
        state_fail(s, "%zu bytes at the end belong to no known field", sec->end - s->at);
    else
        s->depth--;
}

u32 state_version(const struct state *s)
{
    return s->depth ? s->stack[s->depth - 1].version : 0;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* The stored value of a field of `len` bytes, or NULL after an error. */
static const u8 *load_field(struct state *s, const char *name, size_t len)
{
    const u8 *p;
    u32 stored;

    if (!take_head(s, 'F', name, &stored))
        return NULL;
    if (stored != len) {
        state_fail(s, "field '%s' is %u bytes long where %zu are needed", name, stored, len);
        return NULL;
    }
    p = take(s, len);
    if (!p)
        state_fail(s, "the data ends inside field '%s'", name);
    return p;
}

void state_bytes(struct state *s, const char *name, void *data, size_t len)
{
    const u8 *p;

    if (s->failed)
        return;
    assert(len <= UINT32_MAX);
    if (s->mode == MODE_LOAD) {
        p = load_field(s, name, len);
        if (p && len)
            memcpy(data, p, len);
        return;
    }
    put_head(s, 'F', name, (u32)len);
    put(s, data, len);
}

/* Numbers pass through here as little-endian bytes; returns false if *v is to stay. */
static bool number(struct state *s, const char *name, u64 *v, size_t len)
{
    u8 b[8];

    put_le64(b, *v);
    state_bytes(s, name, b, len);
    if (s->failed || s->mode != MODE_LOAD)
        return false;
    memset(b + len, 0, 8 - len);
    *v = get_le64(b);
    return true;
}

void state_bool(struct state *s, const char *name, bool *v)
{
    u64 x = *v;

    if (!number(s, name, &x, 1))
        return;
    if (x > 1)
        state_fail(s, "field '%s' is neither true nor false", name);
    else
        *v = x;
}

void state_u8(struct state *s, const char *name, u8 *v)
{
    u64 x = *v;

    if (number(s, name, &x, 1))
        *v = (u8)x;
}

void state_u16(struct state *s, const char *name, u16 *v)
{
    u64 x = *v;

    if (number(s, name, &x, 2))
        *v = (u16)x;
}

void state_u32(struct state *s, const char *name, u32 *v)
{
    u64 x = *v;

    if (number(s, name, &x, 4))
        *v = (u32)x;
}

void state_u64(struct state *s, const char *name, u64 *v)
{
    u64 x = *v;

    if (number(s, name, &x, 8))
        *v = x;
}

void state_s32(struct state *s, const char *name, s32 *v)
{
    u64 x = (u32)*v;

    if (number(s, name, &x, 4))
        *v = (s32)(u32)x;
}

void state_s64(struct state *s, const char *name, s64 *v)
{
    u64 x = (u64)*v;

    if (number(s, name, &x, 8))
        *v = (s64)x;
}
