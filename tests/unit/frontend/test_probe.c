/* What files are taken for. Layouts: the sources named in frontend/probe.c. */
#include "frontend/probe.h"

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static u8 bytes[PROBE_BYTES];
static struct probe probe;

static void setup(void)
{
    memset(bytes, 0, sizeof bytes);
}

TestSuite(probe, .init = setup, .timeout = 60);

static void expect(u64 size, enum probe_kind kind, const char *part)
{
    probe_bytes(bytes, size < sizeof bytes ? (size_t)size : sizeof bytes, size, &probe);
    cr_assert_eq(probe.kind, kind, "kind %d: %s", probe.kind, probe.why);
    cr_assert(strstr(probe.why, part), "'%s' does not say '%s'", probe.why, part);
}

static void boot_signature(void)
{
    put_le16(bytes + 510, 0xAA55);
}

static void partition(unsigned n, u8 flag, u8 type, u32 start, u32 count)
{
    u8 *p = bytes + 0x1BE + n * 16;

    p[0] = flag;
    p[4] = type;
    put_le32(p + 8, start);
    put_le32(p + 12, count);
}

Test(probe, floppy_sizes)
{
    static const u32 kib[] = {160, 180, 320, 360, 720, 1200, 1440, 2880};
    unsigned i;

    boot_signature();
    for (i = 0; i < ARRAY_LEN(kib); i++)
        expect((u64)kib[i] << 10, PROBE_FLOPPY, "with a boot sector");
    setup();
    expect(1440 << 10, PROBE_FLOPPY, "(its size is 1440K, empty)");
}

/* Games of a few sectors are handed around without the rest of the disk. */
Test(probe, a_short_boot_sector_image_is_a_floppy)
{
    boot_signature();
    expect(8704, PROBE_FLOPPY, "8704 bytes");
    expect(512, PROBE_FLOPPY, "512 bytes");
}

Test(probe, a_partition_table_makes_a_hard_disk)
{
    boot_signature();
    partition(0, 0x80, 6, 63, 40257);
    expect(40320 * 512, PROBE_DISK, "partition table, 19 MiB");
    /* One that points behind the image is no table. */
    partition(0, 0x80, 6, 99999, 40257);
    expect(40320 * 512, PROBE_DISK, "boot sector");
    partition(0, 0x33, 6, 63, 40257);
    expect(40320 * 512, PROBE_DISK, "boot sector");
}

Test(probe, a_hard_disk_may_be_fat_or_empty)
{
    expect(32 << 20, PROBE_DISK, "an empty hard disk (32 MiB)");
    boot_signature();
    bytes[0] = 0xEB;
    put_le16(bytes + 11, 512);
    bytes[13] = 4;
    bytes[16] = 2;
    bytes[21] = 0xF8;
    expect(32 << 20, PROBE_DISK, "FAT without partitions");
}

Test(probe, cds)
{
    memcpy(bytes + 32769, "CD001", 5);
    expect(300 << 20, PROBE_CD, "ISO 9660");
    boot_signature();
    partition(0, 0x80, 0x17, 1, 1000); /* isohybrid */
    expect(300 << 20, PROBE_CD, "ISO 9660");
    memcpy(bytes + 32769, "BEA01", 5);
    expect(300 << 20, PROBE_CD, "UDF");
}

/* The byte behind the file's end says nothing. */
Test(probe, a_linux_header_cut_short_is_none)
{
    u8 *file = malloc(0x211);

    boot_signature();
    memcpy(bytes + 0x202, "HdrS", 4);
    put_le16(bytes + 0x206, 0x20F);
    bytes[0x211] = 1;
    memcpy(file, bytes, 0x211);
    probe_bytes(file, 0x211, 0x211, &probe);
    cr_assert_neq(probe.kind, PROBE_LINUX);
    free(file);
    expect(0x212, PROBE_LINUX, "boot protocol 2.15");
}

Test(probe, linux_kernels)
{
    boot_signature();
    memcpy(bytes + 0x202, "HdrS", 4);
    put_le16(bytes + 0x206, 0x20F);
    bytes[0x211] = 1;
    memcpy(bytes, "MZ", 2); /* an EFI stub */
    expect(8 << 20, PROBE_LINUX, "boot protocol 2.15");
    expect(1440 << 10, PROBE_LINUX, "bzImage"); /* whatever its size */
    bytes[0x211] = 0;
    expect(1 << 19, PROBE_REFUSED, "bzImage");
}

