/*
 * Recordings of a machine without firmware: they play to the same state, from any start; what is
 * not as it was is named; no damage gets through.
 */
#include "devices/board/replay.h"

#include "base/log.h"
#include "base/state.h"
#include "devices/board/machine_private.h"
#include "devices/board/record.h"
#include "devices/board/rewind.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull

/*
 * Adds what the keyboard and the timer show to two tables for ever (tests/unit/board/
 * test_input_log.c).
 */
static const u8 program[] = {0x31, 0xDB, 0xE4, 0x60, 0x00, 0x87, 0x00, 0x30, 0xE4, 0x40, 0x30,
                             0x87, 0x00, 0x40, 0x43, 0x81, 0xE3, 0xFF, 0x0F, 0xEB, 0xED};

static char file[] = "/tmp/test_replay.XXXXXX", floppy[] = "/tmp/test_replay_fd.XXXXXX";
static char err[700], warned[700];
static struct machine *m;
static struct log *test_log;
static u8 *bytes; /* of the recording */
static size_t len;

static void keep_line(void *opaque, enum log_level level, const char *line)
{
    snprintf(warned, sizeof warned, "%s", line);
}

static void make_file(char *name, size_t size)
{
    int fd = mkstemp(name);

    cr_assert(fd >= 0 && !ftruncate(fd, (off_t)size));
    close(fd);
}

static void setup(void)
{
    make_file(file, 0);
    make_file(floppy, 1440 << 10);
    test_log = log_new(keep_line, NULL);
    m = bare_machine_new(NULL, err, sizeof err);
    cr_assert(m, "%s", err);
    machine_write_physical(m, bare_machine_prepare(m), program, sizeof program);
}

static void teardown(void)
{
    machine_free(m);
    log_free(test_log);
    free(bytes);
    unlink(file);
    unlink(floppy);
}

TestSuite(replay, .init = setup, .fini = teardown, .timeout = 120);

static void use(u64 from_ms)
{
    for (u64 i = 0; i < 12; i++) {
        cr_assert_eq(machine_run(m, (from_ms + i) * MS), MACHINE_TIME);
        machine_key(m, (u16)(0x10 + i), i & 1);
        machine_mouse(m, (s32)i, -1, 0, 0);
    }
    cr_assert_eq(machine_run(m, (from_ms + 420) * MS), MACHINE_TIME);
}

/* Record some use; returns the state's hash at the end. */
static u64 record(u64 from_ms)
{
    u64 hash;

    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    use(from_ms);
    hash = machine_state_hash(m);
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    return hash;
}

static void load_bytes(void)
{
    FILE *f = fopen(file, "rb");

    bytes = malloc(1 << 20);
    len = fread(bytes, 1, 1 << 20, f);
    cr_assert(len > 100 && len < 1 << 20);
    fclose(f);
}

static struct machine *build(struct replay *r)
{
    struct machine_config config = *replay_config(r);
    struct machine *made;

    config.engine = "interp";
    config.log = test_log;
    made = machine_new(&config, err, sizeof err);
    cr_assert(made, "%s", err);
    return made;
}

static struct replay *open_it(void)
{
    struct replay *r = replay_open(file, test_log, err, sizeof err);

    cr_assert(r, "%s", err);
    return r;
}

static void plays_to(u64 hash)
{
    struct replay *r = open_it();
    struct machine *other = build(r);

    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    cr_assert_eq(machine_state_hash(other), hash);
    cr_assert(strstr(replay_report(r), "all as recorded"), "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
}

Test(replay, a_recording_plays_to_the_same_state)
{
    plays_to(record(0));
}

Test(replay, a_recording_may_begin_in_the_middle)
{
    use(0);
    plays_to(record(500));
}

Test(replay, nothing_comes_in_while_it_plays_and_everything_behind_its_end)
{
    struct replay *r;
    struct machine *other;
    u64 hash = record(0);

    r = open_it();
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, 2 * MS), MACHINE_TIME);
    machine_key(other, 0x39, true);
    cr_assert_neq(machine_eject(other, DRIVE_FDA, err, sizeof err), 0);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED);
    cr_assert_eq(machine_state_hash(other), hash);
    machine_key(other, 0x39, true);
    cr_assert_neq(machine_state_hash(other), hash);
    cr_assert_eq(machine_run(other, 500 * MS), MACHINE_TIME);
    replay_free(r);
    cr_assert_eq(machine_run(other, 600 * MS), MACHINE_TIME);
    machine_free(other);
}

