/*
 * Files of snapshots; see snapfile.h. All numbers are little endian.
 *
 *   file header, 32 bytes
 *      0   8  89 'B' 'Y' 'G' 0D 0A 1A 0A: spoilt by transfers that change line ends
 *      8   4  format
 *     12   4  bytes of this header
 *     16  12  zero
 *     28   4  CRC-32 of the 28 bytes before
 *   section header, 64 bytes, followed by the stored bytes
 *      0  24  name, padded with zeros
 *     24   4  version
 *     28   4  index among those of its name
 *     32   1  method of compression
 *     33   3  zero
 *     36   4  CRC-32 of the stored bytes
 *     40   8  stored bytes
 *     48   8  bytes when uncompressed
 *     56   4  zero
 *     60   4  CRC-32 of the 60 bytes before
 *
 * The last section is "end", without contents; its index counts the sections before it.
 */
#define _GNU_SOURCE
#include "devices/board/snapfile.h"

#include "base/bytes.h"
#include "devices/host/compress.h"
#include "devices/host/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 32, SECTION = 64, NAME_BYTES = 24, ZEROS_AT = 16 };

static const u8 magic[8] = {0x89, 'B', 'Y', 'G', 0x0D, 0x0A, 0x1A, 0x0A};
static const char end_name[] = "end";

/* ---- Writing ---- */

struct snapfile_writer {
    struct newfile *file;
    char last[NAME_BYTES]; /* sections of one name stand together */
    u32 index, count;
    u8 *packed; /* room for compressed data */
    size_t room;
    bool out_of_memory;
};

struct snapfile_writer *snapfile_create(const char *path, char *err, size_t err_size)
{
    struct snapfile_writer *w = calloc(1, sizeof *w);
    u8 head[HEADER] = {0};

    if (!w) {
        snprintf(err, err_size, "'%s': out of memory", path);
        return NULL;
    }
    w->file = newfile_create(path, err, err_size);
    if (!w->file) {
        free(w);
        return NULL;
    }
    memcpy(head, magic, sizeof magic);
    put_le32(head + 8, SNAPFILE_FORMAT);
    put_le32(head + 12, HEADER);
    put_le32(head + 28, crc32_of(0, head, 28));
    newfile_write(w->file, head, sizeof head);
    return w;
}

static bool write_section(struct snapfile_writer *w, const char *name, u32 version, u32 index,
                          u8 method, const void *stored, size_t stored_len, size_t len)
{
    u8 head[SECTION] = {0};

    assert(strlen(name) <= SNAPFILE_NAME_MAX);
    memcpy(head, name, strlen(name));
    put_le32(head + 24, version);
    put_le32(head + 28, index);
    head[32] = method;
    put_le32(head + 36, crc32_of(0, stored, stored_len));
    put_le64(head + 40, stored_len);
    put_le64(head + 48, len);
    put_le32(head + 60, crc32_of(0, head, 60));
    return newfile_write(w->file, head, sizeof head) && newfile_write(w->file, stored, stored_len);
}

/* Room for `len` compressed bytes. */
static bool make_room(struct snapfile_writer *w, size_t len)
{
    u8 *more;

    if (len <= w->room)
        return true;
    more = realloc(w->packed, len);
    if (!more)
        return false;
    w->packed = more;
    w->room = len;
    return true;
}

bool snapfile_put(struct snapfile_writer *w, const char *name, u32 version, const void *data,
                  size_t len)
{
    enum compress_method method = compress_best();
    size_t packed;

    w->index = w->count && !strcmp(w->last, name) ? w->index + 1 : 0;
    snprintf(w->last, sizeof w->last, "%s", name);
    w->count++;
    if (!make_room(w, len)) {
        w->out_of_memory = true;
        return false;
    }
    packed = compress_data(method, data, len, w->packed);
    if (packed)
        return write_section(w, name, version, w->index, method, w->packed, packed, len);
    return write_section(w, name, version, w->index, COMPRESS_STORED, data, len, len);
}

void snapfile_spoil(struct snapfile_writer *w)
{
    w->out_of_memory = true;
}

static void writer_free(struct snapfile_writer *w)
{
    free(w->packed);
    free(w);
}

bool snapfile_finish(struct snapfile_writer *w, char *err, size_t err_size)
{
    bool good;

    if (w->out_of_memory && !newfile_failed(w->file)) {
        snprintf(err, err_size, "the host has no memory left to write it");
        snapfile_abandon(w);
        return false;
    }
    write_section(w, end_name, 1, w->count, COMPRESS_STORED, "", 0, 0);
    good = newfile_commit(w->file, err, err_size);
    writer_free(w);
    return good;
}

