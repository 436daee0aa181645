/*
 * The input log; see input_log.h. Records stand one behind another in one buffer, as they do in a
 * file, little endian:
 *
 *     size:u32 source:u8 cpu:u8 sequence:u16 check:u32 count:u64 idle_ns:u64 payload
 *
 * `size` counts all of it.
 */
#include "devices/board/input_log.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 28 /* bytes before the payload */ };

struct input_log {
    u8 *bytes;
    size_t len, capacity;
    struct input_time last;
};

/* How many bytes of the payload are fields, and whether data may follow. */
static const struct {
    u8 fixed;
    bool data;
} layout[INPUT_SOURCES] = {
    [INPUT_KEY] = {3, false},
    [INPUT_MOUSE] = {13, false},
    [INPUT_SERIAL] = {1, true},
    [INPUT_RATE] = {8, false},
    [INPUT_INSERT] = {2 + 8 + MEDIUM_HASH_BYTES, true},
    [INPUT_EJECT] = {1, false},
    [INPUT_MEMORY] = {8, true},
    [INPUT_CHECK] = {0, true},
    [INPUT_REGISTER] = {2, true},
};

int input_time_compare(const struct input_time *a, const struct input_time *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    if (a->idle_ns != b->idle_ns)
        return a->idle_ns < b->idle_ns ? -1 : 1;
    return a->sequence == b->sequence ? 0 : a->sequence < b->sequence ? -1 : 1;
}

struct input_log *input_log_new(void)
{
    return calloc(1, sizeof(struct input_log));
}

void input_log_free(struct input_log *l)
{
    if (!l)
        return;
    free(l->bytes);
    free(l);
}

static bool reserve(struct input_log *l, size_t more)
{
    size_t capacity = l->capacity ? l->capacity : 1024;
    u8 *bytes;

    while (capacity - l->len < more)
        capacity *= 2;
    if (capacity == l->capacity)
        return true;
    bytes = realloc(l->bytes, capacity);
    if (!bytes)
        return false;
    l->bytes = bytes;
    l->capacity = capacity;
    return true;
}

static void put_fields(u8 *p, const struct input_record *r)
{
    switch (r->source) {
    case INPUT_KEY:
        put_le16(p, r->key.key);
        p[2] = r->key.down;
        break;
    case INPUT_MOUSE:
        put_le32(p, (u32)r->mouse.dx);
        put_le32(p + 4, (u32)r->mouse.dy);
        put_le32(p + 8, (u32)r->mouse.dz);
        p[12] = r->mouse.buttons;
        break;
    case INPUT_SERIAL: p[0] = r->port; break;
    case INPUT_RATE: put_le64(p, r->rate); break;
    case INPUT_INSERT:
        p[0] = r->medium.drive;
        p[1] = r->medium.refused;
        put_le64(p + 2, r->medium.sectors);
        memcpy(p + 10, r->medium.hash, MEDIUM_HASH_BYTES);
        break;
    case INPUT_EJECT: p[0] = r->medium.drive; break;
    case INPUT_MEMORY: put_le64(p, r->gpa); break;
    case INPUT_REGISTER:
        p[0] = r->reg.kind;
        p[1] = r->reg.n;
        break;
    }
}

static void get_fields(const u8 *p, struct input_record *r)
{
    switch (r->source) {
    case INPUT_KEY:
        r->key.key = get_le16(p);
        r->key.down = p[2] & 1;
        break;
    case INPUT_MOUSE:
        r->mouse.dx = (s32)get_le32(p);
        r->mouse.dy = (s32)get_le32(p + 4);
        r->mouse.dz = (s32)get_le32(p + 8);
        r->mouse.buttons = p[12];
        break;
    case INPUT_SERIAL: r->port = p[0]; break;
    case INPUT_RATE: r->rate = get_le64(p); break;
    case INPUT_INSERT:
        r->medium.drive = p[0];
        r->medium.refused = p[1] & 1;
        r->medium.sectors = get_le64(p + 2);
        memcpy(r->medium.hash, p + 10, MEDIUM_HASH_BYTES);
        break;
    case INPUT_EJECT: r->medium.drive = p[0]; break;
    case INPUT_MEMORY: r->gpa = get_le64(p); break;
    case INPUT_REGISTER:
        r->reg.kind = p[0];
        r->reg.n = p[1];
        break;
    }
}

/* Take the record at p apart; its size, or 0 if there is no well-formed one in `len` bytes. */
static size_t parse(const u8 *p, size_t len, struct input_record *r)
{
    size_t size = len >= HEAD ? get_le32(p) : 0, fixed;

    if (size < HEAD || size > len || !p[4] || p[4] >= INPUT_SOURCES)
        return 0;
    fixed = layout[p[4]].fixed;
    if (size - HEAD < fixed || size - HEAD - fixed > INPUT_DATA_MAX ||
        (size - HEAD > fixed && !layout[p[4]].data))
        return 0;
    *r = (struct input_record){
        .source = p[4],
        .cpu = p[5],
        .check = get_le32(p + 8),
        .at = {.count = get_le64(p + 12), .idle_ns = get_le64(p + 20), .sequence = get_le16(p + 6)},
        .len = (u32)(size - HEAD - fixed),
        .data = p + HEAD + fixed,
    };
    get_fields(p + HEAD, r);
    return size;
}

bool input_log_add(struct input_log *l, const struct input_record *r)
{
    size_t size;
    u8 *p;

    if (!r->source || r->source >= INPUT_SOURCES || r->len > INPUT_DATA_MAX ||
        input_time_compare(&r->at, &l->last) < 0)
        return false;
    size = HEAD + layout[r->source].fixed + (layout[r->source].data ? r->len : 0);
    if (!reserve(l, size))
        return false;
    p = l->bytes + l->len;
    put_le32(p, (u32)size);
    p[4] = r->source;
    p[5] = r->cpu;
    put_le16(p + 6, (u16)r->at.sequence);
    put_le32(p + 8, r->check);
    put_le64(p + 12, r->at.count);
    put_le64(p + 20, r->at.idle_ns);
    put_fields(p + HEAD, r);
    if (layout[r->source].data && r->len)
        memcpy(p + HEAD + layout[r->source].fixed, r->data, r->len);
    l->len += size;
    l->last = r->at;
    return true;
}

bool input_log_read(const struct input_log *l, size_t *at, struct input_record *out)
{
    size_t size = *at < l->len ? parse(l->bytes + *at, l->len - *at, out) : 0;

    *at += size;
    return size;
}

const u8 *input_log_bytes(const struct input_log *l, size_t *len)
{
    *len = l->len;
    return l->bytes;
}

bool input_log_add_bytes(struct input_log *l, const u8 *data, size_t len)
{
    struct input_time last = l->last;
    struct input_record r;

    for (size_t at = 0, size; at < len; at += size) {
        size = parse(data + at, len - at, &r);
        if (!size || input_time_compare(&r.at, &last) < 0)
            return false;
        last = r.at;
    }
    if (!reserve(l, len))
        return false;
    if (len)
        memcpy(l->bytes + l->len, data, len);
    l->len += len;
    l->last = last;
    return true;
}

void input_log_cut(struct input_log *l, size_t at)
{
    struct input_record r;

    l->len = at < l->len ? at : l->len;
    l->last = (struct input_time){0};
    for (at = 0; input_log_read(l, &at, &r);)
        l->last = r.at;
}

void input_log_drop(struct input_log *l, size_t at)
{
    at = at < l->len ? at : l->len;
    if (at)
        memmove(l->bytes, l->bytes + at, l->len - at);
    l->len -= at;
}
