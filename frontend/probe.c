/*
 * What a file is, by content and size.
 *
 * Sources: Linux, "The Linux/x86 Boot Protocol" (setup header at 1F1h); "Multiboot Specification"
 * 0.6.96, "OS image format"; ECMA-119, "Volume Descriptors" (sector 16, "CD001"); ECMA-167
 * ("BEA01"); Microsoft, "FAT: General Overview of On-Disk Format" (boot sector and its parameter
 * block); IBM PC AT Technical Reference, "Fixed Disk" (partition table at 1BEh, signature 55AAh at
 * 1FEh). The marks of other formats are those that file(1) knows.
 */
#include "frontend/probe.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECTOR_BYTES = 512,
    FLOPPY_MAX_BYTES = 2880 << 10,
    PARTITIONS = 0x1BE,
    BOOT_SIGNATURE = 0x1FE,
    CD_DESCRIPTOR = 16 * 2048,
    MULTIBOOT_SEARCH = 8192,
    MULTIBOOT2_SEARCH = 32768,
    MULTIBOOT_MAGIC = 0x1BADB002,
    MULTIBOOT_AOUT = 1 << 16, /* addresses are in the header: the file need not be ELF */
};
static const u32 MULTIBOOT2_MAGIC = 0xE85250D6;

struct look {
    const u8 *bytes;
    size_t len;
    u64 size;
};

static void answer(struct probe *out, enum probe_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void answer(struct probe *out, enum probe_kind kind, const char *fmt, ...)
{
    va_list args;

    out->kind = kind;
    va_start(args, fmt);
    vsnprintf(out->why, sizeof out->why, fmt, args);
    va_end(args);
}

static bool has(const struct look *l, size_t at, const void *mark, size_t mark_len)
{
    return at + mark_len <= l->len && !memcmp(l->bytes + at, mark, mark_len);
}

static u32 get32(const struct look *l, size_t at)
{
    return at + 4 <= l->len ? get_le32(l->bytes + at) : 0;
}

static u32 get16(const struct look *l, size_t at)
{
    return at + 2 <= l->len ? get_le16(l->bytes + at) : 0;
}

/* Formats that would be ruined, or that cannot start, if taken for something else. */
static const struct {
    const char *mark;
    u8 len;
    u16 at;
    enum probe_kind kind;
    const char *why;
} marks[] = {
    {"QFI\xFB", 4, 0, PROBE_REFUSED,
     "a qcow2 image; convert it: qemu-img convert -O raw OLD.qcow2 NEW.img"},
    {"KDMV", 4, 0, PROBE_REFUSED, "a VMDK image; convert it: qemu-img convert -O raw OLD NEW.img"},
    {"# Disk Descriptor", 17, 0, PROBE_REFUSED,
     "a VMDK description; convert it: qemu-img convert -O raw OLD NEW.img"},
    {"\x7F\x10\xDA\xBE", 4, 0x40, PROBE_REFUSED,
     "a VirtualBox disk; convert it: qemu-img convert -O raw OLD.vdi NEW.img"},
    {"conectix", 8, 0, PROBE_REFUSED,
     "a VHD image; convert it: qemu-img convert -O raw OLD.vhd NEW.img"},
    {"vhdxfile", 8, 0, PROBE_REFUSED,
     "a VHDX image; convert it: qemu-img convert -O raw OLD.vhdx NEW.img"},
    {"QED\0", 4, 0, PROBE_REFUSED,
     "a QED image; convert it: qemu-img convert -O raw OLD.qed NEW.img"},
    {"WithoutFreeSpace", 16, 0, PROBE_REFUSED,
     "a Parallels disk; convert it: qemu-img convert -O raw OLD NEW.img"},
    {"\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00", 12, 0, PROBE_REFUSED,
     "a CD with raw sectors of 2352 bytes; make it an ISO: bchunk OLD.bin OLD.cue NEW"},
    {"CISO", 4, 0, PROBE_REFUSED, "a compressed CD (CSO); unpack it to ISO first"},
    {"IMD ", 4, 0, PROBE_REFUSED, "an ImageDisk floppy; convert it to raw sectors (dskconv, imdu)"},
    {"TD", 3, 0, PROBE_REFUSED, "a Teledisk floppy; convert it to raw sectors (dskconv)"},
    {"td", 3, 0, PROBE_REFUSED, "a Teledisk floppy; convert it to raw sectors (dskconv)"},
    {"HXCPICFE", 8, 0, PROBE_REFUSED, "a HxC floppy of flux; convert it to raw sectors (hxcfe)"},
    {"PK\3\4", 4, 0, PROBE_REFUSED, "a ZIP archive; unpack it and give the image inside"},
    {"7z\xBC\xAF\x27\x1C", 6, 0, PROBE_REFUSED,
     "a 7z archive; unpack it and give the image inside"},
    {"Rar!", 4, 0, PROBE_REFUSED, "a RAR archive; unpack it and give the image inside"},
    {"\x1F\x8B", 2, 0, PROBE_ARCHIVE, "compressed by gzip"},
    {"\xFD"
     "7zXZ",
     6, 0, PROBE_ARCHIVE, "compressed by xz"},
    {"\x28\xB5\x2F\xFD", 4, 0, PROBE_ARCHIVE, "compressed by zstd"},
    {"BZh", 3, 0, PROBE_ARCHIVE, "compressed by bzip2"},
    {"\x5D\x00\x00", 3, 0, PROBE_ARCHIVE, "compressed by lzma"},
    {"\x04\x22\x4D\x18", 4, 0, PROBE_ARCHIVE, "compressed by lz4"},
    {"\x02\x21\x4C\x18", 4, 0, PROBE_ARCHIVE, "compressed by lz4"},
    {"\x89LZO", 4, 0, PROBE_ARCHIVE, "compressed by lzop"},
    {"070701", 6, 0, PROBE_ARCHIVE, "a cpio archive"},
    {"070702", 6, 0, PROBE_ARCHIVE, "a cpio archive"},
};

static bool probe_marks(const struct look *l, struct probe *out)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(marks); i++)
        if (has(l, marks[i].at, marks[i].mark, marks[i].len)) {
            answer(out, marks[i].kind, "%s", marks[i].why);
            return true;
        }
    return false;
}

