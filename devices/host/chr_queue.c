/* Reading and writing descriptors that must not make the machine wait. */
#include "devices/host/chr_kinds.h"

#include "devices/host/quiet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_BYTES = 1 << 20, CAREFUL_BYTES = 64, CLOSE_STEPS = 20, CLOSE_STEP_MS = 100 };

/*
 * One write that does not wait. A descriptor that could block is asked first, and given no more
 * than what fits after a yes: a terminal and a socket promise far more room than this.
 */
static ssize_t write_once(const struct chr_queue *q, int fd, const u8 *data, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    if (!q->may_block)
        return write(fd, data, len);
    if (poll(&p, 1, 0) > 0)
        return write(fd, data, (size_t)min_u64(len, CAREFUL_BYTES));
    errno = EAGAIN;
    return -1;
}

/* As many bytes as the host takes now; -1 if it never will. */
static ssize_t write_now(const struct chr_queue *queue, int fd, const u8 *data, size_t len)
{
    size_t done = 0;
    ssize_t n = 0;
    struct quiet q;

    quiet_begin(&q);
    while (done < len) {
        n = write_once(queue, fd, data + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    quiet_end(&q);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return -1;
    return (ssize_t)done;
}

bool chr_queue_pump(struct chr_queue *q, int fd, u64 *dropped)
{
    ssize_t n;

    if (!q->len)
        return true;
    n = write_now(q, fd, q->buf + q->start, q->len);
    if (n < 0) {
        *dropped += q->len;
        q->start = q->len = 0;
        return false;
    }
    q->start += (size_t)n;
    q->len -= (size_t)n;
    return true;
}

short chr_queue_events(const struct chr_queue *q)
{
    return q->len ? POLLIN | POLLOUT : POLLIN;
}

/* Returns how many bytes found room. */
static size_t enqueue(struct chr_queue *q, const u8 *data, size_t len)
{
    if (!q->buf)
        q->buf = malloc(QUEUE_BYTES);
    if (!q->buf)
        return 0;
    if (q->start + q->len + len > QUEUE_BYTES) {
        memmove(q->buf, q->buf + q->start, q->len);
        q->start = 0;
    }
    len = (size_t)min_u64(len, QUEUE_BYTES - q->len);
    memcpy(q->buf + q->start + q->len, data, len);
    q->len += len;
    return len;
}

bool chr_queue_write(struct chr_queue *q, int fd, const void *data, size_t len, u64 *dropped)
{
    const u8 *p = data;
    ssize_t n = 0;

    if (!chr_queue_pump(q, fd, dropped)) {
        *dropped += len;
        return false;
    }
    if (!q->len)
        n = write_now(q, fd, p, len);
    if (n < 0) {
        *dropped += len;
        return false;
    }
    if ((size_t)n < len)
        *dropped += len - (size_t)n - enqueue(q, p + n, len - (size_t)n);
    return true;
}

void chr_queue_close(struct chr_queue *q, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    u64 dropped = 0;
    unsigned i;

    for (i = 0; q->len && i < CLOSE_STEPS; i++) {
        if (poll(&p, 1, CLOSE_STEP_MS) > 0 && !chr_queue_pump(q, fd, &dropped))
            break;
    }
    free(q->buf);
    *q = (struct chr_queue){0};
}

ssize_t chr_read_waiting(int fd, void *data, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;

    if (!size || poll(&p, 1, 0) <= 0)
        return 0;
    n = read(fd, data, size);
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}
