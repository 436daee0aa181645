/*
 * Any bytes as an image: as a floppy, hard disk, CD (opened, its format guessed, read to its end
 * and past it, written in memory), and as a kernel, Linux or multiboot. The first byte chooses.
 */
#define _GNU_SOURCE /* memfd_create */
#include "devices/board/machine.h"
#include "devices/host/blk.h"
#include "devices/storage/ata_geometry.h"
#include "devices/storage/floppy_geometry.h"
#include "frontend/probe.h"
#include "tests/fuzz/bare_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SECTOR = 512 };

static void try_disk(const char *path, u8 choice)
{
    char err[512];
    u8 buf[2 * SECTOR];
    struct ata_geometry geometry;
    struct blk *b = blk_open(path, choice & 8 ? BLK_READ_ONLY : BLK_DISCARD, NULL, err, sizeof err);
    u64 n;

    if (!b)
        return;
    n = blk_sectors(b);
    floppy_geometry(n);
    if (n && !blk_read(b, 0, 1, buf))
        ata_geometry(n, buf, &geometry);
    if (n && blk_read(b, n - 1, 2, buf))
        abort();
    blk_write(b, n / 2, 1, buf);
    blk_write(b, n, 1, buf);
    blk_close(b);
}

static void try_kernel(const char *path)
{
    char err[512] = "";
    struct machine *m = bare_machine_new(path, err, sizeof err);

    if (!m && !*err)
        abort();
    machine_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe probe;
    char path[64];
    int fd;

    if (size < 1)
        return 0;
    fd = memfd_create("image", 0);
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    probe_file(path, &probe);
    if (!memchr(probe.why, 0, sizeof probe.why))
        abort();
    if (data[0] & 1)
        try_kernel(path);
    else
        try_disk(path, data[0]);
    close(fd);
    return 0;
}
