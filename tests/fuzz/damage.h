/*
 * Saved machines with damage: a few states of hostile guests, and bytes of them changed. What comes
 * out must be refused with a sentence or run.
 */
#ifndef TESTS_FUZZ_DAMAGE_H
#define TESTS_FUZZ_DAMAGE_H

#include "base/types.h"

struct machine;

enum { DAMAGE_BASES = 8 };

struct damage_result {
    bool refused;
    char why[400];
};

/*
 * Change a copy of one of the saved states as `data` says, load it into the machine, and let it
 * run for a moment if that was accepted. Aborts where a refusal gives no reason.
 */
void damage_round(struct machine *m, const u8 *data, size_t size, struct damage_result *out);

#endif
