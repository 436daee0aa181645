/*
 * Recordings made up: the input is cut into chunks which get right checksums, some of them taken
 * from a true recording and changed. What is accepted is played for a moment.
 * Input: for each chunk its kind (1), how it begins (1: 0 from nothing, else from the true one with
 * so many changes), then a length (2) and bytes, or changes of place (2) and value (1). It begins
 * at the last point.
 */
#define _GNU_SOURCE /* memfd_create */
#include "devices/board/replay.h"

#include "base/bytes.h"
#include "base/log.h"
#include "devices/board/machine_private.h"
#include "devices/board/replay_file.h"
#include "tests/fuzz/bare_machine.h"
#include "tests/fuzz/lasting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KINDS = 8, MADE_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tags[KINDS] = {REPLAY_HEAD,  REPLAY_STATE, REPLAY_FRAMES,  REPLAY_DISK,
                                        REPLAY_INPUT, REPLAY_END,   REPLAY_WRITTEN, REPLAY_POINT};
static struct replay_chunk truth[KINDS]; /* the first of each kind */
static struct machine *m;
static struct log *quiet_log;

static void quiet(void *opaque, enum log_level level, const char *line)
{
}

static const char *memory_path(int fd)
{
    static char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static u8 *slurp_fd(int fd, size_t *len)
{
    off_t size = lseek(fd, 0, SEEK_END);
    u8 *p = malloc((size_t)size + 1);

    if (!p || pread(fd, p, (size_t)size, 0) != size)
        abort();
    *len = (size_t)size;
    return p;
}

static void make_truth(void)
{
    static const u8 program[] = {0xE4, 0x60, 0x00, 0x87, 0x00, 0x30, 0x43, 0xEB, 0xF7};
    int fd = memfd_create("truth", 0);
    struct replay_reader reader;
    struct replay_chunk c;
    char err[700];
    size_t len;
    u8 *bytes;

    quiet_log = log_new(quiet, NULL);
    m = bare_machine_new(NULL, err, sizeof err);
    if (!m || fd < 0)
        abort();
    machine_write_physical(m, bare_machine_prepare(m), program, sizeof program);
    machine_record_points(m, 500000);
    if (!machine_record_start(m, memory_path(fd), err, sizeof err))
        abort();
    for (unsigned i = 0; i < 8; i++) {
        machine_run(m, machine_now_ns(m) + 300000);
        machine_key(m, (u16)(0x10 + i), true);
        machine_eject(m, DRIVE_FDA, err, sizeof err);
    }
    machine_record_stop(m, err, sizeof err);
    bytes = slurp_fd(fd, &len);
    if (!replay_reader_begin(&reader, bytes, len, err, sizeof err))
        abort();
    while (replay_reader_next(&reader, &c, err, sizeof err) == REPLAY_CHUNK)
        for (unsigned i = 0; i < KINDS; i++)
            if (!strcmp(c.tag, tags[i]) && !truth[i].data)
                truth[i] = c;
    close(fd);
}

/* One chunk as the input says; how many of its bytes were used. */
static size_t put_chunk(struct replay_writer *w, const u8 *data, size_t size)
{
    unsigned kind = data[0] % KINDS, changes = data[1];
    u8 *copy = malloc(truth[kind].len + 1);
    size_t at = 2;

    if (!copy)
        abort();
    if (!changes && size >= 4) {
        size_t n = min_u64(get_le16(data + 2), size - 4);

        replay_writer_put(w, tags[kind], data + 4, n);
        free(copy);
        return 4 + n;
    }
    if (truth[kind].len)
        memcpy(copy, truth[kind].data, truth[kind].len);
    for (changes--; changes && at + 3 <= size && truth[kind].len; changes--, at += 3)
        copy[get_le16(data + at) * 7919u % truth[kind].len] ^= data[at + 2];
    replay_writer_put(w, tags[kind], copy, truth[kind].len);
    free(copy);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_writer *w;
    struct replay *r;
    char err[700];
    size_t len;
    u8 *bytes;
    int fd = memfd_create("made", 0);

    if (!m)
        make_truth();
    w = replay_writer_new(memory_path(fd), err, sizeof err);
    if (!w)
        abort();
    while (size >= 2 && replay_writer_size(w) < MADE_MAX) {
        size_t used = put_chunk(w, data, size);

        data += used;
        size -= used;
    }
    replay_writer_close(w);
    bytes = slurp_fd(fd, &len);
    r = replay_parse("made", bytes, len, quiet_log, err, sizeof err);
    if (r && replay_begin_at(r, "1e6", err, sizeof err) && replay_start(r, m, err, sizeof err))
        machine_run(m, machine_now_ns(m) + 2000000);
    else if (strlen(err) < 10)
        abort();
    replay_free(r);
    free(bytes);
    close(fd);
    return 0;
}
