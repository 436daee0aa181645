/* A serial port with a script in it. What the guest sent is kept up to KEEP_BYTES. */
#include "frontend/serial_tap.h"

#include "devices/host/chr.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 256 << 10, TAIL_BYTES = 1000 };

struct serial_tap {
    struct chr chr;
    struct chr *inner;
    char *got; /* 2 * KEEP_BYTES + 1, of which the last KEEP_BYTES count; ends in a zero byte */
    size_t got_len, matched;
    char *typed; /* on its way to the guest */
    size_t typed_len, typed_at;
};

/* Zero bytes would end the search. */
static void keep(struct serial_tap *t, const char *data, size_t len)
{
    size_t drop;

    if (len > KEEP_BYTES) {
        data += len - KEEP_BYTES;
        len = KEEP_BYTES;
    }
    if (t->got_len + len > 2 * KEEP_BYTES) {
        drop = t->got_len - KEEP_BYTES;
        memmove(t->got, t->got + drop, KEEP_BYTES);
        t->got_len = KEEP_BYTES;
        t->matched = t->matched > drop ? t->matched - drop : 0;
    }
    for (; len--; data++)
        if (*data)
            t->got[t->got_len++] = *data;
    t->got[t->got_len] = 0;
}

static void tap_write(struct chr *c, const void *data, size_t len)
{
    struct serial_tap *t = (struct serial_tap *)c;

    keep(t, data, len);
    chr_write(t->inner, data, len);
}

static size_t tap_poll(struct chr *c, void *data, size_t size)
{
    struct serial_tap *t = (struct serial_tap *)c;
    size_t n = t->typed_len - t->typed_at;

    if (!n)
        return chr_poll(t->inner, data, size);
    n = n < size ? n : size;
    memcpy(data, t->typed + t->typed_at, n);
    t->typed_at += n;
    return n;
}

static int tap_watch(struct chr *c, short *events)
{
    struct serial_tap *t = (struct serial_tap *)c;

    return t->typed_at < t->typed_len ? CHR_WATCH_OFTEN : chr_watch(t->inner, events);
}

static void tap_close(struct chr *c)
{
    struct serial_tap *t = (struct serial_tap *)c;

    if (t->inner)
        chr_close(t->inner);
    free(t->got);
    free(t->typed);
    free(t);
}

static const struct chr_ops tap_ops = {
    .write = tap_write,
    .poll = tap_poll,
    .watch = tap_watch,
    .close = tap_close,
};

struct serial_tap *serial_tap_new(struct chr *inner)
{
    struct serial_tap *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->chr.ops = &tap_ops;
    t->got = calloc(1, 2 * KEEP_BYTES + 1);
    if (!t->got) {
        free(t);
        return NULL;
    }
    t->inner = inner;
    return t;
}

struct chr *serial_tap_chr(struct serial_tap *t)
{
    return &t->chr;
}

bool serial_tap_seen(struct serial_tap *t, const char *text)
{
    const char *at = strstr(t->got + t->matched, text);

    if (!at)
        return false;
    t->matched = (size_t)(at - t->got) + strlen(text);
    return true;
}

bool serial_tap_type(struct serial_tap *t, const char *text)
{
    size_t rest = t->typed_len - t->typed_at, len = strlen(text), i;
    char *typed = malloc(rest + len + 1);

    if (!typed)
        return false;
    if (rest)
        memcpy(typed, t->typed + t->typed_at, rest);
    for (i = 0; i < len; i++)
        typed[rest + i] = text[i] == '\n' ? '\r' : text[i]; /* what a terminal's Enter sends */
    free(t->typed);
    t->typed = typed;
    t->typed_len = rest + len;
    t->typed_at = 0;
    return true;
}

void serial_tap_take_over(struct serial_tap *t, struct serial_tap *from)
{
    free(t->typed);
    t->typed = from->typed;
    t->typed_len = from->typed_len;
    t->typed_at = from->typed_at;
    from->typed = NULL;
    from->typed_len = from->typed_at = 0;
}

const char *serial_tap_tail(struct serial_tap *t)
{
    size_t from = t->got_len > TAIL_BYTES ? t->got_len - TAIL_BYTES : 0;
    const char *line = from ? strchr(t->got + from, '\n') : NULL;

    return line ? line + 1 : t->got + from;
}
