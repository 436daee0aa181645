/*
 * A conversation with gdb: what its packets ask of the machine, and what is answered. All on the
 * machine thread; frontend/gdbstub.c carries the bytes.
 *
 * gdb's model: the target stands still unless gdb has asked it to run and not heard of a stop. The
 * first packet of a connection therefore stops the machine, its end lets it go on.
 */
#ifndef FRONTEND_GDB_SESSION_H
#define FRONTEND_GDB_SESSION_H

#include "base/types.h"

struct gdb_session;
struct machine;

struct gdb_session_host {
    struct machine *machine;
    /* There is news for gdb_session_news. Called on the machine thread. */
    void (*wake)(void *opaque);
    /* End the program. */
    void (*quit)(void *opaque, int code);
    void *opaque;
};

/* Frames to be sent: packets, one behind the other. Zeroed it is empty. */
struct gdb_output {
    u8 *data;
    size_t len, capacity;
};

void gdb_output_free(struct gdb_output *o);

/* NULL if the host has no memory. */
struct gdb_session *gdb_session_new(const struct gdb_session_host *host);
void gdb_session_free(struct gdb_session *s);

/*
 * A packet's contents, which end in a zero byte; what is answered at once is added to `out`. If it
 * asks for a command of the monitor, the line is returned, valid until the next call: run it, and
 * pass on what it prints.
 */
const char *gdb_session_packet(struct gdb_session *s, const char *data, size_t len,
                               struct gdb_output *out);
void gdb_session_printed(struct gdb_session *s, const char *text, size_t len,
                         struct gdb_output *out);
/* Ctrl-C: the stop is told as news. */
void gdb_session_interrupt(struct gdb_session *s);
/* What has happened since: if gdb waits for it, it is added to `out`. `ending`: the program ends.
 */
void gdb_session_news(struct gdb_session *s, bool ending, struct gdb_output *out);
/* True after QStartNoAckMode. */
bool gdb_session_no_ack(const struct gdb_session *s);
/* The connection is over: gdb's points are removed, the machine goes on. */
void gdb_session_close(struct gdb_session *s);

#endif
