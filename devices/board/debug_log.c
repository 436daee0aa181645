/* What log points write: text with expressions in braces. */
#include "devices/board/debug_private.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 512 };

static size_t add(char *line, size_t n, const char *text, size_t len)
{
    if (len > LINE_BYTES - 1 - n)
        len = LINE_BYTES - 1 - n;
    memcpy(line + n, text, len);
    line[n + len] = 0;
    return n + len;
}

/* The value of an expression, or in brackets why there is none. */
static size_t add_value(struct debug *d, char *line, size_t n, const char *text, size_t len)
{
    char expr[DEBUG_TEXT], out[140], err[120];
    u64 value;

    snprintf(expr, sizeof expr, "%.*s", (int)len, text);
    if (debug_eval(expr, d->symbols, d->cpu, &value, err, sizeof err))
        snprintf(out, sizeof out, "%llx", (unsigned long long)value);
    else
        snprintf(out, sizeof out, "<%s>", err);
    return add(line, n, out, strlen(out));
}

void debug_log_line(struct debug *d, const struct point *p, const struct debug_stop *what)
{
    char line[LINE_BYTES] = "";
    const char *at = p->log, *open, *close;
    size_t n = 0;

    if (!d->log)
        return;
    if (!*at)
        at = what->text;
    for (; (open = strchr(at, '{')) && (close = strchr(open, '}')); at = close + 1) {
        n = add(line, n, at, (size_t)(open - at));
        n = add_value(d, line, n, open + 1, (size_t)(close - open - 1));
    }
    add(line, n, at, strlen(at));
    d->log(d->log_opaque, line);
}
