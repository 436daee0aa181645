/* fw_cfg: how the emulator hands settings and files to firmware. */
#ifndef DEVICES_CHIPSET_FWCFG_H
#define DEVICES_CHIPSET_FWCFG_H

#include "base/types.h"

struct bus;
struct device;

/* Keys with a fixed meaning, as the specification and firmware name them. */
enum {
    FWCFG_SIGNATURE = 0x00,
    FWCFG_ID = 0x01,
    FWCFG_UUID = 0x02,
    FWCFG_RAM_SIZE = 0x03,
    FWCFG_NOGRAPHIC = 0x04,
    FWCFG_NB_CPUS = 0x05,
    FWCFG_KERNEL_ADDR = 0x07,
    FWCFG_KERNEL_SIZE = 0x08,
    FWCFG_INITRD_ADDR = 0x0A,
    FWCFG_INITRD_SIZE = 0x0B,
    FWCFG_BOOT_DEVICE = 0x0C,
    FWCFG_NUMA = 0x0D,
    FWCFG_BOOT_MENU = 0x0E,
    FWCFG_MAX_CPUS = 0x0F,
    FWCFG_KERNEL_ENTRY = 0x10,
    FWCFG_KERNEL_DATA = 0x11,
    FWCFG_INITRD_DATA = 0x12,
    FWCFG_CMDLINE_ADDR = 0x13,
    FWCFG_CMDLINE_SIZE = 0x14,
    FWCFG_CMDLINE_DATA = 0x15,
    FWCFG_SETUP_ADDR = 0x16,
    FWCFG_SETUP_SIZE = 0x17,
    FWCFG_SETUP_DATA = 0x18,
    FWCFG_FILE_DIR = 0x19,
    FWCFG_FILE_FIRST = 0x20,
    FWCFG_FILE_NAME = 56, /* bytes of a name, its terminating zero included */
};

/* Ports 510h, 511h and 514h-51Bh. Signature, ID and an empty file directory are there already. */
struct device *fwcfg_create(struct bus *bus);

/*
 * Offer data under a key or a file name; before the machine runs. Bytes are copied; numbers are
 * stored little endian. A key or a name given again replaces what was there.
 */
void fwcfg_add_bytes(struct device *dev, u16 key, const void *data, u32 len);
void fwcfg_add_u16(struct device *dev, u16 key, u16 value);
void fwcfg_add_u32(struct device *dev, u16 key, u32 value);
void fwcfg_add_u64(struct device *dev, u16 key, u64 value);
void fwcfg_add_file(struct device *dev, const char *name, const void *data, u32 len);

#endif
