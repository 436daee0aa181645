/* Output into a file. There is no input. */
#include "devices/host/chr_kinds.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
    struct chr chr;
    int fd;
    bool complained;
    struct chr_queue queue; /* used if it is a named pipe */
    char path[];
};

static void file_write(struct chr *c, const void *data, size_t len)
{
    struct file *f = (struct file *)c;

    if (chr_queue_write(&f->queue, f->fd, data, len, &c->dropped) || f->complained)
        return;
    f->complained = true;
    log_warn(NULL, "chr", "'%s': %s; output is lost", f->path, strerror(errno));
}

static size_t file_poll(struct chr *c, void *data, size_t size)
{
    struct file *f = (struct file *)c;

    chr_queue_pump(&f->queue, f->fd, &c->dropped);
    return 0;
}

static int file_watch(struct chr *c, short *events)
{
    struct file *f = (struct file *)c;

    *events = POLLOUT;
    return f->queue.len ? f->fd : CHR_WATCH_NOTHING;
}

static void file_close(struct chr *c)
{
    struct file *f = (struct file *)c;

    chr_queue_close(&f->queue, f->fd);
    close(f->fd);
    free(f);
}

static const struct chr_ops file_ops = {
    .write = file_write,
    .poll = file_poll,
    .watch = file_watch,
    .close = file_close,
};

struct chr *chr_file_open(const char *path, char *err, size_t err_size)
{
    struct file *f = calloc(1, sizeof *f + strlen(path) + 1);

    if (!f) {
        snprintf(err, err_size, "chr: the host has no memory left; close programs");
        return NULL;
    }
    f->chr.ops = &file_ops;
    strcpy(f->path, path);
    f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (f->fd >= 0)
        return &f->chr;
    if (errno == ENXIO)
        snprintf(err, err_size, "chr: '%s': nobody reads this pipe; start its reader first", path);
    else
        snprintf(err, err_size, "chr: '%s' cannot be written: %s", path, strerror(errno));
    free(f);
    return NULL;
}
