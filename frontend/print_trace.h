/* bygone --print-trace FILE. */
#ifndef FRONTEND_PRINT_TRACE_H
#define FRONTEND_PRINT_TRACE_H

#include "base/types.h"

#include <stdio.h>

/* Print a trace, a line a record. False and a sentence in err; what was read before it is printed.
 */
bool print_trace(const char *path, FILE *out, char *err, size_t err_size);

#endif
