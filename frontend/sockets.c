/* See sockets.h. */
#include "frontend/sockets.h"

#include "frontend/frontend.h"
#include "frontend/gdbstub.h"

bool sockets_start(struct sockets *s, struct frontend *f, char *err, size_t err_size)
{
    const struct options *o = frontend_options(f);

    return !o->gdb || (s->gdb = gdbstub_start(o->gdb, f, err, err_size));
}

void sockets_ask_to_stop(struct sockets *s)
{
    if (s->gdb)
        gdbstub_ask_to_stop(s->gdb);
}

bool sockets_have_stopped(const struct sockets *s)
{
    return !s->gdb || gdbstub_has_stopped(s->gdb);
}

void sockets_free(struct sockets *s)
{
    gdbstub_free(s->gdb);
}
