/*
 * Direct boot of Linux kernels (bzImage, zImage) and multiboot ELF images. The file is taken apart
 * here; the expansion ROM bios/bootrom.S, which the firmware boots first, fetches the pieces
 * through fw_cfg and jumps. So the guest has met a whole BIOS, with its tables and E820 map.
 *
 * Sources: Linux, "The Linux/x86 Boot Protocol"; Multiboot Specification 0.6.96.
 */
#include "devices/board/boot.h"

#include "base/bytes.h"
#include "devices/board/board.h"
#include "devices/chipset/fwcfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const u8 bootrom[], bootrom_end[];

enum {
    FILE_MAX = 1 << 30,
    PLAN_KEY = FWCFG_SETUP_DATA,
    PLAN_PIECES = 40,
    PLAN_BYTES = 512,
    FIRST_KEY = 0x1000,     /* between the files (20h...) and the architectures' own (8000h...) */
    FIRMWARE_TOP = 1 * MiB, /* the firmware keeps tables at the end of RAM */
};

enum plan_kind { PLAN_LINUX, PLAN_MULTIBOOT };

static_assert(16 + PLAN_PIECES * 12 <= PLAN_BYTES, "a plan with all its pieces");

/* See bios/bootrom.S for the layout. */
struct plan {
    u8 bytes[PLAN_BYTES]; /* 16, and 12 for each piece */
    unsigned pieces;
    struct board *b;
};

static void plan_init(struct plan *p, struct board *b, enum plan_kind kind, u32 entry)
{
    memset(p, 0, sizeof *p);
    p->b = b;
    put_le16(p->bytes + 2, (u16)kind);
    put_le32(p->bytes + 4, entry);
}

/* One more piece: the ROM reads `len` bytes to `address`. False if there are too many. */
static bool plan_add(struct plan *p, u32 address, const void *data, size_t len)
{
    u8 *at = p->bytes + 16 + p->pieces * 12;
    u16 key = (u16)(FIRST_KEY + p->pieces);

    if (p->pieces == PLAN_PIECES)
        return false;
    fwcfg_add_bytes(p->b->fwcfg, key, data, (u32)len);
    put_le16(at, key);
    put_le32(at + 4, (u32)len);
    put_le32(at + 8, address);
    put_le16(p->bytes, (u16)++p->pieces);
    return true;
}

static void plan_finish(struct plan *p)
{
    static const char order[] = "/rom@genroms/bygone.rom\n";

    fwcfg_add_bytes(p->b->fwcfg, PLAN_KEY, p->bytes, sizeof p->bytes);
    fwcfg_add_file(p->b->fwcfg, "genroms/bygone.rom", bootrom, (u32)(bootrom_end - bootrom));
    fwcfg_add_file(p->b->fwcfg, "bootorder", order, sizeof order);
}

static bool refuse(char *err, size_t err_size, const char *path, const char *why)
{
    snprintf(err, err_size, "kernel: '%s': %s", path, why);
    return false;
}

/* ---- Linux ---- */

enum linux_header {
    LH_SETUP_SECTS = 0x1F1,
    LH_SYSSIZE = 0x1F4, /* of the kernel behind the setup code, in units of 16 bytes */
    LH_BOOT_FLAG = 0x1FE,
    LH_MAGIC = 0x202,
    LH_VERSION = 0x206,
    LH_TYPE_OF_LOADER = 0x210,
    LH_LOADFLAGS = 0x211,
    LH_RAMDISK_IMAGE = 0x218,
    LH_RAMDISK_SIZE = 0x21C,
    LH_HEAP_END = 0x224,
    LH_CMD_LINE = 0x228,
    LH_INITRD_MAX = 0x22C,
    LH_CMDLINE_SIZE = 0x238,

    LOADED_HIGH = 1,
    CAN_USE_HEAP = 0x80,
    OLD_CMDLINE_MAGIC = 0x20,
    OLD_CMDLINE_OFFSET = 0x22,
    HEAP_END = 0xE000,
    CMDLINE_OFFSET = 0xE000, /* from the setup code, behind its heap and stack */
    CMDLINE_MAX = 4096,
};

