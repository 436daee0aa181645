/* What both sides of a fork agree on; private to devices/board/fork*.c. */
#ifndef DEVICES_BOARD_FORK_PRIVATE_H
#define DEVICES_BOARD_FORK_PRIVATE_H

#include "base/types.h"
#include "devices/board/machine.h"
#include "devices/host/blk.h"

struct state;

enum {
    FORK_VERSION = 1,
    FORK_BLOCKS_MAX = 32,
    FORK_NAME_BYTES = 32,
    FORK_FDS_MAX = 1 + FORK_BLOCKS_MAX + 4 * DRIVE_COUNT,
    FORK_MACHINE_MAX = 64 << 20, /* bytes of the machine's state, without memory */
};

/* The messages: the first comes with the descriptors, the second when memory is complete. */
#define FORK_HELLO "bygone fork 1"
#define FORK_WHOLE "memory"

/* A block of guest memory, physmap_block. */
struct fork_block {
    char name[FORK_NAME_BYTES]; /* padded with zeros */
    u32 pages;
    int fd;
};

struct fork_drive {
    bool there;
    char *path;
    struct blk_share share;
    int overlay; /* a sector_file of what was written over the image, or -1 */
};

/* What comes before the state of the machine in the first descriptor. */
struct fork_head {
    bool paused;
    u64 machine_bytes;
    u32 block_count;
    struct fork_block block[FORK_BLOCKS_MAX];
    struct fork_drive drive[DRIVE_COUNT];
    struct machine_config config;
};

/* No descriptors. */
void fork_head_init(struct fork_head *h);
/* Closes descriptors; frees paths, but not the configuration. */
void fork_head_clear(struct fork_head *h);
void fork_head_state(struct fork_head *h, struct state *s);
/* Where each descriptor that there is belongs, in the order in which they are sent; their number.
 */
unsigned fork_head_fds(struct fork_head *h, int *fds[FORK_FDS_MAX]);

#endif
