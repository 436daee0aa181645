/*
 * Pre-images in a file; see preimage.h. All numbers are little endian.
 *
 *   header, 4096 bytes
 *      0   8  89 'B' 'Y' 'D' 0D 0A 1A 0A
 *      8   4  format
 *     12  16  id, as in the snapshot
 *     28   4  CRC-32 of the 28 bytes before
 *     64   8  bytes of the file up to which records are whole
 *     72  16  id of the host's boot in which it was last open for writing
 *     88   4  1: open; 0: closed in order
 *     92   4  1: something could not be kept
 *    128  32  for each of six slots: size of the image, time of its last change by us (8 each),
 *             1 while a write is under way (4), zero (12)
 *   records
 *      0   4  'P' 'R' 'E' '1'
 *      4   4  slot
 *      8   8  cluster
 *     16   4  sectors
 *     20   4  CRC-32 of the contents
 *     24   4  zero
 *     28   4  CRC-32 of the 28 bytes before
 *     32      the sectors
 *
 * The header is mapped: what is stored there survives the program, though not the host, which is
 * what the host's boot is noted for. A record cut short at the end belongs to a write that never
 * came to the image.
 */
#define _GNU_SOURCE
#include "devices/host/preimage.h"

#include "base/bytes.h"
#include "base/log.h"
#include "devices/host/blk.h"
#include "devices/host/compress.h"
#include "devices/host/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SECTOR = 512,
    HEADER = 4096,
    FORMAT = 1,
    AT_ID = 12,
    AT_CRC = 28,
    AT_LENGTH = 64,
    AT_BOOT = 72,
    AT_OPEN = 88,
    AT_VOID = 92,
    AT_SLOTS = 128,
    SLOT_BYTES = 32,
    SLOT_TIME = 8,
    SLOT_BUSY = 16,
    BOOT_BYTES = 16,
    RECORD = 32,
    CLUSTER_BYTES = PREIMAGE_CLUSTER * SECTOR,
};

#define NS_PER_S 1000000000ll

static const u8 magic[8] = {0x89, 'B', 'Y', 'D', 0x0D, 0x0A, 0x1A, 0x0A};
static const u8 record_magic[4] = {'P', 'R', 'E', '1'};

struct slot {
    struct preimage *p;
    unsigned index;
    struct blk *blk; /* NULL: not attached */
    struct blk_watch watch;
    u64 sectors;
    u64 *record; /* where a cluster is in the file; 0: not kept */
};

struct preimage {
    int fd;
    char *path;
    u8 *header; /* mapped */
    u64 end;    /* of the last whole record */
    struct slot slot[PREIMAGE_SLOTS];
    bool writing;         /* the header says so */
    pthread_mutex_t lock; /* images have a worker each */
    struct log *log;
    char *err;
    size_t err_size;
};

static u8 *slot_header(const struct slot *s)
{
    return s->p->header + AT_SLOTS + s->index * SLOT_BYTES;
}

static u64 cluster_count(const struct slot *s)
{
    return (s->sectors + PREIMAGE_CLUSTER - 1) / PREIMAGE_CLUSTER;
}

static u32 cluster_sectors(const struct slot *s, u64 cluster)
{
    return (u32)min_u64(PREIMAGE_CLUSTER, s->sectors - cluster * PREIMAGE_CLUSTER);
}

/* ---- The host ---- */

