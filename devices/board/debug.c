/*
 * The debugger's points, and arming the processor for them; see debug.h. The processor's hooks are
 * set only while a point is enabled or a step is under way.
 */
#include "devices/board/debug.h"

#include "devices/board/debug_private.h"
#include "devices/board/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct debug *debug_new(struct cpu *c, const struct display_source *display)
{
    struct debug *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->cpu = c;
    d->display = display;
    d->next_id = 1;
    d->search_id = INT32_MAX;
    debug_hooks_init(d);
    return d;
}

void debug_free(struct debug *d)
{
    if (!d)
        return;
    while (d->count)
        debug_point_remove(d, d->points[0].pub.id);
    if (d->trace)
        trace_stop(d->trace);
    d->observers = NULL;
    debug_cancel(d);
    symbols_free(d->symbols);
    free(d);
}

/* ---- Arming ---- */

static bool any_enabled(const struct debug *d)
{
    for (unsigned i = 0; i < d->count; i++)
        if (!(d->points[i].pub.flags & DEBUG_DISABLED))
            return true;
    return false;
}

static bool any_of(const struct debug *d, enum debug_kind kind)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->points[i].pub.kind == kind && !(d->points[i].pub.flags & DEBUG_DISABLED))
            return true;
    return false;
}

static bool is_observed(const struct debug *d)
{
    for (const struct debug_observer *o = d->observers; o; o = o->next)
        if (o->instruction)
            return true;
    return false;
}

void debug_arm(struct debug *d)
{
    struct cpu *c = d->cpu;
    bool needed = d->plan.kind != PLAN_NONE || d->observers || any_enabled(d);

    if (needed && !c->hooks)
        d->mode = debug_mode_bits(c);
    physmap_watch_chips(
        c->mmu.pm, any_of(d, DEBUG_WATCH) || any_of(d, DEBUG_DOT) ? debug_chip_writes : NULL, d);
    d->hooks.ports = d->observers || any_of(d, DEBUG_PORT) || any_of(d, DEBUG_DOT);
    c->hooks = needed ? &d->hooks : NULL;
    if (debug_plan_steps(&d->plan) || is_observed(d) || any_of(d, DEBUG_REGISTER))
        c->special |= SPECIAL_DEBUGGER;
    else
        c->special &= ~(u32)SPECIAL_DEBUGGER;
}

void debug_arm_pages(struct debug *d)
{
    debug_arm(d);
    mmu_drop_entries(&d->cpu->mmu);
}

void debug_observe(struct debug *d, struct debug_observer *o)
{
    o->next = d->observers;
    d->observers = o;
    debug_arm(d);
}

void debug_unobserve(struct debug *d, struct debug_observer *o)
{
    struct debug_observer **p = &d->observers;

    while (*p && *p != o)
        p = &(*p)->next;
    if (*p)
        *p = o->next;
    debug_arm(d);
}

bool debug_trace(struct debug *d, const char *path, const struct trace_filter *filter, char *err,
                 size_t err_size)
{
    int e = d->trace ? trace_stop(d->trace) : 0;

    d->trace = path ? trace_start(d, path, filter, err, err_size) : NULL;
    if (path)
        return d->trace;
    if (e)
        snprintf(err, err_size, "trace: not all of it could be written: %s", strerror(-e));
    return !e;
}

u64 debug_trace_count(const struct debug *d)
{
    return d->trace ? trace_count(d->trace) : UINT64_MAX;
}

/* ---- Points ---- */

static struct point *by_id(struct debug *d, int id)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->points[i].pub.id == id)
            return &d->points[i];
    return NULL;
}

int debug_point_add(struct debug *d, const struct debug_point *point)
{
    struct point *p = &d->points[d->count];

    if (d->count == DEBUG_POINTS)
        return 0;
    *p = (struct point){.pub = *point};
    /* What a search sets for itself leaves no gap in the numbers that users see. */
    p->pub.id = point->owner == DEBUG_REPLAY ? d->search_id-- : d->next_id++;
    p->pub.hits = 0;
    p->linear = point->address;
    if (point->space == DEBUG_SEGMENTED)
        p->linear = (u32)(debug_segment_base(d->cpu, point->selector) + point->address);
    if (point->kind == DEBUG_DOT)
        p->value = d->display->bits_value(d->display->opaque, &point->bits);
    d->count++;
    debug_arm_pages(d);
    return p->pub.id;
}

