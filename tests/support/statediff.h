/* Comparing two saved states: which field is the first to differ. */
#ifndef TESTS_SUPPORT_STATEDIFF_H
#define TESTS_SUPPORT_STATEDIFF_H

#include "base/state.h"

/*
 * Name up to eight fields in which two streams made by state_new_save differ, with section, place
 * and both values. False if there is none.
 */
bool state_diff(const struct state *a, const struct state *b, char *out, size_t out_size);

#endif
