/* The commands save and load. */
#include "frontend/commands.h"

#include "devices/board/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

struct save_rest {
    struct command_rest rest; /* first member */
    struct snapshot_job *job;
};

static bool finish_save(struct command_rest *rest, struct text *out)
{
    struct save_rest *r = (struct save_rest *)rest;
    char err[500];
    bool good = snapshot_wait(r->job, err, sizeof err);

    if (!good)
        text_addf(out, "%s\n", err);
    free(r);
    return good;
}

bool command_save(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[500] = "save: out of memory";
    struct save_rest *r = malloc(sizeof *r);

    if (r)
        *r = (struct save_rest){.rest.finish = finish_save,
                                .job = snapshot_start(c->machine, line->word[1], err, sizeof err)};
    if (r && r->job)
        return command_leave(c, &r->rest, out);
    text_addf(out, "%s\n", err);
    free(r);
    return false;
}

bool command_load(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[500];
    struct snapshot *s = snapshot_open(line->word[1], err, sizeof err);
    bool good = s && snapshot_load(s, c->machine, err, sizeof err);

    snapshot_close(s);
    if (!good)
        text_addf(out, "%s\n", err);
    return good;
}