int debug_break_add(struct debug *d, enum debug_space space, u64 address, unsigned flags)
{
    struct debug_point p = {
        .kind = DEBUG_BREAK, .space = space, .address = address, .flags = (u8)flags};

    return debug_point_add(d, &p);
}

int debug_watch_add(struct debug *d, enum debug_space space, u64 address, u64 length,
                    enum debug_access access)
{
    struct debug_point p = {.kind = DEBUG_WATCH,
                            .space = space,
                            .address = address,
                            .length = length,
                            .access = (u8)access};

    return debug_point_add(d, &p);
}

bool debug_point_remove(struct debug *d, int id)
{
    struct point *p = by_id(d, id);

    if (!p)
        return false;
    debug_expr_free(p->condition);
    debug_expr_free(p->watched);
    d->count--;
    memmove(p, p + 1, (size_t)(d->points + d->count - p) * sizeof *p);
    debug_arm_pages(d);
    return true;
}

void debug_remove_all(struct debug *d, enum debug_owner owner)
{
    for (unsigned i = d->count; i-- > 0;)
        if (d->points[i].pub.owner == owner)
            debug_point_remove(d, d->points[i].pub.id);
}

bool debug_point_enable(struct debug *d, int id, bool enable)
{
    struct point *p = by_id(d, id);

    if (!p)
        return false;
    p->pub.flags = (u8)(enable ? p->pub.flags & ~DEBUG_DISABLED : p->pub.flags | DEBUG_DISABLED);
    debug_arm_pages(d);
    return true;
}

bool debug_point_ignore(struct debug *d, int id, u32 count)
{
    struct point *p = by_id(d, id);

    if (p)
        p->pub.ignore = count;
    return p;
}

bool debug_point_condition(struct debug *d, int id, const char *text, char *err, size_t err_size)
{
    struct point *p = by_id(d, id);
    struct debug_expr *e = NULL;

    if (!p) {
        snprintf(err, err_size, "there is no point %d", id);
        return false;
    }
    if (*text && !(e = debug_expr_parse(text, d->symbols, err, err_size)))
        return false;
    debug_expr_free(p->condition);
    p->condition = e;
    return true;
}

bool debug_point_log_only(struct debug *d, int id, bool log_only)
{
    struct point *p = by_id(d, id);

    if (p)
        p->pub.flags =
            (u8)(log_only ? p->pub.flags | DEBUG_LOG_ONLY : p->pub.flags & ~DEBUG_LOG_ONLY);
    return p;
}

bool debug_point_log(struct debug *d, int id, const char *text)
{
    struct point *p = by_id(d, id);

    if (p)
        snprintf(p->log, sizeof p->log, "%s", text);
    return p;
}

int debug_watch_expression(struct debug *d, const char *text, char *err, size_t err_size)
{
    struct debug_expr *e = debug_expr_parse(text, d->symbols, err, err_size);
    struct debug_point point = {.kind = DEBUG_REGISTER};
    struct point *p = &d->points[d->count];

    if (!e)
        return 0;
    if (!debug_point_add(d, &point)) {
        snprintf(err, err_size, "there are %d points already", DEBUG_POINTS);
        debug_expr_free(e);
        return 0;
    }
    p->watched = e;
    if (!debug_expr_eval(e, d->cpu, &p->value, NULL, 0))
        p->value = 0;
    return p->pub.id;
}

const char *debug_condition_text(const struct debug *d, int id)
{
    const struct point *p = by_id((struct debug *)d, id);

    return p && p->condition ? debug_expr_text(p->condition) : "";
}

const char *debug_log_text(const struct debug *d, int id)
{
    const struct point *p = by_id((struct debug *)d, id);

    return p ? p->log : "";
}

const char *debug_watched_text(const struct debug *d, int id)
{
    const struct point *p = by_id((struct debug *)d, id);

    return p && p->watched ? debug_expr_text(p->watched) : "";
}

struct symbols *debug_symbols(struct debug *d)
{
    if (!d->symbols)
        d->symbols = symbols_new();
    return d->symbols;
}

