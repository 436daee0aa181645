/*
 * The monitor: lines of commands from the terminal or a Unix socket, on a thread of its own. Each
 * runs on the machine thread; the answer comes back before the next prompt.
 */
#ifndef FRONTEND_MONITOR_H
#define FRONTEND_MONITOR_H

#include "base/types.h"
#include "frontend/text.h"

struct monitor;

/* Runs a line and adds the answer; called on the monitor's thread. */
typedef bool monitor_run_line(void *opaque, const char *line, struct text *out);

/* `where` is "stdio" or "unix:PATH". NULL and a sentence in err on failure. */
struct monitor *monitor_start(const char *where, monitor_run_line *run, void *opaque, char *err,
                              size_t err_size);
/* From the function that runs a line: nobody is at the socket any more to read its answer. */
bool monitor_client_has_left(const struct monitor *m);
/* Any thread: show a text that is no answer, a line or more. */
void monitor_tell(struct monitor *m, const char *text);
/* Ask the thread to end, as soon as the line it runs is done. */
void monitor_ask_to_stop(struct monitor *m);
/* True once the thread is past its last line. */
bool monitor_has_stopped(struct monitor *m);
/* Wait for the thread, restore the terminal, free. */
void monitor_free(struct monitor *m);

#endif
