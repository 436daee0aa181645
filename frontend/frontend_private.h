/*
 * One run of the program, as its files share it: frontend.c runs it, frontend_machine.c is the
 * machine's thread, frontend_ask.c what the other threads ask of the machine.
 */
#ifndef FRONTEND_FRONTEND_PRIVATE_H
#define FRONTEND_FRONTEND_PRIVATE_H

#include "frontend/commands.h"
#include "frontend/frontend.h"
#include "frontend/sockets.h"

#include <pthread.h>
#include <stdatomic.h>

struct forked;
struct monitor;
struct replay;
struct serial_tap;
struct snapshot;

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

/* frontend_ask.c: tell the display that there is something new. */
void frontend_notify(struct frontend *f);

/* frontend_machine.c: takes a struct frontend; sets its exit code. */
void *frontend_machine_thread(void *opaque);

#endif
