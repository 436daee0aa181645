/* Direct boot: a Linux kernel or a multiboot image without a boot disk. */
#ifndef DEVICES_BOARD_BOOT_H
#define DEVICES_BOARD_BOOT_H

#include <stdbool.h>
#include <stddef.h>

struct board;

/* Offer the configured kernel, if any, to the firmware. False and a sentence in err on failure. */
bool boot_direct(struct board *b, char *err, size_t err_size);

#endif
