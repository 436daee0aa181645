/* The sockets of other programs beside a machine: --gdb and --qmp. */
#ifndef FRONTEND_SOCKETS_H
#define FRONTEND_SOCKETS_H

#include "base/types.h"

struct frontend;

/* NULL: not asked for. */
struct sockets {
    struct gdbstub *gdb;
    struct qmp *qmp;
};

/* Those that the options name; false and a sentence in err. */
bool sockets_start(struct sockets *s, struct frontend *f, char *err, size_t err_size);
/* As the functions of server.h. */
void sockets_ask_to_stop(struct sockets *s);
bool sockets_have_stopped(const struct sockets *s);
void sockets_free(struct sockets *s);

#endif
