/*
 * One run of the program.
 *
 *   main thread       display's run, until the machine has finished
 *   machine thread    machine_new, a script or the run loop, machine_free
 *   monitor thread    reads lines
 *   socket threads    gdb and the like
 *   signal thread     waits for Ctrl-C and the like
 *
 * The machine thread ends last but one: before it frees the machine, display, monitor and sockets
 * must be past their last request, which it keeps answering until then.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/frontend.h"

#include "base/log.h"
#include "devices/board/replay.h"
#include "devices/board/rewind.h"
#include "devices/board/snapshot.h"
#include "devices/host/chr.h"
#include "devices/host/quiet.h"
#include "devices/board/fork.h"
#include "frontend/commands.h"
#include "frontend/config.h"
#include "frontend/commands_debug.h"
#include "frontend/forked.h"
#include "frontend/monitor.h"
#include "frontend/outcome.h"
#include "frontend/picture.h"
#include "frontend/resume.h"
#include "frontend/script.h"
#include "frontend/serial_tap.h"
#include "frontend/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

enum { CLOSING_NAP_US = 500 };

struct frontend {
    struct frontend_setup setup;
    struct machine_config config;
    struct sound_sink *sound;
    struct serial_tap *serial;
    void *display_data;
    struct replay *replay;   /* --replay */
    struct machine *machine; /* NULL before and after its life; changes under the lock */
    struct machine_listener listener;
    struct command_context commands;
    struct monitor *monitor; /* changes under the lock */
    struct sockets sockets;

    pthread_mutex_t lock; /* guards what follows, and machine */
    pthread_cond_t changed;
    bool started, finished, display_done; /* the machine: exists or failed; has stopped */
    bool frame_asked;
    unsigned stops;          /* of the debugger so far */
    unsigned waiters;        /* commands that are being answered */
    struct text stop_report; /* of the last stop */
    struct frontend_view view;
    struct display_frame back; /* machine thread only */

    struct snapshot *snapshot; /* --load; closed when the machine has it */
    struct forked *forked;     /* what another process has begun; the same */
    bool armed;                /* under the lock: the machine is about to run */
    atomic_bool quit, suspend;
    atomic_int quit_code;
    int exit_code; /* the machine thread's; valid once it has ended */
};

/* ---- For displays ---- */

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

static void notify(struct frontend *f)
{
    if (f->setup.display && f->setup.display->notify)
        f->setup.display->notify(f);
}

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
    notify(f);
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

/* Until the machine has stopped for the debugger since `stops`; adds its report. */
static void wait_for_stop(struct frontend *f, unsigned stops, u32 ms, struct text *out)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (f->stops == stops && !f->finished)
        if (pthread_cond_timedwait(&f->changed, &f->lock, &until))
            break;
    if (f->stops != stops && f->stop_report.data)
        text_add(out, f->stop_report.data);
    else
        text_add(out, f->finished ? "the machine has stopped\n" : "the machine is running\n");
}

bool frontend_command(struct frontend *f, const char *line, struct text *out)
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
        wait_for_stop(f, stops, call.wait_ms, out);
    f->waiters--;
    /* It stopped while this command ran, which did not ask why. */
    if (!call.wait_ms && f->stops != stops && !f->waiters && f->monitor && f->stop_report.data)
        monitor_tell(f->monitor, f->stop_report.data);
    pthread_mutex_unlock(&f->lock);
    return command_end(call.rest, out) && call.good;
}

static bool monitor_line(void *opaque, const char *line, struct text *out)
{
    return frontend_command(opaque, line, out);
}

/* ---- The machine thread ---- */

static bool wants_quit(void *opaque, int *code)
{
    struct frontend *f = opaque;

    *code = f->quit_code;
    return f->quit;
}

static void quit_command(void *opaque, int code)
{
    frontend_quit(opaque, code);
}

static void tell_users(void *opaque, const char *line)
{
    struct frontend *f = opaque;

    pthread_mutex_lock(&f->lock);
    if (f->monitor)
        monitor_tell(f->monitor, line);
    pthread_mutex_unlock(&f->lock);
}

/* The debugger has stopped the machine: say why, to who waits for it or to the monitor. */
static void stand_still(void *opaque)
{
    struct frontend *f = opaque;
    struct text report = {0};
    bool awaited;

    machine_set_paused(f->machine, true);
    command_report_stop(f->machine, &report);
    pthread_mutex_lock(&f->lock);
    f->stops++;
    text_free(&f->stop_report);
    f->stop_report = report;
    awaited = f->waiters;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (!awaited && report.data)
        tell_users(f, report.data);
}