static bool is_linux(const u8 *data, size_t len)
{
    return len > 0x400 && get_le16(data + LH_BOOT_FLAG) == 0xAA55 &&
           !memcmp(data + LH_MAGIC, "HdrS", 4);
}

static bool add_initrd(struct plan *p, u8 *setup, u32 kernel_end, char *err, size_t err_size)
{
    const char *path = p->b->config->initrd;
    u64 top = p->b->config->mem_bytes - FIRMWARE_TOP, limit;
    size_t len;
    u8 *data;
    u32 at;

    if (!path)
        return true;
    data = firmware_read_file(p->b, "initrd", path, FILE_MAX, "name another with --initrd", &len,
                              err, err_size);
    if (!data)
        return false;
    limit = get_le16(setup + LH_VERSION) >= 0x203 ? (u64)get_le32(setup + LH_INITRD_MAX) + 1
                                                  : 0x38000000;
    if (limit < top)
        top = limit;
    if (top < len || ((top - len) & ~(u64)PAGE_MASK) < kernel_end) {
        snprintf(err, err_size,
                 "initrd: '%s': %zu KiB do not fit into %llu MiB; use a larger --mem", path,
                 len / KiB, (unsigned long long)(p->b->config->mem_bytes / MiB));
        free(data);
        return false;
    }
    at = (u32)((top - len) & ~(u64)PAGE_MASK);
    put_le32(setup + LH_RAMDISK_IMAGE, at);
    put_le32(setup + LH_RAMDISK_SIZE, (u32)len);
    plan_add(p, at, data, len);
    free(data);
    return true;
}

static bool boot_linux(struct board *b, u8 *data, size_t len, char *err, size_t err_size)
{
    const char *path = b->config->kernel, *append = b->config->append ? b->config->append : "";
    u32 sectors = data[LH_SETUP_SECTS] ? data[LH_SETUP_SECTS] : 4;
    size_t setup_len = (sectors + 1) * 512;
    u16 version = get_le16(data + LH_VERSION);
    bool high = data[LH_LOADFLAGS] & LOADED_HIGH;
    u32 setup_at = high ? 0x10000 : 0x90000, kernel_at = high ? 0x100000 : 0x10000;
    u32 cmdline_at = setup_at + (high ? CMDLINE_OFFSET : 0x9000);
    size_t cmdline_max = version >= 0x206 ? get_le32(data + LH_CMDLINE_SIZE) : 255;
    struct plan p;

    if (setup_len >= len || setup_len > 0x8000)
        return refuse(err, err_size, path, "the file ends inside the kernel's setup code");
    if (version >= 0x204 && (len - setup_len + 15) / 16 < get_le32(data + LH_SYSSIZE))
        return refuse(err, err_size, path,
                      "the file is shorter than the kernel in it; copy it again from its source");
    if (strlen(append) >= CMDLINE_MAX || strlen(append) > cmdline_max)
        return refuse(err, err_size, path, "--append is longer than this kernel takes");
    if (kernel_at + (len - setup_len) > (high ? b->config->mem_bytes - FIRMWARE_TOP : 0x90000u))
        return refuse(err, err_size, path,
                      "the kernel does not fit into memory; use a larger --mem");
    plan_init(&p, b, PLAN_LINUX, setup_at >> 4);
    data[LH_TYPE_OF_LOADER] = 0xFF;
    if (version >= 0x201) {
        data[LH_LOADFLAGS] |= CAN_USE_HEAP;
        put_le16(data + LH_HEAP_END, (u16)((high ? HEAP_END : 0x9000) - 0x200));
    }
    if (version >= 0x202) {
        put_le32(data + LH_CMD_LINE, cmdline_at);
    } else {
        put_le16(data + OLD_CMDLINE_MAGIC, 0xA33F);
        put_le16(data + OLD_CMDLINE_OFFSET, (u16)(cmdline_at - setup_at));
    }
    if (!add_initrd(&p, data, kernel_at + (u32)(len - setup_len), err, err_size))
        return false;
    plan_add(&p, setup_at, data, setup_len);
    plan_add(&p, kernel_at, data + setup_len, len - setup_len);
    plan_add(&p, cmdline_at, append, strlen(append) + 1);
    plan_finish(&p);
    return true;
}

/* ---- Multiboot ---- */

