/*
 * One run of the program.
 *
 *   main thread       display's run, until the machine has finished
 *   machine thread    machine_new, a script or the run loop, machine_free
 *   monitor thread    reads lines
 *   socket threads    gdb and the like
 *   signal thread     waits for Ctrl-C and the like
 */
#include "frontend/frontend.h"

#include "devices/board/fork.h"
#include "devices/board/replay.h"
#include "devices/board/snapshot.h"
#include "devices/host/chr.h"
#include "frontend/config.h"
#include "frontend/forked.h"
#include "frontend/frontend_private.h"
#include "frontend/monitor.h"
#include "frontend/outcome.h"
#include "frontend/resume.h"
#include "frontend/script.h"
#include "frontend/serial_tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under f->lock. */
static bool monitor_has_left(void *opaque)
{
    const struct frontend *f = opaque;

    return f->monitor && monitor_client_has_left(f->monitor);
}

static bool monitor_line(void *opaque, const char *line, struct text *out)
{
    struct frontend_caller caller = {.has_left = monitor_has_left, .opaque = opaque};

    return frontend_command_for(opaque, line, &caller, out);
}

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
    if (pthread_create(&machine, NULL, frontend_machine_thread, f)) {
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
