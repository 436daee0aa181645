/* What fdc.c (registers, drives, time), fdc_commands.c and fdc_transfer.c share. */
#ifndef DEVICES_STORAGE_FDC_PRIVATE_H
#define DEVICES_STORAGE_FDC_PRIVATE_H

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/blk.h"
#include "devices/storage/fdc.h"

/* Digital Output Register. */
enum { DOR_SELECT = 0x03, DOR_RESET_N = 0x04, DOR_DMAGATE_N = 0x08, DOR_MOTOR0 = 0x10 };

/* Main Status Register. */
enum { MSR_CB = 0x10, MSR_NONDMA = 0x20, MSR_DIO = 0x40, MSR_RQM = 0x80 };

/* Status registers 0 to 3. */
enum {
    ST0_HEAD = 0x04,
    ST0_EC = 0x10,
    ST0_SE = 0x20,
    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLING = 0xC0,

    ST1_MA = 0x01,
    ST1_NW = 0x02,
    ST1_ND = 0x04,
    ST1_OR = 0x10,
    ST1_DE = 0x20,
    ST1_EN = 0x80,

    ST2_SN = 0x04,
    ST2_SH = 0x08,
    ST2_WC = 0x10,
    ST2_DD = 0x20,
    ST2_CM = 0x40,

    ST3_HEAD = 0x04,
    ST3_TWO_SIDED = 0x08, /* always one on this chip */
    ST3_T0 = 0x10,
    ST3_READY = 0x20, /* always one on this chip */
    ST3_WP = 0x40,
};

/* CONFIGURE, second parameter. */
enum { CONFIG_FIFOTHR = 0x0F, CONFIG_POLL_N = 0x10, CONFIG_EFIFO_N = 0x20, CONFIG_EIS = 0x40 };

/* Bits above the command's number. */
enum { CMD_SK = 0x20, CMD_MFM = 0x40, CMD_MT = 0x80 };

enum fdc_phase { FDC_COMMAND, FDC_EXECUTION, FDC_RESULT, FDC_PHASES };

/* What the chip does in its execution phase. */
enum fdc_transfer {
    XFER_NONE,
    XFER_READ,
    XFER_READ_DELETED,
    XFER_READ_TRACK,
    XFER_READ_ID,
    XFER_VERIFY,
    XFER_WRITE,
    XFER_WRITE_DELETED,
    XFER_FORMAT,
    XFER_SCAN_EQUAL,
    XFER_SCAN_LOW,
    XFER_SCAN_HIGH,
    XFER_KINDS,
};

/* What the transfer waits for. */
enum fdc_wait {
    WAIT_NOTHING,
    WAIT_SEEK,   /* implied seek; timer */
    WAIT_SECTOR, /* the sector to pass under the head; timer */
    WAIT_HOST,   /* non-DMA mode: the processor to empty or fill the buffer */
    FDC_WAITS,
};

enum { FDC_SLOTS = 4 /* drives that the chip can address */, FDC_TRACKS_MAX = 84 };

struct fdc;

struct fdc_drive {
    /* Wiring and configuration. */
    struct fdc *fdc;
    u8 index;
    enum fdd_type type;
    struct blk *blk;
    const struct floppy_geometry *geometry; /* of blk, or NULL */
    bool told_write_error, told_format; /* the user knows that this image cannot be written so */

    /* Guest state. */
    u8 pcn;        /* where the chip believes the head to be */
    u8 track;      /* where it is; below FDC_TRACKS_MAX */
    bool seeking;  /* the seek timer is set, and then */
    s32 steps;     /* the head will move by this (outwards: negative), */
    u8 seek_st0;   /* and this is the status for SENSE INTERRUPT */
    bool seek_end; /* it has not been asked for yet */
    bool changed;  /* disk change line */
    bool perpendicular;
    struct timer seek;
    /* Data address marks of the medium that say "deleted": an image file has no place for them. */
    u8 deleted[FLOPPY_MAX_SECTORS / 8];
};

