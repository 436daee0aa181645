/*
 * A guest that somebody uses, and random moments of its life at which a test does something to the
 * machine. What the user does depends on the seed and the moment alone, so that all machines that
 * run the guest get the same.
 */
#ifndef TESTS_SUPPORT_GUEST_TRIAL_H
#define TESTS_SUPPORT_GUEST_TRIAL_H

#include "devices/board/machine.h"

enum { TRIAL_POINTS_MAX = 100 };

struct guest_trial {
    struct machine_config config;
    const char *other_engine;
    u64 seed;
    u64 until_ns; /* the moments lie before it */
    u64 more_ns;  /* how long machines go on from each */
    unsigned points;
    bool input; /* is it used? */
};

/* Seed 1, five moments in four seconds, half a second from each; 32 MiB, a Pentium II. */
struct guest_trial trial_defaults(void);
/* --seed N, --points N, --until SECONDS, --more SECONDS, --other-engine NAME, and guest_option's.
 */
bool trial_option(struct guest_trial *t, const char *name, const char *value);

/* A number that depends on the seed and `n`. */
u64 trial_random(const struct guest_trial *t, u64 n);
/* The moments, in order; no input comes at any of them. */
void trial_moments(const struct guest_trial *t, u64 at[TRIAL_POINTS_MAX]);
void trial_sort(u64 *numbers, unsigned count);

/* A machine, or the end of the program. */
struct machine *trial_build(const struct machine_config *config);
/* Use it until a moment. */
void trial_run_to(const struct guest_trial *t, struct machine *m, u64 ns);
/* The same in pieces of at most `piece` ns. */
void trial_run_in_pieces(const struct guest_trial *t, struct machine *m, u64 ns, u64 piece);

#endif
