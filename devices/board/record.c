/*
 * Recording; see record.h. On the machine thread everything but the sinks of the disks
 * (record_disk.c), which the thread that serves a request calls, and the writing of points
 * (record_point.c); they share only the writer, which has a lock.
 */
#include "devices/board/record.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "devices/board/interval.h"
#include "devices/board/machine_private.h"
#include "devices/board/record_disk.h"
#include "devices/board/record_point.h"
#include "devices/board/replay_file.h"
#include "devices/board/replay_head.h"
#include "devices/board/state_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHECK_MS = 100,        /* virtual, between two checks, if they cost little */
    CHECK_MOST_MS = 60000, /* else up to so many: seconds of the host where time runs ahead */
    COST_SHARE = 200,      /* a check may cost this part of the host's time since the last one */
    FLUSH_BYTES = 256 << 10,
    FLUSH_MS = 1000,
};

struct recording {
    struct machine *m;
    char *path;
    struct replay_writer *file;
    struct input_listener listener;
    struct input_log *fresh; /* not yet in the file */
    struct state_check *check;
    struct record_disks *disks;
    struct record_points *points;
    u64 put_bytes; /* of the input log, in the file */
    u64 interval_ns, flushed_ns;
    u64 host_ns;        /* when the last check ended */
    u64 inputs, checks; /* how many */
    bool has_start;     /* the file: inputs may follow */
    bool broken;        /* the state was replaced, or memory ran out: `why` */
    const char *why;
};

static void fail(struct recording *r, const char *why)
{
    if (!r->broken)
        log_warn(r->m->config.log, "record", "'%s': %s; what came before can be played", r->path,
                 why);
    r->broken = true;
    r->why = why;
}

/* ---- Inputs and checks ---- */

/* The start is written by a thread of its own; until it is there all else has to wait. */
static bool has_start(struct recording *r)
{
    if (!r->has_start && record_points_are_written(r->points)) {
        r->has_start = true;
        if (record_points_failed(r->points))
            fail(r, "the host has no memory left");
    }
    return r->has_start && !r->broken;
}

static void flush(struct recording *r)
{
    size_t len;
    const u8 *bytes = input_log_bytes(r->fresh, &len);

    r->flushed_ns = clock_now(r->m->board.clock);
    if (!len || !has_start(r))
        return;
    replay_writer_put(r->file, REPLAY_INPUT, bytes, len);
    r->put_bytes += len;
    input_log_drop(r->fresh, len);
    if (replay_writer_error(r->file))
        fail(r, strerror(-replay_writer_error(r->file)));
}

static void add(struct recording *r, const struct input_record *rec)
{
    size_t len;

    if (r->broken)
        return;
    if (!input_log_add(r->fresh, rec))
        fail(r, "the host has no memory left");
    input_log_bytes(r->fresh, &len);
    if (len > FLUSH_BYTES || clock_now(r->m->board.clock) > r->flushed_ns + FLUSH_MS * 1000000ull)
        flush(r);
}

/* False when out of memory: the next one will do, but for the first. */
static bool take_check(struct recording *r)
{
    struct input_record rec = {
        .source = INPUT_CHECK,
        .at = machine_moment(r->m),
        .check = machine_register_check(r->m),
    };

    rec.data = state_check_take(r->check, &rec.len);
    if (rec.data && rec.len <= INPUT_DATA_MAX) {
        add(r, &rec);
        r->checks++;
    }
    return rec.data;
}

/* Often enough to narrow a difference down, seldom enough to cost little. */
static const struct interval_rule interval_rule = {
    .least_ns = CHECK_MS * 1000000ull,
    .most_ns = CHECK_MOST_MS * 1000000ull,
    .share = COST_SHARE,
    .ease = 4,
};

/* Now, where a check is the next record from `log_at` on. */
static void take_point(struct recording *r, u64 log_at)
{
    flush(r);
    if (!r->broken)
        record_points_take(r->points, log_at);
}

static u64 log_end(const struct recording *r)
{
    size_t len;

    input_log_bytes(r->fresh, &len);
    return r->put_bytes + len;
}

static void on_point(void *opaque)
{
    struct recording *r = opaque;
    u64 began = host_monotonic_ns(), log_at = log_end(r);

    take_check(r);
    interval_adapt(&interval_rule, &r->interval_ns, &r->host_ns, began,
                   (u64)state_check_guarded(r->check) * FIRST_WRITE_NS);
    if (record_points_due(r->points))
        take_point(r, log_at);
    r->listener.point_ns = clock_now(r->m->board.clock) + r->interval_ns;
}

/* ---- Inputs that media are ---- */

static void on_input(void *opaque, const struct input_record *rec)
{
    struct recording *r = opaque;
    struct input_record full = *rec;
    char *path = NULL;

    if (rec->source == INPUT_INSERT && !rec->medium.refused) {
        char name[MACHINE_PATH_MAX];

        if (!record_disks_insert(r->disks, rec->medium.drive))
            fail(r, "the host has no memory left");
        snprintf(name, sizeof name, "%.*s", (int)rec->len, (const char *)rec->data);
        path = replay_full_path(name);
        full.data = (const u8 *)(path ? path : name);
        full.len = (u32)strlen((const char *)full.data);
        add(r, &full);
        free(path);
    } else {
        if (rec->source == INPUT_EJECT)
            record_disks_removed(r->disks);
        add(r, rec);
    }
    r->inputs++;
}

