/*
 * Going back in a machine without firmware, which counts what its keyboard and timer show into
 * memory, says something to the debug console now and then and writes a disk.
 */
#include "devices/board/rewind.h"

#include "base/log.h"
#include "devices/board/machine_private.h"
#include "devices/board/rewind_store.h"
#include "devices/host/chr.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull

enum {
    COUNTER = 0x2F00,
    TABLE = 0x3000,
    STRAY = 0x9123,
    LIMIT = 64 << 20,
    SAYS = 25 /* MOV AL in program */
};

/*
 *         xor bx, bx
 * again:  in al, 60h             ; what the keyboard shows
 *         add [bx+3000h], al
 *         in al, 40h             ; and the timer
 *         xor [bx+4000h], al
 *         inc word [2F00h]
 *         inc bx
 *         and bx, 0FFFh
 *         jnz again
 *         mov al, 'x'            ; each 4096 rounds
 *         out 0E9h, al
 *         jmp again
 */
static const u8 program[] = {
    0x31, 0xDB, 0xE4, 0x60, 0x00, 0x87, 0x00, 0x30, 0xE4, 0x40, 0x30, 0x87, 0x00, 0x40, 0xFF, 0x06,
    0x00, 0x2F, 0x43, 0x81, 0xE3, 0xFF, 0x0F, 0x75, 0xE9, 0xB0, 0x78, 0xE6, 0xE9, 0xEB, 0xE3,
};

static char disk[] = "/tmp/test_rewind.XXXXXX", err[400], warned[400];
static struct log *test_log;
static struct machine *m;
static struct rewind *r;
static struct chr *console;
static u32 code_at;

static void keep_line(void *opaque, enum log_level level, const char *line)
{
    snprintf(warned, sizeof warned, "%s", line);
}

/* As bare_machine.c builds them, with a console and perhaps a disk. */
static struct machine *build(bool with_disk)
{
    struct machine *plain = bare_machine_new(NULL, err, sizeof err), *made;
    struct machine_config config;

    cr_assert(plain, "%s", err);
    config = *machine_config(plain);
    config.log = test_log;
    config.speed_mips = 10;
    console = chr_new_memory(1 << 20);
    config.debugcon = console;
    if (with_disk) {
        config.drive[DRIVE_HDA] = disk;
        config.discard = false;
    }
    made = machine_new(&config, err, sizeof err);
    cr_assert(made, "%s", err);
    machine_free(plain);
    return made;
}

static u32 load(const u8 *code, size_t len)
{
    u32 at = code_at = bare_machine_prepare(m);

    machine_write_physical(m, at, code, len);
    cr_assert(machine_rewind_start(m, LIMIT, err, sizeof err), "%s", err);
    r = machine_rewind(m);
    return at;
}

static void setup(void)
{
    int fd = mkstemp(disk);

    cr_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
    close(fd);
    test_log = log_new(keep_line, NULL);
    m = build(false);
    load(program, sizeof program);
}

static void teardown(void)
{
    machine_free(m);
    log_free(test_log);
    unlink(disk);
}

TestSuite(rewind, .init = setup, .fini = teardown, .timeout = 120);

static void run_to(u64 ms)
{
    cr_assert_eq(machine_run(m, ms * MS), MACHINE_TIME);
}

/* With keys on the way. */
static void use_to(u64 ms)
{
    for (u64 t = machine_now_ns(m) / MS; t < ms; t += 37) {
        run_to(t);
        machine_key(m, (u16)(0x10 + t % 32), t & 1);
    }
    run_to(ms);
}

static bool is_past(void)
{
    struct rewind_status s;

    rewind_get_status(r, &s);
    return s.past;
}

/* ---- Snapshots ---- */

/* Of a machine that has no ring of its own: the dirty bits have one taker. */
static struct rewind_store *only_a_store(void)
{
    machine_free(m);
    m = build(false);
    machine_write_physical(m, bare_machine_prepare(m), program, sizeof program);
    return rewind_store_new(m);
}

