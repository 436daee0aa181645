/*
 * Going back to where something happened: from snapshot to snapshot, the newest first, the machine
 * does again what it did, and the last stop counts. Where what was written is known
 * (rewind_writes.h) and no point can have been hit, nothing is done again.
 */
#include "devices/board/rewind_private.h"

#include <stdio.h>

enum {
    PIECES_MOST = 6,              /* of what lies between two snapshots */
    PIECE_INSTRUCTIONS = 1 << 24, /* at least */
};

struct search {
    u64 below;   /* stops at or behind this count are not meant */
    bool access; /* but accesses of the instruction before it are */
    u64 found;   /* how many were */
    struct debug_stop last;
    u32 nth; /* among those at its count */

    bool again;             /* stop there this time */
    u32 passed;             /* so many at its count */
    struct input_time from; /* the snapshot from where it was found */

    /* What is looked for: a point or expression of the search's own, or NULL: the user's points. */
    const struct debug_point *wanted;
    const char *expression;
};

static bool is_meant(const struct search *s, const struct debug_stop *stop)
{
    return stop->count < s->below ||
           (s->access && stop->count == s->below && stop->kind == DEBUG_WATCH);
}

static bool wants(void *opaque, const struct debug_stop *stop)
{
    struct search *s = opaque;

    if (!is_meant(s, stop))
        return false;
    if (s->again)
        return stop->count == s->last.count && ++s->passed == s->nth;
    s->nth = s->found++ && stop->count == s->last.count ? s->nth + 1 : 1;
    s->last = *stop;
    return false;
}

/* ---- From one snapshot to the next ---- */

/* Can something have been hit between this snapshot and the one before? */
static bool may_hit(const struct rewind *r, const struct rewind_point *p, const struct search *s)
{
    const struct debug_point *d;

    if (s->wanted)
        return rewind_writes_may_hit(&p->writes, s->wanted);
    for (unsigned i = 0; !s->expression && (d = debug_point_at(r->m->debug, i)); i++)
        if (rewind_writes_may_hit(&p->writes, d))
            return true;
    return s->expression;
}

/*
 * Run on to a place that is not behind the next snapshot. A long way is gone in pieces, and where
 * one begins that something was found in, a snapshot stays behind.
 */
static enum machine_stop run_pieces(struct rewind *r, const struct rewind_place *end,
                                    const struct search *s)
{
    u64 from = r->m->board.cpu->count, way = end->at.count - from;
    u64 pieces = min_u64(way / PIECE_INSTRUCTIONS, PIECES_MOST), found = 0;
    unsigned index = 0; /* of the snapshot where the last piece began, or 0 */
    enum machine_stop why;

    for (u64 i = 1; i < pieces; i++) {
        why = rewind_run_alone(r, from + way / pieces * i, 0, UINT64_MAX);
        if (why != MACHINE_TIME)
            return why;
        if (index && s->found == found)
            rewind_store_drop(r->store, index);
        if (!rewind_pass_point(r, &index))
            index = 0;
        found = s->found;
    }
    why = rewind_run_alone(r, end->at.count, end->now_ns, UINT64_MAX);
    if (index && s->found == found)
        rewind_store_drop(r->store, index);
    return why;
}

/* -1 instead of "any point" if the debugger has no room for one more; 0: the user's points. */
static int add_wanted(struct debug *d, const struct search *s)
{
    char err[200];
    int id = 0;

    if (!s->wanted && !s->expression)
        return 0;
    id = s->wanted ? debug_point_add(d, s->wanted)
                   : debug_watch_expression(d, s->expression, err, sizeof err);
    return id ? id : -1;
}

/* From snapshot i to the next one or `end`, noting what is found. False and a sentence in err. */
static bool search_from(struct rewind *r, unsigned i, const struct rewind_place *end,
                        struct search *s, char *err, size_t err_size)
{
    struct debug *d = r->m->debug;
    struct rewind_place to = *end;
    enum machine_stop why;
    int only;

    if (i + 1 < points(r) && input_time_compare(&point(r, i + 1)->at, &end->at) < 0)
        to = (struct rewind_place){.at = point(r, i + 1)->at, .now_ns = point(r, i + 1)->now_ns};
    if (!rewind_restore(r, i, err, err_size))
        return false;
    only = add_wanted(d, s);
    debug_search(d, true, only);
    debug_set_filter(d, wants, s);
    why = run_pieces(r, &to, s);
    debug_set_filter(d, NULL, NULL);
    debug_search(d, false, 0);
    if (only)
        debug_point_remove(d, only);
    if (why == MACHINE_INTERRUPTED)
        snprintf(err, err_size, "rewind: interrupted");
    return why != MACHINE_INTERRUPTED;
}

