/* Checks kept up to date against checks made from nothing, and what they name. */
#include "devices/board/state_check.h"

#include "base/hash.h"
#include "devices/board/board.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ull

enum { MEMORY_BYTES = 16 };

/* Writes to 64 KiB, page by page, for ever. */
static const u8 program[] = {
    0x8C, 0xC8,             /* mov ax, cs */
    0x05, 0x00, 0x20,       /* add ax, 2000h */
    0x8E, 0xC0,             /* mov es, ax */
    0x31, 0xFF,             /* xor di, di */
    0xAB,                   /* again: stosw */
    0x81, 0xC7, 0x01, 0x01, /* add di, 101h */
    0x40,                   /* inc ax */
    0xEB, 0xF8,             /* jmp again */
};

static struct machine *m, *twin;

static struct machine *start(void)
{
    char err[400];
    struct machine *made = bare_machine_new(NULL, err, sizeof err);

    cr_assert(made, "%s", err);
    machine_write_physical(made, bare_machine_prepare(made), program, sizeof program);
    return made;
}

static void setup(void)
{
    m = start();
    twin = start();
}

static void teardown(void)
{
    machine_free(m);
    machine_free(twin);
}

TestSuite(state_check, .init = setup, .fini = teardown, .timeout = 60);

static void run_both(u64 ns)
{
    cr_assert_eq(machine_run(m, ns), MACHINE_TIME);
    cr_assert_eq(machine_run(twin, ns), MACHINE_TIME);
}

Test(state_check, the_sum_kept_up_to_date_is_the_sum_of_all_frames)
{
    struct state_check *kept = state_check_new(machine_board(m)), *fresh;
    u8 first[MEMORY_BYTES];
    const u8 *p;
    u32 len;

    p = state_check_take(kept, &len);
    cr_assert(p);
    memcpy(first, p, sizeof first);
    for (u64 ms = 1; ms < 6; ms++) {
        machine_run(m, ms * MS);
        p = state_check_take(kept, &len);
    }
    cr_assert(memcmp(p, first, sizeof first), "the program has written");
    memcpy(first, p, sizeof first);
    state_check_free(kept);
    fresh = state_check_new(machine_board(m));
    p = state_check_take(fresh, &len);
    cr_assert_arr_eq(p, first, sizeof first);
    state_check_free(fresh);
}

Test(state_check, equal_machines_compare_equal_at_each_check)
{
    struct state_check *a = state_check_new(machine_board(m)),
                       *b = state_check_new(machine_board(twin));
    char what[300];
    u32 len;

    for (u64 ms = 0; ms < 5; ms++) {
        const u8 *p;

        run_both(ms * MS);
        p = state_check_take(a, &len);
        cr_assert(state_check_compare(b, p, len, what, sizeof what), "%s", what);
    }
    state_check_free(a);
    state_check_free(b);
}

Test(state_check, a_byte_of_memory_and_a_chip_that_differ_are_named)
{
    struct state_check *a = state_check_new(machine_board(m)),
                       *b = state_check_new(machine_board(twin));
    char what[300];
    const u8 *p;
    u32 len;

    p = state_check_take(a, &len);
    cr_assert(state_check_compare(b, p, len, what, sizeof what), "%s", what);
    machine_write_physical(twin, 0x5123, "x", 1);
    p = state_check_take(a, &len);
    cr_assert_not(state_check_compare(b, p, len, what, sizeof what));
    cr_assert(strstr(what, "memory (frame"), "%s", what);
    machine_write_physical(m, 0x5123, "x", 1);
    machine_key(m, 0x1E, true);
    p = state_check_take(a, &len);
    cr_assert_not(state_check_compare(b, p, len, what, sizeof what));
    cr_assert(strstr(what, "i8042"), "%s", what);
    cr_assert_not(strstr(what, "memory"), "%s", what);
    state_check_free(a);
    state_check_free(b);
}

/* The frame that differs is named, whether it changed on both sides or on one. */
static void expect_named(struct state_check *a, struct state_check *b, frame_id id)
{
    char what[300], wanted[40];
    u32 len;
    const u8 *p = state_check_take(a, &len);

    cr_assert_not(state_check_compare(b, p, len, what, sizeof what));
    snprintf(wanted, sizeof wanted, "memory (frame %u)", id);
    cr_assert_str_eq(what, wanted);
}

Test(state_check, the_first_frame_that_differs_is_named)
{
    struct state_check *a = state_check_new(machine_board(m)),
                       *b = state_check_new(machine_board(twin));
    frame_id first = machine_board(m)->ram;
    char what[300];
    const u8 *p;
    u32 len;

    p = state_check_take(a, &len);
    cr_assert(state_check_compare(b, p, len, what, sizeof what), "%s", what);
    for (u64 at = 0x20000; at < 0x30000; at += PAGE_SIZE) {
        machine_write_physical(m, at, "same", 4);
        machine_write_physical(twin, at, "same", 4);
    }
    machine_write_physical(m, 0x25000, "else", 4);
    expect_named(a, b, first + 0x25);
    machine_write_physical(twin, 0x25000, "else", 4);
    state_check_take(a, &len);
    state_check_take(b, &len);
    machine_write_physical(twin, 0x70000, "else", 4);
    expect_named(a, b, first + 0x70);
    state_check_free(a);
    state_check_free(b);
}

