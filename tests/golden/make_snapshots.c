/*
 * Makes the snapshots and the recording of this folder: `make golden VERSION=...`. What a release
 * made stays here, and every later build must load and play it (tests/unit/board/test_golden.c).
 *
 *     make_snapshots FOLDER VERSION
 *
 * machine.snap   a processor that counts through memory from 2000h to 6000h, without disks
 * disk.snap      the same with disk.img as its hard disk, of which sector 3 was overwritten later;
 *                what it held is in disk.snap.disks
 * machine.rec    the machine of machine.snap, recorded for a quarter of a second with some keys
 *                and a point
 */
#include "devices/board/board.h"
#include "devices/board/snapshot.h"
#include "tests/fuzz/bare_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTORS = 32, SECTOR = 512 };

static char path[4096], err[600];

static const char *in(char **argv, const char *name)
{
    snprintf(path, sizeof path, "%s/%s-%s", argv[1], argv[2], name);
    return path;
}

static struct machine *start(const struct machine_config *config)
{
    struct machine *m = machine_new(config, err, sizeof err);

    if (!m) {
        fprintf(stderr, "%s\n", err);
        exit(1);
    }
    bare_machine_count(m);
    machine_run(m, 3000000);
    return m;
}

static void save(struct machine *m, const char *file)
{
    if (!snapshot_save(m, file, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        exit(1);
    }
}

static void record(struct machine *m, const char *file)
{
    bool good;

    machine_record_points(m, 100000000);
    good = machine_record_start(m, file, err, sizeof err);
    for (unsigned i = 0; good && i < 10; i++) {
        machine_run(m, machine_now_ns(m) + 25000000);
        machine_key(m, 0x1E, i & 1);
    }
    if (good && machine_record_stop(m, err, sizeof err))
        return;
    fprintf(stderr, "%s\n", err);
    exit(1);
}

static void make_image(const char *file)
{
    FILE *f = fopen(file, "wb");

    for (unsigned i = 0; f && i < SECTORS * SECTOR; i++)
        fputc((int)(i / SECTOR + 1), f);
    if (!f || fclose(f))
        exit(1);
}

int main(int argc, char **argv)
{
    struct machine_config config;
    u8 data[SECTOR];
    struct machine *m;

    if (argc != 3)
        return 64;
    bare_machine_config(&config);
    m = start(&config);
    save(m, in(argv, "machine.snap"));
    record(m, in(argv, "machine.rec"));
    machine_free(m);
    make_image(in(argv, "disk.img"));
    config.drive[DRIVE_HDA] = strdup(path);
    config.discard = false;
    m = start(&config);
    save(m, in(argv, "disk.snap"));
    memset(data, 0xEE, sizeof data);
    if (blk_write(machine_board(m)->drive[DRIVE_HDA].blk, 3, 1, data))
        return 1;
    return machine_free(m) != 0;
}