void snapfile_abandon(struct snapfile_writer *w)
{
    newfile_abandon(w->file);
    writer_free(w);
}

/* ---- Reading ---- */

struct section {
    const struct snapfile_kind *kind;
    u32 version, index, crc;
    u8 method;
    u64 at, stored, len;
};

struct snapfile {
    int fd;
    char *path;
    u64 size;
    const struct snapfile_kind *kinds;
    struct section *sections;
    u32 count, room;
    char *err;
    size_t err_size;
};

static bool refuse(struct snapfile *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct snapfile *f, const char *fmt, ...)
{
    int n = snprintf(f->err, f->err_size, "snapshot '%s': ", f->path);
    va_list args;

    va_start(args, fmt);
    if (n > 0 && (size_t)n < f->err_size)
        vsnprintf(f->err + n, f->err_size - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static bool read_at(struct snapfile *f, u64 at, void *data, size_t len)
{
    u8 *to = data;
    ssize_t n;

    while (len) {
        n = pread(f->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(f, "cannot be read: %s", strerror(errno));
        if (!n)
            return refuse(f, "is cut short; its end is missing");
        to += n;
        at += (u64)n;
        len -= (size_t)n;
    }
    return true;
}

static bool is_zero(const u8 *p, size_t len)
{
    while (len)
        if (p[--len])
            return false;
    return true;
}

static bool check_header(struct snapfile *f)
{
    u8 head[HEADER];

    if (f->size < HEADER || !read_at(f, 0, head, sizeof head))
        return f->size >= HEADER ? false : refuse(f, "is no snapshot; choose another file");
    if (memcmp(head, magic, sizeof magic))
        return refuse(f, "is no snapshot; choose another file");
    /* Before the checksum: a later format may have another one. */
    if (get_le32(head + 8) != SNAPFILE_FORMAT && get_le32(head + 28) == crc32_of(0, head, 28))
        return refuse(f, "is of format %u, this program knows %u; use the program that made it",
                      get_le32(head + 8), SNAPFILE_FORMAT);
    if (get_le32(head + 28) != crc32_of(0, head, 28) || get_le32(head + 12) != HEADER ||
        !is_zero(head + ZEROS_AT, 12))
        return refuse(f, "its header is damaged; use another copy");
    return true;
}

static const struct snapfile_kind *find_kind(const struct snapfile *f, const char *name)
{
    const struct snapfile_kind *k = f->kinds;

    while (k->name && strcmp(k->name, name))
        k++;
    return k->name ? k : NULL;
}

static bool remember(struct snapfile *f, const struct section *s)
{
    struct section *more;

    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        more = realloc(f->sections, f->room * sizeof *more);
        if (!more)
            return refuse(f, "the host has no memory left to read it");
        f->sections = more;
    }
    f->sections[f->count++] = *s;
    return true;
}

/* What the header of a section says, against what we know of its kind. */
static bool check_section(struct snapfile *f, const char *name, const struct section *s)
{
    const struct section *before = f->count ? &f->sections[f->count - 1] : NULL;
    u32 expected = before && before->kind == s->kind ? before->index + 1 : 0;

    if (!s->kind)
        return refuse(f, "section '%s' is unknown here; use the newer program that made it", name);
    if (!s->version || s->version > s->kind->version)
        return refuse(f,
                      "section '%s' has version %u, this program knows %u; use the newer program "
                      "that made it",
                      name, s->version, s->kind->version);
    if (!compress_is_known(s->method)) {
        if (compress_name(s->method))
            return refuse(f,
                          "section '%s' is compressed with %s, which this build lacks; install "
                          "its library and build again",
                          name, compress_name(s->method));
        return refuse(f,
                      "section '%s' is compressed with method %u, unknown here; use the newer "
                      "program that made it",
                      name, s->method);
    }
    if (s->index != expected || (!s->index && snapfile_count(f, name)))
        return refuse(f, "section '%s' is out of order; use another copy", name);
    if (s->len > s->kind->max_bytes || s->stored > s->len)
        return refuse(f, "section '%s' is too long; use another copy", name);
    return true;
}

/* True with *last set at the end section. */
static bool take_section(struct snapfile *f, u64 *at, bool *last)
{
    char name[NAME_BYTES + 1] = "";
    struct section s;
    u8 head[SECTION];

    if (f->size - *at < SECTION)
        return refuse(f, "is cut short; its end is missing");
    if (!read_at(f, *at, head, sizeof head))
        return false;
    if (get_le32(head + 60) != crc32_of(0, head, 60) || head[NAME_BYTES - 1] ||
        !is_zero(head + 33, 3) || !is_zero(head + 56, 4))
        return refuse(f, "is damaged at byte %llu; use another copy", (unsigned long long)*at);
    memcpy(name, head, NAME_BYTES);
    s = (struct section){
        .kind = find_kind(f, name),
        .version = get_le32(head + 24),
        .index = get_le32(head + 28),
        .method = head[32],
        .crc = get_le32(head + 36),
        .at = *at + SECTION,
        .stored = get_le64(head + 40),
        .len = get_le64(head + 48),
    };
    *last = !strcmp(name, end_name);
    if (*last)
        return (s.index == f->count && !s.len && !s.stored && !s.crc && s.at == f->size) ||
               refuse(f, "its end is not where it should be; use another copy");
    if (s.stored > f->size - s.at)
        return refuse(f, "is cut short in section '%s'", name);
    *at = s.at + s.stored;
    return check_section(f, name, &s) && remember(f, &s);
}

static bool take_sections(struct snapfile *f)
{
    u64 at = HEADER;
    bool last = false;

    while (!last)
        if (!take_section(f, &at, &last))
            return false;
    for (const struct snapfile_kind *k = f->kinds; k->name; k++) {
        u32 n = snapfile_count(f, k->name);

        if (n < k->least)
            return refuse(f, "section '%s' is missing; use another copy", k->name);
        if (n > k->most)
            return refuse(f, "has too many sections '%s'; use another copy", k->name);
    }
    return true;
}

static bool open_file(struct snapfile *f)
{
    struct stat st;

    /* O_NONBLOCK so that a named pipe answers at once. */
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &st))
        return refuse(f, "cannot be opened: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(f, "is not a plain file; choose another one");
    f->size = (u64)st.st_size;
    return true;
}

struct snapfile *snapfile_open(const char *path, const struct snapfile_kind *kinds, char *err,
                               size_t err_size)
{
    struct snapfile *f = calloc(1, sizeof *f);

    if (!f || !(f->path = strdup(path))) {
        free(f);
        snprintf(err, err_size, "snapshot '%s': out of memory", path);
        return NULL;
    }
    f->fd = -1;
    f->kinds = kinds;
    f->err = err;
    f->err_size = err_size;
    if (open_file(f) && check_header(f) && take_sections(f))
        return f;
    snapfile_close(f);
    return NULL;
}

void snapfile_close(struct snapfile *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->sections);
    free(f->path);
    free(f);
}

