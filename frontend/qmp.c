/*
 * The bytes of a controlling program's connection: messages are cut out of the stream on the
 * socket's thread and done on the machine thread.
 */
#include "frontend/qmp.h"

#include "devices/board/machine.h"
#include "frontend/frontend.h"
#include "frontend/qmp_input.h"
#include "frontend/qmp_session.h"
#include "frontend/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct qmp {
    struct frontend *frontend;
    struct server *server;
    struct qmp_session *session; /* of this connection; NULL between two, or out of memory */
    struct qmp_input input;
    enum qmp_event event; /* that the machine thread is to look at */
    const char *line;     /* of the monitor, that a message asks for */
    bool good;            /* it succeeded */
    struct text printed, output;
    atomic_bool ending;
};

/* ---- On the machine thread ---- */

static void wake(void *opaque)
{
    struct qmp *q = opaque;

    server_wake(q->server);
}

static void quit(void *opaque, int code)
{
    struct qmp *q = opaque;

    frontend_quit(q->frontend, code);
}

static void on_open(struct machine *m, void *opaque)
{
    struct qmp *q = opaque;
    struct qmp_session_host host = {.machine = m, .wake = wake, .quit = quit, .opaque = q};

    q->session = qmp_session_new(&host, &q->output);
}

static void on_close(struct machine *m, void *opaque)
{
    struct qmp *q = opaque;

    qmp_session_free(q->session);
    q->session = NULL;
}

static void on_message(struct machine *m, void *opaque)
{
    struct qmp *q = opaque;

    q->line = qmp_session_take(q->session, q->event, q->input.data, q->input.len, &q->output);
}

static void on_printed(struct machine *m, void *opaque)
{
    struct qmp *q = opaque;

    qmp_session_printed(q->session, q->good, q->printed.data ? q->printed.data : "", &q->output);
}

static void on_news(struct machine *m, void *opaque)
{
    struct qmp *q = opaque;

    qmp_session_news(q->session, q->ending, &q->output);
}

/* ---- On the socket's thread ---- */

/* A client that was not told all would wait for the rest: it is sent away. */
static void send_output(struct qmp *q)
{
    if (q->output.data)
        server_send(q->server, q->output.data, q->output.len);
    if (q->output.cut)
        server_drop_client(q->server);
    text_free(&q->output);
}

static void opened(void *opaque)
{
    struct qmp *q = opaque;

    q->input = (struct qmp_input){0};
    frontend_call(q->frontend, on_open, q);
    send_output(q);
    if (!q->session)
        server_drop_client(q->server);
}

static void closed(void *opaque)
{
    struct qmp *q = opaque;

    frontend_call(q->frontend, on_close, q);
}

static bool client_has_left(void *opaque)
{
    struct qmp *q = opaque;

    return server_client_has_left(q->server);
}

static void run_line(struct qmp *q)
{
    struct frontend_caller client = {.has_left = client_has_left, .opaque = q};

    q->good = frontend_command_for(q->frontend, q->line, &client, &q->printed);
    frontend_call(q->frontend, on_printed, q);
    text_free(&q->printed);
}

static void received(void *opaque, const u8 *data, size_t len)
{
    struct qmp *q = opaque;

    for (; len && q->session; data++, len--) {
        q->event = qmp_input_byte(&q->input, *data);
        if (q->event == QMP_NOTHING)
            continue;
        frontend_call(q->frontend, on_message, q);
        if (q->line)
            run_line(q);
        send_output(q);
    }
}

static void woken(void *opaque)
{
    struct qmp *q = opaque;

    if (!q->session)
        return;
    frontend_call(q->frontend, on_news, q);
    send_output(q);
}

static const struct server_handler handler = {
    .name = "qmp",
    .opened = opened,
    .received = received,
    .woken = woken,
    .closed = closed,
};

/* ---- Life ---- */

struct qmp *qmp_start(const char *where, struct frontend *f, char *err, size_t err_size)
{
    struct qmp *q;

    if (!qmp_in_build()) {
        snprintf(err, err_size, "qmp: not in this build; install libjansson-dev and build again");
        return NULL;
    }
    q = calloc(1, sizeof *q);
    if (!q) {
        snprintf(err, err_size, "qmp: out of memory");
        return NULL;
    }
    q->frontend = f;
    q->server = server_new(where, &handler, q, err, err_size);
    if (q->server && server_start(q->server))
        return q;
    if (q->server)
        snprintf(err, err_size, "qmp: the host has no thread left");
    qmp_free(q);
    return NULL;
}

void qmp_ask_to_stop(struct qmp *q)
{
    q->ending = true;
    server_wake(q->server);
    server_ask_to_stop(q->server);
}

bool qmp_has_stopped(struct qmp *q)
{
    return server_has_stopped(q->server);
}

void qmp_free(struct qmp *q)
{
    if (!q)
        return;
    server_free(q->server);
    text_free(&q->output);
    free(q);
}
