/*
 * Messages, by category. A call site is known by its format string and category, which a guest
 * cannot choose; the table of sites is bounded, and sites past its end share one entry.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_SITES = 1024, LOG_LINE_BYTES = 512 };

struct log_site {
    const char *fmt;
    const char *category;
    u32 printed;
};

struct log {
    log_sink *sink;
    void *opaque;
    char *chosen;         /* names with commas between, or NULL */
    pthread_mutex_t lock; /* front ends and workers print too */
    struct log_site sites[LOG_SITES];
    struct log_site overflow; /* what all sites share that found the table full */
};

static void log_to_stderr(void *opaque, enum log_level level, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

struct log *log_new(log_sink *sink, void *opaque)
{
    struct log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    log->sink = sink ? sink : log_to_stderr;
    log->opaque = opaque;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void log_free(struct log *log)
{
    if (!log)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log->chosen);
    free(log);
}

void log_choose(struct log *log, const char *names)
{
    char *copy = names ? strdup(names) : NULL;

    pthread_mutex_lock(&log->lock);
    free(log->chosen);
    log->chosen = copy;
    pthread_mutex_unlock(&log->lock);
}

/* True if `name` stands in the list `names`, which has commas between its names. */
static bool list_has(const char *names, const char *name)
{
    size_t len = strlen(name);
    const char *p = names;

    while (p) {
        if (!strncmp(p, name, len) && (p[len] == ',' || p[len] == 0))
            return true;
        p = strchr(p, ',');
        if (p)
            p++;
    }
    return false;
}

bool log_wants(const struct log *log, const char *category)
{
    if (!log || !log->chosen)
        return false;
    return list_has(log->chosen, "all") || list_has(log->chosen, category);
}

static struct log_site *find_site(struct log *log, const char *fmt, const char *category)
{
    u64 h = ((u64)(uintptr_t)fmt + (u64)(uintptr_t)category * 31) * 0x9E3779B97F4A7C15ull;
    unsigned i, at = (unsigned)(h >> 32);
    struct log_site *s;

    for (i = 0; i < LOG_SITES; i++) {
        s = &log->sites[(at + i) % LOG_SITES];
        if (!s->fmt) {
            s->fmt = fmt;
            s->category = category;
        }
        if (s->fmt == fmt && s->category == category)
            return s;
    }
    return &log->overflow;
}

static const char *level_prefix(enum log_level level)
{
    switch (level) {
    case LOG_UNIMP: return "unimplemented: ";
    case LOG_GUEST: return "guest: ";
    default: return "";
    }
}

/* Text may hold strings a guest made: no control character of theirs reaches a terminal. */
static void defuse(char *line)
{
    for (; *line; line++)
        if ((u8)*line < 0x20 || *line == 0x7F)
            *line = '.';
}

static void log_emit(struct log *log, enum log_level level, const char *category, bool last,
                     const char *fmt, va_list args)
{
    char line[LOG_LINE_BYTES];
    size_t n;

    n = (size_t)snprintf(line, sizeof line, "%.64s: %s", category, level_prefix(level));
    vsnprintf(line + n, sizeof line - n, fmt, args);
    defuse(line);
    if (last) {
        n = strlen(line);
        snprintf(line + n, sizeof line - n, " (no more of this kind are shown)");
    }
    if (log)
        log->sink(log->opaque, level, line);
    else
        log_to_stderr(NULL, level, line);
}

void log_print(struct log *log, enum log_level level, const char *category, const char *fmt, ...)
{
    u32 limit = level == LOG_UNIMP ? 1 : LOG_SITE_LIMIT;
    struct log_site *site;
    va_list args;

    if (!log && level > LOG_WARN)
        return;
    va_start(args, fmt);
    if (!log) {
        log_emit(NULL, level, category, false, fmt, args);
    } else {
        pthread_mutex_lock(&log->lock);
        if (level < LOG_GUEST || log_wants(log, category)) {
            site = find_site(log, fmt, category);
            if (site->printed < limit)
                log_emit(log, level, category, ++site->printed == limit && limit > 1, fmt, args);
        }
        pthread_mutex_unlock(&log->lock);
    }
    va_end(args);
}
