#include "devices/board/report.h"

#include <stdarg.h>
#include <stdio.h>

void report_say(struct report *r, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(r->at, r->room, fmt, args);
    va_end(args);
    if (n > 0) {
        size_t used = (size_t)n < r->room ? (size_t)n : r->room ? r->room - 1 : 0;

        r->at += used;
        r->room -= used;
    }
}
