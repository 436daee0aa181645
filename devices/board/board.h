/*
 * The parts of a PC and how they are joined; private to devices/board. pc.c builds it, machine.c
 * runs it.
 */
#ifndef DEVICES_BOARD_BOARD_H
#define DEVICES_BOARD_BOARD_H

#include "base/clock.h"
#include "cpu/cpu.h"
#include "devices/board/machine.h"
#include "devices/chipset/debug_ports.h"
#include "devices/device.h"
#include "devices/host/blk.h"
#include "mmu/bus.h"
#include "mmu/physmap.h"

#include <errno.h>

enum {
    BOARD_DEVICES = 40,
    ISA_IRQS = 16,
    KiB = 1024,
    MiB = 1024 * 1024,
    BIOS_SHADOW = 128 * 1024, /* the last part of the BIOS, visible at E0000h */
    PAM_BASE = 0xC0000,
    PAM_PAGES = 64, /* C0000h-FFFFFh */
};

/* One drive and what is in it. */
struct board_drive {
    struct blk *blk; /* NULL: empty, or no such drive */
    bool present;
    bool is_cd;
};

struct board {
    const struct machine_config *config;
    struct log *log;

    struct physmap *pm;
    struct bus *bus;
    struct clock *clock;
    struct cpu *cpu;

    struct device *devices[BOARD_DEVICES];
    unsigned device_count;

    /* Those of them that somebody asks by name. */
    struct pci_bus *pci;
    struct apic_bus *apics;
    struct device *pic, *pit, *rtc, *dma, *kbd, *fdc, *ide, *vga, *pm_chip, *lapic, *ioapic, *hpet;
    struct irq_line irq8; /* where the RTC's interrupt goes */
    struct device *fwcfg, *host_bridge, *isa_bridge, *coprocessor, *post_card;
    struct device *uart[MACHINE_SERIALS];
    struct chr *chrs[MACHINE_SERIALS + 2]; /* to be polled for input, and closed */
    unsigned chr_count;

    struct board_drive drive[DRIVE_COUNT];
    bool host_at_fault; /* that the board could not be built */
    frame_id ram, bios_rom, shadow_rom;
    u32 bios_bytes;

    /* How the pages from C0000h are mapped now: bit 0 reads, bit 1 writes go to RAM. */
    u8 pam[PAM_PAGES];
    bool smram_open;
    bool a20_kbd, a20_fast;

    /* The host cannot write an image: true to try again. See blk_on_write_error. */
    bool (*write_error)(void *opaque, struct blk *blk, int error);
    void *write_error_opaque;
    bool in_write_error; /* media stay where they are meanwhile */

    struct replay *replay;        /* for reports; NULL: no recording plays, or has played */
    struct snapjournal *journals; /* of snapshots that can go back to earlier contents of disks */

    /* Requests that chips raise inside an access; the run loop sees to them. */
    bool reset_machine, reset_cpu, powered_off, debug_exited;
    char reset_note[600]; /* why the last one came, for people; "" if none did */
    u64 reset_ns;         /* and when */
    int exit_code;
    bool panicked; /* somebody is to be told */
    u8 ejected;    /* a bit for each drive whose CD the guest has put out: to be closed */
    /*
     * The guest was found to wait in a loop: time is skipped up to the next event. Guest state, so
     * that it does not matter where a run is cut.
     */
    bool waiting;
};

/*
 * Build everything from b->config. False and a sentence in err on failure, and b->host_at_fault if
 * that is not the files'; board_destroy cleans up.
 */
bool board_build(struct board *b, char *err, size_t err_size);
/* Returns 0 or the first host write error, as -errno. */
int board_destroy(struct board *b);
void board_reset(struct board *b);
/* Save, load or hash all guest state. */
void board_state(struct board *b, struct state *s);
void board_add(struct board *b, struct device *dev);

/* machine.c: the board of a machine, for those who save, load and examine it. */
struct board *machine_board(struct machine *m);

/* Is it the host, rather than the file, that makes an access to it fail with this errno? */
static inline bool board_is_hosts_fault(int error)
{
    return error == ENOMEM || error == EMFILE || error == ENFILE || error == EIO ||
           error == ENOSPC || error == EAGAIN;
}

/* memory_map.c: RAM, ROM, PAM, SMRAM, A20. */
bool memory_build(struct board *b, char *err, size_t err_size);
void memory_pam(void *opaque, u32 start, u32 len, bool read_ram, bool write_ram);
void memory_smram(void *opaque, bool open, bool closed, bool locked, bool enabled);
struct irq_line memory_a20_kbd(struct board *b);
struct irq_line memory_a20_fast(struct board *b);

/* firmware.c: BIOS images, CMOS contents, fw_cfg items, direct boot. */
bool firmware_load_bios(struct board *b, char *err, size_t err_size);
bool firmware_load_vgabios(struct board *b, char *err, size_t err_size);
void firmware_set_cmos(struct board *b);
/* After each reset, before the BIOS runs. */
void firmware_set_pci(struct board *b);
/* ACPI tables for a power management block at `pm_base` (0: the default). */
void firmware_acpi(struct board *b, u16 pm_base);
bool firmware_set_fwcfg(struct board *b, char *err, size_t err_size);

/*
 * A whole file of at most `max` bytes, to be freed. NULL and a sentence in err on failure, and
 * b->host_at_fault if it is.
 */
void *firmware_read_file(struct board *b, const char *what, const char *path, size_t max,
                         const char *remedy, size_t *len, char *err, size_t err_size);

/* media.c: images in drives. */
bool media_open_all(struct board *b, char *err, size_t err_size);
void media_attach(struct board *b);
/* Open an image as for a drive of the machine; NULL and a sentence in err. */
struct blk *media_open(struct board *b, enum drive_id drive, const char *path, char *err,
                       size_t err_size);
/*
 * Put `blk` (or nothing) where a removable disk was, without asking the guest: it is about to get
 * another state. Returns what was there, the caller's now.
 */
struct blk *media_swap(struct board *b, enum drive_id drive, struct blk *blk);
int board_insert(struct board *b, enum drive_id drive, const char *path, char *err,
                 size_t err_size);
/* Close what guests have put out; true if anything. */
bool media_close_ejected(struct board *b);
int board_eject(struct board *b, enum drive_id drive, char *err, size_t err_size);
enum drive_id board_drive_by_name(const struct board *b, const char *name);
void board_get_drive(const struct board *b, enum drive_id drive, struct machine_drive *out);

#endif
