/*
 * What displays, the monitor and sockets ask for. All of it is done on the machine's thread,
 * between instructions; who asks for a command waits for its answer.
 */
#include "frontend/frontend_private.h"

#include "devices/board/rewind.h"
#include "frontend/monitor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct options *frontend_options(const struct frontend *f)
{
    return f->setup.options;
}

const struct machine_config *frontend_config(const struct frontend *f)
{
    return &f->config;
}

void frontend_set_display_data(struct frontend *f, void *data)
{
    f->display_data = data;
}

void *frontend_display_data(const struct frontend *f)
{
    return f->display_data;
}

void frontend_set_sound(struct frontend *f, struct sound_sink *sound)
{
    f->sound = sound;
}

bool frontend_is_finished(struct frontend *f)
{
    bool finished;

    pthread_mutex_lock(&f->lock);
    finished = f->finished;
    pthread_mutex_unlock(&f->lock);
    return finished;
}

void frontend_quit(struct frontend *f, int exit_code)
{
    f->quit_code = exit_code;
    f->quit = true;
    pthread_mutex_lock(&f->lock);
    if (f->machine)
        machine_interrupt(f->machine);
    pthread_mutex_unlock(&f->lock);
}

void frontend_notify(struct frontend *f)
{
    if (f->setup.display && f->setup.display->notify)
        f->setup.display->notify(f);
}

/* ---- Frames ---- */

static void get_moment(struct machine *m, struct frontend_moment *out)
{
    struct rewind *r = machine_rewind(m);
    struct rewind_status s = {0};

    if (r)
        rewind_get_status(r, &s);
    *out = (struct frontend_moment){
        .now_ns = machine_now_ns(m),
        .instructions = machine_instructions(m),
        .kept = r,
        .past = s.past,
        .oldest_ns = s.oldest_ns,
        .newest_ns = s.newest_ns,
    };
}

/* On the machine thread: render, and hand over if anything changed. */
static void render(struct machine *m, void *opaque)
{
    struct frontend *f = opaque;
    bool changed = machine_render(m, &f->back, false);
    struct display_frame *to = &f->view.frame;
    size_t cells = (size_t)f->back.columns * f->back.rows * 2;

    pthread_mutex_lock(&f->lock);
    f->frame_asked = false;
    machine_get_status(m, &f->view.status);
    get_moment(m, &f->view.moment);
    if (changed && display_frame_resize(to, f->back.width, f->back.height)) {
        memcpy(to->pixels, f->back.pixels, (size_t)to->width * to->height * sizeof *to->pixels);
        to->text = false;
        if (f->back.text && display_frame_set_text(to, f->back.columns, f->back.rows))
            memcpy(to->cells, f->back.cells, cells);
        to->cursor_column = f->back.cursor_column;
        to->cursor_row = f->back.cursor_row;
        f->view.number++;
    }
    pthread_mutex_unlock(&f->lock);
    frontend_notify(f);
}

void frontend_request_frame(struct frontend *f)
{
    bool post;

    pthread_mutex_lock(&f->lock);
    post = !f->frame_asked && f->machine && !f->finished;
    f->frame_asked |= post;
    pthread_mutex_unlock(&f->lock);
    if (post)
        machine_post(f->machine, render, f);
}

const struct frontend_view *frontend_lock_view(struct frontend *f)
{
    pthread_mutex_lock(&f->lock);
    return &f->view;
}

void frontend_unlock_view(struct frontend *f)
{
    pthread_mutex_unlock(&f->lock);
}

/* ---- Keys and the mouse ---- */

/* One key or mouse event on its way. */
struct event {
    bool is_key, down;
    u16 key;
    s32 dx, dy, dz;
    u8 buttons;
};

static void deliver(struct machine *m, void *opaque)
{
    struct event *e = opaque;

    if (e->is_key)
        machine_key(m, e->key, e->down);
    else
        machine_mouse(m, e->dx, e->dy, e->dz, e->buttons);
    free(e);
}