const struct debug_point *debug_point_at(const struct debug *d, unsigned index)
{
    return index < d->count ? &d->points[index].pub : NULL;
}

const struct debug_point *debug_point_by_id(const struct debug *d, int id)
{
    const struct point *p = by_id((struct debug *)d, id);

    return p ? &p->pub : NULL;
}

/* ---- Stopping ---- */

void debug_set_filter(struct debug *d, bool (*wants)(void *opaque, const struct debug_stop *stop),
                      void *opaque)
{
    d->wants = wants;
    d->wants_opaque = opaque;
}

void debug_search(struct debug *d, bool on, int only)
{
    d->searching = on;
    d->only = only;
}

void debug_jumped(struct debug *d)
{
    debug_cancel(d);
    d->passing = d->in_front = false;
    d->next.reason = DEBUG_STOPPED_NOT;
    d->cpu->attention &= ~(u32)ATT_BREAK;
    d->mode = debug_mode_bits(d->cpu);
    d->last_place = debug_here(d->cpu);
    d->last_cs = d->cpu->seg[SEG_CS].sel;
    d->last_rip = d->cpu->rip;
    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];

        if (p->watched)
            debug_expr_eval(p->watched, d->cpu, &p->value, NULL, 0);
        if (p->pub.kind == DEBUG_DOT)
            p->value = d->display->bits_value(d->display->opaque, &p->pub.bits);
    }
    debug_arm_pages(d);
}

void debug_set_log(struct debug *d, void (*line)(void *opaque, const char *text), void *opaque)
{
    d->log = line;
    d->log_opaque = opaque;
}

const struct debug_stop *debug_last_stop(const struct debug *d)
{
    return &d->last;
}

/* The machine goes on from here without stopping for this instruction again. */
static void pass(struct debug *d)
{
    d->passed = debug_here(d->cpu);
    d->passed_count = d->cpu->count;
    d->passing = true;
    d->interrupted = false;
}

static void settle(struct debug *d)
{
    const struct debug_point *p = debug_point_by_id(d, d->last.point);

    debug_plan_end(d);
    if (p && (p->flags & DEBUG_TEMPORARY))
        debug_point_remove(d, p->id);
    debug_arm_pages(d);
}

bool debug_takes_stop(struct debug *d)
{
    struct cpu *c = d->cpu;
    struct debug_stop stop = d->next;

    c->attention &= ~(u32)ATT_BREAK;
    d->next.reason = DEBUG_STOPPED_NOT;
    if (stop.reason == DEBUG_STOPPED_NOT)
        return false;
    stop.count = c->count;
    stop.cs = c->seg[SEG_CS].sel;
    stop.rip = c->rip;
    stop.la = debug_here(c).la;
    if (d->in_front)
        pass(d);
    d->in_front = false;
    if (d->wants && !d->wants(d->wants_opaque, &stop))
        return false;
    d->last = stop;
    settle(d);
    return true;
}

/* ---- Steps ---- */

void debug_step(struct debug *d, enum debug_step_kind kind, u32 count)
{
    if (!count)
        return;
    debug_plan_end(d);
    d->plan = (struct plan){.left = count - 1};
    debug_plan_begin(d, kind);
    pass(d);
    debug_arm_pages(d);
}

void debug_step_range(struct debug *d, u64 from, u64 end)
{
    debug_plan_end(d);
    d->plan = (struct plan){.from = from, .end = end};
    debug_plan_begin(d, DEBUG_STEP_INTO);
    pass(d);
    debug_arm_pages(d);
}

void debug_until(struct debug *d, u64 la)
{
    debug_plan_end(d);
    d->plan = (struct plan){.kind = PLAN_REACH, .count = d->cpu->count, .to = {.la = (u32)la}};
    pass(d);
    debug_arm_pages(d);
}

bool debug_until_expression(struct debug *d, const char *text, char *err, size_t err_size)
{
    struct debug_expr *e = debug_expr_parse(text, d->symbols, err, err_size);

    if (!e)
        return false;
    debug_plan_end(d);
    d->until = e;
    d->plan = (struct plan){.kind = PLAN_TRUE, .count = d->cpu->count};
    pass(d);
    debug_arm_pages(d);
    return true;
}

void debug_cancel(struct debug *d)
{
    debug_plan_end(d);
    debug_arm_pages(d);
}
