/*
 * Going back; see rewind.h. Inputs have positions that never change: the byte offset in the log as
 * if nothing had been dropped from its front.
 */
#include "devices/board/rewind.h"

#include "base/log.h"
#include "devices/board/interval.h"
#include "devices/board/rewind_private.h"
#include "devices/host/chr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INTERVAL_LEAST_MS = 100, /* virtual, between two snapshots */
    INTERVAL_MOST_MS = 5000,
    COST_SHARE = 40, /* taking one may cost this part of the host's time since the last */
    POINTS_MOST = 2000,
    POINTS_LEAST = 3,
    PASSING_MOST = 24,
    KEY_NUMBERS = 0x300, /* of devices/host/input.h, all below */
};

static u64 log_end(const struct rewind *r)
{
    size_t len;

    input_log_bytes(r->log, &len);
    return r->log_first + len;
}

/* ---- The ring ---- */

static size_t log_bytes(const struct rewind *r)
{
    size_t len;

    input_log_bytes(r->log, &len);
    return len;
}

static size_t bytes(const struct rewind *r)
{
    return rewind_store_bytes(r->store) + rewind_disks_bytes(r->disks) + log_bytes(r);
}

/* Nothing before the oldest snapshot is of use. */
static void drop_front(struct rewind *r)
{
    const struct rewind_point *oldest = point(r, 0);

    input_log_drop(r->log, (size_t)(oldest->log_at - r->log_first));
    r->log_first = oldest->log_at;
    rewind_disks_drop(r->disks, oldest->disk_at);
}

/*
 * The snapshot that is missed least: the gap it would leave is small beside its age. The oldest and
 * the newest stay.
 */
static unsigned least_missed(const struct rewind *r)
{
    u64 now = point(r, points(r) - 1)->now_ns;
    unsigned best = 1;
    double least = 0;

    for (unsigned i = 1; i + 1 < points(r); i++) {
        double gap = (double)(point(r, i + 1)->now_ns - point(r, i - 1)->now_ns);
        double age = (double)(now - point(r, i)->now_ns) + INTERVAL_LEAST_MS * 1e6;

        if (i == 1 || gap / age < least) {
            least = gap / age;
            best = i;
        }
    }
    return best;
}

static void drop_old(struct rewind *r)
{
    while (points(r) > POINTS_LEAST && (bytes(r) > r->limit || points(r) > POINTS_MOST)) {
        bool long_past = rewind_disks_bytes(r->disks) + log_bytes(r) > r->limit / 2;

        if (!rewind_store_drop(r->store, long_past ? 0 : least_missed(r)))
            return;
        drop_front(r);
    }
}

static void keep_limit(struct rewind *r)
{
    drop_old(r);
    if (bytes(r) <= r->limit || r->off)
        return;
    log_warn(r->m->config.log, "rewind",
             "the guest uses more memory than is kept for going back, which ends here; "
             "--rewind takes a larger size");
    r->off = true;
    rewind_store_cut(r->store, 0);
}

/* Forget the past: the present is all there is. */
static void begin_anew(struct rewind *r)
{
    rewind_store_cut(r->store, 0);
    r->log_first = log_end(r);
    input_log_cut(r->log, 0);
    if (!rewind_disks_reset(r->disks))
        r->off = true;
    r->fresh = false;
}

static bool take(struct rewind *r)
{
    struct rewind_point *p;

    if (r->off)
        return false;
    if (r->fresh)
        begin_anew(r);
    p = rewind_store_take(r->store);
    if (!p)
        return false;
    p->log_at = log_end(r);
    p->disk_at = rewind_disks_at(r->disks);
    return true;
}

static const struct interval_rule interval_rule = {
    .least_ns = INTERVAL_LEAST_MS * 1000000ull,
    .most_ns = INTERVAL_MOST_MS * 1000000ull,
    .share = COST_SHARE,
    .ease = 2, /* twice as many then cost no more than is allowed */
};

static void on_point(void *opaque)
{
    struct rewind *r = opaque;
    u64 began = host_thread_ns(), later_ns = 0;

    if (!r->past && take(r)) {
        later_ns = (u64)point(r, points(r) - 1)->protected_count * FIRST_WRITE_NS;
        keep_limit(r);
    }
    /* Time that the host gave to others meanwhile is not its cost. */
    interval_adapt(&interval_rule, &r->interval_ns, &r->host_ns,
                   host_monotonic_ns() - (host_thread_ns() - began), later_ns);
    r->listener.point_ns = clock_now(r->m->board.clock) + r->interval_ns;
}

static void on_input(void *opaque, const struct input_record *rec)
{
    struct rewind *r = opaque;

    if (r->past || r->off)
        return;
    if (rec->source == INPUT_INSERT || rec->source == INPUT_EJECT || !input_log_add(r->log, rec))
        r->fresh = true;
}

