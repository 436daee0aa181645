/* Snapshots: what is saved is loaded, what is damaged is refused and changes nothing. */
#include "devices/board/snapshot.h"

#include "base/bytes.h"
#include "devices/board/board.h"
#include "devices/board/rewind.h"
#include "devices/board/snapfile.h"
#include "devices/host/blk.h"
#include "devices/host/compress.h"
#include "devices/host/newfile.h"
#include "tests/fuzz/bare_machine.h"
#include "tests/fuzz/snapdamage.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000ull

enum { HEADER = 32, SECTION = 64, IMAGE_BYTES = 64 * 1024 };

static char dir[64], file[128], other[128], image[128], err[600];
static struct machine_config config;

static void setup(void)
{
    strcpy(dir, "/tmp/test_snapshot.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/a.snap", dir);
    snprintf(other, sizeof other, "%s/b.snap", dir);
    snprintf(image, sizeof image, "%s/disk.img", dir);
    bare_machine_config(&config);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(snapshot, .init = setup, .fini = teardown, .timeout = 300);

static struct machine *build(void)
{
    struct machine *m = machine_new(&config, err, sizeof err);

    cr_assert(m, "%s", err);
    return m;
}

static struct machine *running(void)
{
    struct machine *m = build();

    bare_machine_count(m);
    machine_run(m, 3 * MS);
    return m;
}

static void save(struct machine *m, const char *path)
{
    cr_assert(snapshot_save(m, path, err, sizeof err), "%s", err);
}

static bool load(struct machine *m, const char *path)
{
    struct snapshot *s = snapshot_open(path, err, sizeof err);
    bool good = s && snapshot_load(s, m, err, sizeof err);

    snapshot_close(s);
    return good;
}

static void make_image(size_t bytes)
{
    FILE *f = fopen(image, "wb");

    for (size_t i = 0; i < bytes; i++)
        fputc((int)(i / 512 * 7 + i % 3) & 0xFF, f);
    fclose(f);
}

static u8 *slurp_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    u8 *data;

    cr_assert(f && !fstat(fileno(f), &st));
    *len = (size_t)st.st_size;
    data = malloc(*len + 1);
    cr_assert_eq(fread(data, 1, *len, f), *len);
    fclose(f);
    return data;
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    cr_assert(f && fwrite(data, 1, len, f) == len);
    fclose(f);
}

/* ---- Saving and loading ---- */

Test(snapshot, another_machine_goes_on_as_the_first_one)
{
    struct machine *a = running(), *b = build();

    save(a, file);
    cr_assert(load(b, file), "%s", err);
    cr_assert_eq(machine_state_hash(a), machine_state_hash(b));
    machine_run(a, 5 * MS);
    machine_run(b, 5 * MS);
    cr_assert_eq(machine_state_hash(a), machine_state_hash(b));
    machine_free(a);
    machine_free(b);
}

Test(snapshot, machine_is_built_from_the_file_alone)
{
    struct machine *a, *b;
    struct machine_config built;
    struct snapshot *s;

    config.mem_bytes = 3 << 20;
    config.cpu = "486";
    a = running();
    save(a, file);
    s = snapshot_open(file, err, sizeof err);
    cr_assert(s, "%s", err);
    built = *snapshot_config(s);
    cr_assert_null(built.engine, "which one executed it does not show: any build can go on");
    built.engine = "interp";
    built.log = config.log;
    b = machine_new(&built, err, sizeof err);
    cr_assert(b, "%s", err);
    cr_assert(snapshot_load(s, b, err, sizeof err), "%s", err);
    snapshot_close(s);
    cr_assert_eq(machine_state_hash(a), machine_state_hash(b));
    machine_free(a);
    machine_free(b);
}

Test(snapshot, running_machine_goes_back_in_time)
{
    struct machine *m = running();
    u64 then = machine_state_hash(m), later;

    save(m, file);
    machine_run(m, 5 * MS);
    later = machine_state_hash(m);
    cr_assert_neq(then, later);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    machine_run(m, 5 * MS);
    cr_assert_eq(machine_state_hash(m), later);
    machine_free(m);
}