/* The first of those of one name, which stand together. */
static const struct section *find(const struct snapfile *f, const char *name)
{
    for (u32 i = 0; i < f->count; i++)
        if (!strcmp(f->sections[i].kind->name, name))
            return &f->sections[i];
    return NULL;
}

u32 snapfile_count(const struct snapfile *f, const char *name)
{
    const struct section *s = find(f, name);
    u32 n = 0;

    while (s && s + n < f->sections + f->count && s[n].kind == s->kind)
        n++;
    return n;
}

static void *unpack(struct snapfile *f, const struct section *s, const u8 *stored)
{
    u8 *out = calloc(1, (size_t)s->len + 1);

    if (!out)
        refuse(f, "the host has no memory left to read it");
    else if (compress_undo(s->method, stored, (size_t)s->stored, out, (size_t)s->len))
        return out;
    else
        refuse(f, "section '%s' cannot be uncompressed; use another copy", s->kind->name);
    free(out);
    return NULL;
}

void *snapfile_read(struct snapfile *f, const char *name, u32 index, size_t *len, char *err,
                    size_t err_size)
{
    const struct section *s = find(f, name);
    void *out = NULL;
    u8 *stored;

    f->err = err;
    f->err_size = err_size;
    if (index >= snapfile_count(f, name)) {
        refuse(f, "section '%s' is missing; use another copy", name);
        return NULL;
    }
    s += index;
    *len = (size_t)s->len;
    stored = malloc((size_t)s->stored + 1);
    if (!stored)
        refuse(f, "the host has no memory left to read it");
    else if (!read_at(f, s->at, stored, (size_t)s->stored))
        ;
    else if (crc32_of(0, stored, (size_t)s->stored) != s->crc)
        refuse(f, "section '%s' is damaged; use another copy", name);
    else
        out = unpack(f, s, stored);
    free(stored);
    return out;
}