static void on_jump(void *opaque)
{
    struct rewind *r = opaque;

    if (!r->restoring)
        r->fresh = true;
}

/* ---- Into the past and out of it ---- */

static void mute(struct machine *m, bool muted)
{
    m->muted = muted;
    for (unsigned i = 0; i < m->board.chr_count; i++)
        m->board.chrs[i]->muted = muted;
}

static void leave_past(struct rewind *r)
{
    r->past = false;
    machine_set_player(r->m, r->outer);
    mute(r->m, false);
    r->listener.point_ns = clock_now(r->m->board.clock) + r->interval_ns;
    r->host_ns = host_monotonic_ns();
}

/* The newest moment was passed: nothing ever happened. */
static void arrive(struct rewind *r)
{
    rewind_disks_return(r->disks);
    leave_past(r);
}

/* Something new comes in: what lay ahead will never be. */
static void branch(struct rewind *r)
{
    struct input_time now = machine_moment(r->m);
    unsigned keep = 0;
    int e;

    while (keep < points(r) && input_time_compare(&point(r, keep)->at, &now) <= 0)
        keep++;
    rewind_store_cut(r->store, keep);
    input_log_cut(r->log, (size_t)(r->played - r->log_first));
    e = rewind_disks_branch(r->disks);
    if (e)
        log_warn(r->m->config.log, "rewind", "a disk could not be brought back: %s", strerror(-e));
    leave_past(r);
}

static bool next(void *opaque, struct input_record *out)
{
    struct rewind *r = opaque;
    size_t at = (size_t)(r->played - r->log_first);

    if (input_log_read(r->log, &at, out))
        return true;
    /* Behind the last input: the newest moment itself. */
    *out = (struct input_record){.at = point(r, points(r) - 1)->at, .source = INPUT_MEMORY};
    return true;
}

static bool play(void *opaque, const struct input_record *rec, u32 check)
{
    struct rewind *r = opaque;
    struct input_record taken;
    size_t at = (size_t)(r->played - r->log_first);

    if (!input_log_read(r->log, &at, &taken)) {
        arrive(r);
        return false;
    }
    r->played = r->log_first + at;
    return true;
}

/* It cannot be; but then better here than with inputs at the wrong moments. */
static void lost(void *opaque, const char *why)
{
    struct rewind *r = opaque;

    log_warn(r->m->config.log, "rewind",
             "the machine did not do the same again; it goes on from instruction %llu",
             (unsigned long long)r->m->board.cpu->count);
    branch(r);
}

static bool live(void *opaque, const struct input_record *rec)
{
    struct rewind *r = opaque;

    if ((rec && rec->source == INPUT_RATE) || r->m->alone)
        return false;
    if (r->outer && !r->outer->live(r->outer->opaque, rec))
        return false; /* a recording has no branches */
    branch(r);
    return true;
}

bool rewind_restore(struct rewind *r, unsigned i, char *err, size_t err_size)
{
    struct machine *m = r->m;
    bool good;

    if (!rewind_disks_go(r->disks, point(r, i)->disk_at)) {
        snprintf(err, err_size, "rewind: the host has no memory left for the disks as they were");
        return false;
    }
    if (!r->past)
        r->outer = m->player;
    r->past = true;
    r->played = point(r, i)->log_at;
    mute(m, true);
    machine_set_player(m, &r->player);
    r->restoring = true;
    good = rewind_store_restore(r->store, i, err, err_size);
    r->restoring = false;
    if (m->debug)
        debug_jumped(m->debug);
    return good;
}

bool rewind_mark_present(struct rewind *r, char *err, size_t err_size)
{
    if (r->past)
        return true;
    if (!r->off && !r->fresh && take(r)) {
        drop_old(r);
        return true;
    }
    snprintf(err, err_size, "rewind: %s",
             r->off ? "the memory for it does not suffice; give --rewind a larger size"
                    : "there is no past yet: it begins where a medium or the state was changed");
    return false;
}

enum machine_stop rewind_run_alone(struct rewind *r, u64 count, u64 ns, u64 until_ns)
{
    struct machine *m = r->m;
    bool paused = m->paused, free_run = m->pace.config.free_run;
    enum machine_stop why;

    m->alone = true;
    m->paused = false;
    m->pace.config.free_run = true;
    m->stop_count = count;
    m->stop_ns = ns;
    why = machine_run(m, until_ns);
    m->stop_count = UINT64_MAX;
    m->stop_ns = 0;
    m->pace.config.free_run = free_run;
    m->paused = paused;
    m->alone = false;
    pace_restart(&m->pace, m->board.cpu->count);
    return why;
}

/* ---- Snapshots on the way ---- */