/* Setup header: "HdrS" at 202h, protocol version at 206h, LOADED_HIGH in loadflags at 211h. */
static bool probe_linux(const struct look *l, struct probe *out)
{
    u32 version;

    if (l->len <= 0x211 || !has(l, 0x202, "HdrS", 4) || get16(l, BOOT_SIGNATURE) != 0xAA55)
        return false;
    version = get16(l, 0x206);
    if (version < 0x200 || !(l->bytes[0x211] & 1))
        answer(out, PROBE_REFUSED, "a Linux zImage, which loads low; give a bzImage");
    else
        answer(out, PROBE_LINUX, "a Linux kernel (bzImage, boot protocol %u.%02u)", version >> 8,
               version & 0xFF);
    return true;
}

static bool find_multiboot(const struct look *l, u32 *flags)
{
    size_t at;

    for (at = 0; at + 12 <= l->len && at < MULTIBOOT_SEARCH; at += 4)
        if (get32(l, at) == MULTIBOOT_MAGIC &&
            get32(l, at) + get32(l, at + 4) + get32(l, at + 8) == 0) {
            *flags = get32(l, at + 4);
            return true;
        }
    return false;
}

static bool has_multiboot2(const struct look *l)
{
    size_t at;

    for (at = 0; at + 16 <= l->len && at < MULTIBOOT2_SEARCH; at += 8)
        if (get32(l, at) == MULTIBOOT2_MAGIC &&
            get32(l, at) + get32(l, at + 4) + get32(l, at + 8) + get32(l, at + 12) == 0)
            return true;
    return false;
}

static bool is_elf32_i386(const struct look *l)
{
    enum { CLASS32 = 1, LITTLE = 1, EM_386 = 3 };

    return l->len >= 52 && l->bytes[4] == CLASS32 && l->bytes[5] == LITTLE &&
           get16(l, 18) == EM_386;
}

static bool probe_program(const struct look *l, struct probe *out)
{
    bool elf = has(l, 0,
                   "\x7F"
                   "ELF",
                   4),
         flat;
    u32 flags = 0;
    bool found = find_multiboot(l, &flags);

    /* Loaders on disks may carry such headers as well: a boot sector says that this is a disk. */
    flat = (flags & MULTIBOOT_AOUT) && get16(l, BOOT_SIGNATURE) != 0xAA55;
    if (found && ((elf && is_elf32_i386(l)) || (!elf && flat)))
        answer(out, PROBE_MULTIBOOT, "a multiboot kernel (%s)", elf ? "ELF" : "flat binary");
    else if (elf && has_multiboot2(l))
        answer(out, PROBE_REFUSED, "a multiboot 2 kernel; put it on a CD with grub-mkrescue");
    else if (elf)
        answer(out, PROBE_REFUSED,
               "an ELF program without a multiboot header; of Linux give the bzImage "
               "(arch/x86/boot/bzImage)");
    else
        return false;
    return true;
}

static bool probe_cd(const struct look *l, struct probe *out)
{
    if (has(l, CD_DESCRIPTOR + 1, "CD001", 5))
        answer(out, PROBE_CD, "a CD (ISO 9660)");
    else if (has(l, CD_DESCRIPTOR + 1, "BEA01", 5))
        answer(out, PROBE_CD, "a CD (UDF)");
    else
        return false;
    return true;
}