static void elf(u8 class, u16 machine)
{
    memcpy(bytes, "\177ELF", 4);
    bytes[4] = class;
    bytes[5] = 1;
    put_le16(bytes + 18, machine);
}

static void multiboot(u32 at, u32 flags)
{
    put_le32(bytes + at, 0x1BADB002);
    put_le32(bytes + at + 4, flags);
    put_le32(bytes + at + 8, 0u - 0x1BADB002u - flags);
}

Test(probe, multiboot_kernels)
{
    elf(1, 3);
    multiboot(0x1000, 3);
    expect(100000, PROBE_MULTIBOOT, "ELF");
    multiboot(0x1000, 3);
    put_le32(bytes + 0x1008, 0);
    expect(100000, PROBE_REFUSED, "without a multiboot header");
    setup();
    multiboot(64, 1 << 16);
    expect(100000, PROBE_MULTIBOOT, "flat");
    boot_signature();
    expect(100000, PROBE_FLOPPY, "boot sector");
}

Test(probe, other_programs_are_refused_with_remedy)
{
    elf(2, 62);
    expect(20 << 20, PROBE_REFUSED, "bzImage");
    put_le32(bytes + 64, 0xE85250D6);
    put_le32(bytes + 72, 24);
    put_le32(bytes + 76, 0u - 0xE85250D6u - 24u);
    expect(20 << 20, PROBE_REFUSED, "grub-mkrescue");
}

Test(probe, other_image_formats_are_never_taken_for_raw_ones)
{
    static const struct {
        const char *mark;
        unsigned at;
        const char *part;
    } t[] = {
        {"QFI\xFB", 0, "qemu-img convert"},
        {"KDMV", 0, "qemu-img convert"},
        {"# Disk DescriptorFile", 0, "VMDK"},
        {"\x7F\x10\xDA\xBE", 64, "VirtualBox"},
        {"conectix", 0, "VHD"},
        {"vhdxfile", 0, "VHDX"},
        {"WithoutFreeSpace", 0, "Parallels"},
        {"IMD ", 0, "ImageDisk"},
        {"HXCPICFE", 0, "flux"},
        {"PK\3\4", 0, "unpack"},
        {"7z\xBC\xAF\x27\x1C", 0, "unpack"},
        {"Rar!", 0, "unpack"},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        setup();
        boot_signature();
        memcpy(bytes + t[i].at, t[i].mark, strlen(t[i].mark));
        expect(1440 << 10, PROBE_REFUSED, t[i].part);
        expect(100 << 20, PROBE_REFUSED, t[i].part);
    }
    setup();
    memset(bytes + 1, 0xFF, 10);
    expect(700 << 20, PROBE_REFUSED, "2352");
}

Test(probe, compressed_files_and_cpio_are_archives)
{
    memcpy(bytes, "\x1F\x8B\x08", 3);
    expect(5 << 20, PROBE_ARCHIVE, "gzip");
    memcpy(bytes, "070701", 6);
    expect(5 << 20, PROBE_ARCHIVE, "cpio");
    memcpy(bytes,
           "\xFD"
           "7zXZ\0",
           6);
    expect(5 << 20, PROBE_ARCHIVE, "xz");
}

/* A letter or a photograph must not be opened for writing as a disk. */
Test(probe, what_is_nothing_is_refused)
{
    memset(bytes, 'x', sizeof bytes);
    expect(1000, PROBE_REFUSED, "--hda");
    expect(10 << 20, PROBE_REFUSED, "--hda");
    setup();
    expect(0, PROBE_REFUSED, "empty");
    expect(1000, PROBE_REFUSED, "--fda");
}

Test(probe, files_that_cannot_be_read_say_why)
{
    char dir[] = "/tmp/test_probe.XXXXXX";

    probe_file("/nonexistent/x", &probe);
    cr_assert_eq(probe.kind, PROBE_REFUSED);
    cr_assert(strstr(probe.why, "no such file; check the name"), "%s", probe.why);
    cr_assert_not_null(mkdtemp(dir));
    probe_file(dir, &probe);
    cr_assert_eq(probe.kind, PROBE_REFUSED);
    cr_assert(strstr(probe.why, "folder"), "%s", probe.why);
    rmdir(dir);
    probe_file("/dev/null", &probe);
    cr_assert_eq(probe.kind, PROBE_REFUSED);
}
