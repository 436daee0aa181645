/*
 * What firmware finds: the BIOS in ROM, sizes and drive types in CMOS, the rest in fw_cfg; and what
 * ours leaves undone.
 * Sources: SeaBIOS, "Build overview" and "Runtime config files" (which CMOS bytes and files it
 * reads); Ralf Brown's CMOS list.
 */
#include "devices/board/board.h"

#include "cpu/cpuid.h"
#include "devices/board/boot.h"
#include "devices/chipset/acpi_tables.h"
#include "devices/chipset/fwcfg.h"
#include "devices/chipset/pci.h"
#include "devices/chipset/rtc.h"
#include "devices/chipset/smbios.h"
#include "devices/storage/ata_geometry.h"
#include "devices/storage/fdc.h"
#include "devices/storage/ide.h"
#include "devices/video/vga.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIOS_MAX = 4 * MiB };

/* Where Debian's package "seabios" puts them. */
static const char default_bios[] = "/usr/share/seabios/bios-256k.bin";
static const char default_vgabios[] = "/usr/share/seabios/vgabios-stdvga.bin";

/* All of a file up to one byte more than `max`; 0, or the errno that ended it. */
static int read_all(FILE *f, size_t max, u8 **data, size_t *got)
{
    size_t room = 0, n;
    u8 *more;

    *data = NULL;
    *got = 0;
    while (*got <= max) {
        if (*got == room) {
            more = realloc(*data, room = room ? room * 2 : 256 * KiB);
            if (!more)
                return ENOMEM;
            *data = more;
        }
        errno = 0;
        n = fread(*data + *got, 1, room - *got, f);
        if (!n)
            return ferror(f) ? errno : 0;
        *got += n;
    }
    return 0;
}

void *firmware_read_file(struct board *b, const char *what, const char *path, size_t max,
                         const char *remedy, size_t *len, char *err, size_t err_size)
{
    FILE *f = fopen(path, "rb");
    int e = f ? 0 : errno;
    const char *why;
    u8 *data = NULL;

    if (f) {
        e = read_all(f, max, &data, len);
        fclose(f);
    }
    if (!e && *len && *len <= max)
        return data;
    why = e ? strerror(e) : *len ? "the file is too large" : "the file is empty";
    b->host_at_fault = board_is_hosts_fault(e);
    if (b->host_at_fault)
        remedy = "the host is short of files or memory; close other programs";
    snprintf(err, err_size, "%s: '%s': %s; %s", what, path, why, remedy);
    free(data);
    return NULL;
}

static bool is_power_of_2(size_t n)
{
    return n && !(n & (n - 1));
}

bool firmware_load_bios(struct board *b, char *err, size_t err_size)
{
    const char *path = b->config->bios ? b->config->bios : default_bios;
    const char *remedy = b->config->bios ? "name another with --bios"
                                         : "install the package 'seabios' or use --bios";
    size_t len, shadow;
    u8 *data = firmware_read_file(b, "bios", path, BIOS_MAX, remedy, &len, err, err_size);

    if (!data) {
        b->host_at_fault |= !b->config->bios;
        return false;
    }
    if (len < 8 * KiB || !is_power_of_2(len)) {
        snprintf(err, err_size,
                 "bios: '%s': %zu bytes is no BIOS: a power of two from 8 KiB to 4 MiB is; %s",
                 path, len, remedy);
        free(data);
        return false;
    }
    b->bios_bytes = (u32)len;
    shadow = len < BIOS_SHADOW ? len : BIOS_SHADOW;
    b->bios_rom = physmap_new_frames(b->pm, "bios", len, FRAME_ROM);
    b->shadow_rom = physmap_new_frames(b->pm, "bios-low", BIOS_SHADOW, FRAME_ROM);
    if (!b->bios_rom || !b->shadow_rom) {
        snprintf(err, err_size, "bios: the host has no memory left");
        b->host_at_fault = true;
        free(data);
        return false;
    }
    memcpy(frame_host(physmap_frame(b->pm, b->bios_rom)), data, len);
    memset(frame_host(physmap_frame(b->pm, b->shadow_rom)), 0xFF, BIOS_SHADOW);
    memcpy(frame_host(physmap_frame(b->pm, b->shadow_rom)) + BIOS_SHADOW - shadow,
           data + len - shadow, shadow);
    physmap_map_frames(b->pm, (1ull << 32) - len, len, b->bios_rom, false);
    free(data);
    if (!b->config->bios && !model_has(b->cpu->model, FEAT_486))
        log_warn(b->log, "bios",
                 "SeaBIOS has instructions of the 486 (BSWAP, WBINVD) and crashes on this "
                 "processor; use --cpu 486, or --bios with a BIOS for it");
    return true;
}