Test(rewind, every_snapshot_is_found_again_in_any_order)
{
    enum { POINTS = 12 };
    struct rewind_store *s = only_a_store();
    u64 hash[POINTS];

    for (unsigned i = 0; i < POINTS; i++) {
        use_to(i * 11);
        hash[i] = machine_state_hash(m);
        cr_assert(rewind_store_take(s));
    }
    use_to(POINTS * 11);
    for (unsigned i = 0; i < 3 * POINTS; i++) {
        unsigned k = i * 7 % POINTS;

        cr_assert(rewind_store_restore(s, k, err, sizeof err), "%s", err);
        cr_assert_eq(machine_state_hash(m), hash[k], "snapshot %u", k);
        if (i & 1)
            run_to(machine_now_ns(m) / MS + 5);
    }
    rewind_store_free(s);
}

Test(rewind, forgetting_one_leaves_the_others_as_they_are)
{
    enum { POINTS = 9 };
    struct rewind_store *s = only_a_store();
    u64 hash[POINTS];
    static const unsigned drop[] = {4, 1, 0, 3};
    unsigned left[POINTS], n = POINTS;
    size_t bytes;

    for (unsigned i = 0; i < POINTS; i++) {
        use_to(i * 13);
        hash[i] = machine_state_hash(m);
        left[i] = i;
        cr_assert(rewind_store_take(s));
    }
    bytes = rewind_store_bytes(s);
    for (unsigned i = 0; i < ARRAY_LEN(drop); i++) {
        cr_assert(rewind_store_drop(s, drop[i]));
        memmove(left + drop[i], left + drop[i] + 1, (--n - drop[i]) * sizeof left[0]);
        for (unsigned k = 0; k < n; k++) {
            cr_assert(rewind_store_restore(s, k, err, sizeof err), "%s", err);
            cr_assert_eq(machine_state_hash(m), hash[left[k]]);
        }
        cr_assert(rewind_store_restore(s, n - 1, err, sizeof err));
    }
    cr_assert_lt(rewind_store_bytes(s), bytes);
    cr_assert_not(rewind_store_drop(s, n - 1), "the newest has nobody to hand on to");
    rewind_store_cut(s, 0);
    cr_assert_eq(rewind_store_bytes(s), 0);
    rewind_store_free(s);
}

Test(rewind, snapshots_made_in_passing_are_in_their_place)
{
    enum { POINTS = 6, PASSED = 9 };
    struct rewind_store *s = only_a_store();
    u64 hash[POINTS + PASSED];
    unsigned n = POINTS, index;

    for (unsigned i = 0; i < POINTS; i++) {
        use_to(i * 40);
        cr_assert(rewind_store_take(s));
    }
    for (unsigned i = 0; i < POINTS; i++) { /* without the keys, which nobody plays here */
        cr_assert(rewind_store_restore(s, i, err, sizeof err), "%s", err);
        hash[i] = machine_state_hash(m);
    }
    for (unsigned i = 0; i < PASSED; i++) {
        cr_assert(rewind_store_restore(s, i * 5 % (n - 1), err, sizeof err), "%s", err);
        run_to(machine_now_ns(m) / MS + 1);
        if (!rewind_store_insert(s, &index))
            continue; /* there is one at this very moment */
        memmove(hash + index + 1, hash + index, (n++ - index) * sizeof hash[0]);
        hash[index] = machine_state_hash(m);
        run_to(machine_now_ns(m) / MS + 1);
        for (unsigned k = 0; k < n; k++) {
            cr_assert(rewind_store_restore(s, (k * 7 + i) % n, err, sizeof err), "%s", err);
            cr_assert_eq(machine_state_hash(m), hash[(k * 7 + i) % n], "snapshot %u", k);
        }
    }
    cr_assert_geq(n, POINTS + PASSED / 2);
    for (; n > 1; n--) {
        index = n * 3 % (n - 1);
        cr_assert(rewind_store_drop(s, index));
        memmove(hash + index, hash + index + 1, (n - index - 1) * sizeof hash[0]);
        cr_assert(rewind_store_restore(s, n / 2 % (n - 1), err, sizeof err), "%s", err);
        cr_assert_eq(machine_state_hash(m), hash[n / 2 % (n - 1)]);
    }
    rewind_store_free(s);
}