static void send_event(struct frontend *f, const struct event *event)
{
    struct event *copy = malloc(sizeof *copy);

    if (!copy)
        return; /* the host is out of memory: a key press is lost */
    *copy = *event;
    if (f->machine)
        machine_post(f->machine, deliver, copy);
    else
        free(copy);
}

void frontend_key(struct frontend *f, u16 key, bool down)
{
    send_event(f, &(struct event){.is_key = true, .key = key, .down = down});
}

void frontend_mouse(struct frontend *f, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    send_event(f, &(struct event){.dx = dx, .dy = dy, .dz = dz, .buttons = buttons});
}

/* ---- Calls and commands ---- */

/* Something on its way to the machine thread. */
struct call {
    struct frontend *f;
    void (*fn)(struct machine *m, void *arg);
    void *arg;
    bool done;
};

static void run_call(struct machine *m, void *opaque)
{
    struct call *call = opaque;
    struct frontend *f = call->f;

    call->fn(m, call->arg);
    pthread_mutex_lock(&f->lock);
    call->done = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void frontend_call(struct frontend *f, void (*fn)(struct machine *m, void *arg), void *arg)
{
    struct call call = {.f = f, .fn = fn, .arg = arg};

    machine_post(f->machine, run_call, &call);
    pthread_mutex_lock(&f->lock);
    while (!call.done)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

/* A command and its answer. */
struct command_call {
    struct frontend *f;
    const char *line;
    struct text *out;
    struct command_rest *rest;
    bool good;
    u32 wait_ms;
};

static void run_command(struct machine *m, void *opaque)
{
    struct command_call *call = opaque;

    call->f->commands.wait_ms = 0;
    call->f->commands.rest = &call->rest;
    call->good = command_run(&call->f->commands, call->line, call->out);
    call->f->commands.rest = NULL;
    call->wait_ms = call->f->commands.wait_ms;
}

enum { CALLER_LOOK_MS = 200 }; /* how often we look whether somebody still waits */

/* The host's time `ms` from now. */
static struct timespec time_in(u32 ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

/* Until the machine has stopped for the debugger since `stops`, or nobody is there any more to
 * hear of it; adds its report. */
static void wait_for_stop(struct frontend *f, unsigned stops, u32 ms,
                          const struct frontend_caller *who, struct text *out)
{
    struct timespec until;
    u32 left, turn;

    for (left = ms; left && f->stops == stops && !f->finished; left -= turn) {
        turn = who && left > CALLER_LOOK_MS ? CALLER_LOOK_MS : left;
        until = time_in(turn);
        while (f->stops == stops && !f->finished)
            if (pthread_cond_timedwait(&f->changed, &f->lock, &until))
                break;
        if (who && who->has_left(who->opaque))
            break;
    }
    if (f->stops != stops && f->stop_report.data)
        text_add(out, f->stop_report.data);
    else
        text_add(out, f->finished ? "the machine has stopped\n" : "the machine is running\n");
}

bool frontend_command(struct frontend *f, const char *line, struct text *out)
{
    return frontend_command_for(f, line, NULL, out);
}

bool frontend_command_for(struct frontend *f, const char *line, const struct frontend_caller *who,
                          struct text *out)
{
    struct command_call call = {.f = f, .line = line, .out = out};
    unsigned stops;
    bool there;

    pthread_mutex_lock(&f->lock);
    there = f->machine && !f->finished;
    stops = f->stops;
    f->waiters += there;
    pthread_mutex_unlock(&f->lock);
    if (!there)
        return text_fail(out, "the machine has stopped");
    frontend_call(f, run_command, &call);
    pthread_mutex_lock(&f->lock);
    if (call.wait_ms)
        wait_for_stop(f, stops, call.wait_ms, who, out);
    f->waiters--;
    /* It stopped while this command ran, which did not ask why. */
    if (!call.wait_ms && f->stops != stops && !f->waiters && f->monitor && f->stop_report.data)
        monitor_tell(f->monitor, f->stop_report.data);
    pthread_mutex_unlock(&f->lock);
    return command_end(call.rest, out) && call.good;
}