Test(snapshot, code_that_was_decoded_does_not_outlive_a_load)
{
    struct machine *m = build();
    u32 at = bare_machine_prepare(m);
    u8 a[8], b[8];

    machine_write_physical(m, at, "\xC6\x06\x00\x0C\x11\xEB\xF9", 7); /* mov byte [0C00h], 11h */
    machine_run(m, 1 * MS);
    save(m, file);
    machine_write_physical(m, at, "\xC6\x06\x00\x0C\x22\xEB\xF9", 7);
    machine_run(m, 2 * MS);
    machine_read_physical(m, 0xC00, a, 1);
    cr_assert(load(m, file), "%s", err);
    machine_run(m, 2 * MS);
    machine_read_physical(m, 0xC00, b, 1);
    cr_assert_eq(a[0], 0x22);
    cr_assert_eq(b[0], 0x11);
    machine_free(m);
}

Test(snapshot, rom_comes_from_the_snapshot)
{
    struct machine *m = running();
    u8 patched = 0x5A, now = 0;

    machine_write_physical(m, 0xFFFF8, &patched, 1); /* a debugger patches ROM too */
    save(m, file);
    machine_free(m);
    m = build();
    cr_assert(load(m, file), "%s", err);
    machine_read_physical(m, 0xFFFF8, &now, 1);
    cr_assert_eq(now, patched);
    machine_free(m);
}

Test(snapshot, guest_waits_only_while_it_is_copied)
{
    struct machine *m = running();
    struct snapshot_job *job = snapshot_start(m, file, err, sizeof err);
    u64 then = machine_state_hash(m);

    cr_assert(job, "%s", err);
    machine_run(m, 5 * MS); /* while the worker writes */
    cr_assert(snapshot_wait(job, err, sizeof err), "%s", err);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    machine_free(m);
}

/* ---- Disks ---- */

Test(snapshot, writes_kept_in_memory_are_in_the_snapshot)
{
    struct machine *m;

    make_image(IMAGE_BYTES);
    config.drive[DRIVE_HDA] = image;
    m = running();
    save(m, file);
    cr_assert(load(m, file), "%s", err);
    machine_free(m);
}

Test(snapshot, image_changed_by_somebody_else_is_refused)
{
    struct machine *m;
    u64 before;
    FILE *f;

    make_image(IMAGE_BYTES);
    config.drive[DRIVE_HDA] = image;
    m = running();
    save(m, file);
    machine_run(m, 5 * MS);
    before = machine_state_hash(m);
    f = fopen(image, "r+b");
    fseek(f, 40000, SEEK_SET);
    fputc(0xEE, f);
    fclose(f);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, image) && strstr(err, "other data"), "%s", err);
    cr_assert_eq(machine_state_hash(m), before);
    cr_assert_eq(truncate(image, IMAGE_BYTES / 2), 0);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "another size"), "%s", err);
    machine_free(m);
}

Test(snapshot, floppy_of_the_snapshot_is_put_in_again)
{
    struct machine *m;
    u64 then;

    make_image(737280);
    config.drive[DRIVE_FDA] = image;
    m = running();
    save(m, file);
    then = machine_state_hash(m);
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    cr_assert_neq(machine_state_hash(m), then);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    unlink(image);
    then = machine_state_hash(m);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, image), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    machine_free(m);
}

Test(snapshot, image_that_has_moved_is_told_where_it_is)
{
    char moved[160];
    struct machine_config built;
    struct snapshot *s;
    struct machine *m;

    make_image(IMAGE_BYTES);
    snprintf(moved, sizeof moved, "%s/moved.img", dir);
    config.drive[DRIVE_HDA] = image;
    m = running();
    save(m, file);
    machine_free(m);
    cr_assert_eq(rename(image, moved), 0);
    s = snapshot_open(file, err, sizeof err);
    cr_assert(snapshot_move_image(s, DRIVE_HDA, moved));
    cr_assert_not(snapshot_move_image(s, DRIVE_HDB, moved));
    built = *snapshot_config(s);
    built.engine = "interp";
    built.log = config.log;
    m = machine_new(&built, err, sizeof err);
    cr_assert(m, "%s", err);
    cr_assert(snapshot_load(s, m, err, sizeof err), "%s", err);
    snapshot_close(s);
    machine_free(m);
}