/* As when a replay begins at a point: what came before it, the recording's list does not have. */
Test(state_check, a_side_that_has_just_begun_names_the_frame_too)
{
    struct state_check *a = state_check_new(machine_board(m)), *b;
    frame_id first = machine_board(m)->ram;
    u32 len;

    state_check_take(a, &len);
    b = state_check_new(machine_board(twin));
    machine_write_physical(m, 0x25000, "else", 4);
    expect_named(a, b, first + 0x25);
    state_check_free(a);
    state_check_free(b);
}

Test(state_check, a_frame_is_guarded_when_it_was_not_written_for_a_while)
{
    struct state_check *c = state_check_new(machine_board(m));
    u32 len;
    u8 value = 0;

    state_check_take(c, &len);
    for (unsigned i = 0; i < 30; i++) {
        value ^= 1;
        machine_write_physical(m, 0x25000, &value, 1);
        state_check_take(c, &len);
        cr_assert_eq(state_check_guarded(c), 0, "written all the time");
    }
    for (unsigned i = 0, guarded = 0; i < 30; i++) {
        state_check_take(c, &len);
        guarded += state_check_guarded(c);
        cr_assert_leq(guarded, 1);
        cr_assert(i < 29 || guarded == 1);
    }
    state_check_free(c);
}

Test(state_check, damaged_bytes_are_refused_or_differ)
{
    struct state_check *a = state_check_new(machine_board(m)),
                       *b = state_check_new(machine_board(twin));
    char what[300];
    u8 copy[4096];
    const u8 *p;
    u32 len;

    machine_run(m, MS);
    machine_run(twin, MS);
    state_check_take(a, &len);
    state_check_take(b, &len);
    for (u32 i = 0;; i += 7) {
        p = state_check_take(a, &len);
        cr_assert_leq(len, sizeof copy);
        if (i >= len)
            break;
        memcpy(copy, p, len);
        cr_assert(state_check_compare(b, copy, len, what, sizeof what), "%s", what);
        copy[i] ^= 0x40;
        if (i < len - 4)
            cr_assert_not(state_check_compare(b, copy, len, what, sizeof what), "byte %u", i);
        state_check_compare(b, copy, i, what, sizeof what);
    }
    state_check_free(a);
    state_check_free(b);
}

Test(state_check, hashes_depend_on_every_byte_length_and_seed)
{
    u8 data[200] = {0};
    struct hash128 h = hash128(1, data, sizeof data);

    cr_assert_not(hash128_equal(h, hash128(2, data, sizeof data)));
    cr_assert_not(hash128_equal(h, hash128(1, data, sizeof data - 1)));
    for (unsigned i = 0; i < sizeof data; i++) {
        data[i] = 1;
        cr_assert_not(hash128_equal(h, hash128(1, data, sizeof data)), "byte %u", i);
        data[i] = 0;
    }
}

/* Frames that state_check_changed finds, in order, up to `most`. */
static u32 changed(const struct state_check *c, frame_id *out, u32 most)
{
    u32 n = 0;

    for (frame_id id = 0; state_check_changed(c, &id) && n < most; id++)
        out[n++] = id;
    return n;
}

Test(state_check, frames_that_have_changed_are_known_until_they_are_forgotten)
{
    struct state_check *c = state_check_new(machine_board(m));
    frame_id first = machine_board(m)->ram, got[1000];
    u8 value;
    u32 len;

    state_check_take(c, &len);
    cr_assert_gt(state_check_changed(c, NULL), 0, "all that is not zero, at first");
    state_check_forget_changed(c);
    cr_assert_eq(changed(c, got, 1000), 0);
    machine_read_physical(m, 0x9000, &value, 1);
    value ^= 1;
    machine_write_physical(m, 0x9000, &value, 1);
    state_check_take(c, &len);
    machine_write_physical(m, 0x80001, "x", 1);
    cr_assert_eq(changed(c, got, 1000), 1, "seen with the next check only");
    state_check_take(c, &len);
    cr_assert_eq(state_check_changed(c, NULL), 2);
    cr_assert_eq(changed(c, got, 1000), 2);
    cr_assert_eq(got[0], first + 9);
    cr_assert_eq(got[1], first + 0x80);
    state_check_forget_changed(c);
    machine_write_physical(m, 0x80001, "x", 1); /* what is there already */
    state_check_take(c, &len);
    cr_assert_eq(state_check_changed(c, NULL), 0);
    state_check_free(c);
}
