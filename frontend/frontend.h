/*
 * One run of the program: the machine on its own thread, a display on the main thread, a monitor
 * on a third. Displays never touch the machine: they ask here, and what they ask for is done on
 * the machine thread through machine_post.
 */
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H

#include "base/types.h"
#include "devices/board/machine.h"
#include "devices/host/display.h"
#include "devices/host/sound.h"
#include "frontend/options.h"
#include "frontend/text.h"

struct frontend;
struct log;

/*
 * A way to show the machine. All are called on the main thread, except notify. To add one, write
 * such a row and name it in displays.c.
 */
struct frontend_display {
    const char *name; /* as in --display */
    /*
     * Whether it can be shown here: a terminal that nothing else uses, a display server. Asked
     * where none is named.
     */
    bool (*usable)(const struct options *o);
    /*
     * Before the machine exists: open windows, put private data into frontend_set_display_data, a
     * sound sink into frontend_set_sound. False and a sentence in err.
     */
    bool (*start)(struct frontend *f, char *err, size_t err_size);
    /* Show until frontend_is_finished. The user's wish to end is told with frontend_quit. */
    void (*run)(struct frontend *f);
    /* Any thread: there is a new frame, or the machine has finished. Wakes `run` up. May be NULL.
     */
    void (*notify)(struct frontend *f);
    /* After run, and after a start that succeeded: close everything. */
    void (*stop)(struct frontend *f);
};

/* Those of this build, the preferred one first; ends with NULL. */
extern const struct frontend_display *const frontend_displays[];

/* ---- For displays; any thread ---- */

const struct options *frontend_options(const struct frontend *f);
/* What the machine is, also where not options but a snapshot or another process says so. */
const struct machine_config *frontend_config(const struct frontend *f);
void frontend_set_display_data(struct frontend *f, void *data);
void *frontend_display_data(const struct frontend *f);
void frontend_set_sound(struct frontend *f, struct sound_sink *sound);

/* The machine has stopped for good: come to an end. */
bool frontend_is_finished(struct frontend *f);
/* End the program with this exit code; the machine thread does so soon. */
void frontend_quit(struct frontend *f, int exit_code);

/* Where the machine stands in time, and how far back it can go. */
struct frontend_moment {
    u64 now_ns, instructions;
    bool kept, past; /* somebody keeps the past; the machine is in it */
    u64 oldest_ns, newest_ns;
};

/* What the machine looked like when last asked. */
struct frontend_view {
    struct display_frame frame;
    u64 number; /* counts frames that differ from the one before */
    struct machine_status status;
    struct frontend_moment moment;
    const char *news; /* what the guest did that its user should know */
    u64 news_number;  /* counts news; 0: there was none yet */
};

/* Ask for a new frame: notify follows when it is there, also if nothing changed. */
void frontend_request_frame(struct frontend *f);
/* Look at the last frame; hold it for a short time only. */
const struct frontend_view *frontend_lock_view(struct frontend *f);
void frontend_unlock_view(struct frontend *f);

/* Keys and mouse, in order; see devices/host/input.h. */
void frontend_key(struct frontend *f, u16 key, bool down);
void frontend_mouse(struct frontend *f, s32 dx, s32 dy, s32 dz, u8 buttons);

/*
 * Run a command (commands.h) on the machine thread and wait for it. What it prints is added to
 * `out`. False if it failed, or if the machine has finished. Never on the machine thread.
 */
bool frontend_command(struct frontend *f, const char *line, struct text *out);

/* Who waits for a command's answer, and may go away meanwhile: asked on the waiting thread, which
 * holds the front end's lock. */
struct frontend_caller {
    bool (*has_left)(void *opaque);
    void *opaque;
};

/* The same; a command that waits for the machine to stop ends when `who` has left. NULL: stays. */
bool frontend_command_for(struct frontend *f, const char *line, const struct frontend_caller *who,
                          struct text *out);

/*
 * Run fn on the machine thread and wait for it. For threads that the machine waits for before it
 * goes away (sockets); never on the machine thread.
 */
void frontend_call(struct frontend *f, void (*fn)(struct machine *m, void *arg), void *arg);

/* ---- For main.c ---- */

struct frontend_setup {
    const struct options *options;
    const struct frontend_display *display; /* NULL: none */
    struct log *log;
    struct script *script; /* NULL: none */
};

/* Run from power-on to the end; returns the exit code. On the main thread. */
int frontend_run(const struct frontend_setup *setup);

#endif
