/* What ide.c (channels, bus master), ata_disk.c and atapi.c (drives) share. */
#ifndef DEVICES_STORAGE_IDE_PRIVATE_H
#define DEVICES_STORAGE_IDE_PRIVATE_H

#include "base/clock.h"
#include "devices/chipset/pci.h"
#include "devices/device.h"
#include "devices/host/blk.h"
#include "devices/storage/ata_geometry.h"
#include "devices/storage/cd_sector.h"
#include "devices/storage/ide.h"

/* Status register. */
enum {
    STATUS_ERR = 0x01, /* CHK of packet devices */
    STATUS_DRQ = 0x08,
    STATUS_DSC = 0x10,
    STATUS_DF = 0x20,
    STATUS_DRDY = 0x40,
    STATUS_BSY = 0x80,
    STATUS_READY = STATUS_DRDY | STATUS_DSC,
};

/* Error register. */
enum { ERROR_ABRT = 0x04, ERROR_IDNF = 0x10, ERROR_UNC = 0x40, ERROR_DIAG_PASSED = 0x01 };

/* Device register. */
enum { DEVICE_HEAD = 0x0F, DEVICE_DEV = 0x10, DEVICE_LBA = 0x40 };

/* Times of a drive in virtual time: 100 MB/s, and what a command costs before its data. */
enum { IDE_BYTE_NS = 10, IDE_COMMAND_NS = 5000, IDE_ACCESS_NS = 100000, IDE_RESET_NS = 2000000 };

enum { IDE_BUFFER_BYTES = 128 * 1024, ATA_SECTOR = 512, CDB_BYTES = 12 };

enum ide_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

enum ide_phase {
    PHASE_IDLE,
    PHASE_RESET,   /* SRST is set */
    PHASE_TIMER,   /* BSY; the timer runs, `step` comes next */
    PHASE_PIO_IN,  /* DRQ; the processor reads buffer[pos..end) */
    PHASE_PIO_OUT, /* DRQ; the processor writes it */
    PHASE_DMA,     /* the bus master moves it as soon as it is started and has memory for it */
    IDE_PHASES,
};

/* What happens when the timer fires. */
enum ide_step {
    STEP_NONE,
    STEP_RESET,      /* the drive comes out of reset */
    STEP_DIAGNOSTIC, /* the same, with an interrupt */
    STEP_END,        /* the command ends with end_status and end_error */
    STEP_PRESENT,    /* buffer[pos..end) is ready for the processor */
    STEP_DMA,        /* the bus master was started: continue */
    /* Disk. */
    STEP_READ,
    STEP_VERIFY,
    STEP_FETCH,
    STEP_WRITE,
    STEP_FLUSH,
    /* CD-ROM. */
    STEP_CD_READ,
    STEP_CD_DATA,
    IDE_STEPS,
};

struct ide;
struct ide_drive;

/* What a kind of drive does. */
struct ide_ops {
    void (*reset)(struct ide_drive *d);               /* power-on state of its own part */
    void (*soft_reset)(struct ide_drive *d);          /* SRST, DEVICE RESET: signature too */
    void (*command)(struct ide_drive *d, u8 command); /* the drive is idle */
    void (*block_done)(struct ide_drive *d);          /* buffer[..end) was moved */
    void (*step)(struct ide_drive *d, enum ide_step step);
    void (*state)(struct ide_drive *d, struct state *s);
    /* A loaded state waits for a host request: start it again. */
    void (*restart)(struct ide_drive *d);
};

extern const struct ide_ops ata_disk_ops, atapi_ops;

/* A register behind which LBA48 keeps the byte written before: "High Order Byte". */
struct ide_reg {
    u8 now, hob;
};

struct ata_disk {
    /* Wiring. */
    u64 sectors; /* of the image */
    struct ata_geometry geometry;

    /* Guest state. */
    u8 heads, track_sectors; /* INITIALIZE DEVICE PARAMETERS; not 0 */
    u8 multiple;             /* sectors of a block, 0: not set */
    u64 max_sectors;         /* SET MAX ADDRESS; not above sectors */
    u8 dma_mode;             /* as SET FEATURES gives it: 0x20 + n, 0x40 + n; 0: none */
    bool write_cache, look_ahead, smart, keep_settings;
    u8 power; /* what CHECK POWER MODE answers; or POWER_SLEEP */
    u8 command;
    bool ext;          /* the command is of the 48-bit set */
    u64 lba;           /* next sector of the transfer */
    u32 left;          /* sectors still to move */
    u32 chunk;         /* sectors in the buffer, or asked for */
    u32 block_sectors; /* of one DRQ block */
    u8 sector_buffer[ATA_SECTOR];
};

struct cd_event {
    bool new_medium, removed, eject_request;
};