static void on_jump(void *opaque)
{
    fail(opaque, "the machine's state was replaced");
}

/* ---- The start ---- */

static void put_state(struct replay_writer *w, const char *tag, struct state *s)
{
    size_t len;
    const void *data = state_data(s, &len);

    if (len <= REPLAY_CHUNK_MAX)
        replay_writer_put(w, tag, data, len);
}

static bool put_head(struct recording *r, char *err, size_t err_size)
{
    struct state *s = state_new_save();
    struct replay_head head;
    bool good = replay_head_make(&head, r->m, err, err_size);

    if (good) {
        replay_head_state(&head, s);
        put_state(r->file, REPLAY_HEAD, s);
        good = !state_error(s);
        if (!good)
            snprintf(err, err_size, "record: %s", state_error(s));
    }
    replay_head_free(&head);
    state_free(s);
    return good;
}

static bool begin(struct recording *r, const char *path, char *err, size_t err_size)
{
    struct board *b = &r->m->board;

    r->file = replay_writer_new(path, err, err_size);
    if (!r->file || !put_head(r, err, err_size))
        return false;
    r->path = strdup(path);
    r->fresh = input_log_new();
    r->check = state_check_new(b);
    r->disks = record_disks_new(b, r->file);
    if (r->disks && r->check)
        r->points = record_points_new(r->m, r->file, r->disks, r->check, r->m->record_points_ns);
    /* The check is the first record: the start, as everybody must find it. */
    if (!r->path || !r->fresh || !r->points || !take_check(r)) {
        snprintf(err, err_size, "record: the host has no memory left");
        return false;
    }
    if (!record_points_start(r->points, err, err_size))
        return false;
    if (!replay_writer_error(r->file))
        return true;
    snprintf(err, err_size, "record: '%s' cannot be written: %s", path,
             strerror(-replay_writer_error(r->file)));
    return false;
}

/* Nothing comes into the file any more, from whichever thread. */
static void end_parts(struct recording *r)
{
    record_points_free(r->points);
    record_disks_free(r->disks);
    r->points = NULL;
    r->disks = NULL;
}

static void destroy(struct recording *r)
{
    end_parts(r);
    state_check_free(r->check);
    input_log_free(r->fresh);
    free(r->path);
    free(r);
}

struct recording *record_start(struct machine *m, const char *path, char *err, size_t err_size)
{
    struct recording *r = calloc(1, sizeof *r);

    if (!r) {
        snprintf(err, err_size, "record: the host has no memory left");
        return NULL;
    }
    r->m = m;
    r->interval_ns = CHECK_MS * 1000000ull;
    r->host_ns = host_monotonic_ns();
    machine_settle(m); /* a replay begins its first round there */
    if (!begin(r, path, err, err_size)) {
        struct replay_writer *file = r->file;

        destroy(r);
        if (file)
            replay_writer_close(file);
        return NULL;
    }
    r->listener = (struct input_listener){
        .opaque = r, .applied = on_input, .point = on_point, .jumped = on_jump};
    machine_listen_inputs(m, &r->listener);
    return r;
}

bool record_stop(struct recording *r, char *told, size_t told_size)
{
    u64 size, points;
    int e;

    machine_unlisten_inputs(r->m, &r->listener);
    points = record_points_count(r->points);
    if (!r->broken) {
        machine_settle(r->m);
        take_check(r);
        record_points_wait(r->points);
        flush(r);
    }
    end_parts(r); /* nothing of them may come behind the end */
    if (!r->broken)
        replay_writer_put(r->file, REPLAY_END, NULL, 0);
    size = replay_writer_size(r->file);
    e = replay_writer_close(r->file);
    if (e || r->broken)
        snprintf(told, told_size, "record: '%s' ends early: %s", r->path,
                 r->why ? r->why : strerror(-e));
    else
        snprintf(told, told_size,
                 "record: '%s': %llu inputs and changes of rate, %llu checks, "
                 "%llu points, %llu KiB",
                 r->path, (unsigned long long)r->inputs, (unsigned long long)r->checks,
                 (unsigned long long)points, (unsigned long long)(size >> 10));
    e = e || r->broken;
    destroy(r);
    return !e;
}

/* ---- For front ends ---- */

bool machine_record_start(struct machine *m, const char *path, char *told, size_t told_size)
{
    if (m->player && !m->player->outside) {
        snprintf(told, told_size,
                 "record: what the machine does now was done before; wait until that ends");
        return false;
    }
    if (m->recording) {
        snprintf(told, told_size, "record: it is recording already; 'record stop' ends that");
        return false;
    }
    m->recording = record_start(m, path, told, told_size);
    return m->recording;
}

bool machine_record_stop(struct machine *m, char *told, size_t told_size)
{
    struct recording *r = m->recording;

    if (!r) {
        snprintf(told, told_size, "record: nothing is being recorded");
        return false;
    }
    m->recording = NULL;
    return record_stop(r, told, told_size);
}

void machine_record_points(struct machine *m, u64 least_ns)
{
    m->record_points_ns = least_ns;
}

bool machine_is_recording(const struct machine *m)
{
    return m->recording;
}