/* A machine whose hard disk is written to its file. */
static struct machine *with_disk(void)
{
    config.drive[DRIVE_HDA] = image;
    config.discard = false;
    return running();
}

static struct blk *disk_of(struct machine *m)
{
    return machine_board(m)->drive[DRIVE_HDA].blk;
}

static void write_disk(struct machine *m, u64 sector, u8 value)
{
    u8 data[512];

    memset(data, value, sizeof data);
    cr_assert_eq(blk_write(disk_of(m), sector, 1, data), 0);
}

static u8 disk_byte(u64 sector)
{
    FILE *f = fopen(image, "rb");
    int c;

    fseek(f, (long)sector * 512, SEEK_SET);
    c = fgetc(f);
    fclose(f);
    return (u8)c;
}

Test(snapshot, disk_goes_back_with_the_machine_and_nothing_is_lost)
{
    char before[160], after[160];
    struct machine *m;
    u64 then, later;

    make_image(IMAGE_BYTES);
    snprintf(before, sizeof before, "%s.before", file);
    snprintf(after, sizeof after, "%s.after", file);
    m = with_disk();
    write_disk(m, 5, 0x11);
    save(m, file);
    then = machine_state_hash(m);
    write_disk(m, 5, 0x22);
    write_disk(m, 99, 0x23);
    machine_run(m, 5 * MS);
    later = machine_state_hash(m);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    cr_assert_eq(disk_byte(5), 0x11);
    cr_assert_eq(disk_byte(99), (u8)(99 * 7 + 0));
    write_disk(m, 5, 0x33);
    cr_assert(load(m, before), "%s", err);
    cr_assert_eq(machine_state_hash(m), later);
    cr_assert_eq(disk_byte(5), 0x22);
    cr_assert_eq(disk_byte(99), 0x23);
    cr_assert(load(m, after), "%s", err);
    cr_assert_eq(disk_byte(5), 0x33);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 0x11);
    machine_free(m);
}

Test(snapshot, disk_goes_back_in_another_process)
{
    struct machine *m;

    make_image(IMAGE_BYTES);
    m = with_disk();
    save(m, file);
    save(m, other);
    write_disk(m, 5, 0x22);
    machine_free(m);
    m = with_disk();
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 36);
    write_disk(m, 7, 0x44);
    machine_free(m);
    m = with_disk();
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(7), 51);
    machine_free(m);
}

Test(snapshot, each_snapshot_of_a_disk_has_its_own_moment)
{
    struct machine *m;

    make_image(IMAGE_BYTES);
    m = with_disk();
    save(m, file);
    write_disk(m, 5, 0x22);
    save(m, other);
    write_disk(m, 5, 0x33);
    write_disk(m, 6, 0x34);
    cr_assert(load(m, other), "%s", err);
    cr_assert_eq(disk_byte(5), 0x22);
    cr_assert_eq(disk_byte(6), 42);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 36);
    cr_assert(load(m, other), "%s", err);
    cr_assert_eq(disk_byte(5), 0x22);
    machine_free(m);
}

Test(snapshot, snapshot_made_again_forgets_what_the_old_one_kept)
{
    char first[160], second[160];
    struct machine *m;

    make_image(IMAGE_BYTES);
    snprintf(first, sizeof first, "%s.disks", file);
    snprintf(second, sizeof second, "%s.disks2", file);
    m = with_disk();
    save(m, file);
    cr_assert_eq(access(first, F_OK), 0);
    write_disk(m, 5, 0x22);
    save(m, file);
    cr_assert_neq(access(first, F_OK), 0);
    cr_assert_eq(access(second, F_OK), 0);
    write_disk(m, 5, 0x33);
    save(m, file);
    save(m, file);
    write_disk(m, 5, 0x44);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 0x33);
    machine_free(m);
}

