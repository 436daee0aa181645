/* "Did you mean ...?": the known word nearest to one that was mistyped. */
#ifndef FRONTEND_NEAREST_H
#define FRONTEND_NEAREST_H

#include "base/types.h"

/* Collects candidates for one word. */
struct nearest {
    const char *word;
    const char *best; /* NULL: nothing is near enough */
    unsigned distance;
};

void nearest_begin(struct nearest *n, const char *word);
/* `candidate` must live as long as `n`. */
void nearest_try(struct nearest *n, const char *candidate);
/* "; did you mean 'x'?" with `prefix` before the x, or the empty text; returns out. */
const char *nearest_hint(const struct nearest *n, const char *prefix, char *out, size_t out_size);

#endif
