/* The commands save and load. */
#include "frontend/commands.h"

#include "devices/board/snapshot.h"

#include <stdio.h>

bool command_save(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[500];
    struct snapshot_job *job = snapshot_start(c->machine, line->word[1], err, sizeof err);

    if (job && c->saving) {
        *c->saving = job;
        return true;
    }
    if (job && snapshot_wait(job, err, sizeof err))
        return true;
    text_addf(out, "%s\n", err);
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

bool command_save_wait(struct snapshot_job *job, struct text *out)
{
    char err[500];

    if (!job || snapshot_wait(job, err, sizeof err))
        return true;
    text_addf(out, "%s\n", err);
    return false;
}