static u64 distance(u64 a, u64 b)
{
    return a < b ? b - a : a - b;
}

/* Of those made in passing the one that is farthest from here; false if there is none. */
static bool farthest_passing(const struct rewind *r, unsigned *index, unsigned *count)
{
    u64 here = r->m->board.cpu->count, most = 0;

    *count = 0;
    for (unsigned i = 1; i + 1 < points(r); i++) {
        u64 far = distance(point(r, i)->at.count, here);

        if (!point(r, i)->passing)
            continue;
        if (!(*count)++ || far > most) {
            most = far;
            *index = i;
        }
    }
    return *count;
}

/* Room for one more; they may take a quarter of the limit beyond it. */
static void make_room_in_passing(struct rewind *r)
{
    unsigned index, count;

    while (farthest_passing(r, &index, &count) &&
           (count >= PASSING_MOST || bytes(r) > r->limit + r->limit / 4))
        if (!rewind_store_drop(r->store, index))
            return;
}

bool rewind_pass_point(struct rewind *r, unsigned *index)
{
    struct rewind_point *p;
    u64 disk_at;

    make_room_in_passing(r);
    if (!r->past || !rewind_disks_here(r->disks, &disk_at))
        return false;
    p = rewind_store_insert(r->store, index);
    if (!p)
        return false;
    p->log_at = r->played;
    p->disk_at = disk_at;
    /* A write that was under way then may be done by now. */
    if (disk_at >= p[-1].disk_at && disk_at <= p[1].disk_at)
        return true;
    rewind_store_drop(r->store, *index);
    return false;
}

enum machine_stop rewind_run_to(struct rewind *r, u64 count, u64 ns, u64 until_ns)
{
    /* From near the goal it is soon reached again, and what lies just before it as soon. */
    static const u64 before[] = {1 << 25, 1 << 21, 1 << 17};
    const struct cpu *c = r->m->board.cpu;
    enum machine_stop why;
    unsigned index;

    for (unsigned i = 0; i < ARRAY_LEN(before) && count != UINT64_MAX; i++) {
        if (count < c->count + 2 * before[i])
            continue;
        why = rewind_run_alone(r, count - before[i], 0, until_ns);
        if (why != MACHINE_TIME || c->count < count - before[i])
            return why;
        rewind_pass_point(r, &index);
    }
    return rewind_run_alone(r, count, ns, until_ns);
}

/* ---- To a moment ---- */

/* The last snapshot that is not behind a count or a time. */
static unsigned point_before(const struct rewind *r, u64 count, u64 now_ns)
{
    unsigned i = 0;

    while (i + 1 < points(r) && point(r, i + 1)->at.count <= count &&
           point(r, i + 1)->now_ns <= now_ns)
        i++;
    return i;
}

/* To the first moment of a count, or at time `ns` if it sleeps there; but not past `until_ns`. */
static bool go_to(struct rewind *r, u64 count, u64 ns, u64 until_ns, char *err, size_t err_size)
{
    struct machine *m = r->m;
    enum machine_stop why;

    if (!rewind_restore(r, point_before(r, count, until_ns), err, err_size))
        return false;
    if (m->debug)
        debug_search(m->debug, true, -1);
    why = rewind_run_to(r, count, ns, until_ns);
    if (m->debug) {
        debug_search(m->debug, false, 0);
        debug_jumped(m->debug);
    }
    if (why != MACHINE_INTERRUPTED)
        return true;
    snprintf(err, err_size,
             "rewind: interrupted on the way; the machine stands at instruction %llu",
             (unsigned long long)m->board.cpu->count);
    return false;
}

struct rewind_place rewind_here(const struct rewind *r)
{
    return (struct rewind_place){
        .past = r->past,
        .at = machine_moment(r->m),
        .now_ns = clock_now(r->m->board.clock),
    };
}

bool rewind_go_back_to(struct rewind *r, const struct rewind_place *p, char *err, size_t err_size)
{
    return p->past ? go_to(r, p->at.count, p->now_ns, UINT64_MAX, err, err_size)
                   : rewind_to_present(r, err, err_size);
}

bool rewind_to_count(struct rewind *r, u64 count, char *err, size_t err_size)
{
    if (!rewind_mark_present(r, err, err_size))
        return false;
    if (count >= point(r, points(r) - 1)->at.count)
        return rewind_to_present(r, err, err_size);
    if (count < point(r, 0)->at.count) {
        snprintf(err, err_size, "rewind: the past begins at instruction %llu, %.3f s ago",
                 (unsigned long long)point(r, 0)->at.count,
                 (double)(clock_now(r->m->board.clock) - point(r, 0)->now_ns) / 1e9);
        return false;
    }
    return go_to(r, count, 0, UINT64_MAX, err, err_size);
}

