/* A machine goes on twice from one moment: same states, disks apart, and nothing lost on failure.
 */
#include "devices/board/fork.h"

#include "devices/board/board.h"
#include "devices/board/engines.h"
#include "devices/board/rewind.h"
#include "devices/board/snapshot.h"
#include "devices/host/blk.h"
#include "devices/host/input.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS 1000000ull

enum { IMAGE_BYTES = 64 * 1024 };

static char dir[64], file[128], image[128], err[600];
static struct machine_config config;
static const char *engine;

static void setup(void)
{
    strcpy(dir, "/tmp/test_fork.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/a.snap", dir);
    snprintf(image, sizeof image, "%s/disk.img", dir);
    bare_machine_config(&config);
    config.discard = false;
    engine = config.engine;
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(fork, .init = setup, .fini = teardown, .timeout = 300);

static struct machine *build(const struct machine_config *c)
{
    struct machine *m = machine_new(c, err, sizeof err);

    cr_assert(m, "%s", err);
    return m;
}

static struct machine *running(void)
{
    struct machine *m = build(&config);

    bare_machine_count(m);
    machine_run(m, 3 * MS);
    return m;
}

static struct fork *start(struct machine *m)
{
    struct fork *f = fork_start(m, err, sizeof err);

    cr_assert(f, "%s", err);
    return f;
}

/* Hand over and build the other machine, in this process. */
static struct machine *other_side(struct fork *f)
{
    struct machine_config c;
    struct forked *forked;
    struct machine *m;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    cr_assert(fork_send(f, ends[0], err, sizeof err), "%s", err);
    forked = forked_receive(ends[1], err, sizeof err);
    cr_assert(forked, "%s", err);
    c = *forked_config(forked);
    c.engine = engine;
    m = build(&c);
    cr_assert(forked_load(forked, m, err, sizeof err), "%s", err);
    forked_free(forked);
    close(ends[0]);
    close(ends[1]);
    fork_end(f);
    return m;
}

static struct machine *fork_machine(struct machine *m)
{
    return other_side(start(m));
}

static void expect_same(struct machine *a, struct machine *b)
{
    cr_assert_eq(machine_state_hash(a), machine_state_hash(b));
}

static void make_image(void)
{
    FILE *f = fopen(image, "wb");

    for (size_t i = 0; i < IMAGE_BYTES; i++)
        fputc((int)(i / 512 * 7) & 0xFF, f);
    fclose(f);
}

static struct blk *disk(struct machine *m)
{
    return machine_board(m)->drive[DRIVE_HDA].blk;
}

static u8 disk_byte(struct machine *m, u64 sector)
{
    u8 data[512];

    cr_assert_eq(blk_read(disk(m), sector, 1, data), 0);
    return data[0];
}

static void fill_sector(struct machine *m, u64 sector, u8 value)
{
    u8 data[512];

    memset(data, value, sizeof data);
    cr_assert_eq(blk_write(disk(m), sector, 1, data), 0);
}

static u8 file_byte(u64 sector)
{
    u8 byte = 0;
    int fd = open(image, O_RDONLY);

    cr_assert_eq(pread(fd, &byte, 1, (off_t)(sector * 512)), 1);
    close(fd);
    return byte;
}

/* ---- States ---- */

Test(fork, both_go_on_alike)
{
    struct machine *a = running(), *b = fork_machine(a);

    expect_same(a, b);
    machine_run(a, 5 * MS);
    machine_run(b, 5 * MS);
    expect_same(a, b);
    machine_free(a);
    machine_free(b);
}

Test(fork, what_the_guest_writes_before_memory_is_copied_is_not_in_the_other)
{
    struct machine *a = running(), *same = build(&config), *b;
    struct fork *f;

    bare_machine_count(same);
    machine_run(same, 3 * MS);
    f = start(a);
    machine_run(a, 9 * MS);
    b = other_side(f);
    expect_same(same, b);
    machine_run(b, 9 * MS);
    expect_same(a, b);
    machine_free(a);
    machine_free(b);
    machine_free(same);
}

Test(fork, the_other_engine_goes_on_from_it)
{
    struct machine *a = running(), *b;

    engine = engine_names[0];
    b = fork_machine(a);
    machine_run(a, 6 * MS);
    machine_run(b, 6 * MS);
    expect_same(a, b);
    machine_free(a);
    machine_free(b);
}

Test(fork, a_fork_of_a_fork_and_two_at_once)
{
    struct machine *a = running(), *b, *c, *d;
    struct fork *f = start(a), *g;

    machine_run(a, 4 * MS);
    g = start(a);
    machine_run(a, 5 * MS);
    b = other_side(f);
    c = other_side(g);
    machine_run(b, 4 * MS);
    expect_same(b, c);
    d = fork_machine(c);
    expect_same(c, d);
    machine_run(d, 5 * MS);
    expect_same(a, d);
    machine_free(a);
    machine_free(b);
    machine_free(c);
    machine_free(d);
}

Test(fork, a_machine_that_stands_still_does_so_twice)
{
    struct machine *a = running(), *b;

    machine_set_paused(a, true);
    b = fork_machine(a);
    cr_assert(machine_is_paused(b));
    expect_same(a, b);
    machine_free(a);
    machine_free(b);
}

Test(fork, the_past_is_forked_into_a_branch_and_the_present_stays)
{
    struct machine *a, *b, *c;
    u64 present;

    make_image();
    config.drive[DRIVE_HDA] = image;
    a = running();
    cr_assert(machine_rewind_start(a, 64 << 20, err, sizeof err), "%s", err);
    machine_run(a, 700 * MS);
    fill_sector(a, 3, 0xA3);
    machine_run(a, 1000 * MS);
    present = machine_state_hash(a);
    b = fork_machine(a);
    expect_same(a, b);
    machine_free(b);

    cr_assert(rewind_to_time(machine_rewind(a), 500 * MS, err, sizeof err), "%s", err);
    c = fork_machine(a);
    expect_same(a, c);
    cr_assert_eq(disk_byte(c, 3), 3 * 7);
    cr_assert(rewind_to_present(machine_rewind(a), err, sizeof err), "%s", err);
    cr_assert_eq(machine_state_hash(a), present);
    cr_assert_eq(disk_byte(a, 3), 0xA3);
    fill_sector(a, 3, 0xAA);
    fill_sector(a, 4, 0xA4);
    fill_sector(c, 5, 0xC5);
    cr_assert_eq(disk_byte(c, 3), 3 * 7);
    cr_assert_eq(disk_byte(c, 4), 4 * 7);
    cr_assert_eq(file_byte(5), 5 * 7);
    machine_run(c, 600 * MS);
    machine_free(a);
    machine_free(c);
}

Test(fork, a_branch_of_the_first_does_not_reach_the_other)
{
    struct machine *a, *b;

    make_image();
    config.drive[DRIVE_HDA] = image;
    a = running();
    cr_assert(machine_rewind_start(a, 64 << 20, err, sizeof err), "%s", err);
    machine_run(a, 700 * MS);
    fill_sector(a, 3, 0xA3);
    machine_run(a, 1000 * MS);
    cr_assert(rewind_to_time(machine_rewind(a), 500 * MS, err, sizeof err), "%s", err);
    b = fork_machine(a);
    fill_sector(a, 6, 0xA6);
    machine_key(a, key_by_name("x"), true);
    machine_run(a, 600 * MS);
    cr_assert_not(rewind_is_past(machine_rewind(a)));
    cr_assert_eq(file_byte(3), 3 * 7, "the branch has brought the image back");
    cr_assert_eq(file_byte(6), 0xA6);
    cr_assert_eq(disk_byte(b, 3), 3 * 7);
    cr_assert_eq(disk_byte(b, 6), 6 * 7);
    machine_free(a);
    machine_free(b);
}

Test(fork, a_recording_goes_on_in_the_first)
{
    struct machine *a, *b;
    char told[700];

    a = running();
    cr_assert(machine_record_start(a, file, told, sizeof told), "%s", told);
    b = fork_machine(a);
    cr_assert(machine_is_recording(a) && !machine_is_recording(b));
    machine_run(a, 5 * MS);
    cr_assert(machine_record_stop(a, told, sizeof told), "%s", told);
    machine_free(a);
    machine_free(b);
}

/* ---- Disks ---- */

Test(fork, writes_of_one_are_not_seen_by_the_other_and_the_image_is_the_first_ones)
{
    struct machine *a, *b, *c;

    make_image();
    config.drive[DRIVE_HDA] = image;
    a = running();
    fill_sector(a, 1, 0xA1);
    b = fork_machine(a);
    fill_sector(a, 2, 0xA2);
    fill_sector(b, 2, 0xB2);
    fill_sector(b, 3, 0xB3);
    cr_assert_eq(disk_byte(b, 1), 0xA1);
    fill_sector(a, 1, 0xA3);
    c = fork_machine(b);
    fill_sector(b, 4, 0xB4);
    cr_assert_eq(disk_byte(a, 1), 0xA3);
    cr_assert_eq(disk_byte(b, 1), 0xA1);
    cr_assert_eq(disk_byte(c, 1), 0xA1);
    cr_assert_eq(disk_byte(c, 2), 0xB2);
    cr_assert_eq(disk_byte(c, 4), 4 * 7);
    machine_free(b);
    fill_sector(a, 6, 0xA6);
    cr_assert_eq(disk_byte(c, 6), 6 * 7);
    machine_free(a);
    cr_assert_eq(disk_byte(c, 6), 6 * 7);
    cr_assert_eq(file_byte(2), 0xA2);
    cr_assert_eq(file_byte(3), 3 * 7);
    cr_assert_eq(file_byte(4), 4 * 7);
    machine_free(c);
}

Test(fork, with_discard_the_writes_in_memory_go_along)
{
    struct machine *a, *b;
    struct fork *f;

    make_image();
    config.drive[DRIVE_HDA] = image;
    config.discard = true;
    a = running();
    fill_sector(a, 9, 0xA9);
    f = start(a);
    fill_sector(a, 9, 0xAA);
    fill_sector(a, 12, 0xAC);
    b = other_side(f);
    cr_assert_eq(disk_byte(b, 12), 12 * 7);
    fill_sector(b, 10, 0xBA);
    cr_assert_eq(disk_byte(a, 10), 10 * 7);
    cr_assert_eq(disk_byte(b, 9), 0xA9);
    cr_assert_eq(file_byte(9), 9 * 7);
    expect_same(a, b);
    machine_free(a);
    machine_free(b);
}

Test(fork, a_snapshot_of_the_other_is_refused_once_the_image_has_changed)
{
    struct machine *a, *b;
    struct snapshot *s;

    make_image();
    config.drive[DRIVE_HDA] = image;
    a = running();
    b = fork_machine(a);
    cr_assert(snapshot_save(b, file, err, sizeof err), "%s", err);
    fill_sector(a, 5, 0xA5);
    s = snapshot_open(file, err, sizeof err);
    cr_assert(s, "%s", err);
    cr_assert(snapshot_load(s, b, err, sizeof err), "its own disk is as it was: %s", err);
    snapshot_close(s);
    machine_free(b);
    s = snapshot_open(file, err, sizeof err);
    cr_assert_not(snapshot_load(s, a, err, sizeof err));
    snapshot_close(s);
    machine_free(a);
}

/* ---- When the host does not play along ---- */

static void expect_failure_and_going_on(struct machine *m, const char *part)
{
    u64 hash = machine_state_hash(m), now = machine_now_ns(m);

    cr_assert_null(fork_start(m, err, sizeof err));
    cr_assert(strstr(err, part), "%s", err);
    cr_assert_eq(machine_state_hash(m), hash);
    cr_assert_eq(machine_run(m, now + MS), MACHINE_TIME);
}

Test(fork, without_file_descriptors_it_says_so)
{
    struct rlimit old, none;
    struct machine *a = running();

    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    expect_failure_and_going_on(a, "short of memory or files");
    setrlimit(RLIMIT_NOFILE, &old);
    machine_free(fork_machine(a));
    machine_free(a);
}

Test(fork, without_room_for_temporary_files_it_says_so)
{
    struct machine *a;

    make_image();
    config.drive[DRIVE_HDA] = image;
    a = running();
    setenv("TMPDIR", "/nonexistent", 1);
    expect_failure_and_going_on(a, "temporary files");
    unsetenv("TMPDIR");
    fill_sector(a, 1, 1);
    machine_free(a);
}

Test(fork, without_memory_for_the_copy_it_fails_and_goes_on)
{
    struct machine *a = running();
    struct rlimit old, little;
    struct fork *f;
    int ends[2];

    f = start(a);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    getrlimit(RLIMIT_FSIZE, &old);
    little = old;
    little.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &little);
    machine_run(a, 4 * MS);
    cr_assert_not(fork_send(f, ends[0], err, sizeof err));
    setrlimit(RLIMIT_FSIZE, &old);
    cr_assert(strstr(err, "cannot be handed over"), "%s", err);
    fork_end(f);
    cr_assert_eq(machine_run(a, 6 * MS), MACHINE_TIME);
    machine_free(fork_machine(a));
    machine_free(a);
    close(ends[0]);
    close(ends[1]);
}

