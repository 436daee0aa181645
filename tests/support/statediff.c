/*
 * Comparing two saved states; see statediff.h. Both streams are walked side by side, by the format
 * that base/state.c describes.
 */
#include "tests/support/statediff.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH = 8, NAME_BYTES = 64, REPORTED = 8 };

struct walker {
    const u8 *data;
    size_t at, len;
};

struct entry {
    char tag, name[NAME_BYTES];
    u32 number; /* a section's version, a field's length */
    u64 bytes;  /* that follow */
    const u8 *value;
};

struct report {
    char *out;
    size_t size, used;
    unsigned count;
};

static bool next_entry(struct walker *w, struct entry *e)
{
    unsigned n;

    if (w->at + 6 > w->len)
        return false;
    e->tag = (char)w->data[w->at];
    n = w->data[w->at + 1];
    snprintf(e->name, sizeof e->name, "%.*s", (int)n, (const char *)w->data + w->at + 2);
    e->number = get_le32(w->data + w->at + 2 + n);
    w->at += 2 + n + 4;
    e->bytes = e->tag == 'S' ? get_le64(w->data + w->at) : e->number;
    w->at += e->tag == 'S' ? 8 : 0;
    e->value = w->data + w->at;
    w->at += e->tag == 'S' ? 0 : e->number;
    return true;
}

static void say(struct report *r, const char *path, unsigned ordinal, const struct entry *a,
                const struct entry *b)
{
    size_t i = 0;
    u64 x = 0, y = 0;

    if (r->count++ >= REPORTED || r->used >= r->size)
        return;
    while (i < a->bytes && i < b->bytes && a->value[i] == b->value[i])
        i++;
    memcpy(&x, a->value + i, min_u64(8, a->bytes - i));
    memcpy(&y, b->value + i, min_u64(8, b->bytes - i));
    r->used +=
        (size_t)snprintf(r->out + r->used, r->size - r->used,
                         "%s%s%s (entry %u), byte %zu: %llx, %llx", r->used ? "; " : "", path,
                         a->name, ordinal, i, (unsigned long long)x, (unsigned long long)y);
}

static void diff_section(struct walker *a, struct walker *b, const char *path, struct report *r)
{
    struct entry x, y;

    for (unsigned n = 0; next_entry(a, &x) && next_entry(b, &y); n++) {
        if (x.tag != y.tag || strcmp(x.name, y.name)) {
            say(r, path, n, &x, &y);
            return;
        }
        if (x.tag == 'S') {
            struct walker in_a = {a->data, a->at, a->at + x.bytes};
            struct walker in_b = {b->data, b->at, b->at + y.bytes};
            char deeper[DEPTH * NAME_BYTES];

            snprintf(deeper, sizeof deeper, "%s%s/", path, x.name);
            diff_section(&in_a, &in_b, deeper, r);
            a->at += x.bytes;
            b->at += y.bytes;
        } else if (x.bytes != y.bytes || memcmp(x.value, y.value, x.bytes)) {
            say(r, path, n, &x, &y);
        }
    }
}

bool state_diff(const struct state *a, const struct state *b, char *out, size_t out_size)
{
    struct walker x = {0}, y = {0};
    struct report r = {.out = out, .size = out_size};

    x.data = state_data(a, &x.len);
    y.data = state_data(b, &y.len);
    out[0] = 0;
    diff_section(&x, &y, "", &r);
    if (!r.count && x.len != y.len)
        r.count += (unsigned)snprintf(out, out_size, "the lengths differ");
    return r.count;
}
