#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/bare_machine.h"

#include "base/bytes.h"
#include "base/log.h"
#include "devices/board/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BIOS_BYTES = 8 << 10, VGABIOS_BYTES = 512, IRET_AT = 0xD80, GDT_AT = 0xE00 };

/* fa 31 c0 ...: flat FS, stack, A20, interrupts on. */
static const u8 prologue[] = {
    0xFA,                               /* cli */
    0x31, 0xC0,                         /* xor ax, ax */
    0x8E, 0xD8,                         /* mov ds, ax */
    0x8E, 0xD0,                         /* mov ss, ax */
    0xBC, 0x00, 0x0D,                   /* mov sp, 0D00h */
    0x66, 0x0F, 0x01, 0x16, 0x00, 0x0E, /* lgdt [0E00h] */
    0x0F, 0x20, 0xC0,                   /* mov eax, cr0 */
    0x0C, 0x01,                         /* or al, 1 */
    0x0F, 0x22, 0xC0,                   /* mov cr0, eax */
    0xBB, 0x08, 0x00,                   /* mov bx, 8 */
    0x8E, 0xE3,                         /* mov fs, bx */
    0x24, 0xFE,                         /* and al, 0FEh */
    0x0F, 0x22, 0xC0,                   /* mov cr0, eax */
    0xE4, 0x92,                         /* in al, 92h */
    0x0C, 0x02,                         /* or al, 2 */
    0xE6, 0x92,                         /* out 92h, al */
    0xFB,                               /* sti */
};

static void quiet(void *opaque, enum log_level level, const char *line)
{
}

/* A file in memory with these bytes, for as long as we run. */
static const char *memory_file(const u8 *bytes, size_t len)
{
    char path[64];
    int fd = memfd_create("rom", 0);

    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return strdup(path);
}

static const char *bios_file(void)
{
    static u8 rom[BIOS_BYTES];
    static const u8 start[] = {0xEA, BARE_CODE & 0xFF, BARE_CODE >> 8, 0, 0}; /* jmp 0:BARE_CODE */

    memset(rom, 0xF4, sizeof rom);
    memcpy(rom + BIOS_BYTES - 16, start, sizeof start);
    return memory_file(rom, sizeof rom);
}

static const char *vgabios_file(void)
{
    static u8 rom[VGABIOS_BYTES] = {0x55, 0xAA, 1, 0xCB};

    return memory_file(rom, sizeof rom);
}

void bare_machine_config(struct machine_config *out)
{
    static const char *bios, *vgabios;
    static struct log *log;

    *out = (struct machine_config){
        .mem_bytes = BARE_RAM,
        .cpu = "pentium3",
        .engine = "interp",
        .drive_is_cd = {[DRIVE_HDC] = true},
        .boot = "a",
        .discard = true,
        .deterministic = true,
        .speed_max = true,
        .reset_on_triple_fault = true,
    };

    if (!bios) {
        bios = bios_file();
        vgabios = vgabios_file();
        log = log_new(quiet, NULL);
    }
    out->bios = bios;
    out->vgabios = vgabios;
    out->log = log;
}

struct machine *bare_machine_new(const char *kernel, char *err, size_t err_size)
{
    return bare_machine_new_cpu("pentium3", kernel, err, err_size);
}

struct machine *bare_machine_new_cpu(const char *cpu, const char *kernel, char *err,
                                     size_t err_size)
{
    struct machine_config config;

    bare_machine_config(&config);
    config.cpu = cpu;
    config.kernel = kernel;
    return machine_new(&config, err, err_size);
}

u32 bare_machine_prepare(struct machine *m)
{
    u8 vectors[256 * 4], gdt[24] = {0};
    unsigned i;

    for (i = 0; i < 256; i++)
        put_le32(vectors + 4 * i, IRET_AT);
    machine_write_physical(m, 0, vectors, sizeof vectors);
    machine_write_physical(m, IRET_AT, "\xCF", 1);
    put_le16(gdt, 15); /* the table is at GDT_AT + 8: null, then flat data */
    put_le32(gdt + 2, GDT_AT + 8);
    put_le64(gdt + 16, 0x00CF93000000FFFF);
    machine_write_physical(m, GDT_AT, gdt, sizeof gdt);
    machine_write_physical(m, BARE_CODE, prologue, sizeof prologue);
    return BARE_CODE + sizeof prologue;
}

void bare_machine_count(struct machine *m)
{
    static const u8 code[] = {
        0xBF, 0x00, 0x20,       /* mov di, 2000h */
        0xFF, 0x05,             /* inc word [di] */
        0x83, 0xC7, 0x02,       /* add di, 2 */
        0x81, 0xFF, 0x00, 0x60, /* cmp di, 6000h */
        0x75, 0xF5,             /* jne the inc */
        0xEB, 0xF0,             /* jmp the mov */
    };

    machine_write_physical(m, bare_machine_prepare(m), code, sizeof code);
}
