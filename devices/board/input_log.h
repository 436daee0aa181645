/*
 * The input log: everything that reached a machine from outside, each at the moment it did. A
 * machine that starts from the same state and gets the same log does the same, to the bit.
 *
 * A moment is (instructions, idle_ns, sequence): how many instructions were completed, how much
 * time was skipped while the processor slept, and how many faults had been delivered at that count
 * (an instruction that faults for ever completes nothing). Idle time that the host cut short needs
 * no record of its own: it shows as the idle_ns of the input that cut it. A pause shows nowhere.
 */
#ifndef DEVICES_BOARD_INPUT_LOG_H
#define DEVICES_BOARD_INPUT_LOG_H

#include "base/types.h"

struct input_log;

enum input_source {
    INPUT_KEY = 1,
    INPUT_MOUSE,
    INPUT_SERIAL, /* bytes for a serial port */
    INPUT_RATE,   /* nanoseconds an instruction, as pace.c steers them */
    INPUT_INSERT, /* a medium */
    INPUT_EJECT,
    INPUT_RESET,
    INPUT_POWER,  /* the power button */
    INPUT_MEMORY, /* a debugger's write to memory */
    INPUT_CHECK,  /* nothing came in: what the state was at this moment, for a replay to compare */
    INPUT_REGISTER, /* a debugger's write to a register */
    INPUT_SOURCES
};

enum { INPUT_DATA_MAX = 1 << 20, MEDIUM_HASH_BYTES = 16 };

struct input_time {
    u64 count, idle_ns;
    u32 sequence;
};

/* Which fields count depends on the source; `data` is the rest of the payload. */
struct input_record {
    struct input_time at;
    u8 source; /* enum input_source */
    u8 cpu;    /* whose count; 0 as long as there is one */
    u32 check; /* of the processor's registers at that moment */
    union {
        struct {
            u16 key;
            bool down;
        } key;
        struct {
            s32 dx, dy, dz;
            u8 buttons;
        } mouse;
        u8 port;  /* INPUT_SERIAL: 0 to 3; the bytes are data */
        u64 rate; /* 32.32 ns */
        struct {
            u8 drive;
            bool refused; /* the guest has locked the tray: it only saw that somebody tried */
            u64 sectors;
            u8 hash[MEDIUM_HASH_BYTES]; /* see medium.h */
        } medium;                       /* the path is data, without a final zero */
        u64 gpa;                        /* INPUT_MEMORY: the bytes are data */
        struct {
            u8 kind, n; /* see registers.h; the value is data */
        } reg;
    };
    u32 len;
    const u8 *data; /* of `len` bytes; a log's own, valid until it changes */
};

/* -1, 0 or 1 as with memcmp. */
int input_time_compare(const struct input_time *a, const struct input_time *b);

/* NULL when out of memory. */
struct input_log *input_log_new(void);
void input_log_free(struct input_log *l);

/* Add a copy at the end. False when out of memory or the record is no valid one. */
bool input_log_add(struct input_log *l, const struct input_record *r);
/*
 * Read the record at byte offset *at, which moves behind it. 0 is the first one; false at the end.
 * The bytes were checked when they came in.
 */
bool input_log_read(const struct input_log *l, size_t *at, struct input_record *out);
/* All bytes, as a file keeps them (docs/replay-format.md); valid until the log changes. */
const u8 *input_log_bytes(const struct input_log *l, size_t *len);
/*
 * Add records from a file. They are not trusted: false unless all are well-formed and none goes
 * back in time; nothing is added then.
 */
bool input_log_add_bytes(struct input_log *l, const u8 *data, size_t len);
/* Forget all records from byte offset `at` on, or those before it (offsets move down by it). */
void input_log_cut(struct input_log *l, size_t at);
void input_log_drop(struct input_log *l, size_t at);

#endif
