/* Text that grows, up to a bound: what commands print. Zeroed it is empty. */
#ifndef FRONTEND_TEXT_H
#define FRONTEND_TEXT_H

#include "base/types.h"

#include <stdarg.h>

enum { TEXT_MAX_BYTES = 4 << 20 };

struct text {
    char *data; /* NULL while empty; ends in a zero byte */
    size_t len, capacity;
    bool cut; /* the host refused memory, or the bound was reached */
};

void text_add(struct text *t, const char *s);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *t, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
/* A line that says why something was not done: false. */
bool text_fail(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);
/* The text, to be freed by the caller; `t` is empty then. NULL if the host refused memory. */
char *text_take(struct text *t);

#endif
