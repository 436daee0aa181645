/* A socket for gdb: `target remote HOST:PORT` or `target remote PATH`; see gdb_session.h. */
#ifndef FRONTEND_GDBSTUB_H
#define FRONTEND_GDBSTUB_H

#include "base/types.h"

struct frontend;
struct gdbstub;

/* `where` as server_new takes it. NULL and a sentence in err on failure. */
struct gdbstub *gdbstub_start(const char *where, struct frontend *f, char *err, size_t err_size);
/* As the functions of server.h. */
void gdbstub_ask_to_stop(struct gdbstub *g);
bool gdbstub_has_stopped(struct gdbstub *g);
void gdbstub_free(struct gdbstub *g);

#endif
