/*
 * Recordings of a machine without firmware: they play to the same state, from any start; what is
 * not as it was is named; no damage gets through.
 */
#include "devices/board/replay.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "devices/board/machine_private.h"
#include "devices/board/record.h"
#include "devices/board/replay_file.h"
#include "devices/board/replay_head.h"
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

static void plays_from(const char *where, u64 hash)
{
    struct replay *r = open_it();
    struct machine *other;

    cr_assert(replay_begin_at(r, where, err, sizeof err), "%s", err);
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    cr_assert_eq(machine_state_hash(other), hash);
    cr_assert(strstr(replay_report(r), "all as recorded"), "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
}

static void plays_to(u64 hash)
{
    plays_from("#0", hash);
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
    cr_assert_not(machine_takes_input(other));
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED);
    cr_assert_eq(machine_state_hash(other), hash);
    cr_assert(machine_takes_input(other));
    machine_key(other, 0x39, true);
    cr_assert_neq(machine_state_hash(other), hash);
    cr_assert_eq(machine_run(other, 500 * MS), MACHINE_TIME);
    replay_free(r);
    cr_assert_eq(machine_run(other, 600 * MS), MACHINE_TIME);
    machine_free(other);
}

/* ---- Points ---- */

/* In the file so far; the start comes into it while the guest goes on. */
static unsigned points(void)
{
    struct replay *r;
    unsigned n;

    while (!(r = replay_open(file, test_log, err, sizeof err)))
        usleep(1000);
    n = replay_point_count(r);
    replay_free(r);
    return n;
}

/* How often they come depends on how busy the host is. */
static void pass_a_point(void)
{
    unsigned before = points();

    for (unsigned i = 0; i < 400 && points() == before; i++)
        cr_assert_eq(machine_run(m, machine_now_ns(m) + 100 * MS), MACHINE_TIME);
    cr_assert_gt(points(), before);
}

/* As record(), with some points in it. */
static u64 record_with_points(u64 from_ms)
{
    u64 hash;

    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    use(from_ms);
    for (unsigned i = 0; i < 3; i++) {
        machine_key(m, 0x20, true);
        pass_a_point();
    }
    hash = machine_state_hash(m);
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    return hash;
}

Test(replay, it_begins_at_each_point_on_the_way)
{
    char where[20];
    u64 hash;

    use(0);
    machine_record_points(m, 60 * MS);
    hash = record_with_points(500);
    cr_assert_geq(points(), 4);
    for (unsigned i = 0; i < points(); i++) {
        snprintf(where, sizeof where, "#%u", i);
        plays_from(where, hash);
    }
}

/* Counts in each page from 1 MiB to 32 MiB for ever. */
static const u8 wide_program[] = {
    0x66, 0xBF, 0x00, 0x00, 0x10, 0x00,       /* mov edi, 100000h */
    0x64, 0x66, 0x67, 0xFF, 0x07,             /* next: inc dword fs:[edi] */
    0x66, 0x81, 0xC7, 0x00, 0x10, 0x00, 0x00, /* add edi, 1000h */
    0x66, 0x81, 0xFF, 0x00, 0x00, 0x00, 0x02, /* cmp edi, 2000000h */
    0x75, 0xEB,                               /* jne next */
    0xEB, 0xE3,                               /* jmp to the mov */
};

/* So much that the guest does not wait until it is copied, and writes it meanwhile. */
Test(replay, a_start_and_points_with_much_memory_are_of_their_moment)
{
    struct machine_config config;
    u64 hash;

    machine_free(m);
    bare_machine_config(&config);
    config.mem_bytes = 32 << 20;
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
    machine_write_physical(m, bare_machine_prepare(m), wide_program, sizeof wide_program);
    cr_assert_eq(machine_run(m, 20 * MS), MACHINE_TIME);
    machine_record_points(m, 60 * MS);
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    pass_a_point();
    hash = machine_state_hash(m);
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    plays_from("#0", hash);
    plays_from("#1", hash);
}