/* The last snapshot before a moment; false if there is none. */
static bool point_behind(const struct rewind *r, const struct input_time *at, unsigned *index)
{
    unsigned i = points(r);

    while (i > 0 && input_time_compare(&point(r, i - 1)->at, at) >= 0)
        i--;
    *index = i - 1;
    return i;
}

/* The last stop that is meant, before `end`. Numbers of snapshots change on the way. */
static enum rewind_found search(struct rewind *r, struct search *s, const struct rewind_place *end,
                                char *err, size_t err_size)
{
    unsigned i;

    for (s->from = end->at; point_behind(r, &s->from, &i);) {
        s->from = point(r, i)->at;
        if (i + 1 < points(r) && !may_hit(r, point(r, i + 1), s))
            continue;
        if (!search_from(r, i, end, s, err, err_size))
            return REWIND_FAILED;
        if (s->found)
            return REWIND_FOUND;
    }
    return REWIND_NOT_FOUND;
}

/* ---- Back to a stop ---- */

/* Do again what led to the stop that was found, and stop there. */
static bool stop_again(struct rewind *r, struct search *s, const struct rewind_place *end,
                       char *err, size_t err_size)
{
    struct debug *d = r->m->debug;
    u64 count = s->last.count;
    unsigned i = 0;

    while (i + 1 < points(r) && (input_time_compare(&point(r, i + 1)->at, &s->from) <= 0 ||
                                 point(r, i + 1)->at.count < count))
        i++;
    if (!rewind_restore(r, i, err, err_size))
        return false;
    s->again = true;
    debug_search(d, true, 0);
    debug_set_filter(d, wants, s);
    if (rewind_run_to(r, count, 0, UINT64_MAX) == MACHINE_TIME)
        rewind_run_alone(r, end->at.count, end->now_ns, UINT64_MAX);
    debug_set_filter(d, NULL, NULL);
    debug_search(d, false, 0);
    return true;
}

static enum rewind_found continue_back(struct rewind *r, bool access, char *err, size_t err_size)
{
    struct search s = {.below = r->m->board.cpu->count, .access = access};
    struct debug *d = machine_debug(r->m);
    struct rewind_place start;
    enum rewind_found found;
    char other[200];

    if (!d || !rewind_mark_present(r, err, err_size))
        return REWIND_FAILED;
    start = rewind_here(r);
    debug_cancel(d);
    found = search(r, &s, &start, err, err_size);
    if (found == REWIND_FAILED)
        rewind_go_back_to(r, &start, other, sizeof other);
    if (found == REWIND_NOT_FOUND && !rewind_restore(r, 0, err, err_size))
        return REWIND_FAILED;
    if (found == REWIND_FOUND && !stop_again(r, &s, &start, err, err_size))
        return REWIND_FAILED;
    return found;
}

enum rewind_found rewind_continue_back(struct rewind *r, char *err, size_t err_size)
{
    return continue_back(r, false, err, err_size);
}

enum rewind_found rewind_back_before(struct rewind *r, struct debug_stop *out, char *err,
                                     size_t err_size)
{
    enum rewind_found found = continue_back(r, true, err, err_size);

    if (found != REWIND_FOUND)
        return found;
    *out = *debug_last_stop(machine_debug(r->m));
    if (out->kind == DEBUG_WATCH && !rewind_step_back(r, 1, err, err_size))
        return REWIND_FAILED;
    return REWIND_FOUND;
}

/* ---- Who did it ---- */

static enum rewind_found find_last(struct rewind *r, struct search *s, struct debug_stop *out,
                                   char *err, size_t err_size)
{
    struct debug *d = machine_debug(r->m);
    struct rewind_place start;
    enum rewind_found found;

    if (!d || !rewind_mark_present(r, err, err_size))
        return REWIND_FAILED;
    start = rewind_here(r);
    s->below = start.at.count + 1; /* what the last instruction did counts as well */
    debug_cancel(d);
    found = search(r, s, &start, err, err_size);
    if (!rewind_go_back_to(r, &start, err, err_size))
        return REWIND_FAILED;
    *out = s->last;
    return found;
}

enum rewind_found rewind_last(struct rewind *r, const struct debug_point *wanted,
                              struct debug_stop *out, char *err, size_t err_size)
{
    struct search s = {.wanted = wanted};

    return find_last(r, &s, out, err, err_size);
}

enum rewind_found rewind_last_change(struct rewind *r, const char *expression,
                                     struct debug_stop *out, char *err, size_t err_size)
{
    struct search s = {.expression = expression};
    struct debug *d = machine_debug(r->m);
    int id = d ? debug_watch_expression(d, expression, err, err_size) : 0;

    if (!id) /* it is none: say so before anything moves */
        return REWIND_FAILED;
    debug_point_remove(d, id);
    return find_last(r, &s, out, err, err_size);
}
