/* Opening a recording: its chunks are checked and taken in; see replay.h. */
#include "devices/board/replay_private.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "devices/board/replay_file.h"
#include "devices/board/state_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEDIA_MAX = 4096 };

bool replay_say(char *err, size_t err_size, const struct replay *r, const char *what)
{
    snprintf(err, err_size, "replay: '%s': %s", r->name, what);
    return false;
}

static bool keep_chunk(struct chunk_list *list, struct replay_chunk *c)
{
    struct kept_chunk *k = malloc(sizeof *k);

    if (!k)
        return false;
    *k = (struct kept_chunk){.len = c->len, .data = c->data};
    c->data = NULL;
    *list->last = k;
    list->last = &k->next;
    return true;
}

static bool read_head(struct replay *r, const struct replay_chunk *c, char *err, size_t err_size)
{
    struct state *s = state_new_load(c->data, c->len);
    bool good;

    replay_head_state(&r->head, s);
    good = !state_error(s);
    if (!good)
        replay_say(err, err_size, r, state_error(s));
    state_free(s);
    r->has_head = good;
    return good;
}

/* Sectors of a medium. */
static bool is_disk_chunk(const struct replay_chunk *c)
{
    return c->len >= REPLAY_DISK_HEAD && get_le32(c->data) < DRIVE_COUNT + MEDIA_MAX &&
           get_le32(c->data + 4) == (c->len - REPLAY_DISK_HEAD) / REPLAY_SECTOR &&
           !((c->len - REPLAY_DISK_HEAD) % REPLAY_SECTOR);
}

/* The start is the first point. */
static bool add_start(struct replay *r)
{
    struct replay_point start = {
        .at = r->head.at,
        .now_ns = r->head.now_ns,
        .has_time = r->head.has_time,
        .next_medium = DRIVE_COUNT,
    };

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        start.medium[i] = r->head.drive[i].there ? i : REPLAY_NO_MEDIUM;
    return replay_points_push(&r->points, &start);
}

static bool add_point(struct replay *r, const struct replay_chunk *c, char *err, size_t err_size)
{
    const char *why = r->has_point_state ? replay_points_add(&r->points, c->data, c->len, r->inputs)
                                         : "a point has no state";

    r->has_point_state = false;
    return !why || replay_say(err, err_size, r, why);
}

/*
 * What a point consists of is only looked at now; load_machine reads it again. True if it is of
 * this kind and well-formed.
 */
static bool is_part_of_point(struct replay *r, const struct replay_chunk *c)
{
    if (!strcmp(c->tag, REPLAY_FRAMES))
        return !(c->len % REPLAY_FRAME_BYTES);
    if (!strcmp(c->tag, REPLAY_WRITTEN))
        return is_disk_chunk(c);
    if (strcmp(c->tag, REPLAY_STATE))
        return false;
    if (r->has_state)
        r->has_point_state = true;
    r->has_state = true;
    return true;
}

/* Take a chunk in; it is the caller's to free what is left of it. */
static bool take_chunk(struct replay *r, struct replay_chunk *c, char *err, size_t err_size)
{
    bool first = !r->has_head;

    if (first != !strcmp(c->tag, REPLAY_HEAD))
        return replay_say(err, err_size, r,
                          first ? "it does not begin with a head" : "a second head");
    if (first)
        return read_head(r, c, err, err_size) &&
               (add_start(r) || replay_say(err, err_size, r, "the host has no memory left"));
    if (is_part_of_point(r, c))
        return true;
    if (!strcmp(c->tag, REPLAY_POINT))
        return add_point(r, c, err, err_size);
    if (!strcmp(c->tag, REPLAY_DISK) && is_disk_chunk(c))
        return keep_chunk(&r->disks, c) ||
               replay_say(err, err_size, r, "the host has no memory left");
    if (!strcmp(c->tag, REPLAY_INPUT))
        return input_log_add_bytes(r->inputs, c->data, c->len) ||
               replay_say(err, err_size, r, "its inputs are not in order");
    if (!strcmp(c->tag, REPLAY_END) && !c->len) {
        r->whole = true;
        return true;
    }
    return replay_say(err, err_size, r, "a chunk is of no known kind");
}

