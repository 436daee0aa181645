/*
 * The monitor. On a terminal lines are edited by libedit where the build has it; everywhere else
 * bytes are gathered into lines here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/monitor.h"

#include "base/bell.h"
#include "devices/host/chr.h"
#include "frontend/commands.h"
#include "frontend/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#ifdef HAVE_EDIT
#include <histedit.h>
#endif

enum { SOCKET_NAP_MS = 20, HISTORY_LINES = 500 };

static const char PROMPT[] = "(bygone) ";

struct monitor {
    monitor_run_line *run;
    void *opaque;
    struct chr *socket; /* NULL: the terminal */
    int bell;
    atomic_bool stop, stopped;
    pthread_t thread;
    pthread_mutex_t lock; /* guards told */
    struct text told;     /* by other threads, to be shown */
    char line[COMMAND_LINE_MAX];
    size_t len;
    bool too_long; /* the rest of this line is dropped */
};

static void answer(struct monitor *m, const char *text)
{
    if (m->socket) {
        chr_write(m->socket, text, strlen(text));
    } else {
        fputs(text, stdout);
        fflush(stdout);
    }
}

void monitor_tell(struct monitor *m, const char *text)
{
    size_t len = strlen(text);

    pthread_mutex_lock(&m->lock);
    text_add(&m->told, text);
    if (len && text[len - 1] != '\n')
        text_add(&m->told, "\n");
    pthread_mutex_unlock(&m->lock);
    bell_ring(m->bell);
}

/* Show what others had to tell; true if there was something. */
static bool show_told(struct monitor *m)
{
    char *text;

    pthread_mutex_lock(&m->lock);
    text = text_take(&m->told);
    pthread_mutex_unlock(&m->lock);
    if (text && *text) {
        answer(m, text);
        free(text);
        return true;
    }
    free(text);
    return false;
}

/* Woken: by what others tell, or to stop. */
static void woken(struct monitor *m)
{
    if (m->stop || !bell_heard(m->bell))
        return;
    if (m->socket == NULL)
        answer(m, "\n"); /* the prompt is there already */
    if (show_told(m))
        answer(m, PROMPT);
}

bool monitor_client_has_left(const struct monitor *m)
{
    short events = 0;

    return m->socket && server_peer_has_left(chr_watch(m->socket, &events));
}

static void run_line(struct monitor *m, const char *line)
{
    struct text out = {0};

    m->run(m->opaque, line, &out);
    show_told(m);
    if (out.data)
        answer(m, out.data);
    text_free(&out);
}

/* One byte of input. */
static void take_byte(struct monitor *m, char c)
{
    if (c == '\n') {
        m->line[m->len] = 0;
        if (m->too_long)
            answer(m, "the line is too long\n");
        else
            run_line(m, m->line);
        answer(m, PROMPT);
        m->len = 0;
        m->too_long = false;
    } else if (m->len + 1 < sizeof m->line) {
        m->line[m->len++] = c;
    } else {
        m->too_long = true;
    }
}

static void take_bytes(struct monitor *m, const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len && !m->stop; i++)
        take_byte(m, data[i]);
}

static void serve_socket(struct monitor *m)
{
    struct pollfd fd = {.fd = m->bell, .events = POLLIN};
    char data[512];
    size_t n;

    while (!m->stop) {
        n = chr_poll(m->socket, data, sizeof data);
        take_bytes(m, data, n);
        if (!n && poll(&fd, 1, SOCKET_NAP_MS) > 0)
            woken(m);
    }
}

/* Wait for standard input; false when it is time to stop. */
static bool wait_stdin(struct monitor *m)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = m->bell, .events = POLLIN}};

    while (!m->stop) {
        if (poll(fds, 2, -1) <= 0)
            continue;
        if (fds[1].revents)
            woken(m);
        if (fds[0].revents)
            return !m->stop;
    }
    return false;
}

static void serve_plain(struct monitor *m)
{
    char data[512];
    ssize_t n;

    answer(m, PROMPT);
    while (wait_stdin(m)) {
        n = read(STDIN_FILENO, data, sizeof data);
        if (n <= 0)
            return; /* the end of input ends the monitor, not the machine */
        take_bytes(m, data, (size_t)n);
    }
}