/* Until the guest, the user or --stop-after ends it. */
static int run_free(struct frontend *f)
{
    u64 stop_after = f->setup.options->stop_after_ns;
    enum machine_stop stop;

    while (!f->quit) {
        if (stop_after && machine_now_ns(f->machine) >= stop_after)
            return EXIT_POWERED_OFF;
        stop = machine_run(f->machine,
                           stop_after ? stop_after : machine_now_ns(f->machine) + NS_PER_SECOND);
        if (stop == MACHINE_DEBUG)
            stand_still(f);
        if (stop == MACHINE_REPLAYED && f->setup.display) {
            log_warn(f->setup.log, "replay", "%s; from here on the machine is yours",
                     machine_error(f->machine));
            continue;
        }
        if (stop != MACHINE_TIME && stop != MACHINE_INTERRUPTED && stop != MACHINE_DEBUG)
            return outcome_report(f->machine, stop);
    }
    return f->quit_code;
}

static int run_machine(struct frontend *f)
{
    struct script_host host = {
        .machine = f->machine,
        .serial = f->serial,
        .log = f->setup.log,
        .stop_after_ns = f->setup.options->stop_after_ns,
        .wants_quit = wants_quit,
        .stopped = stand_still,
        .opaque = f,
    };

    return f->setup.script ? script_run(f->setup.script, &host) : run_free(f);
}

static int save_screenshot(struct frontend *f, int code)
{
    const char *file = f->setup.options->screenshot;
    char err[400];

    if (!file)
        return code;
    machine_render(f->machine, &f->back, true);
    if (picture_save(&f->back, file, err, sizeof err))
        return code;
    fprintf(stderr, "screenshot: %s\n", err);
    return code ? code : EXIT_HOST_FAILED;
}

/* Answer what display and monitor still ask for, until they have ended. */
static void close_others(struct frontend *f)
{
    bool done;

    pthread_mutex_lock(&f->lock);
    f->finished = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    notify(f);
    if (f->monitor)
        monitor_ask_to_stop(f->monitor);
    do {
        machine_run_posted(f->machine);
        usleep(CLOSING_NAP_US);
        pthread_mutex_lock(&f->lock);
        done = f->display_done && (!f->monitor || monitor_has_stopped(f->monitor)) &&
               sockets_have_stopped(&f->sockets);
        pthread_mutex_unlock(&f->lock);
    } while (!done);
}

static int free_machine(struct frontend *f, int code)
{
    struct machine *m = f->machine;
    int e;

    pthread_mutex_lock(&f->lock);
    f->machine = NULL;
    pthread_mutex_unlock(&f->lock);
    replay_free(f->replay);
    f->replay = NULL;
    e = machine_free(m);
    if (!e)
        return code;
    fprintf(stderr, "disk: not everything could be written: %s; free some room on the host\n",
            strerror(-e));
    return EXIT_HOST_FAILED;
}

/* On the machine thread: what guests do and windows show. */
static void hear(void *opaque, enum machine_event e)
{
    struct frontend *f = opaque;
    const char *news = e == MACHINE_EVENT_EJECTED    ? "The guest has put its CD out."
                       : e == MACHINE_EVENT_PANICKED ? "The guest's kernel has panicked."
                                                     : NULL;

    if (!news)
        return;
    pthread_mutex_lock(&f->lock);
    f->view.news = news;
    f->view.news_number++;
    pthread_mutex_unlock(&f->lock);
    notify(f);
}

/* --replay, --record: before the first instruction. */
static bool begin_recordings(struct frontend *f, char *err, size_t err_size)
{
    const struct options *o = f->setup.options;
    u64 past, points;

    options_record_points(o, &points);
    machine_record_points(f->machine, points);
    options_rewind(o, f->setup.display || o->monitor || o->qmp || o->gdb, &past);
    if (past && !machine_rewind_start(f->machine, past, err, err_size))
        return false;
    return (!f->replay || replay_start(f->replay, f->machine, err, err_size)) &&
           (!o->record || machine_record_start(f->machine, o->record, err, err_size));
}

static void end_recordings(struct frontend *f)
{
    char told[700];
    bool good;

    if (!machine_is_recording(f->machine))
        return;
    good = machine_record_stop(f->machine, told, sizeof told);
    fprintf(stderr, "%s\n", told);
    if (!good && !f->exit_code)
        f->exit_code = EXIT_HOST_FAILED;
}