Test(replay, points_are_found_by_time_and_by_count)
{
    char where[20];
    double second;
    u64 hash;
    struct replay *r;
    struct machine *other;

    machine_record_points(m, 60 * MS);
    hash = record_with_points(0);
    plays_from("0.25", hash);
    plays_from("1000", hash);
    plays_from("@0", hash);
    plays_from("@99999999999", hash);
    r = open_it();
    replay_point_text(r, 2, err, sizeof err);
    second = atof(err + 8);
    snprintf(where, sizeof where, "%.3f", second + 0.001);
    cr_assert(replay_begin_at(r, where, err, sizeof err), "%s", err);
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert_float_eq((double)machine_now_ns(other) / 1e9, second, 0.001);
    cr_assert_not(replay_begin_at(r, "#1000", err, sizeof err));
    cr_assert(strstr(err, "no point 1000"), "%s", err);
    cr_assert_not(replay_begin_at(r, "soon", err, sizeof err));
    cr_assert_not(replay_begin_at(r, "-1", err, sizeof err));
    replay_free(r);
    machine_free(other);
}

Test(replay, info_replay_lists_them)
{
    struct replay *r;
    struct machine *other;
    char text[2000];

    machine_info(m, "replay", text, sizeof text);
    cr_assert_str_eq(text, "no recording plays\n");
    machine_record_points(m, 60 * MS);
    record_with_points(0);
    r = open_it();
    cr_assert(replay_begin_at(r, "#1", err, sizeof err), "%s", err);
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    machine_info(other, "replay", text, sizeof text);
    cr_assert(strstr(text, "playing, 0 checks so far"), "%s", text);
    cr_assert(strstr(text, "this run began at #1"), "%s", text);
    cr_assert(strstr(text, "\n#0 "), "%s", text);
    cr_assert(strstr(text, "\n#3 "), "%s", text);
    replay_free(r);
    machine_info(other, "replay", text, sizeof text);
    cr_assert_str_eq(text, "no recording plays\n");
    machine_free(other);
}

Test(replay, without_points_there_is_the_start)
{
    u64 hash;

    machine_record_points(m, 0);
    hash = record(0);
    cr_assert_eq(points(), 1);
    plays_from("5", hash);
}

Test(replay, a_point_holds_only_what_has_changed)
{
    machine_record_points(m, 100 * MS);
    for (u64 page = 0x40000; page < 0x80000; page += 4096) {
        u8 noise[4096];

        for (unsigned i = 0; i < sizeof noise; i++)
            noise[i] = (u8)(page >> 12) * 31 + (u8)(i * i >> 3);
        machine_write_physical(m, page, noise, sizeof noise);
    }
    record_with_points(0);
    load_bytes();
    cr_assert_lt(len, 400 << 10, "%zu bytes: 64 pages once, not with each point", len);
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

/* Begin at the last point, and see what is in the drive there. */
static struct machine *from_last_point(struct replay **r)
{
    struct machine *other;

    *r = open_it();
    cr_assert_geq(replay_point_count(*r), 2);
    cr_assert(replay_begin_at(*r, "1000", err, sizeof err), "%s", err);
    other = build(*r);
    cr_assert(replay_start(*r, other, err, sizeof err), "%s", err);
    return other;
}

Test(replay, disks_are_at_a_point_as_they_were_there)
{
    struct replay *r;
    struct machine *other;
    struct blk *blk;

    write_through();
    blk = m->board.drive[DRIVE_FDA].blk;
    fill(blk, 5, 'a');
    machine_record_points(m, 200 * MS);
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    fill(blk, 5, 'b');
    fill(blk, 6, 'x');
    pass_a_point();
    fill(blk, 5, 'c'); /* behind the point */
    fill(blk, 7, 'y');
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);

    other = from_last_point(&r);
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 5), 'b');
    cr_assert_eq(first_byte(blk, 6), 'x');
    cr_assert_eq(first_byte(blk, 7), 0);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
}

Test(replay, what_a_disk_keeps_in_memory_is_at_a_point_as_well)
{
    struct replay *r;
    struct machine *other;
    struct blk *blk;

    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
    m->config.drive[DRIVE_FDA] = strdup(floppy);
    blk = m->board.drive[DRIVE_FDA].blk;
    fill(blk, 9, 'p');
    machine_record_points(m, 200 * MS);
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    fill(blk, 10, 'q');
    pass_a_point();
    fill(blk, 9, 'r');
    pass_a_point();
    fill(blk, 10, 's');
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    other = from_last_point(&r);
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 9), 'r');
    cr_assert_eq(first_byte(blk, 10), 'q');
    replay_free(r);
    machine_free(other);
}