#ifdef HAVE_EDIT

static char *edit_prompt(EditLine *el)
{
    return (char *)PROMPT;
}

/* A character for libedit, which then waits on our terms. */
static int edit_getc(EditLine *el, wchar_t *out)
{
    struct monitor *m;
    mbstate_t state = {0};
    size_t n = (size_t)-2;
    char c;

    el_get(el, EL_CLIENTDATA, &m);
    while (n == (size_t)-2) {
        if (!wait_stdin(m) || read(STDIN_FILENO, &c, 1) != 1)
            return 0;
        n = mbrtowc(out, &c, 1, &state);
    }
    if (n == (size_t)-1)
        *out = L'?'; /* not a character of this locale */
    return 1;
}

/* Completes the first word. */
static unsigned char edit_complete(EditLine *el, int key)
{
    const LineInfo *info = el_line(el);
    size_t len = (size_t)(info->cursor - info->buffer);
    const char *match = NULL;
    unsigned i;

    for (i = 0; i < command_count; i++)
        if (!strncmp(commands[i].name, info->buffer, len)) {
            if (match)
                return CC_REFRESH_BEEP;
            match = commands[i].name;
        }
    if (!match || el_insertstr(el, match + len) || el_insertstr(el, " "))
        return CC_ERROR;
    return CC_REFRESH;
}

static void serve_edited(struct monitor *m)
{
    EditLine *el = el_init("bygone", stdin, stdout, stderr);
    History *lines = history_init();
    HistEvent event;
    const char *line;
    int count;

    history(lines, &event, H_SETSIZE, HISTORY_LINES);
    el_set(el, EL_CLIENTDATA, m);
    el_set(el, EL_PROMPT, edit_prompt);
    el_set(el, EL_SIGNAL, 0);
    el_set(el, EL_EDITOR, "emacs");
    el_set(el, EL_HIST, history, lines);
    el_set(el, EL_GETCFN, edit_getc);
    el_set(el, EL_ADDFN, "complete", "complete a command", edit_complete);
    el_set(el, EL_BIND, "^I", "complete", NULL);
    while (!m->stop && (line = el_gets(el, &count)) && count > 0) {
        if (count > 1)
            history(lines, &event, H_ENTER, line);
        run_line(m, line);
    }
    history_end(lines);
    el_end(el);
}

#endif

static void *serve(void *opaque)
{
    struct monitor *m = opaque;

    if (m->socket)
        serve_socket(m);
#ifdef HAVE_EDIT
    else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        serve_edited(m);
#endif
    else
        serve_plain(m);
    m->stopped = true;
    return NULL;
}

struct monitor *monitor_start(const char *where, monitor_run_line *run, void *opaque, char *err,
                              size_t err_size)
{
    struct monitor *m = calloc(1, sizeof *m);
    int e;

    if (!m) {
        snprintf(err, err_size, "monitor: out of memory");
        return NULL;
    }
    m->run = run;
    m->opaque = opaque;
    pthread_mutex_init(&m->lock, NULL);
    m->bell = bell_open();
    if (strcmp(where, "stdio"))
        m->socket = chr_open(where, err, err_size);
    else if (m->bell < 0)
        snprintf(err, err_size, "monitor: no eventfd: %s", strerror(-m->bell));
    if (m->bell >= 0 && (m->socket || !strcmp(where, "stdio"))) {
        e = pthread_create(&m->thread, NULL, serve, m);
        if (!e)
            return m;
        snprintf(err, err_size, "monitor: no thread: %s", strerror(e));
    }
    if (m->socket)
        chr_close(m->socket);
    bell_close(m->bell);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

void monitor_ask_to_stop(struct monitor *m)
{
    m->stop = true;
    bell_ring(m->bell);
}

bool monitor_has_stopped(struct monitor *m)
{
    return m->stopped;
}

void monitor_free(struct monitor *m)
{
    if (!m)
        return;
    monitor_ask_to_stop(m);
    pthread_join(m->thread, NULL);
    if (m->socket)
        chr_close(m->socket);
    bell_close(m->bell);
    pthread_mutex_destroy(&m->lock);
    text_free(&m->told);
    free(m);
}
