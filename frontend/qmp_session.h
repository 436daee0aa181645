/*
 * A conversation in the JSON of QEMU's machine protocol (QMP): what its messages ask of the
 * machine, and the events it is told. All on the machine thread; frontend/qmp.c carries the bytes.
 * Built on libjansson; a build without it has none of this.
 */
#ifndef FRONTEND_QMP_SESSION_H
#define FRONTEND_QMP_SESSION_H

#include "base/types.h"
#include "frontend/qmp_input.h"
#include "frontend/text.h"

struct machine;
struct qmp_session;

struct qmp_session_host {
    struct machine *machine;
    /* There is news for qmp_session_news. Called on the machine thread. */
    void (*wake)(void *opaque);
    /* End the program. */
    void (*quit)(void *opaque, int code);
    void *opaque;
};

/* False: qmp_session_new always fails. */
bool qmp_in_build(void);

/* NULL if the host has no memory. The greeting is added to `out`. */
struct qmp_session *qmp_session_new(const struct qmp_session_host *host, struct text *out);
void qmp_session_free(struct qmp_session *s);
/*
 * What the client sent, a message of `len` bytes or something that is none; adds the answer. If it
 * asks for a command of the monitor, the line is returned, valid until the next call: run it, and
 * pass on what it prints and whether it succeeded.
 */
const char *qmp_session_take(struct qmp_session *s, enum qmp_event e, const char *data, size_t len,
                             struct text *out);
void qmp_session_printed(struct qmp_session *s, bool good, const char *text, struct text *out);
/* Adds the events since. `ending`: the program ends, whoever wanted it. */
void qmp_session_news(struct qmp_session *s, bool ending, struct text *out);

#endif
