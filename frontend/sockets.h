/* The sockets of other programs beside a machine: --gdb. */
#ifndef FRONTEND_SOCKETS_H
#define FRONTEND_SOCKETS_H

#include "base/types.h"

struct frontend;
struct options;

struct sockets {
    struct gdbstub *gdb; /* NULL: not asked for */
};

/* Those that the options name; false and a sentence in err, with the others stopped. */
bool sockets_start(struct sockets *s, struct frontend *f, char *err, size_t err_size);
/* As the functions of server.h. */
void sockets_ask_to_stop(struct sockets *s);
bool sockets_have_stopped(const struct sockets *s);
void sockets_free(struct sockets *s);

#endif
