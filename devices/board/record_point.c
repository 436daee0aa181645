/* Points of a recording; see record_point.h. */
#include "devices/board/record_point.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/state.h"
#include "devices/board/frame_copy.h"
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

enum {
    COST_SHARE = 200,   /* copying one may cost this part of the host's time since the last */
    WORKER_SHARE = 200, /* and writing it this part of a processor */
    MOST_S = 600,       /* virtual, between two, however much they cost */
    BYTES_A_SECOND = 1024 * 1024, /* of virtual time, in the file */
    FRAMES_A_CHUNK = 64,
    FRAMES_AT_ONCE = 2048, /* are copied while the guest waits: for 2 ms */
    FRAMES_IN_USE = 4096,  /* of those that are copied later the guest may soon write so many */
};

/* The start, or a point, on its way into the file. */
struct job {
    struct replay_writer *file;
    bool is_start;
    u8 point[REPLAY_POINT_BYTES];
    struct state *chips;
    struct frame_copy *memory;
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
    bool has_start; /* or the job is it */

    struct job job;
    pthread_t worker;
    bool has_worker;
    atomic_bool busy;       /* the worker has not done yet; until then the job is its own */
    atomic_bool failed;     /* what it wrote is not whole: there can be no more */
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

/* True if all frames are in the file. */
static bool put_frames(const struct job *j)
{
    u8 *chunk = malloc(FRAMES_A_CHUNK * REPLAY_FRAME_BYTES);
    u32 n;

    static_assert((int)REPLAY_FRAME_BYTES == (int)FRAME_COPY_BYTES,
                  "FRAM holds frames as they are copied");
    while (chunk && (n = frame_copy_next(j->memory, chunk, FRAMES_A_CHUNK)))
        replay_writer_put(j->file, REPLAY_FRAMES, chunk, (size_t)n * REPLAY_FRAME_BYTES);
    free(chunk);
    return chunk && frame_copy_is_whole(j->memory);
}

/* Only the last chunk makes it a start or a point. */
static bool write_job(const struct job *j)
{
    size_t len;
    const void *chips = state_data(j->chips, &len);

    for (const struct record_piece *w = j->written; w; w = w->next)
        replay_writer_put(j->file, REPLAY_WRITTEN, w->bytes, w->len);
    if (!put_frames(j))
        return false;
    replay_writer_put(j->file, REPLAY_STATE, chips, len);
    if (!j->is_start)
        replay_writer_put(j->file, REPLAY_POINT, j->point, sizeof j->point);
    return true;
}

static void do_job(struct record_points *p)
{
    u64 before = replay_writer_size(p->file), began_ns = host_thread_ns();

    if (!write_job(&p->job))
        atomic_store(&p->failed, true);
    if (!p->job.is_start) { /* which is wanted anyway, and puts no point off */
        atomic_store(&p->filled, replay_writer_size(p->file) - before);
        atomic_store(&p->spent_ns, host_thread_ns() - began_ns);
    }
    atomic_store(&p->busy, false);
}

static void *work(void *opaque)
{
    do_job(opaque);
    return NULL;
}

static void clear(struct job *j)
{
    state_free(j->chips);
    frame_copy_free(j->memory);
    record_pieces_free(j->written);
    *j = (struct job){.file = j->file};
}

static void join(struct record_points *p)
{
    if (p->has_worker)
        pthread_join(p->worker, NULL);
    p->has_worker = false;
    clear(&p->job);
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
        do_job(p);
}

/* ---- Taking one ---- */

static bool copy_frames(struct record_points *p, struct job *j)
{
    j->memory = frame_copy_new(p->m->board.pm);
    if (!j->memory)
        return false;
    for (frame_id id = 0; state_check_changed(p->check, &id); id++)
        frame_copy_add(j->memory, id);
    return frame_copy_begin(j->memory, FRAMES_AT_ONCE);
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

/* Once the job says what it is. False, and nothing has happened, with a sentence in err. */
static bool take(struct record_points *p, char *err, size_t err_size)
{
    struct job *j = &p->job;

    snprintf(err, err_size, "record: the host has no memory left");
    /* The chips first: they finish what they have started. */
    j->chips = record_chips(&p->m->board, err, err_size);
    if (!j->chips || !copy_frames(p, j) || !record_disks_written(p->disks, &j->written)) {
        clear(j);
        return false;
    }
    state_check_forget_changed(p->check);
    start_worker(p);
    return true;
}

bool record_points_start(struct record_points *p, char *err, size_t err_size)
{
    p->job.is_start = true;
    p->has_start = take(p, err, err_size);
    return p->has_start;
}

void record_points_take(struct record_points *p, u64 log_at)
{
    u64 began = host_monotonic_ns(), later;
    char err[200];

    join(p);
    describe(p, log_at, p->job.point);
    p->count += take(p, err, sizeof err);
    later = p->job.memory ? min_u64(frame_copy_later(p->job.memory), FRAMES_IN_USE) : 0;
    p->last_ns = clock_now(p->m->board.clock);
    interval_adapt(&p->rule, &p->interval_ns, &p->host_ns, began, later * FIRST_WRITE_NS);
}

bool record_points_are_written(struct record_points *p)
{
    if (!p->has_start || atomic_load(&p->busy))
        return false;
    join(p);
    return true;
}

void record_points_wait(struct record_points *p)
{
    join(p);
}

bool record_points_failed(const struct record_points *p)
{
    return atomic_load(&p->failed);
}

bool record_points_due(struct record_points *p)
{
    u64 gap = max_u64(p->interval_ns,
                      atomic_load(&p->filled) * (NS_PER_SEC / 1000) / (BYTES_A_SECOND / 1000));

    return p->rule.least_ns && !atomic_load(&p->failed) && record_points_are_written(p) &&
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
