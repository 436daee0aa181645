/*
 * Two machines of one configuration, one engine each, that are given the same in the same order.
 *
 *   twin.c         options, the script, where its calls of the machine are taken to both
 *   twin_pair.c    the pair: what was done to it, comparison, disturbances, saved states
 *   twin_search.c  from a difference back to the instruction
 *   twin_wrong.c   a mistake to be found
 */
#ifndef TESTS_BOOT_TWIN_H
#define TESTS_BOOT_TWIN_H

#include "base/types.h"
#include "devices/board/machine.h"

#include <stdio.h>

struct blk_overlay;
struct serial_tap;
struct state;

enum { TWINS = 2, TWIN_TEXT = 512 };

/* What was done, in order; a search does it again. */
struct twin_op {
    enum {
        TWIN_RUN,
        TWIN_KEY,
        TWIN_MOUSE,
        TWIN_INSERT,
        TWIN_EJECT,
        TWIN_POWERDOWN,
        TWIN_RESET,
        TWIN_TYPE_SERIAL,
        /* To the second machine only; none of it may be seen. */
        TWIN_FLUSH,
        TWIN_CUT,       /* run up to a moment, and stop there */
        TWIN_RELOAD,    /* save it, and load that again */
        TWIN_THRESHOLD, /* of translation: `ns` executions */
        TWIN_DISTURB,   /* what jit_disturb does, chosen by `ns` */
        TWIN_MOVE,      /* a new machine in its place, which goes on from a snapshot of the first */
    } kind;
    u64 ns;         /* of TWIN_RUN and TWIN_CUT: virtual time to run to */
    u64 stop_count; /* of TWIN_RUN: or up to this count; 0: none */
    u16 key;
    bool down;
    s32 dx, dy, dz;
    u8 buttons;
    enum drive_id drive;
    const char *text; /* file or characters; kept for ever */
};

struct twin {
    struct machine_config config;
    bool taps; /* the script uses the serial port */
    const char *engine[TWINS];
    unsigned threshold; /* of translation; 0: as it is */
    unsigned often;     /* disturb the translator once in so many calls of handlers; 0: not */
    u64 often_seed;
    u64 wrong_at; /* make a mistake at this count; 0: do not */

    struct machine *m[TWINS];
    struct serial_tap *tap[TWINS];
    struct twin_op *ops;
    size_t count, room;

    /* The last moment at which both were found alike in everything: behind ops[equal_at - 1]. */
    struct state *equal;
    struct blk_overlay *equal_disk[DRIVE_COUNT]; /* what was written to disks until then */
    size_t equal_at;

    bool alone; /* there is only the first machine */
};

/* Build both machines (alone: one), in place of those that are there. Exits when the host cannot.
 */
void twin_build(struct twin *t);
void twin_free(struct twin *t);
/* Do it to both and note it. Of a run the reasons for which the two stopped go to `why`. */
void twin_do(struct twin *t, const struct twin_op *op, enum machine_stop why[TWINS]);
/* The ops from `from` to before `to` again, without noting them. */
void twin_redo(struct twin *t, size_t from, size_t to);

/* Counts, time and processors are alike. Takes a few microseconds. */
bool twin_alike(struct twin *t);
/* Everything is. */
bool twin_same(struct twin *t);
/* Remember this moment, at which both are the same; the translations start afresh from here. */
void twin_keep(struct twin *t);
/* Back to it, or to power-on if there is none or `from_start`. Returns the op to go on with. */
size_t twin_back(struct twin *t, bool from_start);

/* What differs now, in words. */
void twin_tell_difference(struct twin *t, FILE *out);

/*
 * The machines differ behind the last op: find the instruction that made them, and tell. They are
 * of no use afterwards.
 */
void twin_search(struct twin *t, FILE *out);

/* The instruction that completes `count` goes wrong on this machine of the interpreter. */
void twin_make_wrong(struct machine *m, u64 count);

#endif
