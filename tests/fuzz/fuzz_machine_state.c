/*
 * Damaged snapshots of a whole machine: what is refused names its reason, what is accepted runs.
 * An input is a list of nine-byte changes to the fields of a good snapshot: which (2), where in it
 * (1), how (2), four bytes; its first byte cuts the snapshot short.
 */
#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/machine.h"
#include "tests/fuzz/bare_machine.h"

#include <stdlib.h>
#include <string.h>

enum { CHANGE_BYTES = 9, CHANGES_MAX = 200, FIELDS_MAX = 1 << 16, RUN_NS = 500000 };

/* A good snapshot, and where its fields lie; those of memory pages are left out. */
struct snapshot {
    u8 *data, *copy;
    size_t len;
    u32 at[FIELDS_MAX], size[FIELDS_MAX];
    unsigned fields;
};

static bool is_page(const u8 *name, unsigned len)
{
    return (len == 4 && !memcmp(name, "zero", 4)) || (len == 4 && !memcmp(name, "page", 4));
}

/* The format is described in base/state.c. */
static void find_fields(struct snapshot *s)
{
    size_t i = 0;

    while (i < s->len) {
        unsigned name = s->data[i + 1];
        size_t value = i + 2 + name + 4;
        u32 size;

        if (s->data[i] == 'S') {
            i = value + 8;
            continue;
        }
        size = get_le32(s->data + value - 4);
        if (s->fields < FIELDS_MAX && size && !is_page(s->data + i + 2, name)) {
            s->at[s->fields] = (u32)value;
            s->size[s->fields++] = size;
        }
        i = value + size;
    }
}

/* A program that keeps timers, video and interrupts busy. */
static const u8 busy[] = {
    0xB0, 0x36, 0xE6, 0x43, 0xB0, 0x00, 0xE6, 0x40, 0xB0, 0x04, 0xE6, 0x40, /* timer at 1 kHz */
    0xB8, 0x00, 0xB8, 0x8E, 0xC0, 0x31, 0xFF,                               /* es:di = screen */
    0xE4, 0x40, 0xAB, 0x81, 0xE7, 0xFF, 0x0F, 0xF4, 0xEB, 0xF6,             /* again */
};

static void make_snapshot(struct snapshot *s)
{
    char err[256];
    struct machine *m = bare_machine_new(NULL, err, sizeof err);
    struct state *save = state_new_save();
    const void *data;
    u32 at;

    if (!m)
        abort();
    at = bare_machine_prepare(m);
    machine_write_physical(m, at, busy, sizeof busy);
    machine_run(m, 3000000);
    machine_state(m, save);
    data = state_data(save, &s->len);
    s->data = malloc(s->len);
    s->copy = malloc(s->len);
    memcpy(s->data, data, s->len);
    find_fields(s);
    state_free(save);
    machine_free(m);
}

static void change(struct snapshot *s, const u8 *c)
{
    unsigned field = get_le16(c) % s->fields, how = c[3] % 4, i;
    u32 where = c[2] % s->size[field], n = 1 + c[4] % 4;
    u8 *p = s->copy + s->at[field] + where;

    if (n > s->size[field] - where)
        n = s->size[field] - where;
    for (i = 0; i < n; i++)
        switch (how) {
        case 0: p[i] = c[5 + i]; break;
        case 1: p[i] ^= c[5 + i]; break;
        case 2: p[i] = 0xFF; break;
        case 3: p[i] = (u8)(p[i] + c[5]); break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snapshot snapshot;
    struct display_frame frame = {0};
    struct machine *m;
    struct state *load;
    char err[256];
    size_t i, len;

    if (!snapshot.data)
        make_snapshot(&snapshot);
    if (size < 1)
        return 0;
    memcpy(snapshot.copy, snapshot.data, snapshot.len);
    for (i = 0; i < CHANGES_MAX && 1 + (i + 1) * CHANGE_BYTES <= size; i++)
        change(&snapshot, data + 1 + i * CHANGE_BYTES);
    len = data[0] & 0x80 ? snapshot.len : snapshot.len - snapshot.len * data[0] / 128;
    m = bare_machine_new(NULL, err, sizeof err);
    if (!m)
        abort();
    load = state_new_load(snapshot.copy, len);
    machine_state(m, load);
    if (!state_error(load)) {
        machine_run(m, machine_now_ns(m) + RUN_NS);
        machine_render(m, &frame, true);
        display_frame_free(&frame);
        machine_state_hash(m);
    }
    state_free(load);
    machine_free(m);
    return 0;
}