enum multiboot {
    MB_MAGIC = 0x1BADB002,
    MB_SEARCH = 8192,
    MB_ADDRESSES = 1 << 16, /* the header has load addresses: not only ELF */
    MB_UNKNOWN = 0xFFF8,    /* required features beyond 0-2 */

    MBI_AT = 0x8000, /* the information; the memory map and strings follow in the same 64 KiB */
    MBI_MMAP_AT = 0x9000,
    MBI_STRINGS_AT = 0xA000,
    MBI_BYTES = 0x60,
    MBI_MEMORY = 1 << 0,
    MBI_CMDLINE = 1 << 2,
    MBI_MODULES = 1 << 3,
    MBI_MMAP = 1 << 6,
    MBI_LOADER = 1 << 9,
};

/* Offset of the header, or len if there is none. */
static size_t multiboot_header(const u8 *data, size_t len)
{
    for (size_t at = 0; at + 12 <= len && at < MB_SEARCH; at += 4)
        if (get_le32(data + at) == MB_MAGIC &&
            !(MB_MAGIC + get_le32(data + at + 4) + get_le32(data + at + 8)))
            return at;
    return len;
}

/* Load [file_at, file_at + file_len) to `address`, followed by zeros up to mem_len. */
static bool add_segment(struct plan *p, const u8 *data, size_t len, u64 address, u64 file_at,
                        u64 file_len, u64 mem_len)
{
    u64 ram = p->b->config->mem_bytes - FIRMWARE_TOP;
    u8 *image;
    bool ok;

    if (mem_len < file_len)
        mem_len = file_len;
    if (!mem_len)
        return true;
    if (file_at > len || file_len > len - file_at || mem_len > ram || address > ram - mem_len)
        return false;
    image = calloc(1, mem_len);
    if (!image)
        return false;
    memcpy(image, data + file_at, file_len);
    ok = plan_add(p, (u32)address, image, mem_len);
    free(image);
    return ok;
}

/*
 * Segments of an ELF file for the 386; *end is behind the last of them. There is no paging yet, so
 * an entry point that is a virtual address in one of them is entered where that lies physically,
 * as GRUB does; kernels linked to high addresses, GNU Mach's for one, rely on it.
 */
static bool add_elf(struct plan *p, const u8 *data, size_t len, u32 *end)
{
    u32 table = get_le32(data + 28), entry = get_le32(data + 24);
    u16 size = get_le16(data + 42), count = get_le16(data + 44);

    put_le32(p->bytes + 4, entry);
    for (unsigned i = 0; i < count; i++) {
        u64 at = table + (u64)i * size;
        const u8 *ph = data + at;

        if (size < 32 || at + 32 > len)
            return false;
        if (get_le32(ph) != 1 /* PT_LOAD */)
            continue;
        if (!add_segment(p, data, len, get_le32(ph + 12), get_le32(ph + 4), get_le32(ph + 16),
                         get_le32(ph + 20)))
            return false;
        if (entry - get_le32(ph + 8) < get_le32(ph + 20))
            put_le32(p->bytes + 4, entry - get_le32(ph + 8) + get_le32(ph + 12));
        if (get_le32(ph + 12) + get_le32(ph + 20) > *end)
            *end = get_le32(ph + 12) + get_le32(ph + 20);
    }
    return p->pieces > 0;
}

/* What the header's own addresses say ("The address fields of Multiboot header"). */
static bool add_by_addresses(struct plan *p, const u8 *data, size_t len, size_t header, u32 *end)
{
    u32 header_at = get_le32(data + header + 12), load = get_le32(data + header + 16);
    u32 load_end = get_le32(data + header + 20), bss_end = get_le32(data + header + 24);
    u64 skip = (u64)header - (header_at - load);
    u64 bytes = load_end ? load_end - load : len - skip;

    put_le32(p->bytes + 4, get_le32(data + header + 28));
    *end = bss_end ? bss_end : (u32)(load + bytes);
    return header_at - load <= header && load <= *end &&
           add_segment(p, data, len, load, skip, bytes, *end - load);
}

