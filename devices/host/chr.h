/*
 * A stream of bytes to and from the host: where serial and parallel ports, debug consoles and the
 * monitor lead. Output never blocks the machine: what the host cannot take is dropped and counted.
 * Input is gathered by the host side and handed to the chip on the machine thread, at a counted
 * moment, by the board's input log.
 */
#ifndef DEVICES_HOST_CHR_H
#define DEVICES_HOST_CHR_H

#include "base/types.h"

struct chr;

struct chr_ops {
    void (*write)(struct chr *c, const void *data, size_t len);
    /* Bytes waiting from the host, without blocking: returns how many were put into data. */
    size_t (*poll)(struct chr *c, void *data, size_t size);
    /* See chr_watch; NULL: CHR_WATCH_OFTEN. */
    int (*watch)(struct chr *c, short *events);
    void (*close)(struct chr *c);
};

enum {
    CHR_WATCH_NOTHING = -1, /* no input comes from the host, and no output waits */
    CHR_WATCH_OFTEN = -2,   /* ask again every few milliseconds */
};

struct chr {
    const struct chr_ops *ops;
    /* Set by the chip: takes input on the machine thread. */
    void (*receive)(void *opaque, const u8 *data, size_t len);
    void *opaque;
    u64 dropped; /* bytes of output that the host could not take */
    bool muted;  /* the board's: what is written now was written before */
};

/* Write; a null chr swallows. */
void chr_write(struct chr *c, const void *data, size_t len);
/* See ops->poll; a null chr is silent. Also sends on what a slow host has left waiting. */
size_t chr_poll(struct chr *c, void *data, size_t size);
/*
 * What a machine that sleeps waits for before it polls again: a file descriptor and its events for
 * poll(2), or one of the values above.
 */
int chr_watch(struct chr *c, short *events);
/* Gives a slow host up to two seconds for what is waiting, restores the terminal, frees. */
void chr_close(struct chr *c);

/*
 * Open by description: "stdio" (keys come one by one, Ctrl-C and Ctrl-Z stay the terminal's),
 * "file:PATH" (emptied first), "unix:PATH" (listens, one client at a time, others wait; only the
 * same user may connect), "pty" (prints the name it got on stderr), "none". NULL and a sentence in
 * err on failure.
 */
struct chr *chr_open(const char *what, char *err, size_t err_size);
/* Keeps what is written (at most `limit` bytes, oldest dropped); for tests and scripts. */
struct chr *chr_new_memory(size_t limit);
const char *chr_memory_text(struct chr *c, size_t *len);

#endif