bool rewind_to_time(struct rewind *r, u64 ns, char *err, size_t err_size)
{
    if (!rewind_mark_present(r, err, err_size))
        return false;
    if (ns >= point(r, points(r) - 1)->now_ns)
        return rewind_to_present(r, err, err_size);
    return go_to(r, UINT64_MAX, 0, max_u64(ns, point(r, 0)->now_ns), err, err_size);
}

bool rewind_step_back(struct rewind *r, u64 instructions, char *err, size_t err_size)
{
    u64 now = r->m->board.cpu->count;

    if (instructions <= now)
        return rewind_to_count(r, now - instructions, err, err_size);
    snprintf(err, err_size, "rewind: the past begins at the first instruction");
    return false;
}

bool rewind_to_present(struct rewind *r, char *err, size_t err_size)
{
    if (!r->past)
        return true;
    if (!rewind_restore(r, points(r) - 1, err, err_size))
        return false;
    arrive(r);
    return true;
}

/* What is held down here, as far as its release lies ahead; true if a mouse button may be. */
static bool held_keys(const struct rewind *r, bool held[KEY_NUMBERS])
{
    bool seen[KEY_NUMBERS] = {false}, mouse = false;
    size_t at = (size_t)(r->played - r->log_first);
    struct input_record rec;

    while (input_log_read(r->log, &at, &rec)) {
        mouse |= rec.source == INPUT_MOUSE;
        if (rec.source != INPUT_KEY || rec.key.key >= KEY_NUMBERS || seen[rec.key.key])
            continue;
        seen[rec.key.key] = true;
        held[rec.key.key] = !rec.key.down;
    }
    return mouse;
}

bool rewind_branch(struct rewind *r, char *err, size_t err_size)
{
    bool held[KEY_NUMBERS] = {false}, mouse;

    if (!r->past)
        return true;
    if (r->outer && !r->outer->live(r->outer->opaque, NULL)) {
        snprintf(err, err_size, "rewind: a replay goes one way only; it has no branches");
        return false;
    }
    mouse = held_keys(r, held);
    branch(r);
    for (unsigned key = 0; key < KEY_NUMBERS; key++)
        if (held[key])
            machine_key(r->m, (u16)key, false);
    if (mouse)
        machine_mouse(r->m, 0, 0, 0, 0);
    return true;
}

/* ---- Life ---- */

bool rewind_is_past(const struct rewind *r)
{
    return r && r->past;
}

void rewind_get_status(struct rewind *r, struct rewind_status *out)
{
    const struct rewind_point *oldest = points(r) ? point(r, 0) : NULL;
    const struct rewind_point *newest = points(r) ? point(r, points(r) - 1) : NULL;
    u64 now = clock_now(r->m->board.clock), count = r->m->board.cpu->count;

    *out = (struct rewind_status){
        .past = r->past,
        .now_ns = now,
        .oldest_ns = oldest && !r->fresh ? oldest->now_ns : now,
        .newest_ns = r->past && newest ? newest->now_ns : now,
        .oldest_count = oldest && !r->fresh ? oldest->at.count : count,
        .newest_count = r->past && newest ? newest->at.count : count,
        .points = points(r),
        .bytes = bytes(r),
    };
}

struct rewind *rewind_new(struct machine *m, size_t limit, char *err, size_t err_size)
{
    struct rewind *r = calloc(1, sizeof *r);

    if (r) {
        r->m = m;
        r->limit = limit;
        r->interval_ns = INTERVAL_LEAST_MS * 1000000ull;
        r->host_ns = host_monotonic_ns();
        r->log = input_log_new();
        r->disks = rewind_disks_new(&m->board);
        r->store = rewind_store_new(m);
    }
    if (!r || !r->log || !r->disks || !r->store) {
        snprintf(err, err_size, "rewind: the host has no memory left");
        rewind_free(r);
        return NULL;
    }
    r->player =
        (struct input_player){.opaque = r, .next = next, .play = play, .lost = lost, .live = live};
    r->listener = (struct input_listener){
        .opaque = r, .applied = on_input, .point = on_point, .jumped = on_jump};
    machine_listen_inputs(m, &r->listener);
    return r;
}

bool machine_rewind_start(struct machine *m, size_t limit, char *err, size_t err_size)
{
    if (!m->rewind)
        m->rewind = rewind_new(m, limit, err, err_size);
    return m->rewind;
}

struct rewind *machine_rewind(struct machine *m)
{
    return m->rewind;
}

void rewind_free(struct rewind *r)
{
    if (!r)
        return;
    if (r->past) /* nothing new has come of it, so the disks keep the newest state */
        arrive(r);
    machine_unlisten_inputs(r->m, &r->listener);
    rewind_disks_free(r->disks);
    rewind_store_free(r->store);
    input_log_free(r->log);
    free(r);
}
