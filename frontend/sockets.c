/* See sockets.h. */
#include "frontend/sockets.h"

#include "frontend/frontend.h"
#include "frontend/gdbstub.h"
#include "frontend/qmp.h"

bool sockets_start(struct sockets *s, struct frontend *f, char *err, size_t err_size)
{
    const struct options *o = frontend_options(f);

    if (o->gdb && !(s->gdb = gdbstub_start(o->gdb, f, err, err_size)))
        return false;
    return !o->qmp || (s->qmp = qmp_start(o->qmp, f, err, err_size));
}

void sockets_ask_to_stop(struct sockets *s)
{
    if (s->gdb)
        gdbstub_ask_to_stop(s->gdb);
    if (s->qmp)
        qmp_ask_to_stop(s->qmp);
}

bool sockets_have_stopped(const struct sockets *s)
{
    return (!s->gdb || gdbstub_has_stopped(s->gdb)) && (!s->qmp || qmp_has_stopped(s->qmp));
}

void sockets_free(struct sockets *s)
{
    gdbstub_free(s->gdb);
    qmp_free(s->qmp);
}