struct atapi {
    /* Guest state. */
    u64 medium_sectors; /* of 2048 bytes; 0: no disc */
    bool tray_open, locked;
    bool medium_changed; /* a unit attention to report */
    struct cd_event event;
    u8 sense_key, asc, ascq;
    u8 dma_mode;
    u8 cdb[CDB_BYTES];
    bool wants_packet;  /* the bytes that the host writes are a command */
    bool packet_dma;    /* data of the command go through the bus master */
    u16 limit;          /* bytes that the host takes in one block, not 0 */
    u32 lba, left;      /* blocks still to read */
    u32 chunk;          /* blocks in the buffer, or asked for */
    u8 fields;          /* READ CD: which parts of a raw sector; see cd_sector.h */
    u8 error_recovery;  /* mode page 01h */
    u8 audio_volume[8]; /* mode page 0Eh */
};

struct ide_drive {
    /* Wiring. */
    struct ide *ide;
    struct ide_channel *channel;
    u8 number; /* 0 to 3 */
    enum ide_kind kind;
    const struct ide_ops *ops;
    struct blk *blk;
    struct blk_request request; /* under way while request_busy */
    bool request_busy;
    bool told_error; /* the user knows that the image fails */

    /* Guest state: task file. */
    u8 status, error, device;
    struct ide_reg feature, count, lba_low, lba_mid, lba_high;
    bool intrq;

    /* Guest state: the command under way. pos <= end <= len <= sizeof buffer. */
    u8 phase, step;
    struct timer timer;
    u8 end_status, end_error;
    bool dma; /* the transfer goes through the bus master */
    bool to_host;
    bool buffer_valid; /* buffer[0..len) must survive a snapshot */
    bool medium_lost;  /* the disc went away under a request */
    u32 pos, end, len;
    struct ata_disk disk;
    struct atapi cd;
    u8 buffer[IDE_BUFFER_BYTES];
};

/* One channel of the bus master. */
struct ide_bm {
    u8 command, status; /* BMIC, BMIS without the active bit */
    bool active;
    u32 table;         /* BMIDTP */
    u32 current;       /* next descriptor */
    u32 address, left; /* rest of the present region */
    bool last;         /* it is the last one */
};

struct ide_channel {
    /* Wiring. */
    struct ide *ide;
    u8 index;
    struct irq_line irq;

    /* Guest state. */
    u8 select;   /* which drive answers, 0 or 1 */
    u8 control;  /* device control register */
    bool line;   /* level of the interrupt line */
    bool mapped; /* the ports answer; follows from the PCI registers */
    struct ide_bm bm;
    struct ide_drive drive[2];
};

struct ide {
    struct device dev;

    /* Wiring. */
    struct bus *bus;
    struct clock *clock;
    bool has_pci;
    void (*ejected)(void *opaque, unsigned n);
    void *ejected_opaque;

    struct pci_function pci;
    struct ide_channel channel[2];
};

/* --- ide_bm.c: the bus master ---------------------------------------------------------------- */

enum { IDE_BM_PORTS = 16 };

/* Move up to `len` bytes through the descriptors; less when they do not describe more memory. */
u32 ide_bm_move(struct ide_channel *ch, u8 *data, u32 len, bool to_memory);
/* The channel's interrupt line rose. */
void ide_bm_note_interrupt(struct ide_bm *bm);
/* The ports moved. */
void ide_bm_map(struct ide *ide, u64 old, u64 now);
void ide_bm_state(struct ide_bm *bm, struct state *s);

/* --- ide.c: what drives do ------------------------------------------------------------------- */

/* BSY for a while, then ops->step. */
void ide_busy(struct ide_drive *d, enum ide_step step, u64 ns);
/* The command ends after a while, with an interrupt: successfully, or with this error. */
void ide_end_later(struct ide_drive *d, u64 ns);
void ide_fail_later(struct ide_drive *d, u8 error);
/* Now. */
void ide_end(struct ide_drive *d, u8 status, u8 error, bool interrupt);
/* Offer buffer[pos..pos+len) to the processor or the bus master; then ops->block_done. */
void ide_start_block(struct ide_drive *d, bool to_host, u32 len, bool interrupt);
/* Fill the buffer's first `len` bytes elsewhere, then this gives them to the processor by PIO. */
void ide_present_later(struct ide_drive *d, u32 len, u64 ns);
/* Drop the command under way. */
void ide_stop(struct ide_drive *d);
void ide_set_intrq(struct ide_drive *d, bool level);
/* Put the same byte into both halves, as a drive that answers in 28 bits does. */
void ide_set_reg(struct ide_reg *r, u8 value);
void ide_set_signature(struct ide_drive *d, u8 lba_mid, u8 lba_high);
/* EXECUTE DEVICE DIAGNOSTIC, which both drives obey. */
void ide_diagnose(struct ide_channel *ch);

/* Host requests; one at a time. The result of ide_finish is 0 or -errno. */
void ide_start_read(struct ide_drive *d, u64 sector, u32 count);
void ide_start_write(struct ide_drive *d, u64 sector, u32 count, u32 offset);
void ide_start_flush(struct ide_drive *d);
int ide_finish(struct ide_drive *d);
/* Another disc, or none, is in the tray, which is closed now. */
void atapi_change_medium(struct ide_drive *d, struct blk *blk);
/* The disc is taken out of the open tray; false if there is none. */
bool atapi_take_disc(struct ide_drive *d);
/* Tell the user, once for each image. */
void ide_tell_error(struct ide_drive *d, const char *what, int error);

#endif
