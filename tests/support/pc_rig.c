#define _GNU_SOURCE /* memfd_create */
#include "tests/support/pc_rig.h"

#include "base/bytes.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROM_BYTES = 8 << 10, RUN_NS = 10 * 1000000, HEX_MAX = 2048 };

/* xor ax, ax; mov ss, ax; mov ds, ax; mov es, ax; mov sp, 7C00h; jmp 0:7C00h */
static const u8 entry[] = {0x31, 0xC0, 0x8E, 0xD0, 0x8E, 0xD8, 0x8E, 0xC0,
                           0xBC, 0x00, 0x7C, 0xEA, 0x00, 0x7C, 0x00, 0x00};
static const u8 reset[] = {0xEA, 0x10, 0xE0, 0x00, 0xF0}; /* jmp F000:E010, 10h into the ROM */
static const u8 video[] = {0x55, 0xAA, 1, 0xCB};          /* the same file is the video BIOS */

static void quiet(void *opaque, enum log_level level, const char *line)
{
}

static int rom_file(void)
{
    static u8 rom[ROM_BYTES];
    int fd = memfd_create("rom", MFD_CLOEXEC);

    memset(rom, 0xF4, sizeof rom);
    memcpy(rom, video, sizeof video);
    memcpy(rom + 16, entry, sizeof entry);
    memcpy(rom + ROM_BYTES - 16, reset, sizeof reset);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, rom, sizeof rom), (ssize_t)sizeof rom);
    return fd;
}

void pc_rig_put(struct pc_rig *rig, u64 gpa, const char *hex)
{
    u8 bytes[HEX_MAX];
    size_t n = 0;
    char *end;

    for (; *hex; hex = end) {
        unsigned long byte = strtoul(hex, &end, 16);

        if (end == hex)
            break;
        cr_assert(n < sizeof bytes && byte < 256);
        bytes[n++] = (u8)byte;
    }
    cr_assert_eq(machine_write_physical(rig->machine, gpa, bytes, n), n);
}

void pc_rig_setup(struct pc_rig *rig, const char *engine, const char *hex)
{
    u8 vectors[256 * 4];
    char rom[64], err[400] = "";
    struct machine_config config = {
        .mem_bytes = PC_RIG_RAM,
        .cpu = "pentium3",
        .engine = engine,
        .boot = "a",
        .bios = rom,
        .vgabios = rom,
        .discard = true,
        .deterministic = true,
        .speed_max = true,
    };

    *rig = (struct pc_rig){.log = log_new(quiet, NULL), .rom_fd = rom_file()};
    snprintf(rom, sizeof rom, "/proc/self/fd/%d", rig->rom_fd);
    config.log = rig->log;
    rig->machine = machine_new(&config, err, sizeof err);
    cr_assert(rig->machine, "%s", err);
    rig->cpu = machine_cpu(rig->machine, 0);
    for (unsigned i = 0; i < 256; i++)
        put_le32(vectors + 4 * i, PC_RIG_IRET);
    machine_write_physical(rig->machine, 0, vectors, sizeof vectors);
    pc_rig_put(rig, PC_RIG_IRET, "CF");
    pc_rig_put(rig, PC_RIG_CODE, hex);
}

void pc_rig_teardown(struct pc_rig *rig)
{
    machine_free(rig->machine);
    log_free(rig->log);
    close(rig->rom_fd);
}

enum machine_stop pc_rig_run(struct pc_rig *rig)
{
    return machine_run(rig->machine, machine_now_ns(rig->machine) + RUN_NS);
}
