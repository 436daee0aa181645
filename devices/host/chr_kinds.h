/* Behind chr.h: the kinds that chr_open knows, and what those on a file descriptor share. */
#ifndef DEVICES_HOST_CHR_KINDS_H
#define DEVICES_HOST_CHR_KINDS_H

#include "devices/host/chr.h"

#include <sys/types.h>

/* NULL and a sentence in err on failure. */
struct chr *chr_stdio_open(char *err, size_t err_size);
struct chr *chr_file_open(const char *path, char *err, size_t err_size);
struct chr *chr_unix_open(const char *path, char *err, size_t err_size);
struct chr *chr_pty_open(char *err, size_t err_size);

/* Output that waits for a slow reader: bounded, in order, the newest is dropped. */
struct chr_queue {
    u8 *buf; /* NULL until something waits */
    size_t start, len;
    bool may_block; /* the descriptor is shared with others, so O_NONBLOCK could not be set */
};

/* Write or queue; what fits nowhere is counted in *dropped. */
bool chr_queue_write(struct chr_queue *q, int fd, const void *data, size_t len, u64 *dropped);
/* Write on what waits. Both return false if nobody reads any more; the queue is empty then. */
bool chr_queue_pump(struct chr_queue *q, int fd, u64 *dropped);
/* For ops->watch: what to wait for on a descriptor that is read, and written while output waits. */
short chr_queue_events(const struct chr_queue *q);
/* Pump for at most two seconds, then free. */
void chr_queue_close(struct chr_queue *q, int fd);

/* Bytes that can be read without waiting: 0 none now, -1 end of file or error. */
ssize_t chr_read_waiting(int fd, void *data, size_t size);

#endif
