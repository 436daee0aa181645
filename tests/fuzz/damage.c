/*
 * Saved machines with damage; see damage.h. An input is the number of a state, then changes of
 * four bytes: which field (2), what is done (1), a value (1). Fields are the values that chips and
 * processor save; what memory holds is left alone, since any contents are good.
 */
#include "tests/fuzz/damage.h"

#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/machine.h"
#include "tests/fuzz/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 8192, CHANGE_BYTES = 4, GUEST_BYTES = 400 };

struct field {
    u32 at, len;
};

struct base {
    u8 *data, *copy;
    size_t len;
    struct field fields[FIELDS_MAX];
    unsigned count;
};

static struct base bases[DAMAGE_BASES];

static void note_field(struct base *b, size_t at, u32 len)
{
    if (b->count < FIELDS_MAX && len)
        b->fields[b->count++] = (struct field){(u32)at, len};
}

/* Walk the stream by its format, see base/state.c. */
static void find_fields(struct base *b)
{
    for (size_t at = 0; at < b->len;) {
        unsigned n = b->data[at + 1];
        const char *name = (const char *)b->data + at + 2;
        bool section = b->data[at] == 'S';
        bool memory = (n == 4 && !memcmp(name, "page", 4)) || (n == 4 && !memcmp(name, "zero", 4));
        u32 len = section ? 0 : get_le32(b->data + at + 2 + n);

        at += 2 + n + 4 + (section ? 8 : 0);
        if (!memory || len == 4) /* a TLB record's page is no page of memory */
            note_field(b, at, len);
        at += len;
    }
}

/* A guest of its own for each: what is in their chips differs. */
static void make_base(struct machine *m, unsigned n)
{
    u8 data[GUEST_BYTES];
    u64 x = n * 0x9E3779B97F4A7C15ull + 77;
    struct state *s = state_new_save();
    const void *saved;

    for (unsigned i = 0; i < sizeof data; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        data[i] = (u8)(x >> 24);
    }
    data[0] = (u8)(n & 7);
    hostile_reset(m);
    hostile_guest(m, data, sizeof data);
    hostile_run(m, 3000000, 20000);
    machine_state(m, s);
    if (state_error(s))
        abort();
    saved = state_data(s, &bases[n].len);
    bases[n].data = malloc(bases[n].len);
    bases[n].copy = malloc(bases[n].len);
    if (!bases[n].data || !bases[n].copy)
        abort();
    memcpy(bases[n].data, saved, bases[n].len);
    find_fields(&bases[n]);
    state_free(s);
}

static void change(struct base *b, const u8 *p)
{
    const struct field *f = &b->fields[get_le16(p) % b->count];
    u8 *byte = b->copy + f->at + (p[2] >> 3) % f->len;

    switch (p[2] & 7) {
    case 0: *byte ^= (u8)(1 << (p[3] & 7)); break;
    case 1: *byte = p[3]; break;
    case 2: *byte = (u8)(*byte + 1); break;
    case 3: memset(b->copy + f->at, p[3] & 1 ? 0xFF : 0, f->len); break;
    case 4: b->copy[f->at + f->len - 1] = p[3]; break;
    case 5: /* heads too: names, lengths */
        b->copy[(f->at + p[3]) % b->len] ^= (u8)(1 << (p[3] & 7));
        break;
    default: *byte = (u8)(*byte ^ p[3]); break;
    }
}

void damage_round(struct machine *m, const u8 *data, size_t size, struct damage_result *out)
{
    struct base *b = &bases[size ? data[0] % DAMAGE_BASES : 0];
    struct state *s;
    size_t len;

    for (unsigned n = 0; n < DAMAGE_BASES && !bases[n].data; n++)
        make_base(m, n);
    memcpy(b->copy, b->data, b->len);
    for (size_t at = 1; at + CHANGE_BYTES <= size; at += CHANGE_BYTES)
        change(b, data + at);
    len = size % CHANGE_BYTES == 3 ? b->len * data[size - 1] / 256 : b->len; /* cut short */
    s = state_new_load(b->copy, len);
    machine_state(m, s);
    *out = (struct damage_result){.refused = state_error(s)};
    if (out->refused)
        snprintf(out->why, sizeof out->why, "%s", state_error(s));
    state_free(s);
    if (out->refused && strlen(out->why) < 10)
        abort();
    if (!out->refused)
        hostile_run(m, 1000000, 20000);
}
