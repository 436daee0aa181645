/* The rig of chip tests: see rig.h. */
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- clock ----------------------------------------------------------------------------------- */

static u64 rig_count(void *opaque)
{
    return ((struct rig *)opaque)->count;
}

static void rig_rearm(void *opaque)
{
    ((struct rig *)opaque)->rearmed++;
}

u64 rig_now(const struct rig *r)
{
    return clock_now(r->clock);
}

void rig_advance_ns(struct rig *r, u64 ns)
{
    u64 end = r->count + ns, next;

    while ((next = clock_count_at(r->clock, clock_next_deadline(r->clock))) <= end) {
        if (next > r->count)
            r->count = next;
        clock_run_due(r->clock);
        /* A timer set into the past fires one instruction later, as in a machine. */
        if (clock_next_deadline(r->clock) <= clock_now(r->clock)) {
            if (r->count >= end)
                break;
            r->count++;
        }
    }
    r->count = end;
}

/* --- wires ----------------------------------------------------------------------------------- */

static void wire_set(void *opaque, unsigned n, bool level)
{
    struct rig *r = opaque;
    struct rig_wire *w = &r->wires[n];

    w->sets++;
    if (w->level == level)
        return;
    w->level = level;
    if (level)
        w->rises++;
    else
        w->falls++;
    if (r->event_count < RIG_EVENTS)
        r->events[r->event_count++] = (struct rig_event){clock_now(r->clock), n, level};
}

struct irq_line rig_line(struct rig *r, unsigned n)
{
    cr_assert_lt(n, RIG_LINES);
    return (struct irq_line){.set = wire_set, .opaque = r, .n = n};
}

bool rig_level(const struct rig *r, unsigned n)
{
    return r->wires[n].level;
}

unsigned rig_rises(const struct rig *r, unsigned n)
{
    return r->wires[n].rises;
}

unsigned rig_falls(const struct rig *r, unsigned n)
{
    return r->wires[n].falls;
}

void rig_forget(struct rig *r)
{
    unsigned i;

    for (i = 0; i < RIG_LINES; i++)
        r->wires[i] = (struct rig_wire){.level = r->wires[i].level};
    r->event_count = 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static void keep_line(void *opaque, enum log_level level, const char *line)
{
    struct rig *r = opaque;

    r->log_lines++;
    snprintf(r->last_log, sizeof r->last_log, "%s", line);
}

void rig_setup(struct rig *r)
{
    struct clock_ops ops = {.count = rig_count, .rearm = rig_rearm, .opaque = r};

    frame_id ram;

    memset(r, 0, sizeof *r);
    r->physmap = physmap_new();
    ram = physmap_new_frames(r->physmap, "ram", RIG_RAM_BYTES, 0);
    cr_assert_neq(ram, 0);
    physmap_map_frames(r->physmap, 0, RIG_RAM_BYTES, ram, true);
    r->bus = bus_new(r->physmap);
    r->clock = clock_new(&ops);
    r->chr = chr_new_memory(1 << 20);
    r->log = log_new(keep_line, r);
    log_choose(r->log, "all");
}

void rig_teardown(struct rig *r)
{
    bus_free(r->bus);
    physmap_free(r->physmap);
    clock_free(r->clock);
    chr_close(r->chr);
    log_free(r->log);
}

const char *rig_text(struct rig *r)
{
    return chr_memory_text(r->chr, NULL);
}

/* --- saving and loading ---------------------------------------------------------------------- */

u8 *rig_save(struct device *dev, size_t *len)
{
    struct state *s = state_new_save();
    const void *data;
    u8 *copy;

    device_state(dev, s);
    cr_assert_null(state_error(s), "%s", state_error(s));
    data = state_data(s, len);
    copy = malloc(*len);
    memcpy(copy, data, *len);
    state_free(s);
    return copy;
}

const char *rig_load(struct device *dev, const void *data, size_t len)
{
    static char error[400];
    struct state *s = state_new_load(data, len);
    bool failed;

    device_state(dev, s);
    failed = state_error(s) != NULL;
    if (failed)
        snprintf(error, sizeof error, "%s", state_error(s));
    state_free(s);
    return failed ? error : NULL;
}

u64 rig_hash(struct device *dev)
{
    struct state *s = state_new_hash();
    u64 hash;

    device_state(dev, s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

static void transfer_clock(struct rig *to, struct rig *from)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;
    unsigned i;

    clock_state(from->clock, s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    to->count = from->count;
    clock_state(to->clock, l);
    cr_assert_null(state_error(l));
    state_free(l);
    state_free(s);
    for (i = 0; i < RIG_LINES; i++)
        to->wires[i].level = from->wires[i].level;
}

void rig_transfer(struct rig *to, struct device *to_dev, struct rig *from, struct device *from_dev)
{
    size_t len, again_len;
    u8 *data = rig_save(from_dev, &len), *again;
    const char *error;

    transfer_clock(to, from);
    error = rig_load(to_dev, data, len);
    cr_assert_null(error, "%s", error);
    again = rig_save(to_dev, &again_len);
    cr_assert(len == again_len && !memcmp(data, again, len),
              "what was loaded does not save the same");
    cr_assert_eq(rig_hash(from_dev), rig_hash(to_dev));
    free(data);
    free(again);
}

/* One damaged copy of data; returns its length. */
static size_t damage(u8 *copy, const u8 *data, size_t len, unsigned round)
{
    static const u8 extremes[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    size_t at = (size_t)rand() % len, n = 1 + (size_t)rand() % 8;

    memcpy(copy, data, len);
    switch (round % 4) {
    case 0: return at;
    case 1: copy[at] ^= (u8)(1 << rand() % 8); break;
    case 2: copy[at] = (u8)rand(); break;
    default:
        memset(copy + at, extremes[(unsigned)rand() % sizeof extremes],
               n < len - at ? n : len - at);
        break;
    }
    return len;
}

unsigned rig_damage(struct device *dev, unsigned rounds, void (*poke)(void *opaque), void *opaque)
{
    size_t len, cut;
    u8 *data = rig_save(dev, &len), *copy = malloc(len);
    unsigned i, refused = 0;

    srand(1);
    for (i = 0; i < rounds; i++) {
        cut = damage(copy, data, len, i);
        if (rig_load(dev, copy, cut))
            refused++;
        else if (poke)
            poke(opaque);
        /* A machine whose load failed never runs: the next copy meets a sound device. */
        cr_assert_null(rig_load(dev, data, len));
    }
    free(copy);
    free(data);
    return refused;
}
