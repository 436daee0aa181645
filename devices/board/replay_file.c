/*
 * The file of a recording; see replay_file.h. Little endian:
 *
 *     file   "BYGONERP" version:u32 zero:u32 chunks
 *     chunk  tag:4 length:u32 packed:u32 crc-of-bytes:u32 crc-of-this-head:u32 bytes
 *
 * `packed` bytes follow, deflated (RFC 1950) if they are fewer than `length`. CRC-32 as in zlib.
 */
#include "devices/board/replay_file.h"

#include "base/bytes.h"
#include "base/locked.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    VERSION = 2 /* 1 has no points */,
    FILE_HEAD = 16,
    CHUNK_HEAD = 20,
    LEVEL = 1 /* of 9: the fastest */
};

static const char magic[] = "BYGONERP";

/* ---- Writing ---- */

struct replay_writer {
    int fd;
    pthread_mutex_t lock; /* guards what follows */
    int error;
    u64 size;
};

static void write_all(struct replay_writer *w, const u8 *p, size_t len)
{
    while (len && !w->error) {
        ssize_t n = write(w->fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            w->error = n < 0 ? -errno : -EIO;
            return;
        }
        p += n;
        len -= (size_t)n;
        w->size += (size_t)n;
    }
}

struct replay_writer *replay_writer_new(const char *path, char *err, size_t err_size)
{
    struct replay_writer *w = calloc(1, sizeof *w);
    u8 head[FILE_HEAD] = {0};

    if (!w) {
        snprintf(err, err_size, "record: the host has no memory left");
        return NULL;
    }
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        snprintf(err, err_size, "record: '%s' cannot be written: %s", path, strerror(errno));
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    memcpy(head, magic, 8);
    put_le32(head + 8, VERSION);
    write_all(w, head, sizeof head);
    return w;
}

/* A chunk of `data` with its head, and its size; `out` has room for CHUNK_HEAD + len bytes. */
static size_t make_chunk(const char *tag, const void *data, size_t len, u8 *out)
{
    u8 *bytes = out + CHUNK_HEAD;
    uLongf packed = len;

    if (len && (compress2(bytes, &packed, data, len, LEVEL) != Z_OK || packed >= len)) {
        memcpy(bytes, data, len);
        packed = len;
    }
    memcpy(out, tag, 4);
    put_le32(out + 4, (u32)len);
    put_le32(out + 8, (u32)packed);
    put_le32(out + 12, (u32)crc32(0, bytes, (uInt)packed));
    put_le32(out + 16, (u32)crc32(0, out, 16));
    return CHUNK_HEAD + packed;
}

/* Only the file is for one thread at a time: who compresses much makes nobody wait. */
void replay_writer_put(struct replay_writer *w, const char *tag, const void *data, size_t len)
{
    u8 *chunk = malloc(CHUNK_HEAD + len);
    size_t size = chunk ? make_chunk(tag, data, len, chunk) : 0;

    assert(len <= REPLAY_CHUNK_MAX);
    pthread_mutex_lock(&w->lock);
    if (!chunk && !w->error)
        w->error = -ENOMEM;
    write_all(w, chunk, size);
    pthread_mutex_unlock(&w->lock);
    free(chunk);
}

int replay_writer_error(struct replay_writer *w)
{
    return locked_int(&w->lock, &w->error);
}

u64 replay_writer_size(struct replay_writer *w)
{
    return locked_u64(&w->lock, &w->size);
}

int replay_writer_close(struct replay_writer *w)
{
    int e = w->error;

    if (close(w->fd) < 0 && !e)
        e = -errno;
    pthread_mutex_destroy(&w->lock);
    free(w);
    return e;
}

/* ---- Reading ---- */

bool replay_reader_begin(struct replay_reader *r, const void *data, size_t len, char *err,
                         size_t err_size)
{
    const u8 *p = data;

    *r = (struct replay_reader){.data = p, .len = len, .at = FILE_HEAD};
    if (len < FILE_HEAD || memcmp(p, magic, 8)) {
        snprintf(err, err_size, "it is not a recording");
        return false;
    }
    if (!get_le32(p + 8) || get_le32(p + 8) > VERSION || get_le32(p + 12)) {
        snprintf(err, err_size, "it has format version %u; this program plays 1 to %d",
                 get_le32(p + 8), VERSION);
        return false;
    }
    return true;
}

static enum replay_read damaged(const struct replay_reader *r, const char *what, char *err,
                                size_t err_size)
{
    snprintf(err, err_size, "it is damaged at byte %zu: %s", r->at, what);
    return REPLAY_DAMAGED;
}

static bool unpack(const u8 *bytes, u32 packed, u8 *out, u32 len)
{
    uLongf got = len;

    if (packed == len) {
        memcpy(out, bytes, len);
        return true;
    }
    return uncompress(out, &got, bytes, packed) == Z_OK && got == len;
}

enum replay_read replay_reader_next(struct replay_reader *r, struct replay_chunk *out, char *err,
                                    size_t err_size)
{
    const u8 *head = r->data + r->at, *bytes = head + CHUNK_HEAD;
    size_t left = r->len - r->at;
    u32 len, packed;

    if (!left)
        return REPLAY_FILE_ENDS;
    if (left < CHUNK_HEAD)
        return REPLAY_CUT_OFF;
    len = get_le32(head + 4);
    packed = get_le32(head + 8);
    if ((u32)crc32(0, head, 16) != get_le32(head + 16))
        return damaged(r, "the head of a chunk", err, err_size);
    if (len > REPLAY_CHUNK_MAX || packed > len)
        return damaged(r, "a chunk's length", err, err_size);
    if (packed > left - CHUNK_HEAD)
        return REPLAY_CUT_OFF;
    if ((u32)crc32(0, bytes, packed) != get_le32(head + 12))
        return damaged(r, "the bytes of a chunk", err, err_size);
    memcpy(out->tag, head, 4);
    out->tag[4] = 0;
    out->len = len;
    out->data = malloc(len ? len : 1);
    if (!out->data || (len && !unpack(bytes, packed, out->data, len))) {
        bool memory = out->data;

        free(out->data);
        if (memory)
            return damaged(r, "a chunk cannot be unpacked", err, err_size);
        snprintf(err, err_size, "the host has no memory left");
        return REPLAY_DAMAGED;
    }
    r->at += CHUNK_HEAD + packed;
    return REPLAY_CHUNK;
}
