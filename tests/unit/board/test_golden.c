/* Snapshots and recordings of earlier versions (tests/golden): every later build takes them. */
#include "devices/board/snapshot.h"

#include "base/bytes.h"
#include "base/log.h"
#include "devices/board/machine.h"
#include "devices/board/replay.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTERS = 0x2000, SECTOR = 512 };

static char dir[64], err[600];

static void setup(void)
{
    char command[128];

    strcpy(dir, "/tmp/test_golden.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(command, sizeof command, "cp tests/golden/*-* '%s'", dir);
    cr_assert_eq(system(command), 0, "tests run in the project's folder");
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(golden, .init = setup, .fini = teardown, .timeout = 60);

static u32 counter(struct machine *m)
{
    u8 b[2];

    machine_read_physical(m, COUNTERS, b, sizeof b);
    return get_le16(b);
}

/* Load it, as a hard disk has it that lies elsewhere now, and let it go on. */
static void check(const char *snapshot, const char *image)
{
    struct snapshot *s = snapshot_open(snapshot, err, sizeof err);
    struct machine_config config;
    struct machine *m;
    u32 then;

    cr_assert(s, "%s", err);
    bare_machine_config(&config);
    if (image) {
        cr_assert(snapshot_move_image(s, DRIVE_HDA, image));
        config.drive[DRIVE_HDA] = image;
        config.discard = false;
    }
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
    cr_assert(snapshot_load(s, m, err, sizeof err), "%s", err);
    cr_assert_geq(machine_now_ns(m), 3000000);
    then = counter(m);
    cr_assert_gt(then, 1);
    machine_run(m, machine_now_ns(m) + 3000000);
    cr_assert_gt(counter(m), then);
    snapshot_close(s);
    machine_free(m);
}

static void check_version(const char *version)
{
    char snapshot[300], image[300];
    FILE *f;

    snprintf(snapshot, sizeof snapshot, "%s/%s-machine.snap", dir, version);
    check(snapshot, NULL);
    snprintf(snapshot, sizeof snapshot, "%s/%s-disk.snap", dir, version);
    snprintf(image, sizeof image, "%s/%s-disk.img", dir, version);
    check(snapshot, image);
    f = fopen(image, "rb");
    fseek(f, 3 * SECTOR, SEEK_SET);
    cr_assert_eq(fgetc(f), 4, "the disk goes back too");
    fclose(f);
}

/*
 * What comes later in it is compared with the state as this build saves it, and need not be alike
 * for ever; but the start is there, and the inputs are.
 */
static void play(const char *recording, const char *where)
{
    struct log *log = log_new(NULL, NULL);
    struct replay *r = replay_open(recording, log, err, sizeof err);
    struct machine_config config, bare;
    struct machine *m;
    u32 then;

    cr_assert(r, "%s", err);
    cr_assert(replay_begin_at(r, where, err, sizeof err), "%s", err);
    config = *replay_config(r);
    bare_machine_config(&bare);
    config.bios = bare.bios;
    config.vgabios = bare.vgabios;
    config.engine = bare.engine;
    config.log = log;
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
    cr_assert(replay_start(r, m, err, sizeof err), "%s", err);
    then = counter(m);
    cr_assert_gt(then, 1);
    machine_run(m, machine_now_ns(m) + 20000000);
    cr_assert_gt(counter(m), then);
    replay_free(r);
    machine_free(m);
    log_free(log);
}

Test(golden, recordings_of_all_versions_are_played)
{
    char path[300];

    snprintf(path, sizeof path, "%s/0.1-machine.rec", dir); /* the first format, without points */
    play(path, "#0");
    snprintf(path, sizeof path, "%s/0.1b-machine.rec", dir);
    play(path, "#0");
    play(path, "#1");
    snprintf(path, sizeof path, "%s/0.1c-machine.rec", dir); /* with rules for undefined flags */
    play(path, "#0");
    play(path, "#1");
}

Test(golden, snapshots_of_all_versions_are_loaded_and_go_on)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned versions = 0;

    while ((e = readdir(d))) {
        char *end = strstr(e->d_name, "-machine.snap");

        if (!end || strcmp(end, "-machine.snap"))
            continue;
        *end = 0;
#ifndef HAVE_ZSTD
        if (!strstr(e->d_name, "zlib"))
            continue;
#endif
        check_version(e->d_name);
        versions++;
    }
    closedir(d);
    cr_assert_gt(versions, 0);
}
