/* Snapshots with damage; see snapdamage.h. */
#include "tests/fuzz/snapdamage.h"

#include "devices/board/snapshot_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_BYTES = 6, SECTIONS_MAX = 600 };

struct section {
    const struct snapfile_kind *kind;
    u32 version;
    u8 *data;
    size_t len;
};

static struct section sections[SECTIONS_MAX];
static unsigned count;

static void read_all(const char *path)
{
    char err[400];
    struct snapfile *f = snapfile_open(path, snapshot_kinds, err, sizeof err);

    if (!f)
        abort();
    count = 0;
    for (const struct snapfile_kind *k = snapshot_kinds; k->name; k++)
        for (u32 i = 0; i < snapfile_count(f, k->name) && count < SECTIONS_MAX; i++) {
            struct section *s = &sections[count++];

            *s = (struct section){.kind = k, .version = k->version};
            s->data = snapfile_read(f, k->name, i, &s->len, err, sizeof err);
            if (!s->data)
                abort();
        }
    snapfile_close(f);
}

static void change(const u8 *p)
{
    struct section *s = &sections[p[0] % count];
    size_t at = p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16;

    if (!s->len)
        return;
    at %= s->len;
    switch (p[4] & 7) {
    case 0: s->data[at] ^= (u8)(1 << (p[5] & 7)); break;
    case 1: s->data[at] = p[5]; break;
    case 2: s->data[at] = (u8)(s->data[at] + 1); break;
    case 3: s->data[at] = 0xFF; break;
    case 4: s->len = at; break;
    case 5:
        if (p[5] == 7)
            s->version = p[3];
        break;
    default: s->data[at] = (u8)(s->data[at] ^ p[5]); break;
    }
}

void snapdamage_rewrite(const char *from, const char *to, const u8 *data, size_t size)
{
    char err[400];
    struct snapfile_writer *w;

    read_all(from);
    for (size_t at = 0; at + CHANGE_BYTES <= size; at += CHANGE_BYTES)
        change(data + at);
    w = snapfile_create(to, err, sizeof err);
    if (!w)
        abort();
    for (unsigned i = 0; i < count; i++) {
        snapfile_put(w, sections[i].kind->name, sections[i].version, sections[i].data,
                     sections[i].len);
        free(sections[i].data);
    }
    if (!snapfile_finish(w, err, sizeof err))
        abort();
}
