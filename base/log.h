/*
 * Messages, by category. A category is a part's name ("ide", "cpu"); the user chooses the chatty
 * ones at run time (--log=ide,pit). Each machine owns one struct log.
 *
 * A guest can provoke any of these as often as it likes, so one call site prints at most
 * LOG_SITE_LIMIT messages; the last of them says that more follow unseen.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/types.h"

enum log_level {
    LOG_ERROR, /* the host failed; always shown */
    LOG_WARN,  /* the user should know; always shown */
    LOG_UNIMP, /* hardware we lack, once per site; always shown */
    LOG_GUEST, /* the guest did what no driver should; shown if the category was chosen */
    LOG_TRACE, /* what a part does; shown if the category was chosen */
};

enum { LOG_SITE_LIMIT = 50 };

struct log;

/* A log to `sink`, called with one line without its newline; NULL means stderr. Owned by the
 * caller. */
typedef void log_sink(void *opaque, enum log_level level, const char *line);
struct log *log_new(log_sink *sink, void *opaque);
void log_free(struct log *log);

/*
 * Choose the chatty categories: names with commas between, or "all". Unknown names are harmless.
 * On the machine thread, as is log_wants.
 */
void log_choose(struct log *log, const char *names);

/* True if LOG_GUEST and LOG_TRACE of this category are shown: guards costly arguments. */
bool log_wants(const struct log *log, const char *category);

/*
 * Print "category: text"; "guest: " or "unimplemented: " before the text come from the level. A
 * call site is known by its `fmt` and `category`, so both must be static text. Any thread may call
 * this; the sink must not print in turn. A null log prints errors and warnings to stderr and drops
 * the rest.
 */
void log_print(struct log *log, enum log_level level, const char *category, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(log, cat, ...) log_print(log, LOG_ERROR, cat, __VA_ARGS__)
#define log_warn(log, cat, ...)  log_print(log, LOG_WARN, cat, __VA_ARGS__)
#define log_unimp(log, cat, ...) log_print(log, LOG_UNIMP, cat, __VA_ARGS__)
#define log_guest(log, cat, ...) log_print(log, LOG_GUEST, cat, __VA_ARGS__)
#define log_trace(log, cat, ...) log_print(log, LOG_TRACE, cat, __VA_ARGS__)

#endif
