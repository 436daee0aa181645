/*
 * What the files of a gdb session share. gdb_session.c sorts packets, gdb_run.c runs and tells of
 * stops, gdb_reverse.c goes back, gdb_access.c reads, writes and sets points, gdb_query.c answers
 * questions.
 */
#ifndef FRONTEND_GDB_PRIVATE_H
#define FRONTEND_GDB_PRIVATE_H

#include "devices/board/debug.h"
#include "devices/board/machine.h"
#include "frontend/commands.h"
#include "frontend/gdb_packet.h"
#include "frontend/gdb_registers.h"
#include "frontend/gdb_session.h"

/* Errors are not numbered by the protocol; these are errno's. */
#define E_INVALID "E16" /* EINVAL */
#define E_FAULT   "E0e" /* EFAULT */
#define E_FULL    "E1c" /* ENOSPC */

enum { GDB_POINTS = DEBUG_POINTS };

enum gdb_architecture { ARCH_AUTO, ARCH_I8086, ARCH_I386 };

/* A breakpoint or watchpoint of gdb's: type is the digit of its Z packet. */
struct stub_point {
    int id; /* debug.h's */
    u8 type;
    u64 address, kind;
};

struct gdb_session {
    struct gdb_session_host host;
    struct machine_listener listener;
    struct stub_point points[GDB_POINTS];
    unsigned point_count;
    int triple; /* the point that stops at a triple fault; 0: none */
    enum gdb_pc pc;
    enum gdb_architecture architecture;
    bool attached;    /* a packet has come */
    bool running;     /* gdb waits for a stop */
    bool ended;       /* while it waited, the machine came to its end */
    bool stepping;    /* it asked for one instruction */
    bool interrupted; /* it asked for a stop */
    bool answered;    /* the packet at hand, by more than s->reply */
    bool no_ack;
    struct debug_stop before; /* the last stop when it began to run */
    struct gdb_reply reply;
    struct text description;        /* the XML that is being read */
    char command[COMMAND_LINE_MAX]; /* of the monitor, being run; empty: none */
    const char *told;               /* the architecture that gdb knows of; NULL: none yet */
};

/* Add to the answer at hand. */
static inline void gdb_answer(struct gdb_session *s, const char *text)
{
    gdb_reply_text(&s->reply, text);
}

/* gdb_session.c */
struct cpu *gdb_cpu(struct gdb_session *s);
struct debug *gdb_debug(struct gdb_session *s);
/* Put the answer into its frame; the next one is empty. */
void gdb_send_reply(struct gdb_session *s, struct gdb_output *o);
/* Text for gdb's user. The answer must be empty, and is then. */
void gdb_send_console(struct gdb_session *s, const char *text, size_t len, struct gdb_output *o);
/* True if the word is next; *at moves behind it. */
bool gdb_take_word(const char **at, const char *word);

/* gdb_run.c */
/* Why the machine stands still; `stop` NULL: because it was told to. */
void gdb_answer_stop(struct gdb_session *s, const struct debug_stop *stop);
/* gdb asks once what the target is: tell its user if that has changed. */
void gdb_tell_architecture(struct gdb_session *s, struct gdb_output *o);
const char *gdb_architecture_now(struct gdb_session *s);
void gdb_listen(void *opaque, enum machine_event e);
void gdb_run_packet(struct gdb_session *s, const char *at);
void gdb_run_vcont(struct gdb_session *s, const char *at);

/* gdb_reverse.c */
bool gdb_can_go_back(struct gdb_session *s);
void gdb_back_packet(struct gdb_session *s, const char *at, struct gdb_output *o);

/* gdb_access.c */
void gdb_read_registers(struct gdb_session *s);
void gdb_write_registers(struct gdb_session *s, const char *at);
void gdb_read_register(struct gdb_session *s, const char *at);
void gdb_write_register(struct gdb_session *s, const char *at);
void gdb_read_memory(struct gdb_session *s, const char *at);
void gdb_write_memory(struct gdb_session *s, const char *at);
void gdb_write_binary(struct gdb_session *s, const char *at, const char *end);
void gdb_point_packet(struct gdb_session *s, const char *at);
void gdb_remove_points(struct gdb_session *s);
bool gdb_take_range(const char **at, u64 *address, u64 *len);

/* gdb_query.c */
void gdb_query(struct gdb_session *s, const char *at, struct gdb_output *o);

#endif