/* Out and in again. */
static void swap_floppy(void)
{
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
}

Test(replay, a_point_has_the_media_that_were_in_the_drives_there)
{
    struct replay *r;
    struct machine *other;
    struct blk *blk;

    write_through();
    machine_record_points(m, 200 * MS);
    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    fill(m->board.drive[DRIVE_FDA].blk, 5, 'a');
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    pass_a_point();
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    other = from_last_point(&r);
    cr_assert_null(other->board.drive[DRIVE_FDA].blk);
    replay_free(r);
    machine_free(other);

    cr_assert(machine_record_start(m, file, err, sizeof err), "%s", err);
    cr_assert_eq(machine_insert(m, DRIVE_FDA, floppy, err, sizeof err), 0, "%s", err);
    fill(m->board.drive[DRIVE_FDA].blk, 5, 'b'); /* over a */
    swap_floppy();
    fill(m->board.drive[DRIVE_FDA].blk, 6, 'c');
    pass_a_point();
    fill(m->board.drive[DRIVE_FDA].blk, 6, 'd');
    swap_floppy();
    fill(m->board.drive[DRIVE_FDA].blk, 5, 'e');
    cr_assert(machine_record_stop(m, err, sizeof err), "%s", err);
    other = from_last_point(&r);
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 5), 'b');
    cr_assert_eq(first_byte(blk, 6), 'c');
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    blk = other->board.drive[DRIVE_FDA].blk;
    cr_assert_eq(first_byte(blk, 5), 'b', "as it came in the third time");
    cr_assert_eq(first_byte(blk, 6), 'd');
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

/* ---- Another processor ---- */

/* The file again with another head. */
static void rewrite(void (*change)(struct replay_head *head), void (*spoil)(struct replay_chunk *c))
{
    struct replay_writer *w;
    struct replay_reader reader;
    struct replay_chunk c;

    load_bytes();
    cr_assert(replay_reader_begin(&reader, bytes, len, err, sizeof err), "%s", err);
    w = replay_writer_new(file, err, sizeof err);
    while (replay_reader_next(&reader, &c, err, sizeof err) == REPLAY_CHUNK) {
        if (!strcmp(c.tag, REPLAY_HEAD)) {
            struct state *s = state_new_load(c.data, c.len), *changed = state_new_save();
            struct replay_head head = {.fingerprint = 0};
            const void *data;
            size_t n;

            replay_head_state(&head, s);
            change(&head);
            replay_head_state(&head, changed);
            data = state_data(changed, &n);
            replay_writer_put(w, c.tag, data, n);
            replay_head_free(&head);
            state_free(s);
            state_free(changed);
        } else {
            if (spoil)
                spoil(&c);
            replay_writer_put(w, c.tag, c.data, c.len);
        }
        free(c.data);
    }
    cr_assert_eq(replay_writer_close(w), 0);
}

/* Made on a processor that does one thing otherwise. */
static void other_shld(struct replay_head *head)
{
    head->fingerprint ^= 0x10;
    head->part[4] ^= 1;
}

static void other_fsin(struct replay_head *head)
{
    head->fingerprint ^= 0x10;
    head->part[13] ^= 1;
}

Test(replay, another_processors_recording_plays_on_the_interpreter_with_a_word)
{
    struct replay *r;
    struct machine *other;
    u64 hash = record(0);

    r = open_it();
    cr_assert_null(replay_config(r)->engine, "it is the user's choice");
    replay_free(r);
    rewrite(other_shld, NULL);
    r = open_it();
    cr_assert_str_eq(replay_config(r)->engine, "interp");
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert(strstr(warned, "undefined results"), "%s", warned);
    cr_assert(strstr(warned, "(SHLD)"), "%s", warned);
    cr_assert(strstr(warned, "interpreter"), "%s", warned);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    cr_assert_eq(machine_state_hash(other), hash, "nothing undefined was used");
    replay_free(r);
    machine_free(other);
}