static bool store_may_hit(struct rewind_store *s, enum debug_space space, u64 address)
{
    struct debug_point p = {.kind = DEBUG_WATCH,
                            .space = space,
                            .address = address,
                            .length = 4,
                            .access = DEBUG_WRITE};

    return rewind_writes_may_hit(&rewind_store_point(s, rewind_store_count(s) - 1)->writes, &p);
}

Test(rewind, a_snapshot_knows_what_cannot_have_been_written_since_the_one_before)
{
    struct rewind_store *s = only_a_store();

    run_to(50);
    cr_assert(rewind_store_take(s));
    run_to(100);
    cr_assert(rewind_store_take(s));
    for (unsigned space = DEBUG_LINEAR; space <= DEBUG_PHYSICAL; space++) {
        cr_assert(store_may_hit(s, space, COUNTER));
        cr_assert(store_may_hit(s, space, TABLE));
        cr_assert(store_may_hit(s, space, TABLE - 2), "it reaches into the page");
        cr_assert_not(store_may_hit(s, space, STRAY));
    }
    rewind_store_free(s);
}

/* ---- Back and forth ---- */

Test(rewind, the_old_present_is_passed_without_a_seam)
{
    u64 at_300, at_700, at_900;

    use_to(300);
    at_300 = machine_state_hash(m);
    use_to(700);
    at_700 = machine_state_hash(m);
    cr_assert(rewind_to_time(r, 300 * MS, err, sizeof err), "%s", err);
    cr_assert(is_past());
    cr_assert_eq(machine_state_hash(m), at_300);
    run_to(900); /* plays the keys again, then goes on */
    cr_assert_not(is_past());
    at_900 = machine_state_hash(m);
    cr_assert(rewind_to_time(r, 700 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(machine_state_hash(m), at_700);
    cr_assert(rewind_to_present(r, err, sizeof err), "%s", err);
    cr_assert_not(is_past());
    cr_assert_eq(machine_state_hash(m), at_900);
    cr_assert_str_eq(warned, "");
}

Test(rewind, a_new_input_makes_a_branch)
{
    u64 branch;

    use_to(600);
    cr_assert(rewind_to_time(r, 250 * MS, err, sizeof err), "%s", err);
    machine_key(m, 0x39, true);
    cr_assert_not(is_past());
    use_to(500);
    branch = machine_state_hash(m);
    use_to(800);
    cr_assert(rewind_to_time(r, 500 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(machine_state_hash(m), branch);
    cr_assert(rewind_to_time(r, 100 * MS, err, sizeof err), "%s", err);
    run_to(500);
    cr_assert_eq(machine_state_hash(m), branch);
}

Test(rewind, a_branch_can_be_made_without_an_input)
{
    u64 at_250;

    use_to(600);
    cr_assert(rewind_to_time(r, 250 * MS, err, sizeof err), "%s", err);
    cr_assert(rewind_branch(r, err, sizeof err), "%s", err);
    at_250 = machine_state_hash(m);
    cr_assert_not(is_past());
    run_to(900); /* nothing comes in any more */
    cr_assert(rewind_to_time(r, 0, err, sizeof err), "%s", err);
    run_to(250);
    cr_assert_eq(machine_state_hash(m), at_250);
}

static char keys_heard[200];

static void hear_key(void *opaque, const struct input_record *rec)
{
    size_t at = strlen(keys_heard);

    if (rec->source == INPUT_KEY)
        snprintf(keys_heard + at, sizeof keys_heard - at, "%s%X ", rec->key.down ? "" : "-",
                 rec->key.key);
}

Test(rewind, a_branch_lets_go_of_keys_whose_release_is_forgotten)
{
    struct input_listener listener = {.applied = hear_key};

    machine_key(m, 0x1E, true);
    run_to(300);
    machine_key(m, 0x30, true);
    machine_key(m, 0x11C, true);
    run_to(400);
    machine_key(m, 0x11C, false);
    machine_key(m, 0x1F, true);
    machine_key(m, 0x1F, false);
    machine_key(m, 0x30, false);
    run_to(500);
    cr_assert(rewind_to_time(r, 350 * MS, err, sizeof err), "%s", err);
    machine_listen_inputs(m, &listener);
    cr_assert(rewind_branch(r, err, sizeof err), "%s", err);
    machine_unlisten_inputs(m, &listener);
    cr_assert_str_eq(keys_heard, "-30 -11C "); /* 1E is held in the present too: not ours */
}

Test(rewind, what_was_said_is_not_said_again)
{
    char said[10000], now[10000];
    size_t len;

    use_to(500);
    snprintf(said, sizeof said, "%s", chr_memory_text(console, &len));
    cr_assert_gt(len, 0);
    cr_assert(rewind_to_time(r, 100 * MS, err, sizeof err), "%s", err);
    run_to(499);
    snprintf(now, sizeof now, "%s", chr_memory_text(console, &len));
    cr_assert_str_eq(now, said);
    run_to(1500);
    chr_memory_text(console, &len);
    cr_assert_gt(len, strlen(said));
}

Test(rewind, before_the_beginning_there_is_nothing)
{
    use_to(200);
    cr_assert(rewind_to_time(r, 0, err, sizeof err), "%s", err);
    cr_assert_not(rewind_step_back(r, 1ull << 40, err, sizeof err));
    cr_assert(strstr(err, "past begins at"), "%s", err);
}

Test(rewind, a_limit_too_small_ends_it_with_a_word)
{
    struct machine *small = build(false);

    cr_assert(machine_rewind_start(small, 100000, err, sizeof err));
    cr_assert_eq(machine_run(small, 500 * MS), MACHINE_TIME);
    cr_assert(strstr(warned, "--rewind takes a larger size"), "%s", warned);
    cr_assert_not(rewind_to_time(machine_rewind(small), 0, err, sizeof err));
    machine_free(small);
}

Test(rewind, old_snapshots_grow_rare_and_the_limit_is_kept)
{
    struct machine *big = build(false);
    struct rewind_status s;
    u64 hash;

    machine_write_physical(big, bare_machine_prepare(big), program, sizeof program);
    cr_assert(machine_rewind_start(big, 600 << 10, err, sizeof err));
    for (u64 ms = 200; ms <= 6000; ms += 200)
        cr_assert_eq(machine_run(big, ms * MS), MACHINE_TIME);
    hash = machine_state_hash(big);
    rewind_get_status(machine_rewind(big), &s);
    cr_assert_leq(s.bytes, 600 << 10);
    cr_assert_geq(s.points, 3);
    cr_assert_lt(s.oldest_ns, 1000 * MS, "the beginning is kept longest");
    cr_assert(rewind_to_time(machine_rewind(big), 2000 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(big, 6000 * MS), MACHINE_TIME);
    cr_assert_eq(machine_state_hash(big), hash);
    machine_free(big);
}

/* ---- Instructions ---- */

static void step(void)
{
    debug_step(machine_debug(m), DEBUG_STEP_INTO, 1);
    cr_assert_eq(machine_run(m, UINT64_MAX), MACHINE_DEBUG);
}

Test(rewind, step_back_undoes_each_step)
{
    enum { STEPS = 25 };
    u64 rip[STEPS], count[STEPS];

    use_to(230);
    for (unsigned i = 0; i < STEPS; i++) {
        rip[i] = machine_cpu(m, 0)->rip;
        count[i] = machine_instructions(m);
        step();
    }
    for (unsigned i = STEPS; i-- > 0;) {
        cr_assert(rewind_step_back(r, 1, err, sizeof err), "%s", err);
        cr_assert_eq(machine_instructions(m), count[i]);
        cr_assert_eq(machine_cpu(m, 0)->rip, rip[i], "step %u", i);
    }
    cr_assert(rewind_to_count(r, count[7], err, sizeof err), "%s", err);
    cr_assert_eq(machine_cpu(m, 0)->rip, rip[7]);
}

Test(rewind, continue_back_stops_where_the_run_did)
{
    enum { STOPS = 5 };
    struct debug *d = machine_debug(m);
    u64 hash[STOPS], count[STOPS];
    int id;

    use_to(150);
    id = debug_break_add(d, DEBUG_LINEAR, code_at + SAYS, 0);
    for (unsigned i = 0; i < STOPS; i++) {
        cr_assert_eq(machine_run(m, 3000 * MS), MACHINE_DEBUG);
        hash[i] = machine_state_hash(m);
        count[i] = machine_instructions(m);
    }
    cr_assert_eq(debug_point_by_id(d, id)->hits, STOPS);
    for (unsigned i = STOPS - 1; i-- > 0;) {
        cr_assert_eq(rewind_continue_back(r, err, sizeof err), REWIND_FOUND, "%s", err);
        cr_assert_eq(machine_instructions(m), count[i], "stop %u", i);
        cr_assert_eq(machine_state_hash(m), hash[i]);
        cr_assert_eq(debug_last_stop(d)->point, id);
    }
    cr_assert_eq(debug_point_by_id(d, id)->hits, STOPS, "going back counts nothing");
    for (unsigned i = 1; i < STOPS; i++) { /* and forward again */
        cr_assert_eq(machine_run(m, 3000 * MS), MACHINE_DEBUG);
        cr_assert_eq(machine_instructions(m), count[i]);
    }
}

Test(rewind, without_a_point_continue_back_ends_at_the_beginning)
{
    struct rewind_status s;

    use_to(400);
    cr_assert_eq(rewind_continue_back(r, err, sizeof err), REWIND_NOT_FOUND);
    rewind_get_status(r, &s);
    cr_assert_eq(machine_instructions(m), s.oldest_count);
}

/*
 * A guest that corrupts a byte: each turn writes a table through a pointer that one day is wrong.
 *
 *         mov di, 8000h
 * again:  mov cx, 100h
 * fill:   mov [di], cl
 *         inc di
 *         loop fill
 *         cmp di, 9200h      ; past 9123h once
 *         jne again
 * done:   inc ax
 *         jmp done
 */
static const u8 stray[] = {0xBF, 0x00, 0x80, 0xB9, 0x00, 0x01, 0x88, 0x0D, 0x47, 0xE2,
                           0xFB, 0x81, 0xFF, 0x00, 0x92, 0x75, 0xF2, 0x40, 0xEB, 0xFD};

Test(rewind, the_instruction_that_corrupted_a_byte_is_found)
{
    struct debug_point watch = {.kind = DEBUG_WATCH,
                                .owner = DEBUG_REPLAY,
                                .space = DEBUG_LINEAR,
                                .address = STRAY,
                                .length = 1,
                                .access = DEBUG_WRITE};
    struct debug_stop stop;
    u64 hash;
    u32 at;

    machine_free(m);
    m = build(false);
    at = load(stray, sizeof stray);
    run_to(700);
    hash = machine_state_hash(m);
    cr_assert_eq(rewind_last(r, &watch, &stop, err, sizeof err), REWIND_FOUND, "%s", err);
    cr_assert_eq(stop.from_la, at + 6);
    cr_assert_eq(stop.value, 0x100 - 0x23);
    cr_assert_not(is_past());
    cr_assert_eq(machine_state_hash(m), hash, "the machine is where it was");
    cr_assert(rewind_to_count(r, stop.count - 1, err, sizeof err), "%s", err);
    cr_assert_eq(machine_cpu(m, 0)->rip, at + 6);
    watch.address = 0x7000;
    cr_assert_eq(rewind_last(r, &watch, &stop, err, sizeof err), REWIND_NOT_FOUND);
}

Test(rewind, the_last_change_of_a_register_is_found)
{
    struct debug_stop stop;
    u32 at;

    machine_free(m);
    m = build(false);
    at = load(stray, sizeof stray);
    run_to(120);
    cr_assert_eq(rewind_last_change(r, "di", &stop, err, sizeof err), REWIND_FOUND, "%s", err);
    cr_assert_eq(stop.from_la, at + 8);
    cr_assert_eq(stop.value, 0x9200);
    cr_assert_eq(rewind_last_change(r, "no such thing", &stop, err, sizeof err), REWIND_FAILED);
}

/*
 *         cli
 *         mov al, 34h; out 43h, al           ; counter 0 as BIOSes set it: 18.2 Hz
 *         xor ax, ax; out 40h, al; out 40h, al
 *         mov al, 11h; out 20h, al           ; the first 8259, IRQ 0 only
 *         mov al, 8; out 21h, al; mov al, 4; out 21h, al; mov al, 1; out 21h, al
 *         mov al, 0FEh; out 21h, al
 * again:  sti
 *         hlt
 *         mov al, 20h; out 20h, al
 *         inc word [2F00h]
 *         jmp again
 */
static const u8 sleeper[] = {
    0xFA, 0xB0, 0x34, 0xE6, 0x43, 0x31, 0xC0, 0xE6, 0x40, 0xE6, 0x40, 0xB0, 0x11, 0xE6, 0x20,
    0xB0, 0x08, 0xE6, 0x21, 0xB0, 0x04, 0xE6, 0x21, 0xB0, 0x01, 0xE6, 0x21, 0xB0, 0xFE, 0xE6,
    0x21, 0xFB, 0xF4, 0xB0, 0x20, 0xE6, 0x20, 0xFF, 0x06, 0x00, 0x2F, 0xEB, 0xF4,
};

Test(rewind, a_search_from_the_midst_of_sleep_ends_there)
{
    struct debug_point watch = {.kind = DEBUG_WATCH,
                                .owner = DEBUG_REPLAY,
                                .space = DEBUG_PHYSICAL,
                                .address = COUNTER,
                                .length = 2,
                                .access = DEBUG_WRITE};
    struct debug_stop stop;
    u64 at_430, at_1000;

    machine_free(m);
    m = build(false);
    load(sleeper, sizeof sleeper);
    run_to(1000);
    at_1000 = machine_state_hash(m);
    cr_assert(rewind_to_time(r, 430 * MS, err, sizeof err), "%s", err);
    at_430 = machine_state_hash(m);
    cr_assert_eq(rewind_last(r, &watch, &stop, err, sizeof err), REWIND_FOUND, "%s", err);
    cr_assert_eq(stop.value, 7); /* 7 ticks of 54.9 ms */
    cr_assert_eq(machine_now_ns(m), 430 * MS);
    cr_assert_eq(machine_state_hash(m), at_430);
    run_to(1000);
    cr_assert_eq(machine_state_hash(m), at_1000);
}

/*
 * again:  inc word [2F00h]
 *         ud2
 *         jmp again
 * ...
 * skip:   pop ax                 ; the handler of #UD, 20h behind
 *         add ax, 2
 *         push ax
 *         iret
 */
static const u8 faulty[] = {
    0xFF, 0x06, 0x00, 0x2F, 0x0F, 0x0B, 0xEB, 0xF8, 0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0x58, 0x83, 0xC0, 0x02, 0x50, 0xCF,
};

/* The newest moment lies behind the delivery of a fault, which counts no instruction. */
Test(rewind, a_stop_at_an_exception_is_passed_again_without_a_seam)
{
    struct debug *d;
    u64 hash, count;
    u32 at, vector;

    machine_free(m);
    m = build(false);
    at = load(faulty, sizeof faulty);
    vector = at + 0x20;
    machine_write_physical(m, 6 * 4, &vector, 4);
    run_to(40);
    d = machine_debug(m);
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_EXCEPTION, .address = 6});
    cr_assert_eq(machine_run(m, 60 * MS), MACHINE_DEBUG);
    debug_remove_all(d, DEBUG_USER);
    hash = machine_state_hash(m);
    count = machine_instructions(m);
    cr_assert_eq(machine_cpu(m, 0)->rip, at + 0x20, "in front of the handler");
    cr_assert(rewind_step_back(r, 5000, err, sizeof err), "%s", err);
    debug_break_add(d, DEBUG_LINEAR, at + 0x20, 0);
    while (machine_instructions(m) < count)
        cr_assert_eq(machine_run(m, 60 * MS), MACHINE_DEBUG);
    cr_assert_eq(machine_state_hash(m), hash);
    debug_remove_all(d, DEBUG_USER);
    run_to(60);
    cr_assert_not(is_past());
    cr_assert_str_eq(warned, "");
}

/* ---- Disks ---- */

/*
 * Writes sector after sector, each full of its number, by PIO (ATA-4, "PIO data out commands").
 * First the PIIX3 is told to answer at the old ports (data sheet, "PCICMD" and "IDETIM").
 *
 *         mov eax, 80000904h; mov dx, 0CF8h; out dx, eax; mov dl, 0FCh; mov eax, 5; out dx, eax
 *         mov eax, 80000940h; mov dl, 0F8h; out dx, eax
 *         mov dl, 0FCh; mov eax, 80008000h; out dx, eax
 *         xor bx, bx
 * again:  mov dx, 1F6h; mov al, 0E0h; out dx, al
 *         mov dx, 1F2h; mov al, 1; out dx, al
 *         inc dx; mov al, bl; out dx, al           ; sector
 *         inc dx; xor al, al; out dx, al
 *         inc dx; out dx, al
 *         mov dx, 1F7h; mov al, 30h; out dx, al
 * wait:   in al, dx; test al, 8; jz wait
 *         mov dx, 1F0h; mov cx, 256; mov al, bl; add al, bh; mov ah, al
 * put:    out dx, ax; loop put
 *         mov dx, 1F7h
 * busy:   in al, dx; test al, 80h; jnz busy
 *         inc bl; jnz again                         ; sectors 0 to 255
 *         inc bh; jmp again                         ; and again, with another number
 */
static const u8 writer[] = {
    0x66, 0xB8, 0x04, 0x09, 0x00, 0x80, 0xBA, 0xF8, 0x0C, 0x66, 0xEF, 0xB2, 0xFC, 0x66, 0xB8, 0x05,
    0x00, 0x00, 0x00, 0x66, 0xEF, 0x66, 0xB8, 0x40, 0x09, 0x00, 0x80, 0xB2, 0xF8, 0x66, 0xEF, 0xB2,
    0xFC, 0x66, 0xB8, 0x00, 0x80, 0x00, 0x80, 0x66, 0xEF, 0x31, 0xDB, 0xBA, 0xF6, 0x01, 0xB0, 0xE0,
    0xEE, 0xBA, 0xF2, 0x01, 0xB0, 0x01, 0xEE, 0x42, 0x88, 0xD8, 0xEE, 0x42, 0x30, 0xC0, 0xEE, 0x42,
    0xEE, 0xBA, 0xF7, 0x01, 0xB0, 0x30, 0xEE, 0xEC, 0xA8, 0x08, 0x74, 0xFB, 0xBA, 0xF0, 0x01, 0xB9,
    0x00, 0x01, 0x88, 0xD8, 0x00, 0xF8, 0x88, 0xC4, 0xEF, 0xE2, 0xFD, 0xBA, 0xF7, 0x01, 0xEC, 0xA8,
    0x80, 0x75, 0xFB, 0xFE, 0xC3, 0x75, 0xC4, 0xFE, 0xC7, 0xEB, 0xC0,
};

/* All sectors as the guest would read them. */
static u64 disk_sum(void)
{
    struct blk *blk = m->board.drive[DRIVE_HDA].blk;
    u8 data[512];
    u64 sum = 0;

    for (u64 i = 0; i < 300; i++) {
        cr_assert_eq(blk_read(blk, i, 1, data), 0);
        sum = sum * 31 + data[0] + data[511];
    }
    return sum;
}

/* And as the file has them. */
static u64 file_sum(void)
{
    FILE *f = fopen(disk, "rb");
    u8 data[512];
    u64 sum = 0;

    for (u64 i = 0; i < 300; i++) {
        cr_assert_eq(fread(data, 1, 512, f), 512);
        sum = sum * 31 + data[0] + data[511];
    }
    fclose(f);
    return sum;
}

static void start_writer(void)
{
    machine_free(m);
    m = build(true);
    load(writer, sizeof writer);
}

Test(rewind, disks_go_back_and_the_file_keeps_the_newest_state)
{
    u64 at_200, at_500, at_800;

    start_writer();
    run_to(200);
    at_200 = disk_sum();
    run_to(500);
    at_500 = disk_sum();
    cr_assert_neq(at_200, at_500);
    cr_assert(rewind_to_time(r, 200 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(disk_sum(), at_200);
    cr_assert_eq(file_sum(), at_500);
    run_to(400);
    cr_assert_eq(file_sum(), at_500);
    run_to(800);
    cr_assert_not(is_past());
    at_800 = disk_sum();
    cr_assert_eq(file_sum(), at_800);
    cr_assert(rewind_to_time(r, 500 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(disk_sum(), at_500);
    cr_assert_eq(file_sum(), at_800);
}

Test(rewind, a_branch_makes_the_disks_what_the_machine_sees)
{
    u64 at_200, at_300;

    start_writer();
    run_to(200);
    at_200 = disk_sum();
    run_to(700);
    cr_assert(rewind_to_time(r, 200 * MS, err, sizeof err), "%s", err);
    machine_key(m, 0x39, true);
    cr_assert_eq(disk_sum(), at_200);
    cr_assert_eq(file_sum(), at_200);
    run_to(300);
    at_300 = disk_sum();
    cr_assert_eq(file_sum(), at_300);
    run_to(600);
    cr_assert(rewind_to_time(r, 300 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(disk_sum(), at_300);
    cr_assert(rewind_to_time(r, 200 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(disk_sum(), at_200);
}

/* Again and again, so that many of them start where an earlier one left a snapshot in passing. */
Test(rewind, each_count_is_the_same_moment_whenever_one_goes_there)
{
    enum { PLACES = 24, WAYS = 120 };
    u64 count[PLACES], hash[PLACES], sum[PLACES];
    u32 random = 1;

    start_writer();
    for (unsigned i = 0; i < PLACES; i++) {
        run_to(20 + i * 29);
        count[i] = machine_instructions(m);
        hash[i] = machine_state_hash(m);
        sum[i] = disk_sum();
    }
    for (unsigned i = 0; i < WAYS; i++) {
        unsigned k = (random = random * 1664525 + 1013904223) >> 16, back = k % 7;

        k %= PLACES;
        cr_assert(rewind_to_count(r, count[k], err, sizeof err), "%s", err);
        cr_assert_eq(machine_state_hash(m), hash[k], "place %u", k);
        cr_assert_eq(disk_sum(), sum[k]);
        cr_assert(rewind_step_back(r, 1 + 1000 * back, err, sizeof err), "%s", err);
        cr_assert_eq(machine_instructions(m), count[k] - 1 - 1000 * back);
    }
}

Test(rewind, the_end_of_the_program_in_the_past_loses_nothing)
{
    u64 newest;

    start_writer();
    run_to(500);
    newest = disk_sum();
    cr_assert(rewind_to_time(r, 100 * MS, err, sizeof err), "%s", err);
    run_to(150);
    cr_assert_eq(machine_free(m), 0);
    cr_assert_eq(file_sum(), newest);
    m = build(false);
}

Test(rewind, the_past_begins_where_a_medium_was_changed)
{
    struct rewind_status s;

    use_to(300);
    machine_eject(m, DRIVE_HDC, err, sizeof err);
    run_to(600);
    rewind_get_status(r, &s);
    cr_assert_geq(s.oldest_ns, 300 * MS);
    cr_assert(rewind_to_time(r, 400 * MS, err, sizeof err), "%s", err);
    cr_assert_geq(machine_now_ns(m), 400 * MS);
}
