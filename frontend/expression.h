/* Addresses and values as users write them; the language is that of devices/board/debug_expr.h. */
#ifndef FRONTEND_EXPRESSION_H
#define FRONTEND_EXPRESSION_H

#include "base/types.h"

struct machine;

/*
 * Evaluate "cs:eip", "0xB8000", "$esp+4", "0040:0017", "main+4". With `machine` NULL registers are
 * zero and there are neither memory nor symbols. False and a sentence in err.
 */
bool expression_eval(const char *text, struct machine *machine, u64 *out, char *err,
                     size_t err_size);

#endif