/* Play with one byte changed behind the replay's back. */
static const char *diverges(u64 gpa, u8 value)
{
    static char report[700];
    struct replay *r = open_it();
    struct machine *other = build(r);

    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, 150 * MS), MACHINE_TIME);
    physmap_debug_write(other->board.pm, gpa, &value, 1);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_DIVERGED);
    snprintf(report, sizeof report, "%s", replay_report(r));
    cr_assert_str_eq(machine_error(other), report);
    replay_free(r);
    machine_free(other);
    return report;
}

Test(replay, what_differs_is_named)
{
    const char *report;

    record(0);
    report = diverges(0x9000, 0x5A); /* nothing reads it */
    cr_assert(strstr(report, "memory (frame"), "%s", report);
    cr_assert_not(strstr(report, "cpu"), "%s", report);
    report = diverges(BARE_CODE + 60, 0x90); /* somewhere in the program */
    cr_assert(strstr(report, "between instruction"), "%s", report);
}

Test(replay, a_recording_can_be_wound_back_while_it_plays)
{
    struct replay *r;
    struct machine *other;
    struct rewind *past;
    u64 hash = record(0), at_200;

    r = open_it();
    other = build(r);
    cr_assert(machine_rewind_start(other, 64 << 20, err, sizeof err), "%s", err);
    past = machine_rewind(other);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, 200 * MS), MACHINE_TIME);
    at_200 = machine_state_hash(other);
    cr_assert_eq(machine_run(other, 350 * MS), MACHINE_TIME);
    cr_assert(rewind_to_time(past, 200 * MS, err, sizeof err), "%s", err);
    cr_assert_eq(machine_state_hash(other), at_200);
    machine_key(other, 0x39, true); /* no branch */
    cr_assert(rewind_is_past(past));
    cr_assert(rewind_step_back(past, 3, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    cr_assert_eq(machine_state_hash(other), hash);
    replay_free(r);
    machine_free(other);
}

/* ---- Disks ---- */

static void fill(struct blk *blk, u64 sector, char with)
{
    u8 data[512];

    memset(data, with, sizeof data);
    cr_assert_eq(blk_write(blk, sector, 1, data), 0);
}

static char first_byte(struct blk *blk, u64 sector)
{
    u8 data[512];

    cr_assert_eq(blk_read(blk, sector, 1, data), 0);
    return (char)data[0];
}

/* The same machine, but its images are written to. */
static void write_through(void)
{
    m->config.discard = false;
    m->config.drive[DRIVE_FDA] = strdup(floppy);
    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
}

Test(replay, a_replay_sees_disks_as_they_were_each_time_they_came_in)
{
    struct replay *r;
    struct machine *other;
    struct blk *blk;

    write_through();
    blk = m->board.drive[DRIVE_FDA].blk;
    fill(blk, 5, 'a');
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    fill(blk, 5, 'b'); /* in the first stay: a, then b, c */
    fill(blk, 5, 'c');
    fill(blk, 6, 'x');
    cr_assert_eq(machine_run(m, 5 * MS), MACHINE_TIME);
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
    blk = m->board.drive[DRIVE_FDA].blk;
    fill(blk, 5, 'd'); /* in the second: c, then d */
    cr_assert_eq(machine_run(m, 50 * MS), MACHINE_TIME);
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    cr_assert_eq(first_byte(blk, 5), 'd');

    r = open_it();
    other = build(r);
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 5), 'a');
    cr_assert_eq(first_byte(blk, 6), 0);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, 6 * MS), MACHINE_TIME, "%s", replay_report(r));
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 5), 'c');
    cr_assert_eq(first_byte(blk, 6), 'x');
    fill(blk, 5, 'z'); /* stays in memory */
    replay_free(r);
    machine_free(other);
    cr_assert_eq(first_byte(m->board.drive[DRIVE_FDA].blk, 5), 'd');
}

