/*
 * Whole files; see newfile.h. rename(2): "If newpath already exists, it will be atomically
 * replaced"; fsync(2): the directory needs an fsync of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK */
#endif
#include "devices/host/newfile.h"

#include "devices/host/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct newfile {
    int fd, error; /* errno of the first failure */
    char *path, *part;
};

static struct newfile *refuse(struct newfile *f, const char *path, const char *why, char *err,
                              size_t err_size)
{
    snprintf(err, err_size, "'%s': %s", path, why);
    if (f) {
        if (f->fd >= 0)
            close(f->fd);
        free(f->path);
        free(f->part);
        free(f);
    }
    return NULL;
}

/* The partial file, ours alone; one that a killed program left is taken over. */
static int open_part(const char *part)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -1;
    /* File systems without locks are no reason to fail: the name is taken by accident only. */
    if (fcntl(fd, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES)) {
        close(fd);
        errno = EBUSY;
        return -1;
    }
    if (ftruncate(fd, 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool newfile_is_special(const char *path)
{
    struct stat st;

    return !stat(path, &st) && !S_ISREG(st.st_mode);
}

struct newfile *newfile_create(const char *path, char *err, size_t err_size)
{
    struct newfile *f = calloc(1, sizeof *f);

    if (!f)
        return refuse(NULL, path, "out of memory", err, err_size);
    f->fd = -1;
    /* Through a symbolic link, so that it stays one. */
    f->path = realpath(path, NULL);
    if (!f->path)
        f->path = strdup(path);
    if (!f->path || asprintf(&f->part, "%s.part", f->path) < 0)
        return refuse(f, path, "out of memory", err, err_size);
    if (newfile_is_special(f->path))
        return refuse(f, path, "is not a plain file; choose another name", err, err_size);
    f->fd = open_part(f->part);
    if (f->fd >= 0)
        return f;
    if (errno == EBUSY)
        return refuse(f, path, "is being written by another program; wait for it", err, err_size);
    return refuse(f, path, strerror(errno), err, err_size);
}

bool newfile_write(struct newfile *f, const void *data, size_t len)
{
    const u8 *at = data;
    struct quiet q;
    ssize_t n;

    quiet_begin(&q);
    while (len && !f->error) {
        n = write(f->fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->error = n ? errno : EIO;
            break;
        }
        at += n;
        len -= (size_t)n;
    }
    quiet_end(&q);
    return !f->error;
}

bool newfile_failed(const struct newfile *f)
{
    return f->error;
}

/* A rename is on the medium when its directory is. Directories that cannot be synced are not ours
 * to worry about. */
static void sync_directory(const char *path)
{
    char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
    int fd;

    if (slash)
        slash[slash == copy] = 0; /* "/name": keep the slash */
    fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

static void end(struct newfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->part);
    free(f);
}

bool newfile_commit(struct newfile *f, char *err, size_t err_size)
{
    if (!f->error && fsync(f->fd))
        f->error = errno;
    if (!f->error && rename(f->part, f->path))
        f->error = errno;
    if (f->error) {
        snprintf(err, err_size, "'%s': cannot be written: %s%s", f->path, strerror(f->error),
                 f->error == ENOSPC || f->error == EDQUOT ? "; free some room there" : "");
        newfile_abandon(f);
        return false;
    }
    sync_directory(f->path);
    end(f);
    return true;
}

void newfile_abandon(struct newfile *f)
{
    unlink(f->part);
    end(f);
}