Test(fork, when_nobody_listens_it_fails_and_goes_on)
{
    struct machine *a = running();
    struct fork *f = start(a);
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    close(ends[1]);
    cr_assert_not(fork_send(f, ends[0], err, sizeof err));
    fork_end(f);
    cr_assert_eq(machine_run(a, 6 * MS), MACHINE_TIME);
    machine_free(a);
    close(ends[0]);
}

Test(fork, the_other_refuses_what_is_no_machine)
{
    int ends[2], fd = open("/dev/null", O_RDONLY);
    char nothing[] = "bygone fork 1";

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    cr_assert_eq(send(ends[0], nothing, sizeof nothing, 0), (ssize_t)sizeof nothing);
    cr_assert_null(forked_receive(ends[1], err, sizeof err));
    close(ends[0]);
    cr_assert_null(forked_receive(ends[1], err, sizeof err));
    close(ends[1]);
    close(fd);
}

Test(fork, the_other_ends_when_the_first_gives_up)
{
    struct machine *a = running(), *b;
    struct fork *f;
    struct forked *forked;
    struct machine_config c;
    struct rlimit old, little;
    int ends[2];

    machine_write_physical(a, 0x9FFFF, "x", 1);
    f = start(a);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    getrlimit(RLIMIT_FSIZE, &old);
    little = old;
    little.rlim_cur = 0x9F000; /* enough for the state, not for the last page */
    setrlimit(RLIMIT_FSIZE, &little);
    cr_assert_not(fork_send(f, ends[0], err, sizeof err));
    setrlimit(RLIMIT_FSIZE, &old);
    close(ends[0]);
    forked = forked_receive(ends[1], err, sizeof err);
    cr_assert(forked, "%s", err);
    c = *forked_config(forked);
    c.engine = engine;
    b = build(&c);
    cr_assert_not(forked_load(forked, b, err, sizeof err));
    cr_assert(strstr(err, "could not hand over memory"), "%s", err);
    forked_free(forked);
    machine_free(b);
    fork_end(f);
    machine_free(a);
    close(ends[1]);
}