Test(replay, what_a_disk_keeps_in_memory_is_in_the_recording)
{
    struct replay *r;
    struct machine *other;

    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
    m->config.drive[DRIVE_FDA] = strdup(floppy);
    fill(m->board.drive[DRIVE_FDA].blk, 9, 'p'); /* the machine discards its writes */
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    fill(m->board.drive[DRIVE_FDA].blk, 9, 'q');
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    r = open_it();
    other = build(r);
    cr_assert_eq(first_byte(other->board.drive[DRIVE_FDA].blk, 9), 'p');
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    replay_free(r);
    machine_free(other);
}

Test(replay, a_disk_that_was_changed_since_is_refused)
{
    struct replay *r;
    struct machine_config config;

    write_through();
    record(0);
    fill(m->board.drive[DRIVE_FDA].blk, 7, 'n');
    r = open_it();
    config = *replay_config(r);
    config.log = test_log;
    config.engine = "interp";
    cr_assert_null(machine_new(&config, err, sizeof err));
    cr_assert(strstr(err, "is not what it was"), "%s", err);
    replay_free(r);
}

/* ---- Damage ---- */

static struct replay *parse(size_t n)
{
    warned[0] = err[0] = 0;
    log_free(test_log); /* a log says nothing too often */
    test_log = log_new(keep_line, NULL);
    return replay_parse("damaged", bytes, n, test_log, err, sizeof err);
}

Test(replay, every_flipped_bit_is_refused_with_a_sentence)
{
    record(0);
    load_bytes();
    for (size_t i = 0; i < len; i += i < 400 || i > len - 400 ? 1 : 37) {
        struct replay *r;

        bytes[i] ^= (u8)(1 << i % 8);
        r = parse(len);
        cr_assert_null(r, "byte %zu", i);
        cr_assert(strlen(err) > 20, "byte %zu: %s", i, err);
        bytes[i] ^= (u8)(1 << i % 8);
    }
    replay_free(parse(len));
    cr_assert_str_eq(err, "");
}

Test(replay, what_is_cut_off_is_refused_or_said)
{
    record(0);
    load_bytes();
    for (size_t n = 0; n < len; n += n < 200 ? 1 : 41) {
        struct replay *r = parse(n);

        cr_assert(r ? strlen(warned) > 20 : strlen(err) > 20, "%zu bytes: %s, %s", n, warned, err);
        replay_free(r);
    }
}

/* As after kill -9: what was written plays to where it ends. */
Test(replay, a_recording_without_its_end_plays_as_far_as_it_goes)
{
    struct replay *r;
    struct machine *other;

    record(0);
    load_bytes();
    r = parse(len - 20); /* the last chunk is empty: its head */
    cr_assert(r, "%s", err);
    cr_assert(strstr(warned, "not ended in order"), "%s", warned);
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
}

Test(replay, a_loaded_state_ends_a_recording_with_a_word)
{
    struct state *s = state_new_save(), *again;
    size_t size;
    const void *data;

    machine_state(m, s);
    data = state_data(s, &size);
    again = state_new_load(data, size);
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    machine_state(m, again);
    cr_assert_not(machine_record_stop(m, err, sizeof err));
    cr_assert(strstr(err, "state was replaced"), "%s", err);
    state_free(s);
    state_free(again);
}
