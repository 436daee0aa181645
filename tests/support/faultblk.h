/* A disk in memory that fails on demand: what a full or dying host disk does to a chip. */
#ifndef TESTS_SUPPORT_FAULTBLK_H
#define TESTS_SUPPORT_FAULTBLK_H

#include "devices/host/blk.h"

/* May be changed while the blk is open, between requests. Errors are positive errno values. */
struct fault_plan {
    u64 first_bad;   /* sectors from here on fail; the ones before work */
    int read_error;  /* 0: reads work */
    int write_error; /* 0: writes work */
    int flush_error;
    unsigned delay_us; /* each access takes this long on the host */
    /* Filled in by the blk. */
    unsigned reads, writes, flushes;
};

/* Zero-filled. `plan` is the caller's and outlives the blk. */
struct blk *fault_blk_new(u64 sectors, struct fault_plan *plan);

#endif
