/* Small files, read whole. */
#ifndef FRONTEND_SLURP_H
#define FRONTEND_SLURP_H

#include "base/types.h"

/*
 * The contents of `file` ("-": standard input) with a zero byte behind them, to be freed. NULL and
 * a sentence that names the file in err, also when it is longer than `max` bytes.
 */
char *slurp(const char *file, size_t max, size_t *len, char *err, size_t err_size);

#endif
