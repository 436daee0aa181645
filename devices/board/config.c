/* A machine's configuration kept; see config.h. */
#include "devices/board/config.h"

#include "base/state.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 << 10, SPEED_MIPS_MAX = 100000, STRINGS = DRIVE_COUNT + 9 };

static const u64 MEM_STEP = 1ull << 20, MEM_MAX = 3ull << 30;

/* All strings, in one order. */
static void strings(struct machine_config *c, const char **field[STRINGS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        field[n++] = &c->drive[i];
    field[n++] = &c->cpu;
    field[n++] = &c->engine;
    field[n++] = &c->windows;
    field[n++] = &c->boot;
    field[n++] = &c->kernel;
    field[n++] = &c->initrd;
    field[n++] = &c->append;
    field[n++] = &c->bios;
    field[n++] = &c->vgabios;
    assert(n == STRINGS);
}

bool machine_config_copy(struct machine_config *to, const struct machine_config *from)
{
    const char **field[STRINGS];
    bool good = true;

    *to = *from;
    strings(to, field);
    for (unsigned i = 0; i < STRINGS; i++)
        if (*field[i])
            good &= (*field[i] = strdup(*field[i])) != NULL;
    if (!good)
        machine_config_free(to);
    return good;
}

void machine_config_free(struct machine_config *c)
{
    const char **field[STRINGS];

    strings(c, field);
    for (unsigned i = 0; i < STRINGS; i++) {
        free((char *)*field[i]);
        *field[i] = NULL;
    }
}

static void load_text(struct state *s, const char *name, u32 len, const char **text)
{
    char *copy;

    state_require(s, len <= TEXT_MAX, "config: a text is too long");
    if (state_error(s))
        return;
    copy = calloc(1, (size_t)len + 1);
    if (!copy) {
        state_fail(s, "config: the host has no memory left");
        return;
    }
    state_bytes(s, name, copy, len);
    free((char *)*text);
    *text = copy;
    state_require(s, strlen(copy) == len, "config: a text with a zero byte in it");
}

/* A text that may be missing. */
static void text_state(struct state *s, const char *name, const char **text)
{
    bool there = *text != NULL;
    u32 len = there ? (u32)strlen(*text) : 0;

    state_bool(s, name, &there);
    if (!there)
        return;
    state_u32(s, name, &len);
    if (state_is_loading(s))
        load_text(s, name, len, text);
    else
        state_bytes(s, name, (char *)*text, len);
}

static void drive_state(struct machine_config *c, struct state *s)
{
    static const char *const names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        text_state(s, names[i], &c->drive[i]);
        state_bool(s, "is_cd", &c->drive_is_cd[i]);
    }
}

static void serial_state(struct machine_config *c, struct state *s)
{
    for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
        bool there = c->serial_port[i] || c->serial[i];

        state_bool(s, "serial", &there);
        if (state_is_loading(s))
            c->serial_port[i] = there;
    }
}

static void time_state(struct machine_config *c, struct state *s)
{
    state_bool(s, "deterministic", &c->deterministic);
    state_bool(s, "speed_max", &c->speed_max);
    state_u32(s, "speed_mips", &c->speed_mips);
    state_s64(s, "rtc_epoch", &c->rtc_epoch);
    state_u64(s, "seed", &c->seed);
    state_require(s, c->speed_mips <= SPEED_MIPS_MAX, "config: the speed is out of bounds");
}

static void debug_state(struct machine_config *c, struct state *s)
{
    state_bool(s, "post_card", &c->post_card);
    state_u16(s, "post_card_port", &c->post_card_port);
    state_bool(s, "debug_exit", &c->debug_exit);
    state_u16(s, "debug_exit_port", &c->debug_exit_port);
    state_bool(s, "reset_on_triple_fault", &c->reset_on_triple_fault);
}

void machine_config_state(struct machine_config *c, struct state *s)
{
    state_begin(s, "config", 1);
    state_u64(s, "mem_bytes", &c->mem_bytes);
    state_require(s, c->mem_bytes && c->mem_bytes <= MEM_MAX && !(c->mem_bytes % MEM_STEP),
                  "config: the size of memory is out of bounds");
    text_state(s, "cpu", &c->cpu);
    state_require(s, c->cpu != NULL, "config: no processor is named");
    drive_state(c, s);
    text_state(s, "boot", &c->boot);
    text_state(s, "kernel", &c->kernel);
    text_state(s, "initrd", &c->initrd);
    text_state(s, "append", &c->append);
    text_state(s, "bios", &c->bios);
    text_state(s, "vgabios", &c->vgabios);
    state_bool(s, "discard", &c->discard);
    serial_state(c, s);
    time_state(c, s);
    debug_state(c, s);
    state_end(s);
}
