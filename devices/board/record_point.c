/* Points of a recording; see record_point.h. */
#include "devices/board/record_point.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/state.h"
#include "devices/board/interval.h"
#include "devices/board/machine_private.h"
#include "devices/board/record_disk.h"
#include "devices/board/replay_file.h"
#include "devices/board/state_check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    COST_SHARE = 200,   /* copying one may cost this part of the host's time since the last */
    WORKER_SHARE = 100, /* and writing it this part */
    MOST_S = 600,       /* virtual, between two, however much they cost */
    BYTES_A_SECOND = 1024 * 1024, /* of virtual time, in the file */
    FRAMES_A_CHUNK = 64,
};

/* One point on its way into the file. */
struct job {
    struct replay_writer *file;
    u8 point[REPLAY_POINT_BYTES];
    struct state *chips;
    u8 *frames; /* as in FRAM chunks */
    u32 frame_count;
    struct record_piece *written;
};

struct record_points {
    struct machine *m;
    struct replay_writer *file;
    struct record_disks *disks;
    struct state_check *check;
    struct interval_rule rule;
    u64 interval_ns, host_ns;
    u64 last_ns; /* virtual time of the last one */
    u64 count;

    struct job job;
    pthread_t worker;
    bool has_worker;
    atomic_bool busy;       /* the worker has not done yet; until then the job is its own */
    atomic_ullong filled;   /* bytes that the last one took */
    atomic_ullong spent_ns; /* processor time of the worker for it */
};

struct state *record_chips(struct board *b, char *err, size_t err_size)
{
    struct state *s = state_new_save();
    size_t len;

    state_leave_out_memory(s);
    board_state(b, s);
    state_data(s, &len);
    if (!state_error(s) && len <= REPLAY_CHUNK_MAX)
        return s;
    snprintf(err, err_size, "record: %s",
             state_error(s) ? state_error(s) : "the machine's state is too long");
    state_free(s);
    return NULL;
}

/* ---- The worker ---- */

static void clear(struct job *j)
{
    state_free(j->chips);
    free(j->frames);
    record_pieces_free(j->written);
    *j = (struct job){.file = j->file};
}

static void put_frames(const struct job *j)
{
    for (u32 at = 0; at < j->frame_count; at += FRAMES_A_CHUNK) {
        u32 n = (u32)min_u64(FRAMES_A_CHUNK, j->frame_count - at);

        replay_writer_put(j->file, REPLAY_FRAMES, j->frames + (size_t)at * REPLAY_FRAME_BYTES,
                          (size_t)n * REPLAY_FRAME_BYTES);
    }
}

static u64 thread_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

/* Only the last chunk makes it a point. */
static void write_job(struct record_points *p)
{
    struct job *j = &p->job;
    u64 before = replay_writer_size(j->file), began_ns = thread_ns();
    size_t len;
    const void *chips = state_data(j->chips, &len);

    for (const struct record_piece *w = j->written; w; w = w->next)
        replay_writer_put(j->file, REPLAY_WRITTEN, w->bytes, w->len);
    put_frames(j);
    replay_writer_put(j->file, REPLAY_STATE, chips, len);
    replay_writer_put(j->file, REPLAY_POINT, j->point, sizeof j->point);
    atomic_store(&p->filled, replay_writer_size(j->file) - before);
    clear(j);
    atomic_store(&p->spent_ns, thread_ns() - began_ns);
    atomic_store(&p->busy, false);
}

static void *work(void *opaque)
{
    write_job(opaque);
    return NULL;
}

static void join(struct record_points *p)
{
    if (p->has_worker)
        pthread_join(p->worker, NULL);
    p->has_worker = false;
}

/* Signals are for the threads of the front end. */
static void start_worker(struct record_points *p)
{
    sigset_t all, old;

    atomic_store(&p->busy, true);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    p->has_worker = pthread_create(&p->worker, NULL, work, p) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!p->has_worker)
        write_job(p);
}

/* ---- Taking one ---- */

static bool copy_frames(struct record_points *p, struct job *j)
{
    struct physmap *pm = p->m->board.pm;
    u8 *to;

    j->frame_count = state_check_changed(p->check, NULL);
    j->frames = to = malloc((size_t)j->frame_count * REPLAY_FRAME_BYTES + 1);
    if (!to)
        return false;
    for (frame_id id = 0; state_check_changed(p->check, &id); id++, to += REPLAY_FRAME_BYTES) {
        put_le32(to, id);
        memcpy(to + 4, frame_host(physmap_frame(pm, id)), PAGE_SIZE);
    }
    return true;
}

static void describe(const struct record_points *p, u64 log_at, u8 out[REPLAY_POINT_BYTES])
{
    struct input_time at = machine_moment(p->m);

    put_le64(out, at.count);
    put_le64(out + 8, at.idle_ns);
    put_le32(out + 16, at.sequence);
    put_le64(out + 20, clock_now(p->m->board.clock));
    put_le64(out + 28, log_at);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        put_le32(out + 36 + 4 * i, record_disks_number(p->disks, i));
}

void record_points_take(struct record_points *p, u64 log_at)
{
    u64 began = host_monotonic_ns();
    struct job *j = &p->job;
    char err[200];

    join(p);
    describe(p, log_at, j->point);
    /* The chips first: they finish what they have started. */
    j->chips = record_chips(&p->m->board, err, sizeof err);
    if (j->chips && copy_frames(p, j) && record_disks_written(p->disks, &j->written)) {
        state_check_forget_changed(p->check);
        p->count++;
        start_worker(p);
    } else {
        clear(j); /* the next one holds what this one would have */
    }
    p->last_ns = clock_now(p->m->board.clock);
    interval_adapt(&p->rule, &p->interval_ns, &p->host_ns, began, 0);
}

bool record_points_due(struct record_points *p)
{
    u64 gap = max_u64(p->interval_ns,
                      atomic_load(&p->filled) * (NS_PER_SEC / 1000) / (BYTES_A_SECOND / 1000));

    return p->rule.least_ns && !atomic_load(&p->busy) &&
           host_monotonic_ns() >= p->host_ns + atomic_load(&p->spent_ns) * WORKER_SHARE &&
           clock_now(p->m->board.clock) >= p->last_ns + gap;
}

/* ---- Life ---- */

struct record_points *record_points_new(struct machine *m, struct replay_writer *file,
                                        struct record_disks *disks, struct state_check *check,
                                        u64 least_ns)
{
    struct record_points *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->m = m;
    p->file = p->job.file = file;
    p->disks = disks;
    p->check = check;
    p->rule = (struct interval_rule){
        .least_ns = least_ns,
        .most_ns = max_u64(least_ns, MOST_S * NS_PER_SEC),
        .share = COST_SHARE,
        .ease = 4,
    };
    p->interval_ns = least_ns;
    p->host_ns = host_monotonic_ns();
    p->last_ns = clock_now(m->board.clock);
    return p;
}

void record_points_free(struct record_points *p)
{
    if (!p)
        return;
    join(p);
    free(p);
}

u64 record_points_count(const struct record_points *p)
{
    return p->count;
}
