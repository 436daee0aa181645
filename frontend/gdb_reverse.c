/*
 * Going back (rewind.h): reverse-stepi and reverse-continue, from which gdb makes the others.
 * Source: the GDB manual, "Remote Protocol": "Packets", bs and bc.
 */
#include "frontend/gdb_private.h"

#include "devices/board/rewind.h"

#include <string.h>

bool gdb_can_go_back(struct gdb_session *s)
{
    return machine_rewind(s->host.machine);
}

/* Why it went no further: the past ends here, or something failed, which gdb's user is told. */
static void answer_end_of_past(struct gdb_session *s, const char *err, struct gdb_output *o)
{
    if (*err) {
        gdb_send_console(s, err, strlen(err), o);
        gdb_send_console(s, "\n", 1, o);
    }
    gdb_tell_architecture(s, o);
    gdb_answer_stop(s, NULL);
    gdb_answer(s, "replaylog:begin;");
}

static void step_back(struct gdb_session *s, struct rewind *r, struct gdb_output *o)
{
    char err[400] = "";

    if (!rewind_step_back(r, 1, err, sizeof err)) {
        answer_end_of_past(s, "", o);
        return;
    }
    gdb_tell_architecture(s, o);
    gdb_answer_stop(s, NULL);
}

static void continue_back(struct gdb_session *s, struct rewind *r, struct gdb_output *o)
{
    enum rewind_found found;
    struct debug_stop stop;
    char err[400] = "";

    found = rewind_back_before(r, &stop, err, sizeof err);
    if (found != REWIND_FOUND) {
        answer_end_of_past(s, err, o);
        return;
    }
    gdb_tell_architecture(s, o);
    gdb_answer_stop(s, &stop);
}

/* bs and bc. */
void gdb_back_packet(struct gdb_session *s, const char *at, struct gdb_output *o)
{
    struct rewind *r = machine_rewind(s->host.machine);

    if (!r || (strcmp(at, "bs") && strcmp(at, "bc")))
        return; /* the empty answer: not here */
    s->interrupted = false;
    if (at[1] == 's')
        step_back(s, r, o);
    else
        continue_back(s, r, o);
}
