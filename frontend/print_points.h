/* bygone --print-points FILE. */
#ifndef FRONTEND_PRINT_POINTS_H
#define FRONTEND_PRINT_POINTS_H

#include "base/types.h"

#include <stdio.h>

/* Print where a replay of the recording can begin, a line a point. False and a sentence in err. */
bool print_points(const char *path, FILE *out, char *err, size_t err_size);

#endif