bool firmware_load_vgabios(struct board *b, char *err, size_t err_size)
{
    const char *path = b->config->vgabios ? b->config->vgabios : default_vgabios;
    const char *remedy = b->config->vgabios ? "name another with --vgabios"
                                            : "install the package 'seabios' or use --vgabios";
    size_t len;
    u8 *data = firmware_read_file(b, "vgabios", path, VGA_ROM_BYTES, remedy, &len, err, err_size);

    if (!data) {
        b->host_at_fault |= !b->config->vgabios;
        return false;
    }
    if (len < 512 || data[0] != 0x55 || data[1] != 0xAA) {
        snprintf(err, err_size,
                 "vgabios: '%s': not an expansion ROM (it must begin with 55 AA); %s", path,
                 remedy);
        free(data);
        return false;
    }
    vga_set_rom(b->vga, data, len);
    free(data);
    return true;
}

/* ---- CMOS ---- */

enum cmos {
    CMOS_FLOPPIES = 0x10,
    CMOS_HARD_DISKS = 0x12,
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KIB = 0x15,
    CMOS_EXTENDED_KIB = 0x17,
    CMOS_HDC_TYPE = 0x19,
    CMOS_HDA_GEOMETRY = 0x1B,
    CMOS_HDB_GEOMETRY = 0x24,
    CMOS_CHECKSUM = 0x2E,
    CMOS_EXTENDED_KIB2 = 0x30,
    CMOS_ABOVE_16M = 0x34, /* in 64 KiB */
    CMOS_BOOT_3 = 0x38,    /* third boot device in the high nibble; bit 0: skip signature check */
    CMOS_TRANSLATION = 0x39,
    CMOS_BOOT_1_2 = 0x3D,
    CMOS_ABOVE_4G = 0x5B,
    CMOS_CPUS = 0x5F,
};

static void cmos16(struct board *b, unsigned index, u32 value)
{
    rtc_set_cmos(b->rtc, index, (u8)value);
    rtc_set_cmos(b->rtc, index + 1, (u8)(value >> 8));
}

static void cmos_memory(struct board *b)
{
    u64 kib = b->config->mem_bytes / KiB;
    u64 extended = kib > 1024 ? kib - 1024 : 0, high = kib > 16384 ? (kib - 16384) / 64 : 0;

    cmos16(b, CMOS_BASE_KIB, kib < 640 ? (u32)kib : 640);
    cmos16(b, CMOS_EXTENDED_KIB, (u32)min_u64(extended, 0xFFFF));
    cmos16(b, CMOS_EXTENDED_KIB2, (u32)min_u64(extended, 0xFFFF));
    cmos16(b, CMOS_ABOVE_16M, (u32)min_u64(high, 0xFFFF));
    for (unsigned i = 0; i < 3; i++)
        rtc_set_cmos(b->rtc, CMOS_ABOVE_4G + i, 0);
}

static void cmos_hard_disk(struct board *b, enum drive_id drive, unsigned at, u8 *types)
{
    struct blk *blk = b->drive[drive].is_cd ? NULL : b->drive[drive].blk;
    struct ata_geometry g;
    u8 mbr[512];

    if (!blk)
        return;
    ata_geometry(blk_sectors(blk), blk_read(blk, 0, 1, mbr) ? NULL : mbr, &g);
    *types |= drive == DRIVE_HDA ? 0xF0 : 0x0F; /* type 15: see the extended byte */
    rtc_set_cmos(b->rtc, CMOS_HDC_TYPE + (drive - DRIVE_HDA), 47); /* "user-defined" */
    cmos16(b, at, g.cylinders);
    rtc_set_cmos(b->rtc, at + 2, g.heads);
    cmos16(b, at + 3, 0xFFFF); /* no write precompensation */
    rtc_set_cmos(b->rtc, at + 5, (u8)(0xC0 | (g.heads > 8) << 3));
    cmos16(b, at + 6, g.cylinders); /* landing zone */
    rtc_set_cmos(b->rtc, at + 8, g.sectors);
}

/* Two bits a disk: how the BIOS translates its geometry: 0 none, 1 LBA, 2 large. */
static u8 translation(struct board *b)
{
    u8 bits = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct board_drive *d = &b->drive[DRIVE_HDA + i];
        struct ata_geometry g;
        u8 mbr[512];

        if (!d->blk || d->is_cd)
            continue;
        ata_geometry(blk_sectors(d->blk), blk_read(d->blk, 0, 1, mbr) ? NULL : mbr, &g);
        if (g.bios_heads != g.heads || g.bios_cylinders != g.cylinders)
            bits |= (u8)(1 << i * 2);
    }
    return bits;
}

/* 1 floppy, 2 hard disk, 3 CD-ROM: SeaBIOS, "boot order". */
static u8 boot_device(char letter)
{
    return letter == 'a' ? 1 : letter == 'c' ? 2 : letter == 'd' ? 3 : 0;
}

static void cmos_boot_order(struct board *b)
{
    const char *order = b->config->boot && *b->config->boot ? b->config->boot
                        : b->drive[DRIVE_FDA].blk           ? "acd"
                                                            : "cda";
    u8 device[3] = {0};

    for (unsigned i = 0; i < 3 && order[i]; i++)
        device[i] = boot_device(order[i]);
    rtc_set_cmos(b->rtc, CMOS_BOOT_1_2, (u8)(device[0] | device[1] << 4));
    rtc_set_cmos(b->rtc, CMOS_BOOT_3, (u8)(device[2] << 4 | 1));
}