/* The module (--initrd), page-aligned behind the kernel, and the information that names it all. */
static bool add_information(struct plan *p, u32 end, char *err, size_t err_size)
{
    static const char loader[] = "Bygone";
    const struct machine_config *cfg = p->b->config;
    u8 mbi[MBI_BYTES] = {0}, strings[8192] = {0};
    u32 flags = MBI_MEMORY | MBI_CMDLINE | MBI_MMAP | MBI_LOADER, used = 32;
    u64 kib = cfg->mem_bytes / KiB;

    used += (u32)snprintf((char *)strings + used, 4096, "%s %s", cfg->kernel,
                          cfg->append ? cfg->append : "") +
            1;
    put_le32(mbi + 4, 639);
    put_le32(mbi + 8, (u32)(kib - 1024 - FIRMWARE_TOP / KiB));
    put_le32(mbi + 16, MBI_STRINGS_AT + 32);
    put_le32(mbi + 64, MBI_STRINGS_AT + used);
    memcpy(strings + used, loader, sizeof loader);
    used += sizeof loader;
    if (cfg->initrd) {
        size_t len;
        u32 at = (end + PAGE_MASK) & ~(u32)PAGE_MASK;
        u8 *module = firmware_read_file(p->b, "initrd", cfg->initrd, FILE_MAX,
                                        "name another with --initrd", &len, err, err_size);

        if (!module)
            return false;
        if (at + len > cfg->mem_bytes - FIRMWARE_TOP || !plan_add(p, at, module, len)) {
            free(module);
            return refuse(err, err_size, cfg->initrd,
                          "does not fit into memory; use a larger --mem");
        }
        free(module);
        flags |= MBI_MODULES;
        put_le32(mbi + 20, 1);
        put_le32(mbi + 24, MBI_STRINGS_AT);
        put_le32(strings, at);
        put_le32(strings + 4, at + (u32)len);
        put_le32(strings + 8, MBI_STRINGS_AT + used);
        used += (u32)snprintf((char *)strings + used, sizeof strings - used, "%s", cfg->initrd) + 1;
    }
    put_le32(mbi, flags);
    put_le32(p->bytes + 8, MBI_AT);
    put_le32(p->bytes + 12, MBI_MMAP_AT);
    return plan_add(p, MBI_AT, mbi, sizeof mbi) &&
           plan_add(p, MBI_STRINGS_AT, strings, used < sizeof strings ? used : sizeof strings);
}

static bool boot_multiboot(struct board *b, const u8 *data, size_t len, size_t header, char *err,
                           size_t err_size)
{
    const char *path = b->config->kernel;
    u32 flags = get_le32(data + header + 4), end = 0;
    bool elf = len >= 52 &&
               !memcmp(data,
                       "\x7f"
                       "ELF\1\1",
                       6) &&
               get_le16(data + 18) == 3,
         ok;
    struct plan p;

    if (flags & MB_UNKNOWN)
        return refuse(err, err_size, path, "asks for multiboot features that do not exist here");
    plan_init(&p, b, PLAN_MULTIBOOT, 0);
    if ((flags & MB_ADDRESSES) && header + 32 <= len)
        ok = add_by_addresses(&p, data, len, header, &end);
    else
        ok = elf && add_elf(&p, data, len, &end);
    if (!ok)
        return refuse(err, err_size, path,
                      "its segments are damaged or do not fit into memory; try a larger --mem");
    if (!add_information(&p, end, err, err_size))
        return false;
    plan_finish(&p);
    return true;
}

bool boot_direct(struct board *b, char *err, size_t err_size)
{
    const char *path = b->config->kernel;
    size_t len, header;
    bool ok;
    u8 *data;

    if (!path)
        return true;
    if (b->config->mem_bytes < 4 * MiB)
        return refuse(err, err_size, path, "direct boot needs at least --mem 4M");
    data = firmware_read_file(b, "kernel", path, FILE_MAX, "name another with --kernel", &len, err,
                              err_size);
    if (!data)
        return false;
    header = multiboot_header(data, len);
    if (is_linux(data, len))
        ok = boot_linux(b, data, len, err, err_size);
    else if (header < len)
        ok = boot_multiboot(b, data, len, header, err, err_size);
    else
        ok = refuse(err, err_size, path,
                    "neither a Linux kernel (bzImage) nor a multiboot image; is it a disk image?");
    free(data);
    return ok;
}
