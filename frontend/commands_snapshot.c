/* The commands save, load and export. */
#include "frontend/commands.h"

#include "devices/board/disk_copy.h"
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

struct export_rest {
    struct command_rest rest; /* first member */
    struct disk_copy *copy;
    char path[COMMAND_LINE_MAX];
};

static bool finish_export(struct command_rest *rest, struct text *out)
{
    struct export_rest *r = (struct export_rest *)rest;
    char err[500];
    bool good = disk_copy_finish(r->copy, r->path, err, sizeof err);

    if (!good)
        text_addf(out, "%s\n", err);
    free(r);
    return good;
}

bool command_export(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[500] = "export: out of memory";
    struct export_rest *r = calloc(1, sizeof *r);

    if (r) {
        r->rest.finish = finish_export;
        snprintf(r->path, sizeof r->path, "%s", line->word[2]);
        r->copy = disk_copy_start(c->machine, machine_drive_by_name(c->machine, line->word[1]), err,
                                  sizeof err);
    }
    if (r && r->copy)
        return command_leave(c, &r->rest, out);
    text_addf(out, "%s\n", err);
    free(r);
    return false;
}