Test(snapshot, machine_that_loads_none_goes_on_keeping_for_all)
{
    struct machine *m;

    make_image(IMAGE_BYTES);
    cr_assert_eq(truncate(image, 40 << 20), 0);
    m = with_disk();
    save(m, file);
    write_disk(m, 5, 0x22);
    save(m, other);
    machine_free(m);
    m = with_disk();
    write_disk(m, 5, 0x33);
    write_disk(m, 6, 0x34);
    machine_free(m);
    m = with_disk();
    cr_assert(load(m, other), "%s", err);
    cr_assert_eq(disk_byte(5), 0x22);
    cr_assert_eq(disk_byte(6), 42);
    machine_free(m);
    m = with_disk();
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 36);
    machine_free(m);
}

Test(snapshot, floppy_put_in_again_goes_on_keeping)
{
    struct machine *m;
    u8 data[512];

    make_image(737280);
    config.drive[DRIVE_FDA] = image;
    config.discard = false;
    m = running();
    save(m, file);
    cr_assert_eq(machine_eject(m, DRIVE_FDA, err, sizeof err), 0);
    cr_assert_eq(machine_insert(m, DRIVE_FDA, image, err, sizeof err), 0);
    memset(data, 0x55, sizeof data);
    cr_assert_eq(blk_write(machine_board(m)->drive[DRIVE_FDA].blk, 5, 1, data), 0);
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(disk_byte(5), 36);
    machine_free(m);
}

Test(snapshot, large_disk_changed_by_somebody_else_is_refused)
{
    struct machine *m;
    u64 before;
    FILE *f;

    make_image(4096);
    cr_assert_eq(truncate(image, 40 << 20), 0);
    m = with_disk();
    save(m, file);
    write_disk(m, 5, 0x22);
    usleep(20000);
    f = fopen(image, "r+b");
    fseek(f, (20 << 20) + 123456, SEEK_SET); /* in no sample */
    fputc(0xEE, f);
    fclose(f);
    before = machine_state_hash(m);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "something else"), "%s", err);
    cr_assert_eq(machine_state_hash(m), before);
    cr_assert_eq(disk_byte(5), 0x22);
    write_disk(m, 5, 0x23);
    cr_assert_not(load(m, file), "our own write does not hide it");
    machine_free(m);
}

Test(snapshot, damaged_journal_is_refused_and_changes_nothing)
{
    char journal[160];
    struct machine *m;
    u64 before;
    int fd;

    make_image(IMAGE_BYTES);
    snprintf(journal, sizeof journal, "%s.disks", file);
    m = with_disk();
    save(m, file);
    write_disk(m, 5, 0x22);
    machine_free(m);
    fd = open(journal, O_RDWR);
    cr_assert_eq(pwrite(fd, "\xFF", 1, 4096 + 1000), 1);
    m = with_disk();
    before = machine_state_hash(m);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "damaged"), "%s", err);
    cr_assert_eq(machine_state_hash(m), before);
    cr_assert_eq(disk_byte(5), 0x22);
    close(fd);
    unlink(journal);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "other data"), "%s", err);
    machine_free(m);
}

/* ---- What is refused ---- */

Test(snapshot, machine_of_another_kind_is_refused)
{
    struct machine *m = running(), *small;
    u64 before;

    save(m, file);
    machine_free(m);
    config.mem_bytes = 2 << 20;
    small = running();
    before = machine_state_hash(small);
    cr_assert_not(load(small, file));
    cr_assert(strstr(err, "1 MiB") && strstr(err, "has 2") && strstr(err, "--load"), "%s", err);
    cr_assert_eq(machine_state_hash(small), before);
    machine_free(small);
    config.mem_bytes = BARE_RAM;
    config.cpu = "486";
    small = running();
    cr_assert_not(load(small, file));
    cr_assert(strstr(err, "pentium3") && strstr(err, "486"), "%s", err);
    machine_free(small);
}