/* As if the fifth check had seen another flag in memory. */
static void other_memory(struct replay_chunk *c)
{
    static unsigned checks;
    u32 size;

    for (u32 at = 0; !strcmp(c->tag, REPLAY_INPUT) && at < c->len; at += size) {
        size = get_le32(c->data + at);
        if (c->data[at + 4] == INPUT_CHECK && ++checks == 4)
            c->data[at + 28] ^= 1; /* the sum of memory */
    }
}

Test(replay, where_another_processor_matters_is_named)
{
    struct replay *r;
    struct machine *other;

    record(0);
    rewrite(other_fsin, other_memory);
    r = open_it();
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert(strstr(warned, "(FSIN)"), "%s", warned);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_DIVERGED);
    cr_assert(strstr(replay_report(r), "between instruction"), "%s", replay_report(r));
    cr_assert(strstr(replay_report(r), "memory"), "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
}

/* Shifts for ever and adds the flags up in memory. */
static const u8 flags_program[] = {
    0x31, 0xFF,             /* xor di, di */
    0xB1, 0x03,             /* mov cl, 3 */
    0x40,                   /* again: inc ax */
    0xD3, 0xE0,             /* shl ax, cl */
    0x9C,                   /* pushf */
    0x5B,                   /* pop bx */
    0x01, 0x9D, 0x00, 0x30, /* add [di+3000h], bx */
    0x83, 0xC7, 0x02,       /* add di, 2 */
    0x81, 0xE7, 0xFF, 0x0F, /* and di, 0FFFh */
    0xEB, 0xEC,             /* jmp again */
};

/* As on a processor whose SHL leaves AF otherwise. */
static void record_on_another_processor(struct undefined_table *t)
{
    cr_assert(undefined_probe(t));
    for (unsigned class = 0; class < UNDEFINED_CLASSES; class ++)
        for (unsigned size = 0; size < UNDEFINED_SIZES; size++)
            t->rule[UNDEFINED_SHL][class][size][2].a ^= 0x80;
    machine_write_physical(m, bare_machine_prepare(m), flags_program, sizeof flags_program);
    undefined_use(m->board.cpu, t);
    record(0);
}

Test(replay, another_processors_flags_are_in_the_recording_and_played)
{
    struct undefined_table other_flags;
    struct replay *r;
    struct machine *other;
    u64 hash;

    record_on_another_processor(&other_flags);
    hash = machine_state_hash(m);
    r = open_it();
    cr_assert_str_eq(replay_config(r)->engine, "interp");
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert(strstr(warned, "(SHL)"), "%s", warned);
    cr_assert(strstr(warned, "interpreter with that one's flags"), "%s", warned);
    cr_assert_not(strstr(warned, "matters"), "%s", warned);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_REPLAYED, "%s", replay_report(r));
    cr_assert_eq(machine_state_hash(other), hash);
    replay_free(r);
    cr_assert_null(other->board.cpu->undefined, "the table was the recording's");
    machine_free(other);
}

static void forget_flags(struct replay_head *head)
{
    head->has_flags = false;
    head->part[0] ^= 1;
}

/* As in recordings of earlier versions. */
Test(replay, without_another_processors_flags_the_first_difference_is_named)
{
    struct undefined_table other_flags;
    struct replay *r;
    struct machine *other;

    record_on_another_processor(&other_flags);
    rewrite(forget_flags, NULL);
    r = open_it();
    other = build(r);
    cr_assert(replay_start(r, other, err, sizeof err), "%s", err);
    cr_assert(strstr(warned, "(SHL); it plays on the interpreter, and where that matters"), "%s",
              warned);
    cr_assert_eq(machine_run(other, UINT64_MAX), MACHINE_DIVERGED);
    cr_assert(strstr(replay_report(r), "between instruction"), "%s", replay_report(r));
    replay_free(r);
    machine_free(other);
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
    machine_record_points(m, 150 * MS);
    record_with_points(0);
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
    unsigned most = 0;

    machine_record_points(m, 150 * MS);
    record_with_points(0);
    load_bytes();
    for (size_t n = 0; n < len; n += n < 200 ? 1 : 41) {
        struct replay *r = parse(n);

        if (r) {
            cr_assert_geq(replay_point_count(r), most, "a point is whole or not there");
            most = replay_point_count(r);
        }
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
