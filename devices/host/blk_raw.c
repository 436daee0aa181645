/*
 * A plain file as a disk: sector n stands at byte 512 * n. If the size is not a multiple of 512,
 * the last sector reads with zeros after the end, and the first write to it makes the file longer.
 *
 * Locks are open file description locks (fcntl(2), "Open file description locks"): they also tell
 * apart two opens of one process, and QEMU's image locks are of the same kind.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK */
#endif
#include "devices/host/blk_driver.h"

#include "base/log.h"
#include "devices/host/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

struct raw {
    int fd;
    u64 size; /* bytes */
};

/* --- access ---------------------------------------------------------------------------------- */

static int raw_read(void *opaque, u64 sector, u32 count, void *data)
{
    struct raw *r = opaque;
    u64 at = sector * SECTOR;
    size_t len = (size_t)count * SECTOR, want = (size_t)min_u64(len, r->size - at), got = 0;
    ssize_t n;

    while (got < want) {
        n = pread(r->fd, (u8 *)data + got, want - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* somebody cut the file while we had it open */
        got += (size_t)n;
    }
    memset((u8 *)data + want, 0, len - want);
    return 0;
}

static int write_all(int fd, u64 at, const u8 *data, size_t len)
{
    ssize_t n;

    while (len) {
        n = pwrite(fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        data += n;
        at += (u64)n;
        len -= (size_t)n;
    }
    return 0;
}

static int raw_write(void *opaque, u64 sector, u32 count, const void *data)
{
    struct raw *r = opaque;
    u64 at = sector * SECTOR;
    size_t len = (size_t)count * SECTOR;
    struct quiet q;
    int err;

    quiet_begin(&q);
    err = write_all(r->fd, at, data, len);
    quiet_end(&q);
    if (!err)
        r->size = max_u64(r->size, at + len);
    return err;
}

static int raw_flush(void *opaque)
{
    struct raw *r = opaque;

    return fdatasync(r->fd) ? -errno : 0;
}

static int raw_close(void *opaque)
{
    struct raw *r = opaque;
    int err = close(r->fd) ? -errno : 0; /* NFS reports a full disk here */

    free(r);
    return err;
}

static bool raw_time(void *opaque, u64 *size, s64 *mtime_ns)
{
    struct raw *r = opaque;
    struct stat st;

    if (fstat(r->fd, &st))
        return false;
    *size = (u64)st.st_size;
    *mtime_ns = (s64)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return true;
}

/* A duplicate has the same lock. */
static int raw_share(void *opaque, struct blk_share *out)
{
    struct raw *r = opaque;

    out->image = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
    out->size = r->size;
    return out->image < 0 ? -errno : 0;
}

static const struct blk_driver raw_driver = {
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .close = raw_close,
    .time = raw_time,
    .share = raw_share,
};

/* --- opening --------------------------------------------------------------------------------- */

/* What is being opened, and where its error sentence goes. */
struct opening {
    const char *path;
    unsigned flags;
    struct log *log;
    char *err;
    size_t err_size;
    int fd;
    /* errno if it cannot be "written" or "locked": writes stay in memory then */
    int why_not;
    const char *what_not;
    u64 size;
};

static bool refuse_for(struct opening *o, int code, const char *reason)
{
    snprintf(o->err, o->err_size, "disk: '%s': %s", o->path, reason);
    errno = code;
    return false;
}

static bool refuse(struct opening *o, const char *reason)
{
    return refuse_for(o, EINVAL, reason);
}

static bool refuse_errno(struct opening *o, int code)
{
    char reason[128];

    switch (code) {
    case ENOENT: return refuse_for(o, code, "there is no such file; check the name");
    case EACCES:
    case EPERM:
        return refuse_for(o, code, "the host does not let you read it; change its permissions");
    case EISDIR:
        return refuse_for(o, code, "is a directory, not a disk image; give the name of a file");
    case ENXIO:
    case ENODEV:
        return refuse_for(o, code,
                          "is a device or socket, not a disk image; copy its contents into a file");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return refuse_for(o, code, "the host is short of files or memory; close other programs");
    default:
        snprintf(reason, sizeof reason, "cannot be opened: %s", strerror(code));
        return refuse_for(o, code, reason);
    }
}

static bool open_file(struct opening *o)
{
    /* O_NONBLOCK so that a named pipe answers at once; on plain files it does nothing. */
    int common = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    o->fd = -1;
    if (!(o->flags & (BLK_READ_ONLY | BLK_DISCARD))) {
        o->fd = open(o->path, O_RDWR | common);
        if (o->fd >= 0)
            return true;
        o->why_not = errno;
        o->what_not = "written";
        if (errno != EACCES && errno != EPERM && errno != EROFS && errno != ETXTBSY)
            return refuse_errno(o, errno);
    }
    o->fd = open(o->path, O_RDONLY | common);
    return o->fd >= 0 || refuse_errno(o, errno);
}

static bool check_kind(struct opening *o)
{
    struct stat st;

    if (fstat(o->fd, &st))
        return refuse_errno(o, errno);
    if (S_ISDIR(st.st_mode))
        return refuse_errno(o, EISDIR);
    if (!S_ISREG(st.st_mode))
        return refuse_errno(o, ENXIO);
    if (!st.st_size)
        return refuse(o, "is empty; give it the size of the disk, as in: truncate -s 512M FILE");
    if ((u64)st.st_size > INT64_MAX - SECTOR)
        return refuse(o, "is too large for a disk; cut it down");
    o->size = (u64)st.st_size;
    return true;
}

/* Images with a header of their own would be a garbled disk if taken sector by sector. */
static bool check_format(struct opening *o)
{
    static const struct {
        const char *magic;
        unsigned len, at;
        const char *name;
    } formats[] = {
        {"QFI\xFB", 4, 0, "qcow2"},         {"KDMV", 4, 0, "VMDK"},
        {"conectix", 8, 0, "VHD"},          {"vhdxfile", 8, 0, "VHDX"},
        {"\x7F\x10\xDA\xBE", 4, 64, "VDI"},
    };
    u8 head[68] = {0};
    char reason[160];
    unsigned i;

    if (pread(o->fd, head, sizeof head, 0) < 0)
        return refuse_errno(o, errno);
    for (i = 0; i < ARRAY_LEN(formats); i++) {
        if (memcmp(head + formats[i].at, formats[i].magic, formats[i].len))
            continue;
        snprintf(
            reason, sizeof reason,
            "is a %s image, which is not supported; convert it: qemu-img convert -O raw OLD NEW",
            formats[i].name);
        return refuse(o, reason);
    }
    return true;
}

/* Returns false (with a sentence) if somebody else holds the image. */
static bool lock_file(struct opening *o)
{
    bool writes = !(o->flags & (BLK_READ_ONLY | BLK_DISCARD)) && !o->why_not;
    struct flock lock = {.l_type = writes ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

    if (!fcntl(o->fd, F_OFD_SETLK, &lock))
        return true;
    if (errno == EAGAIN || errno == EACCES) {
        if (!(o->flags & BLK_DISCARD))
            return refuse(o, "in use by another program; close it or add --discard");
        log_warn(o->log, "disk", "'%s': in use by another program; what it writes may show up here",
                 o->path);
        return true;
    }
    /* No locks on this file system. Two writers ruin an image; two readers do not. */
    if (writes) {
        o->why_not = errno;
        o->what_not = "locked";
    }
    return true;
}

static bool make_image(struct opening *o, struct blk_image *image)
{
    struct raw *r = malloc(sizeof *r);

    if (!r)
        return refuse_errno(o, ENOMEM);
    *r = (struct raw){.fd = o->fd, .size = o->size};
    *image = (struct blk_image){
        .driver = &raw_driver,
        .opaque = r,
        .sectors = (o->size + SECTOR - 1) / SECTOR,
        .read_only = o->flags & BLK_READ_ONLY,
        .writes_in_memory = o->flags & BLK_DISCARD || o->why_not,
    };
    if (image->read_only)
        image->writes_in_memory = false;
    else if (o->why_not)
        log_warn(o->log, "disk",
                 "'%s': cannot be %s (%s); writes stay in memory and are lost at "
                 "the end",
                 o->path, o->what_not, strerror(o->why_not));
    return true;
}

bool blk_raw_open(struct blk_image *image, const char *path, unsigned flags, struct log *log,
                  char *err, size_t err_size)
{
    struct opening o = {.path = path, .flags = flags, .log = log, .err = err, .err_size = err_size};

    int why;

    if (!open_file(&o))
        return false;
    if (check_kind(&o) && check_format(&o) && lock_file(&o) && make_image(&o, image))
        return true;
    why = errno;
    close(o.fd);
    errno = why;
    return false;
}