/* Entries with a boot flag of 0 or 80h and sectors that lie in the file; at least one in use. */
static bool has_partitions(const struct look *l)
{
    u64 sectors = (l->size + SECTOR_BYTES - 1) / SECTOR_BYTES;
    unsigned i, used = 0;
    size_t at;

    for (i = 0; i < 4; i++) {
        at = PARTITIONS + i * 16;
        if (l->bytes[at] & 0x7F)
            return false;
        if (!l->bytes[at + 4])
            continue;
        if (!get32(l, at + 8) || get32(l, at + 8) >= sectors || !get32(l, at + 12))
            return false;
        used++;
    }
    return used > 0;
}

/* A FAT parameter block whose figures can be true. */
static bool has_fat(const struct look *l)
{
    u32 per_cluster = l->bytes[13], fats = l->bytes[16];

    return (l->bytes[0] == 0xEB || l->bytes[0] == 0xE9) && get16(l, 11) == SECTOR_BYTES &&
           per_cluster && !(per_cluster & (per_cluster - 1)) && (fats == 1 || fats == 2) &&
           (l->bytes[21] >= 0xF0);
}

static bool is_blank(const struct look *l)
{
    size_t i;

    for (i = 0; i < l->len; i++)
        if (l->bytes[i])
            return false;
    return true;
}

/* Sizes of the formats that PCs shipped with and of Microsoft's DMF, in KiB. */
static bool is_floppy_size(u64 size)
{
    static const u16 kib[] = {160, 180, 320, 360, 640, 720, 1200, 1440, 1680, 1722, 2880};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(kib); i++)
        if (size == (u64)kib[i] << 10)
            return true;
    return false;
}

/* Sectors: of a floppy, a hard disk, or nothing that says so. */
static void probe_sectors(const struct look *l, struct probe *out)
{
    bool boot = l->len >= SECTOR_BYTES && get16(l, BOOT_SIGNATURE) == 0xAA55;
    bool whole = l->size % SECTOR_BYTES == 0, blank = is_blank(l);
    unsigned kib = (unsigned)(l->size >> 10);

    if (is_floppy_size(l->size))
        answer(out, PROBE_FLOPPY, "a floppy (its size is %uK%s)", kib,
               boot    ? ", with a boot sector"
               : blank ? ", empty"
                       : "");
    else if (boot && has_partitions(l))
        answer(out, PROBE_DISK, "a hard disk (partition table, %u MiB)", kib >> 10);
    else if (boot && l->size < FLOPPY_MAX_BYTES)
        answer(out, PROBE_FLOPPY, "a floppy (boot sector, %u bytes)", (unsigned)l->size);
    else if (boot && whole && has_fat(l))
        answer(out, PROBE_DISK, "a hard disk (FAT without partitions, %u MiB)", kib >> 10);
    else if (boot && whole)
        answer(out, PROBE_DISK, "a hard disk (boot sector, %u MiB)", kib >> 10);
    else if (blank && whole && l->size > FLOPPY_MAX_BYTES)
        answer(out, PROBE_DISK, "an empty hard disk (%u MiB)", kib >> 10);
    else
        answer(out, PROBE_REFUSED,
               "neither boot sector nor any known format; if it is an image, say of what: --fda, "
               "--hda or --cdrom");
}

void probe_bytes(const u8 *bytes, size_t len, u64 size, struct probe *out)
{
    struct look l = {bytes, len, size};

    if (!len)
        answer(out, PROBE_REFUSED, "empty");
    else if (!probe_linux(&l, out) && !probe_program(&l, out) && !probe_cd(&l, out) &&
             !probe_marks(&l, out))
        probe_sectors(&l, out);
}

/* The first bytes of a file; the size in *size. */
static ssize_t read_start(const char *path, u8 *bytes, u64 *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n, len = 0;
    off_t end;

    if (fd < 0)
        return -errno;
    while ((n = pread(fd, bytes + len, PROBE_BYTES - (size_t)len, len)) > 0)
        len += n;
    if (n < 0)
        len = -errno;
    end = lseek(fd, 0, SEEK_END); /* also right for block devices */
    *size = end > 0 ? (u64)end : 0;
    close(fd);
    return len;
}

void probe_file(const char *path, struct probe *out)
{
    u8 bytes[PROBE_BYTES];
    struct stat st;
    u64 size = 0;
    ssize_t len;

    if (stat(path, &st)) {
        answer(out, PROBE_REFUSED, "%s",
               errno == ENOENT ? "there is no such file; check the name" : strerror(errno));
        return;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        answer(out, PROBE_REFUSED, "%s",
               S_ISDIR(st.st_mode) ? "a folder; give an image" : "not a file");
        return;
    }
    len = read_start(path, bytes, &size);
    if (len < 0)
        answer(out, PROBE_REFUSED, "%s", strerror((int)-len));
    else
        probe_bytes(bytes, (size_t)len, size, out);
}