static bool read_chunks(struct replay *r, struct replay_reader *reader, char *err, size_t err_size)
{
    struct replay_chunk c;
    char why[200];

    for (;;) {
        enum replay_read got = replay_reader_next(reader, &c, why, sizeof why);
        bool good;

        if (got == REPLAY_DAMAGED)
            return replay_say(err, err_size, r, why);
        if (got != REPLAY_CHUNK) {
            if (!r->whole)
                log_warn(r->log, "replay",
                         "'%s': the recording was not ended in order; what there is is played",
                         r->name);
            return true;
        }
        if (r->whole) {
            free(c.data);
            return replay_say(err, err_size, r, "there is something behind its end");
        }
        good = take_chunk(r, &c, err, err_size);
        free(c.data);
        if (!good)
            return false;
    }
}

/* The configuration as we build from it: images are not written to. */
static void make_config(struct replay *r)
{
    r->config = r->head.config;
    r->config.discard = true;
    r->is_foreign = replay_head_is_foreign(&r->head, &r->foreign);
    r->config.engine = r->is_foreign ? "interp" : NULL;
    r->config.medium_opened = replay_medium_opened;
    r->config.medium_opaque = r;
}

struct replay *replay_parse(const char *name, const void *data, size_t len, struct log *log,
                            char *err, size_t err_size)
{
    struct replay *r = calloc(1, sizeof *r);
    struct replay_reader reader;
    char why[200];

    if (!r || !(r->name = strdup(name)) || !(r->inputs = input_log_new())) {
        snprintf(err, err_size, "replay: the host has no memory left");
        replay_free(r);
        return NULL;
    }
    r->log = log;
    r->data = data;
    r->len = len;
    r->disks.last = &r->disks.first;
    r->opening = REPLAY_NO_MEDIUM;
    if (!replay_reader_begin(&reader, data, len, why, sizeof why)) {
        replay_say(err, err_size, r, why);
    } else if (read_chunks(r, &reader, err, err_size)) {
        if (r->has_head && r->has_state) {
            make_config(r);
            return r;
        }
        replay_say(err, err_size, r, "it has no start");
    }
    replay_free(r);
    return NULL;
}

struct replay *replay_open(const char *path, struct log *log, char *err, size_t err_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct replay *r = NULL;
    void *data = MAP_FAILED;
    struct stat st = {0};

    if (fd >= 0 && !fstat(fd, &st) && !st.st_size)
        errno = 0;
    else if (fd >= 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
        r = replay_parse(path, data, (size_t)st.st_size, log, err, err_size);
        if (r)
            r->map = data;
        else
            munmap(data, (size_t)st.st_size);
    } else {
        snprintf(err, err_size, "replay: '%s' cannot be read: %s", path,
                 fd >= 0 && !errno ? "it is empty" : strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return r;
}

void replay_forget_file(struct replay *r)
{
    if (r->map)
        munmap(r->map, r->len);
    r->map = NULL;
    r->data = NULL;
}

static void free_chunks(struct chunk_list *list)
{
    for (struct kept_chunk *k = list->first, *next; k; k = next) {
        next = k->next;
        free(k->data);
        free(k);
    }
    list->first = NULL;
    list->last = &list->first;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    if (r->m) {
        machine_set_player(r->m, NULL);
        if (r->m->board.cpu->undefined == &r->head.flags)
            undefined_use(r->m->board.cpu, NULL);
        r->m->config.medium_opened = NULL;
        r->m->board.replay = NULL;
    }
    replay_forget_file(r);
    state_check_free(r->check);
    replay_head_free(&r->head);
    free_chunks(&r->disks);
    replay_points_free(&r->points);
    input_log_free(r->inputs);
    free(r->name);
    free(r);
}

const struct machine_config *replay_config(const struct replay *r)
{
    return &r->config;
}