Test(snapshot, what_is_no_snapshot_is_refused)
{
    struct machine *m = running();

    write_file(file, "", 0);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "no snapshot"), "%s", err);
    write_file(file, "GIF89a and so on, for more than thirty-two bytes", 48);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "no snapshot"), "%s", err);
    cr_assert_not(load(m, dir));
    cr_assert(strstr(err, "plain file"), "%s", err);
    cr_assert_not(load(m, "/nonexistent/x"));
    cr_assert(strstr(err, "No such file"), "%s", err);
    machine_free(m);
}

/* Change bytes of a section's header and make its checksum fit. */
static void patch_section(const char *name, unsigned at, u8 value)
{
    size_t len;
    u8 *data = slurp_file(file, &len);
    u64 pos = HEADER;

    while (strcmp((char *)data + pos, name))
        pos += SECTION + get_le64(data + pos + 40);
    data[pos + at] = value;
    put_le32(data + pos + 60, crc32_of(0, data + pos, 60));
    write_file(file, data, len);
    free(data);
}

Test(snapshot, unknown_versions_are_refused_by_name)
{
    struct machine *m = running();

    save(m, file);
    patch_section("disks", 24, 9);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "'disks' has version 9") && strstr(err, "knows 1"), "%s", err);
    save(m, file);
    patch_section("machine", 32, 9);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "'machine'") && strstr(err, "method 9"), "%s", err);
    save(m, file);
    patch_section("memory", 0, 'M');
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "'Memory' is unknown"), "%s", err);
    save(m, file);
    patch_section("pages", 48 + 6, 1); /* 2^48 bytes when uncompressed */
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "'pages' is too long"), "%s", err);
    machine_free(m);
}

Test(snapshot, later_format_is_refused)
{
    struct machine *m = running();
    size_t len;
    u8 *data;

    save(m, file);
    data = slurp_file(file, &len);
    put_le32(data + 8, 2);
    put_le32(data + 28, crc32_of(0, data, 28));
    write_file(file, data, len);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "format 2"), "%s", err);
    free(data);
    machine_free(m);
}

Test(snapshot, cut_anywhere_is_refused)
{
    struct machine *m = running();
    size_t len;
    u8 *data;
    u64 before;

    save(m, file);
    machine_run(m, 5 * MS);
    before = machine_state_hash(m);
    data = slurp_file(file, &len);
    for (size_t n = 0; n < len; n += n < 2000 ? 1 : 97) {
        write_file(other, data, n);
        cr_assert_not(load(m, other), "%zu of %zu bytes", n, len);
    }
    data = realloc(data, len + 1);
    data[len] = 0;
    write_file(other, data, len + 1);
    cr_assert_not(load(m, other));
    cr_assert_eq(machine_state_hash(m), before);
    free(data);
    machine_free(m);
}

