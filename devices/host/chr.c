/* Character back ends: choosing one, and the two that need no host: "none" and memory. */
#include "devices/host/chr.h"

#include "devices/host/chr_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void chr_write(struct chr *c, const void *data, size_t len)
{
    if (c && len && !c->muted)
        c->ops->write(c, data, len);
}

size_t chr_poll(struct chr *c, void *data, size_t size)
{
    return c ? c->ops->poll(c, data, size) : 0;
}

int chr_watch(struct chr *c, short *events)
{
    if (!c)
        return CHR_WATCH_NOTHING;
    return c->ops->watch ? c->ops->watch(c, events) : CHR_WATCH_OFTEN;
}

void chr_close(struct chr *c)
{
    if (c)
        c->ops->close(c);
}

/* --- none ------------------------------------------------------------------------------------ */

static void none_write(struct chr *c, const void *data, size_t len)
{
}

static size_t none_poll(struct chr *c, void *data, size_t size)
{
    return 0;
}

static int none_watch(struct chr *c, short *events)
{
    return CHR_WATCH_NOTHING;
}

static void none_close(struct chr *c)
{
    free(c);
}

static const struct chr_ops none_ops = {
    .write = none_write,
    .poll = none_poll,
    .watch = none_watch,
    .close = none_close,
};

/* --- memory ---------------------------------------------------------------------------------- */

struct memory {
    struct chr chr;
    size_t limit;
    char *text; /* room for `capacity` bytes and a terminating 0 */
    size_t len, capacity;
};

static void memory_append(struct memory *m, const char *data, size_t len)
{
    size_t capacity = m->capacity ? m->capacity : 256;
    char *text;

    while (capacity < m->len + len)
        capacity *= 2;
    if (capacity != m->capacity) {
        text = realloc(m->text, capacity + 1);
        if (!text) {
            m->chr.dropped += len;
            return;
        }
        m->text = text;
        m->capacity = capacity;
    }
    memcpy(m->text + m->len, data, len);
    m->len += len;
    m->text[m->len] = 0;
}

/* Forget all but the newest `keep` bytes. */
static void memory_trim(struct memory *m, size_t keep)
{
    if (m->len <= keep)
        return;
    m->chr.dropped += m->len - keep;
    memmove(m->text, m->text + m->len - keep, keep);
    m->len = keep;
    m->text[keep] = 0;
}

static void memory_write(struct chr *c, const void *data, size_t len)
{
    struct memory *m = (struct memory *)c;
    const char *p = data;

    if (len > m->limit) {
        m->chr.dropped += len - m->limit;
        p += len - m->limit;
        len = m->limit;
    }
    /* Up to twice the limit, so that moving the text is rare. */
    if (m->len + len > 2 * m->limit)
        memory_trim(m, m->limit - len);
    memory_append(m, p, len);
}

static void memory_close(struct chr *c)
{
    free(((struct memory *)c)->text);
    free(c);
}

static const struct chr_ops memory_ops = {
    .write = memory_write,
    .poll = none_poll,
    .watch = none_watch,
    .close = memory_close,
};

struct chr *chr_new_memory(size_t limit)
{
    struct memory *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->chr.ops = &memory_ops;
    m->limit = limit;
    return &m->chr;
}

const char *chr_memory_text(struct chr *c, size_t *len)
{
    struct memory *m = (struct memory *)c;

    assert(c->ops == &memory_ops);
    memory_trim(m, m->limit);
    if (len)
        *len = m->len;
    return m->text ? m->text : "";
}

/* --- opening --------------------------------------------------------------------------------- */

static struct chr *none_open(char *err, size_t err_size)
{
    struct chr *c = calloc(1, sizeof *c);

    if (c)
        c->ops = &none_ops;
    else
        snprintf(err, err_size, "chr: the host has no memory left; close programs");
    return c;
}

struct chr *chr_open(const char *what, char *err, size_t err_size)
{
    if (!strcmp(what, "none"))
        return none_open(err, err_size);
    if (!strcmp(what, "stdio"))
        return chr_stdio_open(err, err_size);
    if (!strcmp(what, "pty"))
        return chr_pty_open(err, err_size);
    if (!strncmp(what, "file:", 5))
        return chr_file_open(what + 5, err, err_size);
    if (!strncmp(what, "unix:", 5))
        return chr_unix_open(what + 5, err, err_size);
    snprintf(err, err_size, "chr: '%s' is not known; use stdio, file:PATH, unix:PATH, pty or none",
             what);
    return NULL;
}