/* What --load or another process has begun becomes the machine. */
static struct machine *load_machine(struct frontend *f, struct machine *m, bool *host_at_fault,
                                    char *err, size_t size)
{
    struct snapshot *s = f->snapshot;
    struct forked *k = f->forked;

    f->snapshot = NULL;
    f->forked = NULL;
    if (m && ((s && !snapshot_load(s, m, err, size)) || (k && !forked_load(k, m, err, size)))) {
        machine_free(m);
        m = NULL;
        *host_at_fault = false;
    }
    snapshot_close(s);
    forked_free(k);
    return m;
}

static int suspend_if_asked(struct frontend *f, int code)
{
    return f->suspend ? resume_suspend(f->setup.options, f->machine) : code;
}

static void *machine_thread(void *opaque)
{
    struct frontend *f = opaque;
    char err[512] = "";
    bool host_at_fault;
    struct quiet quiet;
    struct machine *m;

    quiet_begin(&quiet); /* guest memory is files, whose size the host may limit */
    m = machine_new_blame(&f->config, &host_at_fault, err, sizeof err);
    quiet_end(&quiet);
    m = load_machine(f, m, &host_at_fault, err, sizeof err);
    pthread_mutex_lock(&f->lock);
    f->machine = m;
    f->commands = (struct command_context){
        .machine = m, .quit = quit_command, .tell = tell_users, .opaque = f};
    f->started = true;
    f->finished = !m;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (!m) {
        fprintf(stderr, "%s\n", err);
        f->exit_code = host_at_fault ? EXIT_HOST_FAILED : EXIT_BAD_INPUT;
        notify(f);
        return NULL;
    }
    if (!begin_recordings(f, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        close_others(f);
        f->exit_code = free_machine(f, EXIT_BAD_INPUT);
        return NULL;
    }
    if (f->setup.options->gdb_wait || f->setup.options->stopped)
        machine_set_paused(m, true);
    pthread_mutex_lock(&f->lock);
    f->armed = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    f->listener = (struct machine_listener){.event = hear, .opaque = f};
    machine_listen(m, &f->listener);
    f->exit_code = save_screenshot(f, suspend_if_asked(f, run_machine(f)));
    end_recordings(f);
    close_others(f);
    f->exit_code = free_machine(f, f->exit_code);
    return NULL;
}

/* ---- The others ---- */

/* The first signal ends the program in order; the second one at once. */
static void *signal_thread(void *opaque)
{
    struct frontend *f = opaque;
    sigset_t set;
    int signal;
    bool again = false;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    for (;; again = true) {
        if (sigwait(&set, &signal))
            continue;
        if (again)
            quick_exit(128 + signal); /* a terminal may have to be given back */
        f->suspend = signal == SIGTERM && f->setup.options->suspend;
        frontend_quit(f, f->suspend ? EXIT_SUSPENDED : 128 + signal);
    }
}

static void block_signals(bool block)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void wait_started(struct frontend *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->started)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void wait_finished(struct frontend *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->finished)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void start_monitor(struct frontend *f)
{
    const char *where = f->setup.options->monitor;
    struct monitor *monitor = NULL;
    char err[400] = "";

    if (where)
        monitor = monitor_start(where, monitor_line, f, err, sizeof err);
    pthread_mutex_lock(&f->lock);
    f->monitor = monitor;
    pthread_mutex_unlock(&f->lock);
    if ((!where || monitor) && sockets_start(&f->sockets, f, err, sizeof err))
        return;
    fprintf(stderr, "%s\n", err);
    frontend_quit(f, EXIT_HOST_FAILED);
}

/* The process that has started us waits for our word. */
static void tell_forked(struct frontend *f)
{
    bool runs;

    if (!f->setup.options->forked)
        return;
    pthread_mutex_lock(&f->lock);
    while (!f->armed && !f->finished && !f->quit)
        pthread_cond_wait(&f->changed, &f->lock);
    runs = f->armed && !f->quit;
    pthread_mutex_unlock(&f->lock);
    if (runs && !forked_tell(f->setup.options))
        frontend_quit(f, EXIT_HOST_FAILED);
}

/* The monitor and sockets, then the display, until the machine has finished. */
static void serve(struct frontend *f)
{
    wait_started(f);
    if (!frontend_is_finished(f))
        start_monitor(f);
    tell_forked(f);
    if (f->setup.display)
        f->setup.display->run(f);
    wait_finished(f);
    sockets_ask_to_stop(&f->sockets);
    pthread_mutex_lock(&f->lock);
    f->display_done = true;
    pthread_mutex_unlock(&f->lock);
}

static int run_threads(struct frontend *f)
{
    pthread_t machine, signals;

    if (pthread_create(&signals, NULL, signal_thread, f)) {
        fprintf(stderr, "bygone: the host has no thread left\n");
        return EXIT_HOST_FAILED;
    }
    if (pthread_create(&machine, NULL, machine_thread, f)) {
        fprintf(stderr, "bygone: the host has no thread left\n");
        f->exit_code = EXIT_HOST_FAILED;
    } else {
        serve(f);
        pthread_join(machine, NULL);
        monitor_free(f->monitor);
        sockets_free(&f->sockets);
    }
    pthread_cancel(signals);
    pthread_join(signals, NULL);
    return f->exit_code;
}

/* The script's ears on the first serial port. */
static bool tap_serial(struct frontend *f)
{
    if (!f->setup.script || !script_uses_serial(f->setup.script))
        return true;
    f->serial = serial_tap_new(f->config.serial[0]);
    if (f->serial)
        f->config.serial[0] = serial_tap_chr(f->serial);
    return f->serial;
}

static int run_with_streams(struct frontend *f)
{
    const struct options *o = f->setup.options;
    struct sound_sink *wav = NULL;
    char err[512] = "";
    int code, e;

    if (o->wav && !(wav = sound_wav_open(o->wav, err, sizeof err))) {
        fprintf(stderr, "%s\n", err);
        return EXIT_HOST_FAILED;
    }
    if (!config_open_streams(o, &f->config, err, sizeof err) || !tap_serial(f)) {
        fprintf(stderr, "%s\n", err[0] ? err : "bygone: out of memory");
        code = EXIT_HOST_FAILED;
    } else {
        f->config.sound = wav ? wav : f->sound;
        code = run_threads(f);
    }
    e = wav ? sound_wav_close(wav) : 0;
    if (e)
        fprintf(stderr, "sound: '%s': %s\n", o->wav, strerror(-e));
    return e && !code ? EXIT_HOST_FAILED : code;
}

/* The machine of --replay, whose firmware may lie elsewhere here, instead of the options'. */
static bool config_of_replay(struct frontend *f, char *err, size_t err_size)
{
    const struct options *o = f->setup.options;
    struct machine_config mine = f->config;

    if (!o->replay)
        return true;
    f->replay = replay_open(o->replay, f->setup.log, err, err_size);
    if (!f->replay ||
        (o->replay_from && !replay_begin_at(f->replay, o->replay_from, err, err_size)))
        return false;
    f->config = *replay_config(f->replay);
    f->config.engine = f->config.engine ? f->config.engine : mine.engine;
    f->config.perf_map = mine.perf_map;
    f->config.windows = mine.windows;
    f->config.log = mine.log;
    f->config.wait_for_room = mine.wait_for_room;
    f->config.bios = mine.bios ? mine.bios : f->config.bios;
    f->config.vgabios = mine.vgabios ? mine.vgabios : f->config.vgabios;
    f->config.free_run = f->setup.display == NULL;
    return true;
}

static int run_with_display(struct frontend *f)
{
    const struct frontend_display *display = f->setup.display;
    char err[512];
    int code = EXIT_HOST_FAILED;

    block_signals(true); /* also in threads that a display's libraries start */
    if (display && !display->start(f, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
    } else {
        code = run_with_streams(f);
        if (display)
            display->stop(f);
    }
    block_signals(false);
    return code;
}

/* --load or a fork: the machine is one that has run already. */
static int take_machine(struct frontend *f)
{
    const struct options *o = f->setup.options;
    bool watched = f->setup.display != NULL;
    char err[512];

    if (o->load)
        f->snapshot = resume_open(o, watched, &f->config, err, sizeof err);
    else if (o->forked)
        f->forked = forked_open(watched, &f->config, err, sizeof err);
    if (f->snapshot || f->forked || !(o->load || o->forked))
        return 0;
    fprintf(stderr, "%s\n", err);
    return EXIT_BAD_INPUT;
}

int frontend_run(const struct frontend_setup *setup)
{
    struct frontend *f = calloc(1, sizeof *f);
    char boot[4], err[512] = "";
    int code;

    if (!f) {
        fprintf(stderr, "bygone: out of memory\n");
        return EXIT_HOST_FAILED;
    }
    f->setup = *setup;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    display_frame_init(&f->back);
    display_frame_init(&f->view.frame);
    config_from_options(setup->options, setup->display != NULL, boot, &f->config);
    f->config.log = setup->log;
    f->config.wait_for_room = !setup->script && (setup->display || setup->options->monitor);
    code = take_machine(f);
    if (!code && !config_of_replay(f, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        code = EXIT_BAD_INPUT;
    }
    if (!code)
        code = run_with_display(f);
    snapshot_close(f->snapshot);
    forked_free(f->forked);
    replay_free(f->replay);
    display_frame_free(&f->back);
    display_frame_free(&f->view.frame);
    text_free(&f->stop_report);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return code;
}
