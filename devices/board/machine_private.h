/*
 * A machine from the inside, and how what comes from outside enters it; private to devices/board.
 *
 * Inputs enter at a settled point: resets asked for are done, no timer is due, no interrupt can be
 * taken. At one count and idle time there is one such point before each input, whoever cut the run
 * there; so a log of moments is all that a replay needs.
 */
#ifndef DEVICES_BOARD_MACHINE_PRIVATE_H
#define DEVICES_BOARD_MACHINE_PRIVATE_H

#include "devices/board/board.h"
#include "devices/board/input_log.h"
#include "devices/board/machine.h"
#include "devices/board/pace.h"
#include "devices/host/input.h"

#include <pthread.h>

struct posted;
struct recording;
struct rewind;

/* Who keeps what came in: a recording, the rewind ring. The caller's; linked while in use. */
struct input_listener {
    struct input_listener *next;
    void *opaque;
    /* `r` has been applied at r->at. */
    void (*applied)(void *opaque, const struct input_record *r);
    /* NULL or: the machine got another state; what came before leads no longer to the present. */
    void (*jumped)(void *opaque);
    /* NULL or: at the first settled point at or after virtual time point_ns, which it moves on. */
    void (*point)(void *opaque);
    u64 point_ns;
};

/* Where inputs come from instead of the outside: a replay. */
struct input_player {
    void *opaque;
    /* The next record; false if none is left. Asked often. */
    bool (*next)(void *opaque, struct input_record *out);
    /* The machine stands at its moment; `check` is of the registers now. False: do not apply. */
    bool (*play)(void *opaque, const struct input_record *r, u32 check);
    /* The next record cannot be played: its moment has passed, or `why`. */
    void (*lost)(void *opaque, const char *why);
    /* A live input (NULL: another state) wants in: true if it may, and nothing of this player is
     * played any more. */
    bool (*live)(void *opaque, const struct input_record *r);
    bool outside; /* what comes by itself (bytes of streams) may be asked for */
};

struct machine {
    struct machine_config config;
    struct board board;
    struct pace pace;
    struct input_sink input;
    struct display_source display;
    struct debug *debug; /* NULL until somebody debugs */

    int bell;
    volatile bool interrupted; /* set by signal handlers too */
    bool paused;
    bool host_failed; /* `error` says why */
    char crash[4096];
    char error[700];
    unsigned crashes_told;
    struct machine_listener *listeners;

    pthread_mutex_t lock; /* guards the queue below */
    struct posted *first, **last;

    struct input_log *later; /* came in while a write waited for the host; or NULL */
    struct input_listener *input_listeners;
    struct input_player *player; /* NULL: inputs come from outside */
    struct recording *recording; /* NULL: nobody records */
    u64 record_points_ns;

    /* For going back (rewind.c). */
    bool alone;     /* run without looking at the outside */
    bool muted;     /* the past: nothing goes out */
    u64 stop_count; /* machine_run ends at this count, before its inputs; UINT64_MAX: does not */
    u64 stop_ns;    /* and, if it sleeps there, not before this time */
    struct sound_sink *sound, sound_gate;
    struct rewind *rewind; /* NULL: nobody keeps the past */

    bool stop_asked; /* `stop_why` is what machine_run is to return */
    enum machine_stop stop_why;

    u64 next_chr_poll_ns;
    bool cut_short; /* the last idle time, by the host */
    u32 slice;      /* instructions between two looks at the outside; the guest cannot see it */
};

/* machine.c: machine_run returns this, once, at the next look at the outside. */
void machine_ask_to_stop(struct machine *m, enum machine_stop why);
/* Go on to a settled point, without executing an instruction; see above. */
void machine_settle(struct machine *m);
void machine_tell(struct machine *m, enum machine_event e);
void machine_reset_board(struct machine *m);

/* The moment at which the machine stands. */
struct input_time machine_moment(const struct machine *m);
/* A hash of the processor's registers. */
u32 machine_register_check(const struct machine *m);

void machine_listen_inputs(struct machine *m, struct input_listener *l);
void machine_unlisten_inputs(struct machine *m, struct input_listener *l);
/* NULL: from outside again. */
void machine_set_player(struct machine *m, struct input_player *p);

/*
 * Something comes from outside: r->at and r->check are filled in. 0, or -errno and a sentence in
 * err. While a write waits for the host it waits too.
 */
int machine_submit(struct machine *m, struct input_record *r, char *err, size_t err_size);
/* Tell the listeners that the machine's state was replaced. */
void machine_jumped(struct machine *m);
/* What has waited, and what the player has for this moment. */
void machine_inputs_due(struct machine *m);
/* Call the listeners whose time has come. */
void machine_input_points(struct machine *m);
/* The player's next moment: the count to stop at (UINT64_MAX: none), and until when to idle. */
u64 machine_player_count(struct machine *m);
u64 machine_player_idle_until(struct machine *m);

#endif