static u64 next_random(u64 *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

Test(snapshot, ten_thousand_flipped_bits_are_refused_or_change_nothing)
{
    struct machine *m = running();
    u64 x = 0x9E3779B97F4A7C15ull, then, before;
    size_t len;
    u8 *data;
    int fd;

    save(m, file);
    then = machine_state_hash(m);
    machine_run(m, 5 * MS);
    before = machine_state_hash(m);
    data = slurp_file(file, &len);
    fd = open(file, O_RDWR);
    for (unsigned i = 0; i < 10000; i++) {
        /* Headers are few bytes of many: every second flip is in one of the first 4 KiB. */
        size_t at = next_random(&x) % (i & 1 ? len : min_u64(len, 4096));
        u8 byte = (u8)(data[at] ^ 1 << (next_random(&x) & 7));

        cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
        err[0] = 0;
        if (load(m, file)) {
            cr_assert_eq(machine_state_hash(m), then, "byte %zu", at);
            machine_run(m, 5 * MS);
        }
        cr_assert(i % 100 || machine_state_hash(m) == before, "byte %zu", at);
        cr_assert_eq(pwrite(fd, &data[at], 1, (off_t)at), 1);
    }
    close(fd);
    cr_assert(load(m, file), "%s", err);
    free(data);
    machine_free(m);
}

Test(snapshot, harm_under_right_checksums_is_refused_or_loaded_whole)
{
    struct machine *m = running();
    u64 x = 0xADF85458A2BB4A9Bull;
    unsigned refused = 0;

    save(m, file);
    for (unsigned i = 0; i < 1500; i++) {
        u64 before = machine_state_hash(m);
        u8 changes[6];

        for (unsigned n = 0; n < sizeof changes; n++)
            changes[n] = (u8)(next_random(&x) >> 20);
        snapdamage_rewrite(file, other, changes, sizeof changes);
        err[0] = 0;
        if (load(m, other)) {
            machine_run(m, machine_now_ns(m) + 10000);
            continue;
        }
        refused++;
        cr_assert_gt(strlen(err), 10);
        cr_assert_eq(machine_state_hash(m), before, "%s", err);
    }
    cr_assert_gt(refused, 300);
    machine_free(m);
}

Test(snapshot, past_of_rewind_is_no_moment_to_save_or_load)
{
    struct machine *m = running();

    save(m, file);
    cr_assert(machine_rewind_start(m, 64 << 20, err, sizeof err), "%s", err);
    for (unsigned i = 0; i < 20; i++)
        machine_run(m, machine_now_ns(m) + 50 * MS);
    cr_assert(rewind_to_time(machine_rewind(m), 500 * MS, err, sizeof err), "%s", err);
    cr_assert(rewind_is_past(machine_rewind(m)));
    cr_assert_not(snapshot_save(m, other, err, sizeof err));
    cr_assert(strstr(err, "past"), "%s", err);
    cr_assert_not(load(m, file));
    cr_assert(strstr(err, "past"), "%s", err);
    cr_assert(rewind_to_present(machine_rewind(m), err, sizeof err), "%s", err);
    cr_assert(load(m, file), "%s", err);
    machine_run(m, machine_now_ns(m) + 50 * MS);
    machine_free(m);
}

/* ---- Files ---- */

Test(snapshot, place_that_cannot_be_written_is_named)
{
    struct machine *m = running();

    cr_assert_not(snapshot_save(m, "/nonexistent/x.snap", err, sizeof err));
    cr_assert(strstr(err, "/nonexistent/x.snap"), "%s", err);
    cr_assert_not(snapshot_save(m, "/dev/null", err, sizeof err));
    cr_assert(strstr(err, "plain file"), "%s", err);
    machine_free(m);
}

Test(snapshot, full_disk_leaves_the_old_file)
{
    struct machine *m = running();
    u64 then = machine_state_hash(m);
    struct stat st;
    char part[160];

    save(m, file);
    machine_run(m, 5 * MS);
    if (!access("/dev/full", W_OK)) {
        snprintf(part, sizeof part, "%s.part", file);
        cr_assert_eq(symlink("/dev/full", part), 0);
        cr_assert_not(snapshot_save(m, file, err, sizeof err), "the link is not followed");
        unlink(part);
    }
    cr_assert(load(m, file), "%s", err);
    cr_assert_eq(machine_state_hash(m), then);
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600, "what a machine holds is its user's alone");
    machine_free(m);
}

Test(snapshot, two_savers_of_one_file_do_not_mix)
{
    struct newfile *a = newfile_create(file, err, sizeof err);

    cr_assert(a, "%s", err);
    cr_assert_null(newfile_create(file, err, sizeof err));
    cr_assert(strstr(err, "another program"), "%s", err);
    newfile_abandon(a);
}

/* A child saves over and over, state after state, and is killed somewhere. */
static void save_until_killed(void)
{
    struct machine *m = running();
    char why[400];

    for (;;) {
        if (!snapshot_save(m, file, why, sizeof why))
            _exit(1);
        machine_run(m, machine_now_ns(m) + MS);
    }
}

Test(snapshot, saver_killed_at_100_random_moments_leaves_a_whole_file)
{
    struct machine *m = running();
    u64 x = 77;

    save(m, file);
    for (unsigned i = 0; i < 100; i++) {
        pid_t pid = fork();
        int status;

        if (!pid)
            save_until_killed();
        usleep((useconds_t)(10000 + next_random(&x) % 40000));
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status), "it failed before it was killed");
        cr_assert(load(m, file), "after %u kills: %s", i, err);
    }
    machine_free(m);
}