static void cmos_checksum(struct board *b)
{
    u32 sum = 0;

    for (unsigned i = CMOS_FLOPPIES; i < CMOS_CHECKSUM; i++)
        sum += rtc_get_cmos(b->rtc, i);
    rtc_set_cmos(b->rtc, CMOS_CHECKSUM, (u8)(sum >> 8));
    rtc_set_cmos(b->rtc, CMOS_CHECKSUM + 1, (u8)sum);
}

void firmware_set_cmos(struct board *b)
{
    enum fdd_type a = fdc_drive_type(b->fdc, 0), bb = fdc_drive_type(b->fdc, 1);
    unsigned floppies = (a != FDD_NONE) + (bb != FDD_NONE);
    u8 types = 0;

    cmos_memory(b);
    rtc_set_cmos(b->rtc, CMOS_FLOPPIES, (u8)(a << 4 | bb));
    /* Mathematics coprocessor, keyboard and display present; floppies in bits 0 and 6-7. */
    rtc_set_cmos(b->rtc, CMOS_EQUIPMENT,
                 (u8)((model_has(b->cpu->model, FEAT_FPU) ? 2 : 0) | 4 |
                      (floppies ? 1 | (floppies - 1) << 6 : 0)));
    cmos_hard_disk(b, DRIVE_HDA, CMOS_HDA_GEOMETRY, &types);
    cmos_hard_disk(b, DRIVE_HDB, CMOS_HDB_GEOMETRY, &types);
    rtc_set_cmos(b->rtc, CMOS_HARD_DISKS, types);
    rtc_set_cmos(b->rtc, CMOS_TRANSLATION, translation(b));
    rtc_set_cmos(b->rtc, CMOS_CPUS, 0);
    cmos_boot_order(b);
    cmos_checksum(b);
}

/*
 * PCI functions begin with the command register clear, and the BIOS of a PC makes the IDE function
 * a bus master. Systems may count on that: KolibriOS' driver uses DMA without a look. SeaBIOS, as
 * distributions build it (without CONFIG_ATA_DMA), uses none and leaves the bit as it finds it.
 */
void firmware_set_pci(struct board *b)
{
    pci_config_write(b->pci, 0, IDE_DEVFN, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
}

/* ---- fw_cfg ---- */

/* E820 entries for what SeaBIOS cannot know from CMOS: all RAM, as ranges (start, length, type 1).
 */
static void fwcfg_e820(struct board *b)
{
    u8 entry[20] = {0};
    u64 len = b->config->mem_bytes;

    memcpy(entry + 8, &len, 8);
    entry[16] = 1;
    fwcfg_add_file(b->fwcfg, "etc/e820", entry, sizeof entry);
}

void firmware_acpi(struct board *b, u16 pm_base)
{
    struct acpi_config config = {
        .ram_bytes = b->config->mem_bytes,
        .cpus = 1,
        .ioapic_id = 0,
        .pm_base = pm_base,
        .hpet = b->hpet != NULL,
    };

    for (unsigned i = 0; i < MACHINE_SERIALS; i++)
        config.serials |= (u8)((b->uart[i] != NULL) << i);
    /* Without an APIC there is nothing an ACPI system could use: those machines are older. */
    if (b->fwcfg && b->ioapic)
        acpi_tables_add(b->fwcfg, &config);
}

static void fwcfg_smbios(struct board *b)
{
    const struct cpu_model *model = b->cpu->model;
    struct cpuid_regs leaf1 = {0};
    struct smbios_config config = {
        .ram_bytes = b->config->mem_bytes,
        .cpus = 1,
        .cpu_signature = model->signature,
        .cpu_mhz = (u16)model->tsc_mhz,
        .cpu_name = model->description,
    };

    if (model_has(model, FEAT_CPUID))
        leaf1 = cpuid_leaf(model, b->lapic != NULL, 1);
    config.cpu_features = leaf1.edx;
    smbios_add(b->fwcfg, &config);
}

bool firmware_set_fwcfg(struct board *b, char *err, size_t err_size)
{
    u8 numa[16] = {0};

    fwcfg_add_u64(b->fwcfg, FWCFG_RAM_SIZE, b->config->mem_bytes);
    fwcfg_add_u16(b->fwcfg, FWCFG_NB_CPUS, 1);
    fwcfg_add_u16(b->fwcfg, FWCFG_MAX_CPUS, 1);
    fwcfg_add_u16(b->fwcfg, FWCFG_NOGRAPHIC, 0);
    fwcfg_add_u16(b->fwcfg, FWCFG_BOOT_MENU, 0);
    fwcfg_add_bytes(b->fwcfg, FWCFG_NUMA, numa, sizeof numa);
    fwcfg_e820(b);
    if (b->ioapic)
        firmware_acpi(b, 0);
    fwcfg_smbios(b);
    return boot_direct(b, err, err_size);
}