/* Tells one boot of the host from another; zeros if it does not say. */
static void host_boot(u8 out[BOOT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char text[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    unsigned n = 0;

    memset(out, 0, BOOT_BYTES);
    if (!f)
        return;
    if (fgets(text, sizeof text, f))
        for (const char *c = text; *c && n < 2 * BOOT_BYTES; c++) {
            const char *digit = strchr(digits, *c);

            if (!digit)
                continue;
            out[n / 2] |= (u8)((digit - digits) << (n & 1 ? 0 : 4));
            n++;
        }
    fclose(f);
}

/* When the host was started, by the clock that files are stamped with. */
static s64 host_start_ns(void)
{
    struct timespec now, up;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (now.tv_sec - up.tv_sec) * NS_PER_S + now.tv_nsec - up.tv_nsec;
}

/* ---- Life ---- */

static bool refuse(struct preimage *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct preimage *p, const char *fmt, ...)
{
    int n = snprintf(p->err, p->err_size, "'%s': ", p->path);
    va_list args;

    va_start(args, fmt);
    if (n > 0 && (size_t)n < p->err_size)
        vsnprintf(p->err + n, p->err_size - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static struct preimage *new_preimage(const char *path, struct log *log, char *err, size_t err_size)
{
    struct preimage *p = calloc(1, sizeof *p);

    if (!p || !(p->path = strdup(path))) {
        free(p);
        snprintf(err, err_size, "'%s': out of memory", path);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->fd = -1;
    p->log = log;
    p->err = err;
    p->err_size = err_size;
    for (unsigned i = 0; i < PREIMAGE_SLOTS; i++) {
        p->slot[i].p = p;
        p->slot[i].index = i;
    }
    return p;
}

static bool map_header(struct preimage *p)
{
    p->header = mmap(NULL, HEADER, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
    if (p->header != MAP_FAILED)
        return true;
    p->header = NULL;
    return refuse(p, "cannot be mapped: %s", strerror(errno));
}

/* Two programs that keep in one file would ruin it. */
static bool lock_file(struct preimage *p)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(p->fd, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES))
        return refuse(p, "in use by another program; close it");
    return true;
}

static void begin_writing(struct preimage *p)
{
    p->writing = true;
    host_boot(p->header + AT_BOOT);
    put_le32(p->header + AT_OPEN, 1);
    put_le64(p->header + AT_LENGTH, p->end);
}

static bool create_file(struct preimage *p)
{
    struct stat st;

    if (!lstat(p->path, &st) && !S_ISREG(st.st_mode))
        return refuse(p, "is not a plain file; choose another name");
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->fd < 0)
        return refuse(p, "%s", strerror(errno));
    if (!lock_file(p))
        return false;
    if (ftruncate(p->fd, 0) || ftruncate(p->fd, HEADER))
        return refuse(p, "%s", strerror(errno));
    return map_header(p);
}

struct preimage *preimage_create(const char *path, const u8 id[PREIMAGE_ID_BYTES], struct log *log,
                                 char *err, size_t err_size)
{
    struct preimage *p = new_preimage(path, log, err, err_size);

    if (!p)
        return NULL;
    if (create_file(p)) {
        memcpy(p->header, magic, sizeof magic);
        put_le32(p->header + 8, FORMAT);
        memcpy(p->header + AT_ID, id, PREIMAGE_ID_BYTES);
        put_le32(p->header + AT_CRC, crc32_of(0, p->header, AT_CRC));
        p->end = HEADER;
        begin_writing(p);
        return p;
    }
    preimage_close(p);
    return NULL;
}

const char *preimage_path(const struct preimage *p)
{
    return p->path;
}

const u8 *preimage_id(const struct preimage *p)
{
    return p->header + AT_ID;
}

bool preimage_sync(struct preimage *p)
{
    return !fdatasync(p->fd);
}

bool preimage_is_void(const struct preimage *p)
{
    return get_le32(p->header + AT_VOID);
}

/* ---- Reading the file ---- */

static bool read_at(struct preimage *p, u64 at, void *data, size_t len)
{
    u8 *to = data;
    ssize_t n;

    while (len) {
        n = pread(p->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        at += (u64)n;
        len -= (size_t)n;
    }
    return true;
}

static bool check_header(struct preimage *p, const u8 *id)
{
    const u8 *h = p->header;

    if (memcmp(h, magic, sizeof magic) || get_le32(h + AT_CRC) != crc32_of(0, h, AT_CRC))
        return refuse(p, "is damaged, or no file of disk contents; use another copy");
    if (get_le32(h + 8) != FORMAT)
        return refuse(p, "is of format %u, this program knows %u; use the program that made it",
                      get_le32(h + 8), FORMAT);
    if (memcmp(h + AT_ID, id, PREIMAGE_ID_BYTES))
        return refuse(p, "belongs to another snapshot; use the one beside it");
    if (get_le32(h + AT_VOID))
        return refuse(p, "is incomplete: what was overwritten could not be kept");
    return true;
}

/* Take the record at `at`; false if it is not whole. */
static bool take_record(struct preimage *p, u64 at, u8 *data, u64 *next)
{
    u8 head[RECORD];
    struct slot *s;
    u64 cluster;
    u32 count;

    if (!read_at(p, at, head, RECORD) || memcmp(head, record_magic, sizeof record_magic) ||
        get_le32(head + 28) != crc32_of(0, head, 28) || get_le32(head + 4) >= PREIMAGE_SLOTS)
        return false;
    s = &p->slot[get_le32(head + 4)];
    cluster = get_le64(head + 8);
    count = get_le32(head + 16);
    if (cluster >= cluster_count(s) || count != cluster_sectors(s, cluster) || s->record[cluster] ||
        !read_at(p, at + RECORD, data, (size_t)count * SECTOR) ||
        get_le32(head + 20) != crc32_of(0, data, (size_t)count * SECTOR))
        return false;
    s->record[cluster] = at;
    *next = at + RECORD + (u64)count * SECTOR;
    return true;
}

static bool take_records(struct preimage *p)
{
    u64 whole = get_le64(p->header + AT_LENGTH);
    u8 *data = malloc(CLUSTER_BYTES);

    if (!data)
        return refuse(p, "out of memory");
    p->end = HEADER;
    while (take_record(p, p->end, data, &p->end))
        ;
    free(data);
    if (p->end < whole)
        return refuse(p, "is damaged at byte %llu; use another copy", (unsigned long long)p->end);
    return true;
}

static bool make_index(struct slot *s, u64 sectors)
{
    if (s->record)
        return s->sectors == sectors;
    s->sectors = sectors;
    s->record = calloc((size_t)cluster_count(s) + 1, sizeof *s->record);
    return s->record;
}

static bool open_file(struct preimage *p, bool *missing)
{
    struct stat st;

    p->fd = open(p->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *missing = p->fd < 0 && errno == ENOENT;
    if (p->fd < 0 || fstat(p->fd, &st))
        return refuse(p, "cannot be opened: %s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < HEADER)
        return refuse(p, "is cut short; use another copy");
    return lock_file(p) && map_header(p);
}

struct preimage *preimage_open(const char *path, const u8 id[PREIMAGE_ID_BYTES],
                               const u64 sectors[PREIMAGE_SLOTS], struct log *log, bool *missing,
                               char *err, size_t err_size)
{
    struct preimage *p = new_preimage(path, log, err, err_size);
    bool good;

    *missing = false;
    if (!p)
        return NULL;
    good = open_file(p, missing) && check_header(p, id);
    for (unsigned i = 0; i < PREIMAGE_SLOTS && good; i++)
        good = make_index(&p->slot[i], sectors[i]) || refuse(p, "out of memory");
    if (good && take_records(p))
        return p;
    preimage_close(p);
    return NULL;
}

/* ---- Keeping ---- */

/* The guest goes on; the snapshot cannot go back any more. */
static void give_up(struct preimage *p, const char *why)
{
    if (!get_le32(p->header + AT_VOID))
        log_warn(p->log, "snapshot",
                 "'%s': what disks held cannot be kept: %s; that snapshot can no longer be loaded",
                 p->path, why);
    put_le32(p->header + AT_VOID, 1);
}

static int write_at(struct preimage *p, u64 at, const u8 *data, size_t len)
{
    struct quiet q;
    int error = 0;
    ssize_t n;

    quiet_begin(&q);
    while (len && !error) {
        n = pwrite(p->fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error = n ? errno : EIO;
            break;
        }
        data += n;
        at += (u64)n;
        len -= (size_t)n;
    }
    quiet_end(&q);
    return error;
}

/* Append a cluster as the image holds it; 0 or an errno. */
static int keep_cluster(struct slot *s, u64 cluster)
{
    u8 record[RECORD + CLUSTER_BYTES] = {0};
    u32 count = cluster_sectors(s, cluster);
    size_t len = (size_t)count * SECTOR;
    int error;

    error = -blk_preimage_peek(s->blk, cluster * PREIMAGE_CLUSTER, count, record + RECORD);
    memcpy(record, record_magic, sizeof record_magic);
    put_le32(record + 4, s->index);
    put_le64(record + 8, cluster);
    put_le32(record + 16, count);
    put_le32(record + 20, crc32_of(0, record + RECORD, len));
    put_le32(record + 28, crc32_of(0, record, 28));
    if (!error)
        error = write_at(s->p, s->p->end, record, RECORD + len);
    if (error)
        return error;
    s->record[cluster] = s->p->end;
    s->p->end += RECORD + len;
    return 0;
}

/* The clusters of a write that have not been kept yet; 0 or an errno. */
static int keep(struct slot *s, u64 first, u64 last)
{
    struct preimage *p = s->p;
    u64 end = p->end;
    int error = 0;

    for (u64 c = first; c <= last && !error; c++)
        if (!s->record[c])
            error = keep_cluster(s, c);
    if (!error && p->end != end && fdatasync(p->fd))
        error = errno;
    if (!error)
        put_le64(p->header + AT_LENGTH, p->end);
    return error;
}

/* Nobody else has written since our last write. A long write comes as several pieces. */
static bool is_as_noted(struct slot *s)
{
    const u8 *h = slot_header(s);
    u64 size = 0;
    s64 mtime_ns = 0;

    return get_le32(h + SLOT_BUSY) || !blk_preimage_time(s->blk, &size, &mtime_ns) ||
           (size == get_le64(h) && mtime_ns == (s64)get_le64(h + SLOT_TIME));
}

static int before_write(void *opaque, u64 sector, u32 count, const void *old)
{
    struct slot *s = opaque;
    struct preimage *p = s->p;
    int error = 0;

    pthread_mutex_lock(&p->lock);
    if (!is_as_noted(s))
        give_up(p, "something else has written the image");
    put_le32(slot_header(s) + SLOT_BUSY, 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (!get_le32(p->header + AT_VOID))
        error = keep(s, sector / PREIMAGE_CLUSTER, (sector + count - 1) / PREIMAGE_CLUSTER);
    if (error)
        give_up(p, strerror(error));
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* How the image is after our last write to it. */
static void note_image(struct slot *s, u64 size, s64 mtime_ns)
{
    u8 *h = slot_header(s);

    put_le64(h, size);
    put_le64(h + SLOT_TIME, (u64)mtime_ns);
    /* Whoever is killed between two stores has not done the later one. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    put_le32(h + SLOT_BUSY, 0);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void after_write(void *opaque)
{
    struct slot *s = opaque;
    u64 size = 0;
    s64 mtime_ns = 0;

    blk_preimage_time(s->blk, &size, &mtime_ns);
    note_image(s, size, mtime_ns);
}

static void image_closing(void *opaque)
{
    struct slot *s = opaque;

    after_write(s);
    s->blk = NULL;
}

bool preimage_attach(struct preimage *p, unsigned slot, struct blk *b)
{
    struct slot *s = &p->slot[slot];
    u64 size = 0;
    s64 mtime_ns = 0;

    if (!make_index(s, blk_sectors(b)))
        return false;
    s->blk = b;
    s->watch = (struct blk_watch){
        .before = before_write, .written = after_write, .closing = image_closing, .opaque = s};
    blk_watch(b, &s->watch);
    begin_writing(p);
    blk_file_time(b, &size, &mtime_ns);
    note_image(s, size, mtime_ns);
    return true;
}

bool preimage_is_attached(const struct preimage *p, unsigned slot)
{
    return p->slot[slot].blk != NULL;
}

void preimage_close(struct preimage *p)
{
    for (unsigned i = 0; i < PREIMAGE_SLOTS; i++) {
        struct slot *s = &p->slot[i];

        if (s->blk)
            blk_unwatch(s->blk, &s->watch);
        free(s->record);
    }
    if (p->header) {
        if (p->writing)
            put_le32(p->header + AT_OPEN, 0);
        munmap(p->header, HEADER);
    }
    if (p->fd >= 0)
        close(p->fd);
    pthread_mutex_destroy(&p->lock);
    free(p->path);
    free(p);
}

/* ---- Going back ---- */

bool preimage_has(struct preimage *p, unsigned slot, u64 cluster)
{
    const struct slot *s = &p->slot[slot];

    return s->record && cluster < cluster_count(s) && s->record[cluster];
}

bool preimage_check(struct preimage *p, unsigned slot, struct blk *b, char *err, size_t err_size)
{
    const u8 *h = slot_header(&p->slot[slot]);
    u64 size = 0, known_size = get_le64(h);
    s64 mtime_ns = 0, known = (s64)get_le64(h + SLOT_TIME);
    u8 boot[BOOT_BYTES];
    bool same;

    host_boot(boot);
    blk_file_time(b, &size, &mtime_ns);
    same = size == known_size && mtime_ns == known;
    /* Killed within a write, or with the host: nobody could note how the image was left. */
    if (get_le32(h + SLOT_BUSY))
        same = size == known_size;
    else if (get_le32(p->header + AT_OPEN) && memcmp(boot, p->header + AT_BOOT, BOOT_BYTES))
        same = size == known_size && mtime_ns <= host_start_ns();
    if (get_le32(p->header + AT_VOID))
        snprintf(err, err_size, "what was overwritten in it could not be kept");
    else if (!same)
        snprintf(err, err_size, "was written by something else since the snapshot was made");
    return same && !get_le32(p->header + AT_VOID);
}

/* The contents of a kept cluster; false if the file cannot be read. */
static bool read_cluster(struct slot *s, u64 cluster, u8 *data)
{
    return read_at(s->p, s->record[cluster] + RECORD, data,
                   (size_t)cluster_sectors(s, cluster) * SECTOR);
}

bool preimage_differs(struct preimage *p, unsigned slot, struct blk *b)
{
    struct slot *s = &p->slot[slot];
    u8 kept[CLUSTER_BYTES], now[CLUSTER_BYTES];

    for (u64 c = 0; s->record && c < cluster_count(s); c++) {
        u32 count = cluster_sectors(s, c);

        if (s->record[c] &&
            (!read_cluster(s, c, kept) || blk_read_file(b, c * PREIMAGE_CLUSTER, count, now) ||
             memcmp(kept, now, (size_t)count * SECTOR)))
            return true;
    }
    return false;
}

int preimage_apply(struct preimage *p, unsigned slot, struct blk *b)
{
    struct slot *s = &p->slot[slot];
    u8 kept[CLUSTER_BYTES];
    int error = 0;

    for (u64 c = 0; s->record && c < cluster_count(s) && !error; c++) {
        if (!s->record[c])
            continue;
        if (!read_cluster(s, c, kept))
            return -EIO;
        error = blk_restore_sectors(b, c * PREIMAGE_CLUSTER, cluster_sectors(s, c), kept);
    }
    return error ? error : blk_flush(b);
}