struct fdc {
    struct device dev;

    /* Wiring and configuration. */
    struct clock *clock;
    struct irq_line irq;
    struct dma_port dma;
    u32 pace;
    struct blk_request request; /* under way while request_busy */
    bool request_busy;

    struct fdc_drive drive[FDC_SLOTS];

    /* Guest state: registers. */
    u8 dor, tdr, dsr, rate;
    bool interrupt;  /* the INT pin before the gate in DOR */
    u8 reset_senses; /* SENSE INTERRUPTs that still report the reset, 0 to 4 */
    struct timer poll;
    u8 specify[2];
    u8 config, precomp_track;
    bool lock;
    bool gap_wgate[2]; /* PERPENDICULAR MODE: GAP, WGATE */

    /* Command and result bytes; fifo_pos <= fifo_len <= sizeof fifo. */
    u8 phase; /* enum fdc_phase */
    u8 fifo[16];
    u8 fifo_len, fifo_pos;

    /* The transfer in the execution phase. */
    u8 transfer; /* enum fdc_transfer */
    u8 wait;     /* enum fdc_wait */
    struct timer timer;
    u8 unit, head;       /* drive, and HDS of the command */
    u8 c, h, r, n;       /* sector address as the command gave it, then counted up */
    u8 eot, step, count; /* last sector; scan step; sectors to verify or format, or done */
    bool multi_track, skip, mfm, enable_count, tc;
    u8 st1, st2;
    bool failed;       /* the sector will not be found: st1, st2 say why */
    bool buffer_valid; /* buffer holds guest data that must survive a snapshot */
    u16 pos, len;      /* non-DMA mode: bytes moved and to move, pos <= len <= sizeof buffer */
    u8 filler;
    u8 buffer[FLOPPY_SECTOR_BYTES];
};

/* fdc.c */
void fdc_update_irq(struct fdc *f);
void fdc_set_interrupt(struct fdc *f, bool level);
/* Nanoseconds that a step of the head takes, from SPECIFY and the data rate. */
u64 fdc_step_ns(const struct fdc *f);
u64 fdc_rotation_ns(const struct fdc *f, const struct fdc_drive *d);
/* Start moving the head of a drive by `steps` (negative: outwards), then interrupt with st0. */
void fdc_start_seek(struct fdc *f, struct fdc_drive *d, int steps, u8 pcn, u8 st0);
/* Step pulses: the head moves up to its stops, and the disk change latch sees them. */
void fdc_move_head(struct fdc_drive *d, int steps);

/* fdc_commands.c */
void fdc_put_command(struct fdc *f, u8 value);
u8 fdc_get_result(struct fdc *f);
/* Enter the result phase with these bytes; INT rises if wanted. */
void fdc_results(struct fdc *f, const u8 *bytes, unsigned count, bool interrupt);
/* Bytes that the command, given its first byte, takes in all; 1 for invalid ones. */
unsigned fdc_command_length(u8 first);

/* fdc_transfer.c */

/* A drive with a disk in it. */
static inline bool fdc_drive_ready(const struct fdc_drive *d)
{
    return d->type != FDD_NONE && d->geometry;
}

/* Execute the command in the FIFO; what is not common to all transfers is set already. */
void fdc_begin(struct fdc *f, enum fdc_transfer transfer);
/* Non-DMA data of the execution phase. */
void fdc_put_data(struct fdc *f, u8 value);
u8 fdc_get_data(struct fdc *f);
bool fdc_data_is_input(const struct fdc *f); /* the processor reads */
void fdc_transfer_timer(void *opaque);
/* Drop what is under way, because of a reset. */
void fdc_abort_transfer(struct fdc *f);
/* Wait for the host request that may be under way. */
int fdc_finish_request(struct fdc *f);
/* Another disk, or none, is in the drive: the search for a sector starts again. */
void fdc_medium_changed(struct fdc *f, unsigned drive);
/* The request that a loaded state was waiting for. */
void fdc_restart_request(struct fdc *f);

#endif
