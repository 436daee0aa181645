/* Commands and words of ATA that the disk and the CD-ROM drive share. */
#ifndef DEVICES_STORAGE_ATA_PRIVATE_H
#define DEVICES_STORAGE_ATA_PRIVATE_H

#include "devices/storage/ide_private.h"

/* Command codes; "old" ones are of ATA-1, kept as aliases until ATA-3. */
enum {
    ATA_NOP = 0x00,
    ATA_DEVICE_RESET = 0x08,
    ATA_READ_SECTORS = 0x20, /* 21h without retry, as with the others */
    ATA_READ_SECTORS_EXT = 0x24,
    ATA_READ_DMA_EXT = 0x25,
    ATA_READ_NATIVE_MAX_EXT = 0x27,
    ATA_READ_MULTIPLE_EXT = 0x29,
    ATA_WRITE_SECTORS = 0x30,
    ATA_WRITE_SECTORS_EXT = 0x34,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_SET_MAX_EXT = 0x37,
    ATA_WRITE_MULTIPLE_EXT = 0x39,
    ATA_WRITE_VERIFY = 0x3C,
    ATA_READ_VERIFY = 0x40,
    ATA_READ_VERIFY_EXT = 0x42,
    ATA_DIAGNOSTIC = 0x90,
    ATA_INIT_PARAMETERS = 0x91,
    ATA_STANDBY_NOW_OLD = 0x94,
    ATA_IDLE_NOW_OLD = 0x95,
    ATA_STANDBY_OLD = 0x96,
    ATA_IDLE_OLD = 0x97,
    ATA_CHECK_POWER_OLD = 0x98,
    ATA_SLEEP_OLD = 0x99,
    ATA_PACKET = 0xA0,
    ATA_IDENTIFY_PACKET = 0xA1,
    ATA_SMART = 0xB0,
    ATA_READ_MULTIPLE = 0xC4,
    ATA_WRITE_MULTIPLE = 0xC5,
    ATA_SET_MULTIPLE = 0xC6,
    ATA_READ_DMA = 0xC8,
    ATA_WRITE_DMA = 0xCA,
    ATA_STANDBY_NOW = 0xE0,
    ATA_IDLE_NOW = 0xE1,
    ATA_STANDBY = 0xE2,
    ATA_IDLE = 0xE3,
    ATA_READ_BUFFER = 0xE4,
    ATA_CHECK_POWER = 0xE5,
    ATA_SLEEP = 0xE6,
    ATA_FLUSH = 0xE7,
    ATA_WRITE_BUFFER = 0xE8,
    ATA_FLUSH_EXT = 0xEA,
    ATA_IDENTIFY = 0xEC,
    ATA_SET_FEATURES = 0xEF,
    ATA_READ_NATIVE_MAX = 0xF8,
    ATA_SET_MAX = 0xF9,
};

/* SET FEATURES, transfer mode: kind in the upper five bits, number below. */
enum { ATA_MODE_MWDMA = 0x20, ATA_MODE_UDMA = 0x40 };

enum { ATA_MULTIPLE_MAX = 16, ATA_LBA28_MAX = 0x0FFFFFFF };

/* Take a mode of SET FEATURES; false if the drive cannot. PIO modes leave the DMA mode alone. */
bool ata_transfer_mode(u8 mode, u8 *dma_mode);

/* The 512 bytes of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE. */
void ata_identify(const struct ide_drive *d, u8 *out);
void atapi_identify(const struct ide_drive *d, u8 *out);

#endif
