/*
 * The bytes of gdb's connection: frames, acknowledgements and Ctrl-C on the socket's thread; what
 * packets mean is looked up on the machine thread.
 */
#include "frontend/gdbstub.h"

#include "devices/board/machine.h"
#include "frontend/frontend.h"
#include "frontend/gdb_packet.h"
#include "frontend/gdb_session.h"
#include "frontend/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct gdbstub {
    struct frontend *frontend;
    struct server *server;
    struct gdb_session *session; /* of this connection; NULL between two, or out of memory */
    struct gdb_input input;
    struct gdb_output output; /* kept until the next, in case it gets lost */
    const char *command;      /* of the monitor, that a packet asks for */
    struct text printed;      /* what it printed */
    atomic_bool ending;
};

/* ---- On the machine thread ---- */

static void wake(void *opaque)
{
    struct gdbstub *g = opaque;

    server_wake(g->server);
}

static void quit(void *opaque, int code)
{
    struct gdbstub *g = opaque;

    frontend_quit(g->frontend, code);
}

static void on_open(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;
    struct gdb_session_host host = {.machine = m, .wake = wake, .quit = quit, .opaque = g};

    g->session = gdb_session_new(&host);
}

static void on_close(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;

    if (g->session)
        gdb_session_close(g->session);
    gdb_session_free(g->session);
    g->session = NULL;
}

static void on_packet(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;

    g->output.len = 0;
    g->command = gdb_session_packet(g->session, g->input.data, g->input.len, &g->output);
}

static void on_printed(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;

    gdb_session_printed(g->session, g->printed.data ? g->printed.data : "", g->printed.len,
                        &g->output);
}

static void on_interrupt(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;

    gdb_session_interrupt(g->session);
}

static void on_news(struct machine *m, void *opaque)
{
    struct gdbstub *g = opaque;

    g->output.len = 0;
    gdb_session_news(g->session, g->ending, &g->output);
}

/* ---- On the socket's thread ---- */

static void opened(void *opaque)
{
    struct gdbstub *g = opaque;

    g->input = (struct gdb_input){0};
    g->output.len = 0;
    frontend_call(g->frontend, on_open, g);
    if (!g->session)
        server_drop_client(g->server);
}

static void closed(void *opaque)
{
    struct gdbstub *g = opaque;

    frontend_call(g->frontend, on_close, g);
}

static bool client_has_left(void *opaque)
{
    struct gdbstub *g = opaque;

    return server_client_has_left(g->server);
}

static void take_packet(struct gdbstub *g)
{
    struct frontend_caller client = {.has_left = client_has_left, .opaque = g};

    if (!gdb_session_no_ack(g->session))
        server_send(g->server, "+", 1);
    frontend_call(g->frontend, on_packet, g);
    if (g->command) {
        frontend_command_for(g->frontend, g->command, &client, &g->printed);
        frontend_call(g->frontend, on_printed, g);
        text_free(&g->printed);
    }
    server_send(g->server, g->output.data, g->output.len);
}

static void received(void *opaque, const u8 *data, size_t len)
{
    struct gdbstub *g = opaque;

    for (; len && g->session; data++, len--)
        switch (gdb_input_byte(&g->input, *data)) {
        case GDB_PACKET: take_packet(g); break;
        case GDB_BAD_PACKET: server_send(g->server, "-", 1); break;
        case GDB_NAK: server_send(g->server, g->output.data, g->output.len); break;
        case GDB_INTERRUPT: frontend_call(g->frontend, on_interrupt, g); break;
        default: break;
        }
}

static void woken(void *opaque)
{
    struct gdbstub *g = opaque;

    if (!g->session)
        return;
    frontend_call(g->frontend, on_news, g);
    server_send(g->server, g->output.data, g->output.len);
}

static const struct server_handler handler = {
    .name = "gdb",
    .refuse_second = true,
    .opened = opened,
    .received = received,
    .woken = woken,
    .closed = closed,
};

/* ---- Life ---- */

struct gdbstub *gdbstub_start(const char *where, struct frontend *f, char *err, size_t err_size)
{
    struct gdbstub *g = calloc(1, sizeof *g);

    if (!g) {
        snprintf(err, err_size, "gdb: out of memory");
        return NULL;
    }
    g->frontend = f;
    g->server = server_new(where, &handler, g, err, err_size);
    if (g->server && server_start(g->server))
        return g;
    if (g->server)
        snprintf(err, err_size, "gdb: the host has no thread left");
    gdbstub_free(g);
    return NULL;
}

void gdbstub_ask_to_stop(struct gdbstub *g)
{
    g->ending = true;
    server_wake(g->server);
    server_ask_to_stop(g->server);
}

bool gdbstub_has_stopped(struct gdbstub *g)
{
    return server_has_stopped(g->server);
}

void gdbstub_free(struct gdbstub *g)
{
    if (!g)
        return;
    server_free(g->server);
    gdb_output_free(&g->output);
    free(g);
}
