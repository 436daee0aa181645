/* Files that are only memory; see memfile.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "devices/host/memfile.h"

#include "devices/host/quiet.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int memfile_new(const char *name, u64 bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC), err = 0;
    struct quiet q;

    if (fd < 0)
        return -errno;
    quiet_begin(&q);
    if (ftruncate(fd, (off_t)bytes))
        err = -errno;
    quiet_end(&q);
    if (err)
        close(fd);
    return err ? err : fd;
}

int memfile_write(int fd, u64 at, const void *data, size_t len)
{
    const u8 *from = data;
    struct quiet q;
    int err = 0;

    quiet_begin(&q);
    while (len && !err) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);

        if (n > 0) {
            from += n;
            at += (u64)n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            err = n ? -errno : -EIO;
        }
    }
    quiet_end(&q);
    return err;
}

int memfile_read(int fd, u64 at, void *data, size_t len)
{
    u8 *to = data;

    while (len) {
        ssize_t n = pread(fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (!n)
            break;
        to += n;
        at += (u64)n;
        len -= (size_t)n;
    }
    memset(to, 0, len);
    return 0;
}
