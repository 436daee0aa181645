/* What the files of a QMP session share: qmp_session.c speaks, qmp_commands.c knows the commands.
 */
#ifndef FRONTEND_QMP_PRIVATE_H
#define FRONTEND_QMP_PRIVATE_H

#include "base/types.h"

#include <jansson.h>

struct machine;

/* One command being run. */
struct qmp_call {
    struct machine *machine;
    json_t *arguments; /* an object; checked against the row */
    u8 *buttons;       /* of the mouse, as this client holds them */
    bool quit;         /* set by it: the program is to end */
    const char *line;  /* set by it: a command of the monitor is to be run */
    bool strict;       /* and returns what it prints as a message, or an error; else the text */
    char buffer[1024]; /* where the line may be put together */
    const char *error; /* class of the error; NULL: none */
    char reason[400];
};

enum { QMP_ARGUMENTS_MAX = 6 };

/* kind: s string, i integer, b boolean, a array */
struct qmp_argument {
    const char *name;
    char kind;
    bool optional;
};

struct qmp_command {
    const char *name;
    struct qmp_argument arguments[QMP_ARGUMENTS_MAX + 1];
    /* A new reference to what is returned; NULL with `error` and `reason` set. */
    json_t *(*run)(struct qmp_call *c);
};

/* The end has no name. qmp_capabilities is among them. */
extern const struct qmp_command qmp_commands[];

json_t *qmp_fail(struct qmp_call *c, const char *error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The version, as greeting and query-version tell it. */
json_t *qmp_version(void);

#endif
