/* The log by itself, then as the whole truth about a machine: what it says, another one does. */
#include "devices/board/input_log.h"

#include "devices/board/machine_private.h"
#include "devices/board/registers.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <string.h>

#define MS 1000000ull

/* ---- The log ---- */

static struct input_log *filled(void)
{
    struct input_log *l = input_log_new();
    struct input_record key = {.at = {5, 7, 1}, .source = INPUT_KEY, .key = {0x11C, true}},
                        mouse = {.at = {5, 9, 0}, .source = INPUT_MOUSE, .mouse = {-3, 4, 0, 2}},
                        serial = {.at = {1ull << 40, 9, 0},
                                  .source = INPUT_SERIAL,
                                  .port = 2,
                                  .check = 0x12345678,
                                  .data = (const u8 *)"dir",
                                  .len = 3};

    cr_assert(input_log_add(l, &key) && input_log_add(l, &mouse) && input_log_add(l, &serial));
    return l;
}

Test(input_log, gives_back_what_was_added_in_order)
{
    struct input_log *l = filled();
    struct input_record r;
    size_t at = 0;

    cr_assert(input_log_read(l, &at, &r));
    cr_assert_eq(r.source, INPUT_KEY);
    cr_assert(r.key.key == 0x11C && r.key.down && r.at.sequence == 1);
    cr_assert(input_log_read(l, &at, &r));
    cr_assert(r.mouse.dx == -3 && r.mouse.dy == 4 && r.mouse.buttons == 2 && r.at.idle_ns == 9);
    cr_assert(input_log_read(l, &at, &r));
    cr_assert(r.port == 2 && r.len == 3 && !memcmp(r.data, "dir", 3) && r.check == 0x12345678);
    cr_assert_eq(r.at.count, 1ull << 40);
    cr_assert_not(input_log_read(l, &at, &r));
    input_log_free(l);
}

Test(input_log, does_not_go_back_in_time)
{
    struct input_log *l = filled();
    struct input_record early = {.at = {1ull << 40, 8, 0}, .source = INPUT_RESET};

    cr_assert_not(input_log_add(l, &early));
    early.at.idle_ns = 9;
    cr_assert(input_log_add(l, &early));
    input_log_free(l);
}

Test(input_log, a_branch_forgets_what_came_after)
{
    struct input_log *l = filled();
    struct input_record r, early = {.at = {5, 8, 0}, .source = INPUT_RESET};
    size_t at = 0;

    cr_assert(input_log_read(l, &at, &r));
    input_log_cut(l, at);
    cr_assert(input_log_add(l, &early));
    cr_assert(input_log_read(l, &at, &r));
    cr_assert_eq(r.source, INPUT_RESET);
    input_log_free(l);
}

Test(input_log, refuses_every_cut_and_damaged_size_of_foreign_bytes)
{
    struct input_log *l = filled(), *other = input_log_new();
    size_t len;
    const u8 *bytes = input_log_bytes(l, &len);
    u8 copy[200];

    cr_assert_lt(len, sizeof copy);
    for (size_t n = 1; n < len; n++) {
        struct input_record r;
        size_t at = 0;

        while (at < n && input_log_read(l, &at, &r))
            ;
        if (at != n) /* not between two records */
            cr_assert_not(input_log_add_bytes(other, bytes, n), "%zu", n);
    }
    for (unsigned v = 0; v < 256; v++) {
        memcpy(copy, bytes, len);
        copy[0] = (u8)v;
        if (copy[0] != bytes[0])
            cr_assert_not(input_log_add_bytes(other, copy, len), "%u", v);
    }
    cr_assert(input_log_add_bytes(other, bytes, len));
    cr_assert_not(input_log_add_bytes(other, bytes, len), "they would go back in time");
    input_log_free(l);
    input_log_free(other);
}

/* ---- The truth ---- */

static struct input_log *log_of_run;
static size_t played;
static unsigned lost, wrong_checks;

static void keep(void *opaque, const struct input_record *r)
{
    cr_assert(input_log_add(log_of_run, r));
}

static bool next(void *opaque, struct input_record *out)
{
    size_t at = played;

    return input_log_read(log_of_run, &at, out);
}

