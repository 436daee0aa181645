/*
 * The machine's thread: machine_new, recordings, a script or the run loop, machine_free. Before it
 * frees the machine, display, monitor and sockets must be past their last request, which it keeps
 * answering until then.
 */
#include "frontend/frontend_private.h"

#include "base/log.h"
#include "devices/board/fork.h"
#include "devices/board/replay.h"
#include "devices/board/rewind.h"
#include "devices/board/snapshot.h"
#include "devices/host/quiet.h"
#include "frontend/commands_debug.h"
#include "frontend/monitor.h"
#include "frontend/outcome.h"
#include "frontend/picture.h"
#include "frontend/resume.h"
#include "frontend/script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

enum { CLOSING_NAP_US = 500 };

/* ---- Running ---- */

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

/* ---- The end ---- */

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

static int suspend_if_asked(struct frontend *f, int code)
{
    return f->suspend ? resume_suspend(f->setup.options, f->machine) : code;
}

/* Answer what display and monitor still ask for, until they have ended. */
static void close_others(struct frontend *f)
{
    bool done;

    pthread_mutex_lock(&f->lock);
    f->finished = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    frontend_notify(f);
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

/* ---- From the beginning ---- */

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
    frontend_notify(f);
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

void *frontend_machine_thread(void *opaque)
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
        frontend_notify(f);
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
