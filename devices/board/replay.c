/* Playing a recording; see replay.h. */
#include "devices/board/replay.h"

#include "base/log.h"
#include "devices/board/replay_private.h"
#include "devices/board/report.h"
#include "devices/board/state_check.h"

#include <stdio.h>

/* ---- Playing ---- */

static void stop(struct replay *r, enum replay_status status, enum machine_stop why)
{
    r->status = status;
    snprintf(r->m->error, sizeof r->m->error, "%s", r->report);
    machine_ask_to_stop(r->m, why);
}

static bool fetch(struct replay *r)
{
    if (!r->has_next) {
        r->behind_next = r->at;
        r->has_next = input_log_read(r->inputs, &r->behind_next, &r->next);
    }
    return r->has_next;
}

static bool next(void *opaque, struct input_record *out)
{
    struct replay *r = opaque;

    if (r->status != REPLAY_PLAYING || !fetch(r))
        return false;
    *out = r->next;
    return true;
}

static void diverged(struct replay *r, const struct input_record *rec, const char *what)
{
    struct input_time now = machine_moment(r->m);

    snprintf(r->report, sizeof r->report,
             "replay: '%s': the run is another one: between instruction %llu and %llu (%.6f s): %s",
             r->name, (unsigned long long)r->sound.count,
             (unsigned long long)(rec ? rec->at.count : now.count),
             (double)clock_now(r->m->board.clock) / 1e9, what);
    stop(r, REPLAY_DIVERGED, MACHINE_DIVERGED);
}

static void finish(struct replay *r)
{
    snprintf(r->report, sizeof r->report,
             "replay: '%s': played to the end: %llu inputs and changes of rate, %llu checks, all "
             "as recorded",
             r->name, (unsigned long long)r->played, (unsigned long long)r->checks);
    r->player.outside = true;
    stop(r, REPLAY_ENDED, MACHINE_REPLAYED);
}

static bool play(void *opaque, const struct input_record *rec, u32 check)
{
    struct replay *r = opaque;
    char what[400];

    if (rec->check != check) {
        diverged(r, rec, "the processor's registers");
        return false;
    }
    if (rec->source == INPUT_CHECK) {
        r->checks++;
        if (!state_check_compare(r->check, rec->data, rec->len, what, sizeof what)) {
            diverged(r, rec, what);
            return false;
        }
        r->sound = rec->at;
    } else {
        r->played++;
    }
    if (rec->source == INPUT_INSERT && !rec->medium.refused) {
        r->opening = r->next_medium++;
    }
    r->at = r->behind_next;
    r->has_next = false;
    if (!fetch(r))
        finish(r);
    return true;
}

static void lost(void *opaque, const char *why)
{
    struct replay *r = opaque;

    if (r->status == REPLAY_PLAYING)
        diverged(r, r->has_next ? &r->next : NULL, why ? why : "it does not come to this moment");
}

/* Behind the end the machine is the user's. */
static bool live(void *opaque, const struct input_record *rec)
{
    struct replay *r = opaque;

    return r->status == REPLAY_ENDED;
}

/* ---- Beginning ---- */

/*
 * Undefined flags come from the recording if it has rules for them, other results from the host;
 * they may still never have mattered.
 */
static void take_undefined(struct replay *r)
{
    struct cpu *c = r->m->board.cpu;
    bool by_rules = r->is_foreign && r->head.has_flags && c->engine == &engine_interp;
    const char *open = by_rules ? r->foreign.open : r->foreign.differ;

    if (by_rules)
        undefined_use(c, &r->head.flags);
    if (r->is_foreign)
        log_warn(r->log, "replay",
                 "'%s' was recorded on a processor whose undefined results are others than this "
                 "one's (%s); it plays on the %s%s%s%s%s",
                 r->name, r->foreign.differ,
                 c->engine == &engine_interp ? "interpreter" : "engine that was asked for",
                 by_rules ? " with that one's flags" : "", open[0] ? ", and where " : "",
                 open[0] ? (by_rules ? open : "that") : "",
                 open[0] ? " matters it stops and says so" : "");
}

bool replay_start(struct replay *r, struct machine *m, char *err, size_t err_size)
{
    const struct replay_point *p = &r->points.point[r->begin];
    struct input_time now;

    r->m = m;
    if (!replay_same_firmware(r, err, err_size) || !replay_swap_media(r, p, err, err_size) ||
        !replay_load_machine(r, err, err_size))
        return false;
    replay_forget_file(r);
    now = machine_moment(m);
    if (input_time_compare(&now, &p->at))
        return replay_say(err, err_size, r, "its start is at another moment than it says");
    take_undefined(r);
    r->check = state_check_new(&m->board);
    if (!r->check)
        return replay_say(err, err_size, r, "the host has no memory left");
    r->player =
        (struct input_player){.opaque = r, .next = next, .play = play, .lost = lost, .live = live};
    r->status = REPLAY_PLAYING;
    r->sound = now;
    r->at = (size_t)p->log_at;
    r->next_medium = p->next_medium;
    m->board.replay = r;
    machine_set_player(m, &r->player);
    if (!fetch(r))
        finish(r);
    return true;
}

/* ---- Points ---- */

bool replay_begin_at(struct replay *r, const char *where, char *err, size_t err_size)
{
    char why[200];

    return replay_points_find(&r->points, where, &r->begin, why, sizeof why) ||
           replay_say(err, err_size, r, why);
}

unsigned replay_point_count(const struct replay *r)
{
    return r->points.count;
}

void replay_point_text(const struct replay *r, unsigned i, char *out, size_t out_size)
{
    const struct replay_point *p = &r->points.point[i];
    char time[40] = "            ?";

    if (p->has_time)
        snprintf(time, sizeof time, "%11.3f s", (double)p->now_ns / 1e9);
    snprintf(out, out_size, "#%-6u %s %15llu instructions%s", i, time,
             (unsigned long long)p->at.count, i ? "" : "  (the start)");
}

void replay_describe(struct replay *r, struct report *out)
{
    char line[120];

    report_say(out, "%s\n", replay_report(r));
    report_say(out, "points to begin at (--replay-from), this run began at #%u:\n", r->begin);
    for (unsigned i = 0; i < r->points.count; i++) {
        replay_point_text(r, i, line, sizeof line);
        report_say(out, "%s\n", line);
    }
}

const char *replay_report(struct replay *r)
{
    if (r->status == REPLAY_PLAYING)
        snprintf(r->report, sizeof r->report, "replay: '%s': playing, %llu checks so far", r->name,
                 (unsigned long long)r->checks);
    return r->report;
}

bool replay_has_ended(const struct replay *r)
{
    return r->status == REPLAY_ENDED || r->status == REPLAY_DIVERGED;
}