static bool play(void *opaque, const struct input_record *r, u32 check)
{
    struct input_record taken;

    wrong_checks += check != r->check;
    return input_log_read(log_of_run, &played, &taken);
}

static void is_lost(void *opaque, const char *why)
{
    struct input_record taken;

    input_log_read(log_of_run, &played, &taken);
    lost++;
}

static bool live(void *opaque, const struct input_record *r)
{
    return false;
}

/*
 * Adds what the keyboard, its status and the timer show to a table for ever; each round stops for
 * an interrupt if the keyboard has one.
 */
static const u8 program[] = {
    0x31, 0xDB,             /* xor bx, bx */
    0xE4, 0x60,             /* again: in al, 60h */
    0x00, 0x87, 0x00, 0x30, /* add [bx+3000h], al */
    0xE4, 0x40,             /* in al, 40h */
    0x30, 0x87, 0x00, 0x40, /* xor [bx+4000h], al */
    0x43,                   /* inc bx */
    0x81, 0xE3, 0xFF, 0x0F, /* and bx, 0FFFh */
    0xEB, 0xED,             /* jmp again */
};

static struct machine *start(void)
{
    char err[400];
    struct machine *m = bare_machine_new(NULL, err, sizeof err);

    cr_assert(m, "%s", err);
    machine_write_physical(m, bare_machine_prepare(m), program, sizeof program);
    return m;
}

static u64 original(void)
{
    struct input_listener listener = {.applied = keep};
    struct machine *m = start();
    u64 hash;

    log_of_run = input_log_new();
    machine_listen_inputs(m, &listener);
    for (unsigned i = 0; i < 20; i++) {
        cr_assert_eq(machine_run(m, i * i * 317 * 1000ull), MACHINE_TIME);
        machine_key(m, (u16)(0x10 + i), i & 1);
        if (i % 5 == 0)
            machine_mouse(m, (s32)i, -2, 0, 1);
        if (i == 12)
            machine_write_physical(m, 0x3FFE, "abcd", 4);
        if (i == 13) {
            cr_assert(machine_write_register(m, REGISTER_GPR, RBX, (const u8[10]){0x45, 0x06}));
            cr_assert(machine_write_register(m, REGISTER_ST, 2, (const u8[10]){1, 2, 3}));
            cr_assert_not(machine_write_register(m, REGISTER_GPR, 8, (const u8[10]){0}));
        }
        if (i == 7)
            machine_powerdown(m);
    }
    cr_assert_eq(machine_run(m, 200 * MS), MACHINE_TIME);
    hash = machine_state_hash(m);
    machine_free(m);
    return hash;
}

static u64 replayed(u64 piece_ns)
{
    struct input_player player = {.next = next, .play = play, .lost = is_lost, .live = live};
    struct machine *m = start();
    u64 hash;

    played = 0;
    machine_set_player(m, &player);
    for (u64 ns = piece_ns; ns < 200 * MS; ns += piece_ns) {
        cr_assert_eq(machine_run(m, ns), MACHINE_TIME);
        machine_key(m, 0x39, true); /* nobody listens */
    }
    cr_assert_eq(machine_run(m, 200 * MS), MACHINE_TIME);
    hash = machine_state_hash(m);
    machine_free(m);
    return hash;
}

Test(input_log, another_machine_does_the_same_however_its_run_is_cut)
{
    u64 hash = original();

    cr_assert_eq(replayed(200 * MS), hash);
    cr_assert_eq(replayed(7 * MS), hash);
    cr_assert_eq(replayed(123457), hash);
    cr_assert_eq(lost, 0);
    cr_assert_eq(wrong_checks, 0);
    input_log_free(log_of_run);
}

Test(input_log, a_machine_that_does_something_else_is_noticed)
{
    struct input_player player = {.next = next, .play = play, .lost = is_lost, .live = live};
    struct machine *m;

    original();
    m = start();
    machine_write_physical(m, 0x2000, "\xF4", 1);
    machine_write_physical(m, BARE_CODE + 40, "\x40", 1); /* somewhere in the program */
    played = 0;
    machine_set_player(m, &player);
    machine_run(m, 200 * MS);
    cr_assert(lost || wrong_checks);
    machine_free(m);
    input_log_free(log_of_run);
}
